"""A format in a distribution of its own, installed beside the package: found, planned, converted and verified as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
import zarr

Run = Callable[..., Any]

MODULE = '''
"""Raw files of a made-up microscope: plate.acme names wells, fields and files."""

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fractal_omezarr_converters.core.tile_table_builder import TileTableBuilder
from fractal_omezarr_converters.formats.contract import Format, FormatOptions, PlaneStates, Scan
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails, ChannelInfo
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.models.loaders import ImageLoaderInterface, SourceFile
from fractal_omezarr_converters.models.plate_facts import PlateFacts


class AcmeLoader(ImageLoaderInterface):
    """One raw file; the offset of the camera is taken off if wanted."""

    file_path: str
    height: int
    width: int
    offset: int = 0

    def load_data(self, resource: Any = None) -> np.ndarray:
        pixels = np.fromfile(self.file_path, dtype="<u2").reshape(self.height, self.width)
        return np.where(pixels > self.offset, pixels - self.offset, 0).astype(np.uint16)

    def shape_and_dtype(self, resource: Any = None) -> tuple[tuple[int, ...], str]:
        return (self.height, self.width), "uint16"

    def data_axes(self, resource: Any = None) -> str:
        return "yx"

    def sources(self, resource: Any = None) -> list[SourceFile]:
        return [SourceFile.of(self.file_path)]

    def describe_source(self, resource: Any = None) -> str:
        return self.file_path


class AcmeOptions(FormatOptions):
    """Options of the made-up microscope."""

    camera_offset: Literal["keep", "subtract"] = "keep"
    """What to do with the number that the camera adds to every pixel."""


class Acme(Format):
    """A made-up microscope."""

    name = "acme"
    title = "Acme Scope 3000"
    maker = "Acme"
    markers = ("plate.acme",)
    options = AcmeOptions

    def scan(self, source, *, options=None, plate_name=None, acquisition=0):
        chosen = self.checked_options(options)
        facts = json.loads((Path(source) / "plate.acme").read_text())
        offset = facts["offset"] if chosen.camera_offset == "subtract" else 0
        details = AcquisitionDetails(
            xy_pixel_size=facts["pixel_um"], channels=[ChannelInfo(channel_label="GFP")], axes=["c", "z", "y", "x"]
        )
        builder, states = TileTableBuilder(), PlaneStates()
        for one in facts["fields"]:
            states.count("present", one["file"])
            builder.add(
                fov=one["name"],
                collection=ImageInPlate(
                    plate_name=plate_name or facts["plate"], row=one["row"], column=one["column"], acquisition=acquisition
                ),
                acquisition=details,
                start=(0, 0, 0, one["y_um"], one["x_um"]),
                length=(1, 1, 1, facts["height"], facts["width"]),
                loader=AcmeLoader(
                    file_path=str(Path(source) / one["file"]),
                    height=facts["height"],
                    width=facts["width"],
                    offset=offset,
                ),
            )
        return Scan(builder.build(), PlateFacts(name=facts["plate"]), states, [], [str(Path(source) / "plate.acme")])
'''

PROJECT = """
    [build-system]
    requires = ["hatchling"]
    build-backend = "hatchling.build"

    [project]
    name = "acme-omezarr"
    version = "1.0"

    [project.entry-points."fractal_omezarr_converters.formats"]
    acme = "acme_omezarr:Acme"
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The distribution as an installer leaves it: the module, and beside it what it registers."""
    folder = tmp_path_factory.mktemp("installed")
    (folder / "acme_omezarr.py").write_text(MODULE)
    facts = folder / "acme_omezarr-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-omezarr\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[fractal_omezarr_converters.formats]\nacme = acme_omezarr:Acme\n")
    return folder


@pytest.fixture
def scope(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """A folder of the made-up microscope: two wells, two fields side by side, and their pixels."""
    source = tmp_path / "scope"
    source.mkdir()
    pixels = np.random.default_rng(3).integers(100, 4000, (4, 30, 40)).astype("<u2")
    fields = []
    for number, field in enumerate(pixels):
        well, place = divmod(number, 2)
        field.tofile(source / f"{number}.raw")
        where = {"row": "AB"[well], "column": 2, "name": f"F{place}", "x_um": 20.0 * place, "y_um": 0}
        fields.append({"file": f"{number}.raw", **where})
    facts = {"plate": "Acme Plate", "pixel_um": 0.5, "height": 30, "width": 40, "offset": 100, "fields": fields}
    (source / "plate.acme").write_text(json.dumps(facts))
    return source, pixels


def test_it_is_listed_with_its_options(installed: Path, omezarr: Run) -> None:
    ran = omezarr("formats", PYTHONPATH=str(installed))
    assert ran.returncode == 0 and ran.stderr == ""
    assert "acme: Acme Scope 3000, from Acme" in ran.stdout and "plate.acme" in ran.stdout
    assert "--set camera_offset=keep|subtract (default keep)" in ran.stdout
    assert "acme" not in omezarr("formats").stdout


def test_it_is_detected_planned_converted_and_verified(
    installed: Path, scope: tuple[Path, np.ndarray], tmp_path: Path, omezarr: Run
) -> None:
    source, pixels = scope
    beside = {"PYTHONPATH": str(installed)}
    planned = omezarr("plan", source, "--json", **beside)
    assert planned.returncode == 0, planned.stderr
    document = json.loads(planned.stdout)
    assert document["formats"] == ["acme"]
    assert [image["shape"] for image in document["images"]] == [[1, 1, 30, 80]] * 2
    out = tmp_path / "out"
    # Two workers: the format must be known in processes of its own, too.
    ran = omezarr("convert", source, out, "--workers", 2, "--set", "camera_offset=subtract", **beside)
    assert ran.returncode == 0, ran.stderr
    for well, row in enumerate("AB"):
        array = zarr.open_array(out / "Acme Plate.zarr" / row / "02" / "0" / "0", mode="r")
        np.testing.assert_array_equal(array[0, 0], np.hstack(list(pixels[2 * well : 2 * well + 2])) - 100)
    checked = omezarr("verify", out, **beside)
    assert checked.returncode == 0 and "2 of 2 images agree" in checked.stdout
    alone = omezarr("verify", out)
    assert alone.returncode == 1 and "acme_omezarr" in alone.stdout and "Traceback" not in alone.stderr


def test_a_wrong_option_of_it_is_named(installed: Path, scope: tuple[Path, np.ndarray], omezarr: Run) -> None:
    ran = omezarr("plan", scope[0], "--set", "options.camera_offset=add", PYTHONPATH=str(installed))
    assert ran.returncode == 2
    assert "'camera_offset' should be 'keep' or 'subtract', not 'add'" in ran.stderr


def test_a_distribution_that_pip_installs_is_found(tmp_path: Path, omezarr: Run) -> None:
    """The same with the installer itself, without a network; skipped where the build backend is not there."""
    pytest.importorskip("hatchling")
    pytest.importorskip("pip")
    project = tmp_path / "project"
    project.mkdir()
    (project / "acme_omezarr.py").write_text(MODULE)
    (project / "pyproject.toml").write_text(dedent(PROJECT) + '[tool.hatch.build]\ninclude = ["acme_omezarr.py"]\n')
    place = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    ran = subprocess.run(
        [*command, "--disable-pip-version-check", "--target", str(place), str(project)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    assert "acme: Acme Scope 3000" in omezarr("formats", PYTHONPATH=str(place)).stdout
