"""Trials in every state, and the command that is asked about them."""

import json

import numpy as np

from ablations import results
from simclr_core.config import Recipe

CLASSES = np.array([0, 1, 1, 0], np.int16)
TILES = "embedded-tiles-v1"
PROVENANCE = {"seconds": 12.5, "finished": "2026-01-02T03:04:05+00:00"}
FILES = ("recipe.json", "epochs.jsonl", "predictions.npy", "labels.npy", "outcomes.npz", "result.json")


def begin(store, epochs=0, fingerprint=TILES, **fields):
    """A trial that was begun, by its name."""
    recipe = Recipe.parse(fields)
    trial_id = recipe.trial_id(fingerprint)
    store.begin(trial_id, recipe, (fingerprint,))
    for epoch in range(1, epochs + 1):
        store.epoch(trial_id, {"epoch": epoch, "loss": 5 / epoch, "seconds": 0.5})
    return trial_id


def finish(store, top1=50.0, **fields):
    trial_id = begin(store, 2, **fields)
    store.finish(trial_id, {"top1": top1, "n_test": 4}, CLASSES, CLASSES, {"knn_top1": CLASSES}, PROVENANCE)
    return trial_id


def fail(store, cause="numbers", **fields):
    trial_id = begin(store, 2, **fields)
    store.fail(trial_id, "the loss is not finite", cause, "Traceback\n  here", epoch=2)
    return trial_id


def damage(store, **fields):
    trial_id = finish(store, **fields)
    (store.folder(trial_id) / "labels.npy").write_bytes(b"garbage")
    return trial_id


def edit(path, **fields):
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def run(store, *argv):
    return results.main([*argv, "--out", str(store.root.parent)])
