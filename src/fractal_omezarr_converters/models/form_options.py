"""The options of a conversion that a biologist decides: the part of the converter options that the web form shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    model_validator,
)

from fractal_omezarr_converters.models.grouping import (
    AutoTiling,
    InplaceTiling,
    MosaicGrouping,
    PerFovGrouping,
    SnapToCornersTiling,
    SnapToGridTiling,
    StagePositionCorrections,
    StitchedTiling,
)
from fractal_omezarr_converters.models.older_names import (
    newer_converter_options,
    newer_grouping,
    newer_omezarr_options,
    version_as_text,
)
from fractal_omezarr_converters.models.options import ConverterOptions, DefaultNgffVersion, NgffVersions
from fractal_omezarr_converters.models.user_facing import UserFacingModel, shown_default


def _arrangement(value: Any) -> Any:
    """Bring a grouping, in which the tiling of a mosaic lies one level deeper, to the one choice of the form."""
    value = newer_grouping(value)
    if isinstance(value, MosaicGrouping):
        return value.tiling_strategy
    if not isinstance(value, Mapping) or value.get("mode") != "Mosaic":
        return value
    rest = {key: item for key, item in value.items() if key not in ("mode", "tiling_strategy")}
    tiling = value.get("tiling_strategy", {"mode": "Auto"})
    if isinstance(tiling, Mapping):
        return {**rest, **tiling}  # what does not belong there is refused by its name
    if rest:
        raise ValueError(f"'{next(iter(rest))}' is no option of a mosaic.")
    return tiling


Arrangement = Annotated[
    AutoTiling | SnapToGridTiling | SnapToCornersTiling | InplaceTiling | StitchedTiling | PerFovGrouping,
    Field(discriminator="mode"),
    BeforeValidator(_arrangement),
]
"""What becomes one image and where its fields lie, in one choice: a form is easier with a level less."""


class ConverterFormOptions(UserFacingModel):
    """What becomes one image, where fields are placed, and what the written image is like.

    Every other key of the converter options, of each generation, is accepted in files and in Python, and kept.
    """

    model_config = ConfigDict(title="Converter Options")

    grouping: Arrangement = Field(
        default_factory=AutoTiling, json_schema_extra=shown_default(AutoTiling), title="Fields of View"
    )
    """How the fields of view of a well are put together into one image, or that each becomes an image by itself."""
    stage_position_corrections: StagePositionCorrections = Field(
        default_factory=StagePositionCorrections,
        json_schema_extra=shown_default(StagePositionCorrections),
        title="Stage Position Corrections",
    )
    """What is taken away from stage positions before fields are placed."""
    ngff_version: NgffVersions = Field(default=DefaultNgffVersion, title="OME-Zarr Version")
    """Version of OME-Zarr for plates and images alike. `0.4` is read by most viewers and by all Fractal tasks; `0.6` is not read
    by Fractal tasks yet."""
    num_levels: int | None = Field(default=None, ge=1, le=32, title="Number of Levels")
    """How many resolution levels (steps of zooming out) are written. Empty: as many as the size of the image needs."""

    _others: dict[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _keep_other_options(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(values, ConverterOptions):
            values = values.model_dump()
        if not isinstance(values, Mapping):
            form = handler(values)
            form.to_converter_options()
            return form
        given = newer_converter_options(values)
        if "ngff_version" in given:
            given["ngff_version"] = version_as_text(given["ngff_version"])
        hidden = ("writer_mode", "runtime_settings", "omezarr_options")
        others: dict[str, Any] = {key: given.pop(key) for key in hidden if key in given}
        if "omezarr_options" in others:
            written = others["omezarr_options"]
            written = written.model_dump() if isinstance(written, BaseModel) else written
            if isinstance(written, Mapping):  # anything else is refused with the other options
                others["omezarr_options"] = written = newer_omezarr_options(written)
            version = written.get("ngff_version") if isinstance(written, Mapping) else None
            if version is not None and given.setdefault("ngff_version", version) != version:
                raise ValueError(
                    f"ngff_version is {given['ngff_version']!r}, and {version!r} in 'omezarr_options'; keep one of them."
                )
        form = handler(given)
        form._others = others
        form.to_converter_options()
        return form

    def to_converter_options(self) -> ConverterOptions:
        """Give the complete options."""
        written = self._others.get("omezarr_options", {})
        if isinstance(written, Mapping):  # else the model says that these are no options
            written = {**written, "ngff_version": self.ngff_version}
            if self.num_levels is not None:
                written = newer_omezarr_options({**written, "num_levels": self.num_levels})
        arranged = self.grouping
        mosaic = arranged if isinstance(arranged, PerFovGrouping) else MosaicGrouping(tiling_strategy=arranged)
        return ConverterOptions.model_validate(
            {
                **self._others,
                "grouping": mosaic,
                "stage_position_corrections": self.stage_position_corrections,
                "omezarr_options": written,
            }
        )
