"""Reading planes of Operetta exports: pages of one file, planes with too many bits, parts, headers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.formats.contract import Scan
from fractal_omezarr_converters.testing import SyntheticOperetta, write_operetta


def _scan(truth: SyntheticOperetta, **options: Any) -> Scan:
    return registry.get("operetta").scan(str(truth.folders[0]), options=options)


def test_columbus_index_reads_pages_of_one_file(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, wells=("B03",), layout=(1, 1), planes=2, images_folder=".")
    folder = truth.folders[0]
    text = (folder / "Index.idx.xml").read_text("utf-8-sig")
    pages = [truth.pixels(key) for key in truth.listed()]
    tifffile.imwrite(folder / "all.tif", np.stack(pages), metadata=None, photometric="minisblack")
    for number, key in enumerate(truth.listed()):
        text = text.replace(f"<URL>{truth.url(key)}</URL>", f'<URL BufferNo="{number}">all.tif</URL>')
    text = text.replace("PEHH/HarmonyV5", "Columbus").replace('Well id="0203"', 'Well id="7003"')
    (folder / "ImageIndex.ColumbusIDX.xml").write_text(text, "utf-8")
    (folder / "Index.idx.xml").unlink()
    scan = _scan(truth)
    for tile, pixels in zip(scan.tiles, pages, strict=True):
        np.testing.assert_array_equal(tile.image_loader.load_data(), pixels)
    assert not any("wells were selected" in each for each in scan.warnings)  # 7003 is a number of the database


def test_planes_with_32_bits_are_kept_in_16_bits_with_a_warning(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, wells=("B03",), layout=(1, 1), planes=1)
    scan = _scan(truth)
    loader = scan.tiles.loaders.loader(0)
    pixels = truth.pixels(truth.listed()[0]).astype(np.uint32)
    pixels[3, 5] = 70_000
    tifffile.imwrite(loader.file_path, pixels, metadata=None)
    assert loader.shape_and_dtype() == (truth.field_shape, "uint16")
    with pytest.warns(UserWarning, match="1 pixels above 65535"):
        found = loader.load_data()
    assert found.dtype == np.uint16 and found[3, 5] == 65535
    pixels[3, 5] = 65535
    np.testing.assert_array_equal(found, pixels)
    assert not loader.load_into(np.zeros(pixels.shape, np.uint16))


@pytest.mark.parametrize("compression", [None, "lzw"])
def test_planes_with_16_bits_are_read_straight_into_their_place(tmp_path: Path, compression: str | None) -> None:
    truth = write_operetta(tmp_path, wells=("B03",), layout=(1, 1), planes=1)
    loader = _scan(truth).tiles.loaders.loader(0)
    pixels = truth.pixels(truth.listed()[0])
    tifffile.imwrite(loader.file_path, pixels, metadata=None, compression=compression)
    place = np.zeros(pixels.shape, np.uint16)
    assert loader.load_into(place)
    np.testing.assert_array_equal(place, pixels)
