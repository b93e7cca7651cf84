"""The canary from the command line: play it, look, search, say how old the oldest sample was."""

import os
import random
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.console import Console

from lab.canary import record
from lab.canary.card import CHANNELS, PIECE_SAMPLES, Card, canary
from lab.canary.forms import RATE_HZ, Samples
from lab.canary.home import home
from lab.canary.look import Moment, before, look, places, searched
from lab.canary.memory import Piece as Held
from lab.canary.processes import descendants, foster_parent
from lab.canary.record import Memory, Place
from lab.canary.search import Sought
from lab.canary.show import Tell, progress, show
from lab.errors import RunError

FIRMWARE = ("-m", "lab.canary.speaker")
FOLDER = "canary"
LOOKS = 5
_AFTER_LAST = RATE_HZ


class Wish(NamedTuple):
    """seconds: of the canary. entry: what Python runs as the firmware, before its settings."""

    seed: int
    seconds: int
    entry: tuple[str, ...] = FIRMWARE


def missing() -> str | None:
    """Why it cannot be done here, in one line; None if it can."""
    if sys.platform != "linux":
        return "canary: memory is read through /proc, which only Linux has; run it there"
    if find_spec("pyaudio") is None:
        return "canary: the real board's way of hearing needs PyAudio; run scripts/setup_audio"
    return None


def run(directory: Path, wish: Wish, console: Console) -> int:
    """Do all of it; memory.json and all that was written are in `directory`. 0, or 1: older sound was found.

    Raises:
        RunError: it cannot be done here, or the firmware was not idle or not running.
    """
    if (why := missing()) is not None:
        raise RunError(why)
    sound = canary(wish.seed, wish.seconds * RATE_HZ // PIECE_SAMPLES * PIECE_SAMPLES + _AFTER_LAST)
    folder = _cleared(directory)
    with progress(console, 2 * LOOKS + 2) as tell:
        moments = _looked(folder, sound, wish, tell)
        made = _searched(folder, Sought(sound), wish, moments, tell)
    (directory / record.FILE).write_bytes(msgspec.json.format(msgspec.json.encode(made)) + b"\n")
    show(made, directory, console)
    return 0 if made.kept else 1


def _cleared(directory: Path) -> Path:
    """The folder for all that is written; an earlier canary's is emptied."""
    folder = directory / FOLDER
    try:
        if folder.exists() and not (folder / "asound.conf").exists():
            raise RunError(f"{folder}: there is something that no canary wrote; name another folder")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    except OSError as error:
        raise RunError(f"{directory}: {error.strerror}; name another folder") from error
    return folder.absolute()


def _looked(folder: Path, sound: Samples, wish: Wish, tell: Tell) -> list[Moment]:
    """Play the canary to an idle speaker, and look at moments that the seed chooses."""
    tell("the speaker begins to hear")
    with foster_parent(), Card(folder, sound) as card, home(folder, card) as (speaker, broker):
        others = set(descendants(os.getpid()))
        speaker.start(wish.entry, broker.port)
        pages = before(card, others)
        card.singing.set()
        moments = []
        for number, given in enumerate(_when(wish), 1):
            tell(f"the canary sings: look {number} of {LOOKS}")
            speaker.wait(given)
            moments.append(look(card, others, pages))
        speaker.stop()
        if not speaker.idle:
            raise RunError(f"the canary of seed {wish.seed} woke the speaker; take another --seed")
    return moments


def _when(wish: Wish) -> list[int]:
    """Moments in samples, in each part of the time one: the first part is half as long as the others."""
    part = wish.seconds * RATE_HZ // LOOKS
    chance = random.Random(wish.seed)  # noqa: S311 - no secret
    return [number * part + chance.randrange(part // 2, part) for number in range(LOOKS)]


def _searched(folder: Path, sought: Sought, wish: Wish, moments: list[Moment], tell: Tell) -> Memory:
    looks = []
    for number, moment in enumerate(moments, 1):
        tell(f"searching what look {number} of {len(moments)} saw")
        looks.append(searched(moment, sought))
    tell("searching every file")
    files = _files(folder, sought)
    seen = tuple(looks)
    return Memory(
        v=1, seed=wish.seed, rate=RATE_HZ, channels=CHANNELS, played_samples=moments[-1].given,
        forms=record.names(), frame_samples=record.FRAME_SAMPLES, heard_samples=record.HEARD_SAMPLES,
        driver_samples=record.DRIVER_SAMPLES, looks=seen, files=files,
        bound_samples=record.bound(seen, with_card=False),
        holds_card_bound_samples=record.bound(seen, with_card=True),
        kept=not list(record.faults(seen, files)),
    )  # fmt: skip


def _files(folder: Path, sought: Sought) -> tuple[Place, ...]:
    """Every file that firmware, broker or cloud wrote, and what is in the machine's shared memory."""
    began = (folder / "asound.conf").stat().st_mtime
    own = [
        Held(str(path.relative_to(folder)), 0, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    return places([*own, *_shared_since(began)], sought)


def _shared_since(began: float) -> Iterator[Held]:
    """Files in the machine's shared memory that were written since; others come and go there meanwhile."""
    for path in Path("/dev/shm").rglob("*"):  # noqa: S108 - it is looked through, not used
        with suppress(OSError):
            if path.is_file() and path.stat().st_mtime >= began:
                yield Held(str(path), 0, path.read_bytes())
