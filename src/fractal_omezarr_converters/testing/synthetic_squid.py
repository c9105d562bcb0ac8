"""Write complete artificial acquisitions of a Squid, in all its ways of saving, with known content."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fractal_omezarr_converters.testing.synthetic_plate import (
    PlaneKey,
    SyntheticChannel,
    SyntheticPlate,
    row_and_column,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

TUBE_MM, DESIGN_MM, POWER = 50.0, 180.0, 20.0
WELL_MM = 9.0
BEGIN = 1_751_000_000.25
CHANNELS = (SyntheticChannel(0, "Fluorescence 638 nm Ex"), SyntheticChannel(1, "BF LED matrix/full"))


@dataclass(frozen=True)
class SyntheticSquid(SyntheticPlate):
    """What is in the artificial acquisition; fields count from 0, as the instrument's.

    ``regions`` names the wells' regions otherwise than the wells. ``names`` says which file states the channels' names.
    ``split`` writes OME-TIFF into the folders of time points. ``piezo`` moves planes by the piezo, not by the stage.
    A plane in ``missing`` has no file (no page in a stack); one whose channels are all ``absent`` has no coordinates.
    """

    channels: tuple[SyntheticChannel, ...] = CHANNELS
    mode: Literal["individual", "stack", "ome"] = "individual"
    ending: str = ".tiff"
    regions: tuple[str, ...] = ()
    names: Literal["channels", "acquisition", "xml", "none"] = "channels"
    newer: bool = True
    split: bool = False
    from_top: bool = False
    piezo: bool = False
    padding: int = 1

    @property
    def fields(self) -> range:
        """Numbers of the fields, from 0."""
        return range(self.layout[0] * self.layout[1])

    def corner(self, number: int) -> tuple[int, int]:
        """Place (y, x) of a field's first pixel in the mosaic."""
        return super().corner(number + 1)

    def region(self, well: str) -> str:
        """Name of the region of a well."""
        if self.regions:
            return self.regions[self.wells.index(well)]
        row, column = row_and_column(well)
        return f"{chr(64 + row)}{column}"

    def name_in_files(self, channel: int) -> str:
        """Name of a channel as file names have it."""
        return self.channels[channel].name.replace(" ", "_").replace("/", "_")

    def file(self, key: PlaneKey) -> str:
        """Name of a plane's file below the acquisition's folder."""
        field, z, t = (f"{number:0{self.padding}d}" for number in (key.field, key.z, key.t))
        return f"{t}/{self.region(key.well)}_{field}_{z}_{self.name_in_files(key.channel)}{self.ending}"

    def height(self, key: PlaneKey) -> float:
        """Height of a plane in µm."""
        return 3000.0 + key.z * self.z_step * (-1 if self.from_top else 1)

    def clock(self, key: PlaneKey) -> float:
        """Moment of a plane in seconds since 1970; wells are visited one after the other, 500 s apart."""
        return BEGIN + self.wells.index(key.well) * 500 + key.t * self.seconds + key.field * 0.25

    def centre_mm(self, key: PlaneKey) -> tuple[float, float]:
        """Centre (x, y) of a field on the stage in mm, y downwards."""
        row, column = row_and_column(key.well)
        x, y = self.centre_um(key.field)
        return 11.24 + (column - 1) * WELL_MM + x / 1000, 14.29 + (row - 1) * WELL_MM + y / 1000


def write_squid(
    folder: str | Path, *, missing: Collection[PlaneKey] = (), absent: Collection[PlaneKey] = (), **settings: Any
) -> SyntheticSquid:
    """Write one or more acquisitions below a folder, and give the truth about them.

    Args:
        folder: where the acquisitions' folders are made.
        missing: planes with coordinates, but without a file or page.
        absent: planes that were not taken.
        settings: any further field of :class:`SyntheticSquid`.
    """
    truth = SyntheticSquid(Path(folder), missing=frozenset(missing), absent=frozenset(absent), **settings)
    for acquisition, place in enumerate(truth.folders):
        place.mkdir(parents=True, exist_ok=True)
        _write_settings(truth, place)
        for t in range(truth.times):
            home = place / f"{t:0{truth.padding}d}"
            home.mkdir(exist_ok=True)
            keys = [key for key in truth.listed(acquisition) if key.t == t]
            _write_coordinates(truth, home, keys)
            (home / ".done").touch()
            if truth.mode == "individual":
                _write_images(truth, place, keys)
            elif truth.mode == "stack":
                _write_stacks(truth, home, keys)
        if truth.mode == "ome":
            _write_ome(truth, place, acquisition)
    return truth


