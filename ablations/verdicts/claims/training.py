"""Claims about batch size, epochs and learning rate, on ImageNet (Figure 9, Table B.1) and CIFAR-10 (B.7, B.8)."""

from typing import Any

from ablations.verdicts.claims.registry import TIE, claim, unanswered
from ablations.verdicts.contrasts import Cells, Contrast, NotAsked, mean
from ablations.verdicts.statement import All, Statement, above, increasing

TRAINING, CIFAR10 = "batch size and epochs", "CIFAR-10"


@claim(
    TRAINING,
    "With few epochs, larger batches learn more.",
    where="abstract (3), Section 5.2",
    inequality="accuracy increases with the batch size at the fewest epochs",
    studies=("batch_epochs",),
)
def batch_larger_better_few_epochs(cells: Cells) -> Statement:
    epochs = cells.at_least(1, "epochs")[0]
    return All(increasing([cells(batch=batch, epochs=epochs) for batch in cells.at_least(2, "batch")]))


@claim(
    TRAINING,
    "The gap between batch sizes shrinks with more epochs.",
    where="Section 5.2",
    inequality="gap of the largest to the smallest batch: fewest > middle > most epochs; at the fewest > 0, "
    "at the most >= 0, up to a tie",
    studies=("batch_epochs",),
    caveat="In the paper too it holds for linear learning-rate scaling only, which this study has.",
)
def batch_gap_shrinks_with_epochs(cells: Cells) -> Statement:
    batches, epochs = cells.at_least(2, "batch"), cells.at_least(2, "epochs")

    def gap(length: int) -> Contrast:
        difference = cells(batch=batches[-1], epochs=length) - cells(batch=batches[0], epochs=length)
        return difference.called(f"gap at {length} epochs")

    shrinking = increasing([gap(length) for length in reversed(_three(epochs))])
    # Without these, a gap that is negative and grows would count: a large batch that falls ever farther behind.
    return All((*shrinking, above(gap(epochs[0])), above(gap(epochs[-1]), -TIE)))


@claim(
    TRAINING,
    "More epochs help at every batch size.",
    where="Section 5.2",
    inequality="most epochs > fewest, for every batch size",
    studies=("batch_epochs",),
)
def longer_training_helps(cells: Cells) -> Statement:
    epochs = cells.at_least(2, "epochs")
    batches = cells.values("batch")
    return All(
        tuple(above(cells(batch=batch, epochs=epochs[-1]) - cells(batch=batch, epochs=epochs[0])) for batch in batches)
    )


@claim(
    TRAINING,
    "Square-root scaling of the learning rate beats linear scaling for small batches and few epochs.",
    where="Appendix B.1",
    inequality="sqrt > linear for the smallest batch and fewest epochs; sqrt - linear decreases with the batch size "
    "(below 4096) and with the epochs (smallest batch)",
    studies=("lr_scaling",),
)
def sqrt_lr_helps_small_batches(cells: Cells) -> Statement:
    batches = [batch for batch in cells.at_least(2, "batch") if batch < 4096]
    epochs = cells.at_least(2, "epochs")

    def gain(batch: int, length: int) -> Contrast:
        difference = cells(scaling="sqrt", batch=batch, epochs=length) - cells(
            scaling="linear", batch=batch, epochs=length
        )
        return difference.called(f"gain at batch {batch}, {length} epochs")

    by_batch = [gain(batch, epochs[0]) for batch in reversed(batches)]
    by_epochs = [gain(batches[0], length) for length in reversed(epochs)]
    return All((above(gain(batches[0], epochs[0])), *increasing(by_batch), *increasing(by_epochs)))


@claim(
    TRAINING,
    "Supervised learning does not gain from more epochs as contrastive learning does.",
    where="abstract (3), Appendix B.3",
    inequality="gain from fewest to most epochs: SimCLR > supervised",
    studies=("batch_epochs", "longer_supervised"),
)
def supervised_not_helped_by_longer(contrastive: Cells, supervised: Cells) -> Statement:
    lengths = contrastive.at_least(2, "epochs")
    gains = [
        contrastive(batch=batch, epochs=lengths[-1]) - contrastive(batch=batch, epochs=lengths[0])
        for batch in contrastive.values("batch")
    ]
    theirs = supervised.at_least(2, "epochs")
    short, long = (supervised(policy="crop", width=1, epochs=length) for length in (theirs[0], theirs[-1]))
    return All((above(mean(gains, "gain of SimCLR") - (long - short).called("gain of supervised")),))


@claim(
    CIFAR10,
    "More epochs help on CIFAR-10, most of all at first.",
    where="Appendix B.9",
    inequality="most epochs > fewest; gain to the middle > gain from there; for every batch size",
    studies=("cifar10",),
)
def cifar_longer_training_helps(cells: Cells) -> Statement:
    epochs = _three(cells.at_least(3, "epochs"))
    parts = []
    for batch in cells.values("batch"):
        first, middle, last = (_tuned(cells, batch, length) for length in epochs)
        early, late = (middle - first).called(f"batch {batch}: early gain"), (last - middle).called("late gain")
        parts += [above(last - first), above(early - late)]
    return All(tuple(parts))


