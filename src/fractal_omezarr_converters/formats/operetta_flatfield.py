"""Flat-field correction with the profiles that Harmony stores: brightness of the illumination as a polynomial.

Each channel may have a ``Foreground`` and a ``Background`` profile. With ``x = (column - origin) * scale`` and ``y``
likewise for rows, row n of ``Coefficients`` holds the n + 1 terms of total degree n and term j multiplies
``x**(n - j) * y**j``. This order was checked against the background of real images (correlation 0.97 and 0.995, the
swapped order 0.43 and 0.37). ``Identity`` means no correction. Profiles run from about 0.3 to 1.4.

``divide`` gives image / profile, with the profile of the foreground if there is one, else of the background.
``subtract`` gives (image - mean * background) / foreground + mean, with the mean that Harmony states.
Either profile is first divided by its own mean over the frame, so that the mean brightness stays as it is. Results are
rounded to the nearest whole number and kept inside the range of the data type.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.brace_text import BraceTextError, parse_brace_text
from fractal_omezarr_converters.formats.operetta_loader import OperettaLoader

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fractal_omezarr_converters.formats.plane_loader import Places

FlatFieldMode = Literal["off", "divide", "subtract"]
LEAST_PROFILE = 0.01


class PolynomialProfile(BaseModel):
    """One profile: coefficients by total degree, and how pixels become x and y (row first, then column)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    coefficients: tuple[tuple[float, ...], ...]
    height: int
    width: int
    origin: tuple[float, float]
    scale: tuple[float, float]

    def values(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the profile at the given pixels, divided by its mean over the whole frame."""
        along_y, along_x = self._factors(rows, columns)
        whole_y, whole_x = self._factors(np.arange(self.height), np.arange(self.width))
        mean = float(whole_y.mean(axis=0) @ whole_x.mean(axis=1))
        found: NDArray[np.float64] = (along_y @ along_x) / mean
        return found

    def _factors(
        self, rows: NDArray[np.int64], columns: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The polynomial as a product: powers of y (n, degree + 1) times polynomials in x (degree + 1, m)."""
        y = (rows - self.origin[0]) * self.scale[0]
        x = (columns - self.origin[1]) * self.scale[1]
        degrees = len(self.coefficients)
        in_x = np.zeros((degrees, x.size))
        for n, terms in enumerate(self.coefficients):
            for j, term in enumerate(terms):
                in_x[j] += term * x ** (n - j)
        powers: NDArray[np.float64] = np.power(y[:, None], np.arange(degrees), dtype=np.float64)
        return powers, in_x


class FlatField(BaseModel):
    """Profiles of one channel; None stands for a flat one."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    foreground: PolynomialProfile | None = None
    background: PolynomialProfile | None = None
    mean: float | None = None

    @property
    def is_flat(self) -> bool:
        """Say whether there is nothing to correct."""
        return self.foreground is None and self.background is None


def read_flat_field(text: str, *, height: int, width: int, where: str) -> FlatField:
    """Read the text of one ``FlatfieldProfile`` for images of a given size.

    Raises:
        ConvertersToolsUserError: the text is damaged, of an unknown type, for another size, or falls to zero.
    """
    try:
        document = parse_brace_text(text)
        sections = {name: document.get(name) for name in ("Foreground", "Background")}
    except (BraceTextError, AttributeError) as error:
        raise ConvertersToolsUserError(f"{where}: the FlatfieldProfile cannot be read: {error}.") from error
    profiles = {name: _profile(part, height, width, f"{where}, {name}") for name, part in sections.items()}
    background = sections["Background"]
    mean = background.get("Mean") if isinstance(background, dict) else None
    known = isinstance(mean, int | float) and math.isfinite(mean)
    # A foreground section that is stated to be flat stands for itself: the background's shape is not used instead.
    return FlatField(
        foreground=profiles["Foreground"] if sections["Foreground"] is not None else profiles["Background"],
        background=profiles["Background"],
        mean=float(mean) if known and mean is not None else None,
    )


def _profile(section: Any, height: int, width: int, where: str) -> PolynomialProfile | None:
    profile = section.get("Profile") if isinstance(section, dict) else None
    if profile is None or profile.get("Type") == "Identity":
        return None
    if profile.get("Type") != "Polynomial":
        raise ConvertersToolsUserError(f"{where}: flat-field profiles of type '{profile.get('Type')}' are not known.")
    try:
        dims = tuple(int(each) for each in profile["Dims"])
        origin = tuple(float(each) for each in profile["Origin"])
        scale = tuple(float(each) for each in profile["Scale"])
        coefficients = tuple(tuple(float(term) for term in row) for row in profile["Coefficients"])
        numbers = [*origin, *scale, *(term for row in coefficients for term in row)]
        well_formed = (
            len(dims) == len(origin) == len(scale) == 2
            and all(len(row) == n + 1 for n, row in enumerate(coefficients))
            and all(math.isfinite(number) for number in numbers)
            and bool(coefficients)
        )
    except (KeyError, TypeError, ValueError):
        well_formed = False
    if not well_formed:
        raise ConvertersToolsUserError(f"{where}: the flat-field profile is not a complete polynomial.")
    if dims == (width, height) != (height, width):
        origin, scale = origin[::-1], scale[::-1]
    elif dims != (height, width):
        raise ConvertersToolsUserError(
            f"{where}: the flat-field profile is for images of {dims[1]} x {dims[0]} pixels, but the images have"
            f" {width} x {height}; convert without flat-field correction."
        )
    made = PolynomialProfile(coefficients=coefficients, height=height, width=width, origin=origin, scale=scale)
    if made.values(np.arange(height), np.arange(width)).min() < LEAST_PROFILE:
        raise ConvertersToolsUserError(f"{where}: the flat-field profile falls to zero; convert without correction.")
    return made


class FlatFieldLoader(OperettaLoader):
    """Reads a plane of an Operetta or Phenix and corrects it for uneven illumination."""

    flat_field: FlatField
    subtract: bool = False

    def changed(self, image: NDArray[Any], rows: Places, columns: Places) -> NDArray[Any]:
        """Correct the pixels of the plane, or of a part of it with the part of the profile that belongs to it."""
        image = super().changed(image, rows, columns)
        field = self.flat_field
        values = image.astype(np.float64)
        mean = field.mean or 0.0
        subtracting = self.subtract and mean > 0
        if subtracting:
            values -= mean * (field.background.values(rows, columns) if field.background is not None else 1.0)
        if field.foreground is not None:
            values /= field.foreground.values(rows, columns)
        if subtracting:
            values += mean
        if image.dtype.kind in "iu":
            limits = np.iinfo(image.dtype)
            values = np.clip(np.rint(values), limits.min, limits.max)
        return values.astype(image.dtype)

    def describe_source(self, resource: Any = None) -> str:
        """Name the file and say that it is corrected."""
        return f"{super().describe_source(resource)} (flat-field corrected)"
