"""Where settings are installed, the commands find them; where none are, or may not be read, one line says
what to do, and nothing is made.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloud_stub.__main__ import app
from cloud_stub.broker_commands import pasted
from cloud_stub.config import INSTALLED
from cloud_stub.devices import Devices
from cloud_stub.errors import StorageError

ROOT = Path(__file__).resolve().parents[1]
NOBODY = 65534


class Machine:
    """This one, with another /etc in which settings are installed."""

    def __init__(self, folder: Path) -> None:
        self._etc = folder / "etc"
        self.here = folder / "here"
        self.here.mkdir()
        (self._etc / "overheard").mkdir(parents=True)
        self.state = folder / "state"
        self.state.mkdir()

    def settings(self, name: str, text: str) -> None:
        (self._etc / "overheard" / name).write_text(text)

    def said(self, program: str, *words: str) -> tuple[int, str]:
        """What a program says there, run in an empty folder, and how it ends."""
        script = f'mount --bind "{self._etc}" /etc && cd "{self.here}" && exec "$@"'
        command = ["unshare", "--mount", "sh", "-ec", script, "sh", sys.executable, "-m", program, *words]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=ROOT)
        return ran.returncode, ran.stdout + ran.stderr


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("an /etc of its own takes root and unshare")
    made = Machine(tmp_path)
    if subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this kernel gives nobody mounts of their own")
    return made


def test_the_commands_of_a_speaker_find_its_settings(machine: Machine) -> None:
    code, said = machine.said("device", "self-report")
    assert code == 2
    assert "/etc/overheard/speaker.toml is not there" in said
    machine.settings("speaker.toml", f'[device]\nstate_dir = "{machine.state}/speaker"\n')
    code, said = machine.said("device", "self-report")
    assert code == 0, said
    assert f"{machine.state}/speaker" in said
    machine.settings("speaker.toml", "[device]\nno = 1\n")
    code, said = machine.said("device", "self-report")
    assert code == 3
    assert "/etc/overheard/speaker.toml: " in said
    assert list(machine.here.iterdir()) == []


def test_the_commands_of_a_cloud_find_its_settings(machine: Machine) -> None:
    machine.settings("cloud.toml", f'[storage]\ndirectory = "{machine.state}"\n')
    Devices(machine.state / "devices")
    code, said = machine.said("cloud_stub", "devices", "list")
    assert (code, said) == (0, "no device has asked yet\n")
    assert list(machine.here.iterdir()) == []


def test_the_help_says_which_settings_are_taken() -> None:
    for command in (["run"], ["keys"], ["devices", "list"], ["broker", "init"]):
        shown = CliRunner().invoke(app, [*command, "--help"], terminal_width=200).output
        assert "/etc/overheard/cloud.toml" in shown, command


@pytest.mark.parametrize("words", [["list"], ["approve", "ovh-a"], ["forget", "ovh-a"], ["revoke", "ovh-a"]])
def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, words: list[str]) -> None:
    config = tmp_path / "cloud.toml"
    config.write_text("")
    done = CliRunner().invoke(app, ["devices", *words, "--config", str(config)])
    assert isinstance(done.exception, StorageError)
    assert done.exception.exit_code == 6
    assert "no cloud keeps devices there; name its settings with --config" in str(done.exception)
    assert list(tmp_path.iterdir()) == [config]


@pytest.mark.skipif(os.geteuid() != 0, reason="being root takes root")
def test_root_leaves_nothing_that_the_cloud_could_not_read(tmp_path: Path) -> None:
    config = tmp_path / "cloud.toml"
    config.write_text("")
    Devices(tmp_path / "overheard-cloud" / "devices")
    for folder in (tmp_path / "overheard-cloud", tmp_path / "overheard-cloud" / "devices"):
        os.chown(folder, NOBODY, NOBODY)
    for words in (["devices", "list"], ["broker", "claim"]):
        done = CliRunner().invoke(app, [*words, "--config", str(config)])
        assert isinstance(done.exception, StorageError), words
        assert "sudo -u overheard-cloud" in str(done.exception)


def test_what_to_do_next_can_be_pasted(tmp_path: Path) -> None:
    config = tmp_path / "my cloud.toml"
    config.write_text("")
    done = CliRunner().invoke(app, ["broker", "init", "--host", "10.0.0.5", "--config", str(config)])
    assert f"overheard-cloud devices list --config '{config}'" in done.output
    assert pasted("overheard-cloud devices list", None) == "overheard-cloud devices list"
    assert pasted("overheard-cloud devices list", INSTALLED) == (
        "sudo -u overheard-cloud overheard-cloud devices list"
    )
