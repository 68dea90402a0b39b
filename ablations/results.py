"""python -m ablations.results ls|show|why|prune: what is stored, why a cell is missing, and what can be deleted."""

import argparse
import json
import os
import re
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ablations.console import terminal
from ablations.console.arguments import Exit, Parser, exit_code
from ablations.console.commands import command
from ablations.console.text import clean, counted, yaml_text
from ablations.outputs.paths import results
from ablations.store.inspect import (
    STATES,
    Stored,
    all_trials,
    amount,
    columns,
    dig,
    number,
    plain,
    size_and_change,
    stored,
    tail,
)
from ablations.store.leases import Leases, runner
from ablations.store.prune import KINDS, delete, prunable
from ablations.store.trials import Store
from ablations.studies import expand, load, options
from ablations.sweep import plan
from ablations.sweep.missing import ABSENT, IMAGES, WantedTrial, encode, flatten, identity, short, why_missing
from simclr_core.config import RECIPE_VERSION, Recipe
from simclr_core.errors import BadInput

COLUMNED = {("encoder", "name"), ("schedule", "epochs"), ("seed",)}  # ls has a column for these
FIRST, LAST = 4, 4  # epochs that show prints of many
TAIL = 20  # lines of a log


def main(argv: Sequence[str] | None = None) -> int:
    """Look into the store. Exit code: 0 done, 1 something could not be deleted, 2 bad input, 130 interrupted."""

    def body() -> int:
        args = _arguments(sys.argv[1:] if argv is None else argv)
        root = results(args.out)
        if not os.path.isdir(root):  # noqa: PTH112  # Path.is_dir raises where a parent cannot be entered
            raise BadInput(f"{root}: no such folder; --out DIR says where results/ is.")
        store = Store(root)
        leases = Leases(store, shlex.join(["ablations.results", *(sys.argv[1:] if argv is None else argv)]))
        return int(args.command(args, store, leases))

    return exit_code(body)


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(prog="python -m ablations.results", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def subcommand(name: str, call: Callable[..., int], about: str) -> Parser:
        sub: Parser = commands.add_parser(name, help=about, description=about, allow_abbrev=False)
        sub.out("where results/ is")
        sub.set_defaults(command=call)
        return sub

    listed = subcommand("ls", _ls, "a line per stored trial, the last one written last; then counts and sizes")
    listed.add_argument("--json", action="store_true", help="one JSON object per trial")
    subcommand("show", _show, "all that is known of one trial").add_argument(
        "id", metavar="ID", help="its name, or the beginning of it"
    )
    why = subcommand("why", _why, "why trials of a study are not done, and what the nearest stored trials have instead")
    why.add_argument("study", metavar="STUDY", help="a YAML file, or the name of a shipped study")
    why.scale("as for ablations.run")
    why.data("as for ablations.run")
    why.probe_data()
    why.add_argument("--seeds", type=int, metavar="N", help="as for ablations.run")
    why.set("as for ablations.run")
    prune = subcommand("prune", _prune, "what could be deleted, what that frees, and what it costs; deletes nothing")
    prune.add_argument(
        "--delete",
        nargs="+",
        default=[],
        choices=tuple(KINDS),
        metavar="KIND",
        help=f"delete what is {', '.join(KINDS)}",
    )
    return parser.parse_args(argv)


# ls


def _ls(args: argparse.Namespace, store: Store, leases: Leases) -> int:
    trials = sorted(all_trials(store, leases), key=lambda trial: (trial.changed, trial.trial_id))
    varying = _varying(trials)
    if args.json:
        records = [json.dumps(_record(trial, differs)) for trial, differs in zip(trials, varying, strict=True)]
        if records:
            terminal.say("\n".join(records))
        return Exit.DONE
    if trials:
        terminal.say("\n".join(_listing(trials, varying)))
    counts = Counter(trial.status for trial in trials)
    said = ", ".join(f"{counts[status]} {status}" for status in STATES if counts[status])
    terminal.say(f"{len(trials)} trials{': ' if said else ''}{said}; {amount(sum(trial.size for trial in trials))}")
    for name, folder in (("set aside", store.aside), ("cache", store.cache)):
        if size := size_and_change(folder)[0] if folder.is_dir() else 0:
            terminal.say(f"{name}: {amount(size)}")
    return Exit.DONE


def _varying(trials: Sequence[Stored]) -> list[dict[str, Any]]:
    """Fields that vary among the trials, for each of them, but for those that have a column."""
    known = [i for i, trial in enumerate(trials) if trial.record]
    default = {"recipe": Recipe().model_dump(mode="json"), "fingerprints": [], "recipe_version": RECIPE_VERSION}
    table = encode([identity(default)], [identity(trials[i].record) for i in known])
    sources = {yaml_text(dig(trials[i].record, "recipe", "data", "source")) for i in known}
    differing: list[dict[str, Any]] = [{} for _ in trials]
    for column, steps in enumerate(table.fields):
        codes, values = table.stored[column].tolist(), table.values[column]
        many = len(set(codes))
        if many < 2 or steps in COLUMNED or (steps == IMAGES and many <= len(sources)):
            continue
        name = "images" if steps == IMAGES else clean(".".join(steps))
        for i, code in zip(known, codes, strict=True):
            if code >= 0 and values[code] is not ABSENT:
                differing[i][name] = short(values[code]) if steps == IMAGES else values[code]
    return differing


def _listing(trials: Sequence[Stored], varying: Sequence[Mapping[str, Any]]) -> list[str]:
    """The trials as aligned lines. What more than half of them share is said once, at the end."""
    texts = [{name: yaml_text(value) for name, value in differs.items()} for differs in varying]
    counts = Counter(pair for each in texts for pair in each.items())
    common = dict(sorted(pair for pair, count in counts.items() if 2 * count > len(trials)))
    rows = [("id", "state", "top-1", "data", "encoder", "epochs", "seed", "seconds", "size", "finished UTC", "differs")]
    for trial, each in zip(trials, texts, strict=True):
        about = _record(trial, {})
        epochs = yaml_text(about["epochs"]) if about["epochs"] is not None else "?"
        rows.append(
            (
                *(trial.trial_id, trial.status, "" if about["top1"] is None else f"{about['top1']:.2f}"),
                *("" if about[name] is None else yaml_text(about[name]) for name in ("data", "encoder")),
                epochs if trial.status == "done" else f"{trial.epoch}/{epochs}",
                "" if about["seed"] is None else yaml_text(about["seed"]),
                "" if about["seconds"] is None else f"{about['seconds']:.1f}",
                *(amount(trial.size), about["finished"][:16]),
                " ".join(f"{name}={text}" for name, text in each.items() if common.get(name) != text),
            )
        )
    return columns(rows) + (
        [f"otherwise: {' '.join(f'{name}={text}' for name, text in common.items())}"] if common else []
    )


def _record(trial: Stored, differs: Mapping[str, Any]) -> dict[str, Any]:
    """A trial for --json; null is not known. seconds: training and probing; size: bytes; finished: ISO 8601, UTC."""
    recipe = dig(trial.record, "recipe")
    fields = {
        "id": trial.trial_id,
        "state": trial.status,
        "why": trial.why,
        "top1": number(dig(trial.metrics, "top1")),
        "data": dig(recipe, "data", "source"),
        "encoder": dig(recipe, "encoder", "name"),
        "epochs": dig(recipe, "schedule", "epochs"),
        "epochs_done": dig(recipe, "schedule", "epochs") if trial.status == "done" else trial.epoch,
        "seed": dig(recipe, "seed"),
        "differs": dict(differs),
        "seconds": number(dig(trial.provenance, "seconds")),
        "size": trial.size,
        "finished": clean(str(dig(trial.provenance, "finished") or "")),
    }
    shown: dict[str, Any] = plain(fields)
    return shown


# show


def _show(args: argparse.Namespace, store: Store, leases: Leases) -> int:
    trial_id = _named(args.id, store.trial_ids())
    if (trial := stored(store, leases, trial_id)) is None:
        raise BadInput(f"{trial_id}: it was deleted just now.")
    terminal.say(f"{trial_id}: {trial.status}" + (f": {trial.why}" if trial.why else ""))
    _section("Differs from the defaults", _unusual(trial.record))
    _section("Metrics", columns([(clean(str(k)), yaml_text(v)) for k, v in sorted(trial.metrics.items())]))
    _section("Provenance", columns([(clean(str(k)), yaml_text(v)) for k, v in sorted(trial.provenance.items())]))
    _section("Epochs", _epochs(store.epochs(trial_id)))
    if failure := trial.state.failure:
        after = f"after epoch {failure.epoch}" if failure.epoch else "before its first epoch was done"
        error = f"{clean(failure.error)} (cause: {clean(failure.cause)}, {after})"
        _section("Error", [error, *map(clean, failure.details.splitlines()[-10 * TAIL :])])
    _section(f"Log, at most its last {TAIL} lines", tail(store.log(trial_id), TAIL))
    _section("Files", _files(store.folder(trial_id)))
    if trial.record:
        text = yaml.safe_dump(plain(trial.record["recipe"]), sort_keys=False, allow_unicode=True, width=10_000)
        _section("Recipe", text.splitlines())
    return Exit.DONE


def _named(given: str, known: Sequence[str]) -> str:
    """The one trial whose name begins like that. Raises BadInput."""
    prefix = given.lower()
    if not re.fullmatch("[0-9a-f]{1,16}", prefix):
        raise BadInput(f"ID {clean(given)!r}: a trial's name, or its beginning, is 1 to 16 of the digits 0-9 and a-f.")
    found = [trial_id for trial_id in known if trial_id.startswith(prefix)]
    if len(found) == 1:
        return found[0]
    if found:
        raise BadInput(f"ID {prefix}: {len(found)} trials begin like that: {_some(found)}.")

    def apart(trial_id: str) -> int:
        """Length of the shortest beginning of `prefix` that this name lacks."""
        return next(n for n in range(1, len(prefix) + 1) if not trial_id.startswith(prefix[:n]))

    near = sorted(known, key=lambda trial_id: (-apart(trial_id), trial_id))
    raise BadInput(
        f"ID {prefix}: no trial begins like that; " + (f"nearest: {_some(near)}." if near else "none is stored.")
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _section(title: str, lines: Sequence[str]) -> None:
    if lines:
        terminal.say("\n".join(["", f"{title}:", *(f"  {line}" for line in lines)]))


def _unusual(record: Mapping[str, Any]) -> list[str]:
    if not record:
        return []
    default, lines = flatten(Recipe().model_dump(mode="json")), []
    for steps, value in flatten(record["recipe"]).items():
        if steps not in default or value != default[steps]:
            instead = f" (default {yaml_text(default[steps])})" if steps in default else ""
            lines.append(f"{clean('.'.join(steps))}: {yaml_text(value)}{instead}")
    if record.get("recipe_version") != RECIPE_VERSION:
        lines.append(f"recipe version: {yaml_text(record.get('recipe_version'))} (now {RECIPE_VERSION})")
    return [*lines, f"fingerprints: {yaml_text(record['fingerprints'])}"]


def _epochs(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Epochs as a table; of many rows the first and the last few."""
    if not rows:
        return []
    names = list(rows[0])[:12]

    def line(row: Mapping[str, Any]) -> list[str]:
        values = [(row.get(name), number(row.get(name))) for name in names]
        return [yaml_text(value)[:20] if n is None or isinstance(value, int) else f"{n:.4g}" for value, n in values]

    lines = columns([[clean(name, 20) for name in names], *map(line, rows)])
    return lines if len(rows) <= FIRST + LAST + 1 else [*lines[: FIRST + 1], "...", *lines[-LAST:]]


def _files(folder: Path) -> list[str]:
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return []
    return columns([(clean(path.name), amount(size_and_change(path)[0])) for path in paths])


# why


def _why(args: argparse.Namespace, store: Store, leases: Leases) -> int:
    asked, scale = load.load_study(args.study), load.load_scale(args.scale)
    overrides = options.parse_overrides(args.set, args.probe_data)
    wanted = expand.expand(asked, scale, data=args.data, seeds=args.seeds, overrides=overrides)

    from ablations.sweep.fit import fit_images  # imports numpy, and loads images
    from simclr_core import data

    wanted = fit_images(wanted, scale, overrides, store.cache)
    names = {source: data.fingerprint(source, store.cache) for trial in wanted for source in trial.recipe.data_sets}
    cells = [_wanted(item, store, leases) for item in plan.look_up(wanted, names, store, leases)]
    missing = any(cell.state.status == "missing" for cell in cells)
    recipes = {trial_id: store.recipe(trial_id) for trial_id in (store.trial_ids() if missing else ())}
    done = {trial_id: record for trial_id, record in recipes.items() if record and store.result(trial_id)}
    terminal.say("\n".join(why_missing(cells, done)))
    return Exit.DONE


def _wanted(item: plan.Planned, store: Store, leases: Leases) -> WantedTrial:
    fields = {"recipe": item.trial.recipe.model_dump(mode="json"), "fingerprints": list(item.fingerprints)}
    known = None if item.status == "done" else stored(store, leases, item.trial_id)
    return WantedTrial(
        label=item.trial.label,
        record={**fields, "recipe_version": RECIPE_VERSION},
        state=item.state,
        runner=known.runner if known else None,
        begun=known.epoch if known else None,
        checkpoint=os.path.isfile(store.checkpoint(item.trial_id)),  # noqa: PTH113  # as above
    )


# prune


def _prune(args: argparse.Namespace, store: Store, leases: Leases) -> int:
    live = leases.live_runs()
    deletable = prunable(store, leases, bool(live))
    if args.delete:
        kinds = [kind for kind in KINDS if kind in args.delete]
        return Exit.DONE if delete(deletable, kinds, live, store, leases) else Exit.SOME_FAILED
    if live:
        also = f" and {len(live) - 1} more" if len(live) > 1 else ""
        terminal.say(f"A run is live, {runner(live[0])}{also}: its trials, drafts and the cache are left alone.")
        deletable["cache"] = []
    for folder in (store.trials, store.aside, store.cache):
        if folder.is_symlink():
            terminal.say(f"{folder}: a symbolic link, not followed.")
    there = [kind for kind, items in deletable.items() if items]
    if not there:
        terminal.say("Nothing can be deleted.")
        return Exit.DONE
    rows = [("kind", "items", "frees", "deleting costs")]
    for kind in there:
        trials = sum(bool(item.trial_id) for item in deletable[kind])
        cost = KINDS[kind].replace("trials", counted(trials, "trial"), 1)
        if kind in ("damaged", "failed", "begun") and trials == 0:
            cost = "nothing: they were set aside"
        rows.append((kind, str(len(deletable[kind])), amount(sum(item.size for item in deletable[kind])), cost))
    terminal.say("\n".join(columns(rows)))
    terminal.say("Nothing was deleted. This deletes them; leave out the kinds to keep:")
    terminal.say("  " + command("results", "prune", "--delete", *there, out=args.out))
    return Exit.DONE


if __name__ == "__main__":
    sys.exit(main())
