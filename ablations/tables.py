"""Study frame -> the table of each figure, and the same tables in words. Pure. Accuracies are percent.

The frame itself, in memory and on disk, is ablations.frame; its names are offered here too.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ablations.agreement import Agreement, rank_agreement
from ablations.figures.context import AxisValue, Context
from ablations.frame import axes_of, measured, once, read, study_frame, typed, write
from ablations.paper import published
from ablations.statistics import Pooled, pooled_sd, wilson_half_width

__all__ = ["read", "study_frame", "write"]  # and everything defined below

Axes = Mapping[str, Sequence[AxisValue]]


def pair_table(frame: pd.DataFrame, axes: Axes) -> pd.DataFrame:
    """Mean top1 over the seeds done: first axis down, second across, in the order of `axes`; other cells are NaN."""
    return _grid(measured(frame).groupby(list(axes), sort=False)["top1"].mean(), axes)


def pair_failed(frame: pd.DataFrame, axes: Axes) -> pd.DataFrame:
    """Same shape as `pair_table`: True where a seed failed and none is done."""
    cells = frame[frame["role"] == "cell"]
    tried = cells.assign(failed=cells["status"] == "failed").groupby(list(axes), sort=False)["failed"].any()
    return (_grid(tried.astype(float), axes) == 1) & pair_table(frame, axes).isna()


def _grid(cells: "pd.Series[float]", axes: Axes) -> pd.DataFrame:
    rows, columns = (pd.Index(list(typed(values)), dtype=object) for values in axes.values())
    table = cells.astype(float).unstack() if len(cells) else pd.DataFrame(dtype=float)
    return table.reindex(index=rows, columns=columns)


def row_average(table: pd.DataFrame) -> "pd.Series[float]":
    """The paper's extra column: the mean of each row.

    NaN for a row with a missing cell: over fewer cells it would not compare with the other rows.
    """
    return table.mean(axis=1, skipna=False)


def cell_table(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per cell in the frame's order: head, dim (<NA> for a head without one), mean, sd, n (seeds done), failed.

    sd is over seeds, NaN for fewer than two; mean is NaN where no seed is done; failed counts failed seeds.
    """
    axes = axes_of(frame)
    cells = once(frame[frame["role"] == "cell"])
    groups = cells.assign(failed=(cells["status"] == "failed").astype(int)).groupby(axes, sort=False, dropna=False)
    return groups.agg(
        mean=("top1", "mean"), sd=("top1", "std"), n=("top1", "count"), failed=("failed", "sum")
    ).reset_index()


def baselines(frame: pd.DataFrame) -> dict[str, float]:
    """Mean top1 of each baseline by name, NaN where none is done."""
    rows = frame[frame["role"] != "cell"]
    return {str(role): float(level) for role, level in rows.groupby("role", sort=False)["top1"].mean().items()}


def seed_spread(frame: pd.DataFrame) -> Pooled:
    """Seed-to-seed standard deviation of top1, pooled over the study's cells."""
    groups = measured(frame).groupby(axes_of(frame), sort=False, dropna=False)["top1"]
    return pooled_sd([group.to_numpy() for _, group in groups])


def paper_agreement(frame: pd.DataFrame, context: Context) -> list[tuple[str, Agreement]]:
    """Rank agreement of our map with the paper's, over all cells and without crop, which leads the paper's map.

    Empty if the paper has no such map or ours lacks one of its cells; names beyond the paper's are left out.
    """
    paper = published(context.paper, "pairs")
    if paper is None:
        return []
    ours = pair_table(frame, context.axes)
    found = []
    for label, names in (("all cells", paper.table.index), ("those without crop", paper.table.index.drop("crop"))):
        both = (ours.reindex(index=names, columns=names), paper.table.loc[names, names])
        agreement = rank_agreement(both[0].to_numpy(), both[1].to_numpy())
        found += [(label, agreement)] if agreement else []
    return found


@dataclass(frozen=True)
class Best:
    """The highest of some cells."""

    first: str
    second: str
    top1: float


def best(table: pd.DataFrame, single: bool) -> Best | None:
    """The highest cell of a pair table: on the diagonal if `single`, else off it; None if none is measured."""
    values = table.to_numpy(dtype=float, na_value=np.nan)
    cells = [
        Best(str(first), str(second), value)
        for first, row in zip(table.index, values.tolist(), strict=True)
        for second, value in zip(table.columns, row, strict=True)
        if (first == second) == single and not math.isnan(value)
    ]
    return max(cells, key=lambda cell: cell.top1, default=None)


@dataclass(frozen=True)
class Gaps:
    """Cells without a number, by reason, and cells with fewer seeds than the study asks for."""

    cells: int
    missing: int
    failed: int
    short: int


def gaps(frame: pd.DataFrame, seeds: int) -> Gaps:
    """Count the cells of a study whose numbers are absent (running ones are missing as yet) or rest on fewer seeds."""
    cells = cell_table(frame)
    empty, failed = cells["n"] == 0, cells["failed"] > 0
    return Gaps(
        cells=len(cells),
        missing=int((empty & ~failed).sum()),
        failed=int((empty & failed).sum()),
        short=int(((cells["n"] > 0) & (cells["n"] < seeds)).sum()),
    )


# --- in words ---------------------------------------------------------------------------------------------------------


def caption(frame: pd.DataFrame, context: Context) -> list[str]:
    """What must be known to read the figure, as sentences."""
    return [
        sentence
        for sentence in (
            _setting(context),
            _uncertainty(frame, context),
            _agreement(frame, context),
            _unfinished(frame, context),
            _against_the_paper(context),
            f"Overrides: {', '.join(context.overrides)}." if context.overrides else "",
        )
        if sentence
    ]


