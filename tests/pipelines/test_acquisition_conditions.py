"""Conditions of the acquisitions that are converted together: which rows are used, and what is said of the others."""

from __future__ import annotations

import pytest
from tile_tables import one_well

from fractal_omezarr_converters.errors import ConvertersToolsUserError, ConvertersToolsWarning
from fractal_omezarr_converters.models import ConverterOptions
from fractal_omezarr_converters.pipelines import (
    AcquisitionOptions,
    AcquisitionRequest,
    AttributeFilter,
    IntValue,
    read_acquisitions,
    tiles_aggregation_pipeline,
)
from fractal_omezarr_converters.pipelines.acquisitions import with_options

OPTIONS = ConverterOptions()


def test_images_are_filtered_by_the_conditions_of_a_table(folder, tmp_path):
    """As the form promises; the filter said that there is no such attribute."""
    (tmp_path / "conditions.csv").write_text("well,dose\nA01,1\nB01,2\n")
    dose = AttributeFilter(key="dose", values=[IntValue(value=2)])
    options = AcquisitionOptions(condition_table_path=str(tmp_path / "conditions.csv"), filters=[dose])
    [image], report = read_acquisitions([AcquisitionRequest(str(folder), plate_name="P", options=options)], OPTIONS)
    assert image.path == "P.zarr/B/01/0"
    assert image.attributes == {"drug": ["dB"], "dose": [2]}
    [[count]] = report.filter_counts
    assert (count.before, count.after) == (4, 2)
    options = AcquisitionOptions(condition_table_path=str(tmp_path / "conditions.csv"))
    table = with_options(report.scans[0].tiles, options)
    for tiles in (table, list(table)):
        [image] = tiles_aggregation_pipeline(tiles, converter_options=OPTIONS, filters=[dose])
        assert image.attributes == {"drug": ["dB"], "dose": [2]}


def test_rows_of_an_acquisition_that_is_converted_too_are_used(folder, tmp_path, recwarn):
    """One table for both cycles: each was said not to be converted."""
    (tmp_path / "conditions.csv").write_text("well,acquisition,dose\nA01,0,1\nB01,0,2\nA01,1,3\nB01,1,4\nA01,2,5\n")
    options = AcquisitionOptions(condition_table_path=str(tmp_path / "conditions.csv"))
    requests = [AcquisitionRequest(str(folder), plate_name="P", acquisition=n, options=options) for n in (0, 1)]
    images, report = read_acquisitions(requests, OPTIONS)
    assert [image.attributes["dose"] for image in images] == [[1], [2], [3], [4]]
    told = [text for text in report.warnings if "are not used" in text]
    assert told == [text for text in map(str, [one.message for one in recwarn]) if "are not used" in text]
    [note] = told
    assert "rows of acquisition 2 are not used; it is not converted" in note
    requests[1] = AcquisitionRequest(str(folder), plate_name="P", acquisition=1)
    _, report = read_acquisitions(requests, OPTIONS)
    assert any("rows of acquisition 1 are not used; it does not name this table" in one for one in report.warnings)


def test_a_condition_table_may_name_wells_of_any_acquisition_that_names_it(folder, tmp_path):
    """A second cycle without some wells, and an acquisition in two folders: the wells of the other one were refused."""
    (tmp_path / "conditions.csv").write_text("well,dose\nA01,1\nB01,2\n")
    options = AcquisitionOptions(condition_table_path=str(tmp_path / "conditions.csv"))
    parts = [one_well(folder, tmp_path / row, row) for row in "AB"]
    for sources, numbers in ((parts, (0, 0)), ([folder, parts[1]], (0, 1))):
        requests = [
            AcquisitionRequest(str(source), plate_name="P", acquisition=number, options=options)
            for source, number in zip(sources, numbers, strict=True)
        ]
        images, report = read_acquisitions(requests, OPTIONS)
        assert {image.path: image.attributes["dose"] for image in images} == {
            image.path: [1] if "/A/" in image.path else [2] for image in images
        }
        assert not [text for text in report.warnings if "condition" in text.lower()]
    with pytest.raises(ConvertersToolsUserError, match=r"not among the images: A01; images exist for B01"):
        read_acquisitions(requests[1:], OPTIONS)
    requests[0] = AcquisitionRequest(str(folder), plate_name="P")
    with pytest.raises(ConvertersToolsUserError, match=r"not among the images: A01; images exist for B01"):
        read_acquisitions(requests, OPTIONS)


