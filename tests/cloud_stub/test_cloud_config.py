"""Settings are laid over the defaults, and what is unknown or impossible is one line that says where."""

import sys
import tomllib

import pytest

from cloud_stub.__main__ import main
from cloud_stub.config import DEFAULTS, load
from cloud_stub.errors import ConfigError


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["overheard-cloud", *map(str, arguments)])
    return main()


def test_the_defaults_are_complete_and_every_line_of_them_is_explained():
    assert load(None).broker.kind == "auto"
    values = [line for line in DEFAULTS.read_text().splitlines() if "=" in line and not line.startswith("#")]
    unexplained = [line for line in values if "#" not in line]
    assert unexplained == ["backoff_max_s = 30.0"]


def test_a_file_says_only_what_differs_and_its_folder_is_where_paths_begin(tmp_path):
    (tmp_path / "my.toml").write_text('[storage]\ndirectory = "here"\n[answer]\nwithin_s = 5\n')
    config = load(tmp_path / "my.toml")
    assert config.storage.vault == tmp_path / "here" / "vault"
    assert (config.answer.within_s, config.broker.port) == (5.0, 1883)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[broker]\nprot = 1\n", "Object contains unknown field `prot`"),
        ("[brokers]\n", "Object contains unknown field `brokers`"),
        ('[broker]\nport = "x"\n', "Expected `int`"),
        ("[broker]\nport = 70000\n", "<= 65535"),
        ('[broker]\nkind = "hive"\n', "Invalid enum value"),
        ('[broker]\nhost = "10.0.0.1"\n', "an embedded broker is on 127.0.0.1 only"),
        ('[broker]\nkind = "none"\nport = 0\n', "give the port"),
        ("[broker\n", "mend the TOML"),
    ],
)
def test_what_is_unknown_or_impossible_is_one_line_and_exit_3(tmp_path, monkeypatch, capsys, text, says):
    path = tmp_path / "my.toml"
    path.write_text(text)
    with pytest.raises(ConfigError):
        load(path)
    assert run(monkeypatch, "run", "--config", path) == 3
    printed = capsys.readouterr().err
    assert printed.startswith(f"overheard-cloud: {path}: ")
    assert says in printed
    assert printed.count("\n") == 1


def test_a_file_that_is_not_there_is_exit_3(tmp_path, monkeypatch, capsys):
    assert run(monkeypatch, "keys", "--config", tmp_path / "no.toml") == 3
    assert "name a settings file that can be read" in capsys.readouterr().err


def test_a_wrong_command_is_usage(monkeypatch, capsys):
    assert run(monkeypatch, "sing") == 2
    assert "No such command" in capsys.readouterr().err


def test_keys_prints_the_root_and_writes_the_note_for_provisioning(tmp_path, monkeypatch, capsys):
    (tmp_path / "my.toml").write_text("")
    assert run(monkeypatch, "keys", "--config", tmp_path / "my.toml") == 0
    vkey = capsys.readouterr().out.strip()
    note = (tmp_path / "overheard-cloud" / "keys" / "keys.note").read_text()
    assert vkey.startswith("overheard-cloud+")
    assert note.startswith("overheard/v1/keys\n")
    assert "— overheard-cloud " in note


def test_a_key_that_others_can_read_is_exit_5(tmp_path, monkeypatch, capsys):
    (tmp_path / "my.toml").write_text("")
    run(monkeypatch, "keys", "--config", tmp_path / "my.toml")
    (tmp_path / "overheard-cloud" / "keys" / "root.key").chmod(0o644)
    assert run(monkeypatch, "keys", "--config", tmp_path / "my.toml") == 5
    assert "chmod 600" in capsys.readouterr().err


def test_the_defaults_are_toml_of_values_alone():
    assert all(isinstance(section, dict) for section in tomllib.loads(DEFAULTS.read_text()).values())
