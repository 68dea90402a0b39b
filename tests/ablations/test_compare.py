from pathlib import Path

import numpy as np
import pytest
import yaml
from builders.heads import DIMS, IMAGES, LABELS, SHARES, every_head, heads_frame, predictions, record, store_of
from builders.unlabeled import unlabeled
from scipy.stats import t as student
from scipy.stats import ttest_rel

from ablations import compare
from ablations.compare import interval_of, verdict
from ablations.stats.intervals import Uncertainty, bounded_uncertainty, interval, uncertainty
from ablations.store.trials import Store
from ablations.tables.frame import study_frame, write
from ablations.verdicts.differences import matched
from ablations.verdicts.evidence import Estimate, Evidence


def pair(frame, first="linear", second="nonlinear", metric="top1"):
    return compare.pair(Evidence({"heads": frame}), "heads", "head", first, second, metric)


def used(frame, first="linear", second="nonlinear"):
    """The (seed, width) that are averaged."""
    found = matched(Evidence({"heads": frame}), pair(frame, first, second).sides)
    return [(seed, dict(rest)["dim"]) for seed in found.seeds for rest in found.cells]


def answer(frame, store=None, first="linear", second="nonlinear"):
    evidence = Evidence({"heads": frame}, store)
    sides = compare.pair(evidence, "heads", "head", first, second, "top1").sides
    return matched(evidence, sides).difference(evidence, 1, 0)


def run(out, *options, study="heads", axis="head", values=("linear", "nonlinear")):
    return compare.main([study, "--axis", axis, "--values", *values, "--out", str(out), *options])


# --- arithmetic -------------------------------------------------------------------------------------------------------


def test_of_two_cells_it_is_the_paired_t_test():
    rows = [record(head, 16, seed) for head in ("linear", "nonlinear") for seed in range(5)]
    frame = study_frame(["head", "dim"], rows)
    means = frame.groupby(["head", "seed"])["top1"].mean()
    found = interval_of(answer(frame))
    assert (found.low, found.high) == pytest.approx(
        tuple(ttest_rel(means["nonlinear"], means["linear"]).confidence_interval(0.95))
    )


def test_it_is_the_interval_of_verdicts():
    """The mean over the widths of one contrast, as a claim or an answer would have it."""
    frame = heads_frame()
    evidence = Evidence({"heads": frame})
    cells = evidence.cells("heads")
    gaps = [cells(head="nonlinear", dim=dim) - cells(head="linear", dim=dim) for dim in DIMS]
    wanted = evidence.estimate((gaps[0] + gaps[1] + gaps[2]).scaled(1 / 3))
    assert answer(frame).mean == pytest.approx(wanted.mean)
    assert interval_of(answer(frame)).high == pytest.approx(wanted.interval().high)


def test_over_images_alone_it_is_the_t_interval_of_the_images_differences(tmp_path):
    """With two images more, one right on either side alone."""
    frame = heads_frame(seeds=1)
    store = store_of(frame, tmp_path)
    right = {
        head: np.mean([100.0 * (predictions(head, dim, 0) == LABELS) for dim in DIMS], axis=0)
        for head in ("linear", "nonlinear")
    }
    each = np.append(right["nonlinear"] - right["linear"], (-100, 100))
    found = answer(frame, store)
    half = student.ppf(0.975, IMAGES + 1) * each.std() / np.sqrt(IMAGES + 2)
    assert interval_of(found).high == pytest.approx(found.mean + half)
    assert (found.seeds, found.images) == (1, IMAGES)


def test_sources_add_the_squares_of_what_each_would_give_alone():
    """Banerjee's, each with Student's t at its own degrees of freedom."""
    found = interval(3.0, [Uncertainty(0.5, 2), Uncertainty(0.25, 3999)])
    half = np.hypot(student.ppf(0.975, 2) * np.sqrt(0.5), student.ppf(0.975, 3999) * np.sqrt(0.25))
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half))
    wider = interval(3.0, [Uncertainty(0.5, 2), Uncertainty(0.25, 3999)], 0.99)
    half = np.hypot(student.ppf(0.995, 2) * np.sqrt(0.5), student.ppf(0.995, 3999) * np.sqrt(0.25))
    assert (wider.low, wider.high) == pytest.approx((3 - half, 3 + half))


