"""Whole trials: reruns, independence of what ran before, refusals, and what the core may import."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from builders.toy import recorded_twice, small, some_data
from PIL import Image
from sklearn.metrics import recall_score

import ablations
from ablations.studies.expand import expand
from ablations.studies.load import load_scale, load_study
from simclr_core import trial
from simclr_core.config import Crop, Data, Finetune, Probes, Recipe
from simclr_core.data import load
from simclr_core.data.images import UNLABELED, Dataset, ImageSet
from simclr_core.errors import BadInput
from simclr_core.model import SimCLR
from simclr_core.pretrain import pretrain
from simclr_core.probes import finetune
from simclr_core.streams import stream
from simclr_core.trial import EpochRow, TrialResult

GRIDS = Path(ablations.__file__).parent.parent / "grids"


DRAWN = {  # by which stream, and how many at most
    "alignment_h": ("alignment", 20),
    "alignment_z": ("alignment", 20),
    "histogram_top1": ("histograms", 2000),
    "crop_retrieval": ("retrieval", 2000),
    "policy_retrieval": ("retrieval", 2000),
}


def outcome(recipe: Recipe, data: Dataset) -> tuple[list[float], TrialResult]:
    *rows, result = trial.run(recipe, data)
    assert isinstance(result, TrialResult)
    return [row.loss for row in rows if isinstance(row, EpochRow)], result


def test_a_trial_gives_a_row_per_epoch_and_then_its_result() -> None:
    data = some_data()
    rows, result = outcome(small(), data)
    assert len(rows) == 2
    right = result.predictions == data.test.labels
    assert all(len(answers) == 60 for answers in result.outcomes.values())
    assert result.metrics["knn_top1"] == pytest.approx(100 * (result.outcomes["knn_top1"] == data.test.labels).mean())
    assert result.metrics["top1"] == pytest.approx(100 * right.mean())
    assert result.metrics["n_test"] == 60
    assert result.metrics["loss"] == rows[-1]
    assert np.array_equal(result.labels, data.test.labels)
    assert result.metrics["top1"] > 80  # brightness is easy; a probe of shuffled labels would sit at 50


def grouped(data: Dataset) -> Dataset:
    """The same images, four in a row of one group."""
    parts = {name: getattr(data, name) for name in ("train", "test")}
    return replace(data, **{n: replace(part, groups=np.arange(len(part)) // 4) for n, part in parts.items()})


def test_every_outcome_knows_the_groups_of_its_own_examples() -> None:
    recipe = small(
        probes={
            "geometry": {"pairs": 20},
            "color_histograms": True,
            "transfer": {"source": "folder:there"},
            "transform_prediction": {"target": "gray"},
        },
        head={"dim": "h"},
    )
    data, there = grouped(some_data()), some_data(n=40)
    there = replace(there, test=replace(there.test, groups=np.arange(60) % 7))
    *_, result = trial.run(recipe, data, transfer=there)
    assert isinstance(result, TrialResult)
    own, n_test = np.arange(60) // 4, 60
    assert result.metrics["n_groups"] == 15
    assert result.groups.keys() == result.outcomes.keys() | {"top1"}
    for name, groups in result.groups.items():
        if name.startswith("transfer"):
            assert np.array_equal(groups, np.arange(60) % 7)
        elif name in DRAWN:  # of test images drawn by the seed
            purpose, limit = DRAWN[name]
            drawn = torch.randperm(n_test, generator=stream(0, purpose))[:limit].numpy()
            assert np.array_equal(groups, own[drawn]), name
        else:
            assert np.array_equal(groups, own), name
    _, alone = outcome(small(), some_data())
    assert alone.groups == {}
    assert "n_groups" not in alone.metrics


def test_patients_are_recognized_where_they_are_torn_apart_and_at_chance_where_they_are_held_out(tmp_path) -> None:
    """200 patients, each with a pattern of its own, whose class is their number modulo 2: there is nothing to learn."""
    rng = np.random.default_rng(0)
    for patient in range(200):
        pattern = np.kron(rng.integers(0, 256, (3, 3, 3)), np.ones((8, 8, 1)))
        for i in range(5):
            path = tmp_path / "own" / "ab"[patient % 2] / f"p{patient}" / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = (pattern + rng.normal(0, 12, pattern.shape)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(path)
    top1 = {}
    for group in ("image", "parent"):
        source = {"source": f"folder:{tmp_path / 'own'}", "group": group}
        recipe = small(schedule={"epochs": 0}, data=source, probes={"knn": {"k": 3}})
        *_, result = trial.run(recipe, load(recipe.data, tmp_path / "cache"))
        assert isinstance(result, TrialResult)
        top1[group] = result.metrics["knn_top1"]
    assert result.metrics["n_groups"] == 40
    assert top1["image"] > 90
    assert 25 < top1["parent"] < 75  # three standard errors of 40 patients


def test_validation_images_of_ones_own_change_the_choice_of_penalty_and_nothing_else() -> None:
    data = replace(some_data(), validation=some_data(40).train)
    recipe = small(probes={"head_layers": True})
    (losses, alone), (again, own) = outcome(recipe, some_data()), outcome(recipe, data)
    assert losses == again
    assert own.outcomes.keys() == alone.outcomes.keys()
    assert own.metrics["n_test"] == alone.metrics["n_test"]
    for name in ("knn_top1", "alignment_h", "uniformity_z"):
        assert np.array_equal(alone.outcomes[name], own.outcomes[name])
    assert own.metrics["probe_validation_top1"] * 40 / 100 == pytest.approx(
        round(own.metrics["probe_validation_top1"] * 40 / 100)
    )


def test_one_training_image_of_a_class_will_do_where_validation_images_are_given() -> None:
    data = some_data()
    few = replace(data, train=data.train.take(np.array([0, 1, *range(2, 96, 2)])))
    with pytest.raises(BadInput, match="validation split needs at least two"):
        trial.check(small(), few)
    trial.check(small(), replace(few, validation=data.test))


@pytest.mark.parametrize(("limit", "helps"), [(96, True), (97, False), (None, False)])
def test_more_images_are_advised_only_where_the_limit_left_some_out(limit: int | None, helps: bool) -> None:
    data = grouped(some_data())
    torn = replace(data, train=replace(data.train, groups=np.arange(96) % 2))
    with pytest.raises(BadInput, match="at least two groups of every class") as refused:
        trial.check(small(data={"limit": limit}), torn)
    assert ("--set data.limit=null" in str(refused.value)) is helps


ASKED = {"head_layers": True, "online": True, "augmented_linear": {"epochs": 1}, "finetune": {"shares": {1.0: 1}}}


def test_without_labels_everything_is_measured_that_needs_none() -> None:
    data = some_data().without_labels()
    recipe = small(
        probes={**ASKED, "color_histograms": True, "transform_prediction": {"target": "gray"}}, head={"dim": "h"}
    )
    _, result = outcome(recipe, data)
    assert result.metrics.keys() == {
        *("n_test", "parameters", "loss", "entropy", "contrastive_accuracy", "rankme_h", "rankme_z", "alpha_h"),
        *("alignment_h", "alignment_z", "uniformity_h", "uniformity_z", "clusters_h"),
        *("crop_retrieval", "policy_retrieval", "histogram_top1", "transform_h", "transform_z", "transform_chance"),
    }
    assert len(result.predictions) == 0
    assert result.labels.tolist() == [UNLABELED] * 60


def test_labels_change_nothing_that_is_learned_or_measured_without_them() -> None:
    losses, known = outcome(small(), some_data())
    same, unknown = outcome(small(), some_data().without_labels())
    assert same == losses
    for name, value in unknown.metrics.items():
        assert known.metrics[name] == value, name


def test_the_supervised_twin_needs_labels() -> None:
    with pytest.raises(BadInput, match="cross_entropy learns classes, but fake set has no labels; --only leaves such"):
        trial.check(small(loss={"name": "cross_entropy"}), some_data().without_labels())


def partly_labeled() -> Dataset:
    """96 images, of which 40 have a label."""
    data = some_data()
    return replace(data, train=replace(data.train, labels=np.where(np.arange(96) < 40, data.train.labels, UNLABELED)))


def test_the_encoder_trains_on_all_images_and_probes_on_those_with_a_label() -> None:
    recipe = small(probes={"finetune": {"shares": {1.0: 1}}, "head_layers": True})
    losses, all_labeled = outcome(recipe, some_data())
    same, some_labeled = outcome(recipe, partly_labeled())
    assert same == losses
    whole = some_data()
    elsewhere = replace(whole, train=whole.train.without_labels(), probed=whole.train.take(np.arange(40)))
    again, probed = outcome(recipe, elsewhere)
    assert again == losses
    assert probed.metrics == some_labeled.metrics
    assert some_labeled.metrics["policy_retrieval"] == all_labeled.metrics["policy_retrieval"]


def test_the_supervised_twin_trains_on_images_with_a_label() -> None:
    recipe = small(loss={"name": "cross_entropy"})
    data = some_data()
    losses, _ = outcome(recipe, replace(data, train=data.train.take(np.arange(40))))
    assert outcome(recipe, partly_labeled())[0] == losses


def test_an_online_probe_needs_a_label_of_every_training_image() -> None:
    with pytest.raises(BadInput, match=r"has training images without labels: --set probes.online=false\.$"):
        trial.check(small(probes={"online": True}), partly_labeled())


def test_neighbors_are_those_with_a_label() -> None:
    with pytest.raises(BadInput, match=r"has 40 training images: --set probes.knn.k=40 or less"):
        trial.check(small(probes={"knn": {"k": 41}}), partly_labeled())
    trial.check(small(probes={"knn": {"k": 41}}), some_data(n=40).without_labels())


def test_transfer_needs_labels_there() -> None:
    recipe = small(probes={"transfer": {"source": "cifar10"}})
    with pytest.raises(BadInput, match="a linear probe needs labels, and fake set has none"):
        trial.check(recipe, some_data(), transfer=some_data().without_labels())


def test_groups_change_the_validation_split_and_nothing_else() -> None:
    _, alone = outcome(small(), some_data())
    _, together = outcome(small(), grouped(some_data()))
    for name in ("knn_top1", "alignment_h", "uniformity_z"):
        assert np.array_equal(alone.outcomes[name], together.outcomes[name])


@pytest.mark.parametrize(
    ("part", "groups", "said"),
    [
        ("test", np.zeros(60, np.int64), "are of one group; an interval needs at least two"),
        ("train", np.arange(96) % 2, "class 'a' of fake set has training images of one group; the probe's validation"),
    ],
)
def test_too_few_groups_are_refused(part: str, groups: np.ndarray, said: str) -> None:
    data = grouped(some_data())
    with pytest.raises(BadInput, match=said):
        trial.check(small(), replace(data, **{part: replace(getattr(data, part), groups=groups)}))


@pytest.mark.parametrize(
    ("fields", "helps"),
    [
        ({"schedule": {"batch_size": 97}}, "at most 96 fit: --set schedule.batch_size=96."),
        ({"probes": {"knn": {"k": 97}}}, "--set probes.knn.k=96 or less."),
    ],
)
def test_a_refusal_says_the_setting_that_helps(fields: dict, helps: str) -> None:
    with pytest.raises(BadInput) as refused:
        trial.check(small(**fields), some_data())
    assert str(refused.value).endswith(helps)


def test_balanced_accuracy_is_the_mean_of_the_classes_recalls() -> None:
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    predictions = np.array([0, 0, 0, 0, 0, 0, 0, 1], dtype=np.int16)
    assert trial.accuracies(predictions, labels) == {"top1": 87.5, "balanced_accuracy": 75.0}


def test_a_rerun_is_identical_bit_for_bit_whatever_ran_before_in_the_process() -> None:
    data, recipe = some_data(), small(views={"shared": ["crop"], "left": [], "right": ["color", "noise"]})
    first = outcome(recipe, data)
    outcome(small(seed=9, head={"kind": "linear", "dim": 8}), data)
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(99)
    torch.set_num_threads(2)
    try:
        again = outcome(recipe, data)
        assert torch.get_num_threads() == 2
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_num_threads(1)
    assert first[0] == again[0]
    assert first[1].metrics == again[1].metrics
    assert np.array_equal(first[1].predictions, again[1].predictions)


def test_seeds_differ() -> None:
    data = some_data()
    assert outcome(small(), data)[0] != outcome(small(seed=1), data)[0]


def test_the_untrained_encoder_is_the_same_whatever_the_head() -> None:
    data = some_data()
    none = outcome(small(schedule={"epochs": 0}, head={"kind": "none"}), data)[1]
    wide = outcome(small(schedule={"epochs": 0}, head={"kind": "nonlinear", "dim": 64}), data)[1]
    assert "loss" not in none.metrics
    of_h = {name for name in none.metrics if not name.endswith("_z")}
    assert {name: none.metrics[name] for name in of_h} == {name: wide.metrics[name] for name in of_h}
    assert none.metrics["rankme_z"] != wide.metrics["rankme_z"]


def test_the_untrained_loss_sits_near_log_of_the_number_of_candidates() -> None:
    # Random unit embeddings at temperature 1: every candidate about equally likely.
    data = some_data()
    recipe = small(loss={"temperature": 1.0}, optimizer={"lr": 1e-12}, schedule={"epochs": 1, "batch_size": 96})
    (loss,), _ = outcome(recipe, data)
    assert loss == pytest.approx(np.log(2 * 96 - 1), abs=0.5)


def test_the_probe_leaves_the_encoder_as_it_is() -> None:
    data, recipe = some_data(), small()
    model = SimCLR(recipe)
    for _ in pretrain(recipe, model, data.train):
        pass
    before = {key: value.clone() for key, value in model.state_dict().items()}
    trial.probe(recipe, model, data, "cpu")
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_training_never_sees_the_test_images() -> None:
    data = some_data()
    blind = Dataset(data.train, ImageSet(data.test.images[:0], data.test.labels[:0]), data.class_names, "f", "f")
    recipe = small()
    losses = [row.loss for row in pretrain(recipe, SimCLR(recipe), blind.train)]
    assert losses == outcome(recipe, data)[0]


@pytest.mark.parametrize(
    ("fields", "data", "words"),
    [
        ({"schedule": {"batch_size": 128}}, some_data(96), "batch_size is 128, but fake set has 96"),
        ({}, Dataset(some_data().train, some_data().test, ("only",), "f", "one class"), "one class"),
        ({}, Dataset(some_data().train, some_data().test, ("a", "b", "c"), "f", "three"), "class 'c' of three has 0"),
    ],
)
def test_what_cannot_run_is_refused_in_a_sentence(fields: dict[str, object], data: Dataset, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        trial.check(small(**fields), data)


def test_the_images_of_a_transfer_are_checked_too() -> None:
    recipe = small(probes={"transfer": {"source": "folder:elsewhere"}})
    trial.check(recipe, some_data(), transfer=some_data(32))
    lonely = Dataset(some_data().train, some_data().test, ("a", "b", "c"), "f", "three")
    with pytest.raises(BadInput, match="class 'c' of three has 0"):
        trial.check(recipe, some_data(), transfer=lonely)
    with pytest.raises(BadInput, match=r"probes\.transfer"):
        trial.check(recipe, some_data())


def test_a_transfer_is_the_linear_probe_over_there() -> None:
    data, there = some_data(), some_data(64, classes=4)
    recipe = small(probes={"transfer": {"source": "folder:elsewhere"}, "color_histograms": True})
    *_, result = trial.run(recipe, data, transfer=there)
    model = SimCLR(recipe)
    list(pretrain(recipe, model, data.train))
    expected = trial.probe(small(), model, there)[0]["top1"]
    assert isinstance(result, TrialResult)
    assert result.metrics["transfer_top1"] == expected
    assert result.outcomes["transfer_top1"].mean() * 100 == pytest.approx(expected)


def test_a_network_trained_on_elsewhere_is_judged_there_and_stays_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal to fine-tuning with all labels, but for its random streams; the accuracy is per image and per class."""
    data, there = some_data(), some_data(64, classes=4)
    there = Dataset(there.train, there.test.take(np.arange(10, 60)), there.class_names, "elsewhere", "elsewhere")
    settings = {"epochs": 1, "batch_size": 16, "lr": 0.1}
    probes = {"transfer": {"source": "folder:elsewhere"}, "transfer_finetune": settings}
    *_, result = trial.run(small(probes=probes), data, transfer=there)
    assert isinstance(result, TrialResult)

    model = SimCLR(small())
    list(pretrain(small(), model, data.train))
    before = {name: weights.clone() for name, weights in model.state_dict().items()}
    monkeypatch.setattr(finetune, "stream", lambda seed, purpose, *at: stream(seed, f"transfer_{purpose}", *at))
    alike = Finetune(shares={1.0: 1}, batch_size=16, lr=0.1)
    task = finetune.Classification(there.train, there.test, 4, Crop(), 0)
    expected = finetune.finetune(model.encoder, task, alike)[1.0]
    assert all(torch.equal(before[name], weights) for name, weights in model.state_dict().items())

    right = expected.outcome == there.test.labels
    recalls = recall_score(there.test.labels, expected.outcome, average=None)
    assert result.metrics["transfer_finetune_top1"] == expected.value == pytest.approx(100 * right.mean())
    assert result.metrics["transfer_finetune_balanced_accuracy"] == pytest.approx(100 * recalls.mean())
    assert expected.value != pytest.approx(100 * recalls.mean())
    assert result.outcomes["transfer_finetune_top1"].tolist() == right.tolist()
    assert result.outcomes["transfer_finetune_balanced_accuracy"].mean() == pytest.approx(recalls.mean())
    assert result.metrics["transfer_balanced_accuracy"] == pytest.approx(
        100 * result.outcomes["transfer_balanced_accuracy"].mean()
    )


