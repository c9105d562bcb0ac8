"""The file ``acquisition_details.toml`` beside a tile table: pixel sizes, channels, axes, in the keys of any generation."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fractal_omezarr_converters.errors import ConvertersToolsUserError, raise_together
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails
from fractal_omezarr_converters.models.older_names import ACQUISITION_NAMES, newer_acquisition_details, newer_channel
from fractal_omezarr_converters.models.urls import refuse_special_file

LIST_KEYS = ("channel_names", "wavelengths")


def read_acquisition_toml(path: Path) -> dict[str, Any]:
    """Read the fields of :class:`AcquisitionDetails` that the file states, by their present names.

    Keys that begin with ``#`` are ignored. ``condition_table_path`` is made absolute: it is relative to the file.

    Raises:
        ConvertersToolsUserError: the file is no TOML, a key is not known, or a value is wrong; all are listed.
    """
    document = _document(path)
    problems: list[str] = []
    fields = _without_remarks(document)
    lists = {key: fields.pop(key) for key in LIST_KEYS if key in fields}
    try:
        fields = newer_acquisition_details(fields)
    except ValueError as error:
        problems.append(f"'{path}': {error}")
    known = [*AcquisitionDetails.model_fields, *LIST_KEYS]
    for key in [key for key in fields if key not in AcquisitionDetails.model_fields and key not in ACQUISITION_NAMES]:
        near = difflib.get_close_matches(key, known, n=1)
        meant = f"did you mean '{near[0]}'?" if near else f"known keys are {', '.join(known)}"
        problems.append(f"'{path}': the key '{key}' is not known; {meant}")
    if isinstance(fields.get("axes"), str):
        fields["axes"] = list(fields["axes"])
    problems.extend(_channels_into(fields, lists, path))
    raise_together(problems, f"'{path}' cannot be used")
    _checked(fields, path)
    table = fields.get("condition_table_path")
    if table and not _is_remote(table):
        fields["condition_table_path"] = str(path.parent / Path(table.strip()).expanduser())
    return fields


def channels_from_lists(names: list[str], wavelengths: list[str] | None) -> list[dict[str, str]]:
    """Give channels from the two lists users write: names, and wavelengths in the same order."""
    if wavelengths is None:
        return [{"channel_label": name} for name in names]
    return [{"channel_label": name, "wavelength_id": wave} for name, wave in zip(names, wavelengths)]


def _document(path: Path) -> dict[str, Any]:
    refuse_special_file(path)
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConvertersToolsUserError(
            f"'{path}' is not valid TOML ({error}); numbers take a point (0.65), texts and letters take quotes."
        ) from error


def _without_remarks(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _plain(value) for key, value in values.items() if not key.lstrip().startswith("#")}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _without_remarks(value)
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _channels_into(fields: dict[str, Any], lists: Mapping[str, Any], path: Path) -> list[str]:
    """Turn the lists into channels; give what is wrong with them."""
    if not lists:
        return []
    problems = [
        f"'{path}': '{key}' is {value!r}; write a list, for example {key} = [\"DAPI\", \"GFP\"]."
        for key, value in lists.items()
        if not isinstance(value, list) or not all(isinstance(item, str | int | float) for item in value)
    ]
    if problems:
        return problems
    texts = {key: [_text(item) for item in value] for key, value in lists.items()}
    names, wavelengths = texts.get("channel_names"), texts.get("wavelengths")
    stated = fields.get("channels")
    if stated and not (isinstance(stated, list) and all(isinstance(channel, Mapping) for channel in stated)):
        return []  # the model of the acquisition says what is wrong
    if names is None:
        names = (
            [_label(channel) for channel in stated]
            if stated
            else [f"channel_{i}" for i in range(len(wavelengths or []))]
        )
    if wavelengths is not None and len(wavelengths) != len(names):
        return [
            f"'{path}': {len(wavelengths)} wavelengths {wavelengths} for {len(names)} channels {names};"
            " give one for each."
        ]
    if not stated:
        fields["channels"] = channels_from_lists(names, wavelengths)
        return []
    labels = [_label(channel) for channel in stated]
    waves = [newer_channel(channel).get("wavelength_id") for channel in stated]
    if labels != names or (wavelengths is not None and waves != wavelengths):
        return [
            f"'{path}': 'channels' says {labels} ({waves}), the lists 'channel_names' and 'wavelengths' say {names}"
            f" ({wavelengths}); keep one of both."
        ]
    return []


def _text(item: str | float) -> str:
    return str(int(item)) if isinstance(item, float) and item.is_integer() else str(item).strip()


def _label(channel: Any) -> str:
    return str(channel.get("channel_label")) if isinstance(channel, Mapping) else str(channel)


def _checked(fields: Mapping[str, Any], path: Path) -> None:
    try:
        AcquisitionDetails.model_validate(dict(fields))
    except ValidationError as error:
        problems = [
            f"'{path}', key '{'.'.join(map(str, each['loc'])) or 'file'}': {each['msg']} (found {each['input']!r})."
            for each in error.errors()
        ]
        raise_together(problems, f"'{path}' cannot be used")


def _is_remote(place: str) -> bool:
    return "://" in place
