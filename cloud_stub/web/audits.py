"""The auditor's pages: the ledgers, and the controls as code. No sound and no words are in any of them."""

from fastapi import APIRouter
from fastapi.responses import Response

from cloud_stub.web.visit import Seen

router = APIRouter()
SHOWN = 200


@router.get("/ledger")
def ledger(who: Seen) -> Response:
    """Who heard what, and what was done to people; each ledger with its head."""
    who.require("ledger.read")
    vault, people = who.parts.vault, who.parts.people
    return who.page(
        "ledger",
        accesses=vault.accesses()[-SHOWN:][::-1],
        head=vault.access_head(),
        events=people.events()[-SHOWN:][::-1],
        events_head=people.events_head(),
        agreements=who.parts.review.settling.agreements(),
        late=who.parts.review.casebook.late(who.now),
        shown=SHOWN,
    )
