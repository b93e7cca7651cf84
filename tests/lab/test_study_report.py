"""The page of a study: it says what was measured, fetches nothing, escapes everything, and fits a phone."""

import html
import re
from pathlib import Path

import msgspec
import pytest

from lab.study import report, timeline
from lab.study.figures import hearings
from lab.study.pets import SETUPS
from lab.study.pets_files import Episode
from lab.study.pets_rows import Published, published
from lab.study.records import AS_IT_IS, Heard, Item, Settings, Study
from lab.study.statistics import poisson
from lab.study.text import count, number, percent, rate_text
from tests.lab.test_report import Page, browse

HOSTILE = "</style><script>document.title='owned'</script><img src=x onerror=alert(1)>\u202e&amp;"
SETTINGS = Settings(
    words=("alexa",), sensitivity="balanced", thresholds={"alexa": 0.5}, models={"alexa.tflite": "ab" * 32},
    audio="/corpora/evening", rounds=1, keep_clips=False, version="0.1.0",
)  # fmt: skip


def wake(file: str, second: float, at_s: float = 65.4, *, said: str | None = None, **more: object) -> Heard:
    accepted, positive = second >= 0.5, file.startswith("said")
    made = Heard(
        file, 0, AS_IT_IS, "alexa", at_s, at_s + 0.24, 0.97, second, accepted, 2.5 * accepted, said, positive
    )
    return msgspec.structs.replace(made, **more)


def evening() -> Study:
    """Four hours of television with two false wakes, and four files with the word of which three wake."""
    items = [Item(f"tv/{name}.flac", 0, AS_IT_IS, 7200.0, 20_000, None, "tv") for name in "ab"]
    items += [Item(f"said/{name}.flac", 0, AS_IT_IS, 3.0, None, "alexa", "said") for name in "cdef"]
    heard = [
        wake("tv/a.flac", 0.91, 3600.0, said="I lecture on Alexander the Great"),
        wake("tv/b.flac", 0.55, 12.0),
        wake("tv/b.flac", 0.31, 6000.0),
        *(wake(f"said/{name}.flac", 0.99, 1.0) for name in "cde"),
        wake("said/f.flac", 0.42, 1.0),
    ]
    return Study(SETTINGS, tuple(items), tuple(heard))


def theirs() -> Published:
    """The PETS study's table with nothing misheard in it."""
    return published({"e": Episode("e", "Harbour", 3600.0, 10_000)}, {setup: [] for setup in SETUPS})


def text_of(path: Path) -> str:
    return " ".join(Page(path).words)


def test_the_figures_are_at_the_top(tmp_path: Path) -> None:
    words = text_of(report.write(tmp_path, evening()))
    low, high = (bound / 4 for bound in poisson(2))
    assert f"2 false wakes in 4.00 hours: 0.50 an hour, 95 % interval {low:.3f} to {high:.2f}." in words
    assert "per 10,000 words 0.50" in words
    assert "recall 75 % 3 of 4; 30.1 to 95.4 %" in words
    assert "would be sent, median 2.5 s P75 2.5 · P90 2.5 · max 2.5 s" in words
    assert "stopped by the second ear 1 of 3 false proposals" in words
    assert words.index("false wakes an hour") < words.index("Misses against false wakes")


def test_a_wake_has_its_row_with_what_was_said(tmp_path: Path) -> None:
    words = text_of(report.write(tmp_path, evening()))
    assert "false wake tv/a.flac 1:00:00.0 0.97 0.91 2.5 s I lecture on Alexander the Great" in words
    assert "rejected tv/b.flac 1:40:00.0 0.97 0.31 – –" in words
    assert words.index("rejected, though said said/f.flac") < words.index("wake said/c.flac")


def test_every_proposal_is_a_dot_with_a_title(tmp_path: Path) -> None:
    path = report.write(tmp_path, evening())
    page = Page(path)
    drawn = [dot for dot in page.named("circle", "dot") if str(dot["cx"]).endswith("%")]
    names = [str(dot["class"]).split()[1] for dot in drawn]
    assert sorted(names) == ["false", "false", "missed", "rejected", "wake", "wake", "wake"]
    shown = path.read_text(encoding="utf-8")
    assert "false wake, 0.97, 0.91, 2.5 s would be sent; tv/a.flac at 1:00:00.0, round 0, as it is" in shown


