"""Plates of any layout: wells, fields, channels, planes, time points, acquisitions, pixel sizes, and planes that are missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from fractal_omezarr_converters.testing import PlaneKey, SyntheticChannel, SyntheticPlate

CHANNELS = (SyntheticChannel(1, "DAPI", 456), SyntheticChannel(2, "GFP", 520), SyntheticChannel(4, "Cy5", 670))
LARGEST_MISSING = 4


@dataclass(frozen=True)
class PlateLayout:
    """What a plate holds; ``missing`` are planes without a file, field from 0."""

    wells: tuple[str, ...]
    fields: tuple[int, int]
    field_shape: tuple[int, int]
    overlap: int
    channels: int
    planes: int
    times: int
    acquisitions: int
    pixel_size: float
    z_step: float
    missing: frozenset[PlaneKey]

    def written(self, write: Callable[..., SyntheticPlate], folder: Path, **settings: Any) -> SyntheticPlate:
        """Write the plate of a vendor, whose fields may count from 0 or 1."""
        first = write(folder / "numbering", wells=self.wells[:1], layout=(1, 1), planes=1, field_shape=(4, 4)).fields[0]
        return write(
            folder / "plate",
            wells=self.wells,
            layout=self.fields,
            field_shape=self.field_shape,
            overlap=self.overlap,
            channels=CHANNELS[: self.channels],
            planes=self.planes,
            times=self.times,
            acquisitions=self.acquisitions,
            pixel_size=self.pixel_size,
            z_step=self.z_step,
            missing=[key._replace(field=key.field + first) for key in self.missing],
            **settings,
        )

    @property
    def shape(self) -> dict[str, int]:
        """Sizes of the image of a well, whose fields are put side by side."""
        (rows, columns), (height, width) = self.fields, self.field_shape
        return {
            "t": self.times,
            "c": self.channels,
            "z": self.planes,
            "y": rows * height,
            "x": columns * width,
        }

    def corner(self, field: int) -> tuple[int, int]:
        """Place (y, x) of a field, from 0, when the fields lie side by side; they are numbered in a snake."""
        row, column = divmod(field, self.fields[1])
        if row % 2:
            column = self.fields[1] - 1 - column
        return row * self.field_shape[0], column * self.field_shape[1]


@st.composite
def plate_layouts(draw: st.DrawFn) -> PlateLayout:
    """Draw a small plate. Of every field, channel, plane and time point of a well some plane has a file."""
    wells = draw(
        st.lists(
            st.builds(
                lambda row, column: f"{row}{column:02d}", st.sampled_from("ABHP"), st.sampled_from((1, 2, 9, 24))
            ),
            min_size=1,
            max_size=3,
            unique=True,
        )
    )
    sizes = {name: draw(st.integers(1, most)) for name, most in (("channels", 3), ("planes", 3), ("times", 2))}
    fields = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    acquisitions = draw(st.integers(1, 2))
    anywhere = st.builds(
        PlaneKey,
        st.sampled_from(wells),
        st.integers(0, fields[0] * fields[1] - 1),
        *(st.integers(0, sizes[name] - 1) for name in ("channels", "planes", "times")),
        st.integers(0, acquisitions - 1),
    )
    missing: set[PlaneKey] = set()
    for key in draw(st.lists(anywhere, max_size=LARGEST_MISSING)):
        if _still_covered(missing | {key}, fields, sizes):
            missing.add(key)
    return PlateLayout(
        wells=tuple(sorted(wells)),
        fields=fields,
        field_shape=draw(st.tuples(st.integers(8, 20), st.integers(8, 24))),
        overlap=draw(st.sampled_from((0, 0, 1, 2))),
        acquisitions=acquisitions,
        pixel_size=draw(st.sampled_from((0.108, 0.325, 0.65, 1.3))),
        z_step=draw(st.sampled_from((0.5, 1.5, 7.0))),
        missing=frozenset(missing),
        **sizes,
    )


def _still_covered(missing: set[PlaneKey], fields: tuple[int, int], sizes: dict[str, int]) -> bool:
    """Whether nothing disappears altogether: no field, channel, plane or time point of a well."""
    lengths = (fields[0] * fields[1], sizes["channels"], sizes["planes"], sizes["times"])
    planes = lengths[0] * lengths[1] * lengths[2] * lengths[3]
    wells = {(key.well, key.acquisition) for key in missing}
    for well in wells:
        lost = [key for key in missing if (key.well, key.acquisition) == well]
        for axis, length in zip(("field", "channel", "z", "t"), lengths):
            for number in range(length):
                if sum(getattr(key, axis) == number for key in lost) >= planes // length:
                    return False
    return True
