"""The paper's table: how often a speaker is woken for nothing, and what leaves it then. Pure."""

from collections.abc import Iterable

import msgspec

from lab.experiment.records import Experiment, Misactivation, Rejected
from lab.study.statistics import Durations, Interval, durations, rate
from lab.study.text import NOTHING, number, rate_text, seconds

LONG_S = 6.0
"""From here on a misactivation is long: the length that the study's authors tell a speaker's median by."""
ALL = "all"

HEADINGS = (
    "played", "hours", "misactivations", "an hour", f"under {LONG_S:.0f} s", f"{LONG_S:.0f} s or longer",
    "P50, P75, P90, max s", "bytes", "in the ledger", "rejected",
)  # fmt: skip


MEANING = (
    "In brackets 95 % intervals (Poisson). Hours are of audio, without the pauses between. Seconds and bytes "
    "are of the misactivations’ sealed messages. Rejected: the second ear did not agree; nothing of it left."
)


class Row(msgspec.Struct, frozen=True):
    """What was misheard in one group of what was played, or in all of it."""

    group: str
    hours: float
    """Of audio, without the pauses."""
    count: int
    per_hour: Interval | None
    shorter: int
    longer: int
    durations: Durations | None
    bytes: int
    in_ledger: int
    rejected: int

    def cells(self) -> tuple[str, ...]:
        """The row in words, as HEADINGS say."""
        return (
            self.group, number(self.hours), str(self.count), rate_text(self.per_hour), str(self.shorter),
            str(self.longer), _lasted(self.durations), f"{self.bytes:,}", f"{self.in_ledger} of {self.count}",
            str(self.rejected),
        )  # fmt: skip


def rows(experiment: Experiment) -> list[Row]:
    """Return a row for each group and one for all, of the sessions that were played."""
    there = {outcome.number for outcome in experiment.outcomes}
    played = [each for one in experiment.plan.sessions if one.number in there for each in one.plays]
    sent = [each for outcome in experiment.outcomes for each in outcome.misactivations]
    stayed = [each for outcome in experiment.outcomes for each in outcome.rejected]
    groups = sorted({each.group for each in played})
    return [
        _row(
            group or ALL,
            sum(each.seconds for each in played if group in (None, each.group)) / 3600,
            [each for each in sent if group in (None, each.group)],
            [each for each in stayed if group in (None, each.group)],
        )
        for group in (*groups, None)
    ]


def markdown(experiment: Experiment) -> str:
    """Return table.md: the table, what it was made with, and the verdict on the evidence."""
    lines = [HEADINGS, tuple("---" for _ in HEADINGS), *(row.cells() for row in rows(experiment))]
    table = "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)
    made = experiment.plan.made
    return (
        f"# Misactivations of “{made.word}”\n\n{table}\n\n"
        f"{MEANING}\n\n{verdict(experiment)}\n\n" + "".join(f"- {line}\n" for line in told(experiment))
    )


def verdict(experiment: Experiment) -> str:
    """Say in a sentence or two what the audits came to."""
    outcomes, found = experiment.outcomes, sum(len(each.findings) for each in experiment.outcomes)
    unwritten = sum(not one.in_ledger for each in outcomes for one in each.misactivations)
    states = {promise for each in outcomes for promise, state in each.states.items() if state != "kept"}
    said = [f"{len(outcomes)} of {len(experiment.plan.sessions)} sessions played and audited: "]
    said.append(f"{found or 'no'} finding{'' if found == 1 else 's'}")
    said.append(f", {unwritten or 'no'} misactivation{'s' if unwritten > 1 else ''} without all rows.")
    if states and not found:
        said.append(f" Not provable in some session: promise {', '.join(sorted(states))}.")
    return "".join(said)


def told(experiment: Experiment) -> list[str]:
    """Say how it was made, a line each."""
    sent = sum(each.wire_bytes for each in experiment.outcomes)
    lines = [f"command: {experiment.command}", f"seed: {experiment.plan.made.seed}"]
    lines += [f"{name}: {value}" for name, value in experiment.machine.items()]
    lines.append(f"out of the device in all, whole frames, as the kernel counted: {sent:,} bytes")
    if experiment.no_memory:
        lines.append(f"memory was not searched, so promises 1 and 4 are not provable: {experiment.no_memory}")
    lines += dict.fromkeys(need for each in experiment.outcomes for need in each.needs)
    lines += [f"left out: {why}" for why in experiment.plan.broken]
    findings = [(each.number, found) for each in experiment.outcomes for found in each.findings]
    return lines + [f"session {number_}: {found}" for number_, found in findings]


def _row(group: str, hours: float, sent: list[Misactivation], stayed: Iterable[Rejected]) -> Row:
    longer = sum(each.sent_s >= LONG_S for each in sent)
    return Row(
        group, hours, len(sent), rate(len(sent), hours), len(sent) - longer, longer,
        durations([each.sent_s for each in sent]), sum(each.bytes for each in sent),
        sum(each.in_ledger for each in sent), len(list(stayed)),
    )  # fmt: skip


def _lasted(lasted: Durations | None) -> str:
    if lasted is None:
        return NOTHING
    return ", ".join(map(seconds, (lasted.p50_s, lasted.p75_s, lasted.p90_s, lasted.max_s)))


def _cell(text: str) -> str:
    """Names of folders are strangers' words: no cell of theirs ends early."""
    return text.replace("|", "\\|").replace("\n", " ")
