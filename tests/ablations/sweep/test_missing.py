import copy

import numpy as np
import pytest

from ablations.console.text import clean, yaml_text
from ablations.store.trials import Failure, State
from ablations.sweep.missing import WantedTrial, nearest, short, why_missing
from simclr_core.config import RECIPE_VERSION, Recipe

DONE, MISSING = State("done"), State("missing")


def record(fields=None, fingerprints=("embedded-tiles-v1",), version=RECIPE_VERSION, **more):
    recipe = Recipe.parse({**(fields or {}), **more}).model_dump(mode="json")
    return {"recipe": recipe, "fingerprints": list(fingerprints), "recipe_version": version}


def lr(value, **more):
    return record(optimizer={"lr": value}, **more)


def said(wanted, *stored):
    (group,) = nearest([wanted], stored)
    return group.text


# --- the difference in words ------------------------------------------------------------------------------------------


def test_one_field_that_differs():
    assert said(lr(0.3), lr(0.2)) == "optimizer.lr is 0.3, stored trials have 0.2"


def test_several_stored_values_by_size():
    assert said(lr(0.3), lr(0.2), lr(0.1), lr(10.0)) == "optimizer.lr is 0.3, stored trials have 0.1, 0.2, 10.0"


def test_several_fields_in_the_recipes_order():
    wanted = record(optimizer={"lr": 0.3}, head={"kind": "linear"})
    stored = record(optimizer={"lr": 0.2})
    assert said(wanted, stored) == (
        "head.kind is linear, stored trials have nonlinear; head.depth is null, stored trials have 2; "
        "optimizer.lr is 0.3, stored trials have 0.2"
    )


def test_only_the_nearest_stored_trials_are_told():
    far = lr(0.1, schedule={"epochs": 3})
    (group,) = nearest([lr(0.3)], [far, lr(0.2)])
    assert (group.text, group.differing, group.example) == ("optimizer.lr is 0.3, stored trials have 0.2", 1, 1)


def test_other_images():
    wanted, stored = lr(0.1, fingerprints=["folder-ab12ab12ab12"]), lr(0.1, fingerprints=["folder-ef34ef34ef34"])
    assert said(wanted, stored) == "the images differ: fingerprint folder-ab12ab12…, stored folder-ef34ef34…"


def test_the_path_of_a_folder_is_no_difference():
    wanted = lr(0.3, data={"source": "folder:/here"}, fingerprints=["folder-1"])
    stored = lr(0.2, data={"source": "folder:/there"}, fingerprints=["folder-1"])
    assert said(wanted, stored) == "optimizer.lr is 0.3, stored trials have 0.2"


def test_other_images_of_the_transfer_probe():
    transfer = {"transfer": {"source": "folder:/x"}}
    wanted = record(probes=transfer, fingerprints=["embedded-tiles-v1", "folder-1"])
    stored = record(probes=transfer, fingerprints=["embedded-tiles-v1", "folder-2"])
    assert said(wanted, stored) == "the images of probes.transfer differ: fingerprint folder-1, stored folder-2"


def test_a_probe_that_is_on_or_off_is_one_field():
    wanted, stored = record(), record(probes={"augmented_linear": {"epochs": 5}})
    assert said(wanted, stored) == (
        "probes.augmented_linear is null, stored trials have {epochs: 5, batch_size: 512, lr: 0.1, weight_decay: 0.0}"
    )
    assert said(stored, wanted).endswith("weight_decay: 0.0}, stored trials have null")


def test_an_older_trainers_trial_with_and_without_the_fields_of_today():
    old = lr(0.3, version=RECIPE_VERSION - 1)
    expected = f"made by recipe version {RECIPE_VERSION - 1}, now {RECIPE_VERSION}"
    assert said(lr(0.3), old) == expected
    del old["recipe"]["loss"]["margin"]
    old["recipe"]["loss"]["gone_since"] = 1
    assert said(lr(0.3), old) == expected


def test_a_field_that_only_one_side_has_in_the_same_version():
    stored = lr(0.3)
    del stored["recipe"]["loss"]["margin"]
    assert said(lr(0.3), stored) == "loss.margin is 0.8, stored trials have nothing there"
    stored = lr(0.3)
    stored["recipe"]["loss"]["new"] = 1
    assert said(lr(0.3), stored) == "stored trials have fields that are not known here: [loss.new]"


def test_the_same_recipe_under_another_name_is_said():
    assert said(lr(0.3), lr(0.3)) == "a stored trial has the same recipe under another name"
    assert said(lr(0.3), lr(0.3), lr(0.2)) == "a stored trial has the same recipe under another name"


def test_a_cause_that_many_share_is_said_once():
    """Seed 5 at lr 0.3 is as near to lr 0.2 as to the one seed 0, but lr is what the others lack too."""
    wanted = [lr(0.3, seed=seed, head={"dim": 8 if seed == 5 else 9}) for seed in range(1, 6)]
    stored = [lr(0.2, seed=seed, head={"dim": 8 if seed == 5 else 9}) for seed in range(1, 6)]
    stored += [lr(0.3, seed=0, head={"dim": 8})]
    (group,) = nearest(wanted, stored)
    assert (group.rows, group.text) == ([0, 1, 2, 3, 4], "optimizer.lr is 0.3, stored trials have 0.2")


def test_nothing_stored_or_nothing_wanted():
    assert nearest([lr(0.3)], []) == []
    assert nearest([], [lr(0.3)]) == []


