"""The refusals among the test vectors: each attack as bytes, and the step at which a reader must refuse it.

Built on the positive vectors. "signed" attacks come from a device that misbehaves: its signatures are good,
so only the check in question can refuse them.
"""

import json
from collections.abc import Iterator

import vector_ends
import vector_headers
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from vector_forge import (
    Cast,
    Json,
    begin,
    changed,
    flip,
    kem_hybrid_zero,
    kem_x25519,
    refused_at,
    segment,
    to_base64,
    unreduced,
    wrap,
    wraps_of,
)

from device.envelope.layout import BEGIN_DOMAIN, header_hash

ABOUT = (
    "Each replaces some of `topic`, `begin`, `segments`, `end` of the vector `base`; the others, and "
    "the keys, are the base's. The reader's key is `reader`, or the first of the base's "
    "reader_private_keys. Feed topic and begin, the key, the commitment, each of `segments` as listed, "
    "then the end: the first step that refuses must be `refused_at`."
)


def all_of(cases: Json, hostile: Json, signing: dict[str, Ed25519PrivateKey], readers: list[str]) -> Json:
    """Every refusal of an utterance."""
    cast = Cast(cases, hostile["two-keys"], signing["kitchen"], signing["attic"])
    vectors = [
        *refused_at("begin", cast.base, "begin", _begins(cast)),
        *vector_headers.all_of(cast.base, cast.other, cast.device),
        *_topics(cast),
        *refused_at("data_key", cast.base, "begin", _data_keys(cast)),
        *_hybrid(cases["hybrid-one-reader"], cast.stranger),
        {
            "name": "reader-not-named",
            "base": cast.base["name"],
            "reader": next(each for each in readers if each not in cast.base["reader_private_keys"]),
            "refused_at": "data_key",
        },
        *_commitments(cast),
        *_segments(cast),
        *vector_ends.all_of(cast),
    ]
    return {"about": ABOUT, "vectors": vectors}


def _begins(cast: Cast) -> dict[str, bytes]:
    base, device, stranger = cast.base, cast.device, cast.stranger
    message, header, wraps = bytes.fromhex(base["begin"]), base["header"], wraps_of(base)
    readers = json.loads(header)["readers"]
    added = changed(header, readers=[*readers, {**readers[0], "id": "0123456789abcdef"}])
    swapped = changed(header, signer=to_base64(stranger.public_key().public_bytes_raw()))
    edited = changed(header, consent={"review": True, "save": True})
    long_wrap = wrap(
        kem_x25519(base["reader_private_keys"][0]), bytes.fromhex(base["data_key"]) + b"\0", header
    )
    return {
        "begin-empty": b"",
        "begin-magic": b"OVH2" + message[4:],
        "begin-magic-signed": begin(header, wraps, base, device, b"OVH2"),
        "begin-cut": message[:-1],
        "begin-extended": message + b"\0",
        "begin-header-length-huge": message[:4] + b"\xff\xff\xff\xff" + message[8:],
        "begin-header-edited": begin(edited, wraps)[:-96] + message[-96:],
        "begin-wrap-bit-flipped": flip(message, len(message) - 100),
        "begin-commitment-bit-flipped": flip(message, len(message) - 70),
        "begin-signature-bit-flipped": flip(message, len(message) - 1),
        "begin-signature-not-reduced": unreduced(message),
        "begin-reader-added": begin(added, wraps + wraps)[:-96] + message[-96:],
        "begin-reader-added-without-wrap-signed": begin(added, wraps, base, device),
        "begin-wrap-added-signed": begin(header, wraps + wraps, base, device),
        "begin-wrap-missing-signed": begin(header, [], base, device),
        "begin-wrap-cut-signed": begin(header, [wraps[0][:-1]], base, device),
        "begin-signer-swapped": begin(swapped, wraps, base, stranger),
        "begin-signed-by-another-device": begin(header, wraps, base, stranger),
        "data-key-of-33-bytes-signed": begin(header, [long_wrap], base, device),
    }


def _topics(cast: Cast) -> Iterator[Json]:
    """A message that is whole, where it does not belong."""
    own, other = json.loads(cast.base["header"]), json.loads(cast.other["header"])
    topic: str = cast.base["topic"]
    moved = {
        "topic-of-another-device": topic.replace(
            own["device"], cast.cases["hybrid-one-reader"]["topic"].split("/")[2]
        ),
        "topic-of-another-utterance": topic.replace(own["utterance"], other["utterance"]),
    }
    for name, where in moved.items():
        yield {"name": name, "base": cast.base["name"], "topic": where, "refused_at": "begin"}


