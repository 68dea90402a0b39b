"""A study's answer in a sentence where its question is of an axis or of metrics, and not of which cell does best.

Everything said of one metric is of the same cells and the same seeds, so that levels and differences agree: the cells
that all values have, and every seed that has all of these.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from ablations.studies.info import StudyInfo
from ablations.studies.metrics import label, short, text
from ablations.studies.plot import METRIC
from ablations.tables.cells import baselines
from ablations.verdicts.contrasts import Axes, Contrast, NotAsked, mean
from ablations.verdicts.evidence import Estimate, Evidence
from ablations.verdicts.statement import Correlation

LEAST = 3  # points that a correlation needs

Side = dict[Axes, Contrast]  # one value's cells, by what else they are


def compared(evidence: Evidence, info: StudyInfo) -> str:
    """Each value of `figure.compare` as a mean over its cells, and its difference to the first."""
    tables = sides_by_metric(evidence, info)
    blocks = {key: _block(evidence, sides) for key, sides in tables.items()}
    blocks = {key: sides for key, sides in blocks.items() if sides}
    if not blocks:
        return "Nothing is measured yet."
    many = sum(len(sides) - 1 for sides in blocks.values())
    said, several = [], False
    for (name, metric), sides in blocks.items():
        line, seeds = _line(evidence, sides, metric, many)
        absent = [value for value in tables[name, metric] if value not in sides]
        cells, of = len(next(iter(sides.values()))), max(map(len, tables[name, metric].values()))
        notes = [f"of the {of} cells those {cells} that all have"] if cells < of else []
        notes += [f"no such cell of {', '.join(absent)}"] if absent else []
        said.append(f"{name + ': ' if name else ''}{line}{' – ' + '; '.join(notes) if notes else ''}")
        several |= seeds > 1
    firsts = {next(iter(sides)) for sides in blocks.values()}
    beside = f"in brackets the difference to {f'“{firsts.pop()}”' if len(firsts) == 1 else 'the first'}"
    together = f" and its 95% interval{f', for all {many} together' if many > 1 else ''}" if several else ""
    tail = f" ({beside}{together})" if many else ""
    return f"Averaged over cells: {'; '.join(said)}{tail}{'' if several else '; one seed gives no verdict'}."


def correlated(evidence: Evidence, info: StudyInfo) -> str:
    """How each metric of a figure goes along with the one on its x axis, over the cells that have both."""
    x, said, several = str(info.figure.x), [], False
    for metric in info.figure.metrics:
        if metric == x:
            continue
        sides = _block(evidence, {name: _cells(evidence, info, name) for name in (x, metric)})
        if len(sides) < 2 or len(sides[x]) < LEAST:
            continue
        found = evidence.estimate(Correlation(tuple(sides[x].values()), tuple(sides[metric].values()), metric))
        if found is not None:
            several |= found.seeds > 1
            said.append(
                f"{short(metric)} {_plain(found.effect)}{_bounds(found, 0.95, _plain)} over {len(sides[x])} cells"
            )
    if not said:
        return f"Nothing to correlate yet: a correlation needs {LEAST} cells that differ."
    end = "95% interval over seeds, each by itself" if several else "one seed gives no verdict"
    return f"Correlation with {short(x)}: {'; '.join(said)} (Pearson's r; {end})."


def sides_by_metric(evidence: Evidence, info: StudyInfo) -> dict[tuple[str, str], dict[str, Side]]:
    """(name in front, metric) -> the cells of each value compared, by what the value is called.

    Where the metrics themselves are compared there is one table, with no name and the first metric's digits.
    """
    axis, metrics = info.figure.compare, info.figure.metrics
    if axis == METRIC:
        return {("", metrics[0]): {short(metric): _cells(evidence, info, metric) for metric in metrics}}
    return {(short(metric), metric): _split(_cells(evidence, info, metric), str(axis)) for metric in metrics}


def value_called(axis: str, value: Any) -> str:
    """A value of a compared axis for people: a name as it is, a number with its axis."""
    return value if isinstance(value, str) else f"no {axis}" if value is None else f"{axis} {value}"


def _cells(evidence: Evidence, info: StudyInfo, metric: str) -> Side:
    """Those with the metric on some seed."""
    try:
        every = evidence.cells(info.study).every(metric)
    except NotAsked:
        return {}
    return {one.weights[0][0].axes: one for one in every if evidence.per_seed(one)}


def _split(cells: Side, axis: str) -> dict[str, Side]:
    """By the value on the axis; within each by all other axes."""
    found: dict[str, Side] = {}
    for axes, one in cells.items():
        rest = tuple((name, value) for name, value in axes if name != axis)
        found.setdefault(value_called(axis, dict(axes)[axis]), {})[rest] = one
    return found


def _block(evidence: Evidence, sides: Mapping[str, Side]) -> dict[str, Side]:
    """The cells that all values have, on the seed that has most of them; without values that it has nothing of."""
    seeds = [set(evidence.per_seed(one)) for side in sides.values() for one in side.values()]
    if not seeds:
        return {}
    count = Counter(seed for each in seeds for seed in each)
    anchor = min(count, key=lambda seed: (-count[seed], seed))
    there = {
        value: {axes: one for axes, one in side.items() if anchor in evidence.per_seed(one)}
        for value, side in sides.items()
    }
    there = {value: side for value, side in there.items() if side}
    common = {axes for side in there.values() for axes in side if all(axes in other for other in there.values())}
    if not common:  # nothing to compare: the first value alone
        return dict([next(iter(there.items()))])
    return {value: {axes: one for axes, one in side.items() if axes in common} for value, side in there.items()}


def _line(evidence: Evidence, sides: Mapping[str, Side], metric: str, many: int) -> tuple[str, int]:
    """Every value with its difference to the first; and the number of seeds that have them all."""
    having = [set(evidence.per_seed(one)) for side in sides.values() for one in side.values()]
    without = {seed for seed in set().union(*having) if not all(seed in each for each in having)}
    (first, reference), *others = sides.items()
    unit = "%" if "(%)" in label(metric) else ""

    def estimate(cells: Sequence[Contrast]) -> Estimate:
        found = evidence.estimate(mean(cells, first), without)
        assert found is not None  # the seed that the cells were chosen on has them
        return found

    level = estimate(list(reference.values()))
    said = [f"{first} at {text(level.effect, metric)}{unit}"]
    for value, side in others:
        own, gap = estimate(list(side.values())), estimate([side[axes] - reference[axes] for axes in side])
        bounds = _bounds(gap, 1 - 0.05 / many, lambda bound: signed(bound, metric))
        said.append(f"{value} at {text(own.effect, metric)}{unit} ({signed(gap.effect, metric)}{bounds})")
    return ", ".join(said), level.seeds


def _bounds(found: Estimate, level: float, write: Callable[[float], str]) -> str:
    interval = found.interval(level)
    return f", {write(interval.low)} to {write(interval.high)}" if interval is not None else ""


def beside(frame: pd.DataFrame, metric: str) -> str:
    """ " (untrained 30.0)": the levels of a study's baselines; empty where none is measured."""
    levels = [f"{name.replace('_', ' ')} {text(level, metric)}" for name, level in baselines(frame, metric).items()
              if math.isfinite(level)]  # fmt: skip
    return f" ({', '.join(levels)})" if levels else ""


def signed(value: float, metric: str) -> str:
    """A difference in the metric's digits, with its sign."""
    size = text(abs(value), metric)
    return size if float(size) == 0 else f"{'+' if value > 0 else '−'}{size}"


def _plain(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")
