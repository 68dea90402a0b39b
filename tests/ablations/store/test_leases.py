import json
import os
import signal
import subprocess
import sys
import time

import pytest

from ablations.store.leases import STALE, Leases
from ablations.store.trials import Store

ID, B, C = "0" * 16, "b" * 16, "c" * 16


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    store.prepare()
    return store


@pytest.fixture
def elsewhere(store):
    """A claim on ID by a run on another host."""
    (store.root / "claims").mkdir()
    (store.root / "runs").mkdir()
    record = store.root / "runs" / "abc.json"
    record.write_text(json.dumps({"run": "abc", "pid": 1, "host": "elsewhere", "command": "x"}))
    os.link(record, store.root / "claims" / ID)
    return record


def ago(path, seconds):
    past = time.time() - seconds
    os.utime(path, (past, past))


def test_a_trial_claimed_by_a_live_run_is_left_to_it(store):
    one, other = Leases(store, "the command"), Leases(store)
    with one.alive(), other.alive():
        assert one.claim([ID, B]) == {ID, B}
        assert other.claim([ID, B, C]) == {C}
        assert Leases(store).running(ID)["command"] == "the command"
        one.release([ID])
        assert Leases(store).running(ID) is None
        assert other.claim([ID]) == {ID, C}


def test_at_the_end_nothing_of_a_run_remains(store):
    leases = Leases(store)
    with leases.alive():
        leases.claim([ID])
    assert not list((store.root / "claims").iterdir())
    assert not list((store.root / "runs").glob("*.json"))


def test_a_killed_run_is_dead_at_once(store):
    code = (
        "import sys, time; from pathlib import Path; from ablations.store.trials import Store; "
        "from ablations.store.leases import Leases; claims = Leases(Store(Path(sys.argv[1])))\n"
        f"with claims.alive(): claims.claim(['{ID}']); print('claimed', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(store.root)], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert Leases(store).running(ID)["pid"] == process.pid
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (store.root / "claims" / ID).exists()
    assert Leases(store).running(ID) is None
    leases = Leases(store)
    with leases.alive():
        assert leases.claim([ID]) == {ID}
        assert len(list((store.root / "runs").glob("*.json"))) == 1


def test_a_run_on_another_host_is_dead_when_it_gave_no_sign_of_life(store, elsewhere):
    leases = Leases(store)
    with leases.alive():
        assert leases.claim([ID]) == set()
        ago(elsewhere, STALE + 1)
        assert leases.claim([ID]) == {ID}


@pytest.mark.parametrize("content", [b"", b"garbage", b"[1]", b'{"run": 3}'])
def test_a_damaged_record_counts_as_alive_until_it_is_stale(store, elsewhere, content):
    elsewhere.write_bytes(content)
    leases = Leases(store)
    with leases.alive():
        assert leases.claim([ID]) == set()
        ago(elsewhere, STALE + 1)
        assert leases.claim([ID]) == {ID}


def test_a_claim_cannot_name_a_file_elsewhere(store, elsewhere):
    (store.root / "secret.json").write_text("{}")
    elsewhere.write_text(json.dumps({"run": "../secret", "pid": 1, "host": "elsewhere"}))
    ago(elsewhere, STALE + 1)
    assert Leases(store).running(ID) is None


def test_one_sign_of_life_keeps_all_claims_alive(store, monkeypatch):
    monkeypatch.setattr("ablations.store.leases.HEARTBEAT", 0.01)
    leases = Leases(store)
    with leases.alive():
        leases.claim([ID, B])
        (record,) = (store.root / "runs").glob("*.json")
        os.utime(record, (0, 0))
        until = time.monotonic() + 5
        while record.stat().st_mtime == 0 and time.monotonic() < until:
            time.sleep(0.01)
        assert all((store.root / "claims" / one).stat().st_mtime > 0 for one in (ID, B))


def test_without_hard_links_a_claim_is_a_copy(store, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    one, other = Leases(store), Leases(store)
    with one.alive(), other.alive():
        assert one.claim([ID]) == {ID}
        assert other.claim([ID]) == set()
    assert not list((store.root / "claims").iterdir())


def test_of_many_runs_that_find_a_dead_one_exactly_one_gets_each_trial(store, elsewhere):
    names = [f"{i:016x}" for i in range(50)]
    for name in names[1:]:
        os.link(elsewhere, store.root / "claims" / name)
    ago(elsewhere, STALE + 1)
    code = (
        "import sys, time; from pathlib import Path; from ablations.store.trials import Store; "
        "from ablations.store.leases import Leases; claims = Leases(Store(Path(sys.argv[1])))\n"
        "with claims.alive():\n  print(*claims.claim([f'{i:016x}' for i in range(50)]), flush=True); input()"
    )
    command = [sys.executable, "-c", code, str(store.root)]
    runs = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    got = [run.stdout.readline().split() for run in runs]
    for run in runs:
        run.communicate("\n")
    assert sorted(name for mine in got for name in mine) == names
