"""The supervised twin, the online probe and the scaled learning rate, in whole trainings."""

import numpy as np
import pytest
import torch
from builders.toy import small, some_data

from simclr_core import pretrain as loop
from simclr_core import trial
from simclr_core.config import Recipe
from simclr_core.model import SimCLR
from simclr_core.objective import Contrastive, Supervised, objective
from simclr_core.online import OnlineProbe
from simclr_core.pretrain import pretrain
from simclr_core.probes.features import features
from simclr_core.streams import stream
from simclr_core.trial import EpochRow, TrialResult


def finished(recipe: Recipe, n: int = 192) -> tuple[list[EpochRow], TrialResult]:
    *rows, result = trial.run(recipe, some_data(n))
    assert isinstance(result, TrialResult)
    return rows, result  # type: ignore[return-value]


def test_the_supervised_twin_learns_its_labels() -> None:
    recipe = small(loss={"name": "cross_entropy"}, schedule={"epochs": 6, "batch_size": 32}, views={"right": ["crop"]})
    rows, result = finished(recipe)
    assert rows[-1].loss < rows[0].loss < np.log(2)  # two classes, at first a guess
    assert rows[-1].accuracy > 90
    assert rows[-1].entropy < rows[0].entropy <= np.log(2) + 1e-6
    assert result.metrics["classifier_top1"] > 90
    assert result.metrics["training_top1"] == rows[-1].accuracy
    assert "contrastive_accuracy" not in result.metrics
    assert "alignment_z" not in result.metrics  # there z are logits


def test_labels_that_mean_nothing_teach_it_nothing_about_the_test_images() -> None:
    """The labels that train are those given: with shuffled ones the test accuracy is that of a guess."""
    data = some_data(192)
    pick = np.random.default_rng(1)
    data.train.labels[:] = pick.permutation(data.train.labels)
    recipe = small(loss={"name": "cross_entropy"}, schedule={"epochs": 4, "batch_size": 32}, views={"right": ["crop"]})
    *_, result = trial.run(recipe, data)
    assert isinstance(result, TrialResult)
    assert 15 < result.metrics["classifier_top1"] < 85


def test_twins_share_their_encoder_images_and_right_views() -> None:
    one, two = small(loss={"name": "cross_entropy"}), small()
    a, b = SimCLR(one, 2), SimCLR(two, 2)
    for x, y in zip(a.encoder.parameters(), b.encoder.parameters(), strict=True):
        assert torch.equal(x, y)
    images = torch.from_numpy(some_data(8).train.images)
    supervised, contrastive = objective(one), objective(two)
    assert isinstance(supervised, Supervised)
    assert isinstance(contrastive, Contrastive)
    assert torch.equal(supervised.views(images, 1, 2), contrastive.views(images, 1, 2)[8:])


def test_the_contrastive_objective_never_looks_at_labels() -> None:
    data, recipe = some_data(), small()
    straight = [row.loss for row in pretrain(recipe, SimCLR(recipe), data.train)]
    data.train.labels[:] = 0
    assert [row.loss for row in pretrain(recipe, SimCLR(recipe), data.train)] == straight


def test_the_online_probe_changes_nothing_for_the_encoder_and_learns() -> None:
    plain, result = finished(small(schedule={"epochs": 6, "batch_size": 32}))
    rows, probed = finished(small(schedule={"epochs": 6, "batch_size": 32}, probes={"online": True}))
    assert [row.loss for row in rows] == [row.loss for row in plain]
    assert probed.metrics["top1"] == result.metrics["top1"]
    assert probed.metrics["online_top1"] > 80


def test_the_online_probe_is_nesterov_sgd_on_both_views() -> None:
    """Two steps against the update rule written out."""
    h = torch.randn(8, 3, dtype=torch.float64, generator=stream(0, "h"))
    y = torch.tensor([0, 1, 1, 0])
    probe = OnlineProbe(3, 2, batch_size=128).double()
    w, b, vw, vb = np.zeros((2, 3)), np.zeros(2), np.zeros((2, 3)), np.zeros(2)
    x, target = h.numpy(), np.eye(2)[np.tile(y.numpy(), 2)]
    for factor in (1.0, 0.5):
        probe.step(h, y, factor)
        logits = x @ w.T + b
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        gw, gb = (p - target).T @ x / 8, (p - target).mean(0)
        vw, vb = 0.9 * vw + gw, 0.9 * vb + gb
        lr = 0.1 * 128 / 256 * factor
        w, b = w - lr * (gw + 0.9 * vw), b - lr * (gb + 0.9 * vb)
    np.testing.assert_allclose(probe.linear.weight.detach().numpy(), w, rtol=1e-12)
    np.testing.assert_allclose(probe.linear.bias.detach().numpy(), b, rtol=1e-12)


def test_nothing_flows_from_the_online_probe_into_the_encoder() -> None:
    h = torch.randn(4, 3, requires_grad=True)
    OnlineProbe(3, 2, 32).step(h, torch.tensor([0, 1]), 1.0)
    assert h.grad is None


