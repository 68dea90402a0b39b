"""Augmented linear evaluation and fine-tuning against loops written from the update rule, and what they may touch."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from simclr_core import config
from simclr_core.augment.transforms import augment
from simclr_core.config import Crop, Finetune, SGDProbe
from simclr_core.data.images import ImageSet
from simclr_core.health import TrialFailed
from simclr_core.probes.finetune import Classification, augmented_linear, descend, finetune, zeros
from simclr_core.probes.label_subset import label_subset
from simclr_core.streams import stream

WHOLE = Crop(area=(1, 1), ratio=(1, 1), flip=False)  # changes nothing
FLIP = Crop(area=(1, 1), ratio=(1, 1), flip=True)
BOXES = Crop(area=(0.2, 0.6), flip=False)
SIDE = 8


class Log(list[tuple[bool, Tensor, Tensor, Tensor]]):
    """One for a module and all its copies."""

    def __deepcopy__(self, memo: dict[int, object]) -> "Log":
        return self


class Toy(nn.Module):
    """One convolution with BatchNorm. `seen`: mode, input, weights and running mean before every forward."""

    width = 6

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.utils.skip_init(nn.Conv2d, 3, self.width, 3, bias=False)
        self.norm = nn.BatchNorm2d(self.width)
        nn.init.normal_(self.conv.weight, std=0.3, generator=stream(0, "toy"))
        nn.init.normal_(self.norm.weight, mean=1, std=0.2, generator=stream(0, "gamma"))
        self.norm.running_mean.uniform_(-0.1, 0.1, generator=stream(0, "mean"))
        self.seen = Log()

    def forward(self, images: Tensor) -> Tensor:
        before = self.conv.weight.detach().clone(), self.norm.running_mean.clone()
        self.seen.append((self.training, images.detach().clone(), *before))
        return self.norm(self.conv(images)).relu().mean(dim=(2, 3))

    def inputs(self, training_batch: int) -> list[Tensor]:
        """What it has seen, but for the last batch (the test images)."""
        assert all(len(images) <= training_batch for _, images, *_ in self.seen[:-1])
        return [images for _, images, *_ in self.seen[:-1]]


def tinted(n: int, seed: int = 0, classes: int = 3, noise: float = 40) -> ImageSet:
    """Noise with more of one channel than of the others: that channel is the class. Read-only, as in a trial."""
    g = stream(seed, "tinted")
    labels = torch.randint(0, classes, (n,), generator=g)
    labels[:classes] = torch.arange(classes)
    images = 110 + noise * torch.randn(n, 3, SIDE, SIDE, generator=g)
    images[torch.arange(n), labels] += 20
    arrays = images.clamp(0, 255).byte().numpy(), labels.numpy()
    for array in arrays:
        array.flags.writeable = False
    return ImageSet(*arrays)


def numbered(n: int) -> ImageSet:
    """Image i has the value i everywhere on its left half and 0 on its right."""
    images = np.zeros((n, 3, SIDE, SIDE), np.uint8)
    images[..., : SIDE // 2] = np.arange(1, n + 1)[:, None, None, None]
    return ImageSet(images, (np.arange(n) * 7 // 3 % 2).astype(np.int64))


def whole(images: ImageSet) -> Tensor:
    return torch.from_numpy(np.array(images.images)).float() / 255


def state(module: nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in module.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return all(torch.equal(a[key], b[key]) for key in a)


@pytest.fixture
def rates() -> Iterator[list[float]]:
    """The learning rate of every step that any optimizer takes."""
    seen: list[float] = []

    def hook(optim: torch.optim.Optimizer, *_: object) -> None:
        assert len({group["lr"] for group in optim.param_groups}) == 1
        seen.append(optim.param_groups[0]["lr"])

    handle = register_optimizer_step_pre_hook(hook)
    yield seen
    handle.remove()


def cosine(peak: float, steps: int) -> list[float]:
    return [peak * (1 + math.cos(math.pi * step / steps)) / 2 for step in range(steps)]


def nesterov(
    h: NDArray[np.float64], y: NDArray[np.int64], batches: list[NDArray[np.int64]], peak: float, decay: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Softmax regression from zero: v = 0.9 v + g; w = w - lr (g + 0.9 v). -> weights (D, classes), offsets."""
    classes = int(y.max()) + 1
    w, b = np.zeros((h.shape[1], classes)), np.zeros(classes)
    vw, vb = np.zeros_like(w), np.zeros_like(b)
    for batch, lr in zip(batches, cosine(peak, len(batches)), strict=True):
        logits = h[batch] @ w + b
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        error = (p / p.sum(axis=1, keepdims=True) - np.eye(classes)[y[batch]]) / len(batch)
        gw, gb = h[batch].T @ error + decay * w, error.sum(axis=0)
        vw, vb = 0.9 * vw + gw, 0.9 * vb + gb
        w, b = w - lr * (gw + 0.9 * vw), b - lr * (gb + 0.9 * vb)
    return w, b


