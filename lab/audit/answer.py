"""The one question of an audit: did anything leave before the wake word? Only the verdicts answer it."""

from typing import Literal, NamedTuple

from lab.audit.verdicts import Finding, Verdict

QUESTION = "Did anything leave before the wake word?"
_LEFT = (1, 3)
"""Promises of which every finding is something that left without a trigger."""
_UNWRITTEN = frozenset({"envelope.ledgered", "capture.nothing_else"})
"""Checks of promise 5 that find something that nobody accounts for: it may have been anything."""


class Answer(NamedTuple):
    """`word` in one word or so, `sentence` why; `state` as of a promise."""

    word: str
    sentence: str
    state: Literal["kept", "broken", "not provable"]


def answer(verdicts: list[Verdict]) -> Answer:
    """Say it."""
    found = against(verdicts)
    if found:
        more = f" And {len(found) - 1} more." if len(found) > 1 else ""
        what = found[0].what[0].upper() + found[0].what[1:]
        return Answer("Yes", f"{what} ({found[0].where}).{more}", "broken")
    asked = [each for each in verdicts if each.promise in _LEFT]
    if all(each.state == "kept" for each in asked):
        return Answer(
            "No", "Everything that left begins at a press, or at the wake word, and is written down.", "kept"
        )
    needs = list(dict.fromkeys(need for each in asked for need in each.needs))
    held = [result for each in asked for result in each.results if result.state == "holds"]
    if not held:
        return Answer("Can’t be told", f"That would need {needs[0]}.", "not provable")
    return Answer(
        "Not as far as can be seen",
        f"What was seen begins at a press or at the wake word. To see all would need {'; '.join(needs)}.",
        "not provable",
    )


def against(verdicts: list[Verdict]) -> list[Finding]:
    """What speaks for yes."""
    return [
        finding
        for verdict in verdicts
        for check, finding in verdict.findings
        if verdict.promise in _LEFT or check.name in _UNWRITTEN
    ]
