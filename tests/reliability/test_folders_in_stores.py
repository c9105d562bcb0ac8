"""Folders of instruments in an object store: what a scan and a conversion give is what they give of the folder on a disk."""

from __future__ import annotations

import io
import json
import logging
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from made_tables import TOML, plate_rows, write_folder
from made_vendors import SMALL, VENDORS, Vendor, in_plain_values, moved_profiles
from object_store import BUCKET, SECRET, FaultyS3

from fractal_omezarr_converters.cli.app import run
from fractal_omezarr_converters.convert import convert, inspect, plan, verify
from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import (
    ConvertersToolsError,
    ConvertersToolsFileNotFoundError,
    ConvertersToolsStoreError,
    ConvertersToolsUserError,
    ConvertersToolsWarning,
)
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.fractal.compute import generic_compute_task
from fractal_omezarr_converters.models import store_listing
from fractal_omezarr_converters.models.loaders import DefaultImageLoader
from fractal_omezarr_converters.models.placeholders import make_placeholder
from fractal_omezarr_converters.models.plain_tiff import plain_header, read_plain_tiff
from fractal_omezarr_converters.models.remote_calls import facts_in
from fractal_omezarr_converters.models.remote_ranges import BLOCK, open_for_header
from fractal_omezarr_converters.models.store_listing import Listed, lay_out
from fractal_omezarr_converters.ngff.reader import read_level
from fractal_omezarr_converters.pipelines.header_checks import sources_of
from fractal_omezarr_converters.tasks.operetta.convert_init import OperettaAcquisition, convert_init
from fractal_omezarr_converters.testing import write_operetta
from fractal_omezarr_converters.testing.operetta_truth import PROFILE
from fractal_omezarr_converters.testing.round_trip import planes_that_differ

Place = tuple[FaultyS3, str]

every_vendor = pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)


def uploaded(folder: Path, url: str) -> str:
    """Put all files of a folder below an address."""
    files = fsspec.filesystem("s3")
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            files.pipe_file(f"{url}/{path.relative_to(folder.parent).as_posix()}", path.read_bytes())
    return f"{url}/{folder.name}"


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Whatever happens: what was laid out of a store is gone afterwards."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    yield scratch
    assert not list(scratch.glob("omezarr-*"))


@pytest.fixture
def command_line() -> Iterator[Callable[[list[str]], int]]:
    """The command, in this process; it sets up logging, which is put back."""
    root, own = logging.getLogger(), logging.getLogger("fractal_omezarr_converters")
    handlers, levels = root.handlers[:], (root.level, own.level)
    yield run
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    own.setLevel(levels[1])


@every_vendor
def test_a_plate_in_a_store_is_converted_as_from_a_disk(vendor: Vendor, tmp_path: Path, s3: Place) -> None:
    _, url = s3
    folder = vendor.made(tmp_path / "in", wells=("B03",)).folders[0]
    source = uploaded(folder, url)
    there, here = (
        registry.scan(registry.get(vendor.format), str(place), options=vendor.options) for place in (source, folder)
    )
    assert in_plain_values(there, source) == in_plain_values(here, str(folder))
    made = [
        convert(place, tmp_path / out, format_options=vendor.options, format=vendor.format, workers=1, verify=True)
        for place, out in ((folder, "from_disk"), (source, "from_store"))
    ]
    for from_disk, from_store in zip(made[0].updates, made[1].updates, strict=True):
        one, other = (read_level(each["zarr_url"]) for each in (from_disk, from_store))
        assert one.any()
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
    assert made[1].verification is not None
    assert made[1].verification.ok
    assert "omezarr-" not in repr(made[1].plan)


