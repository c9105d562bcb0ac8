"""Images whose names say where they belong: any export of one image per plane, by a pattern with named groups.

Presets: ArrayScan / CellInsight (exported TIFF), Incucyte (exported TIFF, archives), BD Pathway. Seen as files: ArrayScan. For
anything else the user gives a pattern, as CellProfiler has them:

    (?P<plate>.+)_(?P<well>[A-P][0-9]{2})_s(?P<field>[0-9])_w(?P<channel>[0-9])\\.tif

Names say nothing of positions, pixel size and times: positions come from a table or a grid, the rest from the headers of the
files or the options. Facts and traps: docs/formats/named_images.md.
"""

from __future__ import annotations

import math
import re
import warnings as python_warnings
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from fractal_omezarr_converters.errors import (
    ConvertersToolsError,
    ConvertersToolsFileNotFoundError,
    ConvertersToolsUserError,
    ConvertersToolsWarning,
)
from fractal_omezarr_converters.formats.acquisition_files import AcquisitionFiles
from fractal_omezarr_converters.formats.contract import FormatOptions
from fractal_omezarr_converters.formats.field_grid import FieldGrid
from fractal_omezarr_converters.formats.name_patterns import (
    PRESETS,
    NamedFile,
    compiled,
    field_numbers,
    list_images,
    match_names,
)
from fractal_omezarr_converters.formats.natural_order import natural
from fractal_omezarr_converters.formats.physical_sizes import PhysicalSizes, physical_sizes
from fractal_omezarr_converters.formats.plane_records import ChannelFacts, Frame, LoaderMaker, Measurement, PlaneRecord
from fractal_omezarr_converters.formats.plate_format import PlateFormat
from fractal_omezarr_converters.formats.plate_naming import plate_facts_of
from fractal_omezarr_converters.formats.position_table import read_positions
from fractal_omezarr_converters.models.loaders import DefaultImageLoader

Palette = Literal["index", "expand"]

RECOGNISED_SHARE = 0.5
PLANES_OF_A_FILE = {"t": "frames", "c": "channels", "z": "planes in z", "q": "pages"}
LOOKED_AT = 200
MAX_SHOWN = 4


class NamedImagesOptions(FormatOptions):
    """Options for images that are named by a pattern."""

    model_config = ConfigDict(title="Named Images Options")

    pattern: str | None = Field(default=None, title="Pattern")
    """Regular expression for the path of an image below the folder, with named groups: `well` (or `row` and `column`), and
    as far as they occur `field`, `channel`, `z`, `t`, `plate`. Empty: the names of a known instrument are looked for."""
    pixel_size: float | None = Field(default=None, gt=0, le=1000, title="Pixel Size")
    """Micrometres per pixel, when the files do not say."""
    z_spacing: float | None = Field(default=None, gt=0, le=10_000, title="Z Spacing")
    """Micrometres between planes, when the files do not say."""
    t_spacing: float | None = Field(default=None, gt=0, le=1e6, title="Time Interval")
    """Seconds between frames, when names and files do not say."""
    field_grid: FieldGrid | None = Field(default=None, title="Field Grid")
    """Arrangement of the fields by rows and columns."""
    position_table: str | None = Field(default=None, title="Position Table")
    """Table (CSV) with the columns `field`, `x` and `y` (micrometres, y downwards), and `well` if wells differ."""
    palette: Palette = Field(default="index", title="Palette Images")
    """What a pixel of a palette image means:

    - `index`: its number, as instruments mean it.
    - `expand`: the colour of its palette.
    """


class NamedImages(PlateFormat[NamedImagesOptions]):
    """Images named by a pattern."""

    name: ClassVar[str] = "named_images"
    title: ClassVar[str] = "Images named by a pattern (ArrayScan, CellInsight, Incucyte, BD Pathway, your own)"
    maker: ClassVar[str] = "any"
    markers: ClassVar[tuple[str, ...]] = tuple(marker for preset in PRESETS for marker in preset.markers)
    options: ClassVar[type[FormatOptions]] = NamedImagesOptions
    docs: ClassVar[str] = "formats/named_images.md"

    def recognises(self, source: str | Path) -> bool:
        """Say whether most images of the folder have names of one known instrument."""
        place = Path(source)
        if not place.is_dir():
            return False
        names = list_images(place, at_most=LOOKED_AT)
        return any(
            sum(preset.compiled.search(name) is not None for name in names) > RECOGNISED_SHARE * len(names)
            for preset in PRESETS
            if names
        )

    def measure(self, source: Path, options: NamedImagesOptions, plate_name: str | None) -> Measurement:
        """Take the names of all images apart; headers of a few are read for sizes."""
        if not source.is_dir():
            raise ConvertersToolsUserError(f"'{source}' is no folder; give the folder that holds the images.")
        names = list_images(source)
        if not names:
            raise ConvertersToolsFileNotFoundError(f"'{source}' holds no image file; check the path.")
        expression = compiled(options.pattern) if options.pattern else _preset(source, names)
        warnings: list[str] = []
        found = match_names(source, names, expression, warnings)
        _refuse_stacks(source, found[0].file, options.palette)
        labels = sorted({each.channel for each in found}, key=natural)
        stated = physical_sizes(source / found[0].file)
        size = _pixel_size(source, options, stated)
        words = field_numbers(expression, names)
        positions = read_positions(source, options.position_table, words) if options.position_table else None
        if positions is None and options.field_grid is None:
            _refuse_several_fields(source, found)
        planes = []
        # names may count frames in minutes or the like: an interval is what all numbers are multiples of
        interval = math.gcd(*(each.t - found[0].t for each in found)) or 1
        for each in found:
            x, y = positions.of(each.row, each.column, each.field) if positions else (0.0, 0.0)
            channel = labels.index(each.channel)
            t = each.t // interval
            planes.append(
                PlaneRecord(
                    each.row, each.column, each.field, channel, each.z, t, each.file, x, y, seconds=each.seconds
                )
            )
        plates = sorted({each.plate for each in found if each.plate}, key=natural)
        if len(plates) > 1:
            if not options.pattern:
                _refuse_wells_of_several_plates(source, found, plates, expression.pattern)
            shown = ", ".join(f"'{each}'" for each in plates[:MAX_SHOWN]) + (", ..." if len(plates) > MAX_SHOWN else "")
            warnings.append(
                f"The names of the images state {len(plates)} plates ({shown}); all become one plate. If they are several,"
                " convert each of them with a pattern that fits its images only."
            )
        return Measurement(
            described_in=str(source),
            files=AcquisitionFiles(source, source, follow_links=options.follow_links),
            planes=planes,
            frames=[Frame(None, None, *size)],
            channels={number: ChannelFacts(name=label) for number, label in enumerate(labels)},
            plate=plate_facts_of(
                planes,
                name=plate_name or (plates[0] if len(plates) == 1 else source.name),
                described_in=str(source),
                warnings=warnings,
                acquisition_name=source.name,
            ),
            field_grid=options.field_grid,
            field_names={number: word for word, number in words.items()},
            z_step=options.z_spacing or stated.z,
            t_step=options.t_spacing or stated.t,
            make_loaders=_palette_loaders(options.palette),
            warnings=warnings,
            facts={"pattern": expression.pattern},
        )


