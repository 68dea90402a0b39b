"""What a figure says about its study besides the numbers. Needs no plotting library."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ablations.paper import Published
from ablations.plot import Plot

AxisValue = str | bool | int | float | None
Epochs = Callable[[str], Sequence[Mapping[str, Any]]]  # trial_id -> a row per epoch
Outcomes = Callable[[str], Mapping[str, Any]]  # trial_id -> what its probes found, arrays by metric


@dataclass(frozen=True)
class Context:
    """The study, its scale and its setting, for titles, captions and the order of rows and columns."""

    study: str
    question: str  # the figure's title
    paper: str  # the item of the paper it answers to, such as "fig5_aug_pairs"; may be unknown to ablations.paper
    figure: Plot  # what is drawn, and how
    scale: str
    about: str  # the scale in one line
    stamp: bool  # the numbers mean nothing: say so across the figure
    data: str  # the data set's title
    encoder: str
    epochs: tuple[int, ...]  # of the cells: one number unless it is an axis
    batch_size: tuple[int, ...]
    seeds: int  # how many, not which
    views: str  # asymmetric or symmetric
    overrides: tuple[str, ...]  # what was changed on the command line, "path=value"
    axes: dict[str, tuple[AxisValue, ...]]  # values in declared order, those of extra cells included
    caption: tuple[str, ...] = ()  # sentences, in place of those that the study's frame gives
    labels: dict[str, str] = field(default_factory=dict)  # of axes, for people; an axis without one goes by its name
    repeats: str = ""  # the study that this one repeats along its first axis; empty where it repeats none
    images: int = 0  # to train on; 0 where that is not known

    @property
    def title(self) -> str:
        """Of a panel with this run's numbers."""
        return f"paper: {self.encoder}" if self.caption else f"this run: {self.encoder}, {self.data}"

    def named(self, axis: str) -> str:
        """The axis's label."""
        return self.labels.get(axis) or axis


def as_ours(paper: Published, context: Context) -> Context:
    """The context in which the paper's frame goes through our tables and figures.

    What of the study's layout the paper's item does not have, an axis or a metric, is left out. An axis that the study
    averages over and the paper still shows, averaged in parts (Figure B.8's epochs), is in panels.
    """
    plot = context.figure
    apart = next((axis for axis in plot.average if axis in paper.axes), None)
    if apart is not None:
        average = tuple(axis for axis in plot.average if axis != apart)
        plot = plot.model_copy(update={"panel": apart, "average": average})
    metrics = tuple(metric for metric in plot.metrics if metric in paper.metrics) or paper.metrics
    kept = {*paper.axes, *({"metric"} if len(metrics) > 1 else ()), *(paper.metrics if plot.kind == "scatter" else ())}
    places = {name: value if value in kept else None for name, value in
              (("x", plot.x), ("hue", plot.hue), ("panel", plot.panel))}  # fmt: skip
    kept_axes = {
        name: tuple(axis for axis in axes if axis in paper.axes)
        for name, axes in (("average", plot.average), ("choose", plot.choose))
    }
    theirs = plot.model_copy(update={"metrics": metrics, **kept_axes, **places})
    return replace(context, figure=theirs, axes=dict(paper.axes))
