"""Operetta, Operetta CLS and Opera Phenix (PerkinElmer / Revvity, software Harmony), and exports of Columbus.

Versions: Harmony 4.1 to 4.9 (V4, V5, ``Index.idx.xml``), 5.0 to 5.2 (V6, V7, ``Index.xml``), Columbus.
Seen as files: V5 (Operetta CLS, Phenix), V7 (Phenix); the others follow published descriptions.

    <plate>__<date>-Measurement <n>/
    ├── Assaylayout/*.xml               optional
    └── Images/                         also images/, or none: index and TIFFs side by side
        ├── Index.idx.xml               or Index.xml, Index.ref.xml, ImageIndex.ColumbusIDX.xml
        └── r<RR>c<CC>f<FF>p<PP>-ch<C>sk<T>fk1fl1.tiff

File names are never made up: the index names them (``URL``). A Harmony *archive* (``XML/MEASUREMENT``, ``IMAGES.sqlite``)
is another layout and is refused with a sentence that says how to export. Facts and traps: docs/formats/operetta.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import ConfigDict, Field

from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.formats.acquisition_files import AcquisitionFiles
from fractal_omezarr_converters.formats.contract import Format, FormatOptions, Scan
from fractal_omezarr_converters.formats.operetta_flatfield import FlatField, FlatFieldMode, read_flat_field
from fractal_omezarr_converters.formats.operetta_index import OperettaIndex, read_index, seconds_of
from fractal_omezarr_converters.formats.operetta_places import (
    FieldGrid,
    field_centres,
    frame_times,
    ranks,
    t_step,
    z_offsets,
    z_step,
)
from fractal_omezarr_converters.formats.operetta_tiles import (
    Axes,
    SortedPlanes,
    build_tiles,
    channel_infos,
    sort_planes,
)
from fractal_omezarr_converters.formats.xml_stream import XmlStream, root_element
from fractal_omezarr_converters.models.plate_facts import PlateFacts
from fractal_omezarr_converters.models.well_names import safe_plate_name

INDEX_NAMES = ("Index.idx.xml", "Index.xml", "Index.ref.xml", "ImageIndex.ColumbusIDX.xml")
IMAGE_FOLDERS = ("", "Images/", "images/")
ARCHIVE_MARKERS = ("XML/MEASUREMENT/*.xml", "IMAGES/*/IMAGES.sqlite")


class OperettaOptions(FormatOptions):
    """Options for measurements of Operetta, Operetta CLS and Opera Phenix."""

    model_config = ConfigDict(title="Operetta Options")

    field_positions: Literal["calibrated", "nominal"] = Field(default="calibrated", title="Field Positions")
    """Where fields lie:

    - `calibrated`: where the camera saw them, by the orientation matrix in the metadata.
    - `nominal`: where the stage was sent.
    """
    field_grid: FieldGrid | None = Field(default=None, title="Field Grid")
    """Arrangement of the fields, when the instrument recorded no positions (Harmony 4.1)."""
    flat_field: FlatFieldMode = Field(default="off", title="Flat-Field Correction")
    """Correct uneven illumination with the profiles of the instrument. This changes pixel values:

    - `off`: pixels stay as they are.
    - `divide`: pixels are divided by the profile.
    - `subtract`: the background is subtracted, the rest is divided by the profile, the mean of the background is added.
    """


class Operetta(Format):
    """Operetta, Operetta CLS, Opera Phenix; Harmony V4 to V7 and Columbus."""

    name: ClassVar[str] = "operetta"
    title: ClassVar[str] = "Operetta, Operetta CLS, Opera Phenix (Harmony, Columbus)"
    maker: ClassVar[str] = "PerkinElmer / Revvity"
    markers: ClassVar[tuple[str, ...]] = (
        *(folder + name for folder in IMAGE_FOLDERS for name in INDEX_NAMES),
        *(f"*/{folder}{name}" for folder in IMAGE_FOLDERS[1:] for name in INDEX_NAMES),
        *ARCHIVE_MARKERS,
    )
    kind: ClassVar[Literal["plate", "image"]] = "plate"
    options: ClassVar[type[FormatOptions]] = OperettaOptions
    docs: ClassVar[str] = "formats/operetta.md"

    def recognises(self, source: str | Path) -> bool:
        """Say whether there is an index whose root element is Harmony's, or a Harmony archive."""
        return any(_is_of_harmony(each) for each in self.marker_files(source))

    def scan(
        self,
        source: str,
        *,
        options: FormatOptions | Mapping[str, Any] | None = None,
        plate_name: str | None = None,
        acquisition: int = 0,
    ) -> Scan:
        """Read the index and give one tile per plane whose file is there."""
        chosen = OperettaOptions.model_validate(self.checked_options(options))
        warnings: list[str] = []
        index_file = self.find_index(source, warnings)
        index = read_index(str(index_file))
        warnings.extend(index.warnings)
        measurement = _measurement_folder(index_file)
        root = index_file.parent if Path(source).absolute() == index_file.parent else measurement
        files = AcquisitionFiles(root, index_file.parent, follow_links=chosen.follow_links)
        planes = sort_planes(index, files, warnings)
        if not planes.planes:
            raise ConvertersToolsUserError(
                f"'{index_file}' names no image file; export the measurement with its images."
            )
        axes, times = _axes(index, planes, chosen, warnings)
        offsets = z_offsets(planes.planes, axes.z_index)
        infos = channel_infos(index, sorted(index.channels), offsets, warnings)
        flat_fields = _flat_fields(index, planes, chosen, warnings) if chosen.flat_field != "off" else {}
        plate = _plate_facts(index, planes, plate_name, measurement, warnings)
        if len({(each.pixel_x, each.pixel_y) for each in planes.planes}) > 1:
            warnings.append("Planes have different pixel sizes; only planes of one pixel size fit into one image.")
        tiles = build_tiles(
            planes,
            axes,
            index.channels,
            infos,
            flat_fields,
            plate_name=plate.name,
            acquisition=acquisition,
            subtract=chosen.flat_field == "subtract",
            began=seconds_of(index.plate_value("MeasurementStartTime")),
        )
        facts = _facts(index, planes, axes, times, offsets)
        facts.update(field_positions="grid" if chosen.field_grid else chosen.field_positions)
        facts.update(flat_field=chosen.flat_field, flat_field_channels=sorted(flat_fields))
        corrections = []
        if flat_fields:
            fields = {str(number): each.model_dump(mode="json") for number, each in sorted(flat_fields.items())}
            corrections.append({"name": "flat_field", "params": {"mode": chosen.flat_field, "channels": fields}})
        return Scan(tiles, plate, planes.states, warnings, [str(index_file)], facts, corrections)

    def find_index(self, source: str, warnings: list[str]) -> Path:
        """Find the index file of the one measurement in a folder.

        Raises:
            ConvertersToolsFileNotFoundError: there is no index.
            ConvertersToolsUserError: there are several measurements, or the folder is a Harmony archive.
        """
        place = Path(source).absolute()
        if not place.exists():
            raise ConvertersToolsFileNotFoundError(f"There is no folder '{source}'; check the path.")
        found = [each.absolute() for each in self.marker_files(place) if each.name in INDEX_NAMES]
        here = [each for each in found if each == place or _measurement_folder(each) == place or each.parent == place]
        chosen = here or found
        measurements = sorted({_measurement_folder(each).name for each in chosen})
        if len(measurements) > 1:
            raise ConvertersToolsUserError(
                f"'{source}' holds {len(measurements)} measurements: {', '.join(measurements)}; give each of them as an"
                " acquisition of its own."
            )
        if len({each.resolve() for each in chosen}) > 1:
            warnings.append(f"'{source}' holds more than one index; '{chosen[0]}' is used.")
        if chosen:
            return chosen[0]
        if self.marker_files(place):
            raise ConvertersToolsUserError(
                f"'{source}' is a Harmony archive (XML/MEASUREMENT and IMAGES.sqlite), which only Harmony can open;"
                " restore it in Harmony and write the measurement out with 'Export Data' (images and index)."
            )
        raise ConvertersToolsFileNotFoundError(
            f"'{source}' holds no index of Harmony or Columbus; looked for {', '.join(INDEX_NAMES)} there and in Images."
        )


