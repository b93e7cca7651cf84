"""What scripts/prove_install tries, on a machine of its own that it may change: it runs there, as root, and
says one line a step. Never run it anywhere else.

The board is the twin, since there is no microphone; everything else is what a Pi would run.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from prove_install_tools import (
    ETC,
    OFFLINE,
    OPT,
    SOURCE,
    STATE,
    attempt,
    current,
    edition,
    files,
    first,
    for_a_new_speaker,
    install,
    kept,
    may_call,
    mode,
    outbox_begin,
    own,
    previous,
    release,
    release_key,
    run,
    state,
)

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
        installed, again, mistyped, upgraded, taken_back, rolled_back, moved, updated, refused, uninstalled,
        purged, at_home,
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
    (ETC / "claim.key").unlink()  # with it the speaker would wait for a certificate
    signer = release_key()
    (ETC / "speaker.toml").write_text(SETTINGS.format(root=signer.read_text().strip()))
    said = install(SOURCE, "--release-key", str(signer))
    assert "ready: overheard-device" in said, said
    assert "not in force" not in said, said
    assert mode(STATE) == "700 overheard:overheard", mode(STATE)
    return current()


def again() -> str:
    said = install(SOURCE)
    assert "nothing to do" in said, said
    return "nothing to do"


def mistyped() -> str:
    """A release that cannot be started for a mistake in the settings; nothing moves, and nothing is lost."""
    now, settings = current(), (ETC / "speaker.toml").read_text()
    (ETC / "speaker.toml").write_text(settings + "[uplink\n")
    code, said = attempt(edition("0.2.0"))
    (ETC / "speaker.toml").write_text(settings)
    assert (code, current(), state()) == (1, now, "active"), said
    return said.strip().splitlines()[-1]


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


def moved() -> str:
    """A broker that is called by a name: first it has no address, then one, then another."""
    settings, hosts = ETC / "speaker.toml", Path("/etc/hosts")
    before, known = settings.read_text(), hosts.read_text() if hosts.exists() else ""
    settings.write_text(before + '[uplink]\nhost = "broker.test"\nallow_plaintext = true\n')
    code, said = attempt(OPT / "current" / "source")
    assert (code, state()) == (4, "active"), said
    own("192.0.2.1")
    began = run("systemctl", "show", "--property", "MainPID", "overheard-device")
    for address, other in (("192.0.2.7", "192.0.2.9"), ("192.0.2.9", "192.0.2.7")):
        hosts.write_text(f"{known}{address} broker.test\n")
        run("systemctl", "start", "overheard-calls.service")
        assert (may_call(address), may_call(other)) == (True, False), address
        assert f"{address} . 1883" in run("nft", "list", "set", "inet", "overheard", "broker4")
    assert run("systemctl", "show", "--property", "MainPID", "overheard-device") == began, "it was begun anew"
    assert "active" in run("systemctl", "is-active", "overheard-calls.timer")
    settings.write_text(before)
    hosts.write_text(known) if known else hosts.unlink()
    install(OPT / "current" / "source")
    return "the broker's name: no address (exit 4), then one, then another, each seen by the timer's service"


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
    assert "approve it on the cloud's machine" in said, said
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


if __name__ == "__main__":
    sys.exit(main())
