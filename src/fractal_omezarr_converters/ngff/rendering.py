"""How viewers show an image: channel names, colours and display windows (`omero`).

Source: OME-NGFF 0.4 to 0.6 section "omero". Windows follow the pixels: `min` and `max` are the limits of the type
(of the data for real numbers), `start` and `end` the 0.1 % and 99.9 % quantiles of all pixels that were acquired.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from fractal_omezarr_converters.errors import (
    ConvertersToolsInternalError,
    ConvertersToolsUserError,
    ConvertersToolsWarning,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, DTypeLike

    from fractal_omezarr_converters.ngff.histogram import Histogram

# Told apart also by people who do not see red and green alike (after Okabe and Ito, brightened for dark backgrounds).
PALETTE = ("00FFFF", "FF00FF", "FFFF00", "0072FF", "FF8000", "00FF80", "8000FF", "FFFFFF")
RGB_LABELS, RGB_COLORS = ("Red", "Green", "Blue"), ("FF0000", "00FF00", "0000FF")
LOW_QUANTILE, HIGH_QUANTILE = 0.001, 0.999
DOMINANT = 0.99


class Channel(Protocol):
    """What rendering needs of a channel's description."""

    @property
    def channel_label(self) -> str:
        """Name."""

    @property
    def wavelength_id(self) -> str | None:
        """Second key of the channel."""

    @property
    def color(self) -> Any:
        """Colour as ``#RRGGBB``, or None."""


@dataclass(frozen=True)
class Window:
    """Display window of one channel: limits of the slider and the part that is shown; start < end, min < max."""

    min: float
    max: float
    start: float
    end: float

    def __post_init__(self) -> None:
        """Refuse windows that viewers refuse."""
        values = (self.min, self.max, self.start, self.end)
        if not all(math.isfinite(value) for value in values):
            raise ConvertersToolsInternalError(f"A display window holds a value that is not finite: {values}.")
        if not (float(self.start) < float(self.end) and float(self.min) < float(self.max)):
            raise ConvertersToolsInternalError(f"A display window does not increase: {values}.")

    def to_json(self) -> dict[str, float]:
        """State the window as `omero` does."""
        return {"min": self.min, "max": self.max, "start": self.start, "end": self.end}


def omero(
    channels: Sequence[Channel] | None,
    windows: Sequence[Window],
    *,
    rgb: bool = False,
    default_z: int = 0,
    default_t: int = 0,
    where: str = "the image",
) -> dict[str, Any]:
    """Make the `omero` object: one channel per window, with unique labels and colours without ``#``.

    Args:
        channels: What is known of the channels, in order; missing ones are named ``channel_0``, ...
        windows: Display window of every channel of the image.
        rgb: The three channels are the red, green and blue part of a colour image.
        default_z: Plane that viewers show first.
        default_t: Time point that viewers show first.
        where: Name of the image for warnings.

    Raises:
        ConvertersToolsUserError: more channels are described than the image has, or a colour is not ``#RRGGBB``.
    """
    known = list(channels or [])
    if len(known) > len(windows):
        raise ConvertersToolsUserError(
            f"{where} has {len(windows)} channels, but {len(known)} are described "
            f"({', '.join(channel.channel_label for channel in known)}); describe every channel of the image once."
        )
    fixed_labels = RGB_LABELS if rgb and not known and len(windows) == 3 else ()
    fixed_colors = RGB_COLORS if fixed_labels else ()
    labels = [channel.channel_label for channel in known] or list(fixed_labels)
    labels += [f"channel_{index}" for index in range(len(labels), len(windows))]
    entries = []
    for index, (label, window) in enumerate(zip(unique_labels(labels, where=where), windows)):
        channel = known[index] if index < len(known) else None
        entry: dict[str, Any] = {"label": label}
        if channel is not None and channel.wavelength_id is not None:
            entry["wavelength_id"] = channel.wavelength_id
        stated = channel.color if channel is not None else None
        chosen = fixed_colors[index] if fixed_colors else default_color(index, len(windows))
        entry["color"] = chosen if stated is None else hex_color(stated, where=f"channel '{label}' of {where}")
        entries.append({**entry, "active": True, "window": window.to_json()})
    return {"channels": entries, "rdefs": {"defaultT": default_t, "defaultZ": default_z, "model": "color"}}


def default_color(index: int, number: int) -> str:
    """Choose a colour for a channel of which nothing is known: white for one alone, else one of the palette."""
    return "FFFFFF" if number == 1 else PALETTE[index % len(PALETTE)]


def hex_color(stated: Any, where: str = "a channel") -> str:
    """Return a colour as six hex digits without ``#``; three digits are doubled.

    Raises:
        ConvertersToolsUserError: the text is no such colour.
    """
    text = str(getattr(stated, "value", stated)).strip()
    found = re.search(r"\(([0-9A-Fa-f]{6})\)$", text) or re.fullmatch(r"#?([0-9A-Fa-f]{6}|[0-9A-Fa-f]{3})", text)
    if found is None:
        raise ConvertersToolsUserError(f"The colour '{text}' of {where} is not understood; write it as #RRGGBB.")
    digits = found[1].upper()
    return digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)


