"""Claims about augmentation: Figures 5 and 6, Tables 1 and B.2, Appendix A."""

from ablations.verdicts.claims.registry import TIE, claim
from ablations.verdicts.contrasts import Cells, Contrast, mean
from ablations.verdicts.statement import All, Best, Most, Statement, above, at_most, increasing

AUGMENTATION = "augmentation"
PAPERS_ORDER = ("crop", "cutout", "color", "sobel", "noise", "blur", "rotate")  # of Figure 5's row averages


@claim(
    AUGMENTATION,
    "Two transformations together teach more than any single one.",
    where="abstract (1), Section 3.1",
    inequality="max of pairs > max of singles",
    studies=("aug_pairs",),
    short="two transformations beat any one",
)
def aug_composition_beats_single(pairs: Cells) -> Statement:
    names = pairs.values("first")
    return Best(
        winners=tuple(pairs(first=i, second=j) for i in names for j in names if i != j),
        losers=tuple(pairs(first=i, second=i) for i in names),
    )


@claim(
    AUGMENTATION,
    "Crop with color distortion is the best pair, in both orders.",
    where="Section 3.1",
    inequality="min(crop > color, color > crop) > max of all other pairs",
    studies=("aug_pairs",),
    short="crop with color is the best pair",
)
def aug_crop_color_best(pairs: Cells) -> Statement:
    names = pairs.values("first")
    best = [pairs(first="crop", second="color"), pairs(first="color", second="crop")]
    others = [pairs(first=i, second=j) for i in names for j in names if i != j and {i, j} != {"crop", "color"}]
    return All(tuple(above(pair - other) for pair in best for other in others))


@claim(
    AUGMENTATION,
    "No single transformation is enough, not even crop.",
    where="Section 3.1",
    inequality="every single < crop > color",
    studies=("aug_pairs",),
    short="no single transformation is enough",
)
def aug_no_single_suffices(pairs: Cells) -> Statement:
    pair = pairs(first="crop", second="color")
    return All(tuple(above(pair - pairs(first=i, second=i)) for i in pairs.values("first")))


@claim(
    AUGMENTATION,
    "A single transformation leaves the contrastive task easy; composing two makes it harder.",
    where="Section 3.1",
    inequality="contrastive accuracy of crop > color < that of most singles",
    studies=("aug_pairs",),
    short="composing makes the task harder",
    caveat="That singles are solved almost perfectly is not asked: it depends on how many candidates a batch has.",
)
def aug_single_task_is_easy(pairs: Cells) -> Statement:
    pair = pairs("contrastive_accuracy", first="crop", second="color")
    singles = [pairs("contrastive_accuracy", first=i, second=i) for i in pairs.values("first")]
    return Most(tuple(above(single - pair) for single in singles))


@claim(
    AUGMENTATION,
    "Averaged over partners the order is crop, cutout, color, Sobel, noise, blur, rotate.",
    where="read off Figure 5",
    inequality="row averages decrease in that order",
    studies=("aug_pairs",),
    short="transformations rank as in the paper",
    caveat="Not a sentence of the paper, and its last three rows are within 1.7 points; see the rank correlation too.",
)
def aug_row_ranking(pairs: Cells) -> Statement:
    names = pairs.at_least(1, "second")

    def average(first: str) -> Contrast:
        return mean([pairs(first=first, second=second) for second in names], f"{first} row")

    return All(increasing([average(first) for first in reversed(PAPERS_ORDER)]))


@claim(
    AUGMENTATION,
    "Transforming one branch only costs accuracy.",
    where="Section 3.1",
    inequality="crop > color on one branch < on both",
    studies=("aug_pairs", "aug_pairs_symmetric"),
    caveat="The paper's two numbers come from different experiments.",
)
def aug_asymmetric_hurts(one: Cells, both: Cells) -> Statement:
    pair = {"first": "crop", "second": "color"}
    return All((above(both(**pair).called("on both branches") - one(**pair).called("on one")),))


@claim(
    AUGMENTATION,
    "Pixel intensities tell better which image a crop is from while color is not distorted.",
    where="Section 3.1, Figure 6",
    inequality="retrieval by histogram without distortion > with any",
    studies=("color_histograms",),
    caveat="That they alone suffice, as the paper says, is not asked: it depends on how many images there are.",
)
def color_histogram_shortcut(cells: Cells) -> Statement:
    plain = cells("histogram_top1", policy="none")
    distorted = [policy for policy in cells.at_least(2, "policy") if policy != "none"]
    return All(tuple(above(plain - cells("histogram_top1", policy=policy)) for policy in distorted))