@pytest.mark.parametrize("name", ["metaxpress", "micromanager_stacks", "ome_plate", "scanr_old", "squid"])
def test_of_large_images_only_the_headers_are_fetched(name: str, tmp_path: Path, s3: Place) -> None:
    """Files above some blocks are read in blocks; what the scan says of them is the same."""
    server, url = s3
    vendor = VENDORS[name]
    folder = vendor.made(tmp_path / "in", wells=("B03",), planes=1, field_shape=(560, 520)).folders[0]
    source = uploaded(folder, url)
    server.sent = 0
    there, here = (
        registry.scan(registry.get(vendor.format), str(place), options=vendor.options) for place in (source, folder)
    )
    assert in_plain_values(there, source) == in_plain_values(here, str(folder))
    images = [each for each in folder.rglob("*") if each.suffix.lower() in (".tif", ".tiff")]
    assert server.sent < sum(each.stat().st_size for each in images) / 2


def test_a_task_and_its_jobs_read_a_plate_in_a_store(tmp_path: Path, s3: Place) -> None:
    """Corrections of planes, copies of the metadata, and nothing in the output names the disk of the init step."""
    _, url = s3
    truth = write_operetta(tmp_path / "in", **SMALL)
    source = uploaded(truth.folders[0], url)
    for marker in ("/", "/Images/", "/empty/"):  # what consoles make for folders
        bucket, _, key = f"{source}{marker}".removeprefix("s3://").partition("/")
        fsspec.filesystem("s3").call_s3("put_object", Bucket=bucket, Key=key, Body=b"")
    acquisition = {"path": f"{source}/", "advanced": {"copy_metadata": True}}
    out = tmp_path / "out"
    given = {"zarr_dir": str(out), "acquisitions": [OperettaAcquisition.model_validate(acquisition)]}
    jobs = convert_init(**given)["parallelization_list"]
    updates = [
        update for job in json.loads(json.dumps(jobs)) for update in generic_compute_task(**job)["image_list_updates"]
    ]
    assert not planes_that_differ(truth, [dict(each) for each in updates])
    assert verify(out).ok
    (index,) = truth.folders[0].rglob("Index*.xml")
    (copy,) = out.rglob("metadata/0/Index*.xml")
    assert copy.read_bytes() == index.read_bytes()
    (path,) = {
        file.path.rpartition("/")[0]
        for job in jobs
        for file in sources_of(TiledImage.model_validate_json(job["init_args"]["tiled_image_json_str"]))
    }
    assert path == f"{source}/Images"
    assert not [each for each in out.rglob("zarr.json") if "scratch" in each.read_text() or SECRET in each.read_text()]
    assert inspect(source).source == source


