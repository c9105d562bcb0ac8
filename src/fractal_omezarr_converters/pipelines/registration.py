"""From stage positions to whole pixels: the steps that are applied to an image in order, built in or added by users.

A step is a function that takes an image and keyword parameters and gives an image; the image that was handed in stays as it
was. Each applied step is written into the image's provenance, together with the module that defines it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, NotRequired, Protocol, TypedDict

import numpy as np
from pydantic import BaseModel

from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsUserError
from fractal_omezarr_converters.models.older_names import newer_step
from fractal_omezarr_converters.pipelines.image_steps import (
    align_to_pixel_grid,
    offset_removal,
    reindex_channels,
    xy_jitter_correction,
)
from fractal_omezarr_converters.pipelines.mosaic import resolve_strategy, tile_regions
from fractal_omezarr_converters.pipelines.steps import StepRegistry
from fractal_omezarr_converters.pipelines.stitching import stitch_fields, stitching_to_come


class RegistrationStep(TypedDict):
    """One step of the registration: its name, its parameters and, for steps of users, the module that defines it."""

    name: str
    params: dict[str, Any]
    module: NotRequired[str]


class RegistrationFunctionProtocol(Protocol):
    """A registration step that a user adds: image first, keywords after, gives an image."""

    def __call__(self, tiled_image: Any, /, **params: Any) -> Any: ...


_STEPS: StepRegistry[Callable[..., Any]] = StepRegistry(
    "registration step", "fractal_omezarr_converters.registration_steps"
)
_BUILT_IN: dict[str, Callable[..., Any]] = {
    "offset_removal": offset_removal,
    "align_to_pixel_grid": align_to_pixel_grid,
    "xy_jitter_correction": xy_jitter_correction,
    "reindex_channels": reindex_channels,
    "tile_regions": tile_regions,
    "stitch_fields": stitch_fields,
}
_BEFORE_PIXELS: dict[str, Callable[..., Any]] = {"stitch_fields": stitching_to_come}
"""Steps that read pixels, and what takes their place in a plan."""
for _name, _function in _BUILT_IN.items():
    _STEPS.add(function=_function, name=_name)


def add_registration_func(
    function: RegistrationFunctionProtocol, name: str | None = None, overwrite: bool = False
) -> None:
    """Make a registration step known under a name (the function's own name when none is given)."""
    _STEPS.add(function=function, name=name, overwrite=overwrite)


def build_default_registration_pipeline(
    alignment_corrections: Any, tiling_strategy: Any = None, tolerance: float | None = None, **older: Any
) -> list[RegistrationStep]:
    """The steps that every image goes through, for these corrections and this tiling strategy."""
    strategy = older.pop("tiling_mode", tiling_strategy)
    if older:
        raise ConvertersToolsUserError(
            f"build_default_registration_pipeline does not know {', '.join(sorted(older))}; "
            "it takes alignment_corrections and tiling_strategy."
        )
    corrections = alignment_corrections
    steps: list[RegistrationStep] = [
        {
            "name": "offset_removal",
            "params": {
                "remove_xy_offset": str(corrections.remove_xy_offset),
                "remove_z_offset": str(corrections.remove_z_offset),
                "remove_t_offset": str(corrections.remove_t_offset),
            },
        },
        {"name": "align_to_pixel_grid", "params": {"mode": "round"}},
    ]
    if corrections.remove_xy_jitter:
        steps.append({"name": "xy_jitter_correction", "params": {}})
    if corrections.reindex_channels:
        steps.append({"name": "reindex_channels", "params": {}})
    tiling = resolve_strategy(strategy, tolerance)
    steps.append(_resolved({"name": "tile_regions", "params": {"tiling_strategy": tiling.model_dump(mode="json")}}))
    return steps


def default_steps(options: Any) -> list[RegistrationStep]:
    """The steps that the options of a conversion mean."""
    return build_default_registration_pipeline(
        options.stage_position_corrections, options.grouping.tiling_for_registration()
    )


def are_built_in(pipeline_config: Sequence[RegistrationStep]) -> bool:
    """Say whether all steps are those of this package, none of them replaced by a user's."""
    return all(_is_built_in(str(step["name"])) for step in pipeline_config)


def steps_on_pixels(pipeline_config: Sequence[RegistrationStep]) -> list[RegistrationStep]:
    """The steps whose result is known only when pixels are read."""
    resolved = [_resolved(step) for step in pipeline_config]
    return [step for step in resolved if _reads_pixels(step)]


def with_found_shifts(
    pipeline_config: Sequence[RegistrationStep], provenance: Sequence[Mapping[str, Any]]
) -> list[RegistrationStep]:
    """The steps with the shifts that stitching found when an image was written, so that nothing is measured again."""
    found = [one["shifts_px"] for one in provenance if one.get("name") == "stitch_fields" and "shifts_px" in one]
    steps = [_resolved(step) for step in pipeline_config]
    for step in steps:
        if found and _reads_pixels(step):
            step["params"] = {**step["params"], "shifts": found.pop(0)}
    return steps


def _reads_pixels(step: RegistrationStep) -> bool:
    name = step["name"]
    return name in _BEFORE_PIXELS and _is_built_in(name) and step["params"].get("shifts") is None


def _is_built_in(name: str) -> bool:
    return name in _BUILT_IN and _STEPS.get(name) is _BUILT_IN[name]


def with_modules(pipeline_config: Sequence[RegistrationStep]) -> list[RegistrationStep]:
    """The steps with the defining module of each step that is not built in, ready to be handed to another process."""
    complete: list[RegistrationStep] = []
    for given in pipeline_config:
        step = _resolved(given)
        if not _is_built_in(step["name"]):
            step["module"] = step.get("module") or _STEPS.module_of(step["name"])
        complete.append(step)
    return complete


def apply_registration_pipeline(
    tiled_image: TiledImage[Any, Any],
    pipeline_config: Sequence[RegistrationStep],
    *,
    read_pixels: bool = True,
    resource: Any = None,
) -> TiledImage[Any, Any]:
    """Apply the steps in order and give the registered image; the image that is handed in is not changed.

    Args:
        tiled_image: Image as it was aggregated.
        pipeline_config: Steps with their parameters.
        read_pixels: False for a plan: steps that need pixels only say what they will do.
        resource: Handed to the loaders by steps that read pixels.

    Raises:
        ConvertersToolsUserError: a step is unknown, gets parameters that it does not take, or gives no image.
    """
    image = tiled_image.copy_with()
    for step in with_modules(pipeline_config):
        function = _STEPS.get(step["name"], step.get("module"))
        _check_parameters(step, function)
        try:
            if not _reads_pixels(step):
                result = function(image, **step["params"])
            elif read_pixels:
                result = function(image, **step["params"], resource=resource)
            else:
                result = _BEFORE_PIXELS[step["name"]](image, **step["params"])
        except ConvertersToolsUserError as error:
            raise type(error)(f"Image '{tiled_image.path}': {error}") from error
        except ConvertersToolsError:
            raise
        if not isinstance(result, TiledImage):
            raise ConvertersToolsUserError(
                f"The registration step '{step['name']}' gave {type(result).__name__} instead of an image; "
                "let the function return the image."
            )
        # a step of a user may have given back an image that it keeps
        image = result if _is_built_in(step["name"]) else result.copy_with()
        image.provenance = [*image.provenance, {**step, "params": plain_values(step["params"])}]
    return image


def _resolved(given: RegistrationStep) -> RegistrationStep:
    step = newer_step(dict(given))
    module = step.get("module")
    name = str(step.get("name"))
    _STEPS.get(name, str(module) if module else None)
    params = dict(step.get("params") or {})
    complete: RegistrationStep = {"name": name, "params": plain_values(params) if name in _BUILT_IN else params}
    if module:
        complete["module"] = str(module)
    strategy = complete["params"].get("tiling_strategy") if name == "tile_regions" else None
    if strategy is not None:
        chosen = resolve_strategy(strategy).model_dump(mode="json")
        if chosen.pop("mode") == "Stitch":
            complete = {"name": "stitch_fields", "params": chosen}
    return complete


def plain_values(value: Any) -> Any:
    """Parameters as JSON can hold them: models as mappings, what is left as text."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(key): plain_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_values(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _check_parameters(step: RegistrationStep, function: Callable[..., Any]) -> None:
    """Raise a sentence, not a TypeError, for parameters that the function does not take."""
    try:
        inspect.signature(function).bind(None, **step["params"])
    except TypeError as error:
        raise ConvertersToolsUserError(
            f"The registration step '{step['name']}' cannot be called with the parameters {sorted(step['params'])}: {error}."
        ) from error