def _write_settings(truth: SyntheticSquid, place: Path) -> None:
    import yaml

    several = truth.planes > 1
    step = truth.z_step * (-1 if truth.from_top else 1)
    objective = {"magnification": POWER, "NA": 0.8, "tube_lens_f_mm": DESIGN_MM, "name": "20x"}
    parameters = {
        "dz(um)": abs(step) if several else 1,
        "Nz": truth.planes,
        "dt(s)": truth.seconds if truth.times > 1 else 0,
        "Nt": truth.times,
        "with AF": False,
        "objective": objective,
        "sensor_pixel_size_um": truth.pixel_size * TUBE_MM / (DESIGN_MM / POWER),
        "tube_lens_mm": TUBE_MM,
    }
    (place / "acquisition parameters.json").write_text(json.dumps(parameters), "utf-8")
    channels = [{"name": each.name, "display_color": "#1FFF00"} for each in truth.channels]
    if truth.newer:
        content = {
            "acquisition": {"widget_type": "flexible" if truth.regions else "wellplate"},
            "objective": {"name": "20x", "magnification": POWER, "pixel_size_um": truth.pixel_size},
            "sample": {"wellplate_format": None if truth.regions else "96 well plate"},
            "z_stack": {
                "nz": truth.planes,
                "delta_z_mm": step / 1000,
                "config": "FROM TOP" if truth.from_top else "FROM BOTTOM",
            },
            "time_series": {"nt": truth.times, "delta_t_s": truth.seconds},
            "channels": channels if truth.names == "acquisition" else [],
        }
        (place / "acquisition.yaml").write_text(yaml.safe_dump(content), "utf-8")
    if truth.names == "channels":
        (place / "acquisition_channels.yaml").write_text(yaml.safe_dump({"version": 1, "channels": channels}), "utf-8")
    elif truth.names == "xml":
        modes = "".join(f'<mode ID="{n}" Name="{each.name}" Selected="1"/>' for n, each in enumerate(truth.channels))
        (place / "configurations.xml").write_text(f"<modes>{modes}</modes>", "utf-8")
    rows = [(truth.region(well), *truth.centre_mm(PlaneKey(well, n))) for well in truth.wells for n in truth.fields]
    text = "".join(f"{region},{x!r},{y!r},\n" for region, x, y in rows)
    (place / "coordinates.csv").write_text(f"region,x (mm),y (mm),z (mm)\n{text}", "utf-8")


def _write_coordinates(truth: SyntheticSquid, home: Path, keys: list[PlaneKey]) -> None:
    piezo = ",z_piezo (um)" if truth.piezo else ""
    lines = [f"region,fov,z_level,x (mm),y (mm),z (um),time{piezo}\n"]
    for key in dict.fromkeys(key._replace(channel=0) for key in keys):
        x, y = truth.centre_mm(key)
        moment = datetime.fromtimestamp(truth.clock(key)).strftime("%Y-%m-%d_%H-%M-%S.%f")
        height = (
            f"{3000.0!r},{moment},{truth.height(key) - 3000.0!r}" if truth.piezo else f"{truth.height(key)!r},{moment}"
        )
        lines.append(f"{truth.region(key.well)},{key.field},{key.z},{x!r},{y!r},{height}\n")
    (home / "coordinates.csv").write_text("".join(lines), "utf-8")


def _write_images(truth: SyntheticSquid, place: Path, keys: list[PlaneKey]) -> None:
    import tifffile
    from PIL import Image

    for key in keys:
        if truth.is_there(key):
            path = place / truth.file(key)
            if truth.ending == ".bmp":
                Image.fromarray(truth.pixels(key)).save(path)
            else:
                tifffile.imwrite(path, truth.pixels(key), metadata=None)
    # pictures of the focus camera lie among the images, in another size
    tifffile.imwrite(place / f"{keys[0].t:0{truth.padding}d}" / "B3_0_0_focus_camera.tiff", np.zeros((9, 7), np.uint8))


def _write_stacks(truth: SyntheticSquid, home: Path, keys: list[PlaneKey]) -> None:
    import tifffile

    for key in keys:
        if not truth.is_there(key):
            continue
        name, (x, y) = truth.channels[key.channel].name, truth.centre_mm(key)
        stated = {
            "z_level": key.z,
            "channel": name,
            "channel_index": key.channel,
            "region_id": truth.region(key.well),
            "fov": key.field,
            "x_mm": x,
            "y_mm": y,
            "z_mm": truth.height(key) / 1000,
        }
        path = home / f"{truth.region(key.well)}_{key.field:0{truth.padding}d}_stack.tiff"
        with tifffile.TiffWriter(path, append=True) as writer:
            writer.write(
                truth.pixels(key),
                metadata=stated,
                description=json.dumps(stated),
                extratags=[(285, "s", 0, name, False)],
            )


def _write_ome(truth: SyntheticSquid, place: Path, acquisition: int) -> None:
    import tifffile

    for well in truth.wells:
        for number in truth.fields:
            whole = _whole(truth, well, number, acquisition)
            name = f"{truth.region(well)}_{number:0{truth.padding}d}.ome.tiff"
            parts = (
                {f"{t:0{truth.padding}d}": whole[t : t + 1] for t in range(truth.times)} if truth.split else {"": whole}
            )
            for home, part in parts.items():
                folder = place / home / "ome_tiff"
                folder.mkdir(exist_ok=True)
                tifffile.imwrite(
                    folder / name,
                    part,
                    ome=True,
                    metadata={"axes": "TZCYX", "Channel": {"Name": [each.name for each in truth.channels]}},
                )


def _whole(truth: SyntheticSquid, well: str, number: int, acquisition: int) -> NDArray[Any]:
    """All planes of a field (t, z, c, y, x); those that were not taken are zeros, as the instrument leaves them."""
    shape = truth.times, truth.planes, len(truth.channels), *truth.field_shape
    whole = np.zeros(shape, truth.dtype)
    for t, z, c in np.ndindex(shape[:3]):
        key = PlaneKey(well, number, c, z, t, acquisition)
        if truth.is_there(key):
            whole[t, z, c] = truth.pixels(key)
    return whole
