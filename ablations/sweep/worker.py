"""The process that trains: one trial as a stream of messages, its log, a watch against hanging."""

import contextlib
import datetime
import faulthandler
import io
import os
import socket
import traceback
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ablations.store.trials import Cause
from ablations.sweep.provenance import provenance
from simclr_core.config import Recipe
from simclr_core.errors import BadInput

STARTED, HUNG = "=== started ", "Timeout ("  # in a log: the head of an attempt; how faulthandler ends one

Message = dict[str, Any]
# {"kind": "epoch", "row"}, then
# {"kind": "done", "metrics", "predictions", "labels", "outcomes", "groups", "provenance"}
# or {"kind": "failed", "error", "cause", "details"}


def work(job: dict[str, Any]) -> Iterator[Message]:
    """Run one trial in this process: a message per epoch, then one that says how it ended. Never raises Exception.

    job: `trial_id`, `recipe` (fields), `cache` and `log` (paths), `device`, `checkpoint` (path), `checkpoint_every`
    (epochs), `commit`, and `hangs_after`: seconds without an epoch's end after which this process ends itself, its
    stack in the log; None for never.
    """
    if not Path(job["log"]).parent.is_dir():
        yield _failed(f"{socket.gethostname()} does not see {Path(job['log']).parent}.", "input")
        return
    with _Log(Path(job["log"])) as log:
        log.write(f"{STARTED}{_now()} process {os.getpid()} on {socket.gethostname()}\n")
        messages, kind = _train(job), "epoch"
        while kind == "epoch":
            with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log), log.watch(job["hangs_after"]):
                message = _next(messages)
            kind = message["kind"]
            log.write({"epoch": _said, "done": lambda _: "done\n", "failed": _details}[kind](message))
            yield message


def hung(log: Path) -> bool:
    """Whether the last attempt in a trial's log was ended because it gave no sign of life."""
    try:
        return HUNG in log.read_text(encoding="utf-8", errors="replace").rpartition(STARTED)[2]
    except OSError:
        return False


def _next(messages: Iterator[Message]) -> Message:
    from simclr_core.checkpoint import Unfit
    from simclr_core.health import TrialFailed

    try:
        return next(messages)
    except Unfit as error:
        return _failed(str(error), "checkpoint")
    except TrialFailed as error:
        return _failed(str(error), "numbers")
    except BadInput as error:
        return _failed(str(error), "input")
    except Exception as error:
        return _failed(f"{type(error).__name__}: {error}", "memory" if _memory_ran_out(error) else "error")


def _memory_ran_out(error: Exception) -> bool:
    import torch

    said = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and ("not enough memory" in said or "allocate memory" in said)
    )


def _train(job: dict[str, Any]) -> Iterator[Message]:
    import torch

    from simclr_core import cost, data, trial
    from simclr_core.checkpoint import Checkpoint

    recipe = Recipe.parse(job["recipe"], job["trial_id"])
    cache = Path(job["cache"])
    dataset, *transfer = (data.load(part, cache) for part in recipe.data_sets)  # a reused worker has them already
    keep = Checkpoint(Path(job["checkpoint"]), job["checkpoint_every"], recipe.model_dump_json())
    started = _now()
    cost.forget_peak(job["device"])
    for row in trial.run(recipe, dataset, job["device"], transfer[0] if transfer else None, keep):
        if isinstance(row, trial.EpochRow):
            yield {"kind": "epoch", "row": asdict(row)}
            continue
        about = provenance(torch.cuda.get_device_name() if job["device"] == "cuda" else "cpu")
        spent = {"seconds": row.seconds, "started": started, "finished": _now(), "commit": job["commit"]}
        source = {"data_source": recipe.data.source, "data_fingerprint": dataset.fingerprint}
        yield {
            "kind": "done",
            "metrics": row.metrics,
            "predictions": row.predictions,
            "labels": row.labels,
            "outcomes": row.outcomes,
            "groups": row.groups,
            "provenance": {**spent, "peak_bytes": cost.peak_bytes(job["device"]), **about, **source},
        }


class _Log(io.TextIOBase):
    """A trial's log. A full disk must not fail a training for the sake of its log: what cannot be written is lost."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("a", encoding="utf-8", errors="replace", buffering=1)
        except OSError:
            self._file = Path(os.devnull).open("a", encoding="utf-8")  # noqa: SIM115  # closed below

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._file.write(text)
        return len(text)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        super().close()

    @contextlib.contextmanager
    def watch(self, seconds: float | None) -> Iterator[None]:
        """Let this process, if it stays inside for longer than that, write its stack here and end."""
        if seconds is not None:
            faulthandler.dump_traceback_later(seconds, exit=True, file=self._file)
        try:
            yield
        finally:
            if seconds is not None:
                faulthandler.cancel_dump_traceback_later()


def _said(message: Message) -> str:
    row = message["row"]
    return f"epoch {row['epoch']}: loss {row['loss']:.4f}, {row['seconds']:.1f} s\n"


def _details(message: Message) -> str:
    return message["details"] or f"{message['error']}\n"


def _failed(error: str, cause: Cause) -> Message:
    details = traceback.format_exc() if cause != "input" else ""
    return {"kind": "failed", "error": error, "cause": cause, "details": details}


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
