"""A study of heads with made predictions: its frame, and a results folder that has it."""

import numpy as np

from ablations.store.trials import Store
from ablations.tables.frame import study_frame, write

DIMS = (16, 32, 64)
SHARES = {"linear": 0.50, "nonlinear": 0.60, "none": 0.40}  # of the test images that a head gets right
IMAGES = 400
LABELS = np.arange(IMAGES, dtype=np.int16) % 4


def predictions(head, dim, seed):
    """About the head's share right: the images with a low draw, which is mostly the image's own."""
    image = np.random.default_rng(99).uniform(size=IMAGES)
    own = np.random.default_rng([seed, dim or 0, len(head)]).uniform(-0.1, 0.1, size=IMAGES)
    return np.where(image + own < SHARES[head], LABELS, (LABELS + 1) % 4).astype(np.int16)


def record(head, dim, seed, status="done"):
    fields = {"role": "cell", "head": head, "dim": dim, "seed": seed, "status": status}
    fields["trial_id"] = f"{head}-{dim}-{seed}"
    if status == "done":
        fields |= {"top1": 100 * float(np.mean(predictions(head, dim, seed) == LABELS)), "n_test": IMAGES}
    return fields


def every_head(seeds=3, status=None):
    status = status or {}
    cells = [(head, dim) for head in ("linear", "nonlinear") for dim in DIMS] + [("none", None)]
    return [
        record(head, dim, seed, status.get((head, dim, seed), "done")) for head, dim in cells for seed in range(seeds)
    ]


def heads_frame(seeds=3, status=None):
    return study_frame(["head", "dim"], every_head(seeds, status))


def store_of(frame, out):
    """A results folder with the frame's table and its trials' predictions."""
    store = Store(out / "results")
    write(frame, out / "results" / "heads" / "laptop.csv")
    for row in frame[frame["status"] == "done"].itertuples():
        folder = store.folder(row.trial_id)
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "predictions.npy", predictions(row.head, None if row.head == "none" else row.dim, row.seed))
        np.save(folder / "labels.npy", LABELS)
        (folder / "result.json").write_text('{"files": {}, "metrics": {}}')  # no groups
    return store
