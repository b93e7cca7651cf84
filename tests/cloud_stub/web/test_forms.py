"""Every form and every page against whatever fits its OpenAPI description, and what does not: no server
error.
"""

import pytest
import schemathesis
from fastapi.responses import JSONResponse
from hypothesis import HealthCheck, given, settings
from starlette.requests import Request

from cloud_stub.people.roles import ROLES
from tests.cloud_stub.web.conftest import SITE, Browser, Town

TRIES = 12


def described(browser: Browser) -> object:
    """The description of the application, by the application."""
    app = browser.client.app

    def openapi(_: Request) -> JSONResponse:
        return JSONResponse(app.openapi())

    app.add_route("/openapi.json", openapi)
    return schemathesis.openapi.from_asgi("/openapi.json", app)


def met(town: Town, role: str) -> tuple[int, set[int]]:
    """How many requests were made, and what they were answered."""
    browser = town.of(role)
    browser.get("/enrol")
    statuses: list[int] = []
    for found in described(browser).get_all_operations():
        operation = found.ok()
        if operation.path in ("/sign-out", "/openapi.json", "/sign-in"):
            continue

        @settings(
            max_examples=TRIES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def send(case: schemathesis.Case) -> None:
            if isinstance(case.body, dict):
                case.body["csrf"] = browser.csrf
            cookies = dict(browser.client.cookies)
            answer = case.call(cookies=cookies, headers={"origin": SITE}, base_url=SITE)
            assert answer.status_code < 500, case.as_curl_command()
            statuses.append(answer.status_code)

        send()
    return len(statuses), set(statuses)


@pytest.mark.parametrize("role", ROLES)
def test_nothing_that_fits_or_does_not_is_a_server_error(town, role):
    town.house.ready()
    tries, statuses = met(town, role)
    assert tries > 300
    assert statuses & {200, 303}  # it got somewhere


def test_a_server_error_would_be_met(town):
    town.house.vault.close()
    with pytest.raises((AssertionError, ExceptionGroup)):
        met(town, "owner")
