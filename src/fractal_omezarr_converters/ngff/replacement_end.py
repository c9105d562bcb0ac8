"""The end of the replacement of a plate: the new documents, and the removal of what the old ones listed beyond them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from fractal_omezarr_converters.ngff import completion
from fractal_omezarr_converters.ngff.groups import join, replace_group
from fractal_omezarr_converters.ngff.plate_conditions import CONDITION_TABLE, write_plate_conditions
from fractal_omezarr_converters.ngff.plate_lock import plate_lock
from fractal_omezarr_converters.ngff.plates import put_documents
from fractal_omezarr_converters.ngff.removal import (
    remove_documents,
    remove_empty_folders,
    remove_image,
    remove_table,
    remove_unfinished_documents,
)
from fractal_omezarr_converters.ngff.replacement import (
    LINK,
    End,
    Replacement,
    discard,
    going_on,
    read_end,
    write_header,
)
from fractal_omezarr_converters.ngff.staging import recover
from fractal_omezarr_converters.ngff.staging_owner import OWNER_FILE
from fractal_omezarr_converters.ngff.stores import Store
from fractal_omezarr_converters.ngff.versions import OWN_KEY

READERS = 16


def end_replacement(store: Store, plate_path: str) -> list[str] | None:
    """Carry the replacement of a plate through if all its images are complete.

    Returns:
        Files that stay in the folders of removed wells and images because nothing says that they belong to the plate; None when
        there was nothing to end or an image is not complete.

    Raises:
        ConvertersToolsUserError: another run has held the lock of the plate for long.
    """
    with plate_lock(store, plate_path):
        found = going_on(store, plate_path)
        end = read_end(store, plate_path, found) if found is not None else None
        if found is None or end is None:
            return None
        if not found.decided:
            if not _all_complete(store, plate_path, end):
                return None
            found = replace(found, decided=True)
            write_header(store, plate_path, found)
        put_documents(store, plate_path, _linked(end, found), end.version, replace=True)
        _write_tables(store, plate_path, end)
        left = _remove(store, plate_path, end)
        put_documents(store, plate_path, {"": end.documents[""]}, end.version, replace=True)
        discard(store, plate_path)
        return left


def _all_complete(store: Store, plate_path: str, end: End) -> bool:
    with ThreadPoolExecutor(READERS) as pool:
        return all(pool.map(lambda image: completion.is_complete(store, join(plate_path, image)), end.images))


def _linked(end: End, found: Replacement) -> dict[str, dict[str, Any] | None]:
    """The new documents; the plate still says that something is to be removed."""
    plate = dict(end.documents[""] or {})
    plate[OWN_KEY] = {**plate.get(OWN_KEY, {}), LINK: found.run}
    return {**end.documents, "": plate}


def _write_tables(store: Store, plate_path: str, end: End) -> None:
    """Write the conditions and list no other table of the plate."""
    if any(end.conditions.values()):
        backend: Any = end.backend
        write_plate_conditions(store, plate_path, end.conditions, (), backend=backend, version=end.version)
        replace_group(store, join(plate_path, "tables"), end.version, {"tables": [CONDITION_TABLE]})
    else:
        remove_documents(store, join(plate_path, "tables"))


def _remove(store: Store, plate_path: str, end: End) -> list[str]:
    """Remove images, then wells and rows, then tables; give what is left in their folders."""
    plate = store.child(plate_path)
    for image in end.images_to_remove:
        recover(plate, image)
        begun = plate.get(join(image, OWNER_FILE)) is not None
        remove_image(plate, image, begun=begun and completion.read(plate, image) is None)
        plate.delete(join(image, OWNER_FILE))
    for group in end.groups_to_remove:
        remove_documents(plate, group)
        remove_empty_folders(plate, group)
    made = {CONDITION_TABLE} if any(end.conditions.values()) else set()
    for table in set(end.tables_to_remove) - made:
        remove_table(plate, join("tables", table))
    remove_empty_folders(plate, "tables")
    for group in end.documents:
        remove_unfinished_documents(plate, group)
    removed = [*(path for path in end.groups_to_remove if "/" in path), *end.images_to_remove]
    left = {key for path in removed for key in plate.list(path)}
    return sorted(left)
