import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
import tiny

from ablations import plan, prune, results, stored, study
from ablations.claims import Claims
from ablations.store import SCHEMA_VERSION, Store, remove
from simclr_core.config import RECIPE_VERSION, Recipe

CLASSES = np.array([0, 1, 1, 0], np.int16)
TILES = "embedded-tiles-v1"
PROVENANCE = {"seconds": 12.5, "finished": "2026-01-02T03:04:05+00:00"}
FILES = ("recipe.json", "epochs.jsonl", "predictions.npy", "labels.npy", "outcomes.npz", "result.json")


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "results")
    store.prepare()
    return store


def begin(store, epochs=0, fingerprint=TILES, **fields):
    """A trial that was begun, by its name."""
    recipe = Recipe.parse(fields)
    trial_id = recipe.trial_id(fingerprint)
    store.begin(trial_id, recipe, (fingerprint,))
    for epoch in range(1, epochs + 1):
        store.epoch(trial_id, {"epoch": epoch, "loss": 5 / epoch, "seconds": 0.5})
    return trial_id


def finish(store, top1=50.0, **fields):
    trial_id = begin(store, 2, **fields)
    store.finish(trial_id, {"top1": top1, "n_test": 4}, CLASSES, CLASSES, {"knn_top1": CLASSES}, PROVENANCE)
    return trial_id


def fail(store, cause="numbers", **fields):
    trial_id = begin(store, 2, **fields)
    store.fail(trial_id, "the loss is not finite", cause, "Traceback\n  here", epoch=2)
    return trial_id


def damage(store, **fields):
    trial_id = finish(store, **fields)
    (store.folder(trial_id) / "labels.npy").write_bytes(b"garbage")
    return trial_id


def edit(path, **fields):
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def run(store, *argv):
    return results.main([*argv, "--out", str(store.root.parent)])


@pytest.fixture
def said(capsys, store):
    """The lines on stdout of a command that ends well."""

    def said(*argv):
        assert run(store, *argv) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out.splitlines()

    return said


@pytest.fixture
def refused(capsys, store):
    """The one sentence on stderr of a command that is bad input."""

    def refused(*argv):
        assert run(store, *argv) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        return err.rstrip()

    return refused


# --- ls ---------------------------------------------------------------------------------------------------------------


def test_a_line_per_trial_in_every_state(store, said):
    done, failed, begun, damaged = (
        finish(store, seed=1),
        fail(store, seed=2),
        begin(store, 3, seed=3),
        damage(store, seed=4),
    )
    busy = begin(store, 1, seed=5)
    claims = Claims(store, "run heads")
    with claims.alive():
        claims.claim([busy])
        head, *lines = said("ls")
    assert head.split() == [
        "id",
        "state",
        "top-1",
        "data",
        "encoder",
        "epochs",
        "seed",
        "seconds",
        "size",
        "finished",
        "UTC",
        "differs",
    ]
    rows = {line.split()[0]: line.split()[1:7] for line in lines[:5]}
    assert rows == {
        done: ["done", "50.00", "embedded", "small", "10", "1"],
        failed: ["failed", "-", "embedded", "small", "2/10", "2"],
        begun: ["begun", "-", "embedded", "small", "3/10", "3"],
        damaged: ["damaged", "-", "embedded", "small", "2/10", "4"],
        busy: ["running", "-", "embedded", "small", "1/10", "5"],
    }
    assert lines[5].startswith("5 trials: 1 done, 1 running, 1 begun, 1 failed, 1 damaged; ")
    assert "12.5 " in next(line for line in lines if line.startswith(done))
    assert "2026-01-02T03:04 " in next(line for line in lines if line.startswith(done))


def test_what_distinguishes_a_trial(store, said):
    first = finish(store, views={"right": ["crop", "blur"]}, loss={"temperature": 0.1})
    others = [finish(store, views={"right": ["crop"]}, loss={"temperature": 0.1}), finish(store, optimizer={"lr": 0.3})]
    lines = {line.split()[0]: line.split("03:04  ")[-1] for line in said("ls")[1:]}
    assert lines[first] == "views.right=[crop, blur]"
    assert lines[others[0]] == "views.right=[crop]"
    assert lines[others[1]] == "views.right=[crop, color] loss.temperature=0.5 optimizer.lr=0.3"
    assert lines["otherwise:"] == "otherwise: loss.temperature=0.1 optimizer.lr=0.001"


