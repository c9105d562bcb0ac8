"""Requests to object stores: again after a failure that may pass, and whatever is final in words that name the object.

s3fs and botocore repeat a request by themselves when the store is busy or a connection breaks. What is added here: content whose
checksum is wrong, clocks that differ, and a few more tries with growing pauses. Nothing of the request itself, such as its
signature, goes into a message.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import io
import os
import random
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from fractal_omezarr_converters.errors import (
    ConvertersToolsError,
    ConvertersToolsFileNotFoundError,
    ConvertersToolsStoreError,
    ConvertersToolsUserError,
)
from fractal_omezarr_converters.models import remote_ahead

TRIES = 3
LONGEST_PAUSE = 8.0
PAUSE_VARIABLE = "OMEZARR_STORE_PAUSE"
"""Environment variable with another longest pause between two tries, in s."""
_EARLY = 64 * 2**20
"""Bytes up to which an object is fetched before it is read."""
WHOLE_FILE = 256 * 2**20
"""Bytes up to which a file is fetched whole and compared with its checksum; of larger ones parts are read."""
LARGEST_PAUSE = 3600.0
_STORE_ERRORS = {
    "aiohttp": ("ClientError",),
    "aiohttp.http_exceptions": ("HttpProcessingError",),
    "azure.core.exceptions": ("AzureError",),
    "botocore.exceptions": ("BotoCoreError", "ClientError"),
    "fsspec.exceptions": ("BlocksizeMismatchError",),
    "gcsfs.retry": ("HttpError", "ChecksumError"),
    "google.api_core.exceptions": ("GoogleAPIError",),
    "google.auth.exceptions": ("GoogleAuthError",),
    "urllib3.exceptions": ("HTTPError",),
}
"""Base classes of what file systems of stores raise besides OSError, by the module that has them."""
_HOPELESS = ("NoCredentialsError", "PartialCredentialsError", "ParamValidationError", "ProfileNotFound", "NoSuchBucket")
_MAY_PASS = (
    "RequestTimeTooSkewed",
    "RequestTimeout",
    "IncompleteBody",
    "BadDigest",
    "XAmzContentSHA256Mismatch",
    "SlowDown",
    "ServiceUnavailable",
    "InternalError",
    "Throttl",
)
_PASSING_NUMBERS = {
    getattr(errno, name)
    for name in "EBUSY EIO EREMOTEIO ETIMEDOUT ECONNRESET EAGAIN EPIPE EHOSTUNREACH ENETUNREACH".split()
    if hasattr(errno, name)
}
_watching: list[tuple[str, list[ConvertersToolsError]]] = []
_MD5 = re.compile(r"[0-9a-f]{32}")
_SECRETS = re.compile(
    r"(?i)((?:signature|credential|token|secret|access_?key(?:_?id)?|password)[\w.-]*)(\s*[=:]\s*)[^\s&,;\"']+"
)


def storage_options(url: str) -> dict[str, Any]:
    """Options of the file system of a URL: no listing is kept, because other processes write too; S3 retries as is usual."""
    options: dict[str, Any] = {"use_listings_cache": False}
    if url.lower().startswith(("s3://", "s3a://")):
        _repeat_after_wrong_checksums()
        if not {"AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE"} & os.environ.keys():
            options["config_kwargs"] = {"retries": {"mode": "standard", "max_attempts": 4}}
    return options


@functools.cache
def _repeat_after_wrong_checksums() -> None:
    """Let s3fs read again when the content that came is not what the store's checksum says."""
    try:
        from botocore.exceptions import FlexibleChecksumError
        from s3fs.core import add_retryable_error
    except ImportError:  # not installed, or older than that function: then only requests of ours are repeated
        return
    add_retryable_error(FlexibleChecksumError)


