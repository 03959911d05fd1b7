"""How training is steered: weights, warm starts, minibatches, early stopping, callbacks."""

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.utils import compute_sample_weight

from skcomic import BalancedRandomizedSearchCV, make_comic_pipeline
from skcomic.nets.backend import has_fast_bfloat16, import_keras
from skcomic.nets.holdout import hold_out
from skcomic.nets.training import shuffled_batches

keras = import_keras()


@pytest.fixture(scope="module")
def uneven(stripes) -> tuple[np.ndarray, np.ndarray]:
    """Five times as many stripes across as down."""
    rows, labels = stripes
    kept = np.sort(np.r_[np.flatnonzero(labels == "across"), np.flatnonzero(labels == "down")[:6]])
    return rows[kept], labels[kept]


# Weights


def test_class_weight_is_sample_weight_of_the_class(uneven, small_net, fingerprint) -> None:
    rows, labels = uneven
    balanced = small_net(class_weight="balanced").fit(rows, labels)
    by_dict = small_net(class_weight={"across": 36 / 60, "down": 36 / 12}).fit(rows, labels)
    by_sample = small_net().fit(rows, labels, compute_sample_weight("balanced", labels))
    unweighted = small_net().fit(rows, labels)
    assert fingerprint(balanced) == fingerprint(by_dict) == fingerprint(by_sample)
    assert fingerprint(balanced) != fingerprint(unweighted)
    down = labels == "down"
    assert (
        balanced.predict_proba(rows[down])[:, 1].mean()
        > unweighted.predict_proba(rows[down])[:, 1].mean()
    )


def test_class_weight_of_no_class_is_refused(uneven, small_net) -> None:
    with pytest.raises(ValueError, match="down"):
        small_net(class_weight={"across": 1.0, "dwon": 2.0}).fit(*uneven)


def test_weight_zero_is_not_there(uneven, small_net, fingerprint) -> None:
    rows, labels = uneven
    weight = np.tile([1.0, 0.0, 2.0], 12)
    kept = weight > 0
    with_zeros = small_net().fit(rows, labels, weight)
    without = small_net().fit(rows[kept], labels[kept], weight[kept])
    assert fingerprint(with_zeros) == fingerprint(without)
    for bad, reason in ((np.zeros(36), "zero"), (-weight, "[Nn]egative")):
        with pytest.raises(ValueError, match=reason):
            small_net().fit(rows, labels, bad)


# In several goes


def test_warm_start_goes_on(stripes, small_net, fingerprint) -> None:
    rows, labels = stripes
    net = small_net(warm_start=True, epochs=2).fit(rows, labels)
    first, cost = fingerprint(net), net.multiply_adds_
    loss = log_loss(labels, net.predict_proba(rows))
    net.set_params(epochs=3).fit(rows, labels)
    assert net.n_iter_ == 5
    assert len(net.history_["loss"]) == 5
    assert net.multiply_adds_ == cost * 5 / 2
    assert log_loss(labels, net.predict_proba(rows)) < loss
    # Another learning rate counts from now on: with this one nothing moves any more.
    before = fingerprint(net)
    assert fingerprint(net.set_params(epochs=1, learning_rate=1e-30).fit(rows, labels)) == before
    with pytest.raises(ValueError, match="another first_units than the network was built with"):
        net.set_params(first_units=8).fit(rows, labels)
    with pytest.raises(ValueError, match=r"labels \['bent'\] are none of the classes"):
        net.set_params(first_units=4).fit(rows[:1], ["bent"])
    cold = net.set_params(warm_start=False, epochs=2, learning_rate=0.02).fit(rows, labels)
    assert cold.n_iter_ == 2
    assert fingerprint(cold) == first


def test_partial_fit_learns_from_minibatches(stripes, small_net) -> None:
    rows, labels = stripes
    net = small_net(batch_size=15)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        net.partial_fit(rows[:15], labels[:15])
    across = labels == "across"
    assert net.partial_fit(rows[across][:15], labels[across][:15], ["down", "across"]) is net
    assert net.classes_.tolist() == ["across", "down"]
    net = pickle.loads(pickle.dumps(net))  # training goes on after a break
    for _ in range(6):
        for start in range(0, 60, 15):
            net.partial_fit(rows[start : start + 15], labels[start : start + 15])
    assert net.n_iter_ == 25
    assert net.score(rows, labels) > 0.95
    with pytest.raises(ValueError, match="are not those of the first call"):
        net.partial_fit(rows, labels, classes=["across", "bent"])
    with pytest.raises(ValueError, match=r"labels \['bent'\] are none of the classes"):
        net.partial_fit(rows[:1], ["bent"])
    with pytest.raises(ValueError, match="expecting 64 features"):
        net.partial_fit(rows[:, :16], labels)


def test_partial_fit_refuses_what_wants_all_images(stripes, small_net) -> None:
    for wish in ({"class_weight": "balanced"}, {"early_stopping": True}):
        with pytest.raises(ValueError, match=next(iter(wish))):
            small_net(**wish).partial_fit(*stripes, classes=["across", "down"])


