"""What changes between two steps: roles, passwords, consent, and another process."""

import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from argon2 import PasswordHasher
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cloud_stub.errors import PersonError
from cloud_stub.people.grants import Grants
from cloud_stub.people.people import People
from cloud_stub.people.sessions import Sessions
from tests.cloud_stub.people.conftest import BY, NOW, PASSWORD
from tests.cloud_stub.people.test_people import enrolled

OFFICER = frozenset({"privacy_officer"})


def stored(people, name):
    with people.database.read() as sql:
        return sql.execute("SELECT password FROM person WHERE name = ?", (name,)).fetchone()[0]


def store(people, name, value):
    with people.database.write() as sql:
        sql.execute("UPDATE person SET password = ? WHERE name = ?", (value, name))


@pytest.mark.parametrize("password", [PASSWORD, "password1234"])
def test_a_hash_made_with_less_work_is_made_anew_even_of_a_password_that_is_too_easy_today(people, password):
    people.add("rita", PASSWORD, frozenset({"reviewer"}), BY)
    old = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(password)
    store(people, "rita", old)
    assert people.check_password("rita", password)
    assert stored(people, "rita") != old
    assert people.check_password("rita", password)


def test_a_hash_made_anew_does_not_bring_back_a_password_changed_meanwhile(people):
    rita = people.add("rita", PASSWORD, frozenset({"reviewer"}), BY)
    seen = stored(people, "rita")
    people.set_password(rita.id, "another good password", BY)
    people._renew(rita.id, seen, PASSWORD)
    assert people.check_password("rita", PASSWORD) is None
    assert people.check_password("rita", "another good password")


def test_an_owner_of_a_speaker_does_not_become_staff(people):
    anna = people.add("anna", PASSWORD, frozenset({"owner"}), BY, ("speaker-1",))
    with pytest.raises(PersonError, match="only an owner has devices"):
        people.set_roles(anna.id, frozenset({"reviewer"}), BY)
    assert people.owner_of("speaker-1") == people.find(anna.id) == anna


def test_a_session_begun_while_suspended_is_none_after_it(people):
    rita = people.add("rita", PASSWORD, frozenset({"reviewer"}), BY)
    people.suspend(rita.id, "a test", BY)
    token = Sessions(people).begin(rita, NOW)
    people.restore(rita.id, BY)
    assert Sessions(people).find(token, NOW) is None


@pytest.fixture
def officers(people):
    return [people.add(name, PASSWORD, OFFICER, BY).id for name in ("olga", "otto", "oda")]


def test_only_an_officer_agrees(people, officers):
    grants = Grants(people)
    asked = grants.ask(officers[0], "export.bulk", "for the regulator", NOW)
    rita = people.add("rita", PASSWORD, frozenset({"reviewer"}), BY)
    people.suspend(officers[1], "a test", BY)
    for other in (rita.id, officers[1], "nobody"):
        with pytest.raises(PersonError, match="not an officer"):
            grants.approve(asked, other, NOW)
    assert grants.all(NOW)[0].approved_by is None
    assert [row.did for row in people.events()].count("approve export.bulk") == 0


@pytest.mark.parametrize("change", ["suspend", "remove", "set_roles"])
def test_consent_of_somebody_who_is_no_officer_any_more_is_none(people, officers, change):
    grants, (olga, otto, _) = Grants(people), officers
    asked = grants.ask(olga, "export.bulk", "for the regulator", NOW)
    grants.approve(asked, otto, NOW)
    more = {"suspend": ("a test",), "remove": (), "set_roles": (frozenset({"auditor"}),)}[change]
    getattr(people, change)(otto, *more, BY)
    with pytest.raises(PersonError, match="not agreed"):
        grants.use(asked, olga, "export.bulk", NOW)


def test_the_first_consent_stands(people, officers):
    grants, (olga, otto, oda) = Grants(people), officers
    asked = grants.ask(olga, "export.bulk", "for the regulator", NOW)
    grants.approve(asked, otto, NOW)
    with pytest.raises(PersonError, match="agreed to already"):
        grants.approve(asked, oda, NOW)
    assert grants.all(NOW)[0].approved_by == otto


