"""A sweep as its progress sees it: trials, events, a terminal, and what is then on its screen."""

import io
import re
from dataclasses import dataclass
from types import SimpleNamespace

from ablations.studies.model import Trial
from ablations.sweep.driver import Event
from ablations.sweep.progress import Watch


@dataclass(frozen=True)
class Item:
    """A plan.Planned with as much of a recipe as progress looks at."""

    trial: Trial
    status: str = "missing"
    result: object = None

    @property
    def trial_id(self):
        return self.trial.label


def item(role="cell", seed=0, epochs=10, work=1.0, status="missing", top1=None, **axes):
    recipe = SimpleNamespace(schedule=SimpleNamespace(epochs=epochs), work=work)
    done = None if top1 is None else SimpleNamespace(metrics={"top1": top1}, seconds=1.0)
    return Item(Trial(role, axes, seed, recipe), "done" if done else status, done)


def cells(firsts, seconds, seeds=1, **more):
    return [item(first=a, second=b, seed=i, **more) for i in range(seeds) for a in firsts for b in seconds]


def by_id(items):
    return {one.trial_id: one for one in items}


def started(trial_id):
    return Event("started", trial_id)


def epoch(trial_id, number=1, loss=4.0, seconds=1.0):
    row = {"epoch": number, "loss": loss, "accuracy": 10.0, "entropy": 1.0, "lr": 0.1, "seconds": seconds}
    return Event("epoch", trial_id, row)


def done(trial_id, top1=50.0, seconds=1.0):
    return Event("done", trial_id, {"top1": top1, "seconds": seconds})


def failed(trial_id, error="it broke"):
    return Event("failed", trial_id, error=error)


def again(trial_id, error="its process died"):
    return Event("again", trial_id, error=error)


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


class AsciiTerminal(Terminal):
    encoding = "ascii"


def people(planned, *events, todo=None, parallel=2, terminal=None):
    """All that is written on a terminal, escape sequences included."""
    terminal = terminal or Terminal()
    with Watch(planned, by_id(planned) if todo is None else todo, parallel, "people", stderr=terminal) as watch:
        for event in events:
            watch.show(event)
    return terminal.getvalue()


def last_view(written):
    """The lines that were on the screen at the end; colors are kept."""
    before_the_end = written.split("\x1b[?25h")[0].rstrip("\n")
    return re.split(r"\r\x1b\[2K(?:\x1b\[1A\x1b\[2K)*|\x1b\[\?25l", before_the_end)[-1].split("\n")


def plain(text):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def view(planned, *events, **options):
    return [plain(line).rstrip() for line in last_view(people(planned, *events, **options))]
