"""Models as they are by themselves, taking rows: what exported ones are compared with."""

from functools import partial
from typing import Any

from skcomic.exports.source import Predict
from skcomic.images.decoding import PathLike


def row_predictor(model: Any) -> Predict:
    """Return what a fitted model computes of rows of pixels, whatever it takes itself.

    Parameters
    ----------
    model : estimator
        As for `export`.

    Returns
    -------
    predict : callable
        Rows to probabilities.
    """
    from skcomic.models.interpreter import run_plan
    from skcomic.models.light import LightClassifier
    from skcomic.models.planning import split_images

    if isinstance(model, LightClassifier):
        return partial(run_plan, model.plan)
    _, classifier = split_images(model)
    predict: Predict = classifier.predict_proba
    return predict


def open_full(file: PathLike) -> Predict:
    """Load a model file as ``load(file)`` does; return what it computes of rows of pixels."""
    from skcomic.models.persistence import load

    return row_predictor(load(file))


def open_light(file: PathLike) -> Predict:
    """Load a model file without TensorFlow; return what it computes of rows of pixels."""
    from skcomic.models.interpreter import run_plan
    from skcomic.models.plan_files import load_plan

    return partial(run_plan, load_plan(file))
