"""A study's answer in a sentence where its question is of an axis or of metrics, and not of which cell does best."""

from collections.abc import Callable, Mapping

from ablations.figures.context import Context
from ablations.measures import label, short, text
from ablations.plot import METRIC
from ablations.verdicts.contrasts import Axes, Contrast, NotAsked, mean
from ablations.verdicts.evidence import Estimate, Evidence
from ablations.verdicts.statement import Correlation

LEAST = 3  # points that a correlation needs

Side = dict[Axes, Contrast]  # one value's cells, by what else they are


def compared(evidence: Evidence, context: Context) -> str:
    """Each value of `figure.compare` as a mean over its cells, and its difference to the first, over what both have."""
    axis, metrics = context.figure.compare, context.figure.metrics
    if axis == METRIC:
        sides = {short(metric): _cells(evidence, context, metric) for metric in metrics}
        tables = {("", metrics[0]): sides}
    else:
        tables = {(short(metric), metric): _split(_cells(evidence, context, metric), axis) for metric in metrics}
    told = {key: sides for key, sides in tables.items() if any(sides.values())}
    many = sum(sum(map(bool, sides.values())) - 1 for sides in told.values())
    said, seeds = [], 0
    for (name, metric), sides in told.items():
        line, found = _line(evidence, sides, metric, many)
        said.append(f"{name}: {line}" if name else line)
        seeds = max(seeds, found)
    if not said:
        return "Nothing is measured yet."
    first = next(value for sides in told.values() for value, side in sides.items() if side)
    beside = f"in brackets the difference to “{first}”"
    together = f" and its 95% interval{f', for all {many} together' if many > 1 else ''}" if seeds > 1 else ""
    tail = f" ({beside}{together})" if many > 0 else ""
    return f"Averaged over cells: {'; '.join(said)}{tail}{'' if seeds > 1 else '; one seed gives no verdict'}."


def ranked(evidence: Evidence, context: Context) -> str:
    """How each metric of a figure goes along with the one on its x axis, over the cells that have both."""
    x, said = str(context.figure.x), []
    along = _cells(evidence, context, x)
    for metric in context.figure.metrics:
        up = _cells(evidence, context, metric)
        both = [axes for axes in along if axes in up]
        if len(both) < LEAST:
            continue
        pair = (tuple(along[axes] for axes in both), tuple(up[axes] for axes in both))
        if (found := evidence.estimate(Correlation(*pair, metric))) is not None:
            said.append(f"{short(metric)} {found.effect:.2f}{_bounds(found, 0.95, _plain)} over {len(both)} cells")
    if not said:
        return f"Nothing to correlate yet: a correlation needs {LEAST} cells that differ."
    return f"Correlation with {short(x)}: {'; '.join(said)} (Pearson's r, 95% interval over seeds)."


def _cells(evidence: Evidence, context: Context, metric: str) -> Side:
    """Those measured on the first seed, which all others are paired with."""
    try:
        every = evidence.cells(context.study).every(metric)
    except NotAsked:
        return {}
    first = min(evidence.seeds(context.study), default=0)
    return {one.weights[0][0].axes: one for one in every if first in evidence.per_seed(one)}


def _split(cells: Side, axis: str | None) -> dict[str, Side]:
    """By the value on the axis; within each by all other axes."""
    found: dict[str, Side] = {}
    for axes, one in cells.items():
        rest = tuple((name, value) for name, value in axes if name != axis)
        value = dict(axes)[str(axis)]
        called = value if isinstance(value, str) else f"no {axis}" if value is None else f"{axis} {value}"
        found.setdefault(called, {})[rest] = one
    return found


def _line(evidence: Evidence, sides: Mapping[str, Side], metric: str, many: int) -> tuple[str, int]:
    """Every value with its difference to the first; and the number of seeds behind them."""
    (first, reference), *others = ((value, side) for value, side in sides.items() if side)
    level = evidence.estimate(mean(list(reference.values()), first))
    unit = "%" if "(%)" in label(metric) else ""
    said, seeds = [f"{first} at {text(level.effect, metric)}{unit}" if level else first], level.seeds if level else 0
    for value, side in others:
        own = evidence.estimate(mean(list(side.values()), value))
        both = [axes for axes in side if axes in reference]
        gap = evidence.estimate(mean([side[axes] - reference[axes] for axes in both], value)) if both else None
        shown = f"{value} at {text(own.effect, metric)}{unit}" if own else value
        if gap is not None:
            bounds = _bounds(gap, 1 - 0.05 / many, lambda bound: _signed(bound, metric))
            shown += f" ({_signed(gap.effect, metric)}{bounds})"
        said.append(shown)
    return ", ".join(said), seeds


def _bounds(found: Estimate, level: float, write: Callable[[float], str]) -> str:
    interval = found.interval(level)
    return f", {write(interval.low)} to {write(interval.high)}" if interval is not None else ""


def _signed(value: float, metric: str) -> str:
    sign = "+" if value >= 0 else "−"
    return f"{sign}{text(abs(value), metric)}"


def _plain(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")
