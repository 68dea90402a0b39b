"""What `python -m ablations.run` does once its arguments are read: plan, train what is missing, write, tell."""

import argparse
import json
import re
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations import interrupts, plan, study, terminal
from ablations.claims import Claims
from ablations.plan import Planned
from ablations.store import Store
from ablations.study import CELL, Scale
from simclr_core.config import Recipe
from simclr_core.errors import BadInput

if TYPE_CHECKING:
    from ablations.cluster import Sessions
    from ablations.machine import Allotment
    from ablations.outputs import Outputs
    from ablations.progress import Style, Watch
    from ablations.sweep import Setting
    from simclr_core.cost import Cost
    from simclr_core.data.images import Dataset


def run(args: argparse.Namespace, argv: Sequence[str]) -> bool:
    """Whether all is done; False where cells failed or run elsewhere. `argv` is what `args` was read from.

    Raises BadInput; and KeyboardInterrupt, once everything that is finished is written, where that ended the sweep.
    """
    began = time.monotonic()
    _refuse_engine(args)
    asked, scale = study.load_study(args.study), study.load_scale(args.scale)
    overrides, only = study.parse_overrides(args.set), study.parse_only(args.only)
    every = study.expand(asked, scale, data=args.data, seeds=args.seeds, overrides=overrides)
    chosen = every
    if only:
        chosen = study.expand(asked, scale, data=args.data, seeds=args.seeds, overrides=overrides, only=only)

    # Mistakes in the study are found above, in a moment; from here on torch, pandas and the images are loaded.
    from simclr_core import data

    cache, store = args.out / "results" / "cache", Store(args.out / "results")
    command = f"python -m ablations.run {shlex.join(argv)}"
    claims = Claims(store, command)
    sources = dict.fromkeys(part for trial in every for part in trial.recipe.data_sets)
    names = {source: data.fingerprint(source, cache) for source in sources}
    planned = plan.look_up(chosen, names, store, claims)
    if args.dry_run:
        _dry_run(args, planned, scale, cache)
        return True
    store.prepare()
    todo = plan.unfinished(planned, args.retry)
    with interrupts.heard() as heed, _ray(args, scale, todo) as ray:
        heed()
        setting = _setting(args, scale, todo, store, cache, ray) if todo else None
        dataset = data.load(chosen[-1].recipe.data, cache)
        if dataset.skipped:
            shown = "; ".join(dataset.skipped[:5]) + ("; ..." if len(dataset.skipped) > 5 else "")
            terminal.complain(f"Unreadable files skipped: {len(dataset.skipped)} ({shown}).")

        from ablations import explain
        from ablations.outputs import Outputs, context
        from ablations.ran import Ran, shared

        # The table always shows the whole study: --only chooses what is trained now, and takes nothing away.
        whole = planned if chosen is every else plan.look_up(every, names, store, claims)
        asked_for = Ran(
            command, context(asked, scale, every, dataset.title, len(dataset.train), args.set), shared(every)
        )
        cells, about = [trial for trial in every if trial.role == CELL], explain.about_images(scale, dataset, args.set)
        outputs = Outputs(
            args.out, asked_for, whole, store, claims, lambda: explain.draw_views(asked.study, cells, dataset, about)
        )
        watch = interrupted = None
        if setting is not None:
            with claims.alive():
                mine = claims.claim(todo)
                todo = {name: item for name, item in todo.items() if name in mine and store.look(name).status != "done"}
                _say_damaged(todo, store)
                heed()
                if todo:
                    watch, interrupted = _sweep(args, todo, setting, store, claims, outputs)
    files = outputs.write() if interrupted else outputs.finish()
    planned = plan.refresh(planned, store, claims)
    _report(args, outputs, planned, files, time.monotonic() - began, watch)
    if interrupted:
        raise KeyboardInterrupt
    return all(item.status == "done" for item in planned) and not outputs.problem