def test_every_image_is_seen_once_in_each_epoch_in_another_order() -> None:
    rows = np.arange(23, dtype=np.float32)[:, np.newaxis]
    batches = shuffled_batches((rows, rows * 2, rows[:, 0] * 3), batch_size=5, seed=0)
    orders = []
    epoch = [batch for batch, _ in zip(batches, range(15), strict=False)]
    for start in (0, 5, 10):
        parts = [np.concatenate(part) for part in zip(*epoch[start : start + 5], strict=True)]
        assert sorted(parts[0][:, 0]) == list(range(23))
        np.testing.assert_array_equal(parts[0] * 2, parts[1])
        np.testing.assert_array_equal(parts[0][:, 0] * 3, parts[2])
        orders.append(tuple(parts[0][:, 0]))
    assert len(set(orders)) == 3
    again = next(iter(shuffled_batches((rows,), batch_size=23, seed=0)))[0]
    assert tuple(again.numpy()[:, 0]) == orders[0]


# Early stopping


def test_early_stopping_waits_and_keeps_the_best_weights(stripes, small_net) -> None:
    rows, labels = stripes
    # A step so large that the loss on the images held out soon only gets worse.
    wishes = {"early_stopping": True, "validation_fraction": 0.3, "n_iter_no_change": 3}
    net = small_net(epochs=40, learning_rate=0.6, **wishes).fit(rows, labels)
    val_loss = net.history_["val_loss"]
    assert net.n_iter_ == len(val_loss) == np.argmin(val_loss) + 1 + 3 < 40
    held_out = hold_out(labels, None, 0.3, 0)
    assert held_out.sum() == 18
    assert (labels[held_out] == "down").sum() == 9
    np.testing.assert_allclose(
        log_loss(labels[held_out], net.predict_proba(rows[held_out])), min(val_loss), rtol=1e-4
    )
    per_image = net.multiply_adds_ / net.n_iter_
    assert per_image == small_net(epochs=1).fit(rows[:42], labels[:42]).multiply_adds_


def test_best_weights_are_kept_where_no_epoch_is_left_to_wait(stripes, small_net) -> None:
    rows, labels = stripes
    wishes = {"early_stopping": True, "validation_fraction": 0.3, "n_iter_no_change": 6}
    net = small_net(epochs=4, learning_rate=0.6, **wishes).fit(rows, labels)
    held_out = hold_out(labels, None, 0.3, 0)
    assert net.n_iter_ == 4
    assert np.argmin(net.history_["val_loss"]) < 3  # or this test shows nothing
    np.testing.assert_allclose(
        log_loss(labels[held_out], net.predict_proba(rows[held_out])),
        min(net.history_["val_loss"]),
        rtol=1e-4,
    )


