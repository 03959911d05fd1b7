"""The images of a study: which can be read, which are duplicates, and in which part each is."""

from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.utils import Bunch, check_random_state

from skcomic.catalogue.contrast import find_uniform_classes
from skcomic.catalogue.duplicates import find_duplicates, join_pairs
from skcomic.catalogue.footprint import Footprint, estimate_footprint
from skcomic.catalogue.hashing import COMPARED_SIDE, hash_images
from skcomic.catalogue.splitting import assign_groups, split_catalogue
from skcomic.images.decoding import ImageFailure, ImageReadError, PathLike, Rendering
from skcomic.images.inspecting import inspect_files
from skcomic.study.settings import StudySettings


class StudyImages(NamedTuple):
    """The images that a study uses.

    Parameters
    ----------
    catalogue : DataFrame
        Without images that were left out; pairs that share an image are one. The column
        `repeats` has the same number for images that are the same or look the same.
    footprint : Footprint
        Memory and time that they take at the largest size.
    duplicates : dict of str to int
        As in `Study`.
    contrast : dict
        As in `Study`.
    quarantine : DataFrame or None
        As in `Study`.
    formats : list of dict
        As in `Study`.
    """

    catalogue: pd.DataFrame
    footprint: Footprint
    duplicates: dict[str, int | None]
    contrast: dict[str, Any]
    quarantine: pd.DataFrame | None
    formats: list[dict[str, Any]]


def read_images(
    catalogue: pd.DataFrame, settings: StudySettings, *, n_jobs: int | None, cache: PathLike
) -> StudyImages:
    """Decode all images once for all that follows: later fits find the rasters in the cache.

    Parameters
    ----------
    catalogue : DataFrame
        As from `load_catalogue`.
    settings : StudySettings
        `sizes`, `background` and `on_bad` are of use here.
    n_jobs : int or None
        Number of threads that decode.
    cache : str or path-like
        Folder of the cache.

    Returns
    -------
    images : StudyImages
        What can be read, with duplicates joined.

    Raises
    ------
    ImageReadError
        If images cannot be read and `on_bad` is "raise"; all are listed.
    ValueError
        If no image of a class is left.
    """
    size = max(settings.sizes)
    footprint = None
    sampled: Any = {"cache": cache, "background": settings.background}
    with suppress(ImageReadError):  # below, all bad images are listed, not those of a sample
        footprint = estimate_footprint(catalogue, size, **sampled)
    hashes = hash_images(
        catalogue.path.tolist(),
        [(side, side) for side in settings.sizes],
        Rendering(background=settings.background),
        n_jobs=n_jobs,
        cache=cache,
    )
    failures = hashes.failures
    if failures and settings.on_bad == "raise":
        raise ImageReadError(list(failures.values()), len(catalogue))
    quarantine = _list_unreadable(catalogue, failures)
    is_read = np.ones(len(catalogue), dtype=bool)
    if failures:
        is_read[list(failures)] = False
        catalogue = _remove_bad(catalogue, is_read, failures)
    if failures or footprint is None:
        footprint = estimate_footprint(catalogue, size, **sampled)
    contrast = {
        "images": int(hashes.is_flat[is_read].sum()),
        "classes": find_uniform_classes(hashes.pixels[is_read], catalogue.label.to_numpy()),
    }
    is_compared = size >= COMPARED_SIDE
    catalogue, duplicates = _join_duplicates(catalogue, hashes.looks[is_read], is_compared)
    listed = quarantine if settings.on_bad == "quarantine" else None
    formats = inspect_files(catalogue.path.tolist())
    return StudyImages(catalogue, footprint, duplicates, contrast, listed, formats)


def assign_parts(catalogue: pd.DataFrame, settings: StudySettings) -> Bunch:
    """Split a catalogue into the parts of a study; pairs stay together.

    Parameters
    ----------
    catalogue : DataFrame
        Duplicates must be joined already.
    settings : StudySettings
        The shares and the seed are of use here.

    Returns
    -------
    parts : Bunch
        Frames `train`, `validation` and `test`, and `search`, which is a part of `train`. With
        folds, all images but those of the test are in `train`.

    Raises
    ------
    ValueError
        If a class is too small to be in each part.
    """
    random = check_random_state(settings.random_state)
    parts = split_catalogue(
        catalogue,
        test_size=settings.test_size,
        validation_size=settings.validation_size,
        random_state=random,
        duplicates="ignore",  # they are joined already, from rasters that were decoded anyway
    )
    if settings.n_folds > 1:
        parts.train = pd.concat([parts.train, parts.validation])
        parts.validation = parts.validation[:0]
    parts.search = parts.train
    fraction = settings.search_fraction
    if fraction is not None and fraction < 1:
        shares = [fraction, 1 - fraction]
        parts.search = parts.train[assign_groups(parts.train, shares, random) == 0]
    if len(absent := set(parts.train.label) - set(parts.search.label)):
        raise ValueError(
            f"search_fraction={fraction} leaves no training image of {sorted(absent)}; raise it"
        )
    return parts


def _list_unreadable(catalogue: pd.DataFrame, failures: dict[int, ImageFailure]) -> pd.DataFrame:
    """List the images that cannot be read, with how many images of their pairs are left."""
    rows = list(failures)
    bad = catalogue.iloc[rows].reset_index(drop=True)
    of_pair, bad_of_pair = catalogue.pair.value_counts(), bad.pair.value_counts()
    return bad[["path", "label", "pair"]].assign(
        kind=[failures[row].kind for row in rows],
        reason=[failures[row].reason for row in rows],
        left_of_pair=[int(of_pair[pair] - bad_of_pair[pair]) for pair in bad.pair],
    )


def _remove_bad(
    catalogue: pd.DataFrame, is_read: np.ndarray, failures: dict[int, ImageFailure]
) -> pd.DataFrame:
    left = catalogue[is_read]
    if lost := sorted(set(catalogue.label) - set(left.label)):
        error = ImageReadError(list(failures.values()), len(catalogue))
        raise ValueError(
            f"no image of {lost} can be read, so that there is none to learn: {error}"
        )
    return left


def _join_duplicates(
    catalogue: pd.DataFrame, hashes: np.ndarray, is_compared: bool
) -> tuple[pd.DataFrame, dict[str, int | None]]:
    """Join pairs by hashes that are there; count the duplicates."""
    found = find_duplicates(catalogue, hashes, np.ones(len(catalogue), dtype=bool))
    first, labels = found.first, catalogue.label.to_numpy()
    is_copy, is_like = found.copy_of >= 0, (found.copy_of < 0) & (found.similar_to >= 0)
    counts = {
        "exact": int(is_copy.sum()),
        "near": int(is_like.sum()) if is_compared else None,
        "of_another_class": int((labels != labels[first])[first >= 0].sum()),
    }
    return join_pairs(catalogue, found).assign(repeats=found.group), counts
