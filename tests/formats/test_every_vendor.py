"""What holds for every plate microscope alike: damaged metadata, other vendors' folders, conditions, several acquisitions."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from made_vendors import VENDORS, Vendor

from fractal_omezarr_converters.convert import convert, plan
from fractal_omezarr_converters.core.columns import AXES
from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsUserError
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.ngff.plate_reader import open_plate
from fractal_omezarr_converters.ngff.reader import open_image
from fractal_omezarr_converters.testing.synthetic_plate import PlaneKey, SyntheticChannel

SECOND_CYCLE = (
    SyntheticChannel(1, "GFP", 509, -5.0),
    SyntheticChannel(2, "Cy3", 570, -5.0),
    SyntheticChannel(3, "Cy5", 670, -2.0),
)
WORTHLESS = ("", "x", "-1", "0", "1e400", "99999999999999999999", "nan", "-7.5", "2147483648")
IMAGES = {".tif", ".tiff", ".png"}


every_vendor = pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)


def _metadata(source: Path) -> list[Path]:
    return sorted(each for each in source.rglob("*") if each.is_file() and each.suffix.lower() not in IMAGES)


def _damaged(path: Path) -> Iterator[tuple[str, bytes]]:
    """Ways in which a file of metadata can be wrong."""
    data = path.read_bytes()
    for cut in (0, 1, len(data) // 10, len(data) // 2, len(data) - 1):
        yield f"cut after {cut} of {len(data)} bytes", data[:cut]
    yield "of other content", b"\xff\xfe\x00garbage\x00" * 20
    yield "in UTF-16", data.decode("latin-1").encode("utf-16")
    text = data.decode("latin-1")
    chosen = random.Random(path.name)
    numbers = list(re.finditer(r"(?<![\w.])-?\d+(\.\d+)?(?![\w.])", text))
    for number in chosen.sample(numbers, min(12, len(numbers))):
        around = text[max(0, number.start() - 30) : number.end()]
        for worthless in WORTHLESS:
            changed = text[: number.start()] + worthless + text[number.end() :]
            yield f"with {worthless!r} after {around!r}", changed.encode("latin-1")


@every_vendor
def test_damaged_metadata_are_told_in_sentences(vendor: Vendor, tmp_path: Path) -> None:
    """Whatever is wrong in one file: a plate or a sentence that ends, names the file or the folder, and no other error."""
    source = vendor.made(tmp_path).folders[0]
    for path in islice(_metadata(source), 6):
        before = path.read_bytes()
        for what, damaged in _damaged(path):
            path.write_bytes(damaged)
            try:
                assert len(vendor.scan(source).tiles) > 0
            except ConvertersToolsError as error:
                said = str(error)
                assert said.rstrip().endswith((".", "]")) or "\n" in said, (path.name, what, said)
                assert source.name in said or "Plate '" in said, (path.name, what, said)
        path.write_bytes(before)
    assert len(vendor.scan(source).tiles) > 0


@every_vendor
def test_folders_of_other_vendors_are_refused(vendor: Vendor, tmp_path: Path) -> None:
    for name, other in VENDORS.items():
        if vendor.format in (other.format, "named_images"):
            continue
        source = other.made(tmp_path / name).folders[0]
        assert not registry.get(vendor.format).recognises(source), name
        with pytest.raises(ConvertersToolsUserError, match=re.escape(source.name)):
            vendor.scan(source)


@every_vendor
def test_only_its_own_format_recognises_a_folder(vendor: Vendor, tmp_path: Path) -> None:
    source = vendor.made(tmp_path).folders[0]
    found = [name for name, each in registry.formats().items() if each.recognises(source)]
    assert found == ([] if vendor.format == "named_images" else [vendor.format])


@every_vendor
def test_folders_that_are_not_there_empty_or_files(vendor: Vendor, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("nothing")
    for name in ("absent", "empty", "notes.txt"):
        with pytest.raises(ConvertersToolsUserError, match=name):
            vendor.scan(tmp_path / name)


@every_vendor
def test_conditions_and_two_acquisitions_of_one_plate(vendor: Vendor, tmp_path: Path) -> None:
    """The second cycle goes into the same plate; a condition table is joined to the wells of both."""
    truth = vendor.made(tmp_path / "in", acquisitions=2, planes=1)
    table = tmp_path / "conditions.csv"
    table.write_text("well,drug,dose\nB03,DMSO,0\nC04,Taxol,2.5\n")
    done = convert(
        list(truth.folders),
        tmp_path / "out",
        workers=1,
        format=vendor.format,
        format_options=vendor.options,
        plate_name="Cycles",
        acquisition_options={"condition_table_path": str(table)},
        verify=True,
    )
    assert done.verification is not None and done.verification.ok
    found = {
        (each["attributes"]["well"], each["attributes"]["acquisition"]): (
            each["attributes"]["drug"],
            each["attributes"]["dose"],
        )
        for each in done.updates
    }
    assert found == {
        (well, acquisition): condition
        for acquisition in (0, 1)
        for well, condition in (("B03", ("DMSO", 0.0)), ("C04", ("Taxol", 2.5)))
    }
    tables = {tuple(open_image(each["zarr_url"]).table("condition_table")["drug"]) for each in done.updates}
    assert tables == {("DMSO",), ("Taxol",)}


@every_vendor
def test_two_acquisitions_keep_their_own_channels_and_names(vendor: Vendor, tmp_path: Path) -> None:
    """Images 0 and 1 of each well have the channels of their cycle; the plate document lists both by name."""
    first = vendor.made(tmp_path / "first", acquisitions=2, planes=1).folders[0]
    second = vendor.made(tmp_path / "second", acquisitions=2, planes=1, channels=SECOND_CYCLE).folders[1]
    options = {"format": vendor.format, "format_options": vendor.options, "plate_name": "Cycles"}
    assert plan([first, second], **options).plates["Cycles.zarr"]["acquisitions"] == [0, 1]
    done = convert([first, second], tmp_path / "out", workers=1, verify=True, **options)
    assert done.verification is not None and done.verification.ok
    plate = open_plate(tmp_path / "out" / "Cycles.zarr")
    assert plate.image_paths() == ["B/03/0", "B/03/1", "C/04/0", "C/04/1"]
    names = [each["name"] for each in plate.acquisitions]
    assert [each["id"] for each in plate.acquisitions] == [0, 1] and all(names)
    assert not {"acquisition 0", "acquisition 1"} & set(names), names  # what an acquisition without a name is called
    labels = [[each["label"] for each in image.attributes["omero"]["channels"]] for image in plate.images()]
    for before, after in (labels[:2], labels[2:]):
        assert len(before) == 2 and not {each.name for each in SECOND_CYCLE} & set(before)
        assert sorted(after) == sorted(each.name for each in SECOND_CYCLE)


@every_vendor
def test_wells_and_planes_can_be_chosen(vendor: Vendor, tmp_path: Path) -> None:
    source = vendor.made(tmp_path).folders[0]
    made = plan(source, format=vendor.format, format_options=vendor.options, wells=["C04"])
    assert [each.path.split("/")[1:3] for each in made.images] == [["C", "04"]]


@pytest.mark.parametrize(
    "vendor", [each for each in VENDORS.values() if each.format != "named_images"], ids=lambda each: each.format
)
@pytest.mark.parametrize("frame", [0, 2])
def test_frames_that_lack_a_well_or_fields_are_as_far_apart_as_the_others(
    vendor: Vendor, frame: int, tmp_path: Path
) -> None:
    """Wells and fields are imaged one after the other: which of them a frame lacks says nothing of its time."""
    settings = {"layout": (1, 4), "times": 3, "seconds": 47.5, "planes": 1}
    first = vendor.made(tmp_path / "numbering", **settings).fields[0]
    lost = [
        *(PlaneKey("C04", field + first, channel, 0, frame) for field in range(4) for channel in range(2)),
        *(PlaneKey("B03", field + first, channel, 0, frame) for field in (2, 3) for channel in range(2)),
    ]
    truth = vendor.made(
        tmp_path / "plate", **settings, **{"missing" if vendor.format == "metaxpress" else "absent": lost}
    )
    scan = vendor.scan(truth.folders[0])
    assert scan.tiles.acquisitions[0].t_spacing == pytest.approx(47.5)
    assert sorted(set(scan.tiles.start[:, 0] - scan.tiles.start[:, 0].min())) == pytest.approx([0, 47.5, 95])
    assert not [each for each in scan.warnings if "rhythm" in each]


@pytest.mark.parametrize(
    "name", ["cellvoyager", "imagexpress_hcsai", "incell", "metaxpress", "micromanager_images", "operetta", "scanr"]
)
def test_a_channel_that_begins_at_a_later_plane_does_not_move_the_image(name: str, tmp_path: Path) -> None:
    """Plane 0 keeps its height, and the channel its offset, though the channel has no image there."""
    vendor = VENDORS[name]
    whole = vendor.scan(vendor.made(tmp_path / "whole", planes=3, wells=("B03",)).folders[0])
    lost = [PlaneKey("B03", field, 0, 0) for field in (1, 2)]
    part = vendor.scan(vendor.made(tmp_path / "part", planes=3, wells=("B03",), missing=lost).folders[0])
    z = AXES.index("z")
    assert len(part.tiles) < len(whole.tiles)
    assert part.tiles.start[:, z].max() == pytest.approx(whole.tiles.start[:, z].max(), abs=0.01)
    offsets = [[each.z_offset for each in scan.tiles.acquisitions[0].channels or []] for scan in (whole, part)]
    assert offsets[1] == pytest.approx(offsets[0], abs=0.01)


@pytest.mark.parametrize(
    ("name", "damaged"),
    [
        ("cellvoyager", ["MeasurementData.mlf", "MeasurementDetail.mrf"]),
        ("micromanager_images", ["B03-Site_0/metadata.txt", "C04-Site_1/metadata.txt"]),
        ("micromanager_stacks", ["*B03-Site_0.ome.tif", "*C04-Site_1.ome.tif"]),
        ("squid", ["acquisition parameters.json", "0/coordinates.csv", "acquisition.yaml"]),
    ],
)
def test_problems_of_several_files_are_said_together(name: str, damaged: list[str], tmp_path: Path) -> None:
    source = VENDORS[name].made(tmp_path).folders[0]
    paths = [next(source.glob(each)) for each in damaged]
    for path in paths:
        begin = b"{" if path.name == "metadata.txt" else b""
        path.write_bytes(begin + b'"Summary" this is no metadata: at all')
    with pytest.raises(ConvertersToolsUserError, match=r"\(\d problems\)") as raised:
        VENDORS[name].scan(source)
    for path in paths:
        assert str(path) in str(raised.value)


def test_a_second_description_in_a_folder_is_refused_or_said(tmp_path: Path) -> None:
    """Two generations or two measurements in one folder: never one of them in silence."""
    plates = {name: each.made(tmp_path / name, planes=1).folders[0] for name, each in VENDORS.items()}
    for name, marker in (
        ("incell", "*.xdce"),
        ("imagexpress_hcsai", "experiment/*.jdce"),
        ("ome_plate", "*.companion.ome"),
    ):
        (first,) = plates[name].glob(marker)
        (first.parent / f"other{''.join(first.suffixes)}").write_bytes(first.read_bytes())
        with pytest.raises(ConvertersToolsUserError, match=r"holds 2 .*other"):
            VENDORS[name].scan(plates[name])
    for name in ("cellvoyager", "operetta", "metaxpress"):
        both = VENDORS[name].made(tmp_path / f"two_{name}", planes=1, acquisitions=2).folders
        with pytest.raises(ConvertersToolsUserError, match=r"holds 2 (measurements|acquisitions)"):
            VENDORS[name].scan(both[0].parent)
    newer = VENDORS["operetta"].made(tmp_path / "newer", planes=1, flavour="V7").folders[0]
    (index,) = newer.rglob("Index.xml")
    (plates["operetta"] / "Images" / "Index.xml").write_bytes(index.read_bytes())
    assert any("holds more than one index" in each for each in VENDORS["operetta"].scan(plates["operetta"]).warnings)
    for path in plates["micromanager_stacks"].glob("*.tif"):
        (plates["micromanager_images"] / path.name).write_bytes(path.read_bytes())
    mixed = VENDORS["micromanager_images"].scan(plates["micromanager_images"])
    assert any("the stacks are converted" in each for each in mixed.warnings)


def test_files_that_an_ome_plate_does_not_name_are_said(tmp_path: Path) -> None:
    source = VENDORS["ome_plate"].made(tmp_path, planes=1).folders[0]
    first = next(source.glob("*.ome.tif"))
    (source / "other.ome.tif").write_bytes(first.read_bytes())
    assert any("does not name 1 OME-TIFF files" in each for each in VENDORS["ome_plate"].scan(source).warnings)
