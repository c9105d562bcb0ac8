"""The bytes of a chunk depend on its pixels alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numcodecs import get_codec

from fractal_omezarr_converters.ngff.codecs import CODECS, Compression


@pytest.mark.parametrize("codec", CODECS)
@given(
    side=st.integers(1, 90),
    before=st.integers(1, 200),
    smooth=st.booleans(),
    dtype=st.sampled_from(["u1", "<u2", "<f4"]),
)
def test_a_chunk_is_encoded_alike_whatever_was_encoded_before(
    codec: str, side: int, before: int, smooth: bool, dtype: str
) -> None:
    rng = np.random.default_rng(side)
    bits = rng.integers(0, 256, (1, side, side, np.dtype(dtype).itemsize), "u1")
    chunk = (np.zeros_like(bits) if smooth else bits).view(dtype)[..., 0]
    other = np.zeros((1, before, before), dtype)
    alone, after = Compression(codec).encoder(chunk.dtype), Compression(codec).encoder(chunk.dtype)
    after(other)
    encoded = bytes(after(chunk))
    assert encoded == bytes(alone(chunk))
    compressor = Compression(codec).v2_compressor()
    decoded = encoded if compressor is None else get_codec(compressor).decode(encoded)
    assert bytes(decoded) == chunk.tobytes()
