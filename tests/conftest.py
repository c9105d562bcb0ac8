"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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