FAULTS: dict[str, Callable[[FaultyS3], None]] = {
    "503": lambda s3: s3.harm(0.25, (503, "SlowDown")),
    "halves": lambda s3: s3.harm(0.25, "truncate", methods="GET"),
    "resets": lambda s3: s3.harm(0.15, "reset"),
    "flips": lambda s3: s3.harm(0.2, "flip", methods="GET", inside="Synthetic"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ["metaxpress", "operetta", "micromanager_stacks"])
def test_a_store_that_fails_now_and_then_is_read_right_or_refuses(
    name: str, fault: str, tmp_path: Path, s3: Place
) -> None:
    server, url = s3
    vendor = VENDORS[name]
    folder = vendor.made(tmp_path / "in", wells=("B03",), planes=1).folders[0]
    source = uploaded(folder, url)
    chosen = registry.get(vendor.format)
    FAULTS[fault](server)
    try:
        there = registry.scan(chosen, source)
    except ConvertersToolsError as error:
        assert source in str(error)
        return
    assert in_plain_values(there, source) == in_plain_values(chosen.scan(str(folder)), str(folder))


@pytest.mark.parametrize(
    ("name", "inside"), [("metaxpress", ".TIF"), ("metaxpress", "_s2_w1"), ("scanr_old", ".tif"), ("ome_plate", ".ome")]
)
def test_headers_that_the_store_refuses_are_not_taken_for_damaged(
    name: str, inside: str, tmp_path: Path, s3: Place
) -> None:
    """Formats do without headers that cannot be read: not without those that a store does not give."""
    server, url = s3
    vendor = VENDORS[name]
    source = uploaded(vendor.made(tmp_path / "in", wells=("B03",), planes=1).folders[0], url)
    server.harm(1.0, (403, "AccessDenied"), methods="GET", inside=inside)
    with pytest.raises(ConvertersToolsStoreError, match="credentials") as raised:
        registry.scan(registry.get(vendor.format), source, options=vendor.options)
    assert source in str(raised.value)
    assert SECRET not in str(raised.value)


def test_an_image_that_is_not_in_the_store_stays_empty_and_is_said(tmp_path: Path, s3: Place) -> None:
    _, url = s3
    truth = write_operetta(tmp_path / "in", **SMALL)
    lost = next(truth.folders[0].rglob("*.tiff"))
    lost.unlink()
    source = uploaded(truth.folders[0], url)
    with pytest.warns(ConvertersToolsWarning, match=f"whose files are missing: 1 .*{lost.name}"):
        made = plan(source)
    assert made.missing_planes == 1
    fsspec.filesystem("s3").rm(source, recursive=True)
    uploaded_metadata = next(truth.folders[0].rglob("Index*.xml"))
    fsspec.filesystem("s3").pipe_file(f"{source}/Images/{uploaded_metadata.name}", uploaded_metadata.read_bytes())
    with pytest.raises(ConvertersToolsFileNotFoundError, match=f"None of the .*{source}/Images"):
        convert(source, tmp_path / "out")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("{url}/nothing", "There is no file or folder '{url}/nothing' in the store; check the address"),
        (
            "s3://no-such-bucket-here/plate",
            "s3://no-such-bucket-here/plate could not be listed .*check that the bucket exists",
        ),
        ("s3://", "'s3://' cannot be listed .*such as s3://bucket/folder"),
        ("unknown://bucket/plate", "no file system for 'unknown://' is installed"),
    ],
)
def test_addresses_where_nothing_is(address: str, said: str, tmp_path: Path, s3: Place) -> None:
    for ask in (plan, inspect, lambda source: convert(source, tmp_path / "out")):
        with pytest.raises(ConvertersToolsUserError, match=said.format(url=s3[1])):
            ask(address.format(url=s3[1]))


def test_a_folder_that_no_format_knows_is_named_by_its_address(s3: Place) -> None:
    fsspec.filesystem("s3").pipe_file(f"{s3[1]}/plate/notes.txt", b"nothing")
    with pytest.raises(ConvertersToolsUserError, match=f"No format recognises '{s3[1]}/plate'"):
        plan(f"{s3[1]}/plate")


@pytest.mark.parametrize(
    ("key", "said"),
    [("plate//double.xml", "can be no file of a folder"), ("plate/Index.xml/inside.xml", "in the store twice")],
)
def test_names_that_no_folder_can_hold_are_refused(key: str, said: str, s3: Place) -> None:
    files = fsspec.filesystem("s3")
    for name in ("plate/Index.xml", key):
        files.call_s3("put_object", Bucket=BUCKET, Key=f"{s3[1].rpartition('/')[2]}/{name}", Body=b"<a/>")
    with pytest.raises(ConvertersToolsUserError, match=said):
        plan(f"{s3[1]}/plate")


@pytest.mark.parametrize("name", ["../beside.xml", "a/../../beside.xml", "/root.xml", "..", "nul\0.xml"])
def test_names_that_lead_out_of_the_folder_are_refused(name: str, tmp_path: Path) -> None:
    listed = [Listed(f"bucket/plate/{name}", 3, 0, is_image=True)]
    with pytest.raises(ConvertersToolsUserError, match="can be no file of a folder"):
        lay_out(None, listed, "s3://", tmp_path / "mirror")
    assert [each.name for each in tmp_path.iterdir()] == ["scratch"]


