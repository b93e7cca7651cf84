"""The broker of `broker init`: who is let in, and what each may say and hear. On a real mosquitto."""

import os
import ssl
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloud_stub import revocation
from cloud_stub.__main__ import app
from cloud_stub.authority import Authority, read_certificate, revoked_serials
from cloud_stub.broker_files import HOME_ASSISTANT
from cloud_stub.devices import Device, Devices, Issued
from cloud_stub.errors import BrokerError, KeyFileError, NoDevice
from cloud_stub.loopback import free_port
from scripts.rough_rounds import TAKEN
from tests.secure_home import Caller, SecureHome, needs_mosquitto

pytestmark = needs_mosquitto

A, B, NEW = "ovh-a", "ovh-b", "ovh-new"
CLOUD = "overheard-cloud"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> SecureHome:
    home = SecureHome(tmp_path_factory.mktemp("home"))
    home.write()
    return home


@pytest.fixture
def callers(home):
    """Lets people call, and hangs up for them."""
    calling: list[Caller] = []

    def call(name: str, pair: Path | None, *args, **how) -> Caller:
        calling.append(home.caller(name, pair, *args, **how))
        return calling[-1]

    with home.broker_up():
        yield call
        for caller in calling:
            caller.leave()


def the_cloud(home, callers) -> Caller:
    return callers(CLOUD, home.config.storage.keys / f"{CLOUD}.crt").let_in()


def turned_away(caller: Caller) -> bool:
    """Whether it ends without a CONNACK: TLS 1.3 tells a client after its own handshake that it is out."""
    return caller.next()[0] in {"ended", "refused"}


def test_a_device_says_and_hears_what_is_its_own_and_nothing_else(home, callers):
    cloud = the_cloud(home, callers).subscribe("overheard/v1/+/up/#")
    a = callers(A, home.pair(A)).let_in().subscribe(f"overheard/v1/{A}/down/#", "overheard/v1/keys")
    b = callers(B, home.pair(B)).let_in().subscribe("overheard/#", f"overheard/v1/{A}/down/ack", "#")

    assert b.publish(f"overheard/v1/{A}/up/status", "forged") == "Not authorized"
    assert b.publish(f"overheard/v1/{A}/down/command", "forged") == "Not authorized"
    assert b.publish("overheard/v1/keys", "forged", retain=True) == "Not authorized"
    assert b.publish(f"homeassistant/device/{A}/config", "forged", retain=True) == "Not authorized"
    assert a.publish(f"overheard/v1/{A}/up/status", "true") in TAKEN
    assert cloud.next() == (f"overheard/v1/{A}/up/status", "true"), "and nothing of B before it"

    assert cloud.publish(f"overheard/v1/{A}/down/ack", "for A") in TAKEN
    assert cloud.publish("overheard/v1/keys", "for all") in TAKEN
    assert [a.next(), a.next()] == [(f"overheard/v1/{A}/down/ack", "for A"), ("overheard/v1/keys", "for all")]
    assert b.next() == ("overheard/v1/keys", "for all"), (
        "and nothing of A before it, whatever it subscribed to"
    )


def test_nobody_takes_over_anothers_session_by_its_client_id(home, callers):
    a = callers(A, home.pair(A)).let_in().subscribe(f"overheard/v1/{A}/down/ack")
    b = callers(A, home.pair(B)).let_in()  # calls itself A, and is B
    assert b.publish(f"overheard/v1/{A}/up/status", "forged") == "Not authorized"
    assert a.publish(f"overheard/v1/{A}/up/status", "still here") in TAKEN


def test_without_a_certificate_of_ours_nobody_is_let_in(home, callers, tmp_path):
    stranger = Authority(tmp_path, "ca", home.files.now)
    assert turned_away(callers(A, None))
    assert turned_away(callers("ovh-s", home.pair("ovh-s", stranger)))
    assert turned_away(callers("ovh-old", home.pair("ovh-old", days=-0.5))), "an expired one"
    assert turned_away(callers(A, home.claim)), "a claim is for the other door"
    server = home.config.storage.broker / "broker.crt"
    assert turned_away(callers("localhost", server)), "the broker's own is for a broker"
    callers(A, home.pair(A)).let_in()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho forgets its socket
def test_nothing_older_than_tls_1_3_is_spoken(home, callers):
    assert callers(A, home.pair(A), maximum=ssl.TLSVersion.TLSv1_2).next()[0] == "refused"


