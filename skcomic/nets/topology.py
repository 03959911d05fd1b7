"""The topology of the networks: no data, no training."""

import math
import random
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from skcomic.features.rows import ImageShape, find_image_shape
from skcomic.nets.backend import start_keras

Pooling = Literal["average", "max"]
Precision = Literal["float32", "mixed_bfloat16", "auto"]

_POOL = 2
CHANNELS: Final = "channels_last"  # whatever Keras' own settings say


def net_name(params: Mapping[str, Any], *, size: int | None = None) -> str:
    """Name a network by what is varied in a search, for example ``16_max_1``.

    Parameters
    ----------
    params : mapping
        Holds `first_units`, `pooling` and `n_conv`, with or without the prefix that a
        pipeline gives them (``classify__first_units``), and possibly other things.
    size : int, default=None
        Side of the images in pixels; put at the end if given: ``16_max_1_32``.

    Returns
    -------
    name : str
        ``{first_units}_{pooling}_{n_conv}`` or ``{first_units}_{pooling}_{n_conv}_{size}``.

    Examples
    --------
    >>> net_name({"classify__first_units": 16, "classify__pooling": "max", "classify__n_conv": 1})
    '16_max_1'
    """
    bare = {name.rpartition("__")[2]: value for name, value in params.items()}
    parts = [bare["first_units"], bare["pooling"], bare["n_conv"]]
    return "_".join(str(part) for part in ([*parts, size] if size else parts))


def build_convnet(
    meta: Mapping[str, Any],
    *,
    first_units: int = 16,
    pooling: Pooling = "max",
    n_conv: int = 1,
    filters: int = 32,
    kernel_size: int = 3,
    image_shape: ImageShape = None,
    precision: str = "float32",
) -> Any:
    """Build the network, not compiled: rows of pixels in, class probabilities out.

    A dense layer works on each pixel by itself; then each convolution halves the image by
    pooling; the output is one sigmoid unit for two classes and a softmax for more.

    Parameters
    ----------
    meta : mapping
        What scikeras says about the data: `n_features_in_` (pixels per row) and `n_classes_`.
    first_units : int, default=16
        Units of the dense layer at each pixel.
    pooling : {"average", "max"}, default="max"
        How 2x2 values are made one after each convolution.
    n_conv : int, default=1
        Number of convolutions.
    filters : int, default=32
        Filters of each convolution.
    kernel_size : int, default=3
        Side of the filters, in pixels.
    image_shape : (int, int), "pad" or None, default=None
        Height and width that a row is reshaped to. None: the row is a square image. "pad": the
        row may have any length; zeros are put after it up to the next square that is large
        enough for the network.
    precision : str, default="float32"
        Keras' dtype policy of all layers but the last, which gives float32 in any case.

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

    Examples
    --------
    >>> model = build_convnet({"n_features_in_": 64 * 64, "n_classes_": 2}, first_units=8)
    >>> model.output_shape
    (None, 1)
    """
    n_pixels = int(meta["n_features_in_"])
    height, width = find_image_shape(n_pixels, image_shape, smallest_side(n_conv, kernel_size))
    check_depth(height, width, n_conv, kernel_size)
    keras = start_keras()
    kernels = kernel_initializers(n_conv + 2)
    layers = [
        *first_layers(n_pixels, height, width),
        keras.layers.Dense(
            first_units, activation="relu", kernel_initializer=next(kernels), dtype=precision
        ),
    ]
    for _ in range(n_conv):
        layers += _convolution(filters, kernel_size, pooling, precision, next(kernels))
    layers += last_layers(int(meta["n_classes_"]), precision, next(kernels))
    return keras.Sequential(layers)


def first_layers(n_pixels: int, height: int, width: int) -> list[Any]:
    """Make the layers from rows to images, with zeros after rows that are too short."""
    keras = start_keras()
    layers = [keras.Input((n_pixels,), dtype="float32")]
    if n_missing := height * width - n_pixels:
        layers += [
            keras.layers.Reshape((n_pixels, 1), dtype="float32"),
            keras.layers.ZeroPadding1D((0, n_missing), data_format=CHANNELS, dtype="float32"),
        ]
    return [*layers, keras.layers.Reshape((height, width, 1), dtype="float32")]