def unique_labels(labels: Sequence[str], where: str = "the image") -> list[str]:
    """Make channel labels unique by a number at the end (``GFP``, ``GFP_2``); tasks look channels up by label."""
    taken, result = set(labels), []
    for index, label in enumerate(labels):
        text = label.strip() or f"channel_{index}"
        unique, number = text, 2
        while unique in result or (unique != label and unique in taken):
            unique, number = f"{text}_{number}", number + 1
        result.append(unique)
    renamed = [f"'{old}' to '{new}'" for old, new in zip(labels, result) if old != new]
    if renamed:
        warnings.warn(
            f"Channel labels of {where} must differ because tasks look channels up by label; "
            f"renamed {', '.join(renamed)}: give every channel a label of its own.",
            ConvertersToolsWarning,
            stacklevel=2,
        )
    return result


def window_from_histogram(
    values: ArrayLike,
    counts: ArrayLike,
    dtype: DTypeLike,
    *,
    significant_bits: int | None = None,
    rgb: bool = False,
    minimum: float | None = None,
    maximum: float | None = None,
) -> Window:
    """Choose the display window of one channel from the histogram of its acquired pixels.

    Args:
        values: Increasing pixel values (or representatives of narrow bins); values that are not finite are ignored.
        counts: How often each occurs; planes that were never written must not be counted.
        dtype: Type of the pixels.
        significant_bits: Bits that the camera uses, such as 12, when the metadata says so.
        rgb: The channel is part of a colour image, which is shown as it is.
        minimum: Smallest finite pixel of real-numbered data, when ``values`` are representatives of bins.
        maximum: Largest one.
    """
    import numpy as np

    kind = np.dtype(dtype)
    where = np.asarray(counts) > 0
    seen, number = np.asarray(values)[where], np.asarray(counts, dtype=np.int64)[where]
    if seen.dtype.kind == "f":
        finite = np.isfinite(seen)
        seen, number = seen[finite], number[finite]
    lowest = _plain(minimum if minimum is not None else (seen[0] if seen.size else 0))
    highest = _plain(maximum if maximum is not None else (seen[-1] if seen.size else 0))
    low, high = _limits(kind, lowest, highest, significant_bits)
    if rgb:
        return _increasing(low, high, low, high)
    start, end = _quantiles(seen, number) if seen.size else (low, high)
    if kind.kind in "iub":
        start, end = round(start), round(end)
    return _increasing(low, high, start, end)


def windows_from_histograms(
    histograms: Sequence[Histogram],
    *,
    significant_bits: int | None = None,
    rgb: bool = False,
    colours: Sequence[bool] = (),
) -> list[Window]:
    """Choose the window of every channel from the histograms that the writer kept, one per channel.

    ``colours`` says which channels are parts of colour images; ``rgb`` says that all of them are.
    """
    windows = []
    for number, histogram in enumerate(histograms):
        values, counts = histogram.values()
        low, high = (histogram.minimum(), histogram.maximum()) if values.size else (None, None)
        windows.append(
            window_from_histogram(
                values,
                counts,
                histogram.dtype,
                significant_bits=significant_bits,
                rgb=rgb or (number < len(colours) and colours[number]),
                minimum=low,
                maximum=high,
            )
        )
    return windows


def default_window(dtype: DTypeLike, *, rgb: bool = False) -> Window:
    """Return the window of a channel of which no pixel is known."""
    return window_from_histogram([], [], dtype, rgb=rgb)


def _limits(kind: np.dtype[Any], lowest: float, highest: float, significant_bits: int | None) -> tuple[float, float]:
    """Return the limits of the type; of the camera when stated and true; of the data for real numbers."""
    import numpy as np

    if kind.kind == "b":
        return 0, 1
    if kind.kind not in "iu":
        return lowest, highest
    limits = np.iinfo(kind)
    if significant_bits is not None and 0 < significant_bits < kind.itemsize * 8:
        camera = 2**significant_bits - 1
        if lowest >= 0 and highest <= camera:
            return 0, camera
    return int(limits.min), int(limits.max)


def _quantiles(values: np.ndarray[Any, Any], counts: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Return the low and high quantile; of the rest when nearly all pixels have one value."""
    import numpy as np

    most = int(np.argmax(counts))
    if counts[most] > DOMINANT * counts.sum() and values.size > 1:
        values, counts = np.delete(values, most), np.delete(counts, most)
    below = np.cumsum(counts)
    total = int(below[-1])
    first = int(np.searchsorted(below, LOW_QUANTILE * total, side="left"))
    last = int(np.searchsorted(below, HIGH_QUANTILE * total, side="left"))
    return _plain(values[first]), _plain(values[min(last, values.size - 1)])


def _increasing(low: float, high: float, start: float, end: float) -> Window:
    """Make both pairs increase, also for flat images and for numbers so large that adding one changes nothing."""
    if not float(low) < float(high):
        low, high = _spread(low)
    if not float(start) < float(end):
        start, end = _spread(start, top=high)
    return Window(low, high, start, end)


def _spread(value: float, top: float = math.inf) -> tuple[float, float]:
    """Return the value and the next one that a viewer can tell from it; below it when there is no room above."""
    # two steps of floating point: whole numbers that are one apart may be rounded to the same one
    ulp = 2 * math.ulp(float(value))
    step = max(1, int(ulp)) if isinstance(value, int) else max(1.0, ulp)
    above = value + step
    if math.isfinite(float(above)) and (not isinstance(value, int) or float(above) <= float(top)):
        return value, above
    return value - step, value


def _plain(value: Any) -> float:
    """Turn a numpy number into Python's; whole numbers stay whole."""
    plain = value.item() if hasattr(value, "item") else value
    return int(plain) if isinstance(plain, bool) else plain