def _setting(context: Context) -> str:
    return (
        f"{counted(context.seeds, 'seed')}, {counted(context.epochs, 'epoch')}, batch size {context.batch_size}; "
        f"data: {context.data}; encoder: {context.encoder}; {context.views} views."
    )


def _uncertainty(frame: pd.DataFrame, context: Context) -> str:
    done = frame[frame["status"] == "done"]
    if done.empty:
        return "Nothing is measured yet."
    images = int(done["n_test"].min())
    half = wilson_half_width(float(done["top1"].median()), images)
    test = f"Each cell ± {half:.1f} points: 95% interval of the test set of {images:,} images"
    spread = seed_spread(frame)
    if spread.df == 0:
        return f"{test}; no verdict follows from one seed."
    seeds = f"standard deviation between seeds {spread.sd:.1f} points, pooled over the cells ({spread.df} df)"
    if context.figure == "heads":
        return f"Error bars: 95% t interval of the mean over seeds; dots: single seeds; {seeds}. {test}."
    return f"{test}; {seeds}."


def _agreement(frame: pd.DataFrame, context: Context) -> str:
    found = paper_agreement(frame, context) if context.figure == "pairs" else []
    parts = [
        f"{one.rho:.2f} over {label} ({one.cells}; two-sided p = {one.p:.2g} from all {one.relabelings:,} relabelings)"
        for label, one in found
    ]
    return f"Spearman's rho with the paper's map: {', '.join(parts)}." if parts else ""


def _unfinished(frame: pd.DataFrame, context: Context) -> str:
    found = gaps(frame, context.seeds)
    parts = [f"{found.missing} missing"] if found.missing else []
    parts += [f"{found.failed} failed (×)"] if found.failed else []
    parts += [f"{found.short} with fewer than {context.seeds} seeds"] if found.short else []
    return f"Of {found.cells} cells: {', '.join(parts)}." if parts else ""


def _against_the_paper(context: Context) -> str:
    paper = published(context.paper, context.figure)
    if paper is None:
        return ""
    views = f", {paper.views} views" if paper.views != context.views else ""
    unstated = f" It leaves open {paper.unstated}." if paper.unstated else ""
    return f"The paper's setting is another ({paper.setting}{views}): compare order and shape, not levels.{unstated}"


def markdown(frame: pd.DataFrame, context: Context) -> str:
    """The figure's table as Markdown, with the baselines and the caption."""
    table = _pair_text(frame, context) if context.figure == "pairs" else _head_text(frame)
    stamp = [f"**{context.scale.upper()}: {context.about}**"] if context.stamp else []
    levels = [f"{_name(role)}: {_level(level)}" for role, level in baselines(frame).items()]
    parts = [
        f"# {context.question}",
        f"Study `{context.study}`, scale `{context.scale}`: {context.about}. Linear probe top-1 (%).",
        *stamp,
        table.to_markdown(index=False, disable_numparse=True, colalign=["left"] + ["right"] * (table.shape[1] - 1)),
        *([f"Baselines: {', '.join(levels)}."] if levels else []),
        " ".join(caption(frame, context)),
    ]
    return "\n\n".join(parts) + "\n"


def summary(frame: pd.DataFrame, context: Context) -> str:
    """What the run found, for the terminal: plain text, aligned."""
    pairs = context.figure == "pairs"
    table = _pair_text(frame, context) if pairs else _head_text(frame)
    lines = [context.question]
    lines += [f"{context.scale.upper()}: {context.about}"] if context.stamp else []
    lines += ["linear probe top-1 (%)" + ("; first transformation down, second across" if pairs else ""), ""]
    lines += [table.to_string(index=False, justify="right"), ""]
    facts = _pair_facts(frame, context) if pairs else {}
    facts |= {_name(role): _level(level) for role, level in baselines(frame).items()}
    width = max((len(name) for name in facts), default=0)
    lines += [f"{name:<{width}}  {fact}" for name, fact in facts.items()]
    return "\n".join([*lines, "", *caption(frame, context)]) + "\n"


def _pair_text(frame: pd.DataFrame, context: Context) -> pd.DataFrame:
    """The map as text with names in the first column and the row average in the last."""
    table, failed = pair_table(frame, context.axes), pair_failed(frame, context.axes)
    text = table.map(_level).mask(failed, "×")
    text.insert(len(text.columns), "average", row_average(table).map(_level))
    text.insert(0, "", [str(name) for name in table.index])
    return text


def _pair_facts(frame: pd.DataFrame, context: Context) -> dict[str, str]:
    table = pair_table(frame, context.axes)
    facts = {}
    for name, single in (("best pair", False), ("best single", True)):
        if found := best(table, single):
            names = found.first if single else f"{found.first} > {found.second}"
            facts[name] = f"{found.top1:.1f}  {names} (picked as this run's highest, so optimistic)"
    return facts


def _head_text(frame: pd.DataFrame) -> pd.DataFrame:
    cells = cell_table(frame)
    kind, width = axes_of(frame)
    return pd.DataFrame(
        {
            kind: cells[kind].astype(str),
            width: ["–" if pd.isna(value) else str(value) for value in cells[width]],
            "mean": ["×" if row.n == 0 and row.failed else _level(row.mean) for row in cells.itertuples()],
            "sd": cells["sd"].map(_level),
            "seeds": cells["n"].astype(str),
        }
    )


def _level(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.1f}"


def _name(role: str) -> str:
    return role.replace("_", " ")


def counted(n: int, noun: str) -> str:
    """1 epoch, 2 epochs."""
    return f"{n} {noun}" + ("" if n == 1 else "s")
