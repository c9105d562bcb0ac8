"""Details of tile tables: sizes of pixels, axes, plates, and what counts when several places state them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from made_tables import plate_rows, scan, write_folder, write_image

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.fractal import setup_images_for_conversion
from fractal_omezarr_converters.models import ConverterOptions
from fractal_omezarr_converters.pipelines import AcquisitionOptions, AcquisitionRequest, read_acquisitions


def test_planes_of_an_axis_without_a_name_need_a_length(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 30, 40), np.uint16), metadata=None, photometric="minisblack")
    write_folder(tmp_path, [{"file_path": "a.tif", "well": "A1"}], images=False)
    with pytest.raises(ConvertersToolsUserError, match="give length_z, length_c or length_t"):
        scan(tmp_path)
    write_folder(tmp_path, [{"file_path": "a.tif", "well": "A1", "length_z": 4}], images=False)
    assert scan(tmp_path).tiles.tile(0).length_z == 4


def test_pixel_sizes_header_below_toml_below_column(tmp_path: Path) -> None:
    options = {"ome": True, "metadata": {"axes": "ZYX", "PhysicalSizeX": 0.3, "PhysicalSizeY": 400, "PhysicalSizeZ": 2}}
    options["metadata"] |= {"PhysicalSizeYUnit": "nm"}
    write_image(tmp_path / "a.tif", (3, 30, 40), **options)
    row = {"file_path": "a.tif", "well": "A1"}
    write_folder(tmp_path, [row], None, images=False)
    found = scan(tmp_path)
    details = found.tiles.acquisitions[0]
    assert (details.xy_pixel_size, details.z_spacing) == (0.3, 2)
    assert details.pixel_size_y == pytest.approx(0.4)
    assert found.warnings == []
    write_folder(tmp_path, [row], "xy_pixel_size = 0.5\n", images=False)
    found = scan(tmp_path)
    details = found.tiles.acquisitions[0]
    assert (details.xy_pixel_size, details.y_pixel_size, details.z_spacing) == (0.5, None, 2)
    assert any("along x is 0.5 µm as stated" in text and "says 0.3 µm" in text for text in found.warnings)
    write_folder(
        tmp_path, [{**row, "xy_pixel_size": 0.3, "y_pixel_size": 0.401}], "xy_pixel_size = 0.5\n", images=False
    )
    found = scan(tmp_path)
    assert found.tiles.acquisitions[0].pixel_size_x == 0.3
    assert found.warnings == []  # 0.25 % of difference along y


def test_a_key_and_its_older_name_that_differ_are_one_problem(tmp_path: Path) -> None:
    """The older name was called unknown as well, and y_pixel_size was suggested in its place."""
    write_folder(tmp_path, [{"file_path": "a.tif", "well": "A1"}], "pixelsize = 0.6\nxy_pixel_size = 0.7\n")
    with pytest.raises(ConvertersToolsUserError) as caught:
        scan(tmp_path)
    assert str(caught.value).count("pixelsize") == 1 and "keep only 'xy_pixel_size'" in str(caught.value)
    write_folder(tmp_path, [{"file_path": "a.tif", "well": "A1"}], "pixelsize = 0.6\nxy_pixel_size = 0.7\nfoo = 1\n")
    with pytest.raises(ConvertersToolsUserError, match="'foo' is not known"):
        scan(tmp_path)


def test_frame_intervals_of_headers(tmp_path: Path) -> None:
    """OME-XML in milliseconds and ImageJ in seconds; what the TOML says is warned of where the header says another."""
    movie = np.zeros((3, 30, 40), np.uint16)
    row = {"file_path": "a.tif", "well": "A1"}
    for options in (
        {"ome": True, "metadata": {"axes": "TYX", "TimeIncrement": 2500, "TimeIncrementUnit": "ms"}},
        {"imagej": True, "metadata": {"axes": "TYX", "finterval": 2.5}},
    ):
        tifffile.imwrite(tmp_path / "a.tif", movie, **options)
        write_folder(tmp_path, [row], "xy_pixel_size = 1", images=False)
        found = scan(tmp_path)
        assert found.tiles.acquisitions[0].t_spacing == 2.5
        assert "".join(found.tiles.acquisitions[0].axes) == "tczyx" and found.warnings == []
        write_folder(tmp_path, [row], "xy_pixel_size = 1\nt_spacing = 10", images=False)
        found = scan(tmp_path)
        assert found.tiles.acquisitions[0].t_spacing == 10
        assert any("t_spacing along t is 10 s as stated" in text and "says 2.5 s" in text for text in found.warnings)
    (tmp_path / "acquisition_details.toml").unlink()


def test_options_of_the_task_stand_above_columns(tmp_path: Path) -> None:
    rows = [{**row, "xy_pixel_size": 0.3, "z_spacing": 2, "channel_names": "a/b"} for row in plate_rows()[:2]]
    folder = write_folder(tmp_path / "acquisition", rows, "xy_pixel_size = 0.5\n")
    stated = AcquisitionOptions(
        pixel_info={"xy_pixel_size": 0.7}, channels=[{"channel_label": "DAPI"}, {"channel_label": "GFP"}]
    )
    [image], _ = read_acquisitions([AcquisitionRequest(str(folder), options=stated)], ConverterOptions())
    assert (image.xy_pixel_size, image.z_spacing) == (0.7, 2)
    assert [channel.channel_label for channel in image.channels or []] == ["DAPI", "GFP"]


def test_pixel_sizes_of_imagej(tmp_path: Path) -> None:
    options = {
        "imagej": True,
        "resolution": (1 / 0.25, 1 / 0.25),
        "metadata": {"axes": "ZYX", "unit": "um", "spacing": 3},
    }
    write_image(tmp_path / "a.tif", (3, 30, 40), ome=False, **options)
    write_folder(tmp_path, [{"file_path": "a.tif", "well": "A1"}], None, images=False)
    details = scan(tmp_path).tiles.acquisitions[0]
    assert details.xy_pixel_size == pytest.approx(0.25)
    assert details.z_spacing == 3


@pytest.mark.parametrize(
    ("unit", "resolution", "more"),
    [
        ("CENTIMETER", (40_000, 20_000), {"unit": "um", "spacing": 3}),
        ("CENTIMETER", (40_000, 20_000), {"unit": "cm", "spacing": 0.0003}),
        ("NONE", (4, 2000), {"unit": "um", "yunit": "mm", "zunit": "nm", "spacing": 3000}),
        ("NONE", (4, 2), {"unit": "um", "yunit": "\\u00B5m", "spacing": 3}),
    ],
)
def test_units_of_imagej(tmp_path: Path, unit: str, resolution: tuple[float, float], more: dict[str, object]) -> None:
    """Axes in units of their own; pixels per centimetre beside a unit of µm, as ImageJ understands its own files."""
    metadata = {"axes": "ZYX", **more}
    pixels = np.zeros((3, 30, 40), np.uint16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, imagej=True, resolution=resolution, resolutionunit=unit, metadata=metadata)
    write_folder(tmp_path, [{"file_path": "a.tif", "well": "A1"}], None, images=False)
    details = scan(tmp_path).tiles.acquisitions[0]
    assert (details.xy_pixel_size, details.y_pixel_size, details.z_spacing) == pytest.approx((0.25, 0.5, 3))


def test_pixel_sizes_that_nobody_states_are_said(tmp_path: Path) -> None:
    write_image(tmp_path / "a.tif", resolution=(300, 300), resolutionunit="inch")
    write_folder(tmp_path, [{"file_path": "a.tif", "well": "A1"}], None, images=False)
    found = scan(tmp_path)
    assert found.tiles.acquisitions[0].xy_pixel_size == 1
    assert any("xy_pixel_size is stated nowhere" in text for text in found.warnings)


@pytest.mark.parametrize("size", [1e-300, 1e-12, 1e12, 1e300])
def test_sizes_in_headers_that_cannot_be_count_as_not_stated(tmp_path: Path, size: float) -> None:
    facts = {"axes": "ZYX", "PhysicalSizeX": size, "PhysicalSizeZ": size, "TimeIncrement": size}
    write_image(tmp_path / "a.tif", (3, 30, 40), ome=True, metadata=facts)
    write_folder(tmp_path, [{"file_path": "a.tif", "well": "A1"}], None, images=False)
    found = scan(tmp_path)
    assert (found.tiles.acquisitions[0].xy_pixel_size, found.tiles.acquisitions[0].z_spacing) == (1, 1)
    assert any("xy_pixel_size is stated nowhere" in text for text in found.warnings)


@pytest.mark.parametrize(("cells", "axes"), [({}, "czyx"), ({"start_t": "frame"}, "tczyx"), ({"start_t": 0}, "czyx")])
def test_the_axes_are_czyx_unless_there_are_several_times(cells: dict[str, Any], axes: str, tmp_path: Path) -> None:
    rows = [
        {
            "file_path": f"{frame}.tif",
            "well": "A1",
            "start_z": frame,
            **{key: frame if value == "frame" else value for key, value in cells.items()},
        }
        for frame in range(2)
    ]
    write_folder(tmp_path, rows)
    assert "".join(scan(tmp_path).tiles.acquisitions[0].axes) == axes
    write_folder(tmp_path, rows, 'axes = ["t", "c", "z", "y", "x"]\nxy_pixel_size = 1')
    assert "".join(scan(tmp_path).tiles.acquisitions[0].axes) == "tczyx"


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("xy_pixel_size = 0,65", "not valid TOML"),
        ("xy_pixel_size = 0.5\npixelsize = 0.6", "pixelsize"),
        ("xy_pixle_size = 0.5", "did you mean 'xy_pixel_size'"),
        ("xy_pixel_size = -1", "xy_pixel_size.*-1"),
        ('axes = ["x", "y"]', "not in the order"),
        ('channel_names = ["a", "b"]\nwavelengths = ["1"]', "1 wavelengths .* for 2 channels"),
        ('channel_names = ["a"]\n[[channels]]\nchannel_label = "b"', "keep one of both"),
        ('channels = ["DAPI"]\nwavelengths = ["405"]', "channels.0"),
        ("channels = 3\nwavelengths = [1]", "key 'channels'"),
        ('condition_table_path = "none.csv"', "condition table .*none.csv.* does not exist"),
    ],
)
def test_acquisition_details_that_cannot_be_used(toml: str, said: str, tmp_path: Path) -> None:
    write_folder(tmp_path, plate_rows(), toml)
    with pytest.raises(ConvertersToolsUserError, match=said) as raised:
        scan(tmp_path)
    assert "acquisition_details.toml" in str(raised.value)


@pytest.mark.parametrize("axis", "xyzt")
@pytest.mark.parametrize("what", ["start", "length"])
def test_spaces_under_names_of_both_generations(what: str, axis: str, tmp_path: Path) -> None:
    other = {"start": "pixel", "length": "world"}[what]
    rows = [{**row, **{f"length_{axis}": 10}} for row in plate_rows()[:1]] if what == "length" else plate_rows()[:1]
    found = []
    for ending in ("coo", "space"):
        toml = f'xy_pixel_size = 2\n{what}_{axis}_{ending} = "{other}"\nz_spacing = 10\nt_spacing = 10\n'
        folder = write_folder(tmp_path / ending, rows, toml)
        [details] = scan(folder, options={"read_headers": False}).tiles.acquisitions
        found.append(details)
        assert getattr(details, f"{what}_{axis}_space") == other
    assert found[0] == found[1]


def test_both_forms_of_one_key_may_be_equal_and_remarks_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "conditions.csv").write_text("well,dose\nA1,1\nC12,2\n")
    toml = 'xy_pixel_size = 0.5\npixelsize = 0.5\n"#note" = 3\ncondition_table_path = "conditions.csv"\n'
    write_folder(tmp_path, plate_rows(), toml)
    details = scan(tmp_path).tiles.acquisitions[0]
    assert details.xy_pixel_size == 0.5
    assert details.condition_table_path == str(tmp_path / "conditions.csv")


@pytest.mark.parametrize(("plate_type", "size"), [(None, (4, 6)), ("384", (16, 24)), (96, (8, 12)), ("5 x 8", (5, 8))])
def test_f47_the_stated_plate_is_declared_as_a_whole(plate_type: Any, size: tuple[int, int], tmp_path: Path) -> None:
    rows = [{**row, "column": min(row["column"], 5), "plate_name": plate} for row in plate_rows() for plate in "PQ"]
    folder = write_folder(tmp_path / "acquisition", rows)
    options = {} if plate_type is None else {"plate_type": plate_type}
    images, report = read_acquisitions(
        [AcquisitionRequest(str(folder), format_name="tile_table", format_options=options)], ConverterOptions()
    )
    setup_images_for_conversion(
        images, zarr_dir=str(tmp_path / "out"), converter_options=ConverterOptions(), plate_facts=report.plate_facts
    )
    for plate in "PQ":
        declared = json.loads((tmp_path / f"out/{plate}.zarr/.zattrs").read_text())["plate"]
        assert (len(declared["rows"]), len(declared["columns"])) == size
        assert [well["path"] for well in declared["wells"]] == ["A/01", "C/05"]


def test_a_plate_type_that_is_none_or_too_small_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "acquisition", plate_rows())
    with pytest.raises(ConvertersToolsUserError, match="plate type '97' is not known"):
        scan(folder, options={"plate_type": "97"})
    request = AcquisitionRequest(str(folder), format_name="tile_table", format_options={"plate_type": "24"})
    images, report = read_acquisitions([request], ConverterOptions())
    with pytest.raises(ConvertersToolsUserError, match="4 rows and 6 columns, but a well lies in row C, column 12"):
        setup_images_for_conversion(
            images, zarr_dir=str(tmp_path / "out"), converter_options=ConverterOptions(), plate_facts=report.plate_facts
        )
