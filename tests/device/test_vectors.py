"""The published vectors are what this code makes and reads, and a stranger's reader agrees on every one."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from device.envelope import Begin, EnvelopeError, Opener, ReaderKey, downlink, open_utterance

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "vectors"


def load(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


REFUSED = load("refused")["vectors"]
CASES = [case["name"] for case in load("inputs")["cases"]]


def run(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_vectors_are_exactly_what_the_script_makes() -> None:
    assert run(str(ROOT / "scripts" / "make_vectors.py"), "--check") == "vectors: as made\n"


def test_a_reader_that_shares_no_code_with_us_reads_and_refuses_them_all() -> None:
    told = run("-E", "-s", str(VECTORS / "stranger.py"))
    assert told == f"{len(CASES)} utterances read, {len(REFUSED)} refused\n"


def test_the_stranger_imports_nothing_of_ours() -> None:
    for path in VECTORS.glob("*.py"):
        words = path.read_text(encoding="utf-8").split()
        assert not {"device", "hardware", "cloud_stub", "lab"} & set(words), path.name
        assert "device.envelope" not in words


@pytest.mark.parametrize("name", CASES)
def test_every_vector_opens_for_each_of_its_readers(name: str) -> None:
    vector = load(name)
    segments = [bytes.fromhex(each) for each in vector["segments"]]
    for private in vector["reader_private_keys"]:
        key = ReaderKey.from_bytes(private.encode())
        begin, end = bytes.fromhex(vector["begin"]), bytes.fromhex(vector["end"])
        assert open_utterance(begin, segments, end, key).pcm.hex() == vector["pcm"]


@pytest.mark.parametrize("vector", REFUSED, ids=lambda vector: vector["name"])
def test_every_attack_is_refused_at_its_step(vector: dict[str, Any]) -> None:
    base = load(vector["base"])
    assert refusing_step(base, base["reader_private_keys"][0]) is None
    assert (
        refusing_step(base | vector, vector.get("reader", base["reader_private_keys"][0]))
        == vector["refused_at"]
    )


def test_the_worked_example_is_the_vector_x25519() -> None:
    vector, page = load("x25519"), (ROOT / "docs" / "wire-format.md").read_text(encoding="utf-8")
    begin, end = bytes.fromhex(vector["begin"]), bytes.fromhex(vector["end"])
    names = ["reader_private_keys", "header", "header_sha256", "wraps", "header_hash", "data_key"]
    names += ["segment_key", "base_nonce", "commitment"]
    shown = {name: text[0] if isinstance(text := vector[name], list) else text for name in names}
    shown |= {
        "signature": begin[-64:].hex(),
        "end_record": end[4:-64].decode(),
        "end_signature": end[-64:].hex(),
    }
    for number, segment in enumerate(vector["segments"]):
        shown[f"segment {number}"] = f"{segment[:48]} ... {segment[-32:]}"
    lines = [line.lstrip(" 0123456789") for line in page.split("## Worked example")[1].splitlines()]
    for name, value in shown.items():
        told = [line.removeprefix(name).strip() for line in lines if line.startswith(name + " ")]
        assert told
        assert set(told) == {value}, name


def test_every_domain_string_in_the_code_is_in_the_document() -> None:
    page = (ROOT / "docs" / "wire-format.md").read_text(encoding="utf-8")
    found = [
        domain
        for path in (ROOT / "device" / "envelope").glob("*.py")
        for domain in re.findall(r'b"(overheard/v1/[a-z]+\\0)"', path.read_text(encoding="utf-8"))
    ]
    assert len(found) == 7
    for domain in found + [f"overheard/v1/{kind}\\0" for kind in downlink.KINDS]:
        assert f'"{domain}"' in page, domain


def refusing_step(vector: dict[str, Any], private: str) -> str | None:
    step = "begin"
    segments = [bytes.fromhex(each) for each in vector["segments"]]
    try:
        begin = Begin.parse(bytes.fromhex(vector["begin"]))
        step = "data_key"
        data_key = begin.data_key(ReaderKey.from_bytes(private.encode()))
        step = "commitment"
        opener = Opener(begin, data_key)
        step = "segment"
        for segment in segments:
            opener.segment(segment)
        step = "end"
        opener.end(bytes.fromhex(vector["end"]), segments)
    except EnvelopeError:
        return step
    return None
