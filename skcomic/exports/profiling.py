"""What a model costs in each format: bytes, milliseconds, and what rounding to 8 bits loses."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from skcomic.exports.c_program import read_macro
from skcomic.exports.exporting import describe_model
from skcomic.exports.formats import FORMATS
from skcomic.exports.opening import open_full, open_light
from skcomic.exports.parity import draw_rows
from skcomic.exports.source import ModelSource, Predict
from skcomic.images.decoding import PathLike
from skcomic.models.light import make_vectorizer
from skcomic.models.plan import Plan
from skcomic.models.plan_costs import plan_costs
from skcomic.selection.scoring import score_labels

_WAYS = (
    ("full", "float32"), ("light", "float32"), ("onnx", "float32"), ("tflite", "float32"),
    ("tflite", "int8"), ("c", "float32"), ("c", "int8"), ("html", "float32"),
)  # fmt: skip
_RUNTIMES: dict[str, Callable[[Any], Predict]] = {"full": open_full, "light": open_light}
_COLUMNS = (
    "format", "precision", "file_bytes", "weight_bytes", "activation_bytes", "multiply_adds",
    "start_ms", "predict_ms", "f_score", "missing",
)  # fmt: skip
_ROUNDS, _ROWS = 3, "rows.npy"
# Runs on one core. It says when the first image is answered, and then what one takes among many.
_PROGRAM = """
import os, sys, time
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from importlib import import_module
from pathlib import Path
import numpy as np
module, function, file, rows = sys.argv[1:]
rows = np.load(rows)
content = file if function in ("open_full", "open_light") else Path(file).read_bytes()
predict = getattr(import_module(module), function)(content)
predict(rows[:1])
print(flush=True)
times = [time.perf_counter()]
for some in (rows[:1], rows):
    predict(some)
    times.append(time.perf_counter())
one, all_of_them = times[1] - times[0], times[2] - times[1]
print((all_of_them - one) / (len(rows) - 1) * 1000)
"""


def profile_model(
    model: PathLike,
    images: pd.DataFrame | None = None,
    *,
    calibration: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Measure what a saved model costs by itself, and in each format of `export`.

    Parameters
    ----------
    model : str or path-like
        The file of `save`.
    images : DataFrame, default=None
        Labelled images, with columns `path` and `label` as from `load_catalogue`, for F-scores.
    calibration : DataFrame, default=None
        As for `export`: a "tflite" file in "int8" needs it.

    Returns
    -------
    profile : DataFrame
        A row for each `format` and `precision`; the formats "full" and "light" are the runtimes of
        `load`.

        * `file_bytes`.
        * `weight_bytes`, `activation_bytes` and `multiply_adds`: of the numbers that were learnt,
          and of the values and multiplications of one image, computed from what the model does;
          of "c", what the file says: its constants and its static buffers.
        * `start_ms`: wall milliseconds from the start of a process to its first answer, without
          an image file being decoded. "c" is compiled, and "html" starts a browser, in that time.
        * `predict_ms`: wall milliseconds of an image among 100, on one core.
        * `f_score`: on the images.
        * `missing`: why something was not measured; empty otherwise.

        Times are medians of three runs of each in turns.

    Raises
    ------
    ModelFileError, TypeError
        As for `export`.
    ValueError
        If an image is of a class that the model does not know.

    See Also
    --------
    export : Writes the formats.

    Examples
    --------
    >>> from skcomic import profile_model
    >>> profile_model("model.skcomic")[["format", "file_bytes", "predict_ms"]]  # doctest: +SKIP
    """
    plan, source = describe_model(model)
    if images is not None and not set(images.label) <= set(plan.classes):
        raise ValueError(f"images must be of the classes {plan.classes} to be scored")
    labelled, training = (
        None if each is None else make_vectorizer(plan).transform(each.path)
        for each in (images, calibration)
    )
    with tempfile.TemporaryDirectory(prefix="skcomic-") as name:
        folder = Path(name)
        np.save(folder / _ROWS, draw_rows(plan))
        files: dict[tuple[str, str], Path] = {}
        profile = {}
        for way in _WAYS:
            profile[way] = _count(plan, *way)
            with _noting_failure(profile[way]):
                files[way] = _write(Path(model), plan, source, way, training, folder)
                profile[way]["file_bytes"] = files[way].stat().st_size
                if way[0] == "c":  # which keeps less: a convolution is pooled as it is computed
                    content = files[way].read_bytes()
                    profile[way]["activation_bytes"] = read_macro(content, "RAM_BYTES")
                    profile[way]["weight_bytes"] = read_macro(content, "WEIGHT_BYTES")
                if images is not None and labelled is not None:
                    probabilities = _open(way[0], files[way])(labelled)
                    answers = np.array(plan.classes)[probabilities.argmax(axis=1)]
                    scores = score_labels(images.label, answers, plan.classes)
                    profile[way]["f_score"] = scores["f_score"]
        times: dict[tuple[str, str], list[tuple[float, float]]] = {way: [] for way in files}
        for way in list(files) * _ROUNDS:
            if not profile[way]["missing"]:
                with _noting_failure(profile[way]):
                    times[way].append(_measure(way[0], files[way], folder / _ROWS))
    for way, measured in times.items():
        for column, name in enumerate(("start_ms", "predict_ms")):
            values = [each[column] for each in measured]
            profile[way][name] = median(values) if values else np.nan
    return pd.DataFrame(profile.values(), columns=_COLUMNS)


