"""Tiles as columns: what a format's scan gives, what filters work on, and what becomes images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fractal_omezarr_converters.core.attributes import AttributeType
from fractal_omezarr_converters.core.columns import RegionColumns
from fractal_omezarr_converters.core.distinct_values import acquisition_key, attributes_key, collection_key, joined
from fractal_omezarr_converters.core.geometry import AXES, Floats
from fractal_omezarr_converters.core.loader_columns import LoaderColumns
from fractal_omezarr_converters.core.moments import Moments, joined_moments
from fractal_omezarr_converters.core.stage_places import StatedPlaces, stated_length, stated_start, tile_words
from fractal_omezarr_converters.core.tile import Tile
from fractal_omezarr_converters.core.tile_collector import TileCollector
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails
from fractal_omezarr_converters.models.collections import CollectionInterface

Numbers = NDArray[np.int32]


class TileTable:
    """n tiles as columns; collections, acquisitions and attribute sets are stored once and pointed at.

    ``start`` and ``length`` (float64, n x 5, ``tczyx``) are as the tiles state them, in the spaces of their
    acquisition; :meth:`world` gives them in world units. ``moments`` say when tiles were acquired, where that is known.
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
        moments: Moments | None = None,
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
        self.moments = moments
        sizes = {
            "fov": len(self.fov),
            "start": len(self.start),
            "length": len(self.length),
            "loaders": len(loaders),
            "collection": len(self.collection),
            "acquisition": len(self.acquisition),
            "attribute_set": len(self.attribute_set),
            "moments": len(self.fov) if moments is None else len(moments),
        }
        if len(set(sizes.values())) != 1:
            raise ConvertersToolsUserError(f"The columns of a table of tiles have different numbers of rows: {sizes}.")
        self._check_numbers()

    def _check_numbers(self) -> None:
        """Refuse what :class:`Tile` would refuse, for all rows at once."""
        channels = np.array([_channel_count(details) for details in self.acquisitions] or [0])
        first, last = self.start[:, 1], self.start[:, 1] + self.length[:, 1]
        rules: list[tuple[NDArray[np.bool_], str]] = [
            (~np.isfinite(self.start), "has a start that is not a number"),
            (~np.isfinite(self.length), "has a length that is not a number"),
            (self.length <= 0, "has a length that is not greater than 0"),
            (first < 0, "has a negative channel index"),
        ]
        if len(self):
            rules.append((last > channels[self.acquisition], "has a channel beyond the channels of its acquisition"))
        for found, words in rules:
            if found.any():
                wrong = found.any(axis=1) if found.ndim > 1 else found
                i = int(np.argmax(wrong))
                start = dict(zip(AXES, self.start[i].tolist()))
                length = dict(zip(AXES, self.length[i].tolist()))
                raise ConvertersToolsUserError(
                    f"{self._words(i)} {words} (start {start}, length {length}; "
                    f"{int(wrong.sum())} such tiles): correct the metadata or the list of channels."
                )

    @classmethod
    def from_tiles(cls, tiles: Iterable[Tile[Any, Any]]) -> TileTable:
        """Take Tile objects."""
        collector = TileCollector()
        for tile in tiles:
            collector.add(
                fov=tile.fov_name,
                collection=tile.collection,
                acquisition=tile.acquisition_details,
                start=stated_start(tile),
                length=stated_length(tile),
                loader=tile.image_loader,
                attributes=tile.attributes,
                acquired_at=tile.acquired_at,
            )
        return cls(**collector.columns())

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
            acquired_at=None if self.moments is None else self.moments.time(i),
        )

    def replaced(self, **columns: Any) -> TileTable:
        """Give a table of which some columns are others; what is not named is shared."""
        own = {
            "fov_names": self.fov_names,
            "fov": self.fov,
            "start": self.start,
            "length": self.length,
            "loaders": self.loaders,
            "collections": self.collections,
            "collection": self.collection,
            "acquisitions": self.acquisitions,
            "acquisition": self.acquisition,
            "attribute_sets": self.attribute_sets,
            "attribute_set": self.attribute_set,
            "moments": self.moments,
        }
        return TileTable(**{**own, **columns})

    def select(self, chosen: ArrayLike) -> TileTable:
        """Give some tiles, by mask or index; what they point at is shared."""
        index = np.asarray(chosen)
        if index.dtype != bool:
            index = index.astype(np.int64)
        return self.replaced(
            fov=self.fov[index],
            start=self.start[index],
            length=self.length[index],
            loaders=self.loaders.select(index),
            collection=self.collection[index],
            acquisition=self.acquisition[index],
            attribute_set=self.attribute_set[index],
            moments=None if self.moments is None else self.moments.select(index),
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
            moments=joined_moments([(table.moments, len(table)) for table in tables]),
        )

    def stated(self) -> StatedPlaces:
        """Give starts and lengths as the tiles state them, with their acquisitions."""
        return StatedPlaces(self.start, self.length, self.acquisitions, self.acquisition)

    def steps(self) -> Floats:
        """Give the size of a pixel (s, 1, µm, µm, µm) along ``tczyx`` for every tile."""
        return self.stated().steps()

    def world(self) -> tuple[Floats, Floats]:
        """Give starts and lengths in µm and seconds on the image's axes, after orientation of the stage.

        Starts within 0.01 px of the pixel grid are put on it. Axes that the acquisition lacks are 0 with the
        length of one pixel.
        """
        start, length = self._world
        return start.copy(), length.copy()

    @cached_property
    def _world(self) -> tuple[Floats, Floats]:
        return self.stated().world(self._words)

    def _words(self, i: int) -> str:
        return tile_words(self.fov_names[int(self.fov[i])], self.loaders.loader(i))

    def raw_zyx(self) -> Floats:
        """Give the stage positions in µm in the order ``z y x``, before orientation, as the instrument states them."""
        return self.stated().start_on_stage()[:, 2:]

    def raw_xyz(self) -> Floats:
        """Give the stage positions in µm in the order ``x y z``, before orientation."""
        return self.raw_zyx()[:, ::-1]

    def region_columns(self) -> RegionColumns:
        """Give all tiles as the regions of one image; of the moments, the first of each field's frame is kept."""
        start, length = self.world()
        moments = self.moments
        if moments is not None:
            moments = moments.first_of_each(self.collection, self.fov, self.start[:, 0])
        columns = RegionColumns(
            fov_names=self.fov_names,
            fov=self.fov,
            start=start,
            length=length,
            original=self.raw_zyx(),
            loaders=self.loaders,
            moments=moments,
        )
        return columns.part(np.arange(len(columns)))


def _channel_count(details: AcquisitionDetails) -> float:
    return np.inf if details.channels is None else len(details.channels)
