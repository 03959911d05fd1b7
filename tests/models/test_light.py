"""Models that predict without TensorFlow."""

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.validation import check_is_fitted

import skcomic.models.streaming
from skcomic import (
    ImageVectorizer,
    LightClassifier,
    ModelFileError,
    load,
    make_contenders,
    predict_files,
    save,
)
from skcomic.images.decoding import ImageFailure
from skcomic.models.archive import PLAN, read_manifest

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module", params=["small_3_2_1_mirrored", "8_max_1", "patches"])
def trained(request: pytest.FixtureRequest, faces: pd.DataFrame) -> Pipeline:
    model = make_contenders(16, random_state=0)[request.param]
    if "epochs" in model[-1].get_params():
        model.set_params(classify__epochs=2)
    return model.fit(faces.path, faces.label)


@pytest.fixture(scope="module")
def file(trained: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.skcomic"
    save(trained, path, about={"abstention": {"threshold": 0.6}})
    return path


def test_it_gives_the_probabilities_of_the_model(
    trained: Pipeline, file: Path, faces: pd.DataFrame
) -> None:
    light = load(file, runtime="light")
    assert isinstance(light, LightClassifier)
    check_is_fitted(light)
    assert light.classes_.tolist() == trained.classes_.tolist()
    for paths in (faces.path, faces[["path"]], faces.path.tolist()):
        assert light.predict_proba(paths) == pytest.approx(
            trained.predict_proba(faces.path), abs=1e-5
        )
    assert light.predict(faces.path).tolist() == trained.predict(faces.path).tolist()
    assert light.score(faces.path, faces.label) == trained.score(faces.path, faces.label)


def test_it_is_a_fitted_classifier_for_others(file: Path, faces: pd.DataFrame) -> None:
    light = load(file, runtime="light")
    expected = light.predict_proba(faces.path)
    again = pickle.loads(pickle.dumps(light))
    assert np.array_equal(again.predict_proba(faces.path), expected)
    assert np.array_equal(make_pipeline(light).predict_proba(faces.path), expected)
    with ThreadPoolExecutor(8) as threads:
        for found in threads.map(lambda _: light.predict_proba(faces.path), range(16)):
            assert np.array_equal(found, expected)
    with pytest.raises(TypeError, match="cannot be trained; load the file with runtime='full'"):
        light.fit(faces.path, faces.label)


def test_files_are_classified_by_it(file: Path, trained: Pipeline, faces: pd.DataFrame) -> None:
    paths = [*faces.path[:5], "nowhere.jpg", *faces.path[5:9], __file__]
    options: Any = {"batch_size": 4, "n_jobs": 1, "threshold": 0.6}
    full = list(predict_files(trained, paths, **options))
    light = list(predict_files(load(file, runtime="light"), paths, **options))
    assert [(one.path, one.label, one.error) for one in light] == [
        (one.path, one.label, one.error) for one in full
    ]
    assert light[5].error == "no such file"
    for one, other in zip(full, light, strict=True):
        if not one.error:
            assert other.probabilities == pytest.approx(one.probabilities, abs=1e-5)


def test_a_file_that_is_read_once_of_twice_moves_no_answer(
    file: Path, faces: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    light = load(file, runtime="light")
    one, other = faces.path[0], faces.path.iloc[-1]
    try_rasters = skcomic.models.streaming.try_rasters

    def fail_first(*args: Any, **kwargs: Any) -> Any:
        rasters, _ = try_rasters(*args, **kwargs)
        return rasters, {0: ImageFailure(one, "unreadable", "busy")}

    monkeypatch.setattr(skcomic.models.streaming, "try_rasters", fail_first)
    answers = list(predict_files(light, [one, one, other], n_jobs=1))
    assert [answer.error for answer in answers] == ["busy", "busy", ""]
    expected = light.predict_proba([other])[0]
    assert answers[2].probabilities == pytest.approx(expected, abs=1e-6)


def test_a_model_of_rows_takes_rows(tmp_path: Path, stripes: tuple) -> None:
    rows, labels = stripes
    model = make_contenders(16)["pixels"][-1].fit(rows, labels)
    save(model, tmp_path / "model")
    light = load(tmp_path / "model", runtime="light")
    assert light.predict_proba(rows) == pytest.approx(model.predict_proba(rows), abs=1e-5)
    assert light.n_features_in_ == rows.shape[1]
    with pytest.raises(ValueError, match="rows must have the shape"):
        light.predict(rows[:, 1:])
    with pytest.raises(ValueError, match="takes rows of pixels, not image files"):
        predict_files(light, ["a.jpg"])


def test_what_has_no_plan_says_so(faces: pd.DataFrame, tmp_path: Path) -> None:
    for number in (1, 2):
        with pytest.raises(ModelFileError, match="it has no light model: it was saved by a form"):
            load(DATA / f"model_format_{number}.skcomic", runtime="light")
    with pytest.raises(ValueError, match="runtime must be 'full' or 'light', not 'onnx'"):
        load(DATA / "model_format_3.skcomic", runtime="onnx")
    assert load(DATA / "model_format_3.skcomic", runtime="light").classes_.tolist() == [
        "comics", "faces",
    ]  # fmt: skip
    with pytest.raises(TypeError, match="KNeighbors"):
        save(
            make_pipeline(ImageVectorizer(8), KNeighborsClassifier()).fit(faces.path, faces.label),
            tmp_path / "other",
        )


@pytest.mark.slow
def test_an_evaluation_imports_no_tensorflow(file: Path, faces_dir: Path) -> None:
    program = """
import sys
from skcomic.cli import app
try: app()
except SystemExit as end: assert not end.code
print(sorted({"tensorflow", "keras", "scikeras"} & set(sys.modules)))
"""
    result = subprocess.run(
        [sys.executable, "-c", program, "evaluate", str(file), str(faces_dir)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    *table, imported = result.stdout.splitlines()
    assert imported == "[]"
    assert "48 images, class 'comics'" in table[0]


def test_the_command_line_imports_nothing_large(file: Path, faces: pd.DataFrame) -> None:
    program = """
import sys
from skcomic.cli import app
try: app()
except SystemExit as end: assert not end.code
large = {"tensorflow", "keras", "scikeras", "sklearn", "scipy", "pandas", "matplotlib"}
print(sorted(large & set(sys.modules)))
"""
    result = subprocess.run(
        [sys.executable, "-c", program, "predict", str(file), faces.path[0], faces.path[1]],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    head, *rows, imported = result.stdout.splitlines()
    assert imported == "[]"
    assert head == "path,label,probability_comics,probability_faces,error"
    assert PLAN in read_manifest(file)["members"]
    light = load(file, runtime="light")
    for row, expected in zip(rows, light.predict_proba(faces.path[:2]), strict=True):
        _, label, *given = row.split(",")[:4]
        assert list(map(float, given)) == pytest.approx(expected.tolist())
        sure = expected.max() >= 0.6
        assert label == (light.classes_[expected.argmax()] if sure else "unsure")
