"""Snapshots of conversions and plans, the pytest plug-in, and snapshots that existing converters wrote."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fractal_omezarr_converters.convert import convert
from fractal_omezarr_converters.models.grouping import InplaceTiling, MosaicGrouping
from fractal_omezarr_converters.models.options import ConverterOptions
from fractal_omezarr_converters.testing import (
    FingerprintModel,
    MultiPlateAssertionModel,
    MultiSingleImageAssertionModel,
    PlaneKey,
    SyntheticOperetta,
    build_plan_snapshot,
    build_snapshot,
    check_plan_snapshot,
    compare_snapshots,
    run_converter_test,
    write_operetta,
)
from fractal_omezarr_converters.testing.synthetic_operetta import PROFILE

INPLACE = ConverterOptions(grouping=MosaicGrouping(tiling_strategy=InplaceTiling()))


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> SyntheticOperetta:
    """A measurement with one missing plane."""
    return write_operetta(
        tmp_path_factory.mktemp("source"), wells=("B03",), times=2, missing=[PlaneKey("B03", 2, 0, 1, 1)]
    )


def _convert(zarr_dir: str, source: Path, converter_options: ConverterOptions = INPLACE, **options: Any) -> list[Any]:
    done = convert(
        [str(source)], zarr_dir, executor="threads", workers=1, converter_options=converter_options, **options
    )
    return list(done.updates)


@pytest.fixture(scope="module")
def snapshot(truth: SyntheticOperetta, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Snapshot of the converted measurement, with all optional parts."""
    zarr_dir = tmp_path_factory.mktemp("zarr")
    updates = _convert(str(zarr_dir), truth.folders[0])
    return build_snapshot(
        zarr_dir=zarr_dir, image_list_updates=updates, output_type="plate", levels=True, table_contents=True
    )


def test_a_snapshot_states_what_was_written(truth: SyntheticOperetta, snapshot: dict[str, Any]) -> None:
    plate = snapshot["plates"]["Synthetic Plate.zarr"]
    assert plate["wells"] == ["B/03"]
    image = plate["images"]["B/03/0"]
    assert image["axes"] == list("tczyx") and image["shape"] == [2, 2, 2, *truth.mosaic_shape]
    assert image["pixelsize"] == [30.0, 1.5, 0.65, 0.65]
    assert (image["channel_labels"], image["wavelength_ids"]) == (["DAPI", "Alexa 647"], ["456", "706"])
    assert image["types"] == {"is_3D": True, "is_time_series": True}
    assert image["attributes"]["well"] == "B03"
    rois = image["tables"]["FOV_ROI_table"]["rois"]
    assert list(rois) == ["FOV_1", "FOV_2", "FOV_3", "FOV_4"]
    assert rois["FOV_2"]["slice_repr"] == "[x: 56.0->120.0, y: 0.0->48.0, z: 0.0->2.0, t: 0.0->2.0]"
    assert rois["FOV_2"]["yx_origin"] == pytest.approx([-28.6, -2.6])


def test_fingerprints_are_those_of_the_source(truth: SyntheticOperetta, snapshot: dict[str, Any]) -> None:
    """Every pixel of the mosaic, computed from the specimen and not from the output."""
    mosaic = np.array(
        [[[truth.mosaic("B03", c, z, t=t) for z in range(2)] for c in range(2)] for t in range(2)], dtype=np.uint16
    )
    image = snapshot["plates"]["Synthetic Plate.zarr"]["images"]["B/03/0"]
    expected = FingerprintModel.from_array(mosaic).model_dump()
    assert image["tables"]["well_ROI_table"]["rois"]["image"]["finger_print"] == expected
    assert image["levels"][0]["finger_print"] == expected


def test_equal_snapshots_have_no_differences(snapshot: dict[str, Any], tmp_path: Path) -> None:
    stored = tmp_path / "snapshot.json"
    stored.write_text(json.dumps(snapshot))
    assert compare_snapshots(stored, snapshot) == []
    assert compare_snapshots(MultiPlateAssertionModel.model_validate(snapshot), snapshot) == []
    older = copy.deepcopy(snapshot)
    image = older["plates"]["Synthetic Plate.zarr"]["images"]["B/03/0"]
    del image["levels"], image["table_contents"], image["tables"]["FOV_ROI_table"]
    image["tables"]["well_ROI_table"]["rois"]["image"]["yx_origin"] = None
    older["versions"] = {"other": "0"}
    assert compare_snapshots(older, snapshot) == []


