"""Every probe by what asks for it: a table over one trained model and its data."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from simclr_core import heads
from simclr_core.config import Probes, Recipe
from simclr_core.data.images import Dataset, ImageSet
from simclr_core.health import TrialFailed
from simclr_core.model import SimCLR
from simclr_core.probes.color_histograms import histogram_retrieval
from simclr_core.probes.features import features
from simclr_core.probes.finetune import Classification, augmented_linear, finetune, transfer_finetune
from simclr_core.probes.geometry import geometry_probe
from simclr_core.probes.head_spectrum import head_spectrum
from simclr_core.probes.knn import knn_probe
from simclr_core.probes.label_free import label_free
from simclr_core.probes.linear import Probed, linear_probe
from simclr_core.probes.measured import Measured, accuracy, balanced_hits, hits
from simclr_core.probes.transform_prediction import transform_prediction

Measurements = dict[str, Measured]


@dataclass(frozen=True)
class Probing:
    """A trained model, in float32, and all that its probes may need. transfer: the images of probes.transfer."""

    recipe: Recipe
    model: SimCLR
    dataset: Dataset
    transfer: Dataset | None
    device: str

    @cached_property
    def train_h(self) -> Tensor:
        """(N, width) representations of the probes' training images, no augmentation."""
        return features(self.model.encoder, self.dataset.probe_train.images, self.device)

    @cached_property
    def test_h(self) -> Tensor:
        """(M, width) representations of the test images, no augmentation."""
        return features(self.model.encoder, self.dataset.test.images, self.device)

    @cached_property
    def probed(self) -> Probed:
        """The linear probe on h."""
        return self.linear(self.dataset, self.train_h, self.test_h, self.validation_h)

    @cached_property
    def validation_h(self) -> Tensor | None:
        """(V, width) representations of the user's own validation images, if there are any."""
        return self.validation_features(self.dataset)

    def validation_features(self, images: Dataset) -> Tensor | None:
        """Representations of a data set's own validation images, if it has any."""
        part = images.validation
        return None if part is None else features(self.model.encoder, part.images, self.device)

    def of_h(self, module: nn.Module) -> Tensor:
        """Apply a module to the test images' representations, in inference mode."""
        with torch.no_grad():
            output: Tensor = module.eval()(self.test_h)
        return output

    def classes(self, module: nn.Module) -> Measured:
        """The accuracy of a classifier that was trained along with the encoder."""
        return right(self.of_h(module).argmax(dim=1), labels(self.dataset.test))

    def linear(self, images: Dataset, train_x: Tensor, test_x: Tensor, validation_x: Tensor | None) -> Probed:
        """Fit a linear probe to any representation of the training images and let it predict the test images.

        validation_x: that of the user's own validation images, if there are any.
        """
        train, settings = images.probe_train, self.recipe.probes.linear
        classes, seed = len(images.class_names), self.recipe.seed
        validation = None
        if images.validation is not None and validation_x is not None:
            validation = validation_x, labels(images.validation)
        return linear_probe(train_x, labels(train), test_x, classes, settings, seed, groups(train), validation)

    def classification(self, images: Dataset) -> Classification:
        """These images as the task of a classifier that is trained on crops of them."""
        return Classification.of(images, self.recipe, self.device)

    @property
    def supervised(self) -> bool:
        """Whether the head is a classifier, so that there is no z."""
        return self.recipe.loss.name == "cross_entropy"


def measure(
    recipe: Recipe, model: SimCLR, dataset: Dataset, transfer: Dataset | None, device: str
) -> tuple[Probed | None, Measurements, dict[str, float]]:
    """The linear probe on h; every other measurement by name; and numbers that describe the representation as a whole.

    Without labels there is no linear probe, and no other one that needs them. `transfer`: the images of
    recipe.probes.transfer. Raises TrialFailed where representations are not finite.
    """
    probing = Probing(recipe, model, dataset, transfer, device)
    finite = probing.test_h.isfinite().all() and (not dataset.labeled or probing.train_h.isfinite().all())
    if not finite:
        raise TrialFailed("the trained encoder gives representations that are not finite")
    z = None if probing.supervised else probing.of_h(model.head)
    seen = dataset.test.recorded(recipe.views)
    measured, whole = geometry_probe(model.encoder, model.head, seen, probing.test_h, z, recipe, device)
    free, exponents = label_free(model.encoder, dataset.test.images, probing.test_h, recipe.seed, device)
    measured, whole = measured | free, whole | exponents
    asked_of = recipe.probes if dataset.labeled else recipe.without_labels().probes
    for asked, probe in PROBES:
        if asked(asked_of):
            measured |= probe(probing)
    probed = probing.probed if dataset.labeled else None
    return probed, {name: answer.grouped(dataset.test) for name, answer in measured.items()}, whole


def _knn(probing: Probing) -> Measurements:
    if not probing.dataset.labeled:
        return {}
    train_y, test_y = (labels(part) for part in (probing.dataset.probe_train, probing.dataset.test))
    classes, settings = len(probing.dataset.class_names), probing.recipe.probes.knn
    return {"knn_top1": knn_probe(probing.train_h, train_y, probing.test_h, test_y, classes, settings)}


