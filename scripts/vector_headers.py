"""Headers against the rules among the test vectors, each signed by its own device and wrong in one thing.

A reader that forgets the one check in question takes the utterance, or stumbles.
"""

import json
from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from vector_forge import Json, begin, certified, changed, from_base64, odd_base64, to_base64, wraps_of

_LONG = "x" * 65


def all_of(base: Json, wake: Json, device: Ed25519PrivateKey) -> Iterator[Json]:
    """base: a vector of a button; wake: one of a wake word, of the same device; both for one reader."""
    for case, changes in ((base, _values(base["header"])), (wake, _wake_words(wake["header"]))):
        for name, change in changes.items():
            yield _refused(name, case, begin(changed(case["header"], **change), wraps_of(case), case, device))
    for name, spelled in _spellings(base["header"]).items():
        yield _refused(name, base, begin(spelled, wraps_of(base), base, device))
    for name, readers in _readers(base["header"]).items():
        header = changed(base["header"], readers=readers)
        yield _refused(name, base, begin(header, wraps_of(base) * len(readers), base, device))
    for name, header in (_keys(base["header"]) | _names(base["header"])).items():
        message = begin(header, wraps_of(base), base, device)
        fields = json.loads(header)
        topic = f"overheard/v1/{fields['device']}/up/utterance/{fields['utterance']}/begin"
        yield {**_refused(name, base, message), "topic": topic}


def _refused(name: str, case: Json, message: bytes) -> Json:
    return {
        "name": f"begin-{name}-signed",
        "base": case["name"],
        "begin": message.hex(),
        "refused_at": "begin",
    }


def _values(header: str) -> dict[str, Json]:
    consent, trigger = (json.loads(header)[name] for name in ("consent", "trigger"))
    return {
        "v-true": {"v": True},
        "field-missing": {"codec": ...},
        "boot-empty": {"boot": ""},
        "boot-with-a-space": {"boot": "5f0c 3a1e"},
        "boot-too-long": {"boot": _LONG},
        "boot-with-a-newline": {"boot": "5f0c3a1e\n"},
        "first-sample-negative": {"first_sample": -1},
        "first-sample-fraction": {"first_sample": 0.5},
        "first-sample-true": {"first_sample": True},
        "ledger-index-negative": {"ledger_index": -1},
        "ledger-index-false": {"ledger_index": False},
        "utc": {"utc": "2026-02-29T12:00:00Z"},
        "utc-hour-24": {"utc": "2026-01-31T24:00:00Z"},
        "utc-leap-second": {"utc": "2026-06-30T23:59:60Z"},
        "utc-year-0": {"utc": "0000-01-31T12:00:00Z"},
        "utc-offset": {"utc": "2026-01-31T12:00:00+00:00"},
        "utc-seven-decimals": {"utc": "2026-01-31T12:00:00.1234567Z"},
        "utc-no-digits": {"utc": "２０２６-01-31T12:00:00Z"},
        "codec": {"codec": "opus"},
        "rate": {"rate": 44100},
        "rate-in-words": {"rate": "16000"},
        "segment-samples": {"segment_samples": 1300},
        "segment-samples-too-few": {"segment_samples": 960},
        "segment-samples-too-many": {"segment_samples": 6720},
        "consent-1-for-true": {"consent": consent | {"save": 1}},
        "consent-null": {"consent": consent | {"review": None}},
        "consent-unknown-field": {"consent": consent | {"share": True}},
        "trigger-unknown": {"trigger": trigger | {"kind": "shout"}},
        "trigger-button-with-a-score": {"trigger": trigger | {"score": 0.5}},
        "trigger-button-with-a-word": {"trigger": trigger | {"word": "okay nabu"}},
        "trigger-button-with-a-model": {"trigger": trigger | {"model": "ab" * 32}},
        "trigger-field-missing": {"trigger": {"kind": "button_tap"}},
    }


