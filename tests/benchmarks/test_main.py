import sys

import pandas as pd
import pytest

from benchmarks import training
from benchmarks.__main__ import BENCHMARKS, lines, main, said
from benchmarks.rounds import Case

CASE = Case(
    "training", "a task", "pairs/s", {"ours": [4.0, 6.0, 5.0], "theirs": [2.0, 2.0, 1.0]}, missing={"third": "why"}
)


def test_a_row_per_contender_and_ratios_round_by_round():
    ours, theirs, third = lines(CASE)
    assert (ours["median"], ours["least"], ours["greatest"], ours["rounds"]) == (5, 4, 6, 3)
    assert "ratio" not in ours
    assert (theirs["ratio"], theirs["ratio_least"], theirs["ratio_greatest"]) == (3, 2, 5)
    assert third["missing"] == "why"
    assert "median" not in third
    assert "3.00x [2.00 to 5.00]" in said(theirs)
    assert said(third).endswith("not measured: why")


@pytest.fixture
def measured(monkeypatch):
    monkeypatch.setattr("benchmarks.__main__.PEERS", {})
    monkeypatch.setattr(training, "cases", lambda _: iter([CASE]))


def test_a_case_that_fails_leaves_what_was_measured(tmp_path, monkeypatch, capsys):
    def cases(rounds):
        assert rounds == 2
        yield CASE
        raise RuntimeError("the second case")

    monkeypatch.setattr("benchmarks.__main__.PEERS", {})
    monkeypatch.setattr(training, "cases", cases)
    with pytest.raises(RuntimeError, match="the second case"):
        main(["training", "--rounds", "2", "--out", str(tmp_path)])
    table = pd.read_csv(tmp_path / "training.csv")
    assert list(table["contender"]) == ["ours", "theirs", "third"]
    assert table["machine"].str.contains("cores").all()
    assert "a task (pairs/s)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "said"), [(["nothing"], ", ".join(BENCHMARKS)), (["--rounds", "0"], "at least 1"), (["--x"], "--help")]
)
def test_bad_input_is_one_sentence(argv, said, capsys):
    assert main(argv) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]


def test_a_missing_peer_is_named_before_anything_is_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "kornia", None)
    assert main(["gpu", "augmentation", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith("kornia is not installed; this installs it: pip install -e")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize("place", ["file", "file/below", "taken"])
def test_a_place_that_cannot_be_written_is_named_before_anything_is_measured(tmp_path, place, capsys):
    (tmp_path / "file").touch()
    (tmp_path / "taken" / "training.csv").mkdir(parents=True)
    assert main(["training", "--out", str(tmp_path / place)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert f"{place}: cannot be written to" in err


def test_ctrl_c_keeps_what_was_measured(tmp_path, monkeypatch, capsys):
    def cases(_):
        yield CASE
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmarks.__main__.PEERS", {})
    monkeypatch.setattr(training, "cases", cases)
    assert main(["training", "--out", str(tmp_path)]) == 130
    assert len(pd.read_csv(tmp_path / "training.csv")) == 3
    assert "Interrupted" in capsys.readouterr().err