def test_a_claim_may_ask_for_a_certificate_and_nothing_else(home, callers):
    cloud = the_cloud(home, callers).subscribe("overheard/v1/+/up/#")
    new = callers(NEW, home.claim, home.guest_port).let_in()
    new.subscribe(f"overheard/v1/{NEW}/down/certificate", f"overheard/v1/{A}/down/#", "#")
    assert turned_away(callers(A, home.pair(A), home.guest_port)), "a device has no business at that door"

    assert new.publish(f"overheard/v1/{NEW}/up/status", "x") == "Not authorized"
    assert new.publish("overheard/v1/keys", "x", retain=True) == "Not authorized"
    assert new.publish(f"overheard/v1/{NEW}/up/request", "please") == "Success"
    assert cloud.next() == (f"overheard/v1/{NEW}/up/request", "please")
    assert cloud.publish(f"overheard/v1/{A}/down/ack", "not for you") in TAKEN
    assert cloud.publish(f"overheard/v1/{NEW}/down/certificate", "yours") == "Success"
    assert new.next() == (f"overheard/v1/{NEW}/down/certificate", "yours")


def test_a_guest_takes_over_nobodys_session_whatever_it_calls_itself(home, callers, tmp_path):
    """Client ids are the whole broker's, not a listener's: whoever chose one at the guests' door could."""
    cloud = the_cloud(home, callers).subscribe("overheard/v1/+/up/#")
    a = callers(A, home.pair(A)).let_in()
    home.files.certify_guest(HOME_ASSISTANT, tmp_path)
    for pair in (home.claim, tmp_path / f"{HOME_ASSISTANT}.crt"):
        for name in (A, CLOUD):
            callers(name, pair, home.guest_port).let_in()
    assert a.publish(f"overheard/v1/{A}/up/status", "still here") == "Success"
    assert cloud.next() == (f"overheard/v1/{A}/up/status", "still here")


def test_a_claim_that_was_made_anew_shuts_out_the_one_before(tmp_path):
    home = SecureHome(tmp_path)
    home.write()
    lost = tmp_path / "lost.crt"
    lost.write_bytes(home.claim.read_bytes())
    lost.with_suffix(".key").write_bytes(home.claim.with_suffix(".key").read_bytes())
    with home.broker_up():
        home.caller(NEW, lost, home.guest_port).let_in().leave()
        home.files.renew_claim()
        assert revocation.reload(home.files)
        calls = (home.caller(NEW, lost, home.guest_port) for _ in range(100))
        assert any(turned_away(each) for each in calls)
        home.caller(NEW, home.claim, home.guest_port).let_in().leave()
    home.write()
    assert len(revoked_serials(home.config.storage.broker / "guest-revoked.pem")) == 1, "writing forgets none"


def test_home_assistant_sees_what_devices_say_of_themselves_and_says_nothing(home, callers, tmp_path):
    home.files.certify_guest(HOME_ASSISTANT, tmp_path)
    eyes = (
        callers(HOME_ASSISTANT, tmp_path / f"{HOME_ASSISTANT}.crt", home.guest_port).let_in().subscribe("#")
    )
    a = callers(A, home.pair(A)).let_in()
    for topic in ("utterance/00/begin", "checkpoint", "request", "state"):
        assert a.publish(f"overheard/v1/{A}/up/{topic}", topic) in TAKEN
    assert a.publish(f"overheard/v1/{A}/up/anything", "else") == "Not authorized"
    assert eyes.next() == (f"overheard/v1/{A}/up/state", "state")
    assert a.publish(f"homeassistant/device/{A}/config", "{}") in TAKEN
    assert eyes.next() == (f"homeassistant/device/{A}/config", "{}")
    assert eyes.publish(f"overheard/v1/{A}/down/command", "unmute") == "Not authorized"
    for device in (A, HOME_ASSISTANT):
        assert eyes.publish(f"overheard/v1/{device}/up/state", "forged") == "Not authorized"
        assert eyes.publish(f"homeassistant/device/{device}/config", "{}") == "Not authorized"


def test_this_file_would_notice_a_rule_that_lets_everybody_write(tmp_path):
    """The guard is seen to fail: with one rule too many, B writes as A."""
    home = SecureHome(tmp_path)
    home.write()
    rules = home.config.storage.broker / "access.txt"
    rules.write_text(rules.read_text() + f"\nuser {B}\ntopic write overheard/#\n")
    with home.broker_up():
        b = home.caller(B, home.pair(B)).let_in()
        assert b.publish(f"overheard/v1/{A}/up/status", "forged") in TAKEN
        b.leave()


