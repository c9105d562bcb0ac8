"""From folders of microscopes to images: scan, apply what the user states, filter, join conditions, group, check."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fractal_omezarr_converters.core.paused_collection import paused_collection
from fractal_omezarr_converters.core.tile_table import TileTable
from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import (
    ConvertersToolsFileNotFoundError,
    ConvertersToolsUserError,
    ConvertersToolsWarning,
)
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.formats.contract import Scan
from fractal_omezarr_converters.formats.store_folders import kept_folders
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.models.options import ConverterOptions
from fractal_omezarr_converters.models.plate_facts import PlateFacts
from fractal_omezarr_converters.pipelines.acquisition_conditions import (
    RowsElsewhere,
    notes_on_rows_elsewhere,
    with_condition_tables,
    with_conditions_to_filter_by,
)
from fractal_omezarr_converters.pipelines.acquisition_options import AcquisitionOptions
from fractal_omezarr_converters.pipelines.acquisition_requests import (
    AcquisitionRequest,
    refuse_repeated_fields,
    refuse_shared_numbers,
    repeated_sources,
)
from fractal_omezarr_converters.pipelines.aggregation import no_tiles_left, planned_images
from fractal_omezarr_converters.pipelines.filters import FilterCount, filter_tiles
from fractal_omezarr_converters.pipelines.plan import ImagePlan
from fractal_omezarr_converters.pipelines.shared_well_filters import without_wells_of_others
from fractal_omezarr_converters.pipelines.validators import ValidatorModel

PlateFactsByAcquisition = dict[tuple[str, int], PlateFacts]


@dataclass
class ReadReport:
    """What was found on the way: scans, warnings, what each filter removed (per acquisition), facts of the plates, plans."""

    scans: list[Scan] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    filter_counts: list[list[FilterCount]] = field(default_factory=list)
    plate_facts: PlateFactsByAcquisition = field(default_factory=dict)
    metadata_files: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    """Metadata files to keep copies of, by the plate's folder and the acquisition."""
    plans: Sequence[ImagePlan] = ()
    """What will be written, image by image."""


@paused_collection()
def read_acquisitions(
    acquisitions: Sequence[AcquisitionRequest | Mapping[str, Any]],
    converter_options: ConverterOptions,
    *,
    validators: Sequence[ValidatorModel | dict[str, Any]] | None = None,
    resource: Any = None,
    files_needed: bool = True,
) -> tuple[list[TiledImage[Any, Any]], ReadReport]:
    """Read the metadata of all acquisitions and give the images that they become; no pixel is read.

    Without ``files_needed`` image files that are not there are warned of: enough for a plan, not for a conversion.

    Raises:
        ConvertersToolsUserError: a folder is not recognised, options do not fit, no tile is left, or sources are wrong.
    """
    requests = [one if isinstance(one, AcquisitionRequest) else AcquisitionRequest(**one) for one in acquisitions]
    if not requests:
        raise ConvertersToolsUserError("There is no acquisition to convert; name at least one folder.")
    report = ReadReport()
    elsewhere: list[RowsElsewhere] = []
    with kept_folders(), _gathered(report):
        scanned = [_scanned(request, report, files_needed=files_needed) for request in requests]
        tables = [
            _chosen(number, requests, scanned, report, elsewhere, files_needed=files_needed)
            for number in range(len(requests))
        ]
    del scanned
    if len(requests) > 1:
        refuse_shared_numbers(requests, report.scans, tables)
        refuse_repeated_fields(requests, tables)
    _say([*repeated_sources(requests, tables), *notes_on_rows_elsewhere(elsewhere, tables)], report)
    images, report.plans = planned_images(
        tables[0] if len(tables) == 1 else TileTable.concat(tables),
        converter_options=converter_options,
        validators=validators,
        resource=resource,
        files_needed=files_needed,
        conditions_joined=True,
        complete=lambda images: _record_corrections(images, report.scans, tables),
        just_scanned=True,
    )
    return images, report


def _record_corrections(images: list[TiledImage[Any, Any]], scans: list[Scan], tables: list[TileTable]) -> None:
    """Write what the loaders do to pixel values into the provenance of the images they deliver."""
    if not any(scan.corrections for scan in scans):
        return
    steps: dict[str, list[dict[str, Any]]] = {}
    for scan, table in zip(scans, tables, strict=True):
        for number in sorted(set(table.collection.tolist())) if scan.corrections else []:
            steps.setdefault(table.collections[number].path(), []).extend(scan.corrections)
    for image in images:
        image.provenance = [*steps.get(image.collection.path(), []), *image.provenance]


def _scanned(request: AcquisitionRequest, report: ReadReport, *, files_needed: bool) -> TileTable:
    """All tiles of an acquisition, with what the user states instead of the metadata."""
    chosen = registry.get(request.format_name) if request.format_name else registry.detect(request.source)
    scan = registry.scan(
        chosen,
        request.source,
        options=request.format_options,
        plate_name=request.plate_name or None,
        acquisition=request.acquisition,
        sizes=request.options.pixel_info,
    )
    report.scans.append(scan)
    if files_needed:
        _refuse_without_files(request.source, scan)
    return with_options(scan.tiles, request.options)


