"""Write complete artificial acquisitions of Micro-Manager as stacks, single images or NDTiff, with known content."""

from __future__ import annotations

import json
import struct
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from xml.sax.saxutils import quoteattr

import numpy as np

from fractal_omezarr_converters.testing.synthetic_plate import PlaneKey, SyntheticPlate, row_and_column

if TYPE_CHECKING:
    from numpy.typing import NDArray

WELL_PITCH_UM = 9000.0
IDENTITY = (1.0, 0.0, 0.0, 1.0)
SUMMARY, METADATA = 2355492, 51123

type Files = Literal["stacks", "images", "ndtiff2", "ndtiff3"]


@dataclass(frozen=True)
class SyntheticMicromanager(SyntheticPlate):
    """What is in the artificial acquisition.

    ``files`` is the kind of files. ``affine`` (a, b, c, d: µm on the stage for a pixel) is the camera's turn on the stage, None
    as if it were not set. ``named_wells`` off: positions have the names of a grid, in the first well only. ``states_step``
    and ``states_stage`` off: as newer software, which leaves z step and places to the frames, or to nobody. ``in_colour``: red,
    green and blue of 8 bits, as a colour camera gives them. ``states_plate``: stacks hold OME-XML with a plate, and positions
    have names that say nothing.
    """

    files: Files = "stacks"
    affine: tuple[float, float, float, float] | None = None
    named_wells: bool = True
    states_step: bool = True
    states_stage: bool = True
    in_colour: bool = False
    states_plate: bool = False

    def label(self, key: PlaneKey) -> str:
        """Name of a position."""
        if self.states_plate:
            return f"Pos{self.position(key)}"
        if self.named_wells:
            return f"{key.well}-Site_{key.field - 1}"
        row, column = divmod(key.field - 1, self.layout[1])
        column = self.layout[1] - 1 - column if row % 2 else column
        return f"1-Pos{column:03d}_{row:03d}"

    def position(self, key: PlaneKey) -> int:
        """Number of a position, from 0."""
        return self.wells.index(key.well) * len(self.fields) + key.field - 1

    def stage_um(self, key: PlaneKey) -> tuple[float, float]:
        """Place of a field on the stage (x, y) in µm."""
        x, y = self.centre_um(key.field)
        if self.named_wells:
            row, column = row_and_column(key.well)
            x, y = x + column * WELL_PITCH_UM, y + row * WELL_PITCH_UM
        if self.affine is None:
            return x, y
        a, b, c, d = self.affine
        across, down = x / self.pixel_size, y / (self.pixel_size_y or self.pixel_size)
        return a * across + b * down, c * across + d * down

    def stored(self, key: PlaneKey) -> NDArray[np.generic]:
        """Pixels as they are in the file: (y, x), or (y, x, 3) of one byte each, all different, for images in colour."""
        plane = self.pixels(key)
        if not self.in_colour:
            return plane
        red = plane.astype(np.uint8)
        return np.stack([red, red[::-1], 255 - red], axis=-1)

    def file(self, key: PlaneKey) -> str:
        """Name of the file of a plane."""
        if self.files == "images":
            numbers = f"channel{key.channel:03d}_position{self.position(key):03d}_time{key.t:09d}_z{key.z:03d}"
            return f"{self.label(key)}/img_{numbers}.tif"
        if self.files == "stacks":
            return f"{self.plate_name}_MMStack_{self.label(key)}.ome.tif"
        return f"{self.plate_name}_NDTiffStack.tif"


def write_micromanager(
    folder: str | Path, *, missing: Collection[PlaneKey] = (), absent: Collection[PlaneKey] = (), **settings: Any
) -> SyntheticMicromanager:
    """Write one or more acquisitions below a folder, and give the truth about them.

    Args:
        folder: where the folders of the acquisitions are made.
        missing: planes that are described, but whose files are not there (single images only).
        absent: planes that were not acquired.
        settings: any further field of :class:`SyntheticMicromanager`.
    """
    truth = SyntheticMicromanager(Path(folder), missing=frozenset(missing), absent=frozenset(absent), **settings)
    for acquisition, place in enumerate(truth.folders):
        place.mkdir(parents=True, exist_ok=True)
        if truth.files == "images":
            _write_images(truth, place, acquisition)
            continue
        home = place / "Full resolution" if truth.files == "ndtiff2" else place
        home.mkdir(exist_ok=True)
        by_file: dict[str, list[PlaneKey]] = defaultdict(list)
        for key in truth.listed(acquisition):
            by_file[truth.file(key)].append(key)
        index = b"".join(_write_pages(truth, home / name, keys) for name, keys in by_file.items())
        if truth.files != "stacks":
            (home / "NDTiff.index").write_bytes(index)
    return truth