def test_the_same_source_with_other_images_is_told_apart(store, said):
    one, other = (finish(store, data={"source": "folder:/x"}, fingerprint=f"folder-{c * 16}") for c in "ab")
    lines = {line.split()[0]: line for line in said("ls")}
    assert lines[one].endswith("images=folder-aaaaaaaa…")
    assert lines[other].endswith("images=folder-bbbbbbbb…")


def test_machines_get_an_object_per_trial(store, said):
    trial_id = finish(store, seed=7)
    failed = fail(store, optimizer={"lr": 0.3})
    records = {record["id"]: record for record in map(json.loads, said("ls", "--json"))}
    size = sum(path.stat().st_size for path in store.folder(trial_id).iterdir())
    assert records[trial_id] == {
        **{"id": trial_id, "state": "done", "why": "", "top1": 50.0, "data": "embedded", "encoder": "small"},
        **{"epochs": 10, "epochs_done": 10, "seed": 7, "differs": {"optimizer.lr": 0.001}, "seconds": 12.5},
        **{"size": size, "finished": PROVENANCE["finished"]},
    }
    assert (records[failed]["why"], records[failed]["differs"]) == ("the loss is not finite", {"optimizer.lr": 0.3})


def test_the_last_one_written_comes_last_and_sizes_are_summed(store, said):
    old, new = finish(store, seed=1), finish(store, seed=2)
    for trial_id, when in ((old, 2000), (new, 1000)):
        for path in (*store.folder(trial_id).iterdir(), store.folder(trial_id)):
            os.utime(path, (when, when))
    (store.root / "cache").mkdir()
    (store.root / "cache" / "x.npy").write_bytes(bytes(1500))
    lines = said("ls")
    assert [line.split()[0] for line in lines[1:3]] == [new, old]
    assert lines[-1] == "cache: 1.5 kB"


def test_an_empty_store_and_none(said, refused, tmp_path):
    assert said("ls") == ["0 trials; 0 B"]
    (tmp_path / "results" / "trials").rmdir()
    assert said("ls") == ["0 trials; 0 B"]
    (tmp_path / "results").rmdir()
    assert refused("ls") == f"{tmp_path}/results: no such folder; --out DIR says where results/ is."


