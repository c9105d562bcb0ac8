"""Files that are no good: each is refused in the first step, by name, before anything is written."""

from __future__ import annotations

import os
import pickle
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from small_plates import AS_FILES, MODES, OVER, details, files_below, init, is_exact, tiles

from fractal_omezarr_converters.core.tile import Tile
from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsUserError, ConvertersToolsWarning
from fractal_omezarr_converters.fractal.compute import generic_compute_task
from fractal_omezarr_converters.models.collections import SingleImage
from fractal_omezarr_converters.models.image_files import load_npy, load_png, load_tiff
from fractal_omezarr_converters.models.loaders import DefaultImageLoader, ImageLoaderInterface
from fractal_omezarr_converters.ngff.stores import open_store
from fractal_omezarr_converters.ngff.zarr_arrays import open_array

BAD = "A_0_1.tif"
ERRORS = {error.__name__: error for error in (OSError, KeyError, RuntimeError)}


class FailingLoader(ImageLoaderInterface):
    """A loader of another package, which lets any error through."""

    error: str

    def load_data(self, resource: Any | None = None) -> np.ndarray[Any, Any]:
        raise ERRORS[self.error]("no such frame")


def cut_in_half(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def short_by_one_byte(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 1)


def emptied(file: Path) -> None:
    os.truncate(file, 0)


def removed(file: Path) -> None:
    file.unlink()


def of_a_huge_header(file: Path) -> None:
    with tifffile.TiffFile(file) as tif:
        places = [tif.pages[0].tags[name].valueoffset for name in ("ImageWidth", "ImageLength")]
        codes = [tif.pages[0].tags[name].dtype for name in ("ImageWidth", "ImageLength")]
    raw = bytearray(file.read_bytes())
    for offset, code in zip(places, codes):
        struct.pack_into("<I" if int(code) == 4 else "<H", raw, offset, 200_000 if int(code) == 4 else 65_000)
    file.write_bytes(raw)


def larger_than_stated(file: Path) -> None:
    tifffile.imwrite(file, np.ones((64, 64), "uint16"))


def one_row_to_be_repeated(file: Path) -> None:
    tifffile.imwrite(file, np.ones((1, 56), "uint16"))


def of_three_pages(file: Path) -> None:
    tifffile.imwrite(file, np.ones((3, 40, 56), "uint16"))


def of_complex_numbers(file: Path) -> None:
    tifffile.imwrite(file, np.ones((40, 56), "complex64"))


def a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def a_link_to_itself(file: Path) -> None:
    file.unlink()
    file.symlink_to(file)


def a_link_to_a_device(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


HARMS = [
    cut_in_half,
    short_by_one_byte,
    emptied,
    removed,
    of_a_huge_header,
    larger_than_stated,
    one_row_to_be_repeated,
    of_three_pages,
    of_complex_numbers,
    a_pipe,
    a_link_to_itself,
    a_link_to_a_device,
]


def within(seconds: float, function: Callable[[], Any]) -> BaseException | None:
    """What a call raises; a call that takes longer fails the test instead of blocking it."""
    raised: list[BaseException | None] = []

    def call() -> None:
        try:
            function()
        except BaseException as error:  # handed to the test
            raised.append(error)
        else:
            raised.append(None)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(seconds)
    assert raised, f"still running after {seconds} s"
    return raised[0]


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_a_bad_file_is_named_before_anything_is_written(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    some = tiles(tmp_path / "in")
    harm(tmp_path / "in" / BAD)
    error = within(20, lambda: init(some, tmp_path / "out"))
    assert isinstance(error, ConvertersToolsUserError), error
    assert BAD in str(error) or harm is of_complex_numbers
    assert not (tmp_path / "out").exists()


def test_all_files_whose_values_do_not_fit_the_stated_type_are_named(tmp_path: Path) -> None:
    some = tiles(tmp_path / "in", about=details(data_type="uint8"))
    some += tiles(tmp_path / "more", about=details(data_type="uint8"), fov_name="F2", start_y=40)[1:]
    tifffile.imwrite(tmp_path / "in" / BAD, np.full((40, 56), 200, "uint16"))
    (job,) = init(some, tmp_path / "out")
    with pytest.raises(ConvertersToolsUserError) as refused:
        generic_compute_task(**job)
    said = str(refused.value)
    assert "which uint8 cannot hold, and the same is true of File" in said
    assert "A_0_0.tif" in said and str(tmp_path / "more" / BAD) in said and str(tmp_path / "in" / BAD) not in said


def test_frames_stated_by_number_keep_their_number(tmp_path: Path) -> None:
    """Written, and proved against the sources, with empty frames between."""
    from fractal_omezarr_converters.convert import verify

    about = details(axes=list("tczyx"))
    some = [
        *tiles(tmp_path / "in", about=about),
        *tiles(tmp_path / "later", about=about, fov_name="F0", start_t=5, start_x=0)[1:],
    ]
    with pytest.warns(ConvertersToolsWarning, match="Of 6 time points 4 have no image"):
        (job,) = init(some, tmp_path / "out")
    generic_compute_task(**job)
    written = np.asarray(open_array(open_store(tmp_path / "out/Plate.zarr/A/01/0"), "0")[...])
    assert written.shape[0] == 6 and [bool(frame.any()) for frame in written] == [True, *[False] * 4, True]
    assert verify(tmp_path / "out").ok


@pytest.mark.parametrize("load", [load_tiff, load_png, load_npy])
def test_a_pipe_is_never_opened(tmp_path: Path, load: Callable[[Path], Any]) -> None:
    pipe = tmp_path / "pipe.tif"
    os.mkfifo(pipe)
    for call in (
        lambda: load(pipe),
        lambda: DefaultImageLoader(file_path=str(pipe)).load_data(),
        lambda: DefaultImageLoader(file_path=str(pipe)).sources(),
    ):
        error = within(10, call)
        assert isinstance(error, ConvertersToolsUserError) and "not a regular file" in str(error)


def test_tables_and_metadata_that_are_pipes_are_refused(tmp_path: Path) -> None:
    from fractal_omezarr_converters.fractal.init import init_acquisitions
    from fractal_omezarr_converters.tasks.tile_table.convert_init import TileTableAcquisition

    os.mkfifo(tmp_path / "tiles.csv")
    given = TileTableAcquisition(path=str(tmp_path), plate_name="P")
    error = within(
        10,
        lambda: init_acquisitions(
            "tile_table", zarr_dir=str(tmp_path / "out"), acquisitions=[given], converter_options=None
        ),
    )
    assert isinstance(error, ConvertersToolsError) and "tiles.csv" in str(error), error


def test_a_file_that_would_run_code_does_not(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "executed",))

    some = tiles(tmp_path / "in")
    np.save(tmp_path / "in" / "evil.npy", np.array([Evil()], dtype=object), allow_pickle=True)
    assert pickle.dumps(Evil())
    changed = some[1].model_copy(
        update={"image_loader": DefaultImageLoader(file_path=str(tmp_path / "in" / "evil.npy"))}
    )
    with pytest.raises(ConvertersToolsUserError, match=r"evil\.npy"):
        init([some[0], changed], tmp_path / "out")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("more", [{}, AS_FILES], ids=["in memory", "as files"])
def test_a_file_replaced_after_the_first_step_is_refused(tmp_path: Path, more: dict) -> None:
    some = tiles(tmp_path / "in")
    (job,) = init(some, tmp_path / "out", **more)
    before = files_below(tmp_path / "out")
    time.sleep(0.002)
    tifffile.imwrite(tmp_path / "in" / BAD, np.full((40, 56), 9, "uint16"))
    with pytest.raises(ConvertersToolsUserError, match=f"(?s)changed after the conversion was planned.*{BAD}"):
        generic_compute_task(**job)
    assert files_below(tmp_path / "out") == before
    (again,) = init(some, tmp_path / "out", MODES[2], **more)
    generic_compute_task(**again)
    assert not is_exact(tmp_path / "out")  # the new file's pixels


@pytest.mark.parametrize("change", ["shorter", "newer", "gone"])
@pytest.mark.parametrize("vendor", ["cellvoyager", "metaxpress", "operetta"])
def test_a_file_that_an_instrument_names_and_that_changes_after_the_first_step_is_refused(
    tmp_path: Path, vendor: str, change: str
) -> None:
    from fractal_omezarr_converters.fractal.acquisition_inputs import AcquisitionInput
    from fractal_omezarr_converters.fractal.init import init_acquisitions
    from fractal_omezarr_converters.testing import synthetic_cellvoyager, synthetic_metaxpress, synthetic_operetta

    write = {
        "cellvoyager": synthetic_cellvoyager.write_cellvoyager,
        "metaxpress": synthetic_metaxpress.write_metaxpress,
        "operetta": synthetic_operetta.write_operetta,
    }[vendor]
    folder = write(tmp_path / "in", overlap=0).folders[0]
    asked = AcquisitionInput(path=str(folder), plate_name="P")
    made = init_acquisitions(vendor, zarr_dir=str(tmp_path / "out"), acquisitions=[asked], converter_options=None)
    file = sorted(each for each in folder.rglob("*") if each.suffix.lower() in (".tif", ".tiff"))[0]
    before = file.stat()
    if change == "shorter":
        file.write_bytes(file.read_bytes()[:-1])
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif change == "newer":
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))
    else:
        file.unlink()
    errors = []
    for job in made["parallelization_list"]:
        try:
            generic_compute_task(**job)
        except ConvertersToolsError as error:
            errors.append(str(error))
    assert len(errors) == 1 and file.name in errors[0], errors