def summary_of(truth: SyntheticMicromanager) -> dict[str, Any]:
    """Give what is said of the whole acquisition."""
    said: dict[str, Any] = {"PixelSize_um": truth.pixel_size, "Interval_ms": 0.0, "Prefix": truth.plate_name}
    if not truth.files.startswith("ndtiff"):
        said["MicroManagerVersion"] = "2.0.1"
        said["ChNames"] = [each.name for each in truth.channels]
    return {**said, "z-step_um": truth.z_step if truth.states_step else 0.0}


def frame_of(truth: SyntheticMicromanager, key: PlaneKey) -> dict[str, Any]:
    """Give what is said of one frame."""
    height, width = truth.field_shape
    a, b, c, d = truth.affine or IDENTITY
    x, y = truth.stage_um(key)
    ends = ("_um_Intended" if truth.files.startswith("ndtiff") else "Um") if truth.states_stage else "Nowhere"
    return {
        "Width": width,
        "Height": height,
        "PixelType": "RGB32" if truth.in_colour else "GRAY16",
        "PixelSizeUm": truth.pixel_size,
        "PixelSizeAffine": f"{a};{b};0.0;{c};{d};0.0",
        f"XPosition{ends}": x,
        f"YPosition{ends}": y,
        f"ZPosition{ends}": truth.channels[key.channel].z_offset + key.z * truth.z_step + 2762.1,
        "ElapsedTime-ms": 1000 * (key.t * truth.seconds),
        "ReceivedTime": f"2024-01-24 14:{key.t % 60:02d}:05.250 +0100",
        "Exposure-ms": 60.0,
        "Channel": truth.channels[key.channel].name,
        "PositionName": truth.label(key),
        "FileName": truth.file(key),
    }


def _indices(truth: SyntheticMicromanager, key: PlaneKey) -> dict[str, int]:
    numbers = {"PositionIndex": truth.position(key), "FrameIndex": key.t}
    return {**numbers, "SliceIndex": key.z, "ChannelIndex": key.channel}


def _axes(truth: SyntheticMicromanager, key: PlaneKey) -> dict[str, int | str]:
    """Axes of an NDTiff image: unordered, names for channels and positions in version 3, heights below zero."""
    channel: int | str = truth.channels[key.channel].name if truth.files == "ndtiff3" else key.channel
    position: int | str = truth.label(key) if truth.files == "ndtiff3" else truth.position(key)
    axes: list[tuple[str, int | str]] = [("z", key.z - 1), ("channel", channel), ("position", position)]
    if truth.times > 1:
        axes.append(("time", key.t))
    return dict(axes if key.z % 2 else reversed(axes))


def _write_images(truth: SyntheticMicromanager, place: Path, acquisition: int) -> None:
    import tifffile

    described: dict[str, dict[str, Any]] = {}
    for key in truth.listed(acquisition):
        name = truth.file(key)
        said = described.setdefault(truth.label(key), {"Summary": summary_of(truth)})
        coords = {"time": key.t, "z": key.z, "channel": key.channel, "position": truth.position(key)}
        said[f"Coords-{name}"], said[f"Metadata-{name}"] = coords, frame_of(truth, key)
        (place / name).parent.mkdir(exist_ok=True)
        if truth.is_there(key):
            photometric = "rgb" if truth.in_colour else "minisblack"
            tifffile.imwrite(place / name, truth.stored(key), photometric=photometric, metadata=None)
    for label, said in described.items():
        (place / label / "metadata.txt").write_text(json.dumps(said, indent=1), "utf-8")


