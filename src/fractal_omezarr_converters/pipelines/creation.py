"""Write one image: pixels and pyramid in one pass, documents, tables, and last of all the completion mark.

The image grows in a staging place and is exchanged for an older one when it is complete. Nothing is created before everything
that can be checked without pixels has been checked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from fractal_omezarr_converters.core.colour_channels import parts_of_colour_images
from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import (
    ConvertersToolsInternalError,
    ConvertersToolsUserError,
)
from fractal_omezarr_converters.models.options import ConverterOptions, OverwriteMode, WriterMode
from fractal_omezarr_converters.ngff import completion
from fractal_omezarr_converters.ngff.documents import group_document
from fractal_omezarr_converters.ngff.single_pass import write_pixels
from fractal_omezarr_converters.ngff.staging import StagedImage
from fractal_omezarr_converters.ngff.stores import Store, open_store
from fractal_omezarr_converters.pipelines.disk_refusals import refusals_of_a_disk
from fractal_omezarr_converters.pipelines.image_tables import image_tables
from fractal_omezarr_converters.pipelines.lazy_container import LazyOmeZarrContainer
from fractal_omezarr_converters.pipelines.plan import ImagePlan, plan_image
from fractal_omezarr_converters.pipelines.plate_replacement import image_is_complete
from fractal_omezarr_converters.pipelines.registration import RegistrationStep
from fractal_omezarr_converters.pipelines.tile_stream import ImageTiles
from fractal_omezarr_converters.pipelines.write_settings import write_settings

if TYPE_CHECKING:
    from fractal_omezarr_converters.ngff.pixel_report import PixelReport

OWN_KEY = completion.OUR_KEY
PixelWriter = Callable[[Store, ImagePlan], "PixelReport"]
"""Writes the pixels of a plan, all levels, into the folder where the image is staged."""


def tiled_image_creation_pipeline(
    *,
    zarr_url: str,
    tiled_image: TiledImage[Any, Any],
    registration_pipeline: Sequence[RegistrationStep] | None,
    converter_options: ConverterOptions,
    writer_mode: WriterMode | None = None,
    overwrite_mode: OverwriteMode = OverwriteMode.NO_OVERWRITE,
    resource: Any = None,
) -> Any:
    """Register a copy of the image, write it, and give ngio's container of it (opened when it is used).

    Raises:
        ConvertersToolsOutputExistsError: the image exists and may not be replaced.
        ConvertersToolsUserError: sources or positions cannot be used.
    """
    with converter_options.runtime_settings.apply():
        planned = partial(
            plan_image,
            tiled_image,
            converter_options=converter_options,
            registration_pipeline=registration_pipeline,
            resource=resource,
        )
        plan = planned()
        extend = OverwriteMode(overwrite_mode) == OverwriteMode.EXTEND
        if plan.pending and not (extend and is_finished(zarr_url, plan)):
            plan = planned(sources=plan.sources, read_pixels=True)
        return write_plan(
            plan,
            zarr_url=zarr_url,
            converter_options=converter_options,
            writer_mode=writer_mode,
            overwrite_mode=overwrite_mode,
            resource=resource,
        )


def write_tiled_image_as_zarr(
    *,
    zarr_url: str,
    tiled_image: TiledImage[Any, Any],
    converter_options: ConverterOptions,
    writer_mode: WriterMode | None = None,
    overwrite_mode: OverwriteMode = OverwriteMode.NO_OVERWRITE,
    resource: Any = None,
) -> Any:
    """Write an image that is registered already, and give ngio's container of it (opened when it is used)."""
    return tiled_image_creation_pipeline(
        zarr_url=zarr_url,
        tiled_image=tiled_image,
        registration_pipeline=[],
        converter_options=converter_options,
        writer_mode=writer_mode,
        overwrite_mode=overwrite_mode,
        resource=resource,
    )


def is_finished(zarr_url: str, plan: ImagePlan) -> bool:
    """Whether the image at this place is complete and was made by exactly this plan."""
    root, name = _place(zarr_url)
    return completion.is_complete(root, name, plan.fingerprint)


