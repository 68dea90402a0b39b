"""A sweep's progress, for people and for machines: a live grid and bar, plain lines, JSON lines, or nothing."""

import contextlib
import json
import math
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Literal, TextIO

from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from ablations.console.text import duration
from ablations.studies.metrics import BRIEF, LABELED
from ablations.sweep.driver import Event
from ablations.sweep.grid import ASCII, Grid, Signs, printable
from ablations.sweep.pace import Pace, RunningTrial
from ablations.sweep.plan import Planned

Style = Literal["people", "json", "quiet"]
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
        headline: str = LABELED,
    ) -> None:
        """headline: the metric that is shown of what is done."""
        self._todo, self._parallel, self._style = todo, parallel, style
        self._stderr, self._stdout = stderr or sys.stderr, stdout or sys.stdout
        self._console = Console(file=self._stderr, highlight=False)
        self._signs = ASCII if self._console.options.ascii_only else Signs()
        self._grid = Grid(planned, todo, self._signs, self._console.encoding, headline)
        self._headline = headline
        self._times = Pace(todo, parallel)
        self._running: dict[str, RunningTrial] = {}
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
        """Take note of an event, and say it."""
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

    def complain(self, sentence: str) -> None:
        """Say on stderr, in every style, what is no trial's; stderr may be closed or full."""
        with contextlib.suppress(OSError):
            self._say(sentence, "red")

    def seconds_left(self) -> float | None:
        """Seconds left, from what this run's trials took so far, per unit of work; None before the first epoch."""
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
            self._running[trial_id] = RunningTrial(now, epochs)
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
        """A line to tell people for good; empty where there is nothing to tell."""
        label = self._todo[event.trial_id].trial.label
        head = f"[{self._ended}/{len(self._todo)}] {label}"
        if event.kind == "failed":
            return f"{head}: failed: {event.error}"
        if event.kind == "again":
            return f"{head}: will be tried again: {event.error}"
        if event.kind != "done":
            return ""
        left = self.seconds_left() if self._ended < len(self._todo) else None
        said = f"{head}: {BRIEF[self._headline]} {event.row[self._headline]:.1f} in {duration(event.row['seconds'])}"
        return said if left is None else f"{said}, {duration(left)} left"

    def _say(self, line: str, color: str = "") -> None:
        """Write a permanent line, above the live view where there is one."""
        line = printable(line, self._console.encoding)
        if self._live:
            self._console.print(Text(line, style=color), soft_wrap=True)
        else:
            self._stderr.write(f"{line}\n")
            self._stderr.flush()

    def _view(self) -> Group:
        """Lines that fit the terminal: the grid if all of it does, the bar, the trials that run."""
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
        """Lines for the trials that run, at most `room`."""
        room = max(min(room, LINES), 0)
        shown = len(self._running) if len(self._running) <= room else max(room - 1, 0)
        rows = []
        for trial_id, running in islice(self._running.items(), shown):
            rows.append((printable(self._todo[trial_id].trial.label, self._console.encoding), running.words))
        longest = max((cell_len(label) for label, _ in rows), default=0)
        lines = [Text(f"  {label}{' ' * (longest - cell_len(label))}  {words}", style="dim") for label, words in rows]
        if room and shown < len(self._running):
            lines.append(Text(f"  ... and {len(self._running) - shown} more", style="dim"))
        return lines


def _nulled(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with null for numbers that are not finite: JSON has no name for them."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in row.items()
    }


def _fitted(text: Text, width: int, more: str) -> Text:
    """A line cut to what fits, with a sign that it goes on."""
    if text.cell_len > width:
        text.truncate(max(width - len(more), 0), overflow="crop")
        text.append(more)
    return text