def test_it_agrees_with_counting_by_hand():
    rng = np.random.default_rng(0)

    def draw():
        return {"optimizer": {"lr": float(rng.choice([0.1, 0.2]))}, "seed": int(rng.integers(3)),
                "schedule": {"epochs": int(rng.integers(3))}, "head": {"dim": int(rng.integers(2, 4))}}  # fmt: skip

    wanted, stored = [draw() for _ in range(40)], [draw() for _ in range(30)]
    groups = nearest([record(fields) for fields in wanted], [record(fields) for fields in stored])
    least = {row: group.differing for group in groups for row in group.rows}
    assert least == {
        row: min(sum(mine[key] != theirs[key] for key in mine) for theirs in stored) for row, mine in enumerate(wanted)
    }


def test_ten_thousand_by_ten_thousand():
    base = lr(0.3)

    def with_seed(seed, rate):
        return {
            **base,
            "recipe": {**base["recipe"], "seed": seed, "optimizer": {**base["recipe"]["optimizer"], "lr": rate}},
        }

    wanted = [with_seed(seed, 0.3) for seed in range(10_000)]
    (group,) = nearest(wanted, [with_seed(seed, 0.2) for seed in range(10_000)])
    assert (len(group.rows), group.text) == (10_000, "optimizer.lr is 0.3, stored trials have 0.2")


@pytest.mark.parametrize(
    "value", ["\x1b[31m\nx", "y" * 10**6, [[[[[[[[[[[[1]]]]]]]]]]]], {}, float("nan"), True, None, 10**400]
)
def test_whatever_lies_in_a_stored_recipe(value):
    stored = copy.deepcopy(lr(0.3))
    stored["recipe"]["optimizer"]["lr"] = value
    text = said(lr(0.3), stored)
    assert text.startswith("optimizer.lr is 0.3, stored trials have ")
    assert text.isprintable()
    assert len(text) < 300


# --- why a cell is missing --------------------------------------------------------------------------------------------


def failed(cause, epoch):
    return State("failed", failure=Failure("the loss is not finite", cause, epoch, ""))


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (
            WantedTrial("a", lr(0.3), failed("numbers", 3)),
            "failed after epoch 3 (numbers): the loss is not finite; only --retry tries it again.",
        ),
        (
            WantedTrial("a", lr(0.3), failed("memory", 0)),
            "failed before its first epoch was done (memory): the loss is not finite; the same command tries it again.",
        ),
        (
            WantedTrial(
                "a", lr(0.3), State("running"), runner={"pid": 12, "host": "node1/4026", "command": "run heads"}
            ),
            "running elsewhere: process 12 on node1 (run heads).",
        ),
        (
            WantedTrial("a", lr(0.3), State("running"), runner={}),
            "running elsewhere: a run whose record cannot be read.",
        ),
        (
            WantedTrial("a", lr(0.3), State("damaged", why="labels.npy is not as it was written")),
            "damaged: labels.npy is not as it was written; will be set aside and trained again.",
        ),
        (
            WantedTrial("a", lr(0.3), MISSING, begun=7, checkpoint=True),
            "begun and stopped after epoch 7; continues from its checkpoint.",
        ),
        (
            WantedTrial("a", lr(0.3), MISSING, begun=0),
            "begun and stopped before its first epoch was done; has no checkpoint and starts again.",
        ),
        (
            WantedTrial("a", lr(0.3), MISSING),
            "never trained; nearest stored trial near: optimizer.lr is 0.3, stored trials have 0.2.",
        ),
    ],
)
def test_every_reason(cell, reason):
    assert why_missing([cell, WantedTrial("b", lr(0.2), DONE)], {"near": lr(0.2)}) == [
        "1 of 2 trials done.",
        f"1 {reason}",
        "  a",
    ]


def test_many_cells_of_one_reason_are_one_line():
    cells = [WantedTrial(f"cell {i}", lr(0.3, seed=i), MISSING) for i in range(49)]
    lines = why_missing(cells, {f"{i:02d}": lr(0.2, seed=i) for i in range(49)})
    assert lines == [
        "0 of 49 trials done.",
        "49 never trained; nearest stored trial 00: optimizer.lr is 0.3, stored trials have 0.2.",
        "  cell 0, cell 1, cell 2, cell 3, cell 4 ... and 44 more",
    ]


def test_several_fields_are_counted():
    (_, line, _) = why_missing([WantedTrial("a", lr(0.3, seed=1), MISSING)], {"near": lr(0.2)})
    assert line == (
        "1 never trained; nearest stored trial near: 2 fields differ: "
        "optimizer.lr is 0.3, stored trials have 0.2; seed is 1, stored trials have 0."
    )


def test_nothing_missing_and_nothing_stored():
    assert why_missing([WantedTrial("a", lr(0.3), DONE)], {}) == ["1 of 1 trials done; nothing is missing."]
    assert why_missing([WantedTrial("a", lr(0.3), MISSING)], {})[1:] == [
        "1 never trained, and no other trial is done.",
        "  a",
    ]


# --- text -------------------------------------------------------------------------------------------------------------


def test_text_from_disk_cannot_break_the_terminal():
    assert clean("a\x1b[31m\nb\x9b\u202e\ud800") == "a[31m b"
    assert len(clean("x" * 10**6)) == 201


def test_values_read_like_yaml():
    assert yaml_text([None, True, 0.2, "crop", {"a": [1]}]) == "[null, true, 0.2, crop, {a: [1]}]"
    assert yaml_text(list(range(100))).endswith("19, …]")


def test_short_names_of_images():
    assert short("embedded-tiles-v1") == "embedded-tiles-v1"
    assert short("folder-0123456789abcdef") == "folder-01234567…"
