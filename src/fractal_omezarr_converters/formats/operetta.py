"""Operetta, Operetta CLS and Opera Phenix (PerkinElmer / Revvity, software Harmony), and exports of Columbus.

Versions: Harmony 4.1 to 4.9 (V4, V5, ``Index.idx.xml``), 5.0 to 5.2 (V6, V7, ``Index.xml``), Columbus.
Seen as files: V5 (Operetta CLS, Phenix), V7 (Phenix); the others follow published descriptions.

    <plate>__<date>-Measurement <n>/
    ├── Assaylayout/*.xml               optional
    └── Images/                         also images/, or none: index and TIFFs side by side
        ├── Index.idx.xml               or Index.xml, index.xml, Index.ref.xml, ImageIndex.ColumbusIDX.xml
        └── [r<RR>c<CC>/]r<RR>c<CC>f<FF>p<PP>-ch<C>sk<T>fk1fl1.tiff

File names are never made up: the index names them (``URL``). A Harmony *archive* (``XML/MEASUREMENT``, ``IMAGES.sqlite``)
is another layout and is refused with a sentence that says how to export. Facts and traps: docs/formats/operetta.md.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import ConfigDict, Field

from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.formats.acquisition_files import AcquisitionFiles
from fractal_omezarr_converters.formats.clock_times import seconds_of
from fractal_omezarr_converters.formats.contract import FormatOptions
from fractal_omezarr_converters.formats.field_grid import FieldGrid
from fractal_omezarr_converters.formats.operetta_flatfield import FlatField, FlatFieldMode, read_flat_field
from fractal_omezarr_converters.formats.operetta_index import OperettaIndex, read_index
from fractal_omezarr_converters.formats.operetta_places import field_centres
from fractal_omezarr_converters.formats.operetta_planes import channel_facts, loader_maker, plane_table, warn_of_index
from fractal_omezarr_converters.formats.plane_records import Measurement
from fractal_omezarr_converters.formats.plane_table import PlaneTable
from fractal_omezarr_converters.formats.plate_format import PlateFormat
from fractal_omezarr_converters.formats.plate_naming import plate_facts_of
from fractal_omezarr_converters.formats.xml_stream import XmlStream, root_element
from fractal_omezarr_converters.models.plate_facts import PlateFacts
from fractal_omezarr_converters.models.urls import is_file_there

INDEX_NAMES = ("Index.idx.xml", "Index.xml", "Index.ref.xml", "ImageIndex.ColumbusIDX.xml")
#: Harmony 6 and 7 write these, too, with folders of wells beside them.
SMALL_INDEX_NAMES = ("index.idx.xml", "index.xml", "index.ref.xml")
IMAGE_FOLDERS = ("", "Images/", "images/")
#: Before the names of images that were exported with flat-field correction.
LARGEST_PLATE = 48
FLEX = "flex/flex_"
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


class Operetta(PlateFormat[OperettaOptions]):
    """Operetta, Operetta CLS, Opera Phenix; Harmony V4 to V7 and Columbus."""

    name: ClassVar[str] = "operetta"
    title: ClassVar[str] = "Operetta, Operetta CLS, Opera Phenix (Harmony, Columbus)"
    maker: ClassVar[str] = "PerkinElmer / Revvity"
    markers: ClassVar[tuple[str, ...]] = (
        *(folder + name for folder in IMAGE_FOLDERS for name in (*INDEX_NAMES, *SMALL_INDEX_NAMES)),
        *(f"*/{folder}{name}" for folder in IMAGE_FOLDERS for name in (*INDEX_NAMES, *SMALL_INDEX_NAMES)),
        *ARCHIVE_MARKERS,
    )
    kind: ClassVar[Literal["plate", "image"]] = "plate"
    options: ClassVar[type[FormatOptions]] = OperettaOptions
    docs: ClassVar[str] = "formats/operetta.md"

    def recognises(self, source: str | Path) -> bool:
        """Say whether there is an index whose root element is Harmony's, or a Harmony archive."""
        return any(_is_of_harmony(each) for each in self.marker_files(source))

    def measure(self, source: Path, options: OperettaOptions, plate_name: str | None) -> Measurement:
        """Read the index; nothing else is opened."""
        warnings: list[str] = []
        index_file = self.find_index(source, warnings)
        index = read_index(str(index_file))
        warnings.extend(index.warnings)
        measurement = _measurement_folder(index_file)
        root = index_file.parent if source == index_file.parent else measurement
        centres = None
        if options.field_grid is None:
            centres = field_centres(index, positions=options.field_positions, warnings=warnings)
        planes, frames = plane_table(index, centres)
        planes = _in_flex_folder(planes, index_file, options, warnings)
        warn_of_index(index, warnings)
        flat_fields = _flat_fields(index, options, warnings) if options.flat_field != "off" else {}
        measured = Measurement(
            described_in=str(index_file),
            files=AcquisitionFiles(root, index_file.parent, follow_links=options.follow_links),
            planes=planes,
            frames=frames,
            channels=channel_facts(index),
            plate=_plate_facts(index, planes, plate_name, measurement, warnings),
            field_grid=options.field_grid,
            make_loaders=loader_maker(flat_fields, subtract=options.flat_field == "subtract"),
            warnings=warnings,
            metadata_files=list(dict.fromkeys([str(index_file), *_files_of_profiles(index)])),
            facts=_facts(index, options, sorted(flat_fields)),
        )
        if flat_fields:
            fields = {str(number): each.model_dump(mode="json") for number, each in sorted(flat_fields.items())}
            measured.corrections.append(
                {"name": "flat_field", "params": {"mode": options.flat_field, "channels": fields}}
            )
        return measured

    def find_index(self, source: Path, warnings: list[str]) -> Path:
        """Find the index file of the one measurement in a folder.

        Raises:
            ConvertersToolsFileNotFoundError: there is no index.
            ConvertersToolsUserError: there are several measurements, or the folder is a Harmony archive.
        """
        found = [
            each.absolute() for each in self.marker_files(source) if each.name in (*INDEX_NAMES, *SMALL_INDEX_NAMES)
        ]
        here = [each for each in found if each == source or source in (_measurement_folder(each), each.parent)]
        chosen = here or found
        measurements = sorted({_measurement_folder(each).name for each in chosen})
        if len(measurements) > 1:
            raise ConvertersToolsUserError(
                f"'{source}' holds {len(measurements)} measurements: {', '.join(measurements)}; give each of them as an"
                " acquisition of its own."
            )
        if not all(each.samefile(chosen[0]) for each in chosen):  # disks may make no difference between capitals
            warnings.append(f"'{source}' holds more than one index; '{chosen[0]}' is used.")
        if chosen:
            return chosen[0]
        if self.marker_files(source):
            raise ConvertersToolsUserError(
                f"'{source}' is a Harmony archive (XML/MEASUREMENT and IMAGES.sqlite), which only Harmony can open;"
                " restore it in Harmony and write the measurement out with 'Export Data' (images and index)."
            )
        raise ConvertersToolsFileNotFoundError(
            f"'{source}' holds no index of Harmony or Columbus; looked for {', '.join(INDEX_NAMES)} there and in Images."
        )


