"""Make the place for the images: plate and well documents, or just the check that nothing is in the way. Init alone does this."""

from __future__ import annotations

import os
import uuid
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import (
    ConvertersToolsOutputExistsError,
    ConvertersToolsUserError,
    ConvertersToolsWarning,
    raise_together,
)
from fractal_omezarr_converters.models.collections import ImageInPlate, SingleImage, collection_type_name
from fractal_omezarr_converters.models.options import DefaultNgffVersion, OverwriteMode
from fractal_omezarr_converters.models.plate_facts import PlateFacts
from fractal_omezarr_converters.ngff import completion
from fractal_omezarr_converters.ngff.living_writers import refuse_while_written
from fractal_omezarr_converters.ngff.staging import refuse_other_kinds
from fractal_omezarr_converters.ngff.staging_owner import OWNER_FILE
from fractal_omezarr_converters.ngff.stores import Store, open_store
from fractal_omezarr_converters.pipelines.losses import losses
from fractal_omezarr_converters.pipelines.plates_setup import Check, write_plates
from fractal_omezarr_converters.pipelines.steps import StepRegistry

if TYPE_CHECKING:
    Facts = Mapping[tuple[str, int], PlateFacts] | None

type Image = TiledImage[Any, Any]


class SetupCollectionFunction(Protocol):
    """A handler that makes the place for images of one kind of collection."""

    def __call__(self, zarr_dir: Any, tiled_images: Any, ngff_version: Any, overwrite_mode: Any) -> None: ...


_HANDLERS: StepRegistry[Callable[..., None]] = StepRegistry(
    "collection handler", "fractal_omezarr_converters.collection_handlers"
)


def add_collection_handler(
    *, function: SetupCollectionFunction, collection_type: str | None = None, overwrite: bool = False
) -> None:
    """Make a handler known for the collections of a class, given by its name."""
    _HANDLERS.add(function=function, name=collection_type, overwrite=overwrite)


def setup_ome_zarr_collection(
    *,
    tiled_images: Sequence[Image],
    collection_type: str | None = None,
    zarr_dir: str | os.PathLike[str],
    ngff_version: str = DefaultNgffVersion,
    overwrite_mode: OverwriteMode = OverwriteMode.NO_OVERWRITE,
    plate_facts: Facts = None,
    table_backend: str = "csv",
    run: str | None = None,
    before_writing: Check | None = None,
) -> None:
    """Make the place for all images of a run.

    The path of an image that is one field of view is settled here: a field keeps the number that an existing plate gives it.

    Args:
        tiled_images: All images of the run, of one kind of collection.
        collection_type: Name of the collections' class; None takes that of the images.
        zarr_dir: Output directory.
        ngff_version: OME-Zarr version of all documents.
        overwrite_mode: What happens to output that exists.
        plate_facts: Size, names and times of plates, by plate name and acquisition.
        table_backend: How the plate's condition table is stored.
        run: Name of the run that its images carry, so that an overwriting that failed can be gone on with.
        before_writing: Called with the store and the images when their paths are settled; it raises when they may not be written.

    Raises:
        ConvertersToolsOutputExistsError: something is there that may not be replaced.
        ConvertersToolsUserError: no images, mixed collections, or two images with one path.
    """
    images = list(tiled_images)
    kind = collection_type or infer_collection_type(images)
    if images and collection_type is not None:
        _refuse_mixtures(images)
    check_paths(images)
    handler = _HANDLERS.get(kind)
    directory = absolute(zarr_dir)
    if handler is setup_plates:
        setup_plates(
            directory,
            images,
            ngff_version,
            overwrite_mode,
            plate_facts=plate_facts,
            table_backend=table_backend,
            run=run,
            before_writing=before_writing,
        )
    else:
        if before_writing is not None:
            before_writing(open_store(directory), images)
        handler(
            tiled_images=images,
            zarr_dir=directory,
            ngff_version=ngff_version,
            overwrite_mode=OverwriteMode(overwrite_mode),
        )


def infer_collection_type(tiled_images: Sequence[Image]) -> str:
    """Name of the class of the images' collections, or of the one that it inherits and that has a handler.

    Raises:
        ConvertersToolsUserError: there are no images, or collections of several kinds.
    """
    if not tiled_images:
        raise ConvertersToolsUserError("There are no images to make a place for; check the filters and the metadata.")
    return _refuse_mixtures(tiled_images)


def _refuse_mixtures(images: Sequence[Image]) -> str:
    kinds: dict[str, str] = {}
    for image in images:
        kinds.setdefault(type(image.collection).__name__, image.path)
    if len(kinds) > 1:
        listed = ", ".join(f"{kind} ('{path}')" for kind, path in kinds.items())
        raise ConvertersToolsUserError(f"One run makes images of one kind, not {listed}; convert them separately.")
    first = type(images[0].collection)
    known = [kind.__name__ for kind in first.__mro__ if kind.__name__ in _HANDLERS]
    return known[0] if known else collection_type_name(first)


