"""Headers of Zarr arrays read from their documents alone: shape, chunks, shards, type, codecs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.ngff.groups import Group, read_group
from fractal_omezarr_converters.ngff.stores import Store


@dataclass(frozen=True)
class ArrayHeader:
    """What an array's document says; ``shards`` is None without sharding, ``chunks`` are the inner ones with it."""

    path: str
    shape: tuple[int, ...]
    dtype: str
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None
    codecs: tuple[str, ...]
    separator: str
    zarr_format: int
    dimension_names: tuple[str | None, ...] | None = None
    fill_value: Any = None

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of files along every axis: of shards where there are any, else of chunks."""
        sizes = self.shards or self.chunks
        return tuple(-(-length // size) for length, size in zip(self.shape, sizes, strict=True))


def read_array_header(store: Store, path: str) -> ArrayHeader:
    """Read the header of an array of either Zarr format.

    Raises:
        ConvertersToolsFileNotFoundError: there is no array.
        ConvertersToolsUserError: the document is damaged.
    """
    group = read_group(store, path)
    if group is None or group.array is None:
        raise ConvertersToolsFileNotFoundError(
            f"'{path}' in {store.url} is no array, though the metadata names it; the image is incomplete, convert it again."
        )
    try:
        header = _from_v2(group) if group.zarr_format == 2 else _from_v3(group)
        if min(header.shape, default=0) < 0:
            raise ValueError(f"the shape is {header.shape}")
        for sizes in (header.chunks, header.shards):
            if sizes is not None and (len(sizes) != len(header.shape) or min(sizes, default=1) < 1):
                raise ValueError(f"chunks or shards of {sizes} in an array of shape {header.shape}")
        return header
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ConvertersToolsUserError(
            f"The header of the array '{path}' in {store.url} is damaged ({error!r}); convert the image again."
        ) from error


def _from_v2(group: Group) -> ArrayHeader:
    import numpy as np

    document = group.array or {}
    compressor = document.get("compressor")
    return ArrayHeader(
        path=group.path,
        shape=_whole(document["shape"]),
        dtype=np.dtype(document["dtype"]).newbyteorder("=").name,
        chunks=_whole(document["chunks"]),
        shards=None,
        codecs=(_codec_name(compressor),) if compressor else (),
        separator=str(document.get("dimension_separator") or "."),
        zarr_format=2,
        fill_value=document.get("fill_value"),
    )


def _from_v3(group: Group) -> ArrayHeader:
    document = group.array or {}
    outer = _whole(document["chunk_grid"]["configuration"]["chunk_shape"])
    codecs = document["codecs"]
    shards, chunks = None, outer
    for codec in codecs:
        if codec.get("name") == "sharding_indexed":
            shards, chunks = outer, _whole(codec["configuration"]["chunk_shape"])
            codecs = codec["configuration"]["codecs"]
            break
    encoding = document.get("chunk_key_encoding") or {"name": "default"}
    separator = (encoding.get("configuration") or {}).get("separator")
    names = document.get("dimension_names")
    return ArrayHeader(
        path=group.path,
        shape=_whole(document["shape"]),
        dtype=str(document["data_type"]),
        chunks=chunks,
        shards=shards,
        codecs=tuple(_codec_name(codec) for codec in codecs if codec.get("name") != "bytes"),
        separator=str(separator or ("/" if encoding.get("name") == "default" else ".")),
        zarr_format=3,
        dimension_names=tuple(names) if names else None,
        fill_value=document.get("fill_value"),
    )


def _codec_name(codec: Mapping[str, Any]) -> str:
    """Name a codec with its compressor and level, such as ``blosc(zstd, 1)``."""
    settings = codec.get("configuration") or codec
    name = str(codec.get("name") or codec.get("id"))
    inside = [settings.get("cname"), settings.get("clevel", settings.get("level"))]
    stated = ", ".join(str(value) for value in inside if value is not None)
    return f"{name}({stated})" if stated else name


def _whole(values: Iterable[Any]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)
