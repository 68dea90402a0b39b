"""Two values of an axis, compared in pairs: every pair's difference, and the mean with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ablations.figures import style

WIDTH, ROW = 5.2, 0.27  # inches: the axes, and a line of it
LEFT_MOST = 3.2  # inches that names may take
ABOVE, BELOW, RIGHT = 0.3, 0.5, 0.2
MOST = 30  # levels with a line of their own; of more, all share one


@dataclass(frozen=True)
class Mean:
    """y minus x over the balanced pairs, in points; low and high are None where there is no interval."""

    effect: float
    low: float | None
    high: float | None


def draw(
    pairs: pd.DataFrame, others: Sequence[str], mean: Mean, tie: float, title: str, caption: Sequence[str], stamp: str
) -> Figure:
    """pairs: as of compare.Pairing. others: axes that name a level. tie: half the band that counts as no difference."""
    rows = levels(pairs, others)
    longest = max(len(name) for name in (*rows, "mean"))
    left = min(LEFT_MOST, 0.15 + style.LABEL_CHARACTER * longest)
    height = ROW * (len(rows) + 2)
    page = style.Page(left + WIDTH + RIGHT + 2 * style.MARGIN, ABOVE + height + BELOW, title, caption)
    axes = page.axes(style.MARGIN + left, BELOW, WIDTH, height)
    draw_differences(axes, rows, mean, tie)
    axes.set_xlabel("difference (points)")
    page.stamp(stamp, style.MARGIN + left, BELOW, WIDTH, height)
    return page.figure


def levels(pairs: pd.DataFrame, others: Sequence[str]) -> dict[str, list[float]]:
    """The differences of each level, by what it is called; of very many levels all together."""
    if not others or pairs["level"].nunique() > MOST:
        return {"all pairs": pairs["difference"].tolist()}
    by_level = {}
    for _, group in pairs.groupby("level", sort=False):
        first = group.iloc[0]
        name = ", ".join(f"{other} {first[other]}" for other in others if not pd.isna(first[other]))
        by_level[name or "–"] = group["difference"].tolist()
    return by_level


def draw_differences(axes: Axes, rows: dict[str, list[float]], mean: Mean, tie: float) -> Axes:
    """A line of dots per level, the first on top, and below them the mean."""
    axes.axvspan(-tie, tie, color=style.ABSENT, linewidth=0)
    axes.axvline(0, color=style.INK, linewidth=0.8)
    for i, values in enumerate(rows.values()):
        axes.plot(values, [-i] * len(values), "o", color=style.COLORS[0], markersize=4, alpha=0.75)
        axes.plot([sum(values) / len(values)], [-i], "|", color=style.INK, markersize=11, markeredgewidth=1.2)
    bottom = -len(rows) - 0.5
    axes.axhline(-len(rows) + 0.25, color=style.MUTED, linewidth=0.5)
    if mean.low is not None and mean.high is not None:
        axes.errorbar(
            mean.effect, bottom + 0.25, xerr=[[mean.effect - mean.low], [mean.high - mean.effect]],
            fmt="D", color=style.COLORS[1], markersize=6, linewidth=1.6, capsize=4,
        )  # fmt: skip
    else:
        axes.plot([mean.effect], [bottom + 0.25], "D", color=style.COLORS[1], markersize=6)
    axes.set_ylim(bottom - 0.4, 0.7)
    axes.margins(x=0.06)
    axes.set_yticks([*(-i for i in range(len(rows))), bottom + 0.25], [*rows, "mean"])
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    return axes
