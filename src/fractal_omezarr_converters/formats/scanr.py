"""ScanR (Olympus / Evident), old and new generations.

Versions seen as files: scanR 3.3 (OME-XML), one image of an older generation.

    <acquisition>/
    ├── experiment_descriptor.xml      LabVIEW's XML, all generations: plate, field grid, calibration
    └── data/
        ├── metadata.ome.xml           newer generations (3.x)
        └── <well>--W00014--P00001--Z00000--T00000--<channel>.tif

``<well>`` is empty when no label was set. With metadata.ome.xml everything comes from it, except the size of the plate;
without it, planes come from the names of the files, the rest from the descriptor or the options. Facts and traps:
docs/formats/scanr.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field, field_validator

from fractal_omezarr_converters.errors import (
    ConvertersToolsFileNotFoundError,
    ConvertersToolsUserError,
    raise_together,
)
from fractal_omezarr_converters.formats.acquisition_files import AcquisitionFiles
from fractal_omezarr_converters.formats.contract import FormatOptions
from fractal_omezarr_converters.formats.field_grid import FieldGrid
from fractal_omezarr_converters.formats.ome_xml import read_ome_xml
from fractal_omezarr_converters.formats.plane_records import ChannelFacts, Frame, Measurement, PlaneRecord
from fractal_omezarr_converters.formats.plate_format import PlateFormat
from fractal_omezarr_converters.formats.plate_naming import plate_facts_of
from fractal_omezarr_converters.formats.scanr_descriptor import Descriptor, read_descriptor
from fractal_omezarr_converters.formats.scanr_files import (
    OFFSET,
    NamedPlane,
    lies_above_offset,
    list_planes,
    offset_loaders,
    stores_offset,
)
from fractal_omezarr_converters.formats.scanr_ome import planes_of_ome
from fractal_omezarr_converters.models.urls import is_file_there
from fractal_omezarr_converters.models.well_names import PlateType

DESCRIPTOR, OME_XML, DATA = "experiment_descriptor.xml", "metadata.ome.xml", "data"


class ScanrOptions(FormatOptions):
    """Options for measurements of ScanR."""

    model_config = ConfigDict(title="ScanR Options")

    plate_type: Literal["as stated", "6", "12", "24", "48", "96", "384", "1536"] = Field(
        default="as stated", title="Plate Type"
    )
    """Number of wells of the plate. Needed only when wells have numbers but no names such as B2, and the experiment
    descriptor is missing."""
    pixel_size: float | None = Field(default=None, gt=0, le=1000, title="Pixel Size")
    """Micrometres per pixel. Needed only where the metadata do not state it, as for older data without an experiment
    descriptor."""
    field_grid: FieldGrid | None = Field(default=None, title="Field Grid")
    """Arrangement of the fields, when no positions were recorded."""
    offset: Literal["auto", "subtract", "keep"] = Field(default="auto", title="Offset of Older Cameras")
    """Older generations add 32768 to every pixel value:

    - `auto`: it is subtracted where the files say that they are of this kind.
    - `subtract`: always subtract.
    - `keep`: never.
    """

    @field_validator("plate_type", mode="before")
    @classmethod
    def _number_as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value


class Scanr(PlateFormat[ScanrOptions]):
    """ScanR."""

    name: ClassVar[str] = "scanr"
    title: ClassVar[str] = "ScanR"
    maker: ClassVar[str] = "Evident / Olympus"
    markers: ClassVar[tuple[str, ...]] = (
        DESCRIPTOR,
        f"{DATA}/{OME_XML}",
        OME_XML,
        f"{DATA}/*--W*--P*--Z*--T*--*.tif",
        "*--W*--P*--Z*--T*--*.tif",
    )
    options: ClassVar[type[FormatOptions]] = ScanrOptions
    docs: ClassVar[str] = "formats/scanr.md"

    def measure(self, source: Path, options: ScanrOptions, plate_name: str | None) -> Measurement:
        """Read OME-XML and descriptor, or the names of the files."""
        if not self.recognises(source):
            raise ConvertersToolsFileNotFoundError(
                f"'{source}' holds neither {DESCRIPTOR}, {OME_XML} nor images of ScanR; give the folder of one acquisition."
            )
        data = source / DATA if (source / DATA).is_dir() else source
        top = source.parent if source.name == DATA else source
        descriptor = read_descriptor(top / DESCRIPTOR) if (top / DESCRIPTOR).is_file() else Descriptor()
        if options.plate_type != "as stated":
            plate_type = PlateType(options.plate_type)
            descriptor.rows, descriptor.columns = plate_type.rows, plate_type.columns
        warnings: list[str] = []
        if (data / OME_XML).is_file():
            document = read_ome_xml(data / OME_XML, plane_per_block=True)
            found = planes_of_ome(
                document, descriptor, pixel_size=options.pixel_size, on_grid=options.field_grid is not None
            )
            warnings.extend(document.warnings)
            planes, frames, channels = found.planes, found.frames, found.channels
            described_in, instrument = str(data / OME_XML), document.creator
        else:
            named = list_planes(data)
            if not named:
                raise ConvertersToolsFileNotFoundError(f"'{data}' holds no image of ScanR; copy the images there.")
            descriptor.take_labels([(each.well, each.label) for each in named], str(data), warnings)
            planes, frames, channels = _planes_of_names(named, descriptor, options, str(data))
            described_in, instrument = str(data), "ScanR"
        subtract = options.offset == "subtract" or (
            options.offset == "auto" and _holds_offset(data, planes, is_old=instrument == "ScanR")
        )
        measured = Measurement(
            described_in=described_in,
            files=AcquisitionFiles(top, data, follow_links=options.follow_links),
            planes=planes,
            frames=frames,
            channels=channels,
            plate=plate_facts_of(
                planes,
                name=plate_name or descriptor.plate_name or top.name,
                described_in=described_in,
                warnings=warnings,
                rows=descriptor.rows,
                columns=descriptor.columns,
                acquisition_name=top.name,
                acquisition_description=instrument,
            ),
            field_grid=options.field_grid,
            sizes_are_planned=True,
            t_step=descriptor.t_step,
            warnings=warnings,
            metadata_files=[str(each) for each in (data / OME_XML, top / DESCRIPTOR) if each.is_file()],
            facts={"instrument": instrument, "offset_subtracted": OFFSET if subtract else 0},
        )
        if subtract:
            warnings.append(
                f"Pixel values are lowered by {OFFSET}, which this generation of ScanR adds to every pixel."
            )
            measured.make_loaders = offset_loaders
            measured.corrections = [{"name": "subtract_offset", "params": {"offset": OFFSET}}]
        return measured


def _holds_offset(data: Path, planes: Sequence[PlaneRecord], *, is_old: bool) -> bool:
    """Ask the header of the first image; in older acquisitions whose images were saved again, a few images themselves."""
    names = (str(data / each.file) for each in planes if each.file)
    first = next((path for path in names if is_file_there(path)), None)
    if first is None or stores_offset(first):
        return first is not None
    return is_old and lies_above_offset([first, *(path for path in names if is_file_there(path))])


def _planes_of_names(
    named: list[NamedPlane], descriptor: Descriptor, options: ScanrOptions, described_in: str
) -> tuple[list[PlaneRecord], list[Frame], dict[int, ChannelFacts]]:
    """Planes by the names of their files; positions and pixel size from the descriptor or the options."""
    size = options.pixel_size or descriptor.pixel_size
    if size is None:
        raise ConvertersToolsUserError(
            f"'{described_in}' states no pixel size ({DESCRIPTOR} is missing or does not say); set pixel_size in the options"
            " of the format."
        )
    labels = [each for each in descriptor.channels if each in {one.channel for one in named}]
    labels += sorted({each.channel for each in named} - set(labels))
    if options.field_grid is None:
        descriptor.check_fields({each.position for each in named}, described_in)
    planes = []
    problems: dict[str, None] = {}
    for each in named:
        try:
            row, column = descriptor.well(each.well, described_in)
        except ConvertersToolsUserError as error:
            problems[str(error)] = None
            continue
        x, y = descriptor.fields.get(each.position, (0.0, 0.0))
        planes.append(
            PlaneRecord(row, column, each.position, labels.index(each.channel), each.z, each.t, each.file, x, -y)
        )
    raise_together(list(problems), f"Wells of the images in '{described_in}' cannot be told")
    channels = {number: ChannelFacts(name=label) for number, label in enumerate(labels)}
    return planes, [Frame(None, None, size, size)], channels
