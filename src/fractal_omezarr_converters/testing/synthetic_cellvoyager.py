"""Write complete artificial measurements of a Yokogawa CellVoyager: records, details, protocol and planes, with known content.

truth = write_cellvoyager(folder, wells=("B03", "AB12"), times=2, projections=True)
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from fractal_omezarr_converters.models.well_names import row_name
from fractal_omezarr_converters.testing.synthetic_plate import PlaneKey, SyntheticPlate, row_and_column

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCHEMA = 'xmlns:bts="http://www.yokogawa.co.jp/BTS/BTSSchema/1.0"'
FIRST_TIME_POINT = 2
DARK = 40


@dataclass(frozen=True)
class SyntheticCellvoyager(SyntheticPlate):
    """What is in the artificial measurement; channels take one action each, in their order.

    ``failed`` planes are ERR records; ``projections`` adds a maximum projection of every stack under the same numbers;
    ``shading`` makes planes uneven and writes the SC and DC images that correct them.
    """

    failed: frozenset[PlaneKey] = frozenset()
    projections: bool = False
    protocol: bool = True
    ending: str = ".tif"
    plate_size: tuple[int, int] = (32, 48)
    shading: bool = False

    def file(self, key: PlaneKey, *, kind: str = "") -> str:
        """Name of a plane's file."""
        row, column = row_and_column(key.well)
        number = self.channels[key.channel].number
        return (
            f"{kind}{self.plate_name}_{row_name(row)}{column:02d}_T{key.t + 1:04d}F{key.field:03d}L01"
            f"A{key.channel + 1:02d}Z{key.z + 1:02d}C{number:02d}{self.ending}"
        )

    def shading_image(self) -> NDArray[np.float64]:
        """Brightness of the illumination over a field, mean 1."""
        height, width = self.field_shape
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        values: NDArray[np.float64] = 1.3 - 0.4 * (x**2 + y**2) / 2
        return values / values.mean()

    def stored(self, key: PlaneKey) -> NDArray[Any]:
        """Pixels as the camera stores them: under the shading when there is one."""
        pixels: NDArray[Any] = self.pixels(key)
        if self.shading:
            pixels = np.rint(pixels * self.shading_image() + DARK).astype(self.dtype)
        return pixels


def write_cellvoyager(
    folder: str | Path,
    *,
    missing: Collection[PlaneKey] = (),
    absent: Collection[PlaneKey] = (),
    failed: Collection[PlaneKey] = (),
    **settings: Any,
) -> SyntheticCellvoyager:
    """Write one or more measurements below a folder, and give the truth about them.

    Args:
        folder: where the measurement folders are made.
        missing: planes that are recorded, but whose files are not there.
        absent: planes without a record.
        failed: planes that the instrument could not take; they count as absent.
        settings: any further field of :class:`SyntheticCellvoyager`.
    """
    truth = SyntheticCellvoyager(
        Path(folder),
        missing=frozenset(missing),
        absent=frozenset(absent) | frozenset(failed),
        failed=frozenset(failed),
        **settings,
    )
    for acquisition, place in enumerate(truth.folders):
        place.mkdir(parents=True, exist_ok=True)
        _write_records(truth, acquisition, place)
        (place / "MeasurementDetail.mrf").write_text(_detail(truth, acquisition), "utf-8-sig")
        if truth.protocol:
            (place / "protocol.mes").write_text(_protocol(truth), "utf-8-sig")
        for key in truth.listed(acquisition):
            if truth.is_there(key):
                path = place / truth.file(key)
                if not truth.link(path, place / truth.file(truth.original(key))):
                    _write_image(path, truth.stored(key))
        if truth.projections:
            for key in truth.listed(acquisition):
                if key.z == 0:
                    planes = [truth.pixels(key._replace(z=z)) for z in range(truth.planes)]
                    _write_image(place / truth.file(key, kind="MIP_"), np.max(planes, axis=0))
        if truth.shading:
            _write_image(place / "SC_x.tif", np.rint(20_000 * truth.shading_image() + DARK).astype(np.uint16))
            _write_image(place / "DC_DCAM#1_CAM1.tif", np.full(truth.field_shape, DARK, np.uint16))
    return truth


def _write_image(path: Path, pixels: NDArray[Any]) -> None:
    if path.suffix == ".png":
        from PIL import Image

        Image.fromarray(pixels).save(path)
    else:
        import tifffile

        tifffile.imwrite(path, pixels, compression="zlib", metadata=None)


def _cut(value: float) -> str:
    """A number cut after one decimal, as the records have it."""
    return f"{np.trunc(round(value, 6) * 10) / 10:.1f}"


