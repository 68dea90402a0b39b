"""Table 3's probe: its answers are what can be seen in the views, and what h has and z has not."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from simclr_core.augment.views import two_views
from simclr_core.config import Recipe, TransformPrediction
from simclr_core.data.images import ImageSet
from simclr_core.errors import BadInput
from simclr_core.health import TrialFailed
from simclr_core.probes.transform_prediction import check_target, mlp_probe, transform_prediction, width
from simclr_core.streams import stream

SIDE = 8
P = 0.35  # far from 1/2, so that an answer swapped with its complement is noticed


def recipe(target: str, **fields: Any) -> Recipe:
    """The target alone, after a crop; noise strong enough to be seen for certain."""
    return Recipe.parse(
        {
            "views": {
                "left": ["crop"],
                "right": ["crop", {"gray": "color"}.get(target, target)],
            },
            "transforms": {
                "crop": {"area": [0.8, 1], "flip": False},
                "color": {"jitter_p": 0, "gray_p": P},
                "noise": {"p": P, "sigma": [0.05, 0.1]},
                "sobel": {"p": P},
            },
            "head": {"dim": "h"},
            "probes": {"transform_prediction": {"target": target, "epochs": 40, "lr": 0.02}},
            **fields,
        }
    )


def sky(n: int, seed: int = 0) -> ImageSet:
    """Reddish above, bluish below, smooth: which way is up, whether it is gray, noisy or an edge map shows."""
    g = stream(seed, "sky")
    images = torch.full((n, 3, SIDE, SIDE), 60.0)
    images[:, 0, : SIDE // 2] = 200
    images[:, 2, SIDE // 2 :] = 160
    images += 20 * torch.rand(n, 3, 1, 1, generator=g)
    array = images.byte().numpy()
    array.flags.writeable = False
    return ImageSet(array, np.zeros(n, np.int64))


# What can be seen, written without the transformations' own code: (N, 3, S, S) -> (N,) answers.
SEES: dict[str, Callable[[Tensor], Tensor]] = {
    "gray": lambda views: (views[:, 0] == views[:, 1]).flatten(1).all(dim=1).long(),
    # The bright band is above, left, below, right after 0, 1, 2, 3 quarter turns counter-clockwise.
    "rotate": lambda views: torch.stack(
        [views[:, 0, 0].mean(1), views[:, 0, :, 0].mean(1), views[:, 0, -1].mean(1), views[:, 0, :, -1].mean(1)], dim=1
    ).argmax(dim=1),
    # Without noise, rows are constant.
    "noise": lambda views: (views.std(dim=3).amax(dim=(1, 2)) > 1e-3).long(),
    # An edge map of smooth images is black away from the horizon.
    "sobel": lambda views: (views[:, :, 0].mean(dim=(1, 2)) < 0.1).long(),
}


class Eye(nn.Module):
    """h has the answer in its first coordinates. BatchNorm would give it away if it were not in inference mode."""

    width = 8

    def __init__(self, target: str) -> None:
        super().__init__()
        self.target = target
        self.norm = nn.BatchNorm1d(self.width)
        self.seen: list[Tensor] = []

    def forward(self, views: Tensor) -> Tensor:
        assert not self.training
        assert not torch.is_grad_enabled()
        self.seen.append(views.clone())
        answer = nn.functional.one_hot(SEES[self.target](views), 4).float()
        return self.norm(torch.cat([answer, views.mean(dim=(2, 3)), views[:, :1, 0, 0]], dim=1))

    def answers(self, train: int) -> tuple[np.ndarray, np.ndarray]:
        """What it saw of the training images and of the test images."""
        seen = SEES[self.target](torch.cat(self.seen)).numpy()
        return seen[:train], seen[train:]


class Blind(nn.Module):
    """A head that keeps nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(Eye.width)

    def forward(self, h: Tensor) -> Tensor:
        assert not self.training
        return self.norm(torch.zeros_like(h))


