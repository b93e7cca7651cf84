"""What a listener says of a recording: a transcript, and answers to the questions that the machine left.
Pure.
"""

from typing import Annotated, Literal

import jiwer
import msgspec

Verdict = Literal["right", "wrong", "unclear"]
QUESTIONS = ("intent", "answer", "false_wake")
LONGEST_TRANSCRIPT = 2000


class Judgement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One person's. artist: the musician meant, as in the catalogue; "" for none. No room for free remarks:
    they are where names end up.
    """

    transcript: Annotated[str, msgspec.Meta(max_length=LONGEST_TRANSCRIPT)]
    intent: Verdict
    answer: Verdict
    false_wake: bool
    artist: Annotated[str, msgspec.Meta(max_length=200)] = ""

    def says(self, question: str) -> str:
        """The answer to one of QUESTIONS, as a word to be counted."""
        return {"intent": self.intent, "answer": self.answer, "false_wake": str(self.false_wake)}[question]


class Word(msgspec.Struct, frozen=True):
    """One column of an alignment: what the machine heard, what the person did; "" where one has nothing."""

    machine: str
    person: str


def align(machine: str, person: str) -> list[Word]:
    """The machine's words beside the person's, by the fewest edits (jiwer's alignment)."""
    if not machine.split() or not person.split():
        return [Word(each, "") for each in machine.split()] + [Word("", each) for each in person.split()]
    found = jiwer.process_words(person, machine)
    right, heard = found.references[0], found.hypotheses[0]
    columns: list[Word] = []
    for chunk in found.alignments[0]:
        theirs = right[chunk.ref_start_idx : chunk.ref_end_idx]
        ours = heard[chunk.hyp_start_idx : chunk.hyp_end_idx]
        for at in range(max(len(theirs), len(ours))):
            columns.append(Word("".join(ours[at : at + 1]), "".join(theirs[at : at + 1])))
    return columns


def word_errors(one: str, other: str) -> tuple[int, int]:
    """Edits between two transcripts, and the words of the first: their quotient is the error rate."""
    columns = align(_plain(other), _plain(one))
    return sum(each.machine != each.person for each in columns), len(_plain(one).split())


def agree(one: Judgement, other: Judgement, most_word_errors: float) -> bool:
    """Whether two say the same: every question, the artist, and the transcript to within so many errors a
    word.
    """
    if any(one.says(each) != other.says(each) for each in QUESTIONS) or one.artist != other.artist:
        return False
    errors, words = word_errors(one.transcript, other.transcript)
    return errors <= most_word_errors * max(words, 1)


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
