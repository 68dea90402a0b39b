"""The command line: which pages are written where, what it says of what is missing, and watching."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from builders import repeated, shelf, tiny

from ablations import compare, report, run
from ablations.console.arguments import Exit
from ablations.pages import page
from ablations.pages.images import Picture
from ablations.pages.renew import Reports
from ablations.store.leases import Leases
from ablations.store.trials import Store
from ablations.verdicts import judge_all


@pytest.fixture(autouse=True)
def _judged(monkeypatch):
    shelf.judging(monkeypatch)


@pytest.fixture
def quick(monkeypatch):
    """Pages without their figures, which take seconds to draw."""
    figure = {"figure": [Picture("figure", "", "", "not drawn")], "more": [], "curves": []}
    monkeypatch.setattr(page, "pictures", lambda _: figure | {"comparisons": [], "views": []})


def refused(capsys, *argv):
    assert report.main([*map(str, argv)]) == Exit.BAD_INPUT
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.strip().splitlines()) == 1, shown.err
    return shown.err.strip()


def written(capsys, *argv):
    assert report.main([*map(str, argv)]) == Exit.DONE
    shown = capsys.readouterr()
    assert shown.err == ""
    return [Path(line) for line in shown.out.splitlines()]


def test_what_a_run_leaves_is_enough_also_when_the_studys_file_has_moved_since(tmp_path, capsys):
    assert run.main([*tiny.write(tmp_path), "--engine", "inline", "--quiet"]) == Exit.DONE
    (tmp_path / "study.yaml").unlink()
    capsys.readouterr()
    paths = written(capsys, "tiny", "--out", tmp_path)
    assert paths == [tmp_path / "reports/tiny/tiny.html", tmp_path / "reports/index.html"]
    html = paths[0].read_text()
    assert "Does the path work?" in html
    assert "TINY: proves the path only" in html
    assert "could not be drawn" not in html
    for key in ("figure", "synergy", "cost", "curves", "views"):
        assert f'<img id="{key}" src="data:image/' in html
    assert "--engine inline --quiet</code>" in html
    assert 'href="tiny/tiny.html"' in paths[1].read_text()


def test_the_page_of_budgets_answers_with_where_claims_first_hold_and_lists_them_at_every_budget(tmp_path, capsys):
    frame, about = repeated.heads()
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    command = "python -m ablations.run budget_heads --scale laptop"
    shelf.leave(tmp_path, about, records, command)
    page_of_it, front = written(capsys, "budget_heads", "--out", tmp_path)
    html = page_of_it.read_text()
    assert "“a linear head beats none” first hold" in html
    assert "To first hold at a budget is to hold there and at every larger one that is judged." in html
    groups = re.findall(r"<h3>(.*?)</h3>", html)[:4]
    assert groups == ["10,000 image pairs, 2 epochs", "25,000 image pairs, 5 epochs", "50,000 image pairs, 10 epochs",
                      "100,000 image pairs, 20 epochs"]  # fmt: skip
    assert "all budgets together" in html
    assert f"{command} --seeds" in html
    assert "claims of the paper, and levels, down" in html.lower()
    assert "could not be drawn" not in html
    assert "first hold" in front.read_text()


def test_a_report_needs_neither_torch_nor_ray():
    code = (
        "import sys\nfrom ablations import figures, report\nfrom ablations.pages import renew\nfigures.warm_up()\n"
        "print(*{'torch', 'ray'} & sys.modules.keys())"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


@pytest.mark.usefixtures("quick")
def test_without_a_name_every_study_at_every_scale_gets_a_page(tmp_path, capsys):
    for scale in ("laptop", "smoke"):
        shelf.leave(tmp_path, shelf.study_info(scale=scale))
        shelf.leave(tmp_path, shelf.study_info(study="other", paper="", scale=scale))
    assert [str(path.relative_to(tmp_path / "reports")) for path in written(capsys, "--out", tmp_path)] == [
        "heads/laptop.html", "heads/smoke.html", "other/laptop.html", "other/smoke.html", "index.html"
    ]  # fmt: skip
    assert len(written(capsys, "--scale", "smoke", "--out", tmp_path)) == 3
    assert len(written(capsys, "other", "heads", "--scale", "smoke", "--out", tmp_path)) == 3


@pytest.mark.usefixtures("quick")
def test_the_front_page_knows_studies_that_were_not_asked_for(tmp_path, capsys):
    shelf.leave(tmp_path)
    shelf.leave(tmp_path, shelf.study_info(study="other", paper=""))
    shelf.leave(tmp_path, shelf.study_info(study="broken", paper=""))
    (tmp_path / "results/broken/laptop.csv").write_text("no table")
    written(capsys, "heads", "--out", tmp_path)
    front = (tmp_path / "reports/index.html").read_text()
    assert 'href="heads/laptop.html"' in front
    assert f"python -m ablations.report other --scale laptop --out {tmp_path}" in front
    assert "broken" not in front


def test_a_shipped_study_may_be_named_by_its_path(tmp_path, capsys):
    path = Path(report.__file__).parent.parent / "grids" / "heads.yaml"
    assert f"this makes it: python -m ablations.run {path} --scale smoke --out {tmp_path}" in refused(
        capsys, path, "--scale", "smoke", "--out", tmp_path
    )


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ([], "results: no study has results that can be shown; ablations.run makes them."),
        (["--scale", "smoke"], "no study has results at scale smoke"),
        (["hedas"], "Unknown study 'hedas'; nearest: heads"),
        (["heads", "--scale", "smok"], "Unknown scale 'smok'; nearest: smoke"),
        (["heads"], "laptop.csv: no such file; this makes it: python -m ablations.run heads --scale laptop --out"),
        (["none.yaml"], "none.yaml: no such file"),
        (["--watch", "hedas"], "Unknown study 'hedas'"),
        (["--speed"], "--speed"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(argv, sentence, tmp_path, capsys):
    assert sentence in refused(capsys, *argv, "--out", tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("laptop.csv", None, "no such file; this makes it"),
        ("laptop.csv", "a,b\n", "not a study's table"),
        ("laptop.csv", b"\xff\xfe", "damaged; this makes it again, training nothing twice"),
        ("laptop.run.json", "{", "damaged; this makes it again"),
        ("laptop.run.json", None, "no study has results"),
        ("laptop.provenance.csv", None, "no such file; this makes it"),
        ("laptop.provenance.csv", "trial_id,seconds\na,fast\n", "damaged; this makes it again"),
        ("laptop.provenance.csv", "x\n1\n", "damaged; this makes it again"),
    ],
)
def test_what_is_missing_or_damaged_is_named_with_what_makes_it(name, content, said, tmp_path, capsys):
    shelf.leave(tmp_path)
    path = tmp_path / "results" / "heads" / name
    path.unlink()
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    sentence = refused(capsys, "--out", tmp_path)
    assert said in sentence
    assert "ablations.run" in sentence or "columns must be" in sentence


def test_tables_of_other_axes_than_the_runs_are_refused(tmp_path, capsys):
    shelf.leave(tmp_path)
    table = (tmp_path / "results/heads/laptop.csv").read_bytes()
    shelf.leave(
        tmp_path, shelf.study_info(axes={"a": ("x", "y"), "b": (1, 2)}, figure=shelf.Plot(kind="bars", x="a", hue="b"))
    )
    (tmp_path / "results/heads/laptop.csv").write_bytes(table)
    assert "its axes are not those of laptop.run.json" in refused(capsys, "--out", tmp_path)


@pytest.mark.usefixtures("quick")
def test_a_page_that_cannot_be_written_is_one_sentence(tmp_path, capsys):
    shelf.leave(tmp_path)
    (tmp_path / "reports").write_text("in the way")
    assert "cannot be written" in refused(capsys, "--out", tmp_path)


@pytest.mark.usefixtures("quick")
def test_a_folder_in_a_pages_place_is_named(tmp_path, capsys):
    shelf.leave(tmp_path)
    page = tmp_path / "reports" / "heads" / "laptop.html"
    page.mkdir(parents=True)
    assert f"{page}: cannot be written: Is a directory; choose another folder with --out." in refused(
        capsys, "--out", tmp_path
    )
    assert [path.name for path in page.parent.iterdir()] == ["laptop.html"]


@pytest.mark.usefixtures("quick")
def test_trials_whose_folders_are_gone_still_make_a_page(tmp_path, capsys):
    shelf.leave(tmp_path, records=shelf.rows(shelf.study_info(), status="failed"))
    for path in sorted((tmp_path / "results/trials").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    written(capsys, "--out", tmp_path)
    assert "its folder is not in results/trials/ any more" in (tmp_path / "reports/heads/laptop.html").read_text()


def test_a_drawn_comparison_is_on_the_page(tmp_path, capsys):
    shelf.leave(tmp_path)
    compare.main(["heads", "--axis", "head", "--values", "linear", "none", "--out", str(tmp_path)])
    capsys.readouterr()
    written(capsys, "--out", tmp_path)
    assert (
        'alt="Differences between pairs of trials: head-linear-none."'
        in (tmp_path / "reports/heads/laptop.html").read_text()
    )


# --- watching ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
def test_only_what_has_changed_is_written_again(tmp_path):
    shelf.leave(tmp_path)
    shelf.leave(tmp_path, shelf.study_info(study="other", paper=""))
    reports = Reports(tmp_path, [], None)
    assert len(reports.renew()) == 3
    assert reports.renew() == []
    records = shelf.rows(shelf.study_info())
    records[1] |= {"top1": 99.0}
    shelf.leave(tmp_path, records=records)
    assert reports.renew() == [tmp_path / "reports/heads/laptop.html", tmp_path / "reports/index.html"]
    assert "99.0" in (tmp_path / "reports/heads/laptop.html").read_text()


@pytest.mark.usefixtures("quick")
def test_a_watched_page_loads_itself_again_while_a_run_is_at_work_and_not_after(tmp_path):
    records = shelf.rows(shelf.study_info())
    records[-1] |= {"status": "running", "top1": None}
    shelf.leave(tmp_path, records=records)
    shelf.leave(tmp_path, shelf.study_info(study="finished", paper=""))
    reports = Reports(tmp_path, [], None)
    pages = [tmp_path / "reports" / name / "laptop.html" for name in ("heads", "finished")]

    def loading():
        return ['http-equiv="refresh"' in path.read_text() for path in pages]

    with Leases(Store(tmp_path / "results"), "a run").alive():
        reports.renew(watched=True)
        assert loading() == [True, False]
        reports.renew()  # the watcher goes, the run goes on
        assert loading() == [False, False]
        reports.renew(watched=True)
        assert "a run is at work" in pages[0].read_text()
    reports.renew(watched=True)
    assert loading() == [False, False]


@pytest.mark.usefixtures("quick")
def test_watching_waits_for_results_and_ends_with_ctrl_c(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(report, "POLL", 0.05)

    def later():
        time.sleep(0.5)
        shelf.leave(tmp_path)
        for _ in range(100):
            time.sleep(0.1)
            if (tmp_path / "reports/index.html").is_file():
                break
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=later)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    try:
        thread.start()
        assert report.main(["heads", "--watch", "--out", str(tmp_path)]) == Exit.INTERRUPTED
        thread.join()
    finally:
        signal.signal(signal.SIGINT, before)
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [str(tmp_path / "reports/heads/laptop.html"), str(tmp_path / "reports/index.html")]
    first, *_, last = shown.err.splitlines()
    assert first.endswith("Waiting.")
    assert last == "Interrupted; the pages that are written are whole."


def test_more_seeds_are_asked_for_as_the_run_was_made(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(judge_all, "judge_frames", lambda *asked: given.append(asked) or [])
    shelf.leave(tmp_path, command="python -m ablations.run heads --data cifar10 --set a.b=1 --seeds 2")
    Reports(tmp_path, [], None).renew()
    ((_, _, scale, _, again),) = given
    assert again("heads", 5) == f"python -m ablations.run heads --data cifar10 --set a.b=1 --seeds 5 --out {tmp_path}"
    assert again("flip", 0) == f"python -m ablations.run flip --scale {scale} --out {tmp_path}"


@pytest.mark.usefixtures("quick")
def test_a_damaged_study_costs_the_others_no_page(tmp_path, capsys):
    for name in ("crop", "heads"):
        shelf.leave(tmp_path, shelf.study_info(study=name))
    (tmp_path / "results/crop/laptop.run.json").write_text("garbage")
    assert report.main(["--out", str(tmp_path)]) == Exit.BAD_INPUT
    said = capsys.readouterr().err
    assert "crop/laptop.run.json: damaged" in said
    assert len(said.splitlines()) == 1
    assert (tmp_path / "reports/heads/laptop.html").is_file()
    assert "heads/laptop.html" in (tmp_path / "reports/index.html").read_text()


@pytest.mark.usefixtures("quick")
def test_a_page_that_cannot_be_made_costs_the_others_nothing(tmp_path, capsys, monkeypatch):
    from ablations.tables import render

    honest = render.text_table

    def broken(found):
        if found.info.scale == "smoke":
            raise KeyError("n")
        return honest(found)

    for scale in ("smoke", "laptop"):
        shelf.leave(tmp_path, shelf.study_info(scale=scale))
    monkeypatch.setattr(render, "text_table", broken)
    assert report.main(["--out", str(tmp_path)]) == Exit.BAD_INPUT
    said = capsys.readouterr().err
    assert said == "heads smoke: the page could not be made: KeyError: 'n'.\n"
    assert (tmp_path / "reports/heads/laptop.html").is_file()
    assert "laptop.html" in (tmp_path / "reports/index.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("column", ["top1", "n_test", "status"])
@pytest.mark.parametrize("value", ["999", "-5", "nan", "0", "banana"])
def test_a_table_with_what_no_trial_can_have_is_damaged(column, value, tmp_path, capsys):
    shelf.leave(tmp_path)
    path = tmp_path / "results/heads/laptop.csv"
    head, first, *rest = path.read_text().splitlines()
    fields = first.split(",")
    fields[head.split(",").index(column)] = value
    path.write_text("\n".join([head, ",".join(fields), *rest]) + "\n")
    fine = (column, value) in {("top1", "0"), ("n_test", "999")}
    assert report.main(["heads", "--out", str(tmp_path)]) == (Exit.DONE if fine else Exit.BAD_INPUT)
    assert fine or "laptop.csv: damaged" in capsys.readouterr().err