def _wake_words(header: str) -> dict[str, Json]:
    trigger = json.loads(header)["trigger"]
    changes = {
        "trigger-button-with-all-of-a-wake-word": {"kind": "button_tap"},
        "trigger-without-a-word": {"word": None},
        "trigger-without-a-score": {"score": None},
        "trigger-without-a-model": {"model": None},
        "trigger-word-too-long": {"word": _LONG},
        "trigger-score-above-1": {"score": 1.5},
        "trigger-score-negative": {"score": -0.25},
        "trigger-score-true": {"score": True},
        "trigger-score-in-words": {"score": "0.5"},
        "trigger-model-upper-case": {"model": trigger["model"].upper()},
        "trigger-model-too-short": {"model": trigger["model"][2:]},
    }
    return {name: {"trigger": trigger | change} for name, change in changes.items()}


def _spellings(header: str) -> dict[str, str | bytes]:
    """What no canonical writer writes."""
    return {
        "header-space": header.replace(":", ": ", 1),
        "header-duplicate-key": header.replace("{", '{"boot":"x",', 1),
        "header-unknown-field": header.replace("{", '{"a":1,', 1),
        "header-nan": header.replace('"score":null', '"score":NaN'),
        "header-number-spelled-1.0": header.replace('"v":1', '"v":1.0'),
        "header-number-minus-zero": header.replace('"first_sample":48000', '"first_sample":-0'),
        "header-number-overflows": header.replace('"score":null', '"score":1e999'),
        "header-number-of-2-to-the-53": header.replace('"first_sample":48000', f'"first_sample":{2**53}'),
        "header-version-2": header.replace('"v":1', '"v":2'),
        "header-lone-surrogate": header.replace('"name":"plain"', '"name":"\\ud800"'),
        "header-escape-not-needed": header.replace('"name":"plain"', '"name":"\\u0070lain"'),
        "header-deep": '{"a":' + "[" * 5000,
        "header-not-utf8": b'{"a":"\xff"}',
        "header-byte-order-mark": b"\xef\xbb\xbf" + header.encode(),
        "header-array": "[]",
        "header-too-long": header.replace('"5f0c3a1e"', '"' + "x" * 65_536 + '"'),
    }


def _readers(header: str) -> dict[str, list[Json]]:
    (reader,) = json.loads(header)["readers"]
    return {
        "reader-none": [],
        "reader-twice": [reader, reader],
        "reader-seventeenth": [reader | {"id": f"{n:016x}"} for n in range(17)],
        "reader-id-upper-case": [reader | {"id": reader["id"].upper()}],
        "reader-id-too-short": [reader | {"id": reader["id"][1:]}],
        "reader-suite-unknown": [reader | {"suite": "p256"}],
        "reader-name-too-long": [reader | {"name": _LONG}],
        "reader-name-null": [reader | {"name": None}],
        "reader-unknown-field": [reader | {"key": "x"}],
    }


def _names(header: str) -> dict[str, str]:
    utterance = json.loads(header)["utterance"]
    return {
        "utterance-upper-case": changed(header, utterance=utterance.upper()),
        "utterance-too-short": changed(header, utterance=utterance[2:]),
    }


def _keys(header: str) -> dict[str, str]:
    """The device's keys: its id certifies each, whatever they are."""
    fields = json.loads(header)
    signer, reply = from_base64(fields["signer"]), fields["reply"]
    suite, _, encoded = reply.partition(":")
    no_mlkem_key = "mlkem768-x25519:" + to_base64(b"\xff" * 1184 + bytes(32))
    replies = {
        "reply-base64-not-canonical": f"{suite}:{odd_base64(encoded)}",
        "reply-base64-without-padding": reply.rstrip("="),
        "reply-too-short": f"{suite}:{to_base64(from_base64(encoded)[:-1])}",
        "reply-suite-unknown": f"p256:{encoded}",
        "reply-of-another-suite": f"mlkem768-x25519:{encoded}",
        "reply-without-a-suite": encoded,
        "reply-no-ml-kem-key": no_mlkem_key,
    }
    crafted = {
        name: changed(header, reply=text, device=certified(signer, text)) for name, text in replies.items()
    }
    for name, raw in (("signer-too-short", signer[:-1]), ("signer-too-long", signer + b"\0")):
        crafted[name] = changed(header, signer=to_base64(raw), device=certified(raw, reply))
    crafted["signer-base64-not-canonical"] = changed(header, signer=odd_base64(fields["signer"]))
    crafted["signer-base64-without-padding"] = changed(header, signer=fields["signer"].rstrip("="))
    crafted["device-of-other-keys"] = changed(header, device=certified(signer, reply + "x"))
    return crafted
