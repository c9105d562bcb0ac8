"""Errors: what they are besides, how they travel between processes, several told at once."""

from __future__ import annotations

import pickle

import pytest

from fractal_omezarr_converters import models
from fractal_omezarr_converters.errors import (
    REPORT_URL,
    ConvertersToolsError,
    ConvertersToolsFileNotFoundError,
    ConvertersToolsInternalError,
    ConvertersToolsOutputExistsError,
    ConvertersToolsUserError,
    ConvertersToolsWarning,
    NotAGridError,
    NotTilableError,
    raise_together,
)


@pytest.mark.parametrize(
    ("kind", "also"),
    [
        (ConvertersToolsError, (Exception,)),
        (ConvertersToolsUserError, (ConvertersToolsError, ValueError)),
        (ConvertersToolsOutputExistsError, (ConvertersToolsUserError, FileExistsError)),
        (ConvertersToolsFileNotFoundError, (ConvertersToolsUserError, FileNotFoundError)),
        (NotAGridError, (ConvertersToolsUserError,)),
        (NotTilableError, (ConvertersToolsUserError,)),
        (ConvertersToolsInternalError, (ConvertersToolsError, RuntimeError)),
        (ConvertersToolsWarning, (UserWarning,)),
    ],
)
def test_errors_are_also_the_built_in_ones_they_replace(kind: type[Exception], also: tuple[type, ...]) -> None:
    assert all(issubclass(kind, other) for other in also)
    with pytest.raises(also[-1], match=r"File 'a\.tif' is wrong\."):
        raise kind("File 'a.tif' is wrong.")
    assert str(kind("File 'a.tif' is wrong.")).startswith("File 'a.tif' is wrong.")


def test_the_person_who_can_act_is_in_the_class() -> None:
    assert not issubclass(ConvertersToolsInternalError, ValueError)
    assert not issubclass(ConvertersToolsUserError, RuntimeError)


@pytest.mark.parametrize(
    "kind",
    [
        ConvertersToolsUserError,
        ConvertersToolsOutputExistsError,
        ConvertersToolsFileNotFoundError,
        ConvertersToolsInternalError,
        NotAGridError,
    ],
)
def test_errors_of_other_processes_say_the_same(kind: type[Exception]) -> None:
    error = kind("Something is wrong.")
    once = pickle.loads(pickle.dumps(error))
    assert (type(once), str(once)) == (kind, str(error))
    assert str(pickle.loads(pickle.dumps(once))) == str(error)


def test_an_internal_error_ends_with_where_to_report_it() -> None:
    assert str(ConvertersToolsInternalError("Two and two are five.")).endswith(REPORT_URL)
    assert str(ConvertersToolsInternalError("Two and two are five.")).count(REPORT_URL) == 1


def test_problems_are_told_at_once() -> None:
    raise_together([], "Wells are wrong")
    with pytest.raises(ConvertersToolsUserError, match=r"^Well Q99 is wrong\.$"):
        raise_together(["Well Q99 is wrong."], "Wells are wrong")
    with pytest.raises(ConvertersToolsUserError) as caught:
        raise_together(["Well Q99 is wrong.", "Well 0 is wrong."], "Wells are wrong")
    assert str(caught.value) == "Wells are wrong (2 problems):\n  1. Well Q99 is wrong.\n  2. Well 0 is wrong."
    with pytest.raises(ConvertersToolsUserError) as caught:
        raise_together(["One.", "Two.", "Three."], "Wells are wrong", shown=2)
    assert str(caught.value) == "Wells are wrong (3 problems):\n  1. One.\n  2. Two.\n  ... and 1 more."


def test_errors_are_the_same_classes_where_converters_import_them_from() -> None:
    assert models.ConvertersToolsUserError is ConvertersToolsUserError
    assert models.ConvertersToolsWarning is ConvertersToolsWarning


@pytest.mark.parametrize("kind", [ConvertersToolsOutputExistsError, ConvertersToolsFileNotFoundError])
def test_errors_of_the_operating_system_can_be_made_by_their_own_constructor(kind: type[Exception]) -> None:
    made = kind.__new__(kind, "Something is wrong.")
    assert isinstance(made, kind)
    assert str(kind("Something is wrong.")) == "Something is wrong."
