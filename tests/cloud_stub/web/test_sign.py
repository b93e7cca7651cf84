"""Signing in: what is wanted, what is refused, and that nobody is told more than they know."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pyotp
import pytest

from cloud_stub.people.limits import FREE
from cloud_stub.web.app import HEADERS
from tests.cloud_stub.people.authenticator import Authenticator
from tests.cloud_stub.people.conftest import PASSWORD
from tests.cloud_stub.web.conftest import BY, SITE


def test_a_password_and_a_code_and_one_is_in(town):
    browser = town.browser()
    assert (
        browser.get("/history", **{"sec-fetch-dest": "document"}).headers["location"].startswith("/sign-in")
    )
    assert (
        browser.post("/sign-in", name=town.names["owner"], password=PASSWORD).headers["location"] == "/second"
    )
    town.clock.go(seconds=60)
    browser.get("/second")
    assert browser.post("/second", code=town.code(town.names["owner"])).headers["location"] == "/"
    assert browser.get("/").headers["location"] == "/history"
    assert browser.get("/history").status_code == 200
    browser.post("/sign-out")
    assert browser.get("/history").headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("name", ["somebody-who-is-owner", "nobody", "", "'; DROP TABLE person; --"])
def test_a_wrong_password_says_the_same_of_everybody(town, name):
    answer = town.browser().post("/sign-in", name=name, password="wrong wrong wrong")
    assert answer.status_code == 401
    assert "That is not a name and its password." in answer.text


def test_guessing_is_slowed_down_for_the_name_and_for_the_address(town):
    browser = town.browser()
    for _ in range(5):
        assert browser.post("/sign-in", name="nobody", password="x").status_code == 401
    assert browser.post("/sign-in", name="nobody", password="x").status_code == 429
    right = browser.post("/sign-in", name=town.names["owner"], password=PASSWORD)
    assert right.status_code == 429  # from the same address
    town.clock.go(minutes=20)
    assert browser.post("/sign-in", name=town.names["owner"], password=PASSWORD).status_code == 303


def test_guessing_codes_is_slowed_down(town):
    browser = town.signed_in(town.names["owner"], second=False)
    browser.get("/second")
    for _ in range(5):
        assert browser.post("/second", code="000000").status_code == 401
    town.clock.go(seconds=1)
    assert browser.post("/second", code=town.code(town.names["owner"])).status_code == 429


def test_the_suspended_stay_out_and_are_thrown_out(town):
    browser = town.of("reviewer")
    assert browser.get("/listen/review").status_code == 200
    town.people.suspend(town.ids["reviewer"], "a test", BY)
    assert browser.get("/listen/review").status_code == 303
    assert town.browser().post("/sign-in", name=town.names["reviewer"], password=PASSWORD).status_code == 401


def test_the_cookie_is_for_this_site_alone_and_changes_with_the_second_factor(town):
    browser = town.browser()
    answer = browser.post("/sign-in", name=town.names["owner"], password=PASSWORD)
    flags = answer.headers["set-cookie"].lower()
    assert "httponly" in flags
    assert "samesite=strict" in flags
    before = browser.client.cookies["session"]
    town.clock.go(seconds=60)
    browser.get("/second")
    browser.post("/second", code=town.code(town.names["owner"]))
    assert browser.client.cookies["session"] != before


def test_whoever_is_new_enrols_an_app_and_gets_a_paper(town):
    town.people.add("rob", PASSWORD, frozenset({"reviewer"}), BY)
    browser = town.browser()
    browser.post("/sign-in", name="rob", password=PASSWORD)
    page = browser.get("/second").text
    secret = page.split('class="secret">')[1].split("<")[0]
    assert browser.get("/listen/review").status_code == 303  # not yet
    wrong = browser.post("/enrol/totp", secret=secret, code="000000")
    assert (wrong.status_code, "does not belong" in wrong.text) == (401, True)
    kept = browser.post("/enrol/totp", secret=secret, code=pyotp.TOTP(secret).at(town.clock.now))
    papers = kept.text.count("<li><code>")
    assert (kept.status_code, papers) == (200, 10)
    assert browser.get("/listen/review").status_code == 200


def test_nobody_enrols_a_factor_on_a_password_alone_once_there_is_one(town):
    browser = town.signed_in(town.names["reviewer"], second=False)
    browser.get("/second")
    secret = pyotp.random_base32()
    answer = browser.post("/enrol/totp", secret=secret, code=pyotp.TOTP(secret).at(town.clock.now))
    assert answer.status_code == 403
    assert browser.post("/enrol/passkey/offer").status_code == 403
    assert browser.get("/enrol").status_code == 303


def test_no_factor_is_enrolled_long_after_one_was_shown(town):
    """Or whoever has taken over a session would step up with an app of their own."""
    browser = town.of("operator")
    browser.get("/enrol")
    town.clock.go(minutes=10)
    assert browser.get("/people").headers["location"].startswith("/second")
    assert browser.get("/enrol").headers["location"].startswith("/second")
    secret = pyotp.random_base32()
    form = {"secret": secret, "code": pyotp.TOTP(secret).at(town.clock.now)}
    assert browser.post("/enrol/totp", **form).status_code == 403
    assert browser.get("/people").status_code == 303


def test_a_passkey_is_enrolled_and_is_a_second_factor(town):
    key = Authenticator(SITE)
    browser = town.of("reviewer")
    browser.get("/enrol")
    offer = browser.post("/enrol/passkey/offer").text
    assert browser.post("/enrol/passkey", answer=key.register(offer)).status_code == 303
    again = town.signed_in(town.names["reviewer"], second=False)
    again.get("/second")
    assert again.post("/second/passkey", answer="nonsense").status_code == 401
    offer = again.post("/second/passkey/offer").text
    assert again.post("/second/passkey", answer=key.show(offer)).status_code == 303
    assert again.get("/listen/review").status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:8081"])
def test_no_other_site_sends_a_form(town, origin):
    browser = town.of("owner")
    browser.get("/history")
    spoken = town.house.say()
    form = {"device": spoken.device, "utterance": spoken.utterance}
    assert browser.post("/history/delete", origin, **form).status_code == 400
    assert not town.house.forgotten(spoken.whose)
    assert town.browser().post("/sign-in", origin, name="x", password="y").status_code == 400


@pytest.mark.parametrize("csrf", ["", "wrong", "é" * 40])
def test_a_form_without_its_token_does_nothing(town, csrf):
    browser = town.of("owner")
    spoken = town.house.say()
    answer = browser.post("/history/delete", csrf=csrf, device=spoken.device, utterance=spoken.utterance)
    assert answer.status_code == 400
    assert not town.house.forgotten(spoken.whose)


def test_every_answer_has_the_headers_that_keep_it_in_place(town):
    for path in ("/sign-in", "/nowhere", "/static/style.css"):
        answer = town.browser().get(path)
        for name, value in HEADERS.items():
            if name != "Cache-Control":
                assert answer.headers[name] == value
    assert town.browser().get("/sign-in").headers["cache-control"] == "no-store"


def test_a_form_that_is_too_large_is_not_read(town):
    answer = town.browser().post("/sign-in", name="x" * 100_000, password="y")
    assert answer.status_code == 413


def test_what_people_type_is_shown_and_not_run(town):
    town.people.add("<script>alert(1)</script>", PASSWORD, frozenset({"reviewer"}), BY)
    page = town.of("operator").get("/people").text
    assert "<script>alert" not in page
    assert "<script>alert(1)</script>" in unescape(page)


def test_who_tries_many_at_once_has_no_more_tries(town):
    """Each is checked against the failures of all before it, however many threads serve them."""
    browser = town.browser()

    def guess(at):
        return browser.post("/sign-in", name="nobody", password=f"guess {at}").status_code

    answers = Counter([guess(0)])  # the first alone: then the application is all there
    with ThreadPoolExecutor(4 * FREE) as pool:
        answers.update(pool.map(guess, range(1, 4 * FREE)))
    assert answers == {401: FREE, 429: 3 * FREE}


def test_a_form_that_does_not_say_how_long_it_is_is_not_read(town):
    def parts():
        yield b"name="
        raise AssertionError("it was read on")

    answer = town.browser().client.post("/sign-in", content=parts())
    assert answer.status_code == 411
