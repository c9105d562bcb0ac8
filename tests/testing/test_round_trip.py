"""The end-to-end test that formats use: it passes on a right conversion and names what is wrong in others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.testing import PlaneKey, convert_and_compare, write_operetta

UGLY: dict[str, Any] = {
    "times": 2,
    "planes": 3,
    "layout": (2, 3),
    "acquisitions": 2,
    "missing": [PlaneKey("B03", 2, 0, 1, 1)],
    "empty": [PlaneKey("C05", 1, 1, 0, 0, 1)],
    "absent": [PlaneKey("C05", 4, 0, 1, 0)],
}


@pytest.mark.parametrize("flavour", ["V5", "V7"])
def test_a_right_conversion_passes(tmp_path: Path, flavour: str) -> None:
    truth = write_operetta(tmp_path / "in", flavour=flavour, pixel_size_y=0.8, **UGLY)
    updates = convert_and_compare(truth, tmp_path / "out", format_name="operetta")
    assert len(updates) == 4


def test_a_file_with_other_pixels_is_named(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path / "in", planes=1, wells=("B03",), layout=(1, 2))
    key = PlaneKey("B03", 2, 1)
    tifffile.imwrite(truth.folders[0] / "Images" / truth.url(key), np.flip(truth.pixels(key), 1), compression="lzw")
    with pytest.raises(AssertionError, match=r"plane differs: PlaneKey\(well='B03', field=2, channel=1"):
        convert_and_compare(truth, tmp_path / "out", format_name="operetta")


def test_fields_at_other_places_are_named(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path / "in", planes=1, wells=("B03",), layout=(1, 2))
    index = truth.folders[0] / "Images" / "Index.idx.xml"
    x = truth.stage_um(2)[0]
    text = index.read_text("utf-8-sig")
    assert f'<PositionX Unit="m">{x!r}E-06' in text
    index.write_text(
        text.replace(f'<PositionX Unit="m">{x!r}E-06', f'<PositionX Unit="m">{x + 6.5!r}E-06'), "utf-8-sig"
    )
    with pytest.raises(AssertionError, match=r"field 2 lies at \(0, 66\) \(y, x\), expected \(0, 56\)"):
        convert_and_compare(truth, tmp_path / "out", format_name="operetta")
