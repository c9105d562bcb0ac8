"""Write artificial plates as OME-TIFF: one file for all, one per field, or one per plane, with embedded or companion OME-XML."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import quoteattr

from fractal_omezarr_converters.testing.synthetic_plate import PlaneKey, SyntheticPlate, row_and_column

POINTER = (
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
    '<BinaryOnly MetadataFile="plate.companion.ome" UUID="urn:uuid:0"/></OME>'
)


@dataclass(frozen=True)
class SyntheticOmePlate(SyntheticPlate):
    """What is in the artificial plate. ``files``: what one TIFF file holds. y grows downwards unless ``y_up``.

    With ``one_plate`` the acquisitions are several ``PlateAcquisition`` of one plate in one folder, an hour apart, with
    channels of their own names; ``absent`` planes make them differ in fields, planes and frames.
    """

    files: Literal["plate", "field", "plane"] = "field"
    companion: bool = False
    positions: Literal["plane", "sample", "none"] = "plane"
    y_up: bool = False
    units: bool = True
    one_plate: bool = False

    @property
    def folders(self) -> list[Path]:
        """Folder of each acquisition, in their order; the only one of a plate whose acquisitions lie together."""
        return [self.folder / self.plate_name] if self.one_plate else super().folders

    def channel_name(self, channel: int, acquisition: int) -> str:
        """Name of a channel, given by its place."""
        cycle = f" cycle {acquisition + 1}" if self.one_plate else ""
        return f"{self.channels[channel].name}{cycle}"

    def file(self, key: PlaneKey) -> str:
        """Name of the file that holds a plane."""
        if self.files == "plate":
            return "all.ome.tif"
        name = f"{key.well}_{key.field}{f'_a{key.acquisition}' if self.one_plate else ''}"
        return f"{name}.ome.tif" if self.files == "field" else f"{name}_c{key.channel}_z{key.z}_t{key.t}.ome.tif"


def write_ome_plate(
    folder: str | Path, *, missing: Collection[PlaneKey] = (), absent: Collection[PlaneKey] = (), **settings: Any
) -> SyntheticOmePlate:
    """Write one or more plates below a folder, and give the truth about them.

    Args:
        folder: where the folders of the acquisitions are made.
        missing: planes whose files are not there (``files="plane"`` only).
        absent: planes that are not described.
        settings: any further field of :class:`SyntheticOmePlate`.
    """
    import tifffile

    truth = SyntheticOmePlate(Path(folder), missing=frozenset(missing), absent=frozenset(absent), **settings)
    for acquisition, place in enumerate(truth.folders):
        place.mkdir(parents=True, exist_ok=True)
        keys = truth.listed(acquisition)
        if truth.one_plate:
            keys = [key for number in range(truth.acquisitions) for key in truth.listed(number)]
        by_file: dict[str, list[PlaneKey]] = {}
        for key in keys:
            by_file.setdefault(truth.file(key), []).append(key)
        text = _ome(truth, keys, by_file)
        if truth.companion:
            (place / "plate.companion.ome").write_text(text, "utf-8")
        for name, held in by_file.items():
            if not truth.is_there(held[0]):
                continue
            description = POINTER if truth.companion else text
            with tifffile.TiffWriter(place / name) as tiff:
                for number, key in enumerate(held):
                    tiff.write(
                        truth.pixels(key),
                        description=description if number == 0 else None,
                        metadata=None,
                        contiguous=False,
                    )
    return truth


def _ome(truth: SyntheticOmePlate, keys: list[PlaneKey], by_file: dict[str, list[PlaneKey]]) -> str:
    images, wells, listed = [], [], dict.fromkeys(sorted({key.acquisition for key in keys}), "")
    index = 0
    for well in truth.wells:
        row, column = row_and_column(well)
        samples = []
        for acquisition in listed:
            for number in truth.fields:
                mine = [key for key in keys if (key.well, key.field, key.acquisition) == (well, number, acquisition)]
                if not mine:
                    continue
                id_ = f"{well}-{number}-{acquisition}" if truth.one_plate else f"{well}-{number}"
                images.append(_image(truth, mine, f"Image:{id_}", by_file))
                x, y = truth.centre_um(number)
                at = (
                    f' PositionX="{x!r}" PositionY="{-y if truth.y_up else y!r}"' if truth.positions == "sample" else ""
                )
                samples.append(
                    f'<WellSample ID="S:{id_}" Index="{index}"{at}><ImageRef ID="Image:{id_}"/></WellSample>'
                )
                listed[acquisition] += f'<WellSampleRef ID="S:{id_}"/>'
                index += 1
        # the order of the document is not that of the fields
        wells.append(
            f'<Well ID="Well:{well}" Row="{row - 1}" Column="{column - 1}">{"".join(reversed(samples))}</Well>'
        )
    cycles = [_plate_acquisition(number, refs) for number, refs in listed.items()] if truth.one_plate else []
    plate = (
        f'<Plate ID="Plate:0" Name={quoteattr(truth.plate_name)} Rows="8" Columns="12">{"".join(wells)}'
        f"{''.join(cycles)}</Plate>"
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
        f' Creator="synthetic">{plate}{"".join(images)}</OME>'
    )


def _plate_acquisition(number: int, references: str) -> str:
    return (
        f'<PlateAcquisition ID="PlateAcquisition:0:{number}" Name="Cycle {number + 1}"'
        f' StartTime="2024-05-01T{10 + number}:00:00Z" EndTime="2024-05-01T{10 + number}:30:00Z">'
        f"<Description>Staining {number + 1}</Description>{references}</PlateAcquisition>"
    )


def _image(truth: SyntheticOmePlate, keys: list[PlaneKey], id_: str, by_file: dict[str, list[PlaneKey]]) -> str:
    height, width = truth.field_shape
    hour = 10 + keys[0].acquisition if truth.one_plate else 10
    size_y = truth.pixel_size_y or truth.pixel_size
    x, y = truth.centre_um(keys[0].field)
    channels = "".join(
        f'<Channel ID="{id_}:{n}" Name={quoteattr(truth.channel_name(n, keys[0].acquisition))}'
        f' EmissionWavelength="{each.emission:g}" Color="{0xFF0000FF + (n << 8) - (1 << 32)}"/>'
        for n, each in enumerate(truth.channels)
    )
    unit = ' PhysicalSizeXUnit="nm" PhysicalSizeYUnit="nm" PhysicalSizeZUnit="nm"' if truth.units else ""
    scale = 1000 if truth.units else 1
    files, planes = [], []
    planes_of_field, frames = (max(getattr(key, axis) for key in keys) + 1 for axis in "zt")
    for key in keys:
        name = truth.file(key)
        files.append(
            f'<TiffData IFD="{by_file[name].index(key)}" PlaneCount="1" FirstC="{key.channel}" FirstZ="{key.z}"'
            f' FirstT="{key.t}"><UUID FileName="{name}">urn:uuid:1</UUID></TiffData>'
        )
        at = f' PositionX="{x!r}" PositionY="{-y if truth.y_up else y!r}"' if truth.positions == "plane" else ""
        planes.append(
            f'<Plane TheC="{key.channel}" TheZ="{key.z}" TheT="{key.t}" DeltaT="{key.t * truth.seconds + 0.1!r}"{at}/>'
        )
    return (
        f'<Image ID="{id_}" Name="field"><AcquisitionDate>2024-05-01T{hour}:00:00Z</AcquisitionDate><Pixels ID="P:{id_}"'
        f' DimensionOrder="XYCZT" Type="uint16" SizeX="{width}" SizeY="{height}" SizeC="{len(truth.channels)}"'
        f' SizeZ="{planes_of_field}" SizeT="{frames}" PhysicalSizeX="{truth.pixel_size * scale!r}"'
        f' PhysicalSizeY="{size_y * scale!r}" PhysicalSizeZ="{truth.z_step * scale!r}"{unit}>{channels}'
        f"{''.join(files)}{''.join(planes)}</Pixels></Image>"
    )
