"""What an image file holds: planes of equal shape in a grid of named axes; and which part of it a tile is."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsUserError, ConvertersToolsWarning
from fractal_omezarr_converters.models.photometric import Change

Array = np.ndarray[Any, Any]
#: Read the plane of this number (in the order of the file), these rows and columns: (y, x) or (y, x, samples).
ReadPlane = Callable[[int, slice, slice], Array]
#: Read the plane of this number into a C-ordered (y, x) array of the stored type; False when it is not stored like that.
ReadPlaneInto = Callable[[int, Array], bool]
_GREY_WEIGHTS = (0.299, 0.587, 0.114)
_ALL = slice(None)
#: The file that is named for all of its folder: one text, so that it is shown once.
_EXAMPLES: dict[tuple[str, str], str] = {}


class Selection(NamedTuple):
    """Which part of a file is asked for; None: all of it."""

    series: int | None = None
    page: int | None = None
    level: int | None = None
    channel: int | None = None
    z: int | None = None
    t: int | None = None
    plane: int | None = None
    rgb: Literal["channels", "grey"] = "channels"
    palette: Literal["auto", "index", "expand"] = "auto"


class StoredPlanes(NamedTuple):
    """Planes of one shape and type, numbered along ``lead`` (last axis fastest).

    ``lead`` has a letter per leading axis: ``t c z``, ``q`` for one without a name, capitals for what an image cannot have.
    ``numbers`` are the indices that the planes have along an axis, where a file holds only some. ``samples`` is the number of
    values per pixel, 0 for none; ``kept_samples`` leaves alpha away.
    """

    lead: str
    lead_shape: tuple[int, ...]
    plane_shape: tuple[int, int]
    samples: int
    dtype: np.dtype[Any]
    read: ReadPlane
    source: str
    kept_samples: tuple[int, ...] = ()
    numbers: Mapping[str, tuple[int, ...]] | None = None
    #: Shape of the whole when its axes have no names at all; the planes are then numbered flat.
    unnamed_shape: tuple[int, ...] | None = None
    #: True when the first three samples are red, green and blue.
    is_rgb: bool = False
    read_into: ReadPlaneInto | None = None
    #: What is done to the stored numbers, as the end of a sentence on the images; empty: nothing.
    change: str = ""

    @property
    def stored_dtype(self) -> np.dtype[Any]:
        """Type in the byte order of this computer; one bit per pixel becomes 0 and 1 as uint8."""
        return np.dtype(np.uint8) if self.dtype.kind == "b" else self.dtype.newbyteorder("=")


class Part(NamedTuple):
    """A chosen part of stored planes: the index along every fixed leading axis, and what is left."""

    planes: StoredPlanes
    fixed: Mapping[str, int]
    samples: tuple[int, ...] | Literal["grey"] | None

    @property
    def free(self) -> str:
        """Leading axes that are left, in the order of the file."""
        return "".join(a for a, n in zip(self.planes.lead, self.planes.lead_shape) if a not in self.fixed and n > 1)

    @property
    def sizes(self) -> dict[str, int]:
        """Length of every axis of the result, in its order."""
        lengths = dict(zip(self.planes.lead, self.planes.lead_shape))
        sizes = {axis: lengths[axis] for axis in "qtcz" if axis in self.free}
        if isinstance(self.samples, tuple) and len(self.samples) > 1:
            sizes["c"] = sizes.get("c", 1) * len(self.samples)
        ordered = {axis: sizes[axis] for axis in "qtcz" if axis in sizes}
        return {**ordered, "y": self.planes.plane_shape[0], "x": self.planes.plane_shape[1]}


def choose(planes: StoredPlanes, selection: Selection) -> Part:
    """Find the part that a selection means.

    Raises:
        ConvertersToolsUserError: There is no such channel, plane or frame, an axis is left that an image cannot have, or the
            numbers are complex.
    """
    if planes.dtype.kind not in "buif":
        raise ConvertersToolsUserError(
            f"{planes.source} holds numbers of the type {planes.dtype}, which an image cannot have; save real numbers."
        )
    if planes.change:
        folder, name = _folder(planes.source), planes.source.partition("'")[2].partition("'")[0].rpartition("/")[2]
        name = _EXAMPLES.setdefault((folder, planes.change), name)
        warnings.warn(
            f"Images in '{folder}' (such as '{name}') are {planes.change}.", ConvertersToolsWarning, stacklevel=2
        )
    lengths = dict(zip(planes.lead, planes.lead_shape))
    fixed: dict[str, int] = {}
    samples, channel = _samples(planes, selection)
    if selection.plane is not None:
        _check("plane", selection.plane, range(math.prod(planes.lead_shape)), planes)
        places = np.unravel_index(selection.plane, planes.lead_shape) if planes.lead else ()
        fixed = {axis: int(place) for axis, place in zip(planes.lead, places)}
    for axis, word, number in (("t", "t", selection.t), ("c", "channel", channel), ("z", "z", selection.z)):
        if number is None:
            continue
        held = axis if axis in lengths else "q" if "q" in lengths and "q" not in fixed else ""
        known = (planes.numbers or {}).get(axis) or range(lengths.get(held, 1))
        _check(word, number, known, planes)
        if held:
            fixed[held] = known.index(number)
    left = [axis for axis, n in lengths.items() if axis not in fixed and n > 1 and axis not in "qtcz"]
    if left:
        raise ConvertersToolsUserError(
            f"{planes.source} has the axis '{left[0]}' ({lengths[left[0]]} long), which is none of t, c, z, y, x; "
            "choose one plane of it with 'plane' or 'page'."
        )
    fixed.update({axis: 0 for axis, n in lengths.items() if n == 1 and axis not in fixed})
    return Part(planes, fixed, samples)


def _samples(planes: StoredPlanes, selection: Selection) -> tuple[tuple[int, ...] | Literal["grey"] | None, int | None]:
    """Say which samples are read, and which channel is left to be chosen along a leading axis."""
    channel = selection.channel
    if not planes.samples:
        return None, channel
    kept = planes.kept_samples or tuple(range(planes.samples))
    if len(kept) < planes.samples:
        warnings.warn(
            f"Transparency (alpha) of the images in '{_folder(planes.source)}' is left away.",
            ConvertersToolsWarning,
            stacklevel=2,
        )
    if selection.rgb == "grey" and len(kept) == 3:
        return "grey", channel
    if channel is None or len(kept) == 1:
        return kept, channel
    along = dict(zip(planes.lead, planes.lead_shape)).get("c", 1)
    _check("channel", channel, range(len(kept) * along), planes)
    return (kept[channel % len(kept)],), channel // len(kept) if along > 1 else None


def _folder(source: str) -> str:
    return source.partition("'")[2].rpartition("/")[0] or "."


def _check(word: str, number: int, known: range | tuple[int, ...], planes: StoredPlanes) -> None:
    if number not in known:
        has = f"{known[0]} to {known[-1]}" if len(known) > 1 else str(known[0])
        raise ConvertersToolsUserError(f"{planes.source} has no {word} {number}; it has {word} {has}.")


def read(part: Part, region: Mapping[str, slice] | None = None) -> Array:
    """Read the part, or the region of it that has a slice per axis letter.

    Raises:
        ConvertersToolsUserError: The file is damaged or promises more than it holds, or has no such axis.
    """
    try:
        return _read(part, region)
    except (ValueError, LookupError, MemoryError):
        from fractal_omezarr_converters.models.tiff_pool import naming

        with naming(part.planes.source):
            raise


def _read(part: Part, region: Mapping[str, slice] | None) -> Array:
    planes, sizes, wanted = part.planes, part.sizes, dict(region or {})
    unknown = {axis for axis in wanted if axis not in sizes and wanted[axis].indices(1) != (0, 1, 1)}
    if unknown:
        raise ConvertersToolsUserError(
            f"{planes.source} has no axis '{min(unknown)}' to read a part of; it has '{''.join(sizes)}'."
        )
    chosen = {axis: range(size)[wanted.get(axis, _ALL)] for axis, size in sizes.items()}
    if _is_single_plane(part):
        plane = planes.read(_number(part), *(_as_slice(chosen[axis]) for axis in "yx"))
        return np.array(plane, planes.stored_dtype, copy=True if isinstance(plane, np.memmap) else None, subok=False)
    result = np.empty([len(indices) for indices in chosen.values()], planes.stored_dtype)
    if 0 in sizes.values():
        raise ValueError(f"it holds no pixels ({' x '.join(map(str, sizes.values()))})")
    per_channel = len(part.samples) if isinstance(part.samples, tuple) else 1
    y, x = (_as_slice(chosen[axis]) for axis in "yx")
    lead_axes = [axis for axis in sizes if axis not in "yx"]
    steps = dict(zip(planes.lead, _strides(planes.lead_shape)))
    fixed = sum(steps[axis] * place for axis, place in part.fixed.items())
    held: tuple[int, Array] | None = None
    for places in itertools.product(*(enumerate(chosen[axis]) for axis in lead_axes)):
        number, sample = fixed, 0
        for axis, (_, index) in zip(lead_axes, places):
            along, sample = divmod(index, per_channel) if axis == "c" else (index, sample)
            number += steps.get(axis, 0) * along
        if held is None or held[0] != number:
            held = number, planes.read(number, y, x)
        result[tuple(place for place, _ in places)] = _one_sample(held[1], part.samples, sample)
    return result


def read_into(part: Part, out: Array) -> bool:
    """Read a part that is one plane straight into an array; False, with nothing done, when it must be read and copied."""
    planes = part.planes
    fits = out.shape == planes.plane_shape and out.dtype == planes.stored_dtype and out.flags.c_contiguous
    if planes.read_into is None or not fits or not _is_single_plane(part):
        return False
    return planes.read_into(_number(part), out)


def _is_single_plane(part: Part) -> bool:
    return part.samples is None and not any(axis in part.sizes for axis in "qtcz")


def _number(part: Part) -> int:
    """Give the number of a single plane."""
    steps = zip(part.planes.lead, _strides(part.planes.lead_shape))
    return sum(step * part.fixed.get(axis, 0) for axis, step in steps)


def _one_sample(plane: Array, samples: tuple[int, ...] | Literal["grey"] | None, number: int) -> Array:
    if samples is None:
        return plane
    if samples != "grey":
        return plane[..., samples[number]]
    mixed = sum(weight * plane[..., place].astype(np.float64) for place, weight in enumerate(_GREY_WEIGHTS))
    return np.asarray(mixed if plane.dtype.kind == "f" else np.floor(mixed + 0.5)).astype(plane.dtype)


def _as_slice(indices: range) -> slice:
    return slice(indices.start, indices.stop, indices.step) if len(indices) else slice(0, 0)


def _strides(shape: tuple[int, ...]) -> list[int]:
    return [math.prod(shape[place + 1 :]) for place in range(len(shape))]


def planes_of_array(
    array: Array | Callable[[], Array],
    axes: str,
    source: str,
    *,
    kept_samples: tuple[int, ...] = (),
    shape: tuple[int, ...] | None = None,
    dtype: np.dtype[Any] | None = None,
    unnamed_shape: tuple[int, ...] | None = None,
    change: Change | None = None,
) -> StoredPlanes:
    """Describe an array with the axes of a file; ``s`` are samples, ``y`` and ``x`` must be there.

    The array may be given as a function that makes it when pixels are read; then ``shape`` and ``dtype`` are needed.
    """
    rest = [axis for axis in axes if axis not in "yxs"]
    order = [axes.index(axis) for axis in [*rest, "y", "x", *("s" if "s" in axes else "")]]
    full = tuple(array.shape) if isinstance(array, np.ndarray) else tuple(shape or ())
    ordered_shape = [int(full[place]) for place in order]
    lead_shape = tuple(ordered_shape[: len(rest)])

    def read_plane(number: int, y: slice, x: slice) -> Array:
        held = array if isinstance(array, np.ndarray) else array()
        place = tuple(int(n) for n in np.unravel_index(number, lead_shape)) if rest else ()
        plane: Array = held.transpose(order)[place]
        return plane[y, x] if change is None else change.apply(plane[y, x])

    samples = ordered_shape[-1] if "s" in axes else 0

    return StoredPlanes(
        lead="".join(rest),
        lead_shape=lead_shape,
        plane_shape=(ordered_shape[len(rest)], ordered_shape[len(rest) + 1]),
        samples=samples if change is None else change.samples,
        dtype=array.dtype if isinstance(array, np.ndarray) else np.dtype(dtype),
        read=read_plane,
        source=source,
        kept_samples=kept_samples if change is None else (),
        unnamed_shape=unnamed_shape,
        is_rgb=change is not None and change.samples == 3,
        change="" if change is None else change.words,
    )
