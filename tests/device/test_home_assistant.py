"""What Home Assistant is told, when, and what it is not: on the whole firmware, without a network."""

import json
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import NamedTuple, get_args

import pytest
import rfc8785

from device import discovery
from device.envelope import topics
from device.home_assistant import MARKER, own_version
from device.ledger import LEFT, Row
from device.session import Phase
from device.status import NOT_TOLD, KnownFault, Microphone, State, to_bytes
from device.uplink import Kind, News
from hardware.errors import Fault
from tests.device.house import House

ON = "home_assistant.discovery = true\n"


class Said(NamedTuple):
    """One message for Home Assistant, known by the hash in its row: a state, `announced`, or `gone`."""

    topic: str
    what: State | str


def said(house: House, kind: str, since: int = 0) -> list[Said]:
    """What was said of one kind, in order."""
    device, boot = house.speaker.parts.device, house.speaker.parts.home._boot
    announcement = rfc8785.dumps(discovery.announcement(device, own_version()))
    known: dict[str, State | str] = {digest(b""): "gone", digest(announcement): "announced"}
    phases = [*(phase.value for phase in Phase), NOT_TOLD]
    microphones: tuple[Microphone, ...] = ("open", "closed", "lost")
    faults: tuple[KnownFault, ...] = ("", *get_args(Fault))
    every = product(phases, (False, True), microphones, faults, range(3))
    for phase, muted, microphone, fault, waiting in every:
        state = State(
            v=1,
            device=device,
            boot=boot,
            phase=phase,
            muted=muted,
            microphone=microphone,
            fault=fault,
            waiting=waiting,
        )
        known[digest(to_bytes(state))] = state
    return [Said(row.topic or "", known[row.sha256 or ""]) for row in rows(house, kind, since=since)]


def states(house: House) -> list[State]:
    return [each.what for each in said(house, "state") if isinstance(each.what, State)]


def brief(state: State) -> tuple[str, bool, str, int]:
    return state.phase, state.muted, state.microphone, state.waiting


def digest(payload: bytes) -> str:
    return sha256(payload).hexdigest()


def rows(house: House, *kinds: str, since: int = 0) -> list[Row]:
    return [row for row in house.rows()[since:] if row.kind in kinds]


def where(house: House, prefix: str = "homeassistant") -> str:
    return discovery.topic(prefix, house.speaker.parts.device)


def confirm_all(house: House) -> None:
    """The broker confirms everything that was sent so far and is not kept."""
    line = house.speaker.parts.line
    line.inbox.extend([News(Kind.SENT)] * (line.spoken - line.confirmed))


def test_it_says_nothing_of_the_kind_unless_it_was_told_to(tmp_path: Path) -> None:
    house = House(tmp_path, 3)
    house.at(1, house.link)
    house.run()
    assert [row.kind for row in rows(house, *LEFT)] == ["status", "status"]
    assert not (house.state / MARKER).exists()


def test_it_is_announced_and_says_how_it_is_at_every_link_up(tmp_path: Path) -> None:
    house = House(tmp_path, 4, ON)
    house.at(1, house.link)
    house.at(2, lambda: house.link(up=False))
    house.at(3, house.link)
    house.run()
    device = house.speaker.parts.device
    assert said(house, "discovery") == [(where(house), "announced")] * 2
    assert [topic for topic, _ in said(house, "state")] == [topics.state(device)] * 2
    assert [brief(state) for state in states(house)] == [("idle", False, "open", 0)] * 2
    assert [row.kind for row in rows(house, "discovery", "state")] == ["discovery", "state"] * 2


def test_each_change_is_told_after_it_has_happened(tmp_path: Path) -> None:
    house = House(tmp_path, 9, ON)
    house.at(0.5, house.link)
    house.at(2, house.board.press)
    house.at(4, house.board.release)
    house.at(6, house.board.mute_on)
    house.at(7, house.board.mute_off)
    house.run()
    assert [brief(state) for state in states(house)] == [
        ("idle", False, "open", 0),
        ("listening", False, "open", 0),
        ("processing", False, "open", 1),
        ("muted", True, "closed", 1),
        ("idle", False, "open", 1),
    ]