def check_paths(tiled_images: Sequence[Image]) -> None:
    """Raise when two images have one path, naming their sources."""
    seen: dict[str, Image] = {}
    problems = []
    for image in tiled_images:
        earlier = seen.setdefault(image.path, image)
        if earlier is not image:
            problems.append(
                f"Two images have the path '{image.path}': one from {_source_of(earlier)}, the other from {_source_of(image)}; "
                "give them different names, wells or acquisition numbers."
            )
    raise_together(problems, "Images have the same paths")


def _source_of(image: Image) -> str:
    columns = image.columns
    if not len(columns):
        return "no source"
    return f"{columns.loaders.loader(0).describe_source()} (field of view '{columns.fov_name(0)}')"


def absolute(zarr_dir: str | os.PathLike[str]) -> str:
    """The output directory as absolute path or URL."""
    text = os.fspath(zarr_dir).strip().strip("\"'")
    if "://" in text:
        return text.rstrip("/")
    return os.path.abspath(os.path.expanduser(text))  # noqa: PTH100,PTH111  # links stay as the user wrote them


def setup_plates(
    zarr_dir: str,
    tiled_images: Sequence[Image],
    ngff_version: str = DefaultNgffVersion,
    overwrite_mode: OverwriteMode = OverwriteMode.NO_OVERWRITE,
    *,
    plate_facts: Facts = None,
    table_backend: str = "csv",
    run: str | None = None,
    before_writing: Check | None = None,
) -> None:
    """Write plate and well documents and the plate's condition table; on Extend they are merged with what is there.

    On Overwrite, too, until the last image is complete; then what this run did not make is removed.
    """
    store = open_store(absolute(zarr_dir))
    by_plate: dict[str, list[Image]] = defaultdict(list)
    for image in tiled_images:
        if not isinstance(image.collection, ImageInPlate):
            raise ConvertersToolsUserError(
                f"Image '{image.path}' does not belong to a plate, and collection_type says that it does: "
                f"give '{type(image.collection).__name__}', or leave it out."
            )
        by_plate[image.collection.plate_path()].append(image)
    write_plates(
        store,
        by_plate,
        str(ngff_version),
        OverwriteMode(overwrite_mode),
        facts=plate_facts or {},
        backend=str(table_backend),
        run=run or f"run-{uuid.uuid4().hex[:12]}",
        before_writing=before_writing,
    )


def setup_singleimage(
    zarr_dir: str,
    tiled_images: Sequence[Image],
    ngff_version: str = DefaultNgffVersion,
    overwrite_mode: OverwriteMode = OverwriteMode.NO_OVERWRITE,
) -> None:
    """Check that nothing is in the way of images that stand alone, and nobody writes them now; say what is lost."""
    del ngff_version
    for image in tiled_images:
        if isinstance(image.collection, ImageInPlate):
            raise ConvertersToolsUserError(
                f"Image '{image.path}' belongs to a plate, which would lack its documents with the collection_type "
                f"'{SingleImage.__name__}': give '{ImageInPlate.__name__}', or leave it out."
            )
    store = open_store(absolute(zarr_dir))
    mode = OverwriteMode(overwrite_mode)
    in_the_way = [path for path in (image.path for image in tiled_images) if _is_in_the_way(store, path, mode)]
    if in_the_way:
        listed = ", ".join(f"'{path}'" for path in in_the_way[:5])
        more = f" and {len(in_the_way) - 5} more" if len(in_the_way) > 5 else ""
        raise ConvertersToolsOutputExistsError(
            f"{listed}{more} exist in {zarr_dir}; choose Overwrite to replace them, Extend to keep complete images, "
            "or another output directory."
        )
    refuse_while_written(store, [image.path for image in tiled_images])
    if mode == OverwriteMode.OVERWRITE:
        for image in tiled_images:
            refuse_other_kinds(store, image.path)
        for loss in losses(store, tiled_images):
            warnings.warn(loss.said(store.url), ConvertersToolsWarning, stacklevel=2)


def _is_in_the_way(store: Store, path: str, mode: OverwriteMode) -> bool:
    if mode == OverwriteMode.OVERWRITE or not store.exists(path):
        return False
    if completion.read(store, path) is None:
        return not store.exists(f"{path}/{OWNER_FILE}")  # an interrupted run on an object store leaves this file
    return mode == OverwriteMode.NO_OVERWRITE


_HANDLERS.add(function=setup_plates, name=ImageInPlate.__name__)
_HANDLERS.add(function=setup_singleimage, name=SingleImage.__name__)
