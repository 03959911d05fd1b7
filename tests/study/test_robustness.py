"""How good a study's choice is on changed test images."""

import numpy as np
import pandas as pd
import pytest
from path_estimators import NameClassifier
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import make_pipeline

from skcomic import ImageVectorizer, RobustnessDisplay, make_contenders, run_study
from skcomic.images.perturbing import PERTURBATIONS
from skcomic.study.evaluation import TimedFit
from skcomic.study.robustness import UNCHANGED, measure_robustness
from skcomic.study.settings import StudySettings

SETTINGS = StudySettings(positive="comics")


class LeftBrighter(ClassifierMixin, BaseEstimator):
    """Says of each image whether its left half is brighter than its right one."""

    def fit(self, rows, labels):
        self.classes_ = np.unique(labels)
        return self

    def predict(self, rows):
        images = rows.reshape(len(rows), 12, 12)
        left, right = images[:, :, :6].mean(axis=(1, 2)), images[:, :, 6:].mean(axis=(1, 2))
        return self.classes_[(left > right).astype(int)]


def test_changed_images_are_scored_beside_the_same_ones_unchanged(faces: pd.DataFrame) -> None:
    pipeline = make_pipeline(ImageVectorizer(12), LeftBrighter()).fit(faces.path, faces.label)
    predicted = pipeline.predict(faces.path)
    truth = faces.assign(label=predicted)  # so that it is always right
    robustness = measure_robustness(TimedFit(pipeline), truth, predicted, SETTINGS, 2)
    assert [row["images"] for row in robustness] == [UNCHANGED, *PERTURBATIONS]
    of = {row["images"]: row for row in robustness}
    assert all(row["n"] == 48 for row in robustness)
    assert of[UNCHANGED]["f_score"] == of["20 % darker"]["f_score"] == 1
    assert of["mirrored"]["f_score"] < 0.1
    assert of["mirrored"]["difference"] == of["mirrored"]["f_score"] - 1
    assert of["mirrored"]["difference_interval"][1] < 0
    assert of["half the contrast"]["interval"][0] < 1


def test_of_many_images_whole_pairs_are_drawn(faces: pd.DataFrame, monkeypatch) -> None:
    monkeypatch.setattr("skcomic.study.robustness._MAX_IMAGES", 11)
    pipeline = make_pipeline(ImageVectorizer(12), LeftBrighter()).fit(faces.path, faces.label)
    seen = []
    monkeypatch.setattr(
        "skcomic.study.robustness.perturbed_rasters",
        lambda paths, *_, **__: seen.append(paths) or {},
    )
    predicted = pipeline.predict(faces.path)
    (row,) = measure_robustness(TimedFit(pipeline), faces, predicted, SETTINGS, 1)
    assert row["n"] == 10
    drawn = faces[faces.path.isin(seen[0])]
    assert drawn.pair.value_counts().eq(2).all()
    assert seen[0] == drawn.path.tolist()


def test_a_study_has_them_but_not_of_what_takes_paths(faces: pd.DataFrame) -> None:
    quick = {"sizes": (12,), "n_jobs": 1}
    hog = {"pixels": make_contenders(12, random_state=0)["pixels"]}
    study = run_study(faces, contenders=hog, **quick)
    assert len(study.robustness) == 1 + len(PERTURBATIONS)
    assert study.robustness[0]["f_score"] == study.test["f_score"]
    assert study.robustness[0]["interval"] == study.test["interval"]["f_score"]
    assert study.to_dict()["robustness"] == study.robustness
    display = study.display_robustness().plot()
    assert isinstance(display, RobustnessDisplay)
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == [UNCHANGED, *PERTURBATIONS]
    own = run_study(faces, contenders={"names": NameClassifier()}, **quick)
    assert own.robustness is None
    with pytest.raises(ValueError, match="has measured no robustness"):
        own.display_robustness()


def test_the_display_marks_what_is_clearly_worse() -> None:
    rows = [
        {"images": "unchanged", "f_score": 0.9, "interval": [0.8, 0.95],
         "difference_interval": [0, 0]},
        {"images": "mirrored", "f_score": 0.5, "interval": [0.4, 0.6],
         "difference_interval": [-0.5, -0.3]},
    ]  # fmt: skip
    display = RobustnessDisplay.from_rows(rows).plot()
    limits, points, *_ = display.ax_.lines
    assert limits.get_xdata().tolist() == [0.8, 0.95]
    assert list(points.get_xdata()) == [0.9]
    worse = display.ax_.lines[2]
    assert worse.get_color() != limits.get_color()
    assert display.is_worse.tolist() == [False, True]
    assert display.ax_.get_xlabel() == "F-score"