def test_a_closed_pipe_is_silent(store):
    for seed in range(3):
        finish(store, seed=seed)
    command = (
        f"{sys.executable} -m ablations.results ls --json --out {store.root.parent} | true; exit ${{PIPESTATUS[0]}}"
    )
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_ctrl_c_is_130(store, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(results, "every", interrupted)
    assert run(store, "ls") == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_it_starts_without_torch():
    code = (
        "import sys, ablations.results; sys.exit(any(name in sys.modules for name in ('torch', 'ray', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- show -------------------------------------------------------------------------------------------------------------


def test_all_of_a_done_trial(store, said):
    trial_id = finish(store, optimizer={"lr": 0.3})
    store.log(trial_id).write_text("".join(f"line {i}\n" for i in range(50)))
    text = "\n".join(said("show", trial_id[:6].upper()))
    assert text.startswith(f"{trial_id}: done\n\nDiffers from the defaults:\n  optimizer.lr: 0.3 (default 0.001)\n")
    assert "Metrics:\n  n_test  4\n  top1    50.0\n" in text
    assert "  seconds   12.5\n" in text
    assert "Epochs:\n  epoch  loss  seconds\n  1      5     0.5\n  2      2.5   0.5\n" in text
    assert "  line 49\n" in text
    assert "  line 30\n" in text
    assert "  line 29\n" not in text
    assert "  labels.npy       136 B\n" in text
    assert "\nRecipe:\n" in text
    assert "\n  optimizer:\n    lr: 0.3\n" in text


def test_all_of_a_failed_trial(store, said):
    trial_id = fail(store)
    text = "\n".join(said("show", trial_id))
    assert text.startswith(f"{trial_id}: failed: the loss is not finite\n")
    assert "Error:\n  the loss is not finite (cause: numbers, after epoch 2)\n  Traceback\n    here\n" in text


def test_many_epochs_are_the_first_and_the_last(store, said):
    lines = said("show", begin(store, 30))
    table = lines[lines.index("Epochs:") + 2 :][:9]
    assert [line.split()[0] for line in table] == ["1", "2", "3", "4", "...", "27", "28", "29", "30"]


def test_names_that_are_none(store, refused, monkeypatch):
    ids = ["00aa000000000000", "00ab000000000000", "ff00000000000000"]
    for trial_id in ids:
        store.folder(trial_id).mkdir()
    assert refused("show", "00a") == f"ID 00a: 2 trials begin like that: {ids[0]}, {ids[1]}."
    assert refused("show", "fe") == f"ID fe: no trial begins like that; nearest: {ids[2]}, {ids[0]}, {ids[1]}."
    monkeypatch.setattr(store.__class__, "folder", None)  # nothing below reaches the file system
    for name in ("../x", "", "0" * 17, "00*", "x", "00aa\x1b[31m", "００"):
        assert "is 1 to 16 of the digits 0-9 and a-f" in refused("show", name)


def test_an_id_when_nothing_is_stored(refused):
    assert refused("show", "ab") == "ID ab: no trial begins like that; none is stored."


# --- damage and hostile content ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*FILES, "error.json", "log.txt", "checkpoint.pt"])
@pytest.mark.parametrize("how", ["absent", "empty", "garbage", "half", "folder", "list", "deep", "link"])
def test_damage_of_any_file_is_no_traceback(store, said, name, how):
    trial_id = fail(store) if name == "error.json" else finish(store)
    path = store.folder(trial_id) / name
    content = path.read_bytes() if path.exists() else b"text"
    path.unlink(missing_ok=True)
    if how == "folder":
        path.mkdir()
    elif how == "link":
        path.symlink_to(path)
    elif how != "absent":
        deep = b'{"a":' + b"[" * 900 + b"]" * 900 + b"}"
        path.write_bytes(
            {"empty": b"", "garbage": b"\xff\x00{", "half": content[:-9], "list": b"[1]", "deep": deep}[how]
        )
    whole = name in ("log.txt", "checkpoint.pt")
    (line,) = [line for line in said("ls") if line.startswith(trial_id)]
    assert (line.split()[1] == "done") == whole
    assert said("show", trial_id)[0].startswith(f"{trial_id}: {line.split()[1]}")
    assert said("ls", "--json")
    assert said("prune")


def test_a_file_where_a_folder_should_be(store, said):
    store.folder("0" * 16).write_text("x")
    assert said("ls")[1].split()[:2] == ["0" * 16, "damaged"]
    assert said("show", "0")[0] == f"{'0' * 16}: damaged: result.json cannot be read: Not a directory"
    assert said("prune", "--delete", "damaged")[0].startswith("damaged: 1 deleted")
    assert not store.folder("0" * 16).exists()


def test_a_trial_deleted_while_it_is_read(store, said, monkeypatch):
    finish(store)
    monkeypatch.setattr(Store, "trial_ids", lambda _: ["ab" * 8])
    assert said("ls") == ["0 trials; 0 B"]


@pytest.mark.parametrize(
    "value", ["\x1b[2J\x9bevil\r\n\u202e", "x" * 10**6, {"a": {"b": 1}}, [[[]]], None, float("nan"), 10**400, "\ud800"]
)
def test_hostile_fields_cannot_break_the_terminal(store, said, value):
    trial_id = begin(store, 1)
    begin(store, seed=1)
    path = store.folder(trial_id) / "recipe.json"
    fields = json.loads(path.read_text())
    fields["recipe"] |= {
        "seed": value,
        "encoder": {"name": value},
        "\x1b[31m": value,
        "data": {"source": value, "size": value},
    }
    edit(path, recipe=fields["recipe"], fingerprints=[value], recipe_version=value)
    store.epoch(trial_id, {"epoch": value, "\x1b": value, "loss": value})
    store.log(trial_id).write_bytes(b"\x1b[31mred\r\x07\xff\n")
    for argv in (["ls"], ["ls", "--json"], ["show", trial_id], ["prune"]):
        lines = said(*argv)
        assert all(line.isprintable() for line in lines)
        assert max(map(len, lines)) < 5000


# --- why --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def tiny_why(tmp_path, said):
    files = tiny.write(tmp_path)[:3]
    return lambda *more: said("why", *files, *more)


def wanted(tmp_path):
    asked, scale = study.load_study(tmp_path / "study.yaml"), study.load_scale(tmp_path / "scale.yaml")
    return {trial.label: trial.recipe for trial in study.expand(asked, scale)}


def store_it(store, recipe, **changes):
    recipe = recipe.model_copy(update=changes)
    return finish(store, **recipe.model_dump(mode="json"))


def test_why_cells_are_missing(store, tiny_why, tmp_path):
    recipes = list(wanted(tmp_path).values()) if tiny_why else []
    assert tiny_why() == [
        "0 of 5 trials done.",
        "5 never trained, and no other trial is done.",
        "  untrained seed=0, first=crop second=crop seed=0, first=crop second=color seed=0, "
        "first=color second=crop seed=0, first=color second=color seed=0",
    ]
    for recipe in recipes:
        store_it(store, recipe)
    assert tiny_why() == ["5 of 5 trials done; nothing is missing."]
    lines = tiny_why("--set", "optimizer.lr=0.3")
    assert [line.partition("trial ")[0] + line.partition(": ")[2] for line in lines[:2]] == [
        "0 of 5 trials done.",
        "5 never trained; nearest stored optimizer.lr is 0.3, stored trials have 0.001.",
    ]
    assert "seed is 1, stored trials have 0." in "\n".join(tiny_why("--seeds", "2"))


def test_why_in_every_other_state(store, tiny_why, tmp_path):
    untrained, *cells = wanted(tmp_path).values()
    fields = [cell.model_dump(mode="json") for cell in cells]
    store_it(store, untrained)
    fail(store, **fields[0])
    damage(store, **fields[1])
    begun, busy = begin(store, 3, **fields[2]), begin(store, **fields[3])
    store.checkpoint(begun).write_bytes(b"state")
    claims = Claims(store, "ablations.run tiny")
    with claims.alive():
        claims.claim([busy])
        lines = tiny_why()
        host = json.loads((store.root / "claims" / busy).read_text())["host"].partition("/")[0]
    assert lines[0] == "1 of 5 trials done."
    assert set(lines[1::2]) == {
        "1 failed after epoch 2 (numbers): the loss is not finite; only --retry tries it again.",
        "1 damaged: labels.npy is not as it was written; will be set aside and trained again.",
        "1 begun and stopped after epoch 3; continues from its checkpoint.",
        f"1 running elsewhere: process {os.getpid()} on {host} (ablations.run tiny).",
    }


def test_why_with_an_older_trainers_trials(store, tiny_why, tmp_path, monkeypatch):
    recipes = wanted(tmp_path).values()
    monkeypatch.setattr("ablations.store.RECIPE_VERSION", RECIPE_VERSION - 1)
    monkeypatch.setattr("simclr_core.config.RECIPE_VERSION", RECIPE_VERSION - 1)
    for recipe in recipes:
        store_it(store, recipe)
    monkeypatch.undo()
    assert tiny_why()[1].endswith(f": made by recipe version {RECIPE_VERSION - 1}, now {RECIPE_VERSION}.")


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["why", "no_such_study"], "Unknown study 'no_such_study'"),
        (["why", "heads", "--set", "x"], "--set x: write path=value"),
        (["why", "heads", "--seeds", "0"], "--seeds: at least 1 seed"),
        (["why", "heads", "--seeds", "x"], "argument --seeds: invalid int value"),
        (["prune", "--delete", "done"], "argument --delete: invalid choice: 'done'"),
        (["nothing"], "argument COMMAND: invalid choice: 'nothing'"),
    ],
)
def test_bad_input_is_one_sentence(refused, argv, complaint):
    assert refused(*argv).startswith(complaint)


# --- prune ------------------------------------------------------------------------------------------------------------


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
    size = sum(stored.measure(path)[0] for path in found[kind])
    (line,) = said("prune", "--delete", kind)
    gone = {path for paths in found.values() for path in paths if not path.exists()}
    dead = set(found["leftovers"][:2])  # the record and the claim of a dead run: every run removes those
    assert gone - dead == set(found[kind]) - dead | ({found["leftovers"][3]} if kind == "cache" else set())
    assert kind != "leftovers" or dead <= gone
    n = len(found[kind]) + (kind == "cache")
    assert line == f"{kind}: {n} deleted, {stored.amount(size + 10 * (kind == 'cache'))} freed"


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
    claims = Claims(store, "run heads")
    with claims.alive():
        claims.claim(mine)
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
    trial_id, look, other = begin(store, 1), prune.prunable, Claims(store)

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
    trial = study.Trial("cell", {}, 0, Recipe())
    (item,) = plan.look_up([trial], {Recipe().data: TILES}, store, Claims(store))
    assert (item.trial_id, item.status) == (trial_id, "missing")
