"""The script that installs: what it refuses, and that older Pythons can read it. CI runs what it does."""

import ast
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[1] / "bootstrap.py"


@pytest.fixture
def bootstrap(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("bootstrap")
    module.__file__ = str(SCRIPT)
    exec(compile(SCRIPT.read_text(encoding="utf-8"), str(SCRIPT), "exec"), module.__dict__)
    monkeypatch.setattr(module.subprocess, "call", lambda *_, **__: pytest.fail("something was started"))
    return module


def test_an_older_python_can_read_it() -> None:
    ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 5))
    assert "import pathlib" not in SCRIPT.read_text(encoding="utf-8")


def test_an_older_python_is_told_so(bootstrap: ModuleType, monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    assert bootstrap.main([]) == 2
    assert capsys.readouterr().err.startswith("Python 3.11 or newer is needed, this is ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["chek"], "'chek': allowed are run"), (["check", "x"], "check takes no arguments, got 'x'")],
)
def test_what_it_does_not_know_is_refused(bootstrap: ModuleType, arguments, said, capsys) -> None:
    assert bootstrap.main(arguments) == 2
    assert capsys.readouterr().err.startswith(said)


def test_it_says_what_it_does(bootstrap: ModuleType, capsys) -> None:
    assert bootstrap.main(["--help"]) == 0
    assert "installs into .venv" in capsys.readouterr().out


def test_too_little_room_is_said_before_anything_is_made(bootstrap: ModuleType, monkeypatch, capsys) -> None:
    monkeypatch.setattr(bootstrap, "PYTHON", "nowhere")
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 3e9}))
    assert bootstrap.main(["run"]) == 2
    assert "7 GB of disk are needed" in capsys.readouterr().err


def test_the_arguments_go_to_the_command_and_without_any_it_makes_figure_5(bootstrap: ModuleType, monkeypatch) -> None:
    started = []
    monkeypatch.setattr(bootstrap, "PYTHON", sys.executable)
    monkeypatch.setattr(bootstrap.subprocess, "call", lambda line, **_: started.append(line[1:]) or 0)
    assert bootstrap.main([]) == 0
    assert bootstrap.main(["run", "heads", "--dry-run"]) == 0
    assert started[1] == ["-m", "ablations.run", "aug_pairs"]
    assert started[3] == ["-m", "ablations.run", "heads", "--dry-run"]


def test_checking_stops_at_the_first_step_that_fails(bootstrap: ModuleType, monkeypatch) -> None:
    started = []
    monkeypatch.setattr(bootstrap, "PYTHON", sys.executable)
    monkeypatch.setattr(bootstrap.subprocess, "call", lambda line, **_: started.append(line[2]) or line[2] == "mypy")
    assert bootstrap.main(["check"]) == 1
    assert started == ["pip", "ruff", "ruff", "mypy"]
