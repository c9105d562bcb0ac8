"""Task files run as processes of their own, for the tests of this folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from fractal_omezarr_converters import tasks

FOLDER = Path(tasks.__path__[0])
INIT, COMPUTE = FOLDER / "operetta" / "convert_init.py", FOLDER / "convert_compute.py"


class Job:
    """One run of a task file: its result and its log."""

    def __init__(self, file: Path, arguments: dict[str, Any], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        number = len(list(folder.glob("*.args.json")))
        given, out = folder / f"{number}.args.json", folder / f"{number}.out.json"
        given.write_text(json.dumps(arguments))
        command = [sys.executable, str(file), "--args-json", str(given), "--out-json", str(out)]
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONWARNINGS"}
        ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)
        self.code = ran.returncode
        self.log = ran.stdout + ran.stderr
        self.result: Any = json.loads(out.read_text()) if out.exists() else None
