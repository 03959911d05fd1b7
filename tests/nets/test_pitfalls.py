"""What goes wrong with plain scikeras goes right here: each test is run on both."""

import subprocess
import sys
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import is_classifier
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.model_selection import StratifiedKFold, check_cv

from skcomic import ConvNetClassifier, build_convnet
from skcomic.nets.backend import import_keras, import_tensorflow

keras = import_keras()
from scikeras.wrappers import KerasClassifier  # noqa: E402

SETTINGS = {"epochs": 4, "batch_size": 20, "verbose": 0}


def skcomic_net(**parameters) -> ConvNetClassifier:
    return ConvNetClassifier(first_units=4, filters=4, **SETTINGS | parameters)


def scikeras_net(**parameters) -> KerasClassifier:
    def build(meta):
        return build_convnet(meta, first_units=4, filters=4)

    settings = {"loss": "binary_crossentropy", "optimizer": "adam"}
    return KerasClassifier(build, **settings | SETTINGS | parameters)


class Fitted:
    """A way of making nets, and one that is fitted already."""

    def __init__(self, make: Callable, stripes: tuple) -> None:
        self.make = make
        self.rows, self.labels = stripes
        self.net = make(random_state=0).fit(*stripes)


@pytest.fixture(scope="module")
def ours(stripes) -> Fitted:
    return Fitted(skcomic_net, stripes)


@pytest.fixture(scope="module")
def plain(stripes) -> Fitted:
    # Else all but the first fit would fail: see the last test.
    import_tensorflow().random.uniform(())
    return Fitted(scikeras_net, stripes)


def integer_folds_are_stratified(nets: Fitted) -> None:
    assert is_classifier(nets.net)
    folds = check_cv(2, nets.labels, classifier=is_classifier(nets.net))
    assert isinstance(folds, StratifiedKFold)


def one_sample_has_a_row_of_probabilities(nets: Fitted) -> None:
    assert nets.net.predict_proba(nets.rows[:1]).shape == (1, 2)


def labels_are_of_any_type(nets: Fitted) -> None:
    down = nets.labels == "down"
    words = np.where(down, "down", "across")
    text = pd.Series(words, dtype="string")
    for labels in (words[:, np.newaxis], words, words.astype(object), text, down, down + 5):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataConversionWarning)  # of the column
            net = nets.make(epochs=1).fit(nets.rows, labels)
        known = np.unique(np.asarray(labels))
        assert net.classes_.dtype == known.dtype
        assert net.classes_.tolist() == known.tolist()
        assert set(net.predict(nets.rows)) <= set(known)
        net.score(nets.rows, labels)


def longer_labels_are_merely_wrong(nets: Fitted) -> None:
    assert nets.net.score(nets.rows[:2], ["none of the classes", "down"]) in (0.0, 0.5)


def sample_weight_is_left_alone(nets: Fitted) -> None:
    weight = np.ones(len(nets.rows))
    net = nets.make(class_weight={"across": 2.0, "down": 1.0}, epochs=1)
    net.fit(nets.rows, nets.labels, sample_weight=weight)
    assert (weight == 1).all()


def random_states_differ(nets: Fitted) -> None:
    first, second = (
        nets.make(random_state=np.random.RandomState(seed), epochs=1).fit(nets.rows, nets.labels)
        for seed in (1, 2)
    )
    assert not np.array_equal(first.predict_proba(nets.rows), second.predict_proba(nets.rows))


def numpy_ints_are_seeds(nets: Fitted) -> None:
    nets.make(random_state=np.int64(3), epochs=1).fit(nets.rows, nets.labels)


def generators_are_seeds(nets: Fitted) -> None:
    nets.make(random_state=np.random.default_rng(3), epochs=1).fit(nets.rows, nets.labels)


def all_methods_require_a_fitted_net(nets: Fitted) -> None:
    for ask in (
        lambda net: net.predict(nets.rows),
        lambda net: net.predict_proba(nets.rows),
        lambda net: net.score(nets.rows, nets.labels),
    ):
        with pytest.raises(NotFittedError):
            ask(nets.make())


