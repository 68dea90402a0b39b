"""Grouped bars by output dimension and kind of projection head: ours beside the paper's (Figure 8)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ablations.figures import style
from ablations.figures.context import Context
from ablations.frame import axes_of, measured
from ablations.paper import published
from ablations.tables import baselines, caption, cell_table, seed_spread

GROUP, HEIGHT = 0.72, 3.0  # inches: one output dimension, the axes
LEFT, RIGHT, GAP = 0.7, 0.1, 0.35
ABOVE, BELOW = 0.7, 0.6  # a panel's title and legend; its names
FILL = 0.8  # share of a group covered by its bars
STUB = 0.12  # share of the axis covered by a bar that is missing
PAPER_AXIS = (30.0, 70.0)  # the paper's own


@dataclass(frozen=True)
class Panel:
    """The bars of one panel, in groups of equal dim; a bar without one (<NA>) stands alone at the right.

    `bars`: kind, dim, mean (NaN: not there), half (of the 95% interval; NaN: none to show), failed (a count).
    `seeds`: kind, dim, top1, drawn as dots.
    """

    title: str
    bars: pd.DataFrame
    seeds: pd.DataFrame
    limits: tuple[float, float]  # of the axis
    untrained: float  # NaN where not measured
    dim: str  # the axis' name

    @property
    def groups(self) -> list[object]:
        return list(
            dict.fromkeys(None if pd.isna(dim) else dim for dim in self.bars.sort_values("dim", key=pd.isna)["dim"])
        )

    @property
    def kinds(self) -> list[str]:
        return list(dict.fromkeys(self.bars["kind"]))

    @property
    def width(self) -> float:
        return LEFT + GROUP * max(len(self.groups), 5) + RIGHT


def draw(frame: pd.DataFrame, context: Context) -> Figure:
    """Our bars with seeds and intervals over the untrained level; the paper's panel beside them where there is one."""
    panels = [_ours(frame, context), *_papers(context)]
    width = sum(panel.width for panel in panels) + GAP * (len(panels) - 1) + 2 * style.MARGIN
    page = style.Page(width, ABOVE + HEIGHT + BELOW, context.question, caption(frame, context))
    left = style.MARGIN
    for panel in panels:
        draw_bars(page.axes(left + LEFT, BELOW, panel.width - LEFT - RIGHT, HEIGHT), panel)
        left += panel.width + GAP
    if context.stamp:
        place = (style.MARGIN + LEFT, BELOW, panels[0].width - LEFT - RIGHT, HEIGHT)
        page.stamp(f"{context.scale.upper()}: {context.about}", *place)
    return page.figure


def _ours(frame: pd.DataFrame, context: Context) -> Panel:
    names = dict(zip(axes_of(frame), ("kind", "dim"), strict=True))
    bars, seeds = cell_table(frame).rename(columns=names), measured(frame).rename(columns=names)
    bars["kind"], seeds["kind"] = bars["kind"].astype(str), seeds["kind"].astype(str)
    spread = seed_spread(frame)
    bars["half"] = [spread.half_width(n) if n else np.nan for n in bars["n"]]
    untrained = baselines(frame).get("untrained", np.nan)
    lows = [bars["mean"] - bars["half"].fillna(0), seeds["top1"], pd.Series([untrained], dtype=float)]
    highs = [bars["mean"] + bars["half"].fillna(0), seeds["top1"], pd.Series([untrained], dtype=float)]
    return Panel(
        title=f"this run: {context.encoder}, {context.data}",
        bars=bars,
        seeds=seeds,
        limits=_limits(pd.concat(lows).min(), pd.concat(highs).max()),
        untrained=untrained,
        dim=list(names)[1],
    )


def _limits(low: float, high: float) -> tuple[float, float]:
    """Multiples of five around the measured range, from zero where that is near; 0 to 100 while there is none."""
    if np.isnan(low):
        return 0.0, 100.0
    bottom = float(np.floor((low - 2) / 5) * 5)
    return (bottom if bottom >= 10 else 0.0), min(100.0, float(np.ceil((high + 1) / 5) * 5))


def _papers(context: Context) -> list[Panel]:
    paper = published(context.paper, "heads")
    if paper is None:
        return []
    wide = paper.table.rename_axis("dim").reset_index().melt("dim", var_name="kind", value_name="mean").dropna()
    bars = wide.astype({"dim": "Int64"}).assign(half=np.nan, failed=0)
    bars.loc[bars["kind"] == "none", "dim"] = pd.NA  # drawn as ours is; its z is h, 2048 wide
    return [
        Panel(
            title=f"paper: {paper.setting}",
            bars=bars,
            seeds=pd.DataFrame(columns=["kind", "dim", "top1"]),
            limits=PAPER_AXIS,
            untrained=np.nan,
            dim="dim",
        )
    ]


def draw_bars(axes: Axes, panel: Panel) -> Axes:
    """Bars, their intervals, single seeds as dots; hatched stubs for bars that are not there."""
    groups, kinds = panel.groups, panel.kinds
    bottom, top = panel.limits
    axes.set(xlim=(-0.5, max(len(groups), 5) - 0.5), ylim=panel.limits)
    grouped = [kind for kind in kinds if panel.bars.loc[panel.bars["kind"] == kind, "dim"].notna().any()]
    thick = FILL / max(len(grouped), 1)
    colors = style.head_colors(kinds)
    labeled: set[str] = set()
    for bar in panel.bars.itertuples():
        alone = pd.isna(bar.dim)
        shift = 0.0 if alone else (grouped.index(bar.kind) - (len(grouped) - 1) / 2) * thick
        x = groups.index(None if alone else bar.dim) + shift
        if pd.isna(bar.mean):
            style.absent(axes, x - thick / 2, bottom, thick, STUB * (top - bottom), bar.failed > 0)
            continue
        label = None if bar.kind in labeled else bar.kind
        labeled.add(bar.kind)
        axes.bar(x, bar.mean - bottom, thick * 0.94, bottom, color=colors[bar.kind], label=label)
        same = panel.seeds["kind"].eq(bar.kind) & (
            panel.seeds["dim"].isna() if alone else panel.seeds["dim"].eq(bar.dim)
        )
        dots = panel.seeds.loc[same, "top1"].to_numpy(dtype=float)
        places = x + (np.arange(len(dots)) - (len(dots) - 1) / 2) * thick * 0.22
        axes.plot(places, dots, "o", markersize=2.6, color="white", markeredgecolor=style.INK, markeredgewidth=0.6)
        if np.isfinite(bar.half):
            axes.errorbar(x, bar.mean, bar.half, color=style.INK, linewidth=1.0, capsize=2.5, zorder=3)
    if np.isfinite(panel.untrained):
        axes.axhline(
            panel.untrained, color=style.INK, linestyle="--", linewidth=1.0, label=f"untrained {panel.untrained:.1f}"
        )
    axes.set_xticks(range(len(groups)), ["none\n(z = h)" if group is None else str(group) for group in groups])
    axes.set_xlabel(f"output dimension of the head ({panel.dim})")
    axes.set_ylabel("linear probe top-1 (%)" + (f"; axis from {bottom:.0f}" if bottom else ""))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="x", length=0)
    axes.set_title(style.fitted(panel.title, panel.width - LEFT), loc="left", pad=26)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=4, frameon=False, handlelength=1.4, columnspacing=1.2
        )
    return axes
