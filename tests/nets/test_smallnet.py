"""The small net: what differs from the report's net, which the other modules test."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skcomic import SmallNetClassifier, count_multiply_adds, load, save
from skcomic.features.whitening import whitening_filters
from skcomic.nets import callbacks, sharing
from skcomic.nets.backend import import_keras
from skcomic.nets.training import shuffled_batches

keras = import_keras()


def tiny(**parameters: Any) -> SmallNetClassifier:
    """Learns `stripes`."""
    settings = {"first_pool": 1, "n_conv": 1, "filters": 8, "epochs": 6, "batch_size": 10}
    return SmallNetClassifier(**settings | {"random_state": 0} | parameters)


def weights_of(net: SmallNetClassifier) -> list[np.ndarray]:
    return net.model_.get_weights()


def equal(some: list[np.ndarray], others: list[np.ndarray]) -> bool:
    return all(map(np.array_equal, some, others))


class Stop(keras.callbacks.Callback):
    """Ends a training with an error, as a user's own callback may."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == self.epoch:
            raise ZeroDivisionError


def test_learns_and_reports_its_cost(stripes) -> None:
    rows, labels = stripes
    net = tiny().fit(rows, labels)
    assert net.score(rows, labels) == 1
    assert net.net_name == "small_3_1_1"
    # Whitening of 8x8 with 18 filters, 8 filters of 3x3 on as many, and 4x4 maps to one output.
    one_image = 8 * 8 * 9 * 18 + 8 * 8 * 9 * 18 * 8 + 4 * 4 * 8
    assert count_multiply_adds(net.model_) == one_image
    assert net.multiply_adds_ == one_image * 60 * 6
    assert net.n_parameters_ == (9 * 18 + 18) + 9 * 18 * 8 + 4 * 8 + (4 * 4 * 8 + 1)
    assert len(net.history_["loss"]) == net.n_iter_ == 6


def test_three_classes(stripes) -> None:
    rows, labels = stripes
    blank = np.random.default_rng(0).random((30, 64), dtype=np.float32) / 4
    rows, labels = np.concatenate([rows, blank]), np.concatenate([labels, ["none"] * 30])
    net = tiny().fit(rows, labels)
    assert net.score(rows, labels) > 0.95
    assert net.predict_proba(rows).shape == (90, 3)
    assert net.predict_proba(rows).sum(axis=1) == pytest.approx(1)


def test_the_whitening_is_that_of_the_images_and_is_not_trained(stripes) -> None:
    rows, labels = stripes
    kernel, bias = weights_of(tiny().fit(rows, labels))[:2]
    filters, offsets = whitening_filters(rows, (8, 8), 3, np.random.default_rng(0))
    assert np.array_equal(kernel[:, :, 0], np.concatenate([filters, -filters], axis=-1))
    assert np.array_equal(bias, np.concatenate([offsets, -offsets]))


def test_mirror_images_get_the_same_probabilities(stripes) -> None:
    """Images of another width than height, whose right half tells the class."""
    random = np.random.default_rng(0)
    images = random.random((60, 8, 12), dtype=np.float32) / 4
    labels = np.arange(60) % 2
    images[labels == 1, :, 7:] += 0.5
    rows, mirrored = images.reshape(60, 96), images[:, :, ::-1].reshape(60, 96)
    net = tiny(image_shape=(8, 12)).fit(rows, labels)
    assert net.predict_proba(rows) == pytest.approx(net.predict_proba(mirrored), abs=1e-6)
    other = tiny(image_shape=(8, 12), mirror=False, epochs=12).fit(rows, labels)
    assert other.score(rows, labels) == 1
    assert np.abs(other.predict_proba(rows) - other.predict_proba(mirrored)).max() > 0.5
    # A row of probabilities does not depend on the others.
    alone = [net.predict_proba(rows[[i]])[0] for i in range(5)]
    assert np.array_equal(alone, net.predict_proba(rows)[:5])


