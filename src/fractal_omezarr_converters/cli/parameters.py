"""Options that several commands share, in the groups input, output and run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

from fractal_omezarr_converters.cli.configuration import read_configuration, settings_from_texts
from fractal_omezarr_converters.errors import ConvertersToolsUsageError

INPUT = Group("Input", sort_key=1)
OUTPUT = Group("Output", sort_key=2)
RUN = Group("Run", sort_key=3)

type NgffVersion = Literal["0.4", "0.5", "0.6"]


@Parameter(name="*")
@dataclass
class InputOptions:
    """What to read."""

    format: Annotated[str | None, Parameter(group=INPUT)] = None
    """Format of the sources; by default it is detected."""
    plate: Annotated[str | None, Parameter(group=INPUT)] = None
    """Name of the plate; by default the one in the metadata."""
    acquisition: Annotated[int | None, Parameter(group=INPUT)] = None
    """Number of the (first) acquisition; by default 0, 1, ... for several sources of one plate."""
    wells: Annotated[str | None, Parameter(group=INPUT)] = None
    """Only these wells, such as A01,B02."""
    config: Annotated[str | None, Parameter(group=INPUT)] = None
    """File with options (TOML, JSON or YAML), with the same keys as the Fractal form."""
    set: Annotated[list[str] | None, Parameter(group=INPUT, name="--set", negative="")] = None
    """Any option by its dotted name, as key=value; may be repeated."""


@Parameter(name="*")
@dataclass
class OutputOptions:
    """What to write."""

    ngff_version: Annotated[NgffVersion | None, Parameter(group=OUTPUT)] = None
    """Version of OME-Zarr."""
    overwrite: Annotated[bool, Parameter(group=OUTPUT, negative="")] = False
    """Replace plates and images that exist with all that they hold; the old ones stay until the new ones are whole."""
    extend: Annotated[bool, Parameter(group=OUTPUT, negative="")] = False
    """Add to plates that exist; what is complete stays untouched."""
    memory: Annotated[str | None, Parameter(group=RUN)] = None
    """Memory that the conversion may take on this computer, such as 4GB; the plan says how much it needs."""


@Parameter(name="*")
@dataclass
class MessageOptions:
    """How much to say."""

    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"], group=RUN, negative="")] = False
    """Say more on stderr."""
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], group=RUN, negative="")] = False
    """Say nothing but errors on stderr."""


def overwrite_word(output: OutputOptions) -> str | None:
    """The overwrite mode that the switches mean, None when neither is given."""
    if output.overwrite and output.extend:
        raise ConvertersToolsUsageError("--overwrite and --extend exclude each other; give one of them.")
    return "Overwrite" if output.overwrite else "Extend" if output.extend else None


def conversion_arguments(given: InputOptions, output: OutputOptions) -> dict[str, Any]:
    """Arguments of plan() and convert(): the configuration file, then --set, then the options by name."""
    configuration = read_configuration(given.config) if given.config else {}
    arguments: dict[str, Any] = {
        "format": given.format,
        "plate_name": given.plate,
        "acquisition": given.acquisition,
        "wells": given.wells,
        "configuration": settings_from_texts(configuration, given.set or []),
        "ngff_version": output.ngff_version,
        "overwrite": overwrite_word(output),
        "memory": output.memory,
    }
    return {key: value for key, value in arguments.items() if value is not None}
