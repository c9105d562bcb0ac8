"""Cases that fuzzing found: each raised something that is no error of ours."""

from __future__ import annotations

import contextlib
import json
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from pydantic import ValidationError

from fractal_omezarr_converters.convert import convert, plan, verify
from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsUserError
from fractal_omezarr_converters.fractal.acquisition_inputs import AcquisitionInput
from fractal_omezarr_converters.fractal.compute import generic_compute_task
from fractal_omezarr_converters.fractal.handover import tiled_image_from_json_str
from fractal_omezarr_converters.fractal.init import init_acquisitions
from fractal_omezarr_converters.models.chunking import FovBasedChunking
from fractal_omezarr_converters.models.loaders import DefaultImageLoader
from fractal_omezarr_converters.models.options import ConverterOptions
from fractal_omezarr_converters.models.plain_tiff import read_plain_tiff
from fractal_omezarr_converters.ngff.reader import open_image
from fractal_omezarr_converters.ngff.summaries import info
from fractal_omezarr_converters.pipelines.plan import plan_image
from fractal_omezarr_converters.testing import write_hcsai, write_operetta, write_scanr, write_squid


def changed(folder: Path, pattern: str, old: str, new: str) -> None:
    """Replace a text in the first file of this name that has it."""
    for path in sorted(folder.rglob(pattern)):
        content = path.read_bytes()
        if old.encode() in content:
            path.write_bytes(content.replace(old.encode(), new.encode(), 1))
            return
    raise AssertionError(f"no {pattern} holds {old}")


def test_a_matrix_that_is_no_number(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, wells=("B03",), layout=(1, 2), overlap=0)
    (index,) = tmp_path.rglob("Index*.xml")
    text = index.read_text("utf-8")
    begin = text.index("[[") + 2
    index.write_text(text[:begin] + "1e400" + text[text.index(",", begin) :], "utf-8")
    with pytest.raises(ConvertersToolsUserError, match="OrientationMatrix"):
        plan(truth.folders[0])


def test_a_folder_whose_name_no_disk_has(tmp_path: Path) -> None:
    truth = write_hcsai(tmp_path)
    changed(tmp_path, "*.csv", "timepoint0", "timepoint" + "9" * 400)
    with pytest.warns(Warning, match="999"):
        plan(truth.folders[0])


def test_an_absolute_name_of_a_file(tmp_path: Path) -> None:
    truth = write_hcsai(tmp_path)
    changed(tmp_path, "*.csv", ",proto_", ",/etc/proto_")
    with pytest.raises(ConvertersToolsUserError, match=r"leads out of the acquisition's folder"):
        plan(truth.folders[0])


def test_a_time_that_is_none() -> None:
    from fractal_omezarr_converters.core.moments import Moments

    with pytest.raises(ConvertersToolsUserError, match=r"1e\+20 s since 1970"):
        Moments.of_times([0.0, 1e20])


def test_an_order_of_dimensions_that_is_none(tmp_path: Path) -> None:
    truth = write_scanr(tmp_path)
    changed(tmp_path, "metadata.ome.xml", 'DimensionOrder="XY', 'DimensionOrder="XY1')
    with pytest.raises(ConvertersToolsUserError, match="DimensionOrder"):
        plan(truth.folders[0])


def test_a_size_that_is_infinite(tmp_path: Path) -> None:
    from fractal_omezarr_converters.formats.scanr_descriptor import _whole

    assert _whole("1e400", 100) is None and _whole("12", 100) == 12 and _whole("nan", 100) is None


def test_a_number_beyond_all_numbers(tmp_path: Path) -> None:
    truth = write_squid(tmp_path)
    changed(tmp_path, "acquisition parameters.json", '"sensor_pixel_size_um": ', '"sensor_pixel_size_um": ' + "9" * 400)
    with pytest.raises(ConvertersToolsUserError, match=r"sensor_pixel_size_um|valid"):
        plan(truth.folders[0])


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_a_table_that_ends_within_a_letter(tmp_path: Path, mark: bytes) -> None:
    (tmp_path / "tiles.csv").write_bytes(mark + b"file_path,well\na.tif,A1\n"[:-1])
    with pytest.raises(ConvertersToolsUserError, match=r"tiles.csv' is not a text file; save it as CSV in UTF-8"):
        plan(tmp_path, format="tile_table")