def test_a_condition_table_of_several_plates(folder, tmp_path):
    """Rows of another plate were refused as wells that do not exist, also when that plate was converted, too."""
    (tmp_path / "conditions.csv").write_text("plate_name,well,dose\nP/1,A01,1\nP/1,B01,2\nQ,A01,3\nQ,B01,4\n")
    options = AcquisitionOptions(condition_table_path=str(tmp_path / "conditions.csv"))
    requests = [AcquisitionRequest(str(folder), plate_name=name, options=options) for name in ("P_1", "Q")]
    images, report = read_acquisitions(requests, OPTIONS)
    assert {image.path: image.attributes["dose"] for image in images} == {
        "P_1.zarr/A/01/0": [1],
        "P_1.zarr/B/01/0": [2],
        "Q.zarr/A/01/0": [3],
        "Q.zarr/B/01/0": [4],
    }
    assert not [text for text in report.warnings if "not used" in text]
    images, report = read_acquisitions(requests[1:], OPTIONS)
    assert [image.attributes["dose"] for image in images] == [[3], [4]]
    [note] = [text for text in report.warnings if "not used" in text]
    assert "rows of plate P_1 are not used; it is not converted" in note


def test_f37_a_condition_for_a_well_that_does_not_exist_is_an_error(folder, tmp_path):
    (tmp_path / "conditions.csv").write_text("well,dose\nA01,1\nH12,2\n")
    options = AcquisitionOptions(condition_table_path=str(tmp_path / "conditions.csv"))
    with pytest.raises(ConvertersToolsUserError, match="H12"):
        read_acquisitions([AcquisitionRequest(str(folder), options=options)], OPTIONS)
    (tmp_path / "conditions.csv").write_text("well,dose\nA01,1\n")
    with pytest.warns(ConvertersToolsWarning, match="no conditions for the wells B01"):
        images, _ = read_acquisitions([AcquisitionRequest(str(folder), options=options)], OPTIONS)
    assert [image.attributes["dose"] for image in images] == [[1], [None]]


def test_a_condition_table_of_several_plates_and_cycles(folder, tmp_path):
    """Rows of a cycle that one plate has, but another one not (yet), were refused as wells that do not exist."""
    (tmp_path / "conditions.csv").write_text(
        "plate_name,acquisition,well,dose\nP,0,A01,1\nP,0,B01,2\nP,1,A01,3\nP,1,B01,4\nQ,0,A01,5\nQ,0,B01,6\nQ,1,A01,7\n"
    )
    options = AcquisitionOptions(condition_table_path=str(tmp_path / "conditions.csv"))
    requests = [
        AcquisitionRequest(str(folder), plate_name=name, acquisition=number, options=options)
        for name, number in (("P", 0), ("P", 1), ("Q", 0))
    ]
    images, report = read_acquisitions(requests, OPTIONS)
    assert [image.attributes["dose"] for image in images] == [[1], [2], [3], [4], [5], [6]]
    [note] = [text for text in report.warnings if "not used" in text]
    assert "rows of acquisition 1 of plate Q are not used; it is not converted" in note
    with pytest.raises(ConvertersToolsUserError, match=r"not among the images: B02 of plate Q \(acquisition 0\)"):
        (tmp_path / "conditions.csv").write_text("plate_name,acquisition,well,dose\nQ,0,B02,1\n")
        read_acquisitions(requests, OPTIONS)


def test_images_of_several_acquisitions_are_filtered_by_conditions(folder, tmp_path):
    """Wells that such a filter left out of one of two acquisitions were said not to exist."""
    lines = (folder / "tiles.csv").read_text().splitlines()
    both = [f"{lines[0]},acquisition", *(f"{line},{number}" for number in (0, 1) for line in lines[1:])]
    (folder / "tiles.csv").write_text("\n".join(both) + "\n")
    (tmp_path / "conditions.csv").write_text("acquisition,well,dose\n0,A01,1\n0,B01,2\n1,A01,2\n1,B01,1\n")
    options = AcquisitionOptions(
        condition_table_path=str(tmp_path / "conditions.csv"),
        filters=[AttributeFilter(key="dose", values=[IntValue(value=1)])],
    )
    images, _ = read_acquisitions([AcquisitionRequest(str(folder), plate_name="P", options=options)], OPTIONS)
    assert {image.path: image.attributes["dose"] for image in images} == {"P.zarr/A/01/0": [1], "P.zarr/B/01/1": [1]}


def test_what_a_condition_table_lacks_is_said_once(folder, tmp_path, recwarn):
    """Two cycles that name one table said everything twice."""
    (tmp_path / "conditions.csv").write_text("well,dose,\nA01,1,x\n")
    options = AcquisitionOptions(condition_table_path=str(tmp_path / "conditions.csv"))
    requests = [AcquisitionRequest(str(folder), plate_name="P", acquisition=n, options=options) for n in (0, 1)]
    _, report = read_acquisitions(requests, OPTIONS)
    told = [text for text in report.warnings if "Condition table" in text]
    assert told == [text for text in map(str, [one.message for one in recwarn]) if "Condition table" in text]
    without_name, without_row = told
    assert "a column without a name" in without_name and "no conditions for the wells B01" in without_row
