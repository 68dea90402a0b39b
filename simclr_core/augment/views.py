"""Two views of a batch: a shared chain, then one chain per branch."""

from typing import Any

import torch
from torch import Tensor

from simclr_core.augment.draws import Draws, floats
from simclr_core.augment.transforms import apply, draw
from simclr_core.config import Transforms, Views
from simclr_core.streams import stream

PORTION = 2**19  # numbers that go through a chain at once: 2 MB, about what a core has of the cache


def two_views(images: Tensor, views: Views, settings: Transforms, seed: int, epoch: int = 0, step: int = 0) -> Tensor:
    """(N, 3, S, S) uint8 images -> (2N, 3, S, S) float32 views in [0, 1]: all left views, then all right views.

    Each transformation draws from a stream of its own branch, name and occurrence, not of its position: `crop` on the
    right draws the same boxes in crop>color, color>crop and crop alone, so that cells can be compared in pairs.
    """
    key = (settings, seed, epoch, step)
    common, _ = _shared(images, views, *key)
    if views.left == views.right and "noise" not in views.left:  # in one go: most of a small batch's time is calls
        return _through(common.repeat(2, 1, 1, 1), views.left, _draws(common, ("left", "right"), views.left, *key))
    branches = (("left", views.left), ("right", views.right))
    return torch.cat([_through(common, chain, _draws(common, (name,), chain, *key)) for name, chain in branches])


def one_view(images: Tensor, views: Views, settings: Transforms, seed: int, epoch: int = 0, step: int = 0) -> Tensor:
    """(N, 3, S, S): the right views alone, as `two_views` makes them."""
    return _right(images, views, settings, seed, epoch, step)[0]


def one_view_and_draw(
    images: Tensor, views: Views, settings: Transforms, seed: int, epoch: int, step: int, target: str
) -> tuple[Tensor, Any]:
    """The right views, and what was drawn for the last `target` on their way. Raises KeyError where it is on none."""
    view, drawn = _right(images, views, settings, seed, epoch, step)
    return view, drawn[target]


def _right(
    images: Tensor, views: Views, settings: Transforms, seed: int, epoch: int, step: int
) -> tuple[Tensor, dict[str, Any]]:
    key = (settings, seed, epoch, step)
    common, shared = _shared(images, views, *key)
    right = _draws(common, ("right",), views.right, *key)
    return _through(common, views.right, right), shared | dict(zip(_names(views.right), right, strict=True))


def _shared(
    images: Tensor, views: Views, settings: Transforms, seed: int, epoch: int, step: int
) -> tuple[Tensor, dict[str, Any]]:
    """Through the shared chain; without one the images as they are, since each branch makes numbers of them itself."""
    if not views.shared:
        return images, {}
    draws = _draws(images, ("shared",), views.shared, settings, seed, epoch, step)
    return _through(images, views.shared, draws), dict(zip(_names(views.shared), draws, strict=True))


def _draws(
    images: Tensor,
    branches: tuple[str, ...],
    chain: tuple[str, ...],
    settings: Transforms,
    seed: int,
    epoch: int,
    step: int,
) -> list[Any]:
    """What is drawn for these images on each of the branches, which share the chain: transformation by transformation.

    The first branch comes first in all that is drawn.
    """
    names, drawn = _names(chain), []
    for position, name in enumerate(names):
        again = names[:position].count(name)
        streams = (stream(seed, f"{branch}/{name}/{again}", epoch, step) for branch in branches)
        drawn.append(draw(name, settings, images.shape[-1], Draws(len(images), *streams)))
    return drawn


def _names(chain: tuple[str, ...]) -> list[str]:
    """A transform of albumentations is one name whatever its arguments, as a built-in is whatever its settings."""
    return [name.partition("(")[0] for name in chain]


def _through(images: Tensor, chain: tuple[str, ...], draws: list[Any]) -> Tensor:
    """The images, uint8 or float32, after the chain."""
    parts = []
    for part in _portions(images, chain):
        view = images[part]
        for transformation, drawn in zip(chain, draws, strict=True):
            view = apply(view, transformation, _of(part, drawn))
        parts.append(floats(view))
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _portions(images: Tensor, chain: tuple[str, ...]) -> list[slice]:
    """Slices of the batch: on a CPU as many images as its cache holds, else all at once.

    Noise is drawn for a batch as a whole, and has to be the same whatever goes before and after it.
    """
    n = len(images)
    whole = images.device.type != "cpu" or "noise" in chain
    size = n if whole else max(1, PORTION // images[0].numel())
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def _of(part: slice, drawn: Any) -> Any:
    """Of what was drawn for the batch, what belongs to these images: every tensor has a row for each."""
    if isinstance(drawn, Tensor):
        return drawn[part]
    return drawn._make(each[part] if isinstance(each, Tensor) else each for each in drawn)
