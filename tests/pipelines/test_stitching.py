"""Fields of view placed by what their overlaps show."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_scenes import make_scene

from fractal_omezarr_converters.convert import convert as convert_folder
from fractal_omezarr_converters.convert import plan as plan_folder
from fractal_omezarr_converters.convert import verify as verify_output
from fractal_omezarr_converters.core.aggregation import tiled_image_from_tiles
from fractal_omezarr_converters.core.placement import place
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.models import ConverterOptions, MosaicGrouping, StagePositionCorrections
from fractal_omezarr_converters.models.grouping import StitchedTiling
from fractal_omezarr_converters.models.loaders import ImageLoaderInterface
from fractal_omezarr_converters.pipelines import (
    apply_registration_pipeline,
    build_default_registration_pipeline,
    plan_image,
)
from fractal_omezarr_converters.pipelines.field_solver import Pairs, groups_of, solve
from fractal_omezarr_converters.pipelines.shifts import measure_shift, prepared
from fractal_omezarr_converters.pipelines.stitching import on_whole_pixels

OPTIONS = ConverterOptions(grouping=MosaicGrouping(tiling_strategy=StitchedTiling()))
STORE: dict[str, np.ndarray] = {}
READ: Counter[str] = Counter()


class FieldLoader(ImageLoaderInterface):
    """A field of a scene; reads parts or wholes."""

    name: str
    number: int
    parts: bool = True

    def load_data(self, resource: Any = None) -> np.ndarray:
        READ[f"whole {self.number}"] += 1
        return STORE[self.name][self.number]

    def shape_and_dtype(self, resource: Any = None) -> tuple[tuple[int, ...], str]:
        return STORE[self.name].shape[1:], "uint16"

    def data_axes(self, resource: Any = None) -> str:
        return "yx"

    def describe_source(self, resource: Any = None) -> str:
        return f"{self.name}_{self.number}.tif"

    def reads_parts(self) -> bool:
        return self.parts

    def load_region(self, region: dict[str, slice], resource: Any = None) -> np.ndarray | None:
        if not self.parts:
            return None
        part = STORE[self.name][self.number][region["y"], region["x"]]
        READ[f"pixels {self.number}"] += part.size
        return part


@pytest.fixture
def make_image(make_tile):
    """An image of the fields of a scene; pixels of 0.5 µm."""

    def make(scene, *, order=None, parts=True, name="scene", **more):
        STORE[name] = scene.fields
        READ.clear()
        tiles = [
            make_tile(
                f"F{k}",
                loader=FieldLoader(name=name, number=k, parts=parts),
                shape=scene.fields.shape[1:],
                start_x=1000 + scene.stage[k, 0] / 2,
                start_y=scene.stage[k, 1] / 2 - 300,
                **more,
            )
            for k in (range(len(scene.stage)) if order is None else order)
        ]
        [image] = tiled_image_from_tiles(tiles=tiles)
        return image

    return make


def stitched(image, **strategy):
    steps = build_default_registration_pipeline(StagePositionCorrections(), StitchedTiling(**strategy))
    return apply_registration_pipeline(image, steps)


def corners(image) -> np.ndarray:
    """Corners (x, y) in pixels, fields in the order of their numbers."""
    found = place(image).start[:, [4, 3]]
    numbers = [int(image.columns.fov_name(row)[1:]) for row in range(len(found))]
    return found[np.argsort(numbers)]


def off(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """How far each field lies beside the truth, after one common shift."""
    wrong = found - true
    return np.abs(wrong - (wrong.max(axis=0) + wrong.min(axis=0)) / 2)


@pytest.mark.parametrize("seed", range(6))
def test_fields_come_within_half_a_pixel(make_image, seed):
    scene = make_scene(seed, size=(300, 260))
    image = stitched(make_image(scene))
    assert off(scene.stage, scene.true).max() > 4
    assert off(corners(image), scene.true).max() <= 0.55
    errors = corners(image) - scene.true
    assert np.sqrt(((errors - errors.mean(axis=0)) ** 2).mean()) < 0.35
    facts = image.provenance[-2]
    assert facts["pairs_used"] >= 11 and facts["placed_by_stage_only"] == [] and facts["disagreement_px"] < 0.15
    assert any("of 12 overlaps" in note for note in image.notes)


def test_original_positions_and_the_origin_are_kept(make_image):
    scene = make_scene(1)
    image = stitched(make_image(scene))
    np.testing.assert_allclose(image.columns.original[:, 2], 1000 + scene.stage[:, 0] / 2)
    shifts = image.provenance[-2]["shifts_px"]
    first = image.columns.fov_names[0]
    x = dict(zip(image.axes, image.translation))["x"]
    assert x + corners(image)[0, 0] / 2 == pytest.approx(1000 + shifts[first][0] / 2)
    assert (corners(image) >= 0).all() and (corners(image).min(axis=0) == 0).all()


def test_the_order_of_fields_and_the_way_of_reading_do_not_matter(make_image):
    scene = make_scene(2)
    expected = corners(stitched(make_image(scene)))
    for order in (range(8, -1, -1), [4, 0, 7, 2, 8, 1, 5, 3, 6]):
        np.testing.assert_array_equal(corners(stitched(make_image(scene, order=order))), expected)
    np.testing.assert_array_equal(corners(stitched(make_image(scene, parts=False))), expected)
    assert max(READ.values()) == 1, "a whole field is read once"


def test_only_overlaps_are_read(make_image):
    scene = make_scene(3, overlap=0.1, error=2, size=(400, 300))
    image = make_image(scene)
    stitched(image, max_shift=10)
    assert not any(key.startswith("whole") for key in READ)
    assert sum(READ.values()) < 0.35 * scene.fields.size


def test_a_field_that_shows_nothing_stays_where_the_stage_model_puts_it(make_image):
    scene = make_scene(4, error=2)
    scene.fields[8] = np.random.default_rng(0).poisson(40, scene.fields[8].shape) + 100
    image = stitched(make_image(scene))
    assert off(corners(image)[:8], scene.true[:8]).max() <= 0.55
    assert image.provenance[-2]["placed_by_stage_only"] == ["F8"]
    assert any("1 of 9 fields of view" in note and "'F8'" in note for note in image.notes)
    assert np.abs((corners(image) - scene.stage)[8] - (corners(image) - scene.stage)[:8].mean(axis=0)).max() < 10


def test_a_field_whose_first_image_is_missing_is_measured_all_the_same(make_tile):
    """Only the first frame was looked at: a field that lacks it stayed where the stage is."""
    scene = make_scene(4, error=5)
    STORE["scene"] = scene.fields
    tiles = [
        make_tile(
            f"F{k}",
            loader=FieldLoader(name="scene", number=k),
            shape=scene.fields.shape[1:],
            start_x=x / 2,
            start_y=y / 2,
            start_t=10.0 * t,
        )
        for t in range(2)
        for k, (x, y) in enumerate(scene.stage)
        if (k, t) != (4, 0)
    ]
    [image] = tiled_image_from_tiles(tiles=tiles)
    moved = stitched(image)
    rows = place(moved).start[8:]
    assert off(rows[:, [4, 3]], scene.true).max() <= 0.55
    assert moved.provenance[-2]["placed_by_stage_only"] == []


def test_nothing_to_see_anywhere(make_image):
    scene = make_scene(5)
    blank = scene._replace(fields=np.full_like(scene.fields, 100))
    image = stitched(make_image(blank))
    np.testing.assert_array_equal(corners(image), scene.stage)
    assert any("No overlap" in note for note in image.notes)


def test_a_wrong_field_in_the_place_of_another_is_not_believed(make_image):
    """A field with objects of elsewhere: nothing fits, and nothing is moved far."""
    scene, other = make_scene(6, error=3), make_scene(60, error=3)
    scene.fields[4] = other.fields[4]
    image = stitched(make_image(scene))
    outer = [0, 1, 2, 3, 5, 6, 7, 8]
    assert off(corners(image)[outer], scene.true[outer]).max() <= 0.55
    assert image.provenance[-2]["placed_by_stage_only"] == ["F4"]


def test_the_channel_is_chosen_by_name(make_tile):
    scene = make_scene(7)
    STORE["seen"], STORE["blank"] = scene.fields, np.full_like(scene.fields, 7)
    tiles = [
        make_tile(
            f"F{k}",
            loader=FieldLoader(name=name, number=k),
            shape=scene.fields.shape[1:],
            start_x=x / 2,
            start_y=y / 2,
            start_c=c,
        )
        for k, (x, y) in enumerate(scene.stage)
        for c, name in ((0, "blank"), (1, "seen"))
    ]
    [image] = tiled_image_from_tiles(tiles=tiles)
    moved = stitched(image, channel="GFP")
    rows = place(moved).start
    both = rows[:, [4, 3]].reshape(9, 2, 2)
    np.testing.assert_array_equal(both[:, 0], both[:, 1])
    assert off(both[:, 1], scene.true).max() <= 0.55
    assert any("No overlap" in note for note in stitched(image).notes)
    with pytest.raises(ConvertersToolsUserError, match=r"'Cy5' for stitching does not exist.*'DAPI', 'GFP'"):
        stitched(image, channel="Cy5")


def test_fields_of_different_size(make_image, make_tile):
    scene = make_scene(8, columns=2, rows=1, size=(240, 200))
    fields = [scene.fields[0], scene.fields[1][:150]]
    STORE["tall"], STORE["low"] = np.array([fields[0]]), np.array([fields[1]])
    tiles = [
        make_tile(f, loader=FieldLoader(name=n, number=0), shape=field.shape, start_x=x / 2, start_y=y / 2)
        for f, n, field, (x, y) in zip(("F0", "F1"), ("tall", "low"), fields, scene.stage)
    ]
    [image] = tiled_image_from_tiles(tiles=tiles)
    moved = corners(stitched(image))
    np.testing.assert_array_equal(moved[1] - moved[0], np.rint(scene.true[1] - scene.true[0]))


def test_a_plan_reads_no_pixels_and_says_that_the_size_is_open(make_image):
    image = make_image(make_scene(9))
    before = image.model_dump_json()
    plan = plan_image(image, converter_options=OPTIONS)
    assert not READ and plan.pending and plan.to_json()["size_is_final"] is False
    assert any("final only then" in text for text in plan.remarks)
    final = plan_image(image, converter_options=OPTIONS, read_pixels=True)
    assert READ and not final.pending and final.shape != plan.shape
    assert final.fingerprint == plan.fingerprint
    assert image.model_dump_json() == before
    other = ConverterOptions(grouping=MosaicGrouping(tiling_strategy=StitchedTiling(max_shift=30)))
    assert plan_image(image, converter_options=other).fingerprint != plan.fingerprint


def test_registration_step_with_the_signature_of_the_others(make_image):
    scene = make_scene(10)
    steps = [{"name": name, "params": {}} for name in ("offset_removal", "align_to_pixel_grid", "stitch_fields")]
    found = apply_registration_pipeline(make_image(scene), steps)
    assert off(corners(found), scene.true).max() <= 0.55
    as_strategy = [*steps[:2], {"name": "tile_regions", "params": {"tiling_strategy": {"mode": "Stitch"}}}]
    np.testing.assert_array_equal(corners(apply_registration_pipeline(make_image(scene), as_strategy)), corners(found))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_converted_verified_and_extended(tmp_path, version):
    scene = make_scene(11, columns=3, rows=2)
    source = tmp_path / "source"
    source.mkdir()
    lines = ["file_path,row,column,fov_name,start_x,start_y"]
    for k, (x, y) in enumerate(scene.stage):
        np.save(source / f"{k}.npy", scene.fields[k])
        lines.append(f"{k}.npy,A,1,F{k},{x / 2 + 50},{y / 2 - 10}")
    (source / "tiles.csv").write_text("\n".join(lines))
    (source / "acquisition_details.toml").write_text("xy_pixel_size = 0.5\n")
    options = {"converter_options": OPTIONS, "ngff_version": version, "format": "tile_table"}
    assert plan_folder(source, **options).images[0].pending
    done = convert_folder(source, tmp_path / "out", verify=True, workers=1, **options)
    assert done.verification is not None and done.verification.ok, repr(done.verification)
    url = Path(done.outcomes[0].name)
    document = json.loads((url / (".zattrs" if version == "0.4" else "zarr.json")).read_text())
    own = (document if version == "0.4" else document["attributes"])["fractal_omezarr_converters"]
    [step] = [one for one in own["registration"] if "shifts_px" in one]
    expected = np.array([step["shifts_px"][f"F{k}"] for k in range(6)]) + scene.stage
    assert off(expected, scene.true).max() <= 0.55
    assert any("stitched by 7 of 7 overlaps" in note for note in own["notes"])
    written = {path: path.stat().st_mtime_ns for path in url.rglob("*") if path.is_file()}
    convert_folder(source, tmp_path / "out", workers=1, overwrite="Extend", **options)
    assert {path: path.stat().st_mtime_ns for path in url.rglob("*") if path.is_file()} == written
    assert verify_output(tmp_path / "out").ok


@pytest.mark.parametrize("positions", ["calibrated", "nominal"])
def test_the_real_plate_of_two_fields(shared_data, positions):
    """Best correlation of the real pixels: the second field lies at (+1072, +3) px; metadata says (1073, 3) or (1080, 0)."""
    folder = str(shared_data / "operetta" / "operetta-compose-plate")
    scan = registry.get("operetta").scan(folder, options={"field_positions": positions})
    [image] = tiled_image_from_tiles(tiles=scan.tiles)
    for reach in (20, 50, 100):
        moved = place(stitched(image, max_shift=reach)).start[:, [4, 3]]
        np.testing.assert_array_equal(moved[1] - moved[0], [1072, 3])


@pytest.mark.parametrize("direction", ["x", "y"])
def test_shifts_have_no_bias_between_pixels(direction):
    """The background near a rim, known from one side only, would draw neighbours together by a tenth of a pixel and more."""
    wrong = []
    for seed in range(5):
        columns, rows = (2, 1) if direction == "x" else (1, 2)
        scene = make_scene(
            seed, columns=columns, rows=rows, size=(240, 240), overlap=0.3, error=2, spots=0.003, radius=6
        )
        first, second = (prepared(one.astype(np.float32), 90.0, (0, 1)) for one in scene.fields)
        x, y = (int(value) for value in scene.stage[1] - scene.stage[0])
        shift = measure_shift(first, second, (x, y), 12)
        assert shift is not None and shift.correlation > 0.9
        wrong.append(np.array([shift.x, shift.y]) - (scene.true[1] - scene.true[0]))
    assert np.abs(np.mean(wrong, axis=0)).max() < 0.03
    assert np.abs(wrong).max() < 0.15


def grid_pairs(columns: int, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    number = np.arange(columns * rows).reshape(rows, columns)
    first = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()])
    second = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()])
    return first, second, np.repeat([0, 1], [rows * (columns - 1), columns * (rows - 1)])


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**31))
def test_exact_measurements_give_exact_positions(columns, rows, seed):
    rng = np.random.default_rng(seed)
    first, second, direction = grid_pairs(columns, rows)
    stage = np.array([(c * 100.0, r * 80.0) for r in range(rows) for c in range(columns)])
    true = stage + rng.normal(0, 5, stage.shape)
    pairs = Pairs(first, second, direction, true[second] - true[first], np.full(len(first), 0.1))
    solution = solve(stage, pairs)
    assert (groups_of(len(stage), pairs, solution.believed) == 0).all() or len(first) > 4
    if solution.believed.all():
        np.testing.assert_allclose(solution.positions - solution.positions[0], true - true[0], atol=0.1)


def test_a_wrong_measurement_is_outvoted():
    first, second, direction = grid_pairs(5, 5)
    stage = np.array([(c * 100.0, r * 80.0) for r in range(5) for c in range(5)])
    true = stage + np.random.default_rng(3).normal(0, 4, stage.shape)
    measured = true[second] - true[first]
    measured[[7, 30]] += [[9, -6], [-7, 8]]
    measured[16] = np.nan
    solution = solve(stage, Pairs(first, second, direction, measured, np.full(len(first), 0.1)))
    assert np.flatnonzero(~solution.believed).tolist() == [7, 16, 30]
    np.testing.assert_allclose(solution.positions - solution.positions[0], true - true[0], atol=0.1)


def test_a_turned_camera_reaches_fields_without_measurements():
    """Fields that only the stage places follow the deviation that all others have in common."""
    first, second, direction = grid_pairs(4, 4)
    stage = np.array([(c * 100.0, r * 80.0) for r in range(4) for c in range(4)])
    true = stage @ np.array([[1.01, 0.02], [-0.02, 1.01]])
    measured = true[second] - true[first]
    measured[(first == 15) | (second == 15)] = np.nan
    pairs = Pairs(first, second, direction, measured, np.full(len(first), 0.1))
    solution = solve(stage, pairs)
    np.testing.assert_allclose(solution.positions - solution.positions[0], true - true[0], atol=0.05)
    assert groups_of(16, pairs, solution.believed).tolist() == [0] * 15 + [1]


def test_rounding_keeps_distances():
    positions = np.array([[0.57, 10.2], [1072.43, 12.9]])
    whole = on_whole_pixels(positions)
    np.testing.assert_array_equal(whole[1] - whole[0], [1072, 3])
