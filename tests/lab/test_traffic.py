"""When a speaker uploaded, by the published rule on published captures; and every format read back."""

import json
import shutil
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from lab.__main__ import app
from lab.fingerprint import traces
from lab.traffic import formats, rule
from lab.traffic.command import Wish, run
from lab.traffic.errors import TrafficError
from lab.traffic.rule import Activation, activations, score
from lab.traffic.uploads import read
from tests.lab.packets import Kept, ethernet, ipv4, pcap, tcp

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "echo-traffic" / "pcap"
PUBLISHED = SHARED / "results.txt"
START_NS = 1_700_000_000_000_000_000

needs_shared = pytest.mark.skipif(not PUBLISHED.exists(), reason="the captures of shared data are not here")


def speaks(path: Path, seconds: dict[int, int]) -> Path:
    """A capture in which 10.0.0.2 sends 10.0.0.1 so many segments of 1,000 bytes in these seconds."""
    frames, sequence = list[Kept](), 0
    for second, count in sorted(seconds.items()):
        for number in range(count):
            frame = ethernet(ipv4(tcp(sequence, bytes(1000))))
            frames.append(Kept(frame, START_NS + second * 10**9 + number * 10**6))
            sequence += 1000
    path.write_bytes(pcap(frames))
    return path


# -- the rule ----------------------------------------------------------------------------------------


@needs_shared
def test_the_published_activation_of_an_echo_dot_is_five_seconds_of_upload() -> None:
    seen = read(SHARED / "echodot3a.pcap")
    assert activations(seen.up, rule.ECHO_DOT_3) == [Activation(20, 24, 221_029)]
    assert sorted(second for second, count in seen.up.items() if count > rule.ECHO_DOT_3) == [
        20,
        21,
        22,
        23,
        24,
    ]


@needs_shared
@pytest.mark.parametrize("path", sorted(SHARED.glob("*_5*.pcap")), ids=lambda path: path.stem)
def test_every_one_of_five_questions_to_an_echo_is_an_activation(path: Path) -> None:
    up = read(path).up
    assert {len(activations(up, rule.ECHO_DOT_3, join_s)) for join_s in range(8, 20)} == {5}


@needs_shared
def test_the_published_misactivations_of_a_homepod_are_found_and_one_more() -> None:
    """The threshold is another device's: it costs precision."""
    (first, second) = formats.from_results(PUBLISHED.read_text(encoding="utf-8"))
    known = first.spans["homepod"] + second.spans["homepod"]
    found = activations(read(SHARED / "example.pcap").up, rule.ECHO_DOT_3)
    assert known == [(115, 122), (2039, 2046)]
    assert score(found, known) == (2, 3, 2)
    assert (score(found, known).recall, score(found, known).precision) == (1.0, 2 / 3)


def test_seconds_near_each_other_are_one_activation_and_bytes_between_count() -> None:
    up = Counter({3: 20_000, 5: 100, 9: 20_000, 40: 20_000, 60: 12_172})
    assert activations(up, 12_172) == [Activation(3, 9, 40_100), Activation(40, 40, 20_000)]
    assert activations(up, 12_171)[-1] == Activation(60, 60, 12_172)
    assert rule.idle_threshold(up) == 20_000
    assert activations(up, 20_000) == []


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), max_size=8), st.data())
def test_a_score_counts_nothing_twice(spans: list[tuple[int, int]], data: st.DataObject) -> None:
    known = [(first, first + length) for first, length in spans]
    found = [Activation(first, last, 1) for first, last in data.draw(st.permutations(known))]
    assert score(found, known).met <= len(known)
    assert score(found, []).met == 0
    assert (score([], known).recall, score([], []).precision) == (0.0 if known else 1.0, 1.0)


# -- reading -----------------------------------------------------------------------------------------


def test_on_a_cable_without_an_internet_the_other_end_is_out(tmp_path: Path) -> None:
    seen = read(speaks(tmp_path / "x.pcap", {0: 1, 4: 20}))
    assert (seen.device, seen.seconds, seen.start_ns) == ("10.0.0.2", 5, START_NS)
    assert seen.up == {0: 1054, 4: 20 * 1054}
    with pytest.raises(TrafficError, match=r"10\.0\.0\.9 sent nothing"):
        read(tmp_path / "x.pcap", "10.0.0.9")
    (tmp_path / "empty.pcap").write_bytes(pcap([]))
    with pytest.raises(TrafficError, match="nobody sent"):
        read(tmp_path / "empty.pcap")


