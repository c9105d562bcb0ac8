"""ImageXpress (Molecular Devices, software MetaXpress): exports of plates, and trees of the database.

Versions seen as files: MetaXpress 6.5 and 6.7, exports and database trees.

    export                                                  database tree
    <name>_Plate_<id>/                                      <plate>/<yyyy-mm-dd>/<id>/
    ├── <name>.HTD                                          └── [TimePoint_<t>/]
    └── TimePoint_<t>/                                          ├── <name>_<A01>[_s<n>][_w<n>]<GUID>.tif    planes, projections
        ├── <name>.HTD              a copy                      ├── <name>_..._thumb<GUID>.tif              passed over
        └── [ZStep_<z>/]            0: projections              └── ZStep_<z>/                              planes of stacks
            └── <name>_<B02>[_s<n>][_w<n>].TIF

Facts and traps: docs/formats/metaxpress.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import ConfigDict, Field

from fractal_omezarr_converters.errors import (
    ConvertersToolsFileNotFoundError,
    ConvertersToolsUserError,
    raise_together,
)
from fractal_omezarr_converters.formats.acquisition_files import AcquisitionFiles
from fractal_omezarr_converters.formats.contract import FormatOptions
from fractal_omezarr_converters.formats.field_grid import FieldGrid
from fractal_omezarr_converters.formats.metaxpress_files import TreeFiles
from fractal_omezarr_converters.formats.metaxpress_htd import PlatePlan, differences, read_plan
from fractal_omezarr_converters.formats.metaxpress_places import frames_of_waves, planned_frame, site_centres
from fractal_omezarr_converters.formats.metaxpress_planes import choose, frame_seconds
from fractal_omezarr_converters.formats.metaxpress_sample import SampledTags, sample_tags
from fractal_omezarr_converters.formats.metaxpress_tags import PlaneTags
from fractal_omezarr_converters.formats.metaxpress_tree import AcquisitionTree, acquisition_folders, read_tree
from fractal_omezarr_converters.formats.plane_records import ChannelFacts, Frame, Measurement
from fractal_omezarr_converters.formats.plane_table import PlaneTable, joint_ranks, ranked
from fractal_omezarr_converters.formats.plate_format import PlateFormat, StackOptions
from fractal_omezarr_converters.formats.plate_naming import plate_facts_of


class MetaxpressOptions(StackOptions):
    """Options for plates of MetaXpress."""

    model_config = ConfigDict(title="MetaXpress Options")

    planes: Literal["stacks", "projections"] = Field(default="stacks", title="Planes")
    """What to convert of channels that have both:

    - `stacks`: the planes.
    - `projections`: what the instrument made of them (maximum, best focus); the plate's name gets `_projections`.
    """
    repeated_frames: Literal["leave out", "keep"] = Field(default="leave out", title="Repeated Frames")
    """Exports repeat the last image of a channel at time points where it was not imaged:

    - `leave out`: these planes stay empty.
    - `keep`: they show the repeated image.
    """
    pixel_size: float | None = Field(default=None, gt=0, le=1000, title="Pixel Size")
    """Size of a pixel in µm, when the files do not state it or are wrong."""
    field_grid: FieldGrid | None = Field(default=None, title="Field Grid")
    """Arrangement of the sites, for files that do not state where they lie."""
    read_all_tags: bool = Field(default=False, title="Read All Tags")
    """Read the header of every file instead of those of two wells: slower, for plates whose wells were imaged differently."""


class Metaxpress(PlateFormat[MetaxpressOptions]):
    """ImageXpress plates of MetaXpress: export (HTD) and database tree."""

    name: ClassVar[str] = "metaxpress"
    title: ClassVar[str] = "ImageXpress (MetaXpress export and database tree)"
    maker: ClassVar[str] = "Molecular Devices"
    markers: ClassVar[tuple[str, ...]] = (
        "*.HTD",
        "*.htd",
        "TimePoint_*",
        "ZStep_*",
        "*-????-????-????-????????????.[tT][iI][fF]",
    )
    options: ClassVar[type[FormatOptions]] = MetaxpressOptions
    docs: ClassVar[str] = "formats/metaxpress.md"

    def recognises(self, source: str | Path) -> bool:
        """Say whether there is a plate's description, a folder of planes or time points, or an image with a GUID."""
        return bool(acquisition_folders(Path(source)))

    def measure(self, source: Path, options: MetaxpressOptions, plate_name: str | None) -> Measurement:
        """List the files, read the description and the headers of chosen files."""
        tree = _tree(source)
        warnings: list[str] = []
        plan = _plan(tree, warnings)
        files = AcquisitionFiles(tree.root, tree.root, follow_links=options.follow_links)
        listed = tree.files if len(tree.files) or plan is None else TreeFiles.of(plan.files())
        sampled = sample_tags(tree.files, files, everything=options.read_all_tags)
        _warn_of_tree(tree, plan, sampled, warnings)
        channels = _channels(listed, sampled.tags, plan)
        planes, frames = _planes(listed, sampled.tags, channels, plan=plan, options=options, warnings=warnings)
        described_in = plan.path if plan is not None else str(tree.root)
        software = next((each.software for each in sampled.tags.values() if each.software), "MetaXpress")
        times = sorted(each.time_text for each in sampled.tags.values() if each.time_text)
        plate = plate_facts_of(
            planes,
            name=plate_name or _plate_name(tree, plan, options),
            described_in=described_in,
            warnings=warnings,
            rows=plan.rows if plan is not None else None,
            columns=plan.columns if plan is not None else None,
            acquisition_name=tree.root.name,
            acquisition_description=software,
        )
        return Measurement(
            described_in=described_in,
            files=files,
            planes=planes,
            frames=frames,
            channels=channels,
            plate=plate,
            warnings=warnings,
            metadata_files=[plan.path] if plan is not None else [],
            facts={
                "software": software,
                "acquired_local_time": times[0] if times else None,
                "plate_id": plan.plate_id if plan is not None else None,
                "description": plan.description if plan is not None else None,
                "planes_wanted": options.planes,
                "headers_read": len(sampled.tags),
            },
        )


