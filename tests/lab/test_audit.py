"""The audit on an honest evening, and on the same evening after somebody changed the evidence."""

import base64
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import soundfile
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from device.envelope import ReaderKey
from device.keys import load_or_make
from device.ledger import Checkpoint, Signer, leaf_hash, root_of, sign
from lab.__main__ import app
from lab.audit import envelopes, ledger
from lab.audit.answer import answer
from lab.audit.checks import CHECKS
from lab.audit.errors import AuditError, Damaged, NotGiven
from lab.audit.evidence import Evidence, Given
from lab.audit.run import audit
from lab.audit.verdicts import Check, Finding, Result, Verdict, judge, make
from lab.audit.written import VerdictJson
from lab.scenario import read
from lab.simulate import simulate

pytestmark = pytest.mark.xdist_group("audit")  # what is played serves them all

SCENARIOS = Path(__file__).resolve().parents[2] / "lab" / "scenarios"


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("audited") / "run"
    simulate(read(SCENARIOS / "evening.toml"), directory)
    return directory


@pytest.fixture
def run(honest: Path, tmp_path: Path) -> Path:
    """A copy of the evening that a test may doctor."""
    return Path(shutil.copytree(honest, tmp_path / "run"))


def finds(directory: Path, name: str) -> tuple[Finding, ...]:
    """What one check finds."""
    return make(next(each for each in CHECKS if each.name == name), Evidence(Given(directory))).findings


def states(directory: Path) -> dict[int, str]:
    return {verdict.promise: verdict.state for verdict in audit(Given(directory))}


# -- honest ------------------------------------------------------------------------------------------


def test_of_an_honest_evening_nothing_is_broken_and_what_nobody_looked_at_is_not_called_kept(
    honest: Path,
) -> None:
    """Every other scenario is audited in test_scenarios.py."""
    assert states(honest) == {
        1: "not provable", 2: "kept", 3: "kept", 4: "not provable", 5: "not provable",
        6: "kept", 7: "kept", 8: "kept", 9: "kept",
    }  # fmt: skip


# -- the changed evening -----------------------------------------------------------------------------