def linear_weights(
    encoder: nn.Module, train: ImageSet, settings: SGDProbe, seed: int = 0, crop: Crop = WHOLE
) -> nn.Linear:
    classifier = zeros(encoder.width, int(train.labels.max()) + 1)
    task = Classification(train, train, classifier.out_features, crop, seed)
    descend(encoder, classifier, True, task, torch.arange(len(train)), settings, "test")
    return classifier


def frozen_h(images: ImageSet) -> NDArray[np.float64]:
    with torch.no_grad():
        return Toy().eval()(whole(images)).double().numpy()


@pytest.mark.parametrize("decay", [0.0, 0.05])
def test_the_linear_classifier_takes_the_steps_of_nesterovs_rule(decay: float) -> None:
    train = tinted(50)
    settings = SGDProbe(epochs=12, batch_size=16, lr=20.0, weight_decay=decay)  # 4 batches an epoch, the last of 2
    toy = Toy()
    classifier = linear_weights(toy, train, settings)
    everything = whole(train)
    batches = [
        np.array([int(torch.nonzero((everything == image).all(dim=(1, 2, 3)))[0, 0]) for image in images])
        for _, images, *_ in toy.seen
    ]
    assert [len(batch) for batch in batches] == [16, 16, 16, 2] * 12
    orders = [tuple(np.concatenate(batches[i : i + 4])) for i in range(0, 48, 4)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len(set(orders)) == 12  # another order in every epoch
    w, b = nesterov(frozen_h(train), train.labels, batches, 20 * 16 / 256, decay)
    assert np.abs(w).max() > 0.3
    np.testing.assert_allclose(classifier.weight.detach().numpy(), w.T, atol=2e-5)
    np.testing.assert_allclose(classifier.bias.detach().numpy(), b, atol=2e-5)


def test_the_linear_classifier_converges_to_scikit_learns_logistic_regression() -> None:
    train, test, decay = tinted(60), tinted(40, seed=1), 0.01
    settings = SGDProbe(epochs=250, batch_size=60, lr=20.0, weight_decay=decay)
    answer = augmented_linear(Toy(), Classification(train, test, 3, WHOLE, 0), settings)
    classifier = linear_weights(Toy(), train, settings)
    reference = LogisticRegression(C=1 / (decay * 60), tol=1e-10, max_iter=5000).fit(frozen_h(train), train.labels)
    with torch.no_grad():
        ours = classifier(torch.from_numpy(frozen_h(test)).float()).softmax(dim=1)
    np.testing.assert_allclose(ours.numpy(), reference.predict_proba(frozen_h(test)), atol=1e-4)
    assert (answer.outcome == reference.predict(frozen_h(test))).all()
    assert answer.value == pytest.approx(100 * reference.score(frozen_h(test), test.labels))
    assert answer.value > 60


def test_the_schedule_has_no_warm_up_and_falls_along_a_cosine_per_step(rates: list[float]) -> None:
    linear_weights(Toy(), tinted(20), SGDProbe(epochs=3, batch_size=8, lr=0.1))  # 3 steps an epoch
    assert rates == pytest.approx(cosine(0.1 * 8 / 256, 9))
    assert rates[0] == 0.1 * 8 / 256


def test_the_rate_follows_the_batch_that_there_is(rates: list[float]) -> None:
    linear_weights(Toy(), tinted(20), SGDProbe(epochs=2, batch_size=512, lr=0.1))
    assert rates == pytest.approx([0.1 * 20 / 256, 0.1 * 20 / 512])


def test_linear_evaluation_leaves_the_encoder_bit_identical_and_in_its_modes() -> None:
    toy = Toy().train()
    toy.norm.eval()  # a mixture
    toy.conv.weight.requires_grad_(False)
    before = state(toy)
    augmented_linear(toy, Classification(tinted(30), tinted(10, 1), 3, BOXES, 0), SGDProbe(epochs=2, batch_size=8))
    assert same(before, state(toy))
    assert (toy.training, toy.conv.training, toy.norm.training) == (True, True, False)
    assert [p.requires_grad for p in toy.parameters()] == [False, True, True]
    assert all(p.grad is None for p in toy.parameters())
    assert not any(training for training, *_ in toy.seen)  # BatchNorm in inference mode throughout


def test_the_encoder_gets_its_modes_back_when_training_fails() -> None:
    toy = Toy().train()
    nn.init.constant_(toy.norm.weight, math.nan)
    with pytest.raises(TrialFailed, match="augmented_linear: the loss is not finite in epoch 1 of 3"):
        augmented_linear(toy, Classification(tinted(30), tinted(10, 1), 3, WHOLE, 0), SGDProbe(epochs=3, batch_size=8))
    assert toy.training


def test_a_last_image_alone_is_used_unless_batch_norm_learns() -> None:
    toy, train, test = Toy(), tinted(9), tinted(4, 1)
    augmented_linear(toy, Classification(train, test, 3, WHOLE, 0), SGDProbe(epochs=1, batch_size=4))
    assert [len(images) for _, images, *_ in toy.seen] == [4, 4, 1, 4]
    toy.seen.clear()
    finetune(toy, Classification(train, test, 3, WHOLE, 0), Finetune(shares={1.0: 1}, batch_size=4))
    assert [len(images) for _, images, *_ in toy.seen] == [4, 4, 4]
    toy.seen.clear()
    finetune(toy, Classification(tinted(10), test, 3, WHOLE, 0), Finetune(shares={1.0: 1}, batch_size=4))
    assert [len(images) for _, images, *_ in toy.seen] == [4, 4, 2, 4]


Probe = Callable[[Toy, ImageSet, ImageSet, Crop, int], object]


def by_linear(toy: Toy, train: ImageSet, test: ImageSet, crop: Crop, seed: int) -> object:
    return augmented_linear(toy, Classification(train, test, 2, crop, seed), SGDProbe(epochs=2, batch_size=40))


def by_finetuning(toy: Toy, train: ImageSet, test: ImageSet, crop: Crop, seed: int) -> object:
    return finetune(toy, Classification(train, test, 2, crop, seed), Finetune(shares={1.0: 2}, batch_size=40))


@pytest.mark.parametrize("probe", [by_linear, by_finetuning])
def test_training_images_are_flipped_half_the_time_and_test_images_never(probe: Probe) -> None:
    toy, train = Toy(), numbered(200)
    probe(toy, train, train, FLIP, 0)
    everything, mirrored = whole(train), whole(train).flip(-1)
    turns, numbers = [], []
    for views in toy.inputs(40):
        number = (views.amax(dim=(1, 2, 3)) * 255).round().long() - 1
        right = torch.isclose(views, mirrored[number], atol=1e-6).all(dim=3).all(dim=2).all(dim=1)
        left = torch.isclose(views, everything[number], atol=1e-6).all(dim=3).all(dim=2).all(dim=1)
        assert (left ^ right).all()
        turns.append(right)
        numbers.append(number)
    assert 0.4 < torch.cat(turns).float().mean() < 0.6
    assert not torch.equal(turns[0], turns[1])  # other draws in the next step
    assert not torch.equal(turns[0], turns[5])  # and in the next epoch
    assert not torch.equal(torch.cat(numbers[:5]), torch.randperm(200, generator=stream(0, "order")))  # pretraining's
    assert torch.equal(toy.seen[-1][1], everything)


@pytest.mark.parametrize("probe", [by_linear, by_finetuning])
def test_crops_are_drawn_by_seed_and_not_those_of_pretraining(probe: Probe) -> None:
    images = np.tile(np.random.default_rng(0).integers(0, 256, (1, 3, SIDE, SIDE), np.uint8), (40, 1, 1, 1))
    train = ImageSet(images, np.arange(40) % 2)  # copies of one image: only the crops tell them apart
    toys = [Toy(), Toy(), Toy()]
    for toy, seed in zip(toys, (0, 0, 1), strict=True):
        probe(toy, train, train, BOXES, seed)
    first, again, other = (toy.inputs(40) for toy in toys)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.allclose(a, b) for a, b in zip(first, other, strict=True))
    for branch in ("shared", "left", "right"):
        key = stream(0, f"{branch}/crop/0")
        pretraining = augment(whole(train), "crop", config.Transforms(crop=BOXES), key)
        assert not torch.allclose(pretraining, first[0])


