"""Mixed precision: the layers to leave high so that the limits of the gate hold.

Greedy by sensitivity: the costliest layers are left high, twice as many at each try, until the
limits hold; then the fewest of them by bisection; then a step back that takes each, the largest
first, to INT8 again where the limits hold without it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Holds = Callable[[frozenset[str]], bool]


def fewest_kept(
    ranking: Sequence[str], sizes: dict[str, int], holds: Holds
) -> frozenset[str] | None:
    """The layers to leave high; `ranking` has the costliest to accuracy first.

    `sizes` are their multiply-adds. `holds` says whether the limits hold with a set of layers kept
    high; it is asked at most about 2 log2(n) times, and once for each layer that is kept. None
    where they do not hold with all of them.
    """
    count = _first_that_holds(ranking, holds)
    if count is None:
        return None
    kept = frozenset(ranking[:count])
    # the last to be added was needed, or bisection would have stopped before it
    for layer in sorted(ranking[: max(count - 1, 0)], key=lambda name: -sizes[name]):
        if holds(kept - {layer}):
            kept -= {layer}
    return kept


def _first_that_holds(ranking: Sequence[str], holds: Holds) -> int | None:
    """The least number of leading layers that holds; None where not even all of them do."""
    fails, count = 0, 1
    while not holds(frozenset(ranking[:count])):
        if count >= len(ranking):
            return None
        fails, count = count, min(2 * count, len(ranking))
    while count - fails > 1:
        middle = (fails + count) // 2
        if holds(frozenset(ranking[:middle])):
            count = middle
        else:
            fails = middle
    return count
