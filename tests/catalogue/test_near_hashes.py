"""Hashes that differ by few bits are all found, by either way, however many are equal."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from skcomic.catalogue import near_hashes
from skcomic.catalogue.duplicates import find_duplicates
from skcomic.catalogue.near_hashes import MAX_DISTANCE, find_near


def draw_hashes(n_hashes: int, n_centres: int, max_flips: int, random) -> np.ndarray:
    """Hashes that differ from one of a few others, of biased bits, by up to some bits."""
    bias = random.uniform(0, 1, 256)
    centres = random.random((n_centres, 256)) < bias
    bits = centres[random.integers(0, n_centres, n_hashes)]
    order = random.random(bits.shape).argsort(axis=1)
    bits ^= order < random.integers(0, max_flips + 1, (n_hashes, 1))
    return np.packbits(bits, axis=1).view(np.uint64)


def distances(hashes: np.ndarray) -> np.ndarray:
    return np.bitwise_count(hashes[:, None] ^ hashes[None]).sum(axis=-1, dtype=int)


def listed(hashes: np.ndarray) -> list[tuple[int, int]]:
    """All pairs that are found, sorted; a pair that is found twice is there twice."""
    blocks = [np.stack(block, axis=1) for block in find_near(hashes)]
    return sorted((i, j) for block in blocks for i, j in block.tolist())


@pytest.mark.parametrize(("n_centres", "max_flips"), [(300, 20), (3, 40), (700, 0), (1, 256)])
def test_bands_find_what_all_comparisons_find(
    n_centres: int, max_flips: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(n_centres)
    hashes = draw_hashes(700, n_centres, max_flips, random)
    near = np.triu(distances(hashes) <= MAX_DISTANCE, 1)
    expected = list(zip(*(rows.tolist() for rows in np.nonzero(near)), strict=True))
    assert len(expected) > 100
    for few, block in ((700, 2**18), (699, 2**18), (699, 1000)):
        monkeypatch.setattr(near_hashes, "_FEW", few)
        monkeypatch.setattr(near_hashes, "_BLOCK", block)
        assert listed(hashes) == expected


def test_every_distance_is_told_from_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_hashes, "_FEW", 0)
    random = np.random.default_rng(0)
    base = random.random(256) < 0.5
    for spread in (1, 5, 11):  # bits that differ are side by side, or in the same band
        changed = np.arange(256) * spread % 256
        rows = [base, *(base ^ np.isin(np.arange(256), changed[:n]) for n in range(1, 60))]
        hashes = np.packbits(rows, axis=1).view(np.uint64)
        found = [pair for pair in listed(hashes) if pair[0] == 0]
        assert found == [(0, n) for n in range(1, MAX_DISTANCE + 1)]


def test_many_hashes_as_they_are() -> None:
    random = np.random.default_rng(0)
    hashes = random.integers(0, 2**64, (near_hashes._FEW + 2000, 4), dtype=np.uint64)
    planted = np.arange(0, 2000, 2)
    order = random.random((1000, 256)).argsort(axis=1)
    n_flips = np.arange(1000) % 40
    flips = np.packbits(order < n_flips[:, None], axis=1).view(np.uint64)
    hashes[planted + 20_000] = hashes[planted] ^ flips
    expected = planted[n_flips <= MAX_DISTANCE].tolist()
    assert listed(hashes) == [(row, row + 20_000) for row in expected]


def test_few_pairs_are_in_memory_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_hashes, "_BLOCK", 2**14)
    hashes = draw_hashes(1200, 1, 12, np.random.default_rng(0))
    n_pairs = 1200 * 1199 // 2
    for few in (0, 1200):
        monkeypatch.setattr(near_hashes, "_FEW", few)
        sizes = [len(i) for i, _ in find_near(hashes)]
        assert sum(sizes) == n_pairs
        assert max(sizes) < 3 * 2**14  # a block that is not yet full, another one and a row


@pytest.mark.parametrize("n_hashes", [0, 1, 2])
def test_hardly_any_hashes(n_hashes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = np.arange(1, 4 * n_hashes + 1, dtype=np.uint64).reshape(n_hashes, 4)
    for few in (-1, 10):
        monkeypatch.setattr(near_hashes, "_FEW", few)
        assert listed(hashes) == [(0, 1)][: max(0, n_hashes - 1)]


@settings(max_examples=200, deadline=None)
@given(
    n_centres=st.integers(1, 12),
    max_flips=st.integers(0, 40),
    n_pairs=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_images_of_one_look_are_linked_as_if_each_were_compared_with_each(
    n_centres: int, max_flips: int, n_pairs: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    different = draw_hashes(20, n_centres, max_flips, random)
    hashes = different[random.integers(0, len(different), 45)]  # most are there several times
    hashes[random.random(45) < 0.1] = 0  # without a pattern
    pairs = random.integers(0, n_pairs, 45)
    found = find_duplicates(
        pd.DataFrame({"path": ["none"] * 45, "pair": pairs}), hashes, np.zeros(45, dtype=bool)
    )

    near = (distances(hashes) <= MAX_DISTANCE) & (pairs[:, None] != pairs)
    near &= hashes.any(axis=1) & hashes.any(axis=1)[:, None]
    earlier = np.triu(near, 1)
    first = np.where(earlier.any(axis=0), earlier.argmax(axis=0), -1)
    assert found.similar_to.tolist() == first.tolist()
    bits = np.where(first < 0, -1, distances(hashes)[np.arange(45), first])
    assert found.distance.tolist() == bits.tolist()
    assert found.group.tolist() == connected_components(near)[1].tolist()


def test_a_hundred_thousand_equal_images_are_one_look() -> None:
    n_images = 100_000
    random = np.random.default_rng(0)
    hashes = np.tile(random.integers(1, 2**64, 4, dtype=np.uint64), (n_images, 1))
    hashes[1::2, 0] ^= np.uint64(1)
    catalogue = pd.DataFrame({"path": ["none"] * n_images, "pair": np.arange(n_images) // 2})
    found = find_duplicates(catalogue, hashes, np.zeros(n_images, dtype=bool))
    assert found.similar_to.tolist() == [-1, -1] + [0] * (n_images - 2)
    assert found.distance[:6].tolist() == [-1, -1, 0, 1, 0, 1]
    assert not found.group.any()
