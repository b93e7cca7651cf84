"""The doctor beside a firmware that runs: whether that was welcomed stands in the ledger."""

from datetime import UTC, datetime
from pathlib import Path

from device.doctor import Finding, examine
from hardware.sim import SimBoard
from lab.kit.broker import MockBroker
from lab.kit.cloud import StubCloud
from lab.kit.home import Home
from lab.kit.speaker import SimSpeaker


def last(directory: Path) -> Finding:
    """What is found last of the broker."""
    settings = directory / "speaker" / "device.toml"
    found = examine(settings, datetime.now(UTC), lambda _: SimBoard())
    return [each for each in found if each.check == "broker"][-1]


def test_a_firmware_that_is_refused_is_found_and_one_that_is_let_in_is_well(
    speaker: SimSpeaker, home: Home, broker: MockBroker, cloud: StubCloud, overheard_directory: Path
) -> None:
    assert cloud.root
    home.until("online")
    assert last(overheard_directory).word == "ok"
    rows = len(speaker.ledger)
    assert last(overheard_directory).what.endswith("was welcomed when it called last")
    assert len(speaker.ledger) == rows

    broker.refuse("not authorized")
    broker.cut()
    home.until(lambda: speaker.said("unreachable"))
    finding = last(overheard_directory)
    assert finding.word == "warn"
    assert "not welcomed" in finding.what

    broker.clear()
    home.until("online")
    assert last(overheard_directory).word == "ok"
