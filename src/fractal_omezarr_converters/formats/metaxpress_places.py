"""Where the sites of a MetaXpress acquisition lie, and the sizes of their images.

``OffsetFromWellCenterUm`` and ``stage-position`` are µm of the centre of the field, x to the right and y *downwards* (B02 of
a 96-well plate lies at y = 20.2 mm, C07 at 29.4 mm from the plate's corner). On real pixels two sites 315 µm apart meet
where the header says, to 0.7 % of the step. Files saved again by other programs have no header; then the description's site
grid or the user's says where sites lie.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.field_grid import FieldGrid, grid_centres
from fractal_omezarr_converters.formats.metaxpress_files import TreeFile, TreeFiles
from fractal_omezarr_converters.formats.metaxpress_htd import PlatePlan
from fractal_omezarr_converters.formats.metaxpress_tags import PlaneTags
from fractal_omezarr_converters.formats.plane_records import Frame
from fractal_omezarr_converters.formats.plane_table import joint_ranks

type Centre = tuple[float, float]

PLANNED_SIZE = 2048
MOST_SHOWN = 6
MOST_JITTER = 0.02
"""Stages are right to about 0.7 % of a step; as a part of the field."""


def frames_of_waves(
    files: Sequence[TreeFile], tags: Mapping[int, PlaneTags], pixel_size: float | None
) -> tuple[list[Frame], dict[int, int], dict[int, int]]:
    """Give the sizes that occur, which is that of each wavelength, and which that of each file whose header was read.

    Raises:
        ConvertersToolsUserError: files state no pixel size, and the user gave none.
    """
    frames: dict[Frame, int] = {}
    of_wave: dict[int, int] = {}
    of_file: dict[int, int] = {}
    silent: list[str] = []
    for number, found in sorted(tags.items()):
        x, y = pixel_size or found.pixel_x, pixel_size or found.pixel_y
        if x is None or y is None:
            silent.append(files[number].file)
            continue
        frame = frames.setdefault(Frame(found.width, found.height, x, y), len(frames))
        of_file[number] = frame
        of_wave.setdefault(files[number].wave, frame)
    if silent:
        raise ConvertersToolsUserError(
            f"'{silent[0]}' and {len(silent) - 1} other files state no pixel size (spatial calibration); give pixel_size, in"
            " µm, in the options of the format."
            if len(silent) > 1
            else f"'{silent[0]}' states no pixel size (spatial calibration); give pixel_size, in µm, in the options of the"
            " format."
        )
    return list(frames), of_wave, of_file


def planned_frame(pixel_size: float | None, warnings: list[str]) -> Frame:
    """Assume the size of images that are not there, for a plan."""
    known = "" if pixel_size else " and pixels of 1.0 µm"
    warnings.append(
        f"The size of the images is not known without an image; {PLANNED_SIZE} x {PLANNED_SIZE}{known} are assumed for the plan."
    )
    return Frame(PLANNED_SIZE, PLANNED_SIZE, pixel_size or 1.0, pixel_size or 1.0)


def site_centres(
    files: TreeFiles,
    tags: Mapping[int, PlaneTags],
    frame: Frame,
    *,
    grid: FieldGrid | None,
    plan: PlatePlan | None,
    warnings: list[str],
) -> dict[tuple[int, int, int], Centre]:
    """Give the centre (x, y) of each site (row, column, site) in µm, from the centre of its well; y downwards.

    Raises:
        ConvertersToolsUserError: there are several sites in a well, and nothing says how they lie.
    """
    places = files.sites(np.sort(joint_ranks(files.row, files.column, files.site)[1]))
    if grid is None:
        stated = _stated(files, tags)
        of_site: dict[int, Centre] = {}
        for (_, _, site), centre in stated.items():
            of_site.setdefault(site, centre)
        if all(site in of_site for _, _, site in places):
            found = {place: stated.get(place, of_site[place[2]]) for place in places}
            if not _on_one_spot(found):
                _warn_of_guessed(found, stated, frame, warnings)
                return found
        if len({site for _, _, site in places}) == 1:
            return dict.fromkeys(places, (0.0, 0.0))
    return _in_grid(places, frame, grid, plan, warnings)


def _warn_of_guessed(
    found: Mapping[tuple[int, int, int], Centre],
    stated: Mapping[tuple[int, int, int], Centre],
    frame: Frame,
    warnings: list[str],
) -> None:
    """Say that sites lie differently in the wells that were read, when those of other wells are taken from them."""
    centres: dict[int, list[Centre]] = defaultdict(list)
    for (_, _, site), centre in stated.items():
        centres[site].append(centre)
    most = MOST_JITTER * min((frame.width or 1) * frame.pixel_x, (frame.height or 1) * frame.pixel_y)
    apart = [site for site, each in sorted(centres.items()) if np.ptp(each, axis=0).max() > most]
    guessed = {(row, column) for row, column, _ in set(found) - set(stated)}
    if apart and guessed:
        warnings.append(
            f"Sites {apart[:MOST_SHOWN]} lie differently in the wells whose headers were read; those of {len(guessed)} other"
            " wells are put where the first of these has them. Set read_all_tags to read the headers of all images."
        )


def _stated(files: Sequence[TreeFile], tags: Mapping[int, PlaneTags]) -> dict[tuple[int, int, int], Centre]:
    offsets: dict[tuple[int, int, int], Centre] = {}
    stages: dict[tuple[int, int], dict[int, Centre]] = defaultdict(dict)
    for number, found in sorted(tags.items()):
        each = files[number]
        if found.offset is not None:
            offsets.setdefault((each.row, each.column, each.site), found.offset)
        if found.stage is not None:
            stages[each.row, each.column].setdefault(each.site, found.stage)
    if offsets:
        return offsets
    # Older files state the stage alone: sites are counted from the first one of their well.
    centres: dict[tuple[int, int, int], Centre] = {}
    for (row, column), sites in stages.items():
        x, y = sites[min(sites)]
        for site, stage in sites.items():
            centres[row, column, site] = stage[0] - x, stage[1] - y
    return centres


def _on_one_spot(centres: Mapping[tuple[int, int, int], Centre]) -> bool:
    """Say whether wells have several sites, all at the same place, which is how a lost stage looks."""
    wells: dict[tuple[int, int], list[Centre]] = defaultdict(list)
    for (row, column, _), centre in centres.items():
        wells[row, column].append(centre)
    several = [each for each in wells.values() if len(each) > 1]
    return bool(several) and all(len(set(each)) == 1 for each in several)


def _in_grid(
    places: Sequence[tuple[int, int, int]],
    frame: Frame,
    grid: FieldGrid | None,
    plan: PlatePlan | None,
    warnings: list[str],
) -> dict[tuple[int, int, int], Centre]:
    sites = [site for _, _, site in places]
    size = np.array([((frame.width or 1) * frame.pixel_x, (frame.height or 1) * frame.pixel_y)] * len(places))
    cells = plan.cells if plan is not None and max(sites) <= len(plan.cells) else []
    if cells and plan is not None and (grid is None or grid.columns == plan.site_columns):
        if grid is None:
            warnings.append(
                f"The images do not state where sites lie; they are put into the {plan.site_rows} x {plan.site_columns} grid of"
                f" '{plan.path}', without overlap. Set field_grid for another arrangement."
            )
        chosen = grid or FieldGrid(columns=plan.site_columns)
        all_cells = range(plan.site_rows * plan.site_columns)
        centres = grid_centres([cells[site - 1] for site in sites], size, chosen, numbers=all_cells)
    elif grid is not None:
        centres = grid_centres(sites, size, grid)
    else:
        raise ConvertersToolsUserError(
            f"The images do not state where the {len(set(sites))} sites of a well lie; set field_grid (number of columns,"
            " order, overlap) in the options of the format."
        )
    return dict(zip(places, map(tuple, centres.tolist()), strict=True))
