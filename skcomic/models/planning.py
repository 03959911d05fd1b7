"""A fitted model -> the plan of what it computes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from skcomic.evidence.temperature import TemperatureScaledClassifier
from skcomic.features.hog import HogVectorizer
from skcomic.features.mirroring import MirroredClassifier
from skcomic.features.patches import PatchVectorizer
from skcomic.images.loading import height_and_width
from skcomic.images.vectorizer import ImageVectorizer
from skcomic.models.persistence import iter_parts
from skcomic.models.plan import Plan, Step
from skcomic.nets.network_files import is_fitted_classifier


def make_plan(model: Any) -> Plan:
    """Describe what a fitted model computes.

    Parameters
    ----------
    model : estimator
        A fitted contender of `make_contenders` or the pipeline of a study, with or without its
        `ImageVectorizer`; or a search, of which the best one is described.

    Returns
    -------
    plan : Plan
        Its weights are copies in float32. A net in "mixed_bfloat16" keeps its weights in float32
        too, but computes with fewer digits: of 120 real images, 64x64 pixels, its probabilities
        differ from those of the plan by at most 0.012.

    Raises
    ------
    TypeError
        If a part of the model is none that skcomic offers; the message names it.
    NotFittedError
        If it is not fitted.
    """
    check_is_fitted(model)
    vectorizer, classifier = split_images(model)
    steps = list(_steps_of(classifier))
    nets = [part for part in iter_parts(classifier) if is_fitted_classifier(part)]
    return Plan(
        images=None if vectorizer is None else _describe_images(vectorizer),
        n_pixels=int(classifier.n_features_in_),
        classes=model.classes_.tolist(),
        is_mirrored=any(net._mirrored_shape is not None for net in nets),
        steps=steps,
    )


def split_images(model: Any) -> tuple[ImageVectorizer | None, Any]:
    """Take a fitted model apart into what makes rows of images, and what classifies rows.

    Parameters
    ----------
    model : estimator
        As for `make_plan`.

    Returns
    -------
    vectorizer : ImageVectorizer or None
        None if it takes rows.
    classifier : estimator
        Fitted, from rows to classes.
    """
    while hasattr(model, "best_estimator_"):
        model = model.best_estimator_
    if isinstance(model, Pipeline) and isinstance(model[0], ImageVectorizer):
        return model[0], model[1:] if len(model) > 2 else model[-1]
    return None, model


def _describe_images(vectorizer: ImageVectorizer) -> dict[str, Any]:
    height, width = height_and_width(vectorizer.size)
    names = ("resample", "background", "max_pixels")
    return {"height": height, "width": width} | {name: getattr(vectorizer, name) for name in names}


def _steps_of(part: Any) -> Iterator[Step]:
    """Describe a transformer or a classifier, from what it takes to what it gives."""
    if isinstance(part, Pipeline):
        for _, step in part.steps:
            yield from _steps_of(step)
    elif isinstance(part, MirroredClassifier):  # trained on more images, and no more
        yield from _steps_of(part.estimator_)
    elif isinstance(part, TemperatureScaledClassifier):
        yield from _steps_of(part.estimator_)
        yield Step("temperature", {"temperature": float(part.temperature)}, {})
    elif is_fitted_classifier(part):
        for layer in part.model_.layers:
            yield from _steps_of_layer(layer)
    elif isinstance(part, HogVectorizer):
        names = ("orientations", "cell_size", "block_size")
        yield _image_step(part._find_image_shape(part.n_features_in_))
        yield Step("gradients", {name: int(getattr(part, name)) for name in names}, {})
    elif isinstance(part, PatchVectorizer):
        arrays = {"filters": part.filters_, "offsets": part.offsets_}
        yield _image_step(part._find_image_shape(part.n_features_in_))
        yield Step("patches", {"grid": int(part.grid)}, _single(arrays))
    elif isinstance(part, StandardScaler) and part.with_mean and part.with_std:
        yield Step("standardise", {}, _single({"mean": part.mean_, "scale": part.scale_}))
    elif isinstance(part, LogisticRegression) and part.solver == "lbfgs":
        yield Step("dense", {}, _single({"weights": part.coef_.T, "offset": part.intercept_}))
        yield Step("sigmoid" if len(part.classes_) == 2 else "softmax", {}, {})
    elif isinstance(part, SGDClassifier) and part.loss == "log_loss":
        yield Step("dense", {}, _single({"weights": part.coef_.T, "offset": part.intercept_}))
        yield Step("sigmoid" if len(part.classes_) == 2 else "one_vs_rest", {}, {})
    else:
        raise TypeError(
            f"what {type(part).__name__} computes cannot be described: it is no part of what "
            "make_contenders gives"
        )


def _steps_of_layer(layer: Any) -> Iterator[Step]:
    """Describe a layer of a network of ours; the names are Keras'."""
    kind = type(layer).__name__
    weights = [np.asarray(weight) for weight in layer.get_weights()]
    if kind == "Reshape" and len(layer.output.shape) == 4:
        yield _image_step(layer.output.shape[1:3])
    elif kind in ("Reshape", "ZeroPadding1D"):  # on the way to that
        pass
    elif kind == "Conv2D":
        offset = weights[1] if layer.use_bias else np.zeros(layer.filters)
        arrays = _single({"kernel": weights[0], "offset": offset})
        yield Step("convolution", {"same": int(layer.padding == "same")}, arrays)
    elif kind == "Dense" and len(layer.output.shape) == 4:  # at each pixel
        arrays = _single({"kernel": weights[0][np.newaxis, np.newaxis], "offset": weights[1]})
        yield Step("convolution", {"same": 0}, arrays)
    elif kind == "Dense":
        yield Step("dense", {}, _single({"weights": weights[0], "offset": weights[1]}))
    elif kind in ("MaxPooling2D", "AveragePooling2D"):
        name = "max_pooling" if kind == "MaxPooling2D" else "average_pooling"
        yield Step(name, {"side": int(layer.pool_size[0])}, {})
    elif kind == "BatchNormalization":
        gamma, beta, mean, variance = (weight.astype(np.float64) for weight in weights)
        scale = gamma / np.sqrt(variance + layer.epsilon)
        yield Step("affine", {}, _single({"scale": scale, "offset": beta - mean * scale}))
    elif kind == "Flatten":
        yield Step("flatten", {}, {})
    elif kind not in ("Activation", "Dropout"):  # dropout is of training alone
        raise TypeError(f"what the layer {kind} computes cannot be described")
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    if activation != "linear":
        yield Step(activation, {}, {})


def _image_step(shape: tuple[int, int]) -> Step:
    return Step("image", {"height": int(shape[0]), "width": int(shape[1])}, {})


def _single(arrays: dict[str, Any]) -> dict[str, np.ndarray]:
    # In the order of files, so that a plan that is read computes the same to the last bit.
    return {name: np.array(array, dtype=np.float32, order="C") for name, array in arrays.items()}
