"""A cloud with pages, recordings of two households, and one person of every role."""

import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pyotp
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from cloud_stub.hearing.artists import read_artists
from cloud_stub.people.people import People
from cloud_stub.people.roles import ROLES, Role
from cloud_stub.web.app import make_app
from cloud_stub.web.parts import Parts, make_parts
from cloud_stub.wishes import Wish
from tests.cloud_stub.conftest import NOW, Voice
from tests.cloud_stub.people.conftest import PASSWORD
from tests.cloud_stub.review.conftest import House

SITE = "http://localhost:8080"
BY = ("console", NOW)


class Clock:
    """A clock that goes when a test says so."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def go(self, **time: float) -> None:
        self.now += timedelta(**time)


class Browser:
    """A browser without a screen: cookies, forms with their tokens, and nothing else."""

    def __init__(self, parts: Parts) -> None:
        self.client = TestClient(make_app(parts), base_url=SITE, follow_redirects=False)
        self.csrf = ""

    def get(self, path: str, **headers: str) -> Response:
        answer = self.client.get(path, headers=headers)
        if found := re.search(r'name="csrf" value="([^"]+)"', answer.text):
            self.csrf = found[1]
        return answer

    def post(self, path: str, origin: str | None = SITE, **form: object) -> Response:
        headers = {"origin": origin} if origin else {}
        answer = self.client.post(path, data={"csrf": self.csrf, **form}, headers=headers)
        if found := re.search(r'name="csrf" value="([^"]+)"', answer.text):
            self.csrf = found[1]
        return answer


class Folk:
    """One person of every role, two officers and a neighbour: passwords are hashed once for all tests."""

    def __init__(self, voice: Voice, neighbour: Voice) -> None:
        self._folder = TemporaryDirectory(prefix="overheard-folk-")
        self.directory = Path(self._folder.name) / "people"
        self.seeds: dict[str, str] = {}
        self.names = {role: f"somebody-who-is-{role}" for role in ROLES}
        with closing(People(self.directory)) as people:
            self.ids = {role: self._add(people, self.names[role], role, voice.device) for role in ROLES}
            self.second_officer = self._add(people, "second-officer", "privacy_officer")
            self.neighbour_id = self._add(people, "the-neighbour", "owner", neighbour.device)

    def _add(self, people: People, name: str, role: Role, device: str = "") -> str:
        devices = (device,) if role == "owner" else ()
        person = people.add(name, PASSWORD, frozenset({role}), BY, devices)
        totp = people.enrol_totp(person.id)
        people.confirm_totp(person.id, totp.secret, pyotp.TOTP(totp.secret).at(NOW), NOW)
        self.seeds[name] = totp.secret
        return person.id


folk = cache(Folk)


class Town:
    """The cloud, who is in it, and their browsers."""

    def __init__(self, directory: Path, voice: Voice, neighbour: Voice, **settings: object) -> None:
        self.house = House(directory, voice, **settings)
        self.neighbour = neighbour
        known = folk(voice, neighbour)
        shutil.copytree(known.directory, directory / "people")
        self.people = People(directory / "people")
        self.clock = Clock()
        house = self.house
        self.parts = make_parts(
            house.vault, house.wishes, house.review, self.people, self.clock, SITE, read_artists()
        )
        self.names, self.seeds, self.ids = known.names, known.seeds, known.ids
        self.second_officer, self.neighbour_id = known.second_officer, known.neighbour_id

    def code(self, name: str) -> str:
        """The code that somebody's app shows."""
        return pyotp.TOTP(self.seeds[name]).at(self.clock.now)

    def browser(self) -> Browser:
        return Browser(self.parts)

    def signed_in(self, name: str, *, second: bool = True) -> Browser:
        """Somebody's browser after signing in."""
        browser = self.browser()
        assert browser.post("/sign-in", name=name, password=PASSWORD).status_code == 303
        if second:
            self.clock.go(seconds=60)  # no code counts twice
            browser.get("/second")
            assert browser.post("/second", code=self.code(name)).status_code == 303
        return browser

    def of(self, role: Role) -> Browser:
        return self.signed_in(self.names[role])

    def neighbours(self) -> str:
        """A recording of the neighbour, who also allows review."""
        self.house.wishes.say(self.neighbour.device, Wish("until_deleted", review=True), NOW)
        return self.house.say(voice=self.neighbour).utterance

    def close(self) -> None:
        self.house.close()
        self.people.close()


@pytest.fixture
def town(tmp_path: Path, voice: Voice, stranger: Voice) -> Iterator[Town]:
    made = Town(tmp_path / "cloud", voice, stranger)
    yield made
    made.close()
