"""The pace of a sweep: how long its trials take, and what is left."""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass

from ablations.sweep import plan
from ablations.sweep.plan import Planned


@dataclass
class RunningTrial:
    """A trial at work: since when, and what its last epoch said."""

    began: float
    epochs: int
    epoch: int = 0
    loss: float | None = None

    @property
    def words(self) -> str:
        if self.loss is None:
            return "starting"
        probing = "  probing" if self.epoch == self.epochs else ""
        return f"epoch {self.epoch}/{self.epochs}  loss {self.loss:.3f}{probing}"


class Pace:
    """Times of this run's trials. Kept event by event: no question goes through all trials again."""

    def __init__(self, todo: Mapping[str, Planned], parallel: int) -> None:
        works = {trial_id: plan.work(item.trial.recipe) for trial_id, item in todo.items()}
        self._works = works if any(works.values()) else dict.fromkeys(works, 1.0)
        self._parallel = parallel
        self._waiting = set(works)
        self._waiting_work = sum(self._works.values())
        self._longest = [(-work, trial_id) for trial_id, work in self._works.items()]  # and some that wait no longer
        heapq.heapify(self._longest)
        self._own: list[float] = []  # seconds in this run, of ended trials
        self._of_trials = self._of_epochs = (0.0, 0.0)  # seconds, and the work done in them

    def started(self, trial_id: str) -> None:
        self._waits_no_longer(trial_id)

    def epoch(self, trial_id: str, epochs: int, seconds: float) -> None:
        self._of_epochs = _sum(self._of_epochs, (seconds, self._works[trial_id] / (epochs + 1)))

    def again(self, trial_id: str) -> None:
        if trial_id not in self._waiting:
            self._waiting.add(trial_id)
            self._waiting_work += self._works[trial_id]
            heapq.heappush(self._longest, (-self._works[trial_id], trial_id))

    def ended(self, trial_id: str, since: float, seconds: float | None) -> None:
        """Note a trial's end. `since`: its last start; `seconds`: a done one's own, those before a checkpoint too."""
        self._waits_no_longer(trial_id)
        self._own.append(since if seconds is None else min(seconds, since))
        if seconds is not None and self._works[trial_id]:
            self._of_trials = _sum(self._of_trials, (seconds, self._works[trial_id]))

    def left(self, running: Mapping[str, RunningTrial]) -> float | None:
        """Seconds left at the pace of this run's done trials, or else of its epochs; the probe counts as one more.

        Never less than the longest trial that is left.
        """
        seconds, work = self._of_trials if self._of_trials[1] else self._of_epochs
        if not work:
            return None
        while self._longest and self._longest[0][1] not in self._waiting:
            heapq.heappop(self._longest)
        rest = [self._works[trial_id] * (1 - trial.epoch / (trial.epochs + 1)) for trial_id, trial in running.items()]
        longest = max([*rest, *(-work for work, _ in self._longest[:1])], default=0.0)
        return seconds / work * max((self._waiting_work + sum(rest)) / self._parallel, longest)

    def ideal(self) -> float | None:
        return plan.makespan(self._own, self._parallel) if self._own else None

    def _waits_no_longer(self, trial_id: str) -> None:
        if trial_id in self._waiting:
            self._waiting.remove(trial_id)
            self._waiting_work -= self._works[trial_id]


def _sum(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    return a[0] + b[0], a[1] + b[1]
