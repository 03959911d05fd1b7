"""Rasters that show nothing: of one grey level, or the same for a whole class."""

import numpy as np


def lacks_contrast(rasters: np.ndarray) -> np.ndarray:
    """Find rasters of one grey level."""
    pixels = rasters.reshape(len(rasters), -1)
    return np.asarray(pixels.min(axis=1) == pixels.max(axis=1))


def find_uniform_classes(rasters: np.ndarray, labels: np.ndarray) -> list:
    """Find classes of two or more images whose rasters are all the same."""
    return [
        label
        for label in np.unique(labels).tolist()
        if (labels == label).sum() > 1
        and (rasters[labels == label] == rasters[labels == label][0]).all()
    ]
