"""The table time_points: true times, and moments of acquisition (ISO 8601) by frame or by field and frame."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fractal_omezarr_converters.convert import convert, verify
from fractal_omezarr_converters.models.options import ConverterOptions, OmeZarrOptions
from fractal_omezarr_converters.ngff.stores import open_store
from fractal_omezarr_converters.ngff.tables import list_tables, read_table
from fractal_omezarr_converters.pipelines import tiled_image_creation_pipeline, tiles_aggregation_pipeline
from fractal_omezarr_converters.pipelines.plan import plan_image
from fractal_omezarr_converters.testing.synthetic_operetta import write_operetta

BEGAN = datetime(2024, 5, 31, 12, 5, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def text(seconds: float) -> str:
    return after(seconds).isoformat(timespec="milliseconds")


def table_of(tiles: list[Any], **options: Any) -> dict[str, list[Any]] | None:
    (image,) = tiles_aggregation_pipeline(tiles, converter_options=ConverterOptions(**options))
    return plan_image(image, converter_options=ConverterOptions(**options)).time_points


def test_fields_with_moments_of_their_own_have_rows_of_their_own(make_tile: Any) -> None:
    tiles = [
        make_tile(f, file=f"{f}{k}{c}", start_x=x, start_t=10.0 * k, start_c=c, acquired_at=after(10 * k + late + c))
        for f, x, late in (("A", 0.0, 0.0), ("B", 16.0, 4.2))
        for k in range(2)
        for c in range(2)
    ]
    assert table_of(tiles) == {
        "FieldIndex": ["A", "A", "B", "B"],
        "t_index": [0, 1, 0, 1],
        "t_second": [0, 10, 4.2, 14.2],
        "timestamp": [text(0), text(10), text(4.2), text(14.2)],
    }


def test_equal_moments_are_one_row_per_frame_also_of_equidistant_frames(make_tile: Any) -> None:
    tiles = [
        make_tile(f, file=f"{f}{k}", start_x=x, start_t=10.0 * k, acquired_at=after(10.5 * k))
        for f, x in (("A", 0.0), ("B", 16.0))
        for k in range(3)
    ]
    assert table_of(tiles) == {
        "t_index": [0, 1, 2],
        "t_second": [0, 10.5, 21],
        "timestamp": [text(0), text(10.5), text(21)],
    }


def test_an_image_of_one_frame_says_when_its_fields_were_acquired(make_tile: Any, details: Any) -> None:
    flat = details.model_copy(update={"axes": list("czyx")})
    tiles = [
        make_tile(f, file=f, start_x=x, acquisition_details=flat, acquired_at=after(late))
        for f, x, late in (("A", 0.0, 3.0), ("B", 16.0, 1.5))
    ]
    assert table_of(tiles) == {
        "FieldIndex": ["A", "B"],
        "t_index": [0, 0],
        "t_second": [1.5, 0],
        "timestamp": [text(3), text(1.5)],
    }
    assert table_of([each.model_copy(update={"acquired_at": None}) for each in tiles]) is None


def test_moments_that_are_not_all_known_or_do_not_rise_leave_the_stated_times(make_tile: Any) -> None:
    tiles = [
        make_tile(file=str(k), start_t=t, acquired_at=None if k == 1 else after(100 * k))
        for k, t in enumerate((0.0, 10.0, 20.0))
    ]
    assert table_of(tiles) == {
        "t_index": [0, 1, 2],
        "t_second": [0, 10, 20],
        "timestamp": [text(0), None, text(200)],
    }
    same = [each.model_copy(update={"acquired_at": BEGAN}) for each in tiles]
    assert table_of(same) == {"t_index": [0, 1, 2], "t_second": [0, 10, 20], "timestamp": [text(0)] * 3}


def test_of_a_tile_with_several_frames_the_first_moment_is_known(make_tile: Any) -> None:
    tiles = [make_tile(shape=(3, 1, 1, 24, 32), length_t=3.0, acquired_at=datetime(2024, 5, 31, 12, 5))]
    found = table_of(tiles)
    assert found == {
        "t_index": [0, 1, 2],
        "t_second": [0, 10, 20],
        "timestamp": ["2024-05-31T12:05:00.000", None, None],  # no zone was stated, none is made up
    }


@pytest.mark.parametrize("backend", ["csv", "json", "parquet", "anndata"])
def test_ngio_reads_the_table_of_every_backend(make_tile: Any, tmp_path: Path, backend: str) -> None:
    from ngio import open_ome_zarr_container

    options = ConverterOptions(omezarr_options=OmeZarrOptions(table_backend=backend))
    tiles = [
        make_tile(f, file=f"{f}{k}", start_x=x, start_t=10.0 * k, acquired_at=None if (f, k) == ("A", 1) else after(k))
        for f, x in (("A", 0.0), ("B", 16.0))
        for k in range(2)
    ]
    (image,) = tiles_aggregation_pipeline(tiles, converter_options=options)
    url = str(tmp_path / "a.zarr")
    tiled_image_creation_pipeline(
        zarr_url=url, tiled_image=image, registration_pipeline=None, converter_options=options
    )
    own = read_table(open_store(url), "", "time_points")
    assert own["timestamp"] == [text(0), None, text(0), text(1)]
    frame = open_ome_zarr_container(url).get_table("time_points").dataframe.reset_index()
    seen = [None if str(value) in ("None", "nan", "NaT", "<NA>") else str(value) for value in frame["timestamp"]]
    assert [value and datetime.fromisoformat(value) for value in seen] == [after(0), None, after(0), after(1)]
    assert frame["t_second"].astype(float).tolist() == [0, 10, 0, 10]


def test_stamps_of_an_operetta_go_into_the_table_and_verify(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path / "in", times=2, planes=2, seconds=30.0, wells=("B03",), layout=(1, 2), overlap=0)
    made = convert(truth.folders, tmp_path / "out", workers=1, verify=True)
    assert made.verification is not None and made.verification.ok
    assert not made.verification.images[0].notes
    store = open_store(made.updates[0]["zarr_url"])
    found = read_table(store, "", "time_points")
    began = datetime.fromisoformat("2024-05-01T08:00:00.500+00:00")
    late = [0, 30, 0.1, 30.1]
    assert found["FieldIndex"] == ["FOV_1", "FOV_1", "FOV_2", "FOV_2"]
    assert found["t_index"] == [0, 1, 0, 1]
    np.testing.assert_allclose(found["t_second"], late)
    assert [datetime.fromisoformat(each) for each in found["timestamp"]] == [
        began + timedelta(seconds=each) for each in late
    ]
    assert verify(str(tmp_path / "out")).ok


def test_without_abstime_the_beginning_and_the_offset_say_when(tmp_path: Path) -> None:
    import re

    truth = write_operetta(tmp_path / "in", planes=1, wells=("B03",), layout=(1, 2), overlap=0)
    index = truth.folders[0] / "Images" / "Index.idx.xml"
    index.write_text(re.sub("<AbsTime>[^<]*</AbsTime>", "", index.read_text("utf-8-sig")), "utf-8-sig")
    made = convert(truth.folders, tmp_path / "out", workers=1)
    found = read_table(open_store(made.updates[0]["zarr_url"]), "", "time_points")
    assert found["timestamp"] == ["2024-05-01T08:00:00.123+00:00", "2024-05-01T08:00:00.223+00:00"]
    index.write_text(
        re.sub("<MeasurementStartTime>[^<]*<", "<MeasurementStartTime><", index.read_text("utf-8-sig")), "utf-8-sig"
    )
    made = convert(truth.folders, tmp_path / "new", workers=1)
    assert "time_points" not in list_tables(open_store(made.updates[0]["zarr_url"]), "")
