"""The folder of a study: what is in it survives, and nothing gets in that does not belong."""

from pathlib import Path

import msgspec
import pytest

from lab.study.errors import StudyError
from lab.study.records import AS_IT_IS, Item, Settings
from lab.study.results import RESULTS, SETTINGS, Results
from lab.study.work import Finished
from tests.lab.test_study_work import settings


def done(file: str, number: int = 0, error: str | None = None) -> Finished:
    return Finished(Item(file, number, AS_IT_IS, 1.5, None, None, "", error))


def fill(out: Path, *all_done: Finished, under: Settings | None = None) -> Path:
    with Results(out, under or settings()) as results:
        for each in all_done:
            results.append(each)
    return out


def reopened(out: Path) -> list[Finished]:
    with Results(out, settings()) as results:
        return list(results.done.values())


def test_what_was_written_is_there_again(tmp_path: Path) -> None:
    some = [done("a.wav"), done("ü/b.wav"), done("a.wav", 1)]
    fill(tmp_path / "new" / "out", *some)
    assert reopened(tmp_path / "new" / "out") == some


def test_a_line_is_on_its_way_to_the_disk_when_append_returns(tmp_path: Path) -> None:
    with Results(tmp_path, settings()) as results:
        results.append(done("a.wav"))
        assert msgspec.json.decode((tmp_path / RESULTS).read_bytes(), type=Finished) == done("a.wav")


@pytest.mark.parametrize("torn", [1, 10, 40, -1])
def test_half_a_line_is_cut_off(torn: int, tmp_path: Path) -> None:
    fill(tmp_path, done("a.wav"), done("b.wav"))
    whole = (tmp_path / RESULTS).read_bytes()
    first = whole.index(b"\n") + 1
    (tmp_path / RESULTS).write_bytes(whole[: first + torn] if torn > 0 else whole[:torn])
    with Results(tmp_path, settings()) as results:
        assert list(results.done.values()) == [done("a.wav")]
        assert results.cut > 0
        results.append(done("b.wav"))
    assert (tmp_path / RESULTS).read_bytes() == whole


def test_pages_that_a_crash_left_empty_are_cut_off(tmp_path: Path) -> None:
    fill(tmp_path, done("a.wav"))
    with (tmp_path / RESULTS).open("ab") as file:
        file.write(bytes(4096))
    assert reopened(tmp_path) == [done("a.wav")]


def test_a_broken_file_is_not_done_and_its_next_hearing_counts(tmp_path: Path) -> None:
    fill(tmp_path, done("a.wav", error="a.wav: broken; mend it"), done("b.wav"))
    with Results(tmp_path, settings()) as results:
        assert not results.is_done(("a.wav", 0, AS_IT_IS))
        assert results.is_done(("b.wav", 0, AS_IT_IS))
        assert not results.is_done(("b.wav", 1, AS_IT_IS))
        results.append(done("a.wav"))
    assert sorted(each.item.file for each in reopened(tmp_path)) == ["a.wav", "b.wav"]
    assert all(each.item.error is None for each in reopened(tmp_path))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("words", ("alexa", "hey_jarvis"), '["alexa"], now ["alexa","hey_jarvis"]'),
        ("sensitivity", "strict", "balanced, now strict"),
        ("audio", "/elsewhere", "/, now /elsewhere"),
        ("models", {"alexa": "00"}, '{}, now {"alexa":"00"}'),
        ("keep_clips", True, "false, now true"),
        ("version", "1", "0, now 1"),
    ],
)
def test_other_settings_are_refused_in_one_line(name: str, value: object, told: str, tmp_path: Path) -> None:
    fill(tmp_path, done("a.wav"))
    with pytest.raises(StudyError) as caught:
        Results(tmp_path, settings(**{name: value}))
    assert str(caught.value) == (
        f"{tmp_path}: a study with other {name} ({told}); ask for the same again, or name a new folder"
    )
    assert reopened(tmp_path) == [done("a.wav")]


def test_rounds_may_be_added_and_not_taken_away(tmp_path: Path) -> None:
    fill(tmp_path, done("a.wav"))
    fill(tmp_path, done("a.wav", 1), under=settings(rounds=2))
    with pytest.raises(StudyError, match=r"other rounds \(2, now 1\)"):
        Results(tmp_path, settings())


@pytest.mark.parametrize("content", ["", "{", '{"words": ["alexa"]}', '{"surprise": 1}'])
def test_settings_that_cannot_be_read_are_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / SETTINGS).write_text(content)
    with pytest.raises(StudyError, match=rf"{SETTINGS}: .*; name a new folder"):
        Results(tmp_path, settings())


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(StudyError, match="not empty, and not a study; name a new folder"):
        Results(tmp_path, settings())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_start_that_was_cut_short_is_made_again(tmp_path: Path) -> None:
    (tmp_path / f"{SETTINGS}.new").write_text('{"wor')
    fill(tmp_path, done("a.wav"))
    assert reopened(tmp_path) == [done("a.wav")]


def test_two_studies_do_not_write_into_one_folder(tmp_path: Path) -> None:
    with Results(tmp_path, settings()), pytest.raises(StudyError, match="in use by another study; wait"):
        Results(tmp_path, settings())
    fill(tmp_path, done("a.wav"))
