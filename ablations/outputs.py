"""A study's files: the table as CSV and Markdown, provenance, and the figure; also while the sweep is going on."""

import csv
import io
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ablations import plan, ran, terminal
from ablations.claims import Claims
from ablations.driver import Event
from ablations.figures.context import Context
from ablations.plan import Planned
from ablations.ran import Ran
from ablations.store import Store
from ablations.study import CELL, Scale, Study, Trial
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
        asked: Ran,
        planned: Sequence[Planned],
        store: Store,
        claims: Claims,
        views: "Callable[[], Figure]",
    ) -> None:
        """views: draws what the augmentations do to the images, which are at hand now and not for a later report."""
        self.asked, self.context = asked, asked.context
        self.store, self._claims, self._views = store, claims, views
        self.planned = list(planned)
        self.problem = ""  # why the figure could not be drawn
        self._table = out / "results" / self.context.study / self.context.scale
        self._figure = out / "reports" / self.context.study / self.context.scale
        self._warm, self._changed, self._idle, self._next = False, False, False, time.monotonic() + EVERY
        from ablations import figures

        figures.settle(store.root / "cache")

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
        from ablations import frame, words
        from ablations.frame import replace_file

        self.planned = plan.refresh(self.planned, self.store, self._claims)
        csv_file, markdown, latex, about, run_file = (
            self._table.with_name(f"{self.context.scale}{end}")
            for end in (".csv", ".md", ".tex", ".provenance.csv", ran.END)
        )
        found = self.frame()
        verdicts = self._verdicts(found)
        try:
            frame.write(found, csv_file)
            replace_file(markdown, words.markdown(found, self.context, verdicts).encode())
            replace_file(latex, words.latex(found, self.context, verdicts).encode())
            replace_file(about, self._provenance().encode())
            replace_file(run_file, ran.dump(self.asked))
            return [csv_file, markdown, latex, about, run_file, *self._draw(found, verdicts)]
        except OSError as error:
            raise BadInput(
                f"{error.filename}: cannot be written: {error.strerror}; choose another folder with --out."
            ) from None

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
        from ablations import frame

        return frame.study_frame(list(self.context.axes), [item.record() for item in self.planned])

    def summary(self) -> str:
        """What was found, for the terminal."""
        from ablations import words

        found = self.frame()
        return words.summary(found, self.context, self._verdicts(found))

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
            figure = drawing()
            return figures.save(figure, stem) if figure is not None else []
        except OSError as error:
            raise BadInput(
                f"{error.filename}: cannot be written: {error.strerror}; choose another folder with --out."
            ) from None
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


def context(
    asked: Study, scale: Scale, trials: Sequence[Trial], title: str, images: int, overrides: Sequence[str]
) -> Context:
    """What captions say of the study.

    title: of the data set; images: how many it has to train on; overrides: what the command line changed, path=value.
    """
    recipes = [trial.recipe for trial in trials if trial.role == CELL]
    mirrored = {recipe.views.left == recipe.views.right for recipe in recipes}
    encoders = dict.fromkeys(
        recipe.encoder.name + (f" {recipe.encoder.width}x" if recipe.encoder.width > 1 else "") for recipe in recipes
    )
    return Context(
        study=asked.study,
        question=asked.question,
        paper=asked.paper,
        figure=asked.figure,
        scale=scale.scale,
        about=scale.about,
        stamp=scale.stamp,
        data=title,
        encoder=", ".join(encoders),
        epochs=tuple(sorted({recipe.schedule.epochs for recipe in recipes})),
        batch_size=tuple(sorted({recipe.schedule.batch_size for recipe in recipes})),
        seeds=len({recipe.seed for recipe in recipes}),
        views="symmetric"
        if mirrored == {True}
        else "asymmetric"
        if mirrored == {False}
        else "symmetric and asymmetric",
        overrides=tuple(overrides),
        axes={axis: asked.values(axis, scale.scale) for axis in asked.axes},
        labels={name: axis.label for name, axis in asked.axes.items() if axis.label},
        repeats=asked.repeats,
        images=images,
    )
