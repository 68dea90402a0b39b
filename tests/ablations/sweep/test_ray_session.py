"""A cluster of two nodes on this computer, and what can be said without one."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from builders import tiny

from ablations import run
from ablations.console.arguments import Exit
from ablations.store.trials import Store
from ablations.sweep import ray_session
from simclr_core.errors import BadInput

TWO_NODES = Path(__file__).parents[2] / "builders" / "two_nodes.py"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--address", "auto", "--engine", "inline"], "leave one of the two out"),
        (["--address", "ray://head:10001"], "allowed are auto and HOST:PORT"),
        (["--address", "head"], "allowed are auto and HOST:PORT"),
    ],
)
def test_an_address_that_cannot_be_is_one_sentence(tmp_path, capsys, options, said):
    assert run.main([*tiny.write(tmp_path), *options]) == Exit.BAD_INPUT
    assert said in capsys.readouterr().err


def test_the_leftovers_of_killed_runs_are_swept_away_and_those_of_live_ones_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path) if len(str(tmp_path)) <= 30 else None)
    with ray_session._short_folder() as live:
        dead = Path(tempfile.mkdtemp(prefix="ablations-", dir=live.parent))
        (dead / "lock").touch()
        (dead / "ray").mkdir()
        fresh = Path(tempfile.mkdtemp(prefix="ablations-", dir=live.parent))  # its run has not locked it yet
        with ray_session._short_folder() as other:
            assert not dead.exists()
            assert live.exists()
            assert fresh.exists()
        assert not other.exists()
    assert not live.exists()
    fresh.rmdir()


class Broken(Exception):
    pass


def test_a_session_started_ahead_is_the_first_rounds_and_every_later_round_has_its_own(monkeypatch):
    told = []

    @contextmanager
    def connected(address, here):
        session = len(told)
        told.append(("open", session, address, here))
        try:
            yield session
        finally:
            told.append(("closed", session))

    monkeypatch.setattr(ray_session, "connected", connected)
    sessions = ray_session.Sessions("auto", "here")
    sessions.start()
    with sessions.session() as first:
        assert told == [("open", 0, "auto", "here")]
    assert told[1:] == [("closed", first)]
    with pytest.raises(Broken), sessions.session() as second:
        raise Broken
    assert told[2:] == [("open", second, "auto", "here"), ("closed", second)]
    sessions.start()
    sessions.close()
    assert told[-1] == ("closed", 4)
    before = len(told)
    sessions.close()
    assert len(told) == before


def test_a_nodes_answer_is_what_it_sees(tmp_path):
    question = tmp_path / ".question"
    assert "No such file" in ray_session._answer(str(question), "node")
    question.write_text("token")
    assert ray_session._answer(str(question), "node") == "token"
    assert (tmp_path / ".question.node").is_file()


def test_a_node_that_does_not_share_the_store_is_named(tmp_path):
    store = Store(tmp_path)
    store.prepare()
    nodes = [
        {"NodeID": "a" * 56, "NodeManagerAddress": "10.0.0.1"},
        {"NodeID": "b" * 56, "NodeManagerAddress": "10.0.0.2"},
    ]

    class Ray:
        """A cluster of which the nodes `sharing` see the files of this computer."""

        def __init__(self, *sharing):
            self.sharing = sharing

        def remote(self, answer):
            self.answer = answer
            call = SimpleNamespace(
                remote=lambda asked, node: self.answer(asked if node in self.sharing else "/x/y", node)
            )
            return SimpleNamespace(options=lambda **_: call)

        def get(self, said, timeout):
            return said if timeout else None

    ray_session._check_shared(Ray("a" * 56, "b" * 56), nodes, store)
    with pytest.raises(BadInput, match=r"Node 10\.0\.0\.2 does not share "):
        ray_session._check_shared(Ray("a" * 56), nodes, store)
    assert not list(store.trials.iterdir())


@pytest.fixture
def two_nodes(monkeypatch):
    """A running cluster: its process, and its address."""
    folder = Path(tempfile.mkdtemp(prefix="abl2-", dir="/tmp"))
    monkeypatch.setenv("RAY_TMPDIR", str(folder))
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
    with subprocess.Popen(
        [sys.executable, str(TWO_NODES)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        address = process.stdout.readline().strip()
        assert address
        yield process, address
        process.stdin.close()
        process.wait(60)
    shutil.rmtree(folder, ignore_errors=True)


STUDY = tiny.STUDY.replace("[crop, color]", "[crop, color, blur]").replace(
    "recipe:", "recipe:\n  schedule: {epochs: 12, batch_size: 20}"
)


@pytest.mark.slow
def test_a_node_lost_in_mid_sweep_costs_no_trial_and_no_number(tmp_path, two_nodes):
    process, address = two_nodes
    whole, lost = tmp_path / "whole", tmp_path / "lost"
    for folder in (whole, lost):
        folder.mkdir()
    assert run.main([*tiny.write(whole, STUDY), "--engine", "inline", "--quiet"]) == Exit.DONE
    scale = tiny.SCALE + "checkpoint_every: 1\n"
    command = [sys.executable, "-m", "ablations.run", *tiny.write(lost, STUDY, scale), "--address", address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as sweep:
        until = time.monotonic() + 240
        while len(done := results(lost)) < 2:
            assert sweep.poll() is None, sweep.communicate()
            assert time.monotonic() < until
            time.sleep(0.05)
        process.stdin.write("kill\n")
        process.stdin.flush()
        assert process.stdout.readline() == "killed\n"
        _, err = sweep.communicate(timeout=400)
    assert sweep.returncode == Exit.DONE, err
    assert "10 trials to train, 2 at a time" in err
    now = results(lost)
    assert len(now) == 10
    assert {name: now[name] for name in done} == done
    assert (lost / "results/tiny/tiny.csv").read_bytes() == (whole / "results/tiny/tiny.csv").read_bytes()


@pytest.mark.slow
def test_no_cluster_and_a_wrong_token_are_one_sentence_each(tmp_path, two_nodes):
    _, address = two_nodes
    refused = [sys.executable, "-m", "ablations.run", *tiny.write(tmp_path), "--address"]
    for where, token in (("127.0.0.1:1", None), (address, secrets.token_hex(32))):
        env = {**os.environ, **({"RAY_AUTH_TOKEN": token} if token else {})}
        ended = subprocess.run([*refused, where], capture_output=True, text=True, timeout=200, env=env, check=False)
        assert ended.returncode == Exit.BAD_INPUT, ended
        assert "no Ray cluster could be joined there" in ended.stderr
        assert "Traceback" not in ended.stderr


def results(folder: Path) -> dict[str, tuple[int, bytes]]:
    found = (folder / "results" / "trials").glob("*/result.json")
    return {path.parent.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in found}
