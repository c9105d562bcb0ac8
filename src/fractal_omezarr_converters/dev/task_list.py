"""The tasks of this package, for ``fractal-manifest create``."""

from fractal_task_tools.task_models import ConverterCompoundTask

DOCS_LINK = "https://github.com/fractal-analytics-platform/fractal-omezarr-converters"

TASK_LIST = [
    ConverterCompoundTask(
        name="Convert Operetta and Opera Phenix to OME-Zarr",
        executable_init="tasks/operetta/convert_init.py",
        executable="tasks/convert_compute.py",
        meta_init={"cpus_per_task": 1, "mem": 4000},
        meta={"cpus_per_task": 2, "mem": 4000},
        category="Conversion",
        modality="HCS",
        tags=["Operetta", "Opera Phenix", "Harmony", "Columbus", "Revvity", "PerkinElmer", "plate"],
        docs_info="file:../../../docs/tasks/operetta.md",
    ),
    ConverterCompoundTask(
        name="Convert a Table of Tiles to OME-Zarr",
        executable_init="tasks/tile_table/convert_init.py",
        executable="tasks/convert_compute.py",
        meta_init={"cpus_per_task": 1, "mem": 4000},
        meta={"cpus_per_task": 2, "mem": 4000},
        category="Conversion",
        tags=["TIFF", "PNG", "table", "CSV", "Parquet", "any microscope"],
        docs_info="file:../../../docs/tasks/tile_table.md",
    ),
    ConverterCompoundTask(
        name="Convert CellVoyager and CQ1 to OME-Zarr",
        executable_init="tasks/cellvoyager/convert_init.py",
        executable="tasks/convert_compute.py",
        meta_init={"cpus_per_task": 1, "mem": 4000},
        meta={"cpus_per_task": 2, "mem": 4000},
        category="Conversion",
        modality="HCS",
        tags=["CellVoyager", "CV7000", "CV8000", "CQ1", "CQ3000", "Yokogawa", "plate"],
        docs_info="file:../../../docs/tasks/cellvoyager.md",
    ),
    ConverterCompoundTask(
        name="Convert InCell Analyzer to OME-Zarr",
        executable_init="tasks/incell/convert_init.py",
        executable="tasks/convert_compute.py",
        meta_init={"cpus_per_task": 1, "mem": 4000},
        meta={"cpus_per_task": 2, "mem": 4000},
        category="Conversion",
        modality="HCS",
        tags=["InCell", "Cytiva", "GE Healthcare", "xdce", "plate"],
        docs_info="file:../../../docs/tasks/incell.md",
    ),
    ConverterCompoundTask(
        name="Convert ImageXpress MetaXpress to OME-Zarr",
        executable_init="tasks/metaxpress/convert_init.py",
        executable="tasks/convert_compute.py",
        meta_init={"cpus_per_task": 1, "mem": 4000},
        meta={"cpus_per_task": 2, "mem": 4000},
        category="Conversion",
        modality="HCS",
        tags=["ImageXpress", "MetaXpress", "Molecular Devices", "HTD", "plate"],
        docs_info="file:../../../docs/tasks/metaxpress.md",
    ),
    ConverterCompoundTask(
        name="Convert ImageXpress HCS.ai to OME-Zarr",
        executable_init="tasks/imagexpress_hcsai/convert_init.py",
        executable="tasks/convert_compute.py",
        meta_init={"cpus_per_task": 1, "mem": 4000},
        meta={"cpus_per_task": 2, "mem": 4000},
        category="Conversion",
        modality="HCS",
        tags=["ImageXpress", "HCS.ai", "MetaXpress Acquire", "Molecular Devices", "JDCE", "plate"],
        docs_info="file:../../../docs/tasks/imagexpress_hcsai.md",
    ),
]
