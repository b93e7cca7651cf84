"""Activations in real traffic: `python tests/benchmarks/traffic_activations.py PCAPS [RUN...]`.

PCAPS is a folder with the published captures (shared data's echo-traffic/pcap): an Echo Dot 3 that is active
once (the study's rule marks seconds 20 to 24), a HomePod with two misactivations (results.txt), and five
captures of an Echo that is asked five times each, by their names. RUN is the folder of a captured run of ours
(`overheard-lab simulate SCENARIO --capture --realtime`): what is known of it is its ledger.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from lab.study.statistics import wilson
from lab.traffic import formats, rule
from lab.traffic.rule import Score, activations, score
from lab.traffic.uploads import read


def main() -> None:
    folder, runs = Path(sys.argv[1]), [Path(each) for each in sys.argv[2:]]
    print(
        f"more than {rule.ECHO_DOT_3:,} bytes a second (PETS 2020, Echo Dot 3), joined under {rule.JOIN_S} s"
    )
    print(f"{'capture':42}{'known':>7}{'found':>7}{'met':>5}{'recall':>8}{'precision':>11}")
    echoes = [line(folder / "echodot3a.pcap", [(20, 24)])]
    for path in sorted(folder.glob("*_5*.pcap")):
        echoes.append(five(path))
    total = Score(*(sum(column) for column in zip(*echoes, strict=True)))
    low, high = wilson(total.met, total.known)
    say("all of the Echo's", total)
    print(f"{'':42}recall {100 * low:.0f} to {100 * high:.0f} % at 95 %")
    listed = formats.from_results((folder / "results.txt").read_text(encoding="utf-8"))
    line(folder / "example.pcap", [span for each in listed for span in each.spans.get("homepod", [])])
    for run in runs:
        ours(run)


def line(path: Path, known: list[tuple[int, int]]) -> Score:
    found = score(activations(read(path).up, rule.ECHO_DOT_3), known)
    say(path.name, found)
    return found


def five(path: Path) -> Score:
    """Five questions, of which only the number is published."""
    found = len(activations(read(path).up, rule.ECHO_DOT_3))
    counted = Score(min(found, 5), found, 5)
    say(path.name, counted)
    return counted


def ours(run: Path) -> None:
    """What the ledger says left, as the capture has it: spans of the utterances' first and last message."""
    from lab.audit.evidence import Evidence, Given
    from lab.audit.messages import lines

    sent: dict[str, list[float]] = {}
    seen = read(run / "wire.pcapng", json.loads((run / "link.json").read_text())["device"][0])
    for message in lines(Evidence(Given(run)), []):
        if message.utterance and message.sent_at is not None:
            at = message.sent_at.timestamp() - seen.start_ns / 1e9
            sent.setdefault(message.utterance, []).append(at)
    known = [(int(min(times)), int(max(times))) for times in sent.values()]
    say(f"ours: {run.name}", score(activations(seen.up, rule.ECHO_DOT_3), known))


def say(name: str, found: Score) -> None:
    rates = f"{100 * found.recall:6.0f} %{100 * found.precision:9.0f} %"
    print(f"{name:42}{found.known:7}{found.found:7}{found.met:5}{rates}")


if __name__ == "__main__":
    main()
