"""Two views of a batch: a shared chain, then one chain per branch."""

from typing import Any

import torch
from torch import Tensor

from simclr_core.augment.transforms import apply, draw
from simclr_core.config import Transforms, Views
from simclr_core.streams import stream


def two_views(images: Tensor, views: Views, settings: Transforms, seed: int, epoch: int = 0, step: int = 0) -> Tensor:
    """(N, 3, S, S) uint8 images -> (2N, 3, S, S) float32 views in [0, 1]: all left views, then all right views.

    Each transformation draws from a stream of its own branch, name and occurrence, not of its position: `crop` on the
    right draws the same boxes in crop>color, color>crop and crop alone, so that cells can be compared in pairs.
    """
    key = (settings, seed, epoch, step)
    common, _ = _through(images.float() / 255, "shared", views.shared, *key)
    return torch.cat([_through(common, branch, getattr(views, branch), *key)[0] for branch in ("left", "right")])


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
    common, shared = _through(images.float() / 255, "shared", views.shared, *key)
    view, right = _through(common, "right", views.right, *key)
    return view, shared | right


def _through(
    images: Tensor, branch: str, chain: tuple[str, ...], settings: Transforms, seed: int, epoch: int, step: int
) -> tuple[Tensor, dict[str, Any]]:
    """The images after the chain, and what was drawn for the last occurrence of each name."""
    # A transform of albumentations is one name whatever its arguments, as a built-in is whatever its settings.
    names = [name.partition("(")[0] for name in chain]
    drawn = {}
    for position, (transformation, name) in enumerate(zip(chain, names, strict=True)):
        generator = stream(seed, f"{branch}/{name}/{names[:position].count(name)}", epoch, step)
        drawn[name] = draw(name, settings, len(images), images.shape[-1], generator)
        images = apply(images, transformation, drawn[name])
    return images, drawn
