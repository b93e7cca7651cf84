"""The firmware and the cloud as two real processes over a real mosquitto: they talk, they end when asked to,
and killing any of the three loses nothing. `scripts/torture` is the same with more rounds.
"""

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_stub.broker import find_mosquitto
from device.envelope import ReaderKey, downlink, open_once
from device.envelope.layout import Cursor
from scripts.torture_check import COMPLETE, TRUNCATED, Seen, Verdict, check
from scripts.torture_home import PARTS, Home, Room
from scripts.torture_rounds import Torture
from scripts.torture_tap import Tap

pytestmark = [
    pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
    pytest.mark.xdist_group("two_processes"),
]

ONE_QUESTION = Room("realtime", pause_s=1.0, questions=("alexa_time",), times=1)
PATIENCE_S = 30.0
SEED = 465_387
"""Draws: the device early in its stream, broker and cloud while it is answered, the broker late in a stream,
and cloud and broker between the end and its acknowledgement.
"""


def test_it_wakes_in_real_time_is_answered_and_both_end_when_asked_to(tmp_path: Path) -> None:
    with Home(tmp_path, ONE_QUESTION) as home, closing(Tap(home.port)) as tap:
        home.start(*PARTS)
        assert tap.wait(lambda: bool(tap.responses and tap.complete), PATIENCE_S)
        assert (home.stop("device"), home.stop("cloud")) == (0, 0)
        body, spoken = _open(home, tap.responses[0])
        assert {body["utterance"]} == tap.complete
        assert spoken["intent"] == "time"
        verdict = check(home.state, home.vault, Seen(tap.left, tap.complete))
        assert (verdict.fates, verdict.problems) == ({COMPLETE: 1}, [])
        left = verdict.causes["live"] + verdict.causes["late"]  # late: a machine that is busy connects late
        assert left > 10


def _open(home: Home, response: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """What a response says to everybody, and what to this device alone."""
    signer = Ed25519PrivateKey.from_private_bytes((home.keys / "signer.key").read_bytes())
    body, sealed = downlink.open("response", response, signer.public_key())
    reply = ReaderKey.from_bytes((home.state / "reply.key").read_bytes())
    plain = open_once(sealed, reply, b"overheard/v1/response\0" + body["utterance"].encode())
    return body, msgspec.json.decode(Cursor(plain, "response").json())


# -- killed, and brought back ------------------------------------------------------------------------


class Remains(NamedTuple):
    """What is left on disk after the rounds, and what the tap saw."""

    directory: Path
    victims: set[str]
    waiting: int
    seen: Seen

    def check(self) -> Verdict:
        return check(self.directory / "device", self.directory / "cloud" / "vault", self.seen)


@pytest.fixture(scope="module")
def remains(tmp_path_factory: pytest.TempPathFactory) -> Remains:
    directory = tmp_path_factory.mktemp("torture")
    with Home(directory, Room("4", times=20)) as home, closing(Tap(home.port)) as tap:
        torture = Torture(home, tap, random.Random(SEED), dither_s=0.0)
        torture.begin()
        kills = [torture.round() for _ in range(4)]
        waiting = torture.settle()
    victims = {victim for kill in kills for victim in kill.victims}
    return Remains(directory, victims, waiting, Seen(tap.left, tap.complete))


def test_whoever_is_killed_nothing_is_lost_nothing_is_there_twice_and_everything_has_its_row(
    remains: Remains,
) -> None:
    verdict = remains.check()
    assert verdict.problems == []
    assert remains.victims == set(PARTS)
    assert remains.waiting == 0
    assert verdict.fates[COMPLETE] > 0
    assert verdict.fates[TRUNCATED] > 0
    assert verdict.causes["again"] > 0


# -- the check can fail ------------------------------------------------------------------------------


@pytest.fixture
def copied(remains: Remains, tmp_path: Path) -> Remains:
    shutil.copytree(remains.directory, tmp_path / "copied")
    seen = Seen(remains.seen.left.copy(), set(remains.seen.complete))
    return remains._replace(directory=tmp_path / "copied", seen=seen)


def _in_the_vault(*statements: str) -> Callable[[Remains], None]:
    return lambda remains: _change(remains.directory / "cloud" / "vault" / "vault.sqlite", *statements)


def _in_the_device(*statements: str) -> Callable[[Remains], None]:
    return lambda remains: _change(remains.directory / "device" / "egress.db", *statements)


def _change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        for statement in statements:
            db.execute(statement)


def _one_more_left(remains: Remains) -> None:
    remains.seen.left["overheard/v1/ovh-x/up/checkpoint", "00" * 32] = 1


_NEW = "f" * 32
_KEPT = "(SELECT min(id) FROM utterance WHERE state = 'complete')"
_COLUMNS = "device, state, begun, news, completed, answered, ledger_index, save"
_FIRST = "(SELECT min(idx) FROM ledger WHERE json_extract(CAST(row AS TEXT), '$.kind') = '{}')"

SABOTAGES = {
    "kept and gone": (_in_the_vault(f"DELETE FROM utterance WHERE id = {_KEPT}"), "absent in the vault"),
    "not complete": (
        _in_the_vault(f"UPDATE utterance SET state = 'arriving' WHERE id = {_KEPT}"),
        "arriving in the vault",
    ),
    "a segment gone": (
        _in_the_vault(f"DELETE FROM piece WHERE name = 2 AND utterance = {_KEPT}"),
        "not these segments",
    ),
    "a segment altered": (
        _in_the_vault(f"UPDATE piece SET content = x'00' WHERE name = 1 AND utterance = {_KEPT}"),
        "a message in the vault has no row",
    ),
    "kept twice": (
        _in_the_vault(
            f"INSERT INTO piece SELECT device, '{_NEW}', name, padding, content FROM piece"
            f" WHERE utterance = {_KEPT}",
            f"INSERT INTO utterance SELECT '{_NEW}', {_COLUMNS} FROM utterance WHERE id = {_KEPT}",
        ),
        "kept 2 times",
    ),
    "a row gone": (
        _in_the_device(f"DELETE FROM ledger WHERE idx = {_FIRST.format('segment')}"),
        "missing or altered",
    ),
    "the later rows gone": (
        _in_the_device(f"DELETE FROM ledger WHERE idx >= {_FIRST.format('begin')}"),
        "in the vault and not in the ledger",
    ),
    "the last rows gone": (
        _in_the_device("DELETE FROM ledger WHERE idx > (SELECT max(idx) - 3 FROM ledger)"),
        "with 0 rows",
    ),
    "left without a row": (_one_more_left, "left 1 times with 0 rows"),
}


@pytest.mark.parametrize("name", SABOTAGES)
def test_the_check_sees_it_when_something_is_not_true(copied: Remains, name: str) -> None:
    sabotage, words = SABOTAGES[name]
    assert copied.check().problems == []
    sabotage(copied)
    problems = copied.check().problems
    assert any(words in problem for problem in problems), problems
