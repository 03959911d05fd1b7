"""What a fitted model computes, as a plan that numpy alone computes too."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from untrained import ready_classifier

from skcomic import (
    ConvNetClassifier,
    ImageVectorizer,
    SmallNetClassifier,
    TemperatureScaledClassifier,
    load,
    make_contenders,
    save,
)
from skcomic.models.interpreter import run_plan
from skcomic.models.plan import KINDS
from skcomic.models.plan_files import plan_from_bytes, plan_to_bytes
from skcomic.models.planning import make_plan

MOST = 1e-5  # of the differences of probabilities


def check_parity(model: Any, rows: np.ndarray) -> None:
    """Compare the plan of a model, as a file has it, with the model."""
    plan = plan_from_bytes(plan_to_bytes(make_plan(model)))
    expected, computed = model.predict_proba(rows), run_plan(plan, rows)
    assert computed.dtype == np.float32
    assert computed.shape == expected.shape
    assert np.abs(computed - expected).max() <= MOST
    assert (computed.argmax(axis=1) == expected.argmax(axis=1)).all()


@pytest.fixture(scope="module")
def rows(faces: pd.DataFrame) -> np.ndarray:
    return ImageVectorizer(16).fit_transform(faces.path)


@pytest.mark.parametrize("name", make_contenders(16))
def test_the_plan_of_every_contender_gives_its_probabilities(
    name: str, faces: pd.DataFrame, rows: np.ndarray
) -> None:
    check_parity(ready_classifier(name, rows, faces.label), rows)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_linear_models_of_chunks_have_a_plan_and_a_file(
    n_classes: int, rows: np.ndarray, tmp_path: Path
) -> None:
    model = ready_classifier("hog_sgd", rows, np.arange(len(rows)) % n_classes)
    check_parity(model, rows)
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(rows), model.predict_proba(rows))
    again[-1].partial_fit(again[:-1].transform(rows), np.arange(len(rows)) % n_classes)
    model[-1].coef_ *= 1e4  # probabilities that are 0 in single precision
    assert np.isfinite(run_plan(make_plan(model), rows)).all()


def test_a_plan_has_what_makes_rows_of_images(faces: pd.DataFrame) -> None:
    model = make_contenders(16, random_state=0)["hog"].set_params(
        vectorize__size=(16, 24), vectorize__background="black",
        classify__describe__image_shape=(16, 24),
    )  # fmt: skip
    plan = make_plan(model.fit(faces.path, faces.label))
    assert plan.images == {
        "height": 16, "width": 24, "resample": "box", "background": "black",
        "max_pixels": model[0].max_pixels,
    }  # fmt: skip
    assert (plan.n_pixels, plan.classes, plan.is_mirrored) == (16 * 24, ["comics", "faces"], False)
    assert [step.kind for step in plan.steps] == [
        "image", "gradients", "standardise", "dense", "sigmoid",
    ]  # fmt: skip
    for step in plan.steps:
        kind = KINDS[step.kind]
        assert {name: type(number) for name, number in step.numbers.items()} == kind.numbers
        assert {name: array.ndim for name, array in step.arrays.items()} == kind.arrays
        assert all(array.dtype == np.float32 for array in step.arrays.values())


@pytest.mark.parametrize(
    "net",
    [
        ConvNetClassifier(first_units=4, filters=4, epochs=2, kernel_size=2, random_state=0),
        ConvNetClassifier(first_units=3, filters=2, epochs=2, n_conv=2, pooling="average"),
        SmallNetClassifier(patch_size=4, filters=4, epochs=2, random_state=0),
        SmallNetClassifier(n_conv=1, filters=3, epochs=2, mirror=False),
    ],
)
def test_three_classes_and_sides_that_leave_a_rest(net: Any) -> None:
    random = np.random.default_rng(0)
    rows = random.random((30, 19 * 21), dtype=np.float32)
    net.set_params(image_shape=(19, 21), random_state=0)
    check_parity(net.fit(rows, ["a", "b", "c"] * 10), rows)


def test_rows_of_other_lengths_are_padded() -> None:
    rows = np.random.default_rng(0).random((20, 70), dtype=np.float32)
    for net in (
        ConvNetClassifier(first_units=4, filters=4, epochs=1, image_shape="pad"),
        SmallNetClassifier(filters=4, epochs=1, image_shape="pad"),
    ):
        check_parity(net.fit(rows, [0, 1] * 10), rows)


def test_corrected_probabilities_are_those_of_the_plan(
    faces: pd.DataFrame, rows: np.ndarray
) -> None:
    for name in ("patches", "small_3_2_1_mirrored"):
        fitted = ready_classifier(name, rows, faces.label)
        check_parity(TemperatureScaledClassifier.of_fitted(fitted, 2.5), rows)


def test_a_net_of_bfloat16_is_computed_in_float32(stripes: Any) -> None:
    rows, labels = stripes
    net = ConvNetClassifier(first_units=8, filters=8, epochs=8, random_state=0)
    net.set_params(precision="mixed_bfloat16").fit(rows, labels)
    differences = np.abs(run_plan(make_plan(net), rows) - net.predict_proba(rows))
    assert MOST < differences.max() < 0.02


def test_what_is_not_ours_is_refused_by_name(faces: pd.DataFrame) -> None:
    model = make_pipeline(ImageVectorizer(8), KNeighborsClassifier()).fit(faces.path, faces.label)
    with pytest.raises(TypeError, match="what KNeighborsClassifier computes cannot be described"):
        make_plan(model)


def test_rows_of_another_length_are_refused(faces: pd.DataFrame, rows: np.ndarray) -> None:
    plan = make_plan(make_contenders(16)["pixels"][-1].fit(rows, faces.label))
    with pytest.raises(ValueError, match=r"rows must have the shape \(n, 256\), not \(48, 255\)"):
        run_plan(plan, rows[:, 1:])
    assert run_plan(plan, rows[:0]).shape == (0, 2)


def test_the_interpreter_needs_numpy_alone() -> None:
    program = """
import sys
import skcomic.models.interpreter
print(sorted({"tensorflow", "keras", "sklearn", "pandas", "scipy"} & set(sys.modules)))
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"
