"""A statement and the evidence -> a verdict: holds, does not hold, or undecided, with what would settle it."""

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan

from ablations.stats.intervals import Uncertainty
from ablations.verdicts.contrasts import Contrast, NotAsked
from ablations.verdicts.evidence import Estimate, Evidence
from ablations.verdicts.statement import All, Best, Comparison, Most, Statement, above
from ablations.verdicts.verdict import Claim, JudgedComparison, Outcome, Verdict, region

LEVEL = 0.95
MOST_SEEDS = 100  # beyond, "more seeds" is no advice


@dataclass(frozen=True)
class Assessed:
    """One comparison with its estimate; None where no seed has all its cells. `more`: seeds that would settle it."""

    part: JudgedComparison
    estimate: Estimate | None
    more: int | None

    @property
    def lead(self) -> float:
        """Half-widths by which its effect is on the side that holds; the smallest is the weakest of several."""
        half = (self.part.high - self.part.low) / 2
        return _slack(self.part) / half if half > 0 else _slack(self.part) * 1e9


def judge(claim: Claim, statement: Statement, evidence: Evidence, scale: str) -> Verdict:
    """Judge the claim, but for what `ablations.verdicts.judge_all` adds: budget, published, command.

    Raises NotAsked for a statement about no cells.
    """
    if not (statement.winners and statement.losers if isinstance(statement, Best) else statement.parts):
        raise NotAsked(f"{' and '.join(claim.studies)} has no cells to compare at this scale")
    if isinstance(statement, Best):
        return _best(claim, statement, evidence, scale)
    first = min(evidence.seeds(claim.studies[0]))
    chosen = isinstance(statement, All) and statement.chosen
    without = {first} if chosen else set()
    many = isinstance(statement, Most)
    assessed = _each(statement.parts, evidence, without, strict=many)
    outcome, more = (_most(assessed), _more_most(assessed)) if many else (_all(assessed), _more_all(assessed))
    return _verdict(claim, scale, outcome, assessed, len(without), more)


def _best(claim: Claim, statement: Best, evidence: Evidence, scale: str) -> Verdict:
    """Judge whether the first seed's best winner beats every loser on other seeds, or its best loser every winner."""
    candidates = [evidence.best_on_first_seed(side) for side in (statement.winners, statement.losers)]
    if candidates[0] is None or candidates[1] is None:
        return Verdict(claim, scale, "undecided", "The first seed, which chooses, has none of the cells done.")
    first = {min(evidence.seeds(claim.studies[0]))}

    def rivals(candidate: Contrast, others: Sequence[Contrast]) -> list[Assessed]:
        return _each([above(candidate - other) for other in others], evidence, first)

    winner, loser = rivals(candidates[0], statement.losers), rivals(candidates[1], statement.winners)
    outcome: Outcome = "undecided"
    if all(one.part.outcome == "holds" for one in winner):
        outcome = "holds"
    elif all(one.part.outcome == "holds" for one in loser):
        return _verdict(claim, scale, "does not hold", loser, 1, None)
    needs = [need for side in (winner, loser) if (need := _all_of(side, len(side))) is not None]
    return _verdict(claim, scale, outcome, winner, 1, min(needs, default=None))


def _each(
    comparisons: Sequence[Comparison], evidence: Evidence, without: Collection[int], strict: bool = False
) -> list[Assessed]:
    """Assess comparisons. strict: each is held to the level divided by their number also where it holds."""
    wide = 1 - (1 - LEVEL) / len(comparisons)
    return [_one(comparison, evidence, without, wide if strict else LEVEL, wide) for comparison in comparisons]


def _one(
    comparison: Comparison, evidence: Evidence, without: Collection[int], holding: float, failing: float
) -> Assessed:
    estimate = evidence.estimate(comparison.quantity, without)
    shown = estimate.interval(LEVEL) if estimate else None
    outcome: Outcome = "undecided"
    if estimate and shown:
        at_holding, at_failing = estimate.interval(holding), estimate.interval(failing)
        assert at_holding is not None
        assert at_failing is not None
        if holds(comparison, at_holding.low, at_holding.high):
            outcome = "holds"
        elif _fails(comparison, at_failing.low, at_failing.high):
            outcome = "does not hold"
    part = JudgedComparison(
        label=comparison.quantity.label,
        relation=comparison.relation,
        bound=comparison.bound,
        unit=comparison.unit,
        effect=estimate.effect if estimate else nan,
        low=shown.low if shown else nan,
        high=shown.high if shown else nan,
        outcome=outcome,
    )
    more = None
    if outcome == "undecided" and estimate is not None:
        more = seeds_to_settle(part, estimate, holding if _slack(part) > 0 else failing)
    return Assessed(part, estimate, more)


def holds(comparison: Comparison, low: float, high: float) -> bool:
    """Whether the comparison is true wherever from low to high its quantity lies."""
    start, end = region(comparison.relation, comparison.bound)
    return start <= low and high <= end and not (comparison.relation == "above" and low == start)


def _fails(comparison: Comparison, low: float, high: float) -> bool:
    """Whether it is false wherever from low to high its quantity lies."""
    start, end = region(comparison.relation, comparison.bound)
    return high < start or low > end


def _slack(part: JudgedComparison) -> float:
    """Distance of the effect from the bound; negative on the side that does not hold."""
    start, end = region(part.relation, part.bound)
    return min(part.effect - start, end - part.effect)


def _all(assessed: Sequence[Assessed]) -> Outcome:
    outcomes = [one.part.outcome for one in assessed]
    if all(outcome == "holds" for outcome in outcomes):
        return "holds"
    return "does not hold" if "does not hold" in outcomes else "undecided"


