"""How chunks are compressed."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from fractal_omezarr_converters.models.user_facing import UserFacingModel


class CompressionOptions(UserFacingModel):
    """How chunks are compressed; the default is the fastest that also makes small files, measured on camera images."""

    model_config = ConfigDict(title="Compression")

    codec: Literal["zstd", "lz4", "lz4hc", "zlib", "blosclz", "plain-zstd", "gzip", "none"] = Field(
        default="zstd", title="Codec"
    )
    """`zstd`, `lz4`, `lz4hc`, `zlib` and `blosclz` run inside Blosc; `plain-zstd` and `gzip` are the bare codecs; `none` stores
    raw bytes."""
    level: int | None = Field(default=None, ge=0, le=22, title="Level")
    """Effort of the codec, 0 to 9, for `plain-zstd` 0 to 22; empty: its usual one (1 for zstd)."""
    shuffle: Literal["none", "shuffle", "bitshuffle"] = Field(default="shuffle", title="Shuffle")
    """How bytes of neighbouring pixels are sorted before compression (Blosc only)."""
    blocksize: int = Field(default=1 << 20, ge=0, le=1 << 30, title="Block Size")
    """Bytes per Blosc block; 0: Blosc chooses."""

    @model_validator(mode="after")
    def _level_of_the_codec(self) -> Self:
        if self.codec != "plain-zstd" and self.level is not None and self.level > 9:
            raise ValueError(f"level {self.level} is not possible with {self.codec}; choose one from 0 to 9.")
        return self
