"""A study's numbers in words: the figure's caption, the table as Markdown and LaTeX, the terminal's summary. Pure."""

from collections.abc import Sequence
from math import isfinite

import pandas as pd
from tabulate import tabulate

from ablations import budget_words
from ablations.budgets import has_papers_map, on_map
from ablations.figures.context import Context, as_ours
from ablations.frame import typed
from ablations.measures import label, text
from ablations.paper import Published, published
from ablations.plot import METRIC, Plot
from ablations.statistics import wilson_half_width
from ablations.tables import (
    Axes,
    baselines,
    best,
    cell_table,
    choices,
    gaps,
    pair_failed,
    pair_table,
    paper_agreement,
    row_average,
    seed_spread,
)


def caption(frame: pd.DataFrame, context: Context) -> list[str]:
    """What must be known to read the figure, as sentences."""
    if context.caption:
        return list(context.caption)
    return [
        sentence
        for sentence in (
            _setting(context),
            _spectrum(context),
            _budgets(context),
            _uncertainty(frame, context),
            _chosen(frame, context),
            _agreement(frame, context),
            _unfinished(frame, context),
            _against_the_paper(context),
            f"Overrides: {', '.join(context.overrides)}." if context.overrides else "",
        )
        if sentence
    ]


def _setting(context: Context) -> str:
    epochs, batch = (span(values) for values in (context.epochs, context.batch_size))
    return (
        f"{counted(context.seeds, 'seed')}, {epochs} epoch{'' if epochs == '1' else 's'}, batch size {batch}; "
        f"data: {context.data}; encoder: {context.encoder}; {context.views} views."
    )


def _spectrum(context: Context) -> str:
    if context.figure.kind != "spectrum":
        return ""
    return (
        "Squares of the real parts of the eigenvalues of the head's weight matrix W, the largest first; a line per "
        "seed, its dot at the last one above 1% of the largest."
    )


def _budgets(context: Context) -> str:
    if context.figure.kind != "budget":
        return ""
    best = " Best single: this run's highest, so optimistic." if on_map(context) else ""
    rho = " Spearman's rho with the paper's map: bars from leaving one name out at a time, p from all relabelings."
    return (
        f"Image pairs: epochs × {context.images:,} training images; every number of epochs is a training of its own."
        f"{best}{rho if has_papers_map(context) else ''} A claim's marks are joined from where it first holds: there "
        "and at every larger budget that is judged."
    )


def budget(context: Context) -> str:
    """On what the cells were trained, in short."""
    epochs, batch = (span(values) for values in (context.epochs, context.batch_size))
    return f"{context.encoder}, {context.data}, {epochs} epoch{'' if epochs == '1' else 's'}, batch size {batch}"


def _uncertainty(frame: pd.DataFrame, context: Context) -> str:
    done, plot = frame[frame["status"] == "done"], context.figure
    if done.empty:
        return "Nothing is measured yet."
    images, metric = int(done["n_test"].min()), plot.metrics[0]
    test = f"Tested on {images:,} images"
    if all(metric.startswith("transfer_") for metric in plot.metrics):
        test = "Tested on the test images of the other data set"
    if "top1" in plot.metrics and plot.kind != "spectrum":  # which draws none
        half = wilson_half_width(float(done["top1"].median()), images)
        test = f"Each cell ± {half:.1f} points: 95% interval of the test set of {images:,} images"
    spread = seed_spread(frame, plot, metric)
    if spread.df == 0:
        return f"{test}; no verdict follows from one seed."
    of = "" if metric == "top1" else f" of {label(metric)}"
    points = " points" if "%" in label(metric) else ""
    sd = f"{text(spread.sd, metric)}{points}"
    seeds = f"standard deviation between seeds{of} {sd}, pooled over the cells ({spread.df} df)"
    if plot.kind in ("pairs", "spectrum"):  # no error bars
        return f"{test}; {seeds}."
    if plot.kind == "budget":
        return f"Error bars of top-1: 95% t interval of the mean over seeds, pooled over the cells of a budget. {test}."
    return f"Error bars: 95% t interval of the mean over seeds; dots: single seeds; {seeds}. {test}."


def _chosen(frame: pd.DataFrame, context: Context) -> str:
    plot = context.figure
    if not plot.choose:
        return ""
    found, names = choices(frame, plot), plot.shown(list(context.axes))
    picked = [
        f"{', '.join(str(row[name]) for name in names)}: {', '.join(str(row[axis]) for axis in plot.choose)}"
        for _, row in found.iterrows()
    ]
    judged = "the other seeds" if context.seeds > 1 else "the same seed, so optimistic"
    tuned = " and ".join(context.named(axis) for axis in plot.choose)
    return f"Of {tuned}, the best on the first seed's validation split ({'; '.join(picked)}), shown with {judged}."