def test_a_lost_microphone_is_a_problem(tmp_path: Path) -> None:
    house = House(tmp_path, 5, ON)
    house.at(0.5, house.link)
    house.at(2, house.board.unplug)
    house.at(3, house.board.plug)
    house.run()
    assert [(state.microphone, state.fault) for state in states(house)] == [
        ("open", ""),
        ("lost", "unplugged"),
        ("open", "unplugged"),
        ("open", ""),
    ], "open again it has yet to prove itself"


def test_muted_from_afar_is_muted(tmp_path: Path) -> None:
    house = House(tmp_path, 3, ON)
    house.at(0.5, house.link)
    house.at(1.5, lambda: house.command("mute"))
    house.run()
    assert [state.muted for state in states(house)] == [False, True]


def test_a_switch_that_is_played_with_does_not_flood_the_broker(tmp_path: Path) -> None:
    house = House(tmp_path, 8, ON)
    house.at(0.5, house.link)
    for tenths in range(10, 61):
        house.at(tenths / 10, house.board.mute_on if tenths % 2 else house.board.mute_off)
    house.run()
    assert len(house.phases()) > 40
    assert len(states(house)) <= 4 * 8
    assert states(house)[-1].muted is False, "what held in the end was told"


def test_before_a_cloud_is_there_nothing_is_said(tmp_path: Path) -> None:
    house = House(tmp_path, 3, ON)
    house.run()
    assert rows(house, *LEFT) == []


@pytest.mark.parametrize("hides", ["pad_s = 2.0", "cover_per_day = 1"])
def test_what_hides_when_somebody_spoke_is_not_undone_by_the_phase(tmp_path: Path, hides: str) -> None:
    house = House(tmp_path, 9, f"{ON}privacy.{hides}\n")
    house.at(0.5, house.link)
    house.at(2, house.board.tap)
    house.at(8, house.board.mute_on)
    house.run()
    assert "listening" in house.phases()
    assert {state.phase for state in states(house)} == {"not_told", "muted"}


# -- taken back --------------------------------------------------------------------------------------


def announce(path: Path, settings: str = ON) -> int:
    """Let it be announced; return how many rows the ledger has then."""
    house = House(path, 2, settings)
    house.at(0.5, house.link)
    house.run()
    assert (house.state / MARKER).read_text() == where(house)
    return len(house.rows())


def test_turned_off_it_is_taken_back_once(tmp_path: Path) -> None:
    before = announce(tmp_path)
    house = House(tmp_path, 3)
    house.at(0.5, house.link)
    house.at(1.5, lambda: confirm_all(house))
    house.run()
    assert said(house, "discovery", before) == [(where(house), "gone")]
    assert said(house, "state", before) == [(topics.state(house.speaker.parts.device), "gone")]
    assert not (house.state / MARKER).exists()
    before = len(house.rows())
    again = House(tmp_path, 2)
    again.at(0.5, again.link)
    again.run()
    assert rows(again, "discovery", "state", since=before) == []


def test_what_the_broker_refused_is_taken_back_again_whatever_it_confirms_then(tmp_path: Path) -> None:
    before = announce(tmp_path)
    house = House(tmp_path, 6)
    house.at(0.5, house.link)

    def answer() -> None:
        house.speaker.parts.line.inbox.extend(
            [News(Kind.SENT), News(Kind.REFUSED, topic=where(house), why="Not authorized"), News(Kind.SENT)]
        )

    house.at(1.5, answer)
    for at_s in (2, 3):
        house.at(at_s, lambda: house.command("checkpoint"))
        house.at(at_s + 0.5, lambda: house.speaker.parts.line.inbox.append(News(Kind.SENT)))
    house.at(4, lambda: house.link(up=False))
    house.at(4.5, house.link)
    house.at(5.5, lambda: confirm_all(house))
    house.run()
    told = [(fields["topic"], fields["why"]) for _, fields in house.of("forbidden")]
    assert told == [(where(house), "Not authorized")]
    assert said(house, "discovery", before) == [(where(house), "gone")] * 2
    assert not (house.state / MARKER).exists()