def test_a_file_replaced_after_the_conversion_makes_extend_write_it_again(tmp_path: Path) -> None:
    some = tiles(tmp_path / "in")
    (job,) = init(some, tmp_path / "out")
    generic_compute_task(**job)
    time.sleep(0.002)
    tifffile.imwrite(tmp_path / "in" / BAD, np.full((40, 56), 9, "uint16"))
    (again,) = init(some, tmp_path / "out", MODES[2])
    generic_compute_task(**again)
    assert not is_exact(tmp_path / "out")


def test_images_that_were_changed_between_planning_and_hand_over_are_looked_at_again(tmp_path: Path) -> None:
    from small_plates import options

    from fractal_omezarr_converters.fractal.init import setup_images_for_conversion
    from fractal_omezarr_converters.pipelines.aggregation import tiles_aggregation_pipeline

    (image,) = tiles_aggregation_pipeline(tiles(tmp_path / "in"), converter_options=options())
    image.regions.pop()
    (job,) = setup_images_for_conversion([image], zarr_dir=str(tmp_path / "out"), converter_options=options())
    generic_compute_task(**job)


@pytest.mark.parametrize("harm", [cut_in_half, removed, larger_than_stated])
def test_overwrite_with_a_bad_file_keeps_the_old_plate(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    some = tiles(tmp_path / "in")
    (job,) = init(some, tmp_path / "out")
    generic_compute_task(**job)
    before = files_below(tmp_path / "out")
    harm(tmp_path / "in" / BAD)
    with pytest.raises(ConvertersToolsUserError, match=BAD):
        init(some, tmp_path / "out", OVER)
    assert files_below(tmp_path / "out") == before


@pytest.mark.parametrize("stated", ["autodetect", "uint16"])
@pytest.mark.parametrize("error", ERRORS)
def test_a_loader_that_fails_is_named_and_the_output_is_not_blamed(tmp_path: Path, stated: str, error: str) -> None:
    tile = Tile(
        fov_name="F1", start_x=0, start_y=0, length_x=6, length_y=4, collection=SingleImage(image_path="image"),
        image_loader=FailingLoader(error=error), acquisition_details=details(data_type=stated),
    )  # fmt: skip
    with pytest.raises(
        ConvertersToolsUserError, match=r"FailingLoader\(error=.* cannot be read .*no such frame"
    ) as caught:
        [job] = init([tile], tmp_path / "out")
        generic_compute_task(**job)
    assert isinstance(caught.value.__cause__, ERRORS[error])
    assert "written" not in str(caught.value)
