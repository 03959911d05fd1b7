"""How good the choice is on test images that are changed a little."""

from typing import Any

import numpy as np
import pandas as pd

from skcomic.evidence.comparisons import compare_paired
from skcomic.evidence.intervals import score_interval
from skcomic.images.decoding import Rendering
from skcomic.images.loading import height_and_width, rasters_to_rows
from skcomic.images.perturbing import perturbed_rasters
from skcomic.study.contenders import find_vectorizer
from skcomic.study.evaluation import TimedFit
from skcomic.study.settings import StudySettings

# Each is decoded at its full size: at 1024x1024, and with what follows, a fifth of a second.
_MAX_IMAGES = 500

UNCHANGED = "unchanged"


def measure_robustness(
    fit: TimedFit,
    test: pd.DataFrame,
    predicted: np.ndarray,
    settings: StudySettings,
    n_jobs: int | None,
) -> list[dict[str, Any]] | None:
    """Score the choice on changed test images, beside the same images unchanged.

    Parameters
    ----------
    fit : TimedFit
        Fitted.
    test : DataFrame
        The test images; of more than 500 whole pairs, up to that number, are drawn.
    predicted : ndarray of shape (n_images,)
        What it answers for them unchanged.
    settings : StudySettings
        The seed and the class that scores are of, are of use here.
    n_jobs : int or None
        Threads that decode.

    Returns
    -------
    robustness : list of dict or None
        As in `Study`. None for an estimator of the user's own that takes paths: what it does with
        a file is not known.
    """
    vectorizer = find_vectorizer(fit.contender)
    if vectorizer is None:
        return None
    is_drawn = _draw(test, settings.random_state)
    test, predicted = test[is_drawn], predicted[is_drawn]
    height, width = height_and_width(vectorizer.size)
    rendering = Rendering(vectorizer.resample, vectorizer.max_pixels, vectorizer.background)
    changed = perturbed_rasters(
        test.path.tolist(), (height, width), rendering, seed=settings.random_state, n_jobs=n_jobs
    )
    answers = {UNCHANGED: predicted}
    for name, rasters in changed.items():
        answers[name] = fit.classifier.predict(rasters_to_rows(rasters))
    options: Any = {"positive": settings.positive, "random_state": settings.random_state}
    robustness = []
    for name, given in answers.items():
        score = score_interval(test.label, given, test.pair, **options)
        paired = compare_paired(test.label, given, predicted, test.pair, **options)
        robustness.append(
            {
                "images": name,
                "n": len(test),
                "f_score": score.score,
                "interval": [score.low, score.high],
                "difference": paired.difference,
                "difference_interval": [paired.low, paired.high],
            }
        )
    return robustness


def _draw(test: pd.DataFrame, seed: int) -> np.ndarray:
    """Draw whole pairs until there are enough images."""
    order = np.random.default_rng(seed).permutation(test.pair.unique())
    sizes = test.pair.value_counts()[order].cumsum()
    return np.asarray(test.pair.isin(sizes.index[sizes <= max(_MAX_IMAGES, sizes.iloc[0])]))
