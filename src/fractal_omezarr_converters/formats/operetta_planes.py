"""Planes, channels and loaders of an Operetta measurement, in the words of this package."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import TYPE_CHECKING

from fractal_omezarr_converters.formats.clock_times import seconds_of
from fractal_omezarr_converters.formats.operetta_flatfield import FlatField, FlatFieldLoader
from fractal_omezarr_converters.formats.operetta_index import OperettaIndex, Plane
from fractal_omezarr_converters.formats.operetta_loader import OperettaLoader
from fractal_omezarr_converters.formats.plane_records import ChannelFacts, Frame, LoaderMaker, PlaneRecord
from fractal_omezarr_converters.formats.plane_states import MAX_EXAMPLES, wells_in_words
from fractal_omezarr_converters.models.loaders import loader_type_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fractal_omezarr_converters.core.loader_columns import LoaderColumns


def plane_records(index: OperettaIndex, centres: NDArray[np.float64] | None) -> tuple[list[PlaneRecord], list[Frame]]:
    """Give all records of the index with the sizes of their images; ``centres`` (µm) are those of records with a file."""
    frames: dict[tuple[int, int, float, float], int] = {}
    records: list[PlaneRecord] = []
    place = iter(centres.tolist()) if centres is not None else repeat((0.0, 0.0))
    time_of = _time_numbers(index.planes)
    began = seconds_of(index.plate_value("MeasurementStartTime"))
    for each in index.planes:
        x, y = next(place) if each.url is not None else (0.0, 0.0)
        frame = frames.setdefault((each.width, each.height, each.pixel_x, each.pixel_y), len(frames))
        records.append(
            PlaneRecord(
                each.row,
                each.column,
                each.field,
                each.channel,
                each.plane,
                time_of[each.sequence, each.time],
                each.url,
                x,
                y,
                each.z,
                each.offset,
                _clock(each, began),
                each.page,
                frame,
                each.line,
            )
        )
    return records, [Frame(*size) for size in frames]


def _clock(plane: Plane, began: float | None) -> float | None:
    """When a plane was taken, in s since 1970-01-01 UTC: what it states, else by its offset from the beginning."""
    if plane.taken is not None or plane.offset is None or began is None:
        return plane.taken
    return began + plane.offset


def _time_numbers(planes: Sequence[Plane]) -> dict[tuple[int, int], int]:
    """Number of each (sequence, time point): the time point itself, unless sequences begin again with the same ones."""
    pairs = sorted({(each.sequence, each.time) for each in planes})
    if not _sequences_repeat_times(planes):
        return {pair: pair[1] for pair in pairs}
    return {pair: number for number, pair in enumerate(pairs)}


def _sequences_repeat_times(planes: Sequence[Plane]) -> bool:
    """Say whether TimepointID starts again in each sequence, so that both together number the frames."""
    if len({each.sequence for each in planes}) < 2:
        return False
    seen: dict[tuple[int, ...], int] = {}
    for each in planes:
        key = (each.row, each.column, each.field, each.channel, each.plane, each.time)
        if each.url is not None and seen.setdefault(key, each.sequence) != each.sequence:
            return True
    return False


def channel_facts(index: OperettaIndex) -> dict[int, ChannelFacts]:
    """Give the facts of all channels by ``ChannelID``."""
    return {
        number: ChannelFacts(
            name=each.name,
            kind=each.kind,
            emission_nm=each.emission_nm,
            excitation_nm=each.excitation_nm,
            facts={"orientation_matrix": each.matrix, **each.facts},
        )
        for number, each in index.channels.items()
    }


def warn_of_index(index: OperettaIndex, warnings: list[str]) -> None:
    """Say which planes the instrument does not call good, and which selected wells have no image."""
    bad = [each for each in index.planes if each.url is not None and each.state.lower() != "ok"]
    if bad:
        shown = ", ".join(f"{each.label} ({each.state})" for each in bad[:MAX_EXAMPLES])
        warnings.append(
            f"The instrument does not call {len(bad)} planes 'Ok': {shown}; they are converted as they are."
        )
    described = {(each.row, each.column) for each in index.planes}
    empty = sorted(set(index.wells_selected) - described)
    if empty:
        warnings.append(f"{len(empty)} wells were selected but have no images in the index: {wells_in_words(empty)}.")


def loader_maker(flat_fields: dict[int, FlatField], *, subtract: bool) -> LoaderMaker:
    """Give a function that makes the loaders of many planes, with the flat-field correction of their channels."""

    def make(files: Sequence[str], planes: Sequence[PlaneRecord]) -> LoaderColumns:
        from fractal_omezarr_converters.core.loader_columns import LoaderColumns

        if all(each.is_flat for each in flat_fields.values()):
            pages = [each.page or 0 for each in planes]
            return LoaderColumns.from_columns(
                loader_type_name(OperettaLoader), {"file_path": list(files), "page": pages}
            )
        loaders: list[OperettaLoader] = []
        for path, each in zip(files, planes, strict=True):
            field, page = flat_fields.get(each.channel), each.page or 0
            if field is None or field.is_flat:
                loaders.append(OperettaLoader(file_path=path, page=page))
            else:
                loaders.append(FlatFieldLoader(file_path=path, page=page, flat_field=field, subtract=subtract))
        return LoaderColumns.from_loaders(loaders)

    return make
