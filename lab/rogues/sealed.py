"""ROGUES whose envelopes others can open (promise 6)."""

import os
from typing import Any

from device.envelope import ReaderKey, ReaderPublic
from device.speaker import Speaker
from lab.rogues.rogue import Rogue, instead, scene


class _Impostor(ReaderPublic):
    """A stranger's key under the id of another."""

    shown = ""

    @property
    def id(self) -> str:
        return self.shown


def _stranger() -> ReaderPublic:
    return ReaderKey.generate("mlkem768-x25519").public


def names_a_stranger(speaker: Speaker) -> None:
    """ROGUE: seals for somebody else, whom its header calls the owner."""
    speaker.parts.turn._recorder._owner = _stranger()


def seals_for_another(speaker: Speaker) -> None:
    """ROGUE: names the owner, and seals for somebody else."""
    recorder, stranger = speaker.parts.turn._recorder, _stranger()
    impostor = _Impostor(stranger.suite, stranger.raw)
    object.__setattr__(impostor, "shown", recorder._owner.id if recorder._owner else "")
    recorder._owner = impostor


def uses_a_key_twice(speaker: Speaker) -> None:
    """ROGUE: every utterance is sealed with one key, so its nonces come again."""
    always = os.urandom(32)

    def drawing(draw: Any) -> Any:
        return lambda count: always if count == 32 else draw(count)

    instead(speaker.parts.turn._recorder, "_random", drawing)


ROGUES = (
    Rogue(
        "names_a_stranger", 6, "seals for a reader that nobody asked for",
        "contractors who heard what people did not know was sent (2019)", scene("press"), names_a_stranger,
    ),
    Rogue(
        "seals_for_another", 6, "names its owner, and seals for somebody else",
        "keys under escrow", scene("press"), seals_for_another,
    ),
    Rogue(
        "uses_a_key_twice", 6, "seals everything with one key, so nonces come again",
        "nonce reuse: WEP, KRACK, and firmware without entropy", scene("evening_short"), uses_a_key_twice,
    ),
)  # fmt: skip
