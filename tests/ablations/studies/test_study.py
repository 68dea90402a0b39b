from collections.abc import Callable

import pytest
from builders import tiny

from ablations.studies.expand import expand
from ablations.studies.load import GRIDS, load_scale, load_study
from ablations.studies.metrics import COLUMNS
from ablations.studies.model import Study
from ablations.studies.options import parse_overrides
from ablations.tables import frame
from simclr_core.errors import BadInput

SHIPPED = sorted(path.stem for path in GRIDS.glob("*.yaml"))
OFFERED = [(name, scale) for name in SHIPPED for scale in load_study(name).scales]


def tiny_trials(tmp_path, study=tiny.STUDY, scale=tiny.SCALE, **options):
    tiny.write(tmp_path, study, scale)
    return expand(load_study(tmp_path / "study.yaml"), load_scale(tmp_path / "scale.yaml"), **options)


def cell(trials, **axes):
    return next(trial for trial in trials if trial.axes == axes)


def sentence(call: Callable[[], object]) -> str:
    with pytest.raises(BadInput) as caught:
        call()
    said = str(caught.value)
    assert "\n" not in said
    assert said.endswith(".")
    return said


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


def test_every_figure_kind_can_be_drawn_and_column_names_are_the_tables():
    assert set(frame.METRICS) <= set(COLUMNS)
    assert set(frame.study_frame([], []).columns) == set(COLUMNS)


def test_aug_pairs_has_49_cells_and_two_baselines_first():
    trials = expand(load_study("aug_pairs"), load_scale("laptop"))
    assert [trial.role for trial in trials] == ["untrained", "identical_views"] + ["cell"] * 49
    assert trials[0].recipe.schedule.epochs == 0
    assert trials[1].recipe.views.left == trials[1].recipe.views.right == ()
    assert trials[0].axes == {"first": None, "second": None}


def test_a_pair_is_composed_in_order_and_the_diagonal_is_the_single_transformation():
    trials = expand(load_study("aug_pairs"), load_scale("laptop"))
    assert cell(trials, first="crop", second="color").recipe.views.right == ("crop", "color")
    assert cell(trials, first="color", second="crop").recipe.views.right == ("color", "crop")
    assert cell(trials, first="crop", second="crop").recipe.views.right == ("crop",)
    assert all(trial.recipe.views.left == () for trial in trials)


def test_symmetric_views_are_one_override():
    trials = expand(load_study("aug_pairs"), load_scale("laptop"), overrides={"views.left": "as_right"})
    assert cell(trials, first="blur", second="noise").recipe.views.left == ("blur", "noise")


def test_head_none_has_no_width_and_widths_depend_on_the_scale():
    heads = load_study("heads")
    trials = expand(heads, load_scale("laptop"))
    none = cell(trials, head="none", dim=None)
    assert (none.recipe.head.kind, none.recipe.head.dim) == ("none", None)
    assert heads.values("head", "laptop") == ("linear", "nonlinear", "none")
    assert heads.values("dim", "smoke") == (16, 128)
    assert cell(trials, head="linear", dim=8).recipe.head.dim == 8


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

    assert size() == size(data="embedded") == 24
    assert size(data="cifar10") == size(data="folder:photos") == 32
    assert size(data="cifar10", overrides={"data.size": 48}) == 48
    cifar = expand(load_study("aug_pairs"), load_scale("cifar10"), data="embedded")
    assert cifar[0].recipe.data.size == 24


