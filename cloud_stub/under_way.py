"""What it takes to check more of what is arriving. `drop_others` leaves no key of anything else in memory."""

from typing import NamedTuple

from cloud_stub.door import altered
from cloud_stub.end_record import segments_promised
from cloud_stub.vault import Vault
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
        self._under_way: dict[str, UnderWay] = {}

    def add(self, utterance: str, under_way: UnderWay) -> None:
        """Keep one, or keep it instead of what was known before."""
        self._under_way[utterance] = under_way

    def of(self, utterance: str) -> UnderWay:
        """The one of this utterance. Raises NotKept, StorageError: as `Vault.opener` does."""
        if utterance not in self._under_way:
            begin, opener = self._vault.opener(utterance)
            end = self._vault.messages(utterance)[2]
            try:
                promised = segments_promised(begin, end) if end else None
            except EnvelopeError as error:
                raise altered(utterance) from error
            self.add(utterance, UnderWay(begin, opener, promised))
        return self._under_way[utterance]

    def drop_others(self) -> None:
        """Forget whatever is not arriving any more, its key with it."""
        for utterance in list(self._under_way):
            held = self._vault.whose(utterance)
            if held is None or held[1] != "arriving":
                del self._under_way[utterance]
