"""Runs the missing trials: on a private Ray as a pool of workers, or one after the other in this process.

Ray Tune is never asked what is finished: after Ctrl-C, a kill or a full disk its own answer can be wrong. Workers send
plain messages, the driver alone writes them to the store, and the store is the only truth. The one file that imports
ray, and only where the engine is ray.
"""

import contextlib
import datetime
import logging
import math
import os
import secrets
import shutil
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ablations.plan import Planned
from ablations.store import Store, finite, provenance
from ablations.study import Resources
from simclr_core.config import Recipe
from simclr_core.errors import BadInput

ATTEMPTS = 2  # for a trial whose worker, or whose round, dies; a trial that raises fails at once: it would raise again

Message = dict[
    str, Any
]  # {"kind": "epoch", "row"} then {"kind": "done", ...} or {"kind": "failed", "error", "details"}


@dataclass(frozen=True)
class Event:
    """Something happened to a trial. `row`: of an epoch its fields, of a done trial its metrics with `seconds`."""

    kind: Literal["started", "epoch", "done", "failed", "tick"]
    trial_id: str = ""
    row: dict[str, Any] = field(default_factory=dict)
    error: str = ""


def slots(resources: Resources) -> int:
    """How many trials fit on this computer at once. Raises BadInput where not even one does: nothing waits for ever."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if resources.cpus > cpus:
        raise BadInput(f"The scale's resources want {resources.cpus:g} CPUs per trial, but this computer has {cpus}.")
    fitting = int(cpus / resources.cpus)
    if resources.gpus:
        gpus = _gpus()
        if gpus == 0:
            raise BadInput(
                f"The scale's resources want {resources.gpus:g} GPU per trial, but PyTorch finds none here; "
                "choose another --scale, such as laptop."
            )
        fitting = min(fitting, gpus * int(1 / resources.gpus))
    return fitting


def device(resources: Resources) -> str:
    """Where trials with these resources train. Ray leaves GPUs visible to trials that ask for none."""
    return "cuda" if resources.gpus else "cpu"


def _gpus() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def run(
    todo: Sequence[Planned],
    *,
    store: Store,
    cache: Path,
    resources: Resources,
    checkpoint_every: int,
    engine: Literal["ray", "inline"],
    on_event: Callable[[Event], None],
) -> bool:
    """Train and probe the trials, all claimed by this run. True where Ctrl-C (or SIGTERM) ended it early.

    cache: where decoded images lie, see simclr_core.data.load. checkpoint_every: in epochs.
    Raises BadInput where Ray cannot start or the store cannot be written; what is finished stays finished.
    """
    driver = Driver(todo, store, on_event)
    cells = {
        item.trial_id: {
            "trial_id": item.trial_id,
            "recipe": item.trial.recipe.model_dump(mode="json"),
            "cache": str(cache.absolute()),
            "device": device(resources),
            "checkpoint": str(store.checkpoint(item.trial_id).absolute()),
            "checkpoint_every": checkpoint_every,
        }
        for item in todo
    }
    try:
        if engine == "inline":
            for trial_id, cell in cells.items():
                driver.started(trial_id)
                driver.tick()
                for message in work(cell):
                    driver.message(trial_id, message)
        else:
            _on_ray(cells, driver, resources)
    except KeyboardInterrupt:
        return True
    return False


def work(cell: dict[str, Any]) -> Iterator[Message]:
    """One trial, in whatever process: a message per epoch, then one that says how it ended. Never raises Exception."""
    from simclr_core.stops import TrialFailed

    try:
        yield from _train(cell)
    except (BadInput, TrialFailed) as error:
        yield {"kind": "failed", "error": str(error), "details": traceback.format_exc()}
    except Exception as error:
        yield {"kind": "failed", "error": f"{type(error).__name__}: {error}", "details": traceback.format_exc()}


def _train(cell: dict[str, Any]) -> Iterator[Message]:
    import torch

    from simclr_core import data, trial
    from simclr_core.checkpoint import Checkpoint

    recipe = Recipe.parse(cell["recipe"], cell["trial_id"])
    cache = Path(cell["cache"])
    dataset, *transfer = (data.load(part, cache) for part in recipe.data_sets)  # a reused worker has them already
    keep = Checkpoint(Path(cell["checkpoint"]), cell["checkpoint_every"], recipe.model_dump_json())
    started = _now()
    for row in trial.run(recipe, dataset, cell["device"], transfer[0] if transfer else None, keep):
        if isinstance(row, trial.EpochRow):
            yield {"kind": "epoch", "row": asdict(row)}
        else:
            about = provenance(torch.cuda.get_device_name() if cell["device"] == "cuda" else "cpu")
            times = {"seconds": row.seconds, "started": started, "finished": _now()}
            source = {"data_source": recipe.data.source, "data_fingerprint": dataset.fingerprint}
            yield {
                "kind": "done",
                "metrics": row.metrics,
                "predictions": row.predictions,
                "labels": row.labels,
                "outcomes": row.outcomes,
                "provenance": {**times, **about, **source},
            }


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


class Driver:
    """Writes what workers say into the store and passes it on; the same for every engine."""

    def __init__(self, todo: Sequence[Planned], store: Store, on_event: Callable[[Event], None]) -> None:
        self.pending = {item.trial_id: item for item in todo}
        self.starts: Counter[str] = Counter()
        self._store = store
        self._on_event = on_event

    def started(self, trial_id: str) -> None:
        """A worker has the trial now."""
        self.starts[trial_id] += 1
        with self._writing():
            self._store.begin(trial_id, self.pending[trial_id].trial.recipe.model_dump(mode="json"))
        self._on_event(Event("started", trial_id))

    def message(self, trial_id: str, message: Message) -> None:
        """A worker's message about its trial."""
        if message["kind"] == "epoch":
            with self._writing():
                self._store.epoch(trial_id, message["row"])
            self._on_event(Event("epoch", trial_id, message["row"]))
        elif message["kind"] == "failed":
            self.failed(trial_id, message["error"], message["details"])
        elif not finite(message["metrics"]):
            self.failed(trial_id, f"its metrics are not all finite: {message['metrics']}", "")
        else:
            with self._writing():
                self._store.finish(trial_id, **{key: value for key, value in message.items() if key != "kind"})
            del self.pending[trial_id]
            self._on_event(Event("done", trial_id, {**message["metrics"], "seconds": message["provenance"]["seconds"]}))

    def failed(self, trial_id: str, error: str, details: str) -> None:
        """The trial cannot be finished; the others go on."""
        with self._writing():
            self._store.fail(trial_id, error, details)
        del self.pending[trial_id]
        self._on_event(Event("failed", trial_id, error=error))

    def tick(self) -> None:
        """Time passes."""
        self._on_event(Event("tick"))

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            path = error.filename or self._store.trials
            raise BadInput(f"{path}: results cannot be written: {error.strerror}; what is finished is kept.") from None


