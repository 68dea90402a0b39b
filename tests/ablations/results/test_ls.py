import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from builders.trials import PROVENANCE, begin, damage, fail, finish, run

from ablations import results
from ablations.store.leases import Leases


def test_a_line_per_trial_in_every_state(store, said):
    done, failed, begun, damaged = (
        finish(store, seed=1),
        fail(store, seed=2),
        begin(store, 3, seed=3),
        damage(store, seed=4),
    )
    busy = begin(store, 1, seed=5)
    leases = Leases(store, "run heads")
    with leases.alive():
        leases.claim([busy])
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


def test_a_closed_stdout_is_silent(store):
    command = f"{sys.executable} -m ablations.results ls --out {store.root.parent} >&-"
    ended = subprocess.run(["bash", "-c", command], stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here is always full")
def test_a_full_disk_is_said_in_a_sentence(store):
    finish(store)
    command = [sys.executable, "-m", "ablations.results", "ls", "--out", str(store.root.parent)]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (2, "Standard output cannot be written: No space left on device.\n")


def test_ctrl_c_is_130(store, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(results, "all_trials", interrupted)
    assert run(store, "ls") == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_it_starts_without_torch():
    code = (
        "import sys, ablations.results; sys.exit(any(name in sys.modules for name in ('torch', 'ray', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
