"""Pixels of loaders put on the five axes, checked against what the tile states, and laid into larger arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fractal_omezarr_converters.core.geometry import AXES
from fractal_omezarr_converters.core.pixel_types import cast_exactly
from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsUserError
from fractal_omezarr_converters.models.blocks import as_block
from fractal_omezarr_converters.models.loaders import ImageLoaderInterface


class Source(NamedTuple):
    """All that is needed to read one region in another process: plain data, no reference to the image."""

    loader: ImageLoaderInterface
    axes: str
    lengths: tuple[int, ...]
    fov_name: str

    def read(self, resource: Any = None) -> NDArray[Any]:
        """Read the pixels as a 5-D block of exactly the stated lengths."""
        return load_block(self.loader, self.axes, self.lengths, resource=resource, fov_name=self.fov_name)


@contextmanager
def naming_the_source(loader: ImageLoaderInterface, resource: Any = None, fov_name: str = "") -> Iterator[None]:
    """Say which source it was when a loader fails; such an error is never one of the output.

    Raises:
        ConvertersToolsUserError: the loader raised something that does not say so itself.
    """
    try:
        yield
    except (ConvertersToolsError, MemoryError):
        raise
    except Exception as error:  # any kind: loaders are code of others, and a user must read which image it was
        field = f" (field of view '{fov_name}')" if fov_name else ""
        raise ConvertersToolsUserError(
            f"{loader.describe_source(resource)}{field} cannot be read ({type(error).__name__}: {error}); check that it is "
            f"there and whole, or correct the loader {type(loader).__name__}."
        ) from error


def load_block(
    loader: ImageLoaderInterface,
    axes: str,
    lengths: Sequence[int] | None,
    *,
    resource: Any = None,
    fov_name: str = "",
) -> NDArray[Any]:
    """Read a loader's pixels and give them as a 5-D block in the order ``t c z y x``.

    Raises:
        ConvertersToolsUserError: the source cannot be read, or its axes or lengths are not those of the tile.
    """
    with naming_the_source(loader, resource, fov_name):
        data = np.asarray(loader.load_data(resource))
        named = loader.data_axes(resource)

    def where() -> str:
        return f"{loader.describe_source(resource)} (field of view '{fov_name}')"

    if lengths is None:
        return five_axes(data, axes, named, where)
    return as_block(data, axes=named, image_axes=axes, lengths=lengths, source=where())


def five_axes(data: NDArray[Any], axes: str, named: str | None, where: Any) -> NDArray[Any]:
    """Put pixels on ``t c z y x``: by name where the source names its axes, else by position from the last axis on.

    ``where`` is called for the words of an error message.

    Raises:
        ConvertersToolsUserError: more axes than the image has, or an axis that the image lacks.
    """
    if named is None:
        if data.ndim > len(axes):
            raise ConvertersToolsUserError(
                f"{where()} has {data.ndim} axes {data.shape}, but the image has only {len(axes)} ({axes}): "
                "add the missing axis to the acquisition's axes or select a part of the file."
            )
        named = axes[len(axes) - data.ndim :]
    elif len(named) != data.ndim or len(set(named)) != len(named):
        raise ConvertersToolsUserError(
            f"{where()} delivers {data.ndim} axes {data.shape} but names them '{named}': correct the loader's data_axes."
        )
    for axis in reversed(named):
        if axis in axes and axis in AXES:
            continue
        if data.shape[named.index(axis)] != 1:
            raise ConvertersToolsUserError(
                f"{where()} has {data.shape[named.index(axis)]} entries along its axis '{axis}' ({named}, "
                f"{data.shape}), but the image has the axes {axes}: add '{axis}' to the acquisition's axes or "
                "select one of the entries."
            )
        data = data.squeeze(named.index(axis))
        named = named.replace(axis, "")
    order = [named.index(axis) for axis in AXES if axis in named]
    data = data.transpose(order)
    return data.reshape([data.shape[order.index(named.index(axis))] if axis in named else 1 for axis in AXES])


def on_axes(block: NDArray[Any], axes: str) -> NDArray[Any]:
    """Drop the axes of a 5-D block that the image does not have; they have length 1."""
    return block.reshape([block.shape[AXES.index(axis)] for axis in axes])


def lay(
    target: NDArray[Any],
    origin: Sequence[int],
    pieces: Iterable[tuple[Sequence[int], NDArray[Any], str]],
) -> NDArray[Any]:
    """Lay 5-D blocks (start, pixels, name for errors) into a 5-D array that begins at ``origin``; the last one wins."""
    for start, block, name in pieces:
        into, out_of = [], []
        for first, length, zero, size in zip(start, block.shape, origin, target.shape):
            low, high = max(first, zero), min(first + length, zero + size)
            into.append(slice(low - zero, high - zero))
            out_of.append(slice(low - first, high - first))
        if all(part.stop > part.start for part in into):
            target[tuple(into)] = cast_exactly(block[tuple(out_of)], str(target.dtype), name)
    return target
