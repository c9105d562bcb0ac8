"""How large the chunks and shards of an image are."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, field_validator

from fractal_omezarr_converters.models.older_names import newer_mode
from fractal_omezarr_converters.models.user_facing import UserFacingModel


class Scalings(StrEnum):
    """Size of a chunk compared with a field of view."""

    QUARTER = "0.25"
    HALF = "0.5"
    ONE = "1"
    DOUBLE = "2"
    QUADRUPLE = "4"

    def to_float(self) -> float:
        """Give the factor."""
        return float(self.value)


class FovBasedChunking(UserFacingModel):
    """Chunks as large as a field of view, or a multiple or part of it."""

    model_config = ConfigDict(title="Same as FOV")

    mode: Literal["Same as FOV"] = Field(default="Same as FOV", title="Chunk Size")
    """`Same as FOV`: chunks follow the size of a field of view. `Fixed Size`: you give the size in pixels."""
    xy_scaling: Scalings = Field(default=Scalings.ONE, title="XY Scaling")
    """Side of a chunk compared with the field of view."""
    z_chunk: int = Field(default=10, ge=1, le=1_000_000, title="Z Chunk")
    """Planes per chunk."""
    c_chunk: int = Field(default=1, ge=1, le=1_000_000, title="C Chunk")
    """Channels per chunk."""
    t_chunk: int = Field(default=1, ge=1, le=1_000_000, title="T Chunk")
    """Frames per chunk."""

    @field_validator("xy_scaling", mode="before")
    @classmethod
    def _number_as_text(cls, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        return f"{value:g}" if isinstance(value, float) else str(value)

    def get_xy_chunk(self, fov_xy_shape: int) -> int:
        """Give the side of a chunk for a side of the field of view, at least 1."""
        return max(1, int(fov_xy_shape * self.xy_scaling.to_float()))


class FixedSizeChunking(UserFacingModel):
    """Chunks of a fixed size."""

    model_config = ConfigDict(title="Fixed Size")

    mode: Literal["Fixed Size"] = Field(default="Fixed Size", title="Chunk Size")
    """The size of a chunk is given in pixels."""
    xy_chunk: int = Field(default=4096, ge=1, le=1_000_000, title="XY Chunk")
    """Pixels per chunk along y and x."""
    z_chunk: int = Field(default=10, ge=1, le=1_000_000, title="Z Chunk")
    """Planes per chunk."""
    c_chunk: int = Field(default=1, ge=1, le=1_000_000, title="C Chunk")
    """Channels per chunk."""
    t_chunk: int = Field(default=1, ge=1, le=1_000_000, title="T Chunk")
    """Frames per chunk."""

    def get_xy_chunk(self, fov_xy_shape: int | Sequence[int] = 0) -> int:  # noqa: ARG002  # same call as its sibling
        """Give the side of a chunk, whatever the field of view."""
        return self.xy_chunk


ChunkingStrategy = Annotated[
    FovBasedChunking | FixedSizeChunking, Field(discriminator="mode"), BeforeValidator(newer_mode)
]


class NoSharding(UserFacingModel):
    """Every chunk is a file."""

    model_config = ConfigDict(title="No Sharding")

    mode: Literal["None"] = Field(default="None", title="Sharding")
    """`None`: every chunk is a file. `Multiple of Chunks`: several chunks share a file. `Size`: as many as fit into a size.
    Shards need OME-Zarr 0.5 or later."""


class ChunkMultipleSharding(UserFacingModel):
    """Several chunks share a file."""

    model_config = ConfigDict(title="Multiple of Chunks")

    mode: Literal["Multiple of Chunks"] = Field(default="Multiple of Chunks", title="Sharding")
    """Several chunks share a file."""
    xy_factor: int = Field(default=4, ge=1, le=10_000, title="XY Factor")
    """Chunks per shard along y and along x."""
    z_factor: int = Field(default=1, ge=1, le=10_000, title="Z Factor")
    """Chunks per shard along z."""
    c_factor: int = Field(default=1, ge=1, le=10_000, title="C Factor")
    """Chunks per shard along the channels."""
    t_factor: int = Field(default=1, ge=1, le=10_000, title="T Factor")
    """Chunks per shard in time."""

    def get_factor(self, axis: str) -> int:
        """Give the chunks per shard along an axis; 1 for an axis that is not known."""
        factors = {"x": self.xy_factor, "y": self.xy_factor, "z": self.z_factor, "c": self.c_factor, "t": self.t_factor}
        return factors.get(axis, 1)


class SizedSharding(UserFacingModel):
    """Chunks share a file up to a size."""

    model_config = ConfigDict(title="Size of Shards")

    mode: Literal["Size"] = Field(default="Size", title="Sharding")
    """As many chunks share a file as fit into a size."""
    shard_mb: int = Field(default=512, ge=1, le=1_000_000, title="Shard Size")
    """Largest size of a shard before compression (MB)."""


ShardingStrategy = Annotated[
    NoSharding | ChunkMultipleSharding | SizedSharding, Field(discriminator="mode"), BeforeValidator(newer_mode)
]