def _write_pages(truth: SyntheticMicromanager, path: Path, keys: Sequence[PlaneKey]) -> bytes:
    """Write one file of pages; give its part of an NDTiff index."""
    summary = json.dumps(summary_of(truth)).encode()
    version = {"stacks": 0, "ndtiff2": 2, "ndtiff3": 3}[truth.files]
    begin = {0: 40, 2: 24, 3: 28}[version] + len(summary)
    data = bytearray()
    places: list[tuple[PlaneKey, int]] = []
    index = b""
    for number, key in enumerate(keys):
        data += b"\0" * (begin + len(data) & 1)
        said = frame_of(truth, key)
        said |= _indices(truth, key) if version == 0 else {"Axes": _axes(truth, key)}
        if truth.files == "ndtiff3":
            said.pop("PositionName")
        text = json.dumps(said).encode()
        start = begin + len(data)
        height, width = truth.field_shape
        pixels = truth.stored(key).astype("u1" if truth.in_colour else "<u2").tobytes()
        at = start + len(_directory((0, 0), (0, 0, 0), 0, start, in_colour=truth.in_colour))
        places.append((key, start))
        at += 12 if truth.states_plate and number == 0 else 0
        behind = at + len(pixels) + len(text)
        described = _ome_of(truth, keys).encode() if truth.states_plate and number == 0 else b""
        following = behind + len(described)
        following += following & 1
        last = number == len(keys) - 1
        size = width, height
        following = 0 if last else following
        entry = (270, 2, len(described), behind) if described else None
        data += _directory(
            size, (at, len(pixels), len(text)), following, start, in_colour=truth.in_colour, description=entry
        )
        data += pixels + text + described
        if version:
            kind = 2 if truth.in_colour else 1
            index += _index_entry(_axes(truth, key), path.name, (*size, kind), (at, len(pixels), len(text)))
    if version:
        head = struct.pack("<II", 483729, version) + (struct.pack("<I", 0) if version == 3 else b"")
    else:
        # the places of index map, display settings and comments; only the first is written
        head = struct.pack("<IIIIII", 54773648, begin + len(data), 483765892, 0, 99384722, 0)
        data += struct.pack("<II", 3453623, len(keys))
        for key, start in places:
            data += struct.pack("<IIIII", key.channel, key.z, key.t, truth.position(key), start)
    first = begin + (begin & 1)
    header = struct.pack("<2sHI", b"II", 42, first) + head + struct.pack("<II", SUMMARY, len(summary))
    path.write_bytes(header + summary + bytes(data))
    return index


def _ome_of(truth: SyntheticMicromanager, keys: Sequence[PlaneKey]) -> str:
    """OME-XML of all positions with their plate, as newer versions write it; samples are not in the order of their numbers."""
    height, width = truth.field_shape
    places = {truth.label(each): each for each in truth.listed(keys[0].acquisition)}
    images = "".join(
        f'<Image ID="Image:{truth.position(key)}" Name={quoteattr(f"{truth.plate_name}_MMStack_{label}")}><Pixels ID="P:{label}"'
        f' DimensionOrder="XYCZT" Type="uint16" SizeX="{width}" SizeY="{height}" SizeC="1" SizeZ="1" SizeT="1"/></Image>'
        for label, key in places.items()
    )
    wells = ""
    for well in truth.wells:
        row, column = row_and_column(well)
        samples = "".join(
            f'<WellSample ID="S:{label}" Index="{truth.position(key)}"><ImageRef ID="Image:{truth.position(key)}"/></WellSample>'
            for label, key in reversed(places.items())
            if key.well == well
        )
        wells += f'<Well ID="W:{well}" Row="{row - 1}" Column="{column - 1}">{samples}</Well>'
    return (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f'<Plate ID="Plate:0" Rows="8" Columns="12">{wells}</Plate>{images}</OME>\0'
    )


def _directory(
    size: tuple[int, int],
    lengths: tuple[int, int, int],
    following: int,
    start: int,
    *,
    in_colour: bool,
    description: tuple[int, int, int, int] | None = None,
) -> bytes:
    """Describe the page at ``start``; ``lengths`` are where its pixels begin, their bytes, and those of the metadata behind."""
    (width, height), (pixels, many, said) = size, lengths
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 16),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        *([description] if description else []),
        (273, 4, 1, pixels),
        *([(277, 3, 1, 3)] if in_colour else []),
        (278, 4, 1, height),
        (279, 4, 1, many),
        (METADATA, 2, said, pixels + many),
    ]
    depths = b""
    if in_colour:  # three numbers do not fit into the entry: they stand behind the directory
        tags[2], tags[4] = (258, 3, 3, start + 2 + len(tags) * 12 + 4), (262, 3, 1, 2)
        depths = struct.pack("<HHH", 8, 8, 8)
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", following) + depths


def _index_entry(
    axes: Mapping[str, int | str], name: str, size: tuple[int, int, int], lengths: tuple[int, int, int]
) -> bytes:
    pixels, many, said = lengths
    words = json.dumps(axes).encode()
    entry = struct.pack("<I", len(words)) + words + struct.pack("<I", len(name)) + name.encode()
    return entry + struct.pack("<IIIIIIII", pixels, *size, 0, pixels + many, said, 0)
