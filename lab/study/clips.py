"""What would have been sent, as WAV files: voices of people, so only when asked for, and for no one else."""

import hashlib
import io
import os
import re
from pathlib import Path, PurePosixPath

import numpy as np
import soundfile

from hardware.board import RATE_HZ

CLIPS = "clips"

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def write(out: Path, key: tuple[str, int, str], at_s: float, pcm: bytes) -> str | None:
    """Write a clip, s16le; return its name relative to `out`, or None if nothing would have been sent.

    The same hearing has the same names, so that one that is done again leaves no second clip.
    """
    if not pcm:
        return None
    folder = out / CLIPS
    folder.mkdir(mode=0o700, exist_ok=True)
    name = _name(key, at_s)
    with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(_wav(pcm))
    return f"{CLIPS}/{name}"


def _name(key: tuple[str, int, str], at_s: float) -> str:
    """Name a clip so that it can be found by eye, and no two are the same."""
    file, number, _ = key
    stem = _UNSAFE.sub("_", PurePosixPath(file).with_suffix("").as_posix())[-80:].lstrip("._-")
    mark = hashlib.sha256("\n".join(map(str, key)).encode()).hexdigest()[:8]
    return f"{stem}-{mark}-round{number}-{round(at_s * 1000)}ms.wav"


def _wav(pcm: bytes) -> bytes:
    held = io.BytesIO()
    soundfile.write(held, np.frombuffer(pcm, "<i2"), RATE_HZ, subtype="PCM_16", format="WAV")
    return held.getvalue()
