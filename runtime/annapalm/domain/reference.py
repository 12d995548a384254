"""The fingerprints of what was simulated: made by `annapalm-export domain fit`, read here."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annapalm.domain.fingerprint import FEATURES

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FREEDOM = 8.0
NO_STRUCTURE = "no structure"
"""Name of the fields that hold background alone."""
_PACKAGED = Path(__file__).parent / "reference.npz"


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """One distribution of fingerprints per structure, its mean moving with the density.

    Student's t with `_FREEDOM` degrees of freedom: simulated fields lie further out than a Gaussian
    has it, and one number that is far off must not decide by itself.
    S structures (the last is `NO_STRUCTURE`), K features; a = log(localizations per µm²).
    """

    structures: tuple[str, ...]
    """Names, as those of models."""
    pixel_nm: float
    """Pixel of the sparse images that it was made from; others are not judged."""
    mean: NDArray[np.float64]
    """[S, 3, K]: the mean fingerprint is (1, a, a^2) @ mean."""
    precision: NDArray[np.float64]
    """[S, K, K]: inverse of the covariance about that mean."""
    log_determinant: NDArray[np.float64]
    """[S]: of the covariance."""
    density_per_um2: NDArray[np.float64]
    """[S, 2]: lowest and highest density seen; beyond them the nearer one's mean is taken."""
    distance_limit: NDArray[np.float64]
    """[S]: squared distance that all but a stated share of a structure's own fields keep to."""
    likelihood_limit: NDArray[np.float64]
    """[S, S]: -2 log likelihood of a structure's own fields under itself less that under another
    (column), which all but a stated share stay below."""

    def __post_init__(self) -> None:
        """Refuse arrays that do not belong together."""
        s, k = len(self.structures), len(FEATURES)
        shapes = {
            "mean": (s, 3, k),
            "precision": (s, k, k),
            "log_determinant": (s,),
            "density_per_um2": (s, 2),
            "distance_limit": (s,),
            "likelihood_limit": (s, s),
        }
        for name, shape in shapes.items():
            found = getattr(self, name).shape
            if found != shape:
                message = f"the reference's {name} has the shape {found}, not {shape}"
                raise ValueError(message)

    def distances(self, values: NDArray[np.float64], density_per_um2: float) -> NDArray[np.float64]:
        """Squared Mahalanobis distance of a fingerprint to each structure: float64 [S]."""
        low, high = self.density_per_um2.T
        a = np.log(np.clip(density_per_um2, low, high))
        mean = np.einsum("sp,spk->sk", np.stack([a**0, a, a**2], axis=1), self.mean)
        off = values - mean
        return np.asarray(np.einsum("sk,skl,sl->s", off, self.precision, off))

    def unlikeliness(self, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        """-2 log likelihood of fingerprints at these distances, up to a constant: [..., S]."""
        spread = (_FREEDOM + len(FEATURES)) * np.log1p(distances / _FREEDOM)
        return np.asarray(spread + self.log_determinant)

    def save(self, path: Path) -> None:
        """Write the arrays as .npz, compressed; the names as text."""
        arrays: dict[str, Any] = {f.name: np.asarray(getattr(self, f.name)) for f in fields(self)}
        with path.open("wb") as stream:
            np.savez_compressed(stream, **arrays)


def load_reference(path: Path) -> Reference:
    """Read what `Reference.save` wrote; no code is run by it (no pickles)."""
    with np.load(path, allow_pickle=False) as stored:
        arrays = {f.name: stored[f.name] for f in fields(Reference)}
    names = tuple(str(name) for name in arrays.pop("structures"))
    pixel_nm = float(arrays.pop("pixel_nm"))
    return Reference(structures=names, pixel_nm=pixel_nm, **arrays)


@cache
def read_reference() -> Reference:
    """Read the reference that is part of the package, once."""
    return load_reference(_PACKAGED)
