"""Flat-field correction: the vendor's polynomial in the vendor's order, mean and type kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_vendors import moved_profiles

pytest.importorskip("fractal_omezarr_converters.core.tile_table")

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.formats.contract import Scan
from fractal_omezarr_converters.formats.operetta_flatfield import FlatField, FlatFieldLoader, read_flat_field
from fractal_omezarr_converters.testing import PlaneKey, SyntheticOperetta, write_operetta
from fractal_omezarr_converters.testing.conformance import check_format
from fractal_omezarr_converters.testing.synthetic_operetta import PROFILE

TEXT = (
    "{{Background: {{Mean: 400.5, Profile: {{Coefficients: [[1.0], [0.2, 0.4]], Dims: [{dims}], Origin: [{origin}],"
    " Scale: [0.01, 0.02], Type: Polynomial}}}}, Channel: 1{rest}}}"
)


def _text(dims: str = "11, 21", origin: str = "5, 10", rest: str = "") -> str:
    return TEXT.format(dims=dims, origin=origin, rest=rest)


def _scan(truth: SyntheticOperetta, **options: Any) -> Scan:
    return registry.get("operetta").scan(str(truth.folders[0]), options=options)


def test_terms_multiply_x_first_then_y() -> None:
    """Row n, term j belongs to x**(n-j) * y**j: 0.2 is the slope along columns, 0.4 the slope along rows."""
    field = read_flat_field(_text(), height=11, width=21, where="here")
    assert field.background is not None and field.mean == 400.5
    values = field.background.values(np.arange(11), np.arange(21))
    assert values.shape == (11, 21) and values[5, 10] == pytest.approx(1.0)
    assert values[5, 20] == pytest.approx(1 + 0.2 * 10 * 0.02)
    assert values[10, 10] == pytest.approx(1 + 0.4 * 5 * 0.01)
    assert field.foreground == field.background


def test_a_foreground_that_is_flat_is_not_replaced_by_the_background() -> None:
    rest = ", Foreground: {Character: Flat, Profile: {Type: Identity}}"
    field = read_flat_field(_text(rest=rest), height=11, width=21, where="here")
    assert field.foreground is None and field.background is not None


def test_identity_is_flat() -> None:
    text = "{Background: {Character: Null, Mean: NaN, Profile: {Type: Identity}, Quality: 0.25}, Channel: 2}"
    assert read_flat_field(text, height=4, width=4, where="here").is_flat


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (_text(dims="2160, 2160"), "is for images of 2160 x 2160"),
        (_text().replace("0.2, 0.4", "0.2"), "not a complete polynomial"),
        (_text().replace("[1.0]", "[NaN]"), "not a complete polynomial"),
        (_text().replace("Polynomial", "Spline"), "type 'Spline'"),
        (_text().replace("0.2, 0.4", "9.0, 9.0"), "falls to zero"),
        ("{Background: ", "cannot be read"),
        ("[1, 2]", "cannot be read"),
    ],
)
def test_profiles_that_do_not_fit_are_refused(text: str, words: str) -> None:
    with pytest.raises(ConvertersToolsUserError, match=f"channel 7.*{words}"):
        read_flat_field(text, height=11, width=21, where="Index.xml, channel 7")


@pytest.mark.parametrize("flavour", ["V5", "V7"])
def test_correction_gives_the_specimen_back(tmp_path: Path, flavour: str) -> None:
    truth = write_operetta(tmp_path, flavour=flavour, profile=PROFILE, planes=1, wells=("B03",))
    check_format("operetta", truth.folders[0], options={"flat_field": "divide"})
    for tile in _scan(truth, flat_field="divide").tiles:
        key = PlaneKey("B03", int(tile.fov_name[4:]), tile.start_c, 0)
        specimen = truth.specimen(key, *truth.corner(key.field), *truth.field_shape)
        raw, corrected = truth.pixels(key), tile.image_loader.load_data()
        assert corrected.dtype == np.uint16
        assert np.abs(raw.astype(int) - specimen.astype(int)).max() > 50
        assert np.abs(corrected.astype(int) - specimen.astype(int)).max() <= 1


def test_parts_are_corrected_like_the_whole(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, profile=PROFILE, planes=1, wells=("B03",), layout=(1, 1))
    loader = _scan(truth, flat_field="divide").tiles.loaders.loader(0)
    part = loader.load_region({"y": slice(10, 30), "x": slice(5, 60)})
    assert part is not None
    np.testing.assert_array_equal(part, loader.load_data()[10:30, 5:60])


def test_off_by_default_and_recorded(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, profile=PROFILE, planes=1, wells=("B03",))
    plain, corrected = _scan(truth), _scan(truth, flat_field="divide")
    assert plain.facts["flat_field"] == "off"
    np.testing.assert_array_equal(plain.tiles.loaders.loader(0).load_data(), truth.pixels(truth.listed()[0]))
    assert (corrected.facts["flat_field"], corrected.facts["flat_field_channels"]) == ("divide", [1, 3])
    assert any("flat-field" in each for each in corrected.warnings)
    assert plain.corrections == [] and [each["name"] for each in corrected.corrections] == ["flat_field"]
    assert set(corrected.corrections[0]["params"]["channels"]) == {"1", "3"}
    assert "flat-field corrected" in corrected.tiles.loaders.loader(0).describe_source()


def test_subtract_takes_the_background_off_and_keeps_the_mean(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, profile=PROFILE, planes=1, wells=("B03",), layout=(1, 1))
    loader = _scan(truth, flat_field="subtract").tiles.loaders.loader(0)
    raw, profile = truth.pixels(truth.listed()[0]).astype(float), truth.profile_values()
    expected = np.rint((raw - 100.5 * profile) / profile + 100.5)
    np.testing.assert_allclose(loader.load_data(), expected, atol=1)


def test_values_stay_inside_the_type() -> None:
    field = read_flat_field(_text().replace("0.2, 0.4", "3.0, 4.0"), height=11, width=21, where="here")
    loader = FlatFieldLoader(file_path="none.tif", flat_field=field)
    for dtype in (np.uint8, np.uint16):
        image = np.full((11, 21), np.iinfo(dtype).max, dtype)
        found = loader.changed(image, np.arange(11), np.arange(21))
        assert found.dtype == dtype and found.max() == np.iinfo(dtype).max and found.min() > 0


def test_channels_without_profile_are_said_and_left_alone(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, planes=1, wells=("B03",))
    scan = _scan(truth, flat_field="divide")
    assert sum("no flat-field profile" in each for each in scan.warnings) == 2
    assert not isinstance(scan.tiles.loaders.loader(0), FlatFieldLoader)


def test_profiles_in_a_file_of_their_own(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, profile=PROFILE, planes=1, wells=("B03",))
    moved_profiles(truth.folders[0])
    scan = _scan(truth, flat_field="divide")
    assert scan.facts["flat_field_channels"] == [1, 3]
    assert any("with the profiles of" in each and "FFC_Profile" in each for each in scan.warnings)
    assert [Path(each).name for each in scan.metadata_files] == ["Index.idx.xml", "FFC_Profile_1.xml"]
    assert [Path(each).name for each in _scan(truth).metadata_files] == ["Index.idx.xml"]


def test_a_damaged_profile_is_named_with_the_file_that_holds_it(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, profile=PROFILE, planes=1, wells=("B03",))
    moved_profiles(truth.folders[0])
    file = next(truth.folders[0].rglob("FFC_Profile_*.xml"))
    file.write_text(file.read_text("utf-8").replace("Type: Polynomial", "Type: Spline"), "utf-8")
    with pytest.raises(ConvertersToolsUserError, match=rf"{file.name}, channel 1, Background: .*'Spline'"):
        _scan(truth, flat_field="divide")


def test_images_that_are_corrected_already_are_refused(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, profile=PROFILE, planes=1, wells=("B03",), layout=(1, 1))
    index = truth.folders[0] / "Images" / "Index.idx.xml"
    index.write_text(index.read_text("utf-8-sig").replace("<URL>r", "<URL>flex_r"), "utf-8")
    for path in index.parent.glob("*.tiff"):
        path.rename(path.with_name(f"flex_{path.name}"))
    assert len(_scan(truth).tiles) == 2
    with pytest.raises(ConvertersToolsUserError, match="already applied"):
        _scan(truth, flat_field="divide")


def test_the_loader_survives_json() -> None:
    field = read_flat_field(_text(), height=11, width=21, where="here")
    loader = FlatFieldLoader(file_path="a.tif", page=2, flat_field=field, subtract=True)
    assert FlatFieldLoader.model_validate_json(loader.model_dump_json()) == loader
    assert FlatField.model_validate_json(field.model_dump_json()) == field
