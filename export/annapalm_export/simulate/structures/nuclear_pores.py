"""Nuclear pores: eightfold rings in a patch of nuclear envelope, each labelled in part.

Ranges and their sources: `docs/structures/nuclear-pores.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annapalm.errors import InvalidValueError
from annapalm_export.simulate.structures.envelope import Envelope, draw_envelope
from annapalm_export.simulate.structures.geometry import Points, Truth

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annapalm_export.simulate.structures.geometry import StructureOptions

CORNERS = 8
"""Rotational symmetry of the pore."""
MARGIN_NM = 250.0
"""Pores are placed this far beyond the field: the largest ring (82 nm) and five times what blurs
its labels reach over the border, and no further."""
MOST_PER_UM2 = 20.0
"""Above it, pores of 130 nm cannot be placed at random without order."""
_MOST_COVERED = 0.3
"""Share of the envelope that the hard cores may cover; a random placement jams at 0.547."""


@dataclass(frozen=True, slots=True)
class Nup:
    """Where the copies of one nucleoporin sit within a pore."""

    name: str
    share: float
    """Share of the scenes."""
    diameter_nm: tuple[float, float]
    """Range of a scene's mean ring diameter."""
    per_corner: int
    """Copies at each corner of each ring."""
    rings: int
    """1, or 2: a cytoplasmic and a nucleoplasmic one."""
    separation_nm: tuple[float, float]
    """Axial distance of the two rings."""


NUPS = (
    Nup("Nup96", 0.45, (105.0, 109.0), 2, 2, (47.0, 52.0)),
    Nup("outer rings: Nup107, Nup133, Nup160", 0.2, (90.0, 130.0), 2, 2, (45.0, 65.0)),
    Nup("inner ring: Nup93, Nup188, Nup205", 0.1, (75.0, 100.0), 2, 2, (10.0, 25.0)),
    Nup("membrane: gp210", 0.15, (130.0, 165.0), 2, 1, (0.0, 0.0)),
    Nup("channel: Nup62, Nup214", 0.1, (40.0, 80.0), 1, 1, (0.0, 0.0)),
)
"""Nucleoporins that are simulated; 32, 16 or 8 copies per pore."""


@dataclass(frozen=True, slots=True)
class NuclearPores:
    """The nuclear pores' `Structure`."""

    name: str = "nuclear pores"
    unit: str = "pore"
    least_amount: float = 20.0
    per_unit: tuple[float, float] = (60.0, 800.0)
    emitters_per_unit: float = 8.0

    def draw(self, rng: np.random.Generator, field_nm: float, options: StructureOptions) -> Points:
        """Fill the square field, and `MARGIN_NM` around it, with pores.

        `amount_per_um2` is in pores per µm² of envelope, which may cover a part of the field;
        `InvalidValueError` above `MOST_PER_UM2`. Points are single copies of the nucleoporin,
        mass their number of labels. `Truth.rings` has all pores with a label, also those in the
        margin; their radius is the mean distance of all copies, labelled or not, from the pore's
        centre in projection. `amount` counts the ones with their centre in the field.
        """
        asked = options.amount_per_um2
        if asked is not None and asked > MOST_PER_UM2:
            raise InvalidValueError(
                "amount_per_um2", asked, f"at most {MOST_PER_UM2:g} for {self.name}"
            )
        empty = rng.random() < options.empty_share
        drawn = float(np.exp(rng.uniform(np.log(2), np.log(12))))
        envelope = draw_envelope(rng, field_nm)
        nup = NUPS[rng.choice(len(NUPS), p=[n.share for n in NUPS])]
        label = _Label.draw(rng)
        if empty:
            return Points(
                xy_nm=np.empty((0, 2)),
                z_nm=np.empty(0),
                mass=np.empty(0),
                spread_nm=label.spread_nm,
                amount=0.0,
                truth=Truth(),
                discrete=True,
            )
        centres, slopes = _place(rng, envelope, field_nm, asked or drawn, nup.diameter_nm[1] + 10)
        copies = centres[:, None] + _copies(rng, nup, _axes(rng, slopes))
        away = np.linalg.norm(copies[..., :2] - centres[:, None, :2], axis=2)
        labels = label.count(rng, copies.shape[:2])
        seen = labels.any(axis=1)
        rings = np.column_stack([centres[:, :2], away.mean(axis=1)])[seen]
        within = ((rings[:, :2] >= 0) & (rings[:, :2] < field_nm)).all(axis=1)
        xyz, mass = copies[labels > 0], labels[labels > 0]
        return Points(
            xy_nm=xyz[:, :2],
            z_nm=xyz[:, 2] if options.depth else np.zeros(len(xyz)),
            mass=mass.astype(np.float64),
            spread_nm=label.spread_nm,
            amount=float(within.sum()),
            truth=Truth(rings=rings),
            discrete=True,
        )