def test_more_metadata_than_fit_are_refused(s3: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_listing, "MOST_METADATA", 5)
    fsspec.filesystem("s3").pipe_file(f"{s3[1]}/plate/large.xml", b"1234567")
    with pytest.raises(ConvertersToolsUserError, match=r"the largest is .*large\.xml"):
        plan(f"{s3[1]}/plate")


def test_a_tile_table_with_a_condition_table_beside_it(tmp_path: Path, s3: Place) -> None:
    """Names in the table and in the TOML file are relative to where these lie in the store."""
    _, url = s3
    rows = plate_rows()
    for row in rows:
        row.pop("drug")
    folder = write_folder(tmp_path / "table", rows, TOML + 'condition_table_path = "../conditions.csv"\n')
    source = uploaded(folder, url)
    fsspec.filesystem("s3").pipe_file(f"{url}/conditions.csv", b"well,drug\nA01,DMSO\nC12,Taxol\n")
    with pytest.raises(
        ConvertersToolsUserError, match=f"{url}/.*conditions.csv', which lies outside its folder.*follow_links"
    ):
        plan(source)
    linked = {"follow_links": True}
    for number, place in enumerate((source, f"{source}/tiles.csv")):
        made = convert(
            place, tmp_path / f"out{number}", plate_name="Table", workers=1, verify=True, format_options=linked
        )
        assert made.verification is not None
        assert made.verification.ok
        assert [each["attributes"]["drug"] for each in made.updates] == ["DMSO", "Taxol"]
    fsspec.filesystem("s3").pipe_file(f"{url}/conditions.csv", b"well,drug\nA01,DMSO\nnowhere,Taxol\n")
    with pytest.raises(ConvertersToolsUserError, match=f"Condition table '{url}/conditions.csv'"):
        plan(source, format_options=linked)
    fsspec.filesystem("s3").rm_file(f"{url}/conditions.csv")
    with pytest.raises(ConvertersToolsUserError, match=f"{url}/.*conditions.csv', which does not exist"):
        plan(source, format_options=linked)


@pytest.mark.parametrize(
    ("name", "settings", "options"),
    [
        ("cellvoyager", {"shading": True}, {"shading": "divide"}),
        ("operetta", {"profile": PROFILE}, {"flat_field": "divide"}),
    ],
)
def test_planes_are_corrected_by_images_and_profiles_in_the_store(
    name: str, settings: dict[str, Any], options: dict[str, Any], tmp_path: Path, s3: Place
) -> None:
    _, url = s3
    folder = VENDORS[name].made(tmp_path / "in", wells=("B03",), planes=1, **settings).folders[0]
    plain, here, there = (
        convert(place, tmp_path / str(number), workers=1, verify=True, format_options=chosen).updates[0]["zarr_url"]
        for number, (place, chosen) in enumerate([(folder, {}), (folder, options), (uploaded(folder, url), options)])
    )
    assert np.array_equal(read_level(here), read_level(there))
    assert not np.array_equal(read_level(plain), read_level(there))


def test_profiles_beside_the_folder_of_the_images(tmp_path: Path, s3: Place) -> None:
    _, url = s3
    truth = write_operetta(tmp_path / "in", profile=PROFILE, planes=1, wells=("B03",))
    moved_profiles(truth.folders[0])
    source = f"{uploaded(truth.folders[0], url)}/Images"
    scan = registry.scan(registry.get("operetta"), source, options={"flat_field": "divide"})
    assert scan.facts["flat_field_channels"] == [1, 3]


@pytest.mark.parametrize(("name", "below"), [("operetta", "Images"), ("scanr", "data")])
def test_the_folder_of_the_images_alone(name: str, below: str, tmp_path: Path, s3: Place) -> None:
    """Some metadata lie beside the folder that was given."""
    _, url = s3
    vendor = VENDORS[name]
    folder = vendor.made(tmp_path / "in", wells=("B03",), planes=1).folders[0]
    source = uploaded(folder, url)
    there, here = (registry.scan(registry.detect(f"{place}/{below}"), f"{place}/{below}") for place in (source, folder))
    assert in_plain_values(there, source) == in_plain_values(here, str(folder))


