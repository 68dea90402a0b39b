import json
import os
import time

import pytest
from builders.trials import TILES, begin, damage, edit, fail, finish, run

from ablations import results
from ablations.store import inspect, prune
from ablations.store.files import remove
from ablations.store.leases import Leases
from ablations.store.trials import SCHEMA_VERSION
from ablations.studies import model
from ablations.sweep import plan
from simclr_core.config import RECIPE_VERSION, Recipe


def outdate(store, **fields):
    trial_id = fail(store, **fields)
    edit(store.folder(trial_id) / "recipe.json", recipe_version=RECIPE_VERSION - 1)
    return trial_id


def another_format(store, version=SCHEMA_VERSION - 1, **fields):
    trial_id = finish(store, **fields)
    edit(store.folder(trial_id) / "result.json", schema_version=version)
    return trial_id


def long_ago(path):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(10))
    os.utime(path, (0, 0))
    return path


def one_of_each(store):
    """kind -> paths that it deletes."""
    aside = damage(store, seed=1)
    found = {"damaged": [store.set_aside(aside), store.folder(damage(store, seed=2))]}
    found["outdated"] = [store.folder(outdate(store, seed=3)), store.folder(another_format(store, seed=4))]
    found["failed"] = [store.folder(fail(store, seed=5))]
    found["begun"] = [store.folder(begin(store, 1, seed=6))]
    found["cache"] = [long_ago(store.root / "cache" / "x.npy")]
    done = store.folder(finish(store, seed=7))
    record = long_ago(store.root / "runs" / "dead.json")
    record.write_text(json.dumps({"run": "dead", "pid": 1, "host": "elsewhere", "command": "x"}))
    os.utime(record, (0, 0))
    claim = store.root / "claims" / ("0" * 16)
    claim.parent.mkdir()
    claim.hardlink_to(record)
    found["leftovers"] = [
        record,
        claim,
        long_ago(done / "result.json.0a.tmp"),
        long_ago(store.root / "cache" / "y.tmp"),
    ]
    return found


def test_without_delete_nothing_is_deleted(store, said, tmp_path):
    found = one_of_each(store)
    before = sorted(store.root.rglob("*"))
    head, *lines = said("prune")
    assert sorted(store.root.rglob("*")) == before
    assert head.split() == ["kind", "items", "frees", "deleting", "costs"]
    assert {line.split()[0]: int(line.split()[1]) for line in lines[:6]} == {
        **{kind: len(paths) for kind, paths in found.items()},
        "cache": 2,  # with the draft in it, which is a leftover too
    }
    assert "  1 trial would be trained again from the start" in next(line for line in lines if line.startswith("begun"))
    assert lines[6] == "Nothing was deleted. This deletes them; leave out the kinds to keep:"
    assert lines[7] == (
        f"  python -m ablations.results prune --delete damaged outdated failed begun leftovers cache --out {tmp_path}"
    )


@pytest.mark.parametrize("kind", ["damaged", "outdated", "failed", "begun", "leftovers", "cache"])
def test_a_kind_is_deleted_and_no_other(store, said, kind):
    found = one_of_each(store)
    size = sum(inspect.size_and_change(path)[0] for path in found[kind])
    (line,) = said("prune", "--delete", kind)
    gone = {path for paths in found.values() for path in paths if not path.exists()}
    dead = set(found["leftovers"][:2])  # the record and the claim of a dead run: every run removes those
    assert gone - dead == set(found[kind]) - dead | ({found["leftovers"][3]} if kind == "cache" else set())
    assert kind != "leftovers" or dead <= gone
    n = len(found[kind]) + (kind == "cache")
    assert line == f"{kind}: {n} deleted, {inspect.amount(size + 10 * (kind == 'cache'))} freed"


def test_done_trials_stay_and_the_store_is_as_good_as_before(store, said):
    one_of_each(store)
    done = [trial_id for trial_id in store.trial_ids() if store.result(trial_id)]
    said("prune", "--delete", *results.KINDS)
    assert store.trial_ids() == done
    assert store.result(done[0])
    assert said("prune") == ["Nothing can be deleted."]
    assert not list((store.root / "claims").iterdir())


def test_a_newer_trainers_trials_are_left_alone(store, said):
    another_format(store, SCHEMA_VERSION + 1, seed=1)
    trial_id = fail(store, seed=2)
    edit(store.folder(trial_id) / "recipe.json", recipe_version=RECIPE_VERSION + 1)
    assert said("prune") == ["Nothing can be deleted."]