def test_a_folder_is_found_from_wherever_workers_stand(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tiny_trials(tmp_path, data="folder:photos")[0].recipe.data.source == f"folder:{tmp_path}/photos"


def test_numbers_like_1e_3_are_numbers(tmp_path):
    study = tiny.STUDY.replace(
        "first: {append: views.right, values: [crop, color]}", "lr: {set: optimizer.lr, values: [1e-3, 2E-2]}"
    )
    assert {trial.axes["lr"] for trial in tiny_trials(tmp_path, study)} == {None, 1e-3, 2e-2}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("question:", "qestion:", ["study.yaml: unknown key 'qestion'", "nearest: question"]),
        ("question: Does the path work?", "", ["study.yaml: the key 'question' is missing"]),
        (
            "{append: views.right, values: [crop, color]}",
            "{apend: views.right, values: [crop]}",
            ["axes.first", "nearest: append"],
        ),
        ("values: [crop, color]}", "values: [crop, colr]}", ["first = ", "'colr'", "nearest: color"]),
        ("values: [crop, color]}", "values: [crop, crop]}", ["axes.first", "'crop' twice"]),
        ("append: views.right, ", "append: views.rihgt, ", ["axes.first.append: views.rihgt is no list field"]),
        ("append: views.right, ", "append: loss.temperature, ", ["loss.temperature is no list field"]),
        ("first: {append: views.right, ", "first: {set: views.colour, ", ["views.colour", "unknown key"]),
        ("schedule.epochs: 0", "schedule.epoch: 0", ["baselines.untrained", "schedule.epoch", "nearest: epochs"]),
        ("left: []", "left: 3", ["recipe: views.left", "got 3"]),
        ("study: tiny", "study: ../tiny", ["letters, digits, _ and - only"]),
        ("study: tiny", "study: [", ["study.yaml, line", "invalid YAML"]),
        ("study: tiny", "study: " + 5000 * "[", ["study.yaml", "nested too deeply"]),
        ("study: tiny", "study: " + 5000 * "9", ["study.yaml", "4300 digits"]),
        ("figure: pairs", "figure: pie", ["figure", "'pairs'", "got 'pie'"]),
        ("figure: pairs", "figure: pairs\nfigure: heads", ["line 5", "'figure' is given twice"]),
        ("  first:", "  top1:", ["axes.top1", "column"]),
        ("  first:", "  third: {set: seed, values: [1]}\n  first:", ["2 axes, got 3"]),
        ("right: []}", "right: []}\n  seed: 3", ["seed: seeds are given by"]),
        ("untrained:", "cell:", ["'cell' is the name of ordinary trials"]),
        ("baselines:", "extra: [{first: blur}]\nbaselines:", ["extra.0", "'second' has no value"]),
        ("baselines:", "extra: [{first: crop, second: color}]\nbaselines:", ["extra.0", "there already"]),
        ("scales: [tiny]", "scales: [tiny]\nseeds: 0", ["seeds", "at least 1"]),
    ],
)
def test_a_mistake_in_a_study_is_one_sentence(tmp_path, old, new, said):
    assert old in tiny.STUDY
    message = sentence(lambda: tiny_trials(tmp_path, tiny.STUDY.replace(old, new)))
    assert all(part in message for part in said), message


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"overrides": {"optimizer.l": 1}}, ["--set", "optimizer.l", "nearest: lr"]),
        ({"overrides": {"schedule.batch_size": "many"}}, ["--set: schedule.batch_size", "got 'many'"]),
        ({"data": "imagenet"}, ["--data", "'imagenet'", "folder:PATH"]),
        ({"only": {"frist": ["crop"]}}, ["--only frist", "nearest: first"]),
        ({"only": {"first": ["corp"]}}, ["--only first", "'corp'", "nearest: crop"]),
        ({"seeds": 0}, ["--seeds", "at least 1"]),
    ],
)
def test_a_mistake_in_an_option_is_one_sentence(tmp_path, options, said):
    message = sentence(lambda: tiny_trials(tmp_path, **options))
    assert all(part in message for part in said), message


def test_seeds_are_no_field_to_set():
    for given in ("seed=1", "seeds=3"):
        assert sentence(lambda given=given: parse_overrides([given])).startswith(f"--set {given}: seeds are given by")


def test_an_override_of_what_an_axis_sets_is_refused_because_it_would_do_nothing():
    message = sentence(lambda: expand(load_study("heads"), load_scale("smoke"), overrides={"head.dim": 64}))
    assert "--only dim=VALUE" in message


def test_a_missing_an_empty_and_an_unknown_file_are_one_sentence_each(tmp_path):
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    (tmp_path / "list.yaml").write_text("- a\n")
    assert "no such file" in sentence(lambda: load_study(tmp_path / "missing.yaml"))
    assert "empty" in sentence(lambda: load_study(tmp_path / "empty.yaml"))
    assert "mapping" in sentence(lambda: load_scale(tmp_path / "list.yaml"))
    assert sentence(lambda: load_scale("")).startswith("An empty name of a scale; give")
    assert f"{tmp_path} is a folder; give a study by" in sentence(lambda: load_study(f"{tmp_path}/"))
    assert "nearest: aug_pairs" in sentence(lambda: load_study("aug_pair"))
    assert "nearest: laptop" in sentence(lambda: load_scale("labtop"))


def test_a_shipped_scale_that_the_study_does_not_list_is_refused(tmp_path):
    tiny.write(tmp_path)
    assert "allowed: tiny" in sentence(lambda: expand(load_study(tmp_path / "study.yaml"), load_scale("laptop")))


def test_a_scale_of_the_users_own_may_be_used_with_any_study(tmp_path):
    tiny.write(tmp_path)
    assert len(expand(load_study("aug_pairs"), load_scale(tmp_path / "scale.yaml"))) == 51


def test_a_study_cannot_be_changed():
    study = load_study("heads")
    with pytest.raises(ValueError, match="frozen"):
        study.seeds = 4
    assert Study.model_validate(study.model_dump()) == study


