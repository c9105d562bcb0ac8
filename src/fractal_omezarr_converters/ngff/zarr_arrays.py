"""Arrays of a store as zarr's lazy arrays; the only door to the zarr library for reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.remote_calls import refused, storage_options, store_errors
from fractal_omezarr_converters.ngff.groups import join
from fractal_omezarr_converters.ngff.stores import LocalStore, Store

if TYPE_CHECKING:
    import numpy as np
    import zarr


#: What codecs raise on damaged chunks.
DECODE_ERRORS = (
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    MemoryError,
    OSError,
    OverflowError,
    SystemError,
)


def zarr_store(store: Store, path: str = "") -> Any:
    """Return a zarr store, read-only, rooted at a path of one of our stores."""
    from fractal_omezarr_converters.ngff.checked_chunks import CheckedLocalStore, CheckedRemoteStore

    if isinstance(store, LocalStore):
        return CheckedLocalStore(store.path / path, read_only=True)
    import fsspec

    filesystem = getattr(store, "_fs", None)
    root = join(str(getattr(store, "_root", "")), path)
    if filesystem is None:
        options = storage_options(store.url)
        return CheckedRemoteStore.from_url(join(store.url, path), storage_options=options, read_only=True)
    if not filesystem.async_impl:
        from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper

        filesystem = AsyncFileSystemWrapper(filesystem, asynchronous=True)
    elif not filesystem.asynchronous:
        protocol = filesystem.protocol if isinstance(filesystem.protocol, str) else filesystem.protocol[0]
        filesystem = fsspec.filesystem(protocol, **{**filesystem.storage_options, "asynchronous": True})
    return CheckedRemoteStore(
        filesystem, path=f"/{root}" if str(getattr(store, "_root", "")).startswith("/") else root, read_only=True
    )


def open_array(store: Store, path: str) -> zarr.Array[Any]:
    """Open one array lazily; pixels are read when it is indexed.

    Raises:
        ConvertersToolsUserError: there is no array, or it is damaged.
    """
    import zarr

    try:
        from fractal_omezarr_converters.ngff.checked_chunks import CheckedLocalStore, CheckedRemoteStore, frames_of

        array = zarr.open_array(zarr_store(store, path), mode="r")
        assert isinstance(array.store, CheckedLocalStore | CheckedRemoteStore)  # as zarr_store made it
        array.store.inner = frames_of(array.metadata.to_dict())
        return array
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ConvertersToolsUserError(
            f"The array '{path}' in {store.url} cannot be opened ({error}); convert the image again."
        ) from error
    except store_errors() as error:
        raise refused(join(store.url, path), "read", error) from error


def read_part(array: zarr.Array[Any], region: tuple[slice | int, ...]) -> np.ndarray[Any, Any]:
    """Read a part of an array, one slice or index for each axis.

    Raises:
        IndexError: the region does not fit the array.
        PermissionError: a chunk may not be read.
        Exception: one of ``DECODE_ERRORS``: a chunk is damaged.
    """
    import numpy as np

    try:
        return np.asarray(array[region])
    except ExceptionGroup as group:
        # zarr reads chunks at the same time and collects what fails; a user is told which damage there is, not of a group
        damaged, other = group.split(DECODE_ERRORS)
        if damaged is None or other is not None:
            raise
        if isinstance(_first_of(damaged), PermissionError):
            raise _first_of(damaged) from group
        raise ValueError(" ".join(str(_first_of(damaged)).split()) or type(_first_of(damaged)).__name__) from group


def _first_of(group: BaseException) -> BaseException:
    """The first error of a group, which may hold groups."""
    return _first_of(group.exceptions[0]) if isinstance(group, BaseExceptionGroup) else group
