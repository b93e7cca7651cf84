"""The second reader's utterances: begin, segments, end, in the order of "What to check, in which order".

Written from docs/wire-format.md by somebody who had seen nothing else; the gaps followed.
"""

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, cast

from second_basics import (
    SUITES,
    Cursor,
    ReaderKey,
    aead_open,
    check_public,
    device_id,
    expand,
    read_json,
    read_signer,
    require,
    sha256,
    verify,
)

Rule = Callable[[object], bool]
Json = dict[str, Any]

COUNT_LIMIT = 2**53 - 1


# --- Rules for fields ---------------------------------------------------------------------------------------


def text_of(pattern: str) -> Rule:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def whole(low: int, high: int, step_size: int = 1) -> Rule:
    return lambda value: type(value) is int and low <= value <= high and value % step_size == 0


def number(low: float, high: float) -> Rule:
    return lambda value: (
        isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    )


def fields(rules: dict[str, Rule], optional: dict[str, Rule] | None = None) -> Rule:
    every = rules | (optional or {})
    return lambda value: (
        isinstance(value, dict)
        and rules.keys() <= value.keys() <= every.keys()
        and all(every[name](each) for name, each in value.items())
    )


def is_null(value: object) -> bool:
    return value is None


def or_null(rule: Rule) -> Rule:
    return lambda value: value is None or rule(value)


def is_boolean(value: object) -> bool:
    return isinstance(value, bool)


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


def is_trigger(value: object) -> bool:
    return WAKE_WORD(value) or BUTTON(value) or COVER(value)


def is_readers(value: object) -> bool:
    if not isinstance(value, list) or not 1 <= len(value) <= 16 or not all(map(READER, value)):
        return False
    return len({reader["id"] for reader in value}) == len(value)


DEVICE, HEX_128, HEX_256 = text_of("ovh-[a-z2-7]{26}"), text_of("[0-9a-f]{32}"), text_of("[0-9a-f]{64}")
COUNT, VERSION = whole(0, COUNT_LIMIT), whole(1, 1)
READER = fields({"id": text_of("[0-9a-f]{16}"), "suite": text_of("x25519|mlkem768-x25519"), "name": is_short})
WAKE_WORD = fields({"kind": text_of("wake_word"), "word": is_short, "score": number(0, 1), "model": HEX_256})
BUTTON = fields(
    {"kind": text_of("button_tap|button_hold"), "word": is_null, "score": is_null, "model": is_null}
)
COVER = fields(
    {
        "kind": text_of("cover"),
        "word": or_null(is_short),
        "score": or_null(number(0, 1)),
        "model": or_null(HEX_256),
    }
)
HEADER = fields(
    {
        "v": VERSION,
        "device": DEVICE,
        "boot": text_of("[A-Za-z0-9-]{1,64}"),
        "utterance": HEX_128,
        "trigger": is_trigger,
        "first_sample": COUNT,
        "utc": is_time,
        "codec": text_of("pcm_s16le"),
        "rate": whole(16000, 16000),
        "segment_samples": whole(1280, 6400, 320),
        "consent": fields({"save": is_boolean, "review": is_boolean}),
        "ledger_index": COUNT,
        "readers": is_readers,
        "signer": is_string,
        "reply": is_string,
    }
)
END_RECORD = fields(
    {
        "v": VERSION,
        "utterance": HEX_128,
        "header_hash": HEX_256,
        "segments": whole(1, 2**31),
        "sha256": HEX_256,
        "reason": text_of("silence|no_speech|max_duration|released|cancelled|muted|mic_lost|error"),
        "checkpoint": is_string,
    }
)


# --- The messages -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Begin:
    header_raw: bytes
    header: Json
    wraps: list[bytes]
    header_hash: bytes
    commitment: bytes
    signer: bytes


class Derived(NamedTuple):
    segment_key: bytes
    base_nonce: bytes
    commitment: bytes


def check_device(header: Json) -> bytes:
    """The signer, once the device id is known to be that of signer and reply."""
    signer = read_signer(header["signer"])
    check_public(header["reply"])
    require(header["device"] == device_id(signer, header["reply"]), "the device id is not that of its keys")
    return signer


def read_wraps(cursor: Cursor, header: Json) -> list[bytes]:
    require(cursor.number(2) == len(header["readers"]), "number of wraps")
    wraps = []
    for reader in header["readers"]:
        length = cursor.number(2)
        require(length == SUITES[reader["suite"]].wrap, "length of a wrap")
        wraps.append(cursor.take(length))
    return wraps


