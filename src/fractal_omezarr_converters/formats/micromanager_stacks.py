"""Read acquisitions of Micro-Manager: stacks of pages (MMStack), and folders of single images.

In stacks every page says itself what it is, so the text file beside it (``*_metadata.txt``) is not needed: it can be
switched off, and is cut short when an acquisition is aborted. The index map of the file fills in what pages leave out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from fractal_omezarr_converters.errors import (
    ConvertersToolsError,
    ConvertersToolsFileNotFoundError,
    ConvertersToolsUserError,
    collecting,
    raise_together,
)
from fractal_omezarr_converters.formats.micromanager_frames import Acquired, RawPlane, frame_facts, index_axes
from fractal_omezarr_converters.formats.micromanager_ome import stated_plate
from fractal_omezarr_converters.formats.micromanager_pages import StackFile
from fractal_omezarr_converters.formats.micromanager_places import states_place
from fractal_omezarr_converters.models.placeholders import open_binary

#: Without a name for the acquisition, stacks have none before ``MMStack``; the first versions wrote ``MMImages``.
_STACK = re.compile(
    r"(?:(?P<name>.*)_)?MM(?:Stack|Images)(?:_(?P<label>.*?))?(?P<part>_\d+)?(?:\.ome)?\.tiff?", re.IGNORECASE
)
_FRAME_KEY = re.compile(r"FrameKey-(\d+)-(\d+)-(\d+)")
_IMAGE_NAME = re.compile(
    r"img_channel(?P<channel>\d+)_position(?P<position>\d+)_time(?P<time>\d+)_z(?P<z>\d+)\.tiff?", re.IGNORECASE
)
_BEGIN, _KEY = re.compile(r"\s*\{"), re.compile(r'[\s,]*("(?:[^"\\]|\\.)*")\s*:\s*')
_ENTRY = re.compile(r'"(?:Coords-|Metadata-|FrameKey-)[^"\n]*"\s*:')
INDEX_MAP = ("channel", "z", "time", "position")
COORDS, METADATA = "Coords-", "Metadata-"


def read_stacks(source: Path, files: list[Path]) -> Acquired:
    """Read the pages of ``<name>_MMStack_<position>.ome.tif`` files.

    Raises:
        ConvertersToolsUserError: the files are of several acquisitions, or one of them is not a TIFF file.
    """
    names = sorted({matched["name"] or "" for each in files if (matched := _STACK.fullmatch(each.name))})
    if not names:
        raise ConvertersToolsFileNotFoundError(f"'{source}' holds no file named <name>_MMStack_<position>.ome.tif.")
    if len(names) > 1:
        shown = ", ".join(each or "MMStack" for each in names)
        raise ConvertersToolsUserError(
            f"'{source}' holds {len(names)} acquisitions: {shown}; give one file of each instead of the folder."
        )
    found = Acquired("MMStack", files[0], files[0].parent, names[0] or files[0].parent.name)
    problems: list[str] = []
    for path in files:
        with collecting(problems):
            summary, index_map = header_of(path)
            found.summary = found.summary or summary
            with closing(StackFile(path)) as stack:
                _take_pages(found, stack, path, index_map)
    raise_together(problems, f"Stacks in '{found.folder}' cannot be read")
    found.plate = stated_plate(files[0], found.warnings)
    return found


def _take_pages(found: Acquired, stack: StackFile, path: Path, index_map: Mapping[int, Mapping[str, Any]]) -> None:
    label = _label_in(path.name)
    for page in stack.pages:
        said = stack.metadata(page.metadata_offset, page.metadata_length)
        facts = frame_facts(said)
        facts = facts._replace(
            width=page.width, rows=page.height, is_colour=page.samples > 1, label=facts.label or label
        )
        axes = index_axes(said, index_map.get(page.offset, {}))
        found.planes.append(RawPlane(axes, facts, path.name, page.number, page.pixels, page.stored))
    warn_if_cut(found, stack)


def _label_in(name: str) -> str:
    """The label of the position in the name of a stack; a number at its end may be a part of it, or that of the file."""
    matched = _STACK.fullmatch(name)
    label, part = (matched["label"] or "", matched["part"] or "") if matched else ("", "")
    return label + part if states_place(label + part) else label


def warn_if_cut(found: Acquired, stack: StackFile) -> None:
    """Say when a file ends inside a page: the copy is not complete, or the acquisition was aborted."""
    if stack.cut_short:
        found.warnings.append(
            f"'{stack.path}' {stack.cut_short} after {len(stack.pages)} pages; these are converted. Copy the file again if"
            " the acquisition was not aborted."
        )


def header_of(path: Path) -> tuple[dict[str, Any], dict[int, dict[str, int]]]:
    """Give the summary of an acquisition and, for each page by its offset, its place by the index map."""
    import tifffile

    with open_binary(path) as handle:
        try:
            settings = tifffile.tifffile.read_micromanager_metadata(handle, {"Summary", "IndexMap"})
        except ConvertersToolsError:
            raise
        except ValueError:
            settings = {}
    rows = settings.get("IndexMap")
    places = {} if rows is None else {row[4]: dict(zip(INDEX_MAP, row[:4], strict=True)) for row in rows.tolist()}
    summary = settings.get("Summary")
    return summary if isinstance(summary, dict) else {}, places


def read_images(source: Path, files: list[Path]) -> Acquired:
    """Read the ``metadata.txt`` of each position, in which every image is listed.

    Raises:
        ConvertersToolsUserError: a description is not JSON.
    """
    folder = files[0].parent if files[0].parent == source or source == files[0] else source
    found = Acquired("single images", files[0], folder, folder.name)
    problems: list[str] = []
    for path in files:
        said: dict[str, Any] = {}
        with collecting(problems):
            said = _json_of(path, found.warnings)
        if problems:
            continue
        summary = said.get("Summary")
        found.summary = found.summary or (summary if isinstance(summary, dict) else {})
        beside = "" if path.parent == folder else f"{path.parent.name}/"
        before = len(found.planes)
        for key, value in said.items():
            if isinstance(value, dict) and (key.startswith(METADATA) or _FRAME_KEY.match(key)):
                found.planes.append(_image(key, value, said, beside, path.parent.name))
        if len(found.planes) == before:
            found.warnings.append(f"'{path}' lists no image; this position is left out.")
        found.metadata_files.append(str(path))
    raise_together(problems, f"Descriptions in '{folder}' cannot be read")
    return found


def _image(key: str, said: Mapping[str, Any], all_said: Mapping[str, Any], beside: str, folder: str) -> RawPlane:
    """One image; its numbers are those beside it, else those of its key, else those of its name."""
    listed = key.removeprefix(METADATA) if key.startswith(METADATA) else str(said.get("FileName") or "")
    name = listed.replace("\\", "/").rpartition("/")[2]
    frame, by_name = _FRAME_KEY.match(key), _IMAGE_NAME.fullmatch(name)
    coords = all_said.get(COORDS + listed)
    axes = index_axes(
        coords if isinstance(coords, dict) else {},
        said,
        dict(zip(("time", "channel", "z"), frame.groups(), strict=True)) if frame else {},
        by_name.groupdict() if by_name else {},
    )
    facts = frame_facts(said)
    return RawPlane(axes, facts._replace(label=facts.label or folder), beside + name if name else "", 0)


def _json_of(path: Path, warnings: list[str]) -> dict[str, Any]:
    """Read a description; that of an aborted acquisition ends where the program died, maybe inside the last image."""
    text = path.read_text("utf-8", errors="replace")
    try:
        found = json.loads(text)
    except ValueError:
        found = _whole_entries(text)
        if found:
            warnings.append(
                f"'{path}' is cut short; the acquisition may have been aborted. What it lists is converted."
            )
    if not isinstance(found, dict) or not found:
        raise ConvertersToolsUserError(f"'{path}' is not valid JSON; copy it again from the microscope's computer.")
    return found


def _whole_entries(text: str) -> dict[str, Any]:
    """Give the entries of an object up to the one in which the text ends; nothing when it is damaged before its end."""
    found: dict[str, Any] = {}
    begin = _BEGIN.match(text)
    at = begin.end() if begin else len(text)
    while (key := _KEY.match(text, at)) is not None:
        try:
            found[json.loads(key[1])], at = json.JSONDecoder().raw_decode(text, key.end())
        except ValueError:
            break
    return {} if _ENTRY.search(text, key.end() if key else at) else found
