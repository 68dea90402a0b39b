"""A study's files: the table as CSV and Markdown, provenance, and the figure; also while the sweep is going on."""

import csv
import io
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ablations.console import terminal
from ablations.console.arguments import writable
from ablations.outputs import record as run_record
from ablations.outputs.record import RunRecord
from ablations.store.leases import Leases
from ablations.store.trials import Store
from ablations.sweep import plan
from ablations.sweep.driver import Event
from ablations.sweep.plan import Planned
from simclr_core.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

EVERY = 10.0  # seconds between two drawings in mid-sweep, at least
SHARE = 0.02  # of the driver's time for drawing, at most


class Outputs:
    """Writes results/<study>/<scale>.* and reports/<study>/<scale>.* under `out` from what the store has."""

    def __init__(
        self,
        out: Path,
        asked: RunRecord,
        planned: Sequence[Planned],
        store: Store,
        leases: Leases,
        views: "Callable[[], Figure]",
    ) -> None:
        """views: draws what the augmentations do to the images, which are at hand now and not for a later report."""
        self.asked, self.context = asked, asked.context
        self.store, self._leases, self._views = store, leases, views
        self.planned = list(planned)
        self.problem = ""  # why the figure could not be drawn
        self._table = out / "results" / self.context.study / self.context.scale
        self._figure = out / "reports" / self.context.study / self.context.scale
        self._warm, self._changed, self._idle, self._next = False, False, False, time.monotonic() + EVERY
        from ablations import figures

        figures.use_own_matplotlib_settings(store.root / "cache")

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
        csv_file, markdown, latex, about, run_file = (
            self._table.with_name(f"{self.context.scale}{end}")
            for end in (".csv", ".md", ".tex", ".provenance.csv", run_record.END)
        )
        found = self.frame()
        verdicts = self._verdicts(found)
        with writable():
            frame.write(found, csv_file)
            replace_file(markdown, render.markdown(found, self.context, verdicts).encode())
            replace_file(latex, render.latex(found, self.context, verdicts).encode())
            replace_file(about, self._provenance().encode())
            replace_file(run_file, run_record.dump(self.asked))
            return [csv_file, markdown, latex, about, run_file, *self._draw(found, verdicts)]

    def finish(self) -> list[Path]:
        """`write`, and the figures beyond the paper's, which a sweep in progress does without."""
        from ablations import figures

        files, found = self.write(), self.frame()
        seconds = {item.trial_id: item.result.seconds for item in self.planned if item.result}
        more = figures.more(found, self.context, seconds, self.store.epochs)
        for name, drawing in {**more, "views": self._views}.items():
            stem = self._figure.with_name(f"{self.context.scale}-{name}")
            files += self._drawn(drawing, stem)
        return files

    def frame(self) -> "pd.DataFrame":
        """The study frame of the state last written."""
        from ablations.tables import frame

        return frame.study_frame(list(self.context.axes), [item.record() for item in self.planned])

    def summary(self) -> str:
        """What was found, for the terminal."""
        from ablations.tables import render

        found = self.frame()
        return render.summary(found, self.context, self._verdicts(found))

    def _verdicts(self, found: "pd.DataFrame") -> "pd.DataFrame | None":
        """The paper's claims at each training budget, where the figure shows them."""
        if self.context.figure.kind != "budget":
            return None
        from ablations.verdicts import budgets

        return budgets.table(budgets.judge(found, self.context, self.store), self.context)

    def _warm_up(self) -> None:
        """Load what tables and figures need in the background: whoever presses Ctrl-C does not wait for it then.

        Not before the first epoch is over: it would take its time from the first trial's start.
        """
        from ablations import figures

        self._warm = True
        threading.Thread(target=figures.warm_up, daemon=True).start()

    def _draw(self, found: "pd.DataFrame", verdicts: "pd.DataFrame | None") -> list[Path]:
        from ablations import figures  # matplotlib takes a second to import, and --dry-run needs none

        self.problem = ""
        return self._drawn(lambda: figures.draw(found, self.context, self.store.outcomes, verdicts), self._figure)

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
