"""Claims about the loss, its temperature and normalization: Tables 2, 4 and 5."""

from ablations.verdicts.claims.registry import claim, unanswered
from ablations.verdicts.contrasts import Cells
from ablations.verdicts.statement import All, Best, Statement, above, increasing

LOSS = "loss"


@claim(
    LOSS,
    "NT-Xent beats the logistic and the margin loss, with and without semi-hard negatives.",
    where="Section 5.1, Table 4",
    inequality="nt_xent > every other loss, each tuned",
    studies=("losses",),
)
def loss_nt_xent_best(cells: Cells) -> Statement:
    others = [objective for objective in cells.values("objective") if objective != "nt_xent"]
    best = cells.tuned(objective="nt_xent")
    return All(tuple(above(best - cells.tuned(objective=objective)) for objective in others), chosen=True)


@claim(
    LOSS,
    "Semi-hard negatives help the other losses.",
    where="Section 5.1, Table 4",
    inequality="semi-hard > plain, for margin and logistic, each tuned",
    studies=("losses",),
)
def loss_semi_hard_helps(cells: Cells) -> Statement:
    gains = [
        cells.tuned(objective=f"{objective}_semi_hard") - cells.tuned(objective=objective)
        for objective in ("margin", "nt_logistic")
    ]
    return All(tuple(above(gain) for gain in gains), chosen=True)


@claim(
    LOSS,
    "Normalizing the embeddings improves the representation.",
    where="Section 5.1",
    inequality="best temperature with cosine > best with dot product",
    studies=("temperature",),
    short="normalizing embeddings helps",
)
def loss_l2_norm_matters(cells: Cells) -> Statement:
    return Best(
        winners=tuple(cells.every(similarity="cosine")),
        losers=tuple(cells.every(similarity="dot product")),
    )


@claim(
    LOSS,
    "The best temperature lies between too low and too high ones.",
    where="Section 5.1, Table 5",
    inequality="0.1 > 0.05 and 0.1 > 0.5 > 1",
    studies=("temperature",),
    short="the best temperature is in between",
    caveat="The best value depends on data and length of training: on CIFAR-10 the paper has 0.5 beyond 300 epochs.",
)
def loss_temperature_interior_optimum(cells: Cells) -> Statement:
    low, best, high, highest = (cells(similarity="cosine", temperature=value) for value in (0.05, 0.1, 0.5, 1.0))
    return All((above(best - low), above(best - high), above(high - highest)))


@claim(
    LOSS,
    "Without normalization the contrastive task is solved better, and the representation is worse.",
    where="Section 5.1, Table 5",
    inequality="contrastive accuracy: every dot product > every cosine; top-1: every dot product < every cosine",
    studies=("temperature",),
    short="unnormalized: easier task, worse h",
)
def loss_contrastive_acc_dissociates(cells: Cells) -> Statement:
    parts = []
    for metric, sign in (("contrastive_accuracy", 1), ("top1", -1)):
        cosine = cells.every(metric, similarity="cosine")
        for plain in cells.every(metric, similarity="dot product"):
            parts += [above(plain - one if sign > 0 else one - plain) for one in cosine]
    return All(tuple(parts))


@claim(
    LOSS,
    "The entropy of the contrastive distribution grows with the temperature.",
    where="read off Table 5",
    inequality="entropy increases over temperatures, with cosine similarity",
    studies=("temperature",),
    short="entropy grows with the temperature",
    caveat="That it is at most the logarithm of the number of candidates is so by construction.",
)
def loss_entropy_vs_temperature(cells: Cells) -> Statement:
    cells.at_least(2, "temperature", similarity="cosine")
    temperatures = cells.values("temperature", similarity="cosine")
    entropies = [cells("entropy", similarity="cosine", temperature=value) for value in temperatures]
    return All(increasing(entropies, unit="nats"))


unanswered(
    "loss_gradient_hardness",
    LOSS,
    "Only NT-Xent weighs negatives by their relative hardness.",
    where="Section 5.1, Table 2",
    inequality="weights of two negatives: exp((s1 - s2) / temperature) for NT-Xent, equal or unrelated for the others",
    reason="It follows from the formulas, and no training can answer it: the tests derive it by automatic "
    "differentiation, and `python -m ablations.explain weights` draws it.",
)
