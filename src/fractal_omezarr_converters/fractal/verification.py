"""Compare what was written with its source: every pixel of level 0, read again from source and output; every chunk counted.

Coarser levels are compared with what their method makes of the level before. The source is read through the record that each
image carries. Places that no source covers must be empty.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fractal_omezarr_converters.errors import (
    ConvertersToolsError,
    ConvertersToolsFileNotFoundError,
    ConvertersToolsStoreError,
    ConvertersToolsUserError,
)
from fractal_omezarr_converters.fractal.compute import registration_steps
from fractal_omezarr_converters.fractal.file_verification import (
    wrong_documents,
    wrong_files,
)
from fractal_omezarr_converters.fractal.group_verification import is_of_others
from fractal_omezarr_converters.fractal.level_verification import wrong_levels
from fractal_omezarr_converters.fractal.output_images import images_below, wrong_place
from fractal_omezarr_converters.fractal.pixel_verification import compare_pixels
from fractal_omezarr_converters.fractal.source_record import read_record
from fractal_omezarr_converters.models.remote_calls import store_errors
from fractal_omezarr_converters.models.rights_to_read import refusals_to_read
from fractal_omezarr_converters.ngff import completion
from fractal_omezarr_converters.ngff.groups import read_group, require_group
from fractal_omezarr_converters.ngff.stores import Store, open_store
from fractal_omezarr_converters.ngff.zarr_arrays import open_array
from fractal_omezarr_converters.pipelines.plan import ImagePlan, plan_image
from fractal_omezarr_converters.pipelines.registration import with_found_shifts


@dataclass(frozen=True)
class ImageVerification:
    """The result for one image."""

    url: str
    planes: int = 0
    pixels: int = 0
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything agrees."""
        return not self.problems


@dataclass(frozen=True)
class Verification:
    """The result for everything below a place; ``others`` are images that other programs wrote, which have no source."""

    out: str
    images: tuple[ImageVerification, ...]
    problems: tuple[str, ...] = field(default=())
    others: tuple[str, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether all images agree with their source and none is missing."""
        return bool(self.images) and not self.problems and all(image.ok for image in self.images)

    def to_json(self) -> dict[str, Any]:
        """The result in plain values."""
        return {
            "document": "verification",
            "version": 1,
            "out": self.out,
            "ok": self.ok,
            "problems": list(self.problems),
            "others": list(self.others),
            "images": [
                {
                    "url": image.url,
                    "ok": image.ok,
                    "planes": image.planes,
                    "pixels": image.pixels,
                    "problems": list(image.problems),
                    "notes": list(image.notes),
                }
                for image in self.images
            ],
        }

    def __repr__(self) -> str:
        """The result as text."""
        pixels = sum(image.pixels for image in self.images)
        planes = sum(image.planes for image in self.images)
        good = sum(image.ok for image in self.images)
        verdict = "verified" if self.ok else "NOT verified"
        lines = [
            f"{verdict}: {good} of {len(self.images)} images agree with their source, "
            f"{planes} planes and {pixels} pixels compared, coarser levels made again"
        ]
        lines += self.problems
        lines += [f"{url}: not compared, because another program wrote it." for url in self.others]
        for image in self.images:
            lines += [f"{image.url}: {text}" for text in (*image.problems, *image.notes)]
        return "\n".join(lines)


def verify_output(
    out: str,
    *,
    only: Collection[str] | None = None,
    progress: Callable[[int, int, int], None] | None = None,
) -> Verification:
    """Verify every image below a place, or only those with the given URLs."""
    with refusals_to_read():
        urls, missing = images_below(out) if only is None else (list(only), [])
    if not urls and not missing:
        raise ConvertersToolsFileNotFoundError(f"There is no OME-Zarr image at {out} or below; check the path.")
    others = [url for url in urls if _is_of_others(url)]
    results: list[ImageVerification] = []
    done = 0
    for url in (ours := [url for url in urls if url not in others]):
        results.append(verify_image(url))
        done += results[-1].pixels
        if progress is not None:
            progress(len(results), len(ours), done)
    return Verification(out=out, images=tuple(results), problems=tuple(missing), others=tuple(others))


def _is_of_others(url: str) -> bool:
    """Whether another program wrote an image, such as a later step of a workflow; a damaged one is taken for ours."""
    try:
        with refusals_to_read():
            return is_of_others(read_group(open_store(url), ""))
    except store_errors(ConvertersToolsError):
        return False


def verify_image(url: str) -> ImageVerification:
    """Compare one image with its source; whatever is wrong becomes a problem of the result."""
    try:
        with refusals_to_read():
            return _verified(open_store(url), url)
    except store_errors(ConvertersToolsError) as error:
        return ImageVerification(url, problems=(str(error),))


def _verified(store: Store, url: str) -> ImageVerification:
    mark = completion.read(store)
    if mark is None:
        return ImageVerification(url, problems=("The image is not finished: it has no completion mark.",))
    own = require_group(store, "").own
    image, options = read_record(own, url)
    steps = registration_steps(options)
    plan = plan_image(image, converter_options=options, registration_pipeline=steps)
    notes: tuple[str, ...] = ()
    if plan.fingerprint != mark.fingerprint:
        notes = ("The source files are not the same as when the image was written (size or time differ).",)
    if plan.pending:
        steps = with_found_shifts(steps, own.get("registration", []))
        plan = plan_image(image, converter_options=options, registration_pipeline=steps, read_pixels=True)
    problems, planes, pixels = _wrong_layout(store, plan), 0, 0
    if not problems:
        said, lost = wrong_files(store, plan)
        problems += wrong_place(url, image.collection) + wrong_documents(store, plan) + said
        planes, pixels, different = compare_pixels(store, plan, lost)
        problems += different
        problems += wrong_levels(store, plan.layout) if not problems else []
    return ImageVerification(url, planes, pixels, tuple(problems), notes)


def _wrong_layout(store: Store, plan: ImagePlan) -> list[str]:
    try:
        array = open_array(store, plan.layout.levels[0].path)
    except ConvertersToolsStoreError:
        raise
    except ConvertersToolsUserError as error:
        return [*wrong_documents(store, plan), str(error)]
    if tuple(array.shape) != tuple(plan.shape) or np.dtype(array.dtype) != np.dtype(plan.dtype):
        return [
            f"Level 0 is {tuple(array.shape)} {array.dtype}, its source gives {tuple(plan.shape)} {plan.dtype}: "
            "source, options or metadata have changed since."
        ]
    return []
