"""Names of earlier generations of converters: every one is translated here, for all floors.

Generation 1 is 0.7, generation 1.5 is 0.8 to 0.10, generation 2 is 1.x. All functions are pure: they take a mapping and
give a new one. The newer name wins when both are given and equal; two different values are an error.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from typing import Any

from fractal_omezarr_converters.models.colors import parse_color

logger = logging.getLogger(__name__)

ACQUISITION_NAMES = {
    "pixelsize": "xy_pixel_size",
    "stage_corrections": "stage_orientation",
    **{f"{what}_{axis}_coo": f"{what}_{axis}_space" for what in ("start", "length") for axis in "xyzt"},
}
PIXEL_SIZE_NAMES = {"pixelsize": "xy_pixel_size"}
CHANNEL_NAMES = {"colors": "color"}
ACQUISITION_OPTION_NAMES = {"stage_corrections": "stage_orientation", "pixel_size": "pixel_info"}

ACQUISITION_INPUT_NAMES = {"acquisition_id": "acquisition"}

CORRECTIONS_NAMES = ("alignment_corrections", "corrections")

#: Names of registration steps.
STEP_NAMES = {"remove_offsets": "offset_removal", "fov_alignment_corrections": "xy_jitter_correction"}


def renamed(values: Mapping[str, Any], names: Mapping[str, str], owner: str) -> dict[str, Any]:
    """Give ``values`` with older keys replaced by newer ones.

    Args:
        values: What was given; it is left as it is.
        names: Newer name of every older one.
        owner: What the keys belong to, for the message.

    Raises:
        ValueError: Both names are there with different values.
    """
    result = {key: value for key, value in values.items() if key not in names}
    for older, newer in names.items():
        if older not in values:
            continue
        value = values[older]
        if newer in result and _plain(result[newer]) != _plain(value):
            raise ValueError(
                f"{owner}: '{newer}' is {result[newer]!r} and its older name '{older}' is {value!r}; "
                f"keep only '{newer}'."
            )
        result[newer] = value
    return result


def older_name(newer: str) -> Any:
    """Make a property under an older name that reads and sets the attribute of the newer name."""

    def read(self: Any) -> Any:
        return getattr(self, newer)

    def write(self: Any, value: Any) -> None:
        setattr(self, newer, value)

    return property(read, write, doc=f"Older name of ``{newer}``.")


def name_without_effect(name: str) -> Any:
    """Make a property under a name of earlier generations that never had an effect."""

    def write(_self: Any, value: Any) -> None:
        if value:
            logger.info("'%s' is ignored: it never had an effect in earlier converters.", name)

    return property(lambda _self: False, write, doc="An older key that never had an effect.")


def accepts_older_calls[**Given, Result](
    *positional: str, names: Mapping[str, str] | None = None, ignored: tuple[str, ...] = ()
) -> Callable[[Callable[Given, Result]], Callable[Given, Result]]:
    """Let a function whose parameters are keyword-only be called the way earlier generations did.

    Args:
        *positional: Parameters that positional arguments stand for, in order.
        names: Newer name of every older keyword.
        ignored: Older keywords that have no effect any more.
    """

    def decorate(function: Callable[Given, Result]) -> Callable[Given, Result]:
        label = function.__name__
        newer: Callable[..., Result] = function

        @functools.wraps(function)
        def call(*arguments: Any, **keywords: Any) -> Any:
            if len(arguments) > len(positional):
                raise TypeError(
                    f"{label}() takes at most {len(positional)} positional arguments, {len(arguments)} were given."
                )
            given = renamed({k: v for k, v in keywords.items() if k not in ignored}, names or {}, f"{label}()")
            for parameter, argument in zip(positional, arguments):
                if parameter in given:
                    raise TypeError(f"{label}() got two values for '{parameter}'.")
                given[parameter] = argument
            return newer(**given)

        return call

    return decorate


# ------------------------------------------------------------------------------------------------ acquisition models


def newer_acquisition_details(values: Mapping[str, Any]) -> dict[str, Any]:
    """Translate the fields of an acquisition."""
    result = renamed(values, ACQUISITION_NAMES, "acquisition details")
    if "data_type" in result and result["data_type"] is None:
        del result["data_type"]
    return result


def newer_channel(values: Mapping[str, Any]) -> dict[str, Any]:
    """Translate the fields of a channel; the colour itself is read by the model."""
    older, newer = values.get("colors"), values.get("color")
    if "colors" in values and (newer is None or _same_color(older, newer)):
        values = {key: value for key, value in values.items() if key != "color"}
    return renamed(values, CHANNEL_NAMES, "channel")


def _same_color(first: Any, second: Any) -> bool:
    """Say whether two texts, such as ``Blue (0000FF)`` and ``#0000ff``, mean one colour."""
    try:
        return isinstance(first, str) and isinstance(second, str) and parse_color(first) == parse_color(second)
    except ValueError:
        return False


