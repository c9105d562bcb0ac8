"""Moments of acquisition through tiles, columns and the hand-over: exact, small, and absent where nothing is known."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from made_sources import details, tile, well

from fractal_omezarr_converters.core import TiledImage, tiled_image_from_tiles
from fractal_omezarr_converters.core.columns import RegionColumns
from fractal_omezarr_converters.core.moments import UNKNOWN, Moments
from fractal_omezarr_converters.core.tile_table import TileTable
from fractal_omezarr_converters.core.tile_table_builder import TileTableBuilder

BEGAN = datetime(2024, 5, 31, 14, 5, 0, 250_000, tzinfo=timezone(timedelta(hours=2)))


def stamped(*moments: datetime | None) -> TileTable:
    return TileTable.from_tiles(
        tile(f"f{i}", fov=f"F{i}", x=i * 10).model_copy(update={"acquired_at": moment})
        for i, moment in enumerate(moments)
    )


def test_a_tile_keeps_its_moment_through_tables_and_regions() -> None:
    table = stamped(BEGAN, None, BEGAN + timedelta(seconds=7.5))
    assert [each.acquired_at for each in table] == [BEGAN, None, BEGAN + timedelta(seconds=7.5)]
    assert table.tile(0).acquired_at.tzinfo is UTC
    again = TileTable.concat([table.select([2, 0]), stamped(None, None), table.select([1])])
    assert [each.acquired_at for each in again] == [BEGAN + timedelta(seconds=7.5), BEGAN, None, None, None]
    (image,) = tiled_image_from_tiles(tiles=table)
    assert image.columns.moments == table.moments
    image.add_tile(tile("late", fov="F9", x=90).model_copy(update={"acquired_at": BEGAN + timedelta(days=1)}))
    del image.regions[0]
    assert image.columns.moments.time(2) == BEGAN + timedelta(days=1)
    assert image.columns.moments.time(0) is None


def test_without_moments_nothing_is_kept_or_written() -> None:
    table = stamped(None, None)
    assert table.moments is None
    (image,) = tiled_image_from_tiles(tiles=table)
    assert "moments" not in json.loads(image.model_dump_json())["regions"]
    assert stamped(BEGAN, None).select([1]).moments is None


@pytest.mark.parametrize(
    "times",
    [
        [BEGAN],
        [None, BEGAN, BEGAN - timedelta(milliseconds=1), None],
        [datetime(1969, 1, 1), datetime(2400, 1, 1), None],
        [BEGAN + timedelta(seconds=i // 3) for i in range(100)],
    ],
)
def test_the_hand_over_is_exact(times: list[datetime | None]) -> None:
    made = Moments.of_times(times)
    back = Moments.from_json(json.loads(json.dumps(made.to_json())))
    assert back == made
    naive = any(time is not None and time.tzinfo is None for time in times)
    assert [back.time(i) for i in range(len(times))] == times
    assert back.zoned is not naive


def test_seconds_of_the_epoch_are_moments_in_utc() -> None:
    made = Moments.of_times([1_700_000_000.1234, None])
    assert made.ms.tolist() == [1_700_000_000_123, UNKNOWN]
    assert made.time(0) == datetime.fromtimestamp(1_700_000_000.123, UTC)


def test_images_keep_the_first_moment_of_each_field_and_frame() -> None:
    builder = TileTableBuilder()
    place, acquisition = well(), details("tczyx", t_spacing=60.0)
    for fov, t, c, late in (("A", 0, 0, 3), ("A", 0, 1, 1), ("A", 60, 0, 9), ("B", 0, 0, 5), ("B", 0, 1, None)):
        builder.add(
            fov=fov,
            collection=place,
            acquisition=acquisition,
            start=(t, c, 0, 0, 100 * (fov == "B")),
            length=(1, 1, 1, 8, 6),
            file=f"{fov}{t}{c}.tif",
            acquired_at=None if late is None else BEGAN.timestamp() + late,
        )
    columns = builder.build().region_columns()
    seconds = (columns.moments.ms / 1000 - BEGAN.timestamp()).round(3).tolist()
    assert seconds == [1, 1, 9, 5, 5]


def test_a_plane_costs_next_to_nothing_in_the_hand_over() -> None:
    rows, random = 48_000, np.random.default_rng(3)
    taken = BEGAN.timestamp() + np.cumsum(random.uniform(0.03, 0.4, rows))

    def handed_over(with_moments: bool) -> int:
        builder = TileTableBuilder()
        place, acquisition = well(), details("tczyx", t_spacing=60.0, data_type="uint16")
        for i in range(rows):
            frame, rest = divmod(i, 1200)
            fov, plane = divmod(rest, 40)
            builder.add(
                fov=f"F{fov}",
                collection=place,
                acquisition=acquisition,
                start=(frame * 60, plane % 2, plane // 2, 0, fov * 100.0),
                length=(1, 1, 1, 80, 100),
                file=f"r01c01f{fov:04}p{plane // 2:02}-ch{plane % 2}sk{frame}.tiff",
                acquired_at=float(taken[i]) if with_moments else None,
            )
        (image,) = tiled_image_from_tiles(tiles=builder.build())
        text = image.model_dump_json()
        back = TiledImage.model_validate_json(text)
        assert back.columns == image.columns
        assert (back.columns.moments is not None) == with_moments
        return len(text)

    assert handed_over(True) - handed_over(False) < 0.25 * rows


def test_documents_of_the_first_version_load() -> None:
    (image,) = tiled_image_from_tiles(tiles=stamped(BEGAN))
    document: dict[str, Any] = json.loads(image.model_dump_json())
    document["version"] = 1
    del document["remarks"], document["regions"]["moments"]
    older = TiledImage.model_validate_json(json.dumps(document))
    assert older.columns.moments is None and older.remarks == []
    assert older.columns == image.columns.replaced(moments=None)


def test_columns_that_differ_in_moments_only_are_not_equal() -> None:
    (image,) = tiled_image_from_tiles(tiles=stamped(BEGAN))
    other = image.columns.replaced(moments=Moments.of_times([BEGAN + timedelta(seconds=1)]))
    assert image.columns != other
    with pytest.raises(ValueError, match="different lengths"):
        image.columns.replaced(moments=Moments([1, 2]))
    assert len(RegionColumns.concat([image.columns, other]).moments) == 2
