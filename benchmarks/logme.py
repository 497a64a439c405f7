"""LogME (You et al., ICML 2021): how well a frozen network's features would predict targets, without training."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_LAMBDAS = np.logspace(-8, 6, 281)


def logme(features: Array, targets: Array) -> float:
    """The log evidence of a linear model per sample, with the best precisions of prior and noise; mean over targets.

    y ~ N(0, (I + F F' / lambda) / beta), where lambda is the ratio of the two precisions (You et al., section 4). For each
    lambda the best beta is n / (y' (I + F F' / lambda)^-1 y); the best lambda is looked for on a grid instead of by their
    fixed-point iteration. Features and targets are centred, as by an intercept that anything goes for, which leaves N - 1
    dimensions; targets have variance 1, so that their scale is no merit.

    Args:
        features: (N, D).
        targets: (N, K), none of them constant.
    """
    count = len(features) - 1
    y = (targets - targets.mean(0)) / targets.std(0)
    left, singular, _ = np.linalg.svd(features - features.mean(0), full_matrices=False)
    left, singular = left[:, :count], singular[:count]
    strengths = singular**2 / (singular**2).mean()
    explained = (left.T @ y) ** 2
    unexplained = np.maximum((y**2).sum(0) - explained.sum(0), 0)
    # (L, R) of singular directions and (L, K) of targets.
    shrunk = 1 / (1 + strengths / _LAMBDAS[:, None])
    betas = count / (shrunk @ explained + unexplained)
    evidence = count * (np.log(betas / (2 * np.pi)) - 1) / 2 + np.log(shrunk).sum(1)[:, None] / 2
    return float(evidence.max(0).mean() / count)


def check_logme() -> None:
    """Raises where it differs from a Gaussian's density that is searched for over both precisions."""
    random = np.random.default_rng(0)
    for count, width in ((30, 5), (8, 20)):
        features = random.normal(size=(count, width))
        y = features @ random.normal(size=width) + random.normal(size=count)
        # Orthonormal directions without the mean's.
        basis = np.linalg.qr(np.column_stack([np.ones(count), np.eye(count)[:, 1:]]))[0][:, 1:]
        x, z, size = basis.T @ features, basis.T @ y / y.std(), count - 1
        best = -np.inf
        for alpha, beta in product(np.logspace(-3, 5, 81), repeat=2):
            covariance = np.eye(size) / beta + x @ x.T / alpha
            squares = z @ np.linalg.solve(covariance, z)
            best = max(best, -(size * np.log(2 * np.pi) + np.linalg.slogdet(covariance)[1] + squares) / 2)
        found = logme(features, y[:, None])
        if abs(found - best / size) > 0.02:
            raise AssertionError(f"the evidence is {best / size:.4f} but LogME says {found:.4f}")
