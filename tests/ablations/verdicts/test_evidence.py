from dataclasses import replace

import numpy as np
import pytest
from builders.made import Answers, cell, frame, right, trial_id
from scipy.stats import pearsonr, t, ttest_1samp, ttest_rel

from ablations.stats.intervals import bounded_uncertainty, grouped_uncertainty, widest_uncertainty
from ablations.stats.spread import between_seeds
from ablations.store.trials import Store
from ablations.verdicts.contrasts import CellMetric, Contrast, mean
from ablations.verdicts.evidence import Evidence
from ablations.verdicts.per_example import per_example
from ablations.verdicts.statement import Correlation
from simclr_core.config import Recipe

SEEDS, IMAGES = 4, 300


def draws(*names, seeds=SEEDS, images=IMAGES):
    """Images have a difficulty of their own, and every cell and seed has its say."""
    rng = np.random.default_rng(11)
    hard = rng.uniform(size=images)
    return {name: hard + rng.normal(0, 0.3, size=(seeds, images)) < 0.4 + 0.1 * i for i, name in enumerate(names)}


def evidence(table, store=None, **more):
    return Evidence({"made": frame(table, **more)}, store)


def ends(found, level=0.95):
    interval = found.interval(level)
    return interval.low, interval.high


# --- seeds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.95, 0.99])
def test_of_two_cells_the_interval_is_the_paired_t_tests(level):
    a, b = [50.0, 53.0, 51.5, 60.0], [47.0, 49.0, 48.8, 57.5]
    found = evidence({"a": a, "b": b}).estimate(cell("a") - cell("b"))
    assert found.mean == pytest.approx(np.mean(a) - np.mean(b))
    assert ends(found, level) == pytest.approx(ttest_rel(a, b).confidence_interval(level))
    assert (found.seeds, found.images) == (4, None)


def test_one_cell_alone_has_the_t_interval_of_its_seeds():
    a = [50.0, 53.0, 51.5, 60.0]
    found = evidence({"a": a}).estimate(cell("a"))
    assert ends(found) == pytest.approx(ttest_1samp(a, 0).confidence_interval())


def test_a_level_that_all_cells_of_a_seed_share_does_not_blur_their_differences():
    rng = np.random.default_rng(1)
    rows = rng.normal(50, 1, size=(6, 3)) + 20 * rng.normal(size=3)
    table = {f"c{i}": list(row) for i, row in enumerate(rows)}
    found = evidence(table).estimate(cell("c0") - cell("c1"))
    low, high = ends(found)
    assert high - low < 8
    low, high = ends(evidence(table).estimate(cell("c0")))
    assert high - low > 20


def test_the_contrasts_variance_is_that_of_its_cells_weights():
    rows = np.random.default_rng(2).normal(50, 1, size=(8, 3))
    table = {f"c{i}": list(row) for i, row in enumerate(rows)}
    cells = [cell(name) for name in table]
    found = evidence(table).estimate(mean(cells[:3], "three") - cells[5])
    parts = between_seeds(rows).of(np.array([1 / 3, 1 / 3, 1 / 3, 0, 0, -1, 0, 0]), 3)
    assert [(part.variance, part.df) for part in found.seed_parts] == [
        pytest.approx((part.variance, part.df)) for part in parts
    ]


def test_seeds_in_which_a_cell_is_missing_or_failed_do_not_count():
    table = {"a": [50.0, 53.0, None, 51.0], "b": [40.0, None, 45.0, 44.0]}
    made = evidence(table, failed={("b", 1)})
    found = made.estimate(cell("a") - cell("b"))
    assert made.per_seed(cell("a") - cell("b")) == {0: 10.0, 3: 7.0}
    assert (found.mean, found.seeds) == (8.5, 2)
    assert ends(found) == pytest.approx(ttest_rel([50, 51], [40, 44]).confidence_interval())


def test_no_seed_in_common_is_no_estimate_and_one_is_no_interval():
    made = evidence({"a": [50.0, None], "b": [None, 40.0], "c": [30.0, None]})
    assert made.estimate(cell("a") - cell("b")) is None
    found = made.estimate(cell("a") - cell("c"))
    assert (found.mean, found.seeds, found.interval()) == (20.0, 1, None)
    assert made.estimate(cell("a"), {0}) is None


