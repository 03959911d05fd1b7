"""Commands on images in stores: a URL is never taken for a local path."""

import json
from pathlib import Path

import fsspec
import pandas as pd
import pytest
from commands import QUICK, ended_with
from stores import S3

from skcomic import load, load_catalogue, make_contenders, predict_files, save
from skcomic.study.comparison import _key
from skcomic.study.evaluation import TimedFit


@pytest.fixture(scope="module")
def model(faces: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model without a net, which is fitted in a moment."""
    path = tmp_path_factory.mktemp("model") / "hog.skcomic"
    save(make_contenders(16, random_state=0)["hog"].fit(faces.path, faces.label), path)
    return path


@pytest.fixture
def stored(s3: S3, faces_dir: Path) -> str:
    s3.files().put(str(faces_dir), "bucket/faces", recursive=True)
    return "s3://bucket/faces"


def test_check_predict_and_evaluate_take_urls(
    stored: str, model: Path, faces: pd.DataFrame, tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert ended_with("check", stored) == 0
    assert capfd.readouterr().out == f"Nothing is wrong with the 48 images in {stored}.\n"

    out = tmp_path / "answers.csv"
    one = f"{stored}/comics/{Path(faces.path[0]).name}"
    assert ended_with("predict", model, stored, one, "--out", out) == 0
    answers = pd.read_csv(out)
    there = load_catalogue(stored)
    assert answers.path.tolist() == [*there.path, one]
    expected = [each.label for each in predict_files(load(model), faces)]
    assert answers.label.tolist() == [*expected, expected[0]]

    assert ended_with("evaluate", model, stored, "--out", tmp_path / "scores") == 0
    scores = json.loads((tmp_path / "scores" / "evaluation.json").read_text())
    assert scores["n"] == 48
    assert scores["unreadable"] == {}


def test_what_is_not_in_a_store_is_said_in_a_sentence(
    s3: S3, model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for arguments in (
        ["check", "s3://nowhere/faces"],
        ["study", "s3://nowhere/faces"],
        ["evaluate", model, "s3://nowhere/faces"],
        ["predict", model, "s3://nowhere/faces"],
    ):
        assert ended_with(*arguments) == 1
        assert "skcomic: there is no 's3://nowhere/faces' (" in capfd.readouterr().err


@pytest.mark.slow
def test_a_study_of_images_in_a_store(
    stored: str, tmp_path: Path, without_figures: None, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert ended_with("study", stored, *QUICK, "--out", out, "--jobs", 1) == 0
    settings = json.loads((out / "settings.json").read_text())
    assert settings["images"] == stored
    page = (out / "report.html").read_text()
    assert f"skcomic study {stored}" in page


def test_an_evaluation_is_of_the_objects_that_it_read(s3: S3) -> None:
    for name in ("a", "b"):
        s3.files().pipe_file(f"bucket/{name}", name.encode())

    def key(store: str) -> str | None:
        images = pd.DataFrame({"path": [f"{store}/a", f"{store}/b"], "label": ["x", "y"]})
        return _key(TimedFit(make_contenders(8)["hog"]), images, images)

    before = key("s3://bucket")
    assert before is not None
    assert key("s3://bucket") == before
    s3.files().pipe_file("bucket/b", b"B")
    assert key("s3://bucket") != before
    fsspec.filesystem("memory").pipe({"/c/a": b"a", "/c/b": b"b"})
    assert key("memory://c") is None  # nothing tells whether they change
