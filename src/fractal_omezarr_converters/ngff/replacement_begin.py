"""The begin of the replacement of a plate: note what is to become of it, and list what the run makes beside what is there."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.ngff.groups import join, update_attributes
from fractal_omezarr_converters.ngff.plate_contents import plate_listing
from fractal_omezarr_converters.ngff.plates import PlateContent, plate_documents, write_plate
from fractal_omezarr_converters.ngff.replacement import (
    BESIDE,
    LINK,
    End,
    Replacement,
    folder_of,
    going_on,
    group_of,
    read_end,
    write_header,
)
from fractal_omezarr_converters.ngff.stores import Store
from fractal_omezarr_converters.ngff.versions import OWN_KEY


def begin_replacement(
    store: Store,
    plate_path: str,
    content: PlateContent,
    version: str,
    *,
    run: str,
    earlier_runs: Sequence[str] = (),
    conditions: Mapping[str, list[Any]],
    backend: str,
    merge: bool,
) -> Replacement:
    """Note what is to become of a plate that exists, and list what the run makes beside what is there.

    Args:
        store: Where the plate lies; its lock is held.
        plate_path: Path of the plate in the store.
        content: What the run makes: all that the plate will hold.
        version: OME-Zarr version of the new plate.
        run: Name of the run.
        earlier_runs: Runs that did not finish and are gone on with; their images count as done.
        conditions: Condition table of the new plate, empty for none.
        backend: How that table is stored.
        merge: Whether old and new images may be listed together meanwhile.

    Raises:
        ConvertersToolsUserError: two images share a path, or a name cannot be used; nothing is written then.
    """
    documents = plate_documents(store, plate_path, content, version)
    earlier = going_on(store, plate_path)
    images = tuple(f"{image.well_path}/{image.path}" for image in content.images)
    end = End(
        version=version,
        images=images,
        documents=documents,
        conditions=conditions,
        backend=backend,
        **_to_remove(store, plate_path, documents, images, earlier),
    )
    members = _by_group(end.images)
    runs = dict.fromkeys((run, *earlier_runs, *(earlier.runs if earlier is not None else ())))
    found = Replacement(run=run, runs=tuple(runs), groups=tuple(sorted(members)))
    folder = folder_of(plate_path)
    for group, inside in members.items():
        store.put(join(folder, f"members-{run}", f"{group}.json"), json.dumps({"images": inside}).encode())
    store.put(join(folder, f"end-{run}.json"), json.dumps(asdict(end)).encode())
    write_header(store, plate_path, found)
    found = replace(found, merged=merge and _merge(store, plate_path, content, version, run))
    if found.merged:
        write_header(store, plate_path, found)
    else:
        update_attributes(store, plate_path, {OWN_KEY: {LINK: run}})
    for old in earlier.runs if earlier is not None else ():
        _forget(store, folder, old)
    return found


def _to_remove(
    store: Store,
    plate_path: str,
    documents: Mapping[str, dict[str, Any] | None],
    images: Sequence[str],
    earlier: Replacement | None,
) -> dict[str, tuple[str, ...]]:
    """Everything that the plate lists, or an earlier run was making, and that this run does not make."""
    listed = plate_listing(store, plate_path)
    before = read_end(store, plate_path, earlier) if earlier is not None else None
    old = {*listed.images, *((*before.images, *before.images_to_remove) if before is not None else ())}
    wells = {*listed.wells, *(path.rpartition("/")[0] for path in old)}
    groups = {*wells, *(well.split("/")[0] for well in wells)} - documents.keys()
    return {
        "images_to_remove": tuple(sorted(old - set(images))),
        "groups_to_remove": tuple(sorted(groups, key=lambda path: (-path.count("/"), path))),
        "tables_to_remove": listed.tables,
    }


def _merge(store: Store, plate_path: str, content: PlateContent, version: str, run: str) -> bool:
    """List the new images beside the old ones where that is possible: not with another version or spelling of wells."""
    own = {**content.own, LINK: run, BESIDE: run}
    try:
        write_plate(store, plate_path, replace(content, own=own), version, "extend")
    except (
        ConvertersToolsUserError,
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
    ):  # also documents that are no plate's
        return False
    return True


def _forget(store: Store, folder: str, run: str) -> None:
    for name in (f"members-{run}", f"done-{run}", f"full-{run}", f"end-{run}.json"):
        store.delete(join(folder, name))


def _by_group(images: Iterable[str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for image in images:
        groups[group_of(image)].append(image)
    return groups
