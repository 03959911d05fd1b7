"""Every contender on images from elsewhere, after all is chosen."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from skcomic.catalogue.duplicates import join_duplicates
from skcomic.catalogue.validation import validate_catalogue
from skcomic.evidence.evaluation import describe_scores, score_predictions
from skcomic.evidence.intervals import score_interval
from skcomic.images.decoding import PathLike
from skcomic.study.comparison import Run, compare
from skcomic.study.contenders import Contender
from skcomic.study.evaluation import Answers, TimedFit
from skcomic.study.settings import StudySettings

# Sorted in this order, so that a pair that is joined with one of ours has a name of ours.
_INSIDE, _OUTSIDE = "inside/", "outside/"


def score_outside(
    contenders: list[Contender],
    fitted: Any,
    parts: Bunch,
    outside: pd.DataFrame,
    settings: StudySettings,
    run: Run,
    cache: PathLike,
) -> dict[str, Any]:
    """Train each contender on all images but those of the test, and score it on the others.

    Parameters
    ----------
    contenders : list of (str, estimator)
        Not changed.
    fitted : estimator
        The last fit.
    parts : Bunch
        As from `assign_parts`.
    outside : DataFrame
        As from `load_catalogue`.
    settings : StudySettings
        The settings.
    run : Run
        How fits are made.
    cache : str or path-like
        Folder of the cache.

    Returns
    -------
    outside : dict
        As in `Study`.

    Raises
    ------
    ValueError
        If no image is of a class of the study and repeats none that was trained on.
    """
    development = pd.concat([parts.train, parts.validation])
    classes = sorted(development.label.unique())
    known = select_known(outside, classes, settings.positive)
    repeats = _find_repeats(development, known, run.n_jobs, cache)
    new = known[~repeats].drop(columns="split", errors="ignore")
    if new.empty:
        raise ValueError(
            "all images from elsewhere repeat images that the study has trained on: give others"
        )
    compared = compare(
        contenders, development, pd.concat([parts.test, new]), settings.positive, run,
        measure_use=False,
    )  # fmt: skip
    rows: list[dict[str, Any]] = []
    for (name, _), given in zip(compared.contenders, compared.answers, strict=True):
        row: dict[str, Any] = {"net": name}
        if given is not None:
            n_test = len(parts.test)
            row |= _score("test", parts.test, given, slice(n_test), classes, settings)
            row |= _score("outside", new, given, slice(n_test, None), classes, settings)
        rows.append(row)
    fit = TimedFit(fitted, chunk_images=run.chunk_images)
    answers = fit.ask(fit.make_rows(new.path))
    scores = score_predictions(
        new.label, answers.predicted, answers.probabilities, new.pair, classes=np.array(classes),
        positive=settings.positive, random_state=settings.random_state,
    )  # fmt: skip
    return {
        "images": len(new),
        "repeats": int(repeats.sum()),
        "unknown": outside.label[~outside.label.isin(classes)].value_counts().to_dict(),
        "missing": [label for label in classes if label not in set(new.label)],
        "choice": describe_scores(scores, new.label, answers.predicted, classes),
        "contenders": rows,
    }


def select_known(
    outside: pd.DataFrame, classes: list[Any], positive: Hashable | None
) -> pd.DataFrame:
    """Take the images from elsewhere that are of a class of the study.

    Raises
    ------
    ValueError
        If there are none, or no F-score can be computed of them: they are of one class, or none
        is of the positive one.
    """
    outside = validate_catalogue(outside)
    known = outside[outside.label.isin(classes)]
    if known.empty:
        raise ValueError(
            f"no image from elsewhere is of a class of the study, {classes}; the classes there "
            f"are {sorted(outside.label.unique())}"
        )
    there = sorted(known.label.unique())
    if len(there) < 2 or positive not in (None, *there):
        raise ValueError(
            f"images from elsewhere must be of two or more classes of the study, {classes}"
            f"{'' if positive is None else f', among them {positive!r}'}; they are of {there}: "
            "`evaluate` (skcomic evaluate) scores a model on images of one class"
        )
    return known


def _find_repeats(
    development: pd.DataFrame, known: pd.DataFrame, n_jobs: int | None, cache: PathLike
) -> np.ndarray:
    """Find the images of pairs that repeat an image that is trained on, or look the same."""
    both = pd.concat(
        [
            development.assign(pair=_INSIDE + development.pair.astype(str)),
            known.assign(pair=_OUTSIDE + known.pair.astype(str)),
        ],
        ignore_index=True,
    )
    joined = join_duplicates(both[["path", "label", "pair"]], n_jobs=n_jobs, cache=cache)
    return joined.pair[len(development) :].str.startswith(_INSIDE).to_numpy(bool)


def _score(
    part: str,
    images: pd.DataFrame,
    answers: Answers,
    where: slice,
    classes: list[Any],
    settings: StudySettings,
) -> dict[str, Any]:
    options: Any = {"positive": settings.positive, "random_state": settings.random_state}
    f_score = score_interval(images.label, answers.predicted[where], images.pair, **options)
    row = {f"{part}_f_score": f_score.score, f"{part}_interval": [f_score.low, f_score.high]}
    if answers.probabilities is not None and images.label.nunique() == len(classes):
        area = score_interval(
            images.label, answers.probabilities[where], images.pair,
            score="roc_auc", classes=classes, **options,
        )  # fmt: skip
        row |= {f"{part}_roc_auc": area.score, f"{part}_roc_auc_interval": [area.low, area.high]}
    return row
