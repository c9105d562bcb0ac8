"""The layout of one image on disk: levels, chunks, shards, codec, and what they cost in bytes and memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.ngff.array_documents import array_document, writable_dtype
from fractal_omezarr_converters.ngff.codecs import Compression
from fractal_omezarr_converters.ngff.pyramid import AXES, Floats5, Level, LevelWish, Shape5, as_shape5, plan_levels

if TYPE_CHECKING:
    from fractal_omezarr_converters.models.options import OmeZarrOptions

DEFAULT_CHUNK_BYTES = 32 << 20
_DEFAULT_Z_CHUNK = 10
_DEFAULT_XY_CHUNK = 4096
Documents = dict[str, bytes]


@dataclass(frozen=True)
class ImageLayout:
    """Where every pixel of an image lies on disk; all shapes have five entries (t, c, z, y, x)."""

    version: str
    axes: str
    shape: Shape5
    dtype: np.dtype[Any]
    chunks: Shape5
    shards: Shape5 | None
    levels: tuple[Level, ...]
    method: str = "mean"
    compression: Compression = field(default_factory=Compression)

    def on_axes(self, values: Sequence[Any]) -> list[Any]:
        """The entries of five values that belong to the image's axes."""
        return [values[AXES.index(axis)] for axis in self.axes]

    def level_chunks(self, number: int) -> Shape5:
        """The chunk shape of a level: that of the image, clipped to the level."""
        return as_shape5([min(c, n) for c, n in zip(self.chunks, self.levels[number].shape)])

    def level_shards(self, number: int) -> Shape5 | None:
        """The shard shape of a level, in whole chunks, clipped to the level."""
        if self.shards is None:
            return None
        chunks, shape = self.level_chunks(number), self.levels[number].shape
        return as_shape5([min(-(-s // c) * c, -(-n // c) * c) for s, c, n in zip(self.shards, chunks, shape)])

    def grid(self, number: int) -> Shape5:
        """How many chunks a level has along each axis."""
        return as_shape5([-(-n // c) for n, c in zip(self.levels[number].shape, self.level_chunks(number))])

    @property
    def bytes(self) -> int:
        """Uncompressed size of all levels."""
        return sum(math.prod(level.shape) for level in self.levels) * self.dtype.itemsize

    @property
    def chunk_bytes(self) -> int:
        """Uncompressed size of one chunk of level 0."""
        return math.prod(self.level_chunks(0)) * self.dtype.itemsize

    @cached_property
    def chunk_counts(self) -> tuple[int, ...]:
        """Chunks per level when every pixel has a source; gaps make fewer."""
        return tuple(math.prod(self.grid(number)) for number in range(len(self.levels)))

    def seam_factor(self, number: int) -> int:
        """How many times its chunk a level gathers before it averages: above 1 only when chunk borders cut averaging blocks."""
        level = self.levels[number]
        if level.source < 0 or self.is_aligned(number):
            return 1
        return 1 + math.prod(level.step)

    def is_aligned(self, number: int) -> bool:
        """True when no averaging block of this level lies across chunks of the level that it is made from."""
        level = self.levels[number]
        source = self.level_chunks(level.source)
        grid = self.grid(level.source)
        return all(c % f == 0 or g == 1 for c, f, g in zip(source, level.step, grid))

    def memory_estimate(self, threads: int = 1) -> int:
        """Bytes of pixels that the writer holds besides decoded source planes: chunks in work, half-filled coarser chunks."""
        item = self.dtype.itemsize
        lanes = 3 * self.chunk_bytes * threads
        waiting = 0
        for number in range(1, len(self.levels)):
            chunk = math.prod(self.level_chunks(number)) * item
            waiting += chunk * self.seam_factor(number) * min(self.chunk_counts[number], threads + 1)
        return lanes + waiting

    def image_attributes(self, *, name: str, **more: Any) -> dict[str, Any]:
        """The attributes of the image's group; ``units``, ``omero`` and ``foreign`` as for ``documents.image_attributes``."""
        from fractal_omezarr_converters.ngff.documents import image_attributes

        return image_attributes(
            self.version,
            name=name,
            axes=self.axes,
            level_paths=[level.path for level in self.levels],
            scales=[self.on_axes(level.scale) for level in self.levels],
            translations=[self.on_axes(level.translation) for level in self.levels],
            method=self.method_document(),
            **more,
        )

    def array_documents(self) -> Documents:
        """The metadata document of every level's array, by key below the image."""
        documents: Documents = {}
        for number, level in enumerate(self.levels):
            shards = self.level_shards(number)
            made = array_document(
                self.version,
                shape=self.on_axes(level.shape),
                chunks=self.on_axes(self.level_chunks(number)),
                shards=None if shards is None else self.on_axes(shards),
                dtype=self.dtype,
                compression=self.compression,
                fill_value=0,
                axes=self.axes,
            )
            documents |= {f"{level.path}/{name}": content for name, content in made.items()}
        return documents

    def method_document(self) -> dict[str, Any]:
        """How the levels were made, as the multiscales entry states it: ``type`` and ``metadata``."""
        kernel = {
            "mean": "block mean in wide arithmetic, rounded half to even",
            "nearest": "one pixel of each block",
            "stride": "the first pixel of each block",
        }
        metadata = {
            "description": kernel.get(self.method, f"block {self.method}"),
            "method": f"fractal_omezarr_converters.{self.method}",
            "factors": [self.on_axes(level.factors) for level in self.levels],
        }
        return {"type": self.method, "metadata": metadata}


def plan_layout(
    *,
    version: str,
    axes: str,
    shape5: Sequence[int],
    dtype: npt.DTypeLike,
    pixel_size: Sequence[float],
    origin: Sequence[float],
    omezarr_options: OmeZarrOptions,
    fov_shape_yx: Sequence[int] | None = None,
) -> ImageLayout:
    """The layout of an image from a user's options; no pixel is read.

    Args:
        version: OME-Zarr version.
        axes: The image's axes, some of ``tczyx`` in this order.
        shape5: Size along t, c, z, y, x.
        dtype: Pixel type.
        pixel_size: Step along t (s), c (1), z, y, x (µm).
        origin: Position of the first pixel's centre, same units.
        omezarr_options: Levels, chunks, shards, compression and downsampling.
        fov_shape_yx: Largest field of view, for chunks of its size; the image itself when unknown.
    """
    stored = writable_dtype(dtype)
    shape = _checked_shape(axes, shape5)
    chunks = chunk_shape(
        omezarr_options.chunks, shape, stored.itemsize, shape[3:] if fov_shape_yx is None else fov_shape_yx
    )
    shards = shard_shape(omezarr_options.shards, chunks, shape, stored.itemsize)
    return make_layout(
        version=version,
        axes=axes,
        shape=shape,
        dtype=stored,
        pixel_size=pixel_size,
        origin=origin,
        chunks=chunks,
        shards=shards,
        levels=_level_wish(omezarr_options.levels),
        method=getattr(omezarr_options, "downsampling", "mean"),
        compression=getattr(omezarr_options, "compression", None),
        z_factor=omezarr_options.z_factor,
    )


def make_layout(
    *,
    version: str,
    axes: str,
    shape: Sequence[int],
    dtype: npt.DTypeLike,
    pixel_size: Sequence[float],
    origin: Sequence[float],
    chunks: Sequence[int],
    shards: Sequence[int] | None = None,
    levels: LevelWish = None,
    method: str = "mean",
    compression: object = None,
    z_factor: int = 1,
) -> ImageLayout:
    """The layout of an image from plain values; chunks are clipped to the image, shards must be whole chunks or hold all."""
    full = _checked_shape(axes, shape)
    stored = writable_dtype(dtype)
    if any(c < 1 for c in chunks):
        raise ConvertersToolsUserError(f"Chunks must be at least 1 pixel along every axis, not {tuple(chunks)}.")
    clipped = as_shape5([min(c, n) for c, n in zip(chunks, full)])
    if shards is not None and version == "0.4":
        raise ConvertersToolsUserError("Shards need OME-Zarr 0.5 or later; choose version 0.5 or no sharding.")
    if shards is not None and any(s < 1 or (s % c and s < n) for s, c, n in zip(shards, chunks, full)):
        raise ConvertersToolsUserError(
            f"Shards {tuple(shards)} are not whole multiples of chunks {tuple(chunks)} (t, c, z, y, x); give multiples of them."
        )
    if stored.kind == "b" and method in ("mean", "median"):
        method = "mode"
    planned = plan_levels(
        full, wish=levels, method=method, pixel_size=_five(pixel_size), origin=_five(origin), z_factor=z_factor
    )
    return ImageLayout(
        version=version,
        axes=axes,
        shape=full,
        dtype=stored,
        chunks=clipped,
        shards=None if shards is None else as_shape5([-(-s // c) * k for s, c, k in zip(shards, chunks, clipped)]),
        levels=planned,
        method=method,
        compression=Compression.from_options(compression),
    )


def chunk_shape(chunking: Any, shape: Shape5, itemsize: int, fov_shape_yx: Sequence[int]) -> Shape5:
    """The chunk of a chunking option, clipped to the image.

    Values that a user set are kept. Where z and y, x are at their defaults, a chunk is held to 32 MiB: z is divided first, then
    y and x.
    """
    if hasattr(chunking, "xy_chunk"):
        y = x = int(chunking.xy_chunk)
        bounded = y == _DEFAULT_XY_CHUNK
    else:
        scaling = chunking.xy_scaling.to_float()
        y, x = (chunking.get_xy_chunk(int(n)) for n in fov_shape_yx)
        bounded = scaling == 1
    wanted = (chunking.t_chunk, chunking.c_chunk, chunking.z_chunk, y, x)
    chunk = [min(int(c), n) for c, n in zip(wanted, shape)]
    if bounded and chunking.z_chunk == _DEFAULT_Z_CHUNK:
        hold_chunk(chunk, itemsize)
    return as_shape5(chunk)


def hold_chunk(chunk: list[int], itemsize: int) -> None:
    """Divide z evenly, then the longer of y and x, until the chunk is small enough."""
    depth, pieces = chunk[2], 1
    while math.prod(chunk) * itemsize > DEFAULT_CHUNK_BYTES and chunk[2] > 1:
        pieces += 1
        chunk[2] = -(-depth // pieces)
    while math.prod(chunk) * itemsize > DEFAULT_CHUNK_BYTES and max(chunk[3:]) > 1:
        longer = 3 if chunk[3] >= chunk[4] else 4
        chunk[longer] = -(-chunk[longer] // 2)


def shard_shape(sharding: Any, chunks: Shape5, shape: Shape5, itemsize: int) -> Shape5 | None:
    """The shard of a sharding option; None without sharding."""
    if hasattr(sharding, "shard_mb"):
        return _shard_of_size(sharding.shard_mb << 20, chunks, shape, itemsize)
    if not hasattr(sharding, "xy_factor"):
        return None
    factors = (sharding.t_factor, sharding.c_factor, sharding.z_factor, sharding.xy_factor, sharding.xy_factor)
    return as_shape5([c * f for c, f in zip(chunks, factors)])


def _shard_of_size(most: int, chunks: Shape5, shape: Shape5, itemsize: int) -> Shape5:
    """Double y and x of a shard, each in its turn, then z, as long as it stays within a size and the image is longer."""
    shard = list(chunks)
    for axes in ((3, 4), (2,)):
        while True:
            longer = [axis for axis in axes if shard[axis] < shape[axis]]
            axis = min(longer, key=lambda one: shard[one] // chunks[one], default=None)
            if axis is None or 2 * math.prod(shard) * itemsize > most:
                break
            shard[axis] *= 2
    return as_shape5(shard)


def _level_wish(levels: Any) -> LevelWish:
    if hasattr(levels, "factors"):
        return list(levels.factors) or 1
    names = getattr(levels, "level_names", None)
    return list(names) if names is not None else getattr(levels, "num_levels", None)


def _checked_shape(axes: str, shape: Sequence[int]) -> Shape5:
    full = as_shape5(shape)
    if any(n < 1 for n in full):
        raise ConvertersToolsUserError(
            f"An image needs at least one pixel along every axis, not {full} (t, c, z, y, x)."
        )
    in_order = [axis for axis in AXES if axis in axes] == list(axes)
    if not in_order or "y" not in axes or "x" not in axes:
        raise ConvertersToolsUserError(
            f"Axes {axes!r} are not a selection of t, c, z, y, x in this order with y and x."
        )
    absent = [axis for axis, n in zip(AXES, full) if n > 1 and axis not in axes]
    if absent:
        raise ConvertersToolsUserError(
            f"Axes {axes!r} leave out {', '.join(absent)}, along which the image {full} is longer than 1."
        )
    return full


def _five(values: Sequence[float]) -> Floats5:
    t, c, z, y, x = (float(value) for value in values)
    return (t, c, z, y, x)
