"""`omezarr formats`: the formats that can be read."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from fractal_omezarr_converters.cli import exit_codes
from fractal_omezarr_converters.cli.parameters import RUN
from fractal_omezarr_converters.cli.streams import write_text
from fractal_omezarr_converters.cli.terminal import write_json


def formats_command(*, json: Annotated[bool, Parameter(group=RUN, negative="")] = False) -> int:
    """List the formats that can be read, built in and plugged in, with their makers and markers.

    Example: `omezarr formats`

    Parameters
    ----------
    json:
        One JSON document on stdout.
    """
    from fractal_omezarr_converters.formats.registry import formats

    rows: list[dict[str, Any]] = [
        {
            "name": each.name,
            "title": each.title,
            "maker": each.maker,
            "markers": list(each.markers),
            "kind": each.kind,
            "module": type(each).__module__,
            "options": each.options.model_json_schema().get("properties", {}),
        }
        for each in formats().values()
    ]
    if json:
        write_json(rows)
        return exit_codes.DONE
    for row in rows:
        write_text(f"{row['name']}: {row['title']}, from {row['maker']}")
        at_top = [marker for marker in row["markers"] if "/" not in marker]
        write_text(f"    found by {', '.join(at_top or row['markers'])}")
        for name, schema in row["options"].items():
            write_text(f"    --set {name}={_values(schema)}")
    return exit_codes.DONE


def _values(schema: dict[str, Any]) -> str:
    """The values of one option: all of a choice, else its kind; the default where it is a plain value."""
    choices = schema.get("enum") or (["true", "false"] if schema.get("type") == "boolean" else None)
    kinds = [kind["type"] for kind in schema.get("anyOf", []) if kind.get("type") not in (None, "null")]
    values = "|".join(map(str, choices)) if choices else str(schema.get("type") or "|".join(kinds) or "...")
    default = schema.get("default")
    said = str(default).lower() if isinstance(default, bool) else default
    return values if default is None else f"{values} (default {said})"
