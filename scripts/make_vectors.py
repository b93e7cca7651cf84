"""Write the test vectors of the wire format from tests/vectors/inputs.json, or --check that they are as made.

Deterministic: keys, data keys and HPKE's random results (the wraps) are recorded inputs. The files it writes
are for strangers: no vector needs our code. Run from a checkout: python scripts/make_vectors.py --check
"""

import argparse
import hashlib
import json
import struct
import sys
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import vector_attacks
import vector_cloud
import vector_ledger

from device.envelope import (
    Consent,
    Gap,
    Header,
    NamedReader,
    ReaderKey,
    Sealer,
    Trigger,
    device_id,
    seal_once,
    topics,
    wrap,
)
from device.envelope.layout import SegmentKeys, header_hash, to_base64
from device.ledger import Signer

VECTORS = ROOT / "tests" / "vectors"
INPUTS = VECTORS / "inputs.json"
Json = dict[str, Any]


class Device(NamedTuple):
    """A device's own keys."""

    signing: Ed25519PrivateKey
    reply: ReaderKey

    @property
    def public(self) -> bytes:
        return self.signing.public_key().public_bytes_raw()

    @property
    def id(self) -> str:
        return device_id(self.public, self.reply.public)

    @property
    def note_signer(self) -> Signer:
        return Signer(self.id, self.signing)


def pcm(samples: int) -> bytes:
    """Sample n is (7919 n mod 65536) - 32768."""
    return b"".join(struct.pack("<h", 7919 * n % 65536 - 32768) for n in range(samples))


def without(sound: bytes, gaps: list[list[int]]) -> bytes:
    """The sound with zeros where samples were lost."""
    kept = bytearray(sound)
    for first, samples in gaps:
        kept[2 * first : 2 * (first + samples)] = bytes(2 * samples)
    return bytes(kept)


