"""From tiles to images: filter, group, validate, and check from headers alone; all findings come at once."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from fractal_omezarr_converters.core.aggregation import header_choice, tiled_image_from_tiles
from fractal_omezarr_converters.core.source_survey import HeaderChoice
from fractal_omezarr_converters.core.tile_table import TileTable
from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import ConvertersToolsUserError, ConvertersToolsWarning, raise_together
from fractal_omezarr_converters.models.options import ConverterOptions
from fractal_omezarr_converters.pipelines.acquisition_conditions import (
    notes_on_rows_elsewhere,
    with_condition_tables,
    with_conditions_to_filter_by,
)
from fractal_omezarr_converters.pipelines.alike import Planner, Plans
from fractal_omezarr_converters.pipelines.filter_models import FilterModel
from fractal_omezarr_converters.pipelines.filters import FilterCount, filter_tiles
from fractal_omezarr_converters.pipelines.header_checks import check_sources, missing_sources, sources_of
from fractal_omezarr_converters.pipelines.range_crop import CROPPING
from fractal_omezarr_converters.pipelines.validators import ValidatorModel, apply_validator_pipeline
from fractal_omezarr_converters.pipelines.write_settings import memory_limit

type Image = TiledImage[Any, Any]

logger = logging.getLogger(__name__)

SHOWN = 20


def tiles_aggregation_pipeline(
    tiles: Any,
    *,
    converter_options: ConverterOptions,
    filters: Sequence[FilterModel | dict[str, Any]] | None = None,
    validators: Sequence[ValidatorModel | dict[str, Any]] | None = None,
    resource: Any = None,
    files_needed: bool = True,
    conditions_joined: bool = False,
) -> list[Image]:
    """Filter tiles, group them into images and validate the images; no pixel is read.

    Args:
        tiles: A list of tiles, or a table of tiles.
        converter_options: Options of the conversion.
        filters: Filters to apply, in order.
        validators: Validators to apply besides the checks that always run.
        resource: Handed to the loaders.
        files_needed: Raise when files are missing; otherwise they are warned of, which is enough for a plan.
        conditions_joined: The condition tables that the acquisitions name are joined to the tiles already.

    Raises:
        ConvertersToolsUserError: no tile is left, or something is wrong with sources or positions (all of it at once).
    """
    return planned_images(
        tiles,
        converter_options=converter_options,
        filters=filters,
        validators=validators,
        resource=resource,
        files_needed=files_needed,
        conditions_joined=conditions_joined,
    )[0]


def planned_images(
    tiles: Any,
    *,
    converter_options: ConverterOptions,
    filters: Sequence[FilterModel | dict[str, Any]] | None = None,
    validators: Sequence[ValidatorModel | dict[str, Any]] | None = None,
    resource: Any = None,
    files_needed: bool = True,
    conditions_joined: bool = False,
    complete: Callable[[list[Image]], None] | None = None,
    just_scanned: bool = False,
) -> tuple[list[Image], Plans]:
    """Do what :func:`tiles_aggregation_pipeline` does, and give the plans that its checks make as well.

    ``complete`` is called with the images before they are checked and planned. Files of tiles that were ``just_scanned``
    are not looked at again.
    """
    given = tiles if isinstance(tiles, TileTable) else list(tiles)
    if not conditions_joined:
        given = with_conditions_to_filter_by(given, filters)
    kept, counts = filter_tiles(given, filters_config=filters, resource=resource, files_needed=files_needed)
    before = given if isinstance(given, TileTable) else TileTable.from_tiles(given)
    if not len(kept):
        raise ConvertersToolsUserError(no_tiles_left(before, counts))
    table = before if not counts else kept if isinstance(kept, TileTable) else TileTable.from_tiles(kept)
    if not conditions_joined:
        table, notes, elsewhere = with_condition_tables(table, [before])
        _say([*notes, *notes_on_rows_elsewhere(elsewhere, [table])])
    absent = missing_sources(table.loaders, resource, fresh=not just_scanned)
    if files_needed:
        raise_together(absent, "Sources cannot be read", shown=SHOWN)
    choice = header_choice(table, resource)
    images: list[Image] = tiled_image_from_tiles(
        tiles=table, split_per_fov=converter_options.grouping.split_per_fov, resource=resource, headers=choice
    )
    images = apply_validator_pipeline(images, validators_config=validators, resource=resource)
    if complete is not None:
        complete(images)
    plans = check_images(
        images, converter_options=converter_options, resource=resource, files_needed=files_needed, choice=choice
    )
    return images, plans


def no_tiles_left(before: TileTable, counts: Sequence[FilterCount]) -> str:
    """Why there is nothing to convert, and what ranges of z and time would have met."""
    if not len(before):
        return "There are no tiles to convert; check that the acquisition folder holds images."
    removed = []
    for count in counts:
        if not count.removed:
            continue
        said = f"'{count.name}' removed {count.removed}"
        if count.name in CROPPING:
            axis, column = CROPPING[count.name]
            starts = before.start[:, column]
            said += f"; all begin at {axis} {starts.min():g} to {starts.max():g}"
        removed.append(said)
    return f"The filters leave none of {len(before)} tiles ({', '.join(removed)}); change or remove a filter."


def check_images(
    images: Sequence[Image],
    *,
    converter_options: ConverterOptions,
    resource: Any = None,
    files_needed: bool = True,
    choice: HeaderChoice | None = None,
) -> Plans:
    """Check sources, headers, positions and sizes of all images and give their plans; problems are raised together.

    Raises:
        ConvertersToolsUserError: everything that is wrong, one line each.
    """
    memory_limit(converter_options)  # a wrong one is no fault of any image
    problems: list[str] = []
    notes: list[str] = []
    remarks: dict[str, None] = {}
    planner = Planner(converter_options, resource)
    for image in images:
        found = check_sources(image, resource, choice=choice)
        problems += found.problems if files_needed or not found.missing else found.problems[found.missing :]
        if not found.problems:
            image.stamp_sources(found.sources)
        for dtype, number in found.narrowed.items():
            notes.append(
                f"Image '{image.path}' is written as {image.data_type}, but {number} of its sources hold {dtype}; "
                "the conversion stops if a value does not fit."
            )
        try:
            findings = planner.findings(image, found.sources)
        except ConvertersToolsUserError as error:
            problems.append(str(error))
            continue
        notes += findings.warnings
        remarks |= dict.fromkeys(findings.remarks)
    raise_together(problems, "The images cannot be converted", shown=SHOWN)
    _say(notes)
    for remark in list(remarks)[:SHOWN]:
        logger.info("%s", remark)
    if len(remarks) > SHOWN:
        logger.info("%d more remarks of the same kind are in the plan.", len(remarks) - SHOWN)
    return Plans(images, lambda image: planner.plan(image, sources_of(image, resource)))


def _say(notes: Sequence[str]) -> None:
    """Warn of each finding once; of many only the first few and their number."""
    distinct = list(dict.fromkeys(notes))
    for note in distinct[:SHOWN]:
        warnings.warn(note, ConvertersToolsWarning, stacklevel=3)
    if len(distinct) > SHOWN:
        warnings.warn(
            f"{len(distinct) - SHOWN} more findings of the same kind are in the plan.",
            ConvertersToolsWarning,
            stacklevel=3,
        )
