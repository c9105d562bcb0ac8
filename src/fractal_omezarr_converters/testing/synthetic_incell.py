"""Write complete artificial measurements of an InCell Analyzer: description and planes, with known content."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from fractal_omezarr_converters.models.well_names import row_name
from fractal_omezarr_converters.testing.synthetic_plate import PlaneKey, SyntheticPlate, row_and_column

PITCH_UM = 4500.0
FIRST_WELL_UM = (12130.0, 8990.0)


@dataclass(frozen=True)
class SyntheticIncell(SyntheticPlate):
    """What is in the artificial measurement; channels are wavelengths, in their order.

    ``flat`` channels are imaged in one plane (a projection of 13 slices) while the others have stacks. With
    ``plate_positions`` off, only offsets from the well's centre are stated. ``sub_folders`` puts images of each well into a
    folder of their own, which the description does not say.
    """

    plate_positions: bool = True
    sub_folders: bool = False
    flat: tuple[int, ...] = ()

    def file(self, key: PlaneKey) -> str:
        """Name of a plane's file."""
        row, column = row_and_column(key.well)
        z = f" z {key.z + 1:02d}" if self.planes > 1 else ""
        t = f" time {key.t + 1} - {round(key.t * self.seconds * 1000)} ms" if self.times > 1 else ""
        wave = self.channels[key.channel].name
        return f"{row_name(row)} - {column:02d}(fld {key.field:02d} wv {wave} - {wave}{z}{t}).tif"

    def listed(self, acquisition: int = 0) -> list[PlaneKey]:
        """All planes of one acquisition; flat channels have one."""
        return [key for key in super().listed(acquisition) if key.channel not in self.flat or key.z == 0]


def write_incell(
    folder: str | Path, *, missing: Collection[PlaneKey] = (), absent: Collection[PlaneKey] = (), **settings: Any
) -> SyntheticIncell:
    """Write one or more measurements below a folder, and give the truth about them.

    Args:
        folder: where the measurement folders are made.
        missing: planes that are described, but whose files are not there.
        absent: planes that are not described.
        settings: any further field of :class:`SyntheticIncell`.
    """
    import tifffile

    truth = SyntheticIncell(Path(folder), missing=frozenset(missing), absent=frozenset(absent), **settings)
    for acquisition, place in enumerate(truth.folders):
        place.mkdir(parents=True, exist_ok=True)
        (place / "stack.xdce").write_text(_description(truth, acquisition), "latin-1")
        for key in truth.listed(acquisition):
            if truth.is_there(key):
                home = place / key.well if truth.sub_folders else place
                home.mkdir(exist_ok=True)
                tifffile.imwrite(home / truth.file(key), truth.pixels(key), metadata=None)
    return truth


def _description(truth: SyntheticIncell, acquisition: int) -> str:
    height, width = truth.field_shape
    size_y = truth.pixel_size_y or truth.pixel_size
    keys = truth.listed(acquisition)
    waves = "".join(
        f'<Wavelength fusion_wave="false" imaging_mode="{_mode(truth, n)}" index="{n}" label="" z_slice="13"'
        f' z_step="{truth.z_step}"><ExcitationFilter name="ex" unit="nm" wavelength="{each.emission - 50:g}"/>'
        f'<EmissionFilter name={quoteattr(each.name)} unit="nm" wavelength="{each.emission:g}"/>'
        f'<Exposure time="60.0000" unit="ms"/></Wavelength>'
        for n, each in enumerate(truth.channels)
    )
    return (
        '<?xml version="1.0" encoding="ISO-8859-1" standalone="no"?>\n'
        f"<ImageStack PlateID={quoteattr(truth.plate_name)}>"
        '<Application name="IN Cell Analyzer 6000" software_label="7.2"/>'
        f'<AutoLeadAcquisitionProtocol><ObjectiveCalibration magnification="40.00" pixel_height="{size_y!r}"'
        f' pixel_width="{truth.pixel_size!r}" unit="µm"/><Camera><Binning value="1 X 1"/><Size height="{height}"'
        f' width="{width}"/></Camera><Wavelengths>{waves}</Wavelengths><Plate columns="24" rows="16"/>'
        f'</AutoLeadAcquisitionProtocol><Images number="{len(keys):010d}">'
        f"{''.join(_image(truth, key) for key in keys)}</Images></ImageStack>"
    )


def _mode(truth: SyntheticIncell, channel: int) -> str:
    if channel in truth.flat:
        return "Max Intensity Projection"
    return "3-D" if truth.planes > 1 else "2-D"


def _image(truth: SyntheticIncell, key: PlaneKey) -> str:
    row, column = row_and_column(key.well)
    x, y = truth.centre_um(key.field)
    centre = FIRST_WELL_UM[0] + (column - 1) * PITCH_UM, FIRST_WELL_UM[1] + (row - 1) * PITCH_UM
    plate = f'<PlatePosition_um x="{centre[0] + x!r}" y="{centre[1] + y!r}"/>' if truth.plate_positions else ""
    # wells are imaged one after the other, 500 s each
    clock = 1706094334.5 + truth.wells.index(key.well) * 500 + key.t * truth.seconds + key.field * 0.25
    z = truth.channels[key.channel].z_offset + key.z * truth.z_step + 2762.1
    return (
        f'<Image acquisition_time_ms="1640.53" filename={quoteattr(truth.file(key))} timestamp_sec="{clock!r}">'
        f'<Well label="{row_name(row)} - {column}"><Row number="{row}"/><Column number="{column}"/></Well>'
        f'<OffsetFromWellCenter unit="µm" x="{x!r}" y="{-y!r}"/><FocusPosition unit="µm" z="{z!r}"/>{plate}'
        f'<Identifier field_index="{key.field - 1}" time_index="{key.t}" wave_index="{key.channel}" z_index="{key.z}"/>'
        "</Image>"
    )
