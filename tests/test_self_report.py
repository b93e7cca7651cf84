"""The self-report says all that leaves, and nothing that does not: compared with what a real broker saw of a
speaker with everything on, field by field, and with every socket and file of its process.
"""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import paho.mqtt.client as paho
import pytest
from msgspec.structs import replace
from paho.mqtt.enums import CallbackAPIVersion

from cloud_stub.broker import find_mosquitto
from device.config import Config, load
from device.envelope import Header, topics
from device.envelope.layout import Cursor
from device.ledger import LEFT
from device.line import caller
from device.self_report import Report, names, report
from device.self_report.fields import of_struct
from device.self_report.means import MEANS
from device.self_report.report import NO_DEVICE
from lab.scenario import Order, Scenario, Step
from lab.simulate import Around, simulate
from tests.audited import AUDIO, Audited, Message, audit_plain, audit_secure, unlisted, unwritten

ROOT = Path(__file__).resolve().parents[1]
EVERYTHING = {
    "home_assistant": {"discovery": True},
    "privacy": {"pad_s": 1.0, "cover_per_day": 1000},
}

pytestmark = [
    pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
    pytest.mark.xdist_group("self_report"),  # what is played serves them all
]


class Run(NamedTuple):
    """What passed the broker in a run, and the settings of the speaker."""

    messages: list[Message]
    down: list[Message]
    config: Config


@contextmanager
def listening(port: int, messages: list[Message]) -> Iterator[None]:
    """Somebody who hears everything that is published."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _c, _u, m: messages.append(Message(m.topic, bytes(m.payload)))
    client.connect("127.0.0.1", port)
    client.subscribe("#", qos=1)
    client.loop_start()
    try:
        yield
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A question, a press, mute, a command, and ten minutes in which cover leaves."""
    directory = tmp_path_factory.mktemp("everything") / "run"
    timeline = (
        Step(wait=1),
        Step(say=str(AUDIO / "alexa_time.flac")),
        Step(wait=6),
        Step(command=Order("checkpoint")),
        Step(wait=1),
        Step(tap=True),
        Step(wait=6),
        Step(mute=True),
        Step(wait=2),
        Step(unmute=True),
        Step(wait=600),
    )
    messages: list[Message] = []
    with ExitStack() as stack:

        def detour(port: int, _clock: object) -> int:
            stack.enter_context(listening(port, messages))
            return port

        simulate(Scenario("everything", timeline, speaker=EVERYTHING), directory, around=Around(detour))
    config = load(directory / "device.toml")
    ways: tuple[list[Message], list[Message]] = [], []
    for message in messages:
        ways["/down/" in message.topic or message.topic == topics.KEYS].append(message)
    return Run(*ways, config)


def unsaid(said: Report, messages: list[Message]) -> set[str]:
    """What was seen and the report does not say: topics, fields, sizes."""
    known = {
        re.compile(re.escape(each.topic).replace("<utterance>", "[0-9a-f]{32}")): each for each in said.leaves
    }
    found = set()
    for message in messages:
        entries = [each for topic, each in known.items() if topic.fullmatch(message.topic) and each.leaves]
        if not entries:
            found.add(f"topic {message.topic}")
            continue
        fields = {field.name for entry in entries for field in entry.fields}
        found |= {f"{entries[0].kind}.{name}" for name in message.fields() - fields}
        if entries[0].kind == "segment" and f"{len(message.payload):,} bytes" not in entries[0].size:
            found.add(f"segment of {len(message.payload)} bytes")
    return found


def unseen(said: Report, messages: list[Message]) -> set[str]:
    """What the report says that leaves and was never seen: kinds, and fields of those that were."""
    found = set()
    for each in said.leaves:
        topic = re.compile(re.escape(each.topic).replace("<utterance>", "[0-9a-f]{32}"))
        of_kind = [message for message in messages if topic.fullmatch(message.topic)]
        if each.leaves and not of_kind:
            found.add(each.kind)
        elif each.leaves:
            fields = set[str]().union(*(message.fields() for message in of_kind))
            found |= {f"{each.kind}.{field.name}" for field in each.fields if field.name not in fields}
    return found


def test_nothing_leaves_that_it_does_not_say(run: Run) -> None:
    assert unsaid(report(run.config), run.messages) == set()
    triggers = {
        json.loads(Cursor(message.payload[4:], "begin").json())["trigger"]["kind"]
        for message in run.messages
        if message.topic.endswith("/begin")
    }
    assert triggers == {"wake_word", "button_tap", "cover"}, "the run had everything in it"


def test_it_says_nothing_that_does_not_leave(run: Run) -> None:
    assert unseen(report(run.config), run.messages) == set()


def test_a_field_that_is_dropped_from_the_report_is_missed(run: Run) -> None:
    said = report(run.config)
    for number, each in enumerate(said.leaves):
        if each.kind in {"connect", "status"}:  # they have one topic, and speak for each other
            continue
        for at, field in enumerate(each.fields):
            less = replace(each, fields=(*each.fields[:at], *each.fields[at + 1 :]))
            leaves = (*said.leaves[:number], less, *said.leaves[number + 1 :])
            expected = {f"{each.kind}.{field.name}"} if each.leaves else set()
            assert unsaid(replace(said, leaves=leaves), run.messages) == expected


