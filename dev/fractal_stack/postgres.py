"""A private PostgreSQL: found or installed, made in the scratch folder, stopped at the end."""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shutil
from pathlib import Path

from programs import StackError, free_port, run

#: PostgreSQL refuses to run as root; then it runs as the user that the Debian package makes.
ACCOUNT = "postgres"
DATABASE = "fractal"


def find_programs() -> Path | None:
    """The folder with initdb and pg_ctl, of the newest version that is installed."""
    versions = Path("/usr/lib/postgresql")
    folders = [path / "bin" for path in versions.iterdir()] if versions.is_dir() else []
    folders.sort(key=lambda path: [int(number) for number in re.findall(r"\d+", path.parent.name)], reverse=True)
    on_path = shutil.which("initdb")
    folders += [Path(on_path).parent] if on_path else []
    return next((path for path in folders if (path / "initdb").exists() and (path / "pg_ctl").exists()), None)


def install() -> Path:
    """Install the Debian package when we may, without leaving its standard database server running."""
    remedy = "install the Debian package 'postgresql' (apt-get install postgresql), then run this again"
    if os.geteuid() != 0:
        raise StackError(f"PostgreSQL is not installed, and only root can install it: {remedy}.")
    if not shutil.which("apt-get"):
        raise StackError(f"PostgreSQL is not installed, and this system has no apt-get: {remedy}.")
    clusters = Path("/etc/postgresql")
    before = set(clusters.glob("*/*"))
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-qq"], more=quiet)
    run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "postgresql"], more=quiet)
    for cluster in set(clusters.glob("*/*")) - before:
        run(["pg_dropcluster", "--stop", cluster.parent.name, cluster.name])
    found = find_programs()
    if found is None:
        raise StackError(f"PostgreSQL was installed, but its programs cannot be found: {remedy}.")
    return found


class Postgres:
    """One database server that listens on the loopback address only, with a password."""

    def __init__(self, scratch: Path, programs: Path) -> None:
        self.port = free_port()
        self.password = secrets.token_hex(16)
        self._programs = programs
        self._user = ACCOUNT if os.geteuid() == 0 else None
        self._data = scratch / "postgres"
        self._secret = scratch / "postgres-password"

    def start(self) -> None:
        """Make the database and start the server."""
        self._data.mkdir(mode=0o700)
        self._secret.touch(mode=0o600)
        self._secret.write_text(self.password)
        if self._user:
            account = pwd.getpwnam(self._user)
            for path in (self._data, self._secret):
                os.chown(path, account.pw_uid, account.pw_gid)
        self._run("initdb", "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={self._secret}", "--no-sync")
        settings = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._run("pg_ctl", "-w", "-l", str(self._data / "log"), "-o", settings, "start")
        command = ["psql", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]
        run([self._programs / command[0], *command[1:], "-c", f"create database {DATABASE}"],
            where=self._data.parent, more={"PGPASSWORD": self.password})  # fmt: skip

    def stop(self) -> None:
        """Stop the server when it runs."""
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *words: str) -> None:
        # pg_ctl leaves the server behind, which must not hold the pipes of this process: it writes to its own log
        run([self._programs / program, "-D", self._data, *words], where=self._data.parent, user=self._user, seconds=120)
