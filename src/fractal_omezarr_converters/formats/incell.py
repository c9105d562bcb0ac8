"""InCell Analyzer 2000, 2200, 2500, 6000, 6500 (GE Healthcare / Cytiva).

Versions seen as files: IN Cell Analyzer 6000 (software 7.2). The others follow published descriptions.

    <plate>/
    ├── <plate>.xdce                              one record per image; ISO-8859-1
    └── C - 03(fld 01 wv UV - DAPI).tif           with " z 01" and " time 1 - 0 ms" inserted; also in sub-folders

File names are never made up: the records name them. The older InCell 1000 (``.xml`` and raw ``.im`` files) is another format.
Facts and traps: docs/formats/incell.md.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import ConfigDict

from fractal_omezarr_converters.errors import (
    ConvertersToolsFileNotFoundError,
    ConvertersToolsUserError,
    collecting,
    raise_together,
)
from fractal_omezarr_converters.formats.acquisition_files import AcquisitionFiles
from fractal_omezarr_converters.formats.contract import FormatOptions
from fractal_omezarr_converters.formats.incell_protocol import StackProtocol, read_protocol
from fractal_omezarr_converters.formats.plane_axes import step_by_heights
from fractal_omezarr_converters.formats.plane_records import Measurement, PlaneRecord
from fractal_omezarr_converters.formats.plate_format import PlateFormat, StackOptions
from fractal_omezarr_converters.formats.plate_naming import plate_facts_of
from fractal_omezarr_converters.formats.xml_records import XmlRecord
from fractal_omezarr_converters.models.well_names import place_of_label

MAX_PROBLEMS = 20
MAX_ROW, MAX_COLUMN = 32, 48
MAX_ID = 1 << 31
MAX_POSITION_UM = 1e6
_TIME_IN_NAME = re.compile(r" time \d+ - (\d{1,15}) ms\b")


class IncellOptions(StackOptions):
    """Options for measurements of InCell Analyzers."""

    model_config = ConfigDict(title="InCell Options")


class Incell(PlateFormat[IncellOptions]):
    """InCell Analyzer 2000 to 6500."""

    name: ClassVar[str] = "incell"
    title: ClassVar[str] = "InCell Analyzer 2000, 2200, 2500, 6000, 6500"
    maker: ClassVar[str] = "Cytiva / GE Healthcare"
    markers: ClassVar[tuple[str, ...]] = ("*.xdce", "*/*.xdce")
    options: ClassVar[type[FormatOptions]] = IncellOptions
    docs: ClassVar[str] = "formats/incell.md"

    def measure(self, source: Path, options: IncellOptions, plate_name: str | None) -> Measurement:
        """Read the stack's description; no image is opened."""
        file = self._description(source)
        protocol, images = read_protocol(file)
        planes = _with_times(_planes(file, protocol, images))
        warnings = protocol.warnings
        _warn_of_numbers(protocol, len(images), warnings)
        notes_on_z_step: list[str] = []
        return Measurement(
            described_in=str(file),
            files=AcquisitionFiles(file.parent, file.parent, follow_links=options.follow_links),
            planes=_in_sub_folders(planes, file.parent),
            frames=[protocol.frame],
            channels={number: wave.facts for number, wave in protocol.waves.items()},
            plate=plate_facts_of(
                planes,
                name=plate_name or protocol.plate_id or file.stem,
                described_in=str(file),
                warnings=warnings,
                rows=protocol.rows,
                columns=protocol.columns,
                acquisition_name=file.parent.name,
                acquisition_description=protocol.instrument,
                start_time=min((int(each.clock) for each in planes if each.clock), default=None),
                end_time=max((int(each.clock) for each in planes if each.clock), default=None),
                barcode=protocol.plate_id or None,
            ),
            sizes_are_planned=True,
            z_step=step_by_heights(planes, _z_step(protocol, planes), str(file), notes_on_z_step),
            warnings=warnings,
            notes_on_z_step=notes_on_z_step,
            facts={"instrument": protocol.instrument, "binning": protocol.binning},
        )

    def _description(self, source: Path) -> Path:
        found = self.marker_files(source)
        here = [each for each in found if source in {each, each.parent}] or found
        if len(here) > 1:
            names = ", ".join(each.name for each in here)
            raise ConvertersToolsUserError(
                f"'{source}' holds {len(here)} descriptions of stacks: {names}; give each file as an acquisition of its own."
            )
        if not here:
            raise ConvertersToolsFileNotFoundError(
                f"'{source}' holds no .xdce file; give the folder of one measurement."
            )
        return here[0]


def _planes(file: Path, protocol: StackProtocol, images: Sequence[XmlRecord]) -> list[PlaneRecord]:
    on_plate = all(each.child("PlatePosition_um") is not None for each in images)
    planes: list[PlaneRecord] = []
    problems: list[str] = []
    computed = relabelled = 0
    for record in images:
        plane = None
        with collecting(problems):
            plane = _plane(record, protocol, on_plate=on_plate)
            row, column = _well_of_label(record) or plane[:2]
        if len(problems) == MAX_PROBLEMS:
            break
        if problems or plane is None:
            continue
        if protocol.waves[plane.channel].is_computed:
            computed += 1
            continue
        relabelled += (row, column) != plane[:2]
        planes.append(plane._replace(row=row, column=column))
    if not planes and not problems:
        problems.append(f"'{file}' describes no image; export the measurement again with its images.")
    raise_together(problems, f"'{file}' cannot be used")
    if relabelled:
        protocol.warnings.append(
            f"The label of the well contradicts its row and column in {relabelled} images; the label is used."
        )
    if computed:
        protocol.warnings.append(f"{computed} images that the instrument computed from others (fusion) are left out.")
    return _in_stacks(planes, protocol)


