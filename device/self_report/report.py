"""The whole report: where to, what leaves, what comes in, what is written."""

import ipaddress
from pathlib import Path

import msgspec

from device.config import Config
from device.credentials import find_secret
from device.envelope import topics
from device.keys import is_new, load_or_make
from device.line import caller
from device.orders import BODIES
from device.self_report.fields import Field, of_struct
from device.self_report.leaving import Leaving, leaving
from device.self_report.means import MEANS
from device.trust import NoteBody

NO_DEVICE = "ovh-of-this-device"
"""Stands for the id of a device that was never started: its keys, and so its id, are not made yet."""


class Destination(msgspec.Struct, frozen=True):
    """Somebody that the firmware talks to, and how."""

    who: str
    where: str
    protocol: str
    when: str


class Arriving(msgspec.Struct, frozen=True):
    """One kind of message that is listened for."""

    kind: str
    topic: str
    does: str
    fields: tuple[Field, ...]


class File(msgspec.Struct, frozen=True):
    """A file that the firmware writes, in its state directory; `*` stands for a number."""

    name: str
    holds: str


class Report(msgspec.Struct, frozen=True):
    """Everything that can leave, come in, or be written."""

    device: str
    destinations: tuple[Destination, ...]
    leaves: tuple[Leaving, ...]
    comes_in: tuple[Arriving, ...]
    state_dir: str
    files: tuple[File, ...]


_DOES = {
    "keys": "is believed if cloud.root signed it: whom to seal for, and whose orders count",
    "ack": "empties the outbox, or has something sent again",
    "command": "mutes, stops, turns the volume down, asks for the ledger's head; never unmutes or records",
    "response": "is played, if it answers what was asked last; sealed for this device alone",
    "certificate": "is kept, if it is for the key that was made for it",
}

FILES = (
    File("identity.key", "the key that signs; mode 0600"),
    File("reply.key", "the key that opens answers; mode 0600"),
    File("hardware", "a hash of device id and the board's serial number, so that a copied card is noticed"),
    File("mute", "whether it was muted from afar"),
    File("keys.note", "the cloud's keys, as they came last"),
    File("serial", "the newest command of the cloud's, so that no older one counts"),
    File("egress.db", "the ledger, and what waits to be sent: ciphertext"),
    File("egress.db-wal", "what SQLite has not moved into that file yet"),
    File("egress.db-shm", "SQLite's index of it"),
    File("egress.db.damaged-*", "a damaged one, set aside as evidence, with its -wal and -shm"),
    File("tls.pem", "the certificate and its key; mode 0600"),
    File("tls-before.pem", "the one before, until the new one has opened a connection; mode 0600"),
    File("tls-next.key", "the key that a certificate is asked for; mode 0600"),
    File("*.new", "a draft of one of these, for as long as it takes to write it"),
    File("home_assistant", "under which topic the speaker is announced to Home Assistant"),
)


def report(config: Config) -> Report:
    """Say it of the speaker with these settings.

    Raises:
        KeyFileError: its keys are damaged, or others can read them.
    """
    device = _device(config)
    return Report(
        device,
        _destinations(config),
        leaving(config, device),
        _comes_in(device),
        config.device.state_dir,
        FILES,
    )


def _device(config: Config) -> str:
    state = Path(config.device.state_dir)
    if is_new(state) or not find_secret(state / "reply.key").exists():
        return NO_DEVICE
    return load_or_make(state, config.privacy.reader_suite).device


def _destinations(config: Config) -> tuple[Destination, ...]:
    uplink = config.uplink
    mqtt = {"auto": "MQTT 5, else 3.1.1", "5": "MQTT 5", "3.1.1": "MQTT 3.1.1"}[uplink.protocol]
    line = "TLS 1.3 over TCP" if uplink.ca else "TCP, in the clear: everybody on the way can read headers"
    found = [
        Destination(
            "the broker", f"{uplink.host}:{uplink.port}", f"{mqtt} over {line}",
            f"always; a ping every {uplink.keepalive_s} s if nothing else goes",
        )
    ]  # fmt: skip
    if uplink.ca and config.provision.claim:
        found.append(
            Destination(
                "the broker, for a first certificate", f"{uplink.host}:{config.provision.port}",
                f"{mqtt} over {line}", "only from `overheard-device provision`",
            )
        )  # fmt: skip
    if _is_name(uplink.host):
        found.append(
            Destination(
                "this machine's name server", "as this machine is configured", "DNS",
                f"with each connection: what is the address of {uplink.host}?",
            )
        )  # fmt: skip
    own = "with each connection: the MQTT library wakes itself through a pair of sockets"
    return (*found, Destination("itself", "127.0.0.1, a port of its own", "TCP within the process", own))


def _is_name(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False


def _comes_in(device: str) -> tuple[Arriving, ...]:
    return tuple(_arriving(topic) for topic in caller(device, "").subscriptions)


def _arriving(topic: str) -> Arriving:
    parsed = topics.parse(topic)
    kind = parsed.kind if parsed is not None else topic
    bodies = BODIES.get(kind, (NoteBody,))
    fields = tuple(field for body in bodies for field in of_struct(body, kind, MEANS))
    return Arriving(kind, topic, _DOES[kind], fields)