def _count(plan: Plan, format_: str, precision: str) -> dict[str, Any]:
    """Compute what can be told without running anything."""
    costs = plan_costs(plan)
    arrays = [array for step in plan.steps for array in step.arrays.values()]
    is_int8 = precision == "int8"
    n_bytes = [array.size * (1 if is_int8 and array.ndim > 1 else 4) for array in arrays]
    share = 4 if is_int8 and format_ == "tflite" else 1
    return {
        "format": format_,
        "precision": precision,
        "weight_bytes": sum(n_bytes),
        "activation_bytes": costs.activation_bytes // share,
        "multiply_adds": costs.multiply_adds,
        "missing": "",
    }


@contextmanager
def _noting_failure(row: dict[str, Any]) -> Iterator[None]:
    """Note that a package or a program is not there, or that a format cannot hold the model."""
    try:
        yield
    except (ImportError, OSError, ValueError) as error:
        row["missing"] = str(error)


def _write(
    model: Path,
    plan: Plan,
    source: ModelSource,
    way: tuple[str, str],
    calibration_rows: np.ndarray | None,
    folder: Path,
) -> Path:
    format_, precision = way
    if format_ in _RUNTIMES:
        return model
    options: dict[str, Any] = {}
    if precision == "int8":
        options["precision"] = precision
        if format_ == "tflite":
            if calibration_rows is None:
                raise ValueError("it needs images of the training part (--calibration)")
            options["calibration_rows"] = calibration_rows
    file = folder / f"{precision}.{format_}"
    file.write_bytes(FORMATS[format_].write(plan, source, **options))
    return file


def _opener(format_: str) -> Callable[[Any], Predict]:
    return _RUNTIMES[format_] if format_ in _RUNTIMES else FORMATS[format_].open


def _open(format_: str, file: Path) -> Predict:
    return _opener(format_)(file if format_ in _RUNTIMES else file.read_bytes())


def _measure(format_: str, file: Path, rows: Path) -> tuple[float, float]:
    """Run a model in a process of its own; return `start_ms` and `predict_ms`."""
    opener = _opener(format_)
    arguments = [opener.__module__, opener.__name__, str(file), str(rows)]
    start = time.perf_counter()
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, *arguments],
            stdout=subprocess.PIPE, stderr=errors, text=True,
        ) as process,
    ):  # fmt: skip
        assert process.stdout is not None
        first = process.stdout.readline()
        seconds = time.perf_counter() - start
        rest = process.stdout.read()
        process.wait()
        errors.seek(0)
        last = errors.read().strip().splitlines()[-1:] or ["no reason is known"]
    if not first or not rest:
        raise OSError(f"its process failed: {last[0]}")
    return seconds * 1e3, float(rest)