def _measurement_folder(index_file: Path) -> Path:
    parent = index_file.parent
    return parent.parent if parent.name in ("Images", "images") else parent


def _is_of_harmony(path: Path) -> bool:
    if path.name == "IMAGES.sqlite" or "Columbus" in path.name or path.parent.name == "MEASUREMENT":
        return True
    root = root_element(path)
    # A damaged index is still an index: scanning it says what is wrong.
    return root.name == "EvaluationInputData" if root is not None else path.name == "Index.idx.xml"


def _axes(
    index: OperettaIndex, planes: SortedPlanes, options: OperettaOptions, warnings: list[str]
) -> tuple[Axes, list[float | None]]:
    # Ranks are taken over all records, so that a missing file moves no other plane.
    sequences = any(len(key) > 1 for key in planes.time_keys)
    all_times: list[tuple[int, ...]] = [
        (each.sequence, each.time) if sequences else (each.time,) for each in index.planes
    ]
    all_z = ranks([(each.plane,) for each in index.planes])
    all_t = ranks(all_times)
    z_of = {each.plane: int(rank) for each, rank in zip(index.planes, all_z, strict=True)}
    t_of = {key: int(rank) for key, rank in zip(all_times, all_t, strict=True)}
    kept = planes.planes
    times = frame_times(index.planes, all_t)
    z_index = np.array([z_of[each.plane] for each in kept], dtype=np.int64)
    axes = Axes(
        z_index=z_index,
        t_index=np.array([t_of[key] for key in planes.time_keys], dtype=np.int64),
        centres=field_centres(
            index, kept, positions=options.field_positions, grid=options.field_grid, warnings=warnings
        ),
        z_step=z_step(index.planes, all_z, warnings),
        z_origin=next(iter(z_offsets(kept, z_index).values()), 0.0),
        t_step=t_step(times, warnings),
        times=times,
    )
    return axes, times


