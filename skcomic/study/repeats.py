"""The choice, trained and tested again on other splits and with other seeds."""

import dataclasses
from typing import Any

import pandas as pd
from sklearn.base import clone
from sklearn.utils import Bunch

from skcomic.evidence.repeats import score_repeats
from skcomic.study.comparison import Run
from skcomic.study.contenders import Contender
from skcomic.study.images import assign_parts
from skcomic.study.settings import StudySettings
from skcomic.study.testing import Tested, fit_and_ask


def repeat_test(
    chosen: Contender,
    catalogue: pd.DataFrame,
    tested: Tested,
    parts: Bunch,
    settings: StudySettings,
    run: Run,
) -> dict[str, Any]:
    """Train and test the choice with the seeds that follow, each with a split of its own.

    Parameters
    ----------
    chosen : (str, estimator)
        The choice of `select_size`.
    catalogue : DataFrame
        All images of the study.
    tested : Tested
        The choice; its test is the first of all.
    parts : Bunch
        As from `assign_parts`.
    settings : StudySettings
        `repeats`, the number of tests, and the seed are of use here.
    run : Run
        How fits are made.

    Returns
    -------
    repeats : dict
        As in `Study`.
    """
    tests = [parts.test.assign(predicted=tested.answers.predicted)]
    seeds = [settings.random_state + number for number in range(settings.repeats)]
    for seed in seeds[1:]:
        others = assign_parts(catalogue, dataclasses.replace(settings, random_state=seed))
        _, answers = fit_and_ask((chosen[0], _with_seed(chosen[1], seed)), others, run)
        tests.append(others.test.assign(predicted=answers.predicted))
    n_train = len(catalogue) - len(parts.test)
    score = score_repeats(
        tests, n_train, positive=settings.positive, random_state=settings.random_state
    )
    return {
        "seeds": seeds,
        "f_scores": score.scores.tolist(),
        "mean": score.mean,
        "standard_deviation": score.standard_deviation,
        "interval": [score.low, score.high],
    }


def _with_seed(contender: Any, seed: int) -> Any:
    contender = clone(contender)
    names = [name for name in contender.get_params() if name.endswith("random_state")]
    return contender.set_params(**dict.fromkeys(names, seed))
