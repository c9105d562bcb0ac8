"""The benchmarks run, print their tables, and compare fairly; how fast anything is, is no matter of tests."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

V04 = {"omezarr_options": {"ngff_version": "0.4"}}
INPLACE = {"grouping": {"mode": "Mosaic", "tiling_strategy": {"mode": "Inplace"}}, **V04}


@pytest.fixture
def bench(project_root: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    monkeypatch.syspath_prepend(str(project_root / "dev" / "bench"))
    return {name: importlib.import_module(name) for name in ("figures", "limit", "measure", "asked")}


def _tables(printed: str) -> list[list[list[str]]]:
    """The rows of every table, heading and rule left away."""
    blocks = re.findall(r"(?:^\|.*\|\n?)+", printed, re.MULTILINE)
    return [
        [[cell.strip() for cell in line.strip("|\n").split("|")] for line in block.splitlines()[2:]] for block in blocks
    ]


BENCHES = {
    "write": ("Writing one well", 2, {"ours"}),
    "scan": ("Scan, plan, init", 2, {"ours: files looked at", "ours"}),
    "vendors": (
        "Metadata of plate microscopes",
        1,
        {"tile table", "CellVoyager", "Operetta, Harmony 5", "MetaXpress export"},
    ),
    "start": ("Cold start", 2, {"our compute job", "omezarr --help"}),
    "pyramid": ("An array in memory", 1, {"ours, lz4", "ngio 0.4, lz4"}),
    "guarantees": ("guarantees", 3, {"and a digest of every chunk"}),
    "settings": ("Codec, chunk", 1, {"lz4 in Blosc", "540 px in shards of 2160 px"}),
    "kernels": ("Parts of the pass", 1, {"bincount (numpy)", "zarr-python as it comes"}),
}


@pytest.mark.parametrize("name", BENCHES)
def test_a_benchmark_prints_its_tables(project_root: Path, tmp_path: Path, name: str) -> None:
    heading, count, rows = BENCHES[name]
    page, scratch = tmp_path / "page.md", tmp_path / "scratch"
    page.write_text(
        f"Before.\n<!-- bench machine -->\n<!-- end -->\n<!-- bench {name} -->to be replaced<!-- end -->\nAfter.\n"
    )
    chosen = ["--case", "sharded", "--case", "png", "--arrays", sys.executable]
    chosen += ["--scratch", str(scratch), "--into", str(page)]
    ran = subprocess.run(
        [sys.executable, "dev/bench", name, "--smoke", *chosen],
        cwd=project_root,
        env={**os.environ, "PYTHONPATH": str(project_root / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert re.search(f"(?m)^## .*{heading}", ran.stdout)
    assert str(tmp_path) not in ran.stdout
    tables = _tables(ran.stdout)
    assert len(tables) == count
    assert rows <= {row[1] for table in tables for row in table}
    for table in tables:
        assert table[0][0], "the first row says what the table is about"
        for row in table:
            assert all(re.fullmatch(r"\d[\d.]*( \(\d[\d.]*x\))?", cell) for cell in row[2:]), row
    assert list(scratch.iterdir()) == [], "the bench removes what it made"
    written = page.read_text()
    assert "to be replaced" not in written and written.startswith("Before.") and written.endswith("\nAfter.\n")
    assert _tables(written) == tables and "* Machine: " in written


def test_the_page_has_a_place_for_every_benchmark(project_root: Path) -> None:
    page = (project_root / "docs" / "performance.md").read_text()
    for name in ("machine", *BENCHES):
        assert re.search(rf"(?s)<!-- bench {name} -->\n.+?<!-- end -->", page), name


def test_make_bench_runs_every_benchmark(project_root: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "dev/bench", "--help"], cwd=project_root, capture_output=True, text=True, check=True
    )
    assert ", ".join(BENCHES) in " ".join(ran.stdout.split())
    assert "dev/bench $(ARGS)" in (project_root / "Makefile").read_text()


def test_ratios_are_taken_within_rounds_and_every_second_round_runs_backwards(bench: dict[str, ModuleType]) -> None:
    figures = bench["figures"]
    order: list[str] = []
    values = {"ours": iter([99.0, 1.0, 10.0, 2.0]), "other": iter([3.0, 20.0, 8.0])}

    def contender(name: str) -> Any:
        return figures.Contender(name, lambda: {"CPU s": next(values[name])}, lambda: order.append(name))

    found = figures.compare([contender("ours"), contender("other")], 3)
    assert order == ["ours", "ours", "other", "other", "ours", "ours", "other"], "the first one warms up once"
    assert found["ours"][1]["CPU s"] == 10.0
    printed = figures.table(
        found, [figures.Group("a case", ["ours", "other"], {"other": "theirs"})], ["CPU s", "files"]
    )
    assert printed.endswith("Medians of 3 rounds.")
    rows = _tables(printed)[0]
    assert rows[0] == ["a case", "ours", "2", ""]
    assert rows[1] == ["", "theirs", "8 (3.0x)", ""], "the median of 3, 2 and 4; that of the medians would be 4"


def test_a_command_that_fails_ends_the_bench_with_what_it_said(bench: dict[str, ModuleType]) -> None:
    with pytest.raises(SystemExit, match=r"(?s)ended with 3:.*out of luck"):
        bench["measure"].run([sys.executable, "-c", "import sys; print('out of luck', file=sys.stderr); sys.exit(3)"])


@pytest.mark.parametrize(
    ("options", "plate"),
    [
        (V04, "--size 200 --grid 2x3 --z 3 --channels 2"),
        (INPLACE, "--size 200 --grid 3x2 --z 2 --channels 2 --overlap 0.1"),
        (
            {"omezarr_options": {"ngff_version": "0.4", "chunks": {"mode": "Same as FOV", "z_chunk": 3}}},
            "--size 202 --grid 3x2 --z 8 --channels 1",
        ),
        (V04, "--size 333 --grid 1x1 --z 2 --channels 1"),
    ],
    ids=["fields that are chunks", "overlap", "two blocks of planes and odd levels", "odd"],
)
def test_the_limit_writes_the_same_bytes(
    project_root: Path, tmp_path: Path, bench: dict[str, ModuleType], options: dict[str, Any], plate: str
) -> None:
    """A reference that did less than what is compared with it would be no limit."""
    limit = bench["limit"].build(tmp_path)
    if limit.missing:
        pytest.skip(limit.missing)
    here, source, out = project_root / "dev" / "bench", tmp_path / "plate", tmp_path / "out"

    def run(*command: str, told: str = "") -> str:
        environment = {**os.environ, "PYTHONPATH": str(project_root / "src")}
        return subprocess.run(command, input=told, env=environment, capture_output=True, text=True, check=True).stdout

    run(sys.executable, str(here / "synthetic_plate.py"), str(source), *plate.split())
    said = run(
        sys.executable, str(here / "write_ours.py"), str(source), str(out), "--options", json.dumps(options), "--threads", "2"
    )  # fmt: skip
    job = ("--args-json", str(out / "job.json"), "--out-json", str(out / "result.json"))
    run(sys.executable, str(project_root / "src/fractal_omezarr_converters/tasks/convert_compute.py"), *job)
    image, made = Path(said.strip().splitlines()[-1]), out / "limit"
    told = bench["limit"].job(source, made, bench["limit"].layout_of(image))
    assert told is not None
    run(*limit.command("zstd", 1, threads=2), told=told)
    ours = {path.relative_to(image): path for path in image.rglob("*") if path.is_file()}
    chunks = {name: path.read_bytes() for name, path in ours.items() if name.parts[0].isdigit() and name.name.isdigit()}
    limits = {path.relative_to(made): path.read_bytes() for path in made.rglob("*") if path.is_file()}
    assert chunks and limits == chunks
