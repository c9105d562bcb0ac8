"""The functions behind the tasks: what init refuses, what it hands over, what compute gives back."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plate_jobs import DETAILS, as_files, plate_images, tile
from pydantic import BaseModel

from fractal_omezarr_converters.convert import verify
from fractal_omezarr_converters.core.aggregation import tiled_image_from_tiles
from fractal_omezarr_converters.core.tile import Tile
from fractal_omezarr_converters.errors import (
    ConvertersToolsFileNotFoundError,
    ConvertersToolsOutputExistsError,
    ConvertersToolsUserError,
)
from fractal_omezarr_converters.fractal import init as init_module
from fractal_omezarr_converters.fractal.compute import generic_compute_task
from fractal_omezarr_converters.fractal.init import build_parallelization_list, setup_images_for_conversion
from fractal_omezarr_converters.fractal.job import ConvertParallelInitArgs
from fractal_omezarr_converters.fractal.models_list import converters_tools_models
from fractal_omezarr_converters.fractal.run_folder import MARK
from fractal_omezarr_converters.fractal.runners import MultiprocessingRunner, exec_compound_task
from fractal_omezarr_converters.models.collections import ImageInPlate, SingleImage
from fractal_omezarr_converters.models.form_options import ConverterFormOptions
from fractal_omezarr_converters.models.loaders import DefaultImageLoader
from fractal_omezarr_converters.models.options import ConverterOptions, OverwriteMode
from fractal_omezarr_converters.ngff.stores import open_store
from fractal_omezarr_converters.ngff.zarr_arrays import open_array


def test_init_raises_when_there_is_nothing_to_convert(tmp_path: Path) -> None:
    with pytest.raises(ConvertersToolsUserError, match="no image to convert"):
        setup_images_for_conversion([], zarr_dir=str(tmp_path / "out"), converter_options=ConverterOptions())
    assert not (tmp_path / "out").exists()


def test_init_refuses_two_images_for_one_place_and_names_their_sources(tmp_path: Path) -> None:
    images = [*plate_images(tmp_path / "one", "A"), *plate_images(tmp_path / "two", "A")]
    with pytest.raises(ConvertersToolsUserError) as caught:
        setup_images_for_conversion(images, zarr_dir=str(tmp_path / "out"), converter_options=ConverterOptions())
    for part in ("P.zarr/A/01/0", str(tmp_path / "one" / "A.tif"), str(tmp_path / "two" / "A.tif")):
        assert part in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_init_refuses_more_jobs_than_fractal_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert init_module.MOST_IMAGES == 20_000
    monkeypatch.setattr(init_module, "MOST_IMAGES", 2)
    with pytest.raises(ConvertersToolsUserError, match="3 images are more than the 2"):
        setup_images_for_conversion(
            plate_images(tmp_path), zarr_dir=str(tmp_path / "out"), converter_options=ConverterOptions()
        )


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_init_refuses_a_folder_it_may_not_write(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(ConvertersToolsUserError, match="cannot be written to"):
        setup_images_for_conversion(
            plate_images(tmp_path), zarr_dir=str(tmp_path / "locked/out"), converter_options=ConverterOptions()
        )


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder that nobody can write to")
def test_init_refuses_a_folder_that_nobody_may_write(tmp_path: Path) -> None:
    """Also the superuser, as whom tests often run."""
    with pytest.raises(ConvertersToolsUserError, match=r"/proc/self/out cannot be written to .* choose another one"):
        setup_images_for_conversion(
            plate_images(tmp_path), zarr_dir="/proc/self/out", converter_options=ConverterOptions()
        )


def test_init_refuses_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ConvertersToolsUserError, match="cannot be written to"):
        setup_images_for_conversion(
            plate_images(tmp_path), zarr_dir=str(tmp_path / "out"), converter_options=ConverterOptions()
        )


def test_a_version_that_disagrees_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConvertersToolsUserError, match=r"0\.5 is asked for"):
        setup_images_for_conversion(
            plate_images(tmp_path), zarr_dir=str(tmp_path), converter_options=ConverterOptions(), ngff_version="0.5"
        )


@pytest.mark.parametrize("options", [ConverterOptions(), as_files()], ids=["in memory", "as files"])
def test_jobs_are_small_plain_and_complete(tmp_path: Path, options: ConverterOptions) -> None:
    jobs = setup_images_for_conversion(
        plate_images(tmp_path),
        zarr_dir=str(tmp_path / "out"),
        collection_type="ImageInPlate",
        converter_options=options,
    )
    assert [job["zarr_url"] for job in jobs] == [f"{tmp_path}/out/P.zarr/{row}/01/0" for row in "ABC"]
    for job in json.loads(json.dumps(jobs)):
        assert set(job) == {"zarr_url", "init_args"} and len(json.dumps(job)) < 2500
        update = generic_compute_task(zarr_url=job["zarr_url"], init_args=job["init_args"])
        assert update == {
            "image_list_updates": [
                {
                    "zarr_url": job["zarr_url"],
                    "types": {"is_3D": False},
                    "attributes": {
                        "dose": 0.5,
                        "plate": "P.zarr",
                        "well": f"{job['zarr_url'][-6]}01",
                        "acquisition": 0,
                    },
                }
            ]
        }
        assert generic_compute_task(zarr_url=job["zarr_url"], init_args=job["init_args"]) == update


def test_f66_a_job_can_be_repeated_although_its_hand_over_is_gone(tmp_path: Path) -> None:
    """A finished image holds the description itself; the last one takes the run's folder in the plate along."""
    images, out = plate_images(tmp_path), str(tmp_path / "out")
    jobs = setup_images_for_conversion(images, zarr_dir=out, converter_options=as_files())
    files = [Path(job["init_args"]["tiled_image_json_dump_url"]) for job in jobs]
    assert {file.parent.parent for file in files} == {Path(out, "P.zarr")}
    assert files[0].parent.name.startswith(".run-")
    answers = [generic_compute_task(**job) for job in jobs[:-1]]
    assert [file.exists() for file in files] == [False, False, True]
    assert [path.name for path in Path(out).iterdir()] == ["P.zarr"]
    answers.append(generic_compute_task(**jobs[-1]))
    assert not files[0].parent.exists()
    assert [generic_compute_task(**job) for job in jobs] == answers
    other = {**jobs[0]["init_args"], "digest": "0" * 32}
    with pytest.raises(ConvertersToolsFileNotFoundError, match="is missing"):
        generic_compute_task(zarr_url=jobs[0]["zarr_url"], init_args=other)


