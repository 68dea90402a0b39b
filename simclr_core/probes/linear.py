"""Linear evaluation: multinomial logistic regression on frozen features by L-BFGS (Appendix B.8's solver).

The paper trains the classifier by SGD with crops and flips (B.6); on cached features L-BFGS reaches the optimum of the
same model without a learning rate to tune. Features are standardized with the training set's statistics, so that one
grid of penalties suits every encoder.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from simclr_core.config import LinearProbe
from simclr_core.data.hold_out import hold_out
from simclr_core.optim import LBFGS
from simclr_core.streams import stream


@dataclass(frozen=True)
class Probed:
    """The probe's answer. predictions: (n_test,) int64; accuracies in percent.

    classify: the trained classifier itself, from (n, D) features to (n,) int64 classes on the CPU.
    """

    predictions: Tensor
    classify: Callable[[Tensor], Tensor]
    l2: float
    validation_top1: float


def fit(x: Tensor, y: Tensor, classes: int, l2: float, start: Tensor | None = None) -> Tensor:
    """(D + 1, classes) weights, offset last, minimizing mean cross-entropy + l2 / 2 * ||weights||^2 (offset free).

    x: (N, D) float64, y: (N,) int64. Equals scikit-learn's LogisticRegression(C=1 / (l2 * N)), up to a largest
    gradient of 1e-4: going on to 1e-5 takes twice as long and moves accuracies by less than 0.1 points.
    """
    weights = (x.new_zeros(x.shape[1] + 1, classes) if start is None else start.clone()).requires_grad_(True)
    solver = LBFGS(
        [weights],
        max_iter=300,
        tolerance_grad=1e-4,
        tolerance_change=1e-9,
        history_size=10,
        line_search_fn="strong_wolfe",
    )

    def objective() -> Tensor:
        solver.zero_grad()
        loss = F.cross_entropy(x @ weights[:-1] + weights[-1], y) + l2 / 2 * weights[:-1].square().sum()
        loss.backward()
        return loss

    solver.step(objective)
    return weights.detach()


def predict(weights: Tensor, x: Tensor) -> Tensor:
    """(N,) most likely classes of (N, D) features."""
    return (x @ weights[:-1] + weights[-1]).argmax(dim=1)


def validation_split(labels: Tensor, share: float, seed: int, groups: Tensor | None = None) -> Tensor:
    """(N,) bool: the images held out to choose the penalty; the same share of every class.

    A class with two or more has at least one held out and at least one not. groups: (N,) int64, of images that are held
    out together or not at all: then at least that share, and of every class as groups allow.
    """
    held = torch.zeros(len(labels), dtype=torch.bool)
    order = torch.randperm(len(labels), generator=stream(seed, "validation"))
    if groups is not None:
        counted: dict[int, Counter[int]] = {}
        for group, label in zip(groups[order].tolist(), labels[order].tolist(), strict=True):
            counted.setdefault(group, Counter())[label] += 1
        names = list(counted)
        return torch.isin(groups, torch.tensor([names[i] for i in hold_out(list(counted.values()), share)]))
    for label in torch.unique(labels):
        members = order[labels[order] == label]
        held[members[: max(1, min(round(share * len(members)), len(members) - 1))]] = True
    return held


def linear_probe(
    train_h: Tensor,
    train_y: Tensor,
    test_h: Tensor,
    classes: int,
    settings: LinearProbe,
    seed: int,
    groups: Tensor | None = None,
    validation: tuple[Tensor, Tensor] | None = None,
) -> Probed:
    """Choose the penalty on a validation split of the training images, refit on all of them, predict the test images.

    train_h: (N, D), test_h: (M, D); train_y: (N,) int64 on the CPU, and so are groups, of training images that belong
    together, if any do. validation: (V, D) and (V,), likewise, of images of their own to choose the penalty on; then
    all training images are fitted from the start. The test labels are not needed, hence not given.
    """
    mean, deviation = train_h.double().mean(dim=0), train_h.double().std(dim=0).clamp(min=1e-8)

    def standardized(h: Tensor) -> Tensor:
        return (h.double() - mean) / deviation

    x = standardized(train_h)
    y = train_y.to(x.device)
    if validation is None:
        held = validation_split(train_y, settings.validation, seed, groups).to(x.device)
        fitted, chosen_on = (x[~held], y[~held]), (x[held], y[held])
    else:
        fitted, chosen_on = (x, y), (standardized(validation[0]), validation[1].to(x.device))
    best: tuple[float, float, Tensor] | None = None
    weights: Tensor | None = None
    for l2 in sorted(settings.l2, reverse=True):  # from the strongest, each start warm from the last
        weights = fit(*fitted, classes, l2, weights)
        score = (predict(weights, chosen_on[0]) == chosen_on[1]).double().mean().item() * 100
        if best is None or score > best[0]:
            best = (score, l2, weights)
    assert best is not None  # settings.l2 is not empty
    score, l2, weights = best
    chosen = fit(x, y, classes, l2, weights) if validation is None else weights

    def classify(h: Tensor) -> Tensor:
        return predict(chosen, standardized(h)).cpu()

    return Probed(classify(test_h), classify, l2, score)
