"""TIFF files that were renamed are known again by their identifiers: the OME-XML in each still has the former names of all."""

from __future__ import annotations

from pathlib import Path

from fractal_omezarr_converters.formats.acquisition_files import name_beside
from fractal_omezarr_converters.formats.ome_description import own_uuid
from fractal_omezarr_converters.formats.ome_records import OmeDocument

EXAMPLES = 3


def find_former_names(document: OmeDocument, file: Path, *, is_in_file: bool) -> None:
    """Take the planes of TIFF files that were renamed for their own: the OME-XML still has their former names."""
    uuids = {name: uuid for image in document.images.values() for name, uuid in image.uuids.items()}
    listed = {each.name for each in file.parent.iterdir()} if uuids else set()
    lost = {name: uuid for name, uuid in uuids.items() if "/" not in name and name_beside(name) not in listed}
    now: dict[str, str | None] = {}
    if is_in_file and file.name not in uuids:
        own = [
            name
            for name, uuid in lost.items()
            if (uuid == document.uuid if uuid and document.uuid else len(uuids) == 1)
        ]
        now = {own[0]: None} if len(own) == 1 else {}
    # only files that are told apart by their own identifiers are known again
    former = {uuid: name for name, uuid in lost.items() if uuid and list(lost.values()).count(uuid) == 1}
    others = listed - {file.name} - {name_beside(name) for name in uuids} if len(lost) > len(now) else set()
    for each in sorted(others):
        known = former.get(own_uuid(file.parent / each) or "")
        if known is not None:
            now.setdefault(known, each)
    for image in document.images.values():
        places = image.places.items()
        image.places = {
            key: place._replace(file=now[place.file]) if place.file in now else place for key, place in places
        }
    for name, present in list(now.items())[:EXAMPLES]:
        document.warnings.append(
            f"'{file.parent / (present or file.name)}' calls itself '{name}': it was renamed, and its own images are taken."
        )
    if len(now) > EXAMPLES:
        document.warnings.append(f"{len(now) - EXAMPLES} more files of '{file.parent}' were renamed, too.")
