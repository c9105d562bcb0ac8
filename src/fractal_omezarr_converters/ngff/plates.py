"""Plates and wells: build their documents, merge them on Extend without losing anything, write them atomically.

Source: OME-NGFF 0.4 to 0.6 sections "plate" and "well". Only the first step of a conversion writes these documents.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from fractal_omezarr_converters.errors import ConvertersToolsOutputExistsError, ConvertersToolsUserError
from fractal_omezarr_converters.ngff.field_numbers import FIELDS
from fractal_omezarr_converters.ngff.groups import (
    Group,
    ensure_group,
    join,
    merged,
    read_group,
    replace_group,
    write_group,
)
from fractal_omezarr_converters.ngff.plate_grid import (
    PLATE_SIZE,
    PlateGrid,
    check_name,
    column_label,
    merged_names,
    plate_grid,
    row_number,
)
from fractal_omezarr_converters.ngff.plate_lock import plate_lock
from fractal_omezarr_converters.ngff.removal import remove_unfinished_documents
from fractal_omezarr_converters.ngff.stores import Store
from fractal_omezarr_converters.ngff.versions import OWN_KEY, with_ome_content, written_version

WriteMode = Literal["create", "extend", "replace"]
Json = dict[str, Any]


@dataclass(frozen=True)
class WellImage:
    """One image of a well: where it lies and which field of view of which acquisition it shows."""

    row: str
    column: int
    path: str
    acquisition: int = 0
    fov_name: str | None = None

    @property
    def well_path(self) -> str:
        """Path of the well in the plate, ``A/01``."""
        return f"{self.row}/{column_label(self.column)}"


@dataclass(frozen=True)
class Acquisition:
    """What is known of one acquisition; times are seconds since 1970-01-01 UTC."""

    id: int
    name: str | None = None
    description: str | None = None
    start_time: int | None = None
    end_time: int | None = None

    def to_json(self) -> Json:
        """State the acquisition as a plate document does, unknown things left out."""
        stated = {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "starttime": self.start_time,
            "endtime": self.end_time,
        }
        return {key: value for key, value in stated.items() if value is not None}


@dataclass(frozen=True)
class PlateContent:
    """One plate as a run makes it: its images, acquisitions and, when known, its physical size."""

    name: str
    images: Sequence[WellImage]
    acquisitions: Sequence[Acquisition] = ()
    rows: int | None = None
    columns: int | None = None
    own: Mapping[str, Any] = field(default_factory=dict)


def write_plate(store: Store, plate_path: str, content: PlateContent, version: str, mode: WriteMode = "create") -> Json:
    """Write the documents of a plate, its rows and its wells; return the ``plate`` object.

    Children are written before parents, unchanged documents are left alone, and a plate that is being written by another
    run is waited for. With ``extend`` everything that is in the plate stays: rows, columns, wells, images, acquisitions and
    attributes of other programs.

    Args:
        store: Where the plate lies.
        plate_path: Path of the plate in the store, such as ``Plate.zarr``.
        content: What this run adds.
        version: OME-Zarr version.
        mode: ``create`` refuses an existing plate, ``extend`` merges with it, ``replace`` states only what this run makes.

    Raises:
        ConvertersToolsOutputExistsError: the plate exists and the mode is ``create``.
        ConvertersToolsUserError: the existing plate has another OME-Zarr version, or two images share a path.
    """
    version = written_version(version)
    _check_content(content)
    with plate_lock(store, plate_path):
        existing = read_group(store, plate_path)
        if existing is not None and mode == "create":
            raise ConvertersToolsOutputExistsError(
                f"Plate '{plate_path}' exists in {store.url}; choose 'Extend' to add to it or 'Overwrite' to replace it."
            )
        old = existing if existing is not None and mode == "extend" else None
        if old is not None:
            check_version(old, version, f"Plate '{plate_path}'")
        documents = _documents(store, plate_path, content, version, old, keep=mode == "extend")
        begun = store.exists(plate_path)
        put_documents(store, plate_path, documents, version, replace=mode == "replace")
        for group in documents if begun else ():
            remove_unfinished_documents(store, join(plate_path, group))
    attributes = documents[""] or {}
    plate: Json = (attributes if version == "0.4" else attributes["ome"])["plate"]
    return plate


def plate_documents(store: Store, plate_path: str, content: PlateContent, version: str) -> dict[str, Json | None]:
    """Attributes of all groups of a plate that holds only what this run makes, by path in the plate, children first.

    None is a group without attributes (a row); the plate itself has the path ``""``. Nothing is written.

    Raises:
        ConvertersToolsUserError: two images share a path, or a name cannot be used.
    """
    version = written_version(version)
    _check_content(content)
    return _documents(store, plate_path, content, version, None, keep=False)


def put_documents(
    store: Store, plate_path: str, documents: Mapping[str, Json | None], version: str, *, replace: bool
) -> None:
    """Write the documents of a plate in their order; with ``replace`` those of another Zarr format go."""
    write = replace_group if replace else write_group
    for path, attributes in documents.items():
        if attributes is None and not replace:
            ensure_group(store, join(plate_path, path), version)
        else:
            write(store, join(plate_path, path), version, attributes)


def _documents(
    store: Store, plate_path: str, content: PlateContent, version: str, old: Group | None, *, keep: bool
) -> dict[str, Json | None]:
    wells = _merge_wells(store, plate_path, content, version, keep=keep)
    rows = sorted({path.split("/")[0] for path in wells})
    plate = _plate_attributes((store, plate_path), content, version, old, wells)
    return {**wells, **dict.fromkeys(rows), "": plate}


def check_version(group: Group, version: str, what: str) -> None:
    """Refuse to mix versions of OME-Zarr in one hierarchy.

    Raises:
        ConvertersToolsUserError: the group states another version, or is no plate at all.
    """
    if "plate" not in group.ome and "well" not in group.ome:
        raise ConvertersToolsUserError(f"{what} exists but is no plate; choose another output folder or plate name.")
    if group.version != version:
        raise ConvertersToolsUserError(
            f"{what} is OME-Zarr {group.version}, this run would write {version}; one plate has one version: "
            f"set the OME-Zarr version to {group.version} or choose another output folder."
        )


def _check_content(content: PlateContent) -> None:
    paths = Counter((image.well_path, image.path) for image in content.images)
    twice = [f"{well}/{path}" for (well, path), number in paths.items() if number > 1]
    if twice:
        raise ConvertersToolsUserError(
            f"Plate '{content.name}' has several images at {', '.join(sorted(twice)[:5])}; every image needs its own path."
        )
    if not content.images:
        raise ConvertersToolsUserError(
            f"Plate '{content.name}' has no image; check the acquisition folder and filters."
        )
    for image in content.images:
        check_name(image.row, "row")
        check_name(image.path, "image")
        if row_number(image.row) is None or image.column < 1:
            raise ConvertersToolsUserError(
                f"Plate '{content.name}' has a well in row '{image.row}', column {image.column}; "
                "rows are letters from A on, columns numbers from 1 on."
            )


def _merge_wells(store: Store, plate_path: str, content: PlateContent, version: str, *, keep: bool) -> dict[str, Json]:
    """Return the attributes of every well with images of this run, merged with what is there."""
    by_well: dict[str, list[WellImage]] = defaultdict(list)
    for image in content.images:
        by_well[image.well_path].append(image)
    wells: dict[str, Json] = {}
    for path, images in sorted(by_well.items()):
        old = read_group(store, join(plate_path, path)) if keep else None
        if old is not None and "well" in old.ome:
            check_version(old, version, f"Well '{plate_path}/{path}'")
        wells[path] = _well_attributes(version, images, old)
    return wells


def _well_attributes(version: str, images: Sequence[WellImage], old: Group | None) -> Json:
    before = old.ome.get("well", {}) if old is not None else {}
    entries: dict[str, Json] = {entry["path"]: dict(entry) for entry in before.get("images", [])}
    for image in images:
        entries[image.path] = {**entries.get(image.path, {}), "path": image.path, "acquisition": image.acquisition}
    well = {**before, **({} if version == "0.6" else {"version": version})}
    well["images"] = sorted(entries.values(), key=lambda entry: _natural(entry["path"]))
    named = {
        image.path: {"acquisition": image.acquisition, "fov": image.fov_name}
        for image in images
        if image.fov_name is not None
    }
    own = merged(old.own if old is not None else {}, {FIELDS: named} if named else {})
    return _attributes(version, "well", well, old, own)


def _plate_attributes(
    at: tuple[Store, str], content: PlateContent, version: str, old: Group | None, wells: Mapping[str, Json]
) -> Json:
    before: Json = dict(old.ome["plate"]) if old is not None else {}
    grid = _merged_grid(content, before)
    entries = {entry["path"]: dict(entry) for entry in before.get("wells", [])}
    for path in wells:
        entries[path] = {**entries.get(path, {}), "path": path}
    for path, entry in entries.items():
        row, column = path.split("/")
        entry["rowIndex"], entry["columnIndex"] = grid.rows.index(row), grid.columns.index(column)
    plate: Json = {**before, **({} if version == "0.6" else {"version": version})}
    plate["name"] = before.get("name") or content.name.removesuffix(".zarr")
    old_rows, old_columns = _named(before.get("rows")), _named(before.get("columns"))
    plate["rows"] = [old_rows.get(name, {"name": name}) for name in grid.rows]
    plate["columns"] = [old_columns.get(name, {"name": name}) for name in grid.columns]
    plate["wells"] = sorted(entries.values(), key=lambda entry: (entry["rowIndex"], entry["columnIndex"]))
    counts, most = _field_counts(*at, plate["wells"], wells)
    plate["acquisitions"] = _merged_acquisitions(content, before, counts)
    plate["field_count"] = max(most, 1)
    own = merged(old.own if old is not None else {}, dict(content.own))
    if own:
        own[PLATE_SIZE] = {kind: len(plate[kind]) for kind in ("rows", "columns")}
    return _attributes(version, "plate", plate, old, own)


def _merged_grid(content: PlateContent, before: Mapping[str, Any]) -> PlateGrid:
    rows = {row_number(image.row) or 1 for image in content.images}
    columns = {image.column for image in content.images}
    size = (content.rows, content.columns) if content.rows and content.columns else None
    grid = plate_grid(rows, columns, size, plate=content.name)
    if not before:
        return grid
    merged_rows = merged_names(
        list(_named(before.get("rows"))),
        grid.rows,
        what="row",
        plate=content.name,
        used={image.row for image in content.images},
    )
    merged_columns = merged_names(
        list(_named(before.get("columns"))),
        grid.columns,
        what="column",
        plate=content.name,
        used={column_label(image.column) for image in content.images},
    )
    return PlateGrid(tuple(merged_rows), tuple(merged_columns))


def _merged_acquisitions(content: PlateContent, before: Mapping[str, Any], counts: Mapping[int, int]) -> list[Json]:
    """Merge acquisitions by id: names of earlier runs stay unless this run knows them, times reach from first to last."""
    entries: dict[int, Json] = {entry["id"]: dict(entry) for entry in before.get("acquisitions", [])}
    for stated in content.acquisitions:
        entry, known = entries.setdefault(stated.id, {}), stated.to_json()
        for key, outer in (("starttime", min), ("endtime", max)):
            if key in entry and key in known:
                known[key] = outer(entry[key], known[key])
        entry |= known
    for number in {image.acquisition for image in content.images} | counts.keys():
        entries.setdefault(number, {"id": number})
    for number, entry in entries.items():
        entry.setdefault("name", f"acquisition {number}")
        if counts.get(number):
            entry["maximumfieldcount"] = counts[number]
    return [entries[number] for number in sorted(entries)]


def _field_counts(
    store: Store, plate_path: str, entries: Sequence[Mapping[str, Any]], wells: Mapping[str, Json]
) -> tuple[dict[int, int], int]:
    """Count fields of every well: the most per acquisition, and the most of a well."""
    most_of: dict[int, int] = {}
    most = 0
    for entry in entries:
        if entry["path"] in wells:
            attributes = wells[entry["path"]]
            well = attributes.get("ome", attributes).get("well", {})
        else:
            group = read_group(store, join(plate_path, entry["path"]))
            well = group.ome.get("well", {}) if group is not None else {}
        images = well.get("images", [])
        most = max(most, len(images))
        for number, fields in Counter(image.get("acquisition", 0) for image in images).items():
            most_of[number] = max(most_of.get(number, 0), fields)
    return most_of, most


def _attributes(version: str, key: str, content: Json, old: Group | None, own: Mapping[str, Any]) -> Json:
    """Put a plate or well object among the attributes that the group has already."""
    if version == "0.6":
        content.pop("version", None)
    ome = {**(old.ome if old is not None else {}), key: content}
    beside = {} if old is None or version == "0.4" else {k: v for k, v in old.attributes.items() if k != "ome"}
    return with_ome_content(version, ome, {**beside, **({OWN_KEY: dict(own)} if own else {})})


def _named(entries: Any) -> dict[str, Json]:
    return {entry["name"]: dict(entry) for entry in entries or []}


def _natural(path: str) -> tuple[int, int, str]:
    return (0, int(path), path) if path.isascii() and path.isdecimal() else (1, 0, path)