def read_begin(topic: str, message: bytes) -> Begin:
    cursor = Cursor(message)
    require(cursor.take(4) == b"OVH1", "magic")
    header_raw = cursor.record()
    value = read_json(header_raw)
    require(HEADER(value), "fields of the header")
    header = cast(Json, value)
    wraps = read_wraps(cursor, header)
    header_hash = sha256(b"overheard/v1/header\0", message[: cursor.at])
    commitment, signature = cursor.take(32), cursor.rest()
    require(len(signature) == 64, "length of begin")
    signer = check_device(header)
    verify(signer, signature, b"overheard/v1/begin\0" + header_hash + commitment)
    own = f"overheard/v1/{header['device']}/up/utterance/{header['utterance']}/begin"
    require(topic == own, "the topic is of another utterance")
    return Begin(header_raw, header, wraps, header_hash, commitment, signer)


def open_data_key(begin: Begin, key: ReaderKey) -> bytes:
    names = [(reader["id"], reader["suite"]) for reader in begin.header["readers"]]
    require((key.id(), key.suite) in names, "this reader is not named")
    info = b"overheard/v1/wrap\0" + sha256(begin.header_raw)
    data_key = key.open(begin.wraps[names.index((key.id(), key.suite))], info)
    require(len(data_key) == 32, "length of the data key")
    return data_key


def derive(begin: Begin, data_key: bytes) -> Derived:
    out = expand(data_key, b"overheard/v1/segments\0" + begin.header_hash, 76)
    derived = Derived(out[:32], out[32:44], out[44:])
    require(hmac.compare_digest(derived.commitment, begin.commitment), "commitment")
    return derived


Gaps = list[list[int]]


def open_segment(message: bytes, samples: int, derived: Derived) -> tuple[bytes, Gaps]:
    """The valid PCM of one segment message, and its gaps."""
    require(len(message) == 38 + 2 * samples, "length of a segment")
    counter = int.from_bytes(message[:4], "big")
    nonce = (int.from_bytes(derived.base_nonce, "big") ^ counter).to_bytes(12, "big")
    plaintext = aead_open(derived.segment_key, nonce, message[4:])
    valid = int.from_bytes(plaintext[:2], "big")
    require(valid <= samples, "valid samples")
    sound, padding = plaintext[18 : 18 + 2 * valid], plaintext[18 + 2 * valid :]
    require(not any(padding), "padding")
    return sound, read_gaps(plaintext[2:18], sound)


def read_gaps(field: bytes, sound: bytes) -> Gaps:
    """The gaps of one segment, as [first, samples]."""
    pairs = [
        [int.from_bytes(field[at : at + 2], "big"), int.from_bytes(field[at + 2 : at + 4], "big")]
        for at in range(0, 16, 4)
    ]
    while pairs and pairs[-1] == [0, 0]:
        pairs.pop()
    free = 0
    for first, samples in pairs:
        require(samples > 0, "an empty gap")
        require(first >= free, "order of the gaps")
        require(first + samples <= len(sound) // 2, "a gap beyond the sound")
        require(not any(sound[2 * first : 2 * (first + samples)]), "sound in a gap")
        free = first + samples + 1
    return pairs


def join_gaps(opened: list[tuple[bytes, Gaps]]) -> Gaps:
    """The gaps of the utterance from those of its segments."""
    joined: Gaps = []
    before = 0
    for sound, gaps in opened:
        for first, samples in gaps:
            if joined and sum(joined[-1]) == before + first:
                joined[-1][1] += samples
            else:
                joined.append([before + first, samples])
        before += len(sound) // 2
    return joined


def check_end(message: bytes, begin: Begin, segments: list[bytes]) -> None:
    cursor = Cursor(message)
    raw = cursor.record()
    value = read_json(raw)
    require(END_RECORD(value), "fields of the record")
    signature = cursor.rest()
    require(len(signature) == 64, "length of end")
    verify(begin.signer, signature, b"overheard/v1/end\0" + raw)
    record = cast(Json, value)
    require(record["utterance"] == begin.header["utterance"], "another utterance")
    require(record["header_hash"] == begin.header_hash.hex(), "another begin")
    require(record["segments"] == len(segments), "number of segments")
    require(record["sha256"] == sha256(*segments).hex(), "hash of the segments")
    for index, segment in enumerate(segments):
        counter = 2 * index + (index == len(segments) - 1)
        require(segment[:4] == counter.to_bytes(4, "big"), "order of the segments")
