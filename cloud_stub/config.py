"""The settings of the cloud stub: values in a TOML, types here. It reads one file, remembers nothing."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from cloud_stub.errors import ConfigError
from cloud_stub.loopback import HOST

DEFAULTS = Path(__file__).with_name("default.toml")
INSTALLED = Path("/etc/overheard/cloud.toml")
"""What scripts/install writes: the commands' `--config` where it is there."""

LONGEST_S = 10 * 366 * 86_400
Positive = Annotated[float, msgspec.Meta(gt=0, le=LONGEST_S)]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A section knows its keys and refuses others. No defaults: they stand in default.toml."""


class StorageSection(_Section, frozen=True):
    """Where keys and recordings are kept."""

    directory: str
    database: str
    blobs: str
    s3_endpoint: str

    @property
    def keys(self) -> Path:
        """The folder of the cloud's keys."""
        return Path(self.directory) / "keys"

    @property
    def vault(self) -> Path:
        """The folder of the vault."""
        return Path(self.directory) / "vault"

    @property
    def broker(self) -> Path:
        """The folder of the broker's configuration, certificates and log."""
        return Path(self.directory) / "broker"

    @property
    def heads(self) -> Path:
        """The folder of the heads of devices' ledgers."""
        return Path(self.directory) / "heads"

    @property
    def wishes(self) -> Path:
        """The folder of what owners wish."""
        return Path(self.directory) / "wishes"

    @property
    def review(self) -> Path:
        """The folder of what was drawn for people, and of who does what with it."""
        return Path(self.directory) / "review"

    @property
    def people(self) -> Path:
        """The folder of who may sign in."""
        return Path(self.directory) / "people"

    @property
    def devices(self) -> Path:
        """The folder of what is known of devices."""
        return Path(self.directory) / "devices"


class BrokerSection(_Section, frozen=True):
    """Which broker, and how to come back to it."""

    kind: Literal["auto", "mosquitto", "amqtt", "none"]
    host: Annotated[str, msgspec.Meta(min_length=1)]
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)]
    tls: bool
    protocol: Literal["auto", "5", "3.1.1"]
    backoff_min_s: Positive
    backoff_max_s: Positive


class DevicesSection(_Section, frozen=True):
    """Who may connect."""

    approve: Literal["by_hand", "claimed"]
    certificate_s: Annotated[int, msgspec.Meta(ge=3600, le=LONGEST_S)]
    waiting: Annotated[int, msgspec.Meta(ge=1, le=100_000)]


class KeysSection(_Section, frozen=True):
    """The reader key of the day."""

    suite: Literal["mlkem768-x25519", "x25519"]
    epoch_s: Annotated[int, msgspec.Meta(ge=7200, le=31 * 86400)]
    grace_s: Annotated[int, msgspec.Meta(ge=0, le=LONGEST_S)]


class IngestSection(_Section, frozen=True):
    """Limits of what may be under way."""

    truncated_after_s: Positive
    unsaved_kept_s: Positive
    workers: Annotated[int, msgspec.Meta(ge=0, le=64)]
    arriving_per_device: Annotated[int, msgspec.Meta(ge=1, le=1000)]


class AnswerSection(_Section, frozen=True):
    """When an answer is too late to be one, and how long spoken ones are."""

    within_s: Positive
    pad_s: Annotated[float, msgspec.Meta(ge=0, le=30)]


class WitnessSection(_Section, frozen=True):
    """How often the cloud cosigns the head of a device's ledger."""

    every_s: Positive


Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class ReviewSection(_Section, frozen=True):
    """How little is heard by people, and how much one person hears."""

    share: Share
    declared_share: Share
    double_share: Share
    most_word_errors: Share
    lease_s: Positive
    plays: Annotated[int, msgspec.Meta(ge=1, le=100)]
    per_shift: Annotated[int, msgspec.Meta(ge=1, le=200)]
    work_s: Positive
    after_stop_s: Positive


class WebSection(_Section, frozen=True):
    """Where the pages are."""

    port: Annotated[int, msgspec.Meta(ge=0, le=65535)]
    host: Annotated[str, msgspec.Meta(min_length=1)]
    site: Annotated[str, msgspec.Meta(pattern=r"\A(https?://[a-z0-9.:-]+)?\Z")]
    certificate: str
    key: str

    @property
    def seen_at(self) -> str:
        """Where browsers see them."""
        return self.site or f"http://localhost:{self.port}"


class HearingSection(_Section, frozen=True):
    """Which ears, and which musicians they know."""

    ears: Annotated[str, msgspec.Meta(min_length=1)]
    may_leave: bool
    artists: str


class Config(_Section, frozen=True):
    """All settings. A component is handed its own section, never this."""

    storage: StorageSection
    broker: BrokerSection
    devices: DevicesSection
    keys: KeysSection
    ingest: IngestSection
    answer: AnswerSection
    witness: WitnessSection
    review: ReviewSection
    web: WebSection
    hearing: HearingSection


def load(path: Path | None) -> Config:
    """Lay the operator's file over default.toml and check the result.

    `[storage] directory` is taken relative to the file; without a file, to where the program runs.

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
        raise ConfigError(f"{where}: {error}; see {DEFAULTS.name} for what is known") from error
    if config.broker.kind != "none" and config.broker.host != HOST and not config.broker.tls:
        raise ConfigError(
            f'{where}: an embedded broker is on {HOST} only; set [broker] kind = "none" for another'
        )
    if config.broker.kind == "amqtt" and config.broker.tls:
        raise ConfigError(f'{where}: amqtt asks nobody for a certificate; set [broker] kind = "mosquitto"')
    if config.broker.kind == "none" and config.broker.port == 0:
        raise ConfigError(f"{where}: port 0 is for an embedded broker; give the port of the one that runs")
    if config.web.host not in (HOST, "localhost") and not (config.web.certificate and config.web.key):
        raise ConfigError(f"{where}: pages beyond this machine need [web] certificate and key; set both")
    directory = (path.parent if path else Path()) / config.storage.directory
    return msgspec.structs.replace(
        config, storage=msgspec.structs.replace(config.storage, directory=str(directory))
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        closed = path == INSTALLED and isinstance(error, PermissionError)
        do = "say `sudo -u overheard-cloud` before it" if closed else "name a settings file that can be read"
        raise ConfigError(f"{path}: {error.strerror}; {do}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}; mend the TOML") from error


def _lay_over(settings: dict[str, Any], own: dict[str, Any]) -> None:
    for section, values in own.items():
        if isinstance(values, dict) and isinstance(settings.get(section), dict):
            settings[section].update(values)
        else:
            settings[section] = values