def _in_flex_folder(planes: PlaneTable, index_file: Path, options: OperettaOptions, warnings: list[str]) -> PlaneTable:
    """Planes by the names that an export with flat-field correction gives them, if only those are there."""
    folder = index_file.parent
    if not (folder / FLEX).parent.is_dir():
        return planes
    # the first image that is there decides, as some may be missing
    places = ((start, name) for name in filter(None, planes.file) for start in ("", FLEX))
    if next((start for start, name in places if is_file_there(folder / f"{start}{name}")), "") != FLEX:
        return planes
    if options.flat_field != "off":
        raise ConvertersToolsUserError(
            f"The images in '{folder / FLEX.partition('/')[0]}' were corrected by Harmony when they were exported; set"
            " flat_field to 'off', so that they are not corrected twice."
        )
    warnings.append(
        f"The images are those in '{FLEX.partition('/')[0]}', which Harmony corrected for uneven illumination."
    )
    return replace(planes, file=[f"{FLEX}{name}" if name else None for name in planes.file])


def _measurement_folder(index_file: Path) -> Path:
    parent = index_file.parent
    return parent.parent if parent.name in ("Images", "images") else parent


def _is_of_harmony(path: Path) -> bool:
    if path.name == "IMAGES.sqlite" or "Columbus" in path.name or path.parent.name == "MEASUREMENT":
        return True
    root = root_element(path)
    # A damaged index is still an index: scanning it says what is wrong.
    return root.name == "EvaluationInputData" if root is not None else path.name.lower() == "index.idx.xml"


