"""What each format costs, measured in processes that really run."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from skcomic import make_contenders, profile_model, save
from skcomic.exports import profiling
from skcomic.models.plan_costs import plan_costs
from skcomic.models.planning import make_plan


@pytest.fixture(scope="module")
def model(faces: pd.DataFrame) -> Any:
    model = make_contenders(16, random_state=0)["small_3_2_1"].set_params(classify__epochs=2)
    return model.fit(faces.path, faces.label)


@pytest.fixture(scope="module")
def file(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "model.skcomic"
    save(model, path)
    return path


@pytest.mark.slow
def test_each_way_is_measured_or_says_why_not(
    model: Any, file: Path, faces: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiling, "_ROUNDS", 1)
    ways = (("light", "float32"), ("c", "float32"), ("c", "int8"), ("tflite", "int8"))
    monkeypatch.setattr(profiling, "_WAYS", ways)
    profile = profile_model(file, faces).set_index(["format", "precision"])
    assert tuple(profile.index) == ways
    missing = profile.missing.to_dict()
    assert missing.pop(("tflite", "int8")).startswith("it needs images of the training part")
    assert set(missing.values()) == {""}
    measured = profile.drop(("tflite", "int8"))
    costs = plan_costs(make_plan(model))
    assert (measured.multiply_adds == costs.multiply_adds).all()
    assert measured.weight_bytes[("light", "float32")] == costs.weight_bytes
    assert measured.weight_bytes[("c", "int8")] < costs.weight_bytes / 3
    assert measured.file_bytes[("light", "float32")] == file.stat().st_size
    assert measured.file_bytes[("c", "int8")] < measured.file_bytes[("c", "float32")]
    assert (measured.start_ms > 10 * measured.predict_ms).all()  # Python starts, or cc
    assert (measured.predict_ms > 0.001).all()
    assert measured.f_score.between(0.5, 1).all()
    assert profile.start_ms.isna()[("tflite", "int8")]


def test_a_way_that_fails_does_not_end_the_others(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(profiling, "_ROUNDS", 1)
    monkeypatch.setattr(profiling, "_WAYS", (("c", "float32"), ("light", "float32")))
    monkeypatch.setenv("PATH", str(tmp_path))
    profile = profile_model(file)
    assert "install one (cc)" in profile.missing[0]
    assert pd.isna(profile.predict_ms[0])
    assert profile.missing[1] == ""
    assert profile.predict_ms[1] > 0


def test_images_of_other_classes_are_refused(file: Path, faces: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"images must be of the classes \['comics', 'faces'\]"):
        profile_model(file, faces.assign(label="cats"))
