"""From what people fill in (form, configuration file, arguments) to requests for reading and to complete options."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import index
from typing import Any, SupportsIndex

from pydantic import BaseModel, Field, ValidationError

from fractal_omezarr_converters.errors import ConvertersToolsUsageError
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.fractal.acquisition_inputs import (
    MOST_ACQUISITIONS,
    AcquisitionInput,
    AcquisitionOptions,
)
from fractal_omezarr_converters.fractal.job import changed_options
from fractal_omezarr_converters.models.byte_sizes import bytes_of
from fractal_omezarr_converters.models.foreign_paths import path_of_this_computer
from fractal_omezarr_converters.models.form_options import ConverterFormOptions
from fractal_omezarr_converters.models.options import ConverterOptions, OverwriteMode
from fractal_omezarr_converters.models.urls import (
    clean_url,
    is_remote_url,
)
from fractal_omezarr_converters.pipelines.acquisition_requests import AcquisitionRequest

CONFIGURATION_KEYS = ("format", "acquisitions", "converter_options", "overwrite", "options", "advanced", "zarr_dir")


MODES_BY_OPTION = {
    "xy_chunk": "Fixed Size",
    **dict.fromkeys(("xy_factor", "z_factor", "c_factor", "t_factor"), "Multiple of Chunks"),
    "shard_mb": "Size",
    "level_names": "Custom Names",
    "factors": "Factors",
}
"""Options that only one choice has, so that its mode need not be stated."""

_KINDS: tuple[tuple[str, tuple[type, ...], str], ...] = (
    ("format", (str,), "the name of a format"),
    *((key, (Mapping, BaseModel), "a table of options") for key in ("converter_options", "options", "advanced")),
)
"""What keys of a configuration hold that are used before a model checks them."""


@dataclass(frozen=True)
class ConversionRequest:
    """A complete request: what to read, how, and what to do with output that exists."""

    acquisitions: tuple[AcquisitionRequest, ...]
    converter_options: ConverterOptions
    overwrite: OverwriteMode
    formats: tuple[str, ...]
    configuration: dict[str, Any] = field(default_factory=dict)
    memory: int | None = None
    """Bytes that all processes of this computer may take together."""


def acquisition_request(given: AcquisitionInput, format_name: str | None) -> AcquisitionRequest:
    """The request to read one acquisition; a format of None is detected."""
    source = existing_form(given.path)
    return AcquisitionRequest(
        source=source,
        format_name=format_name or registry.detect(source).name,
        plate_name=given.plate_name,
        acquisition=given.acquisition,
        format_options=given.options,
        options=given.advanced,
    )


def full_options(given: ConverterOptions | ConverterFormOptions | Mapping[str, Any] | None) -> ConverterOptions:
    """Complete options from whatever was given."""
    if given is None:
        return ConverterOptions()
    if isinstance(given, ConverterOptions):
        return given
    if isinstance(given, ConverterFormOptions):
        return given.to_converter_options()
    defaults = ConverterOptions().model_dump(mode="json")
    try:
        return ConverterFormOptions.model_validate(_with_modes(given, defaults)).to_converter_options()
    except ValidationError as error:
        raise ConvertersToolsUsageError(f"The converter options are wrong: {in_words(error)}.") from error


def _with_modes(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Choices that are stated only in part get the mode that they have by default."""
    complete = dict(given)
    for key, default in defaults.items():
        stated = complete.get(key)
        if isinstance(stated, Mapping) and isinstance(default, Mapping):
            complete[key] = _with_modes(stated, default)
            if "mode" in default and not {"mode", "type"} & set(stated):
                told = (mode for option, mode in MODES_BY_OPTION.items() if option in stated)
                complete[key] = {"mode": next(told, default["mode"]), **complete[key]}
    return complete


