"""The report is one page that fetches nothing, escapes everything, and works in a real browser."""

import base64
import html
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from device.ledger.merkle import leaf_hash, root_of
from lab.report import ReportError, Row, Verdict, write_report
from lab.report.axis import Axis
from tests.lab.test_report_stories import Story, begun, evening, spoken

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>\u202e&amp;"
VERDICTS = [
    Verdict("4 utterances", True),
    Verdict("no frame is read while muted", True),
    Verdict("the answer comes within 1.0 s", False, "1.3 s after utterance 3"),
]
SUMMARY = [Row("false wakes", "0", "in 108 s with the microphone open"), Row("rejected wake words", "1")]


class Page(HTMLParser):
    """What a browser would find: every element, and the words of the tables."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(data.strip())

    def named(self, tag: str, css_class: str) -> list[dict[str, str | None]]:
        return [
            attrs for name, attrs in self.tags if name == tag and css_class in str(attrs.get("class")).split()
        ]


def drawn_wrong(page: Page) -> list[str | None]:
    return [bar["x"] for bar in page.named("rect", "wrong") if "x" in bar]  # the key of the legend has no x


def report(story: Story, directory: Path) -> Path:
    return write_report(story.write(directory), "An evening", VERDICTS, SUMMARY)


def hostile() -> Story:
    story = begun(20)
    story.row("scene", 3, do=HOSTILE, text=HOSTILE)
    story.trigger(5, score=0.9)
    story.utterance(5, 2, reason=HOSTILE, heard=HOSTILE, intent=HOSTILE, answer=HOSTILE)
    story.phase(12, HOSTILE)
    story.row("refused", 13, why=HOSTILE)
    return story


def test_the_page_refers_to_nothing_outside_itself(tmp_path: Path) -> None:
    path = report(evening(), tmp_path)
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", path.read_text(encoding="utf-8"))
    page = Page(path)
    targets = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    for tag, attrs in page.tags:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base"}
        assert "src" not in attrs
        assert str(attrs.get("href", "#whole")).removeprefix("#") in targets
    assert any("default-src 'none'" in str(attrs.get("content")) for _, attrs in page.tags)


def test_no_word_of_a_run_becomes_markup(tmp_path: Path) -> None:
    path = write_report(
        hostile().write(tmp_path), HOSTILE, [Verdict(HOSTILE, False, HOSTILE)], [Row(HOSTILE, "1")]
    )
    page = Page(path)
    assert [tag for tag, _ in page.tags].count("script") == 2
    assert not any(tag == "img" or any(name.startswith("on") for name in attrs) for tag, attrs in page.tags)
    assert HOSTILE in page.words


def test_what_was_kept_and_sent_begins_at_the_line_of_its_trigger(tmp_path: Path) -> None:
    page = Page(report(spoken(), tmp_path))
    (line, *_), (kept, *_), (sent, *_) = (
        page.named("line", "trigger"),
        page.named("rect", "kept"),
        page.named("rect", "sent"),
    )
    assert line["x1"] == kept["x"] == sent["x"] == "33.333%"
    assert kept["width"] == sent["width"] == "6.667%"
    assert not drawn_wrong(page)


def test_what_is_wrong_is_drawn_red_where_it_is(tmp_path: Path) -> None:
    page = Page(report(spoken(early_s=0.6), tmp_path))
    assert drawn_wrong(page)[:2] == ["31.333%", "31.333%"]
    assert page.named("figure", "bad")


def test_the_light_has_its_own_colour_and_none_when_it_is_off(tmp_path: Path) -> None:
    fills = {bar["fill"] for bar in Page(report(evening(), tmp_path)).named("rect", "light")}
    assert fills == {"#005ac8", "#00beff", "#7846ff", "#00c878", "#ff140a"}


def test_the_page_says_what_left_and_what_had_to_be_true(tmp_path: Path) -> None:
    story = evening()
    words = Page(report(story, tmp_path)).words
    assert words[words.index("✗ fail") :][1:3] == ["the answer comes within 1.0 s", "1.3 s after utterance 3"]
    assert words.count("✓ pass") == 2
    assert words[words.index("begin", words.index("in ledger")) :][:4] == ["begin", "4", "4", "10\u202f840"]
    assert "left 7.1 s after its end" in " ".join(words)
    assert "cloud 2024-05-01, owner" in words
    head = root_of([leaf_hash(line) for line in story.ledger])
    assert head == base64.b64decode(words[words.index("ledger head") + 1])


def test_every_utterance_can_be_reached_with_the_keyboard(tmp_path: Path) -> None:
    page = Page(report(evening(), tmp_path))
    links = {attrs.get("href") for tag, attrs in page.tags if tag == "a"}
    assert {f"#utterance-{number}" for number in (1, 2, 3, 4)} <= links
    assert all(attrs.get("tabindex") == "0" for attrs in page.named("div", "table"))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("timeline.jsonl", b'{"kind":"phase","sample":-1,"phase":"idle"}\n', "timeline.jsonl:1: .*sample"),
        ("timeline.jsonl", b'{"kind":"gossip","sample":0}\n', "timeline.jsonl:1: .*gossip"),
        ("timeline.jsonl", None, "timeline.jsonl: No such file"),
        ("ledger.jsonl", b'{"kind": "boot", "index": 0}\n', "ledger.jsonl: .*canonical"),
        ("room.flac", b"not a sound", "room.flac: no sound"),
        ("room.flac", None, "room.flac: no sound"),
    ],
)
def test_a_run_that_cannot_be_read_is_refused_in_one_line(
    name: str, content: bytes | None, says: str, tmp_path: Path
) -> None:
    directory = begun(2).write(tmp_path)
    (directory / name).unlink()
    if content is not None:
        (directory / name).write_bytes(content)
    with pytest.raises(ReportError, match=says) as refused:
        write_report(directory, "A story", [], [])
    assert "\n" not in str(refused.value)


def browse(path: Path, profile: Path) -> str:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on this machine; install chromium to see the page in a browser")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command = [chromium, *options, f"--user-data-dir={profile}", "--dump-dom", path.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def test_a_browser_runs_the_page_and_not_what_was_said(tmp_path: Path) -> None:
    page = browse(report(hostile(), tmp_path), tmp_path / "profile")
    assert 'data-ready="yes"' in page
    assert "<title>An evening · Overheard</title>" in page
    assert re.search(r'<div class="zoom"[^>]*>', page)
    assert "hidden" not in re.search(r'<div class="zoom"[^>]*>', page)[0]


def test_a_small_phone_scrolls_the_picture_and_not_the_page(tmp_path: Path) -> None:
    page = html.escape(report(evening(), tmp_path).read_text(encoding="utf-8"))
    script = (
        "onload = () => { const inner = document.querySelector('iframe').contentDocument;"
        "document.body.dataset.page = inner.documentElement.scrollWidth;"
        "document.body.dataset.room = inner.documentElement.clientWidth;"
        "document.body.dataset.picture = inner.getElementById('scroll').scrollWidth }"
    )
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<iframe srcdoc="{page}" style="width:320px;border:0"></iframe><script>{script}</script>'
    )
    seen = browse(frame, tmp_path / "profile")
    width = {name: int(number) for name, number in re.findall(r'data-(page|room|picture)="(\d+)"', seen)}
    assert width["page"] == width["room"] <= 320
    assert width["picture"] > 320


def test_a_failed_expectation_stands_at_the_top_and_the_page_is_not_green(tmp_path: Path) -> None:
    passed, failed = Verdict("utterances: 1", True), Verdict("heard: 'stop'", False, "found 'top'")
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    good = write_report(evening().write(tmp_path / "good"), "t", [passed], []).read_text(encoding="utf-8")
    bad = write_report(evening().write(tmp_path / "bad"), "t", [passed, failed], []).read_text(
        encoding="utf-8"
    )
    assert 'class="answer good"' in good
    assert "do not hold" not in good
    assert 'class="answer bad"' in bad
    assert "1 of 2 expectations do not hold" in bad.partition("The whole run")[0]


def test_no_byte_is_drawn_before_it_left(tmp_path: Path) -> None:
    story = begun(30)
    story.trigger(10.02, score=0.93)  # off the grid of the bars: a bar on it would begin 20 ms too early
    story.utterance(10.02, 2)
    page = report(story, tmp_path).read_text(encoding="utf-8")
    axis = Axis(0, 30 * 16_000)
    (left,) = (row["sample"] for row in story.rows if row.get("what") == "begin")
    path = re.search(r'class="bytes begin" d="M([0-9.]+)', page)
    assert path is not None
    assert left % 1280 != 0
    assert float(path[1]) == pytest.approx(left * axis.columns / axis.samples, abs=0.01)


def test_connections_are_not_red_though_only_the_ledger_knows_them(tmp_path: Path) -> None:
    page = report(evening(), tmp_path).read_text(encoding="utf-8")
    row = re.search(r"<tr([^>]*)><th scope=\"row\"><bdi>connect</bdi>", page)
    assert row is not None
    assert "bad" not in row[1]
