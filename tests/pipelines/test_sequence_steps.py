"""Frames and planes: distinct times, visits, stacks that lie beside each other."""

from __future__ import annotations

import numpy as np
import pytest

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.pipelines.sequence_steps import distinct_places, even_places, group_ids, numbers_between


def frames(times: list[float], groups: list[int], spacing: float = 2.5, counts: list[int] | None = None):
    return distinct_places(np.array(times), np.array(counts or [1] * len(times)), np.array(groups), spacing, "t")


def test_f17_uneven_times_make_one_frame_each() -> None:
    found = frames([0, 2.5, 7.9], [0, 0, 0])
    assert found.index.tolist() == [0, 1, 2]
    assert found.step == pytest.approx(3.95)
    assert found.uneven
    assert found.values.tolist() == [0, 2.5, 7.9]


def test_times_within_one_percent_are_one_frame() -> None:
    assert frames([0, 0.02, 2.5, 2.52], [0, 1, 0, 1]).index.tolist() == [0, 0, 1, 1]


def test_visits_of_several_fields_do_not_multiply_frames() -> None:
    found = frames([0, 5, 10, 60, 65, 70], [0, 1, 2, 0, 1, 2], 60)
    assert found.index.tolist() == [0, 0, 0, 1, 1, 1]
    assert not found.uneven


def test_a_field_that_stopped_early_keeps_its_frames() -> None:
    found = frames([0, 5, 60, 65, 120], [0, 1, 0, 1, 0], 60)
    assert found.index.tolist() == [0, 0, 1, 1, 2]


def test_a_field_that_started_late_keeps_its_frames() -> None:
    found = frames([0, 60, 120, 62, 122], [0, 0, 0, 1, 1], 60)
    assert found.index.tolist() == [0, 1, 2, 1, 2]


def test_a_channel_of_every_second_frame() -> None:
    found = frames([0, 10, 20, 30, 1, 21], [0, 0, 0, 0, 1, 1], 10)
    assert found.index.tolist() == [0, 1, 2, 3, 0, 2]


def test_a_stack_in_time_must_not_be_torn_apart() -> None:
    assert frames([0], [0], 1.0, [5]).values.tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(ConvertersToolsUserError, match="between its steps"):
        frames([0, 0.5], [0, 0], 1.0, [3, 1])


def test_planes_follow_the_spacing_and_keep_holes() -> None:
    z = np.array([0.0, 1.01, 1.98, 5.0])
    assert even_places(z, np.zeros(4, dtype=int), 1.0).tolist() == [0, 1, 2, 5]


def test_a_channel_half_a_step_higher_loses_no_plane() -> None:
    z = np.array([0.0, 1.0, 2.0, 0.5, 1.5, 2.5])
    places = even_places(z, np.array([0, 0, 0, 1, 1, 1]), 1.0)
    assert places[:3].tolist() == [0, 1, 2]
    assert np.diff(places[3:]).tolist() == [1, 1]


def test_uneven_planes_are_said_to_be_uneven() -> None:
    assert even_places(np.array([0.0, 1.0, 2.5]), np.zeros(3, dtype=int), 1.0) is None
    assert even_places(np.array([0.0, 0.3]), np.zeros(2, dtype=int), 1.0) is None


def test_groups_are_distinct_combinations() -> None:
    ids = group_ids(np.array([0, 0, 1, 1]), np.array([1.5, 2.5, 1.5, 1.5]))
    assert len(set(ids.tolist())) == 3
    assert ids[2] == ids[3]


@pytest.mark.parametrize(
    ("times", "missing"),
    [
        ([0, 60, 180.3], [2]),
        ([0, 300, 360, 420], [1, 2, 3, 4]),
        ([0, 60, 120], []),
        ([0, 2.5, 7.9], []),
        ([5], []),
        ([0, 1, 1e9], []),
    ],
)
def test_frames_that_lack_are_numbered_where_times_are_multiples(times: list[float], missing: list[int]) -> None:
    assert numbers_between(np.array(times, dtype=float)) == missing
