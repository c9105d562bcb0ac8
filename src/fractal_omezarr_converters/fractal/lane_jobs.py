"""One image written by several processes: the coordinator's side, and the job of one lane.

The coordinator stages the image, puts its description below the staging folder, and hands out jobs of a few numbers; workers
write below that folder, and the coordinator joins what they hand over, marks the image and commits it. Workers need to see
the sources and the place of output under the same paths.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from fractal_omezarr_converters.core.placement import Placement, place
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.fractal.handover import digest_of, tiled_image_from_json_str
from fractal_omezarr_converters.fractal.job import changed_options
from fractal_omezarr_converters.models.options import ConverterOptions
from fractal_omezarr_converters.ngff.completion import software_version
from fractal_omezarr_converters.ngff.lane_pass import LaneJoin, begin_lanes, end_lanes, write_lane
from fractal_omezarr_converters.ngff.lanes import COST_OF_A_LANE, Split, choose_split
from fractal_omezarr_converters.ngff.layout import ImageLayout
from fractal_omezarr_converters.ngff.pixel_report import PixelReport
from fractal_omezarr_converters.ngff.stores import Store, open_store
from fractal_omezarr_converters.ngff.whole_files import PARTS
from fractal_omezarr_converters.pipelines.creation import PixelWriter
from fractal_omezarr_converters.pipelines.plan import ImagePlan, image_layout
from fractal_omezarr_converters.pipelines.tile_stream import ImageTiles
from fractal_omezarr_converters.pipelines.write_settings import write_settings

logger = logging.getLogger(__name__)

LaneJob = dict[str, Any]
Crew = Callable[[Sequence[LaneJob]], Iterator[int]]
"""Runs the jobs of all lanes and names each lane that is finished; raises when one cannot be."""

DESCRIPTION = f"{PARTS}/image.json"


def split_of(plan: ImagePlan, writers: int, options: ConverterOptions) -> Split | None:
    """How an image is divided among so many writers; None when one of them writes it as fast."""
    above = options.runtime_settings.divide_above_mb * 2**20
    if writers < 2 or plan.bytes <= above:
        return None
    cost = min(COST_OF_A_LANE, above // 64)
    return choose_split(plan.layout, ImageTiles(plan.image, plan.placement), writers, cost_of_a_lane=cost)


def in_lanes(crew: Crew, writers: int, options: ConverterOptions) -> PixelWriter:
    """A writer of pixels that divides the image among a crew."""

    def write(store: Store, plan: ImagePlan) -> PixelReport:
        split = split_of(plan, writers, options) or Split(plan.layout.grid(0), 1)
        text = plan.image.model_dump_json()
        document = {
            "software_version": software_version(),
            "image": text,
            "converter_options": changed_options(options, ConverterOptions),
            "layout": _digest_of_layout(plan.layout, plan.placement),
        }
        description = json.dumps(document).encode()
        join = LaneJoin(store, plan.layout, ImageTiles(plan.image, plan.placement), split)
        begin_lanes(store, plan.layout)
        try:
            store.put(DESCRIPTION, description)
            logger.info("%s is written in %d parts by %d workers", plan.path, join.count, writers)
            common = {"store": store.url, "unit": list(split.unit), "lanes": split.lanes}
            common["digest"] = digest_of(description)
            for lane in crew([{"lane": number, **common} for number in range(join.count)]):
                join.take(lane)
        except BaseException:
            join.abandon()  # the error may be kept for long, and with it the files of shards that lanes meet in
            raise
        finally:
            end_lanes(store)  # a worker that was given up and still writes finds no place for it any more
        return join.report()

    return write


def write_lane_job(*, store: str, lane: int, unit: Sequence[int], lanes: int, digest: str) -> int:
    """Write one lane of an image that is staged in ``store``; gives the lane's number.

    Raises:
        ConvertersToolsUserError: this computer does not see the folder, or has another version of this package.
    """
    place_of_image = open_store(store)
    image, placement, layout, options = _described(store, digest)
    settings = write_settings(options)
    t, c, z, y, x = unit
    write_lane(
        place_of_image,
        layout,
        ImageTiles(image, placement),
        Split((t, c, z, y, x), lanes),
        lane,
        threads=settings.threads or 1,
        memory_limit=settings.memory_limit,
    )
    return lane


@lru_cache(maxsize=2)
def _described(store: str, digest: str) -> tuple[Any, Placement, ImageLayout, ConverterOptions]:
    """Image, places, layout and options, kept for the next lane of the same image."""
    text = open_store(store).get(DESCRIPTION)
    if text is None or digest_of(text) != digest:
        raise ConvertersToolsUserError(
            f"A worker does not find the image that is to be written in {store}; workers must see the folder of output under the "
            "same path as the computer that started the conversion."
        )
    document = json.loads(text)
    image = tiled_image_from_json_str(document["image"])
    options = ConverterOptions.model_validate(document["converter_options"])
    placement = place(image)
    layout = image_layout(image, placement, options)
    if _digest_of_layout(layout, placement) != document["layout"]:
        raise ConvertersToolsUserError(
            f"A worker would lay out the image in {store} differently: it has version {software_version()} of this package, the "
            f"conversion was started with {document['software_version']}; install the same version everywhere."
        )
    return image, placement, layout, options


def _digest_of_layout(layout: ImageLayout, placement: Placement) -> str:
    digest = hashlib.blake2b(repr(layout).encode(), digest_size=16)
    for array in (placement.start, placement.length, placement.order):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
