"""Numbers of fields in a well: tied to acquisition and name of the field of view, so that Extend never renumbers.

Image paths in a well may hold only letters and digits (OME-NGFF 0.4, 0.5), and browser tools look for a field called ``0``.
The names are kept in the well's attributes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from fractal_omezarr_converters.ngff.groups import join, read_group
from fractal_omezarr_converters.ngff.stores import Store

# Key of the numbering among this package's own attributes of a well.
FIELDS = "fields"


class FieldOfView(NamedTuple):
    """A field of view of a well, told apart by acquisition and name."""

    acquisition: int
    fov_name: str


def read_fields(store: Store, well_path: str) -> dict[FieldOfView, str]:
    """Read which field of view has which path in an existing well; empty when there is no well or no numbering."""
    group = read_group(store, well_path)
    if group is None:
        return {}
    fields = group.own.get(FIELDS)
    found = {}
    for path, entry in (fields or {}).items() if isinstance(fields, dict) else ():
        if isinstance(entry, dict) and "fov" in entry:
            found[FieldOfView(int(entry.get("acquisition", 0)), str(entry["fov"]))] = str(path)
    return found


def taken_paths(store: Store, well_path: str) -> set[str]:
    """Return the paths of all images that a well lists, of whatever origin."""
    group = read_group(store, well_path)
    images = group.ome.get("well", {}).get("images", []) if group is not None else []
    return {str(image.get("path")) for image in images}


def number_fields(
    fields: Iterable[FieldOfView], existing: dict[FieldOfView, str] | None = None, taken: Iterable[str] = ()
) -> dict[FieldOfView, str]:
    """Give every field of view a path ``0``, ``1``, ... in the order of acquisition and appearance.

    Args:
        fields: Fields of view of one well, in the order of the acquisition.
        existing: Numbers of an earlier run; they stay.
        taken: Paths of images of other origin, which are passed over.
    """
    numbers = dict(existing or {})
    occupied = set(numbers.values()) | set(taken)
    following = 0
    for one in sorted(dict.fromkeys(fields), key=lambda item: item.acquisition):
        if one in numbers:
            continue
        while str(following) in occupied:
            following += 1
        numbers[one] = str(following)
        occupied.add(str(following))
    return numbers


def number_plate_fields(
    store: Store, plate_path: str, fields_of_well: dict[str, list[FieldOfView]]
) -> dict[str, dict[FieldOfView, str]]:
    """Number the fields of all wells (by path in the plate, ``A/01``), keeping what an existing plate says."""
    numbers = {}
    for well, fields in fields_of_well.items():
        path = join(plate_path, well)
        numbers[well] = number_fields(fields, read_fields(store, path), taken_paths(store, path))
    return numbers
