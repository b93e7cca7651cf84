"""Signing in: a password, then a second factor, enrolled at the first time."""

from typing import Annotated

import segno
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from cloud_stub.people.gate import Refused, is_fresh
from cloud_stub.people.people import Person
from cloud_stub.people.sessions import Session
from cloud_stub.web.visit import BadForm, Posted, Seen, Visit, visit

router = APIRouter()

Code = Annotated[str, Form(max_length=64)]
HOME = {
    "owner": "/history",
    "reviewer": "/listen/review",
    "adjudicator": "/listen/dispute",
    "privacy_officer": "/cases",
    "auditor": "/ledger",
    "operator": "/people",
}


@router.get("/")
def home(who: Seen) -> Response:
    """On to what this person is here for."""
    if who.session is None:
        return who.go("/sign-in")
    return who.go(next(HOME[role] for role in who.session.person.roles))


@router.get("/sign-in")
def ask_password(who: Seen) -> Response:
    """The form."""
    return who.page("sign_in", wrong="")


def _from_here(request: Request, who: Annotated[Visit, Depends(visit)]) -> Visit:
    """Before there is a session there is no token: a browser says where the form was. Raises BadForm."""
    origin = request.headers.get("origin")
    if origin is not None and origin != who.parts.site.rstrip("/"):
        raise BadForm
    return who


@router.post("/sign-in")
def sign_in(
    who: Annotated[Visit, Depends(_from_here)],
    name: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """A password is checked, unless too many were wrong."""
    limits, address = who.parts.limits, who.request.client.host if who.request.client else ""
    keys = [f"name {name}", f"address {address}"]
    with limits.alone:
        wait = max(limits.wait(key, who.now) for key in keys)
        if wait:
            return who.page("sign_in", 429, wrong=f"Too many tries. Wait {wait.total_seconds():.0f} seconds.")
        person = who.parts.people.check_password(name, password)
        if person is None or person.suspended is not None:
            for key in keys:
                limits.failed(key, who.now)
            return who.page("sign_in", 401, wrong="That is not a name and its password.")
        limits.passed(keys[0])
    if who.token:
        who.parts.sessions.end(who.token)
    return who.keep(who.go("/second"), who.parts.sessions.begin(person, who.now))


@router.post("/sign-out")
def sign_out(who: Posted) -> Response:
    """The session is over."""
    who.parts.sessions.end(who.token)
    response = who.go("/sign-in")
    response.delete_cookie(who.parts.cookie)
    return response


@router.get("/second")
def ask_second(who: Seen) -> Response:
    """The form for a second factor, or to enrol one."""
    session = _known(who)
    if not session.person.factors & {"totp", "passkey"}:
        return _offer_enrolment(who, session.person, "")
    return who.page("second", wrong="", factors=session.person.factors)


@router.post("/second")
def second(who: Posted, code: Code = "") -> Response:
    """A code of an app, or of a paper."""
    person, people, limits = _known(who).person, who.parts.people, who.parts.limits
    key = f"second {person.id}"
    with limits.alone:
        if wait := limits.wait(key, who.now):
            wrong = f"Too many tries. Wait {wait.total_seconds():.0f} seconds."
            return who.page("second", 429, wrong=wrong, factors=person.factors)
        if people.check_totp(person.id, code, who.now) or people.check_paper(person.id, code, who.now):
            limits.passed(key)
            return _passed(who)
        limits.failed(key, who.now)
    return who.page("second", 401, wrong="That code is wrong, or was used already.", factors=person.factors)


@router.post("/second/passkey/offer")
def offer_passkey(who: Posted) -> Response:
    """What the browser needs to ask for a key."""
    return Response(who.parts.passkeys.offer(_known(who).person, who.now), media_type="application/json")


@router.post("/second/passkey")
def show_passkey(who: Posted, answer: Annotated[str, Form(max_length=20_000)] = "") -> Response:
    """A key was shown."""
    person = _known(who).person
    if not who.parts.passkeys.check(person, answer, who.now):
        return who.page("second", 401, wrong="That passkey was not accepted.", factors=person.factors)
    return _passed(who)


@router.post("/enrol/totp")
def enrol_totp(who: Posted, secret: Code = "", code: Code = "") -> Response:
    """The app shows its first code."""
    person = _may_enrol(who)
    papers = who.parts.people.confirm_totp(person.id, secret, code, who.now) if len(secret) == 32 else None
    if papers is None:
        return _offer_enrolment(who, person, "That code does not belong to this picture. Try the next one.")
    token = who.parts.sessions.showed_second(who.token, who.now)
    return who.keep(who.page("papers", papers=papers), token or "")


@router.post("/enrol/passkey/offer")
def offer_registration(who: Posted) -> Response:
    """What the browser needs to make a key."""
    person = _may_enrol(who)
    return Response(who.parts.passkeys.offer_registration(person, who.now), media_type="application/json")


@router.post("/enrol/passkey")
def enrol_passkey(who: Posted, answer: Annotated[str, Form(max_length=20_000)] = "") -> Response:
    """A key was made."""
    person = _may_enrol(who)
    if not who.parts.passkeys.register(person, answer, who.now):
        return _offer_enrolment(who, person, "That passkey was not accepted.")
    return _passed(who)


@router.get("/enrol")
def ask_enrolment(who: Seen) -> Response:
    """Another factor, for somebody who has shown one."""
    return _offer_enrolment(who, _may_enrol(who), "")


def _known(who: Visit) -> Session:
    if who.session is None:
        raise Refused("sign_in")
    return who.session


def _may_enrol(who: Visit) -> Person:
    """Somebody new with the password alone; everybody else right after showing a factor they have: else
    whoever has taken over a session would make one of their own, and it would count as fresh.
    """
    session = _known(who)
    if session.person.factors & {"totp", "passkey"} and not is_fresh(session, who.now):
        raise Refused("step_up")
    return session.person


def _offer_enrolment(who: Visit, person: Person, wrong: str) -> Response:
    totp = who.parts.people.enrol_totp(person.id)
    picture = segno.make(totp.uri, error="m").svg_data_uri(scale=4, light="#fff", border=3)
    return who.page("enrol", 401 if wrong else 200, wrong=wrong, picture=picture, secret=totp.secret)


def _passed(who: Visit) -> Response:
    token = who.parts.sessions.showed_second(who.token, who.now)
    return who.keep(who.go("/"), token or "")
