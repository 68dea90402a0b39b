"""Signals that would be lost while Ray starts and modules load."""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


@contextmanager
def deferred_signals() -> Iterator[Callable[[], None]]:
    """Yield a check that raises KeyboardInterrupt if a signal to end has come although its handler's did not.

    Python drops what a handler raises amid a weak reference's callback or a hook of fork, where it is for part of that
    time. The number of every signal that has a handler in Python reaches the wakeup descriptor all the same.
    """
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