def conversion_request(
    sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None,
    *,
    format: str | None = None,
    plate_name: str | None = None,
    acquisition: int | None = None,
    wells: str | Sequence[str] | None = None,
    format_options: Mapping[str, Any] | BaseModel | None = None,
    acquisition_options: AcquisitionOptions | Mapping[str, Any] | None = None,
    converter_options: ConverterOptions | ConverterFormOptions | Mapping[str, Any] | None = None,
    ngff_version: str | None = None,
    overwrite: OverwriteMode | str | None = None,
    memory: int | str | None = None,
    configuration: Mapping[str, Any] | None = None,
) -> ConversionRequest:
    """Bring arguments and configuration together; arguments win.

    Raises:
        ConvertersToolsUsageError: something is unknown, wrong or missing.
    """
    stated = dict(configuration or {})
    unknown = sorted(set(stated) - set(CONFIGURATION_KEYS))
    if unknown:
        raise ConvertersToolsUsageError(
            f"The configuration has the unknown key '{unknown[0]}'; known are: {', '.join(CONFIGURATION_KEYS)}."
        )
    for key, kind, words in _KINDS:
        if stated.get(key) is not None and not isinstance(stated[key], kind):
            raise ConvertersToolsUsageError(f"'{key}' of the configuration must be {words}, not {stated[key]!r}.")
    options = _options(converter_options, stated.get("converter_options"), ngff_version)
    format = format or stated.get("format")
    common = {
        "plate_name": plate_name,
        "options": _plain(format_options) if format_options is not None else stated.get("options"),
        "advanced": _plain(acquisition_options) if acquisition_options is not None else stated.get("advanced"),
    }
    entries = _entries(sources, stated.get("acquisitions") or [], {k: v for k, v in common.items() if v is not None})
    chosen_wells = _wells(wells)
    inputs = [_input(entry, chosen_wells) for entry in entries]
    formats = [format or registry.detect(existing_form(each.path)).name for each in inputs]
    numbers = _numbers(inputs, entries, formats, acquisition)
    inputs = [each.model_copy(update={"acquisition": number}) for each, number in zip(inputs, numbers)]
    mode = _mode(overwrite if overwrite is not None else stated.get("overwrite"))
    complete = {
        **({"format": format} if format else {}),
        "acquisitions": [
            {**entry, "acquisition": number, "advanced": changed_options(each.advanced, AcquisitionOptions)}
            for entry, each, number in zip(entries, inputs, numbers)
        ],
        "converter_options": changed_options(options, ConverterOptions),
        "overwrite": mode.value,
    }
    requests = tuple(acquisition_request(each, name) for each, name in zip(inputs, formats))
    granted = None if memory is None else bytes_of(memory)
    if granted is not None:
        options = with_runtime(options, memory_limit_mb=max(1, granted // 2**20))
    return ConversionRequest(requests, options, mode, tuple(dict.fromkeys(formats)), complete, granted)


def with_runtime(options: ConverterOptions, **changes: Any) -> ConverterOptions:
    """The same options with other runtime settings."""
    runtime = options.runtime_settings.model_copy(update=changes)
    return options.model_copy(update={"runtime_settings": runtime})


def existing_form(path: str | os.PathLike[str]) -> str:
    """The path as it is on disk: without quotes and outer spaces, absolute, in the Unicode form that exists."""
    text = clean_url(path)
    if not text:
        raise ConvertersToolsUsageError(
            "The path of an acquisition is empty; give the folder that the microscope wrote."
        )
    if is_remote_url(text):
        return text
    return str(path_of_this_computer(text, example="/data/plate 1"))


def in_words(error: ValidationError) -> str:
    """What pydantic found, in one line without a full stop."""
    return "; ".join(
        f"{'.'.join(str(part) for part in each['loc']) or 'value'}: {_plainly(each)}"
        for each in error.errors(include_url=False)
    )


def _plainly(error: Mapping[str, Any]) -> str:
    """One finding of pydantic in plain words."""
    if error["type"] == "extra_forbidden":
        return "there is no such option"
    if error["type"] in {"model_type", "model_attributes_type", "dict_type"}:
        return f"must be a table of options, not {error['input']!r}"
    if error["type"] == "union_tag_invalid":
        return f"'{error['ctx']['tag']}' is not one of {error['ctx']['expected_tags']}"
    return str(error["msg"]).removeprefix("Value error, ").removesuffix(".")  # it becomes a part of a sentence


def _options(given: Any, configured: Any, ngff_version: str | None) -> ConverterOptions:
    chosen = given if given is not None else configured
    if ngff_version is not None and isinstance(chosen, Mapping):  # before they are checked: shards need a version
        chosen = _of_version(chosen, ngff_version)
    options = full_options(chosen)
    if ngff_version is None or options.omezarr_options.ngff_version == ngff_version:
        return options
    storage = options.omezarr_options
    try:
        changed = type(storage)(
            **({name: getattr(storage, name) for name in type(storage).model_fields} | {"ngff_version": ngff_version})
        )
    except ValidationError as error:
        raise ConvertersToolsUsageError(
            f"OME-Zarr version {ngff_version} cannot be used: {in_words(error)}."
        ) from error
    return options.model_copy(update={"omezarr_options": changed})


def _of_version(options: Mapping[str, Any], ngff_version: str) -> dict[str, Any]:
    """The options with this version instead of the one that they state, here or for the written image."""
    written = options.get("omezarr_options")
    if isinstance(written, Mapping):
        written = {key: value for key, value in written.items() if key != "ngff_version"}
        options = {**options, "omezarr_options": written}
    return {**options, "ngff_version": ngff_version}


def _entries(sources: Any, configured: Any, common: dict[str, Any]) -> list[dict[str, Any]]:
    """One mapping per acquisition: sources given now replace the paths of the configured ones, in order."""
    if not isinstance(configured, list | tuple) or not all(isinstance(entry, Mapping) for entry in configured):
        raise ConvertersToolsUsageError(
            f"'acquisitions' of the configuration must be a list of tables, each with a path, not {configured!r}."
        )
    listed = [sources] if isinstance(sources, str | os.PathLike) else list(sources or [])
    paths = [os.fspath(source) for source in listed]
    if not paths:
        entries = [dict(entry) for entry in configured]
    else:
        kept = configured if len(configured) == len(paths) else [{}] * len(paths)
        entries = [{**entry, "path": path} for entry, path in zip(kept, paths)]
    if not entries:
        raise ConvertersToolsUsageError("No source is given: name the folder or file of at least one acquisition.")
    for entry in entries:
        entry["path"] = existing_form(str(entry.get("path", "")))
        if not isinstance(entry.get("options") or {}, Mapping | BaseModel):
            raise ConvertersToolsUsageError(
                f"'options' of the acquisition {entry['path']} must be a table of options, not {entry['options']!r}."
            )
    return [{**entry, **common} for entry in entries]


class _AnyAcquisition(AcquisitionInput):
    """An acquisition of any format; its format checks the options."""

    options: Any = Field(default_factory=dict)


def _wells(given: str | Sequence[str] | None) -> list[str]:
    """The wells that are chosen, from a list or from text such as A01,B02; none: all of them."""
    wells = given.replace(";", ",").split(",") if isinstance(given, str) else list(given or ())
    strange = [well for well in wells if not isinstance(well, str)]
    chosen = [well for well in wells if isinstance(well, str) and well.strip()]
    if strange or (given is not None and not chosen):  # an empty variable of a script must not mean all wells
        what = f"Wells have names, no well is called {strange[0]!r}" if strange else "No well is named"
        raise ConvertersToolsUsageError(f"{what}; write for example A01,B02, or leave wells out for all of them.")
    return chosen


def _input(entry: Mapping[str, Any], wells: Sequence[str]) -> AcquisitionInput:
    try:
        given = _AnyAcquisition.model_validate({key: value for key, value in entry.items() if value is not None})
    except ValidationError as error:
        raise ConvertersToolsUsageError(
            f"The acquisition {entry['path']} is not stated right: {in_words(error)}."
        ) from error
    if not wells:
        return given
    chosen = AcquisitionOptions.model_validate(
        {"filters": [{"name": "Well Filter", "mode": "Include", "wells": wells}]}
    )
    filters = [*given.advanced.filters, *chosen.filters]
    return given.model_copy(update={"advanced": given.advanced.model_copy(update={"filters": filters})})


def _numbers(
    inputs: Sequence[AcquisitionInput],
    entries: Sequence[Mapping[str, Any]],
    formats: Sequence[str],
    stated: SupportsIndex | None,
) -> list[int]:
    """Acquisition numbers: from the one that is stated on within each plate; without it as the entries say, else 0, 1, ...."""
    first = index(stated) if isinstance(stated, SupportsIndex) else None
    if stated is not None:
        if first is None or not 0 <= first <= MOST_ACQUISITIONS - len(inputs) + 1:
            raise ConvertersToolsUsageError(f"Acquisitions are numbered from 0 to {MOST_ACQUISITIONS}, not {stated}.")
        entries = [{}] * len(inputs)
    if len(inputs) == 1 or all("acquisition" in entry for entry in entries):
        return [each.acquisition if first is None else first for each in inputs]
    counts: dict[str, int] = {}
    numbers = []
    for each, entry, name in zip(inputs, entries, formats):
        plate, held = (each.plate_name, 1) if each.plate_name else _plate_in_metadata(each, name)
        number = int(entry["acquisition"]) if "acquisition" in entry else counts.get(plate, first or 0)
        counts[plate] = number + held
        numbers.append(number)
    return numbers


def _plate_in_metadata(given: AcquisitionInput, format_name: str) -> tuple[str, int]:
    """The plate's name, and how many numbers of acquisitions the source takes."""
    scan = registry.scan(registry.get(format_name), given.path, options=given.options, sizes=given.advanced.pixel_info)
    return scan.plate.name if scan.plate is not None else "", max(scan.acquisitions, default=0) + 1


def _mode(value: OverwriteMode | str | None) -> OverwriteMode:
    if value is None:
        return OverwriteMode.NO_OVERWRITE
    try:
        return OverwriteMode(value)
    except ValueError as error:
        known = ", ".join(mode.value for mode in OverwriteMode)
        raise ConvertersToolsUsageError(f"Overwrite mode '{value}' is not known; choose one of: {known}.") from error


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else dict(value)
