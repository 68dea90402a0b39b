"""Beyond the paper: learning curves of a few cells, from the best to the worst."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ablations.console.text import counted
from ablations.figures import style
from ablations.studies.info import Epochs, stamp
from ablations.studies.metrics import short
from ablations.tables.findings import Findings
from ablations.tables.frame import axes_of, cell_names, done_cells

MOST = 6  # cells
WIDTH, HEIGHT = 3.4, 2.8  # inches: the axes
LEFT, RIGHT, BELOW = 0.65, 0.15, 0.5
ABOVE, LINE = 0.35, 0.2  # a panel's title; a line of the legend
SHOWN = (("loss", "training loss"), ("accuracy", "accuracy of the training task (%)"))


def chosen(frame: pd.DataFrame, metric: str) -> dict[str, list[str]]:
    """At most MOST cells, spread evenly over the ranks of a metric from best to worst: name and value -> its trials."""
    axes, done = axes_of(frame), done_cells(frame)
    if done.empty:
        return {}
    cells = done.groupby(axes, sort=False, dropna=False).agg(value=(metric, "mean"), trials=("trial_id", list))
    cells = cells.reset_index().sort_values("value", ascending=False, kind="stable")
    ranks = sorted(set(np.linspace(0, len(cells) - 1, min(MOST, len(cells))).round().astype(int).tolist()))
    cells = cells.iloc[ranks]
    names = cell_names(cells, axes)
    return {
        f"{name} ({value:.1f})": trials
        for name, value, trials in zip(names, cells["value"], cells["trials"], strict=True)
    }


def draw(findings: Findings, epochs: Epochs) -> Figure | None:
    """epochs: the rows of a trial by trial_id: epoch, loss, accuracy. None where nothing was trained."""
    info = findings.info
    those = chosen(findings.frame, info.headline)
    rows = {name: [list(epochs(trial)) for trial in trials] for name, trials in those.items()}
    rows = {name: [trial for trial in trials if trial] for name, trials in rows.items()}
    rows = {name: trials for name, trials in rows.items() if trials}
    if not rows:
        return None
    across = 2 * (LEFT + WIDTH + RIGHT)
    legend = style.legend_lines(list(rows), across - LEFT)
    measured = "the linear probe's top-1" if info.labeled else short(info.headline)
    sentences = [
        f"At most {MOST} cells, spread evenly over the ranks of {measured} (behind the names).",
        "Thick: mean over seeds; thin: single seeds. Losses of different losses or temperatures do not compare.",
        f"{counted(info.seeds, 'seed')}; data: {info.data}; encoder: {info.encoder}.",
    ]
    page = style.Page(across + 2 * style.MARGIN, ABOVE + LINE * legend + HEIGHT + BELOW, info.question, sentences)
    colors = style.hues(list(rows))
    for i, (key, label) in enumerate(SHOWN):
        axes = page.axes(style.MARGIN + i * (LEFT + WIDTH + RIGHT) + LEFT, BELOW, WIDTH, HEIGHT)
        for name, trials in rows.items():
            for trial in trials:
                axes.plot(
                    [row["epoch"] for row in trial], [row[key] for row in trial], color=colors[name], linewidth=0.5
                )
            shortest = min(len(trial) for trial in trials)
            means = np.mean([[row[key] for row in trial[:shortest]] for trial in trials], axis=0)
            dot = "o" if shortest == 1 else None  # a line of one epoch would not be seen
            called = style.entry(name)
            axes.plot(range(1, shortest + 1), means, color=colors[name], linewidth=1.8, marker=dot, label=called)
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        if i == 0:
            style.legend_above(axes, across - LEFT)
    page.stamp(stamp(info), style.MARGIN + LEFT, BELOW, WIDTH, HEIGHT)
    return page.figure
