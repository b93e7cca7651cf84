"""What an experiment knows: what is to be played, and what came of each session. Plain frozen values."""

import msgspec

from lab.audit.verdicts import State


class Played(msgspec.Struct, frozen=True):
    """A sound in a session. `at_s` is when it begins in the session's room."""

    file: str
    """Its path under the folder of audio, with `/` between."""
    group: str
    """What it is counted with: a show, the manifest's `group`, or the folder it lies in."""
    at_s: float
    seconds: float
    gain_db: float


class Session(msgspec.Struct, frozen=True):
    """What one run of the speaker hears; `number` counts from 1."""

    number: int
    seconds: float
    """How long its room sounds, pauses included."""
    plays: tuple[Played, ...]

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.number:04}"

    def at(self, second: float) -> Played:
        """Return the sound that began last before a moment: what woke the speaker then."""
        begun = [each for each in self.plays if each.at_s <= second]
        return begun[-1] if begun else self.plays[0]


class Made(msgspec.Struct, frozen=True):
    """All that the table depends on. A folder goes on only with equal ones."""

    audio: str
    """The absolute path of the folder of audio."""
    seed: int
    hours: float | None
    word: str
    sensitivity: str
    version: str
    """Of overheard."""
    models: dict[str, str]
    """SHA-256 of both ears' models, by name."""


class Plan(msgspec.Struct, frozen=True):
    """What is to be played, in order."""

    made: Made
    sessions: tuple[Session, ...]
    broken: tuple[str, ...]
    """Files that are left out, and why: a line each."""


class Misactivation(msgspec.Struct, frozen=True):
    """An utterance that left the speaker."""

    session: int
    utterance: str
    file: str
    group: str
    at_s: float
    """When it was woken, in the session's room."""
    sent_s: float
    """How much sound left."""
    bytes: int
    """Of its messages, sealed, as the broker got them."""
    in_ledger: bool
    """Every message of it has its row: the same topic, length and SHA-256."""


class Rejected(msgspec.Struct, frozen=True):
    """A wake of the first ear that the second did not agree to: nothing of it leaves."""

    session: int
    file: str
    group: str
    at_s: float
    first_score: float | None
    second_score: float | None


class Outcome(msgspec.Struct, frozen=True):
    """What came of a session."""

    number: int
    states: dict[str, State]
    """By the number of the promise."""
    findings: tuple[str, ...]
    """Everything that its audit found."""
    needs: tuple[str, ...]
    """What would have to be given for promises that are not provable."""
    wire_bytes: int
    """What the kernel counted out of the device, whole frames: handshakes, heads of the ledger and all."""
    misactivations: tuple[Misactivation, ...]
    rejected: tuple[Rejected, ...]

    @property
    def clean(self) -> bool:
        """Whether its audit found nothing, and all that left is in the ledger."""
        return not self.findings and all(each.in_ledger for each in self.misactivations)


class Experiment(msgspec.Struct, frozen=True):
    """Everything; `outcomes` are those of `plan.sessions`, in order."""

    plan: Plan
    command: str
    machine: dict[str, str]
    """What it ran on, and with which versions."""
    no_memory: str
    """Why nothing was searched in the memory of the speaker; empty if it was."""
    outcomes: tuple[Outcome, ...]

    @property
    def clean(self) -> bool:
        """Whether every session is."""
        return all(each.clean for each in self.outcomes)
