"""Whatever scikit-learn wraps around a classifier takes this one, on real fits."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingRandomSearchCV,
    StratifiedGroupKFold,
    TunedThresholdClassifierCV,
    cross_validate,
    learning_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline

from skcomic import (
    BalancedRandomizedSearchCV,
    ConvNetClassifier,
    ImageVectorizer,
    make_comic_pipeline,
)


@pytest.fixture(scope="module")
def sorted_stripes(stripes) -> tuple[np.ndarray, np.ndarray]:
    """Sorted by class: folds that are not stratified hold one class only, and fail."""
    rows, labels = stripes
    order = np.argsort(labels, kind="stable")
    return rows[order], labels[order]


@pytest.fixture(scope="module")
def net() -> ConvNetClassifier:
    return ConvNetClassifier(
        first_units=4, filters=4, epochs=10, batch_size=10, learning_rate=0.03, random_state=0
    )


@pytest.fixture(scope="module")
def fitted(net, sorted_stripes) -> ConvNetClassifier:
    return clone(net).fit(*sorted_stripes)


def test_calibrated_classifier_cv(net, sorted_stripes) -> None:
    rows, labels = sorted_stripes
    calibrated = CalibratedClassifierCV(net, cv=2).fit(rows, labels)
    assert calibrated.score(rows, labels) > 0.95
    assert calibrated.predict_proba(rows[:1]).shape == (1, 2)
    assert calibrated.classes_.tolist() == ["across", "down"]


def test_tuned_threshold_classifier_cv(net, sorted_stripes) -> None:
    rows, labels = sorted_stripes
    tuned = TunedThresholdClassifierCV(net, cv=2, thresholds=20).fit(rows, labels)
    assert 0 < tuned.best_threshold_ < 1
    assert tuned.best_score_ > 0.9
    assert tuned.score(rows, labels) > 0.95


def test_fixed_threshold_classifier_with_pos_label(fitted, sorted_stripes) -> None:
    rows, labels = sorted_stripes
    for pos_label, other in (("across", "down"), ("down", "across")):
        for threshold, everything in ((0.0, pos_label), (1.1, other)):
            fixed = FixedThresholdClassifier(
                FrozenEstimator(fitted), threshold=threshold, pos_label=pos_label,
                response_method="predict_proba",
            )  # fmt: skip
            assert set(fixed.fit(rows, labels).predict(rows)) == {everything}


def test_voting_classifier(net, sorted_stripes) -> None:
    rows, labels = sorted_stripes
    voting = VotingClassifier([("net", net), ("line", LogisticRegression())], voting="soft")
    voting.fit(rows, labels)
    halves = [member.predict_proba(rows) / 2 for member in voting.estimators_]
    np.testing.assert_allclose(voting.predict_proba(rows), sum(halves), rtol=1e-6)
    assert voting.score(rows, labels) > 0.95


def test_stacking_classifier(net, sorted_stripes) -> None:
    rows, labels = sorted_stripes
    stacking = StackingClassifier([("net", net)], LogisticRegression(), cv=2).fit(rows, labels)
    assert stacking.score(rows, labels) > 0.95
    assert stacking.final_estimator_.coef_[0, 0] > 0  # of the probability of "down"


def test_bagging_classifier(net, sorted_stripes, fingerprint) -> None:
    rows, labels = sorted_stripes
    bagging = BaggingClassifier(net, n_estimators=2, random_state=0).fit(rows, labels)
    assert bagging.score(rows, labels) > 0.95
    first, second = bagging.estimators_
    assert fingerprint(first) != fingerprint(second)


def test_one_vs_rest_classifier(net, sorted_stripes) -> None:
    rows, labels = sorted_stripes
    three = np.where(np.arange(60) % 3 == 0, "white", labels)
    rows = np.where((three == "white")[:, np.newaxis], np.float32(0.9), rows)
    one_vs_rest = OneVsRestClassifier(clone(net).set_params(epochs=20)).fit(rows, three)
    assert one_vs_rest.classes_.tolist() == ["across", "down", "white"]
    assert len(one_vs_rest.estimators_) == 3
    assert one_vs_rest.score(rows, three) > 0.9


@pytest.mark.slow
def test_halving_random_search_cv_over_epochs(faces: pd.DataFrame) -> None:
    pipeline = make_comic_pipeline(
        vectorize__size=16, classify__filters=2, classify__batch_size=12, classify__random_state=0
    )
    search = HalvingRandomSearchCV(
        pipeline, {"classify__first_units": [2, 4]}, n_candidates=2, factor=2, cv=2,
        resource="classify__epochs", min_resources=2, max_resources=4, error_score="raise",
        random_state=0,
    ).fit(faces.path, faces.label)  # fmt: skip
    assert search.n_resources_ == [2, 4]
    assert [p["classify__epochs"] for p in search.cv_results_["params"]] == [2, 2, 4]
    assert search.best_estimator_["classify"].n_iter_ == search.best_params_["classify__epochs"]


@pytest.mark.slow
def test_grid_search_cv(net, sorted_stripes) -> None:
    # With a step of nothing no net learns: the search has to find the other.
    search = GridSearchCV(net, {"learning_rate": [1e-9, 0.03]}, cv=2, error_score="raise")
    assert search.fit(*sorted_stripes).best_params_ == {"learning_rate": 0.03}
    assert search.best_score_ > 0.95
    assert search.cv_results_["mean_test_score"][0] < 0.8


def test_cross_validate_returning_estimators(net, sorted_stripes) -> None:
    rows, labels = sorted_stripes
    scores = cross_validate(
        net, rows, labels, cv=2, scoring=["accuracy", "roc_auc"], return_estimator=True,
        return_indices=True, error_score="raise",
    )  # fmt: skip
    assert scores["test_roc_auc"].min() > 0.95
    for estimator, test, score in zip(
        scores["estimator"], scores["indices"]["test"], scores["test_accuracy"], strict=True
    ):
        assert estimator.score(rows[test], labels[test]) == score


def test_learning_curve(net, sorted_stripes) -> None:
    sizes, _, scores = learning_curve(
        net, *sorted_stripes, cv=2, train_sizes=[4, 30], shuffle=True, random_state=1,
        error_score="raise",
    )  # fmt: skip
    assert sizes.tolist() == [4, 30]
    assert scores[1].mean() > 0.95
    assert scores[1].mean() >= scores[0].mean()


def test_permutation_importance_on_rows(net) -> None:
    # Only the upper left corner tells the classes apart.
    random = np.random.default_rng(0)
    rows = random.random((40, 16), dtype=np.float32) / 4
    labels = np.repeat(["bright", "dark"], 20)
    rows[:20, :2] += 0.7
    wider = clone(net).set_params(kernel_size=1, first_units=8, filters=16, epochs=40)
    fitted = wider.fit(rows, labels)
    assert fitted.score(rows, labels) > 0.95
    importance = permutation_importance(
        fitted, rows, labels, scoring="neg_log_loss", n_repeats=2, random_state=0
    ).importances_mean
    assert importance[:2].min() > importance[2:].max()


def test_column_transformer_with_paths_beside_numbers(faces: pd.DataFrame, net) -> None:
    # The pixels are of no use after so few epochs, but one of the numbers tells the class.
    table = faces[["path"]].assign(
        noise=np.random.default_rng(0).random(len(faces)), tell=faces.label == "comics"
    )
    columns = ColumnTransformer(
        [("image", ImageVectorizer(size=8), "path"), ("numbers", "passthrough", ["noise", "tell"])]
    )
    pipeline = Pipeline(
        [
            ("columns", columns),
            ("classify", clone(net).set_params(image_shape="pad", epochs=40)),
        ]
    ).fit(table, faces.label)
    assert pipeline["classify"].n_features_in_ == 64 + 2
    assert pipeline.score(table, faces.label) > 0.9
    swapped = table.assign(tell=~table.tell)
    assert pipeline.score(swapped, faces.label) < 0.5
    names = pipeline[:-1].get_feature_names_out()
    assert names[[0, -1]].tolist() == ["image__pixel_0_0", "numbers__tell"]


def test_frozen_estimator(fitted, sorted_stripes, fingerprint) -> None:
    rows, labels = sorted_stripes
    before = fingerprint(fitted)
    calibrated = CalibratedClassifierCV(FrozenEstimator(fitted)).fit(rows, labels)
    assert calibrated.score(rows, labels) > 0.95
    assert fingerprint(fitted) == before
    assert all(c.estimator.estimator is fitted for c in calibrated.calibrated_classifiers_)


@pytest.mark.slow
def test_metadata_routing_of_sample_weight_and_groups(faces: pd.DataFrame) -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = make_comic_pipeline(
            vectorize__size=16, classify__first_units=2, classify__filters=2, classify__epochs=6,
            classify__batch_size=8, classify__learning_rate=0.05, classify__random_state=0,
            classify__early_stopping=True, classify__validation_fraction=0.25,
        )  # fmt: skip
        pipeline["classify"].set_fit_request(sample_weight=True, groups=True)
        # Only the faces weigh anything: where the weights arrive, every image is a face.
        weight = np.where(faces.label == "faces", 1.0, 1e-6)
        pipeline.fit(faces.path, faces.label, sample_weight=weight, groups=faces.pair)
        assert set(pipeline.predict(faces.path)) == {"faces"}
        search = BalancedRandomizedSearchCV(
            pipeline, {"classify__pooling": ["average", "max"]}, n_iter=2, n_jobs=1,
            cv=StratifiedGroupKFold(2), error_score="raise",
            scoring=get_scorer("accuracy").set_score_request(sample_weight=False),
        )  # fmt: skip
        search.fit(faces.path, faces.label, sample_weight=weight, groups=faces.pair)
        assert set(search.predict(faces.path)) == {"faces"}
        assert search.best_score_ == 0.5  # each fold has as many comics
        # The hold-out inside the net is told of the groups too: two are too few for it, not for
        # the folds.
        with pytest.raises(ValueError, match="too few images or groups"):
            search.fit(faces.path, faces.label, sample_weight=weight, groups=faces.index % 2)
