"""This package for the fault harness: the two steps that Fractal runs, init with one process and compute with one per image.

Lies in the harness's folder ``adapters`` while it runs; ``python dev/faults`` puts it there.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

from adapters.base import Adapter  # type: ignore[import-not-found]  # of the harness

from fractal_omezarr_converters.convert import verify
from fractal_omezarr_converters.core.tile import Tile
from fractal_omezarr_converters.fractal.acquisition_inputs import AcquisitionInput
from fractal_omezarr_converters.fractal.compute import generic_compute_task
from fractal_omezarr_converters.fractal.init import init_acquisitions, setup_images_for_conversion
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails, ChannelInfo
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.models.loaders import DefaultImageLoader
from fractal_omezarr_converters.models.options import ConverterOptions, OverwriteMode, WriterMode
from fractal_omezarr_converters.pipelines.aggregation import tiles_aggregation_pipeline

warnings.simplefilter("always")  # a Fractal task has them in its log as well
MODES = {"no": OverwriteMode.NO_OVERWRITE, "over": OverwriteMode.OVERWRITE, "extend": OverwriteMode.EXTEND}
WRITERS = {
    "fov": WriterMode.BY_FOV,
    "tile": WriterMode.BY_TILE,
    "fov_dask": WriterMode.BY_FOV_DASK,
    "tile_dask": WriterMode.BY_TILE_DASK,
    "memory": WriterMode.IN_MEMORY,
}
FORMATS = {
    "operetta": "operetta",
    "scanr": "scanr",
    "cellvoyager": "cellvoyager",
    "cq3k": "cellvoyager",
    "imagexpress": "imagexpress_hcsai",
    "hcs_tiff": "tile_table",
}


def _as_the_instrument_writes(kind: str, folder: Path) -> None:
    """Names that the harness abbreviates.

    ImageXpress HCS.ai lists images in ``image_metadata_1.csv``. ScanR calls an image ``Well 14, Position 1 (B2)``: it writes
    nowhere else how many columns the plate has.
    """
    table, described = folder / "experiment" / "images.csv", folder / "data" / "metadata.ome.xml"
    if kind == "imagexpress" and table.is_file():
        table.rename(table.with_name("image_metadata_1.csv"))
    if kind == "scanr" and described.is_file():
        content = described.read_bytes()
        encoding = "utf-16" if content.startswith(b"\xff\xfe") else "latin-1"
        text = re.sub(r'ID="Image:W(\d+)P(\d+)" Name="[^"]*"', _full_name, content.decode(encoding))
        described.write_bytes(text.encode(encoding))


def _full_name(found: re.Match[str]) -> str:
    row, column = divmod(int(found[1]) - 1, 12)
    return (
        f'ID="Image:W{found[1]}P{found[2]}" Name="Well {found[1]}, Position {found[2]} ({chr(65 + row)}{column + 1})"'
    )


class A(Adapter):  # type: ignore[misc]  # the name that the harness looks for
    """Our package."""

    name = "fractal-omezarr-converters"
    public_errors = ("ConvertersToolsError",)
    vendors = tuple(FORMATS)

    def options(  # noqa: PLR0917  (called by keyword)
        self,
        writer_mode: str = "fov",
        per_fov: bool = False,
        temp_json: str = "file",
        ngff: str = "0.4",
        shards: bool = False,
        levels: int = 2,
        **_: Any,
    ) -> ConverterOptions:
        """The harness's neutral options as ours."""
        written: dict[str, Any] = {
            "ngff_version": ngff,
            "levels": {"mode": "Number of Levels", "num_levels": levels},
        }
        if shards:
            written["shards"] = {"mode": "Multiple of Chunks"}
        mosaic = {"mode": "Mosaic", "tiling_strategy": {"mode": "Inplace"}}
        return ConverterOptions.model_validate(
            {
                "writer_mode": WRITERS[writer_mode].value,
                "grouping": {"mode": "Per-FOV"} if per_fov else mosaic,
                "omezarr_options": written,
                "runtime_settings": {
                    "temp_json_options": {"serialization": "JSON" if temp_json == "file" else "Memory"}
                },
            }
        )

    def tiles(self, ds: Any) -> list[Tile]:
        """The harness's records as tiles."""
        details = AcquisitionDetails(
            xy_pixel_size=ds.px,
            z_spacing=ds.zs,
            t_spacing=ds.ts,
            axes=list(ds.axes),
            channels=[ChannelInfo(channel_label=label) for label in ds.channels] if ds.channels else None,
            start_x_space=ds.space,
            start_y_space=ds.space,
            start_z_space="pixel",
            start_t_space="pixel",
            data_type=ds.dtype,
        )
        return [
            Tile(
                fov_name=t.fov,
                start_x=t.x,
                start_y=t.y,
                start_z=t.z,
                start_c=t.c,
                start_t=t.t,
                length_x=t.lx,
                length_y=t.ly,
                length_z=t.lz,
                length_c=t.lc,
                length_t=t.lt,
                collection=ImageInPlate(plate_name=ds.name, row=t.row, column=t.col, acquisition=t.acq),
                image_loader=DefaultImageLoader(file_path=ds.path(t)),
                acquisition_details=details,
                attributes=t.attrs,
            )
            for t in ds.tiles
        ]

    def init(self, ds: Any, zarr_dir: str, mode: str = "no", **opts: Any) -> list[dict[str, Any]]:
        """The first step on tiles."""
        options = self.options(**opts)
        return setup_images_for_conversion(
            tiles_aggregation_pipeline(self.tiles(ds), converter_options=options),
            zarr_dir=zarr_dir,
            collection_type="ImageInPlate",
            converter_options=options,
            overwrite_mode=MODES[mode],
        )

    def compute(self, item: dict[str, Any]) -> Any:
        """The second step."""
        return generic_compute_task(zarr_url=item["zarr_url"], init_args=item["init_args"])

    def vendor_init(
        self,
        kind: str,
        path: str,
        zarr_dir: str,
        mode: str = "no",
        *,
        acq: int = 0,
        plate: str | None = None,
        acq_extra: dict[str, Any] | None = None,
        **opts: Any,
    ) -> list[dict[str, Any]]:
        """The first step on a folder of an instrument."""
        _as_the_instrument_writes(kind, Path(path))
        given = AcquisitionInput.model_validate(
            {"path": path, "acquisition": acq, "plate_name": plate, **(acq_extra or {})}
        )
        made = init_acquisitions(
            FORMATS[kind],
            zarr_dir=zarr_dir,
            acquisitions=[given],
            converter_options=self.options(**opts),
            overwrite=MODES[mode],
        )
        return list(made["parallelization_list"])

    def plate_path(self, ds: Any, zarr_dir: str) -> str:
        """Names that no disk can have, or that would leave the folder, are written differently."""
        tile = ds.tiles[0]
        plate = ImageInPlate(plate_name=ds.name, row=tile.row, column=tile.col, acquisition=tile.acq)
        return f"{zarr_dir}/{plate.plate_path()}"

    def image_path(self, ds: Any, zarr_dir: str, row: str, col: int, acq: int) -> str:
        """Where an image of a well lies; rows are filed in capitals."""
        plate = ImageInPlate(plate_name=ds.name, row=row, column=col, acquisition=acq)
        return f"{zarr_dir}/{plate.path()}"

    def verify(self, zarr_dir: str, ds: Any) -> bool:
        """Our own proof of the output."""
        return verify(self.plate_path(ds, zarr_dir)).ok

    def item_temp_files(self, item: dict[str, Any]) -> list[str]:
        """The hand-over file of a job."""
        url = item["init_args"].get("tiled_image_json_dump_url")
        return [url] if url else []
