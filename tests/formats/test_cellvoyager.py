"""Yokogawa CellVoyager: the conformance rules on a small measurement, and where its pixels end up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.testing.conformance import check_format

RECORD = (
    "<Image><File>{file}</File><Well>{well}</Well><Field>{field}</Field><Channel>{channel}</Channel>"
    '<X Unit="µm">{x}</X><Y Unit="µm">{y}</Y><PixelX Unit="nm">500</PixelX><PixelY Unit="nm">600</PixelY>'
    "<Width>32</Width><Height>24</Height></Image>"
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two wells, two fields that are not square, two channels; one file is missing."""
    records = []
    for well in ("A01", "AB12"):
        for field in (1, 2):
            for number, channel in enumerate(("DAPI", "GFP")):
                file = f"{well}_{field}_{channel}.tif"
                x, y = 16.0 * (field - 1), 0.0
                records.append(RECORD.format(file=file, well=well, field=field, channel=channel, x=x, y=y))
                pixels = np.full((24, 32), 100 * field + number, np.uint16)
                tifffile.imwrite(tmp_path / file, pixels)
    (tmp_path / "AB12_2_GFP.tif").unlink()
    (tmp_path / "cellvoyager.xml").write_text(f"<Measurement>{''.join(records)}</Measurement>", "utf-8")
    return tmp_path


def test_conformance(source: Path) -> None:
    check_format("cellvoyager", source)


def test_it_is_recognised(source: Path) -> None:
    assert registry.detect(source).name == "cellvoyager"


def test_tiles(source: Path) -> None:
    scan = registry.get("cellvoyager").scan(str(source))
    assert scan.states.present == 7 and scan.states.missing_file == 1
    for tile in scan.tiles:
        field = int(tile.fov_name.removeprefix("FOV_"))
        # a field's position is its centre: 32 x 0.5 µm wide, 24 x 0.6 µm high
        assert (tile.start_x, tile.start_y) == pytest.approx((16.0 * (field - 1) - 8.0, -7.2))
        assert int(tile.image_loader.load_data()[0, 0]) == 100 * field + tile.start_c
    assert {tile.collection.row for tile in scan.tiles} == {"A", "AB"}


def test_faults_are_reported_together(source: Path) -> None:
    marker = source / "cellvoyager.xml"
    marker.write_text(marker.read_text("utf-8").replace("<Height>24<", "<Height>0<"), "utf-8")
    with pytest.raises(ConvertersToolsUserError, match=r"8 problems"):
        registry.get("cellvoyager").scan(str(source))
