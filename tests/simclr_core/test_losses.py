"""The contrastive losses against the paper's formulas as loops, its gradients, another library, and closed forms."""

import math
from typing import Any

import pytest
import torch
from pytorch_metric_learning.distances import CosineSimilarity, DotProductSimilarity
from pytorch_metric_learning.losses import NTXentLoss, TripletMarginLoss
from pytorch_metric_learning.reducers import MeanReducer
from torch import Tensor

from simclr_core.config import Loss
from simclr_core.losses import anchor_losses, contrastive, contrastive_task, nt_xent
from simclr_core.streams import stream

SIZES = [(2, 3, 0.5), (5, 8, 0.1), (16, 4, 1.0), (33, 64, 0.05)]

VARIANTS = [
    Loss(name=name, semi_hard=semi_hard, normalize=normalize, negatives=negatives, temperature=0.4, margin=0.8)
    for name, semi_hard in [
        ("nt_xent", False),
        ("nt_logistic", False),
        ("nt_logistic", True),
        ("margin_triplet", False),
        ("margin_triplet", True),
    ]
    for normalize in (True, False)
    for negatives in ("both", "one")
]


def said(loss: Loss) -> str:
    similarity = "cosine" if loss.normalize else "dot"
    return "-".join([loss.name, "semi_hard" if loss.semi_hard else "all", similarity, loss.negatives])


every_variant = pytest.mark.parametrize("loss", VARIANTS, ids=said)


def changed(loss: Loss, **fields: Any) -> Loss:
    return Loss(**{**loss.model_dump(), **fields})


def embeddings(n: int, dim: int) -> Tensor:
    return torch.randn(2 * n, dim, dtype=torch.float64, generator=stream(1, "z", n, dim))


def algorithm_1(z: Tensor, temperature: float) -> float:
    """The paper's own indices, 1-based: views 2k - 1 and 2k belong together; its s, its l(i, j), its final average."""
    n = len(z) // 2
    paper = {}
    for k in range(1, n + 1):
        paper[2 * k - 1], paper[2 * k] = z[k - 1].tolist(), z[n + k - 1].tolist()

    def s(i: int, j: int) -> float:
        dot = sum(a * b for a, b in zip(paper[i], paper[j], strict=True))
        norms = [math.sqrt(sum(a * a for a in paper[k])) for k in (i, j)]
        return dot / (norms[0] * norms[1])

    def pair_loss(i: int, j: int) -> float:
        below = sum(math.exp(s(i, k) / temperature) for k in range(1, 2 * n + 1) if k != i)
        return -math.log(math.exp(s(i, j) / temperature) / below)

    return sum(pair_loss(2 * k - 1, 2 * k) + pair_loss(2 * k, 2 * k - 1) for k in range(1, n + 1)) / (2 * n)


def cosine(a: list[float], b: list[float]) -> float:
    return dot(a, b) / math.sqrt(dot(a, a) * dot(b, b))


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def slow(z: Tensor, loss: Loss) -> list[float]:
    """Each anchor's loss after Table 2, an anchor named by its side and its image."""
    n, s = len(z) // 2, cosine if loss.normalize else dot
    view = {(side, image): z[side * n + image].tolist() for side in (0, 1) for image in range(n)}
    losses = []
    for side, image in view:
        positive = s(view[side, image], view[1 - side, image])
        sides = [1 - side] if loss.negatives == "one" else [0, 1]
        negatives = [s(view[side, image], view[a, b]) for a in sides for b in range(n) if b != image]
        if loss.semi_hard:
            farther = [negative for negative in negatives if negative < positive]
            negatives = [max(farther) if farther else min(negatives)]
        tau = loss.temperature
        if loss.name == "nt_xent":
            below = math.exp(positive / tau) + sum(math.exp(negative / tau) for negative in negatives)
            losses.append(math.log(below) - positive / tau)
        elif loss.name == "nt_logistic":
            push = sum(math.log(sigmoid(-negative / tau)) for negative in negatives) / len(negatives)
            losses.append(-math.log(sigmoid(positive / tau)) - push)
        else:
            hinges = [max(negative - positive + loss.margin, 0) for negative in negatives]
            losses.append(sum(hinges) / len(hinges))
    return losses


@pytest.mark.parametrize(("n", "dim", "temperature"), SIZES)
def test_nt_xent_is_algorithm_1_of_the_paper(n: int, dim: int, temperature: float) -> None:
    z = embeddings(n, dim)
    assert nt_xent(z, temperature=temperature).item() == pytest.approx(algorithm_1(z, temperature), rel=1e-12)


