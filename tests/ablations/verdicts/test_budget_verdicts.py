from dataclasses import replace

import numpy as np
import pytest
from builders import repeated

from ablations.tables.budgets import FAILS, HOLDS, OPEN, UNDECIDED, cut, first_held, judged
from ablations.verdicts import budgets
from ablations.verdicts.claims import CLAIMS
from ablations.verdicts.judge_all import judge_frames

BEATS_NONE, BY_TEN = "a linear head beats none", "a nonlinear head beats none by 10"


def table(made):
    frame, info = made
    return budgets.table(budgets.judge(frame, info, None), info)


def outcomes(made, claim):
    found = table(made)
    here = found[found["claim"] == claim]
    return dict(zip(here["epochs"], here["outcome"], strict=True))


def test_a_claim_turns_true_at_the_budget_at_which_its_cells_do():
    assert outcomes(repeated.heads(), BEATS_NONE) == {2: FAILS, 5: FAILS, 10: HOLDS, 20: HOLDS}
    assert outcomes(repeated.heads(), BY_TEN) == dict.fromkeys((2, 5, 10, 20), FAILS)
    assert first_held(judged(table(repeated.heads())))[BEATS_NONE] == 10


def test_the_order_of_the_frames_rows_does_not_matter():
    frame, info = repeated.heads()
    assert outcomes((frame[::-1].reset_index(drop=True), info), BEATS_NONE) == outcomes((frame, info), BEATS_NONE)


def test_every_claim_that_the_repeated_study_alone_answers_has_a_row_and_no_other():
    assert table(repeated.heads())["claim"].unique().tolist() == [
        "a nonlinear head beats a linear one", BEATS_NONE, BY_TEN, "a head's width matters little",
    ]  # fmt: skip
    assert len(table(repeated.pairs())["claim"].unique()) == 5  # not the one that aug_pairs_symmetric is needed for


@pytest.mark.parametrize("made", [repeated.heads, repeated.pairs])
def test_at_each_budget_the_verdicts_are_those_of_the_repeated_study(made):
    frame, info = made()
    for epochs, found in budgets.judge(frame, info, None).items():
        whole = judge_frames({info.repeats: cut(frame, info, epochs)}, None, info.scale)
        alone = [one for one in whole if one.claim.studies == (info.repeats,)]
        assert [(one.claim, one.outcome, one.why, one.parts) for one in found] == [
            (one.claim, one.outcome, one.why, one.parts) for one in alone
        ]
        assert {one.budget for one in found} == {f"small, printed tiles, {epochs} epochs, batch size 64"}


@pytest.mark.parametrize("missing", [{(10, 0), (10, 1), (10, 2)}, {(10, 2)}])
def test_what_is_undecided_because_trials_are_missing_is_not_measured(missing):
    found = outcomes(repeated.heads(missing), "a head's width matters little")
    assert found[10] == OPEN
    assert found[20] == UNDECIDED


def test_more_seeds_for_other_cells_do_not_unmeasure_a_claim():
    """Five seeds were asked for, of which the claim's cells have three at every budget."""
    frame, info = repeated.heads()
    claim = "a head's width matters little"
    assert outcomes((frame, info), claim)[20] == UNDECIDED
    assert outcomes((frame, replace(info, seeds=5)), claim) == outcomes((frame, info), claim)
    one_seed = frame[frame["seed"] == 0].reset_index(drop=True)
    assert set(outcomes((one_seed, info), claim).values()) == {OPEN}


def test_what_some_seeds_decide_is_decided():
    assert outcomes(repeated.heads({(10, 2)}), BEATS_NONE)[10] == HOLDS


def test_a_budget_that_is_not_measured_is_skipped_in_where_a_claim_first_holds():
    missing = {(10, seed) for seed in range(3)}
    assert outcomes(repeated.heads(missing), BEATS_NONE) == {2: FAILS, 5: FAILS, 10: OPEN, 20: HOLDS}
    assert first_held(judged(table(repeated.heads(missing))))[BEATS_NONE] == 20


def test_with_two_seeds_only_the_claim_whose_cells_one_of_them_chooses_is_open():
    found = table(repeated.pairs())
    undecided = found.groupby("claim")["outcome"].agg(lambda outcomes: set(outcomes) == {UNDECIDED})
    assert undecided[undecided].index.tolist() == ["two transformations beat any one"]
    assert outcomes(repeated.pairs(seeds=3), "two transformations beat any one")[5] == HOLDS
    assert outcomes(repeated.pairs(), "crop with color is the best pair") == {2: FAILS, 5: HOLDS, 10: HOLDS, 20: HOLDS}


def test_claims_that_cannot_be_asked_have_no_row():
    frame, info = repeated.heads()
    few = frame[(frame["dim"] == 8).fillna(True)].reset_index(drop=True)
    assert "a head's width matters little" not in table((few, info))["claim"].tolist()
    assert BEATS_NONE in table((few, info))["claim"].tolist()


def test_listed_verdicts_name_their_budget_and_the_command_with_more_seeds():
    frame, info = repeated.heads()
    rng = np.random.default_rng(2)
    frame["top1"] = 40 + 2 * rng.normal(size=len(frame)) + 2 * (frame["head"] == "linear").fillna(False).astype(float)
    asked = []

    def again(study, seeds):
        asked.append(study)
        return f"again --seeds {seeds}"

    found = budgets.listed(budgets.judge(frame, info, None, again), info)
    groups = list(dict.fromkeys(one.claim.group for one in found))
    assert groups == [f"{pairs} image pairs, {epochs} epochs" for pairs, epochs in
                      (("10,000", 2), ("25,000", 5), ("50,000", 10), ("100,000", 20))]  # fmt: skip
    assert len(found) == 4 * 4
    assert any(one.command.startswith("again --seeds") for one in found)
    assert set(asked) == {"heads"}


def test_a_figure_of_another_kind_has_no_budgets():
    frame, info = repeated.heads()
    bars = info.figure.model_copy(update={"kind": "bars"})
    info = type(info)(**{**info.__dict__, "figure": bars})
    assert budgets.judge(frame, info, None) == {}
    assert budgets.table({}, info) is None


def test_every_claim_in_a_figure_has_a_name_that_fits_and_is_its_own():
    names = [
        entry.claim.short
        for entry in CLAIMS.values()
        if entry.claim.studies in (("aug_pairs",), ("heads",), ("temperature",))
    ]
    assert len(names) == len(set(names)) == 13
    assert all(0 < len(name) <= 36 for name in names)
