"""A study's table as text: Markdown, LaTeX, the terminal's summary. Pure."""

import pandas as pd
from tabulate import tabulate

from ablations.studies.info import Axes, StudyInfo, stamp
from ablations.studies.metrics import label, measured, text
from ablations.studies.plot import METRIC, Plot
from ablations.tables import budget_text
from ablations.tables.captions import caption
from ablations.tables.findings import Findings
from ablations.tables.frame import axis_array
from ablations.tables.pairs import best, row_average

PICKED = "picked as this run's highest, so optimistic"


def markdown(findings: Findings) -> str:
    """The figure's table as Markdown, with the paper's, the baselines and the caption."""
    info, paper, printed, theirs = findings.info, findings.paper, paper_text(findings), []
    if paper is not None and printed is not None:
        theirs = [f"The paper's, {paper.source} ({paper.setting}):", _markdown(printed)]
    levels = ", ".join(f"{name}: {level}" for name, level in _level_facts(findings).items())
    parts = [
        f"# {_no_html(info.question)}",
        f"Study `{info.study}`, scale `{info.scale}`: {_no_html(info.about)}. {measured_metrics(info)}.",
        *([f"**{_no_html(warning)}**"] if (warning := stamp(info)) else []),
        _markdown(text_table(findings)),
        *([f"Baselines: {_no_html(levels)}."] if levels else []),
        *theirs,
        _no_html(" ".join(caption(findings))),
    ]
    return "\n\n".join(parts) + "\n"


def latex(findings: Findings) -> str:
    """The figure's table as a LaTeX tabular (booktabs), its caption as a comment."""
    info, table = findings.info, text_table(findings)
    notes = [
        info.question,
        f"{info.scale}: {info.about}. {measured_metrics(info)}.",
        *caption(findings),
    ]
    body: str = tabulate(table.values.tolist(), list(table.columns), tablefmt="latex_booktabs", disable_numparse=True)
    return "".join(f"% {note}\n" for note in notes) + body.replace("±", r"$\pm$").replace("×", r"$\times$") + "\n"


def summary(findings: Findings) -> str:
    """What the run found, for the terminal: plain text, aligned."""
    info, pairs = findings.info, findings.info.figure.kind == "pairs"
    lines = [info.question]
    lines += [warning] if (warning := stamp(info)) else []
    lines += [measured_metrics(info) + (f"; {map_layout(info)}" if pairs else ""), ""]
    lines += [text_table(findings).to_string(index=False, justify="right"), ""]
    lines += [*budget_text.sentences(findings), ""] if findings.verdicts is not None else []
    facts = (_pair_facts(findings) if pairs else {}) | _level_facts(findings)
    width = max((len(name) for name in facts), default=0)
    lines += [f"{name:<{width}}  {fact}" for name, fact in facts.items()]
    return "\n".join([*lines, "", *caption(findings)]) + "\n"


def described(findings: Findings) -> str:
    """What the study's figure shows, for who cannot see it: the ends of its range and the baselines, or verdicts."""
    if findings.verdicts is not None:
        return " ".join(budget_text.sentences(findings))
    info, plot = findings.info, findings.info.figure
    if plot.kind == "pairs":
        ends = _pair_facts(findings)
    else:
        cells = findings.cells
        cells = cells[(cells[METRIC] == plot.metrics[0]) & cells["mean"].notna()].sort_values("mean", kind="stable")
        shown = [axis for axis in plot.shown(list(info.axes)) if axis not in plot.average]
        rows = {"lowest": cells.iloc[0], "highest": cells.iloc[-1]} if len(cells) else {}
        ends = {
            name: ", ".join(f"{info.named(axis)} {row[axis]}" for axis in shown if not pd.isna(row[axis]))
            + f": {text(row['mean'], plot.metrics[0])}"
            for name, row in rows.items()
        }
    facts = "; ".join(f"{name}: {fact}" for name, fact in (ends | _level_facts(findings)).items())
    beside = " Beside it the paper's numbers." if findings.paper else ""
    return f"{measured_metrics(info)}. {facts or 'Nothing is measured yet'}.{beside}"