@every_variant
@pytest.mark.parametrize(("n", "dim"), [(2, 3), (5, 8), (12, 4)])
def test_every_loss_is_the_mean_of_its_formula_over_all_anchors(loss: Loss, n: int, dim: int) -> None:
    z = embeddings(n, dim)
    each = slow(z, loss)
    assert anchor_losses(z, loss).tolist() == pytest.approx(each, rel=1e-10, abs=1e-12)
    assert contrastive(z, loss).item() == pytest.approx(sum(each) / (2 * n), rel=1e-10)


@every_variant
def test_settings_that_a_loss_has_matter_and_the_others_do_not(loss: Loss) -> None:
    z = embeddings(5, 8)
    value = contrastive(z, loss).item()
    assert (contrastive(z, changed(loss, temperature=0.7)).item() == value) == (loss.name == "margin_triplet")
    assert (contrastive(z, changed(loss, margin=0.9)).item() == value) == (loss.name != "margin_triplet")


# Dot products that are whole numbers: 2 with the positive, and ties with it, ties among negatives, nothing farther.
TIES = [[2, 0], [1, 0], [1, 1], [1, 0], [2, 0], [0, 2]]
NOTHING_FARTHER = [[1, 0], [0, 1], [1, 1], [-1, 1], [1, -1], [-1, -1]]


@pytest.mark.parametrize("name", ["nt_logistic", "margin_triplet"])
@pytest.mark.parametrize("negatives", ["both", "one"])
@pytest.mark.parametrize("rows", [TIES, NOTHING_FARTHER])
def test_semi_hard_with_ties_and_with_no_negative_farther_than_the_positive(
    name: Any, negatives: Any, rows: list[list[int]]
) -> None:
    z = torch.tensor(rows, dtype=torch.float64)
    loss = Loss(name=name, negatives=negatives, semi_hard=True, normalize=False)
    assert anchor_losses(z, loss).tolist() == pytest.approx(slow(z, loss), rel=1e-12)


def test_semi_hard_of_one_anchor_by_hand() -> None:
    """The anchor (1, 0) reads the first coordinates of the others: of the positive, then of two negatives."""

    def hinge(positive: float, *negatives: float) -> float:
        z = torch.tensor([[1, 0], [0, 0], [0, 0], [positive, 0], [negatives[0], 1], [negatives[1], 2]])
        loss = Loss(name="margin_triplet", negatives="one", semi_hard=True, normalize=False, margin=10)
        return anchor_losses(z, loss)[0].item() - 10 + positive  # the chosen negative

    assert hinge(3, 1, 2) == 2
    assert hinge(3, 4, 2) == 2
    assert hinge(3, 3, 1) == 1, "as near as the positive is not farther"
    assert hinge(3, 5, 4) == 4, "none is farther: the least similar of all"
    assert hinge(3, 3, 3) == 3


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize(("n", "dim", "temperature"), SIZES)
def test_nt_xent_and_its_gradient_are_those_of_pytorch_metric_learning(
    n: int, dim: int, temperature: float, normalize: bool
) -> None:
    z = (embeddings(n, dim) / math.sqrt(dim)).requires_grad_()
    similarity = CosineSimilarity() if normalize else DotProductSimilarity(normalize_embeddings=False)
    theirs, image = NTXentLoss(temperature, distance=similarity), torch.arange(n)

    def across(anchors: Tensor, candidates: Tensor) -> Tensor:
        return theirs(anchors, image, ref_emb=candidates, ref_labels=image.clone())  # the same tensor: the same views

    expected = {"both": theirs(z, image.repeat(2)), "one": (across(z[:n], z[n:]) + across(z[n:], z[:n])) / 2}
    for negatives, value in expected.items():
        ours = contrastive(z, Loss(temperature=temperature, normalize=normalize, negatives=negatives))
        torch.testing.assert_close(ours, value, rtol=1e-10, atol=0)
        gradients = (torch.autograd.grad(loss, z, retain_graph=True)[0] for loss in (ours, value))
        torch.testing.assert_close(*gradients, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("margin", [0, 0.4, 0.8, 1.6])  # the paper's grid
def test_margin_triplet_and_its_gradient_are_those_of_pytorch_metric_learning(margin: float) -> None:
    z = embeddings(5, 8).requires_grad_()
    ours = contrastive(z, Loss(name="margin_triplet", margin=margin))
    theirs = TripletMarginLoss(margin, distance=CosineSimilarity(), reducer=MeanReducer())(z, torch.arange(5).repeat(2))
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)
    gradients = (torch.autograd.grad(loss, z)[0] for loss in (ours, theirs))
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-14)


