"""The linear probe against scikit-learn, and what it may look at."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from simclr_core.config import LinearProbe
from simclr_core.probes.linear import fit, linear_probe, predict, validation_split
from simclr_core.streams import stream


def blobs(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Three overlapping classes in eight dimensions of very different scales."""
    g = stream(seed, "blobs")
    y = torch.arange(n) % 3
    centers = torch.randn(3, 8, generator=stream(0, "centers"))
    x = (centers[y] + 1.3 * torch.randn(n, 8, generator=g)) * torch.logspace(-2, 2, 8)
    return x, y


@pytest.mark.parametrize("l2", [1.0, 1e-2, 1e-4])
def test_the_fit_is_scikit_learns_logistic_regression(l2: float) -> None:
    x, y = blobs(600)
    x = ((x - x.mean(0)) / x.std(0)).double()
    weights = fit(x, y, 3, l2)
    reference = LogisticRegression(C=1 / (l2 * len(x)), tol=1e-10, max_iter=5000).fit(x.numpy(), y.numpy())
    ours = torch.softmax(x @ weights[:-1] + weights[-1], dim=1).numpy()
    np.testing.assert_allclose(ours, reference.predict_proba(x.numpy()), atol=2e-3)
    assert (predict(weights, x).numpy() == reference.predict(x.numpy())).mean() > 0.998


def test_the_probe_as_a_whole_agrees_with_scikit_learns_choice_and_predictions() -> None:
    (x, y), (x_test, y_test) = blobs(900), blobs(500, seed=1)
    settings = LinearProbe(l2=(1e-3, 1e-1, 10.0))
    probed = linear_probe(x, y, x_test, 3, settings, seed=0)
    held = validation_split(y, settings.validation, 0).numpy()
    standard, standard_test = ((part - x.mean(0)).numpy() / x.std(0).numpy() for part in (x, x_test))

    def model(l2: float, n: int) -> LogisticRegression:
        return LogisticRegression(C=1 / (l2 * n), tol=1e-10, max_iter=5000)

    n_fit = int((~held).sum())
    scores = {l2: model(l2, n_fit).fit(standard[~held], y[~held]).score(standard[held], y[held]) for l2 in settings.l2}
    assert scores[probed.l2] == max(scores.values())
    assert probed.validation_top1 == pytest.approx(100 * scores[probed.l2])
    expected = model(probed.l2, len(x)).fit(standard, y).predict(standard_test)
    assert (probed.predictions.numpy() == expected).mean() > 0.995
    assert (probed.predictions == y_test).double().mean() > 0.6


def test_validation_images_of_their_own_choose_and_all_training_images_are_fitted() -> None:
    (x, y), (x_test, _), (x_val, y_val) = blobs(300), blobs(500, seed=1), blobs(400, seed=2)
    settings = LinearProbe(l2=(1e-3, 1e-1, 10.0))
    probed = linear_probe(x, y, x_test, 3, settings, seed=0, validation=(x_val, y_val))
    standard, standard_val, standard_test = (
        (part - x.mean(0)).numpy() / x.std(0).numpy() for part in (x, x_val, x_test)
    )
    models = {l2: LogisticRegression(C=1 / (l2 * 300), tol=1e-10, max_iter=5000).fit(standard, y) for l2 in settings.l2}
    scores = {l2: model.score(standard_val, y_val) for l2, model in models.items()}
    assert scores[probed.l2] == max(scores.values())
    assert probed.validation_top1 == pytest.approx(100 * scores[probed.l2], abs=0.3)
    assert (probed.predictions.numpy() == models[probed.l2].predict(standard_test)).mean() > 0.99
    wrong = linear_probe(x, y, x_test, 3, settings, seed=0, validation=(x_val, (y_val + 1) % 3))
    assert wrong.validation_top1 < probed.validation_top1


def test_the_validation_split_takes_the_same_share_of_every_class_and_depends_on_the_seed_only() -> None:
    labels = torch.tensor([0] * 100 + [1] * 50 + [2] * 3)
    held = validation_split(labels, 0.2, seed=4)
    assert [int(held[labels == k].sum()) for k in range(3)] == [20, 10, 1]
    assert torch.equal(held, validation_split(labels, 0.2, seed=4))
    assert not torch.equal(held, validation_split(labels, 0.2, seed=5))


def test_the_validation_split_holds_out_whole_groups_that_the_seed_draws() -> None:
    groups = torch.arange(30).repeat_interleave(torch.arange(30) % 4 + 3)
    labels = groups % 3
    labels[groups == 7] = torch.arange(6) % 3  # a group may have every class
    for seed in range(20):
        held = validation_split(labels, 0.2, seed, groups)
        assert not set(groups[held].tolist()) & set(groups[~held].tolist())
        assert 0.2 <= held.double().mean() <= 0.2 + 8 / len(labels)
        for label in range(3):
            assert 0.1 < held[labels == label].double().mean() < 0.4
    assert not torch.equal(held, validation_split(labels, 0.2, 20, groups))


def test_a_class_of_a_single_group_stays_in_training() -> None:
    groups = torch.tensor([0] * 5 + [1] * 5 + [2] * 5)
    held = validation_split(torch.tensor([0] * 5 + [1] * 10), 0.2, 0, groups)
    assert not held[:5].any()
    assert int(held.sum()) == 5


def test_features_that_never_vary_do_no_harm() -> None:
    x, y = blobs(300)
    dead = torch.cat([x, torch.tensor([0.0, 0.1, -1e4, 1e-7]).expand(300, -1)], dim=1)
    settings = LinearProbe(l2=(1e-2,))
    plain = linear_probe(x, y, x, 3, settings, seed=0)
    assert torch.equal(linear_probe(dead, y, dead, 3, settings, seed=0).predictions, plain.predictions)
    # Nothing was learned about them, so they say nothing where they vary after all: on the test images.
    alive = torch.cat([x, 100 * torch.randn(300, 4, generator=stream(0, "alive"))], dim=1)
    assert torch.equal(linear_probe(dead, y, alive, 3, settings, seed=0).predictions, plain.predictions)


@pytest.mark.parametrize("width", [64, 512, 2048])
def test_features_of_every_encoders_width_agree_with_scikit_learn(width: int) -> None:
    g = stream(0, "wide")
    y = torch.arange(300) % 4
    x = torch.randn(300, width, generator=g)
    x[:, :20] += 2 * torch.randn(4, 20, generator=g)[y]
    x = x.relu()  # as h is
    x[:, ::5] = 0  # and some of its units are dead
    train, test, l2 = slice(None, 150), slice(150, None), 0.1
    probed = linear_probe(x[train], y[train], x[test], 4, LinearProbe(l2=(l2,)), seed=0)
    scale = x[train].std(dim=0).numpy()
    standard = (x - x[train].mean(dim=0)).numpy() / np.where(scale > 0, scale, 1)
    reference = LogisticRegression(C=1 / (l2 * 150), tol=1e-6, max_iter=5000).fit(standard[train], y[train])
    assert (probed.predictions.numpy() == reference.predict(standard[test])).mean() > 0.98
    assert (probed.predictions == y[test]).double().mean() > 0.5
