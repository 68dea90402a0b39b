import subprocess
import sys
from dataclasses import replace

import pytest
from builders import repeated
from builders.drawings import (
    EMPTY,
    FULL,
    HEADS,
    PAIRS,
    PART,
    POINTS,
    SMOKE,
    SPECTRUM,
    TEMPERATURE,
    heads_frame,
    points_frame,
    spectrum_frame,
    temperature_frame,
    texts,
)

from ablations import figures
from ablations.figures import style
from ablations.store import files
from ablations.tables.findings import Findings
from ablations.verdicts import budgets


@pytest.mark.parametrize(("frame", "info"), [(FULL, PAIRS), (heads_frame(), HEADS)], ids=["pairs", "heads"])
def test_a_smoke_figure_is_stamped_large_and_across(frame, info):
    smoke = figures.draw(Findings(frame, replace(info, scale="smoke", about="proves the path only", stamp=True)))
    stamps = [text for text in smoke.texts if text.get_text() == SMOKE]
    assert len(stamps) == 1
    assert stamps[0].get_size() > 1.25 * style.TITLE_SIZE
    assert stamps[0].get_rotation() > 10
    assert stamps[0].get_alpha() < 1
    assert SMOKE not in texts(figures.draw(Findings(frame, info)))


@pytest.mark.parametrize(("frame", "info"), [(PART, PAIRS), (heads_frame(), HEADS)], ids=["pairs", "heads"])
def test_drawing_and_saving_twice_gives_identical_files(frame, info, tmp_path):
    first = figures.save(figures.draw(Findings(frame, info)), tmp_path / "a" / "laptop")
    second = figures.save(figures.draw(Findings(frame, info)), tmp_path / "b" / "laptop")
    assert [path.name for path in first] == ["laptop.png", "laptop.svg", "laptop.pdf"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert sorted((tmp_path / "a").iterdir()) == sorted(first)


def test_files_of_the_same_figure_are_not_made_again(tmp_path):
    def saved(frame, info):
        return [
            path.stat().st_mtime_ns for path in figures.save(figures.draw(Findings(frame, info)), tmp_path / "laptop")
        ]

    heads = saved(heads_frame(), HEADS)
    assert saved(heads_frame(), HEADS) == heads
    assert not set(saved(temperature_frame(), TEMPERATURE)) & set(heads)


def test_a_save_that_was_cut_short_is_made_good(tmp_path, monkeypatch):
    def stop(path, content):
        if path.suffix == ".pdf":
            raise KeyboardInterrupt
        replace_file(path, content)

    paths = figures.save(figures.draw(Findings(heads_frame(), HEADS)), tmp_path / "laptop")
    before = [path.read_bytes() for path in paths]
    replace_file = files.replace_file
    with monkeypatch.context() as patch:
        patch.setattr(files, "replace_file", stop)
        with pytest.raises(KeyboardInterrupt):
            figures.save(figures.draw(Findings(temperature_frame(), TEMPERATURE)), tmp_path / "laptop")
    assert [path.read_bytes() for path in paths] != before
    figures.save(figures.draw(Findings(heads_frame(), HEADS)), tmp_path / "laptop")
    assert [path.read_bytes() for path in paths] == before


@pytest.mark.parametrize(("suffix", "left"), [(".svg", None), (".pdf", b""), (".png", b"of another figure")])
def test_all_files_of_a_figure_are_made_again_where_one_is_not_whole(tmp_path, suffix, left):
    paths = figures.save(figures.draw(Findings(heads_frame(), HEADS)), tmp_path / "laptop")
    before = [path.read_bytes() for path in paths]
    made = [path.stat().st_mtime_ns for path in paths]
    broken = tmp_path / f"laptop{suffix}"
    broken.unlink() if left is None else broken.write_bytes(left)
    figures.save(figures.draw(Findings(heads_frame(), HEADS)), tmp_path / "laptop")
    assert [path.read_bytes() for path in paths] == before
    assert not {path.stat().st_mtime_ns for path in paths} & set(made)


@pytest.mark.parametrize(
    ("frame", "info"),
    [
        (FULL, PAIRS),
        (PART, PAIRS),
        (heads_frame(), HEADS),
        (temperature_frame(), TEMPERATURE),
        (points_frame(), POINTS),
        (spectrum_frame(), SPECTRUM),
        repeated.pairs(),
        repeated.heads(),
    ],
    ids=["full", "part", "heads", "multiples", "points", "spectrum", "budget of a map", "budget of bars"],
)
def test_nothing_written_is_cut_off_at_the_edge(frame, info):
    verdicts = budgets.table(budgets.judge(frame, info, None), info)
    changed = replace(info, overrides=("data.source=folder:" + "images/" * 12,))
    figure = figures.draw(Findings(frame, changed, verdicts))
    whole = figure.bbox
    box = figure.get_tightbbox()
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 * figure.dpi <= whole.x1
    assert box.y1 * figure.dpi <= whole.y1


def test_a_scale_whose_name_has_a_dot_keeps_it(tmp_path):
    paths = figures.save(figures.draw(Findings(EMPTY, PAIRS)), tmp_path / "v1.5")
    assert [path.name for path in paths] == ["v1.5.png", "v1.5.svg", "v1.5.pdf"]


def test_figures_leave_matplotlib_as_it_was():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    figures.draw(Findings(FULL, PAIRS))
    assert dict(mpl.rcParams) == before
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


def test_redrawing_needs_neither_torch_nor_ray_and_the_context_no_plotting():
    probe = "import sys; import ablations.studies.info, ablations.tables.cells, ablations.compare\n"
    probe += "early = set(sys.modules)\n"
    probe += "from ablations.figures import bars, budget, pairs, scatter, spectrum; print(*early); print(*sys.modules)"
    early, late = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert not set(early.split()) & {"torch", "ray", "matplotlib", "seaborn"}
    assert not set(late.split()) & {"torch", "ray"}
    assert "matplotlib" in late.split()