@pytest.fixture
def known(home) -> Devices:
    """Devices, among them A with the certificate that `home.pair` makes."""
    devices = Devices(home.config.storage.devices)
    devices.put(Device(A, "approved", None, home.files.now, home.files.now, (issued(home),)))
    return devices


def issued(home, *, revoked=False) -> Issued:
    certificate = read_certificate(home.pair(A))
    return Issued(str(certificate.serial_number), "key", certificate.not_valid_after_utc, "pem", revoked)


def test_who_is_thrown_out_is_cut_off_and_refused_from_then_on(home, known, callers):
    pair = home.scratch / f"{A}.crt"
    a, b = callers(A, pair).let_in(), callers(B, home.pair(B)).let_in()
    revocation.throw_out(known, A, home.files, ("localhost", home.port))
    assert turned_away(a)
    assert turned_away(callers(A, pair))
    assert b.publish(f"overheard/v1/{B}/up/status", "still here") in TAKEN
    assert not list(home.files.keys.glob("*/*")), "the keys that were made for it are gone"


def test_listing_alone_would_cut_nobody_off(home, known, callers):
    """Why somebody must take over: the guard above would fail without it."""
    pair = home.scratch / f"{A}.crt"
    a = callers(A, pair).let_in()
    knocking = home.pair("ovh-knocking")
    revocation.revoke(known, A, home.files, also=read_certificate(knocking).serial_number)
    assert revocation.reload(home.files)
    assert any(turned_away(callers("ovh-knocking", knocking)) for _ in range(100)), "the list was not read"
    assert a.publish(f"overheard/v1/{A}/up/status", "still here") in TAKEN


def test_where_no_broker_runs_it_is_revoked_and_said_so(home, known):
    with pytest.raises(BrokerError, match="revoked, but no broker runs here"):
        revocation.throw_out(known, A, home.files, ("localhost", home.port))
    assert known.get(A).state == "revoked"


def test_the_number_of_a_broker_that_was_killed_is_somebody_elses(home):
    pid = home.files.directory / "mosquitto.pid"
    pid.write_text(f"{os.getpid()}\n")
    assert not revocation.reload(home.files), "or this process had been told to hang up"
    pid.unlink()


def test_a_broker_that_is_set_up_again_still_knows_who_is_out(tmp_path):
    home = SecureHome(tmp_path)
    home.write()
    devices = Devices(home.config.storage.devices)
    devices.put(Device(A, "revoked", None, home.files.now, home.files.now, (issued(home, revoked=True),)))
    (home.config.storage.broker / "revoked.pem").unlink()
    config = ["--config", str(home.config_file)]
    done = CliRunner().invoke(app, ["broker", "init", "--port", str(home.port), *config])
    assert done.exit_code == 0, done.output
    serial = read_certificate(home.scratch / f"{A}.crt").serial_number
    assert revoked_serials(home.config.storage.broker / "revoked.pem") == [serial]


def test_an_unknown_device_cannot_be_thrown_out(home, known):
    with pytest.raises(NoDevice):
        revocation.throw_out(known, "ovh-nobody", home.files, ("localhost", home.port))


def test_written_again_the_keys_stay_and_the_addresses_change(tmp_path):
    home = SecureHome(tmp_path)
    home.write()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.key")}
    pair = home.pair(A)
    home.port, home.guest_port = free_port(), free_port()
    home.write()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.key") if path in before} == before
    assert str(home.port) in home.files.configuration.read_text()
    with home.broker_up():
        a = home.caller(A, pair).let_in()
        a.leave()


@pytest.mark.parametrize("name", ["ca.key", "ca.crt", "guest-ca.key"])
def test_an_authority_that_is_damaged_is_refused_by_name(tmp_path, name):
    SecureHome(tmp_path)
    path = tmp_path / "overheard-cloud" / "keys" / name
    path.write_bytes(b"nonsense")
    with pytest.raises(KeyFileError, match=rf"{name}: not a .*; restore it"):
        SecureHome(tmp_path)


