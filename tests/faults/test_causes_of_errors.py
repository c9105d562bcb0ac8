"""What a user reads is one sentence; what the operating system, the parser or the library said stays behind it as its cause."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from small_plates import options, tiles

from fractal_omezarr_converters.core.frame_sources import read_frame
from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsUserError
from fractal_omezarr_converters.formats.tile_table import TileTableFormat
from fractal_omezarr_converters.formats.xml_stream import XmlStream
from fractal_omezarr_converters.fractal.compute import generic_compute_task
from fractal_omezarr_converters.models.image_files import load_tiff
from fractal_omezarr_converters.pipelines.aggregation import tiles_aggregation_pipeline
from fractal_omezarr_converters.pipelines.registration import apply_registration_pipeline


def of_a_cut_index(folder: Path) -> None:
    (folder / "index.xml").write_text("<R><Images><Image>")
    list(XmlStream(folder / "index.xml", ["Images/Image"]))


def of_a_missing_index(folder: Path) -> None:
    list(XmlStream(folder / "index.xml", ["Images/Image"]))


def of_a_number_in_an_index(folder: Path) -> None:
    (folder / "index.xml").write_text("<R><Images><Image><No>one</No></Image></Images></R>")
    next(iter(XmlStream(folder / "index.xml", ["Images/Image"]))).integer("No")


def of_details_that_are_no_toml(folder: Path) -> None:
    (folder / "tiles.csv").write_text("file_path,well\na.tif,A1\n")
    (folder / "acquisition_details.toml").write_text("xy_pixel_size = 0,65")
    TileTableFormat().scan(str(folder))


def of_an_unknown_option(folder: Path) -> None:
    TileTableFormat().scan(str(folder), options={"tabel": "x"})


def of_a_table_that_is_no_parquet(folder: Path) -> None:
    (folder / "tiles.parquet").write_bytes(b"no parquet")
    read_frame(folder / "tiles.parquet")


def of_a_damaged_image(folder: Path) -> None:
    (folder / "a.tif").write_bytes(b"no image")
    load_tiff(folder / "a.tif")


def of_a_damaged_job(folder: Path) -> None:
    generic_compute_task(zarr_url=f"{folder}/a.zarr", init_args={"tiled_image_json_str": "{"})


def of_parameters_that_a_step_lacks(folder: Path) -> None:
    [image] = tiles_aggregation_pipeline(tiles(folder), converter_options=options())
    apply_registration_pipeline(image, [{"name": "align_to_pixel_grid", "params": {"speed": 1}}])


FAILURES = [
    of_a_cut_index,
    of_a_missing_index,
    of_a_number_in_an_index,
    of_details_that_are_no_toml,
    of_an_unknown_option,
    of_a_table_that_is_no_parquet,
    of_a_damaged_image,
    of_a_damaged_job,
    of_parameters_that_a_step_lacks,
]


@pytest.mark.parametrize("fail", FAILURES, ids=lambda fail: fail.__name__)
def test_the_cause_of_an_error_is_kept(tmp_path: Path, fail: Callable[[Path], None]) -> None:
    with pytest.raises(ConvertersToolsUserError) as caught:
        fail(tmp_path)
    cause = caught.value
    while isinstance(cause, ConvertersToolsError):
        cause = cause.__cause__
    assert cause is not None
