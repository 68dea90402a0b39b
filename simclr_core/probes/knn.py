"""Weighted k nearest neighbors on frozen features (Wu et al., 2018): no training, hence nothing to tune.

Features are compared by their cosine as they are, not standardized as for the linear probe: a dimension counts by how
much it says, and the number stays comparable with published ones.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from simclr_core.config import KNNProbe
from simclr_core.probes.measured import Measured, accuracy

ENTRIES = 2**25  # similarities held at a time, 128 MiB: some thousand test images against ten thousands


def vote(cosines: Tensor, labels: Tensor, classes: int, settings: KNNProbe) -> Tensor:
    """(M,) classes with the largest sum of exp(cosine / temperature) over the k nearest; of equal sums the first class.

    cosines: (M, N) with the N training images; labels: (N,) int64 on the same device.
    """
    nearest, index = cosines.topk(settings.k, dim=1)
    # Relative to the nearest: a factor that all votes share, and without it a small temperature overflows.
    weights = ((nearest - nearest[:, :1]) / settings.temperature).exp()
    return cosines.new_zeros(len(cosines), classes).scatter_add_(1, labels[index], weights).argmax(dim=1)


def knn_probe(
    train_h: Tensor, train_y: Tensor, test_h: Tensor, test_y: Tensor, classes: int, settings: KNNProbe
) -> Measured:
    """Accuracy of the neighbors' vote in percent, computed on the features' device in float32.

    train_h: (N, D), test_h: (M, D) on one device; train_y: (N,), test_y: (M,) int64 on any. k is at most N. An all-zero
    feature is equally near to every image; which of equally near ones are among the k is left to torch.topk.
    """
    train, test = (F.normalize(h.float(), dim=1) for h in (train_h, test_h))
    labels = train_y.to(train.device)
    rows = max(1, ENTRIES // len(train))
    predicted = torch.cat([vote(some @ train.T, labels, classes, settings) for some in test.split(rows)])
    return accuracy(predicted.cpu().numpy(), test_y.cpu().numpy())
