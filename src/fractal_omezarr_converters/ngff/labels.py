"""Label images in the folder `labels` of an image: what they must be, and the list by which readers find them.

Source: OME-NGFF 0.4 to 0.6 "labels" and "image-label": integers, along each axis as long as the image or 1, as many levels.
"""

from __future__ import annotations

from itertools import pairwise
from operator import le
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.ngff.axes import written_out
from fractal_omezarr_converters.ngff.documents import labels_attributes
from fractal_omezarr_converters.ngff.groups import read_group, update_attributes, write_group
from fractal_omezarr_converters.ngff.layout import ImageLayout
from fractal_omezarr_converters.ngff.reader import Multiscale, open_image
from fractal_omezarr_converters.ngff.remote_store import RemoteStore
from fractal_omezarr_converters.ngff.stores import Store, open_store

_FOLDER = "labels"
_METHODS = ("mode", "nearest", "stride", "max", "min")
"""What makes no numbers that no object has."""


def labelled_image(root: Store) -> Multiscale | None:
    """The image whose folder of labels a place is; None when it is the place of something else."""
    above, _, name = root.url.rpartition("/")
    if name != _FOLDER:
        return None
    store = root.above()[0] if isinstance(root, RemoteStore) else open_store(above or "/")
    group = read_group(store, "")
    return open_image(store) if group is not None and "multiscales" in group.ome else None


def like_its_image(image: Multiscale, axes: str, given: dict[str, Any]) -> dict[str, Any]:
    """Levels, scale, translation and units of a label: those of its image where none are given."""
    first = image.levels[0].geometry
    places = [place for place, axis in enumerate(image.axes.names) if axis in axes]
    names = [image.axes.names[place] for place in places]
    likewise = {
        "levels": _factors(image, places) or len(image.levels),
        "scale": {name: first.scale[place] for name, place in zip(names, places)},
        "translation": {name: first.translation[place] for name, place in zip(names, places)},
        "units": {name: written_out(image.axes.units[place]) for name, place in zip(names, places)},
    }
    return {key: likewise[key] if value is None else value for key, value in given.items()}


def _factors(image: Multiscale, places: list[int]) -> list[dict[str, int]]:
    """How much coarser than level 0 the others are; none where these are no whole numbers that grow."""
    sizes = [[level.geometry.scale[place] for place in places] for level in image.levels]
    factors = [[size / first if first else 0.0 for size, first in zip(level, sizes[0])] for level in sizes]
    whole = [[round(factor) for factor in level] for level in factors]
    near = all(abs(f - w) < 1e-6 * w for level, rounded in zip(factors, whole) for f, w in zip(level, rounded))
    grows = all(one != other and all(map(le, one, other)) for one, other in pairwise(whole))
    return [
        {image.axes.names[place]: factor for place, factor in zip(places, level)}
        for level in whole[1:]
        if near and grows
    ]


def check_label(image: Multiscale, layout: ImageLayout, channels: object = None) -> None:
    """Refuse what cannot be a label of an image.

    Raises:
        ConvertersToolsUserError: another version, no integers, averages of numbers of objects, or another size.
    """
    where = f"The label of the image in {image.store.url}"
    if channels:
        raise ConvertersToolsUserError(f"{where} has no channels; leave them away.")
    if layout.version != image.version:
        raise ConvertersToolsUserError(
            f"{where} must be of the image's OME-Zarr version; give version='{image.version}'."
        )
    if layout.dtype.kind not in "iu":
        raise ConvertersToolsUserError(
            f"{where} has pixels of the type {layout.dtype}, but numbers objects by integers; give uint8 to uint64."
        )
    if layout.method not in _METHODS:
        raise ConvertersToolsUserError(
            f"{where} cannot be made coarser by '{layout.method}', which makes numbers of other objects; give method='mode'."
        )
    lengths = dict(zip(image.axes.names, image.shape))
    for axis, length in zip(layout.axes, layout.on_axes(layout.shape)):
        if length not in (1, lengths.get(axis, 1)):
            raise ConvertersToolsUserError(
                f"{where} is {length} long along {axis}, the image {lengths.get(axis, 1)}; a label has the image's length, or 1."
            )


def list_label(root: Store, name: str, version: str) -> None:
    """Name a label in the list of its folder, which becomes a group."""
    group = read_group(root, "")
    if group is None:
        write_group(root, "", version, labels_attributes(version, [name]))
        return
    listed = group.ome.get(_FOLDER)
    names = [str(entry) for entry in listed] if isinstance(listed, list) else []
    if name not in names:
        update_attributes(root, "", labels_attributes(version, [*names, name]))
