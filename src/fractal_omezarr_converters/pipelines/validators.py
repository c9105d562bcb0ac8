"""Checks on images before anything is written: those that users add, the probe of one tile, and the checks from headers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, TypedDict

from pydantic import ConfigDict, Field

from fractal_omezarr_converters.core.pixel_types import cast_exactly
from fractal_omezarr_converters.core.pixels import naming_the_source
from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.user_facing import UserFacingModel
from fractal_omezarr_converters.pipelines.header_checks import expected_shape, shape_problem
from fractal_omezarr_converters.pipelines.steps import StepRegistry


class ValidatorModel(UserFacingModel):
    """The base of every validator; custom validators derive from it and add their parameters."""

    name: str
    """Name of the validator."""


class ValidatorStep(TypedDict):
    """A validator as the first generation stated it: its name, and parameters that its function gets as keywords."""

    name: str
    params: dict[str, Any]


class LooseValidator(ValidatorModel):
    """Parameters of a validator that a user added, when they come from a file instead of a model of the user's own."""

    model_config = ConfigDict(extra="allow")


class ShapeDtypeProbeValidator(ValidatorModel):
    """Look for every source and load one tile of every image, to compare its shape and type with what is declared."""

    name: Literal["Shape and Dtype Probe"] = Field(default="Shape and Dtype Probe")
    """Name of the validator."""


ImplementedValidators = ShapeDtypeProbeValidator


class ValidatorFunctionProtocol(Protocol):
    """A validator that a user adds: raises when the image is not right."""

    def __call__(self, tiled_image: Any, *, validator_params: Any, resource: Any = None) -> None: ...


_VALIDATORS: StepRegistry[Callable[..., Any]] = StepRegistry("validator", "fractal_omezarr_converters.validators")


def add_validator(function: Callable[..., Any], name: str | None = None, overwrite: bool = False) -> None:
    """Make a validator known; it is called as ``function(image, validator_params=model, resource=resource)``."""
    _VALIDATORS.add(function=function, name=name, overwrite=overwrite)


def apply_validator_pipeline(
    tiled_images: Sequence[TiledImage[Any, Any]],
    validators_config: Sequence[ValidatorModel | ValidatorStep | dict[str, Any]] | None = None,
    resource: Any = None,
) -> list[TiledImage[Any, Any]]:
    """Apply every validator to every image and give the images back.

    Raises:
        ConvertersToolsUserError: a validator is unknown; whatever the validators raise passes through.
    """
    images = list(tiled_images)
    for one in validators_config or ():
        stated = dict(one) if isinstance(one, dict) else {"name": one.name}
        name = stated.get("name")
        if not isinstance(name, str):
            raise ConvertersToolsUserError(f"A validator needs a name; {one!r} has none.")
        function = _VALIDATORS.get(name)
        for image in images:
            if isinstance(one, dict) and "params" in one:
                function(image, **(one["params"] or {}))
            else:
                model = LooseValidator(**one) if isinstance(one, dict) else one
                function(image, validator_params=model, resource=resource)
    return images


def probe_shape_and_dtype(tiled_image: Any, *, validator_params: Any, resource: Any = None) -> None:
    """Run the preflight of every loader, load the first tile and compare it with its declared shape and type.

    Raises:
        ConvertersToolsUserError: the tile has another shape or a type that the image cannot hold.
    """
    del validator_params
    columns = tiled_image.columns
    for index in range(len(columns.loaders)):
        columns.loaders.loader(index).preflight(resource)
    loader = columns.loaders.loader(0)
    with naming_the_source(loader, resource):
        pixels = loader.load_data(resource)
    expected = expected_shape(tiled_image)[0]
    problem = shape_problem(pixels.shape, loader.data_axes(resource), expected, "".join(tiled_image.axes))
    if problem is None:
        cast_exactly(pixels, tiled_image.data_type, f"The source {loader.describe_source(resource)}")
    if problem is not None:
        raise ConvertersToolsUserError(
            f"Image '{tiled_image.path}', field of view '{columns.fov_names[columns.fov[0]]}': "
            f"{loader.describe_source(resource)} {problem}."
        )


_VALIDATORS.add(function=probe_shape_and_dtype, name="Shape and Dtype Probe")
