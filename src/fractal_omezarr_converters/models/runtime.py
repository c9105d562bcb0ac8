"""How a conversion runs: workers, memory, and how plans travel from init to compute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from fractal_omezarr_converters.models.older_names import newer_mode
from fractal_omezarr_converters.models.urls import join_url_paths
from fractal_omezarr_converters.models.user_facing import UserFacingModel, shown_default


class TempJsonOptions(UserFacingModel):
    """How the description of an image travels from the init step to the compute steps."""

    model_config = ConfigDict(title="Hand-Over")

    temp_url: str = Field(default="{zarr_dir}/_tmp_json", title="Temporary Folder")
    """Folder below which every run makes a folder of its own; `{zarr_dir}` stands for the output directory. Runs that make plates
    take a hidden folder in the plate as long as this is left as it is."""
    serialization: Literal["Auto", "Memory", "JSON"] = Field(default="Auto", title="Serialization")
    """`Memory`: inside the arguments of the job. `JSON`: as a file. `Auto`: in memory while all of them are small."""
    max_in_memory_bytes: int = Field(default=10_485_760, ge=0, title="Largest Size in Memory")
    """Up to how many bytes all descriptions together travel in memory (`Auto`)."""

    def format_temp_url(self, zarr_dir: str) -> str:
        """Give the folder for an output directory."""
        return join_url_paths(self.temp_url.replace("{zarr_dir}", str(zarr_dir)))

    def is_left_to_us(self) -> bool:
        """Say whether no other folder than the default one is asked for."""
        return bool(self.temp_url == type(self).model_fields["temp_url"].default)

    def use_in_memory(self, total_bytes: int) -> bool:
        """Say whether descriptions of this size together travel in memory."""
        if self.serialization == "Auto":
            return total_bytes <= self.max_in_memory_bytes
        return self.serialization == "Memory"


class ThreadScheduler(UserFacingModel):
    """Threads of one process."""

    model_config = ConfigDict(title="Threads")

    mode: Literal["Threads"] = Field(default="Threads", title="Scheduler")
    """Threads of one process."""
    num_workers: int = Field(default=8, ge=1, le=10_000, title="Workers")
    """How many threads."""

    def get_config(self) -> dict[str, Any]:
        """Give the settings for dask."""
        return {"scheduler": "threads", "num_workers": self.num_workers}


class ProcessScheduler(UserFacingModel):
    """Processes of one computer."""

    model_config = ConfigDict(title="Processes")

    mode: Literal["Processes"] = Field(default="Processes", title="Scheduler")
    """Processes of one computer."""
    num_workers: int = Field(default=8, ge=1, le=10_000, title="Workers")
    """How many processes."""

    def get_config(self) -> dict[str, Any]:
        """Give the settings for dask."""
        return {"scheduler": "processes", "num_workers": self.num_workers}


class SynchronousScheduler(UserFacingModel):
    """One step after the other."""

    model_config = ConfigDict(title="Synchronous")

    mode: Literal["Synchronous"] = Field(default="Synchronous", title="Scheduler")
    """One step after the other."""

    def get_config(self) -> dict[str, Any]:
        """Give the settings for dask."""
        return {"scheduler": "synchronous"}


class DefaultScheduler(UserFacingModel):
    """Whatever is usual."""

    model_config = ConfigDict(title="Default")

    mode: Literal["Default"] = Field(default="Default", title="Scheduler")
    """Whatever is usual."""

    def get_config(self) -> dict[str, Any]:
        """Give the settings for dask: none."""
        return {}


DaskScheduler = Annotated[
    ThreadScheduler | ProcessScheduler | SynchronousScheduler | DefaultScheduler,
    Field(discriminator="mode"),
    BeforeValidator(newer_mode),
]


class RuntimeSettings(UserFacingModel):
    """How a conversion runs; none of it changes a pixel."""

    model_config = ConfigDict(title="Runtime Settings")

    use_zarrs_codec: bool = Field(default=False, title="Use zarrs")
    """Read and write through the zarrs codec pipeline where it is installed; where it is not, this has no effect."""
    dask_scheduler: DaskScheduler = Field(
        default_factory=DefaultScheduler, json_schema_extra=shown_default(DefaultScheduler), title="Dask Scheduler"
    )
    """How dask runs when pixels are loaded through it."""
    temp_json_options: TempJsonOptions = Field(
        default_factory=TempJsonOptions, json_schema_extra=shown_default(TempJsonOptions), title="Hand-Over"
    )
    """How plans travel from the init step to the compute steps."""
    num_workers: int | None = Field(default=None, ge=1, le=10_000, title="Workers")
    """Threads that read, compress and write; empty: as many as the computer or the job has cores."""
    memory_limit_mb: int | None = Field(default=None, ge=16, title="Memory Limit")
    """Memory (MB) that the writer may use; empty: what the computer or the job has."""
    divide_above_mb: int = Field(default=2048, ge=0, title="Divide Above")
    """An image of more than so many MB of pixels is divided among several workers where that makes it faster."""

    @contextmanager
    def apply(self) -> Iterator[None]:
        """Set dask's scheduler and zarr's codec pipeline, where these libraries are installed; restore them afterwards."""
        with ExitStack() as settings:
            scheduler = self.dask_scheduler.get_config()
            if scheduler:
                _enter(settings, "dask", scheduler)
            if self.use_zarrs_codec and find_spec("zarrs") is not None:
                _enter(settings, "zarr", {"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"})
            yield


def _enter(settings: ExitStack, library: str, values: dict[str, Any]) -> None:
    try:
        config = import_module(library).config
    except ImportError:
        return
    settings.enter_context(config.set(values))
