"""Tile tables that are not as they should be, through the command line: what a biologist reads, and what is left on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

Run = Callable[..., Any]
TOML = 'xy_pixel_size = 0.65\nchannel_names = ["DAPI"]\n'
HEADER = "file_path,row,column,fov_name,start_x,start_y"
ROWS = ("data/a.tif,A,1,F0,0,0", "data/b.tif,A,1,F1,26,0")
PIXELS = np.arange(1200, dtype=np.uint16).reshape(30, 40)


def write(folder: Path, *rows: str, toml: str = TOML, a: Any = PIXELS, b: Any = PIXELS[::-1], **tiff: Any) -> Path:
    """A folder with a table and two image files."""
    (folder / "data").mkdir(parents=True)
    (folder / "tiles.csv").write_text("\n".join(rows) + "\n")
    (folder / "acquisition_details.toml").write_text(toml)
    for name, pixels in (("a", a), ("b", b)):
        if pixels is not None:
            tifffile.imwrite(folder / "data" / f"{name}.tif", pixels, **tiff)
    return folder


def level_zero(out: Path) -> np.ndarray:
    return np.asarray(zarr.open_array(out / "Plate.zarr" / "A" / "01" / "0" / "0", mode="r")[:])


def convert(omezarr: Run, source: Path, *more: object) -> tuple[int, str, str]:
    ran = omezarr("convert", source, source.parent / "out", "--workers", 1, "--verify", *more)
    assert "Traceback" not in ran.stderr and ".." not in ran.stderr.replace("...", "")
    return ran.returncode, ran.stdout, ran.stderr


def warnings_in(stderr: str) -> list[str]:
    return [line for line in stderr.splitlines() if line.startswith("warning: ")]


def test_wrong_wells_files_numbers_and_times_are_told_together(tmp_path: Path, omezarr: Run) -> None:
    rows = ("data/a.tif,A,1,F0,near,0,1,", "data/none.tif,A,99,F1,26,0,-3,yesterday")
    source = write(tmp_path / "source", HEADER + ",length_z,acquired_at", *rows)
    code, _, stderr = convert(omezarr, source)
    assert code == 1 and "(5 problems)" in stderr and not (tmp_path / "out").exists()
    for word in (
        "'start_x', row 2 ('near')",
        "'column', row 3 ('99')",
        "'length_z', row 3",
        "'acquired_at', row 3",
        "none.tif",
    ):
        assert word in stderr


def test_columns_in_another_order(tmp_path: Path, omezarr: Run) -> None:
    rows = ("0,1,F0,0,A,data/a.tif", "0,1,F1,26,A,data/b.tif")
    source = write(tmp_path / "source", "start_y,column,fov_name,start_x,row,file_path", *rows)
    code, _, stderr = convert(omezarr, source)
    assert code == 0 and warnings_in(stderr) == []
    np.testing.assert_array_equal(level_zero(tmp_path / "out")[0, 0], np.hstack([PIXELS, PIXELS[::-1]]))


def test_unknown_columns_are_attributes_and_a_slip_of_the_pen_is_said(tmp_path: Path, omezarr: Run) -> None:
    source = write(tmp_path / "source", HEADER + ",drug,strat_z", *(row + ",DMSO,3" for row in ROWS))
    code, _, stderr = convert(omezarr, source)
    assert code == 0 and level_zero(tmp_path / "out").shape == (1, 1, 30, 80)
    (warned,) = warnings_in(stderr)
    assert "'strat_z'" in warned and "did you mean 'start_z'?" in warned
    conditions = tmp_path / "out" / "Plate.zarr" / "A" / "01" / "0" / "tables" / "condition_table" / "table.csv"
    assert conditions.read_text().splitlines()[0].split(",") == ["drug", "strat_z"]


def test_mixed_types_become_one_that_holds_all(tmp_path: Path, omezarr: Run) -> None:
    source = write(tmp_path / "source", HEADER, *ROWS, b=(PIXELS % 256).astype(np.uint8))
    code, _, stderr = convert(omezarr, source)
    assert code == 0 and len(warnings_in(stderr)) == 1 and "uint16 holds all of them" in stderr
    np.testing.assert_array_equal(level_zero(tmp_path / "out")[0, 0], np.hstack([PIXELS, PIXELS % 256]))


def test_colour_images_become_three_channels(tmp_path: Path, omezarr: Run) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    source = write(
        tmp_path / "source", HEADER, *ROWS, toml="xy_pixel_size = 0.65\n", a=pixels, b=pixels, photometric="rgb"
    )
    code, _, stderr = convert(omezarr, source)
    assert code == 0 and warnings_in(stderr) == []
    np.testing.assert_array_equal(level_zero(tmp_path / "out")[:, 0, :, :40], np.moveaxis(pixels, 2, 0))


def test_a_row_that_repeats_another_is_used_once(tmp_path: Path, omezarr: Run) -> None:
    source = write(tmp_path / "source", HEADER, *ROWS, ROWS[1])
    code, _, stderr = convert(omezarr, source)
    assert code == 0 and len(warnings_in(stderr)) == 1 and "repeat an earlier row are used once (row 4)" in stderr
    np.testing.assert_array_equal(level_zero(tmp_path / "out")[0, 0], np.hstack([PIXELS, PIXELS[::-1]]))


REFUSED: dict[str, tuple[dict[str, Any], tuple[str, ...], tuple[str, ...]]] = {
    "a missing file": ({"b": None}, (HEADER, *ROWS), ("names 1 file that cannot be found", "data/b.tif")),
    "a wrong shape": (
        {},
        (HEADER + ",length_x,length_y", ROWS[0] + ",40,30", ROWS[1] + ",41,30"),
        ("row 3 ('data/b.tif')", "has the size y 30, x 40, but the table says y 30, x 41"),
    ),
    "types that nothing holds": (
        {"a": np.full((30, 40), 2**60, np.uint64), "b": np.full((30, 40), 0.5, np.float32)},
        (HEADER, *ROWS),
        ("float32, uint64", "no type holds all their values"),
    ),
    "colour where one channel is named": (
        {"a": np.zeros((30, 40, 3), np.uint8), "b": np.zeros((30, 40, 3), np.uint8), "photometric": "rgb"},
        (HEADER, *ROWS),
        ("channel", "DAPI"),
    ),
    "two files for one tile": (
        {},
        (HEADER, *ROWS, "data/a.tif,A,1,F1,26,0"),
        ("'F1'", "a.tif", "b.tif", "remove one"),
    ),
    "zero rows": ({}, (HEADER,), ("has no rows",)),
    "nothing at all": ({}, (), ("is empty",)),
    "no column of files": ({}, ("row,column,fov_name", "A,1,F0"), ("file_path",)),
    "several mistakes": (
        {"b": None},
        (HEADER, "data/a.tif,A,1,F0,left,0", "data/b.tif,Q7,1,F1,26,0", "data/a.tif,A,0,F2,52,0"),
        ("4 problems", "'start_x', row 2 ('left')", "data/b.tif", "'Q7'", "('0'): must be at least 1"),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_converted_is_said_and_nothing_is_written(tmp_path: Path, omezarr: Run, name: str) -> None:
    options, rows, said = REFUSED[name]
    source = write(tmp_path / "source", *rows, **options)
    code, stdout, stderr = convert(omezarr, source)
    assert code == 1 and stdout == ""
    assert not (tmp_path / "out").exists()
    assert stderr.startswith("error: ")
    for words in said:
        assert words in stderr
    numbered = [line for line in stderr.splitlines()[1:] if line.strip()]
    assert all(line.startswith("  ") for line in numbered), stderr
    assert all(line.count(str(source)) <= 1 for line in stderr.splitlines() if "Two sources" not in line), stderr
    for name_of_python in ("ValueError", "ValidationError", "DefaultImageLoader", "pydantic", "numpy"):
        assert name_of_python not in stderr


def test_data_that_are_there_stay_when_a_table_is_refused(tmp_path: Path, omezarr: Run) -> None:
    source = write(tmp_path / "source", HEADER, *ROWS)
    assert convert(omezarr, source)[0] == 0
    out = tmp_path / "out"
    before = {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    (source / "data" / "b.tif").unlink()
    code, _, stderr = convert(omezarr, source, "--overwrite")
    assert code == 1 and "data/b.tif" in stderr
    assert {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()} == before


def test_a_file_that_breaks_while_it_is_read_leaves_no_half_image(tmp_path: Path, omezarr: Run) -> None:
    """The header is right, the pixels are cut off: found only while writing; the image is not there afterwards."""
    source = write(tmp_path / "source", HEADER, *ROWS)
    file = source / "data" / "b.tif"
    file.write_bytes(file.read_bytes()[:-900])
    ran = omezarr("convert", source, tmp_path / "out", "--workers", 1, "--json")
    assert ran.returncode == 1 and "b.tif" in ran.stderr and "Traceback" not in ran.stderr
    assert not (tmp_path / "out" / "Plate.zarr" / "A" / "01" / "0").exists()
    assert not [path for path in (tmp_path / "out").rglob("*") if path.name == "c" or path.suffix == ".tmp"]
    if ran.stdout:
        assert json.loads(ran.stdout)["failures"]