def write_plan(
    plan: ImagePlan,
    *,
    zarr_url: str,
    converter_options: ConverterOptions,
    writer_mode: WriterMode | None = None,
    overwrite_mode: OverwriteMode = OverwriteMode.NO_OVERWRITE,
    resource: Any = None,
    own: Mapping[str, Any] | None = None,
    write: PixelWriter | None = None,
) -> LazyOmeZarrContainer:
    """Write what the plan says; on Extend an image that is complete and made by the same plan stays untouched.

    ``own`` is kept in the image's attributes, below the key of this package. ``write`` writes the pixels in another way than
    by threads of this process.
    """
    mode = OverwriteMode(overwrite_mode)
    root, name = _place(zarr_url)
    if mode == OverwriteMode.EXTEND and completion.is_complete(root, name, plan.fingerprint):
        return LazyOmeZarrContainer(zarr_url, plan, None)
    if plan.pending:
        raise ConvertersToolsInternalError(f"Image '{plan.path}' was to be written before its fields were stitched.")
    settings = write_settings(converter_options, writer_mode)
    unchanged = " What was there before is unchanged."
    with refusals_of_a_disk(zarr_url, unchanged=unchanged), StagedImage(root, name, mode) as staged:
        if write is not None:
            report = write(staged.store, plan)
        else:
            tiles = ImageTiles(plan.image, plan.placement, resource)
            report = write_pixels(
                staged.store,
                plan.layout,
                tiles,
                threads=settings.threads,
                memory_limit=settings.memory_limit,
            )
        _write_documents(staged.store, plan, report, own or {})
        _write_tables(staged.store, plan, converter_options)
        completion.mark(staged.store, "", _completion(plan, report))
        staged.commit()
    if mode == OverwriteMode.OVERWRITE:
        image_is_complete(zarr_url, plan.image)
    return LazyOmeZarrContainer(zarr_url, plan, report)


def _place(zarr_url: str) -> tuple[Store, str]:
    """The store above the image and the image's name in it."""
    url = str(zarr_url).rstrip("/")
    if "://" not in url:
        url = os.path.abspath(os.path.expanduser(url))  # noqa: PTH100,PTH111  # pathlib would resolve nothing else
    parent, _, name = url.replace(os.sep, "/").rpartition("/")
    if not name or not parent:
        raise ConvertersToolsUserError(f"'{zarr_url}' cannot be the place of an image; give a folder inside another.")
    return open_store(parent), name


def _write_documents(store: Store, plan: ImagePlan, report: PixelReport, own: Mapping[str, Any]) -> None:
    from fractal_omezarr_converters.ngff.rendering import omero, windows_from_histograms

    image, layout = plan.image, plan.layout
    windows = windows_from_histograms(report.histograms, colours=parts_of_colour_images(image.channels or ()))
    attributes = layout.image_attributes(
        name=plan.name,
        omero=omero(image.channels, windows, where=f"image '{plan.path}'"),
        foreign={OWN_KEY: {**own, "registration": list(plan.steps), "notes": [*plan.warnings, *plan.remarks]}},
    )
    for key, content in group_document(layout.version, attributes).items():
        store.put(key, content)


def _write_tables(store: Store, plan: ImagePlan, converter_options: ConverterOptions) -> None:
    from fractal_omezarr_converters.ngff.tables import write_table

    backend: Any = converter_options.omezarr_options.table_backend.value
    for each in image_tables(plan):
        write_table(
            store,
            "",
            each.name,
            each.columns,
            table_type=each.type,
            backend=backend,
            index_key=each.index_key,
            version=plan.layout.version,
            called=plan.path,
        )


def _completion(plan: ImagePlan, report: PixelReport) -> completion.Completion:
    levels = plan.layout.levels
    return completion.Completion(
        fingerprint=plan.fingerprint,
        levels=report.levels([level.path for level in levels], [plan.layout.on_axes(level.shape) for level in levels]),
        steps=plan.steps,
        missing_planes={
            "count": plan.missing_planes.count,
            "examples": list(plan.missing_planes.examples),
            "pixels": report.pixels_without_source,
        },
    )
