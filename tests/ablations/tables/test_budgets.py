import numpy as np
import pandas as pd
import pytest
from builders import repeated
from builders.repeated import verdicts

from ablations.stats.agreement import rank_agreement
from ablations.studies.expand import expand
from ablations.studies.load import load_scale, load_study
from ablations.tables.budgets import FAILS, HOLDS, OPEN, UNDECIDED, budgets, cut, first_held, judged
from ablations.tables.cells import cell_table, long_table
from ablations.tables.findings import Findings
from ablations.tables.frame import study_frame
from ablations.tables.pairs import pair_table
from ablations.tables.published import published


def test_a_budget_is_epochs_times_training_images():
    assert budgets(repeated.heads()[1]) == {2: 10_000, 5: 25_000, 10: 50_000, 20: 100_000}


@pytest.mark.parametrize(
    ("name", "other", "scale", "epochs"),
    [
        ("budget_heads", "heads", "laptop", 5),
        ("budget_temperature", "temperature", "smoke", 2),
        ("budget_pairs", "aug_pairs", "laptop", 20),
    ],
)
def test_a_cut_frame_is_that_of_the_repeated_study_at_its_own_number_of_epochs(name, other, scale, epochs):
    def numbers(trial):
        return {"top1": 40.0 + trial.recipe.schedule.epochs + trial.seed, "n_test": 4000}

    def frame(study, trials):
        about = ({"role": t.role, **t.axes, "seed": t.seed, "trial_id": t.recipe.trial_id("x")} for t in trials)
        rows = [row | {"status": "done"} | numbers(t) for row, t in zip(about, trials, strict=True)]
        return study_frame(list(study.axes), rows)

    study = load_study(name)
    whole = frame(study, expand(study, load_scale(scale), seeds=2))
    info = repeated.leave(name, scale, lambda *_: 1.0)[1]
    alone = load_study(other)
    expected = frame(alone, expand(alone, load_scale(scale), seeds=2, overrides={"schedule.epochs": epochs}))
    found = cut(whole, info, epochs)
    shared = [
        role not in ("identical_views",) for role in found["role"]
    ]  # trained for the scale's own number of epochs
    pd.testing.assert_frame_equal(found[shared].reset_index(drop=True), expected[shared].reset_index(drop=True))


def test_levels_are_the_repeated_studys_own_means_and_intervals_budget_by_budget():
    frame, info = repeated.heads()
    found = Findings(frame, info).levels
    assert found["name"].unique().tolist() == ["linear", "nonlinear", "none"]
    for epochs in (2, 20):
        table = cell_table(long_table(cut(frame, info, epochs), info.figure))
        here = found[found["epochs"] == epochs]
        assert here["mean"].tolist() == table["mean"].tolist()
        assert here[["low", "high"]].values.tolist() == table[["low", "high"]].values.tolist()
    nonlinear = found[found["name"] == "nonlinear"].set_index("epochs")["mean"]
    assert nonlinear.round().to_dict() == {2: 36, 5: 36, 10: 46, 20: 46}


def test_lines_of_a_map_are_the_cells_that_the_claims_rest_on():
    frame, info = repeated.pairs()
    found = Findings(frame, info).levels.set_index(["name", "epochs"])
    table = pair_table(cut(frame, info, 5), {axis: info.axes[axis] for axis in ("first", "second")})
    values = table.to_numpy()
    assert found.loc[("crop > color", 5), "mean"] == table.loc["crop", "color"]
    assert found.loc[("color > crop", 5), "mean"] == table.loc["color", "crop"]
    assert found.loc[("crop alone", 5), "mean"] == table.loc["crop", "crop"]
    assert found.loc[("best single", 5), "mean"] == np.diag(values).max()
    assert found.loc[("mean of all pairs", 5), "mean"] == pytest.approx(values[~np.eye(7, dtype=bool)].mean())


def test_a_mean_or_a_maximum_over_cells_of_which_one_is_missing_is_missing():
    frame, info = repeated.pairs()
    lost = (frame["epochs"] == 5).fillna(False) & (frame["first"] == "blur").fillna(False)
    frame.loc[lost, "status"] = "failed"
    frame.loc[lost, "top1"] = np.nan
    found = Findings(frame, info).levels.set_index(["name", "epochs"])["mean"]
    assert np.isnan(found["best single", 5])
    assert np.isnan(found["mean of all pairs", 5])
    assert np.isfinite(found["crop > color", 5])
    assert np.isfinite(found["best single", 2])


def test_rank_agreement_is_there_at_every_budget_whose_map_is_complete():
    frame, info = repeated.pairs(missing={(10, 0), (10, 1)})
    found = Findings(frame, info).agreements
    assert found["epochs"].tolist() == [2, 2, 5, 5, 20, 20]
    assert found["over"].unique().tolist() == ["all cells", "those without crop"]
    paper = published("fig5_aug_pairs")
    theirs = pair_table(paper.frame, paper.axes)
    ours = pair_table(cut(frame, info, 20), paper.axes)
    whole = rank_agreement(ours.to_numpy(float), theirs.to_numpy(float))
    assert found.loc[found["epochs"] == 20, "rho"].iloc[0] == whole.rho
    assert found.loc[found["epochs"] == 20, "p"].iloc[0] == whole.p


def test_only_a_map_is_ranked_against_the_papers():
    assert Findings(*repeated.heads()).agreements.empty


def test_a_claim_first_holds_where_it_holds_there_and_at_every_larger_budget_that_is_judged():
    found = first_held(
        judged(
            verdicts(
                always=[HOLDS] * 4,
                later=[FAILS, UNDECIDED, HOLDS, HOLDS],
                lost=[HOLDS, HOLDS, HOLDS, FAILS],
                unsure=[HOLDS, HOLDS, HOLDS, UNDECIDED],
                again=[HOLDS, FAILS, HOLDS, HOLDS],
                gap=[FAILS, HOLDS, OPEN, HOLDS],
                begun=[FAILS, HOLDS, OPEN, OPEN],
                never=[FAILS] * 4,
                open=[OPEN] * 4,
            )
        )
    )
    assert found == {
        **{"always": 2, "later": 10, "lost": None, "unsure": None, "again": 10},
        **{"gap": 5, "begun": 5, "never": None, "open": None},
    }


def test_the_order_of_the_rows_does_not_matter():
    table = verdicts(later=[FAILS, UNDECIDED, HOLDS, HOLDS], lost=[HOLDS, HOLDS, HOLDS, FAILS])
    assert first_held(judged(table[::-1])) == first_held(judged(table))
    assert judged(table[::-1])["later"]["epochs"].tolist() == [2, 5, 10, 20]
