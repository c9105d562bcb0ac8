"""Find the image files that metadata name, inside the acquisition's folder and nowhere else.

Every file is looked at once: whether it is there, no link, how large, and of what time. Where one is not, its folder is listed,
so that the search for thousands of missing files costs a few listings.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsUserError, raise_together
from fractal_omezarr_converters.models.plain_paths import are_plain
from fractal_omezarr_converters.models.source_files import UNKNOWN, SourceFiles, facts_below, facts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_PROBLEMS = 20
_TOGETHER = 1000
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
_DRIVE = re.compile(r"^[A-Za-z]:")


class Located(NamedTuple):
    """Files that metadata name, and which of them are there.

    The sizes of files that were not looked at themselves are unknown. ``are_plain``: the paths are certainly what they say.
    """

    files: SourceFiles
    there: NDArray[np.bool_]
    are_plain: bool


class _NotBesideError(ConvertersToolsUserError):
    """No file lies where that of a full path would."""

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message)
        self.path = path


class AcquisitionFiles:
    """The files below one acquisition's folder.

    ``root`` is the folder nothing may leave; ``beside`` is the folder that names in the metadata are relative to.
    With ``follow_links`` an image file may be a link to another place.
    """

    def __init__(self, root: str | Path, beside: str | Path, *, follow_links: bool = False) -> None:
        """Remember the folders; listings are made when they are needed."""
        self.root = Path(root).resolve()
        self.beside = Path(beside).resolve()
        self.follow_links = follow_links
        self._listed: dict[str, dict[str, bool]] = {}
        self._inside: dict[str, str] = {}
        self._spellings: dict[str, dict[str, list[str]]] = {}
        self._former: dict[str, str] = {}

    def locate(self, name: str, *, where: str) -> tuple[str, bool]:
        """Give the absolute path of a named file, and whether the file is there.

        Args:
            name: name as the metadata state it; of a full path or address of the computer that wrote it the last part counts.
            where: place of the name in the metadata, for the error.

        Raises:
            ConvertersToolsUserError: the name leaves the acquisition's folder, or is a full path and no such file lies beside.
        """
        return self._locate(name, where, listed=False)

    def _locate(self, name: str, where: str, *, listed: bool) -> tuple[str, bool]:
        """Do what :meth:`locate` does; with ``listed`` by a listing of the file's folder."""
        folder, _, file_name = name.replace("\\", "/").rpartition("/")
        former = folder if _is_full(name) else None
        folder = folder if former is None else ""
        place = self._inside.get(folder)
        if place is None:
            place = self._inside[folder] = self._checked_folder(folder, name, where)
        if file_name in ("", ".", "..") or "\0" in name or _DRIVE.match(file_name):
            raise self._refused(name, where)
        path = os.path.join(place, file_name)  # noqa: PTH118 -- called for every plane
        is_link = self._listing(place).get(file_name) if listed or place in self._listed else _is_link(path)
        if is_link is None and (other := self._spelled_otherwise(place, file_name)) is not None:
            path, is_link = os.path.join(place, other), self._listing(place)[other]  # noqa: PTH118
        # files of one name in two former folders cannot both be the one that lies here
        if former is not None and is_link is None:
            raise _NotBesideError(str(self._refused(name, where)), path)
        if former is not None and self._former.setdefault(path, former) != former:
            raise self._refused(name, where)
        if is_link:
            self._check_link(path, name, where)
        return path, is_link is not None

    def locate_all(self, names: Sequence[str], *, where: Callable[[int], str], heading: str) -> Located:
        """Give what :meth:`locate` gives of many files, and their sizes and times.

        Args:
            names: relative names as the metadata state them.
            where: gives the place of a name in the metadata from its number.
            heading: of the error that lists all names that are refused.
        """
        paths: list[str] = []
        there = np.ones(len(names), np.bool_)
        size, mtime = np.full(len(names), UNKNOWN, np.int64), np.zeros(len(names), np.int64)
        plain = True
        problems: list[str] = []
        not_beside: list[str] = []
        # a thousand at a time, because a long text of all of them would fill the memory
        for begin in range(0, len(names), _TOGETHER):
            part = names[begin : begin + _TOGETHER]
            plain = plain and are_plain(str(self.beside), part)
            found = self._located(part)
            if found is not None:
                paths += found.paths
                size[begin : begin + len(part)], mtime[begin : begin + len(part)] = found.size, found.mtime_ns
                continue
            for number, name in enumerate(part, begin):
                try:
                    path, there[number] = self._locate(name, where(number), listed=True)
                except _NotBesideError as error:
                    path, there[number] = error.path, False
                    not_beside += [str(error)] if len(not_beside) < MAX_PROBLEMS else []
                except ConvertersToolsUserError as error:
                    problems.append(str(error))
                    if len(problems) == MAX_PROBLEMS:
                        raise_together(problems, heading)
                    continue
                paths.append(path)
        # where others of the full paths lie beside, those that do not are missing, as files of short names are
        raise_together(problems if self._former else problems + not_beside, heading)
        return Located(SourceFiles(paths, size, mtime), there, plain)

    def _located(self, names: Sequence[str]) -> SourceFiles | None:
        """Look at many files that are all there, none of them a link; None when they have to be looked at singly."""
        distinct = list(dict.fromkeys(names))  # files of many planes are looked at once
        if len(distinct) < len(names):
            found = self._located(distinct)
            number = {name: at for at, name in enumerate(distinct)}
            return found and found.select(np.array([number[name] for name in names]))
        text = "\0".join(names)
        if "\\" in text or ":" in text or text.count("\0") != len(names) - 1:
            return None
        places = self._places({name.rpartition("/")[0] for name in names} if "/" in text else {""})
        if places is None or not self._may_be_there(names, places):
            return None
        beside = os.path.join(self.beside, "")  # noqa: PTH118
        if all(os.path.join(place, "") == os.path.join(beside, folder, "") for folder, place in places.items()):  # noqa: PTH118
            paths = [beside + name for name in names]
            size, mtime = facts_below(beside, names, follow_links=False)
        else:
            paths = [os.path.join(places[folder], name) for folder, _, name in (each.rpartition("/") for each in names)]  # noqa: PTH118
            size, mtime = facts_of(paths, follow_links=False)
        return None if (size < 0).any() else SourceFiles(paths, size, mtime)

    def _places(self, folders: Iterable[str]) -> dict[str, str] | None:
        """Where folders of names lie; None when one may not be looked into."""
        try:
            for folder in folders:
                if folder not in self._inside:
                    self._inside[folder] = self._checked_folder(folder, f"{folder}/" if folder else "", "")
        except ConvertersToolsUserError:
            return None
        return {folder: self._inside[folder] for folder in folders}

    def _may_be_there(self, names: Sequence[str], places: Mapping[str, str]) -> bool:
        """Whether no listing that there is already says that one of some files is not there, or a link."""
        if not any(place in self._listed for place in places.values()):
            return True
        split = (name.rpartition("/") for name in names)
        listings = {folder: self._listing(place) for folder, place in places.items()}
        return all(listings[folder].get(name) is False for folder, _, name in split)

    def forget(self) -> None:
        """Let go of the listings; folders are listed anew when they are needed again."""
        self._listed.clear()
        self._spellings.clear()

    def _checked_folder(self, folder: str, name: str, where: str) -> str:
        if "\0" in name or (folder and _is_full(name)):
            raise self._refused(name, where)
        place = Path(os.path.normpath(self.beside / folder))
        if not place.is_relative_to(self.root):
            raise self._refused(name, where)
        real = place.resolve()
        if not self.follow_links and not real.is_relative_to(self.root):
            raise self._refused(name, where)
        return str(place)

    def _listing(self, folder: str) -> dict[str, bool]:
        """Names of regular files and links in a folder; the value says whether it is a link."""
        known = self._listed.get(folder)
        if known is None:
            try:
                with os.scandir(folder) as entries:
                    known = {e.name: link for e in entries if (link := e.is_symlink()) or e.is_file()}
            except OSError as error:
                if error.errno not in _NOT_THERE:
                    raise
                known = {}
            self._listed[folder] = known
        return known

    def _spelled_otherwise(self, folder: str, name: str) -> str | None:
        """The one file of a folder whose name differs in capitals or in how accents are composed; None without one.

        Windows makes no difference between capitals, and copies by way of a Mac take accents apart.
        """
        known = self._spellings.get(folder)
        if known is None:
            known = self._spellings[folder] = {}
            for each in self._listing(folder):
                known.setdefault(_folded(each), []).append(each)
        found = known.get(_folded(name), [])
        return found[0] if len(found) == 1 else None

    def _check_link(self, path: str, name: str, where: str) -> None:
        real = Path(path).resolve()
        if not self.follow_links and not real.is_relative_to(self.root):
            raise ConvertersToolsUserError(
                f"{where}: the file '{name}' is a link to '{real}', outside the acquisition's folder '{self.root}';"
                " switch on the option 'Follow Links' (follow_links) if this is intended."
            )

    def _refused(self, name: str, where: str) -> ConvertersToolsUserError:
        return ConvertersToolsUserError(
            f"{where}: the file name '{name}' leads out of the acquisition's folder '{self.root}' and is refused;"
            " image files must lie inside the folder that is converted."
        )


def name_beside(name: str) -> str:
    """The name by which a file is looked for: of a full path of another computer its last part."""
    return name.replace("\\", "/").rpartition("/")[2] if _is_full(name) else name


def _is_full(name: str) -> bool:
    """Whether a name is a full path or an address: where the file lay when the metadata were written."""
    return "://" in name or name.startswith(("/", "\\")) or _DRIVE.match(name) is not None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _is_link(path: str) -> bool | None:
    """Whether a file is a link; None when it is not there, or neither a link nor a regular file."""
    try:
        mode = os.lstat(path).st_mode
    except OSError as error:
        if error.errno not in _NOT_THERE:
            raise
        return None
    return stat.S_ISLNK(mode) or (False if stat.S_ISREG(mode) else None)