def _record(truth: SyntheticCellvoyager, key: PlaneKey, projection: str) -> str:
    row, column = row_and_column(key.well)
    x, y = truth.centre_um(key.field)
    channel = truth.channels[key.channel]
    height = channel.z_offset + key.z * truth.z_step
    # wells are imaged one after the other, 100 s each
    seconds = truth.wells.index(key.well) * 100 + key.t * truth.seconds + key.field * 0.25
    clock = np.datetime64("2024-05-01T10:00:00.000", "ms") + np.timedelta64(round(seconds * 1000), "ms")
    where = (
        f'bts:Time="{clock}+02:00" bts:Column="{column}" bts:Row="{row}" bts:TimePoint="{key.t + FIRST_TIME_POINT}"'
        f' bts:FieldIndex="{key.field}"'
    )
    if key in truth.failed:
        return f'<bts:MeasurementRecord bts:Type="ERR" {where} bts:TimelineIndex="1">autofocus failed</bts:MeasurementRecord>'
    kind = f' bts:ZImageProcessing="{projection}" bts:ZTop="1.0" bts:ZBottom="-1.0"' if projection else ""
    name = escape(truth.file(key, kind="MIP_" if projection else ""))
    return (
        f'<bts:MeasurementRecord bts:Type="IMG" {where} bts:ZIndex="{key.z + 1}" bts:TimelineIndex="1"'
        f' bts:ActionIndex="{key.channel + 1}" bts:Action="3D" bts:X="{_cut(x)}" bts:Y="{_cut(-y)}"'
        f' bts:Z="{_cut(height)}"{kind} bts:Ch="{channel.number}">{name}</bts:MeasurementRecord>'
    )


def _write_records(truth: SyntheticCellvoyager, acquisition: int, place: Path) -> None:
    lines = ['<?xml version="1.0" encoding="utf-8"?>', f'<bts:MeasurementData bts:Version="1.0" {SCHEMA}>']
    lines += [_record(truth, key, "") for key in sorted(truth.failed) if key.acquisition == acquisition]
    for key in truth.listed(acquisition):
        if truth.projections and key.z == 0:
            lines.append(_record(truth, key, "Maximum"))
        lines.append(_record(truth, key, ""))
    lines.append("</bts:MeasurementData>")
    (place / "MeasurementData.mlf").write_text("\n".join(lines), "utf-8-sig")


def _detail(truth: SyntheticCellvoyager, acquisition: int) -> str:
    height, width = truth.field_shape
    size_y = truth.pixel_size_y or truth.pixel_size
    # every number up to the highest is declared, used or not
    channels = "".join(
        f'<bts:MeasurementChannel bts:Ch="{number}" bts:HorizontalPixelDimension="{truth.pixel_size!r}"'
        f' bts:VerticalPixelDimension="{size_y!r}" bts:CameraNumber="1" bts:InputBitDepth="16" bts:InputLevel="10000"'
        f' bts:HorizontalPixels="{width}" bts:VerticalPixels="{height}" bts:ShadingCorrectionSource="SC_x.tif"'
        f' bts:ObjectiveMagnificationRatio="1" />'
        for number in range(1, max(each.number for each in truth.channels) + 1)
    )
    rows, columns = truth.plate_size
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<bts:MeasurementDetail bts:Version="1.0" bts:OperatorName="operator"'
        f' bts:Title="Run {acquisition}" bts:BeginTime="2024-05-01T10:00:00.4014935+02:00"'
        f' bts:EndTime="2024-05-01T11:00:00.9664907+02:00" bts:MeasurementSettingFileName="protocol.mes"'
        f' bts:ColumnCount="{columns}" bts:RowCount="{rows}" bts:TimePointCount="{truth.times}"'
        f' bts:TargetSystem="CV8000" bts:ReleaseNumber="R2.06.03" bts:Status="0" {SCHEMA}>'
        f"<bts:MeasurementSamplePlate bts:Name={quoteattr(truth.plate_name)} />{channels}</bts:MeasurementDetail>"
    )


def _protocol(truth: SyntheticCellvoyager) -> str:
    points = "".join(
        f'<bts:Point bts:X="{x!r}" bts:Y="{-y!r}" />' for x, y in (truth.centre_um(number) for number in truth.fields)
    )
    actions = "".join(
        f'<bts:ActionAcquire3D bts:AFShiftBase="{each.z_offset}" bts:SliceLength="{truth.z_step}"><bts:Ch>{each.number}'
        "</bts:Ch></bts:ActionAcquire3D>"
        for each in truth.channels
    )
    channels = "".join(
        f'<bts:Channel bts:Ch="{each.number}" bts:Target={quoteattr(each.name)} bts:Acquisition="BP{each.emission:g}/45"'
        f' bts:ExposureTime="100" bts:Color="#FF0{n}2FF{n}"><bts:LightSourceName>{each.emission - 50:g}nm'
        "</bts:LightSourceName></bts:Channel>"
        for n, each in enumerate(truth.channels)
    )
    lights = "".join(
        f'<bts:LightSource bts:Name="{each.emission - 50:g}nm" bts:Type="Laser" bts:WaveLength="{each.emission - 50:g}" />'
        for each in truth.channels
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<bts:MeasurementSetting bts:Version="1.0" {SCHEMA}><bts:Timelapse>'
        f'<bts:Timeline bts:Name="1" bts:Interval="{truth.seconds}" bts:Color="#ff44ee66"><bts:PointSequence'
        f' bts:Method="FixedPosition"><bts:FixedPosition bts:IsProportional="false">{points}</bts:FixedPosition>'
        f"</bts:PointSequence><bts:ActionList>{actions}</bts:ActionList></bts:Timeline></bts:Timelapse>"
        f"<bts:LightSourceList>{lights}</bts:LightSourceList><bts:ChannelList>{channels}</bts:ChannelList>"
        "</bts:MeasurementSetting>"
    )
