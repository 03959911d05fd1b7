"""Contenders trained on the same images, side by side: one row of a table for each."""

import math
import pickle
import threading
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from operator import itemgetter
from typing import Any, NamedTuple

import joblib
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import clone

from skcomic._compat.joblib import follow_working_directory
from skcomic._estimator import reset_run_parameters
from skcomic._version import __version__
from skcomic.evidence.intervals import score_interval
from skcomic.images.cache import file_states
from skcomic.images.decoding import PathLike
from skcomic.images.urls import is_url
from skcomic.nets.checkpoints import EVALUATION, FitStore, TrainingState
from skcomic.nets.supervision import retry_on_worker_death, supervised_workers
from skcomic.study.contenders import Contender, describe_contender, expected_work, find_net
from skcomic.study.evaluation import Answers, TimedFit, evaluate
from skcomic.study.settings import StudySettings

# Columns of whole numbers, which may be missing.
_COUNTS = (
    "first_units", "n_conv", "size", "images", "folds", "epochs", "multiply_adds", "parameters",
    "model_bytes", "activation_bytes",
)  # fmt: skip


# Contenders of up to so many times the least work of a group are trained side by side.
_SIMILAR_WORK = 2

# CPU time is that of a process: tasks that run in threads must not be timed with each other.
_alone_in_process = threading.Lock()


class Comparison(NamedTuple):
    """Contenders and what was measured of each.

    Parameters
    ----------
    contenders : list of (str, estimator)
        Those with the most work first; if `compare` is to find a sufficient one, in groups.
    table : DataFrame
        A row for each, in this order: its description, what `evaluate` measures, and the reason
        why it has no measures: `failure`, or, if it was not trained, `excluded`.
    answers : list of Answers or None
        Of each contender, for `images`, or those of them that come first.
    images : DataFrame
        With columns `label` and `pair`.
    """

    contenders: list[Contender]
    table: pd.DataFrame
    answers: list[Answers | None]
    images: pd.DataFrame


class Run(NamedTuple):
    """How the fits of one run are made; nothing but chunks decides an outcome.

    Parameters
    ----------
    n_jobs : int or None
        Fits side by side.
    checkpoint_dir : str, path-like or None
        Folder that keeps the fits.
    evaluations : str, path-like or None
        Folder that keeps what was measured of the fits.
    max_seconds_per_fit : float or None
        How long a fit may take.
    chunk_images : int or None, default=None
        As for `TimedFit`.
    random_state : int, default=0
        As for `TimedFit`.
    """

    n_jobs: int | None
    checkpoint_dir: PathLike | None
    evaluations: PathLike | None
    max_seconds_per_fit: float | None
    chunk_images: int | None = None
    random_state: int = 0

    def prepare(self, contender: Any) -> TimedFit:
        """Give a net of the contender what belongs to this run; return a fit to be made."""
        if (net := find_net(contender)) is not None:
            net.set_params(
                checkpoint_dir=self.checkpoint_dir, max_seconds=self.max_seconds_per_fit
            )
        return TimedFit(contender, self.max_seconds_per_fit, self.chunk_images, self.random_state)


def compare(
    contenders: Iterable[Contender],
    train: pd.DataFrame,
    validation: pd.DataFrame,
    positive: Hashable | None,
    run: Run,
    find_sufficient: Callable[[pd.DataFrame], str | None] | None = None,
    *,
    measure_use: bool = True,
) -> Comparison:
    """Train and measure each contender.

    Parameters
    ----------
    contenders : iterable of (str, estimator)
        Not changed.
    train, validation : DataFrame
        With columns `path` and `label`.
    positive : label or None
        As for `score_labels`.
    run : Run
        How fits are made.
    find_sufficient : callable, default=None
        Those of the least work are then trained first. Given the table of what was trained, it
        says why nothing of more work need be, or gives None.
    measure_use : bool, default=True
        As for `evaluate`.

    Returns
    -------
    comparison : Comparison
        All of them.

    Raises
    ------
    ValueError
        If all of them fail.
    """
    # None that takes long starts last, when the other workers have nothing left to do.
    works = sorted(
        ((expected_work(each[1]), each) for each in contenders), key=itemgetter(0), reverse=True
    )
    groups = [works] if find_sufficient is None else _group_by_work(works)
    parts = [part[["path", "label"]] for part in (train, validation)]  # no more need travel

    def evaluate_all(group: list[Contender]) -> list[tuple[dict[str, Any], Answers | None]]:
        fits = [run.prepare(clone(estimator)) for _, estimator in group]
        return Parallel(n_jobs=run.n_jobs, pre_dispatch="2*n_jobs")(
            delayed(_try_evaluate)(fit, *parts, positive, measure_use, run.evaluations)
            for fit in fits
        )

    rows: list[dict[str, Any]] = []
    answers: list[Answers | None] = []
    for group in groups:
        ordered = [each for _, each in group]
        reason = None
        if rows and find_sufficient and group[0][0] < math.inf:
            reason = find_sufficient(pd.DataFrame(rows))
        if reason is None:
            with supervised_workers(run.n_jobs):
                evaluated = retry_on_worker_death(evaluate_all)(ordered)
        else:
            evaluated = [({"failure": np.nan, "excluded": reason}, None)] * len(ordered)
        for each, (measured, given) in zip(ordered, evaluated, strict=True):
            described = describe_contender(each, len(train))
            rows.append({"folds": 1, "excluded": np.nan, **described, **measured})
            answers.append(given)
    compared = [each for group in groups for _, each in group]
    return Comparison(compared, tabulate(rows), answers, validation)


