"""Exchange an image on an object store, which cannot rename: the new one is written beside the old one and copied into its place.

The copies are made by the store itself. Until they begin the old image is untouched; while they go on, a file in its place says
that it is being written, and the completion mark comes last.
"""

from __future__ import annotations

import json
import time

from fractal_omezarr_converters.ngff import completion
from fractal_omezarr_converters.ngff.groups import join
from fractal_omezarr_converters.ngff.removal import DOCUMENTS, remove_image
from fractal_omezarr_converters.ngff.staging_owner import OWNER_FILE, Owner, writer_is_gone
from fractal_omezarr_converters.ngff.stores import RemoteStore, Store

LONGEST_WRITE = 7 * 24 * 3600.0
"""Seconds after which whoever was writing on another computer will not finish."""


def holds_image(store: Store, image_path: str) -> bool:
    """Whether an image is in the place, other than one that is only begun."""
    has_documents = any(store.get(join(image_path, name)) is not None for name in DOCUMENTS)
    return has_documents and store.get(join(image_path, OWNER_FILE)) is None


def exchange(root: RemoteStore, staged: str, image_path: str) -> None:
    """Put the image that was written at ``staged`` in the place of the old one; files of others there stay."""
    target = root.child(image_path)
    claim = Owner(target)
    completion.unmark(target)
    remove_image(target, "")
    keys = [key.removeprefix(f"{staged}/") for key in root.list(staged)]
    documents = [name for name in reversed(DOCUMENTS[:-1]) if name in keys] + [".zattrs"] * (".zattrs" in keys)
    pixels = [key for key in keys if key not in documents and key != OWNER_FILE]
    root.copy([(f"{staged}/{key}", f"{image_path}/{key}") for key in pixels])
    for name in documents:
        root.copy([(f"{staged}/{name}", f"{image_path}/{name}")])
    claim.release()
    root.delete(staged)


def remove_left_behind(root: RemoteStore, image_path: str, kind: str) -> None:
    """Remove what dead runs were writing beside an image."""
    folder, _, image = image_path.strip("/").rpartition("/")
    for name in root.folders(folder):
        token = name.removeprefix(f".{image}.{kind}-")
        if token == name:
            continue
        path = join(folder, name)
        if writer_is_gone(token) or _is_old(root.get(join(path, OWNER_FILE))):
            root.delete(path)


def _is_old(claim: bytes | None) -> bool:
    try:
        return time.time() - float(json.loads(claim or b"{}")["since"]) > LONGEST_WRITE
    except (ValueError, KeyError, TypeError):
        return False