def table_2_gradient(u: Tensor, positive: Tensor, negatives: Tensor, loss: Loss) -> Tensor:
    """Gradient of the objective by u: with one negative the printed formulas, their mean over more."""
    tau, to_positive, to_negatives = loss.temperature, u @ positive, negatives @ u
    if loss.name == "nt_xent":
        total = torch.exp(to_positive / tau) + torch.exp(to_negatives / tau).sum()
        pull = (1 - torch.exp(to_positive / tau) / total) / tau * positive
        return pull - sum((torch.exp(v @ u / tau) / total) / tau * v for v in negatives)
    if loss.name == "nt_logistic":
        pull = 1 / (1 + torch.exp(to_positive / tau)) / tau * positive
        return pull - sum(1 / (1 + torch.exp(-(v @ u) / tau)) / tau * v for v in negatives) / len(negatives)
    zero = torch.zeros_like(u)
    return sum((positive - v if to_positive - v @ u < loss.margin else zero) for v in negatives) / len(negatives)


@pytest.mark.parametrize("name", ["nt_xent", "nt_logistic", "margin_triplet"])
@pytest.mark.parametrize("n", [2, 6])
@pytest.mark.parametrize("side", [0, 1])
def test_the_gradient_of_one_anchor_is_that_of_table_2(name: Any, n: int, side: int) -> None:
    """By a unit u as a free vector, as in the table: no derivative through the normalization, candidates constant."""
    z = torch.nn.functional.normalize(embeddings(n, 4), dim=1)
    image = side * (n - 1)  # the very first anchor and the very last
    anchor, others = side * n + image, [other for other in range(n) if other != image]
    same_side, other_side = z[side * n :][:n].clone(), z[(1 - side) * n :][:n].clone()
    z[anchor] = u = z[anchor].clone().requires_grad_()
    one = other_side[others]
    for negatives, views in {"one": one, "both": torch.cat([one, same_side[others]])}.items():
        loss = Loss(name=name, negatives=negatives, normalize=False, temperature=0.3, margin=0.4)
        (slope,) = torch.autograd.grad(-anchor_losses(z, loss)[anchor], u, retain_graph=True)
        expected = table_2_gradient(u.detach(), other_side[image], views, loss)
        torch.testing.assert_close(slope, expected, rtol=1e-10, atol=1e-12)