def parts_of(sound: bytes, case: Json) -> list[tuple[bytes, list[Gap]]]:
    """What each segment holds, and its part of the gaps, counted from its own first sample."""
    step, parts = case["segment_samples"], []
    for at in range(0, max(1, len(sound) // 2), step):
        ends = [(max(first, at), min(first + lost, at + step)) for first, lost in case.get("gaps", [])]
        gaps = [Gap(first - at, end - first) for first, end in ends if first < end]
        parts.append((sound[2 * at : 2 * (at + step)], gaps))
    return parts + [(b"", [])] * case.get("empty", 0)


def devices(inputs: Json) -> dict[str, Device]:
    return {
        name: Device(
            Ed25519PrivateKey.from_private_bytes(bytes.fromhex(each["sign_seed"])), key(each["reply"])
        )
        for name, each in inputs["devices"].items()
    }


def key(text: str) -> ReaderKey:
    return ReaderKey.from_bytes(text.encode())


def header_of(case: Json, inputs: Json) -> bytes:
    device = devices(inputs)[case["device"]]
    readers = [(key(inputs["readers"][name]).public, name) for name in case["readers"]]
    return Header(
        device=device.id,
        boot="5f0c3a1e",
        utterance=case["utterance"],
        trigger=Trigger(**case["trigger"]),
        first_sample=case["first_sample"],
        utc="2026-01-31T12:00:00.250Z",
        segment_samples=case["segment_samples"],
        consent=Consent(save=True, review=False),
        ledger_index=case["ledger_index"],
        readers=tuple(NamedReader(public.id, public.suite, name) for public, name in readers),
        signer=to_base64(device.public),
        reply=device.reply.public.encode(),
    ).to_bytes()


def seal(case: Json, inputs: Json) -> Json:
    """One positive vector: everything an implementation computes on its way."""
    device = devices(inputs)[case["device"]]
    header = header_of(case, inputs)
    data_key, wraps = bytes.fromhex(case["data_key"]), [bytes.fromhex(each) for each in case["wraps"]]
    sealer = Sealer(header, data_key, wraps, device.signing)
    sound = without(pcm(case["samples"]), case.get("gaps", []))
    *parts, last = parts_of(sound, case)
    begin = sealer.begin()
    segments = [*(sealer.segment(*part) for part in parts), sealer.last(*last)]
    digest = header_hash(begin[:-96])
    keys = SegmentKeys.derive(data_key, digest)
    checkpoint = ""
    if case["checkpoint"]:
        so_far = vector_ledger.Spoken(json.loads(header), case["samples"], begin, segments)
        rows = vector_ledger.rows_of(so_far)[: vector_ledger.ROWS_BEFORE_THE_END]
        checkpoint = vector_ledger.head(device.note_signer, rows)
    return {
        "name": case["name"],
        "about": case["about"],
        "reader_private_keys": [inputs["readers"][name] for name in case["readers"]],
        "topic": topics.utterance(device.id, case["utterance"], "begin"),
        "header": header.decode(),
        "header_sha256": hashlib.sha256(header).hexdigest(),
        "wraps": case["wraps"],
        "header_hash": digest.hex(),
        "data_key": data_key.hex(),
        "segment_key": keys.key.hex(),
        "base_nonce": keys.base_nonce.hex(),
        "commitment": keys.commitment.hex(),
        "pcm": sound.hex(),
        "gaps": case.get("gaps", []),
        "begin": begin.hex(),
        "segments": [each.hex() for each in segments],
        "end": sealer.end(case["reason"], checkpoint).hex(),
    }


def identities(inputs: Json) -> Json:
    """What keys are called."""
    return {
        "readers": [
            {"private": text, "public": key(text).public.encode(), "id": key(text).public.id}
            for text in inputs["readers"].values()
        ],
        "devices": [
            {
                "sign_seed": inputs["devices"][name]["sign_seed"],
                "signer": to_base64(device.public),
                "reply": device.reply.public.encode(),
                "reply_private": inputs["devices"][name]["reply"],
                "id": device.id,
            }
            for name, device in devices(inputs).items()
        ],
    }


def answer(inputs: Json) -> bytes:
    """The plaintext of the sealed response: be32 length, JSON, PCM."""
    said: bytes = inputs["downlink"]["answer"].encode()
    return len(said).to_bytes(4, "big") + said + pcm(4)


def record(inputs: Json) -> None:
    """Fill in what HPKE draws, where it is missing."""
    for case in inputs["cases"] + inputs["hostile_cases"]:
        keys = [bytes.fromhex(each) for each in case.get("data_keys", [case["data_key"]] * 9)]
        readers = [key(inputs["readers"][name]).public for name in case["readers"]]
        if len(case["wraps"]) != len(readers):
            header = header_of(case, inputs)
            drawn = [wrap(data_key, readers, header) for data_key, _ in zip(keys, readers, strict=False)]
            case["wraps"] = [wraps[place].hex() for place, wraps in enumerate(drawn)]
    if not inputs["downlink"]["sealed_response"]:
        reply = devices(inputs)["kitchen"].reply.public
        body = next(each["body"] for each in inputs["downlink"]["messages"] if each["kind"] == "response")
        context = b"overheard/v1/response\0" + body["utterance"].encode()
        sealed = seal_once(answer(inputs), reply, context)
        inputs["downlink"]["sealed_response"] = sealed.hex()
    INPUTS.write_text(text_of(inputs))


def text_of(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def outputs(inputs: Json) -> dict[str, str]:
    """Every file there must be, and its text."""
    cases = {case["name"]: seal(case, inputs) for case in inputs["cases"]}
    hostile = {case["name"]: seal(case, inputs) for case in inputs["hostile_cases"]}
    own = devices(inputs)
    kitchen, attic = own["kitchen"], own["attic"]
    signing = {name: device.signing for name, device in own.items()}
    readers = list(inputs["readers"].values())
    return {f"{name}.json": text_of(case) for name, case in cases.items()} | {
        "refused.json": text_of(vector_attacks.all_of(cases, hostile, signing, readers)),
        "keys.json": text_of(identities(inputs)),
        "downlink.json": text_of(vector_cloud.downlinks(inputs, kitchen.id, attic.id, answer(inputs))),
        "keys-note.json": text_of(
            vector_cloud.keys_note(inputs, key(inputs["readers"]["plain"]).public.encode())
        ),
        "ledger.json": text_of(ledger(cases["several-segments"], kitchen, attic)),
    }


def ledger(case: Json, device: Device, stranger: Device) -> Json:
    """The ledger of the device that spoke one of the vectors."""
    begin, end = bytes.fromhex(case["begin"]), bytes.fromhex(case["end"])
    segments = [bytes.fromhex(each) for each in case["segments"]]
    spoken = vector_ledger.Spoken(json.loads(case["header"]), len(case["pcm"]) // 4, begin, segments, end)
    return vector_ledger.vectors(spoken, case["name"], device.note_signer, stranger.note_signer)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="compare with the files, write nothing")
    mode.add_argument("--record", action="store_true", help="draw missing wraps into inputs.json first")
    chosen = parser.parse_args()
    inputs = json.loads(INPUTS.read_text())
    if chosen.record:
        record(inputs)
    stale = [name for name, text in outputs(inputs).items() if not _same(VECTORS / name, text)]
    if chosen.check:
        print(
            "\n".join(f"{name}: differs; run scripts/make_vectors.py" for name in stale) or "vectors: as made"
        )
        return 1 if stale else 0
    for name, text in outputs(inputs).items():
        (VECTORS / name).write_text(text)
    print(f"vectors: {len(stale)} files changed")
    return 0


def _same(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


if __name__ == "__main__":
    raise SystemExit(main())