NUCLEAR_PORES = NuclearPores()


@dataclass(frozen=True, slots=True)
class _Label:
    """How the copies of a scene are labelled."""

    efficiency: float
    """Mean chance that a copy carries a label at all."""
    uneven: float
    """Standard deviation of the efficiency's logarithm between pores."""
    more: float
    """Mean number of labels beyond the first; 0 for a tag."""
    spread_nm: float
    """Standard deviation of the label about its copy, along each axis."""

    @staticmethod
    def draw(rng: np.random.Generator) -> _Label:
        """Draw a tag or nanobody (one dye, 1 to 5 nm away) or antibodies (several, 10 to 15)."""
        antibody = rng.random() < 0.4
        # A displacement of so many nm in any direction, hence by 1 / sqrt(3) along each axis.
        spread = rng.uniform(10, 15) if antibody else rng.uniform(1, 5)
        more = rng.uniform(0.2, 2.0) if antibody else 0.0
        return _Label(
            float(rng.uniform(0.3, 0.9)),
            float(rng.uniform(0, 0.3)),
            float(more),
            float(spread / np.sqrt(3)),
        )

    def count(self, rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.int64]:
        """Labels on each copy, int64 [pores, copies]."""
        pore = self.efficiency * np.exp(rng.normal(0, self.uneven, (shape[0], 1)))
        bound = rng.random(shape) < np.minimum(pore, 0.95)
        return bound * (1 + rng.poisson(self.more, shape))


