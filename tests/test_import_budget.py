"""What must not be loaded, so that one process per image starts fast: lists of modules, never a timer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.fractal.acquisition_inputs import AcquisitionInput
from fractal_omezarr_converters.fractal.init import init_acquisitions
from fractal_omezarr_converters.models.options import ConverterOptions
from fractal_omezarr_converters.tasks import convert_compute

OPTIONAL = {
    "ngio",
    "pandas",
    "polars",
    "anndata",
    "dask",
    "distributed",
    "s3fs",
    "fsspec",
    "pyarrow",
    "scipy",
    "ome_types",
}

CASES = {
    "the package": ("import fractal_omezarr_converters", OPTIONAL | {"zarr", "numpy", "pydantic", "tifffile"}),
    "one name of models": (
        "from fractal_omezarr_converters.models import AcquisitionDetails",
        OPTIONAL | {"zarr", "tifffile", "imagecodecs", "PIL", "numcodecs"},
    ),
    "core": (
        "from fractal_omezarr_converters.core import Tile, TiledImage",
        OPTIONAL | {"zarr", "tifffile", "imagecodecs"},
    ),
    "the formats": (
        "from fractal_omezarr_converters.formats.registry import formats; formats()",
        OPTIONAL | {"zarr", "tifffile", "imagecodecs", "rich", "cyclopts"},
    ),
    "the compute task": (
        "import fractal_omezarr_converters.tasks.convert_compute",
        OPTIONAL | {"zarr", "rich", "cyclopts", "PIL"},
    ),
    "the command line": (
        "import fractal_omezarr_converters.cli as c",
        OPTIONAL | {"zarr", "tifffile", "imagecodecs", "numcodecs", "PIL"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_import_leaves_heavy_libraries_out(case: str) -> None:
    statement, forbidden = CASES[case]
    code = f"{statement}\nimport sys\nprint(' '.join(sorted(set(m.partition('.')[0] for m in sys.modules))))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert forbidden & set(ran.stdout.split()) == set()


#: All that one compute job of a TIFF file may load besides the standard library.
FOR_A_TIFF_JOB = {
    "annotated_types",
    "cython_runtime",
    "fractal_omezarr_converters",
    "fractal_task_tools",
    "imagecodecs",
    "numpy",
    "pydantic",
    "pydantic_core",
    "tifffile",
    "typing_extensions",
    "typing_inspection",
}
#: Parts of allowed packages and of the standard library that such a job has no use for.
NOT_FOR_A_TIFF_JOB = {
    "fractal_omezarr_converters.convert",
    "fractal_omezarr_converters.core.aggregation",
    "fractal_omezarr_converters.core.frames",
    "fractal_omezarr_converters.core.tile",
    "fractal_omezarr_converters.formats",
    "fractal_omezarr_converters.fractal.init",
    "fractal_omezarr_converters.fractal.requests",
    "fractal_omezarr_converters.ngff.reader",
    "fractal_omezarr_converters.pipelines.acquisitions",
    "fractal_omezarr_converters.pipelines.condition_tables",
    "fractal_omezarr_converters.pipelines.conditions",
    "fractal_omezarr_converters.pipelines.filters",
    "fractal_omezarr_converters.pipelines.validators",
    "email.message",
    "imagecodecs._png",
    "imagecodecs._zstd",
    "importlib.resources",
    "numpy.ma",
    "numpy.random",
    "socket",
    "tempfile",
    "xml.etree.ElementTree",
    "zipfile",
}


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_compute_job_loads_what_it_needs(tmp_path: Path, version: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.full((64, 64), 7, np.uint16))
    (tmp_path / "tiles.csv").write_text("file_path,row,column,fov_name,start_x,start_y\na.tif,A,1,F1,0,0\n")
    (tmp_path / "acquisition_details.toml").write_text('channel_names = ["a"]\nxy_pixel_size = 0.5\n')
    made = init_acquisitions(
        "tile_table",
        zarr_dir=str(tmp_path / "zarr"),
        acquisitions=[AcquisitionInput(path=str(tmp_path), plate_name="P", acquisition=0)],
        converter_options=ConverterOptions.model_validate({"omezarr_options": {"ngff_version": version}}),
    )
    (tmp_path / "args.json").write_text(json.dumps(made["parallelization_list"][0]))
    files = ["--args-json", str(tmp_path / "args.json"), "--out-json", str(tmp_path / "out.json")]
    command = [sys.executable, "-X", "importtime", convert_compute.__file__, *files]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert (tmp_path / "out.json").is_file()
    loaded = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines() if line.startswith("import time:")}
    assert "fractal_omezarr_converters.fractal.compute" in loaded
    of_the_place = {"imported package", "sitecustomize", "usercustomize"}
    own = {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names - of_the_place
    assert {name for name in own if name not in FOR_A_TIFF_JOB and not name.startswith("_")} == set()
    assert loaded & NOT_FOR_A_TIFF_JOB == set()
