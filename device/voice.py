"""What the speaker says: answers, earcons, timers that ring. It only plays; it knows nothing of the
microphone.
"""

from device.orders import Answer
from hardware.board import FRAME_SAMPLES, RATE_HZ, Loudspeaker
from hardware.earcons import earcon

_MOST_TIMERS = 32

_LEAST_SIGN = 0.3
"""No less is the volume of a sound that stands in for the light, whoever turned it down."""


class Voice:
    """The loudspeaker, its volume, and the timers that an answer may have set (in samples)."""

    def __init__(self, loudspeaker: Loudspeaker, volume: float) -> None:
        self._loudspeaker = loudspeaker
        self._volume = self._loudspeaker.volume = volume
        self._least = 0.0
        self._timers: list[int] = []

    @property
    def playing(self) -> bool:
        """Whether sound is coming out."""
        return self._loudspeaker.playing

    @property
    def next_timer(self) -> int | None:
        """The sample at which the next timer rings."""
        return min(self._timers, default=None)

    def chirp(self, name: str, least: float = 0.0) -> int:
        """Play an earcon; return after how many samples it is surely over, in whole frames."""
        pcm = earcon(name)
        if self.playing:
            least = max(least, self._least)  # what cuts a sign short takes its place
        self._play(pcm, least)
        over = len(pcm) // 2 + self._loudspeaker.late_samples
        return -(-over // FRAME_SAMPLES) * FRAME_SAMPLES

    def sign(self, name: str) -> int:
        """Play an earcon in place of the light: heard also where the volume was turned down to nothing."""
        return self.chirp(name, _LEAST_SIGN)

    def answer(self, answer: Answer, now: int) -> None:
        """Play an answer, or an earcon when it has no sound, and do what it asks."""
        for action in answer.actions:
            if action.do == "volume" and action.to is not None:
                self._turn_to(action.to)
            elif action.do == "timer" and action.after_s is not None and len(self._timers) < _MOST_TIMERS:
                self._timers.append(now + round(action.after_s * RATE_HZ))
            elif action.do == "stop":
                self._timers.clear()
        if answer.pcm:
            self._play(answer.pcm)
        else:
            self.chirp("done")

    def hush(self) -> None:
        """Be silent now."""
        self._loudspeaker.stop()

    def quieter(self, to: float) -> None:
        """Turn the volume down to `to`; a remote wish can't turn it up."""
        self._turn_to(min(self._volume, to))

    def _turn_to(self, volume: float) -> None:
        self._volume = volume
        self._loudspeaker.volume = max(volume, self._least)

    def _play(self, pcm: bytes, least: float = 0.0) -> None:
        """Play at the volume that was chosen, and at `least` so loud."""
        self._least = least
        self._turn_to(self._volume)
        self._loudspeaker.play(pcm)

    def ring(self, now: int) -> None:
        """Ring the timers that are due."""
        due = [timer for timer in self._timers if timer <= now]
        if due:
            self._timers = [timer for timer in self._timers if timer > now]
            self.chirp("timer")
