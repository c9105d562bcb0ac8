"""Lengths of tiles that a table leaves out: from the header of each file, one header read per distinct file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fractal_omezarr_converters.core.frames import Frame
from fractal_omezarr_converters.core.source_survey import (
    Header,
    ask_each,
    header_choice_of,
    header_of_loader,
    header_of_row,
)
from fractal_omezarr_converters.errors import ConvertersToolsError
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails
from fractal_omezarr_converters.models.axes import AXES
from fractal_omezarr_converters.models.loaders import ImageLoaderInterface

if TYPE_CHECKING:
    import numpy.typing as npt

    from fractal_omezarr_converters.core.loader_columns import LoaderColumns

    type Floats = npt.NDArray[np.float64]

FILES_SHOWN = 20

# an axis that a file does not name, such as the pages of a plain TIFF
NAMELESS = "q"
PLANE_AXES = "tcz"

type Sizes = dict[str, int]


def sizes_of_loader(
    loader: ImageLoaderInterface, axes: Sequence[str], resource: Any = None, read: Callable[[], Header] | None = None
) -> Sizes | str:
    """Give the size of what a loader delivers, by axis, from headers alone; or a sentence why that cannot be known.

    Args:
        loader: loader of one tile.
        axes: axes of the acquisition; the last ones are those of the data when the loader does not name its own.
        resource: what the loader needs to find its file.
        read: gives what the loader's header says, where that may be known already.
    """
    try:
        found = read() if read is not None else header_of_loader(loader, resource)
        if found is None:
            return f"{loader.describe_source(resource)} does not tell its size without being read"
        shape, _, named = found
        own = named or "".join(axes)[-len(shape) :]
    except (ConvertersToolsError, OSError) as error:
        return str(error).removesuffix(".")
    if len(own) != len(shape) or not set(own) <= {*AXES, NAMELESS}:
        return f"{loader.describe_source(resource)} has {len(shape)} axes {shape}, more than its tile can have"
    return dict(zip(own, shape))


def sizes_of_row(loaders: LoaderColumns, row: int, axes: Sequence[str], resource: Any = None) -> Sizes | str:
    """Give what :func:`sizes_of_loader` gives for one of many loaders, whose headers are read once."""
    return sizes_of_loader(loaders.loader(row), axes, resource, lambda: header_of_row(loaders, row, resource))


def stated_lengths(frame: Frame) -> Floats:
    """Give the lengths that the table states (n x 5, ``tczyx``), NaN where it does not."""
    lengths = np.full((len(frame), len(AXES)), np.nan)
    for number, axis in enumerate(AXES):
        name = f"length_{axis}"
        if name in frame:
            lengths[:, number] = frame.numbers(name, above=0)
            if axis == "c":
                frame.integers(name)
    return lengths


def fill_lengths(
    frame: Frame,
    lengths: Floats,
    loaders: LoaderColumns,
    *,
    details: AcquisitionDetails,
    steps: Callable[[], Floats],
    image: npt.NDArray[np.int32],
    resource: Any = None,
) -> None:
    """Fill the lengths that are NaN from the headers of the files; what cannot be known is recorded in the frame.

    Lengths along x and y must be known. Along z, c and t a file that cannot be asked counts as one plane. Where only
    the length along t is left out, some headers of every image and size stand for the others of very many files.

    Args:
        frame: the table.
        lengths: n x 5, changed in place.
        loaders: loader of every row.
        details: acquisition of the table, which says in what space lengths are stated.
        steps: gives the size of a pixel along ``tczyx`` for every row; asked only when a length is in world units.
        image: number of the image of every row.
        resource: what the loaders need to find their files.
    """
    rows = np.flatnonzero(np.isnan(lengths).any(axis=1))
    if not len(rows):
        return
    asked = loaders.select(rows)
    stands_for = np.arange(len(rows))
    if not np.isnan(lengths[rows, 1:]).any():
        stands_for = header_choice_of(asked, image[rows], resource).stands_for
    sources, index = np.unique(stands_for, return_inverse=True)
    index = index.reshape(-1)
    found = ask_each(sources, lambda row: sizes_of_row(asked, row, details.axes, resource))
    pixels = np.array([_five(sizes) for sizes in found], dtype=np.float64).reshape(-1, len(AXES))
    world = [axis != "c" and getattr(details, f"length_{axis}_space") == "world" for axis in AXES]
    sizes_of_pixels = steps()[rows] if any(world) else None
    nameless = np.array([1 if isinstance(sizes, str) else sizes.get(NAMELESS, 1) for sizes in found])[index]
    unknown = np.zeros(len(rows), dtype=bool)
    for axis in np.flatnonzero(np.isnan(lengths[rows]).any(axis=0)).tolist():
        blank = np.flatnonzero(np.isnan(lengths[rows, axis]))
        filled = pixels[index[blank], axis]
        if sizes_of_pixels is not None and world[axis]:
            filled *= sizes_of_pixels[blank, axis]
        if axis >= AXES.index("y"):
            unknown[blank] |= np.isnan(filled)
        lengths[rows[blank], axis] = np.nan_to_num(filled, nan=1.0)
    _record(frame, [sizes for sizes, ask in zip(found, _asked(unknown, index, len(found))) if ask])
    planes = lengths[rows, :3].prod(axis=1) if not any(world) else nameless
    frame.wrong(
        "file_path",
        rows[(nameless > 1) & (planes != nameless)].tolist(),
        "the file has several planes along an axis that it does not name; give length_z, length_c or length_t, or page",
    )


def _five(sizes: Sizes | str) -> list[float]:
    if isinstance(sizes, str):
        return [np.nan] * len(AXES)
    return [sizes.get(axis, 1) for axis in AXES]


def _asked(unknown: npt.NDArray[np.bool_], index: npt.NDArray[np.int64], number: int) -> list[bool]:
    asked: npt.NDArray[np.bool_] = np.zeros(number, dtype=bool)
    asked[index[unknown]] = True
    result: list[bool] = asked.tolist()
    return result


def _record(frame: Frame, reasons: Iterable[Sizes | str]) -> None:
    texts = [reason for reason in reasons if isinstance(reason, str)]
    if not texts:
        return
    more = f" and {len(texts) - FILES_SHOWN} more files" if len(texts) > FILES_SHOWN else ""
    frame.problems.append(
        f"{frame.name} gives no length_x and length_y, and the size of these files is not known: "
        f"{'; '.join(texts[:FILES_SHOWN])}{more}: correct file_path, or give the lengths."
    )