def test_toml_in_a_thousand_brackets(tmp_path: Path) -> None:
    (tmp_path / "tiles.csv").write_text("file_path,well\na.tif,A1\n")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 5), "uint8"))
    (tmp_path / "acquisition_details.toml").write_text("pixelsize = " + "[" * 5000)
    with pytest.raises(ConvertersToolsUserError, match="valid TOML"):
        plan(tmp_path)


def promised(path: Path, tag: str, value: int) -> None:
    """Let a TIFF file promise another size than it has."""
    with tifffile.TiffFile(path) as file:
        place = file.pages[0].tags[tag].valueoffset  # type: ignore[union-attr]
        size = "<I" if file.pages[0].tags[tag].dtype == 4 else "<H"  # type: ignore[union-attr]
    content = bytearray(path.read_bytes())
    struct.pack_into(size, content, place, value)
    path.write_bytes(content)


def test_an_image_whose_name_no_disk_has(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, wells=("B03",), layout=(1, 2), overlap=0)
    changed(tmp_path, "Index*.xml", "<URL>r02", "<URL>r" + "9" * 400)
    with pytest.warns(Warning, match="999"):
        plan(truth.folders[0])


def test_a_well_whose_number_is_raised(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, wells=("B03",), layout=(1, 2), overlap=0)
    changed(tmp_path, "Index*.xml", '<Well id="0203"', '<Well id="020²"')
    assert [image.path for image in plan(truth.folders[0])] == ["Synthetic Plate.zarr/B/03/0"]


BROKEN: dict[str, Callable[[Path], Any]] = {
    "npy without pixels": lambda path: np.save(path.with_suffix(".npy"), np.zeros((0, 3, 4), "uint8")),
    "npy whose header is no literal": lambda path: path.with_suffix(".npy").write_bytes(
        b"\x93NUMPY\x01\x00\x76\x00"
        + b"{'descr': '<u2', 'fortran_order': \x13alse, 'shape': (3, 4, 5), }".ljust(117)
        + b"\n"
    ),
    "tiff without rows": lambda path: (
        tifffile.imwrite(path, np.ones((8, 9), "uint16")),
        promised(path, "ImageLength", 0),
    ),
    "tiff with far more rows": lambda path: (
        tifffile.imwrite(path, np.ones((8, 9), "uint16"), compression="zlib"),
        promised(path, "ImageLength", 60000),
    ),
    "tiff far too wide": lambda path: (
        tifffile.imwrite(path, np.ones((8, 9), "uint16"), compression="zlib"),
        promised(path, "ImageWidth", 2**31 - 1),
    ),
    "tiff far too wide, with no samples": lambda path: (
        tifffile.imwrite(path, np.ones((8, 9), "uint16"), compression="zlib"),
        promised(path, "ImageWidth", 2**31 - 1),
        promised(path, "SamplesPerPixel", 0),
    ),
    "tiff far too wide, as a fax": lambda path: (
        tifffile.imwrite(path, np.ones((8, 9), "uint16"), compression="zlib"),
        promised(path, "ImageWidth", 2**31 - 1),
        promised(path, "Compression", 3),
    ),
    "tiff of a type that is none": lambda path: (
        tifffile.imwrite(path, np.ones((3, 8, 9), "uint16"), imagej=True),
        promised(path, "BitsPerSample", 7),
    ),
    "png far too large": lambda path: path.with_suffix(".png").write_bytes(grown_png(40_000, 40_000)),
    "jpeg far too large": lambda path: path.with_suffix(".jpg").write_bytes(grown_jpeg(50_000, 50_000)),
}


def grown_png(height: int, width: int) -> bytes:
    """A small PNG file whose header promises another size, with the right checksum."""
    content = bytearray(imagecodecs.png_encode(np.ones((8, 9), "uint8")))
    struct.pack_into(">II", content, 16, width, height)
    struct.pack_into(">I", content, 29, zlib.crc32(content[12:29]))
    return bytes(content)


def grown_jpeg(height: int, width: int) -> bytes:
    """A small JPEG file whose frame header promises another size."""
    content = bytearray(imagecodecs.jpeg_encode(np.ones((8, 9), "uint8")))
    struct.pack_into(">HH", content, content.index(b"\xff\xc0") + 5, height, width)
    return bytes(content)


