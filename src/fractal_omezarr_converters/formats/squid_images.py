"""The image files of a Squid acquisition: single planes, stacks of pages, or OME-TIFF, by their names and headers."""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.squid_places import Coordinates
from fractal_omezarr_converters.formats.squid_settings import name_in_files

OME = "ome_tiff"
ZARR = ("plate.ome.zarr", "zarr")
_IMAGE = re.compile(r"(.+?)_(\d+)_(\d+)_(.+)\.(?:tiff?|bmp|png|jpe?g)")
_IN_REGION = re.compile(r"(\d+)_(\d+)_(.+)\.(?:tiff?|bmp|png|jpe?g)")
_STACK = re.compile(r"(.+?)_(\d+)_stack\.tiff?")
_OME_FILE = re.compile(r"(.+?)_(\d+)\.ome\.tiff?")
_FOCUS = re.compile(r"focus[_ ]camera|laser[_ ]af[_ ]camera", re.IGNORECASE)
_OME_ENDINGS = (".ome.tiff", ".ome.tif")
_STACK_ENDINGS = ("_stack.tiff", "_stack.tif")
_SIZE = re.compile(r'Size([TZC])="(\d+)"')
_CHANNEL = re.compile(r'<(?:\w+:)?Channel\b[^>]*?\bName="([^"]*)"')

Mode = Literal["individual", "stack", "ome"]


class NamedPlane(NamedTuple):
    """One plane: region, field, z and t by the instrument's numbers, the channel's name in files, file and page."""

    region: str
    field: int
    z: int
    t: int
    channel: str
    file: str | None
    page: int | None = None


@dataclass
class TimePoint:
    """One folder of a time point: its number, its name (empty: none), and the coordinates if they are there."""

    number: int
    name: str
    coordinates: Coordinates | None = None


@dataclass
class Images:
    """All planes that were found; ``channels`` in the order in which files state them, else by name."""

    planes: list[NamedPlane] = field(default_factory=list)
    files: dict[tuple[str, int, int], str] = field(default_factory=dict)
    modes: set[Mode] = field(default_factory=set)
    skipped: list[str] = field(default_factory=list)

    @property
    def channels(self) -> list[str]:
        """Names of the channels as they first occur; planes are sorted by place and name."""
        return list(dict.fromkeys(each.channel for each in self.planes))


def time_points(source: Path) -> list[TimePoint]:
    """List the folders of time points by their numbers."""
    with os.scandir(source) as entries:
        names = [each.name for each in entries if each.name.isdecimal() and each.name.isascii() and each.is_dir()]
    return [TimePoint(int(name), name) for name in sorted(names, key=lambda name: (int(name), name))]


def list_images(source: Path, times: Sequence[TimePoint]) -> Images:
    """Find all planes; names tell them, or the pages of a stack, or the header of the first OME-TIFF.

    Raises:
        ConvertersToolsUserError: there are none, or they were saved as OME-Zarr, or a stack cannot be read.
    """
    found = Images()
    for time in times:
        regions = {region for region, _ in time.coordinates.fields} if time.coordinates else set()
        for name in _files(source / time.name):
            _add_image(found, source, time, name, regions)
    _add_ome(found, source, times)
    if not found.planes:
        zarr = next((name for name in ZARR if (source / name).is_dir()), None)
        if zarr is not None:
            raise ConvertersToolsUserError(
                f"'{source / zarr}' was saved as Zarr by the instrument: it is OME-Zarr already and is not converted;"
                " open it as it is, or save as TIFF."
            )
        raise ConvertersToolsUserError(
            f"'{source}' holds no images of Squid; give the folder of one acquisition, with its folders of time points."
        )
    return found


