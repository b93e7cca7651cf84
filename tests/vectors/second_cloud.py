"""What the second reader believes of the cloud: its messages to a device, and signed notes.

Written from docs/wire-format.md and the papers that it names.
"""

import base64
import re
from typing import NamedTuple, cast

from second_basics import (
    Cursor,
    ReaderKey,
    check_public,
    from_base64,
    read_json,
    read_signer,
    require,
    sha256,
    verify,
)
from second_envelope import (
    COUNT,
    DEVICE,
    HEX_128,
    VERSION,
    Json,
    Rule,
    fields,
    is_boolean,
    is_string,
    is_time,
    number,
    text_of,
    whole,
)

# --- From the cloud to a device -----------------------------------------------------------------------------


def is_ranges(value: object) -> bool:
    def is_range(each: object) -> bool:
        return isinstance(each, list) and len(each) == 2 and all(map(INDEX, each)) and each[0] <= each[1]

    return isinstance(value, list) and all(map(is_range, value))


INDEX = whole(0, 2**31 - 1)
BODY: dict[str, Rule] = {"v": VERSION, "device": DEVICE}
ACK = fields(
    BODY
    | {
        "utterance": HEX_128,
        "state": text_of("complete|missing|truncated"),
        "missing": is_ranges,
        "begin": is_boolean,
        "end": is_boolean,
    }
)
COMMAND = fields(BODY | {"serial": COUNT, "do": text_of("mute|stop|checkpoint")})
VOLUME = fields(BODY | {"serial": COUNT, "do": text_of("volume"), "to": number(0, 1)})
RESPONSE = fields(BODY | {"utterance": HEX_128})
BODIES: dict[str, Rule] = {
    "ack": ACK,
    "command": lambda value: COMMAND(value) or VOLUME(value),
    "response": RESPONSE,
}


class Told(NamedTuple):
    body: Json
    attachment: bytes


def read_downlink(kind: str, message: bytes, signer: bytes, device: str) -> Told:
    cursor = Cursor(message)
    raw = cursor.record()
    verify(signer, cursor.take(64), f"overheard/v1/{kind}\0".encode() + raw)
    value = read_json(raw)
    require(isinstance(value, dict), "not an object")
    body, attachment = cast(Json, value), cursor.rest()
    named = body.pop("attachment", None)
    require(named == (sha256(attachment).hex() if attachment else None), "attachment")
    require(BODIES[kind](body), "fields of the body")
    require(body["device"] == device, "for another device")
    return Told(body, attachment)


def is_action(value: object) -> bool:
    return any(rule(value) for rule in ACTIONS)


ACTIONS = [
    fields({"do": text_of("volume"), "to": number(0, 1)}),
    fields({"do": text_of("timer"), "after_s": lambda n: number(0, 86_400)(n) and n != 0}),
    fields({"do": text_of("stop")}),
]
ANSWER = fields(
    {
        "text": is_string,
        "intent": is_string,
        "actions": lambda value: isinstance(value, list) and all(map(is_action, value)),
    }
)


def open_answer(told: Told, reply: ReaderKey) -> bytes:
    plaintext = reply.open(told.attachment, b"overheard/v1/response\0" + told.body["utterance"].encode())
    cursor = Cursor(plaintext)
    require(ANSWER(read_json(cursor.record())), "fields of the answer")
    sound = cursor.rest()
    require(len(sound) % 2 == 0 and len(sound) <= 960_000, "sound of the answer")
    return plaintext


# --- Signed notes -------------------------------------------------------------------------------------------


def vkey_of(name: str, public: bytes) -> str:
    """An Ed25519 key as verifiers write it: name, id and type-and-key."""
    key = b"\1" + public
    key_id = sha256(name.encode(), b"\n", key)[:4]
    return f"{name}+{key_id.hex()}+{base64.b64encode(key).decode()}"


def open_note(note: str, vkey: str) -> str:
    """The text of a note that the key has signed."""
    name, _, rest = vkey.partition("+")
    key_id, _, encoded = rest.partition("+")
    key = from_base64(encoded)
    require(len(key) == 33 and vkey == vkey_of(name, key[1:]), "verifier key")
    require(not re.search(r"[\x00-\x09\x0b-\x1f]", note), "control characters")
    text, blank, lines = note.rpartition("\n\n")
    require(bool(blank) and lines.endswith("\n") and lines.count("\n") <= 100, "form of a note")
    signed = False
    for line in lines[:-1].split("\n"):
        found = re.fullmatch(r"\u2014 ([^\s+]+) (\S+)", line)
        require(found is not None, "form of a signature")
        who, signature = cast(re.Match[str], found).groups()
        raw = from_base64(signature)
        require(len(raw) > 4, "length of a signature")
        if (who, raw[:4].hex()) == (name, key_id):
            verify(key[1:], raw[4:], f"{text}\n".encode())
            signed = True
    require(signed, "not signed by this key")
    return f"{text}\n"


KEYS = fields(
    {
        "not_before": lambda value: is_time(value) and "." not in str(value),
        "not_after": lambda value: is_time(value) and "." not in str(value),
        "reader": is_string,
        "signer": is_string,
    }
)


def read_keys_note(note: str, root: str) -> Json:
    lines = open_note(note, root).split("\n")
    require(len(lines) == 3 and lines[0] == "overheard/v1/keys" and lines[2] == "", "lines of a keys note")
    value = read_json(lines[1].encode())
    require(KEYS(value), "fields of a keys note")
    keys = cast(Json, value)
    check_public(keys["reader"])
    read_signer(keys["signer"])
    return keys
