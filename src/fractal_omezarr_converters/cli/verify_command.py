"""`omezarr verify`: compare every pixel of a conversion with its source, and all coarser levels."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from fractal_omezarr_converters.cli import exit_codes
from fractal_omezarr_converters.cli.parameters import RUN, MessageOptions
from fractal_omezarr_converters.cli.streams import write_text
from fractal_omezarr_converters.cli.terminal import Progress, set_up_messages, write_json


def verify_command(
    out: str,
    *,
    messages: MessageOptions | None = None,
    json: Annotated[bool, Parameter(group=RUN, negative="")] = False,
) -> int:
    """Read every source plane again and compare it with what was written; check coarser levels and that no chunk is missing.

    Example: `omezarr verify /data/zarr/MyPlate.zarr`

    Parameters
    ----------
    out:
        A plate, an image, or the folder that was converted into.
    json:
        One JSON document on stdout.
    """
    from fractal_omezarr_converters.convert import verify

    messages = messages or MessageOptions()
    set_up_messages(verbose=messages.verbose, quiet=messages.quiet)
    with Progress(quiet=messages.quiet) as progress:
        verification = verify(out, progress=progress.update)
    if json:
        write_json(verification.to_json())
    else:
        write_text(str(verification))
    return exit_codes.DONE if verification.ok else exit_codes.FAILED
