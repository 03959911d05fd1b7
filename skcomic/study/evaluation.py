"""One contender, trained and measured alike for all: how good it is, and what it costs."""

import time
from collections.abc import Hashable, Iterable, Iterator
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from skcomic.evidence.probabilities import scale_probabilities
from skcomic.models.measuring import measure_activations, measure_model, measure_predictions
from skcomic.selection.out_of_core import fit_in_chunks
from skcomic.selection.scoring import score_labels
from skcomic.study.contenders import find_net, find_vectorizer


class Answers(NamedTuple):
    """What a contender says of validation images.

    Parameters
    ----------
    predicted : ndarray of shape (n_images,)
        Labels.
    probabilities : ndarray of shape (n_images, n_classes) or None
        Of the classes, sorted. None if it has none.
    """

    predicted: np.ndarray
    probabilities: np.ndarray | None

    def scaled(self, temperature: float | None) -> "Answers":
        """Return the same answers with other probabilities, if there are any."""
        if self.probabilities is None or temperature is None:
            return self
        return self._replace(probabilities=scale_probabilities(self.probabilities, temperature))


class TimedFit:
    """A contender whose training is timed, from decoded rows to the end.

    Parameters
    ----------
    contender : estimator
        From paths to classes; fitted in place.
    max_seconds : float, default=None
        A training that takes longer fails. One of a net is stopped then, others at their end.
    chunk_images : int, default=None
        As for `fit_in_chunks`, by which a contender is trained that begins with an
        `ImageVectorizer`; what reads its images otherwise is given all paths. None: all rows are
        in memory.
    random_state : int, default=None
        Decides the order of the chunks.

    Attributes
    ----------
    times_ : dict of str to float
        `cpu_seconds` of the process and `wall_seconds`, after `fit`.
    """

    def __init__(
        self,
        contender: Any,
        max_seconds: float | None = None,
        chunk_images: int | None = None,
        random_state: int | None = None,
    ) -> None:
        self.max_seconds = max_seconds
        self.chunk_images = None if find_vectorizer(contender) is None else chunk_images
        self.random_state = random_state
        self._hold(contender)

    def _hold(self, contender: Any) -> None:
        self.contender = contender
        self.vectorizer = find_vectorizer(contender)
        self.classifier = contender if self.vectorizer is None else _after_first_step(contender)

    def make_rows(self, paths: "pd.Series[str]") -> Any:
        """Return what is not timed: rows of pixels; in chunks, or of other contenders, paths."""
        if self.vectorizer is None or self.chunk_images is not None:
            return paths
        return self.vectorizer.fit_transform(paths)

    def fit(self, rows: Any, labels: "pd.Series[Any]") -> Self:
        """Train on rows from `make_rows`.

        Raises
        ------
        TimeoutError
            If it takes longer than `max_seconds`.
        """
        cpu, wall = time.process_time(), time.perf_counter()
        if self.chunk_images is None:
            self.classifier.fit(rows, labels)
            if self.vectorizer is not None and len(self.contender) > 2:
                self.contender.steps[1:] = self.classifier.steps  # others, if it has a `memory`
        else:
            images = pd.DataFrame({"path": rows, "label": labels})
            fitted = fit_in_chunks(
                self.contender,
                images,
                chunk_images=self.chunk_images,
                random_state=self.random_state,
            )
            self._hold(fitted)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        # A fit that was restored from a folder of kept fits has taken longer than here.
        kept = getattr(find_net(self.contender), "training_time_", {})
        self.times_ = {
            "cpu_seconds": max(cpu, kept.get("cpu_seconds", 0.0)),
            "wall_seconds": max(wall, kept.get("wall_seconds", 0.0)),
        }
        if self.max_seconds is not None and self.times_["wall_seconds"] > self.max_seconds:
            raise TimeoutError(f"training took longer than {self.max_seconds} s")
        return self

    def ask(self, rows: Any) -> Answers:
        """Let the fitted contender say what it can of rows from `make_rows`."""
        return join_answers(ask(self.classifier, part) for part in self.split(rows))

    def split(self, rows: Any) -> Iterator[Any]:
        """Give what the classifier takes: all of what `make_rows` gave, or rows of chunks."""
        if self.chunk_images is None:
            yield rows
            return
        assert self.vectorizer is not None
        for start in range(0, len(rows), self.chunk_images):
            yield self.vectorizer.transform(rows[start : start + self.chunk_images])


def evaluate(
    fit: TimedFit,
    train: pd.DataFrame,
    validation: pd.DataFrame,
    positive: Hashable | None,
    *,
    measure_use: bool = True,
) -> tuple[dict[str, Any], Answers]:
    """Train a contender, score it on both parts, and measure what it costs.

    Parameters
    ----------
    fit : TimedFit
        Not fitted.
    train, validation : DataFrame
        With columns `path` and `label`.
    positive : label or None
        As for `score_labels`.
    measure_use : bool, default=True
        Whether to measure what the fitted contender costs: its predictions, and its file.

    Returns
    -------
    measured : dict of str to float
        Precision, recall and F-score of both parts, the costs of `COSTS`, `batch_ms`,
        `activation_bytes` and `parameters`; NaN for what cannot be counted.
    answers : Answers
        For the validation images.
    """
    rows = fit.make_rows(train.path)
    fit.fit(rows, train.label)
    net = find_net(fit.contender)
    classes = np.unique(train.label)
    measured: dict[str, Any] = {}
    for name, part in (("train", train), ("validation", validation)):
        if part is not train:
            rows = fit.make_rows(part.path)
        answers = fit.ask(rows)
        scores = score_labels(part.label, answers.predicted, classes, positive)
        measured |= {f"{name}_{score}": value for score, value in scores.items()}
    measured |= {
        **fit.times_,
        "multiply_adds": getattr(net, "multiply_adds_", np.nan),
        "parameters": getattr(net, "n_parameters_", np.nan),
    }
    if measure_use:
        measured |= measure_predictions(fit.classifier.predict, next(fit.split(rows)))
        measured["model_bytes"] = measure_model(fit.contender)
        measured["activation_bytes"] = measure_activations(fit.contender)
    return measured, answers


def ask(classifier: Any, rows: Any) -> Answers:
    """Let a fitted classifier say what it can of some rows."""
    probabilities = None
    if hasattr(classifier, "predict_proba"):
        probabilities = np.asarray(classifier.predict_proba(rows))
    return Answers(np.asarray(classifier.predict(rows)), probabilities)


def join_answers(parts: Iterable[Answers]) -> Answers:
    """Join what a contender says of images and of those that follow."""
    predicted, probabilities = zip(*parts, strict=True)
    joined = None if probabilities[0] is None else np.concatenate(probabilities)
    return Answers(np.concatenate(predicted), joined)


def _after_first_step(pipeline: Pipeline) -> Any:
    """Return the rest of a pipeline, of the same steps: fitting it fits the pipeline."""
    return pipeline[-1] if len(pipeline) == 2 else pipeline[1:]
