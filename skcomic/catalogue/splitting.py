"""A catalogue -> training, validation and test images, with pairs kept together."""

from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.utils import Bunch, check_random_state

from skcomic.catalogue.duplicates import join_duplicates
from skcomic.catalogue.validation import validate_catalogue
from skcomic.images.decoding import PathLike


def split_catalogue(
    catalogue: pd.DataFrame,
    *,
    test_size: float = 1 / 3,
    validation_size: float = 1 / 3,
    random_state: Any = None,
    duplicates: Literal["together", "ignore"] = "together",
    n_jobs: int | None = None,
    cache: PathLike | None = None,
) -> Bunch:
    """Split a catalogue at random into training, validation and test images.

    Pairs are assigned one by one, the largest first and otherwise in random order, each to the
    part that this brings closest to its target number of images of each class. So a pair is never
    divided, and the classes keep their proportions in every part, for pairs of any composition.

    Parameters
    ----------
    catalogue : DataFrame with columns `path` and `label`
        As from `load_catalogue`. Without a column `pair` each image is a pair of its own. A
        column `split` gives the part of each image ("train", "validation" or "test"): it is
        never moved, even if a duplicate of it is in another part. A part that is not given is
        drawn from the training images.
    test_size : float, default=1/3
        Share of the images that is used for the test; between 0 and 1.
    validation_size : float, default=1/3
        Share *of the rest* that is used for validation; between 0 and 1.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same split each time.
    duplicates : {"together", "ignore"}, default="together"
        "together" decodes all images once (see `cache`) and keeps those that are equal or look
        the same in one part, by `join_duplicates`; otherwise a copy of a training image may be in
        the test. "ignore" does not open any file.
    n_jobs : int or None, default=None
        Number of threads that decode.
    cache : str, path-like or None, default=None
        Folder that stores the decoded images; see `ImageVectorizer`.

    Returns
    -------
    split : Bunch
        Three frames, `train`, `validation` and `test`, whose rows keep the index and the
        order of `catalogue`; each row is in exactly one of them. Pairs that share an image
        have one name in `pair`.

    Raises
    ------
    ValueError
        If a share is not between 0 and 1, or if a class has too few pairs to be in all
        three parts.

    Warns
    -----
    UserWarning
        If files cannot be read: their duplicates are not found.

    See Also
    --------
    join_duplicates : Joins duplicates for other splits, such as `StratifiedGroupKFold`.

    Examples
    --------
    >>> import pandas as pd
    >>> from skcomic import split_catalogue
    >>> catalogue = pd.DataFrame({
    ...     "path": [f"{label}/{i}.jpg" for i in range(9) for label in ("comics", "faces")],
    ...     "label": ["comics", "faces"] * 9, "pair": [i for i in range(9) for _ in range(2)]})
    >>> split = split_catalogue(catalogue, random_state=0, duplicates="ignore")
    >>> len(split.train), len(split.validation), len(split.test)
    (8, 4, 6)
    >>> set(split.train.pair) & set(split.test.pair)
    set()
    """
    for name, share in (("test_size", test_size), ("validation_size", validation_size)):
        if not 0 < share < 1:
            raise ValueError(f"{name} must be a share between 0 and 1, not {share!r}")
    if duplicates not in ("together", "ignore"):
        raise ValueError(f"duplicates must be 'together' or 'ignore', not {duplicates!r}")
    catalogue = validate_catalogue(catalogue)
    if duplicates == "together":
        catalogue = join_duplicates(catalogue, n_jobs=n_jobs, cache=cache)
    shares = {
        "train": (1 - test_size) * (1 - validation_size),
        "validation": (1 - test_size) * validation_size,
        "test": test_size,
    }
    random = check_random_state(random_state)
    if "split" in catalogue.columns:
        part_of_row = _complete_parts(catalogue, shares, random)
    else:
        part_of_row = assign_groups(catalogue, list(shares.values()), random)
    split = Bunch(**{name: catalogue[part_of_row == i] for i, name in enumerate(shares)})
    _check_parts(catalogue, split, shares)
    return split


def _complete_parts(
    catalogue: pd.DataFrame, shares: dict[str, float], random: np.random.RandomState
) -> np.ndarray:
    """Take the parts that are given, and draw those that are not from the training images."""
    names = list(shares)
    part_of_row = catalogue.split.map(names.index).to_numpy(copy=True)
    is_train = (catalogue.split == "train").to_numpy()
    if not is_train.any():
        raise ValueError("the column split has no row of 'train': there is nothing to learn from")
    drawn = ["train", *(name for name in names if name not in set(catalogue.split))]
    target = np.array([shares[name] for name in drawn])
    parts = assign_groups(catalogue[is_train], (target / target.sum()).tolist(), random)
    part_of_row[is_train] = np.array([names.index(name) for name in drawn])[parts]
    return part_of_row


def assign_groups(
    catalogue: pd.DataFrame, shares: list[float], random: np.random.RandomState
) -> np.ndarray:
    """Assign every row to a part, such that pairs are not divided and classes are balanced.

    Parameters
    ----------
    catalogue : DataFrame with columns `label` and `pair`
        The images.
    shares : list of float
        The target share of each part; they add up to 1.
    random : RandomState
        Determines the order of pairs of equal size.

    Returns
    -------
    parts : ndarray of shape (n_images,), int
        For each row, the index of its part in `shares`.
    """
    counts = pd.crosstab(catalogue.pair, catalogue.label)
    pairs = counts.to_numpy()
    # Large pairs first: they are the hardest to place. Pairs of equal size stay in random order.
    order = random.permutation(len(pairs))
    order = order[np.argsort(-pairs[order].sum(axis=1), kind="stable")]
    target = np.outer(shares, pairs.sum(axis=0))
    missing = target.copy()
    part_of_pair = np.empty(len(pairs), dtype=int)
    for i in order:
        # Placing the pair in part p reduces sum((missing / target) ** 2) by this amount. The error
        # is relative, so that small parts and rare classes count as much as large ones.
        gain = ((2 * missing * pairs[i] - pairs[i] ** 2) / target**2).sum(axis=1)
        part_of_pair[i] = np.argmax(gain)
        missing[part_of_pair[i]] -= pairs[i]
    return pd.Series(part_of_pair, index=counts.index).loc[catalogue.pair].to_numpy()


def _check_parts(catalogue: pd.DataFrame, split: Bunch, shares: dict[str, float]) -> None:
    classes = catalogue.label.unique()
    for name, part in split.items():
        for absent in np.setdiff1d(classes, part.label.unique()):
            n_pairs = catalogue.pair[catalogue.label == absent].nunique()
            if n_pairs >= len(shares) and n_pairs * shares[name] < 1:
                raise ValueError(
                    f"{name} would have no image of class {absent!r}: test_size and "
                    f"validation_size leave it a share of {shares[name]:.3g} of {n_pairs} pairs; "
                    "change them"
                )
            raise ValueError(
                f"class {absent!r} has only {n_pairs} pairs, too few to put at least one "
                f"into each of train, validation and test ({name} would have none); add images "
                "of this class"
            )
