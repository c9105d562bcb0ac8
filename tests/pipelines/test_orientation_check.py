"""Fields that lie mirrored or exchanged are noticed by what their overlaps show, and put right when asked."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from fractal_omezarr_converters.convert import convert, plan
from fractal_omezarr_converters.errors import ConvertersToolsWarning
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.models.acquisition import StageOrientation
from fractal_omezarr_converters.pipelines.acquisition_options import AcquisitionOptions
from fractal_omezarr_converters.pipelines.acquisitions import with_options
from fractal_omezarr_converters.pipelines.orientation_check import check_orientation, oriented
from fractal_omezarr_converters.testing import convert_and_compare, write_operetta
from fractal_omezarr_converters.testing.round_trip import INPLACE

WAYS = [dict(zip(("flip_x", "flip_y", "swap_xy"), each)) for each in itertools.product((False, True), repeat=3)]
SETTINGS = {"layout": (3, 3), "field_shape": (120, 160), "overlap": 24, "planes": 1, "wells": ("B03",)}


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory):
    """Nine fields that overlap by 24 px; they are not square."""
    return write_operetta(tmp_path_factory.mktemp("in"), **SETTINGS)


def _table(truth, orientation: StageOrientation):
    tiles = registry.get("operetta").scan(str(truth.folders[0])).tiles
    return with_options(tiles, AcquisitionOptions(stage_orientation=orientation))


@pytest.mark.parametrize("way", WAYS, ids=lambda way: "+".join(k for k, v in way.items() if v) or "as read")
def test_every_wrong_arrangement_is_found_and_undone(truth, way) -> None:
    wrong = StageOrientation(**way)
    table = _table(truth, wrong)
    finding = check_orientation(table)
    assert finding is not None
    assert finding.is_clear == (wrong != StageOrientation())
    assert finding.correlation > 0.9 and (finding.as_read < 0.6 or wrong == StageOrientation())
    right = oriented(table.acquisitions[0], finding.best).stage_orientation
    assert right == StageOrientation()


def test_right_positions_say_nothing_and_pixels_decide(truth, tmp_path: Path) -> None:
    made = convert(truth.folders[0], tmp_path / "out", converter_options=INPLACE, workers=1)
    assert not [text for text in made.warnings if "fit together" in text]


@pytest.mark.parametrize(
    "settings", [{}, {"layout": (2, 3)}, {"field_shape": (64, 64)}, {"layout": (3, 2), "overlap": 12}]
)
def test_small_fields_that_lie_right_are_not_doubted(tmp_path: Path, settings) -> None:
    tiles = registry.get("operetta").scan(str(write_operetta(tmp_path, **settings).folders[0])).tiles
    finding = check_orientation(tiles)
    assert finding is not None and not finding.is_clear and finding.as_read > 0.9


def test_check_warns_with_figures_and_changes_nothing(truth, tmp_path: Path) -> None:
    options = {"stage_orientation": {"flip_y": True}}
    with pytest.warns(ConvertersToolsWarning, match=r"do not fit together .* 0\.\d\d .* 'Flip Y'"):
        made = convert(
            truth.folders[0], tmp_path / "out", converter_options=INPLACE, workers=1, acquisition_options=options
        )
    assert len(made.updates) == 1


def test_auto_puts_fields_where_they_fit(truth, tmp_path: Path) -> None:
    options = {"stage_orientation": {"flip_y": True, "swap_xy": True}, "orientation": "auto"}
    with pytest.warns(ConvertersToolsWarning, match="were changed"):
        convert_and_compare(truth, tmp_path / "out", format_name="operetta", acquisition_options=options)


def test_as_read_does_not_look(truth, tmp_path: Path) -> None:
    options = {"stage_orientation": {"flip_x": True}, "orientation": "as read"}
    made = convert(
        truth.folders[0], tmp_path / "out", converter_options=INPLACE, workers=1, acquisition_options=options
    )
    assert not [text for text in made.warnings if "fit together" in text]


def test_a_plan_reads_no_pixel(truth) -> None:
    planned = plan(truth.folders[0], acquisition_options={"stage_orientation": {"flip_x": True}})
    assert not [text for text in planned.warnings if "fit together" in text]


@pytest.mark.parametrize("change", [{"overlap": 0}, {"overlap": 2}, {"layout": (1, 1)}])
def test_without_overlap_nothing_can_be_said(tmp_path: Path, change) -> None:
    truth = write_operetta(tmp_path, **{**SETTINGS, **change})
    assert check_orientation(_table(truth, StageOrientation(flip_x=True))) is None


def test_one_row_of_fields_leaves_the_other_axis_as_read(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, **{**SETTINGS, "layout": (1, 3)})
    finding = check_orientation(_table(truth, StageOrientation(flip_x=True)))
    assert finding is not None and finding.best == StageOrientation(flip_x=True) and finding.is_clear
    finding = check_orientation(_table(truth, StageOrientation(flip_y=True)))
    assert finding is not None and not finding.is_clear


def test_the_real_pair_of_an_operetta_lies_as_read(shared_data: Path) -> None:
    source = shared_data / "operetta" / "operetta-compose-plate"
    tiles = registry.get("operetta").scan(str(source)).tiles
    finding = check_orientation(tiles)
    assert finding is not None and not finding.is_clear and finding.as_read > 0.9
    mirrored = check_orientation(with_options(tiles, AcquisitionOptions(stage_orientation={"flip_x": True})))
    assert mirrored is not None and mirrored.is_clear and mirrored.best == StageOrientation(flip_x=True)
    assert np.isclose(mirrored.correlation, finding.as_read)


@pytest.mark.parametrize(
    ("name", "source", "options"),
    [
        ("metaxpress", "metaxpress/zmb-9987_Plate_3433", {}),
        ("metaxpress", "metaxpress/zmb-9987_Plate_3433", {"planes": "projections"}),
        ("metaxpress", "metaxpress/exported-9987_Plate_3435", {}),
    ],
)
def test_real_plates_lie_as_read_and_mirrored_ones_are_noticed(shared_data: Path, name, source, options) -> None:
    """Sites beside each other along x, 10 % overlap: right as read, and mirrored along x clearly wrong."""
    tiles = registry.get(name).scan(str(shared_data / source), options=options).tiles
    finding = check_orientation(tiles)
    assert finding is not None and not finding.is_clear and finding.as_read > 0.95
    mirrored = check_orientation(with_options(tiles, AcquisitionOptions(stage_orientation={"flip_x": True})))
    assert mirrored is not None and mirrored.is_clear and mirrored.best == StageOrientation(flip_x=True)


@pytest.mark.parametrize(
    ("name", "source", "options"),
    [
        # fields that do not overlap, a single one, empty images, random overlap that nobody measured
        ("operetta", "operetta/operetta-compose-plate", {"field_positions": "nominal"}),
        ("operetta", "operetta/pe2loaddata-Version1", {}),
        ("metaxpress", "metaxpress/ix-SingleChannel", {}),
        ("metaxpress", "metaxpress/ix-1well-3C-2S-Zmix-T", {}),
        ("cellvoyager", "cellvoyager/cv8000-minimal-2c3w4s/CV8000-Minimal-DataSet-2C-3W-4S-FP2-stack", {}),
        ("cellvoyager", "cellvoyager/ftc-png", {}),
        ("named_images", "arrayscan-tiff/cellprofiler-AS_09047-rowO", {"pixel_size": 1, "field_grid": {"columns": 3}}),
        (
            "named_images",
            "arrayscan-tiff/cellprofiler-AS_09047-rowO",
            {"pixel_size": 1, "field_grid": {"columns": 3, "overlap": 0.1}},
        ),
        ("imagexpress_hcsai", "imagexpress-hcsai/uzh-1w1s1t1c1z_binning4x4", {}),
    ],
)
def test_real_plates_that_cannot_tell_are_never_doubted(shared_data: Path, name, source, options) -> None:
    for turned in (StageOrientation(), StageOrientation(flip_y=True), StageOrientation(flip_x=True, swap_xy=True)):
        tiles = registry.get(name).scan(str(shared_data / source), options=options).tiles
        finding = check_orientation(with_options(tiles, AcquisitionOptions(stage_orientation=turned)))
        assert finding is None or not finding.is_clear
