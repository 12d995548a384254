"""Observed against expected localizations, where they come in clumps: in numpy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TINY = 1e-12


def signed_z(
    observed: NDArray[Any], expected: NDArray[Any], variance: NDArray[Any]
) -> NDArray[np.float64]:
    """How surprising `observed` is, as the z of a normal distribution; above 0: more than expected.

    `variance` is that of `observed` where `expected` is right. The clumped count is taken as a
    Poisson number of clumps of the size variance / expected; its mid-p tail is that of a Gamma
    distribution, brought to z by the cube root of Wilson and Hilferty (1931,
    doi:10.1073/pnas.17.12.684). Few expected clumps can be too many but hardly too few: with none
    observed, z is -1 where one clump was expected, and reaches -1.96 at 2.5. Any shape, float64; 0
    where nothing was expected and nothing observed. Within 0.3 of the exact mid-p z where that is
    between -3 and 3.
    """
    clump = np.maximum(variance, _TINY) / np.maximum(expected, _TINY)
    clumps = np.maximum(observed, 0) / clump
    wanted = np.maximum(expected, _TINY) / clump
    z = _cube_root_z(clumps, wanted)
    # At the expectation itself z should be 0, and is up to 1.6 where next to nothing is expected:
    # taken off there, and less and less up to a whole clump more, from where it is right.
    more = clumps - wanted
    z = np.where(more > 0, z - _cube_root_z(wanted, wanted) * np.clip(1 - more, 0, 1), z)
    signed: NDArray[np.float64] = np.where(more > 0, np.maximum(z, 0), np.minimum(z, 0))
    return signed


def _cube_root_z(clumps: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.float64]:
    gamma = clumps + 0.5
    z: NDArray[np.float64] = (1 - 1 / (9 * gamma) - np.cbrt(wanted / gamma)) * 3 * np.sqrt(gamma)
    return z


def clump_factor(observed: NDArray[Any], expected: NDArray[Any]) -> float:
    """Variance over mean of clumped counts [y, x] about their expectation; at least 1.

    From pairs in blocks of 3 x 3 pixels, which hold a clump whole: 1 + (pairs observed - pairs
    expected) / observed. A structure that is missed or invented adds little, for its pixels hold
    few localizations each; what the expectation gets wrong throughout adds as if it were clumps.
    """
    rest = observed - expected
    pairs = float((rest * _block_sums(rest)).sum(dtype=np.float64)) - float(observed.sum())
    return 1 + max(0.0, pairs / max(float(observed.sum()), 1.0))


def own_clump_factor(observed: NDArray[Any], other: NDArray[Any]) -> float:
    """Clump factor of counts [y, x] by themselves, without any picture; at least 1.

    The pairs that the structure gives are those between these counts and the other half's, which
    clumps of one half do not add to. Molecules that both halves show do: they are taken for
    structure, so it is too small rather than too large.
    """
    total = float(observed.sum())
    share = total / max(float(other.sum()), 1.0)
    within = float((observed * _block_sums(observed)).sum(dtype=np.float64)) - total
    between = float((observed * _block_sums(other)).sum(dtype=np.float64)) * share
    return 1 + max(0.0, (within - between) / max(total, 1.0))


def _block_sums(image: NDArray[Any]) -> NDArray[Any]:
    """Sum of each pixel and its eight neighbours, 0 beyond the edge; same shape."""
    padded = np.pad(image, 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    sums: NDArray[Any] = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return sums
