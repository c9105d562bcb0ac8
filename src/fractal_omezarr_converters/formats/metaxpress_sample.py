"""Choose the files whose headers are read: enough to know what every channel, plane, time point and site is.

A header costs about 0.2 ms, on a network disk many times that, so they are not read for every plane. In each of two wells
(and wherever else something new occurs) one plane is read for every site, every ``ZStep`` and every time point of each
channel.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from fractal_omezarr_converters.formats.acquisition_files import AcquisitionFiles
from fractal_omezarr_converters.formats.metaxpress_tags import PlaneTags, read_tags
from fractal_omezarr_converters.formats.metaxpress_tree import TreeFile

WELLS = 2
MOST_DAMAGED = 50


@dataclass
class SampledTags:
    """Headers by position of their file in the list; files without a readable header."""

    tags: dict[int, PlaneTags] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)

    def read(self, number: int, each: TreeFile, files: AcquisitionFiles) -> bool:
        """Read the header of one file; say whether it could be read."""
        path, there = files.locate(each.file, where=str(files.root))
        found = read_tags(path) if there else None
        if found is None:
            self.damaged.append(each.file)
            return False
        self.tags[number] = found
        return True


def sample_tags(listed: Sequence[TreeFile], files: AcquisitionFiles, *, everything: bool) -> SampledTags:
    """Read the headers of chosen files, or of all.

    Args:
        listed: all images, sorted.
        files: where they lie.
        everything: read every header.
    """
    sampled = SampledTags()
    seen: Counter[tuple[str, int, int]] = Counter()
    for _, well in groupby(enumerate(listed), key=lambda item: item[1][:2]):
        fresh: set[tuple[str, int, int]] = set()
        for number, each in well:
            keys = ("site", each.wave, each.site), ("step", each.wave, each.step), ("t", each.wave, each.t)
            wanted = everything or any(key not in fresh and seen[key] < WELLS for key in keys)
            if wanted and (everything or len(sampled.damaged) < MOST_DAMAGED) and sampled.read(number, each, files):
                fresh.update(keys)
        seen.update(fresh)
    return sampled
