"""The options of a conversion that a biologist decides: the part of the converter options that the web form shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import ConfigDict, Field, ModelWrapValidatorHandler, PrivateAttr, model_validator

from fractal_omezarr_converters.models.grouping import Grouping, MosaicGrouping, StagePositionCorrections
from fractal_omezarr_converters.models.older_names import newer_converter_options, newer_omezarr_options
from fractal_omezarr_converters.models.options import ConverterOptions, DefaultNgffVersion, NgffVersions
from fractal_omezarr_converters.models.user_facing import UserFacingModel, shown_default


class ConverterFormOptions(UserFacingModel):
    """What becomes one image, where fields are placed, and what the written image is like.

    Every other key of the converter options, of each generation, is accepted in files and in Python, and kept.
    """

    model_config = ConfigDict(title="Converter Options")

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
    ngff_version: NgffVersions = Field(default=DefaultNgffVersion, title="OME-Zarr Version")
    """Version of OME-Zarr for plates and images alike. `0.4` is read by most viewers."""
    num_levels: int | None = Field(default=None, ge=1, le=32, title="Number of Levels")
    """How many resolution levels are wanted. Empty: as many as the size of the image needs."""

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
        hidden = ("writer_mode", "runtime_settings", "omezarr_options")
        others: dict[str, Any] = {key: given.pop(key) for key in hidden if key in given}
        if "omezarr_options" in others:
            written = others["omezarr_options"]
            written = written.model_dump() if hasattr(written, "model_dump") else newer_omezarr_options(written)
            others["omezarr_options"] = written
            version = written.get("ngff_version")
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
        written = dict(self._others.get("omezarr_options", {}))
        written["ngff_version"] = self.ngff_version
        if self.num_levels is not None:
            written = newer_omezarr_options({**written, "num_levels": self.num_levels})
        return ConverterOptions.model_validate(
            {
                **self._others,
                "grouping": self.grouping,
                "stage_position_corrections": self.stage_position_corrections,
                "omezarr_options": written,
            }
        )
