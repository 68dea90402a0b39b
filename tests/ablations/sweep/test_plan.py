import numpy as np
import pytest
from builders import tiny

from ablations.console import text
from ablations.store.leases import Leases
from ablations.store.trials import Store
from ablations.studies.expand import expand
from ablations.studies.load import load_scale, load_study
from ablations.sweep import plan
from simclr_core.cost import Cost

CLASSES = np.zeros(4, np.int16)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "results")
    store.prepare()
    return store


def planned(tmp_path, store, study=tiny.STUDY):
    tiny.write(tmp_path, study)
    trials = expand(load_study(tmp_path / "study.yaml"), load_scale(tmp_path / "scale.yaml"))
    return plan.look_up(trials, {trial.recipe.data: "images" for trial in trials}, store, Leases(store))


def finish(store, item, seconds=2.0):
    store.begin(item.trial_id, item.trial.recipe, item.fingerprints)
    metrics = {"top1": 50.0, "balanced_accuracy": 50.0, "n_test": 4, "probe_l2": 0.1, "probe_validation_top1": 50.0}
    store.finish(item.trial_id, metrics, CLASSES, CLASSES, {}, {"seconds": seconds})


def test_what_is_done_is_not_planned_again(tmp_path, store):
    before = planned(tmp_path, store)
    assert len(plan.unfinished(before)) == 5
    finish(store, before[2])
    after = planned(tmp_path, store)
    assert [item.status for item in after] == ["missing", "missing", "done", "missing", "missing"]
    assert before[2].trial_id not in plan.unfinished(after)
    assert plan.refresh(before, store, Leases(store)) == after


def test_a_grown_grid_shares_the_trials_of_the_old_one(tmp_path, store):
    for item in planned(tmp_path, store):
        finish(store, item)
    grown = planned(tmp_path, store, tiny.STUDY.replace("[crop, color]", "[crop, blur, color]"))
    assert {item.trial.axes["first"] for item in grown if item.status == "done"} == {None, "crop", "color"}
    assert len(plan.unfinished(grown)) == 5


def test_cells_of_the_same_content_are_trained_once(tmp_path, store):
    items = planned(tmp_path, store)
    assert len(plan.unfinished([*items, *items])) == len(items)


def test_records_have_axes_and_only_done_ones_have_metrics(tmp_path, store):
    items = planned(tmp_path, store)
    finish(store, items[1])
    missing, done = (item.record() for item in plan.refresh(items, store, Leases(store))[:2])
    assert missing == {
        **{"role": "untrained", "seed": 0, "trial_id": items[0].trial_id, "status": "missing"},
        **{"first": None, "second": None},
    }
    assert (done["first"], done["second"], done["top1"], done["status"]) == ("crop", "crop", 50.0, "done")


def test_the_estimate_measures_each_shape_once_and_counts_workers(tmp_path, store):
    measured = []

    def measure(recipe):
        measured.append(recipe)
        return Cost(2.0 if recipe.schedule.epochs else 1.0, 10)

    found = plan.estimate(planned(tmp_path, store), 2, measure)
    assert (found.seconds, found.trial_seconds, found.parallel, found.peak_bytes) == (5.0, 9.0, 2, 10)
    assert len(measured) == 2  # untrained, and cells
    assert "5 s (0.00 machine-hours), 2 at a time" in plan.describe_estimate(found)


def test_the_estimate_prefers_what_done_trials_took(tmp_path, store):
    items = planned(tmp_path, store)
    finish(store, items[0], seconds=1.0)
    finish(store, items[1], seconds=10.0)
    assert plan.estimate(plan.refresh(items, store, Leases(store)), 1, pytest.fail).seconds == 30.0


def test_no_number_of_workers_ends_before_the_longest_trial(tmp_path, store):
    assert plan.estimate(planned(tmp_path, store), 100, lambda _: Cost(3.0, 0)).seconds == 3.0


def test_trials_are_packed_the_longest_first():
    assert plan.makespan([1, 1, 2, 4], 2) == 4
    assert plan.makespan([3, 3, 2, 2, 2], 2) == 7  # packing of the longest first; the best would be 6
    assert plan.makespan([], 2) == 0


def test_the_longest_trials_come_first_and_equal_ones_in_order(tmp_path, store):
    study = tiny.STUDY.replace("second: {append: views.right, values: [crop, color]}", EPOCHS)
    todo = plan.unfinished(planned(tmp_path, store, study)).values()
    assert [(item.trial.role, item.trial.axes["first"], item.trial.axes["second"]) for item in todo] == [
        ("cell", "crop", 3),
        ("cell", "color", 3),
        ("cell", "crop", 1),
        ("cell", "color", 1),
        ("untrained", None, None),
    ]


EPOCHS = "second: {set: schedule.epochs, values: [1, 3]}"


def test_what_failed_by_its_own_numbers_is_tried_again_only_when_asked(tmp_path, store):
    items = planned(tmp_path, store)
    for item, cause in zip(items, ("numbers", "died", "error"), strict=False):
        store.begin(item.trial_id, item.trial.recipe, item.fingerprints)
        store.fail(item.trial_id, "no luck", cause)
    items = plan.refresh(items, store, Leases(store))
    assert [item.status for item in items] == ["failed", "failed", "failed", "missing", "missing"]
    assert plan.unfinished(items).keys() == {item.trial_id for item in items[1:]}
    assert plan.unfinished(items, retry=True).keys() == {item.trial_id for item in items}


def test_a_damaged_trial_is_missing_in_a_table_and_trained_again(tmp_path, store):
    items = planned(tmp_path, store)
    finish(store, items[1])
    (store.folder(items[1].trial_id) / "labels.npy").write_bytes(b"")
    items = plan.refresh(items, store, Leases(store))
    assert (items[1].status, items[1].record()["status"]) == ("damaged", "missing")
    assert items[1].trial_id in plan.unfinished(items)


def test_a_trial_of_a_live_run_is_running(tmp_path, store):
    items, leases = planned(tmp_path, store), Leases(store)
    with leases.alive():
        leases.claim([items[1].trial_id])
        assert [item.status for item in plan.refresh(items, store, Leases(store))][:3] == [
            "missing",
            "running",
            "missing",
        ]


def test_the_plan_names_every_trial_and_counts(tmp_path, store):
    items = planned(tmp_path, store)
    finish(store, items[0])
    lines = plan.describe(plan.refresh(items, store, Leases(store))).splitlines()
    assert lines[0].split() == ["role", "first", "second", "seed", "trial", "status"]
    assert lines[1].split() == ["untrained", "0", items[0].trial_id, "done"]
    assert lines[3].split() == ["cell", "crop", "color", "0", items[2].trial_id, "missing"]
    assert lines[-1] == "5 trials (4 of cells): 1 done, 4 missing"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (250, "4 min 10 s"),
        (3599.7, "1 h 00 min"),
        (11100, "3 h 05 min"),
    ],
)
def test_durations_are_for_people(seconds, said):
    assert text.duration(seconds) == said
