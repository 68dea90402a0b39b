"""Batches larger than the device's memory: gradient caching (Gao et al., 2021) through torch's checkpointing."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def embed(model: nn.Module, views: Tensor, branches: int, chunk: int | None) -> tuple[Tensor, Tensor]:
    """(h, z) of all views: in one forward, or, for more than `chunk` images, that many at a time.

    views: (branches * N, 3, S, S), branch after branch. A chunk holds all views of its images. Chunks are embedded
    without keeping activations; in the backward pass, when the loss has said its gradient with respect to z, each is
    embedded again and sent back on its own, so that only one chunk's activations exist at a time. The gradient is
    exactly that of the whole batch, but for BatchNorm: it normalizes each chunk by the chunk's own statistics, as
    several devices without synchronized BatchNorm do (the paper's are synchronized), and its running statistics move
    once per chunk.
    """
    images = len(views) // branches
    if chunk is None or images <= chunk:
        h, z = model(views)
        return h, z
    parts = [
        checkpoint(
            model,
            part.flatten(0, 1),
            use_reentrant=False,
            preserve_rng_state=False,  # nothing in the model is random
            context_fn=lambda: (nullcontext(), _statistics_kept(model)),
        )
        for part in views.unflatten(0, (branches, images)).split(chunk, dim=1)
    ]
    h, z = (
        torch.cat([part.unflatten(0, (branches, -1)) for part in these], dim=1).flatten(0, 1)
        for these in zip(*parts, strict=True)
    )
    return h, z


@contextmanager
def _statistics_kept(model: nn.Module) -> Iterator[None]:
    """The second embedding of a chunk must not move BatchNorm's running statistics again."""
    norms = [(m, m.momentum) for m in model.modules() if isinstance(m, _BatchNorm) and m.momentum is not None]
    for norm, _ in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in norms:
            norm.momentum = momentum