@pytest.mark.parametrize("target", ["gray", "rotate", "noise", "sobel"])
def test_answers_are_what_was_done_to_the_image(target: str) -> None:
    eye, train, test = Eye(target), sky(700), sky(600, seed=1)  # more than one batch each
    found = transform_prediction(eye, Blind(), train, test, recipe(target), "cpu")
    of_train, of_test = eye.answers(700)
    classes = 4 if target == "rotate" else 2
    shares = np.bincount(of_train, minlength=classes) / 700
    assert shares == pytest.approx([0.25] * 4 if target == "rotate" else [1 - P, P], abs=0.07)

    assert set(found) == {"transform_h", "transform_z", "transform_chance"}
    assert found["transform_h"].value == 100
    assert (found["transform_h"].outcome == 1).all()
    most = np.bincount(of_test).max() / 6
    assert found["transform_chance"].value == pytest.approx(most)
    assert (found["transform_chance"].outcome == (of_test == np.bincount(of_test).argmax())).all()
    assert found["transform_z"].n == 600
    # A probe of zeros has one answer, and the likeliest is best; quarter turns are all as likely.
    answers = range(4) if target == "rotate" else (0,)
    (constant,) = [one for one in answers if (found["transform_z"].outcome == (of_test == one)).all()]
    assert found["transform_z"].value == pytest.approx(100 * np.mean(of_test == constant))


def test_views_are_the_right_branchs_and_draws_are_not_those_of_pretraining_nor_shared_by_train_and_test() -> None:
    asked = recipe("rotate")
    eye, images = Eye("rotate"), sky(300)
    transform_prediction(eye, Blind(), images, images, asked, "cpu")
    of_train, of_test = eye.answers(300)
    assert np.mean(of_train == of_test) < 0.5  # a quarter by chance
    right = two_views(torch.from_numpy(np.array(images.images)), asked.views, asked.transforms, asked.seed)[300:]
    pretraining = SEES["rotate"](right).numpy()
    assert np.mean(of_train == pretraining) < 0.5
    assert np.mean(of_test == pretraining) < 0.5
    assert not torch.equal(eye.seen[0].sum(dim=(2, 3)), right.sum(dim=(2, 3)))  # cropped, and otherwise


def test_batches_of_views_differ() -> None:
    eye, images = Eye("rotate"), sky(1000)
    transform_prediction(eye, Blind(), images, sky(10), recipe("rotate"), "cpu")
    of_train, _ = eye.answers(1000)
    assert np.mean(of_train[:500] == of_train[500:]) < 0.5


def test_the_seed_decides() -> None:
    draws = []
    for seed in (0, 0, 1):
        eye = Eye("noise")
        torch.manual_seed(len(draws))
        before = torch.get_rng_state()
        transform_prediction(eye, Blind(), sky(60), sky(20, 1), recipe("noise", seed=seed), "cpu")
        assert torch.equal(before, torch.get_rng_state())
        draws.append(torch.cat(eye.seen))
    assert torch.equal(draws[0], draws[1])
    assert not torch.allclose(draws[0], draws[2])


def test_a_shared_transformation_counts_too() -> None:
    asked = recipe("rotate", views={"shared": ["rotate"], "left": ["crop"], "right": ["crop"]})
    check_target(asked)
    eye = Eye("rotate")
    found = transform_prediction(eye, Blind(), sky(100), sky(50, 1), asked, "cpu")
    assert found["transform_h"].value == 100
    assert found["transform_h"].n == len(eye.answers(100)[1])