def _flat_fields(index: OperettaIndex, options: OperettaOptions, warnings: list[str]) -> dict[int, FlatField]:
    planes = index.planes
    urls = (url or "" for url in planes.url)
    corrected = next((url for url in urls if Path(url.replace("\\", "/")).name.startswith("flex_")), None)
    if corrected is not None:
        raise ConvertersToolsUserError(
            f"'{corrected}' was exported with flat-field correction already applied; set flat_field to 'off'."
        )
    if not any(facts.flatfield for facts in index.channels.values()):
        _take_separate_profiles(index)
    fields: dict[int, FlatField] = {}
    for number, facts in sorted(index.channels.items()):
        mine = planes.named() & (planes.channel == number)
        sizes = sorted(set(zip(planes.height[mine].tolist(), planes.width[mine].tolist(), strict=True)))
        if facts.flatfield is None or not sizes:
            warnings.append(f"Channel {number} has no flat-field profile and is not corrected.")
            continue
        if len(sizes) > 1:
            raise ConvertersToolsUserError(
                f"{index.path}: images of channel {number} have different sizes; set flat_field to 'off'."
            )
        where = f"{facts.flatfield_in}, channel {number}"
        fields[number] = read_flat_field(facts.flatfield, height=sizes[0][0], width=sizes[0][1], where=where)
        if options.flat_field == "subtract" and fields[number].mean is None and not fields[number].is_flat:
            warnings.append(f"Channel {number} states no mean of its background; it is divided only.")
    changed = [str(number) for number, each in sorted(fields.items()) if not each.is_flat]
    if changed:
        files = "', '".join(_files_of_profiles(index))
        warnings.append(
            f"Pixel values are changed by flat-field correction ({options.flat_field}) of"
            f" {'channels' if len(changed) > 1 else 'channel'} {', '.join(changed)}, with the profiles of '{files}'."
        )
    return fields


def _take_separate_profiles(index: OperettaIndex) -> None:
    """Take the profiles of exports that keep them apart, in FFC_Profile beside the folder of the images."""
    folder = Path(index.path).parent
    for place in (folder, folder.parent):
        for path in sorted(place.glob("FFC_Profile/FFC_Profile_*.xml")):
            for record in XmlStream(path, ["Map", "Maps/Map"]):
                for entry in record.every("Entry"):
                    number, text = entry.attributes.get("ChannelID", ""), entry.get("FlatfieldProfile")
                    facts = index.channels.get(int(number)) if number.isdecimal() else None
                    if facts is not None and text and facts.flatfield is None:
                        facts.flatfield, facts.flatfield_in = text, str(path)


def _files_of_profiles(index: OperettaIndex) -> list[str]:
    return sorted({facts.flatfield_in for facts in index.channels.values() if facts.flatfield_in})


def _plate_facts(
    index: OperettaIndex,
    planes: PlaneTable,
    plate_name: str | None,
    measurement: Path,
    warnings: list[str],
) -> PlateFacts:
    size: list[int | None] = []
    for what in ("PlateRows", "PlateColumns"):
        stated = index.plate_value(what)
        size.append(int(stated) if stated and stated.isdecimal() and 1 <= int(stated[:9]) <= LARGEST_PLATE else None)
        if stated and size[-1] is None:
            warnings.append(
                f"'{index.path}' states '{stated[:40]}' as {what}, which no plate has; its size is not used."
            )
    start = seconds_of(index.plate_value("MeasurementStartTime"))
    taken = planes.clock[np.isfinite(planes.clock)]
    return plate_facts_of(
        planes,
        name=plate_name or index.plate_value("Name") or index.plate_value("PlateID") or measurement.name,
        described_in=index.path,
        warnings=warnings,
        rows=size[0],
        columns=size[1],
        acquisition_name=measurement.name.rpartition("__")[2],
        acquisition_description=f"{index.instrument or 'Operetta'}, {index.harmony or 'unknown version'}",
        start_time=int(start) if start is not None else None,
        end_time=int(taken.max()) if len(taken) else None,
        barcode=index.plate_value("PlateID"),
    )


def _facts(index: OperettaIndex, options: OperettaOptions, flat_fields: list[int]) -> dict[str, Any]:
    return {
        "instrument": index.instrument,
        "software": index.harmony,
        "measurement_id": index.plate_value("MeasurementID"),
        "measurement_start": index.plate_value("MeasurementStartTime"),
        "plate_type": index.plate_value("PlateTypeName"),
        "field_positions": "grid" if options.field_grid else options.field_positions,
        "flat_field": options.flat_field,
        "flat_field_channels": flat_fields,
    }