# Ray

_SETTINGS = {
    "RAY_AUTH_MODE": "token",  # Ray listens on all interfaces, whatever one asks
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # with verbose=0: silence
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # no files of its own per trial
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C raises KeyboardInterrupt here, instead of a normal return from fit()
    "TUNE_FUNCTION_THREAD_TIMEOUT_S": "60",  # else a worker slow to clean up fails the next trial
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
}


def _on_ray(cells: dict[str, Any], driver: Driver, resources: Resources) -> None:
    """Rounds of a fresh Ray each, until every trial is done or failed: a session that broke must not be used again."""
    os.environ.update({"OMP_NUM_THREADS": "1", **_SETTINGS})
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # of this process; nothing is written to $HOME
    with _short_folder() as folder:
        while driver.pending:
            before = driver.starts.total()
            broke = _round({trial_id: cells[trial_id] for trial_id in driver.pending}, driver, resources, folder)
            if driver.starts.total() == before:
                raise _no_ray(broke or "it started no trial")
            for trial_id in tuple(driver.pending):
                if driver.starts[trial_id] >= ATTEMPTS:
                    driver.failed(trial_id, f"its worker died {ATTEMPTS} times (out of memory?)", broke)


def _round(cells: dict[str, Any], driver: Driver, resources: Resources, folder: Path) -> str:
    """One Ray from start to end over these trials. Returns why it broke, empty where it did not."""
    try:
        import ray
        from ray import tune
    except ImportError as error:
        raise _no_ray(error) from None

    class Relay(tune.Callback):
        """Tune's events to the driver. What goes wrong here ends the round and is raised again after it."""

        broke: Exception | None = None
        look = 0.0  # when to ask again whether Ray's node lives

        def __reduce__(self) -> tuple[Any, ...]:
            return tune.Callback, ()  # Tune pickles its callbacks, threads and all; nobody reads that

        def _pass(self, call: Callable[[], None]) -> None:
            try:
                call()
            except Exception as error:
                self.broke = error
                raise

        def on_trial_start(self, trial: Any, **_: Any) -> None:  # type: ignore[override]  # Tune passes names
            self._pass(lambda: driver.started(trial.config["cell"]["trial_id"]))

        def on_trial_result(self, trial: Any, result: dict[str, Any], **_: Any) -> None:  # type: ignore[override]
            if "message" in result:
                self._pass(lambda: driver.message(trial.config["cell"]["trial_id"], result["message"]))

        def on_step_end(self, **_: Any) -> None:  # type: ignore[override]
            self._pass(driver.tick)
            if time.monotonic() > self.look:  # without its node, Tune would wait for ever
                self.look = time.monotonic() + 5
                if not any(node["Alive"] for node in ray.nodes()):  # type: ignore[no-untyped-call]
                    raise RuntimeError("Ray's node process died")

    def name(trial: Any) -> str:
        return str(trial.config["cell"]["trial_id"])

    parallel, relay = slots(resources), Relay()
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    terminate = signal.getsignal(signal.SIGTERM)
    try:
        try:
            ray.init(
                address="local",
                num_cpus=math.ceil(parallel * resources.cpus),
                num_gpus=_gpus() if resources.gpus else 0,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                object_store_memory=100_000_000,  # workers memory-map the images; Ray carries messages only
                _temp_dir=str(folder),
            )
        except Exception as error:
            raise _no_ray(error) from None
        signal.signal(signal.SIGTERM, terminate)  # ray.init put its own there
        tune.Tuner(
            tune.with_resources(_trainable, {"cpu": resources.cpus, "gpu": resources.gpus}),
            param_space={"cell": tune.grid_search(list(cells.values()))},
            tune_config=tune.TuneConfig(
                reuse_actors=True,
                max_concurrent_trials=parallel,
                trial_name_creator=name,
                trial_dirname_creator=name,
            ),
            run_config=tune.RunConfig(
                name=f"round-{time.monotonic_ns()}", storage_path=str(folder / "tune"), verbose=0, callbacks=[relay]
            ),
        ).fit()
    except BadInput:
        raise
    except Exception as error:  # such as Ray's memory monitor, which ends a whole fit() for one trial
        if relay.broke is not None:
            raise relay.broke from None
        return "".join(traceback.format_exception(error))
    finally:
        ray.shutdown()
    return ""


def _trainable(config: dict[str, Any]) -> None:
    from ray import tune

    for message in work(config["cell"]):
        tune.report({"message": message})


def _no_ray(reason: object) -> BadInput:
    first = (str(reason).strip().splitlines() or ["?"])[-1]
    return BadInput(f"Ray cannot run here ({first}); --engine inline trains the same trials without it, one at a time.")


@contextlib.contextmanager
def _short_folder() -> Iterator[Path]:
    """A temporary folder that is gone afterwards, with a path short enough for Ray's sockets (107 characters)."""
    usual = tempfile.gettempdir()
    parent = "/tmp" if len(usual) > 30 and Path("/tmp").is_dir() else usual
    folder = Path(tempfile.mkdtemp(prefix="ablations-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
