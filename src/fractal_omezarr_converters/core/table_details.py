"""Pixel sizes and channels of a tile table: its columns override what the acquisition states, equal within an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fractal_omezarr_converters.core.frames import Frame
from fractal_omezarr_converters.core.table_places import Places, distinct
from fractal_omezarr_converters.models.acquisition import (
    LARGEST_STEP,
    SMALLEST_STEP,
    AcquisitionDetails,
    ChannelInfo,
    unique_channels,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    type Floats = npt.NDArray[np.float64]

SIZE_COLUMNS = ("xy_pixel_size", "y_pixel_size", "z_spacing", "t_spacing")
OLDER_SIZE_COLUMN = "pixelsize"
CHANNEL_COLUMNS = ("channel_names", "wavelengths")
SAME_SIZE = 0.01
IMAGES_SHOWN = 5

type Channel = tuple[str, str | None]


class Details(NamedTuple):
    """The distinct acquisition details of a table and the number of each row's among them."""

    details: list[AcquisitionDetails]
    number: npt.NDArray[np.int32]


def details_of_rows(
    frame: Frame,
    places: Places,
    stated: AcquisitionDetails,
    channel_range: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    headers: Mapping[str, Floats] | None = None,
) -> Details:
    """Combine what the acquisition states with the columns of the table; wrong cells are recorded in the frame.

    Args:
        frame: the table.
        places: images of the rows.
        stated: details of the acquisition.
        channel_range: first channel and number of channels of every row.
        headers: sizes that files state, by field, NaN where unknown; used where no column has a value.
    """
    sizes = {name: _size(frame, places, stated, name, headers or {}) for name in SIZE_COLUMNS}
    channels, channel_index = _channels(frame, places, stated, channel_range)
    rows = np.stack([*sizes.values(), channel_index.astype(np.float64)], axis=1)
    rows = np.nan_to_num(rows, nan=-1.0)
    if (rows == rows[0]).all():
        combinations, index = rows[:1], np.zeros(len(rows), dtype=np.int64)
    else:
        combinations, index = np.unique(rows, axis=0, return_inverse=True)
    made = []
    for *numbers, number in combinations.tolist():
        update = {name: None if value < 0 else value for name, value in zip(sizes, numbers)}
        own = channels[int(number)]
        made.append(stated.model_copy(update={**update, "channels": own} if own else update))
    return Details(made, index.reshape(-1).astype(np.int32))


def _size(frame: Frame, places: Places, stated: AcquisitionDetails, name: str, headers: Mapping[str, Floats]) -> Floats:
    given = getattr(stated, name)
    values = np.full(len(frame), np.nan if given is None else given, dtype=np.float64)
    overridden = name == "y_pixel_size" and ("xy_pixel_size" in frame or OLDER_SIZE_COLUMN in frame)
    if name in headers and not overridden:
        known = _settled(headers[name], places.image)
        values = np.where(np.isnan(known), values, known)
    for column in (name, OLDER_SIZE_COLUMN) if name == "xy_pixel_size" else (name,):
        if column in frame:
            cells = frame.numbers(column, above=0)
            possible = (cells >= SMALLEST_STEP) & (cells <= LARGEST_STEP)
            impossible = np.flatnonzero(~possible & (cells > 0)).tolist()
            frame.wrong(column, impossible, f"must lie between {SMALLEST_STEP:g} and {LARGEST_STEP:g}")
            values = np.where(possible, cells, values)
    if name == "xy_pixel_size" and name in frame and OLDER_SIZE_COLUMN in frame:
        newer, older = frame.numbers(name), frame.numbers(OLDER_SIZE_COLUMN)
        differ = np.flatnonzero(~np.isnan(newer) & ~np.isnan(older) & (newer != older)).tolist()
        frame.wrong(OLDER_SIZE_COLUMN, differ, f"disagrees with column '{name}', its newer name; keep one of both")
    _refuse_differences(frame, places, name, values)
    return values


def _settled(values: Floats, image: npt.NDArray[np.int32]) -> Floats:
    """Give all rows of an image the first value known in it, where its values agree."""
    settled = values.copy()
    known = np.flatnonzero(~np.isnan(values))
    images, first = np.unique(image[known], return_index=True)
    reference = np.full(int(image.max(initial=-1)) + 1, np.nan)
    reference[images] = values[known[first]]
    target = reference[image]
    near = np.isnan(values) | (np.abs(values - target) <= SAME_SIZE * target)
    settled[near] = target[near]
    return settled