def _planes(
    listed: TreeFiles,
    tags: Mapping[int, PlaneTags],
    channels: Mapping[int, ChannelFacts],
    *,
    plan: PlatePlan | None,
    options: MetaxpressOptions,
    warnings: list[str],
) -> tuple[PlaneTable, list[Frame]]:
    """Choose the planes; give them with the sizes that occur."""
    chosen, verdicts = choose(
        listed,
        tags,
        want=options.planes,
        keep_repeats=options.repeated_frames == "keep",
        names={number: each.name or f"w{number}" for number, each in channels.items()},
        warnings=warnings,
    )
    for wave, each in channels.items():
        methods = {method for (number, _), method in verdicts.methods.items() if number == wave and method}
        each.facts.update(is_stack=wave in verdicts.stacks, projection=", ".join(sorted(methods)) or None)
    if tags:
        frames, of_wave, of_file = frames_of_waves(listed, tags, options.pixel_size)
    else:
        frames, of_wave, of_file = [planned_frame(options.pixel_size, warnings)], {}, {}
    centres = site_centres(listed, tags, frames[0], grid=options.field_grid, plan=plan, warnings=warnings)
    seconds = frame_seconds(listed, tags, verdicts)
    place, first = joint_ranks(listed.row, listed.column, listed.site)
    centre = np.array([centres[site] for site in listed.sites(first)])
    waves, wave_rank = ranked(listed.wave)
    times, time_rank = ranked(listed.t)
    frame = np.array([of_wave.get(each, 0) for each in waves.tolist()], np.int64)[wave_rank]
    frame[list(of_file)] = list(of_file.values())
    height = np.full(len(listed), np.nan)
    height[list(tags)] = [np.nan if found.z is None else found.z for found in tags.values()]
    rows, z = chosen
    planes = PlaneTable.of_columns(
        row=listed.row[rows],
        column=listed.column[rows],
        field=listed.site[rows],
        channel=listed.wave[rows],
        z=z,
        t=listed.t[rows],
        file=[listed.file[at] for at in rows.tolist()],
        x=centre[place[rows], 0],
        y=centre[place[rows], 1],
        height=height[rows],
        seconds=np.array([seconds.get(each, np.nan) for each in times.tolist()])[time_rank[rows]],
        frame=frame[rows],
    )
    return planes, frames


