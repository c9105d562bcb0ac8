"""Image files of the common kinds, whole: what the default loader reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def load_tiff(path: str | Path) -> np.ndarray[Any, Any]:
    """Read a TIFF file."""
    import tifffile

    return tifffile.imread(path)


def load_png(path: str | Path) -> np.ndarray[Any, Any]:
    """Read a PNG file."""
    import imagecodecs

    return imagecodecs.imread(path)


def load_npy(path: str | Path) -> np.ndarray[Any, Any]:
    """Read an NPY file."""
    import numpy as np

    return np.load(path, allow_pickle=False)  # type: ignore[no-any-return]
