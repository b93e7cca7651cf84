"""Fingerprinting on small made-up traces: what is told apart, what is not, what is refused; and the control
on the published ones."""

import csv
import json
import random
from pathlib import Path

import msgspec
import pytest

from lab.__main__ import main
from lab.fingerprint.attack import MOST_FOLDS, Measured, folds_of, measure
from lab.fingerprint.features import exactly, roughly, sizes, totals, uplink
from lab.fingerprint.traces import COVER, Packet, Trace, command_of, read, sets, write

PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "data" / "echo-traffic" / "trace_csv"
needs_published = pytest.mark.skipif(not PUBLISHED.exists(), reason="no published traces in ../shared/data")

SEGMENT, ANSWER = 2687, 9000


def trace(command: str, segments: int, answer: int = ANSWER) -> Trace:
    """An utterance of so many segments, and its answer."""
    up = [Packet(0.08 * n, SEGMENT, up=True) for n in range(segments)]
    return Trace(command, (*up, Packet(0.08 * segments, answer, up=False)))


def by_length(repetitions: int = 4) -> list[Trace]:
    """Four commands, each of a length of its own."""
    return [trace(c, 10 + 5 * n) for n, c in enumerate("abcd") for _ in range(repetitions)]


def alike(repetitions: int = 4) -> list[Trace]:
    """Four commands of which nothing can be seen but the length of the answer."""
    return [trace(c, 25, ANSWER + 1000 * n) for n, c in enumerate("abcd") for _ in range(repetitions)]


def weakly(name: str, traces: list[Trace]) -> Measured:
    """Attack with little effort: made-up traces are easily told apart, or not at all."""
    return measure(name, traces, trees=5)


def put(folder: Path, traces: list[Trace]) -> Path:
    for number, each in enumerate(traces):
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / f"{each.command}_{number}.csv", each.packets)
    return folder


def accuracies(found: Measured, sees: str) -> list[float]:
    return [score.accuracy.value for score in found.scores if score.sees == sees]


# -- what is told apart --------------------------------------------------------------------------


def test_commands_of_different_lengths_are_told_apart_by_every_attack_and_not_with_shuffled_labels() -> None:
    found = weakly("lengths", by_length())
    assert accuracies(found, "both ways") == accuracies(found, "uplink") == [1, 1, 1, 1]
    assert found.chance == found.commonest == 0.25
    assert found.lengths == 4
    assert [score for score in found.scores if score.shuffled.low > found.chance] == []


def test_what_only_the_answer_tells_is_told_both_ways_and_is_chance_in_the_uplink() -> None:
    found = weakly("alike", alike())
    assert accuracies(found, "both ways") == [1, 1, 1, 1]
    assert max(accuracies(found, "uplink")) <= found.chance
    assert found.lengths == 1


def test_cover_is_no_command_and_one_that_is_longer_than_speech_is_told_from_it() -> None:
    found = weakly("cover", [*by_length(), *[trace(COVER, 60) for _ in range(8)]])
    assert (found.traces, found.commands) == (16, 4)
    assert found.cover is not None
    assert (found.cover.cover, found.cover.spoken) == (8, 16)
    assert found.cover.precision is not None
    assert found.cover.recall is not None
    assert found.cover.precision.value == found.cover.recall.value == found.cover.accuracy.value == 1


def test_cover_that_looks_like_speech_is_not_told_from_it() -> None:
    found = weakly("cover", [*by_length(), *[each._replace(command=COVER) for each in by_length(2)]])
    assert found.cover is not None
    assert found.cover.accuracy.value <= 16 / 24  # always saying "spoken" is as good


def test_there_are_as_many_folds_as_the_rarest_command_has_traces_and_never_more_than_ten() -> None:
    assert folds_of([*by_length(), *[trace("e", 40)] * 3]) == 3
    assert folds_of(by_length(MOST_FOLDS + 2)) == MOST_FOLDS
    assert weakly("few", [*by_length(), *[trace("e", 40)] * 2]).folds == 2


def test_the_features_are_signed_sizes_and_totals() -> None:
    one = trace("a", 2)
    assert sizes(one) == {"+2687": 2, "-9000": 1}
    assert totals(one) == {
        "seconds": 0.16, "bytes up": 2 * SEGMENT, "packets up": 2, "bytes down": ANSWER, "packets down": 1,
    }  # fmt: skip
    assert exactly(one) == sizes(one) | totals(one)
    assert roughly(one) == {"+26": 2, "-90": 1} | totals(one)
    assert totals(uplink(one)) == {
        "seconds": 0.08, "bytes up": 2 * SEGMENT, "packets up": 2, "bytes down": 0, "packets down": 0,
    }  # fmt: skip
    assert totals(Trace("a", ()))["seconds"] == 0


# -- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("alexa_5_30s_L_1", "alexa"), ("alexa_5_40s_3", "alexa"), ("good_morning_5_L_1", "good_morning"),
        ("how_old_are_you_5_12", "how_old_are_you"), ("set_volume_to_five_5_30s_2", "set_volume_to_five"),
        ("good_morning_7", "good_morning"), ("channel_4_2", "channel_4"), ("cover_103", "cover"),
    ],
)  # fmt: skip
def test_a_trace_is_of_the_command_that_its_name_begins_with(name: str, command: str) -> None:
    assert command_of(Path(f"{name}.csv")) == command


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    assert read(put(tmp_path, by_length())) == by_length()


