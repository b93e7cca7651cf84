"""A second reader of the wire format, written from docs/wire-format.md alone by someone who saw nothing else.

It opens every utterance among the vectors with every key that the vector names, compares each value on the
way, and checks that every attack of refused.json is refused at the step that it names. It imports none of our
code and needs the package `cryptography`: python second_reader.py [DIR]
"""

import base64
import binascii
import hashlib
import hmac
import json
import math
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, cast

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

Rule = Callable[[object], bool]

JSON_LIMIT = 65_536
COUNT_LIMIT = 2**53 - 1


class CheckError(Exception):
    """A check failed. The text is for whoever debugs a reader, never for a sender."""


class StepError(Exception):
    """The step that refused an utterance."""


@contextmanager
def step(name: str) -> Iterator[None]:
    try:
        yield
    except CheckError as reason:
        raise StepError(name) from reason


def require(holds: bool, what: str) -> None:
    if not holds:
        raise CheckError(what)


# --- Notation: bytes, base64, canonical JSON ----------------------------------------------------------------


class Cursor:
    """Takes a message apart from its front, never reading past its end."""

    def __init__(self, message: bytes) -> None:
        self.message = message
        self.at = 0

    def take(self, count: int) -> bytes:
        require(count <= len(self.message) - self.at, "cut short")
        self.at += count
        return self.message[self.at - count : self.at]

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")

    def rest(self) -> bytes:
        return self.take(len(self.message) - self.at)


def from_base64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise CheckError("not base64") from None
    require(base64.b64encode(raw).decode() == text, "not the canonical base64")
    return raw


def canonical_number(value: int | float) -> str:
    """ECMAScript's Number::toString, as RFC 8785 section 3.2.2.3 wants it."""
    double = float(value)
    if not math.isfinite(double):
        raise ValueError("not finite")
    if double == 0:
        return "0"
    sign, digit_tuple, exponent = Decimal(repr(double)).normalize().as_tuple()
    digits = "".join(map(str, digit_tuple))
    point = len(digits) + int(exponent)
    if 0 < point <= 21:
        padded = digits.ljust(point, "0")
        text = padded[:point] + ("." + padded[point:] if padded[point:] else "")
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        text = digits[0] + ("." + digits[1:] if digits[1:] else "") + f"e{point - 1:+d}"
    return "-" * sign + text


def canonical(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return canonical_number(value)
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: str(name).encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(name)}:{canonical(value[name])}" for name in names) + "}"
    return json.dumps(value, ensure_ascii=False)


def no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def read_json(raw: bytes) -> object:
    require(len(raw) <= JSON_LIMIT, "JSON too long")
    try:
        value: object = json.loads(raw.decode(), parse_constant=no_constant)
        again = canonical(value).encode()
    except (ValueError, OverflowError, RecursionError):
        raise CheckError("not JSON") from None
    require(again == raw, "not canonical JSON")
    return value


# --- Rules for fields ---------------------------------------------------------------------------------------


def text_of(pattern: str) -> Rule:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def whole(low: int, high: int, step_size: int = 1) -> Rule:
    return lambda value: type(value) is int and low <= value <= high and value % step_size == 0


def fields(rules: dict[str, Rule]) -> Rule:
    return lambda value: (
        isinstance(value, dict)
        and value.keys() == rules.keys()
        and all(rule(value[name]) for name, rule in rules.items())
    )


def or_null(rule: Rule) -> Rule:
    return lambda value: value is None or rule(value)


def is_boolean(value: object) -> bool:
    return isinstance(value, bool)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_string(value: object) -> bool:
    return isinstance(value, str)


def is_short(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 64


def is_time(value: object) -> bool:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9-]{10}T[0-9:]{8}(\.[0-9]{1,6})?Z", value):
        return False
    try:
        return datetime.strptime(value[:19], "%Y-%m-%dT%H:%M:%S").isoformat() == value[:19]
    except ValueError:
        return False


def is_readers(value: object) -> bool:
    if not isinstance(value, list) or not 1 <= len(value) <= 16 or not all(map(READER, value)):
        return False
    return len({reader["id"] for reader in value}) == len(value)


