"""Options in a file (TOML, JSON or YAML) and single options as ``key=value``, with the keys of the Fractal form."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsUsageError, ConvertersToolsUserError

#: First keys of the form; any other first key is an option of a format, or else meant below ``converter_options``.
FORM_KEYS = ("format", "acquisitions", "converter_options", "overwrite", "options", "advanced")


def read_configuration(path: str) -> dict[str, Any]:
    """Read a configuration file.

    Raises:
        ConvertersToolsUsageError: it is not there, not readable as its ending says, or not a table of keys.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise ConvertersToolsUsageError(f"There is no configuration file '{path}'; check the path.")
    try:
        document = _parse(file.read_text(encoding="utf-8-sig"), file.suffix.lower(), path)
    except ConvertersToolsUsageError:
        raise
    except UnicodeDecodeError as error:
        raise ConvertersToolsUsageError(
            f"The configuration file '{path}' is no text in UTF-8; give one such as omezarr plan --write-config writes."
        ) from error
    except OSError as error:
        raise ConvertersToolsUsageError(
            f"The configuration file '{path}' cannot be read ({error.strerror}); check the rights to read it."
        ) from error
    except ValueError as error:
        raise ConvertersToolsUsageError(f"The configuration file '{path}' cannot be read: {error}.") from error
    if not isinstance(document, dict):
        raise ConvertersToolsUsageError(
            f"The configuration file '{path}' holds no keys; see omezarr plan --write-config."
        )
    unknown = sorted(set(document) - set(FORM_KEYS) - {"zarr_dir"})
    if unknown:
        raise ConvertersToolsUsageError(
            f"The configuration file '{path}' has the unknown key '{unknown[0]}'; known are: {', '.join(FORM_KEYS)}."
        )
    return document


def _parse(text: str, suffix: str, path: str) -> Any:
    if suffix == ".json":
        return json.loads(text)
    if suffix in {".yaml", ".yml"}:
        import yaml

        try:
            return yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConvertersToolsUsageError(f"The configuration file '{path}' is not valid YAML: {error}.") from error
    return tomllib.loads(text)


def check_kind_of_file(path: str) -> None:
    """Refuse an ending that no configuration is written with.

    Raises:
        ConvertersToolsUsageError: it is neither .toml nor .json.
    """
    name = Path(path).name
    if not name.lower().endswith((".toml", ".json")):
        raise ConvertersToolsUsageError(f"A configuration is written as .toml or .json, not as '{name}'.")


def write_configuration(path: str, document: dict[str, Any]) -> None:
    """Write a configuration file that gives the same conversion again; the ending names the kind (JSON or TOML).

    Raises:
        ConvertersToolsUserError: it cannot be written there.
    """
    check_kind_of_file(path)
    file = Path(path).expanduser()
    if file.suffix.lower() == ".json":
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    else:
        import tomli_w

        text = tomli_w.dumps(_without_none(document))
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConvertersToolsUserError(
            f"The configuration file '{path}' cannot be written ({error.strerror}); choose another place."
        ) from error


def _without_none(value: Any) -> Any:
    """TOML has no null: a key that is not given means the same."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value if item is not None]
    return value


def settings_from_texts(configuration: dict[str, Any], texts: list[str]) -> dict[str, Any]:
    """Add options given as ``dotted.key=value`` to a configuration; the value is JSON, or else plain text."""
    result: dict[str, Any] = json.loads(json.dumps(configuration, default=str))
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not all(key.strip().split(".")):
            raise ConvertersToolsUsageError(f"--set needs key=value, not '{text}'.")
        parts = key.strip().split(".")
        if parts[0] not in FORM_KEYS:
            parts = [_box_of(parts[0]), *parts]
        _set(result, parts, _value(value.strip()), key)
    return result


def _box_of(name: str) -> str:
    """The part of the form that has an option of this name."""
    from fractal_omezarr_converters.formats.registry import formats
    from fractal_omezarr_converters.models.options import ConverterOptions
    from fractal_omezarr_converters.pipelines.acquisition_options import AcquisitionOptions

    if name in ConverterOptions.model_fields:
        return "converter_options"
    if name in AcquisitionOptions.model_fields:
        return "advanced"
    return "options" if any(name in each.options.model_fields for each in formats().values()) else "converter_options"


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _set(table: dict[str, Any], parts: list[str], value: Any, key: str) -> None:
    place: Any = table
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        index: Any = part
        if isinstance(place, list):
            if not part.isdecimal() or int(part) >= len(place):
                raise ConvertersToolsUsageError(f"--set {key}: the list has no item {part}; items count from 0.")
            index = int(part)
        elif not isinstance(place, dict):
            raise ConvertersToolsUsageError(f"--set {key}: there is nothing below '{part}'.")
        if following is None:
            place[index] = value
            return
        place = place.setdefault(index, {}) if isinstance(place, dict) else place[index]