def _refuse_differences(frame: Frame, places: Places, name: str, values: Floats) -> None:
    compared = np.nan_to_num(values, nan=-1.0)
    if (compared == compared[0]).all():
        return
    _, first = np.unique(places.image, return_index=True)
    differ = np.flatnonzero(compared != compared[first][places.image])
    if not len(differ):
        return
    shown = []
    for image in np.unique(places.image[differ])[:IMAGES_SHOWN].tolist():
        found = ", ".join(f"{value:g}" for value in np.unique(values[places.image == image]))
        shown.append(f"{_image_name(places, image)}: {found}")
    frame.problems.append(
        f"{frame.name}: '{name}' differs within one image ({'; '.join(shown)});"
        " an image has one pixel size: correct the values or make several images."
    )


def _image_name(places: Places, image: int) -> str:
    known = len(places.collections) > int(places.image.max())  # none or fewer when some of their names are wrong
    return f"'{places.collections[image].path()}'" if known else f"image {image + 1}"


def _channels(
    frame: Frame,
    places: Places,
    stated: AcquisitionDetails,
    channel_range: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
) -> tuple[list[list[ChannelInfo] | None], npt.NDArray[np.int32]]:
    """Give the distinct channel lists of the table and the number of each image's list, row by row."""
    if not any(name in frame for name in CHANNEL_COLUMNS):
        return [None], np.zeros(len(frame), dtype=np.int32)
    first, length = channel_range
    rows = _lists_of_rows(frame, stated)
    composed: dict[int, tuple[Channel, ...]] = {}
    lists: list[tuple[Channel, ...]] = []
    for members in _rows_of(places.image):
        found = {rows[row] for row in members.tolist()} - {()}
        needed = int((first + length)[members].max())
        whole = next(iter(found)) if len(found) == 1 else ()
        if not found or len(whole) >= needed:
            lists.append(whole)
            continue
        group = int(places.group[members[0]])
        if group not in composed:
            composed[group] = _composed(frame, np.flatnonzero(places.group == group), rows, first, length)
        lists.append(composed[group])
    distinct_lists, number = distinct(lists)
    infos = [
        unique_channels([ChannelInfo(channel_label=label, wavelength_id=wave) for label, wave in each]) or None
        for each in distinct_lists
    ]
    return infos, number[places.image]


def _rows_of(index: npt.NDArray[np.int32]) -> list[npt.NDArray[np.int64]]:
    order = np.argsort(index, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(index[order])) + 1)


def _lists_of_rows(frame: Frame, stated: AcquisitionDetails) -> list[tuple[Channel, ...]]:
    """Read the slash-separated lists of every row; empty where the row names no channel."""
    empty: list[str | None] = [None] * len(frame)
    names = frame.text("channel_names") if "channel_names" in frame else empty
    waves = frame.text("wavelengths") if "wavelengths" in frame else empty
    labels = [channel.channel_label for channel in stated.channels or []]
    known: dict[tuple[str | None, str | None], tuple[Channel, ...] | None] = {}
    for pair in dict.fromkeys(zip(names, waves)):
        known[pair] = _list_of_cells(*pair, labels)
    wrong = [row for row, pair in enumerate(zip(names, waves)) if known[pair] is None]
    frame.wrong("wavelengths", wrong, "has not as many entries as there are channel names; give one for each")
    return [known[pair] or () for pair in zip(names, waves)]


def _list_of_cells(names: str | None, waves: str | None, labels: Sequence[str]) -> tuple[Channel, ...] | None:
    found = [part.strip() for part in waves.split("/")] if waves else []
    if names is not None:
        called = [part.strip() for part in names.split("/")]
    else:
        called = list(labels) or [f"channel_{number}" for number in range(len(found))]
    if not names and not found:
        return ()
    if found and len(found) != len(called):
        return None
    return tuple(zip(called, [wave or None for wave in found] or [None] * len(called)))


def _composed(
    frame: Frame,
    members: npt.NDArray[np.int64],
    rows: list[tuple[Channel, ...]],
    first: npt.NDArray[np.int64],
    length: npt.NDArray[np.int64],
) -> tuple[Channel, ...]:
    """Put a list together from rows that each name only their own channels."""
    known: dict[int, Channel] = {}
    wrong, conflicts = [], []
    for row in members.tolist():
        if not rows[row]:
            continue
        if len(rows[row]) != length[row]:
            wrong.append(row)
            continue
        for number, channel in enumerate(rows[row], int(first[row])):
            if known.setdefault(number, channel) != channel:
                conflicts.append(row)
    frame.wrong("channel_names", wrong, "names neither all channels of the image nor those of this tile")
    frame.wrong("channel_names", conflicts, "names a channel differently from a row above with the same index")
    last = max(known, default=-1)
    return tuple(known.get(number, (f"channel_{number}", None)) for number in range(last + 1))
