"""Tell slices of a CellVoyager from the projections that it computed, and choose which are converted.

Facts: ``ZImageProcessing`` of a record names how a projection was made; slices have none. Projections share numbers with
slices, so that one image holds either slices or projections of one kind. A protocol can have one channel projected and
another one taken as a single plane: then a choice leaves whole channels out, which is said.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import compress
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.cellvoyager_records import PER_ACTION, SLICES, ImageColumns, MeasurementData
from fractal_omezarr_converters.formats.plane_table import ranked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fractal_omezarr_converters.formats.cellvoyager_protocol import Protocol

Projection = Literal["none", "Maximum", "Minimum", "Sum", "Focus"]

SHORT_NAMES = {"Maximum": "MIP", "Minimum": "MinIP", "Sum": "SIP"}


def chosen_images(
    data: MeasurementData, projection: Projection, protocol: Protocol, warnings: list[str]
) -> tuple[ImageColumns, str]:
    """Give slices, or projections of one kind, and what is added to the plate's name for them.

    Args:
        data: all records.
        projection: kind that the user wants, or ``none`` for slices.
        protocol: knows the names of channels.
        warnings: takes what is left out.

    Raises:
        ConvertersToolsUserError: there is no projection of this kind, or there are several kinds to choose from.
    """
    kinds = Counter(data.images.processing)
    slices = kinds.pop(SLICES, 0)
    wanted = SLICES if projection == "none" else projection
    if wanted == SLICES and not slices:
        if len(kinds) > 1:
            raise ConvertersToolsUserError(
                f"'{data.path}' lists only projections, of several kinds ({', '.join(sorted(kinds))}); choose one of them"
                " (projection)."
            )
        wanted = next(iter(kinds))
        warnings.append(f"The images are projections made by the instrument ({wanted}), not slices.")
    elif wanted == SLICES and kinds:
        listed = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
        warnings.append(f"Projections made by the instrument are left out ({listed}); the slices are converted.")
    elif wanted != SLICES and wanted not in kinds:
        there = ", ".join(sorted(kinds)) or "none"
        raise ConvertersToolsUserError(f"'{data.path}' lists no {wanted} projection; it has: {there}.")
    # a plate of its own, beside that of the slices or of another kind
    is_one_of_several = bool(slices) or len(kinds) > 1
    suffix = f"_{SHORT_NAMES.get(wanted, wanted)}" if wanted != SLICES and is_one_of_several else ""
    is_wanted = np.array([each == wanted for each in data.images.processing])
    _warn_of_lost_channels(data.images, is_wanted, protocol, warnings)
    return data.images.select(is_wanted), suffix


def _warn_of_lost_channels(
    images: ImageColumns, is_wanted: NDArray[np.bool_], protocol: Protocol, warnings: list[str]
) -> None:
    """Name channels of which there are only images of other kinds, and say how to have them."""
    numbers = images.action * PER_ACTION + images.channel
    kept = set(ranked(numbers[is_wanted])[0].tolist())
    lost: dict[str, set[int]] = defaultdict(set)
    for number, kind in set(zip(numbers[~is_wanted].tolist(), compress(images.processing, ~is_wanted), strict=True)):
        if number not in kept:
            lost[kind].add(number)
    for kind, channels in sorted(lost.items()):
        named = ", ".join(_named(number, protocol) for number in sorted(channels))
        what = f"{kind} projections" if kind else "slices"
        option = kind or "none"
        how = f"; set projection to '{option}' to have them" if option in get_args(Projection) else ""
        warnings.append(f"Channels of which there are only {what} are left out: {named}{how}.")


def _named(number: int, protocol: Protocol) -> str:
    action, channel = divmod(number, PER_ACTION)
    id_ = channel_id(action, channel)
    facts = protocol.channels.get(channel)
    return f"'{facts.name}' ({id_})" if facts is not None and facts.name else id_


def channel_id(action: int, channel: int) -> str:
    """Name a channel as workflows for this instrument have always done."""
    return f"A{action:02d}_C{channel:02d}"
