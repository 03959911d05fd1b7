"""Which images look the same, by their hashes."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from skcomic.catalogue.near_hashes import Pairs, find_near

_NONE = -1


class Looks:
    """Images by their hashes: those with the same hash have the same look.

    Any number of images of one look cost no more than two: what looks the same as one of them
    looks the same as all, and of these the first is enough, or the first of another pair.

    Parameters
    ----------
    hashes : ndarray of shape (n_images, 4), uint64
        As from `perceptual_hashes`; images with zeros have no look.
    pairs : ndarray of shape (n_images,), int
        Number of the pair of each, from 0; images of one pair are not linked by their looks.
    """

    def __init__(self, hashes: np.ndarray, pairs: np.ndarray) -> None:
        self._n_images = len(hashes)
        self._pairs = np.append(pairs, _NONE)  # the last: of no image
        self._rows = np.flatnonzero(hashes.any(axis=1))
        self._look = _number_looks(hashes[self._rows])
        n_looks = self._look.max(initial=-1) + 1
        self._own, self._near = (_Earliest(n_looks, self._pairs) for _ in range(2))
        for earliest in (self._own, self._near):
            earliest.add(self._look, self._rows)
        self._hashes = hashes[self._own.first]

    def links(self) -> Iterator[Pairs]:
        """Compare all looks.

        Yields
        ------
        rows, others : ndarray of shape (n_links,), int
            Images of different pairs that look the same. Not all are listed, but all are linked,
            directly or through others.
        """
        own = self._own
        is_of_pairs = own.second < self._n_images
        is_linked = is_of_pairs.copy()
        for looks, others in find_near(self._hashes):
            for some, near in ((looks, others), (others, looks)):
                self._near.add(some, own.first[near])
                self._near.add(some, own.second[near])
            rows, other_rows = own.first[looks], own.first[others]
            link = self._pairs[rows] != self._pairs[other_rows]
            link |= is_of_pairs[looks] | is_of_pairs[others]
            is_linked[looks[link]] = is_linked[others[link]] = True
            yield rows[link], other_rows[link]
        linked = is_linked[self._look]
        yield self._rows[linked], own.first[self._look[linked]]

    def similar_to(self) -> np.ndarray:
        """Return what the comparison found, after `links` has ended.

        Returns
        -------
        similar_to : ndarray of shape (n_images,), int
            Row of the first image of another pair that looks the same; -1 if no earlier one does.
        """
        first, second = self._near.first[self._look], self._near.second[self._look]
        is_other = self._pairs[first] != self._pairs[self._rows]
        earliest = np.where(is_other, first, second)
        similar_to = np.full(self._n_images, _NONE)
        similar_to[self._rows] = np.where(earliest < self._rows, earliest, _NONE)
        return similar_to


class _Earliest:
    """For each look the earliest of the rows that were added, and that of another pair."""

    def __init__(self, n_looks: int, pairs: np.ndarray) -> None:
        self._pairs = pairs
        self.first, self.second = (np.full(n_looks, len(pairs) - 1) for _ in range(2))

    def add(self, looks: np.ndarray, rows: np.ndarray) -> None:
        before = self.first.copy()
        np.minimum.at(self.first, looks, rows)
        others = self._pairs[rows] != self._pairs[self.first[looks]]
        np.minimum.at(self.second, looks[others], rows[others])
        is_other = self._pairs[before] != self._pairs[self.first]
        self.second[is_other] = np.minimum(self.second[is_other], before[is_other])


def _number_looks(hashes: np.ndarray) -> np.ndarray:
    """Number different hashes from 0, in the order of the first row of each."""
    words = pd.DataFrame(hashes)
    return words.groupby(words.columns.tolist(), sort=False).ngroup().to_numpy()