def test_two_axes_that_set_the_same_field_are_refused(tmp_path):
    twice = tiny.STUDY.replace(
        "append: views.right, values: [crop, color]", "set: loss.temperature, values: [0.1, 0.5]"
    )
    said = sentence(lambda: tiny_trials(tmp_path, twice))
    assert "axes.second: loss.temperature is set by axis 'first' already" in said


def test_a_paper_item_without_numbers_is_refused_with_those_there_are(tmp_path):
    said = sentence(lambda: tiny_trials(tmp_path, tiny.STUDY + "paper: fig5_aug_pair\n"))
    assert "nearest: fig5_aug_pairs" in said


def test_seeds_beyond_reason_are_refused_at_once(tmp_path):
    assert "at most 1000" in sentence(lambda: tiny_trials(tmp_path, seeds=10**14))
    assert "at most 1000" in sentence(lambda: tiny_trials(tmp_path, tiny.STUDY + "seeds: 100000000\n"))


@pytest.mark.parametrize("study", ["aug_pairs", "albumentations_pairs"])
def test_identical_views_are_identical_whatever_the_left_branch(study):
    trials = expand(load_study(study), load_scale("laptop"), overrides={"views.left": ["color"]})
    (baseline,) = [trial.recipe.views for trial in trials if trial.role == "identical_views"]
    assert baseline.left == baseline.right


NAMED = """
study: named
question: Are axes of named values understood?
figure: {kind: bars, x: policy, hue: epochs}
scales: [smoke]
refuses: {laptop: it would take too long}
recipe: {views: {left: [crop], right: [crop]}}
at:
  smoke: {optimizer: {lr: 0.5}}
axes:
  policy:
    label: augmentation policy
    values:
      plain: {}
      strong: {views.left: [crop, color], views.right: [crop, color], transforms.color.strength: 0.25}
      blurred: {views.right: [crop, blur]}
    at: {smoke: [plain, strong]}
  epochs: {set: schedule.epochs, values: [1, 2]}
extra:
  - {policy: blurred, epochs: null}
"""


def named(tmp_path, text=NAMED, scale="smoke"):
    (tmp_path / "named.yaml").write_text(text)
    study = load_study(tmp_path / "named.yaml")
    return study, expand(study, load_scale(scale))


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


REFERRING = NAMED.replace("hue: epochs}", "hue: epochs, compare: policy, reference: plain}").replace("null", "2")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "reference: plain",
            "reference: plane",
            "no value 'plane'; nearest: plain; allowed: plain, strong",
        ),
        (
            "at: {smoke: [plain, strong]}",
            "at: {smoke: [strong]}",
            "policy' has no value 'plain' at scale 'smoke'",
        ),
        (
            "compare: policy, reference: plain",
            "compare: epochs, reference: 3",
            "epochs' has no value 3; allowed: 1",
        ),
        ("compare: policy, reference", "reference", "it is a value of the axis that is compared"),
        ("reference: plain", "reference: [plain]", "figure.reference"),
        ("reference: plain", "refrence: plain", "nearest: reference"),
    ],
)
def test_a_mistake_in_a_reference_is_one_sentence(tmp_path, old, new, said):
    named(tmp_path, REFERRING)
    assert old in REFERRING
    assert said in sentence(lambda: named(tmp_path, REFERRING.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("values: [1, 2]", "values: {one: {schedule.epochs: 1}}", "a mapping from names to fields without them"),
        ("{set: schedule.epochs, values", "{values", "a list with set or append"),
        ("[plain, strong]", "[plain, storng]", "unknown value 'storng'; nearest: strong"),
        ("smoke: {optimizer", "smok: {optimizer", "at: unknown scale 'smok'; nearest: smoke"),
        ("smoke: {optimizer: {lr: 0.5}}", "smoke: {optimizer: {lrr: 0.5}}", "unknown key 'lrr'; nearest: lr"),
        ("refuses: {laptop", "refuses: {smoke", "'smoke' is one of scales"),
        ("x: policy, hue: epochs", "x: policy", "must place each of policy, epochs once"),
        ("kind: bars", "kind: pie", "figure.kind"),
        ("values: [1, 2]", "values: []", "at least 1 item"),
        ("set: schedule.epochs", "set: transforms.color.strength", "transforms.color.strength is set by axis 'policy'"),
    ],
)
def test_a_mistake_in_an_axis_or_a_figure_is_one_sentence(tmp_path, old, new, said):
    text = NAMED.replace("epochs: null", "epochs: 2")
    assert old in text
    assert said in sentence(lambda: named(tmp_path, text.replace(old, new)))


REPEATING = {name: load_study(name).repeats for name in SHIPPED if load_study(name).repeats}


