"""The PETS 2020 study: its own files give its published headline, and small made-up ones show each rule."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from lab.study.errors import StudyError
from lab.study.moments import Moment
from lab.study.pets import SETUPS, Setup, read_study
from lab.study.pets_rows import Published, own_rows, read_published
from lab.study.pets_show import run
from lab.study.pets_text import headline, played
from lab.study.records import AS_IT_IS, Heard, Item, Settings, Study

ROOT = Path(__file__).resolve().parents[2]
PETS = ROOT.parent / "shared" / "data" / "pets2020"
needs_pets = pytest.mark.skipif(not PETS.exists(), reason="the PETS 2020 files are not in ../shared/data")

ONE, OTHER = "[S1.Ep1] Harbour - The 'Fog' & Back", "[S2.Ep3] The Mill - Flour_less?"  # one has an underscore
HEADER = "/opt/capture/{round}/{title}/capture.mkv:Devices with corresponding times are listed below: "
ECHO = next(setup for setup in SETUPS if (setup.speaker, setup.word) == ("Echo Dot 2", "echo"))


class Files:
    """A folder in the study's format: two episodes of two shows, an hour and 10,000 words each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.blocks: dict[str, list[str]] = {
            name: [] for name in ("final1a", "final1b", "final2a", "final2b", "finalr")
        }
        self.material = {
            "list-of-material": f"+Harbour\n{ONE}\n\n+The Mill\n{OTHER.replace('_', '-')}\n",
            "duration-by-episode": f"3600.000000 {ONE}\n3600.000000 {OTHER.replace('_', '-')}\n",
            "wordcount-by-episode": f"10000 {ONE}\n10000 {OTHER.replace('_', '-')}\n7 test\n",
        }

    def light(self, name: str, device: str, start_s: int, stop_s: int, title: str = ONE) -> None:
        """Let the camera see a light in a round."""
        self.blocks[name] += [HEADER.format(round=name, title=title), f"{device}:({start_s}, {stop_s})"]

    def confirm(self, device: str, start_s: int, stop_s: int, tag: str, lasted_s: int = 1) -> None:
        """Let it see the light of a confirmation."""
        title = f"{ONE}_{device}_{start_s:05}_{stop_s:05}_{device}_{tag}"
        self.light("finalr", device, 14, 14 + lasted_s, title)

    def write(self) -> Path:
        lists = self.folder / "data" / "misactivations" / "misactivations-by-camera-us"
        material = self.folder / "data" / "source-material"
        for folder in (lists, material):
            folder.mkdir(parents=True, exist_ok=True)
        for name, lines in self.blocks.items():
            filtered = "" if name == "finalr" else "-filtered"
            (lists / f"results-camera-{name}{filtered}.txt").write_text(
                "\n".join(lines) + "\n", encoding="utf-8"
            )
        for name, text in self.material.items():
            (material / f"{name}.txt").write_text(text, encoding="utf-8")
        return self.folder

    def found(self, setup: Setup = ECHO) -> list[Moment]:
        return read_study(self.write())[1][setup]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture(scope="module")
def pets() -> Published:
    return read_published(PETS)


@needs_pets
def test_their_files_give_the_headline_of_their_abstract(pets: Published) -> None:
    assert headline(pets) == "At most: Echo Dot 2, “echo”, Riverdale: 0.95 an hour, 1.43 per 10,000 words."
    assert pets.worst() == pets.worst_by_words()
    assert played(pets) == "365 misactivations in 132.6 hours and 1,055,689 words of 12 shows."


@needs_pets
def test_each_of_their_eleven_has_its_row(pets: Published) -> None:
    rows = {(row.speaker, row.word): row for row in pets.speakers}
    counts = [29, 51, 54, 15, 7, 53, 22, 37, 31, 41, 25]
    assert [row.count for row in rows.values()] == counts
    echo, homepod = rows["Echo Dot 2", "echo"], rows["HomePod", "hey siri"]
    assert echo.per_hour is not None
    assert (echo.per_hour.value, echo.per_hour.low, echo.per_hour.high) == pytest.approx(
        (0.400, 0.300, 0.523), abs=1e-3
    )
    assert homepod.durations is not None
    lasted = homepod.durations
    assert (lasted.p50_s, lasted.p75_s, lasted.p90_s, lasted.max_s) == pytest.approx((4, 7, 10.2, 17))


@needs_pets
def test_shows_speakers_and_the_total_add_up(pets: Published) -> None:
    assert len(pets.cells) == 11 * 12
    every = pets.shows[-1]
    assert every.show is None
    for rows in (pets.speakers, pets.cells, pets.shows[:-1]):
        assert sum(row.count for row in rows) == every.count == 365
    assert sum(row.hours for row in pets.shows[:-1]) == pytest.approx(every.hours)
    assert sum(row.words or 0 for row in pets.shows[:-1]) == every.words


