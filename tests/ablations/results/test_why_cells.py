import json
import os

import pytest
from builders import tiny
from builders.trials import begin, damage, fail, finish

from ablations.store.leases import Leases
from ablations.studies import expand, load
from simclr_core.config import RECIPE_VERSION


@pytest.fixture
def tiny_why(tmp_path, said):
    files = tiny.write(tmp_path)[:3]
    return lambda *more: said("why", *files, *more)


def wanted(tmp_path):
    asked, scale = load.load_study(tmp_path / "study.yaml"), load.load_scale(tmp_path / "scale.yaml")
    return {trial.label: trial.recipe for trial in expand.expand(asked, scale)}


def store_it(store, recipe, **changes):
    recipe = recipe.model_copy(update=changes)
    return finish(store, **recipe.model_dump(mode="json"))


def test_why_cells_are_missing(store, tiny_why, tmp_path):
    recipes = list(wanted(tmp_path).values()) if tiny_why else []
    assert tiny_why() == [
        "0 of 5 trials done.",
        "5 never trained, and no other trial is done.",
        "  untrained seed=0, first=crop second=crop seed=0, first=crop second=color seed=0, "
        "first=color second=crop seed=0, first=color second=color seed=0",
    ]
    for recipe in recipes:
        store_it(store, recipe)
    assert tiny_why() == ["5 of 5 trials done; nothing is missing."]
    lines = tiny_why("--set", "optimizer.lr=0.3")
    assert [line.partition("trial ")[0] + line.partition(": ")[2] for line in lines[:2]] == [
        "0 of 5 trials done.",
        "5 never trained; nearest stored optimizer.lr is 0.3, stored trials have 0.001.",
    ]
    assert "seed is 1, stored trials have 0." in "\n".join(tiny_why("--seeds", "2"))


def test_why_in_every_other_state(store, tiny_why, tmp_path):
    untrained, *cells = wanted(tmp_path).values()
    fields = [cell.model_dump(mode="json") for cell in cells]
    store_it(store, untrained)
    fail(store, **fields[0])
    damage(store, **fields[1])
    begun, busy = begin(store, 3, **fields[2]), begin(store, **fields[3])
    store.checkpoint(begun).write_bytes(b"state")
    leases = Leases(store, "ablations.run tiny")
    with leases.alive():
        leases.claim([busy])
        lines = tiny_why()
        host = json.loads((store.root / "claims" / busy).read_text())["host"].partition("/")[0]
    assert lines[0] == "1 of 5 trials done."
    assert set(lines[1::2]) == {
        "1 failed after epoch 2 (numbers): the loss is not finite; only --retry tries it again.",
        "1 damaged: labels.npy is not as it was written; will be set aside and trained again.",
        "1 begun and stopped after epoch 3; continues from its checkpoint.",
        f"1 running elsewhere: process {os.getpid()} on {host} (ablations.run tiny).",
    }


def test_why_with_an_older_trainers_trials(store, tiny_why, tmp_path, monkeypatch):
    recipes = wanted(tmp_path).values()
    monkeypatch.setattr("ablations.store.trials.RECIPE_VERSION", RECIPE_VERSION - 1)
    monkeypatch.setattr("simclr_core.config.RECIPE_VERSION", RECIPE_VERSION - 1)
    for recipe in recipes:
        store_it(store, recipe)
    monkeypatch.undo()
    assert tiny_why()[1].endswith(f": made by recipe version {RECIPE_VERSION - 1}, now {RECIPE_VERSION}.")


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["why", "no_such_study"], "Unknown study 'no_such_study'"),
        (["why", "heads", "--set", "x"], "--set x: write path=value"),
        (["why", "heads", "--seeds", "0"], "--seeds: at least 1 seed"),
        (["why", "heads", "--seeds", "x"], "argument --seeds: invalid int value"),
        (["prune", "--delete", "done"], "argument --delete: invalid choice: 'done'"),
        (["nothing"], "argument COMMAND: invalid choice: 'nothing'"),
    ],
)
def test_bad_input_is_one_sentence(refused, argv, complaint):
    assert refused(*argv).startswith(complaint)
