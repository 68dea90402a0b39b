"""Claims about the encoder's size and the projection head: Figures 7 and 8, Table 3, Appendix B.4."""

from itertools import permutations

from ablations.verdicts.claims.registry import TIE, claim
from ablations.verdicts.contrasts import Cells, Contrast
from ablations.verdicts.statement import All, Comparison, Statement, above, at_most, increasing, within

ARCHITECTURE, HEAD = "encoder", "projection head"
LONG = "SimCLR, 1000 epochs"  # a method of the paper's Figure 7 only


@claim(
    ARCHITECTURE,
    "At equal width, deeper encoders learn more.",
    where="Section 4.1",
    inequality="accuracy increases with depth at every width",
    studies=("model_size",),
)
def deeper_helps(cells: Cells) -> Statement:
    parts: list[Comparison] = []
    for width in cells.values("width", method="SimCLR"):
        depths = cells.values("depth", method="SimCLR", width=width)
        parts += increasing([cells(method="SimCLR", depth=depth, width=width) for depth in depths])
    cells.at_least(2, "depth")
    return All(tuple(parts))


@claim(
    ARCHITECTURE,
    "At equal depth, wider encoders learn more.",
    where="Section 4.1",
    inequality="accuracy increases with width at every depth",
    studies=("model_size",),
)
def wider_helps(cells: Cells) -> Statement:
    parts: list[Comparison] = []
    for depth in cells.values("depth", method="SimCLR"):
        widths = cells.values("width", method="SimCLR", depth=depth)
        parts += increasing([cells(method="SimCLR", depth=depth, width=width) for width in widths])
    cells.at_least(2, "width")
    return All(tuple(parts))


@claim(
    ARCHITECTURE,
    "The gap to supervised learning shrinks as the encoder grows.",
    where="Section 4.1",
    inequality="supervised - SimCLR decreases with the width of a ResNet-50; > 0 at the narrowest, >= 0 at the widest, "
    "up to a tie",
    studies=("model_size",),
)
def bigger_models_gain_more(cells: Cells) -> Statement:
    def gap(width: int) -> Contrast:
        difference = cells(method="supervised", depth=50, width=width) - cells(method="SimCLR", depth=50, width=width)
        return difference.called(f"gap at {width}x")

    widths = cells.at_least(2, "width", method="supervised", depth=50)
    shrinking = increasing([gap(width) for width in reversed(widths)])
    # Without these, SimCLR that is ahead and pulls away would count: a gap that grows.
    return All((*shrinking, above(gap(widths[0])), above(gap(widths[-1]), -TIE)))


@claim(
    ARCHITECTURE,
    "A linear classifier on the widest encoder matches the supervised one of width 1.",
    where="abstract, Section 6",
    inequality="supervised 1x - SimCLR 4x <= 0, up to a tie",
    studies=("model_size",),
    caveat="The paper trains for 1,000 epochs.",
)
def wide_matches_supervised(cells: Cells) -> Statement:
    method = LONG if LONG in cells.values("method") else "SimCLR"
    narrow = cells(method="supervised", depth=50, width=1)
    return All((at_most(narrow - cells(method=method, depth=50, width=4), TIE),))


@claim(
    HEAD,
    "A nonlinear projection head beats a linear one.",
    where="abstract (2), Section 4.2",
    inequality="nonlinear > linear at every output dimension",
    studies=("heads",),
    short="a nonlinear head beats a linear one",
)
def head_nonlinear_beats_linear(cells: Cells) -> Statement:
    dims = cells.values("dim", head="linear")
    return All(tuple(above(cells(head="nonlinear", dim=dim) - cells(head="linear", dim=dim)) for dim in dims))


@claim(
    HEAD,
    "A linear head beats none.",
    where="Section 4.2",
    inequality="linear at its widest > none",
    studies=("heads",),
    short="a linear head beats none",
)
def head_linear_beats_none(cells: Cells) -> Statement:
    return All((above(cells(head="linear", dim=cells.at_least(1, "dim", head="linear")[-1]) - cells(head="none")),))


@claim(
    HEAD,
    "A nonlinear head beats none by more than 10 points.",
    where="Section 4.2",
    inequality="nonlinear at its widest - none > 10 points",
    studies=("heads",),
    short="a nonlinear head beats none by 10",
    caveat="On small images the order is to be expected, not the size of the gap.",
)
def head_nonlinear_beats_none_by_10(cells: Cells) -> Statement:
    widest = cells(head="nonlinear", dim=cells.at_least(1, "dim", head="nonlinear")[-1])
    return All((above(widest - cells(head="none"), 10.0),))


@claim(
    HEAD,
    "With a head, its output dimension matters little.",
    where="Section 4.2",
    inequality="range over dimensions of either kind < the smallest gain of nonlinear over linear",
    studies=("heads",),
    short="a head's width matters little",
)
def head_output_dim_insensitive(cells: Cells) -> Statement:
    dims = cells.at_least(2, "dim", head="linear")
    gains = [
        (cells(head="nonlinear", dim=dim) - cells(head="linear", dim=dim)).called(f"gain at {dim}") for dim in dims
    ]
    ranges = [
        (cells(head=head, dim=one) - cells(head=head, dim=other)).called(f"{head} {one} − {other}")
        for head in ("linear", "nonlinear")
        for one, other in permutations(dims, 2)
    ]
    return All(tuple(above(gain - spread) for gain in gains for spread in ranges))


@claim(
    HEAD,
    "h is a better representation than z = g(h), by more than 10 points.",
    where="Section 4.2",
    inequality="accuracy of h - accuracy of z > 10 points",
    studies=("head_layers",),
)
def h_better_than_z(cells: Cells) -> Statement:
    h, z = cells(depth="2 layers").called("h"), cells("layer_2_top1", depth="2 layers").called("z")
    return All((above(h - z, 10.0),))


@claim(
    HEAD,
    "Which transformation was applied is told better from h than from z = g(h), from which rotation is all but gone.",
    where="Section 4.2, Table 3",
    inequality="from h > from z for every task; rotation from z within 5 points of chance",
    studies=("transform_prediction",),
)
def h_keeps_transform_information(cells: Cells) -> Statement:
    tasks = [
        above((cells("transform_h", task=task) - cells("transform_z", task=task)).called(f"{task}: from h − from z"))
        for task in cells.values("task")
    ]
    chance = cells("transform_z", task="rotate") - cells("transform_chance", task="rotate")
    return All((*tasks, within(chance.called("rotate: from z − chance"), 5.0)))


@claim(
    HEAD,
    "A trained square linear head is of low rank, nearly.",
    where="Appendix B.4",
    inequality="squared eigenvalues above 1% of the largest: at most a quarter of all, after the most epochs",
    studies=("head_spectrum",),
    caveat="The quarter is ours; in the paper about 300 of 2048 are above it.",
)
def linear_head_low_rank(cells: Cells) -> Statement:
    epochs = cells.at_least(1, "epochs")[-1]
    return All((at_most(cells("head_eigen_rank", epochs=epochs), 25.0),))
