"""Tables as a page shows and sorts them: texts, each with what it is sorted by."""

import re
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ablations.figures.context import Context
from ablations.frame import axes_of
from ablations.material import Material
from ablations.measures import label, text
from ablations.plot import METRIC


@dataclass(frozen=True)
class Cell:
    """Of a table: what is shown, and what it is sorted by: a number, a text, or None, which comes last."""

    text: str
    key: float | str | None


@dataclass(frozen=True)
class Table:
    columns: list[str]
    rows: list[list[Cell]]

    @property
    def numeric(self) -> list[bool]:
        """Of each column, whether it has numbers."""
        return [any(isinstance(row[i].key, float) for row in self.rows) for i in range(len(self.columns))]


def texts(table: pd.DataFrame) -> Table:
    """A table of texts; "53.7 ± 3.0" is sorted as 53.7, a dash or a cross as nothing."""
    rows = [[Cell(str(value), _key(str(value))) for value in row] for row in table.itertuples(index=False)]
    return Table([str(column) for column in table.columns], rows)


def reading(context: Context) -> str:
    """How the study's table is laid out."""
    plot = context.figure
    measured = "; ".join(label(metric) for metric in plot.metrics)
    across = context.named(plot.x or "") if plot.kind == "bars" else METRIC
    if plot.kind == "budget":
        return "claims of the paper, and levels, down; image pairs that a cell is trained on across"
    if plot.kind == "pairs":
        return f"{measured}; first transformation down, second across; mean over seeds"
    return f"{measured}; {across} across; mean over seeds, ± half a 95% interval where there are several"


def _key(shown: str) -> float | str | None:
    if shown in ("–", "×", ""):
        return None
    number = re.fullmatch(r"([-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)(?: ± .*)?", shown)
    return float(number[1]) if number else shown


def trials(material: Material) -> Table:
    """A row per trial: axes, seed, status, every metric that any has, seconds, trial_id."""
    frame, context = material.frame, material.ran.context
    axes, metrics = axes_of(frame), list(frame.columns[frame.columns.get_loc("trial_id") + 1 :])
    metrics = [metric for metric in metrics if frame[metric].notna().any()]
    columns = ["role", *map(context.named, axes), "seed", "status", *map(label, metrics), "seconds", "trial"]
    seconds, rows = material.seconds, []
    for _, row in frame.iterrows():
        plain = [row["role"], *(row[axis] for axis in axes), row["seed"], row["status"]]
        took = seconds.get(str(row["trial_id"]))
        rows.append(
            [
                *(Cell("–", None) if pd.isna(value) else Cell(str(value), _key(str(value))) for value in plain),
                *(number(row[metric], metric) for metric in metrics),
                Cell("–", None) if took is None else Cell(f"{took:.1f}", took),
                Cell(str(row["trial_id"]), str(row["trial_id"])),
            ]
        )
    return Table(columns, rows)


def number(value: Any, metric: str) -> Cell:
    """With the metric's digits; sorted by all of them."""
    if pd.isna(value):
        return Cell("–", None)
    return Cell(str(value) if isinstance(value, int) else text(float(value), metric), float(value))
