"""One hearing of one file, from its first piece to what is known of it.

A file is heard piece by piece; only for a room around it is it held whole. Writes nothing but clips, and
those only if the study keeps them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from device.config import load
from device.wakeword import Sensitivity
from hardware.board import RATE_HZ
from lab.hear import AudioError, pieces
from lab.study import clips, transcripts
from lab.study.errors import readable
from lab.study.files import Sound
from lab.study.listen import Listener, Proposal, open_patient
from lab.study.records import AS_IT_IS, Heard, Item, Settings
from lab.study.rounds import Round

Samples = npt.NDArray[np.float32]
Room = Callable[[str, Samples], Samples]
"""What a condition does to a file: its path under the folder, to seed chance by, and its samples, 16 kHz mono
from -1 to 1, give what a microphone hears. It crosses to other processes: a function or frozen dataclass."""

NO_ROOMS: Mapping[str, Room] = MappingProxyType({})

Key = tuple[str, int, str]


class Work(NamedTuple):
    """A hearing to be done."""

    sound: Sound
    round: int
    condition: str

    @property
    def key(self) -> Key:
        """How it is told from others: file, round, condition."""
        return self.sound.file, self.round, self.condition


class Finished(msgspec.Struct, frozen=True):
    """A hearing that is done: one line of results."""

    item: Item
    heard: tuple[Heard, ...] = ()

    @property
    def key(self) -> Key:
        """How it is told from others: file, round, condition."""
        return self.item.file, self.item.round, self.item.condition


class Setup(NamedTuple):
    """What every hearing of a study needs."""

    settings: Settings
    words: tuple[str, ...]
    """As they were asked for: names, or paths of manifests."""
    sensitivity: Sensitivity
    heads: tuple[Path, ...]
    """Files that stand in for the second ear's heads that ship."""
    out: Path
    rooms: dict[str, Room]
    """Further conditions, by name."""


class Station:
    """Does one hearing after the other, with ears that are opened once."""

    def __init__(self, setup: Setup) -> None:
        """Open the ears. Raises ModelError."""
        self._setup = setup
        self._keep = setup.settings.keep_clips
        ears = open_patient(setup.words, setup.sensitivity, setup.heads)
        self._listener = Listener(ears, load(None).endpoint, keep=self._keep)

    def hear(self, work: Work, tick: Callable[[float], None]) -> Finished:
        """Hear a file; what is wrong with it stands in the item. `tick` is given seconds of audio as they go.

        Raises OSError: a clip cannot be written.
        """
        sound, played = work.sound, Round(work.round, work.sound.file)
        source = _Source(work, self._setup.rooms, tick)
        transcript = source.transcript()
        heard = []
        for proposal in self._listener.hear(played.play(source.pieces())):
            at_s = max(0.0, (proposal.wake.sample - played.lead_samples) / RATE_HZ)
            said = transcript.near(at_s) if transcript is not None else None
            clip = clips.write(self._setup.out, work.key, at_s, proposal.pcm) if self._keep else None
            heard.append(_heard(work, proposal, at_s, said, clip))
        words = transcript.words if transcript is not None else None
        item = Item(
            *work.key, round(source.seconds, 3), words, sound.label, sound.group, source.error
        )  # fmt: skip
        return Finished(item, tuple(heard))


def _heard(work: Work, proposal: Proposal, at_s: float, said: str | None, clip: str | None) -> Heard:
    wake, opinion = proposal.wake, proposal.opinion
    decided = opinion.sample if opinion is not None else wake.sample
    return Heard(
        *work.key,
        word=wake.word,
        at_s=round(at_s, 3),
        decided_s=round(at_s + (decided - wake.sample) / RATE_HZ, 3),
        first=round(wake.score, 4),
        second=round(opinion.score, 5) if opinion is not None else None,
        accepted=proposal.accepted,
        sent_s=proposal.samples / RATE_HZ,
        said=said or None,
        positive=work.sound.label == wake.word,
        clip=clip,
    )


class _Source:
    """A file as far as it can be heard: an error ends it, and is remembered."""

    def __init__(self, work: Work, rooms: Mapping[str, Room], tick: Callable[[float], None]) -> None:
        self._sound = work.sound
        self._room = rooms[work.condition] if work.condition != AS_IT_IS else None
        self._tick = tick
        self.seconds = 0.0
        self.error: str | None = None

    def pieces(self) -> Iterator[bytes]:
        """Yield s16le mono 16 kHz, in the room if there is one."""
        played = pieces(self._sound.path)
        try:
            for piece in played if self._room is None else self._in_a_room(self._room, played):
                seconds = len(piece) / 2 / RATE_HZ
                self.seconds += seconds
                yield piece
                self._tick(seconds)
        except AudioError as error:
            self.error = readable(str(error))

    def transcript(self) -> transcripts.Transcript | None:
        """Return what is said in it. A transcript that cannot be read is an error: its words count."""
        try:
            return transcripts.read(self._sound)
        except OSError as error:
            self.error = readable(f"{error.filename}: {error.strerror}; make it readable, or take it away")
            return None

    def _in_a_room(self, room: Room, played: Iterable[bytes]) -> Iterator[bytes]:
        dry = np.frombuffer(b"".join(played), "<i2").astype(np.float32) / np.float32(32768)
        wet = room(self._sound.file, dry)
        yield (wet * 32768).round().clip(-32768, 32767).astype("<i2").tobytes()
