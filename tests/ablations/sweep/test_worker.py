import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from builders import tiny

from ablations.studies.expand import expand
from ablations.studies.load import load_scale, load_study
from ablations.sweep import worker
from simclr_core import trial
from simclr_core.checkpoint import Unfit
from simclr_core.errors import BadInput
from simclr_core.health import TrialFailed


@pytest.fixture
def cell(tmp_path):
    tiny.write(tmp_path)
    one = expand(load_study(tmp_path / "study.yaml"), load_scale(tmp_path / "scale.yaml"))[-1]
    (tmp_path / "trial").mkdir()
    return {
        "trial_id": "0" * 16,
        "recipe": one.recipe.model_dump(mode="json"),
        "cache": str(tmp_path / "cache"),
        "log": str(tmp_path / "trial" / "log.txt"),
        "device": "cpu",
        "checkpoint": str(tmp_path / "trial" / "checkpoint.pt"),
        "checkpoint_every": 1,
        "hangs_after": None,
        "commit": "abc",
    }


def log(cell):
    return Path(cell["log"]).read_text(encoding="utf-8")


def test_a_trial_is_a_row_per_epoch_and_an_end(cell):
    epoch, done = worker.work(cell)
    assert (epoch["kind"], epoch["row"]["epoch"], done["kind"]) == ("epoch", 1, "done")
    assert done["provenance"]["commit"] == "abc"
    assert done["provenance"]["peak_bytes"] > 10**8
    said = log(cell).splitlines()
    assert said[0].startswith(worker.STARTED)
    assert said[1].startswith("epoch 1: loss ")
    assert said[2] == "done"


def test_what_a_trial_prints_is_in_its_log_and_nowhere_else(cell, monkeypatch, capfd):
    def noisy(*_):
        print("printed")
        print("to stderr", file=sys.stderr)
        raise BadInput("enough")
        yield

    monkeypatch.setattr(trial, "run", noisy)
    (message,) = worker.work(cell)
    assert message["error"] == "enough"
    assert capfd.readouterr() == ("", "")
    assert all(words in log(cell) for words in ("printed", "to stderr", "enough"))


@pytest.mark.parametrize(
    ("error", "cause", "said"),
    [
        (TrialFailed("the loss is not finite"), "numbers", "the loss is not finite"),
        (Unfit("did not fit"), "checkpoint", "did not fit"),
        (BadInput("too few images"), "input", "too few images"),
        (MemoryError(), "memory", "MemoryError: "),
        (torch.OutOfMemoryError("CUDA out of memory"), "memory", "OutOfMemoryError: CUDA out of memory"),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory: you ..."),
            "memory",
            "RuntimeError: [enforce",
        ),
        (RuntimeError("no luck"), "error", "RuntimeError: no luck"),
    ],
)
def test_every_end_has_its_cause(cell, monkeypatch, error, cause, said):
    def broken(*_):
        raise error
        yield

    monkeypatch.setattr(trial, "run", broken)
    (message,) = worker.work(cell)
    assert (message["kind"], message["cause"]) == ("failed", cause)
    assert message["error"].startswith(said)
    assert ("Traceback" in message["details"]) is (cause != "input")
    assert message["error"].splitlines()[0][:11] in log(cell)


def test_the_allocator_of_this_torch_is_understood(cell, monkeypatch):
    def greedy(*_):
        yield torch.empty(10**15)

    monkeypatch.setattr(trial, "run", greedy)
    (message,) = worker.work(cell)
    assert message["cause"] == "memory"


def test_a_node_that_does_not_share_the_store_says_so(cell):
    (message,) = worker.work({**cell, "log": "/nowhere/log.txt"})
    assert "does not see /nowhere" in message["error"]


def test_a_log_that_cannot_be_written_costs_no_trial(cell, monkeypatch):
    class Full(worker._Log):
        def __init__(self, path):
            super().__init__(path)

            class File:
                def write(self, _):
                    raise OSError(errno.ENOSPC, "No space left on device")

                def close(self):
                    raise OSError(errno.ENOSPC, "No space left on device")

            self._file = File()

    monkeypatch.setattr(worker, "_Log", Full)
    assert [message["kind"] for message in worker.work(cell)] == ["epoch", "done"]


def test_a_trial_that_gives_no_sign_of_life_ends_its_process_with_its_stack(cell):
    code = (
        "import json, sys, time; from ablations.sweep import worker; from simclr_core import trial\n"
        "def hang(*_):\n  time.sleep(600)\n  yield\n"
        "trial.run = hang; list(worker.work(json.loads(sys.argv[1])))"
    )
    argv = [sys.executable, "-c", code, json.dumps({**cell, "hangs_after": 0.5})]
    assert subprocess.run(argv, timeout=120, check=False).returncode == 1
    assert "most recent call first" in log(cell)
    assert worker.hung(Path(cell["log"]))
