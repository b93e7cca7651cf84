"""A broker and a cloud on this machine for a speaker that runs elsewhere on it, and what came of it.

What passed the broker is written down as it came, and opened with the owner's key alone. It reads nothing
that the speaker keeps.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
import soundfile

from cloud_stub import config as cloud_config
from cloud_stub.broker import open_broker
from cloud_stub.cloud import Cloud
from cloud_stub.door import Words
from cloud_stub.hearing import open_mind
from cloud_stub.whose import Whose
from device.envelope import ReaderKey, Utterance
from device.envelope.gaps import Gap
from device.wakeword import Opinion, Wake, open_ears
from hardware.board import FRAME_BYTES, FRAME_SAMPLES, RATE_HZ
from lab import opening
from lab.tap import Tap

WORD = "alexa"
PAUSE_S = 6.0  # before the word: time to connect, so that there is a line to be answered on
NEAR_SAMPLES = 3 * FRAME_SAMPLES
AFTER_GAP_SAMPLES = RATE_HZ // 2
NEAR_SCORE = 0.05
"""How far scores may be apart: emulated and real arithmetic round differently, and so does each machine."""


class SceneError(Exception):
    """What came of it is not what it should be."""


class Scene:
    """A real broker and a real cloud; `with` lets neither run on. `answered` is set once something was."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.answered = threading.Event()
        self.words = ""
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            self._tap = Tap(self.directory)
            opened.callback(self._tap.close)
            self.broker = opened.enter_context(open_broker("auto", 0, self.directory / "broker"))
            settings = self.directory / "cloud.toml"
            settings.write_text('[storage]\ndirectory = "cloud"\n', encoding="utf-8")
            address = ("127.0.0.1", self.broker.port)
            self.cloud = Cloud(cloud_config.load(settings), address, open_mind(), watch=self)
            self.cloud.start()
            opened.callback(self.cloud.stop)
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def settings(self, state: str, note: str, board: Mapping[str, object], owner: str) -> str:
        """Settings (TOML) of a speaker that calls this broker, and whose owner may read; `note` is where its
        keys note is.
        """
        sections: dict[str, Mapping[str, object]] = {
            "device": {"state_dir": state},
            "board": board,
            "privacy": {"owner_reader": owner},
            "cloud": {"root": self.cloud.keys.vkey, "keys": note, "answer_s": 60.0},
            "uplink": {"port": self.broker.port, "backoff_min_s": 0.05, "backoff_max_s": 0.2},
        }
        lines = [
            f"{part}.{name} = {json.dumps(value)}"
            for part in sections
            for name, value in sections[part].items()
        ]
        return "\n".join(lines) + "\n"

    def note(self) -> str:
        """The cloud's keys for today, as a new device is given them."""
        return self.cloud.keys.note(datetime.now(UTC))

    def arrived(self, topic: str, payload: bytes) -> None:
        """Write down what came through the broker."""
        self._tap.write(topic, payload)

    def heard(self, _whose: Whose, words: Words) -> None:
        """Remember what the cloud made of it."""
        self.words = words.heard
        self.answered.set()


def listen(command: Sequence[str], log: Path, patience_s: float) -> list[str]:
    """Run a speaker until it says that it was answered, then end it with SIGTERM; return what it said.

    Raises:
        SceneError: it was not answered in time, ended by itself, or not with 0.
    """
    said: list[str] = []
    answered = threading.Event()
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=subprocess.STDOUT, text=True
    ) as it:
        assert it.stdout is not None

        def follow(lines: Iterable[str]) -> None:
            for line in lines:
                said.append(line.rstrip())
                if "answered" in line:
                    answered.set()
            answered.set()  # or it has ended

        reader = threading.Thread(target=follow, args=(it.stdout,))
        reader.start()
        try:
            in_time = answered.wait(patience_s)
            it.terminate()
            code = it.wait(patience_s)
        finally:
            it.kill()
            reader.join()
            with log.open("a", encoding="utf-8") as file:
                file.write("\n".join([f"$ {' '.join(command)}", *said, ""]))
    if not in_time or code != 0 or not any("answered" in line for line in said):
        last = said[-1] if said else "nothing"
        raise SceneError(
            f"it was not answered within {patience_s:.0f} s, exit code {code}; it said last: {last}"
        )
    return said


def room(recording: Path) -> bytes:
    """What sounds: a pause, then the recording."""
    sound, rate = soundfile.read(recording, dtype="int16")
    if rate != RATE_HZ or sound.ndim != 1:
        raise SceneError(f"{recording}: not 16 kHz mono, so that nothing can be compared bit by bit")
    return np.concatenate([np.zeros(round(PAUSE_S * RATE_HZ), np.int16), sound]).astype("<i2").tobytes()


class Opened(NamedTuple):
    """The one utterance that came, and how near the ears of this machine are to the speaker's."""

    utterance: Utterance
    score_here: float
    samples_apart: int


def open_it(directory: Path, key: ReaderKey, sounded: bytes) -> Opened:
    """Open what passed the broker with the owner's key, and compare it with the room bit by bit.

    Raises:
        SceneError: it is not one whole utterance, not what sounded, or far from what is heard here.
    """
    utterances = opening.open_all(directory, key)
    if len(utterances) != 1:
        raise SceneError(f"{directory}: {len(utterances)} whole utterances came, not one")
    (utterance,) = utterances
    same_as_the_room(utterance.pcm, utterance.gaps, utterance.header.first_sample, sounded)
    here = heard_here(sounded)
    trigger = utterance.header.trigger
    apart = utterance.header.first_sample - here.wake.sample
    if abs((trigger.score or 0.0) - here.wake.score) > NEAR_SCORE or abs(apart) > NEAR_SAMPLES:
        raise SceneError(
            f"it woke at sample {utterance.header.first_sample} with {trigger.score}, "
            f"the ears of this machine at {here.wake.sample} with {here.wake.score:.4f}"
        )
    return Opened(utterance, here.wake.score, apart)


def same_as_the_room(pcm: bytes, gaps: Sequence[Gap], first_sample: int, sounded: bytes) -> None:
    """Raise SceneError unless it is the room's sound from that sample on, to the bit; it ends in silence.

    What follows a marked gap must be the room's, too, where its samples say, or near it: a sound card does not
    say how much it lost.
    """
    sounded = sounded.ljust(2 * first_sample + len(pcm) + 2 * AFTER_GAP_SAMPLES, b"\0")
    begins = [0, *(gap.end for gap in gaps)]
    for begin, end in zip(begins, [*(gap.first for gap in gaps), len(pcm) // 2], strict=True):
        stretch, place = pcm[2 * begin : 2 * end], first_sample + begin
        off = AFTER_GAP_SAMPLES if begin else 0
        found = sounded.find(stretch, 2 * max(0, place - off), 2 * (place + off) + len(stretch))
        if stretch and (found < 0 or found % 2):
            raise SceneError(
                f"what was opened, from its sample {begin} on, is not the room's from {place} on"
            )


def heard_here(pcm: bytes) -> Opinion:
    """What the ears of this machine say of the first wake. Raises SceneError if there is none."""
    ears = open_ears([WORD])
    for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES):
        said: Wake | Opinion | None = ears.hear(pcm[at : at + FRAME_BYTES], (at + FRAME_BYTES) // 2)
        if isinstance(said, Opinion) and said.accepted:
            return said
    raise SceneError(f"the ears of this machine hear no {WORD!r} in it")
