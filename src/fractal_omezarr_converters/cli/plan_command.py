"""`omezarr plan`: what convert would do, and nothing else."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from fractal_omezarr_converters.cli import exit_codes
from fractal_omezarr_converters.cli.configuration import check_kind_of_file, write_configuration
from fractal_omezarr_converters.cli.parameters import (
    OUTPUT,
    RUN,
    InputOptions,
    MessageOptions,
    OutputOptions,
    conversion_arguments,
)
from fractal_omezarr_converters.cli.streams import say, write_text
from fractal_omezarr_converters.cli.terminal import say_warnings, set_up_messages, warnings_held_back, write_json


def plan_command(
    *sources: str,
    out: Annotated[str | None, Parameter(group=OUTPUT)] = None,
    given: InputOptions | None = None,
    output: OutputOptions | None = None,
    messages: MessageOptions | None = None,
    write_config: Annotated[str | None, Parameter(group=OUTPUT)] = None,
    json: Annotated[bool, Parameter(group=RUN, negative="")] = False,
) -> int:
    """Say what convert would do, and do nothing: plates, wells, images, sizes, memory, missing planes.

    Example: `omezarr plan /data/MyPlate__2024-05-01`

    Parameters
    ----------
    sources:
        Folders or files of acquisitions; a last path that is none of these is taken as the output.
    out:
        Folder that would be written into.
    write_config:
        Write the options of this plan to a file (.toml or .json) for `omezarr convert --config`.
    json:
        One JSON document on stdout.
    """
    from fractal_omezarr_converters.convert import plan

    given, output, messages = given or InputOptions(), output or OutputOptions(), messages or MessageOptions()
    set_up_messages(verbose=messages.verbose, quiet=messages.quiet)
    if write_config:
        check_kind_of_file(write_config)
    found, place = _sources_and_out(list(sources), out, is_format_named=bool(given.format or given.config))
    with warnings_held_back() as texts:
        made = plan(found, place, **conversion_arguments(given, output))
    say_warnings(text for text in texts if json or text not in made.warnings)
    if write_config:
        write_configuration(write_config, made.configuration)
        say(f"options written to {write_config}")
    return show_plan(made, as_json=json)


def show_plan(made: Any, *, as_json: bool) -> int:
    """Write the plan to stdout."""
    if as_json:
        write_json(made.to_json())
    else:
        write_text(str(made))
    return exit_codes.DONE


def _sources_and_out(sources: list[str], out: str | None, *, is_format_named: bool) -> tuple[list[str], str | None]:
    """Take the last of several paths as the output when it is not a source; a folder of a named format may lack its marker."""
    if out is not None or len(sources) < 2:
        return sources, out
    from pathlib import Path

    from fractal_omezarr_converters.models.urls import is_remote_url

    if is_remote_url(sources[-1]):
        is_source = _holds_a_source(sources[-1])
    else:
        last = Path(sources[-1]).expanduser()
        is_source = last.exists() and not _is_output(last)
        is_format_named = is_format_named or not last.is_dir()
    if is_source and not is_format_named:
        from fractal_omezarr_converters.formats import registry
        from fractal_omezarr_converters.formats.not_read import why_not_read

        is_source = bool(registry.recognised_as(sources[-1]) or why_not_read(sources[-1]))
    return (sources, None) if is_source else (sources[:-1], sources[-1])


def _holds_a_source(url: str) -> bool:
    """Say whether there is something else than OME-Zarr at an address."""
    from fractal_omezarr_converters.models.remote_calls import request
    from fractal_omezarr_converters.models.urls import filesystem_for_url

    filesystem = filesystem_for_url(url, "Listing a folder")
    try:
        names = request(url, "listed", lambda: filesystem.ls(url, detail=False))
    except FileNotFoundError:
        return False
    return bool(names) and not any(name.rstrip("/").endswith(".zarr") for name in names)


def _is_output(folder: Any) -> bool:
    """An empty folder, or one that holds OME-Zarr."""
    if not folder.is_dir():
        return False
    entries = list(folder.iterdir())
    return not entries or any(entry.suffix == ".zarr" for entry in entries)
