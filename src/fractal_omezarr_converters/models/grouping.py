"""How fields of view become images, and how they are placed inside a mosaic."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, field_validator, model_validator

from fractal_omezarr_converters.models.older_names import (
    name_without_effect,
    newer_grouping,
    newer_offset,
    newer_position_corrections,
    newer_tiling_strategy,
    older_name,
)
from fractal_omezarr_converters.models.user_facing import UserFacingModel, shown_default


class TilingMode(StrEnum):
    """Ways to place tiles, as the first generation of converters named them."""

    AUTO = "Auto"
    SNAP_TO_GRID = "Snap to Grid"
    SNAP_TO_CORNERS = "Snap to Corners"
    INPLACE = "Inplace"
    NO_TILING = "No Tiling"


class AutoTiling(UserFacingModel):
    """A grid if the positions form one, else the nearest free corners if no field moves far, else the stage positions."""

    model_config = ConfigDict(title="Automatic")

    mode: Literal["Auto"] = Field(default="Auto", title="Arrangement")
    """How the fields of view of a well become images. All but the last make one image per well and acquisition:

    - `Auto`: Snap to Grid if the positions form a grid, else Snap to Corners if no field moves far; else Inplace, with a
      warning that says why.
    - `Snap to Grid`: every field goes to its cell of a regular grid; overlap is removed by moving fields apart.
    - `Snap to Corners`: every field goes to the nearest free corner.
    - `Inplace`: fields stay at their stage positions; where they overlap the last one is shown.
    - `Stitch`: fields go to where their overlaps show the same objects; needs overlapping fields.
    - `Per-FOV`: no mosaic, every field of view becomes an image by itself.
    """
    tolerance: float = Field(default=1.0, ge=0, le=1_000_000, title="Tolerance")
    """How far (in pixels) positions may lie off the grid. Fields of a clear grid may stray by a tenth of their distance all the
    same."""


class SnapToGridTiling(UserFacingModel):
    """Every field goes to its cell of a regular grid."""

    model_config = ConfigDict(title="Snap to Grid")

    mode: Literal["Snap to Grid"] = Field(default="Snap to Grid", title="Arrangement")
    """Every field goes to its cell of a regular grid; overlap is removed by moving fields apart, not by cutting."""
    tolerance: float = Field(default=1.0, ge=0, le=1_000_000, title="Tolerance")
    """How far (in pixels) positions may lie off the grid."""


class SnapToCornersTiling(UserFacingModel):
    """Every field goes to the nearest free corner of a grid of field size."""

    model_config = ConfigDict(title="Snap to Corners")

    mode: Literal["Snap to Corners"] = Field(default="Snap to Corners", title="Arrangement")
    """Every field goes to the nearest free corner of a grid of field size."""


class InplaceTiling(UserFacingModel):
    """Fields stay where the stage says they are."""

    model_config = ConfigDict(title="Inplace")

    mode: Literal["Inplace"] = Field(default="Inplace", title="Arrangement")
    """Fields stay at their stage positions; where they overlap the last one written is shown."""


class StitchedTiling(UserFacingModel):
    """Fields go to where their overlaps show the same objects."""

    model_config = ConfigDict(title="Stitch")

    mode: Literal["Stitch"] = Field(default="Stitch", title="Arrangement")
    """Neighbouring fields are compared where they overlap and moved until both show the same objects in the same place, to
    the nearest pixel. Needs fields that overlap (5 % or more is good) and objects in the overlaps; where nothing can be seen,
    the stage position counts. Pixels are not changed; where fields overlap the last one is shown."""
    channel: str | None = Field(default=None, max_length=1000, title="Reference Channel")
    """Name of the channel to look at, best one with objects everywhere, such as a nuclear stain. Not set: the first channel."""
    max_shift: float = Field(default=50.0, ge=1, le=10_000, title="Largest Stage Error")
    """How far (in pixels) a field may lie beside where the stage says, relative to its neighbours."""


TilingStrategy = Annotated[
    AutoTiling | SnapToGridTiling | SnapToCornersTiling | InplaceTiling | StitchedTiling,
    Field(discriminator="mode"),
    BeforeValidator(newer_tiling_strategy),
]


class MosaicGrouping(UserFacingModel):
    """One image per well and acquisition, in which the fields of view are placed side by side."""

    model_config = ConfigDict(title="Mosaic")

    mode: Literal["Mosaic"] = Field(default="Mosaic", title="Grouping")
    """What becomes one image:

    - `Mosaic`: all fields of view of a well and acquisition together.
    - `Per-FOV`: every field of view by itself.
    """
    tiling_strategy: TilingStrategy = Field(
        default_factory=AutoTiling, json_schema_extra=shown_default(AutoTiling), title="Tiling"
    )
    """How fields of view are placed in the mosaic."""

    @property
    def split_per_fov(self) -> bool:
        """False: fields of view share an image."""
        return False

    def tiling_for_registration(
        self,
    ) -> AutoTiling | SnapToGridTiling | SnapToCornersTiling | InplaceTiling | StitchedTiling:
        """Give the strategy by which fields are placed."""
        return self.tiling_strategy


class PerFovGrouping(UserFacingModel):
    """One image per field of view; its stage position becomes the image's translation."""

    model_config = ConfigDict(title="Per-FOV")

    mode: Literal["Per-FOV"] = Field(default="Per-FOV", title="Arrangement")
    """Every field of view becomes an image by itself; its stage position is kept with it."""

    @property
    def split_per_fov(self) -> bool:
        """True: every field of view is an image."""
        return True

    def tiling_for_registration(self) -> InplaceTiling:
        """Give the strategy by which tiles are placed: where they are."""
        return InplaceTiling()


