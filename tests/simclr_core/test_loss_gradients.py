"""Table 2's weights against automatic differentiation of the losses that train."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from simclr_core.config import Loss
from simclr_core.loss_gradients import negative_weights
from simclr_core.losses import anchor_losses

IMAGES, D = 4, 16


def differentiated(z: torch.Tensor, settings: Loss) -> np.ndarray:
    """(K,) coefficients of the first anchor's negatives in its loss's gradient: 7 vectors span it uniquely in 16 dims.

    Without normalization the anchor is a free vector; it and all others have length 1 already.
    """
    free = settings.model_copy(update={"normalize": False})
    z = z.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(anchor_losses(z, free)[0], z)
    others = z[1:].detach().numpy()  # the loss minimizes what the table maximizes: - (- w v-)
    coefficients, *_ = np.linalg.lstsq(others.T, gradient[0].numpy(), rcond=None)
    return np.delete(coefficients, IMAGES - 1)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0])
@pytest.mark.parametrize(
    ("name", "semi_hard"),
    [
        ("nt_xent", False),
        ("nt_logistic", False),
        ("nt_logistic", True),
        ("margin_triplet", False),
        ("margin_triplet", True),
    ],
)
def test_the_weights_are_those_of_automatic_differentiation(name, semi_hard, temperature):
    settings = Loss(name=name, temperature=temperature, semi_hard=semi_hard, margin=0.3)
    fallbacks = set()
    for seed in range(12):
        z = F.normalize(torch.randn(2 * IMAGES, D, dtype=torch.float64, generator=torch.manual_seed(seed)), dim=1)
        similarity = (z[1:] @ z[0]).numpy()
        s_pos, s_neg = similarity[IMAGES - 1], np.delete(similarity, IMAGES - 1)
        fallbacks.add(bool((s_neg >= s_pos).all()))
        weights = negative_weights(s_pos, s_neg, settings)
        averaged = 1 if name == "nt_xent" or semi_hard else len(s_neg)
        np.testing.assert_allclose(weights / averaged, differentiated(z, settings), atol=1e-10)
    assert fallbacks == {False, True}  # with and without a negative that is farther than the positive


def test_only_nt_xent_weighs_by_relative_hardness():
    """Two negatives weigh as exp of their difference; one among harder others weighs less; for the others neither."""
    s_neg = np.array([0.5, 0.2, -0.1])
    harder = np.array([0.5, 0.7, 0.6])
    w = negative_weights(0.8, s_neg, Loss(temperature=0.1))
    assert w[0] / w[1] == pytest.approx(np.exp(0.3 / 0.1))
    assert negative_weights(0.8, harder, Loss(temperature=0.1))[0] < w[0]
    for name in ("nt_logistic", "margin_triplet"):
        settings = Loss(name=name, temperature=0.1, margin=0.4)
        assert negative_weights(0.8, s_neg, settings)[0] == negative_weights(0.8, harder, settings)[0]
    assert negative_weights(0.8, s_neg, Loss(name="margin_triplet", margin=0.4)).tolist() == [1, 0, 0]
    assert negative_weights(0.8, s_neg, Loss(name="nt_logistic", temperature=0.1))[0] == pytest.approx(
        10 / (1 + np.exp(-5))
    )


def test_many_sets_of_negatives_at_once_are_each_on_its_own():
    s_neg = np.random.default_rng(0).uniform(-1, 1, (5, 7))
    for settings in (Loss(), Loss(name="nt_logistic", semi_hard=True), Loss(name="margin_triplet")):
        one_by_one = [negative_weights(0.3, row, settings) for row in s_neg]
        assert np.array_equal(negative_weights(0.3, s_neg, settings), one_by_one)
    with pytest.raises(ValueError, match="cross_entropy is no contrastive loss"):
        negative_weights(0.3, s_neg, Loss(name="cross_entropy"))