def _place(
    rng: np.random.Generator, envelope: Envelope, field_nm: float, per_um2: float, least_nm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres [P, 3] and the envelope's slopes there [P, 2]: at random, none too near to another.

    Random sequential adsorption: candidates in random order, each kept unless it lies closer
    than the hard core (along the straight line) to one that was kept before. The core is at
    least as wide as pores are, and as `least_nm`, unless so many do not fit.
    """
    hard_core = min(
        max(rng.uniform(130, 180), least_nm), 1000 * np.sqrt(4 * _MOST_COVERED / np.pi / per_um2)
    )
    covered = per_um2 * np.pi / 4 * (hard_core / 1000) ** 2 * np.linspace(0, 1, 20)
    # Share of the envelope open to a next pore, to second order in what is covered by then; its
    # inverse is the number of tries per pore. Half as many again, for those that are gathered.
    open_share = 1 - 4 * covered + 6 * np.sqrt(3) / np.pi * covered**2
    tries_per_um2 = 1.5 * per_um2 * float(np.mean(1 / open_share))
    tries, area = envelope.scatter(rng, -MARGIN_NM, field_nm + 2 * MARGIN_NM, tries_per_um2)
    wanted = rng.poisson(per_um2 * area)
    tries = _gather(rng, envelope, tries, hard_core)
    places = np.column_stack([tries, envelope.height(tries)])
    kept = apart(places, hard_core)[:wanted]
    return places[kept], envelope.slope(tries[kept])


def _gather(
    rng: np.random.Generator, envelope: Envelope, xy: NDArray[np.float64], hard_core: float
) -> NDArray[np.float64]:
    """Put a share of the places [N, 2] close beside another one, in half of the fields."""
    share = rng.uniform(0.1, 0.5) if rng.random() < 0.5 else 0.0
    guests = np.flatnonzero(rng.random(len(xy)) < share)
    if not len(guests):
        return xy
    hosts = rng.integers(0, len(xy), len(guests))
    angle = rng.uniform(0, 2 * np.pi, len(guests))
    away = hard_core * rng.uniform(1, 1.4, len(guests))
    moved = xy.copy()
    moved[guests] = xy[hosts] + away[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return moved[envelope.stretch(moved) > 0]


def apart(places: NDArray[np.float64], distance: float) -> NDArray[np.int64]:
    """Choose of the `places` [N, D], in order, those no nearer to each other than `distance`.

    Returns their indices; a place is dropped where one kept before it is nearer than that.
    """
    from scipy.spatial import cKDTree

    pairs = cKDTree(places).query_pairs(distance, output_type="ndarray")
    pairs = np.sort(pairs, axis=1)
    pairs = pairs[np.argsort(pairs[:, 1], kind="stable")]
    kept = [True] * len(places)
    for earlier, later in pairs.tolist():
        if kept[earlier]:
            kept[later] = False
    return np.flatnonzero(kept)


def _axes(rng: np.random.Generator, slopes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Orthonormal axes of each pore, [P, 3, 3]: two in its plane, then its own axis."""
    wobble = rng.normal(0, np.deg2rad(rng.uniform(1, 6)), slopes.shape)
    normal = np.column_stack([-slopes, np.ones(len(slopes))])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    normal[:, :2] += wobble
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    first = np.column_stack([normal[:, 2], np.zeros(len(normal)), -normal[:, 0]])
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    return np.stack([first, np.cross(normal, first), normal], axis=1)


def _copies(rng: np.random.Generator, nup: Nup, axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put the nucleoporin's copies about the centre of each pore, in nm: [P, copies, 3]."""
    pores = len(axes)
    mean = rng.uniform(*nup.diameter_nm) / 2
    radius = mean + rng.normal(0, rng.uniform(1.0, 4.0), (pores, 1, 1, 1))
    twist = np.deg2rad(rng.uniform(0, 15)) * np.arange(nup.rings)[:, None, None]
    pair = rng.uniform(10, 14) * (np.arange(nup.per_corner) - (nup.per_corner - 1) / 2)
    corner = 2 * np.pi / CORNERS * np.arange(CORNERS)[:, None]
    angle = rng.uniform(0, 2 * np.pi, (pores, 1, 1, 1)) + twist + corner
    u = radius * np.cos(angle) - pair * np.sin(angle)
    v = radius * np.sin(angle) + pair * np.cos(angle)
    level = (np.arange(nup.rings) - (nup.rings - 1) / 2)[:, None, None]
    w = np.broadcast_to(rng.uniform(*nup.separation_nm) * level, u.shape)
    local = np.stack([u, v, w], axis=-1)
    local = local + rng.normal(0, rng.uniform(0.5, 2.5), (pores, nup.rings, CORNERS, 1, 3))
    flat = _squeeze(rng, local.reshape(pores, level.size * CORNERS * nup.per_corner, 3))
    copies: NDArray[np.float64] = flat @ axes
    return copies


def _squeeze(rng: np.random.Generator, local: NDArray[np.float64]) -> NDArray[np.float64]:
    """Make the rings [P, copies, 3] slightly elliptical, each along its own direction."""
    pores = len(local)
    strain = np.clip(rng.normal(0, rng.uniform(0.01, 0.06), (pores, 1)), -0.15, 0.15)
    along = rng.uniform(0, np.pi, (pores, 1))
    c, s = np.cos(2 * along) * strain, np.sin(2 * along) * strain
    u, v, w = np.moveaxis(local, 2, 0)
    return np.stack([u * (1 + c) + v * s, u * s + v * (1 - c), w], axis=-1)
