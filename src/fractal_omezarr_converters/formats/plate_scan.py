"""From the planes of one measurement to the tiles of a scan: the part that is alike for every plate microscope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.channel_names import channel_infos
from fractal_omezarr_converters.formats.colour_channels import ColourChannels
from fractal_omezarr_converters.formats.contract import Scan
from fractal_omezarr_converters.formats.field_grid import grid_centres
from fractal_omezarr_converters.formats.flat_channels import repeat_single_planes
from fractal_omezarr_converters.formats.pixel_sizes import settled_sizes, warnings_of_sizes
from fractal_omezarr_converters.formats.plane_axes import PlaneAxes, plane_axes
from fractal_omezarr_converters.formats.plane_checks import checked_planes
from fractal_omezarr_converters.formats.plane_records import ChannelFacts, Frame, Measurement
from fractal_omezarr_converters.formats.plane_states import SortedPlanes, sort_planes
from fractal_omezarr_converters.formats.plane_table import NO_PAGE, WELL_COLUMNS, PlaneTable, in_order, ranked
from fractal_omezarr_converters.models.acquisition import (
    AcquisitionDetails,
    ChannelInfo,
    DataTypeEnum,
    default_axes_builder,
)
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.models.pixel_size import PixelSizeModel
from fractal_omezarr_converters.models.urls import is_file_there
from fractal_omezarr_converters.models.well_names import row_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fractal_omezarr_converters.core.loader_columns import LoaderColumns
    from fractal_omezarr_converters.core.moments import Moments
    from fractal_omezarr_converters.core.tile_table import TileTable


def plate_scan(
    measured: Measurement, acquisition: int, *, repeat_single: bool = False, sizes: PixelSizeModel | None = None
) -> Scan:
    """Make one tile per plane whose file is there; all states, steps and names are said in the scan.

    Args:
        measured: what the metadata say.
        acquisition: number of this acquisition of the plate.
        repeat_single: show a channel's single plane at every plane of its well's stacks.
        sizes: pixel size and steps that the user states; they go before those of the metadata.

    Raises:
        ConvertersToolsUserError: no plane is named, or names and places contradict each other.
    """
    stated = sizes or PixelSizeModel()
    if stated.z_spacing is None:
        measured.warnings.extend(measured.notes_on_z_step)
    measured = replace(measured, frames=[frame.with_stated_pixels(stated) for frame in measured.frames])
    listed = checked_planes(measured)
    found = sort_planes(measured, listed)
    measured.files.forget()
    axes = plane_axes(measured, listed, found.kept, stated)
    planes = listed.select(found.kept)
    if repeat_single:
        planes, found, axes = repeat_single_planes(listed, planes, found, axes, measured.warnings)
    loaders = _loaders(measured, found, planes)
    numbers = ranked(listed.channel)[0].tolist()
    channels = ColourChannels.of(measured, numbers, planes, loaders if found.files_there else None)
    infos = channel_infos(measured.channels, numbers, axes.z_offsets, measured.warnings)
    infos = channels.infos(infos, measured.channels)
    sorted_out = _SortedOut(measured, listed, planes, found, axes, channels, infos, loaders)
    tiles = _tiles(sorted_out, acquisition)
    found.states.count_tiles(int(tiles.length[:, 1].sum()), there=found.files_there)
    return Scan(
        tiles=tiles,
        plate=measured.plate,
        states=found.states,
        warnings=measured.warnings,
        metadata_files=measured.metadata_files or [each for each in [measured.described_in] if is_file_there(each)],
        facts={**_facts(sorted_out), **measured.facts},
        corrections=measured.corrections,
        acquisitions={acquisition: measured.plate},
    )


@dataclass(frozen=True)
class _SortedOut:
    """A measurement with what was found out about it; ``planes`` are those of ``listed`` that are converted."""

    measured: Measurement
    listed: PlaneTable
    planes: PlaneTable
    found: SortedPlanes
    axes: PlaneAxes
    channels: ColourChannels
    infos: list[ChannelInfo]
    loaders: LoaderColumns

    def labels(self) -> dict[int, str]:
        """Labels in the image of each channel of the measurement; one in colour has three."""
        ends = np.cumsum(self.channels.lengths()).tolist()
        numbered = zip(self.channels.numbers, [0, *ends], ends)
        return {number: ", ".join(each.channel_label for each in self.infos[a:b]) for number, a, b in numbered}


def _loaders(measured: Measurement, found: SortedPlanes, planes: PlaneTable) -> LoaderColumns:
    from fractal_omezarr_converters.core.loader_columns import LoaderColumns

    paths = found.files.paths
    if measured.make_loaders is not None:
        loaders = measured.make_loaders(paths, planes)
    else:
        loaders = LoaderColumns.from_files(paths, planes.pages() if (planes.page != NO_PAGE).any() else None)
    if found.are_plain:
        loaders.looked_at(found.files)
    return loaders


def _frames(given: _SortedOut) -> list[Frame]:
    """Sizes of all frames; those the metadata do not state come from the header of the first file of each."""
    measured, planes = given.measured, given.planes
    frames = settled_sizes(measured.frames)
    used = ranked(planes.frame)[0].tolist()
    measured.warnings.extend(warnings_of_sizes(frames, planes, given.labels()))
    unknown = [number for number in used if frames[number].width is None or frames[number].height is None]
    if unknown and not given.found.files_there:
        raise ConvertersToolsUserError(
            f"'{measured.described_in}' does not state the size of its images, and no image file is there to ask;"
            " give the folder with its images."
        )
    for number in used if measured.sizes_are_planned and given.found.files_there else unknown:
        at = int(np.argmax(planes.frame == number))
        frames[number] = _size_in_file(given, at, frames[number])
    return frames


def _size_in_file(given: _SortedOut, at: int, stated: Frame) -> Frame:
    """The frame with the size that a file has; a file that cannot be read leaves the stated size, and is found later."""
    from fractal_omezarr_converters.core.table_lengths import sizes_of_loader

    sizes = sizes_of_loader(given.loaders.loader(at), "yx")
    is_stated = stated.width is not None and stated.height is not None
    if isinstance(sizes, str):
        if is_stated:
            return stated
        raise ConvertersToolsUserError(f"'{given.found.files.paths[at]}' does not tell the size of its image: {sizes}.")
    if is_stated and (stated.width, stated.height) != (sizes["x"], sizes["y"]):
        given.measured.warnings.append(
            f"'{given.found.files.paths[at]}' has {sizes['x']} x {sizes['y']} pixels, but the metadata state {stated.width} x"
            f" {stated.height}; the size of the file is used."
        )
    return stated._replace(width=sizes["x"], height=sizes["y"])


def _tiles(given: _SortedOut, acquisition: int) -> TileTable:
    """Make one tile per plane, column by column."""
    from fractal_omezarr_converters.core.tile_table import TileTable

    measured, planes, axes = given.measured, given.planes, given.axes
    frames = _frames(given)
    frame = planes.frame
    details, details_of = _details(given, frames, ranked(frame)[0].tolist())
    size = np.array([(each.height or 0, each.width or 0) for each in frames], np.float64)[frame]
    pixel = np.array([(each.pixel_y, each.pixel_x) for each in frames], np.float64)[frame]
    wells, well = in_order(planes.wells())
    fields, field = in_order(planes.field)
    start = np.empty((len(planes), 5))
    start[:, 0] = np.array(axes.frame_starts)[axes.t_index]
    start[:, 1], channels = given.channels.places(planes.channel)
    start[:, 2] = axes.z_origin + axes.z_index * axes.z_step
    start[:, 3:] = _centres(given, size * pixel) - size * pixel / 2
    length = np.ones((len(planes), 5))
    length[:, 1] = channels
    length[:, 3:] = size
    return TileTable(
        fov_names=[measured.field_names.get(number, f"FOV_{number}") for number in fields],
        fov=field,
        start=start,
        length=length,
        loaders=given.loaders,
        collections=[
            ImageInPlate(plate_name=measured.plate.name, row=row_name(row), column=column, acquisition=acquisition)
            for row, column in (divmod(number, WELL_COLUMNS) for number in wells)
        ],
        collection=well,
        acquisitions=details,
        acquisition=details_of[frame],
        moments=_moments(planes),
    )


def _centres(given: _SortedOut, extent: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre (y, x) of every plane's field in µm; on a grid, fields that are missing keep their cell."""
    measured, planes = given.measured, given.planes
    if measured.field_grid is None:
        return np.stack([planes.y, planes.x], axis=1)
    numbers = ranked(given.listed.field)[0].tolist()
    centres = grid_centres(planes.field.tolist(), extent[:, ::-1], measured.field_grid, numbers=numbers)
    return centres[:, ::-1]


