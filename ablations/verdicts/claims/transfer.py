"""Claims about what the representation is worth elsewhere: few labels, fine-tuning, other data sets, other probes."""

from ablations.verdicts.claims.registry import TIE, claim, unanswered
from ablations.verdicts.contrasts import Cells, Contrast
from ablations.verdicts.statement import All, Correlation, Statement, above, within

HEADLINE = "labels and transfer"


@claim(
    HEADLINE,
    "Fine-tuning a pretrained encoder on few labels beats supervised learning on them, the more the fewer there are.",
    where="Section 6",
    inequality="gain with 1% of the labels > gain with 10% > 0",
    studies=("semi_supervised",),
)
def semi_supervised_beats_supervised(cells: Cells) -> Statement:
    def gain(share: int) -> Contrast:
        tuned, plain = (
            cells(f"finetune_{share}_top1", method=method, width=1) for method in ("SimCLR", "supervised baseline")
        )
        return (tuned - plain).called(f"gain with {share}%")

    return All((above(gain(1) - gain(10)), above(gain(10))))


@claim(
    HEADLINE,
    "The linear probe and fine-tuning rank encoders alike; few labels gain more from long training.",
    where="Appendix B.7",
    inequality="correlation over epochs > 0.9; gain with 1% of the labels > gain of the linear probe",
    studies=("linear_vs_finetune",),
)
def linear_eval_tracks_finetune(cells: Cells) -> Statement:
    epochs = cells.at_least(3, "epochs")
    linear, tuned = (tuple(cells(metric, epochs=one) for one in epochs) for metric in ("top1", "finetune_1_top1"))
    gains = [(side[-1] - side[0]).called(name) for side, name in ((tuned, "gain with 1%"), (linear, "linear gain"))]
    return All((above(Correlation(linear, tuned, "correlation over epochs"), 0.9, unit=""), above(gains[0] - gains[1])))


@claim(
    HEADLINE,
    "A classifier trained afterwards and one trained on the fly are about as accurate.",
    where="Appendix B.6",
    inequality="|difference| <= 0.5 points, between L-BFGS on h, SGD on augmented images and the online probe",
    studies=("linear_eval",),
    caveat="The paper says similar; half a point is the width of a tie here.",
)
def linear_eval_variants_agree(cells: Cells) -> Statement:
    axes = {axis: cells.at_least(1, axis)[0] for axis in cells.axes}
    plain = cells(**axes).called("L-BFGS")
    others = [
        cells(metric, **axes).called(name)
        for metric, name in (("augmented_linear_top1", "SGD"), ("online_top1", "online"))
    ]
    return All(tuple(within(plain - other, TIE) for other in others))


@claim(
    HEADLINE,
    "At width 1, supervised features transfer better to every data set, by a linear classifier.",
    where="Appendix B.8",
    inequality="supervised > SimCLR on every data set",
    studies=("transfer",),
    caveat="The paper's encoders are ResNet-50s trained on ImageNet.",
)
def transfer_1x_supervised_wins(cells: Cells) -> Statement:
    return All(
        tuple(
            above(
                cells("transfer_top1", method="supervised", dataset=dataset)
                - cells("transfer_top1", method="SimCLR", dataset=dataset)
            )
            for dataset in cells.values("dataset", method="SimCLR")
        )
    )


OTHERS = "It compares with other people's published numbers on ImageNet, which no training here repeats."

unanswered(
    "headline_linear_eval",
    HEADLINE,
    "The widest encoder reaches 76.5% on ImageNet, 7% above the best before it.",
    where="abstract",
    inequality="76.5 / 71.5 - 1 is about 0.07",
    reason=OTHERS,
)
unanswered(
    "headline_one_percent_labels",
    HEADLINE,
    "With 1% of ImageNet's labels it reaches 85.8% top-5, 10% above the best before it.",
    where="abstract, introduction",
    inequality="85.8 / 77.9 - 1 is about 0.10",
    reason=OTHERS,
)
unanswered(
    "finetune_full_beats_scratch_wide",
    HEADLINE,
    "Fine-tuning wide encoders on all labels beats training from scratch.",
    where="Section 6, Appendix B.2",
    inequality="fine-tuned > from scratch at widths 2 and 4; about equal at 1",
    reason="It needs ImageNet and encoders of width 2 and 4 trained for 1,000 epochs.",
)
unanswered(
    "transfer_4x_on_par",
    HEADLINE,
    "Fine-tuned at width 4, SimCLR is on par with supervised features or better on 10 of 12 data sets.",
    where="introduction, Section 6",
    inequality="not significantly worse on at least 10 of 12",
    reason="It needs encoders of width 4 trained on ImageNet.",
)
