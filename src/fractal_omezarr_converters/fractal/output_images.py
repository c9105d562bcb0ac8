"""Find the images below a place of output: an image, a plate, a well, or a folder with any of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from fractal_omezarr_converters.errors import ConvertersToolsStoreError, ConvertersToolsUserError
from fractal_omezarr_converters.fractal.group_verification import entries_of, wrong_plate
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.ngff.groups import join, read_group, require_group
from fractal_omezarr_converters.ngff.stores import Store, open_store

DEEPEST_FOLDER = 6


def images_below(url: str) -> tuple[list[str], list[str]]:
    """URLs of the images below a place, and one sentence per document of a plate or well that does not say what is there."""
    store = open_store(url)
    images: list[str] = []
    missing: list[str] = []
    _collect(store, "", images, missing, 0)
    return [f"{store.url}/{path}" if path else store.url for path in images], missing


def wrong_place(url: str, made_for: object) -> list[str]:
    """One sentence when an image lies in another well, or is listed for another acquisition, than it was made for.

    An image that lies in no well may lie anywhere.
    """
    above, _, name = url.rpartition("/")
    well = read_group(open_store(above), "") if above else None
    if well is None or "well" not in well.ome or not isinstance(made_for, ImageInPlate):
        return []
    path = "/".join(above.split("/")[-2:])
    stated = [entry.get("acquisition", 0) for entry in entries_of(well, "well", "images") if entry["path"] == name]
    if path == made_for.well_path() and stated in ([], [made_for.acquisition]):
        return []
    return [
        f"It is the image of the well '{made_for.well_path()}', acquisition {made_for.acquisition}, but lies in the well "
        f"'{path}'{f', listed for acquisition {stated[0]}' if stated else ''}; move it back or convert the plate again."
    ]


def _collect(store: Store, path: str, images: list[str], missing: list[str], depth: int) -> None:
    with _told(missing):
        _collect_group(store, path, images, missing, depth)


@contextlib.contextmanager
def _told(missing: list[str]) -> Iterator[None]:
    """A document that is damaged is told and does not hide what is wrong elsewhere; that a store fails ends everything."""
    try:
        yield
    except ConvertersToolsStoreError:
        raise
    except ConvertersToolsUserError as error:
        missing.append(str(error))


def _collect_group(store: Store, path: str, images: list[str], missing: list[str], depth: int) -> None:
    group = read_group(store, path)
    if group is None:
        if depth < DEEPEST_FOLDER:
            for name in [*store.folders(path), *_links_to_groups(store, path)]:
                if not name.startswith((".", "_")):
                    _collect(store, join(path, name), images, missing, depth + 1)
    elif "multiscales" in group.ome:
        images.append(path)
    elif "plate" in group.ome:
        wells = [join(path, entry["path"]) for entry in entries_of(group, "plate", "wells")]
        found = []
        for well in wells:
            with _told(missing):
                found += [well] if _collect_well(store, well, images, missing) else []
        missing += wrong_plate(store, group, [require_group(store, well) for well in found])
    elif "well" in group.ome:
        _collect_well(store, path, images, missing)


def _links_to_groups(store: Store, path: str) -> list[str]:
    """Links to plates and images; links to other folders are not followed, they may lead in circles."""
    return [name for name in store.linked_folders(path) if read_group(store, join(path, name)) is not None]


def _collect_well(store: Store, path: str, images: list[str], missing: list[str]) -> bool:
    """Add the images of a well; False when it is not there."""
    group = read_group(store, path)
    if group is None:
        missing.append(f"The well {path} is listed in its plate but is not there: run the conversion again.")
        return False
    listed = [entry["path"] for entry in entries_of(group, "well", "images")]
    for name in listed:
        place = join(path, name)
        with _told(missing):
            found = read_group(store, place)
            if found is None or "multiscales" not in found.ome:
                missing.append(f"The image {place} is listed in its well but is not there: run the conversion again.")
            else:
                images.append(place)
    for name in store.folders(path):
        unlisted = None if name in listed or name.startswith((".", "_")) else read_group(store, join(path, name))
        if unlisted is not None and "multiscales" in unlisted.ome:
            missing.append(
                f"The image {join(path, name)} is there, but its well does not list it: run the conversion again."
            )
    return True
