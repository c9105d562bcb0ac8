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
from typing import TYPE_CHECKING, Literal

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.metaxpress_files import TreeFile, TreeFiles
from fractal_omezarr_converters.formats.metaxpress_tags import PlaneTags
from fractal_omezarr_converters.formats.plane_table import joint_ranks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fractal_omezarr_converters.formats.plane_table import Ints

type Tags = Mapping[int, PlaneTags]


@dataclass
class Verdicts:
    """What the headers say: wavelengths with stacks, methods of projections by (wavelength, ZStep), repeated frames."""

    stacks: set[int]
    methods: dict[tuple[int, int], str | None]
    repeats: set[tuple[int, int]]
    repeat_of: dict[int, bool] = field(default_factory=dict)

    def methods_of(self, files: TreeFiles, tags: Tags) -> tuple[list[str | None], Ints]:
        """Name the projection that each image is, None for a plane: what occurs, and for each image its place in that."""
        place, first = joint_ranks(files.wave, files.step)
        names = [self.methods.get((files[at].wave, files[at].step)) for at in first.tolist()]
        stated = {number: found.projection for number, found in tags.items() if found.is_stated}
        found: list[str | None] = list(dict.fromkeys([*names, *stated.values()]))
        numbers = np.array([found.index(name) for name in names], np.int64)[place]
        numbers[list(stated)] = [found.index(name) for name in stated.values()]
        return found, numbers

    def repeated(self, files: TreeFiles) -> NDArray[np.bool_]:
        """Say which images repeat an earlier time point."""
        place, first = joint_ranks(files.wave, files.t)
        repeats = np.array([(files[at].wave, files[at].t) in self.repeats for at in first.tolist()], np.bool_)[place]
        repeats[list(self.repeat_of)] = list(self.repeat_of.values())
        return repeats


def judge(files: TreeFiles, tags: Tags) -> Verdicts:
    """Decide by the headers that were read; where they say nothing, the folders decide."""
    steps: dict[int, set[int]] = defaultdict(set)
    for at in joint_ranks(files.wave, files.step)[1].tolist():
        steps[files[at].wave].add(files[at].step)
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
    files: TreeFiles,
    tags: Tags,
    *,
    want: Literal["stacks", "projections"],
    keep_repeats: bool,
    names: Mapping[int, str],
    warnings: list[str],
) -> tuple[tuple[Ints, Ints], Verdicts]:
    """Choose the images to convert, one for each plane.

    Args:
        files: all images of the acquisition.
        tags: headers that were read, by position in ``files``.
        want: stacks, or projections; a wavelength without a stack gives its only plane for both.
        keep_repeats: keep frames that repeat an earlier time point.
        names: names of the wavelengths, for sentences.
        warnings: takes what was left out.

    Returns:
        Positions of the images, rising, with the numbers of their planes; and what the headers say.

    Raises:
        ConvertersToolsUserError: projections are wanted, and there are none.
    """
    verdicts = judge(files, tags)
    in_stack = np.isin(files.wave, list(verdicts.stacks))
    numbered = files.step[in_stack & (files.step >= 1)]
    lowest = int(numbered.min()) if len(numbered) else 1
    left = _LeftOut()
    repeats = verdicts.repeated(files)
    left.repeats = int(repeats.sum())
    for at in np.flatnonzero(repeats)[joint_ranks(files.wave[repeats], files.t[repeats])[1]].tolist():
        left.repeated[files[at].wave].add(files[at].t)
    kept = np.ones(len(files), np.bool_) if keep_repeats else ~repeats
    methods, method = verdicts.methods_of(files, tags)
    is_plane = np.array([name is None for name in methods], np.bool_)[method]
    unknown = np.array([name == "unknown" for name in methods], np.bool_)[method]
    if want == "stacks":
        in_order = kept & in_stack & is_plane & (files.step >= 1)
        single = kept & ~in_stack
        left.projections |= set(np.unique(files.wave[kept & in_stack & ~in_order]).tolist())
    else:
        in_order = np.zeros(len(files), np.bool_)
        passed = kept & in_stack & (is_plane | (unknown & (files.step >= 1)))
        single = kept & ~passed
        left.stacks |= set(np.unique(files.wave[passed]).tolist())
    at_second_rank = is_plane == (want == "projections")
    singles = _singles(files, np.flatnonzero(single), at_second_rank, left)
    left.stacks -= set(np.unique(files.wave[singles]).tolist())
    if want == "projections" and not any(method for method in verdicts.methods.values()):
        raise ConvertersToolsUserError(
            "This acquisition holds no projections; set planes to 'stacks' in the options of the format."
        )
    left.say(names, keep_repeats=keep_repeats, warnings=warnings)
    z = np.where(in_order, files.step, lowest)
    number = np.sort(np.concatenate([np.flatnonzero(in_order), singles]))
    return (number, z[number]), verdicts


def _singles(files: TreeFiles, rows: Ints, at_second_rank: NDArray[np.bool_], left: _LeftOut) -> Ints:
    """One image of every place without a stack; two of one folder both, for whoever finds the files to refuse them."""
    columns = (files.row, files.column, files.wave, files.t, files.site)
    place, first = joint_ranks(*(column[rows] for column in columns))
    if len(first) == len(rows):
        return rows
    best: dict[int, tuple[bool, int, int]] = {}
    both: list[int] = []
    ranks = zip(place.tolist(), at_second_rank[rows].tolist(), files.step[rows].tolist(), rows.tolist(), strict=True)
    for key, *given in ranks:
        rank = (given[0], given[1], given[2])
        before = best.get(key)
        if before is not None and before[:2] == rank[:2]:
            # two files in one folder are no copies that an export made
            both.append(rank[2])
            continue
        left.copies += before is not None
        best[key] = rank if before is None else min(before, rank)
    return np.array([*both, *(number for _, _, number in best.values())], np.int64)


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


def frame_seconds(files: TreeFiles, tags: Tags, verdicts: Verdicts) -> dict[int, float]:
    """Give the time of each time point in s since the first: median over places whose first and later frame are known.

    Where places are missing at the first, so that none is known at it and later, times count from a later one; those that are
    left out are not known.
    """
    series: dict[tuple[int, ...], dict[int, float]] = defaultdict(dict)
    for number, found in tags.items():
        each = files[number]
        is_repeat = verdicts.repeat_of.get(number, (each.wave, each.t) in verdicts.repeats)
        if found.seconds is not None and not is_repeat:
            series[each.row, each.column, each.wave, each.step, each.site][each.t] = found.seconds
    seconds: dict[int, float] = {}
    for first in sorted({t for times in series.values() for t in times}):
        differences: dict[int, list[float]] = defaultdict(list)
        for times in series.values():
            for t, taken in times.items() if first in times else ():
                differences[t].append(taken - times[first])
        found_here = {t: round(float(np.median(each)), 6) for t, each in differences.items() if t >= first}
        seconds = seconds or found_here
        if len(found_here) > 1:
            return found_here
    return seconds
