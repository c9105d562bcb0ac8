"""Tiles as columns: what a format's scan gives, what filters work on, and what becomes images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fractal_omezarr_converters.core.attributes import AttributeType
from fractal_omezarr_converters.core.columns import RegionColumns
from fractal_omezarr_converters.core.distinct_values import acquisition_key, attributes_key, collection_key, joined
from fractal_omezarr_converters.core.geometry import AXES, axis_steps, orient, settle, to_world
from fractal_omezarr_converters.core.loader_columns import LoaderColumns
from fractal_omezarr_converters.core.tile import Tile
from fractal_omezarr_converters.core.tile_table_builder import TileTableBuilder
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails
from fractal_omezarr_converters.models.collections import CollectionInterface

__all__ = ["TileTable", "TileTableBuilder", "steps_of"]

Floats = NDArray[np.float64]
Numbers = NDArray[np.int32]


class TileTable:
    """n tiles as columns; collections, acquisitions and attribute sets are stored once and pointed at.

    ``start`` and ``length`` (float64, n x 5, ``tczyx``) are as the tiles state them, in the spaces of their
    acquisition; :meth:`world` gives them in world units.
    """

    def __init__(
        self,
        *,
        fov_names: Sequence[str],
        fov: ArrayLike,
        start: ArrayLike,
        length: ArrayLike,
        loaders: LoaderColumns,
        collections: Sequence[CollectionInterface],
        collection: ArrayLike,
        acquisitions: Sequence[AcquisitionDetails],
        acquisition: ArrayLike,
        attribute_sets: Sequence[Mapping[str, AttributeType]] = ({},),
        attribute_set: ArrayLike | None = None,
    ) -> None:
        """Join the columns; all have one length."""
        self.fov_names = list(fov_names)
        self.fov: Numbers = np.asarray(fov, dtype=np.int32).reshape(-1)
        self.start: Floats = np.asarray(start, dtype=np.float64).reshape(-1, 5)
        self.length: Floats = np.asarray(length, dtype=np.float64).reshape(-1, 5)
        self.loaders = loaders
        self.collections = list(collections)
        self.collection: Numbers = np.asarray(collection, dtype=np.int32).reshape(-1)
        self.acquisitions = list(acquisitions)
        self.acquisition: Numbers = np.asarray(acquisition, dtype=np.int32).reshape(-1)
        self.attribute_sets = [dict(attributes) for attributes in attribute_sets]
        chosen = np.zeros(len(self.fov)) if attribute_set is None else attribute_set
        self.attribute_set: Numbers = np.asarray(chosen, dtype=np.int32).reshape(-1)
        sizes = {
            "fov": len(self.fov),
            "start": len(self.start),
            "length": len(self.length),
            "loaders": len(loaders),
            "collection": len(self.collection),
            "acquisition": len(self.acquisition),
            "attribute_set": len(self.attribute_set),
        }
        if len(set(sizes.values())) != 1:
            raise ConvertersToolsUserError(f"The columns of a table of tiles have different numbers of rows: {sizes}.")
        self._check_numbers()

    def _check_numbers(self) -> None:
        """Refuse what :class:`Tile` would refuse, for all rows at once."""
        channels = np.array([_channel_count(details) for details in self.acquisitions] or [0])
        last = self.start[:, 1] + self.length[:, 1]
        rules: list[tuple[NDArray[np.bool_], str]] = [
            (~np.isfinite(self.start).all(axis=1), "has a start that is not a number"),
            (~np.isfinite(self.length).all(axis=1), "has a length that is not a number"),
            ((self.length <= 0).any(axis=1), "has a length that is not greater than 0"),
            (self.start[:, 1] < 0, "has a negative channel index"),
        ]
        if len(self):
            rules.append((last > channels[self.acquisition], "has a channel beyond the channels of its acquisition"))
        for wrong, words in rules:
            if wrong.any():
                i = int(np.argmax(wrong))
                start = dict(zip(AXES, self.start[i].tolist()))
                length = dict(zip(AXES, self.length[i].tolist()))
                raise ConvertersToolsUserError(
                    f"The tile of field of view '{self.fov_names[int(self.fov[i])]}' from "
                    f"{self.loaders.loader(i).describe_source()} {words} (start {start}, length {length}; "
                    f"{int(wrong.sum())} such tiles): correct the metadata or the list of channels."
                )

    @classmethod
    def from_tiles(cls, tiles: Iterable[Tile[Any, Any]]) -> TileTable:
        """Take Tile objects."""
        builder = TileTableBuilder()
        for tile in tiles:
            builder.add(
                fov=tile.fov_name,
                collection=tile.collection,
                acquisition=tile.acquisition_details,
                start=(tile.start_t, tile.start_c, tile.start_z, tile.start_y, tile.start_x),
                length=(tile.length_t, tile.length_c, tile.length_z, tile.length_y, tile.length_x),
                loader=tile.image_loader,
                attributes=tile.attributes,
            )
        return builder.build()

    def __len__(self) -> int:
        """Count the tiles."""
        return len(self.fov)

    def __iter__(self) -> Iterator[Tile[Any, Any]]:
        """Give one Tile after the other."""
        return (self.tile(i) for i in range(len(self)))

    def tile(self, i: int) -> Tile[Any, Any]:
        """Give one tile as an object for people."""
        t, c, z, y, x = self.start[i].tolist()
        length_t, length_c, length_z, length_y, length_x = self.length[i].tolist()
        return Tile(
            fov_name=self.fov_names[int(self.fov[i])],
            start_x=x,
            start_y=y,
            start_z=z,
            start_t=t,
            start_c=int(c),
            length_x=length_x,
            length_y=length_y,
            length_z=length_z,
            length_t=length_t,
            length_c=int(length_c),
            attributes=self.attribute_sets[int(self.attribute_set[i])],
            collection=self.collections[int(self.collection[i])],
            image_loader=self.loaders.loader(i),
            acquisition_details=self.acquisitions[int(self.acquisition[i])],
        )

    def select(self, chosen: ArrayLike) -> TileTable:
        """Give some tiles, by mask or index; what they point at is shared."""
        index = np.asarray(chosen)
        if index.dtype != bool:
            index = index.astype(np.int64)
        return TileTable(
            fov_names=self.fov_names,
            fov=self.fov[index],
            start=self.start[index],
            length=self.length[index],
            loaders=self.loaders.select(index),
            collections=self.collections,
            collection=self.collection[index],
            acquisitions=self.acquisitions,
            acquisition=self.acquisition[index],
            attribute_sets=self.attribute_sets,
            attribute_set=self.attribute_set[index],
        )

    @classmethod
    def concat(cls, tables: Sequence[TileTable]) -> TileTable:
        """Put several tables one after the other."""
        fov_names, fov = joined([table.fov_names for table in tables], [table.fov for table in tables], str)
        collections, collection = joined(
            [table.collections for table in tables], [table.collection for table in tables], collection_key
        )
        acquisitions, acquisition = joined(
            [table.acquisitions for table in tables], [table.acquisition for table in tables], acquisition_key
        )
        sets, attribute_set = joined(
            [table.attribute_sets for table in tables], [table.attribute_set for table in tables], attributes_key
        )
        return cls(
            fov_names=fov_names,
            fov=fov,
            start=np.concatenate([np.empty((0, 5)), *(table.start for table in tables)]),
            length=np.concatenate([np.empty((0, 5)), *(table.length for table in tables)]),
            loaders=LoaderColumns.concat([table.loaders for table in tables]),
            collections=collections,
            collection=collection,
            acquisitions=acquisitions,
            acquisition=acquisition,
            attribute_sets=sets,
            attribute_set=attribute_set,
        )

    def steps(self) -> Floats:
        """Give the size of a pixel (s, 1, µm, µm, µm) along ``tczyx`` for every tile."""
        return self._per_acquisition(steps_of)

    def world(self) -> tuple[Floats, Floats]:
        """Give starts and lengths in µm and seconds on the image's axes, after orientation of the stage.

        Starts within 0.01 px of the pixel grid are put on it. Axes that the acquisition lacks are 0 with the
        length of one pixel.
        """
        start, length = self._world
        return start.copy(), length.copy()

    @cached_property
    def _world(self) -> tuple[Floats, Floats]:
        steps = self.steps()
        start, length = self._on_stage(steps)
        for number, details in enumerate(self.acquisitions):
            orientation = details.stage_orientation
            if orientation.swap_xy or orientation.flip_x or orientation.flip_y:
                rows = self.acquisition == number
                start[rows] = orient(
                    start[rows],
                    length[rows],
                    swap_xy=orientation.swap_xy,
                    flip_x=orientation.flip_x,
                    flip_y=orientation.flip_y,
                )
        start = settle(start, steps)
        lacking = self._per_acquisition(lambda details: [axis not in details.axes for axis in AXES]) > 0
        too_long = lacking & (length > 1.5 * steps)
        if too_long.any():
            i, axis = (int(found[0]) for found in np.nonzero(too_long))
            raise ConvertersToolsUserError(
                f"The tile of field of view '{self.fov_names[int(self.fov[i])]}' from "
                f"{self.loaders.loader(i).describe_source()} has length_{AXES[axis]} {self.length[i, axis]:g}, but the "
                f"acquisition has no axis {AXES[axis]}: add it to the axes, or give the tile length 1."
            )
        return np.where(lacking, 0.0, start), np.where(lacking, steps, length)

    def _on_stage(self, steps: Floats) -> tuple[Floats, Floats]:
        start = to_world(self.start, self._per_acquisition(lambda details: _in_pixels(details, "start")) > 0, steps)
        length = to_world(self.length, self._per_acquisition(lambda details: _in_pixels(details, "length")) > 0, steps)
        return start, length

    def raw_zyx(self) -> Floats:
        """Give the stage positions in µm in the order ``z y x``, before orientation, as the instrument states them."""
        start, _ = self._on_stage(self.steps())
        return start[:, 2:]

    def raw_xyz(self) -> Floats:
        """Give the stage positions in µm in the order ``x y z``, before orientation."""
        return self.raw_zyx()[:, ::-1]

    def region_columns(self) -> RegionColumns:
        """Give all tiles as the regions of one image."""
        start, length = self.world()
        columns = RegionColumns(
            fov_names=self.fov_names,
            fov=self.fov,
            start=start,
            length=length,
            original=self.raw_zyx(),
            loaders=self.loaders,
        )
        return columns.select(np.arange(len(columns)))

    def _per_acquisition(self, values: Callable[[AcquisitionDetails], Any]) -> Floats:
        rows = [np.asarray(values(details), dtype=np.float64) for details in self.acquisitions]
        return np.array(rows, dtype=np.float64).reshape(-1, 5)[self.acquisition]


def steps_of(details: AcquisitionDetails) -> Floats:
    """Give the size of a pixel of an acquisition along ``tczyx``."""
    return axis_steps(t=details.t_spacing, z=details.z_spacing, y=details.pixel_size_y, x=details.pixel_size_x)


def _in_pixels(details: AcquisitionDetails, what: str) -> list[bool]:
    return [axis != "c" and getattr(details, f"{what}_{axis}_space") == "pixel" for axis in AXES]


def _channel_count(details: AcquisitionDetails) -> float:
    return np.inf if details.channels is None else len(details.channels)
