"""One image as JSON: ours, and the documents of earlier generations."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_sources import MadeLoader, details, tile, well

from fractal_omezarr_converters.core.aggregation import tiled_image_from_tiles
from fractal_omezarr_converters.core.columns import RegionColumns
from fractal_omezarr_converters.core.loader_columns import LoaderColumns
from fractal_omezarr_converters.core.tile_table_builder import TileTableBuilder
from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.models.collections import ImageInPlate


def image(*tiles: object) -> TiledImage:
    (made,) = tiled_image_from_tiles(tiles=list(tiles))
    return made


def two_fields() -> TiledImage:
    return image(tile("a", value=100), tile("b", fov="F2", x=6, value=200))


class TestJson:
    def test_carries_name_and_version_and_comes_back(self) -> None:
        made = two_fields().copy_with(name="n", translation=[0, 0, 0, 1.5, -2], attributes={"a": [1, None]})
        document = json.loads(made.model_dump_json())
        assert (document["document"], document["version"]) == ("tiled-image", 2)
        back = TiledImage.model_validate_json(made.model_dump_json())
        assert back == made
        assert isinstance(back.regions[0].image_loader, MadeLoader)
        assert isinstance(back.collection, ImageInPlate)
        assert np.array_equal(back.load_data(), made.load_data())
        assert TiledImage(**made.model_dump()) == made
        assert TiledImage[ImageInPlate, MadeLoader].model_validate_json(made.model_dump_json()).regions == made.regions

    @pytest.mark.parametrize("change", [{"version": 3}, {"document": "plan"}])
    def test_other_documents_are_refused(self, change: dict) -> None:
        document = {**json.loads(two_fields().model_dump_json()), **change}
        with pytest.raises(ValueError, match="same version of the software"):
            TiledImage.model_validate(document)

    @pytest.mark.parametrize(("key", "generation"), [("pixelsize", 1), ("xy_pixel_size", 2)])
    def test_documents_with_a_list_of_regions_load(self, key: str, generation: int) -> None:
        roi = {
            "name": "F1",
            "slices": [{"axis_name": axis, "start": i, "length": 4.0} for i, axis in enumerate("czyx")],
            "label": None,
            "space": "world",
            "x_micrometer_original": 77.0,
        }
        if generation == 1:
            roi = {
                "name": "F1",
                "x": 3,
                "x_length": 4.0,
                "y": 2,
                "y_length": 4.0,
                "z": 1,
                "z_length": 4.0,
                "unit": "micrometer",
            }
        document = {
            "regions": [{"roi": roi, "image_loader": {"file_path": "a.tif"}}],
            "path": "P.zarr/A/01/0",
            key: 0.5,
            "data_type": "uint16",
            "axes": ["c", "z", "y", "x"],
            "collection": {"plate_name": "P", "row": "A", "column": 1, "acquisition": 0},
            "channels": None,
        }
        loaded = TiledImage.model_validate_json(json.dumps(document))
        assert loaded.pixelsize == loaded.xy_pixel_size == 0.5
        assert loaded.columns.start[0, 2:].tolist() == [1, 2, 3] if generation == 1 else [2, 3, 3]
        assert loaded.columns.original[0, 2] == (3 if generation == 1 else 77)
        assert loaded.regions[0].image_loader.file_path == "a.tif"
        assert loaded.collection == ImageInPlate(plate_name="P", row="A", column=1)

    def test_an_older_document_with_an_unknown_loader_says_what_to_do(self) -> None:
        region = {"roi": {"name": "F", "slices": []}, "image_loader": {"uri": "x"}}
        document = {
            "regions": [region],
            "path": "p",
            "data_type": "uint8",
            "axes": ["y", "x"],
            "collection": {"image_path": "p"},
        }
        with pytest.raises(ValueError, match="LoaderType"):
            TiledImage.model_validate(document)

    finite = st.floats(allow_nan=False, allow_infinity=False)

    @settings(max_examples=60)
    @given(st.data(), st.integers(0, 60))
    def test_columns_come_back_bit_for_bit(self, data: st.DataObject, rows: int) -> None:
        def numbers(width: int) -> np.ndarray:
            pool = data.draw(st.lists(self.finite, min_size=1, max_size=6))
            picks = data.draw(st.lists(st.integers(0, len(pool) - 1), min_size=rows * width, max_size=rows * width))
            return np.array([pool[i] for i in picks], dtype=np.float64).reshape(rows, width)

        names = data.draw(st.lists(st.text(), min_size=1, max_size=5, unique=True))
        files = data.draw(st.lists(st.text(), min_size=rows, max_size=rows))
        pages = data.draw(st.lists(st.none() | st.integers(0, 2**40), min_size=rows, max_size=rows))
        columns = RegionColumns(
            fov_names=names,
            fov=data.draw(st.lists(st.integers(0, len(names) - 1), min_size=rows, max_size=rows)),
            start=numbers(5),
            length=numbers(5),
            original=numbers(3),
            loaders=LoaderColumns.from_files(files, pages),
        )
        back = RegionColumns.from_json(json.loads(json.dumps(columns.to_json())))
        assert back.start.tobytes() == columns.start.tobytes()
        assert back.length.tobytes() == columns.length.tobytes()
        assert back.original.tobytes() == columns.original.tobytes()
        assert back.fov.tolist() == columns.fov.tolist()
        assert back.fov_names == columns.fov_names
        stored = back.loaders.blocks[0].columns() if rows else {"file_path": [], "page": []}
        assert list(stored["file_path"]) == files
        assert [None if page is None else int(page) for page in stored["page"]] == pages

    def test_a_large_image_stays_small(self) -> None:
        rows = 100_000
        builder = TileTableBuilder()
        place, acquisition = (
            well(),
            details("tczyx", xy_pixel_size=0.2966, data_type="uint16", z_spacing=1.5, t_spacing=60),
        )
        corners = np.random.default_rng(0).normal(size=(1250, 2)) * 1000
        for i in range(rows):
            fov, plane = divmod(i, 80)
            channel, z = divmod(plane, 20)
            y, x = corners[fov].tolist()
            name = f"/data/plate one/Images/r01c01f{fov:04}p{z:02}-ch{channel + 1}sk1fk1fl1.tiff"
            builder.add(
                fov=f"F{fov}",
                collection=place,
                acquisition=acquisition,
                start=(0, channel, z * 1.5, y, x),
                length=(1, 1, 1, 2160, 2160),
                file=name,
            )
        (made,) = tiled_image_from_tiles(tiles=builder.build())
        text = made.model_dump_json()
        back = TiledImage.model_validate_json(text)
        assert len(text) <= 60 * rows
        assert np.array_equal(back.columns.start, made.columns.start)
        assert back.regions[99_999].image_loader.file_path == name
