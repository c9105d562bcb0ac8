"""The rules every format keeps, as functions that any test can run on any folder of data.

    from fractal_omezarr_converters.testing.conformance import check_format

    def test_conformance(shared_data):
        check_format("my_microscope", shared_data / "my_microscope" / "plate")

Each rule says in its docstring what it asks and raises AssertionError when the format breaks it; all broken rules are
reported together.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsUserError
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.formats.contract import Format, FormatOptions, Scan
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails

MAX_HEADERS = 200

# What the code of a format may raise; in a test of its rules each of these is a finding.
FINDINGS = (
    AssertionError,
    ConvertersToolsError,
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass
class Case:
    """One format, one folder or file it reads, and the options to read it with."""

    format: Format
    source: Path
    options: Mapping[str, Any] | None = None

    @cached_property
    def scan(self) -> Scan:
        """The scan that the rules look at."""
        return self.scanned()

    def scanned(self, **keywords: Any) -> Scan:
        """Scan once more."""
        return self.format.scan(str(keywords.pop("source", self.source)), options=self.options, **keywords)

    @property
    def folder(self) -> Path:
        """The folder that no file of the acquisition may lie outside of."""
        return self.source if self.source.is_dir() else self.source.parent

    @property
    def is_complete(self) -> bool:
        """Say whether image files are there; without any, only the plan can be judged."""
        return self.scan.states.present > 0


def rule_the_format_describes_itself(case: Case) -> None:
    """Name, title, maker, kind, markers and options are stated; the name can be part of a command and of a module."""
    stated = case.format
    assert re.fullmatch(r"[a-z][a-z0-9_]*", stated.name), f"name '{stated.name}' is not lower_case"
    assert stated.title.strip() and stated.maker.strip(), "title or maker is empty"
    assert stated.markers and all(isinstance(each, str) and each for each in stated.markers), "no markers"
    assert stated.kind in ("plate", "image"), f"kind '{stated.kind}'"
    assert issubclass(stated.options, FormatOptions), "options is not a FormatOptions model"
    shown = stated.options.model_json_schema().get("properties", {})
    for name, field in stated.options.model_fields.items():
        assert not field.is_required(), f"option '{name}' has no default"
        described = shown[name].get("description") or name in FormatOptions.model_fields
        assert described, f"option '{name}' has no description"


def rule_recognises_its_data_and_nothing_empty(case: Case) -> None:
    """The source is recognised; an empty folder and a folder with a text file are not."""
    assert case.format.recognises(case.source), "its own data is not recognised"
    with tempfile.TemporaryDirectory() as empty:
        assert not case.format.recognises(empty), "an empty folder is recognised"
        Path(empty, "notes.txt").write_text("nothing")
        assert not case.format.recognises(empty), "a folder with a text file is recognised"


def rule_unknown_options_are_refused(case: Case) -> None:
    """An option with a wrong name is an error that names it, not something passed over."""
    try:
        case.format.scan(str(case.source), options={"no_such_option": 1})
    except ConvertersToolsUserError as error:
        assert "no_such_option" in str(error), "the error does not name the unknown option"
    else:
        raise AssertionError("the unknown option 'no_such_option' was accepted")


def rule_a_missing_source_is_an_error_with_its_path(case: Case) -> None:
    """Scanning a place where nothing is raises an error of this package that names the place."""
    with tempfile.TemporaryDirectory() as empty:
        for place in (Path(empty), Path(empty, "nowhere")):
            try:
                case.format.scan(str(place))
            except ConvertersToolsError as error:
                assert str(place) in str(error), f"the error for '{place}' does not name it"
            else:
                raise AssertionError("a source without data was scanned without an error")


def rule_there_are_tiles(case: Case) -> None:
    """A scan that succeeds gives at least one tile."""
    assert len(case.scan.tiles) > 0, "no tiles"


def rule_coordinates_are_finite_and_bounded(case: Case) -> None:
    """Starts are finite, lengths positive, channels inside the list; positions are µm, so less than a metre."""
    table = case.scan.tiles
    assert np.isfinite(table.start).all() and np.isfinite(table.length).all(), "a coordinate is not finite"
    assert (table.length > 0).all(), "a length is not positive"
    assert (np.abs(table.raw_xyz()[:, :2]) < 1e6).all(), "a stage position is more than a metre away; are these µm?"
    assert (table.start[:, 1] >= 0).all(), "a channel index is negative"
    for number, details in enumerate(table.acquisitions):
        mine = table.acquisition == number
        last = (table.start[mine, 1] + table.length[mine, 1]).max(initial=0)
        assert details.channels is None or last <= len(details.channels), "a channel index is beyond the channels"


def rule_no_two_tiles_share_a_place(case: Case) -> None:
    """No two tiles of one image and field of view state the same start along all axes."""
    table = case.scan.tiles
    rows = np.column_stack([table.collection, table.fov, table.start])
    assert len(np.unique(rows, axis=0)) == len(rows), "two tiles have the same place"


def rule_files_are_absolute_and_inside(case: Case) -> None:
    """Every source file is stated by an absolute path inside the acquisition's folder; metadata files exist there."""
    root = case.folder.resolve()
    for path in case.scan.metadata_files:
        assert Path(path).is_absolute() and Path(path).is_file(), f"metadata file '{path}' is not there"
        assert Path(path).resolve().is_relative_to(root), f"metadata file '{path}' lies outside"
    if case.is_complete:
        for path in source_paths(case.scan):
            assert Path(path).is_absolute(), f"'{path}' is not absolute"
            assert Path(path).resolve().is_relative_to(root), f"'{path}' lies outside '{root}'"


