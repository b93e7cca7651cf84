"""A house with a speaker in it and no broker: the whole firmware on the simulated board, for the tests beside
this file. What the room sounded like is taped, so that what was kept can be compared with it bit for bit.
"""

import base64
import json
import os
import shutil
import socket
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from device.assemble import assemble
from device.config import Config, load
from device.envelope import ReaderKey, downlink, open_utterance, seal_once, topics
from device.envelope import Utterance as Opened
from device.ledger import Row, Signer, parse_row, sign
from device.outbox import Outbox
from device.speaker import Speaker
from device.uplink import Kind, News
from hardware.board import RATE_HZ
from hardware.sim import SimBoard

ROOT = Path(__file__).parents[2]
OWNER = ReaderKey("x25519", b"o" * 32)
CLOUD = ReaderKey("x25519", b"c" * 32)
CLOUD_SIGNING = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
CLOUD_ROOT = Signer("overheard-cloud", Ed25519PrivateKey.from_private_bytes(b"r" * 32))
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def s(seconds: float) -> int:
    """Seconds, in samples."""
    return round(seconds * RATE_HZ)


@cache
def nobody_answers() -> socket.socket:
    """A port that is taken and where nobody listens: connecting is refused at once."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    return taken


def recording(name: str) -> Path:
    """A committed recording: `wake/alexa`, or the name of one of the scenarios' pieces."""
    folder = ROOT / ("tests/audio" if name.startswith("wake/") else "lab/scenarios/audio")
    return folder / f"{name}.flac"


def keys_note() -> str:
    """The cloud's keys for the day of NOW, signed by its root."""
    body = {
        "not_before": "2026-01-31T00:00:00Z",
        "not_after": "2026-02-01T00:00:00Z",
        "reader": CLOUD.public.encode(),
        "signer": base64.b64encode(CLOUD_SIGNING.public_key().public_bytes_raw()).decode(),
    }
    return sign(f"overheard/v1/keys\n{rfc8785.dumps(body).decode()}\n", CLOUD_ROOT)


def configure(path: Path, settings: str, *, keys: bool = True) -> Config:
    """The tests' settings in the folder `path`, with `settings` (TOML) laid over them."""
    (path / "keys.note").write_text(keys_note())
    (path / "my.toml").write_text(
        f'device.state_dir = "state"\n'
        f'cloud.root = "{CLOUD_ROOT.vkey}"\n'
        f'cloud.keys = "{"keys.note" if keys else ""}"\n'
        f'privacy.reader_suite = "x25519"\nprivacy.owner_reader = "{OWNER.public.encode()}"\n'
        f"uplink.port = {nobody_answers().getsockname()[1]}\n{settings}"
    )
    return load(path / "my.toml")


def opened_from(state: Path, key: ReaderKey = OWNER) -> list[Opened]:
    """What waits in the outbox of a firmware that has stopped, opened."""
    copy = state.with_name("copy.db")  # taking a message out writes a row, so not from the one in use
    shutil.copy(state / "egress.db", copy)
    opened = []
    with closing(Outbox(copy, CLOUD_ROOT)) as outbox:
        waiting = outbox.waiting()
        for name in dict.fromkeys(each.utterance for each in waiting):
            seqs = [each.seq for each in waiting if each.utterance == name]
            begin, *segments, end = [departure.payload for departure in outbox.depart(seqs, "again")]
            opened.append(open_utterance(begin, segments, end, key))
    return opened


