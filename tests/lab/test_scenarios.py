"""Every scenario that ships, played to the real thing; what cannot be played is refused in one line."""

from pathlib import Path

import pytest

from lab.audit.evidence import Given
from lab.audit.run import audit
from lab.enclosure.privilege import missing
from lab.errors import RunError, ScenarioError
from lab.folder import clear
from lab.scenario import VERBS, place, read
from lab.simulate import Around, simulate
from lab.verdicts import judge

SCENARIOS = Path(__file__).resolve().parents[2] / "lab" / "scenarios"
ALL = sorted(SCENARIOS.glob("*.toml"))


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_what_a_scenario_expects_is_true_and_the_audit_gives_no_false_alarm(
    path: Path, tmp_path: Path
) -> None:
    """Alone with a captured cable, where that can be."""
    around = Around(captured=missing() is None)
    verdicts = judge(simulate(read(path), tmp_path / "run", around=around))
    assert [v for v in verdicts if not v.passed] == []
    assert len(verdicts) > 8
    assert [found for verdict in audit(Given(tmp_path / "run")) for found in verdict.findings] == []


@pytest.mark.parametrize("name", ["outage", "press_and_hold", "muted"])
def test_the_embedded_broker_serves_as_well_as_mosquitto(name: str, tmp_path: Path) -> None:
    verdicts = judge(simulate(read(SCENARIOS / f"{name}.toml"), tmp_path / "run", broker_kind="amqtt"))
    assert [v for v in verdicts if not v.passed] == []


def test_there_are_scenarios_for_every_promise_that_can_be_shown_so_far() -> None:
    shown = {promise for path in ALL for promise in read(path).promises}
    assert shown == set(range(1, 10)) - {4}  # promise 4 needs a look into memory: tests/device
    assert len(ALL) >= 12


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("title = 1\ntimeline = []", "title"),
        ('title = "t"\ntimeline = [{ shout = "x" }]', "shout"),
        ('title = "t"\ntimeline = [{ tap = true, wait = 1 }]', "step 1"),
        ('title = "t"\ntimeline = [{ at_s = 1.0 }]', "step 1"),
        ('title = "t"\ntimeline = []\nexpectations = 1', "expectations"),
        ('title = "t"\ntimeline = []\n[expect]\nutterance = 1', "utterance"),
        ('title = "t"\ntimeline = [{ wait = -1 }]', "wait"),
        ("title = ", "TOML"),
        (
            'title = "t"\ntimeline = []\n[expect]\nlights = [{ at_s = 1.0, shows = "listenning" }]',
            "listenning",
        ),
        ('title = "t"\ntimeline = []\n[expect]\ntrigger = ["wakeword"]', "wakeword"),
        ('title = "t"\ntimeline = []\n[expect]\nend_reason = ["silent"]', "silent"),
        ('title = "t"\ntimeline = []\n[expect]\nlights = [{ at_s = 1.0 }]', "light"),
        ('title = "t"\ntimeline = []\n[expect]\nlights = [{ shows = "idle" }]', "light"),
    ],
)
def test_a_mistake_in_a_scenario_is_named_with_its_file(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError, match=says) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_scenario_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="name a scenario"):
        read(tmp_path / "none.toml")


def test_a_sound_that_is_not_there_is_one_line_with_the_scenario_in_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('title = "t"\ntimeline = [{ say = "none.flac" }]', encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"mine\.toml.*none\.flac"):
        place(read(path))


def test_time_goes_on_with_say_and_wait_and_jumps_with_at_s(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    sound = SCENARIOS / "audio" / "alexa.flac"
    path.write_text(
        f'title = "t"\ntimeline = [{{ wait = 1.5 }}, {{ say = "{sound}" }}, {{ tap = true }}, '
        "{ at_s = 20.0, mute = true }]",
        encoding="utf-8",
    )
    moments, length = place(read(path))
    wait, say, tap, mute = moments
    assert (wait.sample, say.sample, mute.sample) == (0, 24_000, 320_000)
    assert 24_000 + 8_000 < tap.sample < 24_000 + 32_000
    assert length == 320_000 + 16_000
    assert {moment.step.verb for moment in moments} <= set(VERBS)


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(RunError, match="not an earlier run"):
        clear(tmp_path)
    assert (tmp_path / "letter.txt").read_text() == "mine"


def test_an_earlier_run_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "cloud").mkdir()
    (tmp_path / "cloud" / "old").write_text("old")
    (tmp_path / "timeline.jsonl").write_text("")
    clear(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["letter.txt", "photos"])
def test_what_somebody_put_beside_an_earlier_run_is_left_alone(name: str, tmp_path: Path) -> None:
    (tmp_path / "timeline.jsonl").write_text("")
    (tmp_path / name).mkdir()
    with pytest.raises(RunError, match=name):
        clear(tmp_path)
    assert (tmp_path / name).exists()
    assert (tmp_path / "timeline.jsonl").exists()


def test_what_an_earlier_run_only_points_at_is_left_alone(tmp_path: Path) -> None:
    elsewhere, run = tmp_path / "elsewhere", tmp_path / "run"
    elsewhere.mkdir()
    (elsewhere / "letter.txt").write_text("mine")
    run.mkdir()
    (run / "timeline.jsonl").write_text("")
    (run / "cloud").symlink_to(elsewhere)
    clear(run)
    assert list(run.iterdir()) == []
    assert (elsewhere / "letter.txt").read_text() == "mine"


def test_a_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunError, match="name a new folder"):
        clear(tmp_path / "file")


@pytest.mark.parametrize("echo_db", ["nan", "1.0", "-1e9"])
def test_an_echo_that_no_room_has_is_refused(echo_db: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'title = "t"\ntimeline = []\necho_db = {echo_db}', encoding="utf-8")
    with pytest.raises(ScenarioError, match="echo_db"):
        read(path)


def test_a_chime_that_is_cut_short_captured_nothing_and_breaks_no_promise(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'title = "t"\ntimeline = [{ at_s = 1.0, tap = true }, { at_s = 1.25, mute = true }, { wait = 1.0 }]\n'
        "[speaker.audio]\nwake_earcon = true\n[expect]\nutterances = 1",
        encoding="utf-8",
    )
    verdicts = judge(simulate(read(path), tmp_path / "run"))
    assert [v for v in verdicts if not v.passed] == []
