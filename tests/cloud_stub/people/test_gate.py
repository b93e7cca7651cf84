"""Who may do what: every pair of role and action, and how sure one must be of who asks."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cloud_stub.errors import PersonError
from cloud_stub.people.gate import FRESH, Refused, check
from cloud_stub.people.grants import GOOD_FOR, Grants
from cloud_stub.people.limits import FREE, LONGEST, MOST_KEYS, Limits
from cloud_stub.people.people import Person
from cloud_stub.people.roles import ACTIONS, CONFLICTS, LISTENS, MAY, ROLES, STEP_UP, TWO_PEOPLE, may
from cloud_stub.people.sessions import Session, Sessions
from cloud_stub.people_commands import app, table_of_roles
from tests.cloud_stub.people.authenticator import Authenticator
from tests.cloud_stub.people.conftest import BY, NOW, PASSWORD

TABLE = {
    "owner": "history.see history.play history.delete wish.say export.own",
    "reviewer": "task.take task.play task.judge",
    "adjudicator": "dispute.take dispute.play dispute.judge",
    "privacy_officer": "case.see case.act case.play identify export.bulk export.approve",
    "auditor": "ledger.read audit.run",
    "operator": "people.manage",
}


def session(role, *, second=timedelta(), suspended=None):
    person = Person("id", "name", frozenset({role}), (), suspended, frozenset())
    return Session(person, "csrf", NOW, NOW, NOW - second if second is not None else None)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("action", ACTIONS)
def test_every_pair_of_role_and_action(role, action):
    allowed = action in TABLE[role].split()
    assert may([role], action) == allowed
    if allowed:
        assert check(session(role), action, NOW).roles == {role}
    else:
        with pytest.raises(Refused, match="role"):
            check(session(role), action, NOW)


def test_the_table_has_nothing_else_and_nobody_without_a_role_may_anything():
    assert {role: set(actions) for role, actions in MAY.items()} == {
        role: set(actions.split()) for role, actions in TABLE.items()
    }
    assert not any(may([], action) or may(["stranger"], action) for action in ACTIONS)


def test_neither_operator_nor_auditor_reaches_sound_or_words():
    assert not (MAY["operator"] | MAY["auditor"]) & LISTENS
    assert {action for action in ACTIONS if action.endswith((".play", ".judge", "bulk", "own"))} <= LISTENS


def test_whatever_needs_two_needs_a_fresh_second_factor_as_well():
    assert TWO_PEOPLE <= STEP_UP


def test_no_two_roles_go_together():
    assert len(CONFLICTS) == len(ROLES) * (len(ROLES) - 1) // 2


@pytest.mark.parametrize("role", ROLES)
def test_nobody_does_anything_without_a_second_factor(role):
    """Owners neither: whoever has their password alone could let people listen to them."""
    for action in MAY[role]:
        with pytest.raises(Refused, match="second_factor"):
            check(session(role, second=None), action, NOW)


@pytest.mark.parametrize("action", sorted(STEP_UP))
def test_some_things_need_a_fresh_one(action):
    role = next(role for role in ROLES if action in MAY[role])
    assert check(session(role, second=FRESH), action, NOW)
    with pytest.raises(Refused, match="step_up"):
        check(session(role, second=FRESH + timedelta(seconds=1)), action, NOW)


def test_nobody_and_the_suspended_are_refused():
    for nobody in (None, session("reviewer", suspended="why")):
        with pytest.raises(Refused, match="sign_in"):
            check(nobody, "task.take", NOW)


# Sessions


@pytest.mark.parametrize(
    ("roles", "idle_s", "longest_s"), [({"reviewer"}, 1800, 43_200), ({"owner"}, 14 * 86400, 90 * 86400)]
)
def test_a_session_ends_by_idleness_and_by_age(people, roles, idle_s, longest_s):
    sessions = Sessions(people)
    person = people.add("somebody", PASSWORD, frozenset(roles), BY)
    token = sessions.begin(person, NOW)
    assert sessions.find(token, NOW + timedelta(seconds=idle_s - 1)).person == person
    assert sessions.find(token, NOW + timedelta(seconds=2 * idle_s)) is None
    busy = sessions.begin(person, NOW)
    for at in range(0, longest_s, idle_s - 60):
        assert sessions.find(busy, NOW + timedelta(seconds=at)) is not None
    assert sessions.find(busy, NOW + timedelta(seconds=longest_s)) is None


def test_a_second_factor_changes_the_token_and_the_old_one_is_worthless(people):
    sessions = Sessions(people)
    token = sessions.begin(people.add("rita", PASSWORD, frozenset({"reviewer"}), BY), NOW)
    first = sessions.find(token, NOW)
    new = sessions.showed_second(token, NOW)
    assert sessions.find(token, NOW) is None
    assert sessions.find(new, NOW).second == NOW
    assert sessions.find(new, NOW).csrf != first.csrf
    assert sessions.showed_second(token, NOW) is None
    sessions.end(new)
    assert sessions.find(new, NOW) is None
    assert sessions.find("", NOW) is None


# Guesses


def test_after_a_few_failures_the_wait_doubles_up_to_a_limit_and_success_ends_it():
    limits = Limits()
    waits = []
    for _ in range(30):
        waits.append(limits.wait("rita", NOW))
        limits.failed("rita", NOW)
    assert waits[:FREE] == [timedelta()] * FREE
    assert waits[FREE : FREE + 3] == [timedelta(seconds=each) for each in (2, 4, 8)]
    assert waits[-1] == LONGEST
    assert limits.wait("rob", NOW) == timedelta()
    assert limits.wait("rita", NOW + LONGEST) == timedelta()
    limits.passed("rita")
    assert limits.wait("rita", NOW) == timedelta()


def test_many_names_do_not_fill_the_memory():
    limits = Limits()
    for at in range(MOST_KEYS + 500):
        limits.failed(str(at), NOW)
    assert len(limits._failed) == MOST_KEYS


# Two people


@pytest.fixture
def officers(people):
    return [people.add(name, PASSWORD, frozenset({"privacy_officer"}), BY).id for name in ("olga", "otto")]


def test_two_people_and_once(people, officers):
    grants, (olga, otto) = Grants(people), officers
    asked = grants.ask(olga, "export.bulk", "for the regulator", NOW)
    for wrong in (
        lambda: grants.use(asked, olga, "export.bulk", NOW),
        lambda: grants.approve(asked, olga, NOW),
    ):
        with pytest.raises(PersonError):
            wrong()
    grants.approve(asked, otto, NOW)
    for person, what in ((otto, "export.bulk"), (olga, "identify")):
        with pytest.raises(PersonError):
            grants.use(asked, person, what, NOW)
    grants.use(asked, olga, "export.bulk", NOW)
    with pytest.raises(PersonError):
        grants.use(asked, olga, "export.bulk", NOW)
    assert [row.did for row in people.events()[2:]] == [
        "ask export.bulk",
        "approve export.bulk",
        "use export.bulk",
    ]


def test_what_was_agreed_to_is_over_after_an_hour(people, officers):
    grants, (olga, otto) = Grants(people), officers
    asked = grants.ask(olga, "export.bulk", "for the regulator", NOW)
    grants.approve(asked, otto, NOW)
    with pytest.raises(PersonError, match="over"):
        grants.use(asked, olga, "export.bulk", NOW + GOOD_FOR)
    with pytest.raises(PersonError, match="no reason"):
        grants.ask(olga, "export.bulk", "", NOW)


# Passkeys

SITE = "http://localhost:8080"


@pytest.fixture
def rita(people):
    return people.add("rita", PASSWORD, frozenset({"reviewer"}), BY)


@pytest.fixture
def passkeys(people):
    from cloud_stub.people.passkeys import Passkeys

    return Passkeys(people, SITE)


def test_a_passkey_is_enrolled_and_shown(people, passkeys, rita):
    key = Authenticator(SITE)
    assert passkeys.register(rita, key.register(passkeys.offer_registration(rita, NOW)), NOW)
    assert people.find(rita.id).factors == {"passkey"}
    assert passkeys.check(rita, key.show(passkeys.offer(rita, NOW)), NOW)


@pytest.mark.parametrize("site", ["http://evil.example", "https://localhost:8080", "http://localhost:8081"])
def test_a_key_for_another_site_is_refused(passkeys, rita, site):
    assert not passkeys.register(
        rita, Authenticator(site).register(passkeys.offer_registration(rita, NOW)), NOW
    )


def test_a_key_is_refused_for_others_replayed_late_copied_or_broken(people, passkeys, rita):
    rob = people.add("rob", PASSWORD, frozenset({"reviewer"}), BY)
    key = Authenticator(SITE)
    passkeys.register(rita, key.register(passkeys.offer_registration(rita, NOW)), NOW)
    assert not passkeys.check(rob, key.show(passkeys.offer(rob, NOW)), NOW)
    answer = key.show(passkeys.offer(rita, NOW))
    assert passkeys.check(rita, answer, NOW)
    assert not passkeys.check(rita, answer, NOW)  # replayed, no challenge waits
    passkeys.offer(rita, NOW)
    assert not passkeys.check(rita, answer, NOW)  # replayed to another challenge
    late = key.show(passkeys.offer(rita, NOW))
    assert not passkeys.check(rita, late, NOW + timedelta(minutes=6))
    key.count = 0
    assert not passkeys.check(rita, key.show(passkeys.offer(rita, NOW)), NOW)
    for broken in ("", "{}", "null", "[1]", '{"id": 7}', answer[:50]):
        passkeys.offer(rita, NOW)
        assert not passkeys.check(rita, broken, NOW)
        passkeys.offer_registration(rita, NOW)
        assert not passkeys.register(rita, broken, NOW)


@given(st.text(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_answer_breaks_it(passkeys, rita, text):
    passkeys.offer_registration(rita, NOW)  # so that the answer is looked at
    assert not passkeys.register(rita, text, NOW)
    passkeys.offer(rita, NOW)
    assert not passkeys.check(rita, text, NOW)


# The command line


def test_the_command_line_adds_lists_suspends_and_removes(tmp_path):
    (tmp_path / "cloud.toml").write_text("")
    (tmp_path / "password").write_text(PASSWORD + "\n")
    run, more = CliRunner(), ["--config", str(tmp_path / "cloud.toml")]
    added = run.invoke(
        app, ["add", "rita", "--role", "reviewer", "--password-file", str(tmp_path / "password"), *more]
    )
    assert added.output == "rita: added as reviewer; they enrol a second factor when they sign in\n"
    assert "none yet" in run.invoke(app, ["list", *more]).output
    assert run.invoke(app, ["suspend", "rita", "--why", "a test", *more]).output.startswith("rita: suspended")
    assert "a test" in run.invoke(app, ["list", *more]).output
    assert run.invoke(app, ["restore", "rita", *more]).output == "rita: restored\n"
    assert run.invoke(app, ["remove", "rita", *more]).output == "rita: removed\n"
    gone = run.invoke(app, ["remove", "rita", *more])
    assert isinstance(gone.exception, PersonError)
    king = run.invoke(app, ["add", "rob", "--role", "king", *more])
    assert isinstance(king.exception, PersonError)


def test_the_documentation_has_the_table_as_it_is():
    page = Path(__file__).parents[3].joinpath("docs/access.md").read_text(encoding="utf-8")
    assert table_of_roles() in page
