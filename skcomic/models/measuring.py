"""What a fitted model costs: milliseconds of its predictions, and bytes."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from skcomic.models.persistence import save
from skcomic.models.plan_costs import plan_costs
from skcomic.models.planning import make_plan

# One prediction of a small net takes a millisecond, and its time varies by a tenth.
_SINGLE_PREDICTIONS = 20
_BATCH_IMAGES = 256


def measure_predictions(predict: Callable[[Any], Any], rows: Any) -> dict[str, float]:
    """Measure the CPU time of predictions, of which the first of each kind are not timed.

    Parameters
    ----------
    predict : callable
        Of a fitted classifier.
    rows : ndarray or Series of shape (n_images, ...)
        What it takes.

    Returns
    -------
    times : dict of str to float
        `predict_ms` of one image at a time, and `batch_ms` of one of many at a time: CPU
        milliseconds, with numerical libraries on one thread.
    """
    batch = rows[:_BATCH_IMAGES]
    singles = [rows[i : i + 1] for i in range(min(len(rows), _SINGLE_PREDICTIONS))]
    with threadpool_limits(1):
        predict(singles[0])
        seconds = [_cpu_seconds(predict, one) for one in singles]
        predict(batch)
        of_batch = _cpu_seconds(predict, batch)
    return {
        "predict_ms": float(np.median(seconds)) * 1e3,
        "batch_ms": of_batch / len(batch) * 1e3,
    }


def measure_model(model: Any) -> float:
    """Return the bytes of a fitted model as `save` writes it.

    Parameters
    ----------
    model : estimator
        Fitted.

    Returns
    -------
    n_bytes : float
        Of the file. NaN if it cannot be saved.
    """
    with tempfile.TemporaryDirectory(prefix="skcomic-") as folder:
        path = Path(folder, "model")
        try:
            save(model, path)
        except TypeError:  # an estimator of the user's own
            return float("nan")
        return float(path.stat().st_size)


def measure_activations(model: Any) -> float:
    """Return the bytes of the values that a prediction of one image needs at a time.

    Parameters
    ----------
    model : estimator
        Fitted.

    Returns
    -------
    n_bytes : float
        As `PlanCosts` says; they are computed, not measured. NaN if it has no plan.
    """
    try:
        return float(plan_costs(make_plan(model)).activation_bytes)
    except TypeError:  # an estimator of the user's own
        return float("nan")


def _cpu_seconds(predict: Callable[[Any], Any], rows: Any) -> float:
    start = time.process_time()
    predict(rows)
    return time.process_time() - start
