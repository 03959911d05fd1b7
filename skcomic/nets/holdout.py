"""The images that early stopping holds out of training."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from skcomic.catalogue.splitting import assign_groups


def hold_out(y: np.ndarray, groups: Any, fraction: float, seed: int) -> np.ndarray:
    """Choose the images that early stopping looks at.

    Parameters
    ----------
    y : ndarray of shape (n_images,)
        Labels; each class gives its share.
    groups : array-like of shape (n_images,) or None
        Images of one group stay together.
    fraction : float
        The share of the images to hold out.
    seed : int
        Decides which.

    Returns
    -------
    is_held_out : ndarray of shape (n_images,), bool
        True for the images that are not trained on.

    Raises
    ------
    ValueError
        If the images or groups are too few for each class to be on both sides.
    """
    advice = (
        f"there are too few images or groups for validation_fraction={fraction}; give more of "
        "them or set early_stopping=False"
    )
    if groups is None:
        try:
            _, chosen = train_test_split(
                np.arange(len(y)), test_size=fraction, stratify=y, random_state=seed
            )
        except ValueError as error:
            raise ValueError(f"early stopping cannot hold images out: {advice}") from error
        is_held_out = np.isin(np.arange(len(y)), chosen)
    else:
        table = pd.DataFrame({"label": y, "pair": groups})
        part_of_each = assign_groups(table, [1 - fraction, fraction], check_random_state(seed))
        is_held_out = part_of_each == 1
    classes = set(np.unique(y).tolist())
    for name, part in (("training", y[~is_held_out]), ("validation", y[is_held_out])):
        if absent := classes - set(np.unique(part).tolist()):
            raise ValueError(
                f"early stopping finds no {name} image of class {sorted(absent)}: {advice}"
            )
    return is_held_out
