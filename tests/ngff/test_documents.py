"""Image, label and group documents follow the specification in every version."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yaozarrs import v04, v05

from fractal_omezarr_converters.errors import ConvertersToolsInternalError, ConvertersToolsUserError
from fractal_omezarr_converters.ngff.axes import Axes
from fractal_omezarr_converters.ngff.documents import group_document, image_attributes, json_bytes, label_content
from fractal_omezarr_converters.ngff.transforms import LevelGeometry, level_transformations, read_geometry
from fractal_omezarr_converters.ngff.versions import detect_version, zarr_format

VERSIONS = ("0.4", "0.5", "0.6")


def attributes(version: str, **changes: Any) -> dict[str, Any]:
    stated: dict[str, Any] = {
        "name": "n",
        "axes": "cyx",
        "level_paths": ["0", "1"],
        "scales": [[1, 0.65, 0.5], [1, 1.3, 1.0]],
        "translations": [[0, 10.0, -4.0], [0, 10.325, -3.75]],
        "omero": {"channels": [{"color": "FF0000", "window": {"min": 0, "max": 9, "start": 0, "end": 1}}]},
        "method": {"type": "mean", "metadata": {"version": "1"}},
        "foreign": {"other": {"kept": [1]}},
    }
    return image_attributes(version, **{**stated, **changes})


def test_04_states_version_in_multiscales_and_no_ome_key() -> None:
    document = attributes("0.4")
    assert document["multiscales"][0]["version"] == "0.4"
    assert "ome" not in document
    assert document["other"] == {"kept": [1]}
    v04.Image.model_validate(document)


def test_05_states_version_in_ome_and_keeps_foreign_keys_beside() -> None:
    document = attributes("0.5")
    assert document["ome"]["version"] == "0.5"
    assert "version" not in document["ome"]["multiscales"][0]
    assert document["other"] == {"kept": [1]}
    v05.Image.model_validate(document["ome"])


def test_06_has_coordinate_systems_and_one_sequence_per_level() -> None:
    multiscale = attributes("0.6")["ome"]["multiscales"][0]
    assert "axes" not in multiscale
    assert "version" not in multiscale
    names = {dataset["coordinateTransformations"][0]["output"]["name"] for dataset in multiscale["datasets"]}
    assert names == {multiscale["coordinateSystems"][0]["name"]}
    for dataset in multiscale["datasets"]:
        (one,) = dataset["coordinateTransformations"]
        assert one["type"] == "sequence"
        assert one["input"] == {"path": dataset["path"]}
        assert [part["type"] for part in one["transformations"]] == ["scale", "translation"]


@pytest.mark.parametrize("version", VERSIONS)
def test_geometry_is_read_back_as_written(version: str) -> None:
    made = level_transformations(version, "0", [1, 0.65, 0.5], [0, 10, -4])
    assert read_geometry(made, 3, "here") == LevelGeometry((1, 0.65, 0.5), (0, 10, -4))


def test_scale_after_translation_is_composed_in_order() -> None:
    made = [{"type": "translation", "translation": [1.0, 2.0]}, {"type": "scale", "scale": [10.0, 100.0]}]
    assert read_geometry(made, 2, "here") == LevelGeometry((10, 100), (10, 200))


@pytest.mark.parametrize("version", VERSIONS)
def test_version_and_zarr_format_are_detected(version: str) -> None:
    files = group_document(version, attributes(version))
    assert set(files) == ({".zgroup", ".zattrs"} if version == "0.4" else {"zarr.json"})
    assert detect_version(attributes(version), zarr_format(version)) == version


def test_release_candidates_count_as_their_release() -> None:
    assert detect_version({"ome": {"version": "0.6.rc1"}}) == "0.6"
    assert detect_version({"ome": {"version": "0.6rc0"}}) == "0.6"
    assert detect_version({"multiscales": [{"datasets": []}]}, 2) == "0.4"
    assert detect_version({"something": 1}, 2) is None


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf])
def test_impossible_pixel_sizes_are_refused(scale: float) -> None:
    with pytest.raises(ConvertersToolsUserError, match="pixel size"):
        attributes("0.5", scales=[[1, scale, 1], [1, 1, 1]])


@pytest.mark.parametrize("axes", ["xyc", "yx" * 2, "x", "czxy", "ctyx", "tczyxx"])
def test_f63_axes_out_of_order_are_refused(axes: str) -> None:
    with pytest.raises(ConvertersToolsUserError, match="order t, c, z, y, x"):
        Axes.parse(axes)


@given(st.sets(st.sampled_from("tczyx"), min_size=2).filter(lambda found: {"y", "x"} <= found))
def test_axes_round_trip(letters: set[str]) -> None:
    axes = Axes.parse("".join(letter for letter in "tczyx" if letter in letters), {"z": "nanometer"})
    again = Axes.from_json(axes.to_json())
    assert again == axes
    again.check()


def test_axes_of_other_programs_keep_what_they_say() -> None:
    entries = [{"name": "y", "type": "space", "unit": "meter", "longName": "row"}, {"name": "x", "type": "space"}]
    assert Axes.from_json(entries).to_json() == entries


def test_documents_never_hold_nan() -> None:
    with pytest.raises(ConvertersToolsInternalError, match="not JSON"):
        json_bytes({"a": [math.nan]})


def test_labels_leave_empty_lists_out_and_fill_keys_in_04() -> None:
    assert label_content() == {"source": {"image": "../../"}}
    properties = [{"label-value": 1, "area": 2.0}, {"label-value": 2, "class": "a"}]
    old = label_content(properties=properties, version="0.4")["properties"]
    assert [set(entry) for entry in old] == [{"label-value", "area", "class"}] * 2
    assert label_content(properties=properties)["properties"] == properties
    with pytest.raises(ConvertersToolsUserError, match="four whole numbers"):
        label_content({1: (256, 0, 0, 0)})
    with pytest.raises(ConvertersToolsUserError, match="of its own"):
        label_content(properties=[{"label-value": 1}, {"label-value": 1}])


def test_group_documents_are_plain_json() -> None:
    document = json.loads(group_document("0.6", {"a": "µ"})["zarr.json"])
    assert document == {"zarr_format": 3, "node_type": "group", "attributes": {"a": "µ"}}
