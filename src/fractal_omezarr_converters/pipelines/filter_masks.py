"""The built-in filters on columns: each gives one truth value per tile.

A mask function is called with the tiles that are left, the filter's model, and all tiles as they were before any filter, so
that a name which an earlier filter removed is not taken for a name that does not exist.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fractal_omezarr_converters.core.tile_table import TileTable
from fractal_omezarr_converters.errors import ConvertersToolsUserError, ConvertersToolsWarning
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.pipelines.filter_models import (
    AcquisitionFilter,
    AttributeFilter,
    ChannelFilter,
    FovNameFilter,
    RegexFilter,
    TRangeFilter,
    WellFilter,
    ZRangeFilter,
)
from fractal_omezarr_converters.pipelines.well_patterns import Well, wells_meant

Mask = npt.NDArray[np.bool_]
MaskFunction = Callable[[TileTable, Any, TileTable], Mask]

_NOISE, _RELATIVE_NOISE = 1e-9, 1e-14
"""Numbers that differ by less, in µm or seconds or as a share of them, are the same: floating point leaves such remainders."""


def regex_mask(table: TileTable, params: RegexFilter, _everything: TileTable) -> Mask:
    """Tiles whose image path matches."""
    pattern = re.compile(params.regex)
    hits = [bool(pattern.search(collection.path())) for collection in table.collections]
    return _by_mode(_take(hits, table.collection), params.mode)


def fov_name_mask(table: TileTable, params: FovNameFilter, _everything: TileTable) -> Mask:
    """Tiles whose field of view matches by name."""
    pattern = re.compile(params.regex)
    hits = [bool(pattern.search(name)) for name in table.fov_names]
    return _by_mode(_take(hits, table.fov), params.mode)


def well_mask(table: TileTable, params: WellFilter, everything: TileTable) -> Mask:
    """Tiles of the named wells."""
    existing = {_well(one) for one in _plate_collections(everything, params.name)}
    chosen = wells_meant(params.wells, existing)
    hits = [isinstance(one, ImageInPlate) and _well(one) in chosen for one in table.collections]
    return _by_mode(_take(hits, table.collection), params.mode)


def acquisition_mask(table: TileTable, params: AcquisitionFilter, everything: TileTable) -> Mask:
    """Tiles of the named acquisitions."""
    existing = {one.acquisition for one in _plate_collections(everything, params.name)}
    missing = sorted(set(params.acquisitions) - existing)
    if missing:
        raise ConvertersToolsUserError(
            f"The filter names the acquisition {_listed(missing)}, which does not occur; "
            f"the acquisitions are {_listed(sorted(existing))}."
        )
    hits = [isinstance(one, ImageInPlate) and one.acquisition in params.acquisitions for one in table.collections]
    return _by_mode(_take(hits, table.collection), params.mode)


def attribute_mask(table: TileTable, params: AttributeFilter, everything: TileTable) -> Mask:
    """Tiles of which any value of the attribute equals any of the given ones."""
    sets = everything.attribute_sets
    used = [index for index in np.unique(everything.attribute_set) if params.key in sets[index]]
    lacking = [int(index) for index in np.unique(table.attribute_set) if params.key not in table.attribute_sets[index]]
    if lacking or not used:
        keys = sorted({key for index in np.unique(everything.attribute_set) for key in sets[index]})
        some = ""
        if used:
            tile = table.tile(int(np.flatnonzero(table.attribute_set == lacking[0])[0]))
            some = f", for example not '{tile.fov_name}' in {tile.collection.path()}"
        raise ConvertersToolsUserError(
            f"The filter names the attribute '{params.key}', which not every tile has{some}; the attributes are {_listed(keys)}."
        )
    for value in params.values:
        if not any(_equals(one, value) for index in used for one in sets[index][params.key]):
            present = sorted({repr(one) for index in used for one in sets[index][params.key]})
            warnings.warn(
                f"No tile has the value {getattr(value, 'value', value.type)!r} of the attribute '{params.key}'; "
                f"the values are {_listed(present)}.",
                ConvertersToolsWarning,
                stacklevel=2,
            )
    hits = [
        params.key in one and any(_equals(value, wanted) for value in one[params.key] for wanted in params.values)
        for one in table.attribute_sets
    ]
    return _by_mode(_take(hits, table.attribute_set), params.mode)


def channel_mask(table: TileTable, params: ChannelFilter, everything: TileTable) -> Mask:
    """Tiles whose channels are all listed."""
    for index in np.unique(table.acquisition):
        _labels(table.acquisitions[index])
    stated = [details for details in everything.acquisitions if details.channels is not None]
    labels = {label for details in stated for label in _labels(details)}
    missing = [label for label in params.channel_labels if label not in labels]
    if missing:
        raise ConvertersToolsUserError(
            f"The filter names the channel {_listed(missing)}, which does not occur; the channels are {_listed(sorted(labels))}."
        )
    listed = np.zeros(len(table), dtype=np.int64)
    first = np.rint(table.start[:, 1]).astype(np.int64)
    count = np.rint(table.length[:, 1]).astype(np.int64)
    for index in np.unique(table.acquisition):
        details = table.acquisitions[index]
        wanted = np.array([label in params.channel_labels for label in _labels(details)], dtype=np.int64)
        running = np.concatenate([[0], np.cumsum(wanted)])
        rows = table.acquisition == index
        stop = np.minimum(first[rows] + count[rows], len(wanted))
        listed[rows] = running[stop] - running[np.minimum(first[rows], len(wanted))]
    partly = np.flatnonzero((listed > 0) & (listed < count))
    if len(partly):
        tile = table.tile(int(partly[0]))
        raise ConvertersToolsUserError(
            f"The filter names some, but not all channels of a tile of the field of view '{tile.fov_name}' "
            f"({tile.image_loader.describe_source()}), which holds channels {tile.start_c} to "
            f"{tile.start_c + tile.length_c - 1} together; name all of them or none."
        )
    return _by_mode(listed > 0, params.mode)


def z_range_mask(table: TileTable, params: ZRangeFilter, _everything: TileTable) -> Mask:
    """Tiles that begin inside the range of z."""
    return within(table.start[:, 2], params.min_z, params.max_z)


def t_range_mask(table: TileTable, params: TRangeFilter, _everything: TileTable) -> Mask:
    """Tiles that begin inside the range of time."""
    return within(table.start[:, 0], params.min_t, params.max_t)


BUILT_IN_MASKS: dict[str, MaskFunction] = {
    "Path Regex Filter": regex_mask,
    "Well Filter": well_mask,
    "FOV Name Filter": fov_name_mask,
    "Acquisition Filter": acquisition_mask,
    "Attribute Filter": attribute_mask,
    "Channel Filter": channel_mask,
    "Z Range Filter": z_range_mask,
    "Time Range Filter": t_range_mask,
}


def within(values: npt.NDArray[np.float64], low: float | None, high: float | None) -> Mask:
    """Values in a range, both ends included; 3 x 0.3, which is a trifle less than 0.9, begins a range from 0.9 on."""
    keep = np.ones(len(values), dtype=np.bool_)
    if low is not None:
        keep &= (values >= low) | np.isclose(values, low, rtol=_RELATIVE_NOISE, atol=_NOISE)
    if high is not None:
        keep &= (values <= high) | np.isclose(values, high, rtol=_RELATIVE_NOISE, atol=_NOISE)
    return keep


def _take(hits: Sequence[bool], index: npt.NDArray[np.int32]) -> Mask:
    return np.asarray(hits, dtype=np.bool_)[index]


def _by_mode(hits: Mask, mode: str) -> Mask:
    return hits if mode == "Include" else ~hits


def _plate_collections(table: TileTable, filter_name: str) -> list[ImageInPlate]:
    wells = []
    for index in np.unique(table.collection):
        one = table.collections[index]
        if not isinstance(one, ImageInPlate):
            raise ConvertersToolsUserError(
                f"The filter '{filter_name}' works on plates only, but '{one.path()}' is not part of a plate; "
                "remove the filter or use the Path Regex Filter."
            )
        wells.append(one)
    return wells


def _well(collection: ImageInPlate) -> Well:
    return collection.row, collection.column


def _labels(details: Any) -> list[str]:
    if details.channels is None:
        raise ConvertersToolsUserError(
            "The Channel Filter needs the names of the channels, but the acquisition states none; "
            "give the channels in the acquisition's options, or remove the filter."
        )
    return [channel.channel_label for channel in details.channels]


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(str(value) for value in values) or "none"


def _equals(value: Any, wanted: Any) -> bool:
    """Whether an attribute's value is the wanted one, kinds included: True is not 1, and '1' is not 1."""
    empty = value is None or (isinstance(value, float) and math.isnan(value))
    if wanted.type in ("Is None", "Is Not None"):
        return bool(empty == (wanted.type == "Is None"))
    if empty:
        return False
    if wanted.type == "Bool" or isinstance(value, bool):
        return isinstance(value, bool) and wanted.type == "Bool" and value == wanted.value
    if wanted.type == "String":
        return isinstance(value, str) and value == wanted.value
    return not isinstance(value, str) and bool(value == wanted.value)
