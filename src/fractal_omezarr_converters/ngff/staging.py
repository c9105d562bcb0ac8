"""Staging: an image is written beside its place, checked, and exchanged for the old one by renames.

On a local disk the image grows in a hidden folder beside its final path. ``commit`` moves the old image aside, the new one into
place, and only then removes the old one; whoever dies in between leaves either the old or the new image whole, and the next run
puts an image that was moved aside back. Object stores cannot rename: the image is written in place, is marked 'being written'
at once, and counts only with its completion mark, which is written last.
"""

from __future__ import annotations

import json
import os
import socket
import uuid
from types import TracebackType
from typing import Self

from fractal_omezarr_converters.errors import ConvertersToolsInternalError, ConvertersToolsOutputExistsError
from fractal_omezarr_converters.ngff import completion
from fractal_omezarr_converters.ngff.stores import Store, open_store

_STAGED, _ASIDE = "writing", "replaced"
_OWNER = "fractal-omezarr-converters-owner.json"


class StagedImage:
    """A context in which an image is written; left without ``commit``, nothing has happened.

    ``overwrite_mode`` is one of "No Overwrite", "Extend", "Overwrite" (or the enum). "Extend" replaces what this package wrote,
    never a foreign image; whether a finished image may stay is asked beforehand with ``completion.is_complete``.
    """

    def __init__(
        self, store_root: Store | str | os.PathLike[str], image_path: str, overwrite_mode: object = "No Overwrite"
    ) -> None:
        self._root = open_store(store_root)
        self.image_path = image_path.strip("/")
        self._mode = str(getattr(overwrite_mode, "value", overwrite_mode))
        folder, _, self._name = self.image_path.rpartition("/")
        self._folder = f"{folder}/" if folder else ""
        self._token = uuid.uuid4().hex[:12]
        self._staged = f"{self._folder}.{self._name}.{_STAGED}-{self._token}"
        self._done = False
        self.store: Store = self._root.child(self._staged if self._root.can_rename else self.image_path)

    def __enter__(self) -> Self:
        if self._root.can_rename:
            self._recover()
        self._refuse_to_replace()
        if self._root.can_rename:
            owner = {"host": socket.gethostname(), "pid": os.getpid(), "started": _start_of(os.getpid())}
            self.store.put(_OWNER, json.dumps(owner).encode())
        else:
            self._begin_in_place()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._done and self._root.can_rename:
            self._root.delete(self._staged)

    def commit(self) -> None:
        """Put the image into its place; the old one is removed afterwards. Object stores: only check the mark."""
        if completion.read(self.store) is None:
            raise ConvertersToolsInternalError(
                f"The image for {self._root.url}/{self.image_path} has no completion mark."
            )
        if self._root.can_rename:
            self._refuse_to_replace()
            self._exchange()
        self._done = True

    def _exchange(self) -> None:
        self.store.delete(_OWNER)
        aside = f"{self._folder}.{self._name}.{_ASIDE}-{self._token}"
        replaced = self._root.exists(self.image_path)
        if replaced:
            self._root.rename(self.image_path, aside)
        try:
            self._root.rename(self._staged, self.image_path)
        except BaseException:
            if replaced and not self._root.exists(self.image_path):
                self._root.rename(aside, self.image_path)
            raise
        if replaced:
            self._root.delete(aside)

    def _refuse_to_replace(self) -> None:
        """Raise when the image in the way may not be replaced."""
        if self._mode == "Overwrite" or not self._root.exists(self.image_path):
            return
        found = completion.read_any(self._root, self.image_path)
        if found is not None and (self._mode == "Extend" or found.state == completion.WRITING):
            return
        ours = "an image" if found is not None else "something that this converter did not write"
        raise ConvertersToolsOutputExistsError(
            f"{self._root.url}/{self.image_path} holds {ours}; choose Overwrite to replace it, or another place for the output."
        )

    def _recover(self) -> None:
        """Put back an image that a dead run had moved aside, and remove what dead runs were writing."""
        for name in self._root.folders(self._folder.rstrip("/")):
            path = self._folder + name
            if name.startswith(f".{self._name}.{_ASIDE}-"):
                if self._root.exists(self.image_path):
                    self._root.delete(path)
                else:
                    self._root.rename(path, self.image_path)
            elif name.startswith(f".{self._name}.{_STAGED}-") and self._is_dead(path):
                self._root.delete(path)

    def _is_dead(self, path: str) -> bool:
        """True when the process that was writing here ran on this host and is gone; other hosts cannot be asked."""
        content = self._root.get(f"{path}/{_OWNER}")
        if content is None:
            return False
        try:
            owner = json.loads(content)
        except ValueError:
            return True
        if owner.get("host") != socket.gethostname():
            return False
        return bool(_start_of(int(owner.get("pid", 0))) != owner.get("started"))

    def _begin_in_place(self) -> None:
        """Clear the place and leave a group document that says 'being written'."""
        self._root.delete(self.image_path)
        started = {completion.OUR_KEY: {completion.MARK: {"fingerprint": self._token, "state": completion.WRITING}}}
        self.store.put(".zattrs", json.dumps(started).encode())


def _start_of(pid: int) -> str | None:
    """When a process began, in the system's ticks, so that a re-used number is not taken for it; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        pass
    try:
        os.kill(pid, 0)
    except (OSError, OverflowError, ValueError):
        return None
    return "running"
