"""What a conversion did: images written, images that failed, time, warnings, and the result of the verification if asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fractal_omezarr_converters.fractal.conversion_plan import Plan, readable_bytes
from fractal_omezarr_converters.fractal.image_list import ImageUpdate
from fractal_omezarr_converters.fractal.runners import Outcome
from fractal_omezarr_converters.fractal.verification import Verification
from fractal_omezarr_converters.pipelines.plan import counted


@dataclass(frozen=True)
class Conversion:
    """The result of one conversion."""

    out: str
    plan: Plan
    outcomes: tuple[Outcome, ...]
    seconds: float
    verification: Verification | None = None
    kept: int = 0
    """Images that were complete before, and stay as they are."""

    @property
    def updates(self) -> list[ImageUpdate]:
        """The image list: one entry per image that is there now."""
        return [update for each in self.outcomes if each.error is None for update in each.result["image_list_updates"]]

    @property
    def bytes(self) -> int:
        """Size of the pixels of the images that are there now, before compression."""
        return sum(self.plan.images[each.index].bytes for each in self.outcomes if each.error is None)

    @property
    def failures(self) -> list[str]:
        """One sentence per image that failed."""
        return [each.failure for each in self.outcomes if each.error is not None]

    @property
    def warnings(self) -> list[str]:
        """What a user should read, each text once."""
        return list(dict.fromkeys([*self.plan.warnings, *(text for each in self.outcomes for text in each.warnings)]))

    def to_json(self) -> dict[str, Any]:
        """The result in plain values."""
        return {
            "document": "conversion",
            "version": 1,
            "out": self.out,
            "images": self.updates,
            "kept": self.kept,
            "failures": self.failures,
            "warnings": self.warnings,
            "seconds": round(self.seconds, 3),
            "bytes": self.bytes,
            "verification": None if self.verification is None else self.verification.to_json(),
        }

    def summary(self) -> str:
        """The result as text, without the images that failed."""
        lines = [
            f"{len(self.updates) - self.kept} of {counted(len(self.outcomes), 'image')} written to {self.out}"
            f"{f', {self.kept} complete already' if self.kept else ''}: "
            f"{readable_bytes(self.bytes)} of pixels in {self.seconds:.1f} s"
        ]
        lines += [f"plate {name}: {counted(len(plate['wells']), 'well')}" for name, plate in self.plan.plates.items()]
        if self.verification is not None:
            lines.append(repr(self.verification))
        return "\n".join(lines)

    def __repr__(self) -> str:
        """The result as text."""
        return "\n".join([self.summary(), *(f"failed: {text}" for text in self.failures)])
