"""What an instrument's metadata say of a measurement, in the words of this package and not of one vendor.

A format fills a :class:`Measurement` with one :class:`PlaneRecord` per plane, in the numbers the instrument uses (or with
a :class:`fractal_omezarr_converters.formats.plane_table.PlaneTable`, which holds the same as columns);
:func:`fractal_omezarr_converters.formats.plate_scan.plate_scan` turns it into tiles: it finds the files, counts what is
missing, ranks planes and frames, takes steps and times, and names channels, alike for every vendor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from fractal_omezarr_converters.models.plate_facts import PlateFacts
from fractal_omezarr_converters.models.well_names import row_name

if TYPE_CHECKING:
    from fractal_omezarr_converters.core.loader_columns import LoaderColumns
    from fractal_omezarr_converters.formats.acquisition_files import AcquisitionFiles
    from fractal_omezarr_converters.formats.field_grid import FieldGrid
    from fractal_omezarr_converters.models.pixel_size import PixelSizeModel


class PlaneRecord(NamedTuple):
    """One plane: its place by the instrument's own numbers, where and when it was taken, and its file.

    ``row`` and ``column`` of the well count from 1. ``field``, ``channel``, ``z`` and ``t`` are any whole numbers; only
    their order counts. ``x`` and ``y`` are the centre of the field in µm, x to the right and y down. ``height`` is µm as
    the focus states it, ``seconds`` since the start of the measurement, ``clock`` seconds since 1970-01-01 UTC.
    ``file`` is the name in the metadata, None when the instrument lists the plane without a file. ``frame`` is a place in
    :attr:`Measurement.frames`, ``line`` the line of the metadata file (0: none).
    """

    row: int
    column: int
    field: int
    channel: int
    z: int
    t: int
    file: str | None
    x: float = 0.0
    y: float = 0.0
    height: float | None = None
    seconds: float | None = None
    clock: float | None = None
    page: int | None = None
    frame: int = 0
    line: int = 0

    @property
    def well(self) -> str:
        """Name of the well, such as ``B03``."""
        return f"{row_name(self.row)}{self.column:02d}"

    def label(self, channels: Mapping[int, ChannelFacts] | None = None) -> str:
        """The plane in words, for messages; the channel by its name where it has one."""
        facts = (channels or {}).get(self.channel)
        channel = (facts.name if facts is not None else "") or self.channel
        return f"well {self.well} field {self.field} channel {channel} plane {self.z} time {self.t}"


class Frame(NamedTuple):
    """Size of an image: pixels along x and y (None: not stated), µm per pixel along x and y."""

    width: int | None
    height: int | None
    pixel_x: float
    pixel_y: float

    def with_stated_pixels(self, stated: PixelSizeModel) -> Frame:
        """The frame with the pixel size that the user states."""
        x, y = stated.xy_pixel_size, stated.y_pixel_size or stated.xy_pixel_size
        return self._replace(pixel_x=x or self.pixel_x, pixel_y=y or self.pixel_y)


@dataclass
class ChannelFacts:
    """What the metadata say of one channel; ``kind`` names it when it has neither a name nor a wavelength.

    ``wavelength_id`` is the second key tasks select channels by; the emission in nm when it is not given. ``samples`` are
    the values per pixel, 3 for colour images; None: a file is asked.
    """

    name: str = ""
    kind: str = ""
    emission_nm: float | None = None
    excitation_nm: float | None = None
    wavelength_id: str | None = None
    color: str | None = None
    samples: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)


type LoaderMaker = Callable[[Sequence[str], Sequence[PlaneRecord]], LoaderColumns]


@dataclass
class Measurement:
    """One acquisition of one plate as its metadata describe it.

    ``described_in`` is the metadata file that sentences name. ``other_endings`` are tried for files that are not there
    under their own (``.png`` for ``.tif``). ``sizes_are_planned`` says that the sizes of the frames are those of the
    protocol, which files may contradict: then the files are asked, one of each frame. ``z_step`` (µm) and ``t_step`` (s)
    are those the protocol states; None means that they are taken from the planes. ``notes_on_z_step`` are warnings of which
    step is used, for users who state none. ``z_counts_steps`` says that not only the order of ``z`` counts: a number without
    any plane leaves its place free. ``make_loaders`` is given paths and
    records of the planes that are there; None means plain image files. ``field_grid`` lays fields out instead of their x
    and y. ``data_type`` is used when no file is there to ask. ``acquisition_offset`` is added to the number of the acquisition
    that the user gives: where one source holds several acquisitions of a plate, each is a measurement.
    """

    described_in: str
    files: AcquisitionFiles
    planes: Sequence[PlaneRecord]
    frames: list[Frame]
    channels: Mapping[int, ChannelFacts]
    plate: PlateFacts
    field_names: Mapping[int, str] = field(default_factory=dict)
    field_grid: FieldGrid | None = None
    other_endings: tuple[str, ...] = ()
    sizes_are_planned: bool = False
    z_step: float | None = None
    t_step: float | None = None
    make_loaders: LoaderMaker | None = None
    data_type: str = "uint16"
    warnings: list[str] = field(default_factory=list)
    notes_on_z_step: list[str] = field(default_factory=list)
    z_counts_steps: bool = False
    metadata_files: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    corrections: list[dict[str, Any]] = field(default_factory=list)
    acquisition_offset: int = 0
