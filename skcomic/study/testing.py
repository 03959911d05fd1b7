"""The last fit and the test: the choice, and others beside it, on images nothing was tuned on."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

from skcomic._estimator import reset_run_parameters
from skcomic.evidence.calibration import calibration_bins, calibration_error
from skcomic.evidence.comparisons import compare_paired
from skcomic.evidence.evaluation import describe_scores, score_predictions, tabulate_answers
from skcomic.evidence.intervals import score_interval
from skcomic.evidence.temperature import TemperatureScaledClassifier, fit_temperature
from skcomic.evidence.thresholds import tune_threshold
from skcomic.images.decoding import PathLike
from skcomic.images.vectorizer import ImageVectorizer
from skcomic.study.baselines import DUMMY, make_baselines, train_baseline
from skcomic.study.comparison import Run
from skcomic.study.contenders import Contender, find_net, find_vectorizer, name_with_size
from skcomic.study.evaluation import Answers, TimedFit
from skcomic.study.examples import list_examples
from skcomic.study.occlusion import map_occlusion
from skcomic.study.robustness import measure_robustness
from skcomic.study.settings import StudySettings
from skcomic.study.stages import Choice


class Tested(NamedTuple):
    """The choice, trained for the last time and tested.

    Parameters
    ----------
    fitted : estimator
        From paths to classes.
    scores : dict
        As `test` in `Study`, without `comparisons`.
    answers : Answers
        For the test images.
    predictions : DataFrame
        As in `Study`, as are the others.
    calibration : dict or None
    robustness, examples, occlusion : list of dict or None
    history : dict or None
    """

    fitted: Any
    scores: dict[str, Any]
    answers: Answers
    predictions: pd.DataFrame
    calibration: dict[str, Any] | None
    robustness: list[dict[str, Any]] | None
    examples: list[dict[str, Any]] | None
    occlusion: list[dict[str, Any]] | None
    history: dict[str, list[float]] | None


def find_temperature(choice: Choice, settings: StudySettings) -> float | None:
    """Find what the probabilities of a choice are to be corrected by, if they are to be.

    Parameters
    ----------
    choice : Choice
        Its answers are of fits that were not trained on the image.
    settings : StudySettings
        `calibrate` is of use here.

    Returns
    -------
    temperature : float or None
        None also of a choice without probabilities.
    """
    if not settings.calibrate or choice.answers.probabilities is None:
        return None
    labels = choice.images.label
    return fit_temperature(labels, choice.answers.probabilities, np.unique(labels))


def fit_and_test(
    chosen: Contender,
    temperature: float | None,
    parts: Bunch,
    settings: StudySettings,
    run: Run,
) -> Tested:
    """Train the choice on training and validation images, and test it.

    Parameters
    ----------
    chosen : (str, estimator)
        The choice of `select_size`.
    temperature : float or None
        What its probabilities are corrected by; None: by nothing.
    parts : Bunch
        As from `assign_parts`.
    settings : StudySettings
        The settings.
    run : Run
        How fits are made.

    Returns
    -------
    tested : Tested
        The choice.
    """
    fit, given = fit_and_ask(chosen, parts, run)
    fitted, answers = fit.contender, given.scaled(temperature)
    if temperature is not None:
        fitted = _with_temperature(fitted, temperature)
    scores = _score(answers, parts, settings)
    named = {"net": name_with_size(chosen), **scores, **fit.times_}
    robustness = measure_robustness(fit, parts.test, answers.predicted, settings, run.n_jobs)
    classes = np.unique(parts.train.label)
    predictions = tabulate_answers(parts.test, *answers, classes)
    calibration = _measure_calibration(answers, parts.test.label, classes)
    if temperature is not None and calibration is not None:
        before = _measure_calibration(given, parts.test.label, classes)
        assert before is not None
        calibration |= {"temperature": temperature, "uncorrected_error": before["error"]}
    examples = list_examples(answers, parts.test, classes)
    occlusion = map_occlusion(fit, examples, classes.tolist())
    history = getattr(find_net(fit.contender), "history_", None)
    return Tested(
        fitted, named, answers, predictions, calibration, robustness, examples, occlusion, history
    )


def fit_and_ask(contender: Contender, parts: Bunch, run: Run) -> tuple[TimedFit, Answers]:
    """Train a contender on training and validation images, and ask it about those of the test."""
    fitted = clone(contender[1])
    if (net := find_net(fitted)) is not None and net.precision == "auto":
        net.set_params(precision="float32")
    if (vectorizer := find_vectorizer(fitted)) is not None:
        vectorizer.set_params(n_jobs=run.n_jobs)
    fit = run.prepare(fitted)
    development = pd.concat([parts.train, parts.validation])
    fit.fit(fit.make_rows(development.path), development.label)
    return fit, fit.ask(fit.make_rows(parts.test.path))


def _with_temperature(fitted: Any, temperature: float) -> Any:
    """Correct the probabilities of the last step of a pipeline, or of another classifier."""
    classifier = fitted[-1] if isinstance(fitted, Pipeline) else fitted
    reset_run_parameters(classifier)  # they are not found within another classifier
    scaled = TemperatureScaledClassifier.of_fitted(classifier, temperature)
    if not isinstance(fitted, Pipeline):
        return scaled
    name, _ = fitted.steps[-1]
    return Pipeline([*fitted.steps[:-1], (name, scaled)], memory=fitted.memory)


def _measure_calibration(
    answers: Answers, labels: pd.Series, classes: np.ndarray
) -> dict[str, Any] | None:
    if answers.probabilities is None:
        return None
    bins = calibration_bins(labels, answers.probabilities, classes)
    return {"error": calibration_error(bins), "bins": bins.to_dict("records")}


def score_tuned_threshold(
    validated: Answers, images: pd.DataFrame, tested: Tested, parts: Bunch, settings: StudySettings
) -> dict[str, Any] | None:
    """Score the choice with a threshold that is tuned on other images than those of the test.

    Parameters
    ----------
    validated : Answers
        Of fits that were not trained on the image.
    images : DataFrame
        These images, with a column `label`.
    tested : Tested
        The choice.
    parts, settings
        As for `fit_and_test`.

    Returns
    -------
    tuned : dict or None
        The `threshold` of the probability of the positive class, `f_score` and its `interval`.
        None without probabilities, or of more than two classes.
    """
    classes = np.unique(parts.train.label).tolist()
    given = tested.answers.probabilities
    if len(classes) != 2 or validated.probabilities is None or given is None:
        return None
    column = classes.index(settings.positive)
    threshold = tune_threshold(images.label, validated.probabilities[:, column], settings.positive)
    labels = np.array([classes[1 - column], classes[column]])
    predicted = labels[(given[:, column] >= threshold).astype(int)]
    score = score_interval(
        parts.test.label, predicted, parts.test.pair, positive=settings.positive
    )
    return {
        "threshold": threshold, "f_score": score.score, "interval": [score.low, score.high],
    }  # fmt: skip


def score_baselines(
    tested: Tested,
    report_choice: Contender | None,
    parts: Bunch,
    settings: StudySettings,
    run: Run,
    cache: PathLike,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Train what the choice is compared with on the same pixels, and test it.

    Parameters
    ----------
    tested : Tested
        The choice; if it makes no rows of pixels, they are of the largest size.
    report_choice : (str, estimator) or None
        The net that the report's rule chooses. The others are classifiers without a network.
    parts, settings, run
        As for `fit_and_test`.
    cache : str or path-like
        Folder of the cache.

    Returns
    -------
    baselines : list of dict
        As in `Study`.
    comparisons : list of dict
        As `comparisons` of `test` in `Study`.
    """
    vectorizer = find_vectorizer(tested.fitted) or ImageVectorizer(
        max(settings.sizes), cache=cache, background=settings.background, n_jobs=run.n_jobs
    )
    development = pd.concat([parts.train, parts.validation])
    baselines, comparisons = [], []

    def score(name: str, answers: Answers) -> dict[str, Any]:
        comparisons.append(_compare(tested, name, answers.predicted, parts, settings))
        return _score(answers, parts, settings)

    in_chunks = run.chunk_images is not None
    for name, baseline in make_baselines(
        vectorizer, seed=settings.random_state, in_chunks=in_chunks
    ):
        row: dict[str, Any] = {"net": name}
        fit = run.prepare(baseline)
        if name == DUMMY:
            fit.max_seconds = None  # what ignores the images is there for each choice
        try:
            cpu_seconds = train_baseline(fit, development)
            answers = fit.ask(fit.make_rows(parts.test.path))
            row |= {**score(name, answers), "cpu_seconds": cpu_seconds}
        except TimeoutError as error:
            row["failure"] = f"{type(error).__name__}: {error}"
        baselines.append(row)
    if report_choice is not None:
        row = {"net": name_with_size(report_choice)}
        try:
            fit, answers = fit_and_ask(report_choice, parts, run)
            row |= {**score(row["net"], answers), **fit.times_}
        except Exception as error:  # of any estimator, as in the search; the choice is tested
            row["failure"] = f"{type(error).__name__}: {error}"
        baselines.append(row)
    return baselines, comparisons


def _score(answers: Answers, parts: Bunch, settings: StudySettings) -> dict[str, Any]:
    labels, classes = parts.test.label, np.unique(parts.train.label)
    scores = score_predictions(
        labels, answers.predicted, answers.probabilities, parts.test.pair, classes=classes,
        positive=settings.positive, random_state=settings.random_state,
    )  # fmt: skip
    return describe_scores(scores, labels, answers.predicted, classes)


def _compare(
    tested: Tested, name: str, predicted: np.ndarray, parts: Bunch, settings: StudySettings
) -> dict[str, Any]:
    comparison = compare_paired(
        parts.test.label, tested.answers.predicted, predicted, parts.test.pair,
        positive=settings.positive, random_state=settings.random_state,
    )  # fmt: skip
    return {
        "net": name,
        "difference": comparison.difference,
        "interval": [comparison.low, comparison.high],
        "p_value": comparison.p_value,
        "sentence": comparison.describe(tested.scores["net"], name),
    }
