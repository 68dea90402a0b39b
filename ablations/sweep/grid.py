"""The study's cells as lines of a terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.text import Text

from ablations.studies.metrics import BRIEF, LABELED
from ablations.studies.model import CELL
from ablations.sweep.driver import Event
from ablations.sweep.pace import RunningTrial
from ablations.sweep.plan import Planned

# Steps of viridis, as the figures, with the text color that reads best on each (WCAG contrast of 4.5 at least).
RAMP = (
    "#ffffff on #440154", "#ffffff on #46327e", "#ffffff on #365c8d", "#000000 on #277f8e",
    "#000000 on #1fa187", "#000000 on #4ac16d", "#000000 on #a0da39", "#000000 on #fde725",
)  # fmt: skip


@dataclass(frozen=True)
class Signs:
    waiting: str = "·"
    failed: str = "✗"
    more: str = "…"
    full: str = "━"
    rest: str = "─"


ASCII = Signs(".", "x", "...", "#", "-")


@dataclass
class GridCell:
    """A square of the grid, or a baseline, with all its seeds."""

    seeds: int = 0
    wanted: int = 0  # of them, to be trained in this run
    failed: int = 0
    epochs: int = 0
    values: list[float] = field(default_factory=list)  # the headline metric of those done
    running: dict[str, RunningTrial] = field(default_factory=dict)

    def add(self, item: Planned, wanted: bool, headline: str) -> None:
        """Count one more seed."""
        self.seeds += 1
        self.wanted += wanted
        self.failed += item.status == "failed" and not wanted
        self.epochs = max(self.epochs, item.trial.recipe.schedule.epochs)
        if item.result is not None:
            self.values.append(item.result.metrics[headline])

    @property
    def mean(self) -> float | None:
        return sum(self.values) / len(self.values) if self.values else None

    def text(self, signs: Signs) -> tuple[str, str]:
        """Text and style: the mean over finished seeds, how far it is, or why there is nothing."""
        mark = signs.failed if self.failed else ""
        if self.mean is not None:
            part = f" {len(self.values)}/{self.seeds}" if len(self.values) < self.seeds else ""
            return _number(self.mean) + part + mark, ""
        if self.failed == self.seeds:
            return "failed", "bold red"
        if self.running:
            epoch = max(one.epoch for one in self.running.values())
            return (f"{epoch}/{self.epochs}" if self.epochs else signs.more) + mark, "dim"
        return (signs.waiting if self.wanted else "") + mark, "bold red" if mark else "dim"

    @property
    def width(self) -> int:
        """Width of the longest text there can be."""
        some = len(f" {self.seeds}/{self.seeds}") + 1 if self.seeds > 1 else 0
        return max(len("99.9") + some, len("failed"), len(f"{self.epochs}/{self.epochs}") + bool(some))


class Grid:
    """The study's cells: the second axis goes across, the first one, and any further ones, down; baselines below."""

    def __init__(
        self,
        planned: Sequence[Planned],
        todo: Mapping[str, Planned],
        signs: Signs,
        encoding: str,
        headline: str = LABELED,
    ) -> None:
        self._signs, self._headline = signs, headline
        self._cells: dict[tuple[str, str], GridCell] = {}
        self._baselines: dict[str, GridCell] = {}
        self._of_trial: dict[str, list[GridCell]] = {}
        axes = next((list(item.trial.axes) for item in planned if item.trial.role == CELL), [])
        down, across = ([], axes) if len(axes) == 1 else ([*axes[:1], *axes[2:]], axes[1:2])

        def label(item: Planned, names: Sequence[str]) -> str:
            values = (item.trial.axes[name] for name in names)
            return printable(", ".join("-" if value is None else str(value) for value in values), encoding)

        for item in planned:
            if item.trial.role == CELL:
                cell = self._cells.setdefault((label(item, down), label(item, across)), GridCell())
            else:
                cell = self._baselines.setdefault(item.trial.role, GridCell())
            cell.add(item, item.trial_id in todo, headline)
            self._of_trial.setdefault(item.trial_id, []).append(cell)

        self._rows = list(dict.fromkeys(row for row, _ in self._cells))
        self._columns = {column: cell_len(column) for _, column in self._cells}
        for (_, column), cell in self._cells.items():
            self._columns[column] = max(self._columns[column], cell.width)
        self._margin = max(map(cell_len, self._rows), default=0) + 1
        names = [f"{', '.join(some)} {where}" for some, where in ((down, "down"), (across, "across")) if some]
        self._title = printable(f"{BRIEF[headline]} in %: {', '.join(names)}", encoding)
        self.width = max(cell_len(self._title), self._margin + sum(width + 1 for width in self._columns.values()))
        self.height = 2 + len(self._rows) + bool(self._baselines) + 1

    def note(self, event: Event, running: RunningTrial | None) -> None:
        """Take note of an event other than an epoch; the trial is `running` now, or not."""
        for cell in self._of_trial.get(event.trial_id, ()):
            cell.running.pop(event.trial_id, None)
            if running:
                cell.running[event.trial_id] = running
            elif event.kind == "done":
                cell.values.append(event.row[self._headline])
            elif event.kind == "failed":
                cell.failed += 1

    def lines(self, colors: bool) -> list[Text]:
        """Lines of the grid: `height` of them, the last one empty, `width` wide; baselines may be wider."""
        means = [cell.mean for cell in (*self._cells.values(), *self._baselines.values()) if cell.mean is not None]
        low, high = min(means, default=0.0), max(means, default=0.0)

        def drawn(cell: GridCell, width: int = 0) -> tuple[str, str]:
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
    """A percentage in four characters at most: one decimal, and none for what rounds to 100."""
    return f"{percent:.1f}" if percent < 99.95 else "100"


def printable(text: str, encoding: str) -> str:
    """Text on one line that any terminal of that encoding takes, and that does nothing to it."""
    line = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in " ".join(text.split()))
    return line.encode(encoding, "backslashreplace").decode(encoding)


def _centered(text: str, width: int) -> str:
    left = (width - cell_len(text)) // 2
    return " " * left + text + " " * (width - cell_len(text) - left)
