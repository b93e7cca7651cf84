"""The spoken answer: espeak-ng as a child process, where it is installed.

Without it, or when it breaks or hangs, the answer is text only and the speaker plays its earcon. What is said
reaches the child on its standard input, never on its command line, and no file is written.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import wave

import numpy as np
import numpy.typing as npt
import soxr

RATE_HZ = 16_000
LONGEST_S = 10
LIMIT_S = 5.0


def find_voice() -> str | None:
    """The program that speaks, or None when there is none on this machine."""
    return shutil.which("espeak-ng") or shutil.which("espeak")


def voice_line() -> str:
    """Which voice there is, for a person."""
    program = find_voice()
    return f"voice: {program}" if program else "no voice: answers are a tone (apt install espeak-ng)"


def say(text: str, program: str | None, limit_s: float = LIMIT_S) -> bytes:
    """Speak: s16le mono 16 kHz, at most 10 s; b"" when there is no voice, or it fails within `limit_s`."""
    if program is None or not text:
        return b""
    try:
        spoken = subprocess.run(
            [program, "-v", "en-us", "--stdin", "--stdout"],
            input=text.encode(),
            capture_output=True,
            timeout=limit_s,
            check=True,
        )
        samples, rate_hz = _read(spoken.stdout)
    except (OSError, EOFError, ValueError, subprocess.SubprocessError, wave.Error):
        return b""
    heard = soxr.resample(samples, rate_hz, RATE_HZ)[: LONGEST_S * RATE_HZ]
    pcm: bytes = (np.clip(heard, -1, 1) * 32767).astype("<i2").tobytes()
    return pcm


def _read(wav: bytes) -> tuple[npt.NDArray[np.float32], int]:
    """The first channel of a WAV of 16 bits, and its rate. Not by soundfile, which makes code at run time to
    read from memory: the cloud's unit forbids that. Raises wave.Error, EOFError, ValueError.
    """
    with wave.open(io.BytesIO(wav)) as file:
        frames = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        samples: npt.NDArray[np.float32] = frames[:: file.getnchannels()].astype(np.float32)
        return samples / np.float32(32768), file.getframerate()
