"""python -m ablations.run STUDY: trains what is missing of a study, then writes its table and its figure."""

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ablations.console import signals, terminal
from ablations.console.arguments import Exit, Parser, exit_code
from ablations.console.commands import command
from ablations.outputs.paths import results
from simclr_core.sources import SOURCES

if TYPE_CHECKING:
    from ablations.outputs.write import Outputs
    from ablations.store.leases import Leases
    from ablations.store.trials import Store
    from ablations.studies.model import Scale
    from ablations.sweep.engines import Setting
    from ablations.sweep.plan import Planned
    from ablations.sweep.preflight import Engine
    from ablations.sweep.progress import Style, Watch


def main(argv: Sequence[str] | None = None) -> int:
    """Train, then draw. Exit code: 0 all done, 1 some cells failed or run elsewhere, 2 bad input, 130 interrupted."""
    argv = sys.argv[1:] if argv is None else list(argv)
    stop, before = _Stop(argv), signals.handlers()  # clusters pre-empt with SIGTERM, a closed terminal sends SIGHUP
    signals.handle({number: stop for number, handler in before.items() if handler is not signal.SIG_IGN})  # nohup
    try:
        return exit_code(
            lambda: Exit.DONE if _run(_arguments(argv), argv) else Exit.SOME_FAILED,
            f"Interrupted; what is finished is kept. {_continue(argv)}",
        )
    finally:
        if not stop.asked:  # else this process is about to end, and a second signal still ends it at once
            signals.handle(before)


