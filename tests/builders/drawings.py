"""Frames and contexts to draw, one a kind of figure, and what is read off a figure."""

from dataclasses import replace
from functools import cache

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from ablations import figures
from ablations.studies.plot import Plot
from ablations.tables.findings import Findings
from ablations.tables.frame import study_frame
from builders import shelf

NAMES = ("crop", "cutout", "color")
PAIRS = shelf.study_info(
    study="aug_pairs",
    question="Which composition?",
    paper="fig5_aug_pairs",
    figure=Plot(kind="pairs"),
    about="small",
    data="Printed tiles",
    epochs=(10,),
    batch_size=(64,),
    seeds=1,
    views="asymmetric",
    axes={"first": NAMES, "second": NAMES},
    labels={"first": "first transformation", "second": "second transformation"},
)
DIMS = (16, 32)
HEADS = replace(
    PAIRS,
    study="heads",
    paper="fig8_projection_heads",
    figure=Plot(kind="bars", x="dim", hue="head"),
    seeds=3,
    views="symmetric",
    labels={"dim": "output dimension of the head"},
    axes={"head": ("linear", "nonlinear", "none"), "dim": (*DIMS, None)},
)
SMOKE = "SMOKE: proves the path only"


def row(role, axes, top1, seed=0):
    """A trial that is done with that top1, or "failed" or "missing" instead."""
    status = top1 if isinstance(top1, str) else "done"
    name = "-".join(map(str, (role, *axes.values(), seed)))
    fields = {"role": role, **axes, "seed": seed, "status": status, "trial_id": name}
    return fields | ({"top1": top1, "n_test": 4000} if status == "done" else {})


def pairs_frame(levels, untrained=20.6, identical=24.1):
    cells = [
        row("cell", {"first": a, "second": b}, levels[i][j]) for i, a in enumerate(NAMES) for j, b in enumerate(NAMES)
    ]
    none = {"first": None, "second": None}
    return study_frame(
        ["first", "second"], [*cells, row("untrained", none, untrained), row("identical_views", none, identical)]
    )


FULL = pairs_frame([[21.0, 33.5, 47.0], [30.0, 33.6, 29.0], [47.2, 28.0, 22.9]])
PART = pairs_frame([[21.0, "missing", 47.0], ["failed", 33.6, 29.0], ["missing"] * 3])
EMPTY = pairs_frame([["missing"] * 3] * 3, "missing", "missing")


def heads_frame(missing=()):
    rows = [
        row(
            "cell",
            {"head": head, "dim": dim},
            "failed" if (head, dim) in missing else 44.0 + 3 * (head != "linear") + seed,
            seed,
        )
        for head, dim in [*((head, dim) for head in ("linear", "nonlinear") for dim in DIMS), ("none", None)]
        for seed in range(3)
    ]
    return study_frame(["head", "dim"], [*rows, row("untrained", {"head": None, "dim": None}, 20.6)])


def texts(where):
    return [text.get_text() for text in where.findobj(Text) if text.get_text() and text.get_visible()]


def hatched(axes):
    return [patch for patch in axes.patches if isinstance(patch, Rectangle) and patch.get_hatch()]


def caption_of(figure):
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())


@cache
def full_map():
    """Drawn once, for tests that only look at it."""
    return figures.draw(Findings(FULL, PAIRS))


@cache
def full_bars():
    return figures.draw(Findings(heads_frame(), HEADS))


TEMPERATURE = replace(
    HEADS,
    paper="table5_norm_temperature",
    figure=Plot(kind="bars", x="temperature", hue="similarity", panel="metric", metrics=("top1", "entropy")),
    labels={},
    axes={"similarity": ("cosine", "dot product"), "temperature": (0.1, 0.5, 10.0)},
)


def temperature_frame():
    cells = [("cosine", 0.1, 47.0, 3.0), ("cosine", 0.5, 46.0, 3.7), ("dot product", 10.0, 36.0, 3.9)]
    return study_frame(
        ["similarity", "temperature"],
        [
            row("cell", {"similarity": name, "temperature": tau}, top1 + seed, seed) | {"entropy": entropy}
            for name, tau, top1, entropy in cells
            for seed in range(3)
        ],
    )


POINTS = replace(
    HEADS,
    paper="fig7_model_size",
    figure=Plot(kind="scatter", x="parameters", hue="method"),
    axes={"method": ("SimCLR", "supervised"), "depth": (18, 50), "width": (1, 2)},
)


def points_frame():
    cells = [("SimCLR", 18, 1, 50.0, 11.2), ("SimCLR", 50, 2, 60.0, 94.0), ("supervised", 18, 1, 70.0, 11.2)]
    return study_frame(
        ["method", "depth", "width"],
        [
            row("cell", {"method": method, "depth": depth, "width": width}, top1 + seed, seed) | {"parameters": size}
            for method, depth, width, top1, size in cells
            for seed in (-1, 0, 1)
        ]
        + [row("cell", {"method": "supervised", "depth": 50, "width": 2}, "failed")],
    )


SPECTRUM = replace(
    HEADS,
    study="head_spectrum",
    paper="figB3_head_spectrum",
    figure=Plot(kind="spectrum", hue="epochs", metrics=("head_eigen_rank", "top1")),
    labels={},
    axes={"epochs": (0, 2, 6)},
)
VALUES = np.array([4.0, 1.0, 0.05, 0.03, 0.0], np.float32)


def spectrum_frame():
    cells = [row("cell", {"epochs": epochs}, 44.0, seed) for epochs in (0, 2) for seed in range(3)]
    return study_frame(
        ["epochs"],
        [
            *cells,
            row("cell", {"epochs": 2}, "failed", 3),
            row("cell", {"epochs": 6}, "failed"),
            row("untrained", {"epochs": None}, 20.0),
        ],
    )


def spectra(trial_id):
    return {"head_eigen_rank": VALUES * (1 + int(trial_id[-1]))}
