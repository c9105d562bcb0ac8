"""The plan of a conversion: which images will be written where, from what, how large, and with what worth knowing.

Printing it is the dry run; ``to_json`` is the same for programs.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.models.options import ConverterOptions, OverwriteMode
from fractal_omezarr_converters.models.plate_facts import PlateFacts
from fractal_omezarr_converters.pipelines.filters import FilterCount
from fractal_omezarr_converters.pipelines.losses import Loss
from fractal_omezarr_converters.pipelines.plan import ImagePlan, counted

PLAN_VERSION = 1
ROWS_SHOWN = 12


def readable_bytes(number: float) -> str:
    """A size as people say it."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


@dataclass(frozen=True)
class Plan:
    """Everything that a conversion will do; made from metadata alone."""

    images: tuple[ImagePlan, ...]
    out: str | None
    options: ConverterOptions
    overwrite: OverwriteMode
    formats: tuple[str, ...]
    read_warnings: tuple[str, ...] = ()
    filters: tuple[FilterCount, ...] = ()
    """What every filter did, acquisition by acquisition."""
    configuration: dict[str, Any] = field(default_factory=dict)
    losses: tuple[Loss, ...] = ()
    """What overwriting takes away and does not make again; looked up by ``plan`` alone, when it is told the output."""
    plate_facts: Mapping[tuple[str, int], PlateFacts] = field(default_factory=dict)
    """What the metadata say of each acquisition, by the plate's name and the acquisition's number."""

    def __iter__(self) -> Iterator[ImagePlan]:
        """The images, in the order in which they are written."""
        return iter(self.images)

    def __len__(self) -> int:
        """How many images."""
        return len(self.images)

    @property
    def plates(self) -> dict[str, dict[str, Any]]:
        """Per plate: wells, acquisitions and number of images."""
        found: dict[str, dict[str, Any]] = {}
        for image in self.images:
            collection = image.image.collection
            if not isinstance(collection, ImageInPlate):
                continue
            plate = found.setdefault(collection.plate_path(), {"wells": [], "acquisitions": [], "images": 0})
            plate["images"] += 1
            if collection.well not in plate["wells"]:
                plate["wells"].append(collection.well)
            if collection.acquisition not in plate["acquisitions"]:
                plate["acquisitions"].append(collection.acquisition)
        return found

    @property
    def acquisitions(self) -> dict[str, dict[int, PlateFacts | None]]:
        """Per plate: what is known of each acquisition, by its number, numbers rising."""
        found: dict[str, dict[int, PlateFacts | None]] = {}
        for image in self.images:
            one = image.image.collection
            if isinstance(one, ImageInPlate):
                known = self.plate_facts.get((one.plate_name, one.acquisition))
                found.setdefault(one.plate_path(), {})[one.acquisition] = known
        return {plate: dict(sorted(mine.items())) for plate, mine in found.items()}

    @property
    def bytes(self) -> int:
        """Bytes of pixels that will be written, uncompressed, all levels."""
        return sum(image.bytes for image in self.images)

    @property
    def memory(self) -> int:
        """Bytes that the largest image needs while it is written."""
        return max((image.memory for image in self.images), default=0)

    @property
    def least_memory(self) -> int:
        """Bytes that the largest image can do with: one thread, no source plane kept."""
        return max((image.least_memory for image in self.images), default=0)

    @property
    def missing_planes(self) -> int:
        """Planes that no source covers; they stay empty."""
        return sum(image.missing_planes.count for image in self.images)

    @property
    def warnings(self) -> list[str]:
        """What a user should read, each text once."""
        texts = [*self.read_warnings, *(text for image in self.images for text in image.warnings)]
        return list(dict.fromkeys(texts))

    @property
    def remarks(self) -> list[str]:
        """What is worth knowing and asks nobody to do anything, each text once."""
        return list(dict.fromkeys(text for image in self.images for text in image.remarks))

    def to_json(self) -> dict[str, Any]:
        """The plan in plain values, with the version of this document."""
        return {
            "document": "conversion-plan",
            "version": PLAN_VERSION,
            "out": self.out,
            "formats": list(self.formats),
            "ngff_version": self.options.omezarr_options.ngff_version,
            "overwrite": self.overwrite.value,
            "plates": self.plates,
            "acquisitions": [
                {"plate": plate, "number": number, **({} if known is None else known.acquisition_to_json())}
                for plate, mine in self.acquisitions.items()
                for number, known in mine.items()
            ],
            "images": [image.to_json() for image in self.images],
            "bytes": self.bytes,
            "memory_per_image": self.memory,
            "least_memory_per_image": self.least_memory,
            "missing_planes": self.missing_planes,
            "losses": [loss.to_json() for loss in self.losses],
            "filters": [
                {"name": each.name, "before": each.before, "removed": each.removed, "cropped": each.cropped}
                for each in self.filters
            ],
            "warnings": self.warnings,
            "remarks": self.remarks,
        }

    def __repr__(self) -> str:
        """The plan as text, at most a screen long."""
        lines = [f"Plan: {self._heading()}"]
        if self.out:
            lines.append(f"into {self.out} ({self.overwrite.value})")
        known = self.acquisitions
        for name, plate in self.plates.items():
            lines.append(
                f"plate {name}: {counted(len(plate['wells']), 'well')} ({_few(plate['wells'])}), {_acquisitions(plate)}"
            )
            lines += _in_words(known[name])
        rows = [self._row(image) for image in self.images[:ROWS_SHOWN]]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
        lines += ["  " + "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]
        if len(self.images) > ROWS_SHOWN:
            lines.append(f"  ... and {counted(len(self.images) - ROWS_SHOWN, 'more image')}")
        if self.missing_planes:
            lines.append(
                f"incomplete: {counted(self.missing_planes, 'plane')} not acquired or without a file, left empty"
            )
        lines += [_said_of(each) for each in self.filters]
        lines += [f"note: {text}" for text in self.remarks]
        lines += [f"warning: {text}" for text in self._said()]
        return "\n".join(lines)

    def _said(self) -> list[str]:
        """Losses, or why overwriting is refused, and warnings."""
        return [*(loss.refused() or loss.said() for loss in self.losses), *self.warnings]

    def _repr_html_(self) -> str:
        """The plan as a table, for notebooks."""
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in self._row(image)) + "</tr>"
            for image in self.images[: 4 * ROWS_SHOWN]
        )
        more = len(self.images) - 4 * ROWS_SHOWN
        noted = "".join(f"<li>{html.escape(text)}</li>" for text in self.remarks)
        warned = "".join(f"<li>{html.escape(text)}</li>" for text in self._said())
        return (
            f"<p><b>Plan</b>: {html.escape(self._heading())}</p>"
            "<table><thead><tr><th>image</th><th>size</th><th>type</th><th>bytes</th><th>levels</th></tr></thead>"
            f"<tbody>{rows}</tbody></table>"
            + (f"<p>and {more} more images</p>" if more > 0 else "")
            + (f"<p>Notes:</p><ul>{noted}</ul>" if noted else "")
            + (f"<p>Warnings:</p><ul>{warned}</ul>" if warned else "")
        )

    def _heading(self) -> str:
        version = self.options.omezarr_options.ngff_version
        return (
            f"{counted(len(self.images), 'image')} from {', '.join(self.formats) or 'no format'}, OME-Zarr {version}, "
            f"{readable_bytes(self.bytes)} of pixels, at most {readable_bytes(self.memory)} of memory per image"
        )

    @staticmethod
    def _row(image: ImagePlan) -> tuple[str, ...]:
        shape = " ".join(f"{axis}={size}" for axis, size in zip(image.axes, image.shape))
        return (image.path, shape, str(image.dtype), readable_bytes(image.bytes), f"{len(image.layout.levels)} levels")


def _said_of(each: FilterCount) -> str:
    cropped = f" and cut {counted(each.cropped, 'tile')} to its range" if each.cropped else ""
    return f"{each.name} left out {each.removed} of {counted(each.before, 'tile')}{cropped}"


def _few(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 6 else f"{', '.join(names[:3])} ... {names[-1]}"


def _in_words(acquisitions: Mapping[int, PlateFacts | None]) -> list[str]:
    """One line for each acquisition of which something is known, as many as fit."""
    said = [(number, known.acquisition_in_words()) for number, known in acquisitions.items() if known is not None]
    lines = [f"  acquisition {number}: {text}" for number, text in said if text]
    more = len(lines) - ROWS_SHOWN
    return lines if more <= 0 else [*lines[:ROWS_SHOWN], f"  ... and {counted(more, 'more acquisition')}"]


def _acquisitions(plate: dict[str, Any]) -> str:
    numbers = [str(number) for number in plate["acquisitions"]]
    return f"acquisition {numbers[0]}" if len(numbers) == 1 else f"acquisitions {', '.join(numbers)}"
