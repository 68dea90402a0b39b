"""The sweep's one writer: it stores what workers say, passes it on to whoever watches, tries trials again."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ablations.store.leases import Leases
from ablations.store.trials import Cause, Store, finite
from ablations.sweep.plan import Planned
from ablations.sweep.worker import Message, hung
from simclr_core.errors import BadInput

ATTEMPTS = 3  # of a trial whose process dies in company; alone, one is enough to know that it is its own doing
PASSING: tuple[Cause, ...] = ("memory", "died", "checkpoint")  # causes that another attempt may not meet again


@dataclass(frozen=True)
class Event:
    """An event of a trial. `row`: of an epoch its fields, of a done trial its metrics with `seconds`.

    `again`: its process died (`error` says how), and it will be tried again.
    """

    kind: Literal["started", "epoch", "done", "failed", "again", "tick"]
    trial_id: str = ""
    row: dict[str, Any] = field(default_factory=dict)
    error: str = ""


class Driver:
    """Follows the trials in `todo` until each is done or failed; the same for every engine.

    pending: neither done nor failed. alone: those of them that are to be tried with no other at work, because memory
    ran out, or because all that ran were lost and the culprit must be told from the others.
    """

    def __init__(
        self, todo: Mapping[str, Planned], store: Store, leases: Leases, on_event: Callable[[Event], None]
    ) -> None:
        self.pending = dict(todo)
        self.alone: set[str] = set()
        self.starts = 0
        self._store, self._leases, self._on_event = store, leases, on_event
        self._running: dict[str, int] = {}  # trial_id -> last epoch
        self._deaths: Counter[str] = Counter()

    def started(self, trial_id: str) -> None:
        """Begin the trial, which a worker is about to get."""
        self.starts += 1
        item = self.pending[trial_id]
        with self._writing():
            self._store.begin(trial_id, item.trial.recipe, item.fingerprints)
        self._running[trial_id] = 0
        self._on_event(Event("started", trial_id))

    def message(self, trial_id: str, message: Message) -> None:
        """Store and pass on a worker's message about its trial."""
        if message["kind"] == "epoch":
            self._running[trial_id] = message["row"]["epoch"]
            with self._writing():
                self._store.epoch(trial_id, message["row"])
            self._on_event(Event("epoch", trial_id, message["row"]))
        elif message["kind"] == "failed":
            self._ended(trial_id, message["error"], message["cause"], message["details"])
        elif not finite(message["metrics"]):
            self._ended(trial_id, f"its metrics are not all finite: {message['metrics']}", "numbers")
        else:
            with self._writing():
                self._store.finish(trial_id, **{key: value for key, value in message.items() if key != "kind"})
            self._settled(trial_id)
            self._on_event(Event("done", trial_id, {**message["metrics"], "seconds": message["provenance"]["seconds"]}))

    def died(self, trial_id: str, details: str) -> None:
        """Handle that the process which ran the trial is gone."""
        if trial_id not in self._running:  # it had said all there was to say
            return
        if hung(self._store.log(trial_id)):
            self._ended(trial_id, "it hung: no epoch ended in the time that the scale's hangs_after gives", "hung")
        elif "low on memory" in details or "OutOfMemoryError" in details:  # Ray's memory monitor
            self._ended(trial_id, "its process was ended because this computer ran low on memory", "memory", details)
        else:
            self._ended(trial_id, "its process was killed", "died", details)

    def all_died(self, details: str) -> None:
        """Handle that every process is gone and none can be blamed: what ran is tried again, one trial at a time."""
        for trial_id in tuple(self._running):
            self.died(trial_id, details)
            if trial_id in self.pending:
                self.alone.add(trial_id)

    def tick(self) -> None:
        """Pass on that time passes."""
        self._on_event(Event("tick"))

    def _ended(self, trial_id: str, error: str, cause: Cause, details: str = "") -> None:
        epoch = self._running.pop(trial_id)
        self._deaths[trial_id] += 1
        if cause in PASSING and trial_id not in self.alone and self._deaths[trial_id] < ATTEMPTS:
            if cause == "memory":
                self.alone.add(trial_id)
            self._on_event(Event("again", trial_id, error=error))
            return
        with self._writing():
            self._store.fail(trial_id, error, cause, details, epoch)
        self._settled(trial_id)
        self._on_event(Event("failed", trial_id, error=error))

    def _settled(self, trial_id: str) -> None:
        self._running.pop(trial_id, None)
        del self.pending[trial_id]
        self._leases.release([trial_id])

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            path = error.filename or self._store.trials
            raise BadInput(
                f"{path}: results cannot be written: {error.strerror}; "
                "what is finished is kept, and the same command goes on from there."
            ) from None
