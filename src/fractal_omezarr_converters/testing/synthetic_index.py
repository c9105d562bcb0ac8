"""Write the index of an artificial Operetta export, in the manner of Harmony V5 or V7."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from fractal_omezarr_converters.testing.synthetic_plate import row_and_column

if TYPE_CHECKING:
    from fractal_omezarr_converters.testing.operetta_truth import SyntheticOperetta
    from fractal_omezarr_converters.testing.synthetic_plate import PlaneKey, SyntheticChannel

NAMESPACES = {
    "V5": "http://www.perkinelmer.com/PEHH/HarmonyV5",
    "V7": "43B2A954-E3C3-47E1-B392-6635266B0DD3/HarmonyV7",
}
FILE_NAMES = {"V5": "Index.idx.xml", "V7": "Index.xml"}
_BEGAN = datetime.fromisoformat("2024-05-01T10:00:00.5+02:00")
FIRST_TIMEPOINT = {"V5": 0, "V7": 1}


def write_index(truth: SyntheticOperetta, acquisition: int, folder: Path) -> Path:
    """Write the index of one acquisition beside its images; UTF-8 with a byte order mark, as Harmony does."""
    keys = truth.listed(acquisition)
    version = "1" if truth.flavour == "V5" else "2"
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f'<EvaluationInputData xmlns:xsd="http://www.w3.org/2001/XMLSchema" Version="{version}"'
        f' xmlns="{NAMESPACES[truth.flavour]}">',
        "<User>operator</User><InstrumentType>Phenix</InstrumentType>",
        _plates(truth, acquisition),
        _wells(truth, keys),
        _maps(truth),
        "<Images>",
        *(_image(truth, key) for key in keys),
        "</Images>",
        "</EvaluationInputData>",
    ]
    path = folder / FILE_NAMES[truth.flavour]
    path.write_text("\n".join(line for line in lines if line), encoding="utf-8-sig")
    return path


def _plates(truth: SyntheticOperetta, acquisition: int) -> str:
    name = escape(truth.plate_name)
    selected = "".join('<Well id="{:02d}{:02d}" />'.format(*row_and_column(well)) for well in truth.wells)
    places = [row_and_column(well) for well in truth.wells]
    small = all(row <= 8 and column <= 12 for row, column in places)
    rows, columns = (8, 12) if small else (16, 24)
    return (
        f"<Plates><Plate><PlateID>{name}</PlateID><MeasurementID>synthetic-{acquisition}</MeasurementID>"
        f"<MeasurementStartTime>2024-05-0{acquisition + 1}T10:00:00.1234567+02:00</MeasurementStartTime>"
        f"<Name>{name}</Name><PlateTypeName>{rows * columns} µClear</PlateTypeName>"
        f"<PlateRows>{rows}</PlateRows><PlateColumns>{columns}</PlateColumns>{selected}</Plate></Plates>"
    )


def _image_id(truth: SyntheticOperetta, key: PlaneKey) -> str:
    row, column = row_and_column(key.well)
    number = truth.channels[key.channel].number
    return f"{row:02d}{column:02d}K{key.t + 1}F{key.field}P{key.z + 1}R{number}"


def _wells(truth: SyntheticOperetta, keys: list[PlaneKey]) -> str:
    parts = []
    for well in truth.wells:
        row, column = row_and_column(well)
        references = "".join(f'<Image id="{_image_id(truth, key)}" />' for key in keys if key.well == well)
        parts.append(f"<Well><id>{row:02d}{column:02d}</id><Row>{row}</Row><Col>{column}</Col>{references}</Well>")
    return f"<Wells>{''.join(parts)}</Wells>"


def _maps(truth: SyntheticOperetta) -> str:
    maps = []
    # Entries stand in falling order on purpose: real files are not sorted either.
    if truth.profile is not None:
        maps.append("".join(_flat_field(truth, channel) for channel in reversed(truth.channels)))
    if truth.flavour == "V7":
        maps.append(
            "".join(
                f'<Entry ChannelID="{channel.number}">{_channel_facts(truth, channel)}</Entry>'
                for channel in reversed(truth.channels)
            )
        )
    return f"<Maps>{''.join(f'<Map>{entries}</Map>' for entries in maps)}</Maps>" if maps else ""


def _flat_field(truth: SyntheticOperetta, channel: SyntheticChannel) -> str:
    height, width = truth.field_shape
    rows = ", ".join(str(list(row)) for row in truth.profile or ())
    polynomial = (
        f"Profile: {{Coefficients: [{rows}], Dims: [{height}, {width}], Origin: [{(height - 1) / 2}, {(width - 1) / 2}],"
        f" Scale: [{1 / height!r}, {1 / width!r}], Type: Polynomial}}, Quality: 1.0"
    )
    name = f'"{channel.name}"' if set(channel.name) & set(',{}[]"():') else channel.name
    text = (
        f"{{Background: {{Character: NonFlat, Mean: 100.5, NonFlatness: {{Random: INF}}, {polynomial}}},"
        f" Channel: {channel.number}, ChannelName: {name}, Version: Acapella:2013}}"
    )
    return f'<Entry ChannelID="{channel.number}"><FlatfieldProfile>{escape(text)}</FlatfieldProfile></Entry>'


def _channel_facts(truth: SyntheticOperetta, channel: SyntheticChannel) -> str:
    height, width = truth.field_shape
    size_y = truth.pixel_size_y or truth.pixel_size
    matrix = ""
    if truth.matrix is not None:
        (a, b), (c, d) = truth.matrix
        matrix = f"<OrientationMatrix>[[{a},{b},0,-35.6],[{c},{d},0,67.3],[0,0,1.33,-15.125]]</OrientationMatrix>"
    kind = "Fluorescence" if channel.emission else "Brightfield"
    return (
        f"<ChannelName>{escape(channel.name)}</ChannelName><ChannelType>{kind}</ChannelType>"
        f'<ImageResolutionX Unit="m">{truth.pixel_size!r}E-06</ImageResolutionX>'
        f'<ImageResolutionY Unit="m">{size_y!r}E-06</ImageResolutionY>'
        f"<ImageSizeX>{width}</ImageSizeX><ImageSizeY>{height}</ImageSizeY><MaxIntensity>65536</MaxIntensity>"
        f'<MainExcitationWavelength Unit="nm">{max(channel.emission - 50, 0):g}</MainExcitationWavelength>'
        f'<MainEmissionWavelength Unit="nm">{channel.emission:g}</MainEmissionWavelength>'
        f'<ObjectiveMagnification Unit="">20</ObjectiveMagnification>{matrix}'
    )


def _image(truth: SyntheticOperetta, key: PlaneKey) -> str:
    row, column = row_and_column(key.well)
    channel = truth.channels[key.channel]
    x, y = truth.stage_um(key.field)
    z = channel.z_offset + key.z * truth.z_step
    # Fields are imaged one after the other, so the offset of a frame differs a little from field to field.
    offset = key.t * truth.seconds + 0.1 * (key.field - 1)
    url = "" if key in truth.empty else truth.url(key)
    facts = _channel_facts(truth, channel) if truth.flavour == "V5" else ""
    sequence = "<SequenceID>1</SequenceID><GroupID>1</GroupID>" if truth.flavour == "V7" else ""
    return (
        f'<Image Version="1"><id>{_image_id(truth, key)}</id><State>Ok</State><URL>{url}</URL>'
        f"<Row>{row}</Row><Col>{column}</Col><FieldID>{key.field}</FieldID><PlaneID>{key.z + 1}</PlaneID>"
        f"<TimepointID>{key.t + FIRST_TIMEPOINT[truth.flavour]}</TimepointID>{sequence}"
        f"<ChannelID>{channel.number}</ChannelID><FlimID>1</FlimID>{facts}"
        f'<PositionX Unit="m">{x!r}E-06</PositionX><PositionY Unit="m">{y!r}E-06</PositionY>'
        f'<PositionZ Unit="m">{z!r}E-06</PositionZ><AbsPositionZ Unit="m">{(z + 134_650)!r}E-06</AbsPositionZ>'
        f'<MeasurementTimeOffset Unit="s">{offset:g}</MeasurementTimeOffset>'
        f"<AbsTime>{(_BEGAN + timedelta(days=key.acquisition, seconds=offset)).isoformat()}</AbsTime></Image>"
    )
