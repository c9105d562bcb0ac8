"""Heights that the autofocus of a CellVoyager found, from its TRACE logs.

Facts (two logs of a CV8000): a line with ``_init_frame_save,<file>`` names the image that is about to be taken; the line
``ReaderControl,--->,AF_MANU,<n>,0,OK,<height>,0`` (or ``MS_MANU`` with the height at its end) since the image before it is
the height in µm. Images without such a line have no known height.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePath

from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.formats.plane_records import PlaneRecord

_LINE = re.compile(
    r"--->,AF_MANU,\d+,\d+,OK,(?P<focus>-?\d+(?:\.\d+)?)"
    r"|--->,MS_MANU,.*,(?P<stage>-?\d+(?:\.\d+)?)\s*$"
    r"|_init_frame_save,(?P<file>[^,]+),"
)


def autofocus_planes(planes: Sequence[PlaneRecord], folder: Path, z_step: float | None) -> list[PlaneRecord]:
    """Number planes by the heights in the logs instead of their place in the stack.

    Raises:
        ConvertersToolsUserError: there is no log, images have no height in it, or the z step is not known.
    """
    logs = sorted({*folder.glob("TRACE*.log"), *folder.parent.glob("TRACE*.log")})
    if not logs:
        raise ConvertersToolsFileNotFoundError(
            f"There is no TRACE log in '{folder}' or beside it; copy the logs there, or set autofocus_heights to off."
        )
    if not z_step:
        raise ConvertersToolsUserError(f"'{folder}' states no z step (protocol .mes); set autofocus_heights to off.")
    heights: dict[str, float] = {}
    for log in logs:
        heights.update(_heights(log))
    found = [heights.get(PurePath(each.file or "").name) for each in planes]
    missing = [each.file for each, height in zip(planes, found, strict=True) if height is None]
    if missing:
        raise ConvertersToolsUserError(
            f"The TRACE logs of '{folder}' state no height for {len(missing)} of {len(planes)} images (for example"
            f" '{missing[0]}'); copy all logs of the measurement, or set autofocus_heights to off."
        )
    known = [height for height in found if height is not None]
    lowest = min(known)
    return [
        each._replace(z=round((height - lowest) / z_step), height=height)
        for each, height in zip(planes, known, strict=True)
    ]


def _heights(log: Path) -> dict[str, float]:
    heights: dict[str, float] = {}
    last: float | None = None
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            match = _LINE.search(line)
            if match is None:
                continue
            if match["file"]:
                if last is not None:
                    heights[match["file"]] = last
                last = None
            else:
                last = float(match["focus"] or match["stage"])
    return heights
