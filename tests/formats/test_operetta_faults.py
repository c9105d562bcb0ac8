"""Damaged, hostile and unusual Operetta exports: one clear sentence each, never a wrong image."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("fractal_omezarr_converters.core.tile_table")

from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.formats.contract import Scan
from fractal_omezarr_converters.testing import SyntheticPlate, write_operetta
from fractal_omezarr_converters.testing.operetta_truth import PROFILE


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """Index file of a small good export."""
    return write_operetta(tmp_path, wells=("B03",), layout=(1, 2), planes=1).folders[0] / "Images" / "Index.idx.xml"


def _changed(index: Path, old: str, new: str, count: int = -1) -> Scan:
    text = index.read_text("utf-8-sig")
    assert old in text
    index.write_text(text.replace(old, new, count), "utf-8")
    return _scan(index)


def _scan(index: Path, **options: object) -> Scan:
    return registry.get("operetta").scan(str(index.parent.parent), options=options)


@pytest.mark.parametrize("row", ["0", "-1", "33", "../../evil", "A", ""])
def test_c15_impossible_rows_name_file_line_and_value(index: Path, row: str) -> None:
    with pytest.raises(ConvertersToolsUserError, match=r"Index\.idx\.xml, line \d+: <Row>"):
        _changed(index, "<Row>2</Row><Col>3</Col><FieldID>", f"<Row>{row}</Row><Col>3</Col><FieldID>")


@pytest.mark.parametrize("value", ["NaN", "1e400", "0,5", "", "12"])
def test_c17_impossible_positions(index: Path, value: str) -> None:
    text = index.read_text("utf-8-sig")
    old = text[text.index('<PositionX Unit="m">') : text.index("</PositionX>")]
    with pytest.raises(ConvertersToolsUserError, match="<PositionX> of <Image>"):
        _changed(index, old, f'<PositionX Unit="m">{value}')


@pytest.mark.parametrize("value", ["0", "-1e-6", "1e-300", "1e300", "nan"])
def test_c10_impossible_pixel_sizes(index: Path, value: str) -> None:
    with pytest.raises(ConvertersToolsUserError, match="<ImageResolutionX> of <Image>"):
        _changed(index, '<ImageResolutionX Unit="m">0.65E-06', f'<ImageResolutionX Unit="m">{value}')


@pytest.mark.parametrize(
    ("page", "why"), [("9" * 19, "no file has so many pages"), ("²", "not a whole number"), ("9" * 10, "counts so far")]
)
def test_impossible_pages(index: Path, page: str, why: str) -> None:
    with pytest.raises(ConvertersToolsUserError, match=why):
        _changed(index, "<URL>", f'<URL BufferNo="{page}">')


def test_c13_huge_ids_are_ranked_and_cost_nothing(index: Path) -> None:
    scan = _changed(index, "<ChannelID>3<", "<ChannelID>1000000<")
    assert set(scan.tiles.start[:, 1]) == {0, 1}
    scan = _changed(index, "<PlaneID>1<", "<PlaneID>1000000000<")
    assert len(set(scan.tiles.start[:, 2])) == 1


@pytest.mark.parametrize("name", ["PositionZ", "AbsPositionZ", "MeasurementTimeOffset"])
def test_images_are_converted_without_numbers_that_the_instrument_did_not_know(tmp_path: Path, name: str) -> None:
    """The first of many alike: the others keep theirs."""
    truth = write_operetta(tmp_path, wells=("B03",), layout=(3, 3), planes=3, times=2)
    index = truth.folders[0] / "Images" / "Index.idx.xml"
    before = _scan(index)
    text = index.read_text("utf-8-sig")
    start = text.index(f"<{name} ")
    scan = _changed(
        index, text[start : text.index(f"</{name}>")], f'<{name} Unit="{"s" if "Time" in name else "m"}">NaN', 1
    )
    assert (scan.tiles.start == before.tiles.start).all()
    said = next(each for each in scan.warnings if f"state no number as <{name}>" in each)
    assert said.startswith("1 images in ")


def test_sizes_and_wavelengths_that_say_nothing_are_left_out(index: Path) -> None:
    _changed(index, "<PlateRows>8<", "<PlateRows>0<")
    scan = _changed(index, '<MainEmissionWavelength Unit="nm">456<', '<MainEmissionWavelength Unit="nm">430-500<')
    assert len(scan.tiles) == 4 and scan.plate is not None and scan.plate.rows is None
    assert scan.tiles.acquisitions[0].channels[0].wavelength_id is None
    assert any("states '0' as PlateRows" in each for each in scan.warnings)
    assert len([each for each in scan.warnings if "is '430-500', which is no wavelength" in each]) == 1


def test_all_faults_are_reported_together(index: Path) -> None:
    text = index.read_text("utf-8-sig")
    index.write_text(
        text.replace("<FieldID>1<", "<FieldID>x<").replace("<Col>3</Col><FieldID>2", "<Col>0</Col><FieldID>2"), "utf-8"
    )
    with pytest.raises(ConvertersToolsUserError, match=r"4 problems") as error:
        _scan(index)
    assert "'x'" in str(error.value) and "is 0" in str(error.value)


@pytest.mark.parametrize("name", ["../../outside/secret.tif", "/etc/hostname", "C:\\data\\x.tif", "http://a.b/x.tif"])
def test_c04_files_that_leave_the_folder_are_refused(index: Path, name: str) -> None:
    with pytest.raises(ConvertersToolsUserError, match="leads out of the acquisition's folder"):
        _changed(index, "r02c03f01p01-ch1sk1fk1fl1.tiff", name)


@pytest.mark.parametrize("place", ["\\\\server\\share\\Images\\", "D:/data/Images/", "http://a.b/Images/"])
def test_full_paths_of_images_that_lie_beside_the_index_are_read(index: Path, place: str) -> None:
    scan = _changed(index, "<URL>", f"<URL>{place}")
    assert {Path(tile.image_loader.file_path).parent for tile in scan.tiles} == {index.parent} and len(scan.tiles) == 4


def test_a_missing_file_among_full_paths_is_missing(index: Path) -> None:
    min(index.parent.glob("*.tiff")).unlink()
    scan = _changed(index, "<URL>", "<URL>D:\\data\\Images\\")
    assert len(scan.tiles) == 3 and scan.states.missing_file == 1


def test_two_files_for_one_plane_are_named(index: Path) -> None:
    with pytest.raises(ConvertersToolsUserError, match=r"f02p01.*f01p01.*both claim"):
        _changed(index, "<FieldID>2<", "<FieldID>1<")


def test_a_record_that_repeats_another_is_left_out_with_a_warning(index: Path) -> None:
    text = index.read_text("utf-8-sig")
    record = text[text.index("<Image Version") : text.index("</Image>\n") + 8]
    scan = _changed(index, "</Images>", record + "</Images>")
    assert len(scan.tiles) == 4 and any("repeat another record" in each for each in scan.warnings)


def test_state_not_ok_is_said_and_the_pixels_are_kept(index: Path) -> None:
    scan = _changed(index, "<State>Ok<", "<State>Saturated<", 1)
    assert len(scan.tiles) == 4 and any("1 planes 'Ok'" in each and "Saturated" in each for each in scan.warnings)


@pytest.mark.parametrize("number", [1, 40])
def test_a_channel_whose_images_have_several_names_is_said(tmp_path: Path, number: int) -> None:
    """In the first record, which is read alone, and in those that are read together."""
    truth = write_operetta(tmp_path, wells=("B03",), layout=(5, 5), planes=2)
    scan = _changed(truth.folders[0] / "Images" / "Index.idx.xml", "<ChannelName>DAPI<", "<ChannelName>FITC<", number)
    said = [each for each in scan.warnings if "names channel" in each]
    assert len(said) == 1 and "names channel 1 'FITC' in some images and 'DAPI' in others" in said[0]


def assert_in_true_corners(scan: Scan, truth: SyntheticPlate) -> None:
    """Every field lies where it was imaged, counted in pixels from the first corner of all."""
    first = scan.tiles.start[:, 3:].min(axis=0)
    for tile in scan.tiles:
        found = ((tile.start_y - first[0]) / 0.65, (tile.start_x - first[1]) / 0.65)
        assert found == pytest.approx(truth.corner(int(tile.fov_name[4:])))


def test_all_positions_zero_asks_for_the_grid(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, wells=("B03",), layout=(2, 3), planes=1, overlap=0)
    index = truth.folders[0] / "Images" / "Index.idx.xml"
    text = index.read_text("utf-8-sig")
    for number in truth.fields:
        for value in truth.stage_um(number):
            text = text.replace(f'Unit="m">{value!r}E-06</Position', 'Unit="m">0</Position')
    index.write_text(text, "utf-8")
    with pytest.raises(ConvertersToolsUserError, match="field_grid"):
        _scan(index)
    scan = _scan(index, field_grid={"columns": 3, "order": "snake"})
    assert_in_true_corners(scan, truth)
    overlapping = _scan(index, field_grid={"columns": 3, "overlap": 0.25})
    assert sorted(set(overlapping.tiles.start[:, 4] - overlapping.tiles.start[:, 4].min())) == pytest.approx(
        [0, 48 * 0.65, 96 * 0.65]
    )


@pytest.mark.parametrize("flavour", ["V5", "V7"])
def test_an_index_without_positions_needs_the_grid_only_where_wells_have_several_fields(
    tmp_path: Path, flavour: str
) -> None:
    truth = write_operetta(tmp_path, flavour=flavour, wells=("B03",), layout=(2, 2), planes=1, overlap=0)
    index = next(truth.folders[0].rglob("Index*.xml"))
    index.write_text(re.sub(r"<Position[XY].*?</Position[XY]>", "", index.read_text("utf-8-sig")), "utf-8")
    with pytest.raises(ConvertersToolsUserError, match=r"no field states a position.*set field_grid"):
        _scan(index)
    scan = _scan(index, field_grid={"columns": 2, "order": "snake"})
    assert_in_true_corners(scan, truth)
    text = index.read_text("utf-8")
    index.write_text(re.sub(r"<Image Version(?:(?!</Image>).)*<FieldID>[234]<.*?</Image>", "", text), "utf-8")
    alone = _scan(index)
    assert len(alone.tiles) == 2 and any("in the middle of the well" in each for each in alone.warnings)
    assert {(each.start_y, each.start_x) for each in alone.tiles} == {(-48 * 0.65 / 2, -64 * 0.65 / 2)}


def test_one_image_without_a_position_among_others_is_named(index: Path) -> None:
    text = index.read_text("utf-8-sig")
    index.write_text(re.sub(r"<PositionY.*?</PositionY>", "", text, count=1), "utf-8")
    with pytest.raises(ConvertersToolsUserError, match=r"line 7: <PositionY> of <Image> is missing.*set field_grid"):
        _scan(index)
    assert len(_scan(index, field_grid={"columns": 2}).tiles) == 4


def test_a_matrix_that_is_no_calibration_is_refused_unless_nominal(index: Path) -> None:
    with pytest.raises(ConvertersToolsUserError, match=r"OrientationMatrix.*nominal"):
        _changed(index, "[[1.006463,0.003011,0", "[[0.0,0.0,0")
    assert len(_scan(index, field_positions="nominal").tiles) == 4


def test_units_other_than_metres_are_read(index: Path) -> None:
    text = index.read_text("utf-8-sig")
    index.write_text(text.replace('Unit="m">0.65E-06<', 'Unit="µm">0.65<'), "utf-8")
    assert _scan(index).tiles.acquisitions[0].xy_pixel_size == 0.65


@pytest.mark.parametrize("folder", ["Images", "."])
def test_several_measurements_are_listed(tmp_path: Path, folder: str) -> None:
    write_operetta(tmp_path, acquisitions=2, images_folder=folder, wells=("B03",), layout=(1, 1), planes=1)
    assert registry.detect(tmp_path).name == "operetta"
    with pytest.raises(ConvertersToolsUserError, match=r"2 measurements: .*Measurement 1.*Measurement 2"):
        registry.get("operetta").scan(str(tmp_path))


def test_harmony_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "XML" / "MEASUREMENT").mkdir(parents=True)
    (tmp_path / "XML" / "MEASUREMENT" / "6f2a.xml").write_text("<Measurement/>")
    assert registry.detect(tmp_path).name == "operetta"
    with pytest.raises(ConvertersToolsUserError, match=r"Harmony archive.*Export Data"):
        registry.get("operetta").scan(str(tmp_path))


def test_images_that_harmony_corrected_lie_in_a_folder_of_their_own(tmp_path: Path) -> None:
    """The index names the plain files; the export holds ``flex/flex_<name>`` instead. They must not be corrected twice."""
    truth = write_operetta(tmp_path, wells=("B03",), planes=1, profile=PROFILE)
    images = truth.folders[0] / "Images"
    (images / "flex").mkdir()
    for path in sorted(images.glob("*.tiff")):
        path.rename(images / "flex" / f"flex_{path.name}")
    scan = registry.get("operetta").scan(str(truth.folders[0]))
    assert scan.states.present == 8 and scan.states.missing_file == 0
    assert any("which Harmony corrected for uneven illumination" in each for each in scan.warnings)
    with pytest.raises(ConvertersToolsUserError, match=r"flex' were corrected by Harmony .* set flat_field to 'off'"):
        registry.get("operetta").scan(str(truth.folders[0]), options={"flat_field": "divide"})
    min((images / "flex").iterdir()).unlink()
    states = registry.get("operetta").scan(str(truth.folders[0])).states
    assert (states.present, states.missing_file) == (7, 1)


def test_folders_that_are_not_operetta(tmp_path: Path) -> None:
    (tmp_path / "Index.xml").write_text("<Other/>")
    assert not registry.get("operetta").recognises(tmp_path)
    with pytest.raises(ConvertersToolsUserError, match="EvaluationInputData"):
        registry.get("operetta").scan(str(tmp_path))
    with pytest.raises(ConvertersToolsFileNotFoundError, match="nowhere"):
        registry.get("operetta").scan(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.95])
def test_c01_index_cut_off(index: Path, share: float) -> None:
    content = index.read_bytes()
    index.write_bytes(content[: int(len(content) * share)])
    assert registry.detect(index.parent.parent).name == "operetta"
    with pytest.raises(ConvertersToolsUserError, match=r"Index\.idx\.xml'.*(cut off|is empty)"):
        _scan(index)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_c01_index_saved_by_another_program(index: Path, encoding: str) -> None:
    index.write_bytes(index.read_text("utf-8-sig").encode(encoding))
    scan = _scan(index)
    assert len(scan.tiles) == 4 and scan.facts["plate_type"] == "96 µClear"


def test_c05_plate_names_become_folder_names_with_a_warning(index: Path) -> None:
    scan = _changed(index, "Synthetic Plate", "../evil/%:name")
    assert scan.plate is not None and "/" not in scan.plate.name
    assert any("../evil/%:name" in each for each in scan.warnings)


def test_wells_beyond_the_stated_plate_are_kept_and_said(index: Path) -> None:
    scan = _changed(index, "<PlateRows>8<", "<PlateRows>1<")
    assert scan.plate is not None and scan.plate.rows is None
    assert any("states a plate of 1 rows and 12 columns" in each for each in scan.warnings)


def test_wrong_options_are_refused_with_the_known_ones(index: Path) -> None:
    with pytest.raises(ConvertersToolsUserError, match=r"field_positions.*The options are.*flat_field"):
        _scan(index, field_positions="guessed")
