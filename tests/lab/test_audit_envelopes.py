"""The envelope's checks on messages that are made here: what a device may say, and what it must not."""

import hashlib
import json
import os
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from cloud_stub.config import load
from cloud_stub.keys import Keys
from device.envelope import Header, NamedReader, ReaderKey, ReaderPublic, Sealer, topics, wrap
from device.ledger import Row, row_bytes
from lab.audit import envelopes
from lab.audit.evidence import Evidence, Given
from lab.audit.verdicts import Result, make
from tests.cloud_stub.conftest import Voice

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SPEAKER = Voice()
OWNER = ReaderKey.generate("x25519")
Messages = list[tuple[str, bytes]]


class Home(NamedTuple):
    """A folder of a run, and the cloud's keys."""

    folder: Path
    keys: Keys

    @property
    def cloud(self) -> ReaderPublic:
        return self.keys.epoch(NOW).key.public

    def write(self, messages: Messages, settings: str = "") -> "Home":
        made = [{"topic": topic, "payload": b64encode(payload).decode()} for topic, payload in messages]
        (self.folder / "sent.jsonl").write_text("".join(json.dumps(each) + "\n" for each in made))
        (self.folder / "device.toml").write_text(f'[cloud]\nroot = "{self.keys.vkey}"\n{settings}')
        return self

    def rows(self, *rows: dict[str, Any]) -> None:
        made = [row_bytes(Row(index=index, **row)) + b"\n" for index, row in enumerate(rows)]
        (self.folder / "ledger.jsonl").write_bytes(b"".join(made))

    def look(self, name: str) -> Result:
        checks = {check.name: check for check in envelopes.CHECKS}
        return make(checks[f"envelope.{name}"], Evidence(Given(self.folder)))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    keys = Keys(tmp_path / "elsewhere", load(None).keys)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "owner.key").write_bytes(OWNER.to_bytes())
    (tmp_path / "run" / "keys.note").write_text(keys.note(NOW))
    return Home(tmp_path / "run", keys)


def seal(
    readers: dict[str, ReaderPublic], data_key: bytes = b"", wraps: tuple[bytes, ...] = (), segments: int = 2
) -> Messages:
    """An utterance of SPEAKER as a device that may do anything seals it: wraps of other keys, say."""
    like = Header.from_bytes(_header_of(SPEAKER.say(OWNER.public).begin))
    named = tuple(NamedReader(key.id, key.suite, name) for name, key in readers.items())
    fields = {name: getattr(like, name) for name in Header.__struct_fields__}
    header = Header(**{**fields, "readers": named, "utterance": os.urandom(16).hex()})
    data_key, encoded = data_key or os.urandom(32), header.to_bytes()
    wrapped = wraps or wrap(data_key, list(readers.values()), encoded)
    sealer = Sealer(encoded, data_key, wrapped, SPEAKER.signing)
    sent = [sealer.segment(os.urandom(2560), ()) for _ in range(segments - 1)]
    sent.append(sealer.last(b"", ()))
    parts = [
        ("begin", sealer.begin()),
        *(("segment", each) for each in sent),
        ("end", sealer.end("silence", "")),
    ]
    return [(topics.utterance(SPEAKER.device, header.utterance, part), each) for part, each in parts]


def _header_of(begin: bytes) -> bytes:
    return begin[8 : 8 + int.from_bytes(begin[4:8], "big")]


def status(**changed: Any) -> tuple[str, bytes]:
    said = {"boot": "b", "device": SPEAKER.device, "ledger": 0, "state": "online", "v": 1, **changed}
    text = json.dumps({k: v for k, v in said.items() if v is not None}, sort_keys=True, separators=(",", ":"))
    return topics.status(SPEAKER.device), text.encode()


def state(**changed: Any) -> tuple[str, bytes]:
    said = {
        "boot": "b", "device": SPEAKER.device, "fault": "", "microphone": "open", "muted": False,
        "phase": "idle", "v": 1, "waiting": 0, **changed,
    }  # fmt: skip
    return topics.state(SPEAKER.device), json.dumps(said, sort_keys=True, separators=(",", ":")).encode()


# -- readers -----------------------------------------------------------------------------------------


def test_the_cloud_and_the_owner_may_read_and_nobody_else(home: Home) -> None:
    stranger = ReaderKey.generate("x25519").public
    home.write(seal({"cloud": home.cloud, "owner": OWNER.public}))
    assert home.look("named").state == "holds"
    home.write(seal({"cloud": home.cloud, "owner": OWNER.public, "friend": stranger}))
    assert "can be read by 'friend'" in home.look("named").findings[0].what
    home.write(seal({"friend": stranger, "owner": OWNER.public}))
    assert home.look("named").state == "found"


