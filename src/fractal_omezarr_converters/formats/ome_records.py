"""What OME-XML says, as records: images with their planes, files, channels and sizes, and the plates they belong to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from fractal_omezarr_converters.formats.ome_wells import OmePlate
from fractal_omezarr_converters.formats.plane_records import ChannelFacts
from fractal_omezarr_converters.models.ome_planes import PlanePlace

Key = tuple[int, int, int]


class OmePlane(NamedTuple):
    """Where and when a plane was taken: µm on the stage, seconds since the start; None where it is not stated."""

    x: float | None = None
    y: float | None = None
    height: float | None = None
    seconds: float | None = None


@dataclass
class OmeImageRecord:
    """One image; keys of planes are (c, z, t). Pixel sizes are µm, ``t_step`` s, ``acquired`` seconds since 1970.

    Without ``states_files`` nothing says where the planes are. ``uuids`` are those of named files, ``nameless`` those of files
    that are named by their UUID alone; ``in_own_frame`` says that positions are in a unit that only the instrument knows.
    """

    id: str
    name: str
    size_x: int
    size_y: int
    sizes: dict[str, int]
    pixel_x: float | None = None
    pixel_y: float | None = None
    z_step: float | None = None
    t_step: float | None = None
    acquired: float | None = None
    samples: int = 1
    pixel_type: str = ""
    channels: list[ChannelFacts] = field(default_factory=list)
    planes: dict[Key, OmePlane] = field(default_factory=dict)
    places: dict[Key, PlanePlace] = field(default_factory=dict)
    states_files: bool = True
    uuids: dict[str, str] = field(default_factory=dict)
    nameless: set[str] = field(default_factory=set)
    in_own_frame: bool = False
    line: int = 0

    @property
    def states_position(self) -> bool:
        """Whether one of its planes says where on the stage it was taken."""
        return any(plane.x is not None and plane.y is not None for plane in self.planes.values())

    def forget_positions(self) -> None:
        """Leave out where planes were taken; other positions than those on the stage count."""
        self.planes = {key: plane._replace(x=None, y=None) for key, plane in self.planes.items()}


@dataclass
class OmeDocument:
    """All of one OME-XML; ``metadata_file`` is set when it only points to another file."""

    path: str
    creator: str = ""
    uuid: str | None = None
    images: dict[str, OmeImageRecord] = field(default_factory=dict)
    plates: list[OmePlate] = field(default_factory=list)
    metadata_file: str | None = None
    warnings: list[str] = field(default_factory=list)
