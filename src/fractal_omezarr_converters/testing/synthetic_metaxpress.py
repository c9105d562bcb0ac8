"""Write complete artificial plates of MetaXpress, as an export or as the database keeps them, with known content.

Like the instrument, an export writes every wavelength into every folder: wavelengths without a stack as byte-identical
copies, wavelengths that were not imaged at a time point as a repeat of their last frame.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import NAMESPACE_OID, uuid5
from xml.sax.saxutils import quoteattr

from fractal_omezarr_converters.testing.synthetic_plate import PlaneKey, SyntheticPlate, row_and_column

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WELL_PITCH_UM, FIRST_WELL_UM = 9000.0, (14300.0, 11200.0)
PROJECTION = 1000
"""``z`` of a projection in the pixels: the specimen in no plane of a stack."""


@dataclass(frozen=True)
class SyntheticMetaxpress(SyntheticPlate):
    """What is in the artificial plate; channels are wavelengths with their numbers.

    ``flat`` channels are imaged in one plane, the others in stacks. ``projected`` channels have a projection (of the method
    stated): beside the stack, or alone for ``flat`` ones. ``imaged_at`` are the time points (from 0) of channels that are
    not imaged at all. ``wanted`` says what a conversion takes.
    """

    tree: Literal["export", "database"] = "export"
    flat: tuple[int, ...] = ()
    projected: Mapping[int, str] = field(default_factory=dict)
    imaged_at: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    wanted: Literal["stacks", "projections"] = "stacks"
    with_tags: bool = True
    with_offsets: bool = True
    with_z_step: bool = True
    ending: str = ".TIF"

    def folder_name(self, acquisition: int) -> str:
        """Name of the folder of one acquisition."""
        if self.tree == "export":
            return f"{self.plate_name}_Plate_{3430 + acquisition}"
        return f"{self.plate_name}/2024-05-0{acquisition + 1}/{1697 + acquisition}"

    def is_imaged(self, key: PlaneKey) -> bool:
        """Say whether the channel is imaged at this time point."""
        return key.t in self.imaged_at.get(key.channel, range(self.times))

    def listed(self, acquisition: int = 0) -> list[PlaneKey]:
        """All planes of one acquisition that a conversion takes."""
        return [
            key
            for key in super().listed(acquisition)
            if self.is_imaged(key) and (key.z == 0 or (self.wanted == "stacks" and key.channel not in self.flat))
        ]

    def pixels(self, key: PlaneKey) -> NDArray[np.generic]:
        """Pixels of one plane, or of the projection that is taken for it."""
        stack = key.channel not in self.flat
        projected = key.channel in self.projected and (not stack or self.wanted == "projections")
        return super().pixels(key._replace(z=PROJECTION) if projected else key)

    def taken(self, acquisition: int) -> Iterator[tuple[PlaneKey, bool]]:
        """All images that were taken or made: plane and whether it is a projection; planes without a file left out."""
        for key in super().listed(acquisition):
            if not self.is_imaged(key) or not self.is_there(key):
                continue
            stack = key.channel not in self.flat
            if stack or (key.z == 0 and key.channel not in self.projected):
                yield key, False
            if key.z == 0 and key.channel in self.projected:
                yield key, True

    def file(self, key: PlaneKey, is_projection: bool, *, step: int | None, t: int, thumb: bool = False) -> str:
        """Name of a file below the folder of the acquisition."""
        row, column = key.well[:-2], key.well[-2:]
        site = f"_s{key.field}" if len(self.fields) > 1 else ""
        wave = f"_w{self.channels[key.channel].number}" if len(self.channels) > 1 else ""
        folder = f"TimePoint_{t + 1}/" if self.times > 1 or self.tree == "export" else ""
        folder += f"ZStep_{step}/" if step is not None else ""
        guid = str(uuid5(NAMESPACE_OID, f"{key} {is_projection} {thumb}")).upper() if self.tree == "database" else ""
        return f"{folder}{self.plate_name}_{row}{column}{site}{wave}{'_thumb' if thumb else ''}{guid}{self.ending}"

    def places(self, key: PlaneKey, is_projection: bool) -> list[str]:
        """All files that show an image: one in the database, with copies and repeats in an export."""
        stack = key.channel not in self.flat
        if self.tree == "database":
            return [self.file(key, is_projection, step=key.z + 1 if stack and not is_projection else None, t=key.t)]
        any_stack = any(channel not in self.flat for channel in range(len(self.channels)))
        steps: list[int | None] = [None]
        if any_stack and stack:
            steps = [0] if is_projection else [key.z + 1]
        elif any_stack:
            steps = list(range(self.planes + 1))
        imaged = sorted(self.imaged_at.get(key.channel, range(self.times)))
        until = next((t for t in imaged if t > key.t), self.times)
        return [self.file(key, is_projection, step=step, t=t) for step in steps for t in range(key.t, until)]


def projections_of(truth: SyntheticMetaxpress) -> SyntheticMetaxpress:
    """Give the truth of a conversion of the projections; channels without one give their only plane."""
    return replace(truth, wanted="projections")


def write_metaxpress(folder: str | Path, *, missing: Collection[PlaneKey] = (), **settings: Any) -> SyntheticMetaxpress:
    """Write one or more acquisitions below a folder, and give the truth about them.

    Args:
        folder: where the folders of the acquisitions are made.
        missing: planes whose files are not there.
        settings: any further field of :class:`SyntheticMetaxpress`.
    """
    import tifffile

    truth = SyntheticMetaxpress(Path(folder), missing=frozenset(missing), **settings)
    for acquisition, home in enumerate(truth.folders):
        home.mkdir(parents=True, exist_ok=True)
        for key, is_projection in truth.taken(acquisition):
            original = truth.original(key)
            pixels = super(SyntheticMetaxpress, truth).pixels(
                original._replace(z=PROJECTION) if is_projection else original
            )
            text = (
                _tags(truth, original, is_projection)
                if truth.with_tags
                else "Experiment base name:Staph\r\nBinning: 2 x 2"
            )
            first = truth.places(original, is_projection)
            for name, repeated in zip(truth.places(key, is_projection), first, strict=True):
                place = home / name
                place.parent.mkdir(parents=True, exist_ok=True)
                if not truth.link(place, home / repeated):
                    tifffile.imwrite(place, pixels, description=text, metadata=None)
            if truth.tree == "database":
                step = None if is_projection or key.channel in truth.flat else key.z + 1
                thumb = truth.file(key, is_projection, step=step, t=key.t, thumb=True)
                tifffile.imwrite(home / thumb, pixels[::8, ::8], description=text, metadata=None)
        if truth.tree == "export":
            for place in {home, *(each for each in home.rglob("*") if each.is_dir())}:
                (place / f"{truth.plate_name}.HTD").write_bytes(_description(truth))
    return truth


def _tags(truth: SyntheticMetaxpress, key: PlaneKey, is_projection: bool) -> str:
    row, column = row_and_column(key.well)
    x, y = truth.centre_um(key.field)
    channel = truth.channels[key.channel]
    stack = key.channel not in truth.flat
    middle = (truth.planes - 1) / 2 if is_projection else key.z
    # wells are imaged one after the other, sites too
    taken = datetime(2024, 5, 1 + key.acquisition, 10) + timedelta(
        seconds=truth.wells.index(key.well) * 500
        + key.t * truth.seconds
        + key.field * 3
        + key.channel
        + key.z * 0.1
        + 0.25
    )
    values: dict[str, Any] = {
        "Description": f"Plate Name: {truth.plate_name}&#13;&#10;Region: 2048 x 2048, offset at (0, 0)",
        "ApplicationName": "MetaMorph",
        "ApplicationVersion": "6.7.0.211",
        "pixel-size-x": truth.field_shape[1],
        "pixel-size-y": truth.field_shape[0],
        "spatial-calibration-state": "on",
        "spatial-calibration-x": truth.pixel_size,
        "spatial-calibration-y": truth.pixel_size_y or truth.pixel_size,
        "spatial-calibration-units": "um",
        "image-name": "Copy of DAPI",
        "acquisition-time-local": f"{taken:%Y%m%d %H:%M:%S}.{taken.microsecond // 1000:03d}",
        "stage-position-x": round(FIRST_WELL_UM[0] + (column - 1) * WELL_PITCH_UM + x, 4),
        "stage-position-y": round(FIRST_WELL_UM[1] + (row - 1) * WELL_PITCH_UM + y, 4),
        "stage-label": f"{key.well} : Site {key.field}",
        # autofocus: every site has its height
        "z-position": round(9300 + key.field * 0.37 + channel.z_offset + middle * truth.z_step, 4),
        "wavelength": channel.emission,
        "_IllumSetting_": channel.name,
        "Exposure Time": "15 ms",
        "ImageXpress Micro Z": round(9300 + key.field * 0.37 + channel.z_offset, 4),
    }
    if truth.with_offsets:
        values |= {"OffsetFromWellCenterUmX": round(x, 4), "OffsetFromWellCenterUmY": round(y, 4)}
    if is_projection:
        values |= {"Z Projection Method": truth.projected[key.channel], "Z Projection Step Size": truth.z_step}
    elif truth.with_z_step:
        values["Z Step"] = key.z + 1 if stack else 1
    listed = "\n".join(
        f'<prop id="{name}" type="string" value={quoteattr(str(value), {"&amp;#": "&#"})}/>'
        for name, value in values.items()
    )
    return f"<MetaData>\n<PlaneInfo>\n{listed}\n</PlaneInfo>\n</MetaData>"


def _description(truth: SyntheticMetaxpress) -> bytes:
    """The description of the plate, in ISO-8859-1 with its odd line breaks."""
    rows, columns = truth.layout
    selected = {row_and_column(well) for well in truth.wells}
    last = max(channel.number for channel in truth.channels)
    names = {channel.number: channel.name for channel in truth.channels}
    lines = [
        '"HTSInfoFile", Version 1.0',
        '"Description", "a plate\x82\x81DAPI: at all time points, µ"',
        f'"PlateType", 2\r\n"TimePoints", {truth.times}',
        f'"ZSeries", {"TRUE" if truth.planes > 1 else "FALSE"}\r\n"ZSteps", {truth.planes if truth.planes > 1 else 0}',
        '"XWells", 24\r\n"YWells", 32',
        *(
            f'"WellsSelection{row}", '
            + ", ".join("TRUE" if (row, column) in selected else "FALSE" for column in range(1, 25))
            for row in range(1, 33)
        ),
        f'"Sites", {"TRUE" if rows * columns > 1 else "FALSE"}\r\n"XSites", {columns}\r\n"YSites", {rows}',
        *(f'"SiteSelection{row + 1}", ' + ", ".join(["TRUE"] * columns) for row in range(rows)),
        f'"Waves", {"TRUE" if len(truth.channels) > 1 else "FALSE"}\r\n"NWavelengths", {last}',
        *(f'"WaveName{n}", "{names.get(n, "unused")}"' for n in range(1, last + 1)),
        *(f'"WaveCollect{n}", {1 if n in names else 0}' for n in range(1, last + 1)),
        '"UniquePlateIdentifier", "c66340dd-269c-45dc-a7bb-071246f177d0"',
        '"EndFile"',
    ]
    return ("\r\n".join(lines) + "\r\n").encode("latin-1")