def test_a_light_in_both_rounds_is_one_misactivation_as_long_as_the_longer(files: Files) -> None:
    files.light("final1a", "echodot", 100, 103)
    files.light("final1b", "echodot", 101, 108)
    (one,) = files.found()
    assert (one.start_s, one.stop_s, one.duration_s) == (100, 108, 7)
    assert one.runs == {"final1a", "final1b"}


def test_lights_five_seconds_apart_are_one_and_six_seconds_two(files: Files) -> None:
    files.light("final1a", "echodot", 100, 103)
    files.light("final1a", "echodot", 108, 110)
    files.light("final1a", "echodot", 116, 117)
    assert [(one.start_s, one.stop_s) for one in files.found()] == [(100, 110), (116, 117)]


def test_lights_of_other_episodes_or_other_speakers_stay_apart(files: Files) -> None:
    files.light("final1a", "echodot", 100, 103)
    files.light("final1a", "echodot", 100, 103, OTHER.replace("_", "-"))
    files.light("final1a", "t-echodot", 100, 103)
    assert len(files.found()) == 2


def test_the_wake_word_of_an_echo_is_that_of_the_round(files: Files) -> None:
    files.light("final2a", "echodot", 100, 103)
    words = [setup.word for setup, found in read_study(files.write())[1].items() if found]
    assert words == ["alexa"]


def test_a_light_of_more_than_ten_minutes_is_none(files: Files) -> None:
    files.light("final1a", "echodot", 100, 700)
    files.light("final1b", "echodot", 1000, 1601)
    (one,) = files.found()
    assert one.duration_s == 600


def test_confirmations_make_it_repeatable_but_never_make_it(files: Files) -> None:
    files.light("final1a", "echodot", 100, 103)
    for number in range(1, 10):
        files.confirm("echodot", 100, 103, f"camera1-{number}", lasted_s=9 if number == 4 else 1)
    files.confirm("echodot", 2000, 2003, "camera1-1")  # never seen in a round
    files.confirm("echodot", 100, 103, "camera2-10")  # of the other wake word
    (one,) = files.found()
    assert (len(one.runs), one.out_of, one.duration_s) == (10, 12, 9)
    assert one.often


def test_a_light_of_another_speaker_in_a_confirmation_does_not_count(files: Files) -> None:
    files.light("final1a", "echodot", 100, 103)
    files.confirm("echodot", 100, 103, "camera1-1")
    files.blocks["finalr"].append("homepod:(14, 20)")
    homepod = next(setup for setup in SETUPS if setup.speaker == "HomePod")
    assert files.found(homepod) == []
    assert len(files.found()[0].runs) == 2


def test_the_invoke_counts_what_came_in_two_of_its_four_rounds(files: Files) -> None:
    files.light("final1b", "invoke", 100, 103)
    files.light("final2b", "invoke", 100, 103)
    files.light("final2a", "invoke", 500, 503)
    files.light("final2b", "invoke", 500, 503)
    (one,) = files.found(next(setup for setup in SETUPS if setup.speaker == "Invoke"))
    assert (one.start_s, len(one.runs), one.out_of) == (500, 2, 4)


def test_rates_are_by_the_length_of_what_was_played_once(files: Files) -> None:
    for at_s in (100, 200, 300):
        files.light("final1a", "echodot", at_s, at_s + 1)
        files.light("final1b", "echodot", at_s, at_s + 1)
    published = read_published(files.write())
    worst = published.worst()
    assert (worst.show, worst.count, worst.hours, worst.words) == ("Harbour", 3, 1.0, 10_000)
    assert worst.per_hour == worst.per_10k_words
    assert worst.per_hour is not None
    assert worst.per_hour.value == 3.0
    assert published.shows[-1].per_hour == worst.per_hour.times(0.5)


def test_another_cell_can_be_the_worst_by_words(files: Files) -> None:
    files.light("final1a", "echodot", 100, 103)
    files.light("final1a", "echodot", 300, 303)
    files.light("final1a", "homepod", 100, 103, OTHER.replace("_", "-"))
    files.material["wordcount-by-episode"] = f"10000 {ONE}\n1000 {OTHER.replace('_', '-')}\n"
    assert headline(read_published(files.write())) == (
        "At most an hour: Echo Dot 2, “echo”, Harbour: 2.00 an hour. "
        "At most per word: HomePod, “hey siri”, The Mill: 10.00 per 10,000 words."
    )


