"""Bad input at the three command lines: one line, a documented exit code, and nothing is lost."""

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import cloud_stub.__main__
import device.__main__
import lab.__main__
from cloud_stub.config import load as load_cloud
from cloud_stub.keys import Keys
from device.envelope import ReaderKey
from device.keys import load_or_make

AUDIO = Path(__file__).resolve().parents[1] / "lab" / "scenarios" / "audio"
PROGRAMS: dict[str, Callable[[], int | None]] = {
    "overheard-device": device.__main__.main,
    "overheard-cloud": cloud_stub.__main__.main,
    "overheard-lab": lab.__main__.main,
}


class Terminal:
    """Runs a program as its console script would, and remembers the exit code and what it printed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def run(self, program: str, *words: str | Path) -> tuple[int, str]:
        self._monkeypatch.setattr(sys, "argv", [program, *map(str, words)])
        self._capsys.readouterr()
        try:
            code = PROGRAMS[program]()
        except SystemExit as leave:
            code = leave.code if isinstance(leave.code, int) else 0
        return code or 0, self._capsys.readouterr().err

    def complains(self, program: str, *words: str | Path) -> tuple[int, str]:
        """Run, and expect exactly one line that begins with the program's name and says what to do."""
        code, err = self.run(program, *words)
        lines = [line for line in err.splitlines() if not line.startswith("INFO:")]
        assert len(lines) == 1, err
        assert lines[0].startswith(f"{program}: ")
        assert "; " in lines[0]
        assert "Traceback" not in err
        return code, lines[0]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(monkeypatch, capsys)


@pytest.fixture
def settings(tmp_path: Path) -> Callable[[str], Path]:
    """Write a device's settings that would run, with something added."""
    cloud = Keys(tmp_path / "cloud", load_cloud(None).keys)

    def write(more: str) -> Path:
        path = tmp_path / "device.toml"
        sections = {
            "device": 'state_dir = "state"',
            "cloud": f'root = "{cloud.vkey}"',
            "board": 'pace = "fast"',
        }
        if "[board]" in more:
            del sections["board"]
        path.write_text(
            "".join(f"[{name}]\n{value}\n" for name, value in sections.items()) + more, encoding="utf-8"
        )
        return path

    return write


def manifest(folder: Path, model: bytes, sha256: str) -> Path:
    (folder / "word.tflite").write_bytes(model)
    path = folder / "word.json"
    micro = {"probability_cutoff": 0.9, "feature_step_size": 10, "sliding_window_size": 5}
    fields = {"type": "micro", "version": 2, "wake_word": "Word", "model": "word.tflite", "micro": micro}
    path.write_text(json.dumps({**fields, "sha256": sha256}), encoding="utf-8")
    return path


def test_an_unknown_setting_is_named(terminal: Terminal, settings: Callable[[str], Path]) -> None:
    code, line = terminal.complains(
        "overheard-device", "run", "--config", settings("[uplink]\nprot = 1883\n")
    )
    assert code == 3
    assert "device.toml" in line
    assert "prot" in line


def test_settings_that_are_not_there(terminal: Terminal, tmp_path: Path) -> None:
    assert terminal.complains("overheard-device", "run", "--config", tmp_path / "none.toml")[0] == 3


def test_a_command_that_nobody_knows_is_a_usage_error(terminal: Terminal) -> None:
    for program in PROGRAMS:
        code, err = terminal.run(program, "sing")
        assert (code, "Traceback" in err) == (2, False), program


def test_a_model_that_is_not_the_one_that_was_meant(
    terminal: Terminal, settings: Callable[[str], Path], tmp_path: Path
) -> None:
    path = manifest(tmp_path, b"TFL3 something else", "0" * 64)
    code, line = terminal.complains(
        "overheard-device", "run", "--config", settings(f'[wakeword]\nwords = ["{path.name}"]\n')
    )
    assert code == 3
    assert "word" in line


