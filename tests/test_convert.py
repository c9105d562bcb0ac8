"""plan, convert, verify and inspect on one computer: the same images whatever runs them, and nothing half."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.convert import convert, inspect, plan, verify
from fractal_omezarr_converters.errors import (
    ConvertersToolsError,
    ConvertersToolsFileNotFoundError,
    ConvertersToolsOutputExistsError,
    ConvertersToolsUserError,
    ConvertersToolsWarning,
)
from fractal_omezarr_converters.fractal import AcquisitionOptions
from fractal_omezarr_converters.ngff import open_plate, write_table
from fractal_omezarr_converters.ngff.stores import open_store
from fractal_omezarr_converters.ngff.zarr_arrays import open_array
from fractal_omezarr_converters.pipelines import WellFilter
from fractal_omezarr_converters.testing.synthetic_operetta import PlaneKey, SyntheticOperetta, write_operetta

PLATE = "Synthetic Plate.zarr"


def small_plate(folder: Path, **settings: object) -> SyntheticOperetta:
    chosen: dict[str, object] = {
        "wells": ("B03", "C05"),
        "layout": (1, 2),
        "field_shape": (24, 40),
        "overlap": 4,
        "planes": 2,
        **settings,
    }
    return write_operetta(folder / "source", **chosen)  # type: ignore[arg-type]


def level(out: Path, image: str) -> np.ndarray:
    return np.asarray(open_array(open_store(out / PLATE / image), "0")[...])


def test_a_plan_reads_no_pixel_and_writes_nothing(tmp_path: Path) -> None:
    truth = small_plate(tmp_path, times=2)
    made = plan(truth.folders[0], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert len(made) == 2 and [image.axes for image in made] == ["tczyx", "tczyx"]
    assert made.plates == {PLATE: {"wells": ["B03", "C05"], "acquisitions": [0], "images": 2}}
    assert made.bytes == 2 * (2 * 2 * 2 * 24 * 80) * 2
    document = json.loads(json.dumps(made.to_json(), allow_nan=False))
    assert document["images"][1]["shape"] == [2, 2, 2, 24, 80]
    text = repr(made)
    assert "2 images" in text and "B/03/0" in text and "t=2 c=2 z=2 y=24 x=80" in text
    assert "<table>" in made._repr_html_()


def test_a_plan_counts_missing_planes(tmp_path: Path) -> None:
    truth = small_plate(tmp_path, missing=[PlaneKey("B03", 1, 1, 1)], absent=[PlaneKey("C05", 2, 0, 0)])
    made = plan(truth.folders[0])
    assert made.missing_planes == 2
    assert "incomplete: 2 planes not acquired or without a file" in repr(made)
    assert any("missing" in text for text in made.warnings)


@pytest.mark.parametrize(
    "how",
    [{"workers": 1}, {"workers": 2}, {"workers": 2, "executor": "threads"}],
    ids=["alone", "processes", "threads"],
)
def test_pixels_are_the_same_whatever_runs_them(tmp_path: Path, how: dict[str, object]) -> None:
    truth = small_plate(tmp_path)
    told: list[tuple[int, int, int]] = []
    done = convert(
        truth.folders[0], tmp_path / "out", progress=lambda *numbers: told.append(numbers), verify=True, **how
    )
    assert done.failures == [] and len(done.updates) == 2
    assert told[-1][:2] == (2, 2) and len(told) == 2
    assert done.verification is not None and done.verification.ok
    pixels = level(tmp_path / "out", "C/05/0")
    for z in range(2):
        for channel in range(2):
            assert np.array_equal(pixels[channel, z, :, :40], truth.pixels(PlaneKey("C05", 1, channel, z)))
            assert np.array_equal(pixels[channel, z, :, 40:], truth.pixels(PlaneKey("C05", 2, channel, z)))


def test_images_run_on_dask(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    truth = small_plate(tmp_path)
    with distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster:
        done = convert(truth.folders[0], tmp_path / "out", scheduler=cluster.scheduler_address)
    assert len(done.updates) == 2 and verify(tmp_path / "out").ok


def test_several_sources_of_one_plate_become_acquisitions(tmp_path: Path) -> None:
    truth = small_plate(tmp_path, acquisitions=2, wells=("B03",))
    made = plan(truth.folders)
    assert [image.path for image in made] == [f"{PLATE}/B/03/0", f"{PLATE}/B/03/1"]
    for first in (3, np.int64(3)):  # as loops over tables give it; it was told not to be a number
        assert plan(truth.folders, acquisition=first).plates[PLATE]["acquisitions"] == [3, 4]


def test_a_first_number_of_acquisitions_is_that_of_every_plate(tmp_path: Path) -> None:
    """The second plate got the number after that of the first plate."""
    truth = small_plate(tmp_path, acquisitions=2, wells=("B03",))
    entries = [{"path": str(folder), "plate_name": name} for name in "PQ" for folder in truth.folders]
    for options, numbers in (({"acquisition": 3}, [3, 4]), ({}, [0, 1])):
        made = plan([], configuration={"acquisitions": entries}, **options)
        assert {name: each["acquisitions"] for name, each in made.plates.items()} == {
            "P.zarr": numbers,
            "Q.zarr": numbers,
        }
    other = small_plate(tmp_path / "other", plate_name="Other", wells=("B03",))
    made = plan([*truth.folders, *other.folders])
    assert "Other.zarr/B/03/0" in [image.path for image in made] and len(made) == 3


def test_only_some_wells(tmp_path: Path) -> None:
    truth = small_plate(tmp_path)
    for wells in (["c5"], "C05", " c5;"):
        assert plan(truth.folders[0], wells=wells).plates[PLATE]["wells"] == ["C05"]
    assert plan(truth.folders[0], wells="B3, c5").plates[PLATE]["wells"] == ["B03", "C05"]
    with pytest.raises(ConvertersToolsUserError, match="H12"):
        plan(truth.folders[0], wells=["H12"])


def test_options_as_models_count_however_they_were_filled(tmp_path: Path) -> None:
    """Filters as objects were refused, and those appended to a list were left out without a word."""
    folder = small_plate(tmp_path).folders[0]
    named = AcquisitionOptions(filters=[WellFilter(wells=["B03"])])
    appended = AcquisitionOptions()
    appended.filters.append(WellFilter(wells=["B03"]))
    for options in (named, appended, named.model_dump(), named.model_dump(mode="json")):
        assert plan(folder, acquisition_options=options).plates[PLATE]["wells"] == ["B03"]
    made = plan(folder, acquisition_options=appended)
    assert plan([], configuration=made.configuration).plates[PLATE]["wells"] == ["B03"]


def test_a_plan_says_how_many_tiles_each_filter_left_out(tmp_path: Path) -> None:
    truth = small_plate(tmp_path)
    filters = [{"name": "Channel Filter", "channel_labels": ["DAPI"]}, {"name": "FOV Name Filter", "regex": "1$"}]
    made = plan(truth.folders[0], wells=["B03"], acquisition_options={"filters": filters})
    assert [(one["name"], one["before"], one["removed"]) for one in made.to_json()["filters"]] == [
        ("Channel Filter", 16, 8),
        ("FOV Name Filter", 8, 4),
        ("Well Filter", 4, 2),
    ]
    assert "Channel Filter left out 8 of 16 tiles" in repr(made)
    assert plan(truth.folders[0]).to_json()["filters"] == []


def test_output_that_exists_is_refused_replaced_or_extended(tmp_path: Path) -> None:
    truth = small_plate(tmp_path)
    out = tmp_path / "out"
    convert(truth.folders[0], out, wells=["B03"], workers=1)
    before = (out / PLATE / "B/03/0").stat().st_ino
    with pytest.raises(ConvertersToolsOutputExistsError):
        convert(truth.folders[0], out, workers=1)
    done = convert(truth.folders[0], out, overwrite="Extend", workers=1)
    assert len(done.updates) == 2 and (out / PLATE / "B/03/0").stat().st_ino == before
    convert(truth.folders[0], out, overwrite="Overwrite", workers=1)
    assert (out / PLATE / "B/03/0").stat().st_ino != before
    assert verify(out).ok


@pytest.mark.parametrize("executor", ["processes", "threads"])
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_overwrite_replaces_the_whole_plate_and_the_plan_says_what_is_lost(
    tmp_path: Path, version: str, executor: str
) -> None:
    truth = small_plate(tmp_path, wells=("B03", "C05", "D07"))
    out, options = tmp_path / "out", {"ngff_version": version, "workers": 2, "executor": executor}
    convert(truth.folders[0], out, **options)
    write_table(open_store(out), f"{PLATE}/C/05/0", "cells", {"area": [1.5]}, version=version)
    (out / PLATE / "C/05/notes.txt").write_text("mine")
    chosen = {"wells": ["B03", "D07"], "overwrite": "Overwrite", "ngff_version": version}
    made = plan(truth.folders[0], out, **chosen)
    loss = {
        "place": PLATE,
        "wells": ["C05"],
        "acquisitions": [],
        "images": ["C/05/0"],
        "labels": {},
        "tables": {"cells": 1},
    }
    assert made.to_json()["losses"] == [loss]
    said = "1 well (C05), 1 image (C/05/0), 1 table (cells)"
    assert said in repr(made) and said in made._repr_html_()
    assert plan(truth.folders[0], out, wells=["B03"]).to_json()["losses"] == []
    with pytest.warns(ConvertersToolsWarning, match=r"will be lost.*1 well \(C05\)") as told:
        done = convert(truth.folders[0], out, **chosen, workers=2, executor=executor)
    assert any("no part of it stay" in str(one.message) and "C/05/notes.txt" in str(one.message) for one in told)
    assert len(done.updates) == 2 and verify(out).ok
    plate = open_plate(out / PLATE)
    assert plate.image_paths() == ["B/03/0", "D/07/0"] and [one["id"] for one in plate.acquisitions] == [0]
    assert [path.name for path in (out / PLATE / "C/05").iterdir()] == ["notes.txt"]
    assert [path.name for path in out.iterdir()] == [PLATE]


def test_an_overwrite_that_would_drop_an_acquisition_is_refused_and_the_plan_says_so(tmp_path: Path) -> None:
    truth = small_plate(tmp_path)
    out = tmp_path / "out"
    convert(truth.folders[0], out, workers=2)
    again = {"acquisition": 1, "overwrite": "Overwrite"}
    made = plan(truth.folders[0], out, **again)
    said = (
        "holds acquisition 0, which this run does not make and Overwrite would remove; choose Extend to keep it beside"
    )
    assert made.to_json()["losses"][0]["acquisitions"] == [0]
    assert said in repr(made) and "will be lost" not in repr(made)
    with pytest.raises(ConvertersToolsOutputExistsError, match=said):
        convert(truth.folders[0], out, **again)
    assert verify(out).ok


def test_an_image_of_another_size_than_the_metadata_state_is_told_with_what_to_do(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, wells=("B03",), planes=1)
    path = next(truth.folders[0].rglob("*.tiff"))
    tifffile.imwrite(path, np.zeros((24, 32), np.uint16))
    with pytest.raises(ConvertersToolsUserError, match=r"holds y=24, x=32, but .* y=48, x=64; copy .* again") as error:
        convert(truth.folders[0], tmp_path / "out", workers=1)
    assert path.name in str(error.value)


@pytest.mark.parametrize("executor", ["processes", "threads"])
def test_one_broken_file_fails_its_image_alone(tmp_path: Path, executor: str) -> None:
    truth = small_plate(tmp_path)
    broken = truth.folders[0] / truth.images_folder / truth.url(PlaneKey("B03", 1, 0, 1))
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2].ljust(len(whole), b"\0"))
    done = convert(
        truth.folders[0],
        tmp_path / "out",
        executor=executor,
        workers=2,
        raise_failures=False,  # type: ignore[arg-type]
    )
    if not done.failures:
        pytest.skip("the reader takes a file with a damaged half for whole")
    assert len(done.failures) == 1 and "B/03/0" in done.failures[0] and len(done.updates) == 1
    assert not (tmp_path / "out" / PLATE / "B/03/0").exists()
    verification = verify(tmp_path / "out")
    assert not verification.ok and "B/03/0" in repr(verification)
    with pytest.raises(ConvertersToolsError, match="B/03/0"):
        convert(truth.folders[0], tmp_path / "out", overwrite="Extend", workers=1)
    broken.write_bytes(whole)
    convert(truth.folders[0], tmp_path / "out", overwrite="Extend", workers=1)
    assert verify(tmp_path / "out").ok


def test_verify_names_the_first_plane_that_differs(tmp_path: Path) -> None:
    import zarr

    truth = small_plate(tmp_path)
    convert(truth.folders[0], tmp_path / "out", workers=1)
    array = zarr.open_array(tmp_path / "out" / PLATE / "C/05/0/0", mode="r+")
    array[1, 0, 5, 47] = array[1, 0, 5, 47] + 1
    verification = verify(tmp_path / "out")
    assert not verification.ok
    (problem,) = [text for image in verification.images for text in image.problems]
    assert "c=1 (Alexa 647) z=0" in problem and "y=5 x=47" in problem and "1 pixels differ" in problem
    assert truth.url(PlaneKey("C05", 2, 1, 0)) in problem
    assert json.loads(json.dumps(verification.to_json()))["ok"] is False


def test_verify_sees_a_lost_chunk_a_changed_source_and_signal_where_nothing_was_acquired(tmp_path: Path) -> None:
    import zarr

    truth = small_plate(tmp_path, missing=[PlaneKey("C05", 1, 1, 1)])
    out = tmp_path / "out"
    convert(truth.folders[0], out, workers=1)
    assert verify(out).ok
    array = zarr.open_array(out / PLATE / "C/05/0/0", mode="r+")
    array[1, 1, 3, 7] = 9
    (problem,) = verify(out / PLATE / "C/05/0").images[0].problems
    assert "no source covers it" in problem
    next(file for file in (out / PLATE / "B/03/0/0").rglob("*") if file.is_file() and file.name != ".zarray").unlink()
    (problem,) = verify(out / PLATE / "B/03/0").images[0].problems
    assert "Level 0 has" in problem
    source = truth.folders[0] / truth.images_folder / truth.url(PlaneKey("C05", 2, 0, 0))
    source.unlink()
    assert source.name in " ".join(verify(out / PLATE / "C/05/0").images[0].problems)


def test_verify_of_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConvertersToolsFileNotFoundError, match="no OME-Zarr image"):
        verify(tmp_path)


def test_inspect_states_what_the_metadata_states(tmp_path: Path) -> None:
    found = inspect(small_plate(tmp_path).folders[0])
    assert found.format == "operetta"
    assert found.facts["wells"] == ["B03", "C05"]
    assert found.facts["acquisitions"][0]["pixel_size_x"] == pytest.approx(0.65)
    assert [channel["label"] for channel in found.facts["acquisitions"][0]["channels"]] == ["DAPI", "Alexa 647"]
    assert "B03, C05" in repr(found)
    json.dumps(found.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"ngff_version": "0.3"}, "0.3"),
        ({"overwrite": "Maybe"}, "Maybe"),
        ({"converter_options": {"groupin": {}}}, "groupin"),
        ({"format": "nonsense"}, "nonsense"),
        ({"configuration": {"converter": {}}}, "converter"),
        ({"format_options": {"flat": True}}, "flat"),
        ({"acquisition": -1}, "-1"),
        ({"acquisition": "first"}, "not first"),
        ({"wells": []}, "No well is named"),
        ({"wells": " , "}, "No well is named"),
        ({"wells": [3]}, "no well is called 3; write for example A01,B02"),
    ],
)
def test_wrong_options_are_one_sentence(tmp_path: Path, arguments: dict[str, object], words: str) -> None:
    truth = small_plate(tmp_path, wells=("B03",), layout=(1, 1))
    with pytest.raises(ConvertersToolsUserError, match=words):
        plan(truth.folders[0], **arguments)


def test_an_output_or_a_source_that_is_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable of a script made a folder called None."""
    truth = small_plate(tmp_path, wells=("B03",), layout=(1, 1))
    monkeypatch.chdir(tmp_path)
    for nothing in (None, "", " "):
        with pytest.raises(ConvertersToolsUserError, match=r"folder to write into .* is empty"):
            convert(truth.folders[0], nothing)  # type: ignore[arg-type]
    with pytest.raises(ConvertersToolsUserError, match="No source is given"):
        plan(None)  # type: ignore[arg-type]
    with pytest.raises(ConvertersToolsUserError, match=r"'fork' is no way to run.*'processes' or 'threads'"):
        convert(truth.folders[0], "out", executor="fork")  # type: ignore[arg-type]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


