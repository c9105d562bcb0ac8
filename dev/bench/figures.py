"""Figures of several contenders, taken in turn in one run, as a markdown table of medians and of ratios to the first of them.

A figure says little on a machine that others use too; the ratio of two figures that were taken one after the other says much.
Ratios are taken within a round, then their median over the rounds.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Figures = Mapping[str, float]
Found = dict[str, list[Figures]]


@dataclass(frozen=True)
class Contender:
    """Something to measure: its name, how to take its figures once, and what to do before, which is not measured."""

    name: str
    take: Callable[[], Figures]
    prepare: Callable[[], None] = field(default=lambda: None)


@dataclass(frozen=True)
class Group:
    """Rows that belong together: what they are about, and the contenders, the first of which the others are compared with."""

    title: str
    rows: Sequence[str]
    labels: Mapping[str, str] = field(default_factory=dict)


def compare(contenders: Iterable[Contender], rounds: int, say: str = "") -> Found:
    """Take the figures of all contenders in turn, as many times as there are rounds; every second round backwards.

    What drifts on the machine meets all of them alike then. The first one runs once before, for nothing: memory that the machine
    has not handed out since it was started would be counted against it.
    """
    everyone = list(contenders)
    found: Found = {one.name: [] for one in everyone}
    for one in everyone[:1] if rounds > 1 else ():
        one.prepare()
        one.take()
    for number in range(rounds):
        for one in everyone[:: -1 if number % 2 else 1]:
            one.prepare()
            figures = one.take()
            found[one.name].append(figures)
            shown = ", ".join(f"{name} {readable(value)}" for name, value in figures.items())
            print(f"{say} {number + 1}/{rounds} {one.name}: {shown}", file=sys.stderr, flush=True)
    return found


def table(found: Found, groups: Sequence[Group], columns: Sequence[str], head: str = "case") -> str:
    """A markdown table; behind each figure stands how many times that of the group's first row it is."""
    lines = [f"| {head} | who | {' | '.join(columns)} |", "|---|---|" + "---:|" * len(columns)]
    for group in groups:
        rows = [name for name in group.rows if found.get(name)]
        for number, name in enumerate(rows):
            cells = [_cell(found[name], found[rows[0]], column, own=number == 0) for column in columns]
            title = group.title if number == 0 else ""
            lines.append(f"| {title} | {group.labels.get(name, name)} | {' | '.join(cells)} |")
    rounds = max((len(each) for each in found.values()), default=0)
    said = "One round." if rounds == 1 else f"Medians of {rounds} rounds."
    return "\n".join([*lines, "", said])


def _cell(mine: list[Figures], first: list[Figures], column: str, *, own: bool) -> str:
    values = [figures[column] for figures in mine if column in figures]
    if not values:
        return ""
    shown = readable(statistics.median(values))
    if own:
        return shown
    ratio = ratio_of(mine, first, column)
    return shown if ratio is None else f"{shown} ({times(ratio)})"


def ratio_of(mine: list[Figures], first: list[Figures], column: str) -> float | None:
    """The median over the rounds of how many times the first one's figure this one's is."""
    pairs = [(one[column], other[column]) for one, other in zip(mine, first) if column in one and other.get(column)]
    return statistics.median(one / other for one, other in pairs) if pairs else None


def readable(value: float) -> str:
    """Three digits that count."""
    if abs(value) >= 100 or (value == int(value) and value < 1e6):
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"


def times(ratio: float) -> str:
    """A ratio as people write it."""
    return f"{ratio:.0f}x" if ratio >= 20 else f"{ratio:.1f}x" if ratio >= 3 else f"{ratio:.2f}x"