def _preset(source: Path, names: list[str]) -> Any:
    """The pattern of the instrument whose names most images have."""
    counted = [(sum(preset.compiled.search(name) is not None for name in names), preset) for preset in PRESETS]
    number, best = max(counted, key=lambda each: each[0])
    if number <= RECOGNISED_SHARE * len(names):
        known = ", ".join(preset.title for preset in PRESETS)
        raise ConvertersToolsUserError(
            f"The names of the images in '{source}' (for example '{names[0]}') are not those of {known}; give a pattern with"
            " named groups in the options of the format."
        )
    return best.compiled


def _pixel_size(source: Path, options: NamedImagesOptions, stated: PhysicalSizes) -> tuple[float, float]:
    if options.pixel_size is not None:
        return options.pixel_size, options.pixel_size
    if stated.x is None:
        raise ConvertersToolsUserError(
            f"The images in '{source}' do not state their pixel size; set pixel_size in the options of the format."
        )
    return stated.x, stated.y or stated.x


def _refuse_several_fields(source: Path, found: list[NamedFile]) -> None:
    fields = {(each.row, each.column, each.field) for each in found}
    if len(fields) > len({key[:2] for key in fields}):
        raise ConvertersToolsUserError(
            f"The names of the images in '{source}' tell fields of view apart, but not where they lie; set field_grid (number"
            " of columns, order, overlap) or position_table in the options of the format."
        )


def _refuse_wells_of_several_plates(source: Path, found: list[NamedFile], plates: list[str], pattern: str) -> None:
    """The same well of two plates would become one image, whose frames are of both in turns."""
    wells = {(each.row, each.column, each.plate) for each in found if each.plate}
    if len({key[:2] for key in wells}) < len(wells):
        own = re.sub(r"\(\?P<plate>[^)]*\)", lambda _: f"(?P<plate>{re.escape(plates[0])})", pattern)
        raise ConvertersToolsUserError(
            f"The names of the images in '{source}' state {len(plates)} plates with the same wells"
            f" ({', '.join(plates[:MAX_SHOWN])}{', ...' if len(plates) > MAX_SHOWN else ''}); convert each of them on its own,"
            f" with a pattern that names it, as this one does for the first: {own}"
        )


def _refuse_stacks(source: Path, name: str, palette: Palette) -> None:
    """Look into the first image: files of several planes (hyperstacks of ImageJ, stacks of pages) are not told apart by names."""
    try:
        with python_warnings.catch_warnings():
            python_warnings.simplefilter("ignore", ConvertersToolsWarning)
            loader = DefaultImageLoader(file_path=str(source / name), palette=palette)
            stated, axes, is_rgb = loader.shape_and_dtype(), loader.data_axes() or "", loader.is_rgb()
    except ConvertersToolsError:
        return  # the conversion will say what is wrong with the file
    sizes = dict(zip(axes, stated[0], strict=False)) if stated is not None else {}
    if is_rgb:
        sizes.pop("c", None)  # red, green and blue of one plane
    counted = ", ".join(f"{sizes[axis]} {word}" for axis, word in PLANES_OF_A_FILE.items() if sizes.get(axis, 1) > 1)
    if counted:
        raise ConvertersToolsUserError(
            f"Images in '{source}' hold several planes (for example '{name}': {counted}), and only files of one plane can be told"
            " apart by names. Save each plane as a file of its own, or list the files in a tile table (format 'tile_table')."
        )


def _palette_loaders(palette: Palette) -> LoaderMaker:
    from fractal_omezarr_converters.core.loader_columns import LoaderColumns

    def make(files: Any, planes: Any) -> LoaderColumns:
        return LoaderColumns.from_columns(
            "DefaultImageLoader", {"file_path": list(files), "palette": [palette] * len(planes)}
        )

    return make