def test_folders_of_traces_are_sets_in_the_order_that_people_count(tmp_path: Path) -> None:
    for name in ("pad_10s", "none", "pad_2s"):
        put(tmp_path / name, alike(2))
    assert list(sets(tmp_path)) == ["none", "pad_2s", "pad_10s"]
    assert list(sets(tmp_path / "none")) == ["none"]


def fingerprint(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    monkeypatch.setattr("sys.argv", ["overheard-lab", "fingerprint", *map(str, words)])
    with pytest.raises(SystemExit) as leave:
        main()
    return leave.value.code if isinstance(leave.value.code, int) else 0


def broken(folder: Path, text: str) -> Path:
    put(folder, by_length(2))
    (folder / "a_0.csv").write_text(text, encoding="utf-8")
    return folder


GOOD = ",time,size,direction\n0,0.0,40,1\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1"), ("time,size\n1,2\n", "line 1"), (",time,size,direction\n", "no packet"),
        *((f"{GOOD}{row}\n", "line 3") for row in (
            "1,0,big,1", "1,0,40", "1,0,40,2", "1,nan,40,1", "1,0,0,1", "1,0,1.5,1", "1,0,40,1,7", "",
        )),
    ],
)  # fmt: skip
def test_a_file_that_is_no_trace_gets_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    complaint: str,
) -> None:
    assert fingerprint(monkeypatch, broken(tmp_path, text)) == 3
    line, *more = capsys.readouterr().err.splitlines()
    assert not more
    assert complaint in line
    assert str(tmp_path / "a_0.csv") in line


def test_folders_that_cannot_be_judged_get_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    good = put(tmp_path / "good", by_length(2))
    cases: list[tuple[tuple[str | Path, ...], str]] = [
        ((tmp_path / "nowhere",), "no such folder"),
        ((tmp_path / "empty",), "no trace"),
        ((put(tmp_path / "alone", [*by_length(2), trace("lonely", 9)]),), "lonely: a single trace"),
        ((put(tmp_path / "one", by_length(2)[:2]),), "one command only"),
        (
            (put(tmp_path / "silent", [trace(COVER, 3), trace(COVER, 3), *by_length(2)[:2]]),),
            "one command only",
        ),
        ((good, "--out", good / "page"), "inside the folder of the traces"),
    ]
    for words, complaint in cases:
        assert fingerprint(monkeypatch, *words) == 3
        line, *more = capsys.readouterr().err.splitlines()
        assert not more
        assert line.startswith("overheard-lab: ")
        assert complaint in line
        assert "; " in line
    (tmp_path / "good" / "unnumbered.csv").write_text(GOOD, encoding="utf-8")
    assert fingerprint(monkeypatch, good) == 3
    assert "no number" in capsys.readouterr().err


# -- what comes of it --------------------------------------------------------------------------------


def test_the_table_the_page_and_the_files_say_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "traces"
    put(there / "plain", by_length(2))
    put(there / "<b>padded", [*alike(2), *[trace(COVER, 25) for _ in range(4)]])
    assert fingerprint(monkeypatch, there, "--out", tmp_path / "out") == 0
    printed = capsys.readouterr().out
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    found = msgspec.json.decode((tmp_path / "out" / "accuracy.json").read_bytes(), type=list[Measured])
    with (tmp_path / "out" / "accuracy.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [one.name for one in found] == ["<b>padded", "plain"]
    assert [float(row["accuracy"]) for row in rows] == [s.accuracy.value for one in found for s in one.scores]
    assert len(rows) == 16
    assert "plain: 8 traces of 4 commands, 2 folds; chance 25 %" in printed
    assert "4 cover among 8 spoken" in printed
    assert "4 cover among 8 spoken" in page
    assert "<b>padded" not in page
    assert "&lt;b&gt;padded" in page
    assert page.count("100 % (67.6 to 100)") == printed.count("100 % (67.6 to 100)") == 12
    assert "://" not in page
    assert "<script" not in page
    assert "prefers-color-scheme: dark" in page
    assert "width=device-width" in page


def test_the_same_traces_give_the_same_figures() -> None:
    mixed = by_length()
    random.Random(3).shuffle(mixed)
    noisy = [each._replace(command=random.Random(n).choice("abcd")) for n, each in enumerate(mixed)]
    again = [weakly("noisy", noisy) for _ in range(2)]
    assert json.loads(msgspec.json.encode(again[0])) == json.loads(msgspec.json.encode(again[1]))


@needs_published
def test_control_the_attack_works_on_the_published_traces_and_is_chance_with_shuffled_labels() -> None:
    found = measure("published", read(PUBLISHED), trees=40)
    assert (found.traces, found.commands, found.folds) == (165, 17, 5)
    assert min(accuracies(found, "both ways")) > 8 * found.chance
    assert min(accuracies(found, "uplink")) > 4 * found.chance
    for score in found.scores:
        assert score.accuracy.low > score.shuffled.high
        assert score.shuffled.low < found.commonest < score.shuffled.high
