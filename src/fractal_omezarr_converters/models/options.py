"""All options of a conversion in one tree; files and calls of every earlier generation load."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from fractal_omezarr_converters.models.chunking import ChunkingStrategy, FovBasedChunking, NoSharding, ShardingStrategy
from fractal_omezarr_converters.models.compression import CompressionOptions
from fractal_omezarr_converters.models.grouping import Grouping, MosaicGrouping, StagePositionCorrections
from fractal_omezarr_converters.models.levels import LevelFactors, NumberOfLevels, PyramidLevels
from fractal_omezarr_converters.models.older_names import (
    grouping_of_tiling,
    newer_converter_options,
    newer_omezarr_options,
    older_name,
)
from fractal_omezarr_converters.models.runtime import RuntimeSettings
from fractal_omezarr_converters.models.user_facing import UserFacingModel, shown_default

NgffVersions = Literal["0.4", "0.5", "0.6"]
DefaultNgffVersion: NgffVersions = "0.4"


class WriterMode(StrEnum):
    """How pixels are moved; the pixels are the same with each."""

    BY_TILE = "By Tile"
    BY_TILE_DASK = "By Tile (Using Dask)"
    BY_FOV = "By FOV"
    BY_FOV_DASK = "By FOV (Using Dask)"
    IN_MEMORY = "In Memory"

    @property
    def is_parallel(self) -> bool:
        """True when several threads write."""
        return self not in (WriterMode.BY_TILE, WriterMode.BY_FOV)


class OverwriteMode(StrEnum):
    """What happens to output that exists."""

    NO_OVERWRITE = "No Overwrite"
    OVERWRITE = "Overwrite"
    EXTEND = "Extend"


class BackendType(StrEnum):
    """How tables are stored."""

    ANNDATA = "anndata"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


class OmeZarrOptions(UserFacingModel):
    """What the written image is like: levels, chunks, shards, version, tables."""

    model_config = ConfigDict(title="OME-Zarr Options")

    levels: PyramidLevels = Field(
        default_factory=NumberOfLevels, json_schema_extra=shown_default(NumberOfLevels), title="Resolution Levels"
    )
    """How many resolution levels are made."""
    chunks: ChunkingStrategy = Field(
        default_factory=FovBasedChunking, json_schema_extra=shown_default(FovBasedChunking), title="Chunks"
    )
    """How large chunks are."""
    shards: ShardingStrategy = Field(
        default_factory=NoSharding, json_schema_extra=shown_default(NoSharding), title="Shards"
    )
    """Whether several chunks share a file; needs OME-Zarr 0.5 or later."""
    ngff_version: NgffVersions = Field(default=DefaultNgffVersion, title="OME-Zarr Version")
    """Version of OME-Zarr for plates and images alike."""
    table_backend: BackendType = Field(default=BackendType.CSV, title="Table Backend")
    """How tables are stored."""
    compression: CompressionOptions = Field(
        default_factory=CompressionOptions, json_schema_extra=shown_default(CompressionOptions), title="Compression"
    )
    """How chunks are compressed."""
    downsampling: Literal["mean", "nearest", "stride", "mode", "max", "min", "median"] = Field(
        default="mean", title="Downsampling"
    )
    """How pixels of one level become a pixel of the next one; `mode` or `nearest` for labels."""
    z_factor: int = Field(default=1, ge=1, le=16, title="Z Factor")
    """How many planes become one from level to level; 1: every level keeps all planes."""

    @model_validator(mode="before")
    @classmethod
    def _newer_names(cls, values: Any) -> Any:
        return newer_omezarr_options(values) if isinstance(values, Mapping) else values

    @model_validator(mode="after")
    def _shards_need_a_version(self) -> Self:
        if self.ngff_version == "0.4" and not isinstance(self.shards, NoSharding):
            raise ValueError("shards need OME-Zarr 0.5 or later, and ngff_version is 0.4; choose 0.5 or no sharding.")
        return self

    @model_validator(mode="after")
    def _one_way_to_state_factors(self) -> Self:
        if isinstance(self.levels, LevelFactors) and self.z_factor != 1:
            raise ValueError("z_factor and a list of factors exclude each other; state z in the factors.")
        return self

    @property
    def num_levels(self) -> int:
        """Number of levels that are wanted, under its older name."""
        wish = self.levels.to_ngio_levels()
        return wish if isinstance(wish, int) else len(wish)

    @num_levels.setter
    def num_levels(self, value: Any) -> None:
        self.levels = NumberOfLevels(num_levels=value)


class ConverterOptions(UserFacingModel):
    """All options of a conversion."""

    model_config = ConfigDict(title="Converter Options")

    writer_mode: WriterMode = Field(default=WriterMode.BY_FOV, title="Writer Mode")
    """How pixels are moved; the pixels are the same with each."""
    grouping: Grouping = Field(
        default_factory=MosaicGrouping, json_schema_extra=shown_default(MosaicGrouping), title="Grouping"
    )
    """What becomes one image: all fields of view of a well together, or each by itself."""
    stage_position_corrections: StagePositionCorrections = Field(
        default_factory=StagePositionCorrections,
        json_schema_extra=shown_default(StagePositionCorrections),
        title="Stage Position Corrections",
    )
    """What is taken away from stage positions before fields are placed."""
    omezarr_options: OmeZarrOptions = Field(
        default_factory=OmeZarrOptions, json_schema_extra=shown_default(OmeZarrOptions), title="OME-Zarr Options"
    )
    """What the written image is like."""
    runtime_settings: RuntimeSettings = Field(
        default_factory=RuntimeSettings, json_schema_extra=shown_default(RuntimeSettings), title="Runtime Settings"
    )
    """How the conversion runs."""

    alignment_correction: ClassVar[Any] = older_name("stage_position_corrections")

    @model_validator(mode="before")
    @classmethod
    def _newer_names(cls, values: Any) -> Any:
        return newer_converter_options(values) if isinstance(values, Mapping) else values

    @property
    def temp_json_options(self) -> Any:
        """The hand-over's settings, under their older place."""
        return self.runtime_settings.temp_json_options

    @temp_json_options.setter
    def temp_json_options(self, value: Any) -> None:
        self.runtime_settings.temp_json_options = value

    @property
    def tiling_strategy(self) -> Any:
        """How fields are placed, under its older place."""
        return self.grouping.tiling_for_registration()

    @tiling_strategy.setter
    def tiling_strategy(self, value: Any) -> None:
        self.grouping = grouping_of_tiling(value)

    @property
    def tiling_tolerance(self) -> float:
        """How far positions may lie off the grid, under its older place; 0 for strategies without a grid."""
        return float(getattr(self.grouping.tiling_for_registration(), "tolerance", 0.0))

    @tiling_tolerance.setter
    def tiling_tolerance(self, value: Any) -> None:
        strategy = self.grouping.tiling_for_registration()
        if hasattr(strategy, "tolerance"):  # as in older files, it says nothing about the others
            strategy.tolerance = value

    @property
    def tiling_mode(self) -> str:
        """The older tiling mode of this grouping."""
        return "No Tiling" if self.grouping.split_per_fov else self.grouping.tiling_for_registration().mode

    @tiling_mode.setter
    def tiling_mode(self, value: Any) -> None:
        tolerance = getattr(self.grouping.tiling_for_registration(), "tolerance", None)
        self.grouping = grouping_of_tiling(value, tolerance)
