"""Studies whose true levels are known: what simulations of intervals and verdicts are made of."""

import functools

import numpy as np

from ablations.verdicts.evidence import Evidence
from builders.made import cell, frame

SD = 2.0  # of a cell from seed to seed, in points
BARS = tuple(f"c{i}" for i in range(12))
MAP = tuple(i + j for i in "abcdefg" for j in "abcdefg")
ONE, OTHER = cell("c0"), cell("c1")


def told(text, share):
    print(f"\n{text}: {100 * share:.1f}%")
    return share


def at_least(share, of, runs):
    """Within Monte Carlo error: three standard deviations."""
    return share >= of - 3 * np.sqrt(of * (1 - of) / runs)


def at_most_of(share, of, runs):
    return share <= of + 3 * np.sqrt(of * (1 - of) / runs)


@functools.cache
def blank(names, seeds):
    return frame({name: [50.0] * seeds for name in names})


class Numbers(Evidence):
    """Evidence of these numbers, metric -> (seeds, cells), without a frame to read them from, which takes longest."""

    def __init__(self, names, **metrics):
        super().__init__({})
        self._numbers = {
            metric: {
                (("cell", name),): dict(enumerate(column)) for name, column in zip(names, table.T.tolist(), strict=True)
            }
            for metric, table in metrics.items()
        }
        self._count = len(next(iter(metrics.values())))

    def seeds(self, study):
        assert study == "made"
        return list(range(self._count))

    def _values(self, study, metric):
        assert study == "made"
        return self._numbers[metric]


def simulated(rng, levels, seeds, sd=SD, names=BARS, whole=False):
    """The evidence of a study whose cells truly have these levels. The validation split is as noisy, on its own."""
    truth = np.asarray(levels) + rng.normal(0, SD, size=(seeds, 1)) + rng.normal(size=(seeds, len(names))) * sd
    split = truth + rng.normal(0, 0.5, size=truth.shape)
    if not whole:
        return Numbers(names, top1=truth, probe_validation_top1=split)
    return Evidence({"made": blank(names, seeds).assign(top1=truth.ravel(), probe_validation_top1=split.ravel())})
