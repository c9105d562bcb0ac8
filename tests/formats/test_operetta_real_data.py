"""Operetta and Phenix on real measurements, when they are on this computer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fractal_omezarr_converters.core.tile_table")

from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.formats.contract import Scan
from fractal_omezarr_converters.testing.conformance import check_format

SETS = (
    "operetta-compose-plate",
    "pe2loaddata-Version1",
    "pe2loaddata-Version7",
    "uzh-1w1p1c1z1t/1w1p1c1z1t",
)


def _scan(shared_data: Path, name: str, **options: Any) -> Scan:
    return registry.get("operetta").scan(str(shared_data / "operetta" / name), options=options)


@pytest.mark.parametrize("name", SETS)
def test_conformance(shared_data: Path, name: str) -> None:
    check_format("operetta", shared_data / "operetta" / name)


def _ncc(first: np.ndarray, second: np.ndarray) -> float:
    first, second = first - first.mean(), second - second.mean()
    return float((first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum()))


def _seam(left: np.ndarray, right: np.ndarray, dy: int, dx: int) -> float:
    """Correlation of the strip that both fields show, for the right one lying (dy, dx) from the left one."""
    height, width = left.shape
    return _ncc(left[max(dy, 0) : height + min(dy, 0), dx:], right[max(-dy, 0) : height - max(dy, 0), : width - dx])


def test_fields_of_the_compose_plate_meet_at_the_calibrated_positions(shared_data: Path) -> None:
    """The seam of the two fields: best within one pixel of the stated offset (+1073.06, +2.60), absent when mirrored."""
    scan = _scan(shared_data, "operetta-compose-plate")
    tiles = scan.tiles
    _, _, _, dy, dx = (tiles.start[1] - tiles.start[0]) / tiles.acquisitions[0].xy_pixel_size
    assert (dx, dy) == (pytest.approx(1073.06, abs=0.01), pytest.approx(2.60, abs=0.01))
    left, right = (np.log(tiles.loaders.loader(i).load_data().astype(float)) for i in (0, 1))
    y, x = round(dy), round(dx)
    assert _seam(left, right, y, x) >= 0.9
    around = {(r, c): _seam(left, right, y + r, x + c) for r in (-2, -1, 0, 1, 2) for c in (-2, -1, 0, 1, 2)}
    best = max(around, key=around.__getitem__)
    assert around[best] > 0.97 and max(map(abs, best)) <= 1
    assert _seam(left, right, -y, x) < 0.8 and _seam(right, left, y, x) < 0.3


def test_nominal_positions_of_the_compose_plate_abut(shared_data: Path) -> None:
    scan = _scan(shared_data, "operetta-compose-plate", field_positions="nominal")
    step = (scan.tiles.start[1] - scan.tiles.start[0]) / scan.tiles.acquisitions[0].xy_pixel_size
    assert step[3:].tolist() == [0.0, pytest.approx(1080.0, abs=1e-3)]


def test_six_channels_at_six_heights_stay_one_plane(shared_data: Path) -> None:
    scan = _scan(shared_data, "pe2loaddata-Version1")
    assert len(scan.tiles) == 6 and set(scan.tiles.start[:, 2]) == {-5.0}
    assert [each["z_offset_um"] for each in scan.facts["channels"]] == [-5.0, -3.0, -3.0, -4.0, -4.0, 0.0]
    assert scan.facts["z_step_um"] == 1.0
    assert len(set(map(tuple, scan.tiles.start[:, 3:].tolist()))) == 1
    infos = scan.tiles.acquisitions[0].channels or []
    assert [info.wavelength_id for info in infos] == ["706", "599", "599", "522", "456", None]


def test_stated_polynomials_follow_the_background_of_the_phenix(shared_data: Path) -> None:
    """Dark parts of the real images have the shape of the stated profile, and x and y are not exchanged."""
    scan = _scan(shared_data, "pe2loaddata-Version1", flat_field="divide")
    plain = _scan(shared_data, "pe2loaddata-Version1")
    assert scan.facts["flat_field_channels"] == [1, 2, 3, 4, 5, 6]
    found = []
    for channel in range(5):
        loader = scan.tiles.loaders.loader(channel)
        image = plain.tiles.loaders.loader(channel).load_data()
        blocks = np.percentile(image.reshape(12, 90, 12, 90).swapaxes(1, 2).reshape(12, 12, -1), 10, axis=2)
        profile = loader.flat_field.background
        right = profile.values(np.arange(45, 1080, 90), np.arange(45, 1080, 90))
        found.append((_ncc(blocks, right), _ncc(blocks, right.T)))
        corrected = loader.load_data()
        assert corrected.dtype == np.uint16
        divided = image / loader.flat_field.foreground.values(np.arange(1080), np.arange(1080))
        np.testing.assert_array_equal(corrected, np.clip(np.rint(divided), 0, 65535))
    assert found[4][0] > 0.99 and found[4][0] > found[4][1]
    assert all(right > 0.8 for right, _ in found)
    bright_field = [each.tiles.loaders.loader(5).load_data() for each in (scan, plain)]
    np.testing.assert_array_equal(*bright_field)


def test_the_index_of_harmony_7_alone_gives_a_plan(shared_data: Path) -> None:
    scan = _scan(shared_data, "pe2loaddata-Version7")
    assert len(scan.tiles) == 7 and scan.states.missing_file == 7
    details = scan.tiles.acquisitions[0]
    assert details.xy_pixel_size == 0.296688132474701
    assert details.stated_data_type == "uint16"
    assert set(scan.tiles.start[:, 0]) == {0}
    labels = [info.channel_label for info in details.channels or []]
    assert labels[3] == "405ex, 570-630-em)" and labels[6] == "Brightfield"
    assert scan.plate is not None and (scan.plate.rows, scan.plate.columns) == (8, 12)


def test_every_profile_of_harmony_7_is_read(shared_data: Path) -> None:
    scan = _scan(shared_data, "pe2loaddata-Version7", flat_field="divide")
    assert scan.facts["flat_field_channels"] == list(range(1, 8))


def test_an_index_without_maps(shared_data: Path) -> None:
    scan = _scan(shared_data, "uzh-1w1p1c1z1t/1w1p1c1z1t")
    tile = scan.tiles.tile(0)
    assert (tile.collection.row, tile.collection.column, tile.fov_name) == ("C", 11, "FOV_1")
    assert scan.plate is not None and (scan.plate.rows, scan.plate.columns) == (16, 24)
