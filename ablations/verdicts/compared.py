"""A study's answer in a sentence where its question is of an axis or of metrics, and not of which cell does best.

Everything said of one metric is of the same cells and the same seeds, so that levels and differences agree (see
ablations.verdicts.differences).
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
from ablations.verdicts.contrasts import NotAsked
from ablations.verdicts.differences import Matched, Side, matched, split
from ablations.verdicts.evidence import Estimate, Evidence
from ablations.verdicts.statement import Correlation

LEAST = 3  # points that a correlation needs


def compared(evidence: Evidence, info: StudyInfo) -> str:
    """Words for each value of `figure.compare` as a mean over its cells, and its difference to the first."""
    tables = sides_by_metric(evidence, info)
    blocks = {key: block for key, sides in tables.items() if (block := _block(evidence, sides)) is not None}
    if not blocks:
        return "Nothing is measured yet."
    many = sum(len(names) - 1 for names, _ in blocks.values())
    said, several = [], False
    for (name, metric), (names, common) in blocks.items():
        line = _line(evidence, names, common, metric, many)
        absent = [value for value in tables[name, metric] if value not in names]
        cells, of = len(common.cells), max(map(len, tables[name, metric].values()))
        notes = [f"of the {of} cells those {cells} that all have"] if cells < of else []
        notes += [f"no such cell of {', '.join(absent)}"] if absent else []
        said.append(f"{name + ': ' if name else ''}{line}{' – ' + '; '.join(notes) if notes else ''}")
        several |= len(common.seeds) > 1
    firsts = {names[0] for names, _ in blocks.values()}
    beside = f"in brackets the difference to {f'“{firsts.pop()}”' if len(firsts) == 1 else 'the first'}"
    together = f" and its 95% interval{f', for all {many} together' if many > 1 else ''}" if several else ""
    tail = f" ({beside}{together})" if many else ""
    return f"Averaged over cells: {'; '.join(said)}{tail}{'' if several else '; one seed gives no verdict'}."


def correlated(evidence: Evidence, info: StudyInfo) -> str:
    """Words for how each metric of a figure goes along with the one on its x axis, over the cells that have both."""
    x, said, several = str(info.figure.x), [], False
    for metric in info.figure.metrics:
        if metric == x:
            continue
        both = matched(evidence, [_cells(evidence, info, name) for name in (x, metric)])
        if both is None or len(both.cells) < LEAST:
            continue
        ours, theirs = zip(*both.cells.values(), strict=True)
        r = evidence.estimate(Correlation(ours, theirs, metric))
        if r is not None:
            several |= r.seeds > 1
            said.append(f"{short(metric)} {_plain(r.effect)}{_bounds(r, 0.95, _plain)} over {len(both.cells)} cells")
    if not said:
        return f"Nothing to correlate yet: a correlation needs {LEAST} cells that differ."
    end = "95% interval over seeds, each by itself" if several else "one seed gives no verdict"
    return f"Correlation with {short(x)}: {'; '.join(said)} (Pearson's r; {end})."


def sides_by_metric(evidence: Evidence, info: StudyInfo) -> dict[tuple[str, str], dict[str, Side]]:
    """Cells of each value compared, by what the value is called; all of it by (name in front, metric).

    Where the metrics themselves are compared there is one table, with no name and the first metric's digits.
    """
    axis, metrics = info.figure.compare, info.figure.metrics
    if axis == METRIC:
        return {("", metrics[0]): {short(metric): _cells(evidence, info, metric) for metric in metrics}}
    return {
        (short(metric), metric): {
            value_called(str(axis), value): side
            for value, side in split(_cells(evidence, info, metric), str(axis)).items()
        }
        for metric in metrics
    }


def value_called(axis: str, value: Any) -> str:
    """A value of a compared axis for people: a name as it is, a number with its axis."""
    return value if isinstance(value, str) else f"no {axis}" if value is None else f"{axis} {value}"


def _cells(evidence: Evidence, info: StudyInfo, metric: str) -> Side:
    """Cells that have the metric on some seed."""
    try:
        every = evidence.cells(info.study).every(metric)
    except NotAsked:
        return {}
    return {one.weights[0][0].axes: one for one in every if evidence.per_seed(one)}


def _block(evidence: Evidence, sides: Mapping[str, Side]) -> tuple[list[str], Matched] | None:
    """The values that have anything on the seed that has most cells, and what these all have; None where none has.

    Where they have nothing in common, the first value alone.
    """
    having = {name: [set(evidence.per_seed(one)) for one in side.values()] for name, side in sides.items()}
    count = Counter(seed for side in having.values() for seeds in side for seed in seeds)
    if not count:
        return None
    anchor = min(count, key=lambda seed: (-count[seed], seed))
    names = [name for name, side in having.items() if any(anchor in seeds for seeds in side)]
    for there in (names, names[:1]):
        common = matched(evidence, [sides[name] for name in there])
        if common is not None:
            return there, common
    return None


def _line(evidence: Evidence, names: Sequence[str], common: Matched, metric: str, many: int) -> str:
    """Every value with its difference to the first."""
    unit = "%" if "(%)" in label(metric) else ""
    said = [f"{names[0]} at {text(common.level(evidence, 0).effect, metric)}{unit}"]
    for place, value in list(enumerate(names))[1:]:
        own, gap = common.level(evidence, place), common.difference(evidence, place, 0)
        bounds = _bounds(gap, 1 - 0.05 / many, lambda bound: signed(bound, metric))
        said.append(f"{value} at {text(own.effect, metric)}{unit} ({signed(gap.effect, metric)}{bounds})")
    return ", ".join(said)


def _bounds(estimate: Estimate, level: float, write: Callable[[float], str]) -> str:
    interval = estimate.interval(level)
    return f", {write(interval.low)} to {write(interval.high)}" if interval is not None else ""


def beside(frame: pd.DataFrame, metric: str) -> str:
    """The levels of a study's baselines, " (untrained 30.0)"; empty where none is measured."""
    levels = [f"{name.replace('_', ' ')} {text(level, metric)}" for name, level in baselines(frame, metric).items()
              if math.isfinite(level)]  # fmt: skip
    return f" ({', '.join(levels)})" if levels else ""


def signed(value: float, metric: str) -> str:
    """A difference in the metric's digits, with its sign."""
    size = text(abs(value), metric)
    return size if float(size) == 0 else f"{'+' if value > 0 else '−'}{size}"


def _plain(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")