def test_f50_a_relative_output_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = small_plate(tmp_path, wells=("B03",), layout=(1, 1))
    monkeypatch.chdir(tmp_path)
    done = convert("source/" + truth.folders[0].name, "here", workers=1)
    assert done.updates[0]["zarr_url"] == f"{tmp_path}/here/{PLATE}/B/03/0"


@pytest.mark.parametrize("version", ["0.5", "0.6"])
def test_newer_versions_verify(tmp_path: Path, version: str) -> None:
    truth = small_plate(tmp_path, wells=("B03",))
    options = {"grouping": {"mode": "Per-FOV"}, "omezarr_options": {"shards": {"mode": "Multiple of Chunks"}}}
    options["omezarr_options"]["ngff_version"] = version
    done = convert(truth.folders[0], tmp_path / "out", converter_options=options, workers=1, verify=True)
    assert done.verification is not None and done.verification.ok, done.verification
    assert len(done.updates) == 2


def test_what_models_and_filters_warn_of_is_in_the_plan(tmp_path: Path) -> None:
    source = small_plate(tmp_path, wells=("B03",)).folders[0]
    named = {"channels": [{"channel_label": "Stain"}, {"channel_label": "Stain"}]}
    with pytest.warns(ConvertersToolsWarning, match="'Stain' occurs more than once") as caught:
        made = plan(source, acquisition_options=named)
    said = [text for text in made.warnings if "this channel is named 'Stain_2'" in text]
    assert len(said) == 1 and said == [str(each.message) for each in caught if "Stain" in str(each.message)]


