"""Output that cannot be written when a plate is set up: one sentence with the way out, and nothing left in the way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fractal_omezarr_converters.convert import convert, verify
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.testing.synthetic_operetta import SyntheticOperetta, write_operetta

PLATE = "Synthetic Plate.zarr"


@pytest.fixture
def plate(tmp_path: Path) -> SyntheticOperetta:
    return write_operetta(tmp_path / "source", wells=("B03",), layout=(1, 1), field_shape=(24, 40), planes=1)


@pytest.mark.parametrize("overwrite", ["No Overwrite", "Overwrite", "Extend"])
@pytest.mark.parametrize("place", [PLATE, f"{PLATE}/B", f"{PLATE}/B/03"])
def test_a_file_or_a_lost_link_where_a_folder_belongs(
    plate: SyntheticOperetta, tmp_path: Path, place: str, overwrite: str
) -> None:
    taken = tmp_path / "out" / place
    taken.parent.mkdir(parents=True)
    taken.write_text("notes of somebody")
    with pytest.raises(ConvertersToolsUserError, match=rf"'{taken}' is no folder; move or remove it"):
        convert(plate.folders[0], tmp_path / "out", overwrite=overwrite, workers=1)
    assert taken.read_text() == "notes of somebody"
    taken.unlink()
    taken.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConvertersToolsUserError, match=rf"'{taken}' is a link that leads nowhere; move or remove it"):
        convert(plate.folders[0], tmp_path / "out", overwrite=overwrite, workers=1)


@pytest.mark.parametrize("below", ["", "/sub"])
def test_output_into_a_file(plate: SyntheticOperetta, tmp_path: Path, below: str) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConvertersToolsUserError, match=rf"'{tmp_path / 'taken'}' is no folder\); choose another one"):
        convert(plate.folders[0], f"{tmp_path / 'taken'}{below}", workers=1)


def test_a_disk_that_takes_no_bytes_leaves_no_lock(plate: SyntheticOperetta, tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = [sys.executable, "-m", "fractal_omezarr_converters.cli", "convert", str(plate.folders[0]), str(out)]
    limited = ["sh", "-c", 'ulimit -f 0 && exec "$@"', "sh", *program]
    shown = subprocess.run(limited, capture_output=True, text=True, check=False, timeout=120)
    assert shown.returncode == 1 and shown.stdout == ""
    assert shown.stderr.startswith(f"error: The output in {out} could not be written: File too large; raise the limit")
    assert shown.stderr.count("\n") == 1 and not list(out.iterdir())
    convert(plate.folders[0], out, workers=1)
    assert verify(out).ok


def test_output_under_a_path_of_another_computer(
    plate: SyntheticOperetta, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for place in ("D:\\zarr", "\\\\server\\share\\zarr"):
        with pytest.raises(ConvertersToolsUserError, match="is a path of a Windows computer"):
            convert(plate.folders[0], place, workers=1)
    assert not list(Path().iterdir())