def lines(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    path.write_text("".join(line + "\n" for line in change(path.read_text().splitlines())))


def drop_row(run: Path) -> None:
    lines(run / "ledger.jsonl", lambda rows: [*rows[:20], *rows[21:]])


def swap_rows(run: Path) -> None:
    lines(run / "ledger.jsonl", lambda rows: [*rows[:20], rows[21], rows[20], *rows[22:]])


def rewrite_row(run: Path) -> None:
    """As the device itself could, with its own key: row 5 is another, and the head is signed anew."""
    identity = load_or_make(run, "mlkem768-x25519")

    def change(rows: list[str]) -> list[str]:
        return [
            row.replace('"samples":1280', '"samples":1279') if n == 5 else row for n, row in enumerate(rows)
        ]

    lines(run / "ledger.jsonl", change)
    rows = (run / "ledger.jsonl").read_bytes().splitlines()
    head = Checkpoint(f"overheard/v1/{identity.device}", len(rows), root_of([leaf_hash(row) for row in rows]))
    (run / "checkpoint.txt").write_text(sign(head.text(), Signer(identity.device, identity.signing)))


def another_key(run: Path) -> None:
    (run / "device.vkey").write_text(Signer("ovh-nobody", Ed25519PrivateKey.generate()).vkey)


def smuggle(run: Path) -> None:
    topic = next(json.loads(line)["topic"] for line in (run / "sent.jsonl").read_text().splitlines())
    message = {"topic": topic, "payload": base64.b64encode(b"{}").decode()}
    lines(run / "sent.jsonl", lambda sent: [*sent, json.dumps(message)])


def by_hermes(run: Path) -> None:
    message = {
        "topic": "hermes/audioServer/room/audioFrame",
        "payload": base64.b64encode(bytes(640)).decode(),
    }
    lines(run / "sent.jsonl", lambda sent: [*sent, json.dumps(message)])


def another_segment(run: Path) -> None:
    def change(sent: list[str]) -> list[str]:
        message = next(json.loads(line) for line in sent if "/segment" in line)
        payload = bytearray(base64.b64decode(message["payload"]))
        payload[-1] ^= 1
        message["payload"] = base64.b64encode(payload).decode()
        return [*sent, json.dumps(message)]

    lines(run / "sent.jsonl", change)


def another_owner(run: Path) -> None:
    (run / "owner.key").chmod(0o600)
    (run / "owner.key").write_bytes(ReaderKey.generate("x25519").to_bytes())


def early_room(run: Path) -> None:
    """The room sounded half a second earlier than it did: what was kept is from before its trigger."""
    room, rate = soundfile.read(run / "room.flac", dtype="int16")
    soundfile.write(run / "room.flac", room[8000:], rate, subtype="PCM_16")


def quiet_room(run: Path) -> None:
    room, rate = soundfile.read(run / "room.flac", dtype="int16")
    soundfile.write(run / "room.flac", np.zeros_like(room), rate, subtype="PCM_16")


def world(run: Path, change: Callable[[dict[str, object]], dict[str, object] | None]) -> None:
    seen = [change(json.loads(line)) for line in (run / "world.jsonl").read_text().splitlines()]
    kept = sorted((each for each in seen if each is not None), key=lambda each: each["sample"])
    (run / "world.jsonl").write_text("".join(json.dumps(each) + "\n" for each in kept))


def no_tap(run: Path) -> None:
    world(run, lambda seen: None if seen.get("do") == "tap" else seen)


def ordered(run: Path) -> None:
    """The tap was an order of the cloud."""
    order = {"kind": "order", "do": "listen", "signed": True, "retained": True}
    world(run, lambda seen: {**order, "sample": seen["sample"]} if seen.get("do") == "tap" else seen)


def muted_before(run: Path) -> None:
    """A hand muted a second after it had tapped."""
    world(run, lambda seen: {**seen, "sample": 584_000} if seen.get("do") == "mute" else seen)


def unmuted_late(run: Path) -> None:
    world(run, lambda seen: {**seen, "sample": 1_150_000} if seen.get("do") == "unmute" else seen)


def light(run: Path, cue: str, change: Callable[[int], int | None]) -> None:
    def moved(seen: dict[str, object]) -> dict[str, object] | None:
        if seen.get("cue") != cue:
            return seen
        sample = change(int(str(seen["sample"])))
        return None if sample is None else {**seen, "sample": sample}

    world(run, moved)


def dark(run: Path) -> None:
    for cue in ("verifying", "listening"):
        light(run, cue, lambda _sample: None)


def light_late(run: Path) -> None:
    light(run, "verifying", lambda sample: sample + 320)


def endless(run: Path) -> None:
    """From the tap on, the light that came with it stays for half a minute and more."""
    later = range(571_000, 1_200_000)
    world(run, lambda seen: None if seen["kind"] == "light" and seen["sample"] in later else seen)


def own_voice(run: Path) -> None:
    world(run, lambda seen: {**seen, "sample": 580_000} if seen["kind"] == "played" else seen)


def plain(kind: str) -> Callable[[Path], None]:
    def plant(run: Path) -> None:
        room, _ = soundfile.read(run / "room.flac", dtype="int16")
        piece = room[300_005:300_645]
        sound = (piece / 32768 if kind == "<f4" else piece).astype(kind).tobytes()
        (run / "egress.db-wal").write_bytes(os.urandom(4099) + sound + os.urandom(333))

    return plant


def vault(run: Path, *queries: str) -> None:
    with closing(sqlite3.connect(run / "cloud/vault/vault.sqlite")) as sql, sql:
        for query in queries:
            sql.execute(query)


def piece_stays(run: Path) -> None:
    one = "SELECT device, id, 0, x'00' FROM utterance LIMIT 1"
    vault(run, f"INSERT INTO piece (device, utterance, name, content) {one}")


def remains(run: Path) -> None:
    sent = [json.loads(line) for line in (run / "sent.jsonl").read_text().splitlines() if "/segment" in line]
    (run / "cloud" / "backup").write_bytes(bytes(100) + base64.b64decode(sent[0]["payload"]))


def key_stays(run: Path) -> None:
    evidence = Evidence(Given(run))
    begin = next(ledger.begins(evidence))[1]
    (run / "cloud" / "log").write_text(begin.data_key(evidence.reader_keys[0]).hex())


def unsigned_opening(run: Path) -> None:
    last = "SELECT max(idx) FROM access WHERE CAST(row AS TEXT) LIKE '%\"open\"%'"
    vault(run, f"DELETE FROM access WHERE idx = ({last})")


def altered_opening(run: Path) -> None:
    vault(run, "UPDATE access SET row = CAST(CAST(row AS TEXT) || ' ' AS BLOB) WHERE idx = 0")


def never_deleted(run: Path) -> None:
    vault(run, "UPDATE utterance SET state = 'complete'")


CHANGES: list[tuple[Callable[[Path], None], str]] = [
    (drop_row, "ledger.tree"),
    (swap_rows, "ledger.tree"),
    (rewrite_row, "ledger.heads"),
    (another_key, "ledger.tree"),
    (another_key, "ledger.key"),
    (smuggle, "envelope.ledgered"),
    (by_hermes, "envelope.strict"),
    (another_segment, "envelope.once"),
    (another_segment, "envelope.strict"),
    (another_owner, "envelope.opens"),
    (another_owner, "envelope.named"),
    (early_room, "audio.located"),
    (quiet_room, "audio.licensed"),
    (no_tap, "audio.licensed"),
    (no_tap, "audio.pressed"),
    (ordered, "audio.triggered"),
    (muted_before, "audio.muted"),
    (muted_before, "world.deaf"),
    (muted_before, "world.shown"),
    (unmuted_late, "world.by_hand"),
    (unmuted_late, "world.no_remote"),
    (dark, "world.light"),
    (light_late, "world.light"),
    (endless, "world.ends"),
    (own_voice, "audio.own_voice"),
    (plain("<i2"), "memory.disk"),
    (plain(">i2"), "memory.disk"),
    (plain("<f4"), "memory.disk"),
    (piece_stays, "cloud.gone"),
    (remains, "cloud.gone"),
    (key_stays, "cloud.gone"),
    (never_deleted, "cloud.gone"),
    (unsigned_opening, "cloud.door"),
    (altered_opening, "cloud.door"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "check"), CHANGES)
def test_what_somebody_changed_is_found(run: Path, change: Callable[[Path], None], check: str) -> None:
    change(run)
    assert finds(run, check)


def test_it_says_from_when_the_sound_is(run: Path) -> None:
    early_room(run)
    assert "0.50 s before that" in finds(run, "audio.located")[0].what


def test_it_says_which_order_came_just_before(run: Path) -> None:
    ordered(run)
    assert "the cloud had just ordered 'listen'" in finds(run, "audio.pressed")[0].what


EVENING_FILES = ("ledger.jsonl", "checkpoint.txt", "device.vkey", "sent.jsonl")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(EVENING_FILES[:3]), st.integers(0, 2**32), st.integers(1, 255))
def test_one_byte_of_the_ledger_that_is_another_is_never_kept(
    honest: Path, tmp_path_factory: pytest.TempPathFactory, name: str, where: int, by: int
) -> None:
    """But for white space around a verifier key, which is none of it."""
    copy = tmp_path_factory.mktemp("mutant")
    for each in EVENING_FILES:
        shutil.copy(honest / each, copy)
    content = bytearray((copy / name).read_bytes())
    content[where % len(content)] ^= by
    if name == "device.vkey" and bytes(content).strip() == (copy / name).read_bytes().strip():
        return
    (copy / name).write_bytes(content)
    verdicts = judge(Evidence(Given(copy)), ledger.CHECKS)
    assert next(each for each in verdicts if each.promise == 5).state == "broken"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 2**32), st.integers(1, 255))
