"""Every rogue is caught, the cage holds, and the documentation says what a run finds."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory
from rich.console import Console
from typer.testing import CliRunner

from cloud_stub import config as cloud_config
from cloud_stub.cloud import Cloud
from device.speaker import Speaker
from lab.__main__ import app
from lab.audit.verdicts import LAYERS
from lab.enclosure.cable import LAB
from lab.errors import RunError
from lab.folder import write_settings
from lab.mind import shared_mind
from lab.rogues import hoard
from lab.rogues.command import run
from lab.rogues.every import ROGUES
from lab.rogues.rogue import SCENES, Rogue, caged
from lab.rogues.run import Row, honest, rogues_row, unplayable
from tests.device.house import House

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "rogues.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("rogue", ROGUES, ids=lambda rogue: rogue.name)
def test_every_rogue_is_caught_by_the_layers_that_the_page_says(rogue: Rogue, tmp_path: Path) -> None:
    if (why := unplayable(rogue)) is not None:
        pytest.skip(why)
    row = rogues_row(rogue, tmp_path / "run")
    assert row.caught, row
    caught = ", ".join(layer for layer in LAYERS if row.layers[layer] == "caught")
    line = f"| {rogue.promise} | `{rogue.name}` | {rogue.does} | {rogue.seen} | {caught} |"
    if "nothing to look at" not in {row.layers[layer] for layer in LAYERS if layer != "memory"}:
        assert line in PAGE  # without a cable there is no capture, and less is said


@pytest.mark.parametrize("scene", sorted(SCENES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_honest_firmware_is_clean_in_their_scenes(scene: Path, tmp_path: Path) -> None:
    assert honest(scene, tmp_path / "run").finding == ""


def test_there_is_a_rogue_for_every_promise_and_the_documentation_has_no_other() -> None:
    assert {rogue.promise for rogue in ROGUES} == set(range(1, 10))
    assert re.findall(r"^\| \d \| `(\w+)`", PAGE, re.MULTILINE) == [rogue.name for rogue in ROGUES]
    assert len({rogue.name for rogue in ROGUES}) == len(ROGUES) >= 18


def test_every_rogue_says_that_it_is_one() -> None:
    for path in (ROOT / "lab" / "rogues").glob("*.py"):
        if path.stem not in ("run", "matrix", "command"):
            assert "ROGUE" in path.read_text(encoding="utf-8").partition("\n")[0], path
    for rogue in ROGUES:
        made = rogue.speaker or rogue.cloud
        assert made is not None or rogue.searched, rogue.name
        assert made is None or (made.__doc__ or "").startswith("ROGUE: "), rogue.name


# -- the cage ----------------------------------------------------------------------------------------


@pytest.fixture
def speaker(tmp_path: Path) -> Iterator[Speaker]:
    house = House(tmp_path, 1.0)
    yield house.speaker
    house.speaker.finish()


def test_a_rogue_runs_on_no_board_but_the_simulator_s(speaker: Speaker) -> None:
    caged(speaker)
    real = speaker.parts.board
    object.__setattr__(speaker.parts, "board", object())
    with pytest.raises(RunError, match="only the simulator"):
        ROGUES[0].corrupt(speaker)
    object.__setattr__(speaker.parts, "board", real)


def test_a_rogue_calls_nobody_but_the_laboratory(speaker: Speaker) -> None:
    uplink = speaker.parts.line._uplink
    uplink._settings = msgspec.structs.replace(uplink._settings, host="192.0.2.1")
    with pytest.raises(RunError, match=r"not 192\.0\.2\.1"):
        ROGUES[0].corrupt(speaker)


@pytest.mark.parametrize("rogue", [each for each in ROGUES if each.enclosed], ids=lambda rogue: rogue.name)
@pytest.mark.parametrize("host", ["127.0.0.1", LAB])
def test_what_goes_past_the_broker_does_not_run_without_the_cable(
    rogue: Rogue, host: str, speaker: Speaker
) -> None:
    uplink, hear = speaker.parts.line._uplink, speaker._turn_hear
    uplink._settings = msgspec.structs.replace(uplink._settings, host=host)
    with pytest.raises(RunError, match="at the laboratory's cable alone"):
        rogue.corrupt(speaker)
    assert speaker._turn_hear == hear


@pytest.mark.parametrize(
    ("host", "pins", "why"),
    [
        ("192.0.2.1", MockFactory, r"calls 192\.0\.2\.1, with mock pins"),
        ("127.0.0.1", lambda: None, "with real pins"),
    ],
)
def test_no_firmware_but_a_canary_s_hoards(
    host: str, pins: Callable[[], object], why: str, speaker: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Device, "pin_factory", pins())
    uplink = speaker.parts.line._uplink
    uplink._settings = msgspec.structs.replace(uplink._settings, host=host)
    with pytest.raises(RunError, match=why):
        hoard.corrupt(speaker)


def test_a_rogue_cloud_is_at_no_broker_but_the_laboratory_s(tmp_path: Path) -> None:
    path = write_settings(tmp_path / "cloud.toml", {"storage": {"directory": "cloud"}}, {})
    cloud = Cloud(cloud_config.load(path), ("192.0.2.1", 1883), shared_mind())
    for rogue in ROGUES:
        with pytest.raises(RunError, match=r"a broker at 192\.0\.2\.1"):
            rogue.corrupt_cloud(cloud)
    cloud.stop()


# -- the command -------------------------------------------------------------------------------------


def test_the_matrix_says_what_was_caught_and_by_what(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app, ["rogues", "rewrites_a_row", "--out", str(tmp_path)], env={"COLUMNS": "140"}
    )
    assert done.exit_code == 0, done.output
    assert "1 of 1 rogues caught; 0 false alarms in 1 honest scenes" in done.output
    said = json.loads((tmp_path / "matrix.json").read_text())
    assert said["rogues"][0]["layers"]["ledger"] == "caught"
    assert said["rogues"][0]["layers"]["audio"] == "missed"
    assert said["honest"][0]["clean"] is True


def test_one_that_does_nothing_is_missed_and_an_honest_one_that_is_not_is_a_false_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle = ROGUES[0]._replace(name="idle", speaker=lambda _speaker: None)
    monkeypatch.setattr("lab.rogues.command.ROGUES", (idle,))
    heard = Console(record=True, width=140, file=(tmp_path / "x").open("w", encoding="utf-8"))
    assert run(tmp_path / "out", [], heard) == 1
    assert "MISSED" in heard.export_text()
    heard.file.close()
    assert not Row(None, {}, True, "audio.located: …").right


def test_what_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="rogue nobody: there is none; choose keeps_500_ms"):
        run(tmp_path, ["nobody"], Console(quiet=True))
    (tmp_path / "honest" / "press").mkdir(parents=True)
    (tmp_path / "honest" / "press" / "letter.txt").write_text("mine")
    with pytest.raises(RunError, match="no run wrote it"):
        run(tmp_path, ["rewrites_a_row"], Console(quiet=True))


def test_a_browser_shows_the_matrix(tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine; install chromium to see the page in a browser")
    run(tmp_path, ["rewrites_a_row"], Console(quiet=True))
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    place = (tmp_path / "matrix.html").as_uri()
    done = subprocess.run(
        [chromium, *options, "--dump-dom", place], capture_output=True, text=True, check=True
    )
    assert "1 of 1 rogues caught" in done.stdout
