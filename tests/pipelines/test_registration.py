"""From stage positions to whole pixels."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from fractal_omezarr_converters.core.aggregation import tiled_image_from_tiles
from fractal_omezarr_converters.core.placement import place
from fractal_omezarr_converters.errors import ConvertersToolsUserError, ConvertersToolsWarning, NotTilableError
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails, ChannelInfo, StageOrientation
from fractal_omezarr_converters.models.grouping import (
    AutoTiling,
    InplaceTiling,
    SnapToCornersTiling,
    SnapToGridTiling,
    StagePositionCorrections,
    TilingMode,
)
from fractal_omezarr_converters.pipelines import (
    add_registration_func,
    apply_registration_pipeline,
    build_default_registration_pipeline,
    with_modules,
)


def register(tiles, strategy=None, **corrections):
    [image] = tiled_image_from_tiles(tiles=tiles)
    steps = build_default_registration_pipeline(StagePositionCorrections(**corrections), strategy or AutoTiling())
    return apply_registration_pipeline(image, steps)


def placed(image) -> dict[str, list[int]]:
    """First corner (t, c, z, y, x) of the tiles by name of the source."""
    found = place(image)
    return {image.columns.loaders.loader(i).name: found.start[i].tolist() for i in range(len(found.start))}


def test_default_steps_in_order():
    steps = build_default_registration_pipeline(StagePositionCorrections(), AutoTiling())
    assert [step["name"] for step in steps] == [
        "offset_removal",
        "align_to_pixel_grid",
        "xy_jitter_correction",
        "reindex_channels",
        "tile_regions",
    ]
    older = build_default_registration_pipeline(
        StagePositionCorrections(), tiling_mode=TilingMode.SNAP_TO_GRID, tolerance=3.0
    )
    assert older[-1]["params"]["tiling_strategy"] == {"mode": "Snap to Grid", "tolerance": 3.0}


def test_f60_registration_leaves_the_image_as_it_was(make_tile):
    [image] = tiled_image_from_tiles(tiles=[make_tile("A", start_x=100.0), make_tile("B", start_x=114.0, start_c=1)])
    before = image.model_dump_json()
    apply_registration_pipeline(image, build_default_registration_pipeline(StagePositionCorrections(), AutoTiling()))
    assert image.model_dump_json() == before


def test_f09_the_removed_offset_is_the_translation(make_tile):
    tiles = [
        make_tile(f, start_x=x, start_y=-300.0, start_z=12.0, start_t=5.0) for f, x in (("A", 1000.0), ("B", 1016.0))
    ]
    image = register(tiles)
    assert image.translation == [5.0, 0.0, 12.0, -300.0, 1000.0]
    assert place(image).shape == (1, 1, 1, 24, 64)
    np.testing.assert_array_equal(image.columns.original[:, 2], [1000.0, 1016.0])


def test_per_fov_z_offsets(make_tile):
    tiles = [
        make_tile(f, file=f"{f}{z}", start_x=x, start_z=base + z)
        for f, x, base in (("A", 0.0, 10.0), ("B", 16.0, 13.0))
        for z in (0.0, 2.0)
    ]
    found = placed(register(tiles, remove_z_offset="Per-FOV"))
    assert [found[name][2] for name in ("A0.0", "A2.0", "B0.0", "B2.0")] == [0, 1, 0, 1]


def test_keep_refuses_negative_positions(make_tile):
    with pytest.raises(ConvertersToolsUserError, match="'A' lies at x = -5"):
        register([make_tile("A", start_x=-5.0)], remove_xy_offset="Keep")


def test_neighbours_touch_after_rounding(make_tile):
    positions = [0.0, 16.02, 31.98, 48.01]
    image = register([make_tile(f"F{i}", file=str(i), start_x=x) for i, x in enumerate(positions)], InplaceTiling())
    assert [placed(image)[str(i)][4] for i in range(4)] == [0, 32, 64, 96]


@pytest.mark.parametrize(("mode", "corners"), [("round", [0, 32, 65]), ("floor", [0, 32, 64]), ("ceil", [0, 33, 65])])
def test_positions_are_rounded_as_asked_and_whole_fields_keep_their_size(make_tile, mode, corners):
    tiles = [make_tile(f"F{i}", start_x=x) for i, x in enumerate((0.0, 16.2, 32.4))]
    [image] = tiled_image_from_tiles(tiles=tiles)
    aligned = place(apply_registration_pipeline(image, [{"name": "align_to_pixel_grid", "params": {"mode": mode}}]))
    assert aligned.start[:, 4].tolist() == corners
    assert aligned.length[:, 3:].tolist() == [[24, 32]] * 3
    with pytest.raises(ConvertersToolsUserError, match="choose round, floor or ceil"):
        apply_registration_pipeline(image, [{"name": "align_to_pixel_grid", "params": {"mode": "down"}}])


def test_f05_rows_and_columns_may_have_different_pixel_sizes(make_tile, details):
    oblong = details.model_copy(update={"y_pixel_size": 2.0})
    tiles = [
        make_tile(f"F{i}{j}", file=f"{i}{j}", start_x=16.0 * i, start_y=48.0 * j, acquisition_details=oblong)
        for i in range(2)
        for j in range(2)
    ]
    for strategy in (SnapToGridTiling(), SnapToCornersTiling(), InplaceTiling()):
        found = placed(register(tiles, strategy))
        assert (found["10"][3:], found["01"][3:], found["11"][3:]) == ([0, 32], [24, 0], [24, 32])


def test_f10_tiles_of_one_name_far_apart_are_an_error_with_both_sources(make_tile):
    tiles = [make_tile("Image", file="left"), make_tile("Image", file="right", start_x=16.0, start_c=1)]
    with pytest.raises(ConvertersToolsUserError, match=r"'Image' lie 16 µm apart along x.*left\.tif and right\.tif"):
        register(tiles)


def test_f10_jitter_within_a_tenth_of_a_tile_is_removed(make_tile):
    tiles = [make_tile("A", file="one"), make_tile("A", file="two", start_x=1.0, start_y=0.5, start_c=1)]
    found = placed(register(tiles))
    assert found["two"] == [0, 1, 0, 0, 0]
    kept = placed(register(tiles, InplaceTiling(), remove_xy_jitter=False))
    assert kept["two"] == [0, 1, 0, 1, 2]


def test_f11_two_fields_in_one_place_are_an_error_with_both_sources(make_tile):
    tiles = [make_tile("A", file="first"), make_tile("B", file="second"), make_tile("C", start_x=16.0)]
    for strategy in (AutoTiling(), SnapToGridTiling(), SnapToCornersTiling(), InplaceTiling()):
        with pytest.raises(ConvertersToolsUserError, match=r"first\.tif.*second\.tif"):
            register(tiles, strategy)


def test_two_fields_in_one_place_with_different_planes_are_fine(make_tile):
    tiles = [make_tile("A", file="first"), make_tile("B", file="second", start_z=2.0)]
    assert placed(register(tiles, SnapToGridTiling()))["second"] == [0, 0, 1, 0, 0]
    assert placed(register(tiles, SnapToCornersTiling()))["second"] == [0, 0, 1, 0, 0]


def test_f12_missing_column(make_tile):
    tiles = [make_tile(f"F{i}", file=str(i), start_x=14.0 * i) for i in (0, 1, 3)]
    assert [placed(register(tiles))[str(i)][4] for i in (0, 1, 3)] == [0, 32, 96]


def test_f13_unequal_sizes_stay_in_place_with_a_warning(make_tile):
    tiles = [make_tile("A", file="A"), make_tile("B", file="B", start_x=20.0, shape=(48, 64))]
    with pytest.warns(ConvertersToolsWarning, match="stay at their stage positions"):
        image = register(tiles)
    assert placed(image)["B"][4] == 40
    assert any("Inplace" in note for note in image.notes)
    with pytest.raises(NotTilableError, match=r"Plate\.zarr/B/03/0.*'A' 32 x 24 px, 'B' 64 x 48 px"):
        register(tiles, SnapToGridTiling())


def test_f14_the_order_of_rows_does_not_matter(make_tile):
    tiles = [
        make_tile(f"F{i}{j}", file=f"{i}{j}", start_x=15.0 * i + 0.9 * j, start_y=12.0 * j + 0.7 * i)
        for i in range(3)
        for j in range(3)
    ]
    expected = placed(register(tiles))
    assert placed(register(tiles[::-1])) == expected
    assert placed(register(tiles[4:] + tiles[:4])) == expected


def test_f15_overlaps_in_place_are_counted_and_named(make_tile):
    tiles = [make_tile("A"), make_tile("B", start_x=15.0)]
    image = register(tiles, InplaceTiling())
    assert any("48 pixels" in text and "'B' over 'A'" in text for text in image.remarks)
    assert not image.notes


@pytest.mark.parametrize(
    ("share", "strategy"),
    [
        (0.1, InplaceTiling()),
        (0.33, InplaceTiling()),
        (0.5, InplaceTiling()),
        (0.1, AutoTiling()),
        (0.33, AutoTiling()),
    ],
)
def test_overlap_on_purpose_is_a_remark(make_tile, share, strategy):
    """Nine fields of 32 x 24 px; a third in both directions hides more than half of a field under three others."""
    pitch = np.rint(np.array([32, 24]) * (1 - share)) / 2
    tiles = [
        make_tile(f"F{i}{j}", file=f"{i}{j}", start_x=pitch[0] * i, start_y=pitch[1] * j)
        for i in range(3)
        for j in range(3)
    ]
    image = register(tiles, strategy)
    assert not image.notes
    assert len(image.remarks) == 1 and "overlap" in image.remarks[0]


@pytest.mark.parametrize(("shift", "hidden"), [(6.0, "62%"), (7.0, "56%")])
def test_a_field_that_another_hides_for_the_most_part_is_a_note(make_tile, shift, hidden):
    tiles = [make_tile("A"), make_tile("B", start_x=shift), make_tile("C", start_x=100.0)]
    image = register(tiles, InplaceTiling())
    assert any(f"'A' ({hidden} is hidden)" in note and "'B' over 'A'" in note for note in image.notes)
    assert not image.remarks


def test_a_field_that_several_others_hide_together_is_a_note(make_tile):
    tiles = [make_tile("A")] + [
        make_tile(f"B{i}{j}", file=f"{i}{j}", start_x=8.5 * i, start_y=6.5 * j) for i in (-1, 1) for j in (-1, 1)
    ]
    image = register(tiles, InplaceTiling())
    assert any("'A' (8" in note and "is hidden" in note for note in image.notes)


def test_fields_in_one_place_with_different_planes_hide_nothing(make_tile):
    tiles = [make_tile("A", file="a"), make_tile("B", file="b", start_z=2.0), make_tile("C", start_x=15.0)]
    image = register(tiles, InplaceTiling())
    assert not image.notes
    assert not any("'B' over 'A'" in text for text in image.remarks)


def test_f17_one_frame_per_distinct_time(make_tile):
    image = register([make_tile(file=str(t), start_t=t) for t in (0.0, 25.0, 79.0)])
    assert [placed(image)[str(t)][0] for t in (0.0, 25.0, 79.0)] == [0, 1, 2]
    assert image.t_spacing == pytest.approx(39.5)


def test_f17_stamps_of_several_fields_are_one_frame(make_tile):
    tiles = [
        make_tile(f, file=f"{f}{k}", start_x=x, start_t=60.0 * k + late)
        for f, x, late in (("A", 0.0, 0.0), ("B", 16.0, 7.0))
        for k in range(3)
    ]
    found = placed(register(tiles))
    assert [found[f"{f}{k}"][0] for f in "AB" for k in range(3)] == [0, 1, 2, 0, 1, 2]


def test_uneven_planes_lie_at_their_distinct_positions(make_tile):
    image = register([make_tile(file=str(z), start_z=z) for z in (0.0, 2.0, 5.1)])
    assert [placed(image)[str(z)][2] for z in (0.0, 2.0, 5.1)] == [0, 1, 2]
    assert any("z positions" in note for note in image.notes)


def test_f61_orientation_of_the_stage_reaches_the_image(make_tile, details):
    turned = details.model_copy(update={"stage_orientation": StageOrientation(flip_x=True)})
    tiles = [
        make_tile("A", file="A", acquisition_details=turned),
        make_tile("B", file="B", start_x=16.0, acquisition_details=turned),
    ]
    found = placed(register(tiles))
    assert (found["A"][4], found["B"][4]) == (32, 0)


def test_channels_are_renumbered_and_stacks_keep_their_length(make_tile):
    channels = [ChannelInfo(channel_label=label) for label in "abcd"]
    details = AcquisitionDetails(xy_pixel_size=0.5, channels=channels, axes=list("czyx"))
    tiles = [
        make_tile("A", file="one", start_c=1, acquisition_details=details),
        make_tile("A", file="two", start_c=2, shape=(2, 1, 24, 32), acquisition_details=details),
    ]
    image = register(tiles)
    assert [channel.channel_label for channel in image.channels] == ["b", "c", "d"]
    assert placed(image)["two"][1] == 1
    assert place(image).shape[1] == 3
    kept = register(tiles, reindex_channels=False)
    assert place(kept).shape[1] == 4


def shifted(tiled_image, *, by: float):
    for region in tiled_image.regions:
        roi = region.roi
        region.roi = roi.model_copy(
            update={
                "slices": tuple(
                    s.model_copy(update={"start": s.start + by}) if s.axis_name == "x" else s for s in roi.slices
                )
            }
        )
    return tiled_image


def test_f69_own_steps_carry_their_module_and_leave_a_trace(make_tile):
    add_registration_func(shifted, name="shifted", overwrite=True)
    [image] = tiled_image_from_tiles(tiles=[make_tile("A")])
    steps = [{"name": "shifted", "params": {"by": 8.0}}]
    assert with_modules(steps)[0]["module"] == __name__
    moved = apply_registration_pipeline(image, steps)
    assert moved.columns.start[0, 4] == 8.0
    assert image.columns.start[0, 4] == 0.0
    assert moved.provenance == [{"name": "shifted", "params": {"by": 8.0}, "module": __name__}]
    with pytest.raises(ConvertersToolsUserError, match="cannot be called with the parameters"):
        apply_registration_pipeline(image, [{"name": "shifted", "params": {"wrong": 1}}])


def test_older_step_names(make_tile):
    [image] = tiled_image_from_tiles(tiles=[make_tile("A", start_x=40.0), make_tile("B", start_x=54.0)])
    moved = apply_registration_pipeline(
        image,
        [
            {"name": "remove_offsets", "params": {}},
            {"name": "align_to_pixel_grid", "params": {}},
            {"name": "fov_alignment_corrections", "params": {"alignment_corrections": {"align_xy": True}}},
            {"name": "tile_regions", "params": {"tiling_mode": "Snap to Grid", "tolerance": 1}},
        ],
    )
    assert place(moved).shape[4] == 64


def test_f71_1152_tiles_lie_on_the_grid_of_their_fields(make_tile):
    tiles = [
        make_tile(f"F{x}_{y}", start_x=14.0 * x, start_y=10.0 * y, start_z=2.0 * z, start_c=c)
        for x in range(12)
        for y in range(12)
        for z in range(4)
        for c in range(2)
    ]
    [image] = tiled_image_from_tiles(tiles=tiles)
    steps = build_default_registration_pipeline(StagePositionCorrections(), AutoTiling())
    placed = place(apply_registration_pipeline(image, steps))
    corners = {(int(start[3]), int(start[4])) for start in placed.start}
    assert len(placed.start) == 1152
    assert len(corners) == 144
    assert placed.shape[1:3] == (2, 4)


def test_f69_another_process_imports_the_module_of_a_step(tmp_path):
    module = tmp_path / "steps_of_a_lab.py"
    module.write_text(
        "from fractal_omezarr_converters.pipelines import add_registration_func\n"
        "def doubled(tiled_image):\n"
        "    tiled_image.columns.start[:, 4] *= 2\n"
        "    return tiled_image\n"
        "add_registration_func(doubled, 'doubled')\n"
    )
    code = """
