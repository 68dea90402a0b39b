"""The command line from end to end: two cells to a figure, bad input, kills and interrupts with real processes."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import tiny
from PIL import Image

from ablations import report, run
from ablations.console.arguments import Exit
from ablations.outputs import read
from ablations.outputs.paths import Paths
from ablations.store.leases import Leases
from ablations.store.trials import Store
from ablations.studies import load, options
from ablations.sweep import engines, machine, ray_session
from ablations.sweep.worker import STARTED
from ablations.tables import frame

PAIRS_OF = ["--only", "first=crop,color", "--only", "second=crop,color"]
TWO_CELLS = ["--only", "first=crop", "--only", "second=crop,color"]


def results(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every stored result with its time of writing."""
    found = (folder / "results" / "trials").glob("*/result.json")
    return {path.parent.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def refused(capsys, argv: list[str]) -> str:
    """The one sentence with which a command is refused."""
    assert run.main(argv) == Exit.BAD_INPUT
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1, said
    assert "Traceback" not in said
    return said


def no_ray(monkeypatch):
    monkeypatch.setattr(ray_session, "connected", lambda *_: pytest.fail("there is nothing for Ray to do"))


def pictures(folder: Path, classes: list[str], n: int = 12) -> str:
    rng = np.random.default_rng(0)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for i in range(n):
            Image.fromarray(rng.integers(0, 255, (40, 30, 3), np.uint8)).save(folder / name / f"{i}.png")
    folder.mkdir(exist_ok=True)
    return f"folder:{folder}"


def test_two_cells_become_a_table_and_a_figure(tmp_path, capsys):
    argv = [*tiny.write(tmp_path), *TWO_CELLS, "--engine", "inline"]
    assert run.main(argv) == Exit.DONE
    shown = capsys.readouterr()
    for path in ("results/tiny/tiny.csv", "results/tiny/tiny.md", "results/tiny/tiny.provenance.csv"):
        assert (tmp_path / path).is_file()
        assert path in shown.out
    assert (tmp_path / "reports/tiny/tiny.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "reports/tiny/tiny.svg").read_bytes()
    rows = (tmp_path / "results/tiny/tiny.csv").read_text().splitlines()
    assert [row.split(",")[4] for row in rows] == ["status", "done", "done", "done"]  # and no row of what was not asked
    whole = read.gather(Paths(tmp_path, "tiny", "tiny"), "tiny").findings.frame
    assert list(whole["status"]) == ["done", "done", "done", "missing", "missing"]
    assert list(whole["second"])[1:] == ["crop", "color", "crop", "color"]
    assert "[2/3] first=crop second=color seed=0: top-1" in shown.err
    assert "untrained" in shown.out


def test_the_same_command_again_trains_nothing_and_writes_the_same_bytes(tmp_path, capsys, monkeypatch):
    argv = [*tiny.write(tmp_path), "--engine", "inline", "--quiet"]
    assert run.main(argv) == Exit.DONE
    files = [Path(line) for line in capsys.readouterr().out.splitlines()]
    before, trials = [path.read_bytes() for path in files], results(tmp_path)
    monkeypatch.setattr(engines, "run", lambda *_, **__: pytest.fail("nothing was missing"))
    assert run.main(argv) == Exit.DONE
    assert [path.read_bytes() for path in files] == before
    assert results(tmp_path) == trials
    assert len(files) == 20  # table, 4 beside it, 5 figures as PNG, SVG and PDF


def test_ray_is_not_started_where_every_trial_is_done_or_runs_elsewhere(tmp_path, capsys, monkeypatch):
    argv = [*tiny.write(tmp_path), *TWO_CELLS]
    no_ray(monkeypatch)
    assert run.main([*argv, "--dry-run", "--json"]) == Exit.DONE
    trials = [trial["trial_id"] for trial in json.loads(capsys.readouterr().out)["trials"]]
    store = Store(tmp_path / "results")
    store.prepare()
    other = Leases(store)
    with other.alive():
        other.claim(trials)
        assert run.main(argv) == Exit.SOME_FAILED
    assert f"{len(trials)} of the trials run elsewhere" in capsys.readouterr().err
    assert run.main([*argv, "--engine", "inline", "--quiet"]) == Exit.DONE
    assert run.main(argv) == Exit.DONE


def test_a_run_of_some_cells_takes_nothing_from_the_table(tmp_path):
    argv = [*tiny.write(tmp_path), "--engine", "inline", "--quiet"]
    run.main(argv)
    table = (tmp_path / "results/tiny/tiny.csv").read_bytes()
    run.main([*argv, *TWO_CELLS])
    assert (tmp_path / "results/tiny/tiny.csv").read_bytes() == table


ONE_AXIS = tiny.STUDY.split("axes:")[0].replace("figure: pairs", "figure: {kind: bars, x: a}") + "axes:\n  a: "


def test_a_study_over_data_sets_names_them_all(tmp_path):
    sources = [pictures(tmp_path / name, ["cat", "dog"], n=40) for name in ("leaves", "tiles")]
    argv = tiny.write(tmp_path, f"{ONE_AXIS}{{set: data.source, values: [embedded, {', '.join(sources)}]}}\n")
    assert run.main([*argv, "--engine", "inline", "--quiet"]) == Exit.DONE
    markdown = (tmp_path / "results/tiny/tiny.md").read_text()
    assert "data: printed tiles (embedded), folder leaves, folder tiles;" in markdown


def test_null_and_a_list_among_the_values_are_cells_like_any_other(tmp_path, capsys):
    axis = (
        "{set: [transforms.crop.area], values: [[0.2, 1.0], [0.5, 1.0]]}\n  b: {set: head.width, values: [null, 16]}\n"
    )
    study = (ONE_AXIS + axis).replace("x: a", "x: a, hue: b")
    argv = [*tiny.write(tmp_path, study), "--engine", "inline", "--set", "head.kind=nonlinear"]
    assert run.main([*argv, "--only", "a=[0.2, 1]"]) == Exit.DONE
    assert "could not be drawn" not in capsys.readouterr().err
    rows = [row.split(",")[:5] for row in (tmp_path / "results/tiny/tiny.csv").read_text().splitlines()]
    assert rows[1:] == [["cell", "0.2 1", "null", "0", "done"], ["cell", "0.2 1", "16", "0", "done"]]
    assert report.main(["--out", str(tmp_path)]) == Exit.DONE


def test_a_dry_run_shows_the_plan_and_stores_no_trial(tmp_path, capsys):
    argv = tiny.write(tmp_path)
    assert run.main([*argv, "--dry-run"]) == Exit.DONE
    shown = capsys.readouterr().out
    assert "5 trials (4 of cells): 5 missing" in shown
    assert "Estimated time: " in shown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results", "scale.yaml", "study.yaml"]
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["cache"]  # the images, for the run to come


def test_a_plan_whose_trial_fails_has_no_estimate_and_says_why(tmp_path, capsys):
    argv = [*tiny.write(tmp_path), "--dry-run", "--set", "optimizer.name=sgd", "--set", "optimizer.lr=1e30"]
    assert run.main(argv) == Exit.DONE
    assert "No estimate of the time: a trial that was tried failed: " in capsys.readouterr().out


def test_one_value_of_only_may_have_commas_in_its_parentheses():
    assert options.parse_only(["a=x,A.CLAHE(clip_limit=2, p=1),y"]) == {"a": ["x", "A.CLAHE(clip_limit=2, p=1)", "y"]}


def test_a_plan_for_a_gpu_can_be_read_without_one_but_not_run(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(machine, "here", lambda _: machine.Node("this computer", 2, 10**10))
    argv = tiny.write(tmp_path, scale=tiny.SCALE.replace("gpus: 0", "gpus: 1"))
    no_ray(monkeypatch)
    assert run.main([*argv, "--dry-run"]) == Exit.DONE
    assert "No estimate of the time: " in capsys.readouterr().out
    assert "none that PyTorch can use" in refused(capsys, argv)


def test_json_is_one_object_per_line_with_the_summary_last(tmp_path, capsys):
    assert run.main([*tiny.write(tmp_path), *TWO_CELLS, "--engine", "inline", "--json"]) == Exit.DONE
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events].count("done") == 3
    assert events[-1]["event"] == "summary"
    assert (events[-1]["done"], events[-1]["failed"], len(events[-1]["files"])) == (3, 0, 20)


def test_failed_cells_are_listed_and_the_others_drawn(tmp_path, capsys, monkeypatch):
    from simclr_core import trial
    from simclr_core.health import TrialFailed

    honest = trial.run

    def fail_on_color(recipe, *given):
        if recipe.views.right == ("crop", "color"):
            raise TrialFailed("the loss is not finite in epoch 1 of 1")
        return honest(recipe, *given)

    argv = [*tiny.write(tmp_path), *TWO_CELLS, "--engine", "inline"]
    with monkeypatch.context() as patched:
        patched.setattr(trial, "run", fail_on_color)
        assert run.main(argv) == Exit.SOME_FAILED
    said = capsys.readouterr().err
    assert "failed: first=crop second=color seed=0: the loss is not finite in epoch 1 of 1 (" in said
    assert "error.json" in said
    assert (tmp_path / "reports/tiny/tiny.png").is_file()
    before = results(tmp_path)
    assert run.main(argv) == Exit.SOME_FAILED  # its own numbers: it would fail again
    assert "not trained again, unless with --retry" in capsys.readouterr().err
    assert results(tmp_path) == before
    assert run.main([*argv, "--retry"]) == Exit.DONE


def test_whatever_a_drawing_raises_in_mid_sweep_is_said_once_and_every_cell_is_trained(tmp_path, capsys, monkeypatch):
    from ablations import figures
    from ablations.outputs import write
    from ablations.tables import render

    drawn = []

    def broken(*_):
        drawn.append(len(results(tmp_path)))
        raise KeyError("n")

    monkeypatch.setattr(write, "EVERY", 0.0)
    monkeypatch.setattr(write, "SHARE", 1e9)
    for module, name in ((figures, "draw"), (render, "markdown"), (render, "summary")):
        monkeypatch.setattr(module, name, broken)
    argv = [*tiny.write(tmp_path), *PAIRS_OF, "--engine", "inline"]
    assert run.main(argv) == Exit.SOME_FAILED
    assert min(drawn) < 5
    assert len(results(tmp_path)) == 5
    said = capsys.readouterr().err
    for what in ("tiny: the figure", "tiny.md", "The summary"):
        assert said.count(f"{what} could not be made: KeyError: 'n'.") == (1 if what == "The summary" else 2)
    assert "Traceback" not in said
    assert (tmp_path / "results/tiny/tiny.csv").read_text().count(",done,") == 5
    assert (tmp_path / "results/tiny/tiny.tex").is_file()
    monkeypatch.undo()
    assert run.main(argv) == Exit.DONE  # the final drawing alone counts


def test_only_the_final_drawing_decides_the_exit_code(tmp_path, capsys, monkeypatch):
    from ablations import figures
    from ablations.outputs import write

    honest = figures.draw

    def broken_at_first(*given):
        if len(results(tmp_path)) < 5:
            raise MemoryError
        return honest(*given)

    monkeypatch.setattr(write, "EVERY", 0.0)
    monkeypatch.setattr(write, "SHARE", 1e9)
    monkeypatch.setattr(figures, "draw", broken_at_first)
    assert run.main([*tiny.write(tmp_path), *PAIRS_OF, "--engine", "inline", "--quiet"]) == Exit.DONE
    assert capsys.readouterr().err.count("tiny: the figure could not be made: MemoryError") == 1


def test_all_commands_work_in_a_thread_beside_the_main_one(tmp_path, capsys):
    from ablations import compare, explain, paper, report, results

    given, where = tiny.write(tmp_path), ["--out", str(tmp_path)]
    codes = []

    def work():
        codes.append(run.main([*given, *PAIRS_OF, "--engine", "inline"]))
        codes.append(compare.main([*given, "--axis", "first", "--values", "crop", "color"]))
        codes.append(report.main([given[0], *where]))
        codes.append(results.main(["ls", *where]))
        codes.append(explain.main(["weights", *where]))
        codes.append(paper.main(["appA_flip", *where]))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    said = capsys.readouterr().err
    assert codes == [Exit.DONE] * 6, said
    assert said.startswith("This is not the main thread, which alone hears of Ctrl-C")


def test_trials_of_another_live_run_are_left_to_it(tmp_path, capsys):
    argv = [*tiny.write(tmp_path), *TWO_CELLS, "--engine", "inline"]
    run.main([*argv, "--dry-run", "--json"])
    claimed = json.loads(capsys.readouterr().out)["trials"][-1]["trial_id"]
    store = Store(tmp_path / "results")
    store.prepare()
    other = Leases(store)
    with other.alive():
        other.claim([claimed])
        assert run.main(argv) == Exit.SOME_FAILED
        assert "1 of the trials run elsewhere" in capsys.readouterr().err
        assert len(results(tmp_path)) == 2
    assert run.main(argv) == Exit.DONE


def test_unreadable_pictures_are_counted_and_named(tmp_path, capsys):
    source = pictures(tmp_path / "photos", ["cat", "dog"], n=40)
    (tmp_path / "photos" / "cat" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    argv = [*tiny.write(tmp_path), "--data", source, "--set", "data={limit: null, test_limit: null}"]
    assert run.main([*argv, *TWO_CELLS, "--engine", "inline"]) == Exit.DONE
    said = capsys.readouterr().err
    assert said.count("Unreadable files skipped: 1 (") == 1
    assert "torn.png" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--set", "optimizer.l=1e-3"], "nearest: lr"),
        (["--set", "optimizer.lr"], "write path=value"),
        (["--set", "views.shared=[crop, colour]"], "unknown transformation 'colour'; nearest: color"),
        (["--set", "schedule.epochs=many"], "--set: schedule.epochs"),
        (["--set", "schedule.batch_size=64"], "schedule.batch_size is 64"),
        (["--scale", "labtop"], "Unknown scale 'labtop'; nearest: laptop"),
        (["--only", "first=corp"], "nearest: crop"),
        (["--only", "first"], "write axis=value1,value2"),
        (["--seeds", "two"], "invalid int value: 'two'"),
        (["--engine", "slurm"], "invalid choice: 'slurm'"),
        (["--data", "folder:/nowhere"], "/nowhere"),
        (["--out", "/dev/null"], "choose with --out"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(tmp_path, capsys, options, said):
    assert said in refused(capsys, [*tiny.write(tmp_path), "--engine", "inline", *options])


def test_a_missing_study_is_one_sentence(capsys):
    assert "grids/aug_pear.yaml: no such file" in refused(capsys, ["grids/aug_pear.yaml"])


def test_an_empty_folder_and_a_folder_of_one_class_are_one_sentence_each(tmp_path, capsys):
    argv = tiny.write(tmp_path)
    assert str(tmp_path / "nothing") in refused(capsys, [*argv, "--data", pictures(tmp_path / "nothing", [])])
    assert "class" in refused(capsys, [*argv, "--data", pictures(tmp_path / "one", ["cat"])])


def test_a_manifest_that_cannot_be_used_is_one_sentence_and_nothing_is_written(tmp_path, capsys):
    source = pictures(tmp_path / "listed", ["cat", "dog"])
    (tmp_path / "listed" / "metadata.csv").write_text("file_name,label\ncat/0.png,cat\ngone.png,dog\n")
    argv = [*tiny.write(tmp_path), "--engine", "inline", "--data", source]
    assert "metadata.csv: 1 of 2 listed files do not exist (gone.png)." in refused(capsys, argv)
    assert not list(tmp_path.rglob("*.npy"))


def test_a_run_on_gray_images_that_are_split_in_three(tmp_path, capsys):
    for i, part in enumerate(("train", "val", "test")):
        source = pictures(tmp_path / "own" / part, ["cat", "dog"], n=[24, 4, 6][i]).removesuffix(f"/{part}")
    gray = ["--set", "data.channels=1", "--set", "data.normalize=set", "--seeds", "1"]
    assert run.main([*tiny.write(tmp_path), "--engine", "inline", "--data", source, *gray]) == 0
    said = capsys.readouterr().err
    assert "on its validation images the linear probe chooses its penalty" in said
    assert "of the transformation color only brightness and contrast act" in said


def test_bfloat16_on_a_cpu_without_amx_is_one_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    argv = [*tiny.write(tmp_path), "--engine", "inline", "--set", "schedule.precision=bfloat16"]
    assert "AMX" in refused(capsys, argv)


def test_help_needs_nothing_that_takes_time_to_import():
    check = (
        "import sys; from ablations import run\ntry: run.main(['--help'])\nexcept SystemExit: pass\n"
        "sys.exit(bool({'torch', 'ray', 'pandas', 'numpy', 'pydantic', 'yaml'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", check], check=True, stdout=subprocess.DEVNULL)


def test_errors_in_a_study_need_no_torch_and_no_ray():
    check = (
        "import sys; from ablations import run; assert run.main(['aug_pears']) == 2; "
        "sys.exit(bool({'torch', 'ray', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", check], check=True)


# With real processes


@pytest.fixture
def command(tmp_path):
    """Starts ablations.run as a process of its own and, whatever happens, leaves none behind."""
    begun = []
    # A shell starts background jobs deaf to Ctrl-C, and they pass that on to the processes they start.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)

    def start(*options: str) -> subprocess.Popen:
        argv = [
            sys.executable,
            "-m",
            "ablations.run",
            "aug_pairs",
            "--scale",
            "smoke",
            "--out",
            str(tmp_path),
            *options,
        ]
        begun.append(
            subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        )
        return begun[-1]

    yield start
    signal.signal(signal.SIGINT, inherited)
    for process in begun:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    for left in Path(tempfile.gettempdir()).glob("ablations-*"):
        ray_session._sweep_away(left)  # of the killed ones; those of runs that live are locked


def wait_for(process: subprocess.Popen, folder: Path, trials: int) -> dict[str, tuple[int, bytes]]:
    """What is finished as soon as so many trials are, while the process is at work."""
    until = time.monotonic() + 180
    while len(found := results(folder)) < trials:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


@pytest.mark.slow
def test_ray_and_inline_agree_byte_for_byte(tmp_path):
    tables = []
    for engine in ("ray", "inline"):
        folder = tmp_path / engine
        folder.mkdir()
        assert run.main([*tiny.write(folder), "--engine", engine, "--quiet"]) == Exit.DONE
        tables.append((folder / "results/tiny/tiny.csv").read_bytes())
        assert (folder / "reports/tiny/tiny.png").is_file()
    assert tables[0] == tables[1]
    assert tables[0].count(b"done") == 5


@pytest.mark.slow
def test_finished_trials_survive_a_kill_and_are_not_trained_again(tmp_path, command):
    rows = ["--only", "first=crop"]
    killed = command(*rows)
    wait_for(killed, tmp_path, trials=2)
    killed.kill()  # SIGKILL to the main process alone
    killed.communicate()
    finished = results(tmp_path)
    assert 2 <= len(finished) < 9
    again = command(*rows)
    _, err = again.communicate(timeout=300)
    assert again.returncode == Exit.DONE, err
    now = results(tmp_path)
    assert len(now) == 9
    assert {trial_id: now[trial_id] for trial_id in finished} == finished
    assert f"{9 - len(finished)} trials to train" in err


@pytest.mark.slow
def test_two_runs_at_once_train_every_trial_once(tmp_path, command):
    rows = ["--only", "first=crop"]
    both = [command(*rows), command(*rows)]
    codes, errs = zip(*((run_.communicate(timeout=300)[1], run_.returncode)[::-1] for run_ in both), strict=True)
    assert set(codes) <= {Exit.DONE, Exit.SOME_FAILED}, errs
    assert Exit.DONE in codes, errs
    logs = [path.read_text() for path in (tmp_path / "results/trials").glob("*/log.txt")]
    assert len(logs) == len(results(tmp_path)) == 9
    assert all(log.count(STARTED) == 1 for log in logs)


@pytest.mark.slow
def test_a_second_ctrl_c_ends_at_once_and_what_it_left_is_swept_away(tmp_path, command):
    impatient = command("--only", "first=crop")
    finished = wait_for(impatient, tmp_path, trials=2)
    impatient.send_signal(signal.SIGINT)
    time.sleep(0.2)
    impatient.send_signal(signal.SIGINT)
    _, err = impatient.communicate(timeout=60)
    assert impatient.returncode == Exit.INTERRUPTED, err
    assert "Traceback" not in err
    assert "To continue:" in err
    again = command("--only", "first=crop")
    _, err = again.communicate(timeout=300)
    assert again.returncode == Exit.DONE, err
    assert finished.items() <= results(tmp_path).items()
    assert not list((tmp_path / "results/runs").glob("*.json"))


@pytest.mark.slow
def test_where_rays_head_dies_the_sweep_ends_with_a_sentence_and_the_same_command_goes_on(tmp_path, command):
    """Ray's own answer is to end the process a minute later, without a word."""
    bereft = command("--only", "first=crop")
    finished = wait_for(bereft, tmp_path, trials=1)
    listed = subprocess.run(["ps", "-ewwo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    processes = [line.split(None, 2) for line in listed.splitlines()[1:]]
    heads = [int(pid) for pid, parent, args in processes if int(parent) == bereft.pid and "gcs_server" in args]
    assert len(heads) == 1
    os.kill(heads[0], signal.SIGKILL)
    _, err = bereft.communicate(timeout=60)
    assert bereft.returncode == Exit.SOME_FAILED, err
    assert err.splitlines()[-1] == "Ray's head process died; the same command goes on with what is left."
    again = command("--only", "first=crop")
    _, err = again.communicate(timeout=300)
    assert again.returncode == Exit.DONE, err
    assert finished.items() <= results(tmp_path).items()


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_sweep_keeps_and_draws_what_is_finished(tmp_path, command, ending):
    interrupted = command()
    wait_for(interrupted, tmp_path, trials=2)
    interrupted.send_signal(ending)
    _, err = interrupted.communicate(timeout=60)
    assert interrupted.returncode == Exit.INTERRUPTED, err
    assert err.rstrip().endswith(f"python -m ablations.run aug_pairs --scale smoke --out {tmp_path}")
    assert "Traceback" not in err
    assert (tmp_path / "reports/aug_pairs/smoke.png").is_file()
    table = (tmp_path / "results/aug_pairs/smoke.csv").read_text()
    assert table.count(",done,") == len(results(tmp_path)) >= 2
    assert not list((tmp_path / "results/claims").iterdir())


def rays_processes(folder: Path) -> list[str]:
    """Command lines of the processes of the private Ray in `folder`."""
    shown = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in shown.splitlines() if str(folder) in line]


def wait_for_rays_processes(process: subprocess.Popen) -> Path:
    """The folder of the private Ray that the process is starting, as soon as one of Ray's processes is there."""
    until = time.monotonic() + 120
    while True:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        for folder in Path(tempfile.gettempdir()).glob(f"ablations-*/ray/session_*_{process.pid}"):
            if rays_processes(folder):
                assert folder.parents[1].stat().st_mode & 0o777 == 0o700  # for nobody else
                return folder.parents[1]
        time.sleep(0.02)


def assert_nothing_is_left_of_ray(folder: Path) -> None:
    until = time.monotonic() + 30
    while left := rays_processes(folder):
        assert time.monotonic() < until, left
        time.sleep(0.1)
    assert not folder.exists()


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_ray_starts_leaves_nothing_of_it(command, ending):
    interrupted = command()
    folder = wait_for_rays_processes(interrupted)
    interrupted.send_signal(ending)
    _, err = interrupted.communicate(timeout=60)
    assert interrupted.returncode == Exit.INTERRUPTED, err
    assert err.startswith("Interrupted; what is finished is kept."), err
    assert_nothing_is_left_of_ray(folder)


@pytest.mark.slow
def test_bad_input_found_while_ray_starts_is_one_sentence_and_leaves_nothing_of_it(command):
    refused = command("--set", "schedule.batch_size=5000")
    folder = wait_for_rays_processes(refused)
    _, err = refused.communicate(timeout=120)
    assert refused.returncode == Exit.BAD_INPUT, err
    assert len(err.splitlines()) == 1, err
    assert "schedule.batch_size is 5000" in err
    assert_nothing_is_left_of_ray(folder)


def test_a_reader_who_has_seen_enough_gets_no_traceback(tmp_path):
    command = [sys.executable, "-m", "ablations.run", *tiny.write(tmp_path), "--dry-run"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == Exit.DONE


@pytest.mark.slow
@pytest.mark.parametrize("style", ["--json", "--quiet"])
def test_a_reader_who_goes_away_ends_the_sweep_as_ctrl_c_does_unless_nothing_is_read(tmp_path, style):
    command = [sys.executable, "-m", "ablations.run", *tiny.write(tmp_path), "--engine", "inline", style]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        if style == "--json":
            assert json.loads(process.stdout.readline())["event"] == "started"
        process.stdout.close()
        said, code = process.stderr.read(), process.wait()
    table = (tmp_path / "results/tiny/tiny.csv").read_text()
    if style == "--json":
        assert code == Exit.INTERRUPTED
        assert said.startswith("Interrupted; what is finished is kept. To continue:")
        assert table.count(",missing,") >= 3
    else:
        assert (code, said, table.count(",done,")) == (Exit.DONE, "", 5)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here is always full")
def test_progress_that_cannot_be_written_ends_the_sweep_in_a_sentence(tmp_path):
    command = [sys.executable, "-m", "ablations.run", *tiny.write(tmp_path), "--engine", "inline", "--json"]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == Exit.BAD_INPUT
    assert ended.stderr.splitlines() == [
        "Progress cannot be written: No space left on device; what is finished is kept.",
        "Standard output cannot be written: No space left on device.",
    ]
    assert (tmp_path / "results/tiny/tiny.csv").read_text().count(",missing,") >= 4


SOME = dict.fromkeys(("aug_pairs", "aug_pairs_symmetric", "budget_pairs"), PAIRS_OF)
SOME["albumentations_pairs"] = ["--only", "second=crop,color"]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.stem for path in load.GRIDS.glob("*.yaml")))
def test_every_shipped_study_runs_from_yaml_to_figure(name, tmp_path, capsys):
    argv = [name, "--scale", "smoke", "--engine", "inline", "--seeds", "1", "--out", str(tmp_path), *SOME.get(name, [])]
    assert run.main([*argv, "--dry-run"]) == Exit.DONE
    assert "machine-hours" in capsys.readouterr().out
    assert run.main([*argv, "--quiet"]) in (Exit.DONE, Exit.SOME_FAILED)
    said = capsys.readouterr()
    assert "failed" not in said.err
    written = [Path(line) for line in said.out.splitlines()]
    assert {path.suffix for path in written} == {".csv", ".json", ".md", ".tex", ".png", ".svg", ".pdf"}
    metrics = load.load_study(name).figure.metrics
    table = frame.done_cells(frame.read(tmp_path / "results" / name / "smoke.csv", {}))
    lacking = {metric for metric in metrics if metric not in table or table[metric].isna().all()}
    assert lacking <= {"finetune_1_top1"}  # 1% of 320 images are not one of each class
