"""TensorFlow Lite files, of which TensorFlow's interpreter gives what the plan gives."""

import io
import json
import subprocess
import sys
import zipfile
from typing import Any

import numpy as np
import pandas as pd
import pytest
from untrained import ready_classifier

from skcomic import ConvNetClassifier, ImageVectorizer, SmallNetClassifier, make_contenders
from skcomic.exports.source import ModelSource
from skcomic.exports.tflite_file import DESCRIPTION, open_tflite, plan_to_tflite
from skcomic.models.interpreter import run_plan
from skcomic.models.plan import Plan, Step
from skcomic.models.planning import make_plan

SOURCE = ModelSource("1.0", "ab" * 32)
# Of the differences of probabilities, and the least share of equal answers.
BOUNDS = {"float32": (2e-6, 1.0), "int8": (0.05, 0.9)}
FLOATS_ALONE = {"gradients", "patches"}
# Of each family without and with mirror images, and all kinds of steps.
NAMES = (
    "8_average_1", "16_max_2", "small_3_4_1", "small_3_2_2_mirrored",
    "pixels", "hog_mirrored", "patches",
)  # fmt: skip


def check_parity(plan: Plan, rows: np.ndarray, precision: Any = "float32") -> None:
    """Compare the file of a plan with the plan."""
    content = plan_to_tflite(plan, SOURCE, precision=precision, calibration_rows=rows)
    expected, computed = run_plan(plan, rows), open_tflite(content)(rows)
    assert computed.dtype == np.float32
    assert computed.shape == expected.shape
    most, least = BOUNDS[precision]
    assert np.abs(computed - expected).max() <= most
    assert (computed.argmax(axis=1) == expected.argmax(axis=1)).mean() >= least


@pytest.fixture(scope="module")
def rows(faces: pd.DataFrame) -> np.ndarray:
    return ImageVectorizer(16).fit_transform(faces.path)


@pytest.fixture(scope="module", params=NAMES)
def plan(request: pytest.FixtureRequest, faces: pd.DataFrame, rows: np.ndarray) -> Plan:
    """The plan of a contender."""
    model = make_contenders(16, random_state=0)[request.param]
    if "epochs" in model[-1].get_params():
        model.set_params(classify__epochs=2)
    return make_plan(model[-1].fit(rows, faces.label))


@pytest.fixture(scope="module")
def net_plan(rows: np.ndarray, faces: pd.DataFrame) -> Plan:
    """The plan of a mirrored net that is sure of its answers."""
    net = SmallNetClassifier(filters=8, mirror=True, epochs=10, random_state=0)
    return make_plan(net.fit(rows, faces.label))


def test_a_file_gives_the_probabilities_of_the_plan(plan: Plan, rows: np.ndarray) -> None:
    check_parity(plan, rows)


def test_each_class_against_the_others(rows: np.ndarray) -> None:
    check_parity(make_plan(ready_classifier("pixels_sgd", rows, np.arange(len(rows)) % 3)), rows)


def test_a_net_of_eight_bits_gives_nearly_the_same(plan: Plan, rows: np.ndarray) -> None:
    if FLOATS_ALONE.isdisjoint(step.kind for step in plan.steps):
        check_parity(plan, rows, "int8")
        return
    with pytest.raises(ValueError, match=r"'int8' is too coarse for .*; use precision='float32'"):
        plan_to_tflite(plan, SOURCE, precision="int8", calibration_rows=rows)


@pytest.mark.slow
@pytest.mark.parametrize(
    "net",
    [
        ConvNetClassifier(first_units=3, filters=2, epochs=2, n_conv=2, pooling="average"),
        SmallNetClassifier(patch_size=4, filters=4, epochs=2),
    ],
)
def test_three_classes_and_sides_that_leave_a_rest(net: Any) -> None:
    rows = np.random.default_rng(0).random((30, 19 * 21), dtype=np.float32)
    net.set_params(image_shape=(19, 21), random_state=0)
    plan = make_plan(net.fit(rows, ["a", "b", "c"] * 10))
    check_parity(plan, rows)
    check_parity(plan, rows, "int8")


def test_rows_of_other_lengths_are_padded() -> None:
    rows = np.random.default_rng(0).random((20, 70), dtype=np.float32)
    net = SmallNetClassifier(filters=4, epochs=1, image_shape="pad", random_state=0)
    plan = make_plan(net.fit(rows, [0, 1] * 10))
    check_parity(plan, rows)
    check_parity(plan, rows, "int8")


@pytest.mark.parametrize("temperature", [0.5, 2.5])
def test_corrected_probabilities_of_a_mirrored_net(
    net_plan: Plan, rows: np.ndarray, temperature: float
) -> None:
    assert net_plan.is_mirrored
    assert np.ptp(run_plan(net_plan, rows)[:, 0]) > 0.5
    step = Step("temperature", {"temperature": temperature}, {})
    plan = net_plan._replace(steps=[*net_plan.steps, step])
    check_parity(plan, rows)
    check_parity(plan, rows, "int8")


