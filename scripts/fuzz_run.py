"""Shouts at a speaker, class by class: through a decent broker, then as a broker that does as it likes,
then in packets that are no MQTT. At the end an honest hand and an honest cloud must find it as it was.

A batch of messages ends with one that the speaker tells of, so what became of the batch is counted exactly.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from device.envelope import topics
from scripts import fuzz_corpus
from scripts.fuzz_broker import Broker
from scripts.fuzz_check import kept_quiet, ledger_is_quiet, memory_held
from scripts.fuzz_corpus import Malformed
from scripts.fuzz_device import BARRIER
from scripts.fuzz_home import PATIENCE_S, ROOT, GoneError, Home
from scripts.fuzz_messages import Class, barrier, classes
from scripts.fuzz_say import Message, Say

QUESTION = ROOT / "lab" / "scenarios" / "audio" / "time.flac"
_ASK_AGAIN_S = 2.0
_WARM = 0.1

Send = Callable[[Message], object]


class Outcome(NamedTuple):
    """What became of a class: how many were sent, how many of them refused, for which reason, or dropped."""

    sent: int
    refused: Counter[str]
    dropped: int

    @property
    def taken(self) -> int:
        """How many reached the loop as something in order."""
        return self.sent - self.refused.total() - self.dropped


class Verdict(NamedTuple):
    """What came of it all: each class, malformed packets sent, memory early and late, what is not true."""

    classes: dict[str, Outcome]
    malformed: int
    memory_kib: tuple[int, int]
    problems: list[str]


class Fuzz:
    """One speaker at `home`, shouted at. `progress` is told how many messages more were sent."""

    def __init__(self, home: Home, number: int, progress: Callable[[int], None] = lambda _: None) -> None:
        self._home = home
        self._speaker = home.speaker
        self._number = number
        self._chance = Random(number)
        self._progress = progress
        self._barriers = itertools.count(1)
        self._outcomes: dict[str, Outcome] = {}
        self._sent = 0
        self._memory_kib = 0, 0

    def run(self, messages: int) -> Verdict:
        """Shout `messages` messages and the whole corpus, then be honest. Raises GoneError."""
        corpus = fuzz_corpus.read()
        problems = self.shout(messages, corpus)
        return Verdict(self._outcomes, len(corpus), self._memory_kib, problems + list(self._be_honest()))

    def shout(self, messages: int, corpus: Sequence[Malformed] = ()) -> list[str]:
        """Shout them, and return what is not true afterwards. Raises GoneError."""
        drawn = dict(classes(self._home.attacker))
        passing = {name: each for name, each in drawn.items() if each.passes}
        half = messages // 2
        with self._home.decent:
            self._through_a_decent_broker(passing, half, messages)
        with Broker(self._home.port) as broker:
            broker.welcome()
            self._greet(broker)
            self._shout(drawn, messages - half, messages, self._hostile(broker))
            self._malform(broker, corpus)
            said = list(broker.said)
        self._memory_kib = self._memory_kib[0], self._speaker.memory_kib
        problems = [*kept_quiet(self._speaker.events), *ledger_is_quiet(self._home.state)]
        problems += [f"the broker was sent {topic}" for topic in said if "/utterance/" in topic]
        return problems + list(memory_held(*self._memory_kib))

    # -- shouting --------------------------------------------------------------------------------------

    def _through_a_decent_broker(self, passing: dict[str, Class], count: int, total: int) -> None:
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.max_inflight_messages_set(100)
        client.connect("127.0.0.1", self._home.port)
        client.loop_start()
        note = self._home.attacker.note
        client.publish(topics.KEYS, note, qos=1, retain=True).wait_for_publish(PATIENCE_S)
        self._speaker.require(lambda: bool(self._speaker.last("link").get("up")), "no link to mosquitto")
        first = Say(self._home.attacker).first()
        client.publish(first.topic, first.payload, qos=1)
        try:
            self._shout(passing, count, total, lambda m: client.publish(m.topic, m.payload, m.qos, m.retain))
        finally:
            client.disconnect()
            client.loop_stop()

    def _hostile(self, broker: Broker) -> Send:
        def send(message: Message) -> None:
            if broker.gone.is_set() or not _pass_on(broker, message):
                broker.welcome()
                self._greet(broker)

        return send

    def _greet(self, broker: Broker) -> None:
        broker.publish(topics.KEYS, self._home.attacker.note, retain=True)

    def _shout(self, drawn: dict[str, Class], count: int, total: int, send: Send) -> None:
        shares = sum(each.share for each in drawn.values())
        left = {name: -(-count * each.share // shares) for name, each in drawn.items()}
        while left:
            name = self._chance.choice(list(left))
            batch = min(left[name], drawn[name].batch)
            left[name] -= batch
            if not left[name]:
                del left[name]
            self._batch(name, drawn[name].draw(batch, self._chance.randrange(2**31)), send)
            if not self._memory_kib[0] and self._sent > total * _WARM:
                self._memory_kib = self._speaker.memory_kib, 0

    def _batch(self, name: str, messages: list[Message], send: Send) -> None:
        """Send one batch of a class, half of them with the speaker muted, and count what became of it."""
        self._slide(self._chance.choice(["mute", "unmute"]), _ASK_AGAIN_S)
        before = self._counts
        for message in messages:
            send(message)
        self._settle(send)
        refused, dropped = self._counts
        old = self._outcomes.get(name, Outcome(0, Counter(), 0))
        self._outcomes[name] = Outcome(
            old.sent + len(messages), old.refused + (refused - before[0]), old.dropped + dropped - before[1]
        )
        self._sent += len(messages)
        self._progress(len(messages))

    def _slide(self, do: str, within_s: float) -> bool:
        """Let a hand slide the switch; return whether the speaker did in time what that means."""
        speaker, wanted = self._speaker, "muted" if do == "mute" else "idle"
        phases = speaker.count("phase")
        already = wanted == "muted" == speaker.last("phase").get("phase")
        speaker.hand(do)
        return speaker.wait(
            lambda: (already or speaker.count("phase") > phases) and speaker.last("phase")["phase"] == wanted,
            within_s,
        )

    def _settle(self, send: Send) -> None:
        """Return once the speaker has taken all that was sent. What a broken line lost is asked for again."""
        name, message = barrier(self._home.attacker, self._barriers, BARRIER)
        for _ in range(round(PATIENCE_S / _ASK_AGAIN_S)):
            send(message)
            if self._speaker.wait(lambda: self._speaker.last("barrier").get("id") == name, _ASK_AGAIN_S):
                return
        raise GoneError(f"the speaker took nothing more within {PATIENCE_S:.0f} s")

    @property
    def _counts(self) -> tuple[Counter[str], int]:
        told = self._speaker.last("barrier")
        return Counter(told.get("refused")), told.get("lost", 0)

    # -- no MQTT ---------------------------------------------------------------------------------------

    def _malform(self, broker: Broker, corpus: Sequence[Malformed]) -> None:
        """Send each entry of the corpus on a connection of its own; the speaker must call again each time."""
        for entry in corpus:
            if entry.when == "welcome":
                broker.accept()
                broker.send(entry.data)
                broker.send(b"\x90\3\0\1\1")
            else:
                broker.welcome()
                broker.send(entry.data)
            self._greet(broker)
            self._progress(1)
        broker.welcome()
        self._greet(broker)
        self._settle(self._hostile(broker))

    # -- honest again ----------------------------------------------------------------------------------

    def _be_honest(self) -> Iterator[str]:
        """Yield what does not work any more."""
        speaker = self._speaker
        links = speaker.count("link")
        with self._home.decent:
            self._home.start_cloud()
            if not self._slide("unmute", PATIENCE_S):
                yield "an honest hand did not unmute"
            speaker.require(
                lambda: speaker.count("link") > links and speaker.last("link")["up"],
                "no link to the honest cloud",
            )
            speaker.hand("tap")
            speaker.hand(f"say {QUESTION}")
            if not speaker.wait(self._acknowledged, PATIENCE_S):
                yield "an honest tap led to no complete utterance"
            if not self._slide("mute", PATIENCE_S):
                yield "an honest hand did not mute"
            yield from self._still_muted()
            if speaker.stop() != 0:
                yield "it did not end with 0 when asked to"

    def _acknowledged(self) -> bool:
        """Whether what was said last is complete; false words on other utterances came before."""
        said, last = self._speaker.last("utterance"), self._speaker.last("ack")
        return "id" in said and said["id"] == last.get("id")

    def _still_muted(self) -> Iterator[str]:
        """All that the true key can sign, once more: a hand muted, so nothing may unmute."""
        muted = len(self._speaker.events) - 1
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", self._home.port)
        client.loop_start()
        try:
            for name, each in classes(self._home.attacker).items():
                if "signed" in name or "true" in name:
                    for message in each.draw(20, 1):
                        with_topic = message.topic if message.topic.startswith(topics.ROOT) else topics.KEYS
                        client.publish(with_topic.replace("+", "").replace("#", ""), message.payload, 1)
            self._settle(lambda message: client.publish(message.topic, message.payload, 1))
        finally:
            client.disconnect()
            client.loop_stop()
        yield from kept_quiet(self._speaker.events[muted:])


def _pass_on(broker: Broker, message: Message) -> bool:
    return broker.publish(message.topic, message.payload, retain=message.retain, qos=message.qos)
