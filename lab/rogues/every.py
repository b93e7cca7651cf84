"""Every ROGUE, by promise."""

from lab.rogues import closed, early, elsewhere, kept, past, sealed, unseen, written
from lab.rogues.rogue import Rogue

ROGUES: tuple[Rogue, ...] = tuple(
    sorted(
        (
            *early.ROGUES, *closed.ROGUES, *kept.ROGUES, *written.ROGUES, *past.ROGUES, *sealed.ROGUES,
            *unseen.ROGUES, *elsewhere.ROGUES,
        ),
        key=lambda rogue: rogue.promise,
    )
)  # fmt: skip
