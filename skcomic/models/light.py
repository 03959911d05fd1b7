"""A loaded model that predicts by its plan: without TensorFlow."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_array

from skcomic.images.vectorizer import ImageVectorizer
from skcomic.models.interpreter import check_rows
from skcomic.models.plan import Plan
from skcomic.models.runtime import choose_runner
from skcomic.models.streaming import TAKES_ROWS


class LightClassifier(ClassifierMixin, BaseEstimator):
    """A fitted classifier that predicts without TensorFlow, as from ``load(runtime="light")``.

    It takes what the saved model takes: image files, or rows of grey pixels. It cannot be trained.
    Predictions of several threads do not disturb each other.

    Parameters
    ----------
    plan : Plan
        What it computes.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    n_features_in_ : int
        Pixels per row, of a model of rows.

    See Also
    --------
    load : Gives it.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from skcomic import load, make_contenders, save
    >>> rows = np.random.default_rng(0).random((20, 64), dtype=np.float32)
    >>> model = make_contenders(8, random_state=0)["pixels"][-1].fit(rows, [0, 1] * 10)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, f"{folder}/model.skcomic")
    ...     light = load(f"{folder}/model.skcomic", runtime="light")
    >>> bool(np.abs(light.predict_proba(rows) - model.predict_proba(rows)).max() < 1e-5)
    True
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @property
    def classes_(self) -> np.ndarray:
        """The labels, in the order of the probabilities."""
        return np.array(self.plan.classes)

    @property
    def n_features_in_(self) -> int:
        """Pixels per row."""
        if self.plan.images is not None:
            raise AttributeError("a model of image files has no number of features")
        return self.plan.n_pixels

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: Any, y: Any) -> Self:  # noqa: ARG002
        """Refuse to be trained.

        Parameters
        ----------
        X, y : array-like
            Ignored.

        Raises
        ------
        TypeError
            In any case.
        """
        raise TypeError("a light model cannot be trained; load the file with runtime='full'")

    def predict(self, X: Any) -> np.ndarray:
        """Predict the class of each image.

        Parameters
        ----------
        X : array-like of shape (n_images,) or (n_images, n_pixels)
            Paths of image files, or rows of grey levels in [0, 1], as the saved model takes.

        Returns
        -------
        labels : ndarray of shape (n_images,)
            Those of the highest probabilities.
        """
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_images,) or (n_images, n_pixels)
            As for `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_images, n_classes), float32
            Columns in the order of `classes_`.

        Raises
        ------
        ImageReadError
            If image files cannot be read.
        ValueError
            If rows are of another length.
        """
        if self.plan.images is None:
            rows = check_array(X, dtype=np.float32)
        else:
            rows = make_vectorizer(self.plan).transform(X)
        check_rows(self.plan, rows)
        return choose_runner(self.plan, len(rows))(rows)


def make_vectorizer(plan: Plan) -> ImageVectorizer:
    """Return what makes rows of image files as a model does.

    Parameters
    ----------
    plan : Plan
        Of a model that takes image files.

    Returns
    -------
    vectorizer : ImageVectorizer
        It needs no fit.

    Raises
    ------
    ValueError
        If the model takes rows.
    """
    if plan.images is None:
        raise ValueError(TAKES_ROWS)
    others = {key: value for key, value in plan.images.items() if key not in ("height", "width")}
    return ImageVectorizer((plan.images["height"], plan.images["width"]), **others)
