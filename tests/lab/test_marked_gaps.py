"""What the microphone lost is marked in what was sent, and every way to say otherwise is found."""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from device.envelope import Gap, NamedReader, Sealer, Utterance, wrap
from device.keys import load_or_make
from lab.evidence import Evidence
from lab.opening import read_key
from lab.promises import promises
from lab.report import write_report
from lab.scenario import read
from lab.show import summary
from lab.simulate import Outcome, simulate
from lab.verdicts import judge

SCENARIO = Path(__file__).resolve().parents[2] / "lab" / "scenarios" / "gaps.toml"
SEGMENT = 1280


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return simulate(read(SCENARIO), tmp_path_factory.mktemp("honest") / "run")


def faults(outcome: Outcome, promise: str = "promise 1") -> str:
    """What the check of a promise finds."""
    verdicts = promises(Evidence(outcome))
    return next(verdict.difference for verdict in verdicts if verdict.expectation.startswith(promise))


def test_the_gaps_are_where_the_microphone_lost_samples_and_the_cloud_still_understands(
    honest: Outcome,
) -> None:
    (utterance,) = Evidence(honest).opened
    assert [gap.samples for gap in utterance.gaps] == [162, 32, 1600]
    assert [lost for _, lost in honest.missed] == [800, 162, 32, 1600]
    first = utterance.header.first_sample
    assert [gap.first + first for gap in utterance.gaps] == [at for at, _ in honest.missed[1:]]
    assert [verdict for verdict in judge(honest) if not verdict.passed] == []


def test_the_page_shows_the_gaps_and_counts_what_was_lost(honest: Outcome) -> None:
    rows = {row.name: row for row in summary(Evidence(honest))}
    assert rows["lost"].value == "0.16 s"
    assert "3 gaps" in rows["lost"].note
    page = write_report(honest.directory, "gaps", judge(honest), summary(Evidence(honest))).read_text("utf-8")
    assert page.count("lost by the microphone") >= 4
    assert page.count("A gap of") >= 3
    assert "162 ms lost" in page
    assert "(gaps of 112 ms)" in page


# A firmware that lies: its envelope is in order, its signature good


def hidden(told: Utterance) -> tuple[bytes, Sequence[Gap]]:
    return told.pcm, told.gaps[:1] + told.gaps[2:]


def hidden_all(told: Utterance) -> tuple[bytes, Sequence[Gap]]:
    return told.pcm, ()


def moved(told: Utterance) -> tuple[bytes, Sequence[Gap]]:
    """A gap marked elsewhere, silent there too."""
    gap, *rest = told.gaps
    return without(told.pcm, 5_000, gap.samples), [Gap(5_000, gap.samples), *rest]


def moved_within_silence(told: Utterance) -> tuple[bytes, Sequence[Gap]]:
    """By one sample, which alone is made silent."""
    gap, *rest = told.gaps
    return without(told.pcm, gap.end, 1), [Gap(gap.first + 1, gap.samples), *rest]


def claimed(told: Utterance) -> tuple[bytes, Sequence[Gap]]:
    """Sound that was heard, said to be lost."""
    return without(told.pcm, 640, 320), [Gap(640, 320), *told.gaps]


def closed_up(told: Utterance) -> tuple[bytes, Sequence[Gap]]:
    """As if what came after the gap had followed at once."""
    gap = told.gaps[0]
    return told.pcm[: 2 * gap.first] + told.pcm[2 * gap.end :], ()


def filled(told: Utterance) -> tuple[bytes, Sequence[Gap]]:
    """Sound made up for what was lost."""
    gap = told.gaps[0]
    made_up = told.pcm[2 * (gap.first - gap.samples) : 2 * gap.first]
    return told.pcm[: 2 * gap.first] + made_up + told.pcm[2 * gap.end :], told.gaps[1:]


def without(pcm: bytes, first: int, samples: int) -> bytes:
    return pcm[: 2 * first] + bytes(2 * samples) + pcm[2 * (first + samples) :]


@pytest.mark.parametrize("lie", [hidden, hidden_all, moved, moved_within_silence, claimed, closed_up, filled])
def test_a_lie_about_what_was_lost_is_found(
    honest: Outcome, tmp_path: Path, lie: Callable[[Utterance], tuple[bytes, Sequence[Gap]]]
) -> None:
    (told,) = Evidence(honest).opened
    assert faults(sent_anew(honest, tmp_path / "same", told.pcm, told.gaps)) == ""
    found = faults(sent_anew(honest, tmp_path / "lie", *lie(told)))
    assert "other gaps" in found
    assert ("is not what the room sounded like" in found) == (lie not in (hidden, hidden_all))


def test_who_claims_a_gap_cannot_send_in_the_clear_what_was_heard_there(
    honest: Outcome, tmp_path: Path
) -> None:
    """The middle of the utterance is said to be lost, and stands in a message of another kind."""
    (told,) = Evidence(honest).opened
    room = Evidence(honest).room(told.header.first_sample, len(told.pcm) // 2)
    middle = max(len(room) // 4, told.gaps[-1].end + 1)
    gaps = [*told.gaps, Gap(middle, SEGMENT)]
    lying = sent_anew(honest, tmp_path / "lie", without(told.pcm, middle, SEGMENT), gaps)
    assert "in the clear" not in faults(lying, "promise 6")
    clear = room[2 * middle : 2 * (middle + SEGMENT)]
    with (lying.directory / "sent.jsonl").open("a") as sent:
        topic = f"overheard/v1/{told.header.device}/up/status"
        sent.write(json.dumps({"topic": topic, "payload": base64.b64encode(clear).decode()}) + "\n")
    assert "in the clear" in faults(lying, "promise 6")


def sent_anew(outcome: Outcome, directory: Path, pcm: bytes, gaps: Sequence[Gap]) -> Outcome:
    """The same run, had the device sealed this instead of what it heard."""
    directory.mkdir()
    for path in outcome.directory.iterdir():
        if path.is_file():
            (directory / path.name).write_bytes(path.read_bytes())
    (told,) = Evidence(outcome).opened
    lines = (directory / "sent.jsonl").read_text().splitlines()
    kept = [line for line in lines if told.header.utterance not in json.loads(line)["topic"]]
    for kind, payload in sealed(outcome, told, pcm, gaps):
        topic = f"overheard/v1/{told.header.device}/up/utterance/{told.header.utterance}/{kind}"
        kept.append(json.dumps({"topic": topic, "payload": base64.b64encode(payload).decode()}))
    (directory / "sent.jsonl").write_text("\n".join([*kept, ""]))
    return outcome._replace(directory=directory)


def sealed(outcome: Outcome, told: Utterance, pcm: bytes, gaps: Sequence[Gap]) -> Iterator[tuple[str, bytes]]:
    owner = read_key(outcome.directory / "owner.key").public
    readers = (NamedReader(owner.id, "mlkem768-x25519", "owner"),)
    header = msgspec.structs.replace(told.header, readers=readers).to_bytes()
    key = bytes(range(32))
    signing = load_or_make(outcome.directory, "mlkem768-x25519").signing
    sealer = Sealer(header, key, wrap(key, [owner], header), signing)
    yield "begin", sealer.begin()
    for at in range(0, len(pcm) // 2, SEGMENT):
        spans = [(max(gap.first, at), min(gap.end, at + SEGMENT)) for gap in gaps]
        inside = [Gap(first - at, end - first) for first, end in spans if first < end]
        yield "segment", sealer.segment(pcm[2 * at : 2 * (at + SEGMENT)], inside)
    yield "segment", sealer.last(b"")
    yield "end", sealer.end(told.end.reason, told.end.checkpoint)
