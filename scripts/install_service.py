"""The services of this machine: started anew, and waited for until they say themselves that they work.

A unit of Type=notify is active once its firmware has heard a frame; that it was started proves nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Sequence

from install_place import Place

SERVICES = {"speaker": ("overheard-device",), "cloud": ("overheard-broker", "overheard-cloud")}
BESIDE: dict[str, tuple[str, ...]] = {
    "speaker": ("overheard-firewall", "overheard-provision"),
    "cloud": (),
}
"""Enabled with them. They hold for a boot or happen once, and nobody waits for them."""
LOOK_EVERY_S = 0.5
JOURNAL_LINES = 5
ENOUGH_STARTS = 3


def enable(place: Place, roles: Sequence[str]) -> None:
    """Start them at every boot from now on."""
    wants = place.at("/etc/systemd/system/multi-user.target.wants")
    off = [name for name in _of(roles) if not (wants / f"{name}.service").is_symlink()]
    if off and place.live:
        systemctl("enable", *off)
        place.did("services", f"enables {' '.join(off)}")


def disable(place: Place, roles: Sequence[str]) -> None:
    """Stop them, and start them no more."""
    if not place.live or not roles:
        return
    systemctl("disable", "--now", *_of(roles))
    if "speaker" in roles and shutil.which("nft"):  # its rules hold on after its unit has stopped
        subprocess.run(["nft", "delete", "table", "inet", "overheard"], capture_output=True, check=False)


def start_beside(place: Place, roles: Sequence[str]) -> None:
    """Put the firewall in force; say so where the kernel does not take it, for the speaker runs without."""
    if "speaker" in roles:
        systemctl("restart", "overheard-firewall")
        if not is_active("overheard-firewall"):
            place.say("firewall", f"not in force: {_last_words('overheard-firewall')}")


def reload(place: Place) -> None:
    """Have systemd read the units again."""
    if place.live:
        systemctl("daemon-reload")


def is_active(name: str) -> bool:
    """Whether it runs and has said that it is ready."""
    return systemctl("is-active", name) == "active"


def restart(names: Sequence[str], within_s: float) -> str:
    """Start the services anew; "" once all are ready, else which one is not, and its last words."""
    end = time.monotonic() + within_s
    for name in names:
        systemctl("reset-failed", name)
        systemctl("restart", name, within_s=max(1.0, end - time.monotonic()))
        while not is_active(name):
            if time.monotonic() > end or _is_hopeless(name):
                return f"{name} is not ready: {_last_words(name)}"
            time.sleep(LOOK_EVERY_S)
    return ""


def _is_hopeless(name: str) -> bool:
    """Whether systemd has given it up, or has started it often enough to know."""
    starts = systemctl("show", "--property", "NRestarts", "--value", name)
    return systemctl("is-failed", name) == "failed" or (starts.isdigit() and int(starts) >= ENOUGH_STARTS)


def systemctl(*words: str, within_s: float = 60.0) -> str:
    """What systemctl says; it may refuse, or take too long: whoever asks looks at what became of it."""
    try:
        done = subprocess.run(
            ["systemctl", *words], capture_output=True, text=True, check=False, timeout=within_s
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.strip()


def _last_words(name: str) -> str:
    its_own = f"_SYSTEMD_UNIT={name}.service"  # --unit would show what systemd says of it, too
    command = ["journalctl", its_own, "--lines", str(JOURNAL_LINES), "--output", "cat", "--no-pager"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    lines = dict.fromkeys(line.strip() for line in said.splitlines() if line.strip())
    return " | ".join(lines) or "it said nothing"


def _of(roles: Sequence[str]) -> list[str]:
    return [name for role in roles for name in (*BESIDE[role], *SERVICES[role])]
