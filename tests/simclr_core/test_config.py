"""Recipes: one sentence per mistake, and names by content."""

import json
from pathlib import Path
from typing import Any

import pytest

from simclr_core.config import RECIPE_VERSION, Recipe, Schedule, Views
from simclr_core.errors import BadInput


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"optimiser": {}}, ["optimiser", "unknown key", "nearest: optimizer"]),
        ({"data": {"siez": 24}}, ["data.siez", "nearest: size", "allowed: source"]),
        ({"transforms": {"color": {"strenght": 1}}}, ["transforms.color.strenght", "nearest: strength"]),
        ({"views": {"right": ["colour"]}}, ["views.right", "'colour'", "nearest: color", "rotate"]),
        ({"schedule": {"epochs": "ten"}}, ["schedule.epochs", "integer", "'ten'"]),
        ({"schedule": {"epochs": -1}}, ["schedule.epochs", "greater than or equal to 0"]),
        ({"schedule": {"batch_size": 1}}, ["schedule.batch_size", "2"]),
        ({"loss": {"temperature": 0}}, ["loss.temperature", "greater than 0"]),
        ({"loss": {"temperature": float("nan")}}, ["loss.temperature", "finite"]),
        ({"head": {"kind": "none", "dim": 8}}, ["head", "no width"]),
        ({"head": {"kind": "mlp"}}, ["head.kind", "nonlinear"]),
        ({"encoder": {"name": "vit"}}, ["encoder.name", "resnet18"]),
        (
            {"data": {"source": "imagenet"}},
            ["data.source", "embedded, embedded-pairs, cifar10, cifar100", "aircraft, folder:PATH"],
        ),
        ({"transforms": {"crop": {"area": [0.5, 0.2]}}}, ["transforms.crop", "ordered"]),
        ({"probes": {"linear": {"l2": [0]}}}, ["probes.linear.l2", "positive"]),
        ({"head": None}, ["head", "None"]),
        ({"head": {"kind": "linear", "depth": 3}}, ["head", "only a nonlinear head", "linear"]),
        ({"head": {"kind": "none", "width": 64}}, ["head", "only a nonlinear head"]),
        (
            {"head": {"dim": "z"}},
            ["head.dim: a whole number of at least 2, h (as wide as h) or null is needed, got 'z'"],
        ),
        ({"head": {"dim": 1}}, ["head.dim: a whole number of at least 2"]),
        ({"probes": {"finetune": {"shres": {}}}}, ["probes.finetune.shres", "nearest: shares"]),
        ({"probes": {"finetune": {"shares": {0.5000001: 1, 0.5: 1}}}}, ["probes.finetune.shares", "differ"]),
        ({"transforms": {"blur": {"sigma": [0.001, 1]}}}, ["transforms.blur", "at least 0.01"]),
        ({"encoder": {"width": 3}}, ["encoder.width", "1, 2 or 4"]),
        ({"encoder": {"name": "small", "stem": "imagenet"}}, ["encoder", "stem of its own"]),
        ({"loss": {"semi_hard": True}}, ["loss", "nt_logistic and margin_triplet"]),
        ({"optimizer": {"name": "lamb"}}, ["optimizer.name", "lars"]),
        ({"schedule": {"batch_size": 64, "chunk": 24}}, ["schedule", "chunk must divide batch_size 64"]),
        ({"transforms": {"noise": {"p": 1.5}}}, ["transforms.noise.p", "less than or equal to 1"]),
        ({"transforms": {"motion_blur": {"length": [0.5, 0.1]}}}, ["transforms.motion_blur", "ordered"]),
        ({"probes": {"finetune": {"shares": {2: 10}}}}, ["probes.finetune.shares", "fractions"]),
        (
            {"probes": {"transfer": {"source": "imagenet"}}},
            ["probes.transfer.source", "embedded, embedded-pairs, cifar10"],
        ),
        ({"data": {"test": "/elsewhere"}}, ["data.test", "folder:PATH, got '/elsewhere'"]),
        ({"data": {"group": "patient"}}, ["data.group", "'parent', 'manifest' or 'image'"]),
        ({"views": {"right": ["A.Nothing"]}}, ["views.right", "A.Nothing"]),
        ({"views": {"right": ["crop", "A.CLAHE(clip=2)"]}}, ["views.right", "'clip'", "clip_limit"]),
    ],
)
def test_a_mistake_is_one_sentence_with_its_path(fields: dict[str, object], words: list[str]) -> None:
    with pytest.raises(BadInput) as caught:
        Recipe.parse(fields, "study.yaml")
    sentence = str(caught.value)
    assert sentence.startswith("study.yaml: ")
    assert "\n" not in sentence
    for word in words:
        assert word in sentence


