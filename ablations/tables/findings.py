"""All that one study's frame says, each thing derived once: tables, captions, figures and pages read it here. Pure."""

from dataclasses import asdict, dataclass
from functools import cached_property

import pandas as pd

from ablations.stats.agreement import Agreement
from ablations.stats.intervals import Pooled
from ablations.studies.info import StudyInfo
from ablations.tables.budgets import LEVEL, budgets, cut, first_held, judged, lines_of_cells, lines_of_map, repeated
from ablations.tables.cells import Gaps, baselines, cell_table, choices, gaps, long_table, seed_spread
from ablations.tables.pairs import pair_failed, pair_table, paper_agreement
from ablations.tables.published import Published, as_ours, published


@dataclass(frozen=True)
class Findings:
    """A study's frame, what is known of the study, and what follows from both, derived when it is first asked for.

    verdicts: of a figure of kind budget, one row per claim and budget: claim, epochs, outcome; else None. Tables are
    handed out as they are kept: nobody changes them. Accuracies are percent.
    """

    frame: pd.DataFrame
    info: StudyInfo
    verdicts: pd.DataFrame | None = None

    @cached_property
    def done(self) -> pd.DataFrame:
        """The frame's rows with numbers, baselines among them."""
        return self.frame[self.frame["status"] == "done"]

    @cached_property
    def per_seed(self) -> pd.DataFrame:
        """One row per cell, metric and seed: see `long_table`."""
        return long_table(self.frame, self.info.figure)

    @cached_property
    def cells(self) -> pd.DataFrame:
        """One row per cell and metric: see `cell_table`."""
        return cell_table(self.per_seed)

    @cached_property
    def spread(self) -> Pooled:
        """The deviation between seeds of the figure's first metric."""
        return seed_spread(self.per_seed, self.info.figure.metrics[0])

    @cached_property
    def choices(self) -> pd.DataFrame:
        """The best values of the axes that the figure tunes: see `choices`."""
        return choices(self.frame, self.info.figure)

    @cached_property
    def baselines(self) -> dict[str, dict[str, float]]:
        """Metric of the figure, or the headline -> each baseline's mean by name: see `baselines`."""
        return {metric: baselines(self.frame, metric) for metric in (self.info.headline, *self.info.figure.metrics)}

    @cached_property
    def gaps(self) -> Gaps:
        """How many cells have no number, or fewer seeds than the study asks for."""
        return gaps(self.frame, self.info.seeds)

    # The paper's numbers

    @cached_property
    def paper(self) -> Published | None:
        """What the paper prints for the study; None where it prints nothing."""
        return published(self.info.paper)

    @cached_property
    def theirs(self) -> "Findings | None":
        """The paper's numbers, to go through the same tables and figures; None where it prints none."""
        return Findings(self.paper.frame, as_ours(self.paper, self.info)) if self.paper else None

    @property
    def sides(self) -> dict[str, "Findings"]:
        """What a figure lays side by side, by title: this run's, and the paper's where there is something."""
        papers = {f"paper: {self.paper.setting}": self.theirs} if self.paper and self.theirs else {}
        return {self.info.title: self, **papers}

    # A map of pairs

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """Mean of the headline metric, first axis down, second across: see `pair_table`."""
        return pair_table(self.frame, self.info.axes, self.info.headline)

    @cached_property
    def failed_pairs(self) -> pd.DataFrame:
        """Map of the shape of `pairs`: True where a seed failed and none is done."""
        return pair_failed(self.frame, self.info.axes)

    @cached_property
    def papers_map(self) -> pd.DataFrame | None:
        """The paper's map of pairs, where it prints one to lay beside this study's."""
        maps = self.info.figure.hue is None and self.paper is not None and self.paper.row_average is not None
        return self.theirs.pairs if maps and self.theirs else None

    @cached_property
    def agreement(self) -> list[tuple[str, Agreement]]:
        """Rank agreement of the map with the paper's: see `paper_agreement`; empty where it prints none."""
        return [] if self.papers_map is None else paper_agreement(self.pairs, self.papers_map)

    # A study repeated at several training budgets

    @cached_property
    def budgets(self) -> dict[int, int]:
        """Number of epochs -> image pairs that a cell is trained on, ascending."""
        return budgets(self.info)

    @cached_property
    def at_budget(self) -> dict[int, "Findings"]:
        """Number of epochs -> the findings of the repeated study there."""
        about = repeated(self.info)
        return {epochs: Findings(cut(self.frame, self.info, epochs), about) for epochs in self.budgets}

    @cached_property
    def levels(self) -> pd.DataFrame:
        """One row per line of the figure and budget: name, hue, epochs, mean, low, high.

        mean: of the headline over seeds, NaN where cells are missing. low, high: its 95% interval, NaN for none; how
        seeds differ is judged from all cells of one budget.
        """
        hue = self.info.figure.hue
        rows = [
            (name, color, epochs, *level)
            for epochs, here in self.at_budget.items()
            for name, color, *level in (
                lines_of_cells(here.cells, hue) if hue else lines_of_map(here.cells, here.pairs, here.info.composed)
            )
        ]
        return pd.DataFrame(rows, columns=["name", "hue", "epochs", *LEVEL])

    @cached_property
    def agreements(self) -> pd.DataFrame:
        """Rank agreement at every budget whose map is complete: epochs, over, rho, p, low, high."""
        theirs = self.papers_map
        maps = {} if theirs is None else {epochs: here.pairs for epochs, here in self.at_budget.items()}
        rows = [
            {"epochs": epochs, "over": over, **asdict(one)}
            for epochs, ours in maps.items()
            for over, one in paper_agreement(ours, theirs)
        ]
        return pd.DataFrame(rows, columns=["epochs", "over", "rho", "p", "low", "high"])

    @cached_property
    def judged(self) -> dict[str, pd.DataFrame]:
        """Claim -> its rows of `verdicts` at the budgets at which it is judged, ascending."""
        return {} if self.verdicts is None else judged(self.verdicts)

    @cached_property
    def first_held(self) -> dict[str, int | None]:
        """Claim -> the number of epochs at which it first holds; None where it does not."""
        return first_held(self.judged)
