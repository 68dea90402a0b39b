"""Printed tiles seen by two cameras: the embedded tiles as scenes, each recorded twice at once, by other devices.

What differs between the two recordings is the cameras' doing and never the scene's: that is what a positive pair of two
recordings has to offer. The table below is all of it. Images, labels and their order are those of the embedded set.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simclr_core.data import embedded, paired_cache
from simclr_core.data.embedded import SIDE
from simclr_core.data.images import Dataset, ImageSet
from simclr_core.errors import BadInput

FINGERPRINT = "embedded-pairs-v1"  # as embedded.FINGERPRINT: raise the version whenever an image would change
TITLE = "printed tiles by two cameras (embedded)"


@dataclass(frozen=True)
class Camera:
    """One device. What is a range is drawn uniformly for every picture, the rest is the device's own.

    view: the side of what it sees, of the scene's side. center: of that, in scene pixels right and down from the
    scene's. shake: by how many scene pixels the center moves at most, on either axis. spot: standard deviation of a
    Gaussian blur, in scene pixels. tint: factors of red, green, blue. gain: factor of all three, the exposure. noise:
    standard deviation, intensities in [0, 1].
    """

    view: float
    center: tuple[float, float]
    shake: float
    spot: float
    tint: tuple[float, float, float]
    gain: tuple[float, float]
    noise: float


#                view  center        shake spot  tint                gain          noise
LEFT = Camera(0.85, (-0.9, 0.3), 0.5, 0.45, (1.00, 1.00, 1.00), (0.85, 1.15), 0.01)
RIGHT = Camera(0.78, (1.2, -0.6), 0.5, 0.70, (0.75, 0.95, 1.30), (0.70, 1.20), 0.03)


def load(size: int, cache: Path) -> Dataset:
    """The whole set, 5,000 pairs to train and 4,000 to test, balanced. Raises BadInput for any size but 24.

    Recorded once (it takes seconds), then memory-mapped from the cache; where that cannot be written, recorded again.
    """
    stored = paired_cache.read(cache / FINGERPRINT) if size == SIDE else None
    if stored is not None:
        train, test = stored.train, stored.test
    else:
        scenes = embedded.load(size, cache)
        train, test = record(scenes.train, embedded.TRAIN_SEED), record(scenes.test, embedded.TEST_SEED)
        labels = np.concatenate([train.labels, test.labels])
        others = [part.other for part in (train, test) if part.other is not None]
        with contextlib.suppress(BadInput):
            stem = cache / FINGERPRINT
            paired_cache.write(stem, ([train.images, test.images], others), (3, SIDE, SIDE), labels, len(train), {})
    return Dataset(train, test, tuple(embedded.PATTERNS), FINGERPRINT, TITLE)


def record(scenes: ImageSet, seed: int) -> ImageSet:
    """Both cameras' pictures of every scene, fixed by the seed; LEFT's are the first recordings."""
    left, right = (picture(scenes.images, camera, seed, i) for i, camera in enumerate((LEFT, RIGHT)))
    return ImageSet(left, np.array(scenes.labels), other=right)


def picture(scenes: NDArray[np.uint8], camera: Camera, seed: int, device: int) -> NDArray[np.uint8]:
    """(N, 3, SIDE, SIDE) pictures of as many scenes of that shape. seed, device: of the draws."""
    rng = np.random.default_rng([seed, device])
    n = len(scenes)
    centers = SIDE / 2 + np.array(camera.center)[:, None] + rng.uniform(-camera.shake, camera.shake, (2, n))
    columns, rows = (spots(center, camera) for center in centers)
    exposure = np.array(camera.tint) * rng.uniform(*camera.gain, n)[:, None]
    pictures = np.empty(scenes.shape, np.uint8)
    for i, scene in enumerate(scenes):
        light = rows[i] @ (scene / 255) @ columns[i].T * exposure[i][:, None, None]
        light += rng.normal(0, camera.noise, light.shape)
        pictures[i] = np.round(255 * light.clip(0, 1))
    return pictures


def spots(center: NDArray[np.float64], camera: Camera) -> NDArray[np.float64]:
    """(N, SIDE, SIDE): with which weight a picture's pixel, along one axis, sees each of the scene's; rows sum to 1."""
    pixel = np.arange(SIDE) + 0.5
    seen = center[:, None] + camera.view * (pixel - SIDE / 2)
    weights = np.exp(-(((seen[..., None] - pixel) / camera.spot) ** 2) / 2)
    normalized: NDArray[np.float64] = weights / weights.sum(axis=-1, keepdims=True)
    return normalized
