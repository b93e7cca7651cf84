"""The doctor on a speaker with a certificate, at the broker that lets nobody in: each step of TLS, broken."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud_stub import revocation
from cloud_stub.authority import Authority
from cloud_stub.broker import open_broker
from cloud_stub.devices import Devices
from cloud_stub.keys import Keys
from device.config import load
from device.doctor import Finding, examine
from device.keys import load_or_make
from device.provision import provision
from hardware.sim import SimBoard
from tests.secure_home import PATIENCE_S, SecureHome, needs_mosquitto

pytestmark = needs_mosquitto


@pytest.fixture
def home(tmp_path: Path) -> Iterator[SecureHome]:
    """Broker and cloud, up; a claim is enough to be let in."""
    home = SecureHome(tmp_path, devices='approve = "claimed"')
    home.write(Keys(home.config.storage.keys, home.config.keys).vkey)
    with home.cloud():
        yield home


@pytest.fixture
def settings(home: SecureHome, tmp_path: Path) -> Path:
    """The settings of a speaker that has its certificate."""
    folder = tmp_path / "speaker"
    folder.mkdir()
    for file in home.files.bundle.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
        (folder / file.name).chmod(0o600)
    provision(load(folder / "speaker.toml"), None, lambda _: None, wait_s=PATIENCE_S, again=False)
    return folder / "speaker.toml"


def broker(settings: Path) -> list[Finding]:
    """What the doctor finds of the broker and the cloud."""
    found = list(examine(settings, datetime.now(UTC), lambda _: SimBoard(noise_floor=30)))
    assert {each.check: each.word for each in found}["certificate"] == "ok"
    return [each for each in found if each.check in {"broker", "cloud"}]


def change(settings: Path, old: str, new: str) -> None:
    text = settings.read_text()
    assert old in text
    settings.write_text(text.replace(old, new))


def test_every_step_is_taken(settings: Path) -> None:
    found = broker(settings)
    assert [each.word for each in found] == ["ok"] * 5, found
    assert "TLSv1.3" in found[2].what
    assert found[-1].check == "cloud"


def test_the_pair_before_is_not_forgotten(settings: Path) -> None:
    state = Path(load(settings).device.state_dir)
    (state / "tls-before.pem").write_bytes((state / "tls.pem").read_bytes())
    (state / "tls-before.pem").chmod(0o600)
    assert broker(settings)[-1].word == "ok"
    assert (state / "tls-before.pem").exists()


def test_without_a_certificate_it_says_how_to_get_one(settings: Path) -> None:
    (Path(load(settings).device.state_dir) / "tls.pem").unlink()
    found = list(examine(settings, datetime.now(UTC), lambda _: SimBoard(noise_floor=30)))
    assert [(each.check, each.word) for each in found if each.word == "fail"] == [
        ("certificate", "fail"),
        ("broker", "fail"),
    ]
    assert "provision" in found[-1].do


def test_the_broker_of_another_authority_is_found(settings: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other", "ca", datetime.now(UTC))
    (settings.parent / "ca.crt").write_bytes(other.path.read_bytes())
    last = broker(settings)[-1]
    assert last.word == "fail"
    assert "not the broker that was meant" in last.what


def test_a_broker_under_another_name_is_found(settings: Path) -> None:
    change(settings, 'host = "localhost"', 'host = "127.1"')
    last = broker(settings)[-1]
    assert last.word == "fail"
    assert "not the broker that was meant" in last.what


def test_a_port_without_tls_is_found(settings: Path, home: SecureHome, tmp_path: Path) -> None:
    with open_broker("mosquitto", 0, tmp_path / "plain") as plain:
        change(settings, f"port = {home.port}\n", f"port = {plain.port}\n")
        last = broker(settings)[-1]
    assert last.word == "fail"
    assert "no TLS" in last.what


def test_a_device_that_was_revoked_is_found(settings: Path, home: SecureHome) -> None:
    config = load(settings)
    device = load_or_make(Path(config.device.state_dir), config.privacy.reader_suite).device
    devices = Devices(home.config.storage.devices)
    revocation.throw_out(devices, device, home.files, ("localhost", home.port))
    last = broker(settings)[-1]
    assert last.word == "fail"
    assert "revoked" in last.what
