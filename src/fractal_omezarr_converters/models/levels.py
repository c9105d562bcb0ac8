"""How many resolution levels an image gets, and what they are called."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, field_validator

from fractal_omezarr_converters.models.older_names import newer_levels
from fractal_omezarr_converters.models.user_facing import UserFacingModel

_NUMBER_FOR_OTHERS = 5


class NumberOfLevels(UserFacingModel):
    """A number of levels, named 0, 1, ..."""

    model_config = ConfigDict(title="Number of Levels")

    mode: Literal["Number of Levels"] = Field(default="Number of Levels", title="Resolution Levels")
    """`Number of Levels`: levels are called 0, 1, ... `Custom Names`: you name the levels. `Factors`: you give their factors."""
    num_levels: int | None = Field(default=None, ge=1, le=32, title="Number of Levels")
    """How many resolution levels are wanted. Empty: as many as the size of the image needs. Small images get fewer."""

    def to_ngio_levels(self) -> int | list[str]:
        """Give the number."""
        return _NUMBER_FOR_OTHERS if self.num_levels is None else self.num_levels


class NamedLevels(UserFacingModel):
    """Levels with names of their own, from full resolution on."""

    model_config = ConfigDict(title="Custom Names")

    mode: Literal["Custom Names"] = Field(default="Custom Names", title="Resolution Levels")
    """The names of the levels are given."""
    level_names: list[str] = Field(min_length=1, max_length=32, title="Level Names")
    """Names of the levels, from full resolution on; at least one, all different."""

    @field_validator("level_names")
    @classmethod
    def _names_for_folders(cls, names: list[str]) -> list[str]:
        for name in names:
            if not name or name != name.strip() or "/" in name or "\\" in name or name in (".", ".."):
                raise ValueError(f"level name {name!r} cannot be a folder's name; leave slashes and outer spaces away.")
            if name.startswith("__") or name in ("labels", "tables", "zarr.json"):
                raise ValueError(f"level name {name!r} is reserved by OME-Zarr; choose another one.")
        if len(set(names)) != len(names):
            raise ValueError(f"level names {names} are not all different; give every level a name of its own.")
        return names

    def to_ngio_levels(self) -> int | list[str]:
        """Give the list of names."""
        return list(self.level_names)


class LevelFactors(UserFacingModel):
    """Levels by how many pixels of full resolution become one."""

    model_config = ConfigDict(title="Factors")

    mode: Literal["Factors"] = Field(default="Factors", title="Resolution Levels")
    """The factors of the levels below full resolution are given."""
    factors: list[dict[Literal["t", "c", "z", "y", "x"], Annotated[int, Field(ge=1, le=65_536)]]] = Field(
        max_length=31, title="Factors"
    )
    """One entry per level below full resolution, relative to full resolution, such as y: 2, x: 2."""

    @field_validator("factors", mode="before")
    @classmethod
    def _numbers_mean_y_and_x(cls, factors: Any) -> Any:
        if not isinstance(factors, list | tuple):
            return factors
        return [{"y": factor, "x": factor} if isinstance(factor, int) else factor for factor in factors]

    @field_validator("factors")
    @classmethod
    def _factors_that_grow(cls, factors: list[dict[str, int]]) -> list[dict[str, int]]:
        for before, factor in pairwise([{}, *factors]):
            pairs = [(before.get(axis, 1), factor.get(axis, 1)) for axis in "tczyx"]
            if any(after < first for first, after in pairs) or all(after == first for first, after in pairs):
                raise ValueError(f"factors grow from level to level; {factor} follows {before or 'full resolution'}.")
        return factors

    def to_ngio_levels(self) -> int | list[str]:
        """Give the number of levels."""
        return len(self.factors) + 1


PyramidLevels = Annotated[
    NumberOfLevels | NamedLevels | LevelFactors, Field(discriminator="mode"), BeforeValidator(newer_levels)
]