def _flat_fields(
    index: OperettaIndex, planes: SortedPlanes, options: OperettaOptions, warnings: list[str]
) -> dict[int, FlatField]:
    corrected = next((path for path in planes.files if Path(path).name.startswith("flex_")), None)
    if corrected is not None:
        raise ConvertersToolsUserError(
            f"'{corrected}' was exported with flat-field correction already applied; set flat_field to 'off'."
        )
    texts = {number: facts.flatfield for number, facts in index.channels.items() if facts.flatfield}
    if not texts:
        texts = _separate_profiles(Path(index.path).parent)
    fields: dict[int, FlatField] = {}
    for number in sorted(index.channels):
        sizes = sorted({(each.height, each.width) for each in planes.planes if each.channel == number})
        text = texts.get(number)
        if text is None or not sizes:
            warnings.append(f"Channel {number} has no flat-field profile and is not corrected.")
            continue
        if len(sizes) > 1:
            raise ConvertersToolsUserError(
                f"{index.path}: images of channel {number} have different sizes; set flat_field to 'off'."
            )
        where = f"{index.path}, channel {number}"
        fields[number] = read_flat_field(text, height=sizes[0][0], width=sizes[0][1], where=where)
        if options.flat_field == "subtract" and fields[number].mean is None and not fields[number].is_flat:
            warnings.append(f"Channel {number} states no mean of its background; it is divided only.")
    changed = [str(number) for number, each in sorted(fields.items()) if not each.is_flat]
    if changed:
        warnings.append(
            f"Pixel values are changed by flat-field correction ({options.flat_field}) of"
            f" {'channels' if len(changed) > 1 else 'channel'} {', '.join(changed)}, with the profiles of '{index.path}'."
        )
    return fields


def _separate_profiles(folder: Path) -> dict[int, str]:
    """Profiles of exports that keep them apart, in FFC_Profile beside the folder of the images."""
    texts: dict[int, str] = {}
    for place in (folder, folder.parent):
        for path in sorted(place.glob("FFC_Profile/FFC_Profile_*.xml")):
            for record in XmlStream(path, ["Map", "Maps/Map"]):
                for entry in record.every("Entry"):
                    number, text = entry.attributes.get("ChannelID", ""), entry.get("FlatfieldProfile")
                    if number.isdigit() and text:
                        texts.setdefault(int(number), text)
    return texts


def _plate_facts(
    index: OperettaIndex, planes: SortedPlanes, plate_name: str | None, measurement: Path, warnings: list[str]
) -> PlateFacts:
    wanted = plate_name or index.plate_value("Name") or index.plate_value("PlateID") or measurement.name
    try:
        name, warning = safe_plate_name(wanted)
    except ValueError as error:
        raise ConvertersToolsUserError(f"'{index.path}': {error} Give the plate a name in the options.") from None
    if warning:
        warnings.append(warning)
    size: list[int | None] = []
    for what, used in (
        ("PlateRows", max(each.row for each in planes.planes)),
        ("PlateColumns", max(each.column for each in planes.planes)),
    ):
        has = index.plate is not None and index.plate.get(what) is not None
        stated = index.plate.integer(what, least=1, most=48) if index.plate is not None and has else None
        if stated is not None and used > stated:
            warnings.append(f"{what} is {stated}, but there are images at {used}; the size of the plate is not used.")
            stated = None
        size.append(stated)
    start = seconds_of(index.plate_value("MeasurementStartTime"))
    taken = [each.taken for each in index.planes if each.taken is not None]
    return PlateFacts(
        name=name,
        rows=size[0],
        columns=size[1],
        acquisition_name=measurement.name.rpartition("__")[2],
        acquisition_description=f"{index.instrument or 'Operetta'}, {index.harmony or 'unknown version'}",
        start_time=int(start) if start is not None else None,
        end_time=int(max(taken)) if taken else None,
        barcode=index.plate_value("PlateID"),
    )


def _facts(
    index: OperettaIndex,
    planes: SortedPlanes,
    axes: Axes,
    times: list[float | None],
    offsets: dict[int, float],
) -> dict[str, Any]:
    return {
        "instrument": index.instrument,
        "software": index.harmony,
        "measurement_id": index.plate_value("MeasurementID"),
        "measurement_start": index.plate_value("MeasurementStartTime"),
        "plate_type": index.plate_value("PlateTypeName"),
        "wells": len({(each.row, each.column) for each in planes.planes}),
        "fields": len({each.field for each in planes.planes}),
        "z_planes": int(axes.z_index.max()) + 1,
        "z_step_um": axes.z_step,
        "frames": len(times),
        "frame_times_s": times,
        "channels": [
            {
                "number": number,
                "name": facts.name,
                "kind": facts.kind,
                "excitation_nm": facts.excitation_nm,
                "emission_nm": facts.emission_nm,
                "z_offset_um": offsets.get(number),
                "orientation_matrix": facts.matrix,
                **facts.facts,
            }
            for number, facts in sorted(index.channels.items())
        ],
    }
