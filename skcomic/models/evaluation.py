"""How good a model is on labelled images that it never saw."""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from skcomic.catalogue.validation import validate_catalogue
from skcomic.evidence.evaluation import (
    choose_positive,
    describe_scores,
    score_predictions,
    tabulate_answers,
)
from skcomic.evidence.intervals import ScoreInterval
from skcomic.models.prediction import predict_files


@dataclass
class Evaluation:
    """What `evaluate` found.

    Parameters
    ----------
    scores : dict of str to ScoreInterval
        Each score with its 95 % interval, as from `score_interval`.
    predictions : DataFrame
        One row per image that was scored: `path`, `label`, `pair`, what was `predicted`, and the
        probability of each class, such as `probability_comics`.
    classes : list
        The classes of the model.
    positive : label or None
        The class that precision, recall, F-score and rankings are of; None: macro averages.
    missing : list
        Classes of the model that no image is of: the scores say nothing of them.
    unknown : dict of label to int
        Numbers of images of classes that the model does not know. They are in no score: any
        answer would be wrong.
    unreadable : dict of str to str
        Files that cannot be read, and the reason.
    """

    scores: dict[str, ScoreInterval]
    predictions: pd.DataFrame = field(repr=False)
    classes: list[Any]
    positive: Hashable | None
    missing: list[Any]
    unknown: dict[Any, int]
    unreadable: dict[str, str]

    def describe_images(self) -> list[str]:
        """Describe which images and classes are in no score.

        Returns
        -------
        sentences : list of str
            Empty if all are.
        """
        sentences = []
        if self.unknown:
            counts = ", ".join(f"{label!r} ({n})" for label, n in self.unknown.items())
            sentences.append(
                f"Images of classes that the model does not know are in no score: {counts}."
            )
        if self.missing:
            sentences.append(
                f"There are no images of {', '.join(map(repr, self.missing))}: the scores say "
                "nothing of them."
            )
        if self.unreadable:
            path, reason = next(iter(self.unreadable.items()))
            sentences.append(
                f"{len(self.unreadable)} images cannot be read; the first is {path}: {reason}."
            )
        return sentences

    def to_dict(self) -> dict[str, Any]:
        """Return all but the predictions as plain data.

        Returns
        -------
        numbers : dict
            `n`, each score, `interval`, `confusion`, `classes`, `positive`, `missing`,
            `unknown` and `unreadable`.
        """
        scores = describe_scores(
            self.scores, self.predictions.label, self.predictions.predicted, self.classes
        )
        others = {
            name: getattr(self, name)
            for name in ("classes", "positive", "missing", "unknown", "unreadable")
        }
        return {**scores, **others}


def evaluate(
    model: Any,
    catalogue: pd.DataFrame,
    *,
    positive: Hashable | None = None,
    batch_size: int = 256,
    n_jobs: int | None = -1,
    random_state: Any = 0,
) -> Evaluation:
    """Score a fitted model on labelled images, such as a folder from elsewhere.

    Parameters
    ----------
    model : estimator
        Fitted, as for `predict_files`: of a study, of `load`, or another one from paths.
    catalogue : DataFrame
        As from `load_catalogue`: its classes are compared with those of the model by name. Images
        of one `pair` may err together.
    positive : label, default=None
        The class that precision, recall, F-score and rankings are of. None: "comics" if the model
        has two classes and one is that, else the second of two; macro averages of more.
    batch_size : int, default=256
        How many images are predicted at a time.
    n_jobs : int or None, default=-1
        Threads that decode.
    random_state : int, Generator or None, default=0
        Decides the resamples of some intervals; see `score_interval`.

    Returns
    -------
    evaluation : Evaluation
        Scores with intervals, and what is in none of them.

    Raises
    ------
    ValueError
        If no image that can be read is of a class of the model, or it has no such `positive`.

    See Also
    --------
    run_study : Tests the model that it chooses on images of the same kind.
    predict_files : The predictions alone.

    Examples
    --------
    >>> import tempfile
    >>> from skcomic import evaluate, load_catalogue, make_contenders
    >>> from skcomic.datasets import make_comic_faces
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     images = load_catalogue(make_comic_faces(8, size=32, out_dir=folder).data_dir)
    ...     model = make_contenders(16, random_state=0)["hog"].fit(images.path, images.label)
    ...     evaluation = evaluate(model, images)
    >>> print(evaluation.scores["f_score"])
    1.000 (0.806 to 1.000)
    """
    catalogue = validate_catalogue(catalogue)
    classes = model.classes_.tolist()
    positive = choose_positive(classes, positive)
    is_known = catalogue.label.isin(classes)
    unknown = Counter(catalogue.label[~is_known].tolist())
    known = catalogue[is_known]
    predicted = list(predict_files(model, known, batch_size=batch_size, n_jobs=n_jobs))
    is_read = np.array([not each.error for each in predicted], dtype=bool)
    unreadable = {each.path: each.error for each in predicted if each.error}
    if not is_read.any():
        raise ValueError(
            f"no image that can be read is of a class of the model, {classes}; the classes of "
            f"these images are {sorted(set(catalogue.label.tolist()))}"
        )
    read = [each for each in predicted if not each.error]
    probabilities = np.array([each.probabilities for each in read])
    answers = tabulate_answers(
        known[is_read], [each.label for each in read], probabilities, classes
    )
    scores = score_predictions(
        answers.label, answers.predicted, probabilities, answers.pair, classes=model.classes_,
        positive=positive, random_state=random_state,
    )  # fmt: skip
    missing = [label for label in classes if label not in set(answers.label)]
    return Evaluation(scores, answers, classes, positive, missing, dict(unknown), unreadable)
