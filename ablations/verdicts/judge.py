"""A statement and the evidence -> a verdict: holds, does not hold, or undecided, with what would settle it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan

from ablations.statistics import Part as Uncertainty
from ablations.statistics import interval
from ablations.verdicts.contrasts import Contrast
from ablations.verdicts.evidence import Estimate, Evidence
from ablations.verdicts.statement import All, Best, Comparison, Most, Statement, above
from ablations.verdicts.verdict import Claim, Outcome, Part, Verdict

LEVEL = 0.95
MOST_SEEDS = 100  # beyond, "more seeds" is no advice


@dataclass(frozen=True)
class Judged:
    """One comparison with its estimate; None where no seed has all its cells. `more`: seeds that would settle it."""

    part: Part
    estimate: Estimate | None
    more: int | None

    @property
    def lead(self) -> float:
        """How far its effect is on the side that holds, in half-widths; the smallest is the weakest of several."""
        half = (self.part.high - self.part.low) / 2
        return _slack(self.part) / half if half > 0 else _slack(self.part) * 1e9


def judge(claim: Claim, statement: Statement, evidence: Evidence, scale: str) -> Verdict:
    """The verdict, but for what `ablations.verdicts.claims` adds: budget, published, command."""
    if isinstance(statement, Best):
        return _best(claim, statement, evidence, scale)
    first = min(evidence.seeds(claim.studies[0]))
    chosen = isinstance(statement, All) and statement.chosen
    without = {first} if chosen else set()
    many = isinstance(statement, Most)
    found = _each(statement.parts, evidence, without, strict=many)
    outcome = _most(found) if many else _all(found)
    return _verdict(claim, scale, outcome, found, len(without))


def _best(claim: Claim, statement: Best, evidence: Evidence, scale: str) -> Verdict:
    """The first seed's best winner must beat every loser on the other seeds; or its best loser every winner."""
    candidates = [evidence.choose(side) for side in (statement.winners, statement.losers)]
    if candidates[0] is None or candidates[1] is None:
        return Verdict(claim, scale, "undecided", "The first seed, which chooses, has none of the cells done.")
    first = {min(evidence.seeds(claim.studies[0]))}

    def rivals(candidate: Contrast, others: Sequence[Contrast]) -> list[Judged]:
        return _each([above(candidate - other) for other in others], evidence, first)

    winner, loser = rivals(candidates[0], statement.losers), rivals(candidates[1], statement.winners)
    outcome: Outcome = "undecided"
    if all(one.part.outcome == "holds" for one in winner):
        outcome = "holds"
    elif all(one.part.outcome == "holds" for one in loser):
        return _verdict(claim, scale, "does not hold", loser, 1)
    return _verdict(claim, scale, outcome, winner, 1)


def _each(
    comparisons: Sequence[Comparison], evidence: Evidence, without: Collection[int], strict: bool = False
) -> list[Judged]:
    """strict: a comparison is held to the level divided by their number also where it holds."""
    wide = 1 - (1 - LEVEL) / len(comparisons)
    return [_one(comparison, evidence, without, wide if strict else LEVEL, wide) for comparison in comparisons]


def _one(
    comparison: Comparison, evidence: Evidence, without: Collection[int], holding: float, failing: float
) -> Judged:
    found = evidence.estimate(comparison.quantity, without)
    shown = found.interval(LEVEL) if found else None
    outcome: Outcome = "undecided"
    if found and shown:
        at_holding, at_failing = found.interval(holding), found.interval(failing)
        assert at_holding is not None
        assert at_failing is not None
        if _holds(comparison, at_holding.low, at_holding.high):
            outcome = "holds"
        elif _fails(comparison, at_failing.low, at_failing.high):
            outcome = "does not hold"
    part = Part(
        label=comparison.quantity.label,
        relation=comparison.relation,
        bound=comparison.bound,
        unit=comparison.unit,
        effect=found.effect if found else nan,
        low=shown.low if shown else nan,
        high=shown.high if shown else nan,
        outcome=outcome,
    )
    more = None
    if outcome == "undecided" and found is not None:
        more = seeds_to_settle(part, found, holding if _slack(part) > 0 else failing)
    return Judged(part, found, more)


def _holds(comparison: Comparison | Part, low: float, high: float) -> bool:
    bound = comparison.bound
    return {"above": low > bound, "at most": high <= bound, "within": -bound <= low and high <= bound}[
        comparison.relation
    ]


def _fails(comparison: Comparison | Part, low: float, high: float) -> bool:
    bound = comparison.bound
    return {"above": high < bound, "at most": low > bound, "within": low > bound or high < -bound}[comparison.relation]


