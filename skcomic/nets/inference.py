"""A network's probabilities: a row's do not depend on the rows beside it."""

from typing import Any

import numpy as np
from scipy.special import expit, softmax

from skcomic._compat.keras import silenced_retracing
from skcomic.nets.backend import import_tensorflow
from skcomic.nets.training import mirror_rows

# The widest outputs of the report's nets, of 32 images of 62x62 pixels and 32 filters, take
# 16 MB at once; memory does not grow with the number of images.
_BATCH = 32


def predict_probabilities(
    model: Any, rows: np.ndarray, mirrored_shape: tuple[int, int] | None = None
) -> np.ndarray:
    """Compute the probabilities of all classes.

    The last layer and its activation are computed such that a row's probabilities are the same to
    the last bit, whatever rows are in its batch: a product of matrices adds up in an order that
    depends on the place in the batch, and a batch of one takes other kernels than longer ones.

    Parameters
    ----------
    model : keras.Model
        Whose last layer is dense: one sigmoid unit, or a softmax.
    rows : ndarray of shape (n_images, n_pixels), float32
        Rows of pixels.
    mirrored_shape : (int, int) or None, default=None
        Height and width of images: the means of the network's outputs, before the last
        activation, for each image and its mirror image become probabilities. None: the outputs
        for the image alone.

    Returns
    -------
    probabilities : ndarray of shape (n_images, n_classes), float32
        Two columns where the network has one output, the second class.
    """
    compute = _logits(model)
    logits = []
    with silenced_retracing():
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            padded = np.repeat(batch, 2, axis=0) if len(batch) == 1 else batch
            outputs = compute(padded)
            if mirrored_shape is not None:
                outputs = (outputs + compute(mirror_rows(padded, mirrored_shape))) / 2
            logits.append(outputs.numpy()[: len(batch)])
    scores = np.concatenate(logits).astype(np.float64)
    if scores.shape[1] > 1:
        return softmax(scores, axis=1).astype(np.float32)
    second = expit(scores)
    return np.hstack([1 - second, second]).astype(np.float32)


def _logits(model: Any) -> Any:
    """Compile the forward pass up to the last activation, once for batches of any length.

    `model.predict` traces again for each new length of the last batch; called without being
    compiled, the network takes half as long again and keeps all layers' outputs in memory.
    """
    if not hasattr(model, "skcomic_logits"):  # is not saved or pickled with the network
        tensorflow = import_tensorflow()
        rows = tensorflow.TensorSpec((None, *model.input_shape[1:]), tensorflow.float32)
        *layers, last = model.layers

        def compute(batch: Any) -> Any:
            for layer in layers:
                batch = layer(batch, training=False)
            batch = tensorflow.cast(batch, tensorflow.float32)
            # One product for each row, instead of one for all.
            return tensorflow.matmul(batch[:, tensorflow.newaxis], last.kernel)[:, 0] + last.bias

        model.skcomic_logits = tensorflow.function(compute, input_signature=[rows])
    return model.skcomic_logits
