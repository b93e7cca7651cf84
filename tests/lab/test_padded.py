"""Padding and cover in whole runs: honest ones break no promise, and cover that holds sound is found."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from device.envelope import NamedReader, Sealer, Trigger, topics, wrap
from device.keys import load_or_make
from lab.evidence import Evidence
from lab.opening import read_key
from lab.promises import promises
from lab.report import write_report
from lab.scenario import Expect, Scenario, Step, read
from lab.show import summary
from lab.simulate import Outcome, simulate
from lab.verdicts import judge

pytestmark = pytest.mark.xdist_group("padded")  # what is played serves them all

SCENARIOS = Path(__file__).resolve().parents[2] / "lab" / "scenarios"
LONG_S = 900.0
"""With a thousand a day, no cover in so long has a chance of 3 in 100,000."""


@pytest.fixture(scope="module")
def padded(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return simulate(read(SCENARIOS / "padded.toml"), tmp_path_factory.mktemp("padded") / "run")


@pytest.fixture(scope="module")
def covered(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    scenario = Scenario(
        "An afternoon with cover",
        (
            Step(hold=True, at_s=LONG_S - 30),
            Step(release=True, at_s=LONG_S - 28),
            Step(mute=True, at_s=LONG_S - 10),  # so that nothing is under way at the end
        ),
        length_s=LONG_S,
        speaker={"privacy": {"pad_s": 2.0, "cover_per_day": 1000}},
        expect=Expect(utterances=1, complete=1, kept_by_the_cloud=0),
    )
    return simulate(scenario, tmp_path_factory.mktemp("covered") / "run")


def test_what_was_sent_of_every_utterance_is_a_whole_number_of_two_seconds(padded: Outcome) -> None:
    opened = Evidence(padded).opened
    assert [each.end.segments for each in opened] == [50, 25, 25]
    assert len({len(each.pcm) for each in opened}) == 3


def test_a_run_with_cover_breaks_no_promise_and_counts_only_what_was_said(covered: Outcome) -> None:
    evidence = Evidence(covered)
    assert [verdict for verdict in judge(covered) if not verdict.passed] == []
    assert len(evidence.cover) > 0
    hidden = [each for each in evidence.opened if each.header.trigger.kind == "cover"]
    assert {each.header.utterance for each in hidden} == {event["id"] for event in evidence.cover}
    assert {(each.pcm, each.end.segments % 25) for each in hidden} == {(b"", 0)}
    assert evidence.acknowledged - evidence.complete == {event["id"] for event in evidence.cover}
    assert len(evidence.of("heard")) == 1, "the cloud hears no cover"


def test_cover_leaves_at_the_pace_of_speech_while_nothing_else_goes_on(covered: Outcome) -> None:
    evidence = Evidence(covered)
    for event in evidence.cover:
        left = [e["sample"] for e in evidence.publishes if event["id"] in (e["topic"] or "")]
        begun, ended = left[0], left[-1]
        if ended < (LONG_S - 30) * 16_000:
            assert left[1:-1] == [begun - 320 + (n + 1) * 1280 for n in range(event["segments"])]
            assert ended == left[-2]


def test_the_page_and_the_totals_speak_of_cover(covered: Outcome) -> None:
    evidence = Evidence(covered)
    rows = {row.name: row.value for row in summary(evidence)}
    assert rows["cover"] == str(len(evidence.cover))
    page = write_report(covered.directory, "cover", judge(covered), summary(evidence))
    assert "but" not in page.read_text(encoding="utf-8").partition("<h1")[2].partition("</p>")[0]


def rogue(outcome: Outcome, directory: Path, *, silent: bool) -> Outcome:
    """The run of a firmware that sends what somebody said and calls it cover; or honest cover instead."""
    directory.mkdir()
    for path in outcome.directory.iterdir():
        if path.is_file():
            (directory / path.name).write_bytes(path.read_bytes())
    utterance = Evidence(outcome).opened[0]
    lines = (directory / "sent.jsonl").read_text().splitlines()
    kept = [line for line in lines if utterance.header.utterance not in json.loads(line)["topic"]]
    device = load_or_make(outcome.directory, "mlkem768-x25519")
    owner = read_key(outcome.directory / "owner.key").public
    header = msgspec.structs.replace(
        utterance.header,
        trigger=Trigger("cover", "nothing"),
        readers=(NamedReader(owner.id, "mlkem768-x25519", "owner"),),
    ).to_bytes()
    key = bytes(range(32))
    sealer = Sealer(header, key, wrap(key, [owner], header), device.signing)
    sound = b"" if silent else utterance.pcm

    def messages() -> Iterator[tuple[str, bytes]]:
        yield "begin", sealer.begin()
        for at in range(0, 100 * 2560, 2560):
            yield "segment", sealer.segment(sound[at : at + 2560])
        yield "segment", sealer.last(b"")
        yield "end", sealer.end("silence", "")

    for kind, payload in messages():
        topic = topics.utterance(device.device, utterance.header.utterance, kind)
        kept.append(json.dumps({"topic": topic, "payload": base64.b64encode(payload).decode()}))
    (directory / "sent.jsonl").write_text("".join(f"{line}\n" for line in kept))
    return outcome._replace(directory=directory)


def broken(outcome: Outcome) -> str:
    return "\n".join(
        f"{each.expectation}: {each.difference}" for each in promises(Evidence(outcome)) if not each.passed
    )


def test_cover_that_holds_sound_is_found(padded: Outcome, tmp_path: Path) -> None:
    found = broken(rogue(padded, tmp_path / "rogue", silent=False))
    assert "says that it is cover, and holds sound" in found
    assert "promise 1" in found


def test_the_same_without_sound_is_not(padded: Outcome, tmp_path: Path) -> None:
    assert "promise 1" not in broken(rogue(padded, tmp_path / "honest", silent=True))


def test_sound_that_is_called_cover_needs_the_light_all_the_same(padded: Outcome, tmp_path: Path) -> None:
    outcome = rogue(padded, tmp_path / "rogue", silent=False)
    name = Evidence(padded).utterances[0]["id"]
    quiet = [e for e in outcome.events if not (e["kind"] == "utterance" and e["id"] == name)]
    first = Evidence(padded).captured[0][0]
    dark = [(at, cue) for at, cue in outcome.shown if not first - 640 <= at <= first + 640 or cue == "idle"]
    assert "promise 7" in broken(outcome._replace(events=quiet, shown=dark))


def test_cover_that_is_nowhere_is_found(covered: Outcome) -> None:
    name = Evidence(covered).cover[0]["id"]
    events = [e for e in covered.events if not (e["kind"] == "ack" and e["id"] == name)]
    assert f"utterance {name} is nowhere" in broken(covered._replace(events=events))
