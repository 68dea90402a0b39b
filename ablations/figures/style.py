"""The look of every figure: sizes in inches, fonts, colors. Drawing code holds no styling of its own."""

import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from math import atan2, degrees, hypot
from numbers import Real
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

FONT = "DejaVu Sans"  # comes with matplotlib: the same figure everywhere
RC: Any = {  # matplotlib's own type for this lists every key there is
    # Whatever a user's matplotlibrc says; but which window draws on a screen is not ours to choose.
    **{key: value for key, value in mpl.rcParamsDefault.items() if key != "backend"},
    "font.family": FONT,
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.labelsize": 9.0,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "axes.linewidth": 0.6,
    "hatch.linewidth": 0.5,
    "figure.dpi": 150.0,
    "savefig.dpi": 150.0,
    "svg.hashsalt": "simclr-ablations",  # no random ids: the same bytes each time
    "svg.fonttype": "path",
    "pdf.fonttype": 42,  # whole fonts, which publishers take
    "text.parse_math": False,  # a $ in a name is a $
}

DIVERGING = "PuOr_r"  # color-blind-safe, white at zero
SEQUENTIAL = "viridis"  # ordered in lightness, safe for color-blind readers
COLORS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#f0e442",
)  # Okabe and Ito, color-blind-safe
MARKERS = "osD^vP*X<>"  # ten that are told apart without color
NAMED = {  # the same in every figure
    "none": "#949494", "linear": "#56b4e9", "nonlinear": "#d55e00",
    "SimCLR": "#0072b2", "supervised": "#949494",
}  # fmt: skip
DASHES = ("--", ":", "-.")  # of the baselines
INK, MUTED, ABSENT = "#222222", "#555555", "#e6e6e6"
HATCH = "/////"
SHIELD = "\u2060"  # stands before a label that begins with an underscore, and is not drawn

TITLE_SIZE, NUMBER_SIZE, CAPTION_SIZE = 11.0, 8.0, 7.5
MARGIN = 0.15
LINE = 0.16  # height of a caption line
CHARACTER = 0.0585  # mean width of a caption character
NUMBER_CHARACTER = 0.063  # of a legend's, generously
LABEL_CHARACTER = 0.075  # of the longest names and panel titles, generously
STAMP_CHARACTER = 0.68  # mean width of a bold character, in units of its size


def hues(values: Sequence[Any]) -> dict[Any, str]:
    """A color for each value: shades in order for numbers, else distinct ones, the same wherever a name occurs."""
    if len(values) > 1 and all(isinstance(value, Real) and not isinstance(value, bool) for value in values):
        shades = mpl.colormaps[SEQUENTIAL](np.linspace(0.05, 0.88, len(values)))
        return {value: to_hex(shade) for value, shade in zip(values, shades, strict=True)}
    others = cycle(color for color in COLORS if color not in {NAMED.get(str(value)) for value in values})
    return {value: NAMED[str(value)] if str(value) in NAMED else next(others) for value in values}


def _columns(names: Sequence[str], width: float) -> int:
    return max(1, int(width / (NUMBER_CHARACTER * max(len(name) for name in names) + 0.4)))


