"""The images that a study shows: labels that look wrong, mistakes, typical ones."""

import re
from pathlib import Path

import pandas as pd
import pytest
from path_estimators import NameClassifier
from sklearn.metrics import f1_score

from skcomic import Study, load_catalogue, make_contenders, run_study
from skcomic.datasets import make_comic_faces
from skcomic.models.archive import read_manifest
from skcomic.study.folder import prepare_folder
from skcomic.study.page import write_study

HOSTILE = '"><img src=x onerror=alert(1)>.png'


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Faces of which some are among the comics, with a name that a page must not run."""
    folder = tmp_path_factory.mktemp("images")
    make_comic_faces(45, size=48, out_dir=folder, random_state=0)
    for number, face in enumerate(sorted((folder / "faces").iterdir())[:3]):
        face.rename(folder / "comics" / f"{number}{HOSTILE}")
    return folder


@pytest.fixture(scope="module")
def study(images: Path) -> Study:
    contenders = {"patches": make_contenders(32, random_state=0)["patches"]}
    return run_study(
        load_catalogue(images), contenders=contenders, sizes=(32,), validation=3, n_jobs=1
    )


def test_labels_that_are_wrong_are_among_the_first(study: Study) -> None:
    probabilities = [row["probability"] for row in study.suspect_labels]
    assert probabilities == sorted(probabilities)
    assert all(row["label"] != row["predicted"] for row in study.suspect_labels)
    wrong = [row for row in study.suspect_labels[:4] if HOSTILE in row["path"]]
    assert wrong
    assert all((row["label"], row["predicted"]) == ("comics", "faces") for row in wrong)


def test_examples_are_of_the_test(study: Study) -> None:
    mistakes = [row for row in study.examples if row["is_mistake"]]
    typical = [row for row in study.examples if not row["is_mistake"]]
    n_wrong = study.test["n"] - sum(study.test["confusion"][i][i] for i in range(2))
    assert len(mistakes) == n_wrong > 0
    assert all(row["label"] != row["predicted"] for row in mistakes)
    labels = [row["label"] for row in typical]
    assert labels == sorted(labels)
    assert 1 <= labels.count("comics") <= 4
    assert labels.count("faces") == 4
    assert all(row["label"] == row["predicted"] for row in typical)
    developed = {row["path"] for row in study.suspect_labels}
    assert not developed & {row["path"] for row in study.examples}
    for row in study.examples:
        (answer,) = study.pipeline.predict([row["path"]])
        assert answer == row["predicted"]


def test_the_page_shows_them_and_runs_no_name(study: Study, tmp_path: Path) -> None:
    prepare_folder(tmp_path, {})
    assert write_study(study, tmp_path) == []
    page = (tmp_path / "report.html").read_text()
    assert page.count("<figure>") == len(study.suspect_labels) + len(study.examples)
    assert page.count("data:image/jpeg;base64,") == 2 * page.count("<figure>")
    assert "<img src=x" not in page
    assert not re.search(r"<[^>]*\sonerror=", re.sub(r'"[^"]*"', "", page))
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert study.to_dict()["suspect_labels"] == study.suspect_labels
    assert "for training and validation, in folds" in (tmp_path / "card.md").read_text()
    # The model file is for others.
    about = str(read_manifest(tmp_path / "model.skcomic")["about"])
    assert HOSTILE not in about
    assert str(Path(study.examples[0]["path"]).parent) not in about


def test_images_that_are_gone_are_named_without_a_picture(study: Study, tmp_path: Path) -> None:
    gone = [{**row, "path": f"/nowhere/{Path(row['path']).name}"} for row in study.examples]
    study = Study(**{**vars(study), "examples": gone, "suspect_labels": None})
    prepare_folder(tmp_path, {})
    assert write_study(study, tmp_path) == []
    page = (tmp_path / "report.html").read_text()
    assert page.count("<figure>") == len(gone)
    assert "data:image/jpeg" not in page


def test_a_threshold_that_is_tuned_elsewhere_is_tested(study: Study) -> None:
    tuned, predictions = study.test["tuned_threshold"], study.predictions
    is_comic = predictions.probability_comics >= tuned["threshold"]
    truth = predictions.label == "comics"
    assert tuned["f_score"] == pytest.approx(f1_score(truth, is_comic))
    assert tuned["interval"][0] <= tuned["f_score"] <= tuned["interval"][1]


def test_what_gives_no_probabilities_has_none(faces: pd.DataFrame) -> None:
    study = run_study(faces, contenders={"names": NameClassifier()}, sizes=(12,), n_jobs=1)
    assert study.examples is study.suspect_labels is None
    assert "tuned_threshold" not in study.test
