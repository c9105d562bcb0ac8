"""Planes of an ImageXpress HCS.ai acquisition from the rows of its tables of images.

Positions are stated from the corner of the plate, offsets from the centre of the well. Fields of one acquisition are placed
by the one or by the other, since they are millimetres apart.
"""

from __future__ import annotations

from contextlib import nullcontext, suppress
from typing import NamedTuple

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.imagexpress_jdce import ImageTable, Protocol
from fractal_omezarr_converters.formats.plane_records import Frame, PlaneRecord
from fractal_omezarr_converters.models.well_names import place_of_label

MAX_ROW, MAX_COLUMN, MAX_SIZE = 32, 48, 1_000_000


class PlaneRows:
    """Planes from rows; keeps sizes, first position of every field, names of filters and wells with two names."""

    def __init__(self, protocol: Protocol) -> None:
        """Begin with no row."""
        self.pixel_size = protocol.pixel_size
        self.frames: dict[Frame, int] = {}
        self.filters: dict[int, str] = {}
        self.exposures: dict[int, float] = {}
        self.relabelled = 0
        self._places: dict[tuple[int, int, int], _Places] = {}

    def plane(self, row: ImageTable) -> PlaneRecord:
        """Give one plane, without its place: that of its field is known when all rows are read."""
        well = self._well(row)
        field, wave = row.integer("Field"), row.integer("Wavelength")
        if wave not in self.filters:
            self.filters[wave] = row.text("ExcitationEmissionFilter")
            exposure = row.number("ExposureTimeMs", least=0, most=1e9)
            if exposure is not None:
                self.exposures[wave] = exposure
        place = self._places.get((*well, field + 1))
        if place is None:
            place = self._places[*well, field + 1] = _places(row)
        sizes = [row.number(f"ImageSize{axis}Px", least=1, most=MAX_SIZE) for axis in "XY"]
        width, height = (int(size) if size is not None else None for size in sizes)
        frame = Frame(width, height, *self.pixel_size)
        folder, name = row.text("ImageSubFolderPath"), row.text("ImageFileName")
        return PlaneRecord(
            *well,
            field + 1,
            wave,
            row.integer("ZIndex") if row.text("ZIndex") else 0,
            row.integer("Timepoint") if row.text("Timepoint") else 0,
            (f"{folder}/{name}" if folder and name[0] not in "/\\" else name) if name else None,
            *(place.on_plate or place.in_well or (0.0, 0.0)),
            row.number("PositionZUm"),
            clock=row.number("TimeStampSec", least=0, most=1e11),
            frame=self.frames.setdefault(frame, len(self.frames)),
            line=row.line,
        )

    def _well(self, row: ImageTable) -> tuple[int, int]:
        """Row and column of the well, by its label where that is another one: files are named after it."""
        stated = row.integer("Row", least=1, most=MAX_ROW), row.integer("Column", least=1, most=MAX_COLUMN)
        label = place_of_label(row.text("Well"))
        if label is None or label == stated or not (label[0] <= MAX_ROW and 1 <= label[1] <= MAX_COLUMN):
            return stated
        self.relabelled += 1
        return label

    def placed(self, planes: list[PlaneRecord]) -> list[PlaneRecord]:
        """Give planes whose fields are all placed from the corner of the plate, or all from the centre of their well.

        Raises:
            ConvertersToolsUserError: some state the one, others only the other.
        """
        places = self._places
        without = next((each for each in places.values() if each.on_plate is None), None)
        if without is None or all(each.on_plate is None for each in places.values()):
            return planes
        if any(each.in_well is None for each in places.values()):
            raise ConvertersToolsUserError(
                f"{without.where}: PositionXUm, PositionYUm are empty, and not all other fields state FieldOffsetPointX, Y"
                " instead, so their places cannot be compared; export the acquisition again."
            )
        centres = {key: each.in_well or (0.0, 0.0) for key, each in places.items()}
        return [each._replace(x=x, y=y) for each in planes for x, y in [centres[each.row, each.column, each.field]]]


class _Places(NamedTuple):
    """Centre of a field (x, y) from the corner of the plate and from the centre of its well, y downwards."""

    on_plate: tuple[float, float] | None
    in_well: tuple[float, float] | None
    where: str


def _places(row: ImageTable) -> _Places:
    on_plate, in_well = _pair(row, "PositionXUm", "PositionYUm"), None
    # offsets count only where positions are missing: a wrong one is no reason to stop
    with suppress(ConvertersToolsUserError) if on_plate is not None else nullcontext():
        in_well = _pair(row, "FieldOffsetPointX", "FieldOffsetPointY")
    if on_plate is None and in_well is None:
        raise ConvertersToolsUserError(
            f"{row.path}, line {row.line}: PositionXUm, PositionYUm and FieldOffsetPointX, Y are empty, so the place of the"
            " field is not known; export the acquisition again."
        )
    return _Places(on_plate, in_well, f"{row.path}, line {row.line}")


def _pair(row: ImageTable, *names: str) -> tuple[float, float] | None:
    x, y = (row.number(name) for name in names)
    return (x, y) if x is not None and y is not None else None
