"""Find the image files that metadata name, inside the acquisition's folder and nowhere else.

Folders are listed once each, so that a plate of 100,000 planes costs a few directory listings and not 100,000 look-ups
on a network disk.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from fractal_omezarr_converters.errors import ConvertersToolsUserError, raise_together

MAX_PROBLEMS = 20
_TOGETHER = 1000
_DRIVE = re.compile(r"^[A-Za-z]:")


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

    def locate(self, name: str, *, where: str) -> tuple[str, bool]:
        """Give the absolute path of a named file, and whether the file is there.

        Args:
            name: relative name as the metadata state it.
            where: place of the name in the metadata, for the error.

        Raises:
            ConvertersToolsUserError: the name is absolute, remote, or leaves the acquisition's folder.
        """
        folder, _, file_name = name.replace("\\", "/").rpartition("/")
        place = self._inside.get(folder)
        if place is None:
            place = self._inside[folder] = self._checked_folder(folder, name, where)
        if file_name in ("", ".", "..") or "\0" in name or _DRIVE.match(name):
            raise self._refused(name, where)
        listing = self._listing(place)
        path = os.path.join(place, file_name)  # noqa: PTH118 -- called for every plane
        if file_name not in listing:
            return path, False
        if listing[file_name]:
            self._check_link(path, name, where)
        return path, True

    def locate_all(
        self, names: Sequence[str], *, where: Callable[[int], str], heading: str
    ) -> tuple[list[str], list[bool]]:
        """Give what :meth:`locate` gives of many files, as two columns.

        Args:
            names: relative names as the metadata state them.
            where: gives the place of a name in the metadata from its number.
            heading: of the error that lists all names that are refused.
        """
        paths: list[str] = []
        there: list[bool] = []
        problems: list[str] = []
        # a thousand at a time, because a long text of all of them would fill the memory
        for begin in range(0, len(names), _TOGETHER):
            part = names[begin : begin + _TOGETHER]
            found = self._located(part)
            if found is not None:
                paths += found
                there += [True] * len(found)
                continue
            for number, name in enumerate(part, begin):
                try:
                    path, is_there = self.locate(name, where=where(number))
                except ConvertersToolsUserError as error:
                    problems.append(str(error))
                    if len(problems) == MAX_PROBLEMS:
                        raise_together(problems, heading)
                    continue
                paths.append(path)
                there.append(is_there)
        raise_together(problems, heading)
        return paths, there

    def _located(self, names: Sequence[str]) -> list[str] | None:
        """Give the paths of many files that are all there, none of them a link; None when they have to be looked at singly."""
        text = "\0".join(names)
        if "\\" in text or ":" in text or text.count("\0") != len(names) - 1:
            return None
        split = [name.rpartition("/") for name in names] if "/" in text else None
        folders = {folder for folder, _, _ in split} if split is not None else {""}
        known: dict[str, tuple[str, Callable[[str], bool | None]]] = {}
        for folder in folders:
            try:
                place = self._inside[folder] = self._inside.get(folder) or self._checked_folder(
                    folder, f"{folder}/", ""
                )
            except ConvertersToolsUserError:
                return None
            known[folder] = os.path.join(place, ""), self._listing(place).get  # noqa: PTH118 -- as in locate
        if split is None:
            beside, listed = known[""]
            return [beside + name for name in names] if set(map(listed, names)) == {False} else None
        if {known[folder][1](name) for folder, _, name in split} != {False}:
            return None
        return [known[folder][0] + name for folder, _, name in split]

    def forget(self) -> None:
        """Let go of the listings; folders are listed anew when they are needed again."""
        self._listed.clear()

    def _checked_folder(self, folder: str, name: str, where: str) -> str:
        if "://" in name or "\0" in name or _DRIVE.match(name) or name.replace("\\", "/").startswith("/"):
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
                if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
                    raise
                known = {}
            self._listed[folder] = known
        return known

    def _check_link(self, path: str, name: str, where: str) -> None:
        real = Path(path).resolve()
        if not self.follow_links and not real.is_relative_to(self.root):
            raise ConvertersToolsUserError(
                f"{where}: the file '{name}' is a link to '{real}', outside the acquisition's folder '{self.root}';"
                " set follow_links if this is intended."
            )

    def _refused(self, name: str, where: str) -> ConvertersToolsUserError:
        return ConvertersToolsUserError(
            f"{where}: the file name '{name}' leads out of the acquisition's folder '{self.root}' and is refused;"
            " image files must lie inside the folder that is converted."
        )