SPEND = """
import sys
from datetime import datetime
from pathlib import Path
from cloud_stub.people.people import People
people = People(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.readline()
print(people.check_totp(sys.argv[2], sys.argv[3], datetime.fromisoformat(sys.argv[4])))
"""


def test_two_processes_spend_one_code_once(people, tmp_path):
    rita = people.add("rita", PASSWORD, frozenset({"reviewer"}), BY)
    totp, _ = enrolled(people, rita)
    later = NOW + timedelta(minutes=5)
    line = [sys.executable, "-c", SPEND, str(tmp_path / "people"), rita.id, totp.at(later), later.isoformat()]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    both = []
    for _ in range(2):  # opened one after the other: only spending is at the same time
        both.append(subprocess.Popen(line, **pipes))
        assert both[-1].stdout.readline() == "open\n"
    for each in both:
        each.stdin.write("go\n")
        each.stdin.flush()
    assert sorted(each.communicate(timeout=60)[0].strip() for each in both) == ["False", "True"]


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_vectors_of_rfc_6238_pass_here(people, at, code):
    """Appendix B with SHA-1; six digits are the last six of its eight. Its vector of 1970 has no step
    before it to enrol in.
    """
    when = NOW.fromtimestamp(at, NOW.tzinfo)
    rita = people.add("rita", PASSWORD, frozenset({"reviewer"}), BY)
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    before = when - timedelta(seconds=30)
    assert people.confirm_totp(rita.id, secret, pyotp.TOTP(secret).at(before), before)
    assert people.check_totp(rita.id, code, when)
    assert not people.check_totp(rita.id, code, when)


IDLE, LONGEST = timedelta(minutes=30), timedelta(hours=12)


class SessionsOfOne(RuleBasedStateMachine):
    """One member of staff, many sessions; the model knows which tokens are alive, from the contract alone."""

    def __init__(self):
        super().__init__()
        self.now, self.alive, self.dead, self.suspended = NOW, {}, [], False

    @initialize()
    def open(self):
        self.folder = tempfile.TemporaryDirectory()
        self.people = People(Path(self.folder.name) / "people")
        self.sessions = Sessions(self.people)
        self.rita = self.people.add("rita", PASSWORD, frozenset({"reviewer"}), BY)

    def teardown(self):
        if hasattr(self, "people"):
            self.people.close()
            self.folder.cleanup()

    def die(self, *tokens):
        for token in tokens:
            self.dead.append(token)
            del self.alive[token]

    @precondition(lambda self: not self.suspended and len(self.alive) < 4)
    @rule()
    def begin(self):
        self.alive[self.sessions.begin(self.rita, self.now)] = (self.now, self.now, None)

    @precondition(lambda self: self.alive)
    @rule(which=st.integers(0, 3))
    def rise(self, which):
        token = list(self.alive)[which % len(self.alive)]
        begun, seen, _ = self.alive[token]
        new = self.sessions.showed_second(token, self.now)
        self.die(token)
        self.alive[new] = (begun, seen, self.now)

    @precondition(lambda self: self.alive)
    @rule(which=st.integers(0, 3))
    def end(self, which):
        token = list(self.alive)[which % len(self.alive)]
        self.sessions.end(token)
        self.die(token)

    @rule()
    def suspend(self):
        self.people.suspend(self.rita.id, "a test", BY)
        self.suspended = True
        self.die(*self.alive)

    @rule()
    def restore(self):
        self.people.restore(self.rita.id, BY)
        self.suspended = False
        self.die(*self.alive)

    @rule(minutes=st.sampled_from([1, 15, 29, 30, 31, 300]))
    def wait(self, minutes):
        self.now += timedelta(minutes=minutes)
        over = [
            token
            for token, (begun, seen, _) in self.alive.items()
            if self.now >= seen + IDLE or self.now >= begun + LONGEST
        ]
        self.die(*over)

    @invariant()
    def the_living_live_and_the_dead_are_dead(self):
        for token, (begun, _, second) in list(self.alive.items()):
            found = self.sessions.find(token, self.now)
            assert found is not None
            assert (found.begun, found.second) == (begun, second)
            self.alive[token] = (begun, self.now, second)
        assert not [token for token in self.dead if self.sessions.find(token, self.now)]


SessionsOfOne.TestCase.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
test_sessions_of_one = SessionsOfOne.TestCase
