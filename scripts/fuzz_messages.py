"""What may come down the line, by class: hypothesis draws it, from nonsense to what the true cloud may sign,
and seeded chance flips its bits.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from device.envelope import ReaderKey, downlink, topics
from scripts import fuzz_changes as change
from scripts.fuzz_say import Cloud, Message, Say, Strategy

_BATCH = 5
"""Messages that hypothesis draws as one example: more would not fit into its entropy."""

_CHANGES = 8
"""How many different changes a message that is to be changed gets."""


class Class(NamedTuple):
    """A class of messages: what is drawn, what chance then does to each, its share of all, and how many go at
    once. `passes`: whether a decent broker would deliver them.
    """

    strategy: Strategy
    share: int
    change: Callable[[Message, Random], Message] | None = None
    passes: bool = True
    batch: int = 250

    def draw(self, count: int, number: int) -> list[Message]:
        """Return `count` messages, the same for the same `number`."""
        times = _CHANGES if self.change is not None else 1
        chance = Random(number)
        drawn = _draw(self.strategy, -(-count // times), number) * times
        made = [self.change(each, chance) for each in drawn] if self.change is not None else drawn
        return [each._replace(qos=chance.randrange(2)) for each in made[:count]]


def _draw(strategy: Strategy, count: int, number: int) -> list[Message]:
    drawn: list[Message] = []

    @seed(number)
    @settings(
        max_examples=2 * -(-count // _BATCH) + 20,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(strategy, min_size=_BATCH, max_size=_BATCH))
    def collect(batch: list[Message]) -> None:
        if len(drawn) < count:
            drawn.extend(batch)

    collect()
    return list(itertools.islice(itertools.cycle(drawn), count))


def classes(cloud: Cloud) -> dict[str, Class]:
    """Every class, by what a reader of the table wants to know."""
    say = Say(cloud)
    genuine = say.command() | say.ack() | say.answer()
    return {
        "random bytes": Class(say.under_any(st.binary(max_size=40)), 14, change.scrambled),
        "true, a bit flipped": Class(genuine, 12, change.flipped),
        "true, cut short": Class(genuine, 6, change.cut),
        "true, and more after it": Class(genuine, 4, change.longer),
        "signed by a stranger": Class(Say(cloud._replace(signer=Ed25519PrivateKey.generate())).any(), 7),
        "for another device": Class(say.for_another(), 6),
        "true, under another topic": Class(genuine, 6, change.moved((*say.downlinks.values(), topics.KEYS))),
        "true, retained": Class(genuine, 4, change.retained, passes=False),
        "true, sent again": Class(say.replayed(), 4),
        "no such command, signed": Class(say.unknown_command(), 8),
        "any body, signed": Class(say.any_body(), 7),
        "deep or long JSON, signed": Class(say.deep(), 2, batch=20),
        "no UTF-8 in the body, signed": Class(
            say.raw(st.binary(max_size=40).map(lambda data: b"\xff" + data)), 3
        ),
        "false lengths": Class(say.under_any(change.LENGTHS), 4, change.after_a_length),
        "up to 1 MiB, and beyond": Class(say.under_any(change.SIZES), 1, change.as_large, batch=6),
        "keys notes": Class(say.notes(), 3),
        "topics not subscribed": Class(genuine, 6, change.moved_away(cloud.device), passes=False),
        "true: stop, volume, checkpoint": Class(say.command(("stop", "volume", "checkpoint")), 4),
        "true: acks of what is not there": Class(say.ack(), 3),
        "true: answers nobody asked for": Class(say.answer(), 2),
        "true: mute": Class(say.command(("mute",)), 1, batch=50),
    }


def barrier(cloud: Cloud, numbers: Iterator[int], mark: str) -> tuple[str, Message]:
    """An acknowledgement that the device tells of: when it does, all that came before it has been taken."""
    name = f"{mark}{next(numbers):0{32 - len(mark)}x}"
    body = {
        "v": 1,
        "device": cloud.device,
        "utterance": name,
        "state": "missing",
        "missing": [],
        "begin": False,
    }
    return name, Message(
        topics.ack(cloud.device), downlink.sign("ack", body | {"end": False}, cloud.signer), qos=1
    )


def make_cloud(device: str, signer: Ed25519PrivateKey, note: str, reply: bytes) -> Cloud:
    """The cloud as an attacker who has all of its keys but the root's."""
    return Cloud(device, signer, note.encode(), ReaderKey.from_bytes(reply).public)
