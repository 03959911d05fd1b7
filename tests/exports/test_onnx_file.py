"""Models as ONNX files, run by onnxruntime and compared with their plans."""

import hashlib
import json
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from untrained import ready_classifier

from skcomic import make_contenders
from skcomic.exports.onnx_file import open_onnx, plan_to_onnx
from skcomic.exports.source import ModelSource
from skcomic.images.decoding import resize_grey
from skcomic.images.loading import rasters_to_rows
from skcomic.models.interpreter import run_plan
from skcomic.models.plan import Plan, Step
from skcomic.models.planning import make_plan
from skcomic.models.runtime import choose_runner, open_session

onnx = pytest.importorskip("onnx", reason="needs onnx, which is not installed")
pytest.importorskip("onnxruntime", reason="needs onnxruntime, which is not installed")

MOST = 1e-5  # of the differences of probabilities
SOURCE = ModelSource("1.2.3", hashlib.sha256(b"model").hexdigest())
ODD_NAMES = [
    "a*/b", "</script><img src=x onerror=alert(1)>", "it's \"odd\"", "漫画", "one\nline\r\n\tmore",
]  # fmt: skip


def images_of(height: int, width: int, resample: str = "box") -> dict[str, Any]:
    """Describe images of this size, as a plan does."""
    size = {"height": height, "width": width}
    return size | {"resample": resample, "background": "white", "max_pixels": 10**6}


def plan_of_pixels(height: int, width: int) -> Plan:
    """Make a plan whose probabilities are the grey levels of an image."""
    return Plan(images_of(height, width), height * width, list(range(height * width)), False, [])


def plan_of_features(step: Step, height: int, width: int, n_features: int) -> Plan:
    """Make a plan whose probabilities are what a step computes of an image."""
    steps = [Step("image", {"height": height, "width": width}, {}), step]
    return Plan(None, height * width, list(range(n_features)), False, steps)


def plan_of_rows(classes: list[Any], resample: str | None = None) -> Plan:
    """Make a small plan of 3x4 pixels; with a filter, of images."""
    random = np.random.default_rng(0)
    weights = random.standard_normal((12, len(classes)), dtype=np.float32)
    arrays = {"weights": weights, "offset": np.zeros(len(classes), dtype=np.float32)}
    images = images_of(3, 4, resample) if resample else None
    return Plan(images, 12, classes, False, [Step("dense", {}, arrays), Step("softmax", {}, {})])


def check_parity(plan: Plan, rows: np.ndarray) -> None:
    """Compare an ONNX file with the plan."""
    expected, computed = run_plan(plan, rows), open_onnx(plan_to_onnx(plan, SOURCE))(rows)
    assert computed.dtype == np.float32
    assert computed.shape == expected.shape
    assert np.abs(computed - expected).max() <= MOST
    assert (computed.argmax(axis=1) == expected.argmax(axis=1)).all()


