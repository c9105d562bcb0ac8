"""Entries of the image list: plain values that Fractal accepts."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fractal_omezarr_converters.errors import ConvertersToolsInternalError
from fractal_omezarr_converters.fractal.image_list import image_list_update, plain_attribute


def test_values_are_plain_python_scalars() -> None:
    update = image_list_update(
        "/out/P.zarr/A/01/0",
        is_3d=np.bool_(True),  # type: ignore[arg-type]  # what scripts pass on from numpy; JSON knows no such type
        is_time_series=False,
        attributes={
            "dose": np.float32(0.5),
            "n": np.int64(3),
            "nan": float("nan"),
            "drug": ["DMSO", "DMSO"],
            "batch": ["a", None, "b"],
            " padded ": True,
            "": 1,
        },
        place={"plate": "P.zarr", "well": "A01", "acquisition": 0},
    )
    entry = json.loads(json.dumps(update, allow_nan=False))["image_list_updates"][0]
    assert entry["types"] == {"is_3D": True}
    assert entry["attributes"] == {
        "dose": 0.5,
        "n": 3,
        "nan": None,
        "drug": "DMSO",
        "batch": "a & None & b",
        "padded": True,
        "plate": "P.zarr",
        "well": "A01",
        "acquisition": 0,
    }


def test_time_series_is_named_only_when_true() -> None:
    arguments = {"is_3d": False, "attributes": {}, "place": {}}
    assert image_list_update("/a", is_time_series=True, **arguments)["image_list_updates"][0]["types"] == {
        "is_3D": False,
        "is_time_series": True,
    }


def test_several_values_are_joined() -> None:
    assert plain_attribute([1, 2.5, "x"]) == "1 & 2.5 & x"
    assert plain_attribute([]) is None
    assert plain_attribute(np.array([7])) == 7


def test_a_relative_place_is_a_fault_of_ours() -> None:
    with pytest.raises(ConvertersToolsInternalError, match="relative/image"):
        image_list_update("relative/image", is_3d=False, is_time_series=False, attributes={}, place={})
