"""Plans as C: compiled with all warnings and sanitizers, and run."""

import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skcomic import ConvNetClassifier, ImageVectorizer, SmallNetClassifier, make_contenders
from skcomic.exports.c_program import compile_c, open_c
from skcomic.exports.c_source import plan_to_c
from skcomic.exports.source import ModelSource
from skcomic.images.decoding import resize_grey
from skcomic.models.interpreter import run_plan
from skcomic.models.plan import KINDS, Plan, Step
from skcomic.models.planning import make_plan
from skcomic.nets.base import NetClassifier

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")

SOURCE = ModelSource("1.0", "0123456789abcdef" * 4)
IMAGES = {"resample": "box", "background": "white", "max_pixels": 1000}
MOST = 1e-6  # of the differences of probabilities; what is exported is allowed 1e-4
MOST_INT8 = 0.05

# Images are written to its input as width, height and bytes. Their memory is neither larger nor
# smaller than they are, so that a sanitizer sees what is read around them.
MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include "model.c"

int main(int argc, char **argv)
{
    static float row[SKCOMIC_N_PIXELS], probabilities[SKCOMIC_N_CLASSES];
    const char kind = argc > 1 ? argv[1][0] : 'r';

    if (kind == 'c')
        for (int i = 0; i < SKCOMIC_N_CLASSES; i++)
            printf("%s%c", skcomic_classes[i], 0);
    while (kind == 'r' && fread(row, sizeof row, 1, stdin) == 1) {
        if (skcomic_predict_row(row, probabilities) != 0)
            return 1;
        fwrite(probabilities, sizeof probabilities, 1, stdout);
    }
#ifdef SKCOMIC_WIDTH
    int32_t size[2];

    while ((kind == 'i' || kind == 'l') && fread(size, sizeof size, 1, stdin) == 1) {
        uint8_t *grey = malloc((size_t)size[0] * (size_t)size[1]);

        if (grey == NULL || fread(grey, (size_t)size[0], (size_t)size[1], stdin) == 0)
            return 1;
        if (kind == 'i' && skcomic_predict(grey, size[0], size[1], probabilities) != 0)
            return 1;
        if (kind == 'i')
            fwrite(probabilities, sizeof probabilities, 1, stdout);
        if (kind == 'l') {
            skcomic_read_grey(grey, size[0], size[1]);
            fwrite(skcomic_a, sizeof row, 1, stdout);
        }
        free(grey);
    }
    if (kind == 'e')
        printf("%d %d %d %d %d %d %d\\n", skcomic_predict_row(NULL, row),
               skcomic_predict_row(row, NULL), skcomic_predict(NULL, 1, 1, row),
               skcomic_predict((uint8_t *)row, 1, 1, NULL),
               skcomic_predict((uint8_t *)row, 0, 1, row),
               skcomic_predict((uint8_t *)row, 1, -1, row),
               skcomic_predict((uint8_t *)row, 1, 1, probabilities));
#endif
    return 0;
}
"""
WARNINGS = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"]


def build(plan: Plan, folder: Path, precision: str = "float32") -> Path:
    """Compile the C of a plan so that nothing undefined stays unseen."""
    (folder / "model.c").write_bytes(plan_to_c(plan, SOURCE, precision=precision))
    (folder / "main.c").write_text(MAIN)
    checks = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    for command in (
        ["cc", *WARNINGS, *checks, "-o", "program", "main.c", "-lm"],
        ["clang", *WARNINGS, "-fsyntax-only", "main.c"],
    ):
        if shutil.which(command[0]):
            subprocess.run(command, cwd=folder, check=True)
    return folder / "program"


def run(program: Path, kind: str, data: bytes = b"") -> bytes:
    result = subprocess.run([program, kind], input=data, capture_output=True)
    assert (result.returncode, result.stderr) == (0, b"")
    return result.stdout


def predict_rows(program: Path, rows: np.ndarray) -> np.ndarray:
    return np.frombuffer(run(program, "rows", rows.tobytes()), np.float32).reshape(len(rows), -1)


def as_input(images: list[np.ndarray]) -> bytes:
    return b"".join(
        np.array(image.shape[::-1], np.int32).tobytes() + image.tobytes() for image in images
    )


def check_parity(plan: Plan, rows: np.ndarray, folder: Path) -> None:
    """Compare the C of a plan with the plan."""
    expected, computed = run_plan(plan, rows), predict_rows(build(plan, folder), rows)
    assert 0 < expected.min() < expected.max() < 1
    assert np.abs(computed - expected).max() <= MOST
    assert (computed.argmax(axis=1) == expected.argmax(axis=1)).all()


def round_weights(plan: Plan) -> Plan:
    """Round those of each output channel to whole multiples of one scale."""
    steps = []
    for step in plan.steps:
        arrays = dict(step.arrays)
        if step.kind in ("convolution", "dense", "patches"):
            weights = next(iter(KINDS[step.kind].arrays))
            axes = (1, 2) if step.kind == "patches" else tuple(range(arrays[weights].ndim - 1))
            scale = np.abs(arrays[weights]).max(axis=axes, keepdims=True) / 127
            arrays[weights] = np.rint(arrays[weights] / scale) * scale
        steps.append(step._replace(arrays=arrays))
    return plan._replace(steps=steps)


def make_dense_plan(height: int, width: int, classes: list, resample: str = "box") -> Plan:
    random = np.random.default_rng(0)
    n_outputs = 1 if len(classes) == 2 else len(classes)
    weights = random.normal(size=(height * width, n_outputs)).astype(np.float32)
    arrays = {"weights": weights, "offset": weights[0]}
    end = Step("sigmoid" if n_outputs == 1 else "softmax", {}, {})
    images = {**IMAGES, "height": height, "width": width, "resample": resample}
    return Plan(images, height * width, classes, False, [Step("dense", {}, arrays), end])


@pytest.fixture(scope="module")
def rows(faces: pd.DataFrame) -> np.ndarray:
    return ImageVectorizer(16).fit_transform(faces.path)


@pytest.fixture(scope="module")
def fitted_plan(faces: pd.DataFrame, rows: np.ndarray) -> Callable[[str], Plan]:
    """Make the plan of a contender; of nets, with random weights, which takes a tenth as long."""
    few = slice(None, None, 6)

    @cache
    def fit(name: str) -> Plan:
        classifier = make_contenders(16, random_state=0)[name][-1]
        if isinstance(classifier, NetClassifier):
            random = np.random.default_rng(0)
            weights = classifier.initialize(rows[few], faces.label[few]).model_.get_weights()
            weights = [weight + random.normal(0, 0.05, weight.shape) for weight in weights]
            classifier.model_.set_weights(weights)
        else:
            classifier.fit(rows[few], faces.label[few])
        return make_plan(classifier)._replace(images={**IMAGES, "height": 16, "width": 16})

    return fit


@pytest.mark.parametrize("name", make_contenders(16))
def test_every_contender_gives_the_probabilities_of_its_plan(
    name: str, fitted_plan: Callable[[str], Plan], rows: np.ndarray, tmp_path: Path
) -> None:
    check_parity(fitted_plan(name), rows[::4], tmp_path)


def test_each_class_against_the_others(tmp_path: Path) -> None:
    plan = make_dense_plan(2, 2, ["a", "b", "c"])
    plan.steps[1] = Step("one_vs_rest", {}, {})
    check_parity(plan, np.random.default_rng(0).random((8, 4), np.float32), tmp_path)


@pytest.mark.parametrize(
    "name", ["small_3_4_1_mirrored", "8_average_2", "pixels", "hog", "patches"]
)
def test_int8_rounds_weights_and_nothing_else(
    name: str, fitted_plan: Callable[[str], Plan], rows: np.ndarray, tmp_path: Path
) -> None:
    plan = fitted_plan(name)
    computed = predict_rows(build(plan, tmp_path, "int8"), rows)
    assert np.abs(computed - run_plan(plan, rows)).max() <= MOST_INT8
    assert np.abs(computed - run_plan(round_weights(plan), rows)).max() <= MOST


def test_a_channel_of_zeros_stays_one(tmp_path: Path) -> None:
    plan = make_dense_plan(2, 2, ["a", "b", "c"])
    plan.steps[0].arrays["weights"][:, 1] = 0
    rows = np.zeros((1, 4), np.float32)
    computed = predict_rows(build(plan, tmp_path, "int8"), rows)
    assert computed == pytest.approx(run_plan(plan, rows), abs=MOST)


@pytest.mark.parametrize(
    "net",
    [
        ConvNetClassifier(first_units=3, filters=2, n_conv=2, pooling="average", kernel_size=2),
        SmallNetClassifier(patch_size=4, filters=4),
    ],
)
def test_three_classes_and_sides_that_leave_a_rest(net: ConvNetClassifier, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).random((30, 19 * 21), dtype=np.float32)
    net.set_params(image_shape=(19, 21), random_state=0, epochs=1)
    plan = make_plan(net.fit(rows[:9], ["a", "b", "c"] * 3))
    steps = [*plan.steps, Step("temperature", {"temperature": 2.5}, {})]
    check_parity(plan._replace(steps=steps), rows, tmp_path)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_poolings_follow_any_step(precision: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)

    def draw(**shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
        arrays = {name: random.normal(size=shape) for name, shape in shapes.items()}
        arrays["offset"] /= 10
        return {name: array.astype(np.float32) for name, array in arrays.items()}

    steps = [
        Step("image", {"height": 27, "width": 31}, {}),
        Step("average_pooling", {"side": 2}, {}),
        Step("convolution", {"same": 1}, draw(kernel=(2, 3, 1, 4), offset=(4,))),
        Step("affine", {}, draw(scale=(4,), offset=(4,))),
        Step("relu", {}, {}),
        Step("affine", {}, draw(scale=(4,), offset=(4,))),
        Step("average_pooling", {"side": 3}, {}),
        Step("convolution", {"same": 0}, draw(kernel=(1, 1, 4, 3), offset=(3,))),
        Step("max_pooling", {"side": 1}, {}),
        Step("max_pooling", {"side": 2}, {}),
        Step("convolution", {"same": 1}, draw(kernel=(3, 3, 3, 2), offset=(2,))),
        Step("flatten", {}, {}),
        Step("relu", {}, {}),
        Step("dense", {}, draw(weights=(8, 3), offset=(3,))),
        Step("softmax", {}, {}),
    ]
    plan = Plan(None, 27 * 31, ["a", "b", "c"], True, steps)
    rows = (random.random((30, 27 * 31)) * random.random((30, 1))).astype(np.float32)
    expected = run_plan(round_weights(plan) if precision == "int8" else plan, rows)
    computed = predict_rows(build(plan, tmp_path, precision), rows)
    assert expected.std(axis=0).min() > 0.01
    assert np.abs(computed - expected).max() <= MOST


def test_a_plan_of_rows_has_no_function_of_images(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).random((20, 70), dtype=np.float32)
    net = ConvNetClassifier(first_units=2, filters=2, epochs=1, image_shape="pad", random_state=0)
    plan = make_plan(net.fit(rows[:8], [0, 1] * 4))
    check_parity(plan, rows, tmp_path)
    assert b"skcomic_predict(" not in plan_to_c(plan, SOURCE)


@pytest.mark.parametrize("size", [(16, 16), (13, 7), (1, 1)])
def test_images_are_resized_as_elsewhere(size: tuple[int, int], tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    sides = [1, 2, 3, 5, 7, 13, 14, 16, 17, 26, 31, 32, 39, 48, 80, 91, 97, 112, 211]
    shapes = [*product(sides, sides), (1, 5003), (4001, 2), (3203, 16), (13, 3500)]
    images = [random.integers(0, 256, shape, np.uint8) for shape in shapes]
    flat = product([(251, 509), (208, 112)], [0, 1, 254, 255])
    images += [np.full(shape, level, np.uint8) for shape, level in flat]
    expected = [resize_grey(Image.fromarray(image), size) for image in images]
    program = build(make_dense_plan(*size, ["a", "b"]), tmp_path)
    levels = np.frombuffer(run(program, "levels", as_input(images)), np.float32)
    assert (levels.reshape(-1, *size) == np.stack(expected).astype(np.float32) / 255).all()


def test_images_of_any_size_are_predicted(
    fitted_plan: Callable[[str], Plan], tmp_path: Path
) -> None:
    plan = fitted_plan("small_3_2_1_mirrored")
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, shape, np.uint8) for shape in ((90, 41), (8, 8), (48, 64))]
    resized = [resize_grey(Image.fromarray(image), (16, 16)).ravel() for image in images]
    rows = np.stack(resized).astype(np.float32) / 255
    program = build(plan, tmp_path)
    result = np.frombuffer(run(program, "images", as_input(images)), np.float32).reshape(-1, 2)
    assert np.abs(result - run_plan(plan, rows)).max() <= MOST


def test_odd_names_of_classes_stay_text_and_wrong_arguments_are_refused(tmp_path: Path) -> None:
    classes = [
        "a*/b", "/*", '";}', "\\", "\\n", "??/", "line\nbreak\r", "%s%n",
        "</script><img src=x onerror=alert(1)>", "ÿ1 漢字\u202e",
        "", True, 2, 0.5,
    ]  # fmt: skip
    program = build(make_dense_plan(3, 3, classes), tmp_path)
    assert run(program, "classes").decode().split("\0")[:-1] == [str(label) for label in classes]
    assert run(program, "errors") == b"-1 -1 -1 -1 -2 -2 0\n"


@pytest.mark.parametrize(
    ("name", "precision"), [("hog", "int8"), ("patches", "float32"), ("small_3_4_1", "int8")]
)
def test_the_memory_is_what_the_file_says(
    name: str, precision: str, fitted_plan: Callable[[str], Plan], tmp_path: Path
) -> None:
    content = plan_to_c(fitted_plan(name), SOURCE, precision=precision)
    (tmp_path / "model.c").write_bytes(content)
    subprocess.run(["cc", "-c", "model.c"], cwd=tmp_path, check=True)
    symbols = subprocess.run(
        ["nm", "--print-size", "model.o"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    sized = [line.split() for line in symbols if len(line.split()) == 4]
    for kind, macro in (("b", "RAM_BYTES"), ("r", "WEIGHT_BYTES")):
        n_bytes = sum(int(size, 16) for _, size, found, _ in sized if found == kind)
        assert f"#define SKCOMIC_{macro} {n_bytes}\n" in content.decode()


def test_what_is_pooled_is_not_kept(fitted_plan: Callable[[str], Plan]) -> None:
    content = plan_to_c(fitted_plan("small_3_4_1"), SOURCE)
    n_values = 16 * 16 + 4 * 4 * 18 + 18  # the image, its pooled convolution, and one pixel
    assert f"#define SKCOMIC_RAM_BYTES {4 * n_values}\n" in content.decode()


def test_what_c_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot resize images with the filter 'lanczos': train"):
        plan_to_c(make_dense_plan(2, 2, ["a", "b"], "lanczos"), SOURCE)
    with pytest.raises(ValueError, match="precision must be 'float32' or 'int8', not 'int4'"):
        plan_to_c(make_dense_plan(2, 2, ["a", "b"]), SOURCE, precision="int4")
    plan = make_dense_plan(2, 2, ["a", "b"])
    plan.steps[0].arrays["weights"][0] = np.nan
    with pytest.raises(ValueError, match="weights that are not finite: train it again"):
        plan_to_c(plan, SOURCE)


def test_it_is_compiled_and_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_dense_plan(2, 3, ["a", "b", "c"])
    content = plan_to_c(plan, SOURCE)
    rows = np.random.default_rng(0).random((9, 6), dtype=np.float32)
    result = open_c(content)(rows)
    assert result.dtype == np.float32
    assert result == pytest.approx(run_plan(plan, rows), abs=MOST)
    assert open_c(content)(rows[:0]).shape == (0, 3)
    with pytest.raises(ValueError, match=r"rows must have the shape \(n, 6\), not \(9, 5\)"):
        open_c(content)(rows[:, 1:])
    with pytest.raises(ValueError, match=r"the C compiler failed: (.|\n)*error"):
        compile_c(content + b"}", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"install one \(cc\), or pass check=None"):
        open_c(content)(rows)