NoTiling = PerFovGrouping

Grouping = Annotated[MosaicGrouping | PerFovGrouping, Field(discriminator="mode"), BeforeValidator(newer_grouping)]


class StagePositionCorrections(UserFacingModel):
    """What is taken away from stage positions before fields are placed."""

    model_config = ConfigDict(title="Stage Position Corrections")

    remove_xy_offset: Literal["Keep", "Global"] = Field(default="Global", title="XY Offset")
    """`Global`: the image begins at its first field. `Keep`: it begins at stage position 0, with empty space up to the
    first field."""
    remove_z_offset: Literal["Keep", "Per-FOV", "Global"] = Field(default="Global", title="Z Offset")
    """`Global`: the image begins at its lowest plane. `Per-FOV`: the lowest plane of every field becomes plane 0, for plates on
    which the focus differs between fields. `Keep`: the image begins at z position 0."""
    remove_t_offset: Literal["Keep", "Global"] = Field(default="Global", title="Time Offset")
    """`Global`: the image begins at its first frame. `Keep`: it begins at time 0."""
    remove_xy_jitter: bool = Field(default=True, title="Remove XY Jitter")
    """All planes of a field share one x and y, also where the stage reported slightly different ones."""
    reindex_channels: bool = Field(default=True, title="Only Channels That Occur")
    """Only channels that occur in an image are written. Off: every channel of the acquisition gets a plane, empty if need be."""
    largest_padding: float = Field(default=4.0, ge=1, le=1_000_000, title="Largest Padding")
    """How many times larger than its fields an image may become when offsets are kept; beyond, the conversion stops."""

    align_xy: ClassVar[Any] = older_name("remove_xy_jitter")
    align_z: ClassVar[Any] = name_without_effect("align_z")
    align_t: ClassVar[Any] = name_without_effect("align_t")

    @model_validator(mode="before")
    @classmethod
    def _newer_names(cls, values: Any) -> Any:
        return newer_position_corrections(values) if isinstance(values, Mapping) else values

    @field_validator("remove_xy_offset", "remove_z_offset", "remove_t_offset", mode="before")
    @classmethod
    def _newer_choice(cls, value: Any) -> Any:
        return newer_offset(value)


AlignmentCorrections = StagePositionCorrections
