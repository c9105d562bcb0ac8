"""Real data of plate microscopes in a store: the scan says what it says of the same data on a disk."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest
from made_vendors import in_plain_values
from test_plans_of_real_data import CASES

from fractal_omezarr_converters.formats import registry

pytestmark = pytest.mark.filterwarnings("ignore::fractal_omezarr_converters.errors.ConvertersToolsWarning")


@pytest.mark.parametrize("name", CASES)
def test_scan(shared_data: Path, name: str) -> None:
    place, options = CASES[name]
    here = shared_data / place
    folder = here if here.is_dir() else here.parent
    there = f"memory://real/{folder.relative_to(shared_data).as_posix()}"
    files = fsspec.filesystem("memory")
    for path in folder.rglob("*"):
        if path.is_file():
            files.pipe_file(f"{there}/{path.relative_to(folder).as_posix()}", path.read_bytes())
    chosen = registry.get(name.partition("/")[0])
    url = there if here.is_dir() else f"{there}/{here.name}"
    try:
        found = in_plain_values(registry.scan(chosen, url, options=options), there)
    finally:
        files.rm("/real", recursive=True)
    assert found == in_plain_values(chosen.scan(str(here), options=options), str(folder))