@pytest.mark.parametrize("kind", BROKEN)
def test_images_that_promise_what_they_do_not_hold(tmp_path: Path, kind: str) -> None:
    BROKEN[kind](tmp_path / "a.tif")
    loader = DefaultImageLoader(file_path=str(next(tmp_path.iterdir())))
    with pytest.raises(ConvertersToolsUserError, match=r"a\.(tif|npy|png|jpg)"):
        loader.shape_and_dtype()
        loader.load_data()


def test_tiles_that_are_taller_than_any_image(tmp_path: Path) -> None:
    """The decoder of fax takes memory for a whole tile before it looks at the bytes: 64 GB here."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ones((3, 16, 32), "uint16"), tile=(16, 16), photometric="rgb", planarconfig="separate")
    promised(path, "TileLength", 2**32 - 1)
    promised(path, "Compression", 2)
    with pytest.raises(ConvertersToolsUserError, match=r"a\.tif.* 16 x 32 pixels in tiles of 4294967295 x 16"):
        DefaultImageLoader(file_path=str(path)).load_data()


def test_a_strip_whose_bytes_are_not_counted(tmp_path: Path) -> None:
    """Without a count what follows in the file is read, but never more than that."""
    path = tmp_path / "a.tif"
    pixels = np.arange(72, dtype="uint16").reshape(8, 9)
    tifffile.imwrite(path, pixels)
    promised(path, "StripByteCounts", 0)
    loader = DefaultImageLoader(file_path=str(path))
    assert np.array_equal(loader.load_data(), pixels)
    promised(path, "ImageLength", 2**31 - 1)
    with pytest.raises(ConvertersToolsUserError, match=r"a\.tif.*cannot hold"):
        DefaultImageLoader(file_path=str(path)).load_data()


def test_a_stack_of_planes_without_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ones((3, 8, 9), "uint16"), imagej=True)
    content = path.read_bytes().replace(b"images=3", b"images=9", 1)
    path.write_bytes(content)
    promised(path, "ImageLength", 0)
    with pytest.raises(ConvertersToolsUserError, match=r"a\.tif"):
        DefaultImageLoader(file_path=str(path)).load_data()


def job_of_one_well(tmp_path: Path) -> dict[str, Any]:
    """What the first step hands over for a small image."""
    truth = write_operetta(tmp_path / "in", wells=("B03",), layout=(1, 2), overlap=0, field_shape=(20, 24))
    made = init_acquisitions(
        "operetta",
        zarr_dir=str(tmp_path / "out"),
        acquisitions=[AcquisitionInput(path=str(truth.folders[0]))],
        converter_options={},
    )
    (job,) = made["parallelization_list"]
    return dict(job)


@pytest.mark.parametrize("harm", ['"original"', '"steps"', '"fov"', '"fov_names"', '"zoned"', '"blocks"'])
def test_a_job_that_lost_a_part_is_refused(tmp_path: Path, harm: str) -> None:
    job = job_of_one_well(tmp_path)
    text = job["init_args"]["tiled_image_json_str"].replace(harm, '"other"', 1)
    try:
        tiled_image_from_json_str(text)
    except ConvertersToolsError as error:
        assert "run the init step again" in str(error)
    if text != job["init_args"]["tiled_image_json_str"]:
        with pytest.raises(ConvertersToolsUserError, match="not what the init step wrote"):
            generic_compute_task(zarr_url=job["zarr_url"], init_args={**job["init_args"], "tiled_image_json_str": text})


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("data_type", "uint1616", "'uint1616' is no type of pixels"),
        ("data_type", "U4", "'U4' is no type of pixels"),
        ("channels", [], "holds channels 0 to 0, but the image has 0 channels"),
    ],
)
def test_a_job_of_pixels_or_channels_that_there_are_not_is_refused(
    tmp_path: Path, part: str, value: object, said: str
) -> None:
    job = job_of_one_well(tmp_path)
    document = json.loads(job["init_args"]["tiled_image_json_str"])
    document[part] = value
    with pytest.raises(ConvertersToolsUserError, match=said):
        plan_image(tiled_image_from_json_str(json.dumps(document)), converter_options=ConverterOptions())


Document = dict[str, Any]
REGIONS: dict[str, tuple[Callable[[Document], object], str]] = {
    "field without a name": (
        lambda regions: regions["fov"].__setitem__(0, -(2**31)),
        "fields of view that have no name",
    ),
    "kind of source that is none": (lambda regions: regions["loaders"]["block"].__setitem__(0, 7), "not described"),
    "source that is none": (lambda regions: regions["loaders"]["row"].__setitem__(0, 99), "not described"),
    "sources without files": (
        lambda regions: regions["loaders"]["blocks"][0]["fields"].pop("file_path"),
        "lacks file_path",
    ),
    "files fewer than sources": (
        lambda regions: regions["loaders"]["blocks"][0]["fields"]["file_path"].pop(),
        "lacks rows",
    ),
}


@pytest.mark.parametrize("harm", REGIONS)
def test_a_description_whose_parts_do_not_belong_together_is_refused(tmp_path: Path, harm: str) -> None:
    truth = write_operetta(tmp_path / "in", wells=("B03",), layout=(1, 2), overlap=0, field_shape=(20, 24))
    given = [AcquisitionInput(path=str(truth.folders[0]))]
    made = init_acquisitions("operetta", zarr_dir=str(tmp_path / "out"), acquisitions=given, converter_options={})
    (job,) = made["parallelization_list"]
    document = json.loads(job["init_args"]["tiled_image_json_str"])
    change, said = REGIONS[harm]
    change(document["regions"])
    harmed = {**job["init_args"], "tiled_image_json_str": json.dumps(document), "digest": None}
    with pytest.raises(ConvertersToolsUserError, match=said):
        generic_compute_task(zarr_url=job["zarr_url"], init_args=harmed)


def test_a_description_of_imagej_that_promises_far_more_than_the_pages_hold(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    text = f"ImageJ=1.11a\nimages={2**31}\nchannels={2**31}\nhyperstack=true\nmode=grayscale\n"
    with tifffile.TiffWriter(path) as file:
        for number in range(3):
            file.write(
                np.full((16, 32), number, "uint16"),
                compression="zlib",
                description=text if number == 0 else None,
                metadata=None,
            )
    loader = DefaultImageLoader(file_path=str(path))
    with pytest.raises(ConvertersToolsUserError, match=r"a\.tif.* promises 1099511627776 values, its pages hold 1536"):
        loader.load_data()


def test_a_stack_of_imagej_with_far_too_many_samples_for_each_pixel(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ones((3, 16, 32), "uint16"), imagej=True)
    with tifffile.TiffFile(path) as file:
        tag = file.pages[0].tags["ImageLength"]  # type: ignore[union-attr]
    content = bytearray(path.read_bytes())
    struct.pack_into("<HHII", content, tag.offset, 277, 4, 1, 2**31 - 1)
    path.write_bytes(content)
    with pytest.raises(ConvertersToolsUserError, match=r"a\.tif.* 2147483647 samples for each pixel"):
        DefaultImageLoader(file_path=str(path)).load_data()


@pytest.mark.parametrize(("kind", "count"), [(2, 1), (12, 1), (3, 2), (4, 0)], ids=["text", "fraction", "two", "none"])
@pytest.mark.parametrize("name", ["BitsPerSample", "RowsPerStrip"])
def test_a_number_that_a_tiff_file_states_in_another_way(tmp_path: Path, name: str, kind: int, count: int) -> None:
    """What tifffile cannot read is not read by us either: `verify` would call the image wrong."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ones((64, 48), "uint8"), metadata=None)
    with tifffile.TiffFile(path) as file:
        place = file.pages[0].tags[name].offset  # type: ignore[union-attr]
    content = bytearray(path.read_bytes())
    struct.pack_into("<HI", content, place + 2, kind, count)
    if kind == 12:
        struct.pack_into("<I", content, place + 8, len(content))
        content += struct.pack("<d", 1e-320)
    path.write_bytes(content)
    loader, out = DefaultImageLoader(file_path=str(path)), np.zeros((64, 48), "uint8")
    try:
        expected = tifffile.imread(path)
    except (ValueError, TypeError, OverflowError, IndexError):
        assert not read_plain_tiff(str(path), out)
        with pytest.raises(ConvertersToolsUserError, match=r"a\.tif"):
            loader.shape_and_dtype()
    else:
        with contextlib.suppress(ConvertersToolsUserError):  # refused, or as others read it
            assert np.array_equal(loader.load_data(), expected)