def last_layers(
    n_classes: int, precision: str, initializer: Any, dropout: float = 0.0
) -> list[Any]:
    """Make the layers from maps to probabilities, which are in float32 in any case."""
    layers = start_keras().layers
    n_outputs, activation = (1, "sigmoid") if n_classes == 2 else (n_classes, "softmax")
    return [
        layers.Flatten(data_format=CHANNELS, dtype=precision),
        # Training gives it other seeds in each epoch: see `EpochSeeds`.
        *([layers.Dropout(dropout, seed=0, dtype=precision)] if dropout else []),
        layers.Dense(
            n_outputs, activation=activation, kernel_initializer=initializer, dtype="float32"
        ),
    ]


def kernel_initializers(n_kernels: int) -> Iterator[Any]:
    """Keras' own initializers, whose seeds are drawn as Keras does, but all at once.

    Other threads of a process draw from Python's generator too (dask's do), and building the first
    network of a process takes a second.
    """
    seeds = [random.randint(1, 10**9) for _ in range(n_kernels)]
    return (start_keras().initializers.GlorotUniform(seed=seed) for seed in seeds)


def _convolution(
    filters: int, kernel_size: int, pooling: Pooling, precision: str, initializer: Any
) -> list[Any]:
    """A convolution, its ReLU and pooling.

    Maximum and ReLU commute: pooling first gives the same values bit by bit with a quarter of them
    to rectify. A mean of rectified values is another one than a rectified mean.
    """
    layers = start_keras().layers
    common = {"data_format": CHANNELS, "dtype": precision}
    convolution = {**common, "kernel_initializer": initializer}
    if pooling == "average":
        return [
            layers.Conv2D(filters, kernel_size, activation="relu", **convolution),
            layers.AveragePooling2D(_POOL, **common),
        ]
    return [
        layers.Conv2D(filters, kernel_size, **convolution),
        layers.MaxPooling2D(_POOL, **common),
        layers.Activation("relu", dtype=precision),
    ]


def count_multiply_adds(model: Any) -> int:
    """Count the multiplications (each with its addition) of one image's forward pass.

    Parameters
    ----------
    model : keras.Model
        As from `build_convnet`.

    Returns
    -------
    count : int
        Each weight of a dense or convolution kernel, times the positions it is applied at.
        Biases, activations and pooling are not counted.

    Examples
    --------
    >>> model = build_convnet({"n_features_in_": 8 * 8, "n_classes_": 2}, first_units=4, filters=4)
    >>> count_multiply_adds(model)  # 8*8*4 + 6*6*9*4*4 + 3*3*4
    5476
    """
    return sum(
        math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:-1])
        for layer in model.layers
        if hasattr(layer, "kernel")
    )


def check_depth(height: int, width: int, n_conv: int, kernel_size: int = 3) -> None:
    """Make sure that an image is large enough for so many convolutions.

    Parameters
    ----------
    height, width : int
        Of the image, in pixels.
    n_conv : int
        Number of convolutions, each followed by pooling.
    kernel_size : int, default=3
        Side of the filters, in pixels.

    Raises
    ------
    ValueError
        If nothing of the image would be left.
    """
    side = min(height, width)
    for depth in range(1, n_conv + 1):
        side = (side - kernel_size + 1) // _POOL
        if side < 1:
            raise ValueError(
                f"an image of {height}x{width} pixels is too small for n_conv={n_conv} with "
                f"kernel_size={kernel_size}: nothing is left after convolution {depth}; use "
                "larger images or fewer convolutions"
            )


def smallest_side(n_conv: int, kernel_size: int = 3) -> int:
    """Return the smallest side of an image, in pixels, for so many convolutions."""
    side = 1
    for _ in range(n_conv):
        side = side * _POOL + kernel_size - 1
    return side
