"""The same test twice is the same to the sample, faults included, however fast the machine is."""

from collections.abc import Callable
from pathlib import Path

import pytest

from device.envelope import topics
from lab.kit.broker import MockBroker
from lab.kit.cloud import StubCloud
from lab.kit.home import Home
from lab.kit.speaker import SimSpeaker, Ways

Told = list[tuple[int | None, str, int]]


def evening(directory: Path, fault: Callable[[MockBroker], None]) -> tuple[Told, list[tuple[int, str]]]:
    """When each message came to the broker, and what the light showed when."""
    with MockBroker(directory / "broker") as broker:
        cloud = StubCloud(directory / "cloud", broker, {})
        cloud.start()
        speaker = SimSpeaker(
            directory / "speaker", broker, cloud.root, cloud.note, Ways({}, answers=True, patience_s=20)
        )
        home = Home(speaker)
        home.until("online")
        speaker.tap()
        fault(broker)
        home.say("weather.flac")  # the answer to which does not hang on the hour
        home.until("idle")
        home.until("acknowledged")
        shown = [(sample, cue) for sample, cue, _ in speaker.board.shown]
        speaker.close()
        cloud.stop()
        sent = [each for each in broker.published(topics.UP_FILTER) if each.client == speaker.device]
        return [(each.sample, each.topic.rpartition("/")[2], len(each.payload)) for each in sent], shown


@pytest.mark.parametrize(
    "fault",
    [
        lambda _broker: None,
        MockBroker.cut,
        lambda broker: broker.cut(after_publishes=5),
        lambda broker: broker.cut(within_publish=5, after_bytes=33),
        MockBroker.duplicate,
    ],
    ids=["none", "cut", "between", "within", "duplicate"],
)
def test_two_runs_are_the_same_to_the_sample(
    tmp_path_factory: pytest.TempPathFactory, fault: Callable[[MockBroker], None]
) -> None:
    sent, shown = evening(tmp_path_factory.mktemp("one"), fault)
    again, shown_again = evening(tmp_path_factory.mktemp("two"), fault)
    assert len(sent) > 20
    assert shown == shown_again
    assert sent == again
