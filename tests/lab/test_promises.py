"""The checks of the promises, each seen to fail on evidence that was doctored by hand after an honest run."""

import base64
import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rich.console import Console

from device.envelope import EnvelopeError, ReaderKey
from lab.evidence import Evidence
from lab.opening import open_all, read_key
from lab.promises import promises
from lab.scenario import read
from lab.show import tables
from lab.simulate import Outcome, simulate

SCENARIO = Path(__file__).resolve().parents[2] / "lab" / "scenarios" / "muted.toml"


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return simulate(read(SCENARIO), tmp_path_factory.mktemp("honest") / "run")


@pytest.fixture
def run(honest: Outcome, tmp_path: Path) -> Outcome:
    """A copy of the honest run that a test may doctor."""
    directory = tmp_path / "run"
    directory.mkdir()
    for path in honest.directory.iterdir():
        if path.is_file():
            (directory / path.name).write_bytes(path.read_bytes())
    return honest._replace(
        directory=directory, events=[dict(e) for e in honest.events], shown=list(honest.shown)
    )


def broken(outcome: Outcome) -> list[str]:
    return [verdict.expectation for verdict in promises(Evidence(outcome)) if not verdict.passed]


def edit_lines(path: Path, change: "dict[int, str | None]") -> None:
    lines = path.read_text().splitlines()
    kept = [change.get(i, line) for i, line in enumerate(lines)]
    path.write_text("".join(f"{line}\n" for line in kept if line is not None))


def test_an_honest_run_breaks_none(run: Outcome) -> None:
    assert broken(run) == []


def test_one_sample_that_the_room_did_not_sound_like_is_found(run: Outcome) -> None:
    utterance = Evidence(run).opened[0]
    path = run.directory / "room.flac"
    room, rate = soundfile.read(path, dtype="int16")
    room[utterance.header.first_sample + 7] += 1
    soundfile.write(path, room, rate, subtype="PCM_16")
    assert [b for b in broken(run) if "promise 1" in b]


def test_an_utterance_that_began_before_its_trigger_is_found(run: Outcome) -> None:
    for event in run.events:
        if event["kind"] == "trigger":
            event["sample"] += 1
    assert [b for b in broken(run) if "promise 1" in b]


def test_a_frame_read_while_muted_is_found(run: Outcome) -> None:
    muted = next(e["sample"] for e in run.events if e["kind"] == "mute" and e["on"])
    frames = sorted([*run.frames_read, (muted + 16_000, 10**6)])
    assert [b for b in broken(run._replace(frames_read=frames)) if "promise 2" in b]


def test_a_frame_read_while_the_switch_is_at_muted_is_found_though_the_speaker_never_told_of_mute(
    run: Outcome,
) -> None:
    slid = next(e["sample"] for e in run.events if e["kind"] == "scene" and e["do"] == "mute")
    frames = sorted([*run.frames_read, (slid + 16_000, 10**6)])
    events = [e for e in run.events if e["kind"] != "mute"]
    assert [b for b in broken(run._replace(frames_read=frames, events=events)) if "promise 2" in b]


def test_an_utterance_that_was_sent_in_the_dark_is_found_though_the_speaker_never_told_of_it(
    run: Outcome,
) -> None:
    dark = [(sample, "idle" if cue in {"verifying", "listening"} else cue) for sample, cue in run.shown]
    events = [e for e in run.events if e["kind"] != "utterance"]
    assert [b for b in broken(run._replace(shown=dark, events=events)) if "promise 7" in b]


def test_what_does_not_open_is_a_broken_promise_and_the_run_is_still_shown(run: Outcome) -> None:
    path = run.directory / "sent.jsonl"
    lines = path.read_text().splitlines()
    edit_lines(path, {next(i for i, line in enumerate(lines) if "/segment" in line): None})
    evidence = Evidence(run)
    verdicts = list(promises(evidence))
    assert {v.expectation[:9] for v in verdicts if not v.passed} >= {"promise 1", "promise 6"}
    console = Console(file=StringIO(), width=112)
    tables(console, evidence, verdicts)
    assert "not true promise 1" in console.file.getvalue()


def test_a_message_without_a_row_is_found(run: Outcome) -> None:
    with (run.directory / "sent.jsonl").open("a") as file:
        file.write(json.dumps({"topic": "overheard/v1/x/up/status", "payload": "AAAA"}) + "\n")
    assert [b for b in broken(run) if "every message" in b]


@pytest.mark.parametrize("kind", ["dropped", "trigger"])
def test_a_header_that_names_another_row_than_that_of_its_trigger_is_found(run: Outcome, kind: str) -> None:
    path = run.directory / "ledger.jsonl"
    at = Evidence(run).opened[0].header.ledger_index
    row = json.loads(path.read_text().splitlines()[at])
    row |= {"kind": kind} if kind == "dropped" else {"utterance": "00" * 16}
    edit_lines(path, {at: json.dumps(row, separators=(",", ":"), sort_keys=True)})
    assert [b for b in broken(run) if "every message" in b]


