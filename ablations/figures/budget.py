"""Budgets at which things come true: levels of the cells, rank agreement with the paper's map, and claims."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from math import log10
from textwrap import shorten

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from matplotlib.transforms import ScaledTranslation, Transform
from numpy.typing import NDArray

from ablations.console.text import counted
from ablations.figures import style
from ablations.studies.info import stamp
from ablations.studies.metrics import label, text
from ablations.tables.budgets import FAILS, HOLDS, OPEN, UNDECIDED
from ablations.tables.captions import caption
from ablations.tables.findings import Findings
from ablations.tables.frame import axis_array

NARROWEST, WIDEST = 4.4, 8.0  # inches: the axes
EDGE, TICK = 0.35, 0.15  # beyond the first and the last budget; between the names of two budgets, at least
LEFT, NAMES = 0.75, 0.15  # the scale at the left of the axes; from them to the names at their right
TITLE, BELOW = 0.35, 0.6  # a panel's title; under the last panel
LEVELS, RHO, ROW = 2.3, 1.5, 0.27  # heights of the panels; of one claim
LINE = 0.19  # of a legend; a row of p values
LONGEST = 48  # characters of a claim
OVER = ("all cells", "those without crop")  # what rank agreement is of
SAMPLE = 6 * " "  # as long as what stands before a name in a legend
APART = 4.5  # points between those of one budget, whose intervals would cover each other
MARKS = {  # marker, color, whether it is filled: told apart without color
    HOLDS: ("o", style.COLORS[2], True),
    UNDECIDED: ("D", style.COLORS[4], False),
    FAILS: ("X", style.COLORS[1], True),
    OPEN: ("o", "#b0b0b0", False),
}


def draw(findings: Findings) -> Figure:
    """Draw levels; below them rank agreement, where the paper has such a map, and claims, where judged."""
    info, shown, pairs = findings.info, findings.levels, findings.budgets
    lines, claims = [*dict.fromkeys(shown["name"])], [*findings.judged]
    width = _width([*pairs.values()])
    named = _named([*pairs.values()], width)
    metric = info.headline
    untrained = findings.baselines[metric].get("untrained", np.nan)
    panels: list[tuple[float, float, Callable[[Axes], Axes]]] = [  # room above, height, drawing
        (
            TITLE,
            max(LEVELS, LINE * (len(lines) + 2)),
            lambda axes: draw_levels(axes, shown, pairs, untrained, metric),
        )
    ]
    if findings.papers_map is not None:
        panels.append((TITLE + LINE * len(OVER), RHO, lambda axes: draw_ranks(axes, findings.agreements, pairs, named)))
    if claims:
        panels.append((TITLE + LINE, ROW * len(claims), lambda axes: draw_claims(axes, findings)))

    longest = max(map(len, [*map(_cut, claims), *(SAMPLE + name for name in (*lines, *OVER, "untrained 50.0"))]))
    across = LEFT + width + NAMES + style.NUMBER_CHARACTER * longest + 2 * style.MARGIN
    bottom = BELOW + sum(above + height for above, height, _ in panels)
    page = style.Page(across, bottom, info.question, caption(findings))
    for i, (above, height, drawing) in enumerate(panels):
        bottom -= above + height
        place = (style.MARGIN + LEFT, bottom, width, height)
        axes = page.axes(*place)
        _across(axes, [*pairs.values()], width)
        drawing(axes)
        if i == 0:
            axes.set_title(style.fitted(info.title, across - LEFT), loc="left")
            page.stamp(stamp(info), *place)
    names = {each: f"{each:,}\n{counted(epochs, 'epoch')}" for epochs, each in pairs.items()}
    axes.set_xticks([*names], [name if each in named else "" for each, name in names.items()])
    axes.set_xlabel(f"image pairs that a cell is trained on: epochs × {info.images:,} images")
    return page.figure


def draw_levels(axes: Axes, shown: pd.DataFrame, pairs: Mapping[int, int], untrained: float, metric: str) -> Axes:
    """A line with its own marker for each name; the untrained encoder as a dashed level. A missing budget is a gap."""
    names = list(dict.fromkeys(shown["name"]))
    hues = style.hues(list(axis_array(list(dict.fromkeys(shown["hue"])))))
    for i, name in enumerate(names):
        line = shown[shown["name"] == name]
        whiskers = style.whiskers(line["mean"], line["low"], line["high"])
        axes.errorbar(
            [pairs[epochs] for epochs in line["epochs"]], line["mean"].to_numpy(float), whiskers,
            color=hues[line["hue"].iloc[0]], marker=style.MARKERS[i % len(style.MARKERS)], markersize=5, capsize=2.5,
            linewidth=1.2, elinewidth=0.9, label=style.entry(name), transform=_beside(axes, i, len(names)),
        )  # fmt: skip
    if np.isfinite(untrained):
        axes.axhline(
            untrained, color=style.INK, linestyle=style.DASHES[0], linewidth=1.0, label=f"untrained {text(untrained)}"
        )
    ends = [*shown[["low", "mean", "high"]].to_numpy(float).ravel(), untrained]
    axes.set(ylim=_limits(np.array(ends, dtype=float)), ylabel=label(metric))
    axes.yaxis.set_major_locator(MaxNLocator(steps=(1, 2, 5, 10), integer=True))
    _legend(axes)
    return axes


def draw_ranks(axes: Axes, ranks: pd.DataFrame, pairs: Mapping[int, int], named: Sequence[int]) -> Axes:
    """Spearman's rho with its interval at every budget whose map is complete; above the panel the permutation p.

    named: the budgets at which there is room for a p.
    """
    axes.axhline(0, color=style.INK, linewidth=0.6)
    for i, (name, color) in enumerate(zip(OVER, style.COLORS, strict=False)):
        line = ranks[ranks["over"] == name]
        x, rho = [pairs[epochs] for epochs in line["epochs"]], line["rho"].to_numpy(float)
        bars = np.array([rho - line["low"], line["high"] - rho], dtype=float).clip(0)  # the jackknife's mean is not rho
        axes.errorbar(
            x, rho, np.where(np.isfinite(bars), bars, 0), color=color, marker=style.MARKERS[i], markersize=5,
            capsize=2.5, linewidth=1.2, elinewidth=0.9, label=name, transform=_beside(axes, i, len(OVER)),
        )  # fmt: skip
        height = (len(OVER) - 1 - i) * LINE * 72 + 5
        write = partial(
            axes.annotate, textcoords="offset points", size=style.NUMBER_SIZE, color=color, annotation_clip=False
        )
        for place, p in zip(x, line["p"], strict=True):
            if place in named:
                write(f"p {p:.2g}", (place, 1), (0, height), xycoords=axes.get_xaxis_transform(), ha="center")
        write(f"p, {name}", (1, 1), (72 * NAMES, height), xycoords="axes fraction")
    axes.set(ylim=(-1.05, 1.05), yticks=(-1, -0.5, 0, 0.5, 1), ylabel="Spearman's rho")
    axes.set_title("rank agreement with the paper's map", loc="left", pad=6 + 72 * LINE * len(OVER))
    _legend(axes)
    return axes


def draw_claims(axes: Axes, findings: Findings) -> Axes:
    """Draw a row per claim and a mark per budget, joined from where the claim first holds."""
    pairs, known, verdicts = findings.budgets, findings.judged, findings.verdicts
    assert verdicts is not None
    claims = [*known]
    for row, claim in enumerate(claims):
        axes.axhline(row, color=style.ABSENT, linewidth=0.8, zorder=0)
        if (since := findings.first_held[claim]) is not None:
            held = [pairs[since], pairs[int(known[claim]["epochs"].iloc[-1])]]
            axes.plot(held, [row, row], color=MARKS[HOLDS][1], linewidth=3, alpha=0.4, solid_capstyle="butt", zorder=1)
    for outcome, (marker, color, filled) in MARKS.items():
        those = verdicts[verdicts["outcome"] == outcome]
        if len(those) or outcome != OPEN:
            axes.plot(
                [pairs[epochs] for epochs in those["epochs"]], [claims.index(claim) for claim in those["claim"]],
                linestyle="none", marker=marker, markersize=8, color=color, label=outcome, markeredgewidth=1.2,
                markerfacecolor=color if filled else "white",
            )  # fmt: skip
    axes.set(ylim=(len(claims) - 0.5, -0.5))
    axes.yaxis.tick_right()
    axes.set_yticks(range(len(claims)), [*map(_cut, claims)], size=style.NUMBER_SIZE)
    axes.tick_params(axis="y", length=0, pad=72 * NAMES)
    axes.spines["left"].set_visible(False)
    axes.set_title("claims of the paper, judged at each budget", loc="left", pad=6 + 72 * LINE)
    style.legend(
        axes, loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=len(MARKS), handletextpad=0.2, columnspacing=1.2,
        borderpad=0.2,
    )  # fmt: skip
    return axes


def _cut(claim: str) -> str:
    """A claim's name cut to its longest: one that has no short name is a sentence."""
    return shorten(claim, LONGEST, placeholder="…")


