"""Choose the files whose headers are read: enough to know what every channel, plane, time point and site is.

A header costs about 0.2 ms, on a network disk many times that, so they are not read for every plane. In each of two wells
(and wherever else something new occurs) one plane is read for every site, every ``ZStep`` and every time point of each
channel.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fractal_omezarr_converters.formats.acquisition_files import AcquisitionFiles
from fractal_omezarr_converters.formats.metaxpress_files import TreeFile, TreeFiles
from fractal_omezarr_converters.formats.metaxpress_tags import PlaneTags, read_tags
from fractal_omezarr_converters.formats.plane_table import joint_ranks

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


def sample_tags(listed: TreeFiles, files: AcquisitionFiles, *, everything: bool) -> SampledTags:
    """Read the headers of chosen files, or of all.

    Args:
        listed: all images, sorted.
        files: where they lie.
        everything: read every header.
    """
    sampled = SampledTags()
    if not len(listed):
        return sampled
    # what is to be seen, by number: every site, step and time point of each wavelength
    kinds = [joint_ranks(listed.wave, values)[0] for values in (listed.site, listed.step, listed.t)]
    sizes = [int(kind.max()) + 1 for kind in kinds]
    keys = np.stack(kinds, axis=1) + np.cumsum([0, *sizes[:-1]])
    seen = np.zeros(sum(sizes), np.int64)
    changes = np.flatnonzero((np.diff(listed.row) != 0) | (np.diff(listed.column) != 0)) + 1
    for well in np.split(np.arange(len(listed)), changes):
        if not everything and bool((seen[keys[well]] >= WELLS).all()):
            continue
        fresh: set[int] = set()
        for number in well.tolist():
            own = keys[number].tolist()
            wanted = everything or any(key not in fresh and seen[key] < WELLS for key in own)
            enough = not everything and len(sampled.damaged) >= MOST_DAMAGED
            if wanted and not enough and sampled.read(number, listed[number], files):
                fresh.update(own)
        seen[list(fresh)] += 1
    return sampled
