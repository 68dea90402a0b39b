import math
import stat

import numpy as np
import pandas as pd
import pytest

from ablations import figures
from ablations.stats.intervals import pooled_sd, wilson_half_width
from ablations.studies.info import StudyInfo
from ablations.studies.plot import Plot
from ablations.tables import captions, pairs, render
from ablations.tables import cells as cell_tables
from ablations.tables import frame as frames
from ablations.tables.findings import Findings
from ablations.tables.published import published
from simclr_core.errors import BadInput

NAMES = ("crop", "color", "blur")
HEAD_AXES = {"head": ("linear", "nonlinear", "none"), "dim": (16, 32)}
PAIRS = Plot(kind="pairs")
BARS = Plot(kind="bars", x="dim", hue="head")
AXES = {"first": NAMES, "second": NAMES}


def record(first, second, top1, seed=0, role="cell", status="done"):
    fields = {"role": role, "first": first, "second": second, "seed": seed, "status": status}
    fields["trial_id"] = f"{role}-{first}-{second}-{seed}"
    return fields | metrics(top1) if status == "done" else fields


def metrics(top1):
    return {
        "top1": top1,
        "balanced_accuracy": top1 - 0.1,
        "n_test": 4000,
        "loss": 1 / 3,
        "contrastive_accuracy": 100 / 3,
        "entropy": 2 / 3,
        "probe_l2": 1e-4,
        "probe_validation_top1": top1 + 0.1 + 0.2,
        "knn_top1": top1 + 0.3,
        **{f"{name}_{space}": -0.7 for name in ("alignment", "uniformity", "rankme") for space in "hz"},
    }


def test_probes_beyond_the_usual_have_columns_of_their_own_after_them(tmp_path):
    one, other = record("crop", "color", 50.0), record("color", "crop", 60.0)
    frame = pairs_frame(one | {"online_top1": 51.0}, other | {"finetune_1_top1": 61.5}, record("blur", "crop", 1.0))
    assert list(frame.columns[-2:]) == ["finetune_1_top1", "online_top1"]
    assert frame["online_top1"].tolist()[0] == 51.0
    assert frame["finetune_1_top1"].isna().tolist() == [True, False, True]
    frames.write(frame, tmp_path / "x.csv")
    pd.testing.assert_frame_equal(frames.read(tmp_path / "x.csv", AXES), frame)


def pairs_frame(*records):
    return frames.study_frame(["first", "second"], records)


def head_record(head, dim, top1, seed=0, role="cell", status="done"):
    fields = {"role": role, "head": head, "dim": dim, "seed": seed, "status": status}
    fields["trial_id"] = f"{role}-{head}-{dim}-{seed}"
    return fields | metrics(top1) if status == "done" else fields


def heads_frame(*records):
    return frames.study_frame(["head", "dim"], records)


def info(**changes):
    fields = {
        "study": "aug_pairs",
        "question": "Which pair?",
        "paper": "fig5_aug_pairs",
        "figure": PAIRS,
        "scale": "laptop",
        "about": "small",
        "stamp": False,
        "data": "Tiles",
        "encoder": "small",
        "epochs": (10,),
        "batch_size": (64,),
        "seeds": 1,
        "views": "asymmetric",
        "overrides": (),
        "axes": AXES,
    }
    return StudyInfo(**(fields | changes))


def cell_table(frame, plot):
    return cell_tables.cell_table(cell_tables.long_table(frame, plot))


SOME = pairs_frame(
    record("crop", "crop", 20.0),
    record("crop", "color", 47.0),
    record("crop", "blur", 23.0),
    record("color", "crop", 47.5),
    record("color", "color", None, status="failed"),
    record("color", "blur", None, status="running"),
    record("blur", "crop", None, status="missing"),
    record("blur", "blur", 22.0),
    record(None, None, 20.6, role="untrained"),
    record(None, None, None, role="identical_views", status="failed"),
)
HEADS = heads_frame(
    *(head_record("linear", 16, top1, seed) for seed, top1 in enumerate((40.0, 42.0, 44.0))),
    *(head_record("nonlinear", 16, top1, seed) for seed, top1 in enumerate((45.0, 46.0))),
    head_record("nonlinear", 16, None, seed=2, status="failed"),
    head_record("linear", 32, 41.0),
    head_record("nonlinear", 32, None, status="missing"),
    head_record("none", None, 36.0),
    head_record(None, None, 20.0, role="untrained"),
)


