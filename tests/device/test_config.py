"""Settings: what is known, what is refused, and in which words."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from device import config
from device.config import DEFAULTS, Config, load
from device.errors import ConfigError


def refusal(path: Path) -> str:
    """The one line that a settings file is refused with."""
    with pytest.raises(ConfigError) as caught:
        load(path)
    message = str(caught.value)
    assert caught.value.exit_code == 3
    assert isinstance(caught.value, ValueError)
    assert re.fullmatch(r"[^\n]+: [^\n]+; [^\n]+[^.\n]", message), message
    assert message.startswith(f"{path}: ")
    return message


def written(directory: Path, text: str) -> Path:
    path = directory / "my.toml"
    path.write_text(text)
    return path


def fields(struct: Any) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(struct)}


def test_the_defaults_name_every_setting_and_no_other() -> None:
    defaults = tomllib.loads(DEFAULTS.read_text())
    assert {name: set(section) for name, section in defaults.items()} == {
        name: set(fields(section)) for name, section in fields(Config).items()
    }


def test_no_setting_has_a_default_in_code() -> None:
    sections = [*fields(Config).values(), Config]
    given = [field.required for section in sections for field in msgspec.structs.fields(section)]
    assert len(given) > 30
    assert all(given)


def test_every_setting_of_the_defaults_has_a_reason_or_speaks_for_itself() -> None:
    assert DEFAULTS.read_text().count("#") >= 30


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    own = load(written(tmp_path, ""))
    replaced = msgspec.structs.replace(own, device=load(None).device)
    assert replaced == load(None)


def test_a_file_says_only_what_differs(tmp_path: Path) -> None:
    own = load(written(tmp_path, "[endpoint]\nsilence_s = 1\n[audio]\nvolume = 0.25\n"))
    assert (own.endpoint.silence_s, own.audio.volume) == (1.0, 0.25)
    assert own.endpoint.no_speech_s == load(None).endpoint.no_speech_s
    assert own.uplink == load(None).uplink


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[uplink]\nprot = 1883\n", "prot"),
        ("[upling]\nport = 1883\n", "upling"),
        ("volume = 0.3\n", "volume"),
        ("[endpoint]\npre_roll_s = 0.5\n", "pre_roll_s"),
        ('[uplink]\nport = "1883"\n', "uplink.port"),
        ("[uplink]\nport = 1883.5\n", "uplink.port"),
        ("[uplink]\nport = true\n", "uplink.port"),
        ('[privacy]\nsave = "yes"\n', "privacy.save"),
        ("[privacy]\nsave = 1\n", "privacy.save"),
        ("[wakeword]\nwords = 'alexa'\n", "wakeword.words"),
        ("[wakeword]\nwords = [1]\n", "wakeword.words"),
        ("uplink = 3\n", "uplink"),
        ("[[uplink]]\nport = 1883\n", "uplink"),
        ("[uplink]\nport = 0\n", "uplink.port"),
        ("[uplink]\nport = 65536\n", "uplink.port"),
        ("[uplink]\nprotocol = '4'\n", "uplink.protocol"),
        ("[audio]\nvolume = 1.01\n", "audio.volume"),
        ("[audio]\nvolume = nan\n", "audio.volume"),
        ("[audio]\nsegment_ms = 100\n", "audio.segment_ms"),
        ("[endpoint]\nvad = 4\n", "endpoint.vad"),
        ("[button]\nhold_ms = 0\n", "button.hold_ms"),
        ("[privacy]\nreader_suite = 'rot13'\n", "privacy.reader_suite"),
        ("[board]\necho_db = nan\n", "board.echo_db"),
    ],
)
def test_what_is_unknown_of_the_wrong_type_or_out_of_range_is_refused_by_name(
    tmp_path: Path, text: str, named: str
) -> None:
    message = refusal(written(tmp_path, text))
    assert named in message
    assert message.endswith("; see default.toml for what is known")


SECONDS = [
    "endpoint.speech_start_s",
    "endpoint.silence_s",
    "endpoint.no_speech_s",
    "endpoint.maximum_s",
    "cloud.answer_s",
    "uplink.backoff_min_s",
    "uplink.backoff_max_s",
    "uplink.ask_again_s",
    "wakeword.refractory_s",
    "privacy.pad_s",
    "outbox.max_age_s",
    "outbox.reseal_after_s",
]


@pytest.mark.parametrize("setting", SECONDS)
@pytest.mark.parametrize("value", ["-0.1", "-inf", "nan", "inf", "1e300"])
def test_a_time_that_is_no_time_is_refused(tmp_path: Path, setting: str, value: str) -> None:
    assert setting in refusal(written(tmp_path, f"{setting} = {value}\n"))


def test_every_setting_in_seconds_is_tried_here() -> None:
    named = {
        f"{section}.{key}"
        for section, struct in fields(Config).items()
        for key in fields(struct)
        if key[-2:] == "_s"
    }
    assert named == {*SECONDS, "uplink.keepalive_s"}, "MQTT counts the latter in whole seconds"


@pytest.mark.parametrize("value", ["30.000001", "31", "3600"])
def test_no_setting_makes_an_utterance_longer_than_30_s(tmp_path: Path, value: str) -> None:
    assert "endpoint.maximum_s" in refusal(written(tmp_path, f"endpoint.maximum_s = {value}\n"))


def test_the_ceiling_itself_is_accepted(tmp_path: Path) -> None:
    assert load(written(tmp_path, "endpoint.maximum_s = 30\n")).endpoint.maximum_s == 30.0


@pytest.mark.parametrize(
    "text", ["[uplink\n", "port 1883", "a = 1\na = 2\n", "[uplink]\nport = 1\n[uplink]\n"]
)
def test_what_is_no_toml_is_refused(tmp_path: Path, text: str) -> None:
    assert refusal(written(tmp_path, text)).endswith("; mend the TOML")


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_bytes(b"\xff\xfe[uplink]")
    assert refusal(path).endswith("; mend the TOML")


@pytest.mark.parametrize("place", ["absent.toml", "."])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, place: str) -> None:
    assert refusal(tmp_path / place).endswith("; name a settings file that can be read")


def test_a_key_that_breaks_lines_is_still_one_line(tmp_path: Path) -> None:
    refusal(written(tmp_path, '[uplink]\n"evil\\nline" = 1\n'))


def test_paths_are_relative_to_the_file_and_names_are_not_paths(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    own = load(
        written(
            tmp_path / "etc",
            '[device]\nstate_dir = "state"\n[board]\nroom = ["a.flac", "/b.wav"]\n'
            '[cloud]\nkeys = "keys.note"\n'
            '[wakeword]\nwords = ["alexa", "mine.json"]\nstop = "../stop.json"\n',
        )
    )
    etc = str(tmp_path / "etc")
    assert own.device.state_dir == f"{etc}/state"
    assert own.board.room == (f"{etc}/a.flac", "/b.wav")
    assert own.cloud.keys == f"{etc}/keys.note"
    assert own.wakeword.words == ("alexa", f"{etc}/mine.json")
    assert own.wakeword.stop == f"{etc}/../stop.json"


def test_an_empty_path_stays_empty(tmp_path: Path) -> None:
    own = load(written(tmp_path, ""))
    assert (own.cloud.keys, own.wakeword.stop, own.uplink.ca, own.board.room) == ("", "", "", ())


def test_settings_cannot_be_changed_once_read() -> None:
    with pytest.raises(AttributeError):
        load(None).privacy.save = True
    assert config.DEFAULTS.name == "default.toml"
