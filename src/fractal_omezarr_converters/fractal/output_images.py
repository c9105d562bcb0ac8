"""Find the images below a place of output: an image, a plate, a well, or a folder with any of them."""

from __future__ import annotations

from fractal_omezarr_converters.ngff.groups import read_group
from fractal_omezarr_converters.ngff.stores import Store, open_store

DEEPEST_FOLDER = 6


def images_below(url: str) -> tuple[list[str], list[str]]:
    """URLs of the images below a place, and one sentence per image that a well lists but that is not there."""
    store = open_store(url)
    images: list[str] = []
    missing: list[str] = []
    _collect(store, "", images, missing, 0)
    return [f"{store.url}/{path}" if path else store.url for path in images], missing


def _collect(store: Store, path: str, images: list[str], missing: list[str], depth: int) -> None:
    group = read_group(store, path)
    if group is None:
        if depth < DEEPEST_FOLDER:
            for name in store.folders(path):
                if not name.startswith((".", "_")):
                    _collect(store, f"{path}/{name}" if path else name, images, missing, depth + 1)
    elif "multiscales" in group.ome:
        images.append(path)
    elif "plate" in group.ome:
        for well in group.ome["plate"].get("wells", []):
            _collect_well(store, f"{path}/{well['path']}" if path else well["path"], images, missing)
    elif "well" in group.ome:
        _collect_well(store, path, images, missing)


def _collect_well(store: Store, path: str, images: list[str], missing: list[str]) -> None:
    group = read_group(store, path)
    if group is None:
        missing.append(f"The well {path} is listed in its plate but is not there: run the conversion again.")
        return
    for entry in group.ome.get("well", {}).get("images", []):
        place = f"{path}/{entry['path']}" if path else entry["path"]
        found = read_group(store, place)
        if found is None or "multiscales" not in found.ome:
            missing.append(f"The image {place} is listed in its well but is not there: run the conversion again.")
        else:
            images.append(place)
