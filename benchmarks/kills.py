"""python -m benchmarks.kills: a sweep is killed again and again; is a trial lost, or trained twice?

A tiny study runs undisturbed once: the truth. Then come lives: in an empty folder the same command is started, and at a
random moment SIGKILL takes its driver, a trial's worker, Ray's node process or Ray's control service. A command that
survives ends by itself; one that does not end with exit code 0 is given again, as a user would. With exit code 0 the
life is over, and its table and results must be the truth's. Linux only: victims are found in /proc.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Self

from ablations.console.arguments import Exit, Parser
from simclr_core.errors import BadInput

# Epochs as an axis: a quarter of the cells is long enough to be hit in the middle, all over the sweep.
STUDY = """
study: kills
question: Is a trial lost, or trained twice, when processes are killed?
figure: pairs
scales: [kills]
recipe:
  views: {shared: [crop], left: [], right: []}
axes:
  first: {append: views.right, values: [crop, color, cutout, sobel, noise, rotate]}
  epochs: {set: schedule.epochs, values: [1, 2, 3, 8]}
baselines:
  untrained: {schedule.epochs: 0}
"""

SCALE = """
scale: kills
about: trials of less than a second, made to be killed
stamp: true
recipe:
  data: {source: embedded, size: 24, limit: 40, test_limit: 20}
  head: {dim: 16}
  schedule: {batch_size: 20}
  probes: {linear: {l2: [0.01]}}
resources: {cpus: 1, gpus: 0}
checkpoint_every: 1
"""

# How often each is the victim. Before Ray is up, and after, only the driver is there.
WEIGHTS = {"driver": 6, "worker": 6, "raylet": 3, "gcs_server": 1}
ALONE = "driver without Ray"
COMMANDS = 25  # of one life, after which it is left alone
UNDISTURBED = 4  # commands then, until one must have ended with exit code 0
OVERHEAD = 0.5  # share of an undisturbed command before its first trial trains and after its last
POLL = 0.1  # seconds between two looks at the results
ENDLESS = 180.0  # seconds, beside five times the undisturbed, after which a command has hung
GRACE = 5.0  # seconds until the processes of a command that ended are gone
ORPHANS = 90.0  # seconds until Ray's processes notice that their driver was killed; its agents ask once a minute


@dataclass
class Report:
    """What was done, and what it did, over all lives. The counts after `said` should all be zero."""

    kills: Counter[str] = field(default_factory=Counter)  # by victim
    lives: int = 0
    commands: int = 0
    trials: int = 0  # of the study
    seconds: float = 0.0
    undisturbed_seconds: float = 0.0
    cut: int = 0  # trainings that a kill ended and that began again, from a checkpoint or not
    ended: Counter[int] = field(default_factory=Counter)  # commands by exit code, -9 where the driver was killed
    said: Counter[str] = field(default_factory=Counter)  # why commands ended with another, and trials failed

    lost: int = 0  # trials without a result at the end of a life, or with one that went away
    repeated: int = 0  # trials that had a result and were trained again
    different: int = 0  # trials whose metrics or predictions are not the truth's
    tables_different: int = 0  # lives whose table is not the truth's, byte for byte
    failed: int = 0  # trials that a kill made the harness call failed; the next command trains them
    hung: int = 0  # commands that did not end
    unfinished: int = 0  # lives that did not end
    processes_left: int = 0  # by commands that ended by themselves
    folders_left: int = 0  # temporary ones, by commands that ended by themselves
    folders_unswept: int = 0  # by killed ones, after the commands that ended by themselves later
    orphans: int = 0  # processes there a minute and a half after the last command

    @property
    def sound(self) -> bool:
        """Nothing lost, nothing trained twice, the same numbers."""
        return not any((self.lost, self.repeated, self.different, self.tables_different, self.hung, self.unfinished))


# --- processes --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Process:
    """A live process, by the id and the moment of its start."""

    pid: int
    started: str
    command: str = field(compare=False)  # Ray's workers change it

    @property
    def role(self) -> str:
        """A victim but the driver, or empty for what is not killed: agents, monitors, idle workers."""
        program, _, arguments = self.command.partition(" ")
        if Path(program).name in ("raylet", "gcs_server"):
            return Path(program).name
        if program.startswith("ray::"):
            return "" if program in ("ray::IDLE", "ray::DashboardAgent", "ray::RuntimeEnvAgent") else "worker"
        return "worker" if "default_worker.py" in arguments else ""

    def kill(self) -> None:
        """Send SIGKILL, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