def test_a_key_that_only_says_that_it_is_the_cloud_s_is_found(home: Home) -> None:
    home.write(seal({"cloud": ReaderKey.generate("x25519").public, "owner": OWNER.public}))
    assert "an older keys note" in home.look("named").needs
    (home.folder / "cloud").mkdir()
    (home.folder / "cloud" / "keys").symlink_to(home.folder.parent / "elsewhere")
    assert "does not vouch" in home.look("named").findings[0].what  # the cloud would have the older one
    (home.folder / "cloud" / "keys").unlink()
    (home.folder / "keys.note").write_text(home.keys.note(datetime(2026, 11, 22, 8, 0, tzinfo=UTC)))
    assert "does not vouch" in home.look("named").findings[0].what
    (home.folder / "keys.note").unlink()
    assert "keys note" in home.look("named").needs


def test_a_note_under_another_root_vouches_for_nobody(home: Home, tmp_path: Path) -> None:
    home.write(seal({"cloud": home.cloud, "owner": OWNER.public}))
    (home.folder / "keys.note").write_text(Keys(tmp_path / "other", load(None).keys).note(NOW))
    assert "not under the root" in home.look("named").findings[0].what


def test_what_a_wrap_holds_is_only_known_with_its_key(home: Home) -> None:
    home.write(seal({"cloud": home.cloud, "owner": OWNER.public}))
    assert home.cloud.id in home.look("wraps").needs
    (home.folder / "cloud").mkdir()
    (home.folder / "cloud" / "keys").symlink_to(home.folder.parent / "elsewhere")
    assert home.look("wraps").state == "holds"
    reader = {"cloud": home.cloud, "owner": OWNER.public}
    smuggled = (os.urandom(1168), os.urandom(80))  # the room's sound, for somebody who knows
    home.write(seal(reader, wraps=smuggled))
    assert home.look("wraps").state == "found"


def test_a_segment_that_is_none_is_found_though_its_utterance_never_ended(home: Home) -> None:
    messages = seal({"cloud": home.cloud, "owner": OWNER.public})[:2]
    home.write(messages)
    assert home.look("opens").state == "holds"
    topic, segment = messages[1]
    home.write([messages[0], (topic, segment[:4] + os.urandom(len(segment) - 4))])
    assert "does not open" in home.look("opens").findings[0].what
    home.write([messages[1]])
    assert "the begin of utterance" in home.look("opens").needs


def test_a_data_key_that_serves_twice_is_found(home: Home) -> None:
    readers = {"owner": OWNER.public}
    home.write([*seal(readers, bytes(32)), *seal(readers)])
    assert home.look("fresh").state == "holds"
    home.write([*seal(readers, bytes(32)), *seal(readers, bytes(32))])
    assert "the data key of" in home.look("fresh").findings[0].what


# -- ends --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("segments", "settings", "comes"),
    [
        (125, "", "holds"),
        (130, "", "found"),
        (130, "[endpoint]\nmaximum_s = 20.0", "holds"),
        (130, "[privacy]\npad_s = 4.0", "holds"),
        (400, "[endpoint]\nmaximum_s = 99.0", "found"),
        (9, "[endpoint]\nmaximum_s = true\npad = 1", "found"),
        (9, "[endpoint]\nmaximum_s = 'x'", "found"),
    ],
)
def test_an_utterance_is_no_longer_than_its_owner_allows(
    home: Home, segments: int, settings: str, comes: str
) -> None:
    assert home.write(seal({"owner": OWNER.public}, segments=segments), settings).look("ends").state == comes


def test_without_the_settings_what_is_longer_than_usual_is_not_known(home: Home) -> None:
    home.write(seal({"owner": OWNER.public}, segments=130))
    (home.folder / "device.toml").unlink()
    assert "device.toml" in home.look("ends").needs
    home.write(seal({"owner": OWNER.public}, segments=520))
    (home.folder / "device.toml").unlink()
    assert home.look("ends").state == "found"


def test_what_has_no_end_is_not_called_ended(home: Home) -> None:
    one, two = seal({"owner": OWNER.public})[:-1], seal({"owner": OWNER.public})
    name, other = (messages[0][0].split("/")[5] for messages in (one, two))
    measured = {"kind": "begin", "topic": "t", "bytes": 0, "sha256": "0" * 64}
    home.write(one).rows({**measured, "utterance": name})
    assert f"the end of utterance {name}" in home.look("closed").needs
    home.rows({**measured, "utterance": name}, {"kind": "dropped", "utterance": name, "cause": "power_lost"})
    assert home.look("closed").state == "holds"
    home.write([*one, *two]).rows({**measured, "utterance": name}, {**measured, "utterance": other})
    assert home.look("closed").state == "found"


# -- what else is said -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        status(),
        status(state="lost", ledger=None),
        state(),
        (topics.state(SPEAKER.device), b""),
        (f"homeassistant/device/{SPEAKER.device}/config", b""),
    ],
)
def test_what_a_device_may_say_is_no_finding(home: Home, message: tuple[str, bytes]) -> None:
    assert home.write([message]).look("strict").state == "holds"


