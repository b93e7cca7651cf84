"""One request: who asks, when, and whether the form they send is ours."""

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from cloud_stub.people.gate import Refused, check
from cloud_stub.people.people import Person
from cloud_stub.people.roles import Action
from cloud_stub.people.sessions import Session
from cloud_stub.web.parts import Parts
from cloud_stub.web.show import render


class BadForm(Exception):  # noqa: N818 (it says what happened)
    """A form without the token of this session, or from another site."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks. token: of their cookie, "" for none."""

    parts: Parts
    request: Request
    session: Session | None
    token: str
    now: datetime

    def require(self, action: Action) -> Person:
        """Whoever may do this now. Raises Refused."""
        return check(self.session, action, self.now)

    def page(self, name: str, status: int = 200, **values: object) -> HTMLResponse:
        """A page of ours, with this session's form token in it."""
        person = self.session.person if self.session else None
        csrf = self.session.csrf if self.session else ""
        return HTMLResponse(render(name, person=person, csrf=csrf, **values), status)

    def go(self, where: str) -> RedirectResponse:
        """On to another page, by GET."""
        return RedirectResponse(where, 303)

    def keep(self, response: Response, token: str) -> Response:
        """Hand the browser its token."""
        response.set_cookie(
            self.parts.cookie, token, httponly=True, secure=self.parts.secure, samesite="strict", path="/"
        )
        return response


def visit(request: Request) -> Visit:
    """Who asks, by the cookie."""
    parts: Parts = request.app.state.parts
    now = parts.clock()
    token = request.cookies.get(parts.cookie, "")
    return Visit(parts, request, parts.sessions.find(token, now) if token else None, token, now)


def posted(
    request: Request, who: Annotated[Visit, Depends(visit)], csrf: Annotated[str, Form(max_length=100)] = ""
) -> Visit:
    """Who sends a form. Raises BadForm unless it is of this session and of this site."""
    origin = request.headers.get("origin")
    if origin is not None and origin != who.parts.site.rstrip("/"):
        raise BadForm
    if who.session is None:
        raise Refused("sign_in")
    if not hmac.compare_digest(csrf.encode(), who.session.csrf.encode()):
        raise BadForm
    return who


Seen = Annotated[Visit, Depends(visit)]
Posted = Annotated[Visit, Depends(posted)]