@claim(
    AUGMENTATION,
    "Stronger color distortion improves contrastive learning.",
    where="Section 3.2",
    inequality="accuracy increases over strengths 1/8, 1/4, 1/2, 1",
    studies=("color_strength",),
)
def color_stronger_helps_simclr(cells: Cells) -> Statement:
    return All(increasing([cells(method="SimCLR", policy=policy) for policy in ("1/8", "1/4", "1/2", "1")]))


@claim(
    AUGMENTATION,
    "Stronger color distortion does not improve supervised learning.",
    where="Section 3.2",
    inequality="supervised at strength 1 <= at 1/8, up to a tie",
    studies=("color_strength",),
    caveat="In the paper a longer supervised training makes up for it (Table B.3).",
)
def color_stronger_not_supervised(cells: Cells) -> Statement:
    strong, weak = (cells(method="supervised", policy=policy) for policy in ("1", "1/8"))
    return All((at_most(strong - weak, TIE),))


@claim(
    AUGMENTATION,
    "Contrastive learning gains more from stronger augmentation than supervised learning does.",
    where="Section 3.2",
    inequality="gain from 1/8 to 1: SimCLR > supervised",
    studies=("color_strength",),
)
def aug_strength_interaction(cells: Cells) -> Statement:
    gain = {
        method: (cells(method=method, policy="1") - cells(method=method, policy="1/8")).called(f"gain of {method}")
        for method in ("SimCLR", "supervised")
    }
    return All((above(gain["SimCLR"] - gain["supervised"]),))


@claim(
    AUGMENTATION,
    "Adding Gaussian blur helps contrastive learning.",
    where="Appendix A",
    inequality="strength 1 with blur > strength 1",
    studies=("color_strength",),
    caveat="The paper's images have 224 pixels; it leaves blur out on CIFAR-10.",
)
def blur_helps_simclr(cells: Cells) -> Statement:
    return All((above(cells(method="SimCLR", policy="1+blur") - cells(method="SimCLR", policy="1")),))


@claim(
    AUGMENTATION,
    "AutoAugment is worse than strong color distortion for SimCLR, and as good as any for supervised learning.",
    where="Section 3.2",
    inequality="SimCLR: AutoAugment < strengths 1/2 and 1; supervised: every strength <= AutoAugment, up to a tie",
    studies=("color_strength",),
)
def autoaugment_not_better(cells: Cells) -> Statement:
    auto = {method: cells(method=method, policy="AutoAugment") for method in ("SimCLR", "supervised")}
    simclr = [above(cells(method="SimCLR", policy=policy) - auto["SimCLR"]) for policy in ("1/2", "1")]
    supervised = [
        at_most(cells(method="supervised", policy=policy) - auto["supervised"], TIE)
        for policy in ("1/8", "1/4", "1/2", "1")
    ]
    return All((*simclr, *supervised))


@claim(
    AUGMENTATION,
    "The horizontal flip helps a little.",
    where="Appendix A",
    inequality="0 < with flip - without <= 2 points",
    studies=("flip",),
)
def flip_helpful_not_essential(cells: Cells) -> Statement:
    gain = cells(flip="with") - cells(flip="without")
    return All((above(gain), at_most(gain, 2.0)))


@claim(
    AUGMENTATION,
    "Sobel, equalize, solarize and motion blur on top help further.",
    where="Appendix B.2",
    inequality="broader > default at every width",
    studies=("broader_augmentation",),
)
def broader_augmentation_helps(cells: Cells) -> Statement:
    widths = cells.values("width", policy="broader")
    return All(
        tuple(above(cells(policy="broader", width=width) - cells(policy="default", width=width)) for width in widths)
    )


@claim(
    AUGMENTATION,
    "Crop with resize stays effective on small images, although their size does not vary.",
    where="footnote 15",
    inequality="color with crop > color without",
    studies=("crop",),
)
def cifar_crop_still_effective(cells: Cells) -> Statement:
    return All((above(cells(policy="crop and color") - cells(policy="color alone")),))