def _most(assessed: Sequence[Assessed]) -> Outcome:
    outcomes = [one.part.outcome for one in assessed]
    needed = len(outcomes) // 2 + 1
    if outcomes.count("holds") >= needed:
        return "holds"
    return "does not hold" if outcomes.count("does not hold") > len(outcomes) - needed else "undecided"


def seeds_to_settle(part: JudgedComparison, estimate: Estimate, level: float) -> int | None:
    """Number of seeds, about, that bring the interval at that level clear of the bound, if the effect stays as it is.

    None for more than a hundred, for a correlation, without an interval, or where the test images alone leave it open.
    """
    gap = abs(_slack(part))
    if estimate.fisher or estimate.interval() is None or gap == 0:
        return None

    def clear(n: int) -> bool:
        more = tuple(
            Uncertainty(one.variance * estimate.seeds / n, one.df * (n - 1) / (estimate.seeds - 1))
            for one in estimate.seed_parts
        )
        expected = replace(estimate, mean=0.0, seed_parts=more, seeds=n).interval(level)
        return expected is not None and expected.high < gap

    n = bisect_left(range(MOST_SEEDS + 1), True, lo=estimate.seeds + 1, key=clear)
    return n if n <= MOST_SEEDS else None


def _verdict(
    claim: Claim, scale: str, outcome: Outcome, assessed: Sequence[Assessed], chosen_on: int, more: int | None
) -> Verdict:
    """Put a verdict together. more: of the seeds judged on, how many would settle it if it is undecided."""
    estimates = [one.estimate for one in assessed if one.estimate is not None]
    if outcome != "undecided":
        estimates = [estimate for estimate in estimates if estimate.seeds > 1]
    seeds = min((one.seeds for one in estimates), default=0)
    settled = outcome != "undecided" or len(estimates) < len(assessed) or seeds < 2
    fewest = min(estimates, key=lambda one: one.images or 0, default=None)
    weakest = min(_deciding(outcome, assessed), key=lambda one: one.lead, default=None)
    return Verdict(
        claim=claim,
        scale=scale,
        outcome=outcome,
        why=_why(outcome, assessed, seeds, chosen_on, fewest.tested() if fewest else ""),
        parts=tuple(one.part for one in assessed),
        deciding=weakest.part if weakest else None,
        seeds=seeds,
        chosen_on=chosen_on,
        more_seeds=None if settled or more is None else chosen_on + more,
    )


def _deciding(outcome: Outcome, assessed: Sequence[Assessed]) -> list[Assessed]:
    """Comparisons among which the deciding one is: those that made the outcome, or those that are in its way."""
    measured = [one for one in assessed if isfinite(one.part.effect)]
    if outcome == "undecided":
        return [one for one in measured if one.part.outcome != "holds"]
    return [one for one in measured if one.part.outcome == outcome] or measured


def _more_all(assessed: Sequence[Assessed]) -> int | None:
    """Seeds until the first comparison fails, where one points there; else until the last one holds."""
    return _all_of([one for one in assessed if _slack(one.part) < 0], 1, False) or _all_of(assessed, len(assessed))


def _more_most(assessed: Sequence[Assessed]) -> int | None:
    """Seeds until a majority holds, or until so many fail that none can."""
    needed = len(assessed) // 2 + 1
    ways = (_all_of(assessed, needed), _all_of(assessed, len(assessed) - needed + 1, False))
    return min((way for way in ways if way is not None), default=None)


def _all_of(assessed: Sequence[Assessed], count: int, hold: bool = True) -> int | None:
    """Seeds until that many of them hold, or fail, if their effects stay as they are; None where they would not."""
    needs = []
    for one in assessed:
        if one.part.outcome == ("holds" if hold else "does not hold"):
            needs.append(0)
        elif one.part.outcome == "undecided" and one.more is not None and (_slack(one.part) > 0) is hold:
            needs.append(one.more)
    return sorted(needs)[count - 1] if len(needs) >= count else None


def _why(outcome: Outcome, assessed: Sequence[Assessed], seeds: int, chosen_on: int, tested: str) -> str:
    many, missing = len(assessed), sum(one.estimate is None for one in assessed)
    if outcome == "undecided" and missing:
        return f"{missing} of its {many} comparisons {'is' if missing == 1 else 'are'} not measured yet."
    if outcome == "undecided" and seeds < 2:
        again = " besides the one that chose the cells" if chosen_on else ""
        return f"No verdict follows from one seed{again}."
    counts: Mapping[str, int] = {
        kind: sum(one.part.outcome == kind for one in assessed) for kind in ("holds", "does not hold", "undecided")
    }
    lost = dict.fromkeys(cell for one in assessed if one.estimate for cell in one.estimate.unanswered)
    guarded = f" (not all answers of {', '.join(lost)} are at hand: taken for as unsure as can be)" if lost else ""
    images = f"{tested}{guarded}" if tested else "no images (not measured on test images, or not at hand)"
    judged = f"judged on {seeds} seeds and {images}"
    if chosen_on:
        judged += ", the cells chosen on another seed by the validation split"
    if many == 1:
        return f"One comparison, {judged}."
    said = ", ".join(f"{count} {_verb(kind, count)}" for kind, count in counts.items() if count)
    correction = "" if outcome == "holds" else f"; that a single one fails must show at 5% / {many} (Bonferroni)"
    return f"Of {many} comparisons {said}; {judged}{correction}."


def _verb(kind: str, count: int) -> str:
    plural = {"holds": "hold", "does not hold": "do not hold", "undecided": "are undecided"}
    single = {"undecided": "is undecided"}
    return single.get(kind, kind) if count == 1 else plural[kind]
