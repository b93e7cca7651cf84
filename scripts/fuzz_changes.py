"""What chance does to a message on its way: a bit flipped, a piece cut off, another topic.

A change is a function of the message and of seeded chance, so that one seed gives one run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

from hypothesis import strategies as st

from device.envelope import topics
from scripts.fuzz_say import Message

_MIB = 1 << 20

Change = Callable[[Message, Random], Message]

LENGTHS = (
    st.sampled_from([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 65_536, 65_537]) | st.integers(0, 2**32 - 1)
).map(lambda n: n.to_bytes(4, "big"))

SIZES = st.sampled_from([8192, 8193, 65_536, _MIB // 2, _MIB - 1, _MIB, _MIB + 1, 2 * _MIB]).map(
    lambda n: n.to_bytes(4, "big")
)


def scrambled(message: Message, chance: Random) -> Message:
    """Other bytes, of any length up to 400."""
    return message._replace(payload=chance.randbytes(chance.randrange(400)))


def flipped(message: Message, chance: Random) -> Message:
    """One bit is another."""
    return message._replace(payload=flip(message.payload, chance.randrange(8 * len(message.payload))))


def cut(message: Message, chance: Random) -> Message:
    """Its end is missing."""
    return message._replace(payload=message.payload[: chance.randrange(len(message.payload))])


def longer(message: Message, chance: Random) -> Message:
    """Something comes after its end."""
    return message._replace(payload=message.payload + chance.randbytes(1 + chance.randrange(9)))


def after_a_length(message: Message, chance: Random) -> Message:
    """Bytes follow that are not as many as the length before them says."""
    return message._replace(payload=message.payload + chance.randbytes(chance.randrange(200)))


def as_large(message: Message, chance: Random) -> Message:
    """As many bytes as the number that it holds."""
    size = int.from_bytes(message.payload, "big")
    return message._replace(payload=(chance.randbytes(7) * (size // 7 + 1))[:size])


def retained(message: Message, _chance: Random) -> Message:
    """Kept by the broker, as it says."""
    return message._replace(retain=True)


def moved(places: Iterable[str]) -> Change:
    """Under another of these topics."""
    return lambda message, chance: message._replace(
        topic=chance.choice([place for place in places if place != message.topic])
    )


def moved_away(device: str) -> Change:
    """Under a topic that the device never asked for, or that no topic may be."""
    elsewhere = [
        topics.status(device),
        topics.checkpoint(device),
        "overheard/v1/ovh-other/down/command",
        f"overheard/v1/{device}/down/unmute",
        f"overheard/v1/{device}/down/listen",
        f"overheard/v1/{device}/down/+",
        f"overheard/v2/{device}/down/command",
        "homeassistant/switch/mute/set",
        "$SYS/broker/uptime",
        "command",
        "/command",
        "a/" * 200,
        "#",
        "\0",
        "ü/" * 30,
    ]
    return lambda message, chance: message._replace(topic=chance.choice(elsewhere))


def flip(data: bytes, bit: int) -> bytes:
    """The same bytes but for one bit."""
    at = bit // 8
    return data[:at] + bytes([data[at] ^ 1 << bit % 8]) + data[at + 1 :]
