"""Images that a living process is writing at this moment: a run that would write the same ones is refused, with who does it.

Known on disks alone, where whoever writes keeps a file in the staging folder alive. What is only planned (jobs that wait in a
queue) is not seen; two processes that do write one image keep apart as :mod:`fractal_omezarr_converters.ngff.staging` says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.ngff.groups import join
from fractal_omezarr_converters.ngff.staging_owner import ALIVE_SECONDS, Writer, living_writer
from fractal_omezarr_converters.ngff.stores import LocalStore, Store


def refuse_while_written(store: Store, image_paths: Iterable[str]) -> None:
    """Raise when a living process of another run is writing one of these images.

    Raises:
        ConvertersToolsUserError: it is; user, host, process and the first such image are named.
    """
    if not isinstance(store, LocalStore):
        return
    by_folder: dict[str, set[str]] = defaultdict(set)
    for path in image_paths:
        folder, _, name = path.rpartition("/")
        by_folder[folder].add(name)
    written: list[tuple[str, Writer]] = []
    for folder, names in sorted(by_folder.items()):
        for staged in sorted(store.folders(folder)):
            name, kind, _ = staged.removeprefix(".").partition(".writing-")
            if kind and staged.startswith(".") and name in names:
                writer = living_writer(store, join(folder, staged))
                if writer is not None:
                    written.append((join(folder, name), writer))
    if not written:
        return
    path, writer = written[0]
    more = f" and {len(written) - 1} more of this run" if len(written) > 1 else ""
    later = "" if writer.here else f" {ALIVE_SECONDS / 60:g} minutes later"
    raise ConvertersToolsUserError(
        f"Image '{path}'{more} in {store.url} is being written by another run at this moment ({writer.said()}); wait until that "
        f"run has ended, or stop it and run again{later}."
    )
