"""What will be written for one image: place of every tile in whole pixels, layout, sources, sizes, warnings. No pixel is read.

The plan is the dry run, the heading of the report and the recipe: its fingerprint changes when a source, an option or a position
changes, and a finished image is one whose completion mark carries the same fingerprint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fractal_omezarr_converters.core.equal_rows import number_rows
from fractal_omezarr_converters.core.placement import Placement, place
from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import ConvertersToolsUserError, raise_together
from fractal_omezarr_converters.models.options import ConverterOptions
from fractal_omezarr_converters.models.source_files import SourceFile, SourceFiles
from fractal_omezarr_converters.ngff.layout import ImageLayout, plan_layout
from fractal_omezarr_converters.ngff.memory_need import memory_need
from fractal_omezarr_converters.ngff.read_ahead import AHEAD
from fractal_omezarr_converters.pipelines.header_checks import check_sources
from fractal_omezarr_converters.pipelines.image_steps import pixel_steps
from fractal_omezarr_converters.pipelines.plan_checks import check_channels, check_positions, check_size, check_times
from fractal_omezarr_converters.pipelines.registration import (
    RegistrationStep,
    apply_registration_pipeline,
    default_steps,
    steps_on_pixels,
)
from fractal_omezarr_converters.pipelines.roi_tables import field_translations
from fractal_omezarr_converters.pipelines.tile_stream import ImageTiles
from fractal_omezarr_converters.pipelines.time_points import time_points_table
from fractal_omezarr_converters.pipelines.write_settings import planned_memory
from fractal_omezarr_converters.pipelines.z_positions import z_positions_table

STITCHING = 2
"""Raised when stitching finds other positions from the same pixels."""
RECIPE = 1
"""Raised when the same plan would be written differently, so that images of earlier versions are made again on Extend."""

LARGEST_MISSING = 50_000_000


def counted(number: int, word: str) -> str:
    """A number with its word: 1 plane, 2 planes."""
    return f"{number} {word}{'' if number == 1 else 's'}"


@dataclass(frozen=True)
class MissingPlanes:
    """Planes not acquired, or without a file: how many (field, t, c, z) combinations, and a few of them by name."""

    count: int = 0
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImagePlan:
    """Everything about one image that is known before its pixels are."""

    path: str
    name: str
    axes: str
    shape: tuple[int, ...]
    dtype: str
    layout: ImageLayout
    placement: Placement
    image: TiledImage[Any, Any]
    sources: Sequence[SourceFile]
    bytes: int
    memory: int
    """Bytes that the process which writes this image takes, program and all."""
    least_memory: int
    """With how many bytes it can do: one thread, no source plane kept."""
    missing_planes: MissingPlanes
    overlaps: int
    warnings: tuple[str, ...]
    fingerprint: str
    remarks: tuple[str, ...] = ()
    time_points: dict[str, list[Any]] | None = None
    z_positions: dict[str, list[Any]] | None = None
    translations: dict[str, list[Any]] | None = None
    steps: tuple[dict[str, Any], ...] = field(default=())
    pending: bool = False
    """Positions and size are final only when pixels have been read: the fields are stitched when the image is written."""

    def to_json(self) -> dict[str, Any]:
        """The plan as plain values, for people, reports and snapshots."""
        columns = self.image.columns
        return {
            "path": self.path,
            "name": self.name,
            "axes": self.axes,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "version": self.layout.version,
            "pixel_size": dict(zip("tzyx", (float(value) for value in pixel_steps(self.image)[[0, 2, 3, 4]]))),
            "translation": self.image.translation,
            "channels": [channel.channel_label for channel in self.image.channels or ()],
            "levels": [{"path": level.path, "shape": self.layout.on_axes(level.shape)} for level in self.layout.levels],
            "chunks": self.layout.on_axes(self.layout.chunks),
            "shards": None if self.layout.shards is None else self.layout.on_axes(self.layout.shards),
            "tiles": len(columns),
            "fields_of_view": [name for name, _ in columns.rows_by_fov()],
            "sources": len(self.sources),
            "source_bytes": sum(source.size for source in self.sources),
            "bytes": self.bytes,
            "memory": self.memory,
            "least_memory": self.least_memory,
            "missing_planes": asdict(self.missing_planes),
            "overlapped_pixels": self.overlaps,
            "size_is_final": not self.pending,
            "steps": list(self.steps),
            "warnings": list(self.warnings),
            "remarks": list(self.remarks),
            "fingerprint": self.fingerprint,
        }


def plan_image(
    tiled_image: TiledImage[Any, Any],
    *,
    converter_options: ConverterOptions,
    registration_pipeline: Sequence[RegistrationStep] | None = None,
    resource: Any = None,
    sources: Sequence[SourceFile] | None = None,
    read_pixels: bool = False,
) -> ImagePlan:
    """Register a copy of the image and say what would be written; no pixel is read unless asked for.

    Args:
        tiled_image: Image as it was aggregated, or already registered (then with an empty pipeline).
        converter_options: Options of the conversion.
        registration_pipeline: Steps to apply; None takes the default ones of the options.
        resource: Handed to the loaders.
        sources: Files behind the image when they are known; None looks for them.
        read_pixels: Carry out steps that need pixels (stitching), so that positions are final. The fingerprint is that of
            the plan without pixels: the same sources and options give the same positions.

    Raises:
        ConvertersToolsUserError: sources are missing, positions do not fit, or the array would be absurdly large.
    """
    if not len(tiled_image.columns):
        raise ConvertersToolsUserError(f"Image '{tiled_image.path}' has no tiles; check the filters and the metadata.")
    options = converter_options
    steps = registration_pipeline
    if steps is None:
        steps = default_steps(options)
    check_positions(tiled_image)
    check_channels(tiled_image)
    check_times(tiled_image)
    measured = steps_on_pixels(steps)
    known: str | None = None
    if measured and read_pixels:
        planned = plan_image(
            tiled_image, converter_options=options, registration_pipeline=steps, resource=resource, sources=sources
        )
        sources, known = planned.sources, planned.fingerprint
    image = apply_registration_pipeline(tiled_image, steps, read_pixels=read_pixels, resource=resource)
    if sources is None:
        found = check_sources(tiled_image, resource, headers=False)
        raise_together(found.problems, f"Sources of image '{tiled_image.path}' cannot be used")
        sources = found.sources
    placement = place(image)
    missing = missing_planes(image, placement)
    overlapped = _overlapped_pixels(placement)
    itemsize = np.dtype(image.data_type).itemsize
    warnings = [
        *image.notes,
        *check_size(image, placement, itemsize, options.stage_position_corrections.largest_padding),
    ]
    if missing.count:
        was, has = ("was", "has") if missing.count == 1 else ("were", "have")
        warnings.append(
            f"{counted(missing.count, 'plane')} of image '{image.path}' {was} not acquired or {has} no file; the image is "
            f"incomplete there and holds zeros, for example {'; '.join(missing.examples)}."
        )
    layout = image_layout(image, placement, options)
    memory, least_memory = _memory(image, placement, layout, options)
    return ImagePlan(
        path=image.path,
        name=image.name or image.path,
        axes=placement.axes,
        shape=tuple(placement.shape["tczyx".index(axis)] for axis in placement.axes),
        dtype=str(image.data_type),
        layout=layout,
        placement=placement,
        image=image,
        sources=sources,
        bytes=layout.bytes,
        memory=memory,
        least_memory=least_memory,
        missing_planes=missing,
        overlaps=overlapped,
        warnings=tuple(dict.fromkeys(warnings)),
        remarks=tuple(dict.fromkeys(image.remarks)),
        fingerprint=known or fingerprint(image, placement, layout, sources, options, measured=measured),
        pending=bool(measured) and not read_pixels,
        time_points=time_points_table(tiled_image, image, placement.start[:, 0]),
        z_positions=z_positions_table(tiled_image, image, placement.start[:, 2]),
        translations=field_translations(tiled_image, image, placement.start),
        steps=tuple(dict(step) for step in image.provenance),
    )


def image_layout(image: TiledImage[Any, Any], placement: Placement, options: ConverterOptions) -> ImageLayout:
    """The layout on disk of a registered image whose tiles have their places."""
    steps = pixel_steps(image)
    origin = np.zeros(5)
    for axis, value in zip(image.axes, image.translation or ()):
        origin["tczyx".index(axis)] = value
    origin[1] = 0.0
    fields = [
        (placement.start[rows] + placement.length[rows]).max(axis=0) - placement.start[rows].min(axis=0)
        for _, rows in image.columns.rows_by_fov()
    ]
    largest = np.max(np.array(fields), axis=0)
    return plan_layout(
        version=str(options.omezarr_options.ngff_version),
        axes=placement.axes,
        shape5=placement.shape,
        dtype=image.data_type,
        pixel_size=[float(step) for step in steps],
        origin=[float(value) for value in origin],
        omezarr_options=options.omezarr_options,
        fov_shape_yx=(int(largest[3]), int(largest[4])),
    )


def _memory(
    image: TiledImage[Any, Any], placement: Placement, layout: ImageLayout, options: ConverterOptions
) -> tuple[int, int]:
    """What writing takes, and the least that it can do with."""
    try:
        tiles = ImageTiles(image, placement)
        return planned_memory(memory_need(layout, tiles), layout, options, ahead=AHEAD if tiles.are_remote else 0)
    except ConvertersToolsUserError as error:
        raise ConvertersToolsUserError(f"Image '{image.path}' {error}.") from None


def missing_planes(image: TiledImage[Any, Any], placement: Placement) -> MissingPlanes:
    """Count the planes (t, c, z) of every field of view that no tile covers."""
    columns = image.columns
    rows = columns.rows_by_fov()
    frames, channels, planes = placement.shape[:3]
    if len(rows) * frames * channels * planes > LARGEST_MISSING:
        return MissingPlanes()
    number = {name: index for index, (name, _) in enumerate(rows)}
    present = np.zeros((len(rows), frames, channels, planes), dtype=np.bool_)
    field_of = np.empty(len(columns), dtype=np.int64)
    for name, mine in rows:
        field_of[mine] = number[name]
    single = (placement.length[:, :3] == 1).all(axis=1)
    start = placement.start
    present[field_of[single], start[single, 0], start[single, 1], start[single, 2]] = True
    for row in np.flatnonzero(~single):
        t, c, z = (slice(int(a), int(a + n)) for a, n in zip(start[row, :3], placement.length[row, :3]))
        present[field_of[row], t, c, z] = True
    absent = np.argwhere(~present)
    labels = [channel.channel_label for channel in image.channels or ()]
    examples = tuple(
        f"field of view '{rows[f][0]}', channel '{labels[c] if c < len(labels) else c}', z {z}, t {t}"
        for f, t, c, z in absent[:3].tolist()
    )
    return MissingPlanes(len(absent), examples)


def _overlapped_pixels(placement: Placement) -> int:
    """Source pixels that a later tile hides, as the difference of what is laid and what is covered, plane by plane."""
    start, length = _cut_where_others_begin(placement.start, placement.length)
    plane = number_rows([*start[:, :3].T, *length[:, :3].T])
    from fractal_omezarr_converters.pipelines.tiling import hidden_pixels, overlaps

    total = 0
    patterns: dict[bytes, int] = {}
    order = np.argsort(plane, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(plane[order])) + 1):
        if len(rows) < 2:
            continue
        corners, sizes = start[rows][:, [4, 3]], length[rows][:, [4, 3]]
        key = corners.tobytes() + sizes.tobytes()
        if key not in patterns:
            patterns[key] = sum(hidden_pixels(corners, sizes, overlaps(corners, sizes)).values())
        total += patterns[key] * int(np.prod(length[rows[0], :3]))
    return total


def _cut_where_others_begin(
    start: npt.NDArray[np.int64], length: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The boxes of tiles, cut into single frames, channels or planes where some begin or end within others.

    Two boxes then hold either the same planes or none in common.
    """
    for axis in range(3):
        count = length[:, axis]
        if (count == 1).all() or int(count.sum()) > LARGEST_MISSING:
            continue
        stop = start[:, axis] + count
        edges = np.unique(start[:, axis] * (int(stop.max()) + 1) + stop)
        begins, ends = np.divmod(edges, int(stop.max()) + 1)
        if (begins[1:] >= np.maximum.accumulate(ends)[:-1]).all():
            continue
        row = np.repeat(np.arange(len(count)), count)
        within = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        start, length = start[row], length[row]
        start[:, axis] += within
        length[:, axis] = 1
    return start, length


