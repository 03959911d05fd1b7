"""What contenders are compared on: folds of all images but those of the test."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from skcomic.evidence.comparisons import paired_difference
from skcomic.selection.scoring import score_labels
from skcomic.study.choice import is_over_limit
from skcomic.study.comparison import Comparison, Run, compare, tabulate
from skcomic.study.contenders import Contender, describe_contender
from skcomic.study.evaluation import Answers
from skcomic.study.settings import StudySettings

# Of the difference of two contenders. With one, on the 48 images of a first fold, a classifier
# that happened to err once there made a study drop eleven better ones.
_STANDARD_ERRORS = 2


def make_folds(
    images: pd.DataFrame, n_folds: int, random_state: int
) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Divide images into folds; pairs stay together, classes keep their proportions.

    Parameters
    ----------
    images : DataFrame
        With columns `label` and `pair`.
    n_folds : int
        How many; fewer where a class has fewer pairs.
    random_state : int
        Decides the folds.

    Returns
    -------
    folds : list of (DataFrame, DataFrame)
        For each fold the images to train on, and its own.
    """
    n_pairs = int(images.groupby("label", observed=True).pair.nunique().min())
    splitter = StratifiedGroupKFold(min(n_folds, n_pairs), shuffle=True, random_state=random_state)
    splits = splitter.split(images.path, images.label, images.pair)
    return [(images.iloc[train], images.iloc[own]) for train, own in splits]


def compare_on_folds(
    contenders: list[Contender],
    images: pd.DataFrame,
    settings: StudySettings,
    run: Run,
    *,
    drop: bool,
) -> Comparison:
    """Train and measure each contender on folds.

    Parameters
    ----------
    contenders : list of (str, estimator)
        Not changed.
    images : DataFrame
        With columns `path`, `label` and `pair`.
    settings : StudySettings
        The number of folds, the cost and the seed are of use here.
    run : Run
        How fits are made.
    drop : bool
        Whether a contender is not trained for the folds that are left once a cheaper one has
        clearly surpassed it.

    Returns
    -------
    comparison : Comparison
        Scores are of the answers for all images, each from the fit that was not trained on it;
        costs are means of the fits. `folds` is the number of folds that a contender was trained
        for, and `excluded` the reason why these were not all.

    Raises
    ------
    ValueError
        If all contenders fail.
    """
    folds = make_folds(images, settings.n_folds, settings.random_state)
    all_of_them = [_OnFolds(each) for each in contenders]
    left = all_of_them
    for number, (train, own) in enumerate(folds, start=1):
        compared = compare(
            [each.contender for each in left], train, own, settings.positive, run,
            measure_use=number == 1,
        )  # fmt: skip
        if number == 1:  # from now on those with the most work first
            all_of_them = [_OnFolds(each) for each in compared.contenders]
            left = all_of_them
        rows = compared.table.to_dict("records")
        for each, row, answers in zip(left, rows, compared.answers, strict=True):
            each.add(row, answers)
        left = [each for each in left if each.failure is None]
        if drop and number < len(folds):
            answered = pd.concat([own for _, own in folds[:number]])
            left = _drop_surpassed(left, answered, settings, f"{number} of {len(folds)}")
    answered = pd.concat([own for _, own in folds])
    table = tabulate([each.pool(answered, len(folds[0][0]), settings) for each in all_of_them])
    pooled = [each.answers() for each in all_of_them]
    return Comparison([each.contender for each in all_of_them], table, pooled, answered)


class _OnFolds:
    """A contender and what was measured of it, fold by fold."""

    def __init__(self, contender: Contender) -> None:
        self.contender = contender
        self.rows: list[dict[Hashable, Any]] = []
        self.of_folds: list[Answers] = []
        self.failure: str | None = None
        self.excluded: str | float = np.nan

    def add(self, row: dict[Hashable, Any], answers: Answers | None) -> None:
        if answers is None:
            self.failure = str(row["failure"])
        else:
            self.rows.append(row)
            self.of_folds.append(answers)

    def answers(self) -> Answers | None:
        """Return the answers of all folds so far, one after the other."""
        if self.failure is not None:
            return None
        given = [each.probabilities for each in self.of_folds if each.probabilities is not None]
        has_all = len(given) == len(self.of_folds)
        return Answers(self.predicted(), np.concatenate(given) if has_all else None)

    def predicted(self) -> np.ndarray:
        return np.concatenate([each.predicted for each in self.of_folds])

    def mean(self, column: str) -> float:
        # Of the first fold alone, if it is the cost of a prediction.
        values = [value for row in self.rows if pd.notna(value := row.get(column))]
        return float(np.mean(values)) if values else float("nan")

    def pool(self, images: pd.DataFrame, n_train: int, settings: StudySettings) -> dict[str, Any]:
        """Make one row of those of the folds."""
        described = describe_contender(self.contender, n_train) | {"folds": len(self.rows)}
        answers = self.answers()
        if answers is None:
            return {**described, "failure": self.failure, "excluded": np.nan}
        labels = images.label.iloc[: len(answers.predicted)]
        scores = score_labels(
            labels, answers.predicted, np.unique(images.label), settings.positive
        )
        measured = {
            str(column): self.mean(str(column))
            for column in self.rows[0]
            if column not in (*described, "failure", "excluded")
        }
        return {
            **described,
            **measured,
            **{f"validation_{name}": value for name, value in scores.items()},
            "failure": np.nan,
            "excluded": self.excluded,
        }


def _drop_surpassed(
    left: list[_OnFolds], images: pd.DataFrame, settings: StudySettings, after: str
) -> list[_OnFolds]:
    """Drop what is worse than a cheaper contender by more than luck explains."""
    kept = []
    may_be_chosen = [each for each in left if not is_over_limit(each.mean, settings)]
    for each in left:
        for other in may_be_chosen:
            if not other.mean(settings.cost) < each.mean(settings.cost):
                continue
            pair = images.label, other.predicted(), each.predicted(), images.pair
            difference, error = paired_difference(*pair, settings.positive)
            if difference > _STANDARD_ERRORS * error:
                each.excluded = (
                    f"dropped after {after} folds: {other.contender[0]} costs less, and has "
                    f"{difference:.3f} more F-score (standard error {error:.3f})"
                )
                break
        else:
            kept.append(each)
    return kept
