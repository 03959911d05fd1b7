import random

import numpy as np
import pytest

from skcomic import build_convnet, count_multiply_adds, net_name
from skcomic.nets.backend import import_keras


def meta(n_pixels: int, n_classes: int = 2) -> dict[str, int]:
    return {"n_features_in_": n_pixels, "n_classes_": n_classes}


def layers_of(model) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


@pytest.mark.parametrize("pooling", ["average", "max"])
@pytest.mark.parametrize("n_conv", [1, 2])
def test_topology(pooling: str, n_conv: int) -> None:
    model = build_convnet(meta(16 * 16), first_units=8, pooling=pooling, n_conv=n_conv)

    pool = {"average": "AveragePooling2D", "max": "MaxPooling2D"}[pooling]
    block = ["Conv2D", pool] if pooling == "average" else ["Conv2D", pool, "Activation"]
    assert layers_of(model) == ["Reshape", "Dense", *block * n_conv, "Flatten", "Dense"]
    assert model.layers[0].target_shape == (16, 16, 1)
    assert model.layers[1].units == 8
    assert model.layers[1].activation.__name__ == "relu"
    rectifies = model.layers[2] if pooling == "average" else model.layers[4]
    assert rectifies.activation.__name__ == "relu"
    assert model.layers[2].activation.__name__ == ("relu" if pooling == "average" else "linear")
    assert model.layers[-1].activation.__name__ == "sigmoid"
    assert model.output_shape == (None, 1)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("pooling", ["average", "max"])
def test_pooling_first_gives_the_same_network_bit_by_bit(pooling: str, precision: str) -> None:
    """The order of the report: convolution, ReLU, then pooling."""
    keras = import_keras()
    model = build_convnet(
        meta(18 * 18), first_units=8, pooling=pooling, n_conv=2, precision=precision
    )
    pool = {"average": keras.layers.AveragePooling2D, "max": keras.layers.MaxPooling2D}[pooling]
    convolutions = [
        layer
        for _ in range(2)
        for layer in (
            keras.layers.Conv2D(32, 3, activation="relu", dtype=precision),
            pool(2, dtype=precision),
        )
    ]
    in_order = keras.Sequential(
        [keras.Input((18 * 18,)), *model.layers[:2], *convolutions, *model.layers[-2:]]
    )
    in_order.set_weights(model.get_weights())
    rows = np.random.default_rng(0).random((7, 18 * 18), dtype=np.float32)
    np.testing.assert_array_equal(np.asarray(model(rows)), np.asarray(in_order(rows)))


def test_settings_of_keras_change_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    keras = import_keras()
    random.seed(0)  # the seeds of the first weights are drawn from there
    plain = build_convnet(meta(12 * 12), n_conv=1).get_config()
    random.seed(0)
    try:
        keras.config.set_image_data_format("channels_first")
        keras.config.set_floatx("float64")
        other = build_convnet(meta(12 * 12), n_conv=1)
    finally:
        keras.config.set_image_data_format("channels_last")
        keras.config.set_floatx("float32")
    for one, another in zip(plain["layers"], other.get_config()["layers"], strict=True):
        del one["config"]["name"], another["config"]["name"]
        assert one["config"] == another["config"]
    assert {layer.compute_dtype for layer in other.layers} == {"float32"}


def test_more_classes_have_a_softmax() -> None:
    model = build_convnet(meta(64, n_classes=3))
    assert model.output_shape == (None, 3)
    outputs = np.asarray(model(np.random.default_rng(0).random((5, 64), dtype=np.float32)))
    np.testing.assert_allclose(outputs.sum(axis=1), 1, rtol=1e-5)


def test_images_that_are_no_squares() -> None:
    model = build_convnet(meta(96), image_shape=(8, 12))
    assert model.layers[0].target_shape == (8, 12, 1)
    with pytest.raises(ValueError, match="no square image; give image_shape"):
        build_convnet(meta(96))
    with pytest.raises(ValueError, match="has 100 pixels, but the rows have 96"):
        build_convnet(meta(96), image_shape=(10, 10))


@pytest.mark.parametrize(("side", "n_conv"), [(3, 1), (9, 2), (4, 2)])
def test_too_small_for_the_depth(side: int, n_conv: int) -> None:
    with pytest.raises(ValueError, match=f"{side}x{side} pixels is too small for n_conv={n_conv}"):
        build_convnet(meta(side * side), n_conv=n_conv)
    build_convnet(meta(10 * 10), n_conv=2)
    build_convnet(meta(4 * 4), n_conv=1)


def test_multiply_adds_are_counted_from_the_layers() -> None:
    model = build_convnet(meta(16 * 16), first_units=8, n_conv=2, filters=4, kernel_size=3)
    dense = 16 * 16 * 8
    first = 14 * 14 * 3 * 3 * 8 * 4
    second = 5 * 5 * 3 * 3 * 4 * 4
    output = 2 * 2 * 4
    assert count_multiply_adds(model) == dense + first + second + output


def test_names() -> None:
    params = {"classify__first_units": 8, "classify__pooling": "average", "classify__n_conv": 2}
    assert net_name(params) == "8_average_2"
    assert net_name({"n_conv": 1, "pooling": "max", "first_units": 16}, size=32) == "16_max_1_32"
