"""Weights of a negative in each loss's gradient, against its similarity with the anchor (Table 2 of the paper)."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ablations.figures import style
from simclr_core.config import Loss
from simclr_core.loss_gradients import negative_weights

POSITIVE = 0.8  # similarity of the anchor with its positive
NEGATIVES = 14  # of 8 images, as in the picture of the negatives
OTHERS = {"easy": 0.0, "hard": 0.6}  # similarity of all other negatives
TEMPERATURES, MARGINS = (0.1, 0.2, 0.5, 1.0), (0.4, 0.8)
SIMILARITY = np.linspace(-1, 1, 2001)

WIDTH, HEIGHT = 2.6, 1.9  # inches: the axes
LEFT, RIGHT, ABOVE, BELOW = 0.6, 0.1, 0.35, 0.55
CAPTION = (
    f"One negative's similarity varies along the axis; the other {NEGATIVES - 1} are all at {OTHERS['easy']:g} (easy) "
    f"or at {OTHERS['hard']:g} (hard), the positive at {POSITIVE:g}. Weight: the coefficient of that negative in the "
    "gradient with respect to the anchor, times the temperature where there is one, which only scales the whole "
    "gradient; for NT-Xent it is then the negative's probability.",
    "Where the dashed line lies on the solid one, the other negatives do not matter: NT-Xent alone weighs a negative "
    "by how hard it is beside the others. Semi-hard mining does so too, but all or nothing: of the negatives that are "
    "less similar than the positive it takes the most similar one.",
    "Drawn from the formulas of Table 2; no data and no training. Logistic and margin losses are means over their "
    "negatives: each weight is then divided by their number.",
)


@dataclass(frozen=True)
class LossPanel:
    """One loss; a color for each of its temperatures or margins."""

    title: str
    losses: tuple[Loss, ...]


PANELS = (
    LossPanel("NT-Xent", tuple(Loss(temperature=t) for t in TEMPERATURES)),
    *(
        LossPanel(
            title + (", semi-hard" if semi_hard else ""),
            tuple(Loss.model_validate({"name": name, field: value, "semi_hard": semi_hard}) for value in values),
        )
        for semi_hard in (False, True)
        for title, name, field, values in (
            ("NT-Logistic", "nt_logistic", "temperature", TEMPERATURES),
            ("margin triplet", "margin_triplet", "margin", MARGINS),
        )
    ),
)
PLACES = ((0, 1), (1, 1), (2, 1), (1, 0), (2, 0))  # column and row of each panel; the corner left is the legend's
_TEMPERATURE = style.hues(TEMPERATURES)
_MARGIN = dict(zip(MARGINS, (style.COLORS[1], style.COLORS[3]), strict=True))  # none of the temperatures'
_LINES: dict[str, dict[str, float | str]] = {  # a pale band and thin dashes: both are seen where they coincide
    "easy": {"linewidth": 3.0, "alpha": 0.45},
    "hard": {"linewidth": 1.2, "linestyle": "--"},
}


def curve(settings: Loss, others: float) -> NDArray[np.float64]:
    """(2001,) weight in [0, 1] of one negative at each of SIMILARITY, times the temperature where the loss has one."""
    s_neg = np.full((len(SIMILARITY), NEGATIVES), others)
    s_neg[:, 0] = SIMILARITY
    weights = negative_weights(POSITIVE, s_neg, settings)[:, 0]
    return weights if settings.name == "margin_triplet" else weights * settings.temperature


@style.applied()
def draw() -> Figure:
    """Draw a panel per loss, semi-hard mining below; colors: temperatures and margins; lines: the other negatives."""
    width = 3 * (LEFT + WIDTH + RIGHT) + 2 * style.MARGIN
    row = ABOVE + HEIGHT + BELOW
    title = "How much does each loss push one negative away? (Table 2 of the paper)"
    page = style.Page(width, 2 * row, title, CAPTION)
    for panel, (column, up) in zip(PANELS, PLACES, strict=True):
        left = style.MARGIN + column * (LEFT + WIDTH + RIGHT) + LEFT
        _draw(page.axes(left, up * row + BELOW, WIDTH, HEIGHT), panel)
    _legend(page.axes(style.MARGIN, BELOW, LEFT + WIDTH, HEIGHT))
    return page.figure


def _color(settings: Loss) -> str:
    return _MARGIN[settings.margin] if settings.name == "margin_triplet" else _TEMPERATURE[settings.temperature]


def _draw(axes: Axes, panel: LossPanel) -> None:
    axes.axvline(POSITIVE, color=style.MUTED, linewidth=0.8, linestyle=":")
    for settings in panel.losses:
        for name, others in OTHERS.items():
            axes.plot(SIMILARITY, curve(settings, others), color=_color(settings), **_LINES[name])  # type: ignore[arg-type]
    times = "" if panel.losses[0].name == "margin_triplet" else " × temperature"
    axes.set(xlim=(-1, 1), ylim=(-0.03, 1.05), xlabel="cosine similarity with the anchor", ylabel=f"weight{times}")
    axes.set_title(panel.title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)


def _legend(axes: Axes) -> None:
    axes.axis("off")
    handles = [
        Line2D([], [], color=style.INK, label=f"other negatives {name}, at {others:g}", **_LINES[name])  # type: ignore[arg-type]
        for name, others in OTHERS.items()
    ]
    handles += [
        Line2D([], [], color=color, linewidth=2, label=f"{name} {value:g}")
        for name, colors in (("temperature", _TEMPERATURE), ("margin", _MARGIN))
        for value, color in colors.items()
    ]
    handles.append(
        Line2D([], [], color=style.MUTED, linewidth=0.8, linestyle=":", label=f"the positive, at {POSITIVE:g}")
    )
    axes.legend(handles=handles, loc="upper left", frameon=False, fontsize=style.NUMBER_SIZE, borderpad=0)
