"""Micro-Manager 1.4 and 2.0, Pycro-Manager (multi-dimensional acquisitions).

Versions seen as files: NDTiff 2.0 and 3 (Pycro-Manager). MMStack and single images follow published descriptions.

    <name>_1/
    ├── <name>_1_MMStack_<position>.ome.tif               stacks: many pages a file; "_1", "_2", ... beyond 4 GB
    └── <name>_1_MMStack_<position>_metadata.txt          not needed
    <name>_1/<position>/
    ├── img_channel000_position000_time000000000_z000.tif single images (1.4: img_000000000_DAPI_000.tif)
    └── metadata.txt
    <name>_1/ or <name>_1/Full resolution/
    ├── <name>_NDTiffStack.tif, _1.tif, ...                NDTiff
    └── NDTiff.index

Facts and traps: docs/formats/micromanager.md.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError
from fractal_omezarr_converters.formats.acquisition_files import AcquisitionFiles
from fractal_omezarr_converters.formats.contract import FormatOptions
from fractal_omezarr_converters.formats.field_grid import FieldGrid
from fractal_omezarr_converters.formats.micromanager_frames import Acquired, number
from fractal_omezarr_converters.formats.micromanager_loader import loader_maker
from fractal_omezarr_converters.formats.micromanager_ndtiff import FULL_RESOLUTION, INDEX, read_ndtiff
from fractal_omezarr_converters.formats.micromanager_planes import FramePlanes, frame_planes
from fractal_omezarr_converters.formats.micromanager_stacks import read_images, read_stacks
from fractal_omezarr_converters.formats.plane_records import Measurement
from fractal_omezarr_converters.formats.plate_format import PlateFormat
from fractal_omezarr_converters.formats.plate_naming import plate_facts_of

STACKS = tuple(
    f"{start}{kind}*.{ending}" for kind in ("MMStack", "MMImages") for start in ("*_", "") for ending in ("tif", "tiff")
)
DESCRIPTION = "metadata.txt"
BEGINNING = 1 << 16


class MicromanagerOptions(FormatOptions):
    """Options for acquisitions of Micro-Manager."""

    model_config = ConfigDict(title="Micro-Manager Options")

    free_positions: Literal["one well", "own wells"] = Field(default="one well", title="Free Positions")
    """Where positions go whose names state no well (such as `Pos0` or `1-Pos000_001`; a well is stated as in `A1-Site_0`):

    - `one well`: all are fields of one well, A01 if it is free.
    - `own wells`: each position has a well of its own: that of its name if it is called like one (`B3`), else A01, A02, and
      so on.
    """
    pixel_size: float | None = Field(default=None, gt=0, le=1000, title="Pixel Size")
    """Size of a pixel in µm, when Micro-Manager was not calibrated (it then states 0 or 1)."""
    field_grid: FieldGrid | None = Field(default=None, title="Field Grid")
    """Arrangement of the fields, when the stage recorded no positions."""


class Micromanager(PlateFormat[MicromanagerOptions]):
    """Micro-Manager: stacks, single images and NDTiff."""

    name: ClassVar[str] = "micromanager"
    title: ClassVar[str] = "Micro-Manager (MMStack, single images, NDTiff)"
    maker: ClassVar[str] = "Micro-Manager"
    markers: ClassVar[tuple[str, ...]] = (
        INDEX,
        f"{FULL_RESOLUTION}/{INDEX}",
        *STACKS,
        DESCRIPTION,
        f"*/{DESCRIPTION}",
    )
    options: ClassVar[type[FormatOptions]] = MicromanagerOptions
    docs: ClassVar[str] = "formats/micromanager.md"

    def recognises(self, source: str | Path) -> bool:
        """Say whether there is an index, a stack, or a description that Micro-Manager wrote."""
        found = self.marker_files(source)
        return bool(found) and (found[0].name != DESCRIPTION or any(map(_is_description, found)))

    def measure(self, source: Path, options: MicromanagerOptions, plate_name: str | None) -> Measurement:
        """Read the metadata of all frames; no pixel is read."""
        found = self._acquired(source)
        made = frame_planes(found, options.pixel_size, options.free_positions)
        warnings, summary = found.warnings, found.summary
        step = number(summary.get("z-step_um"))
        interval = number(summary.get("Interval_ms"))
        clocks = [each.clock for each in made.planes if each.clock]
        return Measurement(
            described_in=str(found.described_in),
            files=AcquisitionFiles(found.folder, found.folder, follow_links=options.follow_links),
            planes=made.planes,
            frames=made.frames,
            channels=made.channels,
            plate=plate_facts_of(
                made.planes,
                name=plate_name or str(summary.get("Prefix") or "").strip() or found.name,
                described_in=str(found.described_in),
                warnings=warnings,
                rows=found.plate.rows,
                columns=found.plate.columns,
                acquisition_name=found.name,
                acquisition_description=_software(found),
                start_time=int(min(clocks)) if clocks else None,
                end_time=int(max(clocks)) if clocks else None,
            ),
            field_grid=_field_grid(options, made, warnings),
            sizes_are_planned=True,
            z_step=abs(step) if step else None,
            make_loaders=loader_maker(found.planes),
            t_step=interval / 1000 if interval and interval > 0 else None,
            warnings=warnings,
            metadata_files=found.metadata_files or [str(found.described_in)],
            facts={"software": _software(found), "files": found.layout, "positions": made.positions},
        )

    def _acquired(self, source: Path) -> Acquired:
        files = self.marker_files(source)
        index = next((each for each in files if each.name == INDEX), None)
        if index is not None:
            acquired = read_ndtiff(index)
            if others := [
                each.name for each in files if each not in {index, *acquired.metadata_files} and each.name != INDEX
            ]:
                acquired.warnings.append(
                    f"'{source}' also holds {', '.join(others[:4])}; the NDTiff data set is converted."
                )
            return acquired
        described = [each for each in files if each.name == DESCRIPTION]
        if stacks := [each for each in files if each.name != DESCRIPTION]:
            acquired = read_stacks(source, stacks)
            if any(map(_is_description, described)):
                acquired.warnings.append(
                    f"'{source}' holds stacks and, beside them, single images with '{DESCRIPTION}'; the stacks are converted."
                )
            return acquired
        if readable := [each for each in described if _is_description(each)]:
            here = [each for each in readable if each.parent == source]
            acquired = read_images(source, here or readable)
            damaged = set() if here else {each for each in described if each.parent != source} - set(readable)
            acquired.warnings += [
                f"'{each}' is no description that Micro-Manager wrote (empty, damaged or not readable); images beside it are"
                " left out."
                for each in sorted(damaged)
            ]
            return acquired
        raise ConvertersToolsFileNotFoundError(
            f"'{source}' holds nothing that Micro-Manager wrote: neither {INDEX}, *_MMStack*.tif, nor a {DESCRIPTION}."
        )


def _is_description(path: Path) -> bool:
    """Say whether a ``metadata.txt`` is Micro-Manager's, by its beginning."""
    try:
        with path.open("rb") as handle:
            start = handle.read(BEGINNING)
    except OSError:
        return False
    return start.lstrip().startswith(b"{") and b'"Summary"' in start


def _software(found: Acquired) -> str:
    version = str(found.summary.get("MicroManagerVersion") or "").strip()
    return f"Micro-Manager {version}".strip()


def _field_grid(options: MicromanagerOptions, made: FramePlanes, warnings: list[str]) -> FieldGrid | None:
    """The arrangement that the user gave; without positions and without it, fields lie in a square."""
    if options.field_grid is not None or made.has_places:
        return options.field_grid
    columns = math.ceil(math.sqrt(len({each.field for each in made.planes})))
    warnings.append(
        f"Nothing says where the fields lie; they are laid out in {columns} columns, edge to edge. Give a field grid in the"
        " options to change this."
    )
    return FieldGrid(columns=columns)
