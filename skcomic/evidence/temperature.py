"""Temperature scaling: a classifier whose probabilities mean what they say."""

from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import check_consistent_length, get_tags
from sklearn.utils.validation import check_is_fitted

from skcomic._compat.sklearn import Interval, fit_context, fit_task, with_callbacks
from skcomic._estimator import EstimatorMixin
from skcomic.evidence.probabilities import log_of, scale_probabilities

_LIMITS = (0.01, 100.0)


def fit_temperature(y_true: Any, probabilities: Any, classes: Any) -> float:
    """Find the temperature that makes probabilities mean what they say.

    Parameters
    ----------
    y_true : array-like of shape (n_images,)
        True labels, of images that the classifier was not trained on.
    probabilities : array-like of shape (n_images, n_classes)
        Of all classes.
    classes : array-like of shape (n_classes,)
        The labels of the columns, sorted.

    Returns
    -------
    temperature : float
        That of the lowest log loss, from 0.01 to 100.

    Raises
    ------
    ValueError
        If lengths differ.

    Notes
    -----
    Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks" (2017). Without any
    error the lowest log loss would be that of certainty; so, as in Platt, "Probabilistic Outputs
    for Support Vector Machines" (1999), one more image of each class and one of another are
    counted with those of the class.
    """
    y_true, probabilities = np.asarray(y_true), np.asarray(probabilities)
    check_consistent_length(y_true, probabilities)
    is_class = y_true[:, np.newaxis] == np.asarray(classes)
    n_of_class = is_class.sum(axis=0)[is_class.argmax(axis=1), np.newaxis]
    targets = np.where(
        is_class, (n_of_class + 1) / (n_of_class + 2), 1 / (n_of_class + 2) / (len(classes) - 1)
    )

    def log_loss(log_temperature: float) -> float:
        scaled = scale_probabilities(probabilities, float(np.exp(log_temperature)))
        return float(-np.mean(np.sum(targets * log_of(scaled), axis=1)))

    bounds = tuple(np.log(_LIMITS))
    return float(np.exp(minimize_scalar(log_loss, bounds=bounds, method="bounded").x))


class TemperatureScaledClassifier(
    EstimatorMixin, MetaEstimatorMixin, ClassifierMixin, BaseEstimator
):
    """A classifier with other probabilities: less sure, or surer, for the same classes.

    Parameters
    ----------
    estimator : estimator
        A classifier that gives probabilities; is cloned.
    temperature : float, default=1.0
        Logarithms of probabilities are divided by it: above 1, they become less sure. A study
        with `calibrate` finds it by images that the classifier was not trained on.

    Attributes
    ----------
    estimator_ : estimator
        Fitted.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.

    See Also
    --------
    run_study : Finds the temperature with `calibrate`.
    sklearn.calibration.CalibratedClassifierCV : Finds it by fits of its own.

    Notes
    -----
    Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks" (2017).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skcomic import TemperatureScaledClassifier
    >>> rows, labels = np.array([[0.0], [1.0], [2.0], [3.0]]), [0, 0, 1, 1]
    >>> model = TemperatureScaledClassifier(LogisticRegression(), temperature=2).fit(rows, labels)
    >>> surer = model.estimator_.predict_proba(rows).max(axis=1)
    >>> bool((model.predict_proba(rows).max(axis=1) < surer).all())
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [BaseEstimator],
        "temperature": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(self, estimator: Any, *, temperature: float = 1.0) -> None:
        self.estimator = estimator
        self.temperature = temperature

    @classmethod
    def of_fitted(cls, estimator: Any, temperature: float) -> Self:
        """Scale the probabilities of a classifier that is fitted already.

        Parameters
        ----------
        estimator : estimator
            Fitted; is kept as it is.
        temperature : float
            The temperature.

        Returns
        -------
        scaled : TemperatureScaledClassifier
            Fitted.
        """
        scaled = cls(clone(estimator), temperature=temperature)
        scaled._keep(estimator)
        return scaled

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any) -> Self:
        """Train the classifier; the temperature is given.

        Parameters
        ----------
        X : array-like of shape (n_images, n_features)
            What the estimator takes.
        y : array-like of shape (n_images,)
            Labels.

        Returns
        -------
        self : TemperatureScaledClassifier
            The fitted classifier.
        """
        with fit_task(self, X, y, n_subtasks=0):
            self._keep(clone(self.estimator).fit(X, y))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict the class of each image, as the estimator does.

        Parameters
        ----------
        X : array-like of shape (n_images, n_features)
            What the estimator takes.

        Returns
        -------
        labels : ndarray of shape (n_images,)
            Of the type that the labels had in training.
        """
        check_is_fitted(self)
        return self.estimator_.predict(X)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_images, n_features)
            What the estimator takes.

        Returns
        -------
        probabilities : ndarray of shape (n_images, n_classes)
            Columns in the order of `classes_`.
        """
        check_is_fitted(self)
        return scale_probabilities(self.estimator_.predict_proba(X), self.temperature)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags

    def _keep(self, fitted: Any) -> None:
        self.estimator_ = fitted
        self.classes_ = fitted.classes_
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(fitted, name):
                setattr(self, name, getattr(fitted, name))
