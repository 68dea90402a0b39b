"""Every claim of the paper that is asked: made-up numbers on which it must hold, and ways in which it must not."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from builders.made import frame

from ablations.verdicts import judge_all
from ablations.verdicts.claims import CLAIMS
from ablations.verdicts.claims.augmentation import PAPERS_ORDER
from ablations.verdicts.evidence import Evidence

SEEDS, NOISE = 3, 0.03  # points


@dataclass(frozen=True)
class Case:
    """axes: of each study. holds: study -> cell -> its metrics. ways: what is otherwise where the claim must fail."""

    axes: dict[str, str]
    holds: dict[str, dict[Any, Any]]
    ways: tuple[dict[str, dict[Any, Any]], ...]


def case(holds: dict[Any, Any], *ways: dict[Any, Any], **axes: str) -> Case:
    """axes: names by study, as "head dim". A cell is its values, a number its top1. Of one study, its cells alone."""
    if len(axes) == 1:
        (study,) = axes
        return Case(axes, {study: holds}, tuple({study: way} for way in ways))
    return Case(axes, holds, ways)


def crossed(first, second, level):
    """A map whose cells have the level of a pair (a, b)."""
    return {(a, b): level(a, b) for a in first for b in second}


def of(metric, cells):
    return {cell: {metric: value} for cell, value in cells.items()}


def budgets(axes, table):
    """{(batch, epochs): level} of rows of batches and columns of epochs."""
    batches, epochs = axes
    return {
        (batch, length): row[i] for batch, row in zip(batches, table, strict=True) for i, length in enumerate(epochs)
    }


THREE = ("crop", "color", "blur")
MAP = crossed(THREE, THREE, lambda a, b: 60.0 if {a, b} == {"crop", "color"} else 45.0 if a == b else 40.0)
STRENGTHS = ("1/8", "1/4", "1/2", "1", "1+blur", "AutoAugment")
COLOR = {("SimCLR", policy): level for policy, level in zip(STRENGTHS, (50, 52, 54, 56, 58, 51), strict=True)}
COLOR |= {("supervised", policy): level for policy, level in zip(STRENGTHS, (70, 69, 68, 67, 66, 75), strict=True)}
SIZES = {("SimCLR", depth, width): 40.0 + depth / 5 + 4 * width for depth in (18, 50) for width in (1, 2, 4)}
SIZES |= {("supervised", 50, width): level for width, level in ((1, 64), (2, 65), (4, 66))}
HEADS = {("none", None): 40.0} | {
    (head, dim): level for dim in (16, 32) for head, level in (("linear", 48), ("nonlinear", 54))
}
TASKS = {
    task: {
        "transform_h": chance + 30,
        "transform_z": chance + (1 if task == "rotate" else 20),
        "transform_chance": chance,
    }
    for task, chance in (("gray", 60), ("rotate", 25), ("noise", 50), ("sobel", 50))
}
TUNED = {"nt_xent": 60, "margin": 50, "margin_semi_hard": 55, "nt_logistic": 48, "nt_logistic_semi_hard": 53}
LOSSES = {(name, 0.1): level for name, level in TUNED.items()}
LOSSES |= {(name, 1.0): level - 9 for (name, _), level in LOSSES.items()}
COSINE = {0.05: (59, 90, 1.0), 0.1: (64, 88, 4.0), 0.5: (60, 68, 8.0), 1.0: (57, 59, 8.6)}
TEMPERATURE = {("cosine", t): level for t, level in COSINE.items()} | {
    ("dot product", t): (50, 95, 0.5) for t in (10.0, 100.0)
}
TEMPERATURE = {
    cell: dict(zip(("top1", "contrastive_accuracy", "entropy"), levels, strict=True))
    for cell, levels in TEMPERATURE.items()
}
BATCHES = budgets(((256, 512, 1024), (100, 200, 300)), [[50, 57, 60], [54, 59, 61], [58, 61, 62]])
SCALING = {
    ("sqrt", *cell): 50.0 + gain for cell, gain in (((256, 100), 10), ((512, 100), 6), ((256, 200), 4), ((512, 200), 1))
}
SCALING |= {("linear", *cell[1:]): 50.0 for cell in SCALING}
CIFAR = budgets(((256, 1024, 4096), (100, 200, 300)), [[82, 88, 90], [86, 90, 92], [84, 89, 91]])
TAU = {
    (batch, 100, tau): level
    for batch, levels in ((256, (80, 85)), (1024, (88, 86)), (2048, (90, 87)))
    for tau, level in zip((0.1, 0.5), levels, strict=True)
}
FEW_LABELS = {
    ("SimCLR", 1): {"finetune_1_top1": 50, "finetune_10_top1": 65},
    ("supervised baseline", 1): {"finetune_1_top1": 25, "finetune_10_top1": 56},
}
ALONG = {epochs: {"top1": 50.0 + i, "finetune_1_top1": 30.0 + 3 * i} for i, epochs in enumerate((10, 20, 40, 80))}
PROBES = {"one": {"top1": 60.0, "augmented_linear_top1": 60.1, "online_top1": 59.9}}
ROWS = crossed(PAPERS_ORDER, PAPERS_ORDER, lambda a, _: 60.0 - 3 * PAPERS_ORDER.index(a))
SWAPPED = {("noise", b): 60.0 - 3 * PAPERS_ORDER.index("blur") for b in PAPERS_ORDER}
SWAPPED |= {("blur", b): 60.0 - 3 * PAPERS_ORDER.index("noise") for b in PAPERS_ORDER}
TRANSFER = {
    (method, name): {"transfer_top1": level}
    for name in ("flowers", "cars")
    for method, level in (("supervised", 80), ("SimCLR", 70))
}
LENGTHS = {"batch_epochs": BATCHES, "longer_supervised": {("crop", 1, 100): 70.0, ("crop", 1, 300): 71.0}}
PAIR = ("crop", "color")

CASES = {
    "aug_composition_beats_single": case(
        MAP, {("crop", "crop"): 70.0}, {PAIR: 30.0, PAIR[::-1]: 30.0}, aug_pairs="first second"
    ),
    "aug_crop_color_best": case(MAP, {("crop", "blur"): 70.0}, {PAIR: 30.0}, aug_pairs="first second"),
    "aug_no_single_suffices": case(MAP, {("crop", "crop"): 70.0}, aug_pairs="first second"),
    "aug_single_task_is_easy": case(
        of("contrastive_accuracy", {cell: 70.0 if cell == PAIR else 95.0 for cell in MAP}),
        {PAIR: {"contrastive_accuracy": 99.0}},
        aug_pairs="first second",
    ),
    "aug_row_ranking": case(ROWS, SWAPPED, aug_pairs="first second"),
    "aug_asymmetric_hurts": case(
        {"aug_pairs": {PAIR: 50.0}, "aug_pairs_symmetric": {PAIR: 60.0}},
        {"aug_pairs_symmetric": {PAIR: 45.0}},
        aug_pairs="first second",
        aug_pairs_symmetric="first second",
    ),
    "color_histogram_shortcut": case(
        of("histogram_top1", {"none": 40.0, "1/8": 20.0, "1": 2.0}),
        {"1/8": {"histogram_top1": 60.0}},
        {"none": {"histogram_top1": 1.0}},
        color_histograms="policy",
    ),
    "color_stronger_helps_simclr": case(
        COLOR, {("SimCLR", "1"): 53.0}, {("SimCLR", "1/8"): 53.0}, color_strength="method policy"
    ),
    "color_stronger_not_supervised": case(COLOR, {("supervised", "1"): 72.0}, color_strength="method policy"),
    "aug_strength_interaction": case(COLOR, {("supervised", "1"): 90.0}, color_strength="method policy"),
    "blur_helps_simclr": case(COLOR, {("SimCLR", "1+blur"): 55.0}, color_strength="method policy"),
    "autoaugment_not_better": case(
        COLOR, {("SimCLR", "AutoAugment"): 60.0}, {("supervised", "AutoAugment"): 60.0}, color_strength="method policy"
    ),
    "flip_helpful_not_essential": case({"with": 51.0, "without": 50.0}, {"with": 49.0}, {"with": 55.0}, flip="flip"),
    "broader_augmentation_helps": case(
        crossed(("broader", "default"), (1, 2), lambda policy, _: 55.0 if policy == "broader" else 50.0),
        {("broader", 2): 48.0},
        broader_augmentation="policy width",
    ),
    "cifar_crop_still_effective": case(
        {"crop and color": 60.0, "color alone": 50.0}, {"crop and color": 45.0}, crop="policy"
    ),
    "deeper_helps": case(SIZES, {("SimCLR", 50, 2): 45.0}, model_size="method depth width"),
    "wider_helps": case(SIZES, {("SimCLR", 18, 4): 45.0}, model_size="method depth width"),
    "bigger_models_gain_more": case(
        SIZES,
        {("supervised", 50, 4): 90.0},
        {("supervised", 50, width): level for width, level in ((1, 49), (2, 48), (4, 46))},  # behind, and ever farther
        model_size="method depth width",
    ),
    "wide_matches_supervised": case(
        SIZES | {("supervised", 50, 1): 60.0}, {("supervised", 50, 1): 70.0}, model_size="method depth width"
    ),
    "head_nonlinear_beats_linear": case(HEADS, {("nonlinear", 16): 45.0}, heads="head dim"),
    "head_linear_beats_none": case(HEADS, {("none", None): 50.0}, heads="head dim"),
    "head_nonlinear_beats_none_by_10": case(HEADS, {("none", None): 46.0}, heads="head dim"),  # by 8
    "head_output_dim_insensitive": case(
        HEADS, {("linear", 16): 40.0, ("nonlinear", 16): 46.0}, {("linear", 32): 53.9}, heads="head dim"
    ),
    "h_better_than_z": case(
        {"2 layers": {"top1": 60.0, "layer_2_top1": 45.0}},
        {"2 layers": {"top1": 60.0, "layer_2_top1": 55.0}},  # by 5 points
        {"2 layers": {"top1": 60.0, "layer_2_top1": 75.0}},
        head_layers="depth",
    ),
    "h_keeps_transform_information": case(
        TASKS,
        {"gray": {**TASKS["gray"], "transform_z": 95.0}},
        {"rotate": {**TASKS["rotate"], "transform_z": 45.0}},  # from h still better
        {"rotate": {**TASKS["rotate"], "transform_z": 10.0}},  # farther from chance than it can be told
        transform_prediction="task",
    ),
    "linear_head_low_rank": case(
        of("head_eigen_rank", {0: 90.0, 6: 15.0}), {6: {"head_eigen_rank": 60.0}}, head_spectrum="epochs"
    ),
    "loss_nt_xent_best": case(LOSSES, {("margin_semi_hard", 1.0): 65.0}, losses="objective temperature"),
    "loss_semi_hard_helps": case(LOSSES, {("margin_semi_hard", 0.1): 45.0}, losses="objective temperature"),
    "loss_l2_norm_matters": case(
        TEMPERATURE,
        {("dot product", 10.0): {**TEMPERATURE["dot product", 10.0], "top1": 70.0}},
        temperature="similarity temperature",
    ),
    "loss_temperature_interior_optimum": case(
        TEMPERATURE,
        {("cosine", 0.05): {**TEMPERATURE["cosine", 0.05], "top1": 66.0}},
        {("cosine", 1.0): {**TEMPERATURE["cosine", 1.0], "top1": 62.0}},
        temperature="similarity temperature",
    ),
    "loss_contrastive_acc_dissociates": case(
        TEMPERATURE,
        {("dot product", 10.0): {**TEMPERATURE["dot product", 10.0], "contrastive_accuracy": 80.0}},
        {("dot product", 10.0): {**TEMPERATURE["dot product", 10.0], "top1": 62.0}},
        temperature="similarity temperature",
    ),
    "loss_entropy_vs_temperature": case(
        TEMPERATURE,
        {("cosine", 1.0): {**TEMPERATURE["cosine", 1.0], "entropy": 7.0}},
        temperature="similarity temperature",
    ),
    "batch_larger_better_few_epochs": case(BATCHES, {(512, 100): 60.0}, batch_epochs="batch epochs"),
    "batch_gap_shrinks_with_epochs": case(
        BATCHES,
        {(1024, 300): 75.0},
        {(256, 100): 63.0, (256, 200): 71.0, (256, 300): 82.0},  # the larger batch falls ever farther behind
        batch_epochs="batch epochs",
    ),
    "longer_training_helps": case(BATCHES, {(1024, 300): 55.0}, batch_epochs="batch epochs"),
    "sqrt_lr_helps_small_batches": case(
        SCALING,
        {cell: level - 12 for cell, level in SCALING.items() if cell[0] == "sqrt"},  # worse in every cell
        {("sqrt", 512, 100): 65.0},
        {("sqrt", 256, 200): 65.0},
        lr_scaling="scaling batch epochs",
    ),
    "supervised_not_helped_by_longer": case(
        LENGTHS,
        {"longer_supervised": {("crop", 1, 300): 85.0}},
        batch_epochs="batch epochs",
        longer_supervised="policy width epochs",
    ),
    "cifar_longer_training_helps": case(CIFAR, {(256, 300): 99.0}, {(1024, 300): 80.0}, cifar10="batch epochs"),
    "cifar_batch_effect_small": case(
        CIFAR, {(256, 100): 88.0}, {(4096, 100): 88.0}, {(4096, 300): 95.0}, cifar10="batch epochs"
    ),
    "cifar_tau_tenth_improves_with_batch": case(
        TAU, {(2048, 100, 0.1): 75.0}, cifar10_temperature="batch epochs temperature"
    ),
    "cifar_tau_tenth_best_short": case(TAU, {(1024, 100, 0.1): 80.0}, cifar10_temperature="batch epochs temperature"),
    "semi_supervised_beats_supervised": case(
        FEW_LABELS,
        {("SimCLR", 1): {"finetune_1_top1": 50, "finetune_10_top1": 50}},  # worse with 10%
        {("SimCLR", 1): {"finetune_1_top1": 50, "finetune_10_top1": 90}},  # more gained with 10%
        semi_supervised="method width",
    ),
    "linear_eval_tracks_finetune": case(
        ALONG,
        {epochs: {"top1": 50.0 + i, "finetune_1_top1": 30.0 + 9 * (i % 2) + 3 * i} for i, epochs in enumerate(ALONG)},
        {epochs: {"top1": 50.0 + 3 * i, "finetune_1_top1": 30.0 + i} for i, epochs in enumerate(ALONG)},
        linear_vs_finetune="epochs",
    ),
    "linear_eval_variants_agree": case(
        PROBES,
        {"one": {**PROBES["one"], "online_top1": 57.0}},
        {"one": {**PROBES["one"], "augmented_linear_top1": 63.0}},
        linear_eval="policy",
    ),
    "transfer_1x_supervised_wins": case(
        TRANSFER, {("SimCLR", "cars"): {"transfer_top1": 85.0}}, transfer="method dataset"
    ),
}


def outcome(key, way):
    entry, made, given = CLAIMS[key], {}, CASES[key]
    for study, axes in given.axes.items():
        cells = {**given.holds[study], **way.get(study, {})}
        table = {cell: value if isinstance(value, dict) else {"top1": value} for cell, value in cells.items()}
        names, rng = list(dict.fromkeys(name for each in table.values() for name in each)), np.random.default_rng(5)
        metrics = {
            name: {cell: each.get(name, np.nan) + NOISE * rng.normal(size=SEEDS) for cell, each in table.items()}
            for name in dict.fromkeys(["top1", *names])
        }
        levels = {
            cell: [50.0] * SEEDS if np.isnan(each).any() else list(each) for cell, each in metrics.pop("top1").items()
        }
        made[study] = frame(levels, axes.split(), **metrics)
    return judge_all._judged(entry, Evidence(made), "laptop", lambda _: "", lambda *_: "").outcome


def test_every_claim_that_is_asked_has_numbers_on_which_it_holds_and_some_on_which_it_does_not():
    asked = {key for key, entry in CLAIMS.items() if entry.ask is not None}
    assert set(CASES) == asked
    for key, given in CASES.items():
        assert set(given.axes) == set(CLAIMS[key].claim.studies), key
        assert given.ways, key


@pytest.mark.parametrize("key", CASES)
def test_a_claim_holds_where_it_is_true(key):
    assert outcome(key, {}) == "holds"


@pytest.mark.parametrize(("key", "way"), [(key, way) for key, given in CASES.items() for way in range(len(given.ways))])
def test_a_claim_does_not_hold_where_it_is_false(key, way):
    assert outcome(key, CASES[key].ways[way]) == "does not hold"
