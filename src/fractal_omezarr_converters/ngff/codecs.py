"""How chunks are compressed: the codecs by name, their Zarr v2 and v3 metadata, and the encoder of the writer.

Default: Blosc with zstd level 1, byte shuffle and blocks of 1 MiB, in both Zarr formats. Its v3 form is the ``blosc`` codec
(https://zarr-specs.readthedocs.io/en/latest/v3/codecs/blosc/), which zarr-python, tensorstore and zarrs read.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fractal_omezarr_converters.errors import ConvertersToolsUserError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

BLOSC_COMPRESSORS = ("blosclz", "lz4", "lz4hc", "zlib", "zstd")
CODECS = ("zstd", "lz4", "lz4hc", "zlib", "blosclz", "plain-zstd", "gzip", "none")
_DEFAULT_LEVELS = {"zstd": 1, "lz4": 5, "lz4hc": 5, "zlib": 1, "blosclz": 5, "plain-zstd": 1, "gzip": 1, "none": 0}
HIGHEST_LEVELS = {"plain-zstd": 22}
"""Of codecs that have more than 9 levels; Blosc and gzip have 9."""
_SHUFFLE_NUMBERS = {"none": 0, "shuffle": 1, "bitshuffle": 2}
BLOSC_HEADER = 16
_MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Compression:
    """One way to compress chunks.

    ``codec`` zstd, lz4, lz4hc, zlib and blosclz run inside Blosc; ``plain-zstd`` and ``gzip`` are the bare codecs;
    ``none`` stores raw bytes.
    """

    codec: str = "zstd"
    level: int | None = None
    shuffle: str = "shuffle"
    blocksize: int = _MEBIBYTE

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise ConvertersToolsUserError(
                f"Compression codec {self.codec!r} is not known; choose one of {', '.join(CODECS)}."
            )
        highest = HIGHEST_LEVELS.get(self.codec, 9)
        if self.level is not None and not 0 <= self.level <= highest:
            raise ConvertersToolsUserError(
                f"Compression level {self.level} is not possible with {self.codec}; choose one from 0 to {highest}."
            )
        if self.shuffle not in _SHUFFLE_NUMBERS:
            raise ConvertersToolsUserError(
                f"Shuffle {self.shuffle!r} is not known; choose one of {', '.join(_SHUFFLE_NUMBERS)}."
            )

    @classmethod
    def from_options(cls, options: object | None) -> Compression:
        """From a ``CompressionOptions``, a mapping, a codec's name, a ``Compression`` or None (the default)."""
        if options is None:
            return cls()
        if isinstance(options, Compression):
            return options
        if isinstance(options, str):
            return cls(codec=options)
        names = list(cls.__dataclass_fields__)
        strange = sorted(map(str, set(options) - set(names))) if isinstance(options, dict) else [type(options).__name__]
        if strange and not hasattr(options, "codec"):
            raise ConvertersToolsUserError(
                f"Compression {options!r} is not understood ({strange[0]}); give a codec's name, or settings among "
                f"{', '.join(names)}."
            )
        found: Any = options if isinstance(options, dict) else {name: getattr(options, name, None) for name in names}
        given: Any = {name: found[name] for name in names if found.get(name) is not None}
        if isinstance(given.get("shuffle"), bool):
            given["shuffle"] = "shuffle" if given["shuffle"] else "none"
        return cls(**given)

    @property
    def used_level(self) -> int:
        """The level that the codec runs at."""
        return _DEFAULT_LEVELS[self.codec] if self.level is None else self.level

    @property
    def is_blosc(self) -> bool:
        """True when the codec runs inside a Blosc container."""
        return self.codec in BLOSC_COMPRESSORS

    def to_json(self) -> dict[str, Any]:
        """All settings as plain values."""
        return asdict(self) | {"level": self.used_level}

    def v2_compressor(self) -> dict[str, Any] | None:
        """The ``compressor`` of a Zarr v2 ``.zarray``."""
        if self.is_blosc:
            return {
                "id": "blosc",
                "cname": self.codec,
                "clevel": self.used_level,
                "shuffle": _SHUFFLE_NUMBERS[self.shuffle],
                "blocksize": self.blocksize,
            }
        if self.codec == "plain-zstd":
            return {"id": "zstd", "level": self.used_level}
        return {"id": "gzip", "level": self.used_level} if self.codec == "gzip" else None

    def v3_codecs(self, dtype: np.dtype[Any]) -> list[dict[str, Any]]:
        """The ``codecs`` chain of a Zarr v3 chunk: bytes, then the compressor."""
        chain: list[dict[str, Any]] = [{"name": "bytes", "configuration": {"endian": "little"}}]
        if dtype.itemsize == 1:
            chain = [{"name": "bytes"}]
        if self.is_blosc:
            settings = {
                "typesize": dtype.itemsize,
                "cname": self.codec,
                "clevel": self.used_level,
                "shuffle": "noshuffle" if self.shuffle == "none" else self.shuffle,
                "blocksize": self.blocksize,
            }
            return [*chain, {"name": "blosc", "configuration": settings}]
        if self.codec == "plain-zstd":
            return [*chain, {"name": "zstd", "configuration": {"level": self.used_level, "checksum": False}}]
        if self.codec == "gzip":
            return [*chain, {"name": "gzip", "configuration": {"level": self.used_level}}]
        return chain

    def encoder(self, dtype: np.dtype[Any]) -> Callable[[np.ndarray[Any, Any]], memoryview]:
        """A function from one C-ordered chunk to its encoded bytes; they are valid until its next call. One per thread."""
        if self.is_blosc:
            return _blosc_encoder(self, dtype)
        import imagecodecs

        level = self.used_level
        if self.codec == "plain-zstd":
            return lambda chunk: memoryview(imagecodecs.zstd_encode(chunk, level))
        if self.codec == "gzip":
            return lambda chunk: memoryview(imagecodecs.gzip_encode(chunk, level))
        return lambda chunk: memoryview(chunk.reshape(-1).view("u1"))


def _blosc_encoder(compression: Compression, dtype: np.dtype[Any]) -> Callable[[np.ndarray[Any, Any]], memoryview]:
    """Blosc into a buffer that is kept: fresh pages for every result would cost more than the compression.

    It gets as much room as the chunk may take at most, whatever was encoded before: Blosc would otherwise store pixels that do
    not compress in a longer form, and the bytes of a chunk would depend on the chunks before it.
    """
    import imagecodecs
    import numpy as np

    kept: list[memoryview] = []
    shuffle = _SHUFFLE_NUMBERS[compression.shuffle]

    def encode(chunk: np.ndarray[Any, Any]) -> memoryview:
        needed = chunk.nbytes + BLOSC_HEADER
        if not kept or kept[0].nbytes < needed:
            kept[:] = [memoryview(np.empty(needed, "u1"))]
        encoded = imagecodecs.blosc_encode(
            chunk,
            level=compression.used_level,
            compressor=compression.codec,
            shuffle=shuffle,
            typesize=dtype.itemsize,
            blocksize=compression.blocksize,
            numthreads=1,
            out=kept[0][:needed],
        )
        return memoryview(encoded)

    return encode
