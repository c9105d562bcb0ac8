"""What the formats of plate microscopes share: a folder is measured by its maker's rules, then scanned by the house's."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import Field

from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError
from fractal_omezarr_converters.formats.contract import Format, FormatOptions, Scan
from fractal_omezarr_converters.formats.joined_scans import joined_scans
from fractal_omezarr_converters.formats.plane_records import Measurement
from fractal_omezarr_converters.formats.plate_scan import plate_scan
from fractal_omezarr_converters.models.pixel_size import PixelSizeModel


class StackOptions(FormatOptions):
    """Options of microscopes that take some channels as stacks and others as single planes."""

    single_planes: Literal["once", "repeat"] = Field(default="once", title="Single Planes")
    """What becomes of channels that were taken in one plane only, beside channels with stacks:

    - `once`: the plane is written where it was taken, the others stay empty.
    - `repeat`: the plane is written at every height of the stack.
    """


class PlateFormat[Options: FormatOptions](Format):
    """A plate microscope whose planes have wells, fields, channels, z and t by the numbers of its metadata.

    A subclass states the attributes of :class:`Format` and :meth:`measure`; everything after that is alike for all.
    """

    @abstractmethod
    def measure(self, source: Path, options: Options, plate_name: str | None) -> Measurement | list[Measurement]:
        """Read the metadata of one acquisition, or of all that the source holds; no pixel is read.

        Several measurements share the plate and have different offsets of their acquisition. A warning that all of them
        give is said once.

        Args:
            source: folder (or file) of the acquisition, absolute; it exists.
            options: options of this format.
            plate_name: name that the user gave the plate; None means the one in the metadata.

        Raises:
            ConvertersToolsError: the folder is not of this format, or its metadata are damaged or contradict each other;
                all problems together, each with file, element and value.
        """

    def scan(
        self,
        source: str,
        *,
        options: FormatOptions | Mapping[str, Any] | None = None,
        plate_name: str | None = None,
        acquisition: int = 0,
        sizes: PixelSizeModel | None = None,
    ) -> Scan:
        """Read the metadata and give one tile per plane whose file is there; ``sizes`` go before those of the metadata."""
        chosen = cast("Options", self.checked_options(options))
        if sizes is not None and sizes.xy_pixel_size and "pixel_size" in type(chosen).model_fields:
            # asked for where the metadata lack it, and what fields on a grid are apart by
            chosen = chosen.model_copy(update={"pixel_size": sizes.xy_pixel_size})
        place = Path(source).absolute()
        if not place.exists():
            raise ConvertersToolsFileNotFoundError(f"There is no folder '{source}'; check the path.")
        repeat = isinstance(chosen, StackOptions) and chosen.single_planes == "repeat"
        measured = self.measure(place, chosen, plate_name)
        numbered = {
            acquisition + each.acquisition_offset: each
            for each in (measured if isinstance(measured, list) else [measured])
        }
        return joined_scans({n: plate_scan(each, n, repeat_single=repeat, sizes=sizes) for n, each in numbered.items()})
