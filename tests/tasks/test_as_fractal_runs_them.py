"""The task files in processes of their own, arguments and results in files, exactly as Fractal runs them."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from task_jobs import COMPUTE, FOLDER, INIT, Job

from fractal_omezarr_converters.ngff import open_plate
from fractal_omezarr_converters.ngff.stores import open_store
from fractal_omezarr_converters.ngff.tables import read_table, write_table
from fractal_omezarr_converters.ngff.zarr_arrays import open_array
from fractal_omezarr_converters.testing.synthetic_incell import write_incell
from fractal_omezarr_converters.testing.synthetic_operetta import PlaneKey, SyntheticOperetta, write_operetta


@pytest.fixture
def plate(tmp_path: Path) -> SyntheticOperetta:
    return write_operetta(
        tmp_path / "source data", wells=("B03", "C05"), layout=(1, 2), field_shape=(24, 40), planes=2, overlap=0
    )


def arguments(truth: SyntheticOperetta, out: Path, **more: Any) -> dict[str, Any]:
    acquisitions = [{"path": str(folder), "acquisition": number} for number, folder in enumerate(truth.folders)]
    return {"zarr_dir": str(out), "acquisitions": acquisitions, **more}


def run_all(truth: SyntheticOperetta, out: Path, jobs: Path, **more: Any) -> list[dict[str, Any]]:
    init = Job(INIT, arguments(truth, out, **more), jobs)
    assert init.code == 0, init.log
    updates = []
    for item in init.result["parallelization_list"]:
        compute = Job(COMPUTE, item, jobs)
        assert compute.code == 0, compute.log
        updates += compute.result["image_list_updates"]
    return updates


def test_a_plate_goes_through_init_and_compute(plate: SyntheticOperetta, tmp_path: Path) -> None:
    out = tmp_path / "not there yet" / "out"
    init = Job(INIT, arguments(plate, out), tmp_path / "jobs")
    assert init.code == 0, init.log
    assert set(init.result) == {"parallelization_list"}
    assert "warning" not in init.log.lower()
    items = init.result["parallelization_list"]
    assert [set(item) for item in items] == [{"zarr_url", "init_args"}] * 2
    for item, well in zip(items, ("B/03", "C/05")):
        assert item["zarr_url"] == f"{out}/Synthetic Plate.zarr/{well}/0"
        assert len(json.dumps(item)) < 6000
        compute = Job(COMPUTE, item, tmp_path / "jobs")
        assert compute.code == 0, compute.log
        assert "warning" not in compute.log.lower()
        assert compute.result == {
            "image_list_updates": [
                {
                    "zarr_url": item["zarr_url"],
                    "types": {"is_3D": True},
                    "attributes": {
                        "plate": "Synthetic Plate.zarr",
                        "well": well.replace("/", ""),
                        "acquisition": 0,
                    },
                }
            ]
        }
        pixels = np.asarray(open_array(open_store(item["zarr_url"]), "0")[...])
        rois = read_table(open_store(item["zarr_url"]), "", "FOV_ROI_table")
        for row, name in enumerate(rois["FieldIndex"]):
            x, y = (round(float(rois[f"{axis}_micrometer"][row]) / plate.pixel_size) for axis in "xy")
            number = int(re.sub(r"\D", "", str(name)))
            for channel in range(2):
                for z in range(2):
                    expected = plate.pixels(PlaneKey(well.replace("/", ""), number, channel, z))
                    assert np.array_equal(pixels[channel, z, y : y + 24, x : x + 40], expected)


@pytest.mark.parametrize(
    ("tiling", "words"),
    [("Auto", "overlap by 10 px"), ("Inplace", "overlap in place: "), ("Stitch", "are stitched by")],
)
def test_overlap_on_purpose_is_told_without_a_triangle(tmp_path: Path, tiling: str, words: str) -> None:
    plate = write_operetta(tmp_path / "source", wells=("B03", "C05"), layout=(2, 2), field_shape=(48, 64), overlap=10)
    options = {"grouping": {"tiling_strategy": {"mode": tiling}}}
    init = Job(INIT, arguments(plate, tmp_path / "out", converter_options=options), tmp_path / "jobs")
    assert init.code == 0, init.log
    told = [line for line in init.log.splitlines() if words in line]
    assert len(told) == 1 and "INFO" in told[0]
    assert "warning" not in init.log.lower()
    compute = Job(COMPUTE, init.result["parallelization_list"][0], tmp_path / "jobs")
    assert compute.code == 0, compute.log
    assert "warning" not in compute.log.lower()


def test_f66_the_same_job_can_be_run_again(plate: SyntheticOperetta, tmp_path: Path) -> None:
    options = {"runtime_settings": {"temp_json_options": {"serialization": "JSON"}}}
    init = Job(INIT, arguments(plate, tmp_path / "out", converter_options=options), tmp_path / "jobs")
    assert init.code == 0, init.log
    item = init.result["parallelization_list"][0]
    url = Path(item["init_args"]["tiled_image_json_dump_url"])
    assert url.parent.parent == Path(item["zarr_url"]).parents[2] and url.parent.name.startswith(".run-")
    first = Job(COMPUTE, item, tmp_path / "jobs")
    again = Job(COMPUTE, item, tmp_path / "jobs")
    assert not url.exists(), "the image holds the description itself"
    assert again.code == 0 and again.result == first.result
    assert "is complete already" in again.log


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_overwrite_with_fewer_wells_and_a_well_that_fails(
    plate: SyntheticOperetta, tmp_path: Path, version: str
) -> None:
    """Three wells become two; one of them fails at first: the old plate is there until both are complete."""
    out, jobs = tmp_path / "out", tmp_path / "jobs"
    given: dict[str, Any] = {"converter_options": {"omezarr_options": {"ngff_version": version}}}
    more = write_operetta(
        tmp_path / "more", wells=("B03", "D07"), layout=(1, 2), field_shape=(24, 40), planes=2, overlap=0
    )
    run_all(more, out, jobs, **given)
    first = open_plate(out / "Synthetic Plate.zarr")
    assert list(first.well_paths) == ["B/03", "D/07"]
    write_table(open_store(out), "Synthetic Plate.zarr/D/07/0", "cells", {"area": [1.5]}, version=version)
    init = Job(INIT, arguments(plate, out, overwrite="Overwrite", **given), jobs)
    assert init.code == 0, init.log
    (told,) = [line for line in init.log.splitlines() if "will be lost" in line]
    assert "WARNING" in told and "1 well (D07), 1 image (D/07/0), 1 table (cells)" in told
    items = init.result["parallelization_list"]
    spoilt = next(iter((plate.folders[0] / "Images").glob("r03c05*.tiff")))
    kept = spoilt.read_bytes()
    stamp = spoilt.stat()
    spoilt.write_bytes(b"\0" * len(kept))
    os.utime(spoilt, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert [Job(COMPUTE, item, jobs).code for item in items] == [0, 1]
    between = open_plate(out / "Synthetic Plate.zarr")
    assert list(between.well_paths) == ["B/03", "C/05", "D/07"]
    assert between["D07"].image("0").tables()[-1] == "cells"
    spoilt.write_bytes(kept)
    os.utime(spoilt, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    again = Job(INIT, arguments(plate, out, overwrite="Overwrite", **given), jobs)
    logs = [Job(COMPUTE, item, jobs) for item in again.result["parallelization_list"]]
    assert [job.code for job in logs] == [0, 0]
    assert "is complete already" in logs[0].log and "is complete already" not in logs[1].log
    assert "all of the new one is complete" in logs[1].log
    assert list(open_plate(out / "Synthetic Plate.zarr").well_paths) == ["B/03", "C/05"]
    assert not (out / "Synthetic Plate.zarr" / "D").exists()
    assert [path.name for path in out.iterdir()] == ["Synthetic Plate.zarr"]


def test_f50_a_relative_folder_is_made_absolute(plate: SyntheticOperetta, tmp_path: Path) -> None:
    job = Job(INIT, arguments(plate, Path("relative out")), tmp_path / "jobs")
    assert job.code == 0, job.log
    item = job.result["parallelization_list"][0]
    assert item["zarr_url"] == f"{tmp_path}/jobs/relative out/Synthetic Plate.zarr/B/03/0"


def test_images_begin_with_the_zarr_dir_that_fractal_gave_letter_by_letter(
    plate: SyntheticOperetta, tmp_path: Path
) -> None:
    composed, decomposed = (tmp_path / unicodedata.normalize(form, "Größe") / "out" for form in ("NFC", "NFD"))
    decomposed.mkdir(parents=True)
    for update in run_all(plate, composed, tmp_path / "jobs"):
        assert update["zarr_url"].startswith(f"{composed}/"), "else Fractal refuses the image"
        assert Path(update["zarr_url"]).is_dir()


def test_what_a_user_did_wrong_is_one_sentence(plate: SyntheticOperetta, tmp_path: Path) -> None:
    no_such = arguments(plate, tmp_path / "out")
    no_such["acquisitions"][0]["path"] = str(tmp_path / "no such folder")
    job = Job(INIT, no_such, tmp_path / "jobs")
    assert job.code != 0 and job.result is None and "no such folder" in job.log
    none_left = arguments(plate, tmp_path / "out")
    none_left["acquisitions"][0]["advanced"] = {"filters": [{"name": "Well Filter", "wells": ["H12"]}]}
    job = Job(INIT, none_left, tmp_path / "jobs")
    assert job.code != 0 and job.result is None
    job = Job(INIT, {"zarr_dir": str(tmp_path / "out"), "acquisitions": []}, tmp_path / "jobs")
    assert job.code != 0 and "No acquisition is given" in job.log
    assert not (tmp_path / "out").exists()


def test_a_reference_channel_that_does_not_exist_is_refused_before_any_work(
    plate: SyntheticOperetta, tmp_path: Path
) -> None:
    options = {"grouping": {"mode": "Stitch", "channel": "Dapi"}}
    job = Job(INIT, arguments(plate, tmp_path / "out", converter_options=options), tmp_path / "jobs")
    assert job.code == 1 and job.result is None
    assert "'Dapi' for stitching does not exist; the channels of the image are 'DAPI'" in job.log.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_of_many_problems_all_are_counted_and_the_first_are_shown(tmp_path: Path) -> None:
    wells = [f"{row}{column:02}" for row in "BCD" for column in range(1, 9)]
    plate = write_operetta(tmp_path / "source", wells=wells, layout=(1, 2), field_shape=(16, 16), planes=1)
    options = {"grouping": {"mode": "Stitch", "channel": "Dapi"}}
    job = Job(INIT, arguments(plate, tmp_path / "out", converter_options=options), tmp_path / "jobs")
    assert job.code == 1, job.log
    assert "(24 problems)" in job.log
    assert "\n  20. " in job.log and "\n  21. " not in job.log
    assert job.log.splitlines()[-1].strip() == "... and 4 more."


@pytest.mark.parametrize("path", [r"Z:\data\plate 1", r"\\server\share\plate 1", "Z:/data/plate 1"])
@pytest.mark.parametrize("task", ["operetta", "any_plate"])
def test_a_path_of_windows_is_told_as_it_was_given(tmp_path: Path, task: str, path: str) -> None:
    given = {"zarr_dir": str(tmp_path / "out"), "acquisitions": [{"path": f'"{path}"'}]}
    job = Job(FOLDER / task / "convert_init.py", given, tmp_path / "jobs")
    assert job.code == 1, job.log
    assert f"'{path}' is a path of a Windows computer" in job.log.splitlines()[-1]


def test_the_log_of_a_refused_task_ends_with_a_sentence_not_a_traceback(
    plate: SyntheticOperetta, tmp_path: Path
) -> None:
    run_all(plate, tmp_path / "out", tmp_path / "jobs")
    again = Job(INIT, arguments(plate, tmp_path / "out"), tmp_path / "jobs")
    wrong = Job(INIT, arguments(plate, tmp_path / "out", overwrite="Sometimes"), tmp_path / "jobs")
    damaged = plate.folders[0] / plate.images_folder / plate.url(PlaneKey("C05", 2, 1, 1))
    content = damaged.read_bytes()
    damaged.write_bytes(content[: len(content) // 2].ljust(len(content), b"\xff"))
    init = Job(INIT, arguments(plate, tmp_path / "new"), tmp_path / "jobs")
    assert init.code == 0, init.log
    failed = Job(COMPUTE, init.result["parallelization_list"][1], tmp_path / "jobs")
    for job, words in (
        (again, ("ERROR", "Synthetic Plate.zarr", "Extend")),
        (wrong, ("ERROR", "overwrite", "Extend")),
        (failed, ("ERROR", damaged.name)),
    ):
        assert job.code == 1 and job.result is None, job.log
        assert "Traceback" not in job.log and "warning" not in job.log.lower(), job.log
        assert all(word in job.log.splitlines()[-1] for word in words), job.log


def test_a_contradiction_in_the_arguments_is_one_sentence_with_one_full_stop(
    plate: SyntheticOperetta, tmp_path: Path
) -> None:
    options = {"grouping": {"mode": "Per-FOV"}, "tiling_mode": "Auto"}
    job = Job(INIT, arguments(plate, tmp_path / "out", converter_options=options), tmp_path / "jobs")
    assert job.code == 1, job.log
    assert job.log.rstrip().endswith("keep only 'grouping'."), job.log


def test_arguments_of_older_converters_load(plate: SyntheticOperetta, tmp_path: Path) -> None:
    options = {"tiling_mode": "No Tiling", "omezarr_options": {"num_levels": 2, "table_backend": "anndata"}}
    updates = run_all(plate, tmp_path / "out", tmp_path / "jobs", converter_options=options)
    assert [update["zarr_url"][-6:] for update in updates] == ["B/03/0", "B/03/1", "C/05/0", "C/05/1"]


def test_the_number_of_an_acquisition_under_its_older_name(plate: SyntheticOperetta, tmp_path: Path) -> None:
    given = {"path": str(plate.folders[0]), "plate_name": "P", "acquisition_id": 3}
    init = Job(INIT, {"zarr_dir": str(tmp_path / "out"), "acquisitions": [given]}, tmp_path / "jobs")
    assert init.code == 0, init.log
    found = [item["zarr_url"] for item in init.result["parallelization_list"]]
    assert found == [f"{tmp_path}/out/P.zarr/{well}/3" for well in ("B/03", "C/05")]
    both = Job(
        INIT, {"zarr_dir": str(tmp_path / "no"), "acquisitions": [given | {"acquisition": 1}]}, tmp_path / "jobs"
    )
    assert both.code != 0
    assert "'acquisition' is 1 and its older name 'acquisition_id' is 3; keep only 'acquisition'" in both.log


def test_a_missing_plane_is_logged_as_something_to_read(tmp_path: Path) -> None:
    truth = write_operetta(
        tmp_path / "source", wells=("B03",), layout=(1, 1), field_shape=(24, 40), missing=[PlaneKey("B03", 1, 1, 1)]
    )
    job = Job(INIT, arguments(truth, tmp_path / "out"), tmp_path / "jobs")
    assert job.code == 0, job.log
    lines = [line for line in job.log.splitlines() if "WARNING" in line]
    assert len(lines) == 2, job.log
    assert "files are missing" in lines[0] and "r02c03f01p02-ch3sk1fk1fl1.tiff" in lines[0]
    assert "not acquired or has no file; the image is incomplete there" in lines[1]


def test_a_tile_table_goes_through_init_and_compute(tmp_path: Path) -> None:
    import tifffile

    source = tmp_path / "table"
    source.mkdir()
    rows = [
        "file_path,row,column,fov_name,start_x,start_y,start_z,start_c,start_t,length_x,length_y,length_z,length_c,length_t"
    ]
    planes = {}
    for number in range(2):
        planes[number] = (np.arange(20 * 30, dtype="uint16") + 1000 * number).reshape(20, 30)
        tifffile.imwrite(source / f"f{number}.tif", planes[number])
        rows.append(f"f{number}.tif,B,2,FOV_{number},{number * 30},0,0,0,0,30,20,1,1,1")
    (source / "tiles.csv").write_text("\n".join(rows) + "\n")
    (source / "acquisition_details.toml").write_text(
        'xy_pixel_size = 0.5\nz_spacing = 1.0\nt_spacing = 1.0\nchannels = [{ channel_label = "DAPI" }]\n'
        'start_x_space = "pixel"\nstart_y_space = "pixel"\n'
    )
    given = {"zarr_dir": str(tmp_path / "out"), "acquisitions": [{"path": str(source), "plate_name": "Table"}]}
    init = Job(FOLDER / "tile_table" / "convert_init.py", given, tmp_path / "jobs")
    assert init.code == 0, init.log
    (item,) = init.result["parallelization_list"]
    compute = Job(COMPUTE, item, tmp_path / "jobs")
    assert compute.code == 0, compute.log
    assert "warning" not in (init.log + compute.log).lower()
    assert compute.result["image_list_updates"][0]["attributes"]["well"] == "B02"
    pixels = np.asarray(open_array(open_store(item["zarr_url"]), "0")[...]).squeeze()
    assert np.array_equal(pixels, np.concatenate([planes[0], planes[1]], axis=1))


def test_any_supported_plate_is_converted_without_naming_its_instrument(
    tmp_path: Path, plate: SyntheticOperetta
) -> None:
    incell = write_incell(tmp_path / "incell", wells=("D07",), planes=1, layout=(1, 2))
    acquisitions = [
        {"path": str(plate.folders[0]), "plate_name": "One"},
        {"path": str(incell.folders[0]), "plate_name": "Other", "acquisition": 1},
    ]
    init = Job(
        FOLDER / "any_plate" / "convert_init.py",
        {"zarr_dir": str(tmp_path / "out"), "acquisitions": acquisitions},
        tmp_path / "jobs",
    )
    assert init.code == 0, init.log
    found = []
    for item in init.result["parallelization_list"]:
        compute = Job(COMPUTE, item, tmp_path / "jobs")
        assert compute.code == 0, compute.log
        found += [update["attributes"] for update in compute.result["image_list_updates"]]
    assert {(each["plate"], each["well"], each["acquisition"]) for each in found} == {
        ("One.zarr", "B03", 0),
        ("One.zarr", "C05", 0),
        ("Other.zarr", "D07", 1),
    }
    (tmp_path / "empty").mkdir()
    nothing = {"zarr_dir": str(tmp_path / "out"), "acquisitions": [{"path": str(tmp_path / "empty")}]}
    refused = Job(FOLDER / "any_plate" / "convert_init.py", nothing, tmp_path / "jobs")
    assert refused.code != 0 and "No format recognises" in refused.log
