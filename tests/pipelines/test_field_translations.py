"""What registration added to the stage position of every field lies in a table of its own, and fits the other tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fractal_omezarr_converters.models.acquisition import StageOrientation
from fractal_omezarr_converters.models.grouping import InplaceTiling, MosaicGrouping, PerFovGrouping, SnapToGridTiling
from fractal_omezarr_converters.models.options import ConverterOptions, OmeZarrOptions
from fractal_omezarr_converters.ngff.stores import open_store
from fractal_omezarr_converters.ngff.tables import list_tables, read_table
from fractal_omezarr_converters.pipelines import tiled_image_creation_pipeline, tiles_aggregation_pipeline

IMAGE = "a.zarr"


def write(tiles: list[Any], folder: Path, tiling: Any, **written: Any) -> Any:
    options = ConverterOptions(
        grouping=MosaicGrouping(tiling_strategy=tiling), omezarr_options=OmeZarrOptions(**written)
    )
    (image,) = tiles_aggregation_pipeline(tiles, converter_options=options)
    url = str(folder / IMAGE)
    tiled_image_creation_pipeline(
        zarr_url=url, tiled_image=image, registration_pipeline=None, converter_options=options
    )
    return open_store(folder)


def grid(make_tile: Any, **more: Any) -> list[Any]:
    """2 x 3 fields of 16 x 12 µm (32 x 24 px) that overlap by 2 and 1.5 µm, far from the stage's origin."""
    return [
        make_tile(f"F{i}{j}", file=f"{i}{j}", start_x=500 + 14.0 * i, start_y=-200 + 10.5 * j, start_z=30.0, **more)
        for i in range(3)
        for j in range(2)
    ]


@pytest.mark.parametrize("backend", ["csv", "json", "parquet", "anndata"])
def test_a_grid_moves_fields_apart_and_says_by_how_much(make_tile: Any, tmp_path: Path, backend: str) -> None:
    from ngio import open_ome_zarr_container

    store = write(grid(make_tile), tmp_path, SnapToGridTiling(), table_backend=backend)
    added = read_table(store, IMAGE, "FOV_translation_table")
    assert added["FieldIndex"] == [f"F{i}{j}" for i in range(3) for j in range(2)]
    assert added["translation_x"] == [0, 0, 2, 2, 4, 4]
    assert added["translation_y"] == [0, 1.5] * 3
    assert added["translation_z"] == [0] * 6
    rois = read_table(store, IMAGE, "FOV_ROI_table")
    assert not any(name.startswith("translation") for name in rois)
    scale, origin = json.loads((tmp_path / IMAGE / ".zattrs").read_text())["multiscales"][0]["datasets"][0][
        "coordinateTransformations"
    ]
    assert scale["scale"][-1] == 0.5
    for axis, place in (("x", -1), ("y", -2), ("z", -3)):
        at = np.array(rois[f"{axis}_micrometer"]) + origin["translation"][place]
        np.testing.assert_allclose(at, np.array(rois[f"{axis}_micrometer_original"]) + added[f"translation_{axis}"])
    container = open_ome_zarr_container(str(tmp_path / IMAGE))
    seen = container.get_table("FOV_translation_table").dataframe.reset_index()
    assert seen["translation_x"].astype(float).tolist() == added["translation_x"]
    assert seen["FieldIndex"].astype(str).tolist() == added["FieldIndex"]
    assert len(container.get_generic_roi_table("FOV_ROI_table").rois()) == 6


def test_a_turned_stage_counts_along_the_axes_of_the_image(make_tile: Any, details: Any, tmp_path: Path) -> None:
    turned = details.model_copy(update={"stage_orientation": StageOrientation(flip_x=True)})
    store = write(grid(make_tile, acquisition_details=turned), tmp_path, SnapToGridTiling())
    added = read_table(store, IMAGE, "FOV_translation_table")
    assert dict(zip(added["FieldIndex"], added["translation_x"])) == {
        f"F{i}{j}": 2.0 * (2 - i) for i in range(3) for j in range(2)
    }


def test_fields_that_stay_in_place_need_no_table(make_tile: Any, tmp_path: Path) -> None:
    store = write([make_tile("A", start_x=3.1), make_tile("B", start_x=20.2, start_z=4.0)], tmp_path, InplaceTiling())
    assert list_tables(store, IMAGE) == ["FOV_ROI_table", "well_ROI_table"]


def test_images_of_single_fields_need_none(make_tile: Any) -> None:
    from fractal_omezarr_converters.pipelines.plan import plan_image

    options = ConverterOptions(grouping=PerFovGrouping())
    for image in tiles_aggregation_pipeline(grid(make_tile), converter_options=options):
        assert plan_image(image, converter_options=options).translations is None


def test_heights_that_are_removed_per_field_are_counted(make_tile: Any, tmp_path: Path) -> None:
    options = ConverterOptions(
        grouping=MosaicGrouping(tiling_strategy=InplaceTiling()),
        stage_position_corrections={"remove_z_offset": "Per-FOV"},
    )
    tiles = [make_tile("A"), make_tile("B", start_x=16.0, start_z=6.0)]
    (image,) = tiles_aggregation_pipeline(tiles, converter_options=options)
    url = str(tmp_path / IMAGE)
    tiled_image_creation_pipeline(
        zarr_url=url, tiled_image=image, registration_pipeline=None, converter_options=options
    )
    added = read_table(open_store(tmp_path), IMAGE, "FOV_translation_table")
    assert added["translation_z"] == [0, -6]
