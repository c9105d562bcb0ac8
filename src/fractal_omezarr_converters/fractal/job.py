"""What one compute job gets from init: the description of one image (as text or as the URL of a file) and the options."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fractal_omezarr_converters.models.options import ConverterOptions, OverwriteMode


class ConvertParallelInitArgs(BaseModel):
    """Everything that a job needs, so that it can be run a second time."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    tiled_image_json_dump_url: str | None = None
    tiled_image_json_str: str | None = None
    converter_options: ConverterOptions = Field(default_factory=ConverterOptions)
    overwrite_mode: OverwriteMode = OverwriteMode.NO_OVERWRITE
    run: str | None = None
    digest: str | None = None
    """Digest of the hand-over file, so that a file that was changed or is not complete is not used."""

    @model_validator(mode="after")
    def _one_description(self) -> Self:
        if (self.tiled_image_json_dump_url is None) == (self.tiled_image_json_str is None):
            raise ValueError("Give the image's description either as text or as the URL of a file, not both or none.")
        return self

    def to_json(self) -> dict[str, Any]:
        """As small as it can be: options that have their default are left out."""
        document = self.model_dump(mode="json", exclude_none=True, exclude={"converter_options"})
        document["converter_options"] = changed_options(self.converter_options, ConverterOptions)
        return document


def changed_options(options: BaseModel, read_as: type[BaseModel]) -> dict[str, Any]:
    """The options that differ from the defaults of the model that reads them, each of the first level whole.

    A converter may have options that inherit ours, with defaults of its own and with options that nobody else knows.
    """
    defaults = read_as().model_dump(mode="json")
    stated = options.model_dump(mode="json")
    return {key: stated[key] for key in defaults if stated[key] != defaults[key]}