def test_a_dot_stands_at_its_hour_of_all_audio() -> None:
    among = hearings(evening(), "alexa")
    at_s = {dot.proposal.file: dot.sample / 16_000 for dot in reversed(timeline.dots(among))}
    assert at_s["tv/a.flac"] == 3600.0
    assert at_s["tv/b.flac"] == 7200.0 + 12.0
    assert at_s["said/d.flac"] == 14_400 + 3.0 + 1.0


def test_conditions_and_groups_have_their_rows(tmp_path: Path) -> None:
    study = evening()
    kitchen = [msgspec.structs.replace(item, condition="kitchen") for item in study.items if item.label]
    heard = (*study.heard, wake("said/c.flac", 0.8, condition="kitchen"))
    settings = msgspec.structs.replace(SETTINGS, conditions=(AS_IT_IS, "kitchen"))
    path = report.write(tmp_path, Study(settings, (*study.items, *kitchen), heard))
    words = text_of(path)
    assert "kitchen – – – – – 4 25 % (4.6 to 69.9)" in words
    assert "tv 4.00 1 2 0.50 (0.061 to 1.81) 0.50 (0.061 to 1.81) – –" in words
    assert "recall, as it is 75 %" in words
    assert len(Page(path).named("path", "curve")) == 4  # two curves and their keys


def test_rounds_tell_what_comes_again(tmp_path: Path) -> None:
    study = evening()
    items = [msgspec.structs.replace(item, round=n) for n in range(4) for item in study.items]
    heard = [msgspec.structs.replace(study.heard[0], round=n) for n in range(4)] + [study.heard[1]]
    settings = msgspec.structs.replace(SETTINGS, rounds=4)
    words = text_of(report.write(tmp_path, Study(settings, tuple(items), tuple(heard))))
    assert "come again 1 of 2 in more than ¾ of 4 rounds; 1 in all, 1 in one alone" in words
    assert "5 false wakes in 16.00 hours of 4 rounds" in words


def test_the_sensitivities_are_points_and_rows(tmp_path: Path) -> None:
    cuts = {"alexa": {"strict": 0.95, "balanced": 0.5, "eager": 0.3}}
    words = text_of(report.write(tmp_path, evening(), sensitivities=cuts))
    assert "strict 0.95 0 0 to 0.92 25 % 4.6 to 69.9" in words
    assert "balanced this study 0.5 0.50 0.061 to 1.81 25 % 4.6 to 69.9" in words
    assert "eager 0.3 0.75 0.15 to 2.19 0 % 0 to 49" in words


def test_the_speakers_of_2020_stand_beside_ours(tmp_path: Path) -> None:
    without = text_of(report.write(tmp_path, evening()))
    words = text_of(report.write(tmp_path, evening(), pets=theirs()))
    assert "Beside the speakers of 2020" in words
    assert "Beside the speakers of 2020" not in without
    assert "Overheard “alexa” as it is 4.00 2 0.50 (0.061 to 1.81)" in words
    assert words.count("Echo Dot 3") == 4


def hostile() -> Study:
    item = Item(f"{HOSTILE}.flac", 0, HOSTILE, 60.0, 10, None, HOSTILE, HOSTILE)
    heard = wake(
        item.file, 0.9, 1.0, said=HOSTILE, condition=HOSTILE, clip=f"clips/{HOSTILE}.wav", word=HOSTILE
    )
    settings = Settings(
        (HOSTILE,), HOSTILE, {HOSTILE: 0.5}, {HOSTILE: HOSTILE}, HOSTILE, 1, True, HOSTILE, (HOSTILE,)
    )
    said = msgspec.structs.replace(item, file="said", label=HOSTILE, error=None)
    return Study(settings, (item, said), (heard,))


def test_the_page_refers_to_nothing_outside_itself(tmp_path: Path) -> None:
    path = report.write(tmp_path, evening(), pets=theirs())
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", path.read_text(encoding="utf-8"))
    page = Page(path)
    assert not {"script", "link", "img", "iframe", "object", "embed", "base"} & {tag for tag, _ in page.tags}
    assert not any("src" in attrs for _, attrs in page.tags)
    assert any("default-src 'none'" in str(attrs.get("content")) for _, attrs in page.tags)


