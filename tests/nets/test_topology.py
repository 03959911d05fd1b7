import numpy as np
import pytest

from skcomic import build_convnet, count_multiply_adds, net_name


def meta(n_pixels: int, n_classes: int = 2) -> dict[str, int]:
    return {"n_features_in_": n_pixels, "n_classes_": n_classes}


def layers_of(model) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


@pytest.mark.parametrize("pooling", ["average", "max"])
@pytest.mark.parametrize("n_conv", [1, 2])
def test_topology(pooling: str, n_conv: int) -> None:
    model = build_convnet(meta(16 * 16), first_units=8, pooling=pooling, n_conv=n_conv)

    pool = {"average": "AveragePooling2D", "max": "MaxPooling2D"}[pooling]
    assert layers_of(model) == ["Reshape", "Dense", *["Conv2D", pool] * n_conv, "Flatten", "Dense"]
    assert model.layers[0].target_shape == (16, 16, 1)
    assert model.layers[1].units == 8
    assert model.layers[1].activation.__name__ == "relu"
    assert model.layers[2].activation.__name__ == "relu"
    assert model.layers[-1].activation.__name__ == "sigmoid"
    assert model.output_shape == (None, 1)


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
