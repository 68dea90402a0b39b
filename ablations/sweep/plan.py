"""Trials of a study that are missing, and what they will cost."""

import heapq
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ablations.console.text import duration
from ablations.store.leases import Leases
from ablations.store.trials import Result, State, Status, Store
from ablations.studies.model import CELL, Trial
from simclr_core.config import Data, Recipe

if TYPE_CHECKING:
    from simclr_core.cost import Cost


@dataclass(frozen=True)
class Planned:
    """A wanted trial, its content name, the fingerprints of its data sets, and what is known of it."""

    trial: Trial
    trial_id: str
    fingerprints: tuple[str, ...]
    state: State

    @property
    def status(self) -> Status:
        """One of missing, running, done, failed, damaged."""
        return self.state.status

    @property
    def result(self) -> Result | None:
        """The trial's result; None unless status is done."""
        return self.state.result

    def record(self) -> dict[str, Any]:
        """The trial's row, as tables take it: there, what is damaged is missing."""
        metrics = self.result.metrics if self.result else {}
        status = "missing" if self.status == "damaged" else self.status
        about = {"role": self.trial.role, "seed": self.trial.seed, "trial_id": self.trial_id, "status": status}
        return {**about, **self.trial.axes, **metrics}


def look_up(trials: Sequence[Trial], fingerprints: Mapping[Data, str], store: Store, leases: Leases) -> list[Planned]:
    """Find the trials' states in the store; `fingerprints` of their data sets."""
    planned = []
    for trial in trials:
        names = tuple(fingerprints[part] for part in trial.recipe.data_sets)
        trial_id = trial.recipe.trial_id(*names)
        planned.append(Planned(trial, trial_id, names, _state(trial_id, store, leases)))
    return planned


def refresh(planned: Sequence[Planned], store: Store, leases: Leases) -> list[Planned]:
    """Renew the trials' states; what is done stays done."""
    return [
        item if item.status == "done" else replace(item, state=_state(item.trial_id, store, leases)) for item in planned
    ]


def _state(trial_id: str, store: Store, leases: Leases) -> State:
    state = store.look(trial_id)
    return State("running") if state.status != "done" and leases.running(trial_id) is not None else state


def unfinished(planned: Sequence[Planned], retry: bool = False) -> dict[str, Planned]:
    """Planned trials to be trained, by trial_id: each content once, the longest first, else in order.

    Failed ones that would fail again are left out unless `retry`. Trials that another run is at work on are in it.
    """
    todo = {
        item.trial_id: item
        for item in planned
        if item.status != "done" and (retry or not (item.state.failure and item.state.failure.would_fail_again))
    }
    return dict(sorted(todo.items(), key=lambda entry: -work(entry[1].trial.recipe)))


def work(recipe: Recipe) -> float:
    """Relative time that a trial takes, roughly and in no unit; 0 for one that does not train."""
    images = recipe.data.limit or 50_000
    depth = int("".join(filter(str.isdigit, recipe.encoder.name)) or 4)
    passes = recipe.schedule.epochs * (2 if recipe.loss.name != "cross_entropy" else 1)
    return passes * images * recipe.data.size**2 * depth * recipe.encoder.width**2


def shape(recipe: Recipe) -> tuple[Any, ...]:
    """Fields on which a trial's time depends, but for the transformations, which change little."""
    return recipe.data, recipe.encoder, recipe.head, recipe.loss.name, recipe.schedule, recipe.probes


@dataclass(frozen=True)
class SweepEstimate:
    """Time and memory that the unfinished trials will take.

    seconds: of wall time, `parallel` trials at a time; trial_seconds: the sum of the trials' own; shapes: for each
    distinct shape one of its trials, how many there are, what each takes, and whether that was measured just now.
    """

    seconds: float
    trial_seconds: float
    parallel: int
    shapes: "list[tuple[Trial, int, Cost, bool]]"

    @property
    def peak_bytes(self) -> int:
        """The most memory that one trial holds; 0 where not known."""
        return max((cost.peak_bytes for _, _, cost, _ in self.shapes), default=0)


def estimate(planned: Sequence[Planned], parallel: int, measure: "Callable[[Recipe], Cost]") -> SweepEstimate:
    """Estimate by shape: the median of its done trials' own seconds, or what `measure` says of one missing trial."""
    from simclr_core.cost import Cost  # torch takes seconds to import, and the rest of this file needs none

    done: dict[tuple[Any, ...], list[Result]] = {}
    for item in planned:
        if item.result is not None:
            done.setdefault(shape(item.trial.recipe), []).append(item.result)
    todo: dict[tuple[Any, ...], list[Trial]] = {}
    for item in unfinished(planned).values():
        todo.setdefault(shape(item.trial.recipe), []).append(item.trial)
    shapes = []
    for kind, trials in todo.items():
        results = done.get(kind, [])
        cost = (
            measure(trials[0].recipe)
            if not results
            else Cost(
                statistics.median(result.seconds for result in results),
                max(int(result.provenance.get("peak_bytes", 0)) for result in results),
            )
        )
        shapes.append((trials[0], len(trials), cost, not results))
    each = [cost.seconds for _, n, cost, _ in shapes for _ in range(n)]
    return SweepEstimate(makespan(each, parallel), sum(each), parallel, shapes)


def makespan(seconds: Iterable[float], parallel: int) -> float:
    """Seconds until the last of `parallel` workers is through, the longest first, each given to whoever is free."""
    free = [0.0] * parallel
    for each in sorted(seconds, reverse=True):
        heapq.heapreplace(free, free[0] + each)
    return max(free)


def describe_estimate(whole: SweepEstimate) -> str:
    """The estimate for people: each shape, then the whole."""
    lines = [f"  {'seconds':>9}  {'memory':>8}  trials  such as"]
    for trial, n, cost, measured in whole.shapes[:10]:
        memory = f"{cost.peak_bytes / 1e9:.1f} GB" if cost.peak_bytes else "?"
        source = "measured now" if measured else "from done trials"
        lines.append(f"  {cost.seconds:9.1f}  {memory:>8}  {n:6}  {trial.label} ({source})")
    if len(whole.shapes) > 10:
        lines.append(f"  and {len(whole.shapes) - 10} more shapes")
    at_once = f", {whole.parallel * whole.peak_bytes / 1e9:.1f} GB of memory at once" if whole.peak_bytes else ""
    lines.append(
        f"Estimated time: {duration(whole.seconds)} ({whole.seconds / 3600:.2f} machine-hours), "
        f"{whole.parallel} at a time{at_once}; the trials' own time is {whole.trial_seconds / 3600:.2f} hours."
    )
    return "\n".join(lines)


def describe(planned: Sequence[Planned]) -> str:
    """The plan as lines: one per trial (role, axis values, seed, name, state), then the counts."""
    names = list(planned[0].trial.axes)
    rows = [("role", *names, "seed", "trial", "status")]
    for item in planned:
        values = ["" if value is None else str(value) for value in item.trial.axes.values()]
        rows.append((item.trial.role, *values, str(item.trial.seed), item.trial_id, item.status))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    counts = {
        status: sum(item.status == status for item in planned)
        for status in ("done", "missing", "damaged", "failed", "running")
    }
    cells = sum(item.trial.role == CELL for item in planned)
    lines.append(
        f"{len(planned)} trials ({cells} of cells): " + ", ".join(f"{n} {status}" for status, n in counts.items() if n)
    )
    return "\n".join(lines)
