"""Who works on which trial: two runs at once on one store do not train the same trial twice.

    results/runs/<run>.json     a live run: process, host, command; its age is the time since its last sign of life
    results/claims/<trial_id>   one that the run works on, or will: a second name (hard link) of the run's record

A claim therefore appears at once and whole, or not at all, and one touch of the record keeps all claims alive. A run
is dead when its process is gone (seen from the same machine) or it gave no sign of life for a minute; its claims count
for nothing from then on, and the next run removes them.
"""

import contextlib
import errno
import fcntl
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ablations.console.text import clean, yaml_text
from ablations.store.files import remove, write
from ablations.store.trials import Store
from simclr_core.errors import BadInput

HEARTBEAT, STALE = 5.0, 60.0  # seconds between two signs of life, and without one until a run counts as dead


class Leases:
    """The leases on a store's trials. `command`: what the run's record says it is doing."""

    def __init__(self, store: Store, command: str = "") -> None:
        self._leases, self._runs = store.root / "claims", store.root / "runs"
        self._run, self._command = secrets.token_hex(8), command
        self._record = self._runs / f"{self._run}.json"
        self._mine: set[str] = set()

    def running(self, trial_id: str) -> dict[str, Any] | None:
        """The record of the live run that works on the trial (`pid`, `host`, `command`; empty if damaged), or None."""
        path = self._leases / trial_id
        return _read(path) if self._lives(path) else None

    def live_runs(self) -> list[dict[str, Any]]:
        """The records of all runs that are at work; one that cannot be read is empty."""
        return [_read(path) for path in sorted(self._runs.glob("*.json")) if self._lives(path)]

    def leftovers(self) -> list[Path]:
        """Files of leases and of runs whose run is dead."""
        return [path for path in (*self._leases.glob("*"), *self._runs.glob("*.json")) if not self._lives(path)]

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Let this run lease trials and show signs of life while inside; at the end its leases are given back.

        Raises BadInput where nothing can be written.
        """
        about = {"run": self._run, "pid": os.getpid(), "host": _host(), "command": self._command}
        with _writing(self._runs):
            self._leases.mkdir(exist_ok=True)
            self._runs.mkdir(exist_ok=True)
            write(self._record, json.dumps(about).encode())
            self._bury()
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(HEARTBEAT):
                with contextlib.suppress(OSError):
                    os.utime(self._record)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            with contextlib.suppress(OSError):  # else they expire
                self.release(tuple(self._mine))
                self._record.unlink(missing_ok=True)

    def claim(self, trial_ids: Iterable[str]) -> set[str]:
        """Lease these trials: those that are this run's now; the others are another live run's. Only while alive."""
        with _writing(self._leases), self._one_at_a_time():
            for trial_id in trial_ids:
                path = self._leases / trial_id
                if not self._lives(path):
                    remove(path)
                if _second_name(self._record, path):
                    self._mine.add(trial_id)
        return set(self._mine)

    def release(self, trial_ids: Iterable[str]) -> None:
        """Give leases of this run back."""
        for trial_id in set(trial_ids) & self._mine:
            path = self._leases / trial_id
            if _read(path).get("run") == self._run:  # not taken over while this computer slept
                path.unlink(missing_ok=True)
            self._mine.discard(trial_id)

    def _bury(self) -> None:
        """Remove what dead runs left behind."""
        with self._one_at_a_time():
            for path in self.leftovers():
                remove(path)

    def _lives(self, path: Path) -> bool:
        """Whether the run behind a lease or a record is at work. A damaged one counts as alive until it is stale."""
        record = _read(path)
        run = record.get("run")
        try:
            seen = (self._runs / f"{run}.json" if isinstance(run, str) and run.isalnum() else path).stat().st_mtime
        except OSError:
            return False  # nobody's claim, or of a run that has ended
        if record.get("host") == _host() and not _process_lives(record.get("pid")):
            return False
        return self._now() - seen <= STALE

    def _now(self) -> float:
        """The time by the clock of the file system: on a cluster, hosts need not agree on it."""
        try:
            os.utime(self._record)
            return self._record.stat().st_mtime
        except OSError:
            return time.time()

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """Lock among runs that look for dead ones: none removes the fresh lease of another."""
        with (self._runs / ".lock").open("w") as file:
            with contextlib.suppress(OSError):  # a file system without locks: claims are exclusive all the same
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadInput(f"{error.filename or folder}: trials cannot be claimed there: {error.strerror}.") from None


def _second_name(record: Path, path: Path) -> bool:
    """Whether `path`, which did not exist, is now a link to the record, or a copy where there are no links."""
    try:
        os.link(record, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in (errno.EMLINK, errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        try:
            with path.open("xb") as file:
                file.write(record.read_bytes())
        except FileExistsError:
            return False
    return True


def _host() -> str:
    """The name of this machine; containers of one name that do not see each other's processes differ."""
    try:
        return f"{socket.gethostname()}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return socket.gethostname()


def _process_lives(pid: Any) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, TypeError, ValueError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _read(path: Path) -> dict[str, Any]:
    try:
        fields = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def runner(record: Mapping[str, Any]) -> str:
    """Name who holds a lease: process and host of a live run, and what it was started as."""
    if not record:
        return "a run whose record cannot be read"
    host = clean(str(record.get("host", "?"))).partition("/")[0]
    command = clean(str(record.get("command", "")))
    return f"process {yaml_text(record.get('pid', '?'))} on {host}" + (f" ({command})" if command else "")
