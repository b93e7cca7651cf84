"""The home around a speaker: people talk, noises go on, time passes.

Time is counted in samples, so a minute of quiet takes a second or two. It never sleeps.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hardware.board import RATE_HZ
from hardware.sound import FileSound
from lab.kit.errors import KitError
from lab.kit.speaker import SimSpeaker

SOUNDS = Path(__file__).parents[1] / "scenarios" / "audio"
"""The sounds that ship: synthetic voices; README.md beside them lists them."""

PHASES = ("idle", "verifying", "listening", "processing", "responding", "muted")
_NEVER_CLIPS = 32_767.0


class Home:
    """The room that a speaker of a test stands in."""

    def __init__(self, speaker: SimSpeaker) -> None:
        self._speaker = speaker
        self._conditions: dict[str, Callable[[], bool]] = {
            **{phase: self._in_phase(phase) for phase in PHASES},
            "online": lambda: speaker.online,
            "offline": lambda: not speaker.online,
            "acknowledged": lambda: bool(speaker.acknowledged) and not speaker.waiting,
        }

    @property
    def now_s(self) -> float:
        """How many seconds have passed in this home."""
        return self._speaker.now / RATE_HZ

    def say(
        self, sound: str | Path, *, distance_m: float | None = None, gain_db: float = 0.0, seed: int = 0
    ) -> None:
        """Say something, and let time pass until it has been said.

        sound: a WAV or FLAC file, or the name of one of the `SOUNDS` that ship. distance_m: in a living room,
        heard by a beamformer; None is as recorded, close by. `seed` chooses where in the room.

        Raises:
            KitError: there is no such sound. SoundError, RoomError: it cannot be played, or not from there.
            NotInstalled: a distance needs pyroomacoustics, which the extra `study` has.
        """
        path = find_sound(sound)
        heard = path if distance_m is None else _from_afar(path, distance_m, seed)
        room = self._speaker.board.room
        end = room.say(heard, self._speaker.board.now, gain_db)
        self.quiet((end - self._speaker.board.now) / RATE_HZ)

    def noise(self, sound: str | Path, *, gain_db: float = 0.0) -> None:
        """Let a sound go on, over and over, until the speaker is restarted; no time passes."""
        self._speaker.board.room.say(find_sound(sound), self._speaker.board.now, gain_db, loop=True)

    def quiet(self, seconds: float) -> None:
        """Let so much time pass in which nobody says anything new."""
        self._speaker.pass_time(seconds)

    def until(self, condition: str | Callable[[], object], within_s: float = 30.0) -> None:
        """Let time pass until a condition holds.

        condition: a phase; `online`, `offline`; `acknowledged` (something has been, since the home began, and
        nothing waits any more); or anything to call, asked before every frame.

        Raises:
            NotSeen: it did not within so many seconds of sample time. KitError: there is no such condition.
        """
        if callable(condition):
            asked: Callable[[], object] = condition
            name = getattr(condition, "__name__", "what was waited for")
            self._speaker.until(lambda: bool(asked()), name, within_s)
        elif condition in self._conditions:
            self._speaker.until(self._conditions[condition], condition, within_s)
        else:
            raise KitError(f"until {condition!r}: no such condition; one of {', '.join(self._conditions)}")

    def _in_phase(self, phase: str) -> Callable[[], bool]:
        return lambda: self._speaker.phase == phase


def find_sound(sound: str | Path) -> Path:
    """Return where a sound is: the file of that name, or the one that ships. Raises KitError for neither."""
    for path in (Path(sound), SOUNDS / sound):
        if path.is_file():
            return path
    there = ", ".join(sorted(path.name for path in SOUNDS.glob("*.flac")))
    raise KitError(f"{sound}: no such file, nor a sound that ships; give a path, or one of {there}")


def _from_afar(path: Path, distance_m: float, seed: int) -> npt.NDArray[Any]:
    """What the speaker hears of a recording that is played so far away in a living room."""
    from hardware.room import beam, render, responses

    responses.check()
    clean = np.concatenate(list(FileSound(path).pieces()))
    clean = np.concatenate([clean, np.zeros(RATE_HZ // 2, np.float32)])  # the room goes on after the word
    heard = beam.delay_and_sum(render.render(clean, render.living_room(distance_m, seed)))
    loudest = max(float(np.abs(heard).max()), _NEVER_CLIPS)
    steps: npt.NDArray[np.int16] = np.rint(heard * (_NEVER_CLIPS / loudest)).astype(np.int16)
    return steps
