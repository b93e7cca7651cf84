"""Whether a frame is speech. One method; the answer is all that `endpoint` ever learns of the audio."""

import webrtcvad

from hardware.board import RATE_HZ


class Vad:
    """webrtcvad at one aggressiveness: 0 takes most for speech, 3 least."""

    def __init__(self, aggressiveness: int) -> None:
        self._vad = webrtcvad.Vad(aggressiveness)

    def is_speech(self, pcm: bytes) -> bool:
        """Judge one frame of 20 ms, s16le mono 16 kHz."""
        return bool(self._vad.is_speech(pcm, RATE_HZ))
