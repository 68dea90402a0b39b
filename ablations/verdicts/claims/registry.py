"""The paper's claims by name: what each asserts of our cells, or why none of our studies can answer it."""

from collections.abc import Callable
from dataclasses import dataclass

from ablations.verdicts.statement import Statement
from ablations.verdicts.verdict import Claim

TIE = 0.5  # points: sameness; the paper's own repeated settings spread by 0.3

Ask = Callable[..., Statement]  # one Cells for each of the claim's studies; may raise NotAsked

CLAIMS: dict[str, "Entry"] = {}


@dataclass(frozen=True)
class Entry:
    """A claim with the function that asks it, or with the reason why it is not asked."""

    claim: Claim
    ask: Ask | None = None
    unanswered: str = ""


def claim(
    group: str,
    statement: str,
    *,
    where: str,
    inequality: str,
    studies: tuple[str, ...],
    caveat: str = "",
    short: str = "",
) -> Callable[[Ask], Ask]:
    """Register the function under its own name, which is the claim's key."""

    def register(ask: Ask) -> Ask:
        key = ask.__name__
        _add(key, Entry(Claim(key, group, statement, where, inequality, studies, caveat, short), ask))
        return ask

    return register


def unanswered(key: str, group: str, statement: str, *, where: str, inequality: str, reason: str) -> None:
    """Register a claim that no study of ours asks."""
    _add(key, Entry(Claim(key, group, statement, where, inequality, ()), unanswered=reason))


def _add(key: str, entry: Entry) -> None:
    if key in CLAIMS:
        raise ValueError(f"claim {key!r} is there already")
    CLAIMS[key] = entry