def test_every_difference_is_listed_with_its_path(snapshot: dict[str, Any]) -> None:
    changed = copy.deepcopy(snapshot)
    image = changed["plates"]["Synthetic Plate.zarr"]["images"]["B/03/0"]
    image["shape"][3] += 1
    image["pixelsize"][2] *= 1.001
    image["channel_labels"][0] = "Hoechst"
    image["tables"]["FOV_ROI_table"]["rois"]["FOV_1"]["finger_print"]["hash"] = "0"
    image["tables"]["FOV_ROI_table"]["rois"]["FOV_1"]["slice_repr"] = "[x: 1.0->64.0]"
    changed["plates"]["Other.zarr"] = {"wells": [], "images": {}}
    differences = compare_snapshots(changed, snapshot)
    assert len(differences) == 6
    assert any(
        "/plates/Synthetic Plate.zarr/images/B/03/0/shape/3: expected 89, found 88" in one for one in differences
    )
    assert any("/plates/Other.zarr: missing" in one for one in differences)


def test_a_common_part_is_merged_below_each_image() -> None:
    own = {"shape": [2, 2], "tables": {"a": None}}
    common = {"axes": ["y", "x"], "pixelsize": [1.0, 1.0, 0.5, 0.5], "channel_labels": [], "wavelength_ids": []}
    model = MultiSingleImageAssertionModel.model_validate(
        {"images_common": {**common, "shape": [1, 1], "tables": {"b": None}}, "images": {"a.zarr": own}}
    )
    image = model.images["a.zarr"]
    assert image.shape == [2, 2] and image.axes == ["y", "x"] and set(image.tables) == {"a", "b"}


def test_snapshots_of_existing_converters_load(shared_data: Path) -> None:
    folder = shared_data / "lif" / "fractal-lif-snapshots"
    for name in ("hcs_2w1p3c5z1t.json", "img_2w1p3c5z1t.json"):
        assert compare_snapshots(folder / name, folder / name) == []


def test_run_converter_test_writes_then_compares(truth: SyntheticOperetta, tmp_path: Path) -> None:
    keywords: dict[str, Any] = {
        "api_fn": _convert,
        "api_kwargs": {"source": truth.folders[0]},
        "snapshot_path": tmp_path / "snapshots" / "plate.json",
        "converter_options": INPLACE,
    }
    with pytest.raises(AssertionError, match="--update-snapshots"):
        run_converter_test(tmp_path=tmp_path / "a", update_snapshots=False, **keywords)
    run_converter_test(tmp_path=tmp_path / "b", update_snapshots=True, **keywords)
    run_converter_test(tmp_path=tmp_path / "c", update_snapshots=False, **keywords)
    other = {**keywords, "converter_options": ConverterOptions()}
    with pytest.raises(AssertionError, match=r"differences from .*plate\.json"):
        run_converter_test(tmp_path=tmp_path / "d", update_snapshots=False, **other)


def test_flat_field_correction_is_in_the_provenance_of_the_image(tmp_path: Path) -> None:
    from fractal_omezarr_converters.convert import plan

    truth = write_operetta(tmp_path, wells=("B03",), planes=1, profile=PROFILE)
    options = {"flat_field": "divide"}
    made = plan([str(truth.folders[0])], format_options=options, converter_options=INPLACE)
    assert made.images[0].image.provenance[0]["name"] == "flat_field"
    assert any("flat-field" in each for each in made.warnings)
    plain = plan([str(truth.folders[0])], converter_options=INPLACE)
    assert all(each["name"] != "flat_field" for each in plain.images[0].image.provenance)


def test_plan_snapshots_need_no_pixels(truth: SyntheticOperetta, tmp_path: Path, shared_data: Path) -> None:
    source = shared_data / "operetta" / "pe2loaddata-Version7"
    found = build_plan_snapshot(source)
    assert found["format"] == "operetta" and found["states"]["missing_file"] == 7
    (image,) = found["images"].values()
    assert len(image["channel_labels"]) == 7 and image["fields"]["FOV_1"]["tiles"] == 7
    stored = tmp_path / "plan.json"
    with pytest.raises(AssertionError, match="--update-snapshots"):
        check_plan_snapshot(truth.folders[0], stored, update_snapshots=False)
    check_plan_snapshot(truth.folders[0], stored, update_snapshots=True)
    check_plan_snapshot(truth.folders[0], stored, update_snapshots=False)
    with pytest.raises(AssertionError, match="the plan differs"):
        check_plan_snapshot(truth.folders[0], stored, update_snapshots=False, options={"field_positions": "nominal"})


def test_the_pytest_plug_in(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["fractal_omezarr_converters.testing.plugin"]\n')
    (tmp_path / "test_it.py").write_text(
        "import pytest\n\n\n@pytest.mark.extended\ndef test_long(): pass\n\n\n"
        "def test_update(update_snapshots): assert update_snapshots\n"
    )

    def outcome(*options: str) -> str:
        command = [sys.executable, "-m", "pytest", "-q", "--strict-markers", "-p", "no:cacheprovider", *options]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout

    assert "1 failed, 1 skipped" in outcome()
    assert "2 passed" in outcome("--update-snapshots", "--extended")
