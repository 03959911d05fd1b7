"""The plan of a model, computed by numpy: without TensorFlow and without scikit-learn."""

from collections.abc import Callable

import numpy as np

from skcomic.evidence.probabilities import scale_probabilities
from skcomic.features.gradients import describe_gradients
from skcomic.features.responses import field_weights, mean_responses
from skcomic.models.plan import ENDS, Plan, Step

# The widest values of the report's nets, of 64x64 pixels and 32 channels, then take 4 MB at once.
_BATCH = 8


def run_plan(plan: Plan, rows: np.ndarray) -> np.ndarray:
    """Compute the probabilities of all classes.

    Parameters
    ----------
    plan : Plan
        What is computed.
    rows : ndarray of shape (n_images, n_pixels), float32
        Rows of grey levels in [0, 1].

    Returns
    -------
    probabilities : ndarray of shape (n_images, n_classes), float32
        In the order of the classes of the plan. Those of an image do not depend on other images.

    Raises
    ------
    ValueError
        If the rows are of another length.
    """
    rows = np.asarray(rows, dtype=np.float32)
    check_rows(plan, rows)
    probabilities = np.empty((len(rows), len(plan.classes)), dtype=np.float32)
    for start in range(0, len(rows), _BATCH):
        some = rows[start : start + _BATCH]
        scores = _run(plan.steps, some, ends=False)
        if plan.is_mirrored:
            height, width = plan.steps[0].numbers["height"], plan.steps[0].numbers["width"]
            mirrored = some.reshape(-1, height, width)[:, :, ::-1].reshape(some.shape)
            scores = (scores + _run(plan.steps, mirrored, ends=False)) / 2
        probabilities[start : start + _BATCH] = _run(plan.steps, scores, ends=True)
    return probabilities


def check_rows(plan: Plan, rows: np.ndarray) -> None:
    """Refuse rows of another length, or of another number of axes."""
    if rows.ndim != 2 or rows.shape[1] != plan.n_pixels:
        raise ValueError(f"rows must have the shape (n, {plan.n_pixels}), not {rows.shape}")


def _run(steps: list[Step], values: np.ndarray, *, ends: bool) -> np.ndarray:
    """Run the steps up to the scores, or those from the scores to the probabilities."""
    for step in steps:
        if (step.kind in ENDS) == ends:
            values = _STEPS[step.kind](values, **step.numbers, **step.arrays)
    return values


def _image(rows: np.ndarray, height: int, width: int) -> np.ndarray:
    missing = height * width - rows.shape[1]
    return np.pad(rows, ((0, 0), (0, missing))).reshape(-1, height, width, 1)


def _convolution(
    images: np.ndarray, same: int, kernel: np.ndarray, offset: np.ndarray
) -> np.ndarray:
    sides = kernel.shape[:2]
    if same:  # of an even side, one more is at the end
        around = [((side - 1) // 2, side // 2) for side in sides]
        images = np.pad(images, ((0, 0), *around, (0, 0)))
    height, width = (images.shape[axis + 1] - sides[axis] + 1 for axis in (0, 1))
    result = np.broadcast_to(offset, (len(images), height, width, len(offset))).copy()
    for row, column in np.ndindex(*sides):
        result += images[:, row : row + height, column : column + width] @ kernel[row, column]
    return result


def _pool(images: np.ndarray, side: int) -> np.ndarray:
    """Return the pixels of each square on axes of their own, 2 and 4."""
    n_images, height, width, n_channels = images.shape
    down, across = height // side, width // side
    squares = images[:, : down * side, : across * side]
    return squares.reshape(n_images, down, side, across, side, n_channels)


def _gradients(
    images: np.ndarray, orientations: int, cell_size: int, block_size: int
) -> np.ndarray:
    blocks = describe_gradients(images[..., 0], orientations, cell_size, block_size)
    return blocks.reshape(len(images), -1)


def _patches(
    images: np.ndarray, grid: int, filters: np.ndarray, offsets: np.ndarray
) -> np.ndarray:
    side = filters.shape[1]
    fields = field_weights(images.shape[1] - side + 1, images.shape[2] - side + 1, grid)
    return mean_responses(images[..., 0], filters, offsets, fields).reshape(len(images), -1)


def _sigmoid(scores: np.ndarray) -> np.ndarray:
    return _softmax(np.hstack([np.zeros_like(scores), scores]))


def _softmax(scores: np.ndarray) -> np.ndarray:
    scores = scores.astype(np.float64)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def _one_vs_rest(scores: np.ndarray) -> np.ndarray:
    # Logarithms of sigmoids, which do not become 0.
    scores = scores.astype(np.float64)
    return _softmax(np.minimum(scores, 0) - np.log1p(np.exp(-np.abs(scores))))


_STEPS: dict[str, Callable[..., np.ndarray]] = {
    "image": _image,
    "convolution": _convolution,
    "max_pooling": lambda images, side: _pool(images, side).max(axis=(2, 4)),
    "average_pooling": lambda images, side: _pool(images, side).mean(axis=(2, 4)),
    "affine": lambda values, scale, offset: values * scale + offset,
    "standardise": lambda values, mean, scale: (values - mean) / scale,
    "relu": lambda values: np.maximum(values, 0),
    "flatten": lambda images: images.reshape(len(images), -1),
    "dense": lambda values, weights, offset: (values[:, np.newaxis] @ weights)[:, 0] + offset,
    "gradients": _gradients,
    "patches": _patches,
    "sigmoid": _sigmoid,
    "softmax": _softmax,
    "one_vs_rest": _one_vs_rest,
    "temperature": lambda probabilities, temperature: scale_probabilities(
        probabilities, temperature
    ),
}
