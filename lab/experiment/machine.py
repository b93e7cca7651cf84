"""What an experiment ran on, and with which versions: to be written down beside what came of it."""

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version

from lab.experiment.records import Made


def overheard() -> str:
    """The version of this laboratory and its firmware."""
    try:
        return version("overheard")
    except PackageNotFoundError:  # a clone that was never installed
        return "unknown"


def machine(made: Made) -> dict[str, str]:
    """Return it, by what it is."""
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "versions": f"overheard {made.version}, Python {platform.python_version()}, {_mosquitto()}",
        "models": ", ".join(f"{name} {sha256[:12]}" for name, sha256 in sorted(made.models.items())),
    }


def _mosquitto() -> str:
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        return "no mosquitto (amqtt)"
    told = subprocess.run([program, "-h"], check=False, capture_output=True, text=True)
    return (told.stdout.splitlines() or ["mosquitto"])[0]
