"""What a user asks to have read, and whether several requests fit together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from fractal_omezarr_converters.core.tile_table import TileTable
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.contract import Scan
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.models.urls import is_remote_url
from fractal_omezarr_converters.pipelines.acquisition_options import AcquisitionOptions
from fractal_omezarr_converters.pipelines.filter_models import FilterModel


@dataclass(frozen=True)
class AcquisitionRequest:
    """One acquisition that a user wants converted."""

    source: str
    format_name: str | None = None
    plate_name: str | None = None
    acquisition: int = 0
    format_options: Any = None
    options: AcquisitionOptions = field(default_factory=AcquisitionOptions)
    filters: Sequence[FilterModel | dict[str, Any]] = ()


def refuse_shared_numbers(
    requests: Sequence[AcquisitionRequest], scans: Sequence[Scan], tables: Sequence[TileTable]
) -> None:
    """Raise when a source counts on to the number of another source's acquisition, also where their wells differ."""
    claimed = [_acquisitions_of(table) for table in tables]
    counts_on = [
        any(n != each.acquisition for n in scan.acquisitions) for each, scan in zip(requests, scans, strict=True)
    ]
    for (i, mine), (j, others) in combinations(enumerate(claimed), 2):
        if requests[i].acquisition == requests[j].acquisition or not (counts_on[i] or counts_on[j]):
            continue  # the user says that both are parts of one acquisition, or named every number
        lower, upper = sorted((i, j), key=lambda number: requests[number].acquisition)
        for plate in sorted(mine.keys() & others.keys()):
            shared = sorted(mine[plate] & others[plate])
            if shared:
                made, last = sorted(claimed[lower][plate]), max(claimed[lower][plate])
                raise ConvertersToolsUserError(
                    f"'{requests[lower].source}' holds {len(made)} acquisitions of plate '{plate}', which become numbers"
                    f" {', '.join(map(str, made))}, but '{requests[upper].source}' makes number {shared[0]} of it, too; give"
                    f" the latter the acquisition number {last + 1} or a higher one."
                )


def _acquisitions_of(table: TileTable) -> dict[str, set[int]]:
    """Numbers of the acquisitions that have tiles, by the plate's path."""
    found: dict[str, set[int]] = {}
    for index in set(table.collection.tolist()):
        one = table.collections[index]
        if isinstance(one, ImageInPlate):
            found.setdefault(one.plate_path(), set()).add(one.acquisition)
    return found


def repeated_sources(requests: Sequence[AcquisitionRequest], tables: Sequence[TileTable]) -> list[str]:
    """Say which sources become several acquisitions of one plate, in the same way: most often one path is a slip."""
    found = []
    places = [_place_of(each.source) for each in requests]
    for (i, one), (j, other) in combinations(enumerate(requests), 2):
        if places[i] != places[j] or _choice_of(one) != _choice_of(other):
            continue
        shared = _acquisitions_of(tables[i]).keys() & _acquisitions_of(tables[j]).keys()
        if shared:
            found.append(
                f"'{one.source}' is read twice, as the acquisitions {one.acquisition} and {other.acquisition} of plate"
                f" '{min(shared)}', which will hold the same images; give the folder of the other acquisition, or leave one"
                " out."
            )
    return found


def _place_of(source: str) -> str:
    return source.rstrip("/") if is_remote_url(source) else os.path.realpath(source)


def _choice_of(request: AcquisitionRequest) -> tuple[Any, ...]:
    """What decides which images of a source are shown, and how."""
    return request.format_options, request.options, list(request.filters)


def refuse_repeated_fields(requests: Sequence[AcquisitionRequest], tables: Sequence[TileTable]) -> None:
    """Raise when two requests fill the same image: most often two acquisitions that carry the same number."""
    seen: dict[str, int] = {}
    for number, table in enumerate(tables):
        for index in sorted(set(table.collection.tolist())):
            path = table.collections[index].path()
            earlier = seen.setdefault(path, number)
            if earlier != number:
                raise ConvertersToolsUserError(
                    f"'{requests[earlier].source}' and '{requests[number].source}' both make the image '{path}'; "
                    "give them different acquisition numbers or plate names."
                )