def _agreement(frame: pd.DataFrame, context: Context) -> str:
    found = paper_agreement(frame, context) if context.figure.kind == "pairs" else []
    parts = [
        f"{one.rho:.2f} over {label} ({one.cells}; two-sided p = {one.p:.2g} from all {one.relabelings:,} relabelings"
        + (f"; {one.low:.2f} to {one.high:.2f} by leaving names out)" if isfinite(one.low) else ")")
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
    paper = published(context.paper)
    if paper is None:
        return ""
    views = f", {paper.views} views" if paper.views != context.views else ""
    unstated = f" It leaves open {paper.unstated}." if paper.unstated else ""
    note = f" {paper.note}" if paper.note else ""
    return (
        f"The paper's setting is another ({paper.setting}{views}): compare order and shape, not levels.{unstated}{note}"
    )


def markdown(frame: pd.DataFrame, context: Context, verdicts: pd.DataFrame | None = None) -> str:
    """The figure's table as Markdown, with the paper's, the baselines and the caption. verdicts: as in `text_table`."""
    stamp = [f"**{context.scale.upper()}: {context.about}**"] if context.stamp else []
    paper = published(context.paper)
    theirs = (
        []
        if paper is None or context.figure.kind == "budget"
        else [f"The paper's, {paper.source} ({paper.setting}):", _markdown(paper_text(paper, context))]
    )
    parts = [
        f"# {context.question}",
        f"Study `{context.study}`, scale `{context.scale}`: {context.about}. {_measured(context)}.",
        *stamp,
        _markdown(text_table(frame, context, verdicts)),
        *([f"Baselines: {levels}."] if (levels := _levels(frame, context)) else []),
        *theirs,
        " ".join(caption(frame, context)),
    ]
    return "\n\n".join(parts) + "\n"


def latex(frame: pd.DataFrame, context: Context, verdicts: pd.DataFrame | None = None) -> str:
    """The figure's table as a LaTeX tabular (booktabs), its caption as a comment. verdicts: as in `text_table`."""
    table = text_table(frame, context, verdicts)
    notes = [context.question, f"{context.scale}: {context.about}. {_measured(context)}.", *caption(frame, context)]
    body: str = tabulate(table.values.tolist(), list(table.columns), tablefmt="latex_booktabs", disable_numparse=True)
    return "".join(f"% {note}\n" for note in notes) + body.replace("±", r"$\pm$").replace("×", r"$\times$") + "\n"


def summary(frame: pd.DataFrame, context: Context, verdicts: pd.DataFrame | None = None) -> str:
    """What the run found, for the terminal: plain text, aligned. verdicts: as in `text_table`."""
    pairs = context.figure.kind == "pairs"
    lines = [context.question]
    lines += [f"{context.scale.upper()}: {context.about}"] if context.stamp else []
    lines += [_measured(context) + ("; first transformation down, second across" if pairs else ""), ""]
    lines += [text_table(frame, context, verdicts).to_string(index=False, justify="right"), ""]
    lines += [*budget_words.sentences(frame, context, verdicts), ""] if verdicts is not None else []
    found = _pair_facts(frame, context) if pairs else {}
    found |= _level_facts(frame, context)
    width = max((len(name) for name in found), default=0)
    lines += [f"{name:<{width}}  {fact}" for name, fact in found.items()]
    return "\n".join([*lines, "", *caption(frame, context)]) + "\n"


def described(frame: pd.DataFrame, context: Context, verdicts: pd.DataFrame | None = None) -> str:
    """What the study's figure shows, for who cannot see it: the ends of its range and the baselines, or verdicts."""
    if verdicts is not None:
        return " ".join(budget_words.sentences(frame, context, verdicts))
    of, plot = _measured(context), context.figure
    if plot.kind == "pairs":
        ends = _pair_facts(frame, context)
    else:
        cells = cell_table(frame, plot)
        cells = cells[(cells[METRIC] == plot.metrics[0]) & cells["mean"].notna()].sort_values("mean", kind="stable")
        shown = [axis for axis in plot.shown(list(context.axes)) if axis not in plot.average]
        rows = {"lowest": cells.iloc[0], "highest": cells.iloc[-1]} if len(cells) else {}
        ends = {
            name: ", ".join(f"{context.named(axis)} {row[axis]}" for axis in shown if not pd.isna(row[axis]))
            + f": {text(row['mean'], plot.metrics[0])}"
            for name, row in rows.items()
        }
    found = "; ".join(f"{name}: {fact}" for name, fact in (ends | _level_facts(frame, context)).items())
    beside = " Beside it the paper's numbers." if published(context.paper) else ""
    return f"{of}. {found or 'Nothing is measured yet'}.{beside}"


def text_table(frame: pd.DataFrame, context: Context, verdicts: pd.DataFrame | None = None) -> pd.DataFrame:
    """The study's numbers as text, laid out as its figure is: a map, or a line per panel and hue, or one per cell.

    verdicts: of a figure of kind budget, one row per claim and budget: claim, epochs, outcome; they are the first rows.
    """
    if verdicts is not None:
        return budget_words.text_table(frame, context, verdicts)
    if context.figure.kind == "pairs":
        return _pair_text(frame, context)
    return _grouped_text(frame, context.figure, context.axes)


def paper_text(paper: Published, context: Context) -> pd.DataFrame:
    """The paper's numbers in the same layout."""
    return text_table(paper.frame, as_ours(paper, context))


def _grouped_text(frame: pd.DataFrame, plot: Plot, axes: Axes) -> pd.DataFrame:
    """With `x` an axis its values go across, every other axis and the metric down; else metrics across, cells down."""
    cells = cell_table(frame, plot)
    across = plot.x if plot.kind == "bars" and plot.x is not None else METRIC
    down = [name for name in (plot.panel, plot.hue) if name is not None] if plot.kind == "bars" else []
    down = down or [name for name in (*axes, METRIC) if name not in (across, *plot.average) and name in cells]
    down = [name for name in down if name != METRIC or len(plot.metrics) > 1]
    cells = cells.assign(
        number=[
            "×" if row.n == 0 and row.failed else text(row.mean, row.metric) + _plus_minus(row.half, row.metric)
            for row in cells.itertuples()
        ],
    )
    shown = {name: [_shown(value, name) for value in cells[name]] for name in (*down, across)}
    cells = cells.assign(**shown)
    columns = list(dict.fromkeys(_in_order(cells[across], across, plot, axes)))
    if down:
        table = cells.pivot_table("number", index=down, columns=across, aggfunc="first", sort=False).reset_index()
    else:
        table = cells.set_index(across)[["number"]].T.reset_index(drop=True)
    return table.reindex(columns=[*down, *columns]).fillna("–").rename_axis(columns=None)


def _in_order(present: "pd.Series[str]", name: str, plot: Plot, axes: Axes) -> list[str]:
    """Values of an axis, or metrics, as declared; those without one last."""
    declared = plot.metrics if name == METRIC else list(typed(axes[name]))
    order = [_shown(value, name) for value in declared if not pd.isna(value)]
    there = set(present)
    return [*(value for value in order if value in there), *(value for value in present if value not in order)]


def _shown(value: object, name: str) -> str:
    if name == METRIC:
        return label(str(value))
    return "–" if pd.isna(value) else str(value)


def _plus_minus(half: float, metric: str) -> str:
    return "" if pd.isna(half) else f" ± {text(half, metric)}"


def _markdown(table: pd.DataFrame) -> str:
    aligned = ["left"] + ["right"] * (table.shape[1] - 1)
    lines: str = table.to_markdown(index=False, disable_numparse=True, colalign=aligned)
    return lines


def _measured(context: Context) -> str:
    of = "; ".join(label(metric) for metric in context.figure.metrics)
    if context.figure.kind == "budget":
        of = f"claims of the paper and {of} by training budget"
    return of[0].upper() + of[1:]


def _has_top1(context: Context) -> bool:
    return "top1" in context.figure.metrics


def _level_facts(frame: pd.DataFrame, context: Context) -> dict[str, str]:
    return {_name(role): text(level) for role, level in baselines(frame).items()} if _has_top1(context) else {}


def _levels(frame: pd.DataFrame, context: Context) -> str:
    return ", ".join(f"{name}: {level}" for name, level in _level_facts(frame, context).items())


def _pair_text(frame: pd.DataFrame, context: Context) -> pd.DataFrame:
    """The map as text with names in the first column and the row average in the last."""
    table, failed = pair_table(frame, context.axes), pair_failed(frame, context.axes)
    shown = table.map(text).mask(failed, "×")
    shown.insert(len(shown.columns), "average", row_average(table).map(text))
    shown.insert(0, "", [str(name) for name in table.index])
    return shown


def _pair_facts(frame: pd.DataFrame, context: Context) -> dict[str, str]:
    table = pair_table(frame, context.axes)
    facts = {}
    for name, single in (("best pair", False), ("best single", True)):
        if found := best(table, single):
            names = found.first if single else f"{found.first} > {found.second}"
            facts[name] = f"{found.top1:.1f}  {names} (picked as this run's highest, so optimistic)"
    return facts


def _name(role: str) -> str:
    return role.replace("_", " ")


def counted(n: int, noun: str) -> str:
    """1 epoch, 2 epochs."""
    return f"{n} {noun}" + ("" if n == 1 else "s")


def span(values: Sequence[int]) -> str:
    """6, or "2 to 12" of several."""
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"
