import errno
import json
import sys

import pytest
from builders import tiny

from ablations.store.leases import Leases
from ablations.store.trials import Store
from ablations.studies.expand import expand
from ablations.studies.load import load_scale, load_study
from ablations.sweep import engines, machine, plan, ray_session
from ablations.sweep.driver import ATTEMPTS
from simclr_core import data, trial
from simclr_core.errors import BadInput
from simclr_core.health import TrialFailed


def todo(tmp_path, store, study=tiny.STUDY, **options):
    tiny.write(tmp_path, study)
    trials = expand(load_study(tmp_path / "study.yaml"), load_scale(tmp_path / "scale.yaml"), **options)
    names = {one.recipe.data: data.fingerprint(one.recipe.data, tmp_path / "cache") for one in trials}
    return plan.look_up(trials, names, store, Leases(store))


def run(tmp_path, store, items, engine="inline", on_event=lambda _: None, hangs_after=600.0):
    store.prepare()
    share = machine.Allotment(cpus=1, gpus=0, parallel=2)
    ray = ray_session.Sessions(None, machine.Node("this computer", 2, 10**10)) if engine == "ray" else None
    setting = engines.Setting(ray, share, 1, tmp_path / "cache", checkpoint_every=1, hangs_after=hangs_after)
    leases = Leases(store)
    with leases.alive():
        leases.claim(item.trial_id for item in items)
        return engines.run({item.trial_id: item for item in items}, store, leases, setting, on_event)


def status(store, item):
    return store.look(item.trial_id).status


def numbers(store, items):
    """Everything a trial determines, exactly."""
    return {
        item.trial_id: (
            store.result(item.trial_id).metrics,
            *(part.tobytes() for part in store.predictions(item.trial_id)),
        )
        for item in items
    }


def test_the_order_in_which_a_process_gets_its_cells_changes_no_number(tmp_path):
    forth, back = Store(tmp_path / "forth"), Store(tmp_path / "back")
    items = todo(tmp_path, forth)
    run(tmp_path, forth, items)
    run(tmp_path, back, items[::-1])
    assert numbers(forth, items) == numbers(back, items)
    assert len({metrics["top1"] for metrics, *_ in numbers(forth, items).values()}) > 1


def test_events_tell_the_story_of_each_trial(tmp_path):
    store, events = Store(tmp_path / "results"), []
    items = todo(tmp_path, store, only={"first": ["crop"], "second": ["color"]})
    assert run(tmp_path, store, items, on_event=events.append) is False
    told = [(event.kind, event.trial_id) for event in events if event.kind != "tick"]
    baseline, cell = (item.trial_id for item in items)
    assert told == [("started", baseline), ("done", baseline), ("started", cell), ("epoch", cell), ("done", cell)]
    assert store.result(cell).provenance.keys() >= {
        *(
            "seconds",
            "started",
            "finished",
            "device",
            "cpu",
            "python",
            "torch",
            "torchvision",
            "numpy",
            "ray",
            "commit",
        ),
        *("data_fingerprint", "data_source"),
    }


def test_a_trial_that_raises_fails_alone_with_its_reason(tmp_path, monkeypatch):
    honest = trial.run

    def run_or_raise(recipe, *given):
        if recipe.views.right == ("color",):
            raise RuntimeError("no luck")
        if recipe.views.right == ("crop",):
            raise TrialFailed("the loss is not finite in epoch 1 of 1")
        return honest(recipe, *given)

    monkeypatch.setattr(trial, "run", run_or_raise)
    store = Store(tmp_path / "results")
    items = todo(tmp_path, store)
    run(tmp_path, store, items)
    errors = {
        item.trial.label: store.look(item.trial_id).failure.error for item in items if status(store, item) == "failed"
    }
    assert errors == {
        "first=crop second=crop seed=0": "the loss is not finite in epoch 1 of 1",
        "first=color second=color seed=0": "RuntimeError: no luck",
    }
    assert sum(status(store, item) == "done" for item in items) == 3


def test_a_metric_that_is_not_finite_is_a_failure_and_never_a_result(tmp_path, monkeypatch):
    honest = trial.accuracies
    monkeypatch.setattr(trial, "accuracies", lambda *args: {**honest(*args), "top1": float("nan")})
    store = Store(tmp_path / "results")
    items = todo(tmp_path, store)[:1]
    run(tmp_path, store, items)
    assert status(store, items[0]) == "failed"
    assert "not all finite" in store.look(items[0].trial_id).failure.error


