"""The online linear probe: a classifier that learns along with the encoder, behind a stop-gradient (Appendix B.6)."""

import torch.nn.functional as F
from torch import Tensor, nn

from simclr_core.optim import SGD


class OnlineProbe(nn.Module):
    """Linear classes from h, zero-initialized; Nesterov SGD at 0.1 * batch / 256, on the schedule of the encoder.

    The official code trains it with LARS's excluded rule (plain momentum at the full rate); the rate is B.6's own.
    """

    def __init__(self, width: int, classes: int, batch_size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, classes)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.peak_lr = 0.1 * batch_size / 256
        self.optimizer = SGD(self.linear.parameters(), lr=self.peak_lr, momentum=0.9, nesterov=True)

    def forward(self, h: Tensor) -> Tensor:
        """(N, width) -> (N, classes) logits."""
        logits: Tensor = self.linear(h)
        return logits

    def step(self, h: Tensor, labels: Tensor, factor: float) -> None:
        """One update from (branches * N, width) representations of N labels; nothing flows back into h."""
        self.optimizer.param_groups[0]["lr"] = self.peak_lr * factor
        self.optimizer.zero_grad(set_to_none=True)
        logits = self(h.detach().to(self.linear.weight.dtype))
        F.cross_entropy(logits, labels.repeat(len(h) // len(labels))).backward()
        self.optimizer.step()