def _data_keys(cast: Cast) -> dict[str, bytes]:
    base, device, header = cast.base, cast.device, cast.base["header"]
    key, reader = bytes.fromhex(base["data_key"]), base["reader_private_keys"][0]
    edited = changed(header, consent={"review": True, "save": True})
    (named,) = json.loads(header)["readers"]
    resuited = changed(header, readers=[named | {"suite": "mlkem768-x25519"}])
    padded = wrap(kem_x25519(reader), key, resuited).ljust(1168, b"\0")
    return {
        "header-edited-wrap-kept-signed": begin(edited, wraps_of(base), base, device),
        "wrap-of-another-utterance-signed": begin(header, wraps_of(cast.other), base, device),
        "wrap-x25519-zero-signed": begin(
            header, [wrap(kem_x25519(reader, zero=True), key, header)], base, device
        ),
        "reader-of-another-suite-signed": begin(resuited, [padded], base, device),
    }


def _hybrid(case: Json, device: Ed25519PrivateKey) -> Iterator[Json]:
    kem = kem_hybrid_zero(case["reader_private_keys"][0], wraps_of(case)[0])
    sealed = wrap(kem, bytes.fromhex(case["data_key"]), case["header"])
    message = begin(case["header"], [sealed], case, device)
    return refused_at("data_key", case, "begin", {"wrap-hybrid-x25519-zero-signed": message})


def _commitments(cast: Cast) -> Iterator[Json]:
    front, wrong = bytes.fromhex(cast.base["begin"])[:-96], bytes(32)
    signed = front + wrong + cast.device.sign(BEGIN_DOMAIN + header_hash(front) + wrong)
    yield from refused_at("commitment", cast.base, "begin", {"commitment-replaced-signed": signed})
    yield {
        "name": "second-key-for-second-reader-signed",
        "base": cast.base["name"],
        "topic": cast.two_keys["topic"],
        "begin": cast.two_keys["begin"],
        "reader": cast.two_keys["reader_private_keys"][1],
        "refused_at": "commitment",
    }


def _segments(cast: Cast) -> Iterator[Json]:
    base = cast.base
    first, last = (bytes.fromhex(each) for each in base["segments"])
    samples = json.loads(base["header"])["segment_samples"]
    size = 2 * samples
    crafted = {
        "segment-moved": (4).to_bytes(4, "big") + first[4:],
        "segment-last-flag-set": (1).to_bytes(4, "big") + first[4:],
        "segment-last-flag-cleared": (2).to_bytes(4, "big") + last[4:],
        "segment-bit-flipped": flip(first, 1000),
        "segment-tag-bit-flipped": flip(first, len(first) - 1),
        "segment-cut": first[:-1],
        "segment-extended": first + b"\0",
        "segment-empty": b"",
        "segment-of-another-utterance": bytes.fromhex(cast.other["segments"][0]),
        "segment-padding-not-zero-signed": segment(base, 0, b"\0\1" + bytes(16 + size - 1) + b"\1"),
        "segment-shorter-signed": segment(base, 0, bytes(16 + size)),
        "segment-without-room-for-gaps-signed": segment(base, 0, bytes(2 + size)),
        "segment-valid-too-large-signed": segment(
            base, 0, (samples + 1).to_bytes(2, "big") + bytes(16 + size)
        ),
    } | _gaps(base, samples)
    for name, message in crafted.items():
        yield {"name": name, "base": base["name"], "segments": [message.hex()], "refused_at": "segment"}


def _gaps(base: Json, samples: int) -> dict[str, bytes]:
    """A whole segment of sound or silence, and what is said to be missing from it."""
    silence, sound = bytes(2 * samples), b"\1\0" * samples
    claims: dict[str, tuple[list[int], bytes]] = {
        "over-sound": ([100, 5], sound),
        "over-one-sample-of-sound": ([100, 5], silence[:208] + b"\0\1" + silence[210:]),
        "beyond-the-sound": ([samples - 4, 5], silence),
        "empty": ([100, 0], silence),
        "after-an-empty-one": ([0, 0, 100, 5], silence),
        "out-of-order": ([200, 5, 100, 5], silence),
        "twice": ([100, 5, 100, 5], silence),
        "overlapping": ([100, 5, 104, 5], silence),
        "touching": ([100, 5, 105, 5], silence),
    }
    return {
        f"segment-gap-{name}-signed": segment(
            base, 0, b"".join(n.to_bytes(2, "big") for n in [samples, *claim]).ljust(18, b"\0") + pcm
        )
        for name, (claim, pcm) in claims.items()
    }
