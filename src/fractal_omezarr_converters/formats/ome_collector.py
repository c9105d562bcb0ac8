"""Planes of OME images in the words of this package: sizes, channels, positions, files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.ome_records import OmeImageRecord, OmePlane
from fractal_omezarr_converters.formats.plane_records import ChannelFacts, Frame, PlaneRecord

#: Types of pixels of the schema that have other names here; ``bit`` is stored as bytes.
PIXEL_TYPES = {
    **{name: name for name in ("uint8", "uint16", "uint32", "int8", "int16", "int32")},
    "float": "float32",
    "double": "float64",
    "bit": "uint8",
}


@dataclass
class OmePlanes:
    """Collects the planes of images; channels are told apart by their name, nameless ones by their place.

    ``own_file`` is the file of planes that name none. ``y_up`` turns stage positions whose y grows upwards. ``unplaced`` are the
    fields (row, column, number) of which nothing states a position.
    """

    described_in: str
    own_file: str | None = None
    y_up: bool = False
    pixel_size: float | None = None
    planes: list[PlaneRecord] = field(default_factory=list)
    channels: dict[int, ChannelFacts] = field(default_factory=dict)
    unplaced: list[tuple[int, int, int]] = field(default_factory=list)
    _frames: dict[Frame, int] = field(default_factory=dict)
    _numbers: dict[tuple[str, int, int], int] = field(default_factory=dict)

    @property
    def frames(self) -> list[Frame]:
        """Sizes of all images so far."""
        return list(self._frames)

    def add(
        self, image: OmeImageRecord, *, row: int, column: int, number: int, at: tuple[float, float] | None = None
    ) -> None:
        """Take all planes of an image that is field ``number`` of a well; ``at`` is its position where no plane states one.

        Often the first plane alone states where all are.

        Raises:
            ConvertersToolsUserError: the image has no pixel size.
        """
        if not image.places:
            return
        frame = self._frames.setdefault(self._frame(image), len(self._frames))
        channels = self._channels(image)
        of_field = next((where for _, each in sorted(image.planes.items()) if (where := _place(each))), at)
        if of_field is None:
            self.unplaced.append((row, column, number))
        for (c, z, t), place in image.places.items():
            found = image.planes.get((c, z, t), OmePlane())
            x, y = _place(found) or of_field or (0.0, 0.0)
            self.planes.append(
                PlaneRecord(
                    row,
                    column,
                    number,
                    channels[c],
                    z,
                    t,
                    place.file or self.own_file,
                    x,
                    -y if self.y_up else y,
                    found.height,
                    found.seconds,
                    _clock(image, found, t),
                    place.page,
                    frame,
                    image.line,
                )
            )

    def _frame(self, image: OmeImageRecord) -> Frame:
        x = self.pixel_size or image.pixel_x
        y = self.pixel_size or image.pixel_y or x
        if x is None or y is None:
            raise self._problem(image, "states no pixel size (PhysicalSizeX); correct it, or set it in the options")
        return Frame(image.size_x, image.size_y, x, y)

    def _channels(self, image: OmeImageRecord) -> list[int]:
        numbers: list[int] = []
        seen: Counter[str] = Counter()
        for place in range(image.sizes["c"]):
            facts = image.channels[place] if place < len(image.channels) else ChannelFacts(kind=f"channel_{place}")
            key = (facts.name, seen[facts.name], image.samples) if facts.name else ("", place, image.samples)
            seen[facts.name] += 1
            number = self._numbers.setdefault(key, len(self._numbers))
            self.channels.setdefault(number, replace(facts, samples=image.samples))
            numbers.append(number)
        return numbers

    def _problem(self, image: OmeImageRecord, what: str) -> ConvertersToolsUserError:
        return ConvertersToolsUserError(
            f"{self.described_in}, line {image.line}: image '{image.name or image.id}' {what}."
        )


def _place(plane: OmePlane) -> tuple[float, float] | None:
    return None if plane.x is None or plane.y is None else (plane.x, plane.y)


def _clock(image: OmeImageRecord, plane: OmePlane, t: int) -> float | None:
    """When a plane was taken, in seconds since 1970; None for later frames of which nothing is stated."""
    if image.acquired is None:
        return None
    if plane.seconds is not None:
        return image.acquired + plane.seconds
    if t and image.t_step is None:
        return None
    return image.acquired + t * (image.t_step or 0.0)


def data_type(images: Iterable[OmeImageRecord]) -> str:
    """The type that images state, for a plan without files: ``Type`` of their pixels."""
    stated = {PIXEL_TYPES.get(image.pixel_type.lower()) for image in images}
    known = next(iter(stated)) if len(stated) == 1 else None
    return known or "uint16"


def shared(values: Iterable[float | None]) -> float | None:
    """Give the value that all images state that state one; None when they differ."""
    known = {value for value in values if value is not None}
    return next(iter(known)) if len(known) == 1 else None
