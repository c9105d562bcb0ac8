"""The tiles of a registered image as the writer asks for them: boxes of whole pixels that are read on demand."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from fractal_omezarr_converters.core import pixels
from fractal_omezarr_converters.core.loader_columns import LoaderBlock
from fractal_omezarr_converters.core.pixel_types import TYPE_THAT_FITS, misfit
from fractal_omezarr_converters.core.placement import Placement
from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsUserError
from fractal_omezarr_converters.models.blocks import load_part
from fractal_omezarr_converters.models.file_fetching import fetch
from fractal_omezarr_converters.models.remote_ahead import forget
from fractal_omezarr_converters.models.remote_calls import begin_to_read
from fractal_omezarr_converters.models.urls import clean_url, filesystem_for_url, is_remote_url

Part = tuple[slice, slice, slice, slice, slice]
AXES = "tczyx"

TILES_LOOKED_AT = 64
"""When a type does not fit, so many tiles are read to name the files whose values it cannot hold."""
MOST_NAMED = 8
_LOOKING = threading.Lock()
"""One of the threads that meet a type that does not fit looks for the other files."""


class ImageTiles:
    """The regions of an image in the order in which they are laid; each is read from its loader when asked for."""

    def __init__(self, image: TiledImage[Any, Any], placement: Placement, resource: Any = None) -> None:
        self._rows = np.asarray(placement.order, dtype=np.int64)
        self.start: npt.NDArray[np.int64] = placement.start[self._rows]
        self.length: npt.NDArray[np.int64] = placement.length[self._rows]
        self._columns = image.columns
        self._axes = "".join(image.axes)
        self._dtype = str(image.data_type)
        self._resource = resource
        self._unfit: list[str] | None = None
        self._ahead: set[str] = set()
        self._tiles_of_file: dict[int, Counter[str]] = {}

    def read(self, index: int) -> npt.NDArray[Any]:
        """All pixels of one tile, five axes, checked against its place and cast without loss."""
        return self._cast(self._block(index), index)

    def _block(self, index: int) -> npt.NDArray[Any]:
        row = int(self._rows[index])
        loader = self._columns.loaders.loader(row)
        name = self._columns.fov_name(row)
        lengths = [int(size) for size in self.length[index]]
        return pixels.load_block(loader, self._axes, lengths, resource=self._resource, fov_name=name)

    def _cast(self, block: npt.NDArray[Any], index: int) -> npt.NDArray[Any]:
        if block.dtype == self._dtype:
            return block
        unfit = misfit(block, self._dtype)
        if unfit is None:
            return block.astype(self._dtype)
        with _LOOKING:
            self._unfit = self._all_unfit() if self._unfit is None else self._unfit
            others = [one for one in self._unfit if one != self._words(index)][:MOST_NAMED]
        too = f", and the same is true of {', '.join(others)}" if others else ""
        raise ConvertersToolsUserError(f"{self._words(index)} {unfit}{too}; {TYPE_THAT_FITS}")

    def _all_unfit(self) -> list[str]:
        """The sources, of the first so many tiles, that have values which the image's type cannot hold."""
        found: list[str] = []
        for other in range(min(len(self._rows), TILES_LOOKED_AT)):
            words = self._words(other)
            if words in found:
                continue
            with contextlib.suppress(ConvertersToolsError):  # one that cannot be read is told when its turn comes
                if misfit(self._block(other), self._dtype) is not None:
                    found.append(words)
            if len(found) > MOST_NAMED:
                break
        return found

    def _words(self, index: int) -> str:
        row = int(self._rows[index])
        source = self._columns.loaders.loader(row).describe_source(self._resource)
        return f"{source} (field of view '{self._columns.fov_name(row)}')"

    def read_into(self, index: int, out: npt.NDArray[Any]) -> bool:
        """Read a tile that is one plane straight into its place; False, with nothing done, when it must be read and copied."""
        whole = out.shape == tuple(self.length[index].tolist()) and out.shape[:3] == (1, 1, 1)
        if not whole or not out.flags.c_contiguous or out.dtype != self._dtype:
            return False
        return self._columns.loaders.loader(int(self._rows[index])).load_into(out[0, 0, 0], self._resource)

    def will_need(self, index: int, *, hold: bool) -> None:
        """A tile will be read soon: let the system fetch its file; with ``hold``, fetch its object of a store."""
        loaders, row = self._columns.loaders, int(self._rows[index])
        paths = loaders.blocks[int(loaders.block[row])].paths(self._resource)
        path = paths[int(loaders.row[row])] if paths is not None else None
        if path is not None:
            fetch(path)
        elif hold and (url := self._object_of(row)) is not None:
            self._ahead.add(url)
            begin_to_read(filesystem_for_url(url), url)

    def will_need_no_more(self) -> None:
        """No tile is read any more: let go of what was fetched for it."""
        forget(self._ahead)
        self._ahead.clear()

    @property
    def are_remote(self) -> bool:
        """Whether some tiles are objects of a store that are fetched ahead."""
        return any(self._holds_objects(block) for block in self._columns.loaders.blocks)

    def _holds_objects(self, block: LoaderBlock) -> bool:
        paths = block.paths(self._resource)
        if paths is not None and None not in paths:  # local ones, as nearly all are: not each is looked at
            return False
        return any(map(is_remote_url, map(str, block.columns().get("file_path", ()))))

    def _object_of(self, row: int) -> str | None:
        """The object of a store that holds this tile and no other; those that hold many are kept open where they are read."""
        loaders = self._columns.loaders
        number, place = int(loaders.block[row]), int(loaders.row[row])
        names = loaders.blocks[number].columns().get("file_path")
        if names is None or not isinstance(text := names[place], str):  # a converter's own loader need not read a file
            return None
        if number not in self._tiles_of_file:
            self._tiles_of_file[number] = Counter(names[at] for at in loaders.row[loaders.block == number].tolist())
        url = clean_url(text)
        return url if is_remote_url(url) and "#" not in url and self._tiles_of_file[number][text] == 1 else None

    def reads_parts(self, index: int) -> bool:
        """Whether a part of a tile can be read without the rest."""
        return self._columns.loaders.loader(int(self._rows[index])).reads_parts()

    def read_part(self, index: int, part: Part) -> npt.NDArray[Any] | None:
        """A part of one tile; None when its loader can only read whole tiles."""
        row = int(self._rows[index])
        loader = self._columns.loaders.loader(row)
        lengths = [int(size) for size in self.length[index]]
        block = load_part(loader, part, image_axes=self._axes, lengths=lengths, resource=self._resource)
        if block is None:
            return None
        return self._cast(block, index)