def text_table(findings: Findings) -> pd.DataFrame:
    """The study's numbers as text, laid out as its figure is: a map, or a line per panel and hue, or one per cell.

    Verdicts at each training budget, where there are some, have a line each, and are the first.
    """
    if findings.verdicts is not None:
        return budget_text.text_table(findings)
    if findings.info.figure.kind == "pairs":
        return _pair_text(findings)
    return _grouped_text(findings.cells, findings.info.figure, findings.info.axes)


def paper_text(findings: Findings) -> pd.DataFrame | None:
    """The paper's numbers, laid out as the study's; None where it prints none, or the figure is of budgets."""
    return text_table(findings.theirs) if findings.theirs and findings.info.figure.kind != "budget" else None


def _grouped_text(cells: pd.DataFrame, plot: Plot, axes: Axes) -> pd.DataFrame:
    """With `x` an axis its values go across, every other axis and the metric down; else metrics across, cells down."""
    across = plot.x if plot.kind == "bars" and plot.x is not None else METRIC
    down = [name for name in (plot.panel, plot.hue) if name is not None] if plot.kind == "bars" else []
    down = down or [name for name in (*axes, METRIC) if name not in (across, *plot.average) and name in cells]
    down = [name for name in down if name != METRIC or len(plot.metrics) > 1]
    cells = cells.assign(
        number=[
            "×" if row.n == 0 and row.failed else measured(row.mean, row.low, row.high, row.metric)
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
    declared = plot.metrics if name == METRIC else list(axis_array(axes[name]))
    order = [_shown(value, name) for value in declared if not pd.isna(value)]
    there = set(present)
    return [*(value for value in order if value in there), *(value for value in present if value not in order)]


def _shown(value: object, name: str) -> str:
    if name == METRIC:
        return label(str(value))
    return "–" if pd.isna(value) else str(value)


def _markdown(table: pd.DataFrame) -> str:
    aligned = ["left"] + ["right"] * (table.shape[1] - 1)
    safe = table.map(_escaped).rename(columns=_escaped)
    lines: str = safe.to_markdown(index=False, disable_numparse=True, colalign=aligned)
    return lines


def _escaped(name: object) -> str:
    """A name in a cell of a Markdown table: it neither ends the cell nor is taken for HTML."""
    return _no_html(str(name)).replace("|", "\\|")


def _no_html(text: str) -> str:
    return text.replace("<", "&lt;")


def measured_metrics(info: StudyInfo) -> str:
    of = "; ".join(label(metric) for metric in info.figure.metrics)
    if info.figure.kind == "budget":
        of = f"claims of the paper and {of} by training budget"
    return of[0].upper() + of[1:]


def _level_facts(findings: Findings) -> dict[str, str]:
    headline = findings.info.headline
    levels = findings.baselines[headline] if headline in findings.info.figure.metrics else {}
    return {role.replace("_", " "): text(level) for role, level in levels.items()}


def _pair_text(findings: Findings) -> pd.DataFrame:
    """The map as text with names in the first column and the row average in the last."""
    table = findings.pairs
    shown = table.map(text).mask(findings.failed_pairs, "×")
    shown.insert(len(shown.columns), "average", row_average(table).map(text))
    shown.insert(0, "", [str(name) for name in table.index])
    return shown


def map_layout(info: StudyInfo) -> str:
    """What is down and what across in a map."""
    down, across = ("first transformation", "second") if info.composed else map(info.named, info.axes)
    return f"{down} down, {across} across"


def _pair_facts(findings: Findings) -> dict[str, str]:
    if not findings.info.composed:
        cells = findings.pairs.stack().dropna()
        if cells.empty:
            return {}
        named = zip(map(findings.info.named, findings.info.axes), cells.idxmax(), strict=True)
        return {"best cell": f"{cells.max():.1f}  {', '.join(f'{axis} {value}' for axis, value in named)} ({PICKED})"}
    facts = {}
    for name, single in (("best pair", False), ("best single", True)):
        if highest := best(findings.pairs, single):
            names = highest.first if single else f"{highest.first} > {highest.second}"
            facts[name] = f"{highest.value:.1f}  {names} ({PICKED})"
    return facts
