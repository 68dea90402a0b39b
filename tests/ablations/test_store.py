import json
import os
import time

import numpy as np
import pytest

from ablations.store import STALE, Store
from simclr_core.errors import BadInput

METRICS = {"top1": 50.0, "n_test": 4}
CLASSES = np.array([0, 1, 1, 0], np.int16)
OUTCOMES = {"knn_top1": CLASSES, "alignment_h": np.array([0.5, 1.5], np.float32)}
ID = "0123456789abcdef"


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    store.prepare()
    return store


def finish(store, trial_id=ID, metrics=METRICS):
    store.begin(trial_id, {"seed": 0})
    store.finish(trial_id, metrics, CLASSES, CLASSES, OUTCOMES, {"seconds": 1.5})


def claim_of_another(store, **fields):
    path = store.folder(ID) / "claim.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"pid": os.getpid(), "host": os.uname().nodename, "token": "another", **fields}))
    return path


def a_dead_process() -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


def test_a_finished_trial_is_done_and_reads_back(store):
    assert store.status(ID) == "missing"
    finish(store)
    assert store.status(ID) == "done"
    assert store.result(ID).metrics == METRICS
    assert store.result(ID).seconds == 1.5
    assert all(np.array_equal(array, CLASSES) for array in store.predictions(ID))
    outcomes = store.outcomes(ID)
    assert outcomes.keys() == OUTCOMES.keys()
    for name, expected in OUTCOMES.items():
        assert outcomes[name].dtype == expected.dtype
        assert np.array_equal(outcomes[name], expected)


def test_the_checkpoint_outlives_the_next_attempt_and_goes_when_the_trial_is_done(store):
    store.begin(ID, {"seed": 0})
    store.checkpoint(ID).write_bytes(b"state")
    store.fail(ID, "its worker died", "")
    store.begin(ID, {"seed": 0})
    assert store.checkpoint(ID).read_bytes() == b"state"
    finish(store)
    assert not store.checkpoint(ID).exists()


def test_nothing_but_the_records_remains_in_the_folder(store):
    store.begin(ID, {"seed": 0})
    store.epoch(ID, {"epoch": 1, "loss": 2.5})
    store.epoch(ID, {"epoch": 2, "loss": 2.0})
    store.finish(ID, METRICS, CLASSES, CLASSES, {}, {"seconds": 1.0})
    names = {path.name for path in store.folder(ID).iterdir()}
    assert names == {"recipe.json", "epochs.jsonl", "predictions.npy", "labels.npy", "outcomes.npz", "result.json"}
    rows = [json.loads(line) for line in (store.folder(ID) / "epochs.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]


def test_a_failed_trial_says_why_and_a_new_attempt_forgets_it(store):
    store.begin(ID, {"seed": 0})
    store.fail(ID, "the loss is not finite", "Traceback ...")
    assert (store.status(ID), store.error(ID)) == ("failed", "the loss is not finite")
    store.begin(ID, {"seed": 0})
    assert store.status(ID) == "missing"


@pytest.mark.parametrize("name", ["result.json", "predictions.npy", "labels.npy", "outcomes.npz"])
@pytest.mark.parametrize("content", [None, b"", b"garbage", b"PK\x03\x04garbage", "half"])
def test_a_damaged_trial_is_missing_and_can_be_done_again(store, name, content):
    finish(store)
    path = store.folder(ID) / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-3] if content == "half" else content)
    assert store.status(ID) == "missing"
    finish(store)
    assert store.status(ID) == "done"


@pytest.mark.parametrize(
    "change",
    [
        {"trial_id": "another"},
        {"schema_version": 0},
        {"metrics": {"top1": "50", "n_test": 4}},
        {"metrics": {"top1": 50.0, "n_test": 5}},
        {"metrics": []},
        {"provenance": {}},
    ],
)
def test_a_result_that_does_not_fit_is_not_trusted(store, change):
    finish(store)
    path = store.folder(ID) / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert store.result(ID) is None


def test_a_metric_that_is_not_finite_cannot_be_stored(store):
    with pytest.raises(ValueError, match="not JSON compliant"):
        finish(store, metrics={"top1": float("nan"), "n_test": 4})
    assert store.status(ID) == "missing"


def test_a_trial_claimed_by_a_live_run_is_left_to_it(tmp_path, store):
    other = Store(tmp_path)
    assert store.claim([ID, "b"]) == {ID, "b"}
    assert other.claim([ID, "b", "c"]) == {"c"}
    assert other.status(ID) == "running"
    store.release([ID])
    assert other.claim([ID]) == {ID, "c"}


def test_finishing_gives_the_claim_back(store):
    store.claim([ID])
    finish(store)
    assert not (store.folder(ID) / "claim.json").exists()


def test_the_claim_of_a_dead_process_is_taken_over(store):
    claim_of_another(store, pid=a_dead_process())
    assert store.status(ID) == "missing"
    assert store.claim([ID]) == {ID}
    assert not list(store.folder(ID).glob("*.stale"))


def test_the_claim_of_another_host_expires_without_a_heartbeat(store):
    path = claim_of_another(store, host="elsewhere", pid=1)
    assert store.claim([ID]) == set()
    past = time.time() - STALE - 1
    os.utime(path, (past, past))
    assert store.claim([ID]) == {ID}


def test_a_claim_just_being_written_is_respected(store):
    claim_of_another(store).write_text("")
    assert store.claim([ID]) == set()


def test_the_heartbeat_renews_claims_and_the_end_releases_them(store, monkeypatch):
    monkeypatch.setattr("ablations.store.HEARTBEAT", 0.01)
    path = store.folder(ID) / "claim.json"
    with store.alive():
        store.claim([ID])
        os.utime(path, (0, 0))
        waited_until = time.monotonic() + 5
        while path.stat().st_mtime == 0 and time.monotonic() < waited_until:
            time.sleep(0.01)
        assert path.stat().st_mtime > 0
    assert not path.exists()


def test_a_stale_claim_that_another_run_has_just_taken_over_stays_theirs(tmp_path, store, monkeypatch):
    path = claim_of_another(store, pid=a_dead_process())
    rival, clear = Store(tmp_path), Store._clear_stale

    def beaten_to_it(stale):
        monkeypatch.setattr(Store, "_clear_stale", staticmethod(clear))
        seen = json.loads(path.read_text())
        assert rival.claim([ID]) == {ID}
        # What this run saw before the rival was quicker:
        monkeypatch.setattr("ablations.store._read_json", lambda file, once=[seen]: once.pop() if once else read(file))
        return clear(stale)

    from ablations.store import _read_json as read

    monkeypatch.setattr(Store, "_clear_stale", staticmethod(beaten_to_it))
    assert store.claim([ID]) == set()
    assert json.loads(path.read_text())["token"] == rival._token


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "results").write_text("a file where a folder should be")
    with pytest.raises(BadInput, match=r"results cannot be written there: .*; choose with --out\.$"):
        Store(tmp_path / "results").prepare()
