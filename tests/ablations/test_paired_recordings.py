"""The study of two recordings from end to end: from two folders, or two simulated cameras, to an answer."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ablations import report, run
from ablations.console.arguments import Exit
from ablations.studies.expand import expand
from ablations.studies.load import load_scale, load_study
from ablations.sweep import engines


def two_devices(root: Path, n: int = 40) -> str:
    """n things of two classes, bright or dark; the one device shows them red, the other blue and larger."""
    rng = np.random.default_rng(0)
    for number in range(n):
        thing = rng.integers(0, 100, (20, 20)) + 100 * (number % 2)
        for device, channel, larger in (("blue", 2, 2), ("red", 0, 1)):
            pixels = np.zeros((20, 20, 3), np.uint8)
            pixels[..., channel] = thing
            place = root / device / ("dark", "bright")[number % 2] / f"{number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.repeat(larger, 0).repeat(larger, 1)).save(place)
    return f"pairs:{root}"


def rows(out: Path) -> list[dict[str, str]]:
    """The study's table."""
    with (out / "results/paired_recordings/smoke.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_cells_differ_in_what_the_views_are_made_of_and_in_nothing_else():
    trials = expand(load_study("paired_recordings"), load_scale("laptop"), seeds=1)
    chain = ("crop", "color")
    views = {trial.axes["views"] or trial.role: trial.recipe.views for trial in trials}
    assert {name: (one.recordings, one.left, one.right) for name, one in views.items()} == {
        "untrained": ("first", chain, chain),
        "identical_views": ("first", (), ()),
        "augmentation alone": ("first", chain, chain),
        "two recordings alone": ("both", (), ()),
        "both": ("both", chain, chain),
    }
    rest = {trial.recipe.model_copy(update={"views": views["both"]}) for trial in trials if trial.role == "cell"}
    assert len(rest) == 1
    assert rest.pop().data.source == "embedded-pairs"


def test_two_folders_become_an_answer_and_nothing_is_trained_twice(tmp_path, capsys, monkeypatch):
    data = two_devices(tmp_path / "own")
    argv = ["paired_recordings", "--scale", "smoke", "--engine", "inline", "--out", str(tmp_path), "--data", data]
    assert run.main([*argv, "--seeds", "2"]) == Exit.DONE
    shown = capsys.readouterr()
    assert "40 pairs; blue/ holds the left recordings, red/ the right ones." in shown.err
    known = rows(tmp_path)
    assert len(known) == 2 * 5
    assert all(0 <= float(row["other_top1"]) <= 100 for row in known)
    assert any(row["other_top1"] != row["top1"] for row in known)
    assert (tmp_path / "reports/paired_recordings/smoke.png").is_file()
    assert report.main(["paired_recordings", "--out", str(tmp_path)]) == Exit.DONE
    page = (tmp_path / "reports/paired_recordings/smoke.html").read_text(encoding="utf-8")
    assert "Against “augmentation alone” at" in page
    assert "on the other recording (untrained" in page
    monkeypatch.setattr(engines, "run", lambda *_, **__: pytest.fail("nothing was missing"))
    (tmp_path / "own").rename(tmp_path / "elsewhere")
    argv[-1] = f"pairs:{tmp_path / 'elsewhere'}"
    assert run.main([*argv, "--seeds", "2"]) == Exit.DONE


def test_two_folders_without_labels_become_an_answer_too(tmp_path, capsys):
    data = two_devices(tmp_path / "own")
    argv = ["paired_recordings", "--scale", "smoke", "--engine", "inline", "--out", str(tmp_path), "--data", data]
    assert run.main([*argv, "--seeds", "1", "--set", "data.labels=none"]) == Exit.DONE
    assert "40 images are taken without labels." in capsys.readouterr().err
    known = frame.read(tmp_path / "results/paired_recordings/smoke.csv")
    assert known["crop_retrieval"].notna().all()
    assert known["top1"].isna().all()
    assert "other_top1" not in known
    assert (tmp_path / "reports/paired_recordings/smoke.png").is_file()


@pytest.mark.slow
def test_two_simulated_cameras_need_nothing_at_hand(tmp_path):
    argv = ["paired_recordings", "--scale", "smoke", "--engine", "inline", "--out", str(tmp_path), "--seeds", "1"]
    assert run.main(argv) == Exit.DONE
    known = rows(tmp_path)
    assert len(known) == 5
    assert all(0 <= float(row["other_top1"]) <= 100 for row in known)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["leave_one_out", "--data", "pairs:OWN"], "has two recordings: --set views.recordings=both"),
        (["paired_recordings", "--data", "embedded"], "is for images of two recordings"),
        (["paired_recordings", "--scale", "cifar10"], "CIFAR-10 has one recording of each image"),
    ],
)
def test_a_study_that_does_not_fit_the_recordings_is_refused_in_a_sentence(tmp_path, capsys, argv, words):
    two_devices(tmp_path / "own", 8)
    argv = [part.replace("OWN", str(tmp_path / "own")) for part in argv]
    scale = [] if "--scale" in argv else ["--scale", "smoke"]
    assert run.main([*argv, *scale, "--engine", "inline", "--out", str(tmp_path)]) == Exit.BAD_INPUT
    *_, said = capsys.readouterr().err.strip().splitlines()
    assert words in said
    assert not (tmp_path / "results" / "trials").exists() or not any((tmp_path / "results" / "trials").iterdir())
