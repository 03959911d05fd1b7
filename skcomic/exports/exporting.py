"""A fitted model -> a file for another program, once both have answered alike."""

import os
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from skcomic._files import write_file
from skcomic._version import __version__
from skcomic.exports.formats import FORMATS
from skcomic.exports.opening import row_predictor
from skcomic.exports.parity import (
    Parity,
    check_parity,
    draw_rows,
    measure_parity,
    parity_limit,
)
from skcomic.exports.source import ModelSource, Predict
from skcomic.images.decoding import PathLike
from skcomic.images.loading import WHITE
from skcomic.models.archive import PLAN, read_manifest, read_threshold
from skcomic.models.light import LightClassifier, make_vectorizer
from skcomic.models.persistence import load
from skcomic.models.plan import Plan
from skcomic.models.plan_files import load_plan
from skcomic.models.planning import make_plan

Inputs = Literal["grey", "rgb"]
Precision = Literal["float32", "int8"]


class Export(NamedTuple):
    """What `export` has written.

    Parameters
    ----------
    path : Path
        The file.
    n_bytes : int
        Its size.
    parity : Parity or None
        How far it differs from the model; None if that was not checked.

    Examples
    --------
    >>> Export(Path("model.onnx"), 14659, None).n_bytes
    14659
    """

    path: Path
    n_bytes: int
    parity: Parity | None


def export(
    model: Any,
    path: PathLike,
    format: Literal["onnx", "tflite", "c", "html"],
    *,
    inputs: Inputs = "grey",
    precision: Precision = "float32",
    calibration: pd.DataFrame | None = None,
    check: pd.DataFrame | Literal["drawn"] | None = "drawn",
    max_difference: float | None = None,
) -> Export:
    """Write a fitted model for another program, which needs neither skcomic nor Python.

    The file answers as the model does: both are given the same images first, and a file that
    answers otherwise is not written.

    Parameters
    ----------
    model : estimator, str or path-like
        A fitted contender of `make_contenders` or model of a study; or the file of a saved one.
    path : str or path-like
        The file. An existing one is replaced.
    format : {"onnx", "tflite", "c", "html"}
        "onnx": for onnxruntime and others. "tflite": for TensorFlow Lite. "c": one source file of
        C99, for a device. "html": one page for people, which classifies images in their browser.
    inputs : {"grey", "rgb"}, default="grey"
        What an ONNX file takes: rows of grey levels in [0, 1], or colour images of 8 bits and any
        size, which it makes grey and resizes.
    precision : {"float32", "int8"}, default="float32"
        Of the weights, in "c"; of weights and values, in "tflite".
    calibration : DataFrame, default=None
        Images of the training part, with a column `path`: they decide the ranges of the values of
        a "tflite" file in "int8", and are needed for that.
    check : DataFrame, "drawn" or None, default="drawn"
        Images on which the file is compared with the model, with columns `path` and `label` as
        from `load_catalogue`. If all labels are classes of the model, F-scores are compared too.
        "drawn": 50 pairs of `make_comic_faces` (or 100 random rows, of a model of rows). None: the
        file is written without having been run.
    max_difference : float, default=None
        The largest difference of probabilities that is allowed. None: 1e-5 for "onnx", else 1e-4;
        0.05 if the model computes in bfloat16; any for "int8", if at most 5 % of the answers are
        others.

    Returns
    -------
    export : Export
        What was written, and how far it differs.

    Raises
    ------
    TypeError
        If a part of the model is none of skcomic's; the message names it.
    ValueError
        If the file would answer otherwise, a format has no such option, or it cannot hold how the
        model resizes images.
    ModelFileError
        If the file of the model is none, or damaged.
    ImportError, FileNotFoundError
        If a package that the format needs, or a program that runs it, is not installed.

    See Also
    --------
    save : The file that skcomic itself reads.
    profile_model : What each format costs.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from skcomic import export, make_contenders
    >>> rows = np.random.default_rng(0).random((20, 64), dtype=np.float32)
    >>> model = make_contenders(8, random_state=0)["pixels"][-1].fit(rows, [0, 1] * 10)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     exported = export(model, f"{folder}/model.c", "c", check=None)
    >>> exported.n_bytes < 10_000
    True
    """
    options: dict[str, Any] = {}
    if inputs != "grey":
        options["inputs"] = inputs
    if precision != "float32":
        options["precision"] = precision
    _check_options(format, options, has_calibration=calibration is not None)
    plan, source = describe_model(model)
    if calibration is not None:
        options["calibration_rows"] = make_vectorizer(plan).transform(calibration.path)
    content = FORMATS[format].write(plan, source, **options)
    parity = None
    if check is not None:
        if isinstance(check, str):
            rows, labels = draw_rows(plan), None
        else:
            rows, labels = make_vectorizer(plan).transform(check.path), check.label
        full = load(model) if isinstance(model, str | os.PathLike) else model
        opened = FORMATS[format].open(content)
        if inputs == "rgb":
            opened = _of_rows(opened, plan)
        parity = measure_parity(row_predictor(full), opened, rows, labels, plan.classes)
        limit = parity_limit(full, FORMATS[format], precision)
        check_parity(parity, limit if max_difference is None else max_difference)
    write_file(Path(path), content)
    return Export(Path(path), len(content), parity)


def describe_model(model: Any) -> tuple[Plan, ModelSource]:
    """Return the plan of a fitted model or of a model file, and where it comes from.

    Parameters
    ----------
    model : estimator, str or path-like
        As for `export`.

    Returns
    -------
    plan : Plan
        What it computes.
    source : ModelSource
        With the digest and the threshold of the file, if it is one.

    Raises
    ------
    TypeError, ModelFileError
        As for `export`.
    """
    if isinstance(model, LightClassifier):
        return model.plan, ModelSource(__version__, "")
    if not isinstance(model, str | os.PathLike):
        return make_plan(model), ModelSource(__version__, "")
    manifest = read_manifest(model)
    plan = load_plan(model) if PLAN in manifest["members"] else make_plan(load(model))
    digest = sha256(Path(model).read_bytes()).hexdigest()
    return plan, ModelSource(__version__, digest, read_threshold(manifest))


def _of_rows(predict: Predict, plan: Plan) -> Predict:
    """Let what takes colour images take rows: as images of the model's size, all of them grey."""
    assert plan.images is not None  # or it could not have been written
    shape = (plan.images["height"], plan.images["width"])

    def predict_rows(rows: np.ndarray) -> np.ndarray:
        levels = np.rint(rows * WHITE).astype(np.uint8).reshape(-1, *shape, 1)
        return predict(np.repeat(levels, 3, axis=3))

    return predict_rows


def _check_options(format: str, options: dict[str, Any], *, has_calibration: bool) -> None:
    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, not {format!r}")
    for name, allowed in (("inputs", ("grey", "rgb")), ("precision", ("float32", "int8"))):
        value = options.get(name, allowed[0])
        if value not in allowed:
            raise ValueError(f"{name} must be {allowed[0]!r} or {allowed[1]!r}, not {value!r}")
    for name, value in options.items():
        if name not in FORMATS[format].options:
            able = [key for key, other in FORMATS.items() if name in other.options]
            raise ValueError(
                f"{name}={value!r} is of the format {' and '.join(able)}, not of {format}"
            )
    is_needed = format == "tflite" and "precision" in options
    if has_calibration != is_needed:
        raise ValueError(
            "a tflite file in int8 needs calibration, images of the training part"
            if is_needed
            else "calibration is of a tflite file in int8 only"
        )