def test_a_seed_left_out_does_not_move_the_mean():
    one = evidence({"a": [90.0, 53.0, 52.0], "b": [10.0, 50.0, 51.0]}).estimate(cell("a") - cell("b"), {0})
    assert (one.mean, one.seeds) == (2.0, 2)


def test_a_cell_that_is_there_twice_counts_once():
    once = frame({"a": [50.0, 52.0], "b": [40.0, 41.0]})
    twice = once.loc[[0, 0, 1, 2, 3, 3]].reset_index(drop=True)
    twice.loc[1, "status"], twice.loc[1, "top1"] = "failed", np.nan
    found, wanted = (Evidence({"made": one}).estimate(cell("a") - cell("b")) for one in (twice, once))
    assert found == wanted


def test_a_metric_minus_another_of_the_same_cells_is_paired_within_the_cell():
    h, z = np.random.default_rng(3).normal([[70], [50]], 1, size=(2, 4)) + 10 * np.arange(4)
    made = evidence({"a": list(h)}, layer={"a": list(z)})
    found = made.estimate(cell("a") - cell("a", "layer"))
    assert ends(found) == pytest.approx(ttest_rel(h, z).confidence_interval())


def test_a_gain_in_one_metric_minus_the_gain_in_another_is_paired_too():
    rows = np.random.default_rng(4).normal(50, 1, size=(4, 3))
    made = evidence({"a": list(rows[0]), "b": list(rows[1])}, tuned={"a": list(rows[2]), "b": list(rows[3])})
    found = made.estimate((cell("a", "tuned") - cell("b", "tuned")) - (cell("a") - cell("b")))
    assert ends(found) == pytest.approx(ttest_rel(rows[2] - rows[0], rows[3] - rows[1]).confidence_interval())


def test_a_contrast_that_mixes_metrics_unlike_any_other_has_its_own_variance():
    rows = np.random.default_rng(4).normal(50, 1, size=(4, 3))
    made = evidence({"a": list(rows[0]), "b": list(rows[1])}, tuned={"a": list(rows[2]), "b": list(rows[3])})
    found = made.estimate(cell("a", "tuned") - cell("b"))
    assert ends(found) == pytest.approx(ttest_rel(rows[2], rows[1]).confidence_interval())


def test_over_two_studies_the_variances_add_up():
    rows = np.random.default_rng(5).normal(50, 1, size=(4, 3))
    frames = {
        "one": frame({"a": list(rows[0]), "b": list(rows[1])}),
        "other": frame({"a": list(rows[2]), "b": list(rows[3])}),
    }
    gains = [cell("a", study=study) - cell("b", study=study) for study in frames]
    found = Evidence(frames).estimate(gains[0] - gains[1])
    d, e = rows[0] - rows[1], rows[2] - rows[3]
    assert found.mean == pytest.approx(d.mean() - e.mean())
    assert [part.variance for part in found.seed_parts] == pytest.approx([d.var(ddof=1) / 3, e.var(ddof=1) / 3])
    assert [part.df for part in found.seed_parts] == pytest.approx([2, 2])


# --- test images ------------------------------------------------------------------------------------------------------


def test_test_images_are_paired():
    """One image's part of the contrast, and its variance over images, with two more that differ entirely."""
    answers = draws("a", "b")
    store, table = right(answers)
    found = evidence(table, store).estimate(cell("a") - cell("b"))
    each = 100 * (answers["a"].mean(axis=0) - answers["b"].mean(axis=0))
    assert found.images == IMAGES
    assert found.image_part.variance == pytest.approx(np.append(each, (-100, 100)).var() / (IMAGES + 2))
    assert found.image_part.df == IMAGES + 1
    unpaired = sum((100 * answers[name].mean(axis=0)).var(ddof=1) for name in "ab") / IMAGES
    assert found.image_part.variance < 0.6 * unpaired
    seeds = evidence(table).estimate(cell("a") - cell("b"))
    assert found.seed_parts == seeds.seed_parts
    alone, both = (one.interval() for one in (seeds, found))
    assert both.high - both.low > alone.high - alone.low
    images = found.interval_of_images()
    assert both.high - found.mean == pytest.approx(np.hypot(alone.high - found.mean, images.high - found.mean))


