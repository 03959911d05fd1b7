"""The rounds of successive halving: how many candidates are trained with how much."""

import math


def halving_rounds(n_candidates: int, resource: int, factor: int = 3) -> list[tuple[int, int]]:
    """Plan successive halving from a ninth of the resource, for a factor of three.

    Parameters
    ----------
    n_candidates : int
        How many begin.
    resource : int
        What each of the last round is given.
    factor : int, default=3
        One in so many is kept; the resource grows by it.

    Returns
    -------
    rounds : list of (int, int)
        Number of candidates and resource of each round.
    """
    counts = [n_candidates]
    while counts[-1] > 2:
        counts.append(max(2, math.ceil(counts[-1] / factor)))
    rounds: list[tuple[int, int]] = []
    for number, count in enumerate(counts):
        n_later = len(counts) - 1 - number
        # A ninth at most in the first of several rounds, and less where there are more of them.
        exponent = max(n_later, 2 - number) if n_later else 0
        spent = max(1, round(resource / factor**exponent))
        if not rounds or spent > rounds[-1][1]:  # else it would train the same once more
            rounds.append((count, spent))
    return rounds
