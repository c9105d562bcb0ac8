"""Channels whose images are in colour: each becomes three channels, which are read from the file at once.

A format that knows from its metadata says so in :attr:`ChannelFacts.samples`; otherwise the first file of each channel is
asked. A plate may have grey channels beside them (transmitted light in colour, fluorescence in grey).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsUserError
from fractal_omezarr_converters.models.acquisition import ChannelInfo, rgb_channels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fractal_omezarr_converters.core.loader_columns import LoaderColumns
    from fractal_omezarr_converters.formats.plane_records import Measurement
    from fractal_omezarr_converters.formats.plane_table import PlaneTable

#: What follows the name of a channel in colour, and how it is shown.
SAMPLES: Mapping[str, str] = {"R": "#FF0000", "G": "#00FF00", "B": "#0000FF"}


@dataclass(frozen=True)
class ColourChannels:
    """Numbers of the channels in their order, and which of them are in colour (three channels of the image each)."""

    numbers: Sequence[int]
    in_colour: frozenset[int] = field(default_factory=frozenset)

    @classmethod
    def of(
        cls, measured: Measurement, numbers: Sequence[int], planes: PlaneTable, loaders: LoaderColumns | None
    ) -> ColourChannels:
        """Find the channels in colour; ``loaders`` are those of ``planes``, None when no file is there to ask.

        Raises:
            ConvertersToolsUserError: the metadata state a number of values per pixel that is neither 1 nor 3.
        """
        found = set()
        for number in numbers:
            facts = measured.channels.get(number)
            stated = facts.samples if facts is not None else None
            if stated not in (None, 1, len(SAMPLES)):
                raise ConvertersToolsUserError(
                    f"'{measured.described_in}': channel {number} has {stated} values per pixel; 1 (grey) and 3 (red, green,"
                    " blue) can be converted. Save it as separate channels."
                )
            if stated == len(SAMPLES) or (stated is None and loaders is not None and _is_rgb(loaders, planes, number)):
                found.add(number)
        return cls(tuple(numbers), frozenset(found))

    @property
    def is_grey(self) -> bool:
        """Whether no channel is in colour."""
        return not self.in_colour

    def lengths(self) -> list[int]:
        """How many channels of the image each channel takes."""
        return [len(SAMPLES) if number in self.in_colour else 1 for number in self.numbers]

    def places(self, channels: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give for each plane's channel the first channel of the image that it fills, and how many."""
        at = np.searchsorted(self.numbers, channels)
        lengths = np.array(self.lengths(), np.int64)
        return (np.cumsum(lengths) - lengths)[at], lengths[at]

    def infos(self, infos: Sequence[ChannelInfo], names: Mapping[int, Any]) -> list[ChannelInfo]:
        """Name the three channels of a channel in colour after it; a single one without a name is red, green, blue."""
        if self.is_grey:
            return list(infos)
        number = self.numbers[0]
        if len(self.numbers) == 1 and not getattr(names.get(number), "name", ""):
            return rgb_channels()
        found: list[ChannelInfo] = []
        for number, info in zip(self.numbers, infos, strict=True):
            if number not in self.in_colour:
                found.append(info)
                continue
            for letter, color in SAMPLES.items():
                parts = {"channel_label": f"{info.channel_label}_{letter}", "color": color}
                if info.wavelength_id:
                    parts["wavelength_id"] = f"{info.wavelength_id}_{letter}"
                found.append(info.model_copy(update=parts))
        return found


def _is_rgb(loaders: LoaderColumns, planes: PlaneTable, channel: int) -> bool:
    """Ask the header of a channel's first file; one that cannot be read is found later, when all are."""
    places = np.flatnonzero(planes.channel == channel)
    if not places.size:
        return False
    try:
        return loaders.loader(int(places[0])).is_rgb()
    except (ConvertersToolsError, OSError):
        return False