def rule_headers_agree_with_tiles(case: Case) -> None:
    """What a loader reads from a file's header has the size that its tile states, and a type that is not in doubt."""
    if not case.is_complete:
        return
    table = case.scan.tiles
    step = max(1, len(table) // MAX_HEADERS)
    for i in range(0, len(table), step):
        loader = table.loaders.loader(i)
        found = loader.shape_and_dtype()
        if found is None:
            continue
        details = table.acquisitions[int(table.acquisition[i])]
        stated = _lengths_in_pixels(table.length[i], details)
        sizes = [size for size in found[0] if size != 1]
        assert sizes == [size for size in stated if size != 1], f"{loader.describe_source()}: {found[0]}, tile {stated}"
        np.dtype(found[1])


def _lengths_in_pixels(length: Any, details: AcquisitionDetails) -> list[int]:
    steps = {
        "t": details.t_spacing,
        "c": 1.0,
        "z": details.z_spacing,
        "y": details.pixel_size_y,
        "x": details.pixel_size_x,
    }
    spaces = {axis: getattr(details, f"length_{axis}_space", "pixel") for axis in steps}
    return [
        round(value / steps[axis]) if spaces[axis] == "world" else round(value)
        for axis, value in zip(steps, length.tolist(), strict=True)
    ]


def rule_scan_is_deterministic(case: Case) -> None:
    """Two scans of the same source give the same tiles in the same order, the same facts and the same warnings."""
    first, second = fingerprint(case.scan, case.folder), fingerprint(case.scanned(), case.folder)
    assert first == second, "two scans differ"


def rule_scan_reads_no_pixels(case: Case) -> None:
    """With every image file emptied of its pixels (same name, same header), a scan still gives the same tiles.

    Files that the scan lists as metadata may be read; a format whose files hold both lists them.
    """
    kept = {Path(path).resolve() for path in case.scan.metadata_files}
    with tempfile.TemporaryDirectory() as empty:
        copy = Path(empty).resolve() / case.folder.name
        for path in sorted(case.folder.rglob("*")):
            target = copy / path.relative_to(case.folder)
            if path.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            is_image = str(path.resolve()) in _resolved(case.scan) and path.resolve() not in kept
            shutil.copyfile(path, target)
            if is_image:
                _empty_of_pixels(target)
        source = copy if case.source.is_dir() else copy / case.source.name
        emptied = fingerprint(case.scanned(source=source), copy)
    assert emptied["tiles"] == fingerprint(case.scan, case.folder)["tiles"], "the scan depends on pixel data"


def _empty_of_pixels(path: Path) -> None:
    """Put zeros in the place of the pixels of a file; of one that is no TIFF, in the place of all of it."""
    import tifffile

    places = [(0, path.stat().st_size)]
    if path.suffix.lower() in (".tif", ".tiff"):
        with tifffile.TiffFile(path) as file:
            places = [each for page in file.pages for each in zip(page.dataoffsets, page.databytecounts, strict=True)]
    with path.open("r+b") as stream:
        for offset, count in places:
            stream.seek(offset)
            stream.write(bytes(count))


def _resolved(scan: Scan) -> set[str]:
    return {str(Path(path).resolve()) for path in source_paths(scan)} if scan.states.present else set()


def rule_scan_leaves_the_folder_alone(case: Case) -> None:
    """A scan makes, changes and removes no file in the source."""

    def state() -> dict[str, tuple[int, int]]:
        every = [path for path in case.folder.rglob("*") if path.is_file()]
        return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in every}

    before = state()
    case.scanned()
    assert state() == before, "the scan changed the source folder"


