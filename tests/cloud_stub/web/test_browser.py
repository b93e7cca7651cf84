"""The pages in a real Chromium: what people see, hear and press. Pictures go where OVERHEARD_PICTURES
says.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloud_stub.review.cases import Step
from tests.cloud_stub.people.conftest import PASSWORD
from tests.cloud_stub.review.conftest import GOOD
from tests.cloud_stub.web.conftest import NOW, Town
from tests.cloud_stub.web.served import served

CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("no chromium", allow_module_level=True)

from axe_playwright_python.sync_playwright import Axe  # noqa: E402 - only with a browser
from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402 - likewise

PICTURES = os.environ.get("OVERHEARD_PICTURES")
LOOKS = {
    "light": ("light", 1100, 900),
    "dark": ("dark", 1100, 900),
    "phone": ("light", 390, 844),
}
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        yield browser
        browser.close()


@pytest.fixture
def site(town: Town) -> Iterator[str]:
    with served(town) as address:
        yield address


def sign_in(page: Page, town: Town, site: str, name: str) -> None:
    page.goto(f"{site}/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/second")
    town.clock.go(seconds=60)
    page.get_by_label("Code of your app").fill(town.code(name))
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/second" not in url)


def until(page: Page, script: str) -> object:
    """What the script says once it says something: the pages let nobody evaluate text, so ask from
    outside.
    """
    for _ in range(400):
        if found := page.evaluate(script):
            return found
        page.wait_for_timeout(25)
    raise AssertionError(script)


def fill(town: Town) -> None:
    """Something to show on every page."""
    for _ in range(3):
        town.house.ready()
    desk = town.house.desk
    task = desk.take("another", "review", NOW)
    desk.sound(task.id, "another", NOW)
    desk.judge(task.id, "another", GOOD, NOW)
    desk.flag(desk.take("another", "review", NOW).id, "another", NOW)
    [case] = town.house.review.casebook.all()
    town.house.review.casebook.take_step(case.id, Step("see", "olga"), NOW)


def listening(page: Page) -> None:
    if page.get_by_role("button", name="Take the next one").count():
        page.get_by_role("button", name="Take the next one").click()
    page.wait_for_selector("#console")
    page.wait_for_load_state()
    until(page, "() => document.getElementById('sound').readyState >= 2")


def nothing(page: Page) -> None:
    """It is there as soon as it is loaded."""
    page.wait_for_load_state()


VISITS: dict[str, tuple[str, str, Callable[[Page], None]]] = {
    "history": ("owner", "/history", nothing),
    "console": ("reviewer", "/listen/review", listening),
    "waiting": ("adjudicator", "/listen/dispute", nothing),
    "cases": ("privacy_officer", "/cases", nothing),
    "case": (
        "privacy_officer",
        "/cases",
        lambda page: page.get_by_role("row").nth(1).get_by_role("link").click(),
    ),
    "ledger": ("auditor", "/ledger", nothing),
    "people": ("operator", "/people", nothing),
    "enrol": ("owner", "/enrol", nothing),
}


@pytest.mark.parametrize("name", VISITS)
def test_no_page_keeps_anybody_out(town, site, chromium, name):
    """axe finds nothing serious, no page is wider than a phone, in light and in dark."""
    fill(town)
    role, path, prepare = VISITS[name]
    page, failures = chromium.new_page(), []
    page.on("pageerror", lambda error: failures.append(str(error)))
    sign_in(page, town, site, town.names[role])
    for look, (scheme, width, height) in LOOKS.items():
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height})
        page.goto(site + path)
        prepare(page)
        page.wait_for_load_state()
        found = [each for each in Axe().run(page).response["violations"] if each["impact"] in SERIOUS]
        assert [(each["id"], [node["html"] for node in each["nodes"]][:2]) for each in found] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), look
        assert failures == []
        if PICTURES:
            page.screenshot(path=Path(PICTURES) / f"{name}-{look}.png", full_page=True)
    page.close()


def test_the_sign_in_page_keeps_nobody_out(site, chromium):
    page = chromium.new_page()
    page.goto(f"{site}/sign-in")
    assert [each["id"] for each in Axe().run(page).response["violations"] if each["impact"] in SERIOUS] == []
    page.close()


def test_axe_would_find_a_page_that_keeps_people_out(chromium):
    page = chromium.new_page()
    page.set_content("<html><body><img src=x><input></body></html>")
    assert {"image-alt", "label"} <= {each["id"] for each in Axe().run(page).response["violations"]}
    page.close()


def test_a_recording_is_judged_with_the_keyboard_alone_and_starts_silent(town, site, chromium):
    town.house.ready()
    page = chromium.new_page()
    sign_in(page, town, site, town.names["reviewer"])
    until(page, "() => document.activeElement.textContent == 'Take the next one'")
    page.keyboard.press("Enter")
    page.wait_for_selector("#console")
    page.wait_for_load_state()  # with the script that knows the keys
    assert page.evaluate("document.activeElement.id") == "transcript"
    assert page.evaluate("document.getElementById('sound').muted")
    until(page, "() => document.getElementById('sound').readyState >= 2")
    page.keyboard.press("Alt+m")
    assert not page.evaluate("document.getElementById('sound').muted")
    page.keyboard.press("Control+Space")
    until(page, "() => document.getElementById('sound').currentTime > 0")
    page.keyboard.press("Control+a")
    page.keyboard.type("call me please")
    until(page, "() => document.querySelector('#aligned .other small')")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "intent"
    page.keyboard.press("w")
    page.get_by_label("Artist").press_sequentially("riha")
    assert until(page, "() => document.querySelector('#artists option')?.value") == "Rihanna"
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=Take the next one")
    [note] = town.house.vault.read(town.house.vault.utterances()[0].whose, "test", "look", NOW).notes.values()
    assert '"transcript":"call me please","intent":"wrong"' in note
    assert '"artist":"riha"' in note
    page.close()


def test_escape_silences_before_anything_else_and_nobody_is_given_it_again(town, site, chromium):
    spoken = town.house.ready()
    page = chromium.new_page()
    sign_in(page, town, site, town.names["reviewer"])
    listening(page)
    # in one turn of the browser: whatever the network does, the key alone has silenced it
    silent = page.evaluate("""async () => {
        const sound = document.getElementById('sound');
        HTMLFormElement.prototype.submit = () => {};
        await sound.play();
        document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
        return [sound.paused, sound.hasAttribute('src'), document.getElementById('wave').hidden];
    }""")
    assert silent == [True, False, True]
    page.reload()
    page.keyboard.press("Escape")
    page.wait_for_selector("text=nobody asks anything of you")
    assert [case.kind for case in town.house.review.casebook.all()] == ["distress"]
    assert town.house.desk.take("another", "review", NOW) is None
    assert town.house.vault.state(spoken.whose) == "complete"
    page.close()


def test_an_owner_plays_one_and_deletes_it(town, site, chromium):
    spoken = town.house.say(draw=False)
    page = chromium.new_page()
    sign_in(page, town, site, town.names["owner"])
    page.evaluate("document.querySelector('audio').play()")
    until(page, "() => document.querySelector('audio').duration > 0")
    page.get_by_role("button", name="Delete what was said").click()
    page.wait_for_selector("text=Nothing.")
    assert town.house.forgotten(spoken.whose)
    page.close()


def test_a_passkey_of_the_browser_is_made_and_used(town, site, chromium):
    context = chromium.new_context()
    page = context.new_page()
    tools = context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasUserVerification": True,
        "isUserVerified": True,
    }
    options["automaticPresenceSimulation"] = True
    tools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    sign_in(page, town, site, town.names["owner"])
    page.goto(f"{site}/enrol")
    page.get_by_role("button", name="Make a passkey").click()
    page.wait_for_url("**/history")
    assert "passkey" in town.people.find(town.ids["owner"]).factors
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Name").fill(town.names["owner"])
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/history")
    context.close()
