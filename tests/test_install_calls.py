"""Whom a speaker may call where settings or network are odd, and when the broker's name leads elsewhere."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from install_calls import calls, calls_of, main, write_calls
from install_place import BROKER_NFT, DROP_INS, InstallError

from tests.installed_twin import KNOWN, SETTINGS, TwinHome, a_home

NAME = "0xC0A80105"
"""No address to Python, and a name whose address the system finds by itself, without asking anybody."""
NOWHERE = "no..name"
"""What the system refuses to look for."""


@pytest.mark.parametrize(
    "line",
    ["nameserver 192.168.1.1 # the router", "nameserver\t192.168.1.1", "  nameserver  192.168.1.1 ; it"],
)
def test_a_name_server_is_seen_however_its_line_is_written(line):
    found = calls({"uplink": {"host": NAME}}, f"search lan\n{line}\nnameserver\nnameserver router\noptions\n")
    assert found.names == ("192.168.1.1",)


@pytest.mark.parametrize("host", ["a" * 70 + ".lan", "a..b", "", "\u2026"])
def test_what_can_be_no_name_leads_nowhere(host):
    found = calls({"uplink": {"host": host}}, "nameserver 192.168.1.1\n")
    assert (found.brokers, found.names) == ((), ())
    assert found.whom == "the speaker may call nobody"


def test_a_zone_is_left_out_of_the_rules():
    found = calls({"uplink": {"host": "fe80::1%eth0", "port": 8883}}, "")
    assert "add element inet overheard broker6 { fe80::1 . 8883 }" in found.nft()
    assert "IPAddressAllow=fe80::1\n" in found.drop_in()


def test_a_name_of_this_machine_needs_no_name_server():
    found = calls({"uplink": {"host": "localhost"}}, "nameserver 192.168.1.1\nnameserver 127.0.0.53\n")
    assert set(found.brokers) & {"127.0.0.1", "::1"}
    assert found.names == ()


def test_whoever_else_may_be_called_is_named():
    found = calls({"uplink": {"host": NAME}}, "nameserver 192.168.1.1\n")
    assert found.whom == (
        "the speaker may call 192.168.1.5, and nobody else; it asks 192.168.1.1 where its broker is"
    )


@pytest.mark.parametrize("port", ["mqtt", "8883", 0, 65536, True, 1.5])
@pytest.mark.parametrize("table", ["uplink", "provision"])
def test_a_port_that_is_none_is_refused(table, port):
    with pytest.raises(InstallError, match=rf"{table}\.port") as refused:
        calls({"uplink": {"host": "192.168.1.5"}} | {table: {"port": port}}, "")
    assert "\n" not in str(refused.value)


def test_a_host_that_is_no_text_is_refused():
    with pytest.raises(InstallError, match=r"uplink\.host 3: not a text"):
        calls({"uplink": {"host": 3}}, "")


# -- the broker's name leads elsewhere -----------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> TwinHome:
    """A speaker whose broker had another address."""
    home = a_home(tmp_path)
    call(home, "192.168.1.77")
    write_calls(home.place, calls_of(home.place))
    return home


def call(home: TwinHome, host: str) -> None:
    home.at(SETTINGS).write_text(f'[uplink]\nhost = "{host}"\nport = 8883\n{KNOWN}')


def written(home: TwinHome) -> list[str]:
    return [home.at(path).read_text() for path in (*DROP_INS, BROKER_NFT)]


def test_where_the_name_leads_now_may_be_called_at_once(home):
    call(home, NAME)
    assert main(home.place, home.services) == 0
    assert all("192.168.1.5" in text and "192.168.1.77" not in text for text in written(home))
    assert home.services.told == ["reload", "reread overheard-firewall"]
    assert main(home.place, home.services) == 0
    assert home.services.told == ["reload", "reread overheard-firewall"], "nothing was new"


def test_a_name_that_leads_nowhere_for_the_moment_changes_nothing(home):
    before = written(home)
    call(home, NOWHERE)
    assert main(home.place, home.services) == 0
    assert (written(home), home.services.told) == (before, [])


def test_settings_that_make_no_sense_change_nothing(home, capsys):
    before = written(home)
    home.at(SETTINGS).write_text("[uplink")
    assert main(home.place, home.services) == 1
    assert (written(home), home.services.told) == (before, [])
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_it_waits_for_no_installer(home, capsys):
    before = written(home)
    call(home, NAME)
    with home.place.alone():
        assert main(home.place, home.services) == 1
    assert "another installer is at work" in capsys.readouterr().err
    assert (written(home), home.services.told) == (before, [])