def test_a_second_source_never_makes_it_narrower():
    for variance in (1e-6, 0.01, 0.1, 1.0):
        alone, both = (
            interval(0.0, [Uncertainty(1.0, 2)]),
            interval(0.0, [Uncertainty(1.0, 2), Uncertainty(variance, 3999)]),
        )
        assert both.high > alone.high


def test_no_variance_is_no_interval_and_one_value_no_source():
    assert interval(1.0, [Uncertainty(0.0, 2)]) is None
    assert interval(1.0, [Uncertainty(1e-28, 2)]) is None  # what rounding leaves
    assert uncertainty(np.array([1.0])) is None
    assert bounded_uncertainty(np.zeros(0), -1, 1) is None


def test_values_that_are_all_equal_are_as_sure_as_their_number_makes_them():
    """By the variance of two proportions of 1 in n + 2 (Bonett and Price, 2012)."""
    part = bounded_uncertainty(np.zeros(26), -100, 100)
    assert (part.variance, part.df) == (pytest.approx(100**2 * (2 / 28) / 28), 27)
    many = np.random.default_rng(1).choice([-100.0, 0.0, 100.0], size=10_000, p=[0.1, 0.8, 0.1])
    assert bounded_uncertainty(many, -100, 100).variance == pytest.approx(uncertainty(many).variance, rel=2e-3)


@pytest.mark.parametrize("metric", ["top1", "balanced_accuracy", "knn_top1", "contrastive_accuracy"])
def test_the_images_mean_difference_is_the_metrics_own(metric, tmp_path):
    labels = np.array([0] * 60 + [1] * 30 + [2] * 10, dtype=np.int16)
    rng = np.random.default_rng(3)
    store, records = Store(tmp_path / "results"), []
    for head in ("linear", "nonlinear"):
        guess = np.where(rng.uniform(size=100) < SHARES[head], labels, rng.integers(0, 3, size=100)).astype(np.int16)
        right = guess == labels
        levels = {"top1": right.mean(), "balanced_accuracy": np.mean([right[labels == c].mean() for c in range(3)])}
        nearest, solved = rng.integers(0, 3, size=100).astype(np.int16), rng.uniform(size=100).astype(np.float32)
        levels |= {"knn_top1": np.mean(nearest == labels), "contrastive_accuracy": solved.mean()}
        records.append(
            {"role": "cell", "head": head, "dim": 16, "seed": 0, "status": "done", "trial_id": head}
            | {name: 100 * float(level) for name, level in levels.items()}
        )
        folder = store.folder(head)
        folder.mkdir(parents=True)
        np.save(folder / "predictions.npy", guess)
        np.save(folder / "labels.npy", labels)
        np.savez(folder / "outcomes.npz", knn_top1=nearest, contrastive_accuracy=solved)
        (folder / "result.json").write_text('{"files": {}, "metrics": {}}')  # no groups
    frame = study_frame(["head", "dim"], records)

    def estimate(frame):
        evidence = Evidence({"heads": frame}, store)
        sides = compare.pair(evidence, "heads", "head", "linear", "nonlinear", metric).sides
        return matched(evidence, sides).difference(evidence, 1, 0)

    found = estimate(frame)
    assert found.images == 100
    values = frame.set_index("head")[metric]
    assert found.mean == pytest.approx(values["nonlinear"] - values["linear"])
    assert 100 * found.image_part.variance > 100  # of single images
    frame.loc[frame["head"] == "linear", metric] = 50.0
    left = estimate(frame)  # the answers are of another number: not the cell's
    assert left.image_part is None if metric == "balanced_accuracy" else left.unanswered == ("linear dim 16",)


# --- pairing ----------------------------------------------------------------------------------------------------------


