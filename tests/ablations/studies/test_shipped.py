"""The studies that are shipped: each expands at every scale it offers, and asks what the paper asked."""

import pytest
from builders.studies import OFFERED, SHIPPED, cell, sentence

from ablations.studies.expand import expand
from ablations.studies.load import GRIDS, load_scale, load_study
from ablations.studies.model import Study


@pytest.mark.parametrize(("name", "scale"), OFFERED)
def test_every_shipped_study_expands_at_every_scale_it_offers(name, scale):
    study = load_study(name)
    trials = expand(study, load_scale(scale))
    assert len({trial.recipe.trial_id(*(part.source for part in trial.recipe.data_sets)) for trial in trials}) == len(
        trials
    )
    assert {trial.role for trial in trials} == {"cell", *study.baselines}
    assert all(list(trial.axes) == list(study.axes) for trial in trials)


def test_shipped_files_are_named_after_what_they_hold():
    assert all(load_study(name).study == name for name in SHIPPED)
    assert all(load_scale(path.stem).scale == path.stem for path in (GRIDS / "scales").glob("*.yaml"))


def test_aug_pairs_has_49_cells_and_two_baselines_first():
    trials = expand(load_study("aug_pairs"), load_scale("laptop"))
    assert [trial.role for trial in trials] == ["untrained", "identical_views"] + ["cell"] * 49
    assert trials[0].recipe.schedule.epochs == 0
    assert trials[1].recipe.views.left == trials[1].recipe.views.right == ()
    assert trials[0].axes == {"first": None, "second": None}


def test_head_none_has_no_width_and_widths_depend_on_the_scale():
    heads = load_study("heads")
    trials = expand(heads, load_scale("laptop"))
    none = cell(trials, head="none", dim=None)
    assert (none.recipe.head.kind, none.recipe.head.dim) == ("none", None)
    assert heads.values("head", "laptop") == ("linear", "nonlinear", "none")
    assert heads.values("dim", "smoke") == (16, 128)
    assert cell(trials, head="linear", dim=8).recipe.head.dim == 8


@pytest.mark.parametrize("study", ["aug_pairs", "albumentations_pairs"])
def test_identical_views_are_identical_whatever_the_left_branch(study):
    trials = expand(load_study(study), load_scale("laptop"), overrides={"views.left": ["color"]})
    (baseline,) = [trial.recipe.views for trial in trials if trial.role == "identical_views"]
    assert baseline.left == baseline.right


def test_figures_b7_and_b8_are_drawn_from_the_same_trials():
    for scale in ("smoke", "cifar10"):
        bars, averages = (expand(load_study(name), load_scale(scale)) for name in ("cifar10", "cifar10_temperature"))
        assert [trial.recipe for trial in bars] == [trial.recipe for trial in averages]


def test_losses_are_tuned_on_the_papers_grid_at_the_scale_cifar10():
    """Appendix B.10: five learning rates with LARS; every margin and every temperature, one of each to a place."""
    recipes = [trial.recipe for trial in expand(load_study("losses"), load_scale("cifar10")) if trial.role == "cell"]
    grid = {(recipe.optimizer.lr, recipe.loss.margin, recipe.loss.temperature) for recipe in recipes}
    assert {lr for lr, _, _ in grid} == {0.01, 0.1, 0.3, 0.5, 1.0}
    assert {margin for _, margin, _ in grid} == {0, 0.4, 0.8, 1.6}
    assert {temperature for _, _, temperature in grid} == {0.1, 0.2, 0.5, 1.0}
    assert len(grid) == 5 * 4
    assert {recipe.optimizer.name for recipe in recipes} == {"lars"}


def parts(recipe):
    """The parts of the default policy that act in a recipe; both of its branches are alike."""
    views, crop, color = recipe.views, recipe.transforms.crop, recipe.transforms.color
    assert (views.shared, views.left) == ((), views.right)
    active = {
        "crop": "crop" in views.right and (crop.area, crop.ratio) != ((1, 1), (1, 1)),
        "flip": "crop" in views.right and crop.flip,
        "color jitter": "color" in views.right and color.jitter_p > 0,
        "gray": "color" in views.right and color.gray_p > 0,
        "blur": "blur" in views.right,
    }
    return {part for part, there in active.items() if there}


@pytest.mark.parametrize("scale", ["smoke", "laptop", "cifar10-small", "cifar10"])
@pytest.mark.parametrize("data", [None, "folder:photos"])
def test_leave_one_out_takes_each_part_of_the_policy_away_and_leaves_each_alone(scale, data):
    trials = expand(load_study("leave_one_out"), load_scale(scale), data=data, seeds=1)
    found = {trial.axes["policy"]: parts(trial.recipe) for trial in trials if trial.role == "cell"}
    whole = ("crop", "flip", "color jitter", "gray", "blur")
    assert found == {
        "full": {*whole},
        **{f"without {part}": {*whole} - {part} for part in whole},
        **{f"only {part}": {part} for part in whole},
    }


def test_every_transfer_is_to_another_data_set_but_in_a_smoke_run():
    for trial in expand(load_study("transfer"), load_scale("cifar10")):
        assert trial.recipe.probes.transfer.source not in (trial.recipe.data.source, "embedded")
        assert trial.recipe.probes.transfer_finetune is not None
    smoke = [trial.recipe for trial in expand(load_study("transfer"), load_scale("smoke"))]
    assert {recipe.probes.transfer for recipe in smoke} == {smoke[0].data}
    said = sentence(lambda: expand(load_study("transfer"), load_scale("laptop")))
    assert "only one set is embedded" in said


@pytest.mark.parametrize("name", SHIPPED)
def test_every_scale_is_offered_or_refused_with_a_reason(name):
    study = load_study(name)
    assert {*study.scales, *study.refuses} == {path.stem for path in (GRIDS / "scales").glob("*.yaml")}


def test_the_documented_example_of_a_study_is_one(tmp_path):
    text = (GRIDS.parent / "docs" / "extending.md").read_text(encoding="utf-8")
    example = tmp_path / "blur_and_batch.yaml"
    example.write_text(text.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    study = load_study(example)
    assert [len(expand(study, load_scale(scale))) for scale in study.scales] == [12, 18]
    keys = set(Study.model_fields) - {"paper", "repeats"}
    assert keys <= set(study.model_fields_set)


def test_the_documented_example_of_a_study_that_repeats_another_is_one(tmp_path):
    text = (GRIDS.parent / "docs" / "extending.md").read_text(encoding="utf-8")
    example = tmp_path / "longer_blur.yaml"
    example.write_text(text.split("```yaml\n")[2].split("```")[0], encoding="utf-8")
    study = load_study(example)
    assert study.repeats
    assert study.figure.kind == "budget"
    assert expand(study, load_scale("smoke"))


def test_the_docs_name_every_shipped_study():
    text = (GRIDS.parent / "docs" / "paper.md").read_text(encoding="utf-8")
    assert [name for name in SHIPPED if f"`{name}`" not in text] == []