def test_of_seeds_that_agree_it_is_the_variance_of_bonett_and_price():
    answers = draws("a", "b", seeds=2)
    answers = {name: np.vstack([one[0], one[0]]) for name, one in answers.items()}
    store, table = right(answers)
    found = evidence(table, store).estimate(cell("a") - cell("b"))
    only_a, only_b = ((answers[x] & ~answers[y])[0].sum() for x, y in ("ab", "ba"))
    p, q = ((only + 1) / (IMAGES + 2) for only in (only_a, only_b))
    assert found.image_part.variance == pytest.approx(100**2 * (p + q - (p - q) ** 2) / (IMAGES + 2))


def test_the_images_of_a_seed_left_out_do_not_count():
    answers = draws("a", "b")
    store, table = right(answers)
    found = evidence(table, store).estimate(cell("a") - cell("b"), {0})
    each = 100 * (answers["a"][1:].mean(axis=0) - answers["b"][1:].mean(axis=0))
    assert found.image_part == bounded_uncertainty(each, -100, 100)


@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_other_probes_answers_are_paired_as_stored(kind):
    """Classes as int16, or 1 where right as float32, for a metric in percent."""
    answers = draws("a", "b")
    store, table = right(answers)
    probe = {name: ~one for name, one in answers.items()}
    for name, one in probe.items():
        for seed, row in enumerate(one):
            predicted, labels, _ = store.trials[trial_id(name, seed)]
            outcome = np.where(row, labels, labels + 1) if kind is np.int16 else row
            store.put(trial_id(name, seed), predicted, labels, knn=outcome.astype(kind))
    knn = {name: [100 * row.mean() for row in one] for name, one in probe.items()}
    found = evidence(table, store, knn=knn).estimate(cell("a", "knn") - cell("b", "knn"))
    each = 100 * (probe["a"].mean(axis=0) - probe["b"].mean(axis=0))
    assert found.images == IMAGES
    wanted = bounded_uncertainty(each, -100, 100)
    assert (found.image_part.variance, found.image_part.df) == (pytest.approx(wanted.variance), wanted.df)


def test_a_metric_in_its_own_unit_keeps_it():
    entropy = np.random.default_rng(6).normal(2.0, 0.5, size=(2, 3, 200)).astype(np.float32)
    store, labels = Answers(), np.zeros(200, dtype=np.int16)
    table = {name: [50.0] * 3 for name in "ab"}
    for name, one in zip("ab", entropy, strict=True):
        for seed in range(3):
            store.put(trial_id(name, seed), labels, labels, entropy=one[seed])
    levels = {name: [float(row.mean()) for row in one] for name, one in zip("ab", entropy, strict=True)}
    found = evidence(table, store, entropy=levels).estimate(cell("a", "entropy") - cell("b", "entropy"))
    each = (entropy[0].astype(float) - entropy[1]).mean(axis=0)
    low, high = entropy.min(axis=(1, 2)), entropy.max(axis=(1, 2))
    wanted = bounded_uncertainty(each, float(low[0] - high[1]), float(high[0] - low[1]))
    assert found.image_part.variance == pytest.approx(wanted.variance, rel=1e-5)


