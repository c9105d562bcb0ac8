"""The command line: data to stdout, everything else to stderr, exit codes 0, 1, 2, 3 and 130."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from fractal_omezarr_converters.testing.synthetic_operetta import PlaneKey, SyntheticOperetta, write_operetta

PLATE = "Synthetic Plate.zarr"


def omezarr(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fractal_omezarr_converters.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, timeout=120)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Run a command in this process."""
    from fractal_omezarr_converters.cli.app import run as run_command

    code = run_command([str(each) for each in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def plate(tmp_path: Path) -> SyntheticOperetta:
    return write_operetta(tmp_path / "source", layout=(1, 2), field_shape=(24, 40), planes=1, overlap=4)


def test_help_is_quick_and_names_every_command() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    shown = omezarr("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert shown.returncode == 0 and shown.stderr == ""
    for command in ("convert", "plan", "inspect", "formats", "verify", "demo"):
        assert command in shown.stdout
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < 1.0  # 0.25 s on an idle computer; the limit leaves room for a busy one


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys\nfrom fractal_omezarr_converters.cli.app import run\nrun(['--help'])\n"
        "heavy = {'numpy', 'pydantic', 'zarr', 'dask', 'pandas', 'tifffile'} & set(sys.modules)\nassert not heavy, heavy"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("command", ["convert", "plan", "inspect", "formats", "verify", "demo"])
def test_help_of_a_command_shows_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, command, "--help")
    assert code == 0 and err == ""
    assert "Example" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["convert"],
        ["convert", "only-one"],
        ["convert", "a", "b", "--no-such"],
        ["inspect"],
        ["convert", "a", "b", "--overwrite", "--extend"],
        ["convert", "a", "b", "--set", "novalue"],
        ["convert", "a", "b", "--ngff-version", "0.3"],
        ["convert", "a", "b", "--workers", "many"],
    ],
)
def test_wrong_usage_is_2_and_writes_nothing_to_stdout(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, *arguments)
    assert code == 2 and out == "" and err


def test_plan_shows_what_convert_would_do(plate: SyntheticOperetta, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "plan", plate.folders[0])
    assert code == 0 and err == ""
    assert "2 images" in out and "B/03/0" in out
    code, out, _ = run(capsys, "plan", plate.folders[0], "--json")
    document = json.loads(out)
    assert (
        code == 0
        and len(document["images"]) == 2
        and document["plates"] == {PLATE: {"wells": ["B03", "C05"], "acquisitions": [0], "images": 2}}
    )


def test_plan_takes_the_same_folder_of_output_as_convert(
    plate: SyntheticOperetta, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "notes.txt").touch()
    code, out, err = run(capsys, "plan", plate.folders[0], tmp_path / "results")
    assert code == 0 and f"into {tmp_path / 'results'} (No Overwrite)" in out and err == ""
    code, out, err = run(capsys, "plan", plate.folders[0], plate.folders[0])
    assert code == 0 and "acquisitions 0, 1" in out and "(No Overwrite)" not in out
    (tmp_path / "notes.txt").touch()
    code, out, err = run(capsys, "plan", plate.folders[0], tmp_path / "notes.txt")
    assert code == 1 and "notes.txt' is not called tiles.csv" in err


def test_dry_run_is_the_plan_and_writes_nothing(
    plate: SyntheticOperetta, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "convert", plate.folders[0], tmp_path / "out", "--dry-run", "--wells", "c5")
    assert code == 0 and "1 image " in out and not (tmp_path / "out").exists()


