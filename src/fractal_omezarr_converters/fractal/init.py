"""The init step: check everything, prepare the place of output, and give one small job per image.

Nothing is written before all images are known to be convertible, and nothing that exists is removed here.
"""

from __future__ import annotations

import copy
import logging
import os
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fractal_omezarr_converters.core.paused_collection import paused_collection
from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import ConvertersToolsUserError, raise_together
from fractal_omezarr_converters.fractal.handover import digest_of, dump_json_str
from fractal_omezarr_converters.fractal.job import ConvertParallelInitArgs
from fractal_omezarr_converters.fractal.run_folder import make_run_folder, new_run_name, remove_useless_runs
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.models.foreign_paths import path_of_this_computer
from fractal_omezarr_converters.models.options import ConverterOptions, OverwriteMode
from fractal_omezarr_converters.models.plate_facts import PlateFacts
from fractal_omezarr_converters.models.urls import (
    absolute_url,
    clean_url,
    is_remote_url,
    join_url_paths,
    local_url_to_path,
)

logger = logging.getLogger(__name__)

type Images = Sequence[TiledImage[Any, Any]]

#: Fractal accepts no more compute jobs of one task.
MOST_IMAGES = 20_000


@paused_collection()
def setup_images_for_conversion(
    tiled_images: Images,
    *,
    zarr_dir: str,
    collection_type: str | None = None,
    converter_options: ConverterOptions,
    overwrite_mode: OverwriteMode = OverwriteMode.NO_OVERWRITE,
    ngff_version: str | None = None,
    plate_facts: Mapping[tuple[str, int], PlateFacts] | None = None,
    metadata_files: Mapping[tuple[str, int], Sequence[str]] | None = None,
) -> list[dict[str, Any]]:
    """Check the images, write plate and well documents, and give the parallelization list.

    ``metadata_files`` are copied into the plates, by the plate's folder and the acquisition.

    Raises:
        ConvertersToolsUserError: there is no image, two images have one place, there are more images than Fractal takes,
            an image cannot be written as planned, or the place of output cannot be used. Nothing is written then.
    """
    from fractal_omezarr_converters.fractal.output_place import refuse_inside_ome_zarr
    from fractal_omezarr_converters.pipelines.collections_setup import setup_ome_zarr_collection
    from fractal_omezarr_converters.pipelines.disk_refusals import refusals_of_a_disk

    _check_version(converter_options, ngff_version)
    place = stated_zarr_dir(zarr_dir)
    images = list(tiled_images)
    check_images(images)
    refuse_inside_ome_zarr(place)
    make_zarr_dir(place)
    run = new_run_name()
    with refusals_of_a_disk(f"The output in {place}"):
        setup_ome_zarr_collection(
            tiled_images=images,
            collection_type=collection_type,
            zarr_dir=place,
            ngff_version=converter_options.omezarr_options.ngff_version,
            overwrite_mode=overwrite_mode,
            plate_facts=plate_facts,
            table_backend=converter_options.omezarr_options.table_backend.value,
            run=run,
            before_writing=_check_of_extend(converter_options) if overwrite_mode == OverwriteMode.EXTEND else None,
        )
        if metadata_files:
            from fractal_omezarr_converters.fractal.metadata_copies import copy_metadata_files

            copy_metadata_files(place, metadata_files, replace=overwrite_mode == OverwriteMode.OVERWRITE)
        return build_parallelization_list(
            images, zarr_dir=place, converter_options=converter_options, overwrite_mode=overwrite_mode, run=run
        )


def _check_of_extend(options: ConverterOptions) -> Callable[[Any, Images], None]:
    from fractal_omezarr_converters.fractal.kept_images import refuse_to_lose

    return partial(refuse_to_lose, options=options)


def build_parallelization_list(
    tiled_images: Images,
    *,
    zarr_dir: str,
    converter_options: ConverterOptions,
    overwrite_mode: OverwriteMode = OverwriteMode.NO_OVERWRITE,
    run: str | None = None,
) -> list[dict[str, Any]]:
    """Give one ``{"zarr_url", "init_args"}`` per image; descriptions travel inside while they are small, else as files."""
    place = stated_zarr_dir(zarr_dir)
    stamped = [_with_stamps(image) for image in tiled_images]
    descriptions = [(join_url_paths(place, image.path), image.model_dump_json()) for image in stamped]
    handing = converter_options.runtime_settings.temp_json_options
    total = sum(len(text) for _, text in descriptions)
    urls = [url for url, _ in descriptions]
    run = run or new_run_name()
    temp_url, name = handing.format_temp_url(place), run
    remove_useless_runs(temp_url, zarr_dir=place, images=urls)
    plates = sorted({image.collection.plate_path() for image in stamped if isinstance(image.collection, ImageInPlate)})
    if plates and handing.is_left_to_us():
        temp_url, name = join_url_paths(place, plates[0]), f".{run}"
        remove_useless_runs(temp_url, zarr_dir=place, images=urls)
    folder = None if handing.use_in_memory(total) else make_run_folder(temp_url, zarr_dir=place, images=urls, name=name)
    shared = ConvertParallelInitArgs(
        tiled_image_json_str="", converter_options=converter_options, overwrite_mode=overwrite_mode, run=run
    ).to_json()
    jobs = []
    for url, text in descriptions:
        own = {"tiled_image_json_dump_url": dump_json_str(folder, text)} if folder else {"tiled_image_json_str": text}
        own["digest"] = digest_of(text)
        rest = {key: value for key, value in shared.items() if key != "tiled_image_json_str"}
        jobs.append({"zarr_url": url, "init_args": {**own, **copy.deepcopy(rest)}})
    return jobs


