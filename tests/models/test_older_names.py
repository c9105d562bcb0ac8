"""Translation of older calls, filters and steps."""

from __future__ import annotations

from typing import Any

import pytest

from fractal_omezarr_converters.models.older_names import (
    accepts_older_calls,
    newer_acquisition_options,
    newer_filter,
    newer_step,
    newer_tiled_image,
    newer_validator,
    renamed,
)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (
            {"name": "Path Regex Include Filter", "regex": "A"},
            {"name": "Path Regex Filter", "mode": "Include", "regex": "A"},
        ),
        (
            {"name": "Path Regex Exclude Filter", "regex": "A"},
            {"name": "Path Regex Filter", "mode": "Exclude", "regex": "A"},
        ),
        (
            {"name": "Well Include Filter", "wells_to_include": ["A01"]},
            {"name": "Well Filter", "mode": "Include", "wells": ["A01"]},
        ),
        (
            {"name": "Well Exclude Filter", "wells_to_remove": ["A01"]},
            {"name": "Well Filter", "mode": "Exclude", "wells": ["A01"]},
        ),
        ({"name": "FOV Name Filter", "regex": "x"}, {"name": "FOV Name Filter", "regex": "x"}),
    ],
)
def test_filters(older: dict[str, Any], newer: dict[str, Any]) -> None:
    assert newer_filter(older) == newer
    assert newer_filter(newer) == newer


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ({"name": "remove_offsets", "params": {}}, {"name": "offset_removal", "params": {}}),
        (
            {"name": "fov_alignment_corrections", "params": {"alignment_corrections": {"align_xy": True}}},
            {"name": "xy_jitter_correction", "params": {"stage_position_corrections": {"align_xy": True}}},
        ),
        (
            {"name": "tile_regions", "params": {"tiling_mode": "Snap to Grid", "tolerance": 2}},
            {"name": "tile_regions", "params": {"tiling_strategy": {"mode": "Snap to Grid", "tolerance": 2}}},
        ),
        (
            {"name": "tile_regions", "params": {"tiling_mode": "No Tiling"}},
            {"name": "tile_regions", "params": {"tiling_strategy": {"mode": "Inplace"}}},
        ),
        ({"name": "mine", "params": {"a": 1}, "module": "m"}, {"name": "mine", "params": {"a": 1}, "module": "m"}),
    ],
)
def test_steps(older: dict[str, Any], newer: dict[str, Any]) -> None:
    before = repr(older)
    assert newer_step(older) == newer
    assert repr(older) == before


def test_validators_options_and_documents() -> None:
    assert newer_validator({"name": "v", "params": {"a": 1}}) == {"name": "v", "a": 1}
    assert newer_acquisition_options({"stage_corrections": 1, "data_type": None}) == {"stage_orientation": 1}
    assert newer_tiled_image({"pixelsize": 2.0, "path": "p"}) == {"path": "p", "xy_pixel_size": 2.0}


def test_renamed_leaves_its_input_and_refuses_contradictions() -> None:
    given = {"old": 1, "new": 1, "other": 2}
    assert renamed(given, {"old": "new"}, "it") == {"new": 1, "other": 2}
    assert given == {"old": 1, "new": 1, "other": 2}
    with pytest.raises(ValueError, match="keep only 'new'"):
        renamed({"old": 1, "new": 2}, {"old": "new"}, "it")


def test_functions_take_older_calls() -> None:
    @accepts_older_calls("function", "name", names={"tiling_mode": "tiling_strategy"}, ignored=("dead",))
    def add(*, function: str, name: str | None = None, tiling_strategy: str = "") -> tuple[Any, ...]:
        return function, name, tiling_strategy

    assert add("f", "n", tiling_mode="Auto", dead=1) == ("f", "n", "Auto")
    assert add(function="f") == ("f", None, "")
    with pytest.raises(TypeError, match="at most 2"):
        add("f", "n", "x")
    with pytest.raises(TypeError, match="two values for 'function'"):
        add("f", function="g")
