"""What the steps of scripts/prove_install are made of: the installer, releases, looks at what is there."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import shutil
import socket
import sqlite3
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

SOURCE = Path("/src")
OPT, ETC, STATE = Path("/opt/overheard"), Path("/etc/overheard"), Path("/var/lib/overheard")
SEEN = ("/etc", "/opt", "/usr/local", "/usr/lib/sysusers.d", "/var/lib")
OFFLINE = ("--wheels", "/wheels", "--offline")


def first(look: Callable[[], object], within_s: float) -> str:
    """The first thing that `look` sees."""
    end = time.monotonic() + within_s
    while not (seen := look()):
        assert time.monotonic() < end, f"{look} has seen nothing in {within_s} s"
        time.sleep(1)
    return str(seen)


def install(folder: Path, *words: str) -> str:
    code, said = attempt(folder, *words)
    assert code == 0, said
    return said


def attempt(folder: Path, *words: str) -> tuple[int, str]:
    command = ["/usr/bin/python3", str(folder / "scripts" / "install"), *words, *OFFLINE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    print(said, flush=True)
    return done.returncode, said


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr, flush=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def edition(version: str) -> Path:
    """The same checkout under another version."""
    folder = Path("/var/tmp") / f"checkout-{version}"
    if not folder.exists():
        shutil.copytree(SOURCE, folder)
        project = folder / "pyproject.toml"
        project.write_text(project.read_text().replace('version = "0.1.0"', f'version = "{version}"'))
    return folder


def for_a_new_speaker() -> Path:
    """What a cloud would have given; nobody is at that address."""
    folder = Path("/var/tmp/for-a-new-speaker")
    folder.mkdir()
    (folder / "speaker.toml").write_text('[uplink]\nhost = "192.0.2.5"\nport = 8883\nca = "ca.crt"\n')
    for name, what in (("ca.crt", "CERTIFICATE"), ("claim.crt", "CERTIFICATE"), ("claim.key", "PRIVATE KEY")):
        text = base64.b64encode(b"\x30" + name.encode()).decode()  # as a certificate begins; nobody opens it
        (folder / name).write_text(f"-----BEGIN {what}-----\n{text}\n-----END {what}-----\n")
    return folder


def own(address: str) -> None:
    """Give this machine, which has no network, that address: then there is a way to its neighbours."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        named = struct.pack("16sH2s4s8s", b"lo:1", socket.AF_INET, b"", socket.inet_aton(address), b"")
        fcntl.ioctl(line, 0x8916, named)  # SIOCSIFADDR


def may_call(address: str) -> bool:
    """Whether a program in the speaker's box may send something there."""
    group = "/sys/fs/cgroup/system.slice/overheard-device.service/cgroup.procs"
    program = (
        f"import os, socket; open('{group}', 'w').write(str(os.getpid())); "
        f"socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'?', ('{address}', 9))"
    )
    done = subprocess.run(["/usr/bin/python3", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "PermissionError" in done.stderr, done.stderr
    return done.returncode == 0


def release_key() -> Path:
    """A new release key's public half."""
    tool(SOURCE, "--new-key", "/var/tmp/release.key")
    return Path("/var/tmp/release.key.pub")


def release(version: str) -> Path:
    """A signed release of that version."""
    tool(edition(version), "--key", "/var/tmp/release.key", "/var/tmp/out")
    return Path("/var/tmp/out") / f"overheard-{version}.tar.gz"


def tool(folder: Path, *words: str) -> None:
    run("/usr/bin/env", "PIP_NO_INDEX=1", "PIP_FIND_LINKS=/wheels", str(OPT / "current" / "bin" / "python"),
        str(folder / "scripts" / "release"), *words)  # fmt: skip


def current() -> str:
    return (OPT / "current").readlink().name


def previous() -> str:
    return (OPT / "previous").readlink().name


def state() -> str:
    return subprocess.run(
        ["systemctl", "is-active", "overheard-device"], capture_output=True, text=True, check=False
    ).stdout.strip()


def kept() -> dict[str, str]:
    """The keys of the device, by their hashes."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in STATE.glob("*.key")}


def outbox_begin() -> str:
    """The first row of the ledger."""
    with sqlite3.connect(f"file:{STATE}/egress.db?mode=ro", uri=True) as database:
        return str(database.execute("SELECT * FROM ledger ORDER BY 1 LIMIT 1").fetchone())


def mode(path: Path) -> str:
    return f"{path.stat().st_mode & 0o777:o} {path.owner()}:{path.group()}"


def files() -> set[str]:
    return {str(path) for folder in SEEN for path in Path(folder).rglob("*")}
