"""Models that go out: the same answers in each format, or no file."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from skcomic import ImageVectorizer, export, load, make_contenders, save
from skcomic.exports import exporting
from skcomic.exports.formats import FORMATS
from skcomic.exports.source import Predict


@pytest.fixture(scope="module")
def model(faces: pd.DataFrame) -> Any:
    model = make_contenders(16, random_state=0)["small_3_2_1"]
    model.set_params(classify__epochs=3, classify__precision="float32")
    return model.fit(faces.path, faces.label)


@pytest.fixture(scope="module")
def file(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "model.skcomic"
    save(model, path, about={"abstention": {"threshold": 0.73219}})
    return path


def skip_without(format_: str) -> None:
    """Skip what cannot run here."""
    try:
        if format_ == "html":
            from skcomic.exports.html_page import find_browser

            find_browser()
        if format_ == "onnx":
            pytest.importorskip("onnxruntime")
    except FileNotFoundError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("format_", FORMATS)
def test_a_file_answers_as_the_model_does(
    format_: str, file: Path, faces: pd.DataFrame, tmp_path: Path
) -> None:
    skip_without(format_)
    exported = export(file, tmp_path / "model", format_, check=faces)
    assert exported.path.stat().st_size == exported.n_bytes
    assert exported.parity is not None
    assert exported.parity.n_images == len(faces)
    assert exported.parity.max_difference <= 1e-5
    assert exported.parity.n_others == 0
    assert exported.parity.f_score == exported.parity.exported_f_score
    assert 0.5 < exported.parity.f_score < 1  # or it could not tell swapped classes
    content = exported.path.read_bytes()
    digest = sha256(file.read_bytes()).hexdigest()
    assert digest.encode() in content
    assert b"0.73219" in content  # below which the study's model is unsure


def test_a_file_is_compared_with_the_model_itself(
    model: Any, file: Path, faces: pd.DataFrame, tmp_path: Path
) -> None:
    """With TensorFlow, whose weights are changed here, and not with what the file holds."""
    other = load(file)
    weights = [weight * 1.5 for weight in other[-1].model_.get_weights()]
    plan, _ = exporting.describe_model(model)
    other[-1].model_.set_weights(weights)
    content = FORMATS["c"].write(plan, exporting.describe_model(file)[1])
    parity = exporting.measure_parity(
        exporting.row_predictor(other),
        FORMATS["c"].open(content),
        ImageVectorizer(16).transform(faces.path),
        faces.label,
        plan.classes,
    )
    assert parity.max_difference > 0.01
    with pytest.raises(ValueError, match=r"answers otherwise, and is not written: 48 images"):
        exporting.check_parity(parity, 1e-4)


def swapped(open_: Callable[[bytes], Predict]) -> Callable[[bytes], Predict]:
    return lambda content: lambda rows: open_(content)(rows)[:, ::-1]


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_swapped_classes_are_not_written(
    precision: str,
    model: Any,
    faces: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A wrong format: every answer is of the other class."""
    broken = FORMATS["c"]._replace(open=swapped(FORMATS["c"].open))
    monkeypatch.setitem(FORMATS, "c", broken)
    (tmp_path / "model.c").write_text("mine")
    with pytest.raises(ValueError, match="answers otherwise, and is not written: 48 images"):
        export(model, tmp_path / "model.c", "c", precision=precision, check=faces)
    assert (tmp_path / "model.c").read_text() == "mine"
    export(model, tmp_path / "model.c", "c", precision=precision, check=None)
    assert (tmp_path / "model.c").read_text() != "mine"


def test_eight_bits_and_colour_images(model: Any, faces: pd.DataFrame, tmp_path: Path) -> None:
    for format_, options in (("c", {}), ("tflite", {"calibration": faces})):
        path = tmp_path / f"model.{format_}"
        single = export(model, path, format_, check=faces)
        exported = export(model, path, format_, precision="int8", check=faces, **options)
        assert exported.n_bytes < single.n_bytes
        assert exported.parity is not None
        assert 1e-5 < exported.parity.max_difference < 0.1
    skip_without("onnx")
    exported = export(model, tmp_path / "model.onnx", "onnx", inputs="rgb", check=faces)
    assert exported.parity is not None
    assert exported.parity.max_difference <= 1e-5


def test_models_of_rows_and_light_ones(model: Any, file: Path, tmp_path: Path) -> None:
    exported = export(model[-1], tmp_path / "model.c", "c")
    assert b"int skcomic_predict(" not in exported.path.read_bytes()
    assert str(exported.parity).startswith("100 images: the largest difference of probabilities")
    light = export(load(file, runtime="light"), tmp_path / "light.c", "c")
    assert light.parity is not None
    assert light.parity.n_images == 100  # drawn
    with pytest.raises(ValueError, match="a model that takes rows cannot be written as a page"):
        export(model[-1], tmp_path / "model.html", "html")


def test_a_net_of_bfloat16_may_differ_more(faces: pd.DataFrame, tmp_path: Path) -> None:
    model = make_contenders(16, random_state=0)["small_3_2_1"]
    model.set_params(classify__epochs=3, classify__precision="mixed_bfloat16")
    model.fit(faces.path, faces.label)
    parity = export(model, tmp_path / "model.c", "c", check=faces).parity
    assert parity is not None
    assert 1e-5 < parity.max_difference < 0.05


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "pdf"}, "format must be one of onnx, tflite, c, html, not 'pdf'"),
        ({"inputs": "blue"}, "inputs must be 'grey' or 'rgb', not 'blue'"),
        ({"inputs": "rgb"}, "inputs='rgb' is of the format onnx, not of c"),
        ({"precision": "int4"}, "precision must be 'float32' or 'int8', not 'int4'"),
        ({"format": "html", "precision": "int8"}, "'int8' is of the format tflite and c, not of"),
        ({"format": "tflite", "precision": "int8"}, "a tflite file in int8 needs calibration"),
        ({"calibration": True}, "calibration is of a tflite file in int8 only"),
    ],
)
def test_wrong_options_are_refused(
    options: dict[str, Any], message: str, model: Any, faces: pd.DataFrame, tmp_path: Path
) -> None:
    if options.get("calibration"):
        options = {"calibration": faces}
    with pytest.raises(ValueError, match=message):
        export(model, tmp_path / "model", **{"format": "c", **options})
    assert not list(tmp_path.iterdir())


def test_what_is_not_ours_is_refused_by_name(faces: pd.DataFrame, tmp_path: Path) -> None:
    model = make_pipeline(ImageVectorizer(8), KNeighborsClassifier()).fit(faces.path, faces.label)
    with pytest.raises(TypeError, match="what KNeighborsClassifier computes cannot be described"):
        export(model, tmp_path / "model.c", "c")


def test_a_missing_program_is_named(
    model: Any, faces: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for format_ in ("c", "html"):
        with pytest.raises(FileNotFoundError, match=r"install .* or pass check=None \(--no-check"):
            export(model, tmp_path / "model", format_, check=faces)
    assert not list(tmp_path.iterdir())
    assert export(model, tmp_path / "model", "html", check=None).parity is None
