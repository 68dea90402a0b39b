import functools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from builders.made import frame, published
from builders.reference import REFERENCE

from ablations.store.trials import Store
from ablations.studies.expand import expand
from ablations.studies.load import GRIDS, load_scale, load_study
from ablations.tables import frame as frames
from ablations.tables.published import published as printed
from ablations.verdicts import judge_all
from ablations.verdicts.claims import CLAIMS
from ablations.verdicts.claims.registry import claim
from ablations.verdicts.contrasts import NotAsked
from ablations.verdicts.evidence import Evidence
from ablations.verdicts.judge_all import about, fulfilled, judge_frames
from ablations.verdicts.statement import All, Best, Correlation, Most, above, at_most, within

SHIPPED = {path.stem for path in GRIDS.glob("*.yaml")}
SCALES = ("smoke", "laptop", "cifar10")
ASKED = {key: entry for key, entry in CLAIMS.items() if entry.ask is not None}
HERE = {key: entry for key, entry in ASKED.items() if set(entry.claim.studies) <= SHIPPED}
METRICS = (
    *("top1", "probe_validation_top1", "contrastive_accuracy", "entropy", "histogram_top1", "layer_1_top1"),
    *("layer_2_top1", "layer_3_top1", "transform_h", "transform_z", "transform_chance", "head_eigen_rank"),
    *("finetune_1_top1", "finetune_10_top1", "augmented_linear_top1", "online_top1", "transfer_top1"),
)
NOT_LAID_BESIDE = {  # the reference has numbers for the claim, but not of an item that our study is laid beside
    "aug_asymmetric_hurts": "its two numbers are from two experiments of the paper, ours from two of one kind",
    "linear_head_low_rank": "the paper draws eigenvalues, and says in words how many are above 1%",
}


def shipped(entry):
    missing = sorted(set(entry.claim.studies) - SHIPPED)
    if missing:
        pytest.skip(f"no study {', '.join(missing)} yet")


@pytest.fixture
def only_shipped(monkeypatch):
    """Claims of which all studies are there."""
    monkeypatch.setattr(
        judge_all, "CLAIMS", {key: one for key, one in CLAIMS.items() if one.ask is None or key in HERE}
    )


@functools.cache
def complete(name, scale, seeds=3, level=None):
    """A frame as a study leaves it, with numbers that vary from seed to seed."""
    rng = np.random.default_rng([len(name), seeds])
    records = []
    for trial in expand(load_study(name), load_scale(scale), seeds=seeds):
        row = {"role": trial.role, **trial.axes, "seed": trial.seed, "status": "done", "trial_id": "t"}
        value = rng.uniform(20, 90) if level is None else level
        records.append(row | {metric: value + float(rng.normal()) for metric in METRICS})
    return frames.study_frame(list(load_study(name).axes), records)


def statement_of(entry, made):
    """What the claim asserts of these frames, or the reason why it asserts nothing."""
    evidence = Evidence(made)
    try:
        return entry.ask(*(evidence.cells(study) for study in entry.claim.studies))
    except NotAsked as reason:
        return str(reason)


def comparisons(statement):
    if isinstance(statement, Best):
        return [*statement.winners, *statement.losers]
    return list(statement.parts)


# --- the list of claims -----------------------------------------------------------------------------------------------


def reference():
    if not REFERENCE.is_file():
        pytest.skip("the reference is not part of the project")
    return {one["id"]: one for one in yaml.safe_load(REFERENCE.read_text(encoding="utf-8"))["claims"]}


def test_the_claims_are_those_of_the_reference_and_no_others():
    assert set(CLAIMS) == set(reference())
    assert len(CLAIMS) == 55


def test_every_claim_says_what_and_where_it_is():
    for key, entry in CLAIMS.items():
        assert entry.claim.key == key
        assert entry.claim.statement.endswith("."), key
        assert all((entry.claim.group, entry.claim.where, entry.claim.inequality)), key
        assert (entry.ask is None) == bool(entry.unanswered) == (not entry.claim.studies), key
        assert not entry.unanswered or entry.unanswered.endswith("."), key


