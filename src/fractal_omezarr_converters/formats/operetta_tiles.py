"""Turn the records of an Operetta index into tiles, and count what became of every plane."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from fractal_omezarr_converters.errors import ConvertersToolsUserError, raise_together
from fractal_omezarr_converters.formats.acquisition_files import AcquisitionFiles
from fractal_omezarr_converters.formats.contract import PlaneStates
from fractal_omezarr_converters.formats.operetta_flatfield import FlatField, FlatFieldLoader
from fractal_omezarr_converters.formats.operetta_index import MAX_PROBLEMS, ChannelFacts, OperettaIndex, Plane
from fractal_omezarr_converters.formats.operetta_loader import OperettaLoader
from fractal_omezarr_converters.models.acquisition import (
    AcquisitionDetails,
    ChannelInfo,
    DataTypeEnum,
    default_axes_builder,
)
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.models.well_names import row_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fractal_omezarr_converters.core.tile_table import TileTable

MAX_EXAMPLES = 6


@dataclass
class SortedPlanes:
    """The planes to convert with their files, in the order of the index, and the states of all planes."""

    planes: list[Plane] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    states: PlaneStates = field(default_factory=PlaneStates)
    files_there: bool = True
    time_keys: list[tuple[int, ...]] = field(default_factory=list)


def sort_planes(index: OperettaIndex, files: AcquisitionFiles, warnings: list[str]) -> SortedPlanes:
    """Find the file of every plane; planes without one are counted and left out.

    When no file at all is there, the planes are kept: the index alone can still be planned.

    Raises:
        ConvertersToolsUserError: a file name leads out of the folder, or two files claim one place.
    """
    found = SortedPlanes()
    named = [each for each in index.planes if each.url is not None]
    for each in index.planes:
        if each.url is None:
            found.states.count("named_empty", each.label)
    located = _locate(index, named, files)
    kept = _without_repeats(index, named, [path for path, _ in located], warnings)
    for number in kept:
        each, (path, there) = named[number], located[number]
        found.states.count("present" if there else "missing_file", each.url or each.label)
        if there:
            found.planes.append(each)
            found.files.append(path)
    if not found.planes and kept:
        found.files_there = False
        found.planes, found.files = [named[n] for n in kept], [located[n][0] for n in kept]
        warnings.append(f"No image file named in '{index.path}' is there; only a plan can be made from it.")
    found.states.examples.pop("present", None)
    sequences = _sequences_repeat_times(named)
    found.time_keys = [(each.sequence, each.time) if sequences else (each.time,) for each in found.planes]
    _warn_of_states(index, named, found, warnings)
    _count_never_acquired(index, found.states, sequences)
    return found


def _locate(index: OperettaIndex, named: Sequence[Plane], files: AcquisitionFiles) -> list[tuple[str, bool]]:
    located: list[tuple[str, bool]] = []
    problems: list[str] = []
    for each in named:
        try:
            located.append(files.locate(each.url or "", where=f"{index.path}, line {each.line}"))
        except ConvertersToolsUserError as error:
            located.append(("", False))
            problems.append(str(error))
            if len(problems) == MAX_PROBLEMS:
                break
    raise_together(problems, f"'{index.path}' names files that may not be read")
    return located


def _place(each: Plane) -> tuple[int, ...]:
    return (each.row, each.column, each.field, each.channel, each.plane, each.sequence, each.time)


def _without_repeats(
    index: OperettaIndex, named: Sequence[Plane], paths: Sequence[str], warnings: list[str]
) -> list[int]:
    """Positions of the records to keep: a record that repeats another one word for word is dropped."""
    first: dict[tuple[int, ...], int] = {}
    kept: list[int] = []
    problems: list[str] = []
    for number, each in enumerate(named):
        before = first.setdefault(_place(each), number)
        if before == number:
            kept.append(number)
        elif (paths[before], named[before].page) != (paths[number], each.page):
            problems.append(
                f"{index.path}, line {each.line}: '{each.url}' and '{named[before].url}' both claim {each.label};"
                " one plane can have one file only."
            )
    raise_together(problems[:MAX_PROBLEMS], f"'{index.path}' names two files for one plane")
    if len(kept) < len(named):
        warnings.append(f"{len(named) - len(kept)} records of '{index.path}' repeat another record and are left out.")
    return kept


def _sequences_repeat_times(named: Sequence[Plane]) -> bool:
    """Say whether TimepointID starts again in each sequence, so that both together number the frames."""
    seen: dict[tuple[int, ...], int] = {}
    for each in named:
        key = (each.row, each.column, each.field, each.channel, each.plane, each.time)
        if seen.setdefault(key, each.sequence) != each.sequence:
            return True
    return False


def _warn_of_states(index: OperettaIndex, named: Sequence[Plane], found: SortedPlanes, warnings: list[str]) -> None:
    bad = [each for each in named if each.state.lower() != "ok"]
    if bad:
        shown = ", ".join(f"{each.label} ({each.state})" for each in bad[:MAX_EXAMPLES])
        warnings.append(
            f"The instrument does not call {len(bad)} planes 'Ok': {shown}; they are converted as they are."
        )
    converted = {(each.row, each.column) for each in found.planes}
    described = {(each.row, each.column) for each in index.planes}
    lost = sorted(described - converted)
    if lost:
        warnings.append(f"No image file is there for {len(lost)} wells: {_wells(lost)}; they are not converted.")
    empty = sorted(set(index.wells_selected) - described)
    if empty:
        warnings.append(f"{len(empty)} wells were selected but have no images in the index: {_wells(empty)}.")
    fields = defaultdict(set)
    for each in index.planes:
        fields[each.row, each.column].add(each.field)
    most = set().union(*fields.values()) if fields else set()
    fewer = {well: sorted(most - there) for well, there in sorted(fields.items()) if len(there) < len(most)}
    if fewer:
        shown = "; ".join(f"{_wells([well])} lacks {gone[:MAX_EXAMPLES]}" for well, gone in list(fewer.items())[:4])
        warnings.append(f"{len(fewer)} wells have fewer fields than others: {shown}.")


def _wells(wells: Sequence[tuple[int, int]]) -> str:
    shown = ", ".join(f"{row_name(row)}{column:02d}" for row, column in wells[:24])
    return shown + (", ..." if len(wells) > 24 else "")


def _count_never_acquired(index: OperettaIndex, states: PlaneStates, sequences: bool) -> None:
    """Count what fields lack of the full set of channels, planes and times of the measurement."""
    channels = sorted({each.channel for each in index.planes})
    depths = sorted({each.plane for each in index.planes})
    times = sorted({(each.sequence if sequences else 0, each.time) for each in index.planes})
    full = len(channels) * len(depths) * len(times)
    there: dict[tuple[int, int, int], set[tuple[int, ...]]] = defaultdict(set)
    for each in index.planes:
        key = (each.channel, each.plane, each.sequence if sequences else 0, each.time)
        there[each.row, each.column, each.field].add(key)
    for (row, column, number), present in there.items():
        if len(present) < full:
            gone = next((c, p, *t) for c in channels for p in depths for t in times if (c, p, *t) not in present)
            example = f"r{row:02d}c{column:02d}f{number:02d}p{gone[1]:02d}-ch{gone[0]} t{gone[3]}"
            states.count("never_acquired", example, full - len(present))


def channel_infos(
    index: OperettaIndex, numbers: Sequence[int], z_offsets: dict[int, float], warnings: list[str]
) -> list[ChannelInfo]:
    """Give label, wavelength and height of each channel; empty names are replaced, repeated ones numbered."""
    infos: list[ChannelInfo] = []
    labels: set[str] = set()
    for number in numbers:
        facts = index.channels[number]
        wavelength = f"{facts.emission_nm:.0f}" if facts.emission_nm else None
        wanted = " ".join(facts.name.split()) or wavelength or facts.kind or f"channel_{number}"
        label, repeat = wanted, 1
        while label in labels:
            repeat += 1
            label = f"{wanted}_{repeat}"
        if label != facts.name.strip():
            warnings.append(f"Channel {number} is named '{facts.name}' in the index; it is called '{label}' here.")
        labels.add(label)
        infos.append(ChannelInfo(channel_label=label, wavelength_id=wavelength, z_offset=z_offsets.get(number)))
    return infos


@dataclass(frozen=True)
class Axes:
    """Indices and steps along z and t, and centres of the fields, for the planes of a measurement.

    ``z_origin`` is the height (µm) of plane 0 of the first channel: other channels keep their offset as a fact, not as a
    position, so that one plane number is one plane of the image. ``times`` are the seconds of each frame.
    """

    z_index: NDArray[np.int64]
    t_index: NDArray[np.int64]
    centres: NDArray[np.float64]
    z_step: float
    z_origin: float
    t_step: float
    times: Sequence[float | None]

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.times)

    def starts(self) -> list[tuple[float, float, list[float]]]:
        """Seconds, height (µm) and centre (x, y) of every plane; frames whose times are unknown are one step apart."""
        times = [time for time in self.times if time is not None]
        if len(times) < len(self.times) or any(after <= before for before, after in pairwise(times)):
            times = [frame * self.t_step for frame in range(len(self.times))]
        heights = self.z_origin + self.z_index * self.z_step
        seconds = [times[frame] for frame in self.t_index.tolist()]
        return list(zip(seconds, heights.tolist(), self.centres.tolist(), strict=True))


def build_tiles(
    sorted_planes: SortedPlanes,
    axes: Axes,
    channels: dict[int, ChannelFacts],
    infos: list[ChannelInfo],
    flat_fields: dict[int, FlatField],
    *,
    plate_name: str,
    acquisition: int,
    subtract: bool,
    began: float | None = None,
) -> TileTable:
    """Make one tile per plane; ``began`` is when the measurement began, in s since 1970-01-01 UTC."""
    from fractal_omezarr_converters.core.tile_table_builder import TileTableBuilder

    builder = TileTableBuilder()
    c_index = {number: place for place, number in enumerate(sorted(channels))}
    details: dict[tuple[float, float], AcquisitionDetails] = {}
    wells: dict[tuple[int, int], ImageInPlate] = {}
    for each, path, (t, z, (x, y)) in zip(sorted_planes.planes, sorted_planes.files, axes.starts(), strict=True):
        pixel = (each.pixel_x, each.pixel_y)
        if pixel not in details:
            details[pixel] = _details(pixel, axes, infos, sorted_planes.files_there)
        well = (each.row, each.column)
        if well not in wells:
            wells[well] = ImageInPlate(
                plate_name=plate_name, row=row_name(each.row), column=each.column, acquisition=acquisition
            )
        builder.add(
            fov=f"FOV_{each.field}",
            collection=wells[well],
            acquisition=details[pixel],
            start=(t, c_index[each.channel], z, y - each.height * each.pixel_y / 2, x - each.width * each.pixel_x / 2),
            length=(1, 1, 1, each.height, each.width),
            loader=_loader(path, each, flat_fields.get(each.channel), subtract),
            acquired_at=_acquired_at(each, began),
        )
    return builder.build()


def _acquired_at(plane: Plane, began: float | None) -> float | None:
    """When a plane was acquired, in s since 1970-01-01 UTC: what it states, else by its offset from the beginning."""
    if plane.taken is not None or plane.offset is None or began is None:
        return plane.taken
    return began + plane.offset


def _details(pixel: tuple[float, float], axes: Axes, infos: list[ChannelInfo], files_there: bool) -> AcquisitionDetails:
    return AcquisitionDetails(
        xy_pixel_size=pixel[0],
        y_pixel_size=pixel[1] if pixel[1] != pixel[0] else None,
        z_spacing=axes.z_step,
        t_spacing=axes.t_step,
        channels=infos,
        axes=default_axes_builder(is_time_series=axes.frames > 1),
        # The type comes from the TIFF files (MaxIntensity says 65536 in V7); Harmony writes 16 bits.
        data_type=DataTypeEnum.AUTODETECT if files_there else DataTypeEnum.UINT16,
    )


def _loader(path: str, plane: Plane, flat_field: FlatField | None, subtract: bool) -> OperettaLoader:
    page = plane.page or 0
    if flat_field is None or flat_field.is_flat:
        return OperettaLoader(file_path=path, page=page)
    return FlatFieldLoader(file_path=path, page=page, flat_field=flat_field, subtract=subtract)
