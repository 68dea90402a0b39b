"""Side by side: every contender once a round, round after round, so that what slows the machine slows all of them."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

ROUNDS = 5


@dataclass(frozen=True)
class Case:
    """Figures of several contenders in one and the same task.

    benchmark, task: words. unit: "images/s" or "s" and the like. figures: by contender, one figure per round, in the
    order of the rounds; the first contender is ours. more_is_better: of the unit. missing: contenders that cannot do
    the task, or could not be measured, and why.
    """

    benchmark: str
    task: str
    unit: str
    figures: Mapping[str, Sequence[float]]
    more_is_better: bool = True
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def ours(self) -> str:
        """The name of the first contender."""
        return next(iter(self.figures))

    def ratios(self, peer: str) -> list[float]:
        """Round by round how many times better ours was than the peer: above 1 ours is faster."""
        pairs = zip(self.figures[self.ours], self.figures[peer], strict=True)
        return [ours / theirs if self.more_is_better else theirs / ours for ours, theirs in pairs]


def play(contenders: Mapping[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """The figures of every contender, each called once before anything counts (caches, compilation), then per round.

    The order turns from round to round, so that nobody always runs in the wake of the same other.
    """
    figures: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for name in names:
        contenders[name]()
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            figures[name].append(contenders[name]())
    return figures


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Median, least, greatest."""
    return statistics.median(values), min(values), max(values)
