"""Formats are found: built in, and from other installed distributions."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.formats.contract import Format
from fractal_omezarr_converters.testing import write_operetta

ACME = '''
"""Acme microscope: a list of files, one per well."""

from pathlib import Path

from fractal_omezarr_converters.core.tile_table_builder import TileTableBuilder
from fractal_omezarr_converters.formats.contract import Format, FormatOptions, PlaneStates, Scan
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.models.plate_facts import PlateFacts


class AcmeOptions(FormatOptions):
    pixel_size: float = 0.5
    """Size of a pixel in µm."""


class Acme(Format):
    name = "acme"
    title = "Acme microscope"
    maker = "Acme"
    markers = ("acme.txt",)
    options = AcmeOptions

    def scan(self, source, *, options=None, plate_name=None, acquisition=0):
        options = self.checked_options(options)
        marker = Path(source, "acme.txt").absolute()
        if not marker.is_file():
            raise FileNotFoundError(source)
        plate = plate_name or "acme"
        details = AcquisitionDetails(xy_pixel_size=options.pixel_size, axes=["y", "x"])
        builder = TileTableBuilder()
        states = PlaneStates()
        for line in marker.read_text().split():
            well = ImageInPlate(plate_name=plate, row=line[0], column=int(line[1:]), acquisition=acquisition)
            builder.add(fov="1", collection=well, acquisition=details, start=(0, 0, 0, 0, 0), length=(1, 1, 1, 5, 7),
                        file=str(marker.with_name(line + ".npy")))
            states.count("present", line)
        return Scan(builder.build(), PlateFacts(name=plate), states, metadata_files=[str(marker)])
'''


def _run(folder: Path, code: str) -> str:
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env={"PYTHONPATH": str(folder)}, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def other_distribution(tmp_path: Path) -> Path:
    """A folder on sys.path with a distribution that registers three formats: a good one, a broken one, a taken name."""
    (tmp_path / "acme_omezarr.py").write_text(ACME)
    (tmp_path / "acme_broken.py").write_text("import no_such_library_at_all\n")
    (tmp_path / "acme_taken.py").write_text(
        "from acme_omezarr import Acme\n\n\nclass Taken(Acme):\n    name = 'operetta'\n"
    )
    facts = tmp_path / "acme_omezarr-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-omezarr\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(
        "[fractal_omezarr_converters.formats]\n"
        "acme = acme_omezarr:Acme\nbroken = acme_broken:Nothing\ntaken = acme_taken:Taken\n"
    )
    return tmp_path


def test_a_format_of_another_distribution_is_found_and_read(other_distribution: Path) -> None:
    (other_distribution / "data").mkdir()
    (other_distribution / "data" / "acme.txt").write_text("A01 B02")
    found = _run(
        other_distribution,
        """
        import warnings
        import numpy as np
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            from fractal_omezarr_converters.formats import registry
            known = registry.formats()
        assert type(known["operetta"]).__module__ == "fractal_omezarr_converters.formats.operetta"
        text = " ".join(str(each.message) for each in said)
        assert "'broken' of distribution 'acme-omezarr' cannot be imported" in text, text
        assert "'operetta' of distribution 'acme-omezarr' is left out" in text, text
        for well in ("A01", "B02"):
            np.save(f"data/{well}.npy", np.zeros((5, 7), np.uint8))
        acme = registry.detect("data")
        scan = acme.scan("data", options={"pixel_size": 2})
        print(acme.name, len(scan.tiles), scan.tiles.tile(1).collection.well, scan.tiles.acquisitions[0].xy_pixel_size)
        """,
    )
    assert found.split() == ["acme", "2", "B02", "2.0"]


def test_built_in_formats_describe_themselves() -> None:
    known = registry.formats()
    assert "operetta" in known
    for name, each in known.items():
        assert isinstance(each, Format) and each.name == name and registry.get(name) is each


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConvertersToolsUserError, match=r"'nikon'.*operetta"):
        registry.get("nikon")


def test_detection(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path / "plate", wells=("B03",), layout=(1, 1), planes=1)
    assert registry.detect(truth.folders[0]).name == "operetta"
    assert registry.detect(str(truth.folders[0] / "Images")).name == "operetta"
    with pytest.raises(ConvertersToolsFileNotFoundError, match="nowhere"):
        registry.detect(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConvertersToolsUserError, match=r"Images/Index\.idx\.xml"):
        registry.detect(tmp_path / "empty")


def test_a_folder_is_listed_once_for_all_markers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 100,000 planes, listing it for every marker of every format took longer than reading the metadata."""
    truth = write_operetta(tmp_path, images_folder=".")
    listed: list[str] = []

    def counting(folder: str | Path) -> object:
        listed.append(str(folder))
        return scandir(folder)

    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", counting)
    assert registry.detect(truth.folders[0]).name == "operetta"
    # once for the markers, once for names with GUIDs (MetaXpress), once for names that follow a pattern
    assert listed.count(str(truth.folders[0])) == 3


