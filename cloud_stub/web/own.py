"""The owner's pages. Of other people's speakers they know nothing, not even that they are there."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from cloud_stub.errors import NotKept
from cloud_stub.held import Held
from cloud_stub.people.people import Person
from cloud_stub.web.history import entry, listenings
from cloud_stub.web.takeout import takeout
from cloud_stub.web.visit import Posted, Seen, Visit
from cloud_stub.web.wav import as_answer
from cloud_stub.whose import Whose
from cloud_stub.wishes import KEEPS, Wish

router = APIRouter()
PAGE = 20

Day = Annotated[str, Form(pattern=r"\d{4}-\d{2}-\d{2}")]


@router.get("/history")
def history(who: Seen, page: Annotated[int, Query(ge=0, le=100_000)] = 0) -> Response:
    """What was kept, the newest first, and everything people did with it."""
    person = who.require("history.see")
    held = _kept(who, person)
    rows = {device: who.parts.vault.accesses(device) for device in person.devices}
    shown = held[page * PAGE : (page + 1) * PAGE]
    found = [entry(who.parts.vault, each, rows[each.whose.device], _by(person), who.now) for each in shown]
    return who.page(
        "history",
        entries=[each for each in found if each is not None],
        page=page,
        more=len(held) > (page + 1) * PAGE,
        total=len(held),
        wishes={device: who.parts.wishes.of(device) for device in person.devices},
        keeps=KEEPS,
        listenings=[(device, listenings(rows[device])) for device in person.devices],
    )


@router.get("/history/{device}/{utterance}/sound")
def play(who: Seen, request: Request, device: str, utterance: str) -> Response:
    """One recording, for its owner."""
    person = who.require("history.play")
    whose = _mine(who, person, device, utterance)
    recording = who.parts.vault.open(whose, _by(person), "play", who.now)
    return as_answer(recording.pcm, request.headers.get("range"))


@router.post("/history/delete")
def delete_one(
    who: Posted, device: Annotated[str, Form(max_length=100)], utterance: Annotated[str, Form(max_length=100)]
) -> Response:
    """One is shredded."""
    person = who.require("history.delete")
    _forget(who, person, [_mine(who, person, device, utterance)])
    return who.go("/history")


@router.post("/history/delete-range")
def delete_range(who: Posted, first: Day, last: Day) -> Response:
    """Everything of these days (UTC, both included) is shredded."""
    person = who.require("history.delete")
    begin, end = _day(first), _day(last)
    if begin is None or end is None:
        return who.page("said", 400, text="That is not a day. Write it as 2026-11-27.")
    inside = [each.whose for each in _kept(who, person) if begin <= each.begun < end + timedelta(days=1)]
    _forget(who, person, inside)
    return who.go("/history")


@router.post("/history/delete-all")
def delete_all(who: Posted) -> Response:
    """Everything is shredded, of all their speakers."""
    person = who.require("history.delete")
    _forget(who, person, [each.whose for each in _kept(who, person)])
    return who.go("/history")


@router.post("/wishes")
def say_wish(
    who: Posted,
    device: Annotated[str, Form(max_length=100)],
    keep: Annotated[str, Form(max_length=20)],
    review: Annotated[str, Form(max_length=3)] = "no",
) -> Response:
    """How long to keep, and whether people may hear a sample."""
    person = who.require("wish.say")
    chosen = next((each for each in KEEPS if each == keep), None)
    if chosen is None or device not in person.devices:
        raise NotKept(f"wish for {device}: not a speaker of {person.id}, or no such length")
    who.parts.wishes.say(device, Wish(chosen, review=review == "yes"), who.now)
    who.parts.review.drawing.withdraw_refused(who.now)
    if chosen == "never":
        _forget(who, person, [each.whose for each in _kept(who, person) if each.whose.device == device])
    return who.go("/history")


@router.post("/export")
def export(who: Posted) -> Response:
    """Everything of theirs with its proofs, as a ZIP made in memory."""
    person = who.require("export.own")
    content = takeout(who.parts.vault, person.devices, _by(person), who.now)
    name = {"Content-Disposition": 'attachment; filename="overheard.zip"'}
    return Response(content, media_type="application/zip", headers=name)


def _by(person: Person) -> str:
    return f"owner:{person.id}"


def _kept(who: Visit, person: Person) -> list[Held]:
    held = [each for device in person.devices for each in who.parts.vault.utterances(device)]
    return sorted(
        (each for each in held if each.header is not None), key=lambda each: each.begun, reverse=True
    )


def _mine(who: Visit, person: Person, device: str, utterance: str) -> Whose:
    whose = Whose(device, utterance)
    if device not in person.devices or who.parts.vault.state(whose) in (None, "forgotten"):
        raise NotKept(f"utterance {whose}: not of {person.id}; choose one that is listed")
    return whose


def _forget(who: Visit, person: Person, all_of: list[Whose]) -> None:
    for whose in all_of:
        who.parts.vault.forget(whose, _by(person), "asked for it", who.now)
    who.parts.review.drawing.withdraw_refused(who.now)


def _day(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None
