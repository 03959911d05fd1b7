"""What is known of a study before an image is decoded, TensorFlow imported or a worker started."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd
from joblib import effective_n_jobs
from sklearn.base import clone
from sklearn.utils import Bunch

from skcomic._compat.joblib import active_dask_backend
from skcomic.catalogue.validation import validate_catalogue
from skcomic.evidence.evaluation import choose_positive
from skcomic.selection.costs import HOLDOUT_TOLERANCE, ONE_SE
from skcomic.study.cluster import memory_of_fits
from skcomic.study.images import assign_parts
from skcomic.study.memory import plan_memory
from skcomic.study.settings import HOLDOUT, StudySettings, Validation, make_settings

# More images than these are searched by halving: with fewer, a ninth of them says little.
_MIN_HALVING_IMAGES = 2000
# With so many images but those of the test, a third of them as validation images says enough.
_MIN_HOLDOUT_IMAGES = 2000
_N_FOLDS = 5

# Measured on one thread of processors with AVX2: 0.3 (small nets) to 0.5 microseconds for each
# pixel, image and epoch, and a second for TensorFlow to trace a net. A worker takes some five CPU
# seconds to import TensorFlow.
_SECONDS_PER_PIXEL = 4e-7
_SECONDS_PER_NET = 1
_SECONDS_PER_WORKER = 5
# Of the families "small" and "classic" of `make_contenders`.
_N_SMALL, _N_CLASSIC = 8, 6
_SMALL_EPOCHS = 12


class Plan(NamedTuple):
    """What is decided before anything is read.

    Parameters
    ----------
    settings : StudySettings
        With the class that scores are of, `positive`, the kind of `search` and its fraction, and
        the images of a chunk.
    own : dict of str to estimator, or None
        Contenders of the user.
    n_jobs : int
        Number of workers: 1 where more would take longer to start than they save, and no more
        than there are fits side by side in any stage, or fit into memory.
    """

    settings: StudySettings
    own: dict[str, Any] | None
    n_jobs: int


def plan_study(catalogue: pd.DataFrame, given: dict[str, Any], n_jobs: int | None) -> Plan:
    """Check all that can be known before an image is decoded or a worker is started.

    Parameters
    ----------
    catalogue : DataFrame
        As from `load_catalogue`.
    given : dict of str to object
        Settings that are not the defaults, as for `run_study`.
    n_jobs : int or None
        Number of fits side by side, as in joblib.

    Returns
    -------
    plan : Plan
        The plan.

    Raises
    ------
    TypeError, ValueError, MemoryError
        As for `run_study`.
    """
    own = given.get("contenders")
    if not isinstance(own, Mapping):
        own = None
    else:
        own = {name: _check_contender(name, own[name]) for name in own}
        given = {**given, "contenders": tuple(own)}
    settings = make_settings(given)
    catalogue = validate_catalogue(catalogue)
    search = _choose_search(len(catalogue), settings)
    validation = _choose_validation(catalogue, search, settings)
    trains_little = search == "halving" and settings.contenders != "report"
    takes_all = trains_little or validation != HOLDOUT
    tolerance = settings.tolerance
    if tolerance is None:
        tolerance = HOLDOUT_TOLERANCE if validation == HOLDOUT else ONE_SE
    settings = dataclasses.replace(
        settings,
        positive=choose_positive(sorted(catalogue.label.unique()), settings.positive),
        search=search,
        search_fraction=settings.search_fraction or (1 if takes_all else 0.5),
        validation=validation,
        tolerance=tolerance,
    )
    parts = assign_parts(catalogue, settings)
    n_contenders = len(own) if own is not None else _count_contenders(settings)
    expected = math.inf  # what the user's own contenders take is not known
    if own is None:
        expected = _expected_seconds(parts, settings)
    n_workers = min(effective_n_jobs(n_jobs), max(n_contenders, len(settings.sizes)))
    if expected <= n_workers * _SECONDS_PER_WORKER:
        n_workers = 1
    n_images = {name: len(part) for name, part in parts.items()}
    is_cluster = active_dask_backend() is not None  # its workers have memory of their own
    chunk_images, n_fit = plan_memory(
        n_images, settings, 1 if is_cluster else n_workers, n_contenders, memory_of_fits()
    )
    settings = dataclasses.replace(settings, chunk_images=chunk_images)
    return Plan(settings, own, n_workers if is_cluster else n_fit)


def _check_contender(name: Any, contender: Any) -> Any:
    if not (hasattr(contender, "fit") and hasattr(contender, "predict")):
        raise TypeError(
            f"the contender {name!r} must be an estimator with fit and predict, from paths of "
            f"images to classes, not {contender!r}"
        )
    return clone(contender)


def _choose_search(n_images: int, settings: StudySettings) -> Any:
    if settings.search != "auto":
        return settings.search
    has_rounds = n_images > _MIN_HALVING_IMAGES and settings.n_folds == 1
    return "halving" if has_rounds and settings.contenders != "report" else "random"


def _choose_validation(
    catalogue: pd.DataFrame, search: str, settings: StudySettings
) -> Validation:
    if settings.n_folds > 1 and search == "halving":
        raise ValueError(
            f"search='halving' has a hold-out: leave out validation={settings.validation}, or "
            "choose search='random'"
        )
    if settings.validation != "auto":
        return settings.validation
    given = catalogue.split if "split" in catalogue.columns else pd.Series(dtype=object)
    n_left = len(catalogue) * (1 - settings.test_size)
    if (given == "test").any():
        n_left = len(catalogue) - (given == "test").sum()
    if (
        settings.contenders == "report"
        or search == "halving"
        or n_left >= _MIN_HOLDOUT_IMAGES
        or (given == "validation").any()
    ):
        return HOLDOUT
    return _N_FOLDS


def _count_contenders(settings: StudySettings) -> int:
    others = _N_SMALL + _N_CLASSIC if settings.contenders == "all" else 0
    return settings.n_candidates + others


def _expected_seconds(parts: Bunch, settings: StudySettings) -> float:
    """Estimate how long the nets train on one thread."""
    n_nets, epochs = settings.n_candidates, settings.n_candidates * settings.epochs
    if settings.contenders == "all":
        n_nets, epochs = n_nets + _N_SMALL, epochs + _N_SMALL * _SMALL_EPOCHS
    pixels = settings.n_folds * epochs * len(parts.search) * max(settings.sizes) ** 2
    later = settings.final_epochs * len(parts.train) * sum(s**2 for s in settings.sizes)
    return (pixels + later) * _SECONDS_PER_PIXEL + n_nets * _SECONDS_PER_NET