def test_nothing_is_written_into_a_plate_or_an_image(tmp_path: Path) -> None:
    source = small_plate(tmp_path, wells=("B03",)).folders[0]
    out = tmp_path / "out"
    convert(source, out, workers=1)
    before = sorted(out.rglob("*"))
    for place in (out / PLATE, out / PLATE / "B", out / PLATE / "B/03", out / PLATE / "B/03/0", out / PLATE / "new"):
        with pytest.raises(ConvertersToolsUserError, match=r"an OME-Zarr .* give the folder that holds it, such as '"):
            convert(source, place, workers=1)
    assert sorted(out.rglob("*")) == before


def test_extend_says_how_many_images_were_complete_already(tmp_path: Path) -> None:
    source = small_plate(tmp_path).folders[0]
    first = convert(source, tmp_path / "out", workers=1, wells="B03")
    assert first.kept == 0 and first.summary().startswith(f"1 of 1 image written to {tmp_path / 'out'}: ")
    more = convert(source, tmp_path / "out", workers=2, overwrite="Extend")
    assert more.summary().startswith(f"1 of 2 images written to {tmp_path / 'out'}, 1 complete already: ")
    assert more.to_json()["kept"] == 1 and len(more.updates) == 2
    again = {"omezarr_options": {"chunks": {"mode": "Fixed Size", "xy_chunk": 16}}}
    other = convert(source, tmp_path / "out", workers=1, overwrite="Extend", converter_options=again)
    assert other.kept == 0 and other.summary().startswith("2 of 2 images written")
