"""The test vectors of what the cloud says: signed messages to a device, the keys note, forgeries of both."""

import json
from collections.abc import Iterator
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from vector_forge import Json, changed, flip, odd_base64, to_base64, unreduced

from device.envelope import downlink
from device.ledger import Signer, sign

ROOT_NAME = "overheard-cloud"
NOTE_TITLE = "overheard/v1/keys\n"
DOWNLINK_ABOUT = (
    "Messages of the key `signer` to the device `device`. A body is shown without its `attachment`, "
    "which is the hash of the attachment where there is one. `answer` is what the attachment of the "
    "response opens to with reply_private. A device must drop each of `refused`, taken as a message of "
    "its `kind`."
)
KEYS_ABOUT = (
    "The keys note, its text taken apart, and notes that must not be believed under the key `root`, "
    "whose private key is of the Ed25519 seed root_seed."
)
_ACKS: dict[str, Json] = {
    "version-2": {"v": 2},
    "version-true": {"v": True},
    "unknown-field": {"text": "hello"},
    "state-unknown": {"state": "forgotten"},
    "utterance-too-short": {"utterance": "0804b0f107a6c2cc"},
    "begin-0-for-false": {"begin": 0},
    "range-of-three": {"missing": [[0, 1, 2]]},
    "deep": {"missing": [[[0, 1]]]},
}
_COMMANDS: dict[str, Json] = {
    "to-listen": {"do": "listen"},
    "to-unmute": {"do": "unmute"},
    "volume-above-1": {"to": 1.5},
    "serial-negative": {"serial": -1},
    "serial-true": {"serial": True},
    "serial-missing": {"serial": ...},
}


class Cloud(NamedTuple):
    """The keys of the cloud, and of a stranger who would like to be it."""

    signer: Ed25519PrivateKey
    root: Signer
    stranger: Ed25519PrivateKey

    @classmethod
    def of(cls, inputs: Json) -> "Cloud":
        signer, root, stranger = (
            Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
            for seed in (
                inputs["downlink"]["sign_seed"],
                inputs["keys_note"]["root_seed"],
                inputs["devices"]["attic"]["sign_seed"],
            )
        )
        return cls(signer, Signer(ROOT_NAME, root), stranger)


def downlinks(inputs: Json, device: str, other: str, answer: bytes) -> Json:
    """Signed messages to one device, and forgeries."""
    cloud, sealed = Cloud.of(inputs), bytes.fromhex(inputs["downlink"]["sealed_response"])
    messages = []
    for each in inputs["downlink"]["messages"]:
        attachment = sealed if each["kind"] == "response" else b""
        body = {**each["body"], "device": device}
        message = downlink.sign(each["kind"], body, cloud.signer, attachment)
        messages.append(
            {"kind": each["kind"], "body": body, "message": message.hex(), "attachment": attachment.hex()}
        )
    return {
        "about": DOWNLINK_ABOUT,
        "device": device,
        "signer": to_base64(cloud.signer.public_key().public_bytes_raw()),
        "reply_private": inputs["devices"]["kitchen"]["reply"],
        "answer": answer.hex(),
        "messages": messages,
        "refused": list(_downlinks_refused(messages, cloud, other)),
    }


def keys_note(inputs: Json, reader: str) -> Json:
    """The keys note under the root, and forgeries."""
    cloud = Cloud.of(inputs)
    body = {
        "not_before": inputs["keys_note"]["not_before"],
        "not_after": inputs["keys_note"]["not_after"],
        "reader": reader,
        "signer": to_base64(cloud.signer.public_key().public_bytes_raw()),
    }
    record = changed("{}", **body)
    note = sign(f"{NOTE_TITLE}{record}\n", cloud.root)
    refused = [{"name": name, "note": each} for name, each in _notes_refused(note, record, cloud).items()]
    seed = inputs["keys_note"]["root_seed"]
    return {
        "about": KEYS_ABOUT,
        "root": cloud.root.vkey,
        "root_seed": seed,
        "note": note,
        **body,
        "refused": refused,
    }


