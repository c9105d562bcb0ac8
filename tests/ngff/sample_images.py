"""Small correct images and plates for tests: documents by the package, pixels through zarr."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import zarr

from fractal_omezarr_converters.ngff.documents import array_document, image_attributes, label_content, labels_attributes
from fractal_omezarr_converters.ngff.groups import join, write_group
from fractal_omezarr_converters.ngff.plates import Acquisition, PlateContent, WellImage, write_plate
from fractal_omezarr_converters.ngff.rendering import omero, window_from_histogram
from fractal_omezarr_converters.ngff.stores import LocalStore
from fractal_omezarr_converters.ngff.tables import Backend, write_table

PIXEL = {"t": 2.5, "c": 1.0, "z": 2.0, "y": 0.65, "x": 0.5}
VERSIONS = ("0.4", "0.5", "0.6")


class Channel(NamedTuple):
    channel_label: str
    wavelength_id: str | None = None
    color: str | None = None


def pixels(shape: tuple[int, ...], dtype: str = "uint16", seed: int = 0) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : shape[-2], 0 : shape[-1]]
    smooth = 300 + 200 * np.sin(x / 9) * np.cos(y / 7)
    return rng.poisson(np.broadcast_to(smooth, shape)).astype(dtype)


def halve(data: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    blocks = data.reshape(*data.shape[:-2], data.shape[-2] // 2, 2, data.shape[-1] // 2, 2)
    return np.rint(blocks.mean(axis=(-3, -1), dtype="f8")).astype(data.dtype)


def write_image(
    store: LocalStore,
    path: str,
    version: str,
    *,
    axes: str = "czyx",
    shape: tuple[int, ...] = (2, 2, 96, 160),
    dtype: str = "uint16",
    levels: int = 3,
    shards: bool = False,
    origin: dict[str, float] | None = None,
    name: str = "sample",
    label: bool = False,
    seed: int = 0,
) -> np.ndarray[Any, Any]:
    full = pixels(shape, dtype, seed)
    data = full
    scales, shifts, paths = [], [], []
    start = [(origin or {}).get(axis, 0.0) for axis in axes]
    for level in range(levels):
        factor = [2**level if axis in "yx" else 1 for axis in axes]
        scales.append([PIXEL[axis] * f for axis, f in zip(axes, factor)])
        shifts.append([o + PIXEL[axis] * (f - 1) / 2 for o, axis, f in zip(start, axes, factor)])
        paths.append(str(level))
        chunks = (1,) * (data.ndim - 2) + (32, 32)
        documents = array_document(
            version,
            shape=data.shape,
            chunks=chunks,
            shards=(1,) * (data.ndim - 2) + (64, 64) if shards else None,
            dtype=dtype,
            axes=axes,
        )
        for file, content in documents.items():
            store.put(join(path, str(level), file), content)
        zarr.open_array(str(store.path / path / str(level)), mode="r+")[...] = data
        data = halve(data) if not label else data[..., ::2, ::2]
    rendering = None
    if not label:
        number = shape[axes.index("c")] if "c" in axes else 1
        windows = []
        for channel in range(number):
            plane = np.take(full, channel, axes.index("c")) if "c" in axes else full
            windows.append(window_from_histogram(*np.unique(plane, return_counts=True), dtype))
        known = [Channel("DAPI", "405", "#0000FF"), Channel("GFP", "488", "#00FF00"), Channel("Cy5")][:number]
        rendering = omero(known, windows)
    attributes = image_attributes(
        version,
        name=name,
        axes=axes,
        level_paths=paths,
        scales=scales,
        translations=shifts,
        omero=rendering,
        method={"type": "nearest" if label else "mean", "metadata": {"method": "blocks", "version": "1"}},
        label=label_content({1: (255, 0, 0, 255)}, [{"label-value": 1, "side": "left"}], version=version)
        if label
        else None,
    )
    write_group(store, path, version, attributes)
    return full


def write_label(store: LocalStore, image: str, version: str) -> None:
    """A label of the same size as the default image, without channels."""
    write_group(store, join(image, "labels"), version, labels_attributes(version, ["nuclei"]))
    write_image(store, join(image, "labels/nuclei"), version, axes="zyx", shape=(2, 96, 160), label=True, name="nuclei")


def roi_columns(names: tuple[str, ...] = ("FOV_1", "FOV_2")) -> dict[str, list[Any]]:
    """Fields of view side by side in the default image."""
    number = len(names)
    return {
        "FieldIndex": list(names),
        "x_micrometer": [80 * 0.5 * index for index in range(number)],
        "y_micrometer": [0.0] * number,
        "z_micrometer": [0.0] * number,
        "len_x_micrometer": [80 * 0.5] * number,
        "len_y_micrometer": [96 * 0.65] * number,
        "len_z_micrometer": [4.0] * number,
        "x_micrometer_original": [1234.5 + 40 * index for index in range(number)],
        "y_micrometer_original": [-17.25] * number,
        "z_micrometer_original": [None] + [3.0] * (number - 1),
    }


def write_sample_plate(store: LocalStore, version: str, backend: Backend = "csv", path: str = "") -> PlateContent:
    """Two acquisitions, three wells, one of them with one acquisition only; labels, ROI and condition tables."""
    images = [
        WellImage("A", 1, "0", 0),
        WellImage("A", 1, "1", 1),
        WellImage("B", 11, "0", 0),
        WellImage("H", 12, "0", 0),
    ]
    times = {"start_time": 1700000000, "end_time": 1700003600}
    known = [Acquisition(0, "day 1", "before", **times), Acquisition(1, "day 2")]
    content = PlateContent("Plate 1", images, known, rows=8, columns=12)
    write_plate(store, path, content, version)
    for index, image in enumerate(images):
        at = join(path, image.well_path, image.path)
        write_image(store, at, version, seed=index, name=f"{image.well_path} {image.path}")
        write_label(store, at, version)
        for name, rows in (("FOV_ROI_table", roi_columns()), ("well_ROI_table", roi_columns(("image",)))):
            write_table(
                store, at, name, rows, table_type="roi_table", backend=backend, index_key="FieldIndex", version=version
            )
    return content