def test_trials_are_paired_on_the_other_axes_and_the_seed():
    found = pair(heads_frame())
    assert len(found.pairs) == 9
    assert found.absent == ""
    for row in found.pairs.itertuples():
        x, y = (record(head, row.dim, row.seed)["top1"] for head in ("linear", "nonlinear"))
        assert row.difference == pytest.approx(y - x)
    assert list(dict.fromkeys(found.pairs["dim"])) == list(DIMS)


def test_pairs_that_are_not_there_are_counted_by_reason():
    status = {("linear", 16, 0): "failed", ("nonlinear", 32, 1): "missing", ("nonlinear", 64, 1): "running"}
    rows = [row for row in every_head(status=status) if (row["head"], row["dim"], row["seed"]) != ("linear", 64, 2)]
    found = pair(study_frame(["head", "dim"], rows))
    assert len(found.pairs) == 5
    assert found.absent == (
        "4 of 9 pairs are not there (1 trial failed, 2 trials not done yet, 1 trial without a counterpart in the study)"
    )


def test_a_value_without_a_level_on_another_axis_is_paired_with_every_level():
    found = pair(heads_frame(), "none", "nonlinear")
    assert found.lone == ["dim"]
    assert len(found.pairs) == 9
    for row in found.pairs.itertuples():
        wanted = record("nonlinear", row.dim, row.seed)["top1"] - record("none", None, row.seed)["top1"]
        assert row.difference == pytest.approx(wanted)
    swapped = pair(heads_frame(), "nonlinear", "none")
    assert sorted(swapped.pairs["difference"]) == pytest.approx(sorted(-found.pairs["difference"]))


def test_the_average_takes_only_levels_that_every_seed_has():
    status = {("linear", 64, 2): "missing"}
    assert used(heads_frame(status=status)) == [(s, d) for s in range(3) for d in (16, 32)]


def test_a_seed_that_has_hardly_begun_is_left_out_rather_than_the_levels():
    status = {("linear", dim, 2): "missing" for dim in (32, 64)}
    assert used(heads_frame(status=status)) == [(s, d) for s in range(2) for d in DIMS]


UNTOLD = "no difference can be told"
TIE = "a tie, the interval lies within ±0.5 points"
ONE_SEED = "no verdict follows from one seed"


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mean", "low", "high", "seeds", "start", "end"),
    [
        (3.2, 1.1, 5.3, 3, "b is 3.2 points better than a (95% interval +1.1 to +5.3)", "a difference"),
        (-3.2, -5.3, -1.1, 3, "b is 3.2 points worse than a (95% interval -5.3 to -1.1)", "a difference"),
        (3.2, -1.1, 7.5, 3, "b is 3.2 points better than a (95% interval -1.1 to +7.5)", UNTOLD),
        (0.2, 0.1, 0.3, 3, "b is 0.2 points better than a (95% interval +0.1 to +0.3)", TIE),
        (-0.2, -0.5, 0.1, 3, "b is 0.2 points worse than a (95% interval -0.5 to +0.1)", TIE),
        (3.2, 1.1, 5.3, 1, "b is 3.2 points better than a (95% interval +1.1 to +5.3)", ONE_SEED),
        (0.01, -0.9, 0.92, 3, "b and a are 0.0 points apart (95% interval -0.9 to +0.9)", UNTOLD),
    ],
)
def test_the_verdict_in_words(mean, low, high, seeds, start, end):
    part = Uncertainty(((high - low) / 2 / student.ppf(0.975, 5)) ** 2, 5)
    made = Estimate(mean, (part,), None, seeds, None) if seeds > 1 else Estimate(mean, (), part, seeds, 400)
    assert verdict(made, "a", "b") == f"{start}: {end}."


def test_without_any_interval_there_is_no_verdict():
    assert (
        verdict(Estimate(3.2, (), None, 1, None), "a", "b")
        == "b is 3.2 points better than a: no interval, so no verdict."
    )