def rule_tiles_survive_json(case: Case) -> None:
    """Loaders, acquisition details and collections are the same after a way through JSON, as the hand-over needs it."""
    from fractal_omezarr_converters.core.loader_columns import LoaderColumns

    table = case.scan.tiles
    document = json.loads(json.dumps(table.loaders.to_json(), allow_nan=False))
    again = LoaderColumns.from_json(document)
    for i in range(0, len(table), max(1, len(table) // MAX_HEADERS)):
        assert again.loader(i) == table.loaders.loader(i), f"loader {i} changes on its way through JSON"
    for model in (*table.acquisitions, *table.collections):
        assert type(model).model_validate_json(model.model_dump_json()) == model, f"{model!r} changes in JSON"


def rule_images_can_be_made(case: Case) -> None:
    """The tiles of one acquisition make images, each of one pixel size and one list of channels."""
    from fractal_omezarr_converters.core.aggregation import tiled_image_from_tiles

    images = tiled_image_from_tiles(tiles=case.scan.tiles)
    assert images, "no image"
    assert len({image.path for image in images}) == len(images), "two images have the same path"


def rule_states_are_counted(case: Case) -> None:
    """Planes present are those in the tiles; every other state is counted with an example and has its sentence."""
    scan = case.scan
    counts = {name: getattr(scan.states, name) for name in ("missing_file", "named_empty", "never_acquired")}
    planes = round(float(scan.tiles.length[:, :3].prod(axis=1).sum()))
    if case.is_complete:
        assert scan.states.present == planes, f"{scan.states.present} planes present, {planes} in the tiles"
    else:
        assert scan.states.missing_file >= planes, "tiles without files are not counted as missing"
    for name, number in counts.items():
        assert number >= 0, f"{name} is {number}"
        assert not number or scan.states.examples.get(name), f"{name} has no example"
    said = " ".join(scan.states.sentences())
    for number in filter(None, counts.values()):
        assert str(number) in said, f"no warning says {number}"


def rule_facts_are_plain(case: Case) -> None:
    """Facts, warnings and corrections can be written as JSON; warnings are sentences; corrections have names."""
    json.dumps([case.scan.facts, case.scan.corrections], allow_nan=False)
    assert all(set(each) == {"name", "params"} for each in case.scan.corrections), "a correction lacks name or params"
    assert all(isinstance(each, str) and each.strip() for each in case.scan.warnings), "a warning is empty"


def rule_plate_and_acquisition_are_taken_over(case: Case) -> None:
    """Name of the plate and number of the acquisition are those that the caller gives; further acquisitions count on."""
    if case.format.kind != "plate":
        return
    scan = case.scanned(plate_name="Other plate", acquisition=3)
    assert scan.plate is not None and scan.plate.name == "Other plate", "the plate's name was not taken over"
    for each in scan.tiles.collections:
        assert getattr(each, "plate_name", None) == "Other plate", "a tile belongs to another plate"
        number = getattr(each, "acquisition", None)
        assert number in (scan.acquisitions or (3,)), "a tile belongs to another acquisition"
    assert [n - 3 for n in scan.acquisitions] == list(case.scan.acquisitions), "acquisitions do not count on"


def rule_wells_lie_on_the_plate(case: Case) -> None:
    """A format of plates states the plate, and every well lies inside its stated size."""
    from fractal_omezarr_converters.models.collections import ImageInPlate
    from fractal_omezarr_converters.models.well_names import row_index

    if case.format.kind != "plate":
        return
    plate = case.scan.plate
    assert plate is not None, "no facts of the plate"
    for each in case.scan.tiles.collections:
        assert isinstance(each, ImageInPlate), f"{each!r} is not an image in a plate"
        assert plate.rows is None or row_index(each.row) < plate.rows, f"row {each.row} is off the plate"
        assert plate.columns is None or each.column <= plate.columns, f"column {each.column} is off the plate"


RULES: tuple[Callable[[Case], None], ...] = tuple(
    value for name, value in sorted(globals().items()) if name.startswith("rule_")
)


def source_paths(scan: Scan) -> list[str]:
    """List the distinct files that the loaders of a scan read."""
    loaders = scan.tiles.loaders
    return sorted({each.path for i in range(len(scan.tiles)) for each in loaders.loader(i).sources()})


def fingerprint(scan: Scan, folder: Path) -> dict[str, Any]:
    """Give everything a scan says as plain values, with paths relative to the folder, for comparison."""
    tiles = [tile.model_dump_json() for tile in scan.tiles]
    document = {"tiles": tiles, "facts": scan.facts, "warnings": scan.warnings, "states": vars(scan.states)}
    text = json.dumps(document, default=str)
    for place in {str(folder), str(folder.absolute()), str(folder.resolve())}:
        text = text.replace(place, "<source>")
    found: dict[str, Any] = json.loads(text)
    return found


def broken_rules(
    format: str | Format, source: str | Path, *, options: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Run all rules; give the broken ones by name with what was found."""
    case = Case(registry.get(format) if isinstance(format, str) else format, Path(source), options)
    broken: dict[str, str] = {}
    for rule in RULES:
        try:
            rule(case)
        except FINDINGS as error:
            found = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
            broken[rule.__name__] = f"{(rule.__doc__ or '').splitlines()[0]} Found: {found}"
    return broken


def check_format(format: str | Format, source: str | Path, *, options: Mapping[str, Any] | None = None) -> None:
    """Assert that a format keeps all rules on one folder or file.

    Args:
        format: a format or its name.
        source: a folder or file that it reads.
        options: options of the format to read it with.

    Raises:
        AssertionError: lists every broken rule and what was found.
    """
    broken = broken_rules(format, source, options=options)
    listed = "\n".join(f"  {name}: {found}" for name, found in broken.items())
    assert not broken, f"{len(broken)} rules are broken:\n{listed}"
