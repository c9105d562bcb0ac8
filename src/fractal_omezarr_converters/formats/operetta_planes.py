"""Planes, channels and loaders of an Operetta measurement, in the words of this package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fractal_omezarr_converters.formats.clock_times import seconds_of
from fractal_omezarr_converters.formats.operetta_columns import IndexedPlanes
from fractal_omezarr_converters.formats.operetta_flatfield import FlatField, FlatFieldLoader
from fractal_omezarr_converters.formats.operetta_index import OperettaIndex
from fractal_omezarr_converters.formats.operetta_loader import OperettaLoader
from fractal_omezarr_converters.formats.plane_records import ChannelFacts, Frame, LoaderMaker, PlaneRecord
from fractal_omezarr_converters.formats.plane_states import MAX_EXAMPLES, wells_in_words
from fractal_omezarr_converters.formats.plane_table import PlaneTable, in_order, joint_ranks, ranked
from fractal_omezarr_converters.models.loaders import loader_type_name

if TYPE_CHECKING:
    from fractal_omezarr_converters.core.loader_columns import LoaderColumns
    from fractal_omezarr_converters.formats.plane_table import Floats, Ints


def plane_table(index: OperettaIndex, centres: Floats | None) -> tuple[PlaneTable, list[Frame]]:
    """Give all planes of the index with the sizes of their images; ``centres`` (µm) are those of planes with a file."""
    planes = index.planes
    sizes = [planes.width, planes.height, planes.pixel_x.view(np.int64), planes.pixel_y.view(np.int64)]
    _, first = joint_ranks(*sizes)
    frames = in_order(joint_ranks(*sizes)[0])
    began = seconds_of(index.plate_value("MeasurementStartTime"))
    x, y = np.zeros(len(planes)), np.zeros(len(planes))
    if centres is not None:
        x[planes.named()], y[planes.named()] = centres.T
    # when a plane was taken: what it states, else by its offset from the beginning
    clock = planes.taken if began is None else np.where(np.isnan(planes.taken), began + planes.offset, planes.taken)
    return PlaneTable.of_columns(
        row=planes.row,
        column=planes.column,
        field=planes.field,
        channel=planes.channel,
        z=planes.plane,
        t=_time_numbers(planes),
        file=planes.url,
        x=x,
        y=y,
        height=_heights(planes),
        seconds=planes.offset,
        clock=clock,
        page=planes.page,
        frame=frames[1],
        line=planes.line,
    ), [_frame(planes, int(first[number])) for number in frames[0]]


def _heights(planes: IndexedPlanes) -> Floats:
    """Heights from the focus; where no record states one, heights on the stage, from the lowest plane of each field."""
    if np.isfinite(planes.z).any():
        return planes.z
    place = joint_ranks(planes.row, planes.column, planes.field, planes.sequence, planes.time)[0]
    lowest = np.full(int(place.max(initial=-1)) + 1, np.nan)
    np.fmin.at(lowest, place, planes.abs_z)
    heights: Floats = planes.abs_z - lowest[place]
    return heights


def _frame(planes: IndexedPlanes, at: int) -> Frame:
    sizes = int(planes.width[at]), int(planes.height[at])
    return Frame(*sizes, float(planes.pixel_x[at]), float(planes.pixel_y[at]))


def _time_numbers(planes: IndexedPlanes) -> Ints:
    """Number of each (sequence, time point): the time point itself, unless sequences begin again with the same ones."""
    if not _sequences_repeat_times(planes):
        return planes.time
    return joint_ranks(planes.sequence, planes.time)[0]


def _sequences_repeat_times(planes: IndexedPlanes) -> bool:
    """Say whether TimepointID starts again in each sequence, so that both together number the frames."""
    if len(ranked(planes.sequence)[0]) < 2:
        return False
    place = (planes.row, planes.column, planes.field, planes.channel, planes.plane, planes.time)
    chosen = planes.named()
    of_place = [each[chosen] for each in place]
    return len(joint_ranks(*of_place, planes.sequence[chosen])[1]) > len(joint_ranks(*of_place)[1])


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
    planes = index.planes
    named = zip(planes.url, planes.state, strict=True) if set(planes.state) != {"Ok"} else ()
    bad = [at for at, (url, state) in enumerate(named) if url is not None and state.lower() != "ok"]
    if bad:
        shown = ", ".join(f"{planes.label(at)} ({planes.state[at]})" for at in bad[:MAX_EXAMPLES])
        warnings.append(
            f"The instrument does not call {len(bad)} planes 'Ok': {shown}; they are converted as they are."
        )
    described = set(zip(planes.row.tolist(), planes.column.tolist(), strict=True))
    empty = sorted(set(index.wells_selected) - described)
    if empty:
        warnings.append(f"{len(empty)} wells were selected but have no images in the index: {wells_in_words(empty)}.")


def loader_maker(flat_fields: dict[int, FlatField], *, subtract: bool) -> LoaderMaker:
    """Give a function that makes the loaders of many planes, with the flat-field correction of their channels."""

    def make(files: Sequence[str], planes: Sequence[PlaneRecord]) -> LoaderColumns:
        from fractal_omezarr_converters.core.loader_columns import LoaderColumns

        if all(each.is_flat for each in flat_fields.values()):
            pages = np.maximum(PlaneTable.of(planes).page, 0).tolist()
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