def test_a_model_that_is_none(terminal: Terminal, settings: Callable[[str], Path], tmp_path: Path) -> None:
    path = manifest(tmp_path, b"no model", hashlib.sha256(b"no model").hexdigest())
    assert (
        terminal.complains(
            "overheard-device", "run", "--config", settings(f'[wakeword]\nwords = ["{path.name}"]\n')
        )[0]
        == 3
    )


def test_a_recording_that_is_none(
    terminal: Terminal, settings: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "room.wav").write_bytes(b"RIFF not really")
    code, line = terminal.complains(
        "overheard-device", "run", "--config", settings('[board]\nroom = ["room.wav"]\nroom_ends = true\n')
    )
    assert code == 3
    assert "room.wav" in line


def test_a_key_that_others_can_read(
    terminal: Terminal, settings: Callable[[str], Path], tmp_path: Path
) -> None:
    load_or_make(tmp_path / "state", "x25519")
    (tmp_path / "state" / "identity.key").chmod(0o644)
    code, line = terminal.complains("overheard-device", "run", "--config", settings(""))
    assert code == 5
    assert "chmod 600" in line


def test_an_outbox_of_another_program_is_left_as_it_is(
    terminal: Terminal, settings: Callable[[str], Path], tmp_path: Path
) -> None:
    load_or_make(tmp_path / "state", "x25519")
    theirs = b"SQLite format 3\0" + bytes(range(256)) * 40
    (tmp_path / "state" / "egress.db").write_bytes(theirs)
    code, line = terminal.complains("overheard-device", "run", "--config", settings(""))
    assert code == 6
    assert "egress.db" in line
    assert (tmp_path / "state" / "egress.db").read_bytes() == theirs


def test_the_cloud_names_an_unknown_setting(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "cloud.toml"
    path.write_text("[broker]\nkidn = 'auto'\n", encoding="utf-8")
    assert terminal.complains("overheard-cloud", "run", "--config", path)[0] == 3


def test_the_cloud_refuses_a_damaged_key(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "cloud.toml"
    path.write_text('[storage]\ndirectory = "c"\n[broker]\nkind = "none"\n', encoding="utf-8")
    keys = tmp_path / "c" / "keys"
    keys.mkdir(parents=True, mode=0o700)
    (keys / "root.key").write_bytes(b"short")
    (keys / "root.key").chmod(0o600)
    assert terminal.complains("overheard-cloud", "keys", "--config", path)[0] == 5


def test_the_cloud_leaves_a_corrupt_vault_as_it_is(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "cloud.toml"
    path.write_text('[storage]\ndirectory = "c"\n[broker]\nkind = "none"\n', encoding="utf-8")
    vault = tmp_path / "c" / "vault"
    vault.mkdir(parents=True, mode=0o700)
    (vault / "vault.sqlite").write_bytes(b"not a database, but long enough to be one" * 50)
    before = (vault / "vault.sqlite").read_bytes()
    assert terminal.complains("overheard-cloud", "run", "--config", path)[0] == 6
    assert (vault / "vault.sqlite").read_bytes() == before


def test_the_laboratory_says_which_scenario_it_cannot_read(terminal: Terminal, tmp_path: Path) -> None:
    assert terminal.complains("overheard-lab", "simulate", tmp_path / "none.toml")[0] == 2


def test_a_folder_that_is_no_run_cannot_be_opened(terminal: Terminal, tmp_path: Path) -> None:
    key = tmp_path / "owner.key"
    key.write_bytes(ReaderKey.generate("x25519").to_bytes())
    words = ("open", tmp_path, "--key", key, "--out", tmp_path / "out.wav")
    assert terminal.complains("overheard-lab", *words)[0] == 2
    key.write_bytes(b"no key")
    assert terminal.complains("overheard-lab", *words)[0] == 5


def test_a_file_that_is_no_audio_is_named_and_the_rest_is_heard(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    code, err = terminal.run(
        "overheard-lab", "hear", tmp_path / "broken.wav", AUDIO / "alexa.flac", "--word", "alexa", "--json"
    )
    assert code == 3
    assert "broken.wav" in err
    assert "Traceback" not in err
