"""The forms of all tasks are written for people: titles, sentences, bounded numbers, short ways to what is common."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import fractal_omezarr_converters

MANIFEST = json.loads((Path(fractal_omezarr_converters.__path__[0]) / "__FRACTAL_MANIFEST__.json").read_text())
TASKS = {task["name"]: task for task in MANIFEST["task_list"]}
FILLED_BY_FRACTAL = {"zarr_dir", "zarr_url", "init_args"}
#: Numbers of a user's table, to compare with: any number is right.
UNBOUNDED = {"IntValue", "FloatValue"}
#: What most users want to set, and how many boxes may have to be opened for it.
COMMON = (
    "path",
    "plate_name",
    "acquisition",
    "overwrite",
    "mode",
    "tolerance",
    "ngff_version",
    "num_levels",
    "channels",
    "condition_table_path",
    "xy_pixel_size",
    "filters",
    "remove_xy_offset",
)
MOST_BOXES = 2


class Shown(NamedTuple):
    """One thing that the form shows: its name, its schema, the model it belongs to, the boxes that are closed before it."""

    name: str
    schema: dict[str, Any]
    model: str
    boxes: int


def shown(schema: dict[str, Any]) -> Iterator[Shown]:
    definitions = schema["$defs"]
    needed = schema["required"]
    for name, child in schema["properties"].items():
        if name not in FILLED_BY_FRACTAL:
            yield from _below(name, child, definitions, "", 0, open=name in needed)


def _below(
    name: str, given: dict[str, Any], definitions: dict[str, Any], model: str, boxes: int, *, open: bool
) -> Iterator[Shown]:
    schema, kind = _resolved(given, definitions)
    yield Shown(name, schema, model, boxes)
    inside = boxes + (not open)
    for variant in schema.get("oneOf", []):
        yield from _inside(variant, definitions, inside)
    if "properties" in schema:
        yield from _inside(given if kind is None else {"$ref": f"#/$defs/{kind}"}, definitions, inside)
    items = schema.get("items")
    if isinstance(items, dict) and ("$ref" in items or "oneOf" in items):
        for one in items.get("oneOf", [items]):
            yield from _inside(one, definitions, inside)


def _inside(given: dict[str, Any], definitions: dict[str, Any], boxes: int) -> Iterator[Shown]:
    schema, kind = _resolved(given, definitions)
    yield Shown("", schema, kind or "", boxes)
    for name, child in schema.get("properties", {}).items():
        yield from _below(name, child, definitions, kind or "", boxes, open=False)


def _resolved(given: dict[str, Any], definitions: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    variants = given.get("anyOf", [])
    if len(variants) == 2 and variants[1] == {"type": "null"}:
        given = {**variants[0], **{key: value for key, value in given.items() if key != "anyOf"}}
    if "$ref" not in given:
        return given, None
    kind = given["$ref"].rpartition("/")[2]
    return {**definitions[kind], **{key: value for key, value in given.items() if key != "$ref"}}, kind


@pytest.fixture(params=TASKS)
def form(request: pytest.FixtureRequest) -> list[Shown]:
    return list(shown(TASKS[request.param]["args_schema_non_parallel"]))


def test_titles_are_words(form: list[Shown]) -> None:
    """A list item, for one, bears the title of its model: the name of a class says nothing to a biologist."""
    for each in form:
        title = each.schema.get("title", "")
        assert title and "_" not in title, each
        assert title != each.model or (title.isalpha() and title.istitle()), each


def test_descriptions_are_sentences(form: list[Shown]) -> None:
    for each in form:
        text = each.schema.get("description", "")
        assert text[:1].isupper() or text.startswith("`"), each
        assert text.rstrip().endswith((".", ")", "`")), each
        assert "``" not in text and ":class:" not in text, each
        assert "Missing description" not in text, each


def test_choices_are_words(form: list[Shown]) -> None:
    for each in form:
        assert not [choice for choice in each.schema.get("enum", []) if "_" in str(choice)], each


def test_numbers_are_bounded(form: list[Shown]) -> None:
    """Numbers are typed as text, and "0,65" is taken for 0: a wrong one must not pass."""
    for each in form:
        if each.schema.get("type") in ("number", "integer") and each.model not in UNBOUNDED:
            assert {"minimum", "exclusiveMinimum"} & set(each.schema), each
            assert {"maximum", "exclusiveMaximum"} & set(each.schema), each


def test_what_is_common_is_near(form: list[Shown]) -> None:
    places: dict[str, int] = {}
    for each in form:
        places[each.name] = min(each.boxes, places.get(each.name, 99))
    assert {name: places[name] for name in COMMON if places[name] > MOST_BOXES} == {}
    arranged = [
        each for each in form if each.name == "mode" and each.schema.get("const") in ("Auto", "Stitch", "Per-FOV")
    ]
    assert len(arranged) == 3 and all(each.boxes <= MOST_BOXES for each in arranged)


def test_internals_stay_out(form: list[Shown]) -> None:
    names = {each.name for each in form}
    assert not names & {
        "writer_mode",
        "runtime_settings",
        "temp_json_options",
        "codec",
        "chunks",
        "shards",
        "scheduler",
    }


@pytest.mark.parametrize("name", TASKS)
def test_the_info_tab_tells_what_to_give_and_what_comes(name: str) -> None:
    task = TASKS[name]
    headings = re.findall(r"^### (.*)$", task["docs_info"], re.MULTILINE)
    assert {"Purpose", "What you need", "What you get", "Options that matter", "Limitations"} <= set(headings)
    assert task["category"] == "Conversion" and task["docs_link"].startswith("https://")
    assert len(task["tags"]) == len(set(task["tags"])) >= 2
    assert set(task["meta_parallel"]) == {"cpus_per_task", "mem"} == set(task["meta_non_parallel"])
