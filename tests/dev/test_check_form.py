"""The form check refuses every annotation that is known to empty or break the web form."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, create_model


@pytest.fixture(scope="module")
def check_form(project_root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_form", project_root / "dev" / "check_form.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["check_form"] = module
    spec.loader.exec_module(module)
    return module


class Left(BaseModel):
    mode: Literal["Left"] = "Left"


class Right(BaseModel):
    mode: Literal["Right"] = "Right"
    size: float = Field(default=1.0, gt=0)


class Node(BaseModel):
    children: list[Node] = []


class FreeForm(BaseModel):
    model_config = ConfigDict(extra="allow")


class Zero(IntEnum):
    NONE = 0
    ONE = 1


Side = Annotated[Left | Right, Field(discriminator="mode")]

BAD: dict[str, tuple[Any, Any]] = {
    "a path": (Path, ...),
    "a path inside a model": (create_model("Inner", place=(Path, ...)), ...),
    "an unknown keyword": (str, Field("x", json_schema_extra={"x-widget": "file"})),
    "an optional choice of models": (Side | None, None),
    "a recursive model": (Node, Node()),
    "a list of exactly two": (list[int], Field([1, 2], min_length=2, max_length=2)),
    "a dictionary with content": (dict[str, Any], {"a": 1}),
    "a free-form model": (FreeForm, FreeForm()),
    "anything": (Any, None),
    "a choice that is 0": (Zero, Zero.ONE),
    "two primitive types": (str | int, "x"),
    "a choice of models without a mark": (Left | Right, Left()),
}

GOOD: dict[str, tuple[Any, Any]] = {
    "text": (str, ...),
    "optional text": (str | None, None),
    "a bounded number": (float, Field(0.65, gt=0, le=1000)),
    "a switch": (bool, False),
    "a choice": (Literal["a", "b"], "a"),
    "a list of models": (list[Right], Field(..., min_length=1)),
    "a choice of models": (Side, Right()),
    "an optional model": (Right | None, None),
    "a pair": (tuple[float, float], (1.0, 2.0)),
    "names to texts": (dict[str, str], {}),
}


def schema_of(annotation: tuple[Any, Any]) -> dict[str, Any]:
    return create_model("Arguments", argument=annotation).model_json_schema()


@pytest.mark.parametrize("name", BAD)
def test_bad_annotation_is_refused(check_form: ModuleType, name: str) -> None:
    faults = check_form.check_schema(schema_of(BAD[name]))
    assert faults
    assert all(fault.argument.startswith("argument") for fault in faults)


@pytest.mark.parametrize("name", GOOD)
def test_good_annotation_passes(check_form: ModuleType, name: str) -> None:
    assert check_form.check_schema(schema_of(GOOD[name])) == []


def test_schema_version_that_the_web_does_not_render(check_form: ModuleType) -> None:
    assert check_form.check_schema(schema_of(GOOD["text"]), "other")[0].level == "BLANK"


def test_command_counts_and_exits(check_form: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write = _writer(tmp_path)
    assert check_form.main([write(schema_of(GOOD["text"]))]) == 0
    assert "1 forms, 0 faults" in capsys.readouterr().out
    assert check_form.main([write(schema_of(BAD["a path"]))]) == 1
    assert "unknown format 'path'" in capsys.readouterr().out
    assert check_form.main([write({"default": float("nan")})]) == 2
    assert check_form.main([]) == 2


def _writer(folder: Path) -> Callable[[dict[str, Any]], str]:
    def write(schema: dict[str, Any]) -> str:
        manifest = {
            "args_schema_version": "fractal_schema_v1",
            "task_list": [{"name": "Convert", "args_schema_non_parallel": schema}],
        }
        file = folder / "manifest.json"
        file.write_text(json.dumps(manifest))
        return str(file)

    return write