def _other(probing: Probing) -> Measurements:
    """The linear probe on h, tested on the second recordings of the test images; its training saw the first ones."""
    test = probing.dataset.test
    if test.other is None or not probing.dataset.labeled:
        return {}
    h = features(probing.model.encoder, test.other, probing.device)
    return {"other_top1": right(probing.probed.classify(h), labels(test))}


def _trained_along(probing: Probing) -> Measurements:
    """The supervised twin's own classifier, and the online probe."""
    classifiers = {"classifier_top1": probing.model.head} if probing.supervised else {}
    if probing.model.online is not None:
        classifiers["online_top1"] = probing.model.online
    return {name: probing.classes(classifier) for name, classifier in classifiers.items()}


def _head_layers(probing: Probing) -> Measurements:
    if not isinstance(probing.model.head, nn.Sequential):
        return {}
    head, parts = probing.model.head.eval(), (probing.train_h, probing.test_h, probing.validation_h)
    with torch.no_grad():
        of_parts = [heads.layers(head, h) if h is not None else itertools.repeat(None) for h in parts]
    truth = labels(probing.dataset.test)
    layers = enumerate(zip(*of_parts, strict=False), 1)  # without validation images that part has no end
    return {f"layer_{i}_top1": right(probing.linear(probing.dataset, *layer).predictions, truth) for i, layer in layers}


def _head_spectrum(probing: Probing) -> Measurements:
    return head_spectrum(probing.model.head) if isinstance(probing.model.head, nn.Sequential) else {}


def _augmented_linear(probing: Probing) -> Measurements:
    settings = probing.recipe.probes.augmented_linear
    assert settings is not None
    task = probing.classification(probing.dataset)
    return {"augmented_linear_top1": augmented_linear(probing.model.encoder, task, settings)}


def _finetune(probing: Probing) -> Measurements:
    settings = probing.recipe.probes.finetune
    assert settings is not None
    tuned = finetune(probing.model.encoder, probing.classification(probing.dataset), settings)
    return {f"finetune_{100 * share:g}_top1": answer for share, answer in tuned.items()}


def _transform_prediction(probing: Probing) -> Measurements:
    model, images = probing.model, probing.dataset
    seen, recipe, device = images.probe_train, probing.recipe, probing.device
    return transform_prediction(model.encoder, model.head, seen, images.test, recipe, device)


def _color_histograms(probing: Probing) -> Measurements:
    recipe, images = probing.recipe, probing.dataset.test.recorded(probing.recipe.views)
    return {"histogram_top1": histogram_retrieval(images, recipe.views, recipe.transforms, recipe.seed, probing.device)}


def _transfer(probing: Probing) -> Measurements:
    there, encoder = probing.transfer, probing.model.encoder
    assert there is not None
    train_h, test_h = (features(encoder, part.images, probing.device) for part in (there.probe_train, there.test))
    predicted = probing.linear(there, train_h, test_h, probing.validation_features(there)).predictions
    return _elsewhere("transfer", predicted.numpy(), there)


def _transfer_finetune(probing: Probing) -> Measurements:
    there, settings = probing.transfer, probing.recipe.probes.transfer_finetune
    assert there is not None
    assert settings is not None
    predicted = transfer_finetune(probing.model.encoder, probing.classification(there), settings)
    return _elsewhere("transfer_finetune", predicted, there)


# Whether the recipe's probes ask for it, and what measures it.
PROBES: tuple[tuple[Callable[[Probes], bool], Callable[[Probing], Measurements]], ...] = (
    (lambda _: True, _knn),
    (lambda _: True, _other),
    (lambda _: True, _trained_along),
    (lambda asked: asked.head_layers, _head_layers),
    (lambda asked: asked.head_spectrum, _head_spectrum),
    (lambda asked: asked.augmented_linear is not None, _augmented_linear),
    (lambda asked: asked.finetune is not None, _finetune),
    (lambda asked: asked.transform_prediction is not None, _transform_prediction),
    (lambda asked: asked.color_histograms, _color_histograms),
    (lambda asked: asked.transfer is not None, _transfer),
    (lambda asked: asked.transfer_finetune is not None, _transfer_finetune),
)


def _elsewhere(name: str, predicted: NDArray[np.int64], there: Dataset) -> Measurements:
    """Top-1 and mean per class, as Table 8 has the one for some sets and the other for others."""
    truth = there.test.labels
    answers = {f"{name}_top1": hits(predicted, truth), f"{name}_balanced_accuracy": balanced_hits(predicted, truth)}
    return {name: replace(answer, groups=there.test.groups) for name, answer in answers.items()}


def labels(images: ImageSet) -> Tensor:
    """(N,) int64 classes, on the CPU."""
    return torch.from_numpy(np.array(images.labels))


def groups(images: ImageSet) -> Tensor | None:
    """(N,) int64 groups on the CPU, if images come in groups."""
    return None if images.groups is None else torch.from_numpy(images.groups)


def right(predicted: Tensor, truth: Tensor) -> Measured:
    """The accuracy of (n,) predicted classes."""
    return accuracy(predicted.cpu().numpy(), truth.cpu().numpy())