def add_intervals(comparison: Comparison, settings: StudySettings) -> Comparison:
    """Add the limits of the validation F-scores to the table, `validation_low` and `_high`.

    Parameters
    ----------
    comparison : Comparison
        Its table is not changed.
    settings : StudySettings
        The class that scores are of, and the seed, are of use here.

    Returns
    -------
    comparison : Comparison
        With another table; the limits are of 95 % intervals.
    """
    limits = []
    for answers in comparison.answers:
        if answers is None:
            limits.append((np.nan, np.nan))
            continue
        images = comparison.images.iloc[: len(answers.predicted)]
        interval = score_interval(
            images.label, answers.predicted, images.pair,
            positive=settings.positive, random_state=settings.random_state,
        )  # fmt: skip
        limits.append((interval.low, interval.high))
    low, high = zip(*limits, strict=True)
    return comparison._replace(
        table=comparison.table.assign(validation_low=low, validation_high=high)
    )


def tabulate(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Make a table of the rows of contenders; raise an error if all of them failed."""
    table = pd.DataFrame(rows)
    if table.failure.notna().all():
        raise ValueError(f"every fit failed: {table.failure.iloc[0]}")
    table = table.reindex(columns=[*table, *(name for name in _COUNTS if name not in table)])
    for name in _COUNTS:  # those of several folds are means
        table[name] = pd.to_numeric(table[name]).round()
    whole = {name: "Int64" if table[name].isna().any() else "int64" for name in _COUNTS}
    return table.astype({"excluded": object, **whole})


def _group_by_work(works: list[tuple[float, Contender]]) -> list[list[tuple[float, Contender]]]:
    """Divide contenders into groups of similar work, those of the least work first."""
    groups: list[list[tuple[float, Contender]]] = []
    for work, contender in reversed(works):
        if not groups or work > _SIMILAR_WORK * groups[-1][-1][0]:
            groups.append([])
        groups[-1].insert(0, (work, contender))
    return groups


def _try_evaluate(
    fit: TimedFit,
    train: pd.DataFrame,
    validation: pd.DataFrame,
    positive: Hashable | None,
    measure_use: bool,
    folder: PathLike | None,
) -> tuple[dict[str, Any], Answers | None]:
    """Evaluate a contender, unless that was done before; give its measures or its failure."""
    follow_working_directory()
    store = None
    classes = np.unique(train.label)
    if folder is not None and (key := _key(fit, train, validation, positive, measure_use)):
        store = FitStore(folder, key, EVALUATION)
        if kept := store.finished():
            if (net := find_net(fit.contender)) is not None:
                _count_restored_epochs(net)
            probabilities, *_ = (*kept.arrays["probabilities"], None)
            predicted = classes[kept.arrays["predicted"][0]]
            return {**kept.numbers, "failure": np.nan}, Answers(predicted, probabilities)
    try:
        with _alone_in_process:
            measured, answers = evaluate(fit, train, validation, positive, measure_use=measure_use)
    except Exception as error:  # of any estimator; the others go on
        return {"failure": f"{type(error).__name__}: {error}"}, None
    if store is not None:
        arrays = {
            "predicted": [np.searchsorted(classes, answers.predicted)],
            "probabilities": [] if answers.probabilities is None else [answers.probabilities],
        }
        store.save_finished(TrainingState(arrays, measured))
    return {**measured, "failure": np.nan}, answers


def _count_restored_epochs(net: Any) -> None:
    """Let the callbacks that count epochs count those of a net that is not trained again."""
    for callback in net.callbacks or []:
        if hasattr(callback, "on_epochs_restored"):
            callback.on_epochs_restored(net.epochs)


def _key(fit: TimedFit, train: pd.DataFrame, validation: pd.DataFrame, *others: Any) -> str | None:
    """Name an evaluation by all that decides its outcome; None where that is not known."""
    contender = clone(fit.contender)
    for part in (contender, *contender.get_params().values()):
        # Those of others may call something else by the same name.
        if type(part).__module__.partition(".")[0] in ("skcomic", "sklearn"):
            reset_run_parameters(part)
    versions = [__version__, version("scikit-learn")]
    if find_net(contender) is not None:
        versions += [version("tensorflow"), version("keras")]
    paths, labels = [*train.path, *validation.path], [*train.label, *validation.label]
    images = list(zip(file_states(paths), labels, strict=True))
    if any(state is None and is_url(path) for path, (state, _) in zip(paths, images, strict=True)):
        return None  # its store does not tell whether it changes
    with suppress(pickle.PicklingError, AttributeError, TypeError):  # such as a function in it
        chunks = None if fit.chunk_images is None else (fit.chunk_images, fit.random_state)
        whole = joblib.hash((contender, versions, images, len(train), chunks, others))
        return sha256(whole.encode()).hexdigest()
    return None
