"""Ray's sessions: a private one on this computer, started and swept away, or a cluster that is there already."""

import fcntl
import logging
import math
import os
import secrets
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import ablations
import simclr_core
from ablations.console import signals, terminal
from ablations.store.trials import Store
from ablations.sweep.machine import Node
from simclr_core.errors import BadInput

# For the driver and, where they matter there, for the workers.
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # with verbose=0: silence
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # no files of its own per trial
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C raises KeyboardInterrupt here, instead of a normal return from fit()
    "TUNE_FUNCTION_THREAD_TIMEOUT_S": "60",  # else a worker slow to clean up fails the next trial
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",  # Tune's own record of the sweep, which nobody reads, grows with every trial
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "OMP_NUM_THREADS": "1",  # one thread per trial
    "RAY_prestart_worker_first_driver": "0",  # Tune's workers have variables of their own; these would stay idle
}

LONGEST = 18  # characters of the temporary folder: "/ablations-", 8, "/ray/session_", 33, "/sockets/plasma_store"


class Sessions:
    """Ray's sessions, a new one for each round of a sweep: one that broke must not be used again.

    address: of the cluster to join, None for a private Ray with the CPUs and GPUs of `here`. Whoever has it closes it.
    """

    def __init__(self, address: str | None, here: Node) -> None:
        self.address, self._here = address, here
        self._open = ExitStack()
        self._next: tuple[Any, Path] | None = None

    def start(self) -> None:
        """Open the next session ahead of its round. Raises BadInput, as `connected`."""
        self._next = self._open.enter_context(connected(self.address, self._here))

    @contextmanager
    def session(self) -> Iterator[tuple[Any, Path]]:
        """Yield what `connected` gives: the session that was started, if there is one. Afterwards it is closed."""
        with self._open:
            if self._next is None:
                self.start()
            assert self._next is not None
            session, self._next = self._next, None
            yield session

    def close(self) -> None:
        """End a session that was started and never used."""
        self._open.close()


@contextmanager
def connected(address: str | None, here: Node | None = None) -> Iterator[tuple[Any, Path]]:
    """Yield (ray, folder): the module, connected to the cluster at `address` or to a new Ray with the room of `here`.

    The folder is temporary.
    Raises BadInput where Ray cannot start or the cluster cannot be joined.
    """
    os.environ.update(SETTINGS)
    os.environ.setdefault("RAY_AUTH_MODE", "token")  # Ray listens on all interfaces, whatever one asks
    try:
        import ray
    except Exception as error:  # a broken installation raises what it likes
        raise no_ray(error) from None
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    handlers = signals.handlers()
    with _short_folder() as folder:
        if not _has_home():  # Ray cannot be imported without one
            os.environ["HOME"] = str(folder)
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        try:
            try:
                if address is not None:
                    _knock(address)
                    ray.init(address=address, runtime_env=_code(), **quiet)
                else:
                    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # nothing is written to $HOME
                    # Ray's own start is mostly waiting. Ray itself must stay in this thread: its processes end with it.
                    threading.Thread(target=_import_torch, daemon=True).start()
                    own: dict[str, Any] = {"include_dashboard": False, "_temp_dir": str(folder / "ray")}
                    ray.init(address="local", **own, **_room(here), **quiet)
            except SystemExit:  # how Ray's own handler answers SIGTERM while it starts
                raise KeyboardInterrupt from None
            except Exception as error:
                raise no_ray(error) if address is None else _no_cluster(address, error) from None
            signals.handle(handlers)  # ray.init put its own there
            with nullcontext() if address is not None else _head_watched(ray, folder):
                yield ray, folder / "tune"
        finally:
            ray.shutdown()


def _has_home() -> bool:
    try:
        return bool(Path.home())
    except RuntimeError:
        return False


def _import_torch() -> None:
    with suppress(ImportError):  # whoever needs it says so
        import simclr_core.trial  # noqa: F401


@contextmanager
def _head_watched(ray: Any, folder: Path) -> Iterator[None]:
    """End this process with a sentence where the private Ray's head is gone: Ray would end it later, silently.

    Nothing gentler is possible: every call to Ray, its shutdown too, waits for the head.
    """
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    over = threading.Event()

    def watch() -> None:
        refused = 0
        while not over.wait(1):
            try:
                socket.create_connection((host, int(port)), timeout=10).close()
                refused = 0
            except ConnectionRefusedError:
                refused += 1
            except OSError:  # busy is not gone
                pass
            if refused == 3 and not over.is_set():
                shutil.rmtree(folder, ignore_errors=True)
                terminal.last_words("Ray's head process died; the same command goes on with what is left.\n")
                os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        over.set()


