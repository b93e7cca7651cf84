"""Our firmware's ears listen: `hear_ours.py first|careful|balanced|eager [--decisions] [--fold DIR FOLD]`.

A row is what the second ear said of a wake: the sample index of the trigger, that of the decision, the score,
1 if it accepted, and what deciding took (0 without `--decisions`, as looking at a clock costs time): the CPU
milliseconds of the frames from the proposal to the decision beyond what a frame usually takes, and those of
the longest of them. `first` is the first ear alone, at the threshold its makers advise, for comparing.
`--fold` asks for a head that was trained without that fold.
"""

import sys
from argparse import ArgumentParser
from pathlib import Path
from statistics import median
from time import process_time

sys.path.insert(0, str(Path(__file__).parents[3]))
from serve import serve

from device.wakeword import Detector, Ears, Model, Opinion, Wake, find, open_ears

FRAME_SAMPLES = 320
WORD = "alexa"


def our_ears(sensitivity: str, heads: Path | None = None, fold: str = "") -> Ears | Detector:
    """The ears to measure. With `heads`, the second ear's head is the one that was trained without `fold`."""
    if sensitivity == "first":
        return Detector([Model(find(WORD))])
    given = [] if heads is None else [heads / fold / f"{WORD}.json"]
    return open_ears([WORD], sensitivity, heads=given)


class Ours:
    """The ears, called a frame at a time as `Speaker.hear` does."""

    block_samples = FRAME_SAMPLES

    def __init__(self, ears: Ears | Detector, *, clocked: bool) -> None:
        self._ears, self._clocked = ears, clocked
        self._end = 0

    def reset(self) -> None:
        self._ears.reset()
        self._end = 0

    def hear(self, blocks: list[bytes]) -> list[list[float]]:
        if self._clocked:
            return self._hear_clocked(blocks)
        heard, end, hear = [], self._end, self._ears.hear
        for block in blocks:
            end += FRAME_SAMPLES
            said = hear(block, end)
            if said is not None and decides(said):
                heard.append([*row(said), 0.0, 0.0])
        self._end = end
        return heard

    def _hear_clocked(self, blocks: list[bytes]) -> list[list[float]]:
        said, took_s = [], []
        for block in blocks:
            self._end += FRAME_SAMPLES
            began = process_time()
            said.append(self._ears.hear(block, self._end))
            took_s.append(process_time() - began)
        usual_s, heard, proposed = median(took_s), [], None
        for at, each in enumerate(said):
            if each is None:
                continue
            proposed = at if proposed is None else proposed
            if decides(each):
                heard.append([*row(each), *spent_ms(took_s[proposed : at + 1], usual_s)])
                proposed = None
        return heard


def decides(said: Wake | Opinion) -> bool:
    """Whether it is more than a proposal."""
    return isinstance(said, Opinion) or said.stands


def row(said: Wake | Opinion) -> list[float]:
    if isinstance(said, Wake):
        return [said.sample, said.sample, said.score, 1]
    return [said.wake.sample, said.sample, said.score, int(said.accepted)]


def spent_ms(took_s: list[float], usual_s: float) -> list[float]:
    """All that the frames took beyond what is usual, and the longest of them whole."""
    return [1e3 * sum(max(0.0, each - usual_s) for each in took_s), 1e3 * max(took_s)]


def main() -> None:
    parser = ArgumentParser()
    parser.add_argument("sensitivity", choices=["first", "careful", "balanced", "eager"])
    parser.add_argument("--decisions", action="store_true")
    parser.add_argument("--fold", nargs=2, default=(None, ""))
    given = parser.parse_args()
    folder, fold = given.fold
    serve(Ours(our_ears(given.sensitivity, folder and Path(folder), fold), clocked=given.decisions))


if __name__ == "__main__":
    main()
