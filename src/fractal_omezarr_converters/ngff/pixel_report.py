"""What the writer says after an image: histograms, chunks, what no source covered and what was covered twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fractal_omezarr_converters.ngff.histogram import Histogram


@dataclass
class PixelReport:
    """The account of one pass; lists have one entry per level or per channel."""

    histograms: Sequence[Histogram]
    chunk_counts: Sequence[int]  # chunks (or inner chunks of shards) written per level
    file_counts: Sequence[int]  # files: chunks, or shards
    digests: Sequence[str | None]
    planes_without_source: int  # (t, c, z) planes of level 0 without a single sourced pixel
    pixels_without_source: int
    overlapped_pixels: int  # source pixels hidden by a later tile
    bytes_written: int
    bytes_read: int
    tiles_read: int
    largest_memory: int  # most bytes of chunk buffers and decoded tiles held at one time
    notes: list[str] = field(default_factory=list)

    def levels(self, paths: Sequence[str], shapes: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
        """One entry per level for the completion mark."""
        entries: list[dict[str, Any]] = []
        for path, shape, chunks, files, digest in zip(paths, shapes, self.chunk_counts, self.file_counts, self.digests):
            entry: dict[str, Any] = {"path": path, "shape": list(shape), "chunks": chunks, "files": files}
            entries.append(entry | ({"digest": digest} if digest else {}))
        return entries
