"""The base of what people fill in: unknown keys, titles, texts below the fields."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, Literal

import pytest
from pydantic import Field, ValidationError

from fractal_omezarr_converters import models
from fractal_omezarr_converters.models import UserFacingModel


class Laser(UserFacingModel):
    """A laser."""

    power_mw: float = 1.0
    """Power (mW)
    at the sample."""
    name: str = Field(default="red", description="Stated here.")
    """Not read, because the field states its own."""
    bare: int = 0


class BlueLaser(Laser):
    """A laser of one colour."""

    name: Literal["blue"] = "blue"
    pulse: float = 2.0
    """Length of a pulse."""


def shown(model: type[UserFacingModel]) -> dict[str, str | None]:
    return {name: field.get("description") for name, field in model.model_json_schema()["properties"].items()}


def test_texts_below_fields_are_descriptions_of_models_of_other_packages() -> None:
    texts = {"power_mw": "Power (mW)\nat the sample.", "name": "Stated here.", "bare": None}
    assert {name: field.description for name, field in Laser.model_fields.items()} == texts
    assert shown(Laser) == texts
    assert shown(BlueLaser) == {**shown(Laser), "name": None, "pulse": "Length of a pulse."}


def test_a_model_of_a_function_has_its_own_texts() -> None:
    class Laser(UserFacingModel):
        power_mw: float = 1.0
        """Another power."""

    assert shown(Laser) == {"power_mw": "Another power."}


def test_a_model_without_source_works_without_texts() -> None:
    space: dict[str, Any] = {"UserFacingModel": UserFacingModel, "__name__": "nowhere_on_disk"}
    exec("class Typed(UserFacingModel):\n    power_mw: float = 1.0\n    'Lost.'", space)
    assert shown(space["Typed"]) == {"power_mw": None}


@pytest.mark.parametrize(
    "first", ["import fractal_omezarr_converters.core.tiled_image", "import pydantic, json", "pass"]
)
def test_descriptions_do_not_depend_on_the_order_of_imports(first: str) -> None:
    code = (
        f"{first}\nfrom fractal_omezarr_converters.models import ConverterOptions, AcquisitionDetails\n"
        "schema = ConverterOptions.model_json_schema()\n"
        "for model in [schema, *schema['$defs'].values(), AcquisitionDetails.model_json_schema()]:\n"
        "    for name, field in model.get('properties', {}).items():\n"
        "        target = schema['$defs'].get(field.get('$ref', '').rpartition('/')[2], {})\n"
        "        assert field.get('description') or target.get('description'), name\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def every_model() -> list[type[UserFacingModel]]:
    found = [getattr(models, name) for name in models.__all__]
    kinds = {kind for kind in found if isinstance(kind, type) and issubclass(kind, UserFacingModel)}
    return sorted(kinds, key=lambda kind: kind.__name__)


NEEDED: dict[str, dict[str, Any]] = {
    "ChannelInfo": {"channel_label": "a"},
    "NamedLevels": {"level_names": ["0"]},
    "LevelFactors": {"factors": [2]},
}


@pytest.mark.parametrize("model", every_model(), ids=lambda kind: kind.__name__)
def test_models_refuse_unknown_keys(model: type[UserFacingModel]) -> None:
    needed = NEEDED.get(model.__name__, {})
    assert model(**needed)
    with pytest.raises(ValidationError, match="no_such_key"):
        model(**needed, no_such_key=1)


def test_a_title_is_made_of_the_name_of_the_field() -> None:
    assert Laser.model_json_schema()["properties"]["power_mw"]["title"] == "Power Mw"
