"""Yokogawa CellVoyager CV7000, CV8000, CQ1 and CQ3000.

Versions seen as files: CV7000 (R2.02), CV8000 (R2.06). CQ1 and CQ3000 write the same records in another folder tree.

    <measurement>/
    ├── MeasurementData.mlf       one record per image
    ├── MeasurementDetail.mrf     plate, channels as declared
    ├── <name>.mes                protocol: names, colours, points, z steps; may be absent
    ├── SC_*.tif, DC_*.tif        shading and dark images
    └── <plate>_<well>_T<tttt>F<fff>L<ll>A<aa>Z<zz>C<cc>.tif      or .png; CQ1: Image/W<wwww>F<ffff>T<tttt>Z<zzz>C<c>.tif

File names are never made up: the records name them. The older CV1000 (MeasurementResult.xml) is another format. Facts and
traps: docs/formats/cellvoyager.md.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import ConfigDict, Field

from fractal_omezarr_converters.errors import (
    ConvertersToolsFileNotFoundError,
    ConvertersToolsUserError,
    collecting,
    raise_together,
)
from fractal_omezarr_converters.formats.acquisition_files import AcquisitionFiles
from fractal_omezarr_converters.formats.cellvoyager_heights import autofocus_planes
from fractal_omezarr_converters.formats.cellvoyager_projections import Projection, channel_id, chosen_images
from fractal_omezarr_converters.formats.cellvoyager_protocol import (
    DETAIL,
    MeasurementDetail,
    Protocol,
    find_protocol,
    read_detail,
    read_protocol,
)
from fractal_omezarr_converters.formats.cellvoyager_records import (
    PER_ACTION,
    ImageColumns,
    MeasurementData,
    frame_numbers,
    read_records,
)
from fractal_omezarr_converters.formats.cellvoyager_shading import shading_corrections, shading_loaders
from fractal_omezarr_converters.formats.clock_times import seconds_of
from fractal_omezarr_converters.formats.contract import FormatOptions
from fractal_omezarr_converters.formats.plane_axes import step_by_heights
from fractal_omezarr_converters.formats.plane_records import ChannelFacts, Measurement
from fractal_omezarr_converters.formats.plane_table import PlaneTable, joint_ranks, ranked
from fractal_omezarr_converters.formats.plate_format import PlateFormat, StackOptions
from fractal_omezarr_converters.formats.plate_naming import plate_facts_of

if TYPE_CHECKING:
    from fractal_omezarr_converters.formats.plane_table import Floats

RECORDS = "MeasurementData.mlf"
CUT_UM = 0.1001
FAILURES_SHOWN = 3


class CellvoyagerOptions(StackOptions):
    """Options for measurements of CellVoyager, CQ1 and CQ3000."""

    model_config = ConfigDict(title="CellVoyager Options")

    projection: Projection = Field(default="none", title="Projection")
    """Which images to convert, if the instrument computed projections of its stacks:

    - `none`: the slices; projections are taken only where there is nothing else.
    - any other: projections of this kind instead of the slices.

    Channels and wells that have none of the wanted images are left out, with a warning.
    """
    autofocus_heights: bool = Field(default=False, title="Autofocus Heights")
    """Put planes at the heights that the autofocus found, so that fields of a well lie at their true heights to each other.
    Needs the TRACE logs of the instrument in the folder or beside it."""
    shading: Literal["off", "divide"] = Field(default="off", title="Shading Correction")
    """Correct uneven illumination with the shading images (SC) and dark images (DC) of the instrument. This changes pixel
    values:

    - `off`: pixels stay as they are.
    - `divide`: the dark image is subtracted, the rest is divided by the shading image.
    """


class Cellvoyager(PlateFormat[CellvoyagerOptions]):
    """CellVoyager CV7000, CV8000, CQ1, CQ3000."""

    name: ClassVar[str] = "cellvoyager"
    title: ClassVar[str] = "CellVoyager CV7000, CV8000, CQ1, CQ3000"
    maker: ClassVar[str] = "Yokogawa"
    markers: ClassVar[tuple[str, ...]] = (RECORDS, f"*/{RECORDS}")
    options: ClassVar[type[FormatOptions]] = CellvoyagerOptions
    docs: ClassVar[str] = "formats/cellvoyager.md"

    def measure(self, source: Path, options: CellvoyagerOptions, plate_name: str | None) -> Measurement:
        """Read records, plate and protocol; no image is opened."""
        folder = self._folder(source)
        data, detail, protocol = _documents(folder)
        warnings = [*data.warnings, *detail.warnings, *protocol.warnings]
        images, suffix = chosen_images(data, options.projection, protocol, warnings)
        _check_channels(images, detail, str(folder / DETAIL))
        _warn_of_failures(data, warnings)
        planes = _planes(images, detail, protocol, warnings)
        notes_on_z_step: list[str] = []
        z_step = step_by_heights(planes, _z_step(images, protocol), protocol.path, notes_on_z_step)
        if options.autofocus_heights:
            planes = PlaneTable.of(autofocus_planes(planes, folder, z_step))
        files = AcquisitionFiles(folder, folder, follow_links=options.follow_links)
        measured = Measurement(
            described_in=data.path,
            files=files,
            planes=planes,
            frames=[each.frame for each in detail.channels.values()],
            channels=_channels(images, protocol),
            plate=plate_facts_of(
                planes,
                name=plate_name or f"{detail.plate_name or detail.value('Title') or folder.name}{suffix}",
                described_in=detail.root.file,
                warnings=warnings,
                rows=detail.root.attribute_integer("RowCount", least=1, most=32),
                columns=detail.root.attribute_integer("ColumnCount", least=1, most=48),
                acquisition_name=detail.value("Title"),
                acquisition_description=_instrument(detail),
                start_time=_whole_seconds(detail.value("BeginTime")),
                end_time=_whole_seconds(detail.value("EndTime")),
            ),
            other_endings=(".png", ".tif", ".tiff"),
            sizes_are_planned=True,
            z_step=z_step,
            warnings=warnings,
            notes_on_z_step=notes_on_z_step,
            z_counts_steps=options.autofocus_heights,
            metadata_files=[data.path, detail.root.file, *([protocol.path] if protocol.path else [])],
            facts={"instrument": _instrument(detail), "failures": len(data.failures), "shading": options.shading},
        )
        if options.shading == "divide":
            sources = {number: each for number, each in detail.channels.items() if each.shading}
            measured.make_loaders = shading_loaders(folder, sources, warnings)
            measured.corrections = shading_corrections(sources)
        return measured

    def _folder(self, source: Path) -> Path:
        own = source / RECORDS
        # its folder is not looked through for further measurements: it holds all images
        here = [own] if own.exists() else self.marker_files(source)
        if len(here) > 1:
            names = ", ".join(each.parent.name for each in here)
            raise ConvertersToolsUserError(
                f"'{source}' holds {len(here)} measurements: {names}; give each of them as an acquisition of its own."
            )
        if not here:
            raise ConvertersToolsFileNotFoundError(
                f"'{source}' holds no {RECORDS}; give the folder of one measurement."
            )
        if not (here[0].parent / DETAIL).is_file():
            raise ConvertersToolsFileNotFoundError(
                f"'{here[0].parent}' holds {RECORDS} but no {DETAIL}, which states pixel size and plate; copy it there."
            )
        return here[0].parent


def _documents(folder: Path) -> tuple[MeasurementData, MeasurementDetail, Protocol]:
    """Records, plate and protocol; problems of all three files are said together."""
    problems: list[str] = []
    detail = data = None
    protocol = Protocol("")
    with collecting(problems):
        detail = read_detail(folder / DETAIL)
        protocol_file = find_protocol(folder, detail)
        protocol = read_protocol(protocol_file) if protocol_file else protocol
    with collecting(problems):
        data = read_records(str(folder / RECORDS))
    raise_together(problems, f"The metadata in '{folder}' cannot be used")
    assert data is not None and detail is not None
    return data, detail, protocol


def _check_channels(images: ImageColumns, detail: MeasurementDetail, described_in: str) -> None:
    unknown = sorted(set(ranked(images.channel)[0].tolist()) - set(detail.channels))
    if unknown:
        raise ConvertersToolsUserError(
            f"'{described_in}' declares no channel {', '.join(map(str, unknown))}, which {RECORDS} uses; the two files are"
            " not of one measurement: copy both again."
        )


def _warn_of_failures(data: MeasurementData, warnings: list[str]) -> None:
    if data.failures:
        shown = "; ".join(data.failures[:FAILURES_SHOWN])
        warnings.append(f"The instrument could not take {len(data.failures)} images: {shown}.")


def _z_step(images: ImageColumns, protocol: Protocol) -> float | None:
    """The z step of the protocol, if all actions with stacks have the same; heights are cut to 0.1 µm."""
    above = images.z > 1
    stacks = set(zip(images.timeline[above].tolist(), images.action[above].tolist(), strict=True))
    steps = {protocol.z_steps.get(stack) for stack in stacks}
    return next(iter(steps)) if len(steps) == 1 else None


def _planes(images: ImageColumns, detail: MeasurementDetail, protocol: Protocol, warnings: list[str]) -> PlaneTable:
    channels, channel = ranked(images.channel)
    declared = list(detail.channels)
    x, y = _places(images, protocol, warnings)
    return PlaneTable.of_columns(
        row=images.row,
        column=images.column,
        field=images.field,
        channel=images.action * PER_ACTION + images.channel,
        z=images.z,
        t=frame_numbers(images),
        file=images.file,
        x=x,
        y=-y,
        height=images.height,
        clock=images.clock,
        frame=np.array([declared.index(number) for number in channels.tolist()], np.int64)[channel],
        line=images.line,
    )


def _places(images: ImageColumns, protocol: Protocol, warnings: list[str]) -> tuple[Floats, Floats]:
    """Positions (x, y upwards): of the protocol, where those of the records are the same cut after one decimal."""
    combination, first = joint_ranks(images.timeline, images.field)
    listed = np.full((len(first), 2), np.nan)
    for number, (timeline, field) in enumerate(zip(images.timeline[first].tolist(), images.field[first].tolist())):
        points = protocol.points.get(timeline, [])
        if 1 <= field <= len(points):
            listed[number] = points[field - 1]
    exact = listed[combination]
    known = np.isfinite(exact[:, 0])
    # every image is looked at: fields of the same number may lie elsewhere in another well
    apart = np.abs(np.stack([images.x, images.y], axis=1) - exact)[known]
    agree = bool((apart < CUT_UM).all())
    if not agree:
        warnings.append("Positions in the protocol (.mes) are not those of the images; the images' own are used.")
    if not (agree and known.all()):
        return images.x, images.y
    return exact[:, 0], exact[:, 1]


def _channels(images: ImageColumns, protocol: Protocol) -> dict[int, ChannelFacts]:
    """Facts by action and channel: the same channel in two actions is two channels."""
    found = {}
    pairs = set(zip(images.action.tolist(), images.channel.tolist(), strict=True))
    named = Counter(protocol.channels[channel].name for _, channel in pairs if channel in protocol.channels)
    for action, channel in pairs:
        id_ = channel_id(action, channel)
        facts = protocol.channels.get(channel, ChannelFacts())
        name = facts.name if facts.name and named[facts.name] == 1 else f"{facts.name}_{id_}".lstrip("_")
        found[action * PER_ACTION + channel] = replace(facts, name=name, wavelength_id=id_)
    return found


def _instrument(detail: MeasurementDetail) -> str:
    return (
        " ".join(text for text in (detail.value("TargetSystem"), detail.value("ReleaseNumber")) if text) or "Yokogawa"
    )


def _whole_seconds(stamp: str | None) -> int | None:
    found = seconds_of(stamp)
    return None if found is None else int(found)
