import re
from pathlib import Path

from builders import shelf

from ablations import compare, report
from ablations.console.arguments import Exit
from ablations.outputs import paths
from ablations.outputs.paths import Paths

COMPARE = ("heads", "--axis", "head", "--values", "linear", "none")


def test_every_file_has_the_name_by_which_it_is_known():
    """Spelled out: what lies on somebody's disk is to be found again."""
    here = Paths(Path("out"), "heads", "v1.5")
    names = (here.table, here.markdown, here.latex, here.provenance, here.record)
    assert [str(path) for path in names] == [
        f"out/results/heads/v1.5{end}" for end in (".csv", ".md", ".tex", ".provenance.csv", ".run.json")
    ]
    assert [str(path) for path in (here.figure(), here.figure("cost"), here.picture, here.views, here.page)] == [
        f"out/reports/heads/v1.5{end}" for end in ("", "-cost", ".png", "-views.png", ".html")
    ]
    assert str(paths.front_page(Path("out"))) == "out/reports/index.html"


def test_a_comparison_has_a_name_that_every_file_system_takes():
    here = Paths(Path("out"), "heads", "smoke")
    assert str(here.comparison("head", "linear", "none", "top1")) == "out/reports/heads/smoke-compare-head-linear-none"
    assert here.comparison("a/b", "x y", 0.5, "knn_top1").name == "smoke-compare-a_b-x_y-0.5-knn_top1-d3265a7c"
    assert here.comparison("head", "a_b", -1.5, "top1").name == "smoke-compare-head-a_b--1.5"


def test_comparisons_of_values_that_are_folded_to_one_name_have_files_of_their_own():
    here = Paths(Path("out"), "heads", "smoke")
    values = ("a b", "a/b", "a_b", "a  b", "ä", "ö", "日", "a > b")
    names = {here.comparison("head", value, "c", "top1").name for value in values}
    assert len({name.lower() for name in names}) == len(values)
    assert all(re.fullmatch("[A-Za-z0-9._-]+", name) for name in names)


def test_comparisons_are_found_by_their_names_and_not_those_of_another_scale(tmp_path):
    here = Paths(tmp_path, "heads", "smoke")
    assert here.comparisons == {}
    for stem in (here.comparison("head", "b", "a", "top1"), here.comparison("dim", 1, 2, "top1")):
        stem.parent.mkdir(parents=True, exist_ok=True)
        stem.with_name(f"{stem.name}.svg").touch()
        stem.with_name(f"{stem.name}.png").touch()
    (tmp_path / "reports/heads/smoke-tiny-compare-head-a-b.svg").touch()
    assert list(here.comparisons) == ["dim-1-2", "head-b-a"]


def test_a_study_has_results_where_a_run_was_recorded(tmp_path):
    for study, scale in (("heads", "smoke"), ("heads", "laptop"), ("crop", "v1.5")):
        shelf.leave(tmp_path, shelf.study_info(study=study, scale=scale))
    (tmp_path / "results/flip").mkdir()
    (tmp_path / "results/flip/laptop.csv").touch()
    assert paths.there(tmp_path) == [("crop", "v1.5"), ("heads", "laptop"), ("heads", "smoke")]


def refused(capsys, command, *argv):
    assert command.main([*map(str, argv)]) == Exit.BAD_INPUT
    return capsys.readouterr().err.strip()


def test_a_lost_table_is_made_again_on_the_data_that_it_was_of(tmp_path, capsys):
    command = "python -m ablations.run heads --data folder:photos --set data.size=48 --seeds 2"
    shelf.leave(tmp_path, command=command)
    Paths(tmp_path, "heads", "laptop").table.unlink()
    makes = f"this makes it: {command} --out {tmp_path}"
    assert refused(capsys, compare, *COMPARE, "--out", tmp_path).endswith(makes)
    assert refused(capsys, report, "heads", "--out", tmp_path).endswith(makes)


def test_of_what_has_never_run_the_command_is_as_it_was_asked(tmp_path, capsys):
    said = refused(capsys, compare, *COMPARE, "--scale", "smoke", "--out", tmp_path / "my results")
    assert said.endswith(f"this makes it: python -m ablations.run heads --scale smoke --out '{tmp_path}/my results'")


def test_a_table_of_somebody_else_is_named_once(tmp_path, capsys):
    table = Paths(tmp_path, "heads", "laptop").table
    shelf.leave(tmp_path)
    table.write_text("name,score\na,1\n")
    for command, argv in ((compare, COMPARE), (report, ["heads"])):
        said = refused(capsys, command, *argv, "--out", tmp_path)
        assert said.startswith(f"{table}: not a study's table: its columns must be role, the axes, seed")
        assert said.count(str(table)) == 1