import json, sys
from fractal_omezarr_converters.core import TiledImage, build_dummy_tile, tiled_image_from_tiles
from fractal_omezarr_converters.core.dummy_tiles import StartPosition, TileShape
from fractal_omezarr_converters.models import AcquisitionDetails, SingleImage
from fractal_omezarr_converters.pipelines import apply_registration_pipeline, with_modules
if sys.argv[1] == "init":
    import steps_of_a_lab
    place, details = SingleImage(image_path="a"), AcquisitionDetails()
    tile = build_dummy_tile("F", StartPosition(x=8), TileShape(32, 24), collection=place, acquisition_details=details)
    [image] = tiled_image_from_tiles(tiles=[tile])
    print(json.dumps([image.model_dump_json(), with_modules([{"name": "doubled", "params": {}}])]))
else:
    text, steps = json.loads(sys.stdin.read())
    assert "steps_of_a_lab" not in sys.modules
    print(apply_registration_pipeline(TiledImage.model_validate_json(text), steps).columns.start[0, 4])
"""

    def run(step: str, handed_over: str = "") -> str:
        found = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
        command = [sys.executable, "-c", code, step]
        return subprocess.run(command, env=found, input=handed_over, capture_output=True, text=True, check=True).stdout

    assert run("compute", run("init")).strip() == "16.0"


def test_f11_two_fields_in_one_cell_of_the_grid_are_an_error(make_tile):
    tiles = [make_tile("A", file="first"), make_tile("B", file="second", start_x=0.5), make_tile("C", start_x=16.0)]
    with pytest.raises(
        ConvertersToolsUserError, match=r"'A' and 'B' lie in one cell of the grid.*first\.tif.*second\.tif"
    ):
        register(tiles, SnapToGridTiling(tolerance=1))
