"""Signals to end: whose handlers they have, and those that would be lost while Ray starts and modules load.

Python lets the main thread alone set any of this; in another one nothing is set, and signals are the program's own.
"""

import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


def settable() -> bool:
    """Whether this is the thread in which handlers of signals can be set."""
    return threading.current_thread() is threading.main_thread()


def handlers() -> dict[int, Any]:
    """What signals to end are handled by, for `handle`; empty where none can be set."""
    return {number: signal.getsignal(number) for number in sorted(ENDING)} if settable() else {}


def handle(by: Mapping[int, Any]) -> None:
    """Set these handlers, by number."""
    for number, handler in by.items():
        signal.signal(number, handler)


@contextmanager
def deferred_signals() -> Iterator[Callable[[], None]]:
    """Yield a check that raises KeyboardInterrupt if a signal to end has come although its handler's did not.

    Python drops what a handler raises amid a weak reference's callback or a hook of fork, where it is for part of that
    time. The number of every signal that has a handler in Python reaches the wakeup descriptor all the same.
    """
    if not settable():
        yield lambda: None
        return
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)

    def check() -> None:
        try:
            came = ours.recv(4096)
        except BlockingIOError:
            return
        if ENDING & set(came):
            raise KeyboardInterrupt

    try:
        yield check
    finally:
        signal.set_wakeup_fd(before)
        ours.close()
        theirs.close()