class Tape:
    """What the room sounded like."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def write(self, samples: npt.NDArray[np.int16], /) -> None:
        self.frames.append(samples.astype("<i2").tobytes())


class House:
    """One speaker, its room, and everything that came of it.

    `settings`: TOML laid over the tests' own. `keys`: whether it was provisioned with the cloud's keys.
    `muted`: where the switch stands at boot. The rest is the board's.
    """

    def __init__(
        self,
        path: Path,
        length_s: float,
        settings: str = "",
        *,
        keys: bool = True,
        muted: bool = False,
        noise_floor: float = 0,
        echo_db: float | None = None,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.state = path / "state"
        configured = configure(path, settings, keys=keys)
        self.board = SimBoard(length_samples=s(length_s), noise_floor=noise_floor, echo_db=echo_db)
        if muted:
            self.board.mute_on()
        self.board.tape = self._tape = Tape()
        self.now = NOW
        self.told: list[tuple[str, int, dict[str, Any]]] = []
        self.speaker: Speaker = assemble(
            configured, self.board, self._take_note, lambda: self.now, random_bytes
        )
        self._serial = 0

    def _take_note(self, kind: str, sample: int, /, **fields: object) -> None:
        self.told.append((kind, sample, fields))

    # What happens in the house

    def say(self, name: str, at_s: float, **how: Any) -> int:
        """Play a recording into the room; return the sample after its last."""
        return self.board.room.say(recording(name), s(at_s), **how)

    def at(self, at_s: float, call: Callable[[], object]) -> None:
        """Do something at a time."""

        def do() -> None:
            call()

        self.board.at(s(at_s), do)

    def run(self) -> None:
        """Let the firmware run to the end of the world."""
        self.speaker.run()

    # What the cloud says, without a network: what the uplink would have put into the inbox

    def link(self, up: bool = True) -> None:
        """The connection came up, and the cloud with it, as far as the loop knows."""
        self.speaker.parts.line.inbox.append(News(Kind.UP if up else Kind.DOWN))
        if up:
            self.arrive(topics.KEYS, keys_note().encode(), retained=True)

    def arrive(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        """A message arrived."""
        self.speaker.parts.line.inbox.append(News(Kind.ARRIVED, 0, topic, payload, retained))

    def command(self, do: str, to: float | None = None, since: int | None = None) -> None:
        """A command arrived, signed by the cloud."""
        self._serial += 1
        device = self.speaker.parts.device
        said = {"to": to, "since": since}
        body = {"v": 1, "device": device, "serial": self._serial, "do": do}
        body |= {name: value for name, value in said.items() if value is not None}
        self.arrive(topics.command(device), downlink.sign("command", body, CLOUD_SIGNING))

    def answer(self, pcm: bytes, *actions: dict[str, Any], to: str | None = None) -> None:
        """The answer to what was asked last arrived, or that to another utterance."""
        device, asked = self.speaker.parts.device, to or self.speaker.parts.turn.asked or ""
        spoken = json.dumps({"text": "", "intent": "test", "actions": actions}).encode()
        plain = len(spoken).to_bytes(4, "big") + spoken + pcm
        reply = ReaderKey.from_bytes((self.state / "reply.key").read_bytes()).public
        sealed = seal_once(plain, reply, b"overheard/v1/response\0" + asked.encode())
        body = {"v": 1, "device": device, "utterance": asked}
        self.arrive(topics.response(device), downlink.sign("response", body, CLOUD_SIGNING, sealed))

    # What came of it

    @property
    def room(self) -> bytes:
        """What the room sounded like, s16le, heard or not."""
        return b"".join(self._tape.frames)

    def of(self, kind: str) -> list[tuple[int, dict[str, Any]]]:
        """What was told of one kind: at which sample, and what."""
        return [(sample, fields) for told, sample, fields in self.told if told == kind]

    def phases(self) -> list[str]:
        """The phases it went through."""
        return [fields["phase"] for _, fields in self.of("phase")]

    def rows(self) -> list[Row]:
        """The ledger, once the firmware has stopped."""
        with closing(Outbox(self.state / "egress.db", CLOUD_ROOT)) as outbox:
            return [parse_row(row) for row in outbox.rows()]

    def utterances(self, key: ReaderKey = OWNER) -> list[Opened]:
        """What waits in the outbox, opened, once the firmware has stopped."""
        return opened_from(self.state, key)

    def lit(self) -> list[tuple[int, int]]:
        """The spans, in samples, in which the light said that it captures."""
        spans, since = [], None
        for sample, cue, _ in [*self.board.shown, (self.board.now, "the end", (0, 0, 0))]:
            captures = cue in {"verifying", "listening"}
            if captures and since is None:
                since = sample
            elif not captures and since is not None:
                spans.append((since, sample))
                since = None
        return spans


def span(utterance: Opened) -> tuple[int, int]:
    """The first sample of an utterance, and the one after its last."""
    first = utterance.header.first_sample
    return first, first + len(utterance.pcm) // 2
