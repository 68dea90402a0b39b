"""The figure and the table of a study, as its YAML says: the kind, and which axis or metric goes where."""

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from ablations.studies.metrics import LABEL_FREE, LABELED, label, needs_labels

METRIC = "metric"  # in place of an axis: the metrics side by side


class Plot(BaseModel):
    """pairs: a map, first axis down, second across. bars: groups along `x`, in them the values of `hue`, small
    multiples over `panel`. scatter: one point a cell, a metric along `x`, in the colors of `hue`. spectrum: the sorted
    eigenvalues of each trial's head, in the colors of the study's one axis, its `hue`; the metrics are the table's.
    budget: of a study that repeats another at several numbers of epochs, its axis `x`: top1, agreement with the paper's
    map and the claims that hold, against the image pairs trained on. A line for each combination of the other axes, in
    the colors of `hue`; without `hue` they are a map of pairs, whose best known cells have the lines.

    Axes in `average` are averaged over before anything is drawn. Those in `choose` are tuned: their best values are
    chosen by the probe's validation split on the first seed, and shown with the other seeds. A bare word is the kind
    alone. `compare` is the axis, or METRIC, whose values the study's question is about: its answer then compares these,
    averaged over everything else, where it else names the best cell. `reference` is the one of these values that all
    others are compared with: the answer then ranks their differences to it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["pairs", "bars", "scatter", "spectrum", "budget"]
    metrics: tuple[str, ...] = (LABELED,)
    x: str | None = None
    hue: str | None = None
    panel: str | None = None
    average: tuple[str, ...] = ()
    choose: tuple[str, ...] = ()
    compare: str | None = None
    reference: str | bool | int | float | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, given: Any) -> Any:
        return {"kind": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _metrics_differ(self) -> Self:
        if not self.metrics or len(set(self.metrics)) < len(self.metrics):
            raise ValueError(f"metrics must name at least one metric, each once, got {list(self.metrics)}")
        return self

    @property
    def placed(self) -> list[str]:
        """Axes, or METRIC, that have a place in a figure of bars or points."""
        return [name for name in (self.x, self.hue, self.panel) if name is not None]

    def without_labels(self, axes: Sequence[str]) -> "Plot":
        """The figure of a study with these axes whose images have no labels: what needs some is the label-free metric.

        Where several metrics become one, or points lose their x, the axes move up into the places that are free.
        """
        metrics = tuple(dict.fromkeys(LABEL_FREE if needs_labels(metric) else metric for metric in self.metrics))
        changed: dict[str, Any] = {"metrics": metrics}
        pointless = self.kind == "scatter" and self.x is not None and needs_labels(self.x)
        alone = len(metrics) == 1 and METRIC in self.placed
        if pointless or alone:
            left = self.shown(axes)
            first = [name for name in self.placed if name in left]
            order = [*first, *(axis for axis in left if axis not in first)]
            places = dict(zip(("x", "hue", "panel"), [*order, None, None, None], strict=False))
            changed |= {"kind": "bars", **places, "average": (*self.average, *order[3:])}
        if self.compare == METRIC and len(metrics) == 1:
            changed |= {"compare": None, "reference": None}
        return self.model_copy(update=changed)

    def shown(self, axes: Sequence[str]) -> list[str]:
        """The axes that are neither averaged over nor chosen."""
        return [axis for axis in axes if axis not in (*self.average, *self.choose)]

    def check(self, axes: Sequence[str]) -> None:
        """Raise ValueError where a study with these axes cannot be drawn so."""
        for key, names in (("average", self.average), ("choose", self.choose)):
            for name in names:
                if name not in axes:
                    raise ValueError(f"{key}: there is no axis {name!r}; allowed: {', '.join(axes)}")
        if self.compare is not None:
            if self.choose:
                raise ValueError("compare: a figure that has it cannot also choose")
            if self.compare not in (comparable := [*axes, METRIC] if len(self.metrics) > 1 else [*axes]):
                raise ValueError(f"compare: there is no axis {self.compare!r}; allowed: {', '.join(comparable)}")
            if self.compare == METRIC and len({"(%)" in label(metric) for metric in self.metrics}) > 1:
                raise ValueError(f"compare: {', '.join(self.metrics)} have no unit in common")
        if self.reference is not None and self.compare is None:
            raise ValueError("reference: it is a value of the axis that is compared; name that as compare")
        if self.compare == METRIC and self.reference is not None and self.reference not in self.metrics:
            raise ValueError(f"reference: there is no metric {self.reference!r}; allowed: {', '.join(self.metrics)}")
        left = self.shown(axes)
        if self.kind == "pairs":
            if len(left) != 2 or self.placed or self.metrics != (LABELED,):
                raise ValueError(f"a figure of kind 'pairs' shows top1 over exactly 2 axes, got {len(left)}")
            return
        if self.kind == "spectrum":  # eigenvalues of several trials have no mean, and no one of them is the best
            if self.placed != list(axes) or self.hue is None or self.average or self.choose:
                raise ValueError(f"a figure of kind 'spectrum' has one axis, as hue, got {', '.join(axes)}")
            return
        if self.x is None:
            raise ValueError(f"a figure of kind {self.kind!r} needs x; allowed: {', '.join(left)}")
        if self.kind == "budget":
            others = [axis for axis in left if axis != self.x]
            more = self.panel or self.choose or self.compare
            if self.x not in left or more or self.metrics != (LABELED,):
                raise ValueError(
                    "a figure of kind 'budget' shows top1 along an axis as x, with hue and average at most"
                )
            if self.hue is not None and self.hue not in others:
                raise ValueError(f"{self.hue!r} has no place in the figure; allowed: {', '.join(others)}")
            if self.hue is None and len(others) != 2:
                raise ValueError(
                    f"a figure of kind 'budget' without hue is of a map, x and 2 other axes, got {', '.join(left)}"
                )
            return
        places = [*left, METRIC] if len(self.metrics) > 1 else left
        if self.kind == "scatter":  # x is a metric, and axes without a place name the points
            for place in (self.hue, self.panel):
                if place is not None and place not in places:
                    raise ValueError(f"{place!r} has no place in the figure; allowed: {', '.join(places)}")
            return
        if sorted(self.placed) != sorted(places):
            raise ValueError(f"x, hue and panel must place each of {', '.join(places)} once, got {self.placed}")
