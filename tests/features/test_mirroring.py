import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skcomic import MirroredClassifier


@parametrize_with_checks(
    [
        MirroredClassifier(LogisticRegression(), image_shape="pad"),
        MirroredClassifier(
            make_pipeline(StandardScaler(), RidgeClassifierCV()), image_shape="pad"
        ),
    ]
)
def test_common_check(estimator, check) -> None:
    check(estimator)


class Rows(ClassifierMixin, BaseEstimator):
    """Keeps what it is trained on."""

    def fit(self, X, y):
        self.rows_, self.labels_, self.classes_ = X, y, np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[np.zeros(len(X), int)]


def test_mirror_images_have_the_labels_of_their_images() -> None:
    rows = np.arange(12, dtype=np.float32).reshape(2, 6)
    fitted = MirroredClassifier(Rows(), image_shape=(2, 3)).fit(rows, ["a", "b"]).estimator_
    assert fitted.rows_.tolist() == [
        [0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11], [2, 1, 0, 5, 4, 3], [8, 7, 6, 11, 10, 9],
    ]  # fmt: skip
    assert fitted.labels_.tolist() == ["a", "b", "a", "b"]
    padded = MirroredClassifier(Rows(), image_shape="pad").fit(rows, ["a", "b"]).estimator_
    assert padded.rows_.tolist() == rows.tolist()


def test_what_was_learnt_on_the_left_is_found_on_the_right() -> None:
    random = np.random.default_rng(0)
    images = random.random((40, 8, 8), dtype=np.float32)
    labels = np.arange(40) % 2
    images[labels == 1, :, :3] += 1
    rows, mirrored = images.reshape(40, 64), images[:, :, ::-1].reshape(40, 64)
    plain = LogisticRegression().fit(rows, labels)
    both = MirroredClassifier(LogisticRegression()).fit(rows, labels)
    assert plain.score(mirrored, labels) < 0.8
    assert both.score(mirrored, labels) == both.score(rows, labels) == 1
    assert both.predict_proba(rows).shape == (40, 2)


def test_methods_are_those_of_the_classifier() -> None:
    assert hasattr(MirroredClassifier(LogisticRegression()), "predict_proba")
    assert not hasattr(MirroredClassifier(RidgeClassifierCV()), "predict_proba")
    assert hasattr(MirroredClassifier(RidgeClassifierCV()), "decision_function")


def test_rows_that_are_no_images_are_refused() -> None:
    with pytest.raises(ValueError, match="rows of 6 pixels are no square image"):
        MirroredClassifier(LogisticRegression()).fit(np.eye(6), [0, 1] * 3)


def test_partial_fit_mirrors_each_part() -> None:
    rows = np.arange(12, dtype=np.float32).reshape(2, 6)
    mirrored = rows.reshape(2, 2, 3)[:, :, ::-1].reshape(2, 6)
    parts = MirroredClassifier(SGDClassifier(random_state=0), image_shape=(2, 3))
    alone = SGDClassifier(random_state=0)
    for number, label in enumerate("ab"):
        part = rows[[number]], [label]
        parts.partial_fit(*part, classes=["a", "b"])
        both = np.concatenate([rows[[number]], mirrored[[number]]])
        alone.partial_fit(both, [label, label], classes=["a", "b"])
    assert parts.classes_.tolist() == ["a", "b"]
    assert np.array_equal(parts.estimator_.coef_, alone.coef_)
    assert parts.predict(rows).tolist() == alone.predict(rows).tolist()
    with pytest.raises(ValueError, match="expecting 6 features"):
        parts.partial_fit(rows[:, :4], ["a", "b"])
    assert not hasattr(MirroredClassifier(LogisticRegression()), "partial_fit")
