"""Overwriting a plate, seen from the steps of a conversion: what init decides, and what the job that finishes an image does."""

from __future__ import annotations

import logging
import warnings
from typing import Any

from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import (
    ConvertersToolsError,
    ConvertersToolsOutputExistsError,
    ConvertersToolsWarning,
)
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.ngff.groups import update_attributes
from fractal_omezarr_converters.ngff.replacement import (
    BESIDE,
    LINK,
    discard,
    folder_of,
    going_on,
    is_all_noted,
    note_image,
    read_end,
    read_replacement,
)
from fractal_omezarr_converters.ngff.stores import Store, open_store
from fractal_omezarr_converters.ngff.versions import OWN_KEY

logger = logging.getLogger(__name__)

SHOWN = 5


def image_is_complete(zarr_url: str, image: TiledImage[Any, Any]) -> None:
    """Note that an image of a plate that is being overwritten is complete; the last one ends the overwriting.

    The image is whole whatever happens here: what goes wrong is a warning, and the next run of the plate puts it right.
    """
    found = _place(zarr_url, image)
    if found is None:
        return
    store, plate, path = found
    try:
        if note_image(store, plate, path):
            end_and_tell(store, plate)
    except (OSError, ConvertersToolsError) as error:
        warnings.warn(
            f"What plate '{plate}' held before could not be removed ({error}); run the conversion again with Overwrite to "
            "finish, images that are complete are not made again.",
            ConvertersToolsWarning,
            stacklevel=2,
        )


def runs_of_plate(zarr_url: str, image: TiledImage[Any, Any]) -> tuple[str, ...]:
    """The runs whose images count as done in the overwriting of the image's plate."""
    place = _place(zarr_url, image)
    found = read_replacement(*place[:2]) if place is not None else None
    return found.runs if found is not None else ()


def end_and_tell(store: Store, plate: str) -> bool:
    """End the overwriting of a plate if all is complete, and name the files that stay."""
    from fractal_omezarr_converters.ngff.replacement_end import end_replacement

    left = end_replacement(store, plate)
    if left is None:
        return False
    logger.info("Plate '%s' is overwritten: all of the new one is complete, the rest of the old one is removed", plate)
    if left:
        shown = ", ".join(left[:SHOWN]) + (f" and {len(left) - SHOWN} more" if len(left) > SHOWN else "")
        warnings.warn(
            f"Plate '{plate}' was overwritten; files that are no part of it stay in the folders of wells that it no longer "
            f"has: {shown}.",
            ConvertersToolsWarning,
            stacklevel=2,
        )
    return True


def end_what_was_left(store: Store, plate: str) -> tuple[str, ...]:
    """Carry an overwriting through that was interrupted when all its images were complete; give its runs."""
    found = going_on(store, plate)
    if found is None:
        return ()
    if found.decided or is_all_noted(store, plate, found):
        end_and_tell(store, plate)
    return found.runs


def refuse_while_replacing(store: Store, plate: str, *, extend: bool) -> None:
    """Raise when a plate is being overwritten and this run would neither finish that nor be able to keep all there is.

    Raises:
        ConvertersToolsOutputExistsError: it is.
    """
    found = going_on(store, plate)
    if found is None or (extend and found.merged):
        return
    keep = ", or Extend to keep what it held before as well" if found.merged else ""
    raise ConvertersToolsOutputExistsError(
        f"Plate '{plate}' in {store.url} is being overwritten and not all images of that run are complete; choose Overwrite to "
        f"finish it (images that are complete are not made again){keep}."
    )


def stop_replacing(store: Store, plate: str) -> None:
    """Give an overwriting up: all that the plate lists stays. Also clears what a plate that is gone has left."""
    found = going_on(store, plate)
    if found is not None:
        end = read_end(store, plate, found)
        if end is not None and end.images_to_remove:
            warnings.warn(
                f"Plate '{plate}' was being overwritten, which was not finished; Extend keeps all that it lists, also "
                f"{len(end.images_to_remove)} images that the overwriting would have removed: "
                f"{', '.join(end.images_to_remove[:SHOWN])}{' and more' if len(end.images_to_remove) > SHOWN else ''}.",
                ConvertersToolsWarning,
                stacklevel=2,
            )
        update_attributes(store, plate, {OWN_KEY: {LINK: None, BESIDE: None}})
    if store.exists(folder_of(plate)):
        discard(store, plate)


def _place(zarr_url: str, image: TiledImage[Any, Any]) -> tuple[Store, str, str] | None:
    """The store above the plate, the plate, and the image's path in it; None for an image elsewhere."""
    url, collection = zarr_url.rstrip("/"), image.collection
    if not isinstance(collection, ImageInPlate) or not url.endswith(f"/{image.path}"):
        return None
    plate = collection.plate_path()
    if not image.path.startswith(f"{plate}/"):
        return None
    return open_store(url.removesuffix(f"/{image.path}")), plate, image.path.removeprefix(f"{plate}/")