def test_few_images_that_are_all_right_are_never_called_equal(tmp_path, capsys):
    """Three seeds and 26 test images, all right on both sides: what 26 images can exclude, and no tie."""
    rows = [row | {"top1": 100.0, "n_test": 26} for row in every_head()]
    store = store_of(study_frame(["head", "dim"], rows), tmp_path)
    for row in rows:
        for name in ("predictions", "labels"):
            np.save(store.folder(row["trial_id"]) / f"{name}.npy", LABELS[:26])
    assert run(tmp_path) == 0
    said = capsys.readouterr().out
    assert "nonlinear and linear are 0.0 points apart (95% interval -10.4 to +10.4): no difference can be told." in said
    assert "equal" not in said
    for row in rows:
        (store.folder(row["trial_id"]) / "predictions.npy").unlink()
    assert run(tmp_path) == 0
    said = capsys.readouterr().out
    assert "nonlinear and linear are 0.0 points apart: no interval, so no verdict." in said
    assert "No seed differs from another, and the trials' predictions are not at hand." in said


def test_the_command_prints_the_difference_what_it_covers_and_a_line_per_width(tmp_path, capsys):
    store_of(heads_frame(), tmp_path)
    assert run(tmp_path) == 0
    out = capsys.readouterr().out
    assert "nonlinear is " in out
    assert "points better than linear (95% interval +" in out
    assert "): a difference." in out
    assert "The interval covers other training seeds (3 used) and other test images (400 used)" in out
    assert [line.split()[:2] for line in out.splitlines() if line.startswith("dim")] == [["dim", str(d)] for d in DIMS]


def test_with_one_seed_only_the_images_count(tmp_path, capsys):
    store_of(heads_frame(seeds=1), tmp_path)
    assert run(tmp_path) == 0
    out = capsys.readouterr().out
    assert "no verdict follows from one seed" in out
    assert "covers other test images (400 used), but not other training seeds" in out


def test_without_predictions_it_says_what_the_interval_lacks(tmp_path, capsys):
    store_of(heads_frame(), tmp_path)
    (tmp_path / "results" / "trials" / "linear-16-1" / "predictions.npy").unlink()
    assert run(tmp_path) == 0
    guarded = "other test images (400 used), as unsure as can be where answers are not at hand (linear dim 16)"
    assert guarded in capsys.readouterr().out
    for path in (tmp_path / "results" / "trials").glob("*/predictions.npy"):
        path.unlink()
    assert run(tmp_path) == 0
    assert "but not other test images: the trials' predictions are not at hand" in capsys.readouterr().out


def test_damaged_answers_are_lost_and_their_files_named(tmp_path, capsys):
    store_of(heads_frame(), tmp_path)
    trial = tmp_path / "results" / "trials" / "linear-16-1"
    whole = (trial / "predictions.npy").read_bytes()
    for name, damage in (("predictions.npy", b""), ("groups.npz", b""), ("groups.npz", b"PK\x03\x04torn")):
        (trial / "predictions.npy").write_bytes(whole)
        (trial / name).write_bytes(damage)
        assert run(tmp_path) == 0
        said = capsys.readouterr().out
        assert "as unsure as can be where answers are not at hand (linear dim 16)" in said
        assert f"Not at hand: {trial / name} is damaged: " in said


def test_only_three_lost_files_are_named(tmp_path, capsys):
    store_of(heads_frame(), tmp_path)
    for path in (tmp_path / "results" / "trials").glob("*/labels.npy"):
        path.write_bytes(b"")
    assert run(tmp_path) == 0
    said = capsys.readouterr().out
    assert said.count("Not at hand: ") == 3
    assert "Not at hand are answers of 15 trials more." in said


def test_trials_on_other_test_images_are_not_paired_image_by_image(tmp_path, capsys):
    store_of(heads_frame(), tmp_path)
    np.save(tmp_path / "results" / "trials" / "linear-16-1" / "labels.npy", LABELS[::-1])
    assert run(tmp_path) == 0
    assert "as unsure as can be where answers are not at hand (linear dim 16)" in capsys.readouterr().out


def test_what_is_left_out_is_said(tmp_path, capsys):
    store_of(heads_frame(status={("linear", 64, 2): "failed"}), tmp_path)
    assert run(tmp_path) == 0
    out = capsys.readouterr().out
    assert "1 of 9 pairs are not there (1 trial failed)." in out
    assert "2 of 8 pairs are left out of the average" in out


