"""Work on many files in a few threads; Pillow and hashlib release the interpreter's lock where it counts."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from simclr_core.data.decode import Unreadable

PATIENCE = 2.0  # seconds of work before a progress bar appears
MAX_THREADS = min(8, os.cpu_count() or 1)  # more only wait for the lock where files are small
FILES_PER_TASK = 64  # so that handing out work costs little beside decoding small images

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_parallel(work: Callable[[Item], Result], items: Sequence[Item], doing: str) -> list[Result | Unreadable]:
    """The work's results in order, Unreadable in place of one where it was raised; a bar on stderr if it takes long."""

    def batch(start: int) -> list[Result | Unreadable]:
        results: list[Result | Unreadable] = []
        for item in items[start : start + FILES_PER_TASK]:
            try:
                results.append(work(item))
            except Unreadable as reason:
                results.append(reason)
        return results

    results: list[Result | Unreadable] = []
    pool = ThreadPoolExecutor(MAX_THREADS)
    try:
        with patient_bar(doing, len(items)) as advance:
            for done in pool.map(batch, range(0, len(items), FILES_PER_TASK)):
                results += done
                advance(len(done))
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C nothing queued is begun
    return results


@contextmanager
def patient_bar(doing: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar that appears only once the work has taken PATIENCE seconds; where there is no terminal, a line."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(doing, total=total)
    begun, said = time.monotonic(), False

    def advance(n: int) -> None:
        nonlocal said
        bar.advance(task, n)
        if said or time.monotonic() - begun <= PATIENCE:
            return
        said = True
        if bar.console.is_terminal:
            bar.start()
        else:
            print(f"{doing} ({total:,})", file=sys.stderr, flush=True)

    try:
        yield advance
    finally:
        if bar.live.is_started:
            bar.stop()
