"""What a Squid acquisition was set to: pixel size, steps, channels and plate, from its JSON, YAML and XML files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsUserError, raise_together
from fractal_omezarr_converters.formats.colour_channels import SAMPLES
from fractal_omezarr_converters.formats.plane_records import ChannelFacts
from fractal_omezarr_converters.formats.xml_stream import XmlStream
from fractal_omezarr_converters.models.well_names import plate_shape

PARAMETERS, ACQUISITION = "acquisition parameters.json", "acquisition.yaml"
CHANNELS, CONFIGURATIONS = "acquisition_channels.yaml", "configurations.xml"
TOLERANCE = 0.01
_REPLACED = re.compile(r'[\s/\\:*?"<>|]')
_EXCITATION = re.compile(r"(\d{3,4})\s*nm")
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")
_PLATE = re.compile(r"\s*(\d+)")


@dataclass
class Settings:
    """What the settings say; None is what they do not. ``channels`` are in their order, by their names in file names."""

    pixel_size: float | None = None
    z_step: float | None = None
    planes: int | None = None
    t_step: float | None = None
    times: int | None = None
    from_top: bool = False
    free_regions: bool = False
    rows: int | None = None
    columns: int | None = None
    objective: str | None = None
    channels: dict[str, ChannelFacts] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def channel(self, name: str) -> ChannelFacts:
        """Give the facts of a channel by its name in the names of files."""
        known = self.channels.get(name_in_files(name))
        if known is not None:
            return known
        base, _, sample = name.rpartition("_")
        if sample in SAMPLES and base:
            facts = self.channels.get(name_in_files(base))
            return ChannelFacts(f"{facts.name if facts else base}_{sample}", color=SAMPLES[sample])
        return ChannelFacts(name, excitation_nm=_excitation(name.replace("_", " ")))


def name_in_files(name: str) -> str:
    """Give a channel's name as names of files hold it: spaces and what a file name cannot have are underscores."""
    return _REPLACED.sub("_", name)


def read_settings(folder: Path) -> Settings:
    """Read the settings of one acquisition.

    Raises:
        ConvertersToolsUserError: a file is damaged or a value is impossible; all problems together.
    """
    found = Settings()
    problems: list[str] = []
    stated = _Stated(_document(folder / PARAMETERS, found, problems), folder / PARAMETERS, problems)
    newer = _Stated(_document(folder / ACQUISITION, found, problems), folder / ACQUISITION, problems)
    listed = _document(folder / CHANNELS, found, problems)
    _take_steps(found, stated, newer)
    _take_pixel_size(found, stated, newer)
    _take_plate(found, newer)
    for facts in _channels(folder, listed, newer.values, found):
        found.channels.setdefault(name_in_files(facts.name), facts)
    raise_together(problems, f"The settings of '{folder}' cannot be used")
    return found


@dataclass
class _Stated:
    """The values of one file, asked for by their way into it."""

    values: Mapping[str, Any]
    path: Path
    problems: list[str]

    def value(self, *way: str) -> Any:
        found: Any = self.values
        for key in way:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found

    def number(self, *way: str, least: float = 0.0, most: float = 1e6) -> float | None:
        """A number above ``least``; 0 and nothing are None."""
        found = self.value(*way)
        if found is None or found == 0:
            return None
        is_number = isinstance(found, int | float) and not isinstance(found, bool)
        if not is_number or not least < found <= most:
            self.problems.append(
                f"'{self.path}': '{'.'.join(way)}' is {found!r}; expected a number above {least:g}, at most {most:g}."
            )
            return None
        return float(found)


def _document(path: Path, found: Settings, problems: list[str]) -> dict[str, Any]:
    """The content of a JSON or YAML file; empty when there is none."""
    if not path.is_file():
        return {}
    import yaml

    found.files.append(str(path))
    try:
        text = path.read_text("utf-8-sig")
        content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        problems.append(f"'{path}' cannot be read ({reason}); copy the file again from the instrument.")
        return {}
    if not isinstance(content, dict):
        problems.append(f"'{path}' holds no list of named values; copy the file again from the instrument.")
        return {}
    return content


