"""A reader of Overheard envelopes written from docs/wire-format.md alone: it imports nothing of ours.

It reads every vector beside it and refuses every refusal at its step. For tests only: it compares nothing in
constant time. Run: python -E -s tests/vectors/stranger.py
"""

import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hpke_by_hand import expand, hpke_open, public_of

HERE = Path(__file__).resolve().parent
FIELDS = {
    "v", "device", "boot", "utterance", "trigger", "first_sample", "utc", "codec", "rate", "segment_samples",
    "consent", "ledger_index", "readers", "signer", "reply",
}  # fmt: skip
END_FIELDS = {"v", "utterance", "header_hash", "segments", "sha256", "reason", "checkpoint"}
REASONS = {"silence", "no_speech", "max_duration", "released", "cancelled", "muted", "mic_lost", "error"}
Json = dict[str, Any]


class RefusedError(Exception):
    """The message of a step does not hold."""


def need(held: bool) -> None:
    if not held:
        raise RefusedError


def fraction(text: str) -> float:
    """RFC 8785 writes 1, never 1.0."""
    need(not float(text).is_integer())
    return float(text)


def canonical(data: bytes) -> Json:
    """Enough of RFC 8785 for these records."""
    try:
        value = json.loads(data, parse_float=fraction)
        again = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise RefusedError from error
    need(again.encode() == data and isinstance(value, dict))
    return dict(value)


def verify(public: str, signature: bytes, signed: bytes) -> None:
    need(len(signature) == 64)
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(public)).verify(signature, signed)
    except InvalidSignature as error:
        raise RefusedError from error


def named(domain: bytes, data: bytes) -> bytes:
    return hashlib.sha256(b"overheard/v1/" + domain + b"\0" + data).digest()


def device_id(signer: str, reply: str) -> str:
    digest = named(b"device", base64.b64decode(signer) + reply.encode())
    return "ovh-" + base64.b32encode(digest).decode().lower()[:26]


def private(text: str) -> tuple[str, bytes]:
    _, suite, encoded = text.split(":")
    return suite, base64.b64decode(encoded)


def reader_id(suite: str, seed: bytes) -> str:
    encoded = suite + ":" + base64.b64encode(public_of(suite, seed)).decode()
    return named(b"reader", encoded.encode()).hex()[:16]


class Reader:
    """One utterance, opened step by step."""

    def begin(self, message: bytes) -> None:
        need(message[:4] == b"OVH1")
        length = int.from_bytes(message[4:8], "big")
        need(length <= 65536)
        self.header_bytes = message[8 : 8 + length]
        self.header = canonical(self.header_bytes)
        need(set(self.header) == FIELDS and self.header["v"] == 1)
        at, self.wraps = 10 + length, list[bytes]()
        for _ in range(int.from_bytes(message[8 + length : at], "big")):
            size = int.from_bytes(message[at : at + 2], "big")
            self.wraps.append(message[at + 2 : at + 2 + size])
            at += 2 + size
        sizes = [1168 if each["suite"] == "mlkem768-x25519" else 80 for each in self.header["readers"]]
        need([len(each) for each in self.wraps] == sizes and len(message) == at + 96)
        self.commitment = message[at : at + 32]
        need(device_id(self.header["signer"], self.header["reply"]) == self.header["device"])
        self.header_hash = named(b"header", message[:at])
        signed = b"overheard/v1/begin\0" + self.header_hash + self.commitment
        verify(self.header["signer"], message[at + 32 :], signed)

    def data_key(self, text: str) -> None:
        suite, seed = private(text)
        places = [each["id"] for each in self.header["readers"]]
        need(reader_id(suite, seed) in places)
        info = b"overheard/v1/wrap\0" + hashlib.sha256(self.header_bytes).digest()
        self.key = hpke_open(suite, seed, self.wraps[places.index(reader_id(suite, seed))], info)

    def check_commitment(self) -> None:
        keys = expand(self.key, b"overheard/v1/segments\0" + self.header_hash, 76)
        self.cipher, self.base = ChaCha20Poly1305(keys[:32]), keys[32:44]
        need(keys[44:] == self.commitment)

    def segment(self, message: bytes) -> bytes:
        need(len(message) == 4 + 2 + 2 * self.header["segment_samples"] + 16)
        nonce = bytes(a ^ b for a, b in zip(self.base, bytes(8) + message[:4], strict=True))
        plain = self.cipher.decrypt(nonce, message[4:], b"")
        valid = int.from_bytes(plain[:2], "big")
        need(valid <= self.header["segment_samples"] and not any(plain[2 + 2 * valid :]))
        return plain[2 : 2 + 2 * valid]

    def end(self, message: bytes, segments: list[bytes]) -> None:
        length = int.from_bytes(message[:4], "big")
        record_bytes = message[4 : 4 + length]
        record = canonical(record_bytes)
        need(set(record) == END_FIELDS and record["v"] == 1 and record["reason"] in REASONS)
        verify(self.header["signer"], message[4 + length :], b"overheard/v1/end\0" + record_bytes)
        need(record["utterance"] == self.header["utterance"])
        need(record["header_hash"] == self.header_hash.hex() and record["segments"] == len(segments))
        need(record["sha256"] == hashlib.sha256(b"".join(segments)).hexdigest())
        for index, segment in enumerate(segments):
            need(int.from_bytes(segment[:4], "big") == 2 * index + (index + 1 == len(segments)))


