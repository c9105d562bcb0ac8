"""The registry of named steps."""

from __future__ import annotations

import pytest

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.pipelines.steps import StepRegistry


def one(value: int) -> int:
    return value


def other(value: int) -> int:
    return -value


def registry() -> StepRegistry:
    return StepRegistry("filter", "fractal_omezarr_converters.none")


def test_a_second_function_of_one_name_is_refused_unless_asked() -> None:
    steps = registry()
    steps.add(function=one, name="step")
    with pytest.raises(ConvertersToolsUserError, match="'step' exists already"):
        steps.add(function=other, name="step")
    steps.add(function=other, name="step", overwrite=True)
    assert steps.get("step") is other


def test_an_unknown_name_lists_the_known_ones() -> None:
    steps = registry()
    steps.add(function=one)
    with pytest.raises(ConvertersToolsUserError, match="no filter called 'two'; known are: 'one'"):
        steps.get("two")


def test_f69_the_defining_module_is_imported_where_the_step_is_unknown() -> None:
    steps = registry()
    with pytest.raises(ConvertersToolsUserError, match="cannot be imported here"):
        steps.get("step", "no_such_module_anywhere")
    with pytest.raises(ConvertersToolsUserError, match="ran as main program"):
        steps.get("step", "__main__")
