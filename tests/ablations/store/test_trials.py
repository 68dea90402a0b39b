import json

import numpy as np
import pytest

from ablations.store.trials import GROUPS, VOUCHED, Lost, Store
from ablations.verdicts.per_example import per_example
from simclr_core.config import RECIPE_VERSION, Recipe
from simclr_core.errors import BadInput

METRICS = {"top1": 50.0, "n_test": 4}
CLASSES = np.array([0, 1, 1, 0], np.int16)
OUTCOMES = {"knn_top1": CLASSES, "alignment_h": np.array([0.5, 1.5], np.float32)}
ID = "0123456789abcdef"
RECIPE = Recipe()


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    store.prepare()
    return store


def status(store):
    return store.look(ID).status


def finish(store, trial_id=ID, metrics=METRICS):
    store.begin(trial_id, RECIPE, ("images",))
    store.epoch(trial_id, {"epoch": 1, "loss": 2.5})
    store.finish(trial_id, metrics, CLASSES, CLASSES, OUTCOMES, {"seconds": 1.5})


def test_a_finished_trial_is_done_and_reads_back(store):
    assert status(store) == "missing"
    finish(store)
    assert status(store) == "done"
    assert store.result(ID).metrics == METRICS
    assert store.result(ID).seconds == 1.5
    assert all(np.array_equal(array, CLASSES) for array in store.predictions(ID))
    outcomes = store.outcomes(ID)
    assert outcomes.keys() == OUTCOMES.keys()
    for name, expected in OUTCOMES.items():
        assert outcomes[name].dtype == expected.dtype
        assert np.array_equal(outcomes[name], expected)