def _tree(source: Path) -> AcquisitionTree:
    """List the one acquisition in a folder."""
    folders = acquisition_folders(source)
    if len(folders) > 1:
        names = ", ".join(f"'{each.relative_to(source)}'" for each in folders[:12])
        raise ConvertersToolsUserError(
            f"'{source}' holds {len(folders)} acquisitions: {names}; give each of them as an acquisition of its own."
        )
    tree = read_tree(folders[0] if folders else source) if folders or source.is_dir() else None
    if tree is None or not (len(tree.files) or tree.descriptions):
        raise ConvertersToolsFileNotFoundError(
            f"'{source}' holds no images of MetaXpress (such as name_B02_s1_w1.TIF, also in TimePoint_1/ZStep_1) and no"
            " description (.HTD) of a plate; give the folder of one export, or of one acquisition of the database."
        )
    return tree


def _plan(tree: AcquisitionTree, warnings: list[str]) -> PlatePlan | None:
    """Read the description: one of the plate's name, else the first; the copies in other folders say the same."""
    if not tree.descriptions:
        return None
    top = tree.descriptions[0].count("/")
    here = [each for each in tree.descriptions if each.count("/") == top]
    of_plate = [each for each in here if Path(each).stem in tree.plates] or here
    if len(of_plate) > 1:
        warnings.append(f"'{tree.root}' holds {len(of_plate)} descriptions of plates; '{of_plate[0]}' is used.")
    plan = read_plan(tree.root / of_plate[0])
    if not len(tree.files):
        nothing = [f"'{plan.path}' selects no well, and there is no image."] if not plan.wells or not plan.cells else []
        raise_together([*plan.problems, *nothing], f"'{plan.path}' cannot be used")
    warnings.extend(plan.problems)
    return plan


def _warn_of_tree(tree: AcquisitionTree, plan: PlatePlan | None, sampled: SampledTags, warnings: list[str]) -> None:
    if plan is not None and len(tree.files) and not plan.problems:
        warnings.extend(differences(plan, tree.files))
    if len(tree.plates) > 1:
        names = ", ".join(f"'{each}'" for each in sorted(tree.plates)[:6])
        warnings.append(f"'{tree.root}' holds images of several names: {names}; they are taken for one plate.")
    if tree.off_plate:
        warnings.append(
            f"{len(tree.off_plate)} files name wells that no plate has, such as '{tree.off_plate[0]}'; they are left out."
        )
    if sampled.damaged:
        if not sampled.tags:
            raise ConvertersToolsUserError(
                f"'{tree.root / sampled.damaged[0]}' and the other images that were tried are no readable TIFF files; copy or"
                " export them again."
            )
        warnings.append(
            f"The headers of {len(sampled.damaged)} files cannot be read, such as '{sampled.damaged[0]}'; others say what they"
            " are."
        )
    silent = [number for number, each in sampled.tags.items() if not each.is_stated]
    if silent:
        warnings.append(
            f"{len(silent)} of {len(sampled.tags)} headers that were read, such as that of '{tree.files[silent[0]].file}',"
            " hold no MetaSeries properties; copies and projections are told by their folders alone."
        )


def _channels(listed: TreeFiles, tags: Mapping[int, PlaneTags], plan: PlatePlan | None) -> dict[int, ChannelFacts]:
    """Name the wavelengths by their illumination, else as the plan does."""
    first: dict[int, PlaneTags] = {}
    for number, found in sorted(tags.items()):
        if found.is_stated:
            first.setdefault(listed[number].wave, found)
    planned = plan.waves if plan is not None else {}
    channels = {}
    for wave in sorted(listed.values("wave")):
        stated = first.get(wave)
        channels[wave] = ChannelFacts(
            name=(stated.name if stated is not None else "") or planned.get(wave, ""),
            kind=f"w{wave}",
            emission_nm=stated.emission_nm if stated is not None else None,
            facts=dict(stated.facts) if stated is not None else {},
        )
    return channels


def _plate_name(tree: AcquisitionTree, plan: PlatePlan | None, options: MetaxpressOptions) -> str:
    """The name before the well in the names of files; projections are a plate of their own."""
    name = tree.plates.most_common(1)[0][0] if tree.plates else ""
    described = Path(plan.path).stem if plan is not None else ""
    return (name or described or tree.root.name) + ("_projections" if options.planes == "projections" else "")
