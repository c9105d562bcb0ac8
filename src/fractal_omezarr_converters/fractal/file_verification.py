"""Compare the files of an image with those that its plan makes: chunks that are missing or foreign, documents that were edited.

Which chunks exist follows from where the source planes lie, so that each missing file can be named without reading a pixel.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from fractal_omezarr_converters.fractal.group_verification import wrong_group
from fractal_omezarr_converters.fractal.table_verification import wrong_tables
from fractal_omezarr_converters.ngff.block_plan import plan_blocks
from fractal_omezarr_converters.ngff.groups import read_json, require_group
from fractal_omezarr_converters.ngff.layout import ImageLayout
from fractal_omezarr_converters.ngff.occupancy import Occupancy
from fractal_omezarr_converters.ngff.removal import DOCUMENTS
from fractal_omezarr_converters.ngff.stores import Store
from fractal_omezarr_converters.ngff.versions import ome_content
from fractal_omezarr_converters.pipelines.plan import ImagePlan
from fractal_omezarr_converters.pipelines.tile_stream import ImageTiles

Five = tuple[int, ...]
NAMED = 5
"""Files that are named."""
LEFT_OUT = ("multiscales[0].type", "multiscales[0].metadata")
"""How levels were made: no pixel depends on it, and libraries that rename channels leave it out."""


def wrong_files(store: Store, plan: ImagePlan) -> tuple[list[str], set[str]]:
    """One sentence per level whose files of chunks are not those of the plan, and the files that are missing."""
    layout = plan.layout
    occupancy = Occupancy(layout, plan_blocks(layout, ImageTiles(plan.image, plan.placement), 1).blocks)
    problems, lost = [], set()
    for number, level in enumerate(layout.levels):
        wanted = set(_files(layout, occupancy, number))
        found = {key for key in store.list(level.path) if key.rpartition("/")[2] not in DOCUMENTS}
        # a folder that may not be read lists nothing: of what is not listed, each is asked for
        missing = [key for key in sorted(wanted - found) if store.get(key) is None]
        foreign = sorted(found - wanted)
        lost.update(missing)
        said = [f"{len(missing)} are missing: {_named(missing)}"] if missing else []
        said += [f"{len(foreign)} are foreign: {_named(foreign)}"] if foreign else []
        if said:
            problems.append(
                f"Level {level.path} has {len(found)} files of chunks instead of {len(wanted)}; {'; '.join(said)}. Convert "
                "the image again."
            )
    return problems, lost


def chunk_file(layout: ImageLayout, number: int, block: Five) -> tuple[str, Five | None]:
    """The file of a chunk, and the place of the chunk in it when the file is a shard."""
    shards, chunks = layout.level_shards(number), layout.level_chunks(number)
    ratio = (1,) * 5 if shards is None else tuple(s // c for s, c in zip(shards, chunks))
    path = layout.levels[number].path + ("/" if layout.version == "0.4" else "/c/")
    file = path + "/".join(str(place) for place in layout.on_axes([b // r for b, r in zip(block, ratio)]))
    return file, None if shards is None else tuple(layout.on_axes([b % r for b, r in zip(block, ratio)]))


def chunk_name(layout: ImageLayout, number: int, block: Five) -> str:
    """A chunk in words: its file, and the place in a shard."""
    file, place = chunk_file(layout, number, block)
    return f"'{file}'" if place is None else f"'{file}', chunk {', '.join(map(str, place))} in it"


def _files(layout: ImageLayout, occupancy: Occupancy, number: int) -> list[str]:
    blocks = np.stack(np.unravel_index(occupancy.flat_chunks(number), layout.grid(number)), axis=1)
    return [chunk_file(layout, number, tuple(block))[0] for block in blocks.tolist()]


def _named(files: list[str]) -> str:
    more = f" and {len(files) - NAMED} more" if len(files) > NAMED else ""
    return ", ".join(f"'{file}'" for file in files[:NAMED]) + more


def wrong_documents(store: Store, plan: ImagePlan) -> list[str]:
    """One sentence per document that does not say what the plan says; channels may get other names, colours and windows."""
    problems = []
    for key, content in plan.layout.array_documents().items():
        wanted = json.loads(content)
        found = read_json(store, key)
        said = "it is missing" if found is None else _difference(wanted, found, "")
        if said is not None:
            problems.append(f"'{key}' is not as it was written: {said}; restore it or convert the image again.")
    said = wrong_group(store, "", plan.layout.version)
    problems += [] if said is None else [said]
    wanted = json.loads(json.dumps(ome_content(plan.layout.image_attributes(name=plan.name))))
    ome = _without_shifts_of_nothing(require_group(store, "").ome)
    said = _difference(_without_shifts_of_nothing(wanted), ome, "") or _wrong_channels(ome.get("omero"), plan)
    if said is not None:
        problems.append(f"The description of the image was edited: {said}; convert the image again.")
    return problems + wrong_tables(store, plan)


def _wrong_channels(omero: Any, plan: ImagePlan) -> str | None:
    """What is wrong with the channels: their number, their order as the wavelengths tell it, windows that viewers refuse."""
    listed = omero.get("channels") if isinstance(omero, Mapping) else None
    channels = [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
    count = plan.placement.shape[1]
    if len(channels) != count:
        return f"omero.channels describes {len(channels)} channels of {count}"
    wavelengths = [channel.wavelength_id for channel in plan.image.channels or ()]
    for at, channel in enumerate(channels):
        where, window = f"omero.channels[{at}]", channel.get("window")
        if at < len(wavelengths) and wavelengths[at] is not None and channel.get("wavelength_id") != wavelengths[at]:
            return _difference(wavelengths[at], channel.get("wavelength_id"), f"{where}.wavelength_id")
        limits: list[Any] = (
            [window.get(key) for key in ("min", "max", "start", "end")] if isinstance(window, Mapping) else [None]
        )
        if any(not isinstance(each, int | float) for each in limits) or not (
            limits[0] < limits[1] and limits[2] < limits[3]
        ):
            return f"{where}.window is {_short(window)}, whose start and end, min and max must be numbers that increase"
    return None


def _difference(wanted: Any, found: Any, where: str) -> str | None:
    """The first value that is not what was written; what is found beyond that is nobody's fault."""
    if found is None and where in LEFT_OUT:
        return None
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        parts = [(wanted[key], found.get(key), f"{where}.{key}".lstrip(".")) for key in wanted if key != "name"]
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        parts = [(one, other, f"{where}[{at}]") for at, (one, other) in enumerate(zip(wanted, found))]
    else:
        return None if wanted == found else f"{where} is {_short(found)}, {_short(wanted)} was written"
    return next((said for part in parts if (said := _difference(*part)) is not None), None)


def _without_shifts_of_nothing(content: Any) -> Any:
    """The same objects; a level that lies at 0 may say so or not."""
    if isinstance(content, Mapping):
        return {key: _without_shifts_of_nothing(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_without_shifts_of_nothing(each) for each in content if not _is_no_shift(each)]
    return content


def _is_no_shift(content: Any) -> bool:
    shift = content.get("translation") if isinstance(content, Mapping) else None
    return isinstance(shift, list) and all(value == 0 for value in shift)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