def _width(pairs: Sequence[int]) -> float:
    """Width of the axes, in inches: room for the names of all budgets side by side, but within limits."""
    if len(pairs) < 2:
        return NARROWEST
    closest = min(log10(after / before) for before, after in pairwise(pairs))
    return min(max(_name(pairs) * log10(pairs[-1] / pairs[0]) / closest + 2 * EDGE, NARROWEST), WIDEST)


def _named(pairs: Sequence[int], width: float) -> list[int]:
    """The budgets that have room for their name beside that of the last one before them."""
    named: list[int] = []
    for each in pairs:
        span = (width - 2 * EDGE) / log10(pairs[-1] / pairs[0]) if len(pairs) > 1 else 0.0
        if not named or log10(each / named[-1]) * span > 0.99 * _name(pairs):
            named.append(each)
    return named


def _name(pairs: Sequence[int]) -> float:
    """The room of a budget's name, in inches."""
    return style.LABEL_CHARACTER * max(len(f"{pairs[-1]:,}"), len("10 epochs")) + TICK


def _across(axes: Axes, pairs: Sequence[int], width: float) -> None:
    """The logarithmic axis that all panels share, its marks without names."""
    beyond = (pairs[-1] / pairs[0]) ** (EDGE / (width - 2 * EDGE)) if len(pairs) > 1 else 2.0
    axes.set_xscale("log")
    axes.set_xlim(pairs[0] / beyond, pairs[-1] * beyond)
    axes.set_xticks(pairs, [""] * len(pairs))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.spines[["top", "right"]].set_visible(False)


def _beside(axes: Axes, i: int, many: int) -> Transform:
    """Data coordinates, the i-th of many moved a few points aside."""
    assert axes.figure is not None
    move = ScaledTranslation((i - (many - 1) / 2) * APART / 72, 0, axes.figure.dpi_scale_trans)
    return axes.transData + move


def _legend(axes: Axes) -> None:
    """Put the legend at the right of the axes."""
    style.legend(
        axes, loc="upper left", bbox_to_anchor=(1.0, 1.02), borderaxespad=0, borderpad=0.4, handlelength=1.6,
        labelspacing=0.4,
    )  # fmt: skip


def _limits(values: NDArray[np.float64]) -> tuple[float, float]:
    """Multiples of five around the percentages; all of them while there are none."""
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0, 100.0
    low, high = np.floor((known.min() - 1) / 5) * 5, np.ceil((known.max() + 1) / 5) * 5
    return max(0.0, float(low)), min(100.0, float(high))
