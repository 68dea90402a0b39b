"""A results folder that an earlier layout of the code wrote: whatever is moved or renamed, it is found again.

Whoever raises RECIPE_VERSION records it anew: the command below into an empty folder, then its results/ but the cache.
"""

import tarfile
from pathlib import Path

import pytest

from ablations import run
from ablations.sweep import engines

WRITTEN = Path(__file__).parent / "written_before.tar.xz"
SMALL = ("data.limit=60", "data.test_limit=20", "schedule.batch_size=20", "probes.knn.k=5", "probes.geometry.pairs=10")


@pytest.fixture
def results(tmp_path):
    with tarfile.open(WRITTEN) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "results"


def test_trials_stored_before_are_done_and_give_the_same_table(results, monkeypatch):
    table = results / "flip" / "smoke.csv"
    before = table.read_bytes()
    assert before.count(b",done,") == 3
    monkeypatch.setattr(engines, "run", lambda *_: pytest.fail("a stored trial was not found"))
    changes = [word for change in SMALL for word in ("--set", change)]
    options = ["--scale", "smoke", "--engine", "inline", "--seeds", "1", "--out", str(results.parent), "--quiet"]
    assert run.main(["flip", *options, *changes]) == 0
    assert table.read_bytes() == before
