"""Every check of the doctor says ok of a speaker that is well, and notices when the real thing is broken."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path

import numpy as np
import pytest
import soundfile
from msgspec import json

from cloud_stub.authority import Authority
from device.advice import pasted
from device.certificate import Certificate
from device.config import INSTALLED, load
from device.doctor import Finding, as_json, as_lines, examine
from device.doctor.calling import awaited
from device.doctor.hearing import Level, loudness
from device.envelope.request import open_request
from device.hardware_bond import bind
from device.ledger import Signer
from device.mute import MuteMemory
from device.outbox import Outbox
from device.trust import utc_text
from device.uplink import Caller, Kind, News, Uplink
from hardware.board import RATE_HZ, Frame, Microphone
from hardware.sim import SimBoard
from tests.device.house import CLOUD_ROOT, NOW, nobody_answers, recording
from tests.device.notes import fields, note
from tests.device.patient import Patient, Ward, ward
from tests.device.shelf import sealed

NOT_HERE = {"clock", "sandbox"}
"""Checks of this machine, which may not be in order."""


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    """One whose broker is away: most checks do not need it."""
    return Patient(tmp_path, nobody_answers().getsockname()[1])


@pytest.fixture
def cared_for(tmp_path: Path) -> Iterator[tuple[Patient, Ward]]:
    """One whose broker and cloud are there."""
    with ward(tmp_path) as opened:
        yield Patient(tmp_path, opened.port), opened


def outbox_of(patient: Patient) -> Outbox:
    return Outbox(patient.state / "egress.db", Signer(patient.identity.device, patient.identity.signing))


def test_of_a_speaker_that_is_well_it_finds_nothing(cared_for: tuple[Patient, Ward]) -> None:
    patient, _ = cared_for
    words = patient.words()
    assert {check: said for check, said in words.items() if set(said) != {"ok"}}.keys() <= NOT_HERE
    assert words.keys() >= {"settings", "board", "button", "mute switch", "lights", "microphone", "level"}
    assert words.keys() >= {"models", "keys", "certificate", "cloud keys", "storage", "outbox", "cloud"}
    assert len(words["broker"]) == 3


def test_it_publishes_nothing_and_writes_down_that_it_connected(cared_for: tuple[Patient, Ward]) -> None:
    patient, opened = cared_for
    patient.findings()
    assert opened.published == []
    assert [(row.kind, row.cause, row.topic) for row in patient.rows()] == [("connect", "doctor", None)]


def test_it_changes_nothing_but_the_ledger(cared_for: tuple[Patient, Ward]) -> None:
    patient, _ = cared_for
    before = {path.name: path.read_bytes() for path in patient.state.iterdir()}
    patient.findings()
    after = {p.name: p.read_bytes() for p in patient.state.iterdir() if not p.name.startswith("egress.db")}
    assert after == before


def test_of_a_speaker_that_was_never_started_it_makes_nothing(tmp_path: Path) -> None:
    patient = Patient(tmp_path, nobody_answers().getsockname()[1])
    for path in patient.state.iterdir():
        path.unlink()
    words = patient.words()
    assert (words["keys"], words["cloud keys"], words["outbox"]) == (["warn"], ["warn"], ["ok"])
    assert list(patient.state.iterdir()) == []


@pytest.mark.parametrize(
    ("lines", "says"),
    [("audio.loudness = 1\n", "loudness"), ("audio.volume = 2\n", "volume"), ("[", "TOML")],
)
def test_settings_that_are_wrong_are_the_only_finding(patient: Patient, lines: str, says: str) -> None:
    patient.set(lines)
    (finding,) = patient.findings()
    assert (finding.check, finding.word) == ("settings", "fail")
    assert says in finding.what + finding.do


def test_without_a_root_nothing_can_be_believed(patient: Patient) -> None:
    patient.path.write_text('device.state_dir = "state"\n')
    assert patient.words()["settings"] == ["fail"]


def test_a_root_that_is_empty_is_said_once(cared_for: tuple[Patient, Ward]) -> None:
    patient, _ = cared_for
    patient.settings = patient.settings.replace(f'"{CLOUD_ROOT.vkey}"', '""')
    patient.set()
    found = patient.findings()
    assert [each.check for each in found if "cloud.root" in each.what + each.do] == ["settings"]
    assert [each.check for each in found if each.word == "fail"] == ["settings"]


def test_a_command_that_it_advises_can_be_pasted(patient: Patient, certified: Certificate) -> None:
    assert certified.certificate is None
    named = patient.path.rename(patient.directory / "my speaker.toml")
    found = list(examine(named, NOW, lambda _: patient.board))
    (advice,) = [each.do for each in found if each.check == "certificate"]
    assert advice == f"run: overheard-device provision --config '{named}'"
    assert pasted("run: overheard-device provision --again", INSTALLED) == (
        "run: sudo -u overheard overheard-device provision --again"
    )
    assert pasted("waits: overheard-cloud devices approve ovh-a", INSTALLED) == (
        "waits: sudo -u overheard-cloud overheard-cloud devices approve ovh-a"
    )


# -- the board ---------------------------------------------------------------------------------------


def test_a_microphone_that_is_not_there_is_found(patient: Patient) -> None:
    patient.board.unplug()
    assert patient.finding("microphone").word == "fail"


def test_a_microphone_that_is_muted_is_not_opened(patient: Patient) -> None:
    patient.board.mute_on()
    words = patient.words()
    assert (words["microphone"], words["mute switch"]) == (["warn"], ["warn"])
    assert "level" not in words
    assert patient.board.microphone.frames_read == 0


def test_one_that_was_muted_from_afar_is_not_opened_either(patient: Patient) -> None:
    MuteMemory(patient.state, first_run=False).set(True)
    assert patient.finding("microphone").word == "warn"
    assert patient.board.microphone.frames_read == 0


def test_little_more_than_a_second_is_heard_and_then_the_microphone_is_closed(patient: Patient) -> None:
    patient.findings()
    assert 50 <= patient.board.microphone.frames_read <= 60
    assert not patient.board.microphone.is_open


class Skips:
    """A microphone whose machine is too busy: every tenth frame is lost on the way."""

    def __init__(self, real: Microphone) -> None:
        self._real = real
        self.open, self.close, self.digital_silence = real.open, real.close, real.digital_silence

    def read(self) -> Frame:
        frame = self._real.read()
        return self._real.read() if self._real.frames_read % 10 == 0 else frame


def test_frames_that_are_missing_are_found(patient: Patient) -> None:
    patient.board.microphone = Skips(patient.board.microphone)
    finding = patient.finding("microphone")
    assert finding.word == "warn"
    assert "gaps" in finding.what


@pytest.mark.parametrize(
    ("ill", "says"),
    [
        (SimBoard.silent, "nothing but zeros"),
        (SimBoard.constant, "always the same value"),
        (SimBoard.hum, "hums with the mains"),
        (SimBoard.clip, "at full scale"),
        (SimBoard.wedge, "gives no frame"),
    ],
)
def test_a_microphone_with_a_fault_is_found_and_its_fault_is_named(
    patient: Patient, ill: Callable[[SimBoard], None], says: str
) -> None:
    ill(patient.board)
    finding = patient.finding("microphone")
    assert finding.word == "fail"
    assert says in finding.what
    assert finding.do
    assert not patient.board.microphone.is_open


def test_a_microphone_of_zeros_is_found(patient: Patient) -> None:
    patient.board = SimBoard(noise_floor=0)
    assert patient.finding("level").word == "fail"


def test_a_microphone_at_full_scale_is_found(patient: Patient, tmp_path: Path) -> None:
    square = np.where(np.arange(RATE_HZ * 4) // 40 % 2, 32_767, -32_768).astype(np.int16)
    soundfile.write(tmp_path / "hum.flac", square, RATE_HZ)
    patient.board.room.say(tmp_path / "hum.flac", 0)
    finding = patient.finding("level")
    assert finding.word == "fail"
    assert "full scale" in finding.what


def test_a_microphone_that_hears_next_to_nothing_is_found(patient: Patient) -> None:
    patient.board = SimBoard(noise_floor=1)
    assert patient.finding("level").word == "warn"


def test_a_simulated_microphone_is_given_a_room_and_a_real_one_gain(patient: Patient) -> None:
    patient.board = SimBoard(noise_floor=0)
    assert "[board] room" in patient.finding("level").do
    silent = Level(-inf, 0.0, 50, 0)
    assert ("gain" in loudness(silent).do, "gain" in loudness(silent, simulated=True).do) == (True, False)


def test_a_button_that_is_held_is_found(patient: Patient) -> None:
    patient.board.press()
    assert patient.finding("button").word == "warn"


def test_the_light_is_shown_in_red_green_and_blue_and_left_dark(patient: Patient) -> None:
    patient.findings()
    shown = [rgb for _, _, rgb in patient.board.shown]
    assert {tuple(channel > 0.9 for channel in rgb) for rgb in shown} >= {
        (True, False, False),
        (False, True, False),
        (False, False, True),
    }
    assert shown[-1] == (0, 0, 0)


def test_a_board_that_is_unknown_is_found(patient: Patient) -> None:
    from device.__main__ import open_configured_board

    patient.set('board.name = "toaster"\n')
    found = {finding.check: finding.word for finding in patient.findings(open_configured_board)}
    assert found["board"] == "fail"
    assert "microphone" not in found


def test_keys_that_were_made_on_another_board_are_found(patient: Patient) -> None:
    bind(patient.state, patient.identity.device, "0123")
    assert patient.finding("board").word == "fail"


# -- what it keeps -----------------------------------------------------------------------------------


def test_a_model_that_was_tampered_with_is_found(patient: Patient, tmp_path: Path) -> None:
    (tmp_path / "word.tflite").write_bytes(b"another model")
    manifest = {"type": "micro", "version": 2, "wake_word": "Word", "model": "word.tflite"} | {
        "micro": {"probability_cutoff": 0.9, "feature_step_size": 10, "sliding_window_size": 5},
        "sha256": "0" * 64,
    }
    (tmp_path / "word.json").write_bytes(json.encode(manifest))
    patient.set('wakeword.words = ["word.json"]\n')
    assert patient.finding("models").word == "fail"


def test_a_key_that_others_can_read_is_found(patient: Patient) -> None:
    (patient.state / "reply.key").chmod(0o644)
    finding = patient.finding("keys")
    assert finding.word == "fail"
    assert "chmod 600" in finding.do


def test_a_key_that_is_damaged_is_found(patient: Patient) -> None:
    (patient.state / "identity.key").write_bytes(b"short")
    assert patient.finding("keys").word == "fail"


def test_a_state_directory_that_others_can_look_into_is_found(patient: Patient) -> None:
    patient.state.chmod(0o755)
    assert patient.finding("keys").word == "warn"


@pytest.mark.parametrize(
    ("now", "word"),
    [
        (NOW + timedelta(hours=11, minutes=30), "warn"),
        (NOW + timedelta(days=1), "fail"),
        (NOW - timedelta(days=1), "fail"),
    ],
)
def test_cloud_keys_that_are_over_or_not_yet_valid_are_found(
    patient: Patient, now: datetime, word: str
) -> None:
    patient.now = now
    assert patient.finding("cloud keys").word == word


def test_cloud_keys_that_somebody_else_signed_do_not_count(patient: Patient) -> None:
    (patient.state / "keys.note").write_text("not a note")
    assert patient.finding("cloud keys").word == "warn"


@pytest.mark.parametrize("now", [datetime(1970, 1, 1, tzinfo=UTC), NOW - timedelta(days=1)])
def test_a_clock_that_cannot_be_right_is_found(patient: Patient, now: datetime) -> None:
    patient.now = now
    assert patient.finding("clock").word == "fail"


def test_a_state_directory_that_cannot_be_written_is_found(patient: Patient) -> None:
    (patient.directory / "file").write_text("")
    patient.settings = patient.settings.replace('"state"', '"file"')
    patient.set()
    assert patient.finding("storage").word == "fail"


def test_a_disk_that_is_smaller_than_the_outbox_may_grow_is_found(patient: Patient) -> None:
    patient.set(f"outbox.max_bytes = {1 << 40}\n")
    assert patient.finding("storage").word == "warn"


def test_a_ledger_that_was_altered_is_found(patient: Patient) -> None:
    with closing(outbox_of(patient)) as outbox:
        outbox.note("boot")
        outbox.note("boot")
    with closing(sqlite3.connect(patient.state / "egress.db")) as db, db:
        db.execute("DELETE FROM ledger WHERE idx = 0")
    before = (patient.state / "egress.db").read_bytes()
    assert patient.finding("outbox").word == "fail"
    assert (patient.state / "egress.db").read_bytes() == before


def test_what_was_set_aside_is_named(patient: Patient) -> None:
    outbox_of(patient).close()
    (patient.state / "egress.db.damaged-1").write_bytes(b"evidence")
    finding = patient.finding("outbox")
    assert finding.word == "warn"
    assert "egress.db.damaged-1" in finding.what


def test_an_outbox_that_is_nearly_full_is_found(patient: Patient) -> None:
    with closing(outbox_of(patient)) as outbox:
        outbox.put([sealed()], depart=False)
    patient.set("outbox.max_utterances = 1\n")
    finding = patient.finding("outbox")
    assert finding.word == "warn"
    assert finding.what.startswith("1 waiting")


def test_what_waits_for_long_is_found(patient: Patient) -> None:
    with closing(outbox_of(patient)) as outbox:
        outbox.put([sealed()], depart=False, ran_s=100)
        outbox.ran(3700)
        assert patient.finding("outbox").word == "ok"
        outbox.ran(7400)
        finding = patient.finding("outbox")
    assert finding.word == "warn"
    assert "waited for 2 h" in finding.what


# -- the way out -------------------------------------------------------------------------------------


def test_a_port_where_nobody_listens_is_found(patient: Patient) -> None:
    finding = patient.finding("broker")
    assert finding.word == "fail"
    assert "refused" in finding.what
    assert patient.rows() == []


def test_a_name_that_nobody_knows_is_found(patient: Patient) -> None:
    patient.set('uplink.host = "nowhere.invalid"\nuplink.allow_plaintext = true\n')
    finding = patient.finding("broker")
    assert finding.word == "fail"
    assert "nowhere.invalid" in finding.what


def test_a_broker_without_a_cloud_is_found(cared_for: tuple[Patient, Ward]) -> None:
    patient, opened = cared_for
    opened.retain("")
    patient.note_s = 0.2
    assert patient.finding("cloud").word == "fail"


def test_a_note_that_came_together_with_the_session_is_not_waited_for() -> None:
    uplink = Uplink(load(None).uplink, Caller("ovh-x", "", b"", ()), lambda: None)
    uplink.inbox.extend([News(Kind.UP), News(Kind.ARRIVED, topic="the note")])
    assert awaited(uplink, 0.0, Kind.UP) == News(Kind.UP)
    assert awaited(uplink, 0.0, Kind.ARRIVED) == News(Kind.ARRIVED, topic="the note")
    assert awaited(uplink, 0.0, Kind.ARRIVED) is None


@pytest.mark.parametrize("damage", ["forged", "over"])
def test_a_cloud_that_cannot_be_believed_is_found(cared_for: tuple[Patient, Ward], damage: str) -> None:
    patient, opened = cared_for
    if damage == "forged":
        opened.retain("overheard/v1/keys\n{}\n\n— nobody AAAA\n")
    patient.now += timedelta(days=damage == "over")
    assert patient.finding("cloud").word == "fail"


def test_while_the_firmware_runs_it_looks_and_takes_nothing(cared_for: tuple[Patient, Ward]) -> None:
    patient, _ = cared_for
    with closing(outbox_of(patient)) as outbox:
        outbox.note("boot")
        found = patient.findings()
        rows = patient.rows()
    assert [row.kind for row in rows] == ["boot"]
    assert patient.board.microphone.frames_read == 0
    said = {finding.check: finding for finding in found}
    assert {finding.word for finding in found} <= {"ok", "warn"}
    assert said["outbox"].what.endswith("the firmware runs")
    assert (said["broker"].word, said["broker"].what) == (
        "warn",
        "the firmware runs, and has not called since it started",
    )
    assert said["sandbox"].what.startswith("the firmware")


# -- the certificate, and TLS ------------------------------------------------------------------------


@pytest.fixture
def certified(patient: Patient, tmp_path: Path) -> Certificate:
    """The patient's certificate, not there yet; its authority is in `ca`."""
    (tmp_path / "ca").mkdir()
    authority = Authority(tmp_path / "ca", "ca", NOW)
    patient.set('uplink.ca = "ca/ca.crt"\n')
    return Certificate(patient.state, patient.identity, authority.path, None)


