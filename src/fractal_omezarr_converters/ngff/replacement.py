"""Replace a whole plate: the old one stays until every image of the new one is complete, then what is not made any more goes.

While images are written, a hidden folder beside the plate says what is to become of it:

    .Plate.zarr.replacing/
        run.json                     which run, and whether its end was reached; small, read by every job
        members-<run>/<group>.json   images of the run, in at most 128 groups
        end-<run>.json               documents and conditions of the new plate, and what is to be removed
        done-<run>/<group>/<image>   put when that image is complete
        full-<run>/<group>           put when all images of that group are

Init adds to the plate and takes nothing away. A job looks at its own group; only when that is full, at the groups. Whoever finds
them full checks all completion marks, notes that the end is reached, writes the new documents, and removes what the old ones
listed beyond them. From that note on, any later run carries it through. The plate names the run as well, so that the folder is
never used for another plate that took the place of this one.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsStoreError, ConvertersToolsUserError
from fractal_omezarr_converters.ngff.groups import join, read_json
from fractal_omezarr_converters.ngff.removal import readable_group, remove_empty_folders
from fractal_omezarr_converters.ngff.stores import Store

LINK = "replacing"
BESIDE = "replacing_beside"
"""The run of which the plate lists the images beside those that were there; in the plate's document, so written in one step."""
MADE_BY = "fractal-omezarr-converters"
HEADER = "run.json"
GROUPS = 128


@dataclass(frozen=True)
class Replacement:
    """A plate that is being replaced: the run that does it and the earlier ones that it goes on with."""

    run: str
    runs: tuple[str, ...]
    groups: tuple[str, ...]
    merged: bool = False
    """The plate lists old and new wells meanwhile; otherwise (another version or layout) its documents are the old ones."""
    decided: bool = False
    """All new images were found complete; what is to be removed may be gone in part."""


@dataclass(frozen=True)
class End:
    """How a plate is to be in the end, and what goes; all paths are relative to the plate."""

    version: str
    images: tuple[str, ...]
    documents: Mapping[str, dict[str, Any] | None]
    conditions: Mapping[str, list[Any]]
    backend: str
    images_to_remove: tuple[str, ...]
    groups_to_remove: tuple[str, ...]
    tables_to_remove: tuple[str, ...]


def folder_of(plate_path: str) -> str:
    """The hidden folder beside a plate."""
    parent, _, name = plate_path.strip("/").rpartition("/")
    return join(parent, f".{name}.replacing")


def read_replacement(store: Store, plate_path: str) -> Replacement | None:
    """What the folder beside a plate says; None when there is none or it is not ours."""
    try:
        stated = read_json(store, join(folder_of(plate_path), HEADER))
    except ConvertersToolsStoreError:
        raise
    except ConvertersToolsUserError:
        return None
    if stated is None or stated.get("made_by") != MADE_BY:
        return None
    try:
        return Replacement(
            run=str(stated["run"]),
            runs=tuple(stated["runs"]),
            groups=tuple(stated["groups"]),
            merged=bool(stated["merged"]),
            decided=bool(stated["decided"]),
        )
    except (KeyError, TypeError):
        return None


def going_on(store: Store, plate_path: str) -> Replacement | None:
    """The replacement of a plate that has not ended; None when the plate that is there now does not know of it.

    Whether old and new images are listed the plate itself knows first: a run may die before it notes so in the folder.
    """
    found = read_replacement(store, plate_path)
    group = readable_group(store, plate_path) if found is not None else None
    if found is None or group is None or group.own.get(LINK) not in found.runs:
        return None
    return replace(found, merged=found.merged or group.own.get(BESIDE) == group.own[LINK])


def read_end(store: Store, plate_path: str, found: Replacement) -> End | None:
    """What is to be done in the end; None when the folder was emptied."""
    stated = read_json(store, join(folder_of(plate_path), f"end-{found.run}.json"))
    try:
        return None if stated is None else End(**{**stated, **{key: tuple(stated[key]) for key in _TUPLES}})
    except (KeyError, TypeError):
        return None


_OURS = re.compile(rf"((members|done|full)-run-[^/]+/|end-run-[^/]+\.json|{re.escape(HEADER)}\.).*")
_TUPLES = ("images", "images_to_remove", "groups_to_remove", "tables_to_remove")


def write_header(store: Store, plate_path: str, found: Replacement) -> None:
    """Write the small document that every job reads, in one step."""
    store.put(join(folder_of(plate_path), HEADER), json.dumps({"made_by": MADE_BY, **asdict(found)}).encode())


def discard(store: Store, plate_path: str) -> None:
    """Remove the folder beside a plate; the plate is left as it is.

    A folder without its small document is one whose begin was interrupted: only files of our names are removed then.
    """
    folder = folder_of(plate_path)
    if read_replacement(store, plate_path) is not None:
        for name in store.folders(folder):
            store.delete(join(folder, name))
        store.delete(folder)
        return
    for key in list(store.list(folder)):
        if _OURS.fullmatch(key.removeprefix(f"{folder}/")):
            store.delete(key)
    remove_empty_folders(store, folder)


def note_image(store: Store, plate_path: str, image: str) -> bool:
    """Note that an image (``A/01/0``) is complete; True when it seems that all of the run are.

    Two requests for an image of a plate that is not being replaced, and a listing of two short folders at most.
    """
    found = read_replacement(store, plate_path)
    if found is None or found.decided:
        return False
    folder, group = folder_of(plate_path), group_of(image)
    if group not in found.groups or image not in _members(store, folder, found.run, group):
        return False
    store.put_chunk(join(folder, f"done-{found.run}", group, _file(image)), b"")
    return _is_full(store, folder, found.run, group) and _note_full(store, folder, found, group)


def is_all_noted(store: Store, plate_path: str, found: Replacement) -> bool:
    """Whether every image of the run was noted as complete, whoever saw it."""
    folder = folder_of(plate_path)
    return all(_is_full(store, folder, found.run, group) for group in found.groups)


def group_of(image: str) -> str:
    return f"{zlib.crc32(image.encode()) % GROUPS:03d}"


def _file(image: str) -> str:
    return image.replace("/", "-")


def _members(store: Store, folder: str, run: str, group: str) -> list[str]:
    stated = read_json(store, join(folder, f"members-{run}", f"{group}.json"))
    return list(stated["images"]) if stated is not None else []


def _is_full(store: Store, folder: str, run: str, group: str) -> bool:
    members = {_file(image) for image in _members(store, folder, run, group)}
    return bool(members) and members <= _names(store, join(folder, f"done-{run}", group))


def _note_full(store: Store, folder: str, found: Replacement, group: str) -> bool:
    store.put_chunk(join(folder, f"full-{found.run}", group), b"")
    return set(found.groups) <= _names(store, join(folder, f"full-{found.run}"))


def _names(store: Store, folder: str) -> set[str]:
    return {key.rpartition("/")[2] for key in store.list(folder)}
