"""Any array to an OME-Zarr image: one call, all levels and documents, staged and marked complete."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import Any

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.ngff import completion
from fractal_omezarr_converters.ngff.documents import group_document, label_content
from fractal_omezarr_converters.ngff.labels import check_label, labelled_image, like_its_image, list_label
from fractal_omezarr_converters.ngff.layout import ImageLayout, hold_chunk, make_layout
from fractal_omezarr_converters.ngff.pixel_report import PixelReport
from fractal_omezarr_converters.ngff.pyramid import AXES, LevelWish, as_shape5
from fractal_omezarr_converters.ngff.reader import Multiscale
from fractal_omezarr_converters.ngff.remote_store import RemoteStore
from fractal_omezarr_converters.ngff.rendering import default_window, omero, windows_from_histograms
from fractal_omezarr_converters.ngff.single_pass import write_pixels
from fractal_omezarr_converters.ngff.staging import StagedImage
from fractal_omezarr_converters.ngff.stores import Store, open_store
from fractal_omezarr_converters.ngff.tile_stream import ArrayTiles, regular_edges

PerAxis = Sequence[float] | Mapping[str, float] | None
_DEFAULT_CHUNK = (1, 1, 10, 2048, 2048)


@dataclass(frozen=True)
class WrittenImage:
    """What ``write_image`` made."""

    url: str
    layout: ImageLayout
    report: PixelReport


@dataclass(frozen=True)
class NamedChannel:
    """A channel of which only the name is known."""

    channel_label: str
    wavelength_id: str | None = None
    color: str | None = None


def write_image(
    store: Store | str | os.PathLike[str],
    data: Any,
    *,
    axes: str,
    scale: PerAxis = None,
    translation: PerAxis = None,
    units: Mapping[str, str | None] | None = None,
    channels: Sequence[Any] | None = None,
    levels: LevelWish = None,
    z_factor: int = 1,
    method: str | None = None,
    chunks: Sequence[int] | None = None,
    shards: Sequence[int] | None = None,
    compression: object = None,
    version: str = "0.5",
    name: str | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    memory_limit: int | None = None,
) -> WrittenImage:
    """Write an array and its pyramid as an OME-Zarr image; lazy arrays are read chunk by chunk, each chunk once.

    Args:
        store: Path or URL of the image; a label of an image that is there is ``labels/NAME`` below it.
        data: numpy, dask or zarr array, or anything with ``shape``, ``dtype`` and slices, or that numpy makes an array of.
        axes: One letter per axis of ``data`` in its order, such as ``yxc``; written as t, c, z, y, x.
        scale: Pixel size per axis of ``data`` (sequence, or mapping by letter); 1 where not given.
        translation: Position of the first pixel's centre, the same way.
        units: UDUNITS names by letter where they are not micrometer and second.
        channels: Names, or objects with ``channel_label``, ``wavelength_id`` and ``color``.
        levels: Number of levels, their names, or factors relative to level 0 (integers, or mappings by letter); None: by size.
        z_factor: How many planes become one from level to level, where ``levels`` gives no factors.
        method: mean (the default), nearest, stride, mode, max, min or median. Labels have integers and by default mode, and the
            pixel size, position, units and levels of their image.
        chunks: Per axis of ``data``; by default at most 2048 px and 10 planes, held to 32 MiB.
        shards: Per axis of ``data``, whole multiples of the chunks, or larger than the array.
        compression: A codec's name or settings (``codecs.Compression``).
        version: OME-Zarr version, 0.4, 0.5 or 0.6.
        name: Name of the image; the last part of the path by default.
        overwrite: Replace what is there, once the new image is complete.
        threads: Threads of the writer; the CPUs granted by default.
        memory_limit: Bytes of pixels to hold at most.
    """
    if not (hasattr(data, "shape") and hasattr(data, "dtype")):
        data = np.asarray(data)
    if np.ma.is_masked(data):
        raise ConvertersToolsUserError(
            f"{int(np.ma.count_masked(data))} pixels of the array are masked, and an image has no mask; give them a value, for "
            "example by .filled(0), and keep the mask as a label image."
        )
    _check_axes(axes, data)
    _check_letters(axes, units or {})
    root, image_path = _root_and_path(store)
    image = labelled_image(root)
    stated: dict[str, Any] = {"levels": levels, "scale": scale, "translation": translation, "units": units}
    if image is not None:
        stated = like_its_image(image, axes, stated)
    shape = as_shape5(_five("shape", axes, data.shape, 1))
    layout = make_layout(
        version=version,
        axes="".join(axis for axis in AXES if axis in axes),
        shape=shape,
        dtype=data.dtype,
        pixel_size=_five("pixel size", axes, stated["scale"], 1.0),
        origin=_five("position", axes, stated["translation"], 0.0),
        chunks=_default_chunk(shape, np.dtype(data.dtype).itemsize)
        if chunks is None
        else _five("chunk", axes, chunks, 1),
        shards=None if shards is None else _five("shard", axes, shards, 1),
        levels=stated["levels"],
        method=method or ("mean" if image is None else "mode"),
        compression=compression,
        z_factor=z_factor,
    )
    described = partial(layout.image_attributes, name=name or image_path.rpartition("/")[2], units=stated["units"])
    description = _Description(described, layout, channels, image)
    with StagedImage(root, image_path, "Overwrite" if overwrite else "No Overwrite") as staged:
        tiles = ArrayTiles(data, axes, _edges(axes, data, layout))
        report = write_pixels(staged.store, layout, tiles, threads=threads, memory_limit=memory_limit)
        attributes = description.of(report)
        for key, document in group_document(version, attributes).items():
            staged.store.put(key, document)
        completion.mark(staged.store, "", _completion(layout, report, attributes))
        staged.commit()
    if image is not None:
        list_label(root, image_path, version)
    return WrittenImage(f"{root.url.rstrip('/')}/{image_path}", layout, report)


class _Description:
    """What the group says. What can be refused is before a pixel is read; the windows are not known until the last one is."""

    def __init__(
        self, attributes: partial[dict[str, Any]], layout: ImageLayout, channels: Any, image: Multiscale | None
    ) -> None:
        self._attributes = attributes
        self._more: dict[str, Any] = {}
        if image is None:
            named = [_named(channel) for channel in channels or ()]
            self._more["omero"] = omero(named or None, [default_window(layout.dtype)] * layout.shape[1])
        else:
            check_label(image, layout, channels)
            self._more["label"] = label_content(version=layout.version)
        attributes(**self._more)

    def of(self, report: PixelReport) -> dict[str, Any]:
        """The attributes with the windows of the channels."""
        windows = windows_from_histograms(report.histograms)
        for channel, window in zip(self._more.get("omero", {}).get("channels", ()), windows):
            channel["window"] = window.to_json()
        return self._attributes(**self._more)


def _named(channel: Any) -> Any:
    if hasattr(channel, "channel_label"):
        return channel
    if not isinstance(channel, str | int | float):
        raise ConvertersToolsUserError(
            f"The channel {channel!r} has no name; give its name, or an object with 'channel_label', such as a ChannelInfo."
        )
    return NamedChannel(str(channel))


def _completion(layout: ImageLayout, report: PixelReport, attributes: Mapping[str, Any]) -> completion.Completion:
    recipe = json.dumps([layout.version, layout.shape, layout.dtype.str, attributes], sort_keys=True, default=str)
    return completion.Completion(
        fingerprint=hashlib.blake2b(recipe.encode(), digest_size=16).hexdigest(),
        levels=report.levels(
            [level.path for level in layout.levels], [layout.on_axes(level.shape) for level in layout.levels]
        ),
    )


def _check_axes(axes: str, data: Any) -> None:
    if sorted(axes) != sorted(set(axes)) or not set(axes) <= set(AXES) or len(axes) != len(data.shape):
        raise ConvertersToolsUserError(
            f"Axes {axes!r} do not name the {len(data.shape)} axes of an array of shape {tuple(data.shape)}; "
            "give one different letter of t, c, z, y, x for each."
        )
    if any(size != size for size in data.shape):  # noqa: PLR0124  (NaN)
        raise ConvertersToolsUserError(
            f"The array does not know its size yet, its shape is {tuple(data.shape)}; call its 'compute_chunk_sizes()' first."
        )


def _five(what: str, axes: str, values: Any, absent: float) -> list[Any]:
    """Values per axis of the array as t, c, z, y, x."""
    if values is None:
        return [absent] * 5
    if not isinstance(values, Mapping):
        if not hasattr(values, "__len__") or isinstance(values, str) or len(values) != len(axes):
            raise ConvertersToolsUserError(
                f"The {what} {values!r} is not one number for each of the axes {axes!r}; give a list, or a mapping by letter."
            )
        values = dict(zip(axes, values))
    _check_letters(axes, values)
    for axis, value in values.items():
        if not isinstance(value, Real) or (isinstance(absent, int) and not float(value).is_integer()):
            kind = "a whole number" if isinstance(absent, int) else "a number"
            raise ConvertersToolsUserError(f"The {what} of the axis {axis!r} is {value!r}; give {kind}.")
    return [values.get(axis, absent) for axis in AXES]


def _check_letters(axes: str, given: Mapping[str, Any]) -> None:
    unknown = set(given) - set(axes)
    if unknown:
        raise ConvertersToolsUserError(
            f"Axis {sorted(unknown)[0]!r} is given a value, but the array has the axes {axes!r}."
        )


def _default_chunk(shape: Sequence[int], itemsize: int) -> list[int]:
    chunk = [min(c, n) for c, n in zip(_DEFAULT_CHUNK, shape)]
    hold_chunk(chunk, itemsize)
    return chunk


def _edges(axes: str, data: Any, layout: ImageLayout) -> list[list[int]]:
    """Borders of the boxes to read: the chunks of a lazy array, those of the output for an array in memory."""
    own: Any = getattr(data, "shards", None) or getattr(data, "chunks", None)
    if own is None:
        return [regular_edges(n, c) for n, c in zip(layout.shape, layout.chunks)]
    borders = {}
    for axis, size, step in zip(axes, data.shape, own):
        steps = np.cumsum([0, *step]).tolist() if isinstance(step, tuple) else regular_edges(size, step)
        borders[axis] = [int(border) for border in dict.fromkeys(steps)]
    return [borders.get(axis, [0, 1]) for axis in AXES]


def _root_and_path(store: Store | str | os.PathLike[str]) -> tuple[Store, str]:
    """The folder that holds the image, and the image's name in it."""
    if isinstance(store, RemoteStore):
        return store.above()  # with the credentials and the address that the store was opened with
    url = os.fspath(store) if isinstance(store, str | os.PathLike) else store.url
    if "://" not in url:
        url = os.path.abspath(os.path.expanduser(url))  # noqa: PTH100, PTH111  (keeps links as they are)
    root, _, name = url.rstrip("/").rpartition("/")
    return open_store(root or "/"), name