@pytest.mark.parametrize("n_seen", [0, 1, 2])
def test_every_second_epoch_is_of_mirror_images(n_seen: int) -> None:
    rows = np.arange(5 * 6, dtype=np.float32).reshape(5, 6)
    mirrored = rows.reshape(5, 2, 3)[:, :, ::-1].reshape(5, 6)
    batches = shuffled_batches(
        (rows, np.arange(5)), 2, 0, n_seen, first_epoch=n_seen, mirrored_shape=(2, 3)
    )
    orders = []
    for number, (taken, order) in enumerate(batches.take(9).as_numpy_iterator()):
        is_mirrored = (n_seen + number // 3) % 2 == 1
        assert np.array_equal(taken, (mirrored if is_mirrored else rows)[order])
        orders += order.tolist()
    assert [sorted(orders[i : i + 5]) for i in (0, 5, 10)] == [[0, 1, 2, 3, 4]] * 3


def test_the_learning_rate_goes_through_one_cycle(stripes) -> None:
    class Rates(keras.callbacks.Callback):
        seen: list[float] = []  # noqa: RUF012

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.seen.append(float(self.model.optimizer.learning_rate))

    tiny(epochs=8, callbacks=[Rates()]).fit(*stripes)
    assert Rates.seen == pytest.approx(
        [0.00325, 0.00775, *(0.01 * (15 - 2 * n) / 12 for n in range(2, 7 + 1))], rel=0.1
    )
    assert max(Rates.seen) == Rates.seen[2]


def test_each_epoch_leaves_out_other_values_which_the_seed_decides(stripes) -> None:
    class States(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            (dropout,) = (layer for layer in self.model.layers if layer.name.startswith("dropout"))
            self.seen.append(tuple(keras.ops.convert_to_numpy(dropout.seed_generator.state)))

    seen: dict[str, list[tuple[int, ...]]] = {}
    for name, seed in (("one", 1), ("other", 2), ("one again", 1)):
        States.seen = seen[name] = []
        tiny(random_state=seed, callbacks=[States()]).fit(*stripes)
    assert seen["one"] == seen["one again"]
    assert len({*seen["one"], *seen["other"]}) == 12
    weights = weights_of(tiny(dropout=0.5).fit(*stripes))
    assert not equal(weights_of(tiny(dropout=0.25).fit(*stripes)), weights)


def test_no_dropout_is_no_layer(stripes) -> None:
    kinds = [type(layer).__name__ for layer in tiny(dropout=0).fit(*stripes).model_.layers]
    assert kinds[-2:] == ["Flatten", "Dense"]


def test_a_resumed_fit_gives_the_weights_of_one_that_was_not_interrupted(
    stripes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "BACKUP_SECONDS", 0)
    whole = tiny().fit(*stripes)
    net = tiny(checkpoint_dir=tmp_path, callbacks=[Stop(3)])
    with pytest.raises(ZeroDivisionError):
        net.fit(*stripes)
    epochs = []
    count = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _: epochs.append(epoch))
    net.set_params(callbacks=[count]).fit(*stripes)
    assert epochs == [3, 4, 5]
    assert equal(weights_of(net), weights_of(whole))


def test_a_saved_net_predicts_and_is_trained_further_as_the_original(
    stripes, tmp_path: Path
) -> None:
    rows, labels = stripes
    net = tiny().fit(rows, labels)
    save(net, tmp_path / "net.skcomic")
    again = load(tmp_path / "net.skcomic")
    assert np.array_equal(again.predict_proba(rows), net.predict_proba(rows))
    for each in (net, again):
        each.partial_fit(rows, labels)
    assert equal(weights_of(again), weights_of(net))


@pytest.mark.parametrize("in_between", ["other images", "an error", "another net", "a copy"])
def test_fits_that_share_a_compiled_network_do_not_touch_each_other(
    stripes, in_between: str
) -> None:
    rows, labels = stripes
    net = tiny().fit(rows, labels)
    weights = weights_of(net)
    sharing._networks.clear()
    if in_between == "other images":
        tiny(random_state=1).fit(rows[:40] ** 2, labels[:40])
    elif in_between == "an error":
        with pytest.raises(ZeroDivisionError):
            tiny(callbacks=[Stop(2)]).fit(rows, labels)
    elif in_between == "another net":
        tiny(epochs=5, n_conv=1, filters=4).fit(rows, labels)
    else:
        tiny().fit(rows, labels).partial_fit(rows[:10], labels[:10])
    assert equal(weights_of(net), weights)
    again = tiny().fit(rows, labels)
    assert equal(weights_of(again), weights)
    assert np.array_equal(again.predict_proba(rows), net.predict_proba(rows))


def test_fits_of_one_kind_share_a_network_and_few_are_kept(stripes, monkeypatch) -> None:
    rows, labels = stripes
    sharing._networks.clear()
    monkeypatch.setattr(sharing, "_MAX_NETWORKS", 2)
    for seed in range(2):
        tiny(random_state=seed, epochs=1).fit(rows, labels)
        tiny(random_state=seed, epochs=1).fit(rows[seed:], labels[seed:])
    (network,) = sharing._networks.values()
    assert network is not tiny(epochs=1).fit(rows, labels).model_
    for filters in range(1, 4):
        tiny(filters=filters, epochs=1).fit(rows, labels)
    assert len(sharing._networks) == 2


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_conv": 4}, r"8x8 pixels is too small for n_conv=4 .* must be 16 pixels or more"),
        ({"first_pool": 5}, r"after first_pool=5: its sides must be 10 pixels"),
        ({"image_shape": (4, 4)}, r"has 16 pixels, but the rows have 64"),
        ({"dropout": 1}, "'dropout' parameter of SmallNetClassifier must be"),
        ({"mirror": "yes"}, "'mirror' parameter of SmallNetClassifier must be"),
    ],
)
def test_what_cannot_be(stripes, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny(**parameters).fit(*stripes)
