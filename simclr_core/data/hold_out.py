"""Which images are held out where nobody has made a split: whole units of images that must not be torn apart."""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

ROUNDING = 1e-9  # a fifth of 35 is 7, not a little more


def units(keys: Sequence[Iterable[Hashable]]) -> list[int]:
    """The unit of each image, numbered as they appear: images that share a key, or a chain of keys, are in one."""
    parent: dict[Hashable, Hashable] = {}

    def root(key: Hashable) -> Hashable:
        while parent.setdefault(key, key) != key:
            parent[key] = key = parent[parent[key]]
        return key

    of_images = [list(own) for own in keys]
    for first, *others in of_images:
        for other in others:
            parent[root(other)] = root(first)
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(root(own[0]), len(numbers)) for own in of_images]


def hold_out(counted: Sequence[Counter[int]], share: float, stay: int = 1) -> set[int]:
    """Positions of the units to hold out whole: at least `share` of the images of every class, as units allow.

    counted: each unit's images by class, in the order in which units are asked. A unit is taken where none of its
    classes then has more than its share, rounded up: of single images exactly that, the first ones. Where what is taken
    is too little, as with a few large units, those are added that overshoot least. Every class keeps `stay` units, or
    where it has no more than so many, one; a single one is not held out.
    """
    whole: Counter[int] = Counter()
    left: Counter[int] = Counter()  # units of each class that are not taken
    for own in counted:
        whole.update(own)
        left.update(own.keys())
    keeps = {label: max(1, min(stay, n - 1)) for label, n in left.items()}
    wanted = {label: share * n for label, n in whole.items()}
    held: Counter[int] = Counter()
    taken: set[int] = set()

    def take(unit: int) -> None:
        taken.add(unit)
        held.update(counted[unit])
        left.subtract(counted[unit].keys())

    def leaves_enough(unit: int) -> bool:
        return all(left[label] > keeps[label] for label in counted[unit])

    def cost(unit: int) -> float:
        """By how much the classes come nearer to what is wanted of them (negative), or go farther."""
        more = counted[unit].items()
        misses = ((abs(held[c] + n - wanted[c]) - abs(held[c] - wanted[c])) / whole[c] for c, n in more)
        return sum(misses)

    for unit, own in enumerate(counted):
        fits = all(held[label] + n <= math.ceil(wanted[label] - ROUNDING) for label, n in own.items())
        if fits and leaves_enough(unit):
            take(unit)
    while True:
        short = held.total() < share * whole.total() - ROUNDING
        missed = {label for label in whole if held[label] < wanted[label] - ROUNDING}
        lacking = missed if short else {label for label in missed if not held[label]}
        able = [unit for unit in range(len(counted)) if unit not in taken and leaves_enough(unit)]
        helpful = [unit for unit in able if lacking & counted[unit].keys()]
        if not helpful:  # what a class cannot give is not taken from another
            return taken
        take(min(able if short else helpful, key=cost))
