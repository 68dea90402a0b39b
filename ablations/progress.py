"""What is going on, for people and for machines: a live bar, plain lines, JSON lines, or nothing."""

import json
import sys
import time
from collections.abc import Mapping
from typing import Literal, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from ablations.plan import Planned, duration
from ablations.sweep import Event

Style = Literal["people", "json", "quiet"]


class Watch:
    """Follows a sweep over the trials in `todo` (by trial_id), `parallel` at a time; a context manager.

    People get a live bar on stderr, or one line per finished trial where stderr is no terminal; machines get one JSON
    object per event on stdout.
    """

    def __init__(self, todo: Mapping[str, Planned], parallel: int, style: Style, stderr: TextIO | None = None) -> None:
        self._todo, self._parallel, self._style = todo, parallel, style
        self._began = time.monotonic()
        self._console = Console(file=stderr or sys.stderr, highlight=False, soft_wrap=True)
        self._running: dict[str, tuple[int, float | None]] = {}  # trial_id -> last epoch and its loss
        self._left = dict(todo)
        self._seconds: list[float] = []  # of finished trials that trained
        self._failed = 0
        self._bar = Progress(BarColumn(40), MofNCompleteColumn(), TextColumn("{task.description}"))
        self._task = self._bar.add_task("starting", total=len(todo))
        self._live: Live | None = None

    def __enter__(self) -> "Watch":
        if self._style == "people":
            self._console.print(f"{len(self._todo)} trials to train, {self._parallel} at a time.")
        if self._style == "people" and self._console.is_terminal:
            self._live = Live(console=self._console, get_renderable=self._view, refresh_per_second=2, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, event: Event) -> None:
        """Take note of the event, and say it."""
        if event.kind == "tick":
            return
        self._note(event)
        if self._style == "json":
            fields = {"event": event.kind, "trial_id": event.trial_id, "trial": self._todo[event.trial_id].trial.label}
            print(json.dumps({**fields, **event.row, **({"error": event.error} if event.error else {})}), flush=True)
        elif self._style == "people" and event.kind in ("done", "failed"):
            line = self._line(event)
            if event.kind == "failed" or self._live is None:
                self._console.print(line, style="red" if event.kind == "failed" else "")

    def seconds_left(self) -> float | None:
        """From the mean of this run's finished trials and the epochs that running ones have behind them."""
        if not self._seconds:
            return None
        work = 0.0
        for trial_id, item in self._left.items():
            epochs = item.trial.recipe.schedule.epochs
            epoch = self._running.get(trial_id, (0, None))[0]
            work += 1 - epoch / (epochs + 1) if epochs else 0  # + 1: the probe
        return work * (sum(self._seconds) / len(self._seconds)) / self._parallel

    def _note(self, event: Event) -> None:
        if event.kind == "started":
            self._running[event.trial_id] = (0, None)
        elif event.kind == "epoch":
            self._running[event.trial_id] = (event.row["epoch"], event.row["loss"])
        else:
            self._running.pop(event.trial_id, None)
            item = self._left.pop(event.trial_id)
            self._failed += event.kind == "failed"
            if event.kind == "done" and item.trial.recipe.schedule.epochs:
                self._seconds.append(event.row["seconds"])

    def _line(self, event: Event) -> str:
        finished = len(self._todo) - len(self._left)
        head = f"[{finished}/{len(self._todo)}] {self._todo[event.trial_id].trial.label}"
        if event.kind == "failed":
            return f"{head}: failed: {event.error}"
        said = f"{head}: top-1 {event.row['top1']:.1f} in {duration(event.row['seconds'])}"
        left = self.seconds_left()
        return said + (f", {duration(left)} left" if left and self._left else "")

    def _view(self) -> Group:
        left = self.seconds_left()
        words = [f"{len(self._running)} running", *([f"[red]{self._failed} failed[/]"] if self._failed else [])]
        words.append(f"{duration(time.monotonic() - self._began)} so far")
        words.append("time left: after the first trial" if left is None else f"about {duration(left)} left")
        self._bar.update(self._task, completed=len(self._todo) - len(self._left), description=", ".join(words))
        rows = []
        for trial_id, (epoch, loss) in tuple(self._running.items()):
            trial = self._todo[trial_id].trial
            at = f"epoch {epoch}/{trial.recipe.schedule.epochs}, loss {loss:.3f}" if loss is not None else "starting"
            rows.append(Text(f"  {trial.label}  {at}", style="dim"))
        return Group(self._bar, *rows)
