"""The services of this machine: started anew, and waited for until they say themselves that they work.

A unit of Type=notify is active once its firmware has heard a frame; that it was started proves nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

SERVICES = {"speaker": ("overheard-device",), "cloud": ("overheard-broker", "overheard-cloud")}
BESIDE: dict[str, tuple[str, ...]] = {
    "speaker": ("overheard-firewall", "overheard-provision", "overheard-calls.timer"),
    "cloud": (),
}
"""Enabled with them. They hold for a boot, happen once or now and then, and nobody waits for them."""
LOOK_EVERY_S = 0.5
JOURNAL_LINES = 5
ENOUGH_STARTS = 3


class Services(Protocol):
    """What the steps ask of a machine's services. Where there is no machine, there are none."""

    def enable(self, names: Sequence[str]) -> list[str]:
        """Start them at every boot from now on; returns those that were not."""

    def disable(self, names: Sequence[str]) -> None:
        """Stop them, and start them no more."""

    def reload(self) -> None:
        """Have the units read again."""

    def reread(self, name: str) -> None:
        """Have one read its files again, if it runs."""

    def plugged(self) -> None:
        """Have the rules for devices read again, and followed for what is plugged in."""

    def begin(self, name: str) -> None:
        """Start one, without waiting."""

    def is_active(self, name: str) -> bool:
        """Whether it runs and has said that it is ready."""

    def restart(self, names: Sequence[str], within_s: float) -> str:
        """Start them anew; "" once all are ready, else which one is not, and its last words."""


class Systemd:
    """Those of the machine that this runs on."""

    def enable(self, names: Sequence[str]) -> list[str]:
        off = [name for name in names if not any(Path("/etc/systemd/system").glob(f"*.wants/{_unit(name)}"))]
        if off:
            systemctl("enable", *off)
        return off

    def disable(self, names: Sequence[str]) -> None:
        systemctl("disable", "--now", *names)
        if "overheard-firewall" in names and shutil.which(
            "nft"
        ):  # its rules hold on after its unit has stopped
            _run("nft", "delete", "table", "inet", "overheard")

    def reload(self) -> None:
        systemctl("daemon-reload")

    def reread(self, name: str) -> None:
        systemctl("try-reload-or-restart", name)

    def plugged(self) -> None:
        if shutil.which("udevadm"):
            _run("udevadm", "control", "--reload")
            _run("udevadm", "trigger", "--action=change", "--subsystem-match=usb")

    def begin(self, name: str) -> None:
        systemctl("start", "--no-block", name)

    def is_active(self, name: str) -> bool:
        return systemctl("is-active", name) == "active"

    def restart(self, names: Sequence[str], within_s: float) -> str:
        end = time.monotonic() + within_s
        for name in names:
            systemctl("reset-failed", name)
            systemctl("restart", name, within_s=max(1.0, end - time.monotonic()))
            while not self.is_active(name):
                if time.monotonic() > end or _is_hopeless(name):
                    return f"{name} is not ready: {_last_words(name)}"
                time.sleep(LOOK_EVERY_S)
        return ""


def _unit(name: str) -> str:
    return name if "." in name else f"{name}.service"


def _is_hopeless(name: str) -> bool:
    """Whether systemd has given it up, or has started it often enough to know."""
    starts = systemctl("show", "--property", "NRestarts", "--value", name)
    return systemctl("is-failed", name) == "failed" or (starts.isdigit() and int(starts) >= ENOUGH_STARTS)


def systemctl(*words: str, within_s: float = 60.0) -> str:
    """What systemctl says; it may refuse, or take too long: whoever asks looks at what became of it."""
    try:
        return _run("systemctl", *words, within_s=within_s)
    except subprocess.TimeoutExpired:
        return ""


def _last_words(name: str) -> str:
    its_own = f"_SYSTEMD_UNIT={name}.service"  # --unit would show what systemd says of it, too
    said = _run("journalctl", its_own, "--lines", str(JOURNAL_LINES), "--output", "cat", "--no-pager")
    lines = dict.fromkeys(line.strip() for line in said.splitlines() if line.strip())
    return " | ".join(lines) or "it said nothing"


def _run(*command: str, within_s: float | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=within_s)
    return done.stdout.strip()
