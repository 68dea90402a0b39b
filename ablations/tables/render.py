"""A study's table as text: Markdown, LaTeX, the terminal's summary. Pure."""

import pandas as pd
from tabulate import tabulate

from ablations.studies.info import Axes, StudyInfo
from ablations.studies.metrics import label, text
from ablations.studies.plot import METRIC, Plot
from ablations.tables import budget_text
from ablations.tables.captions import caption
from ablations.tables.cells import baselines, cell_table
from ablations.tables.frame import axis_array
from ablations.tables.pairs import best, pair_failed, pair_table, row_average
from ablations.tables.published import Published, as_ours, published


def markdown(frame: pd.DataFrame, info: StudyInfo, verdicts: pd.DataFrame | None = None) -> str:
    """The figure's table as Markdown, with the paper's, the baselines and the caption. verdicts: as in `text_table`."""
    stamp = [f"**{info.scale.upper()}: {info.about}**"] if info.stamp else []
    paper = published(info.paper)
    theirs = (
        []
        if paper is None or info.figure.kind == "budget"
        else [f"The paper's, {paper.source} ({paper.setting}):", _markdown(paper_text(paper, info))]
    )
    parts = [
        f"# {info.question}",
        f"Study `{info.study}`, scale `{info.scale}`: {info.about}. {measured_metrics(info)}.",
        *stamp,
        _markdown(text_table(frame, info, verdicts)),
        *([f"Baselines: {levels}."] if (levels := _levels(frame, info)) else []),
        *theirs,
        " ".join(caption(frame, info)),
    ]
    return "\n\n".join(parts) + "\n"


def latex(frame: pd.DataFrame, info: StudyInfo, verdicts: pd.DataFrame | None = None) -> str:
    """The figure's table as a LaTeX tabular (booktabs), its caption as a comment. verdicts: as in `text_table`."""
    table = text_table(frame, info, verdicts)
    notes = [
        info.question,
        f"{info.scale}: {info.about}. {measured_metrics(info)}.",
        *caption(frame, info),
    ]
    body: str = tabulate(table.values.tolist(), list(table.columns), tablefmt="latex_booktabs", disable_numparse=True)
    return "".join(f"% {note}\n" for note in notes) + body.replace("±", r"$\pm$").replace("×", r"$\times$") + "\n"


def summary(frame: pd.DataFrame, info: StudyInfo, verdicts: pd.DataFrame | None = None) -> str:
    """What the run found, for the terminal: plain text, aligned. verdicts: as in `text_table`."""
    pairs = info.figure.kind == "pairs"
    lines = [info.question]
    lines += [f"{info.scale.upper()}: {info.about}"] if info.stamp else []
    lines += [measured_metrics(info) + ("; first transformation down, second across" if pairs else ""), ""]
    lines += [text_table(frame, info, verdicts).to_string(index=False, justify="right"), ""]
    lines += [*budget_text.sentences(frame, info, verdicts), ""] if verdicts is not None else []
    found = _pair_facts(frame, info) if pairs else {}
    found |= _level_facts(frame, info)
    width = max((len(name) for name in found), default=0)
    lines += [f"{name:<{width}}  {fact}" for name, fact in found.items()]
    return "\n".join([*lines, "", *caption(frame, info)]) + "\n"


def described(frame: pd.DataFrame, info: StudyInfo, verdicts: pd.DataFrame | None = None) -> str:
    """What the study's figure shows, for who cannot see it: the ends of its range and the baselines, or verdicts."""
    if verdicts is not None:
        return " ".join(budget_text.sentences(frame, info, verdicts))
    of, plot = measured_metrics(info), info.figure
    if plot.kind == "pairs":
        ends = _pair_facts(frame, info)
    else:
        cells = cell_table(frame, plot)
        cells = cells[(cells[METRIC] == plot.metrics[0]) & cells["mean"].notna()].sort_values("mean", kind="stable")
        shown = [axis for axis in plot.shown(list(info.axes)) if axis not in plot.average]
        rows = {"lowest": cells.iloc[0], "highest": cells.iloc[-1]} if len(cells) else {}
        ends = {
            name: ", ".join(f"{info.named(axis)} {row[axis]}" for axis in shown if not pd.isna(row[axis]))
            + f": {text(row['mean'], plot.metrics[0])}"
            for name, row in rows.items()
        }
    found = "; ".join(f"{name}: {fact}" for name, fact in (ends | _level_facts(frame, info)).items())
    beside = " Beside it the paper's numbers." if published(info.paper) else ""
    return f"{of}. {found or 'Nothing is measured yet'}.{beside}"


def text_table(frame: pd.DataFrame, info: StudyInfo, verdicts: pd.DataFrame | None = None) -> pd.DataFrame:
    """The study's numbers as text, laid out as its figure is: a map, or a line per panel and hue, or one per cell.

    verdicts: of a figure of kind budget, one row per claim and budget: claim, epochs, outcome; they are the first rows.
    """
    if verdicts is not None:
        return budget_text.text_table(frame, info, verdicts)
    if info.figure.kind == "pairs":
        return _pair_text(frame, info)
    return _grouped_text(frame, info.figure, info.axes)


def paper_text(paper: Published, info: StudyInfo) -> pd.DataFrame:
    """The paper's numbers in the same layout."""
    return text_table(paper.frame, as_ours(paper, info))


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
    declared = plot.metrics if name == METRIC else list(axis_array(axes[name]))
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


def measured_metrics(info: StudyInfo) -> str:
    of = "; ".join(label(metric) for metric in info.figure.metrics)
    if info.figure.kind == "budget":
        of = f"claims of the paper and {of} by training budget"
    return of[0].upper() + of[1:]


def _has_top1(info: StudyInfo) -> bool:
    return "top1" in info.figure.metrics


def _level_facts(frame: pd.DataFrame, info: StudyInfo) -> dict[str, str]:
    return {_name(role): text(level) for role, level in baselines(frame).items()} if _has_top1(info) else {}


def _levels(frame: pd.DataFrame, info: StudyInfo) -> str:
    return ", ".join(f"{name}: {level}" for name, level in _level_facts(frame, info).items())


def _pair_text(frame: pd.DataFrame, info: StudyInfo) -> pd.DataFrame:
    """The map as text with names in the first column and the row average in the last."""
    table, failed = pair_table(frame, info.axes), pair_failed(frame, info.axes)
    shown = table.map(text).mask(failed, "×")
    shown.insert(len(shown.columns), "average", row_average(table).map(text))
    shown.insert(0, "", [str(name) for name in table.index])
    return shown


def _pair_facts(frame: pd.DataFrame, info: StudyInfo) -> dict[str, str]:
    table = pair_table(frame, info.axes)
    facts = {}
    for name, single in (("best pair", False), ("best single", True)):
        if found := best(table, single):
            names = found.first if single else f"{found.first} > {found.second}"
            facts[name] = f"{found.top1:.1f}  {names} (picked as this run's highest, so optimistic)"
    return facts


def _name(role: str) -> str:
    return role.replace("_", " ")
