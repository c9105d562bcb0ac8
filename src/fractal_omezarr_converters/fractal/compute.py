"""The compute step: write one image as init described it, and say what to put into the image list."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from fractal_omezarr_converters.core.source_stamps import changed_sources
from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import (
    ConvertersToolsFileNotFoundError,
    ConvertersToolsOutputExistsError,
    ConvertersToolsUserError,
)
from fractal_omezarr_converters.fractal.handover import digest_of, tiled_image_from_json, tiled_image_from_json_str
from fractal_omezarr_converters.fractal.image_list import ImageListUpdateDict, Scalar, image_list_update
from fractal_omezarr_converters.fractal.job import ConvertParallelInitArgs
from fractal_omezarr_converters.fractal.run_folder import mark_done, remove_used
from fractal_omezarr_converters.fractal.source_record import KEY as SOURCE_KEY
from fractal_omezarr_converters.fractal.source_record import make_record, read_record
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.models.options import ConverterOptions, OverwriteMode
from fractal_omezarr_converters.models.user_facing import complete_inside_out
from fractal_omezarr_converters.ngff import completion
from fractal_omezarr_converters.ngff.groups import read_group, require_group
from fractal_omezarr_converters.ngff.staging import recover
from fractal_omezarr_converters.ngff.stores import open_store
from fractal_omezarr_converters.pipelines.creation import PixelWriter, write_plan
from fractal_omezarr_converters.pipelines.plan import ImagePlan, plan_image
from fractal_omezarr_converters.pipelines.plate_replacement import image_is_complete, runs_of_plate
from fractal_omezarr_converters.pipelines.registration import RegistrationStep, default_steps

logger = logging.getLogger(__name__)

#: Which run wrote an image, so that a job that is delivered twice is known.
RUN_KEY = "run"


def generic_compute_task(
    *,
    zarr_url: str,
    init_args: ConvertParallelInitArgs | Mapping[str, Any],
    collection_type: type | None = None,
    image_loader_type: type | None = None,
    resource: Any = None,
) -> ImageListUpdateDict:
    """Write one image and give its entry for the image list; an image that is complete already is left as it is.

    The same job can be run again: the image holds the description, or else the hand-over file stays. The two types
    are needed only for descriptions that an older converter wrote.
    """
    return compute_image(
        zarr_url=zarr_url,
        init_args=init_args,
        collection_type=collection_type,
        image_loader_type=image_loader_type,
        resource=resource,
    )


def compute_image(
    *,
    zarr_url: str,
    init_args: ConvertParallelInitArgs | Mapping[str, Any],
    collection_type: type | None = None,
    image_loader_type: type | None = None,
    resource: Any = None,
    write: PixelWriter | None = None,
) -> ImageListUpdateDict:
    """The compute step, in which ``write`` may write the pixels in another way than by threads of this process."""
    started = time.perf_counter()
    job = _checked_job(init_args, zarr_url)
    image = _description(job, zarr_url, collection_type, image_loader_type)
    _refuse_another_place(image, job, zarr_url)
    steps = registration_steps(job.converter_options)
    plan = plan_image(image, converter_options=job.converter_options, registration_pipeline=steps, resource=resource)
    recover(*zarr_url.rstrip("/").rsplit("/", 1))
    overwrites = job.overwrite_mode is OverwriteMode.OVERWRITE
    runs = (job.run, *runs_of_plate(zarr_url, image)) if overwrites else ()
    if _is_done(zarr_url, plan, job, runs):
        logger.info("%s is complete already", zarr_url)
        if overwrites:
            image_is_complete(zarr_url, image)
    else:
        _refuse_changed_sources(image, plan)
        if plan.pending:
            plan = plan_image(
                image,
                converter_options=job.converter_options,
                registration_pipeline=steps,
                resource=resource,
                sources=plan.sources,
                read_pixels=True,
            )
        try:
            _write(image, plan, zarr_url, job, resource=resource, write=write)
        except ConvertersToolsOutputExistsError:
            if not _is_done(zarr_url, plan, job, runs):  # else a second copy of this very job was faster
                raise
        logger.info("%s written in %.1f s", zarr_url, time.perf_counter() - started)
    if job.tiled_image_json_dump_url is not None:
        done = mark_done if _held_description(job, zarr_url) is None else remove_used
        done(job.tiled_image_json_dump_url)
    return entry_of(zarr_url, plan)


def _write(
    image: TiledImage[Any, Any],
    plan: ImagePlan,
    zarr_url: str,
    job: ConvertParallelInitArgs,
    *,
    resource: Any,
    write: PixelWriter | None,
) -> None:
    with job.converter_options.runtime_settings.apply():
        write_plan(
            plan,
            zarr_url=zarr_url,
            converter_options=job.converter_options,
            overwrite_mode=job.overwrite_mode,
            resource=resource,
            own={SOURCE_KEY: make_record(image, job.converter_options), RUN_KEY: job.run},
            write=write,
        )


def registration_steps(options: ConverterOptions) -> list[RegistrationStep]:
    """The registration that these options mean."""
    return default_steps(options)


def entry_of(zarr_url: str, plan: ImagePlan) -> ImageListUpdateDict:
    """The image's entry for the image list."""
    collection = plan.image.collection
    place: dict[str, Scalar] = {}
    if isinstance(collection, ImageInPlate):
        place = {
            "plate": collection.plate_path(),
            "well": collection.well,
            "acquisition": int(collection.acquisition),
        }
    size = dict(zip(plan.axes, plan.shape))
    return image_list_update(
        zarr_url,
        is_3d=size.get("z", 1) > 1,
        is_time_series=size.get("t", 1) > 1,
        attributes=plan.image.attributes,
        place=place,
    )