def request[T](url: str, done: str, act: Callable[[], T]) -> T:
    """Do something with an object; ``done`` is a word for it such as ``read`` or ``written``.

    Raises:
        FileNotFoundError: the object is not there.
        FileExistsError: it is there and must not be.
        ConvertersToolsStoreError: the store refuses, or does not answer after several tries.
    """
    for tried in range(1, TRIES + 1):
        try:
            return act()
        except (FileNotFoundError, FileExistsError, ConvertersToolsError):
            raise
        except store_errors() as error:
            if tried == TRIES or not _may_pass(error):
                raise _noted(url, refused(url, done, error)) from error
        time.sleep(random.uniform(0.5, 1) * min(longest_pause(), 2.0**tried / 2))
    raise AssertionError(url)  # the loop returns or raises


def longest_pause() -> float:
    """Give the longest pause between two tries, in s.

    Raises:
        ConvertersToolsUserError: the environment variable is no number of seconds.
    """
    stated = os.environ.get(PAUSE_VARIABLE, "").strip()
    try:
        pause = float(stated or LONGEST_PAUSE)
    except ValueError:
        pause = -1.0
    if not 0 <= pause <= LARGEST_PAUSE:
        raise ConvertersToolsUserError(
            f"The environment variable {PAUSE_VARIABLE} is '{stated}'; give seconds from 0 to {LARGEST_PAUSE:g}, such as 8."
        )
    return pause


def refused(url: str, done: str, error: BaseException) -> ConvertersToolsStoreError:
    """The error of a request in one sentence, without any secret."""
    said = _SECRETS.sub(r"\1\2...", " ".join(str(error).split())) or type(error).__name__
    name = type(error).__name__
    if isinstance(error, PermissionError):
        remedy = "check that the credentials are right, have not expired, and may do this here"
    elif isinstance(error, FileNotFoundError):
        remedy = "check that the bucket exists"
    elif name in _HOPELESS:
        remedy = "check the credentials and settings of this store"
    elif name == "FlexibleChecksumError":
        remedy = "the content arrives changed or is damaged in the store: check the network, or copy the object again"
    elif _may_pass(error):
        remedy = "check that the store can be reached and is not overloaded"
    else:
        remedy = "check the address and the settings of the store"
    return ConvertersToolsStoreError(f"{url} could not be {done} ({said.rstrip('.')}); {remedy}, then run again.")


def store_errors(*also: type[Exception]) -> tuple[type[Exception], ...]:
    """Exceptions that say that a store, or the way to it, failed; of libraries that are loaded, as one that raised is.

    ``also`` are others to be caught at the same place. ``except store_errors() as error`` asks for them when something was
    raised, and loads none.
    """
    loaded = [(sys.modules[name], classes) for name, classes in _STORE_ERRORS.items() if name in sys.modules]
    return (
        *also,
        OSError,
        *(getattr(module, each) for module, classes in loaded for each in classes if hasattr(module, each)),
    )


def read_whole(filesystem: Any, url: str) -> bytes:
    """Fetch an object and compare it with the length and, where the store states it, the checksum of what was put.

    Raises:
        ConvertersToolsFileNotFoundError: it is not there.
        ConvertersToolsStoreError: it cannot be read, or not as it was put.
    """
    early = remote_ahead.taken(url)
    return found(url, lambda: _checked(filesystem, url, filesystem.info(url))) if early is None else early


def begin_to_read(filesystem: Any, url: str) -> None:
    """Begin to fetch an object that will be read as a whole; nothing happens when it is large, or the store refuses."""

    def fetch() -> bytes | None:
        try:
            facts = filesystem.info(url)
            size = facts.get("size")
            return None if size is None or size > _EARLY else _checked(filesystem, url, facts)
        except store_errors(ConvertersToolsError):  # the reader asks again, and tells
            return None

    remote_ahead.begin(url, fetch)


