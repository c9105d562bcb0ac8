"""Levels, chunks and shards of an image."""

from __future__ import annotations

import pytest

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.chunking import (
    ChunkMultipleSharding,
    FixedSizeChunking,
    FovBasedChunking,
    NoSharding,
)
from fractal_omezarr_converters.models.options import OmeZarrOptions
from fractal_omezarr_converters.ngff.layout import make_layout, plan_layout

ONE = (1.0,) * 5


def options(*, z=10, xy=None, scaling="1", shards=None):
    chunks = (
        FovBasedChunking(z_chunk=z, xy_scaling=scaling) if xy is None else FixedSizeChunking(z_chunk=z, xy_chunk=xy)
    )
    return OmeZarrOptions(chunks=chunks, shards=shards or NoSharding(), ngff_version="0.5")


def planned(shape, opts, fov=(2160, 2560), dtype="u2", version="0.5"):
    return plan_layout(
        version=version, axes="tczyx", shape5=shape, dtype=dtype, pixel_size=(1, 1, 2, 0.5, 0.25), origin=(0, 0, 1, 10, 20),
        omezarr_options=opts, fov_shape_yx=fov,
    )  # fmt: skip


def simple(shape_yx, levels=None, method="mean"):
    return make_layout(
        version="0.5", axes="yx", shape=(1, 1, 1, *shape_yx), dtype="u2", pixel_size=(1, 1, 1, 0.5, 0.25),
        origin=(0, 0, 0, 10, 20), chunks=(1, 1, 1, 64, 64), levels=levels, method=method,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("size", "levels"),
    [
        ((8, 8), 1),
        ((256, 256), 1),
        ((258, 100), 2),
        ((257, 100), 1),
        ((1080, 2160), 4),
        ((2160, 2560), 5),
        ((100_000, 60_000), 9),
        ((5, 9000), 1),
    ],
)
def test_f55_levels_follow_the_size(size, levels):
    layout = simple(size)
    assert len(layout.levels) == levels
    assert min(layout.levels[-1].shape[3:]) >= min(8, *size)


def test_f55_a_wished_number_of_levels_is_cut_short_on_small_images():
    assert len(simple((8, 8), levels=5).levels) == 1
    assert len(simple((64, 50), levels=5).levels) == 3
    assert len(simple((64, 50), levels=2).levels) == 2


def test_names_of_levels_are_kept():
    assert [level.path for level in simple((64, 64), levels=["full", "half", "tiny", "never"]).levels] == [
        "full",
        "half",
        "tiny",
        "never",
    ]


def test_f56_translations_state_the_half_pixels_of_the_kernel():
    found = [level.translation[3:] for level in simple((64, 64), levels=3).levels]
    assert found == [(10, 20), (10.25, 20.125), (10.75, 20.375)]
    assert [level.scale[3:] for level in simple((64, 64), levels=3).levels] == [(0.5, 0.25), (1, 0.5), (2, 1)]
    odd = simple((90, 90), levels=[3, 9])
    assert [level.translation[3] for level in odd.levels] == [10, 10.5, 12]


def test_f56_nearest_states_where_its_pixels_were_taken():
    assert [level.translation[3] for level in simple((64, 64), levels=3, method="nearest").levels] == [10, 10, 10]
    assert [level.translation[3] for level in simple((90, 90), levels=[3], method="nearest").levels] == [10, 10.5]


def test_z_is_left_alone_unless_asked():
    asked = make_layout(
        version="0.5", axes="zyx", shape=(1, 1, 9, 64, 64), dtype="u2", pixel_size=ONE, origin=(0,) * 5, chunks=(1, 1, 4, 32, 32),
        levels=[{"y": 2, "x": 2}, {"z": 2, "y": 4, "x": 4}],
    )  # fmt: skip
    assert [level.shape[2:] for level in asked.levels] == [(9, 64, 64), (9, 32, 32), (5, 16, 16)]


def test_f57_default_chunks_are_held_to_32_mib_by_dividing_z_first():
    layout = planned((1, 2, 10, 4320, 5120), options())
    assert layout.chunks[3:] == (2160, 2560)
    assert layout.chunks[2] == 3
    assert layout.chunk_bytes <= 32 << 20
    assert planned((1, 1, 10, 9000, 9000), options(xy=4096), dtype="u2").chunks == (1, 1, 1, 4096, 4096)
    assert planned((1, 1, 1, 9000, 9000), options(), fov=(9000, 9000)).chunk_bytes <= 32 << 20
    assert planned((1, 2, 5, 4320, 5120), options()).chunks[2] == 3


def test_f57_coarser_levels_have_the_same_chunks():
    layout = planned((1, 2, 10, 20_000, 30_000), options())
    assert len(layout.levels) > 4
    for number, level in enumerate(layout.levels):
        assert layout.level_chunks(number) == tuple(min(c, n) for c, n in zip(layout.chunks, level.shape))
    assert layout.level_chunks(3) == layout.chunks


def test_f57_explicit_chunks_are_kept_and_clipped_to_the_image():
    assert planned((1, 2, 30, 4320, 5120), options(z=20)).chunks == (1, 1, 20, 2160, 2560)
    assert planned((1, 2, 3, 700, 600), options(xy=1000, z=7)).chunks == (1, 1, 3, 700, 600)
    assert planned((1, 2, 3, 4320, 5120), options(scaling="0.5")).chunks[3:] == (1080, 1280)


def test_shards_are_whole_chunks_clipped_at_the_edge_of_every_level():
    shards = ChunkMultipleSharding()
    layout = planned((1, 1, 3, 1000, 5120), options(xy=300, z=3, shards=shards))
    assert layout.level_shards(0) == (1, 1, 3, 1200, 1200)
    assert layout.level_shards(4) == (1, 1, 3, 63, 600)
    each = ChunkMultipleSharding(xy_factor=2, z_factor=3, c_factor=2, t_factor=4)
    assert planned((9, 5, 30, 4000, 5120), options(xy=300, z=2, shards=each)).shards == (4, 2, 6, 600, 600)
    assert planned((2, 1, 3, 4000, 5120), options(xy=300, z=2, shards=each)).level_shards(0) == (2, 1, 4, 600, 600)
    with pytest.raises(ConvertersToolsUserError, match=r"0\.5 or later"):
        planned((1, 1, 3, 1000, 5120), options(xy=300, shards=shards), version="0.4")


@pytest.mark.parametrize("axes", ["xy", "zy", "cyx", "yxc", "tyyx"])
def test_f63_axes_that_do_not_fit_are_refused(axes):
    with pytest.raises(ConvertersToolsUserError, match="Axes"):
        make_layout(
            version="0.5",
            axes=axes,
            shape=(1, 1, 3, 64, 64),
            dtype="u2",
            pixel_size=ONE,
            origin=(0,) * 5,
            chunks=(1, 1, 1, 8, 8),
        )


@pytest.mark.parametrize("dtype", ["c8", "U3", "M8[s]", "f16"])
def test_pixel_types_that_images_cannot_have_are_refused(dtype):
    with pytest.raises(ConvertersToolsUserError, match="Pixel type"):
        make_layout(
            version="0.5",
            axes="yx",
            shape=(1, 1, 1, 8, 8),
            dtype=dtype,
            pixel_size=ONE,
            origin=(0,) * 5,
            chunks=(1,) * 5,
        )
