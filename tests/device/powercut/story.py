"""What a device does in the folder of its state, acted out by the real parts while record.c watches. After
each thing that it may rely on it says so in a file, `marks`: one JSON object a line.

    python -m tests.device.powercut.story FOLDER [--synchronous FULL|OFF]
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

from device.aside import open_outbox
from device.asks import Ack
from device.bounds import Bounds
from device.capture import Outside
from device.delivery import Delivery
from device.envelope import Consent, Header, NamedReader, ReaderKey, Sealer, Trigger, topics, wrap
from device.envelope.layout import to_base64
from device.keys import Identity, load_or_make
from device.ledger import Signer
from device.mute import MuteMemory
from device.outbox import Departure, Outbox, Sealed
from device.reseal import DataKeys, Resealer
from device.trust import Trust
from tests.device.notes import NOON, READER, ROOT, fields, note
from tests.device.powercut.marks import Marks
from tests.device.powercut.world import Inside, World

CANARY = b"the canary sings. "
BEFORE = ReaderKey("x25519", b"b" * 32)
DATA_KEY = b"a data key, never on any disk ! "
BOUNDS = Bounds(max_utterances=8)
SAMPLES = 1280
SESSIONS, UTTERANCES = 3, 14


class Wire:
    """A wire to a cloud that is always there and says nothing by itself."""

    def __init__(self, mark: Marks) -> None:
        self._mark = mark
        self.flying: list[int] = []

    def publish(self, departure: Departure) -> None:
        self._mark(published=departure.row.index, sha256=departure.row.sha256)
        if departure.seq is not None:
            self.flying.append(departure.seq)


def utterance(me: Identity, number: int, parts: int, row: int) -> Iterator[Sealed]:
    """Sealed messages, as a capture makes them."""
    name = f"{number:032x}"
    header = Header(
        device=me.device, boot="00" * 8, utterance=name, first_sample=0, trigger=Trigger("button_tap"),
        utc="2026-01-31T12:00:00Z", consent=Consent(save=False, review=False), ledger_index=row,
        readers=(NamedReader(READER.public.id, "x25519", "cloud"),), signer=to_base64(me.public),
        reply=me.reply.public.encode(),
    )  # fmt: skip
    encoded = header.to_bytes()
    sealer = Sealer(encoded, DATA_KEY, wrap(DATA_KEY, [READER.public], encoded), me.signing)
    pcm = (CANARY * SAMPLES)[: 2 * SAMPLES]

    def sealed(kind: str, payload: bytes, part: int | None = None) -> Sealed:
        return Sealed(name, kind, topics.utterance(me.device, name, kind), payload, part, 0, SAMPLES)

    yield sealed("begin", sealer.begin())
    for part in range(parts):
        seal = sealer.last if part == parts - 1 else sealer.segment
        yield sealed("segment", seal(pcm), part)
    yield sealed("end", sealer.end("released", ""))


class Device:
    """One start of the device, and what it does."""

    def __init__(self, folder: Path, mark: Marks, random: Random, synchronous: str, session: int) -> None:
        self._mark, self._random = mark, random
        self.me = load_or_make(folder, "x25519")
        mark(device=self.me.device)
        self.memory = MuteMemory(folder, first_run=not (folder / "mute").exists())
        self.trust = Trust(ROOT.vkey, folder / "keys.note")
        self.outbox, _ = open_outbox(folder / "egress.db", Signer(self.me.device, self.me.signing))
        set_synchronous(self.outbox, synchronous)
        self.wire = Wire(mark)
        self.delivery = Delivery(self.outbox, self.wire, 6, 100, self._tell, BOUNDS)
        self._keep_data_keys()
        self.names: dict[int, str] = {}
        inside = Inside(folder, self.me, self.trust, self.outbox, self.delivery)
        self.world = World(inside, mark, session)
        self.now = 0

    def _keep_data_keys(self) -> None:
        """In memory, so that what waits can be sealed anew."""
        self._data_keys = DataKeys()
        self.outbox.gone = self._data_keys.wipe
        outside = Outside(lambda: NOON, self._draw, self._data_keys.keep)
        signing = self.me.signing
        self.delivery.reseal = Resealer(self.outbox, self._data_keys, signing, self.trust, outside, 0)

    def _draw(self, count: int) -> bytes:
        return DATA_KEY if count == len(DATA_KEY) else self._random.randbytes(count)

    def _tell(self, kind: str, /, **fields: object) -> None:
        if kind == "resealed":
            [number] = [number for number, name in self.names.items() if name == fields["was"]]
            self.names[number] = str(fields["id"])
            self._mark(resealed=fields["was"], row=self.outbox.size - 1)

    def take_note(self, day: int) -> None:
        """The cloud's keys of the day arrive, when the line comes up."""
        said = fields(not_before=f"2026-01-{day}T00:00:00Z")
        self.world.come_up(note(said), self.now)
        self._mark(note=said["not_before"])

    def mute(self, on: bool) -> None:
        self._mark(muting=on)
        self.memory.set(on)
        self._mark(muted=on)

    def speak(self, number: int) -> None:
        """An utterance is made, message by message."""
        self.names[number] = f"{number:032x}"
        row = self.outbox.note("trigger", utterance=f"{number:032x}", first_sample=0, cause="button_tap")
        self._mark(row=row)
        messages = utterance(self.me, number, self._random.randint(1, 8), row)
        for made, message in enumerate(messages, 1):
            self.delivery.send([message], self.now)
            self._mark(put=message.utterance, count=made)
            self.settle()

    def wait(self, number: int) -> None:
        """An utterance is made while the line is away, and is sealed anew when it comes back."""
        self.delivery.link(up=False, now=self.now)
        self.names[number] = name = f"{number:032x}"
        row = self.outbox.note("trigger", utterance=name, first_sample=0, cause="button_tap")
        messages = list(utterance(self.me, number, self._random.randint(1, 8), row))
        self.delivery.send(messages, self.now)
        self._mark(put=name, count=len(messages))
        self._data_keys.keep(name, DATA_KEY, {"cloud": BEFORE.public}, NOON)
        self.wire.flying.clear()
        self.delivery.link(up=True, now=self.now)
        assert self.names[number] != name
        self.settle()

    def settle(self) -> None:
        """The broker confirms some of what flies, or the line goes and comes back."""
        if self._random.random() < 0.05:
            self.delivery.link(up=False, now=self.now)
        if self._random.random() < 0.2:
            self.wire.flying.clear()
            self.delivery.link(up=True, now=self.now)
        while self.wire.flying and self._random.random() < 0.8:
            self.delivery.sent(self.wire.flying.pop(0))
        self.now += self._random.randint(1, 40)
        self.delivery.tend(self.now)

    def be_told(self) -> None:
        """Whatever else comes in the course of a day."""
        if self._random.random() < 0.3:
            self.mute(self._random.random() < 0.5)
        if self._random.random() < 0.3:
            self.world.obey(self.now)
        if self._random.random() < 0.2:
            self.world.renew()
        if self._random.random() < 0.3:
            self.world.connect()

    def acknowledge(self, number: int) -> None:
        """The cloud has all of an utterance."""
        name = self.names[number]
        self._mark(acknowledging=name)
        self.delivery.acknowledged(Ack(name, "complete", (), False, False), self.now)


def set_synchronous(outbox: Outbox, synchronous: str) -> None:
    """FULL is what the firmware says itself; OFF is what the check must notice."""
    if synchronous != "FULL":
        outbox._db.execute(f"PRAGMA synchronous={synchronous}")


def main() -> None:
    """Act it out."""
    folder, synchronous = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "FULL"
    mark, random = Marks(folder), Random(7)
    for session in range(SESSIONS):
        device = Device(folder, mark, random, synchronous, session)
        device.take_note(29 + session)
        first = session * UTTERANCES
        for number in range(first, first + UTTERANCES):
            if number % 4 == 3:
                device.wait(number)
            else:
                device.speak(number)
            if random.random() < 0.5:
                device.acknowledge(random.randint(max(first, number - 5), number))
            device.be_told()
        device.outbox.close()


if __name__ == "__main__":
    main()
