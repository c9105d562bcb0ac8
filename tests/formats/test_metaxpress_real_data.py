"""MetaXpress on real plates, when they are on this computer; their facts were read from the files by hand."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.convert import convert, plan
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.formats.contract import Scan
from fractal_omezarr_converters.testing import check_format

OVERLAPPING = "zmb-9987_Plate_3433"
REPEATING = "exported-9987_Plate_3435"
NAMELESS = "exported-9987_Plate_3420"
STACKED = "ix-SingleChannel"
VERTICAL = "ix-1well-3C-2S-Zmix-T"
SILENT = "cellprofiler-ADSAStaph-singlefile"
PLANNED = "zmb-htd-only-40x"
WITH_PIXELS = (OVERLAPPING, REPEATING, NAMELESS, STACKED, VERTICAL)


@pytest.fixture
def data(shared_data: Path) -> Path:
    """Folder of the MetaXpress data sets."""
    return shared_data / "metaxpress"


def _scan(source: Path, **options: Any) -> Scan:
    return registry.get("metaxpress").scan(str(source), options=options)


@pytest.mark.parametrize("name", [*WITH_PIXELS, PLANNED])
def test_conformance(data: Path, name: str) -> None:
    check_format("metaxpress", data / name)
    assert registry.detect(data / name).name == "metaxpress"
    assert plan(data / name).images


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("name", WITH_PIXELS)
def test_conversion(data: Path, tmp_path: Path, name: str, version: str) -> None:
    made = convert(data / name, tmp_path, workers=1, verify=True, ngff_version=version)
    assert made.verification is not None and made.verification.ok


@pytest.mark.parametrize("name", [OVERLAPPING, STACKED, VERTICAL])
def test_conversion_of_projections(data: Path, tmp_path: Path, name: str) -> None:
    wanted = {"planes": "projections"}
    check_format("metaxpress", data / name, options=wanted)
    made = convert(data / name, tmp_path, workers=1, verify=True, format_options=wanted)
    assert made.verification is not None and made.verification.ok


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def _seam(left: np.ndarray, right: np.ndarray, dy: int, dx: int) -> float:
    """Correlation of the part that two fields share, for the second lying (dy, dx) from the first."""
    height, width = left.shape
    ours = left[max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
    theirs = right[max(-dy, 0) : height - max(dy, 0), max(-dx, 0) : width - max(dx, 0)]
    return _correlation(ours, theirs)


@pytest.mark.parametrize(
    ("planes", "channel", "best", "least"),
    [("projections", 0, 232, 0.98), ("projections", 1, 233, 0.91), ("stacks", 0, 232, 0.98), ("stacks", 1, 233, 0.89)],
)
def test_overlapping_sites_meet_at_their_positions(
    data: Path, planes: str, channel: int, best: int, least: float
) -> None:
    """Well B03: site 2 lies 230.4 px right of site 1 by the header; the pixels say 232 and 233, and not the other side."""
    scan = _scan(data / OVERLAPPING, planes=planes)
    tiles = [t for t in scan.tiles if t.collection.column == 3 and t.start_c == channel]
    lowest = min(t.start_z for t in tiles)
    first, second = sorted((t for t in tiles if t.start_z == lowest), key=lambda t: t.fov_name)
    dx, dy = ((getattr(second, f"start_{axis}") - getattr(first, f"start_{axis}")) / 1.3672 for axis in "xy")
    assert (dx, dy) == (pytest.approx(230.4, abs=0.05), pytest.approx(0, abs=0.05))
    left, right = (t.image_loader.load_data().astype(float) for t in (first, second))
    shifts = list(product((-2, -1, 0, 1, 2), range(round(dx) - 3, round(dx) + 6)))
    found = {shift: _seam(left, right, *shift) for shift in shifts}
    assert max(found.values()) >= least and max(found, key=found.__getitem__) == (0, best)
    assert max(_seam(left, right, y, -x) for y, x in shifts) < 0.1


def test_abutting_sites_of_the_database_fit_edge_to_edge(data: Path) -> None:
    """Sites lie 512.1 px apart: the last column of the left one continues in the first of the right one, and nowhere else."""
    scan = _scan(data / STACKED)
    for column in (7, 8):
        tiles = [t for t in scan.tiles if t.collection.column == column]
        lowest = min(t.start_z for t in tiles)
        first, second = sorted((t for t in tiles if t.start_z == lowest), key=lambda t: t.fov_name)
        assert (second.start_x - first.start_x) / 1.3668 == pytest.approx(512.0, abs=0.2)
        assert second.start_y == pytest.approx(first.start_y, abs=0.1)
        left, right = (np.log(t.image_loader.load_data().astype(float)) for t in (first, second))
        right_of = _correlation(left[:, -1], right[:, 0])
        others = (
            _correlation(right[:, -1], left[:, 0]),
            _correlation(left[-1], right[0]),
            _correlation(right[-1], left[0]),
        )
        assert right_of > 0.98 and max(others) < 0.1, (column, right_of, others)


def test_the_folder_of_projections_is_no_plane(data: Path) -> None:
    scan = _scan(data / OVERLAPPING)
    assert len(scan.tiles) == 2 * 2 * 2 * 3 and scan.facts["z_planes"] == 3
    assert all("ZStep_0" not in scan.tiles.loaders.loader(i).file_path for i in range(24))
    assert scan.tiles.acquisitions[0].z_spacing == pytest.approx(3.01, abs=0.02)
    assert [each["projection"] for each in scan.facts["channels"]] == ["Maximum", "Maximum"]
    assert [each.channel_label for each in scan.tiles.acquisitions[0].channels or ()] == ["DAPI", "FITC"]
    projected = _scan(data / OVERLAPPING, planes="projections")
    assert len(projected.tiles) == 8
    assert all("ZStep_0" in projected.tiles.loaders.loader(i).file_path for i in range(8))
    first, stack = (s.tiles.tile(0).image_loader.load_data() for s in (projected, scan))
    assert (first >= stack).all() and (first > stack).any()


def test_a_channel_that_was_not_imaged_is_not_acquired(data: Path) -> None:
    """FITC is imaged at the first time point only; its files at the second are the first once more."""
    source = data / REPEATING
    again = [source / f"TimePoint_{t}" / "9987_B02_s1_w2.TIF" for t in (1, 2)]
    assert np.array_equal(*map(tifffile.imread, again))
    scan = _scan(source)
    assert len(scan.tiles) == 12 and scan.states.never_acquired == 4
    assert {t.start_t for t in scan.tiles if t.start_c == 1} == {0.0}
    assert (
        "4 images repeat an earlier time point, because the channel was not imaged (time points: 'FITC' at 2)"
        in " ".join(scan.warnings)
    )
    assert "plans 4 wavelengths, 2 are there; 6 time points, 2 are there" in " ".join(scan.warnings)
    # 13:15:50.916 to 13:16:20.945 and so on; the interval of single sites is 24.5 to 30.0 s
    assert 24 < scan.tiles.acquisitions[0].t_spacing < 31
    assert len(_scan(source, repeated_frames="keep").tiles) == 16


def test_plane_inventory_of_the_database(data: Path) -> None:
    scan = _scan(data / STACKED)
    assert len(scan.tiles) == 2 * 2 * 2 and scan.facts["z_planes"] == 2
    assert scan.tiles.acquisitions[0].z_spacing == pytest.approx(4.95, abs=0.03)
    assert not any("thumb" in scan.tiles.loaders.loader(i).file_path for i in range(8))
    assert {each.well for each in scan.tiles.collections} == {"E07", "E08"}
    projected = _scan(data / STACKED, planes="projections")
    assert len(projected.tiles) == 4 and projected.tiles.start[0, 2] == pytest.approx(
        9342, abs=2
    )  # middle of the stack
    scan = _scan(data / VERTICAL)
    assert len(scan.tiles) == 2 * 2 * 3 and scan.facts["z_planes"] == 1 and scan.facts["frames"] == 2
    assert [each["projection"] for each in scan.facts["channels"]] == [None, "Maximum", "Maximum"]
    assert [each.channel_label for each in scan.tiles.acquisitions[0].channels or ()] == ["FITC", "Cy3", "Texas Red"]
    first, second = (next(t for t in scan.tiles if t.fov_name == f"FOV_{n}") for n in (1, 2))
    assert (second.start_y - first.start_y) / 13.5504 == pytest.approx(256.0, abs=0.1)  # y grows downwards
    assert second.start_x == pytest.approx(first.start_x)
    assert scan.plate is not None and scan.plate.name == "1well-3C-2S-Zmix-T"


def test_neither_site_nor_wavelength_in_the_name(data: Path) -> None:
    (tile,) = _scan(data / NAMELESS).tiles
    assert (tile.collection.row, tile.collection.column, tile.fov_name, tile.start_c) == ("B", 2, "FOV_1", 0)


def test_a_file_without_properties_asks_for_the_pixel_size(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConvertersToolsUserError, match=r"w2247376DD.* states no pixel size .* give pixel_size"):
        _scan(data / SILENT)
    check_format("metaxpress", data / SILENT, options={"pixel_size": 0.645})
    made = convert(data / SILENT, tmp_path, workers=1, verify=True, format_options={"pixel_size": 0.645})
    assert made.verification is not None and made.verification.ok
    (tile,) = _scan(data / SILENT, pixel_size=0.645).tiles
    assert (tile.collection.row, tile.collection.column) == ("A", 1)
    assert (tile.length_y, tile.length_x) == (463, 461)


def test_a_description_of_a_partial_grid(data: Path) -> None:
    """Six of 3 x 3 sites, numbered in reading order: three above, two, one."""
    scan = _scan(data / PLANNED)
    assert len(scan.tiles) == scan.states.missing_file == 2 * 6 * 4 * 26
    corners = {t.fov_name: (t.start_x, t.start_y) for t in scan.tiles}
    cells = {name: ((x + 1024) / 2048, (y + 1024) / 2048) for name, (x, y) in corners.items()}
    assert cells == {
        "FOV_1": (0, 0),
        "FOV_2": (1, 0),
        "FOV_3": (2, 0),
        "FOV_4": (1, 1),
        "FOV_5": (2, 1),
        "FOV_6": (2, 2),
    }
    assert {each.well for each in scan.tiles.collections} == {"C03", "E03"}
    assert [each["name"] for each in scan.facts["channels"]] == ["DAPI", "FITC", "Texas Red", "Cy5"]


@pytest.mark.parametrize("name", WITH_PIXELS)
def test_chosen_headers_decide_as_all_headers_do(data: Path, name: str) -> None:
    few, all_of_them = _scan(data / name), _scan(data / name, read_all_tags=True)
    paths = [[scan.tiles.loaders.loader(i).file_path for i in range(len(scan.tiles))] for scan in (few, all_of_them)]
    assert paths[0] == paths[1]
    np.testing.assert_allclose(few.tiles.start[:, 3:], all_of_them.tiles.start[:, 3:], atol=1e-9)
