"""What must not be loaded, so that one process per image starts fast: lists of modules, never a timer."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
