"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Computers differ in speed: no example is too slow. In continuous integration the examples are the same in every run, so that a
# red run can be repeated; locally every run tries others.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

#: Brings the option --update-snapshots, which writes expected plans anew.
pytest_plugins = ["fractal_omezarr_converters.testing.plugin"]

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def project_root() -> Path:
    """Top of the checkout."""
    return PROJECT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real vendor data: OMEZARR_TEST_DATA, default ../shared/data beside the checkout."""
    folder = Path(os.environ.get("OMEZARR_TEST_DATA", PROJECT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("real vendor data is not on this computer (set OMEZARR_TEST_DATA to its folder)")
    return folder
