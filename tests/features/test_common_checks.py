"""scikit-learn's common checks; they make rows of any length, so all are padded to squares."""

import pytest
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skcomic import HogVectorizer, PatchVectorizer

ESTIMATORS = [
    HogVectorizer(image_shape="pad"),
    HogVectorizer(image_shape="pad", orientations=4, cell_size=2, block_size=1),
    PatchVectorizer(image_shape="pad", n_filters=8),
    PatchVectorizer(image_shape="pad", n_filters=3, patch_size=2, grid=1),
]

# They are no part of the list of common ones.
FURTHER_CHECKS = [
    estimator_checks.check_dataframe_column_names_consistency,
    estimator_checks.check_param_validation,
    estimator_checks.check_set_output_transform,
    estimator_checks.check_set_output_transform_pandas,
    estimator_checks.check_transformer_get_feature_names_out,
    estimator_checks.check_transformer_get_feature_names_out_pandas,
]


@parametrize_with_checks(ESTIMATORS)
def test_common_check(estimator, check) -> None:
    check(estimator)


@pytest.mark.parametrize("estimator", ESTIMATORS[::2], ids=lambda made: type(made).__name__)
@pytest.mark.parametrize("check", FURTHER_CHECKS, ids=lambda check: check.__name__)
# The checks fit on a DataFrame and transform an array, or the other way round.
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
def test_further_check(estimator, check) -> None:
    check(type(estimator).__name__, estimator)