@pytest.mark.parametrize(("name", "scale"), [(name, scale) for name, scale in OFFERED if name in REPEATING])
def test_a_study_that_repeats_another_trains_its_cells_at_every_value_and_shares_their_trials(name, scale):
    study, other = load_study(name), load_study(REPEATING[name])
    assert study.scales == other.scales
    trials = expand(study, load_scale(scale), seeds=1)
    for epochs in study.axes["epochs"].listed(scale):
        here = [trial for trial in trials if trial.axes["epochs"] == epochs]
        cut = [({axis: value for axis, value in one.axes.items() if axis != "epochs"}, one.recipe) for one in here]
        there = expand(other, load_scale(scale), seeds=1, overrides={"schedule.epochs": epochs})
        assert cut == [(trial.axes, trial.recipe) for trial in there if trial.role == "cell"]
    own = expand(other, load_scale(scale), seeds=1)
    baselines = [(trial.role, trial.recipe) for trial in trials if trial.role != "cell"]
    assert baselines == [(trial.role, trial.recipe) for trial in own if trial.role != "cell"]


def test_the_budgets_are_those_that_are_said_and_the_scales_own_is_among_them():
    assert set(REPEATING) == {"budget_pairs", "budget_heads", "budget_temperature"}
    for name in REPEATING:
        for scale in load_study(name).scales:
            listed = load_study(name).axes["epochs"].listed(scale)
            assert load_scale(scale).recipe["schedule"]["epochs"] in listed
            assert list(listed) == sorted(listed)


BUDGET = """
study: longer
question: At which length?
repeats: heads
figure: {kind: budget, x: epochs, hue: head, average: [dim]}
axes:
  epochs: {set: schedule.epochs, values: [1, 2]}
"""


def longer(tmp_path, text=BUDGET):
    (tmp_path / "longer.yaml").write_text(text)
    return load_study(tmp_path / "longer.yaml")


def test_a_study_of_ones_own_may_repeat_a_shipped_one_or_one_by_its_path(tmp_path):
    study = longer(tmp_path)
    assert (study.repeats, study.along, list(study.axes)) == ("heads", "epochs", ["epochs", "head", "dim"])
    assert study.seeds == load_study("heads").seeds
    assert Study.model_validate(study.model_dump()) == study
    nones = [trial.axes for trial in expand(study, load_scale("smoke"), seeds=1) if trial.axes["head"] == "none"]
    assert nones == [{"epochs": epochs, "head": "none", "dim": None} for epochs in (1, 2)]
    by_path = longer(tmp_path, BUDGET.replace("repeats: heads", f"repeats: {GRIDS / 'heads.yaml'}"))
    assert by_path == study
    bars = longer(tmp_path, BUDGET.replace("kind: budget, x: epochs, hue: head", "kind: bars, x: epochs, hue: head"))
    assert bars.figure.kind == "bars"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("repeats: heads", "repeats: head", "longer.yaml: repeats: Unknown study 'head'; nearest: heads"),
        ("repeats: heads", "repeats: [heads]", "repeats: give the name of a study, or a path to its file"),
        ("repeats: heads", "repeats: budget_heads", "repeats: budget_heads repeats another study itself."),
        ("repeats: heads", "repeats: LONGER", "longer.yaml repeats another study itself."),
        ("axes:", "recipe: {}\naxes:", "recipe: a study that repeats another has the other's; leave it out."),
        ("axes:", "scales: [smoke]\naxes:", "scales: a study that repeats another has the other's; leave it out."),
        ("axes:", "sead: 3\naxes:", "unknown key 'sead'; nearest: seeds"),
        ("  epochs:", "  dim:", "has one axis of its own, and beside it the other's: head, dim."),
        ("  epochs:", "  b: {set: seed, values: [1]}\n  epochs:", "has one axis of its own"),
        ("set: schedule.epochs", "set: schedule.batch_size", "repeats another along x, which sets schedule.epochs"),
        ("x: epochs, hue: head", "x: head, hue: epochs", "repeats another along x, which sets schedule.epochs"),
        ("[1, 2]", "[0, 2]", "starts at 1 epoch; untrained is a baseline"),
        ("repeats: heads", "scales: [smoke]", "kind 'budget' is for a study that repeats another"),
    ],
)
def test_a_mistake_in_what_is_repeated_is_one_sentence(tmp_path, old, new, said):
    assert old in BUDGET
    text = BUDGET.replace(old, new.replace("LONGER", str(tmp_path / "longer.yaml")), 1)
    if "repeats:" not in text:
        text = text.replace(", hue: head, average: [dim]", ", hue: head").replace(
            "axes:", "axes:\n  head: {set: head.kind, values: [linear]}"
        )
    assert said in sentence(lambda: longer(tmp_path, text))


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
