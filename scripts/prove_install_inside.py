"""What scripts/prove_install tries, on a machine of its own that it may change: it runs there, as root, and
says one line a step. Never run it anywhere else.

The board is the twin, since there is no microphone; everything else is what a Pi would run.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

SOURCE = Path("/src")
OPT, ETC, STATE = Path("/opt/overheard"), Path("/etc/overheard"), Path("/var/lib/overheard")
SEEN = ("/etc", "/opt", "/usr/local", "/usr/lib/sysusers.d", "/var/lib")
SETTINGS = """\
[device]
state_dir = "/var/lib/overheard"
[board]
name = "sim"
[cloud]
root = "{root}"
"""


def main() -> int:
    """Try everything, in order; stop at the first that is wrong."""
    steps: Sequence[Callable[[], str]] = (
        installed, again, upgraded, taken_back, rolled_back, updated, refused, uninstalled, purged, at_home,
    )  # fmt: skip
    before = files()
    for step in steps:
        try:
            print(f"well: {step.__name__.replace('_', ' ')}: {step()}", flush=True)
        except AssertionError as error:
            print(f"WRONG: {step.__name__}: {error}", flush=True)
            return 1
    users = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/.pwd.lock")
    others = (
        "/var/lib/systemd/",
        "/var/lib/private",
        "/var/lib/apt",
        "/var/lib/dpkg",
    )  # the system's own affairs
    left = {path for path in files() - before if not path.startswith(users + others)}
    if left:
        print(f"WRONG: left behind: {sorted(left)}", flush=True)
        return 1
    print("well: nothing is left but the users", flush=True)
    Path("/proof/all-well").touch()
    return 0


def installed() -> str:
    install(SOURCE, "--no-start", "--join", str(for_a_new_speaker()))
    assert mode(ETC / "speaker.toml") == "640 root:overheard", mode(ETC / "speaker.toml")
    assert mode(ETC / "claim.key") == "600 overheard:overheard", mode(ETC / "claim.key")
    signer = release_key()
    (ETC / "speaker.toml").write_text(SETTINGS.format(root=signer.read_text().strip()))
    said = install(SOURCE, "--release-key", str(signer))
    assert "ready: overheard-device" in said, said
    assert mode(STATE) == "700 overheard:overheard", mode(STATE)
    return current()


def again() -> str:
    said = install(SOURCE)
    assert "nothing to do" in said, said
    return "nothing to do"


def upgraded() -> str:
    first, keys, outbox = current(), kept(), outbox_begin()
    install(edition("0.2.0"))
    assert current().startswith("0.2.0"), current()
    assert kept() == keys, "the keys are others"
    assert outbox_begin() == outbox, "the outbox begins anew"
    assert previous() == first, previous()
    return f"{first} to {current()}, same keys, same outbox"


def taken_back() -> str:
    good = current()
    broken = edition("0.3.0")
    main = broken / "device" / "speaker.py"
    main.write_text(main.read_text() + "\nraise SystemExit('this release is broken on purpose')\n")
    code, said = attempt(broken, "--ready-s", "20")
    assert code == 1, said
    assert f"went back to {good}, which is ready" in said, said
    assert "broken on purpose" in said, said
    assert current() == good, current()
    assert len(list((OPT / "releases").iterdir())) == 2, list((OPT / "releases").iterdir())
    assert state() == "active", state()
    return said.strip().splitlines()[-1]


def rolled_back() -> str:
    newer, older = current(), previous()
    install(SOURCE, "--rollback")
    assert (current(), previous(), state()) == (older, newer, "active"), (current(), previous(), state())
    install(SOURCE, "--rollback")
    assert (current(), previous()) == (newer, older)
    return f"to {older}, and to {newer} again"


def updated() -> str:
    bundle = release("0.4.0")
    keys = kept()
    run("/usr/bin/python3", str(SOURCE / "scripts" / "install"), "--update", str(bundle), *OFFLINE)
    assert current().startswith("0.4.0"), current()
    assert (state(), kept()) == ("active", keys)
    return f"{bundle.name}, signed, to {current()}"


def refused() -> str:
    now = current()
    older = release("0.3.9")
    altered = release("0.5.0")
    content = bytearray(altered.read_bytes())
    content[len(content) // 2] ^= 1
    altered.write_bytes(content)
    lines = []
    for bundle in (older, altered):
        code, said = attempt(SOURCE, "--update", str(bundle))
        assert code == 8, said
        lines.append(said.strip().splitlines()[-1])
    assert current() == now
    assert "older than 0.4.0" in lines[0], lines
    assert "not what its note says" in lines[1], lines
    return " | ".join(lines)


def uninstalled() -> str:
    keys = kept()
    said = install(OPT / "current" / "source", "--uninstall")
    assert not OPT.exists()
    assert not list(Path("/etc/systemd/system").rglob("overheard-*")), "units are left"
    assert kept() == keys, "keys are gone"
    return said.strip().splitlines()[-3]


def purged() -> str:
    code, said = attempt(SOURCE, "--uninstall", "--purge")
    assert code == 1, said
    assert STATE.exists(), "it did not ask"
    install(SOURCE, "--uninstall", "--purge", "--yes")
    assert not STATE.exists()
    assert not ETC.exists()
    return "asked first"


def at_home() -> str:
    """The cloud and a speaker on one machine: its first certificate, asked for, approved and used."""
    said = install(SOURCE, "--cloud", "--host", "127.0.0.1")
    assert "ready: overheard-broker overheard-cloud" in said, said
    bundle = Path("/var/lib/overheard-cloud/broker/for-a-new-speaker")
    install(SOURCE, "--speaker", "--no-start", "--join", str(bundle))
    settings = ETC / "speaker.toml"
    settings.write_text(settings.read_text().replace('name = "pi"', 'name = "sim"'))
    said = install(SOURCE)
    assert "approve it on the cloud" in said, said
    device = first(asked_for, 60)
    cloud("devices", "approve", device)
    first(lambda: state() == "active", 120)
    assert not (ETC / "claim.key").exists(), "the claim is still there"
    assert (STATE / "tls.pem").exists()
    again = install(SOURCE)
    assert "nothing to do" in again, again
    install(SOURCE, "--uninstall", "--purge", "--yes")
    return f"{device}: approved, and ready"


def asked_for() -> str:
    """The id of the device that waits for an approval, or nothing."""
    found = re.search(r"ovh-[a-z0-9]+", cloud("devices", "list"))
    return found[0] if found else ""


def cloud(*words: str) -> str:
    command = ["runuser", "-u", "overheard-cloud", "--", "/usr/local/bin/overheard-cloud", *words]
    return run(*command, "--config", str(ETC / "cloud.toml"))


def first(look: Callable[[], object], within_s: float) -> str:
    """The first thing that `look` sees."""
    end = time.monotonic() + within_s
    while not (seen := look()):
        assert time.monotonic() < end, f"{look} has seen nothing in {within_s} s"
        time.sleep(1)
    return str(seen)


OFFLINE = ("--wheels", "/wheels", "--offline")


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
    for name in ("ca.crt", "claim.crt", "claim.key"):
        (folder / name).write_text(name)
    return folder


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
    import sqlite3

    with sqlite3.connect(f"file:{STATE}/egress.db?mode=ro", uri=True) as database:
        return str(database.execute("SELECT * FROM ledger ORDER BY 1 LIMIT 1").fetchone())


def mode(path: Path) -> str:
    return f"{path.stat().st_mode & 0o777:o} {path.owner()}:{path.group()}"


def files() -> set[str]:
    return {str(path) for folder in SEEN for path in Path(folder).rglob("*")}


if __name__ == "__main__":
    sys.exit(main())