class _Stop:
    """The first signal ends the sweep in order; the second ends this process at once."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv, self.asked = argv, False

    def __call__(self, *_: object) -> None:
        if self.asked:
            terminal.last_words(f"\nStopped at once; what is finished is kept. {_continue(self._argv)}\n")
            os._exit(Exit.INTERRUPTED)
        self.asked = True
        raise KeyboardInterrupt


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(prog="python -m ablations.run", description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("study", metavar="STUDY", help="a YAML file, or the name of a shipped study")
    parser.scale("data, encoder, schedule, resources")
    parser.data(f"instead of the scale's: {', '.join(SOURCES)}")
    parser.probe_data()
    add("--seeds", type=int, metavar="N", help="how many, from 0, instead of the study's")
    parser.set("a field of the recipe, e.g. schedule.epochs=20")
    parser.only("train these cells (and the baselines) only")
    add("--dry-run", action="store_true", help="show the trials, what is done and the time it will take; train nothing")
    add("--engine", choices=("ray", "inline"), default="ray", help="inline: one trial after the other, without Ray")
    add("--address", metavar="auto|HOST:PORT", help="of a running Ray cluster to train on; see docs/cluster.md")
    add("--retry", action="store_true", help="train again also what failed by its own numbers (not finite, collapsed)")
    parser.out("where results/ and reports/ go")
    add("--verbose", action="store_true", help="let through what Ray and torch print")
    quiet = parser.add_mutually_exclusive_group()
    quiet.add_argument("--quiet", action="store_true", help="no progress, no summary: the files written, and errors")
    quiet.add_argument("--json", action="store_true", help="one JSON object per event on stdout")
    return parser.parse_args(argv)


def _continue(argv: Sequence[str]) -> str:
    return f"To continue:\n  {command('run', *argv)}"


def _run(args: argparse.Namespace, argv: Sequence[str]) -> bool:
    """Run what was asked for; False where cells failed or run elsewhere. `argv` is what `args` was read from.

    Raises BadInput; and KeyboardInterrupt, once everything that is finished is written, where that ended the sweep.
    """
    began = time.monotonic()
    # After --help: pydantic and numpy take longer to import than it takes to say.
    from ablations.store.leases import Leases
    from ablations.store.trials import Store
    from ablations.studies.expand import expand
    from ablations.studies.load import load_scale, load_study
    from ablations.studies.model import CELL
    from ablations.studies.options import parse_only, parse_overrides
    from ablations.sweep import plan, preflight

    engine = preflight.Engine(args.engine, args.address, args.verbose)
    asked, scale = load_study(args.study), load_scale(args.scale)
    overrides, only = parse_overrides(args.set, args.probe_data), parse_only(args.only)
    wish = partial(expand, asked, scale, data=args.data, seeds=args.seeds, overrides=overrides)
    every = wish()
    chosen = wish(only=only) if only else every

    # Mistakes in the study are found above, in a moment; from here on torch, pandas and the images are loaded.
    from ablations.pictures.captions import about_images
    from ablations.pictures.views import draw_views
    from ablations.sweep.fit import fit_images
    from simclr_core import data

    store = Store(results(args.out))
    cache, ran_as = store.cache, command("run", *argv)
    every, chosen = (fit_images(trials, scale, overrides, cache) for trials in (every, chosen))
    leases = Leases(store, ran_as)
    sources = dict.fromkeys(part for trial in every for part in trial.recipe.data_sets)
    names = {source: data.fingerprint(source, cache) for source in sources}
    for remark in dict.fromkeys(remark for source in sources for remark in data.remarks_on(source, cache)):
        terminal.complain(remark)
    planned = plan.look_up(chosen, names, store, leases)
    if args.dry_run:
        _dry_run(args, planned, scale, cache, engine)
        return True
    store.prepare()
    todo = plan.unfinished(planned, args.retry)
    with signals.deferred_signals() as heed, preflight.starting_ray(engine, scale, todo) as sessions:
        heed()
        setting = preflight.setting_of(engine, scale, todo, store, cache, sessions) if todo else None
        cells = [trial for trial in every if trial.role == CELL]
        datasets = {part: data.load(part, cache) for part in dict.fromkeys(trial.recipe.data for trial in cells)}

        from ablations.outputs.record import RunRecord, shared
        from ablations.outputs.write import Outputs
        from ablations.studies.info import study_info

        # The figure always shows the whole study: --only chooses what is trained now, and takes nothing away.
        whole = plan.look_up(every, names, store, leases) if only else planned
        images = {part: (dataset.title, len(dataset.train)) for part, dataset in datasets.items()}
        labeled = all(dataset.labeled for dataset in datasets.values())
        asked_for = RunRecord(ran_as, study_info(asked, scale, every, images, args.set, labeled), shared(every))
        dataset = datasets[chosen[-1].recipe.data]
        views = partial(draw_views, asked.study, cells, dataset, about_images(scale, dataset, args.set))
        wanted = {item.trial_id for item in planned}
        outputs = Outputs(args.out, asked_for, whole, wanted, store, leases, views)
        watch = interrupted = None
        if setting is not None:
            with leases.alive():
                mine = leases.claim(todo)
                todo = {name: item for name, item in todo.items() if name in mine and store.look(name).status != "done"}
                _say_damaged(todo, store)
                heed()
                if todo:
                    watch, interrupted = _sweep(args, todo, setting, store, leases, outputs)
    files = outputs.write() if interrupted else outputs.finish()
    planned = plan.refresh(planned, store, leases)
    _report(args, outputs, planned, files, time.monotonic() - began, watch)
    if interrupted:
        raise KeyboardInterrupt
    return all(item.status == "done" for item in planned) and not outputs.problems


def _sweep(
    args: argparse.Namespace,
    todo: "dict[str, Planned]",
    setting: "Setting",
    store: "Store",
    leases: "Leases",
    outputs: "Outputs",
) -> "tuple[Watch, bool]":
    """Train what is to be trained, with progress, drawing now and then. True where Ctrl-C ended it early."""
    from ablations.sweep import engines
    from ablations.sweep.driver import Event
    from ablations.sweep.progress import Watch

    style: Style = "json" if args.json else "quiet" if args.quiet else "people"
    if not signals.settable() and not args.quiet:
        terminal.complain("This is not the main thread, which alone hears of Ctrl-C: it ends no sweep in order here.")
    unheard: list[OSError] = []
    with (
        terminal.own_streams(args.verbose) as (out, err),
        Watch(
            outputs.planned, todo, setting.share.parallel, style, err, out, headline=outputs.context.headline
        ) as watch,
    ):

        def on_event(event: Event) -> None:
            try:
                watch.show(event)
            except OSError as error:  # whoever read our progress is gone, or its disk is full: the same as Ctrl-C
                unheard.append(error)
                raise KeyboardInterrupt from None
            for problem in outputs.follow(event):
                watch.complain(problem)

        interrupted = engines.run(todo, store, leases, setting, on_event)
    if unheard and not isinstance(unheard[0], BrokenPipeError):
        terminal.complain(f"Progress cannot be written: {unheard[0].strerror}; what is finished is kept.")
    return watch, interrupted


def _say_damaged(todo: "Mapping[str, Planned]", store: "Store") -> None:
    for item in todo.values():
        if item.status == "damaged":
            terminal.complain(
                f"damaged: {item.trial.label}: {item.state.why}; it is trained again, "
                f"and what is there goes to {store.aside}."
            )


def _dry_run(
    args: argparse.Namespace, planned: "Sequence[Planned]", scale: "Scale", cache: Path, engine: "Engine"
) -> None:
    from ablations.sweep import machine, plan, preflight
    from simclr_core.health import TrialFailed

    estimate, why, todo = None, "", plan.unfinished(planned, args.retry)
    try:
        setting = preflight.setting_of(engine, scale, todo, None, cache, None) if todo else None
        parallel, device = (setting.share.parallel, setting.share.device) if setting else (1, "cpu")
        estimate = plan.estimate(planned, parallel, lambda recipe: preflight.measured_cost(recipe, device, cache))
    except machine.TooLittle as error:  # the plan for another computer can be looked at here
        why = str(error)
    except TrialFailed as error:
        why = f"a trial that was tried failed: {error}."
    if args.json:
        keys = ("seconds", "trial_seconds", "parallel", "peak_bytes")
        about = {key: estimate and getattr(estimate, key) for key in keys}
        terminal.say(json.dumps({"event": "plan", **about, "trials": [item.record() for item in planned]}))
        return
    terminal.say(plan.describe(planned))
    terminal.say(plan.describe_estimate(estimate) if estimate else f"No estimate of the time: {why}")


def _report(
    args: argparse.Namespace,
    outputs: "Outputs",
    planned: "Sequence[Planned]",
    files: Sequence[Path],
    seconds: float,
    watch: "Watch | None",
) -> None:
    """Failed cells, and what could not be made of the others, to stderr; what was found and where it lies to stdout."""
    from ablations.console.text import duration

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
    summary = "" if args.json or args.quiet else outputs.summary()
    for problem in dict.fromkeys(outputs.problems):
        terminal.complain(problem)
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
        terminal.say(summary)
        said = f"; the trials' own work, ideally packed, takes {duration(overhead[0])}" if overhead else ""
        share = f", so {100 * overhead[1]:.0f}% went to everything else" if overhead else ""
        terminal.say(f"Wall time {duration(seconds)}{said}{share}. Files:")
    for file in files:
        terminal.say(f"{file}" if args.quiet else f"  {file}")


if __name__ == "__main__":
    code = main()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)  # everything is written and Ray is shut down; its threads would take seconds more to end