def test_a_run_that_another_one_made_again_leaves_no_hand_over(tmp_path: Path) -> None:
    """A run whose jobs never ran is cleared by the one that made all its images, not by one that made other images."""
    images, out = plate_images(tmp_path), str(tmp_path / "out")

    def folder_of(jobs: list[dict[str, Any]]) -> Path:
        return Path(jobs[0]["init_args"]["tiled_image_json_dump_url"]).parent

    never = setup_images_for_conversion(images, zarr_dir=out, converter_options=as_files())
    mark = folder_of(never) / MARK
    mark.write_text(json.dumps({**json.loads(mark.read_text()), "created": "2026-01-01T00:00:00+00:00"}))
    some = setup_images_for_conversion(
        images[:1], zarr_dir=out, converter_options=as_files(), overwrite_mode=OverwriteMode.EXTEND
    )
    generic_compute_task(**some[0])
    assert folder_of(never).exists() and not folder_of(some).exists()
    for job in setup_images_for_conversion(
        images, zarr_dir=out, converter_options=as_files(), overwrite_mode=OverwriteMode.EXTEND
    ):
        generic_compute_task(**job)
    assert [path.name for path in Path(out, "P.zarr").iterdir() if path.name.startswith(".run")] == []
    assert verify(out).ok


def test_a_folder_that_is_asked_for_holds_the_hand_over(tmp_path: Path) -> None:
    elsewhere = str(tmp_path / "scratch")
    chosen = {"serialization": "JSON", "temp_url": elsewhere}
    options = ConverterOptions.model_validate({"runtime_settings": {"temp_json_options": chosen}})
    jobs = setup_images_for_conversion(
        plate_images(tmp_path), zarr_dir=str(tmp_path / "out"), converter_options=options
    )
    file = Path(jobs[0]["init_args"]["tiled_image_json_dump_url"])
    assert file.parent.parent == Path(elsewhere) and file.parent.name.startswith("run-")


