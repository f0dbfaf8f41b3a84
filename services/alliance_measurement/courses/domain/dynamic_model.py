"""A dynamic linear model of one client's scores, and the evidence that their level has fallen. Pure and causal.

The model is the conjugate one with unknown variance (West & Harrison, *Bayesian Forecasting and Dynamic Models*, 2nd ed., 1997,
chapter 4). A score is a level that changes slowly, growth that fades, and a fluctuation that carries over between sessions:

    score(t) = level(t) + fluctuation(t)
    level(t) = level(t−1) + growth(t−1) + small change,   growth(t) = damping · growth(t−1)
    fluctuation(t) = φ · fluctuation(t−1) + noise

All variances are multiples of V, the variance of this client's own fluctuation. V is unknown: its prior is the instrument's usual
within-client variance, and each session teaches more of it. So "large" means large for this client.

Evidence is the cumulative Bayes factor of their monitor (chapter 11.4), in closed form and for every possible onset at once: how
much more probable the scores are if the level fell at that session, at once or step by step, than if it did not. The run length
that fits best counts. A missing score is left out; it teaches nothing.

Shapes: N courses, T sessions. Scores are points of the instrument; evidence is a natural logarithm.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_NEVER: Final = -np.inf
LEAST_OF_A_SLOPE: Final = 2
"""sessions after its onset from which on a slow decline is considered"""


@dataclass(frozen=True, slots=True)
class Model:
    """Constants of one instrument. Sizes are in within-client standard deviations, unless said otherwise."""

    within_sd: float
    """usual standard deviation of one client's scores from session to session, in points"""
    phi: float
    """correlation of the fluctuation from one session to the next, 0 up to but not 1"""
    spread_df: float = 16.0
    """degrees of freedom of the prior of V: the smaller, the more clients differ in their spread"""
    growth: float = 0.03
    """usual growth a session"""
    growth_sd: float = 0.035
    damping: float = 0.95
    level_sd: float = 0.02
    """by which a level wanders a session"""
    fall: float = 1.5
    """size of a fall that counts as one, with its standard deviation"""
    fall_sd: float = 0.7
    slope: float = 0.25
    """size of a slow decline a session, with its standard deviation"""
    slope_sd: float = 0.1


@dataclass(frozen=True, slots=True)
class Filtered:
    """What the model makes of courses with the same sessions missing."""

    z: Floats
    """(N, T) standardised one-step forecast errors; 0 where nothing is learned"""
    signatures: Floats
    """(2T, T) what a unit change of the level from session k on (row k), or a unit slope from k on (row T+k), does to `z`"""
    seen: Floats
    """(T,) 1 where the error counts, else 0"""


def filtered(scores: Floats, observed: NDArray[np.bool_], model: Model) -> Filtered:
    """`scores`: (N, T), of whom all have the sessions of `observed` (T,) and no other."""
    gains, roots, signatures, seen = _prepared(observed.tobytes(), model)
    y = np.where(observed, scores, 0.0) / model.within_sd
    state = np.zeros((len(y), 3))
    state[:, 1] = model.growth
    z = np.zeros_like(y)
    for t in range(y.shape[1]):
        if t:
            state = _moved(state, model)
        if not observed[t]:
            continue
        error = y[:, t] - state[:, 0] - state[:, 2]
        z[:, t] = error / roots[t] * seen[t]
        state += error[:, None] * gains[t]
    return Filtered(z, signatures, seen)


def evidence_of_fall(f: Filtered, model: Model, *, first: int = 1) -> tuple[Floats, NDArray[np.int64]]:
    """(N, T) log Bayes factor of a fall at the onset that fits best, judged at each session; and that onset, as an index.

    `first`: the earliest onset that is considered, as an index (1: the second session).
    """
    sessions = f.z.shape[1]
    onsets = np.flatnonzero(f.seen)
    onsets = onsets[onsets >= max(first, 1)]
    session = np.arange(sessions)
    falls = log_bayes_factors(f, f.signatures[onsets], -model.fall, model.fall_sd, model)
    slopes = log_bayes_factors(f, f.signatures[sessions + onsets], -model.slope, model.slope_sd, model)
    both = np.concatenate(
        (
            np.where(session >= onsets[:, None], falls, _NEVER),
            np.where(session >= onsets[:, None] + LEAST_OF_A_SLOPE, slopes, _NEVER),
        ),
        axis=1,
    )
    return _best(both, np.concatenate((onsets, onsets)))


