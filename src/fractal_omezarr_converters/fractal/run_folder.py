"""A folder for the hand-over files of one run, which only that run uses and which only we remove.

    {temp_url}/run-20261120T093000-1a2b3c4d/     in a plate: .run-20261120T093000-1a2b3c4d, when no other place is asked for
        .fractal-omezarr-converters.json     our mark: who made the folder, for which dataset, with which images
        handover-<32 hex digits>.json        the description of one image
        handover-<32 hex digits>.json.done   written when that image is finished, but does not hold the description itself

Two runs never share a folder. A file goes when its image is finished and holds the same description, so that the job can
be repeated from there; the last one takes the folder along, and those of earlier runs that were to make the same images.
What stays is removed by a later run of the same dataset: when all images are finished, or when it is a week old and the later
run makes all of them again. Nothing is ever removed recursively, and nothing that does not carry our mark.
"""

from __future__ import annotations

import contextlib
import json
import logging
import posixpath
import re
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.ngff.stores import Store, open_store

logger = logging.getLogger(__name__)

MARK = ".fractal-omezarr-converters.json"
MADE_BY = "fractal-omezarr-converters"
HANDOVER_NAME = re.compile(r"handover-[0-9a-f]{32}\.json")
DONE = ".done"
LONGEST_RUN = timedelta(days=7)
"""Jobs that did not finish by then will not."""
RUN_NAME = re.compile(r"\.?run-\d{8}T\d{6}-[0-9a-f]{8}")


def new_run_name() -> str:
    """A name that no other run has."""
    return f"run-{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"


def make_run_folder(temp_url: str, *, zarr_dir: str, images: Iterable[str], name: str | None = None) -> str:
    """Make a folder below ``temp_url`` for this run alone and give its URL."""
    name = name or new_run_name()
    url = _join(temp_url, name)
    write_mark(open_store(url), run=name, zarr_dir=zarr_dir, images=sorted(images))
    return url


def write_mark(store: Store, **facts: Any) -> None:
    """State that this folder is ours."""
    document = {"made_by": MADE_BY, "created": datetime.now(UTC).isoformat(timespec="seconds"), **facts}
    store.put(MARK, json.dumps(document).encode())


def read_mark(store: Store) -> dict[str, Any] | None:
    """The mark of a folder, None when it is not ours."""
    text = store.get(MARK)
    if text is None:
        return None
    try:
        mark = json.loads(text)
    except ValueError:
        return None
    return mark if isinstance(mark, dict) and mark.get("made_by") == MADE_BY else None


def new_handover_name() -> str:
    """A file name that no other hand-over has."""
    return f"handover-{uuid.uuid4().hex}.json"


def mark_done(handover_url: str) -> None:
    """Note beside a hand-over file that its image is finished; a failure to do so is logged, no more."""
    folder, name = posixpath.split(handover_url)
    if not HANDOVER_NAME.fullmatch(name):
        return
    try:
        open_store(folder).put(name + DONE, b"")
    except OSError as error:
        logger.info("Could not note beside %s that the image is finished: %s", handover_url, error)


def remove_used(handover_url: str) -> None:
    """Remove a hand-over file that nobody needs any more, with the run's folder when it was the last; failures are logged.

    Folders of earlier runs go as well when all that they were to make is made.
    """
    folder, name = posixpath.split(handover_url)
    if not HANDOVER_NAME.fullmatch(name):
        return
    try:
        store = open_store(folder)
        store.delete(name)
        mark = read_mark(store) if set(islice(store.list(), 2)) == {MARK} else None
        if mark is None:
            return
        remove_emptied_folder(store)
        parent_url, made = posixpath.dirname(folder), set(mark.get("images", []))
        for other in _runs_in(parent_url):
            earlier = read_mark(other)
            if earlier is not None and _is_replaced(earlier, mark, made):
                remove_marked_files(other)
    except OSError as error:
        logger.info("Could not remove the hand-over file %s of an image that is finished: %s", handover_url, error)


def _is_replaced(earlier: dict[str, Any], mark: dict[str, Any], made: set[str]) -> bool:
    """Whether a run was begun before another one of the same dataset that made all its images."""
    same = earlier.get("zarr_dir") == mark.get("zarr_dir") and "images" in earlier
    return same and str(earlier.get("created")) < str(mark.get("created")) and made.issuperset(earlier["images"])


def _runs_in(url: str) -> list[Store]:
    return [open_store(_join(url, name)) for name in open_store(url).folders() if RUN_NAME.fullmatch(name)]


def remove_useless_runs(temp_url: str, *, zarr_dir: str, images: Iterable[str]) -> None:
    """Remove the folders of earlier runs of this dataset that nobody needs any more."""
    wanted = set(images)
    parent = open_store(temp_url)
    for store in _runs_in(temp_url):
        mark = read_mark(store)
        if mark is None or mark.get("zarr_dir") != zarr_dir:
            continue
        files = files_of(store)
        handovers = {file for file in files if HANDOVER_NAME.fullmatch(file)}
        finished = all(file + DONE in files for file in handovers)
        if (handovers and finished) or (wanted.issuperset(mark.get("images", [])) and _is_old(mark)):
            remove_marked_files(store)
            remove_emptied_folder(parent)


def _is_old(mark: dict[str, Any]) -> bool:
    """Whether the jobs of a run must have ended by now: the same init may have been started twice at once."""
    try:
        created = datetime.fromisoformat(str(mark.get("created")))
    except ValueError:
        return True
    made = created if created.tzinfo is not None else created.replace(tzinfo=UTC)
    return datetime.now(UTC) - made > LONGEST_RUN


def files_of(store: Store) -> set[str]:
    """Names of the files directly in a folder."""
    return {key for key in store.list() if "/" not in key}


def remove_marked_files(store: Store) -> None:
    """Remove our files from a folder that carries our mark, then the folder if nothing else lies in it."""
    if read_mark(store) is None:
        return
    for file in files_of(store):
        if HANDOVER_NAME.fullmatch(file.removesuffix(DONE)):
            store.delete(file)
    remove_emptied_folder(store)


def remove_emptied_folder(store: Store) -> None:
    """Remove our mark when it is the last file of a folder, and the folder when it is empty."""
    left = set(islice(store.list(), 2))
    if left == {MARK} and read_mark(store) is not None:
        store.delete(MARK)
        left = set()
    if not left and "://" not in store.url:
        with contextlib.suppress(OSError):  # somebody else wrote into it just now
            Path(store.url).rmdir()


def cleanup_if_exists(temp_json_url: str) -> None:
    """Remove the hand-over files that we made in a folder and in the run folders directly below it.

    Files without our mark stay where they are. Failures other than being given a file are logged.

    Raises:
        ConvertersToolsUserError: ``temp_json_url`` is a file.
    """
    store = open_store(temp_json_url)
    if "://" not in store.url and Path(store.url).is_file():
        raise ConvertersToolsUserError(
            f"{temp_json_url} is a file; give the folder that holds the hand-over files of a conversion."
        )
    try:
        runs = _runs_in(temp_json_url)
        for run in runs:
            remove_marked_files(run)
        remove_marked_files(store)
        if runs:
            remove_emptied_folder(store)
    except OSError as error:
        logger.error("Could not remove the hand-over files in %s: %s", temp_json_url, error)


def _join(url: str, name: str) -> str:
    return url.rstrip("/\\") + "/" + name
