"""One scan of a source that holds several acquisitions of a plate, from the scans of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from fractal_omezarr_converters.formats.contract import PlaneStates, Scan


def joined_scans(scans: Mapping[int, Scan]) -> Scan:
    """Put the scans of the acquisitions of one plate together, by their numbers; a single one stays as it is.

    Where files of some acquisitions are there, those without any are left out, with a warning. Facts that all acquisitions
    share are said once, others acquisition by acquisition (``by_acquisition``), as are warnings.
    """
    if len(scans) == 1:
        return next(iter(scans.values()))
    from fractal_omezarr_converters.core.tile_table import TileTable

    states = PlaneStates()
    for number, scan in scans.items():
        states.add(scan.states, f"acquisition {number}")
    there = {number: scan for number, scan in scans.items() if scan.states.present}
    kept = there or dict(scans)
    lost = [_named(number, scan) for number, scan in scans.items() if number not in kept]
    warnings = _warnings(kept)
    if lost:
        warnings.append(f"No image file is there for {', '.join(lost)}; nothing of it is converted.")
    first = next(iter(kept.values()))
    return Scan(
        tiles=TileTable.concat([scan.tiles for scan in kept.values()]),
        plate=first.plate,
        states=states,
        warnings=warnings,
        metadata_files=list(dict.fromkeys(chain.from_iterable(scan.metadata_files for scan in kept.values()))),
        facts=_facts(kept),
        corrections=first.corrections,
        acquisitions={number: facts for scan in kept.values() for number, facts in scan.acquisitions.items()},
    )


def _named(number: int, scan: Scan) -> str:
    name = scan.plate.acquisition_name if scan.plate is not None else None
    return f"acquisition {number} ('{name}')" if name else f"acquisition {number}"


def _warnings(scans: Mapping[int, Scan]) -> list[str]:
    """What all acquisitions say, once; then what some say, with their number."""
    said = _shared([scan.warnings for scan in scans.values()])
    for number, scan in scans.items():
        own = [text for text in dict.fromkeys(scan.warnings) if text not in said]
        said_of = _named(number, scan)
        said = [*said, *(f"{said_of[0].upper()}{said_of[1:]}: {text}" for text in own)]
    return said


def _shared(lists: Sequence[list[str]]) -> list[str]:
    return [text for text in dict.fromkeys(lists[0]) if all(text in other for other in lists[1:])]


def _facts(scans: Mapping[int, Scan]) -> dict[str, Any]:
    first = next(iter(scans.values())).facts
    shared = {
        key: value
        for key, value in first.items()
        if all(key in scan.facts and scan.facts[key] == value for scan in scans.values())
    }
    own = [
        {"number": number, **{key: value for key, value in scan.facts.items() if key not in shared}}
        for number, scan in scans.items()
    ]
    return {**shared, "by_acquisition": own}
