"""The instrument's own metadata files are kept in the plate when asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
import zarr

from fractal_omezarr_converters.convert import convert
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.fractal import setup_images_for_conversion
from fractal_omezarr_converters.models import ConverterOptions, OverwriteMode
from fractal_omezarr_converters.pipelines import AcquisitionRequest, read_acquisitions
from fractal_omezarr_converters.testing import write_cellvoyager, write_ome_plate


def test_files_of_every_acquisition_are_copied_as_they_are(tmp_path: Path) -> None:
    truth = write_cellvoyager(tmp_path / "in", planes=1, acquisitions=2, wells=("B03",))
    options = {"copy_metadata": True}
    made = convert(truth.folders, tmp_path / "out", acquisition_options=options, workers=1, verify=True)
    assert made.verification is not None and made.verification.ok
    plate = tmp_path / "out" / "Synthetic Plate.zarr"
    for number, folder in enumerate(truth.folders):
        kept = plate / "metadata" / str(number)
        assert sorted(each.name for each in kept.iterdir()) == [
            "MeasurementData.mlf",
            "MeasurementDetail.mrf",
            "protocol.mes",
        ]
        for each in kept.iterdir():
            assert each.read_bytes() == (folder / each.name).read_bytes()
    assert sorted(zarr.open_group(plate, mode="r").group_keys()) == ["B"]


def test_nothing_is_copied_unless_asked_for(tmp_path: Path) -> None:
    truth = write_cellvoyager(tmp_path / "in", planes=1, wells=("B03",))
    convert(truth.folders, tmp_path / "out", workers=1)
    assert not (tmp_path / "out" / "Synthetic Plate.zarr" / "metadata").exists()


def test_of_an_image_its_ome_xml_is_copied_and_not_its_pixels(tmp_path: Path) -> None:
    truth = write_ome_plate(tmp_path / "in", companion=False)
    convert(truth.folders, tmp_path / "out", acquisition_options={"copy_metadata": True}, workers=1)
    (kept,) = (tmp_path / "out").glob("*.zarr/metadata/0/*")
    (first,) = [path for path in truth.folders[0].rglob("*.ome.tif") if path.name.removesuffix(".ome.tif") in kept.name]
    assert kept.name.endswith(".ome.xml")
    assert b"<Plate " in kept.read_bytes() and kept.read_bytes() in first.read_bytes()
    assert kept.stat().st_size < first.stat().st_size


def test_all_parts_of_one_acquisition_keep_their_files(tmp_path: Path) -> None:
    """The last folder's files took the place of those of the others, in one run as well as by Extend."""
    parts = [write_cellvoyager(tmp_path / well, planes=1, wells=(well,)).folders[0] for well in ("B03", "C05", "D07")]
    records = [(part / "MeasurementData.mlf").read_bytes() for part in parts]
    options = {"acquisition_options": {"copy_metadata": True}, "workers": 1}
    both = {"acquisitions": [{"path": str(part), "acquisition": 0} for part in parts[:2]]}
    convert([], tmp_path / "out", configuration=both, **options)
    for part in (parts[2], parts[0]):
        convert(part, tmp_path / "out", overwrite="Extend", **options)
    kept = tmp_path / "out" / "Synthetic Plate.zarr" / "metadata" / "0"
    assert [(kept / f"{number}MeasurementData.mlf").read_bytes() for number in ("", "2_", "3_")] == records
    assert not list(kept.glob("4_*"))
    convert(parts[2], tmp_path / "out", overwrite="Overwrite", **options)
    assert (kept / "MeasurementData.mlf").read_bytes() == records[2]


def test_a_file_that_cannot_be_read_is_no_fault_of_the_output(tmp_path: Path) -> None:
    """The message said that the output could not be written."""
    [source] = write_cellvoyager(tmp_path / "in", planes=1, wells=("B03",)).folders
    options = ConverterOptions()
    images, report = read_acquisitions([AcquisitionRequest(str(source), plate_name="P")], options)
    (source / "MeasurementData.mlf").unlink()
    with pytest.raises(ConvertersToolsUserError, match=r"^'.*in.*MeasurementData\.mlf' cannot be read \(No such file"):
        setup_images_for_conversion(
            images,
            zarr_dir=str(tmp_path / "out"),
            collection_type="ImageInPlate",
            converter_options=options,
            overwrite_mode=OverwriteMode.NO_OVERWRITE,
            metadata_files={("P.zarr", 0): report.scans[0].metadata_files},
        )