def processes(temporary: Path) -> list[Process]:
    """All processes started with `temporary` as TMPDIR, or by such: ours, and nobody else's, orphans included."""
    mark, found = f"TMPDIR={temporary}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark not in (folder / "environ").read_bytes().split(b"\0"):
                continue
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # gone meanwhile, or of another user
            continue
        if stat[0] != "Z":
            found.append(Process(int(folder.name), stat[19], command))
    return found


def kill_all(temporary: Path) -> None:
    """Kill until none is left; a process may be starting others while we look."""
    while left := processes(temporary):
        for process in left:
            process.kill()
        time.sleep(POLL)


def wait_until_gone(temporary: Path, before: Sequence[Process], seconds: float) -> int:
    """Number of processes that are left after a while, but for those of before."""
    ends = time.monotonic() + seconds
    while (left := set(processes(temporary)) - set(before)) and time.monotonic() < ends:
        time.sleep(POLL)
    return len(left)


# --- results ----------------------------------------------------------------------------------------------------------


class Ledger:
    """Every result of a life as it was when it was first seen; what goes away or changes afterwards is noted."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.seen: dict[str, tuple[int, bytes]] = {}
        self.gone: set[str] = set()
        self.changed: set[str] = set()

    def look(self) -> None:
        """Note what has gone or changed since the last look."""
        there = {path.parent.name: path for path in (self.out / "results" / "trials").glob("*/result.json")}
        self.gone |= self.seen.keys() - there.keys()
        for name, path in there.items():
            try:
                written = path.stat().st_mtime_ns
                if name not in self.seen:
                    self.seen[name] = (written, path.read_bytes())
                elif (written, path.read_bytes()) != self.seen[name]:
                    self.changed.add(name)
            except FileNotFoundError:
                self.gone.add(name)


def table(out: Path) -> bytes:
    """Bytes of the study's CSV; none where there is no file."""
    path = out / "results" / "kills" / "kills.csv"
    return path.read_bytes() if path.is_file() else b""


def numbers(out: Path) -> dict[str, tuple[Any, bytes]]:
    """Each trial's metrics, and its predictions as they are on disk."""
    results = {}
    for path in (out / "results" / "trials").glob("*/result.json"):
        with contextlib.suppress(OSError, ValueError):  # a damaged one is as good as lost
            metrics = json.loads(path.read_bytes())["metrics"]
            results[path.parent.name] = metrics, (path.parent / "predictions.npy").read_bytes()
    return results


# --- lives ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """When to kill, in seconds from a command's start, and whom: the first of these roles that is there then."""

    moment: float
    order: tuple[str, ...]
    which: float  # of several with that role, from 0 to 1

    @classmethod
    def drawn(cls, random: Random, seconds: float) -> Self:
        """Draw a moment of a command that takes that long, start-up and end included, and whom."""
        rank = {name: random.random() ** (1 / weight) for name, weight in WEIGHTS.items()}
        return cls(random.uniform(0, seconds), tuple(sorted(rank, key=lambda name: -rank[name])), random.random())


