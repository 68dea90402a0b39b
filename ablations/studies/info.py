"""A study as figures and captions speak of it, besides its numbers. Needs no plotting library."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ablations.studies.metrics import LABEL_FREE, LABELED
from ablations.studies.model import CELL, AxisValue, Scale, Study, Trial
from ablations.studies.plot import Plot
from simclr_core.config import Data

Axes = Mapping[str, Sequence[AxisValue]]  # axis -> its values in declared order, those of extra cells included
Unasked = tuple[int, tuple[AxisValue, ...], int, str]  # a cell's trial: its row, values on the axes, seed, trial_id
Epochs = Callable[[str], Sequence[Mapping[str, Any]]]  # trial_id -> a row per epoch
Outcomes = Callable[[str], Mapping[str, Any]]  # trial_id -> what its probes found, arrays by metric


@dataclass(frozen=True)
class StudyInfo:
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
    images: int = 0  # that an epoch trains on, whole batches alone; 0 where that is not known
    composed: bool = True  # of a map: its axes append to one chain, so that a cell is a pair of transformations
    unasked: tuple[Unasked, ...] = ()  # rows that the table on disk leaves out: neither asked for nor there
    headline: str = LABELED  # the metric by which its cells are compared; another one where the images have no labels

    @property
    def labeled(self) -> bool:
        """Whether the images have labels, so that accuracies are known."""
        return self.headline != LABEL_FREE

    @property
    def title(self) -> str:
        """The title of a panel with this run's numbers."""
        return f"paper: {self.encoder}" if self.caption else f"this run: {self.encoder}, {self.data}"

    def named(self, axis: str) -> str:
        """The axis's label."""
        return self.labels.get(axis) or axis


def values_of(study: Study, scale: str) -> dict[str, tuple[AxisValue, ...]]:
    """The values of each axis at that scale in declared order, those of extra cells included."""
    return {axis: study.values(axis, scale) for axis in study.axes}


def study_info(
    asked: Study,
    scale: Scale,
    trials: Sequence[Trial],
    images: Mapping[Data, tuple[str, int]],
    overrides: Sequence[str],
    labeled: bool = True,
) -> StudyInfo:
    """Gather what captions say of the study.

    images: of each data set of the cells its title and how many images it has to train on, of which whole batches
    count; overrides: what the command line changed, path=value; labeled: whether the images have labels. Without them
    the figure shows what needs none, and the paper's is left out where that is laid out otherwise.
    """
    figure = asked.figure if labeled else asked.figure.without_labels([*asked.axes])
    recipes = [trial.recipe for trial in trials if trial.role == CELL]
    mirrored = {recipe.views.left == recipe.views.right for recipe in recipes}
    encoders = dict.fromkeys(
        recipe.encoder.name + (f" {recipe.encoder.width}x" if recipe.encoder.width > 1 else "") for recipe in recipes
    )
    return StudyInfo(
        study=asked.study,
        question=asked.question,
        paper=asked.paper if figure.placed == asked.figure.placed else "",
        figure=figure,
        scale=scale.scale,
        about=scale.about,
        stamp=scale.stamp,
        data=", ".join(dict.fromkeys(title for title, _ in images.values())),
        encoder=", ".join(encoders),
        epochs=tuple(sorted({recipe.schedule.epochs for recipe in recipes})),
        batch_size=tuple(sorted({recipe.schedule.batch_size for recipe in recipes})),
        seeds=len({recipe.seed for recipe in recipes}),
        views="symmetric"
        if mirrored == {True}
        else "asymmetric"
        if mirrored == {False}
        else "symmetric and asymmetric",
        overrides=tuple(overrides),
        axes=values_of(asked, scale.scale),
        labels={name: axis.label for name, axis in asked.axes.items() if axis.label},
        repeats=asked.repeats,
        composed=_composed(asked),
        images=min(recipe.schedule.images_per_epoch(images[recipe.data][1]) for recipe in recipes),
        headline=LABELED if labeled else LABEL_FREE,
    )


def stamp(scale: Scale | StudyInfo) -> str:
    """What must be said across everything that shows a scale's numbers, where these mean nothing; else empty."""
    return f"{scale.scale.upper()}: {scale.about}" if scale.stamp else ""


def _composed(study: Study) -> bool:
    """Whether the cells of the study's map are pairs of transformations."""
    axes = [study.axes[name] for name in study.figure.shown([*study.axes]) if name != study.along]
    return len(axes) == 2 and all(axis.append is not None for axis in axes) and axes[0].paths == axes[1].paths
