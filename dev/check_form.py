"""Will every argument schema of the Fractal manifest give a usable web form? In pure Python, for machines without Node.

    python dev/check_form.py MANIFEST        exit 0: yes; 1: each fault on a line of its own; 2: not a manifest

The web client compiles each schema in strict mode and then builds the form from it. Where either step throws, the whole
Arguments tab stays empty without a message (``BLANK``), or a part throws when it is opened (``BREAKS``). Both are faults.
A ``NOTE`` marks an argument that is shown but cannot be filled in; notes are faults here too, because nobody needs them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

#: Arguments that Fractal fills in itself; the form never shows them.
FILLED_BY_FRACTAL = {"zarr_dir", "zarr_url", "zarr_urls", "init_args"}
RENDERED_VERSIONS = {"pydantic_v1", "pydantic_v2", "fractal_schema_v1"}

#: Formats that the strict compiler knows (ajv-formats 3).
KNOWN_FORMATS = set(
    "date time date-time iso-time iso-date-time duration uri uri-reference uri-template url email hostname ipv4 ipv6 "
    "regex uuid json-pointer json-pointer-uri-fragment relative-json-pointer byte int32 int64 float double password "
    "binary".split()
)
#: Keywords of JSON Schema 2020-12 that the strict compiler accepts; anything else empties the form.
KNOWN_KEYWORDS = set(
    "$schema $id $defs $ref $comment $anchor $dynamicRef $dynamicAnchor $vocabulary definitions title description default "
    "deprecated examples readOnly writeOnly type enum const format allOf anyOf oneOf not if then else properties "
    "patternProperties additionalProperties propertyNames required dependentRequired dependentSchemas minProperties "
    "maxProperties items prefixItems contains minContains maxContains minItems maxItems uniqueItems minLength maxLength "
    "pattern minimum maximum exclusiveMinimum exclusiveMaximum multipleOf contentEncoding contentMediaType contentSchema "
    "unevaluatedItems unevaluatedProperties discriminator".split()
)
#: Which type a keyword belongs to: strict compilation refuses it elsewhere.
TYPE_OF_KEYWORD = {
    **dict.fromkeys(["minLength", "maxLength", "pattern"], {"string"}),
    **dict.fromkeys(
        ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"], {"number", "integer"}
    ),
    **dict.fromkeys(["items", "prefixItems", "minItems", "maxItems", "uniqueItems"], {"array"}),
    **dict.fromkeys(["properties", "required", "additionalProperties"], {"object"}),
}
_NOT_GIVEN = object()


class Fault(NamedTuple):
    """One place of one form that a user could not use."""

    level: str
    argument: str
    text: str


class _RecursiveModelError(Exception):
    """A model refers to itself, or to nothing."""


def inline(node: Any, root: dict[str, Any], open_references: tuple[str, ...] = ()) -> Any:
    """A copy of ``node`` in which every reference is replaced by what it points to."""
    if isinstance(node, list):
        return [inline(item, root, open_references) for item in node]
    if not isinstance(node, dict):
        return node
    resolved: dict[str, Any] = {}
    reference = node.get("$ref")
    if isinstance(reference, str):
        if reference in open_references:
            raise _RecursiveModelError(f"recursive model: {reference.rsplit('/', 1)[-1]} contains itself")
        target: Any = root
        for key in reference.removeprefix("#/").split("/"):
            target = target.get(key) if isinstance(target, dict) else None
        if not reference.startswith("#/") or target is None:
            raise _RecursiveModelError(f"dangling reference {reference}")
        resolved.update(inline(target, root, (*open_references, reference)))
    for key, value in node.items():
        if key != "$ref":
            resolved[key] = value if key in {"mapping", "default", "$defs"} else inline(value, root, open_references)
    return resolved


def strict_problems(node: dict[str, Any]) -> Iterator[str]:
    """Why strict compilation of an inlined schema would fail."""
    for key, value in node.items():
        if key not in KNOWN_KEYWORDS:
            yield f"unknown keyword {key!r}"
        allowed = TYPE_OF_KEYWORD.get(key)
        stated = node.get("type")
        if allowed and isinstance(stated, str) and stated not in allowed:
            yield f"keyword {key!r} does not belong to type {stated!r}"
        if allowed and stated is None:
            yield f"keyword {key!r} without a type"
        if key == "format" and value not in KNOWN_FORMATS:
            yield f"unknown format {value!r}"
        if key == "type" and isinstance(value, list):
            yield f"several types {value} in one place"
    missing = [name for name in node.get("required", []) if name not in node.get("properties", {})]
    if missing:
        yield f"required but not described: {', '.join(missing)}"
    for child in _children(node):
        yield from strict_problems(child)


def _children(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for key in ("properties", "patternProperties"):
        yield from (child for child in node.get(key, {}).values() if isinstance(child, dict))
    for key in ("items", "additionalProperties", "not"):
        if isinstance(node.get(key), dict):
            yield node[key]
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        yield from (child for child in node.get(key, []) if isinstance(child, dict))


class _FormBuilder:
    """Walks a property as the web client builds it and collects what it cannot build."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def report(self, level: str, argument: str, text: str) -> None:
        fault = Fault(level, argument, text)
        if fault not in self.faults:
            self.faults.append(fault)

    def build(self, schema: dict[str, Any], value: Any, path: str, shown: bool) -> None:
        """``value``: what the property holds when the form opens; ``shown``: built at once, or only on request."""
        level = "BLANK" if shown else "BREAKS"
        if value is _NOT_GIVEN and "default" in schema:
            value = schema["default"]
        variants = schema.get("anyOf", [])
        self._look_at_default(schema, path)
        if "enum" in schema:
            self._build_choice(schema["enum"], path)
        elif len(variants) == 2 and variants[1].get("type") == "null":
            rest = {key: item for key, item in schema.items() if key != "anyOf"}
            if "enum" in variants[0] or variants[0].get("type") == "boolean":
                self.report("NOTE", path, "a switch or choice that may be None: add a choice of its own, such as Auto")
            if "default" in schema and schema["default"] is None:
                rest.pop("default")
            self.build({**variants[0], **rest}, value, path, shown)
        elif "oneOf" in schema:
            self._build_variants(schema, value, path, shown, level)
        elif schema.get("type") == "object":
            self._build_object(schema, value, path, shown, level)
        elif schema.get("type") == "array":
            self._build_list(schema, value, path, shown, level)
        elif schema.get("type") not in {"string", "number", "integer", "boolean"}:
            self.report("NOTE", path, "a type that the form does not support")

    def _look_at_default(self, schema: dict[str, Any], path: str) -> None:
        """A default that the form cannot show, or that it would send in a form that the task refuses."""
        default = schema.get("default", _NOT_GIVEN)
        stated = schema.get("type")
        if default is None and stated is not None and stated != "null":
            self.report("NOTE", path, "None is the default and no value of the argument: allow it (X | None)")
        if default == "" and stated == "string":
            self.report("NOTE", path, "an empty text is sent as nothing: make it optional (str | None = None)")
        if default is _NOT_GIVEN and stated == "boolean":
            self.report("NOTE", path, "a switch without a default: it is shown as off and sent as nothing")

    def _build_choice(self, choices: list[Any], path: str) -> None:
        if any(choice in (0, "", False) for choice in choices):
            self.report("NOTE", path, 'a choice that is 0, false or "" is shown as empty and sent as nothing')
        if len({type(choice) for choice in choices}) > 1:
            self.report("NOTE", path, "choices of several types: the form sends all of them as text")

    def _build_variants(self, schema: dict[str, Any], value: Any, path: str, shown: bool, level: str) -> None:
        if value is None:
            self.report(
                level, path, "a choice of models that may be None and is None at first: add an explicit variant"
            )
            return
        if "discriminator" not in schema:
            self.report("NOTE", path, "a choice of models without discriminator: none can be chosen")
            return
        name = schema["discriminator"]["propertyName"]
        for number, variant in enumerate(schema["oneOf"]):
            tag = variant.get("properties", {}).get(name, {})
            tags = [tag["const"]] if "const" in tag else tag.get("enum", [])
            chosen = value.get(name) in tags if isinstance(value, dict) else number == 0
            inside = value if chosen and isinstance(value, dict) else _NOT_GIVEN
            self.build(variant, inside, f"{path}<{tags[0] if tags else number}>", shown and chosen)

    def _build_object(self, schema: dict[str, Any], value: Any, path: str, shown: bool, level: str) -> None:
        known = schema.get("properties", {})
        extra = schema.get("additionalProperties")
        held = value if isinstance(value, dict) else {}
        if extra is True:
            if set(held) - set(known):
                self.report(level, path, "free-form dictionary with content")
            else:
                self.report("NOTE", path, "free-form dictionary: adding an entry throws")
        elif isinstance(extra, dict):
            self.build(extra, _NOT_GIVEN, f"{path}.*", False)
        for key, child in known.items():
            self.build(child, held.get(key, _NOT_GIVEN), f"{path}.{key}", shown and value is not None)

    def _build_list(self, schema: dict[str, Any], value: Any, path: str, shown: bool, level: str) -> None:
        items = schema.get("items")
        minimum = schema.get("minItems")
        if minimum is not None and minimum == schema.get("maxItems"):
            fixed = schema.get("prefixItems")
            if not fixed:
                self.report(level, path, f"list of exactly {minimum} is taken for a tuple: use tuple[...] instead")
            for number, item in enumerate(fixed or []):
                self.build(item, _NOT_GIVEN, f"{path}[{number}]", shown and value is not None)
        elif isinstance(items, dict):
            held = value if isinstance(value, list) else []
            for number, item in enumerate(held):
                self.build(items, item, f"{path}[{number}]", shown)
            if not held:
                self.build(items, _NOT_GIVEN, f"{path}[]", False)
        else:
            self.report("NOTE", path, "list of anything: no element can be added")