@pytest.mark.parametrize(
    "message",
    [
        status(sound="AAAA"),
        status(boot="b" * 65),
        status(boot="b b"),
        status(ledger=None),
        status(state="lost"),
        status(state="\u3042"),
        status(device="ovh-" + "a" * 26),
        (status()[0], status()[1] + b" "),
        state(phase="sleeping"),
        state(fault="AAAA"),
        state(waiting=0.5),
        (topics.request(SPEAKER.device), b"\0\0\0\2{}"),
        (topics.command(SPEAKER.device), b""),
        (topics.KEYS, b""),
        ("hermes/audioServer/room/audioFrame", bytes(640)),
        (f"homeassistant/device/{SPEAKER.device}/config", b"{}"),
        (f"anything/device/{SPEAKER.device}/config", bytes(640)),
        (topics.utterance(SPEAKER.device, "0" * 32, "begin"), b"OVH1"),
    ],
)
def test_what_a_device_must_not_say_is_found(home: Home, message: tuple[str, bytes]) -> None:
    assert home.write([message]).look("strict").state == "found"


def test_a_begin_at_the_topic_of_another_is_found(home: Home) -> None:
    (topic, begin), *_ = seal({"owner": OWNER.public})
    other = topics.utterance(SPEAKER.device, "0" * 32, "begin")
    assert home.write([(topic, begin)]).look("strict").state == "holds"
    assert "at overheard" in home.write([(other, begin)]).look("strict").findings[0].what


def test_the_announcement_is_the_owner_s_wish_and_always_the_same(home: Home) -> None:
    wish = "[home_assistant]\ndiscovery = true\nprefix = 'ha'"
    topic = f"ha/device/{SPEAKER.device}/config"
    assert home.write([(topic, b"{}"), (topic, b"{}")], wish).look("strict").state == "holds"
    assert home.write([(topic, b"{}"), (topic, b"[]")], wish).look("strict").state == "found"
    assert home.write([(topic, bytes(5000))], wish).look("strict").state == "found"


def test_what_status_and_state_count_is_bounded_by_the_ledger(home: Home) -> None:
    for message, comes in ((status(), "holds"), (status(ledger=1), "found"), (state(waiting=1), "found")):
        topic, payload = message
        row = {"kind": "status", "topic": topic, "bytes": len(payload), "sha256": _hash(payload)}
        home.write([message]).rows(row)
        assert home.look("counted").state == comes
    home.rows(*[row] * 11)
    assert home.look("counted").findings[-1].what == "11 times status, and only 0 things happened"


def test_names_that_change_are_found(home: Home) -> None:
    one, two = ReaderKey.generate("x25519").public, OWNER.public
    home.rows({"kind": "boot", "first_sample": 0}, {"kind": "boot", "first_sample": 0})
    home.write([*seal({"owner": two}), *seal({"owner": two, "x": one}), status()])
    assert home.look("free").state == "holds"
    home.write([*seal({"owner": two}), *seal({"cmFkaW8": two})])
    assert "is called 'cmFkaW8'" in home.look("free").findings[0].what
    home.write([status(), status(boot="c"), status(boot="d")])
    assert "3 names of boots" in home.look("free").findings[0].what


def _hash(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()


@given(st.binary(max_size=200), st.sampled_from(["begin", "segment", "end", "status", "state", "checkpoint"]))
def test_no_payload_does_more_than_be_found(
    tmp_path_factory: pytest.TempPathFactory, payload: bytes, kind: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    part = f"utterance/{'0' * 32}/{kind}" if kind in topics.PARTS else kind
    topic = f"overheard/v1/{SPEAKER.device}/up/{part}"
    line = json.dumps({"topic": topic, "payload": b64encode(payload).decode()})
    (folder / "sent.jsonl").write_text(line + "\n")
    (folder / "ledger.jsonl").write_bytes(b"")
    (folder / "owner.key").write_bytes(OWNER.to_bytes())
    results = [make(check, Evidence(Given(folder))) for check in envelopes.CHECKS]
    assert any(result.state != "holds" for result in results)


# -- in the clear ------------------------------------------------------------------------------------


def _base64(pcm: bytes) -> list[bytes]:
    return [b'{"x":"' + b64encode(pcm[at : at + 240]) + b'"}' for at in range(0, len(pcm), 240)]


@pytest.mark.parametrize(
    "hide",
    [
        lambda pcm: [pcm.tobytes()],
        lambda pcm: [pcm.tobytes()[at : at + 64] for at in range(0, 2 * len(pcm), 64)],
        lambda pcm: [pcm.astype(">i2").tobytes()],
        lambda pcm: [(pcm / 32768).astype("<f4").tobytes()],
        lambda pcm: [b"\1" + pcm.tobytes()],
        lambda pcm: _base64(pcm.tobytes()),
        lambda pcm: [pcm.tobytes().hex().encode()],
    ],
)
def test_the_room_in_the_clear_is_found_however_it_is_written(home: Home, hide: Any) -> None:
    room = np.random.default_rng(5).integers(-9000, 9000, 32_000, np.int16)
    soundfile.write(home.folder / "room.flac", room, 16_000, subtype="PCM_16")
    topic = topics.status(SPEAKER.device)
    assert home.write([(topic, os.urandom(4000))]).look("clear").state == "holds"
    hidden = [(topic, payload) for payload in hide(room[9_001:10_301])]
    assert home.write(hidden).look("clear").state == "found"
