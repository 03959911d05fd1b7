"""Classifiers of a user's own, from paths of images to classes."""

import os
import signal
import time
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.utils.multiclass import unique_labels


class NameClassifier(ClassifierMixin, BaseEstimator):
    """Knows the class of an image by the name of its folder, and writes down each training."""

    def __init__(self, log: str | None = None) -> None:
        self.log = log

    def fit(self, X, y):
        self.classes_ = unique_labels(y)
        if self.log is not None:
            with Path(self.log).open("a") as file:
                file.write(f"{len(X)}\n")
        return self

    def predict(self, X):
        return np.array([Path(path).parent.name for path in X])


class FailingClassifier(NameClassifier):
    """Cannot be trained."""

    def fit(self, X, y):
        raise RuntimeError("no such luck")


class FatalClassifier(NameClassifier):
    """Takes its process with it."""

    def fit(self, X, y):
        os.kill(os.getpid(), signal.SIGKILL)


class SlowTransformer(TransformerMixin, BaseEstimator):
    """Takes so many CPU seconds to be fitted, and waits for as long each time it transforms."""

    def __init__(self, seconds: float = 0.2) -> None:
        self.seconds = seconds

    def fit(self, X, y=None):
        start = time.thread_time()
        while time.thread_time() < start + self.seconds:
            pass
        return self

    def transform(self, X):
        time.sleep(self.seconds)
        return X


class KilledOnce(NameClassifier):
    """Loses its process, or another, in the middle of a training, but only the first time."""

    def __init__(self, mark: str, log: str | None = None, process: int | None = None) -> None:
        super().__init__(log)
        self.mark = mark
        self.process = process

    def fit(self, X, y):
        if not Path(self.mark).exists():
            Path(self.mark).touch()
            os.kill(self.process or os.getpid(), signal.SIGKILL)
        return super().fit(X, y)