class Torment:
    """Commands under one TMPDIR, and what became of them."""

    def __init__(self, kills: int, seed: int, folder: Path, temporary: Path) -> None:
        self.report = Report()
        self._kills, self._random = kills, Random(seed)
        self._folder, self._temporary = folder, temporary
        self._truth = folder / "truth"
        self._expected = 0.0  # seconds that a command takes that nothing disturbs
        self._left: set[Path] = set()  # temporary folders, by commands that ended by themselves
        for name, text in (("study", STUDY), ("scale", SCALE)):
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")

    def undisturbed(self) -> None:
        """Run the study once, without a kill. Raises BadInput where even that fails: nothing can be compared then."""
        began = time.monotonic()
        code, _ = self._command(self._truth, Ledger(self._truth), None)
        self.report.undisturbed_seconds = self._expected = time.monotonic() - began
        if code != Exit.DONE:
            raise BadInput(f"The study does not run here, exit code {code}: {', '.join(self.report.said)}")
        self.report.trials = len(numbers(self._truth))

    def live(self) -> str:
        """One life, from an empty folder to exit code 0; in words."""
        report, out = self.report, self._folder / f"life-{self.report.lives}"
        ledger, killed, starts = Ledger(out), list[str](), Counter[str]()
        again = set[str]()  # trained though they had a result
        began, commands, calm, code = time.monotonic(), 0, 0, -1
        while code != Exit.DONE and calm < UNDISTURBED:
            plan = None
            if report.kills.total() < self._kills and commands < COMMANDS:
                left = 1 - len(ledger.seen) / report.trials
                plan = Plan.drawn(self._random, self._expected * (OVERHEAD + (1 - OVERHEAD) * left))
            had, started = set(ledger.seen), time.monotonic()
            code, victim = self._command(out, ledger, plan)
            commands, calm = commands + 1, calm + (plan is None)
            if code == Exit.DONE and not (victim or had):
                self._expected = time.monotonic() - started  # the machine's load may have changed
            killed += [victim] if victim else []
            for event in events(out):
                if event["event"] == "started":
                    starts[event["trial_id"]] += 1
                    again |= {event["trial_id"]} & had
                elif event["event"] == "failed":
                    report.failed += 1
                    report.said[f"failed: {event['error']}"] += 1
        truth, stored = numbers(self._truth), numbers(out)
        lost = (truth.keys() - stored.keys()) | ledger.gone
        repeated = ledger.changed | again
        different = sum(stored[name] != truth[name] for name in truth.keys() & stored.keys())
        cut = sum(count - 1 for name, count in starts.items() if name not in repeated)
        equal = table(out) == table(self._truth)
        report.lives += 1
        report.cut += cut
        report.lost += len(lost)
        report.repeated += len(repeated)
        report.different += different
        report.tables_different += not equal
        report.unfinished += code != Exit.DONE
        if code == Exit.DONE and equal and not (lost or repeated or different):
            shutil.rmtree(out)
            for suffix in (".log", ".jsonl"):
                out.with_suffix(suffix).unlink()
        return (
            f"life {report.lives}: {commands} commands in {time.monotonic() - began:.0f} s, killed "
            f"{', '.join(killed) or 'nobody'}; {len(lost)} lost, {len(repeated)} repeated, {cut} cut and begun again; "
            f"table {'equal' if equal else 'DIFFERENT'}; {report.kills.total()} of {self._kills} kills"
        )

    def end(self) -> None:
        """Count what is left when all is over."""
        self.report.folders_left = len(self._left)
        self.report.folders_unswept = len(self._folders() - self._left)
        self.report.orphans = wait_until_gone(self._temporary, (), ORPHANS)

    def _command(self, out: Path, ledger: Ledger, plan: Plan | None) -> tuple[int, str]:
        """Run the command once: its exit code, and the victim where one was killed meanwhile."""
        report, victim = self.report, ""
        before, folders = processes(self._temporary), self._folders()
        files = [self._folder / "study.yaml", "--scale", self._folder / "scale.yaml", "--out", out]
        line = [sys.executable, "-m", "ablations.run", *map(str, files), "--json"]
        log = out.with_suffix(".log")
        began = time.monotonic()
        with out.with_suffix(".jsonl").open("wb") as stdout, log.open("wb") as stderr:
            # A session of its own: Ctrl-C is for us, and we end the command.
            driver = subprocess.Popen(line, stdout=stdout, stderr=stderr, start_new_session=True, env=self._environment)
        while driver.poll() is None:
            ledger.look()
            past = time.monotonic() - began
            if plan and not victim and past >= plan.moment:
                victim = self._kill(plan, driver.pid, before)
            if past > ENDLESS + 5 * report.undisturbed_seconds:
                report.hung += 1
                kill_all(self._temporary)
            time.sleep(POLL)
        ledger.look()
        report.commands += 1
        report.ended[driver.returncode] += 1
        if driver.returncode != -signal.SIGKILL:
            if driver.returncode != Exit.DONE:
                report.said[(log.read_text(errors="replace").strip().splitlines() or [""])[-1]] += 1
            report.processes_left += wait_until_gone(self._temporary, before, GRACE)
            self._left |= self._folders() - folders
        return driver.returncode, victim

    def _kill(self, plan: Plan, driver: int, before: Sequence[Process]) -> str:
        """Kill as planned; the victim's role, empty where all of them have just ended."""
        there = sorted(set(processes(self._temporary)) - set(before), key=lambda one: one.pid)  # this command's
        for role in plan.order:
            candidates = [one for one in there if ("driver" if one.pid == driver else one.role) == role]
            if candidates:
                candidates[int(plan.which * len(candidates))].kill()
                name = ALONE if role == "driver" and not any(one.role == "raylet" for one in there) else role
                self.report.kills[name] += 1
                return name
        return ""

    def _folders(self) -> set[Path]:
        """Temporary folders that are there now; torch leaves an empty one of its own."""
        return {path for path in self._temporary.iterdir() if not path.name.startswith("torchinductor_")}

    @property
    def _environment(self) -> dict[str, str]:
        paths = [str(Path(__file__).parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {**os.environ, "TMPDIR": str(self._temporary), "PYTHONPATH": os.pathsep.join(paths)}


def events(out: Path) -> Iterator[dict[str, Any]]:
    """What the last command said on stdout; a kill may have cut the last line."""
    for line in out.with_suffix(".jsonl").read_text(encoding="utf-8", errors="replace").splitlines():
        with contextlib.suppress(ValueError):
            yield json.loads(line)


def torment(kills: int, seed: int, folder: Path, say: Callable[[str], None] = print) -> Report:
    """Kill that many processes of sweeps in `folder`. What differs from the truth is kept there, with its log."""
    began = time.monotonic()
    # Short, for Ray's sockets; the mark by which its processes are known; and where its temporary folders must go.
    temporary = Path(tempfile.mkdtemp(prefix="kills-", dir="/tmp"))
    try:
        one = Torment(kills, seed, folder, temporary)
        one.undisturbed()
        say(f"undisturbed: {one.report.trials} trials in {one.report.undisturbed_seconds:.0f} s")
        while one.report.kills.total() < kills and one.report.unfinished < 3:
            say(one.live())
        one.end()
        one.report.seconds = time.monotonic() - began
        return one.report
    finally:
        kill_all(temporary)
        shutil.rmtree(temporary, ignore_errors=True)


# --- command line -----------------------------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 nothing lost, nothing trained twice; 1 something was; 2 bad input, 130 interrupted."""
    terminate = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        args = _arguments(sys.argv[1:] if argv is None else argv)
        if args.kills < 1:
            raise BadInput("--kills must be at least 1.")
        if not Path("/proc/self/environ").exists():
            raise BadInput("Victims are found in /proc, which this system has not; use Linux.")
        with _folder(args.out) as folder:
            report = torment(args.kills, args.seed, folder, lambda line: print(line, flush=True))
            if args.out is not None:
                fields = {"kills": args.kills, "seed": args.seed, "report": vars(report)}
                (folder / "kills.json").write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")
        print(describe(report))
        return Exit.DONE if report.sound else Exit.SOME_FAILED
    except BadInput as error:
        print(error, file=sys.stderr)
        return Exit.BAD_INPUT
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, terminate)


def describe(report: Report) -> str:
    """The report as a table, for people."""
    rows = {
        "kills": f"{report.kills.total()}: " + ", ".join(f"{name} {report.kills[name]}" for name in (ALONE, *WEIGHTS)),
        "lives": str(report.lives),
        "commands": f"{report.commands}; exit codes: " + ", ".join(f"{k} {n}x" for k, n in report.ended.most_common()),
        "trials a life": str(report.trials),
        "trials lost": str(report.lost),
        "trials trained twice": str(report.repeated),
        "trials with other numbers": str(report.different),
        "tables that differ": str(report.tables_different),
        "trials cut and begun again": str(report.cut),
        "trials called failed": str(report.failed),
        "commands that hung": str(report.hung),
        "lives without end": str(report.unfinished),
        "left by commands that ended": f"{report.processes_left} processes, {report.folders_left} temporary folders",
        "left by killed commands": f"{report.folders_unswept} temporary folders after the next, "
        f"{report.orphans} processes after {ORPHANS:.0f} s",
        "wall time": f"{report.seconds:.0f} s, {report.undisturbed_seconds:.0f} s of it undisturbed",
    }
    said = [f"  {count}x {line}" for line, count in report.said.most_common()]
    return "\n".join([*(f"{name:30}{value}" for name, value in rows.items()), *(["said:", *said] if said else [])])


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(prog="python -m benchmarks.kills", description=(__doc__ or "").split("\n\n")[0], allow_abbrev=False)
    add = parser.add_argument
    add("--kills", type=int, default=200, metavar="N", help="default: 200, an hour or two on two cores")
    add("--seed", type=int, default=0, metavar="N", help="of moments and victims (default: 0)")
    add("--out", type=Path, metavar="DIR", help="kills.json goes there, and lives that went wrong; empty or new")
    return parser.parse_args(argv)


@contextlib.contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    """The folder given, which must be empty, or a temporary one."""
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise BadInput(f"--out {out}: this folder must be empty, every life begins with nothing.")
        yield out.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="torment-") as folder:
        yield Path(folder)


if __name__ == "__main__":
    sys.exit(main())
