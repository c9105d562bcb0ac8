"""Pytest plug-in for tests of converters: ``pytest_plugins = ["fractal_omezarr_converters.testing.plugin"]``.

``--update-snapshots`` writes snapshots anew instead of comparing with them. Tests marked ``extended`` run with
``--extended`` only.
"""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of this plug-in."""
    group = parser.getgroup("converters", "tests of OME-Zarr converters")
    group.addoption("--update-snapshots", action="store_true", default=False, help="write snapshots anew")
    group.addoption("--extended", action="store_true", default=False, help="also run tests marked 'extended'")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "extended: takes long or needs large data; runs with --extended only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip tests marked ``extended`` unless they are asked for."""
    if config.getoption("--extended"):
        return
    skip = pytest.mark.skip(reason="runs with --extended only")
    for item in items:
        if "extended" in item.keywords:
            item.add_marker(skip)


@pytest.fixture
def update_snapshots(request: pytest.FixtureRequest) -> bool:
    """True when snapshots are to be written anew."""
    return bool(request.config.getoption("--update-snapshots"))