@claim(
    CIFAR10,
    "On CIFAR-10 batch 1024 beats 256 at few epochs, and 4096 at few and at many.",
    where="Appendix B.9",
    inequality="1024 > 256 at the fewest epochs; 1024 > 4096 at the fewest and the most",
    studies=("cifar10",),
    caveat="Means over three learning rates; in the paper their error bars overlap widely at 100 epochs, and what 4096 "
    "loses is little, which is not asked.",
)
def cifar_batch_effect_small(cells: Cells) -> Statement:
    epochs = cells.at_least(2, "epochs")
    first, last = epochs[0], epochs[-1]
    return All(
        (
            above(_tuned(cells, 1024, first) - _tuned(cells, 256, first)),
            above(_tuned(cells, 1024, first) - _tuned(cells, 4096, first)),
            above(_tuned(cells, 1024, last) - _tuned(cells, 4096, last)),
        )
    )


@claim(
    CIFAR10,
    "With temperature 0.1 and up to 300 epochs, batch 2048 beats 256.",
    where="Appendix B.9, Figure B.8",
    inequality="temperature 0.1: batch 2048 > batch 256, mean over 100 to 300 epochs",
    studies=("cifar10_temperature",),
    caveat="The paper has it from 400 to 1,000 epochs too, which no study here trains.",
)
def cifar_tau_tenth_improves_with_batch(cells: Cells) -> Statement:
    return All((above(_short(cells, 0.1, 2048) - _short(cells, 0.1, 256)),))


@claim(
    CIFAR10,
    "Up to 300 epochs and from batch 1024 on, temperature 0.1 beats 0.5.",
    where="read off Figure B.8",
    inequality="0.1 > 0.5 for every batch size from 1024 on, up to 300 epochs",
    studies=("cifar10_temperature",),
)
def cifar_tau_tenth_best_short(cells: Cells) -> Statement:
    batches = [batch for batch in cells.values("batch") if batch >= 1024]
    if not batches:
        raise NotAsked("cifar10_temperature has no batch of 1024 or more at this scale")
    return All(tuple(above(_short(cells, 0.1, batch) - _short(cells, 0.5, batch)) for batch in batches))


def _three(values: list[int]) -> list[int]:
    """The first, the middle and the last of some values; of two, both."""
    return list(dict.fromkeys([values[0], values[len(values) // 2], values[-1]])) if len(values) > 2 else values


def _tuned(cells: Cells, batch: int, epochs: int) -> Contrast:
    """A bar of Figure B.7: the mean over learning rates at temperature 0.5."""
    fixed: dict[str, Any] = {"batch": batch, "epochs": epochs}
    fixed |= {"temperature": 0.5} if "temperature" in cells.axes else {}
    return mean(cells.some(**fixed), f"batch {batch}, {epochs} epochs")


def _short(cells: Cells, temperature: float, batch: int) -> Contrast:
    """A bar of Figure B.8 (a): the mean over learning rates and 100 to 300 epochs."""
    epochs = [one for one in cells.values("epochs") if one == "100 to 300" or (isinstance(one, int) and one <= 300)]
    bar = [cell for one in epochs for cell in cells.some(temperature=temperature, batch=batch, epochs=one)]
    if not bar:
        raise NotAsked(f"{cells.study} has no cell with batch {batch} and temperature {temperature} at this scale")
    return mean(bar, f"temperature {temperature}, batch {batch}")


LONGER = "It needs {} epochs; the studies here end at 300 on CIFAR-10."

unanswered(
    "batch_saturates_8192",
    TRAINING,
    "Beyond batch 8192 accuracy no longer rises.",
    where="Appendix B.1",
    inequality="accuracy at 16384 and 32768 - at 8192 <= 0.3 points",
    reason="It needs ImageNet: 16,384 images are a third of CIFAR-10.",
)
unanswered(
    "very_long_training_helps",
    TRAINING,
    "Training far beyond 800 epochs still helps.",
    where="Appendix B.1",
    inequality="3200 > 1600 > 800 epochs",
    reason=LONGER.format("800 to 3,200"),
)
unanswered(
    "global_bn_prevents_leak",
    TRAINING,
    "BatchNorm over one device at a time lets the contrastive task be solved without learning.",
    where="Section 2.2",
    inequality="local BatchNorm: contrastive accuracy higher, top-1 lower",
    reason="It needs a training over several devices, which a trial here is not.",
)
unanswered(
    "cifar_simclr_near_supervised",
    CIFAR10,
    "On CIFAR-10 SimCLR comes within about a point of supervised learning.",
    where="Appendix B.9",
    inequality="0 < supervised - SimCLR < 2 points",
    reason=LONGER.format("1,000"),
)
unanswered(
    "cifar_tau_half_best_converged",
    CIFAR10,
    "Beyond 300 epochs temperature 0.5 is best at every batch size.",
    where="Appendix B.9",
    inequality="0.5 > 0.1 and 1.0 for every batch size",
    reason=LONGER.format("400 to 1,000"),
)