def test_one_byte_of_a_message_that_is_another_is_never_kept(
    honest: Path, tmp_path_factory: pytest.TempPathFactory, which: int, where: int, by: int
) -> None:
    copy = tmp_path_factory.mktemp("mutant")
    for each in EVENING_FILES:
        shutil.copy(honest / each, copy)
    sent = [json.loads(line) for line in (copy / "sent.jsonl").read_text().splitlines()]
    message = sent[which % len(sent)]
    payload = bytearray(base64.b64decode(message["payload"]))
    payload[where % len(payload)] ^= by
    message["payload"] = base64.b64encode(payload).decode()
    (copy / "sent.jsonl").write_text("".join(json.dumps(each) + "\n" for each in sent))
    verdicts = judge(Evidence(Given(copy)), envelopes.CHECKS)
    assert next(each for each in verdicts if each.promise == 5).state == "broken"


# -- verdicts ----------------------------------------------------------------------------------------


def check(name: str, promise: int, *outcome: Finding | Exception) -> Check:
    def look(_evidence: Evidence) -> list[Finding]:
        for each in outcome:
            if isinstance(each, Exception):
                raise each
        return [each for each in outcome if isinstance(each, Finding)]

    return Check(name, promise, "", look)


GOOD = check("ledger.good", 1)
BLIND = check("capture.blind", 1, NotGiven("a capture"))
BAD = check("audio.bad", 1, Finding("half a second", "sample 5"))


