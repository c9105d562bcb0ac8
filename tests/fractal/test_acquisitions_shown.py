"""What plan and inspect say of acquisitions: numbers, names, times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fractal_omezarr_converters.convert import inspect, plan
from fractal_omezarr_converters.models import PlateFacts
from fractal_omezarr_converters.testing import SyntheticOmePlate, write_named_images, write_ome_plate, write_operetta
from fractal_omezarr_converters.testing.synthetic_named import PATTERN

PLATE = "Synthetic Plate.zarr"
START = 1714557600  # 2024-05-01, 10 h UTC
SMALL: dict[str, Any] = {"planes": 1, "layout": (1, 2), "field_shape": (16, 24), "overlap": 0}


@pytest.fixture
def cycles(tmp_path: Path) -> SyntheticOmePlate:
    """A plate of two cycles in one folder."""
    return write_ome_plate(tmp_path, one_plate=True, acquisitions=2, companion=True, **SMALL)


def test_the_plan_names_every_acquisition(cycles: SyntheticOmePlate) -> None:
    made = plan(cycles.folders[0], acquisition=3)
    assert made.plates[PLATE]["acquisitions"] == [3, 4]
    lines = repr(made).splitlines()
    assert lines[1:4] == [
        f"plate {PLATE}: 2 wells (B03, C05), acquisitions 3, 4",
        "  acquisition 3: 'Cycle 1', 2024-05-01 10:00:00 UTC to 2024-05-01 10:30:00 UTC",
        "  acquisition 4: 'Cycle 2', 2024-05-01 11:00:00 UTC to 2024-05-01 11:30:00 UTC",
    ]
    document = json.loads(json.dumps(made.to_json()))
    assert document["acquisitions"] == [
        {
            "plate": PLATE,
            "number": 3 + n,
            "name": f"Cycle {n + 1}",
            "description": f"Staining {n + 1}",
            "start_time": START + 3600 * n,
            "end_time": START + 3600 * n + 1800,
        }
        for n in (0, 1)
    ]


def test_the_plan_names_what_is_left(cycles: SyntheticOmePlate) -> None:
    only = {"name": "Acquisition Filter", "mode": "Include", "acquisitions": [1]}
    made = plan(cycles.folders[0], acquisition_options={"filters": [only]})
    assert [each["number"] for each in made.to_json()["acquisitions"]] == [1]
    assert "Cycle 1" not in repr(made)


def test_many_acquisitions_are_cut_short(tmp_path: Path) -> None:
    truth = write_ome_plate(tmp_path, one_plate=True, acquisitions=14, companion=True, **SMALL | {"wells": ("B03",)})
    lines = repr(plan(truth.folders[0])).splitlines()
    assert sum(line.startswith("  acquisition ") for line in lines) == 12
    assert "  ... and 2 more acquisitions" in lines


def test_inspect_states_number_name_and_times(cycles: SyntheticOmePlate) -> None:
    found = inspect(cycles.folders[0])
    shown = [
        (each["number"], each["name"], each["start_time"], each["channels"][0]["label"])
        for each in found.facts["acquisitions"]
    ]
    assert shown == [(0, "Cycle 1", START, "DAPI cycle 1"), (1, "Cycle 2", START + 3600, "DAPI cycle 2")]
    assert "acquisition_name" not in found.facts["plate"]  # it is that of the first alone
    assert "number 1, name Cycle 2, description Staining 2, start time 2024-05-01 11:00:00 UTC" in repr(found)
    json.dumps(found.to_json(), allow_nan=False)


def test_of_one_acquisition_as_of_several(tmp_path: Path) -> None:
    source = write_operetta(tmp_path, **SMALL).folders[0]
    (found,) = inspect(source).facts["acquisitions"]
    assert (found["number"], found["name"]) == (0, "2024-05-01T10_00_00-Measurement 1")
    assert "  acquisition 0: '2024-05-01T10_00_00-Measurement 1', 2024-05-01 " in repr(plan(source))


def test_names_without_times(tmp_path: Path) -> None:
    source = write_named_images(tmp_path, **SMALL).folders[0]
    options = {"pattern": PATTERN, "pixel_size": 0.65, "field_grid": {"columns": 2}}
    made = plan(source, format="named_images", format_options=options)
    assert "  acquisition 0: 'Synthetic Plate_1'" in repr(made).splitlines()


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, ""),
        ({"acquisition_name": "A", "start_time": 0}, "'A', 1970-01-01 00:00:00 UTC"),
        ({"end_time": 60}, "unknown to 1970-01-01 00:01:00 UTC"),
        ({"start_time": 10**15}, "1000000000000000 s since 1970"),
    ],
)
def test_acquisitions_in_words(facts: dict[str, Any], said: str) -> None:
    assert PlateFacts(name="P", **facts).acquisition_in_words() == said
