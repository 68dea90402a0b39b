"""python -m ablations.results ls|show|why|prune: what is stored, why a cell is missing, and what can be deleted."""

import argparse
import io
import json
import os
import re
import shlex
import stat
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import yaml

from ablations import plan, study
from ablations.claims import STALE, Claims
from ablations.store import SCHEMA_VERSION, State, Store, remove
from ablations.why import ABSENT, IMAGES, Cell, clean, encode, explain, flatten, identity, runner, short, words
from simclr_core.config import RECIPE_VERSION, Recipe
from simclr_core.errors import BadInput

DONE, SOME_LEFT, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

STATES = ("done", "running", "begun", "failed", "damaged")
COLUMNED = {("encoder", "name"), ("schedule", "epochs"), ("seed",)}  # ls has a column for these
FIRST, LAST = 4, 4  # epochs that show prints of many
TAIL = 20  # lines of a log

# What prune can delete, and what that costs; `trials` stands for how many.
KINDS = {
    "damaged": "trials would be trained again from the start, as they would be anyway",
    "outdated": "nothing: they were made by an older trainer, no study can use them again",
    "failed": "trials would be trained again from the start, those that would fail again among them",
    "begun": "trials would be trained again from the start",
    "leftovers": "nothing: dead runs left them behind",
    "cache": "images are downloaded or decoded again when they are needed",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message}; see --help.")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 1 something could not be deleted, 2 bad input, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what is stored may not be in the terminal's alphabet
    try:
        args = _arguments(sys.argv[1:] if argv is None else argv)
        root = args.out / "results"
        if not os.path.isdir(root):  # noqa: PTH112  # Path.is_dir raises where a parent cannot be entered
            raise BadInput(f"{root}: no such folder; --out DIR says where results/ is.")
        store = Store(root)
        claims = Claims(store, shlex.join(["ablations.results", *(sys.argv[1:] if argv is None else argv)]))
        code: int = args.command(args, store, claims)
        sys.stdout.flush()  # a closed pipe shows here, not at exit
        return code
    except BadInput as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has seen enough, such as `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(prog="python -m ablations.results", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, call: Callable[..., int], about: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=about, description=about, allow_abbrev=False)
        sub.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where results/ is (default: here)")
        sub.set_defaults(command=call)
        return sub

    listed = command("ls", _ls, "a line per stored trial, the last one written last; then counts and sizes")
    listed.add_argument("--json", action="store_true", help="one JSON object per trial")
    command("show", _show, "all that is known of one trial").add_argument(
        "id", metavar="ID", help="its name, or the beginning of it"
    )
    why = command("why", _why, "why trials of a study are not done, and what the nearest stored trials have instead")
    why.add_argument("study", metavar="STUDY", help="a YAML file, or the name of a shipped study")
    why.add_argument("--scale", default="laptop", metavar="NAME|FILE", help="as for ablations.run (default: laptop)")
    why.add_argument("--data", metavar="SOURCE", help="as for ablations.run")
    why.add_argument("--seeds", type=int, metavar="N", help="as for ablations.run")
    why.add_argument("--set", action="append", default=[], metavar="path=value", help="as for ablations.run")
    prune = command("prune", _prune, "what could be deleted, what that frees, and what it costs; deletes nothing")
    prune.add_argument(
        "--delete",
        nargs="+",
        default=[],
        choices=tuple(KINDS),
        metavar="KIND",
        help=f"delete what is {', '.join(KINDS)}",
    )
    return parser.parse_args(argv)


# What is stored


@dataclass(frozen=True)
class Stored:
    """A trial as it lies in the store. `record`: as Store.recipe gives it, empty where that is not known."""

    trial_id: str
    state: State
    runner: dict[str, Any] | None  # the record of the live run that is at work on it
    record: dict[str, Any]
    epoch: int  # the last one that was reported; 0 where none was
    size: int  # bytes
    changed: float  # when, in seconds

    @property
    def status(self) -> str:
        """One of STATES: `begun` is a folder without a result or an error that no live run works on."""
        if self.state.status == "done":
            return "done"
        return (
            "running" if self.runner is not None else "begun" if self.state.status == "missing" else self.state.status
        )

    @property
    def why(self) -> str:
        """Why it has failed or is damaged, or who is at work on it; else empty."""
        if self.status == "running":
            return runner(self.runner or {})
        return clean(self.state.failure.error if self.state.failure else self.state.why)

    @property
    def metrics(self) -> dict[str, Any]:
        return self.state.result.metrics if self.state.result else {}

    @property
    def provenance(self) -> dict[str, Any]:
        return self.state.result.provenance if self.state.result else {}


def stored(store: Store, claims: Claims, trial_id: str) -> Stored | None:
    """The trial as it lies in the store; None where it has no folder, or none any more."""
    folder = store.folder(trial_id)
    state = store.look(trial_id)
    at_work = None if state.status == "done" else claims.running(trial_id)
    record = store.recipe(trial_id)
    epoch = 0
    if state.status != "done" and (rows := store.epochs(trial_id)):
        said = rows[-1].get("epoch")
        epoch = said if isinstance(said, int) else len(rows)
    if not os.path.lexists(folder):  # deleted meanwhile
        return None
    size, changed = measure(folder)
    return Stored(trial_id, state, at_work, record, epoch, size, changed)


def every(store: Store, claims: Claims) -> Iterator[Stored]:
    """All that have a folder."""
    for trial_id in store.trial_ids():
        if (trial := stored(store, claims, trial_id)) is not None:
            yield trial


def measure(path: Path) -> tuple[int, float]:
    """Bytes, and when last changed, of a file or of all files in a folder. Links are not followed."""
    size, changed, todo = 0, 0.0, [str(path)]
    while todo:
        try:
            about = os.lstat(here := todo.pop())
            if stat.S_ISDIR(about.st_mode):
                with os.scandir(here) as entries:
                    todo += [entry.path for entry in entries]
            else:
                size += about.st_size
            changed = max(changed, about.st_mtime)
        except OSError:  # gone meanwhile, or not ours to read
            continue
    return size, changed


def amount(size: float) -> str:
    """Bytes for people: 12 B, 3.4 MB."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def number(value: Any) -> float | None:
    sound = isinstance(value, int | float) and not isinstance(value, bool) and -1e300 < value < 1e300
    return float(value) if sound else None


def _at(record: Mapping[str, Any], *steps: str) -> Any:
    value: Any = record
    for step in steps:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _plain(value: Any, depth: int = 0) -> Any:
    """The same for people and for JSON, whatever was on the disk: short, shallow, without control characters."""
    if isinstance(value, dict | list) and depth == 10:
        return "…"
    if isinstance(value, dict):
        return {clean(str(key)): _plain(part, depth + 1) for key, part in list(value.items())[:200]}
    if isinstance(value, list):
        return [_plain(part, depth + 1) for part in value[:200]]
    if value is None or isinstance(value, bool) or number(value) is not None:
        return value
    return clean(str(value))


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned text; nothing is shown as -."""
    shown = [[text or "-" for text in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in shown]


# ls


def _ls(args: argparse.Namespace, store: Store, claims: Claims) -> int:
    trials = sorted(every(store, claims), key=lambda trial: (trial.changed, trial.trial_id))
    varying = _varying(trials)
    if args.json:
        for trial, differs in zip(trials, varying, strict=True):
            print(json.dumps(_record(trial, differs)))
        return DONE
    if trials:
        print("\n".join(_listing(trials, varying)))
    counts = Counter(trial.status for trial in trials)
    said = ", ".join(f"{counts[status]} {status}" for status in STATES if counts[status])
    print(f"{len(trials)} trials{': ' if said else ''}{said}; {amount(sum(trial.size for trial in trials))}")
    for name, folder in (("set aside", store.aside), ("cache", store.root / "cache")):
        if size := measure(folder)[0] if folder.is_dir() else 0:
            print(f"{name}: {amount(size)}")
    return DONE


def _varying(trials: Sequence[Stored]) -> list[dict[str, Any]]:
    """Per trial the fields that vary among the trials, but for those that have a column."""
    known = [i for i, trial in enumerate(trials) if trial.record]
    default = {"recipe": Recipe().model_dump(mode="json"), "fingerprints": [], "recipe_version": RECIPE_VERSION}
    table = encode([identity(default)], [identity(trials[i].record) for i in known])
    sources = {words(_at(trials[i].record, "recipe", "data", "source")) for i in known}
    found: list[dict[str, Any]] = [{} for _ in trials]
    for column, steps in enumerate(table.fields):
        codes, values = table.stored[:, column].tolist(), table.values[column]
        many = len(set(codes))
        if many < 2 or steps in COLUMNED or (steps == IMAGES and many <= len(sources)):
            continue
        name = "images" if steps == IMAGES else clean(".".join(steps))
        for i, code in zip(known, codes, strict=True):
            if code >= 0 and values[code] is not ABSENT:
                found[i][name] = short(values[code]) if steps == IMAGES else values[code]
    return found


def _listing(trials: Sequence[Stored], varying: Sequence[Mapping[str, Any]]) -> list[str]:
    """Aligned lines. What more than half of the trials share is said once, at the end."""
    texts = [{name: words(value) for name, value in differs.items()} for differs in varying]
    counts = Counter(pair for each in texts for pair in each.items())
    common = dict(sorted(pair for pair, count in counts.items() if 2 * count > len(trials)))
    rows = [("id", "state", "top-1", "data", "encoder", "epochs", "seed", "seconds", "size", "finished UTC", "differs")]
    for trial, each in zip(trials, texts, strict=True):
        about = _record(trial, {})
        epochs = words(about["epochs"]) if about["epochs"] is not None else "?"
        rows.append(
            (
                *(trial.trial_id, trial.status, "" if about["top1"] is None else f"{about['top1']:.2f}"),
                *("" if about[name] is None else words(about[name]) for name in ("data", "encoder")),
                epochs if trial.status == "done" else f"{trial.epoch}/{epochs}",
                "" if about["seed"] is None else words(about["seed"]),
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
    recipe = _at(trial.record, "recipe")
    fields = {
        "id": trial.trial_id,
        "state": trial.status,
        "why": trial.why,
        "top1": number(_at(trial.metrics, "top1")),
        "data": _at(recipe, "data", "source"),
        "encoder": _at(recipe, "encoder", "name"),
        "epochs": _at(recipe, "schedule", "epochs"),
        "epochs_done": _at(recipe, "schedule", "epochs") if trial.status == "done" else trial.epoch,
        "seed": _at(recipe, "seed"),
        "differs": dict(differs),
        "seconds": number(_at(trial.provenance, "seconds")),
        "size": trial.size,
        "finished": clean(str(_at(trial.provenance, "finished") or "")),
    }
    plain: dict[str, Any] = _plain(fields)
    return plain


# show


def _show(args: argparse.Namespace, store: Store, claims: Claims) -> int:
    trial_id = _named(args.id, store.trial_ids())
    if (trial := stored(store, claims, trial_id)) is None:
        raise BadInput(f"{trial_id}: it was deleted just now.")
    print(f"{trial_id}: {trial.status}" + (f": {trial.why}" if trial.why else ""))
    _section("Differs from the defaults", _unusual(trial.record))
    _section("Metrics", columns([(clean(str(k)), words(v)) for k, v in sorted(trial.metrics.items())]))
    _section("Provenance", columns([(clean(str(k)), words(v)) for k, v in sorted(trial.provenance.items())]))
    _section("Epochs", _epochs(store.epochs(trial_id)))
    if failure := trial.state.failure:
        after = f"after epoch {failure.epoch}" if failure.epoch else "before its first epoch was done"
        error = f"{clean(failure.error)} (cause: {clean(failure.cause)}, {after})"
        _section("Error", [error, *map(clean, failure.details.splitlines()[-10 * TAIL :])])
    _section(f"Log, at most its last {TAIL} lines", _tail(store.log(trial_id)))
    _section("Files", _files(store.folder(trial_id)))
    if trial.record:
        text = yaml.safe_dump(_plain(trial.record["recipe"]), sort_keys=False, allow_unicode=True, width=10_000)
        _section("Recipe", text.splitlines())
    return DONE


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
    near = sorted(known, key=lambda trial_id: (-_shared(trial_id, prefix), trial_id))
    raise BadInput(
        f"ID {prefix}: no trial begins like that; " + (f"nearest: {_some(near)}." if near else "none is stored.")
    )


def _shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _section(title: str, lines: Sequence[str]) -> None:
    if lines:
        print("\n".join(["", f"{title}:", *(f"  {line}" for line in lines)]))


def _unusual(record: Mapping[str, Any]) -> list[str]:
    if not record:
        return []
    default, lines = flatten(Recipe().model_dump(mode="json")), []
    for steps, value in flatten(record["recipe"]).items():
        if steps not in default or value != default[steps]:
            instead = f" (default {words(default[steps])})" if steps in default else ""
            lines.append(f"{clean('.'.join(steps))}: {words(value)}{instead}")
    if record.get("recipe_version") != RECIPE_VERSION:
        lines.append(f"recipe version: {words(record.get('recipe_version'))} (now {RECIPE_VERSION})")
    return [*lines, f"fingerprints: {words(record['fingerprints'])}"]


def _epochs(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A table; of many rows the first and the last few."""
    if not rows:
        return []
    names = list(rows[0])[:12]

    def line(row: Mapping[str, Any]) -> list[str]:
        values = [(row.get(name), number(row.get(name))) for name in names]
        return [words(value)[:20] if n is None or isinstance(value, int) else f"{n:.4g}" for value, n in values]

    lines = columns([[clean(name, 20) for name in names], *map(line, rows)])
    return lines if len(rows) <= FIRST + LAST + 1 else [*lines[: FIRST + 1], "...", *lines[-LAST:]]


def _tail(path: Path) -> list[str]:
    try:
        if not path.is_file():
            return []
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 65536))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
    return list(map(clean, lines[-TAIL:]))


def _files(folder: Path) -> list[str]:
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return []
    return columns([(clean(path.name), amount(measure(path)[0])) for path in paths])


# why


def _why(args: argparse.Namespace, store: Store, claims: Claims) -> int:
    asked, scale = study.load_study(args.study), study.load_scale(args.scale)
    overrides = study.parse_overrides(args.set)
    wanted = study.expand(asked, scale, data=args.data, seeds=args.seeds, overrides=overrides)

    from simclr_core import data  # imports torch

    names = {
        source: data.fingerprint(source, store.root / "cache") for trial in wanted for source in trial.recipe.data_sets
    }
    cells = []
    for item in plan.look_up(wanted, names, store, claims):
        fields = {"recipe": item.trial.recipe.model_dump(mode="json"), "fingerprints": list(item.fingerprints)}
        known = None if item.status == "done" else stored(store, claims, item.trial_id)
        cells.append(
            Cell(
                item.trial.label,
                {**fields, "recipe_version": RECIPE_VERSION},
                item.state,
                known.runner if known else None,
                known.epoch if known else None,
                os.path.isfile(store.checkpoint(item.trial_id)),  # noqa: PTH113  # as above
            )
        )
    done = {}
    if any(cell.state.status == "missing" for cell in cells):
        for trial_id in store.trial_ids():
            record = store.recipe(trial_id)
            if record and store.result(trial_id):
                done[trial_id] = record
    print("\n".join(explain(cells, done)))
    return DONE


# prune


@dataclass(frozen=True)
class Item:
    """Something that can be deleted; `trial_id` where it is a trial's folder."""

    path: Path
    size: int  # bytes
    trial_id: str = ""


def _prune(args: argparse.Namespace, store: Store, claims: Claims) -> int:
    live = claims.live_runs()
    found = _prunable(store, claims, bool(live))
    if args.delete:
        return _delete(found, [kind for kind in KINDS if kind in args.delete], live, store, claims)
    if live:
        also = f" and {len(live) - 1} more" if len(live) > 1 else ""
        print(f"A run is live, {runner(live[0])}{also}: its trials, drafts and the cache are left alone.")
        found["cache"] = []
    for folder in (store.trials, store.aside, store.root / "cache"):
        if folder.is_symlink():
            print(f"{folder}: a symbolic link, not followed.")
    there = [kind for kind, items in found.items() if items]
    if not there:
        print("Nothing can be deleted.")
        return DONE
    rows = [("kind", "items", "frees", "deleting costs")]
    for kind in there:
        trials = sum(bool(item.trial_id) for item in found[kind])
        cost = KINDS[kind].replace("trials", "1 trial" if trials == 1 else f"{trials} trials", 1)
        if kind in ("damaged", "failed", "begun") and trials == 0:
            cost = "nothing: they were set aside"
        rows.append((kind, str(len(found[kind])), amount(sum(item.size for item in found[kind])), cost))
    where = [] if args.out == Path() else ["--out", str(args.out)]
    print("\n".join(columns(rows)))
    print("Nothing was deleted. This deletes them; leave out the kinds to keep:")
    print("  " + shlex.join(["python", "-m", "ablations.results", "prune", "--delete", *there, *where]))
    return DONE


def _json(path: Path) -> dict[str, Any]:
    try:
        fields = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _prunable(store: Store, claims: Claims, live: bool) -> dict[str, list[Item]]:
    """What could be deleted, by kind; nothing that a live run works on, or that lies behind a symbolic link."""
    found: dict[str, list[Item]] = {kind: [] for kind in KINDS}
    busy = set()
    for trial in [] if store.trials.is_symlink() else every(store, claims):
        if trial.runner is not None:
            busy.add(trial.trial_id)
        elif kind := _kind(store, trial):
            found[kind].append(Item(store.folder(trial.trial_id), trial.size, trial.trial_id))
    for kind, folder in (("damaged", store.aside), ("cache", store.root / "cache")):
        found[kind] += [Item(path, measure(path)[0]) for path in _entries(folder)]
    found["leftovers"] += [Item(path, measure(path)[0]) for path in claims.leftovers()]
    if not live:  # whose a draft is cannot be told
        folders = [folder for folder in _entries(store.trials) if folder.name not in busy]
        for folder in (*folders, store.root / "cache", store.root / "runs"):
            found["leftovers"] += [Item(path, measure(path)[0]) for path in _drafts(folder)]
    return found


def _entries(folder: Path) -> list[Path]:
    return [] if folder.is_symlink() else sorted(folder.glob("*"))


def _drafts(folder: Path) -> Iterator[Path]:
    """The *.tmp files in a folder that nobody has written to for a while. Links are not followed."""
    todo = [] if folder.is_symlink() else [folder]
    while todo:
        try:
            with os.scandir(todo.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(Path(entry.path))
                    elif (
                        entry.name.endswith(".tmp") and time.time() - entry.stat(follow_symlinks=False).st_mtime > STALE
                    ):
                        yield Path(entry.path)
        except OSError:
            continue


def _kind(store: Store, trial: Stored) -> str:
    """Which of KINDS a trial is that nobody works on; empty for one to keep."""
    state = trial.state
    written = [trial.record.get("schema_version")]
    if state.status == "damaged":
        written.append(_json(store.folder(trial.trial_id) / "result.json").get("schema_version"))
    versions = [
        *((version, SCHEMA_VERSION) for version in written),
        (trial.record.get("recipe_version"), RECIPE_VERSION),
    ]
    known = [(version, now) for version, now in versions if isinstance(version, int)]
    if any(version > now for version, now in known):  # a newer checkout works on this store too
        return ""
    if any(version < now for version, now in known):
        return "outdated"
    return {"missing": "begun", "failed": "failed", "damaged": "damaged"}.get(state.status, "")


def _delete(
    found: Mapping[str, Sequence[Item]],
    kinds: Sequence[str],
    live: Sequence[dict[str, Any]],
    store: Store,
    claims: Claims,
) -> int:
    problems = []
    if live and "cache" in kinds:
        problems.append(f"cache: not deleted, it is in use by {runner(live[0])}.")
        kinds = [kind for kind in kinds if kind != "cache"]
    deleted, freed = Counter[str](), Counter[str]()

    def delete(kind: str, item: Item) -> None:
        before = measure(item.path)[0]
        try:
            remove(item.path)
            deleted[kind] += 1
        except OSError as error:
            problems.append(f"{clean(str(error.filename or item.path))}: cannot be deleted: {error.strerror or error}.")
        freed[kind] += before - (measure(item.path)[0] if os.path.lexists(item.path) else 0)

    both = [(kind, item) for kind in kinds for item in found[kind]]
    for kind, item in both:
        if not item.trial_id:
            delete(kind, item)
    trials = {item.trial_id: (kind, item) for kind, item in both if item.trial_id}
    try:
        with claims.alive() if trials else nullcontext():
            mine = claims.claim(trials) if trials else set()
            for trial_id, (kind, item) in trials.items():
                now = stored(store, claims, trial_id) if trial_id in mine else None
                if now is not None and _kind(store, now) == kind:  # no run has taken it, or finished it, meanwhile
                    delete(kind, item)
    except BadInput as error:
        problems.append(str(error))
    for kind in kinds:
        print(f"{kind}: {deleted[kind]} deleted, {amount(freed[kind])} freed")
    for problem in problems:
        print(problem, file=sys.stderr)
    return SOME_LEFT if problems else DONE


if __name__ == "__main__":
    sys.exit(main())
