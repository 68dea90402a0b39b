"""Results as runs leave them, without a run: for tests of what reads them."""

import csv
import io
from dataclasses import replace
from math import nan

from ablations.outputs import record as run_record
from ablations.outputs.paths import Paths, results
from ablations.outputs.record import RunRecord
from ablations.pages import renew
from ablations.store import files
from ablations.store.trials import Store
from ablations.studies.info import StudyInfo
from ablations.studies.plot import Plot
from ablations.tables import frame
from ablations.verdicts import judge_all
from ablations.verdicts.verdict import Claim, JudgedComparison, Verdict

COMMAND = "python -m ablations.run heads --scale laptop"


def study_info(**changes):
    about = StudyInfo(
        study="heads",
        question="Does a head help?",
        paper="fig8_projection_heads",
        figure=Plot(kind="bars", x="dim", hue="head"),
        scale="laptop",
        about="two cores",
        stamp=False,
        data="printed tiles",
        encoder="small",
        epochs=(6,),
        batch_size=(128,),
        seeds=2,
        views="symmetric",
        overrides=(),
        axes={"head": ("linear", "none"), "dim": (16, 128)},
        labels={"head": "projection head"},
    )
    return replace(about, **changes)


def rows(about, seeds=2, status="done"):
    """A record per cell and seed, and one of an untrained baseline; the axes are crossed."""
    first, second = about.axes
    cells = [
        {"role": "cell", first: a, second: b, "seed": seed}
        for a in about.axes[first]
        for b in about.axes[second]
        for seed in range(seeds)
    ]
    records = [{"role": "untrained", "seed": 0}, *cells]
    for i, record in enumerate(records):
        record |= {"status": status, "trial_id": f"{i:016x}"}
        if status == "done":
            record |= {"top1": 40.0 + i, "balanced_accuracy": 39.0, "n_test": 4000, "loss": 3.25 - i / 10}
    return records


def leave(out, about=None, records=None, command=COMMAND):
    """The files of one study at one scale, with epochs for what is done and an error for what failed."""
    about = study_info() if about is None else about
    records = rows(about) if records is None else records
    paths = Paths(out, about.study, about.scale)
    frame.write(frame.study_frame(list(about.axes), records), paths.table)
    recipe = {"schedule.epochs": 1, "head.batch_norm": False, "loss.temperature": 0.5}
    files.replace_file(paths.record, run_record.dump(RunRecord(command, about, recipe)))
    text, store = io.StringIO(), Store(results(out))
    writer = csv.DictWriter(text, ["trial_id", "commit", "device", "torch", "seconds", "finished"])
    writer.writeheader()
    for record in records:
        store.folder(record["trial_id"]).mkdir(parents=True, exist_ok=True)
        if record["status"] == "done":
            about_it = {"commit": "abc", "device": "cpu", "torch": "2.15.0", "seconds": 12.5}
            writer.writerow({"trial_id": record["trial_id"], "finished": "2026-01-02T03:04:05+00:00"} | about_it)
            for epoch in (1, 2):
                store.epoch(record["trial_id"], {"epoch": epoch, "loss": 4.0 / epoch, "accuracy": 10.0 * epoch})
        if record["status"] == "failed":
            store.fail(record["trial_id"], "the loss is not finite", "numbers", epoch=1)
            store.log(record["trial_id"]).write_text("epoch 1\nloss nan\n")
    files.replace_file(paths.provenance, text.getvalue().encode())


def part(outcome="holds", effect=3.2, low=1.1, high=5.3, relation="above", bound=0.0, label="linear − none"):
    return JudgedComparison(label, relation, bound, "points", effect, low, high, outcome)


def verdict(outcome, parts=(), key="", **changes):
    claim = Claim(
        key or outcome, "Projection heads", f"A head is better ({outcome}).", "Section 4.2", "linear > none", ("heads",)
    )
    about = {"deciding": parts[0] if parts else None, "seeds": 3, "budget": "6 epochs", "published": True}
    return Verdict(claim, "laptop", outcome, f"Why it is {outcome}.", tuple(parts), **(about | changes))


def verdicts():
    """Every outcome, with and without an interval, one part and many."""
    unknown = part("undecided", 1.0, nan, nan, "within", 0.5, "no interval")
    return [
        verdict("holds", [part()]),
        verdict("does not hold", [part("does not hold", -6.1, -8.4, -3.8), part(), unknown], chosen_on=2),
        verdict(
            "undecided",
            [part("undecided", 1.0, -2.0, 4.0), unknown, part("undecided", nan, nan, nan, "at most", 0.2)],
            more_seeds=12,
            command="python -m ablations.run heads --seeds 12",
            published=False,
        ),
        verdict("not asked", command="python -m ablations.run heads --scale cifar10", published=None, seeds=0),
    ]


def judging(monkeypatch, found=None, said="No head is best."):
    """The verdicts and the answer are these, whatever was measured."""
    monkeypatch.setattr(judge_all, "judge_frames", lambda *_: verdicts() if found is None else found)
    monkeypatch.setattr(judge_all, "about", lambda _, given: given)
    monkeypatch.setattr(renew, "answer", lambda *_: said)
