"""TIFF files whose tags leave open where pixels are, or what they mean, are refused by name."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
import tifffile
from made_files import X, Y, agrees, loader, noise

from fractal_omezarr_converters.errors import ConvertersToolsUserError


def _with_tag(path: Path, old: int, new: int, value: int | None = None) -> None:
    """Give one tag of the only page of a little-endian file another number, and a value that lies in the tag."""
    data = bytearray(path.read_bytes())
    (place,) = struct.unpack("<I", data[4:8])
    for entry in range(place + 2, place + 2 + 12 * struct.unpack("<H", data[place : place + 2])[0], 12):
        if struct.unpack("<H", data[entry : entry + 2]) == (old,):
            kind = 3 if value is not None else struct.unpack("<H", data[entry + 2 : entry + 4])[0]
            data[entry : entry + 4] = struct.pack("<HH", new, kind)
            if value is not None:
                data[entry + 4 : entry + 12] = struct.pack("<II", 1, value)
    path.write_bytes(data)


@pytest.mark.parametrize("rows", [5, Y])
def test_strips_of_which_no_length_is_stated(tmp_path: Path, rows: int) -> None:
    path, pixels = tmp_path / "a.tif", noise(Y, X)
    tifffile.imwrite(path, pixels, rowsperstrip=rows, metadata=None)
    _with_tag(path, 279, 280)
    if rows == Y:  # one strip, uncompressed: there is only one length that it can have
        agrees(loader(path), pixels, "yx")
    else:
        with pytest.raises(
            ConvertersToolsUserError, match=r"a\.tif' cannot be read \(page 0 states the place and length of 1"
        ):
            loader(path).load_data()
