"""Plate and well documents for the images of a run: numbers of fields, acquisitions, conditions, and what stays on Extend."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any

from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import (
    ConvertersToolsError,
    ConvertersToolsOutputExistsError,
    ConvertersToolsUserError,
    ConvertersToolsWarning,
)
from fractal_omezarr_converters.models.options import OverwriteMode
from fractal_omezarr_converters.models.plate_facts import PlateFacts
from fractal_omezarr_converters.ngff import completion
from fractal_omezarr_converters.ngff.field_numbers import FieldOfView, number_plate_fields
from fractal_omezarr_converters.ngff.groups import join, read_group
from fractal_omezarr_converters.ngff.living_writers import refuse_while_written
from fractal_omezarr_converters.ngff.plate_conditions import ImagePlace, write_plate_conditions
from fractal_omezarr_converters.ngff.plate_contents import plate_listing
from fractal_omezarr_converters.ngff.plate_lock import plate_lock
from fractal_omezarr_converters.ngff.plates import Acquisition, PlateContent, WellImage, write_plate
from fractal_omezarr_converters.ngff.replacement_begin import begin_replacement
from fractal_omezarr_converters.ngff.stores import Store
from fractal_omezarr_converters.ngff.tables import checked_columns
from fractal_omezarr_converters.pipelines.losses import Loss, plate_loss
from fractal_omezarr_converters.pipelines.plate_replacement import (
    end_what_was_left,
    refuse_while_replacing,
    stop_replacing,
)
from fractal_omezarr_converters.pipelines.roi_tables import plate_condition_table

type Image = TiledImage[Any, Any]
type Check = Callable[[Store, Sequence[Image]], None]
MOSAIC, PER_FOV = "Mosaic", "Per-FOV"


def write_plates(
    store: Store,
    by_plate: Mapping[str, Sequence[Image]],
    version: str,
    mode: OverwriteMode,
    *,
    facts: Mapping[tuple[str, int], PlateFacts],
    backend: str,
    run: str,
    before_writing: Check | None = None,
) -> None:
    """Check all plates first, then write their documents; nothing is taken away, and other runs wait meanwhile.

    A plate to be overwritten lists old and new wells until the last image of this run is complete.

    Raises:
        ConvertersToolsOutputExistsError: a plate exists and may not be changed, or would lose a whole acquisition.
        ConvertersToolsUserError: a plate would mix versions, or mosaics and single fields, or a living process writes one of
            the images.
    """
    with ExitStack() as locks:
        for plate in sorted(by_plate):
            locks.enter_context(plate_lock(store, plate))
        left = {plate: end_what_was_left(store, plate) for plate in by_plate}
        modes = {plate: _write_mode(store, plate, images, version, mode) for plate, images in by_plate.items()}
        contents = {}
        for plate, images in by_plate.items():
            grouping = _number_fields(store, plate, images, keep=modes[plate] == "extend")
            contents[plate] = _content(images, grouping, facts)
        replaced = [plate for plate, mode_of_plate in modes.items() if mode_of_plate == "exchange"]
        losses = {plate: plate_loss(store, plate, by_plate[plate]) for plate in replaced}
        _refuse_to_lose_acquisitions(store, losses.values())
        everything = [image for images in by_plate.values() for image in images]
        refuse_while_written(store, [image.path for image in everything])
        if before_writing is not None:
            before_writing(store, everything)
        for plate, images in by_plate.items():
            content = contents[plate]
            if plate in losses:
                if losses[plate]:
                    warnings.warn(losses[plate].said(store.url), ConvertersToolsWarning, stacklevel=2)
                _begin_to_replace(store, plate, images, content, version, backend=backend, runs=(run, *left[plate]))
                continue
            stop_replacing(store, plate)
            write_plate(store, plate, content, version, modes[plate])
            _write_conditions(store, plate, list(images), version, backend, keep=modes[plate] == "extend")


def _write_mode(store: Store, plate: str, images: Sequence[Image], version: str, mode: OverwriteMode) -> Any:
    """How the documents of one plate are written, after checking that they may be."""
    existing = read_group(store, plate)
    if existing is None:
        return "create"
    if existing.array is not None or ("plate" not in existing.ome and existing.attributes):
        raise ConvertersToolsOutputExistsError(
            f"'{plate}' exists in {store.url} but is no plate; choose another plate name or output directory."
        )
    if mode == OverwriteMode.OVERWRITE:
        return "exchange" if "plate" in existing.ome else "replace"
    refuse_while_replacing(store, plate, extend=mode == OverwriteMode.EXTEND)
    if mode == OverwriteMode.NO_OVERWRITE and not _was_left_unfinished(store, plate, images):
        raise ConvertersToolsOutputExistsError(
            f"Plate '{plate}' exists in {store.url}; choose Extend to add to it, Overwrite to replace it, or another "
            "output directory."
        )
    if "plate" not in existing.ome:
        raise ConvertersToolsOutputExistsError(
            f"'{plate}' exists in {store.url} but is no plate; choose another plate name or output directory."
        )
    if existing.version != version:
        raise ConvertersToolsUserError(
            f"Plate '{plate}' is OME-Zarr {existing.version}, this run would write {version}; one plate has one version: "
            f"set the OME-Zarr version to {existing.version} or choose another output directory."
        )
    return "extend"


def _refuse_to_lose_acquisitions(store: Store, losses: Iterable[Loss]) -> None:
    """Raise when overwriting would remove whole acquisitions: who adds a cycle to a plate means Extend."""
    refused = [text for loss in losses if (text := loss.refused(store.url)) is not None]
    if refused:
        raise ConvertersToolsOutputExistsError(" ".join(refused))


def _begin_to_replace(
    store: Store,
    plate: str,
    images: Sequence[Image],
    content: PlateContent,
    version: str,
    *,
    backend: str,
    runs: Sequence[str],
) -> None:
    """Note what is to become of the plate when all images of this run are complete."""
    conditions = plate_condition_table(list(images)) or {}
    checked_columns(conditions, None, f"The condition table of plate '{plate}'")
    existing = read_group(store, plate)
    before = existing.own.get("grouping") if existing is not None else None
    found = begin_replacement(
        store,
        plate,
        content,
        version,
        run=runs[0],
        earlier_runs=runs[1:],
        conditions=conditions,
        backend=backend,
        merge=before in (None, content.own["grouping"]),
    )
    if found.merged:
        with suppress(ConvertersToolsError, OSError):  # an old table that cannot be read is replaced in the end
            _write_conditions(store, plate, list(images), version, backend, keep=True)


def _was_left_unfinished(store: Store, plate: str, images: Sequence[Image]) -> bool:
    """Whether the plate is what an interrupted run of the same images left: all its images are of this run, one is not done."""
    group = read_group(store, plate)
    if group is None or "plate" not in group.ome or "grouping" not in group.own:
        return False
    mine = {(_place(image).well_path(), _place(image).acquisition) for image in images}
    listed = plate_listing(store, plate).images
    if not listed or any((path.rsplit("/", 1)[0], number) not in mine for path, number in listed.items()):
        return False
    return not all(completion.is_complete(store, join(plate, path)) for path in listed)


def _place(image: Image) -> Any:
    return image.collection


def is_single_field(image: Image) -> bool:
    """Whether the image is one field of view on its own, not the mosaic of an acquisition."""
    return image.name is not None and len(image.columns.rows_by_fov()) == 1 and image.columns.fov_name(0) == image.name


def _number_fields(store: Store, plate: str, images: Sequence[Image], *, keep: bool) -> str:
    """Settle the paths of images that are fields of view; give the grouping of the plate.

    Raises:
        ConvertersToolsUserError: the run or the plate mixes mosaics and single fields.
    """
    single = {is_single_field(image) for image in images}
    if len(single) > 1:
        raise ConvertersToolsUserError(
            f"Plate '{plate}' would hold mosaics and single fields of view; convert all acquisitions with one grouping."
        )
    grouping = PER_FOV if single == {True} else MOSAIC
    existing = read_group(store, plate) if keep else None
    before = existing.own.get("grouping") if existing is not None else None
    if before is not None and before != grouping:
        raise ConvertersToolsUserError(
            f"Plate '{plate}' holds images of the grouping {before}, this run makes {grouping}; one plate has one grouping: "
            f"choose {before} or another output directory."
        )
    if grouping == MOSAIC:
        return grouping
    by_well: dict[str, list[Image]] = defaultdict(list)
    for image in sorted(images, key=lambda image: _number(image.path)):
        by_well[_place(image).well_path()].append(image)
    fields = {
        well: [FieldOfView(_place(image).acquisition, str(image.name)) for image in mine]
        for well, mine in by_well.items()
    }
    numbers = number_plate_fields(store, plate if keep else f"{plate}/.none", fields)
    for well, mine in by_well.items():
        for image in mine:
            image.path = f"{plate}/{well}/{numbers[well][FieldOfView(_place(image).acquisition, str(image.name))]}"
    return grouping


def _number(path: str) -> tuple[int, str]:
    """Sort paths that end in a number by it."""
    last = path.rsplit("/", 1)[-1]
    return (int(last), "") if last.isdecimal() else (-1, last)


def _content(images: Sequence[Image], grouping: str, facts: Mapping[tuple[str, int], PlateFacts]) -> PlateContent:
    name = _place(images[0]).plate_name
    numbers = sorted({_place(image).acquisition for image in images})
    known = [facts[name, number] for number in numbers if (name, number) in facts]
    sizes = {(one.rows, one.columns) for one in known if one.rows and one.columns}
    if len(sizes) > 1:
        raise ConvertersToolsUserError(
            f"The acquisitions of plate '{name}' state different plate sizes {sorted(sizes)}; give them different plate names."
        )
    rows, columns = next(iter(sizes), (None, None))
    barcode = next((one.barcode for one in known if one.barcode), None)
    return PlateContent(
        name=name,
        images=[
            WellImage(
                row=_place(image).row,
                column=_place(image).column,
                path=image.path.rsplit("/", 1)[-1],
                acquisition=_place(image).acquisition,
                fov_name=image.name if grouping == PER_FOV else None,
            )
            for image in images
        ],
        acquisitions=[_acquisition(number, facts.get((name, number))) for number in numbers],
        rows=rows,
        columns=columns,
        own={"grouping": grouping, **({"barcode": barcode} if barcode else {})},
    )


def _acquisition(number: int, facts: PlateFacts | None) -> Acquisition:
    if facts is None:
        return Acquisition(number)
    return Acquisition(number, facts.acquisition_name, facts.acquisition_description, facts.start_time, facts.end_time)


def _write_conditions(store: Store, plate: str, images: list[Image], version: str, backend: Any, *, keep: bool) -> None:
    """Write the plate's condition table; with ``keep`` the rows of images that this run does not make stay."""
    places = [
        ImagePlace(_place(image).row, _place(image).column, _place(image).acquisition, image.path.rsplit("/", 1)[-1])
        for image in images
    ]
    table = plate_condition_table(images) or {}
    write_plate_conditions(store, plate, table, places, backend=backend, version=version, extend=keep)
