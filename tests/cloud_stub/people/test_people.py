"""People, their passwords and codes, and that they can be forgotten."""

import threading
from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from cloud_stub.errors import KeyFileError, PersonError, StorageError
from cloud_stub.people.people import People
from cloud_stub.people.sessions import Sessions
from device.ledger import leaf_hash, root_of
from tests.cloud_stub.people.conftest import BY, NOW, PASSWORD


def on_disk(directory):
    return b"".join(path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file())


def enrolled(people, person, now=NOW):
    totp = people.enrol_totp(person.id)
    papers = people.confirm_totp(person.id, totp.secret, pyotp.TOTP(totp.secret).at(now), now)
    return pyotp.TOTP(totp.secret), papers


@pytest.fixture
def rita(people):
    return people.add("rita", PASSWORD, frozenset({"reviewer"}), BY)


def test_who_is_added_is_found_and_signs_in(people, rita):
    assert people.find(rita.id) == people.named("rita") == rita
    assert people.check_password("rita", PASSWORD) == rita
    assert people.check_password("rita", PASSWORD + "!") is None
    assert people.check_password("nobody", PASSWORD) is None


@pytest.mark.parametrize(
    ("name", "password", "roles", "message"),
    [
        ("rob", "short", {"reviewer"}, "too easy"),
        ("rob", "rob's password", {"reviewer"}, "too easy"),
        ("rob", "aaaaaaaaaaaaaaa", {"reviewer"}, "too easy"),
        ("rob", "password1234", {"reviewer"}, "too easy"),
        ("rita", PASSWORD, {"reviewer"}, "somebody of that name"),
        ("rob", PASSWORD, set(), "no role"),
        ("rob", PASSWORD, {"king"}, "take one of"),
        ("rob", PASSWORD, {"reviewer", "adjudicator"}, "nobody is both"),
        ("rob", PASSWORD, {"owner", "operator"}, "nobody is both"),
        (" rob", PASSWORD, {"reviewer"}, "no name"),
        ("r\nb", PASSWORD, {"reviewer"}, "no name"),
        ("r" * 65, PASSWORD, {"reviewer"}, "no name"),
    ],
)
@pytest.mark.usefixtures("rita")
def test_what_the_rules_do_not_allow_is_one_line(people, name, password, roles, message):
    before = len(people.all())
    with pytest.raises(PersonError, match=message) as caught:
        people.add(name, password, frozenset(roles), BY)
    assert "\n" not in str(caught.value)
    assert len(people.all()) == before


def test_a_device_has_one_owner_and_staff_have_none(people):
    anna = people.add("anna", PASSWORD, frozenset({"owner"}), BY, ("speaker-1",))
    assert people.owner_of("speaker-1") == anna
    assert people.owner_of("speaker-2") is None
    with pytest.raises(PersonError, match="has an owner"):
        people.add("otto", PASSWORD, frozenset({"owner"}), BY, ("speaker-1",))
    assert people.named("otto") is None  # not half added
    with pytest.raises(PersonError, match="only an owner has devices"):
        people.add("rob", PASSWORD, frozenset({"reviewer"}), BY, ("speaker-2",))


