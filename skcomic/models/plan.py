"""What a fitted model computes, as a short list of steps with their numbers and arrays.

Predictions without TensorFlow and scikit-learn are made from it, and so is what is exported.
"""

from typing import Any, NamedTuple

import numpy as np


class Step(NamedTuple):
    """One step of a plan.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    numbers : dict of str to int or float
        As `KINDS` says.
    arrays : dict of str to ndarray, float32
        As `KINDS` says.
    """

    kind: str
    numbers: dict[str, Any]
    arrays: dict[str, np.ndarray]


class Kind(NamedTuple):
    """What a kind of step has, and computes.

    Parameters
    ----------
    numbers : dict of str to type
        Names and types of its numbers.
    arrays : dict of str to int
        Names of its arrays, and their numbers of axes.
    """

    numbers: dict[str, type]
    arrays: dict[str, int]


#: All kinds of steps. Images are arrays of shape (n_images, height, width, n_channels), and what
#: is flat has the shape (n_images, n_features).
KINDS = {
    # Rows to images of one channel; zeros are put after rows that are shorter.
    "image": Kind({"height": int, "width": int}, {}),
    # A kernel of shape (height, width, channels in, channels out) at each place, plus an offset
    # for each channel; `same`: as many places as pixels, with zeros around the image.
    "convolution": Kind({"same": int}, {"kernel": 4, "offset": 1}),
    # Of squares of this side; what fills none at the right and at the bottom is left out.
    "max_pooling": Kind({"side": int}, {}),
    "average_pooling": Kind({"side": int}, {}),
    # Each channel times its scale, plus its offset: a batch normalisation.
    "affine": Kind({}, {"scale": 1, "offset": 1}),
    # Each feature less its mean, divided by its scale.
    "standardise": Kind({}, {"mean": 1, "scale": 1}),
    "relu": Kind({}, {}),
    "flatten": Kind({}, {}),
    "dense": Kind({}, {"weights": 2, "offset": 1}),
    # As `HogVectorizer`.
    "gradients": Kind({"orientations": int, "cell_size": int, "block_size": int}, {}),
    # As `PatchVectorizer`.
    "patches": Kind({"grid": int}, {"filters": 3, "offsets": 1}),
    # One score, of the second class, to two probabilities.
    "sigmoid": Kind({}, {}),
    "softmax": Kind({}, {}),
    # Scores of each class against the others: their sigmoids, divided by the sum.
    "one_vs_rest": Kind({}, {}),
    # As `scale_probabilities`.
    "temperature": Kind({"temperature": float}, {}),
}

#: Those that turn scores into probabilities; a plan has one of them.
TO_PROBABILITIES = ("sigmoid", "softmax", "one_vs_rest")
#: All after the scores.
ENDS = (*TO_PROBABILITIES, "temperature")


class Plan(NamedTuple):
    """What a fitted model computes.

    Parameters
    ----------
    images : dict or None
        How image files become rows: the parameters of its `ImageVectorizer` that decide them,
        `height`, `width`, `resample`, `background`, `max_pixels`. None: it takes rows.
    n_pixels : int
        Of a row.
    classes : list
        Labels in the order of the probabilities.
    is_mirrored : bool
        Whether the scores, before they become probabilities, are means of those of an image and
        of its mirror image.
    steps : list of Step
        From rows of pixels to probabilities.
    """

    images: dict[str, Any] | None
    n_pixels: int
    classes: list[Any]
    is_mirrored: bool
    steps: list[Step]
