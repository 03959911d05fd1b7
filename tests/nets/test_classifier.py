import copy
import logging
import os
import pickle
import random
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_score

from skcomic import ConvNetClassifier
from skcomic.nets.backend import import_keras

keras = import_keras()


@pytest.fixture(scope="module")
def fitted(stripes, small_net) -> ConvNetClassifier:
    return small_net().fit(*stripes)


def test_learns(fitted: ConvNetClassifier, stripes) -> None:
    rows, labels = stripes
    assert fitted.score(rows, labels) > 0.95
    assert fitted.classes_.tolist() == ["across", "down"]
    probabilities = fitted.predict_proba(rows)
    assert probabilities.shape == (60, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    # The second column is the second class: no swapped labels.
    assert probabilities[labels == "down", 1].mean() > 0.8
    assert roc_auc_score(labels, probabilities[:, 1]) > 0.95


def test_tells_of_its_training(fitted: ConvNetClassifier) -> None:
    assert set(fitted.history_) == {"loss", "precision", "recall"}
    assert len(fitted.history_["loss"]) == 12
    assert set(fitted.training_time_) == {"cpu_seconds", "wall_seconds"}
    assert 0 < fitted.training_time_["wall_seconds"] < 120
    assert fitted.training_time_["cpu_seconds"] > 0
    one_image = 8 * 8 * 4 + 6 * 6 * 9 * 4 * 4 + 3 * 3 * 4
    assert fitted.multiply_adds_ == one_image * 60 * 12
    assert fitted.n_parameters_ == (4 + 4) + (9 * 4 * 4 + 4) + (36 + 1)
    assert fitted.n_features_in_ == 64


def test_time_does_not_count_other_processes_or_waiting(stripes, small_net) -> None:
    class Nap(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            time.sleep(0.75)

    net = small_net(epochs=4, callbacks=[Nap()]).fit(*stripes)
    waiting = net.training_time_["wall_seconds"] - net.training_time_["cpu_seconds"]
    assert waiting > 1.0


def test_is_a_classifier_whose_folds_are_stratified(stripes, small_net) -> None:
    rows, labels = stripes
    assert is_classifier(small_net())
    # Sorted by class, unstratified and unshuffled folds of two would hold one class each.
    order = np.argsort(labels)
    scores = cross_val_score(small_net(), rows[order], labels[order], cv=2, scoring="roc_auc")
    assert scores.min() > 0.9


@pytest.mark.parametrize(
    "encode",
    [
        lambda down: pd.Series(np.where(down, "down", "across"), dtype="category"),
        lambda down: down.astype(float),
        lambda down: np.where(down, "down", "across").tolist(),
    ],
)
def test_any_kind_of_labels(stripes, encode, small_net) -> None:
    rows, labels = stripes
    target = encode(labels == "down")
    net = small_net().fit(rows, target)
    predicted = net.predict(rows)
    assert set(np.unique(predicted)) <= set(np.unique(np.asarray(target)))
    assert net.score(rows, target) > 0.95


def test_more_than_two_classes(stripes, small_net) -> None:
    rows, labels = stripes
    three = labels.astype(object).copy()
    rows = rows.copy()
    rows[:20], three[:20] = 0.9, "white"
    net = small_net(epochs=25, first_units=8, filters=8).fit(rows, three)
    probabilities = net.predict_proba(rows[:3])
    assert probabilities.shape == (3, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert net.score(rows, three) > 0.9
    assert net.history_["precision"][-1] > 0.8


def test_one_image_alone(fitted: ConvNetClassifier, stripes) -> None:
    rows, labels = stripes
    assert fitted.predict_proba(rows[:1]).shape == (1, 2)
    assert fitted.predict(rows[:1]).shape == (1,)
    assert fitted.score(rows[:1], labels[:1]) in (0.0, 1.0)
    assert fitted.score(rows[:1], ["a label longer than any at fit time"]) == 0.0


def test_batches_of_any_length_give_the_same(fitted: ConvNetClassifier, stripes) -> None:
    rows = np.tile(stripes[0], (5, 1))[:299]
    whole = fitted.predict_proba(rows)
    parts = np.vstack([fitted.predict_proba(rows[i : i + 37]) for i in range(0, 299, 37)])
    np.testing.assert_allclose(whole, parts, atol=1e-6)


@pytest.mark.parametrize(
    "parameters",
    [
        {}, {"pooling": "average", "n_conv": 2}, {"precision": "mixed_bfloat16"},
        {"first_units": 32, "filters": 64},
    ],
    ids=str,
)  # fmt: skip
def test_a_row_does_not_depend_on_the_others(parameters: dict, small_net) -> None:
    """To the last bit: whatever the order and length of the batches."""
    random = np.random.default_rng(0)
    rows = random.random((67, 400), dtype=np.float32)
    for n_classes in (2, 5):
        net = small_net(epochs=2, **parameters).fit(rows, np.arange(67) % n_classes)
        whole = net.predict_proba(rows)
        order = random.permutation(67)
        np.testing.assert_array_equal(net.predict_proba(rows[order]), whole[order])
        for length in (1, 2, 3, 31, 33):
            starts = range(0, 67, length)[-8:]
            parts = [net.predict_proba(rows[start : start + length]) for start in starts]
            np.testing.assert_array_equal(np.vstack(parts), whole[starts[0] :])
        expected = np.asarray(net.model_(rows))
        # Keras' own batch goes through other kernels; bfloat16 has eight bits.
        atol = 1e-4 if net.precision_ == "mixed_bfloat16" else 2e-6
        np.testing.assert_allclose(whole[:, -expected.shape[1] :], expected, atol=atol)


def test_one_class_is_refused(stripes, small_net) -> None:
    rows, labels = stripes
    with pytest.raises(ValueError, match="all labels are of one class, 'across'"):
        small_net().fit(rows[labels == "across"], labels[labels == "across"])


def test_misspelt_parameters_are_refused() -> None:
    with pytest.raises(TypeError, match="first_unit"):
        ConvNetClassifier(first_unit=8)
    for name in ("first_unit", "optimizer__learning_rate", "fit__epochs"):
        with pytest.raises(ValueError, match="Invalid parameter"):
            ConvNetClassifier().set_params(**{name: 1})


def test_parameters_are_those_of_the_constructor(small_net) -> None:
    net = small_net(pooling="average")
    assert set(net.get_params()) == {
        "first_units", "pooling", "n_conv", "filters", "kernel_size", "image_shape", "epochs",
        "batch_size", "learning_rate", "precision", "class_weight", "warm_start", "early_stopping",
        "validation_fraction", "n_iter_no_change", "max_seconds", "checkpoint_dir", "callbacks",
        "verbose", "random_state",
    }  # fmt: skip
    assert clone(net).get_params() == net.get_params()
    assert "pooling='average'" in repr(net)


def test_sample_weight_counts_and_is_left_alone(stripes, small_net) -> None:
    rows, labels = stripes
    weight = np.where(labels == "down", 1e-6, 1.0)
    before = weight.copy()
    net = small_net(class_weight={"across": 1.0, "down": 1.0}).fit(rows, labels, weight)
    np.testing.assert_array_equal(weight, before)
    assert (net.predict(rows) == "across").mean() > 0.9


@pytest.mark.parametrize("seed", [np.random.RandomState(3), np.random.default_rng(3)])
def test_the_same_seed_gives_the_same_weights(stripes, seed, small_net, fingerprint) -> None:
    first = small_net(random_state=copy.deepcopy(seed), epochs=1).fit(*stripes)
    second = small_net(random_state=copy.deepcopy(seed), epochs=1).fit(*stripes)
    assert fingerprint(first) == fingerprint(second)


def test_other_seeds_and_no_seed_give_other_weights_quietly(
    stripes,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    small_net,
    fingerprint,
) -> None:
    # TensorFlow warns of the graphs of five or more fits in one process, unless told not to.
    logger = logging.getLogger("tensorflow")
    monkeypatch.setattr(logger, "handlers", [caplog.handler])
    seeds = [0, 1, np.random.RandomState(0), np.random.RandomState(1), None, None]
    fits = [
        fingerprint(small_net(random_state=seed, epochs=1, batch_size=60).fit(*stripes))
        for seed in seeds
    ]
    assert all(a != b for i, a in enumerate(fits) for b in fits[:i])
    assert caplog.records == []
    assert logger.filters == []


def test_random_states_of_the_caller_are_left_alone(stripes, small_net) -> None:
    import tensorflow as tf

    for seed in (0, None):
        states = random.getstate(), np.random.get_state()[1].tobytes()  # noqa: NPY002
        tf.random.set_seed(7)
        expected = tf.random.uniform((3,)).numpy().tolist()
        tf.random.set_seed(7)
        small_net(random_state=seed, epochs=1).fit(*stripes)
        assert (random.getstate(), np.random.get_state()[1].tobytes()) == states  # noqa: NPY002
        assert tf.random.uniform((3,)).numpy().tolist() == expected


def test_pickled_nets_predict_the_same(fitted: ConvNetClassifier, stripes) -> None:
    rows, _ = stripes
    copied = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copied.predict_proba(rows), fitted.predict_proba(rows))
    assert copied.training_time_ == fitted.training_time_


def test_callbacks_are_called_and_survive_clone(stripes, small_net) -> None:
    class Log(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.epochs = []

        def on_epoch_end(self, epoch, logs=None):
            self.epochs.append(epoch)

    net = clone(small_net(epochs=3, callbacks=[Log()])).fit(*stripes)
    assert net.callbacks[0].epochs == [0, 1, 2]


def test_image_too_small_is_said_before_training(stripes, small_net) -> None:
    rows, labels = stripes
    with pytest.raises(ValueError, match="too small for n_conv=2"):
        small_net(n_conv=2).fit(rows, labels)


@pytest.mark.slow
def test_tensorflow_is_imported_quietly_but_not_deaf() -> None:
    program = """
import os, sys
class Speak:
    def find_spec(self, name, path=None, target=None):
        if name == "keras":
            os.write(2, b"something that matters\\n")
sys.meta_path.insert(0, Speak())
from skcomic.nets.backend import import_keras
import_keras()
"""
    program += """
import numpy as np
from skcomic import ConvNetClassifier
rows = np.zeros((4, 64), np.float32)
for precision in ("auto", "float32"):
    net = ConvNetClassifier(epochs=1, precision=precision, filters=2, first_units=2)
    net.fit(rows, [0, 1, 0, 1]).predict(rows)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert set(result.stderr.splitlines()) == {b"something that matters"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after", "environment"),
    [
        ("import os; os.close(2)", "", {}),
        # Without a temporary folder; then threads can be set, processes forked, and operations
        # made deterministic.
        ("import scipy.stats, tempfile; tempfile.tempdir = '/nowhere'",
         "tensorflow.config.threading.set_intra_op_parallelism_threads(1)\n"
         "import os\npid = os.fork()\nif not pid:\n    "
         "os._exit(int(tensorflow.random.uniform((), seed=1) * 0))\n"
         "assert os.waitpid(pid, 0)[1] == 0\n"
         "assert tensorflow.random.uniform((), seed=1) is not None",
         {"TF_DETERMINISTIC_OPS": "1"}),
        ("import tensorflow; tensorflow.random.uniform(())", "", {"OMP_NUM_THREADS": "1"}),
    ],
    ids=["stderr closed", "before", "after"],
)  # fmt: skip
def test_importing_has_no_effect_that_tensorflow_would_not_have(
    before: str, after: str, environment: dict[str, str]
) -> None:
    program = f"{before}\nimport skcomic.nets.convnet\nimport tensorflow\n{after}\nprint('done')"
    result = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | environment, stdout=subprocess.PIPE,
        text=True, check=True, timeout=100,
    )  # fmt: skip
    assert result.stdout == "done\n"


def test_another_backend_of_keras_is_refused_in_a_sentence() -> None:
    program = """
import sys, types
sys.modules["keras"] = keras = types.ModuleType("keras")
keras.config = types.SimpleNamespace(backend=lambda: "jax")
from skcomic import ConvNetClassifier
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "ImportError: the networks of skcomic need Keras' backend 'tensorflow', but Keras is set "
        "to 'jax'; unset KERAS_BACKEND, or set it to tensorflow before Python is started"
    )


def test_rows_of_unread_images_are_refused(fitted: ConvNetClassifier, stripes, small_net) -> None:
    rows, labels = stripes
    rows = rows.copy()
    rows[3] = np.nan
    for ask in (
        lambda: small_net().fit(rows, labels),
        lambda: small_net().partial_fit(rows, labels, classes=["across", "down"]),
        lambda: fitted.predict(rows),
        lambda: fitted.predict_proba(rows),
        lambda: fitted.score(rows, labels),
    ):
        with pytest.raises(ValueError, match=r'contains NaN.*ImageVectorizer\(on_error="nan"\)'):
            ask()
    keep = ~np.isnan(rows).any(axis=1)  # as the message says
    assert fitted.predict(rows[keep]).shape == (59,)
    rows[3] = np.inf
    with pytest.raises(ValueError, match="contains infinity"):
        fitted.predict(rows)
