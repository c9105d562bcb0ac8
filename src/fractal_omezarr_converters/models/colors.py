"""Display colours of channels: the named ones of the form, and which one a channel gets when nobody says.

Wavelength bands and the names are those that users of this family of converters know. The cycle for channels of which
nothing is known is the palette of Okabe and Ito (2008), told apart with every kind of colour blindness.
"""

from __future__ import annotations

import colorsys
import re
from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from itertools import pairwise

NAMED_COLORS = {
    "blue": "0000FF",
    "red": "FF0000",
    "yellow": "FFFF00",
    "magenta": "FF00FF",
    "cyan": "00FFFF",
    "gray": "808080",
    "green": "00FF00",
    "orange": "FF8000",
    "purple": "8000FF",
    "teal": "008080",
    "lime": "00FF80",
    "amber": "FFBF00",
    "pink": "FF0080",
    "navy": "000080",
    "maroon": "800000",
    "olive": "808000",
    "coral": "FF7F50",
    "violet": "EE82EE",
}
COLOR_CYCLE = ("#56B4E9", "#E69F00", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#0072B2", "#FFFFFF")

#: Upper end (nm, not included) of each band and its colour; beyond the last one magenta again.
_BANDS = (
    (380, "magenta"),
    (450, "blue"),
    (495, "cyan"),
    (520, "green"),
    (560, "lime"),
    (590, "yellow"),
    (620, "orange"),
    (750.000001, "red"),
)
_DYES = {
    "blue": "dapi hoechst bfp ebfp tagbfp mtagbfp mtagbfp2 blue",
    "cyan": "cfp ecfp mcerulean cerulean mturquoise mturquoise2 mtfp1 cyan",
    "green": "gfp egfp sfgfp mgfp megfp fitc mneongreen neongreen mclover gcamp alexa488 af488 green",
    "yellow": "yfp eyfp venus mvenus citrine mcitrine yellow",
    "orange": "tritc cy3 mko morange dsred orange",
    "red": "rfp tagrfp mrfp mcherry cherry mscarlet mkate mkate2 mruby texasred alexa568 alexa594 af568 af594 red",
    "magenta": "cy5 irfp mirfp irfp670 alexa647 af647 sir draq5 magenta",
}
_COLOR_OF_DYE = {dye: color for color, dyes in _DYES.items() for dye in dyes.split()}
_WHITE_WORDS = frozenset("brightfield bf transmitted transmission tl dic phase phasecontrast dpc".split())
_HEX = re.compile(r"#?([0-9a-fA-F]{6}|[0-9a-fA-F]{3})")
_IN_BRACKETS = re.compile(r".*\(\s*#?([0-9a-fA-F]{6})\s*\)\s*")


class DefaultColors(StrEnum):
    """Named colours the way the first generation of converters wrote them."""

    blue = "Blue (0000FF)"
    red = "Red (FF0000)"
    yellow = "Yellow (FFFF00)"
    magenta = "Magenta (FF00FF)"
    cyan = "Cyan (00FFFF)"
    gray = "Gray (808080)"
    green = "Green (00FF00)"
    orange = "Orange (FF8000)"
    purple = "Purple (8000FF)"
    teal = "Teal (008080)"
    lime = "Lime (00FF80)"
    amber = "Amber (FFBF00)"
    pink = "Pink (FF0080)"
    navy = "Navy (000080)"
    maroon = "Maroon (800000)"
    olive = "Olive (808000)"
    coral = "Coral (FF7F50)"
    violet = "Violet (8000FF)"

    def to_hex(self) -> str:
        """Give the six digits, without ``#``."""
        return self.value[-7:-1]


def parse_color(text: str) -> str:
    """Read a colour as people and older files write it: ``#00F``, ``0000ff``, ``blue``, ``Blue (#0000FF)``.

    Returns:
        The colour as ``#RRGGBB``.

    Raises:
        ValueError: The text is no colour.
    """
    word = str(text).strip()
    bracketed = _IN_BRACKETS.fullmatch(word)
    plain = bracketed.group(1) if bracketed else word
    found = _HEX.fullmatch(plain)
    if found is None and plain.lower() in NAMED_COLORS:
        return f"#{NAMED_COLORS[plain.lower()]}"
    if found is None:
        raise ValueError(
            f"colour {text!r} is not known; write #RRGGBB, such as #00FF00, or one of {', '.join(NAMED_COLORS)}."
        )
    digits = found.group(1).upper()
    return f"#{digits if len(digits) == 6 else ''.join(2 * digit for digit in digits)}"


def color_of_wavelength(nanometres: float) -> str | None:
    """Give the colour of light of a wavelength; None outside 200 to 1500 nm."""
    if not 200 <= nanometres <= 1500:
        return None
    for end, name in _BANDS:
        if nanometres < end:
            return f"#{NAMED_COLORS[name]}"
    return f"#{NAMED_COLORS['magenta']}"


def color_of_label(label: str) -> str | None:
    """Give the colour of a dye, or of a colour, that the label contains as a word; None if it contains none."""
    words = [word for word in re.split(r"[^0-9a-z]+", label.lower()) if word]
    pairs = [first + second for first, second in pairwise(words)]
    for word in (*pairs, *words):
        if word in _COLOR_OF_DYE:
            return f"#{NAMED_COLORS[_COLOR_OF_DYE[word]]}"
    if any(word in _WHITE_WORDS for word in (*pairs, *words)):
        return "#FFFFFF"
    return None


def known_color(label: str, wavelength_id: str | None) -> str | None:
    """Give the colour that wavelength or, failing that, label speak for; None when both are silent."""
    number = re.search(r"\d+(?:\.\d+)?", wavelength_id or "")
    by_wavelength = color_of_wavelength(float(number.group())) if number else None
    return by_wavelength or color_of_label(label)


def free_colors(taken: Collection[str]) -> Iterator[str]:
    """Give colours that are not taken, first those of the cycle, then hues spread by the golden ratio."""
    seen = {color.upper() for color in taken}
    for color in COLOR_CYCLE:
        if color not in seen:
            yield color
    step = 0
    while True:
        step += 1
        red, green, blue = colorsys.hsv_to_rgb(step * 0.618034 % 1, 0.6 + 0.3 * (step % 2), 1.0)
        color = f"#{round(red * 255):02X}{round(green * 255):02X}{round(blue * 255):02X}"
        if color not in seen and color not in COLOR_CYCLE:
            yield color


def distinct_colors(asked: Sequence[str | None], known: Sequence[str | None]) -> list[str]:
    """Choose a colour for every channel: the asked one, else the known one unless another channel has it, else a free one.

    Args:
        asked: Colour that somebody set, per channel; these are kept even when equal.
        known: Colour that wavelength or label speak for, per channel.
    """
    chosen: list[str | None] = list(asked)
    for index, color in enumerate(known):
        if chosen[index] is None and color is not None and color not in chosen:
            chosen[index] = color
    free = free_colors([color for color in chosen if color is not None])
    return [color if color is not None else next(free) for color in chosen]