def grant(mine: Certificate, tmp_path: Path, days: float) -> None:
    key = open_request(mine.request())[1]
    authority = Authority(tmp_path / "ca", "ca", NOW)
    name = open_request(mine.request())[0].device
    assert mine.take(authority.issue_client(key, name, NOW + timedelta(days=days), NOW).decode())


@pytest.mark.parametrize(("after_days", "word"), [(0, "ok"), (65, "warn"), (91, "fail"), (-30, "fail")])
def test_a_certificate_is_judged_by_the_clock(
    patient: Patient, certified: Certificate, tmp_path: Path, after_days: int, word: str
) -> None:
    grant(certified, tmp_path, 90)
    patient.now += timedelta(days=after_days)
    assert patient.finding("certificate").word == word


def test_a_certificate_that_is_missing_or_damaged_is_found(patient: Patient, certified: Certificate) -> None:
    assert certified.certificate is None
    assert "provision" in patient.finding("certificate").do
    (patient.state / "tls.pem").write_bytes(b"no certificate")
    (patient.state / "tls.pem").chmod(0o600)
    patient.board = SimBoard()
    assert patient.finding("certificate").word == "fail"


# -- the box -----------------------------------------------------------------------------------------


def test_outside_of_a_box_it_says_what_is_missing(patient: Patient) -> None:
    found = patient.finding("sandbox")
    assert found.word == "warn"
    assert found.what.startswith("run by hand, not in the unit's box, this process is not protected by: ")
    assert {"addresses", "devices"} <= set(found.what.partition(": ")[2].split(", "))
    assert found.do.startswith("the running speaker is what counts: start it by ")