def test_overwrite_says_what_is_lost_before_and_while_it_is_done(
    plate: SyntheticOperetta, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run(capsys, "convert", plate.folders[0], out, "--workers", 1)
    again = ("convert", plate.folders[0], out, "--workers", 1, "--wells", "B03", "--overwrite")
    code, shown, _ = run(capsys, *again, "--dry-run")
    assert code == 0 and "will be lost" in shown and "1 well (C05), 1 image (C/05/0)" in shown
    assert (out / PLATE / "C/05/0").is_dir()
    code, _, err = run(capsys, *again)
    assert code == 0 and "1 well (C05), 1 image (C/05/0)" in err and not (out / PLATE / "C").exists()


def test_convert_verify_and_refuse(
    plate: SyntheticOperetta, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code, shown, err = run(
        capsys, "convert", plate.folders[0], out, "--workers", 1, "--ngff-version", "0.5", "--verify"
    )
    assert code == 0 and "2 of 2 images" in shown and "verified" in shown
    assert (out / PLATE / "zarr.json").exists()
    assert len([line for line in err.splitlines() if "images" in line]) <= 10
    code, shown, err = run(capsys, "convert", plate.folders[0], out, "--workers", 1)
    assert code == 1 and shown == "" and "Extend" in err and "Traceback" not in err
    code, shown, err = run(
        capsys, "convert", plate.folders[0], out, "--workers", 1, "--ngff-version", "0.5", "--extend", "--json", "-q"
    )
    assert code == 0 and err == "" and len(json.loads(shown)["images"]) == 2
    code, shown, _ = run(capsys, "verify", out / PLATE, "--json")
    assert code == 0 and json.loads(shown)["ok"] is True
    code, shown, err = run(capsys, "verify", tmp_path / "nothing")
    assert code == 1 and "no OME-Zarr image" in err


@pytest.mark.parametrize("wells", ["B03,C05", "B03"])
def test_failed_images_are_listed_once_and_3_when_others_are_finished(
    plate: SyntheticOperetta, tmp_path: Path, wells: str, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = plate.folders[0] / plate.images_folder / plate.url(PlaneKey("B03", 1, 0, 0))
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2].ljust(len(whole), b"\xff"))
    others = wells.count(",")
    convert = ("convert", plate.folders[0], tmp_path / "out", "--workers", 1, "--wells", wells)
    code, out, err = run(capsys, *convert)
    assert code == (3 if others else 1) and out.startswith(f"{others} of {others + 1} image")
    assert err.count(f"failed: {tmp_path / 'out' / PLATE / 'B/03/0'}: File '{broken}'") == 1
    assert "failed:" not in out and "Error" not in err and (others or ": 0 B of pixels in" in out)
    code, out, err = run(capsys, *convert, "--extend", "--json", "--verify")
    document = json.loads(out)
    assert code == (3 if others else 1) and len(document["images"]) == others
    assert [broken.name in text for text in document["failures"]] == [True]
    assert (tmp_path / "out" / PLATE / "C/05/0").exists() == bool(others)


def test_options_from_a_file_and_by_name(
    plate: SyntheticOperetta, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "convert.toml"
    code, _, _ = run(
        capsys,
        "plan",
        plate.folders[0],
        "--set",
        "grouping.mode=Per-FOV",
        "--set",
        "omezarr_options.levels.num_levels=2",
        "--set",
        "options.field_positions=nominal",
        "--wells",
        "B03",
        "--ngff-version",
        "0.6",
        "--write-config",
        config,
    )
    assert code == 0
    written = tomllib.loads(config.read_text())
    assert written["acquisitions"][0]["path"] == str(plate.folders[0])
    for arguments in (["plan", "--config", config], ["plan", plate.folders[0], "--config", config]):
        code, out, err = run(capsys, *arguments, "--json")
        assert code == 0, err
        document = json.loads(out)
        assert document["ngff_version"] == "0.6"
        assert [image["path"] for image in document["images"]] == [f"{PLATE}/B/03/0", f"{PLATE}/B/03/1"]
    code, out, err = run(capsys, "convert", "--config", config, tmp_path / "out", "--workers", 1)
    assert code == 0, err
    assert (tmp_path / "out" / PLATE / "B/03/1/zarr.json").exists()


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_configuration_in_other_notations(
    plate: SyntheticOperetta, tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if suffix == "yaml":
        pytest.importorskip("yaml")
    config = tmp_path / f"convert.{suffix}"
    config.write_text(json.dumps({"acquisitions": [{"path": str(plate.folders[0])}], "overwrite": "Extend"}))
    code, out, err = run(capsys, "plan", "--config", config, "--json")
    assert code == 0, err
    assert json.loads(out)["overwrite"] == "Extend"


@pytest.mark.parametrize(
    ("text", "words"),
    [("[", "cannot be read"), ("nonsense = 1", "nonsense"), ('acquisitions = [{paths = "x"}]', "path")],
)
def test_a_wrong_configuration_is_explained(
    tmp_path: Path, text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "convert.toml"
    config.write_text(text)
    code, out, err = run(capsys, "plan", "--config", config)
    assert code == 2 and out == "" and words in err


def test_a_choice_inside_a_choice_needs_no_outer_mode(
    plate: SyntheticOperetta, capsys: pytest.CaptureFixture[str]
) -> None:
    inplace = "grouping.tiling_strategy.mode=Inplace"
    code, out, err = run(capsys, "plan", plate.folders[0], "--json", "--set", inplace)
    assert code == 0, err
    assert json.loads(out)["images"][0]["shape"][-1] == 2 * 40 - 4


def test_set_of_something_unknown_is_explained(plate: SyntheticOperetta, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "plan", plate.folders[0], "--set", "omezarr_options.levls=3")
    assert code == 2 and "levls" in err


def test_formats_and_inspect(plate: SyntheticOperetta, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "formats")
    assert code == 0 and "operetta" in out
    code, out, _ = run(capsys, "formats", "--json")
    assert code == 0 and "operetta" in {row["name"] for row in json.loads(out)}
    code, out, _ = run(capsys, "inspect", plate.folders[0], "--json")
    assert code == 0 and json.loads(out)["wells"] == ["B03", "C05"]
    code, out, _ = run(capsys, "inspect", plate.folders[0])
    assert code == 0 and "Alexa 647" in out


def test_a_folder_that_no_format_knows_lists_what_was_looked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "plan", tmp_path)
    assert code == 1 and out == "" and "operetta" in err and str(tmp_path) in err


def test_a_demo_that_cannot_be_written_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    code, out, err = run(capsys, "demo", tmp_path / "file", "-q")
    assert code == 1 and out == ""
    assert err.startswith(
        f"error: The folder {tmp_path / 'file'} cannot be written to (Not a directory); name another one"
    )


def test_the_demo_converts_and_verifies(tmp_path: Path) -> None:
    shown = omezarr("demo", tmp_path / "demo", "--json")
    assert shown.returncode == 0, shown.stderr
    document: dict[str, Any] = json.loads(shown.stdout)
    assert document["ok"] is True and document["planes_that_differ"] == []
    assert document["verification"]["ok"] is True and len(document["images"]) == 4
    assert Path(document["plates"][0]).is_dir()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX systems")
def test_what_writes_no_images_is_interrupted_without_advice(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fractal_omezarr_converters.cli", "demo", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    first = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert first.startswith("writing") and err.splitlines()[-1] == "interrupted"


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX systems")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_is_130_and_leaves_nothing_half(tmp_path: Path, number: signal.Signals) -> None:
    truth = write_operetta(
        tmp_path / "source", wells=("B03", "C05", "D02"), layout=(1, 2), field_shape=(400, 500), planes=3
    )
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "fractal_omezarr_converters.cli",
        "convert",
        str(truth.folders[0]),
        str(out),
        "--workers",
        "2",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(out.glob("*/B/03/.0.writing-*")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    if process.returncode == 0:
        pytest.skip("the conversion was faster than the signal")
    assert process.returncode == 130, err
    assert "interrupted" in err and "run the same command again" in err and "Traceback" not in err
    again = omezarr("convert", truth.folders[0], out, "--verify")
    assert again.returncode == 0, again.stderr


def test_corrections_of_an_acquisition_are_set_by_their_own_names(
    plate: SyntheticOperetta, capsys: pytest.CaptureFixture[str]
) -> None:
    """As options of a format are; they were no options without ``advanced.`` before them."""
    plans = []
    for name in ("advanced.pixel_info.xy_pixel_size", "pixel_info.xy_pixel_size"):
        code, out, err = run(capsys, "plan", plate.folders[0], "--json", "--set", f"{name}=0.123")
        assert code == 0, err
        plans.append(out)
    assert plans[0] == plans[1] and "0.123" in plans[0]