def _with_times(planes: list[PlaneRecord]) -> list[PlaneRecord]:
    """Take times from the names of the files where no image states when it was taken."""
    if any(each.clock for each in planes):
        return planes
    named = [_TIME_IN_NAME.search(each.file or "") for each in planes]
    return [
        each._replace(seconds=int(found[1]) / 1000) if found else each
        for each, found in zip(planes, named, strict=True)
    ]


def _in_stacks(planes: list[PlaneRecord], protocol: StackProtocol) -> list[PlaneRecord]:
    """Give every plane of a stack once, and one plane where there is no stack.

    Only a wave that is imaged in 3-D has a stack; a projection still states the slices it was made from. But images of several
    slices are a stack whatever is said of the wave, and records that name one file for every slice are one plane.
    """
    files: dict[tuple[int, ...], dict[str | None, int]] = defaultdict(dict)
    for each in planes:
        slices = files[each.channel, each.row, each.column, each.field, each.t]
        slices[each.file] = min(each.z, slices.get(each.file, each.z))
    kept = [
        each for each in planes if files[each.channel, each.row, each.column, each.field, each.t][each.file] == each.z
    ]
    if len(kept) < len(planes):
        protocol.warnings.append(
            f"{len(planes) - len(kept)} records name the file of another slice again, because the channel was taken in one"
            " plane; they are left out."
        )
    sliced = {key[0] for key, slices in files.items() if len(set(slices.values())) > 1}
    for number in sorted(sliced):
        wave = protocol.waves[number]
        if not wave.is_stack:
            mode = wave.facts.facts["imaging_mode"]
            protocol.warnings.append(
                f"'{wave.facts.name}' is said to be imaged {f'in {mode}' if mode else 'in no mode'}, but has images of several"
                " slices; they are taken as a stack."
            )
    flat = {number for number, wave in protocol.waves.items() if not wave.is_stack} - sliced
    return [each._replace(z=0) if each.channel in flat and each.z else each for each in kept]


def _plane(record: XmlRecord, protocol: StackProtocol, *, on_plate: bool) -> PlaneRecord:
    """One image; positions on the plate count y downwards, offsets from the well's centre upwards."""
    well, place = _part(record, "Well"), _part(record, "Identifier")
    wave = place.attribute_integer("wave_index", least=0, most=MAX_ID)
    if wave not in protocol.waves:
        raise place.attribute_problem("wave_index", f"is {wave}, but no such Wavelength is described")
    position = _part(record, "PlatePosition_um" if on_plate else "OffsetFromWellCenter")
    x, y = (position.attribute_number(axis, least=-MAX_POSITION_UM, most=MAX_POSITION_UM) for axis in "xy")
    focus = record.child("FocusPosition")
    return PlaneRecord(
        row=_part(well, "Row").attribute_integer("number", least=1, most=MAX_ROW),
        column=_part(well, "Column").attribute_integer("number", least=1, most=MAX_COLUMN),
        field=place.attribute_integer("field_index", least=0, most=MAX_ID) + 1,
        channel=wave,
        z=place.attribute_integer("z_index", least=0, most=MAX_ID, default=0),
        t=place.attribute_integer("time_index", least=0, most=MAX_ID, default=0),
        file=record.attribute("filename"),
        x=x,
        y=y if on_plate else -y,
        height=focus.attribute_number("z") if focus is not None and focus.attributes.get("z") else None,
        clock=record.attribute_number("timestamp_sec", default=0.0) or None,
        line=record.line,
    )


def _well_of_label(record: XmlRecord) -> tuple[int, int] | None:
    """Row and column by the label of the well, such as ``C - 3``; the file is named after it."""
    return place_of_label(_part(record, "Well").attributes.get("label", ""))


def _part(record: XmlRecord, name: str) -> XmlRecord:
    found = record.child(name)
    if found is None:
        raise record.problem(name, "is missing")
    return found


def _z_step(protocol: StackProtocol, planes: Sequence[PlaneRecord]) -> float | None:
    steps = {protocol.waves[each.channel].z_step for each in planes if each.z > 0}
    return next(iter(steps)) if len(steps) == 1 else None


def _warn_of_numbers(protocol: StackProtocol, described: int, warnings: list[str]) -> None:
    if protocol.images_planned is not None and protocol.images_planned != described:
        warnings.append(
            f"'{protocol.path}' announces {protocol.images_planned} images and describes {described}; those described are"
            " converted."
        )


def _in_sub_folders(planes: list[PlaneRecord], folder: Path) -> list[PlaneRecord]:
    """Name files by their sub-folder where they are not beside the description (``use_subfolders``)."""
    with os.scandir(folder) as entries:
        listed = list(entries)
    beside = {entry.name for entry in listed}
    if any(each.file in beside for each in planes):
        return planes
    places: dict[str, str] = {}
    counted: Counter[str] = Counter()
    for entry in listed:
        if entry.is_dir():
            with os.scandir(entry.path) as inside:
                for each in inside:
                    places[each.name] = f"{entry.name}/{each.name}"
                    counted[each.name] += 1
    return [
        each._replace(file=places[each.file]) if each.file in places and counted[each.file] == 1 else each
        for each in planes
    ]