def read(vector: Json, reader: str) -> tuple[str, bytes]:
    """The step that refused ("" if none did) and the sound."""
    step, opened, sound = "begin", Reader(), b""
    segments = [bytes.fromhex(each) for each in vector["segments"]]
    try:
        opened.begin(bytes.fromhex(vector["begin"]))
        step = "data_key"
        opened.data_key(reader)
        step = "commitment"
        opened.check_commitment()
        step = "segment"
        sound = b"".join(opened.segment(each) for each in segments)
        step = "end"
        opened.end(bytes.fromhex(vector["end"]), segments)
    except (RefusedError, InvalidTag):
        return step, b""
    return "", sound


def downlink(vectors: Json) -> None:
    for each in vectors["messages"]:
        message = bytes.fromhex(each["message"])
        length = int.from_bytes(message[:4], "big")
        record, signature = message[4 : 4 + length], message[4 + length : 68 + length]
        verify(vectors["signer"], signature, b"overheard/v1/" + each["kind"].encode() + b"\0" + record)
        body, attachment = canonical(record), message[68 + length :]
        assert body.pop("attachment", None) == (
            hashlib.sha256(attachment).hexdigest() if attachment else None
        )
        assert body == each["body"]
        if attachment:
            context = b"overheard/v1/response\0" + body["utterance"].encode()
            answer = hpke_open(*private(vectors["reply_private"]), attachment, context)
            assert answer == bytes.fromhex(vectors["answer"])


def names(vectors: Json) -> None:
    for each in vectors["readers"]:
        suite, seed = private(each["private"])
        assert each["public"] == suite + ":" + base64.b64encode(public_of(suite, seed)).decode()
        assert each["id"] == reader_id(suite, seed)
    for each in vectors["devices"]:
        assert each["id"] == device_id(each["signer"], each["reply"])


def main() -> int:
    files = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in HERE.glob("*.json")}
    names(files.pop("keys"))
    downlink(files.pop("downlink"))
    files.pop("inputs")
    refused = files.pop("refused")["vectors"]
    for vector in files.values():
        for reader in vector["reader_private_keys"]:
            assert read(vector, reader) == ("", bytes.fromhex(vector["pcm"])), vector["name"]
    for vector in refused:
        base = files[vector["base"]]
        step, _ = read(base | vector, vector.get("reader", base["reader_private_keys"][0]))
        assert step == vector["refused_at"], (vector["name"], step)
    print(f"{len(files)} utterances read, {len(refused)} refused")
    return 0


if __name__ == "__main__":
    sys.exit(main())
