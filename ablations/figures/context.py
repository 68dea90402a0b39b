"""What a figure says about its study besides the numbers. Needs no plotting library."""

from dataclasses import dataclass

AxisValue = str | int | float | None


@dataclass(frozen=True)
class Context:
    """The study, its scale and its setting, for titles, captions and the order of rows and columns."""

    study: str
    question: str  # the figure's title
    paper: str  # the item of the paper it answers to, such as "fig5_aug_pairs"; may be unknown to ablations.paper
    figure: str  # pairs or heads
    scale: str
    about: str  # the scale in one line
    stamp: bool  # the numbers mean nothing: say so across the figure
    data: str  # the data set's title
    encoder: str
    epochs: int
    batch_size: int
    seeds: int  # how many, not which
    views: str  # asymmetric or symmetric
    overrides: tuple[str, ...]  # what was changed on the command line, "path=value"
    axes: dict[str, tuple[AxisValue, ...]]  # values in declared order, those of extra cells included