HEX_128, HEX_256 = text_of("[0-9a-f]{32}"), text_of("[0-9a-f]{64}")
READER = fields({"id": text_of("[0-9a-f]{16}"), "suite": text_of("x25519|mlkem768-x25519"), "name": is_short})
TRIGGER = {
    "kind": text_of("wake_word|button_tap|button_hold"),
    "word": or_null(is_short),
    "score": or_null(is_number),
    "model": or_null(HEX_256),
}
HEADER = fields(
    {
        "v": whole(1, 1),
        "device": text_of("ovh-[a-z2-7]{26}"),
        "boot": text_of("[A-Za-z0-9-]{1,64}"),
        "utterance": HEX_128,
        "trigger": fields(TRIGGER),
        "first_sample": whole(0, COUNT_LIMIT),
        "utc": is_time,
        "codec": text_of("pcm_s16le"),
        "rate": whole(16000, 16000),
        "segment_samples": whole(1280, 6400, 320),
        "consent": fields({"save": is_boolean, "review": is_boolean}),
        "ledger_index": whole(0, COUNT_LIMIT),
        "readers": is_readers,
        "signer": is_string,
        "reply": is_string,
    }
)
END_RECORD = fields(
    {
        "v": whole(1, 1),
        "utterance": HEX_128,
        "header_hash": HEX_256,
        "segments": whole(1, COUNT_LIMIT),
        "sha256": HEX_256,
        "reason": text_of("silence|no_speech|max_duration|released|cancelled|muted|mic_lost|error"),
        "checkpoint": is_string,
    }
)


# --- Keys and HPKE ------------------------------------------------------------------------------------------


class Suite(NamedTuple):
    kem: int
    public: int
    enc: int
    wrap: int


SUITES = {"x25519": Suite(0x0020, 32, 32, 80), "mlkem768-x25519": Suite(0x647A, 1216, 1120, 1168)}
MLKEM_CIPHERTEXT = 1088
XWING_LABEL = bytes.fromhex("5c2e2f2f5e5c")


def expand(prk: bytes, info: bytes, length: int) -> bytes:
    return HKDFExpand(SHA256(), length, info).derive(prk)


@dataclass(frozen=True)
class Labeled:
    """The labeled KDF of RFC 9180 section 4, for one suite_id."""

    suite_id: bytes

    def extract(self, salt: bytes, label: bytes, secret: bytes) -> bytes:
        return hmac.digest(salt, b"HPKE-v1" + self.suite_id + label + secret, "sha256")

    def expand(self, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
        return expand(prk, length.to_bytes(2, "big") + b"HPKE-v1" + self.suite_id + label + info, length)


@dataclass(frozen=True)
class ReaderKey:
    suite: str
    x25519: X25519PrivateKey
    mlkem: MLKEM768PrivateKey | None

    def public(self) -> bytes:
        own = self.x25519.public_key().public_bytes_raw()
        return own if self.mlkem is None else self.mlkem.public_key().public_bytes_raw() + own

    def id(self) -> str:
        text = f"{self.suite}:{base64.b64encode(self.public()).decode()}"
        return hashlib.sha256(b"overheard/v1/reader\0" + text.encode()).hexdigest()[:16]

    def shared_secret(self, enc: bytes) -> bytes:
        """Decap of DHKEM(X25519, HKDF-SHA256), RFC 9180 section 4.1, or of X-Wing."""
        ephemeral, own = enc[-32:], self.public()[-32:]
        try:
            dh = self.x25519.exchange(X25519PublicKey.from_public_bytes(ephemeral))
        except ValueError:
            raise CheckError("X25519 gave zero") from None
        if self.mlkem is None:
            kdf = Labeled(b"KEM" + SUITES[self.suite].kem.to_bytes(2, "big"))
            return kdf.expand(kdf.extract(b"", b"eae_prk", dh), b"shared_secret", enc + own, 32)
        inner = self.mlkem.decapsulate(enc[:MLKEM_CIPHERTEXT])
        return hashlib.sha3_256(inner + dh + ephemeral + own + XWING_LABEL).digest()

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """RFC 9180, base mode, single shot, empty aad."""
        cursor = Cursor(sealed)
        secret = self.shared_secret(cursor.take(SUITES[self.suite].enc))
        kdf = Labeled(b"HPKE" + SUITES[self.suite].kem.to_bytes(2, "big") + bytes.fromhex("00010003"))
        context = b"\0" + kdf.extract(b"", b"psk_id_hash", b"") + kdf.extract(b"", b"info_hash", info)
        schedule = kdf.extract(secret, b"secret", b"")
        key = kdf.expand(schedule, b"key", context, 32)
        return aead_open(key, kdf.expand(schedule, b"base_nonce", context, 12), cursor.rest())


def read_private(text: str) -> ReaderKey:
    prefix, suite, raw_text = text.removesuffix("\n").split(":")
    seed = from_base64(raw_text)
    require(prefix == "overheard-reader-private" and suite in SUITES, "not a private reader key")
    require(len(seed) == 32, "length of a private reader key")
    if suite == "x25519":
        return ReaderKey(suite, X25519PrivateKey.from_private_bytes(seed), None)
    expanded = hashlib.shake_256(seed).digest(96)
    x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
    return ReaderKey(suite, x25519, MLKEM768PrivateKey.from_seed_bytes(expanded[:64]))


def aead_open(key: bytes, nonce: bytes, sealed: bytes) -> bytes:
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, sealed, None)
    except InvalidTag:
        raise CheckError("does not open") from None