def _refuse_engine(args: argparse.Namespace) -> None:
    if args.address is None:
        return
    if args.engine == "inline":
        raise BadInput("--address: --engine inline trains in this process; leave one of the two out.")
    if not re.fullmatch(r"auto|[^/:\s]+:\d+", args.address):
        raise BadInput(f"--address {args.address}: allowed are auto and HOST:PORT, as printed by `ray start --head`.")


@contextmanager
def _ray(args: argparse.Namespace, scale: Scale, todo: Mapping[str, Planned]) -> "Iterator[Sessions | None]":
    """Ray for the trials, None where they need none; a private one is started at once, if there is work for it.

    It takes as long to start as all that remains to be done before the first trial. Raises BadInput.
    """
    if args.engine == "inline" or not todo:
        yield None
        return
    from ablations import machine
    from ablations.cluster import Sessions

    here = machine.here(scale.resources)
    ray = Sessions(args.address, here)
    try:
        if args.address is None and any(item.status != "running" for item in todo.values()):
            machine.allot(scale.resources, [here], 1)  # refuses, before Ray starts, what needs no plan to be refused
            with terminal.apart(args.verbose):
                ray.start()
        yield ray
    finally:
        ray.close()


def _setting(
    args: argparse.Namespace,
    scale: Scale,
    todo: Mapping[str, Planned],
    store: Store | None,
    cache: Path,
    ray: "Sessions | None",
) -> "Setting":
    """Where and how to train. Refuses, before the first step, what could not be trained.

    store: what every node of a cluster must share, None where nothing is written. Loads, and so caches, the images.
    """
    from ablations import cluster, machine
    from ablations.sweep import Setting

    if args.address is None:
        nodes = [machine.here(scale.resources)]
    else:
        with terminal.apart(args.verbose):
            nodes = cluster.survey(args.address, store)
    need = _need(todo, cache)
    share = machine.allot(scale.resources, nodes, need)
    if args.engine == "inline":
        share = replace(share, parallel=1)
    _check(todo, share, cache)
    return Setting(ray, share, need, cache, scale.checkpoint_every, scale.hangs_after)


def _need(todo: Mapping[str, Planned], cache: Path) -> int:
    """Bytes of memory that the largest of the trials is estimated to take."""
    from simclr_core.cost import estimated_bytes

    found: dict[tuple[Any, ...], int] = {}
    for item in todo.values():
        recipe = item.trial.recipe
        how = recipe.schedule.model_copy(update={"epochs": min(1, recipe.schedule.epochs)})
        kind = (recipe.data, recipe.encoder, recipe.head, recipe.loss.name, how, recipe.probes)
        if kind not in found:
            dataset, transfer = _images(recipe, cache)
            images = max(len(part.train) + len(part.test) for part in (dataset, transfer) if part is not None)
            found[kind] = estimated_bytes(recipe, len(dataset.class_names), images)
    return max(found.values())


def _sweep(
    args: argparse.Namespace,
    todo: dict[str, Planned],
    setting: "Setting",
    store: Store,
    claims: Claims,
    outputs: "Outputs",
) -> "tuple[Watch, bool]":
    """Train what is to be trained, with progress, drawing now and then. True where Ctrl-C ended it early."""
    from ablations import sweep
    from ablations.driver import Event
    from ablations.progress import Watch

    style: Style = "json" if args.json else "quiet" if args.quiet else "people"
    unheard: list[OSError] = []
    with (
        terminal.apart(args.verbose) as (out, err),
        Watch(outputs.planned, todo, setting.share.parallel, style, stderr=err, stdout=out) as watch,
    ):

        def on_event(event: Event) -> None:
            try:
                watch.show(event)
            except OSError as error:  # whoever read our progress is gone, or its disk is full: the same as Ctrl-C
                unheard.append(error)
                raise KeyboardInterrupt from None
            outputs.follow(event)

        interrupted = sweep.run(todo, store, claims, setting, on_event)
    if unheard and not isinstance(unheard[0], BrokenPipeError):
        terminal.complain(f"Progress cannot be written: {unheard[0].strerror}; what is finished is kept.")
    return watch, interrupted


