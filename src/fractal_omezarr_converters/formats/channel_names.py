"""Labels, wavelengths and colours of channels, as images have them, from what the metadata say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fractal_omezarr_converters.formats.plane_records import ChannelFacts
from fractal_omezarr_converters.models.acquisition import ChannelInfo


def channel_infos(
    channels: Mapping[int, ChannelFacts], numbers: Sequence[int], z_offsets: Mapping[int, float], warnings: list[str]
) -> list[ChannelInfo]:
    """Give label, wavelength, colour and height of each channel; empty names are replaced, repeated ones numbered."""
    infos: list[ChannelInfo] = []
    labels: set[str] = set()
    for number in numbers:
        facts = channels.get(number) or ChannelFacts()
        wavelength = f"{facts.emission_nm:.0f}" if facts.emission_nm else None
        wanted = " ".join(facts.name.split()) or wavelength or facts.kind or f"channel_{number}"
        label, repeat = wanted, 1
        while label in labels:
            repeat += 1
            label = f"{wanted}_{repeat}"
        if label != facts.name.strip():
            said = f"is named '{facts.name}'" if facts.name.strip() else "has no name"
            warnings.append(f"Channel {number} {said} in the metadata; it is called '{label}' here.")
        labels.add(label)
        infos.append(
            ChannelInfo(
                channel_label=label,
                wavelength_id=facts.wavelength_id or wavelength,
                color=facts.color,
                z_offset=z_offsets.get(number),
            )
        )
    return infos
