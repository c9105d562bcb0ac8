"""Check the documents of a plate, its rows and wells: that they say what a plate must, and name all that is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.ngff.groups import Group, join, read_group, read_json
from fractal_omezarr_converters.ngff.plate_grid import PLATE_SIZE, row_number
from fractal_omezarr_converters.ngff.stores import Store
from fractal_omezarr_converters.ngff.versions import is_written, zarr_format

RESTORE = "restore it or run the conversion again"


def wrong_group(store: Store, path: str, version: str) -> str | None:
    """Say what is wrong with the document that makes a folder a Zarr group of this OME-Zarr version.

    Raises:
        ConvertersToolsUserError: a document is no JSON object.
    """
    wanted: dict[str, Any] = {"zarr_format": zarr_format(version)}
    key = join(path, ".zgroup")
    if wanted["zarr_format"] == 3:
        key = join(path, "zarr.json")
        wanted["node_type"] = "group"
    else:
        read_json(store, join(path, ".zattrs"))  # refuses what is no JSON object
    document = read_json(store, key)
    if document is None:
        return f"The group '{path or '.'}' is none: '{key}' is missing; {RESTORE}."
    for name, value in wanted.items():
        found = document.get(name)
        if type(found) is not type(value) or found != value:
            return f"'{key}' states the {name} {found!r}, which must be {value!r}; {RESTORE}."
    attributes = document.get("attributes", {})
    return None if isinstance(attributes, Mapping) else f"'{key}' holds no attributes, but {attributes!r}; {RESTORE}."


def entries_of(group: Group, kind: str, key: str) -> list[Mapping[str, Any]]:
    """Give the wells of a plate, or the images of a well, each with a path.

    Raises:
        ConvertersToolsUserError: they are not listed as they must be.
    """
    described = group.ome.get(kind)
    listed = described.get(key) if isinstance(described, Mapping) else None
    entries = [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else None
    if not isinstance(listed, list) or entries is None or len(entries) != len(listed):
        raise ConvertersToolsUserError(f"The {kind} '{group.path or '.'}' does not list its {key}; {RESTORE}.")
    paths = Counter(each["path"] for each in entries if isinstance(each.get("path"), str) and each["path"].strip("/."))
    if paths.total() != len(entries):
        raise ConvertersToolsUserError(f"The {kind} '{group.path or '.'}' lists {key} without a path; {RESTORE}.")
    for path, count in paths.items():
        if count > 1:
            raise ConvertersToolsUserError(f"The {kind} '{group.path or '.'}' lists '{path}' {count} times; {RESTORE}.")
    return entries


def wrong_plate(store: Store, plate: Group, wells: list[Group]) -> list[str]:
    """One sentence per document of a plate, its rows and its wells that does not say what it must."""
    name, version = plate.path or ".", plate.version or ""
    if not is_written(version):
        return [
            f"The plate '{name}' states the OME-Zarr version '{version}', which is none that is written; {RESTORE}."
        ]
    paths = [str(entry["path"]) for entry in entries_of(plate, "plate", "wells")]
    folders = ["", *sorted({path.split("/")[0] for path in paths}), *paths]
    problems = [wrong_group(store, join(plate.path, folder), version) for folder in folders]
    problems += [f"The plate '{name}': {said}; {RESTORE}." for said in _wrong_entries(plate, version)]
    acquisitions = _acquisitions(plate)
    for well in wells:
        problems += [
            f"The well '{well.path}': {said}; {RESTORE}." for said in _wrong_well(store, well, version, acquisitions)
        ]
    # every folder is looked into: a well that is not listed may be the only one of its row
    for row in store.folders(plate.path):
        for column in store.folders(join(plate.path, row)):
            path = f"{row}/{column}"
            unknown = path not in paths and not path.startswith(".") and not column.startswith(".")
            there = read_group(store, join(plate.path, path)) if unknown else None
            if there is not None and "well" in there.ome:
                problems.append(f"The well '{path}' is there, but its plate '{name}' does not list it; {RESTORE}.")
    return [said for said in problems if said is not None]


def _wrong_entries(group: Group, version: str) -> list[str]:
    """What is wrong with rows, columns, wells and acquisitions of a plate."""
    problems, plate = _wrong_version(group, "plate", version), group.ome["plate"]
    names: dict[str, list[str]] = {}
    for kind in ("rows", "columns"):
        listed = plate.get(kind)
        found = [each.get("name") for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
        names[kind] = [each for each in found if isinstance(each, str)]
        if not isinstance(listed, list) or len(set(names[kind])) != len(listed) or not listed:
            problems.append(f"its {kind} are not named, each by a text of its own")
        elif _has_gap(names[kind]):
            problems.append(f"its {kind} {', '.join(names[kind])} do not follow each other")
        elif len(listed) < (size := _size(group, kind)):
            problems.append(f"it lists {len(listed)} of its {size} {kind}")
    for entry in plate["wells"]:
        row, _, column = entry["path"].partition("/")
        for kind, part, key in (("rows", row, "rowIndex"), ("columns", column, "columnIndex")):
            index = entry.get(key)
            if not _is_whole(index, 0) or names[kind][index : index + 1] != [part]:
                problems.append(f"the well '{entry['path']}' has the {key} {index!r}, where no '{part}' is")
    if not _is_whole(plate.get("field_count"), 1):
        problems.append(f"its field_count is {plate.get('field_count')!r}, not a number of fields")
    acquisitions = plate.get("acquisitions")
    for each in acquisitions if isinstance(acquisitions, list) else [None]:
        numbers = {key: each.get(key, 1) for key in ("id", "maximumfieldcount")} if isinstance(each, Mapping) else {}
        if len(numbers) != 2 or not _is_whole(numbers["id"], 0) or not _is_whole(numbers["maximumfieldcount"], 1):
            problems.append(f"{each!r} is no acquisition with a number")
    if isinstance(acquisitions, list) and len(_acquisitions(group)) < len(acquisitions):
        problems.append("its acquisitions do not have a number each")
    return problems


def _has_gap(names: Sequence[str]) -> bool:
    """Whether rows or columns lack some between others; those named in other ways than by letters or numbers are not judged."""
    numbers = [int(name) if name.isascii() and name.isdecimal() else row_number(name) for name in names]
    known = [number for number in numbers if number is not None]
    return len(known) == len(names) and known != list(range(known[0], known[0] + len(known)))


def _size(plate: Group, kind: str) -> int:
    """How many rows or columns the plate was made with; 0 when this package did not make it."""
    sizes = plate.own.get(PLATE_SIZE)
    size = sizes.get(kind) if isinstance(sizes, Mapping) else None
    return size if isinstance(size, int) else 0


def _acquisitions(plate: Group) -> set[int]:
    listed = plate.ome["plate"].get("acquisitions")
    known = [each.get("id") for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
    return {number for number in known if isinstance(number, int)}


def is_of_others(image: Group | None) -> bool:
    """Whether an image has nothing that this program writes into each of its own."""
    return image is not None and "multiscales" in image.ome and not image.own


def _wrong_well(store: Store, well: Group, version: str, acquisitions: set[int]) -> list[str]:
    problems = _wrong_version(well, "well", version)
    if well.version != version:
        problems.append(f"it is OME-Zarr {well.version}, its plate {version}")
    for image in entries_of(well, "well", "images"):
        number = image.get("acquisition")
        if number is None and is_of_others(read_group(store, join(well.path, str(image["path"])))):
            continue
        if not _is_whole(number, 0) or number not in acquisitions:
            problems.append(
                f"the image '{image['path']}' is of the acquisition {number!r}, which its plate does not list"
            )
    return problems


def _wrong_version(group: Group, kind: str, version: str) -> list[str]:
    """Up to 0.5 the description states the version, from 0.5 on what lies around it."""
    inside, around = group.ome[kind].get("version"), group.ome.get("version")
    stated = [inside] if version != "0.6" or inside is not None else []
    stated += [around] if group.zarr_format == 3 else []
    return [f"it states the version {each!r}, not {version!r}" for each in stated if each != version]


def _is_whole(number: Any, least: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= least
