"""Folders of instruments in an object store: what a scan and a conversion give is what they give of the folder on a disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fsspec
import pytest
from made_vendors import VENDORS, Vendor
from object_store import BUCKET, FaultyS3

from fractal_omezarr_converters.convert import plan
from fractal_omezarr_converters.testing.round_trip import convert_and_compare

Place = tuple[FaultyS3, str]

every_vendor = pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)


def uploaded(folder: Path, url: str) -> str:
    """Put all files of a folder below an address."""
    files = fsspec.filesystem("s3")
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            files.pipe_file(f"{url}/{path.relative_to(folder.parent).as_posix()}", path.read_bytes())
    return f"{url}/{folder.name}"


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Whatever happens: what was laid out of a store is gone afterwards."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    yield scratch
    assert not list(scratch.glob("omezarr-*"))


@every_vendor
def test_a_plate_in_a_store_is_converted_as_from_a_disk(vendor: Vendor, tmp_path: Path, s3: Place) -> None:
    _, url = s3
    truth = vendor.made(tmp_path / "in")
    source = uploaded(truth.folders[0], f"{url}/in")
    convert_and_compare(
        truth, tmp_path / "out", format_name=vendor.format, sources=[source], format_options=vendor.options
    )
