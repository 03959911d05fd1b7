"""Contenders compared on folds: which images, whose answers, what is dropped, what is chosen."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from path_estimators import FailingClassifier, NameClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skcomic import ImageVectorizer, make_contenders, run_study
from skcomic.evidence.comparisons import paired_difference
from skcomic.study.choice import choose
from skcomic.study.comparison import Comparison, Run
from skcomic.study.evaluation import Answers
from skcomic.study.plan import plan_study
from skcomic.study.settings import StudySettings
from skcomic.study.validation import compare_on_folds, make_folds

RUN = Run(1, None, None, None)
FOLDS = StudySettings(validation=4, positive="comics", tolerance="1se")


def pipelines() -> list:
    trees = {"tree": DecisionTreeClassifier(random_state=0), "linear": LogisticRegression(C=0.01)}
    return [
        (name, make_pipeline(ImageVectorizer(12), StandardScaler(), classifier))
        for name, classifier in trees.items()
    ]


def test_folds_hold_every_image_once_and_divide_no_pair(faces: pd.DataFrame) -> None:
    folds = make_folds(faces, 4, 0)
    assert len(folds) == 4
    own = pd.concat([own for _, own in folds])
    assert sorted(own.path) == sorted(faces.path)
    for train, own in folds:
        assert not set(train.pair) & set(own.pair)
        assert len(train) + len(own) == len(faces)
        assert own.label.value_counts().tolist() == [6, 6]
    again = make_folds(faces, 4, 0)
    assert all(one[1].equals(other[1]) for one, other in zip(folds, again, strict=True))
    # scikit-learn 1.7 does not shuffle pairs that are alike.
    given = [
        next(StratifiedGroupKFold(4, shuffle=True, random_state=seed).split(
            faces.path, faces.label, faces.pair))[1].tolist()
        for seed in (0, 1)
    ]  # fmt: skip
    assert make_folds(faces, 4, 1)[0][1].equals(folds[0][1]) == (given[0] == given[1])


def test_a_class_of_few_pairs_gives_fewer_folds(faces: pd.DataFrame) -> None:
    few = faces[(faces.label == "faces") | (faces.pair < "pair_0003")]
    assert len(make_folds(few, 5, 0)) == few[few.label == "comics"].pair.nunique() < 5


def test_answers_are_of_fits_that_were_not_trained_on_the_image(faces: pd.DataFrame) -> None:
    comparison = compare_on_folds(pipelines(), faces, FOLDS, RUN, drop=False)
    assert comparison.table.folds.tolist() == [4, 4]
    assert sorted(comparison.images.path) == sorted(faces.path)
    for (name, pipeline), answers, row in zip(
        comparison.contenders, comparison.answers, comparison.table.to_dict("records"), strict=True
    ):
        expected, probabilities = [], []
        for train, own in make_folds(faces, 4, 0):
            pipeline.fit(train.path, train.label)
            expected += pipeline.predict(own.path).tolist()
            probabilities.append(pipeline.predict_proba(own.path))
        assert answers.predicted.tolist() == expected, name
        assert np.array_equal(answers.probabilities, np.concatenate(probabilities))
        f_score = f1_score(comparison.images.label, expected, pos_label="comics")
        assert row["validation_f_score"] == pytest.approx(f_score)
        assert row["images"] == 36
        assert row["cpu_seconds"] > 0
        assert name == row["net"]


def test_what_a_cheaper_contender_surpasses_is_dropped(
    faces: pd.DataFrame, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    poor = make_pipeline(
        ImageVectorizer(12), StandardScaler(), DecisionTreeClassifier(max_depth=1)
    )
    poor[-1].set_params(random_state=0, max_features=1)
    contenders = [("names", NameClassifier(str(log))), ("poor", poor)]
    contenders += [("luck", FailingClassifier())]
    comparison = compare_on_folds(
        contenders, faces, StudySettings(validation=4, cost="predict_ms"), RUN, drop=True
    )
    table = comparison.table.set_index("net")
    assert table.failure.dropna().to_dict() == {"luck": "RuntimeError: no such luck"}
    assert (table.folds["names"], table.validation_f_score["names"]) == (4, 1)
    assert table.folds["poor"] < 4
    assert table.excluded["poor"].startswith(
        f"dropped after {table.folds['poor']} of 4 folds: names costs less, and has "
    )
    assert len(log.read_text().split()) == 4
    whole = compare_on_folds(
        contenders, faces, StudySettings(validation=4, cost="predict_ms"), RUN, drop=False
    ).table
    assert whole.set_index("net").folds["poor"] == 4
    # What cannot be chosen itself surpasses nothing: that one has no known size.
    limited = StudySettings(validation=4, cost="predict_ms", max_model_kb=1e6)
    of_limit = compare_on_folds(contenders, faces, limited, RUN, drop=True).table
    assert of_limit.set_index("net").folds["poor"] == 4


def test_the_choice_is_within_one_standard_error_of_the_best() -> None:
    images = pd.DataFrame({"label": ["a", "b"] * 50, "pair": np.repeat(np.arange(50), 2)})

    def with_errors(*errors: int) -> Answers:
        predicted = images.label.to_numpy(object, copy=True)
        predicted[list(errors)] = np.where(predicted[list(errors)] == "a", "b", "a")
        return Answers(predicted, None)

    answers = [with_errors(2), with_errors(2, 13), with_errors(*range(3, 33, 10), 2, 45), None]
    f_scores = [f1_score(images.label, each.predicted, pos_label="b") for each in answers[:3]]
    table = pd.DataFrame(
        {
            "validation_f_score": [*f_scores, np.nan],
            "cpu_seconds": [9.0, 4.0, 1.0, np.nan],
            "parameters": [1, 1, 1, np.nan],
            "excluded": [np.nan] * 4,
            "failure": [np.nan] * 3 + ["it failed"],
        }
    )
    comparison = Comparison([], table, answers, images)
    difference, error = paired_difference(
        images.label, answers[0].predicted, answers[1].predicted, images.pair, "b"
    )
    assert 0 < difference <= error
    settings = StudySettings(tolerance="1se", positive="b")
    assert choose(comparison, settings) == 1  # the cheapest is too far from the best
    # Five errors that are among those of the others would be told apart, were there fewer.
    assert choose(comparison, StudySettings(tolerance=0.2, positive="b")) == 2
    assert choose(comparison, StudySettings(tolerance=0.0, positive="b")) == 0


def test_a_study_on_folds(faces: pd.DataFrame) -> None:
    made = make_contenders(16, random_state=0)
    contenders = {name: made[name] for name in ("pixels", "pixels_mirrored", "hog")}
    study = run_study(faces, contenders=contenders, sizes=(16, 12), n_jobs=1)
    assert (study.settings.validation, study.settings.tolerance) == (5, "1se")
    assert study.split["train"] == study.split["search"] == len(faces) - study.split["test"]
    assert study.split["validation"] == 0
    frame = study.candidates
    assert frame.folds[frame.excluded.isna()].eq(5).all()
    assert study.sizes.folds.tolist() == [5, 5]
    chosen = frame[frame.net == study.chosen_net].iloc[0]
    # The evaluations of the search at the largest size are not made again.
    of_size = study.sizes[study.sizes["size"] == 16].iloc[0]
    assert of_size.cpu_seconds == chosen.cpu_seconds
    assert of_size.validation_f_score == chosen.validation_f_score
    numbers = study.to_dict()
    assert numbers["settings"]["validation"] == 5
    assert numbers["settings"]["tolerance"] == "1se"


def test_validation_is_on_folds_where_images_are_few() -> None:
    def plan(n_images: int, **settings) -> tuple:
        paths = [f"{i}.png" for i in range(n_images)]
        catalogue = pd.DataFrame({"path": paths, "label": ["a", "b"] * (n_images // 2)})
        if given := settings.pop("split", None):
            catalogue["split"] = ["test", "test", given, given, "train", "train"] * (n_images // 6)
        chosen = plan_study(catalogue, {"sizes": (12,), **settings}, 1).settings
        return chosen.validation, chosen.tolerance, chosen.search_fraction

    assert plan(400) == (5, "1se", 1)
    assert plan(400, validation=3, tolerance=0.01, search_fraction=0.4) == (3, 0.01, 0.4)
    assert plan(400, validation="holdout") == ("holdout", 0.005, 0.5)
    assert plan(400, contenders="report") == ("holdout", 0.005, 0.5)
    assert plan(400, contenders="report", validation=4) == (4, "1se", 1)
    assert plan(400, search="halving") == ("holdout", 0.005, 1)
    assert plan(300, split="validation")[0] == "holdout"
    assert plan(300, split="train")[0] == 5
    assert plan(1000, test_size=0.1, search="random")[0] == 5
    assert plan(4000, search="random")[0] == "holdout"
    assert plan(4000, validation=2)[0] == 2
    with pytest.raises(
        ValueError, match=r"search='halving' has a hold-out: leave out validation=3"
    ):
        plan(400, validation=3, search="halving")
