"""The child that speaks: it plays what it is sent over a socket and says when that is over.

It has the sound card only while it plays. A message is one JSON object; a sound comes beside it, in a file
that is only memory.
"""

import json
import os
import select
import socket
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

from hardware.board import RATE_HZ
from hardware.errors import HardwareError
from hardware.pi.devices import FRAME_HZ, Callback, Opened, Sound
from hardware.pi.inside import begin, take_over

MOST_BYTES = 1024
_LOOK_MS = 10
_END_S = 0.2
"""Silence after a sound, longer than a card's ring: PortAudio drops what is in it when a stream is over."""


class Voice:
    """One sound at a time on one card."""

    def __init__(self, sound: Sound, ask: dict[str, Any]) -> None:
        self._sound, self._ask = sound, ask
        self._opened: Opened | None = None
        self.volume = 1.0

    @property
    def speaking(self) -> bool:
        """Whether sound is coming out."""
        return self._opened is not None and self._opened.stream.is_active()

    def play(self, pcm: npt.NDArray[np.int16]) -> None:
        """Play from now on, instead of whatever plays. Raises HardwareError if there is no card for it."""
        self.stop()
        self._opened = self._sound.open(self._ask, lambda *form: self._callback(pcm, *form))
        self._opened.stream.start_stream()

    def stop(self) -> None:
        """Be silent, and let go of the card; what waits in it is dropped."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.stream.close()

    def _callback(self, pcm: npt.NDArray[np.int16], rate_hz: int, channels: int) -> Callback:
        if rate_hz != RATE_HZ:
            pcm = soxr.resample(pcm, RATE_HZ, rate_hz)
        pcm = np.pad(pcm, (0, round(_END_S * rate_hz)))
        pieces = _pieces(pcm, rate_hz // FRAME_HZ)
        go_on, over = self._sound.library.paContinue, self._sound.library.paComplete

        def give(_sound: bytes | None, samples: int, _times: object, _status: int) -> tuple[bytes, int]:
            piece = next(pieces, None)
            if piece is None:
                return bytes(2 * channels * samples), over
            louder = np.rint(piece * np.float32(self.volume)).astype("<i2")
            return np.repeat(louder, channels).tobytes(), go_on

        return give


def _pieces(pcm: npt.NDArray[np.int16], samples: int) -> Iterator[npt.NDArray[np.int16]]:
    """The sound in pieces of a length, and a last one filled up with zeros."""
    for first in range(0, len(pcm), samples):
        piece = pcm[first : first + samples]
        yield np.pad(piece, (0, samples - len(piece)))


def _serve(wire: socket.socket, voice: Voice) -> None:
    """Do what is sent; tell the number of each sound that is over."""
    number: int | None = None
    incoming = select.poll()
    incoming.register(wire, select.POLLIN)
    while True:
        if number is not None and not voice.speaking:
            voice.stop()
            wire.send(json.dumps({"over": number}).encode())
            number = None
        if not incoming.poll(_LOOK_MS if number is not None else None):
            continue
        message, files, _, _ = socket.recv_fds(wire, MOST_BYTES, 1)
        if not message:
            return
        order = json.loads(message)
        voice.volume = order.get("volume", voice.volume)
        if files:
            voice.play(_read(files[0]))
            number = order["number"]
        elif "stop" in order:
            voice.stop()
            number = None


def _read(file: int) -> npt.NDArray[np.int16]:
    with os.fdopen(file, "rb") as sound:
        sound.seek(0)
        return np.frombuffer(sound.read(), "<i2")


def main() -> None:
    """Play until killed, or until nobody sends any more; a card that is not there ends it."""
    take_over(sys.stdout.fileno())
    wire = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    ask = begin(sys.argv[1:])
    try:
        _serve(wire, Voice(Sound(capture=False), ask))
    except (HardwareError, OSError) as error:
        wire.send(json.dumps({"error": str(error)[:300]}).encode())
    os._exit(1)


if __name__ == "__main__":
    main()
