"""A saved model on labelled images from elsewhere: what is scored, and what is not."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, roc_auc_score
from typer.testing import CliRunner

from skcomic import evaluate, load, load_catalogue, make_contenders, save, score_interval
from skcomic.cli import app


@pytest.fixture(scope="module")
def model(faces: pd.DataFrame):
    return make_contenders(16, random_state=0)["pixels"].fit(faces.path, faces.label)


@pytest.fixture(scope="module")
def elsewhere(faces_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of which some have the wrong class."""
    folder = Path(shutil.copytree(faces_dir, tmp_path_factory.mktemp("elsewhere") / "images"))
    for comic in sorted((folder / "comics").iterdir())[:3]:
        comic.rename(folder / "faces" / f"comic_{comic.name}")
    return folder


@pytest.fixture(scope="module")
def model_file(model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.skcomic"
    save(model, path)
    return path


def test_scores_are_those_of_the_predictions(model, elsewhere: Path) -> None:
    catalogue = load_catalogue(elsewhere)
    found = evaluate(model, catalogue)
    predicted = model.predict(catalogue.path)
    assert found.predictions.path.tolist() == catalogue.path.tolist()
    assert found.predictions.predicted.tolist() == predicted.tolist()
    assert found.positive == "comics"
    assert found.scores["f_score"].score == pytest.approx(
        f1_score(catalogue.label, predicted, pos_label="comics")
    )
    assert found.scores["f_score"].score < 1
    of_comics = model.predict_proba(catalogue.path)[:, 0]
    assert found.scores["roc_auc"].score == pytest.approx(
        roc_auc_score(catalogue.label == "comics", of_comics)
    )
    assert found.scores["recall"] == score_interval(
        catalogue.label, predicted, catalogue.pair, score="recall", positive="comics"
    )
    assert (found.missing, found.unknown, found.unreadable) == ([], {}, {})
    assert found.describe_images() == []
    of_faces = evaluate(model, catalogue, positive="faces", batch_size=7)
    assert of_faces.scores["roc_auc"].score == pytest.approx(found.scores["roc_auc"].score)
    assert of_faces.scores["f_score"].score != found.scores["f_score"].score


def test_classes_are_never_mixed_up(model, elsewhere: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(elsewhere, tmp_path / "images"))
    shutil.rmtree(folder / "comics")
    shutil.copytree(folder / "faces", folder / "apples")
    (folder / "faces" / "broken.png").write_text("no image")
    found = evaluate(model, load_catalogue(folder))
    n_faces = len(list((elsewhere / "faces").iterdir()))
    assert found.missing == ["comics"]
    assert found.unknown == {"apples": n_faces}
    assert [Path(path).name for path in found.unreadable] == ["broken.png"]
    assert set(found.predictions.label) == {"faces"}
    assert len(found.predictions) == n_faces
    # A ranking of one class is none, and what is of one class says nothing of an F-score.
    assert set(found.scores) == {"accuracy", "brier_score", "log_loss"}
    right = (found.predictions.predicted == "faces").mean()
    assert found.scores["accuracy"].score == right
    numbers = found.to_dict()
    assert np.sum(numbers["confusion"][0]) == 0  # no comics
    assert np.sum(numbers["confusion"][1]) == n_faces
    unknown, missing, unreadable = found.describe_images()
    assert unknown == (
        f"Images of classes that the model does not know are in no score: 'apples' ({n_faces})."
    )
    assert missing == "There are no images of 'comics': the scores say nothing of them."
    assert unreadable.startswith("1 images cannot be read; the first is ")

    of_apples = load_catalogue(folder).query("label == 'apples'")
    with pytest.raises(ValueError, match=r"no image .* class of the model, \['comics', 'faces'\]"):
        evaluate(model, of_apples)


def test_images_of_one_class_are_scored_however_they_are_answered(
    model, model_file: Path, elsewhere: Path, tmp_path: Path
) -> None:
    for label in ("faces", "comics"):
        predicted = evaluate(model, load_catalogue(elsewhere)).predictions
        right = predicted[(predicted.label == label) & (predicted.predicted == label)]
        folder = tmp_path / label / label
        folder.mkdir(parents=True)
        for path in right.path:  # no other class is even answered
            shutil.copy(path, folder)
        with pytest.raises(ValueError, match="must contain two or more sub-folders"):
            load_catalogue(folder.parent)
        found = evaluate(model, load_catalogue(folder.parent, min_classes=1))
        assert found.scores["accuracy"].score == 1
        assert 0 < found.scores["accuracy"].low < 1
        assert "f_score" not in found.scores
        run = CliRunner().invoke(app, ["evaluate", str(model_file), str(folder.parent)])
        assert run.exit_code == 0, run.output
        assert f"{len(right)} images, classes ['{label}']" in run.output
        assert "There are no images of" in run.output
    with pytest.raises(ValueError, match=r"must contain sub-folders, one per class"):
        load_catalogue(folder, min_classes=1)


def test_the_command_prints_and_writes_the_same(
    model, model_file: Path, elsewhere: Path, tmp_path: Path
) -> None:
    run = CliRunner().invoke(
        app, ["evaluate", str(model_file), str(elsewhere), "--out", str(tmp_path / "out")]
    )
    assert run.exit_code == 0, run.output
    # The command does not need TensorFlow.
    found = evaluate(load(model_file, runtime="light"), load_catalogue(elsewhere))
    full = evaluate(model, load_catalogue(elsewhere))
    assert found.scores["f_score"] == full.scores["f_score"]
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text()) == json.loads(
        json.dumps(found.to_dict())
    )
    written = pd.read_csv(tmp_path / "out" / "predictions.csv")
    assert written.predicted.tolist() == found.predictions.predicted.tolist()
    interval = found.scores["f_score"]
    assert f"{interval.score:.4f}" in run.output
    assert f"{interval.low:.4f} to {interval.high:.4f}" in run.output
    assert "48 images, class 'comics'" in run.output


def test_mistakes_of_the_command_are_explained(
    model_file: Path, elsewhere: Path, tmp_path: Path
) -> None:
    def error(*arguments: str) -> str:
        run = CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
        assert run.exit_code == 1, run.output
        assert "Traceback" not in run.output
        return " ".join(run.output.split())

    assert "--positive must be one of the classes ['comics', 'faces']" in error(
        model_file, elsewhere, "--positive", "cats"
    )
    assert "there is no folder" in error(model_file, tmp_path / "nowhere")
    assert "model.skcomic" in error(tmp_path / "model.skcomic", elsewhere)
    assert "--out" in error(model_file, elsewhere, "--out", tmp_path / "no" / "folder")
    (elsewhere / "faces" / "broken.png").write_text("no image")
    assert "1 images cannot be read; the first is" in error(model_file, elsewhere)
    (elsewhere / "faces" / "broken.png").unlink()