def _slack(part: Part) -> float:
    """How far the effect is from the bound; negative on the side that does not hold."""
    effect, bound = part.effect, part.bound
    return {"above": effect - bound, "at most": bound - effect, "within": bound - abs(effect)}[part.relation]


def _all(found: Sequence[Judged]) -> Outcome:
    outcomes = [one.part.outcome for one in found]
    if all(outcome == "holds" for outcome in outcomes):
        return "holds"
    return "does not hold" if "does not hold" in outcomes else "undecided"


def _most(found: Sequence[Judged]) -> Outcome:
    outcomes = [one.part.outcome for one in found]
    needed = len(outcomes) // 2 + 1
    if outcomes.count("holds") >= needed:
        return "holds"
    return "does not hold" if outcomes.count("does not hold") > len(outcomes) - needed else "undecided"


def seeds_to_settle(part: Part, found: Estimate, level: float) -> int | None:
    """About how many seeds in all bring the interval at that level clear of the bound, if the effect stays as it is.

    None for more than a hundred, for a correlation, or where the test images alone leave it open.
    """
    gap = abs(_slack(part))
    if found.fisher or found.seeds < 2 or not found.parts or gap == 0:
        return None
    images = 1 if found.images is not None and len(found.parts) > 1 else 0
    seeds, rest = found.parts[: len(found.parts) - images], found.parts[len(found.parts) - images :]
    for n in range(found.seeds + 1, MOST_SEEDS + 1):
        more = [Uncertainty(one.variance * found.seeds / n, one.df * (n - 1) / (found.seeds - 1)) for one in seeds]
        within = interval(0.0, [*more, *rest], level)
        if within.high < gap:
            return n
    return None


def _verdict(claim: Claim, scale: str, outcome: Outcome, found: Sequence[Judged], chosen_on: int) -> Verdict:
    parts = tuple(one.part for one in found)
    estimates = [one.estimate for one in found if one.estimate is not None]
    seeds = min((one.seeds for one in estimates), default=0)
    measured = [one for one in found if isfinite(one.part.effect)]
    weakest = min(measured, key=lambda one: one.lead, default=None)
    more = None
    if outcome == "undecided" and len(estimates) == len(found) and seeds > 1:
        more = _more(found, chosen_on)
    images = min((one.images or 0 for one in estimates), default=0)
    return Verdict(
        claim=claim,
        scale=scale,
        outcome=outcome,
        why=_why(outcome, found, seeds, chosen_on, images),
        parts=parts,
        deciding=weakest.part if weakest else None,
        seeds=seeds,
        chosen_on=chosen_on,
        more_seeds=more,
    )


def _more(found: Sequence[Judged], chosen_on: int) -> int | None:
    """Seeds in all: until the first comparison fails where one points there, else until the last one holds."""
    open_ones = [one for one in found if one.part.outcome == "undecided"]
    against = [one for one in open_ones if _slack(one.part) < 0]
    needs = [one.more for one in against or open_ones]
    known = [need for need in needs if need is not None]
    if not known or (not against and len(known) < len(needs)):
        return None
    return chosen_on + (min(known) if against else max(known))


def _why(outcome: Outcome, found: Sequence[Judged], seeds: int, chosen_on: int, images: int) -> str:
    missing = sum(one.estimate is None for one in found)
    if missing:
        return f"{missing} of its {len(found)} comparisons are not measured yet."
    if seeds < 2:
        again = " besides the one that chose the cells" if chosen_on else ""
        return f"No verdict follows from one seed{again}."
    counts: Mapping[str, int] = {
        kind: sum(one.part.outcome == kind for one in found) for kind in ("holds", "does not hold", "undecided")
    }
    tested = f"{images:,} test images" if images else "no test images: answers image by image are not at hand"
    judged = f"judged on {seeds} seeds and {tested}"
    if chosen_on:
        judged += ", the cells chosen on another seed by the validation split"
    if len(found) == 1:
        return f"One comparison, {judged}."
    said = ", ".join(f"{count} {_verb(kind, count)}" for kind, count in counts.items() if count)
    correction = "" if outcome == "holds" else f"; that one fails is judged at 5% / {len(found)}"
    return f"Of {len(found)} comparisons {said}; {judged}{correction}."


def _verb(kind: str, count: int) -> str:
    plural = {"holds": "hold", "does not hold": "do not hold", "undecided": "are undecided"}
    single = {"undecided": "is undecided"}
    return single.get(kind, kind) if count == 1 else plural[kind]