def test_bfloat16_on_a_cpu_without_amx_is_refused_and_with_it_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = small(schedule={"precision": "bfloat16", "batch_size": 32})
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": False})
    with pytest.raises(BadInput, match="without AMX"):
        trial.check(recipe, some_data())
    trial.check(recipe, some_data(), device="cuda")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    trial.check(recipe, some_data())


def one_step(recipe: Recipe) -> Recipe:
    """What of a recipe a single step of eight images depends on."""
    update = {"epochs": min(recipe.schedule.epochs, 1), "batch_size": 8, "warmup": 0.0, "precision": "float32"}
    return recipe.model_copy(
        update={
            "data": Data(size=recipe.data.size),
            "optimizer": recipe.optimizer.model_copy(update={"lr": 0.1, "scaling": "none"}),
            "schedule": recipe.schedule.model_copy(update=update),
            "probes": Probes(online=recipe.probes.online),
        }
    )


def axis_values() -> list[object]:
    """One step of every value of every axis, every extra cell and every baseline of every shipped study and scale.

    Each different step once: most studies share their baselines, and many values differ only in what comes after it.
    """
    picked: dict[Recipe, object] = {}
    for path in sorted(GRIDS.glob("*.yaml")):
        study = load_study(str(path))
        for name in study.scales:
            seen: set[tuple[str, object]] = set()
            for one in expand(study, load_scale(name), seeds=1):
                new = {(one.role, "")} if one.role != "cell" else set(one.axes.items())
                if not new <= seen:
                    seen |= new
                    label = "-".join(str(value) for value in one.axes.values()) if one.role == "cell" else one.role
                    marks = [pytest.mark.slow] if name == "cifar10" else []  # ResNets
                    step = one_step(one.recipe)
                    picked.setdefault(step, pytest.param(step, id=f"{path.stem}-{name}-{label}", marks=marks))
    return list(picked.values())