@every_variant
def test_the_whole_gradient_is_the_slope_of_the_formula(loss: Loss) -> None:
    z = embeddings(3, 4).requires_grad_()
    (slope,) = torch.autograd.grad(contrastive(z, loss), z)
    assert slope.abs().max() > 1e-3

    def moved(i: int, j: int, by: float) -> float:
        other = z.detach().clone()
        other[i, j] += by
        return sum(slow(other, loss)) / len(z)

    differences = [[(moved(i, j, 1e-6) - moved(i, j, -1e-6)) / 2e-6 for j in range(4)] for i in range(6)]
    torch.testing.assert_close(slope, torch.tensor(differences, dtype=torch.float64), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("n", [2, 7, 64])
def test_equal_embeddings_have_closed_forms(n: int) -> None:
    same = torch.ones(2 * n, 4, dtype=torch.float64)

    def value(**fields: Any) -> float:
        return contrastive(same, Loss(temperature=0.2, margin=0.8, **fields)).item()

    assert nt_xent(same, 0.2).item() == pytest.approx(math.log(2 * n - 1), rel=1e-12)
    for normalize in (True, False):
        assert value(normalize=normalize) == pytest.approx(math.log(2 * n - 1), rel=1e-12)
        assert value(normalize=normalize, negatives="one") == pytest.approx(math.log(n), rel=1e-12)
    for semi_hard in (True, False):
        for negatives in ("both", "one"):
            mining = {"semi_hard": semi_hard, "negatives": negatives}
            logistic = -math.log(sigmoid(1 / 0.2)) - math.log(sigmoid(-1 / 0.2))
            assert value(name="nt_logistic", **mining) == pytest.approx(logistic, rel=1e-12)
            assert value(name="margin_triplet", **mining) == pytest.approx(0.8, rel=1e-12)


@every_variant
@pytest.mark.parametrize(("n", "dim"), [(2, 3), (16, 4)])
def test_swapping_views_permuting_images_and_scaling_embeddings_change_nothing(loss: Loss, n: int, dim: int) -> None:
    z = embeddings(n, dim)
    value = contrastive(z, loss)
    swapped = torch.cat([z[n:], z[:n]])
    order = torch.randperm(n, generator=stream(2, "order"))
    permuted = torch.cat([z[:n][order], z[n:][order]])
    scaled = z * torch.linspace(0.1, 9, 2 * n, dtype=torch.float64)[:, None]
    for other in (swapped, permuted, scaled) if loss.normalize else (swapped, permuted):
        torch.testing.assert_close(contrastive(other, loss), value, rtol=1e-12, atol=0)
    if not loss.normalize:
        assert abs(contrastive(scaled, loss) - value) > 0.01 * value


# Not so for semi-hard NT-Logistic: the farther the positive, the farther, and so the cheaper, its one negative.
@pytest.mark.parametrize("loss", [a for a in VARIANTS if not (a.semi_hard and a.name == "nt_logistic")], ids=said)
def test_wrong_pairs_cost_more_than_right_ones(loss: Loss) -> None:
    half = embeddings(8, 16)[:8]
    right, wrong = torch.cat([half, half]), torch.cat([half, half.roll(1, 0)])
    assert contrastive(right, loss) < 0.6 * contrastive(wrong, loss)


@every_variant
def test_low_precision_embeddings_are_compared_in_float32(loss: Loss) -> None:
    z = embeddings(16, 32).bfloat16()
    value = contrastive(z, loss)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(contrastive(z.double(), loss).item(), rel=1e-5)


@every_variant
def test_a_low_temperature_overflows_nothing(loss: Loss) -> None:
    """Without normalization the logits here reach thousands, whose exponentials float32 does not hold."""
    sharp, z = changed(loss, temperature=1e-2), embeddings(32, 64).float().requires_grad_()
    value = contrastive(z, sharp)
    assert value.item() == pytest.approx(contrastive(z.double(), sharp).item(), rel=1e-4)
    value.backward()
    assert z.grad is not None
    assert z.grad.isfinite().all()


@every_variant
def test_an_embedding_that_is_no_number_is_not_hidden(loss: Loss) -> None:
    z = embeddings(4, 3)
    z[1, 1] = torch.nan
    assert contrastive(z, loss).isnan()


def slow_task(z: Tensor, loss: Loss) -> tuple[float, float]:
    n, s = len(z) // 2, cosine if loss.normalize else dot
    hits, entropy = 0, 0.0
    for i in range(n):
        weights = [math.exp(s(z[i].tolist(), z[n + j].tolist()) / loss.temperature) for j in range(n)]
        hits += weights.index(max(weights)) == i
        entropy -= sum(w / sum(weights) * math.log(w / sum(weights)) for w in weights)
    return hits / n, entropy / n


@every_variant
@pytest.mark.parametrize(("n", "dim"), [(2, 3), (9, 4), (20, 8)])
def test_the_contrastive_task_is_its_formula_whatever_the_loss(loss: Loss, n: int, dim: int) -> None:
    z = embeddings(n, dim)
    z[n:] = 0.6 * z[:n] + z[n:]  # so that some positives are found and some are not
    accuracy, entropy = contrastive_task(z.requires_grad_(), loss)
    assert not accuracy.requires_grad
    assert not entropy.requires_grad
    assert (accuracy.item(), entropy.item()) == pytest.approx(slow_task(z.detach(), loss), rel=1e-10)


@pytest.mark.parametrize("n", [2, 8, 64])
def test_the_contrastive_task_of_equal_embeddings_is_a_guess(n: int) -> None:
    accuracy, entropy = contrastive_task(torch.ones(2 * n, 4), Loss())
    assert accuracy.item() == 1 / n
    assert entropy.item() == pytest.approx(math.log(n), rel=1e-6)


def test_the_contrastive_task_of_perfect_embeddings_is_solved() -> None:
    aligned = torch.eye(8).repeat(2, 1)
    accuracy, entropy = contrastive_task(aligned, Loss(temperature=1e-2))
    assert accuracy.item() == 1
    assert 0 <= entropy.item() < 1e-6
    wrong = torch.cat([aligned[:8], aligned[:8].roll(1, 0)])
    assert contrastive_task(wrong, Loss())[0].item() == 0


def test_the_contrastive_task_looks_from_the_first_view_to_the_second() -> None:
    left, right = (
        torch.eye(2),
        torch.tensor([[1.0, 2.0], [0.0, 3.0]]),
    )  # logits 1 0 and 2 3: the first column's are wrong
    assert contrastive_task(torch.cat([left, right]), Loss(normalize=False))[0].item() == 1
    assert contrastive_task(torch.cat([right, left]), Loss(normalize=False))[0].item() == 0.5


def test_of_equally_near_candidates_the_contrastive_task_takes_the_first() -> None:
    a, b = [1.0, 0.0], [0.0, 1.0]
    for left, hits in [([a, b, b], 2), ([b, a, b], 1)]:
        accuracy, _ = contrastive_task(torch.tensor([*left, a, a, b]), Loss())
        assert accuracy.item() == pytest.approx(hits / 3)


@pytest.mark.parametrize("shape", [(5, 3), (2, 3), (8,), (4, 4, 3)])
def test_anything_but_pairs_is_refused(shape: tuple[int, ...]) -> None:
    z = torch.zeros(shape)
    for refuse in (lambda: nt_xent(z, 0.5), lambda: contrastive(z, Loss()), lambda: contrastive_task(z, Loss())):
        with pytest.raises(ValueError, match="z must be"):
            refuse()


def test_the_supervised_loss_is_refused() -> None:
    with pytest.raises(ValueError, match="no contrastive loss"):
        contrastive(embeddings(2, 3), Loss(name="cross_entropy"))
