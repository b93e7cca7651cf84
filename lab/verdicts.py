"""What must be true after a run: the scenario's own expectations, and the promises that hold in every run.

The promises look at what was seen from outside the speaker, as far as there is such evidence (see
`promises`). The scenario's expectations of utterances, ends, departures and answers look at what it told.
"""

from collections.abc import Callable, Iterator, Sequence

from hardware.board import RATE_HZ
from lab.evidence import Evidence
from lab.promises import promises
from lab.report import Verdict
from lab.scenario import Expect, Light, Moments, samples
from lab.simulate import Outcome

Fits = Callable[[str, str], bool]


def judge(outcome: Outcome) -> list[Verdict]:
    """Return the verdict on every expectation of the scenario, then on every promise.

    Raises:
        LabError, EnvelopeError: the evidence cannot be read.
    """
    evidence = Evidence(outcome)
    return [*_expectations(outcome.scenario.expect, evidence), *promises(evidence)]


def _expectations(expect: Expect, evidence: Evidence) -> Iterator[Verdict]:
    utterances = evidence.utterances
    yield from _count("utterances", expect.utterances, len(utterances))
    yield from _count("complete", expect.complete, len(evidence.complete))
    yield from _count("rejected by the second ear", expect.rejected, len(evidence.of("rejected")))
    yield from _count("kept by the cloud", expect.kept_by_the_cloud, evidence.outcome.kept_by_the_cloud)
    told: dict[str, tuple[list[str], Sequence[str] | None, Fits]] = {
        "trigger": ([evidence.trigger(u["id"]) for u in utterances], expect.trigger, str.__eq__),
        "end_reason": ([u["reason"] for u in utterances], expect.end_reason, str.__eq__),
        "heard": ([evidence.text("heard", u["id"]) for u in utterances], expect.heard, str.__eq__),
        "answer": ([evidence.text("answer", u["id"]) for u in utterances], expect.answer, str.__contains__),
    }
    for name, (found, wanted, fits) in told.items():
        if wanted is not None:
            yield _list(name, found, wanted, fits)
    if expect.microphone is not None:
        yield _microphone(expect.microphone, [told["fault"] for told in evidence.of("microphone")])
    for between in expect.nothing_sent_between:
        sent = [e["sample"] for e in evidence.publishes if _within(e["sample"], between)]
        yield _none("nothing sent", between, sent)
    for between in expect.nothing_captured_between:
        kept = [first for first, end in evidence.captured if _overlaps(first, end, between)]
        yield _none("nothing captured", between, kept)
    for between in expect.deaf_between:
        yield _none("no frame read", between, evidence.frames_read(samples(between[0]), samples(between[1])))
    for light in expect.lights:
        yield _light(light, evidence)


def _count(name: str, wanted: int | None, found: int) -> Iterator[Verdict]:
    if wanted is not None:
        yield Verdict(f"{name}: {wanted}", found == wanted, "" if found == wanted else f"found {found}")


def _list(name: str, found: Sequence[str], wanted: Sequence[str], fits: Fits) -> Verdict:
    """Compare entry by entry; an empty wish fits everything."""
    wrong = [
        f"{number}: wanted {want!r}, found {have!r}"
        for number, (have, want) in enumerate(zip(found, wanted, strict=False), 1)
        if want and not fits(have, want)
    ]
    if len(found) != len(wanted):
        wrong.append(f"wanted {len(wanted)} utterances, found {len(found)}")
    return Verdict(f"{name}: {', '.join(repr(want) for want in wanted)}", not wrong, "; ".join(wrong))


def _microphone(wanted: Sequence[str], found: Sequence[str]) -> Verdict:
    same = list(wanted) == list(found)
    return Verdict(f"microphone: {', '.join(wanted)}", same, "" if same else f"found {', '.join(found)}")


def _none(what: str, between: Moments, found: Sequence[int]) -> Verdict:
    when = f"{between[0]:g} s to {between[1]:g} s"
    at = ", ".join(f"{sample / RATE_HZ:.2f} s" for sample in found[:5])
    return Verdict(f"{what} from {when}", not found, f"{len(found)} found, at {at}" if found else "")


def _light(light: Light, evidence: Evidence) -> Verdict:
    first, end = light.between or (light.at_s or 0.0, light.at_s or 0.0)
    cues = evidence.cues(samples(first), samples(end))
    when = f"at {first:g} s" if first == end else f"from {first:g} s to {end:g} s"
    if light.shows is not None:
        return Verdict(
            f"light shows {light.shows} {when}", cues == {light.shows}, _seen(cues, cues == {light.shows})
        )
    absent = light.not_shows not in cues
    return Verdict(f"light never shows {light.not_shows} {when}", absent, _seen(cues, absent))


def _seen(cues: set[str], fine: bool) -> str:
    return "" if fine else f"it showed {', '.join(sorted(cues))}"


def _within(sample: int, between: Moments) -> bool:
    return samples(between[0]) <= sample < samples(between[1])


def _overlaps(first: int, end: int, between: Moments) -> bool:
    return first < samples(between[1]) and end > samples(between[0])
