"""The published vectors are what this code makes and reads, and a stranger's reader agrees on every one."""

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from device.envelope import Begin, EnvelopeError, Opener, ReaderKey, downlink, open_utterance, topics

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "vectors"
Json = dict[str, Any]


def load(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


REFUSED = load("refused")["vectors"]
CASES = [case["name"] for case in load("inputs")["cases"]]
DOWNLINK, NOTE, LEDGER = load("downlink"), load("keys-note"), load("ledger")


def named(vectors: list[Json], name: str) -> Json:
    return next(vector for vector in vectors if vector["name"] == name)


def names(vectors: list[Json]) -> list[str]:
    return [vector["name"] for vector in vectors]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *command], capture_output=True, text=True, check=False
    )


def test_the_vectors_are_exactly_what_the_script_makes() -> None:
    done = run(str(ROOT / "scripts" / "make_vectors.py"), "--check")
    assert (done.stdout, done.returncode) == ("vectors: as made\n", 0), done.stderr


# -- the second reader -----------------------------------------------------------------------------


def test_a_reader_that_shares_no_code_with_us_reads_and_refuses_them_all() -> None:
    done = run("-E", "-s", str(VECTORS / "second_reader.py"))
    others = [DOWNLINK["refused"], NOTE["refused"], *LEDGER["refused"].values()]
    refused = len(REFUSED) + sum(len(each) for each in others)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(rf"[0-9]+ read, {refused} refused\n", done.stdout)


def test_the_second_reader_imports_nothing_of_ours() -> None:
    own = {path.stem for path in VECTORS.glob("*.py")}
    assert "second_reader" in own
    for path in VECTORS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or "."] if isinstance(node, ast.ImportFrom) else []
            roots = {module.partition(".")[0] for module in modules}
            assert roots <= own | sys.stdlib_module_names | {"cryptography"}, path.name


TAMPERED: dict[str, tuple[str, Callable[[Any], object]]] = {
    "x25519": ("x25519", lambda file: file.update(pcm="01" + file["pcm"][2:])),
    "empty": ("empty", lambda file: file.update(end=file["end"][:-4])),
    "begin-cut": ("refused", lambda file: named(file["vectors"], "begin-cut").pop("begin")),
    "segment-moved": (
        "refused",
        lambda file: named(file["vectors"], "segment-moved").update(refused_at="end"),
    ),
    "gaps": ("gaps", lambda file: file["gaps"][1].__setitem__(0, 999)),
    "segment-gap-twice-signed": (
        "refused",
        lambda file: named(file["vectors"], "segment-gap-twice-signed").pop("segments"),
    ),
    "ovh-": ("keys", lambda file: file["devices"][0].update(id=file["devices"][1]["id"])),
    "downlink 0": ("downlink", lambda file: file["messages"][0]["body"].update(state="complete")),
    "ack-cut": ("downlink", lambda file: named(file["refused"], "ack-cut").update(file["messages"][0])),
    "keys note": ("keys-note", lambda file: file.update(not_after="2027-02-01T00:00:00Z")),
    "ledger": ("ledger", lambda file: file["rows"].reverse()),
    "consistency-cut": (
        "ledger",
        lambda file: named(file["refused"]["consistency"], "consistency-cut").update(file["consistency"][5]),
    ),
}


def test_the_second_reader_notices_every_vector_that_was_tampered_with(tmp_path: Path) -> None:
    for path in VECTORS.glob("*.json"):
        shutil.copy(path, tmp_path)
    for file, change in TAMPERED.values():
        content = json.loads((tmp_path / f"{file}.json").read_text(encoding="utf-8"))
        change(content)
        (tmp_path / f"{file}.json").write_text(json.dumps(content), encoding="utf-8")
    done = run("-E", "-s", str(VECTORS / "second_reader.py"), str(tmp_path))
    complaints = done.stdout.splitlines()
    assert done.returncode == 1, done.stderr
    for start in TAMPERED:
        assert any(line.startswith(start) for line in complaints), start


# -- our own code ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_every_vector_opens_for_each_of_its_readers(name: str) -> None:
    vector = load(name)
    segments = [bytes.fromhex(each) for each in vector["segments"]]
    for private in vector["reader_private_keys"]:
        key = ReaderKey.from_bytes(private.encode())
        begin, end = bytes.fromhex(vector["begin"]), bytes.fromhex(vector["end"])
        opened = open_utterance(begin, segments, end, key)
        assert opened.pcm.hex() == vector["pcm"]
        assert [list(gap) for gap in opened.gaps] == vector["gaps"]


@pytest.mark.parametrize("vector", REFUSED, ids=names(REFUSED))
def test_every_attack_is_refused_at_its_step(vector: Json) -> None:
    base = load(vector["base"])
    assert refusing_step(base, base["reader_private_keys"][0]) is None
    assert (
        refusing_step(base | vector, vector.get("reader", base["reader_private_keys"][0]))
        == vector["refused_at"]
    )


def refusing_step(vector: Json, private: str) -> str | None:
    step = "begin"
    segments = [bytes.fromhex(each) for each in vector["segments"]]
    try:
        begin = Begin.parse(bytes.fromhex(vector["begin"]))
        if topics.parse(vector["topic"]) != ("begin", begin.header.device, begin.header.utterance):
            return step
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


# -- the page --------------------------------------------------------------------------------------


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
    assert len(found) >= 7
    for domain in found + [f"overheard/v1/{kind}\\0" for kind in downlink.KINDS]:
        assert f'"{domain}"' in page, domain


def test_the_head_in_the_document_is_that_of_the_ledger() -> None:
    page = (ROOT / "docs" / "wire-format.md").read_text(encoding="utf-8")
    assert f"```text\n{LEDGER['heads'][0]}```\n" in page
