"""A real Postgres of Debian's, in a folder of its own, as nobody important."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
USER = "postgres"
START_S = 30.0


def installed() -> bool:
    """Whether there is one, and somebody to run it: root may not."""
    try:
        pwd.getpwnam(USER)
    except KeyError:
        return False
    return bool(PROGRAMS) and os.geteuid() == 0


@contextmanager
def postgres(folder: Path) -> Iterator[tuple[str, Path]]:
    """The url of an empty database, and where its files are; stopped at the end, with everything on disk."""
    account = pwd.getpwnam(USER)
    folder.mkdir(exist_ok=True)
    for parent in folder.parents[:4]:  # pytest's folders are closed to others
        with suppress(PermissionError):
            parent.chmod(parent.stat().st_mode | 0o011)
    shutil.chown(folder, account.pw_uid, account.pw_gid)
    data = folder / "data"
    as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": [], "cwd": "/"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    initdb = [PROGRAMS[-1] / "initdb", "-D", data, "-A", "trust", "-U", USER, "--no-sync"]
    subprocess.run(initdb, check=True, timeout=120, **as_user, **quiet)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = [PROGRAMS[-1] / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder]
    child = subprocess.Popen(server, **as_user, **quiet)
    try:
        _wait_for(port)
        yield f"postgresql://{USER}@127.0.0.1:{port}/postgres", data
    finally:
        child.send_signal(signal.SIGINT)  # a fast shutdown: sessions are ended, everything is written
        try:
            child.wait(START_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _wait_for(port: int) -> None:
    import psycopg

    until = time.monotonic() + START_S
    while True:
        try:
            psycopg.connect(f"postgresql://{USER}@127.0.0.1:{port}/postgres", connect_timeout=5).close()
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return
