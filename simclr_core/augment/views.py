"""Two views of a batch, of one recording or of two: a shared chain, then one chain per branch."""

from typing import Any

import torch
from torch import Tensor

from simclr_core.augment.draws import Draws, floats
from simclr_core.augment.transforms import apply, draw
from simclr_core.config import Transforms, Views
from simclr_core.streams import stream

PORTION = 2**19  # numbers that go through a chain at once: 2 MB, about what a core has of the cache


def two_views(
    images: Tensor, views: Views, settings: Transforms, seed: int, epoch: int = 0, step: int = 0, steps: int = 1
) -> Tensor:
    """(N, 3, S, S) uint8 images -> (2N, 3, S, S) float32 views in [0, 1]: all left views, then all right views.

    images may be (N, 2, 3, S, S), two recordings of each: the left view is made of the first, the right of the second,
    and the shared chain acts on both with the same draws.

    steps: the images are those of so many steps, `step` and the next ones, and so are the views, step after step. They
    are what the steps have one by one.

    Each transformation draws from a stream of its own branch, name and occurrence, not of its position: `crop` on the
    right draws the same boxes in crop>color, color>crop and crop alone, so that cells can be compared in pairs.
    """
    key = (settings, seed, epoch, range(step, step + steps))
    (first, second), _ = _shared(images, views, *key)
    if views.left == views.right:  # in one go: most of a small batch's time is calls
        drawn = _draws(first, ("left", "right"), views.left, *key)
        return _through(_paired(first, second, steps), views.left, drawn)
    left = _through(first, views.left, _draws(first, ("left",), views.left, *key))
    right = _through(second, views.right, _draws(second, ("right",), views.right, *key))
    return _paired(left, right, steps)


def one_view(
    images: Tensor, views: Views, settings: Transforms, seed: int, epoch: int = 0, step: int = 0, steps: int = 1
) -> Tensor:
    """(N, 3, S, S): the right views alone, as `two_views` makes them of one recording or two."""
    return _right(images, views, settings, seed, epoch, range(step, step + steps))[0]


def one_view_and_draw(
    images: Tensor, views: Views, settings: Transforms, seed: int, epoch: int, step: int, target: str
) -> tuple[Tensor, Any]:
    """The right views, and what was drawn for the last `target` on their way. Raises KeyError where it is on none."""
    view, drawn = _right(images, views, settings, seed, epoch, range(step, step + 1))
    return view, drawn[target]


def steps_at_once(batch: int, side: int, device: str) -> int:
    """Number of steps whose views are made in one go: on a CPU as many as its cache holds, at least one."""
    if device != "cpu":
        return 1
    return max(1, PORTION // (2 * batch * 3 * side * side))


def _paired(left: Tensor, right: Tensor, steps: int) -> Tensor:
    """Step after step: what is left, then what is right."""
    return torch.cat([half for pair in zip(left.chunk(steps), right.chunk(steps), strict=True) for half in pair])


def _right(
    images: Tensor, views: Views, settings: Transforms, seed: int, epoch: int, steps: range
) -> tuple[Tensor, dict[str, Any]]:
    key = (settings, seed, epoch, steps)
    (_, second), shared = _shared(images, views, *key)
    right = _draws(second, ("right",), views.right, *key)
    return _through(second, views.right, right), shared | dict(zip(_names(views.right), right, strict=True))


def _shared(
    images: Tensor, views: Views, settings: Transforms, seed: int, epoch: int, steps: range
) -> tuple[tuple[Tensor, Tensor], dict[str, Any]]:
    """What the left and the right chain start from, which is one thing where there is one recording.

    Without a shared chain images stay uint8, since each branch makes numbers of them.
    """
    recordings = [images] if images.ndim == 4 else [one.contiguous() for one in images.unbind(1)]
    draws = _draws(recordings[0], ("shared",), views.shared, settings, seed, epoch, steps)
    if views.shared:
        recordings = [_through(one, views.shared, draws) for one in recordings]
    return (recordings[0], recordings[-1]), dict(zip(_names(views.shared), draws, strict=True))


def _draws(
    images: Tensor,
    branches: tuple[str, ...],
    chain: tuple[str, ...],
    settings: Transforms,
    seed: int,
    epoch: int,
    steps: range,
) -> list[Any]:
    """Draws for these steps' images on each of the branches, which share the chain: one for each transformation.

    All of it step after step, within a step branch after branch.
    """
    names, drawn = _names(chain), []
    for position, name in enumerate(names):
        again = names[:position].count(name)
        streams = (stream(seed, f"{branch}/{name}/{again}", epoch, step) for step in steps for branch in branches)
        drawn.append(draw(name, settings, images.shape[-1], Draws(len(images) // len(steps), *streams)))
    return drawn


def _names(chain: tuple[str, ...]) -> list[str]:
    """Names in a chain: that of a transform of albumentations has no arguments, as a built-in's has no settings."""
    return [name.partition("(")[0] for name in chain]


def _through(images: Tensor, chain: tuple[str, ...], draws: list[Any]) -> Tensor:
    """The images, uint8 or float32, after the chain."""
    parts = []
    for part in _portions(images):
        view = images[part]
        for transformation, drawn in zip(chain, draws, strict=True):
            view = apply(view, transformation, _of(part, drawn))
        parts.append(floats(view))
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _portions(images: Tensor) -> list[slice]:
    """Slices of the batch: on a CPU as many images as its cache holds, else all at once."""
    n = len(images)
    size = n if images.device.type != "cpu" else max(1, PORTION // images[0].numel())
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def _of(part: slice, drawn: Any) -> Any:
    """The part of a batch's draws that belongs to these images: every tensor has a row for each."""
    if isinstance(drawn, Tensor):
        return drawn[part]
    return drawn._make(each[part] if isinstance(each, Tensor) else each for each in drawn)
