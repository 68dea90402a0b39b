"""When training cannot go on: a loss that is not finite, embeddings that explode or have all become one."""

import torch
import torch.nn.functional as F
from torch import Tensor

LARGEST = 1e6  # of |embedding|: far beyond any useful scale, far below where its square overflows float32
SPREAD = 1e-6  # variance of the unit embeddings, summed over dimensions; equal up to rounding


class TrialFailed(Exception):
    """Training cannot go on; the message says why and where."""


class StepHealth:
    """The state of one step, taken before its backward pass and read before its optimizer step.

    On a GPU the numbers travel to the host while the backward pass runs, so that looking at them costs no time.
    """

    def __init__(self, loss: Tensor, embeddings: Tensor) -> None:
        """loss: scalar. embeddings: (N, D), what should differ from image to image."""
        wide = embeddings.detach().float()
        unit = F.normalize(wide, dim=1)
        spread = (unit - unit.mean(dim=0)).square().sum(dim=1).mean()
        numbers = torch.stack([loss.detach().float(), wide.abs().amax(), spread])
        self._arrived: torch.cuda.Event | None = None
        if numbers.is_cuda:
            self._numbers = torch.empty(3, pin_memory=True)
            self._numbers.copy_(numbers, non_blocking=True)
            self._arrived = torch.cuda.Event()
            self._arrived.record()
        else:
            self._numbers = numbers

    def require_health(self, where: str) -> None:
        """Raise TrialFailed, saying what is wrong and `where`."""
        if self._arrived is not None:
            self._arrived.synchronize()
        loss, largest, spread = self._numbers.tolist()
        if not torch.isfinite(self._numbers).all():
            what = "the loss is" if largest < float("inf") else "the embeddings are"
            raise TrialFailed(f"{what} not finite {where}")
        if largest > LARGEST:
            raise TrialFailed(f"the embeddings explode {where}: the largest entry is {largest:.1e}, loss {loss:.3g}")
        if spread < SPREAD:
            raise TrialFailed(f"the representation has collapsed {where}: all embeddings are equal, loss {loss:.3g}")