def verify(signer: bytes, signature: bytes, signed: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(signer).verify(signature, signed)
    except (InvalidSignature, ValueError):
        raise CheckError("signature") from None


# --- The messages, in the order of "What to check" ----------------------------------------------------------


@dataclass(frozen=True)
class Begin:
    header_raw: bytes
    header: dict[str, Any]
    wraps: list[bytes]
    header_hash: bytes
    commitment: bytes
    signer: bytes


class Derived(NamedTuple):
    segment_key: bytes
    base_nonce: bytes
    commitment: bytes


def check_device(header: dict[str, Any]) -> bytes:
    """The signer, once the device id is known to be that of signer and reply."""
    signer, reply = from_base64(header["signer"]), header["reply"]
    require(len(signer) == 32, "signer")
    suite, _, key = reply.partition(":")
    require(suite in SUITES and len(from_base64(key)) == SUITES[suite].public, "reply")
    digest = hashlib.sha256(b"overheard/v1/device\0" + signer + reply.encode()).digest()
    name = base64.b32encode(digest).decode().lower()[:26]
    require(header["device"] == "ovh-" + name, "the device id is not that of its keys")
    return signer


def read_wraps(cursor: Cursor, header: dict[str, Any]) -> list[bytes]:
    require(cursor.number(2) == len(header["readers"]), "number of wraps")
    wraps = []
    for reader in header["readers"]:
        length = cursor.number(2)
        require(length == SUITES[reader["suite"]].wrap, "length of a wrap")
        wraps.append(cursor.take(length))
    return wraps


def read_begin(message: bytes) -> Begin:
    cursor = Cursor(message)
    require(cursor.take(4) == b"OVH1", "magic")
    length = cursor.number(4)
    require(length <= JSON_LIMIT, "length of the header")
    header_raw = cursor.take(length)
    value = read_json(header_raw)
    require(HEADER(value), "fields of the header")
    header = cast(dict[str, Any], value)
    wraps = read_wraps(cursor, header)
    header_hash = hashlib.sha256(b"overheard/v1/header\0" + message[: cursor.at]).digest()
    commitment, signature = cursor.take(32), cursor.rest()
    require(len(signature) == 64, "length of begin")
    signer = check_device(header)
    verify(signer, signature, b"overheard/v1/begin\0" + header_hash + commitment)
    return Begin(header_raw, header, wraps, header_hash, commitment, signer)


def open_data_key(begin: Begin, key: ReaderKey) -> bytes:
    names = [(reader["id"], reader["suite"]) for reader in begin.header["readers"]]
    require((key.id(), key.suite) in names, "this reader is not named")
    info = b"overheard/v1/wrap\0" + hashlib.sha256(begin.header_raw).digest()
    data_key = key.open(begin.wraps[names.index((key.id(), key.suite))], info)
    require(len(data_key) == 32, "length of the data key")
    return data_key


def derive(begin: Begin, data_key: bytes) -> Derived:
    out = expand(data_key, b"overheard/v1/segments\0" + begin.header_hash, 76)
    derived = Derived(out[:32], out[32:44], out[44:])
    require(hmac.compare_digest(derived.commitment, begin.commitment), "commitment")
    return derived


def open_segment(message: bytes, samples: int, derived: Derived) -> bytes:
    """The valid PCM of one segment message."""
    require(len(message) == 22 + 2 * samples, "length of a segment")
    counter = int.from_bytes(message[:4], "big")
    nonce = (int.from_bytes(derived.base_nonce, "big") ^ counter).to_bytes(12, "big")
    plaintext = aead_open(derived.segment_key, nonce, message[4:])
    valid = int.from_bytes(plaintext[:2], "big")
    require(valid <= samples, "valid samples")
    sound, padding = plaintext[2 : 2 + 2 * valid], plaintext[2 + 2 * valid :]
    require(not any(padding), "padding")
    return sound


def check_end(message: bytes, begin: Begin, segments: list[bytes]) -> None:
    cursor = Cursor(message)
    length = cursor.number(4)
    require(length <= JSON_LIMIT, "length of the record")
    raw = cursor.take(length)
    value = read_json(raw)
    require(END_RECORD(value), "fields of the record")
    signature = cursor.rest()
    require(len(signature) == 64, "length of end")
    verify(begin.signer, signature, b"overheard/v1/end\0" + raw)
    record = cast(dict[str, Any], value)
    require(record["utterance"] == begin.header["utterance"], "another utterance")
    require(record["header_hash"] == begin.header_hash.hex(), "another begin")
    require(record["segments"] == len(segments), "number of segments")
    require(record["sha256"] == hashlib.sha256(b"".join(segments)).hexdigest(), "hash of the segments")
    for index, segment in enumerate(segments):
        counter = 2 * index + (index == len(segments) - 1)
        require(segment[:4] == counter.to_bytes(4, "big"), "order of the segments")


@dataclass(frozen=True)
class Opened:
    begin: Begin
    data_key: bytes
    derived: Derived
    sound: bytes


def open_utterance(message: bytes, segments: list[bytes], end: bytes, key: ReaderKey) -> Opened:
    with step("begin"):
        begin = read_begin(message)
    with step("data_key"):
        data_key = open_data_key(begin, key)
    with step("commitment"):
        derived = derive(begin, data_key)
    with step("segment"):
        samples = begin.header["segment_samples"]
        sounds = [open_segment(segment, samples, derived) for segment in segments]
    with step("end"):
        check_end(end, begin, segments)
    return Opened(begin, data_key, derived, b"".join(sounds))


# --- The vectors --------------------------------------------------------------------------------------------


def open_vector(vector: dict[str, Any], reader: str) -> Opened:
    begin, end = bytes.fromhex(vector["begin"]), bytes.fromhex(vector["end"])
    segments = [bytes.fromhex(segment) for segment in vector["segments"]]
    return open_utterance(begin, segments, end, read_private(reader))


def compare(vector: dict[str, Any], opened: Opened) -> str:
    """What differs between the vector and what was read, or nothing."""
    begin, derived = opened.begin, opened.derived
    found: dict[str, object] = {
        "header": begin.header_raw.decode(),
        "header_sha256": hashlib.sha256(begin.header_raw).hexdigest(),
        "wraps": [wrap.hex() for wrap in begin.wraps],
        "header_hash": begin.header_hash.hex(),
        "data_key": opened.data_key.hex(),
        "segment_key": derived.segment_key.hex(),
        "base_nonce": derived.base_nonce.hex(),
        "commitment": derived.commitment.hex(),
        "pcm": opened.sound.hex(),
    }
    return ", ".join(name for name, value in found.items() if vector[name] != value)


def read_all(utterance: dict[str, Any]) -> str:
    """What is wrong with a vector that must open, or nothing."""
    for reader in utterance["reader_private_keys"]:
        try:
            different = compare(utterance, open_vector(utterance, reader))
        except StepError as refusal:
            return f"refused at {refusal}: {refusal.__cause__}"
        if different:
            return f"differs in {different}"
    return ""


def attack(vector: dict[str, Any], utterances: dict[str, dict[str, Any]]) -> str:
    """What is wrong with a vector that must be refused, or nothing."""
    base = utterances[vector["base"]]
    reader = vector.get("reader", base["reader_private_keys"][0])
    try:
        open_vector(base | vector, reader)
    except StepError as refusal:
        return "" if str(refusal) == vector["refused_at"] else f"refused at {refusal}: {refusal.__cause__}"
    return "opened"


def checked(check: Callable[[], str]) -> str:
    try:
        return check()
    except (CheckError, LookupError, TypeError, ValueError) as error:
        return f"the vector itself is malformed: {error!r}"


def load(path: Path) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(path.read_text(encoding="utf-8")))


def run(directory: Path) -> int:
    files = {path.stem: load(path) for path in sorted(directory.glob("*.json"))}
    utterances = {name: vector for name, vector in files.items() if "reader_private_keys" in vector}
    attacks: list[dict[str, Any]] = files.get("refused", {}).get("vectors", [])
    results = [(name, checked(partial(read_all, vector))) for name, vector in utterances.items()]
    results += [(vector["name"], checked(partial(attack, vector, utterances))) for vector in attacks]
    wrong = [f"{name}: {problem}" for name, problem in results if problem]
    if wrong or not utterances or not attacks:
        print("\n".join(wrong) or f"no vectors in {directory}")
        return 1
    print(f"{len(utterances)} utterances read, {len(attacks)} refused")
    return 0


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent))
