"""All pairs of hashes that differ by few bits, among many without comparing each with each."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np

#: Two images look the same if their hashes differ by at most this many bits. Most versions of one
#: real image differ by fewer, different images by 60 or more (table in `join_duplicates`).
MAX_DISTANCE = 32

# Hashes that differ by 3 bits or more in each of 11 bands of their bits differ by 33 bits or more:
# near ones differ by 2 bits or fewer in some band. With 1 bit in place of 2, bands would be more
# and shorter, and 25 times as many hashes compared; with 3 bits, 11 times as many keys looked up.
_BAND_DISTANCE = 2
_N_BANDS = MAX_DISTANCE // (_BAND_DISTANCE + 1) + 1

# Hashes of which each is compared with each: of 20,000, either way takes 0.8 s.
_FEW = 20_000

# Distances that are in memory at a time: few enough for the cache of a processor. All 200 million
# of 20,000 hashes take 1.1 s; in blocks of 2**12 or 2**16 1.5 s, of 2**20 1.0 s, of 2**24 1.4 s.
_BLOCK = 2**18

Pairs = tuple[np.ndarray, np.ndarray]


def find_near(hashes: np.ndarray) -> Iterator[Pairs]:
    """Find all pairs of hashes that differ by `MAX_DISTANCE` bits or fewer.

    Memory does not grow with the number of pairs. 1,000,000 hashes of images that are not alike
    take 40 seconds of one processor; each million of pairs that are found, half a second more.

    Parameters
    ----------
    hashes : ndarray of shape (n_hashes, 4), uint64
        As from `perceptual_hashes`, each only once: many equal ones would be compared in vain.

    Yields
    ------
    rows, others : ndarray of shape (n_pairs,), int
        Rows of two near hashes, `rows < others`; each pair once, in no order.
    """
    compare = compare_all if len(hashes) <= _FEW else compare_bands
    yield from _join_blocks(compare(hashes))


def _join_blocks(blocks: Iterable[Pairs]) -> Iterator[Pairs]:
    """Join blocks of few pairs into few blocks."""
    held: list[Pairs] = []
    n_held = 0
    for block in blocks:
        held.append(block)
        n_held += len(block[0])
        if n_held >= _BLOCK:
            yield np.concatenate([i for i, _ in held]), np.concatenate([j for _, j in held])
            held, n_held = [], 0
    if n_held:
        yield np.concatenate([i for i, _ in held]), np.concatenate([j for _, j in held])


def compare_all(hashes: np.ndarray) -> Iterator[Pairs]:
    """Find near hashes as `find_near` does, by comparing each with each.

    Parameters
    ----------
    hashes : ndarray of shape (n_hashes, 4), uint64
        The hashes.

    Yields
    ------
    rows, others : ndarray of shape (n_pairs,), int
        In blocks, most of which are of few pairs.
    """
    words = np.ascontiguousarray(hashes.T)
    step = max(1, _BLOCK // max(1, len(hashes)))
    for start in range(0, len(hashes), step):
        block = slice(start, start + step)
        # Half of the bits exclude nearly all pairs of rows; the others are compared in full.
        half = np.bitwise_count(words[0, block, None] ^ words[0, None, start:])
        half += np.bitwise_count(words[1, block, None] ^ words[1, None, start:])
        i, j = np.nonzero(half <= MAX_DISTANCE)
        i, j = i[i < j] + start, j[i < j] + start
        near = np.bitwise_count(hashes[i] ^ hashes[j]).sum(axis=1, dtype=int) <= MAX_DISTANCE
        if near.any():
            yield i[near], j[near]


def compare_bands(hashes: np.ndarray) -> Iterator[Pairs]:
    """Find near hashes as `find_near` does, among those that differ by few bits in some band.

    Parameters
    ----------
    hashes : ndarray of shape (n_hashes, 4), uint64
        The hashes.

    Yields
    ------
    rows, others : ndarray of shape (n_pairs,), int
        In blocks, most of which are of few pairs.
    """
    earlier: list[np.ndarray] = []
    for band in range(_N_BANDS):
        # Every 11th bit: bits side by side are of similar frequencies, and often equal together.
        bits = np.arange(64 * hashes.shape[1])[band::_N_BANDS]
        keys = _join_bits(hashes, bits)
        order = np.argsort(keys)
        for rows, others in _compare_band(hashes[order], keys[order], len(bits)):
            i, j = order[rows], order[others]
            for known in earlier:  # each pair is for the first of the bands that find it
                new = np.bitwise_count(known[i] ^ known[j]) > _BAND_DISTANCE
                i, j = i[new], j[new]
            yield np.minimum(i, j), np.maximum(i, j)
        earlier.append(keys)


def _join_bits(hashes: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Return, of each hash, the number that some of its bits make."""
    keys: np.ndarray = np.zeros(len(hashes), dtype=np.uint32)
    for bit in bits.tolist():
        keys = keys << 1 | (hashes[:, bit // 64] >> np.uint64(bit % 64) & 1).astype(np.uint32)
    return keys


def _compare_band(hashes: np.ndarray, keys: np.ndarray, n_bits: int) -> Iterator[Pairs]:
    """Compare hashes whose keys differ by few bits; the keys are in ascending order."""
    halves = (np.ascontiguousarray(hashes[:, :2]), np.ascontiguousarray(hashes[:, 2:]))
    firsts = np.flatnonzero(np.diff(keys, prepend=~keys[:1]))
    ends = np.append(firsts[1:], len(keys))
    is_key = np.zeros(2**n_bits, dtype=bool)
    is_key[keys[firsts]] = True
    run_of = np.zeros(2**n_bits, dtype=np.int32)
    run_of[keys[firsts]] = np.arange(len(firsts))
    rows = np.arange(len(keys))
    yield from _compare_runs(halves, rows, rows + 1, ends[run_of[keys]])
    for highest in range(n_bits):
        # Of two keys, the one without the highest bit that differs looks for the other.
        rows = np.flatnonzero(~keys >> highest & 1)
        keys_of_rows = keys[rows]
        for lower in (0, *(1 << bit for bit in range(highest))):
            others = keys_of_rows ^ np.uint32(1 << highest | lower)
            found = np.flatnonzero(is_key[others])
            runs = run_of[others[found]]
            yield from _compare_runs(halves, rows[found], firsts[runs], ends[runs])


def _compare_runs(
    halves: Pairs, rows: np.ndarray, starts: np.ndarray, stops: np.ndarray
) -> Iterator[Pairs]:
    """Compare each of some rows with all rows from its start to its stop."""
    lengths = stops - starts
    before = np.cumsum(lengths) - lengths
    cuts = np.flatnonzero(np.diff(before // _BLOCK, prepend=-1))
    for start, stop in pairwise([*cuts.tolist(), len(rows)]):
        part = slice(start, stop)
        i = np.repeat(rows[part], lengths[part])
        j = np.repeat(starts[part] - before[part] + before[start], lengths[part])
        j += np.arange(len(j))
        bits = _count_bits(halves[0], i, j)
        maybe = np.flatnonzero(bits <= MAX_DISTANCE)
        i, j = i[maybe], j[maybe]
        near = bits[maybe] + _count_bits(halves[1], i, j) <= MAX_DISTANCE
        if near.any():
            yield i[near], j[near]


def _count_bits(half: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Count the bits, at most 128, by which halves of hashes differ."""
    bits = np.bitwise_count(half.take(i, axis=0) ^ half.take(j, axis=0))
    return np.asarray(bits[:, 0] + bits[:, 1])
