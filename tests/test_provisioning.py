"""A new speaker comes in, changes its certificate, and is thrown out: a real broker, and both real ends."""

import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from cloud_stub import revocation
from cloud_stub.__main__ import app as cloud_app
from cloud_stub.devices import Devices
from cloud_stub.keys import Keys
from device.assemble import assemble
from device.config import Config, load
from device.errors import KeyFileError, ProvisionError
from device.keys import load_or_make
from device.ledger import parse_row
from device.outbox_file import look
from device.provision import provision
from hardware.sim import SimBoard
from tests.secure_home import PATIENCE_S, SecureHome, needs_mosquitto, until

pytestmark = needs_mosquitto


@pytest.fixture
def home(tmp_path) -> SecureHome:
    return settled(SecureHome(tmp_path))


@pytest.fixture
def open_home(tmp_path) -> SecureHome:
    """One where a claim is enough."""
    return settled(SecureHome(tmp_path, devices='approve = "claimed"'))


def settled(home: SecureHome) -> SecureHome:
    home.write(Keys(home.config.storage.keys, home.config.keys).vkey)
    return home


def new_speaker(home: SecureHome, tmp_path: Path, name: str = "speaker") -> Config:
    """The bundle as it is copied to a speaker, and its settings."""
    folder = tmp_path / name
    folder.mkdir()
    for file in home.files.bundle.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
        (folder / file.name).chmod(0o600)
    config = load(folder / "speaker.toml")
    quick = msgspec.structs.replace(config.uplink, backoff_min_s=0.05, backoff_max_s=0.2)
    return msgspec.structs.replace(config, uplink=quick)


def ask(config: Config, serial: str | None = "0123", wait_s: float = PATIENCE_S) -> list[str]:
    said: list[str] = []
    provision(config, serial, said.append, wait_s=wait_s, again=False)
    return said


def device_of(config: Config) -> str:
    return load_or_make(Path(config.device.state_dir), config.privacy.reader_suite).device


def rows(config: Config) -> list[str]:
    db = look(Path(config.device.state_dir) / "egress.db")
    kinds = [parse_row(row).kind for (row,) in db.execute("SELECT row FROM ledger ORDER BY idx")]
    db.close()
    return kinds


def pair(config: Config) -> bytes:
    return (Path(config.device.state_dir) / "tls.pem").read_bytes()


def board_of(serial: str | None) -> SimBoard:
    board = SimBoard(pace="realtime")
    board.serial = serial
    return board


@contextmanager
def running(config: Config, serial: str | None = "0123", now=lambda: datetime.now(UTC)):
    """A speaker that listens to silence; events it told of arrive in the list."""
    told: list[tuple[str, dict[str, object]]] = []
    speaker = assemble(
        config,
        board_of(serial),
        lambda kind, _at, /, **f: told.append((kind, f)),
        now,
    )
    thread = threading.Thread(target=speaker.run)
    thread.start()
    try:
        yield speaker, told
    finally:
        speaker.stopping = True
        thread.join(PATIENCE_S)


def test_a_new_speaker_waits_until_it_is_approved_and_then_speaks(home, tmp_path):
    config = new_speaker(home, tmp_path)
    with home.cloud() as cloud:
        with pytest.raises(ProvisionError, match=r"devices approve ovh-.*; run this again"):
            ask(config, wait_s=2.0)
        device = device_of(config)
        listed = CliRunner().invoke(cloud_app, ["devices", "list", "--config", str(home.config_file)])
        assert device in listed.output
        assert "waiting" in listed.output
        told = CliRunner().invoke(
            cloud_app, ["devices", "approve", device, "--config", str(home.config_file)]
        )
        assert told.exit_code == 0
        assert "has a certificate until" in ask(config)[-1]
        assert set(rows(config)) == {"connect", "request"}, "what left was written down first"
        with running(config) as (speaker, told):
            until(lambda: speaker.parts.line.up, "it did not come up")
            assert speaker.phase.value == "idle", "a new speaker is not muted"
        assert cloud.failure is None
        assert "status" in rows(config)


def test_no_key_leaves_the_speaker(open_home, tmp_path):
    config = new_speaker(open_home, tmp_path)
    with open_home.cloud():
        ask(config)
    secret = pair(config).split(b"-----BEGIN PRIVATE KEY-----")[1].split(b"-----END")[0].strip()
    theirs = [path for path in open_home.config_file.parent.rglob("*") if path.is_file()]
    found = [path for path in theirs if secret in path.read_bytes()]
    assert found == [Path(config.device.state_dir) / "tls.pem"]


def test_who_has_a_certificate_asks_for_none(open_home, tmp_path):
    config = new_speaker(open_home, tmp_path)
    with open_home.cloud():
        ask(config)
        mine = pair(config)
        assert "nothing to do" in ask(config)[-1]
    assert pair(config) == mine


def test_without_a_certificate_the_firmware_calls_nobody(home, tmp_path):
    with pytest.raises(KeyFileError, match="overheard-device provision"):
        assemble(new_speaker(home, tmp_path), SimBoard())