def test_a_cloud_without_the_brokers_files_says_what_to_do(tmp_path):
    (tmp_path / "cloud.toml").write_text("[broker]\ntls = true\nkind = 'mosquitto'\n")
    done = CliRunner().invoke(app, ["run", "--config", str(tmp_path / "cloud.toml")])
    assert isinstance(done.exception, KeyFileError)
    assert "overheard-cloud broker init" in str(done.exception)


def test_init_prints_what_to_do_next_and_a_guests_certificate_is_made(tmp_path):
    config = tmp_path / "cloud.toml"
    config.write_text("")
    done = CliRunner().invoke(app, ["broker", "init", "--host", "10.0.0.5", "--config", str(config)])
    assert done.exit_code == 0, done.output
    assert "overheard-device provision" in done.output
    bundle = tmp_path / "overheard-cloud" / "broker" / "for-a-new-speaker"
    assert {path.name for path in bundle.iterdir()} == {"ca.crt", "claim.crt", "claim.key", "speaker.toml"}
    settings = tomllib.loads((bundle / "speaker.toml").read_text())
    assert settings["uplink"] == {"host": "10.0.0.5", "port": 8883, "ca": "ca.crt"}
    done = CliRunner().invoke(
        app, ["broker", "guest", "--out", str(tmp_path / "ha"), "--config", str(config)]
    )
    assert done.exit_code == 0, done.output
    assert read_certificate(tmp_path / "ha" / "home-assistant.crt")


def test_a_cloud_whose_port_is_another_than_the_brokers_says_so(tmp_path):
    home = SecureHome(tmp_path)
    home.write()
    config = tmp_path / "other.toml"
    config.write_text("[broker]\ntls = true\nkind = 'mosquitto'\nport = 1883\n")
    done = CliRunner().invoke(app, ["run", "--config", str(config)])
    assert isinstance(done.exception, BrokerError)
    assert f"listens on {home.port}; set [broker] port = {home.port}" in str(done.exception)


@pytest.mark.usefixtures("known")
def test_revoking_needs_no_word_of_where_the_broker_is(home, callers, tmp_path):
    """Its files say so: the settings of the cloud may be those that come with it."""
    pair = home.scratch / f"{A}.crt"
    a = callers(A, pair).let_in()
    config = tmp_path / "bare.toml"
    config.write_text(f"[storage]\ndirectory = '{home.config.storage.directory}'\n")
    done = CliRunner().invoke(app, ["devices", "revoke", A, "--config", str(config)])
    assert done.exit_code == 0, (done.output, done.exception)
    assert turned_away(a)


def test_a_message_beyond_the_limit_ends_its_connection(home, callers):
    a = callers(A, home.pair(A)).let_in()
    a.client.publish(f"overheard/v1/{A}/up/status", bytes(1_100_000), qos=1)
    assert a.next()[0] == "ended"
    a = callers(A, home.pair(A)).let_in()
    assert a.publish(f"overheard/v1/{A}/up/status", "x" * 1_000_000) in TAKEN, "the longest answer fits"


def fill(home, name: str, size: int) -> int:
    """Let a device leave retained messages until the broker cuts it off; return how many it took."""
    a = home.caller(name, home.pair(name)).let_in()
    for index in range(3000):
        topic = f"overheard/v1/{name}/up/utterance/{index:032x}/segment"
        a.client.publish(topic, bytes(size), qos=1, retain=True)
        if a.next()[0] == "ended":
            a.leave()
            return index
    raise AssertionError("it was never full")


def test_a_device_can_fill_the_broker_up_to_its_limit_and_what_the_page_says_empties_it(tmp_path):
    """With a limit that is reached soon: 8 MB instead of 256."""
    home = SecureHome(tmp_path)
    home.write()
    text = home.files.configuration.read_text()
    assert "memory_limit 268435456" in text
    home.files.configuration.write_text(text.replace("memory_limit 268435456", "memory_limit 8000000"))
    with home.broker_up():
        assert fill(home, A, 900_000) < 10
        fill(home, A, 2_000)
        b = home.caller(B, home.pair(B)).let_in()
        b.client.publish(f"overheard/v1/{B}/up/status", bytes(2_000), qos=1)
        assert b.next()[0] == "ended", "it is in everybody's way"
        b.leave()
    (home.files.directory / "mosquitto.db").unlink()
    with home.broker_up():
        b = home.caller(B, home.pair(B)).let_in()
        assert b.publish(f"overheard/v1/{B}/up/status", "x" * 2_000) in TAKEN
        b.leave()
