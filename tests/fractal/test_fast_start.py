"""Processes that start fast do the same as others: what is put off still works, and what is set up can be overridden."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from fractal_omezarr_converters.ngff.completion import SOFTWARE, software_version

START = "from fractal_omezarr_converters.fractal.fast_start import settle, start_fast\nstart_fast()\n"


def told_by(code: str, **environment: str) -> Any:
    """What a new process prints as JSON after a fast start."""
    unset = {key: value for key, value in os.environ.items() if not key.startswith(("OPENBLAS", "PYDANTIC"))}
    ran = subprocess.run(
        [sys.executable, "-c", START + code], capture_output=True, text=True, check=True, env=unset | environment
    )
    return json.loads(ran.stdout)


def test_a_module_that_is_put_off_is_loaded_when_it_is_used() -> None:
    code = """
import importlib, importlib.metadata, json, sys
import importlib.metadata as again
from importlib import metadata
before = "email" in sys.modules
from importlib.metadata import version
one = again is metadata is importlib.metadata is sys.modules["importlib.metadata"]
print(json.dumps([before, one, version("numpy"), "email" in sys.modules, metadata.__file__, hasattr(metadata, "nothing")]))
"""
    before, one, numpy, after, file, has_nothing = told_by(code)
    assert (before, one, after, has_nothing) == (False, True, True, False)
    assert numpy == version("numpy")
    assert Path(file).is_file()


def test_a_module_that_is_there_already_stays() -> None:
    code = """
import importlib.metadata as there, json, sys
there.version
start_fast()
print(json.dumps(there is sys.modules["importlib.metadata"] and "version" in vars(there)))
"""
    assert told_by(code)


def test_garbage_is_collected_once_the_imports_are_done() -> None:
    code = """
import gc, json, weakref
class Node: pass
before = gc.isenabled()
settle()
node = Node(); node.me = node; gone = weakref.ref(node); del node
for _ in range(100_000): [[]]
kept = [[] for _ in range(100_000)]
print(json.dumps([before, gc.isenabled(), gone() is None]))
"""
    assert told_by(code) == [False, True, True]


@pytest.mark.parametrize("threads", [None, "3"])
def test_variables_of_the_environment_win(threads: str | None) -> None:
    environment = {} if threads is None else {"OPENBLAS_NUM_THREADS": threads}
    code = 'import json, os\nprint(json.dumps(os.environ["OPENBLAS_NUM_THREADS"]))'
    assert told_by(code, **environment) == (threads or "1")


def test_the_version_is_that_of_the_installed_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert software_version() == version(SOFTWARE)
    (tmp_path / "fractal_omezarr_converters-9.8.7+local.dist-info").mkdir()
    (tmp_path / "fractal_omezarr_converters_more-1.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert software_version() == "9.8.7+local"
    monkeypatch.setattr(sys, "path", [str(tmp_path / "not there"), *sys.path])
    assert software_version() == "9.8.7+local"