def test_groups_are_not_parted_by_the_hold_out(stripes, small_net) -> None:
    rows, labels = stripes
    groups = np.empty(60, dtype=object)
    for label in ("across", "down"):  # pairs of one image of each class
        groups[labels == label] = [f"pair {i}" for i in range(30)]
    held_out = hold_out(labels, groups, 0.2, 0)
    assert not set(groups[held_out]) & set(groups[~held_out])
    assert held_out.sum() == 12
    assert (labels[held_out] == "down").sum() == 6
    with pytest.raises(ValueError, match="too few images or groups"):
        small_net(early_stopping=True).fit(rows, labels, groups=labels)
    with pytest.raises(ValueError, match=r"too few images or groups .* early_stopping=False"):
        small_net(early_stopping=True).fit(rows[:9], labels[:9])
    # With so few groups as to be unequal, the number of images trained on tells that `fit` asks.
    few = np.where(np.arange(60) < 45, np.arange(60) // 15, 3)
    net = small_net(epochs=1, early_stopping=True, validation_fraction=0.25)
    one_image = small_net(epochs=1).fit(rows[:45], labels[:45]).multiply_adds_ / 45
    assert net.fit(rows, labels, groups=few).multiply_adds_ == one_image * 45


def test_hold_out_changes_with_the_seed_alone(stripes) -> None:
    _, labels = stripes
    for groups in (None, np.arange(60) // 2):
        first, again, other = (hold_out(labels, groups, 0.2, seed) for seed in (0, 0, 1))
        np.testing.assert_array_equal(first, again)
        assert (first != other).any()


# Speed


@pytest.mark.slow
def test_several_batches_at_once_give_the_same_weights(
    stripes, monkeypatch: pytest.MonkeyPatch, small_net, fingerprint
) -> None:
    log = StepsLog()
    together = small_net(epochs=4, batch_size=5, callbacks=[log]).fit(*stripes)
    assert log.steps == 12  # all of an epoch
    watch = BatchLog()
    one_by_one = small_net(epochs=4, batch_size=5, callbacks=[watch, log]).fit(*stripes)
    assert watch.batches == [*range(12)] * 4
    assert log.steps == 1
    assert fingerprint(one_by_one) == fingerprint(together)
    assert one_by_one.history_ == together.history_
    for most, steps in ((7, 6), (4, 4)):  # as many as share the epoch equally
        monkeypatch.setattr("skcomic.nets.training._MAX_STEPS", most)
        net = small_net(epochs=4, batch_size=5, callbacks=[log]).fit(*stripes)
        assert log.steps == steps
        assert fingerprint(net) == fingerprint(together)
    small_net(epochs=3, batch_size=5, callbacks=[log]).fit(*stripes)
    assert log.steps == 1  # not worth compiling a loop


def test_precision(stripes, monkeypatch: pytest.MonkeyPatch, small_net, fingerprint) -> None:
    rows, labels = stripes
    single = small_net().fit(rows, labels)
    mixed = small_net(precision="mixed_bfloat16").fit(rows, labels)
    for net, computed_in in ((single, "float32"), (mixed, "bfloat16")):
        layers = net.model_.layers
        assert {layer.compute_dtype for layer in layers if layer.weights} == {
            computed_in, "float32",
        }  # fmt: skip
        assert {str(weight.dtype) for weight in net.model_.weights} == {"float32"}
        assert net.predict_proba(rows).dtype == np.float32
        assert net.score(rows, labels) > 0.95
    difference = np.abs(mixed.predict_proba(rows) - single.predict_proba(rows)).max()
    assert 0 < difference < 0.1
    for fast, same in ((True, mixed), (False, single)):
        monkeypatch.setattr("skcomic.nets.base.has_fast_bfloat16", lambda fast=fast: fast)
        auto = small_net(precision="auto").fit(rows, labels)
        assert auto.precision_ == same.precision_
        assert fingerprint(auto) == fingerprint(same)
    mixed.set_params(warm_start=True, precision="float32")
    with pytest.raises(ValueError, match="another precision than the network was built with"):
        mixed.fit(rows, labels)
    flags = Path("/proc/cpuinfo").read_text()
    assert has_fast_bfloat16() == ("amx_bf16" in flags or "avx512_bf16" in flags)


def test_predicting_compiles_once_whatever_the_length(stripes, small_net) -> None:
    rows, labels = stripes
    net = small_net(epochs=1).fit(rows, labels)
    traced = []
    first = net.model_.layers[0]
    call = first.call
    first.call = lambda *args, **kwargs: (
        traced.append(tf.executing_eagerly()) or call(*args, **kwargs)
    )
    for length in (1, 7, 59, 60, 129):
        assert len(net.predict(np.resize(rows, (length, 64)))) == length
    assert traced == [False]  # one graph, and no batch without it


# Callbacks


class StepsLog(keras.callbacks.Callback):
    """How many batches TensorFlow trains at once; needs no method for batches."""

    def on_train_begin(self, logs=None) -> None:
        self.steps = self.model.steps_per_execution


class BatchLog(keras.callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        self.batches.append(batch)


class Log(keras.callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[int] = []

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        self.epochs.append(epoch)
        self.model.stop_training = epoch == 1


def test_keras_callbacks_survive_clone_pickle_and_search(stripes, small_net) -> None:
    net = small_net(epochs=9, callbacks=[Log()]).fit(*stripes)
    assert net.callbacks[0].epochs == [0, 1]
    assert net.n_iter_ == 2
    pickled = pickle.loads(pickle.dumps(net))
    for copied in (clone(net), pickled, clone(pickled)):
        assert copied.callbacks[0].epochs == [0, 1]
        assert copied.callbacks[0] is not net.callbacks[0]
    split = [(np.arange(40), np.arange(40, 60))]
    search = GridSearchCV(clone(net), {"learning_rate": [0.01]}, cv=split, error_score="raise")
    assert search.fit(*stripes).best_estimator_.callbacks[0].epochs == [0, 1, 0, 1]


def test_scikit_learn_callbacks_are_told_of_epochs(faces: pd.DataFrame, capsys) -> None:
    callback = pytest.importorskip("sklearn.callback")  # scikit-learn 1.9

    class StopAtSecondEpoch:
        max_propagation_depth = None

        def __init__(self) -> None:
            self.n_epochs = 0

        def setup(self, estimator, context) -> None:
            self.n_epochs = 0

        def teardown(self, estimator, context) -> None:
            pass

        def on_fit_task_begin(self, estimator, context, **_) -> None:
            self.n_epochs += context.task_name == "epoch"

        def on_fit_task_end(self, estimator, context, **_) -> bool:
            return context.task_name == "epoch" and self.n_epochs == 2

    pipeline = make_comic_pipeline(
        vectorize__size=16, classify__first_units=2, classify__filters=2, classify__epochs=5
    )
    net = clone(pipeline["classify"]).set_callbacks(StopAtSecondEpoch())
    assert net.fit(pipeline["vectorize"].transform(faces.path), faces.label).n_iter_ == 2
    search = BalancedRandomizedSearchCV(
        pipeline, {"classify__pooling": ["max", "average"]}, n_iter=2, cv=2, n_jobs=1
    )
    # A warning for each fit would fail here: the tests take warnings for errors.
    search.set_callbacks(callback.ProgressBar()).fit(faces.path, faces.label)
    assert "BalancedRandomizedSearchCV" in capsys.readouterr().out
