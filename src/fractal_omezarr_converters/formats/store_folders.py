"""Folders of instruments in an object store, laid out on this disk while their metadata are read.

Formats list folders and open files. So the tree of a folder in a store is laid out in a temporary folder: metadata with their
content, images as placeholders of true name, size and time (see :mod:`models.placeholders`), whose headers are read from the
store. What a scan gives then names the objects in the store, and so does every message; the temporary folder is removed.
"""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsStoreError
from fractal_omezarr_converters.models import placeholders
from fractal_omezarr_converters.models.urls import filesystem_for_url, join_url_paths, parent_url

if TYPE_CHECKING:
    from fractal_omezarr_converters.core.loader_columns import LoaderBlock, LoaderColumns
    from fractal_omezarr_converters.formats.contract import Scan

_kept: ContextVar[dict[str, StoreFolder] | None] = ContextVar("_kept", default=None)


@contextmanager
def kept_folders() -> Iterator[dict[str, StoreFolder]]:
    """Keep what is laid out of stores until the end of the block, so that what finds out the format and what scans share it."""
    kept = _kept.get()
    if kept is not None:
        yield kept
        return
    made: dict[str, StoreFolder] = {}
    token = _kept.set(made)
    try:
        yield made
    finally:
        _kept.reset(token)
        for each in made.values():
            each.remove()


@contextmanager
def folder_in_store(url: str) -> Iterator[StoreFolder]:
    """Lend a folder or file of a store as it is laid out here.

    Raises:
        ConvertersToolsFileNotFoundError: there is nothing at this address.
        ConvertersToolsStoreError: the store refuses.
        ConvertersToolsUserError: it cannot be laid out here.
    """
    with kept_folders() as kept:
        place = join_url_paths(url)
        if place not in kept:
            kept[place] = StoreFolder(place)
        yield kept[place]


@contextmanager
def file_in_store(url: str) -> Iterator[StoreFolder]:
    """Lend one file of a store, without what lies around it; it raises what :func:`folder_in_store` does."""
    laid_out = StoreFolder(join_url_paths(url), alone=True)
    try:
        yield laid_out
    finally:
        laid_out.remove()


class StoreFolder:
    """A folder (or a file, with the folder around it unless ``alone``) of a store as it is laid out on this disk."""

    def __init__(self, url: str, *, alone: bool = False) -> None:
        """List and lay out; on failure nothing stays behind."""
        import tempfile

        from fractal_omezarr_converters.models.store_listing import lay_out, list_folder, one_file

        scheme = url.partition("://")[0]
        self._store = f"{scheme}://"
        self.url = url
        filesystem = filesystem_for_url(url, "Reading a folder")
        listing = [one_file(filesystem, url)] if alone else list_folder(filesystem, url)
        # the real path, because formats resolve links: /tmp may be one
        self._folder = os.path.realpath(tempfile.mkdtemp(prefix="omezarr-")) + os.sep
        self.path = self._folder + url[len(self._store) :].replace("/", os.sep)
        placeholders.stands_for(self._folder, self._store)
        try:
            lay_out(filesystem, listing, self._store, Path(self._folder))
        except BaseException:
            self.remove()
            raise
        self._around = f"{url if os.path.isdir(self.path) else parent_url(url)}/"  # noqa: PTH112  # a text

    def remove(self) -> None:
        """Remove what is laid out."""
        import shutil

        placeholders.forget(self._folder)
        shutil.rmtree(self._folder, onexc=_remove_readonly)

    def ask[Answer](self, question: Callable[[str], Answer]) -> Answer:
        """Put a question about the path where it is laid out; errors and warnings name the store.

        Raises:
            ConvertersToolsStoreError: the store refused something, even if the question was answered without it.
        """
        from fractal_omezarr_converters.models.remote_calls import watched

        with watched(self._around) as refusals, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                answer = question(self.path)
            except ConvertersToolsError as error:
                if refusals and not isinstance(error, ConvertersToolsStoreError):
                    raise refusals[0] from error
                error.args = tuple(self.renamed(each) for each in error.args)
                raise
        for each in caught:
            warnings.warn(self.renamed(str(each.message)), each.category, stacklevel=4)
        if refusals:
            raise refusals[0]
        return answer

    def renamed(self, value: Any) -> Any:
        """Give a value in which texts name the store instead of this disk."""
        if isinstance(value, str):
            return value.replace(self._folder, self._store)
        if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
            return type(value)(self.renamed(each) for each in value)
        if isinstance(value, dict):
            return {key: self.renamed(each) for key, each in value.items()}
        if isinstance(value, BaseModel):
            own = {name: getattr(value, name) for name in type(value).model_fields}
            changed = {name: new for name, old in own.items() if (new := self.renamed(old)) != old}
            return value.model_copy(update=changed) if changed else value
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            stated = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
            new_values = {name: self.renamed(each) for name, each in stated.items()}
            return dataclasses.replace(value, **new_values) if new_values != stated else value
        return value

    def renamed_scan(self, scan: Scan) -> Scan:
        """Give a scan whose tiles are read from the store."""
        tiles = scan.tiles
        changed = tiles.replaced(
            loaders=self._renamed_loaders(tiles.loaders), acquisitions=self.renamed(list(tiles.acquisitions))
        )
        rest = {
            each.name: self.renamed(getattr(scan, each.name))
            for each in dataclasses.fields(scan)
            if each.name != "tiles"
        }
        return type(scan)(tiles=changed, **rest)

    def _renamed_loaders(self, loaders: LoaderColumns) -> LoaderColumns:
        from fractal_omezarr_converters.core.loader_columns import LoaderColumns

        return LoaderColumns([self._renamed_block(each) for each in loaders.blocks], loaders.block, loaders.row)

    def _renamed_block(self, block: LoaderBlock) -> LoaderBlock:
        """Loaders of objects, with sizes and times as the store listed them, so that nobody asks for each again."""
        from fractal_omezarr_converters.core.loader_columns import LoaderBlock
        from fractal_omezarr_converters.models.source_files import facts_of

        columns = {
            name: self.renamed(list(column)) if _is_text(column) else column for name, column in block.columns().items()
        }
        made = LoaderBlock(block.type_name, block.size, columns)
        paths = block.paths()
        if paths is not None:
            urls = self.renamed(paths)
            below = [path if path != url else None for path, url in zip(paths, urls)]
            made.take_facts([url if path is not None else None for path, url in zip(below, urls)], *facts_of(below))
        return made


def _is_text(column: Any) -> bool:
    """Say whether a column may hold paths."""
    return not hasattr(column, "dtype") or column.dtype.kind in "OU"


def _remove_readonly(function: Callable[[str], object], path: str, error: BaseException) -> None:
    """Remove what may only be read: where rights belong to the file (Windows), placeholders stand in their own way."""
    if isinstance(error, FileNotFoundError):
        return
    os.chmod(path, 0o700)  # noqa: PTH101  # given a text
    function(path)
