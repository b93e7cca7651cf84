"""Compiles card.c, once for every text of it, into the environment that the tests run in."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_name("card.c")
UNPACKED = Path(sys.prefix) / "portaudio/usr"  # where scripts/setup_audio puts what the system has not


def missing() -> str | None:
    """Why nothing can be heard through ALSA here, in one line; None if it can."""
    if importlib.util.find_spec("pyaudio") is None:
        return "ALSA: no PyAudio in this environment; scripts/setup_audio says what it needs"
    if shutil.which("gcc") is None or not any((root / "include/alsa").is_dir() for root in _roots()):
        return "ALSA: no gcc, or not the headers of ALSA; install gcc and libasound2-dev"
    return None


def plug_in() -> Path:
    """The compiled plug-in."""
    text = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    built = Path(sys.prefix) / f"overheard-alsa/{text}.so"
    if not built.exists():
        built.parent.mkdir(exist_ok=True)
        half = built.with_suffix(f".{os.getpid()}")
        subprocess.run([*_command(), "-o", half], check=True, timeout=60)
        half.replace(built)  # others compile it at the same time
    return built


def _roots() -> list[Path]:
    return [UNPACKED, Path("/usr")]


def _command() -> list[str]:
    places = [f"-I{UNPACKED}/include", *(f"-L{folder}" for folder in (UNPACKED / "lib").glob("*-linux-*"))]
    flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC", "-DPIC"]
    return ["gcc", *flags, *(places if UNPACKED.is_dir() else []), str(SOURCE), "-lasound", "-lm"]
