"""The registration step that arranges the fields of view of a mosaic by the chosen tiling strategy."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import (
    ConvertersToolsUserError,
    ConvertersToolsWarning,
    NotAGridError,
    NotTilableError,
)
from fractal_omezarr_converters.models.grouping import (
    AutoTiling,
    InplaceTiling,
    SnapToCornersTiling,
    SnapToGridTiling,
    StitchedTiling,
    TilingStrategy,
)
from fractal_omezarr_converters.models.older_names import newer_tiling_strategy
from fractal_omezarr_converters.models.user_facing import UserFacingModel
from fractal_omezarr_converters.pipelines.lattice import Lattice, fit_lattice
from fractal_omezarr_converters.pipelines.mosaic_fields import ORDINARY, Fields, Said, overlap_said
from fractal_omezarr_converters.pipelines.stitching import stitch_fields
from fractal_omezarr_converters.pipelines.tiling import (
    CORNER_LIMIT,
    ROUNDING,
    automatic_limits,
    common_size,
    grid_corners,
    nearest_corners,
    overlaps,
    refuse_gaps,
    refuse_strays,
    refuse_torn_neighbours,
)

type Image = TiledImage[Any, Any]
Floats = npt.NDArray[np.float64]

NOTEWORTHY = 0.02
"""Overlap or gap, as a share of a field, from which the user is told that fields are moved apart or together."""
ORDINARY_TURN = 1.0
"""Cameras are turned against the stage by up to this many degrees."""


_KINDS: dict[str, type[UserFacingModel]] = {
    "Auto": AutoTiling,
    "Snap to Grid": SnapToGridTiling,
    "Snap to Corners": SnapToCornersTiling,
    "Inplace": InplaceTiling,
    "Stitch": StitchedTiling,
}


def resolve_strategy(strategy: Any, tolerance: float | None = None) -> Any:
    """A tiling strategy as model, from a model, its JSON, or the mode and tolerance of older scripts."""
    if strategy is None:
        return AutoTiling()
    stated = newer_tiling_strategy(strategy)
    if isinstance(stated, dict) and stated.get("mode") in ("No Tiling", "Per-FOV"):
        return InplaceTiling()
    if isinstance(stated, dict) and tolerance is not None and stated.get("mode") in ("Auto", "Snap to Grid"):
        stated = {"tolerance": tolerance, **stated}
    if isinstance(stated, tuple(_KINDS.values())):
        return stated
    kind = _KINDS.get(stated.get("mode", "")) if isinstance(stated, dict) else None
    try:
        return _strategies().validate_python(stated) if kind is None else kind.model_validate(stated)
    except ValidationError as error:
        raise ConvertersToolsUserError(f"The tiling strategy {strategy!r} is not known: {error}") from error


@cache
def _strategies() -> TypeAdapter[Any]:
    """All of them as one: it says what is wrong with a strategy that names none of them."""
    return TypeAdapter(TilingStrategy)


def tile_regions(tiled_image: Image, *, tiling_strategy: Any = None, **older: Any) -> Image:
    """Arrange the fields of view: on a grid, at the nearest free corners, or where they are.

    Raises:
        NotAGridError: the positions do not fit the chosen strategy.
        NotTilableError: the fields have different sizes where equal ones are needed.
        ConvertersToolsUserError: two fields would lie on one place.
    """
    strategy = resolve_strategy(older.pop("tiling_mode", tiling_strategy), older.pop("tolerance", None))
    if isinstance(strategy, StitchedTiling):
        return stitch_fields(tiled_image, channel=strategy.channel, max_shift=strategy.max_shift)
    fields = Fields(tiled_image)
    fields.refuse_collisions(fields.corner, "Inplace")
    arranged = _arrange(fields, strategy)
    fields.refuse_collisions(arranged.corners, arranged.used)
    image = fields.moved_to(arranged.corners)
    image.notes = [*image.notes, *arranged.said.notes]
    image.remarks = [*image.remarks, *arranged.said.remarks]
    image.provenance = [*image.provenance, {"name": "tile_regions", "result": arranged.used, **arranged.facts}]
    return image


class _Arranged(NamedTuple):
    """New corners, the strategy that was used, what to tell the user, and figures for the provenance."""

    corners: Floats
    used: str
    said: Said
    facts: dict[str, Any]


def _arrange(fields: Fields, strategy: Any) -> _Arranged:
    if len(fields.names) == 1:
        return _Arranged(fields.corner, "Inplace", Said(), {})
    if isinstance(strategy, InplaceTiling):
        return _in_place(fields, [])
    if isinstance(strategy, AutoTiling):
        return _arrange_automatically(fields, strategy.tolerance)
    size = common_size(fields.size, fields.names)
    if isinstance(strategy, SnapToGridTiling):
        lattice = fit_lattice(fields.corner, np.asarray(size))
        refuse_strays(lattice, np.full(2, strategy.tolerance + ROUNDING), fields.names)
        return _on_grid(fields, size, lattice)
    if isinstance(strategy, SnapToCornersTiling):
        return _at_corners(fields, size, 0.5)
    raise ConvertersToolsUserError(
        f"The tiling strategy {strategy!r} is not known; choose Auto, Snap to Grid, Inplace or Stitch."
    )


def _arrange_automatically(fields: Fields, tolerance: float) -> _Arranged:
    """Grid if the positions form one, else nearest corners if no neighbours are torn, else in place with a warning."""
    try:
        size = common_size(fields.size, fields.names)
        try:
            lattice = fit_lattice(fields.corner, np.asarray(size))
            refuse_strays(lattice, automatic_limits(lattice, tolerance), fields.names)
        except NotAGridError as error:
            if not overlaps(fields.corner.astype(np.int64), fields.size.astype(np.int64)):
                raise
            try:
                return _at_corners(fields, size, CORNER_LIMIT)
            except NotAGridError:
                raise error from None
        refuse_gaps(fields.corner, size)
        return _on_grid(fields, size, lattice)
    except (NotAGridError, NotTilableError) as error:
        note = f"Image '{fields.image.path}': the fields of view stay at their stage positions (Inplace). {error}"
        warnings.warn(note, ConvertersToolsWarning, stacklevel=2)
        return _in_place(fields, [note])


def _in_place(fields: Fields, notes: list[str]) -> _Arranged:
    said = overlap_said(fields, fields.corner)
    return _Arranged(fields.corner, "Inplace", said._replace(notes=[*notes, *said.notes]), {})


def _at_corners(fields: Fields, size: tuple[float, float], limit: float) -> _Arranged:
    """Nearest corners; fields on one position (with different planes) share theirs."""
    places, first, place = np.unique(fields.corner, axis=0, return_index=True, return_inverse=True)
    names = [fields.names[index] for index in first]
    corners = nearest_corners(places, size, names)
    refuse_torn_neighbours(places, corners, size, limit, names)
    corners = corners[place.ravel()]
    furthest = _furthest(fields, corners)
    notes = []
    if furthest >= NOTEWORTHY * max(size):
        notes.append(
            f"The fields of view form no grid and went to the nearest corners of a grid of field-sized cells, up to "
            f"{furthest:.0f} px away from their stage positions: distances across fields are not exact."
        )
    return _Arranged(corners, "Snap to Corners", Said(notes), {"furthest_move_px": round(furthest, 1)})


def _on_grid(fields: Fields, size: tuple[float, float], lattice: Lattice) -> _Arranged:
    corners = grid_corners(fields.corner, size, lattice)
    furthest = _furthest(fields, corners)
    facts = {
        "columns_and_rows": (lattice.cells.max(axis=0) + 1).tolist(),
        "pitch_px": [round(float(value), 3) for value in lattice.pitch],
        "rotation_degrees": round(lattice.degrees, 4),
        "residual_px": round(lattice.sigma, 3),
        "residual_um": round(float(np.sqrt(np.mean((lattice.residual * fields.pixel) ** 2))), 4),
        "furthest_move_px": round(furthest, 1),
    }
    return _Arranged(corners, "Snap to Grid", _moved_apart(fields, size, lattice, furthest), facts)


def _moved_apart(fields: Fields, size: tuple[float, float], lattice: Lattice, furthest: float) -> Said:
    """What the grid does to distances, when that is more than a trifle; it is no surprise where fields overlap on purpose."""
    overlap = np.asarray(size) - lattice.pitch
    share = overlap / np.asarray(size)
    parts = []
    for word, sign in (("overlap", 1), ("lie apart", -1)):
        along = [f"{overlap[k] * sign:.0f} px ({share[k] * sign:.0%}) in {'xy'[k]}" for k in (0, 1)]
        large = [text for text, value in zip(along, share * sign, strict=True) if value >= NOTEWORTHY]
        if large:
            parts.append(f"{word} by {' and '.join(large)}")
    if not parts and furthest < 0.5 * min(size):
        return Said()
    seen = "what lies in an overlap is shown twice and " if (share >= NOTEWORTHY).any() else ""
    turned = f", turned by {lattice.degrees:.2f} degrees" if abs(lattice.degrees) >= 0.05 else ""
    text = (
        f"The fields of view {', '.join(parts) or 'stray from their rows'}{turned}, and went to the cells of a grid, up to "
        f"{furthest:.0f} px ({furthest * float(fields.pixel.max()):.4g} µm) away from their stage positions: {seen}distances "
        "across fields are not exact; choose Stitch or Inplace to keep distances."
    )
    on_purpose = seen and abs(lattice.degrees) <= ORDINARY_TURN
    on_purpose = on_purpose and bool((share > -NOTEWORTHY).all() and (share <= ORDINARY).all())
    return Said(remarks=[text]) if on_purpose else Said([text])


def _furthest(fields: Fields, corners: Floats) -> float:
    moved = corners - fields.corner
    return float(np.hypot(moved[:, 0], moved[:, 1]).max())