def test_claims_are_listed_by_group():
    groups = [entry.claim.group for entry in CLAIMS.values()]
    assert len(set(groups)) == 7
    with pytest.raises(ValueError, match="'aug_row_ranking' is there already"):

        @claim("augmentation", "Twice.", where="", inequality="", studies=())
        def aug_row_ranking():
            return All(())


# --- asked of studies -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ASKED)
def test_a_claim_can_be_asked_of_its_whole_study_at_every_scale_offered(key):
    entry, answered = ASKED[key], 0
    shipped(entry)
    for scale in SCALES:
        studies = [load_study(name) for name in entry.claim.studies]
        if not all(scale in study.scales for study in studies):
            continue
        statement = statement_of(entry, {study.study: complete(study.study, scale) for study in studies})
        if isinstance(statement, str):
            assert statement.strip(".") == statement != ""
            continue
        answered += 1
        assert isinstance(statement, All | Most | Best)
        assert comparisons(statement)
        (verdict,) = judge_frames_of(entry, {study.study: complete(study.study, scale) for study in studies}, scale)
        assert verdict.outcome in ("holds", "does not hold", "undecided")
        assert verdict.why.endswith(".")
        assert verdict.deciding in verdict.parts
        assert verdict.seeds + verdict.chosen_on == 3
    assert answered


def judge_frames_of(entry, made, scale):
    again = functools.partial(judge_all.trains, Path(), scale)
    return [judge_all._judged(entry, Evidence(made), scale, lambda _: "", again)]


@pytest.mark.parametrize("key", HERE)
def test_of_any_part_of_a_study_it_gives_a_verdict_or_a_reason(key):
    """Whatever --only left out, whatever failed, however few seeds: no other exception."""
    entry, rng = HERE[key], np.random.default_rng(1)
    scale = "smoke"
    whole = {name: complete(name, scale) for name in entry.claim.studies}
    for share in (0.0, 0.2, 0.5, 0.8):
        made, holed = {}, {}
        for name, table in whole.items():
            axes = frames.axes_of(table)
            cells = pd.Series([str(row) for row in table[axes].itertuples(index=False)])
            kept = [cell for cell in cells.unique() if rng.uniform() < share]
            made[name] = table[cells.isin(kept)].reset_index(drop=True)
            holed[name] = table.copy()
            lost = rng.uniform(size=len(table)) > share
            holed[name].loc[lost, "status"] = rng.choice(["failed", "missing", "running"], size=lost.sum())
            holed[name].loc[lost, list(METRICS)] = np.nan
        for some in (made, holed):
            (verdict,) = judge_frames_of(entry, some, scale)
            assert verdict.why.endswith(".")
            assert "None" not in verdict.why
    for name, table in whole.items():  # one value of one axis at a time, as --only leaves it
        for axis in frames.axes_of(table):
            for value in table[axis].dropna().unique():
                part = {**whole, name: table[(table[axis] == value).fillna(False)].reset_index(drop=True)}
                (verdict,) = judge_frames_of(entry, part, scale)
                assert verdict.why.endswith(".")


def test_results_of_a_study_with_other_axes_are_not_asked():
    (verdict,) = judge_frames_of(HERE["head_linear_beats_none"], {"heads": frame({"a": [1.0, 2.0]})}, "laptop")
    assert verdict.outcome == "not asked"
    assert verdict.why == "heads has no axis dim in these results."


# --- the paper's own numbers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ASKED)
def test_the_papers_own_numbers_fulfill_its_claims_where_it_prints_them(key):
    shipped(ASKED[key])
    prints = reference()[key]["paper_check"] is not None and key not in NOT_LAID_BESIDE
    assert fulfilled(ASKED[key]) is (True if prints else None)


def test_where_no_study_asks_the_papers_numbers_are_not_put_to_it():
    assert all(fulfilled(entry) is None for entry in CLAIMS.values() if entry.ask is None)