def test_encoder_and_head_stay_as_they_are() -> None:
    eye, head = Eye("gray").train(), Blind().train()
    eye.norm.eval()
    before = [value.clone() for module in (eye, head) for value in module.state_dict().values()]
    transform_prediction(eye, head, sky(50), sky(20, 1), recipe("gray"), "cpu")
    after = [value for module in (eye, head) for value in module.state_dict().values()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert (eye.training, eye.norm.training, head.training, head.norm.training) == (True, False, True, True)


def xor(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Two signs, and whether they agree: no linear probe can tell."""
    x = torch.randn(n, 8, generator=stream(seed, "xor"))
    return x, (x[:, 0] * x[:, 1] > 0).long()


def test_the_probe_is_not_linear_and_does_not_mind_the_scale_of_its_features() -> None:
    (x, y), (x_test, y_test) = xor(1000, 0), xor(500, 1)
    settings = TransformPrediction(target="gray", epochs=60, lr=0.02)
    predicted = mlp_probe(x, y, x_test, 2, settings, 0)
    assert (predicted == y_test).float().mean() > 0.9
    scale, shift = torch.logspace(-3, 3, 8), torch.linspace(-2, 2, 8)
    moved = mlp_probe(x * scale + shift * scale, y, x_test * scale + shift * scale, 2, settings, 0)
    assert (moved == predicted).float().mean() > 0.98


def test_a_feature_constant_in_training_is_ignored() -> None:
    (x, y), (x_test, _) = xor(200, 0), xor(100, 1)
    x[:, 7] = 3.7
    settings = TransformPrediction(target="gray", epochs=5, lr=0.02)
    first, second = (mlp_probe(x, y, x_test.index_fill(1, torch.tensor([7]), v), 2, settings, 0) for v in (3.7, 1e6))
    assert torch.equal(first, second)


def test_the_probe_is_trained_in_batches_of_256_along_a_cosine_to_zero() -> None:
    rates: list[float] = []

    def hook(optim: torch.optim.Optimizer, *_: object) -> None:
        rates.append(optim.param_groups[0]["lr"])
        assert isinstance(optim, torch.optim.AdamW)

    handle = register_optimizer_step_pre_hook(hook)
    x, y = xor(600, 0)
    mlp_probe(x, y, x, 2, TransformPrediction(target="gray", epochs=3, lr=0.004), 0)
    handle.remove()
    assert rates == pytest.approx([0.002 * (1 + math.cos(math.pi * step / 9)) for step in range(9)])


def test_features_that_are_not_finite_fail_in_a_sentence() -> None:
    x, y = xor(50, 0)
    x[3, 2] = math.nan
    with pytest.raises(TrialFailed, match="transform_prediction: the loss is not finite in epoch 1 of 7"):
        mlp_probe(x, y, x, 2, TransformPrediction(target="gray", epochs=7), 0)


@pytest.mark.parametrize("target", ["gray", "rotate", "noise", "sobel"])
def test_recipes_that_can_be_asked_pass(target: str) -> None:
    check_target(recipe(target))
    check_target(recipe(target, head={"kind": "linear", "dim": "h"}))
    check_target(recipe(target, head={"dim": 128}))  # the small encoder is as wide
    check_target(recipe(target, probes={}, head={"dim": 7}))  # nothing asked


@pytest.mark.parametrize(
    ("target", "fields", "said"),
    [
        (
            "gray",
            {"views": {"right": ["crop", "blur"]}},
            "'color', but views.shared and views.right have only crop, blur",
        ),
        ("rotate", {"views": {"left": ["rotate"], "right": []}}, "'rotate', but .* have only none"),
        ("gray", {"transforms": {"color": {"gray_p": 0}}}, "transforms.color.gray_p 0; allowed: a probability"),
        ("gray", {"transforms": {"color": {"gray_p": 1}}}, "transforms.color.gray_p 1; allowed: a probability"),
        ("noise", {"transforms": {}}, "transforms.noise.p 1; allowed: a probability"),
        ("sobel", {"transforms": {"sobel": {"p": 0}}}, "transforms.sobel.p 0; allowed: a probability"),
        ("sobel", {"head": {"dim": 64}}, "not head.dim: 64; allowed: head.dim: h"),
        ("sobel", {"head": {"dim": 128}, "encoder": {"name": "resnet18"}}, "not head.dim: 128; allowed: head.dim: h"),
        ("sobel", {"head": {"kind": "none"}}, "not head.kind: none; allowed: head.dim: h"),
        ("sobel", {"loss": {"name": "cross_entropy"}}, "cross_entropy trains no g"),
        ("gray", {"views": {"shared": ["color"], "right": ["color"]}}, "'color' occurs 2 times in views.shared and"),
    ],
)
def test_recipes_that_cannot_are_refused_in_a_sentence(target: str, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said) as refusal:
        check_target(recipe(target, **fields))
    sentence = str(refusal.value)
    assert sentence.startswith(f"probes.transform_prediction.target {target} ")
    assert "allowed: " in sentence
    assert sentence.endswith(".")


def test_the_width_of_h_is_known_without_making_weights() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    assert [width(recipe("gray", encoder={"name": name}).encoder) for name in ("small", "resnet50")] == [128, 2048]
    assert torch.equal(before, torch.get_rng_state())