def test_numbers_are_found_in_any_spelling(tmp_path, capsys):
    store_of(heads_frame(), tmp_path)
    assert run(tmp_path, axis="dim", values=("16", "32.0")) == 0
    out = capsys.readouterr().out
    assert "32" in out
    assert [line.split()[:2] for line in out.splitlines() if line.startswith("head")][1:] == [
        ["head", "linear"], ["head", "nonlinear"]
    ]  # fmt: skip


def test_the_pair_study_is_compared_over_the_second_transformation(tmp_path, capsys):
    names = ("crop", "cutout", "color", "sobel", "noise", "blur", "rotate")
    rows = [
        {"role": "cell", "first": a, "second": b, "seed": 0, "status": "done", "trial_id": a + b}
        | {"top1": 30.0 + 2 * (a == "color")}
        for a in names
        for b in names
    ]
    rows.append({"role": "untrained", "seed": 0, "status": "done", "trial_id": "u", "top1": 1.0})
    write(study_frame(["first", "second"], rows), tmp_path / "results" / "aug_pairs" / "laptop.csv")
    assert run(tmp_path, study="aug_pairs", axis="first", values=("crop", "color")) == 0
    out = capsys.readouterr().out
    assert "color is 2.0 points better than crop: no interval, so no verdict." in out
    assert [line.split()[1] for line in out.splitlines() if line.startswith("second")] == list(names)


