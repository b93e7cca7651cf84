"""From what the vault keeps to what people may be given: drawn, allowed, and searched for what is
critical.
"""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from cloud_stub.config import ReviewSection
from cloud_stub.database import Database
from cloud_stub.door import Recording
from cloud_stub.errors import NotKept
from cloud_stub.held import may_stay
from cloud_stub.review import tables
from cloud_stub.review.categories import to_bits
from cloud_stub.review.prepared import Made, to_bytes
from cloud_stub.review.sampler import hears_two, is_drawn
from cloud_stub.vault import Vault
from cloud_stub.whose import Whose
from cloud_stub.wishes import Wishes

Prepare = Callable[[Recording], Made]


class Drawing:
    """Draws, prepares and withdraws. key: of the sampler, 32 bytes. From any thread."""

    def __init__(
        self, database: Database, vault: Vault, wishes: Wishes, key: bytes, settings: ReviewSection
    ) -> None:
        self._database = database
        self._vault = vault
        self._wishes = wishes
        self._key = key
        self._settings = settings

    def consider(self, whose: Whose, now: datetime) -> bool:
        """Draw or do not draw what was kept and answered; whether it was drawn. Twice is harmless."""
        if not self.is_allowed(whose):
            return False
        drawn = is_drawn(self._key, whose, self._settings.share)
        with self._database.write() as sql:
            if tables.subject_state(sql, whose) is not None:
                return False
            tables.count(sql, "considered")
            if drawn:
                tables.count(sql, "drawn")
                sql.execute(
                    "INSERT INTO subject (device, utterance, state, drawn) VALUES (?, ?, 'drawn', ?)",
                    (*whose, now.timestamp()),
                )
        return drawn

    def is_allowed(self, whose: Whose) -> bool:
        """Whether its owner allows it to be heard by people: then, by what the device signed, and today."""
        held = self._vault.find(whose)
        if held is None or held.header is None or held.state != "complete" or not may_stay(held.header):
            return False
        return held.header.consent.review and self._wishes.of(whose.device).review

    def may_serve(self, whose: Whose) -> bool:
        """Whether it may be given to a person now: drawn by the rule, and allowed."""
        return is_drawn(self._key, whose, self._settings.share) and self.is_allowed(whose)

    def waits(self) -> bool:
        """Whether something was drawn and not prepared yet."""
        with self._database.read() as sql:
            return sql.execute("SELECT 1 FROM subject WHERE state = 'drawn' LIMIT 1").fetchone() is not None

    def prepare_next(self, prepare: Prepare, now: datetime, passed_over: int = 0) -> bool:
        """Prepare one that was drawn, and make its tasks; False when none waits but the first `passed_over`.

        Raises OutOfReach: its sound is not to be had now; it waits on.
        """
        with self._database.read() as sql:
            waiting = "SELECT device, utterance FROM subject WHERE state = 'drawn'"
            query = waiting + " ORDER BY drawn LIMIT 1 OFFSET ?"
            row = sql.execute(query, (passed_over,)).fetchone()
        if row is None:
            return False
        whose = Whose(*row)
        made = None
        with suppress(NotKept):  # its owner was quicker
            if self.may_serve(whose):
                made = prepare(self._vault.open(whose, "machine", "prepare for review", now))
                self._vault.put_prepared(whose, to_bytes(made.prepared))
        with self._database.write() as sql:
            if made is None:
                tables.withdraw(sql, whose, "withdrawn", now)
            elif tables.subject_state(sql, whose) == "drawn":
                self._make_tasks(sql, whose, made)
        return True

    def _make_tasks(self, sql: sqlite3.Connection, whose: Whose, made: Made) -> None:
        tables.set_subject(sql, whose, "ready")
        about = "UPDATE subject SET categories = ? WHERE device = ? AND utterance = ?"
        sql.execute(about, (to_bits(made.categories), *whose))
        for _ in range(2 if hears_two(self._key, whose, self._settings.double_share) else 1):
            tables.add_task(sql, whose, "review")

    def open_tasks(self) -> list[tables.Task]:
        """The tasks that wait for somebody to review them."""
        with self._database.read() as sql:
            return tables.tasks(sql, "WHERE state = 'waiting' AND kind = 'review'")

    def withdraw_refused(self, now: datetime) -> int:
        """Take away what is not allowed any more, or gone; return how many."""
        with self._database.read() as sql:
            query = "SELECT device, utterance FROM subject WHERE state IN ('drawn', 'ready', 'disputed')"
            under_way = [Whose(*row) for row in sql.execute(query)]
        refused = [whose for whose in under_way if not self.may_serve(whose)]
        with self._database.write() as sql:
            for whose in refused:
                tables.withdraw(sql, whose, "withdrawn", now)
        return len(refused)