def fingerprint(
    image: TiledImage[Any, Any],
    placement: Placement,
    layout: ImageLayout,
    sources: Sequence[SourceFile],
    options: ConverterOptions,
    *,
    measured: Sequence[RegistrationStep] = (),
) -> str:
    """Digest of everything that decides what the written image looks like."""
    digest, files = hashlib.sha256(), SourceFiles.taken(sources)
    recipe: dict[str, Any] = {
        "recipe": RECIPE,
        "path": image.path,
        "name": image.name,
        "channels": [channel.model_dump(mode="json") for channel in image.channels or ()],
        "attributes": image.attributes,
        "translation": image.translation,
        "steps": [float(step) for step in pixel_steps(image)],
        "layout": [layout.version, layout.axes, layout.shape, str(layout.dtype), layout.chunks, layout.shards],
        "levels": [[level.path, level.shape, level.scale, level.translation] for level in layout.levels],
        "method": layout.method,
        "compression": repr(layout.compression),
        "tables": str(options.omezarr_options.table_backend),
        "sources": sorted(zip(files.paths, files.size.tolist(), files.mtime_ns.tolist())),
        "fields": image.columns.fov_names,
        "loaders": image.columns.loaders.to_json(),
    }
    if measured:
        recipe["measured"] = [STITCHING, [dict(step) for step in measured]]
    digest.update(json.dumps(recipe, sort_keys=True, default=str).encode())
    arrays: tuple[npt.NDArray[Any], ...] = (
        placement.start,
        placement.length,
        np.asarray(placement.order),
        image.columns.fov,
        image.columns.original,
    )
    if image.columns.moments is not None:
        arrays += (image.columns.moments.ms,)
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
