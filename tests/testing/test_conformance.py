"""The conformance rules find what they are there to find: each is shown a format that breaks it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.contract import FormatOptions, Scan
from fractal_omezarr_converters.formats.operetta import Operetta
from fractal_omezarr_converters.testing import write_operetta
from fractal_omezarr_converters.testing.conformance import RULES, broken_rules, check_format


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A small good measurement."""
    return write_operetta(tmp_path, wells=("B03",), layout=(1, 2), planes=1).folders[0]


def _broken(source: Path, spoil: Callable[[Scan, dict[str, Any]], None], **members: Any) -> set[str]:
    """Names of the rules that a spoiled Operetta format breaks."""

    def scan(self: Operetta, place: str, **keywords: Any) -> Scan:
        found = Operetta.scan(self, place, **keywords)
        spoil(found, {"place": place, **keywords})
        return found

    kind = type("Spoiled", (Operetta,), {"scan": scan, **members})
    return set(broken_rules(kind(), source))


def test_every_rule_says_what_it_asks() -> None:
    assert len(RULES) >= 15
    assert all((rule.__doc__ or "").strip().endswith(".") for rule in RULES)


def test_a_good_format_keeps_all_rules(source: Path) -> None:
    assert broken_rules("operetta", source) == {}
    check_format(Operetta(), source)


def test_all_broken_rules_are_reported_together(source: Path) -> None:
    class Nameless(Operetta):
        name = "No Name"

        def recognises(self, source: Any) -> bool:
            return True

    with pytest.raises(AssertionError, match=r"2 rules are broken") as error:
        check_format(Nameless(), source)
    assert "No Name" in str(error.value) and "an empty folder is recognised" in str(error.value)


def test_positions_that_are_not_numbers(source: Path) -> None:
    def spoil(scan: Scan, _: dict[str, Any]) -> None:
        scan.tiles.start[0, 4] = np.nan

    assert "rule_coordinates_are_finite_and_bounded" in _broken(source, spoil)


def test_positions_in_another_unit(source: Path) -> None:
    def spoil(scan: Scan, _: dict[str, Any]) -> None:
        scan.tiles.start[:, 3:] *= 1e6

    assert "rule_coordinates_are_finite_and_bounded" in _broken(source, spoil)


def test_two_tiles_in_one_place(source: Path) -> None:
    def spoil(scan: Scan, _: dict[str, Any]) -> None:
        scan.tiles.start[:2] = 0

    assert "rule_no_two_tiles_share_a_place" in _broken(source, spoil)


def test_sizes_that_the_files_do_not_have(source: Path) -> None:
    def spoil(scan: Scan, _: dict[str, Any]) -> None:
        scan.tiles.length[:, 4] += 1

    assert "rule_headers_agree_with_tiles" in _broken(source, spoil)


def test_scans_that_differ(source: Path) -> None:
    count: list[int] = []

    def spoil(scan: Scan, _: dict[str, Any]) -> None:
        count.append(1)
        scan.facts["number"] = len(count)

    assert _broken(source, spoil) == {"rule_scan_is_deterministic"}


def test_scans_that_look_at_pixels(source: Path) -> None:
    def spoil(scan: Scan, _: dict[str, Any]) -> None:
        path = scan.tiles.loaders.loader(0).file_path
        with Path(path).open("rb") as file, tifffile.TiffFile(file) as tiff:
            file.seek(tiff.pages[0].dataoffsets[0])
            scan.tiles.start[0, 4] += file.read(1)[0] * 1e-3

    assert _broken(source, spoil) == {"rule_scan_reads_no_pixels"}


def test_states_that_are_not_counted(source: Path) -> None:
    def spoil(scan: Scan, _: dict[str, Any]) -> None:
        scan.states.present -= 1

    assert _broken(source, spoil) == {"rule_states_are_counted"}


def test_names_that_are_not_taken_over(source: Path) -> None:
    def spoil(scan: Scan, asked: dict[str, Any]) -> None:
        if asked.get("acquisition"):
            scan.tiles = Operetta().scan(asked["place"]).tiles

    assert _broken(source, spoil) == {"rule_plate_and_acquisition_are_taken_over"}


def test_files_left_behind(source: Path) -> None:
    count: list[int] = []

    def spoil(_: Scan, asked: dict[str, Any]) -> None:
        count.append(1)
        Path(asked["place"], f"cache{len(count)}").touch()

    assert "rule_scan_leaves_the_folder_alone" in _broken(source, spoil)


def test_options_without_words(source: Path) -> None:
    class Wordless(FormatOptions):
        depth: int = 1

    class Spoiled(Operetta):
        options = Wordless

    broken = broken_rules(Spoiled(), source)
    assert "'depth' has no description" in broken["rule_the_format_describes_itself"]
    assert "no attribute" in broken["rule_there_are_tiles"]


def test_errors_of_a_missing_source_name_it(source: Path) -> None:
    class Mute(Operetta):
        def scan(self, source: str, **keywords: Any) -> Scan:
            if "Measurement" in source:
                return super().scan(source, **keywords)
            raise ConvertersToolsUserError("no data")

    assert set(broken_rules(Mute(), source)) == {"rule_a_missing_source_is_an_error_with_its_path"}