def as_pillow(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Make rows of RGB images as `ImageVectorizer` does."""
    greys = [Image.fromarray(image).convert("L") for image in images]
    return rasters_to_rows(np.stack([resize_grey(grey, size) for grey in greys]))


@pytest.fixture(scope="module")
def colours(faces: pd.DataFrame) -> np.ndarray:
    """The decoded images of `faces`."""
    images = []
    for path in faces.path:
        with Image.open(path) as image:
            images.append(np.asarray(image.convert("RGB")))
    return np.stack(images)


@pytest.fixture(scope="module")
def rows(colours: np.ndarray) -> np.ndarray:
    return as_pillow(colours, (16, 16))


@pytest.mark.parametrize("name", make_contenders(16))
def test_the_file_of_every_contender_gives_the_probabilities_of_its_plan(
    name: str, faces: pd.DataFrame, rows: np.ndarray, colours: np.ndarray
) -> None:
    plan = make_plan(ready_classifier(name, rows, faces.label))._replace(images=images_of(16, 16))
    assert plan.is_mirrored == (name.startswith("small") and name.endswith("mirrored"))
    check_parity(plan, rows)
    assert run_plan(plan, rows)[:, 0].std() > 1e-3  # images are told apart
    # Of images that Pillow reduces, and of those that it resizes in two passes.
    content = plan_to_onnx(plan, SOURCE, inputs="rgb")
    for images in (colours, np.ascontiguousarray(colours[:, 3:, 7:])):
        expected = run_plan(plan, as_pillow(images, (16, 16)))
        computed = open_onnx(content)(images)
        assert np.abs(computed - expected).max() <= MOST
        assert (computed.argmax(axis=1) == expected.argmax(axis=1)).all()


def test_each_class_against_the_others(rows: np.ndarray) -> None:
    check_parity(make_plan(ready_classifier("pixels_sgd", rows, np.arange(len(rows)) % 3)), rows)


def test_three_classes_and_sides_that_leave_a_rest() -> None:
    random = np.random.default_rng(0)

    def step(kind: str, numbers: dict[str, int], **shapes: tuple[int, ...]) -> Step:
        arrays = {name: random.random(shape, np.float32) for name, shape in shapes.items()}
        return Step(kind, numbers, {name: array - 0.4 for name, array in arrays.items()})

    steps = [
        step("image", {"height": 19, "width": 21}),  # of rows that are shorter
        step("convolution", {"same": 1}, kernel=(2, 4, 1, 4), offset=(4,)),
        step("max_pooling", {"side": 2}),
        step("affine", {}, scale=(4,), offset=(4,)),
        step("relu", {}),
        step("convolution", {"same": 0}, kernel=(3, 2, 4, 5), offset=(5,)),
        step("average_pooling", {"side": 3}),
        step("flatten", {}),
        step("standardise", {}, mean=(30,), scale=(30,)),
        step("dense", {}, weights=(30, 3), offset=(3,)),
        step("softmax", {}),
    ]
    rows = random.random((30, 390), np.float32)
    check_parity(Plan(None, 390, ["a", "b", "c"], False, steps), rows)


@pytest.mark.parametrize("temperature", [0.5, 2.5])
def test_corrected_probabilities(temperature: float) -> None:
    plan = plan_of_rows(["a", "b", "c"])
    rows = np.random.default_rng(0).random((20, 12), dtype=np.float32)
    rows[10:] *= 100  # so sure that the smallest probability counts as the least above 0
    corrected = [*plan.steps, Step("temperature", {"temperature": temperature}, {})]
    check_parity(plan._replace(steps=corrected), rows)


def test_batches_of_any_number_of_images() -> None:
    plan = plan_of_rows(["a", "b", "c"], "box")
    grey, rgb = plan_to_onnx(plan, SOURCE), plan_to_onnx(plan, SOURCE, inputs="rgb")
    random = np.random.default_rng(0)
    for n_images in (0, 1, 9):
        images = random.integers(0, 256, (n_images, 20, 10, 3), dtype=np.uint8)
        assert open_onnx(rgb)(images).shape == (n_images, 3)
        rows = random.random((n_images, 12), dtype=np.float32)
        probabilities = open_onnx(grey)(rows)
        assert probabilities.shape == (n_images, 3)
        assert np.allclose(probabilities, run_plan(plan, rows), atol=MOST, rtol=0)


@pytest.mark.parametrize("orientations", [1, 2, 3, 4, 8, 9, 12])
def test_gradients_on_the_border_of_two_directions(orientations: int) -> None:
    step = Step("gradients", {"orientations": orientations, "cell_size": 4, "block_size": 2}, {})
    plan = plan_of_features(step, 13, 18, 2 * 3 * 4 * orientations)
    random = np.random.default_rng(0)
    # Few levels: many gradients run along a side or a diagonal, and many are 0.
    rows = random.integers(0, 4, (40, 13 * 18)).astype(np.float32) / 4
    rows[0], rows[1] = 0, 1
    features = open_onnx(plan_to_onnx(plan, SOURCE))(rows)
    assert np.abs(features - run_plan(plan, rows)).max() <= 1e-6
    assert features[2:].max() > 0.1


def test_patches_without_contrast() -> None:
    random = np.random.default_rng(0)
    arrays = {
        "filters": random.standard_normal((5, 3, 3), dtype=np.float32),
        "offsets": random.standard_normal(5, dtype=np.float32),
    }
    plan = plan_of_features(Step("patches", {"grid": 3}, arrays), 11, 9, 5 * 2 * 9)
    rows = random.random((20, 99), dtype=np.float32)
    rows[0], rows[1] = 0, 1
    features = open_onnx(plan_to_onnx(plan, SOURCE))(rows)
    assert np.abs(features - run_plan(plan, rows)).max() <= MOST
    assert features.min() == 0


@pytest.mark.parametrize("size", [(16, 16), (7, 13), (1, 5), (33, 8)])
def test_images_become_the_same_levels_as_with_pillow(size: tuple[int, int]) -> None:
    content = plan_to_onnx(plan_of_pixels(*size), SOURCE, inputs="rgb")
    session = open_session(content)
    random = np.random.default_rng(0)
    height, width = size
    shapes = [
        size, (2 * height, 3 * width), (5 * height, width), (height + 1, width), (64, 64),
        (1, 1), (1, 37), (53, 1), (101, 103), (997, 211), (211, 997), (211, 200), (4, 3),
    ]  # fmt: skip
    shapes += [tuple(random.integers(1, 150, 2)) for _ in range(20)]
    for shape in shapes:
        images = random.integers(0, 256, (2, *shape, 3), dtype=np.uint8)
        images[1] |= 0xF0  # so light that rounding reaches white
        levels = session.run(["probabilities"], {"images": images})[0]
        assert np.array_equal(levels, as_pillow(images, size)), shape


def test_all_greys_stay_themselves() -> None:
    images = np.repeat(np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1), 3, axis=3)
    content = plan_to_onnx(plan_of_pixels(16, 16), SOURCE, inputs="rgb")
    levels = open_onnx(content)(images)
    assert np.array_equal(levels[0], np.arange(256, dtype=np.float32) / 255)


def test_a_model_of_rows_takes_no_images() -> None:
    plan = plan_of_rows(["a", "b"])
    check_parity(plan, np.random.default_rng(0).random((5, 12), dtype=np.float32))
    with pytest.raises(ValueError, match="the model takes rows of pixels, not images"):
        plan_to_onnx(plan, SOURCE, inputs="rgb")


def test_other_filters_are_refused_where_images_are_resized() -> None:
    plan = plan_of_rows(["a", "b"], "lanczos")
    check_parity(plan, np.random.default_rng(0).random((5, 12), dtype=np.float32))
    with pytest.raises(ValueError, match=r"by the filter 'lanczos', only by 'box': export it"):
        plan_to_onnx(plan, SOURCE, inputs="rgb")


def test_other_inputs_are_refused() -> None:
    with pytest.raises(ValueError, match=re.escape("one of ('grey', 'rgb'), not 'RGB'")):
        plan_to_onnx(plan_of_rows(["a", "b"]), SOURCE, inputs="RGB")


@pytest.mark.parametrize("classes", [ODD_NAMES, [0, 1, 7], [0.5, 1.5], [False, True]])
def test_the_file_says_what_it_is(classes: list[Any]) -> None:
    model = onnx.load_from_string(plan_to_onnx(plan_of_rows(classes, "box"), SOURCE))
    facts = {entry.key: entry.value for entry in model.metadata_props}
    found = json.loads(facts.pop("classes"))
    assert found == classes
    assert [type(label) for label in found] == [type(label) for label in classes]
    assert json.loads(facts.pop("input")) == {
        "type": "grey", "n_pixels": 12, "images": images_of(3, 4), "scale": "level / 255",
        "grey": "(R * 19595 + G * 38470 + B * 7471 + 32768) >> 16",
    }  # fmt: skip
    assert facts == {"skcomic_version": "1.2.3", "model_sha256": SOURCE.digest}
    assert (model.producer_name, model.producer_version) == ("skcomic", "1.2.3")
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]
    assert all(value.doc_string for value in (*model.graph.input, *model.graph.output))


@pytest.mark.parametrize(
    ("inputs", "entry"),
    [
        ("grey", ("rows", "tensor(float)", ["n", 12])),
        ("rgb", ("images", "tensor(uint8)", ["n", "height", "width", 3])),
    ],
)
def test_inputs_and_outputs(inputs: Any, entry: tuple[str, str, list[Any]]) -> None:
    session = open_session(plan_to_onnx(plan_of_rows(["a", "b"], "box"), SOURCE, inputs=inputs))
    assert [(one.name, one.type, one.shape) for one in session.get_inputs()] == [entry]
    assert [(one.name, one.type, one.shape) for one in session.get_outputs()] == [
        ("probabilities", "tensor(float)", ["n", 2]),
        ("label", "tensor(int64)", ["n"]),
    ]


def test_the_label_is_the_number_of_the_most_probable_class() -> None:
    plan = plan_of_rows(ODD_NAMES)
    rows = np.random.default_rng(0).random((50, 12), dtype=np.float32)
    (labels,) = open_session(plan_to_onnx(plan, SOURCE)).run(["label"], {"rows": rows})
    assert labels.tolist() == run_plan(plan, rows).argmax(axis=1).tolist()
    assert len(set(labels.tolist())) > 1


def test_the_same_plan_gives_the_same_bytes() -> None:
    plan = plan_of_rows(ODD_NAMES, "box")
    for inputs in ("grey", "rgb"):
        assert plan_to_onnx(plan, SOURCE, inputs=inputs) == plan_to_onnx(
            plan, SOURCE, inputs=inputs
        )


def test_the_runner_gives_the_probabilities_of_the_plan() -> None:
    kernel = np.random.default_rng(0).normal(size=(2, 2, 1, 3)).astype(np.float32)
    steps = [
        Step("image", {"height": 3, "width": 4}, {}),
        Step("convolution", {"same": 0}, {"kernel": kernel, "offset": kernel[0, 0, 0]}),
        Step("max_pooling", {"side": 2}, {}),
        Step("flatten", {}, {}),
        Step("softmax", {}, {}),
    ]
    plan = Plan(None, 12, ["a", "b", "c"], False, steps)
    rows = np.random.default_rng(0).random((100, 12), dtype=np.float32)
    expected = run_plan(plan, rows)
    for n_images, is_numpy in ((1, True), (100, False)):
        run = choose_runner(plan, n_images)
        assert (run.func is run_plan) == is_numpy
        assert np.abs(run(rows) - expected).max() <= MOST
    linear = plan_of_rows(["a", "b", "c"])
    assert choose_runner(linear, 100).func is run_plan  # which is faster there


@pytest.mark.parametrize("name", ["onnx", "onnxruntime"])
def test_a_missing_package_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of_rows(["a", "b"])
    rows = np.zeros((1, 12), dtype=np.float32)
    content = plan_to_onnx(plan, SOURCE)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=rf'^{name} is needed .*pip install "skcomic\[onnx\]"'):
        open_onnx(content)(rows) if name == "onnxruntime" else plan_to_onnx(plan, SOURCE)


def test_nothing_is_imported_before_it_is_needed() -> None:
    program = """
import sys
import skcomic.exports.onnx_file
heavy = {"onnx", "onnxruntime", "tensorflow", "keras", "sklearn", "pandas", "scipy"}
print(sorted(heavy & set(sys.modules)))
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"
