"""Write complete artificial exports of an Operetta or Opera Phenix: index and TIFF planes, with known content.

truth = write_operetta(folder, wells=("B03", "C05"), layout=(2, 3), overlap=8)
truth.folders                                                   # one measurement folder per acquisition
truth.plane("B03", field=1, channel=0, z=0, t=0)                # the pixels of one file
truth.corner(1)                                                 # (y, x) of a field in whole pixels of the mosaic
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from fractal_omezarr_converters.testing.operetta_truth import MATRIX, PROFILE, SyntheticOperetta
from fractal_omezarr_converters.testing.synthetic_index import write_index
from fractal_omezarr_converters.testing.synthetic_plate import CHANNELS, PlaneKey, SyntheticChannel

__all__ = ["CHANNELS", "MATRIX", "PROFILE", "PlaneKey", "SyntheticChannel", "SyntheticOperetta", "write_operetta"]


def write_operetta(
    folder: str | Path,
    *,
    missing: Collection[PlaneKey] = (),
    empty: Collection[PlaneKey] = (),
    absent: Collection[PlaneKey] = (),
    wells: Sequence[str] = ("B03", "C05"),
    channels: Sequence[SyntheticChannel] = CHANNELS,
    **settings: Any,
) -> SyntheticOperetta:
    """Write index and planes of one or more acquisitions below a folder, and give the truth about them.

    Args:
        folder: where the measurement folders are made.
        missing: planes the index names whose files are not there.
        empty: planes the index lists without a file name.
        absent: planes the index does not list.
        wells: names of the wells, such as ``B03``; rows A to Z.
        channels: channels with their numbers in the index, which may have gaps.
        settings: any further field of :class:`SyntheticOperetta`.
    """
    truth = SyntheticOperetta(
        Path(folder),
        wells=tuple(wells),
        channels=tuple(channels),
        missing=frozenset(missing),
        empty=frozenset(empty),
        absent=frozenset(absent),
        **settings,
    )
    import tifffile

    for acquisition, place in enumerate(truth.folders):
        images = place / truth.images_folder
        images.mkdir(parents=True, exist_ok=True)
        write_index(truth, acquisition, images)
        for key in truth.listed(acquisition):
            if truth.is_there(key):
                path = images / truth.url(key)
                if not truth.link(path, images / truth.url(truth.original(key))):
                    tifffile.imwrite(path, truth.pixels(key), compression="lzw", metadata=None)
    return truth
