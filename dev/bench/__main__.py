"""Benchmarks: our figures beside those of references, taken in turn in the same run.

    python dev/bench                                       all, without the references that need environments of their own
    python dev/bench write --case 0.4 --threads 1 2 --engine ENGINE/bin/python
    python dev/bench pyramid --arrays ARRAYS/bin/python --rounds 5
    python dev/bench --into docs/performance.md            also put the tables where the page has its marks

ENGINE is an environment with ome-zarr-converters-tools, ARRAYS one with ngio, ngff-zarr and ome-zarr; --converters takes one
with fractal-uzh-converters, whose Operetta converter reads the same plate as ours. Figures are medians over
the rounds; behind a figure stands how many times ours it is, the median of the ratios within the rounds. CPU seconds are the
evidence; wall times hold for an idle machine. Outputs go to a memory file system unless --scratch says otherwise.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

import bench_guarantees
import bench_kernels
import bench_pyramid
import bench_scan
import bench_settings
import bench_start
import bench_vendors
import bench_write
from asked import Asked
from machine import description

BENCHES = {
    each.NAME: each.run_bench
    for each in (
        bench_write,
        bench_scan,
        bench_vendors,
        bench_start,
        bench_pyramid,
        bench_guarantees,
        bench_settings,
        bench_kernels,
    )
}
MEMORY_DISK = Path("/dev/shm")


def parsed() -> tuple[list[str], Asked, Path | None]:
    """The command line: which benches, how, and the page that gets the tables."""
    parser = argparse.ArgumentParser(
        prog="dev/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(BENCHES)}; by default all")
    parser.add_argument("--engine", help="Python of an environment with ome-zarr-converters-tools")
    parser.add_argument("--arrays", help="Python of an environment with ngio, ngff-zarr and ome-zarr")
    parser.add_argument("--converters", help="Python of an environment with fractal-uzh-converters")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="threads of the writer; 1 2 by default")
    parser.add_argument("--case", action="append", default=[], help=f"of write: {', '.join(bench_write.CASES)}")
    parser.add_argument("--planes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="of scan")
    parser.add_argument("--engine-planes", type=int, default=10_000, help="up to how many planes the engine scans")
    parser.add_argument("--scratch", type=Path, help="folder in which data and output get a folder of their own")
    parser.add_argument("--keep", action="store_true", help="keep the synthetic data for the next run")
    parser.add_argument("--smoke", action="store_true", help="tiny data and one round: that it runs, not how fast")
    parser.add_argument("--into", type=Path, help="a page that gets the tables between its marks")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in BENCHES]
    if unknown:
        parser.error(f"there is no bench {unknown[0]!r}; choose among {', '.join(BENCHES)}")
    place = given.scratch or (MEMORY_DISK if MEMORY_DISK.is_dir() else Path())
    asked = Asked(
        scratch=place.absolute() / f"omezarr-bench-{os.getuid() if given.keep else os.getpid()}",
        rounds=1 if given.smoke else given.rounds,
        threads=given.threads[:1] if given.smoke else given.threads,
        cases=given.case,
        planes=[200] if given.smoke else given.planes,
        engine=given.engine,
        engine_planes=given.engine_planes,
        arrays=given.arrays,
        converters=given.converters,
        smoke=given.smoke,
        keep=given.keep,
    )
    return given.names or list(BENCHES), asked, given.into


def put(page: Path, name: str, text: str) -> None:
    """Replace what stands between ``<!-- bench NAME -->`` and ``<!-- end -->`` on a page."""
    before, mark, rest = page.read_text().partition(f"<!-- bench {name} -->")
    _, end, after = rest.partition("<!-- end -->")
    if not (mark and end):
        sys.exit(f"{page} has no place for the tables of {name}: add <!-- bench {name} --> and <!-- end --> to it.")
    page.write_text(f"{before}{mark}\n\n{text}\n\n{end}{after}")


def main() -> None:
    """Run what is asked for and print the tables."""
    names, asked, page = parsed()
    # modules that every process compiles anew would be measured as work
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    asked.scratch.mkdir(parents=True, exist_ok=True)
    texts = {"machine": [description(asked.engine, asked.arrays, asked.converters)]}
    print(texts["machine"][0], flush=True)
    try:
        for name in names:
            for text in BENCHES[name](asked):
                print(f"\n{text}", flush=True)
                texts.setdefault(name, []).append(text)
    finally:
        if not asked.keep:
            shutil.rmtree(asked.scratch, ignore_errors=True)
    for name, parts in texts.items() if page else ():
        put(page, name, "\n\n".join(parts))


if __name__ == "__main__":
    main()
