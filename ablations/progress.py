"""What is going on, for people and for machines: a live grid and bar, plain lines, JSON lines, or nothing."""

import contextlib
import heapq
import json
import math
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal, TextIO

from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from ablations import plan
from ablations.driver import Event
from ablations.plan import Planned, duration
from ablations.study import CELL

Style = Literal["people", "json", "quiet"]

# Steps of viridis, as the figures, with the text color that reads best on each (WCAG contrast of 4.5 at least).
RAMP = (
    *("#ffffff on #440154", "#ffffff on #46327e", "#ffffff on #365c8d", "#000000 on #277f8e"),
    *("#000000 on #1fa187", "#000000 on #4ac16d", "#000000 on #a0da39", "#000000 on #fde725"),
)
LINES = 8  # of running trials, at most
FEWEST = 3  # lines of running trials that the grid leaves room for


class Watch:
    """Follows a sweep over the trials in `todo` (by trial_id), `parallel` at a time; a context manager.

    planned: the whole study as it stood before. People get a live view on stderr, or one line per finished trial where
    stderr is no terminal; machines get one JSON object per event on stdout.
    """

    def __init__(
        self,
        planned: Sequence[Planned],
        todo: Mapping[str, Planned],
        parallel: int,
        style: Style,
        stderr: TextIO | None = None,
        stdout: TextIO | None = None,
    ) -> None:
        self._todo, self._parallel, self._style = todo, parallel, style
        self._stderr, self._stdout = stderr or sys.stderr, stdout or sys.stdout
        self._console = Console(file=self._stderr, highlight=False)
        self._signs = _ASCII if self._console.options.ascii_only else _Signs()
        self._grid = _Grid(planned, todo, self._signs, self._console.encoding)
        self._times = _Times(todo, parallel)
        self._running: dict[str, _Running] = {}
        self._ended = self._failed = 0
        self._began = time.monotonic()
        self._live: Live | None = None
        # Live draws in a thread of its own, under a lock of its own: never print while holding this one.
        self._lock = threading.RLock()

    def __enter__(self) -> "Watch":
        if self._style != "people":
            return self
        with contextlib.suppress(OSError):  # the first event meets it again
            self._say(f"{len(self._todo)} trials to train, {self._parallel} at a time.")
        # Not rich's word alone: FORCE_COLOR makes it take a CI log for a terminal.
        if self._stderr.isatty() and self._console.is_interactive:
            self._live = Live(
                console=self._console,
                get_renderable=self._view,
                refresh_per_second=2,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            try:
                self._live.start()
            except BaseException:  # Ctrl-C: there is no __exit__ without a full __enter__
                self.__exit__()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            try:
                self._live.stop()
            finally:  # also where a second Ctrl-C came in between
                self._console.show_cursor(True)
                self._live = None

    def show(self, event: Event) -> None:
        """Take note of the event, and say it."""
        if event.kind == "tick":  # the live view keeps its own time
            return
        with self._lock:
            self._note(event)
            line = self._line(event) if self._style == "people" else ""
        if self._style == "json":
            about = {"event": event.kind, "trial_id": event.trial_id, "trial": self._todo[event.trial_id].trial.label}
            fields = {**about, **_nulled(event.row), **({"error": event.error} if event.error else {})}
            print(json.dumps(fields), file=self._stdout, flush=True)
        elif line and (self._live is None or event.kind != "done"):  # the grid shows what is done
            self._say(line, {"failed": "red", "again": "yellow"}.get(event.kind, ""))

    def seconds_left(self) -> float | None:
        """From what this run's trials took so far, per unit of work; None before the first epoch."""
        with self._lock:
            return self._times.left(self._running)

    def overhead(self, wall: float) -> tuple[float, float] | None:
        """Ideal seconds, and the share of `wall` seconds beyond them: (wall - ideal) / wall. None if nothing ended.

        Ideal is the longest worker's time where this run's ended trials, longest first, each go to the least loaded of
        the `parallel` workers, and cost nothing but their own seconds: neither a start nor an attempt that died.
        """
        with self._lock:
            ideal = self._times.ideal()
        return None if ideal is None else (ideal, (wall - ideal) / wall)

    def _note(self, event: Event) -> None:
        trial_id, now = event.trial_id, time.monotonic()
        if event.kind == "epoch":
            if running := self._running.get(trial_id):
                running.epoch, running.loss = event.row["epoch"], event.row["loss"]
                self._times.epoch(trial_id, running.epochs, event.row["seconds"])
            return
        before = self._running.pop(trial_id, None)
        if event.kind == "started":
            epochs = self._todo[trial_id].trial.recipe.schedule.epochs
            self._running[trial_id] = _Running(now, epochs)
            self._times.started(trial_id)
        elif event.kind == "again":
            self._times.again(trial_id)
        else:
            self._ended += 1
            self._failed += event.kind == "failed"
            since = now - before.began if before else 0.0
            self._times.ended(trial_id, since, event.row["seconds"] if event.kind == "done" else None)
        self._grid.note(event, self._running.get(trial_id))

    def _line(self, event: Event) -> str:
        """What to tell people for good; empty where there is nothing."""
        label = self._todo[event.trial_id].trial.label
        head = f"[{self._ended}/{len(self._todo)}] {label}"
        if event.kind == "failed":
            return f"{head}: failed: {event.error}"
        if event.kind == "again":
            return f"{head}: will be tried again: {event.error}"
        if event.kind != "done":
            return ""
        left = self.seconds_left() if self._ended < len(self._todo) else None
        said = f"{head}: top-1 {event.row['top1']:.1f} in {duration(event.row['seconds'])}"
        return said if left is None else f"{said}, {duration(left)} left"

    def _say(self, line: str, color: str = "") -> None:
        """A permanent line, above the live view where there is one."""
        line = _printable(line, self._console.encoding)
        if self._live:
            self._console.print(Text(line, style=color), soft_wrap=True)
        else:
            self._stderr.write(f"{line}\n")
            self._stderr.flush()

    def _view(self) -> Group:
        """As many lines as fit the terminal: the grid if all of it does, the bar, the trials that run."""
        # rich asks the standard streams, which need not be where it writes.
        with contextlib.suppress(OSError, ValueError):
            if all(size := os.get_terminal_size(self._stderr.fileno())):
                self._console.size = (size.columns, size.lines)
        width, height = self._console.size
        with self._lock:
            bar = self._bar(width)
            room = height - 1 - len(bar)  # the cursor's line stays free
            if self._grid.width <= width and self._grid.height + min(self._parallel, FEWEST) <= room:
                grid, hint = self._grid.lines(self._console.color_system in ("256", "truecolor")), []
            else:
                least = self._grid.height + min(self._parallel, FEWEST) + len(bar) + 1
                grid, hint = [], [Text(f"The grid needs a terminal of {self._grid.width} x {least}.", style="dim")]
            running = self._rows(room - len(grid) - len(hint))
        lines = [*grid, *bar, *running, *hint][: max(height - 1, 1)]
        return Group(*(_fitted(line, width, self._signs.more) for line in lines))

    def _bar(self, width: int) -> list[Text]:
        total = len(self._todo)
        count = f" {self._ended}/{total}"
        length = max(min(width, 80) - len(count), 0)
        full = length * self._ended // max(total, 1)
        bar = Text.assemble((self._signs.full * full, "green"), (self._signs.rest * (length - full), "dim"), count)
        left = self.seconds_left()
        words = Text(f"{len(self._running)} running, ")
        if self._failed:
            words.append(f"{self._failed} failed", "bold red").append(", ")
        words.append(f"{duration(time.monotonic() - self._began)} so far, ")
        words.append("time left: after the first epoch" if left is None else f"about {duration(left)} left")
        return [bar, words]

    def _rows(self, room: int) -> list[Text]:
        """The trials that run, in at most `room` lines."""
        room = max(min(room, LINES), 0)
        shown = len(self._running) if len(self._running) <= room else max(room - 1, 0)
        rows = []
        for trial_id, running in islice(self._running.items(), shown):
            rows.append((_printable(self._todo[trial_id].trial.label, self._console.encoding), running.words))
        longest = max((cell_len(label) for label, _ in rows), default=0)
        lines = [Text(f"  {label}{' ' * (longest - cell_len(label))}  {words}", style="dim") for label, words in rows]
        if room and shown < len(self._running):
            lines.append(Text(f"  ... and {len(self._running) - shown} more", style="dim"))
        return lines


@dataclass
class _Running:
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


class _Times:
    """What this run's trials take. Kept event by event: no question goes through all trials again."""

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
        """`since` its last start; `seconds`, of a done trial, are its own, with those of epochs from a checkpoint."""
        self._waits_no_longer(trial_id)
        self._own.append(since if seconds is None else min(seconds, since))
        if seconds is not None and self._works[trial_id]:
            self._of_trials = _sum(self._of_trials, (seconds, self._works[trial_id]))

    def left(self, running: Mapping[str, _Running]) -> float | None:
        """At the pace of this run's done trials, or before there are any, of its epochs. The probe counts as one more.

        Never less than the longest trial that is left.
        """
        seconds, work = self._of_trials if self._of_trials[1] else self._of_epochs
        if not work:
            return None
        while self._longest and self._longest[0][1] not in self._waiting:
            heapq.heappop(self._longest)
        rest = [self._works[trial_id] * (1 - one.epoch / (one.epochs + 1)) for trial_id, one in running.items()]
        longest = max([*rest, *(-work for work, _ in self._longest[:1])], default=0.0)
        return seconds / work * max((self._waiting_work + sum(rest)) / self._parallel, longest)

    def ideal(self) -> float | None:
        if not self._own:
            return None
        loads = [0.0] * self._parallel
        for seconds in sorted(self._own, reverse=True):
            heapq.heapreplace(loads, loads[0] + seconds)
        return max(loads)

    def _waits_no_longer(self, trial_id: str) -> None:
        if trial_id in self._waiting:
            self._waiting.remove(trial_id)
            self._waiting_work -= self._works[trial_id]


@dataclass(frozen=True)
class _Signs:
    waiting: str = "·"
    failed: str = "✗"
    more: str = "…"
    full: str = "━"
    rest: str = "─"


_ASCII = _Signs(".", "x", "...", "#", "-")


@dataclass
class _Cell:
    """A square of the grid, or a baseline, with all its seeds."""

    seeds: int = 0
    wanted: int = 0  # of them, to be trained in this run
    failed: int = 0
    epochs: int = 0
    top1: list[float] = field(default_factory=list)
    running: dict[str, _Running] = field(default_factory=dict)

    def add(self, item: Planned, wanted: bool) -> None:
        """One more seed."""
        self.seeds += 1
        self.wanted += wanted
        self.failed += item.status == "failed" and not wanted
        self.epochs = max(self.epochs, item.trial.recipe.schedule.epochs)
        if item.result is not None:
            self.top1.append(item.result.metrics["top1"])

    @property
    def mean(self) -> float | None:
        return sum(self.top1) / len(self.top1) if self.top1 else None

    def text(self, signs: _Signs) -> tuple[str, str]:
        """What it says, and in which style: the mean over finished seeds, how far it is, or why there is nothing."""
        mark = signs.failed if self.failed else ""
        if self.mean is not None:
            part = f" {len(self.top1)}/{self.seeds}" if len(self.top1) < self.seeds else ""
            return _number(self.mean) + part + mark, ""
        if self.failed == self.seeds:
            return "failed", "bold red"
        if self.running:
            epoch = max(one.epoch for one in self.running.values())
            return (f"{epoch}/{self.epochs}" if self.epochs else signs.more) + mark, "dim"
        return (signs.waiting if self.wanted else "") + mark, "bold red" if mark else "dim"

    @property
    def width(self) -> int:
        """Of the longest text there can be."""
        some = len(f" {self.seeds}/{self.seeds}") + 1 if self.seeds > 1 else 0
        return max(len("99.9") + some, len("failed"), len(f"{self.epochs}/{self.epochs}") + bool(some))


class _Grid:
    """The study's cells: the second axis goes across, the first one, and any further ones, down; baselines below."""

    def __init__(self, planned: Sequence[Planned], todo: Mapping[str, Planned], signs: _Signs, encoding: str) -> None:
        self._signs = signs
        self._cells: dict[tuple[str, str], _Cell] = {}
        self._baselines: dict[str, _Cell] = {}
        self._of_trial: dict[str, list[_Cell]] = {}
        axes = next((list(item.trial.axes) for item in planned if item.trial.role == CELL), [])
        down, across = ([], axes) if len(axes) == 1 else ([*axes[:1], *axes[2:]], axes[1:2])

        def label(item: Planned, names: Sequence[str]) -> str:
            values = (item.trial.axes[name] for name in names)
            return _printable(", ".join("-" if value is None else str(value) for value in values), encoding)

        for item in planned:
            if item.trial.role == CELL:
                cell = self._cells.setdefault((label(item, down), label(item, across)), _Cell())
            else:
                cell = self._baselines.setdefault(item.trial.role, _Cell())
            cell.add(item, item.trial_id in todo)
            self._of_trial.setdefault(item.trial_id, []).append(cell)

        self._rows = list(dict.fromkeys(row for row, _ in self._cells))
        self._columns = {column: cell_len(column) for _, column in self._cells}
        for (_, column), cell in self._cells.items():
            self._columns[column] = max(self._columns[column], cell.width)
        self._margin = max(map(cell_len, self._rows), default=0) + 1
        names = [f"{', '.join(some)} {where}" for some, where in ((down, "down"), (across, "across")) if some]
        self._title = _printable(f"top-1 in %: {', '.join(names)}", encoding)
        self.width = max(cell_len(self._title), self._margin + sum(width + 1 for width in self._columns.values()))
        self.height = 2 + len(self._rows) + bool(self._baselines) + 1

    def note(self, event: Event, running: _Running | None) -> None:
        """Something other than an epoch happened to a trial; it is `running` now, or not."""
        for cell in self._of_trial.get(event.trial_id, ()):
            cell.running.pop(event.trial_id, None)
            if running:
                cell.running[event.trial_id] = running
            elif event.kind == "done":
                cell.top1.append(event.row["top1"])
            elif event.kind == "failed":
                cell.failed += 1

    def lines(self, colors: bool) -> list[Text]:
        """`height` lines, the last one empty, `width` wide; baselines may be wider."""
        means = [cell.mean for cell in (*self._cells.values(), *self._baselines.values()) if cell.mean is not None]
        low, high = min(means, default=0.0), max(means, default=0.0)

        def drawn(cell: _Cell, width: int = 0) -> tuple[str, str]:
            text, style = cell.text(self._signs)
            if cell.mean is not None and colors:
                style = RAMP[int((cell.mean - low) / (high - low or 1) * (len(RAMP) - 1) + 0.5)]
            return f"{text:^{width}}", style

        head = Text(" " * self._margin)
        for column, width in self._columns.items():
            head.append(_centered(column, width + 1))
        lines = [Text(self._title, style="dim"), head]
        for row in self._rows:
            line = Text(row + " " * (self._margin - cell_len(row)))
            for column, width in self._columns.items():
                cell = self._cells.get((row, column))
                line.append(*(drawn(cell, width + 1) if cell else (" " * (width + 1), "")))
            lines.append(line)
        if self._baselines:
            line = Text()
            for name, cell in self._baselines.items():
                line.append("  " if line else "").append(name.replace("_", " ") + " ").append(*drawn(cell))
            lines.append(line)
        return [*lines, Text()]


def _number(percent: float) -> str:
    """One decimal, four characters at most: what rounds to 100 has none."""
    return f"{percent:.1f}" if percent < 99.95 else "100"


def _sum(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    return a[0] + b[0], a[1] + b[1]


def _nulled(row: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no name for a number that is not finite."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in row.items()
    }


def _printable(text: str, encoding: str) -> str:
    """One line that any terminal of that encoding takes, and that does nothing to it."""
    line = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in " ".join(text.split()))
    return line.encode(encoding, "backslashreplace").decode(encoding)


def _centered(text: str, width: int) -> str:
    left = (width - cell_len(text)) // 2
    return " " * left + text + " " * (width - cell_len(text) - left)


def _fitted(text: Text, width: int, more: str) -> Text:
    """The line, or as much of it as fits, with a sign that it goes on."""
    if text.cell_len > width:
        text.truncate(max(width - len(more), 0), overflow="crop")
        text.append(more)
    return text
