import os
import subprocess
import sys
import time

import pytest

from benchmarks import kills


@pytest.fixture
def marked(tmp_path):
    """A process that bears our mark, and one that does not."""
    line = [sys.executable, "-c", "import time; time.sleep(60)"]
    ours = subprocess.Popen(line, env={**os.environ, "TMPDIR": str(tmp_path)})
    other = subprocess.Popen(line, env={**os.environ, "TMPDIR": f"{tmp_path}-not"})
    yield ours, other
    for process in (ours, other):
        process.kill()
        process.wait()


def test_only_processes_with_the_mark_are_found_and_killed(tmp_path, marked):
    ours, other = marked
    assert [process.pid for process in kills.processes(tmp_path)] == [ours.pid]
    kills.kill_all(tmp_path)
    assert ours.wait(5) == -9
    assert other.poll() is None


@pytest.mark.parametrize(
    ("command", "role"),
    [
        ("/x/ray/core/src/ray/raylet/raylet --raylet_socket_name=/x/ablations-1/raylet", "raylet"),
        ("/x/ray/core/src/ray/gcs/gcs_server --log_dir=/x", "gcs_server"),
        ("ray::ImplicitFunc.train", "worker"),
        ("/x/python /x/ray/_private/workers/default_worker.py --node-ip-address=1.2.3.4", "worker"),
        ("ray::IDLE", ""),
        ("ray::DashboardAgent", ""),
        ("/x/python -u /x/ray/_private/log_monitor.py", ""),
    ],
)
def test_victims_are_known_by_their_command_lines(command, role):
    assert kills.Process(1, "0", command).role == role


def test_a_seed_gives_the_same_plan_and_every_role_comes_first_now_and_then():
    plans = [[kills.Plan.drawn(random, 10.0) for _ in range(100)] for random in (kills.Random(1), kills.Random(1))]
    assert plans[0] == plans[1]
    assert {plan.order[0] for plan in plans[0]} == set(kills.WEIGHTS)
    assert all(0 <= plan.moment <= 10 for plan in plans[0])


def test_a_result_that_changes_or_goes_away_is_noticed(tmp_path):
    def put(name, text):
        path = tmp_path / "results" / "trials" / name / "result.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    ledger = kills.Ledger(tmp_path)
    paths = [put(name, "{}") for name in ("kept", "rewritten", "touched", "deleted")]
    ledger.look()
    put("rewritten", "[]")
    os.utime(paths[2], (time.time() + 9, time.time() + 9))
    paths[3].unlink()
    put("new", "{}")
    ledger.look()
    assert ledger.seen.keys() == {"kept", "rewritten", "touched", "deleted", "new"}
    assert (ledger.changed, ledger.gone) == ({"rewritten", "touched"}, {"deleted"})


@pytest.mark.slow
def test_what_was_finished_survives_every_kill(tmp_path):
    """Eight kills; `python -m benchmarks.kills` does two hundred."""
    report = kills.torment(8, 0, tmp_path)
    assert report.kills.total() == 8
    assert report.trials == 25
    assert (report.lost, report.repeated, report.different, report.tables_different) == (0, 0, 0, 0)
    assert report.sound
