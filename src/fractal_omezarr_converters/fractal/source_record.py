"""The record of what an image was made from, kept in the image itself, so that it can be verified wherever it lies.

It is the description that init handed over and the options that differ from their defaults, compressed.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.fractal.job import changed_options
from fractal_omezarr_converters.models.options import ConverterOptions

KEY = "source"
ENCODING = "zlib+base64"
LARGEST_DESCRIPTION = 2**30


def make_record(image: TiledImage[Any, Any], options: ConverterOptions) -> dict[str, Any]:
    """The record of an image as it was before registration."""
    packed = zlib.compress(image.model_dump_json().encode(), 6)
    return {
        "version": 1,
        "encoding": ENCODING,
        "description": base64.b64encode(packed).decode("ascii"),
        "converter_options": {
            key: value for key, value in changed_options(options, ConverterOptions).items() if key != "runtime_settings"
        },
    }


def read_record(own: Mapping[str, Any], where: str) -> tuple[TiledImage[Any, Any], ConverterOptions]:
    """Image and options from what we keep in an image's attributes.

    Raises:
        ConvertersToolsUserError: there is no record, or it cannot be read.
    """
    record = own.get(KEY)
    if not isinstance(record, Mapping) or record.get("encoding") != ENCODING:
        raise ConvertersToolsUserError(
            f"{where} does not say what it was made from, so it cannot be compared with its source; "
            "only images that this converter wrote as a whole can."
        )
    try:
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(base64.b64decode(record["description"], validate=True), LARGEST_DESCRIPTION)
        image: TiledImage[Any, Any] = TiledImage.model_validate(json.loads(text))
        return image, ConverterOptions.model_validate(record.get("converter_options", {}))
    except (ValueError, TypeError, zlib.error, KeyError) as error:
        raise ConvertersToolsUserError(f"The record of the source in {where} is damaged: {error}.") from error
