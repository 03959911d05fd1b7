"""What is known of a study before an image is decoded, TensorFlow imported or a worker started."""

import dataclasses

import pandas as pd
from joblib import effective_n_jobs

from skcomic.catalogue.validation import normalize, validate_catalogue
from skcomic.study.images import assign_parts
from skcomic.study.memory import check_memory
from skcomic.study.settings import StudySettings

#: The class that precision, recall and F-score are of where there is one of this name.
DEFAULT_POSITIVE = "comics"


def plan_study(
    catalogue: pd.DataFrame, settings: StudySettings, n_jobs: int | None
) -> tuple[StudySettings, int]:
    """Check all that can be known before an image is decoded or a worker is started.

    Parameters
    ----------
    catalogue : DataFrame
        As from `load_catalogue`.
    settings : StudySettings
        The settings.
    n_jobs : int or None
        Number of fits side by side, as in joblib.

    Returns
    -------
    settings : StudySettings
        With the class that scores are of, `positive`.
    n_jobs : int
        Number of workers: no more than there are fits side by side in any stage.

    Raises
    ------
    ValueError, MemoryError
        As for `run_study`.
    """
    catalogue = validate_catalogue(catalogue)
    positive = _choose_positive(catalogue, settings.positive)
    settings = dataclasses.replace(settings, positive=positive)
    n_fits = max(settings.n_candidates, len(settings.sizes))
    n_workers = min(effective_n_jobs(n_jobs), n_fits)
    parts = assign_parts(catalogue, settings)
    check_memory({name: len(part) for name, part in parts.items()}, settings, n_workers)
    return settings, n_workers


def _choose_positive(catalogue: pd.DataFrame, positive: str | None) -> str | None:
    classes = sorted(catalogue.label.unique())
    if positive is not None:
        if isinstance(positive, str):
            positive = normalize(positive)
        if positive not in classes:
            raise ValueError(f"positive={positive!r} is not one of the classes {classes}")
        return positive
    if len(classes) != 2:
        return None
    return DEFAULT_POSITIVE if DEFAULT_POSITIVE in classes else classes[1]