@pytest.mark.parametrize("recipe", axis_values())
def test_every_value_of_every_axis_of_every_shipped_study_trains_a_step(recipe: Recipe) -> None:
    data = some_data(8, recipe.data.size)
    images = (recorded_twice(data) if recipe.views.recordings else data).train
    model = SimCLR(recipe, 2)
    before = [parameter.clone() for parameter in model.encoder.parameters()]
    rows = list(pretrain(recipe, model, images))
    assert len(rows) == recipe.schedule.epochs
    assert all(np.isfinite(row.loss) for row in rows)
    moved = any(not torch.equal(a, b) for a, b in zip(before, model.encoder.parameters(), strict=True))
    assert moved is (recipe.schedule.epochs > 0)


def test_the_core_imports_no_ray_pandas_or_plotting() -> None:
    probe = (
        "import pkgutil, importlib, sys, simclr_core\n"
        "for m in pkgutil.walk_packages(simclr_core.__path__, 'simclr_core.'): importlib.import_module(m.name)\n"
        "print(*sys.modules)"
    )
    loaded = set(subprocess.check_output([sys.executable, "-c", probe], text=True).split())
    assert "simclr_core.trial" in loaded
    assert not loaded & {"ray", "pandas", "seaborn", "matplotlib", "ablations"}


def test_a_training_loads_neither_torchs_compiler_nor_torchvision() -> None:
    """Each takes as long to import as torch itself, in every process that trains."""
    code = (
        "import sys; from builders.toy import small, some_data; from simclr_core import cost, trial\n"
        "for name in ('adamw', 'sgd', 'lars'):\n"
        "    probes = {'online': True}\n"
        "    recipe = small(optimizer={'name': name}, probes=probes)\n"
        "    cost.estimated_bytes(recipe, 2, 96), *trial.run(recipe, some_data())\n"
        "print(*{'torch._dynamo', 'torchvision', 'sympy', 'scipy'} & sys.modules.keys())"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": ":".join(sys.path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout == "\n"