def rewritten(plate: Path, name: str, change: Callable[[Document], object]) -> None:
    """Change a document of a plate."""
    document = json.loads((plate / name).read_bytes())
    change(document)
    (plate / name).write_text(json.dumps(document))


@pytest.fixture(scope="module", params=["0.4", "0.5"])
def plate(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plate that was converted, and is good."""
    folder = tmp_path_factory.mktemp("plate")
    truth = write_operetta(folder / "in", wells=("B03",), layout=(1, 2), overlap=0, field_shape=(20, 24))
    convert(truth.folders[0], folder / "out", workers=1, ngff_version=request.param)
    made = folder / "out" / "Synthetic Plate.zarr"
    assert verify(made).ok
    return made


def attributes(document: Document) -> Document:
    """Attributes of a group in either Zarr format."""
    found: Document = document.get("attributes", document)
    return found


def described(document: Document, kind: str) -> Document:
    """A description of OME-Zarr in either version."""
    found: Document = attributes(document).get("ome", attributes(document))[kind]
    return found


def transformations(document: Document) -> list[Document]:
    """Those of the finest level; in 0.6 they are parts of a sequence."""
    found = described(document, "multiscales")[0]["datasets"][0]["coordinateTransformations"]
    return found[0].get("transformations", found)


HARMS: dict[str, tuple[str, Callable[[Document], object], str]] = {
    "an index of a row that is none": (
        "",
        lambda d: described(d, "plate")["wells"][0].update(rowIndex=0.5),
        "rowIndex",
    ),
    "an index of another column": (
        "",
        lambda d: described(d, "plate")["wells"][0].update(columnIndex=1),
        "columnIndex",
    ),
    "a well that is not listed": (
        "",
        lambda d: described(d, "plate")["wells"].clear(),
        "no OME-Zarr image|does not list",
    ),
    "a row without a name": ("", lambda d: described(d, "plate")["rows"][1].pop("name"), "rows"),
    "an acquisition that is none": ("", lambda d: described(d, "plate").update(acquisitions=[7]), "acquisition"),
    "a list of wells that is none": ("", lambda d: described(d, "plate").update(wells=7), "wells"),
    "a version that is none": (
        "B/03",
        lambda d: attributes(d).get("ome", described(d, "well")).update(version=["0.5"]),
        "version",
    ),
    "an image without a path": ("B/03", lambda d: described(d, "well")["images"][0].pop("path"), "path"),
    "an image of no acquisition": (
        "B/03",
        lambda d: described(d, "well")["images"][0].update(acquisition=3),
        "acquisition",
    ),
    "two acquisitions of one number": (
        "",
        lambda d: described(d, "plate").update(acquisitions=2 * described(d, "plate")["acquisitions"]),
        "acquisitions do not have a number each",
    ),
    "a column that is left out": ("", lambda d: described(d, "plate")["columns"].pop(8), "do not follow each other"),
    "no last column": ("", lambda d: described(d, "plate")["columns"].pop(), "lists 11 of its 12 columns"),
    "no last row": ("", lambda d: described(d, "plate")["rows"].pop(), "lists 7 of its 8 rows"),
    "a row whose name no disk has": (
        "",
        lambda d: described(d, "plate")["wells"][0].update(path="9" * 400 + "/03"),
        "9999",
    ),
    "a row with a zero byte in its name": (
        "",
        lambda d: described(d, "plate")["wells"][0].update(path="\0/03"),
        "is listed in its plate but is not there|where no|no OME-Zarr",
    ),
    "a pixel size that is far too large": (
        "B/03/0",
        lambda d: transformations(d)[0]["scale"].__setitem__(0, 10**400),
        "was edited: .*scale",
    ),
    "an image whose name no disk has": (
        "B/03",
        lambda d: described(d, "well")["images"][0].update(path="9" * 400),
        "9999",
    ),
    "an image with a zero byte in its name": (
        "B/03",
        lambda d: described(d, "well")["images"][0].update(path="0\0"),
        "is listed in its well but is not there",
    ),
    "an axis that is none": (
        "B/03/0",
        lambda d: described(d, "multiscales")[0]["axes"].__setitem__(0, None),
        r"axes\[0\] is null",
    ),
    "a record that is no text": (
        "B/03/0",
        lambda d: attributes(d)["fractal_omezarr_converters"]["source"].update(description=["x"]),
        "damaged",
    ),
    "tables that are not listed": ("B/03/0/tables", lambda d: attributes(d).update(tables=[]), "FOV_ROI_table"),
    "a table of another type": ("B/03/0/tables/FOV_ROI_table", lambda d: attributes(d).update(type="x"), "type 'x'"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_verify_refuses_harmed_documents(plate: Path, tmp_path: Path, harm: str) -> None:
    path, change, said = HARMS[harm]
    harmed = tmp_path / plate.name
    shutil.copytree(plate, harmed)
    name = "zarr.json" if (harmed / "zarr.json").exists() else ".zattrs"
    rewritten(harmed / path, name, change)
    with pytest.raises(ConvertersToolsUserError, match=said):
        found = verify(harmed)
        assert not found.ok
        raise ConvertersToolsUserError(repr(found))
    with contextlib.suppress(ConvertersToolsError):  # described as far as it can be, or refused
        assert info(harmed, stats=True)["kind"] == "plate"


@pytest.mark.parametrize("path", ["", "B", "B/03", "B/03/0", "B/03/0/tables", "B/03/0/tables/well_ROI_table"])
def test_verify_refuses_groups_that_are_none(plate: Path, tmp_path: Path, path: str) -> None:
    harmed = tmp_path / plate.name
    shutil.copytree(plate, harmed)
    name = "zarr.json" if (harmed / "zarr.json").exists() else ".zgroup"
    rewritten(harmed / path, name, lambda document: document.update(zarr_format=1.0))
    assert "zarr_format 1.0" in repr(verify(harmed))


@pytest.mark.parametrize("content", [b"\xff\xfe", b"FieldIndex\rx", b"FieldIndex,x_micrometer\nFOV_1,7.5\n"])
def test_verify_refuses_other_tables(plate: Path, tmp_path: Path, content: bytes) -> None:
    harmed = tmp_path / plate.name
    shutil.copytree(plate, harmed)
    (harmed / "B/03/0/tables/FOV_ROI_table/table.csv").write_bytes(content)
    found = verify(harmed)
    assert not found.ok and "tables/FOV_ROI_table'" in repr(found)


@pytest.mark.parametrize("version", ["0.4", "0.6"])
def test_verify_refuses_other_tables_in_json(tmp_path: Path, version: str) -> None:
    truth = write_operetta(tmp_path / "in", wells=("B03",), layout=(1, 2), overlap=0, field_shape=(20, 24))
    convert(
        truth.folders[0],
        tmp_path / "out",
        workers=1,
        converter_options={"omezarr_options": {"ngff_version": version, "table_backend": "json"}},
    )
    table = tmp_path / "out" / "Synthetic Plate.zarr" / "B/03/0/tables/FOV_ROI_table/table"
    name, group = ("zarr.json",) * 2 if version == "0.6" else (".zattrs", ".zgroup")
    before = (table / name).read_bytes(), (table / group).read_bytes()
    rewritten(table, name, lambda document: attributes(document)["x_micrometer"].__setitem__(0, 10**400))
    assert "for x_micrometer in the row 'FOV_1'" in repr(verify(tmp_path / "out"))
    (table / name).write_bytes(before[0])
    rewritten(table, name, lambda document: attributes(document)["FieldIndex"].append("FOV_1"))
    assert "its columns have 2 to 3 rows" in repr(verify(tmp_path / "out"))
    (table / name).write_bytes(before[0])
    rewritten(table, name, lambda document: [column.append(column[0]) for column in attributes(document).values()])
    assert "names a row twice" in repr(verify(tmp_path / "out"))
    (table / name).write_bytes(before[0])
    rewritten(table, group, lambda document: document.update(zarr_format=None))
    assert "FOV_ROI_table/table/" in repr(verify(tmp_path / "out"))
    (table / group).write_bytes(before[1])
    assert verify(tmp_path / "out").ok


def test_a_scaling_of_chunks_that_no_number_can_hold() -> None:
    with pytest.raises(ValidationError, match="xy_scaling"):
        FovBasedChunking(xy_scaling=10**400)
    assert FovBasedChunking(xy_scaling=2.0) == FovBasedChunking(xy_scaling=2) == FovBasedChunking(xy_scaling="2")


@pytest.mark.parametrize(("version", "sharded"), [("0.4", False), ("0.5", False), ("0.5", True)])
def test_a_chunk_whose_header_promises_far_more_is_refused(tmp_path: Path, version: str, sharded: bool) -> None:
    """The decoder of Blosc believes the header: it read beyond the chunk, and the process died."""
    shards = {
        "chunks": {"mode": "Fixed Size", "xy_chunk": 16},
        "shards": {"mode": "Multiple of Chunks", "xy_factor": 2},
    }
    truth = write_operetta(tmp_path / "in", wells=("B03",), layout=(1, 2), overlap=0, field_shape=(20, 24))
    options = {"omezarr_options": {"ngff_version": version, **(shards if sharded else {})}}
    convert(truth.folders[0], tmp_path / "out", workers=1, converter_options=options)
    made = tmp_path / "out" / "Synthetic Plate.zarr"
    chunk = next(
        path
        for path in sorted((made / "B/03/0/0").rglob("*"))
        if path.is_file() and path.name.strip("0123456789") == ""
    )
    content = bytearray(chunk.read_bytes())
    content[15] ^= 4
    chunk.write_bytes(content)
    found = verify(made)
    assert not found.ok and "its header states 671" in repr(found) and "0/0/0/0" in repr(found)
    with pytest.raises(ConvertersToolsUserError, match=r"Level '0' .* its header states 671"):
        open_image(made, "B/03/0").read(0, y=slice(0, 4), x=slice(0, 4))


def test_an_image_of_more_chunks_than_can_be_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = write_operetta(tmp_path, wells=("B03",), layout=(1, 2), overlap=0, field_shape=(26, 38))
    monkeypatch.setattr("fractal_omezarr_converters.ngff.block_plan.MOST_PAIRS", 3)
    with pytest.raises(ConvertersToolsUserError, match="more than 3 chunks to write; check the sizes"):
        plan(truth.folders[0])


def test_reading_a_damaged_chunk_names_its_image(plate: Path, tmp_path: Path) -> None:
    harmed = tmp_path / plate.name
    shutil.copytree(plate, harmed)
    chunk = next(path for path in sorted((harmed / "B/03/0/0").rglob("*")) if path.is_file() and path.name[0] in "0c")
    chunk.write_bytes(chunk.read_bytes()[:-9])
    with pytest.raises(ConvertersToolsUserError, match=r"Level '0' of the image 'B/03/0'.*damaged"):
        open_image(harmed, "B/03/0").read()


def test_more_planes_than_any_image_has() -> None:
    from fractal_omezarr_converters.models.ome_planes import plane_places

    with pytest.raises(ConvertersToolsUserError, match="9999999999 t planes, which no image has"):
        plane_places({"c": 1, "z": 3, "t": 9999999999}, "XYZCT", [], own_pages=3)


def test_a_shard_whose_index_is_read_in_another_way(tmp_path: Path) -> None:
    """Without the checksum in the array's document zarr takes other bytes for the index; it collects what fails in a group."""
    truth = write_operetta(tmp_path / "in", wells=("B03",), layout=(1, 2), overlap=0, field_shape=(20, 24))
    written = {
        "ngff_version": "0.5",
        "chunks": {"mode": "Fixed Size", "xy_chunk": 16},
        "shards": {"mode": "Multiple of Chunks", "xy_factor": 2},
    }
    convert(truth.folders[0], tmp_path / "out", workers=1, converter_options={"omezarr_options": written})
    plate = tmp_path / "out" / "Synthetic Plate.zarr"
    rewritten(plate, "B/03/0/0/zarr.json", lambda array: array["codecs"][0]["configuration"]["index_codecs"].pop())
    assert not verify(plate).ok
    with pytest.raises(ConvertersToolsUserError, match=r"Level '0' .* a chunk is damaged; convert the image again"):
        open_image(plate / "B/03/0").read(0, c=0)
