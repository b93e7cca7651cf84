"""Examples into the weights of a head: a logistic regression, and what it says of proposals.

scikit-learn's, on standardised embeddings; the standardising is folded into the weights, so that a head is
one row of them and a bias.
"""

from typing import NamedTuple

import numpy as np

from device.wakeword.embedding import Floats
from lab.errors import LabError
from lab.teaching.examples import Examples
from lab.teaching.track import ASKED_ROWS, Track

REGULARISATION = 3e-3
"""scikit-learn's C, for standardised columns: chosen by recall at equal false wakes on held-out speakers."""
_YES_SHARE = 0.2  # all wishes to say yes weigh a fifth of all wishes to say no


class Row(NamedTuple):
    """The weights of a head, shape (SIZE,), and its bias."""

    weights: Floats
    bias: float

    def best(self, track: Track, proposal: int) -> float:
        """Return the best probability of those that a second ear would give to a proposal after this row."""
        rows = [proposal + later for later in ASKED_ROWS if proposal + later < track.rows]
        if not rows:
            return 0.0
        logits = track.windows(rows).astype(np.float32) @ self.weights + self.bias
        return float(1 / (1 + np.exp(-np.clip(logits.max(), -50, 50))))


def fit(examples: Examples, regularisation: float = REGULARISATION) -> Row:
    """Return the row that best tells yes from no. Raises LabError: scikit-learn or an answer is missing."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise LabError("teaching needs scikit-learn; run scripts/setup .venv study") from error
    yes, no = examples.y == 1, examples.y == 0
    if not yes.any() or not no.any():
        raise LabError("nothing to tell apart: recordings with the word and without it are needed")
    mean, spread = examples.x.mean(axis=0), examples.x.std(axis=0) + 1e-3
    weight = examples.weight.astype(np.float64)
    weight[yes] *= _YES_SHARE * weight[no].sum() / weight[yes].sum()
    model = LogisticRegression(C=regularisation, max_iter=400)
    model.fit((examples.x - mean) / spread, examples.y, sample_weight=weight)
    weights = model.coef_[0] / spread
    return Row(weights.astype(np.float32), float(model.intercept_[0] - weights @ mean))
