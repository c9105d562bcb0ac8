"""Which tables an image gets, as its plan says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from fractal_omezarr_converters.pipelines.plan import ImagePlan
from fractal_omezarr_converters.pipelines.roi_tables import (
    INDEX,
    channel_z_offsets,
    condition_table,
    fov_roi_table,
    well_roi_table,
)

if TYPE_CHECKING:
    from fractal_omezarr_converters.ngff.tables import TableType


class ImageTable(NamedTuple):
    """One table: values by column, what it is, and which column names its rows."""

    name: str
    columns: dict[str, list[Any]]
    type: TableType
    index_key: str | None = None


def image_tables(plan: ImagePlan) -> Iterator[ImageTable]:
    """Make the tables of an image in the order in which they are listed."""
    start, length = plan.placement.start, plan.placement.length
    yield ImageTable("FOV_ROI_table", fov_roi_table(plan.image, start, length), "roi_table", INDEX)
    yield ImageTable("well_ROI_table", well_roi_table(plan.image, plan.placement.shape), "roi_table", INDEX)
    if plan.translations is not None:
        yield ImageTable("FOV_translation_table", plan.translations, "generic_table", INDEX)
    heights = channel_z_offsets(plan.image)
    if heights is not None:
        yield ImageTable("channel_z_offsets", heights, "generic_table")
    conditions = condition_table(plan.image)
    if conditions is not None:
        yield ImageTable("condition_table", conditions, "condition_table")
    if plan.time_points is not None:
        yield ImageTable("time_points", plan.time_points, "generic_table")
    if plan.z_positions is not None:
        yield ImageTable("z_positions", plan.z_positions, "generic_table")
