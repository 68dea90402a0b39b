"""The paper's numbers, shaped as a study's frame: so they go through the same tables and figures."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ablations.published.numbers import entries
from ablations.studies.info import StudyInfo
from ablations.studies.metrics import LABELED
from ablations.studies.plot import Plot

if TYPE_CHECKING:
    import pandas as pd  # a study's mistakes are found before it is imported


@dataclass(frozen=True)
class Published:
    """One figure or table of the paper. Accuracies are percent.

    `frame` is as a study's own (role "cell", axes, seed 0, status "done", metrics); `axes` has the values in the
    paper's order. `row_average` is the printed column of Figure 5, else None.
    """

    item: str
    source: str
    confidence: str
    setting: str
    views: str
    unstated: str
    note: str
    axes: dict[str, tuple[Any, ...]]
    metrics: tuple[str, ...]
    frame: "pd.DataFrame"
    figure: Plot | None  # how it is drawn where no study of ours says that
    row_average: "pd.Series | None"


def published(item: str) -> Published | None:
    """The paper's numbers for an item such as "fig5_aug_pairs"; None if there are none."""
    import pandas as pd

    from ablations.tables.frame import TEXT, axis_array

    entry = entries().get(item)
    if entry is None:
        return None
    axes, metrics, rows = entry["axes"], _metrics(entry), list(_rows(entry))
    values = {axis: [row[i] for row in rows] for i, axis in enumerate(axes)}
    frame = pd.DataFrame(
        {"role": pd.array(["cell"] * len(rows), dtype=TEXT)}
        | {axis: axis_array(column) for axis, column in values.items()}
        | {"seed": 0, "status": pd.array(["done"] * len(rows), dtype=TEXT)}
        | {"trial_id": pd.array([f"{item}:{i}" for i in range(len(rows))], dtype=TEXT)}
        | {metric: [_number(row[len(axes) + i]) for row in rows] for i, metric in enumerate(metrics)}
    )
    average = entry.get("row_average")
    return Published(
        item=item,
        **{key: entry[key] for key in ("source", "confidence", "setting", "views")},
        **{key: entry.get(key, "") for key in ("unstated", "note")},
        axes={axis: tuple(dict.fromkeys(column)) for axis, column in values.items()},
        metrics=metrics,
        frame=frame,
        figure=Plot.model_validate(entry["figure"]) if "figure" in entry else None,
        row_average=pd.Series(average, index=entry["columns"]) if average else None,
    )


def _metrics(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(entry["metrics"]) if "metrics" in entry else (entry.get("metric", LABELED),)


def _rows(entry: Mapping[str, Any]) -> Iterator[list[Any]]:
    """The axes' values, then the metrics'. A cell that the paper does not have is left out."""
    if "rows" in entry:
        yield from entry["rows"]
        return
    for above, line in _lines(entry["grid"], len(entry["axes"]) - 1):
        for column, value in zip(entry["columns"], line, strict=True):
            if value is not None:
                yield [*above, column, value]


def _lines(grid: Mapping[Any, Any], depth: int) -> Iterator[tuple[list[Any], list[Any]]]:
    for key, below in grid.items():
        if depth == 1:
            yield [key], below
        else:
            yield from (([key, *more], line) for more, line in _lines(below, depth - 1))


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def as_ours(paper: Published, info: StudyInfo) -> StudyInfo:
    """Describe the study as the paper has it, so that its frame goes through our tables and figures.

    What of the study's layout the paper's item does not have, an axis or a metric, is left out. An axis that the study
    averages over and the paper still shows, averaged in parts (Figure B.8's epochs), is in panels.
    """
    plot = info.figure
    apart = next((axis for axis in plot.average if axis in paper.axes), None)
    if apart is not None:
        average = tuple(axis for axis in plot.average if axis != apart)
        plot = plot.model_copy(update={"panel": apart, "average": average})
    asked = (LABELED if metric == info.headline else metric for metric in plot.metrics)
    metrics = tuple(metric for metric in asked if metric in paper.metrics) or paper.metrics
    kept = {*paper.axes, *({"metric"} if len(metrics) > 1 else ()), *(paper.metrics if plot.kind == "scatter" else ())}
    places = {name: value if value in kept else None for name, value in
              (("x", plot.x), ("hue", plot.hue), ("panel", plot.panel))}  # fmt: skip
    kept_axes = {
        name: tuple(axis for axis in axes if axis in paper.axes)
        for name, axes in (("average", plot.average), ("choose", plot.choose))
    }
    theirs = plot.model_copy(update={"metrics": metrics, **kept_axes, **places})
    return replace(info, figure=theirs, axes=dict(paper.axes), headline=LABELED)
