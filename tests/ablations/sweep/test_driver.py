import pytest
from builders import tiny

from ablations.store.leases import Leases
from ablations.store.trials import Store
from ablations.studies.expand import expand
from ablations.studies.load import load_scale, load_study
from ablations.sweep import plan
from ablations.sweep.driver import ATTEMPTS, Driver
from ablations.sweep.worker import HUNG, STARTED

MEMORY = {"kind": "failed", "error": "out of memory", "cause": "memory", "details": "trace"}


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "results")
    store.prepare()
    return store


@pytest.fixture
def driver(tmp_path, store):
    tiny.write(tmp_path)
    trials = expand(load_study(tmp_path / "study.yaml"), load_scale(tmp_path / "scale.yaml"))
    leases = Leases(store)
    planned = plan.look_up(trials, {trial.recipe.data: "images" for trial in trials}, store, leases)
    driver = Driver(plan.unfinished(planned), store, leases, lambda event: driver.told.append(event))
    driver.told = []
    return driver


def start(driver, n):
    """The first n trials that are left are running."""
    chosen = list(driver.pending)[:n]
    for trial_id in chosen:
        driver.started(trial_id)
    return chosen


def kinds(driver, trial_id):
    return [event.kind for event in driver.told if event.trial_id == trial_id]


def test_a_trial_whose_process_dies_is_tried_again_a_bounded_number_of_times(driver, store):
    for _ in range(ATTEMPTS):
        (trial_id,) = start(driver, 1)
        driver.message(trial_id, {"kind": "epoch", "row": {"epoch": 2, "loss": 1.0}})
        driver.died(trial_id, "ActorDiedError")
    assert kinds(driver, trial_id) == ["started", "epoch", "again"] * (ATTEMPTS - 1) + ["started", "epoch", "failed"]
    failure = store.look(trial_id).failure
    assert (failure.cause, failure.epoch, failure.details) == ("died", 2, "ActorDiedError")
    assert not failure.would_fail_again
    assert trial_id not in driver.pending
    assert not driver.alone


def test_when_all_die_each_is_tried_alone_and_one_that_dies_alone_has_failed(driver, store):
    hog, other = start(driver, 2)
    driver.all_died("1 worker(s) were killed due to the node running low on memory")
    assert driver.alone == {hog, other}
    assert {hog, other} < set(driver.pending)
    driver.started(hog)
    driver.all_died("Ray's node process died")
    assert store.look(hog).failure.cause == "died"
    assert "its process was killed" in store.look(hog).failure.error
    assert next(iter(driver.pending)) == other
    assert store.look(other).status == "missing"


def test_a_trial_for_which_memory_did_not_suffice_is_tried_alone_once(driver, store):
    (trial_id,) = start(driver, 1)
    driver.message(trial_id, MEMORY)
    assert (kinds(driver, trial_id)[-1], driver.alone) == ("again", {trial_id})
    driver.started(trial_id)
    driver.message(trial_id, MEMORY)
    assert store.look(trial_id).failure.cause == "memory"


def test_a_kill_for_want_of_memory_is_told_from_others(driver, store):
    (trial_id,) = start(driver, 1)
    for _ in range(2):
        driver.all_died("1 worker(s) were killed due to the node running low on memory")
        driver.started(trial_id) if trial_id in driver.pending else None
    failure = store.look(trial_id).failure
    assert (failure.cause, failure.would_fail_again) == ("memory", False)
    assert "ran low on memory" in failure.error


@pytest.mark.parametrize("cause", ["numbers", "input", "error"])
def test_what_would_happen_again_fails_at_once(driver, store, cause):
    (trial_id,) = start(driver, 1)
    driver.message(trial_id, {**MEMORY, "cause": cause})
    assert kinds(driver, trial_id) == ["started", "failed"]
    assert store.look(trial_id).failure.details == "trace"


def test_a_checkpoint_that_did_not_fit_is_followed_by_another_attempt(driver):
    (trial_id,) = start(driver, 1)
    driver.message(trial_id, {**MEMORY, "cause": "checkpoint"})
    assert (kinds(driver, trial_id)[-1], driver.alone) == ("again", set())


def test_a_process_that_ended_itself_because_it_hung_is_not_tried_again(driver, store):
    (trial_id,) = start(driver, 1)
    store.log(trial_id).write_text(f"{STARTED}...\n{HUNG}0:10:00)!\nThread ...\n")
    driver.died(trial_id, "")
    assert store.look(trial_id).failure.cause == "hung"
    (other,) = start(driver, 1)
    store.log(other).write_text(f"{STARTED}...\n{HUNG}0:10:00)!\n{STARTED}a later attempt\n")
    driver.died(other, "")
    assert kinds(driver, other)[-1] == "again"


def test_the_death_of_a_process_that_had_said_all_changes_nothing(driver):
    (trial_id,) = start(driver, 1)
    driver.message(trial_id, {**MEMORY, "cause": "error"})
    driver.died(trial_id, "")
    assert kinds(driver, trial_id) == ["started", "failed"]
