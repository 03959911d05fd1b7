"""scikit-learn's common checks on several settings of the nets, the defaults among them.

The checks make rows of any length, so all are padded to squares. They take minutes, so that
.ci/run runs them apart from the suite; test_contract.py has one more setting, and the other
estimators, in the suite.
"""

import pytest
from expected_failures import expected_failures
from sklearn.utils.estimator_checks import parametrize_with_checks

from skcomic import ConvNetClassifier, SmallNetClassifier

SETTINGS = [
    {},
    {"epochs": 20, "learning_rate": 0.01, "random_state": 0},
    {"pooling": "average", "n_conv": 2, "first_units": 4, "filters": 8, "epochs": 10,
     "batch_size": 16, "learning_rate": 0.03},
]  # fmt: skip


@pytest.mark.slow
@parametrize_with_checks(
    [
        *(ConvNetClassifier(image_shape="pad", **settings) for settings in SETTINGS),
        SmallNetClassifier(
            image_shape="pad", patch_size=2, first_pool=1, n_conv=1, filters=8, batch_size=8
        ),
    ],
    expected_failed_checks=expected_failures,
)
def test_common_check(estimator, check) -> None:
    check(estimator)