def survey(address: str, store: Store | None) -> list[Node]:
    """The nodes of the cluster, each of which was seen to read and write the store, if given. Raises BadInput."""
    with connected(address) as (ray, _):
        alive = [node for node in ray.nodes() if node["Alive"]]
        if store is not None:
            _check_shared(ray, alive, store)
        return [
            Node(
                node["NodeManagerAddress"],
                node["Resources"].get("CPU", 0),
                int(node["Resources"].get("memory", 0)),
                node["Resources"].get("GPU", 0),
            )
            for node in alive
        ]


def no_ray(reason: object) -> BadInput:
    """The error for a Ray that cannot start, in a sentence."""
    return BadInput(
        f"Ray cannot run here ({_last_line(reason)}); --engine inline trains the same trials without it, one at a time."
    )


def _no_cluster(address: str, reason: object) -> BadInput:
    return BadInput(
        f"--address {address}: no Ray cluster could be joined there ({_last_line(reason)}); "
        "docs/cluster.md says how to start one, --verbose lets Ray say more."
    )


def _knock(address: str) -> None:
    """Raise OSError where nobody listens: Ray would wait for minutes."""
    host, colon, port = address.rpartition(":")
    if colon:
        socket.create_connection((host, int(port)), timeout=10).close()


def _last_line(reason: object) -> str:
    return (str(reason).strip().splitlines() or ["?"])[-1].strip().rstrip(".")


def _room(here: Node | None) -> Mapping[str, Any]:
    """Resources of a private Ray: all there are, because a trial's need is not known yet; Tune is told how many run."""
    assert here is not None
    return {
        "num_cpus": math.ceil(here.cpus),
        "num_gpus": int(here.gpus),
        "object_store_memory": 100_000_000,  # workers memory-map the images; Ray carries messages only
    }


def _code() -> dict[str, Any]:
    """The runtime environment of a cluster's nodes: these two packages. Everything else must be installed there."""
    packages = [str(Path(package.__file__).parent) for package in (ablations, simclr_core) if package.__file__]
    workers = ("TUNE_FUNCTION_THREAD_TIMEOUT_S", "RAY_CHDIR_TO_TRIAL_DIR", "OMP_NUM_THREADS")
    return {"py_modules": packages, "env_vars": {name: SETTINGS[name] for name in workers}}


def _check_shared(ray: Any, nodes: list[dict[str, Any]], store: Store) -> None:
    """Check that each node reads what this computer wrote into the store, and answers in it. Raises BadInput."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    asked = secrets.token_hex(8)
    question = store.trials.absolute() / f".{asked}"
    question.write_text(asked, encoding="utf-8")
    try:
        for node in nodes:
            where = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            answer = ray.remote(_answer).options(num_cpus=0, scheduling_strategy=where)
            said = ray.get(answer.remote(str(question), node["NodeID"]), timeout=120)
            written = question.with_name(f"{question.name}.{node['NodeID']}")
            seen = said == asked and written.is_file()
            written.unlink(missing_ok=True)
            if not seen:
                raise BadInput(
                    f"Node {node['NodeManagerAddress']} does not share {store.root.absolute()} with this computer; "
                    "choose with --out a folder that every node has at the same path."
                )
    finally:
        question.unlink(missing_ok=True)


def _answer(question: str, node: str) -> str:
    try:
        asked = Path(question).read_text(encoding="utf-8")
        Path(f"{question}.{node}").touch()
    except OSError as error:
        return str(error)
    return asked


@contextmanager
def _short_folder() -> Iterator[Path]:
    """A temporary folder that is gone afterwards, with a path short enough for Ray's sockets (107 characters).

    It is for this user alone; Ray opens its own folder, inside, to all. Folders that killed runs have left, whose lock
    nobody holds, are removed first.
    """
    usual = tempfile.gettempdir()
    parent = Path("/tmp" if len(usual) > LONGEST and Path("/tmp").is_dir() else usual)
    for left in parent.glob("ablations-*"):
        _sweep_away(left)
    folder = Path(tempfile.mkdtemp(prefix="ablations-", dir=parent))
    try:
        with (folder / "lock").open("w") as lock:  # held until this process ends, however it ends
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        for _ in range(20):  # Ray's processes may be writing their last lines
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break
            time.sleep(0.1)


def _sweep_away(folder: Path) -> None:
    try:
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            return
        with (folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # in use, or only just being made
        return
    shutil.rmtree(folder, ignore_errors=True)
