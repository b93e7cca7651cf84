"""The privacy officer's cases: what listeners stopped or flagged, by when something must be done, and
what was.
"""

from typing import Annotated, get_args

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.responses import Response

from cloud_stub.review.cases import OUTCOMES, CaseEvent, Step, Unfit
from cloud_stub.review.label_studio import read_judgements
from cloud_stub.web.bundle import bundle
from cloud_stub.web.visit import Posted, Seen
from cloud_stub.web.wav import as_answer

router = APIRouter()
Reason = Annotated[str, Form(max_length=2000)]
LARGEST = 4_000_000
EVENTS: tuple[CaseEvent, ...] = get_args(CaseEvent)


@router.get("/cases")
def cases(who: Seen) -> Response:
    """All of them, what is late first."""
    who.require("case.see")
    book = who.parts.review.casebook
    found = [(each, each.late_since(who.now)) for each in reversed(book.all())]
    found.sort(key=lambda each: (each[1] is None, each[0].state == "ended"))
    return who.page("cases", cases=found, grants=who.parts.grants.all(who.now))


@router.get("/cases/{case_id}")
def case(who: Seen, case_id: str) -> Response:
    """One, with what was done so far."""
    who.require("case.see")
    book = who.parts.review.casebook
    found = book.find(case_id)
    late = found.late_since(who.now)
    return who.page("case", case=found, steps=book.steps(case_id), outcomes=OUTCOMES, late=late, device="")


@router.post("/cases/{case_id}/step")
def take_step(
    who: Posted,
    case_id: str,
    event: Annotated[str, Form(max_length=20)],
    outcome: Annotated[str, Form(max_length=20)] = "",
    reason: Reason = "",
) -> Response:
    """Something is done about it."""
    person = who.require("case.act")
    chosen = next((each for each in EVENTS if each == event), None)
    if chosen is None:
        raise Unfit("case: no such step; choose one of the page's")
    ending = next((each for each in OUTCOMES if each == outcome), None)
    who.parts.review.casebook.take_step(case_id, Step(chosen, person.id, ending, reason), who.now)
    return who.go(f"/cases/{case_id}")


@router.get("/cases/{case_id}/sound")
def sound(who: Seen, request: Request, case_id: str) -> Response:
    """The recording itself: without it nobody can decide."""
    person = who.require("case.play")
    recording = who.parts.review.casebook.open(case_id, person.id, who.now)
    return as_answer(recording.pcm, request.headers.get("range"))


@router.post("/cases/{case_id}/identify")
def identify(who: Posted, case_id: str, reason: Reason = "") -> Response:
    """Whose it is, with a reason that its owner will read."""
    person = who.require("identify")
    book = who.parts.review.casebook
    if not reason.strip():
        raise Unfit("identify: no reason given; its owner will read it, so write it down")
    device = book.identify(case_id, person.id, reason, who.now)
    owner = who.parts.people.owner_of(device)
    found = book.find(case_id)
    said = f"{device}, of {owner.name if owner else 'nobody who can sign in'}"
    late = found.late_since(who.now)
    return who.page("case", case=found, steps=book.steps(case_id), outcomes=OUTCOMES, late=late, device=said)


@router.post("/export/ask")
def ask_export(who: Posted, reason: Reason = "") -> Response:
    """Ask another officer to agree to an export of what listeners may hear."""
    person = who.require("export.bulk")
    who.parts.grants.ask(person.id, "export.bulk", reason, who.now)
    return who.go("/cases")


@router.post("/export/approve")
def approve_export(who: Posted, grant: Annotated[str, Form(max_length=32)]) -> Response:
    """Agree to what somebody else asked."""
    person = who.require("export.approve")
    who.parts.grants.approve(grant, person.id, who.now)
    return who.go("/cases")


@router.post("/import")
def import_judgements(who: Posted, file: UploadFile) -> Response:
    """What Label Studio made of an export: judgements, taken like anybody's."""
    who.require("export.bulk")
    taken, left = who.parts.review.desk.take_in(read_judgements(file.file.read(LARGEST)), who.now)
    return who.page(
        "said", text=f"{taken} judgements were taken, {left} were not: over, or withdrawn meanwhile."
    )


@router.post("/export/bundle")
def export_bundle(who: Posted, grant: Annotated[str, Form(max_length=32)]) -> Response:
    """What listeners may hear, for Label Studio: bleeped, masked, without a name. Once."""
    person = who.require("export.bulk")
    who.parts.grants.use(grant, person.id, "export.bulk", who.now)
    content = bundle(who.parts.review, who.parts.vault, f"privacy_officer:{person.id}", grant, who.now)
    name = {"Content-Disposition": 'attachment; filename="label-studio.zip"'}
    return Response(content, media_type="application/zip", headers=name)