def _chosen(
    number: int,
    requests: Sequence[AcquisitionRequest],
    scanned: Sequence[TileTable],
    report: ReadReport,
    elsewhere: list[RowsElsewhere],
    *,
    files_needed: bool,
) -> TileTable:
    """The tiles of an acquisition that filters leave, with their conditions; ``scanned``: the tiles of all acquisitions."""
    request, table, scan = requests[number], scanned[number], report.scans[number]
    said = [f"{request.source}: {_below(request.source, text)}" for text in [*scan.warnings, *scan.states.sentences()]]
    with _naming_the_source(request.source if len(scanned) > 1 else ""):
        filters = without_wells_of_others(number, [[*one.options.filters, *one.filters] for one in requests], scanned)
    judged = with_conditions_to_filter_by(table, filters, scanned)
    with _naming_the_source(request.source if len(scanned) > 1 else ""):
        kept, counts = filter_tiles(judged, filters_config=filters, files_needed=files_needed)
    report.filter_counts.append(counts)
    if not len(kept):
        raise ConvertersToolsUserError(f"{request.source}: {no_tiles_left(table, counts)}")
    if files_needed and request.options.orientation != "as read":
        kept, found = _with_orientation(kept, apply=request.options.orientation == "auto")
        said += [f"{request.source}: {text}" for text in found]
    joined, notes, others = with_condition_tables(kept, before=scanned)
    elsewhere += others
    _say([*said, *notes], report)
    for one in joined.collections:
        if isinstance(one, ImageInPlate):
            facts = scan.facts_of(one.acquisition)
            if facts is not None:
                key = (one.plate_name, one.acquisition)
                report.plate_facts[key] = report.plate_facts.get(key, facts).with_part(facts)
            if request.options.copy_metadata:
                kept = report.metadata_files.setdefault((one.plate_path(), one.acquisition), [])
                kept += [file for file in scan.metadata_files if file not in kept]
    return joined


@contextmanager
def _naming_the_source(source: str) -> Iterator[None]:
    """Say of which of several acquisitions an error is."""
    try:
        yield
    except ConvertersToolsUserError as error:
        if not source or type(error) is not ConvertersToolsUserError:
            raise
        raise ConvertersToolsUserError(f"{source}: {error}") from error


@contextmanager
def _gathered(report: ReadReport) -> Iterator[None]:
    """Put into the report what models and filters warn of, too; each text is said once."""
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvertersToolsWarning)
            yield
    finally:
        for text, kind in {str(each.message): each.category for each in caught}.items():
            if issubclass(kind, ConvertersToolsWarning) and text not in report.warnings:
                report.warnings.append(text)
            warnings.warn(text, kind, stacklevel=4)


def _say(texts: list[str], report: ReadReport) -> None:
    """Say what has not been said: acquisitions may share a condition table and what it lacks."""
    new = [text for text in dict.fromkeys(texts) if text not in report.warnings]
    report.warnings += new
    for text in new:
        warnings.warn(text, ConvertersToolsWarning, stacklevel=5)


def _refuse_without_files(source: str, scan: Scan) -> None:
    states = scan.states
    if states.missing_file and not states.present:
        metadata = scan.metadata_files[0] if scan.metadata_files else source
        files = "The image file" if states.missing_file == 1 else f"None of the {states.missing_file} image files"
        raise ConvertersToolsFileNotFoundError(
            f"{files} that the metadata in '{metadata}' names is {'not ' * (states.missing_file == 1)}there (for example "
            f"{', '.join(states.examples.get('missing_file', [])[:2])}); copy the images to where the metadata expects "
            "them, or check that the disk is connected."
        )


def _below(source: str, text: str) -> str:
    """Name files by their path below the source, which the sentence begins with."""
    return text.replace(f"{source.rstrip('/')}/", "")


def _with_orientation(table: TileTable, *, apply: bool) -> tuple[TileTable, list[str]]:
    """Look whether fields fit together as read, and say or apply another arrangement that fits clearly better."""
    from fractal_omezarr_converters.pipelines.orientation_check import check_orientation, oriented

    finding = check_orientation(table)
    if finding is None or not finding.is_clear:
        return table, []
    if not apply:
        return table, [finding.sentence()]
    changed = [oriented(details, finding.best) for details in table.acquisitions]
    return table.replaced(acquisitions=changed), [finding.applied()]


def with_options(table: TileTable, options: AcquisitionOptions) -> TileTable:
    """The tiles with what the user states instead of the metadata."""
    changed = [options.update_acquisition_details(details) for details in table.acquisitions]
    return table.replaced(acquisitions=changed)
