"""A classifier that is trained on images and on their mirror images."""

from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from skcomic._compat.sklearn import StrOptions, fit_context, fit_task, with_callbacks
from skcomic._estimator import EstimatorMixin, Sides
from skcomic.features.rows import ImageShape, find_image_shape


def _has(method: str) -> Any:
    """Have a method where the estimator has it."""
    return available_if(lambda self: hasattr(getattr(self, "estimator_", self.estimator), method))


class MirroredClassifier(EstimatorMixin, MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Train a classifier of rows on the images and on their mirror images, left for right.

    That is right where a mirror image is of the same class: with faces, not with letters. It
    doubles the training images, which helps most where there are few.

    Parameters
    ----------
    estimator : estimator
        A classifier of rows of pixels; is cloned.
    image_shape : (int, int), "pad" or None, default=None
        Height and width of the images in the rows. None: they are square. "pad": rows of any
        length, which are no images and are not mirrored.

    Attributes
    ----------
    estimator_ : estimator
        Fitted.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    n_features_in_ : int
        Pixels per row.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where the rows were a DataFrame with such.

    See Also
    --------
    SmallNetClassifier : Has a parameter `mirror` for this.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skcomic import MirroredClassifier
    >>> rows = np.random.default_rng(0).random((20, 64), dtype=np.float32)
    >>> rows[10:] /= 4  # darker images
    >>> labels = ["bright"] * 10 + ["dark"] * 10
    >>> MirroredClassifier(LogisticRegression()).fit(rows, labels).score(rows, labels)
    1.0
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [BaseEstimator],
        "image_shape": [Sides(), StrOptions({"pad"}), None],
    }

    def __init__(self, estimator: Any, *, image_shape: ImageShape = None) -> None:
        self.estimator = estimator
        self.image_shape = image_shape

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any) -> Self:
        """Train the classifier.

        Parameters
        ----------
        X : array-like of shape (n_images, height * width)
            Rows of pixels.
        y : array-like of shape (n_images,)
            Labels.

        Returns
        -------
        self : MirroredClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If a row does not make up such an image.
        """
        X, y = validate_data(self, X, y, dtype=np.float32)
        check_classification_targets(y)
        with fit_task(self, X, y, n_subtasks=0):
            self.estimator_ = clone(self.estimator).fit(*self._add_mirrored(X, y))
            self.classes_ = self.estimator_.classes_
        return self

    @_has("partial_fit")
    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Train the classifier a little more, where it has such a method.

        Parameters
        ----------
        X : array-like of shape (n_images, height * width)
            Rows of pixels.
        y : array-like of shape (n_images,)
            Labels; not all classes need be among them.
        classes : array-like of shape (n_classes,), default=None
            All labels of all calls; must be given at the first one.

        Returns
        -------
        self : MirroredClassifier
            The classifier, trained a little more.

        Raises
        ------
        ValueError
            If a row does not make up such an image, or `classes` is missing at the first call.
        """
        is_first = not hasattr(self, "estimator_")
        X, y = validate_data(self, X, y, dtype=np.float32, reset=is_first)
        estimator = clone(self.estimator) if is_first else self.estimator_
        self.estimator_ = estimator.partial_fit(*self._add_mirrored(X, y), classes=classes)
        self.classes_ = self.estimator_.classes_
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict the class of each image.

        Parameters
        ----------
        X : array-like of shape (n_images, height * width)
            Rows of pixels.

        Returns
        -------
        labels : ndarray of shape (n_images,)
            Of the type that the labels had in training.
        """
        rows = self._check(X)
        return self.estimator_.predict(rows)

    @_has("predict_proba")
    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probability of each class, where the estimator does.

        Parameters
        ----------
        X : array-like of shape (n_images, height * width)
            Rows of pixels.

        Returns
        -------
        probabilities : ndarray of shape (n_images, n_classes)
            Columns in the order of `classes_`.
        """
        rows = self._check(X)
        return self.estimator_.predict_proba(rows)

    @_has("decision_function")
    def decision_function(self, X: Any) -> np.ndarray:
        """Compute the scores that the class is decided by, where the estimator does.

        Parameters
        ----------
        X : array-like of shape (n_images, height * width)
            Rows of pixels.

        Returns
        -------
        scores : ndarray of shape (n_images,) or (n_images, n_classes)
            As the estimator gives them.
        """
        rows = self._check(X)
        return self.estimator_.decision_function(rows)

    def _add_mirrored(self, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.image_shape == "pad":
            return X, y
        height, width = find_image_shape(X.shape[1], self.image_shape, 1)
        mirrored = X.reshape(-1, height, width)[:, :, ::-1].reshape(X.shape)
        return np.concatenate([X, mirrored]), np.concatenate([y, y])

    def _check(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return validate_data(self, X, reset=False, dtype=np.float32)