def _signed(kind: str, record: str, key: Ed25519PrivateKey, attachment: bytes = b"") -> bytes:
    octets = record.encode()
    signature = key.sign(f"overheard/v1/{kind}\0".encode() + octets)
    return len(octets).to_bytes(4, "big") + octets + signature + attachment


def _downlinks_refused(messages: list[Json], cloud: Cloud, other: str) -> Iterator[Json]:
    ack, command, response = (
        bytes.fromhex(next(each["message"] for each in messages if each["kind"] == kind))
        for kind in ("ack", "command", "response")
    )
    record = ack[4:-64].decode()
    sealed = bytes.fromhex(next(each["attachment"] for each in messages if each["attachment"]))
    crafted = {
        "ack-empty": b"",
        "ack-cut": ack[:-1],
        "ack-extended": ack + b"\0",
        "ack-bit-flipped": flip(ack, 30),
        "ack-signature-not-reduced": unreduced(ack),
        "ack-signed-by-another": _signed("ack", record, cloud.stranger),
        "ack-that-is-a-command": command,
        "ack-not-canonical-signed": _signed("ack", record.replace(":", ": ", 1), cloud.signer),
        "ack-attachment-not-named-signed": _signed("ack", record, cloud.signer, sealed),
        "response-attachment-bit-flipped": flip(response, len(response) - 1),
        "response-attachment-missing": response[: -len(sealed)],
    }
    for kind, message in (("ack", ack), ("command", command)):
        body = message[4:-64].decode()
        for what, change in (_ACKS if kind == "ack" else _COMMANDS).items():
            crafted[f"{kind}-{what}-signed"] = _signed(kind, changed(body, **change), cloud.signer)
    crafted["ack-of-another-device-signed"] = _signed("ack", changed(record, device=other), cloud.signer)
    for name, message in crafted.items():
        yield {"name": name, "kind": name.split("-")[0], "message": message.hex()}


def _notes_refused(note: str, record: str, cloud: Cloud) -> dict[str, str]:
    text, _, line = note.partition("\n\n")
    told = json.loads(record)
    signer: str = told["signer"]
    changes: dict[str, Json] = {
        "unknown-field": {"v": 1},
        "field-missing": {"not_before": ...},
        "date-impossible": {"not_after": "2026-02-29T00:00:00Z"},
        "date-with-decimals": {"not_after": "2026-02-01T00:00:00.5Z"},
        "signer-too-short": {"signer": signer[:-4]},
        "reader-suite-unknown": {"reader": "p256:" + signer},
        "reader-too-short": {"reader": told["reader"][:-4]},
    }
    crafted = {
        "keys-text-edited": note.replace("2026-02-01", "2027-02-01"),
        "keys-signature-missing": f"{text}\n\n",
        "keys-signed-by-another-in-its-name": sign(f"{text}\n", Signer(ROOT_NAME, cloud.stranger)),
        "keys-signed-under-another-name": sign(f"{text}\n", Signer("overheard-clown", cloud.root.key)),
        "keys-blank-line-missing": f"{text}\n{line}",
        "keys-title-of-version-2-signed": sign(f"overheard/v2/keys\n{record}\n", cloud.root),
        "keys-third-line-signed": sign(f"{NOTE_TITLE}{record}\nmore\n", cloud.root),
        "keys-not-canonical-signed": sign(f"{NOTE_TITLE}{record.replace(':', ': ', 1)}\n", cloud.root),
    }
    changes["signer-base64-not-canonical"] = {"signer": odd_base64(signer)}
    for name, change in changes.items():
        crafted[f"keys-{name}-signed"] = sign(f"{NOTE_TITLE}{changed(record, **change)}\n", cloud.root)
    return crafted
