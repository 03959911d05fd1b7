"""Does an exported model answer as the model does?"""

import tempfile
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skcomic.catalogue.loading import load_catalogue
from skcomic.datasets.drawn import make_comic_faces
from skcomic.exports.formats import Format
from skcomic.exports.source import Predict
from skcomic.models.light import make_vectorizer
from skcomic.models.persistence import iter_parts
from skcomic.models.plan import Plan
from skcomic.nets.network_files import is_fitted_classifier
from skcomic.selection.scoring import score_labels

_DRAWN_PAIRS, _DRAWN_SIDE = 50, 128
# The plan of a net in bfloat16 computes in float32: probabilities of 120 real images differed by
# at most 0.012.
_BFLOAT16_DIFFERENCE = 0.05
# Of the answers of a model whose weights have 8 bits.
_INT8_OTHERS = 0.05


class Parity(NamedTuple):
    """How far an exported model differs from the model, on the same rows of pixels.

    Parameters
    ----------
    n_images : int
        On which both have been compared.
    max_difference : float
        The largest difference of probabilities.
    n_others : int
        Images for which another class is the most probable one.
    f_score, exported_f_score : float or None
        Of the model and of the exported one; None where the classes of the images are not known.

    Examples
    --------
    >>> print(Parity(100, 2.7e-7, 0, None, None))
    100 images: the largest difference of probabilities is 2.7e-07, no other answer
    """

    n_images: int
    max_difference: float
    n_others: int
    f_score: float | None
    exported_f_score: float | None

    def __str__(self) -> str:
        others = {0: "no other answer", 1: "1 other answer"}.get(
            self.n_others, f"{self.n_others} other answers"
        )
        text = (
            f"{self.n_images} images: the largest difference of probabilities is "
            f"{self.max_difference:.2g}, {others}"
        )
        if self.f_score is None or self.exported_f_score is None:
            return text
        return f"{text}; F-score {self.exported_f_score:.4f}, of the model {self.f_score:.4f}"


def draw_rows(plan: Plan) -> np.ndarray:
    """Make rows of pixels that a model can be asked about, without images of the user.

    Parameters
    ----------
    plan : Plan
        Of the model.

    Returns
    -------
    rows : ndarray of shape (100, n_pixels), float32
        Of 50 drawn pairs; of random grey levels, if nothing is known of images.
    """
    if plan.images is None:
        return np.random.default_rng(0).random((2 * _DRAWN_PAIRS, plan.n_pixels), np.float32)
    side = max(_DRAWN_SIDE, plan.images["height"], plan.images["width"])
    with tempfile.TemporaryDirectory(prefix="skcomic-") as folder:
        make_comic_faces(_DRAWN_PAIRS, size=side, out_dir=folder, random_state=0)
        rows: np.ndarray = make_vectorizer(plan).transform(load_catalogue(folder).path)
    return rows


def measure_parity(
    predict: Predict,
    exported: Predict,
    rows: np.ndarray,
    labels: "pd.Series[Any] | None",
    classes: list[Any],
) -> Parity:
    """Compare an exported model with the model, image by image.

    Parameters
    ----------
    predict, exported : callable
        The model and the exported one: rows to probabilities.
    rows : ndarray of shape (n_images, n_pixels), float32
        What both are asked about.
    labels : Series of shape (n_images,) or None
        Their classes, for F-scores, if all are classes of the model.
    classes : list
        Of the model, in the order of its probabilities.

    Returns
    -------
    parity : Parity
        Of all images.
    """
    both = predict(rows), exported(rows)
    answers = [np.array(classes)[probabilities.argmax(axis=1)] for probabilities in both]
    f_scores: list[float | None] = [None, None]
    if labels is not None and set(labels) <= set(classes):
        f_scores = [score_labels(labels, each, classes)["f_score"] for each in answers]
    n_others = int((answers[0] != answers[1]).sum())
    return Parity(len(rows), float(np.abs(both[0] - both[1]).max()), n_others, *f_scores)


def check_parity(parity: Parity, limit: float | None) -> None:
    """Refuse an exported model that answers otherwise.

    Parameters
    ----------
    parity : Parity
        Of `measure_parity`.
    limit : float or None
        The largest difference of probabilities that is allowed. None: any, if no more than 5 % of
        the answers are others.

    Raises
    ------
    ValueError
        If it differs too much.
    """
    if limit is None:
        is_equal = parity.n_others <= _INT8_OTHERS * parity.n_images
        rule = f"at most {_INT8_OTHERS:.0%} of the answers may be others"
    else:
        is_equal = parity.max_difference <= limit
        rule = f"at most {limit:g} is allowed"
    if not is_equal:
        raise ValueError(
            f"the exported model answers otherwise, and is not written: {parity}; {rule}"
        )


def parity_limit(model: Any, format: Format, precision: str) -> float | None:
    """Return the largest difference of probabilities to be allowed, as for `check_parity`."""
    if precision == "int8":
        return None
    nets = [part for part in iter_parts(model) if is_fitted_classifier(part)]
    in_float32 = all(net.precision_ == "float32" for net in nets)
    return format.max_difference if in_float32 else _BFLOAT16_DIFFERENCE
