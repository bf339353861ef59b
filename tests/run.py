"""Runs the test suite with all that it needs: a browser, Git, and a PostgreSQL server.

What is missing is installed with apt-get when we are root, and asked for in one line otherwise. A PostgreSQL server
that already answers on this machine is used (STATIONMASTER_TEST_POSTGRES_URL, or the usual port); else one is started
in a temporary folder, and stopped at the end.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

USUAL_URL = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"


def main() -> int:
    """Prepare, then run pytest with the given arguments; its status is ours."""
    need("chromium", ["chromium", "chromium-browser", "google-chrome"])
    need("git", ["git"])
    with postgres() as url:
        environment = {**os.environ, "STATIONMASTER_TEST_POSTGRES_URL": url}
        return subprocess.run([sys.executable, "-m", "pytest", *sys.argv[1:]], env=environment, check=False).returncode


def need(package: str, programs: list[str]) -> None:
    """Install the package unless one of its programs is there."""
    if not any(shutil.which(program) for program in programs):
        install(package)


def install(package: str) -> None:
    """Install a Debian package, or say what to install."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit(f"The tests need {package}: install it (Debian: sudo apt-get install {package}) and run them again.")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    print(f"installing {package} for the tests", flush=True)
    for words in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", package]):
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(words)} failed: {done.stderr.strip().splitlines()[-1:]}")


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server that may make and drop databases."""
    given = os.environ.get("STATIONMASTER_TEST_POSTGRES_URL", USUAL_URL)
    if answers(given):
        yield given
        return
    if not find_initdb():
        install("postgresql")
    programs = find_initdb()
    if programs is None:
        sys.exit("The tests need PostgreSQL's server programs (initdb, pg_ctl): install postgresql and try again.")
    with tempfile.TemporaryDirectory(prefix="stationmaster-pg-") as folder:
        yield from own_server(programs, Path(folder))


def answers(url: str) -> bool:
    """Whether a server is there and lets us in."""
    try:
        psycopg.connect(url.replace("+psycopg", ""), connect_timeout=3).close()
    except psycopg.Error:
        return False
    return True


def find_initdb() -> Path | None:
    """The folder of the server's programs."""
    on_path = shutil.which("initdb")
    found = [Path(on_path)] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def own_server(programs: Path, folder: Path) -> Iterator[str]:
    """Start a server of our own and stop it at the end. It refuses to run as root: then as its own user."""
    as_user: list[str] = []
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        as_user = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = str(folder / "data")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    run([*as_user, str(programs / "initdb"), "-D", data, "-U", "postgres", "-A", "trust"])
    run([*as_user, str(programs / "pg_ctl"), "-D", data, "-w", "-o", options, "-l", str(folder / "log"), "start"])
    try:
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    finally:
        run([*as_user, str(programs / "pg_ctl"), "-D", data, "-m", "immediate", "stop"])


def run(words: list[str]) -> None:
    """Run one of the server's programs quietly; its words are shown when it fails."""
    done = subprocess.run(words, cwd="/", capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        sys.exit(f"{Path(words[0]).name} failed: {(done.stderr or done.stdout).strip()}")


if __name__ == "__main__":
    sys.exit(main())
