"""Fixtures for tests in anybody's project: `speaker`, `home`, `broker`, `cloud`, `ingest_keys`.

Whatever is heavy is imported by the first test that asks for it: a project that has Overheard installed and
does not use it pays nothing. docs/for-testers.md has the whole of it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lab.kit.broker import MockBroker
    from lab.kit.cloud import StubCloud
    from lab.kit.home import Home
    from lab.kit.keys import IngestKeys
    from lab.kit.speaker import SimSpeaker

MARKER = (
    "overheard(speaker={section: {key: value}}, cloud={...}, broker='auto' | 'mosquitto' | 'amqtt',"
    " answers=bool, patience_s=seconds, noise_floor=rms): how Overheard's fixtures are to be in this test"
)
_KNOWN = frozenset({"speaker", "cloud", "broker", "answers", "patience_s", "noise_floor"})


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", MARKER)


@pytest.fixture
def overheard_settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the marker says; the nearest wins where there are several."""
    said: dict[str, Any] = {}
    for marker in request.node.iter_markers("overheard"):
        said = {**marker.kwargs, **said}
        if marker.args or not marker.kwargs.keys() <= _KNOWN:
            raise pytest.UsageError(
                f"@pytest.mark.overheard: takes only {', '.join(sorted(_KNOWN))}, by name"
            )
    return said


@pytest.fixture
def overheard_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the parts of one test keep their files."""
    return tmp_path_factory.mktemp("overheard")


@pytest.fixture
def broker(overheard_settings: dict[str, Any], overheard_directory: Path) -> Iterator["MockBroker"]:
    """A real broker on 127.0.0.1 and a door in front of it that makes faults: `lab.kit.broker.MockBroker`."""
    from lab.kit.broker import MockBroker

    with MockBroker(overheard_directory / "broker", overheard_settings.get("broker", "auto")) as running:
        yield running


@pytest.fixture
def cloud(
    broker: "MockBroker", overheard_settings: dict[str, Any], overheard_directory: Path
) -> Iterator["StubCloud"]:
    """The stub cloud, which hears and answers, instead of an ingest of yours: `lab.kit.cloud.StubCloud`."""
    from lab.kit.cloud import StubCloud

    running = StubCloud(overheard_directory / "cloud", broker, overheard_settings.get("cloud", {}))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def ingest_keys(broker: "MockBroker", overheard_directory: Path) -> "IngestKeys":
    """The keys of your ingest, their note retained at the broker: `lab.kit.keys.IngestKeys`."""
    from lab.kit.keys import IngestKeys

    keys = IngestKeys(overheard_directory / "ingest")
    broker.retain(keys.topic, keys.note)
    return keys


@pytest.fixture
def speaker(
    request: pytest.FixtureRequest,
    broker: "MockBroker",
    overheard_settings: dict[str, Any],
    overheard_directory: Path,
) -> Iterator["SimSpeaker"]:
    """The firmware on a simulated board: `lab.kit.speaker.SimSpeaker`.

    It believes `cloud` where the test has one, else `ingest_keys`.
    """
    from lab.kit.speaker import SimSpeaker, Ways

    asked = {"cloud", "ingest_keys"} & set(request.fixturenames)
    if len(asked) == 2:
        raise pytest.UsageError("cloud and ingest_keys in one test: a speaker believes one root; choose one")
    has_cloud = "cloud" in asked
    believed = request.getfixturevalue("cloud" if has_cloud else "ingest_keys")
    how = {key: overheard_settings[key] for key in ("patience_s", "noise_floor") if key in overheard_settings}
    ways = Ways(overheard_settings.get("speaker", {}), overheard_settings.get("answers", has_cloud), **how)
    made = SimSpeaker(overheard_directory / "speaker", broker, believed.root, believed.note, ways)
    if has_cloud:
        believed.meet(made)
    yield made
    made.close()


@pytest.fixture
def home(speaker: "SimSpeaker") -> "Home":
    """The room around the speaker: `lab.kit.home.Home`."""
    from lab.kit.home import Home

    return Home(speaker)
