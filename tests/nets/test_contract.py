"""scikit-learn's own checks of an estimator, on all of ours."""

import pickle

import numpy as np
import pandas as pd
import pytest
from expected_failures import expected_failures
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils import estimator_checks, estimator_html_repr, get_tags
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from skcomic import (
    BalancedRandomizedSearchCV,
    ConvNetClassifier,
    ImageVectorizer,
    SmallNetClassifier,
    make_comic_pipeline,
)


class PipelineOfPaths(Pipeline):
    """Says what scikit-learn's Pipeline does not take over from its first step."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.steps[0][1]).input_tags
        return tags


ESTIMATORS = [
    ImageVectorizer(),
    ConvNetClassifier(
        image_shape="pad", first_units=4, filters=8, epochs=8, batch_size=8, learning_rate=0.03
    ),
    PipelineOfPaths(make_comic_pipeline().steps),
    BalancedRandomizedSearchCV(
        LogisticRegression(),
        {"C": [0.1, 1.0], "fit_intercept": [True, False]},
        n_iter=2,
        balance_on="fit_intercept",
        cv=2,
        n_jobs=1,
        error_score="raise",
    ),
]


# They make no data that have to be of the right kind, or are no part of the list of common ones.
FURTHER_CHECKS = [
    estimator_checks.check_dataframe_column_names_consistency,
    estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
    estimator_checks.check_estimator_repr,
    estimator_checks.check_estimator_tags_renamed,
    estimator_checks.check_get_params_invariance,
    estimator_checks.check_mixin_order,
    estimator_checks.check_no_attributes_set_in_init,
    estimator_checks.check_param_validation,
    estimator_checks.check_parameters_default_constructible,
    estimator_checks.check_set_params,
    estimator_checks.check_valid_tag_types,
]


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
def test_common_check(estimator, check) -> None:
    check(estimator)


@pytest.mark.parametrize(
    "estimator",
    [*ESTIMATORS, SmallNetClassifier(image_shape="pad")],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.parametrize("check", FURTHER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_further_check(estimator, check) -> None:
    name = type(estimator).__name__
    if check.__name__ in expected_failures(estimator):
        pytest.xfail(expected_failures(estimator)[check.__name__])
    if name == "PipelineOfPaths" and check is estimator_checks.check_param_validation:
        pytest.skip("scikit-learn's Pipeline leaves this to its steps")
    check(name, estimator)


class PlainTransformer(TransformerMixin, BaseEstimator):
    """Takes texts and needs no fit, as ImageVectorizer does."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = True, False
        tags.requires_fit = False
        return tags


class PlainClassifier(ClassifierMixin, BaseEstimator):
    """A classifier as ConvNetClassifier says that it is one."""

    def __init__(self, warm_start=False, random_state=None) -> None:
        self.warm_start = warm_start
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None):
        return self

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        return self

    def predict(self, X):
        return X

    predict_proba = predict


@pytest.mark.parametrize(
    ("estimator", "plain"),
    [
        (ESTIMATORS[0], PlainTransformer()),
        (ESTIMATORS[1], PlainClassifier()),
        (ESTIMATORS[3], RandomizedSearchCV(LogisticRegression(), {"C": [0.1, 1.0]})),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_no_check_is_missing(estimator, plain) -> None:
    """scikit-learn checks as much of ours as of a plain estimator of the same kind."""

    def names(of) -> set[str]:
        return {
            getattr(check, "func", check).__name__ for _, check in estimator_checks_generator(of)
        }

    assert names(plain) - names(estimator) == set()
    assert len(expected_failures(estimator)) <= 3


def test_what_the_checks_do_with_numbers_holds_for_paths(faces: pd.DataFrame) -> None:
    pipeline = make_comic_pipeline(
        vectorize__size=16, classify__first_units=4, classify__filters=4, classify__epochs=2,
        classify__random_state=0,
    )  # fmt: skip
    parameters = dict(vars(pipeline["classify"]))
    fitted = clone(pipeline).fit(faces.path, faces.label)
    assert vars(pipeline["classify"]) == parameters  # a clone shares nothing
    again = clone(pipeline).fit(faces[["path"]], faces.label.to_numpy())
    expected = fitted.predict_proba(faces.path)
    np.testing.assert_array_equal(again.predict_proba(faces.path), expected)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(fitted)).predict_proba(faces.path), expected
    )
    order = np.random.default_rng(0).permutation(len(faces))
    np.testing.assert_allclose(
        fitted.predict_proba(faces.path.iloc[order]), expected[order], atol=1e-6
    )
    one_by_one = [fitted.predict_proba([path])[0] for path in faces.path]
    np.testing.assert_allclose(one_by_one, expected, atol=1e-6)
    assert fitted.classes_.tolist() == ["comics", "faces"]
    assert fitted[:-1].get_feature_names_out()[-1] == "pixel_15_15"


def test_displays_tell_the_net_and_the_size() -> None:
    pipeline = make_comic_pipeline(vectorize__size=(32, 48), classify__first_units=8)
    html = estimator_html_repr(pipeline)
    assert "ConvNetClassifier 8_max_1" in html
    assert "ImageVectorizer 32x48" in html
    assert pipeline["classify"].net_name == "8_max_1"
    text = " ".join(repr(pipeline).split())
    assert "ImageVectorizer(size=(32, 48))" in text
    assert "ConvNetClassifier(first_units=8)" in text
    assert estimator_html_repr(ImageVectorizer(size="nonsense"))  # shown before it is refused


@pytest.mark.parametrize(
    ("estimator", "wish", "allowed"),
    [
        (ConvNetClassifier(), {"epochs": 0}, r"int in the range \[1, inf\)"),
        (ConvNetClassifier(), {"pooling": "mean"}, "a str among .*average"),
        (ConvNetClassifier(), {"first_units": 1.5}, r"int in the range \[1, inf\)"),
        (ConvNetClassifier(), {"image_shape": (64,)}, r"a pair \(height, width\)"),
        (ConvNetClassifier(), {"precision": "float16"}, "a str among .*mixed_bfloat16"),
        (ImageVectorizer(), {"cache": 3}, "an instance of 'str'"),
        (ConvNetClassifier(), {"random_state": "seed"}, r"RandomState.*Generator"),
        (ImageVectorizer(), {"size": -3}, r"a pair \(height, width\)"),
        (ImageVectorizer(), {"size": (64,)}, r"int in the range \[1, inf\)"),
        (ImageVectorizer(), {"size": (64, 0)}, r"int in the range \[1, inf\)"),
        (ImageVectorizer(), {"size": (64, True)}, r"int in the range \[1, inf\)"),
    ],
    ids=str,
)
def test_nonsense_is_refused_with_what_is_allowed(estimator, wish, allowed, stripes) -> None:
    (name,) = wish
    expected = rf"The '{name}' parameter of {type(estimator).__name__} must be .*{allowed}.*Got"
    with pytest.raises(InvalidParameterError, match=expected):
        clone(estimator).set_params(**wish).fit(*stripes)
