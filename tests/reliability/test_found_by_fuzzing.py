"""Cases that fuzzing found: each raised something that is no error of ours."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.convert import plan
from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsUserError
from fractal_omezarr_converters.fractal.handover import tiled_image_from_json_str
from fractal_omezarr_converters.models.loaders import DefaultImageLoader
from fractal_omezarr_converters.testing import write_hcsai, write_operetta, write_scanr, write_squid


def changed(folder: Path, pattern: str, old: str, new: str) -> None:
    """Replace a text in the first file of this name that has it."""
    for path in sorted(folder.rglob(pattern)):
        content = path.read_bytes()
        if old.encode() in content:
            path.write_bytes(content.replace(old.encode(), new.encode(), 1))
            return
    raise AssertionError(f"no {pattern} holds {old}")


def test_a_matrix_that_is_no_number(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, wells=("B03",), layout=(1, 2), overlap=0)
    (index,) = tmp_path.rglob("Index*.xml")
    text = index.read_text("utf-8")
    begin = text.index("[[") + 2
    index.write_text(text[:begin] + "1e400" + text[text.index(",", begin) :], "utf-8")
    with pytest.raises(ConvertersToolsUserError, match="OrientationMatrix"):
        plan(truth.folders[0])


def test_a_folder_whose_name_no_disk_has(tmp_path: Path) -> None:
    truth = write_hcsai(tmp_path)
    changed(tmp_path, "*.csv", "timepoint0", "timepoint" + "9" * 400)
    with pytest.warns(Warning, match="999"):
        plan(truth.folders[0])


def test_an_absolute_name_of_a_file(tmp_path: Path) -> None:
    truth = write_hcsai(tmp_path)
    changed(tmp_path, "*.csv", ",proto_", ",/etc/proto_")
    with pytest.raises(ConvertersToolsUserError, match=r"leads out of the acquisition's folder"):
        plan(truth.folders[0])


def test_a_time_that_is_none() -> None:
    from fractal_omezarr_converters.core.moments import Moments

    with pytest.raises(ConvertersToolsUserError, match=r"1e\+20 s since 1970"):
        Moments.of_times([0.0, 1e20])


def test_an_order_of_dimensions_that_is_none(tmp_path: Path) -> None:
    truth = write_scanr(tmp_path)
    changed(tmp_path, "metadata.ome.xml", 'DimensionOrder="XY', 'DimensionOrder="XY1')
    with pytest.raises(ConvertersToolsUserError, match="DimensionOrder"):
        plan(truth.folders[0])


def test_a_size_that_is_infinite(tmp_path: Path) -> None:
    from fractal_omezarr_converters.formats.scanr_descriptor import _whole

    assert _whole("1e400", 100) is None and _whole("12", 100) == 12 and _whole("nan", 100) is None


def test_a_number_beyond_all_numbers(tmp_path: Path) -> None:
    truth = write_squid(tmp_path)
    changed(tmp_path, "acquisition parameters.json", '"sensor_pixel_size_um": ', '"sensor_pixel_size_um": ' + "9" * 400)
    with pytest.raises(ConvertersToolsUserError, match=r"sensor_pixel_size_um|valid"):
        plan(truth.folders[0])


def test_toml_in_a_thousand_brackets(tmp_path: Path) -> None:
    (tmp_path / "tiles.csv").write_text("file_path,well\na.tif,A1\n")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 5), "uint8"))
    (tmp_path / "acquisition_details.toml").write_text("pixelsize = " + "[" * 5000)
    with pytest.raises(ConvertersToolsUserError, match="valid TOML"):
        plan(tmp_path)


def promised(path: Path, tag: str, value: int) -> None:
    """Let a TIFF file promise another size than it has."""
    with tifffile.TiffFile(path) as file:
        place = file.pages[0].tags[tag].valueoffset  # type: ignore[union-attr]
        size = "<I" if file.pages[0].tags[tag].dtype == 4 else "<H"  # type: ignore[union-attr]
    content = bytearray(path.read_bytes())
    struct.pack_into(size, content, place, value)
    path.write_bytes(content)


BROKEN: dict[str, Callable[[Path], Any]] = {
    "npy without pixels": lambda path: np.save(path.with_suffix(".npy"), np.zeros((0, 3, 4), "uint8")),
    "npy whose header is no literal": lambda path: path.with_suffix(".npy").write_bytes(
        b"\x93NUMPY\x01\x00\x76\x00"
        + b"{'descr': '<u2', 'fortran_order': \x13alse, 'shape': (3, 4, 5), }".ljust(117)
        + b"\n"
    ),
    "tiff without rows": lambda path: (
        tifffile.imwrite(path, np.ones((8, 9), "uint16")),
        promised(path, "ImageLength", 0),
    ),
    "tiff with far more rows": lambda path: (
        tifffile.imwrite(path, np.ones((8, 9), "uint16"), compression="zlib"),
        promised(path, "ImageLength", 60000),
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_images_that_promise_what_they_do_not_hold(tmp_path: Path, kind: str) -> None:
    BROKEN[kind](tmp_path / "a.tif")
    loader = DefaultImageLoader(file_path=str(next(tmp_path.iterdir())))
    with pytest.raises(ConvertersToolsUserError, match=r"a\.(tif|npy)"):
        loader.shape_and_dtype()
        loader.load_data()


@pytest.mark.parametrize("harm", ['"original"', '"steps"', '"fov"', '"fov_names"', '"zoned"', '"blocks"'])
def test_a_job_that_lost_a_part_is_refused(tmp_path: Path, harm: str) -> None:
    from fractal_omezarr_converters.fractal.acquisition_inputs import AcquisitionInput
    from fractal_omezarr_converters.fractal.compute import generic_compute_task
    from fractal_omezarr_converters.fractal.init import init_acquisitions

    truth = write_operetta(tmp_path / "in", wells=("B03",), layout=(1, 2), overlap=0, field_shape=(20, 24))
    made = init_acquisitions(
        "operetta",
        zarr_dir=str(tmp_path / "out"),
        acquisitions=[AcquisitionInput(path=str(truth.folders[0]))],
        converter_options={},
    )
    (job,) = made["parallelization_list"]
    text = job["init_args"]["tiled_image_json_str"].replace(harm, '"other"', 1)
    try:
        tiled_image_from_json_str(text)
    except ConvertersToolsError as error:
        assert "run the init step again" in str(error)
    if text != job["init_args"]["tiled_image_json_str"]:
        with pytest.raises(ConvertersToolsUserError, match="not what the init step wrote"):
            generic_compute_task(zarr_url=job["zarr_url"], init_args={**job["init_args"], "tiled_image_json_str": text})
