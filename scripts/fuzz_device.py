"""The firmware on the simulated board as a process of its own: what it does comes out as one line
of JSON each, and what hands do comes in as one word a line. `fuzz_downlink` starts it.

It is the real firmware; what is told of it beside its own words (frames read, volume, light) is the board's.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from device.assemble import assemble
from device.config import load
from device.speaker import Speaker
from hardware.board import RATE_HZ
from hardware.sim import SimBoard

PACE = 20.0
"""Times real time: 1000 frames a second, so that an idle loop looks at its inbox every millisecond."""

_REST_SAMPLES = RATE_HZ // 5

BARRIER = "f" * 16
"""An acknowledgement of an utterance whose id begins so marks a place in the stream of messages."""

_SEEN = frozenset({"phase", "mute", "trigger", "utterance", "answer", "refused", "rejected", "link"})


class Told:
    """Prints what happens, with what the board says at that moment."""

    def __init__(self, board: SimBoard) -> None:
        self._board = board
        self.speaker: Speaker | None = None
        board.panel.listener = lambda _sample, cue, _rgb: self.say("light", cue=cue)

    def __call__(self, kind: str, _sample: int, /, **fields: object) -> None:
        """Take note, as a witness does."""
        if kind == "publish":
            self.say(kind, what=fields["what"])
        elif kind == "ack" and str(fields["id"]).startswith(BARRIER):
            self.say("barrier", id=fields["id"], **self._counts())
        elif kind in _SEEN or (kind == "ack" and fields["state"] == "complete"):
            self.say(kind, **fields)

    def say(self, event: str, /, **fields: object) -> None:
        """Print one event."""
        board = self._board
        seen = {"frames": board.microphone.frames_read, "volume": board.loudspeaker.volume}
        print(json.dumps({"event": event, **fields, **seen}), flush=True)

    def _counts(self) -> dict[str, object]:
        assert self.speaker is not None
        line = self.speaker.parts.line
        return {"refused": dict(line.refused), "lost": line.dropped}


class Hands:
    """Does what the words on standard input say, between two frames."""

    def __init__(self, board: SimBoard, told: Told) -> None:
        self._board = board
        self._told = told
        self._words: queue.SimpleQueue[str] = queue.SimpleQueue()
        board.gate = self._look
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin:
            self._words.put(line.strip())
        self._words.put("stop")

    def _look(self, _sample: int) -> None:
        while not self._words.empty():
            word, _, what = self._words.get().partition(" ")
            self._told.say("hand", do=word)
            self._do(word, what)

    def _do(self, word: str, what: str) -> None:
        board = self._board
        match word:
            case "tap":
                board.tap()
            case "mute":
                board.mute_on()
            case "unmute":
                board.mute_on()  # a switch that was live must go there and back, and rest there
                board.at(board.now + _REST_SAMPLES, board.mute_off)
            case "say":
                board.room.say(Path(what), board.now)
            case "stop":
                assert self._told.speaker is not None
                self._told.speaker.stopping = True


def run(settings: Path, change: Callable[[Speaker], None] = lambda _speaker: None) -> None:
    """Run until told to stop. `change` is for a test that gives it a rogue part."""
    board = SimBoard(pace=PACE, echo_db=None)
    told = Told(board)
    speaker = told.speaker = assemble(load(settings), board, told)
    change(speaker)
    Hands(board, told)
    told.say("device", name=speaker.parts.device)
    speaker.run()
    told.say("over")


if __name__ == "__main__":
    run(Path(sys.argv[1]))
