"""The metadata document of one Zarr array as plain JSON: ``.zarray`` of Zarr v2 (OME-Zarr 0.4), ``zarr.json`` of v3 (0.5 on)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.ngff.codecs import Compression

WRITTEN_KINDS = "biuf"


def writable_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """The little-endian form of a pixel type; refuses types that OME-Zarr images cannot have."""
    found = np.dtype(dtype)
    if found.kind not in WRITTEN_KINDS or found.itemsize > 8:
        raise ConvertersToolsUserError(
            f"Pixel type {found} cannot be stored in an OME-Zarr image; use an integer, float or boolean type of at most 64 bits."
        )
    little: np.dtype[Any] = found.newbyteorder("<")
    return little


def array_document(
    version: str,
    *,
    shape: Sequence[int],
    chunks: Sequence[int],
    shards: Sequence[int] | None,
    dtype: npt.DTypeLike,
    compression: object = None,
    fill_value: float = 0,
    axes: str,
) -> dict[str, bytes]:
    """The array's document by file name; shapes have one entry per letter of ``axes``."""
    stored = writable_dtype(dtype)
    codec = Compression.from_options(compression)
    fill: bool | int | float = {"b": bool, "f": float}.get(stored.kind, int)(fill_value)
    if version == "0.4":
        if shards is not None:
            raise ConvertersToolsUserError("Shards need OME-Zarr 0.5 or later; choose version 0.5 or no sharding.")
        return {".zarray": _dump(_v2_document(shape, chunks, stored, codec, fill))}
    return {"zarr.json": _dump(_v3_document(shape, chunks, shards, stored, codec, fill, axes))}


def _v2_document(
    shape: Sequence[int], chunks: Sequence[int], dtype: np.dtype[Any], codec: Compression, fill: float
) -> dict[str, Any]:
    return {
        "zarr_format": 2,
        "shape": [int(n) for n in shape],
        "chunks": [int(n) for n in chunks],
        "dtype": dtype.str,
        "compressor": codec.v2_compressor(),
        "fill_value": fill,
        "order": "C",
        "filters": None,
        "dimension_separator": "/",
    }


def _v3_document(  # noqa: PLR0917
    shape: Sequence[int],
    chunks: Sequence[int],
    shards: Sequence[int] | None,
    dtype: np.dtype[Any],
    codec: Compression,
    fill: float,
    axes: str,
) -> dict[str, Any]:
    codecs = codec.v3_codecs(dtype)
    if shards is not None:
        settings = {
            "chunk_shape": [int(n) for n in chunks],
            "codecs": codecs,
            "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
            "index_location": "end",
        }
        codecs = [{"name": "sharding_indexed", "configuration": settings}]
    outer = chunks if shards is None else shards
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [int(n) for n in shape],
        "data_type": dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [int(n) for n in outer]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": fill,
        "codecs": codecs,
        "attributes": {},
        "dimension_names": list(axes),
        "storage_transformers": [],
    }


def _dump(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=2, allow_nan=False).encode()
