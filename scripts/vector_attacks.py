"""The refusals among the test vectors: each attack as bytes, and the step at which a reader must refuse it.

Built on the positive vectors. "signed" attacks come from a device that misbehaves: its signatures are good,
so only the check in question can refuse them.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from device.envelope.layout import BEGIN_DOMAIN, END_DOMAIN, SegmentKeys, header_hash

Json = dict[str, Any]


def all_of(cases: Json, hostile: Json, signing: dict[str, Ed25519PrivateKey], readers: list[str]) -> Json:
    """Every refusal. A field that is absent is that of the base vector."""
    device, stranger = signing["kitchen"], signing["attic"]
    base, other = cases["x25519"], cases["several-segments"]
    return {
        "about": "Feed begin, data_key (with `reader`), commitment, each of `segments`, end, in this order. "
        "The first step that refuses must be `refused_at`. Absent fields are those of the vector `base`.",
        "vectors": [
            *_begins(base, device, stranger),
            *_data_keys(base, other, device, readers),
            *_commitments(base, hostile["two-keys"], device),
            *_segments(base, other),
            *_ends(base, other, device, stranger),
        ],
    }


def _begins(base: Json, device: Ed25519PrivateKey, stranger: Ed25519PrivateKey) -> Iterator[Json]:
    begin, header, wraps = bytes.fromhex(base["begin"]), base["header"], _wraps(base)
    readers = json.loads(header)["readers"]
    added = _with(header, readers=[*readers, {**readers[0], "id": "0123456789abcdef"}])
    swapped = _with(header, signer=_base64(stranger.public_key().public_bytes_raw()))
    crafted = {
        "begin-empty": b"",
        "begin-magic": b"OVH2" + begin[4:],
        "begin-magic-signed": _begin(header, wraps, base, device, b"OVH2"),
        "begin-cut": begin[:-1],
        "begin-extended": begin + b"\0",
        "begin-header-length-huge": begin[:4] + b"\xff\xff\xff\xff" + begin[8:],
        "begin-header-edited": _begin(_with(header, consent={"review": True, "save": True}), wraps)[:-96]
        + begin[-96:],
        "begin-wrap-bit-flipped": _flip(begin, len(begin) - 100),
        "begin-commitment-bit-flipped": _flip(begin, len(begin) - 70),
        "begin-signature-bit-flipped": _flip(begin, len(begin) - 1),
        "begin-reader-added": _begin(added, wraps + wraps)[:-96] + begin[-96:],
        "begin-reader-added-without-wrap-signed": _begin(added, wraps, base, device),
        "begin-wrap-added-signed": _begin(header, wraps + wraps, base, device),
        "begin-wrap-cut-signed": _begin(header, [wraps[0][:-1]], base, device),
        "begin-signer-swapped": _begin(swapped, wraps, base, stranger),
        "begin-signed-by-another-device": _begin(header, wraps, base, stranger),
        "begin-header-space-signed": _begin(header.replace(":", ": ", 1), wraps, base, device),
        "begin-header-duplicate-key-signed": _begin(
            header.replace("{", '{"boot":"x",', 1), wraps, base, device
        ),
        "begin-header-unknown-field-signed": _begin(header.replace("{", '{"a":1,', 1), wraps, base, device),
        "begin-header-nan-signed": _begin(header.replace('"score":null', '"score":NaN'), wraps, base, device),
        "begin-header-number-spelled-1.0-signed": _begin(
            header.replace('"v":1', '"v":1.0'), wraps, base, device
        ),
        "begin-header-version-2-signed": _begin(header.replace('"v":1', '"v":2'), wraps, base, device),
        "begin-header-deep-signed": _begin('{"a":' + "[" * 5000, wraps, base, device),
        "begin-header-not-utf8-signed": _begin(b'{"a":"\xff"}', wraps, base, device),
    }
    for name, message in crafted.items():
        yield {"name": name, "base": base["name"], "begin": message.hex(), "refused_at": "begin"}


def _data_keys(base: Json, other: Json, device: Ed25519PrivateKey, readers: list[str]) -> Iterator[Json]:
    edited = _with(base["header"], consent={"review": True, "save": True})
    unnamed = next(each for each in readers if each not in base["reader_private_keys"])
    yield {"name": "reader-not-named", "base": base["name"], "reader": unnamed, "refused_at": "data_key"}
    crafted = {
        "header-edited-wrap-kept-signed": _begin(edited, _wraps(base), base, device),
        "wrap-of-another-utterance-signed": _begin(base["header"], _wraps(other), base, device),
    }
    for name, message in crafted.items():
        yield {"name": name, "base": base["name"], "begin": message.hex(), "refused_at": "data_key"}


def _commitments(base: Json, two_keys: Json, device: Ed25519PrivateKey) -> Iterator[Json]:
    front = bytes.fromhex(base["begin"])[:-96]
    wrong = bytes(32)
    signed = front + wrong + device.sign(BEGIN_DOMAIN + header_hash(front) + wrong)
    yield {
        "name": "commitment-replaced-signed",
        "base": base["name"],
        "begin": signed.hex(),
        "refused_at": "commitment",
    }
    yield {
        "name": "second-key-for-second-reader-signed",
        "base": base["name"],
        "begin": two_keys["begin"],
        "reader": two_keys["reader_private_keys"][1],
        "refused_at": "commitment",
    }


def _segments(base: Json, other: Json) -> Iterator[Json]:
    first, last = (bytes.fromhex(each) for each in base["segments"])
    samples = json.loads(base["header"])["segment_samples"]
    size = 2 * samples
    crafted = {
        "segment-moved": (4).to_bytes(4, "big") + first[4:],
        "segment-last-flag-set": (1).to_bytes(4, "big") + first[4:],
        "segment-last-flag-cleared": (2).to_bytes(4, "big") + last[4:],
        "segment-bit-flipped": _flip(first, 1000),
        "segment-tag-bit-flipped": _flip(first, len(first) - 1),
        "segment-cut": first[:-1],
        "segment-extended": first + b"\0",
        "segment-empty": b"",
        "segment-of-another-utterance": bytes.fromhex(other["segments"][0]),
        "segment-padding-not-zero-signed": _sealed(base, 0, b"\0\1" + bytes(size - 1) + b"\1"),
        "segment-shorter-signed": _sealed(base, 0, bytes(size)),
        "segment-valid-too-large-signed": _sealed(base, 0, (samples + 1).to_bytes(2, "big") + bytes(size)),
    }
    for name, message in crafted.items():
        yield {"name": name, "base": base["name"], "segments": [message.hex()], "refused_at": "segment"}


def _ends(base: Json, other: Json, device: Ed25519PrivateKey, stranger: Ed25519PrivateKey) -> Iterator[Json]:
    end = bytes.fromhex(base["end"])
    record = end[4:-64].decode()
    first = bytes.fromhex(base["segments"][0])
    one_only = json.loads(record) | {"segments": 1, "sha256": hashlib.sha256(first).hexdigest()}
    crafted = {
        "end-of-another-utterance": bytes.fromhex(other["end"]),
        "end-bit-flipped": _flip(end, 40),
        "end-cut": end[:-1],
        "end-extended": end + b"\0",
        "end-length-huge": b"\xff" * 4 + end[4:],
        "end-reason-edited": _end(record.replace("silence", "released"))[:-64] + end[-64:],
        "end-signed-by-another-device": _end(record, stranger),
        "end-reason-unknown-signed": _end(record.replace("silence", "bored"), device),
        "end-not-canonical-signed": _end(record.replace(":", ": ", 1), device),
        "end-count-wrong-signed": _end(record.replace('"segments":2', '"segments":3'), device),
        "end-header-hash-of-another-signed": _end(
            record.replace(base["header_hash"], other["header_hash"]), device
        ),
    }
    for name, message in crafted.items():
        yield {"name": name, "base": base["name"], "end": message.hex(), "refused_at": "end"}
    several = other["segments"]
    lists = {
        "tail-missing": (other, several[:-1]),
        "middle-missing": (other, several[:1] + several[2:]),
        "segment-twice": (other, several[:1] + several),
        "segments-swapped": (other, [several[1], several[0], *several[2:]]),
    }
    for name, (case, segments) in lists.items():
        yield {"name": name, "base": case["name"], "segments": segments, "refused_at": "end"}
    yield {
        "name": "cut-before-the-last-flag-signed",
        "base": base["name"],
        "segments": base["segments"][:1],
        "end": _end(_canonical(one_only), device).hex(),
        "refused_at": "end",
    }


def _begin(
    header: str | bytes,
    wraps: list[bytes],
    base: Json | None = None,
    key: Ed25519PrivateKey | None = None,
    magic: bytes = b"OVH1",
) -> bytes:
    """A begin message around any header; with a key, committed to the base's data key and signed."""
    octets = header if isinstance(header, bytes) else header.encode()
    front = magic + len(octets).to_bytes(4, "big") + octets + len(wraps).to_bytes(2, "big")
    front += b"".join(len(each).to_bytes(2, "big") + each for each in wraps)
    if base is None or key is None:
        return front + bytes(96)
    commitment = SegmentKeys.derive(bytes.fromhex(base["data_key"]), header_hash(front)).commitment
    return front + commitment + key.sign(BEGIN_DOMAIN + header_hash(front) + commitment)


def _end(record: str, key: Ed25519PrivateKey | None = None) -> bytes:
    octets = record.encode()
    return len(octets).to_bytes(4, "big") + octets + (key.sign(END_DOMAIN + octets) if key else bytes(64))


def _with(header: str, **changes: object) -> str:
    return _canonical(json.loads(header) | changes)


def _canonical(value: object) -> str:
    return rfc8785.dumps(value).decode()  # type: ignore[arg-type]


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _sealed(case: Json, counter: int, plain: bytes) -> bytes:
    keys = SegmentKeys(*(bytes.fromhex(case[name]) for name in ("segment_key", "base_nonce", "commitment")))
    return counter.to_bytes(4, "big") + ChaCha20Poly1305(keys.key).encrypt(keys.nonce(counter), plain, None)


def _flip(message: bytes, place: int) -> bytes:
    return message[:place] + bytes([message[place] ^ 1]) + message[place + 1 :]


def _wraps(case: Json) -> list[bytes]:
    return [bytes.fromhex(each) for each in case["wraps"]]
