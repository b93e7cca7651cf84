"""What it takes to check more of what is arriving. `drop_others` leaves no key of anything else in memory."""

from typing import NamedTuple

from cloud_stub.door import altered
from cloud_stub.end_record import segments_promised
from cloud_stub.vault import Vault
from cloud_stub.whose import Whose
from device.envelope import Begin, EnvelopeError, Opener


class UnderWay(NamedTuple):
    """One utterance. promised: how many segments it has, once its end came."""

    begin: Begin
    opener: Opener
    promised: int | None


class Arriving:
    """What is under way, by utterance; looked up in the vault when it is not in memory."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._under_way: dict[Whose, UnderWay] = {}

    def add(self, whose: Whose, under_way: UnderWay) -> None:
        """Keep one, or keep it instead of what was known before."""
        self._under_way[whose] = under_way

    def of(self, whose: Whose) -> UnderWay:
        """The one of this utterance. Raises NotKept, StorageError: as `Vault.opener` does."""
        if whose not in self._under_way:
            begin, opener = self._vault.opener(whose)
            end = self._vault.end(whose)
            try:
                promised = segments_promised(begin, end) if end else None
            except EnvelopeError as error:
                raise altered(whose) from error
            self.add(whose, UnderWay(begin, opener, promised))
        return self._under_way[whose]

    def end_of(self, whose: Whose) -> int | None:
        """How many segments it has, if its end came meanwhile. Raises as `of` does."""
        if self._vault.has_end(whose):
            self._under_way.pop(whose, None)
        return self.of(whose).promised

    def drop_others(self) -> None:
        """Forget whatever is not arriving any more, its key with it."""
        for whose in list(self._under_way):
            if self._vault.state(whose) != "arriving":
                del self._under_way[whose]
