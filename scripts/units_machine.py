"""A machine that systemd really boots, in systemd-nspawn. With anything less than this IPAddressDeny= is left
out without a word: control groups of the second kind, the bpf call, and every capability for its systemd.

Its network is its own. "World" is all that is outside: a namespace in which four addresses answer.
"""

import json
import os
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

BOOT = ("systemd-nspawn", "--quiet", "--capability=all", "--system-call-filter=bpf", "--register=no")
BOOT_S = 60.0
HOME, BROKER, ELSEWHERE = "10.77.0.1", "10.77.0.2", "10.77.0.3"  # on one line, as at home
NAMES, AFAR = "192.0.2.53", "203.0.113.9"  # RFC 5737: nobody's
RESOLVER = "127.0.0.53"  # on the machine itself, as systemd-resolved's

WORLD = f"""\
ip netns add world
ip link add home type veth peer name world netns world
ip address add {HOME}/24 dev home
ip link set home up
ip route add default via {BROKER}
ip -n world address add {BROKER}/24 dev world
ip -n world link set world up
ip -n world link set lo up
for address in {ELSEWHERE} {NAMES} {AFAR}; do ip -n world address add $address/32 dev lo; done
"""


class Machine:
    """The machine whose root is `root`, for `with`: booted, and off again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._log = root.with_suffix(".log")
        mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
        groups = next(mount[1] for mount in mounts if mount[2] == "cgroup2")
        self._group = Path(
            groups, f"overheard-proof-{os.getpid()}"
        )  # or two machines would share their units'
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._leader = 0

    def __enter__(self) -> Self:
        command = [*BOOT, "--keep-unit", "--private-network", "--boot", "-D", str(self.root)]
        environment = os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        self._group.mkdir(exist_ok=True)
        into = f"echo $$ > {self._group}/cgroup.procs; exec {shlex.join(command)}"
        with self._log.open("wb") as log:
            self._nspawn = subprocess.Popen(
                ["sh", "-ec", into], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.until(self._booted, "it did not boot", BOOT_S)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._nspawn is not None
        self.do("systemctl", "poweroff", "--force", "--force", fails=True)
        try:
            self._nspawn.wait(20)
        except subprocess.TimeoutExpired:
            self._nspawn.terminate()
            self._nspawn.wait()
        for folder, _, _ in os.walk(self._group, topdown=False):
            Path(folder).rmdir()

    def do(self, *command: str, fails: bool = False) -> str:
        """What a command says there, as root; it raises where the command fails, unless that `fails` too."""
        entered = ["nsenter", "-t", str(self._leader), "-a", "-r", "-w", *command]
        done = subprocess.run(entered, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode and not fails:
            raise RuntimeError(f"{shlex.join(command)}: {done.returncode}: {done.stderr or done.stdout}")
        return done.stdout

    def shell(self, script: str) -> str:
        """The same of a few lines of sh."""
        return self.do("sh", "-ec", script)

    def write(self, path: str, text: str) -> None:
        """Write a file there."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def drop_in(self, unit: str, name: str, *lines: str) -> None:
        """Lay lines over the [Service] of a unit."""
        self.write(f"/etc/systemd/system/{unit}.service.d/{name}.conf", "\n".join(["[Service]", *lines, ""]))
        self.do("systemctl", "daemon-reload")

    def shows(self, unit: str, key: str) -> str:
        """A property of a unit."""
        return self.do("systemctl", "show", "--value", "--property", key, unit).strip()

    def said(self, unit: str, since: str = "") -> list[dict[str, Any]]:
        """The unit's journal, oldest first; `since` a cursor."""
        words = ["journalctl", "--unit", unit, "--output", "json", "--no-pager"]
        lines = self.do(*words, *([f"--after-cursor={since}"] if since else []), fails=True).splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def until(self, true: Callable[[], object], why: str, within_s: float) -> float:
        """Wait until something is so; how long that took. Raises where it is not so in time."""
        began = time.monotonic()
        while not true():
            if time.monotonic() - began > within_s:
                raise RuntimeError(f"{why} within {within_s:.0f} s")
            time.sleep(0.1)
        return time.monotonic() - began

    def _booted(self) -> bool:
        assert self._nspawn is not None
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text()
        if not children.strip():
            return False
        self._leader = int(children.split()[0])
        try:
            return self.do("systemctl", "is-system-running", fails=True).strip() in {"running", "degraded"}
        except (OSError, subprocess.SubprocessError):
            return False
