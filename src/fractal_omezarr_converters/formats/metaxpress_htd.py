"""Read the description of a MetaXpress plate (``.HTD``): lines of a key and its values, in ISO-8859-1.

It tells the *plan*, not what was taken: size of the plate, selected wells, sites, wavelengths, planes and time points.
Line breaks inside ``Description`` are the bytes 0x82 0x81.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from fractal_omezarr_converters.formats.metaxpress_files import TreeFile, TreeFiles
from fractal_omezarr_converters.formats.metaxpress_tree import PARENT
from fractal_omezarr_converters.models.well_names import row_name

_LINE = re.compile(r'\s*"([^"]+)"\s*(?:,\s*(.*))?')
MOST = {
    "XWells": 48,
    "YWells": 32,
    "XSites": 200,
    "YSites": 200,
    "NWavelengths": 200,
    "ZSteps": 10_000,
    "TimePoints": 100_000,
}


@dataclass
class PlatePlan:
    """What a description plans. ``cells`` are the places (counted along rows from 0) of sites 1, 2, ... in the site grid."""

    path: str
    description: str = ""
    rows: int | None = None
    columns: int | None = None
    wells: list[tuple[int, int]] = field(default_factory=list)
    site_rows: int = 1
    site_columns: int = 1
    cells: list[int] = field(default_factory=list)
    names_of_sites: bool = False
    waves: dict[int, str] = field(default_factory=dict)
    names_of_waves: bool = False
    planes: int = 1
    times: int = 1
    plate_id: str = ""
    problems: list[str] = field(default_factory=list)

    def files(self) -> list[TreeFile]:
        """Name the images that the plan asks for, as an export would."""
        stem = Path(self.path).stem
        return [
            TreeFile(
                row, column, wave, t, step, site, f"{folder}{stem}_{row_name(row)}{column:02d}{of_site}{of_wave}.TIF"
            )
            for row, column in self.wells
            for wave in sorted(self.waves)
            for of_wave in [f"_w{wave}" if self.names_of_waves else ""]
            for t in range(1, self.times + 1)
            for step in (range(1, self.planes + 1) if self.planes > 1 else [PARENT])
            for folder in [f"TimePoint_{t}/" + (f"ZStep_{step}/" if self.planes > 1 else "")]
            for site in range(1, len(self.cells) + 1)
            for of_site in [f"_s{site}" if self.names_of_sites else ""]
        ]


def read_plan(path: Path) -> PlatePlan:
    """Read a description; what is wrong in it is listed in ``problems`` and left out."""
    plan = PlatePlan(str(path))
    lines = path.read_bytes().decode("latin-1").replace("\x82\x81", " / ").splitlines()
    values: dict[str, list[str]] = {}
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is not None:
            text = found.group(2) or ""
            values[found.group(1)] = (
                [text.strip(' "')] if text.startswith('"') else [each.strip(' "') for each in text.split(",")]
            )
    if "HTSInfoFile" not in values:
        plan.problems.append(f"'{path}' does not begin with HTSInfoFile; it is no description of a plate.")
        return plan
    if "EndFile" not in values:
        plan.problems.append(f"'{path}' is cut off: its last line is not EndFile; export the plate again.")
    plan.description = " ".join(values.get("Description", [""]))
    plan.plate_id = values.get("UniquePlateIdentifier", [""])[0]
    _read_wells(plan, values)
    _read_sites(plan, values)
    _read_waves(plan, values)
    if _is_true(values, "ZSeries"):
        plan.planes = _number(plan, values, "ZSteps") or 1
    plan.times = _number(plan, values, "TimePoints") or 1
    return plan


def _read_wells(plan: PlatePlan, values: dict[str, list[str]]) -> None:
    plan.rows, plan.columns = _number(plan, values, "YWells"), _number(plan, values, "XWells")
    for row in range(1, MOST["YWells"] + 1):
        selected = values.get(f"WellsSelection{row}", [])
        plan.wells += [(row, column) for column, each in enumerate(selected, 1) if each.upper() == "TRUE"]
    rows, columns = plan.rows or MOST["YWells"], plan.columns or MOST["XWells"]
    outside = [well for well in plan.wells if well[0] > rows or well[1] > columns]
    if outside:
        row, column = outside[0]
        plan.problems.append(
            f"'{plan.path}' selects well {row_name(row)}{column:02d}, outside its plate of {rows} x {columns} wells;"
            " the size of the plate is not used."
        )
        plan.rows = plan.columns = None
    plan.wells = [well for well in plan.wells if well[1] <= MOST["XWells"]]


def _read_sites(plan: PlatePlan, values: dict[str, list[str]]) -> None:
    """Number the sites over the selected cells of the grid, along its rows."""
    plan.names_of_sites = _is_true(values, "Sites")
    if not plan.names_of_sites:
        plan.cells = [0]
        return
    plan.site_rows, plan.site_columns = _number(plan, values, "YSites") or 1, _number(plan, values, "XSites") or 1
    if "SiteSelection1" not in values:
        plan.cells = list(range(plan.site_rows * plan.site_columns))
        return
    for row in range(plan.site_rows):
        selected = values.get(f"SiteSelection{row + 1}", [])[: plan.site_columns]
        plan.cells += [
            row * plan.site_columns + column for column, each in enumerate(selected) if each.upper() == "TRUE"
        ]


def _read_waves(plan: PlatePlan, values: dict[str, list[str]]) -> None:
    plan.names_of_waves = _is_true(values, "Waves")
    for wave in range(1, (_number(plan, values, "NWavelengths") or 1) + 1):
        if values.get(f"WaveCollect{wave}", ["1"])[0] != "0":
            plan.waves[wave] = values.get(f"WaveName{wave}", [""])[0]


def _is_true(values: dict[str, list[str]], key: str) -> bool:
    return values.get(key, ["FALSE"])[0].upper() == "TRUE"


def _number(plan: PlatePlan, values: dict[str, list[str]], key: str) -> int | None:
    """A whole number from 1 to what any plate has; None when it is not stated or 0."""
    text = values.get(key, [""])[0]
    if text in ("", "0"):
        return None
    if not text.isdecimal() or int(text) > MOST[key]:
        plan.problems.append(
            f"'{plan.path}': {key} is '{text}', not a whole number from 1 to {MOST[key]}; it is not used."
        )
        return None
    return int(text)


def differences(plan: PlatePlan, files: TreeFiles) -> list[str]:
    """Say in one sentence each where images differ from the plan: runs that were stopped, exports of a part."""
    there = {
        "wavelengths": (len(plan.waves), len(files.values("wave"))),
        "time points": (plan.times, len(files.values("t"))),
        "sites": (len(plan.cells), len(files.values("site"))),
    }
    less = [f"{planned} {what}, {found} are there" for what, (planned, found) in there.items() if planned != found]
    said = [f"'{plan.path}' plans {'; '.join(less)}."] if less else []
    lost = sorted(set(plan.wells) - set(zip(files.row.tolist(), files.column.tolist(), strict=True)))
    if lost:
        from fractal_omezarr_converters.formats.plane_states import wells_in_words

        said.append(f"{len(lost)} wells were selected but have no images: {wells_in_words(lost)}.")
    return said
