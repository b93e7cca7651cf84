"""What the speaker says: answers, earcons, timers that ring. It only plays; it knows nothing of the
microphone.
"""

from device.orders import Answer
from hardware.board import FRAME_SAMPLES, RATE_HZ, Loudspeaker
from hardware.earcons import earcon

_MOST_TIMERS = 32


class Voice:
    """The loudspeaker, its volume, and the timers that an answer may have set (in samples)."""

    def __init__(self, loudspeaker: Loudspeaker, volume: float) -> None:
        self._loudspeaker = loudspeaker
        self._loudspeaker.volume = volume
        self._timers: list[int] = []

    @property
    def playing(self) -> bool:
        """Whether sound is coming out."""
        return self._loudspeaker.playing

    @property
    def next_timer(self) -> int | None:
        """The sample at which the next timer rings."""
        return min(self._timers, default=None)

    def chirp(self, name: str) -> int:
        """Play an earcon; return after how many samples it is surely over, in whole frames."""
        pcm = earcon(name)
        self._loudspeaker.play(pcm)
        over = len(pcm) // 2 + self._loudspeaker.late_samples
        return -(-over // FRAME_SAMPLES) * FRAME_SAMPLES

    def answer(self, answer: Answer, now: int) -> None:
        """Play an answer, or an earcon when it has no sound, and do what it asks."""
        for action in answer.actions:
            if action.do == "volume" and action.to is not None:
                self._loudspeaker.volume = action.to
            elif action.do == "timer" and action.after_s is not None and len(self._timers) < _MOST_TIMERS:
                self._timers.append(now + round(action.after_s * RATE_HZ))
            elif action.do == "stop":
                self._timers.clear()
        if answer.pcm:
            self._loudspeaker.play(answer.pcm)
        else:
            self.chirp("done")

    def hush(self) -> None:
        """Be silent now."""
        self._loudspeaker.stop()

    def quieter(self, to: float) -> None:
        """Turn the volume down to `to`; a remote wish can't turn it up."""
        self._loudspeaker.volume = min(self._loudspeaker.volume, to)

    def ring(self, now: int) -> None:
        """Ring the timers that are due."""
        due = [timer for timer in self._timers if timer <= now]
        if due:
            self._timers = [timer for timer in self._timers if timer > now]
            self.chirp("timer")
