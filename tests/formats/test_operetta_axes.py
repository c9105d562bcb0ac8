"""Operetta and Phenix along z and time: heights, steps, offsets of channels and frames, from artificial exports."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fractal_omezarr_converters.core.tile_table")

from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.formats.contract import Scan
from fractal_omezarr_converters.testing import SyntheticChannel, SyntheticOperetta, write_operetta


def _scan(truth: SyntheticOperetta) -> Scan:
    return registry.get("operetta").scan(str(truth.folders[0]))


def test_channel_offsets_make_no_planes_and_are_kept_as_facts(tmp_path: Path) -> None:
    channels = [SyntheticChannel(n, f"C{n}", 500, offset) for n, offset in ((1, -5.0), (2, -3.0), (3, 0.0))]
    truth = write_operetta(tmp_path, planes=1, channels=channels)
    scan = _scan(truth)
    assert set(scan.tiles.start[:, 2]) == {-5.0}  # the height of the first channel
    assert scan.facts["z_planes"] == 1 and scan.facts["z_step_um"] == 1.0
    assert [each["z_offset_um"] for each in scan.facts["channels"]] == [-5.0, -3.0, 0.0]


@pytest.mark.parametrize("step", [1.5, 0.3])
def test_z_step_is_taken_inside_one_channel(tmp_path: Path, step: float) -> None:
    scan = _scan(write_operetta(tmp_path, planes=3, z_step=step))
    assert scan.tiles.acquisitions[0].z_spacing == pytest.approx(step)
    lowest = scan.facts["channels"][0]["z_offset_um"]
    assert sorted(set(scan.tiles.start[:, 2])) == pytest.approx([lowest, lowest + step, lowest + 2 * step])


def test_heights_on_the_stage_stand_in_where_none_from_the_focus_are_stated(tmp_path: Path) -> None:
    """Autofocus finds each field at another height; steps and offsets of channels are those inside the fields."""
    channels = [SyntheticChannel(1, "A", 450, 0.0), SyntheticChannel(2, "B", 520, 2.0)]
    truth = write_operetta(tmp_path, planes=3, z_step=1.5, channels=channels)
    index = truth.folders[0] / "Images" / "Index.idx.xml"
    text = re.sub(r"<PositionZ.*?</PositionZ>", "", index.read_text("utf-8-sig"))
    moved = re.sub(r"(<FieldID>2<.*?<AbsPositionZ[^>]*>)134(\d)", r"\g<1>133\2", text)
    index.write_text(moved, "utf-8")
    scan = _scan(truth)
    assert scan.tiles.acquisitions[0].z_spacing == pytest.approx(1.5)
    assert [each["z_offset_um"] for each in scan.facts["channels"]] == [0.0, 2.0]
    assert sorted(set(scan.tiles.start[:, 2])) == pytest.approx([0.0, 1.5, 3.0])
    assert not any("distance of the planes" in each for each in scan.warnings)


@pytest.mark.parametrize("flavour", ["V5", "V7"])
def test_frames_have_the_measured_times(tmp_path: Path, flavour: str) -> None:
    scan = _scan(write_operetta(tmp_path, flavour=flavour, times=3, planes=1, seconds=47.5))
    assert sorted(set(scan.tiles.start[:, 0])) == scan.facts["frame_times_s"]
    details = scan.tiles.acquisitions[0]
    assert details.t_spacing == pytest.approx(47.5) and list(details.axes) == list("tczyx")
    assert np.diff(scan.facts["frame_times_s"]).tolist() == pytest.approx([47.5, 47.5])


def test_timepoints_that_begin_again_in_each_sequence_are_different_frames(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, flavour="V7", times=2, planes=1, wells=("B03",), layout=(1, 1))
    index = truth.folders[0] / "Images" / "Index.xml"
    text = index.read_text("utf-8-sig")
    again = text.replace("<TimepointID>2</TimepointID><SequenceID>1<", "<TimepointID>1</TimepointID><SequenceID>2<")
    index.write_text(again, "utf-8")
    scan = _scan(truth)
    assert sorted(set(scan.tiles.start[:, 0])) == scan.facts["frame_times_s"]
    assert len(scan.facts["frame_times_s"]) == 2


def test_offsets_that_begin_again_in_each_sequence_leave_the_clock_to_say_when_frames_were_taken(
    tmp_path: Path,
) -> None:
    """Two sequences of two frames each, 30 s apart, the second one 940 s later than it would follow."""
    truth = write_operetta(tmp_path, flavour="V7", times=4, planes=1, wells=("B03",), layout=(1, 1))
    index = truth.folders[0] / "Images" / "Index.xml"
    text = index.read_text("utf-8-sig")
    for number, (first, second) in enumerate([(3, 60), (4, 90)]):
        begins = f"<TimepointID>{first}</TimepointID><SequenceID>1<"
        text = text.replace(begins, f"<TimepointID>{number + 1}</TimepointID><SequenceID>2<")
        text = text.replace(f'"s">{second}<', f'"s">{second - 60}<')
    clocks = sorted(set(re.findall("<AbsTime>(.*?)<", text)))
    for stamp in clocks[2:]:
        text = text.replace(stamp, (datetime.fromisoformat(stamp) + timedelta(seconds=940)).isoformat())
    index.write_text(text, "utf-8")
    scan = _scan(truth)
    assert sorted(set(scan.tiles.start[:, 0])) == scan.facts["frame_times_s"] == [0.0, 30.0, 1000.0, 1030.0]
    index.write_text(re.sub("<AbsTime>.*?</AbsTime>", "", text), "utf-8")
    unknown = _scan(truth)
    assert sorted(set(unknown.tiles.start[:, 0])) == [0.0, 30.0, 60.0, 90.0]
    assert any("do not rise with their numbers" in each for each in unknown.warnings)


def test_uneven_frames_keep_their_times(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, times=3, planes=1, seconds=30.0, wells=("B03",), layout=(1, 1))
    index = truth.folders[0] / "Images" / "Index.idx.xml"
    text = index.read_text("utf-8-sig")
    times = sorted(set(re.findall(r'<MeasurementTimeOffset Unit="s">([^<]*)<', text)), key=float)
    assert len(times) >= 3
    last = times[-1]
    index.write_text(text.replace(f'"s">{last}<', f'"s">{float(last) + 100}<'), "utf-8")
    scan = _scan(truth)
    assert sorted(set(scan.tiles.start[:, 0])) == scan.facts["frame_times_s"]
    assert np.ptp(np.diff(scan.facts["frame_times_s"])) > 50
