"""Which trials of a study are missing, and what they will cost."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ablations.store import Result, Status, Store
from ablations.study import CELL, Trial
from simclr_core.config import Data, Recipe


@dataclass(frozen=True)
class Planned:
    """A wanted trial, its content name, and what the store knows of it."""

    trial: Trial
    trial_id: str
    status: Status
    result: Result | None  # exactly where status is done

    def record(self) -> dict[str, Any]:
        """The trial's row, as tables take it."""
        metrics = self.result.metrics if self.result else {}
        about = {"role": self.trial.role, "seed": self.trial.seed, "trial_id": self.trial_id, "status": self.status}
        return {**about, **self.trial.axes, **metrics}


def look_up(trials: Sequence[Trial], fingerprints: Mapping[Data, str], store: Store) -> list[Planned]:
    """The trials with their state in the store; `fingerprints` of their data sets."""
    return [
        _look(trial, trial.recipe.trial_id(*(fingerprints[part] for part in trial.recipe.data_sets)), store)
        for trial in trials
    ]


def refresh(planned: Sequence[Planned], store: Store) -> list[Planned]:
    """The same trials with their state now; what is done stays done."""
    return [item if item.status == "done" else _look(item.trial, item.trial_id, store) for item in planned]


def _look(trial: Trial, trial_id: str, store: Store) -> Planned:
    result = store.result(trial_id)
    return Planned(trial, trial_id, "done" if result else store.status(trial_id), result)


def unfinished(planned: Sequence[Planned]) -> dict[str, Planned]:
    """By trial_id, what is not done (missing, failed, or running elsewhere), each content once, in order."""
    return {item.trial_id: item for item in planned if item.status != "done"}


def shape(recipe: Recipe) -> tuple[Any, ...]:
    """What a trial's time depends on, but for the transformations, which change little."""
    return recipe.data, recipe.encoder, recipe.head, recipe.loss.name, recipe.schedule, recipe.probes


def estimate(planned: Sequence[Planned], parallel: int, measure: Callable[[Recipe], float]) -> float:
    """Seconds that the unfinished trials will take, `parallel` at a time.

    Per distinct shape: the median of its done trials' own seconds, or what `measure` says of one missing trial.
    """
    known: dict[tuple[Any, ...], list[float]] = {}
    for item in planned:
        if item.result is not None:
            known.setdefault(shape(item.trial.recipe), []).append(item.result.seconds)
    todo = [item.trial.recipe for item in unfinished(planned).values()]
    for recipe in todo:
        if shape(recipe) not in known:
            known[shape(recipe)] = [measure(recipe)]
    each = [statistics.median(known[shape(recipe)]) for recipe in todo]
    return max(sum(each) / parallel, max(each, default=0.0))


def describe(planned: Sequence[Planned]) -> str:
    """One line per trial (role, axis values, seed, name, state), then the counts."""
    names = list(planned[0].trial.axes)
    rows = [("role", *names, "seed", "trial", "status")]
    for item in planned:
        values = ["" if value is None else str(value) for value in item.trial.axes.values()]
        rows.append((item.trial.role, *values, str(item.trial.seed), item.trial_id, item.status))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    counts = {
        status: sum(item.status == status for item in planned) for status in ("done", "missing", "failed", "running")
    }
    cells = sum(item.trial.role == CELL for item in planned)
    lines.append(
        f"{len(planned)} trials ({cells} of cells): " + ", ".join(f"{n} {status}" for status, n in counts.items() if n)
    )
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """For people: 8 s, 4 min 10 s, 3 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
