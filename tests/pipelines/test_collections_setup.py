"""Plates, wells and single images: what init makes before any pixel is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fractal_omezarr_converters.core.aggregation import tiled_image_from_tiles
from fractal_omezarr_converters.errors import (
    ConvertersToolsOutputExistsError,
    ConvertersToolsUserError,
    ConvertersToolsWarning,
)
from fractal_omezarr_converters.models import (
    ConverterOptions,
    ImageInPlate,
    OmeZarrOptions,
    OverwriteMode,
    PerFovGrouping,
    SingleImage,
)
from fractal_omezarr_converters.models.plate_facts import PlateFacts
from fractal_omezarr_converters.ngff import open_image, open_store, read_table, write_table
from fractal_omezarr_converters.pipelines import (
    add_collection_handler,
    infer_collection_type,
    setup_ome_zarr_collection,
    setup_plates,
    setup_singleimage,
    tiled_image_creation_pipeline,
)

EXTEND = OverwriteMode.EXTEND


def document(path: Path, key: str) -> dict:
    return json.loads((path / ".zattrs").read_text())[key]


def write(images, zarr_dir, mode=OverwriteMode.NO_OVERWRITE, options=None):
    for image in images:
        tiled_image_creation_pipeline(
            zarr_url=f"{zarr_dir}/{image.path}",
            tiled_image=image,
            registration_pipeline=None,
            converter_options=options or ConverterOptions(),
            overwrite_mode=mode,
        )


def test_f46_f47_names_counts_and_the_whole_plate(make_tile, tmp_path):
    tiles = [make_tile(acquisition=number, row=row) for number in (0, 3) for row in ("A", "C")]
    facts = {
        ("Plate", 0): PlateFacts("Plate", 8, 12, acquisition_name="before", start_time=1000, end_time=2000),
        ("Plate", 3): PlateFacts("Plate", 8, 12, acquisition_description="after drug"),
    }
    setup_ome_zarr_collection(tiled_images=tiled_image_from_tiles(tiles=tiles), zarr_dir=tmp_path, plate_facts=facts)
    plate = document(tmp_path / "Plate.zarr", "plate")
    assert plate["name"] == "Plate"
    assert [row["name"] for row in plate["rows"]] == list("ABCDEFGH")
    assert len(plate["columns"]) == 12
    assert plate["field_count"] == 2
    first, second = plate["acquisitions"]
    assert first == {"id": 0, "name": "before", "starttime": 1000, "endtime": 2000, "maximumfieldcount": 1}
    assert (second["id"], second["description"]) == (3, "after drug")
    well = document(tmp_path / "Plate.zarr/C/03", "well")
    assert [(image["path"], image["acquisition"]) for image in well["images"]] == [("0", 0), ("3", 3)]


def test_extend_keeps_names_wells_and_conditions_of_earlier_runs(make_tile, tmp_path):
    first = tiled_image_from_tiles(
        tiles=[make_tile(row="A", attributes={"drug": ["a"]}), make_tile(row="B", attributes={"drug": ["b"]})]
    )
    setup_plates(str(tmp_path), first, plate_facts={("Plate", 0): PlateFacts("Plate", acquisition_name="first")})
    second = tiled_image_from_tiles(
        tiles=[
            make_tile(row="B", attributes={"drug": ["new"], "dose": [1]}),
            make_tile(row="C", acquisition=1, attributes={"drug": ["c"], "dose": [2]}),
        ]
    )
    setup_plates(str(tmp_path), second, overwrite_mode=EXTEND)
    plate = document(tmp_path / "Plate.zarr", "plate")
    assert [well["path"] for well in plate["wells"]] == ["A/03", "B/03", "C/03"]
    assert plate["acquisitions"][0]["name"] == "first"
    table = read_table(open_store(tmp_path), "Plate.zarr", "condition_table")
    assert table["row"] == ["A", "B", "C"]
    assert table["drug"] == ["a", "new", "c"]
    assert table["dose"] == [None, 1, 2]
    assert [str(path) for path in table["path_in_well"]] == ["0", "0", "1"]


def test_an_acquisition_that_is_extended_lasts_from_its_first_to_its_last_part(make_tile, tmp_path):
    """Each run put its own times into the place of those of the others."""
    for row, start, end in (("B", 2000, 3000), ("C", 1000, 1500), ("D", 2500, 4000), ("E", None, None)):
        facts = {("Plate", 0): PlateFacts("Plate", start_time=start, end_time=end)}
        images = tiled_image_from_tiles(tiles=[make_tile(row=row)])
        setup_plates(str(tmp_path), images, overwrite_mode=EXTEND, plate_facts=facts)
    [entry] = document(tmp_path / "Plate.zarr", "plate")["acquisitions"]
    assert (entry["starttime"], entry["endtime"]) == (1000, 4000)


def test_f44_f45_fields_are_numbered_and_an_extension_never_renumbers(make_tile, tmp_path):
    shared = make_tile("x").collection
    first = tiled_image_from_tiles(tiles=[make_tile(f, collection=shared) for f in ("B", "C")], split_per_fov=True)
    setup_plates(str(tmp_path), first)
    assert {image.name: image.path for image in first} == {"B": "Plate.zarr/B/03/0", "C": "Plate.zarr/B/03/1"}
    assert shared.path() == "Plate.zarr/B/03/0"
    second = tiled_image_from_tiles(tiles=[make_tile(f) for f in ("A", "C", "D")], split_per_fov=True)
    setup_plates(str(tmp_path), second, overwrite_mode=EXTEND)
    assert {image.name: image.path[-1] for image in second} == {"A": "2", "C": "1", "D": "3"}
    well = document(tmp_path / "Plate.zarr/B/03", "well")
    assert [image["path"] for image in well["images"]] == ["0", "1", "2", "3"]
    mosaic = tiled_image_from_tiles(tiles=[make_tile("A"), make_tile("B", start_x=16.0)])
    with pytest.raises(ConvertersToolsUserError, match="holds images of the grouping Per-FOV, this run makes Mosaic"):
        setup_plates(str(tmp_path), mosaic, overwrite_mode=EXTEND)


def test_f48_versions_are_not_mixed(make_tile, tmp_path):
    images = tiled_image_from_tiles(tiles=[make_tile()])
    setup_plates(str(tmp_path), images, "0.4")
    with pytest.raises(ConvertersToolsUserError, match=r"is OME-Zarr 0\.4, this run would write 0\.5"):
        setup_plates(str(tmp_path), images, "0.5", EXTEND)


def test_f49_two_images_with_one_path_name_their_sources(make_tile, tmp_path):
    images = [tiled_image_from_tiles(tiles=[make_tile(file=name)])[0] for name in ("one", "two")]
    with pytest.raises(
        ConvertersToolsUserError, match=r"'Plate\.zarr/B/03/0': one from one\.tif .* other from two\.tif"
    ):
        setup_ome_zarr_collection(tiled_images=images, zarr_dir=tmp_path)
    assert not list(tmp_path.iterdir())


def test_no_overwrite_refuses_a_finished_plate_and_continues_an_interrupted_run(make_tile, tmp_path):
    tiles = [make_tile(row=row) for row in "AB"]
    images = tiled_image_from_tiles(tiles=tiles)
    setup_plates(str(tmp_path), images)
    write(images[:1], tmp_path)
    setup_plates(str(tmp_path), images)
    write(images[1:], tmp_path)
    with pytest.raises(ConvertersToolsOutputExistsError, match="choose Extend to add to it, Overwrite to replace it"):
        setup_plates(str(tmp_path), images)
    other = tiled_image_from_tiles(tiles=[make_tile(row="C")])
    with pytest.raises(ConvertersToolsOutputExistsError):
        setup_plates(str(tmp_path), other)


def test_no_overwrite_adds_no_acquisition_to_what_an_interrupted_run_left(make_tile, tmp_path):
    """It was taken for the same run, because its wells are the same."""
    images = tiled_image_from_tiles(tiles=[make_tile(row=row) for row in "AB"])
    setup_plates(str(tmp_path), images)
    write(images[:1], tmp_path)
    second = tiled_image_from_tiles(tiles=[make_tile(row=row, acquisition=1) for row in "AB"])
    with pytest.raises(ConvertersToolsOutputExistsError, match="choose Extend to add to it"):
        setup_plates(str(tmp_path), second)
    setup_plates(str(tmp_path), second, overwrite_mode=EXTEND)
    setup_plates(str(tmp_path), [*images, *second])


def test_f54_overwrite_deletes_nothing_in_init(make_tile, tmp_path):
    images = tiled_image_from_tiles(tiles=[make_tile(row=row) for row in "AB"])
    setup_plates(str(tmp_path), images)
    write(images, tmp_path)
    notes = tmp_path / "Plate.zarr/notes.txt"
    notes.write_text("years of work")
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.warns(ConvertersToolsWarning, match=r"will be lost.*1 well \(B03\)"):
        setup_plates(str(tmp_path), images[:1], overwrite_mode=OverwriteMode.OVERWRITE)
    assert before <= {path for path in tmp_path.rglob("*") if path.is_file()}
    assert [well["path"] for well in document(tmp_path / "Plate.zarr", "plate")["wells"]] == ["A/03", "B/03"]
    write(images[:1], tmp_path, OverwriteMode.OVERWRITE)
    assert [well["path"] for well in document(tmp_path / "Plate.zarr", "plate")["wells"]] == ["A/03"]
    assert not (tmp_path / "Plate.zarr/B").exists() and notes.read_text() == "years of work"


def test_an_overwritten_single_image_says_what_is_lost_and_replaces_no_plate(make_tile, tmp_path):
    images = tiled_image_from_tiles(tiles=[make_tile(collection=SingleImage(image_path="a"))])
    write(images, tmp_path)
    write_table(open_store(tmp_path), "a.zarr", "features", {"area": [1]}, version="0.4")
    (tmp_path / "a.zarr/notes.txt").write_text("mine")
    with pytest.warns(ConvertersToolsWarning, match=r"'a\.zarr' in .* will be lost .*1 table \(features\)"):
        setup_singleimage(str(tmp_path), images, overwrite_mode=OverwriteMode.OVERWRITE)
    with pytest.warns(ConvertersToolsWarning, match=r"1 files? .* no part of it and stay.*notes\.txt"):
        write(images, tmp_path, OverwriteMode.OVERWRITE)
    assert open_image(tmp_path / "a.zarr").tables() == ["FOV_ROI_table", "well_ROI_table"]
    assert (tmp_path / "a.zarr/notes.txt").read_text() == "mine"
    assert not (tmp_path / "a.zarr/tables/features").exists()
    setup_plates(str(tmp_path), tiled_image_from_tiles(tiles=[make_tile()]))
    other = tiled_image_from_tiles(tiles=[make_tile(collection=SingleImage(image_path="Plate"))])
    with pytest.raises(ConvertersToolsOutputExistsError, match="is a plate, which an image does not replace"):
        setup_singleimage(str(tmp_path), other, overwrite_mode=OverwriteMode.OVERWRITE)


@pytest.mark.parametrize(
    ("collection", "kind"),
    [
        (ImageInPlate(plate_name="P", well="A01"), "SingleImage"),
        (SingleImage(image_path="a"), "ImageInPlate"),
    ],
)
def test_a_collection_type_that_the_images_are_not_of_is_refused(make_tile, tmp_path, collection, kind):
    images = tiled_image_from_tiles(tiles=[make_tile(collection=collection)])
    with pytest.raises(
        ConvertersToolsUserError, match=f"belongs? to a plate.* give '{type(collection).__name__}', or leave"
    ):
        setup_ome_zarr_collection(tiled_images=images, collection_type=kind, zarr_dir=tmp_path)
    assert not list(tmp_path.iterdir())


class WellOfOurs(ImageInPlate):
    """A well with something of its own."""

    staining: str = "none"


def test_a_collection_that_inherits_ours_is_set_up_as_ours(make_tile, tmp_path):
    """It was refused as one without a handler, unless the kind was said."""
    place = WellOfOurs(plate_name="P", row="A", column=1, staining="HE")
    images = tiled_image_from_tiles(tiles=[make_tile(collection=place)])
    assert infer_collection_type(images) == "ImageInPlate"
    setup_ome_zarr_collection(tiled_images=images, zarr_dir=tmp_path)
    assert [well["path"] for well in document(tmp_path / "P.zarr", "plate")["wells"]] == ["A/01"]


def test_single_images_only_need_a_free_place(make_tile, tmp_path):
    images = tiled_image_from_tiles(tiles=[make_tile(collection=SingleImage(image_path="sub/a"))])
    assert infer_collection_type(images) == "SingleImage"
    setup_ome_zarr_collection(tiled_images=images, zarr_dir=tmp_path)
    assert not list(tmp_path.iterdir())
    write(images, tmp_path)
    with pytest.raises(ConvertersToolsOutputExistsError, match=r"'sub/a\.zarr' exist .*Overwrite .*Extend"):
        setup_singleimage(str(tmp_path), images)
    setup_singleimage(str(tmp_path), images, overwrite_mode=EXTEND)
    (tmp_path / "b.zarr").mkdir()
    (tmp_path / "b.zarr/foreign.txt").write_text("x")
    foreign = tiled_image_from_tiles(tiles=[make_tile(collection=SingleImage(image_path="b"))])
    with pytest.raises(ConvertersToolsOutputExistsError):
        setup_singleimage(str(tmp_path), foreign, overwrite_mode=EXTEND)


def test_mixtures_and_nothing_are_refused(make_tile, tmp_path):
    images = tiled_image_from_tiles(tiles=[make_tile(), make_tile(collection=SingleImage(image_path="a"))])
    with pytest.raises(ConvertersToolsUserError, match="images of one kind"):
        setup_ome_zarr_collection(tiled_images=images, zarr_dir=tmp_path)
    with pytest.raises(ConvertersToolsUserError, match="no images"):
        setup_ome_zarr_collection(tiled_images=[], zarr_dir=tmp_path)


def test_f50_relative_output_folders_are_made_absolute(make_tile, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    setup_ome_zarr_collection(tiled_images=tiled_image_from_tiles(tiles=[make_tile()]), zarr_dir="out")
    assert (tmp_path / "out/Plate.zarr/.zattrs").is_file()
    given = []
    add_collection_handler(
        function=lambda zarr_dir, **more: given.append(zarr_dir), collection_type="Elsewhere", overwrite=True
    )
    for zarr_dir in ("out", Path("a") / ".." / "out", ' "out" '):
        images = tiled_image_from_tiles(tiles=[make_tile()])
        setup_ome_zarr_collection(tiled_images=images, zarr_dir=zarr_dir, collection_type="Elsewhere")
    assert given == [str(tmp_path / "out")] * 3


def test_own_handlers(make_tile, tmp_path):
    calls = []

    def handler(zarr_dir, tiled_images, ngff_version, overwrite_mode):
        calls.append((zarr_dir, len(tiled_images), ngff_version, overwrite_mode))

    add_collection_handler(function=handler, collection_type="Mine", overwrite=True)
    images = tiled_image_from_tiles(tiles=[make_tile()])
    setup_ome_zarr_collection(tiled_images=images, collection_type="Mine", zarr_dir=tmp_path, ngff_version="0.5")
    assert calls == [(str(tmp_path), 1, "0.5", OverwriteMode.NO_OVERWRITE)]
    with pytest.raises(ConvertersToolsUserError, match="no collection handler called 'Yours'"):
        setup_ome_zarr_collection(tiled_images=images, collection_type="Yours", zarr_dir=tmp_path)


def test_ngio_opens_the_plate(make_tile, tmp_path):
    from ngio import open_ome_zarr_plate

    options = ConverterOptions(grouping=PerFovGrouping(), omezarr_options=OmeZarrOptions(ngff_version="0.5"))
    images = tiled_image_from_tiles(
        tiles=[make_tile(f, row=row, attributes={"drug": ["x"]}) for row in ("A", "AA") for f in ("F1", "F2")],
        split_per_fov=True,
    )
    setup_plates(str(tmp_path), images, "0.5")
    write(images, tmp_path, options=options)
    plate = open_ome_zarr_plate(tmp_path / "Plate.zarr")
    assert sorted(plate.images_paths()) == ["A/03/0", "A/03/1", "AA/03/0", "AA/03/1"]
    assert plate.get_table("condition_table").dataframe["drug"].tolist() == ["x"] * 4
