"""Write complete artificial acquisitions of ScanR, of the newer (OME-XML) or the older generation, with known content."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from fractal_omezarr_converters.models.well_names import row_name
from fractal_omezarr_converters.testing.synthetic_plate import PlaneKey, SyntheticPlate, row_and_column

OFFSET = 0x8000
STAGE_UM = (100_090.0, 61_827.0)


@dataclass(frozen=True)
class SyntheticScanr(SyntheticPlate):
    """What is in the artificial acquisition. The older generation adds an offset to all pixels and has no OME-XML.

    Without ``labels`` wells have numbers only; without ``descriptor`` that file is not written.
    """

    generation: Literal["new", "old"] = "new"
    labels: bool = True
    descriptor: bool = True
    plate_size: tuple[int, int] = (8, 12)
    positions: bool = True

    def number(self, well: str) -> int:
        """Number of a well, by rows."""
        row, column = row_and_column(well)
        return (row - 1) * self.plate_size[1] + column

    def label(self, well: str) -> str:
        """Label of a well, such as ``B3``, or nothing."""
        row, column = row_and_column(well)
        return f"{row_name(row)}{column}" if self.labels else ""

    def file(self, key: PlaneKey) -> str:
        """Name of a plane's file."""
        return (
            f"{self.label(key.well)}--W{self.number(key.well):05d}--P{key.field:05d}--Z{key.z:05d}--T{key.t:05d}"
            f"--{self.channels[key.channel].name}.tif"
        )


def write_scanr(
    folder: str | Path, *, missing: Collection[PlaneKey] = (), absent: Collection[PlaneKey] = (), **settings: Any
) -> SyntheticScanr:
    """Write one or more acquisitions below a folder, and give the truth about them.

    Args:
        folder: where the acquisitions' folders are made.
        missing: planes without a file; the newer generation describes them all the same.
        absent: planes that are not described.
        settings: any further field of :class:`SyntheticScanr`.
    """
    import tifffile

    truth = SyntheticScanr(Path(folder), missing=frozenset(missing), absent=frozenset(absent), **settings)
    for acquisition, place in enumerate(truth.folders):
        data = place / "data"
        data.mkdir(parents=True, exist_ok=True)
        if truth.descriptor:
            (place / "experiment_descriptor.xml").write_text(_descriptor(truth), "latin-1")
        if truth.generation == "new":
            (data / "metadata.ome.xml").write_text(_ome(truth, acquisition), "utf-8")
        for key in truth.listed(acquisition):
            if truth.is_there(key):
                if truth.generation == "new":
                    tifffile.imwrite(data / truth.file(key), truth.pixels(key), metadata=None)
                else:
                    pixels: Any = truth.pixels(key).astype(np.uint16) + np.uint16(OFFSET)
                    tifffile.imwrite(
                        data / truth.file(key), pixels, metadata=None, software="National Instruments IMAQ"
                    )
    return truth


def _pair(name: str, value: object) -> str:
    return f"<DBL><Name>{name}</Name>\n<Val>{escape(str(value))}</Val></DBL>\n"


def _descriptor(truth: SyntheticScanr) -> str:
    wells = "".join(
        f"<String><Name>String</Name><Val>{each}</Val></String>\n"
        for well in truth.wells
        for each in (truth.number(well), truth.label(well))
    )
    centres = (truth.centre_um(number) for number in truth.fields)
    places = "".join(f"<DBL><Name>p</Name><Val>{each!r}</Val></DBL>\n" for x, y in centres for each in (x, -y))
    channels = "".join(_pair("name", each.name) + _pair("idle", 0) for each in truth.channels)
    list_ = f"<Array><Name>subposition list</Name>\n<Dimsize>{2 * len(truth.fields)}</Dimsize>\n{places}</Array>\n"
    return (
        '<?xml version="1.0" encoding="us-ascii"?><LVData>\n'
        + _pair("plate name", truth.plate_name)
        + _pair("conversion factor um/pixel", truth.pixel_size)
        + _pair("timeloop delay [ms]", truth.seconds * 1000)
        + _pair("note", "µ")
        + channels
        + _pair("name", "Autofocus")
        + _pair("idle", 0)
        + _pair("name", "unused")
        + _pair("idle", 1)
        + (list_ if truth.positions else "")
        + "<Cluster><Name>format typedef</Name>\n"
        + _pair("Rows", truth.plate_size[0])
        + _pair("Columns", truth.plate_size[1])
        + "</Cluster>\n"
        + f"<Array><Name>well selection table + cDNA</Name>\n<Dimsize>2</Dimsize>\n{wells}</Array>\n</LVData>\n"
    )


def _ome(truth: SyntheticScanr, acquisition: int) -> str:
    keys = truth.listed(acquisition)
    size_y = truth.pixel_size_y or truth.pixel_size
    images = []
    for well in truth.wells:
        for number in truth.fields:
            mine = [key for key in keys if key.well == well and key.field == number]
            if mine:
                images.append(_image(truth, mine, f"W{truth.number(well)}P{number}", size_y))
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="no" ?>\n<OME Creator="Olympus, scanR 3.3.0  (r4137)"'
        f' xmlns="http://www.openmicroscopy.org/Schemas/OME/2013-06">{"".join(images)}</OME>'
    )


def _image(truth: SyntheticScanr, keys: list[PlaneKey], id_: str, size_y: float) -> str:
    height, width = truth.field_shape
    well, number = keys[0].well, keys[0].field
    label = f" ({truth.label(well)})" if truth.labels else ""
    channels = "".join(f"<Channel ID='C:{n}' Name={quoteattr(each.name)}/>" for n, each in enumerate(truth.channels))
    x, y = truth.centre_um(number)
    files = "".join(
        f'<TiffData FirstC="{key.channel}" FirstT="{key.t}" FirstZ="{key.z}"><UUID FileName={quoteattr(truth.file(key))}>'
        "urn:uuid:0</UUID></TiffData>"
        for key in keys
    )
    planes = "".join(
        f'<Plane DeltaT="{key.t * truth.seconds + 0.1 * number!r}" PositionX="{STAGE_UM[0] + x!r}"'
        f' PositionY="{STAGE_UM[1] - y!r}" PositionZ="{6275.29 + key.z * truth.z_step!r}" TheC="{key.channel}"'
        f' TheT="{key.t}" TheZ="{key.z}"/>'
        for key in keys
    )
    return (
        f'<Image ID="Image:{id_}" Name="Well {truth.number(well)}, Position {number}{label}"><Pixels'
        f' DimensionOrder="XYCTZ" ID="Pixels:{id_}" PhysicalSizeX="{truth.pixel_size!r}" PhysicalSizeY="{size_y!r}"'
        f' SizeC="{len(truth.channels)}" SizeT="{truth.times}" SizeX="{width}" SizeY="{height}" SizeZ="{truth.planes}"'
        f' SignificantBits="16" Type="uint16">{channels}{files}{planes}</Pixels></Image>'
    )
