"""Beyond the paper: what a pair adds to the better of its parts, and what the order does; ours above the paper's."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from ablations.figures import style
from ablations.stats.intervals import Pooled
from ablations.studies.info import StudyInfo, stamp
from ablations.studies.metrics import short
from ablations.tables.findings import Findings
from ablations.tables.pairs import is_square, order_table, synergy_table

CELL, ABOVE, GAP, BAR, SCALE = 0.5, 0.4, 0.5, 0.16, 0.9  # inches
LARGEST = 14  # names, beyond which cells would not hold their numbers


def draw(findings: Findings) -> Figure | None:
    """Draw the maps; None where first and second do not take the same values, or take too many."""
    info, table = findings.info, findings.pairs
    if not is_square(table) or len(table) > LARGEST:
        return None
    rows = [(side.pairs, title) for title, side in findings.sides.items()]
    longest = max(len(str(name)) for name in table.index)
    names, below = 0.5 + style.LABEL_CHARACTER * longest, 0.5 + 0.75 * style.LABEL_CHARACTER * longest
    side = CELL * max(len(row) for row, _ in rows)
    width = 2 * (names + side) + GAP + SCALE + BAR + 2 * style.MARGIN
    height = ABOVE + side + below
    page = style.Page(width, height * len(rows), info.question, _caption(info, findings.spread))
    for i, (pairs, title) in enumerate(rows):
        bottom = height * (len(rows) - 1 - i) + below + side - CELL * len(pairs)
        panels = [("synergy", synergy_table(pairs)), ("order", order_table(pairs))]
        limit = _limit([values for _, values in panels])
        left = style.MARGIN + names
        for name, values in panels:
            axes = page.axes(left, bottom, CELL * len(pairs), CELL * len(pairs))
            draw_differences(axes, values, pairs.isna() if name == "synergy" else pairs.isna() | pairs.isna().T, limit)
            axes.set_title(style.fitted(f"{name}; {title}", side + names), loc="left", pad=8)
            axes.set_ylabel(info.named("first"))
            axes.set_xlabel(info.named("second"))
            left += side + names + GAP
        bar = page.axes(left - names - GAP + SCALE, bottom, BAR, CELL * len(pairs))
        colors = ScalarMappable(Normalize(-limit, limit), style.DIVERGING)
        page.figure.colorbar(colors, cax=bar, ticklocation="left").set_label("points")
    page.stamp(stamp(info), style.MARGIN + names, height * (len(rows) - 1) + below, side, side)
    return page.figure


def draw_differences(axes: Axes, values: pd.DataFrame, absent: pd.DataFrame, limit: float) -> Axes:
    """Differences in points, white at zero; gray where there is none by nature, hatched where a cell is missing."""
    sns.heatmap(
        values, ax=axes, annot=True, fmt="+.1f", cbar=False, cmap=style.DIVERGING, vmin=-limit, vmax=limit,
        linewidths=0.5, linecolor="white", annot_kws={"size": style.NUMBER_SIZE},
    )  # fmt: skip
    axes.set_facecolor(style.ABSENT)
    for row, column in np.argwhere((values.isna() & absent).to_numpy()):
        style.absent(axes, column + 0.02, row + 0.02, 0.96, 0.96, failed=False)
    axes.tick_params(length=0)
    axes.tick_params(axis="x", labelrotation=45)
    axes.tick_params(axis="y", labelrotation=0)
    for label in axes.get_xticklabels():
        label.set(ha="right", rotation_mode="anchor")
    return axes


def _limit(tables: Sequence[pd.DataFrame]) -> float:
    """The largest difference, either way; one point while there is none."""
    values = np.abs(np.concatenate([table.to_numpy().ravel() for table in tables]))
    return float(np.nanmax(values)) if np.isfinite(values).any() else 1.0


def _caption(info: StudyInfo, spread: Pooled) -> list[str]:
    seeds = info.seeds
    said = (
        f"One seed of one cell deviates by {spread.sd:.1f} points (pooled, {spread.df} df), so the difference of two "
        f"cells of {seeds} seed{'' if seeds == 1 else 's'} by {spread.sd * np.sqrt(2 / seeds):.1f}."
        if spread.df
        else "With one seed the deviation between seeds is unknown: small differences say nothing."
    )
    measured = "linear probe top-1" if info.labeled else short(info.headline)
    return [
        f"Synergy: {measured} of the pair minus that of the better of its two transformations alone.",
        "Order: first > second minus second > first.",
        "The better of two noisy singles is picked, which pulls synergy down a little.",
        said,
        f"Data: {info.data}; encoder: {info.encoder}.",
    ]
