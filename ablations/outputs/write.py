"""A study's files: the table as CSV and Markdown, provenance, and the figure; also while the sweep is going on."""

import csv
import io
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ablations.console import terminal
from ablations.console.arguments import writable
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
        self.problem = ""  # why the figure could not be drawn
        self.paths = Paths(out, self.context.study, self.context.scale)
        self._warm, self._changed, self._idle, self._next = False, False, False, time.monotonic() + EVERY
        from ablations import figures

        figures.use_own_matplotlib_settings(store.cache)

    def follow(self, event: Event) -> None:
        """Draw anew when cells have finished, now and then. A failure to draw ends no sweep: it is said on stderr."""
        if event.kind in ("epoch", "done", "failed") and not self._warm:
            self._warm_up()
        if event.kind in ("done", "failed"):
            self._changed = self._idle = True
        elif event.kind == "started":
            self._idle = False
        # A worker that has just finished is given its next trial before we take a second to draw.
        if event.kind != "tick" or self._idle or not self._changed or time.monotonic() < self._next:
            return
        began = time.monotonic()
        try:
            self.write()
        except BadInput as error:
            self._complain(str(error))
        ended = time.monotonic()
        self._changed, self._next = False, ended + max(EVERY, (ended - began) / SHARE)

    def write(self) -> list[Path]:
        """Write everything from the store's present state; the files written. Raises BadInput where that fails."""
        from ablations.store.files import replace_file
        from ablations.tables import frame, render

        self.planned = plan.refresh(self.planned, self.store, self._leases)
        self.findings, paths = self._find(), self.paths
        with writable():
            rows, unasked = frame.asked(self.findings.frame, self._wanted)
            asked = replace(self.asked, context=replace(self.context, unasked=unasked))
            frame.write(rows, paths.table)
            replace_file(paths.markdown, render.markdown(self.findings).encode())
            replace_file(paths.latex, render.latex(self.findings).encode())
            replace_file(paths.provenance, self._provenance().encode())
            replace_file(paths.record, run_record.dump(asked))
            return [paths.table, paths.markdown, paths.latex, paths.provenance, paths.record, *self._draw()]

    def finish(self) -> list[Path]:
        """`write`, and the figures beyond the paper's, which a sweep in progress does without."""
        from ablations import figures

        files = self.write()
        seconds = {item.trial_id: item.result.seconds for item in self.planned if item.result}
        more = figures.more(self.findings, seconds, self.store.epochs)
        for name, drawing in {**more, "views": self._views}.items():
            files += self._drawn(drawing, self.paths.figure(name))
        return files

    def summary(self) -> str:
        """What was found, for the terminal: the state last written."""
        from ablations.tables import render

        return render.summary(self.findings)

    def _find(self) -> "Findings":
        """From the plan's present state; the paper's claims are judged where the figure shows them."""
        from ablations.tables.findings import Findings
        from ablations.tables.frame import study_frame

        rows, verdicts = study_frame(self.context.axes, [item.record() for item in self.planned]), None
        if self.context.figure.kind == "budget":
            from ablations.verdicts import budgets

            verdicts = budgets.table(budgets.judge(rows, self.context, self.store), self.context)
        return Findings(rows, self.context, verdicts)

    def _warm_up(self) -> None:
        """Load what tables and figures need in the background: whoever presses Ctrl-C does not wait for it then.

        Not before the first epoch is over: it would take its time from the first trial's start.
        """
        from ablations import figures

        self._warm = True
        threading.Thread(target=figures.warm_up, daemon=True).start()

    def _draw(self) -> list[Path]:
        from ablations import figures  # matplotlib takes a second to import, and --dry-run needs none

        self.problem = ""
        return self._drawn(lambda: figures.draw(self.findings, self.store.outcomes), self.paths.figure())

    def _drawn(self, drawing: "Callable[[], Figure | None]", stem: Path) -> list[Path]:
        from ablations import figures

        try:
            with writable():
                figure = drawing()
                return figures.save(figure, stem) if figure is not None else []
        except BadInput:
            raise
        except Exception as error:  # whatever is wrong with a drawing must not cost the trials
            self._complain(f"{stem.name}: the figure could not be drawn: {type(error).__name__}: {error}.")
            return []

    def _complain(self, sentence: str) -> None:
        self.problem = sentence
        terminal.complain(sentence)

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
