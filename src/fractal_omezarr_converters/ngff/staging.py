"""Staging: an image is written beside its place, checked, and exchanged for the old one by renames.

On a local disk the image grows in a hidden folder beside its final path. ``commit`` moves the old image aside, the new one into
place, and only then removes the old one; whoever dies in between leaves either the old or the new image whole, and the next run
puts an image that was moved aside back. Files of others in the old image's folder move to the new one. What is not needed any
more and cannot be removed, because it belongs to another user, is named in a warning and stays.

Object stores cannot rename: a first image is written in place, its documents and completion mark last; a file in it says that it
is being written. One that replaces another is written beside it and copied.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from fractal_omezarr_converters.errors import (
    ConvertersToolsInternalError,
    ConvertersToolsOutputExistsError,
    ConvertersToolsStoreError,
    ConvertersToolsUserError,
    ConvertersToolsWarning,
)
from fractal_omezarr_converters.ngff import completion
from fractal_omezarr_converters.ngff.remote_exchange import (
    exchange,
    finish_exchange,
    give_up_if_lost,
    holds_image,
    remove_left_behind,
)
from fractal_omezarr_converters.ngff.remote_store import RemoteStore
from fractal_omezarr_converters.ngff.removal import DOCUMENTS, passes_link, readable_group, remove_image
from fractal_omezarr_converters.ngff.staging_owner import OWNER_FILE, Owner, is_left_behind, new_token
from fractal_omezarr_converters.ngff.stores import LocalStore, Store, open_store

_STAGED, _ASIDE = "writing", "replaced"


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
        self._token = new_token()
        self._staged = f"{self._folder}.{self._name}.{_STAGED}-{self._token}"
        self._owner: Owner | None = None
        self._done = False
        self._beside = self._root.can_rename
        self.store: Store = self._root.child(self._staged if self._root.can_rename else self.image_path)

    def __enter__(self) -> Self:
        recover(self._root, self.image_path)
        self._refuse_to_replace()
        if isinstance(self._root, RemoteStore):
            self._enter_remote(self._root)
            return self
        try:
            self._owner = Owner(self.store)
        except BaseException:
            self._give_up()
            raise
        return self

    def _enter_remote(self, root: RemoteStore) -> None:
        begun = self.store.get(OWNER_FILE) is not None
        self._beside = holds_image(root, self.image_path)
        if begun or self._beside:
            remove_left_behind(root, self.image_path, _STAGED)
        if self._beside:
            self.store = root.child(self._staged)
        self._owner = Owner(self.store)
        if not self._beside:
            completion.unmark(self.store)
            remove_image(self.store, "", begun=begun)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._owner is not None:
            self._owner.stop()
        if not self._done and self._beside:
            self._give_up()

    def _give_up(self) -> None:
        """Remove what was staged; that this fails must not hide why it is given up."""
        with _left_if_refused(self._root, self._staged):
            self._root.delete(self._staged)

    def commit(self) -> None:
        """Check the image and put it into its place; the old one is removed afterwards.

        Raises:
            ConvertersToolsInternalError: The image has no completion mark, or other chunks than the mark says.
        """
        marked = completion.read(self.store)
        if marked is None or self._owner is None:
            raise ConvertersToolsInternalError(
                f"The image for {self._root.url}/{self.image_path} has no completion mark."
            )
        if self._root.can_rename:
            self._check_files(marked)
            if self._mode == "No Overwrite" and completion.is_complete(self._root, self.image_path, marked.fingerprint):
                return  # another process wrote the same image at the same time; ours goes
            self._refuse_to_replace()
            self._owner.release()
            self._exchange(marked.fingerprint)
        elif self._beside and isinstance(self._root, RemoteStore):
            self._owner.stop()
            exchange(self._root, self._staged, self.image_path)
        else:
            give_up_if_lost(self._owner, self.store)
            self._owner.release()
        self._done = True

    def _check_files(self, marked: completion.Completion) -> None:
        """Compare the chunks on disk with the mark."""
        for level in marked.levels:
            if "files" in level:
                names = (key.rpartition("/")[2] for key in self.store.list(str(level["path"])))
                found = sum(name not in DOCUMENTS for name in names)
                if found != level["files"]:
                    raise ConvertersToolsUserError(
                        f"Level {level['path']} of {self._root.url}/{self.image_path} has {found} chunk files on disk instead of "
                        f"{level['files']}; something removed or added files while it was written, run the conversion again."
                    )

    def _exchange(self, fingerprint: str) -> None:
        """Move the old image aside and the new one into its place.

        Another process that writes the same image may be faster by a moment: its image stays, and ours goes.
        """
        aside = f"{self._folder}.{self._name}.{_ASIDE}-{self._token}"
        replaced = self._root.exists(self.image_path)
        if replaced:
            try:
                self._root.rename(self.image_path, aside)
            except FileNotFoundError:  # the other process has just moved it
                replaced = False
        try:
            self._root.rename(self._staged, self.image_path)
        except BaseException as error:
            in_the_way = isinstance(error, OSError | ConvertersToolsUserError)
            if not in_the_way or not completion.is_complete(self._root, self.image_path, fingerprint):
                if replaced and not self._root.exists(self.image_path):
                    self._root.rename(aside, self.image_path)
                raise
            self._root.delete(self._staged)
        if replaced and isinstance(self._root, LocalStore):
            with _left_if_refused(self._root, aside):
                _remove_replaced(self._root, aside, self.image_path)

    def _refuse_to_replace(self) -> None:
        """Raise when what is in the way may not be replaced."""
        if not self._root.exists(self.image_path):
            return
        if self._mode == "Overwrite":
            refuse_other_kinds(self._root, self.image_path)
            return
        begun = not self._root.can_rename and self._root.get(f"{self.image_path}/{OWNER_FILE}") is not None
        marked = completion.read(self._root, self.image_path)
        if (begun and marked is None) or (marked is not None and self._mode == "Extend"):
            return
        found, remedy = "something that this converter did not write", "Overwrite to replace it"
        if marked is not None:
            found, remedy = "a finished image", "Extend to keep it as long as nothing changed, Overwrite to replace it"
        raise ConvertersToolsOutputExistsError(
            f"{self._root.url}/{self.image_path} holds {found}; choose {remedy}, or another place for the output."
        )


def refuse_other_kinds(store: Store, image_path: str) -> None:
    """Raise when an image would replace something that is no image: a file, a plate, a well, a single array.

    Raises:
        ConvertersToolsOutputExistsError: it would.
    """
    group = readable_group(store, image_path)
    kinds: list[str] = [kind for kind in ("plate", "well") if group is not None and kind in group.ome]
    if group is not None and group.array is not None:
        kinds = ["single array"]
    elif isinstance(store, LocalStore) and (store.path / image_path).is_file():
        kinds = ["file"]
    if kinds:
        raise ConvertersToolsOutputExistsError(
            f"{store.url}/{image_path} is a {kinds[0]}, which an image does not replace; move it away or choose another place "
            "for the output."
        )


def recover(store_root: Store | str | os.PathLike[str], image_path: str) -> None:
    """Put back an image that a dead run had moved aside, and remove what dead runs were writing.

    On object stores: finish to copy an image that a dead run had written whole.
    """
    root = open_store(store_root)
    if isinstance(root, RemoteStore):
        finish_exchange(root, image_path.strip("/"))
    if not isinstance(root, LocalStore):
        return
    folder, _, image = image_path.strip("/").rpartition("/")
    for name in root.folders(folder):
        path = f"{folder}/{name}" if folder else name
        for kind in (_ASIDE, _STAGED):
            token = name.removeprefix(f".{image}.{kind}-")
            if token == name or not is_left_behind(root, path, token):
                continue
            if kind == _ASIDE:
                _put_back(root, image_path.strip("/"), path)
            else:
                with _left_if_refused(root, path):
                    root.delete(path)


@contextlib.contextmanager
def _left_if_refused(root: Store, folder: str) -> Iterator[None]:
    """Remove what nobody needs any more: where that is refused, the image is whole all the same, and the folder is named."""
    try:
        yield
    except (OSError, ConvertersToolsStoreError) as error:
        warnings.warn(
            f"The hidden folder {root.url}/{folder} is not needed any more and could not be removed ({error}); remove it, or ask "
            "its owner to.",
            ConvertersToolsWarning,
            stacklevel=3,
        )


def _put_back(root: LocalStore, image_path: str, aside: str) -> None:
    """An image found aside: a run ended between its two renames, or before it had removed the old image."""
    staged = aside.replace(f".{_ASIDE}-", f".{_STAGED}-")
    is_whole = (
        root.exists(staged) and completion.read(root, staged) is not None and not root.exists(f"{staged}/{OWNER_FILE}")
    )
    if not root.exists(image_path):
        root.rename(staged if is_whole else aside, image_path)
    if root.exists(aside):
        with _left_if_refused(root, aside):
            _remove_replaced(root, aside, image_path)


def _remove_replaced(root: LocalStore, aside: str, image_path: str) -> None:
    """Remove an old image; what lies in its folder and is no part of it moves into the folder of the new one."""
    if passes_link(root, aside):
        root.delete(aside)
        return
    remove_image(root, aside)
    if not root.exists(aside):
        return
    foreign = sorted(key.removeprefix(f"{aside}/") for key in root.list(aside))
    _move_into(root.path / aside, root.path / image_path)
    where = f"{root.url}/{image_path}"
    if root.exists(aside):
        kept = f"{image_path}.kept-{aside.rpartition('-')[2]}"
        root.rename(aside, kept)
        where = f"{where} and {root.url}/{kept}"
    if foreign:
        warnings.warn(
            f"{len(foreign)} files in the folder of the image that was replaced are no part of it and stay in {where}: "
            f"{', '.join(foreign[:5])}{' and more' if len(foreign) > 5 else ''}.",
            ConvertersToolsWarning,
            stacklevel=2,
        )


def _move_into(source: Path, target: Path) -> None:
    """Move all that a folder holds into another one, as far as nothing is in the way there; remove the emptied folder."""
    for entry in sorted(source.iterdir()):
        there = target / entry.name
        if not os.path.lexists(there):
            entry.rename(there)
        elif entry.is_dir() and there.is_dir() and not entry.is_symlink() and not there.is_symlink():
            _move_into(entry, there)
    with contextlib.suppress(OSError):
        source.rmdir()
