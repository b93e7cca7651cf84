"""The machine of cases: every path ends with an outcome, and nothing-to-do needs two."""

from datetime import UTC, datetime, timedelta

import pytest

from cloud_stub.review.cases import (
    DEADLINES,
    ON_CALL,
    OUTCOMES,
    TABLE,
    CaseEvent,
    CaseState,
    Step,
    Unfit,
    late_since,
    outcome_of,
    step,
)

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
STATES = CaseState.__args__
EVENTS = CaseEvent.__args__


def every_path(state="open", done=(), seen=frozenset()):
    """All paths through the table that go over no edge twice."""
    moves = [event for event in EVENTS if (state, event) in TABLE and (state, event) not in seen]
    if not moves:
        yield state, done
    for event in moves:
        yield from every_path(TABLE[state, event], (*done, event), seen | {(state, event)})


def test_every_path_ends_and_its_last_step_has_an_outcome():
    paths = list(every_path())
    assert len(paths) >= 4
    for state, events in paths:
        ending = Step(events[-1], "b", "deleted" if events[-1] == "decide" else None)
        assert (state, outcome_of(ending) in OUTCOMES) == ("ended", True), events


def test_every_state_but_the_last_can_be_left_and_leads_to_the_end():
    reaches = {"ended"}
    for _ in STATES:
        reaches |= {state for (state, _), following in TABLE.items() if following in reaches}
    assert reaches == set(STATES)
    assert not [event for event in EVENTS if ("ended", event) in TABLE]


def test_a_table_with_a_dead_end_would_be_found():
    broken = {key: value for key, value in TABLE.items() if key[0] != "second_wanted"}
    reaches = {"ended"}
    for _ in STATES:
        reaches |= {state for (state, _), following in broken.items() if following in reaches}
    assert "second_wanted" not in reaches


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("event", EVENTS)
def test_what_the_table_does_not_allow_is_refused(state, event):
    asked = Step(event, "b", "deleted" if event == "decide" else None, "because")
    if (state, event) in TABLE:
        assert step(state, asked, "a") == TABLE[state, event]
    else:
        with pytest.raises(Unfit, match="nobody can"):
            step(state, asked, "a")


@pytest.mark.parametrize("outcome", [None, "nothing_to_do"])
def test_deciding_needs_an_outcome_that_does_something(outcome):
    with pytest.raises(Unfit, match="name an outcome"):
        step("seen", Step("decide", "a", outcome))


def test_nothing_to_do_needs_a_reason_and_a_second_person():
    with pytest.raises(Unfit, match="needs a reason"):
        step("seen", Step("propose_nothing", "a", reason="  "))
    assert step("seen", Step("propose_nothing", "a", reason="a film was on")) == "second_wanted"
    for event in ("agree", "disagree"):
        with pytest.raises(Unfit, match="second person"):
            step("second_wanted", Step(event, "a"), "a")
    assert step("second_wanted", Step("agree", "b"), "a") == "ended"
    assert outcome_of(Step("agree", "b")) == "nothing_to_do"
    assert step("second_wanted", Step("disagree", "b"), "a") == "seen"


@pytest.mark.parametrize("kind", DEADLINES)
def test_every_state_that_waits_has_a_deadline_and_somebody_on_call(kind):
    assert set(DEADLINES[kind]) == set(STATES) - {"ended"}
    assert ON_CALL[kind] == "privacy_officer"
    for state, allowed in DEADLINES[kind].items():
        assert late_since(kind, state, NOW, NOW + allowed) is None
        assert late_since(kind, state, NOW, NOW + allowed + timedelta(seconds=1)) == NOW + allowed
    assert late_since(kind, "ended", NOW, NOW + timedelta(days=1000)) is None