def test_a_topic_that_is_dropped_from_the_report_is_missed(run: Run) -> None:
    said = report(run.config)
    for kind in ("begin", "segment", "end", "checkpoint", "state", "discovery"):
        leaves = tuple(each for each in said.leaves if each.kind != kind)
        missed = unsaid(replace(said, leaves=leaves), run.messages)
        assert missed
        assert all(each.startswith("topic ") for each in missed)


def test_a_message_that_is_larger_than_it_says_is_missed(run: Run) -> None:
    other = replace(run.config, audio=replace(run.config.audio, segment_ms=160))
    assert unsaid(report(other), run.messages) == {"segment of 2598 bytes"}


def test_what_is_off_is_said_to_be_off(run: Run) -> None:
    off = replace(run.config.home_assistant, discovery=False)
    missed = unsaid(report(replace(run.config, home_assistant=off)), run.messages)
    assert {re.sub("ovh-[a-z2-7]+", "*", each) for each in missed} == {
        "topic homeassistant/device/*/config",
        "topic overheard/v1/*/up/state",
    }


def test_every_kind_that_the_ledger_knows_to_leave_is_in_it() -> None:
    assert {each.kind for each in report(load(None)).leaves} == LEFT


def test_the_last_will_says_what_it_is_said_to_say() -> None:
    connect, *_ = report(load(None)).leaves
    will = caller("ovh-x", "boot")
    assert names(json.loads(will.will)) <= {field.name for field in connect.fields}
    assert connect.topic == topics.status(NO_DEVICE)
    assert will.will_topic == topics.status("ovh-x")


def test_everything_that_is_subscribed_is_said_to_come_in() -> None:
    said = [each.topic for each in report(load(None)).comes_in]
    assert said == list(caller(NO_DEVICE, "").subscriptions)


def test_a_field_that_nobody_explains_cannot_be_reported() -> None:
    less = {name: text for name, text in MEANS.items() if name != "utc"}
    with pytest.raises(LookupError, match=r"begin\.utc"):
        of_struct(Header, "begin", less)
    explained = {field.name for each in report(load(None)).leaves for field in each.fields}
    explained |= {field.name for each in report(load(None)).comes_in for field in each.fields}
    unused = {name for name in MEANS if name not in explained and name.partition(".")[2] not in explained}
    assert unused == set()


# -- the process -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    return audit_secure(tmp_path_factory.mktemp("secure"))


def test_it_opens_no_other_socket_and_no_other_file(secure: Audited) -> None:
    assert secure.strange() == []
    assert {what for what, _ in secure.opened} == {"connect", "name", "bind", "pair", "write"}
    kinds = {to.who for to in secure.said.destinations}
    provisioning = "the broker, for a first certificate"
    assert kinds == {"the broker", provisioning, "this machine's name server", "itself"}
    assert unlisted(secure.said, secure.written) == set()


def test_it_says_of_no_file_that_is_not_written(secure: Audited) -> None:
    assert unwritten(secure.said, secure.written) == set()


def test_a_file_that_is_dropped_from_the_report_or_misnamed_is_missed(secure: Audited) -> None:
    for number, file in enumerate(secure.said.files):
        rest = (*secure.said.files[:number], *secure.said.files[number + 1 :])
        assert unlisted(replace(secure.said, files=rest), secure.written), file.name
        misnamed = replace(file, name=f"{file.name}s")
        assert unwritten(replace(secure.said, files=(*rest, misnamed)), secure.written) == {misnamed.name}


def test_over_tls_too_nothing_leaves_that_it_does_not_say(secure: Audited) -> None:
    assert unsaid(secure.said, secure.messages) == set()


def test_everything_that_it_lists_is_seen_in_some_run(run: Run, secure: Audited, tmp_path: Path) -> None:
    device = replace(load(secure.settings).device, state_dir=str(tmp_path))
    said = report(replace(load(secure.settings), device=device))
    seen = [
        Message(re.sub("ovh-[a-z2-7]+", NO_DEVICE, message.topic), message.payload)
        for message in (*run.messages, *run.down, *secure.messages)
    ]
    assert all(each.leaves for each in said.leaves)
    assert unseen(said, seen) == set()
    came = {message.topic for message in seen}
    assert {each.topic for each in said.comes_in} - came == {topics.certificate(NO_DEVICE)}
    assert any("a new certificate" in line for line in secure.told), (
        "one came, which only the speaker may hear"
    )


def test_a_call_to_somebody_else_is_noticed(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        audited = audit_plain(tmp_path, str(port))
    assert audited.strange() == [("name", "127.0.0.1"), ("connect", ["127.0.0.1", port])]
    assert unlisted(audited.said, audited.written) == set()


# -- as it is shown ----------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_the_command_line_shows_it_all_and_makes_nothing(tmp_path: Path, words: list[str]) -> None:
    settings = tmp_path / "my.toml"
    settings.write_text('device.state_dir = "state"\n')
    command = [sys.executable, "-m", "device", "self-report", "--config", str(settings), *words]
    shown = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    said = report(load(settings))
    if words:
        assert msgspec.json.decode(shown, type=Report) == said
    flat = " ".join(shown.split())
    for each in (*said.leaves, *said.comes_in):
        assert each.topic in flat
        assert all(field.name in flat for field in each.fields)
    if not words:
        top = shown.splitlines()[1:4]
        assert [line.split()[0] for line in top] == ["destinations", "topics", "files"]
        assert top[2].split()[1:] == [str(len(said.files)), "names,", "in", said.state_dir]
    assert not (tmp_path / "state").exists()