def _take_steps(found: Settings, stated: _Stated, newer: _Stated) -> None:
    planes = stated.number("Nz") or newer.number("z_stack", "nz")
    times = stated.number("Nt") or newer.number("time_series", "nt")
    found.planes = int(planes) if planes else None
    found.times = int(times) if times else None
    step = stated.number("dz(um)", least=-1e6)
    if step is None and (millimetres := newer.number("z_stack", "delta_z_mm", least=-1e6)) is not None:
        step = millimetres * 1000
    # a single plane has a step of 1, which means nothing
    found.z_step = round(abs(step), 9) if step is not None and found.planes != 1 else None
    found.t_step = stated.number("dt(s)") or newer.number("time_series", "delta_t_s")
    order = f"{newer.value('z_stack', 'config')} {stated.value('z_stacking_config')}".upper()
    found.from_top = "FROM TOP" in order or (step or 0) < 0


def _take_pixel_size(found: Settings, stated: _Stated, newer: _Stated) -> None:
    """Size of a sensor's pixel (binned) by the magnification that objective and tube lens make together."""
    sensor, tube = stated.number("sensor_pixel_size_um"), stated.number("tube_lens_mm")
    design, power = stated.number("objective", "tube_lens_f_mm"), stated.number("objective", "magnification")
    given = newer.number("objective", "pixel_size_um")
    name = stated.value("objective", "name") or newer.value("objective", "name")
    found.objective = str(name) if name else None
    if sensor and tube and design and power:
        found.pixel_size = round(sensor / (tube / (design / power)), 9)
    if found.pixel_size and given and abs(found.pixel_size - given) > TOLERANCE * given:
        found.warnings.append(
            f"'{stated.path}' makes a pixel of {found.pixel_size:.6g} µm and '{newer.path}' states {given:.6g} µm;"
            f" {found.pixel_size:.6g} µm is used."
        )
    found.pixel_size = found.pixel_size or given


def _take_plate(found: Settings, newer: _Stated) -> None:
    found.free_regions = newer.value("acquisition", "widget_type") == "flexible"
    named = _PLATE.match(str(newer.value("sample", "wellplate_format") or ""))
    try:
        found.rows, found.columns = plate_shape(named.group(1)) if named else (None, None)
    except ValueError:
        rows, columns = newer.number("plate", "num_rows"), newer.number("plate", "num_cols")
        found.rows, found.columns = (int(rows), int(columns)) if rows and columns else (None, None)


def _channels(
    folder: Path, listed: Mapping[str, Any], newer: Mapping[str, Any], found: Settings
) -> Iterator[ChannelFacts]:
    """Channels of the list of selected ones, else of the acquisition, else of the older list in XML."""
    for each in listed.get("channels") or newer.get("channels") or ():
        if isinstance(each, Mapping) and isinstance(each.get("name"), str):
            yield ChannelFacts(each["name"], color=_color(each), excitation_nm=_excitation(each["name"]))
    path = folder / CONFIGURATIONS
    if path.is_file():
        found.files.append(str(path))
        try:
            names = [record.attributes.get("Name", "") for record in XmlStream(path, ["mode"])]
        except ConvertersToolsUserError as error:
            found.warnings.append(f"Names of channels are those of the files: {error}")
            names = []
        for name in filter(None, names):
            yield ChannelFacts(name, excitation_nm=_excitation(name))


def _color(channel: Mapping[str, Any]) -> str | None:
    """The colour of a channel; earlier versions keep it with the camera's settings, one level deeper."""
    camera = channel.get("camera_settings")
    deeper = list(camera.values()) if isinstance(camera, Mapping) else []
    for place in (channel, camera, *deeper):
        color = place.get("display_color") if isinstance(place, Mapping) else None
        if isinstance(color, str) and _COLOR.fullmatch(color):
            return color
    return None


def _excitation(name: str) -> float | None:
    stated = _EXCITATION.search(name)
    return float(stated.group(1)) if stated else None
