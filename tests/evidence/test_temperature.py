"""Probabilities that are corrected by a temperature."""

import numpy as np
import pytest
import sklearn
from sklearn import calibration
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.fixes import parse_version

from skcomic import TemperatureScaledClassifier
from skcomic.evidence.probabilities import scale_probabilities
from skcomic.evidence.temperature import fit_temperature


def overconfident(n_images: int, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and probabilities of three classes that are too sure by this temperature."""
    random = np.random.default_rng(0)
    true = random.dirichlet([0.7, 0.7, 0.7], n_images)
    labels = np.array(["a", "b", "c"])[(random.random((n_images, 1)) > true.cumsum(1)).sum(1)]
    return labels, scale_probabilities(true, 1 / temperature)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_is_found(temperature: float) -> None:
    labels, probabilities = overconfident(20_000, temperature)
    assert fit_temperature(labels, probabilities, list("abc")) == pytest.approx(
        temperature, rel=0.05
    )


def test_scaling_keeps_order_and_sum() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1], [0, 0, 1], [1 / 3, 1 / 3, 1 / 3]])
    for temperature in (0.01, 0.5, 1, 4, 100):
        scaled = scale_probabilities(probabilities, temperature)
        assert scaled.sum(axis=1) == pytest.approx(1)
        assert (scaled.argmax(axis=1) == probabilities.argmax(axis=1)).all()
        assert np.isfinite(scaled).all()
    assert scale_probabilities(probabilities, 1) == pytest.approx(probabilities, abs=1e-6)
    assert scale_probabilities(probabilities, 2)[0].max() < 0.7


def test_no_error_is_no_certainty() -> None:
    labels = np.tile(["a", "b"], 30)
    probabilities = np.where(labels[:, np.newaxis] == ["a", "b"], 0.9, 0.1)
    scaled = scale_probabilities(probabilities, fit_temperature(labels, probabilities, ["a", "b"]))
    assert scaled.max(axis=1) == pytest.approx(31 / 32, abs=1e-3)


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.8"),
    reason="scikit-learn scales temperatures from 1.8 on",
)
def test_it_is_what_scikit_learn_finds() -> None:
    random = np.random.default_rng(1)
    X = random.normal(size=(4000, 3))
    y = (X[:, 0] + random.normal(size=4000) > 0).astype(int)
    from sklearn.frozen import FrozenEstimator

    surest = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    surest[-1].coef_ *= 4
    theirs = calibration.CalibratedClassifierCV(FrozenEstimator(surest), method="temperature")
    theirs.fit(X, y)
    temperature = fit_temperature(y, surest.predict_proba(X), [0, 1])
    ours = TemperatureScaledClassifier.of_fitted(surest, temperature)
    assert ours.predict_proba(X) == pytest.approx(theirs.predict_proba(X), abs=2e-3)
    assert ours.predict(X).tolist() == surest.predict(X).tolist()
    assert ours.n_features_in_ == 3
    # Trained again, it is trained: the temperature alone is kept.
    again = sklearn.base.clone(ours).fit(X[:, :1], 1 - y)
    assert np.mean(again.predict(X[:, :1]) == y) < 0.5


@parametrize_with_checks([TemperatureScaledClassifier(LogisticRegression(), temperature=2)])
def test_common_check(estimator, check) -> None:
    check(estimator)
