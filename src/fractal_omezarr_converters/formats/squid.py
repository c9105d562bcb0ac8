"""Squid (Cephla).

Versions seen: none as files; the facts are those of the acquisition software's own code (2026-07).

    <experiment>_<date>/
    ├── acquisition parameters.json               pixel size, steps; newer: also acquisition.yaml
    ├── acquisition_channels.yaml                 names of channels; older: configurations.xml
    ├── coordinates.csv                           planned: region, x (mm), y (mm)
    ├── ome_tiff/<region>_<fov>.ome.tiff          one of three ways of saving; also inside <t>/
    └── <t>/                                      0, 1, ...
        ├── .done                                 the time point is complete
        ├── coordinates.csv                       region, fov, z_level, x (mm), y (mm), z (um), time
        ├── <region>_<fov>_<z>_<channel>.tiff     .bmp for 8 bit
        └── <region>_<fov>_stack.tiff             a page per plane and channel

Facts and traps: docs/formats/squid.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import ConfigDict, Field

from fractal_omezarr_converters.errors import (
    ConvertersToolsFileNotFoundError,
    ConvertersToolsUserError,
    collecting,
    raise_together,
)
from fractal_omezarr_converters.formats.acquisition_files import AcquisitionFiles
from fractal_omezarr_converters.formats.colour_channels import SAMPLES
from fractal_omezarr_converters.formats.contract import FormatOptions
from fractal_omezarr_converters.formats.plane_records import Frame, Measurement, PlaneRecord
from fractal_omezarr_converters.formats.plate_format import PlateFormat
from fractal_omezarr_converters.formats.plate_naming import plate_facts_of
from fractal_omezarr_converters.formats.squid_images import (
    Images,
    NamedPlane,
    TimePoint,
    list_images,
    not_there,
    time_points,
)
from fractal_omezarr_converters.formats.squid_places import (
    COORDINATES,
    Coordinates,
    place_of,
    read_coordinates,
    wells_of,
)
from fractal_omezarr_converters.formats.squid_settings import (
    ACQUISITION,
    PARAMETERS,
    Settings,
    name_in_files,
    read_settings,
)

if TYPE_CHECKING:
    pass

DONE = ".done"
MAX_NAMED = 6


class SquidOptions(FormatOptions):
    """Options for acquisitions of Squid."""

    model_config = ConfigDict(title="Squid Options")

    pixel_size: float | None = Field(default=None, gt=0, le=1000, title="Pixel Size")
    """Micrometres per pixel. Needed only when the settings of the acquisition are incomplete."""


class Squid(PlateFormat[SquidOptions]):
    """Squid, with images in TIFF or BMP files."""

    name: ClassVar[str] = "squid"
    title: ClassVar[str] = "Squid"
    maker: ClassVar[str] = "Cephla"
    markers: ClassVar[tuple[str, ...]] = (PARAMETERS, ACQUISITION)
    options: ClassVar[type[FormatOptions]] = SquidOptions
    docs: ClassVar[str] = "formats/squid.md"

    def measure(self, source: Path, options: SquidOptions, plate_name: str | None) -> Measurement:
        """Read settings and coordinates, and list the images."""
        marked = self.marker_files(source)
        if not marked:
            raise ConvertersToolsFileNotFoundError(
                f"'{source}' holds neither '{PARAMETERS}' nor '{ACQUISITION}'; give the folder of one acquisition."
            )
        folder, described_in = marked[0].parent, str(marked[0])
        settings, times, planned = _documents(folder)
        pixel_size = options.pixel_size or settings.pixel_size
        if pixel_size is None:
            raise ConvertersToolsUserError(
                f"'{described_in}' does not state all that makes the pixel size (sensor_pixel_size_um, tube_lens_mm, and"
                " magnification and tube_lens_f_mm of the objective); set pixel_size in the options of the format."
            )
        images = list_images(folder, times)
        named = [*images.planes, *not_there(images, times)]
        names = _in_order({each.channel for each in named}, settings)
        warnings = settings.warnings
        wells = wells_of(_regions(named, planned, times), warnings, free=settings.free_regions, rows=settings.rows)
        planes = _records(named, names, wells, _Places(times, planned, described_in))
        _warn(folder, settings, times, images, planes)
        is_plate = not any("are no wells" in each for each in warnings)
        clocks = [each.clock for each in planes if each.clock]
        return Measurement(
            described_in=described_in,
            files=AcquisitionFiles(folder, folder, follow_links=options.follow_links),
            planes=planes,
            frames=[Frame(None, None, pixel_size, pixel_size)],
            channels={number: settings.channel(name) for number, name in enumerate(names)},
            plate=plate_facts_of(
                planes,
                name=plate_name or folder.name,
                described_in=described_in,
                warnings=warnings,
                rows=settings.rows if is_plate else None,
                columns=settings.columns if is_plate else None,
                acquisition_name=folder.name,
                acquisition_description="Squid",
                start_time=int(min(clocks)) if clocks else None,
                end_time=int(max(clocks)) if clocks else None,
            ),
            field_names={each.field: f"FOV_{each.field}" for each in planes},
            z_step=settings.z_step,
            t_step=settings.t_step,
            warnings=warnings,
            metadata_files=settings.files,
            facts={"instrument": "Squid", "objective": settings.objective, "saved_as": sorted(images.modes)},
        )


def _documents(folder: Path) -> tuple[Settings, list[TimePoint], Coordinates]:
    """Settings, time points with their coordinates, and planned coordinates; problems of all files are said together."""
    problems: list[str] = []
    settings, planned, times = Settings(), Coordinates(), time_points(folder)
    with collecting(problems):
        settings = read_settings(folder)
    for time in times:
        path = folder / time.name / COORDINATES
        if path.is_file():
            settings.files.append(str(path))
            time.coordinates = read_coordinates(path, problems)
    if (folder / COORDINATES).is_file():
        settings.files.append(str(folder / COORDINATES))
        planned = read_coordinates(folder / COORDINATES, problems)
    raise_together(problems, f"The metadata in '{folder}' cannot be used")
    return settings, times, planned


def _in_order(channels: set[str], settings: Settings) -> list[str]:
    """Channels in the order of the settings; those that these do not list come last, by name."""
    rank = {name: number for number, name in enumerate(settings.channels)}

    def place(name: str) -> tuple[int, int, str]:
        base, _, sample = name.rpartition("_")
        whole = rank.get(name_in_files(name), rank.get(name_in_files(base), len(rank)))
        return whole, list(SAMPLES).index(sample) if sample in SAMPLES else -1, name

    return sorted(channels, key=place)


def _regions(named: Sequence[NamedPlane], planned: Coordinates, times: Sequence[TimePoint]) -> list[str]:
    """Regions with planes, in the order in which they were planned or visited."""
    there = {each.region for each in named}
    visited = [planned, *(each.coordinates for each in times if each.coordinates)]
    order = [region for each in visited for region, _ in each.fields if region in there]
    return list(dict.fromkeys([*order, *sorted(there)]))


class _Places:
    """Looks places of planes up: in their time point, else in the others, else in what was planned."""

    def __init__(self, times: Sequence[TimePoint], planned: Coordinates, described_in: str) -> None:
        known = {each.number: each.coordinates for each in times if each.coordinates is not None}
        empty = Coordinates()
        self._ways = {each.number: [known.get(each.number, empty), *known.values(), planned] for each in times}
        self._other = [empty, *known.values(), planned]
        self.described_in = described_in

    def record(self, each: NamedPlane, well: tuple[int, int], channel: int) -> PlaneRecord | None:
        place = place_of(self._ways.get(each.t, self._other), each.region, each.field, each.z)
        if place is None:
            return None
        x, y, height, clock = place
        return PlaneRecord(
            *well, each.field, channel, each.z, each.t, each.file, x, y, height, clock=clock, page=each.page
        )


def _records(
    named: Sequence[NamedPlane], names: Sequence[str], wells: dict[str, tuple[int, int]], places: _Places
) -> list[PlaneRecord]:
    numbers = {name: number for number, name in enumerate(names)}
    planes: list[PlaneRecord] = []
    lost: dict[str, None] = {}
    for each in named:
        plane = places.record(each, wells[each.region], numbers[each.channel])
        if plane is None:
            lost[f"region {each.region} fov {each.field}"] = None
        else:
            planes.append(plane)
    if lost:
        shown = ", ".join(list(lost)[:MAX_NAMED])
        raise ConvertersToolsUserError(
            f"'{Path(places.described_in).parent}' states no position for {len(lost)} fields (for example {shown}) in any"
            f" '{COORDINATES}'; copy these files, too."
        )
    return planes


def _warn(
    folder: Path, settings: Settings, times: Sequence[TimePoint], images: Images, planes: Sequence[PlaneRecord]
) -> None:
    """Say what is planned and was not taken, what is not marked as complete, and how stacks run."""
    warnings = settings.warnings
    open_ends = [each.name for each in times if not (folder / each.name / DONE).exists()]
    if open_ends:
        warnings.append(
            f"Time points {', '.join(open_ends[:MAX_NAMED])}{', ...' if len(open_ends) > MAX_NAMED else ''} of '{folder}'"
            f" have no '{DONE}' file: the acquisition may be incomplete."
        )
    for what, planned, axis in (("planes in z", settings.planes, 4), ("time points", settings.times, 5)):
        taken = len({each[axis] for each in planes})
        if planned and taken < planned:
            warnings.append(f"{planned} {what} were planned and {taken} were taken; these are converted.")
    if settings.from_top and (settings.planes or 1) > 1:
        warnings.append("Stacks were taken from the top downwards; planes are kept in this order.")
    if images.skipped:
        shown = ", ".join(images.skipped[:MAX_NAMED])
        warnings.append(f"{len(images.skipped)} files have names that are not Squid's and are left out: {shown}.")
