"""The limit: a program in C that does what writing an image cannot do without, and nothing else. Compiled when it is needed."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from synthetic_plate import PIXEL_SIZE, Z_SPACING

SOURCE = Path(__file__).with_name("limit.c")
COMPILERS = ("cc", "gcc", "clang")
FLAGS = (["-O3", "-march=native"], ["-O3"])


@dataclass(frozen=True)
class Limit:
    """The compiled program and the Blosc library that it encodes with; ``missing`` says why there is none."""

    program: Path | None
    blosc: Path | None
    missing: str = ""

    def command(self, codec: str, level: int, *, threads: int, inner: int = 0) -> list[str]:
        """The command that writes an image; its job comes by standard input."""
        return [str(self.program), str(self.blosc), codec, str(level), str(1 << 20), str(threads), str(inner)]


def build(folder: Path) -> Limit:
    """Compile the program into a folder."""
    compiler = next((found for name in COMPILERS if (found := shutil.which(name))), None)
    if compiler is None:
        return Limit(None, None, "There is no C compiler here: the limit is not measured.")
    library = _libblosc()
    if library is None:
        return Limit(None, None, "The wheel of imagecodecs holds no libblosc here: the limit is not measured.")
    program = folder / "limit"
    for flags in FLAGS:
        command = [compiler, *flags, "-o", str(program), str(SOURCE), "-ldl", "-lpthread"]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return Limit(program, library)
    return Limit(None, None, f"{Path(compiler).name} does not compile limit.c here: the limit is not measured.")


def _libblosc() -> Path | None:
    """The library of the first Blosc, which wheels bring along."""
    packages = Path(sysconfig.get_paths()["platlib"])
    for wheel in ("imagecodecs.libs", "numcodecs.libs", "imagecodecs/.dylibs", "numcodecs/.dylibs"):
        found = sorted((packages / wheel).glob("libblosc[-.]*"))
        if found:
            return found[0]
    return None


@dataclass(frozen=True)
class Layout:
    """Chunks and levels of an image; sides in pixels."""

    depth: int
    chunk: int
    inner: int  # side of the pieces of a shard; 0 without shards
    levels: int
    height: int
    width: int


def layout_of(written: Path) -> Layout:
    """The layout of an image that was written, from its documents."""
    levels = sorted(path for path in written.iterdir() if path.name.isdigit())
    if (levels[0] / "zarr.json").exists():
        document = json.loads((levels[0] / "zarr.json").read_text())
        chunks, first = document["chunk_grid"]["configuration"]["chunk_shape"], document["codecs"][0]
        inner = first["configuration"]["chunk_shape"][-1] if first["name"] == "sharding_indexed" else 0
    else:
        document = json.loads((levels[0] / ".zarray").read_text())
        chunks, inner = document["chunks"], 0
    height, width = document["shape"][-2:]
    return Layout(chunks[-3], max(chunks[-2:]), inner, len(levels), height, width)


def job(plate: Path, out: Path, layout: Layout) -> str | None:
    """The program's job for a synthetic plate of one well; None where it cannot do it.

    It can when files are not compressed and no 2 x 2 block lies across two chunks.
    """
    with (plate / "tiles.csv").open() as file:
        rows = list(csv.DictReader(file))
    if (layout.chunk % 2 and max(layout.height, layout.width) > layout.chunk) or rows[0]["file_path"].endswith(".png"):
        return None
    files = {(int(row["start_c"]), _plane(row), _corner(row)): str(plate / row["file_path"]) for row in rows}
    channels, planes = sorted({key[0] for key in files}), sorted({key[1] for key in files})
    corners = list(dict.fromkeys(_corner(row) for row in rows))
    side = int(rows[0]["length_x"])
    before = Path(next(iter(files.values()))).stat().st_size - side * side * 2
    numbers = [len(channels), len(planes), len(corners), side, before]
    numbers += [layout.chunk, layout.depth, layout.levels, layout.height, layout.width]
    lines = [str(out), " ".join(map(str, numbers)), *(f"{y} {x}" for y, x in corners)]
    lines += [files[c, z, corner] for c in channels for z in planes for corner in corners]
    return "\n".join(lines) + "\n"


def _plane(row: dict[str, str]) -> int:
    return round(float(row["start_z"]) / Z_SPACING)


def _corner(row: dict[str, str]) -> tuple[int, int]:
    return round(float(row["start_y"]) / PIXEL_SIZE), round(float(row["start_x"]) / PIXEL_SIZE)