# --- the frame --------------------------------------------------------------------------------------------------------


def test_the_frame_has_the_declared_columns_and_the_given_order():
    assert list(SOME.columns) == ["role", "first", "second", "seed", "status", "trial_id", *metrics(0)]
    assert list(SOME["first"][:4]) == ["crop", "crop", "crop", "color"]
    assert SOME["seed"].dtype == np.int64
    assert HEADS["dim"].dtype == "Int64"


def test_only_done_rows_carry_metrics():
    leftover = record("crop", "crop", 50.0) | {"status": "failed"}
    assert math.isnan(pairs_frame(leftover)["top1"][0])


def test_a_done_row_without_a_number_is_refused():
    with pytest.raises(BadInput, match="cell-crop-crop-0: status is done but it has neither top1 nor policy_ret"):
        pairs_frame(record("crop", "crop", math.nan))


def test_a_repeated_trial_counts_once_and_the_done_one_stays():
    frame = pairs_frame(
        record("crop", "crop", None, status="missing"),
        record("crop", "color", 30.0),
        record("crop", "crop", 20.0),
        record("crop", "crop", 20.0),
    )
    assert list(frame["second"]) == ["crop", "color"]
    assert list(frame["top1"]) == [20.0, 30.0]


@pytest.mark.parametrize(
    ("frame", "axes"),
    [(SOME, AXES), (HEADS, {"head": ("linear",), "dim": (8,)}), (pairs_frame(), AXES)],
    ids=["pairs", "heads", "empty"],
)
def test_the_csv_reads_back_as_the_same_frame(frame, axes, tmp_path):
    path = tmp_path / "deep" / "study.csv"
    frames.write(frame, path)
    pd.testing.assert_frame_equal(frames.read(path, axes), frame)


