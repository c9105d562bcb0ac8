"""The faces of folders: every name is there, modules can be imported beside them, and neither hides the other."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

FACES = ["core", "formats", "fractal", "models", "ngff", "pipelines", "testing"]
PACKAGE = "fractal_omezarr_converters"


@pytest.mark.parametrize("modules_first", [False, True])
@pytest.mark.parametrize("face", FACES)
def test_every_name_of_a_face_is_what_its_stub_means(face: str, modules_first: bool) -> None:
    """Also once all modules of the folder are imported: one of the same name would stand in the way."""
    code = f"""
import importlib, pkgutil, types
import {PACKAGE}.{face} as face
for module in pkgutil.iter_modules(face.__path__) if {modules_first} else ():
    importlib.import_module(f"{PACKAGE}.{face}.{{module.name}}")
assert face.__all__ and set(face.__all__) <= set(dir(face))
for name in face.__all__:
    exec(f"from {PACKAGE}.{face} import {{name}} as found")
    assert not isinstance(found, types.ModuleType), name
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_module_of_the_folder_is_imported_without_the_stub() -> None:
    code = (
        f"import sys\nfrom {PACKAGE}.models import palettes\n"
        f"assert type(palettes).__name__ == 'module'\nassert 'lazy_loader' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_name_that_does_not_exist_is_refused() -> None:
    module = import_module(f"{PACKAGE}.core")
    with pytest.raises(AttributeError, match="Nothing"):
        module.Nothing  # noqa: B018
