"""When an utterance is over. Counts samples; knows no clock and never sees audio, only whether a frame is
speech.
"""

from device.session import Event

CEILING_S = 30.0
"""No setting can make an utterance longer than this (promise 7)."""


class Limits:
    """The four limits of end-pointing, in samples.

    speech_start: how much speech makes a beginning; silence: how much quiet after it makes an end;
    no_speech: how long to wait for a beginning; maximum: how long an utterance may be at all.
    """

    def __init__(self, speech_start: int, silence: int, no_speech: int, maximum: int) -> None:
        self.speech_start = speech_start
        self.silence = silence
        self.no_speech = no_speech
        self.maximum = maximum


class Endpoint:
    """Counts one utterance, frame by frame, from its first sample to the event that ends it."""

    def __init__(self, limits: Limits, *, by_hand: bool = False) -> None:
        """Start counting; `by_hand` (press and hold to talk) leaves the end to the hand and the maximum."""
        self._limits = limits
        self._by_hand = by_hand
        self._heard = 0
        self._speech = 0
        self._quiet = 0
        self.started = False

    def fits(self, samples: int) -> bool:
        """Whether so many more do not make it longer than it may be."""
        return self._heard + samples <= self._limits.maximum

    def hear(self, is_speech: bool, samples: int) -> Event | None:
        """Count a frame of `samples` samples; return SILENCE, NO_SPEECH or MAX_DURATION when it is over.

        It is over when another like it would make it too long. What the microphone lost counts as no speech,
        and does not end it by itself: the next frame does.
        """
        self._heard += samples
        self._count(is_speech, samples)
        if not self.fits(samples):
            return Event.MAX_DURATION
        if self._by_hand:
            return None
        if self.started:
            return Event.SILENCE if self._quiet >= self._limits.silence else None
        return Event.NO_SPEECH if self._heard >= self._limits.no_speech else None

    def _count(self, is_speech: bool, samples: int) -> None:
        if is_speech:
            self._speech += samples
            self._quiet = 0
        else:
            # A click is not the beginning of speech: what was gained is lost again in silence.
            self._speech = max(0, self._speech - samples)
            self._quiet += samples
        if self._speech >= self._limits.speech_start:
            self.started = True
