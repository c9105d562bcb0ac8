"""The form check refuses every annotation that is known to empty or break the web form."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from enum import Enum, IntEnum
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, DirectoryPath, Field, FilePath, create_model
from pydantic.json_schema import SkipJsonSchema


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


class Color(Enum):
    RED = "red"
    TEN = 10


Side = Annotated[Left | Right, Field(discriminator="mode")]

Inner = create_model("Inner", place=(Path, ...))
Chosen = create_model("Chosen", side=(Side | None, None))

#: Annotations with which the whole form disappears.
BLANK: dict[str, tuple[Any, Any]] = {
    "a path": (Path, ...),
    "a path that must be a file": (FilePath, ...),
    "a path that must be a folder": (DirectoryPath, ...),
    "a path in a list": (list[Path], []),
    "a path that may be None": (Path | None, None),
    "a path inside a model": (Inner, ...),
    "a path inside an optional model": (Inner | None, None),
    "an unknown keyword": (str, Field("x", json_schema_extra={"x-widget": "file"})),
    "an optional choice of models": (Side | None, None),
    "an optional choice of models inside a model": (Chosen, Chosen()),
    "a recursive model": (Node, Node()),
    "a list of exactly two": (list[int], Field([1, 2], min_length=2, max_length=2)),
    "a dictionary with content": (dict[str, Any], {"a": 1}),
    "a free-form model with content": (FreeForm, FreeForm.model_validate({"a": 1})),
}

#: Annotations with which a part of the form throws when it is opened.
BREAKS: dict[str, tuple[Any, Any]] = {
    "an optional choice of models in a list": (list[Chosen], []),
    "a list of exactly two in a list": (list[Annotated[list[int], Field(min_length=2, max_length=2)]], []),
}

#: Annotations that are shown and cannot be filled in, or are sent as something else.
UNUSABLE: dict[str, tuple[Any, Any]] = {
    "a free-form dictionary": (dict[str, Any], {}),
    "a dictionary": (dict, {}),
    "a free-form model": (FreeForm, FreeForm()),
    "anything": (Any, None),
    "a list of anything": (list, []),
    "a choice that is 0": (Zero, Zero.ONE),
    "a choice that is empty": (Literal["", "a"], "a"),
    "choices of several types": (Color, "red"),
    "two primitive types": (str | int, "x"),
    "a number of two types": (int | float, 1),
    "a text or a list of texts": (str | list[str], "x"),
    "a text or a model": (str | Right, "x"),
    "three types": (str | int | None, None),
    "a choice of models without a mark": (Left | Right, Left()),
    "an optional switch": (bool | None, None),
    "an optional choice": (Literal["a", "b"] | None, None),
    "a switch without a default": (bool, ...),
    "a list of switches": (list[bool], []),
    "switches by name": (dict[str, bool], {}),
    "a pair with a switch": (tuple[bool, int], (True, 1)),
    "an empty text": (str, ""),
    "a None that is not in the schema": (str | SkipJsonSchema[None], None),
}
BAD = {
    name: (level, annotation)
    for level, annotations in (("BLANK", BLANK), ("BREAKS", BREAKS), ("NOTE", UNUSABLE))
    for name, annotation in annotations.items()
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
    level, annotation = BAD[name]
    faults = check_form.check_schema(schema_of(annotation))
    assert level in {fault.level for fault in faults}
    assert all(fault.argument.startswith(("argument", "(definition")) for fault in faults)


@pytest.mark.parametrize("name", BAD)
def test_bad_annotation_is_refused_in_the_form_of_a_task(check_form: ModuleType, project_root: Path, name: str) -> None:
    place = project_root / "src" / "fractal_omezarr_converters" / "__FRACTAL_MANIFEST__.json"
    schema = json.loads(place.read_text())["task_list"][0]["args_schema_non_parallel"]
    level, annotation = BAD[name]
    worse = schema_of(annotation)
    schema["properties"] |= worse["properties"]
    schema["$defs"] |= worse.get("$defs", {})
    assert level in {fault.level for fault in check_form.check_schema(schema)}


def test_a_recursive_model_of_an_argument_that_is_not_shown(check_form: ModuleType) -> None:
    schema = create_model("Arguments", init_args=(Node, Node()), good=(str, "x")).model_json_schema()
    assert {fault.level for fault in check_form.check_schema(schema)} == {"BLANK"}


def test_items_that_a_required_list_opens_with_are_part_of_the_form(check_form: ModuleType) -> None:
    schema = create_model("Arguments", argument=(list[Chosen], Field(min_length=1))).model_json_schema()
    assert {fault.level for fault in check_form.check_schema(schema)} == {"BLANK"}


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_default_that_is_no_number_is_no_manifest(check_form: ModuleType, tmp_path: Path, number: float) -> None:
    schema = create_model("Arguments", argument=(float, 1.0)).model_json_schema()
    schema["properties"]["argument"]["default"] = number
    assert check_form.main([_writer(tmp_path)(schema)]) == 2


@pytest.mark.parametrize("name", GOOD)
def test_good_annotation_passes(check_form: ModuleType, name: str) -> None:
    assert check_form.check_schema(schema_of(GOOD[name])) == []


def test_schema_version_that_the_web_does_not_render(check_form: ModuleType) -> None:
    assert check_form.check_schema(schema_of(GOOD["text"]), "other")[0].level == "BLANK"


def test_command_counts_and_exits(check_form: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write = _writer(tmp_path)
    assert check_form.main([write(schema_of(GOOD["text"]))]) == 0
    assert "1 forms, 0 faults" in capsys.readouterr().out
    assert check_form.main([write(schema_of(BLANK["a path"]))]) == 1
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
