"""pip, as every step here uses it: quiet, wheels alone, pinned, and in one line when it fails."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from install_place import InstallError

SOURCE_ALONE = "pyaudio"
"""The one package that has no wheels anywhere: it is compiled, unless somebody did that before."""

DISK = "/var/tmp"
"""Where it unpacks: /tmp may be in memory, of which a small Pi has less than a release takes."""


class Pip(NamedTuple):
    """The pip of an interpreter; `wheels` is a folder that is asked first, `offline` that nothing else is."""

    python: Path
    wheels: Path | None = None
    offline: bool = False

    def build(self, checkout: Path, into: Path) -> None:
        """Build the wheel of a checkout. Raises InstallError."""
        self._run(
            ["wheel", "--no-deps", "--wheel-dir", str(into), str(checkout)], checkout / "constraints.txt"
        )

    def install(self, requirement: str, constraints: Path) -> None:
        """Install a requirement and what it needs. Raises InstallError."""
        words = ["install", "--only-binary", ":all:"]
        if not has_pyaudio(self.wheels):
            words += ["--no-binary", SOURCE_ALONE]
        self._run([*words, requirement], constraints)

    def _run(self, words: list[str], constraints: Path) -> None:
        command = [str(self.python), "-m", "pip", *words, "--quiet", "--disable-pip-version-check"]
        if self.wheels:
            command += ["--find-links", str(self.wheels)]
        if self.offline:
            command.append("--no-index")
        # Variables, since an option does not reach what builds a wheel. For that pip 25.3 has another name.
        pinned = {"PIP_CONSTRAINT": str(constraints), "PIP_BUILD_CONSTRAINT": str(constraints)}
        environment = {"TMPDIR": DISK, **os.environ, **pinned, "PIP_NO_INPUT": "1"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode:
            raise InstallError(
                f"pip {words[0]}: {_complaint(done.stderr)}; "
                "is there a network? or bring the wheels: --wheels DIR --offline"
            )


def has_pyaudio(wheels: Path | None) -> bool:
    """Whether somebody compiled it before."""
    return wheels is not None and any(wheels.glob("[Pp]y[Aa]udio-*.whl"))


def _complaint(said: str) -> str:
    """The last error that pip names, of the many lines in which it says so."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["it said nothing"])[-1].removeprefix("ERROR: ")