def legend_lines(names: Sequence[str], width: float) -> int:
    """Number of lines that a legend with these names takes over axes of that width, in inches."""
    return -(-len(names) // _columns(names, width)) if names else 0


def legend_above(axes: Axes, width: float) -> None:
    """Put a legend over the axes, in as many columns as fit that width, in inches; line by line."""
    handles, names = axes.get_legend_handles_labels()
    if not handles:
        return
    columns = min(_columns(names, width), len(names))
    order = [i for column in range(columns) for i in range(column, len(names), columns)]  # matplotlib fills columns
    legend(
        axes, [handles[i] for i in order], [names[i] for i in order], loc="lower left", bbox_to_anchor=(-0.01, 1.0),
        ncols=columns, handlelength=1.4, columnspacing=1.2, borderpad=0.2, labelspacing=0.25,
    )  # fmt: skip


def entry(name: str) -> str:
    """A name as the label of what `legend` is to show: matplotlib leaves out those that begin with an underscore."""
    return f"{SHIELD}{name}" if name.startswith("_") else name


def legend(axes: Axes, *entries: Sequence[Any], **place: Any) -> None:
    """matplotlib's, of these handles and labels or of all that there are, in this project's look."""
    for text in axes.legend(*entries, frameon=False, fontsize=NUMBER_SIZE, **place).get_texts():
        text.set_text(text.get_text().removeprefix(SHIELD))


def fitted(text: str, width: float) -> str:
    """A panel's title cut to that many inches."""
    fits = int(width / LABEL_CHARACTER)
    return text if len(text) <= fits else text[: fits - 1] + "…"


def whiskers(means: Any, lows: Any, highs: Any) -> NDArray[np.float64]:
    """(2, n): how far n intervals reach below and above their means."""
    mean, low, high = (np.atleast_1d(np.asarray(ends, dtype=float)) for ends in (means, lows, highs))
    return np.stack([mean - low, high - mean])


@contextmanager
def applied() -> Iterator[None]:
    """Give matplotlib this project's look inside, and nobody else's."""
    with mpl.rc_context(RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # ablations.figures.glyphs sees to it
        yield


class Canvas(FigureCanvasAgg):
    """Draws when the figure is saved, not before: seaborn asks for all of it after each heatmap, in vain."""

    def draw(self) -> None:
        self.figure.stale = False


class Page:
    """A figure laid out in inches: title on top, panels placed by hand, caption below."""

    def __init__(self, width: float, panels: float, title: str, sentences: Sequence[str]) -> None:
        """`panels` is the height between title and caption; both are wrapped to `width`."""
        lines = textwrap.wrap(" ".join(sentences), int((width - 2 * MARGIN) / CHARACTER))
        heading = textwrap.wrap(title, int((width - 2 * MARGIN) / (CHARACTER * TITLE_SIZE / CAPTION_SIZE)))
        self.width = width
        self.bottom = 2 * MARGIN + LINE * len(lines)  # where the panels' space begins
        self.height = self.bottom + panels + MARGIN + 0.2 * len(heading)
        self.figure = Figure(figsize=(width, self.height), facecolor="white")
        Canvas(self.figure)  # else every name on an axis is measured on, and keeps, ten megabytes of its own
        self.write(MARGIN, self.height - MARGIN, "\n".join(heading), TITLE_SIZE, va="top")
        self.write(MARGIN, MARGIN, "\n".join(lines), CAPTION_SIZE, va="bottom", color=MUTED)

    def axes(self, left: float, bottom: float, width: float, height: float) -> Axes:
        """Axes at that place, measured in inches from the left and from the bottom of the panels' space."""
        place = (left / self.width, (self.bottom + bottom) / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(place)

    def write(self, left: float, bottom: float, text: str, size: float, va: str, color: str = INK) -> None:
        """Text at that place, in inches from the figure's corner."""
        self.figure.text(left / self.width, bottom / self.height, text, size=size, va=va, color=color, linespacing=1.3)

    def stamp(self, text: str, left: float, bottom: float, width: float, height: float) -> None:
        """Write across a panel at that place (as in `axes`), from corner to corner, so that it cannot be cropped away.

        Nothing where the text is empty.
        """
        if not text:
            return
        self.figure.text(
            (left + width / 2) / self.width, (self.bottom + bottom + height / 2) / self.height, text,
            size=0.9 * 72 * hypot(width, height) / (STAMP_CHARACTER * len(text)), color="#d00020", alpha=0.35,
            rotation=degrees(atan2(height, width)), ha="center", va="center", weight="bold", zorder=10,
            path_effects=[withStroke(linewidth=4, foreground="white", alpha=0.25)],  # legible on dark cells too
        )  # fmt: skip


def absent(axes: Axes, left: float, bottom: float, width: float, height: float, failed: bool) -> None:
    """A place without a number: hatched, with a cross if it failed. In data coordinates."""
    axes.add_patch(
        Rectangle((left, bottom), width, height, facecolor=ABSENT, edgecolor="#a0a0a0", hatch=HATCH, linewidth=0)
    )
    if failed:
        axes.text(left + width / 2, bottom + height / 2, "×", ha="center", va="center", size=TITLE_SIZE, color=INK)
