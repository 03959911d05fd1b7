"""The test of a study: what the choice is compared with."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from path_estimators import NameClassifier
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline

from skcomic import (
    ImageVectorizer,
    load,
    make_contenders,
    predict_files,
    render_card,
    run_study,
    save,
)
from skcomic.evidence.probabilities import scale_probabilities
from skcomic.study.choice import choose_report_net
from skcomic.study.images import assign_parts, read_images
from skcomic.study.settings import StudySettings

QUICK = {"sizes": (16, 12), "validation": "holdout", "n_jobs": 1, "final_epochs": 3}


def few_contenders(*names: str) -> dict:
    made = make_contenders(16, random_state=0)
    return {name: made[name] for name in names}


@pytest.mark.slow
def test_the_reports_own_choice_is_tested_beside_another(faces: pd.DataFrame) -> None:
    contenders = few_contenders("hog", "8_max_1", "16_average_1")
    for name in ("8_max_1", "16_average_1"):
        contenders[name].set_params(classify__epochs=1)
    # Whatever is cheapest.
    study = run_study(faces, contenders=contenders, tolerance=1.0, **QUICK)
    assert study.chosen_net == "hog"
    names = [row["net"] for row in study.baselines]
    name = choose_report_net(study.candidates, study.settings)
    assert names == ["DummyClassifier", "LogisticRegression", f"{name}_{study.chosen_size}"]
    assert [row["net"] for row in study.test["comparisons"]] == names

    net = clone(contenders[name]).set_params(
        vectorize__size=study.chosen_size, classify__epochs=3, classify__batch_size=35
    )
    images = read_images(faces, study.settings, n_jobs=1, cache=None).catalogue
    parts = assign_parts(images, study.settings)
    development, test = pd.concat([parts.train, parts.validation]), parts.test
    assert test.path.tolist() == study.predictions.path.tolist()
    tested = study.baselines[-1]
    assert tested["n"] == len(test)
    assert tested["cpu_seconds"] > 0
    predicted = net.fit(development.path, development.label).predict(test.path)
    assert tested["f_score"] == pytest.approx(
        f1_score(test.label, predicted, pos_label="comics", zero_division=0)
    )


def test_a_choice_of_the_reports_nets_is_tested_alone(faces: pd.DataFrame) -> None:
    contenders = few_contenders("8_max_1")
    contenders["8_max_1"].set_params(classify__epochs=1)
    study = run_study(faces, contenders=contenders, **QUICK | {"sizes": (12,)})
    assert [row["net"] for row in study.baselines] == ["DummyClassifier", "LogisticRegression"]


class Squares(TransformerMixin, BaseEstimator):
    """Makes rows of paths by itself, and of no more than so many images."""

    def __init__(self, most: int = 10**6) -> None:
        self.most = most

    def fit(self, X, y=None):
        if len(X) > self.most:
            raise RuntimeError("too many")
        return self

    def transform(self, X):
        return ImageVectorizer(12).transform(X)


@pytest.mark.parametrize("most", [10**6, 25])
def test_a_net_that_makes_its_own_rows_is_tested_or_fails_alone(
    faces: pd.DataFrame, most: int
) -> None:
    net = few_contenders("8_max_1")["8_max_1"][-1].set_params(epochs=1)
    own = make_pipeline(Squares(most), net)
    contenders = {**few_contenders("hog"), "own": own}
    study = run_study(faces, contenders=contenders, tolerance=1.0, **QUICK)
    assert study.chosen_net == "hog"
    tested = study.baselines[-1]
    assert tested["net"] == "own"
    if most == 25:  # the search has fewer images than the last fit
        assert tested == {"net": "own", "failure": "RuntimeError: too many"}
    else:
        assert 0 <= tested["f_score"] <= 1
    assert study.pipeline is not None


def test_the_reports_rule_is_of_the_nets_that_were_trained_most() -> None:
    table = pd.DataFrame(
        {
            "net": ["8_max_1", "16_max_1", "32_max_1", "16_max_2", "hog", "8_max_2"],
            "first_units": [8, 16, 32, 16, None, 8],
            "validation_f_score": [0.9, 0.904, 0.8, 0.99, 1, None],
            "cpu_seconds": [2.0, 1.0, 0.1, 0.1, 0.01, None],
            "parameters": [1, 2, 3, 4, None, 5],
            "images": [90, 90, 90, 30, 90, 90],
            "folds": [5, 5, 5, 5, 5, 1],
        }
    )
    assert choose_report_net(table, StudySettings()) == "16_max_1"
    assert choose_report_net(table, StudySettings(contenders="report")) is None
    assert choose_report_net(table[table.net == "hog"], StudySettings()) is None
    # Dropped on a part of the images, as by halving; one alone may take longer than all the rest.
    table.loc[table.net == "hog", "images"] = 1000
    assert choose_report_net(table, StudySettings()) is None


@pytest.mark.slow
def test_calibrating_changes_probabilities_and_no_answer(
    faces: pd.DataFrame, tmp_path: Path
) -> None:
    contenders = few_contenders("small_3_2_1")
    contenders["small_3_2_1"].set_params(classify__epochs=2)
    settings = QUICK | {"sizes": (16,), "contenders": contenders, "abstain": 0.8}
    plain = run_study(faces, **settings)
    study = run_study(faces, **settings, calibrate=True)
    columns = ["probability_comics", "probability_faces"]
    temperature = study.calibration["temperature"]
    assert temperature != pytest.approx(1, abs=0.01)
    assert study.calibration["uncorrected_error"] == plain.calibration["error"]
    assert study.predictions.predicted.tolist() == plain.predictions.predicted.tolist()
    given = plain.predictions[columns].to_numpy()
    corrected = study.predictions[columns].to_numpy()
    assert corrected == pytest.approx(scale_probabilities(given, temperature))
    # The threshold of unsure answers is one of the corrected probabilities.
    threshold = plain.abstention["threshold"]
    expected = scale_probabilities([[threshold, 1 - threshold]], temperature)[0, 0]
    assert study.abstention["threshold"] == pytest.approx(expected)
    assert study.abstention["test"] == plain.abstention["test"]

    save(study.pipeline, tmp_path / "model.skcomic", about=study.to_dict())
    loaded = load(tmp_path / "model.skcomic")
    paths = study.predictions.path
    assert loaded.predict_proba(paths) == pytest.approx(corrected, abs=1e-6)
    assert loaded[-1].estimator_.callbacks is loaded[-1].estimator.callbacks is None
    assert "Probabilities were calibrated." in render_card(tmp_path / "model.skcomic")
    predicted = list(predict_files(loaded, paths.tolist()))
    assert [each.label for each in predicted] == study.predictions.predicted.tolist()
    assert np.array([each.probabilities for each in predicted]) == pytest.approx(corrected)


def test_what_gives_no_probabilities_is_not_calibrated(faces: pd.DataFrame) -> None:
    study = run_study(faces, contenders={"names": NameClassifier()}, calibrate=True, **QUICK)
    assert study.calibration is None
    assert any("nothing to calibrate" in caveat for caveat in study.caveats)