def test_ctrl_c_ends_the_sweep_and_keeps_what_is_finished(tmp_path):
    store = Store(tmp_path / "results")
    items = todo(tmp_path, store)

    def interrupt_after_two(event):
        if event.kind == "started" and event.trial_id == items[2].trial_id:
            raise KeyboardInterrupt

    assert run(tmp_path, store, items, on_event=interrupt_after_two) is True
    assert [status(store, item) for item in items] == ["done", "done", "missing", "missing", "missing"]


def test_an_interrupted_trial_goes_on_from_its_checkpoint_to_the_same_result(tmp_path):
    study = tiny.STUDY.replace("recipe:", "recipe:\n  schedule: {epochs: 4, batch_size: 20}")
    straight, broken = Store(tmp_path / "straight"), Store(tmp_path / "broken")
    items = todo(tmp_path, straight, study, only={"first": ["crop"], "second": ["color"]})[1:]
    run(tmp_path, straight, items)

    def interrupt_after(epoch):
        def on_event(event):
            if event.kind == "epoch" and event.row["epoch"] == epoch:
                raise KeyboardInterrupt

        return on_event

    assert run(tmp_path, broken, items, on_event=interrupt_after(2)) is True
    (item,) = items
    assert broken.checkpoint(item.trial_id).is_file()
    seconds = []
    run(tmp_path, broken, items, on_event=lambda event: seconds.append(event.row.get("seconds")))
    assert numbers(broken, items) == numbers(straight, items)
    lines = (broken.folder(item.trial_id) / "epochs.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3, 4]
    assert not broken.checkpoint(item.trial_id).exists()


def full_disk(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device", "result.json")


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(Store, "finish", full_disk)
    store = Store(tmp_path / "results")
    with pytest.raises(BadInput, match=r"result.json: results cannot be written: No space left on device"):
        run(tmp_path, store, todo(tmp_path, store))


@pytest.mark.slow
def test_a_full_disk_ends_a_sweep_on_ray_too(tmp_path, monkeypatch):
    monkeypatch.setattr(Store, "finish", full_disk)
    store = Store(tmp_path / "results")
    with pytest.raises(BadInput, match="No space left on device"):
        run(tmp_path, store, todo(tmp_path, store), engine="ray")


@pytest.mark.slow
def test_the_order_of_cells_in_reused_ray_workers_changes_no_number(tmp_path):
    inline, ray = Store(tmp_path / "inline"), Store(tmp_path / "ray")
    items = todo(tmp_path, inline)
    run(tmp_path, inline, items)
    run(tmp_path, ray, items[::-1], engine="ray")
    assert numbers(inline, items) == numbers(ray, items)


@pytest.mark.slow
def test_where_ray_cannot_start_a_sentence_names_the_way_without_it(tmp_path, monkeypatch):
    import ray

    def refuse(**_):
        raise ConnectionError("no sockets left")

    monkeypatch.setattr(ray, "init", refuse)
    store = Store(tmp_path / "results")
    with pytest.raises(BadInput, match=r"Ray cannot run here \(no sockets left\); --engine inline"):
        run(tmp_path, store, todo(tmp_path, store), engine="ray")


@pytest.mark.slow
def test_a_trial_that_kills_its_process_and_one_that_hangs_fail_and_the_others_do_not(tmp_path, monkeypatch):
    import ray.cloudpickle

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import a test
    monkeypatch.setattr(engines, "_trainable", hostile)
    store, events = Store(tmp_path / "results"), []
    items = todo(tmp_path, store)
    run(tmp_path, store, items, engine="ray", on_event=events.append, hangs_after=60)
    failures = {item.trial.label: store.look(item.trial_id).failure for item in items}
    assert {label: failure.cause for label, failure in failures.items() if failure} == {
        "first=crop second=color seed=0": "died",
        "first=color second=crop seed=0": "hung",
    }
    assert sum(status(store, item) == "done" for item in items) == 3
    (killed,) = (item.trial_id for item in items if item.trial.label == "first=crop second=color seed=0")
    (hanging,) = (item.trial_id for item in items if item.trial.label == "first=color second=crop seed=0")
    told = [event.kind for event in events if event.trial_id == killed]
    assert told == ["started", "again"] * (ATTEMPTS - 1) + ["started", "failed"]
    assert "in fall_asleep" in store.log(hanging).read_text()


def hostile(config):
    """In place of sweep._trainable, in a worker: one cell kills its process, one sleeps."""
    import os
    import signal
    import time

    from ray import tune

    from ablations.sweep import worker
    from simclr_core import trial

    def fall_asleep(*_):
        time.sleep(600)
        yield

    job = config["job"]
    if job["recipe"]["views"]["right"] == ["crop", "color"]:
        os.kill(os.getpid(), signal.SIGKILL)
    if job["recipe"]["views"]["right"] == ["color", "crop"]:
        trial.run = fall_asleep
    for message in worker.work(job):
        tune.report({"message": message})
