"""What goes wrong while somebody speaks, drawn; and what another device's certificate is good for.

Chance is an argument.
"""

from __future__ import annotations

import queue
import random
import ssl
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from cloud_stub.authority import keep_key
from scripts.rough_home import PATIENCE_S, RoughHome

TAKEN = {"Success", "No matching subscribers"}
"""What a broker says of a message that it takes (MQTT 5)."""


class Rounds:
    """Utterances at `home`, each with a fault. `spoken` counts them, `faults` what went wrong."""

    def __init__(self, home: RoughHome, chance: random.Random) -> None:
        self._home = home
        self._chance = chance
        self.spoken = 0
        self.faults: Counter[str] = Counter()
        line, draw = home.line, chance.randint
        self._before: dict[str, Callable[[], None]] = {
            "nothing": lambda: None,
            "cut after some publishes": lambda: line.cut(after_publishes=draw(1, 30)),
            "cut within a publish": lambda: line.cut(within_publish=draw(1, 30), after_bytes=draw(1, 2500)),
            "every message twice": line.duplicate,
            "neighbours change places": line.reorder,
            "confirmations swallowed, then cut": self._swallow,
            "broker restarted": line.restart,
            "broker killed": lambda: line.restart(kill=True),
            "broker away while it is said": line.down,
            "refused": line.refuse,
            "cloud away while it is said": home.stop_cloud,
            "speaker restarted before": self._restart_speaker,
        }
        self._after: dict[str, Callable[[], None]] = {
            "broker away while it is said": line.up,
            "cloud away while it is said": home.start_cloud,
            "confirmations swallowed, then cut": line.cut,
        }

    def speak(self) -> str:
        """Hold the button for a while, with a fault meanwhile; return which."""
        fault = self._chance.choice(tuple(self._before))
        self._before[fault]()
        self.faults[fault] += 1
        if fault in ("refused", "nothing") and self._chance.random() < 0.5:
            self._home.line.cut()
        self.say(self._chance.uniform(0.2, 2.0))
        self._after.get(fault, lambda: None)()
        self._home.pass_time(self._chance.uniform(0.0, 2.0))
        self._home.line.clear()
        return fault

    def say(self, seconds: float) -> None:
        """Hold the button for so long, whatever the line is like."""
        self.spoken += self._home.hold(seconds)

    def settle(self) -> int:
        """End every fault, and wait until nothing waits; return how many utterances still do."""
        self._home.line.clear()
        return self._home.settle()

    def _swallow(self) -> None:
        self._home.line.drop_acks()

    def _restart_speaker(self) -> None:
        self._home.stop_speaker()
        self._home.start_speaker()


def other_device(home: RoughHome, rounds: Rounds) -> list[tuple[str, str, bool]]:
    """What a second device tries at the broker against the first: what, what came of it, and whether that is
    as it should be.
    """
    first = home.speaker.parts.device
    with TemporaryDirectory() as scratch:
        key = Path(scratch) / "other.key"
        pair = key.with_suffix(".crt")
        now = home.files.now
        name = "ovh-" + "a" * 26
        pair.write_bytes(
            home.files.authority.issue_client(keep_key(key), name, now + timedelta(hours=1), now)
        )
        context = ssl.create_default_context(cafile=home.files.authority.path)
        context.load_cert_chain(pair, key)
        happened: queue.Queue[tuple[str, str]] = queue.Queue()
        client = paho.Client(CallbackAPIVersion.VERSION2, first, protocol=MQTTProtocolVersion.MQTTv5)
        client.on_connect = lambda *_: happened.put(("connected", ""))
        client.on_publish = lambda _c, _u, _m, reason, _p: happened.put(("published", str(reason)))
        client.on_subscribe = lambda *_: happened.put(("subscribed", ""))
        client.on_message = lambda _c, _u, message: happened.put((message.topic, ""))
        client.tls_set_context(context)
        client.connect("localhost", home.port)
        client.loop_start()
        try:
            return _tries(home, rounds, client, happened)
        finally:
            client.disconnect()
            client.loop_stop()


def _tries(
    home: RoughHome, rounds: Rounds, client: paho.Client, happened: queue.Queue[tuple[str, str]]
) -> list[tuple[str, str, bool]]:
    first = home.speaker.parts.device
    links = home.speaker.parts.line.links
    assert happened.get(timeout=PATIENCE_S)[0] == "connected"
    client.subscribe([(f"overheard/v1/{first}/#", 1), ("overheard/v1/keys", 1)])
    assert happened.get(timeout=PATIENCE_S)[0] == "subscribed"
    heard = happened.get(timeout=PATIENCE_S)[0]  # the keys note is retained, and for everybody
    client.publish(f"overheard/v1/{first}/up/status", b"forged", qos=1)
    published = happened.get(timeout=PATIENCE_S)[1]
    rounds.say(0.5)
    home.settle()
    read = [topic for topic, _ in list(happened.queue) if topic.startswith("overheard/")]
    up, again = home.speaker.parts.line.up, home.speaker.parts.line.links - links
    return [
        ("publishes under the first's topic", published, published not in TAKEN),
        (
            "reads the first's topics",
            f"{len(read)} messages of it, the keys note alone",
            heard.endswith("/keys") and not read,
        ),
        (
            "takes over the first's session",
            "the first stays connected" if up and not again else "cut",
            up and not again,
        ),
    ]
