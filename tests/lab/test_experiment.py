"""The misactivation experiment: its plan by seed, its table from evidence, and going on where it was."""

import json
import random
import re
import shutil
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from rich.console import Console

from device.ledger import parse_row
from lab.audit.evidence import Evidence, Given
from lab.canary.run import missing as no_canary
from lab.enclosure.privilege import missing
from lab.experiment import count, page, table
from lab.experiment.plan import PAUSE_S, SESSION_S, TAIL_S, plan
from lab.experiment.records import Experiment, Made, Misactivation, Outcome, Plan, Played, Session
from lab.experiment.run import Wish, run
from lab.scenario import read
from lab.study.errors import StudyError

ROOT = Path(__file__).resolve().parents[2]
SOUNDS = ROOT / "lab" / "scenarios" / "audio"
SCRIPT = ROOT / "scripts" / "experiment"
WHY = missing()

pytestmark = pytest.mark.xdist_group("experiment")  # one experiment serves them all
enclosed = pytest.mark.skipif(WHY is not None, reason=WHY or "")


def made(audio: Path, seed: int = 1, hours: float | None = None) -> Made:
    return Made(str(audio), seed, hours, "alexa", "balanced", "0", {})


@pytest.fixture
def hour(tmp_path: Path) -> Path:
    """An hour or so of very quiet files, some of which say the word."""
    audio = tmp_path / "audio"
    rows = ["file,label,group"]
    for number in range(40):
        show = ("friends", "narcos")[number % 2]
        (audio / show).mkdir(parents=True, exist_ok=True)
        length = 8_000 * (60 + number)
        soundfile.write(audio / show / f"{number}.flac", np.zeros(length, dtype="int16"), 8_000)
        rows.append(f"{show}/{number}.flac,{'alexa' if number % 10 == 0 else ''},{show}")
    (audio / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    return audio


# -- the plan ----------------------------------------------------------------------------------------


def test_the_seed_decides_order_and_gains(hour: Path) -> None:
    assert plan(hour, made(hour)) == plan(hour, made(hour))
    assert plan(hour, made(hour)).sessions != plan(hour, made(hour, seed=2)).sessions


def test_everything_without_the_word_is_played_once(hour: Path) -> None:
    plays = [each for session in plan(hour, made(hour)).sessions for each in session.plays]
    assert sorted(int(Path(each.file).stem) for each in plays) == [n for n in range(40) if n % 10]
    assert {each.group for each in plays} == {"friends", "narcos"}
    assert all(-6 <= each.gain_db <= 0 for each in plays)
    assert len({each.gain_db for each in plays}) > 10


def test_sessions_are_ten_minutes_and_no_two_sounds_overlap(hour: Path) -> None:
    for number, session in enumerate(plan(hour, made(hour)).sessions, 1):
        assert session.number == number
        assert session.seconds <= SESSION_S + TAIL_S
        for one, next_one in zip(session.plays, session.plays[1:], strict=False):
            assert next_one.at_s >= one.at_s + one.seconds + PAUSE_S - 0.002


def test_so_many_hours_are_the_beginning_of_all(hour: Path) -> None:
    def files(hours: float | None) -> list[str]:
        sessions = plan(hour, made(hour, hours=hours)).sessions
        return [each.file for session in sessions for each in session.plays]

    some, everything = files(0.1), files(None)
    assert 4 <= len(some) <= 7
    assert some == everything[: len(some)]


def test_a_broken_file_is_a_line_and_the_rest_is_played(hour: Path) -> None:
    whole = (SOUNDS / "evening.flac").read_bytes()
    (hour / "friends" / "2.flac").write_bytes(whole[: len(whole) // 2])
    (hour / "narcos" / "3.flac").write_bytes(b"no sound")
    planned = plan(hour, made(hour))
    assert sum(len(session.plays) for session in planned.sessions) == 34
    assert [re.findall(r"\w+/\d\.flac", line) for line in sorted(planned.broken)] == [
        ["friends/2.flac"], ["narcos/3.flac"],
    ]  # fmt: skip
    assert all("\n" not in line for line in planned.broken)


def test_nothing_to_play_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.flac").write_bytes(b"no sound")
    with pytest.raises(StudyError, match=r"no audio to play \(.*a\.flac"):
        plan(tmp_path, made(tmp_path))


# -- the table ---------------------------------------------------------------------------------------


def experiment(*outcomes: Outcome, broken: tuple[str, ...] = ()) -> Experiment:
    plays = tuple(Played(f"{name}.flac", name, at, 1800.0, 0.0) for name, at in (("<b>", 1), ("a|b", 1900)))
    planned = Plan(made(Path("audio")), (Session(1, 4000.0, plays),), broken)
    return Experiment(planned, "scripts/experiment", {"machine": "here"}, "", outcomes)


def left(sent_s: float, *, group: str = "a|b", in_ledger: bool = True) -> Misactivation:
    return Misactivation(1, "0" * 32, f"{group}.flac", group, 2000.0, sent_s, 1000, in_ledger)


def test_a_row_a_group_and_one_for_all() -> None:
    found = Outcome(1, {"1": "kept"}, (), (), 9000, (left(2.0), left(6.0), left(9.0, group="<b>")), ())
    first, second, everything = table.rows(experiment(found))
    assert (first.group, first.count, first.longer, first.hours) == ("<b>", 1, 1, 0.5)
    assert (second.count, second.shorter, second.longer, second.bytes) == (2, 1, 1, 2000)
    assert everything.per_hour is not None
    assert (everything.count, everything.per_hour.value) == (3, 3.0)
    assert everything.durations is not None
    assert everything.durations.p50_s == 6.0


def test_what_is_not_in_the_ledger_or_found_is_not_clean() -> None:
    assert experiment(Outcome(1, {}, (), (), 0, (left(2.0),), ())).clean
    assert not experiment(Outcome(1, {}, (), (), 0, (left(2.0, in_ledger=False),), ())).clean
    assert not experiment(Outcome(1, {}, ("promise 1: what (where; check)",), (), 0, (), ())).clean


def test_the_words_of_strangers_stay_words() -> None:
    one = experiment(Outcome(1, {"1": "broken"}, ("<script>",), (), 0, (left(2.0),), ()), broken=("<i>",))
    written = table.markdown(one)
    assert "| a\\|b |" in written
    assert "session 1: <script>" in written
    html = page.page(one)
    assert "<b>" not in html
    assert "<script>" not in html
    assert "<i>" not in html
    assert "http" not in re.sub(r"http-equiv", "", html)


# -- the whole ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shows: in one is a near miss, in the other somebody says the word, which nobody labelled; and one
    file that is broken.
    """
    audio = tmp_path_factory.mktemp("corpus")
    for show, name in (("friends", "near_word"), ("narcos", "alexa_time")):
        (audio / show).mkdir()
        shutil.copyfile(SOUNDS / f"{name}.flac", audio / show / f"{name}.flac")
    (audio / "narcos" / "broken.flac").write_bytes(b"no sound")
    return audio


@pytest.fixture(scope="module")
def folder(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("experiment") / "out"
    said = StringIO()
    assert run(Wish(corpus, out, seed=3), Console(file=said, width=180)) == 0
    (line,) = [line for line in said.getvalue().splitlines() if line.startswith("left out: ")]
    assert "narcos/broken.flac" in line
    return out


def rows(out: Path) -> list[list[str]]:
    lines = (out / "table.md").read_text(encoding="utf-8").splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]


def outcome_of(out: Path) -> Any:
    (outcome,) = json.loads((out / "experiment.json").read_text(encoding="utf-8"))["outcomes"]
    return outcome


@enclosed
def test_what_was_misheard_is_in_the_table(folder: Path) -> None:
    cells = {row[0]: (row[2], row[8], row[9]) for row in rows(folder)[2:]}
    assert cells["friends"] == ("0", "0 of 0", "1")
    assert cells["narcos"] == ("1", "1 of 1", "0")
    assert cells["all"] == ("1", "1 of 1", "1")
    assert "- left out: " in (folder / "table.md").read_text(encoding="utf-8")


@enclosed
def test_a_misactivation_is_counted_from_what_left(folder: Path) -> None:
    outcome = outcome_of(folder)
    (wake,) = outcome["misactivations"]
    rows = [parse_row(line) for line in (folder / "sessions/0001/ledger.jsonl").read_bytes().splitlines()]
    mine = [row for row in rows if row.utterance == wake["utterance"]]
    assert wake["bytes"] == sum(row.bytes for row in mine if row.bytes is not None)
    assert wake["sent_s"] == sum(row.samples or 0 for row in mine if row.kind == "segment") / 16_000
    assert wake["file"] == "narcos/alexa_time.flac"
    assert outcome["wire_bytes"] > wake["bytes"]


@enclosed
def test_the_evidence_is_attached(folder: Path) -> None:
    session = folder / "sessions" / "0001"
    for name in (
        "ledger.jsonl", "wire.pcapng", "wire.keys", "link.json", "room.flac", "sent.jsonl", "verdict.json",
    ):  # fmt: skip
        assert (session / name).stat().st_size > 0
    html = (folder / "experiment.html").read_text(encoding="utf-8")
    links = set(re.findall(r'href="([^"]+)"', html))
    assert links == {"sessions/0001/audit.html"}
    assert (folder / "sessions/0001/audit.html").is_file()
    assert read(folder / "sessions/0001.toml").speaker == {
        "wakeword": {"words": ["alexa"], "sensitivity": "balanced"}
    }


@enclosed
def test_memory_is_searched_where_that_can_be_done(folder: Path) -> None:
    outcome = outcome_of(folder)
    states = outcome["states"]
    expected = "kept" if no_canary() is None else "not provable"
    assert [states[promise] for promise in "14"] == [expected] * 2
    assert ("memory was not searched" in (folder / "table.md").read_text()) is (no_canary() is not None)


@enclosed
def test_a_message_that_the_ledger_does_not_have_is_seen(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder / "sessions" / "0001", tmp_path / "copy")
    session = Session(1, 60.0, (Played("a", "b", 1.0, 2.0, 0.0),))
    assert [each.in_ledger for each in count.misactivations(Evidence(Given(copy)), session)] == [True]
    lines = (copy / "ledger.jsonl").read_bytes().splitlines()
    at = random.Random(1).choice([n for n, line in enumerate(lines) if b'"segment"' in line])
    (copy / "ledger.jsonl").write_bytes(b"\n".join(lines[:at] + lines[at + 1 :]) + b"\n")
    assert [each.in_ledger for each in count.misactivations(Evidence(Given(copy)), session)] == [False]


@enclosed
def test_a_session_with_a_verdict_is_not_played_again(folder: Path, corpus: Path, tmp_path: Path) -> None:
    out = shutil.copytree(folder, tmp_path / "out")
    capture = out / "sessions" / "0001" / "wire.pcapng"
    before = capture.read_bytes()
    (out / "experiment.html").unlink()
    assert run(Wish(corpus, out, seed=3), Console(quiet=True)) == 0
    assert capture.read_bytes() == before
    assert (out / "experiment.html").is_file()


@enclosed
def test_without_its_verdict_it_is_and_the_same_seed_gives_the_same_table(
    folder: Path, corpus: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(folder, tmp_path / "out")
    capture = out / "sessions" / "0001" / "wire.pcapng"
    before = capture.read_bytes()
    (out / "sessions" / "0001" / "verdict.json").unlink()
    assert run(Wish(corpus, out, seed=3), Console(quiet=True)) == 0
    assert capture.read_bytes() != before
    assert rows(out) == rows(folder)


@enclosed
def test_a_folder_goes_on_only_with_the_same_wish(folder: Path, corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"begun with other seed \(3, now 4\)"):
        run(Wish(corpus, folder, seed=4), Console(quiet=True))
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(StudyError, match="not empty, and no experiment"):
        run(Wish(corpus, tmp_path), Console(quiet=True))
    with pytest.raises(StudyError, match="inside the folder of the audio"):
        run(Wish(corpus, corpus / "out"), Console(quiet=True))


# -- the command -------------------------------------------------------------------------------------


def command(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, SCRIPT, *words], capture_output=True, text=True, check=False, timeout=120
    )


@enclosed
def test_what_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    audio = tmp_path / "audio"
    audio.mkdir()
    (audio / "a.flac").write_bytes(b"no sound")
    done = command(audio, "--out", tmp_path / "out")
    assert done.returncode == 3
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("INFO: ")]
    assert line.startswith(f"experiment: {audio}: no audio to play")
    assert command(audio, "--out", tmp_path / "out", "--hours", "0").returncode == 2


@enclosed
@pytest.mark.skipif(no_canary() is not None, reason=no_canary() or "")
def test_an_interrupted_experiment_goes_on(folder: Path, corpus: Path, tmp_path: Path) -> None:
    words = [sys.executable, str(SCRIPT), str(corpus), "--out", str(tmp_path / "out"), "--seed", "3"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as begun:
        assert begun.stderr is not None
        assert any("a canary sings" in line for line in begun.stderr)
        begun.send_signal(signal.SIGINT)
        said = begun.stderr.read()
    assert begun.returncode == 130
    assert "Traceback" not in said
    shutil.copyfile(folder / "memory.json", tmp_path / "out" / "memory.json")  # else it would sing again
    assert command(*words[2:]).returncode == 0
    assert rows(tmp_path / "out") == rows(folder)
