"""Wells of positions by the plate in the OME-XML of stacks, which newer versions of Micro-Manager write.

Source: Micro-Manager 2.0 (pull request 2372): ``Well`` and ``WellSample`` refer to images named
``<prefix>_MMStack_<position>``. The positions of the samples are absolute places on the stage, as in the metadata of the
frames, which are used.
"""

from __future__ import annotations

from pathlib import Path

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.micromanager_frames import StatedPlate
from fractal_omezarr_converters.formats.ome_description import xml_of
from fractal_omezarr_converters.formats.ome_xml import read_ome_xml

BEFORE_LABEL = "MMStack_"


def stated_plate(path: Path, warnings: list[str]) -> StatedPlate:
    """Read the plate in the OME-XML of a stack; empty when there is none.

    Args:
        path: the first file of the acquisition; its first page holds the OME-XML of all.
        warnings: takes what could not be read.
    """
    text = _description(path)
    if b"<Plate" not in text:
        return StatedPlate()
    try:
        document = read_ome_xml(path, content=text, needs_files=False)
    except ConvertersToolsUserError as error:
        warnings.append(f"The plate in the OME-XML of '{path}' is not used: {error}")
        return StatedPlate()
    sites: dict[str, tuple[int, int, int]] = {}
    for well in document.plates[0].wells if document.plates else ():
        for number, sample in well.numbered():
            image = document.images.get(sample.image)
            if image is not None:
                sites[image.name.rpartition(BEFORE_LABEL)[2]] = (well.row + 1, well.column + 1, number - 1)
    plate = document.plates[0] if document.plates else None
    return StatedPlate(sites, plate.rows if plate else None, plate.columns if plate else None)


def _description(path: Path) -> bytes:
    """The description of the first page; the others are not looked for, of which there may be thousands."""
    from fractal_omezarr_converters.models.tiff_pool import naming, opened

    with opened(str(path)) as file, file.lock, naming(str(path)):
        return xml_of(str(file.tif.pages.first.description))
