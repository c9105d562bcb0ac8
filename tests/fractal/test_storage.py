"""Where and how a plate is stored: version, kind of tables, hand-over, places other than disks."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plate_jobs import as_files, plate_images, tile

from fractal_omezarr_converters.core.aggregation import tiled_image_from_tiles
from fractal_omezarr_converters.errors import ConvertersToolsOutputExistsError
from fractal_omezarr_converters.fractal import cleanup_if_exists
from fractal_omezarr_converters.fractal.compute import generic_compute_task
from fractal_omezarr_converters.fractal.init import build_parallelization_list, setup_images_for_conversion
from fractal_omezarr_converters.models.collections import SingleImage
from fractal_omezarr_converters.models.loaders import ImageLoaderInterface
from fractal_omezarr_converters.models.options import ConverterOptions, OverwriteMode
from fractal_omezarr_converters.ngff.stores import open_store
from fractal_omezarr_converters.ngff.zarr_arrays import open_array
from fractal_omezarr_converters.pipelines import tiled_image_creation_pipeline


@pytest.mark.parametrize("version", ["0.4", "0.5", "0.6"])
def test_f48_plate_wells_images_and_tables_have_one_version(tmp_path: Path, version: str) -> None:
    options = ConverterOptions(omezarr_options={"ngff_version": version})  # type: ignore[arg-type]
    jobs = setup_images_for_conversion(
        plate_images(tmp_path, "A"), zarr_dir=str(tmp_path / "out"), converter_options=options, ngff_version=version
    )
    for job in jobs:
        generic_compute_task(**job)
    names = {path.name for path in (tmp_path / "out").rglob("*") if path.name in (".zgroup", ".zarray", "zarr.json")}
    assert names == ({".zgroup", ".zarray"} if version == "0.4" else {"zarr.json"})
    stated = [
        found
        for path in (tmp_path / "out/P.zarr").rglob(".zattrs" if version == "0.4" else "zarr.json")
        for found in re.findall(r'"version":\s*"(0\.\d)', path.read_text())
    ]
    assert len(stated) >= 3 and set(stated) == {version}


@pytest.mark.parametrize("backend", ["csv", "json", "parquet", "anndata"])
def test_f36_the_backend_of_the_options_is_that_of_all_tables(tmp_path: Path, backend: str) -> None:
    options = ConverterOptions(omezarr_options={"table_backend": backend})  # type: ignore[arg-type]
    for job in setup_images_for_conversion(
        plate_images(tmp_path, "AB"), zarr_dir=str(tmp_path / "out"), converter_options=options
    ):
        generic_compute_task(**job)
    stated = {
        str(path.relative_to(tmp_path / "out/P.zarr").parent): json.loads(path.read_text())["backend"]
        for path in (tmp_path / "out/P.zarr").glob("**/tables/*/.zattrs")
    }
    tables = ("FOV_ROI_table", "well_ROI_table", "condition_table")
    expected = {f"{row}/01/0/tables/{name}" for row in "AB" for name in tables} | {"tables/condition_table"}
    assert stated == dict.fromkeys(expected, backend)


def test_descriptions_travel_in_memory_while_all_of_them_together_are_small(tmp_path: Path) -> None:
    images = plate_images(tmp_path)
    sizes = [len(image.model_dump_json()) for image in images]
    for largest, as_text in ((2 * max(sizes), False), (2 * sum(sizes), True)):
        handing = {"temp_json_options": {"max_in_memory_bytes": largest}}
        jobs = build_parallelization_list(
            images,
            zarr_dir=str(tmp_path / "out"),
            converter_options=ConverterOptions(runtime_settings=handing),  # type: ignore[arg-type]
        )
        assert [job["init_args"].get("tiled_image_json_str") is not None for job in jobs] == [as_text] * 3


def test_f67_a_folder_of_the_user_for_hand_overs_keeps_what_is_in_it(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    (precious / "data").mkdir(parents=True)
    (precious / "data/plate.json").write_text("{}")
    handing = {"temp_json_options": {"serialization": "JSON", "temp_url": f"{precious}"}}
    options = ConverterOptions(runtime_settings=handing)  # type: ignore[arg-type]
    images = plate_images(tmp_path, "AB")
    for mode in OverwriteMode:
        jobs = setup_images_for_conversion(
            images, zarr_dir=str(tmp_path / mode.name), converter_options=options, overwrite_mode=mode
        )
        folders = {Path(job["init_args"]["tiled_image_json_dump_url"]).parent for job in jobs}
        assert len(folders) == 1 and next(iter(folders)).parent == precious
        for job in jobs:
            generic_compute_task(**job)
    cleanup_if_exists(str(precious))
    assert [path.name for path in precious.iterdir()] == ["data"]
    assert (precious / "data/plate.json").read_text() == "{}"


class Noting(ImageLoaderInterface):
    """Notes under which settings of dask it reads."""

    def load_data(self, resource: Any = None) -> np.ndarray:
        import dask

        SCHEDULERS.append(dask.config.get("scheduler", None))
        return np.zeros((6, 8), "uint8")


SCHEDULERS: list[Any] = []


def test_runtime_settings_hold_while_an_image_is_written(tmp_path: Path) -> None:
    import dask

    before = dask.config.get("scheduler", None)
    one = tile(tmp_path / "a.tif", SingleImage(image_path="a")).model_copy(update={"image_loader": Noting()})
    [image] = tiled_image_from_tiles(tiles=[one])
    options = ConverterOptions(runtime_settings={"dask_scheduler": {"mode": "Synchronous"}})  # type: ignore[arg-type]
    [job] = build_parallelization_list([image], zarr_dir=str(tmp_path), converter_options=options)
    SCHEDULERS.clear()
    generic_compute_task(**job)
    tiled_image_creation_pipeline(
        zarr_url=f"{tmp_path}/b.zarr", tiled_image=image, registration_pipeline=None, converter_options=options
    )
    assert SCHEDULERS == ["synchronous"] * 2
    assert dask.config.get("scheduler", None) == before


def test_a_plate_is_written_to_any_place_that_fsspec_knows(tmp_path: Path) -> None:
    out = f"memory://{uuid.uuid4().hex}/out"
    jobs = setup_images_for_conversion(plate_images(tmp_path), zarr_dir=out, converter_options=as_files())
    assert [job["zarr_url"] for job in jobs] == [f"{out}/P.zarr/{row}/01/0" for row in "ABC"]
    for job in jobs:
        update = generic_compute_task(**json.loads(json.dumps(job)))
        assert update["image_list_updates"][0]["zarr_url"] == job["zarr_url"]
        pixels = np.asarray(open_array(open_store(job["zarr_url"]), "0")[...])
        np.testing.assert_array_equal(pixels.ravel(), np.arange(48) + len("A.tif"))
    with pytest.raises(ConvertersToolsOutputExistsError):
        setup_images_for_conversion(plate_images(tmp_path), zarr_dir=out, converter_options=as_files())