def test_f67_two_conversions_into_one_folder_leave_each_other_alone(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    first = setup_images_for_conversion(plate_images(tmp_path, "AB"), zarr_dir=out, converter_options=as_files())
    other = tiled_image_from_tiles(tiles=[tile(tmp_path / "alone.tif", SingleImage(image_path="alone"))])
    second = setup_images_for_conversion(other, zarr_dir=out, converter_options=as_files())
    for job in (*second, *first):
        generic_compute_task(**job)
    assert np.asarray(open_array(open_store(f"{out}/alone.zarr"), "0")[...]).size == 48


def test_f65_a_job_without_its_file_says_what_to_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVERTERS_TOOLS_NUM_RETRIES", "1")
    (job, *_) = setup_images_for_conversion(
        plate_images(tmp_path), zarr_dir=str(tmp_path / "out"), converter_options=as_files()
    )
    Path(job["init_args"]["tiled_image_json_dump_url"]).unlink()
    with pytest.raises(ConvertersToolsFileNotFoundError, match="is missing: check"):
        generic_compute_task(**job)


def test_f50_a_relative_zarr_dir_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = plate_images(tmp_path, "A")
    monkeypatch.chdir(tmp_path)
    (job,) = build_parallelization_list(images, zarr_dir="some/../out", converter_options=ConverterOptions())
    assert job["zarr_url"] == f"{tmp_path}/out/P.zarr/A/01/0"


def test_an_image_that_exists_is_refused_unless_the_mode_allows(tmp_path: Path) -> None:
    images, out = plate_images(tmp_path, "A"), str(tmp_path / "out")
    (job,) = build_parallelization_list(images, zarr_dir=out, converter_options=ConverterOptions())
    generic_compute_task(**job)
    (another,) = build_parallelization_list(
        images,
        zarr_dir=out,
        converter_options=ConverterOptions(omezarr_options={"table_backend": "json"}),  # type: ignore[arg-type]
    )
    with pytest.raises(ConvertersToolsOutputExistsError):
        generic_compute_task(**another)
    (over,) = build_parallelization_list(
        images, zarr_dir=out, converter_options=ConverterOptions(), overwrite_mode=OverwriteMode.OVERWRITE
    )
    before = (tmp_path / "out/P.zarr/A/01/0").stat().st_ino
    generic_compute_task(**over)
    after = (tmp_path / "out/P.zarr/A/01/0").stat().st_ino
    assert after != before
    generic_compute_task(**over)
    assert (tmp_path / "out/P.zarr/A/01/0").stat().st_ino == after


def test_a_job_names_exactly_one_description(tmp_path: Path) -> None:
    for wrong in ({}, {"tiled_image_json_str": "{}", "tiled_image_json_dump_url": "x"}):
        with pytest.raises(ValueError, match="either as text or as the URL"):
            ConvertParallelInitArgs(**wrong)
        with pytest.raises(ConvertersToolsUserError, match="/a/b"):
            generic_compute_task(zarr_url="/a/b", init_args=wrong)


def test_a_job_of_an_older_converter_runs(tmp_path: Path) -> None:
    images, out = plate_images(tmp_path, "A"), tmp_path / "out"
    older = {
        "tiled_image_json_str": images[0].model_dump_json(),
        "converter_options": {"tiling_mode": "Inplace", "omezarr_options": {"num_levels": 1}},
        "overwrite_mode": "No Overwrite",
    }
    update = generic_compute_task(
        zarr_url=f"{out}/x.zarr", init_args=older, collection_type=ImageInPlate, image_loader_type=DefaultImageLoader
    )
    assert update["image_list_updates"][0]["zarr_url"] == f"{out}/x.zarr"


def test_f68_the_list_of_models_is_true() -> None:
    listed = converters_tools_models()
    assert len(set(listed)) == len(listed) > 20
    root = Path(sys.modules["fractal_omezarr_converters"].__path__[0])
    for package, file, name in listed:
        assert package == "fractal_omezarr_converters"
        assert f"class {name}(" in (root / file).read_text()
    assert ("fractal_omezarr_converters", "models/options.py", "ConverterOptions") in listed
    manifest = json.loads((root / "__FRACTAL_MANIFEST__.json").read_text())
    schemas = [task[key] for task in manifest["task_list"] for key in task if key.startswith("args_schema_")]
    shown = {name for schema in schemas for name, one in schema.get("$defs", {}).items() if "properties" in one}
    assert shown and shown <= {name for _, _, name in listed}
    faces = [
        importlib.import_module(f"fractal_omezarr_converters.{face}") for face in ("models", "pipelines", "fractal")
    ]
    public = [getattr(face, name) for face in faces for name in face.__all__]
    models = {kind.__name__ for kind in public if isinstance(kind, type) and issubclass(kind, BaseModel)}
    assert {"StagePositionCorrections", "WellFilter", "ThreadedRunner"} < models <= {name for _, _, name in listed}
    assert converters_tools_models(base="mine")[0][0] == "mine"


CUSTOM = '''
from typing import Any
import numpy as np
from fractal_omezarr_converters.models.loaders import ImageLoaderInterface
from fractal_omezarr_converters.pipelines.registration import add_registration_func


class Constant(ImageLoaderInterface):
    """Pixels that are all the same."""
    value: int

    def load_data(self, resource: Any = None) -> np.ndarray:
        return np.full((6, 8), self.value, dtype="uint16")


def twice_the_pixel_size(image: Any) -> Any:
    changed = image.copy_with()
    changed.attributes = {**changed.attributes, "step": ["applied"]}
    return changed


add_registration_func(function=twice_the_pixel_size, name="my_step")
'''


def test_f69_loaders_and_steps_of_users_are_imported_in_other_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_extension.py").write_text(CUSTOM)
    monkeypatch.syspath_prepend(str(tmp_path))
    import my_extension  # type: ignore[import-not-found]

    one = Tile(
        collection=SingleImage(image_path="mine"),
        image_loader=my_extension.Constant(value=7),
        fov_name="F",
        acquisition_details=DETAILS,
        start_x=0,
        start_y=0,
        length_x=8,
        length_y=6,
    )
    images = tiled_image_from_tiles(tiles=[one])
    exec_compound_task(
        setup_images_for_conversion,
        generic_compute_task,
        {"tiled_images": images, "zarr_dir": str(tmp_path / "out"), "converter_options": ConverterOptions()},
        runner=MultiprocessingRunner(num_processes=1),
    )
    assert (np.asarray(open_array(open_store(tmp_path / "out/mine.zarr"), "0")[...]) == 7).all()
    code = (
        "import sys, json\n"
        "from fractal_omezarr_converters.fractal.handover import tiled_image_from_json_str\n"
        "from fractal_omezarr_converters.pipelines.registration import apply_registration_pipeline\n"
        "text, steps = json.load(sys.stdin)\n"
        "image = apply_registration_pipeline(tiled_image_from_json_str(text), steps)\n"
        "assert image.attributes['step'] == ['applied'], image.attributes\n"
    )
    from fractal_omezarr_converters.pipelines.registration import with_modules

    steps = with_modules([{"name": "my_step", "params": {}}])
    assert steps[0]["module"] == "my_extension"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps([images[0].model_dump_json(), steps]),
        text=True,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])},
    )
    assert ran.returncode == 0, ran.stderr


def test_the_form_accepts_every_option_and_shows_few() -> None:
    shown = ConverterFormOptions.model_json_schema()["properties"]
    assert set(shown) == {"grouping", "stage_position_corrections", "num_levels", "ngff_version"}
    complete = ConverterFormOptions.model_validate(
        {"num_levels": 3, "omezarr_options": {"table_backend": "json"}, "writer_mode": "In Memory"}
    ).to_converter_options()
    assert complete.omezarr_options.levels.to_ngio_levels() == 3
    assert complete.omezarr_options.table_backend == "json" and complete.writer_mode == "In Memory"
    assert ConverterFormOptions(ngff_version="0.6").to_converter_options().omezarr_options.ngff_version == "0.6"
    assert ConverterFormOptions(tiling_mode="No Tiling").to_converter_options().grouping.split_per_fov
    with pytest.raises(ValueError, match="groupin"):
        ConverterFormOptions.model_validate({"groupin": 1})
    with pytest.raises(ValueError, match="keep one of them"):
        ConverterFormOptions.model_validate({"ngff_version": "0.5", "omezarr_options": {"ngff_version": "0.6"}})
