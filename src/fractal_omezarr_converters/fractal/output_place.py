"""Whether a folder is one to write plates and images into."""

from __future__ import annotations

import contextlib

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.ngff.groups import read_group
from fractal_omezarr_converters.ngff.stores import open_store

KINDS = {"plate": "plate", "well": "well", "multiscales": "image"}


def refuse_inside_ome_zarr(place: str) -> None:
    """Raise when a folder is an OME-Zarr plate, well or image, or lies in one: what is written there belongs to none.

    Of the folders above only those are looked at that are called ``.zarr``.

    Raises:
        ConvertersToolsUserError: with the folder to give instead.
    """
    above = place.rstrip("/")
    while above:
        parent, _, name = above.rpartition("/")
        if above == place.rstrip("/") or name.lower().endswith(".zarr"):
            group = None
            with contextlib.suppress(OSError):  # a folder above that may not be read
                group = read_group(open_store(above), "")
            found = [words for key, words in KINDS.items() if group is not None and key in group.ome]
            if found:
                what = "is" if above == place.rstrip("/") else f"lies in '{above}', which is"
                raise ConvertersToolsUserError(
                    f"The folder to write into, '{place}', {what} an OME-Zarr {found[0]} itself; give the folder that holds "
                    f"it, such as '{parent or '/'}' (a plate gets its name by the option for it)."
                )
        above = parent