PATIENTS = np.repeat(np.arange(IMAGES // 10), 10)


def test_images_of_a_group_are_one_source_paired_over_cells_and_seeds():
    answers = draws("a", "b")
    store, table = right(answers)
    store.by_metric = {"top1": PATIENTS}
    found = evidence(table, store).estimate(cell("a") - cell("b"))
    each = 100 * (answers["a"].mean(axis=0) - answers["b"].mean(axis=0))
    wanted = grouped_uncertainty(each, PATIENTS, -100, 100)
    assert (found.image_part.variance, found.image_part.df) == (pytest.approx(wanted.variance), IMAGES // 10 - 1)
    assert (found.images, found.groups) == (IMAGES, 30)
    assert found.tested() == "300 test images of 30 groups"
    alone = right(answers)[0]
    assert evidence(table, alone).estimate(cell("a")).tested() == "300 test images"
    assert evidence(table).estimate(cell("a")).tested() == ""


def test_where_both_cells_lack_answers_the_images_still_come_in_groups():
    """As a third cell has them: what is lost never makes single images of groups."""
    store, table = right(draws("a", "b", "c"))
    for name in "ab":
        del store.trials[trial_id(name, 0)]

    def estimate(groups):
        store.by_metric = groups
        made = frame(table).assign(n_test=IMAGES)
        return Evidence({"made": made}, store).estimate(cell("a") - cell("b"))

    found, single = estimate({"top1": PATIENTS}), estimate({})
    assert (found.images, found.groups, found.unanswered) == (IMAGES, 30, ("a", "b"))
    assert (single.images, single.groups, single.unanswered) == (IMAGES, None, ("a", "b"))
    assert found.image_part.variance > 9 * single.image_part.variance


def test_balanced_accuracy_has_the_groups_of_the_predictions_and_other_metrics_their_own():
    store, table = right(draws("a", seeds=2))
    store.by_metric = {"top1": PATIENTS, "knn": PATIENTS[::-1].copy()}
    predicted, labels, _ = store.trials[trial_id("a", 0)]
    store.put(trial_id("a", 0), predicted, labels, knn=predicted)
    found = per_example(store, trial_id("a", 0), "knn", table["a"][0])
    assert np.array_equal(found.groups, PATIENTS[::-1])
    recalls = 100 * np.mean([(predicted == labels)[labels == label].mean() for label in range(5)])
    assert per_example(store, trial_id("a", 0), "balanced_accuracy", recalls).groups is PATIENTS


def test_images_in_other_groups_are_not_paired():
    store, table = right(draws("a", "b"))
    plain = per_example(store, trial_id("a", 0), "top1", table["a"][0])
    ours, theirs = replace(plain, groups=PATIENTS), replace(plain, groups=PATIENTS[::-1])
    assert ours.paired(replace(plain, groups=PATIENTS.copy()))
    assert not ours.paired(theirs)
    assert not ours.paired(plain)
    assert not plain.paired(ours)
    assert plain.paired(plain)


def without_a_prediction(store):
    del store.trials[trial_id("a", 1)]


def with_other_labels(store):
    """Answers just as right, but of other images: as many, each of another class."""
    trial = trial_id("a", 1)
    predicted, labels, _ = store.trials[trial]
    store.put(trial, predicted[::-1], labels[::-1])


def with_all_labels_of_one_cell_others(store):
    for seed in range(SEEDS):
        trial = trial_id("a", seed)
        predicted, labels, _ = store.trials[trial]
        store.put(trial, predicted[::-1], labels[::-1])


def with_fewer_images(store):
    trial = trial_id("a", 1)
    predicted, labels, _ = store.trials[trial]
    store.put(trial, predicted[:200], labels[:200])


def with_another_number(store):
    trial = trial_id("a", 1)
    predicted, labels, _ = store.trials[trial]
    store.put(trial, (predicted + 1) % 5, labels)


@pytest.mark.parametrize("damage", [without_a_prediction, with_other_labels, with_fewer_images, with_another_number])
def test_where_a_cell_lacks_answers_its_images_are_as_unsure_as_can_be(damage):
    store, table = right(draws("a", "b"))
    paired = evidence(table, store).estimate(cell("a") - cell("b"))
    damage(store)
    found = evidence(table, store).estimate(cell("a") - cell("b"))
    assert (found.images, found.unanswered) == (IMAGES, ("a",))
    assert found.image_part.variance > paired.image_part.variance
    assert (found.mean, found.seed_parts) == (paired.mean, paired.seed_parts)


def without_any_prediction(store):
    store.trials.clear()


@pytest.mark.parametrize("damage", [without_any_prediction, with_all_labels_of_one_cell_others])
def test_where_answers_are_not_of_the_same_images_the_interval_is_of_seeds_alone(damage):
    store, table = right(draws("a", "b"))
    damage(store)
    found = evidence(table, store).estimate(cell("a") - cell("b"))
    assert (found.images, found.image_part) == (None, None)
    assert found.seed_parts == evidence(table).estimate(cell("a") - cell("b")).seed_parts


@pytest.mark.parametrize("images", [1, 26, 100, 10_000])
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_where_nothing_varies_the_interval_is_what_so_many_images_exclude(images, seeds):
    """All right on both sides: as if of two more, each side were right on one alone; nearly the rule of three."""
    store, table = right({name: np.ones((seeds, images), bool) for name in "ab"})
    low, high = ends(evidence(table, store).estimate(cell("a") - cell("b")))
    assert low == -high
    assert high == pytest.approx(min(100, t.ppf(0.975, images + 1) * 100 * np.sqrt(2) / (images + 2)))
    assert high > 0.9 * 300 / (images + 3)


def test_without_the_answers_seeds_that_do_not_differ_tell_nothing():
    found = evidence({"a": [50.0] * 3, "b": [40.0] * 3, "c": [30.0] * 3}).estimate(cell("a") - cell("b"))
    assert (found.mean, found.interval()) == (10.0, None)
    wobbly = [40.0 + 1e-14, 40.0, 40.0 - 1e-14]
    assert evidence({"a": [50.0] * 3, "b": wobbly}).estimate(cell("a") - cell("b")).interval() is None


@pytest.mark.parametrize("images", [3, 40])
def test_no_answers_that_may_have_been_lost_make_a_wider_interval_than_what_is_taken_for_them(images):
    """Of two cells each of which is right on some images, by trying every way in which they go together."""
    for right_of_a in range(images + 1):
        for both in range(images + 1):
            a, b = np.arange(images) < right_of_a, (np.arange(images) + both) % images < images // 2
            values = 100.0 * (a.astype(float) - b)
            spread = sum(100 * np.sqrt(each.mean() * (1 - each.mean())) for each in (a, b))
            most = widest_uncertainty(values.mean(), spread, images, -100, 100)
            assert most.variance >= bounded_uncertainty(values, -100, 100).variance - 1e-9
            exact = widest_uncertainty(values.mean(), values.std(), images, -100, 100)
            assert exact.variance == pytest.approx(bounded_uncertainty(values, -100, 100).variance)
            assert exact.df == most.df == images + 1


@pytest.mark.parametrize(
    ("weights", "low", "high"),
    [({"a": 1.0}, 0, 100), ({"a": 1.0, "b": -1.0}, -100, 100), ({"a": 0.5, "b": 0.5, "c": -1.0}, -100, 100),
     ({"a": 1.0, "b": -1.0, "c": -1.0, "d": 1.0}, -200, 200)],
)  # fmt: skip
def test_an_interval_ends_where_accuracies_do(weights, low, high):
    """Seeds that differ wildly exclude nothing; what is no percentage has no end."""
    table = {name: [60.0 + i, 20.0 - 7 * i, 99.0 - i * i] for i, name in enumerate("abcd")}
    made = evidence(table, entropy=table)
    for metric, ends in (("top1", (low, high)), ("entropy", None)):
        cells = tuple((CellMetric("made", (("cell", name),), metric), weight) for name, weight in weights.items())
        found = made.estimate(Contrast(cells, "made")).interval(1 - 1e-9)
        assert (found.low, found.high) == ends if ends else found.low < 10 * low < 10 * high < found.high


def test_a_level_is_bounded_by_none_and_all_right():
    """Three seeds all right on 26 images: as the difference, but half as far."""
    store, table = right({name: np.ones((3, 26), bool) for name in "ab"})
    found = evidence(table, store).estimate(cell("a"))
    assert found.image_part == bounded_uncertainty(np.full(26, 100.0), 0, 100)


def test_of_one_seed_there_is_an_interval_of_images_alone():
    store, table = right(draws("a", "b", seeds=1))
    found = evidence(table, store).estimate(cell("a") - cell("b"))
    assert found.interval() is None
    inside = found.interval_of_images()
    assert inside.high - found.mean == pytest.approx(t.ppf(0.975, IMAGES + 1) * np.sqrt(found.image_part.variance))


def test_a_real_store_is_read(tmp_path):
    answers = draws("a", "b", seeds=2, images=100)
    memory, table = right(answers)
    made, store = frame(table), Store(tmp_path)
    store.prepare()
    for row in made.itertuples():
        predicted, labels, _ = memory.trials[row.trial_id]
        store.begin(row.trial_id, Recipe(), ())
        outcomes = {"knn_top1": predicted[::-1].copy()}
        store.finish(row.trial_id, {"top1": row.top1}, predicted, labels, outcomes, {"seconds": 1.0})
    found = Evidence({"made": made}, store).estimate(cell("a") - cell("b"))
    assert found == Evidence({"made": made}, memory).estimate(cell("a") - cell("b"))
    assert found.images == 100


# --- correlation ------------------------------------------------------------------------------------------------------


def test_a_correlation_is_averaged_as_fishers_z():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(5, 3)) + np.arange(5)[:, None]
    y = x + rng.normal(size=(5, 3))
    names = "abcde"
    made = evidence(dict(zip(names, x.tolist(), strict=True)), y=dict(zip(names, y.tolist(), strict=True)))
    quantity = Correlation(tuple(map(cell, names)), tuple(cell(name, "y") for name in names), "r")
    found = made.estimate(quantity)
    z = np.array([np.arctanh(pearsonr(x[:, seed], y[:, seed])[0]) for seed in range(3)])
    assert found.effect == pytest.approx(np.tanh(z.mean()))
    assert ends(found) == pytest.approx(np.tanh(ttest_1samp(z, 0).confidence_interval()))
    assert made.estimate(quantity, {0}).effect == pytest.approx(np.tanh(z[1:].mean()))


def test_a_perfect_correlation_and_none_at_all_are_no_errors():
    names = "abc"
    made = evidence({n: [float(i)] * 2 for i, n in enumerate(names)}, y={n: [2.0 * i] * 2 for i, n in enumerate(names)})
    x, y = tuple(map(cell, names)), tuple(cell(name, "y") for name in names)
    assert made.estimate(Correlation(x, y, "r")).effect == pytest.approx(1)
    flat = evidence({n: [1.0, 1.0] for n in names}, y={n: [2.0 * i] * 2 for i, n in enumerate(names)})
    assert flat.estimate(Correlation(x, y, "r")) is None
    missing = evidence({"a": [1.0], "b": [None], "c": [2.0]}, y={n: [2.0 * i] for i, n in enumerate(names)})
    assert missing.estimate(Correlation(x, y, "r")) is None


# --- choosing ---------------------------------------------------------------------------------------------------------

TABLE = {"a": [50.0, 90.0], "b": [60.0, 10.0], "c": [70.0, 10.0]}


def test_the_first_seeds_validation_split_chooses_not_its_test_images():
    split = {"a": [51.0, 0.0], "b": [61.0, 0.0], "c": [41.0, 99.0]}
    made = evidence(TABLE, probe_validation_top1=split)
    assert made.best_on_first_seed([cell(name) for name in "abc"]) == cell("b")


def test_averages_are_chosen_by_the_validation_split_too():
    split = {"a": [90.0, 0.0], "b": [10.0, 0.0], "c": [10.0, 0.0]}
    made = evidence(TABLE, probe_validation_top1=split)
    pairs = [mean([cell(x), cell(y)], x + y) for x, y in ("ab", "bc")]
    assert made.best_on_first_seed(pairs) == pairs[0]


def test_without_a_validation_split_the_metric_chooses():
    made = evidence(TABLE, knn={"a": [9.0, 0.0], "b": [1.0, 9.0], "c": [1.0, 9.0]})
    assert made.best_on_first_seed([cell(name) for name in "abc"]) == cell("c")
    assert made.best_on_first_seed([cell(name, "knn") for name in "abc"]) == cell("a", "knn")


def test_what_is_not_done_on_the_first_seed_is_not_chosen():
    made = evidence({"a": [None, 90.0], "b": [60.0, 10.0], "c": [None, 50.0]})
    assert made.best_on_first_seed([cell(name) for name in "abc"]) == cell("b")
    assert made.best_on_first_seed([cell("a"), cell("c")]) is None
    assert made.best_on_first_seed([]) is None


def test_contrasts_add_subtract_and_scale_as_numbers_do():
    a, b = cell("a"), cell("b")
    assert (a - b + b).weights == a.weights
    assert (a - a).weights == ()
    assert (a - (b - a)).label == "a − (b − a)"
    assert mean([a, b], "m").weights == tuple((one.weights[0][0], 0.5) for one in (a, b))
    assert a.scaled(-2).weights == ((CellMetric("made", (("cell", "a"),), "top1"), -2.0),)
    assert isinstance(a.called("x"), Contrast)
    assert a.called("x").label == "x"