def test_groups_are_kept_where_images_come_in_groups_and_vouched_for(store):
    finish(store)
    assert store.groups(ID) == {}
    store.begin(ID, RECIPE, ("images",))
    groups = {"top1": np.arange(4, dtype=np.int32) // 2}
    store.finish(ID, METRICS, CLASSES, CLASSES, OUTCOMES, {"seconds": 1.5}, groups)
    assert store.groups(ID)["top1"].tolist() == [0, 0, 1, 1]
    (store.folder(ID) / "groups.npz").unlink()
    assert status(store) == "damaged"
    finish(store)
    assert status(store) == "done"


def grouped(store):
    store.begin(ID, RECIPE, ("images",))
    groups = {"top1": np.arange(4, dtype=np.int32) // 2}
    store.finish(ID, METRICS | {"n_groups": 2}, CLASSES, CLASSES, OUTCOMES, {"seconds": 1.5}, groups)


def without(record, key, name):
    return record | {key: {known: value for known, value in record[key].items() if known != name}}


@pytest.mark.parametrize("key", ["files", "metrics", None])
def test_groups_that_are_lost_are_never_no_groups(store, key):
    grouped(store)
    (store.folder(ID) / GROUPS).unlink()
    result = store.folder(ID) / "result.json"
    if key is None:
        result.unlink()
    else:  # either alone says that there were groups
        name = {"files": GROUPS, "metrics": "n_groups"}[key]
        result.write_text(json.dumps(without(json.loads(result.read_text()), key, name)))
    with pytest.raises(Lost, match=r"groups\.npz cannot be read: No such file or directory\.$"):
        store.groups(ID)
    assert per_example(store, ID, "top1", 100.0) is None


@pytest.mark.parametrize("name", ["predictions.npy", "labels.npy", "outcomes.npz", GROUPS])
@pytest.mark.parametrize("kind", ["absent", "empty", "garbage", "half", "one bit", "folder", "link"])
def test_every_lost_or_damaged_file_of_answers_is_one_error_that_names_it(store, name, kind):
    grouped(store)
    assert per_example(store, ID, "knn_top1", 100.0) is not None
    path = store.folder(ID) / name
    whole = path.read_bytes()
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("nowhere")
    elif kind == "one bit":
        path.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    elif content(kind, whole) is not None:
        path.write_bytes(content(kind, whole))
    read = {"outcomes.npz": store.outcomes, GROUPS: store.groups}.get(name, store.predictions)
    with pytest.raises(Lost, match=f"{name} (cannot be read|is damaged): .*[^.][.]$"):
        read(ID)
    assert per_example(store, ID, "knn_top1", 100.0) is None


def test_the_checkpoint_outlives_the_next_attempt_and_goes_when_the_trial_is_done(store):
    store.begin(ID, RECIPE, ("images",))
    store.checkpoint(ID).write_bytes(b"state")
    store.fail(ID, "its process was killed", "died")
    store.begin(ID, RECIPE, ("images",))
    assert store.checkpoint(ID).read_bytes() == b"state"
    finish(store)
    assert not store.checkpoint(ID).exists()


def test_nothing_but_the_records_remains_in_the_folder(store):
    store.begin(ID, RECIPE, ("images",))
    store.epoch(ID, {"epoch": 1, "loss": 2.5})
    store.epoch(ID, {"epoch": 2, "loss": 2.0})
    store.finish(ID, METRICS, CLASSES, CLASSES, {}, {"seconds": 1.0})
    names = {path.name for path in store.folder(ID).iterdir()}
    assert names == {"recipe.json", "epochs.jsonl", "predictions.npy", "labels.npy", "outcomes.npz", "result.json"}
    rows = [json.loads(line) for line in (store.folder(ID) / "epochs.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]


def test_a_begun_trial_says_what_it_is_and_how_far_it_got(store):
    store.begin(ID, RECIPE, ("images",))
    store.epoch(ID, {"epoch": 1, "loss": 2.5})
    with (store.folder(ID) / "epochs.jsonl").open("a") as file:
        file.write('{"epoch": 2, "lo')  # killed while writing
    assert status(store) == "missing"
    known = store.recipe(ID)
    assert Recipe.parse(known["recipe"]) == RECIPE
    assert (known["recipe_version"], known["fingerprints"]) == (RECIPE_VERSION, ["images"])
    assert [row["epoch"] for row in store.epochs(ID)] == [1]


def test_a_failed_trial_says_why_and_a_new_attempt_forgets_it(store):
    store.begin(ID, RECIPE, ("images",))
    store.fail(ID, "the loss is not finite", "numbers", "Traceback ...", epoch=3)
    failure = store.look(ID).failure
    assert (status(store), failure.error, failure.epoch) == ("failed", "the loss is not finite", 3)
    assert failure.would_fail_again
    store.fail(ID, "its process was killed", "died")
    assert not store.look(ID).failure.would_fail_again
    store.begin(ID, RECIPE, ("images",))
    assert status(store) == "missing"


def content(kind, whole):
    """What one may find in place of a file."""
    return {"absent": None, "empty": b"", "garbage": b"\x00\xffgarbage", "half": whole[: len(whole) // 2]}[kind]


@pytest.mark.parametrize("name", ["result.json", *VOUCHED])
@pytest.mark.parametrize("kind", ["absent", "empty", "garbage", "half", "folder", "one bit"])
def test_a_damaged_trial_is_never_trusted_set_aside_and_done_again(store, name, kind):
    finish(store)
    path = store.folder(ID) / name
    whole = path.read_bytes()
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "one bit":
        path.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    elif content(kind, whole) is not None:
        path.write_bytes(content(kind, whole))
    expected = "missing" if (name, kind) == ("result.json", "absent") else "damaged"
    assert status(store) == expected
    assert store.result(ID) is None
    assert expected == "missing" or name in store.look(ID).why
    store.recipe(ID), store.epochs(ID)  # whatever they say, they say it
    finish(store)
    assert status(store) == "done"
    assert len(list(store.aside.glob(f"{ID}-*"))) == (expected == "damaged")


@pytest.mark.parametrize("kind", ["empty", "garbage", "half", "folder"])
def test_a_damaged_error_is_damage_not_a_failure(store, kind):
    store.begin(ID, RECIPE, ("images",))
    store.fail(ID, "no luck", "error")
    path = store.folder(ID) / "error.json"
    if kind == "folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(content(kind, path.read_bytes()))
    assert status(store) == "damaged"
    finish(store)
    assert status(store) == "done"


@pytest.mark.parametrize("name", VOUCHED)
def test_a_folder_in_place_of_a_file_stops_no_attempt(store, name):
    (store.folder(ID) / name).mkdir(parents=True)
    finish(store)
    assert status(store) == "done"


@pytest.mark.parametrize(
    "change",
    [
        {"trial_id": "another"},
        {"schema_version": 1},
        {"metrics": {"top1": 51.0, "n_test": 4}},
        {"provenance": {"seconds": 0.0}},
        {"files": {}},
        {"digest": "0"},
    ],
)
def test_a_result_edited_by_hand_is_not_trusted(store, change):
    finish(store)
    path = store.folder(ID) / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert status(store) == "damaged"


def test_the_result_of_another_trial_is_not_trusted(store):
    other = "f" * 16
    finish(store, other)
    store.folder(other).rename(store.folder(ID))
    assert status(store) == "damaged"


def test_only_folders_that_are_trials_are_listed(store):
    finish(store)
    (store.trials / "notes").mkdir()
    assert store.trial_ids() == [ID]


def test_a_metric_that_is_not_finite_cannot_be_stored(store):
    with pytest.raises(ValueError, match="must be finite"):
        finish(store, metrics={"top1": float("nan"), "n_test": 4})
    assert status(store) == "missing"


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "results").write_text("a file where a folder should be")
    with pytest.raises(BadInput, match=r"results cannot be written there: .*; choose with --out\.$"):
        Store(tmp_path / "results").prepare()
