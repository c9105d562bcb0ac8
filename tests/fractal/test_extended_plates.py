"""Plates that later runs extend: nothing of what is complete is lost without being asked for."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fractal_omezarr_converters.convert import convert, verify
from fractal_omezarr_converters.errors import ConvertersToolsOutputExistsError
from fractal_omezarr_converters.ngff.groups import read_group, write_group
from fractal_omezarr_converters.ngff.stores import open_store
from fractal_omezarr_converters.ngff.tables import read_table, write_table

IMAGE = "P.zarr/A/01/0"
OTHER_CHUNKS = {"omezarr_options": {"chunks": {"xy_chunk": 8}}}


def tile_table(folder: Path, wells: str = "AB", fields: int = 2, value: int = 0) -> Path:
    """A folder of fields of 24 x 32 px side by side, each of one value."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["file_path,well,fov_name,start_x,start_y"]
    for row in wells:
        for field in range(fields):
            np.save(folder / f"{row}{field}.npy", np.full((24, 32), value + 10 * field + ord(row), dtype=np.uint16))
            lines.append(f"{row}{field}.npy,{row}01,F{field},{16.0 * field},0")
    (folder / "tiles.csv").write_text("\n".join(lines) + "\n")
    (folder / "acquisition_details.toml").write_text("xy_pixel_size = 0.5\n")
    return folder


def run(source: Path, out: Path, **options: Any) -> Any:
    return convert(source, out, plate_name="P", workers=1, **options)


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("grouping", ["Mosaic", "Per-FOV"])
def test_a_second_acquisition_of_the_same_number_does_not_replace_the_first(tmp_path: Path, grouping: str) -> None:
    first, second, out = (
        tile_table(tmp_path / "first"),
        tile_table(tmp_path / "second", "A", value=500),
        tmp_path / "out",
    )
    options = {"converter_options": {"grouping": {"mode": grouping}}}
    run(first, out, **options)
    before = files_below(out)
    with pytest.raises(
        ConvertersToolsOutputExistsError, match=r"'P\.zarr/A/01/0'.*first/A0\.npy.*second/A0\.npy.*number"
    ):
        run(second, out, overwrite="Extend", **options)
    assert files_below(out) == before
    run(second, out, overwrite="Extend", acquisition=1, **options)
    assert verify(out).ok


def test_other_data_do_not_take_the_place_of_an_image_on_its_own(tmp_path: Path) -> None:
    for name in ("first", "second"):
        folder = tile_table(tmp_path / name, "A", fields=1)
        (folder / "tiles.csv").write_text("file_path,image_path,fov_name\nA0.npy,cells,F0\n")
    run(tmp_path / "first", tmp_path / "out")
    with pytest.raises(
        ConvertersToolsOutputExistsError, match=r"'cells\.zarr'.*give the image another name to keep both"
    ):
        run(tmp_path / "second", tmp_path / "out", overwrite="Extend")


def test_a_part_of_what_a_complete_image_shows_does_not_replace_it(tmp_path: Path) -> None:
    source, out = tile_table(tmp_path / "source"), tmp_path / "out"
    run(source, out)
    one_field = {"filters": [{"name": "FOV Name Filter", "regex": "F1"}]}
    with pytest.raises(ConvertersToolsOutputExistsError, match=r"'P\.zarr/A/01/0' and 1 more.*A0\.npy"):
        run(source, out, overwrite="Extend", acquisition_options=one_field)


def test_a_field_more_and_a_folder_that_was_moved_extend_a_complete_image(tmp_path: Path) -> None:
    source, out = tile_table(tmp_path / "source", fields=2), tmp_path / "out"
    run(source, out)
    shutil.copytree(source, tmp_path / "moved")
    tile_table(tmp_path / "more", fields=3)
    for file in source.glob("*.npy"):
        shutil.copy2(file, tmp_path / "more" / file.name)
    run(tmp_path / "moved", out, overwrite="Extend")
    run(tmp_path / "more", out, overwrite="Extend")
    assert verify(out).ok
    assert read_table(open_store(out), IMAGE, "FOV_ROI_table")["FieldIndex"] == ["F0", "F1", "F2"]


def test_labels_and_tables_of_a_complete_image_are_not_lost(tmp_path: Path) -> None:
    source, out = tile_table(tmp_path / "source"), tmp_path / "out"
    run(source, out)
    store = open_store(out)
    write_group(store, f"{IMAGE}/labels", "0.4", {"labels": ["nuclei"]})
    write_table(store, IMAGE, "cells", {"area": [1.5]}, version="0.4")
    before = files_below(out)
    with pytest.raises(ConvertersToolsOutputExistsError, match="the label nuclei, the table cells would be lost"):
        run(source, out, overwrite="Extend", converter_options=OTHER_CHUNKS)
    assert files_below(out) == before
    run(tile_table(tmp_path / "source", "C"), out, overwrite="Extend")
    run(tile_table(tmp_path / "other", "D"), out, overwrite="Extend", converter_options=OTHER_CHUNKS)
    group = read_group(store, f"{IMAGE}/labels")
    assert group is not None and group.attributes["labels"] == ["nuclei"]


def test_conditions_of_a_complete_image_are_not_lost(tmp_path: Path) -> None:
    source, out = tile_table(tmp_path / "source"), tmp_path / "out"
    (tmp_path / "doses.csv").write_text("well,dose\nA01,1\nB01,2\n")
    run(source, out, acquisition_options={"condition_table_path": str(tmp_path / "doses.csv")})
    with pytest.raises(ConvertersToolsOutputExistsError, match="the table condition_table would be lost"):
        run(source, out, overwrite="Extend")
    assert read_table(open_store(out), "P.zarr", "condition_table")["dose"] == [1, 2]
