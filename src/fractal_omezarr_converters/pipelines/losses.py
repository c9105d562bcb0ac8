"""What an overwriting will take away and not make again: wells, acquisitions, images, labels, tables, by name and number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.ngff.groups import join
from fractal_omezarr_converters.ngff.plate_conditions import CONDITION_TABLE
from fractal_omezarr_converters.ngff.plate_contents import plate_listing
from fractal_omezarr_converters.ngff.removal import label_names, table_names
from fractal_omezarr_converters.ngff.stores import Store

type Image = TiledImage[Any, Any]
READERS = 16
SHOWN = 10
# Tables that go with an image and come with every new one.
OUR_TABLES = {
    *("FOV_ROI_table", "well_ROI_table", "FOV_translation_table"),
    *("channel_z_offsets", "time_points", "z_positions"),
}


@dataclass(frozen=True)
class Loss:
    """What a plate or a single image loses; labels and tables with the number of images that have them.

    ``acquisitions`` are those of which an image is there and this run makes none (it makes ``made``): that is refused.
    """

    place: str
    wells: Sequence[str] = ()
    acquisitions: Sequence[int] = ()
    made: Sequence[int] = ()
    images: Sequence[str] = ()
    labels: Mapping[str, int] = field(default_factory=dict)
    tables: Mapping[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything is lost."""
        return bool(self.wells or self.acquisitions or self.images or self.labels or self.tables)

    def to_json(self) -> dict[str, Any]:
        """The loss in plain values."""
        return {
            "place": self.place,
            "wells": list(self.wells),
            "acquisitions": list(self.acquisitions),
            "images": list(self.images),
            "labels": dict(self.labels),
            "tables": dict(self.tables),
        }

    def refused(self, where: str = "") -> str | None:
        """Why overwriting is refused, in one sentence: whole acquisitions would go; None when it is not."""
        if not self.acquisitions:
            return None
        one = len(self.acquisitions) == 1
        return (
            f"Plate '{self.place}'{f' in {where}' if where else ''} holds {_numbers(self.acquisitions)}, which this run does not "
            f"make and Overwrite would remove; choose Extend to keep {'it' if one else 'them'} beside {_numbers(self.made)}, "
            "convert all of them in one run, or remove the plate's folder first."
        )

    def said(self, where: str = "") -> str:
        """The loss in one sentence."""
        kinds = (
            _named("well", self.wells),
            _named("image", self.images),
            _named("label", _with_counts(self.labels)),
            _named("table", _with_counts(self.tables)),
        )
        place = f"'{self.place}'{f' in {where}' if where else ''}"
        return (
            f"{place} is overwritten; what this run does not make will be lost when the new images are complete: "
            f"{', '.join(text for text in kinds if text)}."
        )


def losses(store: Store, images: Sequence[Image]) -> list[Loss]:
    """What overwriting with these images takes away, plate by plate and image by image; only where something does."""
    by_plate: dict[str, list[Image]] = {}
    single: list[Image] = []
    for image in images:
        if isinstance(image.collection, ImageInPlate):
            by_plate.setdefault(image.collection.plate_path(), []).append(image)
        else:
            single.append(image)
    found = [plate_loss(store, plate, mine) for plate, mine in by_plate.items()]
    return [loss for loss in (*found, *(_image_loss(store, image) for image in single)) if loss]


def plate_loss(store: Store, plate: str, images: Sequence[Image]) -> Loss:
    """What a plate lists and this run does not make."""
    made = {image.path.removeprefix(f"{plate}/"): image for image in images}
    listed = plate_listing(store, plate)
    wells = {path.rpartition("/")[0] for path in made}
    acquisitions = {image.collection.acquisition for image in images}
    others = {number for number in listed.acquisitions if number not in acquisitions}
    held = {number for number in others if _is_held(store, plate, listed.images, number)}
    has_conditions = any(image.attributes for image in images)
    with ThreadPoolExecutor(READERS) as pool:
        inside = list(pool.map(lambda path: work_of_others(store, join(plate, path), made.get(path)), listed.images))
    of_plate = [name for name in listed.tables if name != CONDITION_TABLE or not has_conditions]
    return Loss(
        place=plate,
        wells=[path.replace("/", "") for path in listed.wells if path not in wells],
        acquisitions=sorted(held),
        made=sorted(acquisitions),
        images=sorted(set(listed.images) - made.keys()),
        labels=_counted(labels for labels, _ in inside),
        tables=_counted([*(tables for _, tables in inside), of_plate]),
    )


def _is_held(store: Store, plate: str, listed: Mapping[str, int], acquisition: int) -> bool:
    """Whether an image of an acquisition is there, not only in the lists."""
    return any(number == acquisition and store.exists(join(plate, path)) for path, number in listed.items())


def _image_loss(store: Store, image: Image) -> Loss:
    labels, tables = work_of_others(store, image.path, image)
    return Loss(place=image.path, labels=_counted([labels]), tables=_counted([tables]))


def work_of_others(store: Store, path: str, made: Image | None) -> tuple[list[str], list[str]]:
    """Labels and tables of an image that a new one in its place does not have."""
    again = {*OUR_TABLES, *([CONDITION_TABLE] if made is None or made.attributes else [])}
    return label_names(store, path), [name for name in table_names(store, path) if name not in again]


def _counted(lists: Iterable[Sequence[str]]) -> dict[str, int]:
    return dict(sorted(Counter(name for names in lists for name in names).items()))


def _numbers(acquisitions: Sequence[int]) -> str:
    return f"acquisition{'' if len(acquisitions) == 1 else 's'} {', '.join(map(str, acquisitions))}"


def _with_counts(names: Mapping[str, int]) -> list[str]:
    return [name if number == 1 else f"{name} ({number} times)" for name, number in names.items()]


def _named(word: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    shown = ", ".join(names[:SHOWN]) + (" and more" if len(names) > SHOWN else "")
    return f"{len(names)} {word}{'' if len(names) == 1 else 's'} ({shown})"
