"""What Extend may not do to images that are complete: put other data into their places, or take labels and tables away.

An image that is complete is made again when its options, conditions or source files changed. That is an extension as long as
all that it shows is shown again (a field more, a file that was copied again). It is none when the sources are others: most
often a second acquisition that was given the number of the first one.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from fractal_omezarr_converters.core.packing import unpack_array
from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import ConvertersToolsOutputExistsError, ConvertersToolsUserError
from fractal_omezarr_converters.fractal.compute import RUN_KEY
from fractal_omezarr_converters.fractal.runners import Job, Outcome
from fractal_omezarr_converters.fractal.source_record import read_record
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.models.options import ConverterOptions
from fractal_omezarr_converters.ngff import completion
from fractal_omezarr_converters.ngff.groups import require_group
from fractal_omezarr_converters.ngff.stores import Store, open_store
from fractal_omezarr_converters.pipelines.header_checks import expected_shape
from fractal_omezarr_converters.pipelines.losses import work_of_others
from fractal_omezarr_converters.pipelines.plan import plan_image
from fractal_omezarr_converters.pipelines.registration import default_steps

type Image = TiledImage[Any, Any]

READERS = 16
REMEDY = "leave these images out with a filter, or choose Overwrite to make all anew"


def refuse_to_lose(store: Store, images: Sequence[Image], options: ConverterOptions) -> None:
    """Raise when extending with these images would take something away from images that are complete.

    Raises:
        ConvertersToolsOutputExistsError: it would; the first image is named, with what it would lose.
    """
    for loss in (_other_data, _lost_work):
        with ThreadPoolExecutor(READERS) as pool:
            texts = list(pool.map(partial(loss, store, options), images))
        found = [(image.path, text) for image, text in zip(images, texts) if text]
        if not found:
            continue
        path, text = found[0]
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise ConvertersToolsOutputExistsError(
            f"Extend would replace the complete image '{path}'{more} in {store.url}: {text}."
        )


def kept_images(outcomes: Sequence[Outcome], jobs: Sequence[Job]) -> int:
    """How many images were complete before their run, which each image names that it wrote."""
    done = [(each.name, jobs[each.index]["init_args"].get("run")) for each in outcomes if each.error is None]
    with ThreadPoolExecutor(READERS) as pool:
        return sum(pool.map(lambda job: require_group(open_store(job[0]), "").own.get(RUN_KEY) != job[1], done))


def _other_data(store: Store, _options: ConverterOptions, image: Image) -> str | None:
    """What an image shows that the new one would not, and what to do; None when nothing is lost."""
    if completion.read(store, image.path) is None:
        return None
    try:
        before = read_record(require_group(store, image.path).own, image.path)[0]
    except ConvertersToolsUserError:  # another version wrote it, or no description was kept
        return None
    had, has = _planes(before), _planes(image)
    now = _sources(image)
    gone = [] if _has_the_same_files(before, image) else [each for each in _sources(before) if each not in now]
    if gone:
        more = f" and {len(gone) - 1} more source{'s' * (len(gone) > 2)}" if len(gone) > 1 else ""
        one = "acquisition another number" if isinstance(image.collection, ImageInPlate) else "image another name"
        return (
            f"it was made from {gone[0]}{more}, which this run does not read (it reads for example {next(iter(now))}); give the "
            f"{one} to keep both, {REMEDY}"
        )
    if had > has:
        return f"it has {had} planes of fields of view, this run would write {has} of them; {REMEDY}"
    return None


def _lost_work(store: Store, options: ConverterOptions, image: Image) -> str | None:
    """Labels and tables of an image that would be made again without them, and what to do; None when nothing is lost."""
    mark = completion.read(store, image.path)
    if mark is None:
        return None
    labels, tables = work_of_others(store, image.path, image)
    if not labels and not tables:
        return None
    handed_over = type(image).model_validate_json(image.model_dump_json())
    made = plan_image(handed_over, converter_options=options, registration_pipeline=default_steps(options))
    if made.fingerprint == mark.fingerprint:
        return None
    work = [f"the {kind} {name}" for kind, names in (("label", labels), ("table", tables)) for name in names]
    return (
        "options, conditions, source files or the converter's version are others than when it was written, so it would be made "
        f"again, and {', '.join(work)} would be lost; run with the same options as before, {REMEDY}"
    )


def _sources(image: Image) -> dict[str, None]:
    loaders = image.columns.loaders
    return {loaders.loader(row).describe_source(): None for row in range(len(loaders))}


def _planes(image: Image) -> int:
    return int(expected_shape(image)[:, :3].prod(axis=1).sum())


def _has_the_same_files(before: Image, now: Image) -> bool:
    """Whether all files are among the present ones by size and time: a folder that was moved."""
    if before.source_stamps is None or now.source_stamps is None:
        return False
    return set(unpack_array(before.source_stamps, "uint32").tolist()) <= set(
        unpack_array(now.source_stamps, "uint32").tolist()
    )
