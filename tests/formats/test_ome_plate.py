"""Plates in OME-TIFF: files and pages, companions, positions, units and states, from artificial plates of known truth."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.formats.contract import Scan
from fractal_omezarr_converters.testing import (
    PlaneKey,
    SyntheticOmePlate,
    check_format,
    convert_and_compare,
    write_ome_plate,
)

FULL: dict[str, Any] = {
    "times": 2,
    "planes": 3,
    "layout": (2, 3),
    "acquisitions": 2,
    "pixel_size_y": 0.8,
}
UGLY: dict[str, Any] = FULL | {
    "files": "plane",
    "missing": [PlaneKey("B03", 2, 0, 1, 1)],
    "absent": [PlaneKey("C05", 4, 1, 1, 0)],
}


def _scan(truth: SyntheticOmePlate, acquisition: int = 0, **options: Any) -> Scan:
    return registry.get("ome_plate").scan(str(truth.folders[acquisition]), options=options)


def _edited(truth: SyntheticOmePlate, old: str, new: str) -> SyntheticOmePlate:
    path = truth.folders[0] / "plate.companion.ome"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    return truth


def _rewritten(path: Path, old: str, new: str, encoding: str = "utf-8") -> None:
    """Change the OME-XML in a TIFF file."""
    with tifffile.TiffFile(path) as file:
        pages, text = file.asarray(key=range(len(file.pages))), str(file.pages.first.description)
    assert old in text
    with tifffile.TiffWriter(path) as tiff:
        for number, page in enumerate(pages if pages.ndim > 2 else [pages]):
            description = text.replace(old, new).encode(encoding) if number == 0 else None
            tiff.write(page, description=description, metadata=None, contiguous=False)


def test_conformance(tmp_path: Path) -> None:
    check_format("ome_plate", write_ome_plate(tmp_path, companion=True, **UGLY).folders[1])


@pytest.mark.parametrize(
    "settings",
    [
        FULL | {"files": "plate"},
        FULL | {"files": "field", "units": False},
        FULL | {"files": "field", "companion": True, "positions": "sample"},
        UGLY,
        UGLY | {"companion": True},
    ],
)
def test_every_plane_and_field_is_where_it_belongs(tmp_path: Path, settings: dict[str, Any]) -> None:
    truth = write_ome_plate(tmp_path / "in", **settings)
    assert registry.detect(truth.folders[0]).name == "ome_plate"
    convert_and_compare(truth, tmp_path / "out", format_name="ome_plate")


def test_y_may_grow_upwards(tmp_path: Path) -> None:
    truth = write_ome_plate(tmp_path / "in", y_up=True, planes=1)
    convert_and_compare(truth, tmp_path / "out", format_name="ome_plate", format_options={"flip_y": True})


def test_numbers_are_those_of_the_xml(tmp_path: Path) -> None:
    scan = _scan(write_ome_plate(tmp_path, times=3, planes=2, seconds=47.5, pixel_size_y=0.7))
    details = scan.tiles.acquisitions[0]
    assert (details.xy_pixel_size, details.y_pixel_size, details.z_spacing) == (0.65, 0.7, 1.5)
    assert details.t_spacing == pytest.approx(47.5) and np.diff(scan.facts["frame_times_s"]) == pytest.approx(
        [47.5] * 2
    )
    assert [each.channel_label for each in details.channels or ()] == ["DAPI", "Alexa 647"]
    assert [each.color for each in details.channels or ()] == ["#FF0000", "#FF0001"]
    assert [each.wavelength_id for each in details.channels or ()] == ["456", "706"]
    assert scan.plate is not None
    assert (scan.plate.name, scan.plate.rows, scan.plate.columns) == ("Synthetic Plate", 8, 12)
    assert scan.plate.start_time == 1714557600


def test_without_positions_a_grid_is_asked_for(tmp_path: Path) -> None:
    truth = write_ome_plate(tmp_path / "in", positions="none", planes=1)
    with pytest.raises(ConvertersToolsUserError, match="set field_grid"):
        _scan(truth)
    grid = {"columns": 2, "order": "snake"}
    scan = _scan(truth, field_grid=grid)
    assert len({(t.start_x, t.start_y) for t in scan.tiles}) == 4


def _without_positions(truth: SyntheticOmePlate, image: str, channel: int | None = None) -> SyntheticOmePlate:
    """Take the positions of the planes of an image out, of one channel or of all."""
    path = truth.folders[0] / "plate.companion.ome"
    before, begin, after = path.read_text("utf-8").partition(f'<Image ID="{image}"')
    mine, end, after = after.partition("</Image>")
    plane = rf'(<Plane TheC="{r"\d" if channel is None else channel}"[^>]*?) PositionX="[^"]*" PositionY="[^"]*"'
    mine, count = re.subn(plane, r"\1", mine)
    assert count
    path.write_text(before + begin + mine + end + after, "utf-8")
    return truth


def test_positions_in_pixels_are_those_in_micrometres(tmp_path: Path) -> None:
    truth = write_ome_plate(tmp_path / "in", planes=2, companion=True, layout=(2, 2), pixel_size=0.4, pixel_size_y=0.65)
    path = truth.folders[0] / "plate.companion.ome"
    as_they_were = _scan(truth)

    def in_pixels(found: re.Match[str]) -> str:
        size = {
            "X": as_they_were.tiles.acquisitions[0].xy_pixel_size,
            "Y": as_they_were.tiles.acquisitions[0].y_pixel_size,
        }
        return f'Position{found[1]}="{float(found[2]) / size[found[1]]!r}" Position{found[1]}Unit="pixel"'

    text, count = re.subn(r'Position([XY])="([^"]*)"', in_pixels, path.read_text("utf-8"))
    assert count
    path.write_text(text, "utf-8")
    np.testing.assert_allclose(_scan(truth).tiles.start, as_they_were.tiles.start, atol=1e-9)


def test_positions_in_a_frame_of_their_own_are_said(tmp_path: Path) -> None:
    truth = write_ome_plate(tmp_path / "in", planes=1, companion=True, layout=(2, 2))
    assert not any("reference frame" in each for each in _scan(truth).warnings)
    path = truth.folders[0] / "plate.companion.ome"
    path.write_text(
        path.read_text("utf-8").replace(' PositionX="', ' PositionXUnit="reference frame" PositionX="'), "utf-8"
    )
    (said,) = [each for each in _scan(truth).warnings if "reference frame" in each]
    assert said.startswith(f"'{path}' states positions") and said.endswith("they are taken as µm.")


@pytest.mark.parametrize("nothing", ["NaN", "nan", ""])
def test_numbers_that_are_not_known_are_not_stated(tmp_path: Path, nothing: str) -> None:
    """Some instruments write NaN for the z step of single planes, and for times and places that they did not record."""
    truth = write_ome_plate(tmp_path / "in", planes=1, companion=True, units=False)
    path = truth.folders[0] / "plate.companion.ome"
    text = re.sub(r'(PhysicalSizeZ|DeltaT)="[^"]*"', rf'\1="{nothing}"', path.read_text("utf-8"))
    text = text.replace("<Plane ", f'<Plane PositionZ="{nothing}" ')
    of_second_channel = r'(<Plane [^>]*TheC="1"[^>]*) PositionX="[^"]*" PositionY="[^"]*"'
    text = re.sub(of_second_channel, rf'\1 PositionX="{nothing}" PositionY="{nothing}"', text)
    path.write_text(text, "utf-8")
    assert _scan(truth).states.missing_file == 0
    convert_and_compare(truth, tmp_path / "out", format_name="ome_plate")


def test_planes_without_a_position_lie_where_the_others_of_their_field_do(tmp_path: Path) -> None:
    truth = write_ome_plate(tmp_path / "in", planes=1, companion=True, layout=(2, 2))
    for well in truth.wells:
        for number in truth.fields:
            _without_positions(truth, f"Image:{well}-{number}", channel=1)
    convert_and_compare(truth, tmp_path / "out", format_name="ome_plate")


def test_a_field_without_a_position_is_refused_unless_it_is_alone_or_on_a_grid(tmp_path: Path) -> None:
    settings = {"planes": 1, "companion": True}
    truth = _without_positions(write_ome_plate(tmp_path / "a", layout=(1, 3), **settings), "Image:C05-3")
    with pytest.raises(
        ConvertersToolsUserError, match=r"of 1 fields \(for example field 3 of well C05\), but of others"
    ):
        _scan(truth)
    assert len(_scan(truth, field_grid={"columns": 3}).tiles) == 12
    alone = _without_positions(write_ome_plate(tmp_path / "b", layout=(1, 1), **settings), "Image:C05-1")
    assert len(_scan(alone).tiles) == 4


def test_positions_on_the_stage_and_in_the_well_are_not_mixed(tmp_path: Path) -> None:
    """Only the first field states where the stage was, all where they lie in their well."""
    truth = write_ome_plate(tmp_path / "in", planes=1, layout=(2, 2), companion=True, positions="sample")
    _edited(truth, '<Plane TheC="0" TheZ="0" TheT="0"', '<Plane TheC="0" TheZ="0" TheT="0" At=""')
    path = truth.folders[0] / "plate.companion.ome"
    path.write_text(path.read_text("utf-8").replace('At=""', 'PositionX="50000" PositionY="40000"', 1), "utf-8")
    assert any("7 of 8 fields in" in each and "(WellSample) are used for all" in each for each in _scan(truth).warnings)
    convert_and_compare(truth, tmp_path / "out", format_name="ome_plate")


def _edited_once(path: Path, pattern: str, new: str) -> None:
    text, count = re.subn(pattern, new, path.read_text("utf-8"), count=1, flags=re.DOTALL)
    assert count == 1
    path.write_text(text, "utf-8")


def test_positions_on_the_stage_and_in_the_well_are_not_mixed_where_neither_is_of_all(tmp_path: Path) -> None:
    """The first field states a place on the stage alone, the others one in the well alone: they lay centimetres apart."""
    truth = write_ome_plate(tmp_path, planes=1, layout=(2, 2), companion=True, positions="sample")
    path = truth.folders[0] / "plate.companion.ome"
    _edited_once(path, '(ID="Image:B03-1".*?<Plane)', r'\1 PositionX="50000" PositionY="40000"')
    _edited_once(path, '(ID="S:B03-1"[^>]*) PositionX="[^"]*" PositionY="[^"]*"', r"\1")
    with pytest.raises(
        ConvertersToolsUserError, match=r"of 3 fields \(for example field 2 of well B03\), and one on the"
    ):
        _scan(truth)
    assert not any("position" in each for each in _scan(truth, field_grid={"columns": 2}).warnings)


def test_fields_without_pixels_need_no_position(tmp_path: Path) -> None:
    """Of all that have pixels the place in the well is known."""
    truth = write_ome_plate(tmp_path, planes=1, layout=(2, 2), companion=True, positions="sample")
    path = truth.folders[0] / "plate.companion.ome"
    _edited_once(path, '(ID="Image:B03-1".*?<Plane)', r'\1 PositionX="50000" PositionY="40000"')
    _edited_once(path, '(ID="S:B03-4"[^>]*) PositionX="[^"]*" PositionY="[^"]*"', r"\1")
    path.write_text(_without_files(path.read_text("utf-8"), "Image:B03-4"), "utf-8")
    scan = _scan(truth)
    assert any("6 of 7 fields in" in each and "are used for all" in each for each in scan.warnings)
    assert max(abs(tile.start_x) for tile in scan.tiles) < 100


def test_a_field_that_was_not_imaged_keeps_its_number_and_its_place_in_the_grid(tmp_path: Path) -> None:
    truth = write_ome_plate(tmp_path, positions="none", planes=1, layout=(1, 3), companion=True)
    _edited(truth, '<ImageRef ID="Image:C05-2"/>', "")
    scan = _scan(truth, field_grid={"columns": 3})
    x = {well: {} for well in ("B03", "C05")}
    for tile in scan.tiles:
        x[tile.collection.well][tile.fov_name] = tile.start_x
    assert list(x["B03"]) == ["FOV_1", "FOV_2", "FOV_3"]
    assert x["C05"] == {name: x["B03"][name] for name in ("FOV_1", "FOV_3")}
    assert any("C05 lacks [2]" in each for each in scan.warnings)


def test_states_are_counted(tmp_path: Path) -> None:
    scan = _scan(write_ome_plate(tmp_path, **UGLY))
    assert (scan.states.missing_file, scan.states.never_acquired) == (1, 1)


def test_the_pixel_size_may_come_from_the_options(tmp_path: Path) -> None:
    truth = write_ome_plate(tmp_path, planes=1, companion=True, units=False)
    _edited(truth, 'PhysicalSizeX="0.65"', "")
    _edited(truth, 'PhysicalSizeY="0.65"', "")
    with pytest.raises(ConvertersToolsUserError, match=r"states no pixel size \(PhysicalSizeX\)"):
        _scan(truth)
    assert _scan(truth, pixel_size=0.5).tiles.acquisitions[0].xy_pixel_size == 0.5


def test_one_of_several_plates_is_chosen_by_name(tmp_path: Path) -> None:
    truth = write_ome_plate(tmp_path, planes=1, companion=True)
    assert len(_scan(truth, plate="").tiles) == 16, "an empty text names none"
    _edited(truth, "</Plate>", '</Plate><Plate ID="Plate:1" Name="Other"/>')
    with pytest.raises(ConvertersToolsUserError, match="describes the plates Synthetic Plate, Other; name one"):
        _scan(truth)
    assert len(_scan(truth, plate="Synthetic Plate").tiles) == 16
    with pytest.raises(ConvertersToolsUserError, match="describes the plate 'Other' with no well"):
        _scan(truth, plate="Other")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '<ImageRef ID="Image:B03-2"/>',
            '<ImageRef ID="Image:9"/>',
            r"refers to the image 'Image:9', which is not described",
        ),
        ('SizeC="2"', 'SizeC="0"', r"'SizeC' of <Pixels> is 0; expected 1 to"),
        ('Row="1"', 'Row="first"', r"'Row' of <Well> is 'first'"),
        ('PhysicalSizeXUnit="nm"', 'PhysicalSizeXUnit="cubit"', r"has the unit 'cubit'"),
        ("</OME>", "", "ends too early"),
        ("Plate ", "Tray ", "does not|not valid XML|describes no plate"),
    ],
)
def test_metadata_that_lie(tmp_path: Path, old: str, new: str, message: str) -> None:
    truth = write_ome_plate(tmp_path, planes=1, companion=True)
    with pytest.raises(ConvertersToolsUserError, match=message):
        _scan(_edited(truth, old, new))


@pytest.mark.parametrize(("own", "refused"), [('UUID="urn:uuid:1"', True), ("", True), ('UUID="urn:uuid:1"', False)])
def test_files_that_are_named_by_identifiers_alone(tmp_path: Path, own: str, refused: bool) -> None:
    """Every other file would be taken for the one that holds the OME-XML; that one may be named so."""
    truth = write_ome_plate(tmp_path, planes=1, layout=(1, 2), wells=("B03",), files="field" if refused else "plate")
    path = sorted(truth.folders[0].glob("*.ome.tif"))[0]
    with tifffile.TiffFile(path) as file:
        pages, text = file.asarray(key=range(len(file.pages))), file.pages.first.description
    text = re.sub(r'<UUID FileName="(B03_2)?.*?">.*?<', lambda m: f"<UUID>urn:uuid:{2 if m[1] else 1}<", text)
    text = text.replace("<OME ", f"<OME {own} ")
    tifffile.imwrite(path, pages, description=text, metadata=None, photometric="minisblack")
    if refused:
        with pytest.raises(ConvertersToolsUserError, match=r"names files by their UUID alone \(for example 'urn:uuid:"):
            _scan(truth)
    else:
        convert_and_compare(truth, tmp_path / "out", format_name="ome_plate")


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("declared", ["UTF-8", "ISO-8859-1", "utf-16", "windows-1252"])
def test_text_in_a_tiff_file_is_read_whatever_it_declares_its_encoding_to_be(
    tmp_path: Path, declared: str, encoding: str
) -> None:
    """Programs store the text in another encoding than it declares, and TIFF readers decode it before."""
    truth = write_ome_plate(tmp_path, planes=1, files="plate", units=False)
    path = truth.folders[0] / "all.ome.tif"
    _rewritten(path, 'PhysicalSizeX="', 'PhysicalSizeXUnit="µm" PhysicalSizeX="', encoding)
    name = f'Name="{truth.channels[0].name}"'
    _rewritten(path, name, 'Name="Noyau à 5 µm"', encoding)
    _rewritten(path, 'encoding="UTF-8"', f'encoding="{declared}"', encoding)
    details = _scan(truth).tiles.acquisitions[0]
    assert next(each.channel_label for each in details.channels or ()) == "Noyau à 5 µm"
    assert details.xy_pixel_size == truth.pixel_size


def _without_files(text: str, *images: str) -> str:
    """Take the ``TiffData`` away from some images."""
    for image in images:
        begin = text.index(f'<Image ID="{image}"')
        end = text.index("</Image>", begin)
        text = text[:begin] + re.sub("<TiffData.*?</TiffData>", "", text[begin:end]) + text[end:]
    return text


@pytest.mark.parametrize("companion", [True, False])
def test_images_without_pixels_beside_others_are_left_out(tmp_path: Path, companion: bool) -> None:
    """The first pages of the file are those of another image."""
    truth = write_ome_plate(tmp_path, planes=1, layout=(1, 2), files="plate", companion=companion)
    path = truth.folders[0] / ("plate.companion.ome" if companion else "all.ome.tif")
    if companion:
        path.write_text(_without_files(path.read_text("utf-8"), "Image:C05-1"), "utf-8")
    else:
        text = str(tifffile.TiffFile(path).pages.first.description)
        _rewritten(path, text, _without_files(text, "Image:C05-1"))
    scan = _scan(truth)
    assert sorted({(tile.collection.well, tile.fov_name) for tile in scan.tiles}) == [
        ("B03", "FOV_1"),
        ("B03", "FOV_2"),
        ("C05", "FOV_2"),
    ]
    assert scan.states.missing_file == 0
    assert any("1 images of wells in" in each and "have no pixels (no TiffData)" in each for each in scan.warnings)


def test_several_images_without_a_word_on_their_pages_are_refused(tmp_path: Path) -> None:
    truth = write_ome_plate(tmp_path, planes=1, layout=(1, 1), files="plate")
    path = truth.folders[0] / "all.ome.tif"
    text = str(tifffile.TiffFile(path).pages.first.description)
    _rewritten(path, text, _without_files(text, "Image:B03-1", "Image:C05-1"))
    with pytest.raises(ConvertersToolsUserError, match="describes several images and not which pages hold them"):
        _scan(truth)


@pytest.mark.parametrize("uuid", ["", ' UUID="urn:uuid:1"'])
def test_a_file_that_was_renamed_holds_its_own_images(tmp_path: Path, uuid: str) -> None:
    """The OME-XML in a file still calls it by its former name."""
    truth = write_ome_plate(tmp_path / "in", planes=1, files="plate")
    path = truth.folders[0] / "all.ome.tif"
    _rewritten(path, "<OME ", f"<OME{uuid} ")
    path.rename(path.with_name("day 1.ome.tif"))
    assert any("calls itself 'all.ome.tif'" in each for each in _scan(truth).warnings)
    convert_and_compare(truth, tmp_path / "out", format_name="ome_plate")


def test_a_file_of_another_identifier_than_the_named_one_was_not_renamed(tmp_path: Path) -> None:
    """Its OME-XML tells of images in another file, which is not there; its own pages are others."""
    truth = write_ome_plate(tmp_path, planes=1, files="plate")
    path = truth.folders[0] / "all.ome.tif"
    _rewritten(path, "<OME ", '<OME UUID="urn:uuid:9" ')
    path.rename(path.with_name("overview.ome.tif"))
    scan = _scan(truth)
    assert scan.states.missing_file == len(scan.tiles) and scan.states.examples["missing_file"][0] == "all.ome.tif"
    assert not any("renamed" in each for each in scan.warnings)


def _renamed(truth: SyntheticOmePlate, *, identifiers: bool = True) -> None:
    """Rename the files of a plate of one well, each of which states its own identifier."""
    for path in list(truth.folders[0].glob("*.tif")):
        for number in truth.fields if identifiers else ():
            if not truth.companion:
                _rewritten(path, f'B03_{number}.ome.tif">urn:uuid:1<', f'B03_{number}.ome.tif">urn:uuid:{number}0<')
        if identifiers:
            _rewritten(path, "<OME ", f'<OME UUID="urn:uuid:{path.name[4]}0" ')
        path.rename(path.with_name(f"day 1 {path.name}"))


@pytest.mark.parametrize("companion", [False, True])
def test_files_that_were_renamed_are_known_by_their_identifiers(tmp_path: Path, companion: bool) -> None:
    truth = write_ome_plate(tmp_path / "in", planes=1, wells=("B03",), companion=companion)
    for number in truth.fields if companion else ():
        _edited(truth, f'B03_{number}.ome.tif">urn:uuid:1<', f'B03_{number}.ome.tif">urn:uuid:{number}0<')
    _renamed(truth)
    said = [each for each in _scan(truth).warnings if "renamed" in each]
    assert "'B03_1.ome.tif': it was renamed" in said[0] and said[-1].startswith("1 more files")
    assert not any("does not name" in each for each in _scan(truth).warnings)
    convert_and_compare(truth, tmp_path / "out", format_name="ome_plate")


def test_files_without_identifiers_that_were_renamed_are_missing(tmp_path: Path) -> None:
    truth = write_ome_plate(tmp_path, planes=1, wells=("B03",), layout=(1, 2))
    _renamed(truth, identifiers=False)
    assert any("No image file" in each for each in _scan(truth).warnings)


def test_full_paths_of_another_computer_mean_the_files_beside(tmp_path: Path) -> None:
    truth = write_ome_plate(tmp_path / "in", companion=True, wells=("B03",))
    _edited(truth, 'FileName="', 'FileName="C:\\data\\plate\\')
    assert not any("does not name" in each for each in _scan(truth).warnings)
    convert_and_compare(truth, tmp_path / "out", format_name="ome_plate")


def test_an_image_of_two_wells_is_said(tmp_path: Path) -> None:
    truth = write_ome_plate(tmp_path, planes=1, companion=True, layout=(1, 2))
    assert not any("another plane" in each for each in _scan(truth).warnings)
    scan = _scan(_edited(truth, '<ImageRef ID="Image:C05-2"/>', '<ImageRef ID="Image:B03-2"/>'))
    said = next(each for each in scan.warnings if "another plane" in each)
    assert said.startswith("2 planes of ") and "'B03_2.ome.tif': well B03 field 2 channel DAPI" in said
    assert "and well C05 field 2 channel DAPI plane 0 time 0); it is written to both places" in said


def test_images_without_a_plate_are_not_a_plate(tmp_path: Path, shared_data: Path) -> None:
    source = shared_data / "ometiff" / "ome-types"
    assert not registry.get("ome_plate").recognises(source)
    overview = source / "xml" / "OverViewScan.ome.xml"  # has a plate by name, without wells
    assert not registry.get("ome_plate").recognises(overview)
    with pytest.raises(ConvertersToolsUserError, match="describes the plate 'Plate:1' with no well"):
        registry.get("ome_plate").scan(str(overview))
    companions = shared_data / "ome-tiff-spw" / "faim-companion-ome"
    assert not any(registry.get("ome_plate").recognises(each) for each in [companions, *companions.glob("*.ome")])
    with pytest.raises(ConvertersToolsUserError, match="describes no plate, but images alone"):
        registry.get("ome_plate").scan(str(companions / "c3_z33.companion.ome"))
    with pytest.raises(ConvertersToolsUserError, match=r"begins at c 0, z 0, t 5, outside of image .* 5 frames"):
        registry.get("ome_plate").scan(str(next(companions.glob("2024*"))))
    with pytest.raises(ConvertersToolsFileNotFoundError, match="holds no OME-XML"):
        registry.get("ome_plate").scan(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "options", "wells"),
    [
        ("hcs", {}, None),
        ("fake-plate-rows-2", {}, None),
        ("one-screen-one-plate-four-wells", {"field_grid": {"columns": 2}}, 4),
        ("two-screens-two-plates-four-wells", {"field_grid": {"columns": 2}, "plate": "Plate:1"}, None),
    ],
)
def test_published_documents_of_plates_can_be_planned(
    shared_data: Path, name: str, options: dict[str, Any], wells: int | None
) -> None:
    source = shared_data / "ome-tiff-spw" / "ome-types-xml" / f"{name}.ome.xml"
    scan = registry.get("ome_plate").scan(str(source), options={"pixel_size": 1.0, **options})
    assert len(scan.tiles) > 0 and any("only a plan" in each for each in scan.warnings)
    assert wells is None or scan.facts["wells"] == wells
