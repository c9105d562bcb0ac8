"""Other programs open what was written: ngio the image, its tables and the plate, yaozarrs the metadata, judges everything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fractal_omezarr_converters.convert import convert, verify
from fractal_omezarr_converters.testing import PlaneKey, SyntheticOperetta, write_operetta

ngio = pytest.importorskip("ngio")

PLATE = "Synthetic Plate.zarr"
MISSING = PlaneKey("B03", 2, 1, 1, 0)


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> SyntheticOperetta:
    """Two wells, four fields, two channels, z and time, a missing plane, two acquisitions; fields of odd size."""
    return write_operetta(
        tmp_path_factory.mktemp("source"),
        layout=(2, 2),
        field_shape=(25, 37),
        overlap=5,
        planes=2,
        times=2,
        acquisitions=2,
        missing=[MISSING],
    )


def written(truth: SyntheticOperetta, out: Path, version: str, backend: str = "csv") -> Path:
    options = {
        "grouping": {"tiling_strategy": {"mode": "Inplace"}},
        "omezarr_options": {"table_backend": backend, "levels": {"num_levels": 3}},
    }
    with pytest.warns(UserWarning):
        convert(truth.folders, out, converter_options=options, ngff_version=version, executor="threads", workers=2)
    return out / PLATE


@pytest.mark.parametrize("backend", ["csv", "json", "parquet", "anndata"])
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ngio_opens_plate_images_and_tables(
    truth: SyntheticOperetta, tmp_path: Path, version: str, backend: str
) -> None:
    place = written(truth, tmp_path, version, backend)
    plate = ngio.open_ome_zarr_plate(place)
    assert sorted(plate.wells_paths()) == ["B/03", "C/05"]
    assert list(plate.acquisition_ids) == [0, 1]
    images = plate.get_images()
    assert len(images) == 4
    for path, container in images.items():
        row, column, name = path.split("/")
        acquisition = int(name.rpartition("_")[2]) if "_" in name else int(name)
        image = container.get_image()
        assert image.shape == (2, 2, 2, 45, 69) and image.pixel_size.x == pytest.approx(0.65)
        assert image.pixel_size.z == pytest.approx(1.5) and image.channel_labels == ["DAPI", "Alexa 647"]
        pixels = image.get_as_numpy()
        well = f"{row}{column}"
        for t, c, z in np.ndindex(2, 2, 2):
            expected = truth.mosaic(well, c, z, t=t, acquisition=acquisition)
            np.testing.assert_array_equal(pixels[t, c, z], expected)
        assert {"FOV_ROI_table", "well_ROI_table", "channel_z_offsets"} <= set(container.list_tables())
        fields = container.get_table("FOV_ROI_table").rois()
        assert [roi.name for roi in fields] == [f"FOV_{number}" for number in truth.fields]
        for number, roi in zip(truth.fields, fields, strict=True):
            y, x = truth.corner(number)
            cut = image.get_roi(roi)
            assert cut.shape == (2, 2, 2, 25, 37)
            np.testing.assert_array_equal(cut, pixels[..., y : y + 25, x : x + 37])
        assert container.get_table("well_ROI_table").rois()[0].name == "image"
        heights = container.get_table("channel_z_offsets").dataframe
        assert list(heights["z_offset_micrometer"]) == [-5.0, -2.0]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_models_of_the_specification_validate(truth: SyntheticOperetta, tmp_path: Path, version: str) -> None:
    yaozarrs = pytest.importorskip("yaozarrs")
    place = written(truth, tmp_path, version)
    for group in (place, place / "B" / "03", place / "B" / "03" / "0"):
        yaozarrs.validate_zarr_store(str(group))


ODD: dict[str, Any] = {"layout": (2, 2), "field_shape": (25, 37), "overlap": 5, "planes": 1}
EVEN: dict[str, Any] = {"layout": (2, 2), "field_shape": (64, 96), "overlap": 0, "planes": 1}
SHARDS = {
    "chunks": {"mode": "Fixed Size", "xy_chunk": 32},
    "shards": {"mode": "Multiple of Chunks", "xy_factor": 2},
}
OUTPUTS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "mosaic 0.4": (EVEN, {}, "0.4"),
    "mosaic 0.5": (EVEN, {}, "0.5"),
    "mosaic 0.6": (EVEN, {}, "0.6"),
    "per field 0.4": (EVEN, {"grouping": {"mode": "Per-FOV"}}, "0.4"),
    "per field 0.6": (EVEN, {"grouping": {"mode": "Per-FOV"}}, "0.6"),
    "in place 0.5": (
        {**EVEN, "overlap": 8, "field_shape": (68, 100)},
        {"grouping": {"tiling_strategy": {"mode": "Inplace"}}},
        "0.5",
    ),
    "sharded 0.5": (EVEN, {"omezarr_options": {"ngff_version": "0.5", **SHARDS}}, "0.5"),
    "sharded 0.6": (EVEN, {"omezarr_options": {"ngff_version": "0.6", **SHARDS}}, "0.6"),
    "time series 0.4": ({**EVEN, "times": 3, "planes": 2}, {}, "0.4"),
    "time series 0.6": ({**EVEN, "times": 3, "planes": 2}, {}, "0.6"),
    "two acquisitions 0.5": ({**EVEN, "acquisitions": 2}, {}, "0.5"),
    "odd sizes 0.5": (ODD, {}, "0.5"),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_kind_of_output_is_verified_and_judged(tmp_path: Path, name: str, judge: Callable[..., None]) -> None:
    settings, options, version = OUTPUTS[name]
    truth = write_operetta(tmp_path / "source", **settings)
    convert(
        truth.folders, tmp_path / "out", converter_options=options, ngff_version=version, executor="threads", workers=2
    )
    checked = verify(tmp_path / "out")
    assert checked.ok, checked
    judge(tmp_path / "out" / PLATE, odd_sizes="odd" in name)
