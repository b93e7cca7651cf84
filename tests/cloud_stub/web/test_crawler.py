"""Everybody tries every route with every object that they can name or guess."""

import re
from collections.abc import Iterator
from itertools import chain, product

import pytest

from cloud_stub.people.roles import ROLES
from cloud_stub.review import tables
from cloud_stub.review.cases import Step
from cloud_stub.web.app import ROUTERS
from tests.cloud_stub.review.conftest import GOOD, HEARD
from tests.cloud_stub.web.conftest import NOW, Town

HOLES = re.compile(r"{(\w+)}")


@pytest.fixture
def full(town: Town) -> Town:
    """Everything that there can be: kept, waiting, taken, flagged, of two households."""
    town.house.say(draw=False)
    for _ in range(3):
        town.house.say()
    town.neighbours()
    town.house.prepare()
    desk = town.house.desk
    task = desk.take("another-reviewer", "review", NOW)
    desk.flag(task.id, "another-reviewer", NOW)
    desk.take("another-reviewer", "review", NOW)
    [case] = town.house.review.casebook.all()
    town.house.review.casebook.take_step(case.id, Step("see", "olga"), NOW)
    return town


def objects(town: Town) -> dict[str, list[str]]:
    """What stands in paths and forms, with everything that exists."""
    held = town.house.vault.utterances()
    with town.house.review.database.read() as sql:
        tasks = [task.id for task in tables.tasks(sql)]
    cases = [case.id for case in town.house.review.casebook.all()]
    return {
        "device": sorted({each.whose.device for each in held}),
        "utterance": [each.whose.utterance for each in held],
        "task_id": [*tasks, "0" * 32],
        "case_id": [*cases, "0" * 16],
        "kind": ["review", "dispute"],
    }


def routes() -> Iterator[tuple[str, str]]:
    """Every method and path of the application, as it stands in its code."""
    for route in chain.from_iterable(router.routes for router in ROUTERS):
        for method in sorted(getattr(route, "methods", None) or ()):
            if method in ("GET", "POST"):
                yield method, route.path


def filled(path: str, there: dict[str, list[str]]) -> Iterator[str]:
    names = HOLES.findall(path)
    for values in product(*(there[name] for name in names)):
        yield HOLES.sub("{}", path).format(*values)


def identifiers(town: Town) -> list[bytes]:
    """Everything that says whose a recording is."""
    names = [town.names["owner"], "the-neighbour", town.ids["owner"], town.neighbour_id]
    for each in town.house.vault.utterances():
        names += [each.whose.device, each.whose.device[:12], each.whose.utterance, each.whose.utterance[:12]]
        names += [each.begun.strftime("%Y-%m-%d %H:%M")]
    return [name.encode() for name in names]


def test_there_are_routes_to_crawl(full):
    assert len(list(routes())) > 35
    assert all(HOLES.findall(path) == [] or next(filled(path, objects(full))) for _, path in routes())


def everything(town: Town, role: str | None, *, second: bool = True) -> Iterator[tuple[str, bytes, str]]:
    """Every answer to every GET and POST that this role can make up: where, what, its type."""
    browser = town.browser() if role is None else town.signed_in(town.names[role], second=second)
    browser.get("/second")
    browser.get("/enrol")
    there = objects(town)
    for method, path in routes():
        if path in ("/sign-out", "/sign-in", "/second", "/history/delete-all"):
            continue
        for concrete in filled(path, there):
            if method == "GET":
                answer = browser.get(concrete)
                yield concrete, answer.content, answer.headers.get("content-type", "")
        if method == "POST":
            form = {"task_id": there["task_id"][0], "device": there["device"][0], "grant": "0" * 16}
            form |= {
                "utterance": there["utterance"][0],
                "transcript": "",
                "reason": "",
                "whom": "0",
                "why": "x",
            }
            form |= {"keep": "3_months", "first": "2020-01-01", "last": "2020-01-02", "event": "see"}
            form |= {"intent": "right", "answer": "right", "name": "", "password": "", "role": "reviewer"}
            for concrete in filled(path, there):
                answer = browser.post(concrete, **form)
                assert answer.status_code < 500, concrete
                yield concrete, answer.content, answer.headers.get("content-type", "")


@pytest.mark.parametrize("role", ["reviewer", "adjudicator"])
def test_listeners_meet_no_identifier_of_anybody(full, role):
    secrets = identifiers(full)
    browser = full.of(role)
    kind = "review" if role == "reviewer" else "dispute"
    browser.get(f"/listen/{kind}")
    browser.post(f"/listen/{kind}/take")
    leaks = [
        (where, secret)
        for where, content, _ in everything(full, role)
        for secret in secrets
        if secret in content.replace(where.encode(), b"")  # a path that is sent back says nothing new
    ]
    assert leaks == []


def test_a_page_that_leaked_would_be_caught(full):
    """The owner's page is full of what the reviewer's must not have."""
    secrets = identifiers(full)
    found = {secret for _, content, _ in everything(full, "owner") for secret in secrets if secret in content}
    assert len(found) > 3


@pytest.mark.parametrize("role", [None, *ROLES])
def test_without_a_second_factor_nobody_meets_sound_or_words(full, role):
    before = len(full.house.vault.accesses())
    for where, content, kind in everything(full, role, second=False):
        assert "audio" not in kind, where
        assert HEARD.encode() not in content, where
        assert b"call [phone]" not in content, where
    rows = full.house.vault.accesses()[before:]
    assert {row.did for row in rows} <= {"forget"}  # an owner may delete with the password alone


@pytest.mark.parametrize("role", ROLES)
def test_nobody_meets_sound_without_a_row_for_it(full, role):
    browser = full.of(role)
    there = objects(full)
    for method, path in routes():
        for concrete in filled(path, there) if method == "GET" else ():
            before = len(full.house.vault.accesses())
            answer = browser.get(concrete)
            if answer.headers.get("content-type") == "audio/wav":
                rows = full.house.vault.accesses()[before:]
                assert [row.did for row in rows] == ["open"], concrete
                assert full.ids[role] in rows[0].who


@pytest.mark.parametrize("role", ["operator", "auditor"])
def test_operators_and_auditors_meet_neither_sound_nor_words(full, role):
    heard = [
        where
        for where, content, kind in everything(full, role)
        if "audio" in kind or HEARD.encode() in content or b"call [phone]" in content
    ]
    assert heard == []


def test_a_reviewer_with_a_task_hears_that_one_and_no_other(full):
    browser = full.of("reviewer")
    browser.get("/listen/review")
    browser.post("/listen/review/take")
    mine = full.house.desk.current(full.ids["reviewer"], "review").id
    played = []
    for path in filled("/listen/{kind}/{task_id}/sound", objects(full)):
        if browser.get(path).headers.get("content-type") == "audio/wav":
            played.append(path)
    assert played == [f"/listen/review/{mine}/sound"]


def test_what_somebody_may_not_is_as_if_it_were_not_there(full):
    browser = full.of("reviewer")
    for path in ("/history", "/cases", "/ledger", "/people", "/listen/dispute", "/nowhere"):
        answer = browser.get(path)
        assert (answer.status_code, "There is no such page." in answer.text) == (404, True)


def test_a_judgement_of_somebody_elses_task_is_refused(full):
    browser = full.of("reviewer")
    browser.get("/listen/review")
    for task in objects(full)["task_id"]:
        form = {"task_id": task, "transcript": GOOD.transcript, "intent": "right", "answer": "right"}
        assert browser.post("/listen/review/judge", **form).status_code == 409
