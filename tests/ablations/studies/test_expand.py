"""From a study, a scale and options to trials."""

from builders import tiny
from builders.studies import NAMED, cell, named, sentence, tiny_trials

from ablations.studies.expand import expand
from ablations.studies.load import load_scale, load_study


def test_a_pair_is_composed_in_order_and_the_diagonal_is_the_single_transformation():
    trials = expand(load_study("aug_pairs"), load_scale("laptop"))
    assert cell(trials, first="crop", second="color").recipe.views.right == ("crop", "color")
    assert cell(trials, first="color", second="crop").recipe.views.right == ("color", "crop")
    assert cell(trials, first="crop", second="crop").recipe.views.right == ("crop",)
    assert all(trial.recipe.views.left == () for trial in trials)


def test_symmetric_views_are_one_override():
    trials = expand(load_study("aug_pairs"), load_scale("laptop"), overrides={"views.left": "as_right"})
    assert cell(trials, first="blur", second="noise").recipe.views.left == ("blur", "noise")


def test_whole_maps_come_one_seed_after_the_other(tmp_path):
    trials = tiny_trials(tmp_path, seeds=2)
    assert [trial.seed for trial in trials] == [0, 1] + [0] * 4 + [1] * 4
    assert all(trial.recipe.seed == trial.seed for trial in trials)


def test_a_list_of_seeds_is_taken_as_it_is(tmp_path):
    trials = tiny_trials(tmp_path, tiny.STUDY + "seeds: [7, 3]\n")
    assert [trial.seed for trial in trials[2:]] == [7] * 4 + [3] * 4


def test_study_goes_over_scale_and_overrides_over_both(tmp_path):
    study = tiny.STUDY.replace("recipe:\n", "recipe:\n  loss: {temperature: 0.3}\n  optimizer: {lr: 1e-2}\n")
    trials = tiny_trials(tmp_path, study, overrides={"loss.temperature": 0.7, "schedule": {"warmup": 0}})
    recipe = trials[-1].recipe
    assert (recipe.loss.temperature, recipe.optimizer.lr) == (0.7, 0.01)
    assert (recipe.schedule.warmup, recipe.schedule.batch_size) == (0, 20)


def test_only_chooses_cells_and_keeps_baselines(tmp_path):
    trials = tiny_trials(tmp_path, only={"first": ["crop"], "second": ["color", "crop"]})
    assert [trial.role for trial in trials] == ["untrained", "cell", "cell"]
    assert {trial.axes["first"] for trial in trials[1:]} == {"crop"}


def test_other_data_than_embedded_has_32_pixels_unless_said_otherwise(tmp_path):
    def size(**options):
        return tiny_trials(tmp_path, **options)[0].recipe.data.size

    assert size() == size(data="embedded") == size(data="embedded-pairs") == 24
    assert size(data="cifar10") == size(data="folder:photos") == size(data="pairs:photos") == 32
    assert size(data="cifar10", overrides={"data.size": 48}) == 48
    cifar = expand(load_study("aug_pairs"), load_scale("cifar10"), data="embedded")
    assert cifar[0].recipe.data.size == 24


def test_a_folder_is_found_from_wherever_workers_stand(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for kind in ("folder", "pairs"):
        assert tiny_trials(tmp_path, data=f"{kind}:photos")[0].recipe.data.source == f"{kind}:{tmp_path}/photos"
    trials = tiny_trials(tmp_path, data="folder:photos", overrides={"data.test": "folder:others"})
    assert trials[0].recipe.data.test == f"folder:{tmp_path}/others"


def test_a_shipped_scale_that_the_study_does_not_list_is_refused(tmp_path):
    tiny.write(tmp_path)
    assert "allowed: tiny" in sentence(lambda: expand(load_study(tmp_path / "study.yaml"), load_scale("laptop")))


def test_an_axis_of_named_values_sets_the_fields_of_each(tmp_path):
    study, trials = named(tmp_path, NAMED.replace("epochs: null", "epochs: 2"))
    strong = cell(trials, policy="strong", epochs=1).recipe
    assert strong.views.left == strong.views.right == ("crop", "color")
    assert strong.transforms.color.strength == 0.25
    plain = cell(trials, policy="plain", epochs=2).recipe
    assert (plain.views.left, plain.transforms.color.strength) == (("crop",), 1.0)
    assert cell(trials, policy="blurred", epochs=2).recipe.views.right == ("crop", "blur")
    assert study.values("policy", "smoke") == ("plain", "strong", "blurred")
    assert len(trials) == 5


def test_a_study_may_differ_at_a_scale(tmp_path):
    trials = named(tmp_path, NAMED.replace("epochs: null", "epochs: 2"))[1]
    assert all(trial.recipe.optimizer.lr == 0.5 for trial in trials)


def test_a_scale_that_cannot_answer_is_refused_with_the_reason(tmp_path):
    said = sentence(lambda: named(tmp_path, NAMED.replace("epochs: null", "epochs: 2"), "laptop"))
    assert "not offered at scale 'laptop' (it would take too long); allowed: smoke." in said
    assert "minutes on a CPU core" in sentence(lambda: expand(load_study("model_size"), load_scale("laptop")))
