"""Images without labels from the command line to the report page."""

import json
import re
from html import unescape

import pytest
from builders.photographs import photographs

from ablations import report, run
from ablations.console.arguments import Exit
from ablations.tables import frame

COMMON = ("--scale", "smoke", "--engine", "inline", "--set", "data.size=16")


def asked(capsys, tmp_path, *argv, code=Exit.DONE):
    assert run.main([*argv, *COMMON, "--out", str(tmp_path)]) == code
    return capsys.readouterr()


@pytest.mark.parametrize(
    ("study", "only", "cells"),
    [
        ("aug_pairs", ("first=crop,color", "second=crop,color"), 4),
        ("heads", ("dim=16",), 2),
        ("leave_one_out", ("policy=full,without crop,only blur",), 3),
    ],
)
def test_a_flat_folder_becomes_a_table_a_figure_and_a_page(tmp_path, capsys, study, only, cells):
    source = f"folder:{photographs(tmp_path / 'photographs', 60)}"
    chosen = [word for one in only for word in ("--only", one)]
    said = asked(capsys, tmp_path, study, "--data", source, "--seeds", "1", *chosen)
    remark = "photographs: its 60 images are taken without labels, because they lie in no class folders."
    assert said.err.count(remark) == 1
    assert re.search(r"\[1/\d\] .*: retrieval \d+\.\d in ", said.err)
    assert "Retrieval of the image's other crop (%)" in said.out
    assert "chance 1/12" in said.out
    made = frame.read(tmp_path / f"results/{study}/smoke.csv", {})
    done = made[made["status"] == "done"]
    assert (done["role"] == "cell").sum() == cells
    assert done["crop_retrieval"].notna().all()
    assert made[["top1", "balanced_accuracy", "knn_top1", "probe_l2", "probe_validation_top1"]].isna().all(axis=None)
    assert (tmp_path / f"reports/{study}/smoke.png").is_file()
    assert (tmp_path / f"reports/{study}/smoke-cost.png").is_file()
    assert report.main([study, "--out", str(tmp_path)]) == 0
    page = unescape((tmp_path / f"reports/{study}/smoke.html").read_text())
    assert "could not be drawn" not in page
    assert "No labels: measured is how often" in page
    if study != "leave_one_out":
        assert f"The images of {study} have no labels, so that linear probe top-1 is not measured." in page
    assert "no verdict" in page.lower()


def test_a_supervised_cell_is_refused_before_anything_is_trained(tmp_path, capsys):
    source = f"folder:{photographs(tmp_path / 'photographs', 60)}"
    said = asked(capsys, tmp_path, "model_size", "--data", source, code=Exit.BAD_INPUT).err.splitlines()[-1]
    assert said == (
        "method=supervised depth=18 width=1 seed=0: loss.name: cross_entropy learns classes, but folder photographs "
        "has no labels; --only leaves such cells out."
    )


def test_a_study_of_labels_runs_without_what_needs_them(tmp_path, capsys):
    source = f"folder:{photographs(tmp_path / 'photographs', 60)}"
    asked(capsys, tmp_path, "linear_vs_finetune", "--data", source, "--seeds", "1")
    made = frame.read(tmp_path / "results/linear_vs_finetune/smoke.csv", {})
    assert not [column for column in made if column.startswith("finetune") and made[column].notna().any()]
    assert made["crop_retrieval"].notna().all()
    assert (tmp_path / "reports/linear_vs_finetune/smoke.png").is_file()


def test_one_folder_is_pretrained_on_and_another_probed(tmp_path, capsys):
    source = f"folder:{photographs(tmp_path / 'a', 60)}"
    for i, name in enumerate(("train/x", "train/y", "test/x", "test/y")):
        photographs(tmp_path / "b" / name, 8, 100 + 8 * i)
    both = ("--data", source, "--probe-data", f"folder:{tmp_path / 'b'}")
    said = asked(capsys, tmp_path, "heads", *both, "--seeds", "1", "--only", "head=linear", "--only", "dim=16")
    assert "data: folder a, probed on folder b" in said.out
    made = frame.read(tmp_path / "results/heads/smoke.csv", {})
    done = made[made["status"] == "done"]
    assert done["top1"].notna().all()
    assert done["crop_retrieval"].notna().all()
    assert (done["n_test"] == 16).all()
    record = json.loads((tmp_path / "results/heads/smoke.run.json").read_text())
    assert "--probe-data" in record["command"]
    asked(capsys, tmp_path, "heads", *both, "--seeds", "1", "--only", "head=linear", "--dry-run")
