"""Rasters that show nothing: of one grey level, or the same for all images of a class."""

from typing import Any

import numpy as np
import pandas as pd


def lacks_contrast(rasters: np.ndarray) -> np.ndarray:
    """Find rasters of one grey level.

    Parameters
    ----------
    rasters : ndarray of shape (n_images, height, width), uint8
        The rasters.

    Returns
    -------
    is_flat : ndarray of shape (n_images,), bool
        Whether all pixels of a raster are the same.
    """
    pixels = rasters.reshape(len(rasters), -1)
    return np.asarray(pixels.min(axis=1) == pixels.max(axis=1))


def find_uniform_classes(rasters: np.ndarray, labels: np.ndarray) -> list[Any]:
    """Find classes of two or more images whose rasters are all the same.

    Parameters
    ----------
    rasters : ndarray of shape (n_images, ...)
        The rasters, or hashes of them.
    labels : ndarray of shape (n_images,)
        The class of each.

    Returns
    -------
    classes : list
        In the order of their first images.
    """
    found = []
    for label in pd.unique(labels):
        of_class = rasters[labels == label]
        if len(of_class) > 1 and (of_class == of_class[0]).all():
            found.append(label)
    return found
