"""Classifiers trained on augmented images: linear evaluation and fine-tuning as in Appendices B.5, B.6 and B.8.

All are Nesterov SGD with momentum 0.9 on random crops and flips, no warm-up, a cosine to zero (official code; the
paper does not say), and a classifier that starts at zero. Test images are neither cropped nor resized, as in the
official code for CIFAR-10.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from simclr_core import config
from simclr_core.augment.transforms import augment
from simclr_core.data.device import pixels
from simclr_core.data.images import Dataset, ImageSet
from simclr_core.encoders import Encoder
from simclr_core.health import TrialFailed
from simclr_core.optim import lr_factor, optimizer
from simclr_core.probes.features import features
from simclr_core.probes.label_subset import label_subset
from simclr_core.probes.measured import Measured, accuracy
from simclr_core.streams import stream


@dataclass(frozen=True)
class Classification:
    """Images of so many classes to learn from, by `crop` and flip, and to be tested on; the seed of all draws."""

    train: ImageSet
    test: ImageSet
    classes: int
    crop: config.Crop
    seed: int
    device: str = "cpu"

    @classmethod
    def of(cls, images: Dataset, recipe: config.Recipe, device: str) -> "Classification":
        """A data set's images with a label, cropped as the recipe's own views are."""
        classes, crop = len(images.class_names), recipe.transforms.crop
        return cls(images.probe_train, images.test, classes, crop, recipe.seed, device)


def augmented_linear(encoder: Encoder, task: Classification, settings: config.SGDProbe) -> Measured:
    """Test accuracy in percent of a linear classifier on h; the encoder stays as it is, BatchNorm in inference mode.

    Raises TrialFailed on a non-finite loss.
    """
    classifier = zeros(encoder.width, task.classes)
    with modes_kept(encoder):
        descend(encoder, classifier, True, task, torch.arange(len(task.train)), settings, "augmented_linear")
        return accuracy(answers(encoder, classifier, task), task.test.labels)


def finetune(encoder: Encoder, task: Classification, settings: config.Finetune) -> dict[float, Measured]:
    """Test accuracy in percent for each share of the labels; every share trains a copy of the encoder and BatchNorm.

    Raises TrialFailed on a non-finite loss.
    """
    measured = {}
    for share, plan in shares(settings).items():
        labeled = torch.from_numpy(label_subset(task.train.labels, share, task.seed))
        measured[share] = accuracy(tuned(encoder, task, labeled, plan, "finetune"), task.test.labels)
    return measured


def shares(settings: config.Finetune) -> dict[float, config.SGDProbe]:
    """How the network is trained on with each share of the labels."""
    alike = settings.model_dump(exclude={"shares"})
    return {share: config.SGDProbe(epochs=epochs, **alike) for share, epochs in settings.shares.items()}


def transfer_finetune(encoder: Encoder, task: Classification, settings: config.SGDProbe) -> NDArray[np.int64]:
    """(n_test,) predicted classes of another data set, after a copy of the encoder was trained on with all its labels.

    Appendix B.8 departs from this in three ways: it trains for 20,000 steps of 256 images (40,000 from a random start),
    chooses learning rate and weight decay for every set on a grid of 7 x 8, and lets BatchNorm's running averages
    forget faster on small sets. Here epochs, rate and decay are the recipe's, the same for every set.
    Raises TrialFailed on a non-finite loss.
    """
    return tuned(encoder, task, torch.arange(len(task.train)), settings, "transfer_finetune")


def tuned(
    encoder: Encoder, task: Classification, chosen: Tensor, settings: config.SGDProbe, purpose: str
) -> NDArray[np.int64]:
    """(n_test,) classes, from a copy of the encoder and a new classifier trained together on the chosen images."""
    copy, classifier = deepcopy(encoder).requires_grad_(True), zeros(encoder.width, task.classes)
    descend(copy, classifier, False, task, chosen, settings, purpose)
    return answers(copy, classifier, task)


def descend(
    encoder: nn.Module,
    classifier: nn.Linear,
    frozen: bool,
    task: Classification,
    chosen: Tensor,
    settings: config.SGDProbe,
    purpose: str,
) -> None:
    """Train `classifier`, and unless `frozen` the encoder, on the training images at the positions `chosen` (n,).

    Fewer images than a batch make one smaller batch per epoch, and the learning rate follows that batch: a rate meant
    for 512 images would be far too high for ten. `purpose` names the random streams. Raises TrialFailed.
    """
    device, transforms = task.device, config.Transforms(crop=task.crop)
    encoder.to(device).train(not frozen)
    learner = classifier.to(device) if frozen else nn.Sequential(encoder, classifier.to(device))
    size = min(settings.batch_size, len(chosen))
    least = 1 if frozen else 2  # BatchNorm learns nothing from one image, and may refuse it
    starts = range(0, len(chosen) - least + 1, size)
    peak, steps = settings.lr * size / 256, settings.epochs * len(starts)
    optim = optimizer(config.Optimizer(name="sgd", momentum=0.9, weight_decay=settings.weight_decay), learner, peak)
    fetch, labels = pixels(task.train.images, device), torch.tensor(task.train.labels, device=device)
    for epoch in range(settings.epochs):
        order = chosen[torch.randperm(len(chosen), generator=stream(task.seed, f"{purpose}/order", epoch))]
        total = torch.zeros((), device=device)
        for step, start in enumerate(starts):
            for group in optim.param_groups:
                group["lr"] = peak * lr_factor(epoch * len(starts) + step, steps, warmup=0)
            index = order[start : start + size]
            key = stream(task.seed, f"{purpose}/crop", epoch, step)
            views = augment(fetch(index).float() / 255, "crop", transforms, key)
            with torch.set_grad_enabled(not frozen):
                h = encoder(views)
            loss = F.cross_entropy(classifier(h), labels[index.to(device)])
            optim.zero_grad(set_to_none=True)
            loss.backward()
            optim.step()
            total += loss.detach()
        if not torch.isfinite(total):  # the only number that comes back from the device in an epoch
            raise TrialFailed(f"{purpose}: the loss is not finite in epoch {epoch + 1} of {settings.epochs}")


def answers(encoder: nn.Module, classifier: nn.Linear, task: Classification) -> NDArray[np.int64]:
    """(n_test,) predicted classes of whole test images, in eval mode."""
    logits = features(nn.Sequential(encoder, classifier), task.test.images, task.device)
    predicted: NDArray[np.int64] = logits.argmax(dim=1).cpu().numpy()
    return predicted


def zeros(width: int, classes: int) -> nn.Linear:
    """A classifier that starts at zero (official code), made without touching the global generator."""
    classifier: nn.Linear = nn.utils.skip_init(nn.Linear, width, classes)
    for parameter in classifier.parameters():
        nn.init.zeros_(parameter)
    return classifier


@contextmanager
def modes_kept(module: nn.Module) -> Iterator[None]:
    """Afterwards every part of `module` is in train or eval mode as it was before."""
    before = {part: part.training for part in module.modules()}
    try:
        yield
    finally:
        for part, training in before.items():
            part.training = training