def test_a_live_runs_trials_drafts_and_the_cache_are_left_alone(store, capsys):
    mine, free = [begin(store, seed=1), fail(store, seed=2), damage(store, seed=3)], begin(store, seed=4)
    draft, cached = long_ago(store.folder(mine[0]) / "x.tmp"), long_ago(store.root / "cache" / "x.npy")
    leases = Leases(store, "run heads")
    with leases.alive():
        leases.claim(mine)
        assert run(store, "prune") == 0
        out = capsys.readouterr().out
        assert out.startswith(f"A run is live, process {os.getpid()} on ")
        assert "--delete begun --out" in out
        assert run(store, "prune", "--delete", *results.KINDS) == 1
        assert capsys.readouterr().err.startswith(f"cache: not deleted, it is in use by process {os.getpid()} on ")
        assert len(list((store.root / "claims").iterdir())) == 3
        assert len(list((store.root / "runs").glob("*.json"))) == 1
    assert store.trial_ids() == sorted(mine)
    assert draft.exists()
    assert cached.exists()
    assert not store.folder(free).exists()


@pytest.mark.parametrize("change", ["claimed", "finished", "deleted"])
def test_a_trial_that_a_run_takes_or_finishes_meanwhile_stays(store, said, monkeypatch, change):
    """Between prune's look and its deletion."""
    trial_id, look, other = begin(store, 1), prune.prunable, Leases(store)

    def changed(*args):
        found = look(*args)
        if change == "claimed":
            assert other.claim([trial_id]) == {trial_id}
        elif change == "finished":
            finish(store)
        else:
            remove(store.folder(trial_id))
        return found

    with other.alive():
        monkeypatch.setattr(results, "prunable", changed)
        assert said("prune", "--delete", "begun") == ["begun: 0 deleted, 0 B freed"]
    assert store.folder(trial_id).exists() == (change != "deleted")


def test_a_fresh_draft_is_no_leftover(store, said):
    path = long_ago(store.root / "cache" / "x.tmp")
    os.utime(path, (time.time(), time.time()))
    assert said("prune", "--delete", "leftovers") == ["leftovers: 0 deleted, 0 B freed"]
    assert path.exists()


def test_links_are_never_followed(store, said, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    kept = [long_ago(outside / name) for name in ("x.tmp", "recipe.json", "error.json")]
    store.folder("0" * 16).symlink_to(outside)
    trial_id = fail(store)
    (store.folder(trial_id) / "more").symlink_to(outside)
    (store.root / "cache").symlink_to(outside)
    store.aside.symlink_to(outside)
    assert f"{store.root / 'cache'}: a symbolic link, not followed." in said("prune")
    said("prune", "--delete", *results.KINDS)
    assert all(path.exists() for path in kept)
    assert not os.path.lexists(store.folder("0" * 16))
    assert not store.folder(trial_id).exists()


def test_a_store_behind_a_link_is_not_touched(store, said, tmp_path):
    trial_id = fail(store)
    store.trials.rename(tmp_path / "elsewhere")
    store.trials.symlink_to(tmp_path / "elsewhere")
    assert said("prune") == [f"{store.trials}: a symbolic link, not followed.", "Nothing can be deleted."]
    said("prune", "--delete", *results.KINDS)
    assert store.look(trial_id).status == "failed"


def test_what_cannot_be_deleted_is_a_sentence_and_the_rest_goes_on(store, capsys, monkeypatch):
    stuck, other = fail(store, seed=1), fail(store, seed=2)
    remove = prune.remove

    def refuse(path):
        if path.name == stuck:
            raise PermissionError(13, "Permission denied", str(path))
        remove(path)

    monkeypatch.setattr(prune, "remove", refuse)
    assert run(store, "prune", "--delete", "failed") == 1
    out, err = capsys.readouterr()
    assert out.startswith("failed: 1 deleted, ")
    assert err == f"{store.folder(stuck)}: cannot be deleted: Permission denied.\n"
    assert store.trial_ids() == [stuck]
    assert other not in store.trial_ids()


def test_trials_that_cannot_be_claimed_are_not_deleted(store, capsys):
    trial_id = fail(store)
    (store.root / "claims").write_text("a file")
    assert run(store, "prune", "--delete", "failed") == 1
    assert "trials cannot be claimed there: " in capsys.readouterr().err
    assert store.trial_ids() == [trial_id]


def test_the_states_are_those_that_a_run_sees(store):
    """`why` takes its states from plan.look_up: a begun trial is missing there."""
    trial_id = begin(store, 1)
    trial = model.Trial("cell", {}, 0, Recipe())
    (item,) = plan.look_up([trial], {Recipe().data: TILES}, store, Leases(store))
    assert (item.trial_id, item.status) == (trial_id, "missing")
