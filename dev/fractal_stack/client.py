"""What a user does on Fractal: collect a package, make project, dataset and workflow, run a job, look at the result.

Everything that fractal-client offers goes through its command; what it does not show comes from the server over HTTP.
"""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
import zipfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from programs import StackError, last_lines, run
from server import ADMIN, FractalServer

COLLECTION_SECONDS = 1500
JOB_SECONDS = 900


@dataclass(frozen=True)
class JobResult:
    """How one job ended."""

    status: str
    message: str
    logs: dict[str, str]
    seconds: float
    handed_over: int = 0
    """Bytes that the first step of the first task gave back."""

    def logs_of(self, task_order: int) -> dict[str, str]:
        """The logs of one task of the workflow."""
        return {name: text for name, text in self.logs.items() if name.startswith(f"{task_order}_")}


@dataclass(frozen=True)
class TaskGroup:
    """A collected package and its environment."""

    environment: Path

    @property
    def programs(self) -> Path:
        """Where its Python is."""
        return self.environment / "bin"


class Client:
    """fractal-client and its HTTP siblings, logged in as the administrator."""

    def __init__(self, scratch: Path, programs: Path, server: FractalServer) -> None:
        self._command = programs / "fractal"
        self._server = server
        self._folder = scratch / "client"
        self._folder.mkdir()
        place = self._folder / ".fractal.env"
        place.touch(mode=0o600)
        settings = {
            "FRACTAL_USER": ADMIN,
            "FRACTAL_PASSWORD": server.password,
            "FRACTAL_SERVER": server.url,
            "FRACTAL_CACHE_PATH": self._folder / "cache",
        }
        place.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        self._token = ""

    def collect(self, wheel: Path) -> TaskGroup:
        """Install a wheel as a group of tasks and wait until it is ready."""
        activity = self._fractal("task", "collect", str(wheel)).split()[-1]
        end = time.monotonic() + COLLECTION_SECONDS
        while time.monotonic() < end:
            state = self._http(f"/api/v2/task-group/activity/{activity}/")
            if state["status"] == "OK":
                group = self._http(f"/api/v2/task-group/{state['taskgroupv2_id']}/")
                return TaskGroup(Path(group["venv_path"]))
            if state["status"] == "failed":
                raise StackError(f"Collecting {wheel.name} failed:\n{last_lines(str(state['log']))}")
            time.sleep(1)
        raise StackError(f"Collecting {wheel.name} took more than {COLLECTION_SECONDS} s.")

    def new_project(self, name: str) -> str:
        """Make a project; give its number."""
        return self._fractal("project", "new", name)

    def new_dataset(self, project: str, name: str) -> tuple[str, Path]:
        """Make a dataset; give its number and where its images will lie."""
        number = self._fractal("project", "add-dataset", project, name)
        return number, Path(self._http(f"/api/v2/project/{project}/dataset/{number}/")["zarr_dir"])

    def new_workflow(self, project: str, name: str, tasks: list[tuple[str, dict[str, Any]]]) -> str:
        """Make a workflow of tasks, each with the arguments of its first step; give its number."""
        number = self._fractal("workflow", "new", name, project)
        for order, (task, arguments) in enumerate(tasks):
            given = self._folder / f"workflow-{number}-{order}.json"
            given.write_text(json.dumps(arguments))
            self._fractal(
                "workflow", "add-task", project, number, "--task-name", task, "--args-non-parallel", str(given)
            )
        return number

    def run_job(self, project: str, workflow: str, dataset: str, *, seconds: float = JOB_SECONDS) -> JobResult:
        """Run a workflow on a dataset and wait for its end."""
        return self.end_of_job(project, self.submit_job(project, workflow, dataset), seconds=seconds)

    def submit_job(self, project: str, workflow: str, dataset: str) -> str:
        """Start a workflow on a dataset; give the number of the job."""
        return self._fractal("job", "submit", project, workflow, dataset)

    def end_of_job(self, project: str, job: str, *, seconds: float = JOB_SECONDS) -> JobResult:
        """Wait for the end of a job."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            state = self._http(f"/api/v2/project/{project}/job/{job}/")
            if state["status"] in ("done", "failed"):
                files = _files_of_job(Path(state["working_dir"]))
                logs = {name: text.decode(errors="replace") for name, text in files.items() if name.endswith("log.txt")}
                given = [len(text) for name, text in files.items() if name.endswith("/non_par--metadiff.json")]
                begin, stop = (datetime.fromisoformat(state[key]) for key in ("start_timestamp", "end_timestamp"))
                spent = (stop - begin).total_seconds()
                return JobResult(state["status"], state["log"] or "", logs, spent, next(iter(given), 0))
            time.sleep(0.3)
        raise StackError(f"Job {job} did not end within {seconds:.0f} s.")

    def images(self, project: str, dataset: str) -> list[dict[str, Any]]:
        """The image list of a dataset, by URL."""
        place = f"/api/v2/project/{project}/dataset/{dataset}/images/query/?page_size=1000"
        items: list[dict[str, Any]] = self._http(place, body={})["items"]
        return sorted(items, key=lambda item: str(item["zarr_url"]))

    def forget_image(self, project: str, dataset: str, zarr_url: Path) -> None:
        """Take an image out of the image list, as a user does in the web page."""
        query = urllib.parse.urlencode({"zarr_url": str(zarr_url)})
        self._http(f"/api/v2/project/{project}/dataset/{dataset}/images/?{query}", method="DELETE")

    def _fractal(self, *words: str) -> str:
        """Run the command; with --batch it prints numbers only."""
        return run([self._command, "--batch", *words], where=self._folder, seconds=120).strip()

    def _http(self, path: str, body: object = None, method: str | None = None) -> Any:
        if not self._token:
            login = {"username": ADMIN, "password": self._server.password}
            answer = _ask(f"{self._server.url}/auth/token/login/", urllib.parse.urlencode(login).encode(), {})
            self._token = answer["access_token"]
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        return _ask(f"{self._server.url}{path}", None if body is None else json.dumps(body).encode(), headers, method)


def _ask(url: str, body: bytes | None, headers: dict[str, str], method: str | None = None) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method), timeout=60) as answer:
        said = answer.read()
    return json.loads(said) if said else None


def _files_of_job(folder: Path) -> dict[str, bytes]:
    """Every log and every result of a job by its path inside the job's folder, which the server may have packed."""
    wanted = ("-log.txt", "-metadiff.json")
    if folder.is_dir():
        found = sorted(path for path in folder.rglob("*") if path.name.endswith(wanted))
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
    with zipfile.ZipFile(f"{folder}.zip") as packed:
        return {name: packed.read(name) for name in sorted(packed.namelist()) if name.endswith(wanted)}
