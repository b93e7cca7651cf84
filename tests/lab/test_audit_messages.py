"""Every message in a row, for other tools: complete, typed, and no formula."""

import csv
import json
import re
import shutil
from base64 import b64encode
from dataclasses import fields
from io import StringIO
from pathlib import Path

import pytest

from lab.audit.checks import CHECKS
from lab.audit.evidence import Evidence, Given
from lab.audit.messages import Line, lines, to_csv, write
from lab.audit.verdicts import judge
from lab.enclosure.privilege import missing
from lab.scenario import read
from lab.simulate import Around, simulate

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = [field.name for field in fields(Line)]


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("messages") / "run"
    scenario = read(ROOT / "lab" / "scenarios" / "press.toml")
    return simulate(scenario, folder, around=Around(captured=missing() is None)).directory


@pytest.fixture
def run(honest: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(honest, tmp_path / "run"))


def of(folder: Path) -> list[Line]:
    evidence = Evidence(Given(folder))
    return lines(evidence, judge(evidence, CHECKS))


def test_every_message_of_the_ledger_is_there_once_and_who_else_has_it(run: Path) -> None:
    made = of(run)
    rows = [json.loads(line) for line in (run / "ledger.jsonl").read_text().splitlines()]
    left = [row for row in rows if "sha256" in row]
    assert [line.ledger_row for line in made] == [row["index"] for row in left]
    assert {line.in_ledger for line in made} == {True}
    assert all(line.at_broker for line in made if line.kind != "connect")
    segments = [line for line in made if line.kind == "segment"]
    assert [line.segment for line in segments] == list(range(len(segments)))
    assert {line.trigger for line in segments} == {"button_tap"}
    assert {(line.readers, line.opened) for line in segments} == {("cloud owner", True)}
    assert {line.findings for line in made} == {None}
    if missing() is None:
        assert {line.on_wire for line in made} == {True}
        times = [line.sent_at for line in made if line.sent_at is not None]
        assert times == sorted(times)
        assert len(times) == len(made)


def test_what_is_in_no_ledger_comes_last_and_is_no_formula(run: Path) -> None:
    with (run / "sent.jsonl").open("a") as file:
        file.write(json.dumps({"topic": "=cmd|' /C calc'!A0", "payload": b64encode(b"x").decode()}) + "\n")
    made = of(run)
    assert (made[-1].in_ledger, made[-1].at_broker, made[-1].bytes) == (False, True, 1)
    assert "envelope.ledgered" in (made[-1].findings or "")
    cells = list(csv.DictReader(StringIO(to_csv(made), newline="")))
    assert cells[-1]["topic"] == "'=cmd|' /C calc'!A0"
    assert cells[-1]["in_ledger"] == "no"
    assert not [cell for row in cells for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


def test_a_finding_stands_beside_what_it_is_about(run: Path) -> None:
    text = (run / "world.jsonl").read_text()
    (run / "world.jsonl").write_text(text.replace('"do":"tap"', '"do":"wave"'))
    made = of(run)
    assert {line.findings for line in made if line.kind == "segment"} == {"audio.licensed audio.triggered"}


def test_of_what_was_not_given_nothing_is_said(run: Path) -> None:
    for name in ("sent.jsonl", "wire.pcapng"):
        (run / name).unlink(missing_ok=True)
    assert {(line.at_broker, line.on_wire, line.trigger) for line in of(run)} == {(None, None, None)}
    (run / "ledger.jsonl").write_bytes(b"not a ledger\n")
    assert of(run) == []


def test_both_files_say_the_same(run: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is in the extra `study`")
    made = of(run)
    assert write(made, tmp_path) == ["messages.csv", "messages.parquet"]
    table = parquet.read_table(tmp_path / "messages.parquet").to_pylist()
    with (tmp_path / "messages.csv").open(newline="") as file:
        cells = list(csv.DictReader(file))
    assert list(table[0]) == list(cells[0]) == COLUMNS
    assert [row["sha256"] for row in table] == [row["sha256"] for row in cells]
    assert [str(row["bytes"]) for row in table] == [row["bytes"] for row in cells]


def test_the_page_explains_every_column() -> None:
    page = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8").partition("## messages.csv")[2]
    table = page.partition("\n## ")[0].partition("|---|---|")[2]
    named = [
        name
        for line in table.splitlines()
        for name in re.findall(r"`(\w+)`", line.partition("|")[2].partition("|")[0])
    ]
    assert named == COLUMNS