def double_precision_is_accepted(nets: Fitted) -> None:
    nets.net.predict(nets.rows.astype(np.float64))


def columns_are_known_by_name(nets: Fitted) -> None:
    table = pd.DataFrame(nets.rows).add_prefix("pixel_")
    net = nets.make(epochs=1).fit(table, nets.labels)
    assert list(net.feature_names_in_) == list(table.columns)
    with pytest.raises(ValueError, match="feature names should match"):
        net.predict(table[table.columns[::-1]])


def sparse_rows_are_refused(nets: Fitted) -> None:
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        nets.make().fit(csr_matrix(nets.rows), nets.labels)


def misspelt_parameters_are_refused(nets: Fitted) -> None:
    with pytest.raises(TypeError, match="did you mean 'batch_size'"):
        nets.make(batchsize=10)
    with pytest.raises(ValueError, match="did you mean 'epochs'"):
        nets.make().set_params(epoch=1)


def parameters_of_a_made_optimizer_are_not_ignored(nets: Fitted) -> None:
    with pytest.raises(ValueError, match="did you mean 'learning_rate'"):
        nets.make().set_params(optimizer__learning_rate=0.1)


Failed = pytest.fail.Exception
SEED_TYPES = "The only supported seed types are"

# What plain scikeras raises instead: the kind and what it says.
PITFALLS = {
    integer_folds_are_stratified: (AssertionError, "False = is_classifier"),
    one_sample_has_a_row_of_probabilities: (AssertionError, r"\(2,\) == \(1, 2\)"),
    labels_are_of_any_type: (TypeError, "unhashable type: 'numpy.ndarray'"),
    longer_labels_are_merely_wrong: (ValueError, "casting from <U19 to <U6 is not safe"),
    sample_weight_is_left_alone: (AssertionError, "where .*False_? = <built-in method all of"),
    random_states_differ: (AssertionError, "not True"),
    numpy_ints_are_seeds: (TypeError, SEED_TYPES),
    generators_are_seeds: (TypeError, SEED_TYPES),
    all_methods_require_a_fitted_net: (AttributeError, "no attribute 'y_dtype_'"),
    double_precision_is_accepted: (ValueError, "casting from float64 to float32 is not safe"),
    columns_are_known_by_name: (AttributeError, "no attribute 'feature_names_in_'"),
    sparse_rows_are_refused: (Failed, "DID NOT RAISE .*TypeError"),
    misspelt_parameters_are_refused: (Failed, "DID NOT RAISE .*TypeError"),
    parameters_of_a_made_optimizer_are_not_ignored: (Failed, "DID NOT RAISE .*ValueError"),
}


@pytest.mark.parametrize("pitfall", PITFALLS, ids=lambda pitfall: pitfall.__name__)
def test_here(pitfall, ours: Fitted) -> None:
    pitfall(ours)


@pytest.mark.slow
@pytest.mark.parametrize("pitfall", PITFALLS, ids=lambda pitfall: pitfall.__name__)
@pytest.mark.filterwarnings("ignore")
def test_plain_scikeras_falls_in(pitfall, plain: Fitted) -> None:
    kind, message = PITFALLS[pitfall]
    with pytest.raises(kind, match=message):
        pitfall(plain)


@pytest.mark.slow
def test_plain_scikeras_fails_at_the_first_unseeded_fit_after_a_seeded_one() -> None:
    program = """
import keras
import numpy as np
from scikeras.wrappers import KerasClassifier

def build(meta):
    drop = keras.layers.Dropout(0.5)
    return keras.Sequential([keras.Input((16,)), drop, keras.layers.Dense(1, "sigmoid")])

rows, labels = np.random.default_rng(0).random((20, 16)), np.arange(20) % 2
for seed in (0, None):
    KerasClassifier(build, loss="binary_crossentropy", random_state=seed).fit(rows, labels)
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.returncode != 0
    assert "determinism" in result.stderr
