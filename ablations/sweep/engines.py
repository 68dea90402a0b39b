"""Runs the missing trials: on Ray Tune as a pool of workers, or one after the other in this process.

Ray Tune is never asked what is finished: after Ctrl-C, a kill or a full disk its own answer can be wrong. Workers send
plain messages, the driver alone writes them to the store, and the store is the only truth.
"""

import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.store.leases import Leases
from ablations.store.trials import Store
from ablations.sweep.driver import Driver, Event
from ablations.sweep.machine import Allotment
from ablations.sweep.plan import Planned
from ablations.sweep.provenance import commit
from ablations.sweep.ray_session import Sessions, no_ray
from ablations.sweep.worker import work


@dataclass(frozen=True)
class Setting:
    """The place and the way in which trials run.

    sessions: None for one trial after the other in this process. share: of each trial. need: bytes of memory that a
    trial is estimated to take. cache: where decoded images lie, see simclr_core.data.load. checkpoint_every: epochs.
    hangs_after: seconds without an epoch's end.
    """

    sessions: Sessions | None
    share: Allotment
    need: int
    cache: Path
    checkpoint_every: int
    hangs_after: float


def run(
    todo: Mapping[str, Planned], store: Store, leases: Leases, setting: Setting, on_event: Callable[[Event], None]
) -> bool:
    """Train and probe the trials, all claimed by this run. True where Ctrl-C (or SIGTERM) ended it early.

    Raises BadInput where Ray cannot start or the store cannot be written; what is finished stays finished.
    """
    driver = Driver(todo, store, leases, on_event)
    source = commit()
    jobs = {
        trial_id: {
            "trial_id": trial_id,
            "recipe": item.trial.recipe.model_dump(mode="json"),
            "cache": str(setting.cache.absolute()),
            "log": str(store.log(trial_id).absolute()),
            "device": setting.share.device,
            "checkpoint": str(store.checkpoint(trial_id).absolute()),
            "checkpoint_every": setting.checkpoint_every,
            "hangs_after": setting.hangs_after if setting.sessions else None,  # it would end this process
            "commit": source,
        }
        for trial_id, item in todo.items()
    }
    try:
        while driver.pending:
            if setting.sessions is None:
                _inline(jobs, driver)
            else:
                _round(jobs, driver, setting, setting.sessions)
    except KeyboardInterrupt:
        return True
    return False


def _inline(jobs: Mapping[str, Any], driver: Driver) -> None:
    for trial_id in tuple(driver.pending):
        driver.started(trial_id)
        driver.tick()
        for message in work(jobs[trial_id]):
            driver.message(trial_id, message)


def _round(jobs: Mapping[str, Any], driver: Driver, setting: Setting, sessions: Sessions) -> None:
    """Run one Ray from start to end over the trials that are left: a session that broke must not be used again.

    First those that may run beside others; when none is left of them, those that must run alone.
    """
    together = [trial_id for trial_id in driver.pending if trial_id not in driver.alone]
    before = driver.starts
    with sessions.session() as (ray, folder):
        chosen = [jobs[trial_id] for trial_id in together or driver.pending]
        broke = _fit(ray, folder, chosen, driver, setting, alone=not together)
        if broke is not None and driver.starts > before:
            driver.all_died("".join(traceback.format_exception(broke)))
    if driver.starts == before:
        raise no_ray(broke or "it started no trial")


def _fit(
    ray: Any, folder: Path, jobs: list[dict[str, Any]], driver: Driver, setting: Setting, alone: bool
) -> Exception | None:
    """Run Tune's one fit(). Returns what Ray broke with, if it did; raises what went wrong in this program."""
    from ray import tune

    class Relay(tune.Callback):
        """Tune's events to the driver. What goes wrong here ends the round and is raised again after it."""

        broke: Exception | None = None
        look = 0.0  # when to ask again whether any of Ray's nodes lives

        def __reduce__(self) -> tuple[Any, ...]:
            return tune.Callback, ()  # Tune pickles its callbacks, threads and all; nobody reads that

        def _pass(self, call: Callable[[], None]) -> None:
            try:
                call()
            except Exception as error:
                self.broke = error
                raise

        def on_trial_start(self, trial: Any, **_: Any) -> None:  # type: ignore[override]  # Tune passes names
            self._pass(lambda: driver.started(name(trial)))

        def on_trial_result(self, trial: Any, result: dict[str, Any], **_: Any) -> None:  # type: ignore[override]
            if "message" in result:
                self._pass(lambda: driver.message(name(trial), result["message"]))

        def on_trial_error(self, trial: Any, **_: Any) -> None:  # type: ignore[override]
            self._pass(lambda: driver.died(name(trial), _reason(trial)))

        def on_step_end(self, **_: Any) -> None:  # type: ignore[override]
            self._pass(driver.tick)
            if time.monotonic() > self.look:  # without its nodes, Tune would wait for ever
                self.look = time.monotonic() + 5
                if not any(node["Alive"] for node in ray.nodes()):
                    raise RuntimeError("Ray's node process died")

    def name(trial: Any) -> str:
        return str(trial.config["job"]["trial_id"])

    share, relay = setting.share, Relay()
    on_cluster = setting.sessions is not None and setting.sessions.address is not None
    wanted = {"cpu": share.cpus, "gpu": share.gpus}
    if on_cluster and not share.gpus:
        wanted["memory"] = setting.need  # each node then takes as many as its memory holds
    try:
        tune.Tuner(
            tune.with_resources(_trainable, wanted),
            param_space={"job": tune.grid_search(jobs)},
            tune_config=tune.TuneConfig(
                reuse_actors=True,
                # On a cluster as many as its nodes take, those that join later too.
                max_concurrent_trials=1 if alone else None if on_cluster else share.parallel,
                trial_name_creator=name,
                trial_dirname_creator=name,
            ),
            run_config=tune.RunConfig(name="sweep", storage_path=str(folder), verbose=0, callbacks=[relay]),
        ).fit()
    except Exception as error:  # such as Ray's memory monitor, which ends a whole fit() for one trial
        if relay.broke is not None:
            raise relay.broke from None
        return error
    return None


def _trainable(config: dict[str, Any]) -> None:
    from ray import tune

    for message in work(config["job"]):
        tune.report({"message": message})


def _reason(trial: Any) -> str:
    """Ray's account of a trial's end."""
    try:
        return Path(trial.error_file).read_text(encoding="utf-8")
    except (OSError, TypeError):
        return ""
