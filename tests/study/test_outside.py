"""Images from elsewhere: every contender is scored on them, and nothing is chosen by them."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from outcomes import without_times
from path_estimators import FailingClassifier, NameClassifier
from sklearn.metrics import f1_score

from skcomic import Study, load_catalogue, make_contenders, run_study
from skcomic.datasets import make_comic_faces
from skcomic.models.archive import read_manifest
from skcomic.study.folder import prepare_folder
from skcomic.study.page import write_study


def contenders() -> dict:
    made = make_contenders(16, random_state=0)
    return {"pixels": made["pixels"], "hog": made["hog"], "luck": FailingClassifier()}


QUICK = {"sizes": (16,), "cost": "model_bytes", "n_jobs": 1}


@pytest.fixture(scope="module")
def elsewhere(faces: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other faces, all images of the study once more, and apples."""
    folder = tmp_path_factory.mktemp("elsewhere")
    make_comic_faces(10, size=64, out_dir=folder, random_state=99)
    for path, label in zip(faces.path, faces.label, strict=True):
        shutil.copy(path, folder / label / f"copy_{Path(path).name}")
    (folder / "apples").mkdir()
    shutil.copy(faces.path[0], folder / "apples" / "apple.jpg")
    return folder


@pytest.fixture(scope="module")
def study(faces: pd.DataFrame, elsewhere: Path) -> Study:
    return run_study(faces, contenders=contenders(), outside=load_catalogue(elsewhere), **QUICK)


def test_what_repeats_trained_images_or_is_of_another_class_is_left_out(study: Study) -> None:
    outside = study.outside
    n_trained = study.split["train"] + study.split["validation"]
    assert outside["repeats"] == n_trained
    assert outside["images"] == 20 + study.split["test"]  # those of the test were not trained on
    assert outside["unknown"] == {"apples": 1}
    assert outside["missing"] == []
    assert outside["choice"]["n"] == outside["images"]


def test_every_contender_is_scored_on_both(study: Study, faces: pd.DataFrame) -> None:
    rows = {row["net"]: row for row in study.outside["contenders"]}
    assert set(rows) == {"pixels", "hog", "luck"}
    assert rows["luck"] == {"net": "luck"}
    chosen = rows[study.chosen_net]
    assert chosen["test_f_score"] == pytest.approx(study.test["f_score"])
    assert chosen["outside_f_score"] == pytest.approx(study.outside["choice"]["f_score"])
    assert chosen["outside_interval"][0] < chosen["outside_f_score"]
    assert chosen["test_roc_auc"] == pytest.approx(study.test["roc_auc"])
    low, high = chosen["outside_roc_auc_interval"]
    assert low < chosen["outside_roc_auc"] == study.outside["choice"]["roc_auc"] < high
    other = "hog" if study.chosen_net == "pixels" else "pixels"
    assert rows[other]["test_f_score"] != chosen["test_f_score"]


def test_images_of_one_class_are_refused_before_the_study(faces: pd.DataFrame) -> None:
    seen: list = []
    for label in ("faces", "comics"):
        with pytest.raises(ValueError, match=rf"two or more classes .* they are of \['{label}'\]"):
            run_study(
                faces, contenders=contenders(), outside=faces[faces.label == label],
                on_progress=seen.append, **QUICK,
            )  # fmt: skip
    assert not seen


def test_nothing_is_chosen_by_them(study: Study, faces: pd.DataFrame) -> None:
    without = run_study(faces, contenders=contenders(), **QUICK).to_dict()
    with_them = study.to_dict()
    del with_them["outside"]
    assert without_times(with_them) == without_times(without)


def test_the_page_shows_them(study: Study, tmp_path: Path) -> None:
    prepare_folder(tmp_path, {})
    assert write_study(study, tmp_path) == []
    page = (tmp_path / "report.html").read_text()
    assert "Images from elsewhere" in page
    assert "apples (1)" in page
    assert read_manifest(tmp_path / "model.skcomic")["about"]["outside"]["images"] > 0


def test_what_cannot_be_scored_is_said(study: Study, faces: pd.DataFrame) -> None:
    trained = faces[~faces.path.isin(study.predictions.path)]
    with pytest.raises(ValueError, match="all images from elsewhere repeat images that the study"):
        run_study(faces, contenders=contenders(), outside=trained, **QUICK)
    with pytest.raises(ValueError, match="no image from elsewhere is of a class of the study"):
        run_study(
            faces, contenders=contenders(), outside=faces.assign(label="apples"),
            on_progress=pytest.fail, **QUICK,
        )  # fmt: skip


def test_a_choice_that_takes_paths_and_has_no_probabilities_is_scored(
    faces: pd.DataFrame, elsewhere: Path
) -> None:
    names = {"names": NameClassifier()}
    study = run_study(faces, contenders=names, outside=load_catalogue(elsewhere), **QUICK)
    assert study.outside["choice"]["f_score"] == 1
    assert "roc_auc" not in study.outside["choice"]


def test_scores_are_of_answers_to_these_images(faces: pd.DataFrame, elsewhere: Path) -> None:
    only = {"pixels": make_contenders(16, random_state=0)["pixels"]}
    images = load_catalogue(elsewhere)
    new = images[images.pair.str.startswith("pair") & (images.label != "apples")]
    study = run_study(faces, contenders=only, outside=new, **QUICK)
    expected = f1_score(new.label, study.pipeline.predict(new.path), pos_label="comics")
    assert study.outside["contenders"][0]["outside_f_score"] == pytest.approx(expected)
    assert study.outside["repeats"] == 0