@pytest.mark.parametrize(
    ("name", "line", "says"),
    [
        ("final1a", "echodot:(12, x)", r"results-camera-final1a-filtered\.txt:1: 'echodot:\(12, x\)' is not"),
        ("final1b", "echodot:(12, 14)", r"final1b-filtered\.txt:1: .*under one"),
        ("final2a", HEADER.format(round="final2a", title=ONE) + "\nechodot:(14, 12)", "final2a.*:2: "),
        (
            "final1a",
            HEADER.format(round="final1a", title="[S9] Gone") + "\nechodot:(1, 2)",
            r"final1a-filtered\.txt:2: '\[S9\] Gone' is not in list-of-material",
        ),
        (
            "finalr",
            HEADER.format(round="finalr", title="untold") + "\nechodot:(1, 2)",
            "finalr.txt:2: 'untold'",
        ),
        (
            "finalr",
            HEADER.format(round="r", title=f"{ONE}_echodot_1_2_echodot_camera1-11") + "\nechodot:(1, 2)",
            "repetition 11; the study has 1 to 10",
        ),
    ],
)
def test_a_broken_line_of_a_list_is_named(name: str, line: str, says: str, files: Files) -> None:
    files.blocks[name].append(line)
    with pytest.raises(StudyError, match=says) as refused:
        files.found()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("duration-by-episode", f"3600 {ONE}\n", r"list-of-material\.txt:5: .*a duration and a word count"),
        ("duration-by-episode", "an hour\n", r"duration-by-episode\.txt:1: 'an hour' is not a number"),
        ("wordcount-by-episode", f"many {ONE}\n", r"wordcount-by-episode\.txt:1: "),
        ("list-of-material", ONE, r"list-of-material\.txt:1: .*\+SHOW"),
        ("list-of-material", "+Harbour\n", "no episodes in list-of-material.txt"),
    ],
)
def test_broken_material_is_named(name: str, text: str, says: str, files: Files) -> None:
    files.material[name] = text
    with pytest.raises(StudyError, match=says) as refused:
        files.found()
    assert "\n" not in str(refused.value)


def test_missing_and_unreadable_files_are_named(files: Files, tmp_path: Path) -> None:
    with pytest.raises(
        StudyError, match="no misactivations/misactivations-by-camera-us in it; name the folder"
    ):
        read_study(tmp_path / "nowhere")
    data = files.write() / "data"
    gone = data / "misactivations" / "misactivations-by-camera-us" / "results-camera-finalr.txt"
    gone.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StudyError, match=r"finalr\.txt: not UTF-8; take"):
        read_study(data)
    gone.unlink()
    with pytest.raises(StudyError, match=r"finalr\.txt: No such file or directory; take the whole folder"):
        read_study(data)


def test_the_command_prints_tables_or_rows_and_writes_a_page(files: Files, tmp_path: Path) -> None:
    files.light("final1a", "echodot", 100, 103)
    printed, rows = io.StringIO(), io.StringIO()
    assert run(files.write(), False, tmp_path / "page", printed) == 0
    assert "At most: Echo Dot 2, “echo”, Harbour: 1.00 an hour" in printed.getvalue()
    assert re.search(r"Echo Dot 2, echo +1 +0\.50 \(0\.013 to 2\.79\)", printed.getvalue())
    assert "…" not in printed.getvalue()
    page = (tmp_path / "page" / "report.html").read_text(encoding="utf-8")
    assert "1.00 an hour, 1.00 per 10,000 words" in page
    assert run(files.folder, True, None, rows) == 0
    found = [json.loads(line) for line in rows.getvalue().splitlines()]
    assert len(found) == 11 + 3 + 22
    assert found[5]["count"] == 1


def test_the_command_line_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lab", "pets", str(tmp_path / "nowhere")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 3
    assert ended.stdout == ""
    assert ended.stderr.startswith(f"overheard-lab: {tmp_path / 'nowhere'}: no ")
    assert ended.stderr.count("\n") == 1


def test_ours_are_counted_by_their_rule() -> None:
    settings = Settings(("alexa",), "balanced", {"alexa": 0.5}, {}, "/audio", 4, False, "0")
    items = [Item("tv.flac", number, AS_IT_IS, 3600.0, 10_000) for number in range(4)]
    items += [Item("said.flac", number, AS_IT_IS, 7200.0, None, "alexa") for number in range(4)]

    def wake(number: int, at_s: float, accepted: bool = True, file: str = "tv.flac") -> Heard:
        second = 0.9 if accepted else 0.1
        said = file == "said.flac"
        return Heard(
            file, number, AS_IT_IS, "alexa", at_s, at_s, 0.9, second, accepted, 2.0 * accepted, None, said
        )

    heard = [wake(number, 100 + number) for number in range(4)]  # in every round: one, and often
    heard += [wake(1, 500), wake(3, 900), wake(0, 1300, accepted=False), wake(0, 1, file="said.flac")]
    (row,) = own_rows(Study(settings, tuple(items), tuple(heard)))
    assert (row.count, row.hours, row.words) == (2, 1.0, 10_000)  # 900 came only after the two rounds
    assert row.often is not None
    assert row.often.value == 0.5
    assert row.per_hour is not None
    assert row.per_hour.value == 2.0
    assert msgspec.structs.asdict(row)["speaker"] == "Overheard"
