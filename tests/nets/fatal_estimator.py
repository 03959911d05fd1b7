"""An estimator that kills its own process: a module without TensorFlow, for workers to import."""

import os
import signal

from sklearn.base import BaseEstimator, ClassifierMixin


class KillWhereNumberIsTwo(ClassifierMixin, BaseEstimator):
    """An estimator without a network that kills its process where its number is 2.

    Of rows with a single 1, as those of a unit matrix, it tells the even from the odd where its
    number is 3.
    """

    def __init__(self, number: int = 1) -> None:
        self.number = number

    def fit(self, X, y):
        self.classes_ = [0, 1]
        if self.number == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return self

    def predict(self, X):
        return X.argmax(axis=1) % 2 * (self.number == 3)
