"""Write complete artificial acquisitions of ImageXpress HCS.ai: description, tables of images, planes, with known content."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fractal_omezarr_converters.testing.synthetic_plate import PlaneKey, SyntheticPlate, row_and_column

COLUMNS = (
    "FovUuid,Well,Row,Column,Field,Wavelength,Timepoint,ZIndex,ImageStartXPx,ImageStartYPx,ImageSizeXPx,ImageSizeYPx,"
    "ImageSubFolderPath,ImageFileName,TimeStampSec,ExposureTimeMs,ExcitationEmissionFilter,MinIntensity,MaxIntensity,"
    "MeanIntensity,PositionXUm,PositionYUm,PositionZUm,FieldOffsetPointX,FieldOffsetPointY,TemperatureC,CO2,Annotations,"
    "Checksum,O2Level"
).split(",")
FIRST_WELL_MM, WELL_PITCH_MM = (14.4, 11.3), 9.0
START = 1772456272.45


@dataclass(frozen=True)
class SyntheticHcsai(SyntheticPlate):
    """What is in the artificial acquisition; channels are wavelengths, in their order.

    ``folder_of_planes`` is the folder it is written to. ``tables`` is the number of tables that the images are spread over.
    """

    folder_of_planes: str = "experiment"
    tables: int = 1
    is_complete: bool = True
    reverse_columns: bool = False
    with_positions: bool = True
    with_heights: bool = True

    def file(self, key: PlaneKey) -> str:
        """Name of a plane's file."""
        return f"proto_t{key.t}_{key.well}_s{key.field - 1}_w{key.channel}_z{key.z}.tif"


def write_hcsai(
    folder: str | Path,
    *,
    missing: Collection[PlaneKey] = (),
    empty: Collection[PlaneKey] = (),
    absent: Collection[PlaneKey] = (),
    **settings: Any,
) -> SyntheticHcsai:
    """Write one or more acquisitions below a folder, and give the truth about them.

    Args:
        folder: where the folders of the acquisitions are made.
        missing: planes that are listed, but whose files are not there.
        empty: planes that are listed without the name of a file.
        absent: planes that are not listed.
        settings: any further field of :class:`SyntheticHcsai`.
    """
    import tifffile

    truth = SyntheticHcsai(
        Path(folder), missing=frozenset(missing), empty=frozenset(empty), absent=frozenset(absent), **settings
    )
    for acquisition, place in enumerate(truth.folders):
        home = place / truth.folder_of_planes
        home.mkdir(parents=True, exist_ok=True)
        names = [f"image_metadata_{number + 1}.csv" for number in range(truth.tables)]
        description = json.dumps(_description(truth, names), indent=4, ensure_ascii=False)
        (home / f"{truth.plate_name}.jdce").write_text(description, "utf-8")
        (place / "proto.mxprotocol").write_text("{}", "utf-8")
        keys = truth.listed(acquisition)
        for number, name in enumerate(names):
            _write_table(truth, home / name, keys[number :: truth.tables])
        for key in keys:
            if truth.is_there(key):
                image = home / f"timepoint{key.t}" / truth.file(key)
                image.parent.mkdir(exist_ok=True)
                tifffile.imwrite(image, truth.pixels(key), metadata=None)
    return truth


def _write_table(truth: SyntheticHcsai, path: Path, keys: list[PlaneKey]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        columns = list(reversed(COLUMNS)) if truth.reverse_columns else COLUMNS
        writer = csv.DictWriter(stream, columns, restval="")
        writer.writeheader()
        writer.writerows(_row(truth, key) for key in keys)


def _row(truth: SyntheticHcsai, key: PlaneKey) -> dict[str, Any]:
    row, column = row_and_column(key.well)
    x, y = truth.centre_um(key.field)
    channel = truth.channels[key.channel]
    centre = [(FIRST_WELL_MM[n] + (at - 1) * WELL_PITCH_MM) * 1000 for n, at in enumerate((column, row))]
    values: dict[str, Any] = {
        "Well": f"{key.well[:-2]} - {column}",
        "Row": row,
        "Column": column,
        "Field": key.field - 1,
        "Wavelength": key.channel,
        "Timepoint": key.t,
        "ZIndex": key.z,
        "ImageStartXPx": 0,
        "ImageStartYPx": 0,
        "ImageSizeXPx": truth.field_shape[1],
        "ImageSizeYPx": truth.field_shape[0],
        "ImageSubFolderPath": f"timepoint{key.t}",
        "ImageFileName": "" if key in truth.empty else truth.file(key),
        "TimeStampSec": START + truth.wells.index(key.well) * 500 + key.t * truth.seconds + key.field * 0.25,
        "ExposureTimeMs": 10,
        "ExcitationEmissionFilter": channel.name,
        "FieldOffsetPointX": x,
        "FieldOffsetPointY": y,
    }
    if truth.with_positions:
        values |= {"PositionXUm": centre[0] + x, "PositionYUm": centre[1] + y}
    if truth.with_heights:
        values["PositionZUm"] = 18444.72 + channel.z_offset + key.field * 0.4 + key.z * truth.z_step
    return values


def _description(truth: SyntheticHcsai, tables: list[str]) -> dict[str, Any]:
    height, width = truth.field_shape
    pair = {"Unit": "µm", "Horizontal": WELL_PITCH_MM, "Vertical": WELL_PITCH_MM}
    waves = [
        {
            "Index": number,
            "ImagingMode": "3-D" if truth.planes > 1 else "2-D",
            "EmissionFilter": {"Name": each.name, "Wavelength": each.emission, "Unit": "nm"},
            "ExcitationFilter": {"Name": each.name, "Wavelength": max(each.emission - 50, 0), "Unit": "nm"},
        }
        for number, each in enumerate(truth.channels)
    ]
    protocol = {
        "Camera": {"Size": {"Width": width, "Height": height}, "Binning": "4 X 4"},
        "ObjectiveCalibration": {
            "Unit": "µm",
            "PixelWidth": truth.pixel_size,
            "PixelHeight": truth.pixel_size_y or truth.pixel_size,
        },
        "Plate": {
            "Name": "µ-Plate",
            "Rows": 32,
            "Columns": 48,
            # labelled µm, in mm
            "TopLeftWellCenterOffset": {"Unit": "µm", "Horizontal": FIRST_WELL_MM[0], "Vertical": FIRST_WELL_MM[1]},
            "WellSpacing": pair,
        },
        "Wavelengths": waves,
        "PlateMap": {
            "ZDimensionParameters": {"Enabled": truth.planes > 1, "Step": truth.z_step, "NumberOfSlices": truth.planes},
            # called milliseconds, numbers of time points
            "TimeSchedule": {"Enabled": truth.times > 1, "Times": [{"Ms": t} for t in range(truth.times)]},
        },
        "CollectionComplete": truth.is_complete,
    }
    return {
        "Version": "1.1",
        "ImageStack": {
            "PlateId": f"{truth.plate_name} 2026-03-02, 13:57:52",
            "Application": {"Name": "MetaXpress Acquire", "SoftwareLabel": "2025.2.0.5237"},
            "Creation": {"Date": "2026-03-02", "Time": "13:57:52", "TimeZoneOffset": "0"},
            "AutoLeadAcquisitionProtocol": protocol,
            "SpecimenHolder": {"Type": "plate", "Barcode": "B-17"},
            "ImageMetadataFiles": tables,
        },
    }
