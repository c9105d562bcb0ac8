"""`omezarr inspect`: what the metadata of an acquisition states."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from fractal_omezarr_converters.cli import exit_codes
from fractal_omezarr_converters.cli.parameters import INPUT, RUN, MessageOptions
from fractal_omezarr_converters.cli.streams import write_text
from fractal_omezarr_converters.cli.terminal import set_up_messages, write_json


def inspect_command(
    source: str,
    *,
    format: Annotated[str | None, Parameter(group=INPUT)] = None,
    messages: MessageOptions | None = None,
    json: Annotated[bool, Parameter(group=RUN, negative="")] = False,
) -> int:
    """Say what the metadata states: format and version, wells, fields, channels, sizes, spacings, positions, times.

    Example: `omezarr inspect /data/MyPlate__2024-05-01`

    Parameters
    ----------
    source:
        Folder or file of one acquisition.
    format:
        Format of the source; by default it is detected.
    json:
        One JSON document on stdout.
    """
    from fractal_omezarr_converters.convert import inspect

    messages = messages or MessageOptions()
    set_up_messages(verbose=messages.verbose, quiet=messages.quiet)
    inspection = inspect(source, format=format)
    if json:
        write_json(inspection.to_json())
    else:
        write_text(str(inspection))
    return exit_codes.DONE