# -- the formats -------------------------------------------------------------------------------------


@needs_shared
def test_results_txt_comes_back_from_its_text() -> None:
    text = PUBLISHED.read_text(encoding="utf-8")
    again = "".join(
        formats.to_results(each.capture, device, [Activation(*span, 0) for span in spans])
        for each in formats.from_results(text)
        for device, spans in each.spans.items()
    )
    assert again == text if text.endswith("\n") else again == text + "\n"


@pytest.mark.parametrize(
    "line", ["homepod:(1, 2)", "a:Devices with corresponding times are listed below:\n?"]
)
def test_what_is_no_results_txt_is_one_line(line: str) -> None:
    with pytest.raises(TrafficError, match=r"results\.txt:\d: neither"):
        formats.from_results(line)


def test_a_trace_is_what_the_published_attack_reads(tmp_path: Path) -> None:
    for number in (1, 2):
        for word in ("one", "other"):
            capture = speaks(tmp_path / "x.pcap", {0: 2, 1: number})
            assert formats.write_trace(capture, "10.0.0.2", tmp_path / f"{word}_{number}.csv") == 2 + number
    (found, *_) = traces.read(tmp_path)
    assert [(packet.size, packet.up) for packet in found.packets] == [(1040, True)] * 3
    assert found.packets[2].time_s == 1.0
    assert (tmp_path / "one_1.csv").read_text().splitlines()[:2] == [
        ",time,size,direction",
        "0,0.0,1040.0,1.0",
    ]


def test_iot_inspectors_tables_add_up(tmp_path: Path) -> None:
    capture = speaks(tmp_path / "x.pcap", {0: 2, 1: 3})
    assert formats.write_inspector(capture, tmp_path / "x.sqlite") == 2
    with closing(sqlite3.connect(tmp_path / "x.sqlite")) as db:
        flows = db.execute(
            "SELECT timestamp, src_ip_address, dest_port, protocol, byte_count, packet_count"
            " FROM network_flows"
        ).fetchall()
        cards = db.execute("SELECT mac_address, ip_address, is_inspected FROM devices").fetchall()
    second = START_NS // 10**9
    assert flows == [
        (second, "10.0.0.2", "8883", "TCP", 2108, 2), (second + 1, "10.0.0.2", "8883", "TCP", 3162, 3)
    ]  # fmt: skip
    assert cards == [("02:00:00:00:00:02", "10.0.0.2", 0)]


# -- the command -------------------------------------------------------------------------------------


def test_the_command_writes_every_format_and_a_threshold_may_come_from_idle(tmp_path: Path) -> None:
    active = speaks(tmp_path / "active.pcap", {0: 1, 5: 20, 30: 20})
    idle = speaks(tmp_path / "idle.pcap", {0: 1, 9: 4})
    assert run([active], Wish(idle=idle), tmp_path / "out", Console(quiet=True)) == 0
    said = json.loads((tmp_path / "out" / "traffic.json").read_text())
    assert said["threshold"] == 4 * 1054
    assert [each["first"] for each in said["captures"][0]["activations"]] == [5, 30]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "active.csv", "active.sqlite", "results.txt", "traffic.html", "traffic.json"
    }  # fmt: skip
    done = CliRunner().invoke(app, ["traffic", str(active)], env={"COLUMNS": "140"})
    assert (done.exit_code, "5 to 5, 30 to 30" in done.output) == (0, True)
    with pytest.raises(TrafficError, match="name one"):
        run([active], Wish(threshold=1, idle=idle), None, Console(quiet=True))


def test_a_browser_shows_the_page(tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine; install chromium to see the page in a browser")
    run([speaks(tmp_path / "<b>.pcap", {5: 20})], Wish(), tmp_path / "out", Console(quiet=True))
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    words = [chromium, *options, "--dump-dom", (tmp_path / "out" / "traffic.html").as_uri()]
    shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert "0 to 0 s: 21,080 bytes up" in shown
    assert "&lt;b&gt;.pcap" in shown
