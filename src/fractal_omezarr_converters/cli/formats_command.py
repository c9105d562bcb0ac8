"""`omezarr formats`: the formats that can be read."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from fractal_omezarr_converters.cli import exit_codes
from fractal_omezarr_converters.cli.parameters import RUN
from fractal_omezarr_converters.cli.terminal import write_json, write_text


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
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        write_text(f"{row['name']:<{width}}  {row['title']} ({row['maker']}): {', '.join(row['markers'])}")
    return exit_codes.DONE
