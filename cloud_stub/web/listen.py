"""The listener's console, for reviewers and adjudicators alike: one blind task at a time."""

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, Response

from cloud_stub.hearing.artists import offered
from cloud_stub.people.roles import Action
from cloud_stub.review.categories import CATEGORIES
from cloud_stub.review.judgement import LONGEST_TRANSCRIPT, Judgement, Verdict, align
from cloud_stub.review.tables import Task, TaskKind
from cloud_stub.web.visit import Posted, Seen, Visit
from cloud_stub.web.wav import as_answer

router = APIRouter()
Kind = Literal["review", "dispute"]
TaskId = Annotated[str, Form(pattern=r"[0-9a-f]{32}")]
Transcript = Annotated[str, Form(max_length=LONGEST_TRANSCRIPT)]
Artist = Annotated[str, Form(max_length=200)]

_MAY: dict[TaskKind, dict[str, Action]] = {
    "review": {"take": "task.take", "play": "task.play", "judge": "task.judge"},
    "dispute": {"take": "dispute.take", "play": "dispute.play", "judge": "dispute.judge"},
}


@router.get("/listen/{kind}")
def console(who: Seen, kind: Kind) -> Response:
    """The task of this person, if they have one."""
    person = who.require(_MAY[kind]["take"])
    who.parts.review.desk.give_back_late(who.now)
    task = who.parts.review.desk.current(person.id, kind)
    if task is not None:
        return _task(who, task)
    rest = who.parts.review.desk.rest(person.id, who.now)
    declined = who.parts.review.desk.declined(person.id)
    return who.page("waiting", kind=kind, rest=rest, nothing=False, declined=declined, categories=CATEGORIES)


@router.post("/listen/{kind}/take")
def take(who: Posted, kind: Kind) -> Response:
    """The next one."""
    person = who.require(_MAY[kind]["take"])
    task = who.parts.review.desk.take(person.id, kind, who.now)
    if task is not None:
        return who.go(f"/listen/{kind}")
    desk = who.parts.review.desk
    rest, declined = desk.rest(person.id, who.now), desk.declined(person.id)
    return who.page("waiting", kind=kind, rest=rest, nothing=True, declined=declined, categories=CATEGORIES)


@router.get("/listen/{kind}/{task_id}/sound")
def sound(who: Seen, request: Request, kind: Kind, task_id: str) -> Response:
    """What this person may hear, for the task that they have."""
    person = who.require(_MAY[kind]["play"])
    pcm = who.parts.review.desk.sound(task_id, person.id, who.now)
    return as_answer(pcm, request.headers.get("range"))


@router.post("/listen/{kind}/align")
def compare(who: Posted, kind: Kind, task_id: TaskId, transcript: Transcript = "") -> Response:
    """The machine's words beside those typed so far."""
    person = who.require(_MAY[kind]["judge"])
    shown = who.parts.review.desk.show(task_id, person.id, who.now)
    return JSONResponse(msgspec.to_builtins(align(shown.heard, transcript)))


@router.post("/listen/{kind}/artists")
def artists(who: Posted, kind: Kind, typed: Artist = "") -> Response:
    """Whom of the catalogue what is typed may mean."""
    who.require(_MAY[kind]["judge"])
    return JSONResponse(offered(who.parts.artists, typed))


@router.post("/listen/{kind}/judge")
def judge(
    who: Posted,
    kind: Kind,
    task_id: TaskId,
    intent: Annotated[Verdict, Form()],
    answer: Annotated[Verdict, Form()],
    transcript: Transcript = "",
    false_wake: Annotated[str, Form(max_length=3)] = "no",
    artist: Artist = "",
) -> Response:
    """A judgement, and on to the next one."""
    person = who.require(_MAY[kind]["judge"])
    said = Judgement(transcript, intent, answer, false_wake == "yes", artist)
    who.parts.review.desk.judge(task_id, person.id, said, who.now)
    return who.go(f"/listen/{kind}")


@router.post("/listen/{kind}/stop")
def stop(who: Posted, kind: Kind, task_id: TaskId) -> Response:
    """It distresses. Nothing is asked."""
    person = who.require(_MAY[kind]["take"])
    who.parts.review.desk.stop(task_id, person.id, who.now)
    return who.go(f"/listen/{kind}")


@router.post("/listen/{kind}/flag")
def flag(who: Posted, kind: Kind, task_id: TaskId) -> Response:
    """It holds what is nobody's business."""
    person = who.require(_MAY[kind]["take"])
    who.parts.review.desk.flag(task_id, person.id, who.now)
    return who.go(f"/listen/{kind}")


@router.post("/listen/{kind}/give-back")
def give_back(who: Posted, kind: Kind, task_id: TaskId) -> Response:
    """Rather not this one."""
    person = who.require(_MAY[kind]["take"])
    who.parts.review.desk.give_back(task_id, person.id, who.now)
    return who.go(f"/listen/{kind}")


@router.post("/listen/{kind}/decline")
def decline(who: Posted, kind: Kind, category: Annotated[list[str] | None, Form()] = None) -> Response:
    """Kinds of recordings that this person rather does not hear."""
    person = who.require(_MAY[kind]["take"])
    chosen = frozenset(each for each in CATEGORIES if each in (category or []))
    who.parts.review.desk.decline(person.id, chosen)
    return who.go(f"/listen/{kind}")


def _task(who: Visit, task: Task) -> Response:
    desk, person = who.parts.review.desk, task.person or ""
    others = desk.transcripts(task.id, person, who.now) if task.kind == "dispute" else []
    shown = desk.show(task.id, person, who.now)
    return who.page("task", kind=task.kind, task=task.id, shown=shown, others=others)