@pytest.mark.parametrize(
    ("rows", "word", "what"),
    [
        (["in force: not-root, home; missing: none"], "ok", "the firmware: all 2 protections are in force"),
        (["in force: home; missing: addresses"], "warn", "the firmware is not protected by: addresses"),
        ([], "warn", "the firmware has not looked: its board is a simulated one"),
    ],
)
def test_of_a_firmware_that_runs_it_says_what_that_has_found(
    patient: Patient, rows: list[str], word: str, what: str
) -> None:
    with closing(outbox_of(patient)) as outbox:
        outbox.note("protections", cause="in force: none; missing: of the start before")
        outbox.note("boot")
        for cause in rows:
            outbox.note("protections", cause=cause)
        found = patient.finding("sandbox")
    assert (found.word, found.what) == (word, what)


# -- how it is said ----------------------------------------------------------------------------------


def test_each_finding_is_a_line_and_whatever_is_not_ok_says_what_to_do(patient: Patient) -> None:
    patient.board.press()
    (patient.state / "reply.key").chmod(0o644)
    found = patient.findings()
    assert {finding.word for finding in found} == {"ok", "warn", "fail"}
    for finding, line in zip(found, as_lines(found), strict=True):
        assert line.split()[0] == finding.word
        assert "\n" not in line
        assert (finding.do == "") == (finding.word == "ok")
    assert [json.decode(line) for line in as_json(found)] == [each._asdict() for each in found]


@pytest.mark.parametrize(("broken", "code"), [(False, 0), (True, 1)])
def test_the_command_line_ends_with_1_if_something_fails(
    cared_for: tuple[Patient, Ward], broken: bool, code: int
) -> None:
    patient, opened = cared_for
    now = datetime.now(UTC)  # the command line judges by the real clock
    span = {"not_before": now - timedelta(hours=1), "not_after": now + timedelta(hours=5)}
    fresh = note(fields(**{name: utc_text(when) for name, when in span.items()}), CLOUD_ROOT).decode()
    (patient.state / "keys.note").write_text(fresh)
    opened.retain(fresh)
    if broken:
        (patient.state / "identity.key").chmod(0o640)
    patient.set(f'board.pace = "fast"\nboard.room = ["{recording("alexa_time")}"]\n')
    command = [sys.executable, "-m", "device", "doctor", "--config", patient.path, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = [Finding(**json.decode(line)) for line in done.stdout.splitlines()]
    assert done.returncode == code, done.stdout + done.stderr
    assert any(finding.word == "fail" for finding in found) is broken
