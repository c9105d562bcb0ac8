"""All commands by name, each loaded when it is called, and what happens to errors."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from types import FrameType

from cyclopts import App, CycloptsError

from fractal_omezarr_converters.cli import exit_codes
from fractal_omezarr_converters.cli.streams import open_closed_streams, say
from fractal_omezarr_converters.errors import (
    ConvertersToolsError,
    ConvertersToolsInternalError,
    ConvertersToolsUsageError,
)

HELP = """Turn what microscopes write into OME-Zarr.

Example: `omezarr convert /data/MyPlate__2024-05-01 /data/zarr`
"""

#: Every command with what it does and an example.
COMMANDS = {
    "convert": (
        "Convert one or more acquisitions and write OME-Zarr.",
        "omezarr convert /data/MyPlate__2024-05-01 /data/zarr",
    ),
    "plan": ("Say what convert would do, and do nothing.", "omezarr plan /data/MyPlate__2024-05-01"),
    "inspect": ("Say what the metadata of an acquisition states.", "omezarr inspect /data/MyPlate__2024-05-01"),
    "formats": ("List the formats that can be read.", "omezarr formats"),
    "verify": ("Compare every pixel of a conversion with its source.", "omezarr verify /data/zarr/MyPlate.zarr"),
    "demo": ("Write a small plate, convert it as Fractal would, verify it.", "omezarr demo"),
}


def make_app() -> App:
    """The application with its commands; no command's module is imported."""
    app = App(name="omezarr", help=HELP, version=_version, help_format="markdown", suppress_keyboard_interrupt=False)
    for name, (words, example) in COMMANDS.items():
        text = f"{words}\n\nExample: `{example}`"
        app.command(f"{__package__}.{name}_command:{name}_command", name=name, help=text)
    app.register_install_completion_command(add_to_startup=False)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run the command and give its exit code; errors for users become one sentence on stderr."""
    open_closed_streams()
    signal.signal(signal.SIGTERM, _interrupt)
    app = make_app()
    try:
        code = app(list(arguments), exit_on_error=False, result_action="return_value")
    except CycloptsError:
        return exit_codes.WRONG_USAGE  # cyclopts has said on stderr what is wrong
    except SystemExit:  # rich leaves like this when nobody reads its help
        return exit_codes.DONE
    except KeyboardInterrupt:
        converting = list(arguments[:1]) == ["convert"]
        say("interrupted" + ("; what is finished stays: run the same command again to go on" if converting else ""))
        return exit_codes.INTERRUPTED
    except ConvertersToolsUsageError as error:
        say(f"error: {error}")
        return exit_codes.WRONG_USAGE
    except ConvertersToolsInternalError as error:
        say(f"internal error: {error}")
        return exit_codes.FAILED
    except ConvertersToolsError as error:
        say(f"error: {error}")
        return exit_codes.FAILED
    return code if isinstance(code, int) else exit_codes.DONE


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _version() -> str:
    from importlib.metadata import version

    return version("fractal-omezarr-converters")
