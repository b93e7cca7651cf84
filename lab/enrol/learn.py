"""What a household adds to the head that ships: weights for its words and its talk, and nearer thresholds.

A logistic regression that begins where the shipped head stands: what is learnt is a difference, kept small,
so a few recordings can't undo what thousands taught. Pure: examples in, a row out.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from device.wakeword.head import Head, Thresholds
from lab.enrol.errors import EnrolError
from lab.teaching.examples import Examples
from lab.teaching.fit import Row

KEPT_SMALL = 30.0
"""The weight of the difference's squares: large, since a household has few recordings."""
_MARGINS = {"careful": 1.0, "balanced": 2.0, "eager": 3.5}
"""How far, in logits, a threshold stays below the least of what the household's own words score."""


def shipped_row(head: Head) -> Row:
    """Return the head that ships as a row."""
    return Row(head.row(), head.bias)


def adapt(start: Row, examples: Examples) -> Row:
    """Return `start` and the small difference that best tells this household's yes from its no.

    Raises EnrolError: scipy is missing.
    """
    try:
        from scipy.optimize import minimize
    except ImportError as error:
        raise EnrolError("enrolling needs scipy; run scripts/setup .venv study") from error
    x = examples.x.astype(np.float64)
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-2
    x = (x - mean) / spread
    begun = examples.x @ start.weights + start.bias
    sign = np.where(examples.y == 1, 1.0, -1.0)
    weight = np.where(examples.y == 1, 1 / max(1, (sign > 0).sum()), 1 / max(1, (sign < 0).sum()))

    def loss(difference: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        margin = sign * (begun + x @ difference)
        slope = -sign * weight / (1 + np.exp(np.clip(margin, -50, 50)))
        cost = float(weight @ np.logaddexp(0, -margin)) + KEPT_SMALL / len(x[0]) * float(
            difference @ difference
        )
        return cost, x.T @ slope + 2 * KEPT_SMALL / len(x[0]) * difference

    found = (
        minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 100}).x / spread
    )
    return Row((start.weights + found).astype(np.float32), float(start.bias - found @ mean))


def nearer(shipped: Thresholds, own_scores: Sequence[float]) -> Thresholds:
    """Return thresholds as near to the household's own scores as is safe, and never below the shipped ones.

    `own_scores`: of each recorded word, by a head that had not learnt from it. A word that the shipped head
    would miss leaves the thresholds where they are.
    """
    least = min(max(min(own_scores), 1e-6), 1 - 1e-6)
    logit = np.log(least / (1 - least))
    raised = {name: float(1 / (1 + np.exp(margin - logit))) for name, margin in _MARGINS.items()}
    return Thresholds(**{name: round(max(shipped.at(name), raised[name]), 4) for name in raised})  # type: ignore[arg-type]  # all three
