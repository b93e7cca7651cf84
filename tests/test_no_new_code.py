"""Both ends where no memory may be written and run, as their units have it (MemoryDenyWriteExecute=): in a
process that the kernel keeps from it by itself.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
REFUSE = "import ctypes; assert ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) == 0, 'PR_SET_MDWE'\n"


def said_by(code: str) -> str:
    command = [sys.executable, "-c", REFUSE + code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)
    if "PR_SET_MDWE" in done.stderr:
        pytest.skip("this kernel has no PR_SET_MDWE: it came with Linux 6.3")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_wall_is_seen() -> None:
    assert said_by("from device.protections import WALLS; print(WALLS['no-new-code']())") == "True"


def test_a_library_that_makes_code_is_found() -> None:
    """Reading a sound from memory, soundfile does: so the cloud's voice does it without."""
    code = (
        "import io, soundfile\n"
        "try: soundfile.read(io.BytesIO(open('lab/scenarios/audio/alexa.flac', 'rb').read()))\n"
        "except MemoryError: print('made code')"
    )
    assert said_by(code) == "made code"


def test_the_cloud_hears_and_speaks() -> None:
    if not said_by("from cloud_stub.hearing.voice import find_voice; print(find_voice() or '')"):
        pytest.skip("espeak-ng is not installed")
    code = (
        "import numpy, soundfile\n"
        "from cloud_stub.hearing import open_mind\n"
        "sound, _ = soundfile.read('lab/scenarios/audio/time.flac', dtype='int16')\n"
        "answer = open_mind().answer(sound.tobytes())\n"
        "print(answer.intent, len(answer.pcm) > 16000)"
    )
    assert said_by(code) == "time True"


def test_the_speaker_wakes() -> None:
    code = (
        "from device.assemble import configured_ears\n"
        "from device.config import load\n"
        "from hardware.sim import SimBoard\n"
        "board = SimBoard(); board.room.say('lab/scenarios/audio/alexa_time.flac', 16000)\n"
        "board.microphone.open()\n"
        "ears, _ = configured_ears(load(None))\n"
        "heard = [ears.hear(f.pcm, f.index + 320) for f in (board.microphone.read() for _ in range(250))]\n"
        "print([each.word for each in heard if hasattr(each, 'word')])"
    )
    assert said_by(code) == "['alexa']"
