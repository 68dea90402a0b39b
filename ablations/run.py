"""python -m ablations.run STUDY: trains what is missing of a study, then writes its table and its figure."""

import argparse
import json
import os
import re
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ablations import plan, study, sweep
from ablations.plan import Planned
from ablations.progress import Watch
from ablations.store import Store
from ablations.study import Scale
from simclr_core.config import Recipe
from simclr_core.errors import BadInput

if TYPE_CHECKING:
    from ablations.outputs import Outputs
    from simclr_core.data.images import Dataset

DONE, SOME_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message}; see --help.")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 all done, 1 some cells failed or run elsewhere, 2 bad input, 130 interrupted."""
    argv = sys.argv[1:] if argv is None else list(argv)
    terminate = signal.signal(signal.SIGTERM, signal.default_int_handler)  # clusters pre-empt: as Ctrl-C
    try:
        code = _run(_arguments(argv), argv)
        sys.stdout.flush()  # a closed pipe shows here, not at exit
        return code
    except BadInput as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        return _interrupted(argv)
    except BrokenPipeError:  # whoever read our output has seen enough, such as `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    finally:
        signal.signal(signal.SIGTERM, terminate)


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(prog="python -m ablations.run", description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("study", metavar="STUDY", help="a YAML file, or the name of a shipped study")
    add("--scale", default="laptop", metavar="NAME|FILE", help="data, encoder, schedule, resources (default: laptop)")
    add("--data", metavar="SOURCE", help="embedded, cifar10 or folder:PATH instead of the scale's")
    add("--seeds", type=int, metavar="N", help="how many, from 0, instead of the study's")
    add(
        "--set",
        action="append",
        default=[],
        metavar="path=value",
        help="a field of the recipe, e.g. schedule.epochs=20",
    )
    add("--only", action="append", default=[], metavar="axis=v1,v2", help="train these cells (and the baselines) only")
    add("--dry-run", action="store_true", help="show the trials, what is done and the time it will take; train nothing")
    add("--engine", choices=("ray", "inline"), default="ray", help="inline: one trial after the other, without Ray")
    add("--out", type=Path, default=Path(), metavar="DIR", help="where results/ and reports/ go (default: here)")
    quiet = parser.add_mutually_exclusive_group()
    quiet.add_argument("--quiet", action="store_true", help="no progress, no summary: the files written, and errors")
    quiet.add_argument("--json", action="store_true", help="one JSON object per event on stdout")
    return parser.parse_args(argv)


def _run(args: argparse.Namespace, argv: Sequence[str]) -> int:
    began = time.monotonic()
    asked, scale = study.load_study(args.study), study.load_scale(args.scale)
    overrides, only = _overrides(args.set), _only(args.only)
    every = study.expand(asked, scale, data=args.data, seeds=args.seeds, overrides=overrides)
    chosen = study.expand(asked, scale, data=args.data, seeds=args.seeds, overrides=overrides, only=only)

    # Mistakes in the study are found above, in a moment; from here on torch, pandas and the images are loaded.
    from simclr_core import data

    cache, store = args.out / "results" / "cache", Store(args.out / "results")
    sources = dict.fromkeys(part for trial in every for part in trial.recipe.data_sets)
    names = {source: data.fingerprint(source, cache) for source in sources}
    planned = plan.look_up(chosen, names, store)
    if args.dry_run:
        return _dry_run(planned, scale, cache, args.json)
    store.prepare()
    todo = plan.unfinished(planned)
    parallel = (1 if args.engine == "inline" else sweep.slots(scale.resources)) if todo else 0
    _check(todo, scale, cache)
    dataset = data.load(chosen[-1].recipe.data, cache)
    if dataset.skipped:
        shown = "; ".join(dataset.skipped[:5]) + ("; ..." if len(dataset.skipped) > 5 else "")
        print(f"Unreadable files skipped: {len(dataset.skipped)} ({shown}).", file=sys.stderr)

    from ablations.outputs import Outputs, context

    # The table always shows the whole study: --only chooses what is trained now, and takes nothing away.
    whole = plan.look_up(every, names, store)
    outputs = Outputs(args.out, context(asked, scale, every, dataset.title, args.set), whole, store)
    with store.alive():
        mine = store.claim(todo)
        todo = {name: item for name, item in todo.items() if name in mine and store.result(name) is None}
        interrupted = bool(todo) and _sweep(args, todo, parallel, store, cache, scale, outputs)
    files = outputs.write()
    planned = plan.refresh(planned, store)
    _report(args, outputs, planned, files, time.monotonic() - began)
    if interrupted:
        return _interrupted(argv)
    return DONE if all(item.status == "done" for item in planned) and not outputs.problem else SOME_FAILED


def _sweep(
    args: argparse.Namespace,
    todo: dict[str, Planned],
    parallel: int,
    store: Store,
    cache: Path,
    scale: Scale,
    outputs: "Outputs",
) -> bool:
    """Train what is to be trained, with progress, drawing now and then. True where Ctrl-C ended it early."""
    with Watch(todo, parallel, "json" if args.json else "quiet" if args.quiet else "people") as watch:

        def on_event(event: sweep.Event) -> None:
            watch.show(event)
            outputs.follow(event)

        return sweep.run(
            list(todo.values()),
            store=store,
            cache=cache,
            resources=scale.resources,
            checkpoint_every=scale.checkpoint_every,
            engine=args.engine,
            on_event=on_event,
        )


def _overrides(given: Sequence[str]) -> dict[str, Any]:
    """--set path=value, the value read as YAML."""
    found = {}
    for text in given:
        path, equals, value = text.partition("=")
        if not (path and equals):
            raise BadInput(f"--set {text}: write path=value, such as schedule.epochs=20.")
        found[path] = study.parse_yaml(value, f"--set {path}")
    return found


def _only(given: Sequence[str]) -> dict[str, list[str]]:
    """--only axis=v1,v2; an axis given twice has the values of both."""
    found: dict[str, list[str]] = {}
    for text in given:
        axis, equals, values = text.partition("=")
        if not (axis and equals and values):
            raise BadInput(f"--only {text}: write axis=value1,value2, such as first=crop,color.")
        found.setdefault(axis, []).extend(re.split(r",(?![^(]*\))", values))  # A.CLAHE(clip_limit=2, p=1) is one value
    return found


def _check(todo: dict[str, Planned], scale: Scale, cache: Path) -> None:
    """Refuse before the first step what could not be trained. Loads, and so caches, every data set once."""
    if not todo:
        return
    from simclr_core import trial

    for item in todo.values():
        recipe = item.trial.recipe
        dataset, transfer = _images(recipe, cache)
        try:
            trial.check(recipe, dataset, sweep.device(scale.resources), transfer)
        except BadInput as error:
            raise BadInput(f"{item.trial.label}: {error}") from None


def _images(recipe: Recipe, cache: Path) -> "tuple[Dataset, Dataset | None]":
    """Those to train and test on, and those of the transfer probe."""
    from simclr_core import data

    dataset = data.load(recipe.data, cache)
    if recipe.probes.transfer is None:
        return dataset, None
    try:
        return dataset, data.load(recipe.probes.transfer, cache)
    except BadInput as error:  # it speaks of `data`, which has the same fields
        raise BadInput(f"probes.transfer: {error}") from None


def _dry_run(planned: Sequence[Planned], scale: Scale, cache: Path, as_json: bool) -> int:
    from simclr_core.stops import TrialFailed

    seconds, why = None, ""
    try:
        parallel = sweep.slots(scale.resources)
    except BadInput as error:  # the plan for another computer can be looked at here
        why = str(error)
    else:
        _check(plan.unfinished(planned), scale, cache)
        try:
            seconds = plan.estimate(planned, parallel, lambda recipe: _measure(recipe, scale, cache))
        except TrialFailed as error:
            why = f"a trial that was tried failed: {error}."
    if as_json:
        print(json.dumps({"event": "plan", "seconds": seconds, "trials": [item.record() for item in planned]}))
        return DONE
    print(plan.describe(planned))
    if seconds is None:
        print(f"No estimate of the time: {why}")
    else:
        print(f"Estimated time: {plan.duration(seconds)}, {parallel} at a time.")
    return DONE


def _measure(recipe: Recipe, scale: Scale, cache: Path) -> float:
    from simclr_core import trial

    dataset, transfer = _images(recipe, cache)
    return trial.step_seconds(recipe, dataset, sweep.device(scale.resources), transfer)


def _report(
    args: argparse.Namespace, outputs: "Outputs", planned: Sequence[Planned], files: Sequence[Path], seconds: float
) -> None:
    """Failed cells to stderr; what was found and where it lies to stdout."""
    failed = [item for item in planned if item.status == "failed"]
    elsewhere = sum(item.status == "running" for item in planned)
    for item in failed:
        path = outputs.store.folder(item.trial_id) / "error.json"
        print(f"failed: {item.trial.label}: {outputs.store.error(item.trial_id)} ({path})", file=sys.stderr)
    if elsewhere:
        print(f"{elsewhere} of the trials run elsewhere now; run this again when that has ended.", file=sys.stderr)
    if args.json:
        counts = {
            status: sum(item.status == status for item in planned)
            for status in ("done", "failed", "running", "missing")
        }
        print(json.dumps({"event": "summary", **counts, "seconds": seconds, "files": [str(file) for file in files]}))
        return
    if not args.quiet:
        print(outputs.summary())
        print(f"Wall time {plan.duration(seconds)}. Files:")
    for file in files:
        print(file if args.quiet else f"  {file}")


def _interrupted(argv: Sequence[str]) -> int:
    print(
        f"Interrupted; what is finished is kept. To continue:\n  python -m ablations.run {shlex.join(argv)}",
        file=sys.stderr,
    )
    return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