def newer_acquisition_input(values: Mapping[str, Any]) -> dict[str, Any]:
    """Translate the names of one acquisition in the arguments of a task."""
    return renamed(values, ACQUISITION_INPUT_NAMES, "The acquisition")


def newer_acquisition_options(values: Mapping[str, Any]) -> dict[str, Any]:
    """Translate the fields of the options of one acquisition."""
    result = renamed(values, {"stage_corrections": "stage_orientation"}, "acquisition options")
    if "data_type" in result and result["data_type"] is None:
        del result["data_type"]
    return result


# ------------------------------------------------------------------------------------------------------------ options


TILING_MODES = ("Auto", "Snap to Grid", "Snap to Corners", "Inplace", "Stitch")


def newer_tiling_strategy(value: Any) -> Any:
    """Give a tiling strategy as a mapping with ``mode``, from a mode's name or an older mapping."""
    if isinstance(value, str):
        return {"mode": str(value)}
    if isinstance(value, Mapping):
        found = renamed(
            value, {"type": "mode", "tiling_mode": "mode", "tiling_tolerance": "tolerance"}, "tiling strategy"
        )
        return found if "mode" in found else {"mode": "Auto", **found}
    return value


def grouping_of_tiling(tiling: Any, tolerance: Any = None) -> Any:
    """Say as ``grouping`` what generations 1 and 1.5 said as tiling mode or strategy."""
    tiling = newer_tiling_strategy(tiling)
    mode = tiling.get("mode") if isinstance(tiling, Mapping) else getattr(tiling, "mode", None)
    if mode in ("No Tiling", "Per-FOV"):
        return {"mode": "Per-FOV"}
    if isinstance(tiling, Mapping) and tolerance is not None and mode in ("Auto", "Snap to Grid"):
        tiling = {"tolerance": tolerance, **tiling}
    return {"mode": "Mosaic", "tiling_strategy": tiling}


def newer_grouping(value: Any) -> Any:
    """Translate a grouping that is given as a name, as the way of tiling alone or with an older one; by default a mosaic."""
    value = newer_mode(value)
    if not isinstance(value, Mapping):
        return value
    found = value if "mode" in value else {"mode": "Mosaic", **value}
    if found["mode"] in TILING_MODES:  # as the web form writes it
        return {"mode": "Mosaic", "tiling_strategy": found}
    if "tiling_strategy" in found:
        return {**found, "tiling_strategy": newer_tiling_strategy(found["tiling_strategy"])}
    return found


def newer_converter_options(values: Mapping[str, Any]) -> dict[str, Any]:
    """Translate the top of the converter options."""
    result = renamed(
        values,
        {"alignment_correction": "stage_position_corrections", "alignment_corrections": "stage_position_corrections"},
        "converter options",
    )
    tolerance = result.pop("tiling_tolerance", None)
    mode = result.pop("tiling_mode", None)
    strategy = result.pop("tiling_strategy", None)
    olden = [grouping_of_tiling(tiling, tolerance) for tiling in (mode, strategy) if tiling is not None]
    if tolerance is not None and not olden:
        olden = [grouping_of_tiling("Auto", tolerance)]
    for grouping in olden:
        if "grouping" in result and not _agree(_whole(newer_grouping(result["grouping"])), _whole(grouping)):
            raise ValueError(
                f"converter options: 'grouping' is {_whole(result['grouping'])!r} and the older tiling keys say "
                f"{_whole(grouping)!r}; keep only 'grouping'."
            )
        result.setdefault("grouping", grouping)
    if "temp_json_options" in result:
        result = _moved_into_runtime(result)
    return result


def _moved_into_runtime(values: dict[str, Any]) -> dict[str, Any]:
    temporary = values.pop("temp_json_options")
    runtime = values.get("runtime_settings")
    if runtime is None:
        return {**values, "runtime_settings": {"temp_json_options": temporary}}
    settings = _whole(runtime)
    if not isinstance(settings, Mapping):
        return values  # the model says that these are no settings
    stated = "temp_json_options" in getattr(runtime, "model_fields_set", settings)
    if stated and not _agree(settings["temp_json_options"], _whole(temporary)):
        raise ValueError(
            "converter options: 'temp_json_options' and 'runtime_settings.temp_json_options' differ; keep the latter."
        )
    return {**values, "runtime_settings": {**settings, "temp_json_options": temporary}}


def _plain(value: Any) -> Any:
    """Give a model or mapping as plain values, to compare it."""
    if hasattr(value, "model_dump"):
        return value.model_dump(exclude_unset=True)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _whole(value: Any) -> Any:
    """Give a model or mapping as plain values, defaults included."""
    if hasattr(value, "model_dump"):
        return value.model_dump()
    if isinstance(value, Mapping):
        return {key: _whole(item) for key, item in value.items()}
    return value


