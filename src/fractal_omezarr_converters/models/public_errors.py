"""The errors under the place where converters import them from."""

from fractal_omezarr_converters.errors import (
    ConvertersToolsError,
    ConvertersToolsFileNotFoundError,
    ConvertersToolsInternalError,
    ConvertersToolsOutputExistsError,
    ConvertersToolsUserError,
    ConvertersToolsWarning,
)

__all__ = [
    "ConvertersToolsError",
    "ConvertersToolsFileNotFoundError",
    "ConvertersToolsInternalError",
    "ConvertersToolsOutputExistsError",
    "ConvertersToolsUserError",
    "ConvertersToolsWarning",
]
