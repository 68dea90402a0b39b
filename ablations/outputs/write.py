"""A study's files: the table as CSV and Markdown, provenance, and the figure; also while the sweep is going on."""

import contextlib
import csv
import io
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ablations.console.arguments import writable
from ablations.console.text import clean
from ablations.outputs import record as run_record
from ablations.outputs.paths import Paths
from ablations.outputs.record import RunRecord
from ablations.store.leases import Leases
from ablations.store.trials import Store
from ablations.sweep import plan
from ablations.sweep.driver import Event
from ablations.sweep.plan import Planned
from simclr_core.errors import BadInput

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ablations.tables.findings import Findings

EVERY = 10.0  # seconds between two drawings in mid-sweep, at least
SHARE = 0.02  # of the driver's time for drawing, at most


class Outputs:
    """Writes a study's files (see `ablations.outputs.paths`) under `out` from what the store has.

    findings: of the state last written; there is none before the first `write`.
    """

    findings: "Findings"

    def __init__(
        self,
        out: Path,
        asked: RunRecord,
        planned: Sequence[Planned],
        wanted: Collection[str],
        store: Store,
        leases: Leases,
        views: "Callable[[], Figure]",
    ) -> None:
        """planned: the whole study. wanted: by trial_id, the trials that the CSV tells of even where they are missing.

        views: draws what the augmentations do to the images, which are at hand now and not for a later report.
        """
        self.asked, self.context = asked, asked.context
        self.store, self._leases, self._views = store, leases, views
        self.planned, self._wanted = list(planned), frozenset(wanted)
        self.problems: list[str] = []  # of what was written last: what could not be made, a sentence each
        self._said: set[str] = set()
        self.paths = Paths(out, self.context.study, self.context.scale)
        self._warm, self._changed, self._idle, self._next = False, False, False, time.monotonic() + EVERY
        from ablations import figures

        figures.use_own_matplotlib_settings(store.cache)

    def follow(self, event: Event) -> list[str]:
        """Draw anew when cells have finished, now and then; what went wrong, in a sentence each, once in a sweep.

        Whatever it is, it ends no sweep: what is finished is in the store, and is written again at the end.
        """
        if event.kind in ("epoch", "done", "failed") and not self._warm:
            self._warm_up()
        if event.kind in ("done", "failed"):
            self._changed = self._idle = True
        elif event.kind == "started":
            self._idle = False
        # A worker that has just finished is given its next trial before we take a second to draw.
        if event.kind != "tick" or self._idle or not self._changed or time.monotonic() < self._next:
            return []
        began = time.monotonic()
        try:
            self.write()
        except Exception as error:
            self.problems.append(str(error) if isinstance(error, BadInput) else _failed("The table", error))
        ended = time.monotonic()
        self._changed, self._next = False, ended + max(EVERY, (ended - began) / SHARE)
        new = [problem for problem in dict.fromkeys(self.problems) if problem not in self._said]
        self._said.update(new)
        return new

    def write(self) -> list[Path]:
        """Write everything from the store's present state; the files written. The numbers first: nothing costs these.

        What cannot be made beside them is in `problems`. Raises BadInput where a file cannot be written.
        """
        from ablations.store.files import replace_file
        from ablations.tables import frame, render

        self.problems = []
        self.planned = plan.refresh(self.planned, self.store, self._leases)
        self.findings, paths = self._find(), self.paths
        with writable():
            rows, unasked = frame.asked(self.findings.frame, self._wanted)
            frame.write(rows, paths.table)
            replace_file(paths.provenance, self._provenance().encode())
            context = replace(self.asked.context, unasked=unasked)
            replace_file(paths.record, run_record.dump(replace(self.asked, context=context)))
        files = [paths.table, paths.provenance, paths.record]
        for path, rendered in ((paths.markdown, render.markdown), (paths.latex, render.latex)):
            with self._surviving(path.name), writable():
                replace_file(path, rendered(self.findings).encode())
                files.append(path)
        return files + self._drawn(self._draw, paths.figure())

    def finish(self) -> list[Path]:
        """`write`, and the figures beyond the paper's, which a sweep in progress does without."""
        files = self.write()
        seconds = {item.trial_id: item.result.seconds for item in self.planned if item.result}
        more: dict[str, Callable[[], Figure | None]] = {"views": self._views}
        with self._surviving("The figures beside it"):
            from ablations import figures

            more = {**figures.more(self.findings, seconds, self.store.epochs), **more}
        for name, drawing in more.items():
            files += self._drawn(drawing, self.paths.figure(name))
        return files

    def summary(self) -> str:
        """What was found, the state last written, for the terminal; empty, and in `problems`, where that fails."""
        from ablations.tables import render

        with self._surviving("The summary"):
            return render.summary(self.findings)
        return ""

    def _find(self) -> "Findings":
        """From the plan's present state; the paper's claims are judged where the figure shows them."""
        from ablations.tables.findings import Findings
        from ablations.tables.frame import study_frame

        rows, verdicts = study_frame(self.context.axes, [item.record() for item in self.planned]), None
        if self.context.figure.kind == "budget":
            from ablations.verdicts import budgets

            with self._surviving("The verdicts"):
                verdicts = budgets.table(budgets.judge(rows, self.context, self.store), self.context)
        return Findings(rows, self.context, verdicts)

    def _warm_up(self) -> None:
        """Load what tables and figures need in the background: whoever presses Ctrl-C does not wait for it then.

        Not before the first epoch is over: it would take its time from the first trial's start.
        """

        def warm_up() -> None:
            with contextlib.suppress(Exception):  # the drawing meets it again, and says so
                from ablations import figures

                figures.warm_up()

        self._warm = True
        threading.Thread(target=warm_up, daemon=True).start()

    def _draw(self) -> "Figure":
        from ablations import figures  # matplotlib takes a second to import, and --dry-run needs none

        return figures.draw(self.findings, self.store.outcomes)

    def _drawn(self, drawing: "Callable[[], Figure | None]", stem: Path) -> list[Path]:
        from ablations import figures

        with self._surviving(f"{stem.name}: the figure"):
            figure = drawing()
            with writable():
                return figures.save(figure, stem) if figure is not None else []
        return []

    @contextlib.contextmanager
    def _surviving(self, what: str) -> Iterator[None]:
        """Inside, whatever goes wrong costs what is made there alone; but BadInput passes: no file can be written."""
        try:
            yield
        except BadInput:
            raise
        except Exception as error:
            self.problems.append(_failed(what, error))

    def _provenance(self) -> str:
        """CSV: one row per done trial, on what and with what it ran."""
        done = [item for item in self.planned if item.result]
        keys = sorted({key for item in done if item.result for key in item.result.provenance})
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["role", *self.context.axes, "seed", "trial_id", *keys])
        for item in done:
            about = item.result.provenance if item.result else {}
            axes = ["" if value is None else value for value in item.trial.axes.values()]
            writer.writerow(
                [item.trial.role, *axes, item.trial.seed, item.trial_id, *(about.get(key, "") for key in keys)]
            )
        return text.getvalue()


def _failed(what: str, error: Exception) -> str:
    return f"{what} could not be made: {clean(f'{type(error).__name__}: {error}').rstrip('.')}."
