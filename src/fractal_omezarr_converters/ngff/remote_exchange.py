"""Exchange an image on an object store, which cannot rename: the new one is written beside the old one and copied into its place.

The copies are made by the store itself. Until they begin the old image is untouched; while they go on, a file in its place says
that it is being written, and the completion mark comes last.
"""

from __future__ import annotations

import json
import time

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.ngff import completion
from fractal_omezarr_converters.ngff.groups import join
from fractal_omezarr_converters.ngff.remote_store import RemoteStore
from fractal_omezarr_converters.ngff.removal import DOCUMENTS, remove_image
from fractal_omezarr_converters.ngff.staging_owner import OWNER_FILE, Owner, writer_is_gone
from fractal_omezarr_converters.ngff.stores import Store

LISTING_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 0.0)
"""Seconds between listings."""
LONGEST_WRITE = 7 * 24 * 3600.0
"""Seconds after which whoever was writing on another computer will not finish."""


def holds_image(store: Store, image_path: str) -> bool:
    """Whether an image is in the place, other than one that is only begun.

    One that is marked complete is whole: whoever wrote it may have died before they gave it up.
    """
    has_documents = any(store.get(join(image_path, name)) is not None for name in DOCUMENTS)
    begun = store.get(join(image_path, OWNER_FILE)) is not None
    return has_documents and (not begun or completion.read(store, image_path) is not None)


def exchange(root: RemoteStore, staged: str, image_path: str) -> None:
    """Put the image that was written at ``staged`` in the place of the old one; files of others there stay."""
    keys = _all_keys(root, staged)
    target = root.child(image_path)
    claim = Owner(target, copied_from=staged.rpartition("/")[2])
    completion.unmark(target)
    remove_image(target, "")
    documents = [name for name in reversed(DOCUMENTS[:-1]) if name in keys] + [".zattrs"] * (".zattrs" in keys)
    pixels = [key for key in keys if key not in documents and key != OWNER_FILE]
    root.copy([(f"{staged}/{key}", f"{image_path}/{key}") for key in pixels])
    for name in documents:
        root.copy([(f"{staged}/{name}", f"{image_path}/{name}")])
    give_up_if_lost(claim, target)
    claim.release()
    root.delete(staged)


def give_up_if_lost(claim: Owner, image: Store) -> None:
    """Raise when another process has begun to write the same image in the same place, which may have removed chunks of ours.

    The mark is taken away again: the other process began before it saw the mark, or takes it away itself.
    """
    if claim.lost():
        completion.unmark(image)
        raise ConvertersToolsUserError(
            f"Another process has begun to write {image.url} while this one wrote it; that one goes on. If it does not "
            "finish, run the conversion again."
        )


def finish_exchange(root: RemoteStore, image_path: str) -> None:
    """Copy an image again that a dead run had written whole beside its place and was copying."""
    target = root.child(image_path)
    try:
        name = str(json.loads(target.get(OWNER_FILE) or b"{}").get("copied_from", ""))
    except (ValueError, AttributeError):
        return
    folder, _, image = image_path.rpartition("/")
    token, staged = name.removeprefix(f".{image}.writing-"), join(folder, name)
    if token == name or "/" in name or completion.read(target) is not None:
        return
    dead = writer_is_gone(token) or _is_old(root.get(join(staged, OWNER_FILE)))
    if dead and completion.read(root, staged) is not None:
        exchange(root, staged, image_path)


def _all_keys(root: RemoteStore, staged: str) -> list[str]:
    """Names of all objects of a whole image. A listing may come late: it is asked for again until all chunks are in it.

    Raises:
        ConvertersToolsUserError: chunks are missing, or there are more than were written.
    """
    mark = completion.read(root, staged)
    wanted = (
        {str(level["path"]): level["files"] for level in mark.levels if "files" in level} if mark is not None else {}
    )
    for pause in LISTING_PAUSES:
        keys = [key.removeprefix(f"{staged}/") for key in root.list(staged)]
        chunks = [key for key in keys if key.rpartition("/")[2] not in DOCUMENTS]
        found = {level: sum(key.startswith(f"{level}/") for key in chunks) for level in wanted}
        wrong = [level for level, files in wanted.items() if found[level] != files]
        if not wrong:
            return keys
        time.sleep(pause)
    level = wrong[0]
    raise ConvertersToolsUserError(
        f"The store lists {found[level]} chunk objects instead of {wanted[level]} in {root.url}/{staged}/{level}; run the "
        "conversion again."
    )


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
