"""Wrong usage that no parser of arguments sees: exit code 2, one sentence, nothing on stdout, nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest

from fractal_omezarr_converters.cli.app import run
from fractal_omezarr_converters.testing.synthetic_operetta import SyntheticOperetta, write_operetta


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> SyntheticOperetta:
    folder = tmp_path_factory.mktemp("plate")
    return write_operetta(folder, wells=("B03",), layout=(1, 1), field_shape=(24, 40), planes=1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--workers", "0"], "at least 1, not 0"),
        (["--set", "foo=1"], "foo: there is no such option"),
        (["--set", "grouping.mode=Foo"], "'Foo' is not one of"),
        (["--set", "flat_field=nope"], "'flat_field' should be 'off', 'divide' or 'subtract', not 'nope'"),
        (["--set", "omezarr_options.shards.shard_mb=8"], "choose 0.5 or no sharding.\n"),
        (["--set", "overwrite=Maybe"], "'Maybe' is not known"),
        (["--set", ".=3"], "--set needs key=value"),
        (["--set", "acquisitions=3"], "must be a list of tables, each with a path, not 3"),
        (["--set", "acquisitions.0.path=3"], "must be a list of tables"),
        (["--set", "options=3"], "'options' of the configuration must be a table of options, not 3"),
        (["--set", "omezarr_options=3"], "omezarr_options: must be a table of options, not 3"),
        (["--format", "nope"], "No format is called 'nope'"),
        (["--acquisition", "-1"], "from 0 to 99999, not -1"),
        (["--acquisition", "100000"], "from 0 to 99999, not 100000"),
        (["--wells", "bogus"], "'bogus' is neither a well"),
        (["--wells", ","], "No well is named"),
        (["--memory", "lots"], "'lots' is no size of memory"),
        (["--config", "not there.toml"], "There is no configuration file 'not there.toml'"),
    ],
)
def test_convert(
    plate: SyntheticOperetta, tmp_path: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(["convert", str(plate.folders[0]), str(tmp_path / "out"), *arguments])
    shown = capsys.readouterr()
    assert code == 2 and words in shown.err and shown.out == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plan"], "No source is given"),
        (["plan", "nowhere", "--write-config", "options.yaml"], "written as .toml or .json, not as 'options.yaml'"),
        (["inspect", "nowhere", "--format", "nope"], "No format is called 'nope'"),
        (["demo", "--ngff-version", "0.3"], "0.3"),
    ],
)
def test_other_commands(
    tmp_path: Path,
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code = run(arguments)
    shown = capsys.readouterr()
    assert code == 2 and words in shown.err and shown.out == "" and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe", "is no text in UTF-8"),
        (b"converter_options = 3", "'converter_options' of the configuration must be a table of options, not 3"),
        (b"format = 3", "'format' of the configuration must be the name of a format, not 3"),
        (b'[[acquisitions]]\npath = "here"\noptions = 3', "'options' of the acquisition"),
    ],
)
def test_a_configuration_file(tmp_path: Path, content: bytes, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "convert.toml"
    config.write_bytes(content)
    code = run(["plan", "--config", str(config)])
    shown = capsys.readouterr()
    assert code == 2 and words in shown.err and shown.out == ""


def test_a_wrong_environment_variable_is_said_once_and_not_of_an_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = write_operetta(tmp_path, wells=("B03", "C05"), layout=(1, 1), field_shape=(24, 40), planes=1)
    monkeypatch.setenv("OMEZARR_MEMORY_MB", "lots")
    assert run(["plan", str(truth.folders[0])]) == 1
    said = (
        "The environment variable OMEZARR_MEMORY_MB is 'lots'; give a whole number of MB, such as 2000, or remove it."
    )
    assert capsys.readouterr().err == f"error: {said}\n"


def test_a_configuration_that_cannot_be_written_is_one_sentence(
    plate: SyntheticOperetta, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(["plan", str(plate.folders[0]), "--write-config", str(tmp_path / "not there" / "convert.toml")])
    shown = capsys.readouterr()
    assert code == 1 and "cannot be written (No such file or directory); choose another place" in shown.err


def test_a_plate_name_that_is_too_long_is_not_laid_at_the_door_of_the_metadata(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_operetta(tmp_path / "source", wells=("B03",), layout=(1, 1), planes=1).folders[0]
    code = run(["plan", str(source), "--plate", "é" * 120])
    out, err = capsys.readouterr()
    assert code == 2 and out == "" and "Index" not in err
    assert err.endswith("has 240 bytes, and a folder's name here may have 200; give a shorter one.\n")