def test_no_word_of_a_study_becomes_markup(tmp_path: Path) -> None:
    page = Page(report.write(tmp_path, hostile(), pets=theirs(), sensitivities={HOSTILE: {HOSTILE: 0.4}}))
    assert not {"script", "img"} & {tag for tag, _ in page.tags}
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert page.words.count(HOSTILE) > 5


@pytest.mark.parametrize(
    ("clip", "link"),
    [
        ("clips/a b.wav", "./clips/a%20b.wav"),
        ("javascript:alert(1)", "./javascript%3Aalert%281%29"),
        ("/etc/passwd", None),
        ("../../secret.wav", None),
    ],
)
def test_a_clip_is_linked_only_inside_the_folder(clip: str, link: str | None, tmp_path: Path) -> None:
    study = evening()
    heard = (msgspec.structs.replace(study.heard[0], clip=clip),)
    page = Page(report.write(tmp_path, msgspec.structs.replace(study, heard=heard)))
    assert [attrs["href"] for tag, attrs in page.tags if tag == "a"] == ([link] if link else [])


def test_a_long_study_is_cut_and_says_so(tmp_path: Path) -> None:
    items = [Item(f"g{n}/a.flac", 0, AS_IT_IS, 60.0, None, None, f"g{n}", "damaged") for n in range(100)]
    heard = [wake(f"g{n % 100}/a.flac", 0.3 + 0.3 * (n == 4999), float(n)) for n in range(5000)]
    path = report.write(tmp_path, Study(SETTINGS, tuple(items), tuple(heard)))
    words = text_of(path)
    assert "4,000 proposals are drawn, false wakes first; wakes.csv has all." in words
    assert "100 of 5,000 rows are here: false wakes" in words
    assert "60 of 100 groups are here" in words
    assert "30 of 100 files are here; files.csv has all." in words
    assert "false wake g99/a.flac 1:23:19.0" in words
    assert path.stat().st_size < 2_000_000


@pytest.mark.parametrize("items", [(), evening().items[:2], evening().items[2:]])
def test_a_study_of_little_is_a_page_all_the_same(items: tuple[Item, ...], tmp_path: Path) -> None:
    words = text_of(report.write(tmp_path, Study(SETTINGS, items, ()), pets=theirs()))
    assert "A curve needs files that say the word and audio that does not." in words
    assert ("No audio without the word was heard." in words) == (not items or items[0].label == "alexa")


def test_a_browser_shows_the_page_and_runs_nothing_of_it(tmp_path: Path) -> None:
    page = browse(report.write(tmp_path, hostile(), pets=theirs()), tmp_path / "profile")
    assert "owned</title>" not in page
    assert page.count("<svg") > 5


def test_a_small_phone_scrolls_pictures_and_not_the_page(tmp_path: Path) -> None:
    page = html.escape(report.write(tmp_path, evening(), pets=theirs()).read_text(encoding="utf-8"))
    script = (
        "onload = () => { const inner = document.querySelector('iframe').contentDocument.documentElement;"
        "document.body.dataset.page = inner.scrollWidth; document.body.dataset.room = inner.clientWidth }"
    )
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<iframe srcdoc="{page}" style="width:390px;border:0"></iframe><script>{script}</script>'
    )
    width = dict(re.findall(r'data-(page|room)="(\d+)"', browse(frame, tmp_path / "profile")))
    assert int(width["page"]) == int(width["room"]) <= 390


def test_numbers_read_like_numbers() -> None:
    shown = [number(value) for value in (0, 0.0004, 0.0123, 0.0996, 1.234, 99.6, 12_345)]
    assert shown == ["0", "0", "0.012", "0.10", "1.23", "100", "12,345"]
    assert (percent(0.982), percent(0.25), percent(0)) == ("98.2", "25", "0")
    assert (count(1, "file"), count(1234, "file")) == ("1 file", "1,234 files")
    assert rate_text(None) == "–"