def test_the_same_content_has_the_same_id_whatever_its_order_and_however_it_was_said() -> None:
    one = Recipe.parse({"loss": {"temperature": 0.5}, "views": {"left": ["crop"], "right": ["crop"]}})
    two = Recipe.parse({"views": {"right": ["crop"], "left": "as_right"}, "seed": 0})
    assert one.trial_id("x") == two.trial_id("x")
    assert one == Recipe.model_validate_json(one.model_dump_json())


def test_anything_that_changes_a_number_changes_the_id() -> None:
    base = Recipe()
    changed = [
        {"seed": 1},
        {"loss": {"temperature": 0.4}},
        {"views": {"right": ["color", "crop"]}},
        {"head": {"kind": "linear"}},
        {"head": {"batch_norm": False}},
        {"data": {"limit": 100}},
        {"data": {"range": [0, 4095]}},
        {"data": {"fourth_band": "ignored"}},
        {"schedule": {"precision": "bfloat16"}},
        {"schedule": {"chunk": 32}},
        {"optimizer": {"scaling": "sqrt"}},
        {"encoder": {"width": 2}},
        {"head": {"depth": 3}},
        {"loss": {"negatives": "one"}},
        {"transforms": {"color": {"brightness": "add"}}},
        {"views": {"right": ["A.CLAHE(clip_limit=2)"]}},
        {"probes": {"online": True}},
    ]
    ids = {base.trial_id("x"), base.trial_id("y"), *(Recipe.parse(fields).trial_id("x") for fields in changed)}
    assert len(ids) == len(changed) + 2


def test_the_path_of_a_folder_is_no_part_of_the_id() -> None:
    here, there = (Recipe.parse({"data": {"source": f"folder:{path}"}}) for path in ("/a/b", "c"))
    assert here.trial_id("content") == there.trial_id("content")
    elsewhere = Recipe.parse({"data": {"source": "folder:c", "test": "folder:d"}})
    assert elsewhere.trial_id("content") == here.trial_id("content")


def test_the_data_set_of_a_transfer_is_part_of_the_id_and_its_path_is_not() -> None:
    here, there = (Recipe.parse({"probes": {"transfer": {"source": f"folder:{path}"}}}) for path in ("/a/b", "c"))
    assert here.trial_id("data", "content") == there.trial_id("data", "content")
    assert here.trial_id("data", "content") != here.trial_id("data", "other content")
    assert [part.source for part in here.data_sets] == ["embedded", "folder:/a/b"]


def test_that_images_stand_for_themselves_can_be_said_and_is_the_same_trial() -> None:
    groups = ("image", "parent", "manifest", None)
    said, grouped, listed, plain = (Recipe.parse({"data": {"group": group}}) for group in groups)
    assert listed.trial_id("x") == grouped.trial_id("x")
    assert said.trial_id("x") == plain.trial_id("x") == Recipe().trial_id("x")
    assert grouped.trial_id("x") != plain.trial_id("x")
    there = [Recipe.parse({"probes": {"transfer": {"group": group}}}) for group in ("image", None)]
    assert there[0].trial_id("x", "y") == there[1].trial_id("x", "y")


