"""The contract of a format: which folder is mine, which options there are, and what ``scan`` gives back.

A format reads metadata only. It turns a vendor's folder or file into tiles (stage position in µm, times, channel
indices, a loader for each) and says what it found on the way. It knows nothing of tiling, Zarr or Fractal.

    class MyMicroscope(Format):
        name = "my_microscope"
        title = "My Microscope"
        maker = "Maker of it"
        markers = ("plate.xml",)
        options = MyMicroscopeOptions
        docs = "formats/my_microscope.md"

        def scan(self, source, *, options=None, plate_name=None, acquisition=0):
            options = self.checked_options(options)
            ...
            return Scan(tiles=builder.build(), plate=PlateFacts(name="..."))

A format of another distribution names its class in the entry-point group ``fractal_omezarr_converters.formats``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, ValidationError

from fractal_omezarr_converters.errors import ConvertersToolsUsageError
from fractal_omezarr_converters.formats.marker_search import files_that_match
from fractal_omezarr_converters.models.plate_facts import PlateFacts
from fractal_omezarr_converters.models.user_facing import UserFacingModel

if TYPE_CHECKING:
    from fractal_omezarr_converters.core.tile_table import TileTable

EXAMPLES_KEPT = 5


class FormatOptions(UserFacingModel):
    """How the files of one format are read. A format adds options of its own in a subclass."""

    model_config = ConfigDict(title="Reading Options")

    follow_links: bool = Field(default=False, title="Follow Links")
    """Accept image files that are links to places outside the acquisition's folder."""


@dataclass
class PlaneStates:
    """How many planes the metadata names, by what became of them, with a few examples of each.

    ``present``: a file is there. ``missing_file``: named, but the file is not there. ``named_empty``: listed by the
    instrument without a file name. ``never_acquired``: not listed, although other fields, channels, z or t have it.
    """

    present: int = 0
    missing_file: int = 0
    named_empty: int = 0
    never_acquired: int = 0
    examples: dict[str, list[str]] = field(default_factory=dict)

    def count(self, state: str, example: str, number: int = 1) -> None:
        """Add planes of one state; the first few examples are kept."""
        setattr(self, state, getattr(self, state) + number)
        kept = self.examples.setdefault(state, [])
        if len(kept) < EXAMPLES_KEPT:
            kept.append(example)

    def count_tiles(self, planes: int, *, there: bool) -> None:
        """Take over how many planes the tiles hold: an image in colour is three, and a plane may be repeated along z."""
        if there:
            self.present = planes
        else:
            self.missing_file = max(self.missing_file, planes)

    def add(self, other: PlaneStates, where: str) -> None:
        """Add the planes of another part of the source; its examples are said to be ``where``."""
        for state in ("present", "missing_file", "named_empty", "never_acquired"):
            setattr(self, state, getattr(self, state) + getattr(other, state))
        for state, texts in other.examples.items():
            kept = self.examples.setdefault(state, [])
            kept.extend(f"{text} ({where})" for text in texts[: EXAMPLES_KEPT - len(kept)])

    def sentences(self) -> list[str]:
        """Say in one sentence per state which planes will stay empty."""
        words = {
            "missing_file": "Planes named in the metadata whose files are missing",
            "named_empty": "Planes that the instrument lists without an image file",
            "never_acquired": "Planes not acquired although others of the same measurement are",
        }
        said = []
        for state, text in words.items():
            number = getattr(self, state)
            if number:
                shown = ", ".join(self.examples.get(state, []))
                said.append(f"{text}: {number} (for example {shown}).")
        return said


@dataclass
class Scan:
    """What a format found: tiles, facts of the plate, states of planes, warnings, and the files it read.

    A source may hold several acquisitions of one plate: the collections of its tiles say which they are, counted on from the
    number that the user gives, and ``acquisitions`` has the facts of each by its number; ``plate`` has those of the first.
    ``warnings`` need not repeat the states: whoever shows them adds :meth:`PlaneStates.sentences`.
    ``corrections`` are the steps, each ``{"name": ..., "params": {...}}``, by which loaders change pixel values; they
    become part of the provenance of every image.
    """

    tiles: TileTable
    plate: PlateFacts | None = None
    states: PlaneStates = field(default_factory=PlaneStates)
    warnings: list[str] = field(default_factory=list)
    metadata_files: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    corrections: list[dict[str, Any]] = field(default_factory=list)
    acquisitions: dict[int, PlateFacts] = field(default_factory=dict)

    def facts_of(self, acquisition: int) -> PlateFacts | None:
        """Give the facts of the plate and of one acquisition of it, by its number."""
        return self.acquisitions.get(acquisition, self.plate)


class Format(ABC):
    """One instrument's output, or one kind of image file.

    ``markers`` are glob patterns relative to the acquisition's folder; for formats that are single files they are
    patterns of the file's name. ``docs`` is the page below ``docs/`` that describes the format.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    maker: ClassVar[str]
    markers: ClassVar[tuple[str, ...]]
    kind: ClassVar[Literal["plate", "image"]] = "plate"
    options: ClassVar[type[FormatOptions]] = FormatOptions
    docs: ClassVar[str] = ""

    def marker_files(self, source: str | Path) -> list[Path]:
        """List the files in the folder (or the file itself) that match a marker, in the order of the markers."""
        place = Path(source)
        if place.is_file():
            matched = any(fnmatchcase(place.name, marker.rsplit("/", 1)[-1]) for marker in self.markers)
            return [place] if matched else []
        if not place.is_dir():
            return []
        return [found for marker in self.markers for found in files_that_match(str(place), marker)]

    def recognises(self, source: str | Path) -> bool:
        """Say whether the folder or file is of this format; by default, when a marker matches."""
        return bool(self.marker_files(source))

    @abstractmethod
    def scan(
        self,
        source: str,
        *,
        options: FormatOptions | Mapping[str, Any] | None = None,
        plate_name: str | None = None,
        acquisition: int = 0,
    ) -> Scan:
        """Read the metadata and give the tiles; no pixel is read.

        A format that places planes by their numbers also takes ``sizes`` (a :class:`PixelSizeModel`): what the user states
        goes before the metadata. To the details of the tiles of every other format it is applied afterwards.

        Args:
            source: folder (or file) of one acquisition.
            options: options of this format, as its model or as a mapping; None means the defaults.
            plate_name: name of the plate; None means the one in the metadata.
            acquisition: number of this acquisition of the plate; of the first, where the source holds several.
        """

    def checked_options(self, options: FormatOptions | Mapping[str, Any] | None) -> FormatOptions:
        """Turn options as they come in into this format's options model.

        Raises:
            ConvertersToolsUsageError: an option is not known or has a wrong value.
        """
        if isinstance(options, self.options):
            return options
        given = {} if options is None else options.model_dump() if isinstance(options, FormatOptions) else dict(options)
        try:
            return self.options.model_validate(given)
        except ValidationError as error:
            found = "; ".join(_in_words(each) for each in error.errors())
            known = ", ".join(self.options.model_fields)
            raise ConvertersToolsUsageError(
                f"The options of format '{self.name}' are wrong: {found}. The options are {known}."
            ) from error


def _in_words(error: Mapping[str, Any]) -> str:
    """What is wrong with one option, with the value that was given."""
    place = ".".join(map(str, error["loc"])) or "options"
    if error["type"] == "extra_forbidden":
        return f"there is no option '{place}'"
    text = str(error["msg"]).removeprefix("Value error, ").removesuffix(".").replace("Input should be", "should be")
    return f"'{place}' {text}, not {error['input']!r}" if text.startswith("should") else f"'{place}': {text}"
