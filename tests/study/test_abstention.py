"""A study that is to answer only what it is sure of, and what predictions then say."""

import csv
import dataclasses

import numpy as np
import pandas as pd
import pytest
from path_estimators import NameClassifier
from typer.testing import CliRunner

from skcomic import Study, load, make_contenders, predict_files, run_study
from skcomic.cli import app
from skcomic.models.archive import read_threshold
from skcomic.models.card import render_card
from skcomic.study.abstention import measure_abstention
from skcomic.study.evaluation import Answers
from skcomic.study.folder import prepare_folder
from skcomic.study.page import write_study
from skcomic.study.settings import StudySettings

PIXELS = {"pixels": make_contenders(16, random_state=0)["pixels"]}


@pytest.fixture(scope="module")
def study(faces: pd.DataFrame) -> Study:
    return run_study(faces, contenders=PIXELS, sizes=(16,), abstain=0.9, n_jobs=1)


def test_the_threshold_is_of_validation_and_is_tested(study: Study) -> None:
    abstention = study.abstention
    assert abstention["wanted"] == 0.9
    assert abstention["validation"]["accuracy"] >= 0.9
    assert 0.5 <= abstention["threshold"] < 1
    curve = pd.DataFrame(abstention["curve"])
    assert (curve.answered.max(), len(curve)) == (1, len(curve.drop_duplicates()))
    assert curve.accuracy[curve.answered == 1].item() == pytest.approx(study.test["accuracy"])
    test = abstention["test"]
    assert test["interval"][0] <= test["accuracy"] <= test["interval"][1]
    assert f"below {abstention['threshold']:.3f} are 'unsure'" in study.describe_abstention()
    assert study.to_dict()["abstention"] == abstention


def test_predictions_of_its_model_are_unsure_below_it(
    study: Study, faces: pd.DataFrame, tmp_path
) -> None:
    prepare_folder(tmp_path, {})
    assert write_study(study, tmp_path) == []
    model = tmp_path / "model.skcomic"
    probabilities = study.pipeline.predict_proba(faces.path)
    sure = probabilities.max(axis=1) >= study.abstention["threshold"]
    expected = np.where(sure, study.pipeline.predict(faces.path), "unsure").tolist()
    assert 0 < sure.sum() < len(faces)
    out = tmp_path / "answers.csv"
    run = CliRunner().invoke(app, ["predict", str(model), *faces.path, "--out", str(out)])
    assert run.exit_code == 0, run.output
    with out.open() as table:
        assert [row["label"] for row in csv.DictReader(table)] == expected
    always = [each.label for each in predict_files(load(model), faces.path)]
    assert always == study.pipeline.predict(faces.path).tolist()
    threshold = study.abstention["threshold"]
    given = predict_files(load(model), faces.path, threshold=threshold)
    assert [each.label for each in given] == expected
    assert "says 'unsure' where no class has a probability of" in render_card(model)
    page = (tmp_path / "report.html").read_text()
    assert "Wanted is an accuracy of 0.9" in page
    assert (tmp_path / "figures" / "abstention.png").exists()


def test_an_accuracy_out_of_reach_is_said(study: Study) -> None:
    images = pd.DataFrame({"label": ["a", "b", "a", "b"], "pair": [0, 0, 1, 1]})
    wrong = np.array([[0.1, 0.9], [0.8, 0.2], [0.6, 0.4], [0.4, 0.6]])  # where it is surest
    answers = Answers(np.array(["b", "a", "a", "b"]), wrong)
    abstention = measure_abstention(answers, images, answers, images, StudySettings(abstain=0.99))
    assert (abstention["threshold"], "test" in abstention) == (None, False)
    said = dataclasses.replace(study, abstention=abstention).describe_abstention()
    assert said == (
        "No share of the answers to the validation images has the wanted accuracy of 0.99: "
        "predictions are always given."
    )


def test_without_probabilities_there_is_none(faces: pd.DataFrame) -> None:
    contenders = {"names": NameClassifier()}
    study = run_study(faces, contenders=contenders, sizes=(12,), abstain=0.9, n_jobs=1)
    assert study.abstention is None
    assert study.describe_abstention() is None
    with pytest.raises(ValueError, match="has measured no abstention"):
        study.display_abstention()
    always = run_study(faces, contenders=PIXELS, sizes=(16,), n_jobs=1)
    assert (always.abstention["wanted"], always.abstention["threshold"]) == (None, None)
    assert always.describe_abstention() is None


@pytest.mark.parametrize(
    "about", [None, [], "text", {"abstention": "text"}, {"abstention": {"threshold": "text"}}]
)
def test_a_description_that_has_no_threshold_is_no_error(about: object) -> None:
    assert read_threshold({"about": about}) is None
    assert read_threshold({"about": {"abstention": {"threshold": 0.75}}}) == 0.75
