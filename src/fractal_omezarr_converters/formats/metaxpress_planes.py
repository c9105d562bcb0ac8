"""Tell stacks, single planes, projections and repeats of a MetaXpress acquisition apart, and choose what is converted.

An export writes a file for every wavelength into every ``ZStep_<n>`` and ``TimePoint_<t>``, whether it was imaged there or
not: wavelengths without a stack repeat their only plane, wavelengths that were not imaged at a time point repeat their last
frame, and ``ZStep_0`` holds projections beside single planes. The database tree repeats nothing and keeps projections in the
parent of ``ZStep_1``. Only the headers tell: a wavelength has a stack if its ``Z Step`` reaches 2; a frame with the time of
an earlier one is that one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.metaxpress_tags import PlaneTags
from fractal_omezarr_converters.formats.metaxpress_tree import TreeFile

type Tags = Mapping[int, PlaneTags]


class Chosen(NamedTuple):
    """An image to convert: its position in the list of files, and the number of its plane."""

    number: int
    z: int


@dataclass
class Verdicts:
    """What the headers say: wavelengths with stacks, methods of projections by (wavelength, ZStep), repeated frames."""

    stacks: set[int]
    methods: dict[tuple[int, int], str | None]
    repeats: set[tuple[int, int]]
    repeat_of: dict[int, bool] = field(default_factory=dict)

    def method(self, number: int, each: TreeFile, tags: Tags) -> str | None:
        """Name the projection that an image is; None when it is a plane."""
        own = tags.get(number)
        if own is not None and own.is_stated:
            return own.projection
        return self.methods.get((each.wave, each.step))

    def is_repeat(self, number: int, each: TreeFile) -> bool:
        """Say whether an image repeats an earlier time point."""
        return self.repeat_of.get(number, (each.wave, each.t) in self.repeats)


def judge(files: Sequence[TreeFile], tags: Tags) -> Verdicts:
    """Decide by the headers that were read; where they say nothing, the folders decide."""
    steps: dict[int, set[int]] = defaultdict(set)
    for each in files:
        steps[each.wave].add(each.step)
    stated: dict[int, list[tuple[TreeFile, PlaneTags]]] = defaultdict(list)
    methods: dict[tuple[int, int], str | None] = {}
    for number, found in tags.items():
        each = files[number]
        if found.is_stated:
            stated[each.wave].append((each, found))
            methods.setdefault((each.wave, each.step), found.projection)
    stacks = {wave for wave in steps if _has_stack(stated[wave], steps[wave])}
    for wave in stacks:
        for step in steps[wave]:
            methods.setdefault((wave, step), "unknown" if step < 1 else None)
    verdicts = Verdicts(stacks, methods, set())
    _find_repeats(files, tags, verdicts)
    return verdicts


def _has_stack(stated: Sequence[tuple[TreeFile, PlaneTags]], steps: set[int]) -> bool:
    planes = [(each, found) for each, found in stated if found.projection is None]
    numbers = [found.step for _, found in planes if found.step is not None]
    if numbers:
        return max(numbers) >= 2
    # Older software states no Z Step: planes of one stack differ in height or time.
    looks: dict[tuple[int, ...], set[tuple[float | None, float | None]]] = defaultdict(set)
    for each, found in planes:
        if found.seconds is not None or found.z is not None:
            looks[each.row, each.column, each.site, each.t].add((found.seconds, found.z))
    if looks:
        return any(len(each) > 1 for each in looks.values())
    return not stated and sum(step >= 1 for step in steps) > 1


def _find_repeats(files: Sequence[TreeFile], tags: Tags, verdicts: Verdicts) -> None:
    series: dict[tuple[int, ...], list[tuple[int, int]]] = defaultdict(list)
    for number, found in tags.items():
        each = files[number]
        if found.seconds is not None:
            series[each.row, each.column, each.wave, each.step, each.site].append((each.t, number))
    votes: dict[tuple[int, int], set[bool]] = defaultdict(set)
    for (_, _, wave, _, _), frames in series.items():
        before: set[tuple[object, ...]] = set()
        for t, number in sorted(frames):
            look = tags[number].seconds, tags[number].z, tags[number].stage
            repeats = verdicts.repeat_of[number] = look in before
            if before:
                votes[wave, t].add(repeats)
            before.add(look)
    verdicts.repeats = {key for key, found in votes.items() if found == {True}}


def choose(
    files: Sequence[TreeFile],
    tags: Tags,
    *,
    want: Literal["stacks", "projections"],
    keep_repeats: bool,
    names: Mapping[int, str],
    warnings: list[str],
) -> tuple[list[Chosen], Verdicts]:
    """Choose the images to convert, one for each plane.

    Args:
        files: all images of the acquisition.
        tags: headers that were read, by position in ``files``.
        want: stacks, or projections; a wavelength without a stack gives its only plane for both.
        keep_repeats: keep frames that repeat an earlier time point.
        names: names of the wavelengths, for sentences.
        warnings: takes what was left out.

    Raises:
        ConvertersToolsUserError: projections are wanted, and there are none.
    """
    verdicts = judge(files, tags)
    lowest = min((each.step for each in files if each.wave in verdicts.stacks and each.step >= 1), default=1)
    chosen: list[Chosen] = []
    single: dict[tuple[int, ...], tuple[bool, int, int]] = {}
    left = _LeftOut()
    for number, each in enumerate(files):
        if verdicts.is_repeat(number, each):
            left.repeated[each.wave].add(each.t)
            left.repeats += 1
            if not keep_repeats:
                continue
        method = verdicts.method(number, each, tags)
        is_stack = each.wave in verdicts.stacks
        if is_stack and want == "stacks":
            if method is None and each.step >= 1:
                chosen.append(Chosen(number, each.step))
            else:
                left.projections.add(each.wave)
            continue
        if is_stack and (method is None or (method == "unknown" and each.step >= 1)):
            left.stacks.add(each.wave)
            continue
        place = each.row, each.column, each.wave, each.t, each.site
        rank = ((method is None) == (want == "projections"), each.step, number)
        before = single.get(place)
        if before is not None and before[:2] == rank[:2]:
            # two files in one folder are no copies that an export made: whoever finds the files refuses them
            chosen.append(Chosen(number, lowest))
            continue
        left.copies += before is not None
        single[place] = rank if before is None else min(before, rank)
    chosen += [Chosen(number, lowest) for _, _, number in single.values()]
    left.stacks -= {files[number].wave for _, _, number in single.values()}
    if want == "projections" and not any(method for method in verdicts.methods.values()):
        raise ConvertersToolsUserError(
            "This acquisition holds no projections; set planes to 'stacks' in the options of the format."
        )
    left.say(names, keep_repeats=keep_repeats, warnings=warnings)
    return sorted(chosen), verdicts


@dataclass
class _LeftOut:
    """What was left out, for sentences."""

    repeats: int = 0
    copies: int = 0
    repeated: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    projections: set[int] = field(default_factory=set)
    stacks: set[int] = field(default_factory=set)

    def say(self, names: Mapping[int, str], *, keep_repeats: bool, warnings: list[str]) -> None:
        listed = "; ".join(
            f"'{names[wave]}' at {', '.join(map(str, sorted(times)))}" for wave, times in sorted(self.repeated.items())
        )
        if self.repeats and keep_repeats:
            warnings.append(
                f"{self.repeats} images repeat an earlier time point (time points: {listed}); they are kept."
            )
        elif self.repeats:
            warnings.append(
                f"{self.repeats} images repeat an earlier time point, because the channel was not imaged (time points:"
                f" {listed}); they are left out. Set repeated_frames to 'keep' to have them."
            )
        if self.copies:
            warnings.append(
                f"{self.copies} images of channels without a stack are copies in further ZStep folders and are left out."
            )
        for waves, what, option in (
            (self.projections, "Projections of {} are left out beside their stacks", "projections"),
            (self.stacks, "{} have stacks, but no projections, and are left out", "stacks"),
        ):
            if waves:
                listed = ", ".join(f"'{names[wave]}'" for wave in sorted(waves))
                warnings.append(f"{what.format(listed)}; set planes to '{option}' to have them.")


def frame_seconds(files: Sequence[TreeFile], tags: Tags, verdicts: Verdicts) -> dict[int, float]:
    """Give the time of each time point in s since the first: median over places whose first and later frame are known."""
    series: dict[tuple[int, ...], dict[int, float]] = defaultdict(dict)
    for number, found in tags.items():
        each = files[number]
        if found.seconds is not None and not verdicts.is_repeat(number, each):
            series[each.row, each.column, each.wave, each.step, each.site][each.t] = found.seconds
    first = min((each.t for each in files), default=1)
    differences: dict[int, list[float]] = defaultdict(list)
    for times in series.values():
        if first in times:
            for t, seconds in times.items():
                differences[t].append(seconds - times[first])
    return {t: round(float(np.median(each)), 6) for t, each in differences.items()}
