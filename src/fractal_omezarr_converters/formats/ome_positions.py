"""Where the fields of an OME plate lie: on the stage (``Plane``), or in their well (``WellSample``); both do not go together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.ome_collector import OmePlanes
from fractal_omezarr_converters.formats.ome_records import OmeDocument
from fractal_omezarr_converters.formats.ome_wells import OmeWell
from fractal_omezarr_converters.models.well_names import row_name

REMEDY = "correct it, or set field_grid in the options of the format"


def settle_positions(wells: Sequence[OmeWell], document: OmeDocument) -> list[str]:
    """Use the places in the well of all fields that have images, where some state no place on the stage.

    Returns:
        What is wrong: in a well some fields state the one and some the other alone.
    """
    fields = {
        (well.row + 1, well.column + 1, number): (sample, document.images[sample.image])
        for well in wells
        for number, sample in well.numbered()
        if sample.image in document.images and document.images[sample.image].places
    }
    off_stage = [key for key, (_, image) in fields.items() if not image.states_position]
    if not 0 < len(off_stage) < len(fields):
        return []
    in_well = {key for key, (sample, _) in fields.items() if sample.x is not None and sample.y is not None}
    if len(in_well) == len(fields):
        document.warnings.append(
            f"{len(off_stage)} of {len(fields)} fields in '{document.path}' state no position on the stage; the positions in"
            " the wells (WellSample) are used for all."
        )
        for _, image in fields.values():
            image.forget_positions()
        return []
    on_stage = {key[:2] for key in fields.keys() - set(off_stage)}
    mixed = [key for key in off_stage if key in in_well and key[:2] in on_stage]
    if not mixed:
        return []
    row, column, number = mixed[0]
    return [
        f"'{document.path}' states a position in the well (WellSample) alone of {len(mixed)} fields (for example field {number}"
        f" of well {row_name(row)}{column:02d}), and one on the stage alone of others; both do not go together: {REMEDY}."
    ]


def check_positions(found: OmePlanes, described_in: str) -> None:
    """See that the fields of a well lie at different places that are known.

    Raises:
        ConvertersToolsUserError: they do not.
    """
    fields = {(each.row, each.column, each.field): (each.x, each.y) for each in found.planes}
    in_well = Counter(key[:2] for key in fields)
    if len(fields) > len(in_well) and len(set(fields.values())) == 1:
        raise ConvertersToolsUserError(
            f"The OME-XML of '{described_in}' states no positions of the fields, or the same for all; set field_grid"
            " (number of columns, order, overlap) in the options of the format."
        )
    if lost := [key for key in found.unplaced if in_well[key[:2]] > 1]:
        row, column, number = lost[0]
        raise ConvertersToolsUserError(
            f"The OME-XML of '{described_in}' states no position (x and y) of {len(lost)} fields (for example field {number} of"
            f" well {row_name(row)}{column:02d}), but of others; {REMEDY}."
        )
