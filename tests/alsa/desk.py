"""A microphone and a loudspeaker of `card.c`: what they hear, what they played, and what breaks them."""

import fcntl
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.alsa.build import missing, plug_in

Samples = NDArray[np.int16]

NULL = "pcm.!default { type null }\n"  # PortAudio aborts the process where there is no default

PAGE = struct.Struct("=4I2Q")  # struct page of card.c: unplugs, fault, lose, overruns, position, opened
UNPLUGS, FAULT, LOSE, OVERRUNS, POSITION, OPENED = 0, 4, 8, 12, 16, 24
FAULTS = ("none", "wedged", "silent", "constant", "humming", "clipped")  # enum fault of card.c

needs_alsa = pytest.mark.skipif(missing() is not None, reason=str(missing()))


class Pace(NamedTuple):
    """How fast sound comes, and whether the card waits for a process that the machine is too busy for."""

    speed: float = 1.0
    patient: bool = True


class Card:
    """A microphone that gives what is on its tape, or a loudspeaker that leaves there what it played."""

    def __init__(self, folder: Path, name: str, role: str, channels: int, pace: Pace) -> None:
        self.name = name
        self.channels = channels
        self._role, self._pace = role, pace
        self._tape = folder / f"{name}.s16"
        self._tape.touch()
        self._page_file = folder / f"{name}.page"
        self._page_file.write_bytes(bytes(PAGE.size))
        with self._page_file.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), PAGE.size)

    @property
    def definition(self) -> str:
        """The card, in the words of an ALSA configuration."""
        return (
            f'pcm.{self.name} {{ type overheard page "{self._page_file}" tape "{self._tape}" '
            f'role "{self._role}" channels {self.channels} '
            f"speed {float(self._pace.speed)} patient {self._pace.patient:d} }}\n"
        )

    @property
    def tape(self) -> Samples:
        """What is to be heard, or was played: one row a frame."""
        return np.fromfile(self._tape, "<i2").reshape(-1, self.channels)

    @tape.setter
    def tape(self, samples: Samples) -> None:
        self._tape.write_bytes(samples.astype("<i2").tobytes())

    @property
    def position(self) -> int:
        """The frame of the tape after the last given, or sounded. Settable while nobody uses it."""
        return self._get("=Q", POSITION)

    @position.setter
    def position(self, frame: int) -> None:
        struct.pack_into("=Q", self._page, POSITION, frame)

    @property
    def overruns(self) -> int:
        """How many times samples were lost."""
        return self._get("=I", OVERRUNS)

    @property
    def opened(self) -> int:
        """How many times any process has opened it, if only to ask what it can do."""
        return self._get("=Q", OPENED)

    @property
    def in_use(self) -> bool:
        """Whether any process has it open: the kernel says so, whatever that process says."""
        with self._page_file.open("r+b") as file:
            asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            answer = fcntl.fcntl(file, fcntl.F_OFD_GETLK, asked)
        return struct.unpack("hhqqi4x", answer)[0] != fcntl.F_UNLCK

    @contextmanager
    def held(self) -> Iterator[None]:
        """Have it open oneself, so that nobody else can."""
        with self._page_file.open("r+b") as file:
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
            yield

    def unplug(self) -> None:
        """Pull the plug, if it is in."""
        unplugs = self._get("=I", UNPLUGS)
        struct.pack_into("=I", self._page, UNPLUGS, unplugs | 1)

    def plug(self) -> None:
        """Put it back, if it is out. A stream that was open stays dead; the next one works."""
        unplugs = self._get("=I", UNPLUGS)
        struct.pack_into("=I", self._page, UNPLUGS, unplugs + unplugs % 2)

    def overrun(self, frames: int) -> None:
        """Lose the next `frames` of the tape, once."""
        struct.pack_into("=I", self._page, LOSE, frames)

    def wedge(self) -> None:
        """Give no frame any more, and no error."""
        self.be("wedged")

    def silent(self) -> None:
        """Give zeros."""
        self.be("silent")

    def be(self, fault: str) -> None:
        """Be broken from now on: one of FAULTS, `none` for whole again."""
        struct.pack_into("=I", self._page, FAULT, FAULTS.index(fault))

    def mend(self) -> None:
        """Be whole again, and plugged in."""
        self.be("none")
        self.plug()

    def _get(self, form: str, offset: int) -> int:
        return int(struct.unpack_from(form, self._page, offset)[0])


class Desk:
    """A microphone with `heard` on its tape (one row a frame) and a loudspeaker."""

    def __init__(self, folder: Path, heard: Samples, pace: Pace = Pace()) -> None:  # noqa: B008 - a constant
        self.microphone = Card(folder, "desk_microphone", "microphone", heard.shape[1], pace)
        self.microphone.tape = heard
        self.loudspeaker = Card(folder, "desk_loudspeaker", "loudspeaker", 1, pace)
        self.config = folder / "asound.conf"
        self.config.write_text(
            f'pcm_type.overheard {{ lib "{plug_in()}" }}\n{NULL}'
            f"{self.microphone.definition}{self.loudspeaker.definition}"
        )


def file_card(folder: Path, heard: Samples) -> tuple[Path, str]:
    """ALSA's own `file` plug-in, which gives `heard` and then silence as fast as it is read.

    After the end of the file it would repeat the last two periods for ever, so it has ten seconds of zeros.
    Returns its configuration and its name.
    """
    tape = folder / "file_microphone.s16"
    tape.write_bytes(heard.astype("<i2").tobytes() + bytes(2 * heard.shape[1] * 160_000))
    config = folder / "asound.file.conf"
    config.write_text(
        f'pcm.file_microphone {{ type file slave.pcm {{ type null }} file "/dev/null" '
        f'infile "{tape}" format "raw" }}\n{NULL}'
    )
    return config, "file_microphone"
