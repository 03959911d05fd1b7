"""The topology of the small net: whitening, then few convolutions with batch normalisation."""

from collections.abc import Mapping
from typing import Any

from skcomic.features.rows import ImageShape, find_image_shape
from skcomic.nets.backend import start_keras
from skcomic.nets.topology import (
    CHANNELS,
    first_layers,
    kernel_initializers,
    last_layers,
)

_KERNEL, _POOL = 3, 2
# Running averages of so few batches must forget the first ones.
_MOMENTUM = 0.9


def build_small_net(
    meta: Mapping[str, Any],
    *,
    patch_size: int = 3,
    first_pool: int = 2,
    n_conv: int = 2,
    filters: int = 16,
    dropout: float = 0.5,
    image_shape: ImageShape = None,
    precision: str = "float32",
) -> Any:
    """Build the network, not compiled: rows of pixels in, class probabilities out.

    The first layer is a convolution that is not trained: its filters are to be set to those of
    `whitening_filters` and to their negatives. Its responses are pooled and rectified; then come
    convolutions of 3x3 pixels, each with pooling, batch normalisation and ReLU; the output is one
    sigmoid unit for two classes and a softmax for more.

    Parameters
    ----------
    meta : mapping
        `n_features_in_` (pixels per row) and `n_classes_`, as for `build_convnet`.
    patch_size : int, default=3
        Side of the whitening filters, in pixels.
    first_pool : int, default=2
        Side of the squares of which the maximum is taken after the whitening.
    n_conv : int, default=2
        Number of trained convolutions.
    filters : int, default=16
        Filters of each of them.
    dropout : float, default=0.5
        Share of the values before the last layer that a step of training leaves out.
    image_shape : (int, int), "pad" or None, default=None
        As for `build_convnet`.
    precision : str, default="float32"
        As for `build_convnet`.

    Returns
    -------
    model : keras.Model
        Takes ``(n_images, height * width)``; gives ``(n_images, 1)``, the probability of the
        second class, or ``(n_images, n_classes)``.

    Raises
    ------
    ValueError
        If a row does not make up such an image, or if the image is too small for that many
        convolutions.
    """
    n_pixels = int(meta["n_features_in_"])
    smallest = smallest_image_side(first_pool, n_conv)
    height, width = find_image_shape(n_pixels, image_shape, smallest)
    if min(height, width) < smallest:
        raise ValueError(
            f"an image of {height}x{width} pixels is too small for n_conv={n_conv} after "
            f"first_pool={first_pool}: its sides must be {smallest} pixels or more"
        )
    layers = start_keras().layers
    kernels = kernel_initializers(n_conv + 1)
    pooled = {"data_format": CHANNELS, "dtype": precision}
    # Padded, since what is at the borders decides where a drawing fills its square: on 400 pairs
    # of pictograms F is 0.94, and 0.85 without.
    padded = {"padding": "same", **pooled}
    stack = [
        *first_layers(n_pixels, height, width),
        # Maximum and ReLU commute, and there is less to rectify after the pooling.
        layers.Conv2D(
            2 * patch_size**2, patch_size, kernel_initializer="zeros", trainable=False, **padded
        ),
        layers.MaxPooling2D(first_pool, **pooled),
        layers.Activation("relu", dtype=precision),
    ]
    for _ in range(n_conv):
        stack += [
            # The normalisation has an offset of its own.
            layers.Conv2D(
                filters, _KERNEL, use_bias=False, kernel_initializer=next(kernels), **padded
            ),
            layers.MaxPooling2D(_POOL, **pooled),
            layers.BatchNormalization(momentum=_MOMENTUM, dtype=precision),
            layers.Activation("relu", dtype=precision),
        ]
    stack += last_layers(int(meta["n_classes_"]), precision, next(kernels), dropout)
    return start_keras().Sequential(stack)


def smallest_image_side(first_pool: int, n_conv: int) -> int:
    """Return the smallest side of an image, in pixels, that such a network can be built for."""
    return first_pool * _POOL**n_conv