def test_the_csv_has_the_same_bytes_on_a_rerun_and_nothing_else_is_left_behind(tmp_path):
    path = tmp_path / "study.csv"
    frames.write(SOME, path)
    before = path.read_bytes()
    frames.write(frames.read(path, AXES), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_the_csv_keeps_every_digit_and_leaves_no_value_empty(tmp_path):
    path = tmp_path / "study.csv"
    frames.write(SOME, path)
    lines = path.read_text().splitlines()
    start = "cell,crop,crop,0,done,cell-crop-crop-0,20.0,19.9,4000,0.3333333333333333,33.333333333333336,"
    assert lines[1].startswith(start + "0.6666666666666666,0.0001,20.3,20.3,-0.7,")
    assert lines[9].startswith("untrained,,,0,done,")
    assert lines[5] == "cell,color,color,0,failed,cell-color-color-0" + "," * len(metrics(0))


def test_axis_values_keep_their_kind_on_disk(tmp_path):
    rows = [
        {"role": "cell", "tau": tau, "name": name, "seed": 0, "status": "missing", "trial_id": f"{tau}{name}"}
        for tau, name in ((0.1, "NA"), (1.0, "none"), (None, "None"))
    ]
    frame = frames.study_frame(["tau", "name"], rows)
    frames.write(frame, tmp_path / "x.csv")
    again = frames.read(tmp_path / "x.csv", {"tau": (0.1, 1), "name": ("NA", "none", "None")})
    pd.testing.assert_frame_equal(again, frame)
    assert list(again["name"]) == ["NA", "none", "None"]
    assert list(again["tau"][:2]) == [0.1, 1.0]
    assert again["tau"].isna()[2]


def test_names_that_look_like_numbers_stay_names_in_memory_and_on_disk(tmp_path):
    axes = {"name": ("1.1", "1.10", "007"), "mixed": (16, "h"), "whole": (1, 2.5)}
    rows = [
        {"role": "cell", "name": name, "mixed": 16, "whole": 1, "seed": 0, "status": "missing", "trial_id": name}
        for name in axes["name"]
    ]
    frame = frames.study_frame(axes, rows)
    assert list(frame["name"]) == ["1.1", "1.10", "007"]
    assert (set(frame["mixed"]), set(frame["whole"])) == ({"16"}, {1.0})
    assert (frame["mixed"].dtype, frame["whole"].dtype) == (frames.TEXT, "Float64")
    frames.write(frame, tmp_path / "x.csv")
    pd.testing.assert_frame_equal(frames.read(tmp_path / "x.csv", axes), frame)


def test_a_map_over_names_that_look_like_one_number_has_a_row_for_each():
    axes = {"first": ("1.1", "1.10"), "second": (0.5,)}
    frame = frames.study_frame(axes, [record("1.1", 0.5, 10.0), record("1.10", 0.5, 20.0)])
    table = pairs.pair_table(frame, axes)
    assert list(table.index) == ["1.1", "1.10"]
    assert table[0.5].tolist() == [10.0, 20.0]


def test_a_table_that_is_no_study_is_refused(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(BadInput, match="not a study's table"):
        frames.read(path, {})


# --- shapes -----------------------------------------------------------------------------------------------------------


def test_the_pair_table_has_the_declared_order_and_absent_cells_are_nan():
    table = pairs.pair_table(SOME, AXES)
    expected = [[20.0, 47.0, 23.0], [47.5, np.nan, np.nan], [np.nan, np.nan, 22.0]]
    np.testing.assert_array_equal(table.to_numpy(), expected)
    assert list(table.index) == list(table.columns) == list(NAMES)
    failed = pairs.pair_failed(SOME, AXES)
    assert np.argwhere(failed.to_numpy()).tolist() == [[1, 1]]


def test_the_pair_table_is_the_mean_over_the_seeds_that_are_done():
    frame = pairs_frame(
        record("crop", "color", 40.0, seed=0),
        record("crop", "color", 44.0, seed=1),
        record("crop", "color", None, seed=2, status="failed"),
    )
    assert pairs.pair_table(frame, AXES).loc["crop", "color"] == 42.0
    assert not pairs.pair_failed(frame, AXES).any(axis=None)


def test_rows_repeated_by_hand_do_not_weigh_twice():
    frame = pairs_frame(record("crop", "color", 40.0, seed=0), record("crop", "color", 44.0, seed=1))
    doubled = pd.concat([frame, frame.iloc[:1]], ignore_index=True)
    assert pairs.pair_table(doubled, AXES).loc["crop", "color"] == 42.0


def test_an_empty_frame_gives_an_empty_map():
    table = pairs.pair_table(pairs_frame(), AXES)
    assert table.shape == (3, 3)
    assert table.isna().all(axis=None)
    assert not pairs.pair_failed(pairs_frame(), AXES).any(axis=None)


def test_a_row_average_needs_the_whole_row():
    average = pairs.row_average(pairs.pair_table(SOME, AXES))
    assert average["crop"] == 30.0
    assert average[["color", "blur"]].isna().all()


def test_maps_over_numbers_find_their_cells():
    records = [record(4, 0.5, 10.0), record(8, 0.5, 20.0)]
    frame = frames.study_frame(["first", "second"], records)
    table = pairs.pair_table(frame, {"first": (8, 4), "second": (0.5, 1)})
    np.testing.assert_array_equal(table.to_numpy(), [[20.0, np.nan], [10.0, np.nan]])


def test_the_cell_table_gives_mean_sd_and_number_of_seeds():
    cells = cell_table(HEADS, BARS)
    assert list(zip(cells["head"], cells["n"], cells["failed"], strict=True)) == [
        ("linear", 3, 0),
        ("nonlinear", 2, 1),
        ("linear", 1, 0),
        ("nonlinear", 0, 0),
        ("none", 1, 0),
    ]
    np.testing.assert_allclose(cells["mean"], [42.0, 45.5, 41.0, np.nan, 36.0])
    np.testing.assert_allclose(cells["sd"], [2.0, math.sqrt(0.5), np.nan, np.nan, np.nan])
    assert cells["dim"].isna().tolist() == [False, False, False, False, True]


def test_the_seed_deviation_is_pooled_over_cells_with_several_seeds():
    spread = cell_tables.seed_spread(cell_tables.long_table(HEADS, BARS), "top1")
    assert spread.df == 3
    assert spread.sd == pytest.approx(math.sqrt((8 + 0.5) / 3))


def widths(table):
    """Half of each cell's interval."""
    return (table["high"] - table["low"]) / 2


@pytest.mark.parametrize(("levels", "low", "high"), [((99.0, 94.0, 99.5), 86.0, 100.0), ((1.0, 6.0, 0.5), 0.0, 14.0)])
def test_no_interval_of_an_accuracy_leaves_0_to_100(levels, low, high):
    records = [head_record("linear", 16, level, seed) for seed, level in enumerate(levels)]
    (cell,) = cell_table(heads_frame(*records), BARS).itertuples()
    assert (cell.low, cell.high) == pytest.approx((max(low, 0), min(high, 100)), abs=5.0)
    assert 0 <= cell.low < cell.mean < cell.high <= 100
    assert 0 in (cell.low, 100 - cell.high)
    text = render.summary(Findings(heads_frame(*records), info(figure=BARS, paper="", seeds=3, axes=HEAD_AXES)))
    assert f"{cell.mean:.1f} ({cell.low:.1f} to {cell.high:.1f})" in text


def test_error_bars_know_that_cells_share_their_seeds():
    """Both heads rise with the seed: their levels are as unsure as that is, with two degrees of freedom."""
    records = [head_record(head, 16, top1 + 3.0 * seed, seed) for head, top1 in (("linear", 40.0), ("nonlinear", 45.0))
               for seed in range(3)]  # fmt: skip
    half = widths(cell_table(heads_frame(*records), BARS))
    assert half.tolist() == pytest.approx([4.302653 * 3 / math.sqrt(3)] * 2)


def test_one_seed_has_no_deviation():
    spread = cell_tables.seed_spread(cell_tables.long_table(SOME, PAIRS), "top1")
    assert spread.df == 0
    assert cell_table(SOME, Plot(kind="bars", x="first", hue="second"))["low"].isna().all()
    assert pooled_sd([]).df == 0


def grid_record(batch, lr, top1, seed=0, validation=None, status="done"):
    fields = {"role": "cell", "batch": batch, "lr": lr, "seed": seed, "status": status}
    fields["trial_id"] = f"{batch}-{lr}-{seed}"
    if status != "done":
        return fields
    return fields | metrics(top1) | {"probe_validation_top1": top1 if validation is None else validation}


def grid_frame(*records):
    return frames.study_frame(["batch", "lr"], records)


def test_an_average_over_an_axis_is_of_each_seed_and_needs_all_its_cells():
    frame = grid_frame(
        *(
            grid_record(64, lr, top1, seed)
            for lr, seed, top1 in ((1, 0, 10.0), (2, 0, 20.0), (1, 1, 30.0), (2, 1, 60.0))
        ),
        grid_record(128, 1, 50.0),
        grid_record(128, 2, None, status="missing"),
        grid_record(256, 1, 50.0),
        grid_record(256, 2, None, status="failed"),
    )
    cells = cell_table(frame, Plot(kind="bars", x="batch", average=("lr",)))
    assert cells["batch"].tolist() == [64, 128, 256]
    np.testing.assert_allclose(cells["mean"], [30.0, np.nan, np.nan])  # of 15 and 45
    np.testing.assert_allclose(cells["sd"], [math.sqrt(450), np.nan, np.nan])
    assert cells["n"].tolist() == [2, 0, 0]
    assert cells["failed"].tolist() == [0, 0, 1]


def test_a_tuned_axis_is_chosen_by_validation_on_the_first_seed_and_shown_with_the_others():
    plot = Plot(kind="bars", x="batch", choose=("lr",))
    frame = grid_frame(
        grid_record(64, 1, 10.0, seed=0, validation=70.0),  # chosen, though its test accuracy is the lower
        grid_record(64, 2, 99.0, seed=0, validation=60.0),
        *(grid_record(64, 1, top1, seed) for seed, top1 in ((1, 40.0), (2, 42.0))),
        *(grid_record(64, 2, 80.0, seed, validation=99.0) for seed in (1, 2)),
        grid_record(128, 2, 30.0, seed=0),
        grid_record(128, 1, None, seed=0, status="failed"),
        grid_record(128, 2, 33.0, seed=1),
        grid_record(256, 1, None, seed=0, status="missing"),
        grid_record(256, 1, 90.0, seed=1),
    )
    assert cell_tables.choices(frame, plot).to_dict("list") == {"batch": [64, 128], "lr": [1, 2]}
    cells = cell_table(frame, plot)
    assert cells["batch"].tolist() == [64, 128]
    np.testing.assert_allclose(cells["mean"], [41.0, 33.0])
    said = " ".join(
        captions.caption(
            Findings(frame, info(figure=plot, paper="", seeds=3, axes={"batch": (64, 128, 256), "lr": (1, 2)}))
        )
    )
    assert "Of lr, the best on the first seed's validation split (64: 1; 128: 2), shown with the other seeds." in said


def test_with_one_seed_the_choice_is_judged_on_it_and_said_to_be_optimistic():
    plot = Plot(kind="bars", x="batch", choose=("lr",))
    frame = grid_frame(grid_record(64, 1, 10.0), grid_record(64, 2, 20.0))
    assert cell_table(frame, plot)["mean"].tolist() == [20.0]
    said = " ".join(captions.caption(Findings(frame, info(figure=plot, paper="", axes={"batch": (64,), "lr": (1, 2)}))))
    assert "shown with the same seed, so optimistic." in said


def test_several_metrics_are_rows_of_their_own_and_a_metric_that_a_cell_lacks_is_neither_missing_nor_failed():
    plot = Plot(kind="bars", x="metric", hue="lr", metrics=("top1", "layer_3_top1"))
    frame = frames.study_frame(
        ["lr"], [{key: value for key, value in grid_record(64, lr, top1).items() if key != "batch"} | more
                 for lr, top1, more in ((1, 10.0, {}), (2, 20.0, {"layer_3_top1": 15.0}))]
    )  # fmt: skip
    cells = cell_table(frame, plot).set_index(["lr", "metric"])
    assert cells.loc[(2, "layer_3_top1"), "mean"] == 15.0
    lacking = cells.loc[(1, "layer_3_top1")]
    assert math.isnan(lacking["mean"])
    assert (lacking["n"], lacking["done"], lacking["failed"]) == (0, 1, 0)
    text = render.text_table(Findings(frame, info(figure=plot, axes={"lr": (1, 2)})))
    assert text.columns.tolist() == ["lr", "linear probe top-1 (%)", "layer 3 of g, top-1 (%)"]
    assert text.to_numpy().tolist() == [["1", "10.0", "–"], ["2", "20.0", "15.0"]]


def test_the_latex_table_is_booktabs_with_the_caption_as_comments():
    text = render.latex(Findings(HEADS, info(figure=BARS, paper="", seeds=3, axes=HEAD_AXES)))
    lines = text.splitlines()
    assert lines[0] == "% Which pair?"
    assert all(line.startswith("%") for line in lines[: lines.index("\\begin{tabular}{llll}")])
    assert "\\toprule" in lines
    assert lines[-1] == "\\end{tabular}"
    assert any(line.split()[:3] == ["linear", "&", "42.0"] and "$\\pm$" in line for line in lines)


def test_baselines_are_levels_by_name():
    assert cell_tables.baselines(SOME, "top1")["untrained"] == 20.6
    assert math.isnan(cell_tables.baselines(SOME, "top1")["identical_views"])


def test_gaps_are_counted_by_reason():
    found = cell_tables.gaps(SOME, seeds=1)
    assert (found.cells, found.missing, found.failed, found.short) == (8, 2, 1, 0)
    found = cell_tables.gaps(HEADS, seeds=3)
    assert (found.cells, found.missing, found.failed, found.short) == (5, 1, 0, 3)


def test_the_best_pair_and_the_best_single_are_the_highest_measured_cells():
    table = pairs.pair_table(SOME, AXES)
    assert pairs.best(table, single=False) == pairs.Best("color", "crop", 47.5)
    assert pairs.best(table, single=True) == pairs.Best("blur", "blur", 22.0)
    assert pairs.best(pairs.pair_table(pairs_frame(), AXES), single=True) is None


def test_the_wilson_half_width_is_the_textbook_one():
    # 40 of 100: 0.3094 to 0.4980 (Newcombe 1998's score interval)
    assert wilson_half_width(40.0, 100) == pytest.approx(100 * (0.4980 - 0.3094) / 2, abs=0.01)
    assert wilson_half_width(0.0, 100) > 0


# --- words ------------------------------------------------------------------------------------------------------------


def test_the_summary_shows_the_map_the_best_cells_and_the_baselines():
    text = render.summary(Findings(SOME, info()))
    lines = text.splitlines()
    assert any(line.split() == ["crop", "20.0", "47.0", "23.0", "30.0"] for line in lines)
    assert any(line.split() == ["color", "47.5", "×", "–", "–"] for line in lines)
    assert any(line.startswith("best pair") and "47.5  color > crop" in line and "optimistic" in line for line in lines)
    assert any(line.startswith("best single") and "22.0  blur" in line for line in lines)
    assert any(line.split() == ["untrained", "20.6"] for line in lines)
    assert any(line.split() == ["identical", "views", "–"] for line in lines)
    assert "Of 8 cells: 2 missing, 1 failed (×)." in lines


def test_the_summary_gives_no_verdict_from_one_seed_and_the_test_sets_interval():
    text = render.summary(Findings(SOME, info()))
    assert (
        "Each cell ± 1.3 points: 95% interval of the test set of 4,000 images; no verdict follows from one seed."
        in text
    )


def test_of_test_images_in_groups_the_interval_is_that_of_so_many_groups():
    rows = [
        row | {"n_test": 64, "n_groups": 8} for row in (record("crop", "crop", 50.0), record("crop", "color", 50.0))
    ]
    text = " ".join(captions.caption(Findings(frames.study_frame(["first", "second"], rows), info())))
    assert "Each cell ± 28.5 points: 95% interval of the test set of 64 images of 8 groups, each counted once;" in text
    assert wilson_half_width(50.0, 8) == pytest.approx(28.5, abs=0.05)  # Newcombe 1998: 4 of 8 is 0.215 to 0.785


def test_an_incomplete_map_is_not_ranked_against_the_papers():
    assert "Spearman" not in render.summary(Findings(SOME, info()))


def test_the_papers_own_map_agrees_with_itself_and_further_names_do_not_matter():
    paper = published("fig5_aug_pairs")
    assert paper is not None
    table = pairs.pair_table(paper.frame, paper.axes)
    names = (*table.index, "A.Posterize")
    cells = [record(a, b, float(table.loc[a, b])) for a in names[:-1] for b in names[:-1]]
    frame = pairs_frame(*cells, record("A.Posterize", "crop", 1.0))
    text = render.summary(Findings(frame, info(axes={"first": names, "second": names})))
    left_out = "; 1.00 to 1.00 by leaving names out)"
    assert f"1.00 over all cells (49; two-sided p = 0.0002 from all 5,040 relabelings{left_out}" in text
    assert f"1.00 over those without crop (36; two-sided p = 0.0014 from all 720 relabelings{left_out}" in text


def test_the_heads_summary_has_a_line_per_head_and_a_column_per_width():
    text = render.summary(Findings(HEADS, info(figure=BARS, paper="", seeds=3, axes=HEAD_AXES)))
    half = widths(cell_table(HEADS, BARS).set_index(["head", "dim"]))
    half = {3: half["linear", 16], 1: half["linear", 32], 2: half["nonlinear", 16], 0: half.loc["none"].item()}
    rows = [line.split() for line in text.splitlines()]
    assert ["head", "16", "32", "–"] in rows
    assert ["linear", "42.0", "±", f"{half[3]:.1f}", "41.0", "±", f"{half[1]:.1f}", "–"] in rows
    assert ["nonlinear", "45.5", "±", f"{half[2]:.1f}", "–", "–"] in rows
    assert ["none", "–", "–", "36.0", "±", f"{half[0]:.1f}"] in rows
    assert ["untrained", "20.0"] in rows
    assert "standard deviation between seeds 1.7 points, pooled over the cells (3 df)" in text


def test_the_markdown_has_the_table_and_the_caption():
    text = render.markdown(Findings(SOME, info(overrides=("schedule.epochs=3",))))
    assert "| crop  |   20.0 |    47.0 |   23.0 |      30.0 |" in text
    assert "Baselines: untrained: 20.6, identical views: –." in text
    assert "Overrides: schedule.epochs=3." in text
    assert "The paper's setting is another (ResNet-50, ImageNet, 100 epochs)" in text


def test_words_for_a_run_that_has_nothing_yet():
    text = render.summary(Findings(pairs_frame(record("crop", "crop", None, status="missing")), info()))
    assert "Nothing is measured yet." in text
    assert "best pair" not in text


def test_a_smoke_run_says_so_in_words():
    smoke = info(scale="smoke", about="proves the path only", stamp=True)
    assert "SMOKE: proves the path only" in render.summary(Findings(SOME, smoke))
    assert "**SMOKE: proves the path only**" in render.markdown(Findings(SOME, smoke))


def test_views_unlike_the_papers_are_said():
    assert "100 epochs, asymmetric views)" in render.markdown(Findings(SOME, info(views="symmetric")))


@pytest.mark.parametrize("content", [b"\x00\xff", b""])
def test_a_file_that_is_no_table_is_refused_in_a_sentence(tmp_path, content):
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"x\.csv"):
        frames.read(path, {})


def test_a_table_with_a_word_for_a_number_is_refused_in_a_sentence(tmp_path):
    path = tmp_path / "x.csv"
    record = {"role": "cell", "first": "a", "seed": 0, "trial_id": "t", "status": "done", "top1": 50.5, "n_test": 4}
    frames.write(frames.study_frame(["first"], [record]), path)
    path.write_text(path.read_text().replace("50.5", "abc"))
    with pytest.raises(BadInput, match="damaged"):
        frames.read(path, {})


def test_what_is_measured_on_another_data_set_is_not_said_to_be_tested_on_the_studys_own_images():
    frame = pairs_frame(record("crop", "color", 50.0) | {"transfer_top1": 40.0})
    plot = Plot(kind="bars", x="first", hue="second", metrics=("transfer_top1",))
    said = " ".join(captions.caption(Findings(frame, info(figure=plot, paper=""))))
    assert "Tested on the test images of the other data set; no verdict follows from one seed." in said
    assert "4,000" not in said


def test_a_name_neither_breaks_a_markdown_table_nor_is_html():
    names = ("a|b", "<script>x</script>")
    frame = pairs_frame(*(record(one, other, 50.0) for one in names for other in names))
    about = info(axes={"first": names, "second": names}, paper="", question="Is <b> a name?")
    lines = render.markdown(Findings(frame, about)).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert {line.replace(r"\|", "").count("|") for line in table} == {5}
    assert table[0].split(" | ")[1].strip() == r"a\|b"
    assert not [line for line in lines if "<script" in line or "<b>" in line]


def test_a_map_that_is_not_of_transformations_is_not_described_as_one():
    values = (0.1, 0.5)
    one = {"role": "cell", "seed": 0, "status": "done"}
    rows = [
        one | metrics(40 + tau + decay) | {"tau": tau, "decay": decay, "trial_id": f"{tau}{decay}"}
        for tau in values
        for decay in values
    ]
    frame = frames.study_frame({"tau": values, "decay": values}, rows)
    about = info(
        axes={"tau": values, "decay": values},
        labels={"decay": "weight decay"},
        paper="",
        question="Which?",
        composed=False,
    )
    said = render.summary(Findings(frame, about))
    assert "tau down, weight decay across" in said
    assert "best cell  41.0  tau 0.5, weight decay 0.5 (picked as this run's highest, so optimistic)" in said
    assert not any(word in said for word in ("transformation", "pair", "single"))
    assert "|     |   0.1 |   0.5 |   average |" in render.markdown(Findings(frame, about))
    assert list(figures.more(Findings(frame, about), {}, lambda _: [])) == ["cost", "curves"]


def test_what_was_not_asked_for_is_left_out_on_disk_and_is_missing_again_when_read(tmp_path):
    pairs_left = (("crop", "color"), ("color", "crop"), ("color", "color"))
    frame = pairs_frame(record("crop", "crop", 20.0), *(record(*pair, None, status="missing") for pair in pairs_left))
    kept, unasked = frames.asked(frame, [frame["trial_id"][2]])
    assert list(kept["trial_id"]) == [frame["trial_id"][0], frame["trial_id"][2]]
    frames.write(kept, tmp_path / "x.csv")
    pd.testing.assert_frame_equal(frames.whole(frames.read(tmp_path / "x.csv", AXES), unasked), frame)
    ahead = pairs_frame(record("crop", "crop", 20.0), record("crop", "color", 30.0))
    assert list(frames.whole(ahead, unasked)["status"]) == ["done", "done", "missing"]
    complete = pairs_frame(record("crop", "crop", 20.0))
    assert frames.asked(complete, [])[1] == ()
    assert frames.whole(complete, ()) is complete
