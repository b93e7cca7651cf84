"""A broker whose access rules forbid what a speaker says: nothing counts as landed, and somebody is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from ssl import SSLContext

import msgspec
import pytest

from cloud_stub.broker import open_broker
from cloud_stub.keys import Keys
from device.config import Config
from device.diary import Diary
from device.home_assistant import MARKER
from device.ledger import parse_row
from device.uplink import Caller, Kind, Uplink
from tests.device.wire import departure, make_uplink, news_of, wait_for
from tests.secure_home import SecureHome, needs_mosquitto, until
from tests.test_provisioning import ask, device_of, new_speaker, running

pytestmark = needs_mosquitto

A, KEPT = "ovh-a", 7


@pytest.fixture
def home(tmp_path: Path) -> SecureHome:
    home = SecureHome(tmp_path, devices='approve = "claimed"')
    home.write(Keys(home.config.storage.keys, home.config.keys).vkey)
    return home


class Pair:
    """A certificate, as the uplink takes it."""

    def __init__(self, home: SecureHome) -> None:
        self._home, self._path = home, home.pair(A)

    def context(self) -> SSLContext:
        return self._home._context(self._path)

    def settle(self) -> None:
        pass


@contextmanager
def calling(home: SecureHome, protocol: str) -> Iterator[Uplink]:
    """The uplink of a device that has a certificate, up."""
    settings = make_uplink(home.port)._settings
    settings = msgspec.structs.replace(settings, host="localhost", protocol=protocol)
    caller = Caller(A, f"overheard/v1/{A}/up/status", b"lost", (f"overheard/v1/{A}/down/ack",))
    uplink = Uplink(settings, caller, lambda: None, Pair(home))
    with home.broker_up():
        uplink.start()
        try:
            wait_for(uplink, Kind.UP)
            yield uplink
        finally:
            uplink.stop()


def test_what_the_broker_forbids_is_not_confirmed(home: SecureHome) -> None:
    mine, not_mine = f"overheard/v1/{A}/up/status", "overheard/v1/ovh-b/up/status"
    with calling(home, "5") as uplink:
        for seq in (KEPT, None):
            uplink.publish(departure(seq, b"x", not_mine))
            uplink.publish(departure(seq, b"x", mine))
        news = news_of(uplink)
        said = [next(news) for _ in range(4)]
    assert [(each.kind, each.seq) for each in said] == [
        (Kind.REFUSED, KEPT), (Kind.SENT, KEPT), (Kind.REFUSED, None), (Kind.SENT, None),
    ]  # fmt: skip
    assert {(each.topic, each.why) for each in said} == {(not_mine, "Not authorized"), ("", "")}


def test_mqtt_3_1_1_has_no_word_for_it(home: SecureHome) -> None:
    with calling(home, "3.1.1") as uplink:
        uplink.publish(departure(KEPT, b"x", "overheard/v1/ovh-b/up/status"))
        assert next(news_of(uplink)).kind is Kind.SENT


def test_a_broker_that_forbids_nothing_confirms_what_nobody_hears(tmp_path: Path) -> None:
    with open_broker("mosquitto", 0, tmp_path) as broker:
        uplink = make_uplink(broker.port, "5")
        uplink.start()
        wait_for(uplink, Kind.UP)
        uplink.publish(departure(KEPT, b"x", "nobody/hears"))
        assert next(news_of(uplink)).kind is Kind.SENT, "though it says that there are no subscribers"
        uplink.stop()


# -- the whole speaker -------------------------------------------------------------------------------


def announcing(config: Config, prefix: str, *, discovery: bool) -> Config:
    section = msgspec.structs.replace(config.home_assistant, discovery=discovery, prefix=prefix)
    return msgspec.structs.replace(config, home_assistant=section)


def test_an_announcement_that_is_taken_back_where_that_is_forbidden_is_not_forgotten(
    home: SecureHome, tmp_path: Path
) -> None:
    config = new_speaker(home, tmp_path)
    with home.cloud():
        ask(config)
        marker = Path(config.device.state_dir) / MARKER
        forbidden = f"other/device/{device_of(config)}/config"
        for discovery in (True, False):
            with running(announcing(config, "other", discovery=discovery)) as (_, told):
                until(lambda told=told: "forbidden" in {kind for kind, _ in told}, "nobody was told")
            refusals = [fields for kind, fields in told if kind == "forbidden"]
            assert refusals == [{"topic": forbidden, "why": "Not authorized"}]
            assert marker.read_text() == forbidden

    lines: list[str] = []
    Diary(lines.append)("forbidden", 0, **refusals[0])
    assert f"the broker refuses {forbidden}: Not authorized; see" in lines[0]


def test_what_is_said_where_that_is_forbidden_waits_until_the_rules_are_mended(
    home: SecureHome, tmp_path: Path
) -> None:
    config = new_speaker(home, tmp_path)
    rules = home.config.storage.broker / "access.txt"
    right = rules.read_text()
    with home.cloud():
        ask(config)
    rules.write_text("".join(line for line in right.splitlines(True) if "/utterance/" not in line))
    assert rules.read_text() != right
    with running(config) as (speaker, told):
        with home.cloud() as cloud:
            until(lambda: speaker.parts.line.up, "it did not come up")
            speaker.parts.board.tap()
            until(lambda: "utterance" in {kind for kind, _ in told}, "nothing was kept")
            until(lambda: "forbidden" in {kind for kind, _ in told}, "nobody was told")
            until(lambda: not speaker.parts.delivery.moving, "not everything was answered")
            assert not {"begin", "segment", "end"} & cloud.ingest.taken.keys()
        rules.write_text(right)
        with home.cloud():
            until(lambda: not speaker.parts.delivery.unacknowledged, "it was not delivered")
            rows = map(parse_row, speaker.parts.outbox.rows())
            assert [row.cause for row in rows if row.kind == "begin"] == ["live", "again"], (
                "it had not landed"
            )
    assert len([kind for kind, _ in told if kind == "forbidden"]) == 1