def _is_done(zarr_url: str, plan: ImagePlan, job: ConvertParallelInitArgs, runs: Sequence[str | None]) -> bool:
    """Complete by this plan; with Overwrite only when this run wrote it, or one that it goes on with: not the old data."""
    store = open_store(zarr_url)
    if not completion.is_complete(store, "", plan.fingerprint):
        return False
    if job.overwrite_mode is not OverwriteMode.OVERWRITE:
        return True
    written_by = require_group(store, "").own.get(RUN_KEY)
    return written_by is not None and written_by in runs


def _checked_job(init_args: ConvertParallelInitArgs | Mapping[str, Any], zarr_url: str) -> ConvertParallelInitArgs:
    if isinstance(init_args, ConvertParallelInitArgs):
        return init_args
    complete_inside_out(ConvertParallelInitArgs)
    try:
        return ConvertParallelInitArgs.model_validate(dict(init_args))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConvertersToolsUserError(
            f"The job of {zarr_url} cannot be used ({'.'.join(map(str, first['loc'])) or 'init_args'}: {first['msg']}): "
            "run the init step again with the version of the converter that runs compute."
        ) from error


def _refuse_changed_sources(image: TiledImage[Any, Any], plan: ImagePlan) -> None:
    """Raise when source files are not what they were when init planned the image."""
    if image.source_stamps is None:
        return
    changed = changed_sources(image.source_stamps, plan.sources)
    if not changed:
        return
    first = changed[0]
    written = datetime.fromtimestamp(first.mtime_ns / 1e9, UTC)
    raise ConvertersToolsUserError(
        f"{len(changed)} source files of image '{image.path}' were changed after the conversion was planned, for example "
        f"'{first.path}' (now {first.size} bytes, written {written:%Y-%m-%d %H:%M:%S} UTC); wait until the acquisition is "
        "complete, then run the converter again from its first step."
    )


def _refuse_another_place(image: TiledImage[Any, Any], job: ConvertParallelInitArgs, zarr_url: str) -> None:
    """Raise when place and description of a job of ours do not belong together; jobs of older converters do not say."""
    if job.run is not None and not f"/{zarr_url.rstrip('/')}".endswith(f"/{image.path}"):
        raise ConvertersToolsUserError(
            f"The zarr_url of a job is {zarr_url}, but its description is of the image '{image.path}': they do not match, "
            "jobs were mixed up; run the converter again."
        )


def _held_description(job: ConvertParallelInitArgs, zarr_url: str) -> TiledImage[Any, Any] | None:
    """The job's description as the complete image holds it; None when it holds none or another one."""
    store = open_store(zarr_url)
    group = read_group(store, "") if job.digest is not None and completion.read(store) is not None else None
    try:
        image = read_record(group.own, zarr_url)[0] if group is not None else None
    except ConvertersToolsUserError:  # an image that another version wrote
        return None
    return image if image is not None and digest_of(image.model_dump_json()) == job.digest else None


def _description(
    job: ConvertParallelInitArgs, zarr_url: str, collection_type: type | None, image_loader_type: type | None
) -> TiledImage[Any, Any]:
    if job.tiled_image_json_str is not None:
        if job.digest is not None and digest_of(job.tiled_image_json_str) != job.digest:
            raise ConvertersToolsUserError(
                "The description of an image in a job is not what the init step wrote: it was changed; run the converter again."
            )
        return tiled_image_from_json_str(job.tiled_image_json_str, collection_type, image_loader_type)
    url = str(job.tiled_image_json_dump_url)
    try:
        return tiled_image_from_json(url, collection_type, image_loader_type, digest=job.digest)
    except ConvertersToolsFileNotFoundError:
        held = _held_description(job, zarr_url)
        if held is None:
            raise
        return held
