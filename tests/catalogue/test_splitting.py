"""Splits keep pairs together and classes balanced."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skcomic import split_catalogue


def catalogue_of(pairs: list[tuple[int, ...]]) -> pd.DataFrame:
    """A catalogue from the number of images that each pair has of each class."""
    rows = [
        (f"{label}/{pair}_{i}.jpg", f"class {label}", str(pair))
        for pair, counts in enumerate(pairs)
        for label, count in enumerate(counts)
        for i in range(count)
    ]
    return pd.DataFrame(rows, columns=["path", "label", "pair"])


@given(
    pairs=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 1)), max_size=80
    ),
    test_size=st.floats(0.2, 0.5),
    seed=st.integers(0, 2**32 - 1),
)
def test_splits_hold_each_row_once_and_pairs_together(
    pairs: list[tuple[int, ...]], test_size: float, seed: int
) -> None:
    # Enough pairs of each class that every part gets some.
    catalogue = catalogue_of([*pairs, *[(1, 1, 1)] * 12])

    split = split_catalogue(catalogue, test_size=test_size, random_state=seed, duplicates="ignore")

    assert list(split) == ["train", "validation", "test"]
    assert sorted(np.concatenate([part.index for part in split.values()])) == list(catalogue.index)
    parts_of_pair = pd.concat(split.values(), keys=split).reset_index(level=0)
    assert parts_of_pair.groupby("pair")["level_0"].nunique().max() == 1
    shares = {"train": (1 - test_size) * 2 / 3, "validation": (1 - test_size) / 3}
    shares["test"] = test_size
    for name, part in split.items():
        target = catalogue.label.value_counts() * shares[name]
        # A pair has up to 2 images of a class and 5 in all, which limits the accuracy.
        assert (part.label.value_counts() - target).abs().max() <= 5


@pytest.mark.parametrize("n_pairs", [180, 300, 1000])
def test_whole_pairs_are_split_evenly(n_pairs: int) -> None:
    split = split_catalogue(catalogue_of([(1, 1)] * n_pairs), random_state=0, duplicates="ignore")
    n_test, n_rest = n_pairs / 3, n_pairs * 2 / 3
    for part, target in (("test", n_test), ("validation", n_rest / 3), ("train", n_rest * 2 / 3)):
        counts = split[part].label.value_counts()
        assert counts.min() == counts.max()
        assert abs(counts.iloc[0] - target) < 1


def test_splits_follow_the_seed() -> None:
    catalogue = catalogue_of([(1, 1)] * 60)
    first, again, other = (
        split_catalogue(catalogue, random_state=seed, duplicates="ignore").test.index.tolist()
        for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_impossible_splits_are_refused() -> None:
    catalogue = catalogue_of([(1, 0)] * 9 + [(0, 1)] * 2)
    with pytest.raises(ValueError, match="class 'class 1' has only 2 pairs"):
        split_catalogue(catalogue, random_state=0, duplicates="ignore")
    with pytest.raises(ValueError, match=r"test_size must be a share between 0 and 1, not 1\.5"):
        split_catalogue(catalogue, test_size=1.5)