def test_kept_is_only_what_every_check_looked_at(tmp_path: Path) -> None:
    nothing = Evidence(Given(tmp_path))

    def state(*checks: Check) -> str:
        return judge(nothing, checks)[0].state

    assert [state(GOOD), state(GOOD, BLIND), state(GOOD, BLIND, BAD), state()] == [
        "kept", "not provable", "broken", "not provable",
    ]  # fmt: skip
    assert judge(nothing, [GOOD, BLIND])[0].needs == ["a capture"]


def test_evidence_that_cannot_be_read_breaks_what_it_was_to_show(tmp_path: Path) -> None:
    damaged = make(check("ledger.torn", 5, Damaged("ledger.jsonl:3", "torn")), Evidence(Given(tmp_path)))
    assert damaged.findings == (Finding("torn", "ledger.jsonl:3"),)


def test_without_any_evidence_nothing_is_kept_and_everything_says_what_it_needs(tmp_path: Path) -> None:
    for verdict in audit(Given(tmp_path)):
        assert verdict.state == "not provable"
        assert all(result.needs for result in verdict.results)


@pytest.mark.parametrize(
    "name",
    ["ledger.jsonl", "checkpoint.txt", "device.vkey", "sent.jsonl", "world.jsonl", "room.flac", "owner.key"],
)
def test_a_file_that_is_no_such_thing_is_named_and_breaks_what_it_was_to_show(run: Path, name: str) -> None:
    (run / name).chmod(0o600)
    (run / name).write_bytes(b"\x00\xff" * 500)
    said = [finding.where for verdict in audit(Given(run)) for _, finding in verdict.findings]
    assert any(name in where for where in said), said


# -- the command -------------------------------------------------------------------------------------


def test_the_command_writes_the_verdict_and_answers_by_its_exit_code(run: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["audit", str(run)])
    assert done.exit_code == 3, done.output
    assert "Not as far as can be seen" in (run / "audit.html").read_text()
    said = json.loads((run / "verdict.json").read_text())
    assert list(said) == list(VerdictJson.__struct_fields__)
    assert "ledger.jsonl" in said["given"]
    assert str(tmp_path) not in (run / "verdict.json").read_text()
    rewrite_row(run)
    assert CliRunner().invoke(app, ["audit", str(run), "--out", str(tmp_path)]).exit_code == 1
    assert "a head of" in (tmp_path / "verdict.json").read_text()
    assert "a head of" in (tmp_path / "audit.html").read_text()


