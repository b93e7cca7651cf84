"""A captured line and the ledger of its device: the honest firmware's, and what somebody changed of it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from lab.__main__ import app
from lab.audit.evidence import Evidence, Given
from lab.audit.line.checks import CHECKS
from lab.audit.verdicts import Finding, Result, make
from lab.kit.packets import packed
from lab.scenario import read
from lab.simulate import Around, simulate
from tests.lab.captured_line import Cable, Chunk, Tapped, Under, packets

SCENARIOS = Path(__file__).resolve().parents[2] / "lab" / "scenarios"
WAYS = ("plain", "opened", "sealed")
Talks = list[list[Chunk]]


class Home:
    """A run of the firmware, and what passed between it and its broker."""

    def __init__(self, directory: Path, scenario: str) -> None:
        self.run = directory / "run"
        tapped = Tapped()
        simulate(read(SCENARIOS / f"{scenario}.toml"), self.run, around=Around(tapped.between))
        tapped.close()
        self.talks = tapped.talks

    def copy(self, to: Path) -> Path:
        return Path(shutil.copytree(self.run, to))


def lay(run: Path, talks: Talks, way: str, change: Callable[[Cable], None] = lambda _cable: None) -> Path:
    """Put conversations on a cable, in one of three ways, and the capture of it into the run."""
    cable = Cable(1883 if way == "plain" else 8883, tls=way != "plain")
    cable.arp()
    cable.arp(back=True)
    if way != "plain":
        under = Under(run / "scratch", run / "wire.keys")
        talks = [under.tls(talk) if talk else [] for talk in talks]  # none: nobody answered
        shutil.rmtree(run / "scratch")
    if way == "sealed":
        (run / "wire.keys").unlink()
    for talk in talks:
        cable.call(talk)
    change(cable)
    cable.write(run)
    return run


def results(run: Path) -> dict[str, Result]:
    evidence = Evidence(Given(run))
    return {check.name: make(check, evidence) for check in CHECKS}


def found(run: Path) -> dict[str, tuple[Finding, ...]]:
    return {name: result.findings for name, result in results(run).items() if result.findings}


@pytest.fixture(scope="module")
def press(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("press"), "press")


@pytest.fixture(scope="module")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("outage"), "outage")


# -- honest ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_an_honest_line_is_what_its_ledger_has(press: Home, tmp_path: Path, way: str) -> None:
    came = results(lay(press.copy(tmp_path / "run"), press.talks, way))
    assert {name: result.state for name, result in came.items()} == dict.fromkeys(came, "holds")


@pytest.mark.parametrize("way", WAYS)
def test_so_is_one_that_was_cut_and_came_back(outage: Home, tmp_path: Path, way: str) -> None:
    assert len(outage.talks) > 1
    came = results(lay(outage.copy(tmp_path / "run"), outage.talks, way))
    assert {name: result.state for name, result in came.items()} == dict.fromkeys(came, "holds")


def test_a_capture_and_its_keys_may_be_named(press: Home, tmp_path: Path) -> None:
    run = lay(press.copy(tmp_path / "run"), press.talks, "opened")
    for name in ("wire.pcapng", "wire.keys"):
        (run / name).rename(tmp_path / name)
    named = ["--pcap", str(tmp_path / "wire.pcapng"), "--keylog", str(tmp_path / "wire.keys")]
    CliRunner().invoke(app, ["audit", str(run), *named])
    checks = {
        check["name"]: check["state"]
        for promise in json.loads((run / "verdict.json").read_text())["promises"]
        for check in promise["checks"]
    }
    assert {checks[check.name] for check in CHECKS} == {"holds"}


@pytest.mark.parametrize(
    ("gone", "needs"),
    [("wire.pcapng", "a capture"), ("link.json", "whose the addresses"), ("device.vkey", "verifier key")],
)
def test_what_is_not_there_is_asked_for(press: Home, tmp_path: Path, gone: str, needs: str) -> None:
    run = lay(press.copy(tmp_path / "run"), press.talks, "plain")
    (run / gone).unlink()
    for result in results(run).values():
        assert result.state == "not given"
        assert needs in result.needs


def test_a_capture_without_a_packet_shows_nothing(press: Home, tmp_path: Path) -> None:
    run = press.copy(tmp_path / "run")
    Cable(8883, tls=True).write(run)
    assert "with a packet in it" in results(run)["capture.nothing_else"].needs


def test_the_end_of_a_connection_whose_beginning_is_not_there_is_found(press: Home, tmp_path: Path) -> None:
    """The broker speaks first in what there is of it."""

    def late(cable: Cable) -> None:
        del cable.frames[:60]
        first = next(at for at, frame in enumerate(cable.frames) if frame[34:36] == (1883).to_bytes(2, "big"))
        del cable.frames[:first]

    came = found(lay(press.copy(tmp_path / "run"), press.talks, "plain", late))
    assert "whose beginning the capture does not have" in came["capture.no_other_way"][0].what


def test_without_keys_the_broker_s_side_shows_what_was_in_the_records(press: Home, tmp_path: Path) -> None:
    """Lengths alone are no contents."""
    run = lay(press.copy(tmp_path / "run"), press.talks, "sealed")
    lines = (run / "sent.jsonl").read_text().splitlines()
    (run / "sent.jsonl").write_text("".join(line + "\n" for line in lines[:-3]))
    assert "a key log" in results(run)["capture.nothing_else"].needs


def test_keys_of_another_connection_open_nothing(press: Home, tmp_path: Path) -> None:
    run = lay(press.copy(tmp_path / "run"), press.talks, "opened")
    Under(tmp_path / "s", run / "other.keys").tls(press.talks[0])
    (run / "other.keys").rename(run / "wire.keys")
    assert "a key log that has the connection" in results(run)["capture.no_other_way"].needs


def test_a_capture_of_the_second_half_shows_only_that(outage: Home, tmp_path: Path) -> None:
    run = lay(outage.copy(tmp_path / "run"), outage.talks[-1:], "opened")
    needs = results(run)["capture.nothing_else"].needs
    assert needs.startswith("a capture that has the connection of ledger row")


# -- changed conversations ---------------------------------------------------------------------------


def change(talk: list[Chunk], what: Callable[[list[Chunk]], list[Chunk]]) -> Talks:
    return [what(packets(talk))]


def publish(topic: str, payload: bytes, number: int, flags: int = 2, more: bytes = b"\0") -> Chunk:
    """As MQTT 5 has it."""
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + number.to_bytes(2, "big") + more + payload
    return Chunk(True, packed(0x30 | flags, body))


def of_device(talk: list[Chunk], kind: int) -> list[int]:
    return [at for at, chunk in enumerate(talk) if chunk.from_device and chunk.data[0] >> 4 == kind]


def one_more(talk: list[Chunk]) -> list[Chunk]:
    at = of_device(talk, 3)[-1]
    number = 3 + len(of_device(talk, 3)) - 1
    return [*talk[:at], publish("overheard/v1/other", bytes(2560), number), *talk[at:]]


def one_less(talk: list[Chunk]) -> list[Chunk]:
    at = of_device(talk, 3)[4]
    return [*talk[:at], *talk[at + 1 :]]


def one_twice(talk: list[Chunk]) -> list[Chunk]:
    at = of_device(talk, 3)[4]
    return [*talk[: at + 1], *talk[at:]]


def swapped(talk: list[Chunk]) -> list[Chunk]:
    """The begin and the first segment: of two segments nobody could tell without keys."""
    first, second = of_device(talk, 3)[1:3]
    talk[first], talk[second] = talk[second], talk[first]
    return talk


def a_byte_more(talk: list[Chunk]) -> list[Chunk]:
    at = of_device(talk, 3)[4]
    raw = talk[at].data
    talk[at] = Chunk(True, packed(raw[0], raw[3:] + b"\0"))
    return talk


def another_command(talk: list[Chunk]) -> list[Chunk]:
    at = of_device(talk, 14)[-1]
    return [*talk[:at], Chunk(True, packed(0xF0, bytes(100))), *talk[at:]]


def after_goodbye(talk: list[Chunk]) -> list[Chunk]:
    return [*talk, Chunk(True, packed(0xC0, bytes(64)))]


CHANGES = (one_more, one_less, one_twice, swapped, a_byte_more, another_command, after_goodbye)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", CHANGES, ids=lambda each: each.__name__)
def test_what_is_said_beside_the_ledger_is_found(
    press: Home, tmp_path: Path, what: Callable[[list[Chunk]], list[Chunk]], way: str
) -> None:
    run = lay(press.copy(tmp_path / "run"), change(press.talks[0], what), way)
    came = found(run)
    assert set(came) & {"capture.nothing_else", "capture.rows"}
    if what is not one_less:
        assert came["capture.no_other_way"]


def another_byte(talk: list[Chunk]) -> list[Chunk]:
    at = of_device(talk, 3)[4]
    raw = talk[at].data
    talk[at] = Chunk(True, raw[:-1] + bytes([raw[-1] ^ 1]))
    return talk


def another_will(talk: list[Chunk]) -> list[Chunk]:
    raw = talk[0].data
    talk[0] = Chunk(True, raw[:-1] + b" ")
    return talk


@pytest.mark.parametrize("way", ["plain", "opened"])
@pytest.mark.parametrize("what", [another_byte, another_will], ids=lambda each: each.__name__)
def test_so_is_every_byte_of_it_where_it_can_be_read(
    press: Home, tmp_path: Path, what: Callable[[list[Chunk]], list[Chunk]], way: str
) -> None:
    came = found(lay(press.copy(tmp_path / "run"), change(press.talks[0], what), way))
    assert {"capture.no_other_way", "capture.nothing_else"} <= set(came)


# -- changed rows, counts and messages ---------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_a_row_that_is_gone_is_missed(press: Home, tmp_path: Path, way: str) -> None:
    run = lay(press.copy(tmp_path / "run"), press.talks, way)
    rows = (run / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    gone = next(at for at, row in enumerate(rows) if b'"kind":"segment"' in row)
    (run / "ledger.jsonl").write_bytes(b"".join(rows[:gone] + rows[gone + 1 :]))
    assert "capture.nothing_else" in found(run)


@pytest.mark.parametrize("way", ["plain", "opened"])
def test_a_row_too_many_before_the_goodbye_is_found(press: Home, tmp_path: Path, way: str) -> None:
    run = lay(press.copy(tmp_path / "run"), press.talks, way)
    rows = (run / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    (run / "ledger.jsonl").write_bytes(b"".join([*rows, rows[-1]]))
    assert set(found(run)) == {"capture.rows"}


@pytest.mark.parametrize(
    "place",
    [("kernel", "sent_packets"), ("kernel", "sent_bytes"), ("kernel", "received_packets"),
     ("kernel", "received_bytes"), ("dropped",)],
)  # fmt: skip
def test_the_kernel_counts_what_the_capture_has(press: Home, tmp_path: Path, place: tuple[str, ...]) -> None:
    run = lay(press.copy(tmp_path / "run"), press.talks, "plain")
    link = json.loads((run / "link.json").read_text())
    of = link
    for name in place[:-1]:
        of = of[name]
    of[place[-1]] += 1
    (run / "link.json").write_text(json.dumps(link))
    assert set(found(run)) == {"capture.counted", "capture.no_other_way"}


def test_a_packet_cut_from_the_capture_is_missed(press: Home, tmp_path: Path) -> None:
    def cut(cable: Cable) -> None:
        cable.write(run)
        link = (run / "link.json").read_text()
        del cable.frames[40]
        cable.write(run)
        kept.append(link)

    kept: list[str] = []
    run = press.copy(tmp_path / "run")
    lay(run, press.talks, "opened", cut)
    (run / "link.json").write_text(kept[0])
    assert {"capture.counted", "capture.no_other_way", "capture.nothing_else"} <= set(found(run))


def test_what_the_broker_s_side_got_is_on_the_line(press: Home, tmp_path: Path) -> None:
    run = lay(press.copy(tmp_path / "run"), press.talks, "opened")
    lines = (run / "sent.jsonl").read_text().splitlines()
    message = json.dumps({"topic": "overheard/v1/other/up/status", "payload": "e30="})
    (run / "sent.jsonl").write_text("".join(line + "\n" for line in [*lines, message]))
    assert set(found(run)) == {"capture.got"}


def test_what_is_on_the_line_the_broker_s_side_got(press: Home, tmp_path: Path) -> None:
    run = lay(press.copy(tmp_path / "run"), press.talks, "opened")
    lines = (run / "sent.jsonl").read_text().splitlines()
    kept = [line for line in lines if "/begin" not in line]
    (run / "sent.jsonl").write_text("".join(line + "\n" for line in kept))
    assert set(found(run)) == {"capture.got"}


# -- any byte ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_no_byte_that_the_device_said_can_be_another_and_all_be_kept(
    press: Home, tmp_path: Path, way: str
) -> None:
    """Of what no key opens the headers of records can be read, and nothing else."""
    run = lay(press.copy(tmp_path / "run"), press.talks, way)
    whole = (run / "wire.pcapng").read_bytes()
    port = (1883 if way == "plain" else 8883).to_bytes(2, "big")
    places = _said_at(whole, port)
    if way == "sealed":
        places = _headers(whole, places)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.sampled_from(places), st.integers(1, 255))
    def flip(place: int, by: int) -> None:
        (run / "wire.pcapng").write_bytes(whole[:place] + bytes([whole[place] ^ by]) + whole[place + 1 :])
        came = results(run)
        assert "holds" not in {came["capture.no_other_way"].state, came["capture.nothing_else"].state}

    flip()


def _headers(capture: bytes, places: list[int]) -> list[int]:
    """Of the places of a stream of TLS, in order, those of the headers of its records."""
    headers: list[int] = []
    at = 0
    while at < len(places):
        headers += places[at : at + 5]
        at += 5 + int.from_bytes(bytes(capture[place] for place in places[at + 3 : at + 5]), "big")
    return headers


def _said_at(capture: bytes, port: bytes) -> list[int]:
    """Where the payload of the device's TCP is in a file of `captured_line`."""
    places: list[int] = []
    at = 0
    while at < len(capture):
        kind, length = (int.from_bytes(capture[at + n : at + n + 4], "little") for n in (0, 4))
        frame = at + 28
        if kind == 6 and capture[frame + 23] == 6 and capture[frame + 36 : frame + 38] == port:
            size = int.from_bytes(capture[at + 20 : at + 24], "little")
            places += range(frame + 54, frame + size)
        at += length
    return places