def test_an_utterance_that_was_sealed_anew_is_held_against_its_first_trigger_and_is_not_lost(
    run: Outcome,
) -> None:
    """As if what was sent under this name had been captured under another."""
    path = run.directory / "ledger.jsonl"
    header = Evidence(run).opened[0].header
    new, old, at = header.utterance, "00" * 16, header.ledger_index
    for event in run.events:
        if event["kind"] in ("trigger", "utterance") and event["id"] == new:
            event["id"] = old
    assert {b[:9] for b in broken(run)} >= {"promise 1", "no uttera"}
    row = json.loads(path.read_text().splitlines()[at]) | {"kind": "resealed", "cause": old}
    edit_lines(path, {at: json.dumps(row, separators=(",", ":"), sort_keys=True)})
    assert [b for b in broken(run) if "every message" in b], "the old one was not dropped"
    lines = path.read_text().splitlines()
    dropped = {"cause": "resealed", "index": len(lines), "kind": "dropped", "utterance": old}
    path.write_text("\n".join([*lines, json.dumps(dropped, separators=(",", ":")), ""]))
    assert [b for b in broken(run) if "tree" not in b] == []


@pytest.mark.parametrize("what", ["altered", "removed", "repeated"])
def test_a_ledger_that_was_touched_is_found(run: Outcome, what: str) -> None:
    path = run.directory / "ledger.jsonl"
    line = path.read_text().splitlines()[3]
    altered = line.replace('"index":3', '"index":3').replace("0", "1", 1)
    edit_lines(path, {3: {"altered": altered, "removed": None, "repeated": f"{line}\n{line}"}[what]})
    assert [b for b in broken(run) if "tree" in b]


def test_a_head_signed_by_another_key_is_found(run: Outcome) -> None:
    note = (run.directory / "checkpoint.txt").read_text()
    flipped = note[:-3] + ("A" if note[-3] != "A" else "B") + note[-2:]
    (run.directory / "checkpoint.txt").write_text(flipped)
    assert [b for b in broken(run) if "tree" in b]


@pytest.mark.parametrize("first", [4_001, 4_840, 5_700])
@pytest.mark.parametrize("kind", ["up/status", "up/checkpoint", "down/response"])
def test_80_ms_of_sound_in_the_clear_are_found_in_any_message(run: Outcome, kind: str, first: int) -> None:
    opened = Evidence(run).opened[0]
    clear = opened.pcm[2 * first : 2 * (first + 1280)]
    assert np.frombuffer(clear, "<i2").any()
    sent_too(run.directory, f"overheard/v1/{opened.header.device}/{kind}", b"\xff" * 7 + clear)
    assert "went out in the clear" in why(run, "promise 6")


def sent_too(directory: Path, topic: str, payload: bytes) -> None:
    with (directory / "sent.jsonl").open("a") as file:
        file.write(json.dumps({"topic": topic, "payload": base64.b64encode(payload).decode()}) + "\n")


def why(outcome: Outcome, promise: str) -> str:
    """In what a promise was found to be broken."""
    verdicts = promises(Evidence(outcome))
    return next(verdict.difference for verdict in verdicts if verdict.expectation.startswith(promise))


@pytest.mark.parametrize("how", ["a frame late", "never", "too long"])
def test_a_light_that_does_not_match_the_capture_is_found(run: Outcome, how: str) -> None:
    shown = [(s, c) for s, c in run.shown if c != "verifying"]
    at = next(i for i, (_, cue) in enumerate(shown) if cue == "listening")
    sample, cue = shown[at]
    if how == "a frame late":
        shown[at] = (sample + 320, cue)
    elif how == "never":
        del shown[at]
    else:
        after, dark = shown[at + 1]
        shown[at + 1] = (after + 320, dark)
    assert [b for b in broken(run._replace(shown=shown)) if "promise 7" in b]


def test_the_speakers_own_voice_in_an_utterance_is_found(run: Outcome) -> None:
    first, end = Evidence(run).captured[0]
    assert [b for b in broken(run._replace(played=[(first - 800, first + 1)])) if "own sounds" in b]
    assert not [
        b for b in broken(run._replace(played=[(first - 800, first), (end, end + 9)])) if "own sounds" in b
    ]


def test_an_utterance_that_nobody_has_is_found(run: Outcome) -> None:
    events = [e for e in run.events if e["kind"] != "ack"]
    lost = run._replace(events=events)
    assert [b for b in broken(lost) if "lost" in b]
    name = next(e["id"] for e in events if e["kind"] == "utterance")
    assert not [b for b in broken(lost._replace(waiting={name})) if "lost" in b]


def test_a_stranger_s_key_opens_nothing(run: Outcome) -> None:
    with pytest.raises(EnvelopeError):
        open_all(run.directory, ReaderKey.generate("mlkem768-x25519"))
    assert open_all(run.directory, read_key(run.directory / "owner.key"))
