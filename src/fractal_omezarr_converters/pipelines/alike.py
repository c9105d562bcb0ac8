"""Images whose tiles lie alike, as those of a plate do, are planned once: what a plan finds is the same for all of them.

Two images lie alike when their tiles begin and end at the same whole pixels, counted from the first, and are equal in all else
that a plan looks at. Positions are compared after the same arithmetic by which the registration rounds them.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from fractal_omezarr_converters.core.geometry import round_edges
from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import ConvertersToolsWarning
from fractal_omezarr_converters.models.made_sequence import MadeSequence
from fractal_omezarr_converters.models.options import ConverterOptions
from fractal_omezarr_converters.models.source_files import SourceFile
from fractal_omezarr_converters.pipelines.image_steps import T, X, Y, Z
from fractal_omezarr_converters.pipelines.plan import ImagePlan, plan_image
from fractal_omezarr_converters.pipelines.plan_checks import check_positions, check_times
from fractal_omezarr_converters.pipelines.registration import are_built_in, default_steps, steps_on_pixels

type Image = TiledImage[Any, Any]

_CERTAINLY_POSSIBLE = 1e7
"""Positions of fewer of the smallest steps than this (channels have the step 1) are possible, and times not too far apart."""
_NAMES_MATTER = "Snap to Corners"
"""The tiling that takes fields in the order of their names."""


class Findings(NamedTuple):
    """What the plan of an image says to the user."""

    warnings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


class _Known(NamedTuple):
    """What was found for the first of some images that lie alike."""

    path: str
    fov_names: list[str]
    needs_names: bool
    findings: Findings


class Planner:
    """Plans the images of one run; images that lie alike are looked at once."""

    def __init__(self, options: ConverterOptions, resource: Any = None) -> None:
        self._options, self._resource = options, resource
        steps = default_steps(options)
        self._shares = are_built_in(steps) and not steps_on_pixels(steps)
        removed = options.stage_position_corrections
        modes = {T: removed.remove_t_offset, Z: removed.remove_z_offset, Y: removed.remove_xy_offset}
        modes[X] = modes[Y]
        self._is_counted_from_first = np.array([modes.get(axis) == "Global" for axis in range(5)])
        self._known: dict[tuple[Any, ...], _Known] = {}

    def findings(self, image: Image, sources: Sequence[SourceFile]) -> Findings:
        """Say what the plan of an image would say.

        Raises:
            ConvertersToolsUserError: the image cannot be planned.
        """
        key = self._key(image) if self._shares and len(image.columns) else None
        known = None if key is None else self._known.get(key)
        if known is not None and not (known.needs_names and known.fov_names != image.columns.fov_names):
            self._check(image)
            own, theirs = f"'{image.path}'", f"'{known.path}'"
            told = (tuple(text.replace(theirs, own) for text in texts) for texts in known.findings)
            found = Findings(*told)
            return found._replace(warnings=tuple(dict.fromkeys([*image.notes, *found.warnings])))
        plan = self.plan(image, sources)
        found = Findings(plan.warnings, plan.remarks)
        if key is not None and not _looks_at_sources(plan) and not image.remarks:
            own_notes = set(image.notes)
            shared = Findings(tuple(text for text in plan.warnings if text not in own_notes), plan.remarks)
            names = list(image.columns.fov_names)
            self._known[key] = _Known(image.path, names, _needs_names(plan, shared, names), shared)
        return found

    def plan(self, image: Image, sources: Sequence[SourceFile]) -> ImagePlan:
        """Give the whole plan of an image; what it warns of is in the plan."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvertersToolsWarning)
            return plan_image(image, converter_options=self._options, resource=self._resource, sources=sources)

    @staticmethod
    def _check(image: Image) -> None:
        """Refuse positions that are impossible by themselves, wherever the others lie."""
        start, length = image.columns.start, image.columns.length
        largest = max(-float(start.min()), float(start.max()), float(length.max()))
        if not largest < _CERTAINLY_POSSIBLE * float(image.steps.min()):
            check_positions(image)
            check_times(image)

    def _key(self, image: Image) -> tuple[Any, ...]:
        """Everything about an image that its findings follow from, but names."""
        columns, steps = image.columns, image.steps
        start, length = columns.start, columns.length
        begin = start - start.min(axis=0) * self._is_counted_from_first
        parts: list[np.ndarray[Any, Any]] = [columns.fov, begin[:, :Y], length[:, :Y]]
        if self._is_counted_from_first[Y:].all():
            own = begin[:, Y:]
            edges = round_edges(np.concatenate([own, own + length[:, Y:]]), steps[Y:])
            parts.append(edges)
        else:
            parts += [begin[:, Y:], length[:, Y:]]
        digest = hashlib.blake2b(b"".join([part.tobytes() for part in parts]), digest_size=16)
        labels = None if image.channels is None else tuple(channel.channel_label for channel in image.channels)
        described = (len(columns), "".join(image.axes), image.data_type, tuple(steps.tolist()), labels)
        return (*described, image.numbered_frames, digest.digest())


class Plans(MadeSequence[ImagePlan]):
    """The plans of images, each made when it is asked for and kept."""

    def __init__(self, images: Sequence[Image], made: Callable[[Image], ImagePlan]) -> None:
        self._images, self._made = list(images), made
        self._plans: dict[int, ImagePlan] = {}

    def __len__(self) -> int:
        """Count the images."""
        return len(self._images)

    def one(self, place: int) -> ImagePlan:
        """Give the plan of an image."""
        if place not in self._plans:
            self._plans[place] = self._made(self._images[place])
        return self._plans[place]

    def some(self, places: range) -> list[ImagePlan]:
        """Give the plans of some images."""
        return [self.one(place) for place in places]

    def __iter__(self) -> Iterator[ImagePlan]:
        """Give one plan after the other."""
        return (self[number] for number in range(len(self)))


def _looks_at_sources(plan: ImagePlan) -> bool:
    """Whether the plan depends on what the sources are: on equal ones in one place, on planes that are larger than chunks."""
    placed = np.concatenate([plan.placement.start, plan.placement.length], axis=1)
    if len(np.unique(placed, axis=0)) < len(placed):
        return True
    largest = int(plan.placement.length.prod(axis=1).max()) * np.dtype(plan.dtype).itemsize
    return largest > plan.layout.chunk_bytes


def _needs_names(plan: ImagePlan, found: Findings, names: Sequence[str]) -> bool:
    """Whether what was found says the name of a field of view, or follows from the order of names."""
    if any(step.get("result") == _NAMES_MATTER for step in plan.steps):
        return True
    return any(name in text for texts in found for text in texts for name in names)