def test_the_same_evidence_gives_the_same_bytes(honest: Path, run: Path, tmp_path: Path) -> None:
    for number, directory in enumerate((honest, run)):
        (tmp_path / str(number)).mkdir()
        CliRunner().invoke(app, ["audit", str(directory), "--out", str(tmp_path / str(number))])
    assert (tmp_path / "0" / "verdict.json").read_bytes() == (tmp_path / "1" / "verdict.json").read_bytes()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["nowhere"], "nowhere: no such folder"),
        (["empty"], "empty: empty"),
        (["run", "--room", "none.flac"], "none.flac: no such file"),
        (["run", "--reader-key", "none.key"], "none.key: no such file"),
    ],
)
def test_what_is_not_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "sent.jsonl").touch()
    with pytest.raises(AuditError, match=says) as caught:
        CliRunner().invoke(app, ["audit", *given], catch_exceptions=False)
    assert caught.value.exit_code == 2


# -- the page ----------------------------------------------------------------------------------------


def test_the_answer_is_that_of_the_verdicts(run: Path, tmp_path: Path) -> None:
    before = answer(audit(Given(run)))
    assert (before.word, before.state) == ("Not as far as can be seen", "not provable")
    early_room(run)
    after = answer(audit(Given(run)))
    assert (after.word, after.state) == ("Yes", "broken")
    assert "0.50 s before that" in after.sentence
    assert answer([Verdict(1, (Result(GOOD),)), Verdict(3, (Result(GOOD),))]).word == "No"
    assert answer(audit(Given(tmp_path / "nothing"))).word == "Can’t be told"


def test_what_is_not_accounted_for_may_have_been_anything(run: Path) -> None:
    smuggle(run)
    assert answer(audit(Given(run))).word == "Yes"


def test_no_word_of_the_evidence_becomes_markup(run: Path) -> None:
    message = {"topic": "<script>alert(1)</script>", "payload": ""}
    lines(run / "sent.jsonl", lambda sent: [*sent, json.dumps(message)])
    CliRunner().invoke(app, ["audit", str(run)])
    page = (run / "audit.html").read_text()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page
    assert "default-src 'none'" in page


def test_what_lies_is_drawn_red_and_says_so(run: Path) -> None:
    CliRunner().invoke(app, ["audit", str(run)])
    honest_page = (run / "audit.html").read_text()
    assert 'class="lies"' not in honest_page
    assert "wake word" in honest_page
    early_room(run)
    CliRunner().invoke(app, ["audit", str(run)])
    page = (run / "audit.html").read_text()
    assert page.count('class="lies"') == page.count(">not what it says<") == 5


MEASURE = """<script>addEventListener("load", () => parent.postMessage([document.documentElement.scrollWidth,
document.querySelector(".answer").getBoundingClientRect().bottom].join(" "), "*"))</script></body>"""

PHONE = """<!doctype html><body><script>
addEventListener("message", event => { document.title = event.data })</script>
<iframe src="measured.html" width="360" height="640"></iframe></body>"""


def test_on_a_small_phone_the_answer_is_on_the_first_screen_and_only_the_picture_scrolls(
    run: Path, tmp_path: Path
) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine; install chromium to see the page in a browser")
    CliRunner().invoke(app, ["audit", str(run)])
    page = (run / "audit.html").read_text().replace("default-src 'none'", "script-src 'unsafe-inline'")
    (tmp_path / "measured.html").write_text(page.replace("</body>", MEASURE))
    (tmp_path / "phone.html").write_text(PHONE)
    options = ["--headless", "--no-sandbox", "--allow-file-access-from-files", "--virtual-time-budget=5000"]
    place = (tmp_path / "phone.html").as_uri()
    command = [chromium, *options, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", place]
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    wide, bottom = map(float, dom.split("<title>")[1].split("</title>")[0].split())
    assert wide <= 360
    assert bottom < 640