@pytest.mark.parametrize(
    ("at", "code"),
    [(59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"), (1234567890, "89005924")],
)
def test_the_vectors_of_rfc_6238(at, code):
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert pyotp.TOTP(secret, digits=8).at(at) == code


def test_a_code_counts_once_whatever_happens_between(people, rita, tmp_path):
    totp, _ = enrolled(people, rita)
    later = NOW + timedelta(seconds=60)
    code = totp.at(later)
    assert people.check_totp(rita.id, code, later)
    assert not people.check_totp(rita.id, code, later)
    people.close()
    again = People(tmp_path / "people")
    assert not again.check_totp(rita.id, code, later)
    assert not again.check_totp(
        rita.id, totp.at(later - timedelta(seconds=30)), later
    )  # an older one, unused
    assert again.check_totp(rita.id, totp.at(later + timedelta(seconds=30)), later)  # a clock that is fast
    assert not again.check_totp(rita.id, totp.at(later + timedelta(seconds=120)), later)
    again.close()


@pytest.mark.parametrize("code", ["", "abcdef", "000000000000", "１２３４５６", "0" * 5000])
def test_what_is_no_code_is_refused(people, rita, code):
    enrolled(people, rita)
    assert not people.check_totp(rita.id, code, NOW + timedelta(minutes=2))


def test_an_app_that_shows_another_code_is_not_enrolled(people, rita):
    totp = people.enrol_totp(rita.id)
    assert people.confirm_totp(rita.id, totp.secret, "000000", NOW) is None
    assert people.find(rita.id).factors == frozenset()
    assert not people.check_totp(rita.id, pyotp.TOTP(totp.secret).at(NOW), NOW)


def test_a_code_on_paper_counts_once(people, rita):
    _, papers = enrolled(people, rita)
    assert len(set(papers)) == 10
    assert people.find(rita.id).factors == {"totp", "paper"}
    assert people.check_paper(rita.id, papers[3].upper(), NOW)
    assert not people.check_paper(rita.id, papers[3], NOW)
    assert not people.check_paper("somebody", papers[4], NOW)


def test_enrolling_anew_makes_old_papers_and_codes_worthless(people, rita):
    old, papers = enrolled(people, rita)
    enrolled(people, rita, NOW + timedelta(minutes=1))
    assert not people.check_paper(rita.id, papers[0], NOW)
    later = NOW + timedelta(minutes=5)
    assert not people.check_totp(rita.id, old.at(later), later)


def test_whoever_is_changed_suspended_or_removed_is_signed_out(people, rita):
    sessions = Sessions(people)
    for change in (
        lambda: people.set_roles(rita.id, frozenset({"auditor"}), BY),
        lambda: people.set_password(rita.id, "another good password", BY),
        lambda: people.suspend(rita.id, "played something twice", BY),
        lambda: people.remove(rita.id, BY),
    ):
        people.restore(rita.id, BY)
        token = sessions.begin(people.find(rita.id), NOW)
        assert sessions.find(token, NOW) is not None
        change()
        assert sessions.find(token, NOW) is None


def test_everything_done_is_a_row_that_the_head_proves(people, rita):
    people.suspend(rita.id, "why not", BY)
    people.restore(rita.id, BY)
    with pytest.raises(PersonError, match="no reason"):
        people.suspend(rita.id, " ", BY)
    rows = people.events()
    assert [(row.index, row.did, row.whom, row.who) for row in rows] == [
        (0, "add", rita.id, "console"),
        (1, "suspend", rita.id, "console"),
        (2, "restore", rita.id, "console"),
    ]
    with people.database.read() as sql:
        leaves = [leaf_hash(row) for (row,) in sql.execute("SELECT row FROM event ORDER BY idx")]
    assert people.events_head().root == root_of(leaves)


def test_a_person_who_is_removed_leaves_no_byte(tmp_path):
    folder = tmp_path / "people"
    people = People(folder)
    name = "a-very-unlikely-name"
    person = people.add(name, PASSWORD, frozenset({"owner"}), BY, ("speaker-unlikely",))
    enrolled(people, person)
    with people.database.read() as sql:
        secrets = [
            bytes(str(value), "utf-8") if isinstance(value, str) else value
            for value in sql.execute("SELECT name, password, seed FROM person").fetchone()
        ]
        secrets += [row[0] for row in sql.execute("SELECT hash FROM paper")]
    traces = [*secrets, b"speaker-unlikely"]
    before = on_disk(folder)
    assert [trace in before for trace in traces] == [True] * len(traces)
    people.remove(person.id, BY)
    after = on_disk(folder)
    assert [trace in after for trace in traces] == [False] * len(traces)
    people.close()


def test_nothing_secret_is_in_the_clear(people, rita, tmp_path):
    totp, papers = enrolled(people, rita)
    token = Sessions(people).begin(rita, NOW)
    disk = on_disk(tmp_path / "people")
    for secret in (PASSWORD, totp.secret, papers[0], papers[0].replace("-", ""), token):
        assert (secret.encode() in disk) is False


def test_the_key_of_others_is_one_line(people, rita, tmp_path):
    enrolled(people, rita)
    people.close()
    key = tmp_path / "people" / "people.key"
    key.write_bytes(bytes(32))
    again = People(tmp_path / "people")
    with pytest.raises(KeyFileError, match="not the key of these people"):
        again.check_totp(rita.id, "123456", NOW)
    again.close()
    key.chmod(0o644)
    with pytest.raises(KeyFileError, match="others can read it"):
        People(tmp_path / "people")


def test_a_damaged_file_is_one_line(tmp_path):
    (tmp_path / "people.sqlite").write_bytes(b"nonsense" * 1000)
    with pytest.raises(StorageError, match=r"people\.sqlite: .*; restore it"):
        People(tmp_path)


def test_two_threads_spend_one_code_once(people, rita):
    totp, _ = enrolled(people, rita)
    later = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    code, passed = totp.at(later), []
    threads = [
        threading.Thread(target=lambda: passed.append(people.check_totp(rita.id, code, later)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(passed) == [False, False, False, True]