@pytest.mark.parametrize(
    ("optimizer", "batch", "peak"),
    [
        ({"lr": 0.3, "scaling": "linear", "name": "lars"}, 4096, 4.8),
        ({"lr": 0.075, "scaling": "sqrt", "name": "lars"}, 4096, 4.8),
        ({"lr": 0.075, "scaling": "sqrt"}, 256, 1.2),
        ({"lr": 0.075, "scaling": "sqrt"}, 8192, 6.7882),
        ({"lr": 0.3, "scaling": "linear"}, 8192, 9.6),
        ({"lr": 0.02}, 512, 0.02),
    ],
)
def test_learning_rates_scale_as_in_table_b1(optimizer: dict[str, object], batch: int, peak: float) -> None:
    recipe = Recipe.parse({"optimizer": optimizer, "schedule": {"batch_size": batch}})
    assert recipe.peak_lr == pytest.approx(peak, rel=1e-4)


def test_every_epoch_takes_each_image_once_in_an_order_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    fetch = loop.pixels

    def watching(*given: object) -> object:
        inner = fetch(*given)  # type: ignore[arg-type]
        return lambda index: (seen.extend(index.tolist()), inner(index))[1]

    monkeypatch.setattr(loop, "pixels", watching)
    orders = []
    for seed in (0, 1):
        recipe = small(seed=seed, schedule={"epochs": 2, "batch_size": 32})
        list(pretrain(recipe, SimCLR(recipe), some_data(100).train))
        orders += [seen[:96], seen[96:]]
        seen.clear()
    for order in orders:
        assert len(order) == len(set(order)) == 96  # the last four sit it out
        assert order != sorted(order)
    assert len({tuple(order) for order in orders}) == 4


@pytest.mark.parametrize("kind", [Contrastive, Supervised])
def test_steps_whose_views_are_made_in_one_go_have_the_views_and_labels_of_each(
    kind: type[Contrastive | Supervised], monkeypatch: pytest.MonkeyPatch
) -> None:
    loss = "nt_xent" if kind is Contrastive else "cross_entropy"
    recipe = small(loss={"name": loss}, schedule={"epochs": 2, "batch_size": 16})
    embed, cost = loop.embed, kind.loss
    views: list[torch.Tensor] = []
    labels: list[torch.Tensor] = []
    monkeypatch.setattr(loop, "embed", lambda model, x, *rest: (views.append(x), embed(model, x, *rest))[1])
    monkeypatch.setattr(kind, "loss", lambda goal, z, y: (labels.append(y), cost(goal, z, y))[1])
    found = []
    for together in (1, 2, 3, 8):
        monkeypatch.setattr(loop, "steps_at_once", lambda *_, together=together: together)
        list(pretrain(recipe, SimCLR(recipe, 2), some_data(5 * 16).train))
        found.append((torch.stack(views), torch.stack(labels)))
        views.clear()
        labels.clear()
    assert found[0][1].shape == (2 * 5, 16)
    for others, known in found[1:]:
        torch.testing.assert_close(others, found[0][0], atol=1e-6, rtol=0)
        assert torch.equal(known, found[0][1])


def test_every_step_runs_at_the_rate_of_the_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    build = loop.optimizer

    def watching(*given: object) -> torch.optim.Optimizer:
        made = build(*given)  # type: ignore[arg-type]
        take = made.step
        made.step = lambda *a: (seen.append([g["lr"] for g in made.param_groups]), take(*a))[1]  # type: ignore[method-assign]
        return made

    monkeypatch.setattr(loop, "optimizer", watching)
    recipe = small(
        optimizer={"name": "lars", "lr": 0.3, "scaling": "linear"},
        schedule={"epochs": 2, "batch_size": 32, "warmup": 0.34},
    )
    rows = list(pretrain(recipe, SimCLR(recipe), some_data().train))
    peak = 0.3 * 32 / 256
    expected = [peak / 2, peak, *(peak * 0.5 * (1 + np.cos(np.pi * k / 4)) for k in range(4))]
    assert len(seen) == 6
    for groups, lr in zip(seen, expected, strict=True):
        assert groups == pytest.approx([lr] * len(groups))
    assert rows[-1].lr == pytest.approx(expected[-1])


def test_the_representation_is_that_of_the_trained_encoder_whatever_the_precision() -> None:
    data = some_data()
    recipe = small(schedule={"epochs": 1, "batch_size": 32, "precision": "float64"})
    *_, result = trial.run(recipe, data)
    assert isinstance(result, TrialResult)
    model = SimCLR(recipe)
    list(pretrain(recipe, model, data.train))
    assert next(model.parameters()).dtype == torch.float64
    predicted = trial.probe(recipe, model, data)[1]
    assert np.array_equal(predicted, result.predictions)
    assert features(model.encoder, data.test.images).dtype == torch.float32


@pytest.mark.parametrize("chunk", [None, 8])
def test_bfloat16_is_float32_up_to_its_digits(chunk: int | None) -> None:
    """Where a trial may use it is for trial.check to say; the loop itself computes the same on any processor."""
    data, first = some_data(32).train, []
    for precision in ("float32", "bfloat16"):
        schedule = {"epochs": 2, "batch_size": 32, "chunk": chunk, "precision": precision}
        recipe = small(schedule=schedule, probes={"online": True})
        model = SimCLR(recipe, 2)
        rows = list(pretrain(recipe, model, data))
        assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
        first.append(rows[0].loss)
    assert first[0] != first[1]  # it did compute in bfloat16
    assert first[0] == pytest.approx(first[1], rel=0.02)