def _with_stamps(image: TiledImage[Any, Any]) -> TiledImage[Any, Any]:
    """The image with what its files are now, by which compute notices others in their place."""
    from fractal_omezarr_converters.pipelines.header_checks import check_sources

    if image.has_stamps_of_its_sources():
        return image
    found = check_sources(image, headers=False)
    stamped = image.copy_with()
    if found.problems:
        stamped.source_stamps = None
    else:
        stamped.stamp_sources(found.sources)
    return stamped


def check_images(images: Images) -> None:
    """Raise when there is nothing to convert, too much, or two images for one place."""
    if not images:
        raise ConvertersToolsUserError(
            "There is no image to convert: the acquisitions hold none, or the filters leave none; check path and filters."
        )
    if len(images) > MOST_IMAGES:
        raise ConvertersToolsUserError(
            f"{len(images)} images are more than the {MOST_IMAGES} that Fractal takes in one task: convert fewer wells at "
            "once with a filter, or one image per well instead of one per field of view."
        )
    by_path: defaultdict[str, list[TiledImage[Any, Any]]] = defaultdict(list)
    for image in images:
        by_path[image.path].append(image)
    raise_together(
        [
            f"{len(claiming)} images would be written to {path}: {'; '.join(_source_of(image) for image in claiming)}; "
            "give the acquisitions different numbers or plate names."
            for path, claiming in by_path.items()
            if len(claiming) > 1
        ],
        "Several images have the same place",
    )


def _source_of(image: TiledImage[Any, Any]) -> str:
    """The first file of an image, to tell images of one place apart."""
    loaders = image.columns.loaders
    return str(loaders.loader(0).describe_source()) if len(loaders) else "an image without planes"


def stated_zarr_dir(zarr_dir: str | os.PathLike[str]) -> str:
    """The output folder as an absolute path or URL, its letters as they came; a relative path is taken from the current folder.

    Fractal takes only images whose URL begins with the zarr_dir that it gave: other letters of the same name (``ü`` as one
    or as two) would not do, even where the disk has them.
    """
    if not isinstance(zarr_dir, str | os.PathLike) or not clean_url(zarr_dir):
        raise ConvertersToolsUserError("The folder to write into (zarr_dir) is empty; give a path or an s3:// URL.")
    place = absolute_url(str(zarr_dir))
    return place if is_remote_url(place) else str(local_url_to_path(place))


def absolute_zarr_dir(zarr_dir: str | os.PathLike[str]) -> str:
    """The output folder as an absolute path or URL, spelled as the disk does, for what people type."""
    place = stated_zarr_dir(zarr_dir)
    return place if is_remote_url(place) else str(path_of_this_computer(str(zarr_dir), example="/data/zarr"))


def make_zarr_dir(zarr_dir: str) -> None:
    """Create the output folder and prove that it can be written to; Fractal does not create it."""
    if is_remote_url(zarr_dir):
        return
    from fractal_omezarr_converters.pipelines.disk_refusals import no_folder_at

    folder = Path(zarr_dir)
    probe = folder / f".write-test-{uuid.uuid4().hex[:12]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConvertersToolsUserError(
            f"The folder {zarr_dir} cannot be written to ({no_folder_at(probe) or error.strerror or error}); choose another one, "
            "or ask for the right to write there."
        ) from error


def _check_version(options: ConverterOptions, ngff_version: str | None) -> None:
    stated = options.omezarr_options.ngff_version
    if ngff_version is not None and ngff_version != stated:
        raise ConvertersToolsUserError(
            f"OME-Zarr version {ngff_version} is asked for, but the options say {stated}; plate and images have one version."
        )


def init_acquisitions(
    format_name: str | None,
    *,
    zarr_dir: str,
    acquisitions: Sequence[Any],
    converter_options: Any,
    overwrite: OverwriteMode | str = OverwriteMode.NO_OVERWRITE,
) -> dict[str, Any]:
    """The init task of a format: read the metadata of all acquisitions, check, prepare, give the parallelization list.

    Without a name, the format of each acquisition is found out from its files.
    """
    from fractal_omezarr_converters.formats.store_folders import kept_folders
    from fractal_omezarr_converters.fractal.requests import acquisition_request, full_options
    from fractal_omezarr_converters.pipelines.acquisitions import read_acquisitions

    options = full_options(converter_options)
    with kept_folders():
        requests = [acquisition_request(each, format_name) for each in acquisitions]
        if not requests:
            raise ConvertersToolsUserError("No acquisition is given; add at least one and state its path.")
        images, report = read_acquisitions(requests, options)
    jobs = setup_images_for_conversion(
        images,
        zarr_dir=zarr_dir,
        converter_options=options,
        overwrite_mode=OverwriteMode(overwrite),
        plate_facts=report.plate_facts,
        metadata_files=report.metadata_files,
    )
    logger.info("%d acquisitions read, %d images to write", len(requests), len(jobs))
    return {"parallelization_list": jobs}
