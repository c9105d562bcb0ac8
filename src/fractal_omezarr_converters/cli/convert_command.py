"""`omezarr convert`: read, plan, write, report."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from fractal_omezarr_converters.cli import exit_codes
from fractal_omezarr_converters.cli.parameters import (
    OUTPUT,
    RUN,
    InputOptions,
    MessageOptions,
    OutputOptions,
    conversion_arguments,
)
from fractal_omezarr_converters.cli.plan_command import show_plan
from fractal_omezarr_converters.cli.streams import say, write_text
from fractal_omezarr_converters.cli.terminal import (
    Progress,
    say_warnings,
    set_up_messages,
    warnings_held_back,
    write_json,
)
from fractal_omezarr_converters.errors import ConvertersToolsUsageError


def convert_command(
    *paths: str,
    given: InputOptions | None = None,
    output: OutputOptions | None = None,
    messages: MessageOptions | None = None,
    workers: Annotated[int | None, Parameter(group=RUN)] = None,
    scheduler: Annotated[str | None, Parameter(group=RUN)] = None,
    verify: Annotated[bool, Parameter(group=RUN, negative="")] = False,
    no_report: Annotated[bool, Parameter(group=OUTPUT, negative="")] = False,
    dry_run: Annotated[bool, Parameter(group=RUN, negative="")] = False,
    json: Annotated[bool, Parameter(group=RUN, negative="")] = False,
) -> int:
    """Convert one or more acquisitions and write OME-Zarr.

    Example: `omezarr convert /data/MyPlate__2024-05-01 /data/zarr`

    Parameters
    ----------
    paths:
        SOURCE... OUT: folders or files of acquisitions, then the folder to write into.
    workers:
        Processes at once; by default as many as the computer has processors and memory for.
    scheduler:
        Address of a dask.distributed scheduler that runs the images.
    verify:
        Read every source plane again afterwards and compare it with what was written.
    no_report:
        Write no summary to stdout.
    dry_run:
        Show the plan and write nothing.
    json:
        One JSON document on stdout.
    """
    from fractal_omezarr_converters.convert import convert, plan

    given, output, messages = given or InputOptions(), output or OutputOptions(), messages or MessageOptions()
    set_up_messages(verbose=messages.verbose, quiet=messages.quiet)
    sources, out = split_paths(paths, given)
    arguments = conversion_arguments(given, output)
    if dry_run:
        with warnings_held_back() as texts:
            made = plan(sources, out, **arguments)
        say_warnings(text for text in texts if json or text not in made.warnings)
        return show_plan(made, as_json=json)
    with Progress(quiet=messages.quiet) as progress:
        conversion = convert(
            sources,
            out,
            **arguments,
            workers=workers,
            scheduler=scheduler,
            progress=progress.update,
            verify=verify,
            raise_failures=False,
        )
    for failure in conversion.failures:
        say(f"failed: {failure}")
    if json:
        write_json(conversion.to_json())
    elif not no_report:
        write_text(conversion.summary())
    if conversion.failures:
        return exit_codes.SOME_IMAGES_FAILED if conversion.updates else exit_codes.FAILED
    if conversion.verification is not None and not conversion.verification.ok:
        return exit_codes.FAILED
    return exit_codes.DONE


def split_paths(paths: tuple[str, ...], given: InputOptions) -> tuple[list[Any], str]:
    """Sources and the place of output; with a configuration that names the acquisitions, one path is the output."""
    if len(paths) >= 2 or (given.config and len(paths) == 1):
        return list(paths[:-1]), paths[-1]
    raise ConvertersToolsUsageError(
        "Give at least one source and the folder to write into: omezarr convert SOURCE... OUT."
    )