def test_a_placeholder_is_never_read_as_an_image(tmp_path: Path) -> None:
    """Of a folder that nobody vouches for any more, and of one that is laid out, no pixel and no header comes out of zeros."""
    path = tmp_path / "a.tif"
    make_placeholder(str(path), 2_000_000, 10**18)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (2_000_000, 10**18)
    assert plain_header(str(path)) is None
    assert not read_plain_tiff(str(path), np.zeros((1000, 1000), np.uint16))
    with pytest.raises(ConvertersToolsUserError, match=r"a\.tif"):
        DefaultImageLoader(file_path=str(path)).load_data()


def test_blocks_of_an_object_are_its_bytes(s3: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    content = np.random.default_rng(3).bytes(40 * BLOCK + 17)
    fsspec.filesystem("s3").pipe_file(f"{s3[1]}/object", content)
    chosen = random.Random(5)
    with open_for_header(f"{s3[1]}/object") as file, io.BytesIO(content) as truth:
        for _ in range(60):
            at, count = chosen.randrange(len(content) + 10), chosen.choice([1, 100, BLOCK, 3 * BLOCK, 12 * BLOCK])
            assert file.seek(at) == truth.seek(at)
            assert file.read(count) == truth.read(count)
            assert file.tell() == truth.tell()
        assert file.seek(-5, 2) == truth.seek(-5, 2)
        assert file.read() == truth.read()
    s3[0].harm(1.0, "truncate", methods="GET")
    with open_for_header(f"{s3[1]}/object") as file, pytest.raises(ConvertersToolsStoreError, match="/object"):
        file.read(10)


def test_the_last_of_several_addresses_is_a_source_or_the_output(
    tmp_path: Path, s3: Place, command_line: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    _, url = s3
    truth = write_operetta(tmp_path / "in", **{**SMALL, "wells": ("B03",), "planes": 1, "acquisitions": 2})
    sources = [uploaded(folder, url) for folder in truth.folders]
    for more, out, images in ((sources[1], None, 2), (f"{url}/out", f"{url}/out", 1)):
        assert command_line(["plan", sources[0], more, "--json"]) == 0
        made = json.loads(capsys.readouterr().out)
        assert (made["out"], len(made["images"])) == (out, images)
    fsspec.filesystem("s3").pipe_file(f"{url}/out/Plate.zarr/zarr.json", b"{}")
    assert command_line(["plan", sources[0], f"{url}/out", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["out"] == f"{url}/out"


def test_processes_of_the_command_line_read_from_the_store(
    tmp_path: Path, s3: Place, command_line: Callable[[list[str]], int]
) -> None:
    _, url = s3
    truth = write_operetta(tmp_path / "in", **SMALL)
    source = uploaded(truth.folders[0], url)
    assert command_line(["convert", source, str(tmp_path / "out"), "--workers", "2", "--verify"]) == 0


def test_any_file_system_will_do(tmp_path: Path) -> None:
    """Stores that state neither checksums nor times."""
    truth = write_operetta(tmp_path / "in", **SMALL)
    fsspec.filesystem("memory").put(f"{truth.folders[0]}/", "/any/plate/", recursive=True)
    made = convert("memory://any/plate", tmp_path / "out", workers=1, verify=True)
    assert not planes_that_differ(truth, [dict(each) for each in made.updates])


def test_times_are_compared_in_what_every_answer_of_a_store_gives() -> None:
    """A listing may state parts of a second, an answer about one object does not."""
    listed = datetime(2024, 5, 1, 12, 30, 15, 987_000, tzinfo=UTC)
    asked = listed.replace(microsecond=0)
    assert facts_in({"size": 7, "LastModified": listed}) == facts_in({"size": 7, "LastModified": asked})
    assert facts_in({"size": 7, "LastModified": asked}) == (7, int(asked.timestamp()) * 10**9)