def test_a_certificate_is_changed_in_time_and_the_old_one_goes_when_the_new_one_has_worked(
    open_home, tmp_path
):
    config = new_speaker(open_home, tmp_path)
    state = Path(config.device.state_dir)
    with open_home.cloud():
        ask(config)
        first = pair(config)
        in_70_days = datetime.now(UTC) + timedelta(days=70)
        with running(config, now=lambda: in_70_days) as (_, told):
            until(lambda: ("certificate", {"outcome": "kept"}) in told, "it did not renew")
        assert pair(config) != first
        assert (state / "tls-before.pem").read_bytes() == first
        with running(config) as (speaker, _):
            until(lambda: speaker.parts.line.up, "the new one does not open a connection")
        assert not (state / "tls-before.pem").exists()
    (known,) = Devices(open_home.config.storage.devices).all()
    assert len(known.certificates) == 2


def test_a_new_certificate_that_the_broker_refuses_does_not_silence_the_speaker(open_home, tmp_path):
    config = new_speaker(open_home, tmp_path)
    state = Path(config.device.state_dir)
    with open_home.cloud():
        ask(config)
        (known,) = Devices(open_home.config.storage.devices).all()
        (state / "tls-before.pem").write_bytes(pair(config))
        (state / "tls-before.pem").chmod(0o600)
        expired = open_home.pair(known.device, days=-0.5)
        (state / "tls.pem").write_bytes(expired.with_suffix(".key").read_bytes() + expired.read_bytes())
        with running(config) as (speaker, _):
            until(lambda: speaker.parts.line.up, "it did not fall back to the certificate before")


def test_who_is_revoked_is_cut_off_and_stays_out(open_home, tmp_path):
    config, other = new_speaker(open_home, tmp_path), new_speaker(open_home, tmp_path, "other")
    arguments = ["--config", str(open_home.config_file)]
    with open_home.cloud():
        ask(config)
        ask(other, "4567")
        with running(config) as (speaker, told), running(other, "4567") as (bystander, _):
            until(lambda: speaker.parts.line.up and bystander.parts.line.up, "they did not come up")
            links = bystander.parts.line.links
            done = CliRunner().invoke(cloud_app, ["devices", "revoke", speaker.parts.device, *arguments])
            assert done.exit_code == 0, done.output
            until(lambda: not speaker.parts.line.up, "its connection was not cut")
            refused = ("unreachable", "certificate not revoked?")
            until(
                lambda: any(kind == refused[0] and str(f["why"]).endswith(refused[1]) for kind, f in told),
                "it was not told that it is refused",
            )
            assert not speaker.parts.line.up
            assert bystander.parts.line.up
            assert bystander.parts.line.links == links, "nobody else is disturbed"
        with pytest.raises(ProvisionError, match="refuses"):
            provision(config, "0123", lambda _: None, wait_s=PATIENCE_S, again=True)


def test_a_revoked_one_can_be_let_in_again_with_a_new_certificate(open_home, tmp_path):
    config = new_speaker(open_home, tmp_path)
    devices = Devices(open_home.config.storage.devices)
    with open_home.cloud():
        ask(config)
        (known,) = devices.all()
        revocation.throw_out(devices, known.device, open_home.files, ("localhost", open_home.port))
        revocation.approve(devices, known.device)
        provision(config, "0123", lambda _: None, wait_s=PATIENCE_S, again=True)
        with running(config) as (speaker, _):
            until(lambda: speaker.parts.line.up, "the new certificate does not open a connection")


def test_a_copied_card_publishes_nothing(open_home, tmp_path):
    config = new_speaker(open_home, tmp_path)
    with open_home.cloud():
        ask(config, "0123")
        before = rows(config)
        with pytest.raises(KeyFileError, match="another board"):
            assemble(config, board_of("9999"))
        with pytest.raises(KeyFileError, match="another board"):
            ask(config, "9999")
        assert rows(config) == before
        (Path(config.device.state_dir) / "hardware").unlink()  # a thief who knows the file
        with pytest.raises(ProvisionError, match="another board"):
            provision(config, "9999", lambda _: None, wait_s=PATIENCE_S, again=True)
    listed = CliRunner().invoke(cloud_app, ["devices", "list", "--config", str(open_home.config_file)])
    assert "a copy?" in " ".join(listed.output.split())


def test_a_claim_that_is_missing_or_open_to_others_is_refused(home, tmp_path):
    config = new_speaker(home, tmp_path)
    Path(config.provision.claim_key).chmod(0o644)
    with pytest.raises(KeyFileError, match="others can read it; run: chmod 600"):
        ask(config)
    Path(config.provision.claim_key).unlink()
    with pytest.raises(KeyFileError, match=r"claim\.key"):
        ask(config)


def test_the_claims_key_may_be_a_credential_of_systemd(open_home, tmp_path, monkeypatch):
    config = new_speaker(open_home, tmp_path)
    handed = tmp_path / "credentials"
    handed.mkdir()
    Path(config.provision.claim_key).rename(handed / "claim.key")
    (handed / "claim.key").chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    with open_home.cloud():
        assert "has a certificate until" in ask(config)[-1]


def test_a_cloud_that_is_not_there_is_said_so(home, tmp_path):
    config = new_speaker(home, tmp_path)
    with pytest.raises(ProvisionError, match=r"no connection: .*refused"):
        ask(config, wait_s=1.0)