def _agree(one: Any, other: Any) -> bool:
    """Whether two statements contradict each other nowhere; what only one of them states is no contradiction."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(_agree(one[key], other[key]) for key in one.keys() & other.keys())
    return bool(one == other)


def newer_position_corrections(values: Mapping[str, Any]) -> dict[str, Any]:
    """Translate the corrections of stage positions."""
    result = renamed(values, {"align_xy": "remove_xy_jitter"}, "stage position corrections")
    for dead in ("align_z", "align_t"):
        if result.pop(dead, False):
            logger.info("'%s' is ignored: it never had an effect in earlier converters.", dead)
    return result


def newer_offset(value: Any) -> Any:
    """Translate what is done with an offset: ``False`` of the pre-releases of 1.0 meant that it is kept."""
    return "Keep" if value is False or value == "False" else value


def newer_omezarr_options(values: Mapping[str, Any]) -> dict[str, Any]:
    """Translate the options of the written image."""
    result = {key: value for key, value in values.items() if key != "num_levels"}
    if "ngff_version" in result:
        result["ngff_version"] = version_as_text(result["ngff_version"])
    if values.get("num_levels") is not None:
        levels = {"mode": "Number of Levels", "num_levels": values["num_levels"]}
        if "levels" in result and _plain(result["levels"]) not in (levels, {"num_levels": values["num_levels"]}):
            raise ValueError("OME-Zarr options: 'levels' and its older name 'num_levels' differ; keep only 'levels'.")
        result["levels"] = levels
    return result


def version_as_text(value: Any) -> Any:
    """A version that a configuration file or command line took for a number."""
    return str(value) if isinstance(value, float) else value


def newer_mode(value: Any) -> Any:
    """Give a choice that older files mark by ``type`` with its ``mode``; a bare name becomes a mapping."""
    if isinstance(value, str):
        return {"mode": str(value)}
    if isinstance(value, Mapping) and "type" in value:
        return renamed(value, {"type": "mode"}, "choice")
    return value


def newer_levels(value: Any) -> Any:
    """Give levels as a mapping with ``mode``, also from a bare number or a list of names."""
    if isinstance(value, int) and not isinstance(value, bool):
        return {"mode": "Number of Levels", "num_levels": value}
    if isinstance(value, list | tuple):
        return {"mode": "Custom Names", "level_names": list(value)}
    if isinstance(value, Mapping) and "mode" not in value and "type" not in value:
        told = {"level_names": "Custom Names", "factors": "Factors"}
        return {"mode": next((told[key] for key in told if key in value), "Number of Levels"), **value}
    return newer_mode(value)


# -------------------------------------------------------------------------------------------- filters, steps, documents


OLDER_FILTERS: dict[str, tuple[str, str, dict[str, str]]] = {
    "Path Regex Include Filter": ("Path Regex Filter", "Include", {}),
    "Path Regex Exclude Filter": ("Path Regex Filter", "Exclude", {}),
    "Well Include Filter": ("Well Filter", "Include", {"wells_to_include": "wells"}),
    "Well Exclude Filter": ("Well Filter", "Exclude", {"wells_to_remove": "wells"}),
}


def newer_filter(values: Any) -> Any:
    """Translate a tile filter of generation 1."""
    if hasattr(values, "model_dump") and getattr(values, "name", None) in OLDER_FILTERS:
        values = values.model_dump()
    if not isinstance(values, Mapping):
        return values
    name = values.get("name")
    rest = {key: value for key, value in values.items() if key != "name"}
    older = OLDER_FILTERS.get(str(name))
    if older is None:
        return dict(values)
    newer, mode, names = older
    return {"name": newer, "mode": mode, **renamed(rest, names, f"filter '{name}'")}


def newer_step(step: Mapping[str, Any]) -> dict[str, Any]:
    """Translate one registration step ``{"name", "params"}``."""
    name = STEP_NAMES.get(str(step["name"]), str(step["name"]))
    params = dict(step.get("params") or {})
    if name in ("offset_removal", "xy_jitter_correction", "reindex_channels"):
        params = renamed(params, dict.fromkeys(CORRECTIONS_NAMES, "stage_position_corrections"), f"step '{name}'")
        if "stage_position_corrections" in params:
            params["stage_position_corrections"] = _whole(params["stage_position_corrections"])
    if name == "tile_regions" and "tiling_mode" in params:
        mode, tolerance = params.pop("tiling_mode"), params.pop("tolerance", None)
        grouping = grouping_of_tiling(mode, tolerance)
        params.setdefault("tiling_strategy", grouping.get("tiling_strategy", {"mode": "Inplace"}))
    return {**{k: v for k, v in step.items() if k not in ("name", "params")}, "name": name, "params": params}


def newer_validator(step: Any) -> Any:
    """Give a validator step ``{"name", "params"}`` as flat keys, the way validator models have them."""
    if isinstance(step, Mapping) and "params" in step:
        return {"name": step["name"], **dict(step["params"] or {})}
    return step


def newer_tiled_image(values: Mapping[str, Any]) -> dict[str, Any]:
    """Translate the top of a stored image description."""
    return renamed(values, {"pixelsize": "xy_pixel_size"}, "image")