def _files(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(each.name for each in entries if not each.name.startswith("."))


def _add_image(found: Images, source: Path, time: TimePoint, name: str, regions: Collection[str]) -> None:
    # called for every file: patterns that few files match are tried on their endings only
    if name.endswith(_OME_ENDINGS):
        return
    stack = _STACK.fullmatch(name) if name.endswith(_STACK_ENDINGS) else None
    if stack is not None:
        found.modes.add("stack")
        region, number = stack.group(1), int(stack.group(2))
        found.files[region, number, time.number] = file = f"{time.name}/{name}"
        for page, (z, channel) in enumerate(_pages(source / file)):
            found.planes.append(NamedPlane(region, number, z, time.number, name_in_files(channel), file, page))
        return
    parts = _parts(name, regions)
    if parts is not None:
        region, of_region, z_level, channel = parts
        if _is_of_focus_camera(channel):
            return
        found.modes.add("individual")
        file = f"{time.name}/{name}"
        found.planes.append(NamedPlane(region, int(of_region), int(z_level), time.number, channel, file))
    elif name.endswith((".tiff", ".tif", ".bmp")) and not _is_of_focus_camera(name):
        found.skipped.append(f"{time.name}/{name}")


def _parts(name: str, regions: Collection[str]) -> tuple[str | Any, ...] | None:
    """Region, field, plane and channel in the name of an image; ``regions`` are known, and may hold underscores themselves."""
    image = _IMAGE.fullmatch(name)
    if image is None or not regions or image.group(1) in regions:
        return image.groups() if image is not None else None
    for region in sorted(regions, key=len, reverse=True):
        inside = _IN_REGION.fullmatch(name, len(region) + 1) if name.startswith(f"{region}_") else None
        if inside is not None:
            return region, *inside.groups()
    return image.groups()


@lru_cache(maxsize=256)
def _is_of_focus_camera(name: str) -> bool:
    """Say whether a channel or file is a picture of the camera that finds the focus."""
    return _FOCUS.search(name) is not None


def _pages(path: Path) -> Iterator[tuple[int, str]]:
    """Plane and channel of every page, from the description that each page has."""
    from fractal_omezarr_converters.models.tiff_pool import naming, opened

    with opened(str(path)) as file, file.lock, naming(str(path)):
        descriptions = [str(page.aspage().description) for page in file.tif.pages]
    for page, description in enumerate(descriptions):
        try:
            stated = json.loads(description)
            yield int(stated["z_level"]), str(stated["channel"])
        except (ValueError, TypeError, KeyError) as error:
            raise ConvertersToolsUserError(
                f"'{path}', page {page}: its description states no 'z_level' and 'channel'; only stacks as Squid writes"
                " them are read."
            ) from error


def _add_ome(found: Images, source: Path, times: Sequence[TimePoint]) -> None:
    """Add OME-TIFF files: one of all time points in ``ome_tiff``, or one in each time point's folder."""
    for folder, own in [
        (OME, None),
        *((f"{each.name}/{OME}", each) for each in times),
        *((each.name, each) for each in times),
    ]:
        named = [(name, match) for name in _files(source / folder) if (match := _OME_FILE.fullmatch(name))]
        if not named:
            continue
        found.modes.add("ome")
        sizes, channels = _ome_header(source / folder / named[0][0])
        # an acquisition that was copied without its folders of time points has those of its files
        frames = [own] if own else times or [TimePoint(number, "") for number in range(sizes["T"])]
        for name, match in named:
            region, number = match.group(1), int(match.group(2))
            for time in frames:
                t = min(time.number, sizes["T"] - 1) if own else time.number
                if t >= sizes["T"]:
                    continue
                found.files[region, number, time.number] = file = f"{folder}/{name}"
                for z in range(sizes["Z"]):
                    if time.coordinates is not None and (region, number, z) not in time.coordinates.planes:
                        continue  # the file has room for planes that were not taken
                    for c, channel in enumerate(channels):
                        page = (t * sizes["Z"] + z) * sizes["C"] + c
                        found.planes.append(NamedPlane(region, number, z, time.number, channel, file, page))


def _ome_header(path: Path) -> tuple[dict[str, int], list[str]]:
    """Lengths of t, z and c and the names of channels; in the file, channels run fastest, then z, then t."""
    from fractal_omezarr_converters.models.tiff_pool import naming, opened

    with opened(str(path)) as file, file.lock, naming(str(path)):
        text = str(file.tif.pages.first.description)
    sizes = {letter: int(number) for letter, number in _SIZE.findall(text)}
    if set(sizes) != {"T", "Z", "C"} or min(sizes.values()) < 1 or 'DimensionOrder="XYCZT"' not in text:
        raise ConvertersToolsUserError(
            f"'{path}' does not state its lengths along t, z and channels as Squid writes them; copy the file again."
        )
    names = [name_in_files(html.unescape(name)) for name in _CHANNEL.findall(text)]
    if len(names) != sizes["C"]:
        names = [f"channel_{number}" for number in range(sizes["C"])]
    return sizes, names


def not_there(images: Images, times: Sequence[TimePoint]) -> Iterator[NamedPlane]:
    """Planes that were taken, by the coordinates, and have no file (or no page: the file is None)."""
    there = {each[:5] for each in images.planes}
    channels = images.channels
    of_field: Mapping[tuple[str, int, int], str] = images.files
    pattern = next((each.file for each in images.planes if each.file), "") or ""
    ending = pattern[pattern.rfind(".") :]
    for time in times:
        for region, number, z in time.coordinates.planes if time.coordinates else ():
            for channel in channels:
                if (region, number, z, time.number, channel) in there:
                    continue
                if "individual" in images.modes:
                    file: str | None = f"{time.name}/{region}_{number}_{z}_{channel}{ending}"
                elif (region, number, time.number) in of_field:
                    file = None
                elif "stack" in images.modes:
                    file = f"{time.name}/{region}_{number}_stack.tiff"
                else:
                    file = f"{OME}/{region}_{number}.ome.tiff"
                yield NamedPlane(region, number, z, time.number, channel, file)