def test_one_transform_of_albumentations_has_one_name() -> None:
    one, two = (
        Recipe.parse({"views": {"right": [f"A.CLAHE{arguments}"]}})
        for arguments in ("(p=1, clip_limit=2)", "( clip_limit = 2,p=1 )")
    )
    assert one == two


def test_a_head_without_width_gets_the_papers() -> None:
    assert Recipe.parse({"head": {"kind": "linear"}}).head.dim == 128
    assert Recipe.parse({"head": {"kind": "none"}}).head.dim is None
    assert Recipe.parse({"head": {"kind": "nonlinear"}}).head.depth == 2
    assert Recipe.parse({"head": {"kind": "linear"}}).head.depth is None


def test_recipes_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Recipe().seed = 3  # type: ignore[misc]


EVERYTHING = {
    "augmented_linear": {},
    "finetune": {},
    "transform_prediction": {"target": "gray"},
    "transfer": {},
    "transfer_finetune": {},
}  # probes that are off by default, each with its own defaults


def test_a_default_changes_only_with_the_recipe_version() -> None:
    """Whoever changes a default raises RECIPE_VERSION and records defaults.json anew; a new field needs neither."""
    recorded = json.loads((Path(__file__).parent / "defaults.json").read_text())
    assert recorded["recipe_version"] == RECIPE_VERSION
    now = Recipe.parse({"probes": EVERYTHING}).model_dump(mode="json")

    def compare(before: Any, after: Any, path: str) -> None:
        if not isinstance(before, dict):
            assert after == before, path
            return
        for key, value in before.items():
            compare(value, after[key], f"{path}.{key}")

    compare(recorded["defaults"], now, "recipe")


def test_a_field_that_is_added_leaves_every_trial_its_name() -> None:
    class LongerSchedule(Schedule):
        rests: int = 0

    class LargerViews(Views):
        size: int | None = None

    class LaterRecipe(Recipe):
        schedule: LongerSchedule = LongerSchedule()
        views: LargerViews = LargerViews()
        temper: float = 1.0

    for fields in ({}, {"schedule": {"epochs": 3}, "views": {"left": "as_right"}}, {"probes": EVERYTHING}):
        assert LaterRecipe.parse(fields).trial_id("x", "y") == Recipe.parse(fields).trial_id("x", "y")
    assert LaterRecipe.parse({"schedule": {"rests": 1}}).trial_id("x") != Recipe().trial_id("x")


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({}, {"head": {"kind": "nonlinear", "dim": 128, "depth": 2}}),
        ({"head": {"kind": "linear"}}, {"head": {"kind": "linear", "dim": 128}}),
        ({"loss": {"temperature": 1}}, {"loss": {"temperature": 1.0}}),
        ({"schedule": {"chunk": 64}}, {"schedule": {"chunk": 4096}}),
        ({"schedule": {"chunk": 64}}, {"schedule": {"batch_size": 64, "chunk": None}}),
        ({"views": {"left": "as_right"}}, {"views": {"left": ["crop", "color"], "right": ["crop", "color"]}}),
        ({"probes": {"finetune": {"shares": {0.01: 60, 0.1: 30, 1.0: 30}}}}, {"probes": {"finetune": {}}}),
    ],
)
def test_two_ways_to_say_one_thing_are_one_trial(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert Recipe.parse(one).trial_id("x") == Recipe.parse(two).trial_id("x")


def test_momentum_is_idle_in_adamw_and_names_no_second_trial() -> None:
    def name(**optimizer: object) -> str:
        return Recipe.parse({"optimizer": optimizer}).trial_id("tiles")

    assert name(momentum=0.5) == name(name="adamw", momentum=0.3) == name()
    assert name(name="lars", momentum=0.5) != name(name="lars")
    assert name(name="sgd", momentum=0.5) != name(name="sgd")