def check_schema(schema: dict[str, Any], version: str = "fractal_schema_v1") -> list[Fault]:
    """Faults of the form that one argument schema gives."""
    if version not in RENDERED_VERSIONS:
        return [Fault("BLANK", "(all)", f"schema version {version!r} is not rendered")]
    builder = _FormBuilder()
    for name, definition in schema.get("$defs", {}).items():  # all are resolved, also those that no shown argument uses
        try:
            inline(definition, schema, (f"#/$defs/{name}",))
        except _RecursiveModelError as error:
            builder.report("BLANK", f"(definition {name})", str(error))
    for name, prop in schema.get("properties", {}).items():
        try:
            resolved = inline(prop, schema)
        except _RecursiveModelError as error:
            builder.report("BLANK", name, str(error))
            continue
        if name in FILLED_BY_FRACTAL:
            continue
        for problem in strict_problems(resolved):
            builder.report("BLANK", name, problem)
        needed = resolved.get("minItems", 0) if name in schema.get("required", []) else 0
        opened = [_NOT_GIVEN] * needed if resolved.get("type") == "array" and "default" not in resolved else _NOT_GIVEN
        builder.build(resolved, opened or _NOT_GIVEN, name, True)
    return builder.faults


def check_manifest(manifest: dict[str, Any]) -> Iterator[tuple[str, Fault]]:
    """Every fault of every form, with the name of the task it belongs to."""
    for task in manifest["task_list"]:
        for part in ("non_parallel", "parallel"):
            schema = task.get(f"args_schema_{part}")
            for fault in check_schema(schema, manifest.get("args_schema_version", "")) if schema else ():
                yield f"{task['name']} ({part})", fault


def main(arguments: list[str]) -> int:
    """Check one manifest file; see the top of this file."""
    try:
        manifest = json.loads(Path(arguments[0]).read_text(encoding="utf-8"), parse_constant=_refuse_constant)
        forms = sum(
            f"args_schema_{part}" in task for task in manifest["task_list"] for part in ("non_parallel", "parallel")
        )
    except (IndexError, OSError, ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"not a Fractal manifest: {error}\n")
        return 2
    faults = list(check_manifest(manifest))
    for task, (level, argument, text) in faults:
        sys.stdout.write(f"{level:6}  {task}  {argument}: {text}\n")
    sys.stdout.write(f"{forms} forms, {len(faults)} faults\n")
    return 1 if faults else 0


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON: a default must be a finite number")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
