"""What a cloud can say to one device, in order or out of order, as hypothesis strategies of messages.

It signs with whatever key it is given. None of what it says may start a recording or unmute.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import strategies as st

from device.envelope import ReaderPublic, downlink, seal_once, topics

_FLAT = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20)
_WORDS = st.sampled_from(
    ["listen", "start", "record", "unmute", "mute_off", "open", "wake", "button_tap", "button_hold", "tap",
     "Mute", "mute\0", "volume_up", "barge-in", "MUTE_OFF", "resume", "reboot", "update", "timer", ""]
)  # fmt: skip
_FIRST_SERIAL = 10


class Message(NamedTuple):
    """One message for the device."""

    topic: str
    payload: bytes
    retain: bool = False
    qos: int = 0


class Cloud(NamedTuple):
    """What a malicious cloud has: its signing key, the true keys note, one device's id and reply key."""

    device: str
    signer: Ed25519PrivateKey
    note: bytes
    reply: ReaderPublic


Strategy = st.SearchStrategy[Message]


class Say:
    """Strategies of what one cloud can say to one device."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._serials = itertools.count(_FIRST_SERIAL)
        device = cloud.device
        self.downlinks = {
            "ack": topics.ack(device),
            "command": topics.command(device),
            "response": topics.response(device),
            "certificate": topics.certificate(device),
        }

    def under_any(self, payloads: st.SearchStrategy[bytes]) -> Strategy:
        """These bytes, under any topic that goes down to the device."""
        places = st.sampled_from([*self.downlinks.values(), topics.KEYS])
        return st.tuples(places, payloads).map(lambda pair: Message(*pair))

    def any(self) -> Strategy:
        """Any message as the cloud would write it."""
        return self.command() | self.ack() | self.answer()

    def command(self, words: tuple[str, ...] = ("mute", "stop", "volume", "checkpoint")) -> Strategy:
        """A command as it should be."""

        def build(do: str, to: float) -> Message:
            return self._signed("command", self._order(do) | ({"to": to} if do == "volume" else {}))

        return st.builds(build, st.sampled_from(words), st.floats(0, 1))

    def first(self) -> Message:
        """The first command of a run: what comes with a lower serial is a replay."""
        return self._signed("command", self._order("stop"))

    def unknown_command(self) -> Strategy:
        """A command in order but for its word."""
        known = {"mute", "stop", "volume", "checkpoint"}
        words = (_WORDS | st.text(max_size=12)).filter(lambda word: word not in known)
        more = st.dictionaries(st.sampled_from(["to", "do_", "until", "phase"]), _FLAT, max_size=1)
        return st.builds(lambda do, more: self._signed("command", self._order(do) | more), words, more)

    def any_body(self) -> Strategy:
        """A flat body that holds anything, some of it in the right places."""
        named = st.sampled_from(["do", "to", "serial", "utterance", "state", "missing", "begin", "end"])
        values = _FLAT | _WORDS | st.lists(_FLAT, max_size=4) | st.floats(-1e6, 1e6)
        bodies = st.dictionaries(named | st.text(min_size=1, max_size=8), values, max_size=6)
        device = {"v": 1, "device": self._cloud.device}
        return st.builds(
            lambda kind, body: self._signed(kind, body | device), st.sampled_from(list(self.downlinks)),
            bodies.filter(lambda body: "attachment" not in body),
        )  # fmt: skip

    def for_another(self) -> Strategy:
        """True, and meant for another device, under the topic of this one."""
        other = st.integers(0, 2**32).map(lambda n: f"ovh-{n:08x}")
        words = st.sampled_from(["mute", "stop", "checkpoint"])
        return st.builds(
            lambda who, do: self._signed("command", self._order(do) | {"device": who}), other, words
        )

    def replayed(self) -> Strategy:
        """A command with a serial below that of the first, which `first` is."""
        words = st.sampled_from(["mute", "stop", "checkpoint"])
        return st.builds(
            lambda do, serial: self._signed("command", self._order(do) | {"serial": serial}), words,
            st.integers(0, _FIRST_SERIAL - 1),
        )  # fmt: skip

    def ack(self) -> Strategy:
        """An acknowledgement of an utterance that this device never made."""
        ids = st.integers(0, 2**120).map(lambda n: f"{n:032x}")
        ranges = st.lists(
            st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1)).map(list), max_size=6
        )

        def build(name: str, state: str, missing: list[list[int]], begin: bool) -> Message:
            said: dict[str, Any] = {
                "utterance": name,
                "state": state,
                "missing": missing,
                "begin": begin,
                "end": True,
            }
            return self._signed("ack", {"v": 1, "device": self._cloud.device, **said})

        return st.builds(
            build, ids, st.sampled_from(["complete", "missing", "truncated"]), ranges, st.booleans()
        )

    def answer(self) -> Strategy:
        """A sealed answer to a question that nobody asked, with whatever deeds."""
        deeds = st.fixed_dictionaries(
            {"do": st.sampled_from(["volume", "timer", "stop"]) | _WORDS},
            optional={"to": st.floats(0, 1), "after_s": st.floats(0.1, 9)},
        )

        def build(number: int, deeds: list[dict[str, Any]], samples: int) -> Message:
            name = f"{number:032x}"
            record = rfc8785.dumps({"text": "", "intent": "", "actions": deeds})
            plain = len(record).to_bytes(4, "big") + record + bytes(samples)
            sealed = seal_once(plain, self._cloud.reply, b"overheard/v1/response\0" + name.encode())
            body = {"v": 1, "device": self._cloud.device, "utterance": name}
            return self._signed("response", body, sealed)

        return st.builds(build, st.integers(0, 2**120), st.lists(deeds, max_size=3), st.integers(0, 64))

    def raw(self, records: st.SearchStrategy[bytes]) -> Strategy:
        """Signed bytes that need be no JSON at all."""
        return st.builds(self._framed, st.sampled_from(list(self.downlinks)), records)

    def deep(self) -> Strategy:
        """Nested as deep as the limit of a body allows, or as long."""
        depth = st.integers(1, 32_000)
        nested = st.builds(
            lambda n, pair: pair[0] * n + pair[1] * n,
            depth,
            st.sampled_from([(b"[", b"]"), (b'{"a":', b"}")]),
        )
        start = b'{"device":"' + self._cloud.device.encode() + b'","v":1,"x":'
        long = st.builds(
            lambda n, unit: start + b"[" + unit * n + b"0]}", depth, st.sampled_from([b"0,", b"[],", b"1e9,"])
        )
        return self.raw(nested.map(lambda data: start + data + b"}") | nested | long)

    def notes(self) -> Strategy:
        """The true keys note, and what is no keys note."""
        note = self._cloud.note
        flipped = st.integers(0, 8 * len(note) - 1).map(
            lambda bit: note[: bit // 8] + bytes([note[bit // 8] ^ 1 << bit % 8]) + note[bit // 8 + 1 :]
        )
        false = st.sampled_from(
            [note[:-9], note + b"\n", note.upper(), note * 2, b"\n" * 8000, note + note[-90:] * 60]
        )
        notes = st.tuples(st.just(note) | flipped | false, st.booleans())
        return notes.map(lambda pair: Message(topics.KEYS, *pair))

    def _order(self, do: str) -> dict[str, Any]:
        return {"v": 1, "device": self._cloud.device, "serial": next(self._serials), "do": do}

    def _signed(self, kind: str, body: dict[str, Any], attachment: bytes = b"") -> Message:
        return Message(self.downlinks[kind], downlink.sign(kind, body, self._cloud.signer, attachment))

    def _framed(self, kind: str, record: bytes) -> Message:
        signature = self._cloud.signer.sign(f"overheard/v1/{kind}\0".encode() + record)
        return Message(self.downlinks[kind], len(record).to_bytes(4, "big") + record + signature)
