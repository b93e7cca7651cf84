"""The operator's page: who there is. Nothing of what was recorded is in it."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from cloud_stub.errors import PersonError
from cloud_stub.people.roles import ROLES
from cloud_stub.web.visit import Posted, Seen

router = APIRouter()


@router.get("/people")
def people(who: Seen) -> Response:
    """Everybody."""
    who.require("people.manage")
    return who.page("people", people=who.parts.people.all(), roles=ROLES)


@router.post("/people/add")
def add(
    who: Posted,
    name: Annotated[str, Form(max_length=200)],
    password: Annotated[str, Form(max_length=1000)],
    role: Annotated[str, Form(max_length=30)],
    device: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Somebody new."""
    person = who.require("people.manage")
    chosen = frozenset(each for each in ROLES if each == role)
    devices = (device,) if device else ()
    who.parts.people.add(name, password, chosen, (person.id, who.now), devices)
    return who.go("/people")


@router.post("/people/suspend")
def suspend(
    who: Posted, whom: Annotated[str, Form(max_length=40)], why: Annotated[str, Form(max_length=500)] = ""
) -> Response:
    """Out at once."""
    person = who.require("people.manage")
    if whom == person.id:
        raise PersonError("suspend: nobody suspends themselves; ask another operator")
    who.parts.people.suspend(whom, why, (person.id, who.now))
    return who.go("/people")


@router.post("/people/restore")
def restore(who: Posted, whom: Annotated[str, Form(max_length=40)]) -> Response:
    """In again."""
    person = who.require("people.manage")
    who.parts.people.restore(whom, (person.id, who.now))
    return who.go("/people")
