"""The settings of the firmware: values in a commented TOML file, types here. It reads one file and
remembers nothing.
"""

import ipaddress
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from device.endpoint import CEILING_S
from device.errors import ConfigError
from device.wakeword import SecondEarName, Sensitivity

DEFAULTS = Path(__file__).with_name("default.toml")
INSTALLED = Path("/etc/overheard/speaker.toml")
"""What scripts/install writes: the commands' `--config` where it is there."""

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
Unit = Annotated[float, msgspec.Meta(ge=0, le=1)]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A section knows its keys and refuses others. No defaults: they stand in default.toml."""


class DeviceSection(_Section, frozen=True):
    """Where the firmware keeps what it must remember, and whether it starts in the open."""

    state_dir: str
    require_sandbox: bool


class BoardSection(_Section, frozen=True):
    """Which board, and what the simulated one hears."""

    name: str
    profile: str
    microphone: str
    loudspeaker: str
    room: tuple[str, ...]
    pace: str
    echo_db: Annotated[float, msgspec.Meta(ge=-200, le=0)]
    room_ends: bool


class WakewordSection(_Section, frozen=True):
    """Which words wake and stop it."""

    words: tuple[str, ...]
    sensitivity: Sensitivity
    second_ear: SecondEarName
    heads: tuple[str, ...]
    stop: str
    refractory_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)]


class EndpointSection(_Section, frozen=True):
    """When an utterance is over."""

    speech_start_s: Seconds
    silence_s: Seconds
    no_speech_s: Seconds
    maximum_s: Annotated[float, msgspec.Meta(gt=0, le=CEILING_S)]
    vad: Literal[0, 1, 2, 3]


class ButtonSection(_Section, frozen=True):
    """How a finger is understood."""

    debounce_ms: Annotated[int, msgspec.Meta(ge=0, le=500)]
    hold_ms: Annotated[int, msgspec.Meta(ge=100, le=5000)]


class PrivacySection(_Section, frozen=True):
    """What the owner allows, and who else can open."""

    save: bool
    review: bool
    reader_suite: Literal["mlkem768-x25519", "x25519"]
    owner_reader: str
    pad_s: Annotated[float, msgspec.Meta(ge=0, le=10)]
    cover_per_day: Annotated[int, msgspec.Meta(ge=0, le=1000)]


class LightsSection(_Section, frozen=True):
    """How bright the lights are, and when."""

    brightness: Unit
    night: Annotated[str, msgspec.Meta(pattern=r"\A(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?\Z")]
    night_brightness: Unit


class AudioSection(_Section, frozen=True):
    """Segments and sounds."""

    segment_ms: Literal[80, 160, 240, 320, 400]
    volume: Unit
    wake_earcon: bool


class CloudSection(_Section, frozen=True):
    """Whom to believe."""

    root: str
    keys: str
    answer_s: Seconds


class UplinkSection(_Section, frozen=True):
    """Where the broker is, and how to come back to it."""

    host: Annotated[str, msgspec.Meta(pattern=r"\A[^\x00\s]+\Z")]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    ca: str
    allow_plaintext: bool
    protocol: Literal["auto", "5", "3.1.1"]
    keepalive_s: Annotated[int, msgspec.Meta(ge=5, le=3600)]
    backoff_min_s: Seconds
    backoff_max_s: Seconds
    window: Annotated[int, msgspec.Meta(ge=1, le=1000)]
    ask_again_s: Seconds


class ProvisionSection(_Section, frozen=True):
    """How a new device asks for its first certificate."""

    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    claim: str
    claim_key: str


class OutboxSection(_Section, frozen=True):
    """How much may wait for the cloud, and for how long."""

    max_bytes: Annotated[int, msgspec.Meta(ge=4 << 20, le=1 << 40)]
    max_utterances: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    max_age_s: Annotated[float, msgspec.Meta(ge=60, le=31 * 86_400)]
    reseal_after_s: Annotated[float, msgspec.Meta(ge=0, le=31 * 86_400)]


class HomeAssistantSection(_Section, frozen=True):
    """Whether a home's automation may find the speaker."""

    discovery: bool
    prefix: Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9_-]{1,64}\Z")]


class Config(_Section, frozen=True):
    """All settings. A component is handed its own section, never this."""

    device: DeviceSection
    board: BoardSection
    wakeword: WakewordSection
    endpoint: EndpointSection
    button: ButtonSection
    privacy: PrivacySection
    lights: LightsSection
    audio: AudioSection
    cloud: CloudSection
    uplink: UplinkSection
    provision: ProvisionSection
    outbox: OutboxSection
    home_assistant: HomeAssistantSection


def load(path: Path | None) -> Config:
    """Lay the operator's file over default.toml and check the result.

    Paths in the file (`state_dir`, `room`, `keys`, models) are taken relative to the file.

    Raises:
        ConfigError: the file is missing or not TOML, or a key is unknown, of the wrong type or out of range.
    """
    settings = tomllib.loads(DEFAULTS.read_text(encoding="utf-8"))
    if path is not None:
        _lay_over(settings, _read(path))
    where = path or DEFAULTS
    try:
        config = msgspec.convert(settings, Config)
    except msgspec.ValidationError as error:
        what = " ".join(str(error).split())
        raise ConfigError(f"{where}: {what}; see {DEFAULTS.name} for what is known") from error
    if not (config.uplink.ca or config.uplink.allow_plaintext or _is_loopback(config.uplink.host)):
        raise ConfigError(
            f"{where}: uplink.host is not this machine and uplink.ca is empty; name the broker's CA, "
            "or say allow_plaintext = true"
        )
    return _resolve(config, path.parent if path else Path())


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        closed = path == INSTALLED and isinstance(error, PermissionError)
        do = "say `sudo -u overheard` before it" if closed else "name a settings file that can be read"
        raise ConfigError(f"{path}: {error.strerror}; {do}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}; mend the TOML") from error


def _lay_over(settings: dict[str, Any], own: dict[str, Any]) -> None:
    for section, values in own.items():
        if isinstance(values, dict) and isinstance(settings.get(section), dict):
            settings[section].update(values)
        else:
            settings[section] = values


def _resolve(config: Config, base: Path) -> Config:
    def near(path: str) -> str:
        return str(base / path) if path else ""

    def own(profile: str) -> str:
        return near(profile) if profile.endswith(".toml") else profile

    def model(word: str) -> str:
        return near(word) if word.endswith(".json") else word

    replace = msgspec.structs.replace
    return replace(
        config,
        device=replace(config.device, state_dir=near(config.device.state_dir)),
        board=replace(
            config.board,
            profile=own(config.board.profile),
            room=tuple(near(path) for path in config.board.room),
        ),
        cloud=replace(config.cloud, keys=near(config.cloud.keys)),
        uplink=replace(config.uplink, ca=near(config.uplink.ca)),
        provision=replace(
            config.provision, claim=near(config.provision.claim), claim_key=near(config.provision.claim_key)
        ),
        wakeword=replace(
            config.wakeword,
            words=tuple(model(word) for word in config.wakeword.words),
            heads=tuple(near(path) for path in config.wakeword.heads),
            stop=model(config.wakeword.stop),
        ),
    )
