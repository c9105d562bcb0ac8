"""Hand descriptions of images from init to compute, as text inside the job or as a file that stays until it is useless."""

from __future__ import annotations

import hashlib
import logging
import os
import posixpath
import time
from typing import Any

from pydantic import ValidationError

from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import (
    ConvertersToolsError,
    ConvertersToolsFileNotFoundError,
    ConvertersToolsUserError,
)
from fractal_omezarr_converters.fractal.run_folder import (
    DONE,
    HANDOVER_NAME,
    cleanup_if_exists,
    files_of,
    new_handover_name,
    read_mark,
    remove_emptied_folder,
    write_mark,
)
from fractal_omezarr_converters.ngff.stores import open_store

__all__ = [
    "cleanup_if_exists",
    "digest_of",
    "dump_json_str",
    "dump_to_json",
    "remove_json",
    "tiled_image_from_json",
    "tiled_image_from_json_str",
]

logger = logging.getLogger(__name__)

#: A shared file system may show a new file late; longer than this in total nobody waits.
LONGEST_WAIT = 5.0


def dump_to_json(temp_json_url: str, tiled_image: TiledImage[Any, Any]) -> str:
    """Write the description of an image to a new file in a folder and give the file's URL."""
    return dump_json_str(temp_json_url, tiled_image.model_dump_json())


def dump_json_str(temp_json_url: str, json_str: str) -> str:
    """Write text to a new file in a folder (made if needed) and give the file's URL; a reader sees all of it or nothing."""
    store = open_store(temp_json_url)
    if read_mark(store) is None and not files_of(store):
        write_mark(store)
    name = new_handover_name()
    store.put(name, json_str.encode())
    return temp_json_url.rstrip("/\\") + "/" + name


def digest_of(text: str | bytes) -> str:
    """Digest of a description, by which compute knows that it reads what init wrote."""
    return hashlib.blake2b(text.encode() if isinstance(text, str) else text, digest_size=16).hexdigest()


def tiled_image_from_json(
    tiled_image_json_dump_url: str,
    collection_type: type | None = None,
    image_loader_type: type | None = None,
    *,
    digest: str | None = None,
) -> TiledImage[Any, Any]:
    """Read the description of an image from its file, waiting at most 5 s in total for a slow file system.

    The types are needed only for files that an older converter wrote; ours name theirs.

    Raises:
        ConvertersToolsFileNotFoundError: the file is not there.
        ConvertersToolsUserError: it is not what init wrote (with ``digest``), or cannot be read.
    """
    folder, name = posixpath.split(tiled_image_json_dump_url.replace("\\", "/"))
    store = open_store(folder)
    found = False
    for wait in _waits():
        text = store.get(name)
        found = found or text is not None
        if text is not None and (digest is None or digest_of(text) == digest):
            return _load(text, collection_type, image_loader_type, tiled_image_json_dump_url)
        time.sleep(wait)
    if found:
        raise ConvertersToolsUserError(
            f"The hand-over file {tiled_image_json_dump_url} is not what the init step wrote: it was changed or is not complete; "
            "run the converter again."
        )
    raise ConvertersToolsFileNotFoundError(
        f"The hand-over file {tiled_image_json_dump_url} is missing: check that this computer sees the folder that the "
        f"init step wrote to, and that no later conversion of the same dataset removed it; then run the converter again."
    )


def tiled_image_from_json_str(
    json_str: str, collection_type: type | None = None, image_loader_type: type | None = None
) -> TiledImage[Any, Any]:
    """Read the description of an image from text."""
    return _load(json_str, collection_type, image_loader_type, "the job's arguments")


def remove_json(tiled_image_json_dump_url: str) -> None:
    """Remove one hand-over file, and its folder when nothing else lies in it; failures are logged, never raised."""
    folder, name = posixpath.split(tiled_image_json_dump_url.replace("\\", "/"))
    try:
        store = open_store(folder)
        store.delete(name)
        if HANDOVER_NAME.fullmatch(name):
            store.delete(name + DONE)
        remove_emptied_folder(store)
    except (OSError, ConvertersToolsUserError) as error:
        logger.error("Could not remove the hand-over file %s: %s", tiled_image_json_dump_url, error)


def _waits() -> list[float]:
    """Pauses between tries: CONVERTERS_TOOLS_NUM_RETRIES of them (default 5), growing, never more than 5 s together."""
    try:
        tries = max(1, int(os.environ.get("CONVERTERS_TOOLS_NUM_RETRIES", "5")))
    except ValueError:
        tries = 5
    growing = [0.25 * 2**number for number in range(min(tries, 10) - 1)]
    shorter = min(1.0, LONGEST_WAIT / sum(growing)) if growing else 1.0
    return [pause * shorter for pause in growing] + [0.0]


def _load(
    text: str | bytes, collection_type: type | None, loader_type: type | None, where: str
) -> TiledImage[Any, Any]:
    kind: Any = TiledImage
    if collection_type is not None and loader_type is not None:
        kind = TiledImage.__class_getitem__((collection_type, loader_type))
    try:
        image: TiledImage[Any, Any] = kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConvertersToolsUserError(
            f"The description of an image in {where} cannot be used ({place or 'document'}: {first['msg']}): "
            "run the init step again with the version of the converter that runs compute."
        ) from error
    except ConvertersToolsError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ConvertersToolsUserError(
            f"The description of an image in {where} is damaged ({type(error).__name__}: {error}): run the init step again."
        ) from error
    return image