def _moments(planes: PlaneTable) -> Moments | None:
    from fractal_omezarr_converters.core.moments import UNKNOWN, Moments

    known = np.isfinite(planes.clock)
    ms = np.full(len(planes), UNKNOWN)
    ms[known] = np.rint(planes.clock[known] * 1000)
    return Moments(ms) if known.any() else None


def _details(
    given: _SortedOut, frames: Sequence[Frame], used: list[int]
) -> tuple[list[AcquisitionDetails], NDArray[np.int64]]:
    """One per pixel size that occurs, and for every frame which it is."""
    stated = [(frames[number].pixel_x, frames[number].pixel_y) for number in used]
    pixels = list(dict.fromkeys(stated))
    details_of = np.zeros(len(frames), np.int64)
    details_of[used] = [pixels.index(each) for each in stated]
    details = [
        AcquisitionDetails(
            xy_pixel_size=x,
            y_pixel_size=y if y != x else None,
            z_spacing=given.axes.z_step,
            t_spacing=given.axes.t_step,
            channels=given.infos,
            axes=default_axes_builder(is_time_series=len(given.axes.times) > 1),
            # The type comes from the files; without any, it is what the instrument is known to write.
            data_type=DataTypeEnum.AUTODETECT if given.found.files_there else DataTypeEnum(given.measured.data_type),
        )
        for x, y in pixels
    ]
    return details, details_of


def _facts(given: _SortedOut) -> dict[str, Any]:
    measured, axes = given.measured, given.axes
    channels = [(number, measured.channels.get(number) or ChannelFacts()) for number in given.channels.numbers]
    return {
        "wells": len(ranked(given.planes.wells())[0]),
        "fields": len(ranked(given.planes.field)[0]),
        "z_planes": int(axes.z_index.max()) + 1,
        "z_step_um": axes.z_step,
        "frames": len(axes.times),
        "frame_times_s": axes.times,
        "channels": [
            {
                "number": number,
                "name": facts.name,
                "kind": facts.kind,
                "excitation_nm": facts.excitation_nm,
                "emission_nm": facts.emission_nm,
                "z_offset_um": axes.z_offsets.get(number),
                **facts.facts,
            }
            for number, facts in channels
        ],
    }