def test_the_scores_of_eight_bits_become_probabilities_of_more(
    net_plan: Plan, rows: np.ndarray
) -> None:
    content = plan_to_tflite(net_plan, SOURCE, precision="int8", calibration_rows=rows)
    probabilities = open_tflite(content)(rows)
    assert len(content) < 0.7 * len(plan_to_tflite(net_plan, SOURCE))
    assert (probabilities > 0).all()
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-6)


def test_a_negative_scale_after_the_maximum(net_plan: Plan, rows: np.ndarray) -> None:
    steps = [
        step
        if step.kind != "affine"
        else step._replace(arrays={**step.arrays, "scale": -step.arrays["scale"]})
        for step in net_plan.steps
    ]
    assert "affine" in [step.kind for step in steps]
    check_parity(net_plan._replace(steps=steps), rows)


@pytest.mark.parametrize("orientations", [1, 4, 9, 12])
def test_gradients_on_the_borders_of_directions(orientations: int) -> None:
    # Differences are whole numbers of levels: some gradients are upright, flat or diagonal, and
    # diagonal ones are so but for rounding.
    images = np.random.default_rng(0).integers(0, 256, (300, 12 * 13))
    numbers = {"orientations": orientations, "cell_size": 4, "block_size": 2}
    n_features = 2 * 2 * 4 * orientations
    weights = np.random.default_rng(1).normal(size=(n_features, 1)).astype(np.float32)
    steps = [
        Step("image", {"height": 12, "width": 13}, {}),
        Step("gradients", numbers, {}),
        Step("dense", {}, {"weights": weights, "offset": np.zeros(1, dtype=np.float32)}),
        Step("sigmoid", {}, {}),
    ]
    plan = Plan(None, 12 * 13, ["a", "b"], False, steps)
    check_parity(plan, (images / np.float32(255)).astype(np.float32))


def test_the_file_says_what_it_is(net_plan: Plan) -> None:
    classes = ["</script><img src=x onerror=alert(1)> \"'", "a*/b\n\u2028é"]
    images = {"height": 16, "width": 16, "resample": "box", "background": "white"}
    plan = net_plan._replace(classes=classes, images=images)
    content = plan_to_tflite(plan, SOURCE)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        description = json.loads(archive.read(DESCRIPTION))
    assert description == {
        "version": "1.0", "digest": "ab" * 32, "threshold": None, "precision": "float32",
        "classes": classes,
        "n_pixels": 256, "images": images,
    }  # fmt: skip
    assert plan_to_tflite(plan, SOURCE) == content


def test_what_cannot_be_computed_is_refused(net_plan: Plan, rows: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"precision must be among .*, not 'int4'"):
        plan_to_tflite(net_plan, SOURCE, precision="int4")  # type: ignore[arg-type]
    for none in (None, rows[:0]):
        with pytest.raises(ValueError, match="precision='int8' needs calibration_rows, such as"):
            plan_to_tflite(net_plan, SOURCE, precision="int8", calibration_rows=none)
    message = r"rows must have the shape \(n, 256\), not \(48, 255\)"
    with pytest.raises(ValueError, match=f"calibration_{message}"):
        plan_to_tflite(net_plan, SOURCE, precision="int8", calibration_rows=rows[:, 1:])
    content = plan_to_tflite(net_plan, SOURCE)
    with pytest.raises(ValueError, match=f"^{message}"):
        open_tflite(content)(rows[:, 1:])
    assert open_tflite(content)(rows[:0]).shape == (0, 2)


@pytest.mark.slow
def test_nothing_is_printed_and_tensorflow_waits_for_a_plan() -> None:
    program = """
import sys
import numpy as np
from skcomic.exports.tflite_file import plan_to_tflite, open_tflite
print(sorted({"tensorflow", "keras", "sklearn", "pandas"} & set(sys.modules)))
from skcomic.exports.source import ModelSource
from skcomic.models.plan import Plan, Step
arrays = {"weights": np.ones((4, 1), dtype="f4"), "offset": np.zeros(1, dtype="f4")}
plan = Plan(None, 4, [0, 1], False, [Step("dense", {}, arrays), Step("sigmoid", {}, {})])
rows = np.eye(4, dtype="f4")
for precision in ("float32", "int8"):
    source = ModelSource("1.0", "")
    content = plan_to_tflite(plan, source, precision=precision, calibration_rows=rows)
    print(open_tflite(content)(rows).shape)
"""
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (result.stdout, result.stderr) == ("[]\n(4, 2)\n(4, 2)\n", "")
