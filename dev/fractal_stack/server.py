"""A private fractal-server: configured, with one administrator, on a free port, in the scratch folder."""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from environments import base_python
from postgres import DATABASE, Postgres
from programs import Service, StackError, free_port, run

ADMIN = "admin@example.org"
SECONDS_TO_START = 120


class FractalServer:
    """The server with its folders; the units of a job run as many at a time as there are processors."""

    def __init__(self, scratch: Path, programs: Path, pip_cache: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.password = secrets.token_hex(16)
        self.folder = scratch / "server"
        self.projects = scratch / "projects"
        self._programs = programs
        self._pip_cache = pip_cache
        self._service: Service | None = None

    @property
    def log(self) -> Path:
        """What the server wrote."""
        return self.folder / "server.log"

    def start(self, database: Postgres) -> None:
        """Configure, make tables and the administrator, start, and wait until the server answers."""
        for folder in (self.folder, self.projects, self._pip_cache):
            folder.mkdir(parents=True, exist_ok=True)
        self._configure(database)
        fractalctl = self._programs / "fractalctl"
        run([fractalctl, "set-db"], where=self.folder)
        resource, profile = self.folder / "resource.json", self.folder / "profile.json"
        account: list[str | Path] = [
            "--admin-email",
            ADMIN,
            "--admin-pwd",
            self.password,
            "--admin-project-dir",
            self.projects,
        ]
        run([fractalctl, "init-db-data", "--resource", resource, "--profile", profile, *account], where=self.folder)
        address = [
            "--workers",
            "1",
            "--bind",
            f"127.0.0.1:{self.port}",
            "--graceful-timeout",
            "5",
            "--no-control-socket",
        ]
        module = "fractal_server.gunicorn_fractal"
        classes = ["--worker-class", f"{module}.FractalWorker", "--logger-class", f"{module}.FractalGunicornLogger"]
        command: list[str | Path] = [self._programs / "gunicorn", "fractal_server.main:app", *address, *classes]
        self._service = Service(command, where=self.folder, log=self.log)
        self._wait_until_alive(self._service)

    def stop(self) -> None:
        """Stop the server and every job it runs."""
        if self._service is not None:
            self._service.stop()

    def _configure(self, database: Postgres) -> None:
        settings = {
            "JWT_SECRET_KEY": secrets.token_hex(32),
            "JWT_EXPIRE_SECONDS": 86400,
            "FRACTAL_LOGGING_LEVEL": 20,
            "FRACTAL_RUNNER_BACKEND": "local",
            "FRACTAL_DEFAULT_GROUP_NAME": "All",
            "POSTGRES_USER": "postgres",
            "POSTGRES_PASSWORD": database.password,
            "POSTGRES_HOST": "127.0.0.1",
            "POSTGRES_PORT": database.port,
            "POSTGRES_DB": DATABASE,
        }
        place = self.folder / ".fractal_server.env"
        place.touch(mode=0o600)
        place.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        resource = {
            "name": "This computer",
            "type": "local",
            "jobs_local_dir": str(self.folder / "jobs"),
            "tasks_local_dir": str(self.folder / "tasks"),
            "jobs_poll_interval": 0,
            "jobs_runner_config": {"parallel_tasks_per_job": max(2, os.cpu_count() or 2)},
            "tasks_python_config": {
                "default_version": version,
                "versions": {version: str(base_python())},
                "pip_cache_dir": str(self._pip_cache),
            },
            "tasks_pixi_config": {},
        }
        (self.folder / "resource.json").write_text(json.dumps(resource))
        (self.folder / "profile.json").write_text(json.dumps({"resource_type": "local", "name": "Everybody"}))

    def _wait_until_alive(self, service: Service) -> None:
        end = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < end:
            service.require_alive()
            try:
                with urllib.request.urlopen(f"{self.url}/api/alive/", timeout=5):
                    return
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                time.sleep(0.3)
        raise StackError(f"fractal-server did not answer within {SECONDS_TO_START} s; see {self.log}.")
