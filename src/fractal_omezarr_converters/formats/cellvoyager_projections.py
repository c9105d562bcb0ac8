"""Tell slices of a CellVoyager from the projections that it computed, and choose which are converted.

Facts: ``ZImageProcessing`` of a record names how a projection was made; slices have none. Projections share numbers with
slices, so that one image holds either slices or projections of one kind. A protocol can have one channel projected and
another one taken as a single plane, or the wells of one timeline projected and those of another one not: then a choice leaves
whole channels or wells out, which is said.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import compress
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.cellvoyager_records import PER_ACTION, SLICES, ImageColumns, MeasurementData
from fractal_omezarr_converters.formats.plane_states import wells_in_words
from fractal_omezarr_converters.formats.plane_table import ranked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fractal_omezarr_converters.formats.cellvoyager_protocol import Protocol
    from fractal_omezarr_converters.formats.plane_table import Ints

Projection = Literal["none", "Maximum", "Minimum", "Sum", "Focus"]

PER_ROW = 1000
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
    _warn_of_lost(data.images, is_wanted, protocol, warnings)
    return data.images.select(is_wanted), suffix


def _warn_of_lost(images: ImageColumns, is_wanted: NDArray[np.bool_], protocol: Protocol, warnings: list[str]) -> None:
    """Name channels and wells of which there are only images of other kinds, and say how to have them."""
    channels = _lost(images.action * PER_ACTION + images.channel, images.processing, is_wanted)
    wells = _lost(images.row * PER_ROW + images.column, images.processing, is_wanted)
    said = [
        *(("Channels", kind, ", ".join(_named(each, protocol) for each in lost)) for kind, lost in channels),
        *(("Wells", kind, wells_in_words([divmod(each, PER_ROW) for each in lost])) for kind, lost in wells),
    ]
    for what, kind, names in said:
        only = f"{kind} projections" if kind else "slices"
        option = kind or "none"
        how = f"; set projection to '{option}' to have them" if option in get_args(Projection) else ""
        warnings.append(f"{what} of which there are only {only} are left out: {names}{how}.")


def _lost(numbers: Ints, kinds: Sequence[str], is_wanted: NDArray[np.bool_]) -> list[tuple[str, list[int]]]:
    """Numbers that no wanted image has, by the kinds of images that have them."""
    kept = set(ranked(numbers[is_wanted])[0].tolist())
    lost: dict[str, set[int]] = defaultdict(set)
    for number, kind in set(zip(numbers[~is_wanted].tolist(), compress(kinds, ~is_wanted), strict=True)):
        if number not in kept:
            lost[kind].add(number)
    return [(kind, sorted(lost[kind])) for kind in sorted(lost)]


def _named(number: int, protocol: Protocol) -> str:
    action, channel = divmod(number, PER_ACTION)
    id_ = channel_id(action, channel)
    facts = protocol.channels.get(channel)
    return f"'{facts.name}' ({id_})" if facts is not None and facts.name else id_


def channel_id(action: int, channel: int) -> str:
    """Name a channel as workflows for this instrument have always done."""
    return f"A{action:02d}_C{channel:02d}"
