"""ImageXpress HCS.ai (Molecular Devices, software MetaXpress Acquire).

Versions seen as files: MetaXpress Acquire 2025.2; metadata of stacks and of a montage of 2026.1 (description 1.1 in both).

    <protocol>_<date_time>/
    ├── <protocol>.mxprotocol, autofocus/              not read
    ├── experiment/                                    planes; projections where there is experiment_z_stack
    │   ├── <acquisition>.jdce                         JSON: pixel size, plate, wavelengths
    │   ├── image_metadata_1.csv                       one row per image; may be several
    │   └── timepoint<t>/<protocol>_t<t>_<C05>_s<n>_w<n>_z<n>.tif
    ├── experiment_z_stack/                            the same, for stacks
    └── experiment_montage/                            the same, for images the instrument put together

File names are never made up: the table names them. Facts and traps: docs/formats/imagexpress_hcsai.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.formats.acquisition_files import AcquisitionFiles
from fractal_omezarr_converters.formats.contract import FormatOptions
from fractal_omezarr_converters.formats.imagexpress_jdce import (
    Protocol,
    find_tables,
    read_protocol,
)
from fractal_omezarr_converters.formats.imagexpress_rows import MAX_COLUMN, MAX_ROW, PlaneRows
from fractal_omezarr_converters.formats.plane_axes import step_by_heights
from fractal_omezarr_converters.formats.plane_records import ChannelFacts, Measurement, PlaneRecord
from fractal_omezarr_converters.formats.plate_format import PlateFormat, StackOptions
from fractal_omezarr_converters.formats.plate_naming import plate_facts_of

STACKS, PLANES, MONTAGES = "experiment_z_stack", "experiment", "experiment_montage"
PROTOCOL = "ImageStack.AutoLeadAcquisitionProtocol"


class ImagexpressHcsaiOptions(StackOptions):
    """Options for acquisitions of ImageXpress HCS.ai."""

    model_config = ConfigDict(title="ImageXpress HCS.ai Options")

    planes: Literal["stacks", "projections"] = Field(default="stacks", title="Planes")
    """What to convert of acquisitions that have both:

    - `stacks`: the planes.
    - `projections`: what the instrument made of them; the plate's name gets `_projections`.
    """


class ImagexpressHcsai(PlateFormat[ImagexpressHcsaiOptions]):
    """ImageXpress HCS.ai: JDCE and tables of images."""

    name: ClassVar[str] = "imagexpress_hcsai"
    title: ClassVar[str] = "ImageXpress HCS.ai (MetaXpress Acquire)"
    maker: ClassVar[str] = "Molecular Devices"
    markers: ClassVar[tuple[str, ...]] = ("*.jdce", "experiment*/*.jdce")
    options: ClassVar[type[FormatOptions]] = ImagexpressHcsaiOptions
    docs: ClassVar[str] = "formats/imagexpress_hcsai.md"

    def measure(self, source: Path, options: ImagexpressHcsaiOptions, plate_name: str | None) -> Measurement:
        """Read protocol and tables of images; no image is opened."""
        file, is_projection, others = self._description(source, options)
        warnings: list[str] = []
        protocol = read_protocol(file)
        tables = find_tables(protocol)
        rows = PlaneRows(protocol)
        planes = rows.placed(tables.each(rows.plane))
        _warn_of_others(file, others, set(rows.filters), warnings)
        warnings += tables.warnings
        if not planes:
            raise ConvertersToolsUserError(f"'{tables.paths[0]}' lists no image; export the acquisition again.")
        _warn_of_protocol(protocol, warnings)
        if rows.relabelled:
            warnings.append(
                f"The label of the well contradicts its row and column in {rows.relabelled} images; the label is used."
            )
        plate = protocol.text(f"{PROTOCOL}.Plate.Name")
        name = plate_name or file.stem + ("_projections" if is_projection else "")
        taken = [each.clock for each in planes if each.clock is not None]
        size = [protocol.number(f"{PROTOCOL}.Plate.{what}", least=1, most=most) for what, most in _PLATE]
        pitch = protocol.well_pitch_um
        software = " ".join(
            filter(None, (protocol.text(f"ImageStack.Application.{key}") for key in ("Name", "SoftwareLabel")))
        )
        notes_on_z_step: list[str] = []
        return Measurement(
            described_in=str(tables.paths[0]),
            files=AcquisitionFiles(file.parent, file.parent, follow_links=options.follow_links),
            planes=planes,
            frames=list(rows.frames),
            channels=_channels(protocol, rows),
            plate=plate_facts_of(
                planes,
                name=name,
                described_in=str(file),
                warnings=warnings,
                rows=int(size[0]) if size[0] is not None else None,
                columns=int(size[1]) if size[1] is not None else None,
                acquisition_name=file.parent.parent.name if file.parent.name in _FOLDERS else file.parent.name,
                acquisition_description=software or "ImageXpress HCS.ai",
                start_time=int(min(taken)) if taken else None,
                end_time=int(max(taken)) if taken else None,
                barcode=protocol.text("ImageStack.SpecimenHolder.Barcode") or None,
            ),
            z_step=step_by_heights(planes, _z_step(protocol, planes), str(file), notes_on_z_step),
            warnings=warnings,
            notes_on_z_step=notes_on_z_step,
            metadata_files=[str(file), *map(str, tables.paths)],
            facts={
                "software": software or None,
                "plate_type": plate or None,
                "objective": protocol.text(f"{PROTOCOL}.ObjectiveCalibration.ObjectiveName") or None,
                "binning": protocol.text(f"{PROTOCOL}.Camera.Binning") or None,
                "well_pitch_um": list(pitch) if pitch is not None else None,
                "plate_id": protocol.text("ImageStack.PlateId") or None,
                "folder": file.parent.name,
            },
        )

    def _description(self, source: Path, options: ImagexpressHcsaiOptions) -> tuple[Path, bool, list[Path]]:
        """Choose the folder of planes or projections; give its description, whether it holds projections, and the others."""
        found = {each.parent.name: each for each in self.marker_files(source)}
        files = [each for each in self.marker_files(source) if source in {each, each.parent}]
        if not found:
            raise ConvertersToolsFileNotFoundError(
                f"'{source}' holds no .jdce file, also not in {PLANES}; give the folder of one acquisition."
            )
        if not files:
            order = (PLANES, STACKS) if options.planes == "projections" else (STACKS, PLANES)
            chosen = next((name for name in order if name in found), next(iter(sorted(found))))
            files = [each for each in self.marker_files(source) if each.parent.name == chosen]
        if len(files) > 1:
            names = ", ".join(each.name for each in files)
            raise ConvertersToolsUserError(
                f"'{files[0].parent}' holds {len(files)} descriptions: {names}; give each as an acquisition of its own."
            )
        file = files[0]
        stacks = file.parent.parent / STACKS
        is_projection = file.parent.name == PLANES and stacks.is_dir() and any(stacks.glob("*.jdce"))
        if options.planes == "projections" and not is_projection:
            raise ConvertersToolsUserError(
                f"'{source}' holds no projections ({PLANES} beside {STACKS}); set planes to 'stacks' in the options of the"
                " format."
            )
        return file, is_projection, [each for name, each in sorted(found.items()) if name != file.parent.name]


_FOLDERS = (STACKS, PLANES, MONTAGES)
_PLATE = (("Rows", MAX_ROW), ("Columns", MAX_COLUMN))


def _channels(protocol: Protocol, rows: PlaneRows) -> dict[int, ChannelFacts]:
    described = protocol.wavelengths
    channels = {}
    for number, text in rows.filters.items():
        each = described.get(number, {})
        emission, excitation = (each.get(f"{kind}Filter") for kind in ("Emission", "Excitation"))
        name = emission.get("Name") if isinstance(emission, dict) else None
        mode = each.get("ImagingMode")
        channels[number] = ChannelFacts(
            name=(name if isinstance(name, str) else "") or text,
            kind=f"w{number}",
            emission_nm=_wavelength(emission),
            excitation_nm=_wavelength(excitation),
            facts={
                "imaging_mode": mode if isinstance(mode, str) else None,
                "filters": text or None,
                "exposure_ms": rows.exposures.get(number),
            },
        )
    return channels


def _wavelength(part: Any) -> float | None:
    value = part.get("Wavelength") if isinstance(part, dict) else None
    return float(value) if isinstance(value, int | float) and 0 < value < 10_000 else None


def _z_step(protocol: Protocol, planes: Sequence[PlaneRecord]) -> float | None:
    """The step of the protocol: heights of images are those that the drive reached, a few hundredths of a µm apart from it."""
    if all(each.z == planes[0].z for each in planes):
        return None
    return protocol.number(f"{PROTOCOL}.PlateMap.ZDimensionParameters.Step", least=0, most=1e5) or None


def _warn_of_others(file: Path, others: Sequence[Path], waves: set[int], warnings: list[str]) -> None:
    """Name the folders that are not converted, and the channels of which only they hold images."""
    if others:
        names = ", ".join(each.parent.name for each in others)
        warnings.append(f"'{file.parent.name}' is converted; {names} is not.")
    for other in others:
        lost: dict[int, str] = {}
        # another folder that is damaged is no reason to stop
        with suppress(ConvertersToolsUserError):
            listed = find_tables(read_protocol(other)).each(
                lambda row: (row.integer("Wavelength"), row.text("ExcitationEmissionFilter"))
            )
            lost = {number: name or f"w{number}" for number, name in listed if number not in waves}
        if lost and other.parent.name != MONTAGES:
            channels = ", ".join(f"'{name}'" for _, name in sorted(lost.items()))
            warnings.append(
                f"Channels of which only '{other.parent.name}' holds images are left out: {channels}; give that folder as an"
                " acquisition of its own to have them."
            )


def _warn_of_protocol(protocol: Protocol, warnings: list[str]) -> None:
    if protocol.at(f"{PROTOCOL}.CollectionComplete") is False:
        warnings.append(
            f"'{protocol.path}' says that the acquisition was not completed (CollectionComplete false); what is there is"
            " converted."
        )
