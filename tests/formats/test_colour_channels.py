"""Plates with images in colour, beside grey ones or alone: three channels each, read at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.convert import convert, plan
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.ngff.reader import open_image
from fractal_omezarr_converters.testing import SyntheticChannel, check_format, write_named_images, write_ome_plate
from fractal_omezarr_converters.testing.synthetic_named import PATTERN

SMALL: dict[str, Any] = {"wells": ("B03",), "planes": 1, "layout": (1, 2), "overlap": 0, "field_shape": (32, 48)}
NAMED = {"pattern": PATTERN, "pixel_size": 0.65, "field_grid": {"columns": 2}}


def _in_colour(path: Path, number: int) -> np.ndarray:
    """Put a colour image in the place of a file."""
    pixels = np.random.default_rng(number).integers(0, 60000, (32, 48, 3)).astype(np.uint16)
    description = tifffile.TiffFile(path).pages.first.description or None
    tifffile.imwrite(path, pixels, photometric="rgb", metadata=None, description=description)
    return pixels


def test_colour_beside_grey(tmp_path: Path) -> None:
    """Fluorescence in grey, then transmitted light in colour, then grey again: channels keep their order and places."""
    names = ("Cherry", "Colour", "GFP")
    channels = tuple(SyntheticChannel(number, name) for number, name in enumerate(names, start=1))
    truth = write_named_images(tmp_path / "in", channels=channels, **SMALL)
    made = {n: _in_colour(path, n) for n, path in enumerate(sorted(truth.folders[0].rglob("*_Colour_*.tif")))}
    assert len(made) == 2
    source = truth.folders[0]
    scan = registry.get("named_images").scan(str(source), options=NAMED)
    infos = scan.tiles.acquisitions[0].channels or ()
    assert [each.channel_label for each in infos] == ["Cherry", "Colour_R", "Colour_G", "Colour_B", "GFP"]
    assert [each.color for each in infos][1:4] == ["#FF0000", "#00FF00", "#0000FF"]
    assert sorted(set(zip(scan.tiles.start[:, 1], scan.tiles.length[:, 1], strict=True))) == [(0, 1), (1, 3), (4, 1)]
    assert scan.states.present == 2 * 5
    done = convert(source, tmp_path / "out", workers=1, verify=True, format_options=NAMED, format="named_images")
    assert done.verification is not None and done.verification.ok
    (update,) = done.updates
    written = open_image(update["zarr_url"]).read(0)
    expected = np.concatenate([np.moveaxis(each, -1, 0) for each in made.values()], axis=-1)
    np.testing.assert_array_equal(written[1:4, 0], expected)


def _colour_plate(tmp_path: Path, samples: int) -> tuple[Path, dict[int, np.ndarray]]:
    """An OME-TIFF plate whose only channel has several samples; SizeC counts them."""
    one = (SyntheticChannel(1, "Bright"),)
    truth = write_ome_plate(tmp_path / "in", channels=one, files="plane", companion=True, **SMALL)
    companion = truth.folders[0] / "plate.companion.ome"
    text = companion.read_text("utf-8")
    assert 'SizeC="1"' in text
    text = text.replace('SizeC="1"', f'SizeC="{samples}"').replace(
        "<Channel ", f'<Channel SamplesPerPixel="{samples}" '
    )
    companion.write_text(text, "utf-8")
    made = {n: _in_colour(path, n) for n, path in enumerate(sorted(truth.folders[0].glob("*.ome.tif")))}
    return truth.folders[0], made


def test_colour_images_of_an_ome_plate(tmp_path: Path) -> None:
    source, made = _colour_plate(tmp_path, 3)
    check_format("ome_plate", source)
    (image,) = plan(source).images
    assert [each.channel_label for each in image.image.channels or ()] == ["Bright_R", "Bright_G", "Bright_B"]
    assert image.shape[0] == 3
    done = convert(source, tmp_path / "out", workers=1, verify=True)
    assert done.verification is not None and done.verification.ok
    for path in source.glob("*.ome.tif"):
        path.unlink()
    (bare,) = plan(source).images
    assert bare.shape == image.shape and len(made) == 2


def test_other_numbers_of_samples_are_refused(tmp_path: Path) -> None:
    source, _ = _colour_plate(tmp_path, 4)
    with pytest.raises(ConvertersToolsUserError, match=r"channel 0 has 4 values per pixel; 1 \(grey\) and 3"):
        registry.get("ome_plate").scan(str(source))


def test_one_file_in_colour_among_grey_ones_is_named(tmp_path: Path) -> None:
    truth = write_named_images(tmp_path / "in", channels=(SyntheticChannel(1, "DAPI"),), **SMALL)
    last = sorted(truth.folders[0].rglob("*_DAPI_*.tif"))[-1]
    _in_colour(last, 0)
    with pytest.raises(ConvertersToolsUserError, match=last.name):
        convert(truth.folders[0], tmp_path / "out", workers=1, format_options=NAMED, format="named_images")
