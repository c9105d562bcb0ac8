"""From what a loader delivers to the block of a tile: axes placed by name, shape compared with what the tile states.

Axes of a loader are letters: ``t c z y x``, and ``q`` for one axis that a file has without naming it (the pages of a plain
TIFF). ``q`` becomes the one axis along which the tile has this length. ``None`` means the last axes of the image, in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.axes import AXES

if TYPE_CHECKING:
    import numpy as np

    from fractal_omezarr_converters.models.loaders import ImageLoaderInterface


def named_axes(
    shape: Sequence[int], *, axes: str | None, image_axes: Sequence[str], lengths: Sequence[int], source: str
) -> str:
    """Name the axes of an array of this shape, or say why it is not the tile's.

    Args:
        shape: Shape of what the loader delivers.
        axes: What ``ImageLoaderInterface.data_axes`` says.
        image_axes: Axes of the image that is written.
        lengths: Whole pixels of the tile along t, c, z, y, x.
        source: What ``ImageLoaderInterface.describe_source`` says.

    Returns:
        One letter of ``tczyx`` per dimension, or ``q`` for an unnamed one of length 1.

    Raises:
        ConvertersToolsUserError: Shape or axes differ from the tile's; the message names source, expected and found.
    """
    wanted = dict(zip(AXES, lengths))
    if axes is None:
        if len(shape) > len(image_axes) or len(shape) < 2:
            raise ConvertersToolsUserError(
                f"{source} has {len(shape)} axes (shape {tuple(shape)}), but the image has the axes "
                f"'{''.join(image_axes)}'; the loader must give y, x and at most the image's axes."
            )
        names = "".join(image_axes)[-len(shape) :]
    else:
        names = _name_q(shape, axes, wanted)
    found = {name: size for name, size in zip(names, shape) if name != "q"}
    unnamed = next((size for name, size in zip(names, shape) if name == "q" and size != 1), None)
    if unnamed is None and len(names) == len(shape) and all(found.get(axis, 1) == wanted[axis] for axis in AXES):
        return names
    raise ConvertersToolsUserError(_difference(names, shape, wanted, source))


def as_block(
    data: np.ndarray[Any, Any],
    *,
    axes: str | None,
    image_axes: Sequence[str],
    lengths: Sequence[int],
    source: str,
) -> np.ndarray[Any, Any]:
    """Give the data as a view on t, c, z, y, x; arguments and errors as for :func:`named_axes`."""
    names = named_axes(data.shape, axes=axes, image_axes=image_axes, lengths=lengths, source=source)
    order = [names.index(axis) for axis in AXES if axis in names]
    rest = [place for place, name in enumerate(names) if name not in AXES]
    return data.transpose([*rest, *order]).reshape(tuple(int(length) for length in lengths))


def load_part(
    loader: ImageLoaderInterface,
    part: Sequence[slice],
    *,
    image_axes: Sequence[str],
    lengths: Sequence[int],
    resource: Any | None = None,
) -> np.ndarray[Any, Any] | None:
    """Read a part of a tile as a block on t, c, z, y, x; None when the loader reads wholes only.

    Args:
        loader: Loader of the tile.
        part: A slice along each of t, c, z, y, x, within the tile.
        image_axes: Axes of the image that is written.
        lengths: Whole pixels of the tile along t, c, z, y, x.
        resource: Handed to the loader.

    Raises:
        ConvertersToolsUserError: Shape or axes differ from the tile's.
    """
    axes = loader.data_axes(resource)
    if not loader.reads_parts() or axes is None:
        return None
    named = axes
    if "q" in axes:
        header = loader.shape_and_dtype(resource)
        if header is None:
            return None
        source = loader.describe_source(resource)
        named = named_axes(header[0], axes=axes, image_axes=image_axes, lengths=lengths, source=source)
    cuts = dict(zip(AXES, part))
    data = loader.load_region({axis: cuts[name] for axis, name in zip(axes, named) if name in cuts}, resource)
    if data is None:
        return None
    wanted = [len(range(*cut.indices(int(length)))) for cut, length in zip(part, lengths)]
    source = f"A part of {loader.describe_source(resource)}"
    return as_block(data, axes=named, image_axes=image_axes, lengths=wanted, source=source)


def _name_q(shape: Sequence[int], axes: str, wanted: dict[str, int]) -> str:
    if axes.count("q") != 1 or len(axes) != len(shape):
        return axes
    size = shape[axes.index("q")]
    fitting = [axis for axis in "tcz" if axis not in axes and wanted[axis] == size and size > 1]
    return axes.replace("q", fitting[0]) if len(fitting) == 1 else axes


def _difference(names: str, shape: Sequence[int], wanted: dict[str, int], source: str) -> str:
    found = ", ".join(f"{'pages' if name == 'q' else name}={size}" for name, size in zip(names, shape))
    expected = ", ".join(
        f"{axis}={wanted[axis]}" for axis in AXES if wanted[axis] != 1 or axis in "yx" or axis in names
    )
    remedy = (
        "copy the file again from the instrument; in a table of tiles, correct the lengths of the tile or choose the part"
        " of the file that is this tile (page, series, channel, z, t)"
    )
    sizes = dict(zip(names, shape))
    if sizes.get("c", 1) in (3, 4) and wanted["c"] == 1:
        remedy = (
            "it is a colour image: give the tile three channels (length_c = 3), choose one channel, or ask for grey"
        )
    elif "q" in names:
        remedy = (
            "the file does not say what its pages are: give the tile as many planes, or choose one page for each tile"
        )
    return f"{source} holds {found}, but the tile is stated as {expected}; {remedy}."