@pytest.mark.parametrize("name", ["my tiles.csv", "Table.TSV", "tiles of plate 3.parquet"])
def test_a_table_of_another_name_is_told_how_it_is_read(tmp_path: Path, name: str) -> None:
    table = tmp_path / name
    table.write_text("file_path,well\n")
    with pytest.raises(ConvertersToolsUserError, match=r"is not called tiles.csv or .*--format tile_table"):
        registry.detect(table)


@pytest.mark.parametrize("document", [".zgroup", "zarr.json"])
def test_a_plate_that_is_ome_zarr_already_is_named(tmp_path: Path, document: str) -> None:
    (tmp_path / document).write_text("{}")
    with pytest.raises(ConvertersToolsUserError, match=r"is OME-Zarr already .*; open it as it is"):
        registry.detect(tmp_path)


def test_an_export_of_columbus_with_a_folder_for_each_time_point_is_named(tmp_path: Path) -> None:
    """It has an index in each of the folders, so that they can be read one by one."""
    (tmp_path / "MeasurementIndex.ColumbusIDX.xml").write_text("<ColumbusMeasurementIndex/>")
    for time in "12":
        (tmp_path / time).mkdir()
        (tmp_path / time / "ImageIndex.ColumbusIDX.xml").write_text("<EvaluationInputData/>")
        (tmp_path / time / "001001000.flex").touch()
        assert registry.detect(tmp_path / time).name == "operetta"
    with pytest.raises(
        ConvertersToolsUserError, match=r"holds 2 measurements: 1, 2; give each of them as an acquisition"
    ):
        registry.detect(tmp_path).scan(str(tmp_path))


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("MeasurementResult.xml", "CellVoyager CV1000"),
        ("R1/C3.im", "InCell 1000"),
        ("001001000.flex", "Opera with .flex files"),
        ("AS_A01f00d0.C01", "ArrayScan with .C01 files"),
        ("plate.ome.zarr/zarr.json", "OME-Zarr already"),
    ],
)
def test_plates_that_are_known_and_not_read(tmp_path: Path, file: str, said: str) -> None:
    source = tmp_path / "plate"
    (source / file).parent.mkdir(parents=True)
    (source / file).write_bytes(b"")
    with pytest.raises(ConvertersToolsUserError, match=rf"plate' is .*{re.escape(said)}.*; \w+"):
        registry.detect(source)


def test_importing_all_formats_imports_nothing_heavy() -> None:
    found = _run(
        Path.cwd(),
        """
        import sys
        from fractal_omezarr_converters.formats import registry
        registry.formats()
        heavy = {"zarr", "ngio", "pandas", "dask", "anndata", "pyarrow", "fsspec", "tifffile", "imagecodecs", "polars"}
        print(sorted(heavy & set(sys.modules)))
        """,
    )
    assert found.strip() == "[]"