def evidence_of_return(f: Filtered, model: Model, onset: int) -> tuple[Floats, NDArray[np.int64]]:
    """(N, T) log Bayes factor that a fall from `onset` on has ended, against one that lasts; and the session of the return that
    fits best, as an index."""
    returns = np.arange(onset + 1, f.z.shape[1])
    lasting = log_bayes_factors(f, f.signatures[[onset]], -model.fall, model.fall_sd, model)
    ended = log_bayes_factors(f, f.signatures[onset] - f.signatures[returns], -model.fall, model.fall_sd, model)
    return _best(np.where(np.arange(f.z.shape[1]) >= returns[:, None], ended - lasting, _NEVER), returns)


def log_bayes_factors(f: Filtered, signatures: Floats, size: float, sd: float, model: Model) -> Floats:
    """(N, R, T) log of p(scores so far | change of about `size` ± `sd` with this signature) / p(scores so far | no change), for
    `signatures` (R, T)."""
    df = model.spread_df + np.cumsum(f.seen)
    plain = (model.spread_df + np.cumsum(f.z * f.z, axis=1))[:, None, :]
    precision = 1 / sd**2 + np.cumsum(signatures * signatures, axis=1)
    weighted = size / sd**2 + np.cumsum(f.z[:, None, :] * signatures, axis=2)
    changed = plain + size**2 / sd**2 - weighted**2 / precision
    found: Floats = -0.5 * np.log(precision * sd**2) - df / 2 * np.log(changed / plain)
    return found


def _best(found: Floats, rows: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
    """Over the middle axis of (N, R, T): the highest value, and the entry of `rows` that has it."""
    if not len(rows):
        empty = (found.shape[0], found.shape[2])
        return np.full(empty, _NEVER), np.zeros(empty, np.int64)
    best = found.argmax(axis=1)
    return np.take_along_axis(found, best[:, None, :], axis=1)[:, 0, :], rows[best]


def _moved(state: Floats, model: Model) -> Floats:
    """The state one session later: level, growth, fluctuation in the last axis."""
    return np.stack((state[..., 0] + state[..., 1], model.damping * state[..., 1], model.phi * state[..., 2]), axis=-1)


@lru_cache(maxsize=512)
def _prepared(observed: bytes, model: Model) -> tuple[Floats, Floats, Floats, Floats]:
    """Gains (T, 3), roots of the forecast variances (T,), signatures and `seen`: the same for all courses of one pattern.

    The level before the first score is unknown, so the first score only sets it.
    """
    mask = np.frombuffer(observed, np.bool_)
    sessions = len(mask)
    step = np.array([[1.0, 1.0, 0.0], [0.0, model.damping, 0.0], [0.0, 0.0, model.phi]])
    noise = np.diag([model.level_sd**2, 0.0, 1 - model.phi**2])
    spread = np.diag([1e6, model.growth_sd**2, 1.0])
    look = np.array([1.0, 0.0, 1.0])
    session, onset = np.arange(sessions), np.arange(sessions)[:, None]
    changes = np.concatenate(((session >= onset) * 1.0, np.maximum(0, session - onset + 1)))
    state = np.zeros((2 * sessions, 3))
    gains, roots, seen = np.zeros((sessions, 3)), np.ones(sessions), np.zeros(sessions)
    signatures = np.zeros((2 * sessions, sessions))
    for t in range(sessions):
        if t:
            state, spread = _moved(state, model), step @ spread @ step.T + noise
        if not mask[t]:
            continue
        variance = look @ spread @ look
        gains[t], roots[t] = spread @ look / variance, np.sqrt(variance)
        seen[t] = 1.0 if mask[:t].any() else 0.0
        error = changes[:, t] - state[:, 0] - state[:, 2]
        signatures[:, t] = error / roots[t] * seen[t]
        state = state + error[:, None] * gains[t]
        spread = spread - np.outer(gains[t], gains[t]) * variance
    return gains, roots, signatures, seen
