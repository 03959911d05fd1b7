"""Labels that look wrong, and images that a classifier mistakes or is surest of."""

from typing import Any

import numpy as np
import pandas as pd


def rank_suspects(images: pd.DataFrame, probabilities: np.ndarray, classes: Any) -> pd.DataFrame:
    """Rank images by how improbable a classifier finds the label that they are given.

    Parameters
    ----------
    images : DataFrame
        With columns `path` and `label`.
    probabilities : ndarray of shape (n_images, n_classes)
        Of fits that were not trained on the image: a fit that was has learnt its label.
    classes : array-like of shape (n_classes,)
        The labels of the columns, sorted.

    Returns
    -------
    suspects : DataFrame
        The least probable label first: `path`, `label`, the `probability` of that, and what the
        classifier says instead, `predicted`. Those that it agrees with are left out.

    Notes
    -----
    The rank by self-confidence of Northcutt, Jiang & Chuang, "Confident Learning: Estimating
    Uncertainty in Dataset Labels" (2021).
    """
    answers = describe_answers(images, probabilities, classes)
    disagrees = answers[answers.label != answers.predicted]
    return disagrees.sort_values("probability", kind="stable", ignore_index=True)


def describe_answers(
    images: pd.DataFrame, probabilities: np.ndarray, classes: Any
) -> pd.DataFrame:
    """Say of each image what a classifier takes it for, and how probable it finds its label.

    Parameters
    ----------
    images, probabilities, classes
        As for `rank_suspects`.

    Returns
    -------
    answers : DataFrame
        `path`, `label`, the `probability` of that label, and `predicted`, the most probable one.
    """
    classes = np.asarray(classes)
    labels = images.label.to_numpy()
    columns = np.searchsorted(classes, labels)
    return pd.DataFrame(
        {
            "path": images.path.to_numpy(),
            "label": labels,
            "probability": probabilities[np.arange(len(labels)), columns].astype(float),
            "predicted": classes[np.argmax(probabilities, axis=1)],
        }
    )