def open_remote(filesystem: Any, url: str) -> Any:
    """Open an object for reading: as a whole, compared with its checksum, unless it is very large."""
    early = remote_ahead.taken(url)
    if early is not None:
        return io.BytesIO(early)

    def fetch() -> io.BytesIO | None:
        facts = filesystem.info(url)
        size = facts.get("size")
        return io.BytesIO(_checked(filesystem, url, facts)) if size is not None and size <= WHOLE_FILE else None

    whole = found(url, fetch)
    return found(url, lambda: filesystem.open(url, "rb")) if whole is None else whole


def _checked(filesystem: Any, url: str, facts: Mapping[str, Any]) -> bytes:
    """Fetch an object of which the store said some facts, and compare."""
    content = bytes(filesystem.cat_file(url))
    size, tag = facts.get("size"), str(facts.get("ETag") or "").strip('"')
    if size is not None and len(content) != size:
        raise OSError(errno.EIO, f"{len(content)} of {size} bytes came")
    encrypted = str(facts.get("ServerSideEncryption") or "AES256") != "AES256" or facts.get("SSECustomerAlgorithm")
    if _MD5.fullmatch(tag) and not encrypted and hashlib.md5(content, usedforsecurity=False).hexdigest() != tag:
        raise OSError(errno.EIO, "the content is not what the checksum of the store says")
    return content


def read_begin(filesystem: Any, url: str, count: int) -> bytes:
    """Fetch the first bytes of an object."""
    return bytes(found(url, lambda: filesystem.head(url, count)))


def is_object(filesystem: Any, url: str) -> bool:
    """Say whether there is an object of this address."""
    return bool(request(url, "looked for", lambda: filesystem.isfile(url)))


def found[T](url: str, act: Callable[[], T]) -> T:
    """Read something of an object that must be there.

    Raises:
        ConvertersToolsFileNotFoundError: it is not there.
        ConvertersToolsStoreError: the store refuses, or does not answer after several tries.
    """
    try:
        return request(url, "read", act)
    except ConvertersToolsError:
        raise
    except FileNotFoundError as error:
        raise _noted(url, ConvertersToolsFileNotFoundError(f"'{url}' does not exist; check the address.")) from error


@contextmanager
def watched(below: str) -> Iterator[list[ConvertersToolsError]]:
    """Collect what is refused below an address in this block: readers of headers take some of it for a damaged file."""
    seen: list[ConvertersToolsError] = []
    _watching.append((below, seen))
    try:
        yield seen
    finally:
        _watching[:] = [each for each in _watching if each[1] is not seen]


def _noted[Refusal: ConvertersToolsError](url: str, error: Refusal) -> Refusal:
    for below, seen in _watching:
        if url.startswith(below):
            seen.append(error)
    return error


def facts_of(filesystem: Any, url: str) -> tuple[int, int]:
    """Give the size of an object in bytes, and when it was written in ns since 1970 (0: the store does not say)."""
    return facts_in(found(url, lambda: filesystem.info(url)))


def facts_in(facts: Mapping[str, Any]) -> tuple[int, int]:
    """Give size and time as :func:`facts_of` does, from what a file system says of an object or lists.

    Whole seconds: an answer about one object says no more, a listing of some stores does.
    """
    written = next((facts[key] for key in ("LastModified", "last_modified", "mtime") if facts.get(key)), None)
    seconds = written.timestamp() if isinstance(written, datetime) else float(written or 0)
    return int(facts.get("size") or 0), int(seconds) * 10**9


def _may_pass(error: BaseException) -> bool:
    words = f"{type(error).__name__} {error} {_code(error)}"
    if any(name in words for name in _HOPELESS):
        return False
    if isinstance(error, PermissionError):
        # the answer to HEAD has no code: it may be a clock that differs as well
        return "RequestTimeTooSkewed" in words or _code(error) in ("", "403")
    if any(name in words for name in _MAY_PASS):
        return True
    if isinstance(error, OSError):
        return isinstance(error, TimeoutError | ConnectionError) or error.errno in (None, *_PASSING_NUMBERS)
    return True


def _code(error: BaseException) -> str:
    """The code with which S3 answered, of the error or of its cause."""
    for one in (error, error.__cause__):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return ""
