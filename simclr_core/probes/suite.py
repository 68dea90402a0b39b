"""All probes that a recipe asks for, one after the other."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from simclr_core import heads
from simclr_core.config import Recipe
from simclr_core.data.images import Dataset
from simclr_core.pretrain import SimCLR
from simclr_core.probes.color_histograms import histogram_retrieval
from simclr_core.probes.features import features
from simclr_core.probes.geometry import geometry_probe
from simclr_core.probes.head_spectrum import head_spectrum
from simclr_core.probes.knn import knn_probe
from simclr_core.probes.linear import Probed, linear_probe
from simclr_core.probes.measured import Measured, accuracy, balanced_hits, hits
from simclr_core.probes.sgd import augmented_linear, finetune, transfer_finetune
from simclr_core.probes.transform_prediction import transform_prediction
from simclr_core.stops import TrialFailed

Measurements = dict[str, Measured]


def measure(
    recipe: Recipe, model: SimCLR, dataset: Dataset, transfer: Dataset | None, device: str
) -> tuple[Probed, Measurements, dict[str, float]]:
    """The linear probe on h; every other measurement by name; and numbers that describe the representation as a whole.

    `transfer`: the images of recipe.probes.transfer. Raises TrialFailed where representations are not finite.
    """
    asked, seed, classes = recipe.probes, recipe.seed, len(dataset.class_names)
    supervised = recipe.loss.name == "cross_entropy"
    train_h, test_h = (features(model.encoder, part.images, device) for part in (dataset.train, dataset.test))
    if not (train_h.isfinite().all() and test_h.isfinite().all()):
        raise TrialFailed("the trained encoder gives representations that are not finite")
    train_y, test_y = (torch.from_numpy(np.array(part.labels)) for part in (dataset.train, dataset.test))

    def linear(train_x: Tensor, test_x: Tensor) -> Measured:
        return right(linear_probe(train_x, train_y, test_x, classes, asked.linear, seed).predictions, test_y)

    probed = linear_probe(train_h, train_y, test_h, classes, asked.linear, seed)
    found: Measurements = {"knn_top1": knn_probe(train_h, train_y, test_h, test_y, classes, asked.knn)}
    with torch.no_grad():
        model.eval()
        z = None if supervised else model.head(test_h)
        if supervised:
            found["classifier_top1"] = right(model.head(test_h).argmax(dim=1), test_y)
        if model.online is not None:
            found["online_top1"] = right(model.online(test_h).argmax(dim=1), test_y)
    pairs, whole = geometry_probe(model.encoder, model.head, dataset.test.images, test_h, z, recipe, device)
    found |= pairs
    if asked.head_layers and isinstance(model.head, nn.Sequential):
        with torch.no_grad():
            layers = zip(heads.layers(model.head, train_h), heads.layers(model.head, test_h), strict=True)
            found |= {f"layer_{i}_top1": linear(*layer) for i, layer in enumerate(layers, 1)}
    if asked.head_spectrum and isinstance(model.head, nn.Sequential):
        found |= head_spectrum(model.head)
    if asked.augmented_linear is not None:
        crop = recipe.transforms.crop
        found["augmented_linear_top1"] = augmented_linear(
            model.encoder, dataset.train, dataset.test, classes, asked.augmented_linear, crop, seed, device
        )
    if asked.finetune is not None:
        tuned = finetune(
            model.encoder, dataset.train, dataset.test, classes, asked.finetune, recipe.transforms.crop, seed, device
        )
        found |= {f"finetune_{100 * share:g}_top1": answer for share, answer in tuned.items()}
    if asked.transform_prediction is not None:
        found |= transform_prediction(model.encoder, model.head, dataset.train, dataset.test, recipe, device)
    if asked.color_histograms:
        found["histogram_top1"] = histogram_retrieval(
            dataset.test.images, recipe.views, recipe.transforms, seed, device
        )
    if transfer is not None:
        other = [features(model.encoder, part.images, device) for part in (transfer.train, transfer.test)]
        other_y = [torch.from_numpy(np.array(part.labels)) for part in (transfer.train, transfer.test)]
        kinds = len(transfer.class_names)
        there = linear_probe(other[0], other_y[0], other[1], kinds, asked.linear, seed)
        found |= _elsewhere("transfer", there.predictions.numpy(), transfer)
        if asked.transfer_finetune is not None:
            predicted = transfer_finetune(
                *(model.encoder, transfer.train, transfer.test, kinds),
                *(asked.transfer_finetune, recipe.transforms.crop, seed, device),
            )
            found |= _elsewhere("transfer_finetune", predicted, transfer)
    return probed, found, whole


def _elsewhere(name: str, predicted: NDArray[np.int64], there: Dataset) -> Measurements:
    """Top-1 and mean per class, as Table 8 has the one for some sets and the other for others."""
    truth = there.test.labels
    return {f"{name}_top1": hits(predicted, truth), f"{name}_balanced_accuracy": balanced_hits(predicted, truth)}


def right(predicted: Tensor, labels: Tensor) -> Measured:
    """The accuracy of (n,) predicted classes."""

    def array(x: Tensor) -> NDArray[np.int64]:
        values: NDArray[np.int64] = x.cpu().numpy()
        return values

    return accuracy(array(predicted), array(labels))
