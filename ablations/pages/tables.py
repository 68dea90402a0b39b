"""Tables as a page shows and sorts them: texts, each with what it is sorted by."""

import re
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ablations.outputs.read import StudyOutputs
from ablations.studies.info import StudyInfo
from ablations.studies.metrics import label, text
from ablations.studies.plot import METRIC
from ablations.tables.frame import axes_of
from ablations.tables.render import map_layout


@dataclass(frozen=True)
class TableCell:
    """A cell of a table: what is shown, and what it is sorted by: a number, a text, or None, which comes last."""

    text: str
    key: float | str | None


@dataclass(frozen=True)
class Table:
    columns: list[str]
    rows: list[list[TableCell]]

    @property
    def numeric(self) -> list[bool]:
        """Whether each column has numbers."""
        return [any(isinstance(row[i].key, float) for row in self.rows) for i in range(len(self.columns))]


def texts(table: pd.DataFrame) -> Table:
    """A table of texts; "53.7 ± 3.0" and "98.0 (91.6 to 100.0)" are sorted by their first number."""
    rows = [[TableCell(str(value), _key(str(value))) for value in row] for row in table.itertuples(index=False)]
    return Table([str(column) for column in table.columns], rows)


def reading(info: StudyInfo) -> str:
    """How the study's table is laid out, in words."""
    plot = info.figure
    measured = "; ".join(label(metric) for metric in plot.metrics)
    across = info.named(plot.x or "") if plot.kind == "bars" else METRIC
    if plot.kind == "budget":
        return "claims of the paper, and levels, down; image pairs that a cell is trained on across"
    if plot.kind == "pairs":
        return f"{measured}; {map_layout(info)}; mean over seeds"
    return f"{measured}; {across} across; mean over seeds, ± half a 95% interval where there are several"


def _key(shown: str) -> float | str | None:
    if shown in ("–", "×", ""):
        return None
    number = re.fullmatch(r"([-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)(?: [±(].*)?", shown)
    return float(number[1]) if number else shown


def trials(material: StudyOutputs) -> Table:
    """A row per trial: axes, seed, status, every metric that any has, seconds, trial_id."""
    frame, info = material.findings.frame, material.findings.info
    axes, metrics = axes_of(frame), list(frame.columns[frame.columns.get_loc("trial_id") + 1 :])
    metrics = [metric for metric in metrics if frame[metric].notna().any()]
    columns = ["role", *map(info.named, axes), "seed", "status", *map(label, metrics), "seconds", "trial"]
    seconds, rows = material.seconds, []
    for _, row in frame.iterrows():
        plain = [row["role"], *(row[axis] for axis in axes), row["seed"], row["status"]]
        took = seconds.get(str(row["trial_id"]))
        rows.append(
            [
                *(
                    TableCell("–", None) if pd.isna(value) else TableCell(str(value), _key(str(value)))
                    for value in plain
                ),
                *(number(row[metric], metric) for metric in metrics),
                TableCell("–", None) if took is None else TableCell(f"{took:.1f}", took),
                TableCell(str(row["trial_id"]), str(row["trial_id"])),
            ]
        )
    return Table(columns, rows)


def number(value: Any, metric: str) -> TableCell:
    """With the metric's digits; sorted by all of them."""
    if pd.isna(value):
        return TableCell("–", None)
    return TableCell(str(value) if isinstance(value, int) else text(float(value), metric), float(value))
