"""Printed tiles: ten repeating patterns in 24-pixel RGB, made in code from two seeds; nothing is downloaded.

The class is the pattern. Everything else (tint, period, direction, bend, contrast, polarity, blots, grain) is drawn
independently of it, image by image. The set was designed for one effect: an image has a single tint, from a palette
narrower than the reach of color jitter, so that crops of one image can be matched by their exact tint, and jitter or
Sobel takes that shortcut away. It says nothing about natural images.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simclr_core.data import cache as store
from simclr_core.data.images import Dataset, ImageSet
from simclr_core.errors import BadInput

# The name and version of the set stand for its content: processors round differently in the last bit, and the set is
# meant to be the same one on all of them. Raise the version whenever anything below changes the images.
FINGERPRINT = "embedded-tiles-v1"
TITLE = "printed tiles (embedded)"

SIDE = 24  # pixels
SUPERSAMPLING = 2  # drawn at twice the side, then averaged 2 x 2
N_TRAIN, N_TEST = 5_000, 4_000
TRAIN_SEED, TEST_SEED = 2002, 5709  # none of the seeds 0, 1, 2, 10, 11 that the set was designed on

# Ranges of the uniform draws, one draw per image; lengths in pixels of the finished picture.
PERIOD = (6, 10)
BEND = (0, 0.6)  # amplitude of a sinusoidal displacement along each axis
BEND_FREQUENCY = (2, 6)  # radians per side
BEND_PHASE = (0, 6.3)
INVERTED = 0.5  # probability that figure and ground change places
CONTRAST = (0.45, 0.7)
BLOTS = (1, 3)
BLOT_RADIUS = (0.12, 0.4)  # of the side, each half-axis of the ellipse by itself
BLOT_ANGLE = (0, 6.28)
BLOT_DEPTH = (0.2, 0.4)  # |log| of the factor at the blot's center
HUE, SATURATION, VALUE = (0.035, 0.10), (0.35, 0.52), (0.60, 0.72)
GRAIN = (0, 0.03)  # standard deviation of the noise, intensities in [0, 1]

CHUNK = 50  # images drawn at once, few enough for a processor's cache; part of the set, as it orders the draws

Plane = NDArray[np.float64]  # (N, H, W), or anything that broadcasts against it


def load(size: int, cache: Path) -> Dataset:
    """The whole set, 5,000 images to train and 4,000 to test, balanced. Raises BadInput for any size but 24.

    Drawn once (it takes seconds), then memory-mapped from the cache; where that cannot be written, drawn again.
    """
    if size != SIDE:
        raise BadInput(f"data.size: the embedded set is drawn at {SIDE} pixels, got {size}; allowed: {SIDE}.")
    stored = store.read(cache / FINGERPRINT)
    if stored is not None:
        train, test = stored.train, stored.test
    else:
        train, test = generate(N_TRAIN, TRAIN_SEED), generate(N_TEST, TEST_SEED)
        labels = np.concatenate([train.labels, test.labels])
        with contextlib.suppress(BadInput):
            store.write(cache / FINGERPRINT, [train.images, test.images], (3, SIDE, SIDE), labels, N_TRAIN, {})
    return Dataset(train, test, tuple(PATTERNS), FINGERPRINT, TITLE)


def generate(n: int, seed: int) -> ImageSet:
    """n pictures, fixed by the seed; class sizes differ by at most one."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(n, dtype=np.int64) % len(PATTERNS))[rng.permutation(n)]
    images = np.empty((n, 3, SIDE, SIDE), np.uint8)
    for label, pattern in enumerate(PATTERNS.values()):
        members = np.flatnonzero(labels == label)
        for chunk in np.array_split(members, max(1, len(members) // CHUNK)):
            images[chunk] = draw(pattern, len(chunk), rng)
    return ImageSet(images, labels)


# The ten patterns. Each takes lattice coordinates u, v (one period = 1) and gives values in [0, 1] with soft edges.
Pattern = Callable[[Plane, Plane], Plane]


def stripes(u: Plane, v: Plane) -> Plane:  # noqa: ARG001 - stripes run along v
    return wave(u)


def checks(u: Plane, v: Plane) -> Plane:
    return soft(np.sin(2 * np.pi * u * 0.7) * np.sin(2 * np.pi * v * 0.7), 10)


def dots(u: Plane, v: Plane) -> Plane:
    return soft(0.30 - np.hypot(cell(u), cell(v)), 25)


def rings(u: Plane, v: Plane) -> Plane:
    return soft(0.10 - np.abs(np.hypot(cell(u / 1.5), cell(v / 1.5)) - 0.31), 35)


def bricks(u: Plane, v: Plane) -> Plane:
    row = v * 1.2
    x, y = cell(u * 0.65 + odd_row(row)), cell(row)
    return soft(0.41 - np.abs(x), 40) * soft(0.34 - np.abs(y), 30)


def zigzag(u: Plane, v: Plane) -> Plane:
    return wave(u + 0.6 * (np.abs(cell(v * 0.6)) * 2))


def lattice(u: Plane, v: Plane) -> Plane:
    return 1 - soft(0.34 - np.abs(cell(u)), 30) * soft(0.34 - np.abs(cell(v)), 30)


def plus(u: Plane, v: Plane) -> Plane:
    x, y = np.abs(cell(u * 0.75)), np.abs(cell(v * 0.75))
    return soft(0.13 - np.minimum(x, y), 30) * soft(0.38 - np.maximum(x, y), 30)


def scales(u: Plane, v: Plane) -> Plane:
    row = v * 1.1
    radius = np.hypot(cell(u * 1.1 + odd_row(row)), fraction(row))  # arcs about the foot of the row
    return soft(0.12 - np.abs(radius - 0.52), 25)


def flowers(u: Plane, v: Plane) -> Plane:
    x, y = cell(u * 0.8), cell(v * 0.8)
    petals = 0.20 + 0.17 * np.cos(5 * np.arctan2(y, x))
    return soft(petals - np.hypot(x, y), 25)


PATTERNS: dict[str, Pattern] = {  # the position is the label
    pattern.__name__: pattern
    for pattern in (stripes, checks, dots, rings, bricks, zigzag, lattice, plus, scales, flowers)
}


def soft(x: Plane, steepness: float) -> Plane:
    """A sigmoid edge at x = 0: 0 where x is well below, 1 where well above."""
    return 1 / (1 + np.exp(-np.clip(x * steepness, -30, 30)))


def wave(t: Plane) -> Plane:
    """Soft bands, one pair per period."""
    return soft(np.sin(2 * np.pi * t), 5)


def fraction(t: Plane) -> Plane:
    return t - np.floor(t)


def cell(t: Plane) -> Plane:
    """Position within the period, in [-1/2, 1/2)."""
    return fraction(t) - 0.5


def odd_row(row: Plane) -> Plane:
    """Half a period of shift in every second row."""
    return 0.5 * (np.floor(row) % 2)


@dataclass(frozen=True)
class Draws:
    """Random numbers for n pictures at once, shaped to broadcast against their pixels."""

    rng: np.random.Generator
    n: int

    def uniform(self, bounds: tuple[float, float]) -> Plane:
        return self.rng.uniform(*bounds, self.n)[:, None, None]

    def count(self, bounds: tuple[int, int]) -> Plane:
        """Whole numbers, both bounds included."""
        return self.rng.integers(*bounds, self.n, endpoint=True)[:, None, None].astype(np.float64)

    def sign(self) -> Plane:
        return self.rng.choice([-1.0, 1.0], self.n)[:, None, None]


def draw(pattern: Pattern, n: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """n pictures (n, 3, SIDE, SIDE) of one pattern, each with its own tint, place on the lattice and blemishes."""
    draws = Draws(rng, n)
    steps = (np.arange(SIDE * SUPERSAMPLING) + 0.5) / SUPERSAMPLING
    x, y = steps, steps[:, None]  # in pixels; broadcasting spares work on what varies along one axis only

    u, v = lattice_coordinates(x, y, draws)
    inked = pattern(u, v)
    inked = np.where(draws.uniform((0, 1)) < INVERTED, 1 - inked, inked)
    luminance = 1 - draws.uniform(CONTRAST) * inked
    blots = np.zeros_like(luminance)
    for i in range(BLOTS[1]):
        blots += (i < draws.count(BLOTS)) * blot(x, y, draws)  # the first always, further ones with falling chance
    luminance = luminance * np.exp(blots)

    tint = hsv_to_rgb(draws.uniform(HUE), draws.uniform(SATURATION), draws.uniform(VALUE))
    picture = box_mean(luminance)[:, None] * tint
    picture += rng.normal(0, 1, picture.shape) * draws.uniform(GRAIN)[..., None]
    return (picture.clip(0, 1) * 255).astype(np.uint8)


def lattice_coordinates(x: Plane, y: Plane, draws: Draws) -> tuple[Plane, Plane]:
    """Where each pixel lies on the pattern's lattice: bent, turned, scaled to the period, shifted by a random phase.

    The 8 periods on top are where the set was designed; with patterns that stretch u and v they are a phase too.
    """
    period, angle = draws.uniform(PERIOD), draws.uniform((0, 2 * np.pi))
    bent_x, bent_y = x + bend(y, draws), y + bend(x, draws)
    u = (bent_x * np.cos(angle) + bent_y * np.sin(angle)) / period + draws.uniform((0, 1)) + 8
    v = (-bent_x * np.sin(angle) + bent_y * np.cos(angle)) / period + draws.uniform((0, 1)) + 8
    return u, v


def bend(along: Plane, draws: Draws) -> Plane:
    """A displacement in pixels, sinusoidal along the other axis."""
    return draws.uniform(BEND) * np.sin(along / SIDE * draws.uniform(BEND_FREQUENCY) + draws.uniform(BEND_PHASE))


def blot(x: Plane, y: Plane, draws: Draws) -> Plane:
    """The log of a factor on luminance: a soft ellipse of light or dark."""
    dx, dy = x - draws.uniform((0, SIDE)), y - draws.uniform((0, SIDE))
    along, across = draws.uniform(BLOT_RADIUS) * SIDE, draws.uniform(BLOT_RADIUS) * SIDE
    angle = draws.uniform(BLOT_ANGLE)
    a = (dx * np.cos(angle) + dy * np.sin(angle)) / along
    b = (-dx * np.sin(angle) + dy * np.cos(angle)) / across
    log_factor: Plane = draws.sign() * draws.uniform(BLOT_DEPTH) * soft(1 - np.hypot(a, b), 8)
    return log_factor


def box_mean(fine: Plane) -> Plane:
    """(N, SIDE k, SIDE k) to (N, SIDE, SIDE), the mean of each k x k box, k the supersampling."""
    k = SUPERSAMPLING
    total = np.zeros((len(fine), SIDE, SIDE))
    for i in range(k):
        for j in range(k):
            total += fine[:, i::k, j::k]
    return total / k**2


def hsv_to_rgb(hue: Plane, saturation: Plane, value: Plane) -> Plane:
    """(N, 1, 1) each, in [0, 1], to (N, 3, 1, 1). The closed form f(n) = v - v s max(0, min(k, 4 - k, 1))."""
    k = np.stack([(n + hue * 6) % 6 for n in (5, 3, 1)], axis=1)
    rgb: Plane = value[:, None] - (value * saturation)[:, None] * np.clip(np.minimum(k, 4 - k), 0, 1)
    return rgb
