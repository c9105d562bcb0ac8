"""Compare what was written with its source: every pixel of level 0, read again from source and output; every chunk counted.

Coarser levels are compared with what their method makes of the level before. The source is read through the record that each
image carries. Places that no source covers must be empty.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import product
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
    NAMED,
    chunk_file,
    chunk_name,
    wrong_documents,
    wrong_files,
)
from fractal_omezarr_converters.fractal.level_verification import wrong_levels
from fractal_omezarr_converters.fractal.output_images import images_below, wrong_place
from fractal_omezarr_converters.fractal.source_pixels import SourcePixels
from fractal_omezarr_converters.fractal.source_record import read_record
from fractal_omezarr_converters.models.remote_calls import store_errors
from fractal_omezarr_converters.models.rights_to_read import refusals_to_read
from fractal_omezarr_converters.ngff import completion
from fractal_omezarr_converters.ngff.groups import require_group
from fractal_omezarr_converters.ngff.stores import Store, open_store
from fractal_omezarr_converters.ngff.zarr_arrays import DECODE_ERRORS, open_array, read_part
from fractal_omezarr_converters.pipelines.plan import ImagePlan, plan_image
from fractal_omezarr_converters.pipelines.registration import with_found_shifts

#: Pixels of one block that is compared at a time, per axis y and x.
BLOCK_EDGE = 2048


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
    """The result for everything below a place."""

    out: str
    images: tuple[ImageVerification, ...]
    problems: tuple[str, ...] = field(default=())

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
    results: list[ImageVerification] = []
    done = 0
    for url in urls:
        results.append(verify_image(url))
        done += results[-1].pixels
        if progress is not None:
            progress(len(results), len(urls), done)
    return Verification(out=out, images=tuple(results), problems=tuple(missing))


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
        planes, pixels, different = _compare(store, plan, lost)
        problems += different
        problems += wrong_levels(store, plan.layout) if not problems else []
    return ImageVerification(url, planes, pixels, tuple(problems), notes)


def _compare(store: Store, plan: ImagePlan, lost: Collection[str]) -> tuple[int, int, list[str]]:
    """Compare level 0 block by block; give planes and pixels compared, and a sentence per wrong chunk that is not ``lost``."""
    array = open_array(store, plan.layout.levels[0].path)
    tiles = SourcePixels(plan)
    shape, chunks = np.asarray(plan.placement.shape), np.asarray(plan.layout.level_chunks(0))
    axes = ["tczyx".index(axis) for axis in plan.axes]
    pixels, count, wrong = 0, 0, []

    def read(begin: Any, end: Any) -> Any:
        part = tuple(slice(int(begin[k]), int(end[k])) for k in axes)
        return read_part(array, part).reshape(end - begin)

    for begin, end in _blocks(shape, np.asarray(plan.layout.chunks), tiles.deepest):
        wanted = tiles.expected(begin, end, plan.dtype)
        pixels += wanted.size
        with contextlib.suppress(*DECODE_ERRORS):
            if _same(read(begin, end), wanted):
                continue
        for chunk in product(
            *(range(a // c, -(-b // c)) for a, b, c in zip(begin.tolist(), end.tolist(), chunks.tolist()))
        ):
            low, high = np.maximum(np.asarray(chunk) * chunks, begin), np.minimum((np.asarray(chunk) + 1) * chunks, end)
            inside = tuple(slice(a, b) for a, b in zip((low - begin).tolist(), (high - begin).tolist()))
            expected = wanted[inside]
            name = chunk_name(plan.layout, 0, chunk)
            try:
                found = read(low, high)
            except PermissionError:
                raise
            except DECODE_ERRORS as error:
                spans = ", ".join(f"{'tczyx'[k]} {low[k]} to {high[k] - 1}" for k in axes)
                said = f"Level 0 cannot be read at {spans}: chunk {name} is damaged ({error}); convert the image again."
            else:
                if chunk_file(plan.layout, 0, chunk)[0] in lost or _same(found, expected):
                    continue
                said = f"{_difference(found, expected, low, plan, tiles)} in chunk {name}."
            count += 1
            wrong += [said] if count <= NAMED else []
    more = [f"{count - NAMED} more chunks of level 0 are wrong."] if count > NAMED else []
    return int(np.prod(shape[:3])), pixels, wrong + more


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


def _blocks(shape: Any, chunks: Any, deepest: int) -> Iterator[tuple[Any, Any]]:
    """Blocks of whole chunks over the image; deep where single tiles hold many planes."""
    size = np.ones(5, dtype=np.int64)
    size[2] = max(int(chunks[2]), deepest)
    for axis in (3, 4):
        size[axis] = chunks[axis] * max(1, BLOCK_EDGE // int(chunks[axis]))
    for corner in product(*(range(0, int(total), int(step)) for total, step in zip(shape, size))):
        begin = np.asarray(corner)
        yield begin, np.minimum(begin + size, shape)


def _same(found: Any, expected: Any) -> bool:
    return bool(np.array_equal(found, expected, equal_nan=found.dtype.kind in "fc"))


def _difference(found: Any, expected: Any, begin: Any, plan: ImagePlan, tiles: SourcePixels) -> str:
    differs = found != expected
    if found.dtype.kind in "fc":
        differs &= ~(np.isnan(found) & np.isnan(expected))
    first = tuple(int(number) for number in np.argwhere(differs)[0])
    t, c, z, y, x = (int(a) + b for a, b in zip(begin, first))
    tile = tiles.source_of((t, c, z, y, x))
    origin = f"source {tiles.describe(tile)}" if tile >= 0 else "no source covers it"
    channels = plan.image.channels or []
    label = f" ({channels[c].channel_label})" if c < len(channels) else ""
    return (
        f"Plane t={t} c={c}{label} z={z} differs, first at y={y} x={x}: {found[first]} is written, "
        f"{expected[first]} expected ({origin}); {int(differs.sum())} pixels differ"
    )
