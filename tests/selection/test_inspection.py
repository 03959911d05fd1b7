"""Contenders in the displays and reports of scikit-learn and skore, on a table of paths."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.base import clone
from sklearn.calibration import CalibrationDisplay
from sklearn.inspection import permutation_importance
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    DetCurveDisplay,
    PrecisionRecallDisplay,
    RocCurveDisplay,
    accuracy_score,
    roc_auc_score,
)
from sklearn.utils import Bunch

from skcomic import make_contenders, split_catalogue


@pytest.fixture(scope="module", params=["hog", "small_3_2_1"])
def trained(request: pytest.FixtureRequest, faces: pd.DataFrame) -> Bunch:
    """A fitted contender, and the images of a test."""
    parts = split_catalogue(faces, random_state=0)
    pipeline = make_contenders(16, random_state=0)[request.param]
    train, test = parts.train, parts.test
    pipeline.fit(train[["path"]], train.label)
    return Bunch(
        pipeline=pipeline, X=test[["path"]], y=test.label, X_train=train[["path"]],
        y_train=train.label,
    )  # fmt: skip


def test_a_table_of_paths_is_as_good_as_a_column(trained: Bunch) -> None:
    column = trained.pipeline.predict_proba(trained.X["path"])
    assert np.array_equal(trained.pipeline.predict_proba(trained.X), column)


@pytest.mark.parametrize(
    "display",
    [CalibrationDisplay, ConfusionMatrixDisplay, DetCurveDisplay, PrecisionRecallDisplay,
     RocCurveDisplay],
)  # fmt: skip
def test_displays_are_made_from_the_estimator(trained: Bunch, display) -> None:
    ax = Figure().add_subplot()
    made = display.from_estimator(trained.pipeline, trained.X, trained.y, ax=ax)
    if display is RocCurveDisplay:
        chances = trained.pipeline.predict_proba(trained.X)[:, 1]
        assert made.roc_auc == pytest.approx(roc_auc_score(trained.y == "faces", chances))
    if display is ConfusionMatrixDisplay:
        right = np.trace(made.confusion_matrix) / len(trained.y)
        assert right == accuracy_score(trained.y, trained.pipeline.predict(trained.X))
    assert ax.lines or ax.images


def test_permuted_paths_cost_accuracy(trained: Bunch) -> None:
    found = permutation_importance(
        trained.pipeline, trained.X, trained.y, n_repeats=5, random_state=0
    )
    assert found.importances.shape == (1, 5)
    accuracy = accuracy_score(trained.y, trained.pipeline.predict(trained.X))
    assert found.importances_mean[0] == pytest.approx(accuracy - 0.5, abs=0.2)


def test_skore_reports_on_it(trained: Bunch) -> None:
    skore = pytest.importorskip("skore", reason="needs skore, which is not installed")
    report = skore.EstimatorReport(
        clone(trained.pipeline), X_train=trained.X_train, y_train=trained.y_train,
        X_test=trained.X, y_test=trained.y, pos_label="comics",
    )  # fmt: skip
    accuracy = accuracy_score(trained.y, report.estimator_.predict(trained.X))
    assert report.metrics.accuracy() == pytest.approx(accuracy)
    page = report._repr_html_()
    assert type(trained.pipeline[-1]).__name__ in page