def published_frames(entry):
    return {name: printed(load_study(name).paper).frame for name in entry.claim.studies}


def true(entry, made):
    evidence = judge_all._Published(made)
    return evidence.true(entry.ask(*(evidence.cells(name) for name in entry.claim.studies)))


CHECKED = [key for key, entry in HERE.items() if fulfilled(entry)]


@pytest.mark.parametrize("key", CHECKED)
def test_any_comparison_of_a_claim_can_break_it(key):
    """Moving one cell of one comparison to the other side of its bound makes the claim false on the paper's numbers."""
    entry = CLAIMS[key]
    made = published_frames(entry)
    assert true(entry, made)
    evidence = judge_all._Published(made)
    statement = entry.ask(*(evidence.cells(name) for name in entry.claim.studies))
    if isinstance(statement, Best):
        broken = moved(made, evidence.best_on_first_seed(statement.losers).weights[0][0], 1000.0)
        assert not true(entry, broken)
        return
    assert isinstance(statement, All)
    for part in statement.parts[:: len(statement.parts) // 20 + 1]:
        if isinstance(part.quantity, Correlation):
            assert not true(entry, moved(made, part.quantity.y[0].weights[0][0], 1000.0))
            continue
        one, weight = max(part.quantity.weights, key=lambda each: abs(each[1]))
        against = -1 if part.relation == "above" else 1
        assert not true(entry, moved(made, one, against * np.sign(weight) * 1000.0)), part.quantity.label


COMPARISONS = {  # of the paper's own cells; of a maximum, the cells themselves
    **{"aug_composition_beats_single": 49, "aug_crop_color_best": 80, "aug_no_single_suffices": 7},
    **{"aug_row_ranking": 6, "color_stronger_helps_simclr": 3, "color_stronger_not_supervised": 1},
    **{"aug_strength_interaction": 1, "blur_helps_simclr": 1, "autoaugment_not_better": 2 + 4},
    **{"flip_helpful_not_essential": 2, "broader_augmentation_helps": 3, "deeper_helps": 4 + 3 + 3},
    **{"wider_helps": 2 + 2 + 2 + 1 + 1, "bigger_models_gain_more": 4, "wide_matches_supervised": 1},
    **{"head_nonlinear_beats_linear": 7, "head_linear_beats_none": 1, "head_nonlinear_beats_none_by_10": 1},
    **{"head_output_dim_insensitive": 7 * 2 * 7 * 6, "h_keeps_transform_information": 4 + 1},
    **{"loss_nt_xent_best": 4, "loss_semi_hard_helps": 2, "loss_l2_norm_matters": 6},
    **{"loss_temperature_interior_optimum": 3, "loss_contrastive_acc_dissociates": 2 * 8},
    **{"loss_entropy_vs_temperature": 3, "batch_larger_better_few_epochs": 5, "batch_gap_shrinks_with_epochs": 4},
    **{"longer_training_helps": 6, "sqrt_lr_helps_small_batches": 1 + 3 + 3, "supervised_not_helped_by_longer": 1},
    **{"cifar_longer_training_helps": 10, "cifar_batch_effect_small": 3, "cifar_tau_tenth_improves_with_batch": 1},
    **{"cifar_tau_tenth_best_short": 3, "semi_supervised_beats_supervised": 2, "linear_eval_tracks_finetune": 2},
    **{"transfer_1x_supervised_wins": 12},
}


@pytest.mark.parametrize("key", CHECKED)
def test_of_the_papers_cells_a_claim_compares_as_many_as_it_speaks_of(key):
    """None is left out: what is not compared cannot break it."""
    entry = CLAIMS[key]
    evidence = judge_all._Published(published_frames(entry))
    statement = entry.ask(*(evidence.cells(name) for name in entry.claim.studies))
    assert len(comparisons(statement)) == COMPARISONS[key]


def moved(made, cell, by):
    table = made[cell.study].copy()
    here = np.ones(len(table), dtype=bool)
    for axis, value in cell.axes:
        column = table[axis]
        here &= (column.isna() if value is None else (column == value).fillna(False)).to_numpy(dtype=bool)
    assert here.sum() == 1
    table.loc[here, cell.metric] += by
    return {**made, cell.study: table}


def gaps(axes, one, other, values):
    """A frame of pairs of cells whose difference, at each value of the last axis, is as given."""
    table = {(*one, at): [50.0 + gap] for at, gap in values.items()} | {(*other, at): [50.0] for at in values}
    return published(frame(table, axes))


@pytest.mark.parametrize(
    ("values", "holds"),
    [
        ([20, 10, 5], True),
        ([20, 10, -0.3], True),  # as good as closed
        ([-5, -10, -20], False),  # a gap that grows the other way
        ([2, -2, -8], False),
        ([-20, -10, -5], False),  # the larger batch is worse throughout: not the claim's gap
        ([5, 10, 20], False),
    ],
)
def test_a_gap_that_shrinks_is_one_that_is_there_and_closes(values, holds):
    by_epochs = gaps(("batch", "epochs"), (1024,), (256,), dict(zip((100, 200, 300), values, strict=True)))
    assert true(CLAIMS["batch_gap_shrinks_with_epochs"], {"batch_epochs": by_epochs}) is holds
    sizes = dict(zip((1, 2, 4), values, strict=True))
    by_width = gaps(("method", "depth", "width"), ("supervised", 50), ("SimCLR", 50), sizes)
    assert true(CLAIMS["bigger_models_gain_more"], {"model_size": by_width}) is holds


@pytest.mark.parametrize(("shift", "holds"), [(0.0, True), (-12.0, False)])
def test_what_helps_small_batches_most_must_help_there(shift, holds):
    """Worse in every cell, though least so for the smallest batch and the fewest epochs, is no help."""
    gain = {(256, 100): 10.0, (512, 100): 6.0, (256, 200): 4.0, (512, 200): 1.0}
    table = {("sqrt", *key): [50.0 + value + shift] for key, value in gain.items()}
    table |= {("linear", *key): [50.0] for key in gain}
    made = {"lr_scaling": published(frame(table, ("scaling", "batch", "epochs")))}
    assert true(CLAIMS["sqrt_lr_helps_small_batches"], made) is holds


def test_published_numbers_are_taken_as_printed():
    table = {"made": published(frame({"a": [60.0], "b": [50.0], "c": [50.3]}))}
    court_of = judge_all._Published(table)
    a, b, c = (court_of.cells("made")(cell=name) for name in "abc")
    assert court_of.true(All((above(a - b), above(a - b, 9.9), at_most(c - b, 0.5), within(b - c, 0.5))))
    assert not court_of.true(All((above(a - b, 10.0),)))
    assert not court_of.true(All((at_most(a - b, 9.9),)))
    assert not court_of.true(All((within(b - a, 9.9),)))
    assert court_of.true(Most((above(a - b), above(a - c), above(b - c))))
    assert not court_of.true(Most((above(a - b), above(b - c))))
    assert court_of.true(Best((b, a), (c,)))
    assert not court_of.true(Best((b, c), (a,)))


# --- verdicts of a folder ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("only_shipped")
def test_all_claims_are_judged_in_their_order():
    made = {name: complete(name, "laptop") for name in ("heads", "flip", "temperature")}
    found = judge_frames(made, None, "laptop", lambda study: f"{study}: on tiles")
    assert [one.claim.key for one in found] == list(judge_all.CLAIMS)
    judged = [one for one in found if one.outcome != "not asked"]
    assert {name for one in judged for name in one.claim.studies} == {"heads", "flip", "temperature"}
    assert {one.scale for one in found} == {"laptop"}
    assert about("flip", found)[0].claim.key == "flip_helpful_not_essential"
    assert about("flip", found)[0].budget == "flip: on tiles"
    assert {one.published for one in judged} == {True}


@pytest.mark.usefixtures("only_shipped")
def test_what_has_not_been_run_names_its_command():
    again = functools.partial(judge_all.trains, Path("my results"), "laptop")
    found = {one.claim.key: one for one in judge_frames({}, None, "laptop", again=again)}
    one = found["head_linear_beats_none"]
    assert (one.outcome, one.why) == ("not asked", "heads has not been run at this scale.")
    where = "--out 'my results'"
    assert one.command == f"python -m ablations.run heads --scale laptop {where}"
    two = found["supervised_not_helped_by_longer"]
    assert two.why == "batch_epochs and longer_supervised have not been run at this scale."
    assert two.command == "; ".join(
        f"python -m ablations.run {study} --scale laptop {where}" for study in ("batch_epochs", "longer_supervised")
    )
    assert found["batch_saturates_8192"].why == CLAIMS["batch_saturates_8192"].unanswered
    assert found["batch_saturates_8192"].command == ""


@pytest.mark.usefixtures("only_shipped")
def test_a_scale_that_the_study_refuses_has_no_command():
    found = {one.claim.key: one for one in judge_frames({}, None, "laptop")}
    assert found["deeper_helps"].why.startswith("model_size is not offered at scale laptop: ")
    assert found["deeper_helps"].command == ""


def heads(seeds, gap=20.0, noise=0.3):
    rng = np.random.default_rng(1)
    none, linear = (list(level + noise * rng.normal(size=seeds)) for level in (30, 30 + gap))
    return frame({("none", None): none, ("linear", 64): linear}, axes=("head", "dim"))


@pytest.mark.parametrize(
    ("seeds", "gap", "noise", "command"),
    [
        (3, 20.0, 0.3, ""),
        (1, 20.0, 0.3, "python -m ablations.run heads --scale laptop --seeds 3"),
        (3, 0.0, 0.3, None),
    ],
)
def test_an_open_claim_names_the_command_that_would_settle_it(seeds, gap, noise, command):
    (found,) = judge_frames_of(HERE["head_linear_beats_none"], {"heads": heads(seeds, gap, noise)}, "laptop")
    if command is None:
        wanted = f" --seeds {found.more_seeds}" if found.more_seeds else ""
        command = f"python -m ablations.run heads --scale laptop{wanted}" if found.more_seeds else ""
    assert found.command == command
    assert (found.outcome == "holds") == (gap > 0 and seeds > 1)


def test_what_is_not_measured_yet_names_the_command_that_goes_on():
    made = heads(3)
    made.loc[made["head"] == "linear", "status"] = "missing"
    made.loc[made["head"] == "linear", "top1"] = np.nan
    (found,) = judge_frames_of(HERE["head_linear_beats_none"], {"heads": made}, "laptop")
    assert found.why == "1 of its 1 comparisons is not measured yet."
    assert found.command == "python -m ablations.run heads --scale laptop --seeds 3"


def test_cells_that_seeds_have_not_chosen_yet_are_not_asked():
    entry = HERE["loss_semi_hard_helps"]
    made = complete("losses", "laptop")
    made = made.copy()
    made.loc[made["seed"] == 0, "status"] = "failed"
    (found,) = judge_frames_of(entry, {"losses": made}, "laptop")
    assert found.why == "losses has no cell with objective margin_semi_hard done on its first seed, which chooses."


@pytest.mark.usefixtures("only_shipped")
def test_a_store_without_the_trials_is_as_good_as_none(tmp_path):
    made = {"flip": complete("flip", "smoke")}
    assert judge_frames(made, Store(tmp_path), "smoke") == judge_frames(made, None, "smoke")


def test_a_claim_of_two_studies_takes_each_ones_own_cells():
    made = {"aug_pairs": complete("aug_pairs", "smoke", level=30.0)}
    made["aug_pairs_symmetric"] = complete("aug_pairs_symmetric", "smoke", level=60.0)
    (found,) = judge_frames_of(HERE["aug_asymmetric_hurts"], made, "smoke")
    assert found.outcome == "holds"
    assert found.parts[0].label == "on both branches − on one"
    assert found.parts[0].effect == pytest.approx(30, abs=3)