@pytest.mark.parametrize("probe", [by_linear, by_finetuning])
def test_the_global_generator_is_neither_read_nor_moved(probe: Probe) -> None:
    toys = [Toy(), Toy()]
    for number, toy in enumerate(toys):
        torch.manual_seed(number)
        before = torch.get_rng_state()
        probe(toy, numbered(20), numbered(5), BOXES, 0)
        assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(a, b) for (_, a, *_), (_, b, *_) in zip(toys[0].seen, toys[1].seen, strict=True))


def test_finetuning_takes_the_steps_of_nesterovs_rule_in_every_layer() -> None:
    train, decay, peak, steps = tinted(24), 0.02, 4.0 * 24 / 256, 6
    toy, classifier = Toy(), zeros(Toy.width, 3)
    settings = SGDProbe(epochs=steps, batch_size=64, lr=4.0, weight_decay=decay)
    descend(toy, classifier, False, Classification(train, train, 3, WHOLE, 0), torch.arange(24), settings, "test")

    by_hand = Toy().double().train()
    head = zeros(Toy.width, 3).double()
    weights = [*by_hand.parameters(), *head.parameters()]
    velocity = [torch.zeros_like(w) for w in weights]
    for lr in cosine(peak, steps):  # full batches: their order does not matter
        loss = F.cross_entropy(head(by_hand(whole(train).double())), torch.tensor(train.labels))
        for w, v, g in zip(weights, velocity, torch.autograd.grad(loss, weights), strict=True):
            slope = g + decay * w.detach() * (w.ndim > 1)  # BatchNorm and biases do not decay
            v.mul_(0.9).add_(slope)
            w.data.sub_(lr * (slope + 0.9 * v))
    assert (by_hand.conv.weight - Toy().conv.weight).abs().max() > 1e-2
    for ours, theirs in zip([*toy.parameters(), *classifier.parameters()], weights, strict=True):
        torch.testing.assert_close(ours.double(), theirs, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(toy.norm.running_mean.double(), by_hand.norm.running_mean, atol=1e-5, rtol=1e-4)


def test_finetuning_learns_on_copies_and_reports_each_share() -> None:
    train, test = tinted(200), tinted(100, seed=1)
    toy = Toy().eval().requires_grad_(False)  # as a frozen encoder would come
    before = state(toy)
    settings = Finetune(shares={0.1: 20, 1.0: 4}, batch_size=50, lr=3.0)
    answers = finetune(toy, Classification(train, test, 3, WHOLE, 0), settings)
    assert same(before, state(toy))
    assert not toy.training
    assert not any(p.requires_grad for p in toy.parameters())

    assert list(answers) == [0.1, 1.0]
    assert answers[1.0].value > 80 > 50 > 100 / 3  # chance is a third
    assert answers[0.1].value > 50
    for answer in answers.values():
        assert answer.value == pytest.approx(100 * np.mean(answer.outcome == test.labels))

    few = len(label_subset(train.labels, 0.1, 0))
    assert [(training, len(images)) for training, images, *_ in toy.seen] == (
        [(True, few)] * 20 + [(False, 100)] + [(True, 50)] * 16 + [(False, 100)]
    )
    for first, last in ((0, 20), (21, 37)):  # each share starts from the original; BatchNorm and weights then move
        assert torch.equal(toy.seen[first][2], before["conv.weight"])
        assert torch.equal(toy.seen[first][3], before["norm.running_mean"])
        assert not torch.equal(toy.seen[last][2], before["conv.weight"])
        assert not torch.allclose(toy.seen[last][3], before["norm.running_mean"])
        assert torch.equal(toy.seen[last][1], whole(test))


def test_finetuning_sees_the_labeled_images_and_no_others() -> None:
    toy, train = Toy(), numbered(100)
    finetune(toy, Classification(train, numbered(3), 2, WHOLE, seed=5), Finetune(shares={0.1: 3}, batch_size=4))
    seen = {int(value) - 1 for views in toy.inputs(4) for value in (views.amax(dim=(1, 2, 3)) * 255).round()}
    assert seen == set(label_subset(train.labels, 0.1, 5))


def test_finetuning_fails_in_a_sentence() -> None:
    settings = Finetune(shares={1.0: 4}, batch_size=8, lr=1e38)
    with pytest.raises(TrialFailed, match=r"finetune: the loss is not finite in epoch \d of 4"):
        finetune(Toy(), Classification(tinted(30), tinted(5, 1), 3, WHOLE, 0), settings)


def counts(labels: NDArray[np.int64], chosen: NDArray[np.int64]) -> list[int]:
    return np.bincount(labels[chosen], minlength=int(labels.max()) + 1).tolist()


def test_label_subsets_are_balanced_nested_and_fixed_by_the_seed() -> None:
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, 3], [400, 400, 130, 20])).astype(np.int64)
    one, ten, all_of_them = (label_subset(labels, share, seed=3) for share in (0.01, 0.1, 1.0))
    assert counts(labels, one) == [4, 4, 1, 1]
    assert counts(labels, ten) == [40, 40, 13, 2]
    assert set(one) < set(ten)
    assert all_of_them.tolist() == list(range(950))
    assert (np.diff(ten) > 0).all()  # distinct, ascending
    assert ten.tolist() == label_subset(labels, 0.1, seed=3).tolist()
    assert set(ten) != set(label_subset(labels, 0.1, seed=4))


def test_label_subsets_are_drawn_and_not_the_first() -> None:
    labels = np.repeat([0, 1], 500).astype(np.int64)
    chosen = np.concatenate([label_subset(labels, 0.1, seed) for seed in range(30)])
    means = [chosen[labels[chosen] == label].mean() - 500 * label for label in (0, 1)]
    assert means == pytest.approx([249.5, 249.5], abs=15)  # 4 standard deviations of the mean of 1500 draws