def _say_damaged(todo: Mapping[str, Planned], store: Store) -> None:
    for item in todo.values():
        if item.status == "damaged":
            terminal.complain(
                f"damaged: {item.trial.label}: {item.state.why}; it is trained again, "
                f"and what is there goes to {store.aside}."
            )


def _check(todo: Mapping[str, Planned], share: "Allotment", cache: Path) -> None:
    """Refuse before the first step what could not be trained; each kind of trial is looked at once."""
    from simclr_core import trial

    seen = set()
    for item in todo.values():
        recipe = item.trial.recipe
        how = (recipe.schedule.batch_size, recipe.schedule.precision)
        kind = (recipe.data, recipe.views, recipe.transforms, how, recipe.probes)
        if kind in seen:
            continue
        seen.add(kind)
        dataset, transfer = _images(recipe, cache)
        try:
            trial.check(recipe, dataset, share.device, transfer)
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


def _dry_run(args: argparse.Namespace, planned: Sequence[Planned], scale: Scale, cache: Path) -> None:
    from ablations import machine
    from simclr_core.stops import TrialFailed

    estimate, why, todo = None, "", plan.unfinished(planned, args.retry)
    try:
        setting = _setting(args, scale, todo, None, cache, None) if todo else None
        parallel, device = (setting.share.parallel, setting.share.device) if setting else (1, "cpu")
        estimate = plan.estimate(planned, parallel, lambda recipe: _measure(recipe, device, cache))
    except machine.TooLittle as error:  # the plan for another computer can be looked at here
        why = str(error)
    except TrialFailed as error:
        why = f"a trial that was tried failed: {error}."
    if args.json:
        about = {"seconds": estimate and estimate.seconds, "trial_seconds": estimate and estimate.trial_seconds}
        about |= {"parallel": estimate and estimate.parallel, "peak_bytes": estimate and estimate.peak_bytes}
        terminal.say(json.dumps({"event": "plan", **about, "trials": [item.record() for item in planned]}))
        return
    terminal.say(plan.describe(planned))
    terminal.say(plan.describe_estimate(estimate) if estimate else f"No estimate of the time: {why}")


def _measure(recipe: Recipe, device: str, cache: Path) -> "Cost":
    from simclr_core import cost

    dataset, transfer = _images(recipe, cache)
    return cost.measure(recipe, dataset, device, transfer)


def _report(
    args: argparse.Namespace,
    outputs: "Outputs",
    planned: Sequence[Planned],
    files: Sequence[Path],
    seconds: float,
    watch: "Watch | None",
) -> None:
    """Failed cells to stderr; what was found and where it lies to stdout."""
    failed = [(item, item.state.failure) for item in planned if item.state.failure]
    elsewhere = sum(item.status == "running" for item in planned)
    for item, failure in failed:
        path = outputs.store.folder(item.trial_id) / "error.json"
        epochs = f" after epoch {failure.epoch}" if failure.epoch else ""
        terminal.complain(f"failed: {item.trial.label}: {failure.error}{epochs} ({path})")
    if any(failure.would_fail_again for _, failure in failed) and not args.retry:
        terminal.complain("What failed by its own numbers is not trained again, unless with --retry.")
    if elsewhere:
        terminal.complain(f"{elsewhere} of the trials run elsewhere now; run this again when that has ended.")
    overhead = watch.overhead(seconds) if watch else None
    if args.json:
        counts = {
            status: sum(item.status == status for item in planned)
            for status in ("done", "failed", "running", "missing", "damaged")
        }
        spent = {"seconds": seconds, "overhead": overhead[1] if overhead else None}
        terminal.say(json.dumps({"event": "summary", **counts, **spent, "files": [str(file) for file in files]}))
        return
    if not args.quiet:
        terminal.say(outputs.summary())
        said = f"; the trials' own work, ideally packed, takes {plan.duration(overhead[0])}" if overhead else ""
        share = f", so {100 * overhead[1]:.0f}% went to everything else" if overhead else ""
        terminal.say(f"Wall time {plan.duration(seconds)}{said}{share}. Files:")
    for file in files:
        terminal.say(f"{file}" if args.quiet else f"  {file}")
