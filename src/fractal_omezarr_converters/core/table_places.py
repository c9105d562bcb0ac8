"""Where the images of a tile table go: wells of plates, or images of their own; one collection object per image."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fractal_omezarr_converters.core.coded_cells import CodedCells, combined
from fractal_omezarr_converters.core.frames import Frame
from fractal_omezarr_converters.core.table_wells import well_of_rows
from fractal_omezarr_converters.models.collections import CollectionInterface, ImageInPlate, SingleImage
from fractal_omezarr_converters.models.well_names import safe_plate_name

if TYPE_CHECKING:
    import numpy.typing as npt

DEFAULT_PLATE_NAME = "Plate"


class Places(NamedTuple):
    """The images of a table, and for every row the number of its image and of its group.

    A group shares a list of channels: one acquisition of one plate, or all images of their own.
    """

    collections: list[CollectionInterface]
    image: npt.NDArray[np.int32]
    group: npt.NDArray[np.int32]


def distinct[K: Hashable](keys: Sequence[K]) -> tuple[list[K], npt.NDArray[np.int32]]:
    """Give the distinct keys in order of appearance and the number of each row's key among them."""
    known: dict[K, int] = {}
    index = np.array([known.setdefault(key, len(known)) for key in keys], dtype=np.int32)
    return list(known), index


def places_in_plates(frame: Frame, plate_name: str | None, acquisition: int) -> Places:
    """Give the well, plate and acquisition of every row; wrong cells are recorded in the frame."""
    number = len(frame)
    wells = well_of_rows(frame)
    plates = CodedCells.constant(plate_name or DEFAULT_PLATE_NAME, number)
    if "plate_name" in frame:
        plates = frame.needed_coded_text("plate_name")
    acquisitions = CodedCells.constant(acquisition, number)
    if "acquisition" in frame:
        acquisitions = CodedCells.of_integers(frame.integers("acquisition", at_least=0, needed=True, empty=0))
    images = combined([plates, wells, acquisitions])
    keys, image, group = images.values, images.codes, combined([plates, acquisitions]).codes
    names = {plate: _safe_name(frame, plate) for plate in plates.values}
    _refuse_one_name_for_two(frame, "plate_name", names)
    if frame.problems:
        return Places([], image, group)
    collections: list[CollectionInterface] = [
        ImageInPlate(plate_name=names[plate], row=row, column=column, acquisition=which)
        for plate, (row, column), which in keys
    ]
    return Places(collections, image, group)


def places_of_images(frame: Frame, image_name: str | None) -> Places:
    """Give the image of every row by its ``image_path``; wrong cells are recorded in the frame."""
    if "image_path" in frame:
        paths = frame.needed_coded_text("image_path")
    elif image_name:
        paths = CodedCells.constant(image_name, len(frame))
    else:
        frame.problems.append(
            f"{frame.name} has no column 'image_path' (images of their own), 'row' and 'column' or 'well' (plates);"
            " add one, so that tiles find their image."
        )
        return Places([], np.zeros(len(frame), np.int32), np.zeros(len(frame), np.int32))
    named = paths.mapped(lambda path: path.removesuffix(".zarr"))
    keys, image = named.values, named.codes
    collections: list[CollectionInterface] = []
    for number, key in enumerate(keys):
        try:
            collections.append(SingleImage(image_path=key))
        except ValueError as error:
            rows = np.flatnonzero(image == number).tolist()
            if key:
                frame.wrong("image_path", rows, f"is not a name for an image ({_first_message(error)})")
    _refuse_one_name_for_two(frame, "image_path", {key: each.path() for key, each in zip(keys, collections)})
    return Places(collections, image, np.zeros(len(frame), np.int32))


def _refuse_one_name_for_two(frame: Frame, column: str, names: Mapping[str, str]) -> None:
    """Record different cells that would become one name, because characters that paths cannot have are replaced."""
    takers: dict[str, list[str]] = {}
    for given, name in names.items():
        if given:
            takers.setdefault(name, []).append(given)
    frame.problems.extend(
        f"{frame.name}, column '{column}': {' and '.join(map(repr, given))} would both be written as '{name}';"
        " rename one."
        for name, given in takers.items()
        if len(given) > 1
    )


def _safe_name(frame: Frame, plate: str) -> str:
    if not plate:
        return DEFAULT_PLATE_NAME
    try:
        name, warning = safe_plate_name(plate)
    except ValueError as error:
        frame.problems.append(f"{frame.name}: {error}")
        return DEFAULT_PLATE_NAME
    if warning:
        frame.notes.append(warning)
    return name


def _first_message(error: ValueError) -> str:
    errors = getattr(error, "errors", None)
    return str(errors()[0]["msg"]) if errors else str(error)