def test_a_smoke_run_is_marked(tmp_path, capsys):
    store_of(heads_frame(), tmp_path)
    (tmp_path / "results" / "heads" / "laptop.csv").rename(tmp_path / "results" / "heads" / "smoke.csv")
    assert run(tmp_path, "--scale", "smoke") == 0
    assert capsys.readouterr().out.startswith("SMOKE: proves the path only")


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"axis": "haed"}, "has no axis 'haed'; nearest: head; allowed: head, dim."),
        ({"values": ("linear", "nonlinaer")}, "head has no value 'nonlinaer'; nearest: nonlinear, linear"),
        ({"axis": "dim", "values": ("16", "17")}, "dim has no value '17'"),
        ({"axis": "dim", "values": ("16", "16.0")}, "are the same value"),
        ({"study": "hedas"}, "hedas"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(options, sentence, tmp_path, capsys):
    store_of(heads_frame(), tmp_path)
    assert run(tmp_path, **options) == 2
    streams = capsys.readouterr()
    assert sentence in streams.err
    assert len(streams.err.strip().splitlines()) == 1
    assert streams.out == ""


def test_an_unknown_metric_names_the_known_ones(tmp_path, capsys):
    store_of(heads_frame(), tmp_path)
    assert run(tmp_path, "--metric", "top5") == 2
    assert "laptop.csv has no accuracy 'top5'; nearest: top1; allowed: top1." in capsys.readouterr().err


def test_any_accuracy_of_the_table_is_compared(tmp_path, capsys):
    levels = {"linear": 40.0, "nonlinear": 41.5, "none": 0.0}
    table = [
        row | {"knn_top1": levels[row["head"]] + 0.05 * row["seed"] * (row["head"] == "linear")} for row in every_head()
    ]
    store_of(study_frame(["head", "dim"], table), tmp_path)
    assert run(tmp_path, "--metric", "knn_top1") == 0
    said = capsys.readouterr().out
    assert said.startswith("heads at scale laptop, cosine kNN top-1; 9 pairs")
    assert "nonlinear is 1.4 points better than linear (95% interval +1.4 to +1.5): a difference." in said
    assert "but not other test images: the trials' predictions are not at hand." in said
    assert "laptop-compare-head-linear-nonlinear-knn_top1.png" in said


def test_a_side_without_the_metric_is_one_sentence(tmp_path, capsys):
    table = [row | ({"knn_top1": 40.0} if row["head"] == "linear" else {}) for row in every_head()]
    store_of(study_frame(["head", "dim"], table), tmp_path)
    assert run(tmp_path, "--metric", "knn_top1") == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "have no pair of done trials; 9 of 9 pairs are not there (9 trials without knn_top1)." in shown.err


def test_without_a_table_the_command_that_makes_it_is_named(tmp_path, capsys):
    assert run(tmp_path, "--scale", "smoke") == 2
    error = capsys.readouterr().err
    assert f"python -m ablations.run heads --scale smoke --out {tmp_path}" in error


def test_no_pairs_at_all_is_said_with_the_reason(tmp_path, capsys):
    store_of(heads_frame(status={("linear", dim, seed): "failed" for dim in DIMS for seed in range(3)}), tmp_path)
    assert run(tmp_path) == 2
    error = capsys.readouterr().err
    assert "have no pair of done trials; 9 of 9 pairs are not there (9 trials failed)." in error


def test_the_study_may_be_a_file_of_ones_own(tmp_path, capsys):
    store_of(heads_frame(), tmp_path)
    shipped = Path(compare.__file__).parent.parent / "grids" / "heads.yaml"
    mine = tmp_path / "mine.yaml"
    fields = yaml.safe_load(shipped.read_text()) | {"study": "mine"}
    mine.write_text(yaml.safe_dump(fields))
    assert run(tmp_path, study=str(mine)) == 2
    assert str(tmp_path / "results" / "mine" / "laptop.csv") in capsys.readouterr().err


def test_two_names_that_look_like_one_number_are_two_values(tmp_path, capsys):
    text = "study: names\nquestion: Which?\nfigure: {kind: bars, x: a}\nscales: [laptop]\naxes:\n"
    text += "  a: {values: {'1.1': {schedule.epochs: 2}, '1.10': {}}}\n"
    (tmp_path / "names.yaml").write_text(text)
    rows = [
        {"role": "cell", "a": a, "seed": seed, "status": "done", "trial_id": a + str(seed), "top1": top1, "n_test": 4}
        for a, top1 in (("1.1", 40.0), ("1.10", 44.0))
        for seed in (0, 1)
    ]
    write(study_frame({"a": ("1.1", "1.10")}, rows), tmp_path / "results" / "names" / "laptop.csv")
    assert run(tmp_path, study=str(tmp_path / "names.yaml"), axis="a", values=("1.1", "1.10")) == 0
    assert "1.10 is 4.0 points better than 1.1" in capsys.readouterr().out
    assert run(tmp_path, study=str(tmp_path / "names.yaml"), axis="a", values=("1.1", "1.100")) == 2
    assert 'a has no value \'1.100\'; nearest: "1.10", "1.1"' in capsys.readouterr().err


def test_a_value_of_the_study_that_the_table_has_no_row_of_is_said(tmp_path, capsys):
    store_of(study_frame(["head", "dim"], every_head(2)), tmp_path)
    path = tmp_path / "results" / "heads" / "laptop.csv"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if ",nonlinear," not in f",{line}"))
    assert run(tmp_path) == 2
    assert (
        "--values: the table has no trial with head nonlinear yet; ablations.run makes it." in capsys.readouterr().err
    )


def test_without_labels_it_compares_by_what_needs_none(tmp_path, capsys):
    path = tmp_path / "results/heads/laptop.csv"
    path.parent.mkdir(parents=True)
    write(unlabeled(heads_frame()), path)
    assert run(tmp_path) == 0
    assert "heads at scale laptop, retrieval of the image's other crop;" in capsys.readouterr().out
    assert (tmp_path / "reports/heads/laptop-compare-head-linear-nonlinear-crop_retrieval.svg").is_file()
    assert run(tmp_path, "--metric", "top1") == 2
    assert "has no accuracy 'top1'" in capsys.readouterr().err


def test_of_the_training_task_it_says_that_cells_of_other_augmentations_cannot_be_compared(tmp_path, capsys):
    path = tmp_path / "results/heads/laptop.csv"
    path.parent.mkdir(parents=True)
    frame = heads_frame()
    write(frame.assign(contrastive_accuracy=frame["top1"]), path)
    assert run(tmp_path, "--metric", "contrastive_accuracy") == 0
    assert compare.OF_OWN_VIEWS in capsys.readouterr().out
    assert run(tmp_path) == 0
    assert compare.OF_OWN_VIEWS not in capsys.readouterr().out