def test_what_the_broker_did_not_confirm_is_taken_back_again(tmp_path: Path) -> None:
    before = announce(tmp_path)
    house = House(tmp_path, 4)
    house.at(0.5, house.link)
    house.at(1.5, lambda: house.link(up=False))
    house.at(2.5, house.link)
    house.run()
    assert said(house, "discovery", before) == [(where(house), "gone")] * 2
    assert (house.state / MARKER).exists()


def test_under_another_prefix_the_old_announcement_goes(tmp_path: Path) -> None:
    before = announce(tmp_path)
    house = House(tmp_path, 3, f'{ON}home_assistant.prefix = "home"\n')
    house.at(0.5, house.link)
    house.at(1.5, lambda: confirm_all(house))
    house.run()
    assert said(house, "discovery", before) == [(where(house), "gone"), (where(house, "home"), "announced")]
    assert (house.state / MARKER).read_text() == where(house, "home")


def test_a_marker_that_somebody_wrote_into_makes_it_publish_nowhere_else(tmp_path: Path) -> None:
    before = announce(tmp_path)
    (tmp_path / "state" / MARKER).write_text("overheard/v1/keys\n#\nhomeassistant/device/other/config\n")
    house = House(tmp_path, 2)
    house.at(0.5, house.link)
    house.run()
    assert {row.kind for row in rows(house, *LEFT, since=before)} == {"status"}


def test_what_cannot_be_remembered_is_not_announced(tmp_path: Path) -> None:
    house = House(tmp_path, 4, ON)
    blocked = house.state / f"{MARKER}.new"
    blocked.mkdir()  # where the marker is drafted
    house.at(0.5, house.link)
    house.at(1.5, blocked.rmdir)
    house.at(2, lambda: house.link(up=False))
    house.at(3, house.link)
    house.run()
    kinds = [row.kind for row in rows(house, "status", "discovery", "state")]
    assert kinds == ["status", "status", "discovery", "state", "status"]


# -- the announcement --------------------------------------------------------------------------------


# What homeassistant.components.mqtt takes, of Home Assistant 2025.4.4: DEVICE_DISCOVERY_SCHEMA,
# MQTT_ENTITY_DEVICE_INFO_SCHEMA and MQTT_ORIGIN_INFO_SCHEMA in schemas.py, DISCOVERY_SCHEMA in sensor.py and
# binary_sensor.py. Only what could be used here; tests/test_home_assistant.py asks Home Assistant itself.
TOP = {
    "device",
    "origin",
    "components",
    "availability",
    "availability_mode",
    "state_topic",
    "qos",
    "encoding",
}
DEVICE = {"identifiers", "name", "model", "manufacturer", "sw_version", "hw_version", "configuration_url"}
ORIGIN = {"name", "sw_version", "support_url"}
ENTITY = {"platform", "unique_id", "name", "value_template", "device_class", "entity_category", "icon"}
MORE = {"sensor": {"state_class", "options", "unit_of_measurement"}, "binary_sensor": {"payload_on"}}


def test_the_announcement_has_the_form_that_home_assistant_takes() -> None:
    said = discovery.announcement("ovh-x", "0")
    assert {"device", "origin", "components"} <= said.keys() <= TOP
    assert {"identifiers"} <= said["device"].keys() <= DEVICE
    assert {"name"} <= said["origin"].keys() <= ORIGIN
    assert [each.keys() for each in said["availability"]] == [{"topic", "value_template"}]
    for part in said["components"].values():
        assert {"platform", "unique_id"} <= part.keys() <= ENTITY | MORE[part["platform"]]
        enum = part.get("device_class") == "enum"
        assert enum == ("options" in part), "options go with an enum, and with no class of state"
        assert not (enum and "state_class" in part)
    unique = [part["unique_id"] for part in said["components"].values()]
    assert len(set(unique)) == len(unique)
    assert all(each.startswith("ovh-x_") for each in unique)


def test_nothing_in_the_announcement_can_be_commanded_and_nothing_is_the_hardware() -> None:
    said = discovery.announcement("ovh-x", "0")
    assert "command" not in json.dumps(said)
    assert "connections" not in json.dumps(said)
    assert {part["platform"] for part in said["components"].values()} == {"sensor", "binary_sensor"}
